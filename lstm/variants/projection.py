"""Projection: a matrix makes the output smaller than the cell, and the recurrence cheaper.

Shapes: W (1 + D + P, 4H), R (H, P), c (b, H), h (b, P).
Source: Sak, Senior and Beaufays, Interspeech (2014): its recurrent projection, without the
peepholes and without the second projection that is not fed back. PyTorch's ``proj_size``.
"""

from ..recurrent import Cell, Param, State, cell_sizes
from ..settings import check_shape, check_size
from ..steps import Step
from .rows import LSTM, linear, row

__all__ = ["STEPS", "cell"]

STEPS: tuple[Step, ...] = (
    *(step for step in LSTM.values() if step.name != "h"),
    row("y", "eq-view", lambda v: v.o * v.s, o=lambda v, dy: dy * v.s, s=lambda v, dy: dy * v.o),
    linear("h", "y", "R"),
)
"""The table."""


def cell(D: int, H: int, P: int | None = None) -> Cell:
    """The LSTM with D inputs, H units and P outputs; None for half as many as units.

    Example:
        >>> [param.shape for param in cell(3, 4).params.values()]
        [(6, 16), (4, 2)]
    """
    D, H = cell_sizes(D, H)
    P = max(1, H // 2) if P is None else check_size("P", P, least=1)
    check_shape("H, P", 1 + D + P, 4 * H)
    params = {
        "W": Param((1 + D + P, 4 * H), keep=((slice(H, 2 * H), 1),)),
        "R": Param((H, P), "weights"),
    }
    return Cell("projection", STEPS, D, P, params, {"c": State((H,)), "h": State((P,))})
