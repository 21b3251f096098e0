"""Find the mistakes that explain all outputs: one of the table, or several together.

A mistake is named only if the plain loop with it gives *every* output of the judged code, on all
problems. First every mistake is tried alone. If none explains everything, they are combined: a
mistake that explains more parts of the outputs than before is kept, and the table is tried again
on top of it. A set that does not explain everything is never named.
"""

import itertools
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..layout import GATES, split_gates
from .mistake import Mistake
from .mistakes import mistakes
from .plain import Model, Patch, model
from .styles import Problem

__all__ = ["FORWARD", "GRADIENTS", "Arrays", "agree", "explain", "parts", "run"]

Arrays = dict[str, NDArray[Any]]
"""Outputs by name, in this package's layout."""

FORWARD = ("Hout", "Cn", "Hn")
GRADIENTS = ("dX", "dW", "db2", "dc0", "dh0")

_WIDTH, _DEPTH = 6, 3  # how many partial explanations are kept, and how many mistakes together


def run(plain: Model, p: Problem, back: bool = True) -> Arrays:
    """Run the plain loop, and return all its results.

    Args:
        plain: The loop, right or wrong.
        p: The problem to run it on.
        back: Whether to run its backward pass, too.

    Returns:
        dict: The arrays of `FORWARD`, and those of `GRADIENTS`.

    Example:
        >>> from lstm.tutor.styles import problem
        >>> sorted(run(model(), problem(3, 2, 5, 4), back=False))
        ['Cn', 'Hn', 'Hout']
    """
    Hout, Cn, Hn, kept = plain.forward(p.X, p.W, p.second, p.plus, p.c0, p.h0)
    results = [Hout, Cn, Hn]
    if back:
        dX, dW, db2, dc0, dh0 = plain.backward(kept, p.W, p.c0, p.h0, p.dHout, p.dCn, p.dHn)
        results += [dX, dW, db2 if p.second.any() else dW[0], dc0, dh0]
    return dict(zip(FORWARD + GRADIENTS, results, strict=False))


@np.errstate(all="ignore")
def agree(a: NDArray[Any], b: NDArray[Any], tolerance: float) -> bool:
    """Return whether two arrays agree, up to a fraction of the largest element of the second.

    Args:
        a: An array.
        b: The array that it should equal.
        tolerance: The fraction.

    Returns:
        bool: False if a shape differs or something is nan, too.

    Example:
        >>> agree(np.array([1.0, 2.0]), np.array([1.0, 2.1]), 1e-9)
        False
    """
    if a.shape != b.shape:
        return False
    scale = float(np.abs(b).max(initial=0.0))
    return bool(np.all(np.abs(a - b) <= tolerance * scale))


def parts(arrays: Arrays, names: Sequence[str]) -> Arrays:
    """Cut outputs into parts that one mistake can leave right: steps, gates, blocks of weights.

    Args:
        arrays: Outputs by name.
        names: Which to cut.

    Returns:
        dict: The parts by name, such as ``Hout[0]`` or ``dWh f``.

    Example:
        >>> from lstm.tutor.styles import problem
        >>> list(parts(run(model(), problem(2, 1, 5, 4)), FORWARD))
        ['Hout[0]', 'Hout[1]', 'Cn', 'Hn']
    """
    found: Arrays = {}
    for name in names:
        array = arrays[name]
        if name in ("Hout", "dX"):
            found |= {f"{name}[{t}]": array[t] for t in range(len(array))}
        elif name == "dW":
            H = array.shape[1] // 4
            for k, block in zip(GATES, split_gates(array), strict=True):
                found |= {f"db {k}": block[0], f"dWx {k}": block[1:-H], f"dWh {k}": block[-H:]}
        else:
            found[name] = array
    return found


def explain(
    probes: Sequence[tuple[Problem, Arrays]],
    proofs: Sequence[tuple[Problem, Arrays]],
    *,
    names: Sequence[str],
    given: tuple[Patch, ...] = (),
    tolerance: float = 1e-9,
) -> list[tuple[Mistake, ...]]:
    """Find sets of mistakes that explain all outputs on all problems.

    Args:
        probes: Problems and the outputs of the code that is judged, the smallest first. Mistakes
            that explain parts of them are examined more closely.
        proofs: More problems and outputs, larger ones.
        names: Which outputs to explain: `FORWARD` or `GRADIENTS`.
        given: Patches that are in place already, such as those of a wrong forward pass.
        tolerance: The largest difference allowed, as a fraction of an array's largest element.

    Returns:
        list: Sets of mistakes, of the same number. More than one if they cannot be told apart
        from outside. Empty if nothing explains everything.

    Example:
        >>> from lstm.tutor.styles import problem
        >>> wrong = model((("dc_prev = dc * f", "dc_prev = dc * i"),))
        >>> probe, proof = ((p, run(wrong, p)) for p in (problem(1, 1, 5, 4), problem(3, 2, 5, 4)))
        >>> [[m.name for m in one] for one in explain([probe], [proof], names=GRADIENTS)]
        [['dc_prev: i for f']]
    """
    first = (*probes, *proofs)[0][0]
    every = mistakes(two_biases=bool(first.second.any()), plus=bool(first.plus))
    cut = [list(parts(outputs, names).values()) for _, outputs in probes]
    theirs = np.concatenate([part.ravel() for part in itertools.chain(*cut)])
    ends = np.cumsum([part.size for part in itertools.chain(*cut)])
    starts = np.concatenate([[0], ends[:-1]]).astype(int)

    def pieces(patches: tuple[Patch, ...]) -> NDArray[Any]:
        """The parts that the plain loop gives, for all probes, one after the other."""
        runs = [_run(patches, p, names) for p, _ in probes]
        if not all(runs):
            return np.zeros(0)
        given = [parts(outputs, names).values() for outputs in runs]
        return np.concatenate([part.ravel() for part in itertools.chain(*given)])

    def alike(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
        """Return which parts agree: `agree` for all of them at once."""
        if one.shape != other.shape:
            return np.zeros(len(starts), bool)
        scale = np.maximum.reduceat(np.abs(other), starts)
        return np.maximum.reduceat(np.abs(one - other), starts) <= tolerance * scale

    def fits(patches: tuple[Patch, ...]) -> bool:
        """Return whether a set of mistakes explains everything on all problems."""
        return all(
            name in mine and agree(outputs[name], mine[name], tolerance)
            for p, outputs in (*proofs, *probes)
            for mine in (_run(patches, p, names),)
            for name in names
        )

    table = [
        mistake
        for mistake in every
        if mistake.forward == (names == FORWARD) and _compiles(given + mistake.patches)
    ]
    found: list[tuple[Mistake, ...]] = [
        (mistake,) for mistake in table if fits(given + mistake.patches)
    ]
    if found:
        return found
    right = pieces(given)
    start = alike(theirs, right)
    kept: list[tuple[tuple[Mistake, ...], NDArray[np.bool_]]] = []
    changes = {}
    for mistake in table:
        alone = pieces(given + mistake.patches)
        changes[mistake] = ~alike(right, alone)
        now = alike(theirs, alone)
        if _better(now, start):
            kept.append(((mistake,), now))
    tried: set[frozenset[str]] = set()
    for _ in range(_DEPTH - 1):
        kept.sort(key=lambda each: -each[1].sum())
        bases, kept = kept[:_WIDTH], []
        for base, done in bases:
            patches = given + tuple(patch for mistake in base for patch in mistake.patches)
            for mistake, changed in changes.items():
                together = frozenset((*(m.name for m in base), mistake.name))
                # Left out are mistakes that spoil an explained part, or change no unexplained one.
                if (changed & done).any() or not (changed & ~done).any() or together in tried:
                    continue
                tried.add(together)
                more = patches + mistake.patches
                if mistake not in base and _compiles(more):
                    now = alike(theirs, pieces(more))
                    if _better(now, done):
                        kept.append(((*base, mistake), now))
                        if now.all() and fits(more):
                            found.append((*base, mistake))
        if found:
            return found
    return []


def _better(now: NDArray[np.bool_], before: NDArray[np.bool_]) -> bool:
    """Return whether more parts are explained than before, and none is lost."""
    return bool(now.sum() > before.sum() and (now >= before).all())


_Key = tuple[tuple[Patch, ...], tuple[Any, ...], bool]
_MEMORY: dict[_Key, Arrays] = {}


def _run(patches: tuple[Patch, ...], p: Problem, names: Sequence[str]) -> Arrays:
    """`run`; if it is one mistake alone, kept, as they are tried on the same problems each time.

    Nothing if the patches together cannot run: one may need what another has left out.
    """
    back = names == GRADIENTS
    key = (patches, p.key, back)
    if key in _MEMORY:
        return _MEMORY[key]
    try:
        outputs = run(model(patches), p, back)
    except Exception:
        return {}
    if patches in _alone():
        _MEMORY[key] = outputs
    return outputs


@lru_cache(maxsize=1)
def _alone() -> frozenset[tuple[Patch, ...]]:
    """The patches of each mistake, and none."""
    return frozenset({(), *(mistake.patches for mistake in mistakes())})


@lru_cache(maxsize=1 << 16)
def _compiles(patches: tuple[Patch, ...]) -> bool:
    """Whether the patches can be made together."""
    try:
        model(patches)
    except ValueError:
        return False
    return True
