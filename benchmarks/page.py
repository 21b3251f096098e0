"""The page of benchmarks: every ratio with its goal, from the runs that `bench` has stored."""

import json
import re
from collections import Counter
from collections.abc import Callable
from itertools import groupby
from typing import NamedTuple

import figure

from lstm.book import tables

PEERS = ("Flax", "Keras", "Equinox")
WITHOUT = "PyTorch without oneDNN"  # in which its LSTM is one compiled program
LIBRARIES = ("PyTorch", "PyTorch, packed", *PEERS, "ONNX Runtime")


class Goal(NamedTuple):
    """The largest ratio of two times that is allowed, or a ratio that is shown without a goal.

    Attributes:
        part: The section of the page.
        kind: The kind of race in the stored run.
        ours: The contestant whose time is divided.
        theirs: The contestant by whose time it is divided.
        most: The largest ratio allowed; None if there is no goal.
        among: A test of a race's title: to which shapes the goal applies.
        where: The same in words.
    """

    part: str
    kind: str
    ours: str
    theirs: str
    most: float | None = None
    among: Callable[[str], bool] = lambda title: True
    where: str = ""


def _batch(title):
    return int(title.strip("(").split(",")[1])


def _hidden(title):
    return int(title.strip(")").split(",")[3])


GOALS = (
    Goal("Training one layer", "training", "lstm.fused", "limit"),
    Goal("Training one layer", "training", "lstm.fused", "as written"),
    Goal("Training one layer", "training", "lstm.fused", "PyTorch", 1.0),
    Goal("Training one layer", "training", "lstm.fused", WITHOUT),
    *(Goal("Training in JAX", "training", "lstm.scan", peer, 1.0) for peer in PEERS),
    Goal("Training in JAX", "training", "lstm.scan", "autodiff of the scan", 1.0),
    Goal("Outputs alone", "outputs alone", "without a cache", "limit"),
    Goal("Outputs alone", "outputs alone", "without a cache", "with a cache", 0.8,
         lambda title: _batch(title) > 1 and _hidden(title) in (128, 256),
         "to batches with 128 or 256 units"),
    Goal("Outputs alone", "outputs alone", "without a cache", "PyTorch", 1.0,
         lambda title: _batch(title) >= 32, "from a batch of 32 on"),
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

INTRODUCTION = """# Benchmarks

How fast is `lstm`, and where is it slow? Every ratio on this page is a time of ours divided by
that of something else, with both run in turn. Below 1 we are faster, above 1 slower; 0.50 is half
the time.

{headline}

![{described}](_static/benchmarks.svg)

*Every dot is a size of problem. Left of the line `lstm` is faster; right of it, in orange, slower.
Full dots are runs on one thread, rings on two.*

## How to read the tables

- **Sizes** such as (100, 32, 64, 128) are (n, b, D, H): n steps of a batch of b sequences, D inputs
  at each step, H units.
- **The limit** is the time of the matrix products alone, each written in the fastest of eight ways.
  A program that calls the same library for these products cannot come below 1.
  [Chapter 9](09-fast) explains it.
- **Goals** are the largest ratios that we accept. They come last in a table, and a ratio above
  its goal is in bold. A ratio without a goal is there to explain the others.
- **Numbers** are medians over rounds, in float32. Everybody runs in every round, each library in a
  process of its own, and each time is divided by another of the same round, so that other work on
  the machine hardly matters.
"""


class Section(NamedTuple):
    """What the page says of one part: why it is measured, what is divided by what, the rows."""

    why: str
    divided: str
    corner: str = "n, b, D, H"


SECTIONS = {
    "Training one layer": Section(
        "One step of training in NumPy, forward and back. `lstm.fused` runs beside the limit, "
        "beside the equations as they are first written, and beside PyTorch, which hands the whole "
        "layer to a library of compiled steps, oneDNN. With that switched off, PyTorch works "
        "operation by operation, as we do. [Chapter 9](09-fast) leads from the equations as "
        "written to `lstm.fused`, and measures every step of the way.",
        "the time of `lstm.fused`, divided by that of"),
    "Training in JAX": Section(
        "The same step where everybody is compiled by XLA. `lstm.scan` has the backward pass of "
        "this book. It runs beside three libraries, and beside JAX's own differentiation of the "
        "same forward pass, which says what that backward pass is worth.",
        "the time of `lstm.scan`, divided by that of"),
    "Outputs alone": Section(
        "A trained layer in use. Nothing is kept for a way back, which is what *without a cache* "
        "means, and should save time beside a run *with* one.",
        "the time of `lstm.forward` without a cache, divided by that of"),
    "Sequences of different lengths": Section(
        "Training on batches of sequences of 1 to 100 steps. Packed, no step of padding is "
        "computed; the simpler way runs over the padding. Both are measured against PyTorch's "
        "packed sequences.",
        "the time of each, divided by that of PyTorch", "sequences"),
    "A stack": Section(
        "Training two layers in both directions at (100, 32, 64, 128). `lstm.stack` runs beside "
        "the limit, beside the four runs of `lstm.fused` that it consists of, and beside PyTorch. "
        "Each call asks the system for *fresh* memory, which takes time; where memory is *kept*, a "
        "setting lets each process use again what it had.",
        "the time of `lstm.stack`, divided by that of", "memory"),
    "One step at a time": Section(
        "A network that answers at once, one sample after the other. `lstm.Stream` runs beside the "
        "limit, beside plain calls of `lstm.step`, and beside two libraries.",
        "the time of `lstm.Stream`, divided by that of", "network"),
    "Features as rows": Section(
        "Would it pay to store a feature in each row, and not a sequence, so that every gate is "
        "one piece of memory? The same passes in both forms.",
        "the time with features as rows, divided by that of the usual"),
}  # fmt: skip

THREADS = {1: "one thread", 2: "two threads"}
SPOKEN = {
    "limit": "the limit", "with a cache": "the run with a cache",
    "autodiff of the scan": "JAX's own differentiation",
    "forward": "the usual forward pass", "backward": "the usual backward pass",
}  # fmt: skip


class Found(NamedTuple):
    """One ratio with what it is a ratio of; ``most`` is None where no goal applies."""

    goal: Goal
    title: str
    threads: int
    value: float
    most: float | None

    @property
    def by_goal(self):
        return self.value / (self.most or 1)

    @property
    def met(self):
        return round(self.value, 2) <= self.most

    def __str__(self):
        theirs = SPOKEN.get(self.goal.theirs, self.goal.theirs.partition(",")[0])
        goal = f" (goal {self.most:.2f})" if self.most else ""
        place = _place(self.goal, self.title)
        sizes = {"lengths": "for {} sequences", "stack": "with {} memory", "stream": "for {}"}
        where = sizes.get(self.goal.kind, "at {}").format(place)
        part = "of" if self.value < 1 else "times"
        threads = _named(self.threads)
        return f"{self.value:.2f} {part} the time of {theirs}{goal}, {where} on {threads}"


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
    """Make the page at ``path``, and its drawing, from the runs in ``folder``."""
    runs = {}
    for file in sorted(folder.glob("bench-*.json")):
        run = json.loads(file.read_text(encoding="utf-8"))
        runs[run["machine"]["threads"]] = run
    path.write_text(text(runs), encoding="utf-8")
    drawn = figure.drawing(strips(found(rows(runs))))
    (path.parent / "_static" / "benchmarks.svg").write_text(drawn, encoding="utf-8")


def text(runs):
    """The page."""
    measured = list(rows(runs))
    ratios = list(found(measured))
    parts = [
        INTRODUCTION.format(headline=headline(ratios), described=figure.described(strips(ratios)))
    ]
    for part, here in groupby(measured, key=lambda row: row[0].part):
        lines, section = list(here), SECTIONS[part]
        parts.append(f"\n## {part}\n\n{section.why}\n\n{seen(list(found(lines)))}\n")
        for threads in runs:
            said = f"{_named(threads)}: {section.divided}"
            said = f"{said[0].upper()}{said[1:]}"
            table = _table(section.corner, lines, threads)
            if threads == min(runs):
                parts.append(f"\n{said}:\n\n{table}\n")
            else:
                said = re.sub("`(.+?)`", r"<code>\1</code>", said)
                parts.append(
                    f"\n<details>\n<summary>{said}</summary>\n\n{table}\n\n</details>\n"
                )
    parts.append("\n## The machine\n\n")
    for threads, run in runs.items():
        about = run["machine"]
        parts.append(
            f"- **{_named(threads).capitalize()}**: {run['date']}, revision {about['revision']}, "
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
        "everybody. All of it is one processor's view: on another one, or with other versions, a "
        "ratio near 1 may well fall on the other side. Nothing here was measured on a GPU.\n"
    )
    return "".join(parts)


def found(measured):
    """Every ratio of some rows by itself."""
    for goal, title, by_threads in measured:
        most = goal.most if goal.among(title) else None
        for threads, value in by_threads.items():
            if value is not None:
                yield Found(goal, title, threads, value, most)


def headline(ratios):
    """How often `lstm` is faster and slower than other libraries, and at most; and the goals."""
    peers = [one for one in ratios if one.goal.theirs in LIBRARIES]
    faster = [one for one in peers if round(one.value, 2) < 1]
    slower = [one for one in peers if round(one.value, 2) > 1]
    goals = [one for one in ratios if one.most]
    points = []
    for name, some, extreme in (("Faster", faster, min), ("Slower", slower, max)):
        if some:
            one = extreme(some, key=lambda one: one.value)
            whom = Counter(one.goal.theirs.partition(",")[0] for one in some)
            whom = ", ".join(f"{library} {times}" for library, times in whom.items())
            points.append(
                f"- **{name}** in {len(some)} of {len(peers)} comparisons with other libraries "
                f"({whom}). Most of all in [{one.goal.part}](#{_anchor(one.goal.part)}): {one}."
            )
    met = f"{sum(one.met for one in goals)} of {len(goals)}"
    points.append(f"- **Goals**, the largest ratios that we accept: {met} are met.")
    return "\n".join(points)


def seen(ratios):
    """The best and the worst of a section, measured by goals, and how many of these are met.

    Other libraries count without a goal, too; what is there to explain only where nothing else is.
    """
    asked = [one for one in ratios if one.most]
    shown = [one for one in ratios if one.most or one.goal.theirs in LIBRARIES] or ratios
    best, worst = (extreme(shown, key=lambda one: one.by_goal) for extreme in (min, max))
    said = [f"Best: {best}.", f"Worst: {worst}."]
    if asked:
        said.append(f"Goals met: {sum(one.met for one in asked)} of {len(asked)}.")
    if shown is ratios:
        said.append(f"Below 1: {sum(round(one.value, 2) < 1 for one in shown)} of {len(shown)}.")
    for goal in dict.fromkeys(one.goal for one in asked):
        if goal.where:
            theirs = SPOKEN.get(goal.theirs, goal.theirs)
            said.append(f"The goal beside {theirs} applies {goal.where}.")
    return " ".join(said)


def strips(ratios):
    """What the figure shows: (section, library, ratios by number of threads), for each peer."""
    peers = (one for one in ratios if one.goal.theirs in LIBRARIES)
    for goal, some in groupby(peers, key=lambda one: one.goal):
        library, way = goal.theirs.partition(",")[0], goal.ours.rpartition(", ")
        name = f"{library}, {way[2].split()[-1]}" if way[0] else library
        yield goal.part, name, [(one.threads, one.value) for one in some]


def _table(corner, lines, threads):
    """A row for each size, or for each contestant if these are more: a phone has room for that."""
    goals = list(dict.fromkeys(goal for goal, _, _ in lines))
    titles = list(dict.fromkeys(title for _, title, _ in lines))
    values = {(goal, title): by_threads[threads] for goal, title, by_threads in lines}
    alike = len({goal.theirs for goal in goals}) < len(goals)
    table = [[_pairs(corner), *(goal.ours if alike else goal.theirs for goal in goals)]]
    for title in titles:
        asked = (goal.most if goal.among(title) else None for goal in goals)
        ratios = (values.get((goal, title)) for goal in goals)
        table.append([_pairs(_place(goals[0], title)), *map(_cell, ratios, asked)])
    if any(goal.most for goal in goals):
        table.append(["goal", *(f"{goal.most:.2f}" if goal.most else "–" for goal in goals)])
    if len(titles) < len(goals):
        table = list(zip(*table, strict=True))
    return tables.markdown(table[0], table[1:])


def _cell(value, asked):
    if value is None:
        return "–"
    return f"**{value:.2f}**" if asked is not None and round(value, 2) > asked else f"{value:.2f}"


def _place(goal, title):
    """What tells a race from the others of its section."""
    if goal.kind == "stack":
        return "kept" if title.endswith("memory kept") else "fresh"
    return title


def _pairs(sizes):
    """Sizes without brackets, which end a line, if they must, between b and D."""
    return re.sub(r"^\(?(\w+), (\w+, \w+), (\w+)\)?$", r"\1,&nbsp;\2,&nbsp;\3", sizes)


def _named(threads):
    return THREADS.get(threads, f"{threads} threads")


def _anchor(part):
    return part.lower().replace(" ", "-")
