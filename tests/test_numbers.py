"""Numbers and names of files that pages type: they are those of the code and of the data."""

import inspect
import json
import re
from pathlib import Path

import mutant_scores
import numpy as np
import pytest
import sweeps
import sweeps_stack
import test_scan
import test_sweeps
import test_sweeps_newer

from experiments.__main__ import EXPERIMENTS
from lstm import laws
from lstm.exchange.conventions import ROSETTA
from lstm.gradcheck import THRESHOLDS
from lstm.layout import GATES
from lstm.variants import CELLS
from lstm.zoo import ZOO

ROOT = Path(__file__).parent.parent
TESTED, README = "book/tested.md", "README.md"
POWERS = max(inspect.signature(laws.linearity).parameters["powers"].default)
SINGLE, DOUBLE = (max(sweeps.LINEAR[np.dtype(dtype)]) for dtype in (np.float32, np.float64))
SHIFT = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹‑", "-0123456789-")  # superscripts, and hyphens that do not break


def planted(*tables):
    return sum(map(len, tables))


def stored():
    """How many runs are stored."""
    paths = (experiment.path for experiment in EXPERIMENTS.values())
    return sum(len(json.loads(path.read_text(encoding="utf-8"))["runs"]) for path in paths)


CLAIMS = [  # page, text before and after a number or several, and what they must be
    (TESTED, r"`test_sweeps.py` plants (\d+) that", [
        planted(test_sweeps.AROUND, test_sweeps.INSIDE, test_sweeps.UNKEPT, test_sweeps.STACKED,
                test_sweeps.HIGHER)]),
    (TESTED, r"`test_scan.py` plants (\d+) in", [planted(test_scan.BUGS)]),
    (TESTED, r"`test_sweeps_newer.py` (\d+) in what", [planted(test_sweeps_newer.PLANTED)]),
    (TESTED, r"each of the (\d+) mistakes of", [planted(ZOO)]),
    (TESTED, r"each of (\d+) that show only under", [planted(
        test_sweeps.AROUND, test_sweeps.INSIDE, test_sweeps.UNKEPT, test_sweeps.STACKED,
        test_sweeps.HIGHER, test_scan.BUGS, test_sweeps_newer.PLANTED)]),
    (TESTED, r"all (\d+) cells, dropout", [planted(CELLS)]),
    (TESTED, r"of all (\d+) cells of this book", [planted(CELLS)]),
    (TESTED, r"differences \(to 1e-(\d+)\), the complex step and JAX \(both to 1e-(\d+)\)", [
        -round(np.log10(THRESHOLDS["central"])),
        *{-round(np.log10(THRESHOLDS[name])) for name in ("complex", "jax")}]),
    (TESTED, r"size from 0 to (\d+) and around the likely thresholds up to (\d+)", [
        max(k for k in sweeps.EDGES if set(range(k)) <= set(sweeps.EDGES)), sweeps.LARGEST]),
    (TESTED, r"every size up to (\d+) along each axis, and chosen ones up to (\d+)", [
        max(k for k in sweeps.EDGES if set(range(k)) <= set(sweeps.EDGES)), sweeps.LARGEST]),
    (TESTED, r"numbers from 1e(-\d+) to 1e(\d+), float32", [
        min(sweeps.MAGNITUDES), max(sweeps.MAGNITUDES)]),
    (TESTED, r"tries cotangents from 2(-\d+) to 2(\d+)", [-POWERS, POWERS]),
    (TESTED, r"from 2(-\d+) to 2(\d+) in float64", [-DOUBLE, DOUBLE]),
    (TESTED, r"from 2(-\d+) to 2(\d+) in float32", [-SINGLE, SINGLE]),
    (TESTED, r"\| 1e-(\d+) of the largest number; 2e-(\d+) in float32", [13, 5]),
    (TESTED, r"complex step and JAX \| 1e-(\d+); 1e-(\d+) \|", [
        -round(np.log10(THRESHOLDS["central"])), -round(np.log10(THRESHOLDS["complex"]))]),
    (TESTED, r"at (\w+) large shapes only", ["five" if len(test_scan.LARGE) == 5 else "other"]),
]  # fmt: skip


def read(page):
    return (ROOT / page).read_text(encoding="utf-8").translate(SHIFT)


@pytest.mark.parametrize(("page", "pattern", "values"), CLAIMS)
def test_a_number_is_that_of_the_code(page, pattern, values):
    found = re.findall(pattern, read(page))
    assert found, pattern
    for one in found:
        got = [one] if isinstance(one, str) else list(one)
        assert got == [str(value) for value in values]


def test_the_bounds_of_the_sweeps_are_those_of_the_page():
    assert sweeps.WITHIN[np.dtype(np.float64)] == 1e-13
    assert sweeps.WITHIN[np.dtype(np.float32)] == 2e-5
    assert len(GATES) == 4


@pytest.mark.parametrize("page", [TESTED, README, "CONTRIBUTING.md", "index.md"])
def test_a_file_that_is_named_is_there(page):
    """Tests by their names alone, others with their folders."""
    text = re.sub(r"```.*?```", "", read(page), flags=re.DOTALL)
    for name in set(re.findall(r"`([\w./*-]+\.(?:py|md|json|npz|js|css|txt|toml))`", text)):
        path = f"tests/{name}" if name.startswith("test_") else name
        if "NN" not in name and ("/" in path or (ROOT / path).suffix == ".toml"):
            assert list(ROOT.glob(path)) or list(ROOT.glob(f"book/{path}")), (page, name)


@pytest.mark.parametrize("name", ["AROUND", "INSIDE", "UNKEPT", "STACKED", "HIGHER"])
def test_every_planted_bug_names_a_sweep(name):
    known = {*sweeps.FUSED, *sweeps_stack.STACK, *test_sweeps.sweeps_above.ABOVE}
    assert {entry[0] for entry in getattr(test_sweeps, name).values()} <= known


def test_more_mutants_were_tried_and_killed_than_the_page_says():
    text = read(TESTED)
    (tried,) = re.findall(r"the code in more than (\d+) small ways", text)
    (share,) = re.findall(r"the tests noticed more than (\d+) of 100 changes", text)
    found = mutant_scores.together(mutant_scores.stored().values())
    assert int(tried) < found.tried()
    assert int(share) < found.percent()


def test_the_libraries_that_are_counted_have_a_row_and_a_test():
    claim = r"\*\*(\w+) other libraries get .*?\*\* (.*?) run with"
    ((count, named),) = re.findall(claim, read(TESTED))
    names = [name.split()[0] for name in re.split(", | and ", named)]
    assert count == {8: "Eight"}[len(set(names))]
    assert set(names) <= {row.split()[0] for row in ROSETTA}
    tests = " ".join(path.stem for path in (ROOT / "tests").rglob("test_*.py"))
    for name in names:
        assert re.search(rf"test_(exchange_)?{name.lower().replace('py', '')}\b", tests), name


def test_the_page_on_devices_says_how_many_steps():
    source = read("tests/test_distributed.py")
    assert re.search(r"train\.train\(SETTINGS, 50,", source)
    assert "trains for fifty steps on one device, on eight virtual devices" in read(TESTED)


def test_there_are_more_runs_than_the_readme_says():
    (said,) = re.findall(r"the results of more than (\d+) runs", read(README))
    assert int(said) < stored()
