"""Trade time for memory: keep only some states, and run the pieces between them again.

``lstm.forward`` keeps 1 + D + 7H numbers a step for the backward pass. Here the sequence is cut
into pieces, and only the states at the cuts are kept; `backward` takes the pieces from the last to
the first, runs each forward again, and goes back through it at once. With pieces of k steps,
memory holds n / k states and one cache of k steps at a time: the sum is smallest near k =
sqrt(n). The cost is one more forward pass. The gradients are those of ``lstm.backward``, exactly:
the same operations in the same order, except for the sum over pieces in dWLSTM.

`scan` does the same in JAX: it is `lstm.scan.forward` with ``remat``.

Source: Chen, Xu, Zhang and Guestrin, arXiv 1604.06174 (2016); chapters 5 and 16 of the book.
"""

from math import isqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import fused
from .arguments import ArrayLike, check_array, check_cache, check_weights
from .extras import needing
from .settings import check_size

__all__ = ["Cache", "Forward", "backward", "forward", "scan"]


class Cache(NamedTuple):
    """What `backward` needs: the inputs of the run, and the states at the cuts.

    The arrays are copies, except for X, which would take as much memory as is saved: do not
    change it before the backward pass.

    Attributes:
        X: The inputs themselves, not a copy, shape (n, b, D).
        WLSTM: The weights that were used, shape (1 + D + H, 4H).
        C: Cell states before each piece, shape (pieces, b, H).
        H: Outputs before each piece, of the same shape.
        every: The number of steps in a piece.
    """

    X: NDArray[Any]
    WLSTM: NDArray[Any]
    C: NDArray[Any]
    H: NDArray[Any]
    every: int


class Forward(NamedTuple):
    """The result of `forward`, like that of ``lstm.forward``.

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


def forward(
    X: ArrayLike,
    WLSTM: ArrayLike,
    c0: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    *,
    every: int | None = None,
) -> Forward:
    """Run a batch of sequences through the LSTM, and keep only the states at the cuts.

    Args:
        X: Inputs, shape (n, b, D).
        WLSTM: Weights as in `lstm.layout`, shape (1 + D + H, 4H).
        c0: Initial cell state, shape (b, H); zeros if None.
        h0: Initial output, shape (b, H); zeros if None.
        every: The number of steps in a piece, from 1 on; about sqrt(n) if None.

    Returns:
        Forward: The named tuple (Hout, Cn, Hn, cache), equal to that of ``lstm.forward`` except
        for the cache.

    Raises:
        TypeError: If an argument is not an array of one dtype, or ``every`` is not an integer.
        ValueError: If an argument's rank or shape does not fit, or ``every`` is below 1.

    Example:
        >>> import lstm
        >>> X, WLSTM = np.ones((1000, 3, 10)), lstm.init(10, 4, rng=0)
        >>> Hout, Cn, Hn, cache = forward(X, WLSTM)
        >>> cache.C.shape                       # instead of the states of 1,000 steps
        (33, 3, 4)
        >>> dX, dWLSTM, dc0, dh0 = backward(Hout, cache)
        >>> bool(np.allclose(dWLSTM, lstm.backward(Hout, lstm.forward(X, WLSTM).cache).dWLSTM))
        True
    """
    WLSTM, (D, H) = check_weights(WLSTM)
    X = check_array("X", X, ("n", "b", "D"), (None, None, D), WLSTM.dtype)
    n, b, _ = X.shape
    every = max(1, isqrt(n)) if every is None else check_size("every", every, least=1)
    first = fused.forward(X[:0], WLSTM, c0, h0)  # checks the states
    c, h = first.Cn, first.Hn
    starts = range(0, n, every)
    C, Hs = (np.empty((len(starts), b, H), WLSTM.dtype) for _ in range(2))
    Hout = np.empty((n, b, H), WLSTM.dtype)
    for k, start in enumerate(starts):
        C[k], Hs[k] = c, h
        Hout[start : start + every], c, h, _ = fused.forward(X[start : start + every], WLSTM, c, h)
    return Forward(Hout, c, h, Cache(X, WLSTM.copy(), C, Hs, every))


def backward(
    dHout: ArrayLike | None,
    cache: Cache,
    dCn: ArrayLike | None = None,
    dHn: ArrayLike | None = None,
) -> fused.Gradients:
    """Carry the gradients of a loss back, running each piece forward once more.

    Args:
        dHout: Gradient of the loss with respect to Hout, shape (n, b, H); zeros if None.
        cache: The cache that `forward` of this module returned. It may be used more than once.
        dCn: Gradient with respect to Cn, shape (b, H); zeros if None.
        dHn: Gradient with respect to Hn, shape (b, H); zeros if None.

    Returns:
        Gradients: The named tuple (dX, dWLSTM, dc0, dh0) of ``lstm.backward``.

    Raises:
        TypeError: If ``cache`` is not a `Cache` of this module, or an array has the wrong dtype.
        ValueError: If an argument's rank or shape does not fit the forward run.

    Example:
        >>> import lstm
        >>> run = forward(np.ones((5, 3, 10)), lstm.init(10, 4, rng=0), every=2)
        >>> backward(None, run.cache, dHn=np.ones((3, 4))).dX.shape
        (5, 3, 10)
    """
    check_cache(cache, Cache, "recompute.forward")
    X, WLSTM, C, Hs, every = cache
    n, b, _ = X.shape
    H = C.shape[-1]
    if dHout is not None:
        dHout = check_array("dHout", dHout, ("n", "b", "H"), (n, b, H), WLSTM.dtype)
    nothing = fused.forward(X[:0], WLSTM).cache
    _, dWLSTM, dc, dh = fused.backward(None, nothing, dCn, dHn)  # checks the gradients
    dX = np.empty_like(X)
    for k in reversed(range(len(C))):
        piece = slice(k * every, (k + 1) * every)
        again = fused.forward(X[piece], WLSTM, C[k], Hs[k]).cache
        back = fused.backward(None if dHout is None else dHout[piece], again, dc, dh)
        dX[piece], dc, dh = back.dX, back.dc0, back.dh0
        dWLSTM += back.dWLSTM
    return fused.Gradients(dX, dWLSTM, dc, dh)


def scan(X: Any, WLSTM: Any, c0: Any = None, h0: Any = None, *, every: int | None = None) -> Any:
    """Run `lstm.scan.forward` in JAX, keeping only the states at the cuts.

    Under ``jax.grad`` each piece is run again before its backward pass, by ``jax.checkpoint``.

    Args:
        X: Inputs, shape (n, b, D).
        WLSTM: Weights as in `lstm.layout`, shape (1 + D + H, 4H).
        c0: Initial cell state, shape (b, H); zeros if None.
        h0: Initial output, shape (b, H); zeros if None.
        every: The number of steps in a piece, from 1 on; about sqrt(n) if None.

    Returns:
        lstm.scan.Sequence: The named tuple (Hout, Cn, Hn).

    Raises:
        TypeError: If an argument has the wrong type or dtype, or ``every`` is not an integer.
        ValueError: If a rank or shape does not fit, or ``every`` is below 1.

    Example:
        >>> import jax, lstm
        >>> X, WLSTM = np.ones((100, 3, 10), "float32"), lstm.init(10, 4, rng=0, dtype="float32")
        >>> dW = jax.grad(lambda W: scan(X, W).Hn.sum())(WLSTM)
        >>> whole = jax.grad(lambda W: lstm.scan.forward(X, W).Hn.sum())(WLSTM)
        >>> bool(abs(dW - whole).max() < 1e-5 * abs(whole).max())
        True
    """
    with needing("lstm.recompute.scan", "JAX", "jax"):
        import jax.numpy as jnp

    from .scan import forward as run

    every = None if every is None else check_size("every", every, least=1)
    result = run(X, WLSTM, c0, h0, remat=True if every is None else every)
    if result.Hout.ndim != 3:
        raise ValueError(f"X: expected shape (n, b, D), got {jnp.shape(X)}")
    return result
