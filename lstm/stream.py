"""One step at a time, in place: a stream keeps prepared weights, and its state in buffers.

`lstm.step` checks its arguments and makes new arrays at every call. A `Stream` checks its weights
once, when it is made, and computes every step in arrays of its own. Two things are prepared:

- the state h is kept in the input vector u = [1, x, h] itself, so that u need not be put together;
- the columns of the gates i, f, o are multiplied by 1/2 once, because sigmoid(z) is
  1/2 + 1/2 tanh(z/2) (eq-sigmoid). Halving is exact, so the results are those of `lstm.step`.

Source: chapter 9 of the book.
"""

from collections.abc import Iterable
from contextvars import copy_context
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from .arguments import ArrayLike, check_array, check_weights, short
from .fused import State
from .layers import Layer, check_layers
from .layout import GATES, sizes, split_gates
from .settings import check_shape, check_size

__all__ = ["Stream"]


class _Layer:
    """One layer's prepared weights and buffers, for one sequence or a batch."""

    def __init__(self, WLSTM: NDArray[Any], batch: tuple[int, ...]) -> None:
        D, H = sizes(WLSTM)
        check_shape("batch", *batch, 1 + D + 4 * H)
        W = WLSTM.copy()
        for k, gate in enumerate(GATES):
            if gate != "g":
                split_gates(W)[k][:] *= 0.5
        u = np.zeros((*batch, 1 + D + H), WLSTM.dtype)
        u[..., 0] = 1
        self.x = u[..., 1 : 1 + D]
        self.h = h = u[..., 1 + D :]
        self.c = c = np.zeros((*batch, H), WLSTM.dtype)
        z, s = np.empty((*batch, 4 * H), WLSTM.dtype), np.empty_like(c)
        i, f, o, g = split_gates(z)
        ifo, half = z[..., : 3 * H], np.array(0.5, WLSTM.dtype)
        # Names of this function, results as positional arguments and an array for 1/2: at this
        # size finding an attribute or converting a number takes a tenth of an operation.
        dot, tanh, multiply, add = np.dot, np.tanh, np.multiply, np.add

        def advance() -> None:
            dot(u, W, z)  # (eq-z)
            tanh(z, z)
            multiply(ifo, half, ifo)
            add(ifo, half, ifo)  # (eq-gates)
            multiply(c, f, c)
            multiply(i, g, i)
            add(c, i, c)  # (eq-c)
            tanh(c, s)  # (eq-s)
            multiply(o, s, h)  # (eq-h)

        self.advance = advance


class Stream:
    """An LSTM, or a stack of them, that reads one input after the other.

    It copies the weights: changing them afterwards does not change the stream. It cannot be copied
    or pickled itself: give its `state` to another one. Two threads must not step the same stream.
    An interrupt (Ctrl-C) in the middle of a step may leave a state between two steps: continue
    from a `state` taken before.

    Args:
        weights: A ``WLSTM``, shape (1 + D + H, 4H), or a list of `lstm.layers.Layer` without
            backward directions.
        batch: The number of sequences to read in parallel; None for a single one, without a batch
            axis.

    Raises:
        TypeError: If the weights are not of float32 or float64.
        ValueError: If a shape does not fit, or a layer has a backward direction.

    Example:
        >>> import lstm
        >>> WLSTM, X = lstm.init(10, 4, rng=0), np.random.default_rng(1).standard_normal((5, 10))
        >>> stream = Stream(WLSTM)
        >>> for x in X:
        ...     h = stream.step(x)
        >>> bool(np.allclose(h, lstm.forward(X[:, None], WLSTM).Hn[0]))
        True
    """

    def __init__(self, weights: ArrayLike | Iterable[Layer], batch: int | None = None) -> None:
        """Prepare the weights, and begin with zero states."""
        shape = () if batch is None else (check_size("batch", batch, least=0),)
        self._layers = [_Layer(W, shape) for W in _forward_weights(weights)]
        first, last = self._layers[0], self._layers[-1]
        self._axes = ("b", "D")[-first.x.ndim :]
        self._x, self._h, self._above = first.x, last.h, self._layers[1:]
        self._shape, self._dtype = first.x.shape, first.x.dtype
        # Overflow and underflow are not errors. NumPy keeps that setting in the context, and
        # entering one that has it takes a tenth of the time of np.errstate.
        self._quietly = copy_context()
        self._quietly.run(np.seterr, over="ignore", under="ignore")

    def step(self, x: ArrayLike) -> NDArray[Any]:
        """Read one input, and return the output.

        Args:
            x: The input, shape (D,), or (b, D) for a batch.

        Returns:
            numpy.ndarray: The last layer's output, shape (H,) or (b, H), as a copy that you may
                change.

        Raises:
            TypeError: If ``x`` is not an array of the dtype of the weights.
            ValueError: If its shape does not fit. The state then stays as it was.

        Example:
            >>> import lstm
            >>> Stream(lstm.init(10, 4, rng=0), batch=3).step(np.ones((3, 10))).shape
            (3, 4)
        """
        if type(x) is not np.ndarray or x.shape != self._shape or x.dtype != self._dtype:
            x = check_array("x", x, self._axes, self._shape, self._dtype, like="the weights")
        self._x[...] = x
        self._quietly.run(self._advance)
        return self._h.copy()

    def __reduce__(self) -> NoReturn:
        """Refuse to be copied and pickled: a copy's buffers would be those of the original."""
        raise TypeError(
            "a Stream cannot be copied or pickled: make another one from the same weights, "
            "and continue there by other.reset(stream.state)"
        )

    def _advance(self) -> None:
        """One step of every layer, from the input up."""
        below = self._layers[0]
        below.advance()
        for layer in self._above:
            layer.x[...] = below.h
            layer.advance()
            below = layer

    @property
    def state(self) -> list[State]:
        """For each layer the named tuple (c, h), copies of shape (H,) or (b, H)."""
        return [State(layer.c.copy(), layer.h.copy()) for layer in self._layers]

    def reset(self, state: Iterable[Any] | None = None) -> None:
        """Start again from zero states, or continue from given ones.

        Args:
            state: A pair (c, h) for each layer, as returned by `state`; zeros if None.

        Raises:
            TypeError: If it is not a list of pairs, or an array has another dtype than the weights.
            ValueError: If there are not as many pairs as layers, or a shape does not fit. The
                state then stays as it was.

        Example:
            >>> import lstm
            >>> stream = Stream(lstm.init(10, 4, rng=0))
            >>> first = stream.step(np.ones(10))
            >>> stream.reset()
            >>> bool((stream.step(np.ones(10)) == first).all())
            True
        """
        if state is None:
            for layer in self._layers:
                layer.c[...] = layer.h[...] = 0
            return
        try:
            pairs = [tuple(pair) for pair in state]
        except TypeError:
            raise TypeError(f"state: expected a list of pairs (c, h), got {short(state)}") from None
        if len(pairs) != len(self._layers) or any(len(pair) != 2 for pair in pairs):
            raise ValueError(
                f"state: expected {len(self._layers)} pairs (c, h), one for each layer, "
                f"got {len(pairs)} items of lengths {[len(pair) for pair in pairs]}"
            )
        axes = ("b", "H")[-len(self._axes) :]
        checked = [
            [
                check_array(f"state[{k}].{name}", part, axes, layer.c.shape, self._dtype, "weights")
                for name, part in zip(("c", "h"), pair, strict=True)
            ]
            for k, (layer, pair) in enumerate(zip(self._layers, pairs, strict=True))
        ]
        for layer, (c, h) in zip(self._layers, checked, strict=True):
            layer.c[...], layer.h[...] = c, h


def _forward_weights(weights: Any) -> list[NDArray[Any]]:
    """Return the matrices of the layers, or say what is wrong with them."""
    if isinstance(weights, Iterable) and not hasattr(weights, "__array__"):
        weights = weights if isinstance(weights, Layer) else list(weights)
    stack = isinstance(weights, Layer) or (
        isinstance(weights, list) and any(isinstance(layer, Layer) for layer in weights)
    )
    if not stack:
        matrices = [check_weights(weights)[0]]
    else:
        layers = check_layers(weights)
        for k, layer in enumerate(layers):
            if layer.backward is not None:
                raise ValueError(
                    f"layers[{k}].backward: expected None, as a stream has no end to start from"
                )
        matrices = [check_weights(layer.forward)[0] for layer in layers]
    if matrices[0].dtype.kind == "c":
        raise TypeError(f"WLSTM: expected float32 or float64, got {matrices[0].dtype}")
    return matrices
