"""Losses: how far answers are from targets, with gradients, and the mean over the rows that count.

A loss is a function of answers and targets, both of shape (..., K): a row of K numbers for each
step of each sequence, or for each sequence. It returns the loss of each row, (...), and
its gradient with respect to the answers, (..., K).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .arguments import ArrayLike, as_array, check_dtype

__all__ = [
    "Loss", "Mean", "check_loss", "check_targets", "cross_entropy", "mean_loss", "squared_error",
]  # fmt: skip

Loss = Callable[[NDArray[Any], NDArray[Any]], tuple[NDArray[Any], NDArray[Any]]]
"""From answers and targets, both (..., K), to the loss of each row, (...), and its gradient."""


class Mean(NamedTuple):
    """The result of `mean_loss`.

    Attributes:
        loss: The mean loss of all rows that count.
        dY: Its gradient with respect to the answers, in their shape. Zero in all other rows.
    """

    loss: float
    dY: NDArray[Any]


@np.errstate(over="ignore", under="ignore")
def squared_error(answers: ArrayLike, Y: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    """Half the squared distance between answer and target, and its gradient.

    Args:
        answers: Shape (..., K).
        Y: Targets, of the same shape and dtype.

    Returns:
        tuple: The loss of each row, (...), and its gradient with respect to the answers, (..., K).
        If the loss overflows it is infinite; its gradient is still right.

    Raises:
        TypeError: If the dtypes are not floating-point numbers of one size.
        ValueError: If the shapes differ.

    Example:
        >>> squared_error(np.array([[[3.0]]]), np.array([[[1.0]]]))
        (array([[2.]]), array([[[2.]]]))
    """
    answers, Y = _pair(answers, Y)
    difference = answers - Y
    return (difference**2).sum(axis=-1) / 2, difference


@np.errstate(over="ignore", under="ignore")
def cross_entropy(answers: ArrayLike, Y: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    """Cross-entropy of the softmax of the answers with the targets, and its gradient.

    Args:
        answers: Unnormalised log-probabilities, shape (..., K).
        Y: Targets, of the same shape and dtype: a one among zeros, or probabilities. Class
            indices become such rows by ``np.eye(K, dtype=...)[indices]``.

    Returns:
        tuple: The loss of each row, (...), and its gradient with respect to the answers,
        (..., K), which is softmax(answers) - Y. Each row of ``Y`` that counts must add up to 1.

    Raises:
        TypeError: If the dtypes are not floating-point numbers of one size.
        ValueError: If the shapes differ.

    Example:
        >>> loss, gradient = cross_entropy(np.zeros((1, 1, 2)), np.array([[[1.0, 0.0]]]))
        >>> round(loss.item(), 4), gradient.tolist()        # ln 2
        (0.6931, [[[-0.5, 0.5]]])
    """
    answers, Y = _pair(answers, Y)
    shifted = answers - answers.max(axis=-1, keepdims=True)  # changes nothing, cannot overflow
    logs = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    asked = np.where(Y == 0, 0, logs)  # 0 times the logarithm of 0 is 0 here
    return -(Y * asked).sum(axis=-1), np.exp(logs) - Y


@np.errstate(over="ignore", under="ignore")
def mean_loss(
    answers: ArrayLike, Y: ArrayLike, where: ArrayLike, loss: Loss = squared_error
) -> Mean:
    """Average a loss over the rows where an answer is asked for.

    The rows that count are selected, the others are not even multiplied by zero: a target that
    does not count may hold anything, even nan. A nan in a target that counts makes
    the loss and its gradient nan.

    Args:
        answers: Shape (..., K).
        Y: Targets, of the same shape and dtype.
        where: True where an answer is asked for, bool, shape (...).
        loss: `squared_error` or `cross_entropy`, or a function like them. It sees zeros in
            place of the targets that do not count.

    Returns:
        Mean: The named tuple (loss, dY).

    Raises:
        TypeError: If a dtype is wrong, or the loss does not return what a loss has to.
        ValueError: If shapes differ, or nothing is asked for.

    Example:
        >>> answers, Y = np.array([[3.0], [0.0]]), np.array([[1.0], [np.nan]])
        >>> mean_loss(answers, Y, np.array([True, False]))
        Mean(loss=2.0, dY=array([[2.],
               [0.]]))
    """
    check_loss(loss)
    answers = as_array("answers", answers)
    Y, where = check_targets(Y, where, answers.shape, answers.dtype)
    counts = where[..., None]
    losses, dY = _check_result(loss(answers, np.where(counts, Y, 0)), answers)
    m = where.sum()
    return Mean(
        float(losses[where].sum() / m), np.where(counts, dY * dY.dtype.type(1 / m), 0)
    )


def check_loss(loss: Any) -> None:
    """Refuse a name in place of a function.

    Args:
        loss: What the caller passed.

    Raises:
        TypeError: If it is not a function.

    Example:
        >>> check_loss("cross_entropy")
        Traceback (most recent call last):
            ...
        TypeError: loss: expected a function such as lstm.losses.squared_error, got 'cross_entropy'
    """
    if not callable(loss):
        raise TypeError(
            f"loss: expected a function such as lstm.losses.squared_error, got {loss!r}"
        )


def check_targets(
    Y: Any, where: Any, shape: tuple[int, ...], dtype: np.dtype[Any], of: str = ""
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return targets and the mask of those that count as arrays, or say what is wrong.

    Args:
        Y: The targets.
        where: The mask.
        shape: The shape of the answers, (..., K).
        dtype: Their dtype.
        of: What the names in messages begin with, such as "batch.".

    Returns:
        tuple: Y of that shape and dtype, and where of bool and shape (...).

    Raises:
        TypeError: If a dtype is wrong.
        ValueError: If a shape is wrong, or nothing is asked for.

    Example:
        >>> check_targets([[1.0]], [1], (1, 1), np.dtype(float), "batch.")
        Traceback (most recent call last):
            ...
        TypeError: batch.where: expected dtype bool, got int64: where != 0 is such a mask
    """
    Y = _like(f"{of}Y", Y, shape, dtype)
    where = as_array(f"{of}where", where)
    if where.dtype != bool:
        raise TypeError(
            f"{of}where: expected dtype bool, got {where.dtype}: where != 0 is such a mask"
        )
    if where.shape != shape[:-1]:
        raise ValueError(f"{of}where: expected shape {shape[:-1]}, got {where.shape}")
    if not where.any():
        raise ValueError(f"{of}where: expected at least one True, got none: nothing is asked for")
    return Y, where


def _like(name: str, Y: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Targets of the answers' shape and dtype."""
    targets = as_array(name, Y)
    if targets.shape != shape:
        hint = ""
        if targets.shape == shape[:-1] and targets.dtype.kind in "iu":
            hint = f": np.eye({shape[-1]})[Y] makes rows of class indices"
        elif targets.shape == shape[:-1]:
            hint = f": each row needs an axis with its K = {shape[-1]} numbers"
        got = f"{targets.shape}{hint}"
        raise ValueError(f"{name}: expected shape {shape}, as the answers, got {got}")
    if targets.dtype != dtype:
        raise TypeError(f"{name}: expected dtype {dtype}, as the answers, got {targets.dtype}")
    return targets


def _pair(answers: Any, Y: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Answers and targets as arrays of one shape and dtype."""
    answers = as_array("answers", answers)
    check_dtype("answers", answers)
    if answers.ndim == 0:
        raise ValueError("answers: expected shape (..., K), got ()")
    return answers, _like("Y", Y, answers.shape, answers.dtype)


def _check_result(result: Any, answers: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Check what a loss has returned: a loss for each row, and a gradient for each answer."""
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise TypeError(
            "loss: expected a function that returns the loss of each row and its gradient, "
            f"got a {type(result).__name__}"
        )
    losses, dY = (np.asarray(array) for array in result)
    if losses.shape != answers.shape[:-1]:
        raise ValueError(f"loss: expected losses of shape {answers.shape[:-1]}, got {losses.shape}")
    if dY.shape != answers.shape:
        raise ValueError(f"loss: expected a gradient of shape {answers.shape}, got {dY.shape}")
    if losses.dtype.kind != "f" or dY.dtype != answers.dtype:
        raise TypeError(
            f"loss: expected losses and a gradient of dtype {answers.dtype}, as the answers, "
            f"got {losses.dtype} and {dY.dtype}"
        )
    return losses, dY
