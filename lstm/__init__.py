"""The LSTM in NumPy, forward and backward, with every gradient derived and checked.

`lstm` needs only NumPy. The rest is reached by name, such as `lstm.stack` (layers),
`lstm.scan` (JAX), ``lstm.exchange`` (trading weights with other libraries) and
`lstm.gradcheck` (oracles); a module is imported when it is first asked for.

Example:
    >>> import lstm, numpy as np
    >>> WLSTM = lstm.init(input_size=10, hidden_size=4, rng=0)
    >>> X = np.random.default_rng(1).standard_normal((5, 3, 10))    # steps, batch, features
    >>> Hout, Cn, Hn, cache = lstm.forward(X, WLSTM)
    >>> grads = lstm.backward(2 * Hout, cache)                      # of (Hout ** 2).sum()
    >>> grads.dWLSTM.shape == WLSTM.shape
    True
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .fused import Cache, Forward, Gradients, Outputs, State, backward, forward, init, step

if TYPE_CHECKING:
    from .stream import Stream

__version__ = "0.2.0"

__all__ = [
    "Cache", "Forward", "Gradients", "Outputs", "State", "Stream", "backward", "forward", "init",
    "step",
]  # fmt: skip

MODULES = (
    "attention", "book", "cell", "dates", "dropout", "exchange", "gradcheck", "layout", "losses",
    "masks", "network", "parallel", "recompute", "recurrent", "reference", "scan", "stack", "steps",
    "stream", "tasks", "text", "tracking", "train", "tutor", "variants", "zoo",
)  # fmt: skip
"""What ``lstm.`` completes to and imports when it is first asked for."""


def __getattr__(name: str) -> Any:
    if name in MODULES:
        return import_module(f"{__name__}.{name}")
    if name == "Stream":
        return import_module(f"{__name__}.stream").Stream
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *MODULES, "Stream"})
