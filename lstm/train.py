"""Training: gradients of a loss over a batch, and a loop whose steps are Optax's.

The parameters, with one layer or a stack, are those of `lstm.network`, the losses those of
`lstm.losses`, a batch is that of `lstm.tasks`. All of it needs only NumPy, except `fit`, which
needs JAX and Optax: ``pip install 'lstm-book[jax]'``.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .arguments import as_array, check_array, check_lengths
from .extras import needing
from .layout import sizes
from .losses import Loss, check_loss, check_targets, cross_entropy, mean_loss, squared_error
from .network import Params, answer, backward, check_params, chrono, forward, init
from .settings import check_flag
from .tasks import Batch

if TYPE_CHECKING:
    import optax

__all__ = ["Loss", "Params", "Run", "Update", "answer", "backward", "chrono", "cross_entropy",
           "fit", "forward", "gradients", "init", "mean_loss", "run", "squared_error"]  # fmt: skip


class Run(NamedTuple):
    """The result of `run`.

    Attributes:
        loss: The mean loss over all rows where an answer is asked for.
        answers: The answers, (n, b, K), or (b, K) from the last states.
        grads: The gradients, a dictionary like the parameters.
        Cn: The cell states at each sequence's own end: (b, H), or for each layer (d, b, H).
        Hn: The outputs there, in the same form.
    """

    loss: float
    answers: NDArray[Any]
    grads: Params
    Cn: Any
    Hn: Any


class Update(NamedTuple):
    """One step of training.

    Attributes:
        params: The parameters after the step.
        loss: The loss before it.
        answers: The answers before it, shape (n, b, K) or (b, K).
        batch: The batch of this step.
        state: The optimiser's state after the step, from which `fit` can continue.
        Cn: The cell states at the ends of the batch's sequences, as in `Run`; None if your own
            ``gradients`` function does not return them.
        Hn: The outputs there.
    """

    params: Params
    loss: float
    answers: NDArray[Any]
    batch: Batch
    state: Any = None
    Cn: Any = None
    Hn: Any = None


def run(
    params: Params,
    batch: Batch,
    loss: Loss = squared_error,
    *,
    c0: Any = None,
    h0: Any = None,
    last: bool = False,
    dropout: float = 0.0,
    rng: np.random.Generator | None = None,
) -> Run:
    """Run a batch forward and backward.

    The loss is the mean over all rows where an answer is asked for: steps, or whole sequences
    with ``last``. All others get a gradient of zero, whatever their targets hold, and the padding
    of X changes nothing either. A nan in a target that counts makes the loss and the gradients
    nan; a nan in an input that is read is refused.

    Args:
        params: Parameters as from `lstm.network.init`.
        batch: As from `lstm.tasks`. X (n, b, D), lengths (b,), and Y (n, b, K) with where
            (n, b) of bool; with ``last``, Y (b, K) and where (b,).
        loss: `lstm.losses.squared_error` or `cross_entropy`, or a function like them.
        c0: The initial cell states, such as the Cn of the batch that this one continues; zeros if
            None.
        h0: The initial outputs, such as its Hn; zeros if None.
        last: Whether each sequence is answered once, from the last layer's output at its own end.
        dropout: For stacks: the probability of dropping an output between layers.
        rng: The random generator that draws what is dropped; needed only with ``dropout``.

    Returns:
        Run: The named tuple (loss, answers, grads, Cn, Hn).

    Raises:
        TypeError: If an argument has the wrong type or dtype.
        ValueError: If a shape does not fit, nothing is asked for, an answer is asked for beyond a
            sequence's end, or an input that is read is not finite.

    Example:
        >>> from lstm import tasks
        >>> params = init(2, [8, 6], 1, rng=0)              # two layers
        >>> first = run(params, tasks.adding(20, 4, rng=0))
        >>> again = run(params, tasks.adding(20, 4, rng=1), c0=first.Cn, h0=first.Hn)
        >>> [layer.forward.shape for layer in again.grads["layers"]]
        [(11, 32), (15, 24)]
    """
    params, last = check_params(params), check_flag("last", last)
    batch = _check_batch(batch, params, last)
    answers, Cn, Hn, cache = forward(
        params, batch.X, lengths=batch.lengths, c0=c0, h0=h0,
        last=last, dropout=dropout, rng=rng,
    )
    value, dY = mean_loss(answers, batch.Y, batch.where, loss)
    return Run(value, answers, backward(dY, cache).dparams, Cn, Hn)


def gradients(
    params: Params, batch: Batch, loss: Loss = squared_error, **options: Any
) -> tuple[float, NDArray[Any], Params]:
    """Return what training needs from `run`: loss, answers and gradients.

    Args:
        params: Parameters as from `lstm.network.init`.
        batch: As from `lstm.tasks`.
        loss: `lstm.losses.squared_error` or `cross_entropy`, or a function like them.
        **options: c0, h0, last, dropout and rng, as for `run`.

    Returns:
        tuple: The loss, the answers (n, b, K), and the gradients, a dictionary like ``params``.

    Raises:
        TypeError: As `run`.
        ValueError: As `run`.

    Example:
        >>> from lstm import tasks
        >>> loss, answers, grads = gradients(init(2, 8, 1, rng=0), tasks.adding(20, 4, rng=0))
        >>> grads["WLSTM"].shape, grads["WOUT"].shape
        ((11, 32), (9, 1))
    """
    return run(params, batch, loss, **options)[:3]


def fit(
    params: Params,
    batches: Iterable[Batch],
    optimizer: "optax.GradientTransformation",
    loss: Loss = squared_error,
    gradients: Callable[..., Any] = run,
    *,
    state: Any = None,
    carry: bool = False,
    **options: Any,
) -> Iterator[Update]:
    """Train: make one step of the optimiser for each batch. Leave the loop to stop.

    To resume a run, call `fit` again with the ``params`` and ``state`` of the last `Update`, with
    the batches that follow, and, if they are used, with ``c0=update.Cn``,
    ``h0=update.Hn`` and the ``rng`` as it was. The results are then the same, bit for bit.
    Optax clips gradients, too: ``optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-2))``.
    Its ``optax.apply_if_finite`` skips steps with nan, which would make all parameters nan.

    Args:
        params: Parameters to start from, as from `lstm.network.init`; they are not changed.
        batches: The batches, an iterable, such as `lstm.tasks.stream`.
        optimizer: An optimiser of Optax, such as ``optax.adam(1e-2)``.
        loss: `lstm.losses.squared_error` or `cross_entropy`, or a function like them.
        gradients: A function to use in place of `run`, for another network: it takes (params,
            batch, loss) and returns (loss, answers, gradients), optionally followed by Cn and Hn.
            The parameters may then be any tree of arrays.
        state: The optimiser's state from which to continue; None for a new one.
        carry: Whether each batch starts from the last states of the batch before it. Gradients do
            not cross from batch to batch.
        **options: c0, h0, last, dropout and rng, as for `run`. With ``carry``, c0 and h0 are
            those of the first batch.

    Yields:
        Update: The parameters, loss and answers of each step.

    Raises:
        ImportError: If JAX or Optax is not installed.
        TypeError: As `run`, or if ``optimizer`` is not an optimizer.
        ValueError: As `run`, or if gradients are not like the parameters.

    Example:
        >>> import optax
        >>> from lstm import tasks
        >>> batches = tasks.stream(tasks.adding, 20, 4, rng=0)
        >>> for step, update in enumerate(fit(init(2, 8, 1, rng=0), batches, optax.adam(1e-2))):
        ...     if step == 2:
        ...         break
        >>> update.answers.shape[1:], update.params["WOUT"].shape
        ((4, 1), (9, 1))
    """
    jax, _ = _jax_and_optax()
    if any(gradients is own for own in _OURS):
        params = check_params(params)
    elif not callable(gradients):
        raise TypeError(
            f"gradients: expected a function such as lstm.train.run, got {gradients!r}"
        )
    _check_loop(params, batches, optimizer, loss, carry)
    precision = _precision(params)
    with precision():
        fresh = optimizer.init(params)
    if state is not None:
        _check_like("state", state, fresh, "the optimiser's state")

    try:
        compiled = _advance(optimizer)
    except TypeError:  # an optimiser of one's own that cannot be a key
        compiled = _advance.__wrapped__(optimizer)

    def steps(params: Any, state: Any) -> Iterator[Update]:
        for batch in batches:
            result = gradients(params, batch, loss, **options)
            value, answers, grads, *ends = _check_run(result, params, carry)
            with precision():
                params, state = compiled(grads, state, params)
            params = jax.tree.map(np.asarray, params)
            if carry:
                options["c0"], options["h0"] = ends
            yield Update(params, value, answers, batch, state, *ends)

    return steps(params, fresh if state is None else state)


_OURS = (run, gradients)


@lru_cache(maxsize=16)
def _advance(optimizer: Any) -> Any:
    """One step of an optimiser, compiled once for all runs that use it."""
    jax, optax = _jax_and_optax()

    def advance(grads: Any, state: Any, params: Any) -> Any:
        change, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, change), state

    return jax.jit(advance)


def _jax_and_optax() -> tuple[Any, Any]:
    """The two packages that only the loop needs, or what to install."""
    with needing("lstm.train.fit", "JAX and Optax", "jax"):
        import jax
        import optax
    return jax, optax


def _precision(params: Any) -> Callable[[], AbstractContextManager[Any]]:
    """Under what JAX must compute: it would make float32 of float64, unless it is told not to."""
    import jax

    wide = any(np.asarray(leaf).dtype.char in "dD" for leaf in jax.tree.leaves(params))
    return jax.enable_x64 if wide else nullcontext


def _check_batch(batch: Any, params: Params, last: bool) -> Batch:
    """A batch as arrays that fit the parameters and one another."""
    if not all(hasattr(batch, name) for name in Batch._fields):
        got = type(batch).__name__
        raise TypeError(f"batch: expected a Batch of X, Y, where and lengths, got a {got}")
    WOUT = params["WOUT"]
    W = params["WLSTM"] if "WLSTM" in params else params["layers"][0].directions[0][1]
    D, K = sizes(W).D, WOUT.shape[1]
    X = check_array("batch.X", batch.X, ("n", "b", "D"), (None, None, D), W.dtype, "the weights")
    n, b, _ = X.shape
    lengths = check_lengths(batch.lengths, n, b, "batch.lengths")
    if lengths is None:
        raise TypeError("batch.lengths: expected integers, got None")
    given = [as_array(f"batch.{name}", getattr(batch, name)).shape for name in ("Y", "where")]
    if not last and given == [(b, K), (b,)]:
        raise ValueError(
            f"batch.Y: expected shape (n, b, K) = {(n, b, K)}, got {(b, K)}: "
            "with last=True there is one answer for each sequence"
        )
    shape = (b, K) if last else (n, b, K)
    Y, where = check_targets(batch.Y, batch.where, shape, W.dtype, "batch.")
    inside = np.arange(n)[:, None] < lengths
    if not last and (where & ~inside).any():
        t, j = np.argwhere(where & ~inside)[0]
        raise ValueError(
            f"batch.where: expected no answer asked for after a sequence's end, got one at "
            f"step {t} of sequence {j}, which has {lengths[j]} steps"
        )
    spoilt = ~np.isfinite(X).all(axis=-1) & inside
    if spoilt.any():
        t, j = np.argwhere(spoilt)[0]
        raise ValueError(
            f"batch.X: expected finite numbers up to a sequence's end, got {X[t, j]} at "
            f"step {t} of sequence {j}, which has {lengths[j]} steps"
        )
    return Batch(X, Y, where, lengths)


def _check_loop(params: Any, batches: Any, optimizer: Any, loss: Any, carry: bool) -> None:
    """Check the arguments of `fit`, as far as possible before the first step."""
    if isinstance(batches, Batch) or not isinstance(batches, Iterable):
        got = type(batches).__name__
        raise TypeError(f"batches: expected batches in a list or generator, got a {got}")
    if not hasattr(optimizer, "init") or not hasattr(optimizer, "update"):
        got = type(optimizer).__name__
        raise TypeError(f"optimizer: expected one of Optax, such as optax.adam(1e-2), got a {got}")
    check_loss(loss)
    check_flag("carry", carry)
    layers = params.get("layers", ()) if isinstance(params, Mapping) else ()
    if carry and any(getattr(layer, "backward", None) is not None for layer in layers):
        raise ValueError(
            "carry: expected layers that read forward alone, as a backward direction ends "
            "where the batch begins"
        )


def _check_run(result: Any, params: Any, carry: bool) -> list[Any]:
    """Check what `run`, or the function in its place, has returned."""
    if not isinstance(result, (tuple, list)) or len(result) not in (3, 5):
        got = type(result).__name__
        raise TypeError(f"gradients: expected (loss, answers, gradients), got a {got}")
    if carry and len(result) == 3:
        raise ValueError("carry: expected gradients that return Cn and Hn, too")
    value, answers, grads, *ends = result
    if np.shape(value) != ():
        raise ValueError(
            f"gradients: expected a loss that is one number, got shape {np.shape(value)}"
        )
    _check_like("gradients", grads, params, "the parameters")
    return [float(value), answers, grads, *ends]


def _check_like(name: str, got: Any, want: Any, what: str) -> None:
    """Refuse a tree of arrays whose structure or shapes are not those of another one."""
    import jax

    trees: list[Any] = [jax.tree.structure(tree) for tree in (want, got)]
    if trees[0] != trees[1]:
        raise ValueError(f"{name}: expected a tree like {what}, {trees[0]}, got {trees[1]}")
    shapes = [[np.shape(leaf) for leaf in jax.tree.leaves(tree)] for tree in (want, got)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"{name}: expected shapes like {what}, {shapes[0]}, got {shapes[1]}")
