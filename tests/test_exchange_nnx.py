"""Weights go to Flax nnx and come back: its cells and layers answer the same."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exchange import assert_close, ours, random_like, task
from flax import nnx
from helpers import refused
from jax_cells import DTYPES, D, H, assert_agrees

from lstm.exchange import nnx as exchange_nnx


class Nnx:
    cell = nnx.LSTMCell
    load, dump = staticmethod(exchange_nnx.load), staticmethod(exchange_nnx.dump)

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
    dump = staticmethod(partial(exchange_nnx.dump, optimized=True))


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
@pytest.mark.parametrize("adapter", [Nnx, NnxOptimized])
def test_outputs_states_and_gradients_agree(adapter, dtype):
    assert_agrees(adapter(), dtype)


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
    answer = ours(exchange_nnx.load([tuple(params)], cells[0]), t)
    for j, length in enumerate(t.lengths):
        assert_close(answer["Hout"][:length, j], Y[j, :length], np.float32)
    assert_close(answer["Cn"][0], [c for c, _ in states], np.float32)
    assert_close(answer["Hn"][0], [h for _, h in states], np.float32)


@pytest.mark.parametrize("kind", [nnx.LSTMCell, nnx.OptimizedLSTMCell])
def test_other_functions_are_refused(kind):
    bad = kind(D, H, gate_fn=jax.nn.hard_sigmoid, rngs=nnx.Rngs(0))
    params = nnx.to_pure_dict(nnx.state(bad, nnx.Param))
    with refused(ValueError, "cell.gate_fn: expected the sigmoid, got hard_sigmoid"):
        exchange_nnx.load(params, bad)


def test_a_state_is_a_dictionary_and_a_cell_is_not():
    cell = nnx.LSTMCell(D, H, rngs=nnx.Rngs(0))
    state = nnx.state(cell, nnx.Param)
    (layer,) = exchange_nnx.load(state)
    assert_close(layer.forward, exchange_nnx.load(nnx.to_pure_dict(state))[0].forward, np.float32)
    message = (
        "params: expected a dictionary of arrays, nnx.to_pure_dict(nnx.state(cell, nnx.Param)), "
        "got LSTMCell"
    )
    with refused(TypeError, message):
        exchange_nnx.load(cell)
