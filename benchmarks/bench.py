"""Measure every ratio for which the project has a goal, and write the page that shows them.

    python benchmarks/bench.py              one thread, then two; about six minutes; then the page
    python benchmarks/bench.py --page       only the page, from the stored runs

As in `ladder`: all contestants run once a round, in turn, and each time is divided by that of the
yardstick in the same round; `turns` says how. The runs are stored in ``book/data/bench-1.json`` and
``bench-2.json``; ``book/benchmarks.md`` and figures of chapter 9 are made from them, so the book
builds without measuring anything.
"""

import argparse
import subprocess
import sys

import ladder
import machine
import page

FOLDER = ladder.ROOT / "book" / "data"
SECONDS = 6  # for one race, if it has had its rounds at least


def run(threads, folder):
    """Run everything on a number of threads, and store it in one file."""
    machine.pin(threads)
    load = machine.load()
    from contestants import SHAPES
    from turns import Turns
    from uses import INFERENCE, LENGTHS

    from lstm.book.limit import best_form, needed

    races, left_out = {}, {}
    with Turns(threads) as turns:

        def race(kind, title, build, arguments, yardstick="limit"):
            raced, missing = turns.race(build, arguments, yardstick, SECONDS)
            races.setdefault(kind, {})[title] = raced
            left_out.update(missing)
            ladder.show(threads, f"{kind}, {title}", raced)

        for shape in SHAPES:
            forms = {product.name: best_form(product) for product in needed(*shape)}
            race("training", str(shape), "contestants.training", (*shape, threads, forms))
            race("passes", str(shape), "uses.passes", shape, "forward")
        for shape in INFERENCE:
            race("outputs alone", str(shape), "uses.outputs", (*shape, threads))
        for b in LENGTHS:
            race("lengths", str(b), "uses.lengths", (b, threads), "lstm.stack, packed")
        both = "(100, 32, 64, 128), two layers, both directions"
        race("stack", both, "uses.stacked", (threads,))
        race("stream", "one layer", "contestants.stream", (64, 128, threads))
        race("stream", "two layers", "uses.two_layers", (64, 128, threads), "lstm.Stream")
    with Turns(threads, **ladder.KEPT) as turns:
        race("stack", f"{both}, memory kept", "uses.stacked", (threads,))
    what = (
        "time in float32, divided by that of the yardstick; first quartile, median, third quartile"
    )
    machine.record(folder / f"bench-{threads}.json", what, threads, load, left_out, races=races)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--page", action="store_true", help="measure nothing")
    parser.add_argument("--alone", type=int, help=argparse.SUPPRESS)  # in a process of its own
    given = parser.parse_args()
    if given.alone:
        return run(given.alone, FOLDER)
    for threads in () if given.page else given.threads:
        command = [sys.executable, __file__, "--alone", str(threads)]
        subprocess.run(command, check=True, env=machine.environment(threads))
    page.write(FOLDER, ladder.ROOT / "book" / "benchmarks.md")


if __name__ == "__main__":
    main()
