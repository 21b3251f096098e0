"""One layer in one direction, forward in time or backward, with or without lengths.

If all sequences have the same length, `lstm.fused` runs them, and for the backward direction time
is reversed before and after. If lengths differ, `lstm.packed` runs them; without a cache, when
nothing has to be stored in order, `lstm.fused` goes from one sequence's end to the next. What
comes after a sequence's end is never read.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import fused, packed
from .arguments import ArrayLike, check_array, check_lengths

__all__ = ["Cache", "backward", "forward", "reverse"]

Cache: TypeAlias = fused.Cache | packed.Cache
"""What one direction of one layer keeps for the backward pass."""


def reverse(X: ArrayLike, lengths: ArrayLike | None = None) -> NDArray[Any]:
    """Reverse each sequence of a batch within its own length. Padding becomes zero.

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
        >>> reverse(X)[..., 0].T
        array([[3., 2., 1.],
               [9., 6., 5.]])
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
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], Cache | None]:
    """Run one direction of one layer, with arguments that have been checked.

    Args:
        X: Inputs, shape (n, b, D).
        WLSTM: Weights, shape (1 + D + H, 4H).
        c: Initial cell states, shape (b, H).
        h: Initial outputs, shape (b, H).
        lengths: The number of steps of each sequence, shape (b,); None if all have n.
        turned: Whether to read from each sequence's end.
        cache: Whether to keep what `backward` needs.

    Returns:
        tuple: Hout (n, b, H), zero after a sequence's end, Cn and Hn (b, H), and the cache of
        `lstm.fused` or, with lengths, of `lstm.packed`; None in its place without one.

    Example:
        >>> import numpy as np
        >>> X, W, zero = np.ones((5, 3, 10)), fused.init(10, 4, rng=0), np.zeros((3, 4))
        >>> Hout, _, _, cache = forward(X, W, zero, zero, np.array([5, 2, 5]))
        >>> Hout.shape, cache.U.shape               # 12 steps, without the padding
        ((5, 3, 4), (12, 15))
    """
    if lengths is None:
        run = fused.forward(X[::-1] if turned else X, WLSTM, c, h, cache=cache)
        return (run.Hout[::-1] if turned else run.Hout), run.Cn, run.Hn, run.cache
    if cache:
        return packed.forward(X, WLSTM, c, h, packed.pack(lengths, turned))
    return *_outputs(X, WLSTM, c, h, lengths, turned), None


def backward(
    dHout: NDArray[Any],
    cache: Cache,
    dc: NDArray[Any],
    dh: NDArray[Any],
    turned: bool = False,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Run the backward pass of `forward`, with arguments that have been checked.

    Args:
        dHout: Gradient of the loss with respect to Hout, shape (n, b, H).
        cache: The cache that `forward` returned.
        dc: Gradient with respect to Cn, shape (b, H).
        dh: Gradient with respect to Hn, shape (b, H).
        turned: Whether it read from each sequence's end.

    Returns:
        tuple: dX (n, b, D), dWLSTM (1 + D + H, 4H), dc0 and dh0 (b, H).

    Example:
        >>> import numpy as np
        >>> X, W, zero = np.ones((5, 3, 10)), fused.init(10, 4, rng=0), np.zeros((3, 4))
        >>> Hout, _, _, cache = forward(X, W, zero, zero, turned=True)
        >>> [gradient.shape for gradient in backward(Hout, cache, zero, zero, turned=True)]
        [(5, 3, 10), (15, 16), (3, 4), (3, 4)]
    """
    if isinstance(cache, packed.Cache):
        return packed.backward(dHout, cache, dc, dh)  # it knows in which order it read
    dX, dWLSTM, dc0, dh0 = fused.backward(dHout[::-1] if turned else dHout, cache, dc, dh)
    return (dX[::-1] if turned else dX), dWLSTM, dc0, dh0


def _outputs(
    X: NDArray[Any],
    WLSTM: NDArray[Any],
    c: NDArray[Any],
    h: NDArray[Any],
    lengths: NDArray[Any],
    turned: bool,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """The results alone: from one sequence's end to the next, with the rows still running."""
    if turned:
        X = reverse(X, lengths)
    Hout = np.zeros((*X.shape[:2], WLSTM.shape[1] // 4), WLSTM.dtype)
    c, h, start = c.copy(), h.copy(), 0
    for stop in np.unique(lengths[lengths > 0]):
        steps, rows = slice(start, int(stop)), np.flatnonzero(lengths >= stop)
        part = fused.forward(X[steps, rows], WLSTM, c[rows], h[rows], cache=False)
        Hout[steps, rows] = part.Hout
        c[rows], h[rows] = part.Cn, part.Hn  # (eq-len-end)
        start = int(stop)
    return (reverse(Hout, lengths) if turned else Hout), c, h
