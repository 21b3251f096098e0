"""A network to train: an LSTM, or a stack, with a linear layer on its outputs.

The parameters are a dictionary. With ``WLSTM`` (1 + D + H, 4H) and ``WOUT`` (1 + H, K) they
are one layer; with ``layers``, a list of `lstm.stack.Layer`, and ``WOUT`` (1 + d * H, K), for
the d directions of the last layer, they are a stack. The first row of ``WOUT`` holds the biases.
The answer is ``[1, h] WOUT``, a row of K numbers: at every step, or, from the last state, for
every sequence.

`forward` and `backward` are those of `lstm.fused` and `lstm.stack` with that one product on top.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import fused, stack
from .arguments import ArrayLike, as_array, check_array, check_cache, check_dtype, check_lengths
from .layout import sizes
from .parameters import Params, check_params, chrono, init
from .settings import check_flag

__all__ = ["Cache", "Forward", "Gradients", "Params", "answer", "backward", "check_params",
           "chrono", "forward", "init"]  # fmt: skip


class Cache(NamedTuple):
    """What `backward` needs from the forward run. Read it, but do not change it.

    Attributes:
        WOUT: A copy of the readout's weights, shape (1 + d * H, K).
        read: The inputs of the readout: Hout (n, b, d * H), or the last outputs (b, d * H).
        lengths: The sequences' lengths, shape (b,), or None.
        below: The `lstm.fused.Cache` or `lstm.stack.Cache`.
    """

    WOUT: NDArray[Any]
    read: NDArray[Any]
    lengths: NDArray[np.intp] | None
    below: fused.Cache | stack.Cache


class Forward(NamedTuple):
    """The result of `forward`.

    Attributes:
        answers: At every step, (n, b, K), or from the last states, (b, K). Behind a
            sequence's end an answer means nothing.
        Cn: The cell states at each sequence's own end: (b, H), or a list with (d, b, H) for each
            layer.
        Hn: The outputs there, in the same form.
        cache: What `backward` needs.
    """

    answers: NDArray[Any]
    Cn: Any
    Hn: Any
    cache: Cache


class Gradients(NamedTuple):
    """The result of `backward`.

    Attributes:
        dX: Gradient of the inputs, (n, b, D), for training what computes them, such as an
            embedding.
        dparams: Gradients of the parameters, under their names.
        dc0: Of the initial cell states, in their form.
        dh0: Of the initial outputs, in their form.
    """

    dX: NDArray[Any]
    dparams: Params
    dc0: Any
    dh0: Any


@np.errstate(over="ignore", under="ignore")
def answer(params: Mapping[str, Any], Hout: ArrayLike) -> NDArray[Any]:
    """Turn outputs of the LSTM into answers, [1, h] WOUT.

    Args:
        params: With ``WOUT``, shape (1 + H, K), for outputs of width H.
        Hout: Outputs, shape (..., H), of the dtype of ``WOUT``.

    Returns:
        numpy.ndarray: Shape (..., K).

    Raises:
        TypeError: If the dtype of an array is wrong.
        ValueError: If a shape does not fit.

    Example:
        >>> answer({"WOUT": np.array([[0.5], [2.0]])}, np.array([[3.0]]))
        array([[6.5]])
    """
    if not isinstance(params, Mapping) or "WOUT" not in params:
        raise TypeError("params: expected a dictionary with WOUT")
    WOUT = check_array("params['WOUT']", params["WOUT"], ("1 + H", "K"), (None, None))
    Hout = as_array("Hout", Hout)
    check_dtype("Hout", Hout)
    H = len(WOUT) - 1
    if Hout.shape[-1:] != (H,):
        raise ValueError(f"Hout: expected shape (..., H) with H = {H}, got {Hout.shape}")
    if Hout.dtype != WOUT.dtype:
        raise TypeError(f"Hout: expected dtype {WOUT.dtype}, as in WOUT, got {Hout.dtype}")
    return np.asarray(Hout @ WOUT[1:] + WOUT[0])


def forward(
    params: Params,
    X: ArrayLike,
    *,
    lengths: ArrayLike | None = None,
    c0: Any = None,
    h0: Any = None,
    last: bool = False,
    dropout: float = 0.0,
    rng: np.random.Generator | None = None,
) -> Forward:
    """Run a batch through the network.

    Args:
        params: Parameters as `init` makes them.
        X: Inputs, shape (n, b, D), padded after a sequence's end with anything, nan too.
        lengths: The number of steps of each sequence, shape (b,); None if all have n.
        c0: The initial cell states: for ``WLSTM`` (b, H), for ``layers`` a list of (d, b, H);
            zeros if None.
        h0: The initial outputs, in the same form; zeros if None.
        last: Whether to answer once for each sequence, from the last layer's outputs Hn at the
            sequence's own end. (A backward direction ends at step 0.)
        dropout: For training a stack: the probability of dropping an output between layers (see
            `lstm.stack`).
        rng: The random generator that draws what is dropped; needed only with ``dropout``.

    Returns:
        Forward: The named tuple (answers, Cn, Hn, cache).

    Raises:
        TypeError: If an argument has the wrong type or dtype.
        ValueError: If a shape does not fit.

    Example:
        >>> params = init(2, 8, 1, layers=2, rng=0)
        >>> X = np.ones((5, 3, 2), np.float32)
        >>> forward(params, X, lengths=[5, 2, 3]).answers.shape
        (5, 3, 1)
        >>> forward(params, X, lengths=[5, 2, 3], last=True).answers.shape
        (3, 1)
    """
    params, last = check_params(params), check_flag("last", last)
    Cn: Any
    Hn: Any
    below: fused.Cache | stack.Cache
    if "layers" in params:
        Hout, Cn, Hn, below = stack.forward(
            X, params["layers"], c0, h0, lengths=lengths, dropout=dropout, rng=rng
        )
        end, lengths = np.concatenate(list(Hn[-1]), axis=-1), below.lengths
    elif dropout:
        raise ValueError(
            f"dropout: expected 0 for one layer, since it acts between layers, got {dropout}"
        )
    else:
        X, lengths = _without_padding(X, lengths, params["WLSTM"])
        Hout, Cn, Hn, below = fused.forward(X, params["WLSTM"], c0, h0)
        if lengths is not None:  # (b,) lengths, not all n: sequences end at different steps
            rows = np.arange(len(lengths))
            Cn = below.C[lengths, rows]
            Hn = Hout[lengths - 1, rows]  # for an empty sequence any, for now
            empty = lengths == 0
            Hn[empty] = 0 if h0 is None else np.asarray(h0)[empty]
        end = Hn.copy()  # the cache's own
    read = end if last else Hout
    return Forward(answer(params, read), Cn, Hn, Cache(params["WOUT"].copy(), read, lengths, below))


@np.errstate(over="ignore", under="ignore")
def backward(dY: ArrayLike, cache: Cache) -> Gradients:
    """Carry the gradients of a loss back through the network.

    Args:
        dY: Gradient of the loss with respect to the answers, in their shape.
        cache: The cache that `forward` returned. It may be used more than once.

    Returns:
        Gradients: The named tuple (dX, dparams, dc0, dh0).

    Raises:
        TypeError: If ``cache`` is not a `lstm.network.Cache`, or ``dY`` is of another dtype.
        ValueError: If the shape of ``dY`` does not fit.

    Example:
        >>> run = forward(init(2, 8, 1, rng=0), np.ones((5, 3, 2), np.float32))
        >>> dX, dparams, dc0, dh0 = backward(np.ones_like(run.answers), run.cache)
        >>> {name: array.shape for name, array in dparams.items()}
        {'WLSTM': (11, 32), 'WOUT': (9, 1)}
    """
    check_cache(cache, Cache, "train.forward")
    WOUT, read = cache.WOUT, cache.read
    H, K = WOUT[1:].shape
    axes = ("n", "b", "K")[-read.ndim :]
    dY = check_array("dY", dY, axes, (*read.shape[:-1], K), WOUT.dtype, "WOUT")

    db = dY.sum(axis=tuple(range(dY.ndim - 1)))
    dWOUT = np.vstack([db, read.reshape(-1, H).T @ dY.reshape(-1, K)])
    dX, dlstm, dc0, dh0 = _back_below(dY @ WOUT[1:].T, cache)
    return Gradients(dX, dlstm | {"WOUT": dWOUT}, dc0, dh0)


def _without_padding(
    X: Any, lengths: Any, WLSTM: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[np.intp] | None]:
    """Inputs with zeros after each sequence's end, and the lengths; None if all are the same.

    A single layer that reads forward may run on over the padding, as long as its outputs there are
    not used; that is faster than a piece for every length, as in `lstm.stack`.
    """
    X = check_array("X", X, ("n", "b", "D"), (None, None, sizes(WLSTM).D), WLSTM.dtype)
    n, b, _ = X.shape
    lengths = check_lengths(lengths, n, b)
    if lengths is None or (lengths == n).all():
        return X, None
    inside = np.arange(n)[:, None] < lengths
    return np.where(inside[..., None], X, 0), lengths


def _back_below(dread: NDArray[Any], cache: Cache) -> tuple[NDArray[Any], Params, Any, Any]:
    """Carry gradients from the readout's inputs back to those of the network."""
    _, read, lengths, below = cache
    last = read.ndim == 2
    if isinstance(below, stack.Cache):
        if last:
            dHn = np.stack(np.split(dread, len(below.runs[-1]), axis=-1))
            above = [*([None] * (len(below.runs) - 1)), dHn]
            dX, dlayers, dc0, dh0 = stack.backward(None, below, None, above)
        else:
            dX, dlayers, dc0, dh0 = stack.backward(dread, below)
        return dX, {"layers": dlayers}, dc0, dh0
    if not last:
        dX, dWLSTM, dc, dh = fused.backward(dread, below)
    elif lengths is None:
        dX, dWLSTM, dc, dh = fused.backward(None, below, None, dread)
    else:  # each sequence's last output is one of Hout; of an empty one it is h0
        started = np.flatnonzero(lengths)
        dHout = np.zeros((*below.S.shape[:2], dread.shape[1]), dread.dtype)
        dHout[lengths[started] - 1, started] = dread[started]
        dX, dWLSTM, dc, dh = fused.backward(dHout, below)
        empty = lengths == 0
        dh[empty] += dread[empty]
    return dX, {"WLSTM": dWLSTM}, dc, dh
