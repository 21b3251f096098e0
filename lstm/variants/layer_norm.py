"""Layer normalisation: raw gates and cell are brought to mean 0 and spread 1 over the units.

The part that comes from x and the part that comes from h are normalised separately, each over all
4H columns.

Shapes: A (D, 4H), R (H, 4H), gain_a, gain_r and bias_z (4H,), gain_c and bias_y (H,).
Source: Ba, Kiros and Hinton, Layer Normalization (2016), equations 20 to 22 of its appendix.
"""

from typing import Any

from ..recurrent import Cell, Param, State, cell_sizes
from ..steps import Step, Values, numpy_of, tanh
from .rows import LSTM, gates, linear, row, summed

__all__ = ["EPSILON", "STEPS", "cell"]

EPSILON = 1e-5
"""What is added to the variance, so that equal numbers are not divided by 0."""


def _spread(a: Any) -> Any:
    centred = a - a.mean(axis=1, keepdims=True)
    return numpy_of(a).sqrt((centred * centred).mean(axis=1, keepdims=True) + EPSILON)


def _norm(a: str) -> Step:
    """Bring a to mean 0 and spread 1 in each row of the batch."""
    name = f"{a}_n"

    def forward(v: Values) -> Any:
        value = getattr(v, a)
        return (value - value.mean(axis=1, keepdims=True)) / _spread(value)

    def backward(v: Values, dn: Any) -> Any:
        n = getattr(v, name)
        through = dn - dn.mean(axis=1, keepdims=True) - n * (dn * n).mean(axis=1, keepdims=True)
        return through / _spread(getattr(v, a))

    return row(name, "eq-norm", forward, **{a: backward})


def _scaled(y: str, label: str, *parts: str) -> Step:
    """Give normalised arrays learnt gains, and their sum a learnt bias."""
    backward: dict[str, Any] = {}
    for a in parts:
        n, gain = f"{a}_n", f"gain_{a}"
        backward[gain] = lambda v, dy, n=n: summed(dy * getattr(v, n))
        backward[n] = lambda v, dy, gain=gain: dy * getattr(v, gain)

    def forward(v: Values) -> Any:
        scaled = [getattr(v, f"gain_{a}") * getattr(v, f"{a}_n") for a in parts]
        return sum(scaled, start=getattr(v, f"bias_{y}"))

    return row(y, label, forward, **backward, **{f"bias_{y}": lambda v, dy: summed(dy)})


STEPS: tuple[Step, ...] = (
    linear("a", "x", "A"),
    linear("r", "h_prev", "R"),
    _norm("a"),
    _norm("r"),
    _scaled("z", "eq-norm-z", "a", "r"),
    *gates("i f o g"),
    LSTM["c"],
    _norm("c"),
    _scaled("y", "eq-norm-y", "c"),
    row("s", "eq-norm-s", lambda v: tanh(v.y), y=lambda v, ds: ds * (1 - v.s**2)),
    LSTM["h"],
)
"""The table."""


def cell(D: int, H: int) -> Cell:
    """The layer-normalised LSTM with D inputs and H units.

    Example:
        >>> cell(3, 4).params["gain_c"].shape
        (4,)
    """
    D, H = cell_sizes(D, H)
    params = {
        "A": Param((D, 4 * H), "weights"),
        "R": Param((H, 4 * H), "weights"),
        "bias_z": Param((4 * H,), "zeros", ((slice(H, 2 * H), 1),)),
        "bias_y": Param((H,), "zeros"),
        "gain_a": Param((4 * H,), "ones"),
        "gain_r": Param((4 * H,), "ones"),
        "gain_c": Param((H,), "ones"),
    }
    return Cell("layer norm", STEPS, D, H, params, {"c": State((H,)), "h": State((H,))})
