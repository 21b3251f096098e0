"""The networks of chapter 5: the adding problem, from a quiet start and from a loud one."""

from typing import Any

import numpy as np

from lstm import tasks, train
from lstm.layout import split_gates

from .learning import last_errors, optimizer
from .pack import pack
from .store import DATA, run_all

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
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train until solved by the rule of 1997, or on ``most`` sequences."""
    params = start(how, hidden, seed)
    batches = tasks.stream(tasks.adding, T, batch, rng=seed + 5000)
    errors: list[float] = []
    for update in train.fit(params, batches, optimizer(rate, clip)):
        errors.extend(np.abs(last_errors(update.answers, update.batch)).tolist())
        params = update.params
        if len(errors) >= most or (
            len(errors) % 500 == 0 and tasks.solved_after(errors[-2600:]) is not None
        ):
            break
    result = {
        "solved_after": tasks.solved_after(errors),
        "seen": len(errors),
        "last_error": round(float(np.mean(errors[-2000:])), 4),
    }
    return result, params


def all_runs(name: str) -> None:
    """Every start with its seeds; then all trained parameters go into one file."""
    runs = [{"how": how, "seed": seed} for how in STARTS for seed in SEEDS[how]]
    run_all(name, SETTINGS, runs, run)
    pieces = {
        f"{how} {seed}": DATA / f"{name}_{how.replace('/', 'i')}_{seed}.npz"
        for how in STARTS
        for seed in SEEDS[how]
    }
    pack(DATA / f"{name}.npz", pieces)
