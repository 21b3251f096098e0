"""Dictionaries of arrays, as libraries hand them out: their names, and checks of their contents."""

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arguments import as_array, check_array

__all__ = ["checked", "flat", "listed", "nested", "spelled"]


def flat(arrays: Any, where: str, source: str) -> dict[str, Any]:
    """Flatten nested dictionaries of arrays, with names joined by "/".

    Args:
        arrays: A dictionary of arrays or of such dictionaries.
        where: The caller's name for it, for messages.
        source: How to get such a dictionary, for messages.

    Returns:
        dict: The arrays by name.

    Raises:
        TypeError: If it is not a dictionary.

    Example:
        >>> flat({"dense_i": {"kernel": 1}}, "params", "")
        {'dense_i/kernel': 1}
        >>> flat(None, "state_dict", "module.state_dict()")
        Traceback (most recent call last):
            ...
        TypeError: state_dict: expected a dictionary of arrays, module.state_dict(), got NoneType
    """
    if not isinstance(arrays, Mapping):
        is_file = isinstance(arrays, (str, bytes, os.PathLike))
        raise TypeError(
            f"{where}: expected a dictionary of arrays, {source}, got {type(arrays).__name__}"
            + "; for a file there is lstm.exchange.load" * is_file
        )
    names: dict[str, Any] = {}
    for name, value in arrays.items():
        if isinstance(value, Mapping):
            inner = flat(value, where, source)
            names |= {f"{name}/{below}": array for below, array in inner.items()}
        else:
            names[name] = value
    return names


def nested(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Undo `flat`: turn names with "/" into nested dictionaries.

    Args:
        arrays: Arrays by name.

    Returns:
        dict: The same arrays.

    Example:
        >>> nested({"dense_i/kernel": 1, "dense_h/kernel": 2})
        {'dense_i': {'kernel': 1}, 'dense_h': {'kernel': 2}}
    """
    tree: dict[str, Any] = {}
    for name, array in arrays.items():
        *path, last = name.split("/")
        branch = tree
        for part in path:
            branch = branch.setdefault(part, {})
        branch[last] = array
    return tree


def spelled(where: str, name: str) -> str:
    """Spell an array as the caller would write it.

    Args:
        where: The caller's name for the dictionary.
        name: The name of the array in it.

    Returns:
        str: Both together, as in Python.

    Example:
        >>> print(spelled("params", "hi/kernel"))
        params['hi']['kernel']
    """
    return where + "".join(f"[{part!r}]" for part in name.split("/"))


def listed(names: Iterable[Any]) -> str:
    """List names for a message, only the first few if there are many.

    Args:
        names: The names.

    Returns:
        str: The names in order.

    Example:
        >>> listed({"b", "a"})
        "'a', 'b'"
        >>> listed(range(100))
        '0, 1, 10, 11, 12, 13, and 94 more'
    """
    ordered = sorted(names, key=str)
    more = [f"and {len(ordered) - 6} more"] * (len(ordered) > 7)
    return ", ".join([repr(name) for name in (ordered[:6] if more else ordered)] + more) or "none"


def checked(
    name: str,
    value: Any,
    axes: tuple[str, ...],
    shape: tuple[int | None, ...],
    dtype: Any,
    like: str,
) -> NDArray[Any]:
    """Check an array as `lstm.arguments` does, and say how to widen one of a narrow dtype.

    Args:
        name: The array's name, for messages.
        value: What the caller passed.
        axes: One name per axis, for messages.
        shape: One size per axis; None where any size will do.
        dtype: The element type asked for; None for any in which `lstm` computes.
        like: The array that ``dtype`` was taken from, for messages.

    Returns:
        numpy.ndarray: The array.

    Raises:
        TypeError: If the elements have the wrong type.
        ValueError: If the rank or a size differs.

    Example:
        >>> import numpy as np
        >>> checked("b", np.zeros(8, "f2"), ("4 * H",), (8,), None, "")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        TypeError: b: expected dtype float32 or float64, got float16; widen it first, ...
    """
    kind = str(getattr(value, "dtype", None))
    if re.search(r"float(8|16)|half", kind):
        raise TypeError(
            f"{name}: expected dtype float32 or float64, got {kind}; widen it first, for example "
            "with .astype('float32'), or in PyTorch with module.float()"
        )
    is_array = isinstance(value, np.ndarray)
    if as_array(name, value).dtype.kind == "O":  # a tensor that NumPy takes for something else
        got = "Python objects" if is_array else type(value).__name__
        what = "pass .astype('float32')" if is_array else "pass its .numpy()"
        raise TypeError(f"{name}: expected an array of numbers, got {got}; {what}")
    return check_array(name, value, axes, shape, dtype, like)
