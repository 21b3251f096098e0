"""Layers, directions and lengths: against runs without padding, and against the oracles."""

import itertools

import numpy as np
import pytest
from exchange import task
from helpers import TOLERANCE, refused

import lstm
from lstm import fused, gradcheck, stack
from lstm.stack import Layer

D, H = 3, 6


def network(d=2, layers=2, seed=1, dtype=np.float64, H=H):
    """Random weights, biases included. d: 1, 2, or -1 for the backward direction alone."""
    rng = np.random.default_rng(seed)
    out, size = [], D
    for _ in range(layers):
        W = [rng.standard_normal((1 + size + H, 4 * H)).astype(dtype) / 2 for _ in range(abs(d))]
        out.append(Layer(backward=W[0]) if d < 0 else Layer(*W))
        size = abs(d) * H
    return out


def problem(d=2, layers=2, dtype=np.float64, **options):
    t = task(dtype, D, H, layers=layers, d=abs(d), **options)
    for j, length in enumerate(t.lengths):  # what no sum can hide
        t.X[length:, j] = t.dHout[length:, j] = np.nan
    return t


def run(layers, t, **options):
    out = stack.forward(t.X, layers, t.c0, t.h0, **{"lengths": t.lengths} | options)
    return out, stack.backward(t.dHout, out.cache, t.dCn, t.dHn)


def close(a, b, dtype=np.float64):
    scale = max(1.0, np.abs(b).max(initial=0))
    np.testing.assert_allclose(a, b, rtol=0, atol=10 * TOLERANCE[np.dtype(dtype)] * scale)
    assert a.dtype == b.dtype == dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("d", [1, 2, -1])
@pytest.mark.parametrize("lengths", [(2, 4, 2, 4), (5, 1, 3, 4), (0, 5, 2), (0, 0), (5,), (1, 1)])
def test_a_padded_batch_is_each_sequence_alone(lengths, d, dtype):
    layers, t = network(d, dtype=dtype), problem(d, dtype=dtype, lengths=lengths)
    out, g = run(layers, t)
    sums = [[np.zeros_like(W) for _, W in layer.directions] for layer in layers]
    for j, length in enumerate(lengths):
        one = slice(j, j + 1)
        c0, h0, dCn, dHn = ([s[:, one] for s in states] for states in (t.c0, t.h0, t.dCn, t.dHn))
        alone = stack.forward(t.X[:length, one], layers, c0, h0)
        back = stack.backward(t.dHout[:length, one], alone.cache, dCn, dHn)
        close(out.Hout[:length, one], alone.Hout, dtype)
        close(g.dX[:length, one], back.dX, dtype)
        for k in range(len(layers)):
            for together, single in ((out.Cn, alone.Cn), (out.Hn, alone.Hn),
                                     (g.dc0, back.dc0), (g.dh0, back.dh0)):  # fmt: skip
                close(together[k][:, one], single[k], dtype)
            for total, (_, dW) in zip(sums[k], back.dlayers[k].directions, strict=True):
                total += dW
        assert not out.Hout[length:, j].any()
        assert not g.dX[length:, j].any()
    for total, dlayer in zip(sums, g.dlayers, strict=True):
        for want, (_, dW) in zip(total, dlayer.directions, strict=True):
            close(dW, want, dtype)


@pytest.mark.parametrize("oracle", ["central", "complex"])
@pytest.mark.parametrize("d", [1, 2, -1])
def test_every_gradient_against_an_oracle(d, oracle):
    layers, t = network(d, H=2), task(np.float64, D, 2, d=abs(d), n=4, lengths=(4, 0, 2))
    _, g = run(layers, t)
    names = [f"{k}.{name}" for k, layer in enumerate(layers) for name, _ in layer.directions]
    matrices = [W for layer in layers for _, W in layer.directions]
    derived = [dW for layer in g.dlayers for _, dW in layer.directions]

    def forward(X, c0, h0, **given):
        rebuilt = [
            Layer(**{name: given[f"{k}.{name}"] for name, _ in layer.directions})
            for k, layer in enumerate(layers)
        ]
        result = stack.forward(X, rebuilt, c0, h0, lengths=t.lengths)
        return (result.Hout, *result.Cn, *result.Hn)

    gradcheck.check(
        forward,
        {"X": t.X, "c0": np.array(t.c0), "h0": np.array(t.h0)}
        | dict(zip(names, matrices, strict=True)),
        (t.dHout, *t.dCn, *t.dHn),
        {"X": g.dX, "c0": np.array(g.dc0), "h0": np.array(g.dh0)}
        | dict(zip(names, derived, strict=True)),
        oracle=oracle,
    ).raise_if_failed()


def test_one_layer_one_way_is_the_fused_lstm():
    p = gradcheck.random_problem()
    X, W, c0, h0 = p.inputs.values()
    dHout, dCn, dHn = p.cotangents
    out = stack.forward(X, [Layer(W)], c0[None, None], h0[None, None])
    g = stack.backward(dHout, out.cache, dCn[None, None], dHn[None, None])
    want = lstm.forward(X, W, c0, h0)
    back = lstm.backward(dHout, want.cache, dCn, dHn)
    for a, b in ((out.Hout, want.Hout), (out.Cn[0][0], want.Cn), (out.Hn[0][0], want.Hn),
                 (g.dX, back.dX), (g.dlayers[0].forward, back.dWLSTM),
                 (g.dc0[0][0], back.dc0), (g.dh0[0][0], back.dh0)):  # fmt: skip
        close(a, b)


def test_full_lengths_are_no_lengths_and_states_default_to_zero():
    layers, t = network(), problem(lengths=(5, 5, 5))
    zero = [np.zeros_like(c) for c in t.c0]
    out, g = run(layers, t._replace(c0=None, h0=None, dCn=None, dHn=None), lengths=None)
    want, back = run(layers, t._replace(c0=zero, h0=zero, dCn=zero, dHn=zero))
    close(out.Hout, want.Hout)
    close(g.dX, back.dX)
    close(g.dlayers[0].backward, back.dlayers[0].backward)


def test_batch_first_swaps_inputs_outputs_and_their_gradients_alone():
    layers, t = network(), problem()
    out, g = run(layers, t)
    swapped = t._replace(X=t.X.swapaxes(0, 1), dHout=t.dHout.swapaxes(0, 1))
    other, back = run(layers, swapped, batch_first=True)
    close(other.Hout.swapaxes(0, 1), out.Hout)
    close(back.dX.swapaxes(0, 1), g.dX)
    close(other.Cn[1], out.Cn[1])
    close(back.dlayers[0].forward, g.dlayers[0].forward)


def test_a_stream_is_the_batch():
    layers, t = network(1), problem(1, lengths=(5, 5, 5))
    out, _ = run(layers, t)
    c, h = t.c0, t.h0
    for x, y in zip(t.X, out.Hout, strict=True):
        c, h = stack.step(x, layers, c, h)
        close(h[-1][0], y)
    for k in range(2):
        close(c[k], out.Cn[k])
        close(h[k], out.Hn[k])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("b", "D", "sizes"), [(70, 2, [3, 2]), (300, 1, [2]), (2, 66, [3, 70]), (1, 3, [2] * 6)]
)
def test_single_steps_at_any_size(b, D, sizes, dtype):
    """Wide batches, many inputs and units, many layers."""
    rng = np.random.default_rng(b)
    layers = stack.init(D, sizes, rng=0, dtype=dtype)
    X = rng.standard_normal((3, b, D)).astype(dtype)
    c = h = None
    for x in X:
        c, h = stack.step(x, layers, c, h)
    whole = stack.forward(X, layers)
    within = 1e-5 if dtype == np.float32 else 1e-14
    for got, want in zip([*c, *h], [*whole.Cn, *whole.Hn], strict=True):
        np.testing.assert_allclose(got, want, rtol=0, atol=within, strict=True)


def test_what_forward_ends_with_step_goes_on_with_and_back():
    layers, t = network(1), problem(1, lengths=(5, 5, 5))
    whole = stack.forward(t.X, layers, t.c0, t.h0)
    _, c, h, _ = stack.forward(t.X[:2], layers, t.c0, t.h0)
    state = stack.step(t.X[2], layers, c, h)
    assert isinstance(state, stack.State)
    assert [array.shape for array in (*state.c, *state.h)] == [(1, 3, H)] * 4
    after = stack.forward(t.X[3:], layers, *state)
    close(after.Hout, whole.Hout[3:])
    for got, want in zip((*after.Cn, *after.Hn), (*whole.Cn, *whole.Hn), strict=True):
        close(got, want)


def test_one_input_is_a_batch_of_one():
    layers, x = network(1), problem(1).X[0, 0]
    one, batch = stack.step(x, layers), stack.step(x[None], layers)
    for got, want in zip((*one.c, *one.h), (*batch.c, *batch.h), strict=True):
        np.testing.assert_array_equal(got, want, strict=True)
    assert one.h[0].shape == (1, 1, H)
    close(stack.step(x, layers, *one).h[1], stack.step(x[None], layers, *batch).h[1])
    half = stack.step(x, layers, [None, one.c[1]], [one.h[0], None])
    zero = np.zeros((1, 1, H))
    close(half.h[1], stack.step(x, layers, [zero, one.c[1]], [one.h[0], zero]).h[1])


def test_what_is_none_is_zero():
    layers, t = network(), problem()
    out, _ = run(layers, t)
    zero = [np.zeros_like(c) for c in t.c0]
    want = stack.backward(np.zeros_like(out.Hout), out.cache, zero, [zero[0], t.dHn[1]])
    got = stack.backward(None, out.cache, None, [None, t.dHn[1]])
    for a, b in ((got.dX, want.dX), (got.dlayers[0].forward, want.dlayers[0].forward),
                 (got.dlayers[1].backward, want.dlayers[1].backward),
                 (got.dc0[0], want.dc0[0])):  # fmt: skip
        np.testing.assert_array_equal(a, b, strict=True)
    some = stack.forward(t.X, layers, [None, t.c0[1]], None, lengths=t.lengths)
    same = stack.forward(t.X, layers, [zero[0], t.c0[1]], zero, lengths=t.lengths)
    np.testing.assert_array_equal(some.Hout, same.Hout)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_a_step_from_states_that_are_given_for_some_layers_or_none(count):
    layers, rng = stack.init(3, 4, layers=count, rng=0), np.random.default_rng(1)
    x, *states = rng.standard_normal((2, 3)), *rng.standard_normal((2, count, 1, 2, 4))
    for absent in itertools.product((None, 0, count - 1), repeat=2):  # all, the first, the last
        given, zeros = [], []
        for state, which in zip(states, absent, strict=True):
            filled = [s * (which is not None and k != which) for k, s in enumerate(state)]
            zeros.append(filled)
            given.append(None if which is None else [
                None if k == which else s for k, s in enumerate(state)])  # fmt: skip
        got, want = stack.step(x, layers, *given), stack.step(x, layers, *zeros)
        for one, two in zip((*got.c, *got.h), (*want.c, *want.h), strict=True):
            np.testing.assert_array_equal(one, two)
        with_all = stack.forward(x[None], layers, *zeros)
        for one, two in zip((*got.c, *got.h), (*with_all.Cn, *with_all.Hn), strict=True):
            np.testing.assert_allclose(one, two, rtol=0, atol=1e-14)


@pytest.mark.parametrize("d", [1, 2, -1])
def test_dropout_against_central_differences(d):
    """With a generator in the same state, what is dropped is the same in every run."""
    layers, t = network(d, layers=3, H=2), task(np.float64, D, 2, layers=3, d=abs(d), n=4,
                                               lengths=(4, 0, 2))  # fmt: skip

    def forward(X, **W):
        rebuilt = [
            Layer(**{name: W[f"{k}.{name}"] for name, _ in layer.directions})
            for k, layer in enumerate(layers)
        ]
        rng = np.random.default_rng(5)
        return stack.forward(X, rebuilt, lengths=t.lengths, dropout=0.4, rng=rng)

    def by_name(stacked):
        return {f"{k}.{name}": W for k, one in enumerate(stacked) for name, W in one.directions}

    matrices = by_name(layers)
    out = forward(t.X, **matrices)
    g = stack.backward(t.dHout, out.cache)
    derived = by_name(g.dlayers)
    assert 0 < out.cache.kept[0].mean() < 1
    for oracle in ("central", "complex"):
        gradcheck.check(
            lambda **inputs: forward(**inputs).Hout, {"X": t.X} | matrices, t.dHout,
            {"X": g.dX} | derived, oracle=oracle,
        ).raise_if_failed()  # fmt: skip


def test_dropout_keeps_the_mean_of_what_is_read():
    layers = network(1)
    X = np.random.default_rng(0).standard_normal((200, 40, D)).astype(np.float32)
    layers = [Layer(layer.forward.astype(np.float32)) for layer in layers]
    out = stack.forward(X, layers, dropout=0.25, rng=np.random.default_rng(1))
    below = lstm.forward(X, layers[0].forward).Hout
    read = out.cache.runs[1]["forward"].U[..., 1 : 1 + H]
    (kept,) = out.cache.kept
    np.testing.assert_array_equal(read, np.where(kept, below / np.float32(0.75), 0))
    assert abs(kept.mean() - 0.75) < 5 * np.sqrt(0.25 * 0.75 / kept.size)
    assert out.Hout.dtype == read.dtype == np.float32
    again = stack.forward(X, layers, dropout=0.25, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(again.Hout, out.Hout)
    plain = stack.forward(X, layers).Hout
    np.testing.assert_array_equal(stack.forward(X, layers, dropout=0.0).Hout, plain)


class Quarters(np.random.Generator):
    """Draws 0, 1/4, 1/2, 3/4 over and over."""

    def random(self, size=None, dtype=np.float64, out=None):
        return np.resize(np.arange(4) / 4, size).astype(dtype)


@pytest.mark.parametrize("p", [0.25, 0.5, 0.75])
def test_what_is_drawn_below_the_probability_is_dropped(p):
    """A generator draws 0 but never 1, so a draw that equals the probability is kept."""
    out = stack.forward(X, TWO, dropout=p, rng=Quarters(np.random.PCG64()))
    want = np.resize(np.arange(4) / 4, (5, 2, H)) >= p
    np.testing.assert_array_equal(out.cache.kept, [want])


def test_a_seed_drops_the_same_as_ever():
    """It is drawn in float32, which takes half as many random bits."""
    out = stack.forward(X, [*TWO, TWO[1]], dropout=0.4, rng=np.random.default_rng(6))
    rng = np.random.default_rng(6)
    want = [rng.random((5, 2, H), np.float32) >= 0.4 for _ in range(2)]
    np.testing.assert_array_equal(out.cache.kept, want)


def test_without_dropout_nothing_is_drawn():
    rng, fresh = np.random.default_rng(6), np.random.default_rng(6)
    assert stack.forward(X, TWO, dropout=0.0, rng=rng).cache.kept == []
    assert rng.random() == fresh.random()


def test_errors_that_are_none_of_the_arguments_are_raised_as_they_are():
    x = np.array([np.inf, 0, 0])
    with np.errstate(invalid="raise"), pytest.raises(FloatingPointError, match="invalid value"):
        stack.step(x, [Layer(W)])


def test_each_layer_may_have_a_size_of_its_own():
    layers = stack.init(D, [4, 6, 5], bidirectional=True, rng=0)
    assert [layer.backward.shape for layer in layers] == [(8, 16), (15, 24), (18, 20)]
    two = stack.init(D, np.array([4, 6]), 2)
    assert [layer.forward.shape for layer in two] == [(8, 16), (11, 24)]
    same = stack.init(D, [4, 4], rng=0)
    for one, other in zip(same, stack.init(D, 4, 2, rng=0), strict=True):
        np.testing.assert_array_equal(one.forward, other.forward)


def test_sizes_of_small_integer_types_do_not_overflow():
    layers = stack.init(3, np.uint8(200), layers=np.int8(2), bidirectional=True, rng=0)
    assert [layer.forward.shape for layer in layers] == [(204, 800), (601, 800)]
    assert lstm.init(np.uint8(200), np.int8(100)).shape == (301, 400)


def test_what_vanishes_or_grows_beyond_all_bounds_is_no_error():
    """With np.seterr(all="raise"), which many set to find nan, underflow and overflow raise
    nothing."""
    layers = [Layer(*(W * 0.05 for W in layer)) for layer in network(2, dtype=np.float32)]
    X = np.random.default_rng(0).standard_normal((300, 2, D)).astype(np.float32)
    with np.errstate(all="raise"):
        out = stack.forward(X, layers, lengths=[300, 7])
        dHout = np.zeros_like(out.Hout)
        dHout[-1] = 1
        assert np.isfinite(stack.backward(dHout, out.cache).dX).all()
        huge = np.full_like(dHout, 3e38)
        stack.backward(huge, out.cache)
        c = h = None
        for _ in range(300):
            c, h = stack.step(np.zeros(D, np.float32), [Layer(layers[0].forward)], c, h)


def test_nothing_is_changed_and_the_cache_owns_its_weights():
    layers, t = network(), problem()
    arrays = [t.X, *t.c0, *t.h0, t.dHout, *t.dCn, *t.dHn]
    for array in [*arrays, *(W for layer in layers for W in layer)]:
        array.setflags(write=False)
    out, g = run(layers, t)
    moved = [Layer(*(W.copy() for W in layer)) for layer in layers]
    lengths = np.array(t.lengths, np.intp)  # of the type that is kept
    again = stack.forward(t.X, moved, t.c0, t.h0, lengths=lengths)
    for array in (lengths, again.Hout, *again.Cn, *again.Hn):
        array[...] = 1
    for layer in moved:
        for W in layer:
            W += 1
    back = stack.backward(t.dHout, again.cache, t.dCn, t.dHn)
    close(back.dX, g.dX)
    assert stack.backward(t.dHout, out.cache, t.dCn, t.dHn).dX.tobytes() == g.dX.tobytes()


def test_reverse_twice_is_nothing_but_for_the_padding():
    t = problem(lengths=(5, 0, 3))
    once = stack.reverse(t.X, t.lengths)
    np.testing.assert_array_equal(once[:3, 2], t.X[2::-1, 2])
    twice = stack.reverse(once, t.lengths)
    for j, length in enumerate(t.lengths):
        np.testing.assert_array_equal(twice[:length, j], t.X[:length, j])
        assert not twice[length:, j].any()
    np.testing.assert_array_equal(stack.reverse(t.X), t.X[::-1])


@pytest.mark.parametrize(("n", "b"), [(1, 1), (5, 17), (65, 3), (3, 130), (40, 40)])
def test_reverse_turns_each_sequence_of_any_batch(n, b):
    X, rng = np.full((n, b, 2), 1 + 2j), np.random.default_rng(n)
    X[..., 0] = np.arange(1, n * b + 1).reshape(n, b)  # nothing is zero, and no two are alike
    lengths = rng.integers(0, n + 1, b)
    turned = stack.reverse(X, lengths)
    for j, length in enumerate(lengths):
        np.testing.assert_array_equal(turned[:length, j], X[:length, j][::-1])
        assert not turned[length:, j].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", [[4], [4, 4], [2, 5, 3, 6], [4] * 11])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_init_is_that_of_each_layer_in_turn(bidirectional, sizes, dtype):
    """By one generator, with the same forget bias in every matrix."""
    got = stack.init(3, sizes, bidirectional=bidirectional, forget_bias=1.5, rng=7, dtype=dtype)
    rng, width = np.random.default_rng(7), 3
    for layer, size in zip(got, sizes, strict=True):
        for _, W in layer.directions:
            want = lstm.init(width, size, forget_bias=1.5, rng=rng, dtype=dtype)
            np.testing.assert_array_equal(W, want, strict=True)
        assert len(layer.directions) == 1 + bidirectional
        width = size * len(layer.directions)
    assert len(got) == len(sizes)
    if len({*sizes}) == 1:  # one number stands for all of them
        again = stack.init(3, 4, len(sizes), bidirectional=bidirectional, forget_bias=1.5, rng=7,
                           dtype=dtype)  # fmt: skip
        for one, two in zip(again, got, strict=True):
            for (_, V), (_, W) in zip(one.directions, two.directions, strict=True):
                np.testing.assert_array_equal(V, W, strict=True)


def test_init_draws_every_matrix_anew():
    layers = stack.init(D, H, 2, bidirectional=True, rng=0, forget_bias=1.0, dtype=np.float32)
    shapes = [W.shape for layer in layers for W in layer]
    assert shapes == [(10, 24)] * 2 + [(19, 24)] * 2
    assert len({W.tobytes() for layer in layers for W in layer}) == 4
    np.testing.assert_array_equal(layers[0].forward, fused.init(D, H, forget_bias=1.0, rng=0,
                                                                dtype=np.float32))  # fmt: skip
    (single,) = stack.init(D, H, rng=0)
    assert single.backward is None
    np.testing.assert_array_equal(single.forward, fused.init(D, H, rng=0))


def test_layers_may_differ_in_width():
    below, above = network(1, 1, H=2)[0], Layer(np.ones((1 + 2 + H, 4 * H)) / 10)
    X = np.random.default_rng(0).standard_normal((5, 2, D))
    out = stack.forward(X, [below, above])
    dHout = np.ones_like(out.Hout)
    g = stack.backward(dHout, out.cache)
    assert out.Hout.shape == (5, 2, H)
    first = lstm.forward(X, below.forward)
    second = lstm.forward(first.Hout, above.forward)
    back = lstm.backward(dHout, second.cache)
    close(out.Hout, second.Hout)
    close(g.dX, lstm.backward(back.dX, first.cache).dX)


W = np.zeros((1 + D + H, 4 * H))
GOOD = [Layer(W, W)]
X = np.zeros((5, 2, D))
Y = np.zeros((5, 2, 2 * H))
STATE = [np.zeros((2, 2, H))]
TWO = [Layer(W), Layer(np.zeros((1 + H + H, 4 * H)))]
RNG = np.random.default_rng(0)


def test_lengths_may_be_of_any_integer_type_and_a_batch_may_be_empty():
    layers, t = network(), problem(lengths=(5, 1, 3, 4))
    small = run(layers, t, lengths=np.array(t.lengths, np.uint8))[0]
    np.testing.assert_array_equal(small.Hout, run(layers, t)[0].Hout)
    nobody = stack.forward(np.zeros((5, 0, D)), GOOD, lengths=np.zeros(0, int))
    assert nobody.Hout.shape == (5, 0, 2 * H)
    assert stack.forward(np.zeros((5, 0, D)), GOOD, lengths=[]).Hout.shape == (5, 0, 2 * H)


def test_states_default_to_zeros_of_the_weights_dtype():
    layers = network(dtype=np.float32)
    out = stack.forward(np.ones((5, 2, D), np.float32), layers)
    g = stack.backward(np.ones_like(out.Hout), out.cache)
    assert out.Hout.dtype == out.Cn[0].dtype == g.dX.dtype == g.dc0[0].dtype == np.float32
    g = stack.backward(None, out.cache, dHn=[None, np.ones_like(out.Hn[1])])
    assert g.dX.dtype == g.dlayers[0].forward.dtype == g.dc0[0].dtype == np.float32


def test_what_is_optional_is_named():
    out = stack.forward(X=X, layers=GOOD, c0=None, h0=None, lengths=[5, 5])
    np.testing.assert_array_equal(out.Hout, stack.forward(X, GOOD).Hout)
    with pytest.raises(TypeError, match="positional"):
        stack.forward(X, GOOD, None, None, [5, 5])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: stack.forward(X, Layer(W)), TypeError,
         "layers: expected a list of Layer, got Layer"),
        (lambda: stack.forward(X, 3), TypeError, "layers: expected a list of Layer, got int"),
        (lambda: stack.forward(X, [W]), TypeError, "layers[0]: expected a Layer, got ndarray"),
        (lambda: stack.forward(X, []), ValueError,
         "layers: expected at least one layer, got none"),
        (lambda: stack.forward(X, [Layer(W), Layer(W)]), ValueError,
         "layers[1].forward: expected D = 6, the width of the layer below, got 3"),
        (lambda: stack.forward(X, [Layer(W), Layer(np.zeros((1 + 9 + H, 4 * H)))]), ValueError,
         "layers[1].forward: expected D = 6, the width of the layer below, got 9"),
        (lambda: stack.forward(X, [Layer(W, W[:, :8])]), ValueError,
         "layers[0].backward: expected shape (10, 24), as forward, got (10, 8)"),
        (lambda: stack.forward(X, [Layer(W, W.astype(np.float32))]), TypeError,
         "layers[0].backward: expected dtype float64, as in the first matrix, got float32"),
        (lambda: stack.forward(X, [Layer(W.astype(np.float32), W)]), TypeError,
         "layers[0].backward: expected dtype float32, as in the first matrix, got float64"),
        (lambda: stack.forward(X, [Layer(W[:, :8], W)]), ValueError,
         "layers[0].backward: expected shape (10, 8), as forward, got (10, 24)"),
        (lambda: stack.forward(X.astype(np.float32), GOOD), TypeError,
         "X: expected dtype float64, as in WLSTM, got float32"),
        (lambda: stack.forward(X, [Layer(W[:, 1:])]), ValueError,
         "layers[0].forward: expected shape (1 + D + H, 4 * H) with H >= 1 and D >= 0, "
         "got (10, 23)"),
        (lambda: stack.forward(X[:, 0], GOOD), ValueError,
         "X: expected shape (n, b, D) = (any, any, 3), got (5, 3)"),
        (lambda: stack.forward(X[..., :2], GOOD, batch_first=True), ValueError,
         "X: expected shape (b, n, D) = (any, any, 3), got (5, 2, 2)"),
        (lambda: stack.forward(X, GOOD, STATE * 2), ValueError,
         "c0: expected 1 layers, got 2"),
        (lambda: stack.forward(X, GOOD, None, [STATE[0][0]]), ValueError,
         "h0[0]: expected shape (d, b, H) = (2, 2, 6), got (2, 6)"),
        (lambda: stack.forward(X, GOOD, [STATE[0].astype(np.float32)]), TypeError,
         "c0[0]: expected dtype float64, as in WLSTM, got float32"),
        (lambda: stack.forward(X, GOOD, lengths=[5]), ValueError,
         "lengths: expected shape (b,) = (2,), got (1,)"),
        (lambda: stack.forward(X, GOOD, lengths=[5, 2, 1]), ValueError,
         "lengths: expected shape (b,) = (2,), got (3,)"),
        (lambda: stack.forward(X, GOOD, lengths=[5.0, 2.0]), TypeError,
         "lengths: expected integers, got dtype float64"),
        (lambda: stack.forward(X, GOOD, lengths=[5, 6]), ValueError,
         "lengths: expected numbers from 0 to n = 5, got [5, 6]"),
        (lambda: stack.forward(X, GOOD, lengths=[-1, 5]), ValueError,
         "lengths: expected numbers from 0 to n = 5, got [-1, 5]"),
        (lambda: stack.backward(X, None), TypeError,
         "cache: expected the Cache of stack.forward, got None, which is what it returns with "
         "cache=False"),
        (lambda: stack.backward(X, stack.forward(X, GOOD, cache=False)), TypeError,
         "cache: expected the Cache of stack.forward, got the whole Outputs: pass its field cache"),
        (lambda: stack.forward(X, GOOD, cache=0), TypeError,
         "cache: expected True or False, got 0"),
        (lambda: stack.backward(X, lstm.forward(X, W).cache), TypeError,
         "cache: expected the Cache of stack.forward, got that of lstm.forward"),
        (lambda: stack.backward(X, stack.forward(X, GOOD)), TypeError,
         "cache: expected the Cache of stack.forward, got the whole Forward: pass its field cache"),
        (lambda: stack.backward(X, stack.forward(X, GOOD).cache), ValueError,
         "dHout: expected shape (n, b, d * H) = (5, 2, 12), got (5, 2, 3)"),
        (lambda: stack.forward(X, GOOD, 3.0), TypeError,
         "c0: expected a list with the states of each layer, got a float"),
        (lambda: stack.forward(X, GOOD, {"c0": STATE[0]}), TypeError,
         "c0: expected a list with the states of each layer, got a dict"),
        (lambda: stack.forward(X, GOOD, h0=np.zeros(())), TypeError,
         "h0: expected a list with the states of each layer, got a ndarray"),
        (lambda: stack.forward(X, TWO, dropout=1.5, rng=RNG), ValueError,
         "dropout: expected a probability from 0 to below 1, got 1.5"),
        (lambda: stack.forward(X, TWO, dropout=-0.1, rng=RNG), ValueError,
         "dropout: expected a probability from 0 to below 1, got -0.1"),
        (lambda: stack.forward(X, TWO, dropout=np.nan, rng=RNG), ValueError,
         "dropout: expected a probability from 0 to below 1, got nan"),
        (lambda: stack.forward(X, GOOD, dropout=0.5, rng=RNG), ValueError,
         "dropout: expected 0 for one layer, since it acts between layers, got 0.5"),
        (lambda: stack.forward(X, TWO, dropout=1.0, rng=RNG), ValueError,
         "dropout: expected a probability from 0 to below 1, got 1.0"),
        (lambda: stack.forward(X, TWO, dropout="0.5", rng=RNG), TypeError,
         "dropout: expected a probability, got '0.5'"),
        (lambda: stack.forward(X, TWO, dropout=0.5, rng=3), TypeError,
         "rng: expected a numpy.random.Generator, which moves on from call to call, got 3"),
        (lambda: stack.backward(X, stack.forward(X, GOOD, batch_first=True).cache), ValueError,
         "dHout: expected shape (b, n, d * H) = (5, 2, 12), got (5, 2, 3)"),
        (lambda: stack.backward(Y.astype(np.float32), stack.forward(X, GOOD).cache), TypeError,
         "dHout: expected dtype float64, as in WLSTM, got float32"),
        (lambda: stack.backward(Y, stack.forward(X, GOOD).cache, dCn=[]), ValueError,
         "dCn: expected 1 layers, got 0"),
        (lambda: stack.backward(Y, stack.forward(X, GOOD).cache, dHn=STATE * 2), ValueError,
         "dHn: expected 1 layers, got 2"),
        (lambda: stack.reverse(X[0]), ValueError,
         "X: expected shape (n, b, D) = (any, any, any), got (2, 3)"),
        (lambda: stack.step(X[0], [Layer(W)], None, STATE * 2), ValueError,
         "h: expected 1 layers, got 2"),
        (lambda: stack.step(X[0], GOOD), ValueError,
         "layers[0].backward: expected None, as a stream has no end to start from"),
        (lambda: stack.step(X[0], [Layer(W)], []), ValueError, "c: expected 1 layers, got 0"),
        (lambda: stack.step(X[0], iter([Layer(W)]), []), ValueError,
         "c: expected 1 layers, got 0"),
        (lambda: stack.step(X[0], []), ValueError,
         "layers: expected at least one layer, got none"),
        (lambda: stack.step(X[0], 3), TypeError, "layers: expected a list of Layer, got int"),
        (lambda: stack.step(X[0], [Layer(W), W]), TypeError,
         "layers[1]: expected a Layer, got ndarray"),
        (lambda: stack.step(None, [Layer(W)]), TypeError, "x: expected an array, got None"),
        (lambda: stack.step(X, [Layer(W)]), ValueError,
         "x: expected shape (D,) or (b, D) with D = 3, got (5, 2, 3)"),
        (lambda: stack.step(np.ones(()), stack.init(1, 2)), ValueError,
         "x: expected shape (D,) or (b, D) with D = 1, got ()"),
        (lambda: stack.step(np.ones(4), [Layer(W)]), ValueError,
         "x: expected shape (D,) = (3,), got (4,)"),
        (lambda: stack.step(np.ones((2, 4)), [Layer(W)]), ValueError,
         "x: expected shape (b, D) = (2, 3), got (2, 4)"),
        (lambda: stack.step(X[0].astype(np.float32), [Layer(W)], []), TypeError,
         "x: expected dtype float64, as in WLSTM, got float32"),
        (lambda: stack.step(X[0], [Layer(W)], [np.zeros((2, H))]), ValueError,
         "c[0]: expected shape (d, b, H) = (1, 2, 6), got (2, 6)"),
        (lambda: stack.step(X[0], [Layer(W)], [np.zeros((2, 2, H))]), ValueError,
         "c[0]: expected shape (d, b, H) = (1, 2, 6), got (2, 2, 6)"),
        (lambda: stack.step(X[0], [Layer(W)], h=[np.zeros((0, 2, H))]), ValueError,
         "h[0]: expected shape (d, b, H) = (1, 2, 6), got (0, 2, 6)"),
        (lambda: stack.step(X[0, 0], [Layer(W)], h=[np.zeros((1, 2, H))]), ValueError,
         "h[0]: expected shape (d, b, H) = (1, 1, 6), got (1, 2, 6)"),
        (lambda: stack.init(D, []), ValueError,
         "hidden_size: expected at least one size, got 0"),
        (lambda: stack.init(D, [4, 5], 3), ValueError,
         "hidden_size: expected as many sizes as layers, 3, got 2"),
        (lambda: stack.init(D, [4, 5], 1), ValueError,
         "hidden_size: expected as many sizes as layers, 1, got 2"),
        (lambda: stack.init(D, [4, 0]), ValueError, "hidden_size[1]: expected at least 1, got 0"),
        (lambda: stack.init(D, 4, 2**60), ValueError,
         "layers, hidden_size: expected an array of at most 2**48 numbers, "
         "got shape (1152921504606846976, 1, 5, 16)"),
        (lambda: stack.init(D, 4, rng="0"), TypeError,
         "rng: expected a numpy.random.Generator, a seed or None, got '0'"),
        (lambda: stack.init(D, 4, forget_bias=[3]), TypeError,
         "forget_bias: expected a number, got [3]"),
        (lambda: stack.init(D, 4.5), TypeError, "hidden_size: expected an integer, got 4.5"),
        (lambda: stack.init(D, H, 0), ValueError, "layers: expected at least 1, got 0"),
        (lambda: stack.init(D, H, 1.0), TypeError, "layers: expected an integer, got 1.0"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(call, error, message):
    with refused(error, message):
        call()


def test_a_layer_may_have_one_direction_between_layers_of_two():
    """Narrower and wider ones, states for some layers alone: as each layer by itself."""
    rng = np.random.default_rng(0)
    widths, ways = (6, 2, 5, 3), (2, 1, 2, -1)
    layers, D = [], 4
    for H, d in zip(widths, ways, strict=True):
        W = [lstm.init(D, H, rng=rng) + 0.1 for _ in range(abs(d))]
        layers.append(stack.Layer(None, W[0]) if d == -1 else stack.Layer(*W))
        D = abs(d) * H
    X, lengths = rng.standard_normal((7, 3, 4)), np.array([7, 2, 5])  # one sequence has all steps
    c0 = [rng.standard_normal((2, 3, 6)), None, None, rng.standard_normal((1, 3, 3))]
    h0 = [None, rng.standard_normal((1, 3, 2)), None, None]
    dCn = [rng.standard_normal((abs(d), 3, H)) for H, d in zip(widths, ways, strict=True)]
    dHn = [2 * part for part in dCn]
    for ends in (None, lengths):
        run = stack.forward(X, layers, c0, h0, lengths=ends)
        back = stack.backward(run.Hout, run.cache, dCn, dHn)
        bare = stack.forward(X, layers, c0, h0, lengths=ends, cache=False)
        for one, two in zip((bare.Hout, *bare.Cn, *bare.Hn), (run.Hout, *run.Cn, *run.Hn),
                            strict=True):  # fmt: skip
            np.testing.assert_allclose(one, two, rtol=1e-13, atol=1e-14)
        runs, read = [], X
        for k, layer in enumerate(layers):
            runs.append(stack.forward(read, [layer], [c0[k]], [h0[k]], lengths=ends))
            read = runs[-1].Hout
            np.testing.assert_array_equal(run.Cn[k], runs[-1].Cn[0])
            np.testing.assert_array_equal(run.Hn[k], runs[-1].Hn[0])
        np.testing.assert_array_equal(run.Hout, read)
        dY = run.Hout
        for k in reversed(range(4)):
            alone = stack.backward(dY, runs[k].cache, [dCn[k]], [dHn[k]])
            dY = alone.dX
            for one, two in ((back.dc0[k], alone.dc0[0]), (back.dh0[k], alone.dh0[0]), *zip(
                (W for _, W in back.dlayers[k].directions),
                (W for _, W in alone.dlayers[0].directions), strict=True)):  # fmt: skip
                np.testing.assert_allclose(one, two, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(back.dX, dY, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("dropout", [1e-6, 0.2, 0.5, 0.75, 0.9, 0.99])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dropout_drops_as_often_as_it_says_with_a_cache_or_without(dropout, dtype):
    layers = stack.init(3, 40, layers=2, rng=0, dtype=dtype)
    X = np.random.default_rng(1).standard_normal((60, 9, 3)).astype(dtype)
    run, bare = (stack.forward(X, layers, dropout=dropout, rng=np.random.default_rng(2), cache=kept)
                 for kept in (True, False))  # fmt: skip
    # what is read is up to a hundred times as large, and so is the rounding of raw gates
    within = {"f": 2e-7, "d": 1e-15}[np.dtype(dtype).char] * 100 / (1 - dropout)
    np.testing.assert_allclose(bare.Hout, run.Hout, rtol=0, atol=within)
    (kept,) = run.cache.kept
    spread = np.sqrt(dropout * (1 - dropout) / kept.size)
    assert abs((~kept).mean() - dropout) < 5 * spread + 1e-9


def test_long_sequences_are_turned_from_their_own_ends():
    n, lengths = 3000, np.array([3000, 1, 1025, 0, 2049])
    X = np.arange(n * 5.0).reshape(n, 5, 1)
    turned = stack.reverse(X, lengths)
    for j, end in enumerate(lengths):
        np.testing.assert_array_equal(turned[:end, j], X[:end, j][::-1])
        assert not turned[end:, j].any()


def test_lengths_that_change_after_the_forward_pass_change_nothing():
    X, dHout = np.random.default_rng(0).standard_normal((2, 6, 3, 4))
    layers = stack.init(4, 4, rng=0)
    lengths = np.array([6, 2, 4], np.intp)
    expected = stack.backward(dHout, stack.forward(X, layers, lengths=lengths.copy()).cache)
    cache = stack.forward(X, layers, lengths=lengths).cache
    lengths[:] = 1
    got = stack.backward(dHout, cache)
    np.testing.assert_array_equal(got.dX, expected.dX)
    np.testing.assert_array_equal(got.dlayers[0].forward, expected.dlayers[0].forward)
