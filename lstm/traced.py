"""The checks of arguments under JAX's tracing: shapes and dtypes are known, values may not be."""

from collections import abc
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .arguments import check_unmasked, length, what_to_pass
from .layers import Layer
from .layers import check_layers as check_stack
from .layout import sizes

__all__ = [
    "as_array",
    "check_array",
    "check_inputs",
    "check_layers",
    "check_lengths",
    "check_state",
    "check_states",
]


def check_inputs(X: Any, D: int, dtype: Any, like: str) -> Array:
    """Return the inputs as an array, or say what is wrong with them.

    Args:
        X: What the caller passed.
        D: The input size.
        dtype: The element type asked for.
        like: The argument that ``D`` and ``dtype`` were taken from, for the message.

    Returns:
        jax.Array: Shape (n, b, D) or (n, D).

    Raises:
        TypeError: If they are not an array, or of another dtype.
        ValueError: If the shape does not fit.

    Example:
        >>> check_inputs(np.ones((5, 3), "float32"), 3, np.float32, "WLSTM").shape
        (5, 3)
    """
    array = check_array("X", X, dtype, like)
    if array.ndim not in (2, 3) or array.shape[-1] != D:
        expected = f"(n, b, D), or (n, D) for one sequence, with D = {D}"
        raise ValueError(f"X: expected shape {expected}, got {array.shape}")
    return array


def check_lengths(lengths: Any, n: int, batch: list[int]) -> Array | None:
    """Return the lengths of sequences as integers from 0 to n, or say what is wrong with them.

    Args:
        lengths: What the caller passed; None if all have n steps.
        n: The number of steps.
        batch: The batch size, ``[b]``, or ``[]`` for one sequence.

    Returns:
        jax.Array or None: Shape (b,) or (). Traced values are clipped to the range from 0 to n.

    Raises:
        TypeError: If they are not integers.
        ValueError: If the shape does not fit, or a known value is out of range.

    Example:
        >>> check_lengths([5, 2], 5, [2]).tolist()
        [5, 2]
    """
    if lengths is None:
        return None
    array = as_array("lengths", lengths)
    if array.size == 0:
        array = array.astype(int)  # of an empty list NumPy and JAX make floats
    if not jnp.issubdtype(array.dtype, jnp.integer):
        raise TypeError(f"lengths: expected integers, got dtype {array.dtype}")
    if array.shape != tuple(batch):
        wanted = f"(b,) = ({batch[0]},)" if batch else "(), as there is one sequence"
        raise ValueError(f"lengths: expected shape {wanted}, got {array.shape}")
    if not isinstance(array, jax.core.Tracer):
        numbers = np.asarray(lengths)  # before JAX makes 32 bits of 64
        if ((numbers < 0) | (numbers > n)).any():
            raise ValueError(f"lengths: expected numbers from 0 to n = {n}, got {numbers.tolist()}")
    return jnp.clip(array.astype(int), 0, n)


def check_layers(layers: Any) -> list[Layer]:
    """Return a stack with JAX's arrays in it, checked as `lstm.stack.check_layers` does.

    Args:
        layers: What the caller passed.

    Returns:
        list: A `lstm.stack.Layer` for each layer.

    Raises:
        TypeError: If it is not a stack, or a dtype is wrong.
        ValueError: If it is not a stack.

    Example:
        >>> type(check_layers([Layer(np.ones((6, 8), "float32"))])[0].forward).__name__
        'ArrayImpl'
    """
    if isinstance(layers, Layer) or not isinstance(layers, abc.Iterable):
        return check_stack(layers)  # which refuses it
    checked: list[Layer] = []
    stand_ins: list[Layer] = []
    for k, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            check_stack([*stand_ins, layer])  # which refuses it
        names = {name: check_array(f"layers[{k}].{name}", W) for name, W in layer.directions}
        checked.append(layer._replace(**names))
        # NumPy cannot read an array of a traced program. Its shape and dtype suffice.
        blank = jax.tree.map(lambda W: np.broadcast_to(W.dtype.type(0), W.shape), checked[-1])
        stand_ins.append(blank)
    check_stack(stand_ins)
    return checked


def check_states(name: str, states: Any, layers: list[Layer], batch: list[int]) -> list[Array]:
    """Return the states of a stack, or say what is wrong with them.

    Args:
        name: The argument's name, for the message.
        states: What the caller passed: an item for each layer, or None.
        layers: The stack.
        batch: The batch size, ``[b]``, or ``[]`` for one sequence.

    Returns:
        list: For each layer an array (d, b, H), or (d, H); zeros where None was given.

    Raises:
        TypeError: If they are not a list of arrays, or of another dtype.
        ValueError: If their number or a shape does not fit.

    Example:
        >>> check_states("c0", None, [Layer(np.ones((6, 8), "float32"))], [3])[0].shape
        (1, 3, 2)
    """
    if states is None:
        states = [None] * len(layers)
    count = length(states)
    if count is None:
        raise TypeError(f"{name}: expected a list of arrays, got {type(states).__name__}")
    if count != len(layers):
        raise ValueError(f"{name}: expected {len(layers)} layers, got {count}")
    checked = []
    for k, (state, layer) in enumerate(zip(states, layers, strict=True)):
        W = layer.directions[0][1]
        shape = (len(layer.directions), *batch, sizes(W).H)
        axes = ("d", "b", "H") if batch else ("d", "H")
        checked.append(check_state(f"{name}[{k}]", state, axes, shape, W.dtype, "layers"))
    return checked


def check_state(
    name: str, state: Any, axes: tuple[str, ...], shape: tuple[int, ...], dtype: Any, like: str
) -> Array:
    """Return an initial state, or say what is wrong with it.

    Args:
        name: The argument's name, for the message.
        state: What the caller passed; None for zeros.
        axes: One name per axis, for the message.
        shape: The shape asked for.
        dtype: The element type asked for.
        like: The argument that ``dtype`` was taken from, for the message.

    Returns:
        jax.Array: Of that shape.

    Raises:
        TypeError: If it is not an array, or of another dtype.
        ValueError: If the shape differs.

    Example:
        >>> check_state("h0", None, ("b", "H"), (3, 4), np.float32, "WLSTM").shape
        (3, 4)
    """
    if state is None:
        return jnp.zeros(shape, dtype)
    array = check_array(name, state, dtype, like)
    if array.shape != shape:
        spelled = "(H,)" if len(axes) == 1 else f"({', '.join(axes)})"
        raise ValueError(f"{name}: expected shape {spelled} = {shape}, got {array.shape}")
    return array


def check_array(name: str, value: Any, dtype: Any = None, like: str = "WLSTM") -> Array:
    """Return an argument as a JAX array of a dtype that is computed in, or say what is wrong.

    Args:
        name: The argument's name, for the message.
        value: What the caller passed.
        dtype: The element type asked for; None for float32 or float64.
        like: The argument that ``dtype`` was taken from, for the message.

    Returns:
        jax.Array: ``value`` itself when it is one already.

    Raises:
        TypeError: If it is not an array, or of another dtype.

    Example:
        >>> check_array("X", np.ones(3, np.float16))
        Traceback (most recent call last):
            ...
        TypeError: X: expected dtype float32 or float64, got float16; widen it with \
.astype("float32")
    """
    array = as_array(name, value)
    if array.dtype not in (jnp.float32, jnp.float64):
        small = array.dtype in (jnp.float16, jnp.bfloat16)
        advice = '; widen it with .astype("float32")' if small else ""
        raise TypeError(f"{name}: expected dtype float32 or float64, got {array.dtype}{advice}")
    if dtype is not None and array.dtype != dtype:
        raise TypeError(f"{name}: expected dtype {dtype}, as in {like}, got {array.dtype}")
    return array


def as_array(name: str, value: Any) -> Array:
    """Return ``value`` as a JAX array, or say that it is not an array.

    Args:
        name: The argument's name, for the message.
        value: What the caller passed.

    Returns:
        jax.Array: ``value`` itself when it is one already.

    Raises:
        TypeError: If it is None, a masked array, a list of lists of different lengths, or an
            object that holds arrays.

    Example:
        >>> as_array("h0", [0.0, 1.0]).shape
        (2,)
    """
    check_unmasked(name, value)
    if not hasattr(value, "__array__") and (inside := what_to_pass(value)):
        raise TypeError(f"{name}: expected an array, got a {type(value).__name__}: {inside}")
    try:
        return jnp.asarray(value)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:  # the last from others
        shown = repr(value)
        shown = shown if len(shown) < 60 else f"a {type(value).__name__}"
        raise TypeError(f"{name}: expected an array, got {shown}") from error
