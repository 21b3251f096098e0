"""The packing contract: which number of ``WLSTM`` lies where.

All weights of an LSTM with input size D and hidden size H are one matrix,
``WLSTM``, of shape (1 + D + H, 4 H). One step multiplies the row
u = [1, x, h_prev] by it::

                       columns  0..H    H..2H   2H..3H   3H..4H
                                 i        f        o        g
    row  0             bias   [ b_i      b_f      b_o      b_g  ]
    rows 1 .. D        of x   [ Wx_i     Wx_f     Wx_o     Wx_g ]
    rows D + 1 .. D+H  of h   [ Wh_i     Wh_f     Wh_o     Wh_g ]

i is the input gate, f the forget gate, o the output gate and g the candidate.
This file knows that order. No other file does: they ask `split_rows` and
`split_gates`. It also holds the checks of arguments, since what they check is
this contract.
"""

from typing import Any, NamedTuple

import numpy as np

GATES = ("i", "f", "o", "g")
"""The gates, in the order of the columns."""

VERSION = 1
"""The version of this layout. Files carry it; it changes with the meaning of a row or column."""

DTYPES = (np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.complex128))
"""What `lstm` computes in. complex128 is there for the complex-step oracle."""


class Sizes(NamedTuple):
    """The sizes that the shape of a ``WLSTM`` fixes.

    Attributes:
        D: Input size, the number of features in one x.
        H: Hidden size, the number of units.
    """

    D: int
    H: int


class Rows(NamedTuple):
    """The three row blocks of a ``WLSTM``, as views.

    Attributes:
        b: Biases, shape (4H,).
        Wx: Weights of the input, shape (D, 4H).
        Wh: Weights of the previous output, shape (H, 4H).
    """

    b: Any
    Wx: Any
    Wh: Any


def sizes(WLSTM: Any) -> Sizes:
    """Read D and H off the shape of a weight matrix.

    Args:
        WLSTM: Anything with a shape, (1 + D + H, 4H).

    Returns:
        Sizes: The named tuple (D, H).

    Raises:
        ValueError: If no D >= 0 and H >= 1 give this shape.

    Example:
        >>> import numpy as np
        >>> sizes(np.zeros((1 + 10 + 4, 4 * 4)))
        Sizes(D=10, H=4)
    """
    shape = np.shape(WLSTM)
    if len(shape) == 2:
        H, rest = divmod(shape[1], 4)
        D = shape[0] - 1 - H
        if rest == 0 and H >= 1 and D >= 0:
            return Sizes(D, H)
    raise ValueError(
        f"WLSTM: expected shape (1 + D + H, 4 * H) with H >= 1 and D >= 0, got {shape}"
    )


def split_rows(WLSTM: Any) -> Rows:
    """Cut a weight matrix into its biases, its x rows and its h rows.

    Args:
        WLSTM: Weights, shape (1 + D + H, 4H).

    Returns:
        Rows: The named tuple (b, Wx, Wh) of views, shapes (4H,), (D, 4H), (H, 4H).

    Raises:
        ValueError: If ``WLSTM`` has not the shape of a weight matrix.

    Example:
        >>> import numpy as np
        >>> [part.shape for part in split_rows(np.zeros((15, 16)))]
        [(16,), (10, 16), (4, 16)]
    """
    D, _ = sizes(WLSTM)
    return Rows(WLSTM[0], WLSTM[1 : 1 + D], WLSTM[1 + D :])


def split_gates(Z: Any) -> tuple[Any, Any, Any, Any]:
    """Cut the last axis into the four gates.

    Args:
        Z: Array of shape (..., 4H): weights, raw gates, gates or their gradients.

    Returns:
        tuple: Views i, f, o, g, each of shape (..., H).

    Example:
        >>> import numpy as np
        >>> i, f, o, g = split_gates(np.arange(8))
        >>> f
        array([2, 3])
    """
    H = Z.shape[-1] // 4
    return Z[..., :H], Z[..., H : 2 * H], Z[..., 2 * H : 3 * H], Z[..., 3 * H :]


def check_array(
    name: str,
    value: Any,
    axes: tuple[str, ...],
    shape: tuple[int | None, ...],
    dtype: np.dtype | None = None,
    like: str = "WLSTM",
) -> np.ndarray:
    """Return ``value`` as an array, or say exactly what is wrong with it.

    Args:
        name: The argument's name, for the message.
        value: What the caller passed.
        axes: One name per axis, for the message.
        shape: One size per axis; None where any size will do.
        dtype: The element type asked for; None for any of `DTYPES`.
        like: The argument that ``dtype`` was taken from, for the message.

    Returns:
        numpy.ndarray: ``value`` itself when it is an array already.

    Raises:
        TypeError: If the elements are of another type.
        ValueError: If the rank or a size differs.

    Example:
        >>> check_array("h0", [0.0, 1.0], ("b", "H"), (3, 4))
        Traceback (most recent call last):
            ...
        ValueError: h0: expected shape (b, H) = (3, 4), got (2,)
    """
    if type(value) is np.ndarray and value.shape == shape and value.dtype is dtype:
        return value  # the common case; a streaming step has little time for checks
    array = as_array(name, value)
    check_dtype(name, array)
    if array.shape != shape and (
        array.ndim != len(shape)
        or any(want not in (None, got) for want, got in zip(shape, array.shape, strict=True))
    ):
        spelled = ", ".join(axes) + ("," if len(axes) == 1 else "")
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        wanted += "," if len(shape) == 1 else ""
        raise ValueError(f"{name}: expected shape ({spelled}) = ({wanted}), got {array.shape}")
    if dtype is not None and array.dtype != dtype:
        raise TypeError(f"{name}: expected dtype {dtype}, as in {like}, got {array.dtype}")
    return array


def check_dtype(name: str, array: np.ndarray) -> None:
    """Refuse an array whose elements `lstm` does not compute with.

    Args:
        name: The argument's name, for the message.
        array: The array.

    Raises:
        TypeError: If the elements are neither float32, float64 nor complex128.

    Example:
        >>> check_dtype("h0", np.zeros(4, dtype=int))
        Traceback (most recent call last):
            ...
        TypeError: h0: expected dtype float32, float64 or complex128, got int64
    """
    if array.dtype not in DTYPES:
        raise TypeError(
            f"{name}: expected dtype float32, float64 or complex128, got {array.dtype}"
        )


def check_weights(WLSTM: Any) -> tuple[np.ndarray, Sizes]:
    """Return ``WLSTM`` as an array together with the sizes it fixes.

    Args:
        WLSTM: Weights, shape (1 + D + H, 4H).

    Returns:
        tuple: The array and its `Sizes`.

    Raises:
        TypeError: If the elements are neither float32, float64 nor complex128.
        ValueError: If the shape is not that of a weight matrix.

    Example:
        >>> import numpy as np
        >>> check_weights(np.zeros((15, 16), dtype=int))
        Traceback (most recent call last):
            ...
        TypeError: WLSTM: expected dtype float32, float64 or complex128, got int64
    """
    array = as_array("WLSTM", WLSTM)
    check_dtype("WLSTM", array)
    return array, sizes(array)


def check_size(name: str, size: Any, least: int) -> None:
    """Refuse a size that is no integer, or too small.

    Args:
        name: The argument's name, for the message.
        size: What the caller passed.
        least: The smallest size that will do.

    Raises:
        TypeError: If it is not an integer.
        ValueError: If it is too small.

    Example:
        >>> check_size("hidden_size", 0, least=1)
        Traceback (most recent call last):
            ...
        ValueError: hidden_size: expected at least 1, got 0
    """
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)):
        raise TypeError(f"{name}: expected an integer, got {size!r}")
    if size < least:
        raise ValueError(f"{name}: expected at least {least}, got {size}")


def as_array(name: str, value: Any) -> np.ndarray:
    """Return ``value`` as an array, or say why it cannot be one.

    Args:
        name: The argument's name, for the message.
        value: What the caller passed.

    Returns:
        numpy.ndarray: ``value`` itself when it is an array already.

    Raises:
        TypeError: If it is None, a masked array, or a tensor that NumPy cannot read.
        ValueError: If it is a list of lists of different lengths.

    Example:
        >>> as_array("h0", [0.0, 1.0])
        array([0., 1.])
    """
    if type(value) is np.ndarray:
        return value
    if value is None:
        raise TypeError(f"{name}: expected an array, got None")
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name}: expected an array, got a masked array, whose mask would be lost")
    try:
        return np.asarray(value)
    except ValueError as error:  # a ragged list
        raise ValueError(f"{name}: expected an array, got {value!r}") from error
    except (TypeError, RuntimeError) as error:  # a tensor that NumPy cannot read as it is
        kind = type(value).__name__
        raise TypeError(f"{name}: expected an array, got a {kind}: {error}") from error
