"""Weights go to Equinox and come back: its cell answers the same."""

import equinox as eqx
import jax
import numpy as np
import pytest
from exchange import assert_close
from helpers import refused
from jax_cells import DTYPES, D, H, assert_agrees

from lstm.exchange import equinox


class Equinox:
    load, dump = staticmethod(equinox.load), staticmethod(equinox.dump)

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


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
@pytest.mark.parametrize("adapter", [Equinox])
def test_outputs_states_and_gradients_agree(adapter, dtype):
    assert_agrees(adapter(), dtype)


def cell(**settings):
    return eqx.nn.LSTMCell(D, H, key=jax.random.key(0), **settings)


def test_vars_are_taken_as_they_are_and_a_missing_bias_is_zero():
    (layer,) = equinox.load(vars(cell(use_bias=False)))
    assert not layer.forward[0].any()
    [params] = equinox.dump([layer], bias=False)
    assert_close(params, {
        name: vars(cell(use_bias=False))[name] for name in ("weight_ih", "weight_hh", "bias")
    }, np.float32)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [("input_size", 7, D), ("hidden_size", 7, H), ("use_bias", False, True)],
)
def test_what_the_cell_says_of_itself_must_agree(name, value, right):
    message = f"params['{name}']: expected {right}, as the arrays say, got {value}"
    with refused(ValueError, message):
        equinox.load(vars(cell()) | {name: value})


def test_a_cell_is_not_its_arrays():
    message = "params: expected a dictionary of arrays, vars(cell), got LSTMCell"
    with refused(TypeError, message):
        equinox.load(cell())
    with refused(TypeError, message.replace("params", "params[0][1]", 1)):
        equinox.load([(vars(cell()), cell())])


def test_another_cell_is_refused():
    gru = eqx.nn.GRUCell(D, H, key=jax.random.key(0))
    message = (
        "params: expected 'bias', 'weight_hh', 'weight_ih', all biases or none; "
        "it has also 'bias_n'"
    )
    with refused(ValueError, message):
        equinox.load(vars(gru))
