"""Attention over an LSTM's states: a writer looks back at all that a reader has read.

The reader, an LSTM, reads m letters and hands its last state to the writer, another LSTM, which
answers with n letters. All that the writer knows about the question has passed through two
vectors of H numbers. With attention it also looks at all m outputs of the reader and takes a
weighted mean of them, with weights that depend on its own state (`STEPS`, a step table like the
LSTM's).

Attention runs for all steps of the writer at once: what was looked up goes into the answer, not
back into the writer, so both LSTMs are those of `lstm.fused`, unchanged.

Shapes: h (b, n, H), the writer's outputs; s (b, m, H), the reader's; M (H, H); e and a (b, n, m).
Source: Luong, Pham and Manning, Effective Approaches to Attention-based Neural Machine
Translation (2015), whose score is "general"; the idea is that of Bahdanau, Cho and Bengio (2015).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from . import fused, steps
from .arguments import ArrayLike, check_array, check_cache, check_weights, short
from .losses import Loss, cross_entropy, mean_loss
from .settings import Rng, check_flag, check_float, check_rng, check_shape, check_size
from .steps import Step, Values, glue, numpy_of

__all__ = ["BLIND", "STEPS", "Answer", "Cache", "backward", "forward", "init", "run", "translate"]


def _turned(a: Any) -> Any:
    return a.swapaxes(-1, -2)


def _softmax(e: Any) -> Any:
    powers = numpy_of(e).exp(e - e.real.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def _of_weights(v: Values, da: Any) -> Any:
    return v.a * (da - (da * v.a).sum(axis=-1, keepdims=True))


def _ones(h: Any) -> Any:
    return numpy_of(h).ones_like(h[..., :1])


def _readout(w: str) -> Step:
    """Compute the answers as one product of all rows of the batch with a matrix."""
    return Step(
        "y", "eq-readout", lambda v: getattr(v, w) @ v.WOUT,
        {
            w: ("eq-du", lambda v, dy: dy @ v.WOUT.T),
            "WOUT": ("eq-dw", lambda v, dy: (_turned(getattr(v, w)) @ dy).sum(axis=0)),
        },
    )  # fmt: skip


STEPS: tuple[Step, ...] = (
    Step(
        "q", "eq-query", lambda v: v.h @ v.M,
        {
            "h": ("eq-query", lambda v, dq: dq @ v.M.T),
            "M": ("eq-query", lambda v, dq: (_turned(v.h) @ dq).sum(axis=0)),
        },
    ),
    Step(
        "e", "eq-match", lambda v: v.q @ _turned(v.s),
        {
            "q": ("eq-match", lambda v, de: de @ v.s),
            "s": ("eq-match", lambda v, de: _turned(de) @ v.q),
        },
    ),
    Step("a", "eq-attention", lambda v: _softmax(v.e), {"e": ("eq-attention", _of_weights)}),
    Step(
        "r", "eq-look", lambda v: v.a @ v.s,
        {
            "a": ("eq-look", lambda v, dr: dr @ _turned(v.s)),
            "s": ("eq-look", lambda v, dr: _turned(v.a) @ dr),
        },
    ),
    Step(
        "w", "eq-both", lambda v: glue([_ones(v.h), v.h, v.r]),
        {
            "h": ("eq-both", lambda v, dw: dw[..., 1 : 1 + v.h.shape[-1]]),
            "r": ("eq-both", lambda v, dw: dw[..., 1 + v.h.shape[-1] :]),
        },
    ),
    _readout("w"),
)  # fmt: skip
"""From the states of both to the answers, with attention."""

BLIND: tuple[Step, ...] = (
    Step("w", "eq-one-and", lambda v: glue([_ones(v.h), v.h]),
         {"h": ("eq-one-and", lambda v, dw: dw[..., 1:])}),
    _readout("w"),
)  # fmt: skip
"""The same without attention, the answers made only from the writer's state."""


class Cache(NamedTuple):
    """What `backward` needs.

    Attributes:
        reader: The cache of the reader's `lstm.fused.forward`.
        writer: The cache of the writer's.
        values: All values of the step table.
        table: The step table that ran.
    """

    reader: Any
    writer: Any
    values: Values
    table: tuple[Step, ...]


class Answer(NamedTuple):
    """What `forward` returns.

    Attributes:
        answers: Shape (n, b, K).
        weights: How much each step of the writer looks at each step of the reader, (n, b, m);
            None without attention.
        cache: For `backward`.
    """

    answers: NDArray[Any]
    weights: NDArray[Any] | None
    cache: Cache


def init(
    K: int, H: int, *, attend: bool = True, forget_bias: float = 1.0, rng: Rng = None,
    dtype: DTypeLike = np.float32,
) -> dict[str, NDArray[Any]]:  # fmt: skip
    """Draw initial parameters for a reader and a writer.

    Args:
        K: The number of letters in the alphabet.
        H: The number of units of the reader, and of the writer.
        attend: Whether there is attention.
        forget_bias: Initial bias of the forget gates of both LSTMs.
        rng: A random generator, a seed for one, or None for a new one.
        dtype: float32 or float64.

    Returns:
        dict: READER and WRITER (1 + K + H, 4H); WOUT (1 + 2H, K) and M (H, H) with attention,
        WOUT (1 + H, K) without.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a size is below 1.

    Example:
        >>> {name: array.shape for name, array in init(44, 32, rng=0).items()}
        {'READER': (77, 128), 'WRITER': (77, 128), 'M': (32, 32), 'WOUT': (65, 44)}
    """
    K, H, dtype = check_size("K", K, 1), check_size("H", H, 1), check_float("dtype", dtype)
    rng = check_rng(rng)
    params = {
        name: fused.init(K, H, forget_bias=forget_bias, rng=rng, dtype=dtype)
        for name in ("READER", "WRITER")
    }
    if check_flag("attend", attend):
        params["M"] = (rng.standard_normal((H, H)) / np.sqrt(H)).astype(dtype)
    seen = 2 * H if attend else H
    params["WOUT"] = (rng.standard_normal((1 + seen, K)) / np.sqrt(seen)).astype(dtype)
    params["WOUT"][0] = 0
    return params


def forward(params: Mapping[str, Any], X: ArrayLike, Z: ArrayLike) -> Answer:
    """Read the questions, and answer with one letter for each that the writer reads.

    Args:
        params: Parameters as `init` makes them.
        X: The questions, shape (m, b, K), letters as ones among zeros.
        Z: What the writer reads, shape (n, b, K): the answer, one letter late.

    Returns:
        Answer: answers (n, b, K), weights (n, b, m) and the cache.

    Raises:
        TypeError: If the dtype of an array is wrong.
        ValueError: If a parameter is missing, or a shape does not fit.

    Example:
        >>> from lstm import dates
        >>> X, Z, *_ = dates.dates(3, rng=0)
        >>> answers, weights, _ = forward(init(44, 32, rng=0), X, Z)
        >>> answers.shape, weights.shape
        ((10, 3, 44), (10, 3, 26))
    """
    table, params, X = _check(params, X)
    shape = (None, *X.shape[1:])
    Z = check_array("Z", Z, ("n", "b", "K"), shape, X.dtype, "the parameters")
    reader = fused.forward(X, params["READER"])
    writer = fused.forward(Z, params["WRITER"], reader.Cn, reader.Hn)
    inputs = {"h": writer.Hout.swapaxes(0, 1), "s": reader.Hout.swapaxes(0, 1)}
    v = steps.forward(table, inputs | _of_table(params))
    weights = v.a.swapaxes(0, 1).copy() if table is STEPS else None
    return Answer(v.y.swapaxes(0, 1), weights, Cache(reader.cache, writer.cache, v, table))


def backward(dY: ArrayLike, cache: Cache) -> dict[str, NDArray[Any]]:
    """Carry gradients back through the table, the writer and the reader.

    Args:
        dY: Gradient of the loss with respect to the answers, shape (n, b, K).
        cache: From `forward`.

    Returns:
        dict: Gradients like the parameters.

    Raises:
        TypeError: If ``cache`` is not that of `forward`, or ``dY`` has the wrong dtype.
        ValueError: If its shape does not fit.

    Example:
        >>> from lstm import dates
        >>> X, Z, *_ = dates.dates(3, rng=0)
        >>> answers, _, cache = forward(init(44, 32, rng=0), X, Z)
        >>> sorted(backward(np.ones_like(answers), cache))
        ['M', 'READER', 'WOUT', 'WRITER']
    """
    check_cache(cache, Cache, "attention.forward")
    v = cache.values
    (b, n, _), K = v.h.shape, v.WOUT.shape[1]
    dtype = v.WOUT.dtype
    dY = check_array("dY", dY, ("n", "b", "K"), (n, b, K), dtype, "the answers")
    d = vars(steps.backward(cache.table, v, {"y": dY.swapaxes(0, 1)}))
    writer = fused.backward(np.ascontiguousarray(d["h"].swapaxes(0, 1)), cache.writer)
    looked_at = d.get("s", np.zeros_like(v.s)).swapaxes(0, 1)
    # The writer began with the reader's last state.
    reader = fused.backward(
        np.ascontiguousarray(looked_at), cache.reader, writer.dc0, writer.dh0
    )
    grads = {"READER": reader.dWLSTM, "WRITER": writer.dWLSTM, "WOUT": d["WOUT"]}
    return grads | ({"M": d["M"]} if "M" in d else {})


def run(params: Mapping[str, Any], batch: Any, loss: Loss = cross_entropy) -> Any:
    """Compute the loss, the answers and the gradients of a batch, as `lstm.train.fit` takes them.

    Args:
        params: Parameters as `init` makes them.
        batch: X, Z, Y and where, such as a `lstm.dates.Pairs`.
        loss: As for `lstm.train.run`.

    Returns:
        tuple: The mean loss, the answers (n, b, K), and the gradients.

    Raises:
        TypeError: As `forward`.
        ValueError: As `forward`.

    Example:
        >>> from lstm import dates
        >>> value, answers, grads = run(init(44, 32, rng=0), dates.dates(3, rng=0))
        >>> answers.shape
        (10, 3, 44)
    """
    if not all(hasattr(batch, name) for name in ("X", "Z", "Y", "where")):
        raise TypeError(f"batch: expected Pairs of X, Z, Y and where, got {short(batch)}")
    answers, _, cache = forward(params, batch.X, batch.Z)
    value, dY = mean_loss(answers, batch.Y, batch.where, loss)
    return value, answers, backward(dY, cache)


def translate(params: Mapping[str, Any], X: ArrayLike, n: int, start: int = 0) -> NDArray[Any]:
    """Answer questions: at each step the writer reads the letter it found most likely.

    Args:
        params: Parameters as `init` makes them.
        X: The questions, shape (m, b, K).
        n: How many letters to write.
        start: The index in the alphabet of the letter that the writer reads first.

    Returns:
        numpy.ndarray: The letters written, as indices into the alphabet, shape (n, b).

    Raises:
        TypeError: As `forward`, or if ``n`` or ``start`` is not an integer.
        ValueError: As `forward`, or if ``n`` is below 1, or ``start`` is not an index into the
            alphabet.

    Example:
        >>> from lstm import dates
        >>> translate(init(44, 32, rng=0), dates.dates(3, rng=0).X, 10).shape
        (10, 3)
    """
    (table, params, X), n = _check(params, X), check_size("n", n, 1)
    check_shape("n", n, X.shape[1])
    start, K = check_size("start", start, 0), X.shape[2]
    if start >= K:
        raise ValueError(f"start: expected a place in an alphabet of {K} letters, got {start}")
    reader = fused.forward(X, params["READER"])
    one_hot = np.eye(K, dtype=X.dtype)
    c, h, said = reader.Cn, reader.Hn, [np.full(X.shape[1], start)]
    inputs = {"s": reader.Hout.swapaxes(0, 1)} | {
        k: params[k] for k in ("M", "WOUT") if k in params
    }
    for _ in range(n):
        c, h = fused.step(one_hot[said[-1]], params["WRITER"], c, h)
        y = steps.forward(table, inputs | {"h": h[:, None]}).y
        said.append(y[:, 0].argmax(axis=-1))
    return np.stack(said[1:])


def _check(params: Any, X: Any) -> tuple[tuple[Step, ...], dict[str, NDArray[Any]], NDArray[Any]]:
    """Return the step table, the parameters and the questions, if all of them fit."""
    names = {"READER", "WRITER", "WOUT"}
    if not isinstance(params, Mapping):
        raise TypeError(f"params: expected a dictionary with {sorted(names)}, got {short(params)}")
    if set(params) - {"M"} != names:
        raise ValueError(f"params: expected {sorted(names)}, perhaps M, got {sorted(params)}")
    READER, (K, H) = check_weights(params["READER"], "params['READER']")
    seen = 2 * H if "M" in params else H
    shapes: dict[str, tuple[int | None, int | None]] = {
        "WRITER": (1 + K + H, 4 * H), "M": (H, H), "WOUT": (1 + seen, None)
    }  # fmt: skip
    axes, dtype = ("rows", "columns"), READER.dtype
    arrays = {"READER": READER} | {
        name: check_array(f"params[{name!r}]", params[name], axes, shape, dtype, "READER")
        for name, shape in shapes.items()
        if name in params
    }
    X = check_array("X", X, ("m", "b", "K"), (None, None, K), READER.dtype, "the parameters")
    if "M" in arrays and not len(X):
        raise ValueError(f"X: expected at least one letter to look at, got shape {X.shape}")
    return STEPS if "M" in arrays else BLIND, arrays, X


def _of_table(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: np.array(params[name]) for name in ("M", "WOUT") if name in params}
