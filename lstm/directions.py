"""One layer in one direction, over sequences of different lengths.

A batch of sequences that end at different steps runs in pieces, each with the rows that have not
ended yet, by `lstm.fused`. A direction that reads from the end reads each sequence turned round
within its own length. What comes after a sequence's end is never looked at.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import fused
from .arguments import (
    ArrayLike,
    check_array,
    check_lengths,
)

__all__ = [
    "Piece",
    "Run",
    "backward",
    "forward",
    "reverse",
]


class Piece(NamedTuple):
    """Steps in which no sequence ends but after the last, and the rows that go through them.

    Attributes:
        steps: The steps, a slice.
        rows: The rows of the batch: an array of indices, or a slice for all.
        cache: The `lstm.fused.Cache` of this piece.
    """

    steps: slice
    rows: Any
    cache: fused.Cache


class Run(NamedTuple):
    """What one direction of one layer leaves for the way back.

    Attributes:
        WLSTM: A copy of its weights, shape (1 + D + H, 4H).
        pieces: The `Piece` list, in the order in which they ran.
    """

    WLSTM: NDArray[Any]
    pieces: list[Piece]


def reverse(X: ArrayLike, lengths: ArrayLike | None = None) -> NDArray[Any]:
    """Turn each sequence of a batch round, within its own length. Padding becomes zero.

    Args:
        X: Sequences, shape (n, b, D).
        lengths: The number of steps of each, shape (b,); None if all have n.

    Returns:
        numpy.ndarray: Of the same shape. ``reverse`` applied again gives X
        back, except for the padding.

    Raises:
        TypeError: If ``X`` or ``lengths`` is of another dtype.
        ValueError: If the shapes do not fit.

    Example:
        >>> import numpy as np
        >>> X = np.array([[[1.0], [5.0]], [[2.0], [6.0]], [[3.0], [9.0]]])
        >>> reverse(X, [3, 2])[..., 0].T
        array([[3., 2., 1.],
               [6., 5., 0.]])
    """
    X = check_array("X", X, ("n", "b", "D"), (None, None, None))
    n, b, _ = X.shape
    lengths = check_lengths(lengths, n, b)
    if lengths is None:
        return np.asarray(X[::-1])
    t = np.arange(n).reshape(n, 1)
    source = np.where(t < lengths, lengths - 1 - t, 0)  # (eq-len-reverse)
    turned = np.take_along_axis(X, source[..., None], axis=0)
    turned[np.broadcast_to(t >= lengths, (n, b))] = 0
    return np.asarray(turned)


def forward(
    X: NDArray[Any],
    WLSTM: NDArray[Any],
    c: NDArray[Any],
    h: NDArray[Any],
    lengths: NDArray[Any] | None = None,
    turned: bool = False,
    cache: bool = True,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], Run | None]:
    """Run one direction of one layer. Its arguments have been checked.

    Args:
        X: Inputs, shape (n, b, D).
        WLSTM: Weights, shape (1 + D + H, 4H).
        c: Initial cell states, shape (b, H).
        h: Initial outputs, shape (b, H).
        lengths: The number of steps of each sequence, shape (b,); None if all have n.
        turned: Whether to read from each sequence's end.
        cache: Whether to keep what `backward` needs.

    Returns:
        tuple: Hout (n, b, H), zero after a sequence's end, Cn and Hn (b, H) and the `Run`;
        None in its place without a cache.

    Example:
        >>> import numpy as np
        >>> X, W, zero = np.ones((5, 3, 10)), fused.init(10, 4, rng=0), np.zeros((3, 4))
        >>> _, _, _, run = forward(X, W, zero, zero, np.array([5, 2, 5]))
        >>> [piece.steps for piece in run.pieces]
        [slice(0, 2, None), slice(2, 5, None)]
    """
    if turned:
        X = reverse(X, lengths)
    n, b, _ = X.shape
    run = Run(WLSTM.copy(), []) if cache else None
    whole = lengths is None  # then there is one piece, whose results are those of all
    Hout = np.zeros((0 if whole else n, b, WLSTM.shape[1] // 4), WLSTM.dtype)
    c, h = c.copy(), h.copy()
    for steps, rows in _cuts(lengths, n):
        part = fused.forward(X[steps, rows], WLSTM, c[rows], h[rows], cache=cache)
        if whole:
            Hout = part.Hout
        else:
            Hout[steps, rows] = part.Hout
        c[rows], h[rows] = part.Cn, part.Hn  # (eq-len-end)
        _keep(run, steps, rows, part.cache)
    return (reverse(Hout, lengths) if turned else Hout), c, h, run


def _keep(run: Run | None, steps: slice, rows: Any, cache: fused.Cache | None) -> None:
    """Add a piece to a run, if there is one to go back through."""
    if run is not None and cache is not None:
        cache = cache._replace(WLSTM=run.WLSTM)  # one copy serves all pieces
        run.pieces.append(Piece(steps, rows, cache))


def backward(
    dHout: NDArray[Any],
    run: Run,
    dc: NDArray[Any],
    dh: NDArray[Any],
    lengths: NDArray[Any] | None = None,
    turned: bool = False,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Go back through `forward`. Its arguments have been checked.

    Args:
        dHout: Gradient of the loss with respect to Hout, shape (n, b, H).
        run: The `Run` that `forward` returned.
        dc: Gradient with respect to Cn, shape (b, H).
        dh: Gradient with respect to Hn, shape (b, H).
        lengths: The lengths that `forward` was given, (b,) or None.
        turned: Whether it read from each sequence's end.

    Returns:
        tuple: dX (n, b, D), dWLSTM (1 + D + H, 4H), dc0 and dh0 (b, H).

    Example:
        >>> import numpy as np
        >>> X, W, zero = np.ones((5, 3, 10)), fused.init(10, 4, rng=0), np.zeros((3, 4))
        >>> Hout, _, _, run = forward(X, W, zero, zero, turned=True)
        >>> [gradient.shape for gradient in backward(Hout, run, zero, zero, turned=True)]
        [(5, 3, 10), (15, 16), (3, 4), (3, 4)]
    """
    if turned:
        dHout = reverse(dHout, lengths)
    n, b, H = dHout.shape
    dX = np.zeros((n, b, len(run.WLSTM) - 1 - H), dHout.dtype)
    dWLSTM = np.zeros_like(run.WLSTM)
    dc, dh = dc.copy(), dh.copy()
    for steps, rows, cache in reversed(run.pieces):
        gradients = fused.backward(dHout[steps, rows], cache, dc[rows], dh[rows])
        dX[steps, rows] = gradients.dX
        dWLSTM += gradients.dWLSTM  # (eq-len-weights)
        dc[rows], dh[rows] = gradients.dc0, gradients.dh0  # (eq-len-carry)
    return (reverse(dX, lengths) if turned else dX), dWLSTM, dc, dh


def _cuts(lengths: NDArray[Any] | None, n: int) -> Iterator[tuple[slice, Any]]:
    """Cut the steps where sequences end: for each piece, its steps and the rows still running."""
    if lengths is None:
        yield slice(0, n), slice(None)
        return
    start = 0
    for stop in np.unique(lengths[lengths > 0]):
        yield slice(start, int(stop)), np.flatnonzero(lengths >= stop)
        start = int(stop)
