"""The networks of chapter 5: the adding problem, from a quiet start and from a loud one.

And the same from the quiet start with gradients that reach back a number of steps only.
"""

from typing import Any

import numpy as np

from lstm import fused, tasks, train
from lstm.layout import split_gates

from .learning import last_errors, optimizer
from .store import DATA, run_all

SETTINGS = {"T": 100, "hidden": 16, "batch": 20, "rate": 0.01, "clip": 1.0, "most": 60_000}

STARTS = {"3/-3": (3.0, -3.0), "4/-2": (4.0, -2.0)}
"""Forget bias and input bias."""

CUTS = (20, 50, 80)
"""How many steps gradients reach back, at most."""

SEEDS = {"3/-3": range(12), "4/-2": range(8)}


def start(how: str, hidden: int, seed: int) -> dict[str, Any]:
    """Initial parameters."""
    forget, write = STARTS[how]
    params = train.init(2, hidden, 1, forget_bias=forget, rng=seed)
    split_gates(params["WLSTM"][0])[0][:] = write
    return params


def cut_gradients(steps: int) -> Any:
    """Make a function like `lstm.train.gradients` that goes back ``steps`` steps, then stops."""

    def gradients(params: Any, batch: tasks.Batch, loss: Any) -> Any:
        early = fused.forward(batch.X[:-steps], params["WLSTM"])
        late = fused.forward(batch.X[-steps:], params["WLSTM"], early.Cn, early.Hn)
        Hout = np.concatenate([early.Hout, late.Hout])
        answers = train.answer(params, Hout)
        losses, dY = loss(answers, batch.Y)
        dY = dY * (batch.where / batch.where.sum())[..., None].astype(dY.dtype)
        dHout = dY[-steps:] @ params["WOUT"][1:].T
        dWOUT = [dY.sum(axis=(0, 1)), np.einsum("nbh,nbk->hk", Hout, dY)]
        grads = {
            "WLSTM": fused.backward(dHout, late.cache).dWLSTM,
            "WOUT": np.vstack(dWOUT),
        }
        return float(losses[batch.where].mean()), answers, grads

    return gradients


def run(
    T: int, hidden: int, batch: int, rate: float, clip: float, most: int, how: str, seed: int,
    cut: int | None = None,
) -> tuple[dict[str, Any], dict[str, Any] | None]:  # fmt: skip
    """Train until solved by the rule of 1997, or on ``most`` sequences."""
    params = start(how, hidden, seed)
    batches = tasks.stream(tasks.adding, T, batch, rng=seed + 5000)
    errors: list[float] = []
    gradients = train.gradients if cut is None else cut_gradients(cut)
    for update in train.fit(params, batches, optimizer(rate, clip), gradients=gradients):
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
    return result, params if cut is None else None


def all_runs(name: str) -> None:
    """Every start with its seeds; then all trained parameters go into one file."""
    runs = [{"how": how, "seed": seed} for how in STARTS for seed in SEEDS[how]]
    run_all(name, SETTINGS, runs, run)
    pieces = {
        how: [DATA / f"{name}_{how.replace('/', 'i')}_{seed}.npz" for seed in SEEDS[how]]
        for how in STARTS
    }
    paths = [path for group in pieces.values() for path in group]
    if not all(path.exists() for path in paths):
        return  # packed before
    packed = {
        f"{how} {part}": np.stack([np.load(path)[part] for path in pieces[how]])
        for how in STARTS
        for part in ("WLSTM", "WOUT")
    }
    np.savez_compressed(DATA / f"{name}.npz", **packed)
    for path in paths:
        path.unlink()


def all_cuts(name: str) -> None:
    """The quiet start, five seeds, with gradients that are cut off."""
    runs = [{"how": "3/-3", "seed": seed, "cut": cut} for seed in range(5) for cut in CUTS]
    run_all(name, SETTINGS, runs, run)
