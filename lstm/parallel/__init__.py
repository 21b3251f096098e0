"""All steps at once: linear recurrences by scans, the LSTM by Newton's method over time.

`lstm.parallel.linear` solves s_t = A_t s_{t-1} + u_t in a tree instead of a chain. The others
reduce the LSTM to such recurrences: `newton` the forward pass, by iteration; `adjoint` the
backward pass, which is linear already; `diagonal` the forward pass of a cell whose units do not
see each other. `gradient` is the backward pass in JAX.

Example:
    >>> from lstm.parallel import linear
    >>> linear.blocked([0.5, 0.5, 0.5], [1.0, 0.0, 0.0])
    array([1.  , 0.5 , 0.25])
"""

from importlib import import_module
from typing import Any

__all__: list[str] = []

MODULES = ("adjoint", "diagonal", "gradient", "linear", "newton")
"""What ``parallel.`` completes to and imports when it is first asked for."""


def __getattr__(name: str) -> Any:
    if name in MODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *MODULES})
