"""Which LSTM nodes an ONNX model has, and which of them feed one another.

Nodes are found in the graph and in the bodies of ``If``, ``Loop`` and ``Scan``, and have names
that tell them apart (`find_nodes`). Whether a node reads the outputs of another is not guessed
from the operators between them: each output is given a number of its own, the operators are run,
and the numbers must arrive in the order in which the next layer of a stack reads them (`order`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .onnx_values import Scope, Unknown, Values, describe, is_standard

__all__ = ["Node", "Sizes", "find_nodes", "order", "read_settings"]

DIRECTIONS = {
    "forward": ("forward",),
    "reverse": ("backward",),
    "bidirectional": ("forward", "backward"),
}
"""The attribute ``direction``, and our directions in the order of the tensors' first axis."""

ACTIVATIONS = ["sigmoid", "tanh", "tanh"]
SLOTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")


class Node(NamedTuple):
    """An LSTM node of a model.

    Attributes:
        name: A name that no other LSTM node of the model has.
        proto: The ``onnx.NodeProto``.
        scope: The graph or body that it is in.
    """

    name: str
    proto: Any
    scope: Scope

    @property
    def inputs(self) -> dict[str, str]:
        """The names of the tensors that it reads, by slot, such as "W"."""
        return {slot: name for slot, name in zip(SLOTS, self.proto.input, strict=False) if name}


class Sizes(NamedTuple):
    """What `order` needs to know of a node.

    Attributes:
        d: The number of directions.
        H: The hidden size.
        batch_first: Whether it reads (b, n, D), as with ``layout=1``.
    """

    d: int
    H: int
    batch_first: bool


def find_nodes(model: Any) -> list[Node]:
    """Find the LSTM nodes of a model, in its graph and in the bodies of other nodes.

    A node gets its own name, after the path of the body that it is in. If the name is empty or
    not unique, "#"and its position among the LSTM nodes are added.

    Args:
        model: The ``onnx.ModelProto``.

    Returns:
        list: A `Node` for each, in the order of the file.

    Raises:
        ValueError: If there is none. The message lists nodes of similar types.

    Example:
        >>> from lstm import stack
        >>> from lstm.exchange import onnx
        >>> [node.name for node in find_nodes(onnx.dump(stack.init(10, 4, layers=2, rng=0)))]
        ['lstm_0', 'lstm_1']
    """
    found: list[tuple[str, Any, Scope]] = []
    close: list[str] = []

    def search(scope: Scope) -> None:  # protobuf itself refuses more than 100 levels
        for k, node in enumerate(scope.graph.node):
            if node.op_type == "LSTM" and is_standard(node):
                found.append((scope.path + node.name, node, scope))
            elif "lstm" in node.op_type.lower() or node.op_type in ("GRU", "RNN"):
                close.append(describe(node))
            for attribute in node.attribute:
                bodies = [attribute.g] if attribute.HasField("g") else attribute.graphs
                for body in bodies:
                    name = node.name or f"{node.op_type}_{k}"
                    search(Scope(body, f"{scope.path}{name}.{attribute.name}/", scope))

    search(Scope(model.graph))
    if not found:
        other = f"; nodes of other kinds are not understood: {close}" if close else ""
        raise ValueError(f"model: expected LSTM nodes, got none{other}")
    names = [name for name, _, _ in found]
    unclear = {name for name in names if not name or name.endswith("/")}
    while unclear := unclear | {name for name, count in Counter(names).items() if count > 1}:
        names = [f"{name or 'LSTM'}#{k}" if name in unclear else name
                 for k, name in enumerate(names)]  # fmt: skip
        unclear = set()  # unless a node is called what another one has become
    return [Node(name, node, scope) for name, (_, node, scope) in zip(names, found, strict=True)]


def read_settings(node: Node) -> tuple[tuple[str, ...], bool, int | None]:
    """Check the attributes of a node, and refuse any that is not understood.

    Args:
        node: The node.

    Returns:
        tuple: Its directions as in `lstm.stack.Layer`, whether the batch comes first, and the
        hidden size that it states, or None.

    Raises:
        ValueError: If an attribute cannot be represented, or is unknown.

    Example:
        >>> from lstm import stack
        >>> from lstm.exchange import onnx
        >>> (node,) = find_nodes(onnx.dump(stack.init(10, 4, bidirectional=True, rng=0)))
        >>> read_settings(node)
        (('forward', 'backward'), False, 4)
    """
    from onnx import helper

    names = Counter(attribute.name for attribute in node.proto.attribute)
    if twice := [name for name, number in names.items() if number > 1]:
        raise ValueError(f"attributes: expected each once, got {twice} more than once")
    try:
        given = {a.name: helper.get_attribute_value(a) for a in node.proto.attribute}
        direction = _text(given.pop("direction", b"forward"))
        activations = [_text(name).lower() for name in given.pop("activations", [])]
    except Exception as error:  # references to functions, text that is none
        raise ValueError(f"its attributes are damaged ({error})") from error
    if direction not in DIRECTIONS:
        raise ValueError(f"direction: expected one of {list(DIRECTIONS)}, got {direction!r}")
    directions = DIRECTIONS[direction]
    if activations and activations != ACTIVATIONS * len(directions):
        raise ValueError(
            f"activations: expected Sigmoid, Tanh and Tanh for each direction, got {activations}"
        )
    if "clip" in given:
        raise ValueError(f"clip: cannot be represented, got {given['clip']}")
    if given.pop("input_forget", 0):
        raise ValueError("input_forget: coupled gates cannot be represented")
    layout = given.pop("layout", 0)
    if layout not in (0, 1):
        raise ValueError(f"layout: expected 0 or 1, got {layout!r}")
    hidden_size = given.pop("hidden_size", None)
    for harmless in ("activation_alpha", "activation_beta", "output_sequence"):
        given.pop(harmless, None)
    if given:
        raise ValueError(f"attributes: expected those of LSTM, got also {sorted(given)}")
    if len(node.proto.input) > len(SLOTS):
        raise ValueError(f"inputs: expected at most {len(SLOTS)}, got {len(node.proto.input)}")
    return directions, bool(layout), hidden_size


def _text(value: Any) -> str:
    """Return the text of an attribute."""
    if not isinstance(value, bytes):
        raise ValueError(f"expected text, got {value!r}")
    return value.decode()


def order(
    model: Any,
    folder: Path | None,
    shapes: Mapping[str, tuple[int, ...]],
    nodes: Sequence[Node],
    sizes: Sequence[Sizes],
) -> list[int]:
    """Find the order in which nodes make up a stack, by following the edges.

    Args:
        model: The ``onnx.ModelProto``.
        folder: The folder of its file, or None.
        shapes: The assumed shapes, by name.
        nodes: The nodes.
        sizes: The `Sizes` of each node.

    Returns:
        list: The positions of the nodes, from the input up.

    Raises:
        ValueError: If they are not a stack, in which each node reads the unchanged outputs of
            another.

    Example:
        >>> from lstm import stack
        >>> from lstm.exchange import onnx
        >>> model = onnx.dump(stack.init(10, 4, layers=2, rng=0))
        >>> order(model, None, {}, find_nodes(model)[::-1], [Sizes(1, 4, False)] * 2)
        [1, 0]
    """
    if len(nodes) == 1:
        return [0]
    values = Values(model, folder, shapes)
    expected = []
    for k, (node, size) in enumerate(zip(nodes, sizes, strict=True)):
        first, second, *_ = shapes.get(node.inputs.get("X", ""), (3, 2, 0))
        Y = _labels(k, len(nodes), first, second, size)
        expected.append(_as_read(Y, size.batch_first))
        if node.proto.output and node.proto.output[0]:
            values.known[id(node.scope), node.proto.output[0]] = Y
    below: dict[int, int] = {}
    reasons = []
    for k, (node, size) in enumerate(zip(nodes, sizes, strict=True)):
        try:
            X: Any = values.of(node.scope, node.inputs.get("X", ""))
        except ValueError as error:
            X = Unknown(f"what could not be followed ({error})")
        if isinstance(X, np.ndarray) and X.ndim == 3 and size.batch_first:
            X = X.swapaxes(0, 1)
        for j, Y in enumerate(expected):
            same_graph = nodes[j].scope is node.scope
            if same_graph and isinstance(X, np.ndarray) and np.array_equal(X, Y):
                below[k] = j
        why = X.why if isinstance(X, Unknown) else "numbers of another node, rearranged"
        reasons.append(f"{node.name!r} reads " + (nodes[below[k]].name if k in below else why))
    starts = [k for k in range(len(nodes)) if k not in below]
    above = {j: k for k, j in below.items()}
    chain = starts[:1]
    while chain and chain[-1] in above:
        chain.append(above[chain[-1]])
    if len(chain) != len(nodes):
        raise ValueError(
            "model: expected LSTM nodes that feed one another, as the layers of a stack do: "
            f"{'; '.join(reasons)}. Take them one by one: names=[{nodes[0].name!r}]"
        )
    return chain


def _labels(k: int, count: int, first: int, second: int, size: Sizes) -> np.ndarray:
    """Outputs of a node, a number of its own for each, from -1 to 1, as those of an LSTM.

    The first and the last are -1 and 1, in each node, so that what clips shows.
    """
    shape = (first, second, size.d, size.H) if size.batch_first else (
        first, size.d, second, size.H)  # fmt: skip
    N = int(np.prod(shape, dtype=np.float64))
    if not 0 < N <= 2**24:
        raise ValueError(f"model: outputs of {N} numbers cannot be told apart")
    labels = (k + (np.arange(N) + 0.5) / N) / count * 1.9 - 0.95
    if N > 4:  # enough others to tell nodes apart by
        labels[[0, -1]] = -1, 1
    return labels.astype(np.float32).reshape(shape)


def _as_read(Y: np.ndarray, batch_first: bool) -> np.ndarray:
    """The outputs (n, d, b, H), or (b, n, d, H), as a next layer reads them: (n, b, d * H)."""
    Y = Y.transpose(1, 0, 2, 3) if batch_first else Y.transpose(0, 2, 1, 3)
    return Y.reshape(*Y.shape[:2], -1)
