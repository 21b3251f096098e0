"""The inputs of the LSTM nodes of an ONNX model: weights, built-in states and lengths.

Each value is computed twice, for two assumptions about the open sizes, such as the batch size: a
value that is the same both times is constant.
"""

from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arguments import check_array
from ..layers import Layer, check_layers
from .conventions import ROSETTA, read
from .disk import about
from .onnx_graph import Node, Sizes, find_nodes, order, read_settings
from .onnx_tensors import assume
from .onnx_values import Spread, Unknown, Values

__all__ = [
    "Call",
    "read_call",
]


class Call(NamedTuple):
    """The arguments, beside X, with which `lstm.stack.forward` computes what a model does.

    So ``stack.forward(X, **call._asdict())`` does it, with X as (n, b, D).

    Attributes:
        layers: The stack.
        c0: For each layer the cell states that the model starts from, (d, b, H), or (d, 1, H)
            if it repeats one for any batch; None if all are zero or given at run time.
        h0: The outputs that it starts from, likewise.
        lengths: The lengths that it has built in, (b,); None if there are none.
    """

    layers: list[Layer]
    c0: list[NDArray[Any]] | None
    h0: list[NDArray[Any]] | None
    lengths: NDArray[Any] | None


def read_call(model: Any, folder: Path | None, names: Sequence[str] | None) -> Call:
    """Find the nodes, their order, and their weights, states and lengths.

    Args:
        model: The ``onnx.ModelProto``.
        folder: The folder of its file; None if it has none.
        names: The nodes to read, from the input up; None for all.

    Returns:
        Call: The named tuple (layers, c0, h0, lengths).

    Raises:
        TypeError: As `lstm.exchange.onnx.load`.
        ValueError: As `lstm.exchange.onnx.load_call`.

    Example:
        >>> from lstm import stack
        >>> from lstm.exchange import onnx
        >>> read_call(onnx.dump(stack.init(10, 4, rng=0)), None, None).layers[0].forward.shape
        (15, 16)
    """
    if model.functions:
        from onnx.inliner import inline_local_functions

        model = inline_local_functions(model)
    nodes = _choose(find_nodes(model), names)
    probes = [Values(model, folder, assume(model, count(start))) for start in (3, 53)]
    layers, sizes = [], []
    for node in nodes:
        with about(node.name):
            layer, size = _layer(node, probes)
        layers.append(layer)
        sizes.append(size)
    chain = order(model, folder, probes[0].shapes, nodes, sizes)
    nodes, sizes = [nodes[k] for k in chain], [sizes[k] for k in chain]
    if names is not None and chain != sorted(chain):
        raise ValueError(f"names: expected from the input up, {[node.name for node in nodes]}")
    layers = check_layers([layers[k] for k in chain])
    dtype = layers[0].directions[0][1].dtype

    def states(slot: str) -> list[NDArray[Any]] | None:
        given = []
        for node, size in zip(nodes, sizes, strict=True):
            with about(node.name):
                given.append(_state(node, slot, size, dtype, probes, names is not None))
        b = max((array.shape[1] for array in given if array is not None), default=None)
        if b is None:
            return None
        return [
            np.zeros((size.d, b, size.H), dtype) if array is None else array
            for array, size in zip(given, sizes, strict=True)
        ]

    return Call(layers, states("initial_c"), states("initial_h"), _lengths(nodes, sizes, probes))


def _choose(found: list[Node], names: Sequence[str] | None) -> list[Node]:
    """The nodes that were asked for."""
    by_name = {node.name: node for node in found}
    if names is None:
        inside = [node.name for node in found if node.scope.path]
        if inside:
            raise ValueError(
                f"model: the LSTM nodes {inside} are in bodies that may not run, or run often; "
                f"name those that you mean, from the input up, such as names=[{inside[0]!r}]"
            )
        return found
    if isinstance(names, str) or not (
        isinstance(names, Sequence) and all(isinstance(name, str) for name in names)
    ):
        raise TypeError(f"names: expected a list of names, got {names!r}")
    if not names or not set(names) <= set(by_name) or len(set(names)) < len(names):
        raise ValueError(f"names: expected some of {list(by_name)}, got {list(names)}")
    return [by_name[name] for name in names]


def _tensors(node: Node, slot: str, probes: list[Values]) -> list[Any]:
    """The value of an input under each assumption about what is open."""
    with about(slot):
        return [probe.of(node.scope, node.inputs[slot]) for probe in probes]


def _layer(node: Node, probes: list[Values]) -> tuple[Layer, Sizes]:
    """The weights of a node."""
    directions, batch_first, hidden_size = read_settings(node)
    tensors = {}
    for slot in ("W", "R", "B", "P"):
        if slot not in node.inputs:
            continue
        value, again = _tensors(node, slot, probes)
        if not isinstance(value, np.ndarray):
            why = value.why if isinstance(value, Unknown) else "a shape that is open"
            raise ValueError(f"{slot}: expected a constant, got {why}")
        if not np.array_equal(value, again, equal_nan=value.dtype.kind == "f"):
            raise ValueError(
                f"{slot}: expected a constant, got what depends on the shape of inputs"
            )
        tensors[slot] = value
    if not {"W", "R"} <= set(tensors):
        raise ValueError(f"inputs: expected W and R, got {sorted(node.inputs)}")
    d = len(directions)
    if tensors.pop("P", np.zeros(1)).any():
        raise ValueError("P: peepholes cannot be represented")
    R = check_array("R", tensors["R"], ("d", "4 * H", "H"), (d, None, None))
    H = R.shape[2]
    if hidden_size not in (None, H):
        raise ValueError(f"hidden_size: expected {H}, as in the shape of R, got {hidden_size!r}")
    wanted = {"W": (d, 4 * H, None), "R": (d, 4 * H, H), "B": (d, 8 * H)}
    axes = {"W": ("d", "4 * H", "D"), "R": ("d", "4 * H", "H"), "B": ("d", "8 * H")}
    for slot, value in tensors.items():
        check_array(slot, value, axes[slot], wanted[slot], R.dtype, "R")
    matrices = {
        direction: read(ROSETTA["ONNX"], {slot: t[k] for slot, t in tensors.items()}, "inputs")
        for k, direction in enumerate(directions)
    }
    return Layer(**matrices), Sizes(d, H, batch_first)


def _state(
    node: Node, slot: str, size: Sizes, dtype: np.dtype[Any], probes: list[Values], by_name: bool
) -> NDArray[Any] | None:
    """An initial state (d, b, H) that is built in; None if it is zero or given at run time."""
    if slot not in node.inputs:
        return None
    value, again = _tensors(node, slot, probes)
    if isinstance(value, Unknown):
        if value.given or by_name:
            return None
        raise ValueError(
            f"{slot}: expected a constant or an input of the model, got {value.why}; if you give "
            f"lstm.stack.forward that state, load the node by name: names=[{node.name!r}]"
        )
    if isinstance(value, Spread):
        if value.number == 0:
            return None
        raise ValueError(f"{slot}: is {value.number} for a batch whose size is open")
    if not value.any() and not again.any():
        return None
    axes = ("b", "d", "H") if size.batch_first else ("d", "b", "H")
    if size.batch_first:
        value, again = (np.moveaxis(array, 1, 0) if array.ndim > 1 else array
                        for array in (value, again))  # fmt: skip
    for array in (value, again):
        check_array(slot, array, axes, (size.d, None, size.H), dtype, "the weights")
    if np.array_equal(value, again, equal_nan=True):
        return np.array(value)
    if (value == value[:, :1]).all() and (again == value[:, :1]).all():
        return np.array(value[:, :1])
    raise ValueError(f"{slot}: expected a constant, got what depends on the shape of inputs")


def _lengths(nodes: list[Node], sizes: list[Sizes], probes: list[Values]) -> NDArray[Any] | None:
    """The lengths that are built in; None if there are none, or they are given at run time."""
    found = {}
    for node, size in zip(nodes, sizes, strict=True):
        with about(node.name):
            found[node.name] = _lengths_of(node, size, probes)
    same = {str(value if value is None or isinstance(value, str) else value.tolist())
            for value in found.values()}  # fmt: skip
    if len(same) > 1:
        raise ValueError(
            f"sequence_lens: expected the same for all nodes of a stack, got {sorted(same)}"
        )
    lengths = next(iter(found.values()))
    return None if lengths is None or isinstance(lengths, str) else lengths


def _lengths_of(node: Node, size: Sizes, probes: list[Values]) -> NDArray[Any] | str | None:
    """The lengths of one node: an array, the input that gives them, or None if all are full."""
    if "sequence_lens" not in node.inputs:
        return None
    where = "sequence_lens"
    pair = _tensors(node, where, probes)
    if isinstance(pair[0], Unknown):
        if not pair[0].given:
            raise ValueError(f"{where}: expected a constant or an input, got {pair[0].why}")
        return pair[0].why
    steps = [probe.shapes.get(node.inputs.get("X", ""), (None, None))[int(size.batch_first)]
             for probe in probes]  # fmt: skip
    numbers = [value.number if isinstance(value, Spread) else value for value in pair]
    if all(n is not None and np.all(value == n) for n, value in zip(steps, numbers, strict=True)):
        return None
    if isinstance(pair[0], Spread) or not np.array_equal(*numbers):
        raise ValueError(f"{where}: expected a constant, got what depends on the shape of inputs")
    if numbers[0].ndim != 1 or numbers[0].dtype.kind not in "iu":
        raise ValueError(f"{where}: expected integers of shape (b,), got {numbers[0]!r}")
    return np.asarray(numbers[0])
