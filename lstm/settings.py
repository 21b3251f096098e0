"""The checks of settings: dtypes, sizes, numbers, seeds and flags.

Their errors name the argument, as those of `lstm.arguments` do for arrays.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from .arguments import DTYPES, short

__all__ = [
    "Rng", "check_flag", "check_float", "check_number", "check_rng", "check_size", "check_text",
]  # fmt: skip

Rng: TypeAlias = np.random.Generator | int | None
"""A generator, which moves on with every call, a seed for a new one, or None for a fresh one."""


def check_float(name: str, dtype: DTypeLike) -> np.dtype[Any]:
    """Return a dtype that weights and data can have, or refuse it.

    Args:
        name: The argument's name, for the message.
        dtype: What the caller passed.

    Returns:
        numpy.dtype: float32 or float64.

    Raises:
        TypeError: If it is neither.

    Example:
        >>> check_float("dtype", int)
        Traceback (most recent call last):
            ...
        TypeError: dtype: expected float32 or float64, got int64
    """
    try:
        found = None if dtype is None else np.dtype(dtype)  # NumPy's None would be float64
    except (TypeError, ValueError):  # no dtype, or a damaged description of one
        found = None
    if found is None or found not in DTYPES[:2]:  # to NumPy, None equals float64
        got = repr(dtype) if found is None else found
        raise TypeError(f"{name}: expected float32 or float64, got {got}")
    return found


def check_flag(name: str, value: Any) -> bool:
    """Return a flag, or refuse anything but True and False.

    Args:
        name: The argument's name, for the message.
        value: What the caller passed.

    Returns:
        bool: The value.

    Raises:
        TypeError: If it is not True or False.

    Example:
        >>> check_flag("cache", None)
        Traceback (most recent call last):
            ...
        TypeError: cache: expected True or False, got None
    """
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name}: expected True or False, got {short(value)}")
    return bool(value)


def check_text(name: str, value: Any) -> str:
    """Return a string, or refuse anything else.

    Args:
        name: The argument's name, for the message.
        value: What the caller passed.

    Returns:
        str: The value.

    Raises:
        TypeError: If it is not text.

    Example:
        >>> check_text("prefix", None)
        Traceback (most recent call last):
            ...
        TypeError: prefix: expected text, got None
    """
    if not isinstance(value, str):
        raise TypeError(f"{name}: expected text, got {short(value)}")
    return value


def check_size(name: str, size: Any, least: int) -> int:
    """Return a size as a Python integer, which cannot overflow, or refuse it.

    Args:
        name: The argument's name, for the message.
        size: What the caller passed: an integer of Python's or NumPy's.
        least: The smallest size that will do.

    Returns:
        int: The size.

    Raises:
        TypeError: If it is not an integer.
        ValueError: If it is too small.

    Example:
        >>> check_size("hidden_size", np.uint8(200), least=1) * 4
        800
        >>> check_size("hidden_size", 0, least=1)
        Traceback (most recent call last):
            ...
        ValueError: hidden_size: expected at least 1, got 0
    """
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)):
        raise TypeError(f"{name}: expected an integer, got {short(size)}")
    if size < least:
        raise ValueError(f"{name}: expected at least {least}, got {size}")
    return int(size)


def check_number(name: str, value: Any) -> float:
    """Return a finite real number as one of Python's, or refuse it.

    Args:
        name: The argument's name, for the message.
        value: What the caller passed.

    Returns:
        float: The number.

    Raises:
        TypeError: If it is not a number, or a complex one.
        ValueError: If it is nan or infinite.

    Example:
        >>> check_number("forget_bias", "3")
        Traceback (most recent call last):
            ...
        TypeError: forget_bias: expected a number, got '3'
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name}: expected a number, got {short(value)}")
    if not np.isfinite(value):
        raise ValueError(f"{name}: expected a finite number, got {value}")
    return float(value)


def check_rng(rng: Any) -> np.random.Generator:
    """Return a random generator, or refuse anything from which none can be made.

    Args:
        rng: A generator, which is handed back; a seed for one, an integer or a list of integers;
            or None for a fresh one.

    Returns:
        numpy.random.Generator: The generator.

    Raises:
        TypeError: If it is something else.
        ValueError: If it is a negative seed.

    Example:
        >>> check_rng("seed")
        Traceback (most recent call last):
            ...
        TypeError: rng: expected a numpy.random.Generator, a seed or None, got 'seed'
    """
    try:
        if isinstance(rng, (list, tuple)) and not all(
            isinstance(k, (int, np.integer)) for k in rng
        ):
            raise TypeError  # which NumPy flattens or refuses, depending on its version
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(
            f"rng: expected a numpy.random.Generator, a seed or None, got {short(rng)}"
        ) from error
