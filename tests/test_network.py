"""The network: gradients of everything, states at each sequence's own end, and what is refused."""

import numpy as np
import pytest
from helpers import refused

import lstm
from lstm import gradcheck, network, stack

n, b, D, K = 5, 4, 3, 2
LENGTHS = [[5, 5, 5, 5], [5, 0, 3, 1], [0, 0, 0, 0], None]
KINDS = {
    "one matrix": {"hidden_size": 4},
    "a stack": {"hidden_size": [4, 3]},
    "two directions": {"hidden_size": [4, 3], "bidirectional": True},
    "one layer, two directions": {"hidden_size": 4, "bidirectional": True},
}


def problem(kind, seed=0, dtype=np.float64):
    """Parameters without zeros, inputs and states."""
    rng = np.random.default_rng(seed)
    params = network.init(D, output_size=K, rng=rng, dtype=dtype, **KINDS[kind])

    def draw(shape):
        return (rng.standard_normal(shape) / 2).astype(dtype)

    params["WOUT"] = draw(params["WOUT"].shape)
    if "WLSTM" in params:
        params["WLSTM"] = draw(params["WLSTM"].shape)
        states = [draw((b, 4)) for _ in range(2)]
    else:
        params["layers"] = [
            stack.Layer(*(draw(W.shape) for _, W in layer.directions)) for layer in params["layers"]
        ]
        shapes = [(len(p.directions), b, p.forward.shape[1] // 4) for p in params["layers"]]
        states = [[draw(shape) for shape in shapes] for _ in range(2)]
    return params, draw((n, b, D)), *states


def flat(params, c0, h0):
    """Every array of parameters and states by a name of its own."""
    named = {"WOUT": params["WOUT"]}
    if "WLSTM" in params:
        return named | {"WLSTM": params["WLSTM"], "c0": c0, "h0": h0}
    for k, layer in enumerate(params["layers"]):
        named |= {f"{k}.{name}": W for name, W in layer.directions}
        named |= {f"c0.{k}": c0[k], f"h0.{k}": h0[k]}
    return named


def unflat(named, like):
    if "WLSTM" in like:
        params = {"WLSTM": named["WLSTM"], "WOUT": named["WOUT"]}
        return params, named["c0"], named["h0"]
    layers = [
        stack.Layer(**{name: named[f"{k}.{name}"] for name, _ in layer.directions})
        for k, layer in enumerate(like["layers"])
    ]
    states = [[named[f"{s}.{k}"] for k in range(len(layers))] for s in ("c0", "h0")]
    return {"layers": layers, "WOUT": named["WOUT"]}, *states


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_gradient_against_central_differences(kind, lengths, last):
    params, X, c0, h0 = problem(kind)
    inside = np.ones((n, b), bool) if lengths is None else np.arange(n)[:, None] < lengths
    run = network.forward(params, X, lengths=lengths, c0=c0, h0=h0, last=last)
    dY = np.random.default_rng(1).standard_normal(run.answers.shape)
    if not last:  # an answer after the end means nothing, so none may be asked for there
        dY[~inside] = 0
    g = network.backward(dY, run.cache)
    if not dY.any():  # nothing was read: nothing to compare, and nothing may come back
        assert not any(array.any() for array in flat(g.dparams, g.dc0, g.dh0).values())
        return

    def function(X, **named):
        params_, c0_, h0_ = unflat(named, params)
        return network.forward(params_, X, lengths=lengths, c0=c0_, h0=h0_, last=last).answers

    gradcheck.check(
        function, {"X": X} | flat(params, c0, h0), dY,
        {"X": g.dX} | flat(g.dparams, g.dc0, g.dh0),
    ).raise_if_failed()  # fmt: skip


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_answers_and_states_are_those_of_each_sequence_alone(kind, lengths):
    params, X, c0, h0 = problem(kind)
    padded = X.copy()
    for j, length in enumerate(lengths or []):
        padded[length:, j] = np.nan
    out = network.forward(params, padded, lengths=lengths, c0=c0, h0=h0)
    end = network.forward(params, padded, lengths=lengths, c0=c0, h0=h0, last=True)
    layers = params.get("layers", [stack.Layer(params.get("WLSTM"))])
    for j in range(b):
        length = n if lengths is None else lengths[j]
        one = slice(j, j + 1)
        c, h = ([c0[None, one]], [h0[None, one]]) if "WLSTM" in params else (
            [s[:, one] for s in c0], [s[:, one] for s in h0])  # fmt: skip
        alone = stack.forward(X[:length, one], layers, c, h)
        want = network.answer(params, alone.Hout)
        np.testing.assert_allclose(out.answers[:length, one], want, rtol=0, atol=1e-14)
        last = network.answer(params, np.concatenate(list(alone.Hn[-1]), axis=-1))
        np.testing.assert_allclose(end.answers[one], last, rtol=0, atol=1e-14)
        for got, states in ((out.Cn, alone.Cn), (out.Hn, alone.Hn), (end.Hn, alone.Hn)):
            ends = [got[None]] if "WLSTM" in params else got
            for state, single in zip(ends, states, strict=True):
                np.testing.assert_allclose(state[:, one], single, rtol=0, atol=1e-14)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_cache_is_its_own_and_nothing_is_changed(kind, last):
    params, X, c0, h0 = problem(kind, dtype=np.float32)
    arrays = [X, *flat(params, c0, h0).values()]
    before = [array.copy() for array in arrays]
    for lengths in (None, np.array([5, 0, 3, 1])):  # an array of the type that is kept
        _used_again(params, X, c0, h0, lengths, last, arrays, before)


def _used_again(params, X, c0, h0, lengths, last, arrays, before):
    """Run the backward pass, overwrite all arguments and results, and run it again."""
    run = network.forward(params, X, lengths=lengths, c0=c0, h0=h0, last=last)
    dY = np.ones_like(run.answers)
    want = network.backward(dY, run.cache)
    for array, old in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, old)
        array += 1
    results = [run.answers, *run.Cn, *run.Hn]  # arrays, or rows of one
    kept = [array.copy() for array in results]
    for array in results if lengths is None else (*results, lengths):
        array[...] = 1
    got = network.backward(dY, run.cache)
    for array, old in zip((*arrays, *results), (*before, *kept), strict=True):
        array[...] = old
    np.testing.assert_array_equal(got.dX, want.dX)
    np.testing.assert_array_equal(got.dparams["WOUT"], want.dparams["WOUT"])
    everything = [run.answers, got.dX, *flat(got.dparams, got.dc0, got.dh0).values()]
    assert {array.dtype for array in everything} == {np.dtype(np.float32)}


def test_dropout_is_that_of_the_stack():
    params, X, _, _ = problem("a stack")
    rngs = [np.random.default_rng(0) for _ in range(2)]
    run = network.forward(params, X, dropout=0.5, rng=rngs[0])
    out = stack.forward(X, params["layers"], dropout=0.5, rng=rngs[1])
    np.testing.assert_array_equal(run.answers, network.answer(params, out.Hout))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("H", "K", "options"), [
    (4, 3, {}), (130, 70, {}), (4, 3, {"layers": 2, "bidirectional": True}), (65, 1, {"layers": 3}),
])  # fmt: skip
def test_the_readout_is_drawn_after_the_lstm_and_scaled_by_what_it_reads(H, K, options, dtype):
    params = network.init(3, H, K, forget_bias=1.5, rng=7, dtype=dtype, **options)
    rng = np.random.default_rng(7)
    if options:
        stack.init(3, H, forget_bias=1.5, rng=rng, dtype=dtype, **options)
    else:
        lstm.init(3, H, forget_bias=1.5, rng=rng, dtype=dtype)
    width = H * (1 + ("bidirectional" in options))
    want = rng.standard_normal((1 + width, K)) / np.sqrt(width)
    want[0] = 0
    np.testing.assert_array_equal(params["WOUT"], want.astype(dtype), strict=True)


def test_init_is_that_of_the_package():
    params = network.init(3, 4, 2, forget_bias=1.5, rng=7, dtype=np.float64)
    np.testing.assert_array_equal(params["WLSTM"], lstm.init(3, 4, forget_bias=1.5, rng=7))
    assert (params["WOUT"][0] == 0).all()
    assert abs(network.init(3, 400, 100, rng=0)["WOUT"][1:].std() * 20 - 1) < 0.02


def test_chrono_draws_what_its_paper_says():
    H, longest = 400, 500
    params = {"WLSTM": np.full((1 + H, 4 * H), np.float32(7)), "WOUT": np.zeros((1 + H, 1), "f4")}
    rng = np.random.default_rng(0)
    drawn = [np.split(network.chrono(params, longest, rng)["WLSTM"][0], 4) for _ in range(50)]
    i, f, o, g = map(np.concatenate, zip(*drawn, strict=True))
    times = np.exp(f.astype(np.float64))
    assert 1 <= times.min() < 1.2
    assert longest - 2 < times.max() <= (longest - 1) * (1 + 1e-6)
    counts = np.histogram(times, bins=20, range=(1, longest - 1))[0]
    assert abs(counts - len(f) / 20).max() < 5 * np.sqrt(len(f) / 20)
    np.testing.assert_array_equal(i, -f)
    assert (o == 7).all()
    assert (g == 7).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("longest", [2.5, 100, 1e6])
def test_chrono_is_the_logarithm_of_what_is_drawn(longest, dtype):
    params = network.chrono(network.init(2, 40, 1, rng=0, dtype=dtype), longest, rng=3)
    want = np.log(np.random.default_rng(3).uniform(1, longest - 1, 40)).astype(dtype)
    np.testing.assert_array_equal(params["WLSTM"][0, 40:80], want, strict=True)
    np.testing.assert_array_equal(params["WLSTM"][0, :40], -want, strict=True)


def test_chrono_leaves_the_rest_and_its_argument_alone():
    params = network.init(2, 3, 1, rng=0)
    before = {name: array.copy() for name, array in params.items()}
    after = network.chrono(params, 100, rng=1)
    for name in params:
        np.testing.assert_array_equal(params[name], before[name])
    np.testing.assert_array_equal(after["WLSTM"][1:], before["WLSTM"][1:])
    np.testing.assert_array_equal(after["WOUT"], before["WOUT"])
    assert after["WLSTM"].dtype == np.float32


@pytest.mark.parametrize("sizes", [[4, 3], [4] * 7])
def test_chrono_of_a_stack_draws_for_every_matrix(sizes):
    params = network.init(D, sizes, 1, bidirectional=True, rng=0, forget_bias=0)
    after = network.chrono(params, 100, rng=1)
    biases = [W[0] for layer in after["layers"] for _, W in layer.directions]
    assert len({bias.tobytes() for bias in biases}) == 2 * len(sizes)
    for bias in biases:
        i, f, o, g = np.split(bias, 4)
        np.testing.assert_array_equal(i, -f)
        assert (f >= 0).all()
        assert not np.concatenate([o, g]).any()
    assert not params["layers"][0].forward[0].any()
    np.testing.assert_array_equal(after["WOUT"], params["WOUT"], strict=True)


def test_init_of_a_stack_is_that_of_the_stack():
    params = network.init(D, 4, K, layers=np.int8(2), bidirectional=True, rng=0)
    want = stack.init(D, 4, 2, bidirectional=True, rng=0, dtype=np.float32)
    for got, layer in zip(params["layers"], want, strict=True):
        np.testing.assert_array_equal(got.backward, layer.backward, strict=True)
    assert params["WOUT"].shape == (1 + 8, K)
    assert "layers" in network.init(D, 4, K, layers=1)
    assert network.init(D, np.int8(127), np.uint8(255))["WOUT"].shape == (128, 255)


@pytest.mark.parametrize("lengths", [[3, 0, 5], [0, 0, 0], [1, 5, 2]])
@pytest.mark.parametrize("start", [False, True])
def test_one_layer_ends_where_a_stack_of_one_layer_does(lengths, start):
    """Also a sequence without steps: in its given states, or in zeros; biases are not zero."""
    rng = np.random.default_rng(0)
    W, WOUT = rng.standard_normal((1 + D + 4, 16)), rng.standard_normal((1 + 4, K))
    X, c0, h0 = rng.standard_normal((5, 3, D)), *rng.standard_normal((2, 3, 4))
    one, many = ({"c0": c0, "h0": h0}, {"c0": [c0[None]], "h0": [h0[None]]}) if start else ({}, {})
    single = {"WLSTM": W, "WOUT": WOUT}
    stacked = {"layers": [stack.Layer(W)], "WOUT": WOUT}
    for last in (False, True):
        got = network.forward(single, X, lengths=lengths, last=last, **one)
        want = network.forward(stacked, X, lengths=lengths, last=last, **many)
        np.testing.assert_allclose(got.Cn, want.Cn[0][0], rtol=0, atol=1e-14)
        np.testing.assert_allclose(got.Hn, want.Hn[0][0], rtol=0, atol=1e-14)
        rows = slice(None) if last else np.arange(5)[:, None] < lengths
        np.testing.assert_allclose(got.answers[rows], want.answers[rows], rtol=0, atol=1e-13)
    if not start:
        assert not got.Hn[np.equal(lengths, 0)].any()


@pytest.mark.parametrize("empty", [0, 3])
def test_the_output_of_a_sequence_without_steps_is_the_one_that_is_given(empty):
    """As an array or as a list of lists, with answers of their own at each sequence's end."""
    params, X, c0, h0 = problem("one matrix")
    lengths = np.array([5, 2, 4, 1])
    lengths[empty] = 0
    for given in (h0, h0.tolist()):
        run = network.forward(params, X, lengths=lengths, c0=c0, h0=given, last=True)
        np.testing.assert_array_equal(run.Hn[empty], h0[empty])
        want = network.answer(params, h0[empty])
        np.testing.assert_allclose(run.answers[empty], want, rtol=0, atol=1e-14)
    g = network.backward(np.ones_like(run.answers), run.cache)
    np.testing.assert_allclose(g.dh0[empty], params["WOUT"][1:].sum(axis=1), rtol=0, atol=1e-14)
    assert not g.dc0[empty].any()


def test_lengths_of_all_steps_are_no_lengths():
    params, X, c0, h0 = problem("one matrix")
    whole = network.forward(params, X, lengths=[n] * b, c0=c0, h0=h0)
    assert whole.cache.lengths is None
    others = [n] * (b - 1) + [n - 1]
    kept = network.forward(params, X, lengths=others, c0=c0, h0=h0).cache.lengths
    np.testing.assert_array_equal(kept, others)


def test_underflow_is_no_error_under_errors_for_all():
    params, tiny = network.init(D, 4, 1, rng=0), np.full((n, b, D + 4), 1e-38, np.float32)
    with np.errstate(all="raise"):  # (in NumPy 2.0 to make such numbers is an error, too)
        run = network.forward(params, tiny[..., :D])
        network.backward(tiny[..., :1], run.cache)
        network.answer(params, tiny[0, :1, :4])


PARAMS = network.init(D, 4, K, rng=0)
LAYERS = network.init(D, [4, 4], K, rng=0)
X = np.zeros((n, b, D), np.float32)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: network.forward(PARAMS["WLSTM"], X), TypeError,
         "params: expected WLSTM and WOUT, or layers and WOUT in a dictionary, got a ndarray"),
        (lambda: network.forward({"WLSTM": 1, "layers": 2, "WOUT": 3}, X), ValueError,
         "params: expected WLSTM and WOUT, or layers and WOUT, got ['WLSTM', 'WOUT', 'layers']"),
        (lambda: network.forward(PARAMS | {"WLSTM": PARAMS}, X), TypeError,
         "WLSTM: expected an array, got a dict: pass one of its values ('WLSTM', 'WOUT')"),
        (lambda: network.forward(PARAMS | {"WOUT": np.zeros((4, K), "f4")}, X), ValueError,
         "WOUT: expected shape (1 + d * H, K) = (5, any), got (4, 2)"),
        (lambda: network.forward(PARAMS | {"WOUT": np.zeros((5, K))}, X), TypeError,
         "WOUT: expected dtype float32, as in WLSTM, got float64"),
        (lambda: network.forward({k: v.astype(complex) for k, v in PARAMS.items()}, X), TypeError,
         "params: expected dtype float32 or float64, got complex128"),
        (lambda: network.forward(LAYERS | {"layers": LAYERS["layers"][0]}, X), TypeError,
         "layers: expected a list of Layer, got Layer"),
        (lambda: network.forward(PARAMS, X[0]), ValueError,
         "X: expected shape (n, b, D) = (any, any, 3), got (4, 3)"),
        (lambda: network.forward(PARAMS, X, lengths=[1, 2]), ValueError,
         "lengths: expected shape (b,) = (4,), got (2,)"),
        (lambda: network.forward(PARAMS, X, c0=np.zeros((1, b, 4), "f4")), ValueError,
         "c0: expected shape (b, H) = (4, 4), got (1, 4, 4)"),
        (lambda: network.forward(PARAMS, X, dropout=0.5), ValueError,
         "dropout: expected 0 for one layer, since it acts between layers, got 0.5"),
        (lambda: network.forward(LAYERS, X, dropout=0.5), TypeError,
         "rng: expected a numpy.random.Generator, which moves on from call to call, got None"),
        (lambda: network.backward(X, network.forward(PARAMS, X).cache), ValueError,
         "dY: expected shape (n, b, K) = (5, 4, 2), got (5, 4, 3)"),
        (lambda: network.backward(X, network.forward(PARAMS, X, last=True).cache), ValueError,
         "dY: expected shape (b, K) = (4, 2), got (5, 4, 3)"),
        (lambda: network.backward(X, lstm.forward(X, PARAMS["WLSTM"]).cache), TypeError,
         "cache: expected the Cache of train.forward, got that of lstm.forward"),
        (lambda: network.answer(PARAMS["WOUT"], X), TypeError,
         "params: expected a dictionary with WOUT"),
        (lambda: network.answer(PARAMS, X), ValueError,
         "Hout: expected shape (..., H) with H = 4, got (5, 4, 3)"),
        (lambda: network.answer(PARAMS, np.zeros(4)), TypeError,
         "Hout: expected dtype float32, as in WOUT, got float64"),
        (lambda: network.answer(PARAMS, np.zeros((), "f4")), ValueError,
         "Hout: expected shape (..., H) with H = 4, got ()"),
        (lambda: network.answer(PARAMS, np.zeros((4, 5), "f4")), ValueError,
         "Hout: expected shape (..., H) with H = 4, got (4, 5)"),
        (lambda: network.answer({"WOUT": np.zeros((5, K))}, np.zeros(4, "f4")), TypeError,
         "Hout: expected dtype float64, as in WOUT, got float32"),
        (lambda: network.answer(PARAMS, np.zeros(4, int)), TypeError,
         "Hout: expected dtype float32, float64 or complex128, got int64"),
        (lambda: network.answer(PARAMS, None), TypeError, "Hout: expected an array, got None"),
        (lambda: network.answer({"WLSTM": PARAMS["WLSTM"]}, X), TypeError,
         "params: expected a dictionary with WOUT"),
        (lambda: network.answer({"WOUT": np.zeros(5)}, np.zeros(4)), ValueError,
         "params['WOUT']: expected shape (1 + H, K) = (any, any), got (5,)"),
        (lambda: network.backward(np.zeros((n, b, K)), network.forward(PARAMS, X).cache), TypeError,
         "dY: expected dtype float32, as in WOUT, got float64"),
        (lambda: network.forward(PARAMS, X.astype(float), lengths=[9]), TypeError,
         "X: expected dtype float32, as in WLSTM, got float64"),
        (lambda: network.forward(PARAMS, X, h0=np.zeros((b, 4)), lengths=[5, 0, 3, 1]), TypeError,
         "h0: expected dtype float32, as in WLSTM, got float64"),
        (lambda: network.init(D, 4, 0), ValueError, "output_size: expected at least 1, got 0"),
        (lambda: network.init(D, 4, 1, dtype=int), TypeError,
         "dtype: expected float32 or float64, got int64"),
        (lambda: network.init(D, 4, 1, dtype=None), TypeError,
         "dtype: expected float32 or float64, got None"),
        (lambda: network.chrono(PARAMS, "10"), TypeError,
         "longest: expected a number, got '10'"),
        *((lambda longest=longest: network.chrono(PARAMS, longest), ValueError,
           f"longest: expected more than 2, got {float(longest)}")
          for longest in (2, 1.9, 0, -3, np.inf, -np.inf, np.nan)),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(call, error, message):
    with refused(error, message):
        call()


@pytest.mark.parametrize("shape", [(), (1,), (7,), (300,), (2, 3), (2, 3, 2), (0,), (2, 0)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_answers_to_outputs_of_any_number_of_axes(shape, dtype):
    rng = np.random.default_rng(4)
    WOUT, Hout = (rng.standard_normal(s).astype(dtype) for s in ((1 + 3, 2), (*shape, 3)))
    got = network.answer({"WOUT": WOUT}, Hout)
    with_one = np.concatenate([np.ones((*shape, 1)), Hout], axis=-1)
    want = np.einsum("...r,rk->...k", with_one, WOUT.astype(float)).astype(dtype)
    np.testing.assert_allclose(got, want, rtol=1e-5 if dtype == np.float32 else 1e-13, atol=1e-6,
                               strict=True)  # fmt: skip
