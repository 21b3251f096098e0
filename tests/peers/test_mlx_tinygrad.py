"""Weights go to MLX and tinygrad and come back. `make test-peers` installs them and runs this."""

import os

os.environ["DEV"] = "PYTHON"  # tinygrad's device that needs no compiler

import mlx.core as mx
import mlx.nn
import numpy as np
import pytest
import tinygrad
from exchange import as_gradient, assert_close, ours, random_like, task
from tinygrad.nn.state import get_state_dict

from lstm import stack, weights

D, H = 3, 6
DTYPES = [np.float32, np.float64]


def test_the_sigmoid_of_mlx_is_not_exact_in_float64():
    """Which is why MLX cannot agree to 1e-10, and `test_mlx` puts another sigmoid in its place."""
    x = np.linspace(-3, 3, 7)
    with mx.stream(mx.cpu):
        error = abs(np.array(mx.sigmoid(mx.array(x, mx.float64))) - 1 / (1 + np.exp(-x))).max()
    assert 1e-10 < error < 1e-7


@pytest.fixture
def exact_sigmoid(monkeypatch):
    monkeypatch.setattr(mx, "sigmoid", lambda x: 0.5 + 0.5 * mx.tanh(0.5 * x))


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
def test_mlx(dtype, bias, exact_sigmoid):
    """Two layers, both ways, every sequence alone: MLX has neither directions nor lengths."""
    t = task(dtype, D, H)
    number = getattr(mx, np.dtype(dtype).name)
    with mx.stream(mx.cpu):
        nets = [[mlx.nn.LSTM(size, H, bias=bias) for _ in "fb"] for size in (D, 2 * H)]
        shapes = [[{k: np.zeros(v.shape) for k, v in net.parameters().items() if v is not None}
                   for net in pair] for pair in nets]  # fmt: skip
        params = random_like(shapes, dtype)
        layers = [stack.Layer(*map(weights.from_mlx, pair)) for pair in params]
        answer = ours(layers, t)

        def run(params, X, c0, h0):
            total = mx.array(0, number)
            Hout, Cn, Hn = [], [], []
            for j, length in enumerate(t.lengths):
                Y = X[:length, j]
                for k, pair in enumerate(params):
                    outputs = []
                    for d, values in enumerate(pair):
                        nets[k][d].update(values)
                        turn = slice(None, None, -1 if d else 1)
                        h, c = nets[k][d](Y[turn], h0[k][d, j], c0[k][d, j])
                        outputs.append(h[turn])
                        for last, w, out in ((c, t.dCn, Cn), (h, t.dHn, Hn)):
                            total = total + (last[-1] * mx.array(w[k][d, j], number)).sum()
                            out.append(((k, d, j), last[-1]))
                    Y = mx.concatenate(outputs, axis=-1)
                total = total + (Y * mx.array(t.dHout[:length, j], number)).sum()
                Hout.append(Y)
            return total, (Hout, Cn, Hn)

        arguments = [
            [[{k: mx.array(v, number) for k, v in net.items()} for net in pair] for pair in params],
            mx.array(t.X, number),
            *([mx.array(s, number) for s in states] for states in (t.c0, t.h0)),
        ]
        (_, (Hout, Cn, Hn)), gradients = mx.value_and_grad(run, argnums=(0, 1, 2, 3))(*arguments)
        mx.eval(Hout, gradients)
    for j, length in enumerate(t.lengths):
        assert_close(answer["Hout"][:length, j], np.array(Hout[j]), dtype)
    for key, states in (("Cn", Cn), ("Hn", Hn)):
        for (k, d, j), value in states:
            assert_close(answer[key][k][d, j], np.array(value), dtype, key)
    dparams, dX, dc0, dh0 = gradients
    for key, value in (("dX", dX), ("dc0", dc0), ("dh0", dh0)):
        got = [np.array(v) for v in value] if isinstance(value, list) else np.array(value)
        assert_close(answer[key], got, dtype, key)
    for pair, layer, dlayer in zip(dparams, layers, answer["dlayers"], strict=True):
        for theirs, W, dW in zip(pair, layer, dlayer, strict=True):
            dW = dW if bias else np.vstack([0 * dW[:1], dW[1:]])
            mine = as_gradient(lambda W: weights.to_mlx(W, bias=bias), dW)
            assert_close(mine, {k: np.array(v) for k, v in theirs.items()}, dtype)
            assert_close(weights.from_mlx(weights.to_mlx(W, bias=bias)), W, dtype)


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
    W = weights.from_tinygrad({k: v.numpy() for k, v in get_state_dict(cell).items()})
    answer = ours([stack.Layer(W)], t)

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
    mine = weights.to_tinygrad(dW if bias else np.vstack([0 * dW[:1], dW[1:]]), bias=bias)
    if bias:
        mine["bias_hh"] = mine["bias_ih"]  # each of the two has the gradient of their sum
    assert_close(mine, {k: getattr(cell, k).grad.numpy() for k in mine}, dtype)
    assert_close(weights.from_tinygrad(weights.to_tinygrad(W, bias=bias)), W, dtype)
