"""Mutation testing: what `make mutants` runs.

Each mutant is one file with one small mistake: `mutations.py` for Python, `mutations_js.py` for
JavaScript, whose figures a browser tries after `make book`. It is killed when a test fails. First
the tests that are about the file run, then, if it survives these, all others that import it, those
with the peers included. They run in a copy of a process that has collected them already, where the
functions get the code of the mutant (`mutant_code.py`). Where that is not the same as importing it,
because the mistake is outside of functions, or in one that has been called already, the mutant is
then imported by a process of its own. Where it has been recorded which test runs which lines
(`mutant_lines.py`), those that do not run the line are left out. In the end every test that killed
a mutant must pass on the file as it is.

    python tests/mutants.py                     all files
    python tests/mutants.py fused layout        some
    python tests/mutants.py fused:213-250       some lines of one
    python tests/mutants.py --sample 60 fused   60 of its mutants
    python tests/mutants.py --sample 0          none: whether all tests pass as they are
    python tests/mutants.py --files 24 --sample 1 --seed 1   one of each of 24 files
    python tests/mutants.py --store ...         keep the results in book/data/mutants.json
    python tests/mutants.py --changed           files that have changed since they were stored
    python tests/mutants.py --survivors         the stored survivors alone, after a test was added
    python tests/mutants.py --hurry ...         a first look: no test begins after some seconds

A sample depends on the mutants themselves: where nothing has changed, the same are drawn, and a
larger sample has the smaller one in it. `tests/mutants.md` lists the mutants that no test can kill,
with the reason.
"""

import argparse
import ast
import collections
import functools
import gc
import hashlib
import importlib.metadata
import os
import re
import shutil
import signal
import sys
import time
import warnings
from pathlib import Path

import mutant_code
import mutant_lines
import mutant_scores
import mutations
import mutations_js

ROOT = Path(__file__).resolve().parent.parent
TREE = ROOT / "_build" / "mutants" / str(os.getpid())  # the copy in which the mistakes are made
COPIED = ("lstm", "tests", "distributed", "book")  # the rest of the tree is linked
EQUIVALENT = ROOT / "tests" / "mutants.md"
PRELOADED = (  # not `lstm`
    "equinox", "flax.nnx", "h5py", "haiku", "hypothesis", "matplotlib.pyplot", "nbformat", "onnx",
    "optax", "pytest", "scipy.linalg", "sympy",
)  # fmt: skip
THREADED = (  # what they import starts threads, which the copy of a process would lack
    "tests/test_exchange_keras.py", "tests/test_exchange_onnx.py",
)  # fmt: skip
WHOLE = "tests/test_package.py"  # it imports all modules when it is collected, which takes seconds
LIMIT = 120  # seconds of the processor for one test: a mutant that takes more is killed,
SLOW = 4  # as is one that takes so many times as long as any test of the file took before, and 5 s
UNKNOWN = 30  # seconds of it for a test of a file of which none has run before
HURRY = 5  # seconds of it for the tests about the file, and for the others, if there is a hurry
PATIENCE = 3  # times as long it may take by the clock, on a machine that does much else

# What is left out, and why.
LEFT_OUT = {
    "book/plots/": "it draws: whether a picture shows what its caption says is judged by eye",
    "book/__init__": "there is nothing in it",
}
FIGURES = {  # scripts of figures: their tests, and the names that these have among all figures
    "unit": ("test_unit", "unit"),
    "gradient": ("test_gradient", "lag"),
    "differences": ("test_differences", "the-V"),
    "learn": ("test_learn", "train-it-here"),
    "waves": ("test_waves", "waves"),
    "write": ("test_write", "it-writes"),
    "backcell": ("test_figures", "backward-cell"),
    "breakit": ("test_figures", "break-it"),
    "cover": ("test_figures", "cover"),
    "drawdigit": ("test_figures", "draw-a-digit"),
    "orders": ("test_figures", "wrong-order,-trading"),
    "yourturn": ("test_figures", "your-turn"),
}
BY_HAND = "browser/test_every_figure.py::test_by_hand_and_by_keys"
OTHERS = {  # files outside `lstm/`: the tests that are about them
    "distributed/train.py": "test_distributed",
    "distributed/launch.py": "test_distributed",
    "book/_ext/lstm_book.py": "test_extension",
    "book/_ext/lstm_math.py": "test_extension",
    "book/_ext/lstm_site.py": "test_extension",
    "book/_ext/lstm_small.py": "test_extension",
    "book/_static/lstm.js": "test_javascript",
    "book/_static/writer.js": "test_writer",
    "book/_static/reading.js": "browser/test_reading",
    **{
        f"book/_static/{name}.js": f"browser/{tests} {BY_HAND}[1280-light-{figure}] "
        f"{BY_HAND}[390-dark-{figure}]"
        for name, (tests, figure) in FIGURES.items()
    },
    "book/_static/live.js": "browser/test_every_figure browser/test_figures",
}
SWEPT = "test_sweeps_newer.py::test_it_passes[{}]"
FILES = "test_exchange_files test_fuzz"
ABOUT = {  # by file or folder of `lstm/`: tests that are about it and do not have its name
    "__init__": "test_package",
    "__main__": "test_main test_tutor",
    "layout": "test_fused",
    "arguments": "test_odd_arguments test_flags test_fused",
    "settings": "test_odd_arguments test_flags test_sizes test_drawing",
    "steps": "test_reference",
    "fused": "test_odd_arguments test_properties test_memory test_sweeps test_magnitudes",
    "recurrent": "test_variants",
    "recompute": SWEPT.format("recompute"),
    "compare": "test_gradcheck test_laws",
    "functions": "test_gradcheck test_laws",
    "gradcheck": "test_laws test_sizes test_drawing",
    "oracles": "test_gradcheck test_laws",
    "report": "test_gradcheck test_laws",
    "layers": "test_stack test_stream test_flags",
    "directions": "test_stack test_sweeps",
    "stream": "test_memory " + SWEPT.format("stream"),
    "stack": "test_sweeps",
    "packed": "test_stack test_memory",
    "grammar": "test_tasks",
    "parameters": "test_network test_train test_flags",
    "network": "test_properties",
    "train": SWEPT.format("training"),
    "dropout": SWEPT.format("dropout"),
    "attention": SWEPT.format("attention"),
    "text": SWEPT.format("text"),
    "traced": "test_scan",
    "variants/": "test_variants test_equations_variants test_book " + SWEPT.format("cells"),
    "parallel/": "test_parallel",
    "parallel/linear": SWEPT.format("linear"),
    "parallel/newton": SWEPT.format("newton"),
    "parallel/adjoint": SWEPT.format("adjoint"),
    "exchange/__init__": "test_package",
    "parallel/__init__": "test_package",
    "tutor/__init__": "test_package",
    "variants/__init__": "test_package",
    "exchange/mlx": "test_exchange_cells",
    "exchange/tinygrad": "test_exchange_cells",
    "exchange/disk": FILES,
    "exchange/tensors": FILES,
    "exchange/files": FILES + " test_main",
    "exchange/keras_file": FILES,
    "exchange/torch_file": FILES,
    "exchange/npz_file": FILES,
    "exchange/foreign": FILES,
    "exchange/onnx_": "test_exchange_onnx test_fuzz",
    "tutor/": "test_tutor test_mistakes test_tutor_names test_tutor_others test_workbook test_book",
    "book/features": "test_ladder",
    "book/limit": "test_ladder",
    "book/rosetta": "test_exchange_conventions",
    "book/tables": "test_book test_variants",
}
OPTIONS = [
    "-x", "-q", "-p", "no:cacheprovider", "-p", "no:nbval", "--tb=line",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",
]  # fmt: skip


def names():
    """The files that are changed: of `lstm/` without folder and ending, others as they are."""
    found = (path.relative_to(ROOT / "lstm") for path in sorted((ROOT / "lstm").rglob("*.py")))
    package = [path.with_suffix("").as_posix() for path in found]
    return [n for n in package if not n.startswith(tuple(LEFT_OUT))] + list(OTHERS)


def path_of(name):
    """Where a file is in a tree."""
    return name if name in OTHERS else f"lstm/{name}.py"


def about(name):
    """The tests that are about a file: its examples, and those of its name, of the table and of
    what it does."""
    if name in OTHERS:
        return [spelled(test) for test in OTHERS[name].split()]
    named = (f"test_{name.replace('/', '_')}", f"test_{name.rpartition('/')[2]}")
    rows = (tests for start, tests in ABOUT.items() if applies(start, name))
    found = [spelled(test) for row in (*named, *rows) for test in row.split()]
    found = [test for test in dict.fromkeys(found) if (ROOT / test.partition("::")[0]).exists()]
    return [path_of(name), "tests/test_names.py", *found, *offers(name), *needs(name),
            *names_equations(name)]  # fmt: skip


def applies(start, name):
    """Whether a row of the table is about a file: by its name, or by how its name begins."""
    return name == start or (start.endswith(("/", "_")) and name.startswith(start))


def spelled(test):
    """A test as pytest wants it."""
    return f"tests/{test}" if "::" in test else f"tests/{test}.py"


def offers(name):
    """The tests that a module has all that it says it has, and that it is called as before."""
    says = "tests/test_package.py::test_every_module_says_what_it_offers"
    called = "tests/test_signatures.py::test_everything_is_called_as_before"
    if name.endswith("__init__"):
        return []
    found = [f"{says}[{name.replace('/', '.')}]", f"{called}[{name}]"]
    return found[:1] if name == "__main__" else found


def needs(name):
    """The test of what is said where an optional package is missing, of a module that says so."""
    says = name == "extras" or "lstm.extras" in imported(ROOT / path_of(name))
    return ["tests/test_package.py::test_the_package_needs_numpy_alone"] if says else []


def names_equations(name):
    """The test that equations which a module names are in the book, of a module that names some."""
    test = "tests/test_book.py::test_every_label_in_the_code_is_in_the_book"
    return [test] if "eq-" in (ROOT / path_of(name)).read_text(encoding="utf-8") else []


def others(name):
    """All other tests that import a file, those with the peers among them, and then the tests
    about the files that import it."""
    if name in OTHERS or name.endswith("__init__"):
        return []
    module = "lstm." + name.replace("/", ".")
    tests = sorted([*(ROOT / "tests").glob("test_*.py"), *(ROOT / "tests/peers").glob("test_*.py")])
    found = [test.relative_to(ROOT).as_posix() for test in tests if module in imported(test)]
    found = [test for test in found if test not in about(name)]
    users = [n for n in names() if n not in OTHERS and module in imported(ROOT / path_of(n))]
    found += [test for user in users for test in about(user) if test not in offers(user)]
    return [test for test in dict.fromkeys(found) if test not in about(name)]


@functools.cache
def imported(file):
    """The modules of the package that a file uses; `lstm` itself is `lstm.fused`."""
    found, names, here = set(), {}, file.relative_to(ROOT).parts
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                found |= {alias.name for alias in node.names}
            case ast.ImportFrom():
                base = [*here[: -node.level], *([node.module] if node.module else [])]
                base = ".".join(base) if node.level else node.module
                found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
                names |= {a.asname or a.name: f"{base}.{a.name}" for a in node.names}
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="lstm")):
                found |= {f"lstm.{node.attr}", "lstm.fused"}
            case ast.Attribute(value=ast.Name(id=name)) if name in names:  # exchange.torch
                found.add(f"{names[name]}.{node.attr}")
    return found | {"lstm.stream"} if "lstm.Stream" in found else found


def every_mutant(name, source):
    """The mutants of a file: the number of the line, it before and after, and the source."""
    return (mutations_js if name.endswith(".js") else mutations).mutants(source)


class Order:
    """A pytest plugin: those tests go first that killed most of the last mutants for their time.

    Attributes:
        lines: Which of them run which lines of the file.
        changed: The lines of the mutant; tests that are known not to run them are left out.
        others: Whether the tests are not about the file: those that run no line of it are left out.
        only: If given, no other tests run.
        hurry: If given, no test begins after so many seconds of the processor.
        seconds: How long they take.
    """

    def __init__(self):
        self.lines, self.changed, self.others = mutant_lines.Lines(), set(), False
        self.only, self.hurry, self.end = None, None, None
        self.seconds, self.longest, self.kills = {}, {}, {}
        self.took, self.failed = {}, None

    def pytest_configure(self):
        from hypothesis import Phase, settings

        phases = set(Phase) - {Phase.shrink, Phase.explain}  # an example need not be small
        settings.register_profile("mutants", phases=phases)
        settings.load_profile("mutants")

    def pytest_collection_modifyitems(self, items):
        self.begin(items)

    def begin(self, items):
        """Bring the tests that are asked into their order, and start the clock."""
        items[:] = [item for item in items if self.asks(item.nodeid)]
        items.sort(key=lambda each: (self.is_idle(each.nodeid), -self.promise(each.nodeid)))
        self.end = self.hurry and time.process_time() + self.hurry
        self.longest = {}  # of a file, whose first test pays for what others share with it
        for test, seconds in self.seconds.items():
            file = test.partition("::")[0]
            self.longest[file] = max(seconds, self.longest.get(file, 0.0))

    def asks(self, test):
        """Whether a test may see the mistake."""
        if self.only is not None:
            return test in self.only
        ran = self.lines.ran.get(test)
        if ran is None or not self.changed:
            return True
        return bool(ran & self.changed) if ran or self.others else True  # it may read the file

    def is_idle(self, test):
        """Whether a test runs no line of the file: those that do go first."""
        return self.lines.ran.get(test) == set()

    def promise(self, test):
        """How many mutants a test may kill in a second."""
        return (self.kills.get(test, 0.0) + 0.02) / (self.seconds.get(test, 0.0) + 0.01)

    def note(self, killer):
        """Let the test that killed a mutant, if any did, count more than those before."""
        if killer:
            self.kills = {test: 0.9 * kills for test, kills in self.kills.items()}
            self.kills[killer] = self.kills.get(killer, 0.0) + 1

    def pytest_runtest_protocol(self):
        return True if self.end and time.process_time() > self.end else None  # nobody else runs it

    def pytest_runtest_logstart(self, nodeid):
        (TREE / "running").write_text(nodeid)
        longest = self.longest.get(nodeid.partition("::")[0])
        limit_processor(UNKNOWN if longest is None else min(LIMIT, 5 + SLOW * longest))

    def pytest_runtest_logreport(self, report):
        self.took[report.nodeid] = self.took.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report):
        if report.failed:
            self.failed = report.nodeid or self.failed  # in the end the whole session fails, too


class Copies:
    """A pytest plugin: copies of the process that has collected the tests run them, one copy for
    each mutant of a file."""

    def __init__(self, mutants, source, paths, order):
        self.mutants, self.source, self.paths, self.order = mutants, source, paths, order
        self.called = mutant_code.watch(paths[0])

    def pytest_runtestloop(self, session):
        limit_processor(10**6)  # it is the copies that have a limit
        if threads() > 1:
            sys.exit("mutants: one of the tests is to be named in THREADED")
        mutant_code.watch_no_more()
        found, outcomes = mutant_code.functions(self.paths[0]), []
        gc.freeze()
        for mutant in self.mutants:
            new = mutant_code.replacements(self.paths[0], found, self.source, mutant)
            if not new:
                outcomes.append((None, None))
                continue
            changed = mutant_code.key(new[0][0].__code__)
            write(mutant, *self.paths)  # for the tests that read it, or start Python
            child = forked(session.items[0].nodeid)
            if not child:
                self.order.changed = mutant_lines.changed(self.source, mutant)
                self.order.begin(session.items)
                for function, code in new:
                    function.__code__ = code
                return None  # pytest goes on, and runs the tests
            killer = verdict(child, self.order)
            outcomes.append((killer, changed not in self.called))
            self.order.note(killer)
        write(self.source, *self.paths)  # the next process imports it
        learnt = self.order.seconds, self.order.kills
        (TREE / "outcomes").write_text(repr((outcomes, *learnt)))
        return True


def threads():
    """The number of threads of this process, which a copy of it would not have."""
    return len(os.listdir("/proc/self/task"))


def limit_processor(seconds):
    """Let this process end when it has had the processor for so many more seconds."""
    import resource  # which Windows has not, nor a fork

    soft = int(time.process_time() + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def rewrite(tests):
    """Let pytest rewrite these tests once, and not again for each mutant; but keep no mutant."""
    sys.dont_write_bytecode = False
    if failing(tests, Order(), "--collect-only"):
        sys.exit((TREE / "output").read_text())
    for folder in (TREE / "lstm").rglob("__pycache__"):
        shutil.rmtree(folder)
    sys.dont_write_bytecode = True  # two mutants within a second: Python would run the first twice


def in_copies(mutants, source, tests, order, paths):
    """For each of these mutants of a file the test that kills it, in a copy of a process that has
    collected the tests, or None; and whether this is as if the mutant had been imported: None if
    it could not be put in."""
    child = forked(tests[0])
    if not child:
        judge(tests, order, plugins=[Copies(mutants, source, paths, order)])
    _, status = os.waitpid(child, 0)
    if status:
        sys.exit((TREE / "output").read_text() + f"mutants: pytest ended with {status} on {tests}")
    outcomes, *learnt = ast.literal_eval((TREE / "outcomes").read_text())
    order.seconds, order.kills = learnt
    return outcomes


def failing(tests, order, *options):
    """The test that fails first, in a process of its own; None if all pass."""
    child = forked(tests[0])
    if not child:
        judge(tests, order, *options)
    return verdict(child, order)


def forked(first):
    """Begin a process that will run tests, this one first; 0 for the process itself."""
    (TREE / "running").write_text(first)
    (TREE / "outcome").write_text("")
    child = os.fork()
    if not child:
        os.setsid()
    return child


def judge(tests, order, *options, plugins=()):
    """Run tests in this process, and end it."""
    quiet = os.open(TREE / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    status = 3
    try:
        import pytest

        limit_processor(LIMIT)
        status = int(pytest.main([*OPTIONS, *options, *tests], plugins=[order, *plugins]))
        (TREE / "outcome").write_text(repr((order.took, order.failed)))
    finally:
        sys.stdout.flush()
        os._exit(status)


def verdict(child, order):
    """The test that fails first in a process; None if all pass."""
    running, outcome, done = TREE / "running", TREE / "outcome", 0
    try:
        while not done and time.time() < running.stat().st_mtime + PATIENCE * LIMIT:
            time.sleep(0.01)
            done, status = os.waitpid(child, os.WNOHANG)
    finally:
        if not done:  # it took too long, or somebody has had enough
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
    if not done or os.WIFSIGNALED(status):
        return running.read_text()
    status = os.waitstatus_to_exitcode(status)
    took, failed = ast.literal_eval(outcome.read_text() or "({}, None)")
    order.seconds |= took
    if status == 1 or (status == 2 and failed):
        return failed
    if status == 0 or (status == 5 and (order.only is not None or order.changed)):
        return None
    sys.exit((TREE / "output").read_text() + f"mutants: pytest ended with {status}")


def listed():
    """The mutants that are known to be equivalent: (file, line before, line after)."""
    rows = re.findall(r"^\| `([\w/.]+)` \| `(.*?)` \| `(.*?)` \|", EQUIVALENT.read_text(), re.M)
    rows = [tuple(part.replace(r"\|", "|") for part in row) for row in rows]
    return {(file if file in OTHERS else file.removesuffix(".py"), *lines) for file, *lines in rows}


def drawn(name, found, sample, seed):
    """So many of the mutants of a file, in their order; which, depends on them and the seed."""
    if sample is None or sample >= len(found):
        return found
    seen, ranks = collections.Counter(), {}
    for k, (_, before, after, _) in enumerate(found):
        seen[before, after] += 1
        ranks[k] = rank(seed, name, before, after, seen[before, after])
    return [found[k] for k in sorted(sorted(ranks, key=ranks.get)[:sample])]


def rank(*parts):
    """A number that looks drawn and belongs to these parts."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def run(
    name, order, equivalent, again=None, first=0, last=10**6, sample=None, seed=0, hurry=None
):  # fmt: skip
    """Run mutants of a file, or these again; print those that survive, and return the score."""
    path, stages = TREE / path_of(name), [tests for tests in (about(name), others(name)) if tests]
    built = TREE / "_build/html/_static" / path.name if path.suffix == ".js" else path
    source = path.read_text(encoding="utf-8")
    if sample == 0:
        for tests in stages:
            if failed := failing(tests, order):
                sys.exit((TREE / "output").read_text() + f"mutants: {failed} fails as it is")
        return None

    found = [m for m in every_mutant(name, source) if first <= m[0] <= last]
    if again is not None:
        found = [m for m in found if [m[1], m[2]] in again]
    chosen, start = drawn(name, found, sample, seed), time.monotonic()
    alike = collections.Counter((before, after) for _, before, after, _ in found)
    harmless = [m for m in chosen if (name, m[1], m[2]) in equivalent]
    untold = [m for m in chosen if m not in harmless or alike[m[1], m[2]] > 1]  # some may be so
    everything = [test for tests in stages for test in tests]
    rewrite(everything)
    order.hurry = hurry
    order.lines = mutant_lines.known(path_of(name))
    order.seconds = order.lines.seconds | order.seconds
    killers = killers_of([m[-1] for m in untold], source, stages, order, (path, built))
    order.hurry = None
    left = [m for m, killer in zip(untold, killers, strict=True) if not killer]
    survivors = [m for m in left if m not in harmless]
    for line, before, after, _ in survivors:
        print(f"{path_of(name)}:{line}: survived\n    - {before}\n    + {after}", flush=True)
    killed = len(untold) - len(left)
    known = len(chosen) - killed - len(survivors)
    order.only = set(filter(None, killers))
    asked = sorted({test.partition("::")[0] for test in order.only})
    if order.only and (failed := failing(asked if built == path else everything, order)):
        sys.exit((TREE / "output").read_text() + f"mutants: {failed} fails as it is")
    order.only = None
    print(
        f"{path_of(name)}: {killed} of {killed + len(survivors)} mutants killed, "
        f"{known} equivalent (tests/mutants.md), of {len(found)}, {time.monotonic() - start:.0f} s",
        flush=True,
    )
    today, code = time.strftime("%Y-%m-%d"), mutant_scores.digest(source)
    lines = [[before, after] for _, before, after, _ in survivors]
    return mutant_scores.Score(today, code, len(found), killed, known, lines)


def killers_of(mutants, source, stages, order, paths):
    """For each of these mutants of a file the test that kills it, or None."""
    python = paths[0].suffix == ".py"
    killers, sure = [None] * len(mutants), [True if python else None] * len(mutants)
    parts = [[test for test in tests if test not in THREADED] for tests in stages]
    for order.others, tests in zip((False, True), parts if python else [], strict=False):
        left = [k for k, killer in enumerate(killers) if sure[k] is not None and not killer]
        if left and tests:
            some = [mutants[k] for k in left]
            found = in_copies(some, source, tests, order, paths)
            for k, (killer, certain) in zip(left, found, strict=True):
                killers[k] = killer  # where none is found, every stage must be certain
                sure[k] = certain if killer or certain is None else sure[k] and certain
    # Of lines that run before a test begins, or for several tests at once, none was recorded.
    order.changed = set()
    later = [test for tests in stages[1:] for test in tests]  # the first stage runs its own again
    threaded, last = [test for test in THREADED if test in later], None
    for k, killer in enumerate(killers):
        again = stages if sure[k] is None else stages[:1] if not (killer and sure[k]) else []
        if threaded and not killer and sure[k] is not None:
            again = [*again, threaded]
        first = killer or last if python and not sure[k] else None
        if again:
            write(mutants[k], *paths)
            order.note(killer)  # it will most probably do so again
            if killer := first and by_one(first, order):  # much faster than to collect all
                again = []
            for tests in again:
                order.others = tests in stages[1:]
                found = (failing(part, order) for part in quick_first(tests))
                if killer := next(filter(None, found), None):
                    break
            killers[k], last = killer, killer or last
            order.note(killer)
    order.others = False
    write(source, *paths)
    return killers


def quick_first(tests):
    """The tests in parts: those that import the whole package come last."""
    whole = [test for test in tests if test.startswith(WHOLE)]
    return [part for part in ([test for test in tests if test not in whole], whole) if part]


def by_one(test, order):
    """This test, if it fails."""
    order.only = {test}
    failed = failing([test.partition("::")[0]], order)
    order.only = None
    return failed


def write(text, *paths):
    """Write the same to these files; what is built is there only after `make book`."""
    for path in paths:
        if path.parent.exists():
            path.write_text(text, encoding="utf-8")


def prepare():
    """Make the copy of the tree, go there, and import what takes long."""
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu", "PYTHONWARNINGS": "ignore"}
    os.environ |= {"PYTHONPATH": str(TREE), "PYTHONDONTWRITEBYTECODE": "1"}  # for what tests start
    os.environ["LSTM_BROWSER_TIMEOUT"] = str(UNKNOWN)
    TREE.mkdir(parents=True)
    for each in ROOT.iterdir():  # tests read the book, its data, the README ...
        if each.name in COPIED:
            shutil.copytree(each, TREE / each.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif each.name not in ("_build", ".git"):
            (TREE / each.name).symlink_to(each)
    if (ROOT / "_build/html").exists():  # for the browser
        shutil.copytree(ROOT / "_build/html", TREE / "_build/html")
    os.chdir(TREE)
    sys.path[0] = str(TREE)  # else `lstm` would be that of the working tree
    for module in PRELOADED:
        importlib.import_module(module)
    for plugin in importlib.metadata.entry_points(group="pytest11"):
        plugin.load()
    assert "lstm" not in sys.modules
    gc.freeze()  # a collection in a fork would copy all that has been imported
    warnings.simplefilter("ignore")  # JAX warns of a fork; it has not started any thread yet


def main(arguments=None):
    """Run what the arguments name, or everything; the exit status says whether one survived."""
    parser = argparse.ArgumentParser(description="Plant small mistakes, and see that tests fail.")
    parser.add_argument("file", nargs="*")
    for option in ("--sample", "--files"):
        parser.add_argument(option, type=int)
    parser.add_argument("--seed", type=int, default=0)
    for option in ("--store", "--changed", "--survivors", "--hurry"):
        parser.add_argument(option, action="store_true")
    given = parser.parse_args(arguments)
    known, offered = mutant_scores.stored(), names()
    asked = [tuple(argument.partition(":")[::2]) for argument in given.file or offered]
    if wrong := [name for name, _ in asked if name not in offered]:
        parser.error(f"{wrong[0]}: expected some of {' '.join(offered)}")
    if given.changed or given.survivors:
        sources = {name: (ROOT / path_of(name)).read_text(encoding="utf-8") for name, _ in asked}
        same = {n for n, text in sources.items() if n in known and known[n].is_of(text)}
        asked = [each for each in asked if (each[0] in same) == given.survivors]
    if given.files:
        asked = sorted(asked, key=lambda each: rank(given.seed, each[0]))[: given.files]

    order, equivalent, total = Order(), listed(), []
    try:
        prepare()
        for name, lines in asked:
            first, _, last = lines.partition("-")
            again = known[name].survived if given.survivors else None
            if again == []:
                continue
            score = run(
                name, order, equivalent, again, int(first or 0), int(last or 10**6),
                given.sample, given.seed, HURRY if given.hurry else None,
            )  # fmt: skip
            if score:
                total.append(score)
                if given.store and not lines:
                    mutant_scores.store(name, known[name].after(score) if again else score, offered)
    finally:
        os.chdir(ROOT)
        shutil.rmtree(TREE, ignore_errors=True)
    if given.sample == 0:
        return False
    score = mutant_scores.together(total)
    counted = (
        f"{score.killed} of {score.killed + len(score.survived)}; {score.equivalent} equivalent"
    )
    print(f"Score: {score.percent():.1f} % ({counted})")
    if not total:
        sys.exit("mutants: nothing was tried")
    return bool(score.survived)


if __name__ == "__main__":
    sys.exit(main())
