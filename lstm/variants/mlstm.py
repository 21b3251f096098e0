"""mLSTM: the memory is a matrix that stores values under keys; the gates see only x.

Because no gate waits for h, all steps can be computed at once: `parallel` does so, and must agree
with the table run step by step.

Shapes: W (1 + D, 4H) for query, key, value and output gate, V (1 + D, 2) for the gates i, f;
C (b, H, H), n (b, H), m (b, 1), h (b, H).
Source: Beck et al., xLSTM: Extended Long Short-Term Memory, NeurIPS (2024), equations 19 to 27,
with one head. Its equation 21 bounds the overlap of n and q from below by 1; here the bound is
exp(-m), which is the same before everything was divided by exp(m).
"""

import math
from typing import Any

import numpy as np

from ..recurrent import Cell, Param, State, cell_sizes
from ..steps import Step, Values, numpy_of, sigmoid
from .rows import cut, exp, linear, one_and, row, size, squash, where
from .stabilised import FORGET_SIGMOID, STABILISED, log_sigmoid

__all__ = ["LARGEST", "STEPS", "cell", "parallel"]

LARGEST = 80.0
"""The largest exponent of the bound on the overlap of n and q."""


def _outer(a: Any, b: Any) -> Any:
    return a[:, :, None] * b[:, None, :]


def _times(C: Any, q: Any) -> Any:
    return (C @ q[:, :, None])[:, :, 0]


def _turned(C: Any) -> Any:
    return C.swapaxes(1, 2)


def _across(a: Any) -> Any:
    """The sum over all but the batch, shape (b, 1)."""
    return a.reshape(len(a), -1).sum(axis=1)[:, None]


def _least(m: Any) -> Any:
    """The bound exp(-m), as far as float32 holds it: beyond, outputs are below 1e-34."""
    return exp(where(-m.real < LARGEST, -m, 0 * m + LARGEST))


def _enough(v: Values) -> Any:
    """Return whether the overlap is above its bound."""
    return size(v.p).real >= _least(v.m).real


def _of_least(v: Values, de: Any) -> Any:
    return where(_enough(v) | (-v.m.real >= LARGEST), 0 * de, -de * _least(v.m))


STEPS: tuple[Step, ...] = (
    one_and("w", "x"),
    linear("z", "w", "W"),
    cut("q", "z", 0, 4),
    cut("z_k", "z", 1, 4),
    cut("v", "z", 2, 4),
    cut("z_o", "z", 3, 4),
    squash("o"),
    row(
        "k", "eq-key", lambda v: v.z_k / v.z_k.shape[1] ** 0.5,
        z_k=lambda v, dk: dk / v.z_k.shape[1] ** 0.5,
    ),
    linear("r", "w", "V"),
    cut("z_i", "r", 0, 2),
    cut("z_f", "r", 1, 2),
    FORGET_SIGMOID,
    *STABILISED,
    row(
        "C", "eq-matrix", lambda v: v.f[:, :, None] * v.C_prev + v.i[:, :, None] * _outer(v.v, v.k),
        f=lambda v, dC: _across(dC * v.C_prev),
        C_prev=lambda v, dC: v.f[:, :, None] * dC,
        i=lambda v, dC: _across(dC * _outer(v.v, v.k)),
        v=lambda v, dC: v.i * _times(dC, v.k),
        k=lambda v, dC: v.i * _times(_turned(dC), v.v),
    ),
    row(
        "n", "eq-keys", lambda v: v.f * v.n_prev + v.i * v.k,
        f=lambda v, dn: _across(dn * v.n_prev),
        n_prev=lambda v, dn: v.f * dn,
        i=lambda v, dn: _across(dn * v.k),
        k=lambda v, dn: v.i * dn,
    ),
    row(
        "y", "eq-recall", lambda v: _times(v.C, v.q),
        C=lambda v, dy: _outer(dy, v.q),
        q=lambda v, dy: _times(_turned(v.C), dy),
    ),
    row(
        "p", "eq-overlap", lambda v: _across(v.n * v.q),
        n=lambda v, dp: dp * v.q,
        q=lambda v, dp: dp * v.n,
    ),
    row(
        "e", "eq-least", lambda v: where(_enough(v), size(v.p), _least(v.m)),
        p=lambda v, de: where(_enough(v), where(v.p.real < 0, -de, de), 0 * de),
        m=_of_least,
    ),
    row(
        "h", "eq-answer", lambda v: v.o * v.y / v.e,
        o=lambda v, dh: dh * v.y / v.e,
        y=lambda v, dh: dh * v.o / v.e,
        e=lambda v, dh: -_across(dh * v.h) / v.e,
    ),
)  # fmt: skip
"""The table."""


def cell(D: int, H: int) -> Cell:
    """The mLSTM with D inputs and one head of H units.

    Example:
        >>> cell(3, 4).states["C"].shape
        (4, 4)
    """
    D, H = cell_sizes(D, H)
    params = {
        "W": Param((1 + D, 4 * H)),
        "V": Param((1 + D, 2), keep=((slice(1, 2), 1),)),
    }
    states = {"C": State((H, H)), "n": State((H,)), "m": State((1,), -math.inf)}
    return Cell("mLSTM", STEPS, D, H, params, states)


@np.errstate(under="ignore")  # underflow to zero is right
def parallel(X: Any, params: Any) -> Any:
    """Run the mLSTM from its empty state over all steps at once.

    Args:
        X: Inputs, shape (n, b, D); of NumPy or JAX, which can then differentiate it.
        params: As for `Cell.forward`.

    Returns:
        Array: Hout, shape (n, b, H).

    Example:
        >>> one = cell(3, 4)
        >>> X, params = np.ones((5, 2, 3)), one.init(0)
        >>> bool(np.allclose(parallel(X, params), one.forward(X, params).Hout))
        True
    """
    W, V = params["W"], params["V"]
    n, H, xp = len(X), W.shape[1] // 4, numpy_of(X, W)
    q, k, v, z_o = xp.split(W[0] + X @ W[1:], 4, axis=-1)
    z_i, z_f = xp.moveaxis(V[0] + X @ V[1:], -1, 0)
    F = xp.cumsum(log_sigmoid(z_f), axis=0)
    # The exponent of what step s wrote, as step t sees it.
    E = F[:, None] - F[None] + z_i[None]  # (eq-exponents)
    E = xp.where(np.tri(n, dtype=bool)[:, :, None], E, -math.inf)
    m = E.max(axis=1, keepdims=True, initial=-math.inf)
    S = xp.einsum("tbj,sbj->tsb", q, k) / H**0.5 * xp.exp(E - m)  # (eq-scores)
    least = xp.exp(xp.minimum(-m[:, 0], LARGEST))
    e = xp.maximum(xp.abs(S.sum(axis=1)), least)[:, :, None]
    return sigmoid(z_o) * xp.einsum("tsb,sbj->tbj", S, v) / e
