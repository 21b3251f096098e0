"""Weights go to PyTorch and come back. `make test-peers` installs it and runs this."""

import io
import warnings

import numpy as np
import pytest
import torch
from exchange import assert_close, ours, task
from helpers import refused
from torch.nn.utils import prune

from lstm import exchange, stack
from lstm.exchange import torch as exchange_torch

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
    expected = exchange_torch.dump(dlayers, bias=bias)
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
    stacked = exchange_torch.load(net.state_dict())  # tensors, as they are
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
    state_dict = exchange_torch.dump(trained, bias=bias)
    assert list(state_dict) == list(net.state_dict())
    net.load_state_dict({name: torch.from_numpy(value) for name, value in state_dict.items()})
    assert_agree(net, trained, t, dtype)


def test_batch_first():
    net = module(np.float64, batch_first=True)
    X = np.random.default_rng(0).standard_normal((4, 5, D))
    with torch.no_grad():
        Y, _ = net(torch.tensor(X))
    Hout = stack.forward(X, exchange_torch.load(net.state_dict()), batch_first=True).Hout
    assert_close(Hout, Y.numpy(), np.float64)


def test_the_cell():
    torch.manual_seed(1)
    cell = torch.nn.LSTMCell(D, H)
    layers = exchange_torch.load(cell.state_dict())
    x, h, c = (torch.randn(4, size) for size in (D, H, H))
    with torch.no_grad():
        h_new, c_new = cell(x, (h, c))
    state = stack.step(x.numpy(), layers, [c.numpy()[None]], [h.numpy()[None]])
    assert_close([state.c[0][0], state.h[0][0]], [c_new.numpy(), h_new.numpy()], np.float32)
    assert list(exchange_torch.dump(layers, cell=True)) == list(cell.state_dict())


def test_one_step_of_torch_moves_the_sum_of_two_biases_twice_as_far():
    """The trap of the two biases, in chapter 13."""
    net, rate = module(np.float64), 0.1
    layers = exchange_torch.load(net.state_dict())
    t = task(np.float64, D, H, layers=1, d=1)
    (dlayer,) = ours(layers, t)["dlayers"]
    answer(net, t)
    torch.optim.SGD(net.parameters(), lr=rate).step()
    W, after = layers[0].forward, exchange_torch.load(net.state_dict())[0].forward
    assert_close(after[1:], W[1:] - rate * dlayer.forward[1:], np.float64)
    assert_close(after[0], W[0] - 2 * rate * dlayer.forward[0], np.float64)


def test_adam_moves_the_sum_of_two_biases_twice_as_far_too():
    """Adam's step does not depend on the size of a gradient, but there are two of it."""
    net, rate = module(np.float64), 0.1
    before = exchange_torch.load(net.state_dict())[0].forward
    t = task(np.float64, D, H, layers=1, d=1)
    answer(net, t)
    torch.optim.Adam(net.parameters(), lr=rate, eps=1e-16).step()
    moved = abs(exchange_torch.load(net.state_dict())[0].forward - before)
    np.testing.assert_allclose(moved[0], 2 * rate, rtol=1e-6)
    np.testing.assert_allclose(moved[1:], rate, rtol=1e-6)


NORM, PRUNE = torch.nn.utils, prune


@pytest.mark.filterwarnings("ignore::FutureWarning")  # weight_norm has a successor, tried below it
@pytest.mark.parametrize(
    ("change", "undo", "hint"),
    [
        (
            lambda net: NORM.weight_norm(net, "weight_hh_l0"),
            lambda net: NORM.remove_weight_norm(net, "weight_hh_l0"),
            r"state_dict\['weight_hh_l0_g'\]: weight_norm: call torch.nn.utils.remove_weight_norm",
        ),
        (
            lambda net: NORM.parametrizations.weight_norm(net, "weight_hh_l0"),
            lambda net: NORM.parametrize.remove_parametrizations(net, "weight_hh_l0"),
            r"state_dict\['parametrizations.weight_hh_l0.original0'\]: parametrized: call "
            "torch.nn.utils.parametrize.remove_parametrizations",
        ),
        (
            lambda net: PRUNE.l1_unstructured(net, "weight_hh_l0", 0.5),
            lambda net: PRUNE.remove(net, "weight_hh_l0"),
            r"state_dict\['weight_hh_l0_orig'\]: pruned: call torch.nn.utils.prune.remove",
        ),
    ],
)
def test_what_wraps_a_weight_is_refused_and_the_way_out_works(change, undo, hint):
    net = module()
    change(net)
    with pytest.raises(ValueError, match=f"^{hint}"):
        exchange_torch.load(net.state_dict())
    undo(net)
    t = task(np.float32, D, H, layers=1, d=1)
    assert_agree(net, exchange_torch.load(net.state_dict()), t, np.float32)


def test_projections_are_refused():
    net = torch.nn.LSTM(D, H, proj_size=2)
    message = (
        "state_dict['weight_hr_l0']: a projection (proj_size) cannot be represented; train it with "
        "proj_size=0"
    )
    with refused(ValueError, message):
        exchange_torch.load(net.state_dict())


def test_a_module_is_not_its_state_dict():
    message = "state_dict: expected a dictionary of arrays, module.state_dict(), got LSTM"
    with refused(TypeError, message):
        exchange_torch.load(module())


@pytest.mark.parametrize("kind", ["GRU", "RNN"])
def test_other_layers_with_the_same_names_are_refused(kind):
    net = getattr(torch.nn, kind)(D, H)
    with pytest.raises(ValueError, match=f"that is the shape of a torch.nn.{kind}$"):
        exchange_torch.load(net.state_dict())


def test_a_larger_module_needs_the_prefix():
    class Tagger(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = module(bidirectional=True)
            self.head = torch.nn.Linear(2 * H, 3)

    state_dict = Tagger().state_dict()
    assert len(exchange_torch.load(state_dict, prefix="encoder.")[0].directions) == 2
    with pytest.raises(ValueError, match=r"an LSTM in it has the prefix 'encoder\.'$"):
        exchange_torch.load(state_dict)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_refused_by_name(dtype):
    with pytest.raises(TypeError, match=r"^state_dict\['weight_hh_l0'\]: .*widen it first"):
        exchange_torch.load(module().to(dtype).state_dict())


def test_parameters_that_still_record_gradients_are_refused_by_name():
    with pytest.raises(TypeError, match=r"^state_dict\['weight_hh_l0'\]: .*detach"):
        exchange_torch.load(dict(module().named_parameters()))


def test_safetensors_and_npz_files_of_torch(tmp_path):
    from safetensors.torch import save_file

    net = module(num_layers=2, bidirectional=True)
    save_file(net.state_dict(), tmp_path / "net.safetensors")
    np.savez(tmp_path / "net.npz", **arrays(net))
    t = task(np.float32, D, H)
    for layers in (
        exchange.load(tmp_path / "net.safetensors"),
        exchange_torch.load(np.load(tmp_path / "net.npz")),
    ):
        assert_agree(net, layers, t, np.float32)
    exchange.save(tmp_path / "back.safetensors", exchange_torch.load(arrays(net)))
    from safetensors.torch import load_file

    net.load_state_dict(load_file(tmp_path / "back.safetensors"))
    assert_agree(net, exchange_torch.load(net.state_dict()), t, np.float32)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_model_that_torch_exports_to_onnx(bidirectional):
    net, file = module(num_layers=2, bidirectional=bidirectional), io.BytesIO()
    X = torch.randn(5, 4, D)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that needs no further package is deprecated
        torch.onnx.export(net, (X,), file, dynamo=False, opset_version=14)
    import onnx

    layers = exchange.onnx.load(onnx.load_from_string(file.getvalue()))
    with torch.no_grad():
        Y, _ = net(X)
    assert_close(stack.forward(X.numpy(), layers).Hout, Y.numpy(), np.float32)
