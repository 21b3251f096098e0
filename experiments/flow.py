"""The networks of chapter 5: the adding problem, from a quiet start and from a loud one."""

from typing import Any

import numpy as np

from lstm import tasks, train
from lstm.layout import split_gates

from .learning import last_errors
from .store import Experiment
from .training import optimizer

SETTINGS = {"T": 100, "hidden": 16, "batch": 20, "rate": 0.01, "clip": 1.0, "most": 60_000}

STARTS = {"3/-3": (3.0, -3.0), "4/-2": (4.0, -2.0)}
"""Forget bias and input bias."""

SEEDS = {"3/-3": range(12), "4/-2": range(8)}


def start(how: str, hidden: int, seed: int) -> dict[str, Any]:
    """Initial parameters."""
    forget, write = STARTS[how]
    params = train.init(2, hidden, 1, forget_bias=forget, rng=seed)
    split_gates(params["WLSTM"][0])[0][:] = write
    return params


def run(
    T: int, hidden: int, batch: int, rate: float, clip: float, most: int, how: str, seed: int
) -> dict[str, Any]:
    """Train until solved by the rule of 1997, or on ``most`` sequences."""
    params = start(how, hidden, seed)
    batches = tasks.stream(tasks.adding, T, batch, rng=seed + 5000)
    errors: list[float] = []
    for update in train.fit(params, batches, optimizer(rate, clip)):
        errors.extend(last_errors(update.answers, update.batch).tolist())
        params = update.params
        if len(errors) >= most or (
            len(errors) % 500 == 0 and tasks.solved_after(errors[-2600:]) is not None
        ):
            break
    return {
        "solved_after": tasks.solved_after(errors),
        "seen": len(errors),
        "last_error": round(float(np.mean(errors[-2000:])), 4),
        "params": {f"{how} {seed}: {part}": array for part, array in params.items()},
    }


EXPERIMENT = Experiment(
    "flow", "experiments.flow:run", SETTINGS,
    [{"how": how, "seed": seed} for how in STARTS for seed in SEEDS[how]],
    ("solved_after", "seen", "last_error"),
)  # fmt: skip
"""Every start with its seeds; all trained parameters are kept."""
