"""The page of benchmarks: every ratio with its goal, from the runs that `bench` has stored."""

import json
from itertools import groupby
from typing import NamedTuple

from lstm.book import tables

PEERS = ("Flax", "Keras", "Equinox")
WITHOUT = "PyTorch without oneDNN"  # in which its LSTM is one compiled program


class Goal(NamedTuple):
    """The largest ratio of two times that is allowed, or a ratio that is shown without a goal.

    Attributes:
        part: The section of the page.
        kind: The kind of race in the stored run.
        ours: The contestant whose time is divided.
        theirs: The contestant by whose time it is divided.
        most: The largest ratio allowed; None if there is no goal.
        among: A test of a race's title: to which shapes the goal applies.
    """

    part: str
    kind: str
    ours: str
    theirs: str
    most: float | None = None
    among: object = lambda title: True


def _batch(title):
    return int(title.strip("(").split(",")[1])


def _hidden(title):
    return int(title.strip(")").split(",")[3])


GOALS = (
    Goal("Training one layer", "training", "lstm.fused", "limit"),
    Goal("Training one layer", "training", "as written", "lstm.fused"),
    Goal("Training one layer", "training", "lstm.fused", "PyTorch", 1.0),
    Goal("Training one layer", "training", "lstm.fused", WITHOUT),
    *(Goal("Training in JAX", "training", "lstm.scan", peer, 1.0) for peer in PEERS),
    Goal("Training in JAX", "training", "lstm.scan", "autodiff of the scan", 1.0),
    Goal("Outputs alone", "outputs alone", "without a cache", "limit"),
    Goal("Outputs alone", "outputs alone", "without a cache", "with a cache", 0.8,
         lambda title: _batch(title) > 1 and _hidden(title) in (128, 256)),
    Goal("Outputs alone", "outputs alone", "without a cache", "PyTorch", 1.0,
         lambda title: _batch(title) >= 32),
    Goal("Outputs alone", "outputs alone", "without a cache", WITHOUT),
    Goal("Sequences of different lengths", "lengths", "lstm.stack, packed",
         "PyTorch, packed", 0.25),
    Goal("Sequences of different lengths", "lengths", "lstm, over the padding",
         "PyTorch, packed", 0.25),
    Goal("A stack", "stack", "lstm.stack", "limit", 1.1),
    Goal("A stack", "stack", "lstm.stack", "its runs of lstm.fused", 1.1),
    Goal("A stack", "stack", "lstm.stack", "PyTorch", 1.0),
    Goal("One step at a time", "stream", "lstm.Stream", "limit", 1.8),
    Goal("One step at a time", "stream", "lstm.Stream", "lstm.step"),
    Goal("One step at a time", "stream", "lstm.Stream", "PyTorch", 1.0),
    Goal("One step at a time", "stream", "lstm.Stream", "ONNX Runtime", 1.0),
    Goal("Features as rows", "passes", "forward, features as rows", "forward"),
    Goal("Features as rows", "passes", "backward, features as rows", "backward"),
)  # fmt: skip

INTRODUCTION = (
    "# Benchmarks\n\n"
    "How fast is `lstm`, compared with what it cannot do without and with other libraries? Every "
    "number here is one time divided by another, both taken in turn in the same rounds; the "
    "smaller, the better. "
    "Some have a goal beside them, the most that we accept. A goal that is missed is in bold. "
    "**The limit** is the time of the matrix products alone, each in the best of its eight forms; "
    "[chapter 9](09-fast) explains it, and how to measure on a machine that has other work, too. "
    "Shapes are (steps, batch, input size, hidden size), numbers are float32, and each cell is the "
    "median of the rounds.\n"
)


def ratio(run, goal, title):
    """The ratio on the page for one race, or None if somebody did not take part."""
    ratios = run["races"][goal.kind][title]["ratios"]
    if goal.ours not in ratios or goal.theirs not in ratios:
        return None
    return ratios[goal.ours][1] / ratios[goal.theirs][1]


def rows(runs):
    """(goal, title of the race, ratio by number of threads) for every ratio on the page."""
    first = runs[min(runs)]
    for goal in GOALS:
        for title in first["races"][goal.kind]:
            measured = {threads: ratio(run, goal, title) for threads, run in runs.items()}
            if any(value is not None for value in measured.values()):
                yield goal, title, measured


def write(folder, path):
    """Make the page at ``path`` from the runs in ``folder``."""
    runs = {}
    for file in sorted(folder.glob("bench-*.json")):
        run = json.loads(file.read_text(encoding="utf-8"))
        runs[run["machine"]["threads"]] = run
    path.write_text(text(runs), encoding="utf-8")


def text(runs):
    """The page."""
    parts = [INTRODUCTION]
    spoken = {1: "one thread", 2: "two threads"}
    heads = [spoken.get(threads, f"{threads} threads") for threads in runs]
    titles = ["time of", "divided by that of", "at", "goal", *heads]
    for part, measured in groupby(rows(runs), key=lambda row: row[0].part):
        table = tables.markdown(titles, [_line(*row) for row in measured])
        parts.append(f"\n## {part}\n\n{table}\n")
    parts.append("\n## The machine\n\n")
    for run, head in zip(runs.values(), heads, strict=True):
        about = run["machine"]
        parts.append(
            f"- **{head[0].upper()}{head[1:]}**: {run['date']}, revision {about['revision']}, "
            f"{about['processor']}, {about['system']}, {about['blas']}, Python {about['python']}; "
            f"load before the run {run['load before']}.\n"
        )
        if run["left out"]:
            parts.append(f"  Not installed there: {', '.join(run['left out'])}.\n")
    versions = {k: v for k, v in about["versions"].items() if v}
    parts.append(f"- Versions: {', '.join(f'{k} {v}' for k, v in versions.items())}.\n")
    parts.append(
        "\n`make bench` measures all of it again on your machine, in some six minutes, and writes "
        "this page; `make bench-peers` installs those of the others that are too large for "
        "everybody. What runs on a GPU is not measured: none was at hand.\n"
    )
    return "".join(parts)


def _line(goal, title, measured):
    asked = goal.most if goal.most is not None and goal.among(title) else None
    cells = [_cell(value, asked) for value in measured.values()]
    at = f"{title} sequences of 1 to 100 steps" if goal.kind == "lengths" else title
    return [goal.ours, goal.theirs, at, "" if asked is None else f"{asked:.2f}", *cells]


def _cell(value, asked):
    if value is None:
        return ""
    return f"**{value:.2f}**" if asked is not None and round(value, 2) > asked else f"{value:.2f}"
