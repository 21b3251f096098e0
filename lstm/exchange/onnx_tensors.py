"""What an ONNX model states before anything is computed: its stored numbers and its shapes."""

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

__all__ = [
    "assume",
    "count_stored",
    "read_tensor",
]


def read_tensor(tensor: Any, folder: Path | None) -> np.ndarray:
    """Read a stored tensor as an array; float16 and bfloat16 become float32, without loss.

    Args:
        tensor: The ``onnx.TensorProto``.
        folder: The folder of the model's file, in which the tensor may be stored, too.

    Returns:
        numpy.ndarray: Its numbers.

    Raises:
        OSError: If a file beside the model's cannot be read.
        ValueError: If it is damaged, or lies outside the folder.

    Example:
        >>> from onnx import numpy_helper
        >>> read_tensor(numpy_helper.from_array(np.ones(2, np.float16)), None).dtype
        dtype('float32')
    """
    from onnx import TensorProto, numpy_helper

    if any(size < 0 for size in tensor.dims):
        raise ValueError(
            f"{tensor.name!r}: the stored tensor is damaged (shape {list(tensor.dims)})"
        )
    if tensor.data_location == TensorProto.EXTERNAL:
        tensor = _external(tensor, folder)
    try:
        array = np.asarray(numpy_helper.to_array(tensor))
    except Exception as error:
        raise ValueError(f"{tensor.name!r}: the stored tensor is damaged ({error})") from error
    if tensor.data_type in (TensorProto.FLOAT16, TensorProto.BFLOAT16):
        return array.astype(np.float32)
    return array


def _external(tensor: Any, folder: Path | None) -> Any:
    """The tensor with its numbers, which are in another file, in the folder or below."""
    from onnx import TensorProto, helper

    where = {entry.key: entry.value for entry in tensor.external_data}
    location = where.get("location", "")
    spelled = f"{tensor.name!r}: its numbers are in another file, {location!r}"
    if folder is None:
        raise ValueError(f"{spelled}: give the path of the model's file, not the model")
    path = folder / location
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
        with suppress(FileNotFoundError, NotADirectoryError):
            path.stat()  # since Python 3.13 a circle of links shows here first
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle; \0 in a name
        raise ValueError(f"{spelled}, which is not a path ({error})") from error
    if not location or not inside:
        raise ValueError(f"{spelled}, outside the model's folder: it is not read")
    if not path.exists():
        raise FileNotFoundError(f"{spelled}, which is missing")
    if not path.is_file():
        raise ValueError(f"{spelled}, which is not a file")
    try:
        start = int(where.get("offset", 0))
        size = math.prod(tensor.dims) * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        length = int(where.get("length", size))
        if start < 0:
            raise ValueError(f"an offset of {start}")
        if length != size:
            raise ValueError(f"expected {size} bytes, got {length}")
    except Exception as error:
        raise ValueError(f"{spelled}, but where in it is damaged ({error})") from error
    if path.stat().st_size < start + size:
        raise ValueError(f"{spelled}, which is too short: {os.path.getsize(path)} bytes")
    with open(path, "rb") as file:
        file.seek(start)
        numbers = file.read(size)
    return TensorProto(
        name=tensor.name, data_type=tensor.data_type, dims=tensor.dims, raw_data=numbers
    )


def assume(model: Any, sizes: Iterator[int]) -> dict[str, tuple[int, ...]]:
    """Infer the shapes of a model's tensors, given values for its open sizes.

    Args:
        model: The ``onnx.ModelProto``.
        sizes: The values of the open sizes: one for each name, such as "batch", and one for each
            without a name.

    Returns:
        dict: The shape by name, as far as ONNX's shape inference finds it.

    Example:
        >>> from itertools import count
        >>> from onnx import helper
        >>> X = helper.make_tensor_value_info("X", 1, ["n", "b", 3])
        >>> Y = helper.make_tensor_value_info("Y", 1, None)
        >>> node = helper.make_node("Transpose", ["X"], ["Y"], perm=[1, 0, 2])
        >>> model = helper.make_model(helper.make_graph([node], "g", [X], [Y]))
        >>> assume(model, count(5))
        {'X': (5, 6, 3), 'Y': (6, 5, 3)}
    """
    import onnx
    from onnx import helper, shape_inference

    named: dict[str, int] = {}
    light = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    light.graph.node.extend(model.graph.node)
    stored = {tensor.name for tensor in model.graph.initializer}
    for tensor in model.graph.initializer:
        if math.prod(tensor.dims) <= 1024 and not tensor.external_data:
            light.graph.initializer.append(tensor)
        else:
            light.graph.input.append(
                helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
            )
    for value in model.graph.input:
        if value.name in stored or not value.type.tensor_type.HasField("shape"):
            continue
        light.graph.input.append(value)
        for size in light.graph.input[-1].type.tensor_type.shape.dim:
            if not size.HasField("dim_value"):
                name = size.dim_param
                number = named[name] if name in named else next(sizes)
                named |= {name: number} if name else {}
                size.dim_value = number
    light.graph.output.extend(onnx.ValueInfoProto(name=v.name) for v in model.graph.output)
    try:
        graph = shape_inference.infer_shapes(light, data_prop=True).graph
    except Exception:  # an operator that it does not know: its shapes stay open
        graph = light.graph
    return {
        value.name: shape
        for value in [*graph.input, *graph.value_info, *graph.output]
        if (shape := _shape(value)) is not None
    }


def _shape(value: Any) -> tuple[int, ...] | None:
    """The shape of a ``ValueInfoProto`` if all of it is known."""
    kind = value.type.tensor_type
    if not value.type.HasField("tensor_type") or not kind.HasField("shape"):
        return None
    if not all(size.HasField("dim_value") and size.dim_value >= 0 for size in kind.shape.dim):
        return None
    return tuple(size.dim_value for size in kind.shape.dim)


def count_stored(graph: Any) -> int:
    """Count the numbers that a graph and its bodies store.

    Args:
        graph: The ``onnx.GraphProto``.

    Returns:
        int: The number of numbers.

    Example:
        >>> from onnx import helper, numpy_helper
        >>> one = numpy_helper.from_array(np.ones((2, 3)), "one")
        >>> count_stored(helper.make_graph([], "g", [], [], [one]))
        6
    """
    total, graphs = 0, [graph]
    while graphs:
        graph = graphs.pop()
        tensors = list(graph.initializer)
        for node in graph.node:
            for attribute in node.attribute:
                graphs += [attribute.g] if attribute.HasField("g") else []
                tensors += [attribute.t] if attribute.HasField("t") else []
        total += sum(math.prod(tensor.dims) for tensor in tensors)
    return max(total, 0)
