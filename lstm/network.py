"""A network to train: an LSTM, or a stack, with a linear layer on its outputs.

The parameters are a dictionary. With ``WLSTM`` (1 + D + H, 4H) and ``WOUT`` (1 + H, K) they
are one layer; with ``layers``, a list of `lstm.stack.Layer`, and ``WOUT`` (1 + d * H, K), for
the d directions of the last layer, they are a stack. The first row of ``WOUT`` are the biases. The
answer is ``[1, h] WOUT``, a row of K numbers: at every step, or, from the last state, for
every sequence.

`forward` and `backward` are those of `lstm.fused` and `lstm.stack` with that one product on top.
The dtype is float32 by default, as networks are trained in it; `lstm.fused.init` starts with
float64, in which gradients can be checked.

Source of `chrono`: Tallec and Ollivier, Can Recurrent Neural Networks Warp
Time? (2018).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from . import fused, stack
from .arguments import (
    ArrayLike,
    Rng,
    as_array,
    check_array,
    check_cache,
    check_dtype,
    check_lengths,
    check_size,
    check_weights,
)
from .layout import split_gates, split_rows
from .stack import Layer

__all__ = ["Cache", "Forward", "Gradients", "Params", "answer", "backward", "check_params",
           "chrono", "forward", "init"]  # fmt: skip

Params = dict[str, Any]
"""``WLSTM`` (1 + D + H, 4H) or ``layers``, a list of `lstm.stack.Layer`, and ``WOUT``."""


class Cache(NamedTuple):
    """What `backward` needs to know of the forward run. Read it, but do not change it.

    Attributes:
        WOUT: A copy of the readout's weights, shape (1 + d * H, K).
        read: What the readout has read: Hout (n, b, d * H), or the last states (b, d * H).
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
        Cn: The cell states at each sequence's own end: (b, H), or for each layer (d, b, H).
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
        dX: Gradient of the inputs, (n, b, D): to train what computes them, such as an embedding.
        dparams: Gradients of the parameters, under their names.
        dc0: Of the initial cell states, in their form.
        dh0: Of the initial outputs, in their form.
    """

    dX: NDArray[Any]
    dparams: Params
    dc0: Any
    dh0: Any


def init(
    input_size: int,
    hidden_size: int | Sequence[int],
    output_size: int,
    *,
    layers: int | None = None,
    bidirectional: bool = False,
    forget_bias: float = 3.0,
    rng: Rng = None,
    dtype: DTypeLike = np.float32,
) -> Params:
    """Make initial parameters: those of `lstm.fused.init`, and small weights for the answers.

    Args:
        input_size: Input size D.
        hidden_size: Hidden size H, or a list with the H of each layer.
        output_size: Output size K, how many numbers an answer has.
        layers: How many layers; None for one matrix, ``WLSTM``, unless ``hidden_size`` is a
            list or there are two directions.
        bidirectional: Whether each layer has a backward direction, too.
        forget_bias: Initial bias of the forget gates.
        rng: A generator, a seed for one, or None for a fresh one.
        dtype: float32 or float64.

    Returns:
        dict: ``WLSTM`` (1 + D + H, 4H) or ``layers``, as from `lstm.stack.init`, and ``WOUT``
        (1 + d * H, K), whose biases are 0.

    Raises:
        TypeError: If a size is not an integer, or the dtype is another.
        ValueError: If a size is too small.

    Example:
        >>> {name: array.shape for name, array in init(2, 8, 1, rng=0).items()}
        {'WLSTM': (11, 32), 'WOUT': (9, 1)}
        >>> params = init(2, 8, 1, layers=2, bidirectional=True, rng=0)
        >>> [layer.backward.shape for layer in params["layers"]], params["WOUT"].shape
        ([(11, 32), (25, 32)], (17, 1))
    """
    K = check_size("output_size", output_size, least=1)
    rng = np.random.default_rng(rng)
    params: Params
    if layers is None and not bidirectional and np.ndim(hidden_size) == 0:
        WLSTM = fused.init(input_size, hidden_size, forget_bias=forget_bias, rng=rng, dtype=dtype)  # type: ignore[arg-type]
        params, width = {"WLSTM": WLSTM}, WLSTM.shape[1] // 4
    else:
        made = stack.init(
            input_size, hidden_size, layers,
            bidirectional=bidirectional, forget_bias=forget_bias, rng=rng, dtype=dtype,
        )  # fmt: skip
        params, width = {"layers": made}, _width(made)
    WOUT = rng.standard_normal((1 + width, K)) / np.sqrt(width)
    WOUT[0] = 0
    return params | {"WOUT": WOUT.astype(dtype)}


def chrono(params: Params, longest: float, rng: Rng = None) -> Params:
    """Spread the memory of the units over all times from 1 step to ``longest``.

    The forget biases become ln u with u uniform in [1, longest - 1], and the
    input biases their negatives: so a unit that forgets slowly writes little.

    Args:
        params: What `init` returned; it is not changed.
        longest: How many steps the task may ask to remember, above 2.
        rng: A generator, a seed for one, or None for a fresh one.

    Returns:
        dict: New parameters.

    Raises:
        TypeError: If ``longest`` is no number.
        ValueError: If ``longest`` is not above 2.

    Example:
        >>> W = chrono(init(2, 8, 1, rng=0), longest=100, rng=1)["WLSTM"]
        >>> bool((W[0, 8:16] == -W[0, :8]).all()), bool(W[0, 8:16].max() < np.log(99))
        (True, True)
    """
    if not isinstance(longest, (int, float, np.number)):
        raise TypeError(f"longest: expected a number, got {longest!r}")
    if not 2 < longest < np.inf:
        raise ValueError(f"longest: expected more than 2, got {longest}")
    rng = np.random.default_rng(rng)

    def spread(W: Any) -> NDArray[Any]:
        W = np.array(W)  # a copy
        i, f, _, _ = split_gates(split_rows(W).b)
        f[:] = np.log(rng.uniform(1, float(longest) - 1, f.shape))
        i[:] = -f
        return np.asarray(W)

    if "WLSTM" in params:
        return params | {"WLSTM": spread(params["WLSTM"])}
    layers = stack.check_layers(params["layers"])
    new = [Layer(**{name: spread(W) for name, W in layer.directions}) for layer in layers]
    return params | {"layers": new}


@np.errstate(under="ignore")
def answer(params: Mapping[str, Any], Hout: ArrayLike) -> NDArray[Any]:
    """Turn outputs of the LSTM into answers, [1, h] WOUT.

    Args:
        params: With ``WOUT``, shape (1 + H, K), for outputs of width H.
        Hout: Outputs, shape (..., H), of the dtype of ``WOUT``.

    Returns:
        numpy.ndarray: Shape (..., K).

    Raises:
        TypeError: If an array is of another dtype.
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


@np.errstate(over="ignore", under="ignore")
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
        params: As from `init`.
        X: Inputs, shape (n, b, D), padded behind a sequence's end with anything, nan too.
        lengths: The number of steps of each sequence, shape (b,); None if all have n.
        c0: The initial cell states: for ``WLSTM`` (b, H), for ``layers`` a list of (d, b, H);
            zeros if None.
        h0: The initial outputs, in the same form; zeros if None.
        last: Whether to answer once for each sequence, from the outputs Hn of the last layer at
            its own end. A backward direction ends at step 0.
        dropout: For training stacks: the probability with which an output between
            layers is dropped (see `lstm.stack`).
        rng: The generator that draws what is dropped; needed with ``dropout`` alone.

    Returns:
        Forward: The named tuple (answers, Cn, Hn, cache).

    Raises:
        TypeError: If an argument is of another type or dtype.
        ValueError: If a shape does not fit.

    Example:
        >>> params = init(2, 8, 1, layers=2, rng=0)
        >>> X = np.ones((5, 3, 2), np.float32)
        >>> forward(params, X, lengths=[5, 2, 3]).answers.shape
        (5, 3, 1)
        >>> forward(params, X, lengths=[5, 2, 3], last=True).answers.shape
        (3, 1)
    """
    params = check_params(params)
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
        if lengths is not None:  # (b,) lengths, not all n: the ends are somewhere on the way
            rows = np.arange(len(lengths))
            Cn = below.C[lengths, rows]
            Hn = Hout[lengths - 1, rows]  # of an empty sequence for now any
            if h0 is not None or not lengths.all():
                Hn[lengths == 0] = 0 if h0 is None else as_array("h0", h0)[lengths == 0]
        end = Hn
    read = end if last else Hout
    return Forward(
        answer(params, read), Cn, Hn, Cache(params["WOUT"].copy(), read, lengths, below)
    )


@np.errstate(over="ignore", under="ignore")
def backward(dY: ArrayLike, cache: Cache) -> Gradients:
    """Carry the gradients of a loss back through the network.

    Args:
        dY: Gradient of the loss with respect to the answers, in their shape.
        cache: The cache that `forward` returned. It can be used again.

    Returns:
        Gradients: The named tuple (dX, dparams, dc0, dh0).

    Raises:
        TypeError: If ``cache`` is no `lstm.network.Cache`, or ``dY`` is of another dtype.
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


def check_params(params: Any) -> Params:
    """Return parameters as arrays, or say what is wrong with them.

    Args:
        params: As from `init`.

    Returns:
        dict: ``WLSTM`` or ``layers``, and ``WOUT``.

    Raises:
        TypeError: If ``params`` is no dictionary, or a dtype is another.
        ValueError: If a name is missing or unknown, or a shape does not fit.

    Example:
        >>> check_params({"WLSTM": np.zeros((11, 32))})
        Traceback (most recent call last):
            ...
        ValueError: params: expected WLSTM and WOUT, or layers and WOUT, got ['WLSTM']
    """
    expected = "expected WLSTM and WOUT, or layers and WOUT"
    if not isinstance(params, Mapping):
        raise TypeError(f"params: {expected} in a dictionary, got a {type(params).__name__}")
    if set(params) not in ({"WLSTM", "WOUT"}, {"layers", "WOUT"}):
        raise ValueError(f"params: {expected}, got {sorted(map(str, params))}")
    checked: Params
    if "layers" in params:
        layers = stack.check_layers(params["layers"])
        dtype, width = layers[0].directions[0][1].dtype, _width(layers)
        checked = {"layers": layers}
    else:
        WLSTM, (_, width) = check_weights(params["WLSTM"])
        dtype, checked = WLSTM.dtype, {"WLSTM": WLSTM}
    if dtype.kind == "c":
        raise TypeError(f"params: expected dtype float32 or float64, got {dtype}")
    WOUT = check_array("WOUT", params["WOUT"], ("1 + d * H", "K"), (1 + width, None), dtype)
    return checked | {"WOUT": WOUT}


def _width(layers: list[Layer]) -> int:
    """How many outputs the last layer has, d * H."""
    return sum(int(W.shape[1]) // 4 for _, W in layers[-1].directions)


def _without_padding(
    X: Any, lengths: Any, WLSTM: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[np.intp] | None]:
    """Inputs with zeros behind each sequence's end, and the lengths; None if all are the same.

    One layer that reads forward may go on over padding, as long as nobody asks what comes out
    of it; that is faster than a piece for every length, as in `lstm.stack`.
    """
    D = len(WLSTM) - 1 - WLSTM.shape[1] // 4
    X = check_array("X", X, ("n", "b", "D"), (None, None, D), WLSTM.dtype)
    n, b, _ = X.shape
    lengths = check_lengths(lengths, n, b)
    if lengths is None or (lengths == n).all():
        return X, None
    inside = np.arange(n)[:, None] < lengths
    return np.where(inside[..., None], X, 0), lengths


def _back_below(dread: NDArray[Any], cache: Cache) -> tuple[NDArray[Any], Params, Any, Any]:
    """From what the readout has read back to the inputs: (dX, dparams, dc0, dh0)."""
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
        dh[lengths == 0] += dread[lengths == 0]
    return dX, {"WLSTM": dWLSTM}, dc, dh
