"""Which test runs which lines, for `tests/mutants.py`: one run of all tests under coverage.

A mistake in a line that a test does not run cannot make it fail, so a mutant is shown to those
tests alone that ran the line before. What is kept of a file holds as long as its text is the same.

    python tests/mutant_lines.py        run all tests, and keep what each ran in `.lines`
"""

import ast
import difflib
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / ".lines"
PLUGINS = Path(__file__).resolve().parent
SOURCES = ("lstm", "book/_ext", "distributed")
TESTS = ("lstm", "tests")
OPTIONS = (
    "-q", "-n", "2", "--dist", "worksteal", "-p", "no:cacheprovider", "-p", "mutant_lines",
    "-W", "ignore::coverage.exceptions.CoverageWarning", "--cov-context=test", "--cov-report=",
    "-o", "norecursedirs=browser course typing",  # of a folder within another pytest takes one
)  # fmt: skip


class Lines:
    """What is known of a file.

    Attributes:
        ran: By test, the lines of the file that it runs. Tests that are not there are unknown.
        seconds: By test, how long it takes.
    """

    def __init__(self, ran=None, seconds=None):
        self.ran, self.seconds = ran or {}, seconds or {}


def record():
    """Run all tests, those with the peers included, and keep which lines each runs."""
    KEPT.mkdir(exist_ok=True)
    for file in KEPT.iterdir():
        file.unlink()
    python = os.pathsep.join([str(PLUGINS), str(ROOT)])
    environment = {"COVERAGE_FILE": str(KEPT / "lines"), "PYTHONPATH": python}
    digests = {name: digest(ROOT / name) for name in files()}
    sources = [f"--cov={source}" for source in SOURCES]
    command = [sys.executable, "-m", "pytest", *OPTIONS, *sources, *TESTS]
    if subprocess.run(command, cwd=ROOT, env=os.environ | environment).returncode:
        sys.exit("mutant_lines: expected all tests to pass as they are")
    (KEPT / "files.json").write_text(json.dumps(digests))


def files():
    """The files whose lines are recorded, from the root."""
    found = (path for source in SOURCES for path in (ROOT / source).rglob("*.py"))
    return [path.relative_to(ROOT).as_posix() for path in sorted(found)]


def digest(path):
    """A digest of a text, whose lines have numbers."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def known(name):
    """What is known of a file; how long the tests take alone if it is not the same any more."""
    kept = KEPT / "files.json"
    digests = json.loads(kept.read_text()) if kept.exists() else {}
    if not digests:
        return Lines()
    seconds = json.loads((KEPT / "seconds.json").read_text())
    if digests.get(name) != digest(ROOT / name):
        return Lines(seconds=seconds)
    from coverage import CoverageData

    data = CoverageData(str(KEPT / "lines"))
    data.read()
    ran = {test: set() for test in seconds}
    for line, contexts in data.contexts_by_lineno(str(ROOT / name)).items():
        for context in contexts:
            ran.setdefault(test_of(context), set()).add(line)
    return Lines(ran, seconds)


def test_of(context):
    """The test of a context of coverage, which is that of one of its phases."""
    return context.rpartition("|")[0]


def changed(source, mutant):
    """The lines that a mistake concerns, as a set: of a statement all, of a signature those of the
    function. Empty where only an import shows it."""
    matcher = difflib.SequenceMatcher(None, source.splitlines(), mutant.splitlines(), False)
    parts = [(a, max(a + 1, b)) for tag, a, b, *_ in matcher.get_opcodes() if tag != "equal"]
    first, last = parts[0][0] + 1, parts[-1][1]
    tree = ast.parse(source)
    inside = [
        node for node in ast.walk(tree)
        if isinstance(node, ast.stmt) and start(node) <= first and last <= node.end_lineno
    ]  # fmt: skip
    functions = [node for node in inside if isinstance(node, ast.FunctionDef)]
    if not functions:
        return set()
    node = max(inside, key=start)
    body = [] if isinstance(node, ast.FunctionDef) else getattr(node, "body", [])
    whole = not body or last >= start(body[0])
    return set(range(start(node), (node.end_lineno if whole else start(body[0]) - 1) + 1))


def start(node):
    """The first line of a statement, with its decorators."""
    return min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])


class Clock:
    """A pytest plugin: how long each test takes."""

    def __init__(self):
        self.seconds = {}

    def pytest_runtest_logreport(self, report):
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration

    def pytest_sessionfinish(self, session):
        kept = Path(os.environ["COVERAGE_FILE"]).parent  # as `record` says
        (kept / "seconds.json").write_text(json.dumps(self.seconds))


def pytest_configure(config):
    """Let the clock run in the process that hears of all tests."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Clock())


if __name__ == "__main__":
    record()
