"""The fused LSTM with features as rows: a form that chapter 9 tries beside the ladder.

`lstm.fused` keeps one sequence of the batch in each row. Here everything within a pass lies the
other way round: each feature, unit or gate is a row, and the sequences are its columns. A gate is
then one piece of memory, a step is one product Wᵀ u, and h is written where the next product
reads it. The price is paid where arrays are handed over, and by the products over all steps of the
backward pass: these need rows, so dZ is turned round.

The functions take and return what those of `lstm.book.ladder` do. The cache has the shapes
of `lstm.fused.Cache`; its arrays are views of the ones that lie the other way round.
"""

from typing import Any

import numpy as np

from ..fused import Cache, Forward, Gradients, _blocks
from ..layout import sizes, split_gates, split_rows

__all__ = ["backward_by_features", "forward_by_features"]


@np.errstate(over="ignore", under="ignore")
def forward_by_features(X: Any, WLSTM: Any, c0: Any, h0: Any) -> Forward:
    """One product of a step, and all gates in place.

    Args:
        X: Inputs, shape (n, b, D).
        WLSTM: Weights, shape (1 + D + H, 4H).
        c0: Initial cell state, shape (b, H).
        h0: Initial output, shape (b, H).

    Returns:
        Forward: As of `lstm.fused.forward`.

    Example:
        >>> from lstm.gradcheck import random_problem
        >>> forward_by_features(**random_problem(5, 3, 10, 4).inputs).Hout.shape
        (5, 3, 4)
    """
    (n, b, _), (D, H), dtype = X.shape, sizes(WLSTM), X.dtype
    WLSTM = WLSTM.copy()
    U, Z = np.empty((n + 1, 1 + D + H, b), dtype), np.empty((n, 4 * H, b), dtype)
    C, S = np.empty((n + 1, H, b), dtype), np.empty((n, H, b), dtype)
    Hout, ig, half = np.empty((n, b, H), dtype), np.empty((H, b), dtype), np.array(0.5, dtype)
    U[:n, 0], U[:n, 1 : 1 + D] = 1, X.swapaxes(1, 2)
    U[0, 1 + D :], C[0] = h0.T, c0.T
    for t in range(n):
        z = np.matmul(WLSTM.T, U[t], out=Z[t])
        ifo = z[: 3 * H]
        ifo *= half
        np.tanh(z, out=z)
        ifo *= half
        ifo += half
        i, f, o, g = (gate.T for gate in split_gates(z.T))
        c = np.multiply(f, C[t], out=C[t + 1])
        c += np.multiply(i, g, out=ig)
        s = np.tanh(c, out=S[t])
        h = np.multiply(o, s, out=U[t + 1, 1 + D :])
        Hout[t] = h.T
    by_rows = (array.swapaxes(1, 2) for array in (U[:n], Z, C, S))
    return Forward(Hout, C[n].T.copy(), U[n, 1 + D :].T.copy(), Cache(WLSTM, *by_rows))


@np.errstate(over="ignore", under="ignore")
def backward_by_features(dHout: Any, cache: Cache, dCn: Any, dHn: Any) -> Gradients:
    """Run `lstm.fused.backward` on the arrays of `forward_by_features`, transposing dZ at the end.

    Args:
        dHout: Gradient with respect to Hout, shape (n, b, H).
        cache: The cache of `forward_by_features`.
        dCn: Gradient with respect to Cn, shape (b, H).
        dHn: Gradient with respect to Hn, shape (b, H).

    Returns:
        Gradients: As of `lstm.fused.backward`.

    Example:
        >>> from lstm.gradcheck import random_problem
        >>> problem = random_problem(5, 3, 10, 4)
        >>> dHout, dCn, dHn = problem.cotangents
        >>> cache = forward_by_features(**problem.inputs).cache
        >>> backward_by_features(dHout, cache, dCn, dHn).dWLSTM.shape
        (15, 16)
    """
    WLSTM, *views = cache
    U, Z, C, S = (array.swapaxes(1, 2) for array in views)
    (n, H, b), dtype = S.shape, S.dtype
    D = sizes(WLSTM).D
    _, Wx, Wh = split_rows(WLSTM)
    dZ = np.empty((n, b, 4 * H), dtype)
    dc, dh_next = dCn.T.copy(), dHn.T.copy()
    dh, part = np.empty((H, b), dtype), np.empty((H, b), dtype)
    for block in _blocks(n, 4 * b * H):
        z, s = Z[block], S[block]
        i, f, o, g = np.split(z, 4, axis=1)
        dz = 1 - z
        dz *= z
        dz_i, dz_f, dz_o, dz_g = np.split(dz, 4, axis=1)
        np.subtract(1, g**2, out=dz_g)
        dz_i *= g
        dz_f *= C[block]
        dz_o *= s
        dz_g *= i
        through_s = o * (1 - s**2)
        for t in reversed(range(len(dz))):
            np.add(dHout[block][t].T, dh_next, out=dh)
            dc += np.multiply(dh, through_s[t], out=part)
            dz_i[t] *= dc
            dz_f[t] *= dc
            dz_o[t] *= dh
            dz_g[t] *= dc
            dc *= f[t]
            np.matmul(Wh, dz[t], out=dh_next)
        dZ[block] = dz.swapaxes(1, 2)
    rows = dZ.reshape(n * b, 4 * H)
    dWLSTM = U.swapaxes(1, 2).reshape(n * b, 1 + D + H).T @ rows
    return Gradients((rows @ Wx.T).reshape(n, b, D), dWLSTM, dc.T.copy(), dh_next.T.copy())
