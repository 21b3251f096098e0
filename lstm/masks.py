"""Masks of other libraries, turned into the lengths that `lstm` takes.

Here a sequence begins at step 0, and ``lengths`` says where it ends; what comes after its end is
padding. Elsewhere a mask of True and False says which steps are real. For padding at the end
that is the same thing (`lengths_of`). Where padding comes first, or a mask has holes, the
real steps must first move together (`left_align`). That changes nothing: an LSTM that skips a
step keeps its states, as if the step were not there.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .arguments import ArrayLike, as_array, check_dtype
from .settings import check_flag

__all__ = ["Aligned", "Padded", "left_align", "lengths_of", "pad"]


class Padded(NamedTuple):
    """Sequences of different lengths in one array.

    Attributes:
        X: The inputs, shape (n, b, D), n being the longest length; zeros after a sequence's end.
        lengths: The number of steps of each sequence, shape (b,).
    """

    X: NDArray[Any]
    lengths: NDArray[np.intp]


class Aligned(NamedTuple):
    """Sequences that all begin at step 0.

    Attributes:
        X: The inputs, in the shape in which they came; zeros after a sequence's end.
        lengths: The number of steps of each sequence, shape (b,).
        source: For each step the step that it came from, in the shape of the mask.
    """

    X: NDArray[Any]
    lengths: NDArray[np.intp]
    source: NDArray[np.intp]


def lengths_of(mask: ArrayLike, *, batch_first: bool = False) -> NDArray[np.intp]:
    """Turn a mask into lengths, where padding comes after each sequence.

    Args:
        mask: True at each real step, bool, shape (n, b).
        batch_first: Whether the mask is (b, n).

    Returns:
        numpy.ndarray: The number of steps of each sequence, shape (b,).

    Raises:
        TypeError: If the mask is not bool.
        ValueError: If it does not have two axes, or a sequence does not begin at step 0 or has
            holes. `left_align` moves the steps of such a sequence together.

    Example:
        >>> lengths_of([[True, True], [True, False], [True, False]])
        array([3, 1])
        >>> lengths_of([[False, True], [True, False]])          # padding in front
        Traceback (most recent call last):
            ...
        ValueError: mask: expected True to the end of sequence 0, then False: see left_align
    """
    real = _check_mask(mask, batch_first)
    holes = (~real[:-1] & real[1:]).any(axis=0)
    if holes.any():
        j = int(holes.argmax())
        raise ValueError(
            f"mask: expected True to the end of sequence {j}, then False: see left_align"
        )
    return np.asarray(real.sum(axis=0))


def pad(sequences: Iterable[ArrayLike]) -> Padded:
    """Put sequences of different lengths into one array.

    Args:
        sequences: At least one, each of shape (steps, D), all with one D and one dtype.

    Returns:
        Padded: The named tuple (X, lengths).

    Raises:
        TypeError: If the dtypes differ, or are not of numbers.
        ValueError: If there is no sequence, or a shape is wrong.

    Example:
        >>> X, lengths = pad([np.ones((2, 3)), np.ones((5, 3))])
        >>> X.shape, lengths, X[:, 0, 0]
        ((5, 2, 3), array([2, 5]), array([1., 1., 0., 0., 0.]))
    """
    if not isinstance(sequences, Iterable):
        raise TypeError(
            f"sequences: expected arrays in a list, got {type(sequences).__name__}"
        )
    arrays = [as_array(f"sequences[{j}]", sequence) for j, sequence in enumerate(sequences)]
    if not arrays:
        raise ValueError("sequences: expected at least one, got none")
    first = arrays[0]
    for j, array in enumerate(arrays):
        if array.ndim != 2 or array.shape[1] != first.shape[1]:
            D = first.shape[1] if first.ndim == 2 else "D"
            raise ValueError(f"sequences[{j}]: expected shape (steps, {D}), got {array.shape}")
        check_dtype(f"sequences[{j}]", array)
        if array.dtype != first.dtype:
            raise TypeError(
                f"sequences[{j}]: expected dtype {first.dtype}, as sequences[0], got {array.dtype}"
            )
    lengths = np.array([len(array) for array in arrays])
    X = np.zeros((lengths.max(), len(arrays), first.shape[1]), first.dtype)
    for j, array in enumerate(arrays):
        X[: len(array), j] = array
    return Padded(X, lengths)


def left_align(X: ArrayLike, mask: ArrayLike, *, batch_first: bool = False) -> Aligned:
    """Move the real steps of each sequence to its front, in their order.

    An output of step t then belongs to the step ``source[t, j]`` of sequence j.

    Args:
        X: Inputs, shape (n, b, D).
        mask: True at each real step, bool, shape (n, b).
        batch_first: Whether X is (b, n, D) and the mask (b, n).

    Returns:
        Aligned: The named tuple (X, lengths, source).

    Raises:
        TypeError: If the mask is not bool.
        ValueError: If the shapes of X and mask do not fit.

    Example:
        >>> X = np.array([[0.0], [7.0], [8.0]])[:, None]        # one step of padding in front
        >>> aligned = left_align(X, X[..., 0] > 0)
        >>> aligned.X.ravel(), aligned.lengths, aligned.source.ravel()
        (array([7., 8., 0.]), array([2]), array([1, 2, 0]))
    """
    real = _check_mask(mask, batch_first)
    read = as_array("X", X)
    if read.ndim != 3 or read.shape[:2] != (real.T if batch_first else real).shape:
        axes = "(b, n, D)" if batch_first else "(n, b, D)"
        got = f"{read.shape} and {(real.T if batch_first else real).shape}"
        raise ValueError(f"X: expected shape {axes}, with the first two axes of mask, got {got}")
    if read.dtype.kind not in "biufc":
        raise TypeError(f"X: expected numbers, got dtype {read.dtype}")
    source = np.argsort(~real, axis=0, kind="stable")  # the real steps first, in their order
    lengths = real.sum(axis=0)
    inside = np.arange(len(real))[:, None] < lengths
    if batch_first:
        source, inside = source.T, inside.T
    moved = np.take_along_axis(read, source[..., None], axis=1 if batch_first else 0)
    moved = np.where(inside[..., None], moved, np.zeros((), read.dtype))
    return Aligned(moved, lengths, source)


def _check_mask(mask: Any, batch_first: bool) -> NDArray[np.bool_]:
    """The mask with time first, (n, b)."""
    check_flag("batch_first", batch_first)
    real = as_array("mask", mask)
    if real.dtype != bool:
        raise TypeError(
            f"mask: expected dtype bool, got {real.dtype}: mask != 0 is such a mask"
        )
    if real.ndim != 2:
        axes = "(b, n)" if batch_first else "(n, b)"
        raise ValueError(f"mask: expected shape {axes}, got {real.shape}")
    return real.T if batch_first else real
