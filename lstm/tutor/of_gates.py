"""Mistakes that can be made with any gate, and with the order of all four.

A row: the name, the sentence, the label of the equation, the lines of the plain loop that are
replaced, and the name in `lstm.zoo`, if it has one there.
"""

from itertools import permutations

from ..exchange.conventions import Convention
from ..layout import GATES
from .mistake import Mistake, Row

__all__ = ["EACH_GATE", "ORDERS", "gates_of", "in_words_of"]

_ALL = "z_i, z_f, z_o, z_g = cut(z)\n"
_DW = "    dW = np.vstack([db, dWx, dWh])\n"
_GLUE = "        dz = glue([dz_i, dz_f, dz_o, dz_g])\n"
_GATE = {"i": "input gate", "f": "forget gate", "o": "output gate", "g": "candidate"}


def _for_each_gate() -> list[Row]:
    """List the mistakes that can be made with any one gate."""
    rows: list[Row] = []
    for k, gate in _GATE.items():
        p = GATES.index(k)
        line = f"        {k} = " + ("np.tanh(z_g)\n" if k == "g" else f"sigmoid(z_{k})\n")
        other = "sigmoid" if k == "g" else "tanh"
        call = "sigmoid" if k == "g" else "np.tanh"
        right = "tanh" if k == "g" else "the sigmoid"

        def is_(expression: str, line: str = line, k: str = k) -> tuple[tuple[str, str], ...]:
            return ((line, f"        {k} = {expression}\n"),)

        z = f"z_{k}"
        same = "np.tanh" if k == "g" else "sigmoid"
        rows += [
            (f"{k}: {other}", f"the {gate} goes through {other} instead of {right}", "eq-gates",
             is_(f"{call}({z})"), ""),
            (f"{k}: not squashed", f"the {gate} is not squashed at all", "eq-gates", is_(z), ""),
            (f"{k}: squashed twice", f"the {gate} is squashed twice", "eq-gates",
             is_(f"{same}({same}({z}))"), ""),
            (f"{k}: sign", f"the raw {gate} has the wrong sign", "eq-gates",
             is_(f"{same}(-{z})"), ""),
            (f"{k}: 1", f"the {gate} is 1 throughout", "eq-gates", is_(f"1 + 0 * {z}"), ""),
            (f"{k}: bias left out", f"the bias of the {gate} is left out", "eq-z",
             is_(f"{same}({z} - cut(zb)[{p}])"), ""),
            (f"{k}: bias twice", f"the bias of the {gate} is added twice", "eq-z",
             is_(f"{same}({z} + cut(zb)[{p}])"), ""),
            (f"{k}: bias sign", f"the bias of the {gate} has the wrong sign", "eq-z",
             is_(f"{same}({z} - 2 * cut(zb)[{p}])"), ""),
            (f"{k}: no recurrent part", f"the {gate} lacks its recurrent part, `h_prev Wh`",
             "eq-z", is_(f"{same}({z} - cut(zh)[{p}])"), ""),
            (f"{k}: no input", f"the {gate} lacks its part of x, `x Wx`", "eq-z",
             is_(f"{same}({z} - cut(zx)[{p}])"), ""),
            (f"dz_{k}: not in dh_prev", f"the {gate} is left out of `dh_prev`", "eq-dh-prev",
             (("dh_prev = dz @ Wh.T", f"dh_prev = dz @ Wh.T - dz_{k} @ cut(Wh)[{p}].T"),), ""),
            (f"dz_{k}: not in dx", f"the {gate} is left out of `dx`", "eq-dx",
             (("dx = dz @ Wx.T", f"dx = dz @ Wx.T - dz_{k} @ cut(Wx)[{p}].T"),), ""),
            (f"dz_{k}: not in du", f"the {gate} is left out of `dx` and `dh_prev`", "eq-du",
             (("dx = dz @ Wx.T", f"dx = dz @ Wx.T - dz_{k} @ cut(Wx)[{p}].T"),
              ("dh_prev = dz @ Wh.T", f"dh_prev = dz @ Wh.T - dz_{k} @ cut(Wh)[{p}].T")), ""),
            (f"dz_{k}: alone in dh_prev", f"`dh_prev` is that of only the {gate}: the four are "
             "overwritten instead of added up", "eq-dh-prev",
             (("dh_prev = dz @ Wh.T", f"dh_prev = dz_{k} @ cut(Wh)[{p}].T"),), ""),
            (f"dz_{k}: alone in dx", f"`dx` is that of only the {gate}: the four are overwritten "
             "instead of added up", "eq-dx",
             (("dx = dz @ Wx.T", f"dx = dz_{k} @ cut(Wx)[{p}].T"),), ""),
            (f"dz_{k}: alone in du", f"`dx` and `dh_prev` are those of only the {gate}: the four "
             "are overwritten instead of added up", "eq-du",
             (("dx = dz @ Wx.T", f"dx = dz_{k} @ cut(Wx)[{p}].T"),
              ("dh_prev = dz @ Wh.T", f"dh_prev = dz_{k} @ cut(Wh)[{p}].T")), ""),
            (f"dW_{k}: zero", f"the gradient of the {gate}'s weights and bias is zero", "eq-dw",
             ((_DW, _DW + f"    cut(dW)[{p}][:] = 0\n    cut(db2)[{p}][:] = 0\n"),), ""),
            (f"db_{k}: zero", f"the gradient of the {gate}'s bias is zero", "eq-dw",
             ((_DW, f"    cut(db)[{p}][:] = 0\n    cut(db2)[{p}][:] = 0\n" + _DW),), ""),
        ]  # fmt: skip
        for q, (j, source) in enumerate(_GATE.items()):
            if j == k:
                continue
            rows += [
                (f"{k}: weights of {j}", f"the {gate} uses the weights and the bias of the "
                 f"{source}", "eq-z", is_(f"{same}(z_{j})"), ""),
                (f"{k}: bias of {j}", f"the {gate} uses the bias of the {source}", "eq-z",
                 is_(f"{same}({z} - cut(zb)[{p}] + cut(zb)[{q}])"), ""),
                (f"{k}: Wx of {j}", f"the {gate} uses the weights for x of the {source}", "eq-z",
                 is_(f"{same}({z} - cut(zx)[{p}] + cut(zx)[{q}])"), ""),
                (f"{k}: Wh of {j}", f"the {gate} uses the recurrent weights of the {source}",
                 "eq-z", is_(f"{same}({z} - cut(zh)[{p}] + cut(zh)[{q}])"), ""),
                (f"{k}: Wx and Wh of {j}", f"the {gate} uses the weights of the {source}, with its "
                 "own bias", "eq-z",
                 is_(f"{same}({z} - cut(zh + zx)[{p}] + cut(zh + zx)[{q}])"), ""),
                (f"dz_{k}: with {j}'s Wh", f"the {gate} goes back to `dh_prev` through the weights "
                 f"of the {source}", "eq-dh-prev",
                 (("dh_prev = dz @ Wh.T",
                   f"dh_prev = dz @ Wh.T + dz_{k} @ (cut(Wh)[{q}] - cut(Wh)[{p}]).T"),), ""),
                (f"dz_{k}: with {j}'s Wx", f"the {gate} goes back to `dx` through the weights "
                 f"of the {source}", "eq-dx",
                 (("dx = dz @ Wx.T",
                   f"dx = dz @ Wx.T + dz_{k} @ (cut(Wx)[{q}] - cut(Wx)[{p}]).T"),), ""),
                (f"dW_{k}: of {j}", f"the gradient of the {source} is returned for the {gate}, "
                 "too", "eq-dw", ((_DW, _DW + f"    cut(dW)[{p}][:] = cut(dW)[{q}]\n"
                                   f"    cut(db2)[{p}][:] = cut(db2)[{q}]\n"),), ""),
                (f"db_{k}: of {j}", f"the gradient of the {source}'s bias is returned for the "
                 f"{gate}, too", "eq-dw", ((_DW, f"    cut(db)[{p}][:] = cut(db)[{q}]\n"
                                            f"    cut(db2)[{p}][:] = cut(db2)[{q}]\n" + _DW),), ""),
                (f"d{k}: from d{j}", f"the raw {gate} is given the gradient of the {source}, "
                 f"`d{j}`, in place of `d{k}`", "eq-dz",
                 ((f"        dz_{k} = d{k}", f"        dz_{k} = d{j}"),), ""),
            ]  # fmt: skip
    return rows


_ORDERED = {
    "order": ("the columns of `z` are cut as {order}; their order is {right}",
              "the {gate} uses the weights of the {other}"),
    "dz in order": ("the raw gradients are joined as {order}; the order of the columns of `z` is "
                    "{right}", "the raw gradient of the {gate} goes to the weights of the {other}"),
    "dW in order": ("only in the gradient of the weights the gates have the order {order}; theirs "
                    "is {right}", "the gradient of the {gate} is returned for the {other}"),
}  # fmt: skip
"""What is in another order, where the gates share matrices, and where they have their own."""


def _orders() -> list[Row]:
    """The gates in another order than the columns'."""
    rows: list[Row] = []
    for order in permutations(GATES):
        if order == GATES:
            continue
        cut = ", ".join(f"z_{k}" for k in order) + " = cut(z)\n"
        glued = "glue([" + ", ".join(f"dz_{k}" for k in order) + "])\n"
        named = "[" + ", ".join(str(order.index(k)) for k in GATES) + "]"
        rows += [
            (f"order {', '.join(order)}", _ordered("order", order, GATES), "eq-cut",
             ((_ALL, cut),), ""),
            (f"dz in order {', '.join(order)}", _ordered("dz in order", order, GATES), "eq-dz",
             ((_GLUE, f"        dz = {glued}"),), ""),
            (f"dW in order {', '.join(order)}", _ordered("dW in order", order, GATES), "eq-dw",
             ((_DW, _DW + f"    dW = glue([cut(dW)[k] for k in {_inverse(named)}])\n"
               f"    db2 = glue([cut(db2)[k] for k in {_inverse(named)}])\n"),), ""),
        ]  # fmt: skip
    return rows


def _ordered(kind: str, order: tuple[str, ...], right: tuple[str, ...], where: str = "") -> str:
    """Say in a sentence what is in another order."""
    says = _ORDERED[kind][0]
    return says.format(order=", ".join(order), right=", ".join(right)) + where


def gates_of(row: Convention) -> tuple[str, ...]:
    """The order of a library's gates, by the names that they have in this book.

    Example:
        >>> from lstm.exchange.conventions import ROSETTA
        >>> gates_of(ROSETTA["Keras"])
        ('i', 'f', 'g', 'o')
    """
    return tuple(k if k in GATES else "g" for k in row.order.split())


def in_words_of(row: Convention | None, mistake: Mistake) -> Mistake:
    """A mistake in the order of the gates, said of the order that they have in a library.

    Args:
        row: The library's row of the Rosetta table; None for this book's layout.
        mistake: Any mistake; others than of the order are returned as they are.

    Returns:
        Mistake: With another name and another sentence.

    Example:
        >>> from lstm.exchange.conventions import ROSETTA
        >>> (mistake,) = (Mistake(*row) for row in ORDERS if row[0] == "order i, f, g, o")
        >>> in_words_of(ROSETTA["PyTorch"], mistake).says
        'the columns of `z` are cut as i, f, o, g; their order is i, f, g, o in this convention'
    """
    kind = next((kind for kind in _ORDERED if mistake.name.startswith(kind + " ")), None)
    if row is None or kind is None:
        return mistake
    order = mistake.name.removeprefix(kind + " ").split(", ")
    right, ours = gates_of(row), dict(zip(GATES, order, strict=True))  # who is taken for whom
    if row.gates == "apart":
        says = "; ".join(
            _ORDERED[kind][1].format(gate=_GATE[gate], other=_GATE[other])
            for other, gate in ours.items()
            if gate != other
        )
        return mistake._replace(says=says, label="eq-z" if kind == "order" else mistake.label)
    theirs = tuple(ours[k] for k in right)
    says = _ordered(kind, theirs, right, " in this convention")
    return mistake._replace(name=f"{kind} {', '.join(theirs)}", says=says)


def _inverse(named: str) -> str:
    """Return, for each gate of another order, its position in our order."""
    places = [int(k) for k in named.strip("[]").split(",")]
    return str([places.index(k) for k in range(len(places))])


EACH_GATE = tuple(_for_each_gate())
"""What can happen to any one gate."""

ORDERS = tuple(_orders())
"""The gates in another order than that of the columns."""
