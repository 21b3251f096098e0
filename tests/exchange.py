"""What the tests against real frameworks share: a problem, our answer to it, and comparisons.

A stack with its inputs, lengths, states and incoming gradients is a `Task`. A framework answers
it with its own layers or cells; `assert_agree` compares outputs, last states and all gradients.
"""

from typing import NamedTuple

import numpy as np

from lstm import stack

SEED = 3
TOLERANCE = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-10}


class Task(NamedTuple):
    X: np.ndarray
    c0: list
    h0: list
    lengths: list
    dHout: np.ndarray
    dCn: list
    dHn: list


def task(dtype, D=3, H=6, layers=2, d=2, n=5, lengths=(2, 4, 2, 4)):
    """Draw a task in which nothing is zero, with padding full of nonsense that must not count."""
    rng = np.random.default_rng(SEED)
    b = len(lengths)

    def normal(*shape):
        return rng.standard_normal(shape).astype(dtype)

    def states():
        return [normal(d, b, H) for _ in range(layers)]

    X, dHout = normal(n, b, D), normal(n, b, d * H)
    for j, length in enumerate(lengths):
        X[length:, j] = 100  # large, but a framework that multiplies it by zero stays finite
        dHout[length:, j] = 0
    return Task(X, states(), states(), list(lengths), dHout, states(), states())


def ours(layers, t):
    """All results of `lstm.stack` by name."""
    Hout, Cn, Hn, cache = stack.forward(t.X, layers, t.c0, t.h0, lengths=t.lengths)
    dX, dlayers, dc0, dh0 = stack.backward(t.dHout, cache, t.dCn, t.dHn)
    return {
        "Hout": Hout, "Cn": Cn, "Hn": Hn, "dX": dX, "dc0": dc0, "dh0": dh0, "dlayers": dlayers,
    }  # fmt: skip


def assert_close(got, want, dtype, name=""):
    """Arrays, or lists and dictionaries of arrays, equal but for rounding, dtype included."""
    if isinstance(want, dict):
        assert set(got) == set(want), name
        for key in want:
            assert_close(got[key], want[key], dtype, f"{name}.{key}")
    elif isinstance(want, (list, tuple)):
        assert len(got) == len(want), name
        for k, (a, b) in enumerate(zip(got, want, strict=True)):
            assert_close(a, b, dtype, f"{name}.{k}")
    elif want is None:
        assert got is None, name
    else:
        got, want = np.asarray(got), np.asarray(want)
        assert got.dtype == want.dtype == dtype, (name, got.dtype, want.dtype)
        assert got.shape == want.shape, (name, got.shape, want.shape)
        scale = max(1.0, np.abs(want).max(initial=0))
        atol = TOLERANCE[np.dtype(dtype)] * scale
        np.testing.assert_allclose(got, want, rtol=0, atol=atol, err_msg=name)


def random_like(params, dtype):
    """The same tree with random numbers in it: biases, too, are not zero."""
    rng = np.random.default_rng(SEED + 1)

    def draw(value):
        if isinstance(value, dict):
            return {key: draw(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [draw(item) for item in value]
        return (rng.standard_normal(np.shape(value)) / 2).astype(dtype)

    return draw(params)


def difference(a, b):
    """Subtract trees: a converter's result for a gradient, less its result for zeros."""
    if isinstance(a, dict):
        return {key: difference(a[key], b[key]) for key in a}
    if isinstance(a, (list, tuple)):
        return [difference(x, y) for x, y in zip(a, b, strict=True)]
    return None if a is None else a - b


def as_gradient(dump, dlayers):
    """A gradient in a library's layout. ``dump`` may add a constant; a gradient has none."""
    zeros = [
        stack.Layer(*(None if dW is None else np.zeros_like(dW) for dW in dlayer))
        for dlayer in dlayers
    ]
    return difference(dump(dlayers), dump(zeros))
