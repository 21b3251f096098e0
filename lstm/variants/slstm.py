"""sLSTM: exponential gates, and a normaliser n, which makes the output a weighted mean.

`EXP` has an exponential forget gate, `SIGMOID` one between 0 and 1: the paper allows both.

Shapes: W (1 + D + H, 4H), gates in the order i, f, o, g; c, n, m and h (b, H).
Source: Beck et al., xLSTM: Extended Long Short-Term Memory, NeurIPS (2024), equations 8 to 17,
with one head.
"""

import math

from ..recurrent import Cell, Param, State, cell_sizes
from ..steps import Step
from .rows import LSTM, cut, row, squash
from .stabilised import FORGET_EXP, FORGET_SIGMOID, STABILISED

__all__ = ["EXP", "SIGMOID", "cell", "cell_sigmoid"]


def _table(forget: Step) -> tuple[Step, ...]:
    return (
        LSTM["u"],
        LSTM["z"],
        *(cut(f"z_{k}", "z", position, 4) for position, k in enumerate("ifog")),
        squash("o"),
        squash("g"),
        forget,
        *STABILISED,
        LSTM["c"],
        row(
            "n",
            "eq-normaliser",
            lambda v: v.f * v.n_prev + v.i,
            f=lambda v, dn: dn * v.n_prev,
            n_prev=lambda v, dn: dn * v.f,
            i=lambda v, dn: dn,
        ),
        row(
            "y",
            "eq-mean",
            lambda v: v.c / v.n,
            c=lambda v, dy: dy / v.n,
            n=lambda v, dy: -dy * v.y / v.n,
        ),
        row(
            "h",
            "eq-show",
            lambda v: v.o * v.y,
            o=lambda v, dh: dh * v.y,
            y=lambda v, dh: dh * v.o,
        ),
    )


EXP = _table(FORGET_EXP)
"""With an exponential forget gate."""

SIGMOID = _table(FORGET_SIGMOID)
"""With a forget gate between 0 and 1."""


def _cell(name: str, steps: tuple[Step, ...], D: int, H: int) -> Cell:
    D, H = cell_sizes(D, H)
    W = Param((1 + D + H, 4 * H), keep=((slice(H, 2 * H), 1),))
    # Before the first step nothing has been written: its weight is 0, and log 0 is -inf.
    states = {"c": State((H,)), "n": State((H,), positive=True), "m": State((H,), -math.inf)}
    states["h"] = State((H,))
    return Cell(name, steps, D, H, {"W": W}, states)


def cell(D: int, H: int) -> Cell:
    """The sLSTM with an exponential forget gate, D inputs and H units.

    Example:
        >>> cell(3, 4).states["m"].start
        -inf
    """
    return _cell("sLSTM", EXP, D, H)


def cell_sigmoid(D: int, H: int) -> Cell:
    """The sLSTM with a forget gate between 0 and 1, D inputs and H units.

    Example:
        >>> cell_sigmoid(3, 4).params["W"].shape
        (8, 16)
    """
    return _cell("sLSTM, sigmoid", SIGMOID, D, H)
