"""Measure on one machine what can be said about many: writes scaling.json, which chapter 14 draws.

    python distributed/scaling.py

Times of one training step (n = 20, b = 64, H = 128), each divided by that of the whole batch
on one device in the same run. The contestants take turns, so that a noisy machine affects all of
them alike. The sizes are such that the arrays fit in the caches of a processor: with n = 100 the
whole batch does not, its parts do, and the parts look faster than they are.

- shard K: the rows of one of K devices, b / K, alone. This is the time that each of K real
  devices like this one would take.
- virtual K: the whole batch on K virtual devices, which share the cores that there are.
"""

import json
import os
import platform
import statistics
import time
from pathlib import Path

import jax
import train
from jax.sharding import Mesh

jax.config.update("jax_num_cpu_devices", 8)
SETTINGS = train.Settings(batch=64, length=20, hidden=128)
ROUNDS = 100
TARGET = Path(__file__).with_name("scaling.json")


def contestants():
    """The arguments of the training step, by name."""
    devices = jax.devices()
    for K in (1, 2, 4, 8, 16, 32, 64):
        one = Mesh(devices[:1], (train.ROWS,))
        settings = SETTINGS._replace(batch=SETTINGS.batch // K)
        yield f"shard {K}", one, settings
    for K in (k for k in (2, 4, 8) if k <= len(devices)):
        yield f"virtual {K}", Mesh(devices[:K], (train.ROWS,)), SETTINGS


def cpu():
    """The processor's name, where the system tells it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def main():
    """Measure, and store the ratios with what they were measured on."""
    ready = {}
    for name, mesh, settings in contestants():
        state = train.replicate(train.first_state(settings), mesh)
        ready[name] = state, train.deal(train.draw(settings, 0), mesh)
        jax.block_until_ready(train.step(*ready[name]))  # compiles
    times = {name: [] for name in ready}
    for _ in range(ROUNDS):
        for name, arguments in ready.items():
            start = time.perf_counter()
            jax.block_until_ready(train.step(*arguments))
            times[name].append(time.perf_counter() - start)
    whole = times["shard 1"]
    result = {
        "machine": {
            "cpu": cpu(),
            "cores": len(os.sched_getaffinity(0)),
            "python": platform.python_version(),
            "jax": jax.__version__,
        },
        "settings": SETTINGS._asdict(),
        "rounds": ROUNDS,
        "time, relative to the whole batch on one device": {
            name: {
                "of the fastest rounds": round(min(t) / min(whole), 4),
                "median of the rounds": round(
                    statistics.median(a / b for a, b in zip(t, whole, strict=True)), 4
                ),
            }
            for name, t in times.items()
        },
    }
    TARGET.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(TARGET.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
