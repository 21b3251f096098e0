"""The checks of settings: dtypes, sizes, numbers, seeds and flags.

Their errors name the argument, as those of `lstm.arguments` do for arrays.
"""

from math import inf, isfinite, prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from .arguments import DTYPES, short

__all__ = [
    "Rng", "check_flag", "check_float", "check_number", "check_real", "check_rng", "check_shape",
    "check_size", "check_text",
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
        ValueError: If it is too small, or no index is that large.

    Example:
        >>> check_size("hidden_size", np.uint8(200), least=1) * 4
        800
        >>> check_size("hidden_size", 0, least=1)
        Traceback (most recent call last):
            ...
        ValueError: hidden_size: expected at least 1, got 0
    """
    if not _is(size, int, np.integer):
        raise TypeError(f"{name}: expected an integer, got {short(size)}")
    whole = int(size)
    if whole.bit_length() > 63:  # Python can spell none of more than 4300 digits
        bits = whole.bit_length()
        raise ValueError(f"{name}: expected an integer of at most 63 bits, got one of {bits}")
    if whole < least:
        raise ValueError(f"{name}: expected at least {least}, got {whole}")
    return whole


def check_shape(names: str, *shape: int) -> tuple[int, ...]:
    """Return the shape of an array that is made of given sizes, or refuse one of absurd size.

    An array that merely does not fit the memory of this computer is left to NumPy, whose
    MemoryError says how much it would take.

    Args:
        names: The arguments that hold the sizes, for the message.
        *shape: The shape.

    Returns:
        tuple: The shape.

    Raises:
        ValueError: If the array would have more than 2**48 numbers, a petabyte in float32.

    Example:
        >>> check_shape("n, b", 2**25, 2**25)
        Traceback (most recent call last):
            ...
        ValueError: n, b: expected an array of at most 2**48 numbers, got shape (33554432, 33554432)
    """
    if prod(shape) > 2**48:
        raise ValueError(f"{names}: expected an array of at most 2**48 numbers, got shape {shape}")
    return shape


def check_number(name: str, value: Any) -> float:
    """Return a finite real number as one of Python's, or refuse it.

    Args:
        name: The argument's name, for the message.
        value: What the caller passed.

    Returns:
        float: The number.

    Raises:
        TypeError: If it is not a number, or a complex one.
        ValueError: If it is nan, infinite or beyond the largest float.

    Example:
        >>> check_number("forget_bias", "3")
        Traceback (most recent call last):
            ...
        TypeError: forget_bias: expected a number, got '3'
    """
    number = check_real(name, value)
    if not isfinite(number):
        raise ValueError(f"{name}: expected a finite number, got {number}")
    return number


def check_real(name: str, value: Any, what: str = "a number") -> float:
    """Return a real number as one of Python's, or refuse what is none. It may be infinite or nan.

    Args:
        name: The argument's name, for the message.
        value: What the caller passed.
        what: What was expected, for the message.

    Returns:
        float: The number; infinite if it is beyond the largest float.

    Raises:
        TypeError: If it is not a number, or a complex one.

    Example:
        >>> check_real("dropout", 0.5j, "a probability")
        Traceback (most recent call last):
            ...
        TypeError: dropout: expected a probability, got 0.5j
    """
    if not _is(value, int, float, np.integer, np.floating):
        raise TypeError(f"{name}: expected {what}, got {short(value)}")
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits
        return inf if value > 0 else -inf


def _is(value: Any, *kinds: type) -> bool:
    """Whether it is of one of the kinds of number. Flags and times count as integers elsewhere."""
    return isinstance(value, kinds) and not isinstance(value, (bool, np.timedelta64))


def check_rng(rng: Any, name: str = "rng") -> np.random.Generator:
    """Return a random generator, or refuse anything from which none can be made.

    Args:
        rng: A generator, which is handed back; a seed for one, an integer or a list of integers;
            or None for a fresh one.
        name: The argument's name, for the message.

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
            f"{name}: expected a numpy.random.Generator, a seed or None, got {short(rng)}"
        ) from error
