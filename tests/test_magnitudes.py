"""Cells and gradients of any size go through every program unchanged except for halving.

With weights of zero all gates are 1/2 and nothing is written: a cell halves at every step, and so
does its gradient on the way back. Halving a power of two is exact, from the smallest numbers of a
dtype to the largest, so that a bound on them, wherever it is, changes a bit.
"""

from functools import partial

import jax
import numpy as np
import pytest

import lstm
from lstm import recompute, reference, scan, stack
from lstm.parallel import adjoint

STEPS = 3
POWERS = {np.dtype("float32"): range(-100, 101, 5), np.dtype("float64"): range(-960, 961, 30)}


def problem(dtype):
    """Inputs and weights of zero, and in each row of the batch another power of two."""
    sizes = np.array([sign * 2.0**k for k in POWERS[dtype] for sign in (-1, 1)], dtype)[:, None]
    return np.zeros((STEPS, len(sizes), 1), dtype), np.zeros((3, 4), dtype), sizes


def one_by_one(step, X, c):
    h = np.zeros_like(c)
    for x in X:
        c, h = step(x, c, h)
    return c


def by_stream(X, W, c):
    stream = lstm.Stream([stack.Layer(W)], batch=len(c))
    stream.reset([(c, np.zeros_like(c))])
    for x in X:
        stream.step(x)
    return stream.state[0].c


def by_reference(X, W, c):
    def step(x, c, h):
        v = reference.forward(x, W, c, h)
        return v.c, v.h

    return one_by_one(step, X, c)


CELLS = {  # from inputs, weights and c0 to the last cell
    "forward": lambda X, W, c: lstm.forward(X, W, c).Cn,
    "without a cache": lambda X, W, c: lstm.forward(X, W, c, cache=False).Cn,
    "step": lambda X, W, c: one_by_one(lambda x, c, h: lstm.step(x, W, c, h), X, c),
    "stream": by_stream,
    "stack": lambda X, W, c: stack.forward(X, [stack.Layer(W)], [c[None]]).Cn[0][0],
    "recompute": lambda X, W, c: recompute.forward(X, W, c, every=2).Cn,
    "reference": by_reference,
    "scan": lambda X, W, c: scan.forward(X, W, c).Cn,
}


def by_stack(X, W, c, dCn, dHn):
    cache = stack.forward(X, [stack.Layer(W)], [c[None]]).cache
    return stack.backward(None, cache, [dCn[None]], [dHn[None]]).dc0[0][0]


def by_scan(X, W, c, dCn, dHn):
    run, pull = jax.vjp(lambda c: scan.forward(X, W, c), c)
    return pull(run._replace(Hout=0 * run.Hout, Cn=dCn, Hn=dHn))[0]


def by_pair(forward, backward, X, W, c, dCn, dHn):
    return backward(None, forward(X, W, c).cache, dCn, dHn).dc0


GRADIENTS = {  # from these and the gradients of the last states to that of c0
    "backward": partial(by_pair, lstm.forward, lstm.backward),
    "recompute": partial(by_pair, partial(recompute.forward, every=2), recompute.backward),
    "adjoint": lambda X, W, c, dCn, dHn: adjoint.backward(
        np.zeros((STEPS, *c.shape), c.dtype), lstm.forward(X, W, c).cache, dCn, dHn).dc0,
    "stack": by_stack,
    "scan": by_scan,
}  # fmt: skip


@pytest.mark.parametrize("dtype", POWERS, ids=str)
@pytest.mark.parametrize("way", CELLS)
def test_a_cell_of_any_size(way, dtype):
    X, W, c0 = problem(dtype)
    with jax.enable_x64(True):
        np.testing.assert_array_equal(CELLS[way](X, W, c0), c0 / 2**STEPS, strict=True)


SUBNORMAL = {np.dtype("float32"): range(-146, -126), np.dtype("float64"): range(-1071, -1022)}
"""Powers below the normal numbers of a dtype that can be halved three times all the same."""


@pytest.mark.parametrize("dtype", SUBNORMAL, ids=str)
@pytest.mark.parametrize("way", [way for way in CELLS if way != "scan"])  # XLA makes them zero
def test_a_cell_that_is_all_but_zero(way, dtype):
    c0 = np.array([sign * 2.0**k for k in SUBNORMAL[dtype] for sign in (-1, 1)], dtype)[:, None]
    X, W = np.zeros((STEPS, len(c0), 1), dtype), np.zeros((3, 4), dtype)
    want = c0 / 2**STEPS
    assert want.all()
    np.testing.assert_array_equal(CELLS[way](X, W, c0), want, strict=True)


@pytest.mark.parametrize("dtype", POWERS, ids=str)
@pytest.mark.parametrize("way", GRADIENTS)
def test_a_gradient_of_any_size(way, dtype):
    """That of the last cell, and that of the last output: half of it goes to the cell."""
    X, W, size = problem(dtype)
    zero = np.zeros_like(size)
    with jax.enable_x64(True):
        for given, factor in (((size, zero), 1), ((zero, size), 2)):
            got = GRADIENTS[way](X, W, zero, *given)
            np.testing.assert_array_equal(got, size / factor / 2**STEPS, strict=True)
