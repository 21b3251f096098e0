"""The runs behind chapter 10: the adding problem, the embedded Reber grammar, the copy task."""

from typing import Any

import numpy as np
import optax

from lstm import fused, tasks, train
from lstm.layout import split_gates

from . import plain, training

__all__ = ["adding", "copying", "reber", "start"]


def start(how: str, T: int, hidden: int, seed: int, scale: float = 1.0) -> dict[str, Any]:
    """Make initial parameters for the adding problem.

    Args:
        how: Forget bias / input bias, or chrono, or ``uniform`` and biases (weights as in
            PyTorch, uniform between ±1/sqrt(H)), or ``plain``, or ``plain, orthogonal``.
        T: The length that chrono is told.
        hidden: Hidden size H.
        seed: For the weights.
        scale: What the weights of the LSTM are multiplied by, its biases not.

    Returns:
        dict: As from `lstm.train.init`, or `plain.init`.

    Raises:
        ValueError: If ``how`` is none of these.
    """
    if how in ("plain", "plain, orthogonal"):
        return plain.init(2, hidden, 1, seed, orthogonal=how.endswith("orthogonal"))
    params = train.init(2, hidden, 1, forget_bias=0, rng=seed)
    weights = params["WLSTM"][1:]
    kind, _, biases = how.rpartition(" ")
    if kind == "uniform":
        rng = np.random.default_rng(seed + 2000)
        weights[:] = rng.uniform(-1, 1, weights.shape) / np.sqrt(hidden)
    weights *= scale
    if how == "chrono":
        return train.chrono(params, T, rng=seed + 1000)
    try:
        forget, write = map(float, biases.split("/"))
    except ValueError:
        raise ValueError(f"how: expected a start such as '3/-3' or 'chrono', got {how!r}") from None
    if kind not in ("", "uniform"):
        raise ValueError(f"how: expected 'uniform' before the biases, got {how!r}")
    i, f, _, _ = split_gates(params["WLSTM"][0])
    i[:], f[:] = write, forget
    return params


def adding(
    hidden: int, batch: int, clip: float, T: int, most: int, rate: float, how: str, scale: float,
    seed: int,
) -> dict[str, Any]:  # fmt: skip
    """Train on the adding problem until solved, or on ``most`` sequences; test on 2560."""
    n = T + T // 10
    answers = plain.answers if how.startswith("plain") else training.lstm_answers
    drawn = tasks.stream(tasks.adding, T, batch, rng=seed + 5000)
    blocks = training.fit(
        start(how, T, hidden, seed, scale), (training.padded(one, n) for one in drawn),
        answers, _half_square, rate, clip, block=max(1, 500 // batch),
    )  # fmt: skip
    errors: list[float] = []
    while len(errors) < most and tasks.solved_after(errors[-2600:]) is None:
        params, _, said, seen = next(blocks)
        for one, batch_seen in zip(said, seen, strict=True):
            errors.extend(last_errors(one, batch_seen).tolist())
    curve = np.array(errors[: len(errors) // 1000 * 1000]).reshape(-1, 1000).mean(axis=1)

    test = tasks.adding(T, 2560, rng=seed + 9000)
    size = last_errors(np.asarray(answers(params, test.X)), test)
    return {
        "solved_after": tasks.solved_after(errors),
        "seen": len(errors),
        "wrong_of_2560": int((~(size < tasks.TOLERANCE)).sum()),
        "mean_error": round(float(size.mean()), 5),
        "curve": [round(float(value), 4) for value in curve],
    }


def last_errors(answers: np.ndarray, batch: tasks.Batch) -> np.ndarray:
    """Return the size of the error at the end of each sequence, (b,)."""
    ends = batch.lengths - 1, np.arange(len(batch.lengths))
    return np.asarray(np.abs(answers[ends][:, 0] - batch.Y[ends][:, 0]))


def _half_square(answers: Any, Y: Any) -> Any:
    return ((answers - Y) ** 2).sum(axis=-1) / 2


def reber(
    hidden: int, batch: int, rate: float, clip: float, strings: int, most: int,
    pair: int, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """Train on 256 strings until all predictions on these and 256 others are right."""
    rng = np.random.default_rng(pair)
    learnt = tasks.embedded_reber(strings, rng)
    others = tasks.embedded_reber(strings, rng, but_not=learnt)
    both = tasks.predict_next(learnt + others)
    may_come = tasks.possible(learnt + others)

    rng = np.random.default_rng(100 + seed)
    params = train.init(7, hidden, 7, forget_bias=3, rng=rng)

    def draw(count: int, rng: np.random.Generator) -> tasks.Batch:
        return tasks.predict_next([str(s) for s in rng.choice(learnt, count)])

    steps = train.fit(
        params, tasks.stream(draw, batch, rng=rng), training.optimizer(rate, clip),
        train.cross_entropy,
    )  # fmt: skip
    seen, solved = 0, None
    for update in steps:
        seen += batch
        if seen % 100 == 0:
            params = update.params
            answers = train.answer(params, fused.forward(both.X, params["WLSTM"]).Hout)
            worst_legal = np.where(may_come, answers, np.inf).min(axis=-1)
            best_other = np.where(may_come, -np.inf, answers).max(axis=-1)
            if (worst_legal > best_other)[both.where].all():
                solved = seen
        if solved or seen >= most:
            break
    return {"solved_after": solved, "seen": seen}


def copying(
    hidden: int, batch: int, clip: float, T: int, most: int, rate: float, how: str, seed: int
) -> dict[str, Any]:
    """Train on the copy task until all of 1280 sequences are right, or for ``most`` steps."""
    first = train.init(10, hidden, 10, forget_bias=3 if how == "3/0" else 0, rng=seed)
    if how == "chrono":
        first = train.chrono(first, T + 10, rng=seed + 1000)
    test = tasks.copy(T, 64 * batch, rng=seed + 9000)
    blocks = training.fit(
        first, tasks.stream(tasks.copy, T, batch, rng=seed + 5000),
        training.lstm_answers, optax.softmax_cross_entropy, rate, clip, block=100,
    )  # fmt: skip
    curve: list[float] = []
    solved = None
    while solved is None and 100 * len(curve) < most:
        params, losses, _, _ = next(blocks)
        curve.append(float(losses.mean()))
        said = np.asarray(training.lstm_answers(params, test.X)).argmax(axis=-1)
        right = (said == test.Y.argmax(axis=-1)).all(axis=0)
        if right.all():
            solved = 100 * len(curve)
    return {
        "solved_after": solved,
        "steps": 100 * len(curve),
        "wrong": int((~right).sum()),
        "curve": [float(f"{value:.3g}") for value in curve],
    }
