"""Every published mistake must be caught by the ordinary tests of the package."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import refused

import lstm
from lstm.zoo import ZOO, Bug, plant, source_of

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def run_tests():
    """From a folder to pytest's status, by a process that forks: see `forked.py`."""
    process = subprocess.Popen(
        [sys.executable, ROOT / "tests" / "forked.py"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        # Plugins that these tests do not need take three seconds to import.
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": ""},
    )  # fmt: skip

    def ask(folder):
        process.stdin.write(f"{folder}\n")
        process.stdin.flush()
        return int(process.stdout.readline())

    with process:
        yield ask


def copy(folder, module, bug=None):
    """Package and tests of a module, with the bug in it."""
    shutil.copytree(ROOT / "lstm", folder / "lstm", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "tests").mkdir()
    for name in ("helpers.py", "conftest.py", f"test_{module.replace('.', '_')}.py"):
        shutil.copy(ROOT / "tests" / name, folder / "tests" / name)
    if bug is not None:
        path = folder / "lstm" / f"{bug.module.replace('.', '/')}.py"
        path.write_text(source_of(bug), encoding="utf-8")
    return folder


@pytest.mark.parametrize("module", sorted({bug.module for bug in ZOO.values()}))
def test_the_real_module_passes(module, tmp_path, run_tests):
    assert run_tests(copy(tmp_path, module)) == pytest.ExitCode.OK


@pytest.mark.parametrize("bug", ZOO.values(), ids=ZOO)
def test_the_suite_catches(bug, tmp_path, run_tests):
    assert run_tests(copy(tmp_path, bug.module, bug)) == pytest.ExitCode.TESTS_FAILED


def test_every_bug_names_its_source():
    assert len(ZOO) >= 12
    thread = r"(issues|pull)/\d+|blob/(master|[0-9a-f]{40})/\S+\.\w+"
    for bug in ZOO.values():
        place = rf"github\.com/[\w.-]+/[\w.-]+/({thread})|gist\.github\.com/\w+/[0-9a-f]{{20}}"
        assert re.fullmatch(f"https://({place})", bug.source), bug
    assert {bug.kind for bug in ZOO.values()} == {
        "backward", "forward", "exchange", "another cell"
    }  # fmt: skip


def test_planting_leaves_the_real_module_alone():
    before = lstm.forward
    broken = plant(ZOO["dh not carried"])
    assert broken.forward is not before
    assert lstm.forward is before


def test_a_patch_that_does_not_fit_is_refused():
    text = Path(lstm.fused.__file__).read_text(encoding="utf-8")
    for patches, message in (
        ((("no such line", ""),), "expected 'no such line' once, got it 0 times"),
        ((("_BLOCK = ", ""), ("_BLOCK = ", "")), "expected '_BLOCK = ' once, got it 0 times"),
        ((("np.", ""),), f"expected 'np.' once, got it {text.count('np.')} times"),
    ):  # fmt: skip
        with refused(ValueError, f"nonsense: {message}"):
            plant(Bug("nonsense", "backward", "https://", patches))


def test_what_is_planted_is_called_as_the_real_module_and_holds_the_bug():
    bug = Bug("three", "forward", "https://", (("GATES = ", "GATES = NAMES = "),), "layout")
    broken = plant(bug)
    assert (broken.__name__, broken.__package__) == ("lstm.layout", "lstm")
    assert broken.NAMES == lstm.layout.GATES
    assert not hasattr(lstm.layout, "NAMES")
    assert {bug.name: bug for bug in ZOO.values()} == ZOO
