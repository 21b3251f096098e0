"""What several test files share: problems to run an LSTM on, ways to run it, and a comparison."""

from contextlib import contextmanager

import numpy as np
import pytest

import lstm
from lstm import reference
from lstm.gradcheck import Problem, random_problem

# Ten random shapes (n, b, D, H), the four sizes of each all different and between 1 and 6.
SIZES = np.tile(np.arange(1, 7), (10, 1))
SHAPES = list(map(tuple, np.random.default_rng(0).permuted(SIZES, axis=1)[:, :4].tolist()))

# What is left of rounding when two ways to add up the same numbers are compared: the sums have
# up to some 100 terms, and what is compared is divided by the largest number of the array.
TOLERANCE = {np.dtype(np.float64): 1e-13, np.dtype(np.float32): 1e-13 * 2.0**29}


def draw(n=5, b=3, D=10, H=4, **options) -> Problem:
    """Draw a random problem in read-only arrays: code that changes an argument raises an error."""
    problem = random_problem(n, b, D, H, **options)
    freeze(*problem.inputs.values(), *problem.cotangents)
    return problem


def freeze(*arrays):
    for array in arrays:
        array.setflags(write=False)


def run(problem, forward=lstm.forward, backward=lstm.backward):
    """Forward and backward: all seven results by name."""
    dHout, dCn, dHn = problem.cotangents
    Hout, Cn, Hn, cache = forward(**problem.inputs)
    return _named((Hout, Cn, Hn), backward(dHout, cache, dCn, dHn))


def run_in_pieces(problem, cuts, module=lstm):
    """The same, cut before the given steps: states go forward, their gradients come back."""
    X, WLSTM, c, h = problem.inputs.values()
    dHout, dc, dh = problem.cotangents
    runs, parts = [], []
    for piece in np.split(X, cuts):
        runs.append(module.forward(piece, WLSTM, c, h))
        c, h = runs[-1].Cn, runs[-1].Hn
    for piece, result in zip(np.split(dHout, cuts)[::-1], runs[::-1], strict=True):
        parts.insert(0, module.backward(piece, result.cache, dc, dh))
        dc, dh = parts[0].dc0, parts[0].dh0
    return _named(
        (np.concatenate([result.Hout for result in runs]), c, h),
        (np.concatenate([p.dX for p in parts]), sum(p.dWLSTM for p in parts), dc, dh),
    )


def run_by_reference(problem):
    """The same, by the reference step, one step after the other."""
    X, WLSTM, c, h = problem.inputs.values()
    dHout, dc, dh = problem.cotangents
    steps, parts = [], []
    for x in X:
        steps.append(reference.forward(x, WLSTM, c, h))
        c, h = steps[-1].c, steps[-1].h
    for dh_here, v in zip(dHout[::-1], steps[::-1], strict=True):
        parts.insert(0, reference.backward(v, dh_here + dh, dc))
        dc, dh = parts[0].c_prev, parts[0].h_prev
    return _named(
        (np.array([v.h for v in steps], X.dtype).reshape(dHout.shape), c, h),
        (
            np.array([d.x for d in parts], X.dtype).reshape(X.shape),
            sum((d.W for d in parts), np.zeros_like(WLSTM)),
            dc,
            dh,
        ),
    )


def _named(states, gradients):
    names = ("Hout", "Cn", "Hn", "dX", "dWLSTM", "dc0", "dh0")
    return dict(zip(names, (*states, *gradients), strict=True))


def assert_same(got, want, tolerance=None):
    """The same names, shapes and dtypes, and numbers equal but for rounding."""
    assert list(got) == list(want)
    for name, expected in want.items():
        scale = max(1.0, float(np.abs(expected).max(initial=0)))
        within = TOLERANCE[expected.dtype] if tolerance is None else tolerance
        np.testing.assert_allclose(
            got[name], expected, rtol=0, atol=within * scale, err_msg=name, strict=True
        )


def assert_identical(got, want):
    """The same names, shapes, dtypes and bits; nan equals nan."""
    assert list(got) == list(want)
    for name, expected in want.items():
        np.testing.assert_array_equal(got[name], expected, err_msg=name, strict=True)


@contextmanager
def refused(error, message):
    """Check that a block raises exactly this error with exactly this message."""
    with pytest.raises(error) as raised:
        yield
    assert type(raised.value) is error
    assert str(raised.value) == message


def read_by(step, v):
    """The names of the values that a row of a step table reads."""
    read = set()

    class Spy:
        def __getattr__(self, name):
            read.add(name)
            return getattr(v, name)

    step.forward(Spy())
    return read


def by_jax(function, arguments, cotangents):
    """Results and gradients by JAX, compiled as a whole: compiling each operation takes longer."""
    import jax

    def both(arguments, cotangents):
        results, pull = jax.vjp(function, *arguments)
        return results, pull(cotangents)

    return jax.jit(both)(arguments, cotangents)
