"""Time one update of each cell of chapter 15, and say how much memory it works in.

Run it where nothing else runs: ``python -m benchmarks.cells`` writes ``book/data/cells.json``. A
network of the adding problem, as `experiments.variants` trains it: forward, back, on one thread;
the best of several interleaved rounds. With ``--memory`` nothing is timed.
"""

import json
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from . import machine

PATH = Path(__file__).parent.parent / "book" / "data" / "cells.json"
STEPS = 55
ROUNDS, REPEATS = 12, 5


def contestants() -> dict[str, Any]:
    """For each cell a compiled gradient of one batch, and its arguments."""
    import jax
    import numpy as np

    from experiments import variants as task

    batch = task.TASKS["adding"].draw(16, np.random.default_rng(0))
    assert len(batch.X) == STEPS
    found = {}
    for name in task.CELLS:
        cell = task.fitting(name, 16, 1, task.SETTINGS["parameters"])
        params = task.init(cell, 2, 1, 3.0, 0)
        gradient = jax.jit(jax.grad(partial(task.mean_loss, cell, 0)))
        compiled = gradient.lower(params, *batch[:3]).compile()
        found[name] = compiled, (params, *batch[:3])
    return found


def measure() -> None:
    """Measure, and store."""
    machine.pin(1)
    import jax

    functions = contestants()
    best = dict.fromkeys(functions, float("inf"))
    for _ in range(0 if "--memory" in sys.argv else ROUNDS):
        for name, (function, arguments) in functions.items():
            start = time.perf_counter()
            for _ in range(REPEATS):
                jax.block_until_ready(function(*arguments))
            best[name] = min(best[name], (time.perf_counter() - start) / REPEATS)
    cells: dict[str, dict[str, float]] = {}
    for name, (function, _) in functions.items():
        bytes_ = function.memory_analysis().temp_size_in_bytes
        cells[name] = {"kilobytes": round(bytes_ / 1000)}
        if best[name] < float("inf"):
            cells[name]["milliseconds"] = round(1000 * best[name], 3)
    stored = {"command": "python -m benchmarks.cells", **machine.describe(1), "cells": cells}
    PATH.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if "--here" in sys.argv:
        measure()
    else:  # in a process whose libraries have read that there is one thread
        command = [sys.executable, "-m", "benchmarks.cells", "--here", *sys.argv[1:]]
        subprocess.run(command, env=machine.environment(1), check=True)
