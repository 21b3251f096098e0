"""The ``.npz`` files of this package: what is in them, and what is said of those that are not."""

import hashlib
import json

import numpy as np
import pytest
from helpers import refused

from lstm import stack
from lstm.exchange import npz_file, tensors

LAYERS = stack.init(3, 2, layers=2, bidirectional=True, rng=0)
READOUT = np.random.default_rng(1).standard_normal((5, 6))
ARRAYS = {
    "0.forward": LAYERS[0].forward,
    "0.backward": LAYERS[0].backward,
    "1.forward": LAYERS[1].forward,
    "1.backward": LAYERS[1].backward,
    "readout": READOUT,
}


def by_hand(arrays, metadata):
    """The digest, by its definition: names in order, each with type, shape and numbers."""
    hashed = hashlib.sha256(metadata.encode())
    for name in sorted(arrays):
        array = arrays[name]
        kind = {4: "float32", 8: "float64"}[array.dtype.itemsize]
        hashed.update(f"{name} {kind} {array.shape}".encode())
        hashed.update(array.astype(f"<f{array.dtype.itemsize}").tobytes(order="C"))
    return hashed.hexdigest()


def contents(arrays=ARRAYS, metadata='{"step": 7}', **changes):
    """The list and the digest, by the definition of the format."""
    entries = {"arrays": list(arrays), "metadata": metadata, "sha256": by_hand(arrays, metadata)}
    return np.array(json.dumps(entries | changes))


WHOLE = {"lstm.layout": np.array(1), "lstm.contents": contents(), **ARRAYS}


def opened(arrays):
    return tensors.open_npz(tensors.open_zip(tensors.to_npz(arrays)))


def test_a_file_is_what_the_format_says():
    """So that a file of today is read tomorrow."""
    written = tensors.open_zip(npz_file.write_npz(LAYERS, READOUT, '{"step": 7}'))
    got = {name: entry.read() for name, entry in tensors.open_npz(written).items()}
    assert list(got) == list(WHOLE)
    for name, want in WHOLE.items():
        np.testing.assert_array_equal(got[name], want, strict=True)
    values, metadata = npz_file.read_npz(opened(WHOLE))
    assert list(values) == list(ARRAYS)
    assert metadata == '{"step": 7}'
    for got, want in zip(npz_file.layers_of(values), LAYERS, strict=True):
        np.testing.assert_array_equal(got.forward, want.forward, strict=True)
        np.testing.assert_array_equal(got.backward, want.backward, strict=True)


def test_the_mark_makes_it_ours():
    assert npz_file.is_ours({"x": None, "lstm.layout": None})
    assert not npz_file.is_ours({"x": None, "lstm.contents": None, "readout": None})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("metadata", ["", '{"é": 1}'])
def test_a_digest_is_what_it_is_defined_to_be(dtype, metadata):
    rng = np.random.default_rng(0)
    shapes = {"x": (2, 3), "b": (4,), "a": ()}
    arrays = {name: np.asarray(rng.standard_normal(s), dtype) for name, s in shapes.items()}
    want = by_hand(arrays, metadata)
    assert npz_file.digest(arrays, metadata) == want
    turned = {n: a.astype(a.dtype.newbyteorder(">")) for n, a in reversed(arrays.items())}
    assert npz_file.digest(turned, metadata) == want


def without(name):
    return {n: array for n, array in WHOLE.items() if n != name}


SORTED = sorted(ARRAYS)
LIST = "expected the list of its arrays, got a file without or damaged"
DIGEST = "damaged: its digest is not that of its arrays"
DAMAGED = {
    "a later version": (
        WHOLE | {"lstm.layout": np.array(2)}, "expected layout version 1, got 2"),
    "an earlier version": (
        WHOLE | {"lstm.layout": np.array(0)}, "expected layout version 1, got 0"),
    "two versions": (
        WHOLE | {"lstm.layout": np.array([1, 1])}, "expected layout version 1, got [1 1]"),
    "no list": (without("lstm.contents"), LIST),
    "no text": (WHOLE | {"lstm.contents": np.ones(2)}, LIST),
    "no JSON": (WHOLE | {"lstm.contents": np.array("{")}, LIST),
    "another JSON": (WHOLE | {"lstm.contents": np.array("[1]")}, LIST),
    "names that are none": (WHOLE | {"lstm.contents": np.array('{"arrays": 1}')}, LIST),
    "no metadata": (WHOLE | {"lstm.contents": np.array('{"arrays": []}')}, LIST),
    "no digest": (
        WHOLE | {"lstm.contents": np.array('{"arrays": [], "metadata": ""}')}, LIST),
    "an array less": (
        without("1.forward"),
        f"expected the arrays {SORTED}, got {[n for n in SORTED if n != '1.forward']}"),
    "an array more, the last": (
        WHOLE | {"x": READOUT}, f"expected the arrays {SORTED}, got {[*SORTED, 'x']}"),
    "an array more, the first": (
        WHOLE | {"-": READOUT}, f"expected the arrays {SORTED}, got {['-', *SORTED]}"),
    "another array": (WHOLE | {"0.forward": LAYERS[1].forward}, DIGEST),
    "dates": (WHOLE | {"0.forward": LAYERS[0].forward.view("M8[s]")}, DIGEST),
    "other metadata": (WHOLE | {"lstm.contents": contents(metadata="{}", sha256=by_hand(
        ARRAYS, '{"step": 7}'))}, DIGEST),
    "a small digest": (WHOLE | {"lstm.contents": contents(sha256="0" * 64)}, DIGEST),
    "a large digest": (WHOLE | {"lstm.contents": contents(sha256="f" * 64)}, DIGEST),
}  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_file_that_is_not_what_was_written(kind):
    arrays, message = DAMAGED[kind]
    with refused(ValueError, message):
        npz_file.read_npz(opened(arrays))


@pytest.mark.parametrize(
    "name", ["x", "", "forward", "0.", ".forward", "0.sideways", "x.forward", "-1.forward",
             "01.forward", "0.forwards", "s.forward", "1٣.forward"],
)  # fmt: skip
def test_arrays_that_are_no_layers(name):
    with refused(ValueError, f"expected arrays with names such as '0.forward', got {name!r}"):
        npz_file.layers_of(ARRAYS | {name: LAYERS[0].forward})


def test_layers_are_in_the_order_of_their_numbers():
    layers = stack.init(1, 1, layers=11, rng=0)
    values = {f"{k}.forward": layer.forward for k, layer in reversed(list(enumerate(layers)))}
    for got, want in zip(npz_file.layers_of(values), layers, strict=True):
        assert got.forward is want.forward
        assert got.backward is None
    with refused(ValueError, "layers: expected at least one layer, got none"):
        npz_file.layers_of({"readout": READOUT})
