"""Write the workbook as an assignment for Otter-Grader: for students, and for the grader.

    python -m tools.assignment [FOLDER]

The master notebook combines the workbook with the model solutions with which its tests work
through it. Each task becomes a question, and each check its
test, with the verdict as the message. `otter assign` makes the two notebooks of it, and runs the
one with solutions against the tests. What a student hands in is graded by::

    otter run --autograder FOLDER/autograder/*.zip SUBMISSION.ipynb
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

ROOT = Path(__file__).resolve().parent.parent
WORKBOOK = ROOT / "book" / "workbook.ipynb"
FOLDER = ROOT / "_build" / "assignment"

CONFIG = """# ASSIGNMENT CONFIG
name: lstm-workbook
requirements: null
init_cell: true
export_cell:
    pdf: false
    run_tests: false
check_all_cell: true
generate:
    show_stdout: true
    pdf: false
"""
LINK = re.compile(r"\[([^\]]*)\]\([\w-]+\)")  # pages of the book are not beside an assignment


def master(solutions: dict[str, str]) -> nbformat.NotebookNode:
    """The notebook from which `otter assign` makes the others."""
    cells = [new_raw_cell(CONFIG)]
    task = ""
    for cell in nbformat.read(WORKBOOK, as_version=4).cells:
        source = cell.source
        if cell.cell_type == "markdown":
            cells.append(new_markdown_cell(LINK.sub(r"\1", source)))
        elif source.startswith("def "):
            task = re.match(r"def (\w+)", source)[1]
            head = source.splitlines()[0]
            lines = solutions[task].rstrip().splitlines()[1:]
            solved = [head, "    # BEGIN SOLUTION NO PROMPT", *lines, "    # END SOLUTION",
                      '    """ # BEGIN PROMPT', "    raise NotImplementedError",
                      '    """ # END PROMPT']  # fmt: skip
            cells.append(new_raw_cell(f"# BEGIN QUESTION\nname: {task}\npoints: 1\n"))
            cells.append(new_raw_cell("# BEGIN SOLUTION"))
            cells.append(new_code_cell("\n".join(solved)))
            cells.append(new_raw_cell("# END SOLUTION"))
        elif source.startswith("tutor."):
            test = f"verdict = {source}\nassert verdict.ok, str(verdict)"
            cells.append(new_raw_cell("# BEGIN TESTS"))
            cells.append(new_code_cell(test))
            cells.append(new_raw_cell("# END TESTS"))
            cells.append(new_raw_cell("# END QUESTION"))
        else:
            cells.append(new_code_cell(source))
    ordered = hints_before_tests(cells)
    return new_notebook(cells=ordered, metadata=nbformat.read(WORKBOOK, as_version=4).metadata)


def hints_before_tests(cells: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Move hints before the test: in a question nothing may come between a task and its check."""
    ordered, question = [], None
    for cell in cells:
        if cell.cell_type == "raw" and cell.source.startswith("# BEGIN QUESTION"):
            question = len(ordered)
        hint = cell.cell_type == "markdown" and "<summary>First hint</summary>" in cell.source
        ordered.insert(question, cell) if hint else ordered.append(cell)
    return ordered


def main(folder: Path = FOLDER) -> int:
    """Write the master notebook and have it made into an assignment.

    Args:
        folder: The folder to write to.

    Returns:
        int: The exit code of `otter assign`.
    """
    sys.path.insert(0, str(ROOT / "tests"))
    from workbook_solutions import SOLUTIONS

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "workbook.ipynb"
    nbformat.write(master(SOLUTIONS), path)
    command = [sys.executable, "-m", "otter", "assign", str(path), str(folder)]
    return subprocess.run(command, check=False, cwd=folder).returncode


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    sys.exit(main(parser.parse_args().folder))
