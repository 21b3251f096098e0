"""The workbook as an assignment: made, handed in, and graded by Otter-Grader."""

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from workbook_solutions import SOLUTIONS  # noqa: E402


def run(*command, folder=ROOT):
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def assignment(tmp_path_factory):
    """Otter runs the notebook with solutions against its tests, and refuses if one fails."""
    folder = tmp_path_factory.mktemp("assignment")
    run("tools.assignment", str(folder))
    return folder


def grade(assignment, notebook, folder):
    """What a notebook gets, by task, and what the grader says."""
    path = folder / "workbook.ipynb"
    nbformat.write(notebook, path)
    (archive,) = (assignment / "autograder").glob("*.zip")
    run("otter", "run", "-a", str(archive), "-o", str(folder), "--no-logo", str(path),
        folder=folder)  # fmt: skip
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    scores = {test["name"]: test["score"] for test in results["tests"] if "score" in test}
    return {task: scores[task] for task in SOLUTIONS}, json.dumps(results)


def handed_in(assignment, **written):
    """The students' notebook with some functions written."""
    notebook = nbformat.read(assignment / "student" / "workbook.ipynb", as_version=4)
    for cell in notebook.cells:
        found = re.match(r"def (\w+)", cell.source) if cell.cell_type == "code" else None
        if found and found[1] in written:
            cell.source = written[found[1]]
    return notebook


def test_students_get_no_solutions(assignment):
    text = (assignment / "student" / "workbook.ipynb").read_text(encoding="utf-8")
    for task, solution in SOLUTIONS.items():
        assert f"def {task}(" in text
        for line in solution.splitlines()[1:]:
            assert "return" not in line or json.dumps(line)[1:-1] not in text
    assert text.count("raise NotImplementedError") >= len(SOLUTIONS)
    assert not re.search(r"\]\(\d\d-", text), "a link to a page that is not there"


def test_model_solutions_get_all_points(assignment, tmp_path):
    scores, _ = grade(assignment, handed_in(assignment, **SOLUTIONS), tmp_path)
    assert set(scores.values()) == {1.0}


def test_an_empty_notebook_gets_none(assignment, tmp_path):
    scores, said = grade(assignment, handed_in(assignment), tmp_path)
    assert set(scores.values()) == {0.0}
    assert "not written yet" in said


def test_a_mistake_costs_its_task_and_is_named(assignment, tmp_path):
    wrong = SOLUTIONS["d_forget_gate"].replace("dc * c_prev", "-dc * c_prev")
    scores, said = grade(
        assignment, handed_in(assignment, **(SOLUTIONS | {"d_forget_gate": wrong})), tmp_path
    )
    # The tasks that stand on it are wrong as well; the others are not.
    assert {task for task, score in scores.items() if not score} == {
        "d_forget_gate", "step_back", "backward",
    } | ({"train"} if not scores["train"] else set())  # fmt: skip
    assert "has the wrong sign" in said
