"""Weights go to MLX and come back. `make test-peers` installs it and runs this."""

import mlx.core as mx
import mlx.nn
import numpy as np
import pytest
from exchange import as_gradient, assert_close, ours, random_like, task

from lstm.exchange import mlx as exchange_mlx
from lstm.stack import Layer

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
        layers = exchange_mlx.load([tuple(pair) for pair in params])
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
    dlayers = answer["dlayers"]
    if not bias:
        dlayers = [Layer(*(np.vstack([0 * dW[:1], dW[1:]]) for dW in dlayer)) for dlayer in dlayers]

    def dump(layers):
        return exchange_mlx.dump(layers, bias=bias)

    theirs = [tuple({k: np.array(v) for k, v in net.items()} for net in pair) for pair in dparams]
    assert_close(as_gradient(dump, dlayers), theirs, dtype)
    assert_close(exchange_mlx.load(dump(layers)), layers, dtype)


def test_another_layer_and_narrow_numbers_are_refused():
    with pytest.raises(ValueError, match=r"it has also 'b', 'bhn'$"):
        exchange_mlx.load(mlx.nn.GRU(D, H).parameters())
    narrow = {k: v.astype(mx.bfloat16) for k, v in mlx.nn.LSTM(D, H).parameters().items()}
    with pytest.raises(TypeError, match=r"got mlx.core.bfloat16; widen it first"):
        exchange_mlx.load(narrow)
