"""Hard gates: a straight line between 0 and 1 instead of the logistic function.

Shapes: W (1 + D + H, 4H), c and h (b, H).
Source: Courbariaux, Bengio and David, BinaryConnect (2015), for hard gates; the slope 1/6 is
that of PyTorch, JAX and Keras 3. ONNX and Keras 2 have 1/5.
"""

from typing import Any

from ..recurrent import Cell, Param, State, cell_sizes
from ..steps import Step, Values
from .rows import LSTM, cut, row, where

__all__ = ["SLOPE", "STEPS", "cell"]

SLOPE = 1 / 6
"""Of the straight line, which is 1/2 at 0."""


def _hard(k: str) -> Step:
    """Squash gate k by a straight line that ends at 0 and 1."""
    zk = f"z_{k}"

    def line(v: Values) -> Any:
        z = getattr(v, zk)
        y = SLOPE * z + 0.5
        return where(y.real <= 0, 0 * y, where(y.real >= 1, 0 * y + 1, y))

    def slope(v: Values, dk: Any) -> Any:
        between = (getattr(v, k).real > 0) & (getattr(v, k).real < 1)
        return where(between, SLOPE * dk, 0 * dk)

    return row(k, "eq-hard", line, **{zk: slope})


STEPS: tuple[Step, ...] = (
    LSTM["u"],
    LSTM["z"],
    *(
        step
        for position, k in enumerate("ifo")
        for step in (cut(f"z_{k}", "z", position, 4), _hard(k))
    ),
    cut("z_g", "z", 3, 4),
    LSTM["g"],
    LSTM["c"],
    LSTM["s"],
    LSTM["h"],
)
"""The table."""


def cell(D: int, H: int) -> Cell:
    """The LSTM with hard gates, D inputs and H units.

    Example:
        >>> cell(3, 4).params["W"].shape
        (8, 16)
    """
    D, H = cell_sizes(D, H)
    W = Param((1 + D + H, 4 * H), keep=((slice(H, 2 * H), 1),))
    return Cell("hard gates", STEPS, D, H, {"W": W}, {"c": State((H,)), "h": State((H,))})
