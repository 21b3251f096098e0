"""The page of benchmarks is that of the stored runs, and every goal finds its ratio."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

BOOK = Path(__file__).parent.parent / "book"


@pytest.fixture
def page(monkeypatch):
    monkeypatch.syspath_prepend(str(BOOK.parent / "benchmarks"))
    import page

    return page


@pytest.fixture
def runs():
    files = sorted((BOOK / "data").glob("bench-*.json"))
    found = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    return {run["machine"]["threads"]: run for run in found}


def test_the_page_is_that_of_the_stored_runs(page, tmp_path):
    (tmp_path / "_static").mkdir()
    page.write(BOOK / "data", tmp_path / "benchmarks.md")
    for name in ("benchmarks.md", "_static/benchmarks.svg"):
        stored = (BOOK / name).read_text(encoding="utf-8")
        assert (tmp_path / name).read_text(encoding="utf-8") == stored


def test_every_ratio_of_the_runs_is_in_a_table_and_every_table_is_introduced(page, runs):
    text = page.text(runs)
    parts = re.split("^## ", text, flags=re.M)[1:]
    named = {part.partition("\n")[0]: part for part in parts}
    assert list(page.SECTIONS) == list(dict.fromkeys(goal.part for goal in page.GOALS))
    found = list(page.found(page.rows(runs)))
    for part, section in page.SECTIONS.items():
        here = [one for one in found if one.goal.part == part]
        before = named[part].partition("\n| ")[0]
        assert all(told in before for told in (section.why, "Best: ", "Worst: ", section.divided))
        for threads in runs:
            table = named[part].split("| --- |")[list(runs).index(threads) + 1]
            table = table.partition("\n\n")[0].replace("*", "")
            shown = re.findall(r"\| (\d+\.\d\d)(?= \|)", table)
            goals = list(dict.fromkeys(one.goal for one in here))
            asked = [f"{goal.most:.2f}" for goal in goals if goal.most]
            values = [f"{one.value:.2f}" for one in here if one.threads == threads]
            assert sorted(shown) == sorted(asked + values), (part, threads)


def made(page, *values):
    """Ratios of training beside PyTorch, on one thread, as the page speaks of them."""
    goal = page.GOALS[2]
    sizes = [f"({k}, 1, 4, 5)" for k in range(len(values))]
    return [page.Found(goal, size, 1, value, goal.most)
            for size, value in zip(sizes, values, strict=True)]  # fmt: skip


def test_what_is_said_first_is_the_best_the_worst_and_how_many(page):
    ratios = made(page, 1.2, 0.5, 1.004, 3.0, 0.7)
    said = page.seen(ratios)
    assert said == (
        "Best: 0.50 of the time of PyTorch (goal 1.00), at (1, 1, 4, 5) on one thread. "
        "Worst: 3.00 times the time of PyTorch (goal 1.00), at (3, 1, 4, 5) on one thread. "
        "Goals met: 3 of 5."
    )
    faster, slower, goals = page.headline(ratios).split("\n")
    assert faster.startswith("- **Faster** in 2 of 5 comparisons with other libraries (PyTorch 2).")
    assert slower.startswith("- **Slower** in 2 of 5 comparisons with other libraries (PyTorch 2).")
    assert faster.endswith(f": {ratios[1]}.")
    assert slower.endswith(f": {ratios[3]}.")
    assert goals == "- **Goals**, the largest ratios that we accept: 3 of 5 are met."
    # The worst is the one farthest above its goal, not the largest ratio.
    assert "Worst: 1.20" in page.seen([ratios[0], ratios[3]._replace(most=4.0)])
    # A library counts where no goal applies, and what explains does not.
    goal = page.Goal("Training one layer", "training", "lstm.fused", "limit")
    explains = ratios[3]._replace(goal=goal, value=9.0, most=None)
    said = page.seen([*ratios[:3], ratios[3]._replace(most=None), explains])
    assert "Worst: 3.00 times the time of PyTorch, at" in said
    assert said.endswith("Goals met: 2 of 3.")
    # Where nothing else is, it says how often ours is faster; as long counts as not faster.
    said = page.seen([explains, *(explains._replace(value=value) for value in (0.4, 0.996))])
    assert "Worst: 9.00 times the time of the limit, at" in said
    assert said.endswith(" on one thread. Below 1: 1 of 3.")


def test_the_drawing_has_a_dot_for_each_ratio_on_its_side_of_the_line(page):
    import figure

    ratios = made(page, 1.2, 0.5, 1.004, 3.0)
    svg = figure.drawing(page.strips([*ratios, ratios[0]._replace(threads=2)]))
    line = float(re.search(r'M([\d.]+) \d+ V\d+" stroke="var\(--ink', svg)[1])
    dot = r'<circle cx="([\d.]+)" .*? fill="var\(--(.*?),.*? stroke="var\(--(.*?),'
    dots = re.findall(dot, svg)
    where = [round((float(x) - line), 1) for x, _, _ in dots]
    octave = where[1] / np.log2(0.5)  # an octave is as wide everywhere
    expected = [octave * np.log2(ratio) for ratio in (1.2, 0.5, 1.004, 3.0, 1.2)]
    assert octave > 20
    np.testing.assert_allclose(where, expected, rtol=0, atol=0.11)
    colours = ["gate-f", "gate-i", "gate-i", "gate-f", "gate-f"]
    assert [stroke for _, _, stroke in dots] == colours
    assert [fill for _, fill, _ in dots] == [*colours[:4], "face"]
    assert "Training one layer, PyTorch: 0.50 to 3.00." in figure.described(page.strips(ratios))


def test_everybody_took_part_in_every_run(runs):
    assert min(runs) == 1
    for threads, run in runs.items():
        assert run["machine"]["threads"] == threads
        assert run["left out"] == {}
        assert not run["machine"]["revision"].endswith("+")
        for races in run["races"].values():
            for raced in races.values():
                quartiles = np.array(list(raced["ratios"].values()))
                assert (quartiles > 0).all()
                assert (np.diff(quartiles) >= 0).all()
                assert raced["rounds"] >= 7


def test_every_goal_has_a_ratio_and_applies_somewhere(page, runs):
    rows = list(page.rows(runs))
    for goal in page.GOALS:
        titles = [title for found, title, _ in rows if found is goal]
        assert titles, goal
        assert goal.most is None or any(goal.among(title) for title in titles), goal


def test_a_missed_goal_is_bold_and_a_missing_peer_leaves_a_gap(page):
    goal = page.GOALS[2]
    assert (goal.ours, goal.theirs, goal.most) == ("lstm.fused", "PyTorch", 1.0)
    ratios = {"lstm.fused": [2, 2, 2], "PyTorch": [1, 1.6, 2], "limit": [1, 1, 1]}
    run = {"races": {"training": {"(5, 3, 10, 4)": {"ratios": ratios}}}}
    assert page.ratio(run, goal, "(5, 3, 10, 4)") == 1.25
    assert page._cell(1.25, goal.most) == "**1.25**"
    assert page._cell(1.004, goal.most) == "1.00"
    assert page._cell(0.8, goal.most) == "0.80"
    assert page._cell(1.25, None) == "1.25"
    del ratios["PyTorch"]
    assert page.ratio(run, goal, "(5, 3, 10, 4)") is None
    assert page._cell(None, goal.most) == "–"


def test_a_table_has_the_sizes_down_unless_the_contestants_are_more(page):
    training, streams = (
        [goal for goal in page.GOALS if goal.part == part]
        for part in ("Training one layer", "One step at a time")
    )
    sizes = [f"({n}, 2, 3, 4)" for n in (5, 6, 7, 8)]
    rows = [(goal, size, {1: 0.5, 2: 1.5}) for goal in training for size in sizes]
    lines = page._table("n, b, D, H", rows, 2).split("\n")
    assert lines[0].startswith("| n,&nbsp;b, D,&nbsp;H | limit | as written | PyTorch |")
    assert lines[2] == "| 5,&nbsp;2, 3,&nbsp;4 | 1.50 | 1.50 | **1.50** | 1.50 |"
    assert lines[-1] == "| goal | – | – | 1.00 | – |"
    rows = [(goal, "one layer", {1: 0.5}) for goal in streams if goal.theirs != "PyTorch"]
    assert page._table("network", rows, 1).split("\n") == [
        "| network | one layer | goal |", "| --- | ---: | ---: |", "| limit | 0.50 | 1.80 |",
        "| lstm.step | 0.50 | – |", "| ONNX Runtime | 0.50 | 1.00 |",
    ]  # fmt: skip


def test_ratios_are_of_times_of_the_same_round(monkeypatch):
    monkeypatch.syspath_prepend(str(BOOK.parent / "benchmarks"))
    import turns

    rounds = [{"limit": 0.1 * k, "ours": 0.3 * k, "theirs": 0.1 * k * k} for k in (1, 2, 3, 4, 5)]
    assert turns.quartiles(rounds, "limit") == {
        "rounds": 5,
        "limit_ms": 300.0,
        "ratios": {"limit": [1, 1, 1], "ours": [3, 3, 3], "theirs": [2, 3, 4]},
    }


TURNS = """
import os

def contestants(seconds, library):
    if library == "numpy" and seconds < 0:
        raise ValueError("seconds: expected at least 0")
    def run():
        with open(os.path.join(os.environ["SEEN"], f"{library} {os.getpid()}"), "a") as file:
            file.write(os.environ["MARK"])
    missing = {"Equinox": "not installed"} if library == "jax" else {}
    return ({f"{library} {k}": run for k in range(2)} if library != "jax" else {}), missing
"""


def test_each_library_runs_in_a_process_of_its_own(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(BOOK.parent / "benchmarks"))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("SEEN", str(tmp_path / "seen"))
    (tmp_path / "seen").mkdir()
    (tmp_path / "some.py").write_text(TURNS)
    import turns

    with turns.Turns(1, MARK="x") as taken:
        raced, left_out = taken.race("some.contestants", (0,), "numpy 1", 0)
        said = r"^numpy: ValueError: seconds: expected at least 0$"
        with pytest.raises(RuntimeError, match=said):
            taken.race("some.contestants", (-1,), "numpy 1", 0)
    libraries = ("numpy", "torch", "onnxruntime")
    assert "MARK" not in os.environ
    assert list(raced["ratios"]) == [f"{library} {k}" for library in libraries for k in range(2)]
    assert raced["ratios"]["numpy 1"] == [1, 1, 1]
    assert raced["rounds"] == turns.LEAST
    assert left_out == {"Equinox": "not installed"}
    seen = {tuple(path.name.split()): path.read_text() for path in (tmp_path / "seen").iterdir()}
    assert sorted(library for library, _ in seen) == sorted(libraries)
    assert len({process for _, process in seen} | {str(os.getpid())}) == 4
    # Two contestants: each once to compile, and in each round twice, of which one is timed.
    assert {len(runs) for runs in seen.values()} == {2 + 4 * turns.LEAST}
