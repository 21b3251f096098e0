"""Recomputation: the gradients of the whole run, with only the states at the cuts kept."""

from functools import partial

import jax
import numpy as np
import pytest
from helpers import by_jax, refused

import lstm
from lstm import gradcheck, recompute


@pytest.mark.parametrize("every", [1, 2, 5, 22, 23, 24, 100, None])
def test_the_gradients_are_those_of_the_whole_run(every):
    p = gradcheck.random_problem(n=23, b=3, D=5, H=4, seed=2)
    whole = lstm.forward(**p.inputs)
    run = recompute.forward(**p.inputs, every=every)
    for name in ("Hout", "Cn", "Hn"):
        np.testing.assert_array_equal(getattr(run, name), getattr(whole, name))
    dHout, dCn, dHn = p.cotangents
    for given in (p.cotangents, (dHout, None, None), (None, dCn, dHn)):
        got = recompute.backward(given[0], run.cache, *given[1:])
        expected = lstm.backward(given[0], whole.cache, *given[1:])
        for name, one, other in zip(expected._fields, got, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12, err_msg=name)


def test_the_oracles_agree():
    p = gradcheck.random_problem(n=9, b=2, D=3, H=4, seed=5)
    gradcheck.check_lstm(
        partial(recompute.forward, every=4), recompute.backward, p, oracle="central"
    ).raise_if_failed()


def test_what_is_kept():
    X, WLSTM = np.ones((100, 3, 5)), lstm.init(5, 4, rng=0)
    cache = recompute.forward(X, WLSTM, every=10).cache
    assert cache.C.shape == cache.H.shape == (10, 3, 4)
    kept = sum(part.size for part in (cache.WLSTM, cache.C, cache.H))
    assert kept == WLSTM.size + 2 * 10 * 3 * 4
    assert cache.X is X


def test_the_weights_may_change_before_the_backward_pass():
    p = gradcheck.random_problem(n=9, b=2, D=3, H=4, seed=5)
    expected = lstm.backward(p.cotangents[0], lstm.forward(**p.inputs).cache)
    run = recompute.forward(**p.inputs)
    p.inputs["WLSTM"][:] = np.nan
    np.testing.assert_allclose(
        recompute.backward(p.cotangents[0], run.cache).dWLSTM, expected.dWLSTM, rtol=1e-12
    )


def test_no_steps():
    X, WLSTM = np.ones((0, 3, 5)), lstm.init(5, 4, rng=0)
    run = recompute.forward(X, WLSTM)
    back = recompute.backward(None, run.cache, np.ones((3, 4)), 2 * np.ones((3, 4)))
    assert back.dX.shape == X.shape
    assert not back.dWLSTM.any()
    np.testing.assert_array_equal(back.dc0, np.ones((3, 4)))
    np.testing.assert_array_equal(back.dh0, 2 * np.ones((3, 4)))


def test_nothing_is_aliased_and_nothing_changed():
    p = gradcheck.random_problem(n=9, b=2, D=3, H=4, seed=5)
    before = {name: array.copy() for name, array in p.inputs.items()}
    run = recompute.forward(**p.inputs)
    one = recompute.backward(*p.cotangents[:1], run.cache, *p.cotangents[1:])
    other = recompute.backward(*p.cotangents[:1], run.cache, *p.cotangents[1:])
    for name, array in before.items():
        np.testing.assert_array_equal(p.inputs[name], array)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.shares_memory(a, b)


@pytest.mark.parametrize(
    ("every", "error", "message"),
    [(0, ValueError, "at least 1, got 0"), (-1, ValueError, "at least 1, got -1"),
     (1.5, TypeError, "an integer, got 1.5"), (True, TypeError, "an integer, got True"),
     ("3", TypeError, "an integer, got '3'")],
)  # fmt: skip
def test_every_is_a_count(every, error, message):
    X, WLSTM = np.ones((5, 3, 5)), lstm.init(5, 4, rng=0)
    for function in (recompute.forward, recompute.scan):
        with refused(error, f"every: expected {message}"):
            function(X.astype("f4"), WLSTM.astype("f4"), every=every)


def test_what_does_not_fit_is_named():
    X, WLSTM = np.ones((5, 3, 5)), lstm.init(5, 4, rng=0)
    ours, other = "recompute.forward", "lstm.forward"
    with refused(TypeError, f"cache: expected the Cache of {ours}, got that of {other}"):
        recompute.backward(None, lstm.forward(X, WLSTM).cache)
    with refused(TypeError, f"cache: expected the Cache of {other}, got that of {ours}"):
        lstm.backward(None, recompute.forward(X, WLSTM).cache)
    with refused(ValueError, "dHout: expected shape (n, b, H) = (5, 3, 4), got (4, 3, 4)"):
        recompute.backward(np.ones((4, 3, 4)), recompute.forward(X, WLSTM).cache)
    with refused(ValueError, "c0: expected shape (b, H) = (3, 4), got (2, 4)"):
        recompute.forward(X, WLSTM, np.ones((2, 4)))
    with refused(ValueError, "X: expected shape (n, b, D), got (5, 5)"):  # one sequence
        recompute.scan(X[:, 0].astype("f4"), WLSTM.astype("f4"))


ONES, W, KEPT = np.ones((5, 3, 6)), lstm.init(6, 4, rng=0), np.ones((5, 3, 4))


def back(dHout=KEPT, dCn=None, dHn=None):
    return recompute.backward(dHout, recompute.forward(ONES, W).cache, dCn, dHn)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: recompute.forward(ONES[:, 0], W), ValueError,
         "X: expected shape (n, b, D) = (any, any, 6), got (5, 6)"),
        (lambda: recompute.forward(KEPT, W), ValueError,
         "X: expected shape (n, b, D) = (any, any, 6), got (5, 3, 4)"),
        (lambda: recompute.forward(ONES.astype("f4"), W, every=0), TypeError,
         "X: expected dtype float64, as in WLSTM, got float32"),
        (lambda: recompute.forward(ONES, W, h0=ONES[0]), ValueError,
         "h0: expected shape (b, H) = (3, 4), got (3, 6)"),
        (lambda: back(KEPT[0]), ValueError,
         "dHout: expected shape (n, b, H) = (5, 3, 4), got (3, 4)"),
        (lambda: back(KEPT.astype("f4")), TypeError,
         "dHout: expected dtype float64, as in WLSTM, got float32"),
        (lambda: recompute.backward(KEPT[:0].astype("f4"), recompute.forward(ONES[:0], W).cache),
         TypeError, "dHout: expected dtype float64, as in WLSTM, got float32"),
        (lambda: back(dCn=KEPT[0, :2]), ValueError,
         "dCn: expected shape (b, H) = (3, 4), got (2, 4)"),
        (lambda: back(dHn=KEPT[0].astype("f4")), TypeError,
         "dHn: expected dtype float64, as in WLSTM, got float32"),
        (lambda: recompute.scan(ONES[None].astype("f4"), W.astype("f4")), ValueError,
         "X: expected shape (n, b, D), or (n, D) for one sequence, with D = 6, got (1, 5, 3, 6)"),
    ],
)  # fmt: skip
def test_other_arguments_are_named(call, error, message):
    with refused(error, message):
        call()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [0, 5])
def test_the_dtype_is_kept(n, dtype):
    run = recompute.forward(ONES[:n].astype(dtype), W.astype(dtype))
    results = [*run[:3], run.cache.C, run.cache.H, *recompute.backward(None, run.cache),
               *recompute.backward(run.Hout, run.cache, run.Cn, run.Hn)]  # fmt: skip
    assert {result.dtype for result in results} == {np.dtype(dtype)}


@pytest.mark.parametrize("every", [1, 5, 11, 23, 40, None])  # 11 leaves a rest of one step
def test_the_same_in_jax(every):
    p = gradcheck.random_problem(n=23, b=3, D=5, H=4, seed=2)
    with jax.enable_x64(True):
        arguments = tuple(map(jax.numpy.asarray, p.inputs.values()))
        whole = lstm.scan.forward(*arguments)
        cotangents = type(whole)(*map(jax.numpy.asarray, p.cotangents))
        _, judge = by_jax(lstm.scan.forward, arguments, cotangents)
        out, pulled = by_jax(partial(recompute.scan, every=every), arguments, cotangents)
        for one, other in zip(out, whole, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)
        for one, other in zip(pulled, judge, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-12)


def test_jax_keeps_the_cuts_alone():
    """The residuals that JAX keeps between the passes hold no array of all steps but X."""
    X, WLSTM = np.ones((10_000, 1, 2), "float32"), lstm.init(2, 16, rng=0, dtype="float32")

    def temporary(function):
        gradient = jax.jit(jax.grad(lambda W: function(X, W).Hn.sum()))
        return gradient.lower(WLSTM).compile().memory_analysis().temp_size_in_bytes

    assert temporary(recompute.scan) < 0.5 * temporary(lstm.scan.forward)


def test_pieces_in_jax_have_as_many_steps_as_they_should():
    X, W = np.ones((21, 1, 2), "f4"), lstm.init(2, 3, rng=0, dtype="f4")

    def program(every):
        return str(jax.make_jaxpr(lambda W: recompute.scan(X, W, every=every).Hn)(W))

    for every, steps in {7: 7, 3: 3, 10: 10, None: 4}.items():
        assert f"length={steps}\n" in program(every)
        assert f"length={21 // steps}\n" in program(every)


def test_pieces_have_about_as_many_steps_as_there_are_pieces():
    W = lstm.init(2, 3, rng=0)
    for n, every in {0: 1, 1: 1, 2: 1, 3: 1, 4: 2, 8: 2, 9: 3, 99: 9, 100: 10}.items():
        cache = recompute.forward(np.ones((n, 1, 2)), W).cache
        assert (cache.every, len(cache.C)) == (every, -(-n // every))
