"""Weights go to Flax, Equinox and Haiku and come back: the real cells answer the same.

Two layers, both directions, sequences of different lengths: each sequence goes through the
framework's own cell alone, without padding, and JAX differentiates it.
"""

import equinox as eqx
import flax.linen as nn
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exchange import as_gradient, assert_close, ours, random_like, task
from flax import nnx
from helpers import refused

from lstm import stack, weights

D, H = 3, 6


class Linen:
    cell = nn.LSTMCell
    read, write = staticmethod(weights.from_flax), staticmethod(weights.to_flax)

    def params(self, D):
        carry = (jnp.zeros(H), jnp.zeros(H))
        init = self.cell(H).init
        return jax.eval_shape(init, jax.random.key(0), carry, jnp.zeros(D))["params"]

    def step(self, params, x, c, h):
        return self.cell(H).apply({"params": params}, (c, h), x)[0]


class LinenOptimized(Linen):
    cell = nn.OptimizedLSTMCell


class Nnx:
    cell = nnx.LSTMCell
    read, write = staticmethod(weights.from_nnx), staticmethod(weights.to_nnx)

    def make(self, D):
        return self.cell(D, H, rngs=nnx.Rngs(0))

    def params(self, D):
        return nnx.to_pure_dict(nnx.state(self.make(D), nnx.Param))

    def step(self, params, x, c, h):
        cell = self.make(x.shape[-1])
        nnx.update(cell, params)
        return cell((c, h), x)[0]


class NnxOptimized(Nnx):
    cell = nnx.OptimizedLSTMCell
    read, write = staticmethod(weights.from_nnx_optimized), staticmethod(weights.to_nnx_optimized)


class Equinox:
    read, write = staticmethod(weights.from_equinox), staticmethod(weights.to_equinox)

    def params(self, D):
        cell = eqx.nn.LSTMCell(D, H, key=jax.random.key(0))
        return {name: vars(cell)[name] for name in ("weight_ih", "weight_hh", "bias")}

    def step(self, params, x, c, h):
        cell = eqx.nn.LSTMCell(x.shape[-1], H, key=jax.random.key(0))
        cell = eqx.tree_at(
            lambda m: (m.weight_ih, m.weight_hh, m.bias),
            cell,
            (params["weight_ih"], params["weight_hh"], params["bias"]),
        )
        h, c = jax.vmap(cell)(x, (h, c))
        return c, h


class Haiku:
    read, write = staticmethod(weights.from_haiku), staticmethod(weights.to_haiku)
    core = staticmethod(
        hk.transform(lambda x, c, h: hk.LSTM(H)(x, hk.LSTMState(hidden=h, cell=c))[1])
    )

    def params(self, D):
        zeros = map(jnp.zeros, (D, H, H))
        return jax.eval_shape(self.core.init, jax.random.key(0), *zeros)["lstm/linear"]

    def step(self, params, x, c, h):
        state = self.core.apply({"lstm/linear": params}, None, x, c, h)
        return state.cell, state.hidden


ADAPTERS = {
    "linen": Linen(), "linen optimized": LinenOptimized(), "nnx": Nnx(),
    "nnx optimized": NnxOptimized(), "equinox": Equinox(), "haiku": Haiku(),
}  # fmt: skip


def by_cells(step, lengths):
    """A function of (params, X, c0, h0) that runs sequences of one length together, unpadded."""

    def run(params, X, c0, h0):
        n, b, _ = X.shape
        Hout = jnp.zeros((n, b, 2 * H), X.dtype)
        Cn, Hn = list(c0), list(h0)
        for length in sorted(set(lengths)):
            rows = np.flatnonzero(np.array(lengths) == length)
            Y = X[:length, rows]
            for k, layer in enumerate(params):
                outputs = []
                for d, name in enumerate(("forward", "backward")):

                    def body(carry, x, weights=layer[name]):
                        c, h = step(weights, x, *carry)
                        return (c, h), h

                    (c, h), out = jax.lax.scan(
                        body, (c0[k][d, rows], h0[k][d, rows]), Y, reverse=name == "backward"
                    )
                    Cn[k], Hn[k] = Cn[k].at[d, rows].set(c), Hn[k].at[d, rows].set(h)
                    outputs.append(out)
                Y = jnp.concatenate(outputs, axis=-1)
            Hout = Hout.at[:length, rows].set(Y)
        return Hout, Cn, Hn

    return run


def answer_of(run):
    """Results and gradients in one compiled function; compiled fast rather than to be fast."""

    def answer(arguments, cotangents):
        results, vjp = jax.vjp(run, *arguments)
        return results, vjp(cotangents)

    return jax.jit(answer, compiler_options={"xla_backend_optimization_level": 0})


def one_step(layers, dlayers):
    """Gradient descent on every matrix."""
    return [
        stack.Layer(*(W - W.dtype.type(0.1) * dW for W, dW in zip(layer, dlayer, strict=True)))
        for layer, dlayer in zip(layers, dlayers, strict=True)
    ]


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("name", ADAPTERS)
def test_outputs_states_and_gradients_agree(name, dtype):
    """And after a step of training here the weights go back and give the same outputs there."""
    adapter, t = ADAPTERS[name], task(dtype, D, H)
    with jax.enable_x64(dtype == np.float64):
        params = [
            {way: random_like(adapter.params(size), dtype) for way in ("forward", "backward")}
            for size in (D, 2 * H)
        ]
        layers = [stack.Layer(*map(adapter.read, layer.values())) for layer in params]
        answer = ours(layers, t)

        arguments = jax.tree.map(jnp.asarray, (params, t.X, t.c0, t.h0))
        theirs = answer_of(by_cells(adapter.step, t.lengths))
        cotangents = jax.tree.map(jnp.asarray, (t.dHout, t.dCn, t.dHn))
        results, (dparams, dX, dc0, dh0) = theirs(arguments, cotangents)

        trained = one_step(layers, answer["dlayers"])
        params = [{way: adapter.write(W) for way, W in layer.directions} for layer in trained]
        arguments = (jax.tree.map(jnp.asarray, params), *arguments[1:])
        trained_results, _ = theirs(arguments, cotangents)
    for key, value in zip(("Hout", "Cn", "Hn", "dX", "dc0", "dh0"),
                          (*results, dX, dc0, dh0), strict=True):  # fmt: skip
        assert_close(answer[key], value, dtype, key)
    for dparam, layer, dlayer in zip(dparams, layers, answer["dlayers"], strict=True):
        for way, dW in dlayer.directions:
            assert_close(as_gradient(adapter.write, dW), dparam[way], dtype, way)
            W = getattr(layer, way)
            assert_close(adapter.read(adapter.write(W)), W, dtype)
    after = ours(trained, t)
    assert_close([after[key] for key in ("Hout", "Cn", "Hn")], list(trained_results), dtype)
    assert abs(after["Hout"] - answer["Hout"]).max() > 1e-3  # it has moved


# Layers of Flax, with their own way to say how long a sequence is


def test_flax_linen_reads_both_ways_with_lengths():
    t = task(np.float32, D, H, layers=1)
    rnn = nn.RNN(nn.OptimizedLSTMCell(H))
    layer = nn.Bidirectional(rnn, rnn.copy())
    X = jnp.asarray(t.X.swapaxes(0, 1))  # Flax has the batch first
    params = random_like(layer.init(jax.random.key(0), X)["params"], np.float32)
    W = [weights.from_flax(params[f"{way}_rnn"]["cell"]) for way in ("forward", "backward")]
    carry = [(jnp.asarray(c), jnp.asarray(h)) for c, h in zip(t.c0[0], t.h0[0], strict=True)]
    states, Y = layer.apply(
        {"params": params},
        X,
        initial_carry=tuple(carry),
        seq_lengths=jnp.asarray(t.lengths),
        return_carry=True,
    )
    answer = ours([stack.Layer(*W)], t)
    for j, length in enumerate(t.lengths):  # Flax does not clear what is behind the end
        assert_close(answer["Hout"][:length, j], Y[j, :length], np.float32)
    assert_close(answer["Cn"][0], [c for c, _ in states], np.float32)
    assert_close(answer["Hn"][0], [h for _, h in states], np.float32)


def test_flax_nnx_reads_both_ways_with_lengths():
    t = task(np.float32, D, H, layers=1)
    cells = [nnx.OptimizedLSTMCell(D, H, rngs=nnx.Rngs(k)) for k in range(2)]
    params = [random_like(nnx.to_pure_dict(nnx.state(c, nnx.Param)), np.float32) for c in cells]
    for cell, values in zip(cells, params, strict=True):
        nnx.update(cell, jax.tree.map(jnp.asarray, values))
    layer = nnx.Bidirectional(*map(nnx.RNN, cells))
    carry = tuple((jnp.asarray(c), jnp.asarray(h)) for c, h in zip(t.c0[0], t.h0[0], strict=True))
    states, Y = layer(
        jnp.asarray(t.X.swapaxes(0, 1)),
        initial_carry=carry,
        seq_lengths=jnp.asarray(t.lengths),
        return_carry=True,
        rngs=nnx.Rngs(0),
    )
    answer = ours([stack.Layer(*map(weights.from_nnx_optimized, params, cells))], t)
    for j, length in enumerate(t.lengths):
        assert_close(answer["Hout"][:length, j], Y[j, :length], np.float32)
    assert_close(answer["Cn"][0], [c for c, _ in states], np.float32)
    assert_close(answer["Hn"][0], [h for _, h in states], np.float32)


# What the parameters do not show is in the cell


@pytest.mark.parametrize("kind", [nn.LSTMCell, nn.OptimizedLSTMCell])
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gate_fn": jax.nn.hard_sigmoid}, "cell.gate_fn: expected the sigmoid, got hard_sigmoid"),
        ({"activation_fn": jax.nn.relu}, "cell.activation_fn: expected tanh, got relu"),
    ],
)
def test_other_functions_of_a_linen_cell_are_refused(kind, settings, message):
    with refused(ValueError, message):
        weights.from_flax(weights.to_flax(np.ones((10, 24))), kind(H, **settings))


@pytest.mark.parametrize("name", ["nnx", "nnx optimized"])
def test_other_functions_of_an_nnx_cell_are_refused(name):
    adapter = ADAPTERS[name]
    bad = adapter.cell(D, H, gate_fn=jax.nn.hard_sigmoid, rngs=nnx.Rngs(0))
    with refused(ValueError, "cell.gate_fn: expected the sigmoid, got hard_sigmoid"):
        adapter.read(adapter.params(D), bad)


@pytest.mark.parametrize("kind", [nn.LSTMCell(H), nn.OptimizedLSTMCell(H)])
def test_the_usual_functions_pass(kind):
    W = np.ones((10, 24))
    assert (weights.from_flax(weights.to_flax(W), kind) == W).all()


def test_other_cells_are_refused_by_the_names_of_their_parameters():
    carry = jnp.zeros(H)
    params = nn.GRUCell(H).init(jax.random.key(0), carry, jnp.zeros(D))["params"]
    with pytest.raises(ValueError, match=r"params: expected \['hf', 'hg', 'hi', 'ho'.*'hr'"):
        weights.from_flax(params)


def test_equinox_vars_are_taken_as_they_are_and_a_missing_bias_is_zero():
    cell = eqx.nn.LSTMCell(D, H, use_bias=False, key=jax.random.key(0))
    W = weights.from_equinox(vars(cell))
    assert not W[0].any()
    assert_close(weights.to_equinox(W, bias=False), {
        "weight_ih": cell.weight_ih, "weight_hh": cell.weight_hh, "bias": None
    }, np.float32)  # fmt: skip
