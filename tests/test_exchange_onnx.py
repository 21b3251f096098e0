"""ONNX models: against ONNX Runtime, the standard's own tests, and models made to mislead.

ONNX Runtime has no gradients, and runs float32 alone. Exports of PyTorch are in
tests/peers/test_torch.py.
"""

import itertools
import os
from itertools import pairwise

import numpy as np
import onnx
import onnxruntime
import pytest
from exchange import assert_close, ours, task
from helpers import refused
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from lstm import exchange, stack
from lstm.exchange import onnx_graph, onnx_tensors, onnx_values
from lstm.stack import Layer

D, H, B = 3, 6, 2
RNG = np.random.default_rng(9)


def network(d, dtype, layers=2):
    rng = np.random.default_rng(8)
    W = [rng.standard_normal((1 + size + H, 4 * H)).astype(dtype) / 2
         for size in (D, *[d * H] * (layers - 1)) for _ in range(d)]  # fmt: skip
    return [Layer(*W[k : k + d]) for k in range(0, len(W), d)]


def session(model):
    return onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )


def draw(*shape, dtype=np.float32):
    return (RNG.standard_normal(shape) / 2).astype(dtype)


def tensors_of(way="forward", dtype=np.float32, size=D):
    """Random tensors as another program may have written them: both halves of B are used."""
    d = 2 if way == "bidirectional" else 1
    shapes = {"W": (d, 4 * H, size), "R": (d, 4 * H, H), "B": (d, 8 * H)}
    return {name: draw(*shape, dtype=dtype) for name, shape in shapes.items()}


def model_of(nodes, tensors, inputs=(), outputs=("Y",), dtype=np.float32, opset=17, X=("n", B, D)):
    """A model of these nodes; X, Y and Yh have the usual shapes."""
    number = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("X", number, X), *inputs],
        [helper.make_tensor_value_info(name, number, None) for name in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in tensors.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def lstm_node(inputs="X W R B", outputs="Y Yh Yc", name="lstm", **attributes):
    """An LSTM node; "-" stands for an input that is not there."""
    names = [name if name != "-" else "" for name in inputs.split()]
    attributes = {"hidden_size": H} | attributes
    return helper.make_node("LSTM", names, outputs.split(), name=name, **attributes)


def one_node(tensors=None, inputs="X W R B", **attributes):
    return model_of([lstm_node(inputs, **attributes)], tensors_of() if tensors is None else tensors)


# There and back


STACKS = {
    "one": network(1, np.float32, 1),
    "both": network(2, np.float32),
    "backward": [Layer(backward=network(1, np.float32, 1)[0].forward)],
    "float64": network(1, np.float64),
}


@pytest.mark.parametrize("name", STACKS)
def test_there_and_back(name):
    again = exchange.onnx.load(exchange.onnx.dump(STACKS[name]))
    for got, want in zip(again, STACKS[name], strict=True):
        for x, y in zip(got, want, strict=True):
            np.testing.assert_array_equal(x, y, strict=True)


@pytest.mark.parametrize("way", ["forward", "reverse", "bidirectional"])
def test_onnx_runtime_answers_the_same(way, tmp_path):
    d = 2 if way == "bidirectional" else 1
    layers, t = network(d, np.float32), task(np.float32, D, H, d=d)
    if way == "reverse":
        layers = [Layer(backward=layer.forward) for layer in layers]
    zero = [np.zeros_like(c) for c in t.c0]
    answer = ours(layers, t._replace(c0=zero, h0=zero))
    model = exchange.onnx.dump(layers)
    Hout, *states = session(model).run(None, {"X": t.X, "lengths": np.int32(t.lengths)})
    assert_close(answer["Hout"], Hout, np.float32)
    assert_close(answer["Hn"], states[0::2], np.float32)
    assert_close(answer["Cn"], states[1::2], np.float32)

    onnx.save(model, tmp_path / "model.onnx")
    for again, layer in zip(exchange.onnx.load(tmp_path / "model.onnx"), layers, strict=True):
        assert_close(dict(again.directions), dict(layer.directions), np.float32)


def test_a_stream_in_onnx_runtime_is_the_whole_and_the_readout_is_ours():
    layers = network(1, np.float32)
    WOUT, X = draw(1 + H, 4), draw(7, B, D)
    run = session(exchange.onnx.dump(layers, readout=WOUT, states=True))
    names = [value.name for value in run.get_outputs()]
    assert names == ["Y", "Hout", "Hn_0", "Cn_0", "Hn_1", "Cn_1"]
    zero = np.zeros((1, B, H), np.float32)
    states = {f"{s}0_{k}": zero for s in "ch" for k in range(2)}
    pieces = []
    for piece in np.split(X, [1, 2, 5]):
        lengths = np.full(B, len(piece), np.int32)
        out = dict(
            zip(names, run.run(None, {"X": piece, "lengths": lengths} | states), strict=True)
        )
        states = {f"{s}0_{k}": out[f"{s.upper()}n_{k}"] for s in "ch" for k in range(2)}
        pieces.append(out["Y"])
    Hout, Cn, Hn, _ = stack.forward(X, layers)
    assert_close(np.concatenate(pieces), Hout @ WOUT[1:] + WOUT[0], np.float32)
    assert_close([states["c0_0"], states["c0_1"]], Cn, np.float32)
    assert_close([states["h0_0"], states["h0_1"]], Hn, np.float32)


def test_initial_states_are_those_of_the_stack():
    layers, t = network(1, np.float32), task(np.float32, D, H, d=1)
    states = {f"{s}0_{k}": value[k] for s, value in (("c", t.c0), ("h", t.h0)) for k in range(2)}
    run = session(exchange.onnx.dump(layers, states=True))
    Hout, *_ = run.run(None, {"X": t.X, "lengths": np.int32(t.lengths)} | states)
    assert_close(ours(layers, t)["Hout"], Hout, np.float32)


def test_what_dump_refuses():
    with refused(ValueError, "layers[0].backward: expected None, as a stream has no end to start "
                             "from"):  # fmt: skip
        exchange.onnx.dump(STACKS["both"], states=True)
    with refused(ValueError, "readout: expected shape (1 + d * H, K) = (13, any), got (7, 4)"):
        exchange.onnx.dump(STACKS["both"], readout=draw(1 + H, 4))
    with refused(TypeError, "readout: expected dtype float64, as in layers, got float32"):
        exchange.onnx.dump(STACKS["float64"], readout=draw(1 + H, 4))
    with refused(TypeError, "layers: expected float32 or float64, got complex128"):
        exchange.onnx.dump(network(1, np.complex128))


# Nodes that others wrote


@pytest.mark.parametrize("way", ["forward", "reverse", "bidirectional"])
def test_tensors_that_we_did_not_write(way):
    model = one_node(tensors_of(way), direction=way)
    X = draw(5, B, D)
    (Y,) = session(model).run(["Y"], {"X": X})
    Hout = stack.forward(X, exchange.onnx.load(model)).Hout
    assert_close(Hout, np.concatenate([Y[:, d] for d in range(Y.shape[1])], axis=-1), np.float32)


def test_float64_against_the_reference_of_the_standard():
    model = model_of([lstm_node()], tensors_of(dtype=np.float64), dtype=np.float64)
    X = draw(5, B, D, dtype=np.float64)
    (Y,) = ReferenceEvaluator(model).run(None, {"X": X})
    assert_close(stack.forward(X, exchange.onnx.load(model)).Hout, Y[:, 0], np.float64)


@pytest.mark.parametrize("kind", [np.float16, "bfloat16"])
def test_narrow_weights_are_widened_without_loss(kind):
    import ml_dtypes

    dtype = ml_dtypes.bfloat16 if kind == "bfloat16" else kind
    tensors = {name: value.astype(dtype) for name, value in tensors_of().items()}
    model = one_node(tensors)
    W = exchange.onnx.load(model)[0].forward
    assert W.dtype == np.float32
    (plain,) = exchange.onnx.load(
        one_node({name: value.astype(np.float32) for name, value in tensors.items()})
    )
    np.testing.assert_array_equal(W, plain.forward)


def standard_cases():
    from onnx.backend.test.case import node

    with np.errstate(all="ignore"):
        return {case.name: case for case in node.collect_testcases("LSTM")}


CASES = standard_cases()


@pytest.mark.parametrize("name", CASES)
def test_the_standards_own_node_tests(name):
    """Their weights are inputs of the model; here they become constants."""
    assert len(CASES) == 6
    case = CASES[name]
    inputs, outputs = case.data_sets[0]
    given = dict(zip([value.name for value in case.model.graph.input], inputs, strict=True))
    with refused(ValueError, "LSTM#0: W: expected a constant, got the input 'W'"):
        exchange.onnx.load(case.model)
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    model.graph.initializer.extend(
        numpy_helper.from_array(value, name) for name, value in given.items() if name != "X"
    )
    if name == "test_lstm_with_peepholes":
        with refused(ValueError, "LSTM#0: P: peepholes cannot be represented"):
            exchange.onnx.load(model)
        return
    call = exchange.onnx.load_call(model)
    batch_first = name == "test_lstm_batchwise"
    result = stack.forward(given["X"], **call._asdict(), batch_first=batch_first)
    want = dict(zip([value.name for value in model.graph.output], outputs, strict=True))
    Hn = np.moveaxis(want["Y_h"], 1, 0) if batch_first else want["Y_h"]
    assert_close(result.Hn[0], Hn, np.float32)


def test_a_missing_bias_is_zero():
    assert not exchange.onnx.load(one_node(inputs="X W R"))[0].forward[0].any()


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"clip": 3.0}, "clip: cannot be represented, got 3.0"),
        ({"clip": 0.0}, "clip: cannot be represented, got 0.0"),
        ({"input_forget": 1}, "input_forget: coupled gates cannot be represented"),
        ({"activations": ["HardSigmoid", "Tanh", "Tanh"]},
         "activations: expected Sigmoid, Tanh and Tanh for each direction, "
         "got ['hardsigmoid', 'tanh', 'tanh']"),
        ({"activations": ["Tanh", "Tanh", "Tanh"]},
         "activations: expected Sigmoid, Tanh and Tanh for each direction, "
         "got ['tanh', 'tanh', 'tanh']"),
        ({"direction": 3}, "its attributes are damaged (expected text, got 3)"),
        ({"activations": [1]}, "its attributes are damaged (expected text, got 1)"),
        ({"direction": "sideways"},
         "direction: expected one of ['forward', 'reverse', 'bidirectional'], got 'sideways'"),
        ({"layout": 2}, "layout: expected 0 or 1, got 2"),
        ({"hidden_size": H + 1}, f"hidden_size: expected {H}, as in the shape of R, got {H + 1}"),
        ({"zoneout": 0.1}, "attributes: expected those of LSTM, got also ['zoneout']"),
        ({"direction": "bidirectional"},
         "R: expected shape (d, 4 * H, H) = (2, any, any), got (1, 24, 6)"),
    ],
)  # fmt: skip
def test_attributes_that_cannot_be_represented(attributes, message):
    with refused(ValueError, f"lstm: {message}"):
        exchange.onnx.load(one_node(**attributes))


def test_names_that_are_given_twice():
    model = one_node()
    model.graph.node[0].attribute.append(helper.make_attribute("hidden_size", H))
    with refused(ValueError, "lstm: attributes: expected each once, got ['hidden_size'] more than "
                             "once"):  # fmt: skip
        exchange.onnx.load(model)
    model = one_node()
    model.graph.initializer.append(numpy_helper.from_array(draw(1, 4 * H, D), "W"))
    with refused(ValueError, "lstm: W: 'W': is the name of more than one tensor"):
        exchange.onnx.load(model)
    nodes = [make("Identity", "w", "W"), make("Identity", "R", "W"), lstm_node()]
    weights = tensors_of()
    with refused(ValueError, "lstm: W: 'W': is the name of more than one tensor"):
        exchange.onnx.load(model_of(nodes, weights | {"w": weights.pop("W")}))


def test_stored_tensors_that_are_damaged_or_sparse():
    model = one_node()
    model.graph.initializer[0].dims[0] = -1
    with refused(
        ValueError, f"lstm: W: 'W': the stored tensor is damaged (shape [-1, {4 * H}, {D}])"
    ):
        exchange.onnx.load(model)
    model.graph.initializer[0].dims[0] = 2**40
    with pytest.raises(ValueError, match="lstm: W: 'W': the stored tensor is damaged"):
        exchange.onnx.load(model)
    sparse = model.graph.sparse_initializer.add()
    sparse.values.CopyFrom(model.graph.initializer[0])
    del model.graph.initializer[0]
    with refused(ValueError, "lstm: W: expected a constant, got 'W', which is sparse, which is not "
                             "read"):  # fmt: skip
        exchange.onnx.load(model)


def test_attributes_that_change_nothing():
    model = one_node(
        activations=["sigmoid", "TANH", "tanh"], input_forget=0, activation_alpha=[0.1]
    )
    assert len(exchange.onnx.load(model)) == 1


@pytest.mark.parametrize(
    ("tensors", "error", "message"),
    [
        ({"W": draw(1, 4 * H - 1, D)}, ValueError,
         "W: expected shape (d, 4 * H, D) = (1, 24, any), got (1, 23, 3)"),
        ({"B": draw(1, 4 * H)}, ValueError,
         "B: expected shape (d, 8 * H) = (1, 48), got (1, 24)"),
        ({"W": draw(1, 4 * H, D, dtype=np.float64)}, TypeError,
         "W: expected dtype float32, as in R, got float64"),
        ({"R": np.ones((1, 4 * H, H), np.int8)}, TypeError,
         "R: expected dtype float32, float64 or complex128, got int8"),
    ],
)  # fmt: skip
def test_tensors_of_other_shapes_and_types(tensors, error, message):
    with refused(error, f"lstm: {message}"):
        exchange.onnx.load(one_node(tensors_of() | tensors))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ("X", "inputs: expected W and R, got ['X']"),
        ("X W", "inputs: expected W and R, got ['W', 'X']"),
        ("X - R B", "inputs: expected W and R, got ['B', 'R', 'X']"),
        ("X W R B - - - - X", "inputs: expected at most 8, got 9"),
    ],
)
def test_nodes_with_too_few_or_too_many_inputs(inputs, message):
    with refused(ValueError, f"lstm: {message}"):
        exchange.onnx.load(one_node(inputs=inputs))


@pytest.mark.parametrize(
    "lengths", [np.array([2.0, 5.0], np.float32), np.array([[2, 5]], np.int32), np.array(2)]
)
def test_lengths_that_are_none(lengths):
    message = f"lstm: sequence_lens: expected integers of shape (b,), got {lengths!r}"
    with refused(ValueError, message):
        exchange.onnx.load_call(one_node(tensors_of() | {"L": lengths}, "X W R B L"))


def test_lengths_that_are_computed():
    nodes = [make("Gemm", "X X", "L", name="made"), lstm_node("X W R B L")]
    message = "lstm: sequence_lens: expected a constant or an input, got what Gemm 'made' computes"
    with refused(ValueError, message):
        exchange.onnx.load_call(model_of(nodes, tensors_of()))


def test_what_is_nearly_a_model():
    class Program:  # as torch.onnx.export returns it
        model_proto = None

    message = "model: expected a path or an onnx.ModelProto, got Program: its model_proto is one"
    with refused(TypeError, message):
        exchange.onnx.load(Program())


def test_weights_that_are_known_only_at_run_time():
    value = helper.make_tensor_value_info("R", 1, (1, 4 * H, H))
    weights = tensors_of()
    model = model_of([lstm_node()], {k: v for k, v in weights.items() if k != "R"}, [value])
    with refused(ValueError, "lstm: R: expected a constant, got the input 'R'"):
        exchange.onnx.load(model)
    model.graph.initializer.append(numpy_helper.from_array(weights["R"], "R"))  # its default
    assert len(exchange.onnx.load(model)) == 1
    nodes = [helper.make_node("Gemm", ["X", "X"], ["R"], name="made"), lstm_node()]
    del weights["R"]
    with refused(ValueError, "lstm: R: expected a constant, got what Gemm 'made' computes"):
        exchange.onnx.load(model_of(nodes, weights))
    nodes = [helper.make_node("Shape", ["X"], ["R"]), lstm_node()]
    with refused(ValueError, "lstm: R: expected a constant, got what depends on the shape of "
                             "inputs"):  # fmt: skip
        exchange.onnx.load(model_of(nodes, weights))


# Constants that are worked out


def make(op, inputs, output, **attributes):
    return helper.make_node(op, inputs.split(), output.split(), **attributes)


AXES = {"zero": np.array([0]), "one": np.array([1])}
PATHS = {
    "Constant": lambda W: (
        [helper.make_node("Constant", [], ["W"], value=numpy_helper.from_array(W))], {}),
    "Identity": lambda W: ([make("Identity", "w", "W")], {"w": W}),
    "Unsqueeze": lambda W: ([make("Unsqueeze", "w zero", "W")], {"w": W[0]}),
    "Squeeze": lambda W: ([make("Squeeze", "w zero", "W")], {"w": W[None]}),
    "Transpose": lambda W: (
        [make("Transpose", "w", "W", perm=[2, 0, 1])], {"w": W.transpose(1, 2, 0)}),
    "Reshape": lambda W: (
        [make("Reshape", "w to", "W")], {"w": W.ravel(), "to": np.array(W.shape)}),
    "Slice": lambda W: (
        [make("Slice", "w from to zero", "W")],
        {"w": np.concatenate([W, W + 1]), "from": np.array([0]), "to": np.array([1])}),
    "Split": lambda W: (
        [make("Split", "w parts", "V W", axis=0)],
        {"w": np.concatenate([W + 1, W]), "parts": np.array([1, 1])}),
    "Gather": lambda W: (
        [make("Gather", "w one", "W", axis=0)], {"w": np.concatenate([W - 1, W])}),
    "Concat": lambda W: (
        [make("Concat", "w v", "W", axis=1)], {"w": W[:, :5], "v": W[:, 5:]}),
    "Cast": lambda W: ([make("Cast", "w", "W", to=TensorProto.FLOAT)], {"w": W.astype(np.float64)}),
    "Add and Mul": lambda W: (
        [make("Add", "w w", "v"), make("Mul", "v half", "W")], {"w": W, "half": np.float32(0.5)}),
    "Tile": lambda W: (
        [make("Tile", "w one", "v"), make("Reshape", "v to", "W")],
        {"w": W.ravel(), "to": np.array(W.shape)}),
    "Expand": lambda W: ([make("Expand", "w to", "W")], {"w": W, "to": np.array([1, 1, 1])}),
    "Sum": lambda W: ([make("Sum", "w w half", "W")],
                      {"w": (W - np.float32(0.5)) / 2, "half": np.float32(0.5)}),
    "Clip": lambda W: ([make("Clip", "w low high", "W")],
                       {"w": 2 * W, "low": W.min(), "high": W.max()}),
    "Tanh of Log of Exp": lambda W: (
        [make("Exp", "w", "e"), make("Log", "e", "v"), make("Tanh", "v", "W")], {"w": W}),
    "ScatterND": lambda W: ([make("ScatterND", "w at row", "W")],
                            {"w": W, "at": np.array([[0, 1]]), "row": W[:, 2]}),
    "8 bits": lambda W: (
        [make("DequantizeLinear", "w scale zero8", "W", axis=1)],
        {"w": np.round(50 * W).astype(np.int8), "zero8": np.zeros(W.shape[1], np.int8),
         "scale": np.linspace(0.01, 0.02, W.shape[1], dtype=np.float32)}),
    "4 bits in 8": lambda W: (
        [make("DequantizeLinear", "w scale", "v"), make("Unsqueeze", "v zero", "W")],
        {"w": np.round(7 * W[0]).astype(np.int8), "scale": np.float32(0.1)}),
    "Shape of a constant": lambda W: (
        [make("Shape", "W0", "to"), make("Reshape", "w to", "W")], {"w": W.ravel(), "W0": W}),
    "weight_norm": lambda W: (
        [make("ReduceL2", "w two", "n"), make("Div", "w n", "u"), make("Mul", "u g", "W")],
        {"w": 3 * W, "two": np.array([2]), "g": np.sqrt((W**2).sum(axis=2, keepdims=True))}),
}  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_weights_behind_constant_expressions(path):
    weights = tensors_of()
    nodes, tensors = PATHS[path](weights.pop("W"))
    model = model_of([*nodes, lstm_node()], AXES | tensors | weights, opset=18)
    X = draw(5, B, D)
    (Y,) = session(model).run(["Y"], {"X": X})
    assert_close(stack.forward(X, exchange.onnx.load(model)).Hout, Y[:, 0], np.float32)


def test_weights_in_an_older_operator_set():
    weights = tensors_of()
    nodes = [make("Unsqueeze", "w", "W", axes=[0]), lstm_node()]
    model = model_of(nodes, weights | {"w": weights["W"][0]}, opset=11)
    del model.graph.initializer[0]
    assert len(exchange.onnx.load(model)) == 1


def test_a_node_may_make_no_numbers_at_all():
    weights = tensors_of()
    W = weights.pop("W")
    tensors = {"W0": W, "none": np.array([0, *W.shape[1:]])}
    nodes = [make("ConstantOfShape", "none", "nothing"), make("Concat", "nothing W0", "W", axis=0)]
    (layer,) = exchange.onnx.load(model_of([*nodes, lstm_node()], weights | tensors))
    (want,) = exchange.onnx.load(model_of([lstm_node()], weights | {"W": W}))
    np.testing.assert_array_equal(layer.forward, want.forward, strict=True)


def test_long_chains_circles_and_bombs(monkeypatch):
    weights = tensors_of()
    W = weights.pop("W")

    def chain(length):
        names = [f"W{k}" for k in range(length)] + ["W"]
        return [make("Identity", a, b) for a, b in pairwise(names)]

    model = model_of([*chain(2000), lstm_node()], weights | {"W0": W})
    assert len(exchange.onnx.load(model)) == 1
    monkeypatch.setattr(onnx_values, "NODES", 1000)
    with refused(ValueError, "lstm: W: more than 1000 nodes lie between the file and its "
                             "weights"):  # fmt: skip
        exchange.onnx.load(model_of([*chain(1001), lstm_node()], weights | {"W0": W}))
    circle = [make("Identity", "A", "W"), make("Identity", "W", "A"), lstm_node()]
    with refused(ValueError, "lstm: W: 'W': is made from itself, in a circle"):
        exchange.onnx.load(model_of(circle, weights))
    bombs = {
        "Expand": {"w": np.ones(1, np.float32), "to": np.array([10**6, 10**6])},
        "Tile": {"w": np.ones(1, np.float32), "to": np.array([10**12])},
        "ConstantOfShape": {"w": np.array([10**6, 10**6])},
    }
    for operator, tensors in bombs.items():
        nodes = [make(operator, " ".join(tensors), "W", name="bomb"), lstm_node()]
        message = f"lstm: W: {operator} 'bomb' makes more numbers than belong to such a file"
        with refused(ValueError, message):
            exchange.onnx.load(model_of(nodes, weights | tensors))
    doubling = [make("Concat", f"W{k} W{k}", f"W{k + 1}", axis=0) for k in range(60)]
    with pytest.raises(ValueError, match="makes more numbers than belong to such a file"):
        exchange.onnx.load(
            model_of([*doubling, make("Identity", "W60", "W"), lstm_node()], weights | {"W0": W})
        )


def test_an_expression_that_cannot_be_worked_out():
    weights = tensors_of()
    nodes = [make("Reshape", "W to", "V", name="odd"), lstm_node("X V R B")]
    with pytest.raises(ValueError, match="lstm: W: Reshape 'odd' cannot be worked out: "):
        exchange.onnx.load(model_of(nodes, weights | {"to": np.array([7])}))
    nodes = [make("RandomNormal", "", "W", shape=[1, 4 * H, D], name="dice"), lstm_node()]
    with refused(ValueError, "lstm: W: expected a constant, got what RandomNormal 'dice' computes"):
        exchange.onnx.load(model_of(nodes, {k: v for k, v in weights.items() if k != "W"}))


# States and lengths that are built in


BESIDE = "which layers do not hold: lstm.exchange.onnx.load_call gives them beside the layers"

STATES = {
    "stored": lambda s: ([make("Identity", "s", "h0")], {"s": np.tile(s, (1, B, 1))}),
    "Tile": lambda s: ([make("Tile", "s to", "h0")], {"s": s, "to": np.array([1, B, 1])}),
    "Slice": lambda s: (
        [make("Slice", "s from to axes", "h0")],
        {"s": np.tile(s, (2, B, 1)), "from": [0], "to": [1], "axes": [0]}),
    "Concat": lambda s: ([make("Concat", "s s", "h0", axis=1)], {"s": s}),
    "Cast and Add": lambda s: (
        [make("Cast", "s", "t", to=1), make("Add", "t z", "h0")],
        {"s": s.astype(np.float64), "z": np.zeros((1, B, 1), np.float32)}),
    "Expand to the batch": lambda s: (
        [make("Shape", "X", "n", start=1, end=2), make("Concat", "one n one", "to", axis=0),
         make("Expand", "s to", "h0")], {"s": s}),
}  # fmt: skip


@pytest.mark.parametrize("batch", [B, "b"])
@pytest.mark.parametrize("kind", STATES)
def test_states_that_are_built_in_come_beside_the_layers(kind, batch):
    nodes, tensors = STATES[kind](draw(1, 1, H))
    nodes = [*nodes, lstm_node("X W R B - h0 h0")]
    model = model_of(nodes, tensors_of() | AXES | tensors, X=("n", batch, D))
    X = draw(5, B, D)
    (Y,) = session(model).run(["Y"], {"X": X})
    call = exchange.onnx.load_call(model)
    if kind == "Expand to the batch" and batch == "b":
        assert call.h0[0].shape == (1, 1, H)
        call = call._replace(c0=[np.tile(c, (1, B, 1)) for c in call.c0],
                             h0=[np.tile(h, (1, B, 1)) for h in call.h0])  # fmt: skip
    assert_close(stack.forward(X, **call._asdict()).Hout, Y[:, 0], np.float32)
    with refused(ValueError, f"c0: the model starts from states not zero, {BESIDE}"):
        exchange.onnx.load(model)
    zero = {name: 0 * np.asarray(v) if name == "s" else v for name, v in tensors.items()}
    zero = model_of(nodes, tensors_of() | AXES | zero, X=("n", batch, D))
    assert exchange.onnx.load_call(zero)[1:] == (None, None, None)


def test_one_state_of_one_layer_and_the_batch_first():
    layers = network(1, np.float32)
    model = exchange.onnx.dump(layers)
    h0 = draw(1, B, H)
    model.graph.node[3].input.extend(["h0"])  # of the second layer
    model.graph.initializer.append(numpy_helper.from_array(h0, "h0"))
    call = exchange.onnx.load_call(model)
    assert call.c0 is None
    assert_close(call.h0, [0 * h0, h0], np.float32)

    tensors = tensors_of() | {"h0": np.moveaxis(h0, 0, 1)}
    call = exchange.onnx.load_call(one_node(tensors, "X W R B - h0", layout=1))
    assert_close(call.h0, [h0], np.float32)
    with refused(ValueError, f"lstm: initial_h: expected shape (d, b, H) = (1, any, {H}), got "
                             f"({B}, 1, {H})"):  # fmt: skip
        exchange.onnx.load(one_node(tensors, "X W R B - h0"))


def test_states_of_another_dtype_and_of_nan():
    with refused(
        TypeError, "lstm: initial_h: expected dtype float32, as in the weights, got float64"
    ):
        exchange.onnx.load(one_node(tensors_of() | {"h0": np.ones((1, B, H))}, "X W R B - h0"))
    nan = tensors_of() | {"h0": np.full((1, B, H), np.nan, np.float32)}
    assert np.isnan(exchange.onnx.load_call(one_node(nan, "X W R B - h0")).h0).all()


def test_a_state_that_is_computed_is_not_called_the_input():
    weights = tensors_of() | {"to": np.array([1, B, H])}
    nodes = [make("ReduceMean", "X", "m"), make("Expand", "m to", "h0"), lstm_node("X W R B  h0")]
    nodes[-1] = helper.make_node(
        "LSTM", ["X", "W", "R", "B", "", "h0"], ["Y"], name="lstm", hidden_size=H
    )
    message = (
        "lstm: initial_h: expected a constant or an input of the model, got what is computed from "
        "the input 'X'; if you give lstm.stack.forward that state, load the node by name: "
        "names=['lstm']"
    )
    with refused(ValueError, message):
        exchange.onnx.load(model_of(nodes, weights))


def test_states_that_are_known_only_at_run_time():
    h0 = helper.make_tensor_value_info("state", 1, (H, 1, B))
    nodes = [make("Transpose", "state", "h0", perm=[1, 2, 0]), lstm_node("X W R B - h0")]
    model = model_of(nodes, tensors_of(), [h0])
    assert exchange.onnx.load_call(model).h0 is None  # theirs to give
    nodes = [lstm_node("X W R B", "Y Yh Yc", "first"), lstm_node("X W R B - Yh", "Z", "second")]
    message = (
        "model: expected LSTM nodes that feed one another, as the layers of a stack do: 'first' "
        "reads the input 'X'; 'second' reads the input 'X'. Take them one by one: names=['first']"
    )
    with refused(ValueError, message):
        exchange.onnx.load(model_of(nodes, tensors_of()))
    nodes = [make("Gemm", "X X", "h0", name="made"), lstm_node("X W R B - h0")]
    message = (
        "lstm: initial_h: expected a constant or an input of the model, got what Gemm 'made' "
        "computes; if you give lstm.stack.forward that state, load the node by name: names=['lstm']"
    )
    with refused(ValueError, message):
        exchange.onnx.load(model_of(nodes, tensors_of()))
    assert len(exchange.onnx.load(model_of(nodes, tensors_of()), ["lstm"])) == 1
    spread = [make("Shape", "Z", "n"), make("Expand", "half n", "h0"), lstm_node("X W R B - h0")]
    other = helper.make_tensor_value_info("Z", 1, None)
    for number in (0.5, 0.0):
        model = model_of(spread, tensors_of() | {"half": np.float32(number)}, [other])
        if number:
            with refused(ValueError, "lstm: initial_h: is 0.5 for a batch whose size is open"):
                exchange.onnx.load(model)
        else:
            assert len(exchange.onnx.load(model)) == 1


def test_lengths_that_are_built_in():
    lengths = np.array([2, 5], np.int32)
    model = one_node(tensors_of() | {"L": lengths}, "X W R B L")
    X = draw(5, B, D)
    (Y,) = session(model).run(["Y"], {"X": X})
    call = exchange.onnx.load_call(model)
    np.testing.assert_array_equal(call.lengths, lengths)
    assert_close(stack.forward(X, **call._asdict()).Hout, Y[:, 0], np.float32)
    with refused(ValueError, f"lengths: the model has built-in lengths, {BESIDE}"):
        exchange.onnx.load(model)


def test_lengths_that_are_those_of_all_steps():
    nodes = [  # as tf2onnx writes them
        make("Shape", "X", "size"), make("Slice", "size zero one", "n"),
        make("Slice", "size one two", "b"), make("Cast", "n", "m", to=TensorProto.INT32),
        make("Tile", "m b", "L"), lstm_node("X W R B L"),
    ]  # fmt: skip
    tensors = tensors_of() | AXES | {"two": np.array([2])}
    assert exchange.onnx.load_call(model_of(nodes, tensors)).lengths is None
    nodes[2] = make("Slice", "size zero one", "b")  # n lengths, not b: but n all the same
    nodes[4] = make("Expand", "one b", "L")
    with refused(ValueError, "lstm: sequence_lens: expected a constant, got what depends on the "
                             "shape of inputs"):  # fmt: skip
        exchange.onnx.load(model_of(nodes, tensors))


def test_layers_with_other_lengths_are_no_stack():
    model = exchange.onnx.dump(network(1, np.float32))
    model.graph.node[3].input[4] = ""
    with refused(ValueError, "sequence_lens: expected the same for all nodes of a stack, got "
                             '[\'None\', "the input \'lengths\'"]'):  # fmt: skip
        exchange.onnx.load(model)


# Which nodes make a stack


def two_layers(between, first="lstm", second="lstm", size=H, X2="Z", **attributes):
    """Two nodes with something between: from Y (n, 1, b, H) to Z (n, b, H)."""
    tensors = tensors_of() | {f"{k}2": v for k, v in tensors_of(size=size).items()}
    nodes = [
        lstm_node("X2 W2 R2 B2".replace("X2", X2), "Y2 Yh2 Yc2", second, **attributes),
        *between,
        lstm_node("X W R B", "Y Yh Yc", first, **attributes),
    ]  # not in the order of the edges, as the standard asks for but fuzzers do not
    shape = {"to": np.array([0, 0, -1]), "no": np.array(False), "ratio": np.float32(0.5)}
    return model_of(nodes, tensors | AXES | shape, outputs=("Y2",))


SQUEEZE = [make("Squeeze", "Y one", "Z")]
THROUGH = {
    "Squeeze": SQUEEZE,
    "Transpose, Reshape": [make("Transpose", "Y", "T", perm=[0, 2, 1, 3]),
                           make("Reshape", "T to", "Z")],
    "Dropout": [make("Squeeze", "Y one", "S"), make("Dropout", "S ratio no", "Z")],
    "Identity": [make("Squeeze", "Y one", "S"), make("Identity", "S", "Z")],
    "there and back": [make("Squeeze", "Y one", "S"), make("Transpose", "S", "T", perm=[1, 0, 2]),
                       make("Transpose", "T", "Z", perm=[1, 0, 2])],
}  # fmt: skip


@pytest.mark.parametrize("between", THROUGH)
def test_two_nodes_that_feed_one_another_are_a_stack_whatever_their_order(between):
    model = two_layers(THROUGH[between])
    got = exchange.onnx.load(model)
    stored = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    first = onnx_graph.find_nodes(model)[1].name
    assert [layer.forward.shape[0] for layer in got] == [1 + D + H, 1 + 2 * H]
    (alone,) = exchange.onnx.load(model, [first])
    np.testing.assert_array_equal(alone.forward, got[0].forward)
    np.testing.assert_array_equal(got[0].forward[1 : 1 + D, :H], stored["W"][0, :H].T)  # gate i


BETWEEN = {
    "Relu": ([make("Squeeze", "Y one", "S"), make("Relu", "S", "Z", name="r")],
             "what Relu 'r' computes"),
    "turned": ([make("Squeeze", "Y one", "S"), make("Transpose", "S", "Z", perm=[1, 0, 2])],
               "numbers of another node, rearranged"),
    "doubled": ([make("Squeeze", "Y one", "S"), make("Add", "S S", "Z")],
                "numbers of another node, rearranged"),
    "residual": ([make("Squeeze", "Y one", "S"), make("Add", "S X", "Z")],
                 "what is computed from the input 'X'"),
    "last output": ([make("Identity", "Yh", "Z")], "what LSTM 'lstm' computes"),
    "training": ([make("Squeeze", "Y one", "S"), make("Not", "no", "yes"),
                  make("Dropout", "S ratio yes", "Z", name="d")], "what Dropout 'd' draws"),
}  # fmt: skip


@pytest.mark.parametrize("between", BETWEEN)
def test_nodes_that_do_not_feed_one_another_are_no_stack(between):
    nodes, why = BETWEEN[between]
    message = (
        "model: expected LSTM nodes that feed one another, as the layers of a stack do: "
        f"'lstm#0' reads {why}; 'lstm#1' reads the input 'X'. Take them one by one: "
        "names=['lstm#0']"
    )
    with refused(ValueError, message):
        exchange.onnx.load(two_layers(nodes))
    assert len(exchange.onnx.load(two_layers(nodes), ["lstm#0"])) == 1


def test_names_from_the_input_up():
    model = two_layers(SQUEEZE, "below", "above")
    assert len(exchange.onnx.load(model, ["below", "above"])) == 2
    with refused(ValueError, "names: expected from the input up, ['below', 'above']"):
        exchange.onnx.load(model, ["above", "below"])
    for names in (["other"], [], ["below", "below"]):
        with refused(ValueError, f"names: expected some of ['above', 'below'], got {names}"):
            exchange.onnx.load(model, names)
    for names in ("below", 3, {"below": 1}, [None], {"below"}):
        with refused(TypeError, f"names: expected a list of names, got {names!r}"):
            exchange.onnx.load(model, names)


@pytest.mark.parametrize("bound", [0.97, 0.9999, 1.0])
def test_a_clip_that_an_output_may_reach_is_seen(bound):
    nodes = [make("Squeeze", "Y one", "S"), make("Clip", "S low high", "Z")]
    model = two_layers(nodes)
    model.graph.initializer.extend(
        numpy_helper.from_array(np.float32(value), name)
        for name, value in (("low", -bound), ("high", bound))
    )
    if bound == 1:
        assert len(exchange.onnx.load(model)) == 2
        return
    message = (
        "model: expected LSTM nodes that feed one another, as the layers of a stack do: 'lstm#0' "
        "reads numbers of another node, rearranged; 'lstm#1' reads the input 'X'. Take them one by "
        "one: names=['lstm#0']"
    )
    with refused(ValueError, message):
        exchange.onnx.load(model)


def test_a_node_that_is_called_what_another_would_be_called():
    nodes = [
        lstm_node(outputs=f"Y{k}", name=name) for k, name in enumerate(["a", "a", "a#0", "", "/"])
    ]
    model = model_of(nodes, tensors_of(), outputs=("Y0",))
    names = [node.name for node in onnx_graph.find_nodes(model)]
    assert names == ["a#0#0", "a#1", "a#0#2", "LSTM#3", "/#4"]


def test_three_layers_of_which_two_read_the_same():
    tensors = tensors_of() | {f"{k}2": v for k, v in tensors_of(size=H).items()}
    nodes = [
        lstm_node(),
        *SQUEEZE,
        lstm_node("Z W2 R2 B2", "Y2", "a"),
        lstm_node("Z W2 R2 B2", "Y3", "b"),
    ]
    message = (
        "model: expected LSTM nodes that feed one another, as the layers of a stack do: 'lstm' "
        "reads the input 'X'; 'a' reads lstm; 'b' reads lstm. Take them one by one: names=['lstm']"
    )
    with refused(ValueError, message):
        exchange.onnx.load(model_of(nodes, AXES | tensors))


@pytest.mark.parametrize("way", ["forward", "bidirectional"])
@pytest.mark.parametrize("layout", [0, 1])
def test_both_layouts_and_directions_stack(way, layout):
    d = 2 if way == "bidirectional" else 1
    tensors = tensors_of(way) | {f"{k}2": v for k, v in tensors_of(way, size=d * H).items()}
    turn = [] if layout else [make("Transpose", "Y", "T", perm=[0, 2, 1, 3])]
    nodes = [
        lstm_node("X W R B", "Y", "a", direction=way, layout=layout), *turn,
        make("Reshape", "Y to" if layout else "T to", "Z"),
        lstm_node("Z W2 R2 B2", "Y2", "b", direction=way, layout=layout),
    ]  # fmt: skip
    model = model_of(nodes, tensors | {"to": np.array([0, 0, d * H])}, outputs=("Y2",))
    X = draw(5, B, D)
    (Y,) = ReferenceEvaluator(model).run(None, {"X": X})
    if layout == 0:  # (the reference runs both layouts, but only one layer of the second right)
        Y = np.moveaxis(session(model).run(None, {"X": X})[0], 1, 2)
        assert_close(
            stack.forward(X, exchange.onnx.load(model)).Hout, Y.reshape(5, B, -1), np.float32
        )
    assert len(exchange.onnx.load(model)) == 2


def body(name, nodes):
    return helper.make_graph(nodes, name, [], [helper.make_tensor_value_info("Y", 1, None)])


def test_bodies_are_searched_and_their_nodes_taken_by_name():
    branch = body("branch", [lstm_node(name="")])
    other = body("other", [lstm_node("X W R", name="cell")])
    choice = helper.make_node("If", ["c"], ["Y"], name="if", then_branch=branch, else_branch=other)
    model = model_of([choice], tensors_of(), [helper.make_tensor_value_info("c", 9, [])])
    names = [node.name for node in onnx_graph.find_nodes(model)]
    assert {name.partition("#")[0] for name in names} == {"if.else_branch/cell", "if.then_branch/"}
    named = {name.partition("/")[0]: name for name in names}
    message = (
        f"model: the LSTM nodes {names} are in bodies that may not run, or run often; name those "
        f"that you mean, from the input up, such as names=[{names[0]!r}]"
    )
    with refused(ValueError, message):
        exchange.onnx.load(model)
    then = exchange.onnx.load(model, [named["if.then_branch"]])
    without = exchange.onnx.load(model, [named["if.else_branch"]])
    assert then[0].forward[0].any()
    assert not without[0].forward[0].any()  # it has no B
    np.testing.assert_array_equal(then[0].forward[1:], without[0].forward[1:])


def test_functions_are_looked_into():
    function = helper.make_function(
        "mine", "Layer", ["X", "W", "R", "B"], ["Y"], [lstm_node(outputs="Y", name="inner")],
        [helper.make_opsetid("", 17)],
    )  # fmt: skip
    call = helper.make_node("Layer", ["X", "W", "R", "B"], ["Y"], domain="mine")
    model = model_of([call], tensors_of())
    model.functions.append(function)
    model.opset_import.append(helper.make_opsetid("mine", 1))
    assert len(exchange.onnx.load(model)) == 1


def test_models_without_an_lstm_of_the_standard():
    model = one_node()
    model.graph.node[0].domain = "com.example"
    with refused(ValueError, "model: expected LSTM nodes, got none; nodes of other kinds are not "
                             "understood: [\"com.example.LSTM 'lstm'\"]"):  # fmt: skip
        exchange.onnx.load(model)
    model.graph.node[0].domain, model.graph.node[0].op_type = "", "GRU"
    with refused(ValueError, "model: expected LSTM nodes, got none; nodes of other kinds are not "
                             "understood: [\"GRU 'lstm'\"]"):  # fmt: skip
        exchange.onnx.load(model)
    with refused(TypeError, "model: expected a path or an onnx.ModelProto, got GraphProto"):
        exchange.onnx.load(model.graph)


# Files


def test_a_file_that_is_no_model_or_none(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"no model at all")
    with refused(ValueError, f"{path}: expected an ONNX model, got a file that is damaged or of "
                             "another kind"):  # fmt: skip
        exchange.onnx.load(path)
    with refused(FileNotFoundError, f"{tmp_path}/none.onnx: No such file or directory"):
        exchange.onnx.load(tmp_path / "none.onnx")
    with refused(ValueError, f"{tmp_path}: expected a file, got a directory"):
        exchange.onnx.load(tmp_path)


def external(folder, location="weights.bin", **entries):
    """A model whose W lies in another file."""
    weights = tensors_of()
    model = one_node(weights)
    (W,) = [t for t in model.graph.initializer if t.name == "W"]
    numbers = W.raw_data
    W.ClearField("raw_data")
    W.data_location = TensorProto.EXTERNAL
    where = {"location": location, "offset": "8", "length": str(len(numbers))} | entries
    for key, value in where.items():
        if value is not None:
            W.external_data.add(key=key, value=value)
    onnx.save(model, folder / "model.onnx")
    (folder / "weights.bin").write_bytes(b"8 before" + numbers)
    return weights


def test_numbers_in_a_file_beside(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    weights = external(folder)
    (layer,) = exchange.onnx.load(folder / "model.onnx")
    np.testing.assert_array_equal(layer.forward[1 : 1 + D, :H], weights["W"][0, :H].T)
    model = onnx.load(folder / "model.onnx", load_external_data=False)
    where = "'W': its numbers are in another file, 'weights.bin'"
    with refused(ValueError, f"lstm: W: {where}: give the path of the model's file, not the model"):
        exchange.onnx.load(model)
    path = folder / "model.onnx"
    (folder / "weights.bin").write_bytes(b"short")
    with refused(ValueError, f"{path}: lstm: W: {where}, which is too short: 5 bytes"):
        exchange.onnx.load(path)
    (folder / "weights.bin").unlink()
    with refused(FileNotFoundError, f"{path}: lstm: W: {where}, which is missing"):
        exchange.onnx.load(path)
    os.mkfifo(folder / "weights.bin")
    with refused(ValueError, f"{path}: lstm: W: {where}, which is not a file"):
        exchange.onnx.load(path)


@pytest.mark.parametrize("left_out", ["length", "offset"])
def test_where_the_numbers_begin_and_how_many_there_are_need_not_be_said(left_out, tmp_path):
    weights = external(tmp_path, **{left_out: None})
    (layer,) = exchange.onnx.load(tmp_path / "model.onnx")
    start = {"length": weights["W"], "offset": np.frombuffer(b"8 before", np.float32)}[left_out]
    assert layer.forward[1, 0] == start.ravel()[0]


def test_sizes_of_zero_are_sizes():
    given = helper.make_tensor_value_info("a", TensorProto.FLOAT, [0, 3])
    assert onnx_tensors._shape(given) == (0, 3)
    a, b, c = (  # an open size has one value for each name, and its own without
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("a", ["n", "b", None]), ("b", ["b", "n", 3]), ("c", [None, "n"]))
    )
    model = helper.make_model(helper.make_graph([], "g", [a, b, c], []))
    assert onnx_tensors.assume(model, itertools.count(5)) == {
        "a": (5, 6, 7), "b": (6, 5, 3), "c": (8, 5)
    }  # fmt: skip
    assert onnx_tensors.count_stored(helper.make_graph([], "g", [], [])) == 0


def test_shapes_are_inferred_without_large_arrays_and_those_of_other_files(monkeypatch):
    """Small ones may be shapes, whose numbers it needs."""
    real, seen = onnx.shape_inference.infer_shapes, []
    monkeypatch.setattr(
        onnx.shape_inference, "infer_shapes", lambda model, **kw: seen.append(model) or real(model)
    )
    stored = [numpy_helper.from_array(np.ones(n, "f4"), f"of {n}") for n in (1, 1023, 1024, 1025)]
    stored.append(numpy_helper.from_array(np.ones(2, "f4"), "elsewhere"))
    stored[-1].external_data.add(key="location", value="weights.bin")
    model = helper.make_model(helper.make_graph([], "g", [], [], stored))
    assert onnx_tensors.assume(model, itertools.count(5)) == {"of 1025": (1025,), "elsewhere": (2,)}
    assert [t.name for t in seen[0].graph.initializer] == ["of 1", "of 1023", "of 1024"]


def test_the_nodes_of_a_written_model_have_names():
    nodes = exchange.onnx.dump(stack.init(3, [4, 5, 6], rng=0)).graph.node
    assert [n.name for n in nodes if n.op_type == "LSTM"] == ["lstm_0", "lstm_1", "lstm_2"]


@pytest.mark.parametrize(("location", "why"), [("circle", "circle|loop"), ("a\0b", "null")])
def test_a_path_that_leads_nowhere_is_said_to_be_none(location, why, tmp_path):
    (tmp_path / "circle").symlink_to("circle")
    external(tmp_path, location)
    with pytest.raises(ValueError, match=rf"which is not a path \((?i:.*({why}).*)\)"):
        exchange.onnx.load(tmp_path / "model.onnx")


@pytest.mark.parametrize(
    "location", ["../secret.bin", "{}/secret.bin", "link.bin", "", "inside/../../secret.bin"]
)
def test_numbers_outside_the_folder_are_not_read(location, tmp_path):
    folder = tmp_path / "models"
    (folder / "inside").mkdir(parents=True)
    (tmp_path / "secret.bin").write_bytes(bytes(1000))
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    external(folder, location.format(tmp_path))
    with pytest.raises(ValueError, match="outside the model's folder: it is not read"):
        exchange.onnx.load(folder / "model.onnx")


@pytest.mark.parametrize("entries", [{"offset": "-1"}, {"length": "7"}, {"offset": "x"}])
def test_numbers_whose_place_is_damaged(entries, tmp_path):
    external(tmp_path, **entries)
    with pytest.raises(ValueError, match="but where in it is damaged"):
        exchange.onnx.load(tmp_path / "model.onnx")


def test_damaged_models_are_refused_in_our_words(tmp_path):
    """Bits flipped and bytes cut, from a seed: the same layers, other ones, or an error of ours."""
    path = tmp_path / "model.onnx"
    nodes, tensors = PATHS["Slice"](tensors_of()["W"])
    weights = {k: v for k, v in tensors_of().items() if k != "W"}
    model = model_of([*nodes, lstm_node("X W R B - h0")],
                     AXES | weights | tensors
                     | {"h0": np.zeros((1, B, H), np.float32)})  # fmt: skip
    good = model.SerializeToString()
    rng = np.random.default_rng(0)
    header = [k for k in range(len(good)) if not 200 < k < len(good) - 250]
    messages = []
    for trial in range(200):
        data = bytearray(good)
        if trial % 4 == 0:
            data = data[: rng.integers(len(good))]
        else:
            data[rng.choice(header)] ^= 1 << rng.integers(8)
        path.write_bytes(data)
        try:
            exchange.onnx.load(path)
        except (ValueError, TypeError, OSError) as error:
            messages.append((type(error), str(error)))
    assert len(messages) > 50
    assert {kind for kind, _ in messages} <= {ValueError, TypeError, FileNotFoundError}
    assert all(message.startswith(f"{path}: ") for _, message in messages)
