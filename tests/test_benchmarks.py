"""The page of benchmarks is that of the stored runs, and every goal finds its ratio."""

import json
import os
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


def test_the_page_is_that_of_the_stored_runs(page, runs):
    assert page.text(runs) == (BOOK / "benchmarks.md").read_text(encoding="utf-8")


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
    assert page._cell(None, goal.most) == ""


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
