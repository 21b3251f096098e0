"""The checks of arguments: every public function asks them, and they name what is wrong.

A message says which argument it is, what was expected and what came. Nothing is converted in
silence: an array of another dtype is refused, not cast.
"""

from typing import Any

import numpy as np

from .layout import Sizes, sizes

__all__ = ["DTYPES", "as_array", "check_array", "check_dtype", "check_size", "check_weights"]

DTYPES = (np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.complex128))
"""What `lstm` computes in. complex128 is there for the complex-step oracle."""


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
        raise TypeError(f"{name}: expected dtype float32, float64 or complex128, got {array.dtype}")


def check_weights(WLSTM: Any) -> tuple[np.ndarray, Sizes]:
    """Return ``WLSTM`` as an array together with the sizes it fixes.

    Args:
        WLSTM: Weights, shape (1 + D + H, 4H).

    Returns:
        tuple: The array and its `lstm.layout.Sizes`.

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
