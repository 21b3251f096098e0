"""The runs behind chapter 15: the same tasks, the same number of parameters, other cells.

A run is one cell on one task. The learning rate is chosen by the score on validation data
from a small grid, the same for all; then networks from fresh seeds are trained with it and
tested. The cells run through their step tables in JAX, all networks of a run side by side.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lstm import tasks, text, tracking, variants
from lstm.recurrent import Cell, scan
from lstm.tasks import Batch
from lstm.variants import mingru, minlstm, mlstm

from .store import Experiment, load
from .text import read
from .training import padded

SETTINGS = {
    "parameters": 3000, "embedding": 16, "batch": 16, "clip": 1.0, "keep": 3.0,
    "rates": [0.003, 0.01, 0.03], "tuning_seeds": [0, 1],
    "test_seeds": [10, 11, 12, 13, 14, 15],
}  # fmt: skip

CELLS = (
    "LSTM", "GRU, reset after", "sLSTM, sigmoid", "minGRU", "minLSTM", "nothing sees h",
    "only g sees h", "only gates see h", "no forget gate", "no input gate", "no output gate",
    "linear candidate", "linear output", "coupled gates", "peepholes", "layer norm", "mLSTM",
)  # fmt: skip


SLOW = ("adding", "reber", "cups", "text")
"""Tasks that take minutes: half of the seeds has to do, until `MORE` adds others."""


@dataclass(frozen=True)
class Task:
    """What is trained on and how it is scored.

    Attributes:
        draw: From a number of sequences and a generator to a batch; all of one shape.
        validate: The same for what the learning rate is chosen by.
        test: The same for what is tested on.
        steps: Steps of training.
        score: From the answers to the test batch and that batch to scores by name, the first
            of which chooses the learning rate; 1 is best.
        groups: Into how many symbols an answer falls; 0 if it is a number.
        larger: How many times the parameters of the settings it takes.
    """

    draw: Callable[[int, np.random.Generator], Batch]
    validate: Callable[[int, np.random.Generator], Batch]
    test: Callable[[int, np.random.Generator], Batch]
    steps: int
    score: Callable[[np.ndarray, Batch], dict[str, float]]
    groups: int = 1
    larger: int = 1


def _adding(batch: int, rng: np.random.Generator) -> Batch:
    return padded(tasks.adding(50, batch, rng), 55)


def _score_adding(said: np.ndarray, batch: Batch) -> dict[str, float]:
    error = np.abs((said - batch.Y)[batch.where][:, 0])
    return {"right": float((error < tasks.TOLERANCE).mean()), "error": float(error.mean())}


@lru_cache
def _pools() -> tuple[list[str], list[str], list[str]]:
    """Strings to learn, to choose by and to test: no string is in two of the three."""
    rng = np.random.default_rng(0)
    found: list[str] = []
    while len(found) < 512:
        new = tasks.embedded_reber(1, rng, but_not=found)
        found += [string for string in new if len(string) <= 41]
    return found[:256], found[256:384], found[384:]


def _reber(pool: int, batch: int, rng: np.random.Generator) -> Batch:
    """Strings of a pool, padded to one length."""
    return padded(tasks.predict_next([str(s) for s in rng.choice(_pools()[pool], batch)]), 40)


def _score_reber(said: np.ndarray, batch: Batch) -> dict[str, float]:
    right = said.argmax(axis=-1) == batch.Y.argmax(axis=-1)
    # All but the last symbol but one can be guessed; that one repeats the second.
    last = batch.lengths - 2, np.arange(len(batch.lengths))
    return {"remembered": float(right[last].mean())}


def _copy(batch: int, rng: np.random.Generator) -> Batch:
    return tasks.copy(10, batch, rng, length=5, symbols=4)


def _score_copy(said: np.ndarray, batch: Batch) -> dict[str, float]:
    right = (said.argmax(axis=-1) == batch.Y.argmax(axis=-1))[-5:]
    return {"symbols": float(right.mean()), "all five": float(right.all(axis=0).mean())}


LENGTHS = (16, 32, 64)
"""Where state tracking is asked; it is trained on the first."""


def _score_tracking(groups: int, said: np.ndarray, batch: Batch) -> dict[str, float]:
    shape = (*said.shape[:2], groups, -1)
    right = said.reshape(shape).argmax(axis=-1) == batch.Y.reshape(shape).argmax(axis=-1)
    right = right.all(axis=-1)
    return {f"step {n}": float(right[n - 4 : n].mean()) for n in LENGTHS}


WARM, LONG = 16, 64
"""So many letters of a piece of text are read before the first guess counts; so long it is."""


@lru_cache
def _symbols(name: str) -> np.ndarray:
    return text.encode(read(name))


def _text(name: str, batch: int, rng: np.random.Generator) -> Batch:
    """Pieces from anywhere in a part of chapter 12's text; what comes next is asked."""
    symbols = _symbols(name)
    starts = rng.integers(len(symbols) - LONG, size=batch)
    one_hot = np.eye(len(text.ALPHABET), dtype=np.float32)[
        symbols[starts + np.arange(LONG + 1)[:, None]]
    ]
    where = np.broadcast_to(np.arange(LONG)[:, None] >= WARM, (LONG, batch))
    return Batch(one_hot[:-1], one_hot[1:], where, np.full(batch, LONG))


def _score_text(said: np.ndarray, batch: Batch) -> dict[str, float]:
    nats = np.asarray(optax.softmax_cross_entropy(said, batch.Y))[batch.where].mean()
    return {"probability": float(np.exp(-nats)), "bits": float(nats / np.log(2))}


TASKS = {
    "adding": Task(_adding, _adding, _adding, 1200, _score_adding, 0),
    "reber": Task(*(partial(_reber, pool) for pool in range(3)), 600, _score_reber),
    "copy": Task(_copy, _copy, _copy, 1500, _score_copy),
    "parity": Task(
        partial(tracking.parity, 16), *2 * [partial(tracking.parity, 64)], 800,
        partial(_score_tracking, 1),
    ),
    "cups": Task(
        partial(tracking.cups, 16), *2 * [partial(tracking.cups, 64)], 4000,
        partial(_score_tracking, 5), 5,
    ),
    "text": Task(
        *(partial(_text, name) for name in ("training", "validation", "test")), 1000, _score_text,
        larger=10,
    ),
}  # fmt: skip


def fitting(name: str, inputs: int, outputs: int, parameters: int) -> Cell:
    """The cell whose parameters, with those of a readout, are nearest to a number."""

    def off(H: int) -> int:
        cell = variants.CELLS[name](inputs, H)
        return abs(cell.size + (1 + cell.outputs) * outputs - parameters)

    return variants.CELLS[name](inputs, min(range(2, 500), key=off))


def init(cell: Cell, D: int, K: int, keep: float, seed: int) -> dict[str, Any]:
    """Parameters of a network: an embedding of the input, the cell, and a readout."""
    rng = np.random.default_rng(seed)
    params = {
        **cell.init(rng, keep=keep),
        "EMBED": rng.standard_normal((D, cell.inputs)) / np.sqrt(D),
        "WOUT": rng.standard_normal((1 + cell.outputs, K)) / np.sqrt(cell.outputs),
    }
    params["WOUT"][0] = 0
    return {name: array.astype(np.float32) for name, array in params.items()}


TOGETHER = {"mLSTM": mlstm.parallel, "minLSTM": minlstm.parallel, "minGRU": mingru.parallel}
"""Cells that are trained on all steps at once, since no gate waits for h."""


def answers(cell: Cell, params: Any, X: Any) -> Any:
    """The answers to X (n, b, D) at every step, (n, b, K)."""
    own = {name: params[name] for name in cell.params}
    read = X @ params["EMBED"]
    together = TOGETHER.get(cell.name)
    Hout = together(read, own) if together else scan(cell, read, own)[0]
    return Hout @ params["WOUT"][1:] + params["WOUT"][0]


def mean_loss(cell: Cell, groups: int, params: Any, X: Any, Y: Any, where: Any) -> Any:
    """Half the square, or the cross-entropy of each symbol, where an answer is asked for."""
    said = answers(cell, params, X)
    if groups:
        shape = (*said.shape[:2], groups, -1)
        loss = optax.softmax_cross_entropy(said.reshape(shape), Y.reshape(shape)).mean(axis=-1)
    else:
        loss = ((said - Y) ** 2).sum(axis=-1) / 2
    return (loss * where).sum() / where.sum()


def trained(
    net: Cell, what: Task, pairs: list[tuple[float, int]], test: Batch, settings: dict[str, Any]
) -> list[dict[str, float]]:
    """Train a network for each rate and seed, side by side; the scores of each."""
    descend = optax.chain(optax.clip_by_global_norm(settings["clip"]), optax.scale_by_adam())
    loss = partial(mean_loss, net, what.groups)

    def step(rate: Any, carry: Any, drawn: Any) -> Any:
        params, state = carry
        value, grads = jax.value_and_grad(loss)(params, *drawn)
        change, state = descend.update(grads, state)
        return (jax.tree.map(lambda p, d: p - rate * d, params, change), state), value

    @jax.jit
    @jax.vmap
    def learn(rate: Any, params: Any, state: Any, *drawn: Any) -> Any:
        return jax.lax.scan(partial(step, rate), (params, state), drawn)[0]

    say = jax.jit(jax.vmap(partial(answers, net)))
    D, K = test.X.shape[2], test.Y.shape[2]
    lanes = [init(net, D, K, settings["keep"], seed) for _, seed in pairs]
    params = {name: jnp.stack([lane[name] for lane in lanes]) for name in lanes[0]}
    state = jax.vmap(descend.init)(params)
    generators = [np.random.default_rng(1000 + seed) for _, seed in pairs]
    rate = jnp.array([rate for rate, _ in pairs], jnp.float32)
    block = 50
    for _ in range(what.steps // block):
        drawn = [
            [what.draw(settings["batch"], rng)[:3] for _ in range(block)] for rng in generators
        ]
        stacked = [np.array([[one[k] for one in lane] for lane in drawn]) for k in range(3)]
        params, state = learn(rate, params, state, *stacked)
    said = np.asarray(say(params, np.broadcast_to(test.X, (len(pairs), *test.X.shape))))
    return [what.score(one, test) for one in said]


def network(task: str, cell: str, settings: dict[str, Any]) -> tuple[Task, Cell, int, Batch]:
    """The task, the cell of the right size for it, all parameters, and what it is tested on."""
    what = TASKS[task]
    test = what.test(512, np.random.default_rng(6))
    K = test.Y.shape[2]
    net = fitting(cell, settings["embedding"], K, what.larger * settings["parameters"])
    return what, net, net.size + (1 + net.outputs) * K, test


def by_name(scores: list[dict[str, float]]) -> dict[str, list[float]]:
    """Scores of all networks under each name."""
    return {name: [round(s[name], 4) for s in scores] for name in scores[0]}


def run(task: str, cell: str, **settings: Any) -> dict[str, Any]:
    """Choose a rate for one cell on one task, then train and test with it."""
    what, net, size, test = network(task, cell, settings)
    tuning, testing, rates = (settings[k] for k in ("tuning_seeds", "test_seeds", "rates"))
    if task in SLOW:
        tuning, testing = tuning[: len(tuning) // 2], testing[: len(testing) // 2]
    pairs = [(rate, seed) for rate in rates for seed in tuning]
    tuned = trained(net, what, pairs, what.validate(512, np.random.default_rng(5)), settings)
    chosen_by = next(iter(tuned[0]))
    validation = [
        round(float(np.mean([s[chosen_by] for s, (r, _) in zip(tuned, pairs, strict=True)
                             if r == rate])), 4)
        for rate in rates
    ]  # fmt: skip
    best = rates[int(np.argmax(validation))]
    scores = trained(net, what, [(best, seed) for seed in testing], test, settings)
    return {
        "hidden": net.outputs,
        "size": size,
        "validation": validation,
        "rate": best,
        "scores": by_name(scores),
    }


def more(task: str, cell: str, rate: float, seeds: list[int], **settings: Any) -> dict[str, Any]:
    """Train and test with other seeds, at a rate that was chosen before."""
    what, net, _, test = network(task, cell, settings)
    return {"scores": by_name(trained(net, what, [(rate, s) for s in seeds], test, settings))}


RUNS = {
    "parity": CELLS,
    "adding": CELLS,
    "reber": CELLS,
    "copy": (*CELLS[:6], "mLSTM"),
    "cups": ("LSTM", "GRU, reset after", "sLSTM, sigmoid", "minGRU"),
    "text": (*CELLS[:6], "mLSTM"),
}  # fmt: skip
"""What has been run. Any cell of `CELLS` on any task of `TASKS` may be added."""

EXPERIMENT = Experiment(
    "variants", "experiments.variants:run", SETTINGS,
    [{"task": task, "cell": cell} for task, cells in RUNS.items() for cell in cells],
    ("hidden", "size", "validation", "rate", "scores"),
)  # fmt: skip
"""Cells on tasks, as `RUNS` has them."""

_rng = np.random.default_rng(19)
AGAIN = [(task, str(_rng.choice(RUNS[task]))) for task in ("parity", "adding", "reber")]
"""Three fields of the tables, drawn at random, that are trained anew from six other seeds."""


RATES = (("adding", "linear output", 0.01), ("reber", "coupled gates", 0.03))
"""Two fields in which most networks fail, at a rate that one network did not choose."""


def _more() -> list[dict[str, Any]]:
    """Three more seeds for each field that has three, six others for some, and other rates."""
    runs = []
    for stored in load(EXPERIMENT):
        field = {**stored["arguments"], "rate": stored["rate"]}
        if len(next(iter(stored["scores"].values()))) == 3:
            runs.append({**field, "seeds": [13, 14, 15]})
        if tuple(stored["arguments"].values()) in AGAIN:
            runs.append({**field, "seeds": [20, 21, 22, 23, 24, 25]})
    return runs + [
        {"task": task, "cell": cell, "rate": rate, "seeds": [30, 31, 32, 33, 34, 35]}
        for task, cell, rate in RATES
    ]


MORE = Experiment(
    "variants-more", "experiments.variants:more",
    {name: SETTINGS[name] for name in ("parameters", "embedding", "batch", "clip", "keep")},
    _more(), ("scores",),
)  # fmt: skip
"""Other seeds, at the rates that `EXPERIMENT` has chosen, and at two others."""
