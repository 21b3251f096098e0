"""The Rosetta table: how each library lays out the weights of an LSTM.

`ROSETTA` has a row for each, and `read` and `write` are two functions that do what a row says:
arrays in the library's layout to one ``WLSTM``, and back. Layouts differ in the order of the
gates, in whether a gate is a block of columns or of rows or has arrays of its own, in the names,
in the biases, and in what the library adds to the forget gate when it runs.

Shapes do not reveal the order or what is added: that is why this table exists, and why the tests
compare each row with the library itself.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arguments import check_weights
from ..layout import GATES, split_gates, split_rows
from ..settings import check_flag
from .names import checked, flat, listed, nested, spelled

__all__ = ["CANDIDATE", "ROSETTA", "Convention", "read", "write"]


class Convention(NamedTuple):
    """One row of the table. A name with "/" in it leads into a dictionary inside another.

    Attributes:
        order: The gates in their order, as the library calls them. i, f and o are the same
            everywhere; our candidate g has other names, too.
        gates: Whether they are blocks of "columns" or of "rows" of shared matrices, or "apart",
            with arrays for each.
        x: The name of the matrix of the inputs, or a name for each gate, in their ``order``.
        h: The same for the matrix of the outputs; equal to ``x`` if one matrix holds both, the
            rows of the inputs first.
        biases: The name of the bias, or of two that are added up. Twice the same name is one
            vector that holds both, one behind the other.
        may_lack_bias: Whether the library allows it without biases.
        state: How the library passes its states.
        arrays: How to get the arrays out of the library, for messages.
        forget_bias: What the library adds to the raw forget gate when it runs.
        turned: Whether the numbers of each gate's block are in the order of its transpose.
        remark: Anything else to know.
    """

    order: str
    gates: Literal["columns", "rows", "apart"]
    x: str | tuple[str, ...]
    h: str | tuple[str, ...]
    biases: tuple[str | tuple[str, ...], ...]
    may_lack_bias: bool
    state: str
    arrays: str
    forget_bias: float = 0.0
    turned: bool = False
    remark: str = ""

    def named(self, pattern: str) -> "Convention":
        """The same convention under other names: each replaces {} in the pattern."""
        return self._replace(
            x=pattern.format(self.x),
            h=pattern.format(self.h),
            biases=tuple(pattern.format(name) for name in self.biases),
        )


def _each(name: str, gates: str = "i f g o") -> tuple[str, ...]:
    """The names of the arrays for each gate."""
    return tuple(name.format(gate) for gate in gates.split())


# fmt: off
ROSETTA: dict[str, Convention] = {
    "PyTorch": Convention(
        order="i f g o", gates="rows",
        x="weight_ih", h="weight_hh", biases=("bias_ih", "bias_hh"),
        may_lack_bias=True, state="(h, c)", arrays="module.state_dict()",
        remark="names end in the layer, such as _l0, and _reverse",
    ),
    "Keras": Convention(
        order="i f c o", gates="columns",
        x="kernel", h="recurrent_kernel", biases=("bias",),
        may_lack_bias=True, state="[h, c]", arrays="layer.get_weights()",
        remark="unit_forget_bias starts the forget bias at 1, and stores it",
    ),
    "Keras CuDNNLSTM": Convention(
        order="i f c o", gates="columns", x="kernel", h="recurrent_kernel", biases=("bias", "bias"),
        may_lack_bias=False, state="[h, c]", arrays="layer.get_weights()", turned=True,
        remark="each gate's block holds the numbers of its transpose, row by row",
    ),
    "TensorFlow 1 BasicLSTMCell": Convention(
        order="i j f o", gates="columns", x="kernel", h="kernel", biases=("bias",),
        may_lack_bias=False, state="(c, h)", forget_bias=1.0,
        arrays="session.run({v.op.name: v for v in cell.weights})",
        remark="LSTMCell, too; forget_bias is an argument, and in no file",
    ),
    "TensorFlow 1 LSTMBlockCell": Convention(
        order="i ci f o", gates="columns", x="kernel", h="kernel", biases=("bias",),
        may_lack_bias=False, state="(c, h)", forget_bias=1.0,
        arrays="session.run({v.op.name: v for v in cell.weights})",
        remark="forget_bias is an argument, and in no file",
    ),
    "Flax linen": Convention(
        order="i f g o", gates="apart", x=_each("i{}/kernel"), h=_each("h{}/kernel"),
        biases=(_each("h{}/bias"),), may_lack_bias=False, state="(c, h)",
        arrays='variables["params"]', remark="LSTMCell and OptimizedLSTMCell",
    ),
    "Flax nnx": Convention(
        order="i f g o", gates="apart", x=_each("i{}/kernel", "i f_ g o"), h=_each("h{}/kernel"),
        biases=(_each("h{}/bias"),), may_lack_bias=False, state="(c, h)",
        arrays="nnx.to_pure_dict(nnx.state(cell, nnx.Param))", remark="LSTMCell alone",
    ),
    "Flax nnx, optimized": Convention(
        order="i f g o", gates="columns", x="dense_i/kernel", h="dense_h/kernel",
        biases=("dense_h/bias",), may_lack_bias=False, state="(c, h)",
        arrays="nnx.to_pure_dict(nnx.state(cell, nnx.Param))", remark="OptimizedLSTMCell",
    ),
    "Equinox": Convention(
        order="i f g o", gates="rows", x="weight_ih", h="weight_hh", biases=("bias",),
        may_lack_bias=True, state="(h, c)", arrays="vars(cell)",
    ),
    "Haiku": Convention(
        order="i g f o", gates="columns", x="w", h="w", biases=("b",),
        may_lack_bias=False, state="(hidden, cell)", arrays='params["lstm/linear"]',
        forget_bias=1.0, remark="the 1 is in no file",
    ),
    "ONNX": Convention(
        order="i o f c", gates="rows", x="W", h="R", biases=("B", "B"),
        may_lack_bias=True, state="h, c", arrays="W[0], R[0] and B[0] of an LSTM node",
        remark="the first axis of each tensor is the direction",
    ),
    "MLX": Convention(
        order="i f g o", gates="rows", x="Wx", h="Wh", biases=("bias",),
        may_lack_bias=True, state="all h, all c", arrays="layer.parameters()",
    ),
    "tinygrad": Convention(
        order="i f g o", gates="rows", x="weight_ih", h="weight_hh", biases=("bias_ih", "bias_hh"),
        may_lack_bias=True, state="(h, c)",
        arrays="{name: value.numpy() for name, value in get_state_dict(cell).items()}",
    ),
    "separate gates": Convention(
        order="f i o g", gates="apart", x=_each("W_{}", "f i o g"), h=_each("W_{}", "f i o g"),
        biases=(_each("b_{}", "f i o g"),), may_lack_bias=False, state="h, c",
        arrays='variables["params"]', remark="this book's cell of chapter 2",
    ),
}
# fmt: on
"""The table. The order of the gates in our own matrix is in `lstm.layout`."""

CANDIDATE = ("g", "c", "ci", "j")
"""What the candidate g is called."""


def read(convention: Convention, arrays: Any, where: str) -> NDArray[Any]:
    """Convert a library's arrays, of one layer and direction, to one ``WLSTM``.

    Args:
        convention: A row of the table.
        arrays: The arrays by name; where a name has "/", dictionaries inside a dictionary.
            All of one dtype.
        where: The caller's name for them, for messages.

    Returns:
        numpy.ndarray: ``WLSTM``, shape (1 + D + H, 4H), a new array.

    Raises:
        TypeError: If ``arrays`` is not a dictionary, or an array has the wrong dtype.
        ValueError: If a name is missing or unknown, or an array has the wrong shape.

    Example:
        >>> arrays = {"w": np.zeros((5, 8)), "b": np.zeros(8)}
        >>> read(ROSETTA["Haiku"], arrays, "params")[0]  # and Haiku's 1
        array([0., 0., 1., 1., 0., 0., 0., 0.])
    """
    c = convention
    given, arrays = arrays, flat(arrays, where, c.arrays)
    has_bias = _check_names(c, given, set(arrays), where)
    in_rows, joined = c.gates == "rows", c.x == c.h
    width, blocks = ("H", 1) if c.gates == "apart" else ("4 * H", 4)

    def array(name: str, axes: tuple[str, ...], shape: tuple[int | None, ...]) -> NDArray[Any]:
        return checked(spelled(where, name), arrays[name], axes, shape, dtype, like)

    # The first to be read says what H and the dtype are.
    dtype, first = None, _tuple(c.biases[0] if joined else c.h)[0]
    like = spelled(where, first)
    if joined:
        value = array(first, (width,), (None,))
        H = len(value) // blocks
    else:
        value = array(first, (width, "H") if in_rows else ("H", width), (None, None))
        H = value.shape[1 if in_rows else 0]
    if H < 1:
        raise ValueError(f"{like}: expected H of at least 1, got shape {value.shape}")
    dtype = value.dtype

    def matrix(names: str | tuple[str, ...], rows: str, size: int | None) -> NDArray[Any]:
        """A matrix or those of the four gates, brought to (rows, 4H), gates in their order."""
        parts = []
        for name in _tuple(names):
            axes, shape = (rows, width), (size, blocks * H)
            part = array(name, axes[::-1], shape[::-1]).T if in_rows else array(name, axes, shape)
            size = len(part)  # the other gates are as the first
            parts.append(part)
        return np.hstack(parts)

    if joined:
        W = matrix(c.x, "D + H", None)
        if len(W) < H:
            raise ValueError(
                f"{spelled(where, _tuple(c.x)[0])}: expected shape (D + H, {width}) with H = {H}, "
                f"as in {like}, and D of at least 0, got {len(W)} rows"
            )
        kernels = [W]
    else:
        kernels = [matrix(c.h, "H", H), matrix(c.x, "D", None)][::-1]
    b = np.zeros(4 * H, dtype)
    for names, count in Counter(c.biases).items() if has_bias else ():
        axes = (width if count == 1 else "8 * H",)
        vectors = [array(name, axes, (count * blocks * H,)) for name in _tuple(names)]
        b += sum(np.split(np.hstack(vectors), count))
    if c.turned:
        kernels = [_turn(kernel) for kernel in kernels]
    by_gate = dict(zip(_gates(c), split_gates(np.vstack([b, *kernels])), strict=True))
    by_gate["f"][0] += c.forget_bias
    return np.hstack([by_gate[gate] for gate in GATES])


def write(convention: Convention, WLSTM: ArrayLike, bias: bool = True) -> dict[str, Any]:
    """Convert a ``WLSTM`` to a library's arrays, of one layer and direction.

    If the library adds up two biases, the first gets the whole sum and the second is zero, which
    gives the same outputs. A *gradient* may be converted only if there is one bias and nothing is
    added to it: with two biases, each has the gradient of the sum, and a constant has none.

    Args:
        convention: A row of the table.
        WLSTM: Weights, shape (1 + D + H, 4H).
        bias: False for a layer or cell without biases; row 0 must then be zero.

    Returns:
        dict: New arrays by name; where a name has "/", dictionaries inside a dictionary.

    Raises:
        TypeError: If ``WLSTM`` is of another dtype.
        ValueError: If ``WLSTM`` is not a weight matrix, or ``bias`` is False although the biases
            are not zero or the library always has them.

    Example:
        >>> arrays = write(ROSETTA["PyTorch"], np.zeros((6, 8)))
        >>> {name: array.shape for name, array in arrays.items()}
        {'weight_ih': (8, 3), 'weight_hh': (8, 2), 'bias_ih': (8,), 'bias_hh': (8,)}
    """
    c = convention
    W, _ = check_weights(WLSTM)
    bias = check_flag("bias", bias)
    if not bias and not c.may_lack_bias:
        raise ValueError("bias: expected True, as this library's LSTM always has biases")
    if not bias and np.any(W[0]):
        raise ValueError("bias: expected True, as the biases (row 0 of WLSTM) are not zero")
    by_gate = dict(zip(GATES, split_gates(W.copy()), strict=True))
    by_gate["f"][0] -= c.forget_bias
    rows = np.hstack([by_gate[gate] for gate in _gates(c)])
    b, Wx, Wh = split_rows(rows)
    parts: dict[Any, NDArray[Any]] = {c.x: rows[1:]} if c.x == c.h else {c.x: Wx, c.h: Wh}
    if c.turned:
        parts = {names: _turn(part, back=True) for names, part in parts.items()}
    if c.gates == "rows":
        parts = {names: part.T for names, part in parts.items()}
    for names, count in Counter(c.biases).items() if bias else ():
        parts[names] = np.hstack([b] + [np.zeros_like(b)] * (count - 1))
        b = np.zeros_like(b)
    arrays: dict[str, NDArray[Any]] = {}
    for names, part in parts.items():
        pieces = split_gates(part) if c.gates == "apart" else (part,)
        arrays |= {n: np.array(p, order="C") for n, p in zip(_tuple(names), pieces, strict=True)}
    return nested(arrays)


def _check_names(c: Convention, given: Mapping[str, Any], names: set[str], where: str) -> bool:
    """Refuse names that are not in a row, and return whether there are biases."""
    weights = {name for part in (c.x, c.h) for name in _tuple(part)}
    biases = {name for part in c.biases for name in _tuple(part)}
    has_bias = bool(biases & names) or not c.may_lack_bias
    missing = (weights | biases if has_bias else weights) - names
    unknown = names - weights - biases
    if missing or unknown:
        for key, value in given.items():
            if isinstance(value, Mapping) and weights <= set(flat(value, where, c.arrays)):
                raise ValueError(
                    f"{where}: expected the arrays themselves, {c.arrays}, got a dictionary that "
                    f"has them under {key!r}; pass {where}[{key!r}]"
                )
        wrong = [f"lacks {listed(missing)}"] * bool(missing)
        wrong += [f"has also {listed(unknown)}"] * bool(unknown)
        either = ", all biases or none" if c.may_lack_bias else ""
        raise ValueError(
            f"{where}: expected {listed(weights | biases)}{either}; it {' and '.join(wrong)}"
        )
    return has_bias


def _gates(convention: Convention) -> list[str]:
    """The order of the gates by our names."""
    return ["g" if gate in CANDIDATE else gate for gate in convention.order.split()]


def _turn(kernel: NDArray[Any], back: bool = False) -> NDArray[Any]:
    """CuDNN's blocks of (rows, H) hold the numbers of (H, rows), row by row; or back to that."""
    turned = []
    for block in split_gates(kernel):
        rows, H = block.shape
        turned.append(block.T.reshape(rows, H) if back else block.reshape(H, rows).T)
    return np.hstack(turned)


def _tuple(names: str | tuple[str, ...]) -> tuple[str, ...]:
    """The names of the arrays that a part is made of."""
    return (names,) if isinstance(names, str) else names
