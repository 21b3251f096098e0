"""Which lines a mistake concerns, and what is known of a file."""

import json
import types

import mutant_lines
import pytest

SOURCE = """import a

TABLE = {1: 2}


@a.b
def f(
    x,
    y=1,
):
    if x > y:
        z = a.g(
            x,
            y,
        )
        return z
    try:
        return a.h(x)
    except ValueError:
        return None


class C:
    size = 3

    def m(self):
        def inner(k=2):
            return k

        return inner
"""


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ("{1: 2}", "{1: 3}", []),
        ("import a\n", "import b\n", []),
        ("size = 3", "size = 4", []),
        ("    y=1,", "    y=2,", range(6, 21)),
        ("@a.b\n", "\n", range(6, 21)),
        ("@a.b\n", "", range(6, 21)),
        ("x > y", "x < y", [11]),
        ("            y,\n        )", "            x,\n        )", range(12, 16)),
        ("            x,\n            y,\n", "            x\n", range(12, 16)),
        ("return z", "pass", [16]),
        ("a.h(x)", "a.h(-x)", [18]),
        ("except ValueError", "except ()", range(17, 21)),
        ("def inner(k=2)", "def inner(k=3)", [27, 28]),
        ("return k", "return -k", [28]),
        ("return inner", "return None", [30]),
        ("    try:\n        return a.h(x)\n", "    try:\n        pass\n", [18]),
    ],
)  # fmt: skip
def test_the_lines_that_a_mistake_concerns(before, after, lines):
    assert SOURCE.count(before) == 1
    assert mutant_lines.changed(SOURCE, SOURCE.replace(before, after)) == set(lines)


def test_what_is_known_of_a_file_holds_as_long_as_it_is_the_same(tmp_path, monkeypatch):
    coverage = pytest.importorskip("coverage")
    for name, value in {"ROOT": tmp_path, "KEPT": tmp_path / ".lines"}.items():
        monkeypatch.setattr(mutant_lines, name, value)
    file = tmp_path / "f.py"
    file.write_text("a = 1\n")
    assert mutant_lines.known("f.py").ran == {}
    mutant_lines.KEPT.mkdir()
    data = coverage.CoverageData(str(mutant_lines.KEPT / "lines"))
    for context, lines in {"t::one|setup": [1], "t::one|run": [2], "t::two|run": []}.items():
        data.set_context(context)
        data.add_lines({str(file if lines else tmp_path / "other.py"): lines or [1]})
    data.write()
    (mutant_lines.KEPT / "seconds.json").write_text('{"t::one": 0.5, "t::two": 0.25}')
    (mutant_lines.KEPT / "files.json").write_text(json.dumps({"f.py": mutant_lines.digest(file)}))
    known = mutant_lines.known("f.py")
    assert known.ran == {"t::one": {1, 2}, "t::two": set()}
    assert known.seconds == {"t::one": 0.5, "t::two": 0.25}
    file.write_text("a = 2\n")
    known = mutant_lines.known("f.py")
    assert (known.ran, known.seconds) == ({}, {"t::one": 0.5, "t::two": 0.25})


def test_lines_are_recorded_of_the_tests_as_they_are(tmp_path, monkeypatch):
    """The whole way, in a project of one file; where a test fails, nothing is kept of it. The tests
    with the peers are among them, though `pytest` by itself leaves them out."""
    for folder in ("lstm", "tests", "tests/peers", "tests/browser"):
        (tmp_path / folder).mkdir()
    (tmp_path / "pyproject.toml").write_text((mutant_lines.ROOT / "pyproject.toml").read_text())
    (tmp_path / "tests/peers/test_g.py").write_text(
        "from lstm.f import f\n\ndef test_three():\n    assert f(1) == 1\n"
    )
    (tmp_path / "tests/browser/test_h.py").write_text("def test_four():\n    assert False\n")
    file, tests = tmp_path / "lstm/f.py", tmp_path / "tests/test_f.py"
    file.write_text("def f(a):\n    if a:\n        return 1\n    return 2\n")
    (tmp_path / "lstm/__init__.py").write_text("")
    tests.write_text(
        "from lstm.f import f\n\ndef test_one():\n    assert f(1) == 1\n\n"
        "def test_two():\n    assert f(0) == 2\n"
    )
    for name, value in {
        "ROOT": tmp_path, "KEPT": tmp_path / ".lines", "SOURCES": ("lstm",),
    }.items():  # fmt: skip
        monkeypatch.setattr(mutant_lines, name, value)
    mutant_lines.record()
    known = mutant_lines.known("lstm/f.py")
    one, two = (f"tests/test_f.py::test_{name}" for name in ("one", "two"))
    assert {known.ran[one] >= {2, 3}, known.ran[two] >= {2, 4}} == {True}
    assert 4 not in known.ran[one]
    three = "tests/peers/test_g.py::test_three"
    assert known.ran[three] == known.ran[one]
    assert set(known.seconds) == {one, two, three}
    tests.write_text(tests.read_text().replace("== 2", "== 3"))
    with pytest.raises(SystemExit, match="expected all tests to pass"):
        mutant_lines.record()
    assert mutant_lines.known("lstm/f.py").ran == {}


def test_the_clock_runs_where_all_tests_are_heard_of(tmp_path, monkeypatch):
    registered = []
    manager = types.SimpleNamespace(register=registered.append)
    mutant_lines.pytest_configure(types.SimpleNamespace(pluginmanager=manager, workerinput={}))
    assert registered == []
    mutant_lines.pytest_configure(types.SimpleNamespace(pluginmanager=manager))
    (clock,) = registered
    for duration in (0.25, 0.5):
        clock.pytest_runtest_logreport(types.SimpleNamespace(nodeid="t", duration=duration))
    monkeypatch.setenv("COVERAGE_FILE", str(tmp_path / "lines"))
    clock.pytest_sessionfinish(None)
    assert json.loads((tmp_path / "seconds.json").read_text()) == {"t": 0.75}
