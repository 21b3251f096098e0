"""What the tensors of an ONNX graph hold before it runs.

Weights, initial states and lengths need not be stored as they are used: exporters write them as
slices, transposed, joined, cast and repeated. `Values.of` computes them, node by node, with the
reference evaluator of the package onnx, in a loop, so that no chain is too long, and with a bound
on the memory, so that a small file cannot ask for a huge array.

A value that depends on an open size, such as the batch size, is computed for an assumed one; to
find out whether it depends on it, compute it for two (``assume`` of ``onnx_tensors``).
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .onnx_tensors import count_stored, read_tensor

__all__ = [
    "Scope",
    "Spread",
    "Unknown",
    "Values",
    "describe",
    "is_standard",
]

NODES = 10_000
"""So many nodes are worked out for one model. PyTorch writes about 50 for each matrix."""

GROWTH = 64
"""What is worked out holds at most so many times what the file stores, and a million numbers."""


class Unknown(NamedTuple):
    """A tensor that is known only when the model runs.

    Attributes:
        why: The origin of the tensor, for messages.
        given: Whether it is an input of the model, perhaps sliced or transposed, and not computed.
    """

    why: str
    given: bool = False


class Spread(NamedTuple):
    """One number everywhere, in a shape that is known only when the model runs.

    Attributes:
        number: The number.
    """

    number: Any


class Scope:
    """A graph, or the body of an ``If``, ``Loop`` or ``Scan``, that sees the graph around it.

    Attributes:
        graph: The ``onnx.GraphProto``.
        path: The path of the body, such as "if_3.then_branch/"; "" for the graph itself.
        around: The scope around it, or None.
        stored: The tensors that it stores, by name.
        makers: The nodes that make the other tensors, by the tensors' names.
        inputs: The names of its inputs.
        twice: Names of more than one tensor, which a valid graph does not have.
    """

    def __init__(self, graph: Any, path: str = "", around: "Scope | None" = None) -> None:
        """Record which node makes each tensor."""
        self.graph, self.path, self.around = graph, path, around
        self.stored = {tensor.name: tensor for tensor in graph.initializer}
        self.makers = {name: node for node in graph.node for name in node.output if name}
        self.inputs = {value.name for value in graph.input}
        made = Counter(name for node in graph.node for name in node.output if name)
        made.update(tensor.name for tensor in graph.initializer)
        made.update(self.inputs - self.stored.keys())  # a stored input is its default
        self.twice = {name for name, count in made.items() if count > 1}

    def find(self, name: str) -> "Scope | None":
        """The scope that a name belongs to, from the inside out; None if no node makes it."""
        scope: Scope | None = self
        while scope and not (name in scope.stored or name in scope.makers or name in scope.inputs):
            scope = scope.around
        return scope


class Values:
    """The values of tensors, as far as they are known.

    Attributes:
        opsets: The operator sets of the model.
        folder: The folder of tensors that are stored outside the file; None if there are none.
        shapes: The assumed shape of tensors whose values are not known, by name.
        known: The values found so far, by scope and name: an array, `Spread` or `Unknown`.
        room: The number of numbers that may still be computed.
        nodes: The number of nodes that may still be computed.
    """

    def __init__(
        self, model: Any, folder: Path | None, shapes: Mapping[str, tuple[int, ...]]
    ) -> None:
        """Start with nothing known."""
        self.opsets, self.folder, self.shapes = list(model.opset_import), folder, shapes
        self.known: dict[tuple[int, str], Any] = {}
        self.room = GROWTH * count_stored(model.graph) + 10**6
        self.nodes = NODES

    def of(self, scope: Scope, name: str) -> Any:
        """Compute the value of one tensor.

        Args:
            scope: The scope in which it is used.
            name: Its name there.

        Returns:
            An array, `Spread` or `Unknown`.

        Raises:
            ValueError: If the graph is damaged, or the value would take too much memory or time.
        """
        waiting, begun = [(scope, name)], set()
        while waiting:
            here, name = waiting[-1]
            home = here.find(name)
            key = (id(home), name)
            if home is None or key in self.known:
                sparse = any(name == t.values.name for t in here.graph.sparse_initializer)
                why = "is sparse, which is not read" if sparse else "nothing makes"
                self.known.setdefault(key, Unknown(f"{name!r}, which {why}"))
                waiting.pop()
                continue
            needed = [] if name in home.stored else _needs(home.makers.get(name))
            open_ = [(home, n) for n in needed if (id(home.find(n)), n) not in self.known]
            if open_ and key in begun:
                raise ValueError(f"{name!r}: is made from itself, in a circle")
            begun.add(key)
            if open_:
                waiting += open_
                continue
            waiting.pop()
            self._make(home, name, key)
        return self.known[id(scope.find(name)), name]

    def _make(self, home: Scope, name: str, key: tuple[int, str]) -> None:
        """Note the value of a tensor whose ingredients are known."""
        if name in home.twice:
            raise ValueError(f"{name!r}: is the name of more than one tensor")
        if name in home.stored:
            self.known[key] = read_tensor(home.stored[name], self.folder)
        elif name not in home.makers:
            where = "the input" if home.around is None else "an input of a body"
            self.known[key] = Unknown(f"{where} {name!r}", given=home.around is None)
        else:
            node = home.makers[name]
            self.nodes -= 1
            if self.nodes < 0:
                raise ValueError(f"more than {NODES} nodes lie between the file and its weights")
            values = [self.known.get((id(home.find(n)), n)) if n else None for n in node.input]
            made = self._apply(home, node, values)
            for output, value in zip(node.output, made, strict=True):
                self.known[id(home), output] = value
        self.known.setdefault(key, Unknown(f"{name!r}, which is not known"))

    def _apply(self, home: Scope, node: Any, values: list[Any]) -> list[Any]:
        """Compute each output of a node from what is known about its inputs."""
        operation, count = node.op_type, len(node.output)
        if not is_standard(node) or operation not in BOUNDS:
            return [Unknown(f"what {describe(node)} computes")] * count
        if operation == "Dropout":
            training = values[2] if len(values) > 2 else None
            if training is None or (isinstance(training, np.ndarray) and not training.any()):
                return values[:1] + [Unknown("the mask of Dropout")] * (count - 1)
            return [Unknown(f"what {describe(node)} draws")] * count
        if operation == "Shape" and values and not isinstance(values[0], np.ndarray):
            scope = home.find(node.input[0])
            if scope is None or scope.around or node.input[0] not in self.shapes:
                return [Unknown(f"the shape of {node.input[0]!r}")] * count
            values = [np.broadcast_to(np.float32(0), self.shapes[node.input[0]])]
        unknown = [value for value in values if isinstance(value, (Unknown, Spread))]
        if not unknown:
            return self._evaluate(node, values)
        whole = values if operation == "Concat" else values[:1]  # the rest are shapes and indices
        if operation == "ConstantOfShape":
            whole = self._evaluate(node, [np.array([1])])
        if operation in MOVES:
            numbers = [_one_number(value) for value in whole]
            if None not in numbers and len({number.item() for number in numbers}) == 1:
                if operation == "Cast":
                    numbers = [array[0] for array in self._evaluate(node, [numbers[0][None]])]
                return [Spread(numbers[0])] * count
        for value in whole if operation in MOVES else unknown:
            if isinstance(value, Unknown):
                given = operation in MOVES and all(getattr(v, "given", False) for v in whole)
                why = f"what is computed from {value.why}"
                return [value if given or not value.given else Unknown(why)] * count
        return [Unknown(f"what {describe(node)} makes, whose shape is open")] * count

    def _opsets_for(self, node: Any) -> list[Any]:
        """The operator sets to run a node with: the model's, if the evaluator has the node there.

        It has DequantizeLinear from version 19 on, which computes what those before do.
        """
        from onnx import helper

        if node.op_type != "DequantizeLinear":
            return self.opsets
        versions = [entry.version for entry in self.opsets if entry.domain in ("", "ai.onnx")]
        return [helper.make_opsetid("", max(19, *versions))]

    def _evaluate(self, node: Any, values: list[Any]) -> list[Any]:
        """Run one node by the reference evaluator."""
        from onnx import TensorProto, helper
        from onnx.reference import ReferenceEvaluator

        try:
            size = int(BOUNDS[node.op_type](node, values))
        except Exception as error:  # shapes that do not fit, missing inputs, no integers
            raise ValueError(f"{describe(node)} cannot be worked out: {error}") from error
        self.room -= size
        if self.room < 0 or size < 0:
            raise ValueError(f"{describe(node)} makes more numbers than belong to such a file")
        names = [name for name in node.input if name]
        feeds = {name: value for name, value in zip(node.input, values, strict=True) if name}
        outputs = [name for name in node.output if name]
        try:
            graph = helper.make_graph(
                [node],
                "one",
                [
                    helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None)
                    for name in dict.fromkeys(names)
                ],
                [helper.make_tensor_value_info(n, TensorProto.UNDEFINED, None) for n in outputs],
            )
            model = helper.make_model(graph, opset_imports=self._opsets_for(node))
            with np.errstate(all="ignore"):
                results = ReferenceEvaluator(model).run(None, feeds)
        except Exception as error:  # each operator has its own
            raise ValueError(f"{describe(node)} cannot be worked out: {error}") from error
        made = dict(zip(outputs, map(np.asarray, results), strict=True))
        return [made.get(name) for name in node.output]


def is_standard(node: Any) -> bool:
    """Return whether a node is one of ONNX's own operators, not of another domain.

    Args:
        node: The ``onnx.NodeProto``.

    Returns:
        bool: True if its domain is ONNX's.

    Example:
        >>> from onnx import helper
        >>> is_standard(helper.make_node("LSTM", [], [], domain="com.example"))
        False
    """
    return node.domain in ("", "ai.onnx")


def describe(node: Any) -> str:
    """Describe a node by its operator and name, for messages.

    Args:
        node: The ``onnx.NodeProto``.

    Returns:
        str: Such as "Gemm 'head'".

    Example:
        >>> from onnx import helper
        >>> describe(helper.make_node("Gemm", [], [], name="head"))
        "Gemm 'head'"
    """
    operation = node.op_type if is_standard(node) else f"{node.domain}.{node.op_type}"
    return f"{operation} {node.name!r}" if node.name else str(operation)


def _needs(node: Any) -> list[str]:
    """The tensors that a node is worked out from: none, if it cannot be worked out anyway."""
    if node is None or not is_standard(node) or node.op_type not in BOUNDS:
        return []
    return [name for name in node.input if name]


def _one_number(value: Any) -> Any:
    """The number that is everywhere in a value, or None."""
    if isinstance(value, Spread):
        return value.number
    if isinstance(value, np.ndarray) and value.size and (value == value.flat[0]).all():
        return value.flat[0]
    return None


# A bound on how many numbers a node makes, from its inputs. Other nodes are not computed.


def _largest(node: Any, values: list[Any]) -> int:
    return max((np.size(value) for value in values), default=1)


def _sum(node: Any, values: list[Any]) -> int:
    return sum(np.size(value) for value in values)


def _broadcast(node: Any, values: list[Any]) -> int:
    return math.prod(np.broadcast_shapes(*map(np.shape, values)))


def _expand(node: Any, values: list[Any]) -> int:
    return math.prod(np.broadcast_shapes(values[0].shape, tuple(map(int, values[1]))))


def _tile(node: Any, values: list[Any]) -> int:
    return int(values[0].size) * math.prod(map(int, np.ravel(values[1])))


def _of_shape(node: Any, values: list[Any]) -> int:
    return math.prod(map(int, values[0]))


def _gather(node: Any, values: list[Any]) -> int:
    return int(values[0].size * values[1].size)


def _none(node: Any, values: list[Any]) -> int:
    return 8  # what is stored already, or the sizes of a shape


def _range(node: Any, values: list[Any]) -> int:
    start, stop, step = (float(value.item()) for value in values)
    return max(math.ceil((stop - start) / step), 0)


def _matmul(node: Any, values: list[Any]) -> int:
    return int(values[0].size * values[1].shape[-1])


BOUNDS: dict[str, Callable[[Any, list[Any]], int]] = {
    **dict.fromkeys(
        (
            "Identity", "Cast", "CastLike", "Reshape", "Squeeze", "Unsqueeze", "Flatten",
            "Slice", "Split", "Transpose", "Dropout", "ReverseSequence",
            "Neg", "Abs", "Sqrt", "Reciprocal", "Floor", "Ceil", "Not",
            "Exp", "Log", "Tanh", "Sigmoid", "Clip", "Trilu", "EyeLike", "DequantizeLinear",
            "ReduceSum", "ReduceProd", "ReduceMax", "ReduceMin", "ReduceMean", "ReduceL2",
            "ReduceSumSquare", "GatherElements", "ScatterElements", "ScatterND",
        ),
        _largest,
    ),
    **dict.fromkeys(
        ("Add", "Sub", "Mul", "Div", "Pow", "Mod", "Min", "Max", "Sum", "Mean", "Where", "Equal",
         "Less", "Greater", "And", "Or"),
        _broadcast,
    ),
    **dict.fromkeys(("Constant", "Shape", "Size"), _none),
    "Concat": _sum,
    "Expand": _expand,
    "Tile": _tile,
    "ConstantOfShape": _of_shape,
    "Gather": _gather,
    "Range": _range,
    "MatMul": _matmul,
}  # fmt: skip

MOVES = {
    "ConstantOfShape", "Expand", "Tile", "Slice", "Split", "Reshape", "Squeeze", "Unsqueeze",
    "Flatten", "Transpose", "Gather", "Identity", "Concat", "Cast",
}  # fmt: skip
"""What only moves numbers: one number everywhere stays so, whatever the shapes are."""
