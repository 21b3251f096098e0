"""Memory is what the docstrings say: counted number by number, and by the process's own peak.

A run keeps 1 + D + 8H numbers for each step and sequence (the input vector u, four gates, c, tanh c
and h), and a copy of the weights. The backward pass adds 4H + D (dZ and dX) and the gradient of the
weights. `lstm.recompute` keeps two states for every piece, and the numbers of two pieces while it
runs.
"""

import functools
import subprocess
import sys
import tracemalloc
from math import isqrt

import numpy as np
import pytest

import lstm
from lstm import fused, recompute, stack
from lstm.stream import Stream

N, B, D, H = 400, 16, 20, 32
WEIGHTS = (1 + D + H) * 4 * H
LENGTHS = [4] * 6 + [3] * 4 + [0] * 6


def peak(function):
    """Return the largest number of float64s allocated at once, beyond those allocated before."""
    tracemalloc.start()
    try:
        kept = function()
        return tracemalloc.get_traced_memory()[1] / 8, kept
    finally:
        tracemalloc.stop()


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(0)
    X, W = rng.standard_normal((N, B, D)), lstm.init(D, H, rng=1)
    for _ in range(2):  # what NumPy sets up once is no part of it
        run = lstm.forward(X[:9], W)
        lstm.backward(run.Hout, run.cache)
    return X, W


def test_forward(problem):
    formula = N * B * (1 + D + 8 * H) + WEIGHTS
    numbers, _ = peak(lambda: lstm.forward(*problem))
    assert formula <= numbers < 1.03 * formula


def test_backward(problem):
    run = lstm.forward(*problem)
    formula = N * B * (4 * H + D) + WEIGHTS
    numbers, _ = peak(lambda: lstm.backward(run.Hout, run.cache))
    assert formula <= numbers < 1.15 * formula, "and one block of steps"


@pytest.mark.parametrize("n", [1, 8, 16, 31, 32, 33, 64, 65])
def test_both_sides_of_the_first_block(n, problem):
    """Shorter runs than one block of `lstm.backward`, and just longer ones."""
    X, W = problem
    run = lstm.forward(X[:n], W)
    formula = n * B * (4 * H + D) + WEIGHTS
    block = min(n, fused._BLOCK // (4 * B * H)) * B * H
    numbers, _ = peak(lambda: lstm.backward(run.Hout, run.cache))
    assert formula <= numbers < formula + 2.5 * block + 12 * B * H + 500
    formula = n * B * (1 + D + 8 * H) + WEIGHTS
    numbers, _ = peak(lambda: lstm.forward(X[:n], W))
    assert formula <= numbers < formula + 20 * B * H + 500


def test_recompute(problem):
    every = isqrt(N)
    pieces = -(-N // every)
    piece = every * B * (1 + D + 8 * H)
    forward = N * B * H + 2 * pieces * B * H + 2 * WEIGHTS + 2 * piece
    numbers, run = peak(lambda: recompute.forward(*problem))
    assert 0.8 * forward < numbers < 1.2 * forward
    backward = N * B * D + 4 * WEIGHTS + 2 * piece + every * B * (4 * H + D)
    numbers, _ = peak(lambda: recompute.backward(run.Hout, run.cache))
    assert numbers < 1.2 * backward


def test_a_stack_adds_up(problem):
    X, _ = problem
    layers = stack.init(D, [H, H], rng=0)
    formula = N * B * (2 + D + 17 * H)  # of the upper layer D is H
    numbers, _ = peak(lambda: stack.forward(X, layers))
    assert formula <= numbers < 1.15 * formula, "and, at most, one copy of what is read"


def test_padding_takes_no_memory(problem):
    X, W = problem
    layers, lengths = [stack.Layer(W)], np.arange(N, 0, -N // B)
    m = lengths.sum()
    formula = m * (1 + D + 8 * H) + N * B * H + WEIGHTS
    numbers, run = peak(lambda: stack.forward(X, layers, lengths=lengths))
    assert formula <= numbers < 1.1 * formula, "and the inputs of all steps once more"
    formula = m * (4 * H + D) + N * B * D + WEIGHTS
    numbers, _ = peak(lambda: stack.backward(run.Hout, run.cache))
    assert formula <= numbers < 1.3 * formula, "and one block of steps"


def test_a_stream_takes_nothing_however_long(problem):
    X, W = problem
    stream = Stream(W, B)
    stream.step(X[0])

    def steps(times):
        for _ in range(times):
            for x in X:
                stream.step(x)

    steps(1)
    (short, _), (long, _) = peak(lambda: steps(1)), peak(lambda: steps(10))
    assert long < short + 100
    assert short < 10 * B * H + 1000


def forth_and_back(module, X, weights):
    run = module.forward(X, weights)
    return lambda: module.backward(run.Hout, run.cache)


RUNS = {  # what is measured, made of inputs and weights
    "forward": lambda X, W: lambda: lstm.forward(X, W),
    "forward without a cache": lambda X, W: lambda: lstm.forward(X, W, cache=False),
    "backward": lambda X, W: forth_and_back(lstm, X, W),
    "a step": lambda X, W: lambda: lstm.step(X[0], W),
    "a step of a stream": lambda X, W: functools.partial(Stream(W, B).step, X[0]),
    "a stack forward": lambda X, W: lambda: stack.forward(X, [stack.Layer(W)], lengths=LENGTHS),
    "recompute forward": lambda X, W: lambda: recompute.forward(X, W),
    "recompute backward": lambda X, W: forth_and_back(recompute, X, W),
}


@pytest.mark.parametrize("name", RUNS)
def test_float32_takes_half_as_much(name, problem):
    """Nothing is computed in float64 on the way, which would be slower, too."""
    X, W = problem
    runs = [RUNS[name](X[:4].astype(dtype), W.astype(dtype)) for dtype in ("float32", "float64")]
    for run in runs:
        run()
    half, whole = (peak(run)[0] for run in runs)
    assert 0.5 * whole <= half < 0.55 * whole


PROCESS = """
import re, numpy as np, lstm
n, b, D, H = 2000, 16, 20, 64

def high():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) * 128

X, W = np.ones((n, b, D)), lstm.init(D, H, rng=0)
run = lstm.forward(X[:20], W)
back = lstm.backward(run.Hout, run.cache)
before = high()
run = lstm.forward(X, W)
after = high()
back = lstm.backward(run.Hout, run.cache)
print((after - before) / (n * b * (1 + D + 8 * H)), (high() - after) / (n * b * (4 * H + D)))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has /proc")
def test_the_process_grows_by_as_much():
    result = subprocess.run(
        [sys.executable, "-c", PROCESS], capture_output=True, text=True, check=True
    )
    forward, backward = map(float, result.stdout.split())
    assert 0.95 < forward < 1.1
    assert 0.95 < backward < 1.1
