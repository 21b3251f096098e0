"""Weights go to Flax linen and come back: its cells and layers answer the same."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exchange import assert_close, ours, random_like, task
from helpers import refused
from jax_cells import DTYPES, D, H, assert_agrees

from lstm.exchange import flax
from lstm.stack import Layer

ONE = [Layer(np.ones((1 + D + H, 4 * H)))]


class Linen:
    cell = nn.LSTMCell
    load, dump = staticmethod(flax.load), staticmethod(flax.dump)

    def params(self, D):
        carry = (jnp.zeros(H), jnp.zeros(H))
        init = self.cell(H).init
        return jax.eval_shape(init, jax.random.key(0), carry, jnp.zeros(D))["params"]

    def step(self, params, x, c, h):
        return self.cell(H).apply({"params": params}, (c, h), x)[0]


class LinenOptimized(Linen):
    cell = nn.OptimizedLSTMCell


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
@pytest.mark.parametrize("adapter", [Linen, LinenOptimized])
def test_outputs_states_and_gradients_agree(adapter, dtype):
    assert_agrees(adapter(), dtype)


def test_flax_linen_reads_both_ways_with_lengths():
    t = task(np.float32, D, H, layers=1)
    rnn = nn.RNN(nn.OptimizedLSTMCell(H))
    layer = nn.Bidirectional(rnn, rnn.copy())
    X = jnp.asarray(t.X.swapaxes(0, 1))  # Flax has the batch first
    params = random_like(layer.init(jax.random.key(0), X)["params"], np.float32)
    cells = tuple(params[f"{way}_rnn"]["cell"] for way in ("forward", "backward"))
    carry = [(jnp.asarray(c), jnp.asarray(h)) for c, h in zip(t.c0[0], t.h0[0], strict=True)]
    states, Y = layer.apply(
        {"params": params},
        X,
        initial_carry=tuple(carry),
        seq_lengths=jnp.asarray(t.lengths),
        return_carry=True,
    )
    answer = ours(flax.load([cells]), t)
    for j, length in enumerate(t.lengths):  # Flax does not clear what is behind the end
        assert_close(answer["Hout"][:length, j], Y[j, :length], np.float32)
    assert_close(answer["Cn"][0], [c for c, _ in states], np.float32)
    assert_close(answer["Hn"][0], [h for _, h in states], np.float32)


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
        flax.load(flax.dump(ONE), kind(H, **settings))


SIGMOID, TANH = jax.nn.sigmoid, jnp.tanh


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gate_fn": lambda x: jnp.maximum(SIGMOID(x), 0.01)}, "gate_fn: expected the sigmoid"),
        ({"gate_fn": lambda x: jnp.minimum(SIGMOID(x), 0.99)}, "gate_fn: expected the sigmoid"),
        ({"gate_fn": lambda x: SIGMOID(x) + 1.5e-5}, "gate_fn: expected the sigmoid"),
        ({"gate_fn": lambda x: SIGMOID(x) * (1 + 1.5e-5)}, "gate_fn: expected the sigmoid"),
        ({"activation_fn": lambda x: jnp.where(x < 0, TANH(x), x)},
         "activation_fn: expected tanh"),
        ({"activation_fn": lambda x: jnp.where(x > 0, TANH(x), x)},
         "activation_fn: expected tanh"),
        ({"activation_fn": lambda x: jnp.where(x < 4.5, TANH(x), 0)},
         "activation_fn: expected tanh"),
        ({"activation_fn": lambda x: jnp.where(x > -4.5, TANH(x), 0)},
         "activation_fn: expected tanh"),
    ],
)  # fmt: skip
def test_functions_that_are_nearly_the_usual_ones_are_refused(settings, message):
    with refused(ValueError, f"cell.{message}, got <lambda>"):
        flax.check_functions(nn.LSTMCell(H, **settings))


def test_functions_that_differ_by_rounding_pass():
    flax.check_functions(nn.LSTMCell(H, gate_fn=lambda x: SIGMOID(x) + 5e-6))
    flax.check_functions(nn.LSTMCell(H, activation_fn=lambda x: TANH(x) - 5e-6))


def test_a_function_without_a_name_is_called_what_it_is():
    message = "cell.gate_fn: expected the sigmoid, got functools.partial(<ufunc 'multiply'>, 2)"
    with refused(ValueError, message):
        flax.check_functions(nn.LSTMCell(H, gate_fn=partial(np.multiply, 2)))


@pytest.mark.parametrize("kind", [nn.LSTMCell(H), nn.OptimizedLSTMCell(H)])
def test_the_usual_functions_pass(kind):
    (layer,) = flax.load(flax.dump(ONE), kind)
    assert (layer.forward == ONE[0].forward).all()


def test_another_object_is_no_cell():
    with refused(TypeError, "cell: expected an LSTM cell of Flax, got dict"):
        flax.load(flax.dump(ONE), {})


def test_other_cells_are_refused_by_the_names_of_their_parameters():
    carry = jnp.zeros(H)
    params = nn.GRUCell(H).init(jax.random.key(0), carry, jnp.zeros(D))["params"]
    with pytest.raises(ValueError, match=r"it lacks 'hf/bias', .* and has also 'hn/bias'"):
        flax.load(params)


def test_the_variables_or_those_of_a_layer_around_are_one_level_too_high():
    X = jnp.zeros((2, 4, D))
    variables = nn.RNN(nn.LSTMCell(H)).init(jax.random.key(0), X)
    message = (
        'params: expected the arrays themselves, variables["params"], got a dictionary that has '
        "them under 'cell'; pass params['cell']"
    )
    with refused(ValueError, message):
        flax.load(variables["params"])
    with pytest.raises(ValueError, match=r"it lacks .* has also 'params/cell/hf/bias'"):
        flax.load(variables)
    assert flax.load(variables["params"]["cell"])[0].forward.shape == (1 + D + H, 4 * H)
