"""The stored numbers of an ONNX model, those of other files too, and the shapes of the rest."""

import itertools
import os

import numpy as np
import onnx
import pytest
from helpers import refused
from onnx import TensorProto, helper, numpy_helper

from lstm.exchange import onnx_tensors

NUMBERS = np.arange(6.0).reshape(2, 3)
WHERE = "'x': its numbers are in another file, "


@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0, 3), (3, 0)], ids=str)
@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", "i1", "?"])
def test_a_tensor_is_read_as_it_is_stored_and_halves_are_widened(shape, dtype):
    array = np.ones(shape, dtype)
    got = onnx_tensors.read_tensor(numpy_helper.from_array(array, "x"), None)
    np.testing.assert_array_equal(got, np.float32(array) if dtype == "f2" else array, strict=True)


def test_a_damaged_tensor_is_refused():
    tensor = numpy_helper.from_array(NUMBERS, "x")
    tensor.dims[1] = -1
    with refused(ValueError, "'x': the stored tensor is damaged (shape [2, -1])"):
        onnx_tensors.read_tensor(tensor, None)
    tensor.dims[1] = 4
    with pytest.raises(ValueError, match="'x'") as raised:
        onnx_tensors.read_tensor(tensor, None)
    assert str(raised.value) == f"'x': the stored tensor is damaged ({raised.value.__cause__})"


# Numbers in other files


def stored(folder, location="w.bin", *, size=56, kind=TensorProto.DOUBLE, dims=(2, 3), **entries):
    """A tensor whose numbers lie behind eight bytes of another file, which is so long."""
    numbers = NUMBERS.astype(np.float16 if kind == TensorProto.FLOAT16 else np.float64)
    (folder / "w.bin").write_bytes((b"8 before" + numbers.tobytes() + b"after")[:size])
    tensor = TensorProto(name="x", data_type=kind, dims=dims)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in ({"location": location, "offset": "8"} | entries).items():
        if value is not None:
            tensor.external_data.add(key=key, value=value)
    return tensor


@pytest.mark.parametrize(
    ("options", "want"),
    [
        ({}, NUMBERS),
        ({"length": "48"}, NUMBERS),
        ({"size": 60}, NUMBERS),
        ({"offset": None}, np.frombuffer(b"8 before" + NUMBERS.tobytes()[:40]).reshape(2, 3)),
        ({"kind": TensorProto.FLOAT16, "length": "12"}, np.float32(NUMBERS)),
        ({"dims": (0, 3), "length": "0", "offset": "0"}, np.ones((0, 3))),
        ({"dims": (), "location": "./w.bin"}, np.array(0.0)),
    ],
)
def test_numbers_are_read_from_where_they_are(options, want, tmp_path):
    """Through links of the folder, too."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    tensor = stored(folder, **options)
    for path in (folder, tmp_path / "link"):
        np.testing.assert_array_equal(onnx_tensors.read_tensor(tensor, path), want, strict=True)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"size": 55}, "'w.bin', which is too short: 55 bytes"),
        ({"size": 8}, "'w.bin', which is too short: 8 bytes"),
        ({"length": "47"}, "'w.bin', but where in it is damaged (expected 48 bytes, got 47)"),
        ({"length": "49"}, "'w.bin', but where in it is damaged (expected 48 bytes, got 49)"),
        ({"offset": "-1"}, "'w.bin', but where in it is damaged (an offset of -1)"),
        ({"offset": "x"}, "'w.bin', but where in it is damaged (...)"),
        ({"kind": 99}, "'w.bin', but where in it is damaged (...)"),
        ({"location": "../w.bin"}, "'../w.bin', outside the model's folder: it is not read"),
        ({"location": "/etc/hosts"}, "'/etc/hosts', outside the model's folder: it is not read"),
        ({"location": "secret"}, "'secret', outside the model's folder: it is not read"),
        ({"location": ""}, "'', outside the model's folder: it is not read"),
        ({"location": None}, "'', outside the model's folder: it is not read"),
        ({"location": "."}, "'.', which is not a file"),
        ({"location": "pipe"}, "'pipe', which is not a file"),
        ({"location": "n" * 300}, f"{'n' * 300!r}, which is not a path (...)"),
        ({"location": "circle"}, "'circle', which is not a path (...)"),
        ({"location": "a\0b"}, "'a\\x00b', which is not a path (...)"),
    ],
)
def test_numbers_that_are_not_there(options, why, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "w.bin").write_bytes(bytes(100))
    (folder / "secret").symlink_to(tmp_path / "w.bin")
    (folder / "circle").symlink_to("circle")
    os.mkfifo(folder / "pipe")
    with pytest.raises(ValueError, match="'x'") as raised:
        onnx_tensors.read_tensor(stored(folder, **options), folder)
    assert str(raised.value) == WHERE + why.replace("...", str(raised.value.__cause__))


@pytest.mark.parametrize("location", ["none.bin", "none/w.bin", "w.bin/below"])
def test_a_file_that_is_missing(location, tmp_path):
    with refused(FileNotFoundError, f"{WHERE}{location!r}, which is missing"):
        onnx_tensors.read_tensor(stored(tmp_path, location), tmp_path)


def test_a_model_without_a_path_has_no_other_files(tmp_path):
    message = f"{WHERE}'w.bin': give the path of the model's file, not the model"
    with refused(ValueError, message):
        onnx_tensors.read_tensor(stored(tmp_path), None)


def test_what_is_no_number_is_called_by_its_name(tmp_path):
    tensor = stored(tmp_path, kind=TensorProto.STRING)
    with pytest.raises(ValueError, match="damaged") as raised:
        onnx_tensors.read_tensor(tensor, tmp_path)
    assert str(raised.value) == f"'x': the stored tensor is damaged ({raised.value.__cause__})"


# Shapes


def value(name, *shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def model(nodes, inputs, outputs=(), tensors=()):
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(nodes, "g", inputs, outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_open_sizes_are_assumed_and_the_given_ones_are_kept():
    """What is stored has the shape that it has, and takes no assumption."""
    unknown = helper.make_tensor_value_info("u", TensorProto.FLOAT, None)
    inputs = [value("W", "k", 9), unknown, value("a", 4, "n", 0), value("b", "n", None, None)]
    W = numpy_helper.from_array(np.ones((2, 3), np.float32), "W")
    got = onnx_tensors.assume(model([], inputs, tensors=[W]), itertools.count(5))
    assert got == {"a": (4, 5, 0), "b": (5, 6, 7)}
    assert inputs[2].type.tensor_type.shape.dim[1].dim_param == "n"  # the model is not changed


def test_shapes_are_inferred_from_numbers_that_are_shapes():
    nodes = [
        helper.make_node("Shape", ["X"], ["n"], start=0, end=1),
        helper.make_node("Concat", ["n", "rest"], ["to"], axis=0),
        helper.make_node("Reshape", ["X", "to"], ["Y"]),
    ]
    rest = numpy_helper.from_array(np.array([3, 2]), "rest")
    got = onnx_tensors.assume(model(nodes, [value("X", "n", 6)], ["Y"], [rest]), iter([5]))
    assert got == {"X": (5, 6), "n": (1,), "to": (3,), "Y": (5, 3, 2)}


def test_what_cannot_be_inferred_stays_open():
    nodes = [
        helper.make_node("Mystery", ["X"], ["M"], domain="mine"),
        helper.make_node("Transpose", ["M"], ["Y"], perm=[1, 0]),
    ]
    got = onnx_tensors.assume(model(nodes, [value("X", "n", 6)], ["Y"]), iter([5]))
    assert got == {"X": (5, 6)}


def test_where_the_inference_fails_the_inputs_have_shapes(monkeypatch):
    def fail(*_, **__):
        raise onnx.shape_inference.InferenceError("odd")

    monkeypatch.setattr(onnx.shape_inference, "infer_shapes", fail)
    assert onnx_tensors.assume(model([], [value("X", "n", 6)], ["Y"]), iter([5])) == {"X": (5, 6)}


def test_what_is_no_tensor_has_no_shape():
    sequence = helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, [2])
    negative = value("n", 2, -1)
    half = helper.make_tensor_value_info("h", TensorProto.FLOAT, [2, "b"])
    for given in (sequence, negative, half, onnx.ValueInfoProto(name="v")):
        assert onnx_tensors._shape(given) is None
    assert onnx_tensors._shape(value("x")) == ()


def test_what_bodies_and_attributes_store_is_counted():
    def array(*shape):
        return numpy_helper.from_array(np.ones(shape, np.float32), "x")

    constant = helper.make_node("Constant", [], ["c"], value=array(5, 7))
    inner = helper.make_graph([constant], "inner", [], [], [array(11)])
    choice = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner, k=3)
    graph = helper.make_graph([choice, constant], "g", [], [], [array(2, 3), array()])
    assert onnx_tensors.count_stored(graph) == 6 + 1 + 35 + 2 * (35 + 11)
    damaged = array(2, 3)
    damaged.dims[0] = -9
    assert onnx_tensors.count_stored(helper.make_graph([], "g", [], [], [damaged])) == 0
