"""What can be wrong besides the values: sizes, magnitudes, precision and side effects.

These checks come after all values are right on ordinary problems: a larger problem, a sequence in
pieces, saturated gates, a large memory, gradients of other sizes, float32, and a sequence of
length 0.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from .candidate import Candidate, Ran
from .equations import EQUATIONS
from .plain import model
from .search import FORWARD, GRADIENTS, Arrays, agree, run
from .styles import Problem, Style, problem
from .verdict import Finding

__all__ = ["DOUBLE", "SINGLE", "beyond_backward", "beyond_forward", "clip_of", "clipped",
           "memory_clipped", "not_finite"]  # fmt: skip

MEDIUM, LARGE = (20, 12, 5, 9), (40, 30, 9, 16)
"""Problems of more usual sizes, for what is wrong at some size only: n, b, D, H."""

QUICK = 0.1  # seconds for MEDIUM: slower code, which loops over all units, is not tried on LARGE

USUAL = (3, 2, 5, 4)
"""A problem of the ordinary size."""

DOUBLE, SINGLE = 1e-9, 1e-4  # allowed differences, as fractions of an array's largest element


def not_finite(ran: Ran) -> bool:
    """Return whether an output contains nan or infinity.

    Args:
        ran: A run.

    Returns:
        bool: Whether it does.

    Example:
        >>> not_finite(Ran({}, {"Hout": np.array([1.0, np.nan])}))
        True
    """
    return not all(np.isfinite(array).all() for array in ran.outputs.values())


def _compared(
    part: str, ran: Ran, right: Arrays, names: Any, tolerance: float, words: str
) -> list[Finding]:
    """A finding if a run beyond the ordinary gives something wrong."""
    if ran.trouble:
        status = "note" if "does not come to an end" in ran.trouble else "wrong"
        return [Finding(part, status, f"{words} it {ran.trouble}")]
    if not_finite(ran):
        return [Finding(part, "wrong", f"{words} nan or infinity comes out")]
    wrong = [k for k in names if k in right and not agree(ran.outputs[k], right[k], tolerance)]
    if wrong:
        return [Finding(part, "wrong", f"{words} {', '.join(wrong)} is wrong")]
    return []


def _large(p: Problem) -> Arrays:
    """Compute the right outputs of a large problem by the fused LSTM, which is fast."""
    from .. import fused

    W = p.W.copy()
    W[0] += p.second
    np.split(W[0], 4)[1][:] += p.plus
    F = fused.forward(p.X, W, p.c0, p.h0)
    G = fused.backward(p.dHout, F.cache, p.dCn, p.dHn)
    return {"Hout": F.Hout, "Cn": F.Cn, "Hn": F.Hn, "dX": G.dX, "dW": G.dWLSTM,
            "db2": G.dWLSTM[0], "dc0": G.dc0, "dh0": G.dh0}  # fmt: skip


def _at_size(
    part: str, ran_on: Callable[[Problem], Ran], form: Style, names: Any, tolerance: float
) -> list[Finding]:
    """Find what is wrong on larger problems."""
    for sizes in (MEDIUM, LARGE):
        start = time.perf_counter()
        p = problem(*sizes, form)
        words = f"with {sizes[0]} steps and a batch of {sizes[1]}"
        found = _compared(part, ran_on(p), _large(p), names, tolerance, words)
        if found or time.perf_counter() - start > QUICK:
            return found
    return []


def _extreme(code: Candidate) -> Problem:
    """Draw a problem in which all gates are fully open or closed."""
    p = problem(*USUAL, code.style)
    return p._replace(W=3e3 * p.W, key=())


def beyond_forward(code: Candidate, tolerance: float) -> list[Finding]:
    """Find what else is wrong with a forward pass whose values are right.

    Args:
        code: The code to judge.
        tolerance: The largest difference allowed, as a fraction of an array's largest element.

    Returns:
        list: Findings: what is wrong, and notes on what is not as it should be.

    Example:
        >>> from lstm import fused
        >>> from lstm.tutor.styles import OURS
        >>> beyond_forward(Candidate(fused.forward, None, OURS), DOUBLE)
        []
    """
    form, found = code.style, []
    p = problem(*USUAL, form)
    one, two = code.run_forward(p), code.run_forward(p)
    if any(not agree(two.outputs.get(k, p.X), one.outputs[k], tolerance) for k in FORWARD):
        says = "a second call with the same arguments gives other results: something is left over"
        return [Finding("forward", "wrong", says)]
    found += _at_size("forward", code.run_forward, form, FORWARD, tolerance)
    first, last = (p._replace(X=p.X[k], key=()) for k in (slice(0, 1), slice(1, None)))
    whole, start = one.outputs, code.run_forward(first)
    if not start.trouble:
        ran = code.run_forward(last._replace(c0=start.outputs["Cn"], h0=start.outputs["Hn"]))
        right = {"Hout": whole["Hout"][1:], "Cn": whole["Cn"], "Hn": whole["Hn"]}
        words = "in two pieces, the second from the states of the first,"
        found += _compared("forward", ran, right, FORWARD, tolerance, words)
    extreme = _extreme(code)
    words = "where raw gates are in the thousands"
    found += _compared("forward", code.run_forward(extreme), run(model(), extreme, back=False),
                       () if one.single else FORWARD, 1e-6, words)  # fmt: skip
    full = p._replace(c0=1e3 * p.c0, key=())
    right, words = run(model(), full, back=False), "where the memory is large"
    said = _compared("forward", code.run_forward(full), right, FORWARD, tolerance, words)
    found += (memory_clipped(code) or said) if said else []
    small = problem(*USUAL, form, dtype=np.float32)
    ran = code.run_forward(small)
    found += _compared("forward", ran, run(model(), small, back=False), FORWARD, SINGLE,
                       "in float32")  # fmt: skip
    found += _kept(ran, "forward")
    if one.single:
        found.append(Finding("forward", "note", "float64 becomes float32"))
    return found + _empty_forward(code)


def memory_clipped(code: Candidate) -> list[Finding]:
    """Name a clip of the memory, if one step is right except for it.

    Args:
        code: The code to judge.

    Returns:
        list: The finding, or nothing.

    Example:
        >>> from lstm import fused
        >>> from lstm.tutor.styles import OURS
        >>> memory_clipped(Candidate(fused.forward, None, OURS))
        []
    """
    p = problem(1, *USUAL[1:], code.style)
    p = p._replace(c0=1e3 * p.c0, key=())
    ran = code.run_forward(p)
    right = run(model(), p, back=False)
    clip = 0.0 if ran.trouble else clip_of([ran.outputs], [right], ("Cn",))
    if not clip:
        return []
    says = f"The memory `c` is clipped at {clip:.6g}"
    return [Finding("forward", "wrong", says, label="eq-c", hint=EQUATIONS["eq-c"].hint,
                    mistakes=("memory clipped",))]  # fmt: skip


def _kept(ran: Ran, part: str) -> list[Finding]:
    """A note if float32 does not stay what it is."""
    if not ran.trouble and any(array.dtype != np.float32 for array in ran.arrays.values()):
        others = [name for name, array in ran.arrays.items() if array.dtype != np.float32]
        return [Finding(part, "note", f"float32 becomes {ran.arrays[others[0]].dtype}: "
                        + ", ".join(others))]  # fmt: skip
    return []


def _empty_forward(code: Candidate) -> list[Finding]:
    p = problem(0, *USUAL[1:], code.style)
    ran = code.run_forward(p)
    if ran.trouble:
        return [Finding("forward", "note", f"a sequence of length 0 {_soft(ran.trouble)}")]
    if not (agree(ran.outputs["Cn"], p.c0, SINGLE) and agree(ran.outputs["Hn"], p.h0, SINGLE)):
        says = "after a sequence of length 0 the last states should be the first"
        return [Finding("forward", "note", says)]
    return []


def beyond_backward(code: Candidate, tolerance: float) -> list[Finding]:
    """Find what else is wrong with a backward pass whose values are right.

    Args:
        code: The code to judge.
        tolerance: The largest difference allowed, as a fraction of an array's largest element.

    Returns:
        list: Findings: what is wrong, and notes on what is not as it should be.

    Example:
        >>> from lstm import fused
        >>> from lstm.tutor.styles import OURS
        >>> beyond_backward(Candidate(fused.forward, fused.backward, OURS), DOUBLE)
        []
    """
    form, found = code.style, []

    def ran_on(p: Problem) -> Ran:
        forward = code.run_forward(p)
        return forward if forward.trouble else code.run_backward(p, forward.cache)

    found += _at_size("backward", ran_on, form, GRADIENTS, tolerance)
    p = problem(*USUAL, form)
    right, single = run(model(), p), ran_on(p).single
    for power in (-6, 3, 6):
        scale = 10.0**power
        scaled = p._replace(dHout=scale * p.dHout, dCn=scale * p.dCn, dHn=scale * p.dHn, key=())
        ran = ran_on(scaled)
        wanted = {k: scale * a for k, a in right.items()}
        words = f"with gradients 10^{power} times as large, which the results must follow,"
        said = _compared("backward", ran, wanted, GRADIENTS, max(tolerance, 1e-8), words)
        if said:
            clip = 0.0 if ran.trouble else clip_of([ran.outputs], [wanted], GRADIENTS)
            found.append(clipped(clip) if clip else said[0])
            break
    extreme = _extreme(code)
    words = "where raw gates are in the thousands"
    names = () if single else GRADIENTS
    found += _compared("backward", ran_on(extreme), run(model(), extreme), names, 1e-6, words)
    small = problem(*USUAL, form, dtype=np.float32)
    ran = ran_on(small)
    found += _compared("backward", ran, run(model(), small), GRADIENTS, SINGLE, "in float32")
    found += _kept(ran, "backward")
    return found + _empty_backward(code)


def clip_of(outputs: list[Arrays], rights: list[Arrays], names: Any) -> float:
    """Return the bound at which numbers are clipped, if nothing else is wrong.

    Args:
        outputs: Outputs by name, for each problem.
        rights: The right outputs.
        names: The names of the outputs to compare.

    Returns:
        float: The bound; 0 if something else is wrong.

    Example:
        >>> right = {"dX": np.array([0.5, -3.0])}
        >>> clip_of([{"dX": np.array([0.5, -1.0])}], [right], ["dX"])
        1.0
    """
    wrong = [
        (mine[k], right[k])
        for mine, right in zip(outputs, rights, strict=True)
        for k in names
        if not agree(mine[k], right[k], DOUBLE)
    ]
    bound = max((float(np.abs(mine).max(initial=0.0)) for mine, _ in wrong), default=0.0)
    fits = np.isfinite(bound) and all(
        np.allclose(mine, np.clip(right, -bound, bound), rtol=1e-9, atol=0) for mine, right in wrong
    )
    return bound if fits else 0.0


def clipped(bound: float) -> Finding:
    """Make the finding that gradients are clipped.

    Args:
        bound: The bound at which they are clipped.

    Returns:
        Finding: The finding.

    Example:
        >>> clipped(5.0).mistakes
        ('gradients clipped',)
    """
    says = f"Gradients are clipped at {bound:.6g}: that belongs after the backward pass"
    return Finding("backward", "wrong", says, label="eq-bptt-dw",
                   hint="Is the gradient of twice the loss twice the gradient?",
                   mistakes=("gradients clipped",))  # fmt: skip


def _empty_backward(code: Candidate) -> list[Finding]:
    p = problem(0, *USUAL[1:], code.style)
    forward = code.run_forward(p)
    if forward.trouble:
        return []
    ran = code.run_backward(p, forward.cache)
    if ran.trouble:
        return [Finding("backward", "note", f"a sequence of length 0 {_soft(ran.trouble)}")]
    wrong = [k for k, right in (("dc0", p.dCn), ("dh0", p.dHn), ("dW", 0 * p.W))
             if not agree(ran.outputs[k], right, SINGLE)]  # fmt: skip
    if wrong:
        says = "after a sequence of length 0, dc0 should be dCn, dh0 dHn, and the rest zero"
        return [Finding("backward", "note", says)]
    return []


def _soft(trouble: str) -> str:
    """A trouble, as something that is no mistake."""
    return trouble if trouble.startswith(("raises", "does", "returns")) else f"gives: {trouble}"
