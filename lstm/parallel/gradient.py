"""The LSTM in JAX whose backward pass is a scan over all steps at once.

`forward` returns what `lstm.scan.forward` returns for a batch of whole sequences, but its
derivative is computed in another way: the adjoints come from ``jax.lax.associative_scan`` over the
Jacobians of the steps, in log2 n rounds (`lstm.parallel.adjoint` has the same in NumPy). It
multiplies matrices of 2H x 2H, and keeps one for each step: worth a try where H is small, n large,
and the device wide.

Source: chapter 16 of the book, and the documentation of ``jax.custom_vjp``.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ..layout import sizes, split_rows
from ..scan import Kept, Sequence, run_and_keep
from ..traced import check_array, check_inputs, check_state
from . import linear

__all__ = ["forward"]


def forward(
    X: ArrayLike, WLSTM: ArrayLike, c0: ArrayLike | None = None, h0: ArrayLike | None = None
) -> Sequence:
    """Run a batch of sequences, to be differentiated by one scan.

    Args:
        X: Inputs, shape (n, b, D).
        WLSTM: Weights as in `lstm.layout`, shape (1 + D + H, 4H).
        c0: Initial cell state, shape (b, H); zeros if None.
        h0: Initial output, shape (b, H); zeros if None.

    Returns:
        Sequence: The named tuple (Hout, Cn, Hn) of `lstm.scan.forward`.

    Raises:
        TypeError: If an argument has the wrong type or dtype.
        ValueError: If a rank or shape does not fit.

    Example:
        >>> import lstm
        >>> X, WLSTM = jnp.ones((50, 3, 10)), lstm.init(10, 4, rng=0, dtype="float32")
        >>> one = jax.jit(jax.grad(lambda W: forward(X, W).Hout.sum()))(WLSTM)
        >>> other = jax.grad(lambda W: lstm.scan.forward(X, W).Hout.sum())(WLSTM)
        >>> bool(abs(one - other).max() < 1e-4 * abs(other).max())
        True
    """
    WLSTM = check_array("WLSTM", WLSTM)
    D, H = sizes(WLSTM)
    X = check_inputs(X, D, WLSTM.dtype, "WLSTM")
    if X.ndim != 3:
        raise ValueError(f"X: expected shape (n, b, D), got {X.shape}")
    shape = (X.shape[1], H)
    c0, h0 = (
        check_state(name, state, ("b", "H"), shape, WLSTM.dtype, "WLSTM")
        for name, state in (("c0", c0), ("h0", h0))
    )
    return _run(X, WLSTM, c0, h0)


@jax.custom_vjp
def _run(X: Array, WLSTM: Array, c0: Array, h0: Array) -> Sequence:
    return run_and_keep(X, WLSTM, c0, h0)[0]


def _backward(kept: Kept, gradients: Sequence) -> tuple[Array, ...]:
    """Gradients with respect to X, WLSTM, c0 and h0."""
    X, WLSTM, C, Hs, (i, f, o, g), _ = kept
    dHout, dCn, dHn = gradients
    if len(X) == 0:
        return jnp.zeros_like(X), jnp.zeros_like(WLSTM), dCn, dHn
    _, Wx, Wh = split_rows(WLSTM)
    H = Wh.shape[0]
    S = jnp.tanh(C[1:])
    direct = jnp.concatenate([jnp.zeros_like(dHout), dHout], axis=-1)
    direct = direct.at[-1].add(jnp.concatenate([dCn, dHn], axis=-1))
    J = _jacobians(C[:-1], S, (i, f, o, g), Wh)
    later = jnp.concatenate([J[1:].mT, jnp.zeros_like(J[:1])])
    a = linear.associative(later[::-1], direct[::-1])[::-1]  # (eq-adjoint-scan)

    dh = a[..., H:]
    dc = a[..., :H] + dh * o * (1 - S**2)  # (eq-dc)
    di, df = dc * g, dc * C[:-1]  # (eq-di) (eq-df)
    do, dg = dh * S, dc * i  # (eq-do) (eq-dg)
    slopes = [dk * k * (1 - k) for dk, k in ((di, i), (df, f), (do, o))]  # (eq-dz-sigmoid)
    dZ = jnp.concatenate([*slopes, dg * (1 - g**2)], axis=-1)  # (eq-dz-tanh)
    U = (jnp.ones((*X.shape[:2], 1), X.dtype), X, Hs[:-1])
    dWLSTM = jnp.concatenate([jnp.einsum("tbr,tbk->rk", part, dZ) for part in U])  # (eq-bptt-dw)
    return dZ @ Wx.T, dWLSTM, dc[0] * f[0], dZ[0] @ Wh.T  # (eq-dx) (eq-bptt-start)


def _jacobians(C_prev: Array, S: Array, gates: Any, Wh: Array) -> Array:
    """The derivative of each step's [c, h] with respect to the [c, h] before it."""
    i, f, o, g = gates
    Wi, Wf, Wo, Wg = jnp.split(Wh, 4, axis=1)
    into_c = ((g * i * (1 - i), Wi), (C_prev * f * (1 - f), Wf), (i * (1 - g**2), Wg))
    ch = sum(factor[..., None] * W.T for factor, W in into_c)  # (eq-jacobian-c)
    through_s = o * (1 - S**2)
    hh = through_s[..., None] * ch + (S * o * (1 - o))[..., None] * Wo.T  # (eq-jacobian-h)
    unit = jnp.eye(f.shape[-1], dtype=f.dtype)
    cc, hc = f[..., None] * unit, (through_s * f)[..., None] * unit
    return jnp.block([[cc, ch], [hc, hh]])


_run.defvjp(run_and_keep, _backward)
