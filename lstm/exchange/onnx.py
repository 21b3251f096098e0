"""Trading weights with ONNX models.

`load` returns the weights of a model's LSTM nodes as a stack. If a model has initial states other
than zero or lengths built in, which layers cannot hold, `load_call` returns those, too. `dump`
makes a model of a stack, which ONNX Runtime runs as a whole or step by step. Needs the
package onnx (``pip install 'lstm-book[files]'``).

Source: ONNX, Operators, LSTM (https://onnx.ai/onnx/operators/onnx__LSTM.html).
"""

import os
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..arguments import check_array
from ..extras import needing
from ..layers import Layer, check_layers
from ..settings import check_flag
from .conventions import ROSETTA, write
from .disk import about, read_file
from .onnx_read import Call, read_call

__all__ = ["READOUT", "Call", "dump", "load", "load_call"]

READOUT = ("b_out", "W_out")
"""The tensors that `dump` puts the biases and the weights of a readout into."""


def load(model: Any, names: Sequence[str] | None = None) -> list[Layer]:
    """Read the LSTM nodes of an ONNX model, as a stack.

    Weights may be stored as they are used, or as exporters leave them: sliced, joined,
    transposed, cast, added. float16 and bfloat16 become float32. States and lengths that are
    inputs of the model are yours to pass to `lstm.stack.forward`.

    Args:
        model: The path of a file, or an ``onnx.ModelProto``. The numbers may be in other
            files, in the same folder or below.
        names: The nodes to read, from the input up; None for all, which must feed one another
            unchanged. What comes before and after them is ignored. A node in the body of an
            ``If``, ``Loop`` or ``Scan`` is named by its path, such as "if.then_branch/lstm", and
            is read only if it is named.

    Returns:
        list: A `lstm.stack.Layer` for each node.

    Raises:
        ImportError: If the package onnx is not installed.
        OSError: If a file cannot be read.
        TypeError: If ``model`` is neither, or weights have another dtype.
        ValueError: If the file is damaged; the nodes are not a stack; or a node has something
            that cannot be represented: weights that are not constant, peepholes, ``clip``,
            ``input_forget``,
            other activations; or something that layers cannot hold: states that are not zero, or
            built-in lengths (see `load_call`).

    Example:
        >>> from lstm import stack
        >>> layers = stack.init(10, 4, layers=2, bidirectional=True, rng=0)
        >>> [layer.forward.shape for layer in load(dump(layers))]
        [(15, 16), (13, 16)]
    """
    call = load_call(model, names)
    for name, value in call._asdict().items():
        if name != "layers" and value is not None:
            where = "" if hasattr(model, "graph") else f"{os.fspath(model)}: "
            what = "has built-in lengths" if name == "lengths" else "starts from states not zero"
            raise ValueError(
                f"{where}{name}: the model {what}, which layers do not hold: "
                "lstm.exchange.onnx.load_call gives them beside the layers"
            )
    return call.layers


def load_call(model: Any, names: Sequence[str] | None = None) -> Call:
    """Read the LSTM nodes of an ONNX model, with its built-in states and lengths.

    Args:
        model: As `load`.
        names: As `load`.

    Returns:
        Call: The named tuple (layers, c0, h0, lengths).

    Raises:
        ImportError: As `load`.
        OSError: As `load`.
        TypeError: As `load`.
        ValueError: As `load`, except for states and lengths that are constant.

    Example:
        >>> from lstm import stack
        >>> load_call(dump(stack.init(10, 4, rng=0))).c0 is None
        True
    """
    path, folder, model = _open(model)
    with about(path) if path else nullcontext():
        try:
            return read_call(model, folder, names)
        except (ImportError, OSError, TypeError, ValueError):
            raise
        except Exception as error:  # protobuf and onnx each have their own
            raise ValueError(f"expected an ONNX model, got a damaged one ({error})") from error


def _open(model: Any) -> tuple[str, Path | None, Any]:
    """Return the path of a model, if it has one, its folder, and the model."""
    with needing("lstm.exchange.onnx.load", "the package onnx", "files"):
        import onnx
    if not isinstance(model, (str, os.PathLike)):
        if not isinstance(model, onnx.ModelProto):
            kind = type(model).__name__
            hint = ": its model_proto is one" if hasattr(model, "model_proto") else ""
            raise TypeError(f"model: expected a path or an onnx.ModelProto, got {kind}{hint}")
        return "", None, model
    path = os.fspath(model)
    content = read_file(path)
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(content)
    except Exception as error:  # protobuf's own
        raise ValueError(
            f"{path}: expected an ONNX model, got a file that is damaged or of another kind"
        ) from error
    return path, Path(path).parent, proto


def dump(layers: Iterable[Layer], *, readout: ArrayLike | None = None, states: bool = False) -> Any:
    """Convert a stack to an ONNX model.

    The model takes ``X`` (n, b, D) and ``lengths`` (b,), int32, and returns ``Hout`` (n, b, d * H)
    and, for each layer k, ``Hn_k`` and ``Cn_k`` (d, b, H).

    Args:
        layers: The stack, in float32 if ONNX Runtime is to run it.
        readout: The weights of a linear layer on the last outputs, shape (1 + d * H, K), with the
            biases in its first row, such as ``WOUT`` of `lstm.network`. With it the model also
            returns ``Y`` (n, b, K), [1, h] times this matrix at every step.
        states: Whether the model takes initial states, ``c0_k`` and ``h0_k`` (d, b, H) for each
            layer k, so that it can run a stream piece by piece; otherwise they are zero. To
            continue, pass ``Cn_k`` and ``Hn_k`` of one piece as ``c0_k`` and ``h0_k`` of the
            next.

    Returns:
        onnx.ModelProto: The model; ``onnx.save`` or `lstm.exchange.files.save` writes it to a file.

    Raises:
        ImportError: If the package onnx is not installed.
        TypeError: If ``layers`` is not a stack, or a dtype is wrong.
        ValueError: If ``layers`` is not a stack; ``readout`` has another shape; or ``states`` is
            True and a layer reads backward, which no stream can.

    Example:
        >>> from lstm import stack
        >>> layers = stack.init(10, 4, rng=0)
        >>> model = dump(layers, readout=np.zeros((5, 3)), states=True)
        >>> [value.name for value in model.graph.input]
        ['X', 'lengths', 'c0_0', 'h0_0']
        >>> [value.name for value in model.graph.output]
        ['Y', 'Hout', 'Hn_0', 'Cn_0']
    """
    with needing("lstm.exchange.onnx.dump", "the package onnx", "files"):
        from onnx import TensorProto, checker, helper, numpy_helper
    layers, states = check_layers(layers), check_flag("states", states)
    dtype = layers[0].directions[0][1].dtype
    if dtype.kind != "f":
        raise TypeError(f"layers: expected float32 or float64, got {dtype}")
    number = helper.np_dtype_to_tensor_dtype(dtype)
    tensors = [numpy_helper.from_array(np.array([0, 0, -1]), "merge")]
    nodes: list[Any] = []
    state_inputs: list[Any] = []
    outputs: list[Any] = []
    source, width, D = "X", 0, 0
    for k, layer in enumerate(layers):
        if states and layer.backward is not None:
            raise ValueError(
                f"layers[{k}].backward: expected None, as a stream has no end to start from"
            )
        parts = [write(ROSETTA["ONNX"], W) for _, W in layer.directions]
        H, d = parts[0]["R"].shape[1], len(parts)
        D = D or parts[0]["W"].shape[1]
        width = d * H
        for slot in parts[0]:
            joined = np.stack([part[slot] for part in parts])
            tensors.append(numpy_helper.from_array(joined, f"{slot}_{k}"))
        direction = "bidirectional" if d == 2 else "reverse" if layer.forward is None else "forward"
        target = "Hout" if k == len(layers) - 1 else f"Hout_{k}"
        slots = [source, f"W_{k}", f"R_{k}", f"B_{k}", "lengths"]
        nodes += [  # Y is (n, d, b, H); the next layer reads (n, b, d * H)
            helper.make_node(
                "LSTM",
                slots + [f"h0_{k}", f"c0_{k}"] * states,
                [f"Z_{k}", f"Hn_{k}", f"Cn_{k}"],
                name=f"lstm_{k}",
                hidden_size=H,
                direction=direction,
            ),
            helper.make_node("Transpose", [f"Z_{k}"], [f"T_{k}"], perm=[0, 2, 1, 3]),
            helper.make_node("Reshape", [f"T_{k}", "merge"], [target]),
        ]
        for c0, Cn in ((f"c0_{k}", f"Cn_{k}"), (f"h0_{k}", f"Hn_{k}")):
            if states:
                state_inputs.append(helper.make_tensor_value_info(c0, number, [d, "b", H]))
            outputs.insert(2 * k, helper.make_tensor_value_info(Cn, number, [d, "b", H]))
        source = target
    outputs.insert(0, helper.make_tensor_value_info("Hout", number, ["n", "b", width]))
    if readout is not None:
        axes = ("1 + d * H", "K")
        WOUT = check_array("readout", readout, axes, (1 + width, None), dtype, "layers")
        b_out, W_out = READOUT
        tensors += [
            numpy_helper.from_array(WOUT[0].copy(), b_out),
            numpy_helper.from_array(np.ascontiguousarray(WOUT[1:]), W_out),
        ]
        nodes += [
            helper.make_node("MatMul", ["Hout", W_out], ["HW"]),
            helper.make_node("Add", ["HW", b_out], ["Y"], name="readout"),
        ]
        outputs.insert(0, helper.make_tensor_value_info("Y", number, ["n", "b", WOUT.shape[1]]))
    inputs = [
        helper.make_tensor_value_info("X", number, ["n", "b", D]),
        helper.make_tensor_value_info("lengths", TensorProto.INT32, ["b"]),
        *state_inputs,
    ]
    graph = helper.make_graph(nodes, "lstm", inputs, outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    checker.check_model(model)
    return model
