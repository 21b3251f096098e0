"""Several layers, both directions, and sequences of different lengths.

`lstm.fused` runs each layer: a layer's outputs are the next layer's inputs, and a backward
direction reads each sequence from its end. `lstm.packed` does the same for a batch of sequences
of different lengths, with the rows that have not ended yet. What comes after a sequence's end is
never read. If padding comes first, or a mask has holes, `lstm.masks` turns it into lengths.

A stack is a list of layers, from the input up. Everything that
belongs to a layer, including its states, is an item of a list, so layers may differ in size.

Dropout acts between layers: during training each output of a layer, except the
last, is dropped with probability p before the next layer reads it, and what is left is divided
by 1 - p, so that its mean stays what it was (inverted dropout). With m = 0
for what is dropped and m = 1/(1 - p) for the rest, the layer above reads
m times h, elementwise; so going back, the gradient of h is m times the gradient
of what was read. Source: Zaremba, Sutskever and Vinyals, Recurrent Neural
Network Regularization (2014), who drop between layers and never from step to step.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from . import directions, fused
from .arguments import ArrayLike, as_array, check_array, check_cache, check_lengths, length
from .directions import reverse
from .layers import Layer, check_layers, init
from .layout import sizes
from .settings import check_flag, check_real

__all__ = [
    "Cache",
    "Forward",
    "Gradients",
    "Layer",
    "Outputs",
    "State",
    "backward",
    "check_layers",
    "forward",
    "init",
    "reverse",
    "step",
]


class Cache(NamedTuple):
    """What `backward` needs to know of the forward run. Read it, but do not change it.

    Attributes:
        runs: For each layer the cache of each direction, by its name: that of `lstm.fused` or,
            with lengths, of `lstm.packed`.
        n: The number of steps.
        b: The batch size.
        lengths: The sequences' lengths, shape (b,), or None.
        batch_first: Whether X was (b, n, D).
        dropout: The probability p with which outputs between layers were dropped.
        kept: For each layer except the last, which outputs were kept, bool, (n, b, d * H); empty
            without dropout.
    """

    runs: list[dict[str, directions.Cache]]
    n: int
    b: int
    lengths: NDArray[np.intp] | None
    batch_first: bool
    dropout: float
    kept: list[NDArray[np.bool_]]


class Forward(NamedTuple):
    """The result of `forward`. A layer has d = 1 or 2 directions, forward before backward.

    Attributes:
        Hout: The last layer's outputs, shape (n, b, d * H), or (b, n, d * H) if
            the batch came first. Zero after a sequence's end.
        Cn: For each layer the cell states at each sequence's own end, (d, b, H).
        Hn: For each layer the outputs there, (d, b, H).
        cache: What `backward` needs.
    """

    Hout: NDArray[Any]
    Cn: list[NDArray[Any]]
    Hn: list[NDArray[Any]]
    cache: Cache


class Outputs(NamedTuple):
    """The result of `forward` with ``cache=False``: that of `Forward` without the cache.

    Attributes:
        Hout: The last layer's outputs, as in `Forward`.
        Cn: For each layer the cell states at each sequence's own end, (d, b, H).
        Hn: For each layer the outputs there, (d, b, H).
        cache: None.
    """

    Hout: NDArray[Any]
    Cn: list[NDArray[Any]]
    Hn: list[NDArray[Any]]
    cache: None = None


class Gradients(NamedTuple):
    """The result of `backward`.

    Attributes:
        dX: Gradient of the inputs, in their shape. Zero after a sequence's end.
        dlayers: Gradients of the weights, a `Layer` for each layer.
        dc0: For each layer the gradient of the initial cell states, (d, b, H).
        dh0: For each layer the gradient of the initial outputs, (d, b, H).
    """

    dX: NDArray[Any]
    dlayers: list[Layer]
    dc0: list[NDArray[Any]]
    dh0: list[NDArray[Any]]


class State(NamedTuple):
    """The states of a stack that reads a stream, as `forward` takes and gives them.

    Attributes:
        c: For each layer the cell states, (1, b, H).
        h: For each layer the outputs, (1, b, H). The stack's output is ``h[-1][0]``, (b, H).
    """

    c: list[NDArray[Any]]
    h: list[NDArray[Any]]


@overload
def forward(
    X: ArrayLike,
    layers: Iterable[Layer],
    c0: Sequence[ArrayLike | None] | None = ...,
    h0: Sequence[ArrayLike | None] | None = ...,
    *,
    lengths: ArrayLike | None = ...,
    batch_first: bool = ...,
    dropout: float = ...,
    rng: np.random.Generator | None = ...,
    cache: Literal[True] = ...,
) -> Forward: ...
@overload
def forward(
    X: ArrayLike,
    layers: Iterable[Layer],
    c0: Sequence[ArrayLike | None] | None = ...,
    h0: Sequence[ArrayLike | None] | None = ...,
    *,
    lengths: ArrayLike | None = ...,
    batch_first: bool = ...,
    dropout: float = ...,
    rng: np.random.Generator | None = ...,
    cache: Literal[False],
) -> Outputs: ...
@overload
def forward(
    X: ArrayLike,
    layers: Iterable[Layer],
    c0: Sequence[ArrayLike | None] | None = ...,
    h0: Sequence[ArrayLike | None] | None = ...,
    *,
    lengths: ArrayLike | None = ...,
    batch_first: bool = ...,
    dropout: float = ...,
    rng: np.random.Generator | None = ...,
    cache: bool,
) -> Forward | Outputs: ...
@np.errstate(under="ignore")
def forward(
    X: ArrayLike,
    layers: Iterable[Layer],
    c0: Sequence[ArrayLike | None] | None = None,
    h0: Sequence[ArrayLike | None] | None = None,
    *,
    lengths: ArrayLike | None = None,
    batch_first: bool = False,
    dropout: float = 0.0,
    rng: np.random.Generator | None = None,
    cache: bool = True,
) -> Forward | Outputs:
    """Run a batch of sequences through a stack.

    Args:
        X: Inputs, shape (n, b, D), padded at the end where a sequence is shorter than n. The
            padding may hold anything, even nan.
        layers: The stack: a `Layer` for each layer.
        c0: For each layer the initial cell states, (d, b, H), or None for zeros.
        h0: For each layer the initial outputs, (d, b, H), or None for zeros.
        lengths: The number of steps of each sequence, integers from 0 to n,
            shape (b,); None if all have n. A sequence begins at step 0: `lstm.masks` moves
            sequences there that are padded in front, and makes lengths of a mask.
        batch_first: Whether X is (b, n, D), and Hout then (b, n, d * H).
        dropout: For training: the probability of dropping an output of a layer that another layer
            reads, at least 0 and below 1.
        rng: The random generator that draws what is dropped; needed only with ``dropout``.
        cache: Whether to keep what `backward` needs. With False a run holds the outputs of at
            most two layers in memory.

    Returns:
        Forward: The named tuple (Hout, Cn, Hn, cache), or `Outputs`, whose cache is None.

    Raises:
        TypeError: If an argument has the wrong type or dtype.
        ValueError: If a shape does not fit, a length is out of range, or there is nothing on
            which dropout could act.

    Example:
        >>> import numpy as np
        >>> layers = init(10, 4, layers=2, bidirectional=True, rng=0)
        >>> Hout, Cn, Hn, cache = forward(np.ones((5, 3, 10)), layers, lengths=[5, 2, 3])
        >>> Hout.shape, [c.shape for c in Cn]
        ((5, 3, 8), [(2, 3, 4), (2, 3, 4)])
        >>> bool((Hout[2:, 1] == 0).all())           # the second one ended after 2 steps
        True
    """
    layers = check_layers(layers)
    dtype, D = _outermost(layers)
    batch_first = check_flag("batch_first", batch_first)
    axes = ("b", "n", "D") if batch_first else ("n", "b", "D")
    X = check_array("X", X, axes, (None, None, D), dtype)
    if batch_first:
        X = X.swapaxes(0, 1)
    n, b, _ = X.shape
    lengths = check_lengths(lengths, n, b)
    dropout, keep = _check_dropout(dropout, rng, layers), check_flag("cache", cache)
    c0 = _check_states("c0", c0, layers, b, dtype)
    h0 = _check_states("h0", h0, layers, b, dtype)

    Cn, Hn = [], []
    runs: list[dict[str, directions.Cache]] = []
    kept: list[NDArray[np.bool_]] = []
    for layer, c, h in zip(layers, c0, h0, strict=True):
        if rng is not None and dropout and runs:
            kept.append(rng.random(X.shape, np.float32) >= dropout)
            X = np.where(kept[-1], X / (1 - dropout), 0)
        results = [
            directions.forward(X, W, c[d], h[d], lengths, name == "backward", keep)
            for d, (name, W) in enumerate(layer.directions)
        ]
        Hout = [result[0] for result in results]  # together the next layer's inputs
        X = Hout[0] if len(Hout) == 1 else np.concatenate(Hout, axis=-1)
        Cn.append(np.stack([result[1] for result in results]))
        Hn.append(np.stack([result[2] for result in results]))
        names = [name for name, _ in layer.directions]
        runs.append({name: run for name, (*_, run) in zip(names, results, strict=True) if run})
    Y = X.swapaxes(0, 1) if batch_first else X
    if not keep:
        return Outputs(Y, Cn, Hn)
    return Forward(Y, Cn, Hn, Cache(runs, n, b, lengths, batch_first, dropout, kept))


@np.errstate(over="ignore", under="ignore")
def backward(
    dHout: ArrayLike | None,
    cache: Cache,
    dCn: Sequence[ArrayLike | None] | None = None,
    dHn: Sequence[ArrayLike | None] | None = None,
) -> Gradients:
    """Carry the gradients of a loss back through a stack.

    Args:
        dHout: Gradient of the loss with respect to Hout, in its shape; zeros if None. Its values
            after a sequence's end do not count: the outputs there are always zero.
        cache: The cache that `forward` returned. It may be used more than once.
        dCn: For each layer the gradient with respect to Cn, (d, b, H), or None for zeros.
        dHn: For each layer the gradient with respect to Hn, (d, b, H), or None for zeros.

    Returns:
        Gradients: The named tuple (dX, dlayers, dc0, dh0).

    Raises:
        TypeError: If ``cache`` is not a `Cache`, or an array has the wrong dtype.
        ValueError: If a shape does not fit the forward run.

    Example:
        >>> import numpy as np
        >>> layers = init(10, 4, layers=2, bidirectional=True, rng=0)
        >>> Hout, Cn, Hn, cache = forward(np.ones((5, 3, 10)), layers, lengths=[5, 2, 3])
        >>> gradients = backward(np.ones_like(Hout), cache)
        >>> gradients.dX.shape, gradients.dlayers[1].backward.shape
        ((5, 3, 10), (13, 16))
    """
    check_cache(cache, Cache, "stack.forward")
    runs, n, b, _, batch_first, dropout, kept = cache
    layers = [Layer(**{name: run.WLSTM for name, run in layer.items()}) for layer in runs]
    dtype, _ = _outermost(layers)
    width = sum(W.shape[1] // 4 for _, W in layers[-1].directions)
    axes = ("b", "n", "d * H") if batch_first else ("n", "b", "d * H")
    shape = (b, n, width) if batch_first else (n, b, width)
    if dHout is None:
        dHout = np.broadcast_to(np.zeros((), dtype), shape)  # needs no memory
    dY = check_array("dHout", dHout, axes, shape, dtype)
    if batch_first:
        dY = dY.swapaxes(0, 1)
    dCn = _check_states("dCn", dCn, layers, b, dtype)
    dHn = _check_states("dHn", dHn, layers, b, dtype)

    dc0, dh0 = [], []
    dlayers: list[Layer] = []
    for layer, dc, dh in reversed(list(zip(runs, dCn, dHn, strict=True))):
        if kept and dlayers:
            dY = np.where(kept[-len(dlayers)], dY / (1 - dropout), 0)
        parts = np.split(dY, len(layer), axis=-1)  # one for each direction
        results = [
            directions.backward(part, run, dc[d], dh[d], name == "backward")
            for d, (part, (name, run)) in enumerate(zip(parts, layer.items(), strict=True))
        ]
        dY = np.sum(
            [result[0] for result in results], axis=0
        )  # all directions read the same inputs
        dlayers.append(Layer(**dict(zip(layer, [result[1] for result in results], strict=True))))
        dc0.append(np.stack([result[2] for result in results]))
        dh0.append(np.stack([result[3] for result in results]))
    dX = dY.swapaxes(0, 1) if batch_first else dY
    return Gradients(dX, dlayers[::-1], dc0[::-1], dh0[::-1])


def step(
    x: ArrayLike,
    layers: Iterable[Layer],
    c: Sequence[ArrayLike | None] | None = None,
    h: Sequence[ArrayLike | None] | None = None,
) -> State:
    """Run one step through a stack, for streams. The output is the last layer's, ``h[-1][0]``.

    The states are those of `forward` for layers with d = 1 direction: a sequence that `forward`
    has begun can be continued step by step, and the other way round.

    Args:
        x: One input for each sequence of a batch, (b, D), or a single one, (D,), with b = 1.
        layers: The stack. No layer may have a backward direction, which a stream cannot have.
        c: For each layer the cell states so far, (1, b, H), or None for zeros.
        h: For each layer the outputs so far, (1, b, H), or None for zeros.

    Returns:
        State: The named tuple (c, h), each a list over the layers. Pass it to the next call.

    Raises:
        TypeError: If an argument has the wrong type or dtype.
        ValueError: If a shape does not fit, or there is a backward direction.

    Example:
        >>> import numpy as np
        >>> layers, X = init(10, 4, layers=2, rng=0), np.ones((5, 3, 10))
        >>> _, c, h, _ = forward(X[:3], layers)             # three steps at once ...
        >>> for x in X[3:]:                                 # ... and two one by one
        ...     c, h = step(x, layers, c, h)
        >>> bool(np.allclose(h[-1][0], forward(X, layers).Hout[-1]))
        True
    """
    stack = list(layers) if isinstance(layers, Iterable) else []
    try:
        return _advance(x, stack, c, h)
    except Exception:
        # `lstm.fused.step` has found something. What it is called here takes longer to say than
        # a step does, so it is only said when it is needed.
        _check_step(x, stack or layers, c, h)
        raise


def _advance(
    x: ArrayLike,
    stack: list[Layer],
    c: Any,
    h: Any,
) -> State:
    """Run one step, checked by `lstm.fused.step`, and here for what that does not see."""
    if not stack:
        raise ValueError
    new = State([], [])
    read = as_array("x", x)
    read = read[None] if read.ndim == 1 else read
    nothing = [None] * len(stack)
    states = zip(stack, nothing if c is None else c, nothing if h is None else h, strict=True)
    for layer, *before in states:
        if layer.backward is not None or any(s is not None and len(s) != 1 for s in before):
            raise ValueError
        state = fused.step(read, layer.forward, *[None if s is None else s[0] for s in before])
        new.c.append(state.c[None])
        new.h.append(state.h[None])
        read = state.h
    return new


def _check_step(x: Any, layers: Any, c: Any, h: Any) -> None:
    """Say what is wrong with the arguments of `step`."""
    layers = check_layers(layers)
    for k, layer in enumerate(layers):
        if layer.backward is not None:
            raise ValueError(
                f"layers[{k}].backward: expected None, as a stream has no end to start from"
            )
    dtype, D = _outermost(layers)
    read = as_array("x", x)
    if read.ndim not in (1, 2):
        raise ValueError(f"x: expected shape (D,) or (b, D) with D = {D}, got {read.shape}")
    check_array("x", read, ("b", "D")[-read.ndim :], (*read.shape[:-1], D), dtype)
    b = len(read) if read.ndim == 2 else 1
    _check_states("c", c, layers, b, dtype)
    _check_states("h", h, layers, b, dtype)


def _outermost(layers: list[Layer]) -> tuple[np.dtype[Any], int]:
    """The dtype of a stack and the input size of its first layer."""
    W = layers[0].directions[0][1]
    return W.dtype, sizes(W).D


def _check_dropout(dropout: Any, rng: Any, layers: list[Layer]) -> float:
    """Return the probability as a Python number, having checked that dropout can act."""
    p = check_real("dropout", dropout, "a probability")
    if not 0 <= p < 1:
        raise ValueError(f"dropout: expected a probability from 0 to below 1, got {p}")
    if p and len(layers) == 1:
        raise ValueError(
            f"dropout: expected 0 for one layer, since it acts between layers, got {p}"
        )
    if p and not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"rng: expected a numpy.random.Generator, which moves on from call to call, got {rng!r}"
        )
    return p


def _check_states(
    name: str, states: Any, layers: list[Layer], b: int, dtype: np.dtype[Any]
) -> list[NDArray[Any]]:
    """For each layer an array (d, b, H); zeros where none was given."""
    if states is None:
        states = [None] * len(layers)
    count = length(states)
    if count is None:
        kind = type(states).__name__
        raise TypeError(f"{name}: expected a list with the states of each layer, got a {kind}")
    if count != len(layers):
        raise ValueError(f"{name}: expected {len(layers)} layers, got {count}")
    shapes = [(len(layer.directions), b, sizes(layer.directions[0][1]).H) for layer in layers]
    return [
        np.zeros(shape, dtype)
        if state is None
        else check_array(f"{name}[{k}]", state, ("d", "b", "H"), shape, dtype)
        for k, (state, shape) in enumerate(zip(states, shapes, strict=True))
    ]
