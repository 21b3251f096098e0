"""Time the rungs of `lstm.book.ladder`, their limit and other libraries, for chapter 9.

    python benchmarks/ladder.py                     one thread, then two; about four minutes
    python benchmarks/ladder.py --to _build         the same, without touching the book's run

All contestants run once a round, in turn, so that a noisy machine affects all of them alike, and
each time is divided by the limit's time in the same round; `turns` says how. What is stored is the
median of these ratios and their quartiles. A library that is not installed is left out, and the
file says so.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import machine

ROOT = Path(__file__).parent.parent
SECONDS, BRIEFLY = 20, 6  # per shape and per control, if it has had its rounds at least

# What would show that `turns` is needed, and why; and what memory costs that the system hands out
# anew for every call. By the title of the control: the settings, and who runs.
KEPT = {"MALLOC_TRIM_THRESHOLD_": "1000000000", "MALLOC_MMAP_THRESHOLD_": "1000000000"}
CONTROLS = {
    "one process": ({}, "contestants.crowded"),
    "one process, threads that do not spin": (
        {"OPENBLAS_THREAD_TIMEOUT": "4"}, "contestants.crowded",
    ),
    "memory kept": (KEPT, "contestants.training"),
}  # fmt: skip


def run(threads, folder):
    """Run everything on a number of threads, and store it in one file."""
    machine.pin(threads)
    load = machine.load()
    from contestants import SHAPES
    from turns import Turns

    from lstm.book.limit import best_form, needed

    shapes, left_out = {}, {}
    with Turns(threads) as turns:
        for shape in SHAPES:
            forms = {product.name: best_form(product) for product in needed(*shape)}
            arguments = (*shape, threads, forms)
            raced, missing = turns.race("contestants.ladder", arguments, "limit", SECONDS)
            shapes[str(shape)] = {**raced, "forms": forms}
            left_out |= missing
            show(threads, str(shape), raced)
        steps, missing = turns.race("contestants.stream", (64, 128, threads), "limit", SECONDS)
        show(threads, "stream", steps)
    shape, controls = SHAPES[1], {}
    arguments = (*shape, threads, shapes[str(shape)]["forms"])
    for title, (environment, build) in CONTROLS.items():
        with Turns(threads, **environment) as turns:
            controls[title], _ = turns.race(build, arguments, "limit", BRIEFLY)
        show(threads, f"{shape}, {title}", controls[title])
    what = (
        "time of forward + backward in float32 (of 200 single steps for the stream), "
        "divided by that of the matrix products alone; first quartile, median, third quartile"
    )
    machine.record(
        folder / f"ladder-{threads}.json", what, threads, load, left_out | missing,
        shapes=shapes, stream=steps, controls={str(shape): controls},
    )  # fmt: skip


def show(threads, title, raced):
    print(f"\n{threads} thread(s), {title}: {raced['rounds']} rounds, limit {raced['limit_ms']} ms")
    for name, (low, middle, high) in raced["ratios"].items():
        print(f"  {name:36}{middle:7.2f}   {low:.2f} to {high:.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--to", type=Path, default=ROOT / "book" / "data", help="a folder")
    parser.add_argument("--alone", type=int, help=argparse.SUPPRESS)  # in a process of its own
    given = parser.parse_args()
    if given.alone:
        return run(given.alone, given.to)
    if (busy := machine.load()) and busy > 0.5:
        print(f"This machine is busy (load {busy}): the ratios will be less sure.", flush=True)
    for threads in given.threads:
        command = [sys.executable, __file__, "--alone", str(threads), "--to", str(given.to)]
        subprocess.run(command, check=True, env=machine.environment(threads))


if __name__ == "__main__":
    main()
