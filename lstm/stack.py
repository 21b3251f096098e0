"""Several layers, both directions, and sequences of different lengths.

Everything here is done by `lstm.fused`: a layer's outputs are the next layer's
inputs; a backward direction reads each sequence from its end; and a batch of
sequences that end at different steps runs in pieces, each with the rows that
have not ended yet. What lies behind a sequence's end is never looked at.

A stack is a list of layers, from the input up. What belongs to a layer, its
states too, is an item of a list, so that layers may differ in size.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import fused
from .arguments import as_array, check_array, check_size, check_weights

__all__ = [
    "Cache",
    "Forward",
    "Gradients",
    "Layer",
    "Piece",
    "Run",
    "backward",
    "check_layers",
    "forward",
    "init",
    "reverse",
    "step",
]


class Layer(NamedTuple):
    """The weights of one layer, or their gradients: one matrix for each direction.

    Attributes:
        forward: The ``WLSTM`` that reads from the first step on; None if there is none.
        backward: The ``WLSTM`` that reads from each sequence's end; None if there is none.
    """

    forward: Any = None
    backward: Any = None

    @property
    def directions(self) -> list[tuple[str, Any]]:
        """Pairs of name and weights, for the directions that there are."""
        return [(name, W) for name, W in self._asdict().items() if W is not None]


class Piece(NamedTuple):
    """Steps in which no sequence ends but after the last, and the rows that go through them.

    Attributes:
        steps: The steps, a slice.
        rows: The rows of the batch: an array of indices, or a slice for all.
        cache: The `lstm.fused.Cache` of this piece.
    """

    steps: slice
    rows: Any
    cache: fused.Cache


class Run(NamedTuple):
    """What one direction of one layer leaves for the way back.

    Attributes:
        WLSTM: A copy of its weights, shape (1 + D + H, 4H).
        pieces: The `Piece` list, in the order in which they ran.
    """

    WLSTM: np.ndarray
    pieces: list[Piece]


class Cache(NamedTuple):
    """What `backward` needs to know of the forward run. Read it, but do not change it.

    Attributes:
        runs: For each layer a `Run` by the name of its direction.
        n: The number of steps.
        b: The batch size.
        lengths: The sequences' lengths, shape (b,), or None.
        batch_first: How X came.
    """

    runs: list[dict[str, Run]]
    n: int
    b: int
    lengths: np.ndarray | None
    batch_first: bool


class Forward(NamedTuple):
    """The result of `forward`. A layer has d = 1 or 2 directions, forward before backward.

    Attributes:
        Hout: The last layer's outputs, shape (n, b, d * H), or (b, n, d * H) if
            the batch came first. Zero behind a sequence's end.
        Cn: For each layer the cell states at each sequence's own end, (d, b, H).
        Hn: For each layer the outputs there, (d, b, H).
        cache: What `backward` needs.
    """

    Hout: np.ndarray
    Cn: list[np.ndarray]
    Hn: list[np.ndarray]
    cache: Cache


class Gradients(NamedTuple):
    """The result of `backward`.

    Attributes:
        dX: Gradient of the inputs, in their shape. Zero behind a sequence's end.
        dlayers: Gradients of the weights, a `Layer` for each layer.
        dc0: For each layer the gradient of the initial cell states, (d, b, H).
        dh0: For each layer the gradient of the initial outputs, (d, b, H).
    """

    dX: np.ndarray
    dlayers: list[Layer]
    dc0: list[np.ndarray]
    dh0: list[np.ndarray]


def init(
    input_size: int,
    hidden_size: int,
    layers: int = 1,
    *,
    bidirectional: bool = False,
    forget_bias: float = 3.0,
    rng: np.random.Generator | int | None = None,
    dtype: Any = np.float64,
) -> list[Layer]:
    """Make the initial weights of a stack, each matrix by `lstm.fused.init`.

    Args:
        input_size: D of the first layer. A later one reads the d * H outputs
            of the layer below.
        hidden_size: H of every layer.
        layers: How many layers, at least 1.
        bidirectional: Whether each layer has a backward direction, too.
        forget_bias: Initial bias of the forget gates.
        rng: A generator, a seed for one, or None for a fresh one.
        dtype: float32 or float64.

    Returns:
        list: One `Layer` for each layer.

    Raises:
        TypeError: If a size is not an integer, or the dtype is another.
        ValueError: If a size is too small.

    Example:
        >>> for layer in init(10, 4, layers=2, bidirectional=True, rng=0):
        ...     print(layer.forward.shape, layer.backward.shape)
        (15, 16) (15, 16)
        (13, 16) (13, 16)
    """
    check_size("layers", layers, least=1)
    rng = np.random.default_rng(rng)
    d = 2 if bidirectional else 1
    stack = []
    for k in range(layers):
        D = input_size if k == 0 else d * hidden_size
        matrices = (
            fused.init(D, hidden_size, forget_bias=forget_bias, rng=rng, dtype=dtype)
            for _ in range(d)
        )
        stack.append(Layer(*matrices))
    return stack


def forward(
    X: Any,
    layers: Iterable[Layer],
    c0: Sequence[Any] | None = None,
    h0: Sequence[Any] | None = None,
    *,
    lengths: Any = None,
    batch_first: bool = False,
) -> Forward:
    """Run a batch of sequences through a stack.

    Args:
        X: Inputs, shape (n, b, D); padded at the end where a sequence is
            shorter than n. The padding may hold anything, nan too.
        layers: The stack: a `Layer` for each layer.
        c0: For each layer the initial cell states, (d, b, H); zeros if None.
        h0: For each layer the initial outputs, (d, b, H); zeros if None.
        lengths: The number of steps of each sequence, integers from 0 to n,
            shape (b,); None if all have n.
        batch_first: Whether X is (b, n, D), and Hout then (b, n, d * H).

    Returns:
        Forward: The named tuple (Hout, Cn, Hn, cache).

    Raises:
        TypeError: If an argument is of another type or dtype.
        ValueError: If a shape does not fit, or a length is out of range.

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
    axes = ("b", "n", "D") if batch_first else ("n", "b", "D")
    X = check_array("X", X, axes, (None, None, D), dtype)
    if batch_first:
        X = X.swapaxes(0, 1)
    n, b, _ = X.shape
    lengths = _check_lengths(lengths, n, b)
    c0 = _check_states("c0", c0, layers, b, dtype)
    h0 = _check_states("h0", h0, layers, b, dtype)

    Cn, Hn, runs = [], [], []
    for layer, c, h in zip(layers, c0, h0, strict=True):
        results = [
            _run(X, W, c[d], h[d], lengths, name == "backward")
            for d, (name, W) in enumerate(layer.directions)
        ]
        X = np.concatenate([result[0] for result in results], axis=-1)  # the next layer's inputs
        Cn.append(np.stack([result[1] for result in results]))
        Hn.append(np.stack([result[2] for result in results]))
        names = [name for name, _ in layer.directions]
        runs.append(dict(zip(names, [result[3] for result in results], strict=True)))
    cache = Cache(runs, n, b, lengths, batch_first)
    return Forward(X.swapaxes(0, 1) if batch_first else X, Cn, Hn, cache)


def backward(
    dHout: Any,
    cache: Cache,
    dCn: Sequence[Any] | None = None,
    dHn: Sequence[Any] | None = None,
) -> Gradients:
    """Carry the gradients of a loss back through a stack.

    Args:
        dHout: Gradient of the loss with respect to Hout, in its shape. What it
            says of steps behind a sequence's end does not count: the outputs
            there are zero whatever the arguments are.
        cache: The cache that `forward` returned. It can be used again.
        dCn: For each layer the gradient with respect to Cn, (d, b, H); zeros if None.
        dHn: For each layer the gradient with respect to Hn, (d, b, H); zeros if None.

    Returns:
        Gradients: The named tuple (dX, dlayers, dc0, dh0).

    Raises:
        TypeError: If ``cache`` is no `Cache`, or an array is of another dtype.
        ValueError: If a shape does not fit the forward run.

    Example:
        >>> import numpy as np
        >>> layers = init(10, 4, layers=2, bidirectional=True, rng=0)
        >>> Hout, Cn, Hn, cache = forward(np.ones((5, 3, 10)), layers, lengths=[5, 2, 3])
        >>> gradients = backward(np.ones_like(Hout), cache)
        >>> gradients.dX.shape, gradients.dlayers[1].backward.shape
        ((5, 3, 10), (13, 16))
    """
    if not isinstance(cache, Cache):
        got = type(cache).__name__
        raise TypeError(f"cache: expected the Cache that stack.forward returned, got {got}")
    runs, n, b, lengths, batch_first = cache
    layers = [Layer(**{name: run.WLSTM for name, run in layer.items()}) for layer in runs]
    dtype, _ = _outermost(layers)
    width = sum(_hidden(W) for _, W in layers[-1].directions)
    axes = ("b", "n", "d * H") if batch_first else ("n", "b", "d * H")
    shape = (b, n, width) if batch_first else (n, b, width)
    dY = check_array("dHout", dHout, axes, shape, dtype)
    if batch_first:
        dY = dY.swapaxes(0, 1)
    dCn = _check_states("dCn", dCn, layers, b, dtype)
    dHn = _check_states("dHn", dHn, layers, b, dtype)

    dlayers, dc0, dh0 = [], [], []
    for layer, dc, dh in reversed(list(zip(runs, dCn, dHn, strict=True))):
        parts = np.split(dY, len(layer), axis=-1)  # one for each direction
        results = [
            _run_back(part, run, dc[d], dh[d], lengths, name == "backward")
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
    x: Any,
    layers: Iterable[Layer],
    c: Sequence[Any] | None = None,
    h: Sequence[Any] | None = None,
) -> fused.State:
    """Run one step through a stack, for streams. The output is the last layer's h.

    Args:
        x: One input, shape (D,), or one for each sequence of a batch, (b, D).
        layers: The stack. Nothing can be streamed backward: no layer may have
            a backward direction.
        c: For each layer the cell state so far, (H,) or (b, H); zeros if None.
        h: For each layer the output so far, of the same shape; zeros if None.

    Returns:
        lstm.fused.State: The named tuple (c, h), each a list over the layers.

    Raises:
        TypeError: If an argument is of another type or dtype.
        ValueError: If a shape does not fit, or there is a backward direction.

    Example:
        >>> import numpy as np
        >>> layers, c, h = init(10, 4, layers=2, rng=0), None, None
        >>> for x in np.ones((5, 10)):
        ...     c, h = step(x, layers, c, h)
        >>> Hout = forward(np.ones((5, 1, 10)), layers).Hout
        >>> bool(np.allclose(h[-1], Hout[-1, 0]))
        True
    """
    layers = check_layers(layers)
    for k, layer in enumerate(layers):
        if layer.backward is not None:
            raise ValueError(
                f"layers[{k}].backward: expected None, as a stream has no end to start from"
            )
    for name, states in (("c", c), ("h", h)):
        if states is not None and len(states) != len(layers):
            raise ValueError(f"{name}: expected {len(layers)} layers, got {len(states)}")
    cs, hs = [], []
    for k, layer in enumerate(layers):
        state = fused.step(
            x, layer.forward, None if c is None else c[k], None if h is None else h[k]
        )
        cs.append(state.c)
        hs.append(state.h)
        x = state.h
    return fused.State(cs, hs)  # type: ignore[arg-type]


def reverse(X: Any, lengths: Any = None) -> np.ndarray:
    """Turn each sequence of a batch round, within its own length. Padding becomes zero.

    Args:
        X: Sequences, shape (n, b, D).
        lengths: The number of steps of each, shape (b,); None if all have n.

    Returns:
        numpy.ndarray: Of the same shape. ``reverse`` applied again gives X
        back, but for the padding.

    Raises:
        TypeError: If ``X`` or ``lengths`` is of another dtype.
        ValueError: If the shapes do not fit.

    Example:
        >>> import numpy as np
        >>> X = np.array([[[1.0], [5.0]], [[2.0], [6.0]], [[3.0], [9.0]]])
        >>> reverse(X, [3, 2])[..., 0].T
        array([[3., 2., 1.],
               [6., 5., 0.]])
    """
    X = check_array("X", X, ("n", "b", "D"), (None, None, None))
    n, b, _ = X.shape
    lengths = _check_lengths(lengths, n, b)
    if lengths is None:
        return np.asarray(X[::-1])
    t = np.arange(n).reshape(n, 1)
    source = np.where(t < lengths, lengths - 1 - t, 0)  # (eq-len-reverse)
    turned = np.take_along_axis(X, source[..., None], axis=0)
    turned[np.broadcast_to(t >= lengths, (n, b))] = 0
    return np.asarray(turned)


def check_layers(layers: Any) -> list[Layer]:
    """Return a stack as a list of layers, or say what is wrong with it.

    Args:
        layers: A `Layer` for each layer.

    Returns:
        list: The layers.

    Raises:
        TypeError: If ``layers`` holds something else, or dtypes differ.
        ValueError: If there is no layer, a layer has no weights, its directions
            differ in size, or its input size is not the width of the layer below.

    Example:
        >>> check_layers([Layer()])
        Traceback (most recent call last):
            ...
        ValueError: layers[0]: expected weights for at least one direction, got none
    """
    if isinstance(layers, Layer) or not isinstance(layers, Iterable):
        raise TypeError(f"layers: expected a list of Layer, got {type(layers).__name__}")
    checked: list[Layer] = []
    width, dtype = None, None
    for k, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            raise TypeError(f"layers[{k}]: expected a Layer, got {type(layer).__name__}")
        if not layer.directions:
            raise ValueError(f"layers[{k}]: expected weights for at least one direction, got none")
        matrices, shape = {}, None
        for name, W in layer.directions:
            spelled = f"layers[{k}].{name}"
            try:
                W, (D, _) = check_weights(W)
            except (TypeError, ValueError) as error:
                raise type(error)(str(error).replace("WLSTM", spelled, 1)) from None
            if dtype is not None and dtype != W.dtype:
                raise TypeError(
                    f"{spelled}: expected dtype {dtype}, as in the first matrix, got {W.dtype}"
                )
            if shape is not None and shape != W.shape:
                raise ValueError(f"{spelled}: expected shape {shape}, as forward, got {W.shape}")
            if width is not None and width != D:
                raise ValueError(
                    f"{spelled}: expected D = {width}, the width of the layer below, got {D}"
                )
            dtype, shape, matrices[name] = W.dtype, W.shape, W
        checked.append(Layer(**matrices))
        width = len(matrices) * (shape[1] // 4) if shape else None
    if not checked:
        raise ValueError("layers: expected at least one layer, got none")
    return checked


def _cuts(lengths: np.ndarray | None, n: int) -> Iterator[tuple[slice, Any]]:
    """Cut the steps where sequences end: for each piece, its steps and the rows still running."""
    if lengths is None:
        yield slice(0, n), slice(None)
        return
    start = 0
    for stop in np.unique(lengths[lengths > 0]):
        yield slice(start, int(stop)), np.flatnonzero(lengths >= stop)
        start = int(stop)


def _run(
    X: np.ndarray,
    WLSTM: np.ndarray,
    c: np.ndarray,
    h: np.ndarray,
    lengths: np.ndarray | None,
    turned: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, Run]:
    """One direction of one layer: (Hout, Cn, Hn, run)."""
    if turned:
        X = reverse(X, lengths)
    n, b, _ = X.shape
    Hout = np.zeros((n, b, _hidden(WLSTM)), WLSTM.dtype)
    run = Run(WLSTM.copy(), [])
    c, h = c.copy(), h.copy()
    for steps, rows in _cuts(lengths, n):
        result = fused.forward(X[steps, rows], WLSTM, c[rows], h[rows])
        Hout[steps, rows] = result.Hout
        c[rows], h[rows] = result.Cn, result.Hn  # (eq-len-end)
        cache = result.cache._replace(WLSTM=run.WLSTM)  # one copy serves all pieces
        run.pieces.append(Piece(steps, rows, cache))
    return (reverse(Hout, lengths) if turned else Hout), c, h, run


def _run_back(
    dHout: np.ndarray,
    run: Run,
    dc: np.ndarray,
    dh: np.ndarray,
    lengths: np.ndarray | None,
    turned: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Back through `_run`: (dX, dWLSTM, dc0, dh0)."""
    if turned:
        dHout = reverse(dHout, lengths)
    n, b, H = dHout.shape
    dX = np.zeros((n, b, len(run.WLSTM) - 1 - H), dHout.dtype)
    dWLSTM = np.zeros_like(run.WLSTM)
    dc, dh = dc.copy(), dh.copy()
    for steps, rows, cache in reversed(run.pieces):
        gradients = fused.backward(dHout[steps, rows], cache, dc[rows], dh[rows])
        dX[steps, rows] = gradients.dX
        dWLSTM += gradients.dWLSTM  # (eq-len-weights)
        dc[rows], dh[rows] = gradients.dc0, gradients.dh0  # (eq-len-carry)
    return (reverse(dX, lengths) if turned else dX), dWLSTM, dc, dh


def _hidden(WLSTM: np.ndarray) -> int:
    """The hidden size H of a checked matrix."""
    return int(WLSTM.shape[1]) // 4


def _outermost(layers: list[Layer]) -> tuple[np.dtype, int]:
    """The dtype of a stack and the input size of its first layer."""
    W, (D, _) = check_weights(layers[0].directions[0][1])
    return W.dtype, D


def _check_lengths(lengths: Any, n: int, b: int) -> np.ndarray | None:
    """The lengths as an array of integers."""
    if lengths is None:
        return None
    lengths = as_array("lengths", lengths)
    if lengths.dtype.kind not in "iu":
        raise TypeError(f"lengths: expected integers, got dtype {lengths.dtype}")
    if lengths.shape != (b,):
        raise ValueError(f"lengths: expected shape (b,) = ({b},), got {lengths.shape}")
    if b and (lengths.min() < 0 or lengths.max() > n):
        raise ValueError(f"lengths: expected numbers from 0 to n = {n}, got {lengths.tolist()}")
    return np.asarray(lengths, np.intp)


def _check_states(
    name: str, states: Any, layers: list[Layer], b: int, dtype: np.dtype
) -> list[np.ndarray]:
    """For each layer an array (d, b, H); zeros when none was given."""
    sizes = [(len(layer.directions), b, layer.directions[0][1].shape[1] // 4) for layer in layers]
    if states is None:
        return [np.zeros(size, dtype) for size in sizes]
    if len(states) != len(layers):
        raise ValueError(f"{name}: expected {len(layers)} layers, got {len(states)}")
    return [
        check_array(f"{name}[{k}]", state, ("d", "b", "H"), size, dtype)
        for k, (state, size) in enumerate(zip(states, sizes, strict=True))
    ]
