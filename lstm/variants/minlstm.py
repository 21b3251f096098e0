"""minLSTM: two gates, which see x alone and are made to add up to 1, f / (f + i) and i / (f + i).

Both may vanish, so the quotient is taken of their logarithms.

Shapes: W (1 + D, 3H), in the order i, f, g; h (b, H).
Source: Feng et al., Were RNNs All We Needed? (2024). Their state is h; there is no c.
"""

from typing import Any

import numpy as np

from ..parallel import linear
from ..recurrent import Cell, Param, State, cell_sizes
from ..steps import Step, numpy_of, sigmoid
from .rows import blend, cut, one_and, row
from .rows import linear as product
from .stabilised import log_gate, log_sigmoid

__all__ = ["STEPS", "cell", "parallel"]

STEPS: tuple[Step, ...] = (
    one_and("w", "x"),
    product("z", "w", "W"),
    cut("z_i", "z", 0, 3),
    log_gate("l_i", "z_i"),
    cut("z_f", "z", 1, 3),
    log_gate("l_f", "z_f"),
    cut("z_g", "z", 2, 3),
    row(
        "a",
        "eq-share",
        lambda v: sigmoid(v.l_f - v.l_i),
        l_f=lambda v, da: da * v.a * (1 - v.a),
        l_i=lambda v, da: -da * v.a * (1 - v.a),
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
    D, H = cell_sizes(D, H)
    W = Param((1 + D, 3 * H), keep=((slice(0, H), -1), (slice(H, 2 * H), 1)))
    return Cell("minLSTM", STEPS, D, H, {"W": W}, {"h": State((H,))})


@np.errstate(under="ignore")  # underflow to zero is right
def parallel(X: Any, params: Any, h0: Any = None) -> Any:
    """Run the minLSTM over all steps at once.

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
    z_i, z_f, y = numpy_of(X, W).split(W[0] + X @ W[1:], 3, axis=-1)
    a = sigmoid(log_sigmoid(z_f) - log_sigmoid(z_i))
    return linear.solve(a, (1 - a) * y, h0)
