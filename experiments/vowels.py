"""The runs behind chapter 11: who speaks? What to tune first, what helps, and the test.

All choices are made by cross-validation inside the 270 utterances that are there to train on.
`judge`, which reads the other 370, is run once for each network in `JUDGED`.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import optax

from lstm import losses, tasks, train
from lstm.book import vowels

from .store import DATA, Experiment

__all__ = ["COMBINED", "CONTROLS", "EXPERIMENTS", "GRID", "JUDGED", "PLAIN"]

PLAIN = {
    "hidden": 32, "layers": 1, "both": False, "reads": "last", "rate": 0.01, "schedule": "constant",
    "epochs": 40, "batch": 27, "clip": 1.0, "forget_bias": 1.0, "dropout": 0.0, "decay": 0.0,
    "noise": 0.0, "shift": 0.0, "crop": 1.0, "stretch": 1.0,
}  # fmt: skip
"""The network that all others differ from.

What needs a word: ``reads`` is "last" (one answer, from the last output), "mean" (the mean of
the answers at all steps) or "every" (an answer at every step, each trained). ``decay`` spares
biases. The last four change what is read, anew in every epoch: ``noise`` is the spread of what is
added to every coefficient, ``shift`` of what is added to a whole utterance, ``crop`` the smallest
share of an utterance that is kept, ``stretch`` the largest factor of its speed.
"""

GRID: dict[str, list[Any]] = {
    "rate": [0.001, 0.003, 0.03, 0.1],
    "both": [True],
    "noise": [0.3, 0.6],
    "reads": ["mean", "every"],
    "shift": [0.3],
    "schedule": ["cosine"],
    "hidden": [16, 64],
    "decay": [0.1, 1.0],
    "crop": [0.6],
    "stretch": [1.5],
    "forget_bias": [0.0, 3.0],
    "clip": [None],
    "batch": [9, 90],
}
"""One knob at a time: its other values."""

FOLDS = 5
CHECKS = 20
"""How often, in the course of a run, the held-out utterances are looked at."""


def run_gradients(params: Any, batch: tasks.Batch, loss: Any, *, reads: str, **options: Any) -> Any:
    """Loss, answers and gradients, for networks that answer from all steps, too."""
    if reads == "last":
        return train.run(params, batch, loss, last=True, **options)[:3]
    inside, Y, where = targets(batch, reads)
    said, _, _, cache = train.forward(params, batch.X, lengths=batch.lengths, **options)
    if reads == "mean":
        share = (inside / batch.lengths)[..., None].astype(said.dtype)
        pooled = (share * said).sum(axis=0)
        value, dpooled = losses.mean_loss(pooled, Y, where, loss)
        return value, pooled, train.backward(share * dpooled, cache).dparams
    value, dY = losses.mean_loss(said, Y, where, loss)
    return value, said, train.backward(dY, cache).dparams


def targets(batch: tasks.Batch, reads: str) -> tuple[Any, Any, Any]:
    """Which steps are real, (n, b), and the targets and mask that fit the answers."""
    inside = np.arange(len(batch.X))[:, None] < batch.lengths
    if reads == "every":
        return inside, np.broadcast_to(batch.Y, (len(inside), *batch.Y.shape)).copy(), inside
    return inside, batch.Y, batch.where


def log_probabilities(params: Any, batch: tasks.Batch, reads: str) -> np.ndarray:
    """What the network says of each utterance, (b, 9): logarithms of probabilities."""
    said = train.forward(params, batch.X, lengths=batch.lengths, last=reads == "last").answers
    if reads != "last":
        inside, _, _ = targets(batch, reads)
        if reads == "every":
            said = log_softmax(said)
        said = (said * inside[..., None]).sum(axis=0) / batch.lengths[:, None]
    return log_softmax(said)


def log_softmax(said: np.ndarray) -> np.ndarray:
    """Logarithms of probabilities that add up to 1 over the last axis."""
    shifted = said - said.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def score(logs: np.ndarray, speakers: np.ndarray) -> tuple[float, list[int]]:
    """Return the mean cross-entropy, and the indices of the utterances that are misclassified."""
    rows = np.arange(len(speakers))
    wrong = np.flatnonzero(logs.argmax(axis=1) != speakers)
    return float(-logs[rows, speakers].mean()), wrong.tolist()


def varied(
    batch: tasks.Batch, rng: np.random.Generator, *, noise: float, shift: float, crop: float,
    stretch: float,
) -> tasks.Batch:  # fmt: skip
    """Vary utterances at random, as other recordings might."""
    if (noise, shift, crop, stretch) == (0, 0, 1, 1):
        return batch
    X, lengths = batch.X, batch.lengths
    _, b, D = X.shape
    if crop < 1 or stretch > 1:
        kept = np.ceil(lengths * rng.uniform(crop, 1, b))
        start = rng.uniform(0, 1, b) * (lengths - kept)
        factor = np.exp(rng.uniform(-1, 1, b) * np.log(stretch))
        longer = np.maximum(2, np.rint(kept * factor)).astype(int)
        t = np.arange(longer.max())[:, None]
        place = start + np.minimum(t / (longer - 1), 1) * (kept - 1)  # where step t was
        before = place.astype(int)
        after, rows = np.minimum(before + 1, lengths - 1), np.arange(b)
        part = (place - before)[..., None].astype(X.dtype)
        X, lengths = (1 - part) * X[before, rows] + part * X[after, rows], longer
    X = X + np.float32(shift) * rng.standard_normal((b, D), np.float32)
    X += np.float32(noise) * rng.standard_normal(X.shape, np.float32)
    X *= (np.arange(len(X))[:, None] < lengths)[..., None]
    return batch._replace(X=X, lengths=lengths)


def learn(
    data: vowels.Utterances, which: np.ndarray, seed: Any, check: Callable[[Any], None] = id,
    *, hidden: int, layers: int, both: bool, reads: str, rate: float, schedule: str, epochs: int,
    batch: int, clip: float | None, forget_bias: float, dropout: float, decay: float,
    noise: float, shift: float, crop: float, stretch: float,
) -> Any:  # fmt: skip
    """Train on some utterances, and return the parameters.

    ``check`` is called with the parameters now and then.
    """
    rng = np.random.default_rng(seed)
    stacked = layers if layers > 1 or both else None
    params = train.init(12, hidden, 9, layers=stacked, bidirectional=both,
                        forget_bias=forget_bias, rng=rng)  # fmt: skip
    each = -(-len(which) // batch)
    steps = epochs * each

    def batches() -> Iterator[tasks.Batch]:
        for _ in range(epochs):
            for part in np.array_split(rng.permutation(which), each):
                yield varied(data.batch(part), rng, noise=noise, shift=shift, crop=crop,
                             stretch=stretch)  # fmt: skip

    adam = optax.chain(
        optax.identity() if clip is None else optax.clip_by_global_norm(clip),
        optax.scale_by_adam(),
        # Weight decay beside Adam, not through it; row 0 holds the biases, which are spared.
        optax.stateless_with_tree_map(lambda g, p: g + decay * p.at[0].set(0)),
        optax.scale_by_learning_rate(
            optax.cosine_decay_schedule(rate, steps) if schedule == "cosine" else rate
        ),
    )
    options = {"dropout": dropout, "rng": rng} if dropout else {}
    gradients = partial(run_gradients, reads=reads)
    for k, update in enumerate(
        train.fit(params, batches(), adam, train.cross_entropy, gradients, **options), start=1
    ):
        params = update.params
        if k * CHECKS // steps > (k - 1) * CHECKS // steps:
            check(params)
    return params


def folds(speakers: np.ndarray) -> np.ndarray:
    """Return the fold of each utterance: a fifth of each speaker's, neighbours in the file."""
    place = np.concatenate([np.arange(count) / count for count in np.bincount(speakers)])
    return np.asarray((place * FOLDS).astype(int))


def choose(seed: int, **knobs: Any) -> dict[str, Any]:
    """Train on four fifths of the 270 and score the other fifth, five times."""
    data = vowels.load(DATA / "vowels.npz").training
    fold = folds(data.speakers)
    curves, fitted = [], []
    for k in range(FOLDS):
        fit, held = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        scaled = vowels.standard(data, data, fit)
        curve: list[tuple[float, int]] = []

        def look(params: Any, which: np.ndarray, scaled: vowels.Utterances = scaled) -> Any:
            logs = log_probabilities(params, scaled.batch(which), knobs["reads"])
            loss, wrong = score(logs, scaled.speakers[which])
            return loss, len(wrong)

        curve: list[tuple[float, int]] = []

        def check(
            params: Any, held: np.ndarray = held, look: Any = look, curve: Any = curve
        ) -> None:
            curve.append(look(params, held))

        params = learn(scaled, fit, [seed, k], check, **knobs)
        fitted.append(look(params, fit)[0])
        curves.append(curve)
    course = np.array(curves)  # (folds, checks, 2): held-out loss, and how many are wrong
    return {
        "wrong": int(course[:, -1, 1].sum()),
        "loss": round(float(course[:, -1, 0].mean()), 4),
        "fitted": round(float(np.mean(fitted)), 5),
        "course": np.round(course[..., 0], 3).tolist(),
        "wrongs": course[..., 1].astype(int).tolist(),
    }


def judge(seed: int, members: int, **knobs: Any) -> dict[str, Any]:
    """Train on all 270, several networks, and read the 370: each alone, and all together."""
    training, test = vowels.load(DATA / "vowels.npz")
    every = np.arange(len(training.speakers))
    scaled = vowels.standard(training, training, every)
    unseen = vowels.standard(test, training, every)
    logs = []
    for member in range(members):
        params = learn(scaled, every, [seed, member, 270], **knobs)
        logs.append(log_probabilities(params, unseen.batch(), knobs["reads"]))
    mean = np.log(np.exp(np.array(logs, float)).mean(axis=0))  # of the probabilities
    loss, wrong = score(mean, test.speakers)
    return {
        "members": [score(one, test.speakers)[1] for one in logs],
        "losses": [round(score(one, test.speakers)[0], 4) for one in logs],
        "together": wrong,
        "loss": round(loss, 4),
    }


COMBINED: dict[str, dict[str, Any]] = {
    "both, shift": {"both": True, "shift": 0.3},
    "both, shift, noise, cosine": {
        "both": True, "shift": 0.3, "noise": 0.3, "schedule": "cosine",
    },
}  # fmt: skip
"""What helped alone, put together. The smallest held-out loss decides which of them is judged."""

JUDGED: dict[str, dict[str, Any]] = {
    "plain": {},
    "chosen": COMBINED["both, shift, noise, cosine"],
}
"""The networks that read the 370."""

HELD_BACK = {"shift": 0.3, "noise": 0.3, "schedule": "cosine"}

CONTROLS: list[dict[str, Any]] = [
    {"both": True, "hidden": 21},
    {"hidden": 48},
    HELD_BACK,
    {**HELD_BACK, "hidden": 48},
]
"""Is it the second direction, or are there just more weights?

Two times 21 units have as many weights as the plain 32 (6,099 and 6,057), and 48 in one direction
as many as two times 32 (12,153 and 12,105). The last two are the chosen network without its second
direction: at the same size of each direction, and at the same number of weights.
"""

FIRST = range(3)
CHOOSE = ("experiments.vowels:choose", PLAIN)
CHOSEN = ("wrong", "loss", "fitted", "course", "wrongs")

EXPERIMENTS = (
    Experiment(  # one knob at a time
        "vowels-tune", *CHOOSE,
        [{"seed": seed} for seed in range(5)]
        + [
            {knob: value, "seed": seed}
            for knob, values in GRID.items() for value in values for seed in FIRST
        ]
        + [
            {"layers": 2, "dropout": dropout, "seed": seed}
            for dropout in (0.0, 0.3) for seed in FIRST
        ],
        CHOSEN,
    ),
    Experiment(  # what helped, together
        "vowels-choose", *CHOOSE,
        [{**knobs, "seed": seed} for knobs in COMBINED.values() for seed in FIRST],
        CHOSEN,
    ),
    Experiment(  # the second direction, at equal numbers of weights
        "vowels-size", *CHOOSE,
        [{**knobs, "seed": seed} for seed in FIRST for knobs in CONTROLS],
        CHOSEN,
    ),
    Experiment(  # the test: three times five networks of each kind
        "vowels", "experiments.vowels:judge", {**PLAIN, "members": 5},
        [{**knobs, "seed": seed} for knobs in JUDGED.values() for seed in FIRST],
        ("members", "losses", "together", "loss"),
    ),
)  # fmt: skip
