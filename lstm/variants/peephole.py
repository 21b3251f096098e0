"""Peepholes: the gates see the cell state; i and f the one before the step, o the one after it.

Shapes: W (1 + D + H, 4H), p_i, p_f and p_o (H,), c and h (b, H).
Source: Gers and Schmidhuber, Recurrent Nets that Time and Count, IJCNN (2000). As in Graves
(2013) and in ONNX each unit sees only its own cell.
"""

from typing import Any

from ..recurrent import Cell, Param, State, cell_sizes
from ..steps import Step, Values, sigmoid
from .rows import LSTM, cut, row, squash, summed

__all__ = ["STEPS", "cell"]


def _peep(k: str, seen: str) -> list[Step]:
    """Let gate k see a cell before it is squashed."""
    zk, pk, qk = f"z_{k}", f"p_{k}", f"q_{k}"

    def slope(v: Values, dk: Any) -> Any:
        return dk * getattr(v, k) * (1 - getattr(v, k))

    return [
        row(
            qk,
            "eq-peep",
            lambda v: getattr(v, zk) + getattr(v, pk) * getattr(v, seen),
            **{
                zk: lambda v, dq: dq,
                pk: lambda v, dq: summed(dq * getattr(v, seen)),
                seen: lambda v, dq: dq * getattr(v, pk),
            },
        ),
        row(k, "eq-peep-gate", lambda v: sigmoid(getattr(v, qk)), **{qk: slope}),
    ]


STEPS: tuple[Step, ...] = (
    LSTM["u"],
    LSTM["z"],
    *(cut(f"z_{k}", "z", position, 4) for position, k in enumerate("ifog")),
    *_peep("i", "c_prev"),
    *_peep("f", "c_prev"),
    squash("g"),
    LSTM["c"],
    *_peep("o", "c"),
    LSTM["s"],
    LSTM["h"],
)
"""The table."""


def cell(D: int, H: int) -> Cell:
    """The LSTM with peepholes, D inputs and H units.

    Example:
        >>> list(cell(3, 4).params)
        ['W', 'p_i', 'p_f', 'p_o']
    """
    D, H = cell_sizes(D, H)
    params = {"W": Param((1 + D + H, 4 * H), keep=((slice(H, 2 * H), 1),))}
    params |= {f"p_{k}": Param((H,), "zeros") for k in "ifo"}
    return Cell("peepholes", STEPS, D, H, params, {"c": State((H,)), "h": State((H,))})
