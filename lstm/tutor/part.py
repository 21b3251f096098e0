"""Judge the pieces of an LSTM that are more than one equation: `part`, by the piece's name."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from ..fused import forward as right_forward
from .calls import LIMIT, call
from .judge import check
from .mistake import Mistake
from .plain import KEPT, model
from .step import judge_function
from .styles import problem
from .training import training
from .verdict import Finding, Verdict

__all__ = ["PARTS", "part"]


@np.errstate(all="ignore")
def part(name: str, function: Callable[..., Any], *, limit: float = LIMIT) -> Verdict:
    """Judge one piece of an LSTM.

    =======================  ====================================================================
    name                     the function
    =======================  ====================================================================
    "initial weights"        ``(input_size, hidden_size, rng)`` gives WLSTM: weights from
                             N(0, 1) / sqrt(D + H), biases 0, those of the forget gate 3
    "forward"                as `lstm.forward`
    "one step back"          ``(dh, dc_next, v, W)`` gives (dx, dW, dc_prev, dh_prev); ``v`` has
                             x, h_prev, c_prev, i, f, o, g, c, s and h of the step
    "back through time"      ``(dHout, kept, W, dCn, dHn)`` gives (dX, dW, dc0, dh0); ``kept`` is a
                             list with a ``v`` for each step
    "carry"                  ``(forward, X, W, c0, h0, length)`` runs ``forward`` on pieces of X of
                             that length and gives (Hout, Cn, Hn) of the whole
    "gradient check"         ``(function, x, delta)`` gives the central differences of a function
                             from an array to a number
    "training"               ``(batches, W, w, rate)`` gives the trained (W, w); see
                             ``lstm.tutor.training``
    =======================  ====================================================================

    Args:
        name: The piece.
        function: The function to judge.
        limit: The time limit of a call, in seconds.

    Returns:
        Verdict: What was found.

    Raises:
        TypeError: If ``function`` cannot be called.
        ValueError: If there is no such piece.

    Example:
        >>> import lstm
        >>> part("initial weights", lambda D, H, rng: lstm.init(D, H, rng=rng)).ok
        True
        >>> wrong = lambda D, H, rng: lstm.init(D, H, rng=rng, forget_bias=-3)
        >>> part("initial weights", wrong).mistakes
        ('forget bias with the other sign',)
    """
    if name not in PARTS:
        raise ValueError(f"name: expected one of {list(PARTS)}, got {name!r}")
    if not callable(function):
        raise TypeError(f"function: expected a function, got a {type(function).__name__}")
    return PARTS[name](function, limit)


def _initial(function: Callable[..., Any], limit: float) -> Verdict:
    """Initial weights have no one right value: what they are meant to be is measured."""
    name, D, H = "initial weights", 70, 30
    called = call(function, D, H, np.random.default_rng(0), limit=limit)
    if called.unwritten or (called.value is None and not called.trouble):
        return Verdict((Finding(name, "unwritten", "write it, then check again"),))
    shape = (1 + D + H, 4 * H)
    says, mistake = called.trouble, ""
    if not says:
        try:
            W = np.asarray(called.value, dtype=np.float64)
        except Exception:
            kind = type(called.value).__name__
            says = f"returns a {kind}, expected one array of shape {shape}"
        else:
            says, mistake = _faults(W, shape)
    if not says:
        again, other = (call(function, D, H, np.random.default_rng(k), limit=limit).value
                        for k in (0, 1))  # fmt: skip
        if np.array_equal(W, other):
            says = "two generators give the same weights: draw them from `rng`"
            mistake = "rng ignored"
        elif not np.array_equal(W, again):
            says = "one generator gives two results: draw from `rng` alone"
            mistake = "other random numbers"
    if says:
        found = Finding(name, "wrong", says[:1].upper() + says[1:],
                        mistakes=(mistake,) * bool(mistake), source=_SOURCES.get(mistake, ""),
                        hint="Which spread do the raw gates have, and how long does a cell that is "
                        "left alone keep what it holds?")  # fmt: skip
        return Verdict((found,))
    says = "spread, biases and forget bias are as they should be"
    return Verdict((Finding(name, "right", says),))


_SOURCES = {
    "all gates from the same seed": "https://github.com/nicodjimenez/lstm/pull/35",
    "forget bias with the other sign": "https://gist.github.com/karpathy/587454dc0146a6ae21fc",
}


def _faults(W: Any, shape: tuple[int, int]) -> tuple[str, str]:
    """Find what is wrong with initial weights, and name it."""
    if W.shape != shape:
        return f"`W` has shape {W.shape}, expected {shape}", ""
    if not np.isfinite(W).all():
        return "`W` has numbers that are not finite", ""
    D, H = shape[0] - 1 - shape[1] // 4, shape[1] // 4
    gates = np.split(W, 4, axis=1)
    if any(np.array_equal(one[1:], other[1:]) for one, other in combinations(gates, 2)):
        return "two gates start with the same weights", "all gates from the same seed"
    biases = [gate[0] for gate in gates]
    if np.all(biases[1] == -3):
        return "the forget bias is -3: that closes the gate", "forget bias with the other sign"
    if not np.all(biases[1] == 3):
        at = [k for k, b in zip("ifog", biases, strict=True) if np.all(b == 3)]
        if at:
            return f"the 3 is the bias of {', '.join(at)}, not of f", "forget bias at another gate"
        return "the bias of the forget gate is not 3", "no forget bias"
    if any(np.any(biases[k]) for k in (0, 2, 3)):
        return "the biases of i, o and g are not zero", "biases not zero"
    spread, right = float(W[1:].std()), 1 / np.sqrt(D + H)
    for factor, says, name in (
        (right, "", ""), (1.0, "is not divided by sqrt(D + H)", "no scale"),
        (right**2, "is divided by D + H, without the root", "no root in the scale"),
        (1 / np.sqrt(D), "is divided by sqrt(D) instead of sqrt(D + H)", "scale of D alone"),
        (1 / np.sqrt(H), "is divided by sqrt(H) instead of sqrt(D + H)", "scale of H alone"),
    ):  # fmt: skip
        if abs(spread / factor - 1) < 0.05:
            return (f"the spread of the weights {says}" if says else ""), name
    return f"the spread of the weights is {spread:.3g}, expected {right:.3g}", ""


def _one_step_back(function: Callable[..., Any], limit: float) -> Verdict:
    """First what it returns of one step; then put it into a loop that is right, and judge that."""
    name, sizes = "one step back", (1, 2, 5, 4)
    p, right = problem(*sizes), model()
    kept = right.forward(p.X, p.W, p.second, p.plus, p.c0, p.h0)[3]
    dX, dW, _, dc, dh = right.backward(kept, p.W, p.c0, p.h0, p.dHout, p.dCn, 0 * p.dHn)
    given = (p.dHout[0], p.dCn, _Values(zip(KEPT, kept[0], strict=True)), p.W)
    alone = judge_function(name, function, [(given, [dX[0], dW, dc, dh], "b, D, H = 2, 5, 4")],
                           ("dx", "dW", "dc_prev", "dh_prev"), [], limit=limit)  # fmt: skip
    if not alone.ok and alone.findings[0].place is None:
        return alone

    def back(dHout: Any, kept: Any, W: Any, dCn: Any, dHn: Any) -> Any:
        dX: list[Any] = []
        dW, dc, dh = 0 * W, dCn, dHn
        for t in reversed(range(len(kept))):
            dx, more, dc, dh = function(dHout[t] + dh, dc, kept[t], W)
            dX.insert(0, dx)
            dW = dW + more
        n, b, H = dHout.shape
        return np.reshape(dX, (n, b, len(W) - 1 - H)), dW, dc, dh

    verdict = _through_time(back, limit, name)
    looped = "your step was tried inside a correct loop over the steps"
    return Verdict(tuple(
        replace(finding, details=(*finding.details, looped)) if finding.place else finding
        for finding in verdict.findings
    ))  # fmt: skip


def _through_time(
    function: Callable[..., Any], limit: float, name: str = "back through time"
) -> Verdict:
    def forward(X: Any, W: Any, c0: Any, h0: Any) -> Any:
        Hout, Cn, Hn, kept = model().forward(X, W, 0 * W[0], 0.0, c0, h0)
        values = [_Values(zip(KEPT, step, strict=True)) for step in kept]
        return np.reshape(Hout, (len(X), *c0.shape)), Cn, Hn, (values, W)

    def backward(dHout: Any, cache: Any, dCn: Any, dHn: Any) -> Any:
        return function(dHout, cache[0], cache[1], dCn, dHn)

    verdict = check(forward, backward, limit=limit)
    kept = tuple(f for f in verdict.findings if f.part == "backward")
    return Verdict(tuple(replace(finding, part=name) for finding in kept))


class _Values(dict[str, Any]):
    """Values of a step by name, as attributes."""

    __getattr__ = dict.__getitem__


def _carry(function: Callable[..., Any], limit: float) -> Verdict:
    problems = []
    for sizes, length in (((6, 2, 5, 4), 2), ((7, 3, 2, 4), 3), ((5, 4, 1, 3), 1)):
        p = problem(*sizes)
        whole = right_forward(p.X, p.W, p.c0, p.h0)
        given = (right_forward, p.X, p.W, p.c0, p.h0, length)
        problems.append((given, whole[:3], "n, b, D, H = {}, {}, {}, {}".format(*sizes)))

    def pieces(k: int, carry: Callable[..., Any], last: bool = True) -> Sequence[Any]:
        """The whole in pieces, where ``carry`` says what goes from one to the next."""
        _, X, W, c0, h0, length = problems[k][0]
        Hout, c, h = np.zeros((*X.shape[:2], c0.shape[1])), c0, h0
        for start in range(0, len(X), length):
            piece = X[start : start + length]
            if last or len(piece) == length:
                out, Cn, Hn, _ = right_forward(piece, W, c, h)
                Hout[start : start + length] = out
                c, h = carry(Cn, Hn, c0, h0)
        return [Hout, Cn, Hn]

    ways: dict[str, tuple[str, Callable[[int], Sequence[Any]]]] = {
        "states not carried": ("every piece starts from `c0` and `h0`",
                               lambda k: pieces(k, lambda c, h, c0, h0: (c0, h0))),
        "states zero": ("the states are not carried: every piece but the first starts from zero",
                        lambda k: pieces(k, lambda c, h, c0, h0: (0 * c, 0 * h))),
        "c not carried": ("`c` is not carried from piece to piece",
                          lambda k: pieces(k, lambda c, h, c0, h0: (c0, h))),
        "h not carried": ("`h` is not carried from piece to piece",
                          lambda k: pieces(k, lambda c, h, c0, h0: (c, h0))),
        "c zero": ("`c` starts from zero in every piece but the first",
                   lambda k: pieces(k, lambda c, h, c0, h0: (0 * c, h))),
        "h zero": ("`h` starts from zero in every piece but the first",
                   lambda k: pieces(k, lambda c, h, c0, h0: (c, 0 * h))),
        "states swapped": ("`c` and `h` are swapped from piece to piece",
                           lambda k: pieces(k, lambda c, h, c0, h0: (h, c))),
        "last piece lost": ("the last piece, which is shorter, is left out",
                            lambda k: pieces(k, lambda c, h, c0, h0: (c, h), False)),
    }  # fmt: skip
    table = [
        (Mistake(name, says, "eq-unrolled", ()), wrong) for name, (says, wrong) in ways.items()
    ]
    return judge_function("carry", function, problems, ("Hout", "Cn", "Hn"), table, "eq-unrolled",
                          limit)  # fmt: skip


def _gradient_check(function: Callable[..., Any], limit: float) -> Verdict:
    rng = np.random.default_rng(3)
    delta, problems = 1e-4, []
    a = rng.standard_normal((3, 2))

    def curve(x: Any) -> float:
        return float((a[: x.shape[0], : x.shape[1]] * np.exp(x)).sum() + x.sum() ** 3)

    points = [rng.standard_normal(shape) for shape in ((3, 2), (1, 2), (2, 1))]
    for x in points:
        words, right = f"x of shape {x.shape}", _differences(curve, x, delta)
        problems.append(((curve, x, delta), [right], words))

    ways: dict[str, tuple[str, Callable[[Any], Any]]] = {
        "one-sided": ("the difference is taken on one side only, `f(x + delta) - f(x)`: its error "
                      "falls with delta, not with its square",
                      lambda x: _one_sided(curve, x, delta)),
        "one-sided below": ("the difference is taken on one side only, `f(x) - f(x - delta)`",
                            lambda x: _one_sided(curve, x, -delta)),
        "delta for 2 delta": ("it is divided by delta instead of 2 delta",
                              lambda x: 2 * _differences(curve, x, delta)),
        "not divided": ("the difference is not divided by 2 delta",
                        lambda x: 2 * delta * _differences(curve, x, delta)),
        "sign": ("the difference has the wrong sign", lambda x: -_differences(curve, x, delta)),
        "one-sided over 2 delta": ("the difference is taken on one side, but divided by 2 delta",
                                   lambda x: _one_sided(curve, x, delta) / 2),
        "all moved at once": ("all elements are moved at once instead of one at a time",
                              lambda x: np.full(x.shape, (curve(x + delta) - curve(x - delta))
                                                / (2 * delta))),
        "not moved back": ("an element is not moved back before the next is moved",
                           lambda x: _left_moved(curve, x, delta)),
    }  # fmt: skip
    table = [
        (Mistake(name, says, "eq-central", ()), lambda k, f=wrong: [f(points[k])])
        for name, (says, wrong) in ways.items()
    ]
    return judge_function("gradient check", function, problems, ("gradient",), table, "", limit,
                          1e-8)  # fmt: skip


def _moved(x: Any, index: Any, by: float) -> Any:
    x = x.copy()
    x[index] += by
    return x


def _differences(f: Callable[..., float], x: Any, delta: float) -> Any:
    out = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        up, down = f(_moved(x, index, delta)), f(_moved(x, index, -delta))
        out[index] = (up - down) / (2 * delta)
    return out


def _one_sided(f: Callable[..., float], x: Any, delta: float) -> Any:
    out = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        out[index] = (f(_moved(x, index, delta)) - f(x)) / delta
    return out


def _left_moved(f: Callable[..., float], x: Any, delta: float) -> Any:
    out, x = np.zeros(x.shape), x.copy()
    for index in np.ndindex(x.shape):
        x[index] += delta
        up = f(x)
        x[index] -= 2 * delta
        out[index] = (up - f(x)) / (2 * delta)
    return out


def _forward(function: Callable[..., Any], limit: float) -> Verdict:
    return check(function, limit=limit)


PARTS: dict[str, Callable[[Callable[..., Any], float], Verdict]] = {
    "initial weights": _initial,
    "forward": _forward,
    "one step back": _one_step_back,
    "back through time": _through_time,
    "carry": _carry,
    "gradient check": _gradient_check,
    "training": training,
}
"""The pieces by name."""
