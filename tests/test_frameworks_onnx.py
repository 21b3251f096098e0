"""Models go to ONNX Runtime and come back. It has no gradients, and runs float32 alone."""

import numpy as np
import onnx
import onnxruntime
import pytest
from exchange import assert_close, ours, task
from helpers import refused
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from lstm import checkpoints, stack, weights

D, H = 3, 6


def network(d, dtype, layers=2):
    rng = np.random.default_rng(8)
    W = [rng.standard_normal((1 + size + H, 4 * H)).astype(dtype) / 2
         for size in (D, *[d * H] * (layers - 1)) for _ in range(d)]  # fmt: skip
    return [stack.Layer(*W[k : k + d]) for k in range(0, len(W), d)]


def session(model):
    return onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )


@pytest.mark.parametrize("way", ["forward", "reverse", "bidirectional"])
def test_onnx_runtime_answers_the_same(way, tmp_path):
    d = 2 if way == "bidirectional" else 1
    layers, t = network(d, np.float32), task(np.float32, D, H, d=d)
    if way == "reverse":
        layers = [stack.Layer(backward=layer.forward) for layer in layers]
    zero = [np.zeros_like(c) for c in t.c0]
    answer = ours(layers, t._replace(c0=zero, h0=zero))
    model = checkpoints.to_onnx(layers)
    Hout, *states = session(model).run(None, {"X": t.X, "lengths": np.int32(t.lengths)})
    assert_close(answer["Hout"], Hout, np.float32)
    assert_close(answer["Hn"], states[0::2], np.float32)
    assert_close(answer["Cn"], states[1::2], np.float32)

    onnx.save(model, tmp_path / "model.onnx")
    for again, layer in zip(checkpoints.from_onnx(tmp_path / "model.onnx"), layers, strict=True):
        assert_close(dict(again.directions), dict(layer.directions), np.float32)


def node_model(tensors, dtype=np.float32, inputs="XWRB", constants=None, **attributes):
    """A model of one node, with the tensors as given."""
    number = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    constants = constants or {}
    node = helper.make_node("LSTM", list(inputs), ["Y", "Yh", "Yc"], name="lstm", hidden_size=H,
                            **attributes)  # fmt: skip
    shape = ["n", "d", "b", H]
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info("X", number, ["n", "b", D])],
        [helper.make_tensor_value_info("Y", number, shape)],
        [numpy_helper.from_array(value, name) for name, value in (tensors | constants).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)


def tensors_of(way, dtype):
    """Random tensors as another program may have written them: both halves of B are used."""
    rng = np.random.default_rng(9)
    d = 2 if way == "bidirectional" else 1
    shapes = {"W": (d, 4 * H, D), "R": (d, 4 * H, H), "B": (d, 8 * H)}
    return {name: rng.standard_normal(shape).astype(dtype) / 2 for name, shape in shapes.items()}


@pytest.mark.parametrize("way", ["forward", "reverse", "bidirectional"])
def test_tensors_that_we_did_not_write(way):
    tensors = tensors_of(way, np.float32)
    model = node_model(tensors, direction=way)
    X = np.random.default_rng(1).standard_normal((5, 4, D)).astype(np.float32)
    (Y,) = session(model).run(None, {"X": X})
    Hout = stack.forward(X, checkpoints.from_onnx(model)).Hout
    assert_close(Hout, np.concatenate([Y[:, d] for d in range(Y.shape[1])], axis=-1), np.float32)


def test_float64_against_the_reference_of_the_standard():
    tensors = tensors_of("forward", np.float64)
    X = np.random.default_rng(1).standard_normal((5, 4, D))
    (Y,) = ReferenceEvaluator(node_model(tensors, np.float64)).run(None, {"X": X})
    W = weights.from_onnx(tensors)
    assert_close(stack.forward(X, [stack.Layer(W)]).Hout, Y[:, 0], np.float64)


def test_a_missing_bias_is_zero():
    tensors = tensors_of("forward", np.float32)
    del tensors["B"]
    model = node_model(tensors, inputs="XWR")
    assert not checkpoints.from_onnx(model)[0].forward[0].any()


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"clip": 3.0}, "lstm: clip: cannot be represented, got 3.0"),
        ({"input_forget": 1}, "lstm: input_forget: coupled gates cannot be represented"),
        (
            {"activations": ["HardSigmoid", "Tanh", "Tanh"]},
            "lstm: activations: expected Sigmoid, Tanh and Tanh for each direction, "
            "got ['hardsigmoid', 'tanh', 'tanh']",
        ),
    ],
)
def test_attributes_that_cannot_be_represented_are_refused(attributes, message):
    model = node_model(tensors_of("forward", np.float32), **attributes)
    session(model).run(None, {"X": np.zeros((2, 1, D), np.float32)})  # it is valid there
    with refused(ValueError, message):
        checkpoints.from_onnx(model)


@pytest.mark.parametrize(
    ("slot", "shape", "message"),
    [
        ("P", (1, 3 * H), "lstm: P: peepholes cannot be represented"),
        ("h", (1, 2, H), "lstm: initial_h: constant states that are not zero are not kept"),
        ("c", (1, 2, H), "lstm: initial_c: constant states that are not zero are not kept"),
    ],
)
def test_inputs_that_cannot_be_represented_are_refused(slot, shape, message):
    inputs = ["X", "W", "R", "B", "", *(name if name == slot else "" for name in "hcP")]
    value = np.full(shape, 0.5, np.float32)
    tensors = tensors_of("forward", np.float32)
    model = node_model(tensors, inputs=inputs, constants={slot: value})
    session(model).run(None, {"X": np.zeros((3, 2, D), np.float32)})
    with refused(ValueError, message):
        checkpoints.from_onnx(model)
    zero = node_model(tensors, inputs=inputs, constants={slot: 0 * value})
    assert len(checkpoints.from_onnx(zero)) == 1


def test_weights_that_are_not_constants_are_refused():
    tensors = tensors_of("forward", np.float32)
    model = node_model({k: v for k, v in tensors.items() if k != "R"})
    with refused(ValueError, "lstm: R: expected a constant, got 'R'"):
        checkpoints.from_onnx(model)


def test_a_model_without_lstm_and_a_node_that_is_not_there():
    model = node_model(tensors_of("forward", np.float32))
    with refused(ValueError, "model: expected LSTM nodes ['other'], got ['lstm']"):
        checkpoints.from_onnx(model, ["other"])
    model.graph.node[0].op_type = "GRU"
    with refused(ValueError, "model: expected LSTM nodes of any name, got []"):
        checkpoints.from_onnx(model)


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"no model at all")
    message = f"{path}: expected an ONNX model, got a file that is damaged or foreign"
    with refused(ValueError, message):
        checkpoints.from_onnx(path)
    with pytest.raises(FileNotFoundError):
        checkpoints.from_onnx(tmp_path / "none.onnx")
