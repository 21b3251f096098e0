"""GRU and projection against PyTorch: outputs, states and all gradients."""

import numpy as np
import pytest
import torch

from lstm.exchange import conventions
from lstm.exchange.gru import ROSETTA, read, write
from lstm.variants import check, gru, projection

D, H, P = 3, 5, 2


def close(got, want, dtype):
    within = 2e-5 if dtype == np.float32 else 1e-13
    want = want.detach().numpy() if isinstance(want, torch.Tensor) else want
    np.testing.assert_allclose(got, want, rtol=0, atol=within * max(1, np.abs(want).max()))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gru(dtype):
    cell = gru.cell_after(D, H)
    X, params, state, dHout, dstate = check.random_problem(cell, 6, dtype=dtype)
    module = torch.nn.GRU(D, H).to(getattr(torch, np.dtype(dtype).name))
    arrays = write(ROSETTA["PyTorch"], params)
    module.load_state_dict({f"{k}_l0": torch.tensor(v) for k, v in arrays.items()})
    X_, h_ = torch.tensor(X, requires_grad=True), torch.tensor(state["h"][None], requires_grad=True)
    out, last = module(X_, h_)
    torch.autograd.backward((out, last), (torch.tensor(dHout), torch.tensor(dstate["h"][None])))
    run = cell.forward(X, params, state)
    grads = cell.backward(dHout, run.cache, dstate)
    close(run.Hout, out, dtype)
    close(run.state["h"], last[0], dtype)
    close(grads.dX, X_.grad, dtype)
    close(grads.state["h"], h_.grad[0], dtype)
    theirs = {k[:-3]: value.grad.numpy() for k, value in module.named_parameters()}
    theirs["bias_hh"][: 2 * H] = 0  # each of two biases has the gradient of their sum
    for name, value in read(ROSETTA["PyTorch"], theirs).items():
        close(grads.params[name], value, dtype)
    state_dict = {k[:-3]: value.numpy() for k, value in module.state_dict().items()}
    for name, value in read(ROSETTA["PyTorch"], state_dict).items():
        np.testing.assert_array_equal(value, params[name], strict=True)


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_projection(dtype):
    cell = projection.cell(D, H, P)
    X, params, state, dHout, dstate = check.random_problem(cell, 6, dtype=dtype)
    kind = getattr(torch, np.dtype(dtype).name)
    module = torch.nn.LSTM(D, H, proj_size=P).to(kind)
    W = params["W"]
    i, f, o, g = np.split(W, 4, axis=1)
    ours = np.hstack([i, f, g, o])  # PyTorch's order
    assert conventions.ROSETTA["PyTorch"].order == "i f g o"
    module.load_state_dict({
        "weight_ih_l0": torch.tensor(ours[1 : 1 + D].T.copy()),
        "weight_hh_l0": torch.tensor(ours[1 + D :].T.copy()),
        "bias_ih_l0": torch.tensor(ours[0]), "bias_hh_l0": torch.zeros(4 * H, dtype=kind),
        "weight_hr_l0": torch.tensor(params["R"].T.copy()),
    })  # fmt: skip
    X_ = torch.tensor(X, requires_grad=True)
    h_, c_ = (torch.tensor(state[k][None], requires_grad=True) for k in "hc")
    out, (hn, cn) = module(X_, (h_, c_))
    torch.autograd.backward(
        (out, hn, cn), [torch.tensor(w) for w in (dHout, dstate["h"][None], dstate["c"][None])]
    )
    run = cell.forward(X, params, state)
    grads = cell.backward(dHout, run.cache, dstate)
    close(run.Hout, out, dtype)
    close(run.state["h"], hn[0], dtype)
    close(run.state["c"], cn[0], dtype)
    close(grads.dX, X_.grad, dtype)
    close(grads.state["h"], h_.grad[0], dtype)
    close(grads.state["c"], c_.grad[0], dtype)
    close(grads.params["R"], module.weight_hr_l0.grad.T, dtype)
    i, f, o, g = np.split(grads.params["W"], 4, axis=1)
    ours = np.hstack([i, f, g, o])
    close(ours[1 : 1 + D], module.weight_ih_l0.grad.T, dtype)
    close(ours[1 + D :], module.weight_hh_l0.grad.T, dtype)
    close(ours[0], module.bias_ih_l0.grad, dtype)
