"""The fused LSTM in JAX: the loop as ``jax.lax.scan``, differentiated by the book's derivation.

`forward` takes and returns what `lstm.fused.forward` does, but for the cache. JAX
can jit it, vmap it and differentiate it. Its derivative is not found by JAX: it
is the backward pass of the book, registered with ``jax.custom_vjp``. What that saves
is the weight gradient, which autodiff adds up step by step in the loop; here it is
one product after it. The price is that forward-mode differentiation (``jax.jvp``)
is refused by JAX.

A comment such as ``(eq-dc)`` is the label of the equation in the book that the
line implements.

Source: chapters 5 and 8 of the book, and the documentation of ``jax.custom_vjp``.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from .layout import sizes, split_gates, split_rows

__all__ = ["Sequence", "as_array", "forward"]


class Sequence(NamedTuple):
    """The result of running a sequence.

    Attributes:
        Hout: The output of every step, shape (n, b, H).
        Cn: The last cell state, shape (b, H).
        Hn: The last output, shape (b, H).
    """

    Hout: jax.Array
    Cn: jax.Array
    Hn: jax.Array


def forward(X: Any, WLSTM: Any, c0: Any = None, h0: Any = None) -> Sequence:
    """Run a batch of sequences through the LSTM.

    All arguments have one dtype, float32 or float64, and so has the result.
    (JAX turns float64 into float32 unless ``jax_enable_x64`` is set.)

    Args:
        X: Inputs, shape (n, b, D): n steps, b sequences, D features.
        WLSTM: Weights as in `lstm.layout`, shape (1 + D + H, 4H).
        c0: Initial cell state, shape (b, H); zeros if None.
        h0: Initial output, shape (b, H); zeros if None.

    Returns:
        Sequence: The named tuple (Hout, Cn, Hn).

    Raises:
        TypeError: If an argument is not an array of that dtype.
        ValueError: If an argument's rank or shape does not fit.

    Example:
        >>> import numpy as np
        >>> from lstm import init
        >>> X, WLSTM = np.ones((5, 3, 10), "float32"), init(10, 4, rng=0, dtype="float32")
        >>> forward(X, WLSTM).Hout.shape
        (5, 3, 4)
        >>> loss = lambda WLSTM: forward(X, WLSTM).Hn.sum()
        >>> jax.grad(loss)(WLSTM).shape
        (15, 16)
    """
    WLSTM = _array("WLSTM", WLSTM)
    D, H = sizes(WLSTM)
    X = _array("X", X, WLSTM.dtype)
    if X.ndim != 3 or X.shape[2] != D:
        raise ValueError(f"X: expected shape (n, b, D) with D = {D}, got {X.shape}")
    shape = (X.shape[1], H)
    c0 = jnp.zeros(shape, WLSTM.dtype) if c0 is None else _array("c0", c0, WLSTM.dtype)
    h0 = jnp.zeros(shape, WLSTM.dtype) if h0 is None else _array("h0", h0, WLSTM.dtype)
    for name, state in (("c0", c0), ("h0", h0)):
        if state.shape != shape:
            raise ValueError(f"{name}: expected shape (b, H) = {shape}, got {state.shape}")
    return _run(X, WLSTM, c0, h0)


class _Kept(NamedTuple):
    """What the backward pass needs to know of the forward run: the cache of `lstm.fused`.

    tanh(c) is not kept, which saves H numbers a step; it is computed again.
    """

    X: jax.Array  # (n, b, D)
    WLSTM: jax.Array  # (1 + D + H, 4H)
    C: jax.Array  # (n + 1, b, H), from c_0 on
    H: jax.Array  # (n + 1, b, H), from h_0 on
    gates: tuple[jax.Array, ...]  # i, f, o, g, each (n, b, H)


@jax.custom_vjp
def _run(X: jax.Array, WLSTM: jax.Array, c0: jax.Array, h0: jax.Array) -> Sequence:
    return _run_and_keep(X, WLSTM, c0, h0)[0]


def _run_and_keep(
    X: jax.Array, WLSTM: jax.Array, c0: jax.Array, h0: jax.Array
) -> tuple[Sequence, _Kept]:
    """The forward pass."""
    b, Wx, Wh = split_rows(WLSTM)

    def step(state: Any, zx: jax.Array) -> Any:
        c_prev, h_prev = state
        zi, zf, zo, zg = split_gates(zx + h_prev @ Wh)  # (eq-z) (eq-hoist)
        i, f, o = map(jax.nn.sigmoid, (zi, zf, zo))  # (eq-gates)
        g = jnp.tanh(zg)
        c = f * c_prev + i * g  # (eq-c)
        h = o * jnp.tanh(c)  # (eq-s) (eq-h)
        return (c, h), (c, h, (i, f, o, g))

    (Cn, Hn), (C, Hout, gates) = jax.lax.scan(step, (c0, h0), X @ Wx + b)
    C, H = jnp.concatenate([c0[None], C]), jnp.concatenate([h0[None], Hout])
    return Sequence(Hout, Cn, Hn), _Kept(X, WLSTM, C, H, gates)


def _backward(kept: _Kept, gradients: Sequence) -> tuple[jax.Array, ...]:
    """The backward pass: gradients with respect to X, WLSTM, c0, h0."""
    X, WLSTM, C, H, gates = kept
    dHout, dCn, dHn = gradients
    _, Wx, Wh = split_rows(WLSTM)

    def step_back(d_next: Any, values: Any) -> Any:
        dc_next, dh_next = d_next
        dHout_t, c_prev, c, (i, f, o, g) = values
        s = jnp.tanh(c)
        dh = dHout_t + dh_next  # (eq-bptt-dh)
        ds = dh * o  # (eq-ds)
        dc = dc_next + ds * (1 - s**2)  # (eq-dc) (eq-bptt-dc)
        di, df = dc * g, dc * c_prev  # (eq-di) (eq-df)
        do, dg = dh * s, dc * i  # (eq-do) (eq-dg)
        true_gates = ((di, i), (df, f), (do, o))
        dz_ifo = [dk * k * (1 - k) for dk, k in true_gates]  # (eq-dz-sigmoid)
        dz_g = dg * (1 - g**2)  # (eq-dz-tanh)
        dz = jnp.concatenate([*dz_ifo, dz_g], axis=-1)  # (eq-dz)
        return (dc * f, dz @ Wh.T), dz  # (eq-dc-prev) (eq-dh-prev)

    values = (dHout, C[:-1], C[1:], gates)
    last, dZ = jax.lax.scan(step_back, (dCn, dHn), values, reverse=True)
    dc0, dh0 = last  # (eq-bptt-start)

    # Sums over steps and batch at once. A reshape to (n * b, ...) would be the same
    # product, but across devices a batch that is cut into pieces would have to be
    # gathered for it. And XLA is faster at dZᵀ U than at its transpose.
    U = (jnp.ones((*X.shape[:2], 1), X.dtype), X, H[:-1])
    dW = [jnp.einsum("tbk,tbr->kr", dZ, part) for part in U]
    dWLSTM = jnp.concatenate(dW, axis=1).T  # (eq-bptt-dw)
    dX = dZ @ Wx.T  # (eq-dx)
    return dX, dWLSTM, dc0, dh0


_run.defvjp(_run_and_keep, _backward)


def _array(name: str, value: Any, dtype: Any = None) -> jax.Array:
    """Return the argument as a JAX array of a dtype that is computed in, or say what is wrong."""
    array = as_array(name, value)
    if array.dtype not in (jnp.float32, jnp.float64):
        raise TypeError(f"{name}: expected dtype float32 or float64, got {array.dtype}")
    if dtype is not None and array.dtype != dtype:
        raise TypeError(f"{name}: expected dtype {dtype}, as in WLSTM, got {array.dtype}")
    return array


def as_array(name: str, value: Any) -> jax.Array:
    """Return ``value`` as a JAX array, or say that it is none.

    Args:
        name: The argument's name, for the message.
        value: What the caller passed.

    Returns:
        jax.Array: ``value`` itself when it is one already.

    Raises:
        TypeError: If it is None or a list of lists of different lengths, say.

    Example:
        >>> as_array("h0", [0.0, 1.0]).shape
        (2,)
    """
    try:
        return jnp.asarray(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name}: expected an array, got {value!r}") from error
