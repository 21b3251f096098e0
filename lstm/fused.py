"""The fused, batched LSTM: all gates of a whole batch from one matrix product.

Time goes first: X is (n, b, D), for n steps, a batch of b and D features. With
u_t = [1, x_t, h_{t-1}], one step is::

    z = u_t WLSTM                       raw gates, four blocks i, f, o, g
    i, f, o = sigmoid(z_i, z_f, z_o)    g = tanh(z_g)
    c_t = f * c_{t-1} + i * g           cell state: the long-term memory
    h_t = o * tanh(c_t)                 output

A comment such as ``(eq-dc)`` is the label of the equation in the book that the
line implements. What does not depend on the previous step (X times its weights,
the weight gradient, dX) is done outside the loop, for all steps in one product.

Sources: Hochreiter and Schmidhuber, Neural Computation 9 (1997); Gers,
Schmidhuber and Cummins, Neural Computation 12 (2000).
"""

from functools import lru_cache
from typing import Any, Literal, NamedTuple, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from . import inference
from .arguments import ArrayLike, array_or_zeros, as_array, check_array, check_cache, check_weights
from .layout import split_gates, split_rows
from .settings import Rng, check_flag, check_float, check_number, check_rng, check_shape, check_size

__all__ = [
    "Cache", "Forward", "Gradients", "Outputs", "State", "backward", "check_fit", "forward",
    "init", "step",
]  # fmt: skip


class Cache(NamedTuple):
    """What `backward` needs from the forward run. Read it, but do not change it.

    The arrays are the cache's own: changing the arguments or the results of
    `forward` afterwards, the weights too, does not harm it.

    A forward run keeps n b (1 + D + 8H) numbers, these arrays and Hout, and the weights once
    more; `backward` needs n b (4H + D) besides, for dZ and dX.

    Attributes:
        WLSTM: The weights that were used, shape (1 + D + H, 4H).
        U: Input vectors [1, x_t, h_{t-1}], shape (n, b, 1 + D + H).
        IFOG: Gates after sigmoid and tanh, shape (n, b, 4H).
        C: Cell states from c_0 to c_n, shape (n + 1, b, H).
        S: tanh of the cell states from c_1 to c_n, shape (n, b, H).
    """

    WLSTM: NDArray[Any]
    U: NDArray[Any]
    IFOG: NDArray[Any]
    C: NDArray[Any]
    S: NDArray[Any]


class Forward(NamedTuple):
    """The result of `forward`.

    Attributes:
        Hout: The output of every step, shape (n, b, H).
        Cn: The last cell state, shape (b, H).
        Hn: The last output, shape (b, H).
        cache: What `backward` needs.
    """

    Hout: NDArray[Any]
    Cn: NDArray[Any]
    Hn: NDArray[Any]
    cache: Cache


class Outputs(NamedTuple):
    """The result of `forward` with ``cache=False``: as `Forward`, without a cache.

    Attributes:
        Hout: The output of every step, shape (n, b, H).
        Cn: The last cell state, shape (b, H).
        Hn: The last output, shape (b, H).
        cache: None.
    """

    Hout: NDArray[Any]
    Cn: NDArray[Any]
    Hn: NDArray[Any]
    cache: None = None


class Gradients(NamedTuple):
    """The result of `backward`: gradients of the loss with respect to the arguments of `forward`.

    Attributes:
        dX: Of the inputs, shape (n, b, D).
        dWLSTM: Of the weights, shape (1 + D + H, 4H).
        dc0: Of the initial cell state, shape (b, H).
        dh0: Of the initial output, shape (b, H).
    """

    dX: NDArray[Any]
    dWLSTM: NDArray[Any]
    dc0: NDArray[Any]
    dh0: NDArray[Any]


class State(NamedTuple):
    """The two states of an LSTM. Here c always comes before h.

    Attributes:
        c: Cell state, shape (H,) or (b, H).
        h: Output, of the same shape.
    """

    c: NDArray[Any]
    h: NDArray[Any]


def init(
    input_size: int,
    hidden_size: int,
    *,
    forget_bias: float = 3.0,
    rng: Rng = None,
    dtype: DTypeLike = np.float64,
) -> NDArray[Any]:
    """Draw initial weights for one layer.

    Weights are drawn from N(0, 1) / sqrt(D + H), so that raw gates start with a
    spread of about 1 when the inputs have one. Biases are 0, except the forget
    gate's.

    Args:
        input_size: D, at least 0.
        hidden_size: H, at least 1.
        forget_bias: Initial bias of the forget gate. It is positive in order to
            keep the gate open: sigmoid(3) = 0.953, so a cell that is left alone
            loses half of its content in 14.3 steps.
        rng: A random generator, a seed for one, or None for a new one.
        dtype: float32 or float64.

    Returns:
        numpy.ndarray: ``WLSTM``, shape (1 + D + H, 4H).

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a size is too small, the bias not finite, or the seed negative.

    Example:
        >>> WLSTM = init(10, 4, rng=0)
        >>> WLSTM.shape
        (15, 16)
        >>> WLSTM[0, 4:8]                   # the forget biases
        array([3., 3., 3., 3.])
    """
    D = check_size("input_size", input_size, least=0)
    H = check_size("hidden_size", hidden_size, least=1)
    dtype = check_float("dtype", dtype)
    forget_bias, rng = check_number("forget_bias", forget_bias), check_rng(rng)
    check_shape("input_size, hidden_size", 1 + D + H, 4 * H)
    draw = np.random.default_rng(rng).standard_normal((1 + D + H, 4 * H))
    WLSTM = (draw / np.sqrt(D + H)).astype(dtype)
    WLSTM[0] = 0
    split_gates(WLSTM[0])[1][:] = forget_bias
    return np.asarray(WLSTM)


@overload
def forward(
    X: ArrayLike, WLSTM: ArrayLike, c0: ArrayLike | None = ..., h0: ArrayLike | None = ...,
    *, cache: Literal[True] = ...,
) -> Forward: ...  # fmt: skip
@overload
def forward(
    X: ArrayLike, WLSTM: ArrayLike, c0: ArrayLike | None = ..., h0: ArrayLike | None = ...,
    *, cache: Literal[False],
) -> Outputs: ...  # fmt: skip
@overload
def forward(
    X: ArrayLike, WLSTM: ArrayLike, c0: ArrayLike | None = ..., h0: ArrayLike | None = ...,
    *, cache: bool,
) -> Forward | Outputs: ...  # fmt: skip
# A raw gate may overflow to infinity: its gate is then 0 or 1. Tiny numbers may underflow to 0.
@np.errstate(over="ignore", under="ignore")
def forward(
    X: ArrayLike,
    WLSTM: ArrayLike,
    c0: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    *,
    cache: bool = True,
) -> Forward | Outputs:
    """Run a batch of sequences through the LSTM.

    All arguments must have the same dtype, float32, float64 or complex128, which is also that of
    the result.

    Args:
        X: Inputs, shape (n, b, D): n steps, b sequences, D features.
        WLSTM: Weights as in `lstm.layout`, shape (1 + D + H, 4H).
        c0: Initial cell state, shape (b, H); zeros if None.
        h0: Initial output, shape (b, H); zeros if None.
        cache: Whether to keep what `backward` needs. Pass False for a network that is used and
            not trained: beside its results a run then needs memory for a single step only, and up
            to about 128 units it is faster, too.

    Returns:
        Forward: The named tuple (Hout, Cn, Hn, cache), or `Outputs`, whose cache is
        None. With n = 0 the last states are copies of the first.

    Raises:
        TypeError: If an argument is not an array of that dtype.
        ValueError: If an argument's rank or shape does not fit.

    Example:
        >>> import numpy as np
        >>> X = np.ones((5, 3, 10))
        >>> Hout, Cn, Hn, cache = forward(X, init(10, 4, rng=0))
        >>> Hout.shape, Cn.shape, Hn.shape
        ((5, 3, 4), (3, 4), (3, 4))
    """
    WLSTM, (D, H) = check_weights(WLSTM)
    X = check_array("X", X, ("n", "b", "D"), (None, None, D), WLSTM.dtype)
    n, b, _ = X.shape
    c = array_or_zeros("c0", c0, ("b", "H"), (b, H), WLSTM.dtype)
    h = array_or_zeros("h0", h0, ("b", "H"), (b, H), WLSTM.dtype)
    if not check_flag("cache", cache):
        return Outputs(*inference.run(X, WLSTM, c, h))

    WLSTM = WLSTM.copy()
    Wh = split_rows(WLSTM).Wh
    U = np.empty((n, b, 1 + D + H), WLSTM.dtype)  # (eq-u)
    U[..., 0] = 1
    U[..., 1 : 1 + D] = X
    C = np.empty((n + 1, b, H), WLSTM.dtype)
    S = np.empty((n, b, H), WLSTM.dtype)
    Hout = np.empty((n, b, H), WLSTM.dtype)

    # The part of z that knows nothing of h, biases included, for all steps at once.
    bx = U.reshape(n * b, 1 + D + H)[:, : 1 + D]
    IFOG = (bx @ WLSTM[: 1 + D]).reshape(n, b, 4 * H)
    C[0] = c
    hWh = np.empty((b, 4 * H), WLSTM.dtype)
    scale, shift = (np.tile(row, (b, 1)) for row in _scale_and_shift(H, WLSTM.dtype))
    for t in range(n):
        U[t, :, 1 + D :] = h
        ifog = IFOG[t]
        ifog += np.matmul(h, Wh, out=hWh)  # (eq-z) (eq-hoist)
        _squash(ifog, scale, shift)  # (eq-gates)
        i, f, o, g = split_gates(ifog)
        c = np.multiply(f, C[t], out=C[t + 1])
        c += i * g  # (eq-c)
        s = np.tanh(c, out=S[t])  # (eq-s)
        h = np.multiply(o, s, out=Hout[t])  # (eq-h)
    return Forward(Hout, C[n].copy(), h.copy(), Cache(WLSTM, U, IFOG, C, S))


@np.errstate(over="ignore", under="ignore")
def backward(
    dHout: ArrayLike | None,
    cache: Cache,
    dCn: ArrayLike | None = None,
    dHn: ArrayLike | None = None,
) -> Gradients:
    """Carry the gradients of a loss back through a forward run.

    If a sequence ran in pieces, start with the last piece and pass its ``dc0`` and ``dh0`` to the
    piece before it as ``dCn`` and ``dHn``, and so on. Add up the gradients of the weights.

    Args:
        dHout: Gradient of the loss with respect to Hout, shape (n, b, H); zeros if None, as for
            a loss on the last state only.
        cache: The cache that `forward` returned. It may be used more than once.
        dCn: Gradient with respect to Cn, shape (b, H); zeros if None.
        dHn: Gradient with respect to Hn, shape (b, H); zeros if None. Hn is
            Hout[n-1] handed out a second time: the two gradients add up.

    Returns:
        Gradients: The named tuple (dX, dWLSTM, dc0, dh0). With n = 0, dWLSTM
        is zero, and dc0 and dh0 are copies of dCn and dHn.

    Raises:
        TypeError: If ``cache`` is not a `Cache`, or an array has the wrong dtype.
        ValueError: If an argument's rank or shape does not fit the forward run.

    Example:
        >>> import numpy as np
        >>> Hout, Cn, Hn, cache = forward(np.ones((5, 3, 10)), init(10, 4, rng=0))
        >>> dX, dWLSTM, dc0, dh0 = backward(np.ones_like(Hout), cache)
        >>> dX.shape, dWLSTM.shape, dc0.shape, dh0.shape
        ((5, 3, 10), (15, 16), (3, 4), (3, 4))
    """
    n, b, D, H = check_fit(cache)
    WLSTM, U, IFOG, C, S = cache
    if dHout is None:
        dHout = np.broadcast_to(np.zeros((), WLSTM.dtype), (n, b, H))  # needs no memory
    dHout = check_array("dHout", dHout, ("n", "b", "H"), (n, b, H), WLSTM.dtype)
    dc_next = array_or_zeros("dCn", dCn, ("b", "H"), (b, H), WLSTM.dtype)
    dh_next = array_or_zeros("dHn", dHn, ("b", "H"), (b, H), WLSTM.dtype)

    _, Wx, Wh = split_rows(WLSTM)
    dZ = np.empty_like(IFOG)
    dk = np.empty((b, 4 * H), WLSTM.dtype)
    dk_i, dk_f, dk_o, dk_g = split_gates(dk)
    for block in _blocks(n, 4 * b * H):
        # The factors that take dc and dh to the raw gates, for a block of steps at once ...
        ifog, c_prev, s, dz = IFOG[block], C[block], S[block], dZ[block]
        i, f, o, g = split_gates(ifog)
        dz_i, dz_f, dz_o, dz_g = split_gates(dz)
        np.subtract(1, ifog, out=dz)
        dz *= ifog  # (eq-dz-sigmoid)
        np.subtract(1, g**2, out=dz_g)  # (eq-dz-tanh)
        dz_i *= g  # (eq-di)
        dz_f *= c_prev  # (eq-df)
        dz_o *= s  # (eq-do)
        dz_g *= i  # (eq-dg)
        through_s = o * (1 - s**2)  # (eq-through)
        # ... and what has to wait for the step after.
        for t in reversed(range(len(dz))):
            dh = dHout[block][t] + dh_next  # (eq-bptt-dh)
            dc = dc_next + dh * through_s[t]  # (eq-dc) (eq-bptt-dc)
            dk_i[:] = dk_f[:] = dk_g[:] = dc
            dk_o[:] = dh
            dz[t] *= dk
            dc_next = dc * f[t]  # (eq-dc-prev)
            dh_next = (Wh @ dz[t].T).T  # (eq-dh-prev), in the form that BLAS does faster

    dZ = dZ.reshape(n * b, 4 * H)
    dWLSTM = U.reshape(n * b, 1 + D + H).T @ dZ  # (eq-bptt-dw)
    dX = (dZ @ Wx.T).reshape(n, b, D)  # (eq-dx)
    return Gradients(dX, dWLSTM, dc_next.copy(), dh_next.copy())  # (eq-bptt-start)


@np.errstate(over="ignore", under="ignore")
def step(
    x: ArrayLike, WLSTM: ArrayLike, c: ArrayLike | None = None, h: ArrayLike | None = None
) -> State:
    """Run one step, for streams: it takes one input and returns one output, in constant memory.

    Args:
        x: One input, shape (D,), or one for each sequence of a batch, (b, D).
        WLSTM: Weights as in `lstm.layout`, shape (1 + D + H, 4H).
        c: Cell state so far, shape (H,) or (b, H) like x; zeros if None.
        h: Output so far, of the same shape; zeros if None.

    Returns:
        State: The named tuple (c, h). Pass it to the next call.

    Raises:
        TypeError: If an argument is not an array of the dtype of ``WLSTM``.
        ValueError: If an argument's rank or shape does not fit.

    Example:
        >>> import numpy as np
        >>> WLSTM, c, h = init(10, 4, rng=0), None, None
        >>> for x in np.ones((5, 10)):
        ...     c, h = step(x, WLSTM, c, h)
        >>> Hout = forward(np.ones((5, 1, 10)), WLSTM).Hout
        >>> bool(np.allclose(h, Hout[-1, 0]))
        True
    """
    WLSTM, (D, H) = check_weights(WLSTM)
    x = as_array("x", x)
    if x.ndim not in (1, 2):
        raise ValueError(f"x: expected shape (D,) or (b, D) with D = {D}, got {x.shape}")
    batch, b = x.shape[:-1], ("b",)[: x.ndim - 1]
    x = check_array("x", x, (*b, "D"), (*batch, D), WLSTM.dtype)
    c = array_or_zeros("c", c, (*b, "H"), (*batch, H), WLSTM.dtype)
    h = array_or_zeros("h", h, (*b, "H"), (*batch, H), WLSTM.dtype)

    u = np.empty((*batch, 1 + D + H), WLSTM.dtype)
    u[..., 0] = 1
    u[..., 1 : 1 + D] = x
    u[..., 1 + D :] = h
    z = u.dot(WLSTM)
    _squash(z, *_scale_and_shift(H, WLSTM.dtype))
    i, f, o, g = split_gates(z)
    c_new = f * c + i * g
    return State(c_new, o * np.tanh(c_new))


_BLOCK = 1 << 16


@lru_cache
def _scale_and_shift(H: int, dtype: np.dtype[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The constants of `_squash`, shape (4H,): 1/2 and 1/2 for i, f, o, and 1 and 0 for g."""
    scale, shift = np.full(4 * H, 0.5, dtype), np.full(4 * H, 0.5, dtype)
    split_gates(scale)[3][:] = 1
    split_gates(shift)[3][:] = 0
    return scale, shift


def _squash(z: NDArray[Any], scale: NDArray[Any], shift: NDArray[Any]) -> None:
    """Turn raw gates into gates, in place: sigmoid on i, f, o and tanh on g.

    sigmoid(z) = 1/2 + 1/2 tanh(1/2 z) (eq-sigmoid), so that one tanh serves all
    four, nothing overflows, and every operation runs over all of z.
    """
    z *= scale
    np.tanh(z, out=z)
    z *= scale
    z += shift


def _blocks(n: int, size: int) -> list[slice]:
    """Cut n steps of ``size`` numbers each into blocks that fit the cache, the last first."""
    steps = max(1, _BLOCK // max(1, size))
    return [slice(max(0, end - steps), end) for end in range(n, 0, -steps)]


def check_fit(cache: Any) -> tuple[int, int, int, int]:
    """Check that the arrays of a cache fit one another, and return its n, b, D and H.

    Args:
        cache: The cache that `forward` returned.

    Returns:
        tuple: The sizes n, b, D and H.

    Raises:
        TypeError: If it is no `Cache`, or its arrays are of different dtypes.
        ValueError: If the shapes of its arrays do not belong to one run.

    Example:
        >>> check_fit(forward(np.ones((5, 3, 10)), init(10, 4, rng=0)).cache)
        (5, 3, 10, 4)
    """
    check_cache(cache, Cache, "lstm.forward")
    WLSTM, (D, H) = check_weights(cache.WLSTM)
    S = check_array("cache.S", cache.S, ("n", "b", "H"), (None, None, H), WLSTM.dtype)
    n, b, _ = S.shape
    for name, axes, shape in (
        ("U", ("n", "b", "1 + D + H"), (n, b, 1 + D + H)),
        ("IFOG", ("n", "b", "4 * H"), (n, b, 4 * H)),
        ("C", ("n + 1", "b", "H"), (n + 1, b, H)),
    ):
        check_array(f"cache.{name}", getattr(cache, name), axes, shape, WLSTM.dtype)
    return n, b, D, H
