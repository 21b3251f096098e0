"""The types, as a user's checker sees them: right code passes, wrong code is caught by the line."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "tests" / "typing"


@pytest.fixture(scope="module")
def complaints():
    """What mypy has to say under --strict: for each file the numbers of lines, and all of it."""
    command = [sys.executable, "-m", "mypy", "--strict", *map(str, sorted(FOLDER.glob("*.py")))]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode in (0, 1), result.stderr
    found = re.findall(r"(\w+)\.py:(\d+): error: ", result.stdout)
    numbers = {name: {int(k) for n, k in found if n == name} for name in ("good", "bad")}
    return numbers, result.stdout


def test_right_code_passes(complaints):
    found, text = complaints
    assert not found["good"], text


def test_every_mistake_is_caught(complaints):
    found, text = complaints
    lines = (FOLDER / "bad.py").read_text(encoding="utf-8").splitlines()
    wrong = {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}
    assert len(wrong) > 20
    assert found["bad"] == wrong, text
