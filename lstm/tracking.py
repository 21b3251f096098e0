"""Tasks of keeping track of a state that every step changes: parity, and cups that are swapped.

Here nothing may be forgotten, and nothing can be added up: the effect of a step depends on where
the steps before it have led. `parity` is the simplest such task. `cups` is the word problem
of the group S5: it is the hardest of its kind, because S5 is not solvable.

Sources: Barrington, Journal of Computer and System Sciences 38 (1989), for S5; Merrill, Petty
and Sabharwal, The Illusion of State in State-Space Models, ICML (2024), for the task.
"""

import numpy as np
from numpy.typing import DTypeLike

from .settings import check_float, check_rng, check_shape, check_size
from .tasks import Batch, Rng

__all__ = ["cups", "parity"]


def parity(n: int, batch: int, rng: Rng = None, *, dtype: DTypeLike = np.float32) -> Batch:
    """Draw sequences of bits; the answer at each step is whether the number of ones so far is odd.

    Args:
        n: Number of steps, at least 1.
        batch: How many sequences, b.
        rng: A random generator, a seed for one, or None for a new one.
        dtype: The dtype of the arrays: float32 or float64.

    Returns:
        Batch: X (n, b, 2), a one in the column of the bit; Y (n, b, 2), in that of the
        parity; where (n, b), True everywhere; and lengths (b,), all n.

    Raises:
        TypeError: If a size is not an integer, or the dtype is wrong.
        ValueError: If a size is too small.

    Example:
        >>> X, Y, _, _ = parity(8, 1, rng=0)
        >>> X[:, 0].argmax(axis=1), Y[:, 0].argmax(axis=1)
        (array([1, 1, 1, 0, 0, 0, 0, 0]), array([1, 0, 1, 1, 1, 1, 1, 1]))
    """
    n, batch = check_size("n", n, 1), check_size("batch", batch, 1)
    check_shape("n, batch", n, batch, 2)
    one_hot = np.eye(2, dtype=check_float("dtype", dtype))
    bits = check_rng(rng).integers(2, size=(n, batch))
    everywhere = np.ones((n, batch), bool)
    return Batch(one_hot[bits], one_hot[bits.cumsum(axis=0) % 2], everywhere, np.full(batch, n))


def cups(
    n: int, batch: int, rng: Rng = None, *, count: int = 5, dtype: DTypeLike = np.float32
) -> Batch:
    """Draw swaps of neighbouring cups; the answer at each step is which ball is under which cup.

    At first ball k is under cup k. Input k swaps what is under the cups k and k + 1.

    Args:
        n: Number of steps, at least 1.
        batch: How many sequences, b.
        rng: A random generator, a seed for one, or None for a new one.
        count: The number of cups, at least 2.
        dtype: The dtype of the arrays: float32 or float64.

    Returns:
        Batch: X (n, b, count - 1), a one in the column of the swap; Y (n, b, count * count),
        for each cup ``count`` columns with a one in that of its ball; where (n, b), True
        everywhere; and lengths (b,), all n.

    Raises:
        TypeError: If a size is not an integer, or the dtype is wrong.
        ValueError: If a size is too small.

    Example:
        >>> X, Y, _, _ = cups(3, 1, rng=0, count=3)
        >>> X[:, 0].argmax(axis=1)
        array([1, 1, 1])
        >>> Y[-1, 0].reshape(3, 3).argmax(axis=1)
        array([0, 2, 1])
    """
    n, batch = check_size("n", n, 1), check_size("batch", batch, 1)
    count, dtype = check_size("count", count, 2), check_float("dtype", dtype)
    check_shape("n, batch, count", n, batch, count, count)
    swaps = check_rng(rng).integers(count - 1, size=(n, batch))
    under = np.tile(np.arange(count), (batch, 1))
    rows = np.arange(batch)
    balls = np.empty((n, batch, count), int)
    for t, k in enumerate(swaps):
        under[rows, k], under[rows, k + 1] = under[rows, k + 1], under[rows, k]
        balls[t] = under
    Y = np.eye(count, dtype=dtype)[balls].reshape(n, batch, count * count)
    X = np.eye(count - 1, dtype=dtype)[swaps]
    return Batch(X, Y, np.ones((n, batch), bool), np.full(batch, n))
