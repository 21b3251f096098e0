"""Training: an LSTM with a linear layer on its outputs, its gradients, and Optax.

The gradients are those of `lstm.fused.backward`; Optax turns them into steps. The
parameters are a dictionary of two arrays: ``WLSTM``, as in `lstm.layout`, and
``WOUT``, shape (1 + H, K), whose first row are the biases. The answer at every
step is ``[1, h_t] WOUT``, a row of K numbers.

Source of `chrono`: Tallec and Ollivier, Can Recurrent Neural Networks Warp
Time? (2018).
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

from . import fused
from .layout import split_gates, split_rows
from .tasks import Batch, Rng

__all__ = [
    "Loss",
    "Params",
    "Update",
    "answer",
    "chrono",
    "cross_entropy",
    "fit",
    "gradients",
    "init",
    "squared_error",
]

Params = dict[str, Any]
"""``WLSTM`` (1 + D + H, 4H) and ``WOUT`` (1 + H, K)."""

Loss = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From answers and targets, both (n, b, K), to the loss of each step, (n, b), and its gradient."""


class Update(NamedTuple):
    """One step of training.

    Attributes:
        params: The parameters after the step.
        loss: The loss before it.
        answers: The answers before it, shape (n, b, K).
        batch: What was answered.
    """

    params: Params
    loss: float
    answers: np.ndarray
    batch: Batch


def init(
    input_size: int, hidden_size: int, output_size: int, *, forget_bias: float = 3.0,
    rng: Rng = None, dtype: Any = np.float32,
) -> Params:  # fmt: skip
    """Make initial parameters: those of `lstm.fused.init`, and small weights for the answers.

    Args:
        input_size: Input size D.
        hidden_size: Hidden size H.
        output_size: Output size K, how many numbers an answer has.
        forget_bias: Initial bias of the forget gates.
        rng: A generator, a seed for one, or None for a fresh one.
        dtype: float32 or float64.

    Returns:
        dict: ``WLSTM`` (1 + D + H, 4H) and ``WOUT`` (1 + H, K), whose biases are 0.

    Example:
        >>> {name: array.shape for name, array in init(2, 8, 1, rng=0).items()}
        {'WLSTM': (11, 32), 'WOUT': (9, 1)}
    """
    rng = np.random.default_rng(rng)
    WLSTM = fused.init(input_size, hidden_size, forget_bias=forget_bias, rng=rng, dtype=dtype)
    WOUT = rng.standard_normal((1 + hidden_size, output_size)) / np.sqrt(hidden_size)
    WOUT[0] = 0
    return {"WLSTM": WLSTM, "WOUT": WOUT.astype(dtype)}


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
        ValueError: If ``longest`` is not above 2.

    Example:
        >>> W = chrono(init(2, 8, 1, rng=0), longest=100, rng=1)["WLSTM"]
        >>> bool((W[0, 8:16] == -W[0, :8]).all()), bool(W[0, 8:16].max() < np.log(99))
        (True, True)
    """
    if not longest > 2:
        raise ValueError(f"longest: expected more than 2, got {longest}")
    WLSTM = np.array(params["WLSTM"])
    i, f, _, _ = split_gates(split_rows(WLSTM).b)
    f[:] = np.log(np.random.default_rng(rng).uniform(1, longest - 1, f.shape))
    i[:] = -f
    return params | {"WLSTM": WLSTM}


def squared_error(answers: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Half the squared distance between answer and target, and its gradient.

    Args:
        answers: Shape (n, b, K).
        Y: Targets, of the same shape.

    Returns:
        tuple: The loss of each step, (n, b), and its gradient by the answers, (n, b, K).

    Example:
        >>> squared_error(np.array([[[3.0]]]), np.array([[[1.0]]]))
        (array([[2.]]), array([[[2.]]]))
    """
    difference = answers - Y
    return (difference**2).sum(axis=-1) / 2, difference


def cross_entropy(answers: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cross-entropy of the softmax of the answers with the targets, and its gradient.

    Args:
        answers: Shape (n, b, K): logarithms of odds, up to a constant.
        Y: Targets, of the same shape: a one among zeros, or probabilities.

    Returns:
        tuple: The loss of each step, (n, b), and its gradient by the answers,
        (n, b, K), which is softmax(answers) - Y. Each row of ``Y`` must add up
        to 1 where it counts.

    Example:
        >>> loss, gradient = cross_entropy(np.zeros((1, 1, 2)), np.array([[[1.0, 0.0]]]))
        >>> round(loss.item(), 4), gradient.tolist()        # ln 2
        (0.6931, [[[-0.5, 0.5]]])
    """
    shifted = answers - answers.max(axis=-1, keepdims=True)  # changes nothing, cannot overflow
    logs = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return -(Y * logs).sum(axis=-1), np.exp(logs) - Y


def answer(params: Params, Hout: np.ndarray) -> np.ndarray:
    """Turn outputs of the LSTM into answers, [1, h] WOUT.

    Args:
        params: With ``WOUT``, shape (1 + H, K).
        Hout: Outputs, shape (..., H).

    Returns:
        numpy.ndarray: Shape (..., K).

    Example:
        >>> answer({"WOUT": np.array([[0.5], [2.0]])}, np.array([[3.0]]))
        array([[6.5]])
    """
    WOUT = np.asarray(params["WOUT"])
    return np.asarray(Hout @ WOUT[1:] + WOUT[0])


def gradients(
    params: Params, batch: Batch, loss: Loss = squared_error
) -> tuple[float, np.ndarray, Params]:
    """Run a batch forward and backward.

    The loss is the mean over all steps where an answer is asked for. All other
    steps get a gradient of zero: that is all it takes to have sequences of
    different lengths in one batch.

    Args:
        params: Parameters as from `init`.
        batch: As from `lstm.tasks`.
        loss: `squared_error` or `cross_entropy`, or a function like them.

    Returns:
        tuple: The loss, the answers (n, b, K), and the gradients, a dictionary like ``params``.

    Example:
        >>> from lstm import tasks
        >>> loss, answers, grads = gradients(init(2, 8, 1, rng=0), tasks.adding(20, 4, rng=0))
        >>> grads["WLSTM"].shape, grads["WOUT"].shape
        ((11, 32), (9, 1))
    """
    Hout, _, _, cache = fused.forward(batch.X, params["WLSTM"])
    answers = answer(params, Hout)
    losses, dY = loss(answers, batch.Y)
    count = batch.where.sum()
    dY = dY * (batch.where / count)[..., None].astype(dY.dtype)

    WOUT = np.asarray(params["WOUT"])
    H, K = WOUT[1:].shape
    grads = {
        "WLSTM": fused.backward(dY @ WOUT[1:].T, cache).dWLSTM,
        "WOUT": np.vstack([dY.sum(axis=(0, 1)), Hout.reshape(-1, H).T @ dY.reshape(-1, K)]),
    }
    return float(losses[batch.where].sum() / count), answers, grads


def fit(
    params: Params, batches: Iterable[Batch], optimizer: optax.GradientTransformation,
    loss: Loss = squared_error, gradients: Callable[..., Any] = gradients,
) -> Iterator[Update]:  # fmt: skip
    """Train: one step of the optimiser for each batch. Stop by leaving the loop.

    Args:
        params: Parameters to start from; they are not changed.
        batches: Where the batches come from.
        optimizer: From Optax, such as ``optax.adam(1e-2)``.
        loss: As for `gradients`.
        gradients: Another network's function in place of `gradients`.

    Yields:
        Update: What happened in each step.

    Example:
        >>> from lstm import tasks
        >>> batches = tasks.stream(tasks.adding, 20, 4, rng=0)
        >>> for step, update in enumerate(fit(init(2, 8, 1, rng=0), batches, optax.adam(1e-2))):
        ...     if step == 2:
        ...         break
        >>> update.answers.shape[1:], update.params["WOUT"].shape
        ((4, 1), (9, 1))
    """
    state = optimizer.init(params)

    @jax.jit
    def advance(grads: Any, state: Any, params: Any) -> Any:
        change, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, change), state

    for batch in batches:
        value, answers, grads = gradients(params, batch, loss)
        params, state = advance(grads, state, params)
        params = {name: np.asarray(array) for name, array in params.items()}
        yield Update(params, value, answers, batch)
