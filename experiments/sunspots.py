"""The runs behind chapter 11: next year's sunspots, from twelve seeds."""

from typing import Any

import numpy as np
import optax
from statsmodels.datasets import sunspots

from lstm import fused, tasks, train

from .learning import optimizer
from .pack import pack
from .store import DATA, run_all

SETTINGS = {"hidden": 16, "forget_bias": 1.0, "rate": 0.01, "clip": 1.0, "steps": 300}
SEEDS = range(30, 42)
FIRST_VALIDATION, FIRST_TEST = 1922, 1962


def rms(error: np.ndarray) -> float:
    """The root of the mean square."""
    return float(np.sqrt((error**2).mean()))


def run(
    hidden: int, forget_bias: float, rate: float, clip: float, steps: int, seed: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train on the years before 1922; keep the state that is best from there to 1961."""
    table = sunspots.load_pandas().data
    years, spots = table["YEAR"].to_numpy().astype(int), table["SUNACTIVITY"].to_numpy()
    z = (spots / 100).astype(np.float32)[:, None, None]
    past = int((years[1:] < FIRST_VALIDATION).sum())
    test = years[1:] >= FIRST_TEST
    validation = (years[1:] >= FIRST_VALIDATION) & ~test
    where = np.arange(past)[:, None] >= 9
    history = tasks.Batch(z[:past], z[1 : past + 1], where, np.array([past]))

    def errors(params: dict[str, Any]) -> np.ndarray:
        Hout = fused.forward(z[:-1], params["WLSTM"]).Hout
        return np.asarray(100 * train.answer(params, Hout)[:, 0, 0] - spots[1:])

    params = train.init(1, hidden, 1, forget_bias=forget_bias, rng=seed)
    best: tuple[float, dict[str, Any]] = (np.inf, params)
    fit: optax.GradientTransformation = optimizer(rate, clip)
    for k, update in enumerate(train.fit(params, (history for _ in range(steps)), fit), start=1):
        if k % 10 == 0:
            score = rms(errors(update.params)[validation])
            best = min(best, (score, update.params), key=lambda pair: pair[0])
    score, params = best
    result = {"validation": round(score, 2), "test": round(rms(errors(params)[test]), 2)}
    return result, params


def all_runs(name: str) -> None:
    """Twelve seeds."""
    run_all(name, SETTINGS, [{"seed": seed} for seed in SEEDS], run)
    pack(DATA / f"{name}.npz", {str(seed): DATA / f"{name}_{seed}.npz" for seed in SEEDS})
