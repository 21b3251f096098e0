"""The LSTM of 1997: it has no forget gate, and its cell is a plain sum.

Shapes: W (1 + D + H, 3H), gates in the order i, o, g; c and h (b, H).
Source: Hochreiter and Schmidhuber, Neural Computation 9 (1997). Its cell squashes to other
ranges, and truncates the gradient; here only the forget gate is left out.
"""

from ..recurrent import Cell, Param, State, cell_sizes
from ..steps import Step
from .rows import LSTM, gates, row

__all__ = ["STEPS", "cell"]

STEPS: tuple[Step, ...] = (
    LSTM["u"],
    LSTM["z"],
    *gates("i o g"),
    row(
        "c",
        "eq-no-forget",
        lambda v: v.c_prev + v.i * v.g,
        c_prev=lambda v, dc: dc,
        i=LSTM["c"].backward["i"],
        g=LSTM["c"].backward["g"],
    ),
    LSTM["s"],
    LSTM["h"],
)
"""The table."""


def cell(D: int, H: int) -> Cell:
    """The LSTM without forget gate, with D inputs and H units.

    Example:
        >>> cell(3, 4).params["W"].shape
        (8, 12)
    """
    D, H = cell_sizes(D, H)
    states = {"c": State((H,)), "h": State((H,))}
    return Cell("no forget gate", STEPS, D, H, {"W": Param((1 + D + H, 3 * H))}, states)
