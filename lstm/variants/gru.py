"""The GRU, in both of its forms.

`BEFORE` resets h before it is multiplied by the candidate's matrix, as the paper does; `AFTER`
resets the product, as cuDNN does and most libraries since. Weights trained in one form are
useless in the other. The update gate is called f here, as it does what a forget gate does. Papers
differ in whether theirs is f or 1 - f.

Shapes: W (1 + D + H, 2H), gates in the order r, f; V (1 + D + H, H) before; V (1 + D, H) and
R (1 + H, H) after; h (b, H).
Source: Cho et al., EMNLP (2014).
"""

from typing import Any

from ..recurrent import Cell, Param, State, cell_sizes
from ..steps import Step, Values, glue, numpy_of
from .rows import LSTM, blend, gates, linear, one_and, row, squash

__all__ = ["AFTER", "BEFORE", "cell", "cell_after"]


def _again(v: Values) -> Any:
    return glue([numpy_of(v.q).ones_like(v.q[:, :1]), v.x, v.q])


BEFORE: tuple[Step, ...] = (
    LSTM["u"],
    LSTM["z"],
    *gates("r f"),
    row(
        "q",
        "eq-reset",
        lambda v: v.r * v.h_prev,
        r=lambda v, dq: dq * v.h_prev,
        h_prev=lambda v, dq: dq * v.r,
    ),
    row(
        "w",
        "eq-reset-input",
        _again,
        x=lambda v, dw: dw[:, 1 : 1 + v.x.shape[1]],
        q=lambda v, dw: dw[:, 1 + v.x.shape[1] :],
    ),
    linear("z_g", "w", "V"),
    squash("g"),
    blend("f", "g"),
)
"""Reset before the product."""

AFTER: tuple[Step, ...] = (
    LSTM["u"],
    LSTM["z"],
    *gates("r f"),
    one_and("w", "x"),
    linear("a", "w", "V"),
    one_and("y", "h_prev"),
    linear("p", "y", "R"),
    row(
        "z_g",
        "eq-reset-after",
        lambda v: v.a + v.r * v.p,
        a=lambda v, dz_g: dz_g,
        r=lambda v, dz_g: dz_g * v.p,
        p=lambda v, dz_g: dz_g * v.r,
    ),
    squash("g"),
    blend("f", "g"),
)
"""Reset after the product."""


def _gates(D: int, H: int) -> Param:
    return Param((1 + D + H, 2 * H), keep=((slice(H, 2 * H), 1),))


def cell(D: int, H: int) -> Cell:
    """The GRU of the paper, reset before the product, with D inputs and H units.

    Example:
        >>> [param.shape for param in cell(3, 4).params.values()]
        [(8, 8), (8, 4)]
    """
    D, H = cell_sizes(D, H)
    params = {"W": _gates(D, H), "V": Param((1 + D + H, H))}
    return Cell("GRU, reset before", BEFORE, D, H, params, {"h": State((H,))})


def cell_after(D: int, H: int) -> Cell:
    """The GRU of cuDNN, reset after the product, with D inputs and H units.

    Example:
        >>> [param.shape for param in cell_after(3, 4).params.values()]
        [(8, 8), (4, 4), (5, 4)]
    """
    D, H = cell_sizes(D, H)
    params = {"W": _gates(D, H), "V": Param((1 + D, H)), "R": Param((1 + H, H))}
    return Cell("GRU, reset after", AFTER, D, H, params, {"h": State((H,))})
