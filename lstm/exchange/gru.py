"""The GRU's Rosetta table: how each library lays out its weights, and which form it is.

Two things cannot be seen in a shape. The order of the gates is one; the other is the *form*:
whether the reset gate is applied before the product with the candidate's matrix or after it.
With the weights of one form a layer of the other computes something else. So `read` and `write`
use the parameters of the row's form: those of `lstm.variants.gru.cell` for "before", and of
`lstm.variants.gru.cell_after` for "after".

One layer and one direction at a time. No library is imported: arrays in, arrays out.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..settings import check_flag
from .names import checked, flat, listed, nested, spelled

__all__ = ["GATES", "ROSETTA", "Convention", "read", "write"]

GATES = "rfg"
"""The reset gate, the update gate (what is kept) and the candidate, as we name them; W has two."""


class Convention(NamedTuple):
    """One row of the table. A name with "/" in it leads into a dictionary inside another.

    Attributes:
        order: The gates in their order, as the library calls them: z is our f; n and h are
            our candidate g.
        form: "before" or "after": whether h is reset before or after the product.
        gates: Whether they are blocks of "columns" or of "rows", or "apart" in arrays of
            their own.
        x: The name of the matrix of the inputs, with {} for the gate if they are apart.
        h: The same for the matrix of the outputs.
        biases: "two" vectors of 3H, "stacked" in one of (2, 3H), "joined" in one of 6H, "one"
            of 3H, or "some": where gates are apart, those that the library has.
        bias: The names of the biases.
        state: How the library passes its state.
        arrays: How to get the arrays out of the library, for messages.
    """

    order: str
    form: Literal["before", "after"]
    gates: Literal["columns", "rows", "apart"]
    x: str
    h: str
    biases: Literal["two", "stacked", "joined", "one", "some"]
    bias: tuple[str, ...]
    state: str
    arrays: str


# fmt: off
ROSETTA: dict[str, Convention] = {
    "PyTorch": Convention(
        "r z n", "after", "rows", "weight_ih", "weight_hh", "two", ("bias_ih", "bias_hh"),
        "h", "module.state_dict(), names without their _l0",
    ),
    "Keras, reset_after": Convention(
        "z r h", "after", "columns", "kernel", "recurrent_kernel", "stacked", ("bias",),
        "h", "{v.name: v.numpy() for v in layer.cell.weights}",
    ),
    "Keras, reset_after=False": Convention(
        "z r h", "before", "columns", "kernel", "recurrent_kernel", "one", ("bias",),
        "h", "{v.name: v.numpy() for v in layer.cell.weights}",
    ),
    "Flax linen": Convention(
        "r z n", "after", "apart", "i{}/kernel", "h{}/kernel", "some",
        ("ir/bias", "iz/bias", "in/bias", "hn/bias"), "h", 'variables["params"]',
    ),
    "ONNX, linear_before_reset=1": Convention(
        "z r h", "after", "rows", "W", "R", "joined", ("B",),
        "initial_h", "W[0], R[0] and B[0] of a GRU node",
    ),
    "ONNX": Convention(
        "z r h", "before", "rows", "W", "R", "joined", ("B",),
        "initial_h", "W[0], R[0] and B[0] of a GRU node",
    ),
}
# fmt: on
"""The table."""

OURS = {"r": "r", "z": "f", "n": "g", "h": "g"}
"""A library's name of a gate, and ours."""


def read(convention: Convention, arrays: Any, where: str = "arrays") -> dict[str, NDArray[Any]]:
    """Convert a library's arrays to the parameters of a cell.

    Args:
        convention: A row of the table.
        arrays: The arrays by name, all of one dtype. If there are no biases, zeros are used.
        where: The caller's name for them, for messages.

    Returns:
        dict: W and V for ``gru.cell``, or W, V and R for ``gru.cell_after``, new arrays.

    Raises:
        TypeError: If ``arrays`` is not a dictionary, or an array has the wrong dtype.
        ValueError: If a name is missing or unknown, or an array has the wrong shape.

    Example:
        >>> arrays = {"weight_ih": np.zeros((12, 3)), "weight_hh": np.zeros((12, 4))}
        >>> {name: value.shape for name, value in read(ROSETTA["PyTorch"], arrays).items()}
        {'W': (8, 8), 'V': (4, 4), 'R': (5, 4)}
    """
    c = convention
    given = flat(arrays, where, c.arrays)
    order = c.order.split()
    ours = [OURS[k] for k in order]
    kernels = {part: [n.format(k) for k in order] if c.gates == "apart" else [n]
               for part, n in (("h", c.h), ("x", c.x))}  # fmt: skip
    wanted = {name for names in kernels.values() for name in names}
    has_bias = c.biases == "some" or bool(set(c.bias) & set(given))
    expected = wanted | set(c.bias) if has_bias else wanted
    if expected != set(given):
        either = "" if c.biases == "some" else ", all biases or none"
        raise ValueError(
            f"{where}: expected {listed(wanted | set(c.bias))}{either}, got {listed(given)}"
        )
    first = kernels["h"][0]
    like, square = spelled(where, first), given[first]
    H = checked(like, square, ("rows", "columns"), (None, None), None, "").shape[c.gates == "rows"]
    dtype = np.asarray(square).dtype
    wide, blocks = ("H", 1) if c.gates == "apart" else ("3 * H", 3)

    def blocks_of(names: list[str], axis: str, size: int | None) -> list[NDArray[Any]]:
        """A matrix as its three blocks (rows, H)."""
        parts = []
        for name in names:
            axes: tuple[str, ...] = (axis, wide)
            shape: tuple[int | None, ...] = (size, blocks * H)
            if c.gates == "rows":
                axes, shape = axes[::-1], shape[::-1]
            part = checked(spelled(where, name), given[name], axes, shape, dtype, like)
            part = part.T if c.gates == "rows" else part
            size = len(part)
            parts += np.split(part, blocks, axis=1)
        return parts

    h = dict(zip(ours, blocks_of(kernels["h"], "H", H), strict=True))
    x = dict(zip(ours, blocks_of(kernels["x"], "D", None), strict=True))
    bx, bh = ({k: np.zeros(H, dtype) for k in GATES} for _ in range(2))

    def vector(name: str, axes: tuple[str, ...], shape: tuple[int, ...]) -> NDArray[Any]:
        return checked(spelled(where, name), given[name], axes, shape, dtype, like)

    if c.biases == "some":
        for name in c.bias:
            (bh if name[0] == "h" else bx)[OURS[name[1]]] = vector(name, ("H",), (H,))
    elif has_bias:
        axes: tuple[str, ...] = ("3 * H",)
        shape: tuple[int, ...] = (3 * H,)
        if c.biases == "stacked":
            axes, shape = ("2", *axes), (2, *shape)
        elif c.biases == "joined":
            axes, shape = ("6 * H",), (6 * H,)
        vectors = np.stack([vector(name, axes, shape) for name in c.bias])
        for into, row in zip((bx, bh), vectors.reshape(-1, 3 * H), strict=False):
            into |= dict(zip(ours, np.split(row, 3), strict=True))

    def stack(b: Any, *parts: Any) -> NDArray[Any]:
        return np.vstack([b, *parts])

    W = np.hstack([stack(bx[k] + bh[k], x[k], h[k]) for k in "rf"])
    if c.form == "before":
        return {"W": W, "V": stack(bx["g"] + bh["g"], x["g"], h["g"])}
    return {"W": W, "V": stack(bx["g"], x["g"]), "R": stack(bh["g"], h["g"])}


def write(
    convention: Convention, params: Mapping[str, NDArray[Any]], bias: bool = True
) -> dict[str, Any]:
    """Convert the parameters of a cell to a library's arrays.

    If the library adds up two biases, the first gets the whole sum.

    Args:
        convention: A row of the table.
        params: Parameters of ``gru.cell`` or ``gru.cell_after``, depending on the row's form.
        bias: False for a layer without biases; the stack's biases must then be zero.

    Returns:
        dict: New arrays by name; where a name has "/", dictionaries inside a dictionary.

    Raises:
        ValueError: If the parameters are of the other form or of another shape, or biases
            that are not zero would be lost.

    Example:
        >>> from lstm.variants import gru
        >>> arrays = write(ROSETTA["ONNX"], gru.cell(3, 4).init(0))
        >>> {name: value.shape for name, value in arrays.items()}
        {'W': (12, 3), 'R': (12, 4), 'B': (24,)}
    """
    c = convention
    names, cell = (["W", "V"], "cell") if c.form == "before" else (["W", "V", "R"], "cell_after")
    if set(params) != set(names):
        raise ValueError(
            f"params: expected {names}, those of gru.{cell}, as this library resets h {c.form} the "
            f"product, got {list(params)}"
        )
    W, V = (np.asarray(params[name]) for name in ("W", "V"))
    if W.ndim != 2 or V.ndim != 2:
        raise ValueError(
            f"params: expected matrices, got W of shape {W.shape} and V of shape {V.shape}"
        )
    H = V.shape[1]
    D = len(W) - 1 - H
    shapes = {"W": (1 + D + H, 2 * H), "V": (1 + D + H * (c.form == "before"), H), "R": (1 + H, H)}
    for name in names:
        if np.shape(params[name]) != shapes[name]:
            got = np.shape(params[name])
            raise ValueError(f"params[{name!r}]: expected shape {shapes[name]}, got {got}")
    R = np.vstack([np.zeros((1, H), V.dtype), V[1 + D :]]) if c.form == "before" else params["R"]
    mine = dict(zip("rf", np.split(W, 2, axis=1), strict=True))
    x = {k: mine[k][1 : 1 + D] for k in "rf"} | {"g": V[1 : 1 + D]}
    h = {k: mine[k][1 + D :] for k in "rf"} | {"g": R[1:]}
    bx = {k: mine[k][0] for k in "rf"} | {"g": V[0]}
    none = np.zeros(H, V.dtype)
    bh = {"r": none, "f": none, "g": R[0]}
    bias = check_flag("bias", bias)
    if not bias and (c.biases == "some" or any(b.any() for b in (*bx.values(), *bh.values()))):
        raise ValueError("bias: expected True, as the biases are not zero or the library has them")

    order = [OURS[k] for k in c.order.split()]
    arrays: dict[str, NDArray[Any]] = {}
    if c.gates == "apart":
        for k in c.order.split():
            arrays |= {c.x.format(k): x[OURS[k]], c.h.format(k): h[OURS[k]]}
        for name in c.bias:
            arrays[name] = (bh if name[0] == "h" else bx)[OURS[name[1]]]
    else:
        for name, kernel in ((c.x, x), (c.h, h)):
            whole = np.hstack([kernel[k] for k in order])
            arrays[name] = whole.T if c.gates == "rows" else whole
        rows = [np.hstack([b[k] for k in order]) for b in (bx, bh)]
        if bias:
            both: dict[str, list[Any]] = {
                "two": rows, "stacked": [rows], "joined": [np.hstack(rows)], "one": rows[:1]
            }  # fmt: skip
            arrays |= dict(zip(c.bias, both[c.biases], strict=True))
    return nested({name: np.array(value, order="C") for name, value in arrays.items()})
