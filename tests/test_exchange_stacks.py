"""Stacks of every kind go through every library's form and every file, and come back to the bit.

Numbers have 20 bits in float32 and 40 in float64, so that adding what a library adds to a forget
bias is exact; among them are nan, infinities, -0 and the smallest that there are.
"""

import itertools

import numpy as np
import pytest
from sweeps import FLOATS, owned

from lstm import exchange
from lstm.exchange import (
    equinox,
    flax,
    haiku,
    keras,
    mlx,
    nnx,
    onnx,
    tensorflow,
    tinygrad,
    torch,
)
from lstm.layers import Layer

BOTH = ("forward", "backward")
STACKS = {  # D, and for each layer H and its directions
    "three layers that read one number": (1, [(3, ("forward",))] * 3),
    "eleven layers": (2, [(1, ("forward",))] * 11),
    "no inputs": (0, [(2, ("forward",))]),
    "wide layers in both directions": (3, [(70, BOTH)] * 2),
    "one unit in both directions": (70, [(1, BOTH)] * 3),
    "a wide layer": (2, [(130, ("forward",))]),
    "layers of different widths": (2, [(4, BOTH), (1, BOTH), (9, BOTH)]),
    "layers of different directions": (4, [(3, ("forward",)), (2, BOTH), (5, ("forward",))]),
    "backward alone": (4, [(3, ("backward",)), (3, BOTH)]),
}
LIBRARIES = {
    module.__name__.rpartition(".")[2]: (module.dump, module.load)
    for module in (equinox, flax, haiku, mlx, nnx, onnx, tensorflow, tinygrad, torch)
} | {
    "a cell of torch": (lambda layers: torch.dump(layers, cell=True), torch.load),
    "keras": (keras.dump, lambda given: keras.load([(None, arrays) for arrays in given])),
    "cudnn": (lambda layers: keras.dump(layers, cudnn=True),
              lambda given: keras.load([(None, arrays) for arrays in given])),
    "tensorflow, less": (lambda layers: tensorflow.dump(layers, forget_bias=-0.5),
                         lambda given: tensorflow.load(given, forget_bias=-0.5)),
}  # fmt: skip


def stack_of(name, dtype):
    """Layers, and a readout to one number; the same at every call."""
    D, kinds = STACKS[name]
    rng, most = np.random.default_rng(D), 2 ** (20 if dtype == np.float32 else 40)
    layers = []
    for H, directions in kinds:
        made = {}
        for direction in directions:
            W = (rng.integers(-most, most, (1 + D + H, 4 * H)) / most**0.5).astype(dtype)
            W[-1, :4] = np.nan, -np.inf, -0.0, np.finfo(dtype).smallest_subnormal
            made[direction] = W
        layers.append(Layer(**made))
        D = H * len(directions)
    return layers, rng.standard_normal((1 + D, 1)).astype(dtype)


def matrices(layers):
    return [(k, name, W) for k, layer in enumerate(layers) for name, W in layer.directions]


def come_back(layers, back):
    for (*place, W), (*where, V) in zip(matrices(layers), matrices(back), strict=True):
        assert place == where
        assert (V.dtype, V.shape) == (W.dtype, W.shape)
        assert np.array_equal(V, W, equal_nan=True)
        assert np.array_equal(np.signbit(V), np.signbit(W)), "-0 is not 0"
    owned([W for *_, W in matrices(back)], [W for *_, W in matrices(layers)])


def has_such_layers(library, name):
    sizes, directions = zip(*STACKS[name][1], strict=True)
    match library:
        case "torch":
            return len({*zip(sizes, directions, strict=True)}) == 1
        case "a cell of torch":
            return directions == (("forward",),)
        case "keras" | "cudnn":
            return ("backward",) not in directions
    return True


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_through_a_library(library, name, dtype):
    dump, load = LIBRARIES[library]
    layers, _ = stack_of(name, dtype)
    if not has_such_layers(library, name):
        with pytest.raises(ValueError, match=r"^layers"):
            dump(layers)
    else:
        come_back(layers, load(dump(layers)))
        come_back(stack_of(name, dtype)[0], layers)  # nothing was changed


METADATA = {"name": "Fuß ü 漢 🙂", "list": [1, [2.5, None], {"a": True}], "": {}}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("name", "end"), [
    (name, end) for name, end in itertools.product(STACKS, ("npz", "safetensors", "onnx"))
    if end != "safetensors" or has_such_layers("torch", name)
])  # fmt: skip
def test_through_a_file(name, end, dtype, tmp_path):
    layers, readout = stack_of(name, dtype)
    path = tmp_path / f"stack.{end}"
    for given in (readout, np.asfortranarray(readout[::-1])[::-1], None):
        exchange.save(path, layers, readout=given, metadata=METADATA)
        model = exchange.load_model(path)
        come_back(layers, model.layers)
        come_back(stack_of(name, dtype)[0], layers)
        assert model.metadata == METADATA
        assert given is None or model.readout.tobytes() == given.tobytes()
        assert (given is None) == (model.readout is None)
