"""Whom the mutants are made of and who judges them; that their score is the one in the book."""

import ast
import re
import types
from pathlib import Path

import mutant_scores
import mutants
import mutations
import mutations_js
import pytest

ROOT = Path(__file__).parent.parent


def test_every_file_of_the_package_is_tried_or_left_out_for_a_reason():
    tried = {mutants.path_of(name) for name in mutants.names()}
    for path in (ROOT / "lstm").rglob("*.py"):
        name = path.relative_to(ROOT / "lstm").with_suffix("").as_posix()
        left = any(mutants.applies(start, name) for start in mutants.LEFT_OUT)
        assert left != (mutants.path_of(name) in tried), name
    assert len(tried) > 100
    assert all((ROOT / path).is_file() for path in tried)
    scripts = {f"book/_ext/{path.name}" for path in (ROOT / "book/_ext").glob("*.py")}
    assert scripts | {f"distributed/{name}.py" for name in ("train", "launch")} <= tried


@pytest.mark.parametrize("name", mutants.names())
def test_every_file_has_tests_that_are_about_it(name):
    tests = mutants.about(name) + mutants.others(name)
    found = {test.partition("::")[0] for test in tests} - {mutants.path_of(name)}
    assert found - {"tests/test_package.py"} or name.endswith("__init__")
    assert all((ROOT / path).is_file() for path in found)


def test_every_row_of_the_table_is_about_some_file_and_names_tests_that_there_are():
    for start, row in mutants.ABOUT.items():
        assert any(mutants.applies(start, name) for name in mutants.names()), start
        for test in row.split():
            assert (ROOT / mutants.spelled(test).partition("::")[0]).is_file(), test


def test_tests_with_the_peers_judge_what_they_import():
    assert "tests/peers/test_torch.py" in mutants.others("exchange/torch")
    assert "tests/peers/test_mlx.py" in mutants.others("exchange/mlx")
    assert "tests/peers/test_tinygrad.py" in mutants.others("stack")
    assert "tests/test_stack.py" in mutants.others("fused")  # by the name `lstm.forward`
    assert "tests/test_flags.py" in mutants.others("exchange/nnx")  # by `exchange.nnx`
    assert "tests/test_layouts.py" in mutants.others("stream")  # by `lstm.Stream`


def test_a_file_that_asks_for_an_optional_package_is_tried_without_one():
    alone = "tests/test_package.py::test_the_package_needs_numpy_alone"
    assert alone not in mutants.about("fused")
    assert all(alone in mutants.about(n) for n in ("extras", "exchange/onnx", "parallel/linear"))


def test_the_page_is_that_of_the_scores():
    scores, names = mutant_scores.stored(), mutants.names()
    assert set(scores) <= set(names)
    for name, score in scores.items():
        assert 0 < score.tried() <= score.of, name
    text = mutant_scores.PAGE.read_text(encoding="utf-8")
    assert text == mutant_scores.page(text, scores, names)
    assert text.count(mutant_scores.table(scores, names)) == 1
    assert {name.partition("/")[0] for name in scores} >= {"fused", "exchange", "variants", "book"}


def test_a_score_counts_what_a_test_could_kill():
    score = mutant_scores.Score("2026-01-02", "", 9, 3, 2, [["a", "b"]])
    assert score.tried() == 6
    assert score.percent() == 75
    again = mutant_scores.Score("2026-01-03", "", 1, 1, 0, [])
    assert score.after(again) == mutant_scores.Score("2026-01-03", "", 9, 4, 2, [])
    both = mutant_scores.together([score, again])
    assert both[:5] == ("2026-01-02 to 2026-01-03", "", 10, 4, 2)


def test_a_score_is_of_the_code_and_not_of_what_is_said_about_it():
    bare = "def f(a):\n    return a\n"
    score = mutant_scores.Score("2026-01-02", mutant_scores.digest(bare), 9, 3, 2, [])
    assert score.is_of('def f(a):\n    """What."""\n    return a  # why\n')
    assert not score.is_of(bare.replace("return a", "return -a"))
    assert not score.is_of(bare.replace("return a", "return 'a'"))
    assert mutant_scores.digest(SCRIPT) != mutant_scores.digest(SCRIPT.replace("1e3", "1e4"))


def test_the_mutants_that_are_called_equivalent_are_of_lines_that_there_are():
    text = mutants.EQUIVALENT.read_text(encoding="utf-8")
    rows = mutants.listed()
    assert len(rows) == len(re.findall(r"^\| `", text, re.MULTILINE))
    for name, before, _ in rows:
        source = (ROOT / mutants.path_of(name)).read_text(encoding="utf-8")
        assert "".join(before.split()) in "".join(source.split()), (name, before)


SOURCE = """Number: TypeAlias = float | int
@overload
def least(a, *, b: int = ...): ...
def least(a, b=2):
    try:
        return a.min()
    except (ValueError, np.E):
        return b
"""


def test_mistakes_in_python():
    made = {after.replace("= ", "=") for _, _, after, _ in mutations.mutants(SOURCE)}
    assert all(line > 3 for line, *_ in mutations.mutants(SOURCE))  # types do nothing
    assert made >= {
        "def least(a, b=3):", "def least(a, b=1):", "return a", "except ((), np.E):",
        "except (ValueError, ()):",
    }  # fmt: skip


ASKS = """def asks(a, b):
    if a == "x" or b.kind not in "fiu":
        return list(zip(a, b, strict=True))
"""


def test_no_mistake_comes_twice_or_is_one_that_nobody_makes():
    made = [after for _, _, after, _ in mutations.mutants(ASKS)]
    assert len([after for after in made if "zip(a, b" in after]) == 1  # not strict is the default
    assert 'if a != "x" or b.kind not in "fiu":' in made
    assert not [after for after in made if re.search("a [<>]", after)]  # in which order are texts?
    assert "if a == \"x\" or b.kind not in 'fi':" in made  # not 'fiuX', which is as good as 'fiu'
    assert "if a == 'xX' or b.kind not in \"fiu\":" in made


SCRIPT = """const p = [1, .5]; // 1 + 1
const more = (a) => a < p[0] && /[+]1/.test(`1 + ${a}`) ? "1 - 1" : a - 1e3;
"""


def test_mistakes_in_javascript():
    made = [(line, after) for line, _, after, _ in mutations_js.mutants(SCRIPT)]
    first, second = SCRIPT.splitlines()
    assert made == [
        (1, first.replace("[1", "[2")),
        (1, first.replace(".5", "1.5")),
        (2, second.replace("<", "<=")),
        (2, second.replace("a <", "a >")),
        (2, second.replace("p[0]", "p[1]")),
        (2, second.replace("&&", "||")),
        (2, second.replace("a - 1e3", "a + 1e3")),
        (2, second.replace("1e3", "1001")),
    ]


class Test:
    """What the runner asks of a test that pytest has collected."""

    nodeid = "test_x"


class Session:
    items = [Test()]  # noqa: RUF012


@pytest.fixture
def copying(tmp_path, monkeypatch):
    """Stands in for the process that runs copies, and for what forks it."""

    def stand_in(forked):
        for name, stub in {
            "TREE": tmp_path, "forked": forked, "verdict": lambda child, order: "test_x",
            "limit_processor": lambda seconds: None, "threads": lambda: 1,
        }.items():  # fmt: skip
            monkeypatch.setattr(mutants, name, stub)
        monkeypatch.setattr(mutants.gc, "freeze", lambda: None)

    return stand_in


def test_copies_try_what_can_be_put_in_and_leave_the_file_as_it_was(tmp_path, monkeypatch, copying):
    source = "def f(a):\n    return a + 1\n\ndef called(a, b=3):\n    return a\n"
    tried, path = [], tmp_path / "f.py"
    path.write_text(source)
    scope = {}
    exec(compile(source, str(path), "exec"), scope)
    copying(lambda first: tried.append((first, path.read_text())) or 1)
    changes = [("a + 1", "a - 1"), ("return a\n", "return -a\n"), ("b=3", "b=4")]
    copies = mutants.Copies([source.replace(*c) for c in changes], source, [path], mutants.Order())
    scope["called"](1)
    assert copies.pytest_runtestloop(Session) is True
    assert tried == [("test_x", source.replace(*change)) for change in changes[:2]]
    assert path.read_text() == source
    outcomes, seconds, kills = ast.literal_eval((tmp_path / "outcomes").read_text())
    assert outcomes == [("test_x", True), ("test_x", False), (None, None)]
    assert (seconds, kills) == ({}, {"test_x": 1.9})

    monkeypatch.setattr(mutants, "threads", lambda: 2)
    with pytest.raises(SystemExit, match="is to be named in THREADED"):
        copies.pytest_runtestloop(Session)


@pytest.mark.parametrize("others", [False, True])
def test_a_copy_asks_the_tests_that_run_the_line(tmp_path, copying, others):
    source = "def f(a):\n    return a + 1\n\ndef g(a):\n    return a\n"
    path, scope = tmp_path / "f.py", {}
    exec(compile(source, str(path), "exec"), scope)
    copying(lambda first: 0)
    order = mutants.Order()
    order.lines.ran = {"of g": {5}, "of both": {2, 5}, "of f": {2}, "it reads the file": set()}
    order.seconds = {"of g": 0.01, "of both": 0.3, "of f": 0.1, "it reads the file": 1}
    order.others = others
    session = Session()
    session.items = [types.SimpleNamespace(nodeid=test) for test in (*order.lines.ran, "new")]
    copies = mutants.Copies([source.replace("a + 1", "a - 1")], source, [path], order)
    assert copies.pytest_runtestloop(session) is None  # pytest runs them
    assert scope["f"](1) == 0
    found = [item.nodeid for item in session.items]
    assert found == ["new", "of f", "of both"] + ["it reads the file"] * (not others)


def test_all_tests_are_asked_where_no_lines_are_known():
    order = mutants.Order()
    assert order.asks("test")
    order.changed = {3}
    assert order.asks("test")
    order.lines.ran = {"test": {2}}
    assert not order.asks("test")
    order.changed = set()  # a mistake that shows at the import
    assert order.asks("test")
    order.only = {"test"}
    assert [order.asks("test"), order.asks("other")] == [True, False]


def test_those_tests_go_first_that_found_most_for_their_time():
    order = mutants.Order()
    order.seconds = {"quick": 0.01, "slow": 10.0, "killer": 0.2, "slow killer": 10.0}
    for killer in ("slow killer", None, "killer", "killer"):
        order.note(killer)
    assert order.kills == {"slow killer": pytest.approx(0.81), "killer": pytest.approx(1.9)}
    best = sorted(order.seconds, key=order.promise, reverse=True)
    assert best == ["killer", "quick", "slow killer", "slow"]


def test_those_that_run_no_line_of_the_file_go_last():
    order = mutants.Order()
    order.lines.ran = {"idle": set(), "runs some": {1}}
    order.seconds = {"idle": 0.01, "runs some": 10.0, "unknown": 20.0}
    items = [types.SimpleNamespace(nodeid=test) for test in order.seconds]
    order.begin(items)
    assert [item.nodeid for item in items] == ["runs some", "unknown", "idle"]


def test_a_test_may_take_some_times_as_long_as_the_slowest_of_its_file(monkeypatch, tmp_path):
    limits, order = [], mutants.Order()
    monkeypatch.setattr(mutants, "limit_processor", limits.append)
    monkeypatch.setattr(mutants, "TREE", tmp_path)
    order.seconds = {"a.py::one": 0.5, "a.py::two": 2.5, "b.py::one": 1000.0}
    order.begin([])
    for test in ("a.py::one", "a.py::new", "b.py::one", "new.py::one"):
        order.pytest_runtest_logstart(test)
        assert (tmp_path / "running").read_text() == test
    assert limits == [5 + 2.5 * mutants.SLOW] * 2 + [mutants.LIMIT, mutants.UNKNOWN]


def test_no_test_begins_after_the_time_for_it(monkeypatch):
    now, order = [100.0], mutants.Order()
    monkeypatch.setattr(mutants.time, "process_time", lambda: now[0])
    order.begin([])
    now[0] += 1e6
    assert order.pytest_runtest_protocol() is None
    order.hurry = 10
    order.begin([])
    now[0] += 10
    assert order.pytest_runtest_protocol() is None
    now[0] += 0.1
    assert order.pytest_runtest_protocol() is True


def test_who_kills_a_mutant(monkeypatch):
    """Tests of all stages are asked before a mutant survives, and what is not sure is confirmed."""
    threaded = mutants.THREADED[0]
    stages, asked, written = [["a", threaded], ["b"], [threaded]], [], []
    known = {  # mutant: what copies find in each stage; what fails when it is imported
        "one": ({"a": ("t1", True)}, {}),
        "two": ({"a": (None, True), "b": ("t2", True)}, {}),
        "three": ({"a": (None, True), "b": (None, True)}, {threaded: "t3"}),
        "four": ({"a": (None, None)}, {"b": "t5.py::t5"}),
        "five": ({"a": (None, None)}, {}),
        "six": ({"a": (None, True), "b": (None, True)}, {}),
        "seven": ({"a": ("t7.py::t7", False)}, {"t7.py": "t7.py::t7"}),
        "eight": ({"a": ("t8.py::t8", False)}, {"a": "t9"}),
        "nine": ({"a": (None, False), "b": (None, False)}, {"b": "not asked"}),
        "ten": ({"a": (None, False), "b": (None, True)}, {"a": "t10"}),
        "eleven": ({"a": (None, False), "b": ("t11", True)}, {}),
    }

    def in_copies(given, source, tests, order, paths):
        assert order.others == (tests == ["b"])
        return [known[mutant][0][tests[0]] for mutant in given]

    def failing(tests, order):
        asked.append((written[-1], sorted(order.only) if order.only else tests))
        assert order.only or order.others == (tests in stages[1:])
        assert order.changed == set()
        return next(filter(None, map(known[written[-1]][1].get, tests)), None)

    monkeypatch.setattr(mutants, "in_copies", in_copies)
    monkeypatch.setattr(mutants, "failing", failing)
    monkeypatch.setattr(mutants.mutant_lines, "changed", lambda source, mutant: {1})
    monkeypatch.setattr(mutants, "write", lambda text, *paths: written.append(text))
    found = mutants.killers_of(list(known), "source", stages, mutants.Order(), [Path("f.py")])
    killers = ["t1", "t2", "t3", "t5.py::t5", None, None, "t7.py::t7", "t9", None, "t10", "t11"]
    assert found == killers
    assert written[-1] == "source"

    def asked_of(name):
        return [tests for mutant, tests in asked if mutant == name]

    assert asked_of("three") == [stages[0]]
    assert asked_of("six") == [stages[0], [threaded]]
    assert asked_of("four") == [["t3"], *stages[:2]]
    assert asked_of("five") == [["t5.py::t5"], *stages]
    assert asked_of("seven") == [["t7.py::t7"]]
    assert asked_of("eight") == [["t8.py::t8"], stages[0]]
    assert asked_of("nine") == [["t9"], stages[0], [threaded]]
    assert {"one", "two", "eleven"}.isdisjoint(mutant for mutant, _ in asked)


def test_what_takes_long_to_collect_comes_last():
    quick, whole = ["lstm/layout.py", "tests/test_fused.py"], [mutants.WHOLE]
    package = f"{mutants.WHOLE}::test_every_module_says_what_it_offers[layout]"
    assert mutants.quick_first([quick[0], *whole, quick[1]]) == [quick, whole]
    assert mutants.quick_first([package, *quick]) == [quick, [package]]
    assert mutants.quick_first(quick) == [quick]
    assert mutants.quick_first(whole) == [whole]


def test_a_sample_is_the_same_where_nothing_changes_and_grows():
    found = [(k, f"line {k}", f"mutant {k}", "") for k in range(50)]
    few, many = (mutants.drawn("a", found, count, 0) for count in (5, 20))
    assert len(few) == 5
    assert few == sorted(few)
    assert set(few) < set(many)
    without = [each for each in found if each not in few[:1]]
    assert set(few[1:]) < set(mutants.drawn("a", without, 5, 0))
    assert mutants.drawn("a", found, 5, 1) != few
    assert mutants.drawn("a", found, None, 0) == found
