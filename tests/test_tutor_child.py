"""The interpreter in which a file is judged: what it is given, and whatever becomes of it."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from right_lstms import STYLES

import lstm
from lstm.tutor import child
from lstm.tutor.child import CannotRunError, judge_file
from lstm.tutor.verdict import Finding, Verdict

ROOT = str(Path(lstm.__file__).parents[1])
UNWRITTEN = "\ndef forward(X, WLSTM, c0, h0): pass\n"  # is judged at once


@contextlib.contextmanager
def cannot_run(said):
    with pytest.raises(CannotRunError) as error:
        yield
    assert str(error.value) == said


def started(monkeypatch):
    """Note what is started, and for how long it is waited for."""
    notes = []

    class Noted(subprocess.Popen):
        def __init__(self, *arguments, **options):
            self.limits = []
            notes.append(self)
            super().__init__(*arguments, **options)

        def wait(self, timeout=None):
            self.limits.append(timeout)
            return super().wait(timeout)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    return notes


def answered(monkeypatch, answer):
    """Let something else than the file write the answer."""

    class Answered(subprocess.Popen):
        def __init__(self, command, **options):
            Path(command[4]).write_bytes(answer)
            super().__init__([sys.executable, "-c", ""], **options)

    monkeypatch.setattr(child.subprocess, "Popen", Answered)


# What it is given.


def test_the_file_finds_what_it_would_find_as_a_script(file, tmp_path, monkeypatch):
    """The package that judges it is the one that has been called, whatever is installed."""
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside/of_theirs.py").write_text("x = 3")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "beside"))
    monkeypatch.setenv("OF_THEIRS", "4")
    monkeypatch.chdir(tmp_path / "beside")
    text = f"""
import os, sys
import lstm, of_theirs
assert (of_theirs.x, os.environ["OF_THEIRS"]) == (3, "4")
assert lstm.__file__ == {lstm.__file__!r}
assert sys.path[0] == os.path.dirname(__file__)
assert vars(sys.modules[__name__]) is globals()
assert __name__ == "file_to_check"
assert __builtins__.len is len
"""
    assert judge_file(file(text + UNWRITTEN)).findings[0].status == "unwritten"


def test_the_package_is_found_where_no_path_is_set(file, tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.chdir(tmp_path)
    text = f"import lstm\nassert lstm.__file__ == {lstm.__file__!r}\n"
    assert judge_file(file(text + UNWRITTEN)).findings[0].status == "unwritten"


def test_nothing_is_read_from_the_command_or_written_past_it(file):
    text = "import os, sys\nassert sys.stdin.read() == ''\nos.write(1, b'out')\nos.write(2, b'err')"
    command = [sys.executable, "-m", "lstm", "check", file(text + UNWRITTEN)]
    done = subprocess.run(
        command, input="typed", capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": ROOT},
    )  # fmt: skip
    said = "forward  not written yet: write it, then check again\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, said, "")


def test_a_file_may_leave_threads_that_run(file):
    text = "import threading, time\nthreading.Thread(target=time.sleep, args=(300,)).start()"
    assert judge_file(file(text + UNWRITTEN), total=60).findings[0].status == "unwritten"


@pytest.mark.parametrize(("given", "total"), [({}, 120.0), ({"total": 60}, 60)])
def test_the_time_for_everything(file, monkeypatch, given, total):
    notes = started(monkeypatch)
    judge_file(file(UNWRITTEN), **given)
    assert notes[0].limits == [total, None]


def test_options_are_those_of_the_check(file):
    source, options = STYLES["einsum, batch first"]
    assert judge_file(file(source), **options).ok


# What may become of it.


def test_what_takes_too_long_has_ended(file, monkeypatch):
    notes = started(monkeypatch)
    path = file("import time\ntime.sleep(300)")
    with cannot_run(f"{path}: took longer than 0.5 seconds"):
        judge_file(path, total=0.5)
    assert notes[0].returncode == -9


def test_it_has_ended_also_where_processes_have_no_groups(file, monkeypatch):
    notes = started(monkeypatch)
    monkeypatch.delattr(os, "killpg")
    path = file("import time\ntime.sleep(300)")
    with cannot_run(f"{path}: took longer than 0.5 seconds"):
        judge_file(path, total=0.5)
    assert notes[0].returncode == -9


@pytest.mark.parametrize("error", [ProcessLookupError, PermissionError])
def test_what_has_ended_already_cannot_be_ended(file, monkeypatch, error):
    def gone(*_):
        raise error

    monkeypatch.setattr(os, "killpg", gone)
    assert judge_file(file(UNWRITTEN)).findings[0].status == "unwritten"


def test_what_ends_the_interpreter_is_told(file):
    path = file("import os\nos._exit(5)")
    with cannot_run(f"{path}: it ended the interpreter (exit code 5) before it could be judged"):
        judge_file(path)


FOREIGN = [
    b"", b"\xff", b"3", b"{}", b'"verdict"', b'["error"]', b'{"verdict": 3}', b'{"verdict": "{}"}',
    b'{"verdict": "[]"}', b'{"verdict": "{\\"findings\\": [3], \\"title\\": \\"\\"}"}',
    b"[" * 10**5,
]  # fmt: skip


@pytest.mark.parametrize("answer", FOREIGN, ids=range(len(FOREIGN)))
def test_what_was_written_by_somebody_else_is_no_verdict(file, monkeypatch, answer):
    answered(monkeypatch, answer)
    path = file(UNWRITTEN)
    with cannot_run(f"{path}: it wrote into the file of the verdict"):
        judge_file(path)


VERDICT = Verdict((Finding("forward", "right", "αβγ"),))


def test_a_verdict_is_handed_on(file, monkeypatch):
    answered(monkeypatch, json.dumps({"verdict": VERDICT.to_json()}).encode())
    assert judge_file(file("")) == VERDICT


def test_an_error_is_handed_on(file, monkeypatch):
    answered(monkeypatch, b'{"error": "so it is"}')
    with cannot_run("so it is"):
        judge_file(file(""))


# What is told of a file that cannot be judged.


OF_FILES = [
    ("raise ValueError('no')", {}, "cannot be run: it raises ValueError: no (line 1)"),
    ("while True: pass", {"limit": 0.1},
     "cannot be run: it does not come to an end within 0.3 seconds"),
    ("def forward(:", {}, "cannot be run: SyntaxError: invalid syntax (mine.py, line 1)"),
    ("forward = 3", {}, "forward is not a function but of the type int"),
    ("def forward(): 1\nbackward = 3", {}, "backward is not a function but of the type int"),
    ("def backward(): 1", {}, "there is no function 'forward'; it has backward. Name yours with "
     "--forward and --backward"),
    ("def f(): 1\ndef _g(): 1\nclass C: pass\nx = 3", {}, "there is no function 'forward'; it has "
     "f, C. Name yours with --forward and --backward"),
    ("x = 3", {"forward": "f"}, "there is no function 'f'; it has none. Name yours with --forward "
     "and --backward"),
    ("def forward(): 1", {"backward": "backward"}, "there is no function 'backward'; it has "
     "forward. Name yours with --forward and --backward"),
    ("def forward(): 1", {"convention": "Torch"}, "the check itself has failed: ValueError: "
     "convention: expected None or one of {rows}, got 'Torch'. Does the file change NumPy, or "
     "Python?"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "options", "says"), OF_FILES, ids=range(len(OF_FILES)))
def test_a_file_that_cannot_be_judged(tmp_path, monkeypatch, text, options, says):
    """As the child process tells it: without starting one."""
    path = tmp_path / "mine.py"
    path.write_text(text, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "argv", [*sys.argv])
    given = {"path": str(path), "forward": None, "backward": None}
    options = dict(options)
    given |= {key: options.pop(key) for key in ("forward", "backward") if key in options}
    try:
        child.main(str(tmp_path / "answer"), json.dumps(given | {"options": options}))
    finally:
        sys.modules.pop("file_to_check", None)
    found = json.loads((tmp_path / "answer").read_text())
    rows = list(lstm.exchange.conventions.ROSETTA)
    assert found == {"error": f"{path}: {says.format(rows=rows)}"}


@pytest.mark.parametrize("path", ["none.py", "."])
def test_what_is_no_file_is_not_run(tmp_path, path):
    with cannot_run(f"{tmp_path / path}: there is no such file"):
        judge_file(tmp_path / path)
