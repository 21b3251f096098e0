"""Rows that several tables share, and the LSTM's own rows by name.

`row` makes a row of a table with one label: the book prints what it computes and its
derivatives as one equation. The helpers make rows whose values may have other names in other
tables.
"""

from collections.abc import Callable
from typing import Any

from .. import reference
from ..steps import Derivative, Step, Values, glue, numpy_of, sigmoid

__all__ = [
    "LSTM", "blend", "cut", "exp", "gates", "linear", "one_and", "row", "size", "squash", "summed",
    "where",
]  # fmt: skip

LSTM: dict[str, Step] = {step.name: step for step in reference.STEPS}
"""The rows of `lstm.reference` by the value that they compute."""


def row(
    name: str,
    label: str,
    forward: Callable[[Values], Any],
    **backward: Callable[[Values, Any], Any] | Derivative,
) -> Step:
    """Make a row of a table.

    Args:
        name: The value that it computes.
        label: The label of the equation that contains the value and its derivatives.
        forward: The operation.
        **backward: The derivative for each input; a pair if it has a label of its own.

    Returns:
        Step: The row.

    Example:
        >>> row("y", "eq-y", lambda v: 2 * v.x, x=lambda v, dy: 2 * dy).name
        'y'
    """
    pairs = {k: d if isinstance(d, tuple) else (label, d) for k, d in backward.items()}
    return Step(name, label, forward, pairs)


def linear(y: str, u: str, M: str) -> Step:
    """Make the row of a product with a matrix, y = u M.

    Args:
        y: The result, (b, columns).
        u: The input, (b, rows).
        M: The parameter, (rows, columns).

    Returns:
        Step: The row.

    Example:
        >>> linear("a", "x", "A").backward.keys()
        dict_keys(['x', 'A'])
    """
    return Step(
        y,
        "eq-by-matrix",
        lambda v: getattr(v, u) @ getattr(v, M),
        {
            u: ("eq-by-matrix", lambda v, dy: dy @ getattr(v, M).T),
            M: ("eq-by-matrix", lambda v, dy: getattr(v, u).T @ dy),
        },
    )


def one_and(u: str, part: str) -> Step:
    """Make the row u = [1, x] that puts a column of ones beside an array.

    Args:
        u: The result, (b, 1 + columns).
        part: The array, (b, columns).

    Returns:
        Step: The row.

    Example:
        >>> one_and("u", "x").name
        'u'
    """

    def forward(v: Values) -> Any:
        a = getattr(v, part)
        return glue([numpy_of(a).ones((len(a), 1), a.dtype), a])

    return row(u, "eq-one-and", forward, **{part: lambda v, du: du[:, 1:]})


def cut(name: str, source: str, position: int, blocks: int) -> Step:
    """Make the row that cuts out one of several equal blocks of columns.

    Args:
        name: The block, (b, H).
        source: What it is cut from, (b, blocks H).
        position: The number of the block, from 0.
        blocks: The number of blocks.

    Returns:
        Step: The row.

    Example:
        >>> cut("z_f", "z", 1, 4).label
        'eq-cut'
    """

    def forward(v: Values) -> Any:
        z = getattr(v, source)
        H = z.shape[1] // blocks
        return z[:, position * H : (position + 1) * H]

    def uncut(v: Values, dz: Any) -> Any:
        zero = numpy_of(dz).zeros_like(dz)
        return glue([dz if column == position else zero for column in range(blocks)])

    return Step(name, "eq-cut", forward, {source: ("eq-dz", uncut)})


def gates(order: str, source: str = "z") -> list[Step]:
    """Make rows that cut out raw gates and squash each: g by tanh, the others by the sigmoid.

    Args:
        order: The gates in the order of the blocks, such as "i o g".
        source: What they are cut from.

    Returns:
        list: Two rows for each gate.

    Example:
        >>> [step.name for step in gates("i g")]
        ['z_i', 'i', 'z_g', 'g']
    """
    names = order.split()
    rows = []
    for position, k in enumerate(names):
        rows += [cut(f"z_{k}", source, position, len(names)), squash(k)]
    return rows


def squash(k: str) -> Step:
    """Make the row that squashes one raw gate z_k.

    Args:
        k: The gate.

    Returns:
        Step: The row.

    Example:
        >>> squash("o").backward["z_o"][0]
        'eq-dz-sigmoid'
    """
    if k in LSTM:
        return LSTM[k]
    slope: Derivative = (
        "eq-dz-sigmoid",
        lambda v, dk: dk * getattr(v, k) * (1 - getattr(v, k)),
    )
    return Step(k, "eq-gates", lambda v: sigmoid(getattr(v, f"z_{k}")), {f"z_{k}": slope})


def blend(keep: str, new: str) -> Step:
    """Make the row of a weighted mean of old and new, h = k h_prev + (1 - k) y.

    Args:
        keep: The gate k, (b, H).
        new: The candidate y, (b, H).

    Returns:
        Step: The row h.

    Example:
        >>> list(blend("f", "g").backward)
        ['f', 'h_prev', 'g']
    """

    def k(v: Values) -> Any:
        return getattr(v, keep)

    return Step(
        "h",
        "eq-blend",
        lambda v: k(v) * v.h_prev + (1 - k(v)) * getattr(v, new),
        {
            keep: ("eq-blend", lambda v, dh: dh * (v.h_prev - getattr(v, new))),
            "h_prev": ("eq-blend", lambda v, dh: dh * k(v)),
            new: ("eq-blend", lambda v, dh: dh * (1 - k(v))),
        },
    )


def exp(z: Any) -> Any:
    """The exponential of a NumPy or JAX array.

    Example:
        >>> import numpy as np
        >>> float(exp(np.zeros(())))
        1.0
    """
    return numpy_of(z).exp(z)


def size(z: Any) -> Any:
    """The absolute value; of complex numbers its continuation, so that complex steps can judge it.

    Example:
        >>> import numpy as np
        >>> size(np.array([-2.0, 3.0]))
        array([2., 3.])
    """
    return where(z.real < 0, -z, z)


def summed(a: Any) -> Any:
    """The sum over the batch, which is the gradient of what all rows share.

    Example:
        >>> import numpy as np
        >>> summed(np.ones((3, 2)))
        array([3., 3.])
    """
    return a.sum(axis=0)


def where(condition: Any, a: Any, b: Any) -> Any:
    """The elements of one NumPy or JAX array where a condition holds, of another elsewhere.

    Example:
        >>> import numpy as np
        >>> where(np.array([True, False]), np.array([1.0, 2.0]), np.array([3.0, 4.0]))
        array([1., 4.])
    """
    return numpy_of(condition, a, b).where(condition, a, b)
