"""Weights go to Keras (on JAX) and come back: its own layers answer the same."""

import os

os.environ["KERAS_BACKEND"] = "jax"

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from exchange import assert_close, ours, random_like, task
from helpers import refused

from lstm import checkpoints, stack, weights

# Keras's variables do not yet take NumPy 2's argument "copy"; this is raised within get_weights.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")

D, H = 3, 6
DTYPES = [np.float32, np.float64]


class Net(keras.Model):
    """Two bidirectional layers, from given states, with a mask: everything that our stack has."""

    def __init__(self, dtype):
        super().__init__(dtype=dtype)
        self.rnns = [
            keras.layers.Bidirectional(
                keras.layers.LSTM(H, return_sequences=True, return_state=True, dtype=dtype),
                dtype=dtype,
            )
            for _ in range(2)
        ]

    def call(self, X, c0, h0, mask):
        Cn, Hn = [], []
        for rnn, c, h in zip(self.rnns, c0, h0, strict=True):
            X, hf, cf, hb, cb = rnn(X, initial_state=[h[0], c[0], h[1], c[1]], mask=mask)
            Cn.append(jnp.stack([cf, cb]))
            Hn.append(jnp.stack([hf, hb]))
        return X, Cn, Hn


@pytest.fixture
def exact_tanh(monkeypatch):
    """Keras's tanh on JAX rounds float64 to float32; with JAX's own the rest can be compared."""
    with jax.enable_x64(True):
        x = jnp.linspace(-3, 3, 7)
        assert x.dtype == np.float64
        assert keras.ops.tanh(x).dtype == np.float32, "Keras has put it right: drop this"
    monkeypatch.setattr(keras.src.ops, "tanh", jnp.tanh)


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
def test_outputs_states_and_gradients_agree(dtype, exact_tanh):
    t = task(dtype, D, H)
    with jax.enable_x64(dtype == np.float64):
        X = jnp.asarray(t.X.swapaxes(0, 1))
        mask = jnp.arange(X.shape[1]) < np.array(t.lengths)[:, None]
        net = Net(np.dtype(dtype).name)
        net.built = True  # its layers are built below
        states = jax.tree.map(jnp.asarray, (t.c0, t.h0))
        for rnn, size in zip(net.rnns, (D, 2 * H), strict=True):
            rnn.build((None, None, size))
        for rnn in net.rnns:
            rnn.set_weights(random_like(rnn.get_weights(), dtype))
        layers = checkpoints.from_keras([(rnn.get_config(), rnn.get_weights()) for rnn in net.rnns])
        answer = ours(layers, t)

        def run(trainable, X, c0, h0):
            return net.stateless_call(trainable, [v.value for v in net.non_trainable_variables],
                                      X, c0, h0, mask)[0]  # fmt: skip

        @jax.jit
        def results_and_gradients(arguments, cotangents):
            results, vjp = jax.vjp(run, *arguments)
            return results, vjp(cotangents)

        values = [v.value for v in net.trainable_variables]
        cotangents = jax.tree.map(jnp.asarray, (t.dHout.swapaxes(0, 1), t.dCn, t.dHn))
        results, gradients = results_and_gradients((values, X, *states), cotangents)
        for rnn, arrays in zip(net.rnns, checkpoints.to_keras(layers), strict=True):
            assert_close(arrays, rnn.get_weights(), dtype)
            rnn.set_weights(arrays)  # and back again
    Hout, Cn, Hn = results
    dvalues, dX, dc0, dh0 = gradients
    for key, value in {
        "Hout": Hout.swapaxes(0, 1), "Cn": Cn, "Hn": Hn,
        "dX": dX.swapaxes(0, 1), "dc0": dc0, "dh0": dh0,
    }.items():  # fmt: skip
        assert_close(answer[key], value, dtype, key)
    mine = [array for arrays in checkpoints.to_keras(answer["dlayers"]) for array in arrays]
    assert_close(mine, dvalues, dtype)  # one bias, added as it is: a gradient goes like weights


def test_a_mask_outside_bidirectional_repeats_the_last_output():
    """A trap: behind a sequence's end Keras repeats, where we give zero."""
    t = task(np.float32, D, H, layers=1, d=1)
    layer = keras.layers.LSTM(H, return_sequences=True)
    mask = np.arange(t.X.shape[0]) < np.array(t.lengths)[:, None]
    layer.build((None, None, D))
    Y = np.asarray(layer(t.X.swapaxes(0, 1), mask=mask))
    layers = checkpoints.from_keras([(layer.get_config(), layer.get_weights())])
    Hout = stack.forward(t.X, layers, lengths=t.lengths).Hout
    for j, length in enumerate(t.lengths):
        assert_close(Hout[:length, j], Y[j, :length], np.float32)
        last = np.broadcast_to(Y[j, length - 1], Y[j, length:].shape)
        assert_close(last, Y[j, length:], np.float32)
        assert not Hout[length:, j].any()


def built(**settings):
    layer = keras.layers.LSTM(H, **settings)
    layer.build((None, None, D))
    return layer.get_weights(), layer.get_config()


def test_without_bias():
    arrays, config = built(use_bias=False)
    W = weights.from_keras(arrays, config)
    assert not W[0].any()
    assert_close(weights.to_keras(W, bias=False), arrays, np.float32)


TRAINING = "; it acts in training alone: give config | {{'{0}': 0.0}} to go without"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"activation": "relu"}, "config['activation']: expected 'tanh', got 'relu'"),
        (
            {"recurrent_activation": "hard_sigmoid"},
            "config['recurrent_activation']: expected 'sigmoid', got 'hard_sigmoid'",
        ),
        (
            {"recurrent_dropout": 0.5},
            "config['recurrent_dropout']: expected 0.0, got 0.5"
            + TRAINING.format("recurrent_dropout"),
        ),
        (
            {"dropout": 0.25},
            "config['dropout']: expected 0.0, got 0.25" + TRAINING.format("dropout"),
        ),
        ({"go_backwards": True}, "config['go_backwards']: expected False, got True"),
    ],
)
def test_settings_that_cannot_be_represented_are_refused(settings, message):
    with refused(ValueError, message):
        weights.from_keras(*built(**settings))


def test_the_way_out_of_dropout_works():
    arrays, config = built(dropout=0.25)
    assert weights.from_keras(arrays, config | {"dropout": 0.0}).shape == (1 + D + H, 4 * H)


def test_another_layer_is_refused():
    layer = keras.layers.GRU(H, name="other")
    layer.build((None, None, D))
    with refused(ValueError, "config: expected that of an LSTM, got that of 'other'"):
        weights.from_keras(layer.get_weights(), layer.get_config())


@pytest.mark.parametrize("mode", ["sum", "ave", "mul", None])
def test_other_ways_to_merge_are_refused(mode):
    layer = keras.layers.Bidirectional(keras.layers.LSTM(H, return_sequences=True), merge_mode=mode)
    layer.build((None, None, D))
    with refused(ValueError, f"layers[0]: merge_mode: expected 'concat', got {mode!r}"):
        checkpoints.from_keras([(layer.get_config(), layer.get_weights())])


def test_layers_may_differ_in_size_and_in_directions():
    wide = keras.layers.Bidirectional(keras.layers.LSTM(5, return_sequences=True))
    narrow = keras.layers.LSTM(2)
    X = np.random.default_rng(0).standard_normal((4, 3, D)).astype(np.float32)
    Y = np.asarray(narrow(wide(X)))
    layers = checkpoints.from_keras([(x.get_config(), x.get_weights()) for x in (wide, narrow)])
    assert_close(stack.forward(X, layers, batch_first=True).Hn[-1][0], Y, np.float32)
