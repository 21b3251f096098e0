"""Weights go to tinygrad and come back. `make test-peers` installs it and runs this."""

import os

os.environ["DEV"] = "PYTHON"  # tinygrad's device that needs no compiler

import numpy as np
import pytest
import tinygrad
from exchange import assert_close, ours, random_like, task
from helpers import refused
from tinygrad.nn.state import get_state_dict

from lstm.exchange import tinygrad as exchange_tinygrad
from lstm.stack import Layer

D, H = 3, 6
DTYPES = [np.float32, np.float64]


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
def test_tinygrad(dtype, bias):
    """One layer: tinygrad has a cell, and its device for tests is slow."""
    n, b = 2, 2
    t = task(dtype, D, H, layers=1, d=1, n=n, lengths=(n,) * b)
    cell = tinygrad.nn.LSTMCell(D, H, bias=bias)
    params = random_like({k: np.zeros(v.shape) for k, v in get_state_dict(cell).items()}, dtype)
    for name, value in params.items():
        setattr(cell, name, tinygrad.Tensor(value))
    layers = exchange_tinygrad.load({k: v.numpy() for k, v in get_state_dict(cell).items()})
    answer = ours(layers, t)

    X, c0, h0 = (tinygrad.Tensor(v) for v in (t.X, t.c0[0][0], t.h0[0][0]))
    h, c, outputs = h0, c0, []
    for k in range(n):
        h, c = cell(X[k], (h, c))
        outputs.append(h)
    Hout = tinygrad.Tensor.stack(*outputs)
    pairs = ((Hout, t.dHout), (c, t.dCn[0][0]), (h, t.dHn[0][0]))
    sum((y * tinygrad.Tensor(w)).sum() for y, w in pairs).backward()
    for key, value in {
        "Hout": Hout, "dX": X.grad, "Cn": c, "Hn": h, "dc0": c0.grad, "dh0": h0.grad
    }.items():  # fmt: skip
        mine = answer[key] if key in ("Hout", "dX") else answer[key][0][0]
        assert_close(mine, value.numpy(), dtype, key)
    dW = answer["dlayers"][0].forward
    dW = dW if bias else np.vstack([0 * dW[:1], dW[1:]])
    [mine] = exchange_tinygrad.dump([Layer(dW)], bias=bias)
    if bias:
        mine["bias_hh"] = mine["bias_ih"]  # each of the two has the gradient of their sum
    assert_close(mine, {k: getattr(cell, k).grad.numpy() for k in mine}, dtype)
    assert_close(exchange_tinygrad.load(exchange_tinygrad.dump(layers, bias=bias)), layers, dtype)


def test_a_tensor_is_not_an_array():
    cell = tinygrad.nn.LSTMCell(D, H)
    message = "params['weight_hh']: expected an array of numbers, got Tensor; pass its .numpy()"
    with refused(TypeError, message):
        exchange_tinygrad.load(get_state_dict(cell))
