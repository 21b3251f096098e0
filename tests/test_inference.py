"""`forward` without a cache: the same results, less memory, and nothing to go back with."""

import tracemalloc

import numpy as np
import pytest
from helpers import assert_same, draw, freeze, refused
from hypothesis import given
from hypothesis import strategies as st
from sweeps import agree, exact
from test_sweeps import SHAPES

import lstm
from lstm import directions, inference, stack
from lstm.gradcheck import random_problem

DTYPES = (np.float32, np.float64)
NAMES = ("Hout", "Cn", "Hn")


def results(run):
    return dict(zip(NAMES, run, strict=False))


@given(SHAPES, st.sampled_from(DTYPES), st.integers(-6, 6), st.integers(0, 2**32 - 1))
def test_any_size_at_any_magnitude(shape, dtype, power, seed):
    """Against the reference, and beside the run that keeps a cache."""
    problem = random_problem(*shape, seed=seed, dtype=dtype)
    problem.inputs["c0"] *= dtype(10.0**power)
    freeze(*problem.inputs.values())
    run = lstm.forward(**problem.inputs, cache=False)
    want = exact(problem)
    agree(results(run), {name: want[name] for name in NAMES}, f"{shape}")
    assert_same(results(run), results(lstm.forward(**problem.inputs)))
    assert all(array.flags.c_contiguous and array.flags.owndata for array in run[:3])


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("lengths", [None, [5, 0, 2], [1, 0, 2]])
@pytest.mark.parametrize("batch_first", [False, True])
def test_a_stack(d, lengths, batch_first):
    layers = stack.init(10, [4, 6], bidirectional=d == 2, rng=0)
    X = np.random.default_rng(1).standard_normal((3, 5, 10) if batch_first else (5, 3, 10))
    options = {"lengths": lengths, "batch_first": batch_first}
    Hout, Cn, Hn, cache = stack.forward(X, layers, **options, cache=False)
    want = stack.forward(X, layers, **options)
    assert cache is None
    for one, two in zip((Hout, *Cn, *Hn), (want.Hout, *want.Cn, *want.Hn), strict=True):
        np.testing.assert_allclose(one, two, rtol=0, atol=1e-14, strict=True)


@pytest.mark.parametrize("lengths", [None, np.array([5, 1, 2])])
def test_one_direction_reads_forward_and_keeps_what_it_is_asked_to(lengths, monkeypatch):
    problem = draw(n=5, b=3)
    X, W, c, h = (problem.inputs[name] for name in ("X", "WLSTM", "c0", "h0"))
    want = directions.forward(X, W, c, h, lengths, turned=False, cache=True)
    got = directions.forward(X, W, c, h, lengths)
    assert_same(results(got), results(want))
    zero = np.zeros_like(c)
    for one, two in zip(
        directions.backward(want[0], got[3], zero, zero),
        directions.backward(want[0], want[3], zero, zero, turned=False),
        strict=True,
    ):
        np.testing.assert_array_equal(one, two, strict=True)

    kept, forward = [], directions.fused.forward

    def watched(*arguments, cache=True):
        run = forward(*arguments, cache=cache)
        kept.append(run.cache)
        return run

    monkeypatch.setattr(directions.fused, "forward", watched)
    assert directions.forward(X, W, c, h, lengths, cache=False)[3] is None
    assert set(kept) == {None}


@pytest.mark.parametrize(
    "layout",
    [
        np.asfortranarray,
        lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
        lambda a: a[..., ::-1].copy()[..., ::-1],
        lambda a: np.frombuffer(b"." + a.tobytes(), np.uint8)[1:].view(a.dtype).reshape(a.shape),
    ],
    ids=["by columns", "with gaps", "backwards", "not aligned"],
)
def test_the_layout_in_memory_does_not_matter(layout):
    problem = draw()
    moved = {name: layout(value) for name, value in problem.inputs.items()}
    assert any(not (a.flags.c_contiguous and a.flags.aligned) for a in moved.values())
    got = lstm.forward(**moved, cache=False)
    assert_same(results(got), results(lstm.forward(**problem.inputs)))


def test_complex_numbers():
    problem = draw()
    inputs = {name: value + 0.1j * value[::-1] for name, value in problem.inputs.items()}
    want = results(lstm.forward(**inputs))
    assert_same(results(lstm.forward(**inputs, cache=False)), want, 1e-13)


@pytest.mark.parametrize("n", [0, 1, 5])
def test_results_share_memory_with_nothing(n):
    problem = draw(n=n, b=1)
    arrays = [*lstm.forward(**problem.inputs, cache=False)[:3], *problem.inputs.values()]
    for k, one in enumerate(arrays):
        assert not any(np.shares_memory(one, other) for other in arrays[:k])


@pytest.mark.parametrize(
    "shape", [(100, 32, 64, 128), (50, 64, 256, 256), (49, 64, 256, 256), (48, 64, 256, 256),
              (20, 64, 256, 256), (2000, 1, 8, 16)]
)  # fmt: skip
def test_memory_for_the_results_and_one_step(shape):
    """No more than 1.3 times inputs and outputs together, the weights being an input."""
    n, b, D, H = shape
    problem = random_problem(*shape, dtype=np.float32)
    tracemalloc.start()
    lstm.forward(**problem.inputs, cache=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    needed = 4 * (n * b * H + 2 * b * H + b * (1 + D + 7 * H))
    if b >= 32 and n * b > 12 * H:  # large enough for a copy of the weights
        needed += problem.inputs["WLSTM"].nbytes
    assert needed < peak < needed + 20_000
    given = sum(array.nbytes for array in problem.inputs.values())
    assert given + peak < 1.3 * (given + 4 * (n * b * H + 2 * b * H))


def test_a_stack_keeps_the_outputs_of_two_layers_at_most():
    layers = stack.init(128, 128, layers=5, rng=0, dtype=np.float32)
    X = np.ones((500, 32, 128), np.float32)
    tracemalloc.start()
    stack.forward(X, layers, cache=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    weights = layers[0].forward.nbytes  # those of one layer are copied at a time
    assert 2 * X.nbytes + weights < peak < 2.1 * X.nbytes + weights


def test_a_gate_may_overflow_without_a_warning():
    for dtype, sign in ((np.float32, 1), (np.float64, -1)):
        X = np.full((3, 2, 4), sign * np.finfo(dtype).max, dtype)
        W = np.full((1 + 4 + 2, 8), 2, dtype)
        with np.errstate(all="raise"):
            run = lstm.forward(X, W, cache=False)
        assert all(np.isfinite(array).all() for array in run[:3])


def test_what_it_returns_has_no_way_back():
    problem = draw()
    run = lstm.forward(**problem.inputs, cache=False)
    assert isinstance(run, lstm.Outputs)
    assert run.cache is None
    message = "cache: expected the Cache of lstm.forward, got "
    with refused(TypeError, message + "None, which is what it returns with cache=False"):
        lstm.backward(run.Hout, run.cache)
    with refused(TypeError, message + "the whole Outputs: pass its field cache"):
        lstm.backward(run.Hout, run)


@pytest.mark.parametrize("flag", [None, 0, "no", np.zeros(3)])
def test_the_flag_is_true_or_false(flag):
    with refused(TypeError, f"cache: expected True or False, got {flag!r}"):
        lstm.forward(**draw().inputs, cache=flag)


def test_the_flag_may_be_of_numpy_and_true():
    problem = draw()
    assert isinstance(lstm.forward(**problem.inputs, cache=np.True_), lstm.Forward)
    assert isinstance(lstm.forward(**problem.inputs, cache=np.False_), lstm.Outputs)


def test_arguments_are_checked_all_the_same():
    with refused(ValueError, "X: expected shape (n, b, D) = (any, any, 10), got (5, 3, 9)"):
        lstm.forward(np.ones((5, 3, 9)), np.ones((15, 16)), cache=False)


@pytest.mark.parametrize(
    ("n", "b", "H", "copied"),
    [(2, 32, 4, True), (2, 31, 4, False), (1, 48, 4, False), (1, 49, 4, True), (9, 40, 30, False)],
)
def test_a_large_batch_gets_its_weights_by_rows_of_gates(monkeypatch, n, b, H, copied):
    problem = random_problem(n, b, 3, H, seed=1)
    freeze(*problem.inputs.values())
    W, seen = problem.inputs["WLSTM"], []
    want = lstm.forward(**problem.inputs)
    monkeypatch.setattr(np, "matmul", lambda W, u, out: seen.append(W) or np.dot(W, u, out=out))
    for weights in (W, np.asfortranarray(W)):
        got = lstm.forward(**{**problem.inputs, "WLSTM": weights}, cache=False)
        assert_same(results(got), results(want))
        assert len(seen) == n
        by_rows = copied or weights is not W
        assert all(each.flags.c_contiguous == by_rows for each in seen)
        assert np.shares_memory(seen[0], weights) == (weights is not W or not copied)
        seen.clear()


def test_weights_are_not_copied_unless_they_have_gaps(monkeypatch):
    """A copy for every step, which BLAS would make, is worse than one before them."""
    seen = []
    monkeypatch.setattr(np, "matmul", lambda W, u, out: seen.append(W) or np.dot(W, u, out=out))
    X, W, zero = np.ones((2, 3, 10)), np.ones((15, 16)), np.zeros((3, 4))
    inference.run(X, W, zero, zero)
    inference.run(X, np.asfortranarray(W), zero, zero)
    assert np.shares_memory(seen[0], W)
    gaps = np.ones((15, 32))[:, ::2]
    inference.run(X, gaps, zero, zero)
    assert seen[-1].flags.forc
    assert not np.shares_memory(seen[-1], gaps)
