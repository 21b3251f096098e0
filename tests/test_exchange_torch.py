"""State dicts of PyTorch, without PyTorch; against itself see peers/test_torch.py."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from exchange import assert_close
from helpers import refused
from test_exchange_cells import BOTH, STACKS
from test_package import NUMPY_ALONE

from lstm import stack
from lstm.exchange import torch
from lstm.layers import Layer

ROOT = Path(__file__).parent.parent
WHOLE = torch.dump(BOTH)
ONE = torch.dump(STACKS["one"])


@pytest.mark.parametrize("prefix", ["", "encoder.lstm."])
@pytest.mark.parametrize("name", ["one", "both"])
def test_there_and_back_beside_others(name, prefix):
    layers = STACKS[name]
    others = {"head.weight": np.ones(3)} if prefix else {}
    again = torch.load(others | torch.dump(layers, prefix), prefix)
    assert_close(again, layers, layers[0].forward.dtype)


def test_a_cell_has_names_without_a_number():
    state_dict = torch.dump(STACKS["one"], cell=True)
    assert list(state_dict) == ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]
    assert_close(torch.load(state_dict), STACKS["one"], np.float32)
    for layers in (BOTH, BOTH[:1], stack.init(3, 2, layers=2, rng=0)):
        with refused(ValueError, "layers: expected one layer that reads forward, for a cell"):
            torch.dump(layers, cell=True)


@pytest.mark.parametrize("cell", [False, True])
@pytest.mark.parametrize("prefix", ["", "net."])
def test_a_module_without_biases(prefix, cell):
    layers = STACKS["one"] if cell else BOTH
    zero = [
        Layer(*(None if W is None else np.vstack([0 * W[:1], W[1:]]) for W in layer))
        for layer in layers
    ]
    whole = torch.dump(zero, prefix, cell=cell)
    less = torch.dump(zero, prefix, bias=False, cell=cell)
    assert list(less) == [name for name in whole if "bias" not in name]
    assert_close(torch.load(less, prefix), zero, layers[0].forward.dtype)
    with refused(ValueError, "bias: expected True, as the biases (row 0 of WLSTM) are not zero"):
        torch.dump([Layer(np.ones((6, 8)))], prefix, bias=False)


UPPER = stack.init(4, 2, rng=1)
THEN = stack.init(2, 2, rng=1)


@pytest.mark.parametrize(
    "layers",
    [
        STACKS["backward"],
        STACKS["mixed"],
        [BOTH[0], *UPPER],
        [*stack.init(3, 4, rng=0), *UPPER],
        [*stack.init(3, 2, rng=0), Layer(backward=THEN[0].forward)],
        [Layer(backward=BOTH[0].forward), *THEN],
        [Layer(backward=BOTH[0].forward), Layer(backward=THEN[0].forward)],
    ],
)
def test_stacks_that_torch_does_not_have(layers):
    message = "layers: expected one hidden size, and forward or both directions in every layer"
    with refused(ValueError, message):
        torch.dump(layers)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ONE,
            "state_dict: expected names like 'net.weight_hh_l0' alone, got 'bias_hh_l0', "
            "'bias_ih_l0', 'weight_hh_l0', 'weight_ih_l0'",
        ),
        (
            {"other." + k: v for k, v in ONE.items()},
            "state_dict: expected names like 'net.weight_hh_l0' alone, got 'other.bias_hh_l0', "
            "'other.bias_ih_l0', 'other.weight_hh_l0', 'other.weight_ih_l0'; an LSTM in it has "
            "the prefix 'other.'",
        ),
        (
            torch.dump(STACKS["one"], "net.") | {"net.x": 1, "y": 1},
            "state_dict: expected names like 'net.weight_hh_l0' alone, got 'net.x'; an LSTM in it "
            "has the prefix 'net.'",
        ),
        (
            torch.dump(STACKS["one"], "net.") | {"net.weight_hh": 1, "net.bias_hh": 1, "x": 1},
            "state_dict: expected all that a torch.nn.LSTM(num_layers=1, bidirectional=False, "
            "bias=True) has; it has also 'net.bias_hh', 'net.weight_hh'",
        ),
        (
            {f"net.{k.replace('bias_hh_l0', 'bias_hh')}": v for k, v in ONE.items()},
            "state_dict: expected all that a torch.nn.LSTM(num_layers=1, bidirectional=False, "
            "bias=True) has; it lacks 'net.bias_hh_l0' and has also 'net.bias_hh'",
        ),
        (
            {"net.weight_hh_l1": 1},
            "state_dict: expected all that a torch.nn.LSTM(num_layers=2, bidirectional=False, "
            "bias=False) has; it lacks 'net.weight_hh_l0', 'net.weight_ih_l0', 'net.weight_ih_l1'",
        ),
        (
            torch.dump(STACKS["one"], "net.") | {"net.weight_hh_l0": np.ones((6, 2), "f4")},
            "state_dict['net.weight_hh_l0']: expected shape (4 * H, H) = (8, 2), got (6, 2): that "
            "is the shape of a torch.nn.GRU",
        ),
        (
            torch.dump(STACKS["one"], "net.") | {"net.bias_ih_l0": np.ones(7, "f4")},
            "state_dict['net.bias_ih_l0']: expected shape (4 * H,) = (8,), got (7,)",
        ),
    ],
)
def test_names_are_said_with_the_prefix(given, message):
    with refused(ValueError, message):
        torch.load(given, "net.")


def test_a_prefix_is_a_text():
    message = "prefix: expected text, got 3"
    with refused(TypeError, message):
        torch.load(ONE, 3)
    with refused(TypeError, message):
        torch.dump(BOTH, 3)


def only(keep, state_dict=WHOLE):
    return {name: value for name, value in state_dict.items() if keep(name)}


FOUR = "bias_hh{0}', 'bias_hh{0}_reverse', 'bias_ih{0}', 'bias_ih{0}_reverse"
SETTINGS = "num_layers=2, bidirectional=True, bias=True"
ALL = f"state_dict: expected all that a torch.nn.LSTM({SETTINGS}) has; it "


@pytest.mark.parametrize(
    ("state_dict", "message"),
    [
        (only(lambda k: k != "bias_hh_l0"), ALL + "lacks 'bias_hh_l0'"),
        (only(lambda k: k != "weight_ih_l1_reverse"), ALL + "lacks 'weight_ih_l1_reverse'"),
        (only(lambda k: k != "weight_hh_l1"), ALL + "lacks 'weight_hh_l1'"),
        (
            only(lambda k: "l0" not in k),
            f"{ALL}lacks '{FOUR.format('_l0')}', 'weight_hh_l0', 'weight_hh_l0_reverse', "
            "and 2 more",
        ),
        (
            only(lambda k: not ("bias" in k and "l1" in k)),
            f"{ALL}lacks '{FOUR.format('_l1')}'",
        ),
        (
            only(lambda k: not ("reverse" in k and "l1" in k)),
            f"{ALL}lacks 'bias_hh_l1_reverse', 'bias_ih_l1_reverse', 'weight_hh_l1_reverse', "
            "'weight_ih_l1_reverse'",
        ),
        (
            only(lambda k: "ih" in k, ONE),
            "state_dict: expected all that a torch.nn.LSTM(num_layers=1, bidirectional=False, "
            "bias=True) has; it lacks 'bias_hh_l0', 'weight_hh_l0'",
        ),
        (
            ONE | {"weight_ih": ONE["weight_ih_l0"]},
            "state_dict: expected all that a torch.nn.LSTM(num_layers=1, bidirectional=False, "
            "bias=True) has; it has also 'weight_ih'",
        ),
        (
            only(lambda k: k != "bias_ih", torch.dump(STACKS["one"], cell=True)),
            "state_dict: expected all that a torch.nn.LSTMCell has; it lacks 'bias_ih'",
        ),
        ({}, "state_dict: expected names like 'weight_hh_l0' alone, got none"),
        (
            ONE | {"weight_hh_l00": np.ones(1)},
            "state_dict: expected names like 'weight_hh_l0' alone, got 'weight_hh_l00'",
        ),
        (
            {"net." + k: v for k, v in ONE.items()} | {"cell.weight_hh": 1, "x": 1},
            "state_dict: expected names like 'weight_hh_l0' alone, got 'cell.weight_hh', "
            "'net.bias_hh_l0', 'net.bias_ih_l0', 'net.weight_hh_l0', 'net.weight_ih_l0', 'x'; "
            "an LSTM in it has the prefix 'cell.' or 'net.'",
        ),
        (
            torch.dump(STACKS["one"][:1]) | {
                k: np.zeros((4 * 3, 2 if "ih" in k else 3)[: 2 - k.startswith("b")], "f4")
                for k in ("weight_ih_l1", "weight_hh_l1", "bias_ih_l1", "bias_hh_l1")
            },
            "state_dict: expected one hidden size in all layers, as in torch.nn.LSTM",
        ),
        (
            ONE | {f"{k[:-1]}1": v for k, v in ONE.items()},
            "state_dict: layers[1].forward: expected D = 2, the width of the layer below, got 3",
        ),
        (
            {k: np.zeros((6, *v.shape[1:]), "f4") for k, v in ONE.items()},
            "state_dict['weight_hh_l0']: expected shape (4 * H, H) = (8, 2), got (6, 2): that is "
            "the shape of a torch.nn.GRU",
        ),
        (
            {k: np.zeros((2, *v.shape[1:]), "f4") for k, v in ONE.items()},
            "state_dict['weight_hh_l0']: expected shape (4 * H, H) = (8, 2), got (2, 2): that is "
            "the shape of a torch.nn.RNN",
        ),
        (
            {k: np.zeros((1, 1)[: v.ndim], "f4") for k, v in ONE.items()},
            "state_dict['weight_hh_l0']: expected shape (4 * H, H) = (4, 1), got (1, 1): that is "
            "the shape of a torch.nn.RNN",
        ),
        (
            ONE | {"weight_hh_l0": np.zeros((6, 2, 1), "f4")},
            "state_dict['weight_hh_l0']: expected shape (4 * H, H) = (any, any), got (6, 2, 1)",
        ),
        (  # so many layers could not even be listed
            ONE | {"weight_hh_l1000000000": ONE["weight_hh_l0"]},
            "state_dict: expected names like 'weight_hh_l0' alone, got 'weight_hh_l1000000000'",
        ),
        (
            {"weight_hh_l0": np.zeros((0, 0), "f4"), "weight_ih_l0": np.zeros((0, 3), "f4")},
            "state_dict['weight_hh_l0']: expected H of at least 1, got shape (0, 0)",
        ),
        (
            ONE | {"weight_hh_l0": 1.0},
            "state_dict['weight_hh_l0']: expected shape (4 * H, H) = (any, any), got ()",
        ),
        (
            ONE | {"weight_hh_l0": ONE["weight_hh_l0"].T},
            "state_dict['weight_hh_l0']: expected shape (4 * H, H) = (32, 8), got (2, 8)",
        ),
    ],
)  # fmt: skip
def test_state_dicts_that_no_lstm_has(state_dict, message):
    with refused(ValueError, message):
        torch.load(state_dict)


NORM = "weight_norm: call torch.nn.utils.remove_weight_norm(module, name) first, for each name"
PRUNED = (
    "pruned: call torch.nn.utils.prune.remove(module, name) first, for each name (or after "
    "spectral_norm: torch.nn.utils.remove_spectral_norm)"
)
PARAMETRIZED = (
    "parametrized: call torch.nn.utils.parametrize.remove_parametrizations(module, name) first, "
    "for each name"
)
QUANTISED = "quantised: its weights are integers; take the state dict from before it was quantised"
PROJECTED = "a projection (proj_size) cannot be represented; train it with proj_size=0"
DROPPED = (
    "weight drop: this is what was trained, and the name without _raw holds a stale copy; put "
    "this one in its place, without _raw"
)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("weight_hr_l0", PROJECTED),
        ("weight_hr_l1_reverse", PROJECTED),
        ("weight_hh_l0_raw", DROPPED),
        ("weight_hh_l0_g", NORM),
        ("weight_ih_l0_v", NORM),
        ("parametrizations.weight_hh_l0.original0", PARAMETRIZED),
        ("parametrizations.weight_hh_l0.original", PARAMETRIZED),
        ("weight_hh_l0_orig", PRUNED),
        ("bias_hh_l0_mask", PRUNED),
        ("weight_hh_l0_u",
         "spectral_norm: call torch.nn.utils.remove_spectral_norm(module, name) first"),
        ("_all_weight_values.0.param", QUANTISED),
        ("_packed_params", QUANTISED),
        ("weight_ih_l0_scale", QUANTISED),
        ("layers.0.layer_fw.cell.igates.weight", QUANTISED),
        ("weight_ih_l0.lora_A", "LoRA: merge it into the weights first"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("prefix", ["", "net."])
def test_stale_and_foreign_names_say_what_to_do(name, hint, prefix):
    given = torch.dump(STACKS["one"], prefix) | {prefix + name: np.ones(1)}
    with refused(ValueError, f"state_dict['{prefix}{name}']: {hint}"):
        torch.load(given, prefix)


def test_what_weight_drop_keeps_outside_of_the_module_is_seen():
    """As fastai stores it: the plain name under ``module.`` is stale, the trained one above."""
    given = torch.dump(STACKS["one"], "rnns.0.module.")
    given["rnns.0.weight_hh_l0_raw"] = given["rnns.0.module.weight_hh_l0"] + 1
    with refused(ValueError, f"state_dict['rnns.0.weight_hh_l0_raw']: {DROPPED}"):
        torch.load(given, "rnns.0.module.")
    given["other.weight_hh_l0_raw"] = given.pop("rnns.0.weight_hh_l0_raw")
    assert len(torch.load(given, "rnns.0.module.")) == 1


class Module:
    """Stands for a torch.nn.Module: no dictionary."""


@pytest.mark.parametrize("given", [Module(), None, list(ONE.values()), "net.pt", Path("net.pt")])
def test_what_is_no_state_dict_is_told_what_to_pass(given):
    kind = type(given).__name__
    message = f"state_dict: expected a dictionary of arrays, module.state_dict(), got {kind}"
    if isinstance(given, (str, Path)):
        message += "; for a file there is lstm.exchange.load"
    with refused(TypeError, message):
        torch.load(given)


def test_a_checkpoint_around_it_is_one_level_too_high():
    message = (
        "state_dict['model']: expected an array, got a dictionary; pass that alone, if it is the "
        "state dict"
    )
    with refused(TypeError, message):
        torch.load({"model": ONE, "epoch": 3})


def test_objects_are_called_what_they_are():
    message = (
        "state_dict['weight_hh_l0']: expected an array of numbers, got Python objects; pass "
        ".astype('float32')"
    )
    with refused(TypeError, message):
        torch.load(ONE | {"weight_hh_l0": ONE["weight_hh_l0"].astype(object)})


def test_dtypes_are_not_mixed():
    message = (
        "state_dict['bias_ih_l0']: expected dtype float32, as in state_dict['weight_hh_l0'], got "
        "float64"
    )
    with refused(TypeError, message):
        torch.load(ONE | {"bias_ih_l0": ONE["bias_ih_l0"].astype("f8")})
    second = {k: v.astype("f4") if "l1" in k else v for k, v in WHOLE.items()}
    message = (
        "state_dict: layers[1].forward: expected dtype float64, as in the first matrix, got float32"
    )
    with refused(TypeError, message):
        torch.load(second)


ALONE = (
    NUMPY_ALONE.partition("import numpy as np")[0]
    + """
import numpy as np
from lstm import exchange, stack

file = np.load("book/data/brackets.npz")
layers = exchange.torch.load(file, prefix="lstm.")
lengths = file["test.lengths"]
Hout = stack.forward(file["test.X"].astype(np.float32), layers, lengths=lengths).Hout
logits = Hout @ file["head.weight"][0] + file["head.bias"]
real = np.arange(len(logits))[:, None] < lengths
assert abs(logits - file["test.logits"])[real].max() < 1e-4
assert not {"torch", "jax", "onnx", "safetensors"} & set(sys.modules)
print(real.sum())
"""
)


def test_a_torch_model_of_two_layers_both_ways_runs_with_numpy_alone():
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", ALONE],
        cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout == "654\n"


@pytest.mark.parametrize("layers", [9, 10, 11, 101])
def test_layers_are_counted_as_numbers_not_as_text(layers):
    stacked = stack.init(2, 1, layers=layers, rng=0)
    got = torch.load(torch.dump(stacked))
    assert len(got) == layers
    for one, other in zip(got, stacked, strict=True):
        np.testing.assert_allclose(one.forward, other.forward, rtol=1e-15)
