"""minGRU: one gate, which sees x alone, so that h is a linear recurrence.

h = f h_prev + (1 - f) y with f and y known beforehand: `parallel` computes all steps in about
log2(n) rounds (`lstm.parallel.linear`), and must agree with the table run step by step.

Shapes: W (1 + D, 2H), in the order f, g; h (b, H).
Source: Feng et al., Were RNNs All We Needed? (2024). Their z is 1 - f.
"""

from typing import Any

import numpy as np

from ..parallel import linear
from ..recurrent import Cell, Param, State, cell_sizes
from ..steps import Step, numpy_of, sigmoid
from .rows import blend, cut, one_and, squash
from .rows import linear as product

__all__ = ["STEPS", "cell", "parallel"]

STEPS: tuple[Step, ...] = (
    one_and("w", "x"),
    product("z", "w", "W"),
    cut("z_f", "z", 0, 2),
    squash("f"),
    cut("z_g", "z", 1, 2),
    blend("f", "z_g"),
)
"""The table."""


def cell(D: int, H: int) -> Cell:
    """The minGRU with D inputs and H units.

    Example:
        >>> cell(3, 4).params["W"].shape
        (4, 8)
    """
    D, H = cell_sizes(D, H)
    W = Param((1 + D, 2 * H), keep=((slice(0, H), 1),))
    return Cell("minGRU", STEPS, D, H, {"W": W}, {"h": State((H,))})


@np.errstate(under="ignore")  # underflow to zero is right
def parallel(X: Any, params: Any, h0: Any = None) -> Any:
    """Run the minGRU over all steps at once.

    Args:
        X: Inputs, shape (n, b, D); of NumPy or JAX, which can then differentiate it.
        params: As for `Cell.forward`.
        h0: The first state, shape (b, H); None for zeros.

    Returns:
        Array: Hout, shape (n, b, H).

    Example:
        >>> one = cell(3, 4)
        >>> X, params = np.ones((5, 2, 3)), one.init(0)
        >>> bool(np.allclose(parallel(X, params), one.forward(X, params).Hout))
        True
    """
    W = params["W"]
    z_f, y = numpy_of(X, W).split(W[0] + X @ W[1:], 2, axis=-1)
    f = sigmoid(z_f)
    return linear.solve(f, (1 - f) * y, h0)
