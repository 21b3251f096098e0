"""Judge two functions: shapes, values, the name of the mistake, and what else goes wrong."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..exchange.conventions import ROSETTA, Convention
from ..layout import GATES
from .beyond import (
    DOUBLE,
    SINGLE,
    beyond_backward,
    beyond_forward,
    clip_of,
    clipped,
    memory_clipped,
    not_finite,
)
from .calls import LIMIT
from .candidate import Candidate, Ran
from .equations import EQUATIONS
from .locate import first_wrong, judge_inner, where_backward, where_forward
from .mistake import Mistake
from .of_gates import gates_of, in_words_of
from .plain import Patch, model
from .search import FORWARD, GRADIENTS, Arrays, agree, explain, run
from .styles import OURS, Problem, Style, problem, style
from .verdict import Finding, Verdict

__all__ = ["PROBES", "PROOFS", "check", "named"]

PROBES = ((1, 1, 3, 2), (1, 2, 3, 4), (2, 1, 4, 3))
"""Small problems, from which parts can be explained: sizes n, b, D, H."""

PROOFS = ((3, 2, 5, 4), (4, 5, 2, 3), (5, 3, 1, 2))
"""Problems in which no two sizes are equal: only what fits these as well is named."""


@np.errstate(all="ignore")
def check(
    forward: Callable[..., Any],
    backward: Callable[..., Any] | None = None,
    *,
    convention: str | Convention | None = None,
    batch_first: bool = False,
    states: str | None = None,
    limit: float = LIMIT,
) -> Verdict:
    """Judge your LSTM, and name its mistakes.

    Without a convention the functions are those of this book: ``forward(X, WLSTM, c0, h0)``
    returns (Hout, Cn, Hn, cache), ``backward(dHout, cache, dCn, dHn)`` returns
    (dX, dWLSTM, dc0, dh0). With one, the library's arrays take the place of WLSTM, one by one in
    the order of the Rosetta table or as a dictionary, whichever fits the signature; states come
    in the order of that library, one by one or as a pair. ``cache`` may be anything. If it is a
    dictionary with the gates by name, and ``backward`` returns a dictionary of intermediate
    gradients as a fifth value, these are judged, too.

    Args:
        forward: The forward pass.
        backward: The backward pass; None to judge the forward pass alone.
        convention: A name in `lstm.exchange.conventions.ROSETTA`, or a row of your own.
        batch_first: Whether X is (b, n, D) and Hout (b, n, H).
        states: "c h" or "h c", if the order is not that of the convention.
        limit: The time limit of each call, in seconds.

    Returns:
        Verdict: What was found. Errors of the functions are reported there, not raised.

    Raises:
        TypeError: If an option has the wrong type, or ``forward`` cannot be called.
        ValueError: If there is no such convention.

    Example:
        >>> import lstm
        >>> print(check(lstm.forward))
        forward  right: Hout, Cn and Hn agree with the equations on 7 random problems
        >>> check(lstm.forward, lstm.backward).ok
        True
    """
    for name, function in (("forward", forward), ("backward", backward)):
        if not callable(function) and not (name == "backward" and function is None):
            kind = type(function).__name__
            raise TypeError(f"{name}: expected a function, got a {kind}")
    code = Candidate(forward, backward, style(convention, batch_first, states), limit)
    findings, patches = _forward(code)
    if backward is not None:
        if findings[0].status == "unwritten":
            findings.append(Finding("backward", "unwritten", "forward comes first"))
        elif patches is None and findings[0].place is None and not findings[0].mistakes:
            findings.append(Finding("backward", "note", "not judged: it needs a forward pass"))
        else:
            findings += _backward(code, findings[0].status != "wrong", patches)
    # First what is right and what is wrong; notes come after it.
    return Verdict(tuple(sorted(findings, key=lambda finding: finding.status == "note")))


def _forward(code: Candidate) -> tuple[list[Finding], tuple[Patch, ...] | None]:
    """Findings about the forward pass; and the patches that make the plain loop the same."""
    runs = []
    for sizes in (*PROOFS, *PROBES):
        p = problem(*sizes, code.style)
        ran = code.run_forward(p)
        if ran.trouble:
            return [_trouble("forward", ran, p)], None
        runs.append((p, ran))
    tolerance = SINGLE if any(ran.single for _, ran in runs) else DOUBLE
    rights = [run(model(), p, back=False) for p, _ in runs]
    if not all(
        agree(ran.outputs[k], right[k], tolerance)
        for (_, ran), right in zip(runs, rights, strict=True)
        for k in FORWARD
    ):
        finding, patches = _wrong_forward(code, runs, rights, tolerance)
        return [finding, *_changes("forward", [ran for _, ran in runs])], patches
    findings = [
        Finding("forward", "right",
                f"Hout, Cn and Hn agree with the equations on {len(runs) + 1} random problems")
    ]  # fmt: skip
    more = _changes("forward", [ran for _, ran in runs])
    more += beyond_forward(code, tolerance)
    if any(finding.status == "wrong" for finding in more):
        findings = []
    return findings + more, ()


def _wrong_forward(
    code: Candidate, runs: list[tuple[Problem, Ran]], rights: list[Arrays], tolerance: float
) -> tuple[Finding, tuple[Patch, ...] | None]:
    pairs = [(p, ran.outputs) for p, ran in runs]
    k = next(k for k, ((_, ran), right) in enumerate(zip(runs, rights, strict=True))
             if not all(agree(ran.outputs[x], right[x], tolerance) for x in FORWARD))  # fmt: skip
    p, ran = runs[k]
    place = first_wrong(code.style, p, ran.arrays, rights[k], tolerance)
    if not_finite(ran):
        return Finding("forward", "wrong", "nan or infinity comes out", place=place), None
    proofs, probes = pairs[: len(PROOFS)], pairs[len(PROOFS) :]
    found = explain(probes, proofs, names=FORWARD, tolerance=tolerance)
    if found:
        finding = named("forward", found, place, style=code.style)
        patches = tuple(patch for mistake in found[0] for patch in mistake.patches)
        return finding, patches
    cut_off = memory_clipped(code)
    if cut_off:
        return cut_off[0], None
    details, label = where_forward(code, tolerance)
    return _located("forward", details, label, place), None


def _backward(
    code: Candidate, forward_right: bool, patches: tuple[Patch, ...] | None
) -> list[Finding]:
    """Findings about the backward pass."""
    runs = []
    for sizes in (*PROOFS, *PROBES):
        p = problem(*sizes, code.style)
        forward = code.run_forward(p)
        ran = forward if forward.trouble else code.run_backward(p, forward.cache)
        if ran.trouble:
            return [_trouble("backward", ran, p)]
        runs.append((p, ran))
    single = any(ran.single for _, ran in runs)
    tolerance = SINGLE if single else DOUBLE
    pairs = [(p, ran.outputs) for p, ran in runs]
    changes = _changes("backward", [ran for _, ran in runs])
    if not forward_right:
        return [_of_wrong_forward(code, pairs, patches, tolerance), *changes]
    rights = [run(model(), p) for p, _ in runs]
    bad = [
        k for k, ((_, ran), right) in enumerate(zip(runs, rights, strict=True))
        if not all(agree(ran.outputs[x], right[x], tolerance) for x in GRADIENTS)
    ]  # fmt: skip
    if bad:
        p, ran = runs[bad[0]]
        place = first_wrong(code.style, p, ran.arrays, rights[bad[0]], tolerance)
        if not_finite(ran):
            return [Finding("backward", "wrong", "nan or infinity comes out", place=place)]
        clip = clip_of([outputs for _, outputs in pairs], rights, GRADIENTS)
        if clip:
            return [clipped(clip), *changes]
        proofs, probes = pairs[: len(PROOFS)], pairs[len(PROOFS) :]
        found = explain(probes, proofs, names=GRADIENTS, tolerance=tolerance)
        inner, first = judge_inner(ran.inner, p, code.run_forward(p).cache, tolerance)
        if found:
            return [named("backward", found, place, inner, code.style), *changes]
        details, label = where_backward(code, tolerance)
        return [_located("backward", inner + details, first or label, place), *changes]
    names = code.style.gradients()
    says = f"{', '.join(names[:-1])} and {names[-1]} agree on {len(runs) + 1} random problems"
    more = changes + beyond_backward(code, tolerance)
    right = [Finding("backward", "right", says)]
    return more if any(f.status == "wrong" for f in more) else right + more


def _of_wrong_forward(
    code: Candidate,
    pairs: list[tuple[Problem, Arrays]],
    patches: tuple[Patch, ...] | None,
    tolerance: float,
) -> Finding:
    """Judge the backward pass as far as possible if the forward pass is wrong."""
    first = "forward comes first: mend it, then check again"
    if tolerance == DOUBLE and _is_own_derivative(code):
        says = "the right derivative of your forward pass, as wrong as that is"
        return Finding("backward", "note", says, (first,))
    if patches is None:
        return Finding("backward", "note", f"not judged: {first}")
    if all(
        agree(outputs[name], right[name], tolerance)
        for p, outputs in pairs
        for right in (run(model(patches), p),)
        for name in GRADIENTS
    ):
        says = "its lines are those of the book; they will be right once forward is"
        return Finding("backward", "note", says)
    proofs, probes = pairs[: len(PROOFS)], pairs[len(PROOFS) :]
    found = explain(probes, proofs, names=GRADIENTS, given=patches, tolerance=tolerance)
    if found:
        judged = ("judged with the values of your forward pass",)
        return named("backward", found, None, judged, code.style)
    return Finding("backward", "note", f"not judged: {first}")


def _is_own_derivative(code: Candidate) -> bool:
    """Return whether backward differentiates the code's own forward, in random directions."""
    p = problem(3, 2, 5, 4, code.style, seed=1)
    forward = code.run_forward(p)
    if forward.trouble:
        return False
    ran = code.run_backward(p, forward.cache)
    if ran.trouble:
        return False
    rng, delta = np.random.default_rng(0), 1e-5

    def loss(moved: Problem) -> float:
        outputs = code.run_forward(moved._replace(key=())).outputs
        return float(
            (outputs["Hout"] * p.dHout).sum() + (outputs["Cn"] * p.dCn).sum()
            + (outputs["Hn"] * p.dHn).sum()
        )  # fmt: skip

    moves = {"X": "dX", "W": "dW", "c0": "dc0", "h0": "dh0"}
    if code.style.two_biases:
        moves["second"] = "db2"
    for name, gradient in moves.items():
        for _ in range(3):
            here = getattr(p, name)
            v = rng.standard_normal(here.shape)
            try:
                up, down = (loss(p._replace(**{name: here + s * delta * v})) for s in (1, -1))
            except KeyError:
                return False
            numerical = (up - down) / (2 * delta)
            analytic = float((ran.outputs[gradient] * v).sum())
            size = float(np.abs(ran.outputs[gradient] * v).sum()) + abs(numerical)
            if not abs(numerical - analytic) <= 1e-6 * size + 1e-9:
                return False
    return True


def named(
    part: str,
    found: list[tuple[Mistake, ...]],
    place: Any = None,
    details: Any = (),
    style: Style = OURS,
) -> Finding:
    """The finding that names one mistake or several.

    Args:
        part: What was judged.
        found: What `lstm.tutor.search.explain` found.
        place: The first wrong element.
        details: More to say.
        style: The style of the code.

    Returns:
        Finding: With the sentence, the equation, the thread and the hint.

    Example:
        >>> named("backward", [(Mistake("df: sign", "df has ...", "eq-df", ()),)]).label
        'eq-df'
    """
    found = [tuple(in_words_of(style.row, mistake) for mistake in one) for one in found]
    mistakes = found[0]
    if len(mistakes) > 1:
        says = f"{len(mistakes)} mistakes together: " + "; ".join(m.says for m in mistakes)
    else:
        says = mistakes[0].says
    more = list(details)
    if len(mistakes) == 1 and len(found) > 1:
        others = [other[0].says for other in found[1:4]]
        more.append("or, which gives the same numbers: " + "; or: ".join(others))
    for which, mistake in zip(_FURTHER, mistakes[1:], strict=False):
        equation = EQUATIONS[mistake.label]
        more.append(f"the {which}: ({mistake.label}), {equation.chapter}. {equation.hint}")
    more += _convention(mistakes, style)
    label = mistakes[0].label
    source = next((m.source for m in mistakes if m.source), "")
    return Finding(part, "wrong", _capital(says), tuple(more), label, source,
                   EQUATIONS[label].hint, place, tuple(m.name for m in mistakes))  # fmt: skip


_FURTHER = ("second", "third", "fourth")


def _convention(mistakes: tuple[Mistake, ...], style: Style) -> list[str]:
    """Say how to pass another convention, if the code may follow one."""
    said = []
    for mistake in mistakes:
        if mistake.name.startswith("order "):
            order = tuple(mistake.name.removeprefix("order ").split(", "))
            rows = [name for name, row in ROSETTA.items()
                    if row.gates != "apart" and gates_of(row) == order]  # fmt: skip
            rows = ["this book"] * (order == GATES) + rows
            if rows:
                meant = ": if it is meant, name the convention" * (style.row is None)
                said.append(f"that is the order of {', '.join(rows)}{meant}")
        if mistake.name == "c and h swapped":
            first, second = style.states("c", "h")
            said.append(f"if {second} comes before {first} throughout, in the arguments, too, pass "
                        f"states='{second} {first}'")  # fmt: skip
    return said


def _located(part: str, details: list[str], label: str, place: Any) -> Finding:
    says = "wrong in a way that has no name here; this is where"
    hint = EQUATIONS[label].hint if label in EQUATIONS else ""
    return Finding(part, "wrong", says, tuple(details), label, "", hint, place)


def _trouble(part: str, ran: Ran, p: Problem) -> Finding:
    if ran.unwritten:
        return Finding(part, "unwritten", "write it, then check again")
    n, b, D, H = p.sizes
    says = ran.trouble
    if "n, b, D, H" not in says:
        says += f" with n, b, D, H = {n}, {b}, {D}, {H}"
    return Finding(part, "wrong", says)


def _changes(part: str, runs: list[Ran]) -> list[Finding]:
    """Findings about arguments that were changed in place."""
    changed = list(dict.fromkeys(name for ran in runs for name in ran.changed))
    return [
        Finding(part, "wrong", f"{name} is changed in place: work on a copy, as whoever calls the "
                "function still needs it", mistakes=(f"{name} changed in place",))
        for name in changed
    ]  # fmt: skip


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
