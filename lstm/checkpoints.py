"""Whole stacks from and to other frameworks, and files that hold them.

`lstm.weights` converts one matrix; here a stack's matrices are found under
their names, checked to make up a stack, and joined. Files:

* ``.npz``: `save` and `load`, the package's own, with NumPy alone.
* ``.safetensors``: `read_safetensors` and `write_safetensors`, arrays by name as
  other libraries store them; needs the package safetensors.
* ``.onnx``: `from_onnx` and `to_onnx`, models; needs the package onnx.
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from . import weights
from .layout import VERSION
from .stack import Layer, check_layers

__all__ = [
    "MARK",
    "from_keras",
    "from_onnx",
    "from_torch",
    "load",
    "read_safetensors",
    "save",
    "to_keras",
    "to_onnx",
    "to_torch",
    "write_safetensors",
]

MARK = "lstm.layout"
"""The entry of an ``.npz`` file that holds the version of the layout."""


def save(path: str | os.PathLike[str], layers: Iterable[Layer]) -> None:
    """Write a stack to an ``.npz`` file, with the version of the layout inside.

    The file holds ``lstm.layout``, the version, and for each layer k the matrices
    ``k.forward`` and ``k.backward``, as far as there are.

    Args:
        path: Where to; it must end in ".npz".
        layers: The stack: a `lstm.stack.Layer` for each layer.

    Raises:
        OSError: If the file cannot be written.
        TypeError: If ``layers`` is no stack.
        ValueError: If ``layers`` is no stack, or ``path`` ends otherwise.

    Example:
        >>> import tempfile
        >>> from lstm import stack
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(f"{folder}/model.npz", stack.init(10, 4, layers=2, rng=0))
        ...     [layer.forward.shape for layer in load(f"{folder}/model.npz")]
        [(15, 16), (9, 16)]
    """
    if not os.fspath(path).endswith(".npz"):
        raise ValueError(f"path: expected a name that ends in .npz, got {os.fspath(path)!r}")
    arrays = {
        f"{k}.{name}": W
        for k, layer in enumerate(check_layers(layers))
        for name, W in layer.directions
    }
    np.savez(path, **{MARK: np.array(VERSION)}, **arrays)  # type: ignore[arg-type]


def load(path: str | os.PathLike[str]) -> list[Layer]:
    """Read a stack that `save` wrote. Nothing in the file is executed.

    Args:
        path: Where from.

    Returns:
        list: A `lstm.stack.Layer` for each layer.

    Raises:
        OSError: If the file cannot be opened.
        ValueError: If it is damaged, was not written by `save`, or has the
            layout of a later version.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.savez(f"{folder}/other.npz", x=np.ones(3))
        ...     load(f"{folder}/other.npz")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        ValueError: .../other.npz: expected a file written by save, got one with the entries ['x']
    """
    name = os.fspath(path)
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ValueError("a single array")
            arrays = {key: file[key] for key in file.files}
    except OSError:
        raise
    except Exception as error:  # zipfile, zlib, struct and NumPy each have their own
        raise ValueError(
            f"{name}: expected an .npz file, got one that is damaged or foreign ({error})"
        ) from error
    if MARK not in arrays:
        raise ValueError(
            f"{name}: expected a file written by save, got one with the entries {sorted(arrays)}"
        )
    version = arrays.pop(MARK)
    if not np.array_equal(version, VERSION):
        raise ValueError(f"{name}: expected layout version {VERSION}, got {version}")
    return _join(name, arrays)


def from_torch(state_dict: Mapping[str, Any], prefix: str = "") -> list[Layer]:
    """Convert a whole ``torch.nn.LSTM``: all layers and directions.

    Args:
        state_dict: Its ``state_dict()``, or what a file held of it.
        prefix: What stands before its names, such as "encoder.lstm.".

    Returns:
        list: A `lstm.stack.Layer` for each layer.

    Raises:
        TypeError: As `lstm.weights.from_torch`.
        ValueError: As `lstm.weights.from_torch`, and if a layer is missing.

    Example:
        >>> from lstm import stack
        >>> layers = stack.init(10, 4, layers=2, bidirectional=True, rng=0)
        >>> state_dict = to_torch(layers)
        >>> len(state_dict), len(from_torch(state_dict))
        (16, 2)
    """
    matrices = {}
    pattern = re.compile(re.escape(prefix) + r"weight_hh_l(?P<layer>\d+)(?P<reverse>_reverse)?")
    for name in state_dict:
        if match := pattern.fullmatch(name):
            k, reverse = int(match["layer"]), bool(match["reverse"])
            direction = "backward" if reverse else "forward"
            matrices[f"{k}.{direction}"] = weights.from_torch(state_dict, k, reverse, prefix)
    if not matrices:
        raise ValueError(
            f"state_dict: expected names like {prefix + 'weight_hh_l0'!r}, got {sorted(state_dict)}"
        )
    known = {name for k in matrices for name in _torch_names(k, prefix)}
    lost = {name for name in state_dict if name.startswith(prefix)} - known
    if lost:
        raise ValueError(f"state_dict: expected whole layers, got also {sorted(lost)}")
    return _join("state_dict", matrices)


def to_torch(layers: Iterable[Layer], prefix: str = "", bias: bool = True) -> dict[str, np.ndarray]:
    """Give a whole ``torch.nn.LSTM`` its parameters. On its two biases see `lstm.weights.to_torch`.

    Args:
        layers: The stack. PyTorch has one hidden size, and reads forward or both ways.
        prefix: What to put before the names.
        bias: False for a module without biases.

    Returns:
        dict: The parameters by name, in PyTorch's order.

    Raises:
        TypeError: If ``layers`` is no stack.
        ValueError: If ``layers`` is no stack, or one that PyTorch does not have.

    Example:
        >>> from lstm import stack
        >>> list(to_torch(stack.init(10, 4, rng=0)))
        ['weight_ih_l0', 'weight_hh_l0', 'bias_ih_l0', 'bias_hh_l0']
    """
    layers = check_layers(layers)
    kinds = {
        (layer.forward is None, layer.backward is None, layer.directions[0][1].shape[1])
        for layer in layers
    }
    if len(kinds) > 1 or layers[0].forward is None:
        raise ValueError(
            "layers: expected one hidden size, and forward or both directions in every layer"
        )
    state_dict: dict[str, np.ndarray] = {}
    for k, layer in enumerate(layers):
        for direction, W in layer.directions:
            state_dict |= weights.to_torch(W, k, direction == "backward", prefix, bias)
    return state_dict


def from_keras(layers: Iterable[tuple[Mapping[str, Any], Sequence[Any]]]) -> list[Layer]:
    """Convert several ``keras.layers.LSTM``, plain or inside ``Bidirectional``.

    Args:
        layers: For each its settings and its weights, from the input up:
            ``[(layer.get_config(), layer.get_weights()) for layer in ...]``.

    Returns:
        list: A `lstm.stack.Layer` for each.

    Raises:
        TypeError: As `lstm.weights.from_keras`.
        ValueError: As `lstm.weights.from_keras`, and if a ``merge_mode`` is not
            "concat", or a layer outside ``Bidirectional`` has ``go_backwards``.

    Example:
        >>> from lstm import stack
        >>> (arrays,) = to_keras(stack.init(10, 4, bidirectional=True, rng=0))
        >>> inner = {"config": {"unit_forget_bias": True}}
        >>> turned = {"config": {"unit_forget_bias": True, "go_backwards": True}}
        >>> config = {"layer": inner, "backward_layer": turned, "merge_mode": "concat"}
        >>> (layer,) = from_keras([(config, arrays)])
        >>> layer.backward.shape
        (15, 16)
    """
    stack = []
    for k, (config, arrays) in enumerate(layers):
        if "merge_mode" not in config:
            stack.append(Layer(weights.from_keras(arrays, config)))
            continue
        if config["merge_mode"] != "concat":
            raise ValueError(
                f"layers[{k}]: merge_mode: expected 'concat', got {config['merge_mode']!r}"
            )
        inner = config["layer"]["config"]
        other = config.get("backward_layer", {}).get("config", inner | {"go_backwards": True})
        half = len(arrays) // 2
        stack.append(
            Layer(
                weights.from_keras(arrays[:half], inner),
                weights.from_keras(arrays[half:], other, reverse=True),
            )
        )
    return check_layers(stack)


def to_keras(layers: Iterable[Layer], bias: bool = True) -> list[list[np.ndarray]]:
    """Give several ``keras.layers.LSTM``, or ``Bidirectional`` ones, their weights.

    Args:
        layers: The stack.
        bias: False for layers with ``use_bias=False``.

    Returns:
        list: For each layer the arrays for its ``set_weights``: three, or six if
        it is bidirectional, forward first.

    Raises:
        TypeError: If ``layers`` is no stack.
        ValueError: If ``layers`` is no stack, or a layer reads backward alone.

    Example:
        >>> from lstm import stack
        >>> [len(arrays) for arrays in to_keras(stack.init(10, 4, bidirectional=True, rng=0))]
        [6]
    """
    layers = check_layers(layers)
    for k, layer in enumerate(layers):
        if layer.forward is None:
            raise ValueError(f"layers[{k}]: expected forward or both directions, got backward")
    return [
        [array for _, W in layer.directions for array in weights.to_keras(W, bias)]
        for layer in layers
    ]


def from_onnx(model: Any, names: Sequence[str] | None = None) -> list[Layer]:
    """Convert the ``LSTM`` nodes of an ONNX model, as a stack.

    Args:
        model: A file's name, or an ``onnx.ModelProto``.
        names: The names of the nodes, from the input up; None for all of the
            graph, in its order. What else is in the graph is not looked at.

    Returns:
        list: A `lstm.stack.Layer` for each node.

    Raises:
        ImportError: If the package onnx is not installed.
        OSError: If the file cannot be opened.
        TypeError: As `lstm.weights.from_onnx`.
        ValueError: As `lstm.weights.from_onnx`, and if the file is damaged, a
            node is missing, its weights are not constants, or it starts from
            states that are constants but not zero.

    Example:
        >>> from lstm import stack
        >>> layers = stack.init(10, 4, layers=2, bidirectional=True, rng=0)
        >>> [layer.forward.shape for layer in from_onnx(to_onnx(layers))]
        [(15, 16), (13, 16)]
    """
    import onnx

    if isinstance(model, (str, os.PathLike)):
        try:
            model = onnx.load(model)
        except OSError:
            raise
        except Exception as error:  # protobuf's own
            raise ValueError(
                f"{os.fspath(model)}: expected an ONNX model, got a file that is damaged or foreign"
            ) from error
    graph = model.graph
    nodes = {node.name or f"LSTM {k}": node for k, node in enumerate(graph.node)}
    found = {name: node for name, node in nodes.items() if node.op_type == "LSTM"}
    chosen = list(found) if names is None else list(names)
    if not chosen or not set(chosen) <= set(found):
        raise ValueError(
            f"model: expected LSTM nodes {names or 'of any name'}, got {sorted(found)}"
        )
    return check_layers([_onnx_layer(graph, name, found[name]) for name in chosen])


def _onnx_layer(graph: Any, name: str, node: Any) -> Layer:
    """One node of a graph."""
    import onnx

    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    tensors = {}
    for slot, source in zip(
        ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"),
        node.input,
        strict=False,
    ):
        if not source or slot in ("X", "sequence_lens"):
            continue
        value = _onnx_constant(graph, source)
        if slot.startswith("initial"):
            if value is not None and value.any():
                raise ValueError(f"{name}: {slot}: constant states that are not zero are not kept")
        elif value is None:
            raise ValueError(f"{name}: {slot}: expected a constant, got {source!r}")
        else:
            tensors[slot] = value
    direction = attributes.get("direction", b"forward").decode()
    wanted = {"forward": "f", "reverse": "b", "bidirectional": "fb"}.get(direction, "f")
    try:
        return Layer(
            weights.from_onnx(tensors, attributes) if "f" in wanted else None,
            weights.from_onnx(tensors, attributes, reverse=True) if "b" in wanted else None,
        )
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from None


def _onnx_constant(graph: Any, name: str) -> np.ndarray | None:
    """The value of a tensor if it is constant, but for its shape; else None."""
    from onnx import helper, numpy_helper

    for tensor in graph.initializer:
        if tensor.name == name:
            return np.asarray(numpy_helper.to_array(tensor))
    for node in graph.node:
        if name in node.output:
            if node.op_type in ("Expand", "Identity"):
                return _onnx_constant(graph, node.input[0])
            values = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            if node.op_type in ("Constant", "ConstantOfShape") and "value" in values:
                return np.asarray(numpy_helper.to_array(values["value"]))
            return np.zeros(1) if node.op_type == "ConstantOfShape" else None
    return None


def to_onnx(layers: Iterable[Layer]) -> Any:
    """Make an ONNX model of a stack.

    It takes ``X`` (n, b, D) and ``lengths`` (b,), int32, and gives ``Hout``
    (n, b, d * H) and, for each layer k, ``Hn_k`` and ``Cn_k`` (d, b, H).
    Initial states are zero.

    Args:
        layers: The stack. ONNX Runtime runs float32 alone.

    Returns:
        onnx.ModelProto: The model; ``onnx.save`` writes it to a file.

    Raises:
        ImportError: If the package onnx is not installed.
        TypeError: If ``layers`` is no stack.
        ValueError: If ``layers`` is no stack.

    Example:
        >>> from lstm import stack
        >>> [node.op_type for node in to_onnx(stack.init(10, 4, rng=0)).graph.node]
        ['LSTM', 'Transpose', 'Reshape']
    """
    from onnx import TensorProto, checker, helper, numpy_helper

    layers = check_layers(layers)
    dtype = layers[0].directions[0][1].dtype
    number = helper.np_dtype_to_tensor_dtype(dtype)
    tensors = [numpy_helper.from_array(np.array([0, 0, -1]), "merge")]
    nodes, outputs = [], []
    source, width = "X", 0
    for k, layer in enumerate(layers):
        parts = [weights.to_onnx(W) for _, W in layer.directions]
        H, d = layer.directions[0][1].shape[1] // 4, len(parts)
        width = d * H
        for slot in parts[0]:
            joined = np.concatenate([part[slot] for part in parts])
            tensors.append(numpy_helper.from_array(joined, f"{slot}_{k}"))
        direction = "bidirectional" if d == 2 else "reverse" if layer.forward is None else "forward"
        target = "Hout" if k == len(layers) - 1 else f"Hout_{k}"
        nodes += [  # Y is (n, d, b, H); the next layer reads (n, b, d * H)
            helper.make_node(
                "LSTM",
                [source, f"W_{k}", f"R_{k}", f"B_{k}", "lengths"],
                [f"Y_{k}", f"Hn_{k}", f"Cn_{k}"],
                name=f"lstm_{k}",
                hidden_size=H,
                direction=direction,
            ),
            helper.make_node("Transpose", [f"Y_{k}"], [f"Z_{k}"], perm=[0, 2, 1, 3]),
            helper.make_node("Reshape", [f"Z_{k}", "merge"], [target]),
        ]
        outputs += [
            helper.make_tensor_value_info(f"{state}n_{k}", number, [d, "b", H]) for state in "HC"
        ]
        source = target
    D = tensors[1].dims[2]
    graph = helper.make_graph(
        nodes,
        "lstm",
        [
            helper.make_tensor_value_info("X", number, ["n", "b", D]),
            helper.make_tensor_value_info("lengths", TensorProto.INT32, ["b"]),
        ],
        [helper.make_tensor_value_info("Hout", number, ["n", "b", width]), *outputs],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    checker.check_model(model)
    return model


def read_safetensors(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Read the arrays of a safetensors file by name.

    Args:
        path: Where from.

    Returns:
        dict: The arrays, for `from_torch` and the like.

    Raises:
        ImportError: If the package safetensors is not installed.
        OSError: If the file cannot be opened.
        ValueError: If it is damaged or foreign.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_safetensors(f"{folder}/m.safetensors", {"x": np.ones(2)})
        ...     read_safetensors(f"{folder}/m.safetensors")
        {'x': array([1., 1.])}
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(path))
    except SafetensorError as error:
        raise ValueError(
            f"{os.fspath(path)}: expected a safetensors file, got one that is damaged or foreign "
            f"({error})"
        ) from error


def write_safetensors(path: str | os.PathLike[str], tensors: Mapping[str, np.ndarray]) -> None:
    """Write arrays by name to a safetensors file.

    Args:
        path: Where to.
        tensors: The arrays, such as `to_torch` returns.

    Raises:
        ImportError: If the package safetensors is not installed.
        OSError: If the file cannot be written.

    Example:
        >>> import tempfile
        >>> from lstm import stack
        >>> layers = stack.init(10, 4, rng=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_safetensors(f"{folder}/m.safetensors", to_torch(layers))
        ...     again = from_torch(read_safetensors(f"{folder}/m.safetensors"))
        >>> bool((again[0].forward == layers[0].forward).all())
        True
    """
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, path)


def _torch_names(key: str, prefix: str) -> set[str]:
    """The names in a state dict that belong to a layer and direction."""
    k, direction = key.split(".")
    end = f"_l{k}" + "_reverse" * (direction == "backward")
    return {f"{prefix}{kind}_{part}{end}" for kind in ("weight", "bias") for part in ("ih", "hh")}


def _join(where: str, matrices: Mapping[str, np.ndarray]) -> list[Layer]:
    """Matrices by names such as "0.forward" as a stack."""
    layers: dict[int, dict[str, np.ndarray]] = {}
    for name, W in matrices.items():
        match = re.fullmatch(r"(0|[1-9]\d*)\.(forward|backward)", name)
        if not match:
            raise ValueError(f"{where}: expected names such as '0.forward', got {name!r}")
        layers.setdefault(int(match[1]), {})[match[2]] = W
    if sorted(layers) != list(range(len(layers))):
        raise ValueError(f"{where}: expected layers 0, 1, and so on, got {sorted(layers)}")
    try:
        return check_layers([Layer(**layers[k]) for k in range(len(layers))])
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: {error}") from None
