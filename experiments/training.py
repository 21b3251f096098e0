"""Many steps of training in one compiled call: what `lstm.train.fit` does, only faster.

For long runs of small networks the time goes into calling things. Here a block of batches
goes through ``jax.lax.scan``; the gradient is still that of the book, by way of `lstm.scan`.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any

import jax
import numpy as np
import optax

from lstm import scan
from lstm.tasks import Batch

__all__ = ["fit", "lstm_answers", "optimizer", "padded"]

Answers = Callable[[Any, Any], Any]
"""From parameters and X (n, b, D) to the answers at every step, (n, b, K)."""


def lstm_answers(params: Any, X: Any) -> Any:
    """Run the LSTM of `lstm.train` in JAX: the answers to X (n, b, D), (n, b, K)."""
    return scan.forward(X, params["WLSTM"]).Hout @ params["WOUT"][1:] + params["WOUT"][0]


def optimizer(rate: float, clip: float) -> optax.GradientTransformation:
    """Adam, after gradients longer than ``clip`` have been shortened to it."""
    return optax.chain(optax.clip_by_global_norm(clip), optax.adam(rate))


def padded(batch: Batch, n: int) -> Batch:
    """Fill a batch up with zeros to n steps, so that all have one shape."""
    more = n - len(batch.X)
    fill = [np.pad(a, [(0, more)] + [(0, 0)] * (a.ndim - 1)) for a in batch[:3]]
    return Batch(*fill, batch.lengths)


def fit(
    params: Any, batches: Iterator[Batch], answers: Answers, loss: Any, rate: float, clip: float,
    *, block: int,
) -> Iterator[tuple[Any, np.ndarray, np.ndarray, list[Batch]]]:  # fmt: skip
    """Train, one step for each batch; all batches must have the same shape.

    Args:
        params: Parameters to start from.
        batches: Without end.
        answers: The network.
        loss: From answers and targets (n, b, K) to the loss of each step (n, b), in JAX.
        rate: Adam's.
        clip: The longest gradient.
        block: How many steps in one call.

    Yields:
        tuple: After each block the parameters, the losses (block,), the answers
        (block, n, b, K), each given before its batch was learnt from, and the batches.
    """
    run, state = _compiled(answers, loss, rate, clip), optimizer(rate, clip).init(params)
    while True:
        drawn = list(islice(batches, block))
        X, Y, where = (np.stack([batch[k] for batch in drawn]) for k in range(3))
        params, state, losses, said = run(params, state, X, Y, where)
        yield params, np.asarray(losses), np.asarray(said), drawn


@lru_cache
def _compiled(answers: Answers, loss: Any, rate: float, clip: float) -> Any:
    update = optimizer(rate, clip).update

    def mean_loss(params: Any, X: Any, Y: Any, where: Any) -> Any:
        said = answers(params, X)
        return (loss(said, Y) * where).sum() / where.sum(), said

    def step(carry: Any, batch: Any) -> Any:
        params, state = carry
        (value, said), grads = jax.value_and_grad(mean_loss, has_aux=True)(params, *batch)
        change, state = update(grads, state, params)
        return (optax.apply_updates(params, change), state), (value, said)

    @jax.jit
    def run(params: Any, state: Any, *batches: Any) -> Any:
        (params, state), (losses, said) = jax.lax.scan(step, (params, state), batches)
        return params, state, losses, said

    return run
