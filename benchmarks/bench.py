"""Measure every ratio for which the project has a goal, and write the page that shows them.

    python benchmarks/bench.py              one thread, then two; about six minutes; then the page
    python benchmarks/bench.py --page       only the page, from the stored runs

As in `ladder`: all contestants run once a round, in turn, and each time is divided by that of the
yardstick in the same round. The runs are stored in ``book/data/bench-1.json`` and ``bench-2.json``;
``book/benchmarks.md`` and figures of chapter 9 are made from them, so the book builds without
measuring anything.
"""

import argparse
import subprocess
import sys

import ladder
import machine
import page

FOLDER = ladder.ROOT / "book" / "data"
SECONDS = 5  # for one race, if it has had its rounds at least


def run(threads, folder):
    """Run everything on a number of threads, and store it in one file."""
    machine.pin(threads)
    load = machine.load()
    import uses
    from contestants import SHAPES, sequence

    from lstm.book.ladder import LADDER
    from lstm.book.limit import best_form, needed

    top, first = LADDER[-1].name, LADDER[0].name
    below = {rung.name for rung in LADDER} - {top, first}
    races, left_out = {}, {}

    def race(kind, title, contestants, yardstick="limit"):
        races.setdefault(kind, {})[title] = raced = ladder.race(contestants, yardstick, SECONDS)
        ladder.show(threads, f"{kind}, {title}", raced)

    for shape in SHAPES:
        forms = {product.name: best_form(product) for product in needed(*shape)}
        contestants, missing = sequence(*shape, threads, forms)
        left_out |= missing
        named = {"lstm.fused" if k == top else k: v for k, v in contestants.items()}
        race("training", str(shape), {k: v for k, v in named.items() if k not in below})
        race("passes", str(shape), uses.passes(*shape), "forward")
    for shape in uses.INFERENCE:
        contestants, missing = uses.outputs(*shape, threads)
        left_out |= missing
        race("outputs alone", str(shape), contestants)
    for b in uses.LENGTHS:
        contestants, missing = uses.lengths(b, threads)
        left_out |= missing
        race("lengths", str(b), contestants, "lstm.stack, packed")
    contestants, missing = uses.stacked(threads)
    race("stack", "(100, 32, 64, 128), two layers, both directions", contestants)
    one, pair, gone = uses.streams(threads)
    race("stream", "one layer", one)
    race("stream", "two layers", pair, "lstm.Stream")
    what = (
        "time in float32, divided by that of the yardstick; first quartile, median, third quartile"
    )
    machine.record(
        folder / f"bench-{threads}.json", what, threads, load, left_out | missing | gone,
        races=races,
    )  # fmt: skip


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
