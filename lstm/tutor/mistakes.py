"""The table of all mistakes that the tutor can name.

Most are made by a rule, from the lines of `lstm.tutor.plain` that are products or sums, see
`lstm.tutor.rules`. The rest are listed one by one: `lstm.tutor.of_forward`, `of_backward` and
`of_gates`. Mistakes of `lstm.zoo` carry the name that they have there, and through it the public
thread in which people made them.
"""

from functools import lru_cache

from .mistake import Mistake
from .of_backward import BACKWARD
from .of_forward import FORWARD
from .of_gates import EACH_GATE, ORDERS
from .rules import products, slopes, sums

__all__ = ["mistakes"]

_OF_PLUS = {"forget bias lacks", "forget bias of the library after the sigmoid"}
_OF_TWO_BIASES = {
    "second bias for both", "first bias for both", "second bias left out", "first bias left out",
    "second db zero", "first db zero", "both db half",
}  # fmt: skip
"""What can only be wrong where a library has more than one bias, or adds to the forget gate."""

# Made by two rules: the other says the same of the same line.
_TWINS = {
    "z: zb twice", "keep: sign", "keep: twice", "keep: zero", "add: sign", "add: twice",
    "add: zero", "dcs: sign", "dcs: v**2 - 1", "dz_g: v**2 - 1", "dc: dcs sign", "dc: dcs twice",
    "dcs: zero", "dcs: twice", "dcs: half", "dc_prev: zero", "dc_prev: f missing",
    "di: from df", "di: from dg", "df: from di", "df: from dg", "dg: from di", "dg: from df",
    "h: c for s",
}  # fmt: skip


@lru_cache
def mistakes(two_biases: bool = True, plus: bool = True) -> tuple[Mistake, ...]:
    """Return all mistakes of the table.

    Args:
        two_biases: Whether the library has two biases; with one, some mistakes cannot be made.
        plus: Whether the library adds a number to the raw forget gate; otherwise, some mistakes
            cannot be made.

    Returns:
        tuple: Mistakes of the forward pass and mistakes of the backward pass; all names differ.

    Example:
        >>> [m.says for m in mistakes() if m.name == "di: i for g"]
        ['`di`, the gradient of the input gate, is made with `i` where the equation has `g`']
    """
    without = _TWINS | (set() if two_biases else _OF_TWO_BIASES) | (set() if plus else _OF_PLUS)
    listed = [Mistake(*row) for row in (*FORWARD, *BACKWARD, *EACH_GATE, *ORDERS)]
    table = (*listed, *products(), *slopes(), *sums())
    return tuple(m for m in table if m.name not in without)
