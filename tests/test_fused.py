"""The fused LSTM: what it computes, its gradients, its promises, and what it refuses."""

import tracemalloc

import jax
import numpy as np
import pytest
from helpers import (
    SHAPES,
    assert_identical,
    assert_same,
    draw,
    freeze,
    refused,
    run,
    run_by_reference,
    run_in_pieces,
)

import lstm
from lstm import cell, exchange, fused, stack
from lstm.gradcheck import check_lstm

THRESHOLDS = {"central": 1e-6, "complex": 1e-12, "jax": 1e-12}
DTYPES = [np.float32, np.float64]


@jax.jit
def separate_gates(X, WLSTM, c0, h0):
    """The same function of the same arguments, by the separate-gate cell in JAX."""
    return cell.run(exchange.cell.split(WLSTM), X, c0, h0)


JUDGES = {"central": lstm.forward, "complex": lstm.forward, "jax": separate_gates}


# Initial weights


def test_weights_have_the_mean_and_the_spread_that_init_promises():
    D, H = 30, 50
    W = lstm.init(D, H, rng=0)[1:] * np.sqrt(D + H)
    # N = 16,000 numbers: the mean has a spread of 1/sqrt(N), the spread one of 1/sqrt(2 N)
    assert abs(W.mean()) < 4 / np.sqrt(W.size)
    assert abs(W.std() - 1) < 4 / np.sqrt(2 * W.size)
    assert 3 < np.abs(W).max() < 6  # as of a normal distribution, not of a bounded one


@pytest.mark.parametrize(("D", "H"), [(10, 4), (0, 1), (0, 3), (1, 1)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_init_is_a_normal_draw_scaled_with_biases_zero_but_for_the_forget_gate(D, H, dtype):
    normal = np.random.default_rng(7).standard_normal((1 + D + H, 4 * H))
    expected = (normal / np.sqrt(D + H)).astype(dtype)
    expected[0] = np.repeat([0, 3, 0, 0], H)
    np.testing.assert_array_equal(lstm.init(D, H, rng=7, dtype=dtype), expected, strict=True)


@pytest.mark.parametrize("bias", [0, 1.0, -2.5])
def test_the_forget_bias_goes_to_the_forget_gate_alone(bias):
    WLSTM = lstm.init(10, 4, forget_bias=bias, rng=0)
    assert WLSTM[0].tolist() == [0] * 4 + [bias] * 4 + [0] * 8
    np.testing.assert_array_equal(WLSTM[1:], lstm.init(10, 4, rng=0)[1:])


def test_float64_is_the_default():
    assert lstm.init(10, 4).dtype == np.float64


def test_every_gate_starts_with_weights_of_its_own():
    gates = np.split(lstm.init(10, 4, rng=0)[1:], 4, axis=1)
    assert len({gate.tobytes() for gate in gates}) == 4


def test_a_seed_a_generator_or_nothing():
    seeded = lstm.init(10, 4, rng=5)
    np.testing.assert_array_equal(seeded, lstm.init(10, 4, rng=5))
    rng = np.random.default_rng(5)
    np.testing.assert_array_equal(seeded, lstm.init(10, 4, rng=rng))
    assert (seeded[1:] != lstm.init(10, 4, rng=rng)[1:]).all()  # the generator has moved on
    assert (lstm.init(10, 4)[1:] != lstm.init(10, 4)[1:]).all()


def test_numpy_integers_are_sizes():
    assert lstm.init(np.int32(10), np.uint8(4)).shape == (15, 16)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"input_size": -1}, ValueError, "input_size: expected at least 0, got -1"),
        ({"forget_bias": "3"}, TypeError, "forget_bias: expected a number, got '3'"),
        ({"forget_bias": True}, TypeError, "forget_bias: expected a number, got True"),
        ({"forget_bias": np.nan}, ValueError, "forget_bias: expected a finite number, got nan"),
        (
            {"rng": "0"},
            TypeError,
            "rng: expected a numpy.random.Generator, a seed or None, got '0'",
        ),
        ({"rng": -1}, ValueError, "rng: expected a numpy.random.Generator, a seed or None, got -1"),
        ({"hidden_size": 0}, ValueError, "hidden_size: expected at least 1, got 0"),
        ({"input_size": 1.0}, TypeError, "input_size: expected an integer, got 1.0"),
        ({"hidden_size": "4"}, TypeError, "hidden_size: expected an integer, got '4'"),
        ({"hidden_size": True}, TypeError, "hidden_size: expected an integer, got True"),
        ({"input_size": None}, TypeError, "input_size: expected an integer, got None"),
        ({"dtype": int}, TypeError, "dtype: expected float32 or float64, got int64"),
        ({"dtype": "float16"}, TypeError, "dtype: expected float32 or float64, got float16"),
        ({"dtype": complex}, TypeError, "dtype: expected float32 or float64, got complex128"),
    ],
)
def test_other_sizes_and_dtypes_are_refused(arguments, error, message):
    with refused(error, message):
        lstm.init(**({"input_size": 10, "hidden_size": 4} | arguments))


def test_options_of_init_are_given_by_name():
    with pytest.raises(TypeError, match="positional"):
        lstm.init(10, 4, 3.0)


# What it computes


def test_one_step_at_a_time_equals_the_batch():
    problem = draw(n=5, b=3, D=10, H=4)
    assert_same(run_in_pieces(problem, cuts=[1, 2, 3, 4]), run(problem))


@pytest.mark.parametrize("cuts", [[2], [1, 4], [0], [5], [3, 3], [0, 2, 5]])
def test_any_pieces_equal_the_whole(cuts):
    problem = draw(n=5, b=3, D=10, H=4)
    assert_same(run_in_pieces(problem, cuts), run(problem))


@pytest.mark.parametrize("shape", [(5, 3, 10, 4), *SHAPES])
def test_the_reference_step_by_step_gives_the_same(shape):
    problem = draw(*shape)
    assert_same(run(problem), run_by_reference(problem))


@pytest.mark.parametrize("batched", [True, False])
def test_stepping_equals_forward(batched):
    X, WLSTM, c0, h0 = draw().inputs.values()
    Hout, Cn, _, _ = lstm.forward(X, WLSTM, c0, h0)
    if not batched:
        X, Hout, c0, h0, Cn = X[:, 1], Hout[:, 1], c0[1], h0[1], Cn[1]
    state, outputs = lstm.State(c0, h0), []
    for x in X:
        state = lstm.step(x, WLSTM, c=state.c, h=state.h)
        outputs.append(state.h)
    assert_same({"Hout": np.stack(outputs), "Cn": state.c}, {"Hout": Hout, "Cn": Cn})


def test_states_that_are_not_given_are_zero():
    problem = draw()
    X, WLSTM, c0, h0 = problem.inputs.values()
    dHout = problem.cotangents[0]
    zero = np.zeros_like(c0)
    assert_identical(
        lstm.forward(X, WLSTM)._asdict() | {"cache": 0},
        lstm.forward(X, WLSTM, zero, zero)._asdict() | {"cache": 0},
    )
    cache = lstm.forward(X, WLSTM, c0, h0).cache
    assert_identical(
        lstm.backward(dHout, cache)._asdict(), lstm.backward(dHout, cache, zero, zero)._asdict()
    )
    for x, state in ((X[0], zero), (X[0, 0], zero[0])):
        assert_identical(lstm.step(x, WLSTM)._asdict(), lstm.step(x, WLSTM, state, state)._asdict())
    for one, both in (({"c": c0}, (c0, zero)), ({"h": h0}, (zero, h0))):
        assert_identical(
            lstm.step(X[0], WLSTM, **one)._asdict(), lstm.step(X[0], WLSTM, *both)._asdict()
        )


def test_the_last_states_are_those_of_the_last_step():
    Hout, Cn, Hn, cache = lstm.forward(**draw().inputs)
    np.testing.assert_array_equal(Hn, Hout[-1])
    np.testing.assert_array_equal(Cn, cache.C[-1])


def test_results_have_the_names_that_the_book_uses():
    assert lstm.Forward._fields == ("Hout", "Cn", "Hn", "cache")
    assert lstm.Gradients._fields == ("dX", "dWLSTM", "dc0", "dh0")
    assert lstm.State._fields == ("c", "h")
    assert lstm.Cache._fields == ("WLSTM", "U", "IFOG", "C", "S")


def test_the_cache_holds_what_it_says():
    X, WLSTM, c0, h0 = draw().inputs.values()
    Hout, _, _, cache = lstm.forward(X, WLSTM, c0, h0)
    one = np.ones((5, 3, 1))
    np.testing.assert_array_equal(cache.WLSTM, WLSTM)
    np.testing.assert_array_equal(cache.U, np.dstack([one, X, np.stack([h0, *Hout[:-1]])]))
    np.testing.assert_array_equal(cache.C[0], c0)
    np.testing.assert_array_equal(cache.S, np.tanh(cache.C[1:]))
    i, f, o, g = np.split(cache.IFOG, 4, axis=-1)
    np.testing.assert_array_equal(cache.C[1:], f * cache.C[:-1] + i * g)
    np.testing.assert_array_equal(Hout, o * cache.S)


# Its gradients


@pytest.mark.parametrize("oracle", THRESHOLDS)
@pytest.mark.parametrize("shape", [(5, 3, 10, 4), *SHAPES])
def test_gradients(shape, oracle):
    """All elements of X, WLSTM, c0 and h0; a loss of Hout, Cn and Hn, and one of Hout alone."""
    n, b, D, H = shape
    problem = draw(*shape, seed=n)
    dHout, *states = problem.cotangents
    of_outputs = problem._replace(cotangents=(dHout, *map(np.zeros_like, states)))
    for loss, backward in (
        (problem, lstm.backward),
        (of_outputs, lambda dHout, cache, *_: lstm.backward(dHout, cache)),
    ):
        report = check_lstm(lstm.forward, backward, loss, oracle=oracle, judge=JUDGES[oracle])
        assert report.checked == n * b * D + (1 + D + H) * 4 * H + 2 * b * H
        assert report.worst.error < THRESHOLDS[oracle], str(report)


def test_the_shapes_reach_one_in_every_size():
    assert np.min(SHAPES, axis=0).tolist() == [1, 1, 1, 1]
    assert len(set(SHAPES)) == 10


# Its promises


@pytest.mark.parametrize("dtype", [*DTYPES, np.complex128])
def test_dtype_is_kept(dtype):
    problem = draw()
    inputs = {name: value.astype(dtype) for name, value in problem.inputs.items()}
    dHout, dCn, dHn = (cotangent.astype(dtype) for cotangent in problem.cotangents)
    Hout, Cn, Hn, cache = lstm.forward(**inputs)
    state = lstm.step(inputs["X"][0], inputs["WLSTM"])
    alone = lstm.forward(inputs["X"], inputs["WLSTM"])
    results = (Hout, Cn, Hn, *cache, *alone[:3], *state)
    results += (*lstm.backward(dHout, cache, dCn, dHn), *lstm.backward(dHout, cache))
    assert {result.dtype for result in results} == {np.dtype(dtype)}


def test_complex_numbers_without_imaginary_part_give_the_real_result():
    problem = draw()
    inputs = {name: value.astype(complex) for name, value in problem.inputs.items()}
    for got, expected in zip(
        lstm.forward(**inputs)[:3], lstm.forward(**problem.inputs)[:3], strict=True
    ):
        np.testing.assert_allclose(got, expected, rtol=1e-13)


@pytest.mark.parametrize("shape", SHAPES)
def test_float32_is_as_accurate_as_its_rounding(shape):
    single = draw(*shape, dtype=np.float32)
    double = type(single)(
        {name: value.astype(np.float64) for name, value in single.inputs.items()},
        tuple(cotangent.astype(np.float64) for cotangent in single.cotangents),
    )
    exact = {name: value.astype(np.float32) for name, value in run(double).items()}
    # eps is 1.2e-7; sums of up to 12 terms and 6 steps, each of which hands its rounding on
    assert_same(run(single), exact, tolerance=2e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_raw_gate_may_overflow_without_a_warning(dtype, sign):
    """Warnings are errors here. The gate is then open or closed: 0 or 1."""
    largest = np.finfo(dtype).max
    X, WLSTM = np.full((1, 1, 1), largest, dtype), np.zeros((3, 4), dtype)
    WLSTM[1] = sign * largest  # x times this is plus or minus infinity
    c0 = np.full((1, 1), 0.5, dtype)
    Hout, Cn, _, cache = lstm.forward(X, WLSTM, c0)
    expected_c = 1.5 if sign > 0 else 0.0
    assert (Cn.item(), Hout.item()) == (expected_c, np.tanh(dtype(expected_c)))
    assert lstm.step(X[0], WLSTM, c0) == (Cn, Hout[0])
    np.testing.assert_array_equal(lstm.backward(np.ones_like(Hout), cache).dX, 0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_gradient_may_overflow_without_a_warning(dtype):
    X, WLSTM = np.ones((1, 1, 1), dtype), np.full((3, 4), 0.1, dtype)
    cache = lstm.forward(X, WLSTM, np.full((1, 1), 16, dtype), np.ones((1, 1), dtype)).cache
    largest = np.full((1, 1), np.finfo(dtype).max, dtype)
    dX, dWLSTM, dc0, dh0 = lstm.backward(np.zeros((1, 1, 1), dtype), cache, dCn=largest)
    # df = dCn * 16 is too large for the dtype, and all that it enters is infinite.
    assert np.isinf(dWLSTM).tolist() == [[False, True, False, False]] * 3
    assert (dX.item(), dh0.item(), bool(np.isfinite(dc0))) == (np.inf, np.inf, True)


def test_cell_states_may_be_huge():
    c0 = np.full((1, 1), 1e300)
    Hout, Cn, _, _ = lstm.forward(np.zeros((2, 1, 1)), np.zeros((3, 4)), c0)
    assert Cn.item() == 0.25e300
    assert Hout.ravel().tolist() == [0.5, 0.5]


def as_arrays(results):
    for result in results:
        yield from result if isinstance(result, tuple) else (result,)


@pytest.mark.parametrize("n", [0, 1, 5])
def test_no_result_shares_memory_with_an_argument_the_cache_or_another_result(n):
    problem = draw(n=n)
    X, WLSTM, c0, h0 = problem.inputs.values()
    dHout, dCn, dHn = problem.cotangents
    forward = lstm.forward(X, WLSTM, c0, h0)
    backward = lstm.backward(dHout, forward.cache, dCn, dHn)
    state = lstm.step(np.ones((3, 10)), WLSTM, c0, h0)
    arrays = [*problem.inputs.values(), *problem.cotangents]
    arrays += [*as_arrays(forward), *backward, *state]
    for k, one in enumerate(arrays):
        for other in arrays[:k]:
            assert not np.shares_memory(one, other)


@pytest.mark.parametrize("n", [0, 5])
def test_the_cache_is_immune_to_later_changes(n):
    problem = draw(n=n)
    inputs = {name: value.copy() for name, value in problem.inputs.items()}
    Hout, Cn, Hn, cache = lstm.forward(**inputs)
    for array in (*inputs.values(), Hout, Cn, Hn):
        array[...] = np.nan
    dHout, dCn, dHn = problem.cotangents
    expected = run(problem)
    gradients = lstm.backward(dHout, cache, dCn, dHn)._asdict()
    assert_identical(gradients, {name: expected[name] for name in gradients})


def test_arguments_and_cache_are_never_changed():
    problem = draw()
    inputs = {name: value.copy() for name, value in problem.inputs.items()}
    cotangents = [cotangent.copy() for cotangent in problem.cotangents]
    cache = lstm.forward(**inputs).cache
    kept = [array.copy() for array in cache]
    lstm.backward(cotangents[0], cache, *cotangents[1:])
    lstm.step(inputs["X"][0], *list(inputs.values())[1:])
    assert_identical(inputs, problem.inputs)
    for got, expected in zip((*cotangents, *cache), (*problem.cotangents, *kept), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_a_read_only_cache_can_be_used_again():
    problem = draw()
    cache = lstm.forward(**problem.inputs).cache
    freeze(*cache)
    first, second = (
        lstm.backward(problem.cotangents[0], cache, *problem.cotangents[1:]) for _ in range(2)
    )
    assert_identical(first._asdict(), second._asdict())


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_sequence_of_length_0_hands_the_states_through(dtype):
    problem = draw(n=0, dtype=dtype)
    _, WLSTM, c0, h0 = problem.inputs.values()
    dHout, dCn, dHn = problem.cotangents
    expected = {
        "Hout": np.zeros((0, 3, 4), dtype), "Cn": c0, "Hn": h0,
        "dX": np.zeros((0, 3, 10), dtype), "dWLSTM": np.zeros_like(WLSTM), "dc0": dCn, "dh0": dHn,
    }  # fmt: skip
    assert_identical(run(problem), expected)
    alone = lstm.forward(problem.inputs["X"], WLSTM)
    for array in (alone.Cn, alone.Hn, *lstm.backward(dHout, alone.cache)):
        assert not array.any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_empty_batch_gives_empty_results_and_no_weight_gradient(dtype):
    results = run(draw(b=0, dtype=dtype))
    assert [results[name].shape for name in ("Hout", "Cn", "Hn")] == [(5, 0, 4), (0, 4), (0, 4)]
    assert [results[name].shape for name in ("dX", "dc0", "dh0")] == [(5, 0, 10), (0, 4), (0, 4)]
    np.testing.assert_array_equal(results["dWLSTM"], np.zeros((15, 16), dtype), strict=True)
    c, h = lstm.step(np.zeros((0, 10), dtype), np.zeros((15, 16), dtype))
    assert (c.shape, h.shape) == ((0, 4), (0, 4))


def test_without_inputs_the_states_run_on_alone():
    problem = draw(D=0)
    assert_same(run(problem), run_by_reference(problem))
    assert check_lstm(lstm.forward, lstm.backward, problem, oracle="complex").passed
    assert lstm.step(np.zeros(0), problem.inputs["WLSTM"]).h.shape == (4,)


def spread(array):
    """The same numbers, every second one of a larger array, backwards."""
    larger = np.full([2 * size for size in array.shape], np.nan, array.dtype)
    view = larger[tuple(slice(None, None, -2) for _ in array.shape)]
    view[...] = array
    return view


@pytest.mark.parametrize("layout", [np.asfortranarray, spread])
def test_the_layout_in_memory_does_not_matter(layout):
    problem = draw()
    inputs = {name: layout(value) for name, value in problem.inputs.items()}
    laid_out = type(problem)(inputs, tuple(layout(value) for value in problem.cotangents))
    freeze(*laid_out.inputs.values(), *laid_out.cotangents)
    assert not laid_out.inputs["X"].flags.c_contiguous
    assert_same(run(laid_out), run(problem))
    X, WLSTM, c0, h0 = laid_out.inputs.values()
    state = lstm.step(X[0], WLSTM, c0, h0)
    expected = lstm.step(*(np.ascontiguousarray(a) for a in (X[0], WLSTM, c0, h0)))
    assert_same(state._asdict(), expected._asdict())


def test_lists_of_numbers_are_taken():
    problem = draw(n=2, b=1, D=2, H=1)
    lists = {name: value.tolist() for name, value in problem.inputs.items()}
    cotangents = [cotangent.tolist() for cotangent in problem.cotangents]
    assert_identical(run(type(problem)(lists, cotangents)), run(problem))
    assert_identical(
        lstm.step([1.0, 2.0], lists["WLSTM"])._asdict(),
        lstm.step(np.array([1.0, 2.0]), problem.inputs["WLSTM"])._asdict(),
    )


# What it refuses. Each case is one argument of an otherwise good call.


def good_calls():
    problem = draw()
    dHout, dCn, dHn = problem.cotangents
    cache = lstm.forward(**problem.inputs).cache
    X, WLSTM, c0, h0 = problem.inputs.values()
    return {
        "forward": dict(problem.inputs),
        "backward": {"dHout": dHout, "cache": cache, "dCn": dCn, "dHn": dHn},
        "step": {"x": X[0], "WLSTM": WLSTM, "c": c0, "h": h0},
    }


ARRAYS = [
    (function, name)
    for function, arguments in good_calls().items()
    for name in arguments
    if name != "cache"
]


def refuse(function, changes, error, message):
    with refused(error, message):
        getattr(lstm, function)(**(good_calls()[function] | changes))


@pytest.mark.parametrize(("function", "name"), ARRAYS)
@pytest.mark.parametrize("dtype", ["int64", "bool", "float16", "complex64", "object"])
def test_other_dtypes_are_refused(function, name, dtype):
    bad = good_calls()[function][name].astype(dtype)
    message = f"{name}: expected dtype float32, float64 or complex128, got {dtype}"
    refuse(function, {name: bad}, TypeError, message)


@pytest.mark.parametrize(("function", "name"), [a for a in ARRAYS if a[1] != "WLSTM"])
@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_mixed_dtypes_are_refused(function, name, dtype):
    bad = good_calls()[function][name].astype(dtype)
    message = f"{name}: expected dtype float64, as in WLSTM, got {dtype}"
    refuse(function, {name: bad}, TypeError, message)


@pytest.mark.parametrize(("function", "name"), ARRAYS)
def test_masked_arrays_are_refused(function, name):
    bad = np.ma.masked_array(good_calls()[function][name])
    message = f"{name}: expected an array, got a masked array, whose mask would be lost"
    refuse(function, {name: bad}, TypeError, message)


@pytest.mark.parametrize(("function", "name"), ARRAYS)
def test_ragged_lists_are_refused(function, name):
    message = f"{name}: expected an array, got [[1.0], [1.0, 2.0]]"
    refuse(function, {name: [[1.0], [1.0, 2.0]]}, ValueError, message)


@pytest.mark.parametrize(
    ("function", "name"),
    [("forward", "X"), ("forward", "WLSTM"), ("step", "x")],
)
def test_none_is_refused_where_an_array_is_needed(function, name):
    refuse(function, {name: None}, TypeError, f"{name}: expected an array, got None")


def test_a_loss_on_the_last_state_alone_needs_no_zeros():
    p = draw()
    _, dCn, dHn = p.cotangents
    Hout, _, _, cache = lstm.forward(**p.inputs)
    want = lstm.backward(np.zeros_like(Hout), cache, dCn, dHn)
    got = lstm.backward(None, cache, dCn, dHn)
    assert_identical(got._asdict(), want._asdict())
    assert not lstm.backward(None, cache).dX.any()
    small = lstm.forward(**draw(dtype=np.float32).inputs)
    assert lstm.backward(None, small.cache).dWLSTM.dtype == np.float32


def test_no_zeros_are_made_where_no_gradient_comes():
    n, b, H = 400, 8, 16
    cache = lstm.forward(np.ones((n, b, 1)), lstm.init(1, H, rng=0)).cache
    peaks = []
    for dHout in (np.zeros((n, b, H)), None):
        lstm.backward(dHout, cache)
        tracemalloc.start()
        lstm.backward(dHout, cache)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] <= peaks[0] + 10_000


def test_underflow_is_no_error_under_errors_for_all():
    """With np.seterr(all="raise"), which many set to find nan, underflow still gives zero."""
    W = lstm.init(4, 64, rng=0, dtype=np.float32, forget_bias=0.0)
    W[5:] *= 0.3
    X = np.random.default_rng(0).standard_normal((800, 8, 4)).astype(np.float32)
    with np.errstate(all="raise"):
        run = lstm.forward(X, W)
        d = np.zeros_like(run.Hout)
        d[-1] = 1
        assert not lstm.backward(d, run.cache).dX[0].any()
        c = h = None
        for t in range(800):
            c, h = lstm.step(X[0, 0] if t < 5 else np.zeros(4, np.float32), W, c, h)
    assert np.isfinite(c).all()


class Weights:
    def state_dict(self):
        """As a module of PyTorch has."""


@pytest.mark.parametrize(
    ("value", "got"),
    [
        ({"WLSTM": 1, "WOUT": 2}, "a dict: pass one of its values ('WLSTM', 'WOUT')"),
        (stack.Layer(np.zeros((15, 16))), "a Layer: pass one of its fields (forward, backward)"),
        ([stack.Layer(np.zeros((15, 16)))],
         "a list: it holds Layer objects, and lstm.stack runs a list of layers"),
        (Weights(), "a Weights: lstm.exchange.torch.load reads its state_dict()"),
        (object(), "a object: pass the arrays it holds"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("function", "name"), ARRAYS)
def test_what_holds_arrays_is_no_array(function, name, value, got):
    refuse(function, {name: value}, TypeError, f"{name}: expected an array, got {got}")


def test_the_cache_of_a_stack_is_none_of_ours():
    cache = stack.forward(np.ones((5, 3, 10)), stack.init(10, 4)).cache
    message = "cache: expected the Cache of lstm.forward, got that of stack.forward"
    refuse("backward", {"cache": cache}, TypeError, message)
    whole = lstm.forward(np.ones((5, 3, 10)), lstm.init(10, 4))
    got = "the whole Forward: pass its field cache"
    refuse(
        "backward", {"cache": whole}, TypeError,
        f"cache: expected the Cache of lstm.forward, got {got}",
    )  # fmt: skip


WEIGHTS = "(1 + D + H, 4 * H)"
WITH_SIZES = f"WLSTM: expected shape {WEIGHTS} with H >= 1 and D >= 0, got"


@pytest.mark.parametrize(
    ("function", "name", "shape", "message"),
    [
        ("forward", "X", (5, 10), "X: expected shape (n, b, D) = (any, any, 10), got (5, 10)"),
        ("forward", "X", (5, 3, 9), "X: expected shape (n, b, D) = (any, any, 10), got (5, 3, 9)"),
        (
            "forward",
            "X",
            (1, 5, 3, 10),
            "X: expected shape (n, b, D) = (any, any, 10), got (1, 5, 3, 10)",
        ),
        ("forward", "X", (5, 2, 10), "c0: expected shape (b, H) = (2, 4), got (3, 4)"),
        ("forward", "WLSTM", (240,), f"{WITH_SIZES} (240,)"),
        ("forward", "WLSTM", (15, 15), f"{WITH_SIZES} (15, 15)"),
        ("forward", "WLSTM", (11, 0), f"{WITH_SIZES} (11, 0)"),
        ("forward", "WLSTM", (4, 16), f"{WITH_SIZES} (4, 16)"),
        (
            "forward",
            "WLSTM",
            (16, 16),
            "X: expected shape (n, b, D) = (any, any, 11), got (5, 3, 10)",
        ),
        ("forward", "c0", (4,), "c0: expected shape (b, H) = (3, 4), got (4,)"),
        ("forward", "c0", (2, 4), "c0: expected shape (b, H) = (3, 4), got (2, 4)"),
        ("forward", "c0", (3, 5), "c0: expected shape (b, H) = (3, 4), got (3, 5)"),
        ("forward", "h0", (1, 4), "h0: expected shape (b, H) = (3, 4), got (1, 4)"),
        ("forward", "h0", (3, 1), "h0: expected shape (b, H) = (3, 4), got (3, 1)"),
        ("forward", "h0", (1, 3, 4), "h0: expected shape (b, H) = (3, 4), got (1, 3, 4)"),
        ("backward", "dHout", (3, 4), "dHout: expected shape (n, b, H) = (5, 3, 4), got (3, 4)"),
        (
            "backward",
            "dHout",
            (4, 3, 4),
            "dHout: expected shape (n, b, H) = (5, 3, 4), got (4, 3, 4)",
        ),
        (
            "backward",
            "dHout",
            (5, 1, 4),
            "dHout: expected shape (n, b, H) = (5, 3, 4), got (5, 1, 4)",
        ),
        (
            "backward",
            "dHout",
            (5, 3, 1),
            "dHout: expected shape (n, b, H) = (5, 3, 4), got (5, 3, 1)",
        ),
        ("backward", "dCn", (4,), "dCn: expected shape (b, H) = (3, 4), got (4,)"),
        ("backward", "dCn", (1, 4), "dCn: expected shape (b, H) = (3, 4), got (1, 4)"),
        ("backward", "dHn", (3, 5), "dHn: expected shape (b, H) = (3, 4), got (3, 5)"),
        ("backward", "dHn", (), "dHn: expected shape (b, H) = (3, 4), got ()"),
        ("step", "x", (), "x: expected shape (D,) or (b, D) with D = 10, got ()"),
        ("step", "x", (5, 3, 10), "x: expected shape (D,) or (b, D) with D = 10, got (5, 3, 10)"),
        ("step", "x", (9,), "x: expected shape (D,) = (10,), got (9,)"),
        ("step", "x", (3, 9), "x: expected shape (b, D) = (3, 10), got (3, 9)"),
        ("step", "x", (10,), "c: expected shape (H,) = (4,), got (3, 4)"),
        ("step", "x", (2, 10), "c: expected shape (b, H) = (2, 4), got (3, 4)"),
        ("step", "WLSTM", (11, 0), f"{WITH_SIZES} (11, 0)"),
        ("step", "c", (4,), "c: expected shape (b, H) = (3, 4), got (4,)"),
        ("step", "h", (3, 5), "h: expected shape (b, H) = (3, 4), got (3, 5)"),
    ],
)
def test_other_shapes_are_refused(function, name, shape, message):
    refuse(function, {name: np.zeros(shape)}, ValueError, message)


@pytest.mark.parametrize("bad", [None, (), tuple(good_calls()["backward"]["cache"]), "cache"])
def test_a_cache_that_is_none_is_refused(bad):
    without = "None, which is what it returns with cache=False"
    got = without if bad is None else f"a {type(bad).__name__}"
    message = f"cache: expected the Cache of lstm.forward, got {got}"
    refuse("backward", {"cache": bad}, TypeError, message)


@pytest.mark.parametrize(
    ("field", "bad", "error", "message"),
    [
        ("WLSTM", np.zeros((11, 0)), ValueError, f"{WITH_SIZES} (11, 0)"),
        (
            "WLSTM",
            np.zeros((15, 16), np.float32),
            TypeError,
            "cache.S: expected dtype float32, as in WLSTM, got float64",
        ),
        (
            "WLSTM",
            np.zeros((16, 20)),
            ValueError,
            "cache.S: expected shape (n, b, H) = (any, any, 5), got (5, 3, 4)",
        ),
        (
            "S",
            np.zeros((3, 4)),
            ValueError,
            "cache.S: expected shape (n, b, H) = (any, any, 4), got (3, 4)",
        ),
        (
            "U",
            np.zeros((5, 3, 14)),
            ValueError,
            "cache.U: expected shape (n, b, 1 + D + H) = (5, 3, 15), got (5, 3, 14)",
        ),
        (
            "U",
            np.zeros((5, 3, 15), np.float32),
            TypeError,
            "cache.U: expected dtype float64, as in WLSTM, got float32",
        ),
        (
            "IFOG",
            np.zeros((5, 2, 16)),
            ValueError,
            "cache.IFOG: expected shape (n, b, 4 * H) = (5, 3, 16), got (5, 2, 16)",
        ),
        (
            "C",
            np.zeros((5, 3, 4)),
            ValueError,
            "cache.C: expected shape (n + 1, b, H) = (6, 3, 4), got (5, 3, 4)",
        ),
    ],
)
def test_a_cache_that_does_not_fit_itself_is_refused(field, bad, error, message):
    cache = good_calls()["backward"]["cache"]._replace(**{field: bad})
    refuse("backward", {"cache": cache}, error, message)


def test_the_cache_of_another_shape_is_refused():
    cache = lstm.forward(**draw(n=4, b=2).inputs).cache
    message = "dHout: expected shape (n, b, H) = (4, 2, 4), got (5, 3, 4)"
    refuse("backward", {"cache": cache}, ValueError, message)


def test_the_constants_of_the_gates_are_made_once():
    for dtype in DTYPES:
        scale, shift = fused._scale_and_shift(3, np.dtype(dtype))
        half, last = [0.5] * 9, np.ones(3)
        np.testing.assert_array_equal(scale, np.array([*half, *last], dtype), strict=True)
        np.testing.assert_array_equal(shift, np.array([*half, *(0 * last)], dtype), strict=True)
    made = fused._scale_and_shift(5, np.dtype(np.float32))
    assert fused._scale_and_shift(5, np.dtype(np.float32)) is made
    assert fused._scale_and_shift(5, np.dtype(np.float64))[0].dtype == np.float64


def test_a_block_is_measured_by_the_raw_gates_of_a_step(monkeypatch):
    problem, asked, blocks = draw(n=5, b=3, D=10, H=4), [], fused._blocks
    monkeypatch.setattr(fused, "_blocks", lambda *sizes: asked.append(sizes) or blocks(*sizes))
    run(problem)
    assert asked == [(5, 4 * 3 * 4)]


@pytest.mark.parametrize("size", [fused._BLOCK, fused._BLOCK + 1, 9 * fused._BLOCK])
def test_a_step_that_fills_the_cache_is_a_block_of_its_own(size):
    assert fused._blocks(3, size) == [slice(2, 3), slice(1, 2), slice(0, 1)]


def test_blocks_are_as_long_as_the_cache_allows():
    assert fused._blocks(5, fused._BLOCK // 2) == [slice(3, 5), slice(1, 3), slice(0, 1)]
    assert fused._blocks(5, fused._BLOCK // 2 + 1)[0] == slice(4, 5)
    assert fused._blocks(5, 0) == [slice(0, 5)]
    assert fused._blocks(fused._BLOCK + 1, 1) == [slice(1, fused._BLOCK + 1), slice(0, 1)]
    assert fused._blocks(0, 1) == []
