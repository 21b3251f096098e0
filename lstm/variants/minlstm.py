"""minLSTM: two gates, which see x alone and are made to add up to 1.

Shapes: W (1 + D, 3H), in the order i, f, g; h (b, H).
Source: Feng et al., Were RNNs All We Needed? (2024). Their state is h; there is no c.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..recurrent import Cell, Param, State
from ..steps import Step, sigmoid
from .mingru import linear_recurrence
from .rows import blend, cut, linear, one_and, row, squash

__all__ = ["STEPS", "cell", "parallel"]

STEPS: tuple[Step, ...] = (
    one_and("w", "x"),
    linear("z", "w", "W"),
    cut("z_i", "z", 0, 3),
    squash("i"),
    cut("z_f", "z", 1, 3),
    squash("f"),
    cut("z_g", "z", 2, 3),
    row(
        "a",
        "eq-share",
        lambda v: v.f / (v.f + v.i),
        f=lambda v, da: da * v.i / (v.f + v.i) ** 2,
        i=lambda v, da: -da * v.f / (v.f + v.i) ** 2,
    ),
    blend("a", "z_g"),
)
"""The table."""


def cell(D: int, H: int) -> Cell:
    """The minLSTM with D inputs and H units.

    Example:
        >>> cell(3, 4).params["W"].shape
        (4, 12)
    """
    W = Param((1 + D, 3 * H), keep=((slice(H, 2 * H), 1),))
    return Cell("minLSTM", STEPS, D, H, {"W": W}, {"h": State((H,))})


def parallel(X: NDArray[Any], params: Any, h0: NDArray[Any] | None = None) -> NDArray[Any]:
    """Run the minLSTM over all steps at once.

    Args:
        X: Inputs, shape (n, b, D).
        params: As for `Cell.forward`.
        h0: The first state, shape (b, H); None for zeros.

    Returns:
        numpy.ndarray: Hout, shape (n, b, H).

    Example:
        >>> one = cell(3, 4)
        >>> X, params = np.ones((5, 2, 3)), one.init(0)
        >>> bool(np.allclose(parallel(X, params), one.forward(X, params).Hout))
        True
    """
    W = params["W"]
    z_i, z_f, y = np.split(W[0] + X @ W[1:], 3, axis=-1)
    i, f = sigmoid(z_i), sigmoid(z_f)
    a = f / (f + i)
    return linear_recurrence(a, (1 - a) * y, np.zeros_like(y[0]) if h0 is None else h0)
