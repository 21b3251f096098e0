"""How much memory a long sequence takes, and a network trained on a million steps (chapter 16)."""

import json
import os
import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import lstm
from lstm import layout, recompute, tasks

from .store import ROOT, Experiment


def memory(H: int, D: int, batch: int, way: str, n: int) -> None:
    """One forward and backward pass, to be measured from outside."""
    X = np.random.default_rng(0).standard_normal((n, batch, D))
    WLSTM = lstm.init(D, H, rng=0)
    module: Any = {"whole": lstm, "pieces": recompute}[way]
    run = module.forward(X, WLSTM)
    gradients = module.backward(None, run.cache, None, np.ones((batch, H)))
    print(json.dumps({"gradient": float(f"{abs(gradients.dWLSTM).sum():.10e}")}))


def start(n: int, hidden: int, seed: int) -> list[Any]:
    """Draw initial weights for a memory of n steps: only a mark opens the input gate."""
    rng = np.random.default_rng(seed)
    WLSTM = lstm.init(2, hidden, forget_bias=float(np.log(n)), rng=rng)
    layout.split_gates(WLSTM[0])[0][:] = -np.log(n)  # the input gates' biases
    layout.split_gates(layout.split_rows(WLSTM).Wx[1])[0][:] += np.log(n)  # the marker's weights
    WOUT = rng.standard_normal((hidden + 1, 1)) / hidden**0.5
    WOUT[0] = 0
    return [WLSTM, WOUT]


def train(n: int, hidden: int, batch: int, rate: float, updates: int, seed: int) -> None:
    """Train on the last answer to sequences of n steps, by recomputation."""
    jax.config.update("jax_enable_x64", True)  # 1 - f is 1e-6
    params: Any = [jnp.asarray(array) for array in start(n, hidden, seed)]
    optimizer = optax.adam(rate, b2=0.99, eps=1e-12)
    state = optimizer.init(params)

    @jax.jit
    def update(params: Any, state: Any, X: Any, y: Any) -> Any:
        def loss(params: Any) -> Any:
            WLSTM, WOUT = params
            return ((recompute.scan(X, WLSTM).Hn @ WOUT[1:] + WOUT[0] - y) ** 2).mean()

        value, grads = jax.value_and_grad(loss)(params)
        steps, state = optimizer.update(grads, state, params)
        return value, optax.apply_updates(params, steps), state

    losses = []
    for k in range(updates):
        X, Y, _, _ = tasks.recall(n, batch, rng=seed + 1000 + k, dtype=np.float64)
        value, params, state = update(params, state, X, Y[-1])
        losses.append(float(f"{value:.4e}"))
    print(json.dumps({"losses": losses}))


def run(program: str, **arguments: Any) -> dict[str, Any]:
    """Run one of the two in a process of its own, and ask the system for its largest memory."""
    code = f"from experiments import million; million.{program}(**{arguments!r})"
    child = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert child.stdout is not None
    printed = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise RuntimeError(f"{program}: expected to end well, got status {status}")
    return {**json.loads(printed), "peak_mb": round(usage.ru_maxrss / 1024)}


MEMORY = Experiment(
    "memory", "experiments.million:run",
    {"program": "memory", "H": 16, "D": 2, "batch": 1},
    [
        {"way": way, "n": n}
        for n in (100, 1000, 10_000, 100_000, 300_000, 1_000_000) for way in ("whole", "pieces")
    ],
    ("gradient", "peak_mb"),
)  # fmt: skip
MILLION = Experiment(
    "million", "experiments.million:run",
    {"program": "train", "hidden": 8, "batch": 8, "rate": 0.03, "updates": 60},
    [{"n": n, "seed": seed} for n, seeds in ((1000, range(5)), (1_000_000, [0])) for seed in seeds],
    ("losses", "peak_mb"),
)  # fmt: skip
