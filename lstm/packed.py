"""One layer over sequences of different lengths: `lstm.fused`, with fewer rows from step to step.

The sequences are sorted, the longest first. Then those that still run at a step are always the
first rows of the batch, and a step is that of `lstm.fused` for as many rows. Whatever belongs to
the steps is stored without gaps: of every sequence the steps that it has, all first steps first.
Together they are m rows, the sum of the lengths, so padding takes neither memory nor time, and the
products over all steps are still one product each.

Source: chapter 13 of the book.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .arguments import check_array
from .fused import _BLOCK, _scale_and_shift, _squash
from .layout import split_gates, split_rows

__all__ = ["Cache", "Packing", "backward", "forward", "pack"]


class Packing(NamedTuple):
    """Which steps of which sequences exist, and the order in which they are stored.

    Attributes:
        order: The sequences, the longest first, shape (b,).
        time: For each stored row its step in X, shape (m,).
        row: For each stored row its sequence in X, shape (m,).
        starts: Where the rows of each step begin, and where the last ones end: as many numbers as
            the longest sequence has steps, and one more.
    """

    order: NDArray[np.intp]
    time: NDArray[np.intp]
    row: NDArray[np.intp]
    starts: list[int]


class Cache(NamedTuple):
    """What `backward` needs from the forward run. Read it, but do not change it.

    Attributes:
        WLSTM: The weights that were used, shape (1 + D + H, 4H).
        U: Input vectors [1, x_t, h_{t-1}], shape (m, 1 + D + H).
        IFOG: Gates after sigmoid and tanh, shape (m, 4H).
        C: The cell states c_{t-1}, from which each step started, shape (m, H).
        S: tanh of the cell states c_t, shape (m, H).
        packing: Where the m rows belong.
    """

    WLSTM: NDArray[Any]
    U: NDArray[Any]
    IFOG: NDArray[Any]
    C: NDArray[Any]
    S: NDArray[Any]
    packing: Packing


def pack(lengths: NDArray[Any], turned: bool = False) -> Packing:
    """Find the order in which the steps of sequences of different lengths are stored.

    Args:
        lengths: The number of steps of each sequence, shape (b,).
        turned: Whether each sequence is read from its own end.

    Returns:
        Packing: The sorted sequences, and the step and the sequence of each stored row.

    Example:
        >>> packing = pack(np.array([2, 0, 3]))
        >>> packing.order, packing.starts
        (array([2, 0, 1]), [0, 2, 4, 5])
        >>> [(int(t), int(j)) for t, j in zip(packing.time, packing.row)]
        [(0, 2), (0, 0), (1, 2), (1, 0), (2, 2)]
    """
    order = np.argsort(-lengths, kind="stable")
    running = np.arange(lengths.max(initial=0))[:, None] < lengths[order]
    time, place = np.nonzero(running)
    row = order[place]
    if turned:
        time = lengths[row] - 1 - time  # (eq-len-reverse)
    return Packing(order, time, row, [0, *np.cumsum(running.sum(axis=1)).tolist()])


def forward(
    X: NDArray[Any], WLSTM: NDArray[Any], c0: NDArray[Any], h0: NDArray[Any], packing: Packing
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], Cache]:
    """Run a batch of sequences, each for as many steps as it has. The arguments have been checked.

    Args:
        X: Inputs, shape (n, b, D). What comes after a sequence's end is never looked at.
        WLSTM: Weights as in `lstm.layout`, shape (1 + D + H, 4H).
        c0: Initial cell states, shape (b, H).
        h0: Initial outputs, shape (b, H).
        packing: What `pack` made of the lengths.

    Returns:
        tuple: Hout (n, b, H), zero after a sequence's end, Cn and Hn (b, H), and the `Cache`.

    Example:
        >>> X, WLSTM, zero = np.ones((5, 3, 10)), np.ones((15, 16)), np.zeros((3, 4))
        >>> Hout, Cn, Hn, cache = forward(X, WLSTM, zero, zero, pack(np.array([5, 2, 0])))
        >>> Hout.shape, len(cache.U), bool((Hout[2:, 1] == 0).all())
        ((5, 3, 4), 7, True)
    """
    order, time, row, starts = packing
    (_, _, D), (b, H), m, dtype = X.shape, c0.shape, len(row), WLSTM.dtype
    WLSTM = WLSTM.copy()
    Wh = split_rows(WLSTM).Wh
    U = np.empty((m, 1 + D + H), dtype)  # (eq-u)
    U[:, 0] = 1
    U[:, 1 : 1 + D] = X[time, row]
    IFOG = U[:, : 1 + D] @ WLSTM[: 1 + D]
    C, S, outputs = (np.empty((m, H), dtype) for _ in range(3))
    c, h = c0[order], h0[order]
    hWh = np.empty((b, 4 * H), dtype)
    scale, shift = (np.tile(constants, (b, 1)) for constants in _scale_and_shift(H, dtype))
    for start, stop in pairwise(starts):
        r, now = stop - start, slice(start, stop)
        c_r, h_r, ifog = c[:r], h[:r], IFOG[now]  # the first r sequences are still running
        C[now], U[now, 1 + D :] = c_r, h_r
        ifog += np.matmul(h_r, Wh, out=hWh[:r])  # (eq-z) (eq-hoist)
        _squash(ifog, scale[:r], shift[:r])  # (eq-gates)
        i, f, o, g = split_gates(ifog)
        c_r *= f
        c_r += i * g  # (eq-c)
        s = np.tanh(c_r, out=S[now])  # (eq-s)
        h_r[:] = np.multiply(o, s, out=outputs[now])  # (eq-h)
    Hout = np.zeros((*X.shape[:2], H), dtype)
    Hout[time, row] = outputs
    return Hout, _unsorted(c, order), _unsorted(h, order), Cache(WLSTM, U, IFOG, C, S, packing)


def backward(
    dHout: NDArray[Any], cache: Cache, dCn: NDArray[Any], dHn: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Go back through `forward`. The arguments have been checked, except the cache.

    Args:
        dHout: Gradient of the loss with respect to Hout, shape (n, b, H). What it says of steps
            after a sequence's end is not looked at.
        cache: The cache that `forward` returned.
        dCn: Gradient with respect to Cn, shape (b, H).
        dHn: Gradient with respect to Hn, shape (b, H).

    Returns:
        tuple: dX (n, b, D), dWLSTM (1 + D + H, 4H), dc0 and dh0 (b, H).

    Raises:
        TypeError: If an array of the cache is of another dtype than its weights.
        ValueError: If an array of the cache does not fit the others.

    Example:
        >>> X, WLSTM, zero = np.ones((5, 3, 10)), np.ones((15, 16)), np.zeros((3, 4))
        >>> Hout, _, _, cache = forward(X, WLSTM, zero, zero, pack(np.array([5, 2, 0])))
        >>> dX, dWLSTM, dc0, dh0 = backward(np.ones_like(Hout), cache, zero, zero)
        >>> dX.shape, dWLSTM.shape, dc0.shape, bool((dX[2:, 1] == 0).all())
        ((5, 3, 10), (15, 16), (3, 4), True)
    """
    WLSTM, U, IFOG, C, S, (order, time, row, starts) = cache
    (n, b, H), dtype = dHout.shape, WLSTM.dtype
    _, Wx, Wh = split_rows(WLSTM)
    D = len(Wx)
    _check_fit(cache, D, H)
    dc, dh = dCn[order], dHn[order]  # a sequence's own, until its last step
    dZ, dk = np.empty_like(IFOG), np.empty((b, 4 * H), dtype)
    for block in _blocks(starts, 4 * H):
        # As in `lstm.fused`, the factors that take dc and dh to the raw gates.
        rows = slice(block[0], block[-1])
        ifog, dz, s = IFOG[rows], dZ[rows], S[rows]
        i, f, o, g = split_gates(ifog)
        dz_i, dz_f, dz_o, dz_g = split_gates(dz)
        np.subtract(1, ifog, out=dz)
        dz *= ifog  # (eq-dz-sigmoid)
        np.subtract(1, g**2, out=dz_g)  # (eq-dz-tanh)
        dz_i *= g  # (eq-di)
        dz_f *= C[rows]  # (eq-df)
        dz_o *= s  # (eq-do)
        dz_g *= i  # (eq-dg)
        through_s = o * (1 - s**2)  # (eq-through)
        own = dHout[time[rows], row[rows]]
        for start, stop in reversed(list(pairwise(block))):
            r, now = stop - start, slice(start - block[0], stop - block[0])
            dc_r, dh_r, dk_r, dz_r = dc[:r], dh[:r], dk[:r], dz[now]
            dk_i, dk_f, dk_o, dk_g = split_gates(dk_r)
            dk_o[:] = dh_r + own[now]  # (eq-bptt-dh)
            dc_r += dk_o * through_s[now]  # (eq-dc) (eq-bptt-dc)
            dk_i[:] = dk_f[:] = dk_g[:] = dc_r
            dz_r *= dk_r
            dc_r *= f[now]  # (eq-dc-prev) (eq-len-carry)
            dh_r[:] = (Wh @ dz_r.T).T  # (eq-dh-prev) (eq-len-carry)
    dX = np.zeros((n, b, D), dtype)
    dX[time, row] = dZ @ Wx.T  # (eq-dx)
    dW = U.T @ dZ  # (eq-len-weights)
    return dX, dW, _unsorted(dc, order), _unsorted(dh, order)


def _check_fit(cache: Cache, D: int, H: int) -> None:
    """See that the arrays of a cache fit one another: somebody may have changed them."""
    m = len(cache.packing.row)
    for name, axis, width in (
        ("U", "1 + D + H", 1 + D + H), ("IFOG", "4 * H", 4 * H), ("C", "H", H), ("S", "H", H),
    ):  # fmt: skip
        array, dtype = getattr(cache, name), cache.WLSTM.dtype
        check_array(f"cache.{name}", array, ("m", axis), (m, width), dtype)


def _unsorted(array: NDArray[Any], order: NDArray[np.intp]) -> NDArray[Any]:
    """The rows of an array in the order that the batch had."""
    back = np.empty_like(array)
    back[order] = array
    return back


def _blocks(starts: list[int], width: int) -> Iterator[list[int]]:
    """Cut the steps into blocks that fit the processor's cache, the last first."""
    stop = len(starts) - 1
    while stop > 0:
        first = stop - 1
        while first > 0 and (starts[stop] - starts[first - 1]) * width <= _BLOCK:
            first -= 1
        yield starts[first : stop + 1]
        stop = first
