"""The runs behind chapter 12's counter: learn a^n b^n up to n = 10, and go on counting."""

from itertools import repeat
from typing import Any

import numpy as np
import optax

from lstm import fused, text, train
from lstm.tasks import Batch

from . import training
from .store import Experiment

__all__ = ["ALPHABET", "EXPERIMENT", "reach", "string", "strings"]

ALPHABET = "\nab"
SETTINGS = {
    "hidden": 4,
    "forget_bias": 5.0,
    "longest": 10,
    "rate": 0.03,
    "clip": 1.0,
    "updates": 6000,
}
SEEDS = range(20)
FARTHEST = 100


def string(n: int) -> str:
    """Return the string of n a's and n b's, with an end of line before and after it."""
    return "\n" + n * "a" + n * "b" + "\n"


def strings(longest: int) -> Batch:
    """All strings up to a length, as a batch: read a letter, predict the next."""
    n, K = 2 * longest + 1, len(ALPHABET)
    X, Y = np.zeros((2, n, longest, K), np.float32)
    lengths = 2 * np.arange(1, longest + 1) + 1
    for k, length in enumerate(lengths):
        letters = np.eye(K, dtype=np.float32)[text.encode(string(k + 1), ALPHABET)]
        X[:length, k], Y[:length, k] = letters[:-1], letters[1:]
    return Batch(X, Y, np.arange(n)[:, None] < lengths, lengths)


def reach(params: dict[str, Any], farthest: int = FARTHEST) -> int:
    """Return up to which n every string is right: after the first b, all is predicted."""
    batch = strings(farthest)
    answers = train.answer(params, fused.forward(batch.X, params["WLSTM"]).Hout)
    counted = batch.where & (np.arange(len(batch.X))[:, None] > np.arange(1, farthest + 1))
    right = answers.argmax(axis=-1) == batch.Y.argmax(axis=-1)
    wrong = (~right & counted).any(axis=0)
    return int(wrong.argmax()) if wrong.any() else farthest


def run(
    hidden: int, forget_bias: float, longest: int, rate: float, clip: float, updates: int,
    seed: int,
) -> dict[str, Any]:  # fmt: skip
    """Train one network on all strings at once; see how far it counts."""
    params = train.init(3, hidden, 3, forget_bias=forget_bias, rng=seed)
    block = 500
    blocks = training.fit(
        params, repeat(strings(longest)), training.lstm_answers,
        optax.softmax_cross_entropy, rate, clip, block=block,
    )  # fmt: skip
    reaches = []
    for params, _, _, _ in map(_plain, blocks):
        reaches.append(reach(params))
        if block * len(reaches) >= updates:
            break
    return {
        "reaches": reaches,
        "reach": reaches[-1],
        "params": {f"{seed}: {name}": array for name, array in params.items()},
    }


def _plain(block: Any) -> Any:
    return {name: np.asarray(array) for name, array in block[0].items()}, *block[1:]


EXPERIMENT = Experiment(
    "counting", "experiments.counting:run", SETTINGS, [{"seed": seed} for seed in SEEDS],
    ("reaches", "reach"),
)  # fmt: skip
"""Ten seeds, and ten that no setting was chosen by."""
