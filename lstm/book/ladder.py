"""The rungs of chapter 9: the fused LSTM from its first form to its present one.

Each rung computes what `lstm.fused` computes, with one main thing changed from the
rung below it. The functions here are the earlier forms. They take and return what
`lstm.fused.forward` and `lstm.fused.backward` do, but leave out the checks of the arguments,
and c0 and h0 must be given. `LADDER` says which of them make up which rung. The
yardstick is `lstm.book.limit.products`.

Source: the algorithm of the lowest rung is that of the batched NumPy LSTM that
A. Karpathy published in 2015.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import fused
from ..fused import Cache, Forward, Gradients
from ..layout import sizes, split_gates, split_rows

__all__ = [
    "LADDER",
    "Rung",
    "backward_as_written",
    "backward_in_blocks",
    "backward_one_product",
    "forward_as_written",
    "forward_hoisted",
]


class Rung(NamedTuple):
    """One rung of the ladder.

    Attributes:
        name: What is new on this rung.
        forward: The forward pass.
        backward: The backward pass.
    """

    name: str
    forward: Callable[..., Forward]
    backward: Callable[..., Gradients]


@np.errstate(over="ignore", under="ignore")
def forward_as_written(X: Any, WLSTM: Any, c0: Any, h0: Any) -> Forward:
    """One product of [1, x, h_prev] a step; the sigmoid from its definition.

    Args:
        X: Inputs, shape (n, b, D).
        WLSTM: Weights, shape (1 + D + H, 4H).
        c0: Initial cell state, shape (b, H).
        h0: Initial output, shape (b, H).

    Returns:
        Forward: As of `lstm.fused.forward`.

    Example:
        >>> from lstm.gradcheck import random_problem
        >>> forward_as_written(**random_problem(5, 3, 10, 4).inputs).Hout.shape
        (5, 3, 4)
    """
    n, b, D = X.shape
    H = sizes(WLSTM).H
    U = np.zeros((n, b, 1 + D + H), X.dtype)
    Z = np.zeros((n, b, 4 * H), X.dtype)
    IFOG = np.zeros((n, b, 4 * H), X.dtype)
    C = np.zeros((n + 1, b, H), X.dtype)
    S = np.zeros((n, b, H), X.dtype)
    Hout = np.zeros((n, b, H), X.dtype)
    C[0], h = c0, h0
    for t in range(n):
        U[t, :, 0] = 1
        U[t, :, 1 : 1 + D] = X[t]
        U[t, :, 1 + D :] = h
        Z[t] = U[t].dot(WLSTM)
        IFOG[t, :, : 3 * H] = 1 / (1 + np.exp(-Z[t, :, : 3 * H]))
        IFOG[t, :, 3 * H :] = np.tanh(Z[t, :, 3 * H :])
        i, f, o, g = split_gates(IFOG[t])
        C[t + 1] = f * C[t] + i * g
        S[t] = np.tanh(C[t + 1])
        Hout[t] = o * S[t]
        h = Hout[t]
    return Forward(Hout, C[n].copy(), h.copy(), Cache(WLSTM, U, IFOG, C, S))


def backward_as_written(dHout: Any, cache: Cache, dCn: Any, dHn: Any) -> Gradients:
    """The weights' gradient is added up step by step, and dX is a part of du.

    Args:
        dHout: Gradient with respect to Hout, shape (n, b, H).
        cache: The cache of a forward pass.
        dCn: Gradient with respect to Cn, shape (b, H).
        dHn: Gradient with respect to Hn, shape (b, H).

    Returns:
        Gradients: As of `lstm.fused.backward`.

    Example:
        >>> from lstm.gradcheck import random_problem
        >>> problem = random_problem(5, 3, 10, 4)
        >>> dHout, dCn, dHn = problem.cotangents
        >>> cache = fused.forward(**problem.inputs).cache
        >>> backward_as_written(dHout, cache, dCn, dHn).dWLSTM.shape
        (15, 16)
    """
    WLSTM, U, IFOG, C, S = cache
    n, b, H = S.shape
    D = sizes(WLSTM).D
    dX = np.zeros((n, b, D), S.dtype)
    dU, dK, dZ = np.zeros_like(U), np.zeros_like(IFOG), np.zeros_like(IFOG)
    dWLSTM = np.zeros_like(WLSTM)
    dc_next, dh_next = dCn, dHn
    for t in reversed(range(n)):
        i, f, o, g = split_gates(IFOG[t])
        di, df, do, dg = split_gates(dK[t])
        dh = dHout[t] + dh_next
        do[:] = dh * S[t]
        dc = dc_next + (1 - S[t] ** 2) * (dh * o)
        df[:] = dc * C[t]
        di[:] = dc * g
        dg[:] = dc * i
        dZ[t, :, 3 * H :] = (1 - g**2) * dg
        ifo = IFOG[t, :, : 3 * H]
        dZ[t, :, : 3 * H] = ifo * (1 - ifo) * dK[t, :, : 3 * H]
        dWLSTM += U[t].T.dot(dZ[t])
        dU[t] = dZ[t].dot(WLSTM.T)
        dX[t] = dU[t, :, 1 : 1 + D]
        dc_next, dh_next = dc * f, dU[t, :, 1 + D :]
    return Gradients(dX, dWLSTM, dc_next.copy(), dh_next.copy())


def backward_one_product(dHout: Any, cache: Cache, dCn: Any, dHn: Any) -> Gradients:
    """The weights' gradient and dX leave the loop, (eq-bptt-dw) and (eq-dx).

    Args:
        dHout: Gradient with respect to Hout, shape (n, b, H).
        cache: The cache of a forward pass.
        dCn: Gradient with respect to Cn, shape (b, H).
        dHn: Gradient with respect to Hn, shape (b, H).

    Returns:
        Gradients: As of `lstm.fused.backward`.

    Example:
        >>> from lstm.gradcheck import random_problem
        >>> problem = random_problem(5, 3, 10, 4)
        >>> dHout, dCn, dHn = problem.cotangents
        >>> cache = fused.forward(**problem.inputs).cache
        >>> backward_one_product(dHout, cache, dCn, dHn).dWLSTM.shape
        (15, 16)
    """
    WLSTM, U, IFOG, C, S = cache
    n, b, H = S.shape
    _, Wx, Wh = split_rows(WLSTM)
    dZ = np.empty_like(IFOG)
    dc_next, dh_next = dCn, dHn
    for t in reversed(range(n)):
        i, f, o, g = split_gates(IFOG[t])
        di, df, do, dg = split_gates(dZ[t])
        dh = dHout[t] + dh_next
        do[:] = dh * S[t]
        dc = dc_next + dh * o * (1 - S[t] ** 2)
        df[:] = dc * C[t]
        di[:] = dc * g
        dg[:] = dc * i
        ifo = IFOG[t, :, : 3 * H]
        dZ[t, :, : 3 * H] *= ifo * (1 - ifo)
        dg *= 1 - g**2
        dc_next, dh_next = dc * f, dZ[t] @ Wh.T
    dZ = dZ.reshape(n * b, 4 * H)
    dWLSTM = U.reshape(n * b, -1).T @ dZ
    dX = (dZ @ Wx.T).reshape(n, b, -1)
    return Gradients(dX, dWLSTM, dc_next.copy(), dh_next.copy())


@np.errstate(over="ignore", under="ignore")
def forward_hoisted(X: Any, WLSTM: Any, c0: Any, h0: Any) -> Forward:
    """The inputs' product leaves the loop, (eq-hoist).

    Args:
        X: Inputs, shape (n, b, D).
        WLSTM: Weights, shape (1 + D + H, 4H).
        c0: Initial cell state, shape (b, H).
        h0: Initial output, shape (b, H).

    Returns:
        Forward: As of `lstm.fused.forward`.

    Example:
        >>> from lstm.gradcheck import random_problem
        >>> forward_hoisted(**random_problem(5, 3, 10, 4).inputs).Hout.shape
        (5, 3, 4)
    """
    n, b, D = X.shape
    H = sizes(WLSTM).H
    Wh = split_rows(WLSTM).Wh
    U = np.empty((n, b, 1 + D + H), X.dtype)
    U[..., 0] = 1
    U[..., 1 : 1 + D] = X
    C = np.empty((n + 1, b, H), X.dtype)
    S = np.empty((n, b, H), X.dtype)
    Hout = np.empty((n, b, H), X.dtype)
    inputs = U[..., : 1 + D].reshape(n * b, 1 + D)
    IFOG = (inputs @ WLSTM[: 1 + D]).reshape(n, b, 4 * H)
    C[0], h = c0, h0
    for t in range(n):
        U[t, :, 1 + D :] = h
        z = IFOG[t] + h @ Wh
        IFOG[t, :, : 3 * H] = 1 / (1 + np.exp(-z[:, : 3 * H]))
        IFOG[t, :, 3 * H :] = np.tanh(z[:, 3 * H :])
        i, f, o, g = split_gates(IFOG[t])
        C[t + 1] = f * C[t] + i * g
        S[t] = np.tanh(C[t + 1])
        h = Hout[t] = o * S[t]
    return Forward(Hout, C[n].copy(), h.copy(), Cache(WLSTM, U, IFOG, C, S))


def backward_in_blocks(dHout: Any, cache: Cache, dCn: Any, dHn: Any) -> Gradients:
    """Factors known from the forward pass leave the inner loop; the rest is as one rung below.

    Args:
        dHout: Gradient with respect to Hout, shape (n, b, H).
        cache: The cache of a forward pass.
        dCn: Gradient with respect to Cn, shape (b, H).
        dHn: Gradient with respect to Hn, shape (b, H).

    Returns:
        Gradients: As of `lstm.fused.backward`.

    Example:
        >>> from lstm.gradcheck import random_problem
        >>> problem = random_problem(5, 3, 10, 4)
        >>> dHout, dCn, dHn = problem.cotangents
        >>> cache = fused.forward(**problem.inputs).cache
        >>> backward_in_blocks(dHout, cache, dCn, dHn).dWLSTM.shape
        (15, 16)
    """
    WLSTM, U, IFOG, C, S = cache
    n, b, H = S.shape
    _, Wx, Wh = split_rows(WLSTM)
    dZ = np.empty_like(IFOG)
    dk = np.empty((b, 4 * H), S.dtype)
    dk_i, dk_f, dk_o, dk_g = split_gates(dk)
    dc_next, dh_next = dCn, dHn
    for block in fused._blocks(n, 4 * b * H):
        ifog, c_prev, s, dz = IFOG[block], C[block], S[block], dZ[block]
        i, f, o, g = split_gates(ifog)
        dz_i, dz_f, dz_o, dz_g = split_gates(dz)
        np.subtract(1, ifog, out=dz)
        dz *= ifog
        np.subtract(1, g**2, out=dz_g)
        dz_i *= g
        dz_f *= c_prev
        dz_o *= s
        dz_g *= i
        through_s = o * (1 - s**2)
        for t in reversed(range(len(dz))):
            dh = dHout[block][t] + dh_next
            dc = dc_next + dh * through_s[t]
            dk_i[:] = dk_f[:] = dk_g[:] = dc
            dk_o[:] = dh
            dz[t] *= dk
            dc_next, dh_next = dc * f[t], dz[t] @ Wh.T
    dZ = dZ.reshape(n * b, 4 * H)
    dWLSTM = U.reshape(n * b, -1).T @ dZ
    dX = (dZ @ Wx.T).reshape(n, b, -1)
    return Gradients(dX, dWLSTM, dc_next.copy(), dh_next.copy())


LADDER = (
    Rung("as written", forward_as_written, backward_as_written),
    Rung("weights' gradient in one product", forward_as_written, backward_one_product),
    Rung("inputs' product before the loop", forward_hoisted, backward_one_product),
    Rung("forward in place, one tanh", fused.forward, backward_one_product),
    Rung("backward's known factors in blocks", fused.forward, backward_in_blocks),
    Rung("BLAS's better form: lstm.fused", fused.forward, fused.backward),
)
"""The rungs, from the lowest."""
