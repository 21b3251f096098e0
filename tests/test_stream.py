"""Streams: what `lstm.step` gives, in place."""

import copy
import pickle
import threading

import numpy as np
import pytest
from helpers import refused

import lstm
from lstm import stack
from lstm.layers import Layer
from lstm.stream import Stream


def inputs(n, *shape, dtype="float64", seed=0):
    return np.random.default_rng(seed).standard_normal((n, *shape)).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", [None, 0, 1, 3])
@pytest.mark.parametrize(("D", "H"), [(5, 4), (0, 3), (64, 128), (3, 1)])
def test_a_stream_takes_the_steps_of_step(dtype, batch, D, H):
    WLSTM = lstm.init(D, H, rng=1, dtype=dtype)
    WLSTM[0] += 0.1
    stream, c, h = Stream(WLSTM, batch), None, None
    for x in inputs(20, *([] if batch is None else [batch]), D, dtype=dtype):
        c, h = lstm.step(x, WLSTM, c, h)
        got = stream.step(x)
        tolerance = 1e-6 if dtype == "float32" else 1e-14
        np.testing.assert_allclose(got, h, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(stream.state[0].c, c, rtol=tolerance, atol=tolerance)
        assert got.dtype == stream.state[0].c.dtype == dtype
        assert got.shape == h.shape


@pytest.mark.parametrize("sizes", [[4, 6, 3], [4] * 6])
def test_a_stack(sizes):
    """Of different sizes, and of many layers alike, which could be taken for one another."""
    layers = stack.init(5, sizes, rng=2)
    X = inputs(15, 2, 5)
    stream = Stream(iter(layers), batch=2)
    Hout = [stream.step(x) for x in X]
    run = stack.forward(X, layers)
    np.testing.assert_allclose(Hout, run.Hout, rtol=1e-13, atol=1e-14)
    for k, (c, h) in enumerate(stream.state):
        np.testing.assert_allclose(c, run.Cn[k][0], rtol=1e-13)
        np.testing.assert_allclose(h, run.Hn[k][0], rtol=1e-13)


def test_one_layer_may_stand_alone_or_in_a_list():
    layers = stack.init(5, 4, rng=2)
    x = inputs(1, 5)[0]
    np.testing.assert_array_equal(Stream(layers).step(x), Stream(layers[0].forward).step(x))


@pytest.mark.parametrize("batch", [None, 3])
def test_the_state_can_be_taken_and_given_back(batch):
    layers = stack.init(5, [4, 6], rng=2)
    X = inputs(9, *([] if batch is None else [batch]), 5)
    stream = Stream(layers, batch)
    for x in X[:4]:
        stream.step(x)
    middle = stream.state
    first = [stream.step(x) for x in X[4:]]
    stream.reset(middle)
    np.testing.assert_array_equal([stream.step(x) for x in X[4:]], first)
    other = Stream(layers, batch)
    other.reset(middle)
    np.testing.assert_array_equal(other.step(X[4]), first[0])
    stream.reset()
    np.testing.assert_array_equal(stream.step(X[0]), Stream(layers, batch).step(X[0]))


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_beginning_anew_forgets_the_states_of_every_layer(count):
    layers, X = stack.init(5, 4, layers=count, rng=2), inputs(3, 5)
    stream = Stream(layers)
    first = [stream.step(x) for x in X]
    stream.reset()
    assert not any(state.any() for layer in stream.state for state in layer)
    np.testing.assert_array_equal([stream.step(x) for x in X], first)


def test_nothing_is_shared():
    WLSTM, X = lstm.init(5, 4, rng=1), inputs(3, 5)
    stream = Stream(WLSTM)
    first = stream.step(X[0])
    kept, state = first.copy(), stream.state
    WLSTM[:] = np.nan
    second = stream.step(X[1])
    assert np.isfinite(second).all()
    np.testing.assert_array_equal(first, kept)
    second[:] = state[0].c[:] = np.nan
    assert np.isfinite(stream.step(X[2])).all()


def test_the_input_is_left_alone():
    x = inputs(1, 5)[0]
    before = x.copy()
    Stream(lstm.init(5, 4)).step(x)
    np.testing.assert_array_equal(x, before)


def test_lists_and_strided_arrays_are_read():
    stream, X = Stream(lstm.init(5, 4, rng=1)), inputs(2, 10)
    wanted = stream.step(X[0, ::2].copy())
    stream.reset()
    np.testing.assert_array_equal(stream.step(X[0, ::2]), wanted)
    stream.reset()
    np.testing.assert_array_equal(stream.step(X[0, ::2].tolist()), wanted)
    rows = Stream(lstm.init(5, 4, rng=1).tolist())
    np.testing.assert_array_equal(rows.step(X[0, ::2]), wanted)


@pytest.mark.parametrize("scale", [1, 1e20])
@pytest.mark.parametrize("number", [1e30, -1e30, 1e-40])
def test_what_overflows_or_vanishes_is_no_mistake(scale, number):
    WLSTM = lstm.init(5, 4, rng=1, dtype="float32") * np.float32(scale)
    before = Stream(WLSTM)
    with np.errstate(all="raise"):
        for stream in (before, Stream(WLSTM)):  # made under either setting
            for x in (number, 1e-40):
                assert np.isfinite(stream.step(np.full(5, x, "float32"))).all()
        with pytest.raises(FloatingPointError):  # and the caller's setting stays
            np.float32(1e30) * np.float32(1e30)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.ones(4), ValueError, "x: expected shape (D,) = (5,), got (4,)"),
        (np.ones(6), ValueError, "x: expected shape (D,) = (5,), got (6,)"),
        (np.ones((1, 5)), ValueError, "x: expected shape (D,) = (5,), got (1, 5)"),
        (np.ones(5, "float32"), TypeError,
         "x: expected dtype float64, as in the weights, got float32"),
        (np.ones(5, int), TypeError,
         "x: expected dtype float32, float64 or complex128, got int64"),
        (None, TypeError, "x: expected an array, got None"),
        (["a"] * 5, TypeError, "x: expected dtype float32, float64 or complex128, got <U1"),
        (np.ma.masked_array(np.ones(5)), TypeError,
         "x: expected an array, got a masked array, whose mask would be lost"),
    ],
)  # fmt: skip
def test_a_wrong_input_is_named_and_changes_nothing(x, error, message):
    stream = Stream(lstm.init(5, 4, rng=1))
    stream.step(np.ones(5))
    before = stream.state
    with refused(error, message):
        stream.step(x)
    np.testing.assert_array_equal(stream.state, before)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.ones(5), ValueError, "x: expected shape (b, D) = (3, 5), got (5,)"),
        (np.ones((3, 4)), ValueError, "x: expected shape (b, D) = (3, 5), got (3, 4)"),
        (np.ones((2, 5)), ValueError, "x: expected shape (b, D) = (3, 5), got (2, 5)"),
        (np.ones((4, 5)), ValueError, "x: expected shape (b, D) = (3, 5), got (4, 5)"),
        (np.ones((1, 3, 5)), ValueError, "x: expected shape (b, D) = (3, 5), got (1, 3, 5)"),
        (np.ones((3, 5), "float32"), TypeError,
         "x: expected dtype float64, as in the weights, got float32"),
    ],
)  # fmt: skip
def test_a_wrong_batch_is_named(x, error, message):
    stream = Stream(lstm.init(5, 4, rng=1), 3)
    with refused(error, message):
        stream.step(x)
    assert not any(part.any() for part in stream.state[0])


def test_an_input_of_more_precision_is_not_cut():
    stream = Stream(lstm.init(5, 4, dtype="float32"))
    with refused(TypeError, "x: expected dtype float32, as in the weights, got float64"):
        stream.step(np.ones(5))


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (np.ones((10, 15)), ValueError,
         "WLSTM: expected shape (1 + D + H, 4 * H) with H >= 1 and D >= 0, got (10, 15)"),
        (np.ones((10, 16), complex), TypeError,
         "WLSTM: expected float32 or float64, got complex128"),
        (np.ones((10, 16), int), TypeError,
         "WLSTM: expected dtype float32, float64 or complex128, got int64"),
        (np.ones(()), ValueError,
         "WLSTM: expected shape (1 + D + H, 4 * H) with H >= 1 and D >= 0, got ()"),
        (None, TypeError, "WLSTM: expected an array, got None"),
        (np.ma.masked_array(np.ones((10, 16))), TypeError,
         "WLSTM: expected an array, got a masked array, whose mask would be lost"),
        ([Layer(np.ones((10, 16), complex))], TypeError,
         "WLSTM: expected float32 or float64, got complex128"),
        (Layer(np.ones((10, 16))), TypeError, "layers: expected a list of Layer, got Layer"),
        ([Layer()], ValueError,
         "layers[0]: expected weights for at least one direction, got none"),
        ([Layer(None, np.ones((10, 16)))], ValueError,
         "layers[0].backward: expected None, as a stream has no end to start from"),
        ([Layer(np.ones((10, 16))), Layer(*np.ones((2, 9, 16)))], ValueError,
         "layers[1].backward: expected None, as a stream has no end to start from"),
        ([], ValueError,
         "WLSTM: expected shape (1 + D + H, 4 * H) with H >= 1 and D >= 0, got (0,)"),
        (stack.init(5, 4, bidirectional=True), ValueError,
         "layers[0].backward: expected None, as a stream has no end to start from"),
        ([Layer(lstm.init(5, 4)), Layer(lstm.init(5, 4))], ValueError,
         "layers[1].forward: expected D = 4, the width of the layer below, got 5"),
        ([Layer(lstm.init(5, 4)), np.ones((9, 16))], TypeError,
         "layers[1]: expected a Layer, got ndarray"),
    ],
)  # fmt: skip
def test_wrong_weights_are_named(weights, error, message):
    with refused(error, message):
        Stream(weights)


@pytest.mark.parametrize(
    ("batch", "error", "message"),
    [(-1, ValueError, "at least 0, got -1"), (1.0, TypeError, "an integer, got 1.0"),
     (True, TypeError, "an integer, got True"), ("2", TypeError, "an integer, got '2'")],
)  # fmt: skip
def test_a_batch_is_a_size(batch, error, message):
    with refused(error, f"batch: expected {message}"):
        Stream(lstm.init(5, 4), batch)


@pytest.mark.parametrize(
    ("batch", "wanted"), [(None, "shape (H,) = (6,)"), (3, "shape (b, H) = (3, 6)")]
)
def test_a_wrong_state_is_named_and_changes_nothing(batch, wanted):
    layers = stack.init(5, [4, 6], rng=2)
    stream = Stream(layers, batch)
    stream.step(np.ones([5] if batch is None else [batch, 5]))
    before = stream.state
    (c0, h0), (c1, h1) = before
    pairs = "state: expected 2 pairs (c, h), one for each layer, got"
    for state, error, message in (
        (3, TypeError, "state: expected a list of pairs (c, h), got 3"),
        ([c0, 3], TypeError, f"state: expected a list of pairs (c, h), got {[c0, 3]}"),
        ([], ValueError, f"{pairs} 0 items of lengths []"),
        ([(c0, h0)], ValueError, f"{pairs} 1 items of lengths [2]"),
        ([(c0, h0), (c1, h1), (c1, h1)], ValueError, f"{pairs} 3 items of lengths [2, 2, 2]"),
        ([(c0, h0), (c1,)], ValueError, f"{pairs} 2 items of lengths [2, 1]"),
        ([(c0, h0, h0), (c1, h1)], ValueError, f"{pairs} 2 items of lengths [3, 2]"),
        ([(c0, h0), (c1, h1[..., :5])], ValueError,
         f"state[1].h: expected {wanted}, got {h1[..., :5].shape}"),
        ([(c0, h0), (c1[None], h1)], ValueError,
         f"state[1].c: expected {wanted}, got {c1[None].shape}"),
        ([(c0 * 0, h0 * 0), (c1, h1.astype("f4"))], TypeError,
         "state[1].h: expected dtype float64, as in weights, got float32"),
    ):  # fmt: skip
        with refused(error, message):
            stream.reset(state)
        for one, other in zip(stream.state, before, strict=True):
            np.testing.assert_array_equal(one, other)


def test_threads_with_a_stream_each():
    WLSTM, X = lstm.init(8, 16, rng=1), inputs(200, 8)
    wanted, found = [Stream(WLSTM).step(X[0])], {}
    reference = Stream(WLSTM)
    wanted = [reference.step(x) for x in X]

    def read(k):
        stream = Stream(WLSTM)
        found[k] = [stream.step(x) for x in X]

    threads = [threading.Thread(target=read, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((np.array(found[k]) == wanted).all() for k in range(8))


@pytest.mark.parametrize("made", [copy.copy, copy.deepcopy, pickle.dumps])
def test_no_copy_steps_the_original(made):
    """A shallow copy has the same buffers. The state can be handed on, and the advice is right."""
    WLSTM, X = lstm.init(5, 4, rng=0), inputs(6, 5)
    stream, other = Stream(WLSTM), Stream(WLSTM)
    for x in X[:3]:
        stream.step(x)
    advice = "make another one from the same weights, and continue there by"
    with refused(
        TypeError, f"a Stream cannot be copied or pickled: {advice} other.reset(stream.state)"
    ):
        made(stream)
    other.reset(pickle.loads(pickle.dumps(stream.state)))
    rest = [other.step(x) for x in X[3:]]
    np.testing.assert_array_equal([stream.step(x) for x in X[3:]], rest)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("batch", [None, 3])
def test_a_stream_that_read_no_number_goes_on_from_any_state_that_was_one(bad, batch):
    """And only the sequence that read it is lost."""
    layers = stack.init(5, [4, 6, 3, 4], rng=2)
    X = inputs(8, *([] if batch is None else [batch]), 5)
    stream, other = Stream(layers, batch), Stream(layers, batch)
    for x in X[:3]:
        stream.step(x)
        other.step(x)
    kept = stream.state
    spoilt = X[3].copy()
    spoilt[(..., 0) if batch is None else (1, 0)] = bad
    with np.errstate(invalid="ignore"):
        got = stream.step(spoilt)
        if batch:
            np.testing.assert_array_equal(got[[0, 2]], other.step(X[3])[[0, 2]])
    stream.reset(kept)
    other.reset(kept)
    np.testing.assert_array_equal([stream.step(x) for x in X], [other.step(x) for x in X])
    with np.errstate(invalid="ignore"):
        stream.step(np.full_like(X[0], np.nan))
    stream.reset()
    fresh = Stream(layers, batch)
    np.testing.assert_array_equal([stream.step(x) for x in X], [fresh.step(x) for x in X])


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_a_state_that_is_given_is_that_of_every_layer_and_stays_the_callers(count):
    layers, x = stack.init(5, 4, layers=count, rng=2), inputs(1, 5)[0]
    rng = np.random.default_rng(3)
    state = [tuple(rng.standard_normal((2, 4))) for _ in range(count)]
    before = np.array(state)
    stream = Stream(layers)
    stream.reset(state)
    np.testing.assert_array_equal(stream.state, before)
    c, h = ([part[k][None, None] for part in state] for k in (0, 1))
    want = stack.step(x, layers, c, h)
    np.testing.assert_allclose(stream.step(x), want.h[-1][0, 0], rtol=1e-13, atol=1e-15)
    np.testing.assert_array_equal(state, before)


def test_a_long_stream_neither_drifts_nor_grows():
    """In the middle it is compared with a run over whole sequences from the present state."""
    X = inputs(500, 5, dtype="float32")
    layers = stack.init(5, [4, 6], rng=2, dtype="float32")
    stream = Stream(layers)
    for lap in range(40):
        state = stream.state
        c, h = ([part[k][None, None] for part in state] for k in (0, 1))
        got = [stream.step(x) for x in X]
        if lap % 13 == 0:
            want = stack.forward(X[:, None], layers, c, h).Hout[:, 0]
            np.testing.assert_allclose(got, want, rtol=0, atol=2e-6)
