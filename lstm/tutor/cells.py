"""Judge a cell with separate gates in JAX, `lstm_cell_step` of chapter 2.

It draws its own weights from the seed. If they are those that `lstm.cell` draws, every number can
be compared; if not, the tutor checks what any LSTM must satisfy, whatever its weights are.
"""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np

from .calls import LIMIT, Called, call
from .equations import EQUATIONS
from .mistakes import mistakes
from .plain import model
from .search import agree
from .verdict import Finding, Place, Verdict

__all__ = ["cell"]

_SIZES = ((3, 4), (5, 2), (2, 3))  # D, H
_NAMES = "f i o g"


@np.errstate(all="ignore")
def cell(function: Callable[..., Any], *, limit: float = 3 * LIMIT) -> Verdict:
    """Judge ``lstm_cell_step(seed, x, h_prev, c_prev, hidden)``, which returns [h, c].

    Args:
        function: It makes a cell of ``hidden`` units, draws its parameters from the seed, runs it
            for one step and returns ``concatenate([h, c])``, of length 2H.
        limit: The time limit of a call, in seconds; the first call compiles.

    Returns:
        Verdict: What was found.

    Raises:
        TypeError: If ``function`` cannot be called.
        ImportError: If JAX or Flax is not installed.

    Example:
        >>> from lstm.cell import lstm_cell_step
        >>> cell(lstm_cell_step).ok
        True
    """
    if not callable(function):
        raise TypeError(f"function: expected a function, got a {type(function).__name__}")
    import jax

    from ..cell import MyLSTMCell
    from ..exchange.cell import fuse

    part, runs = "cell", []
    for seed, (D, H) in enumerate(_SIZES):
        rng = np.random.default_rng(seed)
        x, h, c = (rng.standard_normal(size).astype(np.float32) for size in (D, H, H))
        called = call(function, seed, x, h, c, H, limit=limit)
        if called.unwritten or (called.value is None and not called.trouble):
            return Verdict((Finding(part, "unwritten", "write it, then check again"),))
        got, trouble = _read(called, H)
        if trouble:
            return Verdict((Finding(part, "wrong", trouble),))
        variables = MyLSTMCell(H).init(jax.random.PRNGKey(seed), x, h, c)
        W = fuse({k: np.asarray(a, np.float64) for k, a in variables["params"].items()})
        runs.append((x, h, c, W, got))

    def gives(patches: Any, order: str = _NAMES, swapped: bool = False) -> bool:
        """Return whether the plain loop gives the results of the function on all problems."""
        for x, h, c, W, got in runs:
            Hout, Cn, _, _ = model(patches).forward(
                x[None, None], _reordered(W, order), 0 * W[0], 0.0,
                c[None], h[None],
            )  # fmt: skip
            ours = np.concatenate([Cn[0], Hout[0, 0]] if swapped else [Hout[0, 0], Cn[0]])
            if not agree(got, ours, 2e-6):
                return False
        return True

    if gives(()):
        return _besides(function, runs, limit)
    if gives((), swapped=True):
        return _named(part, runs, "[c, h] is returned instead of [h, c]", "c and h swapped", "eq-h")
    for mistake in mistakes(two_biases=False, plus=False):
        if mistake.name.startswith("order "):
            continue  # of the columns of z, which such a cell has not
        if mistake.forward and gives(mistake.patches):
            return _named(part, runs, mistake.says, mistake.name, mistake.label, mistake.source)
    for order in permutations(_NAMES.split()):
        if gives((), " ".join(order)):
            says = f"the parameters are declared in the order {', '.join(order)}; here it is f, i, "
            says += "o, g, so the same seed gives other weights"
            return _named(part, runs, says, "declared in another order", "")
    return _without_weights(function, runs, limit)


def _read(called: Called, H: int) -> tuple[Any, str]:
    """What a call returned, shape (2H,), and what is wrong with it."""
    if called.trouble:
        return None, called.trouble
    try:
        got = np.asarray(called.value, np.float64)
    except Exception:
        return None, f"returns a {type(called.value).__name__}, expected an array"
    if got.shape != (2 * H,):
        return got, f"has shape {got.shape}, expected ({2 * H},): [h, c] of {H} units"
    return got, "" if np.isfinite(got).all() else "nan or infinity comes out"


def _reordered(W: Any, order: str) -> Any:
    """The weights of a cell that declares its gates in another order."""
    blocks = dict(zip("ifog", np.split(W, 4, axis=1), strict=True))
    drawn = dict(zip(order.split(), (blocks[k] for k in _NAMES.split()), strict=True))
    return np.hstack([drawn[k] for k in "ifog"])


def _named(part: str, runs: Any, says: str, name: str, label: str, source: str = "") -> Verdict:
    x, h, c, W, got = runs[0]
    Hout, Cn, _, _ = model().forward(x[None, None], W, 0 * W[0], 0.0,
                                     c[None], h[None])  # fmt: skip
    right = np.concatenate([Hout[0, 0], Cn[0]])
    wrong = np.flatnonzero(np.abs(got - right) > 2e-6 * np.abs(right).max())
    place = None
    if len(wrong):
        k, H = int(wrong[0]), len(h)
        where = f"{'h' if k < H else 'c'} of unit {k % H}"
        place = Place("[h, c]", (k,), float(got[k]), float(right[k]), where)
    hint = EQUATIONS[label].hint if label in EQUATIONS else ""
    says = says[:1].upper() + says[1:]
    return Verdict((Finding(part, "wrong", says, (), label, source, hint, place, (name,)),))


def _besides(function: Callable[..., Any], runs: Any, limit: float) -> Verdict:
    """Check what else can be wrong if the values are right: the seed, and side effects."""
    x, h, c, _, got = runs[0]
    again, other = (
        _read(call(function, seed, x, h, c, len(h), limit=limit), len(h)) for seed in (0, 1)
    )
    for which, (_, trouble) in (("a second call", again), ("a call with another seed", other)):
        if trouble:
            return Verdict((Finding("cell", "wrong", f"{which}: {trouble}"),))
    if not np.allclose(again[0], got, atol=1e-6):
        return Verdict((Finding("cell", "wrong", "a second call gives another result"),))
    if np.allclose(other[0], got, atol=1e-9):
        return Verdict((Finding("cell", "wrong", "every seed gives the same weights"),))
    says = f"[h, c] agrees with the equations on {len(_SIZES)} random problems"
    return Verdict((Finding("cell", "right", says),))


def _without_weights(function: Callable[..., Any], runs: Any, limit: float) -> Verdict:
    """Check what holds for any weights, if they are not ours."""
    x, h, c = runs[0][:3]
    H = len(h)

    def step(c_prev: Any) -> tuple[Any, Any]:
        value = np.asarray(call(function, 0, x, h, c_prev, H, limit=limit).value, np.float64)
        return value[:H], value[H:]

    says = "the weights are not those that the seed gives in the book's cell: W_f, W_i, W_o, W_g "
    says += "by lecun_normal, in this order, then the biases"
    details = []
    try:
        (h0, c0), (h1, c1), (_, c2) = (step(0 * c + k) for k in (0.0, 1.0, 2.0))
    except Exception:
        return Verdict((Finding("cell", "wrong", says),))
    f = c1 - c0
    if not np.allclose(c2 - c1, f, atol=1e-5):
        details.append("c does not depend on c_prev as f * c_prev + i * g does")
    elif not ((f > 0) & (f < 1)).all():
        details.append("how much of c_prev is left in c is not a number between 0 and 1")
    o = np.stack([h0 / np.tanh(c0), h1 / np.tanh(c1)])
    if not np.allclose(o[0], o[1], atol=1e-4):
        details.append("h is not o * tanh(c) with an output gate that knows nothing of c")
    elif not ((o > 0) & (o < 1)).all():
        details.append("h / tanh(c) is not a number between 0 and 1")
    if not details:
        details.append("whatever the weights are, c depends on c_prev, and h on c, as they should")
    return Verdict((Finding("cell", "wrong", says, tuple(details)),))
