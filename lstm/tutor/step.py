"""Judge one derived step: a function for one equation, by the equation's name.

What a step should give, and what each mistake makes of it, comes from the lines of the plain
loop: those lines alone are run, with the values of a random step.
"""

import inspect
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from ..layout import split_rows
from .calls import LIMIT, call
from .equations import EQUATIONS
from .mistake import Mistake
from .mistakes import mistakes
from .plain import BACKWARD, FORWARD, KEPT, model, names_of
from .search import agree
from .styles import problem
from .verdict import Finding, Place, Verdict

__all__ = ["STEPS", "judge_function", "step"]


class Asked(NamedTuple):
    """The arguments and results of a function for an equation.

    Attributes:
        arguments: Its arguments, in the order in which they are passed if its parameters have other
            names.
        results: The names of its results.
        lines: The lines of the plain loop that compute it, by what they assign.
    """

    arguments: tuple[str, ...]
    results: tuple[str, ...]
    lines: tuple[str, ...]


STEPS = {
    "eq-u": Asked(("x", "h_prev"), ("u",), ("u",)),
    "eq-z": Asked(("x", "W", "h_prev"), ("z",), ("zb", "zx", "zh", "z")),
    "eq-cut": Asked(("z",), ("z_i", "z_f", "z_o", "z_g"), ("z_i, z_f, z_o, z_g",)),
    "eq-gates": Asked(("z",), ("i", "f", "o", "g"), ("z_i, z_f, z_o, z_g", "i", "f", "o", "g")),
    "eq-sigmoid": Asked(("z_i",), ("i",), ("i",)),
    "eq-c": Asked(("f", "c_prev", "i", "g"), ("c",), ("keep", "add", "c")),
    "eq-s": Asked(("c",), ("s",), ("s",)),
    "eq-h": Asked(("o", "c"), ("h",), ("s", "h")),
    "eq-do": Asked(("dh", "s"), ("do",), ("do",)),
    "eq-ds": Asked(("dh", "o"), ("ds",), ("ds",)),
    "eq-dc": Asked(("dc_next", "ds", "s"), ("dc",), ("dcs", "dc")),
    "eq-df": Asked(("dc", "c_prev"), ("df",), ("df",)),
    "eq-di": Asked(("dc", "g"), ("di",), ("di",)),
    "eq-dg": Asked(("dc", "i"), ("dg",), ("dg",)),
    "eq-dc-prev": Asked(("dc", "f"), ("dc_prev",), ("dc_prev",)),
    "eq-dz-sigmoid": Asked(("di", "i"), ("dz_i",), ("dz_i",)),
    "eq-dz-tanh": Asked(("dg", "g"), ("dz_g",), ("dz_g",)),
    "eq-dz": Asked(("dz_i", "dz_f", "dz_o", "dz_g"), ("dz",), ("dz",)),
    "eq-dw": Asked(("u", "dz"), ("dW",), ("db", "dWx", "dWh", "dW")),
    "eq-du": Asked(("dz", "W"), ("du",), ("dx", "dh_prev")),
    "eq-dx": Asked(("dz", "W"), ("dx",), ("dx",)),
    "eq-dh-prev": Asked(("dz", "W"), ("dh_prev",), ("dh_prev",)),
}
"""By the equation's label. In eq-sigmoid and eq-dz-sigmoid the gate may be called k."""

_ALIASES = {"k": "i", "dk": "di", "z_k": "z_i", "a": "z_i"}
_U = "u = np.hstack([np.ones((b, 1)), x, h_prev])\n"  # the plain loop has it in three parts
_OF_U = [
    Mistake(f"[{order}]", f"the parts are joined in the order [{order}]; the rows of the matrix "
            "are for [1, x, h_prev]", "eq-u",
            ((_U, f"u = np.hstack([{order.replace('1', 'np.ones((b, 1))')}])\n"),))
    for order in ("x, h_prev, 1", "1, h_prev, x", "h_prev, x, 1", "x, 1, h_prev", "h_prev, 1, x")
]  # fmt: skip
_SIZES = ((2, 5, 4), (4, 2, 3), (3, 1, 2))  # b, D, H: no two are equal


@np.errstate(all="ignore")
def step(label: str, function: Callable[..., Any], *, limit: float = LIMIT) -> Verdict:
    """Judge your function for one equation, and name its mistake.

    Args:
        label: The equation's label, one of ``STEPS``.
        function: A function of arrays that returns the result, or a tuple of several. Its
            parameters get the values they are named after, such as ``dc`` and ``c_prev``. If they
            have other names, they get the values of the equation from left to right, as in
            ``STEPS``.
        limit: The time limit of a call, in seconds.

    Returns:
        Verdict: What was found.

    Raises:
        TypeError: If ``function`` cannot be called.
        ValueError: If there is no such label.

    Example:
        >>> print(step("eq-df", lambda dc, c_prev: dc * c_prev))
        eq-df  right: agrees with the equation on 3 random problems
        >>> step("eq-df", lambda dc, c: dc * c).mistakes
        ('df: c for c_prev',)
    """
    if label not in STEPS:
        raise ValueError(f"label: expected one of {list(STEPS)}, got {label!r}")
    if not callable(function):
        raise TypeError(f"function: expected a function, got a {type(function).__name__}")
    asked = STEPS[label]
    runs = []
    for sizes in _SIZES:
        v = _values(*sizes)
        try:
            given = _given(function, asked, v)
        except ValueError as error:
            return Verdict((Finding(label, "wrong", str(error)),))
        right = [getattr(v, name) for name in asked.results]
        words = "b, D, H = {}, {}, {}".format(*sizes)
        runs.append((given, right, v, words))
    table = _table(label)
    names = asked.results

    def wrong(mistake: Mistake) -> Callable[[int], Sequence[Any]]:
        return lambda k: _ran(label, mistake, runs[k][2])

    verdict = judge_function(
        label, function, [(given, right, words) for given, right, _, words in runs], names,
        [(mistake, wrong(mistake)) for mistake in table], label, limit,
    )  # fmt: skip
    return _far_out(function, verdict, limit) if label == "eq-sigmoid" and verdict.ok else verdict


def _far_out(function: Callable[..., Any], verdict: Verdict, limit: float) -> Verdict:
    """Check a sigmoid, which is right on ordinary numbers, at -1000 and 1000."""
    a, part = np.array([[-1000.0, 0.0, 1000.0]]), "eq-sigmoid"

    def strict(a: Any) -> Any:
        with np.errstate(over="raise", invalid="raise"):
            return function(a)

    called = call(function, a, limit=limit)
    trouble = f"it {called.trouble}"
    if not called.trouble:
        trouble, arrays = _arrays(called.value, [a], ("it",), "1 row")
        if not trouble and not np.allclose(arrays[0], [[0, 0.5, 1]], rtol=0, atol=1e-12):
            trouble = f"it gives {', '.join(f'{k:.4g}' for k in arrays[0][0])}"
    if called.trouble or trouble:
        says = f"At -1000, 0 and 1000 {trouble}, expected 0, 0.5 and 1"
        hint = EQUATIONS[part].hint
        return Verdict((Finding(part, "wrong", says, hint=hint, label=part),))
    if call(strict, a, limit=limit).trouble:
        says = "at -1000 or 1000 the exponential overflows, and NumPy warns of it"
        return Verdict((*verdict.findings, Finding(part, "note", says)))
    return verdict


def judge_function(
    part: str,
    function: Callable[..., Any],
    problems: Sequence[tuple[Sequence[Any], Sequence[Any], str]],
    names: Sequence[str],
    table: Sequence[tuple[Mistake, Callable[[int], Sequence[Any]]]],
    label: str = "",
    limit: float = LIMIT,
    tolerance: float = 1e-9,
) -> Verdict:
    """Judge a function of arrays by what it returns.

    Args:
        part: Its name in the verdict.
        function: The function.
        problems: For each problem the arguments, the right results, and the sizes in words.
        names: The names of the results.
        table: Mistakes, each with a function from the number of a problem to the wrong results.
        label: The equation that it computes.
        limit: The time limit of a call, in seconds.
        tolerance: The largest difference allowed, as a fraction of an array's largest element.

    Returns:
        Verdict: What was found.

    Example:
        >>> problems = [((1.0,), [np.array(2.0)], "one number")]
        >>> judge_function("double", lambda x: x + x, problems, ["y"], []).ok
        True
    """
    hint = EQUATIONS[label].hint if label in EQUATIONS else ""
    results = []
    for given, right, words in problems:
        called = call(function, *given, limit=limit)
        if called.unwritten or (called.value is None and not called.trouble):
            return Verdict((Finding(part, "unwritten", "write it, then check again"),))
        trouble, arrays = called.trouble, list[Any]()
        if not trouble:
            trouble, arrays = _arrays(called.value, right, names, words)
        if trouble:
            return Verdict((Finding(part, "wrong", trouble, hint=hint, label=label),))
        if called.changed:
            says = "an argument is changed in place: work on a copy"
            name = "argument changed in place"
            return Verdict((Finding(part, "wrong", says, mistakes=(name,)),))
        results.append(arrays)
    rights = [right for _, right, _ in problems]
    if all(_alike(a, b, tolerance) for a, b in zip(results, rights, strict=True)):
        says = f"agrees with the equation on {len(results)} random problems"
        return Verdict((Finding(part, "right", says),))
    place = next(
        _first(name, a, b, tolerance)
        for mine, right in zip(results, rights, strict=True)
        for name, a, b in zip(names, mine, right, strict=True)
        if not agree(a, b, tolerance)
    )
    fits = [
        mistake for mistake, wrong in table
        if all(_alike(mine, wrong(k), tolerance) for k, mine in enumerate(results))
    ]  # fmt: skip
    if fits:
        first = fits[0]
        at = first.label if first.label in EQUATIONS else label
        says = first.says[:1].upper() + first.says[1:]
        return Verdict((Finding(part, "wrong", says, (), at, first.source,
                                EQUATIONS[at].hint if at in EQUATIONS else "", place,
                                (first.name,)),))  # fmt: skip
    says = "wrong in a way that has no name here"
    good = [n for n, a, b in zip(names, results[0], rights[0], strict=True) if agree(a, b, 1e-9)]
    more = (f"right: {', '.join(good)}",) if good else ()
    return Verdict((Finding(part, "wrong", says, more, label, "", hint, place),))


def _arrays(
    value: Any, right: Sequence[Any], names: Sequence[str], words: str
) -> tuple[str, list[Any]]:
    """Return the results as arrays, or say what is wrong with them."""
    if len(right) == 1 and not (isinstance(value, (tuple, list)) and len(value) == 1):
        value = (value,)
    if not isinstance(value, (tuple, list)) or len(value) != len(right):
        got = f"{len(value)} values" if isinstance(value, (tuple, list)) else "one"
        return f"returns {got}, expected {len(right)}: {', '.join(names)}", []
    arrays = []
    for name, item, wanted in zip(names, value, right, strict=True):
        try:
            array = np.asarray(item, dtype=np.float64)
        except Exception:
            return f"{name} is a {type(item).__name__}, expected an array of numbers", []
        if array.shape != np.shape(wanted):
            return (f"{name} has shape {array.shape}, expected {np.shape(wanted)} with {words}"), []
        arrays.append(array)
    return "", arrays


def _alike(some: Sequence[Any], others: Sequence[Any], tolerance: float) -> bool:
    return len(some) == len(others) and all(
        agree(a, np.asarray(b), tolerance) for a, b in zip(some, others, strict=True)
    )


def _first(name: str, yours: Any, right: Any, tolerance: float) -> Place:
    scale = float(np.abs(right).max())
    wrong = np.argwhere(~(np.abs(yours - right) <= tolerance * scale))
    index = tuple(int(k) for k in wrong[0])
    return Place(name, index, float(yours[index]), float(np.asarray(right)[index]),
                 f"{len(wrong)} of {np.size(right)} are wrong")  # fmt: skip


def _given(function: Callable[..., Any], asked: Asked, v: SimpleNamespace) -> list[Any]:
    """The arguments of a function, by the names of its parameters or in the equation's order."""
    try:
        parameters = [
            each for each in inspect.signature(function).parameters.values()
            if each.default is each.empty and each.kind is not each.VAR_KEYWORD
        ]  # fmt: skip
    except (TypeError, ValueError):
        return [getattr(v, name) for name in asked.arguments]
    names = [_ALIASES.get(each.name, each.name) for each in parameters]
    if len(asked.arguments) == len(names) == 1:
        return [getattr(v, asked.arguments[0])]  # sigmoid(x) does not mean the x of the step
    if all(hasattr(v, name) for name in names) and names:
        return [getattr(v, name) for name in names]
    if len(names) == len(asked.arguments) or any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return [getattr(v, name) for name in asked.arguments]
    raise ValueError(
        f"takes {', '.join(names) or 'nothing'}; expected {', '.join(asked.arguments)}, or other "
        "values of the step by the names that they have in the book"
    )


@lru_cache
def _values(b: int, D: int, H: int) -> SimpleNamespace:
    """All values and gradients of one random step, by name."""
    p = problem(1, b, D, H, seed=7)
    plain = model()
    kept = plain.forward(p.X, p.W, p.second, p.plus, p.c0, p.h0)[3]
    v = SimpleNamespace(**dict(zip(KEPT, kept[0], strict=True)))
    rows = split_rows(p.W)
    v.W, v.Wx, v.Wh, v.bias, v.b2, v.plus = p.W, rows.Wx, rows.Wh, rows.b, p.second, p.plus
    v.n, v.b, v.D, v.H, v.t = 1, b, D, H, 0
    v.u = np.hstack([np.ones((b, 1)), v.x, v.h_prev])
    v.z = v.u @ v.W
    v.dHout, v.dCn, v.dHn, v.c0, v.h0 = p.dHout, p.dCn, p.dHn, p.c0, p.h0
    v.dh_next, v.dc_next = p.dHn, p.dCn
    v.dWx, v.dWh, v.db, v.db2 = 0 * rows.Wx, 0 * rows.Wh, 0 * rows.b, 0 * rows.b
    for name in ("dh", "do", "ds", "dcs", "dc", "di", "df", "dg", "dc_prev", "dz_i", "dz_f",
                 "dz_o", "dz_g", "dz", "dx", "dh_prev"):  # fmt: skip
        setattr(v, name, _evaluate(_line(name), v)[name])
    v.t, v.n = 1, 3  # in the middle of a sequence: mistakes at its ends only do not show here
    v.du = v.dz @ v.W.T
    v.dW = v.u.T @ v.dz
    return v


def _line(target: str) -> str:
    """The lines of the plain loop that assign a name."""
    if target == "u":
        return _U
    lines = [
        line for line in (FORWARD + BACKWARD).splitlines(keepends=True)
        if line.strip().startswith(target + " = ")
    ]  # fmt: skip
    return lines[0]


def _evaluate(lines: str, v: SimpleNamespace) -> dict[str, Any]:
    """Run lines of the plain loop with the values of one step."""
    scope = names_of() | vars(v)
    text = "".join(line.strip(" ") for line in lines.splitlines(keepends=True))
    exec(compile(text, "<line>", "exec"), scope)
    return scope


@lru_cache
def _table(label: str) -> tuple[Mistake, ...]:
    """The mistakes that can be made in the lines of an equation."""
    lines = "".join(map(_line, STEPS[label].lines))
    fitting = []
    if label == "eq-u":
        return tuple(_OF_U)
    for mistake in mistakes(two_biases=False, plus=False):
        if label == "eq-dz-sigmoid" and any(mistake.name.startswith(f"dz_{k}") for k in "fo"):
            continue
        if any(right in lines for right, _ in mistake.patches) and not _of_time(mistake):
            fitting.append(mistake)

    def strange(m: Mistake) -> tuple[bool, bool]:
        """Rank names: those of this equation are better, and those that are only in these lines."""
        of_any_gate = m.name.startswith("dz_all") and label == "eq-dz-sigmoid"
        alone = all(right in lines for right, _ in m.patches)
        return m.label != label, not of_any_gate and (label == "eq-dz-sigmoid" or not alone)

    return tuple(sorted(fitting, key=strange))


def _of_time(mistake: Mistake) -> bool:
    """Return whether a mistake concerns some steps only, which a single step cannot show."""
    return any({"t", "n"} & (_names(wrong) - _names(right)) for right, wrong in mistake.patches)


def _names(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def _ran(label: str, mistake: Mistake, v: SimpleNamespace) -> list[Any]:
    """Run an equation's lines with a mistake in them."""
    asked = STEPS[label]
    lines = "".join(map(_line, asked.lines))
    for right, wrong in mistake.patches:
        lines = lines.replace(right, wrong)
    try:
        scope = _evaluate(lines, v)
        if label == "eq-du":
            first = np.zeros((v.b, 1)) + v.dz @ v.bias[:, None]
            return [np.hstack([first, scope["dx"], scope["dh_prev"]])]
        return [scope[name] for name in asked.results]
    except Exception:
        return []
