"""The LSTM of chapter 4, as a cell among others.

Shapes: W (1 + D + H, 4H), c and h (b, H).
Source: Gers, Schmidhuber and Cummins, Neural Computation 12 (2000).
"""

from ..recurrent import Cell, Param, State, cell_sizes
from ..reference import STEPS

__all__ = ["STEPS", "cell"]


def cell(D: int, H: int) -> Cell:
    """The LSTM with D inputs and H units.

    Example:
        >>> cell(3, 4).params["W"].shape
        (8, 16)
    """
    D, H = cell_sizes(D, H)
    W = Param((1 + D + H, 4 * H), keep=((slice(H, 2 * H), 1),))
    return Cell("LSTM", STEPS, D, H, {"W": W}, {"c": State((H,)), "h": State((H,))})
