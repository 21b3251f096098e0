"""Lists of cells and pairs of directions as stacks."""

import numpy as np
import pytest
from exchange import assert_close
from helpers import refused

from lstm import exchange, stack
from lstm.exchange import cell, cells, haiku, keras, mlx, nnx, tensorflow, tinygrad, torch
from lstm.exchange import equinox as exchange_equinox
from lstm.exchange import flax as exchange_flax
from lstm.stack import Layer

BOTH = stack.init(3, 2, layers=2, bidirectional=True, rng=0)
STACKS = {
    "one": stack.init(3, 2, rng=0, dtype=np.float32),
    "both": BOTH,
    "backward": [Layer(backward=BOTH[0].forward)],
    "mixed": [BOTH[0], *stack.init(4, 5, rng=1)],
    "eleven": stack.init(3, 2, layers=11, bidirectional=True, rng=2),
}
MODULES = [cell, exchange_equinox, exchange_flax, haiku, mlx, nnx, tensorflow, tinygrad]


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("name", STACKS)
def test_there_and_back(name, module):
    layers = STACKS[name]
    assert_close(module.load(module.dump(layers)), layers, layers[0].directions[0][1].dtype)


@pytest.mark.parametrize(
    ("function", "given"),
    [
        (exchange_equinox.dump, (BOTH, True)),
        (keras.dump, (BOTH, True)),
        (mlx.dump, (BOTH, True)),
        (nnx.dump, (BOTH, True)),
        (tensorflow.dump, (BOTH, 1.0)),
        (tensorflow.load, (tensorflow.dump(BOTH), 1.0)),
        (tinygrad.dump, (BOTH, True)),
        (torch.dump, (BOTH, "", True)),
    ],
)
def test_an_option_has_to_be_named(function, given):
    with pytest.raises(TypeError, match=rf" positional arguments? but {len(given)} were given$"):
        function(*given)


@pytest.mark.parametrize(
    ("module", "bare", "biases"),
    [
        (exchange_equinox, ["weight_ih", "weight_hh", "bias"], {"bias"}),
        (mlx, ["Wx", "Wh"], {"bias"}),
        (tinygrad, ["weight_ih", "weight_hh"], {"bias_ih", "bias_hh"}),
    ],
)
def test_cells_without_biases(module, bare, biases):
    zero = [Layer(*(np.vstack([0 * W[:1], W[1:]]) for W in layer)) for layer in BOTH]
    whole, less = module.dump(zero), module.dump(zero, bias=False)
    for (forward, backward), pair in zip(whole, less, strict=True):
        for params, given in zip((forward, backward), pair, strict=True):
            assert list(given) == bare
            assert all(given.get(name) is None for name in biases)
            for name in set(params) - biases:
                np.testing.assert_array_equal(given[name], params[name], strict=True)
    assert_close(module.load(less), zero, np.float64)
    with refused(ValueError, "bias: expected True, as the biases (row 0 of WLSTM) are not zero"):
        module.dump(stack.init(3, 2, rng=0), bias=False)


def one(params, where):
    if "W" not in params:
        raise ValueError(f"{where}: expected W")
    return params["W"]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ([], ValueError, "params: layers: expected at least one layer, got none"),
        ({}, ValueError, "params: expected W"),
        ([{}], ValueError, "params[0]: expected W"),
        ([({"W": BOTH[0].forward}, {})], ValueError, "params[0][1]: expected W"),
        ([({},)], ValueError, "params[0]: expected a pair (forward, backward), got 1"),
        ([({"W": BOTH[0].forward},) * 3], ValueError,
         "params[0]: expected a pair (forward, backward), got 3"),
        ([(None, None)], ValueError,
         "params: layers[0]: expected weights for at least one direction, got none"),
        ([{"W": BOTH[0].forward}] * 2, ValueError,
         "params: layers[1].forward: expected D = 2, the width of the layer below, got 3"),
    ],
)  # fmt: skip
def test_what_is_no_stack_is_named(given, error, message):
    with refused(error, message):
        cells.load(one, given, "params")


@pytest.mark.parametrize(
    ("layers", "error", "message"),
    [
        ([], ValueError, "layers: expected at least one layer, got none"),
        (BOTH[:1] * 2, ValueError,
         "layers[1].forward: expected D = 4, the width of the layer below, got 3"),
        ([*stack.init(3, 2, rng=0), *stack.init(2, 2, rng=0, dtype=np.float32)], TypeError,
         "layers[1].forward: expected dtype float64, as in the first matrix, got float32"),
    ],
)  # fmt: skip
def test_the_name_is_said_once(layers, error, message):
    with refused(error, message):
        cells.as_stack("layers", layers)
    with refused(error, f"variables: {message}"):
        cells.as_stack("variables", layers)


def test_a_pair_alone_is_no_list_of_layers():
    params = cell.dump(BOTH)[0]
    with pytest.raises(TypeError, match=r"^params: expected a dictionary of arrays, .*got tuple"):
        cell.load(params)
    assert len(cell.load([params])[0].directions) == 2


CALLED = {
    "cell": "params", "equinox": "params", "flax": "params", "haiku": "params", "mlx": "params",
    "nnx": "params", "tinygrad": "params", "tensorflow": "variables", "torch": "state_dict",
    "keras": "layers", "onnx": "model",
}  # fmt: skip


@pytest.mark.parametrize(("name", "argument"), CALLED.items())
def test_messages_call_the_argument_by_its_name(name, argument):
    with pytest.raises((TypeError, ValueError), match=f"^{argument}: expected "):
        getattr(exchange, name).load({})
