"""The runs behind chapter 12's translation: one LSTM reads a date, another writes it.

With attention between them and without; without it once with as many units and once with as many
parameters. For each the learning rate is the best of three on days kept for that; then networks
from fresh seeds are trained with it and tested on days that neither training nor choice has seen.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import optax

from lstm import attention, dates, train

from .store import Experiment

__all__ = ["EXPERIMENT", "right", "run"]

SETTINGS = {
    "batch": 32, "updates": 2000, "clip": 1.0, "every": 250, "rates": [0.003, 0.01, 0.03],
    "seeds": [10, 11, 12, 13, 14],
}  # fmt: skip


def right(params: dict[str, Any], batch: dates.Pairs) -> Any:
    """Which letters are right if the network reads what it has written itself, bool (n, b)."""
    said = attention.translate(params, batch.X, dates.ANSWER)
    return said == batch.Y.argmax(axis=-1)


def learn(
    hidden: int, attend: bool, batch: int, updates: int, clip: float, rate: float, seed: int
) -> Iterator[dict[str, Any]]:
    """The parameters after each update."""
    rng = np.random.default_rng(seed)
    params = attention.init(len(dates.ALPHABET), hidden, attend=attend, rng=rng)
    optimizer = optax.chain(
        optax.clip_by_global_norm(clip), optax.adam(optax.cosine_decay_schedule(rate, updates))
    )
    batches = (dates.dates(batch, rng) for _ in range(updates))
    for update in train.fit(params, batches, optimizer, train.cross_entropy, attention.run):
        yield update.params


def run(
    batch: int, updates: int, clip: float, every: int, rates: list[float], seeds: list[int],
    attend: bool, hidden: int,
) -> dict[str, Any]:  # fmt: skip
    """Choose a rate, then train and test five networks with it."""
    choosing = dates.dates(500, 1, part="validation")
    testing = dates.dates(1000, 2, part="test")
    common = {"hidden": hidden, "attend": attend, "batch": batch, "updates": updates, "clip": clip}
    validation = []
    for rate in rates:
        *_, params = learn(**common, rate=rate, seed=0)
        validation.append(round(float(right(params, choosing).all(axis=0).mean()), 4))
    rate = rates[int(np.argmax(validation))]
    curves, letters, kept = [], [], {}
    for seed in seeds:
        curve = []
        for k, params in enumerate(learn(**common, rate=rate, seed=seed), start=1):
            if k % every == 0:
                curve.append(round(float(right(params, testing).all(axis=0).mean()), 4))
        curves.append(curve)
        letters.append(round(float(right(params, testing).mean()), 4))
        if attend and seed == seeds[0]:
            kept = {name: array.astype(np.float16) for name, array in params.items()}
    return {
        "size": sum(int(array.size) for array in params.values()),
        "validation": validation,
        "rate": rate,
        "curves": curves,
        "letters": letters,
        "params": kept,
    }


EXPERIMENT = Experiment(
    "attention", "experiments.attention:run", SETTINGS,
    [
        {"attend": attend, "hidden": hidden}
        for attend, hidden in ((True, 32), (False, 32), (False, 35))
    ],
    ("size", "validation", "rate", "curves", "letters"),
)  # fmt: skip
"""With attention, without, and without with as many parameters."""
