"""The runs behind chapter 10: the adding problem and the embedded Reber grammar of 1997."""

from typing import Any

import numpy as np
import optax

from lstm import tasks, train
from lstm.layout import split_gates

from . import plain

ADDING = {"hidden": 16, "batch": 20, "rate": 0.01, "clip": 1.0}
STARTS = ["chrono", "-3", "0", "1", "3", "5", "3/-3", "5/-5", "plain", "plain, orthogonal"]
"""How a network starts: forget bias, or forget bias / input bias, or chrono, or a plain RNN."""

REBER = {"hidden": 8, "batch": 4, "rate": 0.01, "clip": 1.0, "strings": 256, "most": 50_000}


def optimizer(rate: float, clip: float) -> optax.GradientTransformation:
    """Adam, after gradients longer than ``clip`` have been shortened to it."""
    return optax.chain(optax.clip_by_global_norm(clip), optax.adam(rate))


def start(how: str, T: int, hidden: int, seed: int) -> dict[str, Any]:
    """Initial parameters for the adding problem."""
    if how.startswith("plain"):
        return plain.init(2, hidden, 1, seed, orthogonal=how.endswith("orthogonal"))
    if how == "chrono":
        return train.chrono(train.init(2, hidden, 1, rng=seed), T, rng=seed + 1000)
    forget, _, write = how.partition("/")
    params = train.init(2, hidden, 1, forget_bias=float(forget), rng=seed)
    split_gates(params["WLSTM"][0])[0][:] = float(write or 0)
    return params


def last_errors(answers: np.ndarray, batch: tasks.Batch) -> np.ndarray:
    """The error at the end of each sequence, (b,)."""
    ends = batch.lengths - 1, np.arange(len(batch.lengths))
    return answers[ends][:, 0] - batch.Y[ends][:, 0]


def adding(
    hidden: int, batch: int, rate: float, clip: float, T: int, how: str, seed: int, most: int
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Train on the adding problem until solved, or on ``most`` sequences; test on 2560."""
    params = start(how, T, hidden, seed)
    network = plain if how.startswith("plain") else train
    batches = tasks.stream(tasks.adding, T, batch, rng=seed + 5000)
    if network is plain:  # one length, or JAX compiles anew for each
        batches = (padded(drawn, T + T // 10) for drawn in batches)
    errors: list[float] = []
    for update in train.fit(
        params, batches, optimizer(rate, clip), gradients=network.gradients
    ):
        errors.extend(np.abs(last_errors(update.answers, update.batch)).tolist())
        params = update.params
        full = len(errors) >= most
        if full or (len(errors) % 500 == 0 and tasks.solved_after(errors[-2600:]) is not None):
            break
    solved = tasks.solved_after(errors)
    curve = np.array(errors[: len(errors) // 1000 * 1000]).reshape(-1, 1000).mean(axis=1)

    test = tasks.adding(T, 2560, rng=seed + 9000)
    if network is plain:
        answers = np.asarray(plain.answers(params, test.X))
    else:
        answers = train.answer(params, train.fused.forward(test.X, params["WLSTM"]).Hout)
    size = np.abs(last_errors(answers, test))
    result = {
        "solved_after": solved,
        "seen": len(errors),
        "wrong_of_2560": int((size >= tasks.TOLERANCE).sum()),
        "mean_error": round(float(size.mean()), 5),
        "curve": [round(float(value), 4) for value in curve],
    }
    return result, params if seed == 0 and network is train else None


def padded(batch: tasks.Batch, n: int) -> tasks.Batch:
    """The same batch, filled up with zeros to n steps."""
    more = n - len(batch.X)
    fill = [np.pad(a, [(0, more)] + [(0, 0)] * (a.ndim - 1)) for a in batch[:3]]
    return tasks.Batch(*fill, batch.lengths)


def reber(
    hidden: int, batch: int, rate: float, clip: float, strings: int, most: int,
    pair: int, seed: int,
) -> tuple[dict[str, Any], None]:  # fmt: skip
    """Train on 256 strings until all predictions on these and 256 others are right."""
    rng = np.random.default_rng(pair)
    training = tasks.embedded_reber(strings, rng)
    testing = tasks.embedded_reber(strings, rng, but_not=training)
    both = tasks.predict_next(training + testing)
    may_come = tasks.possible(training + testing)

    rng = np.random.default_rng(100 + seed)
    params = train.init(7, hidden, 7, forget_bias=3, rng=rng)

    def draw(count: int, rng: np.random.Generator) -> tasks.Batch:
        return tasks.predict_next([str(s) for s in rng.choice(training, count)])

    steps = train.fit(
        params, tasks.stream(draw, batch, rng=rng), optimizer(rate, clip), train.cross_entropy
    )
    seen, solved = 0, None
    for update in steps:
        seen += batch
        if seen % 100 == 0:
            params = update.params
            answers = train.answer(params, train.fused.forward(both.X, params["WLSTM"]).Hout)
            worst_legal = np.where(may_come, answers, np.inf).min(axis=-1)
            best_other = np.where(may_come, -np.inf, answers).max(axis=-1)
            if (worst_legal > best_other)[both.where].all():
                solved = seen
        if solved or seen >= most:
            break
    return {"solved_after": solved, "seen": seen}, None
