"""The runs behind chapter 1: recall one marked value, with plain networks and with LSTMs."""

from typing import Any

import numpy as np

from lstm import fused, tasks, train

from . import plain
from .store import Experiment
from .training import optimizer

SETTINGS = {"hidden": 16, "batch": 20, "clip": 1.0, "most": 2000, "enough": 0.02}
"""``most`` batches, or until the mean error of the last 100 is below ``enough``."""

KINDS = ("plain 1", "plain 1.8", "plain 2", "plain orthogonal", "LSTM 0", "LSTM 1", "LSTM 3")
"""A plain network and the scale of its recurrent weights, or an LSTM and its forget bias."""

LENGTHS = (10, 50)
RATES = {"plain": (0.01, 0.001), "LSTM": (0.01,)}
SEEDS = range(5)
SHOWN = {"plain network": ("plain 1", 50, 0.001, 0), "LSTM": ("LSTM 3", 50, 0.01, 0)}
"""Networks that are kept."""


def start(kind: str, hidden: int, seed: int) -> dict[str, Any]:
    """Initial parameters of a network of some kind."""
    name, how = kind.split()
    if name == "LSTM":
        return train.init(2, hidden, 1, forget_bias=float(how), rng=seed)
    params = plain.init(2, hidden, 1, seed, orthogonal=how == "orthogonal")
    if how != "orthogonal":
        params["R"] = params["R"] * np.float32(how)
    return params


def run(
    hidden: int, batch: int, clip: float, most: int, enough: float,
    kind: str, n: int, rate: float, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """Train one network; test it on 1000 fresh sequences."""
    params, network = start(kind, hidden, seed), train if kind.startswith("LSTM") else plain
    batches = tasks.stream(tasks.recall, n, batch, rng=seed + 5000)
    errors: list[float] = []
    for update in train.fit(params, batches, optimizer(rate, clip), gradients=network.gradients):
        errors.append(float(np.abs(update.answers[-1] - update.batch.Y[-1]).mean()))
        params = update.params
        if len(errors) == most or (len(errors) >= 100 and np.mean(errors[-100:]) < enough):
            break
    test = tasks.recall(n, 1000, rng=seed + 9000)
    if network is plain:
        answers = np.asarray(plain.answers(params, test.X))
    else:
        answers = train.answer(params, fused.forward(test.X, params["WLSTM"]).Hout)
    result: dict[str, Any] = {
        "batches": len(errors),
        "mean_error": round(float(np.abs(answers[-1] - test.Y[-1]).mean()), 4),
    }
    for label, shown in SHOWN.items():
        if shown == (kind, n, rate, seed):
            result["params"] = {f"{label}: {part}": array for part, array in params.items()}
    return result


EXPERIMENT = Experiment(
    "remember", "experiments.remember:run", SETTINGS,
    [
        {"kind": kind, "n": n, "rate": rate, "seed": seed}
        for kind in KINDS
        for n in LENGTHS
        for rate in RATES[kind.split()[0]]
        for seed in SEEDS
    ],
    ("batches", "mean_error"),
)  # fmt: skip
"""Every kind of network at both lengths, plain ones at two rates; five seeds of each."""
