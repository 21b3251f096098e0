"""The checks of arrays, which every public function makes, and whose errors name what is wrong.

A message says which argument it is about, what was expected and what was passed. Nothing is
converted silently: an array of another dtype is refused, not cast. The checks of sizes, seeds and
other single values are in `lstm.settings`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .layout import Sizes, sizes

__all__ = [
    "DTYPES",
    "ArrayLike",
    "Numbers",
    "array_or_zeros",
    "as_array",
    "check_array",
    "check_cache",
    "check_dtype",
    "check_lengths",
    "check_unmasked",
    "check_weights",
    "length",
    "short",
    "what_to_pass",
]


class Numbers(Protocol):
    """Whatever NumPy reads as an array: its own, JAX's, a tensor of PyTorch, a table of pandas."""

    def __array__(self) -> Any:
        """Return the numbers as a NumPy array."""


ArrayLike: TypeAlias = (
    Numbers
    | Sequence[complex]
    | Sequence[Sequence[complex]]
    | Sequence[Sequence[Sequence[complex]]]
    | Sequence[Numbers]
)
"""An array, or lists of numbers. NumPy's own `ArrayLike` takes text, too; this one does not."""

DTYPES = (np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.complex128))
"""What `lstm` computes in. complex128 is there for the complex-step oracle."""


def check_array(
    name: str,
    value: Any,
    axes: tuple[str, ...],
    shape: tuple[int | None, ...],
    dtype: np.dtype[Any] | None = None,
    like: str = "WLSTM",
) -> NDArray[Any]:
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
        TypeError: If the elements have the wrong type.
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


def array_or_zeros(
    name: str, value: Any, axes: tuple[str, ...], shape: tuple[int, ...], dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Return a state, or a gradient, checked by `check_array`; zeros if it was not given.

    Args:
        name: The argument's name, for the message.
        value: What the caller passed; None for zeros.
        axes: One name per axis, for the message.
        shape: The shape asked for.
        dtype: The element type asked for, that of WLSTM.

    Returns:
        numpy.ndarray: Of that shape and dtype.

    Raises:
        TypeError: If the elements have the wrong type.
        ValueError: If the shape differs.

    Example:
        >>> array_or_zeros("c0", None, ("b", "H"), (1, 2), np.dtype("float64"))
        array([[0., 0.]])
    """
    return np.zeros(shape, dtype) if value is None else check_array(name, value, axes, shape, dtype)


def check_dtype(name: str, array: NDArray[Any]) -> None:
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


def check_weights(WLSTM: Any, name: str = "WLSTM") -> tuple[NDArray[Any], Sizes]:
    """Return ``WLSTM`` as an array together with the sizes it fixes.

    Args:
        WLSTM: Weights, shape (1 + D + H, 4H).
        name: What they are called, for the message.

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
    array = as_array(name, WLSTM)
    check_dtype(name, array)
    try:
        return array, sizes(array)
    except ValueError as error:
        raise ValueError(str(error).replace("WLSTM", name, 1)) from None


def check_lengths(lengths: Any, n: int, b: int, name: str = "lengths") -> NDArray[np.intp] | None:
    """Return the lengths of the sequences of a batch as an array, or say what is wrong with them.

    Args:
        lengths: The number of steps of each sequence; None if all have n.
        n: The number of steps of the batch.
        b: The number of sequences.
        name: The argument's name, for the message.

    Returns:
        numpy.ndarray or None: The lengths, shape (b,), a new array.

    Raises:
        TypeError: If they are not integers.
        ValueError: If there are not b of them, or one is negative or above n.

    Example:
        >>> check_lengths([5, 6], n=5, b=2)
        Traceback (most recent call last):
            ...
        ValueError: lengths: expected numbers from 0 to n = 5, got [5, 6]
    """
    if lengths is None:
        return None
    lengths = as_array(name, lengths)
    if lengths.dtype.kind not in "iu" and lengths.shape != (0,):  # [] is of no integer type
        raise TypeError(f"{name}: expected integers, got dtype {lengths.dtype}")
    if lengths.shape != (b,):
        raise ValueError(f"{name}: expected shape (b,) = ({b},), got {lengths.shape}")
    if b and (lengths.min() < 0 or lengths.max() > n):
        raise ValueError(f"{name}: expected numbers from 0 to n = {n}, got {lengths.tolist()}")
    return np.array(lengths, np.intp)


def check_cache(cache: Any, kind: type, function: str) -> None:
    """Refuse a cache that another function returned.

    Args:
        cache: What the caller passed.
        kind: The class of the right one.
        function: The function that returns it, for the message.

    Raises:
        TypeError: If ``cache`` is of another class.

    Example:
        >>> check_cache(None, tuple, "recompute.forward")
        Traceback (most recent call last):
            ...
        TypeError: cache: expected the Cache of recompute.forward, got None
    """
    if isinstance(cache, kind):
        return
    name, module = type(cache).__name__, type(cache).__module__
    if name == "Cache" and module.startswith("lstm."):
        module = module.removeprefix("lstm.")
        got = f"that of {({'fused': 'lstm', 'network': 'train'}).get(module, module)}.forward"
    elif hasattr(cache, "cache"):
        got = f"the whole {name}: pass its field cache"
    else:
        got = "None" if cache is None else f"a {name}"
    if cache is None and function in ("lstm.forward", "stack.forward"):
        got += ", which is what it returns with cache=False"
    raise TypeError(f"cache: expected the Cache of {function}, got {got}")


def as_array(name: str, value: Any) -> NDArray[Any]:
    """Return ``value`` as an array, or say why it cannot be one.

    Args:
        name: The argument's name, for the message.
        value: What the caller passed.

    Returns:
        numpy.ndarray: ``value`` itself when it is an array already.

    Raises:
        TypeError: If it is None, a masked array, a tensor that NumPy cannot read, or an object
            that holds arrays, such as a module, a layer or a dictionary of parameters.
        ValueError: If it is a list of lists of different lengths.

    Example:
        >>> as_array("h0", [0.0, 1.0])
        array([0., 1.])
        >>> as_array("WLSTM", {"WLSTM": np.zeros((15, 16))})
        Traceback (most recent call last):
            ...
        TypeError: WLSTM: expected an array, got a dict: pass one of its values ('WLSTM')
    """
    if type(value) is np.ndarray:
        return value
    if value is None:
        raise TypeError(f"{name}: expected an array, got None")
    check_unmasked(name, value)
    if not hasattr(value, "__array__") and (inside := what_to_pass(value)):
        kind = type(value).__name__
        raise TypeError(f"{name}: expected an array, got a {kind}: {inside}")
    try:
        array = np.asarray(value)
    except ValueError as error:  # a ragged list
        raise ValueError(f"{name}: expected an array, got {short(value)}") from error
    except (TypeError, RuntimeError) as error:  # a tensor that NumPy cannot read as it is
        kind = type(value).__name__
        raise TypeError(f"{name}: expected an array, got a {kind}: {error}") from error
    if array.dtype == object and array.ndim == 0:
        kind = type(value).__name__
        raise TypeError(f"{name}: expected an array, got a {kind}: pass the arrays it holds")
    return array


def check_unmasked(name: str, value: Any) -> None:
    """Refuse a masked array, and a list with one in it: NumPy and JAX would drop the mask.

    Args:
        name: The argument's name, for the message.
        value: What the caller passed.

    Raises:
        TypeError: If it is or holds a masked array.
        ValueError: If it is a list of lists of more levels than an array may have axes, such as
            one that holds itself, at which JAX breaks down.

    Example:
        >>> check_unmasked("X", [[0.0, np.ma.masked]])
        Traceback (most recent call last):
            ...
        TypeError: X: expected an array, got a masked array, whose mask would be lost
    """
    level = [value]
    for _ in range(66):
        if any(isinstance(item, np.ma.MaskedArray) for item in level):
            raise TypeError(
                f"{name}: expected an array, got a masked array, whose mask would be lost"
            )
        lists = {id(item): item for item in level if isinstance(item, (list, tuple))}
        if not lists:
            return
        level = [item for items in lists.values() for item in items]
    raise ValueError(f"{name}: expected an array, got lists of more than 64 levels")


def what_to_pass(value: Any) -> str | None:
    """Say what to pass instead of an object that holds arrays but is not an array.

    Args:
        value: What the caller passed.

    Returns:
        str or None: The advice; None if there is nothing to say.

    Example:
        >>> what_to_pass({"WLSTM": 1.0})
        "pass one of its values ('WLSTM')"
    """
    if isinstance(value, Mapping):
        return f"pass one of its values ({', '.join(map(repr, value)) or 'it is empty'})"
    if hasattr(value, "_fields"):
        return f"pass one of its fields ({', '.join(value._fields)})"
    if isinstance(value, (list, tuple)) and value and hasattr(value[0], "_fields"):
        first = type(value[0]).__name__
        return f"it holds {first} objects, and lstm.stack runs a list of layers"
    if hasattr(value, "state_dict"):
        return "lstm.exchange.torch.load reads its state_dict()"
    if hasattr(value, "get_weights"):
        return "lstm.exchange.keras.load reads its get_weights()"
    return None


def length(values: Any) -> int | None:
    """Count the items of a list.

    Args:
        values: Anything.

    Returns:
        int: How many they are; None if it is no list: a mapping, a number, an array without axes.

    Example:
        >>> length([4, 5]), length({"c": 4}), length(np.float32(4))
        (2, None, None)
    """
    try:
        return None if isinstance(values, Mapping) else len(values)
    except TypeError:
        return None


def short(value: Any) -> str:
    """Return the repr of a value, shortened for a message.

    Args:
        value: What the caller passed.

    Returns:
        str: The ``repr`` of the value, or its beginning.

    Example:
        >>> short("text")
        "'text'"
    """
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]} ..."
