"""The runs behind chapter 12: an LSTM reads Python's documentation and learns to write.

Two layers, from all of the training text and from parts of it. The parts are blocks of a 64th of
the text: with share 1/16 every sixteenth of them, the seed saying which, so that seeds differ in
their text as well as in their weights. The state that is best on the validation text is kept, and
tested once.
"""

import json
import lzma
from typing import Any

import numpy as np
import optax

from lstm import dropout, text, train
from lstm.layout import split_rows
from lstm.stack import Layer

from .store import DATA, Experiment

__all__ = ["EXPERIMENT", "descent", "part", "read", "run", "stored_params"]

BLOCKS = 64

SETTINGS = {
    "hidden": 128, "forget_bias": 1.0, "louder": 4.0, "n": 50, "batch": 16, "rate": 0.01,
    "clip": 1.0, "between": 0.25, "recurrent": 0.15, "every": 100,
}  # fmt: skip
"""``louder`` is what the initial weights of the letters are multiplied by: one in 96 is read at a
time. ``every`` so many updates the validation text is read."""

UPDATES = {1: 10_000, 2: 6000, 4: 3000, 8: 2000, 16: 1200}
"""How long to train on one in so many blocks: the rate falls to zero on the way (cosine)."""

RUNS = [(1, 0), (16, 0), (8, 0), (4, 0), (2, 0), (16, 1), (8, 1), (4, 1), (16, 2), (1, 1),
        (8, 2), (2, 1), (1, 2), (4, 2), (2, 2)]  # fmt: skip
"""One in how many blocks, and the seed."""

SHOWN = (100, 1000, 10_000)
"""After so many updates the first run writes something."""


def read(name: str) -> str:
    """The text of one part, ``training``, ``validation`` or ``test``: its documents in a row."""
    with lzma.open(DATA / "topics.json.xz") as file:
        documents: dict[str, str] = json.load(file)[name]
    return "".join(documents.values())


def part(whole: str, one_in: int, seed: int) -> str:
    """One in so many blocks of a text."""
    edges = np.arange(BLOCKS + 1) * len(whole) // BLOCKS
    chosen = range(seed % one_in, BLOCKS, one_in)
    return "".join(whole[edges[k] : edges[k + 1]] for k in chosen)


def columns(symbols: np.ndarray, b: int) -> np.ndarray:
    """A text cut into b pieces that are read side by side, (length // b, b)."""
    length = len(symbols) // b
    return np.ascontiguousarray(symbols[: length * b].reshape(b, length).T)


def descent(clip: float, rate: float, updates: int) -> optax.GradientTransformation:
    """Adam with clipped gradients, at a rate that falls to zero (cosine)."""
    return optax.chain(
        optax.clip_by_global_norm(clip), optax.adam(optax.cosine_decay_schedule(rate, updates))
    )


def halved(params: dict[str, Any]) -> dict[str, Any]:
    """Parameters rounded to float16, in which they are stored."""

    def half(W: Any) -> Any:
        return np.asarray(W).astype(np.float16).astype(np.float32)

    layers = [Layer(half(layer.forward)) for layer in params["layers"]]
    return {"layers": layers, "WOUT": half(params["WOUT"])}


def stored_params(path: Any = DATA / "text.npz", name: str = "1, 0") -> dict[str, Any]:
    """The network of a run as it is stored."""
    with np.load(path) as arrays:
        found = {
            key.rpartition(": ")[2]: array.astype(np.float32)
            for key, array in arrays.items() if key.startswith(f"{name}: ")
        }  # fmt: skip
    readout = found.pop("WOUT")
    return {"layers": [Layer(found[key]) for key in sorted(found)], "WOUT": readout}


def run(
    hidden: int, forget_bias: float, louder: float, n: int, batch: int, rate: float, clip: float,
    between: float, recurrent: float, every: int, one_in: int, updates: int, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """Train one network; keep the state that is best on the validation text, and test it."""
    K = len(text.ALPHABET)
    learnt = text.encode(part(read("training"), one_in, seed))
    choosing, testing = (text.encode(read(name)) for name in ("validation", "test"))
    side_by_side = columns(choosing, 32)

    rng = np.random.default_rng(seed)
    params = train.init(K, [hidden, hidden], K, forget_bias=forget_bias, rng=rng)
    split_rows(params["layers"][0].forward).Wx[:] *= louder
    optimizer = descent(clip, rate, updates)
    fit = train.fit(
        params, text.streams(learnt, n, batch), optimizer, train.cross_entropy, dropout.run,
        carry=True, rng=rng, between=between, recurrent=recurrent,
    )  # fmt: skip
    best, best_at, curve, samples, losses = np.inf, 0, [], {}, []
    for k, update in enumerate(fit, start=1):
        losses.append(update.loss / np.log(2))
        if k in SHOWN and (one_in, seed) == (1, 0):
            samples[str(k)] = text.sample(update.params, "\n\n", 400, temperature=0.7, rng=0)
        if k % every == 0:
            score = float(text.bits(update.params, side_by_side).mean())
            curve.append([k, round(float(np.mean(losses[-every:])), 4), round(score, 4)])
            if score < best:
                best, best_at, params = score, k, update.params
        if k == updates:
            break
    params = halved(params)
    result: dict[str, Any] = {
        "letters": len(learnt),
        "best_at": best_at,
        "validation": round(float(text.bits(params, choosing).mean()), 4),
        "test": round(float(text.bits(params, testing).mean()), 4),
        "curve": curve,
        "samples": samples,
    }
    if (one_in, seed) == (1, 0):
        arrays = {f"layer {k}": layer.forward for k, layer in enumerate(params["layers"])}
        arrays["WOUT"] = params["WOUT"]
        result["params"] = {
            f"{one_in}, {seed}: {name}": array.astype(np.float16)
            for name, array in arrays.items()
        }  # fmt: skip
    return result


EXPERIMENT = Experiment(
    "text", "experiments.text:run", SETTINGS,
    [{"one_in": m, "updates": UPDATES[m], "seed": seed} for m, seed in RUNS],
    ("letters", "best_at", "validation", "test", "curve", "samples"),
)  # fmt: skip
"""From the whole text and from parts of it, two or three seeds each."""
