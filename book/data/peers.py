"""Ask PyTorch, MLX and tinygrad, which `make` does not install, for chapter 13's table.

Each gets random weights, inputs, states and incoming gradients, and answers with outputs, last
states and all gradients. All of it goes to peers.npz, under names such as "PyTorch/Hout".

    make test-peers && .venv/bin/python book/data/peers.py
"""

import os
from pathlib import Path

os.environ["DEV"] = "PYTHON"  # tinygrad's device that needs no compiler

import mlx.core as mx
import mlx.nn
import numpy as np
import tinygrad
import torch
from tinygrad.nn.state import get_state_dict

from lstm.gradcheck import random_problem

n, b, D, H = 3, 2, 5, 4
PROBLEM = random_problem(n, b, D, H, seed=12, dtype=np.float32)
X, _, c0, h0 = PROBLEM.inputs.values()


def draw(shapes):
    """Random weights and biases under a framework's own names."""
    rng = np.random.default_rng(12)
    return {k: (rng.standard_normal(s) / 2).astype(np.float32) for k, s in shapes.items()}


def pytorch():
    net = torch.nn.LSTM(D, H)
    params = draw({k: tuple(v.shape) for k, v in net.state_dict().items()})
    net.load_state_dict({k: torch.from_numpy(v) for k, v in params.items()})
    x, c, h = (torch.tensor(v, requires_grad=True) for v in (X, c0[None], h0[None]))
    Hout, (Hn, Cn) = net(x, (h, c))
    torch.autograd.backward(
        (Hout, Cn[0], Hn[0]), [torch.from_numpy(w) for w in PROBLEM.cotangents]
    )
    gradients = {k: v.grad.numpy() for k, v in net.named_parameters()}
    results = [v.detach().numpy() for v in (Hout, Cn[0], Hn[0])]
    return params, results, gradients, (x.grad.numpy(), c.grad[0].numpy(), h.grad[0].numpy())


def mlx_():
    net = mlx.nn.LSTM(D, H)
    params = draw({k: v.shape for k, v in net.parameters().items()})

    def loss(params, x, c, h):
        net.update(params)
        hs, cs = net(x.swapaxes(0, 1), h, c)  # batch first, and all cell states
        results = (hs.swapaxes(0, 1), cs[:, -1], hs[:, -1])
        terms = ((y * mx.array(w)).sum() for y, w in zip(results, PROBLEM.cotangents, strict=True))
        return sum(terms), results

    with mx.stream(mx.cpu):
        given = ({k: mx.array(v) for k, v in params.items()}, *map(mx.array, (X, c0, h0)))
        (_, results), (dparams, *rest) = mx.value_and_grad(loss, argnums=(0, 1, 2, 3))(*given)
        mx.eval(results, dparams, rest)
    as_numpy = {k: np.array(v) for k, v in dparams.items()}
    return params, [np.array(y) for y in results], as_numpy, [np.array(g) for g in rest]


def tinygrad_():
    cell = tinygrad.nn.LSTMCell(D, H)
    params = draw({k: v.shape for k, v in get_state_dict(cell).items()})
    for name, value in params.items():
        setattr(cell, name, tinygrad.Tensor(value))
    x, c_first, h_first = map(tinygrad.Tensor, (X, c0, h0))
    c, h, outputs = c_first, h_first, []
    for t in range(n):
        h, c = cell(x[t], (h, c))
        outputs.append(h)
    results = (tinygrad.Tensor.stack(*outputs), c, h)
    pairs = zip(results, PROBLEM.cotangents, strict=True)
    sum((y * tinygrad.Tensor(w)).sum() for y, w in pairs).backward()
    gradients = {k: v.grad.numpy() for k, v in get_state_dict(cell).items()}
    rest = [v.grad.numpy() for v in (x, c_first, h_first)]
    return params, [y.numpy() for y in results], gradients, rest


def main():
    stored = {}
    for name, ask in {"PyTorch": pytorch, "MLX": mlx_, "tinygrad": tinygrad_}.items():
        params, results, gradients, rest = ask()
        for key, value in zip(("Hout", "Cn", "Hn"), results, strict=True):
            stored[f"{name}/{key}"] = value
        for key, value in zip(("dX", "dc0", "dh0"), rest, strict=True):
            stored[f"{name}/{key}"] = value
        stored |= {f"{name}/params/{k}": v for k, v in params.items()}
        stored |= {f"{name}/gradients/{k}": v for k, v in gradients.items()}
    np.savez_compressed(Path(__file__).with_suffix(".npz"), **stored)


if __name__ == "__main__":
    main()
