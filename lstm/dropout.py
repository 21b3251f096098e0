"""Variational dropout: what is dropped at one step of a sequence is dropped at all of them.

Dropout multiplies a vector h, elementwise, by factors m: 0 with probability p, and 1/(1 - p)
otherwise. If m is the same at every step, it need not enter the LSTM at all. Before a product
with a matrix, (m * h) W = h (m W) with row k of W multiplied by m_k (eq-thin). So `thin` the
rows of the matrices, run the network as usual, and multiply the rows of the gradient by the same
factors (eq-thin-back): that is all `run` does. One m serves all sequences of a batch.

The rows for what comes from below (``between``: not the input itself) and for the
previous output (``recurrent``) are thinned, and those of the readout like the former.

Source: Gal and Ghahramani, A Theoretically Grounded Application of Dropout in
Recurrent Neural Networks (2016).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import network, train
from .layout import sizes
from .losses import Loss, squared_error
from .network import Params
from .settings import check_real
from .stack import Layer
from .tasks import Batch

__all__ = ["Thinned", "run", "thin"]


class Thinned(NamedTuple):
    """The result of `thin`.

    Attributes:
        params: Parameters like those that were given, rows multiplied by their factors.
        factors: The factors of each matrix, a column (rows, 1), in a dictionary like the
            parameters.
    """

    params: Params
    factors: Params


def thin(
    params: Params, rng: np.random.Generator, *, between: float = 0.0, recurrent: float = 0.0
) -> Thinned:
    """Drop random rows of a network's matrices, and scale up the others to make up for it.

    Args:
        params: Parameters as `lstm.network.init` makes them, with layers that read forward; they
            are not changed.
        rng: The random generator that draws what is dropped.
        between: The probability of dropping an output of a layer for the layer or readout above
            it.
        recurrent: The probability of dropping an output for the next step.

    Returns:
        Thinned: The named tuple (params, factors).

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a probability is not from 0 to below 1, or a layer reads backward.

    Example:
        >>> params = network.init(3, [4, 2], 3, rng=0)
        >>> thinned, factors = thin(params, np.random.default_rng(1), recurrent=0.5)
        >>> factors["layers"][0].forward.ravel().tolist()       # bias, three inputs, four outputs
        [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 2.0, 0.0]
    """
    params = network.check_params(params)
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng: expected a numpy.random.Generator, got {rng!r}")
    for name, p in (("between", between), ("recurrent", recurrent)):
        p = check_real(name, p, "a probability")
        if not 0 <= p < 1:
            raise ValueError(f"{name}: expected a probability from 0 to below 1, got {p}")

    def column(W: NDArray[Any], plain: int, width: int, above: float, later: float) -> Any:
        """Lay out the factors of one matrix: kept rows, those from below, recurrent ones."""
        rates = np.repeat([0.0, above, later], [plain, width, len(W) - plain - width])
        kept = rng.random(len(W)) >= rates
        return np.where(kept, 1 / (1 - rates), 0).astype(W.dtype)[:, None]

    matrices = [params["WLSTM"]] if "WLSTM" in params else []
    for k, layer in enumerate(params.get("layers", ())):
        if layer.backward is not None:
            raise ValueError(f"layers[{k}]: expected a layer that reads forward alone")
        matrices.append(layer.forward)
    columns = []
    for k, W in enumerate(matrices):
        D = sizes(W).D
        plain, width = (1, D) if k else (1 + D, 0)  # the lowest layer reads the input itself
        columns.append(column(W, plain, width, between, recurrent))
    readout = column(params["WOUT"], 1, len(params["WOUT"]) - 1, between, 0.0)
    factors: Params
    if "WLSTM" in params:
        factors = {"WLSTM": columns[0], "WOUT": readout}
    else:
        factors = {"layers": [Layer(m) for m in columns], "WOUT": readout}
    return Thinned(_times(factors, params), factors)  # (eq-thin)


def run(
    params: Params, batch: Batch, loss: Loss = squared_error, *,
    rng: np.random.Generator, between: float = 0.0, recurrent: float = 0.0, **options: Any,
) -> train.Run:  # fmt: skip
    """Run a batch forward and backward as `lstm.train.run`, with variational dropout.

    To train with it, pass it to `lstm.train.fit`: ``train.fit(..., gradients=dropout.run, rng=rng,
    recurrent=0.3)``.

    Args:
        params: Parameters as `thin` takes them.
        batch: What is read, and what should be answered.
        loss: `lstm.losses.squared_error` or `lstm.losses.cross_entropy`, or a function like them.
        rng: As for `thin`; what is dropped is drawn anew in every call.
        between: The probability of dropping an output for the layer or readout above it.
        recurrent: The probability of dropping an output for the next step.
        **options: c0, h0 and last, as for `lstm.train.run`.

    Returns:
        Run: The named tuple (loss, answers, grads, Cn, Hn).

    Raises:
        TypeError: As `thin` and `lstm.train.run`.
        ValueError: As `thin` and `lstm.train.run`.

    Example:
        >>> from lstm import tasks
        >>> params, rng = network.init(2, [8, 6], 1, rng=0), np.random.default_rng(0)
        >>> one = run(params, tasks.adding(20, 4, rng=0), rng=rng, between=0.5, recurrent=0.2)
        >>> [layer.forward.shape for layer in one.grads["layers"]]
        [(11, 32), (15, 24)]
    """
    thinned, factors = thin(params, rng, between=between, recurrent=recurrent)
    result = train.run(thinned, batch, loss, **options)
    return result._replace(grads=_times(factors, result.grads))  # (eq-thin-back)


def _times(factors: Params, params: Params) -> Params:
    """Multiply the rows of every matrix by their factors."""
    product: Params = {
        name: factors[name] * params[name] for name in ("WLSTM", "WOUT") if name in params
    }
    if "layers" in params:
        pairs = zip(factors["layers"], params["layers"], strict=True)
        product["layers"] = [Layer(m.forward * layer.forward) for m, layer in pairs]
    return product
