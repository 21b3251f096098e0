"""Time the rungs of `lstm.book.ladder`, their limit and other libraries, for chapter 9.

    python benchmarks/ladder.py                     one thread, then two; about four minutes
    python benchmarks/ladder.py --to _build         the same, without touching the book's run

All contestants run once a round, in turn, so that a noisy machine affects all of them alike, and
each time is divided by the limit's time in the same round. What is stored is the median of these
ratios and their quartiles. A library that is not installed is left out, and the file says so.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import machine

ROOT = Path(__file__).parent.parent
ROUNDS, LEAST, SECONDS = 25, 7, 20  # per shape: at most, at least, and when to stop in between


def race(contestants, limit, seconds=SECONDS):
    """Each contestant's ratios to the limit: quartiles, the limit's milliseconds, the rounds."""
    import numpy as np

    for run in contestants.values():
        run()  # compiles what compiles
    rows, began = [], time.perf_counter()
    while len(rows) < LEAST or (len(rows) < ROUNDS and time.perf_counter() - began < seconds):
        row = []
        for run in contestants.values():
            start = time.perf_counter()
            run()
            row.append(time.perf_counter() - start)
        rows.append(row)
    seconds = np.array(rows)
    bare = seconds[:, list(contestants).index(limit)]
    quartiles = np.percentile(seconds / bare[:, None], (25, 50, 75), axis=0).T
    return {
        "rounds": len(rows),
        "limit_ms": float(f"{np.median(bare) * 1e3:.4g}"),
        "ratios": {
            name: [round(float(q), 3) for q in row]
            for name, row in zip(contestants, quartiles, strict=True)
        },
    }


def run(threads, folder):
    """Run everything on a number of threads, and store it in one file."""
    machine.pin(threads)
    load = machine.load()
    from contestants import SHAPES, sequence, stream

    from lstm.book.limit import best_form, needed

    shapes, left_out = {}, {}
    for shape in SHAPES:
        forms = {product.name: best_form(product) for product in needed(*shape)}
        contestants, missing = sequence(*shape, threads, forms)
        shapes[str(shape)] = {**race(contestants, "limit"), "forms": forms}
        left_out |= missing
        show(threads, str(shape), shapes[str(shape)])
    contestants, missing = stream(64, 128, threads)
    steps = race(contestants, "limit")
    show(threads, "stream", steps)
    what = (
        "time of forward + backward in float32 (of 200 single steps for the stream), "
        "divided by that of the matrix products alone; first quartile, median, third quartile"
    )
    machine.record(
        folder / f"ladder-{threads}.json", what, threads, load, left_out | missing,
        shapes=shapes, stream=steps,
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
