"""Weights go to PyTorch and come back. `make test-peers` installs it and runs this."""

import io
import warnings

import numpy as np
import pytest
import torch
from exchange import assert_close, ours, task
from helpers import refused

from lstm import checkpoints, stack, weights

D, H = 3, 6
DTYPES = [np.float32, np.float64]


def module(dtype=np.float32, **settings):
    """An LSTM whose weights and biases are all random."""
    torch.manual_seed(0)
    return torch.nn.LSTM(D, H, **settings).to(getattr(torch, np.dtype(dtype).name))


def arrays(module):
    return {name: value.numpy() for name, value in module.state_dict().items()}


def answer(module, t, batch_first=False):
    """Outputs, states and gradients of PyTorch, on packed sequences, by our names."""
    d, layers = 1 + module.bidirectional, module.num_layers
    X = torch.tensor(t.X, requires_grad=True)
    c0, h0 = (torch.tensor(np.concatenate(s), requires_grad=True) for s in (t.c0, t.h0))
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        X.swapaxes(0, 1) if batch_first else X, t.lengths, batch_first, enforce_sorted=False
    )
    out, (Hn, Cn) = module(packed, (h0, c0))
    Hout, _ = torch.nn.utils.rnn.pad_packed_sequence(out, total_length=len(t.X))
    module.zero_grad()
    torch.autograd.backward(
        (Hout, Cn, Hn),
        [torch.tensor(w) for w in (t.dHout, np.concatenate(t.dCn), np.concatenate(t.dHn))],
    )

    def by_layer(value):
        return list(value.detach().numpy().reshape(layers, d, -1, module.hidden_size))

    return {
        "Hout": Hout.detach().numpy(), "Cn": by_layer(Cn), "Hn": by_layer(Hn),
        "dX": X.grad.numpy(), "dc0": by_layer(c0.grad), "dh0": by_layer(h0.grad),
    }  # fmt: skip


def assert_agree(module, layers, t, dtype):
    """Outputs, states and all gradients; a bias of ours has the gradient of each of torch's two."""
    mine, theirs = ours(layers, t), answer(module, t)
    assert_close({name: mine[name] for name in theirs}, theirs, dtype)
    bias = module.bias
    dlayers = mine["dlayers"]
    if not bias:
        dlayers = [stack.Layer(*map(without_bias, layer)) for layer in dlayers]
    expected = checkpoints.to_torch(dlayers, bias=bias)
    for name, value in module.named_parameters():
        assert_close(expected[name.replace("bias_hh", "bias_ih")], value.grad.numpy(), dtype, name)


def without_bias(W):
    return None if W is None else np.vstack([0 * W[:1], W[1:]])


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["one way", "both ways"])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
def test_there_and_back(layers, bidirectional, bias, dtype):
    net = module(dtype, num_layers=layers, bidirectional=bidirectional, bias=bias)
    t = task(dtype, D, H, layers=layers, d=1 + bidirectional)
    stacked = checkpoints.from_torch(net.state_dict())  # tensors, as they are
    assert_agree(net, stacked, t, dtype)

    # One step of training here; then torch, given the weights, agrees again.
    dlayers = ours(stacked, t)["dlayers"]
    trained = [
        stack.Layer(*(
            None if W is None else W - W.dtype.type(0.1) * (dW if bias else without_bias(dW))
            for W, dW in zip(layer, dlayer, strict=True)
        ))
        for layer, dlayer in zip(stacked, dlayers, strict=True)
    ]  # fmt: skip
    state_dict = checkpoints.to_torch(trained, bias=bias)
    assert list(state_dict) == list(net.state_dict())
    net.load_state_dict({name: torch.from_numpy(value) for name, value in state_dict.items()})
    assert_agree(net, trained, t, dtype)


def test_batch_first():
    net = module(np.float64, batch_first=True)
    X = np.random.default_rng(0).standard_normal((4, 5, D))
    with torch.no_grad():
        Y, _ = net(torch.tensor(X))
    Hout = stack.forward(X, checkpoints.from_torch(net.state_dict()), batch_first=True).Hout
    assert_close(Hout, Y.numpy(), np.float64)


def test_the_cell():
    torch.manual_seed(1)
    cell = torch.nn.LSTMCell(D, H)
    W = weights.from_torch(cell.state_dict(), layer=None)
    x, h, c = (torch.randn(4, size) for size in (D, H, H))
    with torch.no_grad():
        h_new, c_new = cell(x, (h, c))
    state = stack.step(x.numpy(), [stack.Layer(W)], [c.numpy()], [h.numpy()])
    assert_close([state.c[0], state.h[0]], [c_new.numpy(), h_new.numpy()], np.float32)
    assert list(weights.to_torch(W, layer=None)) == list(cell.state_dict())


def test_one_step_of_torch_moves_the_sum_of_two_biases_twice_as_far():
    """The trap of the two biases, in chapter 12."""
    net, rate = module(np.float64), 0.1
    W = weights.from_torch(net.state_dict())
    t = task(np.float64, D, H, layers=1, d=1)
    (dlayer,) = ours([stack.Layer(W)], t)["dlayers"]
    answer(net, t)
    torch.optim.SGD(net.parameters(), lr=rate).step()
    after = weights.from_torch(net.state_dict())
    assert_close(after[1:], W[1:] - rate * dlayer.forward[1:], np.float64)
    assert_close(after[0], W[0] - 2 * rate * dlayer.forward[0], np.float64)


def test_projections_are_refused():
    net = torch.nn.LSTM(D, H, proj_size=2)
    message = "weight_hr_l0: a projection (proj_size) cannot be represented"
    for read in (weights.from_torch, checkpoints.from_torch):
        with refused(ValueError, message):
            read(net.state_dict())


def test_a_larger_module_needs_the_prefix():
    class Tagger(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = module(bidirectional=True)
            self.head = torch.nn.Linear(2 * H, 3)

    state_dict = Tagger().state_dict()
    assert len(checkpoints.from_torch(state_dict, prefix="encoder.")[0].directions) == 2
    with pytest.raises(ValueError, match=r"^encoder.weight_ih_l0: expected parameters of an LSTM"):
        weights.from_torch(state_dict)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_refused_by_name(dtype):
    with pytest.raises(TypeError, match=r"^state_dict\['weight_hh_l0'\]: "):
        weights.from_torch(module().to(dtype).state_dict())


def test_parameters_that_still_record_gradients_are_refused_by_name():
    with pytest.raises(TypeError, match=r"^state_dict\['weight_hh_l0'\]: .*detach"):
        weights.from_torch(dict(module().named_parameters()))


def test_safetensors_and_npz_files_of_torch(tmp_path):
    from safetensors.torch import save_file

    net = module(num_layers=2, bidirectional=True)
    save_file(net.state_dict(), tmp_path / "net.safetensors")
    np.savez(tmp_path / "net.npz", **arrays(net))
    t = task(np.float32, D, H)
    for state_dict in (
        checkpoints.read_safetensors(tmp_path / "net.safetensors"),
        np.load(tmp_path / "net.npz"),
    ):
        assert_agree(net, checkpoints.from_torch(state_dict), t, np.float32)
    checkpoints.write_safetensors(
        tmp_path / "back.safetensors", checkpoints.to_torch(checkpoints.from_torch(arrays(net)))
    )
    from safetensors.torch import load_file

    net.load_state_dict(load_file(tmp_path / "back.safetensors"))
    assert_agree(net, checkpoints.from_torch(net.state_dict()), t, np.float32)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_model_that_torch_exports_to_onnx(bidirectional):
    net, file = module(num_layers=2, bidirectional=bidirectional), io.BytesIO()
    X = torch.randn(5, 4, D)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that needs no further package is deprecated
        torch.onnx.export(net, (X,), file, dynamo=False, opset_version=14)
    import onnx

    layers = checkpoints.from_onnx(onnx.load_from_string(file.getvalue()))
    with torch.no_grad():
        Y, _ = net(X)
    assert_close(stack.forward(X.numpy(), layers).Hout, Y.numpy(), np.float32)
