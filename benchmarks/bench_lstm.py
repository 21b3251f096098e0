"""Every contestant once a round, so that a noisy machine harms all of them alike.

pytest-benchmark runs the rounds and writes the JSON, in which each contestant's
times, one a round, are under ``extra_info``.
"""

import time

import machine
import pytest
from contestants import SHAPES, STEPS, sequence, stream

from conftest import TABLES


def race(benchmark, title, contestants, left_out, rounds):
    times = {name: [] for name in contestants}

    def one_round():
        for name, run in contestants.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)

    one_round()  # compiles what compiles
    for values in times.values():
        values.clear()
    benchmark.pedantic(one_round, rounds=rounds, warmup_rounds=0)
    benchmark.extra_info.update(times=times, left_out=left_out)
    TABLES.append((title, times, left_out))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_sequence(benchmark, shape):
    contestants, left_out = sequence(*shape, machine.threads())
    title = f"forward + backward, (n, b, D, H) = {shape}, float32"
    race(benchmark, title, contestants, left_out, rounds=15)


def test_stream(benchmark):
    contestants, left_out = stream(64, 128, machine.threads())
    title = f"{STEPS} single steps, D = 64, H = 128, float32"
    race(benchmark, title, contestants, left_out, rounds=50)
