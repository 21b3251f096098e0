"""Say where code is wrong if no mistake of the table explains it.

Two tricks need only inputs and outputs, of one step of one sequence. Forward, c is an affine
function of c_prev, so two values of c_prev give f and i * g; where g is saturated, i * g is i.
Backward, the gradient of the bias *is* dz, gate by gate, so everything after dz can be judged
with the code's own dz, and everything before it gate by gate.
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from ..layout import GATES, split_gates, split_rows
from ..reference import STEPS
from .candidate import Candidate, Ran
from .equations import EQUATIONS
from .plain import KEPT, model
from .search import FORWARD, GRADIENTS, Arrays, agree, run
from .styles import Problem, Style, problem
from .verdict import Place

__all__ = ["first_wrong", "judge_inner", "right_and_wrong", "where_backward", "where_forward"]

_GATE = {"i": "input gate", "f": "forget gate", "o": "output gate", "g": "candidate"}
_SEEDS = 20  # so many problems of one size must be right before that size is called right
_LABEL = {"i": "eq-di", "f": "eq-df", "o": "eq-do", "g": "eq-dg"}


def first_wrong(form: Style, p: Problem, arrays: Arrays, right: Arrays, tolerance: float) -> Place:
    """Find the first wrong element, in the order of computation.

    Args:
        form: The style of the code.
        p: The problem.
        arrays: What the code returned, by its own names.
        right: The right outputs in this package's layout.
        tolerance: The largest difference allowed, as a fraction of an array's largest element.

    Returns:
        Place: The index, the value there and the right value.

    Raises:
        ValueError: If nothing is wrong.

    Example:
        >>> p, arrays = problem(1, 1, 3, 2), {"Cn": np.zeros((1, 2))}
        >>> print(first_wrong(Style(), p, arrays, {"Cn": np.ones((1, 2))}, 1e-9))
        Cn[0, 0] is 0, expected 1 (sequence 0, unit 0)
    """
    D, H = p.sizes[2:]
    for name, array in arrays.items():
        steps = name in ("Hout", "dX")
        expected, place = _expected(form, p, name, right)
        scale = float(np.abs(expected).max())
        wrong = ~(np.abs(array - expected) <= tolerance * scale)
        if not wrong.any():
            continue
        where = np.argwhere(wrong)
        if steps:
            times = where[:, 1 if form.batch_first else 0]
            where = where[times == (times.max() if name == "dX" else times.min())]
        index = tuple(int(k) for k in where[0])
        if place is not None:
            says = _of_weight(int(place[index]), D, H)
        else:
            t, r, unit = (*index, *[0] * (3 - len(index))) if steps else (0, *index)
            if steps and form.batch_first:
                t, r = r, t
            axis = "feature" if name == "dX" else "unit"
            says = f"step {t}, " * steps + f"sequence {r}, {axis} {unit}"
        return Place(name, index, float(array[index]), float(expected[index]), says)
    raise ValueError("arrays: expected a wrong element, got only right ones")


def _expected(form: Style, p: Problem, name: str, right: Arrays) -> tuple[Any, Any]:
    """The right array in the code's own layout; of weights, where its elements are in ours."""
    if name in right and name != "dW":
        return (form.swap(right[name]) if name in ("Hout", "dX") else right[name]), None
    place = form.places(*p.sizes[2:])[name.removeprefix("d")]
    vector = np.concatenate([right["dW"].ravel(), right["db2"]])
    return vector[place], place


def _of_weight(k: int, D: int, H: int) -> str:
    """Describe an element of the vector of all weights."""
    size = (1 + D + H) * 4 * H
    if k >= size:
        row, column, what = 0, k - size, "second bias"
    else:
        row, column = divmod(k, 4 * H)
        what = "bias" if row == 0 else f"feature {row - 1} of x"
        if row > D:
            what = f"unit {row - 1 - D} of h_prev"
    return f"{what}, {_GATE[GATES[column // H]]}, unit {column % H}"


def right_and_wrong(names: Any, yours: Arrays, right: Arrays, tolerance: float) -> str:
    """Say in words which outputs are right and which are wrong.

    Args:
        names: The outputs to look at.
        yours: Those of the code.
        right: The right ones.
        tolerance: The largest difference allowed, as a fraction of an array's largest element.

    Returns:
        str: A sentence.

    Example:
        >>> one, zero = np.ones(2), np.zeros(2)
        >>> right_and_wrong("ab", {"a": one, "b": one}, {"a": one, "b": zero}, 1e-9)
        'right: a; wrong: b'
    """
    names = [name for name in names if name != "db2"]
    good = [name for name in names if agree(yours[name], right[name], tolerance)]
    wrong = [name for name in names if name not in good]
    said = f"wrong: {', '.join(wrong)}"
    return f"right: {', '.join(good)}; {said}" if good else said


_SHAPES = (
    ((1, 1, 3, 2), "one step of one sequence"),
    ((1, 2, 3, 4), "one step of a batch"),
    ((2, 1, 4, 3), "two steps of one sequence"),
    ((2, 3, 5, 4), "two steps of a batch"),
)
"""Sizes (n, b, D, H) from the smallest up, and what they are called."""

_BOTH = ("one step of a batch and two steps of one sequence seem right: look at what tells steps "
         "and sequences apart, such as a reshape")  # fmt: skip


class _Found(NamedTuple):
    """The smallest problem with a wrong result: its results, the right ones, a sentence."""

    sizes: tuple[int, int, int, int]
    p: Problem
    ran: Ran
    right: Arrays
    said: str


def _smallest(
    shapes: Iterable[tuple[tuple[int, int, int, int], str]],
    ask: Any,
    names: Any,
    style: Style,
    tolerance: float,
    back: bool = False,
) -> _Found | None:
    """Ask for outputs by ``names`` at larger and larger sizes, until one is wrong."""
    for sizes, words in shapes:
        for seed in range(_SEEDS):
            p = problem(*sizes, style, seed=seed)
            ran, right = ask(p), run(model(), p, back=back)
            if ran.trouble:
                return _Found(sizes, p, ran, right, f"with {words} it {ran.trouble}")
            if not all(agree(ran.outputs[k], right[k], tolerance) for k in names):
                said = f"with {words}: {right_and_wrong(names, ran.outputs, right, tolerance)}"
                return _Found(sizes, p, ran, right, said)
    return None


def where_forward(code: Candidate, tolerance: float) -> tuple[list[str], str]:
    """Find where a forward pass is wrong.

    Args:
        code: The code to judge.
        tolerance: The largest difference allowed, as a fraction of an array's largest element.

    Returns:
        tuple: Sentences, and the label of the equation to look at, or "".

    Example:
        >>> from lstm import zoo
        >>> broken = zoo.plant(zoo.ZOO["i + g instead of i g"])
        >>> where_forward(Candidate(broken.forward, None, Style()), 1e-9)[0][1]
        'measured from outside: right: f, h = o * tanh(c), with your own c; wrong: i * g'
    """
    found = _smallest(_SHAPES, code.run_forward, FORWARD, code.style, tolerance)
    if found is None:
        return ["right for one and for two steps: look at the loop over the steps"], "eq-unrolled"
    (n, b, _, _), p, ran, _, said = found
    if ran.trouble:
        return [said], ""
    if n > 1 and b > 1:
        more = _BOTH
    elif n > 1:
        more = "one step seems right: look at what goes from one step to the next"
    elif b > 1:
        more = "one sequence alone seems right: the sequences of a batch must not meet"
    else:
        sentences, label = _gates(code, p, tolerance)
        return [said, *sentences], label
    return [said, more], "eq-unrolled"


def _gates(code: Candidate, p: Problem, tolerance: float) -> tuple[list[str], str]:
    """Measure f, i * g, i and o of one step from outside, and compare each."""
    v = _values(p)

    def c_and_h(c0: Any = p.c0, push: str = "") -> tuple[Any, Any]:
        W = p.W.copy()
        if push:
            split_gates(W[0])[GATES.index(push)][:] = 40
        ran = code.run_forward(p._replace(c0=c0, W=W, key=()))
        if ran.trouble:
            raise ValueError(ran.trouble)
        return ran.outputs["Cn"], ran.outputs["Hn"]

    try:
        c, h = c_and_h()
        zero, _ = c_and_h(0 * p.c0)
        one, _ = c_and_h(0 * p.c0 + 1)
        two, _ = c_and_h(0 * p.c0 + 2)
        g1, _ = c_and_h(0 * p.c0, "g")
        i1, _ = c_and_h(0 * p.c0, "i")
    except ValueError as error:
        return [str(error)], ""
    near = max(tolerance, 1e-7)
    if not agree(two - one, one - zero, near):
        return ["c does not depend on c_prev as f * c_prev + i * g does"], "eq-c"
    found = {
        "f": agree(one - zero, v.f, near),
        "i * g": agree(zero, v.i * v.g, near),
        "h = o * tanh(c), with your own c": agree(h, v.o * np.tanh(c), near),
    }
    good = [name for name, is_right in found.items() if is_right]
    wrong = [name for name, is_right in found.items() if not is_right]
    said = [f"measured from outside: wrong: {', '.join(wrong)}"]
    if good:
        said[0] = f"measured from outside: right: {', '.join(good)}; wrong: {', '.join(wrong)}"
    label = ""
    if not good:
        label = "eq-z"
        said.append("all gates are wrong: look at what they share")
    elif not found["f"]:
        label = "eq-gates"
        said.append("f is how much of c_prev is left in c")
    elif not found["i * g"]:
        label = "eq-gates"
        if agree(g1, v.i, 1e-6):
            said.append("where g is 1, i is right: look at g")
        elif agree(i1, v.g, 1e-6):
            said.append("where i is 1, g is right: look at i")
    elif wrong:
        label = "eq-h"
        said.append("c is right: look at o, at the tanh, and at their product")
    return said, label


def _values(p: Problem) -> SimpleNamespace:
    """All values of the first step."""
    kept = model().forward(p.X, p.W, p.second, p.plus, p.c0, p.h0)[3]
    return SimpleNamespace(**dict(zip(KEPT, kept[0], strict=True)))


def where_backward(code: Candidate, tolerance: float) -> tuple[list[str], str]:
    """Find where a backward pass is wrong, if the forward pass is right.

    Args:
        code: The code to judge.
        tolerance: The largest difference allowed, as a fraction of an array's largest element.

    Returns:
        tuple: Sentences, and the label of the equation to look at, or "".

    Example:
        >>> from lstm import zoo
        >>> broken = zoo.plant(zoo.ZOO["di from i instead of g"])
        >>> said, label = where_backward(Candidate(broken.forward, broken.backward, Style()), 1e-9)
        >>> label
        'eq-di'
    """
    found = _smallest(
        _SHAPES, lambda p: _backward(code, p), GRADIENTS, code.style, tolerance, back=True
    )
    if found is None:
        return ["right for one and for two steps: look at the loop over the steps"], "eq-bptt-dw"
    (n, b, _, _), p, ran, right, said = found
    if ran.trouble:
        return [said], ""
    if n > 1 and b > 1:
        return [said, _BOTH], "eq-bptt-dw"
    if n > 1:
        if all(agree(ran.outputs[k], right[k], tolerance) for k in ("dX", "dc0", "dh0")):
            more = "one step seems right: look at what is added up over the steps"
            return [said, more], "eq-bptt-dw"
        more = ("one step seems right: look at what goes from each step to the one before, "
                "and at what is added up over the steps")  # fmt: skip
        return [said, more], "eq-bptt-dh"
    if b > 1:
        more = "one sequence alone seems right: look at what is summed over the batch"
        return [said, more], "eq-dw"
    sentences, label = _slopes(code, p, ran, right, tolerance)
    return [said, *sentences], label


def _backward(code: Candidate, p: Problem) -> Ran:
    """Both passes."""
    forward = code.run_forward(p)
    return forward if forward.trouble else code.run_backward(p, forward.cache)


def _slopes(
    code: Candidate, p: Problem, ran: Ran, right: Arrays, tolerance: float
) -> tuple[list[str], str]:
    """Find which gate's dz is wrong in one step of one sequence, or what does not follow it."""
    yours, v = ran.outputs, _values(p)
    if all(agree(yours[k], right[k], tolerance) for k in ("dX", "dc0", "dh0")):
        return _of_weights(yours["dW"], right["dW"], v.x.shape[1], tolerance), "eq-dw"
    dz = yours["dW"][:1]
    per_gate = {
        k: agree(a, b, tolerance)
        for k, a, b in zip(GATES, split_gates(dz), split_gates(right["dW"][:1]), strict=True)
    }
    good = [f"dz_{k}" for k, is_right in per_gate.items() if is_right]
    wrong = [k for k, is_right in per_gate.items() if not is_right]
    rows = split_rows(p.W)
    follows = {
        "dX": ("eq-dx", dz @ rows.Wx.T, yours["dX"][0]),
        "dh0": ("eq-dh-prev", dz @ rows.Wh.T, yours["dh0"]),
        "the gradient of Wx": ("eq-dw", v.x.T @ dz, yours["dW"][1 : 1 + v.x.shape[1]]),
        "the gradient of Wh": ("eq-dw", v.h_prev.T @ dz, yours["dW"][1 + v.x.shape[1] :]),
    }
    dc0_right = agree(yours["dc0"], right["dc0"], tolerance)
    said, label = [], ""
    if wrong:
        spelled = ", ".join(f"dz_{k} ({_GATE[k]})" for k in wrong)
        head = f"right: {', '.join(good)}; " if good else ""
        said.append(f"the gradient of the bias is dz itself: {head}wrong: {spelled}")
        label = _LABEL[wrong[0]]
        if {"i", "f", "g"} <= set(wrong) and not dc0_right:
            label = "eq-dc"
            said.append("i, f and g are wrong together: look at dc, which all three are made from")
        else:
            said += _cotangents(code, p, wrong)
    for name, (equation, wanted, got) in follows.items():
        if not agree(got, wanted, max(tolerance, 1e-9)):
            said.append(f"{name} does not follow from your own dz ({equation})")
            label = label or equation
    if dc0_right:
        said.append("dc0 is right, so dc and f are")
    elif not wrong:
        label = label or "eq-dc-prev"
        said.append("dc0 is wrong although all dz are right: look at dc_prev")
    return said, label


def _of_weights(dW: Any, right: Any, D: int, tolerance: float) -> list[str]:
    """Find which part of dW is wrong, if everything else computed from the same dz is right."""
    blocks = {"the biases": slice(0, 1), "Wx": slice(1, 1 + D), "Wh": slice(1 + D, None)}
    wrong = [name for name, rows in blocks.items() if not agree(dW[rows], right[rows], tolerance)]
    return [f"dX, dh0 and dc0 are right, and so is dz, from which they are made: look at how the "
            f"gradient of {', '.join(wrong)} is made from it"]  # fmt: skip


def _cotangents(code: Candidate, p: Problem, wrong: list[str]) -> list[str]:
    """Find out whether the part that comes through c or the part that comes through h is wrong."""
    alone = p._replace(dHout=0 * p.dHout, dHn=0 * p.dHn, key=())
    ran, right = _backward(code, alone), run(model(), alone)
    if ran.trouble:
        return []
    pairs = zip(GATES, split_gates(ran.outputs["dW"][0]), split_gates(right["dW"][0]), strict=True)
    fine = [k for k, a, b in pairs if k in wrong and k != "o" and agree(a, b, 1e-9)]
    return [f"with dCn alone dz_{k} is right: look at what comes through h" for k in fine[:1]]


def judge_inner(
    inner: Mapping[str, Any], p: Problem, cache: Any, tolerance: float
) -> tuple[list[str], str]:
    """Judge intermediate values, each step with the code's own inputs.

    Args:
        inner: Arrays by name, (n, b, H) each: do, ds, dc, di and so on. `dh` is needed for
            do and ds, `dc` for di, df, dg and dc_prev.
        p: The problem.
        cache: A dictionary or named tuple; values of the forward pass that it has by name
            (i, f, o, g, c, s, h) are used as they are.
        tolerance: The largest difference allowed, as a fraction of an array's largest element.

    Returns:
        tuple: Sentences, and the label of the first derived step that is wrong, or "".

    Example:
        >>> p = problem(2, 1, 3, 2)
        >>> judge_inner({"ds": np.ones((2, 1, 2)), "dh": np.ones((2, 1, 2))}, p, {}, 1e-9)[1]
        'eq-ds'
    """
    kept = model().forward(p.X, p.W, p.second, p.plus, p.c0, p.h0)[3]
    values = {name: np.array([step[k] for step in kept]) for k, name in enumerate(KEPT)}
    try:
        theirs = dict(cache if isinstance(cache, Mapping) else cache._asdict())
    except Exception:  # it has nothing by name
        theirs = {}
    shape = values["h"].shape
    values |= _numbers({k: theirs[k] for k in values if k in theirs}, shape)
    given = _numbers(inner, shape)
    v = SimpleNamespace(**values)
    derivatives: dict[str, tuple[str, str, Callable[..., Any]]] = {}
    for step in STEPS:
        for name, (label, function) in step.backward.items():
            derivatives["d" + name] = (label, "d" + step.name, function)
    good, wrong, first = [], [], ""
    names = ("do", "ds", "df", "di", "dg", "dc_prev", "dz_o", "dz_f", "dz_i", "dz_g")
    for name in names:
        label, source, function = derivatives.get(name, ("", "", len))
        if name in given and source in given:
            if agree(given[name], function(v, given[source]), max(tolerance, 1e-9)):
                good.append(name)
            else:
                wrong.append(f"{name} ({label})")
                first = first or label
    said = []
    if good or wrong:
        said.append(
            "of your own values on the way, each judged with your own inputs: right: "
            f"{', '.join(good) or 'none'}; wrong: {', '.join(wrong) or 'none'}"
        )
    return said, first if first in EQUATIONS else ""


def _numbers(values: Mapping[str, Any], shape: tuple[int, ...]) -> Arrays:
    """Those of somebody's values that are arrays of numbers of this shape."""
    found = {}
    for name, value in values.items():
        with contextlib.suppress(Exception):
            array = np.asarray(value)
            if array.shape == shape and array.dtype.kind in "fiu":
                found[name] = array
    return found
