"""Judge a training loop by how well its network recalls the first number of a sequence."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..fused import backward, forward, init
from .calls import LIMIT, call
from .verdict import Finding, Verdict

__all__ = ["GOAL", "batches", "error", "training"]

GOAL = 0.1
"""The mean squared error to get below. Always answering 0 has 1/3."""

H = 8  # units
RATE = 0.3  # what the function is given as its learning rate


def batches(count: int, *, n: int = 6, b: int = 32, seed: int = 0) -> list[Any]:
    """Draw batches of a small task: recall the number at the first step, which is marked.

    Args:
        count: The number of batches.
        n: Number of steps.
        b: Batch size.
        seed: For the random numbers.

    Returns:
        list: Pairs: X, shape (n, b, 2), a number from -1 to 1 and the mark at each step; and y,
        shape (b,), the numbers of the first step.

    Example:
        >>> [(X, y)] = batches(1)
        >>> X.shape, bool((X[0, :, 0] == y).all())
        ((6, 32, 2), True)
    """
    rng, drawn = np.random.default_rng(seed), []
    for _ in range(count):
        X = rng.uniform(-1, 1, (n, b, 2))
        X[:, :, 1] = 0
        X[0, :, 1] = 1
        drawn.append((X, X[0, :, 0].copy()))
    return drawn


def error(W: NDArray[Any], w: NDArray[Any], seed: int = 99) -> float:
    """Measure the mean squared error of ``Hn @ w`` on batches that were not trained on.

    Args:
        W: Weights of the LSTM, shape (1 + 2 + H, 4H).
        w: Weights of the readout, shape (H,).
        seed: For the batches.

    Returns:
        float: The error.

    Example:
        >>> round(error(init(2, 3, rng=0), np.zeros(3)), 1)
        0.3
    """
    held_out = batches(5, seed=seed)
    with np.errstate(all="ignore"):
        return float(np.mean([((forward(X, W).Hn @ w - y) ** 2).mean() for X, y in held_out]))


def training(function: Callable[..., Any], limit: float = LIMIT) -> Verdict:
    """Judge ``train(batches, W, w, rate)``, which returns the trained (W, w).

    Args:
        function: Somebody's training loop.
        limit: A third of the time limit, in seconds.

    Returns:
        Verdict: What was found.

    Example:
        >>> print(training(lambda batches, W, w, rate: (W, w)).findings[0].says)
        Neither the LSTM nor the readout has changed
    """
    part, rng = "training", np.random.default_rng(1)
    W, w = init(2, H, rng=rng), rng.standard_normal(H) / np.sqrt(H)
    before = error(W, w)
    called = call(function, batches(200), W, w, RATE, limit=3 * limit)
    if called.unwritten or (called.value is None and not called.trouble):
        return Verdict((Finding(part, "unwritten", "write it, then check again"),))
    says, name = called.trouble, ""
    details: tuple[str, ...] = ()
    if not says:
        try:
            new_W, new_w = (np.asarray(a, dtype=np.float64) for a in called.value)
        except Exception:
            says = "returns something else than (W, w)"
        else:
            says, name = _faults(W, w, new_W, new_w, before)
            if says and new_W.shape == W.shape and new_w.shape == w.shape:
                details = _first_update(function, W, w, limit)
    if says:
        hint = "In which direction does the loss fall, and which weights does it depend on?"
        mistakes = (name,) * bool(name)
        return Verdict((Finding(part, "wrong", says, details, hint=hint, mistakes=mistakes),))
    if called.changed:
        says = "W or w is changed in place: work on copies"
        found = Finding(part, "wrong", says, mistakes=("weights changed in place",))
        return Verdict((found,))
    after = error(new_W, new_w)
    says = f"it has learnt: the mean squared error falls from {before:.2f} to {after:.2f}"
    return Verdict((Finding(part, "right", says),))


def _first_update(
    function: Callable[..., Any], W: NDArray[Any], w: NDArray[Any], limit: float
) -> tuple[str, ...]:
    """Say in a sentence how one batch changes W and w, if training has gone wrong."""
    [(X, y)] = batches(1)
    called = call(function, [(X, y)], W, w, RATE, limit=limit)
    try:
        new_W, new_w = (np.asarray(a, dtype=np.float64) for a in called.value)
        steps = new_W - W, new_w - w
    except Exception:
        return ()
    F = forward(X, W)
    error = F.Hn @ w - y
    dW = backward(None, F.cache, dHn=np.outer(error, w)).dWLSTM
    said = []
    for name, step, gradient in (("W", steps[0], dW), ("w", steps[1], F.Hn.T @ error)):
        length = float(np.linalg.norm(step) * np.linalg.norm(gradient))
        cosine = round(float((step * gradient).sum()) / length, 2) if length else 0.0
        ways = {1.0: "up its gradient", -1.0: "down its gradient"}
        way = ways.get(cosine, "in another direction than its gradient")
        said.append(f"`{name}` goes {way}" if length else f"`{name}` stays")
    return (f"after one batch alone: {'; '.join(said)}",)


def _faults(
    W: NDArray[Any], w: NDArray[Any], new_W: NDArray[Any], new_w: NDArray[Any], before: float
) -> tuple[str, str]:
    """Find what is wrong with trained weights, and name it."""
    if new_W.shape != W.shape or new_w.shape != w.shape:
        says = f"W and w have shapes {new_W.shape} and {new_w.shape}, "
        return says + f"expected {W.shape} and {w.shape}", ""
    same_W, same_w = np.array_equal(new_W, W), np.array_equal(new_w, w)
    if same_W and same_w:
        return "Neither the LSTM nor the readout has changed", "nothing trained"
    if same_W:
        return "Only the readout `w` has changed: `W` must learn, too", "LSTM not trained"
    if same_w:
        return "Only the LSTM `W` has changed: `w` must learn, too", "readout not trained"
    after = error(new_W, new_w)
    if not np.isfinite(after) or after > 10 * before:
        return "The error grows: the step goes up the gradient, or is far too long", "error grows"
    if after > GOAL:
        return f"The mean squared error is {after:.2f}, expected below {GOAL}", ""
    return "", ""
