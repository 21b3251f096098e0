"""Time linear recurrences and the LSTM, step by step and all at once, for chapter 16.

Run it where nothing else runs: ``python -m benchmarks.scan`` writes ``book/data/scan.json``. Each
row is the best of several interleaved rounds, on one thread and on all of them.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from . import machine

ROOT = Path(__file__).parent.parent
PATH = ROOT / "book" / "data" / "scan.json"
LENGTHS = (100, 1000, 10_000, 100_000)


def contestants() -> dict[str, dict[str, Any]]:
    """What is timed: for each problem, functions without arguments by name."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    import lstm
    from lstm.parallel import adjoint, gradient, linear, newton

    rng = np.random.default_rng(0)
    found: dict[str, dict[str, Any]] = {}

    def wait(function: Any, *arguments: Any) -> Any:
        compiled = jax.jit(function)
        return lambda: jax.block_until_ready(compiled(*arguments))

    def in_a_loop(A: Any, u: Any) -> Any:
        def step(s: Any, now: Any) -> Any:
            s = now[0] * s + now[1]
            return s, s

        return jax.lax.scan(step, jnp.zeros_like(u[0]), (A, u))[1]

    for n in LENGTHS:
        A = rng.uniform(0.5, 1, (n, 1, 64)).astype("float32")
        u = rng.standard_normal(A.shape).astype("float32")
        found[f"diagonal, n = {n}"] = {
            "NumPy, loop": lambda A=A, u=u: linear.loop(A, u),
            "NumPy, doubling": lambda A=A, u=u: linear.doubling(A, u),
            "NumPy, blocked": lambda A=A, u=u: linear.blocked(A, u),
            "JAX, loop": wait(in_a_loop, A, u),
            "JAX, associative_scan": wait(linear.associative, A, u),
        }
    for n in LENGTHS[:3]:
        X = rng.standard_normal((n, 1, 4)).astype("float32")
        W = lstm.init(4, 8, forget_bias=1.0, rng=0, dtype="float32")
        cache = lstm.forward(X, W).cache
        dH = rng.standard_normal((n, 1, 8)).astype("float32")
        found[f"LSTM forward, n = {n}"] = {
            "NumPy, loop": lambda X=X, W=W: lstm.forward(X, W),
            "NumPy, Newton": lambda X=X, W=W: newton.solve(X, W, tolerance=1e-5),
        }
        found[f"LSTM backward, n = {n}"] = {
            "NumPy, loop": lambda dH=dH, cache=cache: lstm.backward(dH, cache),
            "NumPy, one scan": lambda dH=dH, cache=cache: adjoint.backward(dH, cache),
            "JAX, forward and loop": wait(
                jax.grad(lambda W, X=X: lstm.scan.forward(X, W).Hout.sum()), W
            ),
            "JAX, forward and one scan": wait(
                jax.grad(lambda W, X=X: gradient.forward(X, W).Hout.sum()), W
            ),
        }
    return found


def measure(rounds: int, budget: float) -> dict[str, dict[str, float]]:
    """The best time of each in microseconds, in interleaved rounds."""
    best: dict[str, dict[str, float]] = {}
    for problem, functions in contestants().items():
        best[problem] = dict.fromkeys(functions, float("inf"))
        for function in functions.values():
            function()  # to compile
        begun = time.perf_counter()
        for _ in range(rounds):
            for name, function in functions.items():
                start = time.perf_counter()
                function()
                taken = (time.perf_counter() - start) * 1e6
                best[problem][name] = min(best[problem][name], taken)
            if time.perf_counter() - begun > budget:
                break
        best[problem] = {name: round(value, 1) for name, value in best[problem].items()}
        print(problem, best[problem], file=sys.stderr)
    return best


def main() -> None:
    """Measure in one process with one thread and in one with all, and store both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--budget", type=float, default=4.0, help="seconds for each problem")
    parser.add_argument("--threads", type=int, help="measure with so many, and print JSON")
    arguments = parser.parse_args()
    if arguments.threads:
        machine.pin(arguments.threads)
        print(json.dumps({**machine.describe(arguments.threads),
                          "times": measure(arguments.rounds, arguments.budget)}))  # fmt: skip
        return
    stored: dict[str, Any] = {"command": "python -m benchmarks.scan", "runs": []}
    for threads in (1, os.cpu_count() or 1):
        command = [
            sys.executable, "-m", "benchmarks.scan", "--threads", str(threads),
            "--rounds", str(arguments.rounds), "--budget", str(arguments.budget),
        ]  # fmt: skip
        done = subprocess.run(
            command, env=machine.environment(threads), stdout=subprocess.PIPE, check=True
        )
        stored["runs"].append(json.loads(done.stdout))
    PATH.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
