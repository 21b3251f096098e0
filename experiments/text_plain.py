"""A control for chapter 12: two layers of the plain network read the same text.

They have as many parameters as the LSTM and the same schedule, and dropout only between the
layers. Their learning rate was chosen by the validation text, on a quarter of the training text.
Only a network's reach is stored: how its surprise depends on the letters before.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lstm import text

from . import plain
from .store import Experiment
from .text import UPDATES, columns, descent, part, read

__all__ = ["CHOOSE", "EXPERIMENT", "reach", "run"]

SETTINGS = {
    "hidden": 256, "louder": 4.0, "n": 50, "batch": 16, "clip": 1.0, "between": 0.25, "every": 200,
}  # fmt: skip
BEFORE, BACK = 200, 100
"""So many letters are read before a gradient's first letter; so many letters it goes back."""

Params = Mapping[str, Any]


def init(K: int, H: int, louder: float, rng: Any) -> dict[str, Any]:
    """Parameters of two layers of H units; the first reads K letters."""
    lower, upper = plain.init(K, H, K, rng), plain.init(H, H, K, rng)
    del lower["WOUT"]
    lower["A"] *= np.float32(louder)
    readout = upper.pop("WOUT")
    return {"lower": lower, "upper": upper, "WOUT": readout}


def forward(params: Params, X: Any, h: Any, masks: Any = None) -> tuple[Any, Any]:
    """The scores after each letter of X (n, b, K), and the state; h is (2, b, H)."""

    def layer(layer: Params, X: Any, h: Any) -> Any:
        def step(h: Any, x: Any) -> Any:
            h = jnp.tanh(x + h @ layer["R"])
            return h, h

        return jax.lax.scan(step, h, X @ layer["A"] + layer["beta"])

    lower, Hout = layer(params["lower"], X, h[0])
    upper, Hout = layer(params["upper"], Hout if masks is None else Hout * masks, h[1])
    return Hout @ params["WOUT"][1:] + params["WOUT"][0], jnp.stack([lower, upper])


def surprise(params: Params, X: Any, Y: Any, h: Any, masks: Any = None) -> tuple[Any, Any]:
    """Bits for each letter of Y (n, b, K), and the state."""
    scores, h = forward(params, X, h, masks)
    return -(jax.nn.log_softmax(scores) * Y).sum(axis=-1) / np.log(2), h


@jax.jit
def _reach(params: Params, X: Any, h: Any) -> Any:
    h = forward(params, X[:BEFORE], h)[1]
    dX = jax.grad(
        lambda letters: surprise(params, letters, X[BEFORE + 1 :], h)[0][-1].sum()
    )(X[BEFORE:-1])  # fmt: skip
    size = jnp.linalg.norm(dX - dX.mean(axis=-1, keepdims=True), axis=-1)[::-1]
    return (size / size.sum(axis=0)).mean(axis=1)


def reach(params: Params, symbols: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Shares of the gradient of a surprise, by how long ago a letter was read, (BACK,)."""
    K, H = params["lower"]["A"].shape
    X = np.eye(K, dtype=np.float32)[
        np.stack([symbols[s - BEFORE : s + BACK + 1] for s in starts], axis=1)
    ]
    return np.asarray(_reach(params, X, np.zeros((2, len(starts), H), np.float32)))


def run(
    hidden: int, louder: float, n: int, batch: int, clip: float, between: float, every: int,
    rate: float, one_in: int, updates: int, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """Train one network; keep the state that is best on the validation text, and test it."""
    K = len(text.ALPHABET)
    learnt = text.encode(part(read("training"), one_in, seed))
    choosing, testing = (text.encode(read(name)) for name in ("validation", "test"))
    rng = np.random.default_rng(seed)
    start = params = init(K, hidden, louder, rng)
    optimizer = descent(clip, rate, updates)
    state = optimizer.init(params)
    one_hot = np.eye(K, dtype=np.float32)

    @jax.jit
    def update(params: Any, state: Any, X: Any, Y: Any, h: Any, masks: Any) -> Any:
        def loss(params: Any) -> Any:
            bits, after = surprise(params, X, Y, h, masks)
            return bits.mean() * np.log(2), after

        grads, after = jax.grad(loss, has_aux=True)(params)
        changes, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, changes), state, after

    read_on = jax.jit(surprise)

    def bits(params: Any, symbols: np.ndarray, b: int) -> float:
        pieces = one_hot[columns(symbols, b)]
        zeros = np.zeros((2, b, hidden), np.float32)
        return float(read_on(params, pieces[:-1], pieces[1:], zeros)[0].mean())

    h = np.zeros((2, batch, hidden), np.float32)
    best, best_at, kept = np.inf, 0, params
    for k, letters in enumerate(text.streams(learnt, n, batch), start=1):
        masks = (rng.random((n, batch, hidden)) >= between) / np.float32(1 - between)
        params, state, h = update(params, state, letters.X, letters.Y, h, masks.astype(np.float32))
        if k % every == 0 and (score := bits(params, choosing, 32)) < best:
            best, best_at, kept = score, k, params
        if k == updates:
            break
    places = np.random.default_rng(0).choice(
        np.arange(BEFORE, len(testing) - BEFORE), 200, replace=False
    )

    def shares(params: Any) -> list[float]:
        return [float(f"{share:.4g}") for share in reach(params, testing, places)]

    return {
        "letters": len(learnt),
        "best_at": best_at,
        "validation": round(bits(kept, choosing, 1), 4),
        "test": round(bits(kept, testing, 1), 4),
        "reach": shares(kept),
        "reach of its start": shares(start),
    }


RESULT = ("letters", "best_at", "validation", "test", "reach", "reach of its start")
CHOOSE = Experiment(
    "text-plain-choose", "experiments.text_plain:run", SETTINGS,
    [{"rate": rate, "one_in": 4, "updates": UPDATES[4], "seed": 0}
     for rate in (0.01, 0.003, 0.001, 0.0003)],
    RESULT,
)  # fmt: skip
"""Which learning rate suits a plain network."""

EXPERIMENT = Experiment(
    "text-plain", "experiments.text_plain:run", {**SETTINGS, "rate": 0.001},
    [{"one_in": 1, "updates": UPDATES[1], "seed": seed} for seed in range(2)],
    RESULT,
)  # fmt: skip
"""With that rate, from the whole text."""
