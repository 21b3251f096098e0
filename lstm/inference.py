"""The forward pass when there is no backward pass: only the outputs are kept.

`run` is what ``lstm.forward(..., cache=False)`` calls. Without a cache the arrays of a step may
be transposed: each feature, unit or gate is a row, and the sequences of the batch are the
columns. Each gate is then one piece of memory, and
h = o * s writes into the input of the next step's product, u = [1, x, h], of shape (1 + D + H, b).

Source: chapter 9 of the book.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .layout import sizes, split_gates

__all__ = ["run"]

_LARGE = 32  # the smallest batch for which a copy of the weights pays


def run(
    X: NDArray[Any], WLSTM: NDArray[Any], c0: NDArray[Any], h0: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Run a batch of sequences through the LSTM, with arguments that have been checked.

    Beside the results it needs memory for one step only: 1 + D + 7H numbers for each sequence. A
    large batch of many steps, n b > 12H, also gets a copy of the weights, at most a third as large
    as X and Hout together.

    Args:
        X: Inputs, shape (n, b, D).
        WLSTM: Weights as in `lstm.layout`, shape (1 + D + H, 4H).
        c0: Initial cell state, shape (b, H).
        h0: Initial output, shape (b, H).

    Returns:
        tuple: Hout (n, b, H), Cn and Hn (b, H).

    Example:
        >>> X, WLSTM, zero = np.ones((5, 3, 10)), np.ones((15, 16)), np.zeros((3, 4))
        >>> [array.shape for array in run(X, WLSTM, zero, zero)]
        [(5, 3, 4), (3, 4), (3, 4)]
    """
    (n, b, _), (D, H), dtype = X.shape, sizes(WLSTM), WLSTM.dtype
    if b >= _LARGE and n * b > 12 * H:  # BLAS is faster with a gate in each row
        WLSTM = np.asfortranarray(WLSTM)
    if not WLSTM.flags.forc:  # or BLAS copies it at each step
        WLSTM = WLSTM.copy()
    u = np.empty((1 + D + H, b), dtype)
    u[0] = 1
    x, h, c = u[1 : 1 + D], u[1 + D :], np.array(c0.T, order="C")
    h[...] = h0.T
    z, s = np.empty((4 * H, b), dtype), np.empty((H, b), dtype)
    i, f, o, _ = gates = [gate.T for gate in split_gates(z.T)]
    g, ifo, half = gates[3], z[: 3 * H], np.array(0.5, dtype)
    Hout = np.empty((n, b, H), dtype)
    for t in range(n):
        x[...] = X[t].T
        np.matmul(WLSTM.T, u, out=z)  # (eq-z)
        ifo *= half
        np.tanh(z, out=z)
        ifo *= half
        ifo += half  # (eq-sigmoid) (eq-gates)
        c *= f
        i *= g
        c += i  # (eq-c)
        np.tanh(c, out=s)  # (eq-s)
        np.multiply(o, s, out=h)  # (eq-h)
        Hout[t] = h.T
    return Hout, np.array(c.T, order="C"), np.array(h.T, order="C")
