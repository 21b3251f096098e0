"""Coupled gates: what is written takes the place of what is forgotten, f = 1 - i.

Shapes: W (1 + D + H, 3H), gates in the order i, o, g; c and h (b, H).
Source: Greff et al., IEEE Transactions on Neural Networks and Learning Systems 28 (2017), who
call it CIFG.
"""

from ..recurrent import Cell, Param, State, cell_sizes
from ..steps import Step
from .rows import LSTM, gates, row

__all__ = ["STEPS", "cell"]

STEPS: tuple[Step, ...] = (
    LSTM["u"],
    LSTM["z"],
    *gates("i o g"),
    row("f", "eq-coupled", lambda v: 1 - v.i, i=lambda v, df: -df),
    LSTM["c"],
    LSTM["s"],
    LSTM["h"],
)
"""The table."""


def cell(D: int, H: int) -> Cell:
    """The LSTM with coupled gates, D inputs and H units.

    Example:
        >>> cell(3, 4).params["W"].shape
        (8, 12)
    """
    D, H = cell_sizes(D, H)
    W = Param((1 + D + H, 3 * H), keep=((slice(0, H), -1),))
    return Cell("coupled gates", STEPS, D, H, {"W": W}, {"c": State((H,)), "h": State((H,))})
