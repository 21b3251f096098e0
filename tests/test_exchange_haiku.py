"""Weights go to Haiku and come back: its core answers the same."""

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import refused
from jax_cells import DTYPES, D, H, assert_agrees

from lstm.exchange import haiku


class Haiku:
    load, dump = staticmethod(haiku.load), staticmethod(haiku.dump)
    core = staticmethod(
        hk.transform(lambda x, c, h: hk.LSTM(H)(x, hk.LSTMState(hidden=h, cell=c))[1])
    )

    def params(self, D):
        zeros = map(jnp.zeros, (D, H, H))
        return jax.eval_shape(self.core.init, jax.random.key(0), *zeros)["lstm/linear"]

    def step(self, params, x, c, h):
        state = self.core.apply({"lstm/linear": params}, None, x, c, h)
        return state.cell, state.hidden


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
@pytest.mark.parametrize("adapter", [Haiku])
def test_outputs_states_and_gradients_agree(adapter, dtype):
    assert_agrees(adapter(), dtype)


def test_the_parameters_of_all_modules_are_one_level_too_high():
    params = {"lstm/linear": {"w": np.zeros((D + H, 4 * H)), "b": np.zeros(4 * H)}}
    message = (
        'params: expected the arrays themselves, params["lstm/linear"], got a dictionary that has '
        "them under 'lstm/linear'; pass params['lstm/linear']"
    )
    with refused(ValueError, message):
        haiku.load(params)
    (layer,) = haiku.load(params["lstm/linear"])
    assert layer.forward[0].tolist() == [0.0] * H + [1.0] * H + [0.0] * 2 * H
    [back] = haiku.dump([layer])
    assert not back["b"].any()
