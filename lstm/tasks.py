"""Tasks that need a memory, as their authors defined them.

Each task is a function of a random generator: the same seed gives the same
sequences. Sequences of different lengths share a batch, which is filled up
with zeros at their ends; ``where`` says at which steps an answer is asked
for, so that what comes after the end of a sequence never counts.

Sources: Hochreiter and Schmidhuber, Neural Computation 9 (1997), experiments 1
and 4; Arjovsky, Shah and Bengio, Unitary Evolution Recurrent Neural Networks
(2016) for the copy task.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .arguments import ArrayLike, as_array, short
from .grammar import REBER, SYMBOLS, embedded_reber, possible_next, reber
from .settings import Rng, check_float, check_number, check_rng, check_shape, check_size

__all__ = [
    "REBER",
    "SYMBOLS",
    "TOLERANCE",
    "Batch",
    "Rng",
    "adding",
    "copy",
    "embedded_reber",
    "possible",
    "possible_next",
    "predict_next",
    "reber",
    "recall",
    "solved_after",
    "stream",
]


class Batch(NamedTuple):
    """Sequences to read and the answers to give.

    Attributes:
        X: The inputs, shape (n, b, D); zeros after the end of a sequence.
        Y: The right answer at each step, shape (n, b, K): a value, or a symbol as a one among
            zeros; zeros where no answer is asked for.
        where: True at the steps where an answer is asked for, shape (n, b).
        lengths: The length of each sequence, shape (b,), at most n.
    """

    X: NDArray[Any]
    Y: NDArray[Any]
    where: NDArray[Any]
    lengths: NDArray[Any]


TOLERANCE = 0.04
"""An answer of the adding problem is right if its absolute error is below this."""


def adding(T: int, batch: int, rng: Rng = None, *, dtype: DTypeLike = np.float32) -> Batch:
    """Draw sequences of the adding problem: remember two values, and add them at the end.

    A step is a pair: a value, uniform in [-1, 1], and a marker. Two pairs are
    marked by 1. The first is one of the first ten; the second is one of the
    first T/2 - 1 that are still unmarked, so that at least T/2 steps pass
    between it and the end. The first and the last pair have the marker -1, all
    others 0. With X1 and X2 for the two values, the answer at the end is
    0.5 + (X1 + X2) / 4, which lies in [0, 1].

    If the first pair of the sequence is one of the two, its marker stays -1 and
    its value is set to zero, so that it adds nothing.

    Args:
        T: The smallest length, at least 20. Lengths are drawn uniformly from T to T + T/10.
        batch: How many sequences, b.
        rng: A random generator, a seed for one, or None for a new one.
        dtype: The dtype of the arrays: float32 or float64.

    Returns:
        Batch: X (n, b, 2), Y (n, b, 1), where (n, b), lengths (b,), n being the
        longest length drawn. An answer is asked for at the last step of each
        sequence.

    Raises:
        TypeError: If a size is not an integer, or the dtype is wrong.
        ValueError: If a size is too small.

    Example:
        >>> X, Y, where, lengths = adding(100, 32, rng=0)
        >>> X.shape[1:], bool((lengths >= 100).all()), bool((lengths <= 110).all())
        ((32, 2), True, True)
        >>> X[0, 0, 1].item(), where[:, 0].sum().item()
        (-1.0, 1)
    """
    T, batch = check_size("T", T, 20), check_size("batch", batch, 1)
    check_shape("T, batch", T + T // 10, batch, 2)
    dtype = check_float("dtype", dtype)
    rng = check_rng(rng)
    lengths = rng.integers(T, T + T // 10, endpoint=True, size=batch)
    n, b = int(lengths.max()), np.arange(batch)

    first = rng.integers(10, size=batch)
    second = rng.integers(T // 2 - 1, size=batch)
    second += second >= first  # the first one is not unmarked any more

    values = rng.uniform(-1, 1, (n, batch))
    values[0, (first == 0) | (second == 0)] = 0
    values[np.arange(n)[:, None] >= lengths] = 0
    markers = np.zeros((n, batch))
    markers[first, b] = markers[second, b] = 1
    markers[0] = markers[lengths - 1, b] = -1

    where = np.arange(n)[:, None] == lengths - 1
    Y = np.where(where, 0.5 + (values[first, b] + values[second, b]) / 4, 0)
    return Batch(
        np.stack([values, markers], axis=-1).astype(dtype), Y[..., None].astype(dtype),
        where, lengths,
    )  # fmt: skip


def recall(n: int, batch: int, rng: Rng = None, *, dtype: DTypeLike = np.float32) -> Batch:
    """Draw sequences of the simplest task for a memory: one value is marked; say it at the end.

    A step is a pair: a value, uniform in [-1, 1], and a marker, which is 1 at one
    of the first n/5 steps and 0 elsewhere. At the last step the marked value is
    asked for. Always answering 0 has a mean absolute error of 1/2.

    Args:
        n: The number of steps, at least 5.
        batch: How many sequences, b.
        rng: A random generator, a seed for one, or None for a new one.
        dtype: The dtype of the arrays: float32 or float64.

    Returns:
        Batch: X (n, b, 2), Y (n, b, 1), where (n, b), True in the last row only,
        and lengths (b,), all n.

    Raises:
        TypeError: If a size is not an integer, or the dtype is wrong.
        ValueError: If a size is too small.

    Example:
        >>> X, Y, where, lengths = recall(50, 3, rng=0)
        >>> marked = X[:, 0, 1].argmax()
        >>> bool(marked < 10), bool(X[marked, 0, 0] == Y[-1, 0, 0])
        (True, True)
    """
    n, batch = check_size("n", n, 5), check_size("batch", batch, 1)
    check_shape("n, batch", n, batch, 2)
    dtype = check_float("dtype", dtype)
    rng = check_rng(rng)
    marked, b = rng.integers(n // 5, size=batch), np.arange(batch)
    X = np.zeros((n, batch, 2), dtype)
    X[..., 0] = rng.uniform(-1, 1, (n, batch))
    X[marked, b, 1] = 1
    Y = np.zeros((n, batch, 1), dtype)
    Y[-1, :, 0] = X[marked, b, 0]
    where = np.zeros((n, batch), bool)
    where[-1] = True
    return Batch(X, Y, where, np.full(batch, n))


def solved_after(errors: ArrayLike, *, in_a_row: int = 2000, mean: float = 0.01) -> int | None:
    """Find out after how many sequences the adding problem was solved, by the rule of 1997.

    It is solved when the last 2,000 training sequences were all right, that is
    with an error below `TOLERANCE`, and their mean absolute error is below 0.01.

    Args:
        errors: The errors of all training sequences in the order in which they
            were seen, each answered before it was learnt from, shape (m,).
        in_a_row: The number of sequences that must be right in a row.
        mean: The bound on their mean absolute error.

    Returns:
        int or None: The number of sequences seen when it was solved, or None.

    Raises:
        TypeError: If ``in_a_row`` is not an integer, or ``mean`` or the errors are not numbers.
        ValueError: If ``in_a_row`` is below 1, or ``errors`` does not have one axis.

    Example:
        >>> solved_after([0.5] * 300 + [0.001] * 5000)
        2300
        >>> solved_after([0.03] * 5000) is None     # right, but the mean is too high
        True
    """
    in_a_row, mean = check_size("in_a_row", in_a_row, 1), check_number("mean", mean)
    size = as_array("errors", errors)
    if size.dtype.kind not in "fiu":
        raise TypeError(f"errors: expected numbers, got dtype {size.dtype}")
    size = np.abs(size.astype(float))
    if size.ndim != 1:
        raise ValueError(f"errors: expected shape (m,), got {size.shape}")
    if len(size) < in_a_row:
        return None
    windows = np.lib.stride_tricks.sliding_window_view(size, in_a_row)
    # not (size < ...) rather than size >= ..., so that nan is wrong, too
    wrong = np.concatenate([[0], np.cumsum(~(size < TOLERANCE))])
    all_right = np.nonzero(wrong[in_a_row:] == wrong[:-in_a_row])[0]
    for start in all_right:
        if windows[start].mean() < mean:
            return int(start) + in_a_row
    return None


def predict_next(strings: Sequence[str], *, dtype: DTypeLike = np.float32) -> Batch:
    """Turn strings over `SYMBOLS` into a batch: read a symbol, predict the next.

    Args:
        strings: At least one string, of two symbols or more each.
        dtype: The dtype of the arrays: float32 or float64.

    Returns:
        Batch: X (n, b, 7), the symbols but the last; Y (n, b, 7), the symbols
        but the first; where (n, b), True up to each string's end; lengths (b,),
        the length of each string less one; n is the largest of them.

    Raises:
        TypeError: If the strings are no list of text, or the dtype is wrong.
        ValueError: If there is no string, a string is too short, or it has
            another symbol.

    Example:
        >>> X, Y, where, lengths = predict_next(["BTBTXSETE", "BPBPTVPSEPE"])
        >>> X.shape, lengths
        ((10, 2, 7), array([ 8, 10]))
    """
    dtype, strings = check_float("dtype", dtype), _texts(strings)
    X, read = _one_hot([string[:-1] for string in strings], dtype)
    Y, _ = _one_hot([string[1:] for string in strings], dtype)
    return Batch(X, Y, read, read.sum(axis=0))


def possible(strings: Sequence[str]) -> NDArray[Any]:
    """Mark every symbol that may come next, for each step of `predict_next`.

    Args:
        strings: Strings of the embedded Reber grammar.

    Returns:
        numpy.ndarray: bool, shape (n, b, 7). A prediction counts as right if
        the outputs of all symbols marked here are above those of all others.

    Raises:
        TypeError: If they are no list of text.
        ValueError: If a string breaks the grammar.

    Example:
        >>> possible(["BTBTXSETE"]).sum(axis=(1, 2))        # how many may follow
        array([2, 1, 2, 2, 2, 1, 1, 1])
    """
    steps = max([1, *map(len, _texts(strings))]) - 1
    marks = np.zeros((steps, len(strings), len(SYMBOLS)), bool)
    for column, string in enumerate(strings):
        for t, symbols in enumerate(possible_next(string)[:-1]):
            marks[t, column, [SYMBOLS.index(symbol) for symbol in symbols]] = True
    return marks


def copy(
    T: int, batch: int, rng: Rng = None, *, length: int = 10, symbols: int = 8,
    dtype: DTypeLike = np.float32,
) -> Batch:  # fmt: skip
    """Draw sequences of the copy task: read symbols, wait, write them down.

    ``length`` random symbols, then T - 1 blanks, then a sign, then ``length``
    blanks during which the symbols are to be given back in order. Before that,
    the answer is the blank. Symbol k is column k; the blank is the column after the
    symbols, and the sign, which is read but never answered, is the last column.

    A reader without a memory gets a cross-entropy of length * ln(symbols) /
    (T + 2 * length) a step: nothing while waiting, and a guess at the end.

    Args:
        T: The number of steps from the last symbol to the sign, at least 1.
        batch: How many sequences, b.
        rng: A random generator, a seed for one, or None for a new one.
        length: How many symbols to copy, at least 1.
        symbols: How many different ones there are, at least 1.
        dtype: The dtype of the arrays: float32 or float64.

    Returns:
        Batch: X and Y (n, b, symbols + 2) with n = T + 2 * length, where (n, b),
        True everywhere, and lengths (b,), all n.

    Raises:
        TypeError: If a size is not an integer, or the dtype is wrong.
        ValueError: If a size is too small.

    Example:
        >>> X, Y, where, lengths = copy(5, 1, rng=0, length=3, symbols=4)
        >>> X[:, 0].argmax(axis=1)          # 4 is the blank, 5 the sign
        array([3, 2, 2, 4, 4, 4, 4, 5, 4, 4, 4])
        >>> Y[:, 0].argmax(axis=1)
        array([4, 4, 4, 4, 4, 4, 4, 4, 3, 2, 2])
    """
    T, batch = check_size("T", T, 1), check_size("batch", batch, 1)
    length, symbols = check_size("length", length, 1), check_size("symbols", symbols, 1)
    dtype = check_float("dtype", dtype)
    n, blank, sign = T + 2 * length, symbols, symbols + 1
    check_shape("T, length, batch, symbols", n, batch, symbols + 2)
    check_shape("symbols", symbols + 2, symbols + 2)
    word = check_rng(rng).integers(symbols, size=(length, batch))
    read = np.full((n, batch), blank)
    read[:length] = word
    read[length + T - 1] = sign
    answer = np.full((n, batch), blank)
    answer[-length:] = word
    one_hot = np.eye(symbols + 2, dtype=dtype)
    return Batch(one_hot[read], one_hot[answer], np.ones((n, batch), bool), np.full(batch, n))


def stream(task: Any, *arguments: Any, rng: Rng = None, **options: Any) -> Iterator[Batch]:
    """Draw batch after batch of a task, without end.

    Args:
        task: `adding`, `copy`, or a function like them.
        *arguments: The arguments of the task before ``rng``.
        rng: A random generator, a seed for one, or None for a new one.
        **options: The arguments of the task after ``rng``.

    Yields:
        Batch: The next batch.

    Example:
        >>> batches = stream(adding, 100, 32, rng=0)
        >>> next(batches).X.shape[1:], next(batches).X.shape[1:]
        ((32, 2), (32, 2))
    """
    rng = check_rng(rng)
    while True:
        yield task(*arguments, rng, **options)


def _texts(strings: Any) -> Sequence[str]:
    """Strings, or what is wrong with them."""
    if not isinstance(strings, (list, tuple)) or not all(isinstance(s, str) for s in strings):
        raise TypeError(f"strings: expected a list of text, got {short(strings)}")
    return strings


def _one_hot(strings: Sequence[str], dtype: np.dtype[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Strings as ones among zeros, shape (n, b, 7), and where there are symbols, (n, b)."""
    if not strings:
        raise ValueError("strings: expected at least one, got none")
    place = {symbol: column for column, symbol in enumerate(SYMBOLS)}
    X = np.zeros((max(map(len, strings)), len(strings), len(SYMBOLS)), dtype)
    for column, string in enumerate(strings):
        if not string:
            raise ValueError("strings: expected two symbols or more in each")
        for t, symbol in enumerate(string):
            if symbol not in place:
                raise ValueError(f"strings: expected symbols among {SYMBOLS}, got {symbol!r}")
            X[t, column, place[symbol]] = 1
    return X, np.asarray(X.any(axis=-1))
