"""The LSTM with one part left out at a time.

`NO_INPUT` has no input gate, `NO_OUTPUT` no output gate, `LINEAR_CANDIDATE` no tanh on the
candidate, `LINEAR_OUTPUT` no tanh on the cell: these four are from Greff et al. In `BLIND`
nothing sees h: gates and candidate are made from x alone, so that c is linear in what it was. In
`BLIND_GATES` the candidate sees h and the gates do not, in `BLIND_CANDIDATE` the other way round.

Shapes: W is (1 + D + H, 3H) without a gate, (1 + D, 4H) in `BLIND`, and otherwise (1 + D + H,
4H); where only a part sees h, W is for the gates and V for the candidate; c and h are (b, H).
Source: Greff et al., IEEE Transactions on Neural Networks and Learning Systems 28 (2017): NIG,
NOG, NIAF and NOAF. Their cells have peepholes, too; these have none.
"""

from ..recurrent import Cell, Param, State, cell_sizes
from ..steps import Step, tanh
from .rows import LSTM, gates, linear, one_and, row

__all__ = [
    "BLIND", "BLIND_CANDIDATE", "BLIND_GATES", "LINEAR_CANDIDATE", "LINEAR_OUTPUT", "NO_INPUT",
    "NO_OUTPUT", "blind", "blind_candidate", "blind_gates", "linear_candidate", "linear_output",
    "no_input", "no_output",
]  # fmt: skip

_IN = (LSTM["u"], LSTM["z"])
_OF_C = LSTM["c"].backward

NO_INPUT: tuple[Step, ...] = (
    *_IN,
    *gates("f o g"),
    row(
        "c",
        "eq-no-input",
        lambda v: v.f * v.c_prev + v.g,
        f=_OF_C["f"],
        c_prev=_OF_C["c_prev"],
        g=lambda v, dc: dc,
    ),
    LSTM["s"],
    LSTM["h"],
)
"""Everything is written, as if i were 1."""

NO_OUTPUT: tuple[Step, ...] = (
    *_IN,
    *gates("i f g"),
    LSTM["c"],
    row("h", "eq-no-output", lambda v: tanh(v.c), c=lambda v, dh: dh * (1 - v.h**2)),
)
"""Everything is shown, as if o were 1."""

LINEAR_CANDIDATE: tuple[Step, ...] = (
    *_IN,
    *gates("i f o g")[:-1],  # z_g is cut, and not squashed
    row(
        "c",
        "eq-linear-candidate",
        lambda v: v.f * v.c_prev + v.i * v.z_g,
        f=_OF_C["f"],
        c_prev=_OF_C["c_prev"],
        i=lambda v, dc: dc * v.z_g,
        z_g=lambda v, dc: dc * v.i,
    ),
    LSTM["s"],
    LSTM["h"],
)
"""What is written is not squashed."""

LINEAR_OUTPUT: tuple[Step, ...] = (
    *_IN,
    *gates("i f o g"),
    LSTM["c"],
    row(
        "h",
        "eq-linear-output",
        lambda v: v.o * v.c,
        o=lambda v, dh: dh * v.c,
        c=lambda v, dh: dh * v.o,
    ),
)
"""What is shown is not squashed."""

BLIND: tuple[Step, ...] = (
    one_and("w", "x"),
    linear("z", "w", "W"),
    *gates("i f o g"),
    LSTM["c"],
    LSTM["s"],
    LSTM["h"],
)
"""Nothing sees h."""

BLIND_GATES: tuple[Step, ...] = (
    one_and("w", "x"),
    linear("z", "w", "W"),
    *gates("i f o"),
    LSTM["u"],
    linear("z_g", "u", "V"),
    LSTM["g"],
    LSTM["c"],
    LSTM["s"],
    LSTM["h"],
)
"""Only the candidate sees h."""

BLIND_CANDIDATE: tuple[Step, ...] = (
    LSTM["u"],
    LSTM["z"],
    *gates("i f o"),
    one_and("w", "x"),
    linear("z_g", "w", "V"),
    LSTM["g"],
    LSTM["c"],
    LSTM["s"],
    LSTM["h"],
)
"""Only the gates see h."""


def _cell(name: str, steps: tuple[Step, ...], D: int, H: int, order: str) -> Cell:
    D, H = cell_sizes(D, H)
    names = order.split()
    k = names.index("f")
    W = Param((1 + D + H, len(names) * H), keep=((slice(k * H, (k + 1) * H), 1),))
    return Cell(name, steps, D, H, {"W": W}, {"c": State((H,)), "h": State((H,))})


def no_input(D: int, H: int) -> Cell:
    """The LSTM without input gate.

    Example:
        >>> no_input(3, 4).params["W"].shape
        (8, 12)
    """
    return _cell("no input gate", NO_INPUT, D, H, "f o g")


def no_output(D: int, H: int) -> Cell:
    """The LSTM without output gate.

    Example:
        >>> no_output(3, 4).params["W"].shape
        (8, 12)
    """
    return _cell("no output gate", NO_OUTPUT, D, H, "i f g")


def linear_candidate(D: int, H: int) -> Cell:
    """The LSTM without tanh on the candidate.

    Example:
        >>> linear_candidate(3, 4).params["W"].shape
        (8, 16)
    """
    return _cell("linear candidate", LINEAR_CANDIDATE, D, H, "i f o g")


def linear_output(D: int, H: int) -> Cell:
    """The LSTM without tanh on the cell.

    Example:
        >>> linear_output(3, 4).params["W"].shape
        (8, 16)
    """
    return _cell("linear output", LINEAR_OUTPUT, D, H, "i f o g")


def blind(D: int, H: int) -> Cell:
    """The LSTM in which nothing sees h.

    Example:
        >>> blind(3, 4).params["W"].shape
        (4, 16)
    """
    D, H = cell_sizes(D, H)
    W = Param((1 + D, 4 * H), keep=((slice(H, 2 * H), 1),))
    return Cell("nothing sees h", BLIND, D, H, {"W": W}, {"c": State((H,))})


def blind_gates(D: int, H: int) -> Cell:
    """The LSTM whose gates see x alone, and whose candidate sees x and h.

    Example:
        >>> [param.shape for param in blind_gates(3, 4).params.values()]
        [(4, 12), (8, 4)]
    """
    D, H = cell_sizes(D, H)
    return _split("only g sees h", BLIND_GATES, D, H, 1 + D, 1 + D + H)


def blind_candidate(D: int, H: int) -> Cell:
    """The LSTM whose candidate sees x alone, and whose gates see x and h.

    Example:
        >>> [param.shape for param in blind_candidate(3, 4).params.values()]
        [(8, 12), (4, 4)]
    """
    D, H = cell_sizes(D, H)
    return _split("only gates see h", BLIND_CANDIDATE, D, H, 1 + D + H, 1 + D)


def _split(name: str, steps: tuple[Step, ...], D: int, H: int, of_gates: int, of_g: int) -> Cell:
    D, H = cell_sizes(D, H)
    params = {
        "W": Param((of_gates, 3 * H), keep=((slice(H, 2 * H), 1),)),
        "V": Param((of_g, H)),
    }
    return Cell(name, steps, D, H, params, {"c": State((H,)), "h": State((H,))})
