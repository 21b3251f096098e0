"""The LSTM's backward pass as one scan, because adjoints are linear in every cell.

The forward step is not linear, and the whole trajectory can be found only by iteration. The
backward step is linear: with the gates known, the complete gradient of the state s_t = [c_t, h_t]
is::

    a_t = [0, dHout_t] + J_{t+1}^T a_{t+1}                                 (eq-adjoint-scan)

with the Jacobians J of `lstm.parallel.newton`. So one linear recurrence gives every a_t, and the
rest of ``lstm.backward`` runs for all steps at once. The price is products of 2H x 2H matrices,
with 8 H^3 multiplications each, where the loop multiplies a vector with H x 4H weights.

Source: chapters 4, 5 and 16 of the book.
"""

import numpy as np

from ..arguments import ArrayLike, array_or_zeros
from ..fused import Cache, Gradients, check_fit
from ..layout import split_gates, split_rows
from . import linear
from .newton import jacobians

__all__ = ["backward"]


@np.errstate(over="ignore", under="ignore")
def backward(
    dHout: ArrayLike | None,
    cache: Cache,
    dCn: ArrayLike | None = None,
    dHn: ArrayLike | None = None,
) -> Gradients:
    """Compute what ``lstm.backward`` does, without a loop over all steps.

    It needs memory for the Jacobians, 4 n b H^2 numbers, and again for their products.

    Args:
        dHout: Gradient of the loss with respect to Hout, shape (n, b, H); zeros if None.
        cache: The cache that ``lstm.forward`` returned.
        dCn: Gradient with respect to Cn, shape (b, H); zeros if None.
        dHn: Gradient with respect to Hn, shape (b, H); zeros if None.

    Returns:
        Gradients: The named tuple (dX, dWLSTM, dc0, dh0) of ``lstm.backward``.

    Raises:
        TypeError: If ``cache`` is not a ``lstm.Cache``, or an array has the wrong dtype.
        ValueError: If an argument's rank or shape does not fit the forward run.

    Example:
        >>> import lstm
        >>> run = lstm.forward(np.ones((50, 3, 10)), lstm.init(10, 4, rng=0))
        >>> parallel, loop = (f(run.Hout, run.cache) for f in (backward, lstm.backward))
        >>> bool(abs(parallel.dWLSTM - loop.dWLSTM).max() < 1e-12)
        True
    """
    n, b, D, H = check_fit(cache)
    WLSTM, U, IFOG, C, S = cache
    dtype = WLSTM.dtype
    dHout = array_or_zeros("dHout", dHout, ("n", "b", "H"), (n, b, H), dtype)
    dCn = array_or_zeros("dCn", dCn, ("b", "H"), (b, H), dtype)
    dHn = array_or_zeros("dHn", dHn, ("b", "H"), (b, H), dtype)
    if not n:
        return Gradients(np.zeros((0, b, D), dtype), np.zeros_like(WLSTM), dCn.copy(), dHn.copy())
    _, Wx, Wh = split_rows(WLSTM)
    i, f, o, g = split_gates(IFOG)

    direct = np.concatenate([np.zeros_like(dHout), dHout], axis=-1)
    direct[-1] += np.concatenate([dCn, dHn], axis=1)
    a = linear.adjoints(jacobians(IFOG, C[:-1], S, Wh), direct)  # (eq-adjoint-scan)

    dh = a[..., H:]
    dc = a[..., :H] + dh * o * (1 - S**2)  # (eq-dc)
    di, df = dc * g, dc * C[:-1]  # (eq-di) (eq-df)
    do, dg = dh * S, dc * i  # (eq-do) (eq-dg)
    dZ = np.concatenate([di, df, do, dg], axis=-1)
    dZ[..., : 3 * H] *= IFOG[..., : 3 * H] * (1 - IFOG[..., : 3 * H])  # (eq-dz-sigmoid)
    dZ[..., 3 * H :] *= 1 - g**2  # (eq-dz-tanh)
    dWLSTM = U.reshape(n * b, 1 + D + H).T @ dZ.reshape(n * b, 4 * H)  # (eq-bptt-dw)
    dX = dZ @ Wx.T  # (eq-dx)
    return Gradients(dX, dWLSTM, dc[0] * f[0], dZ[0] @ Wh.T)  # (eq-bptt-start)
