"""Mutation testing: what `make mutants` runs.

Each mutant is `lstm` with one small mistake: Cosmic Ray's operators (another arithmetic or
comparison operator, a number off by one, a negated condition, a loop that does not run, a
decorator less), and some of our own (an operand, statement, argument, slice bound or method call
less; another text). A mutant is killed when a test fails. The tests run in a forked copy of a
process that has imported JAX and the rest already, since that takes longer than most tests.

    python tests/mutants.py                     all files
    python tests/mutants.py fused layout        some
    python tests/mutants.py fused:213-250       some lines of one
    python tests/mutants.py --sample 60 fused   60 of its mutants, drawn by a seed
    python tests/mutants.py --sample 0          none: whether all lists of tests pass as they are

`tests/mutants.md` lists the mutants that no test can kill, with the reason.
"""

import ast
import importlib
import os
import random
import re
import shutil
import signal
import sys
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TREE = ROOT / "_build" / "mutants"  # the copy in which the mistakes are made
EQUIVALENT = ROOT / "tests" / "mutants.md"
PRELOADED = ("flax.linen", "hypothesis", "matplotlib.pyplot", "pytest", "sympy")  # not `lstm`
LIMIT = 180  # seconds of the processor: a mutant that takes more is killed
PATIENCE = 10  # times as long it may take by the clock, on a machine that does much else

SWEPT = "tests/test_sweeps_newer.py::test_it_passes"
TESTS = {  # by file: the tests to ask, those that answer quickly first
    "layout": "lstm/layout.py tests/test_layout.py tests/test_fused.py",
    "arguments": "lstm/arguments.py tests/test_arguments.py tests/test_fused.py",
    "settings": "lstm/settings.py tests/test_odd_arguments.py",
    "steps": "lstm/steps.py tests/test_reference.py",
    "inference": "lstm/inference.py tests/test_inference.py",
    "fused": "lstm/fused.py tests/test_fused.py tests/test_sweeps.py",
    "reference": "lstm/reference.py tests/test_reference.py",
    "recurrent": "lstm/recurrent.py tests/test_variants.py",
    "variants/rows": "lstm/variants/rows.py tests/test_variants.py",
    "variants/stabilised": "lstm/variants/stabilised.py tests/test_variants.py",
    "variants/ablations": "lstm/variants/ablations.py tests/test_variants.py",
    "variants/coupled": "lstm/variants/coupled.py tests/test_variants.py",
    "variants/gru": "lstm/variants/gru.py tests/test_variants.py",
    "variants/hard_sigmoid": "lstm/variants/hard_sigmoid.py tests/test_variants.py",
    "variants/layer_norm": "lstm/variants/layer_norm.py tests/test_variants.py",
    "variants/lstm": "lstm/variants/lstm.py tests/test_variants.py",
    "variants/mingru": "lstm/variants/mingru.py tests/test_variants.py",
    "variants/minlstm": "lstm/variants/minlstm.py tests/test_variants.py",
    "variants/mlstm": "lstm/variants/mlstm.py tests/test_variants.py",
    "variants/no_forget": "lstm/variants/no_forget.py tests/test_variants.py",
    "variants/peephole": "lstm/variants/peephole.py tests/test_variants.py",
    "variants/projection": "lstm/variants/projection.py tests/test_variants.py",
    "variants/slstm": "lstm/variants/slstm.py tests/test_variants.py",
    "variants/check": "lstm/variants/check.py tests/test_variants.py",
    "tracking": "lstm/tracking.py tests/test_tracking.py",
    "attention": "lstm/attention.py tests/test_attention.py",
    "dates": "lstm/dates.py tests/test_dates.py",
    "recompute": "lstm/recompute.py tests/test_recompute.py " + SWEPT + "[recompute]",
    "parallel/linear": "lstm/parallel/linear.py tests/test_parallel.py " + SWEPT + "[linear]",
    "parallel/newton": "lstm/parallel/newton.py tests/test_parallel.py " + SWEPT + "[newton]",
    "parallel/adjoint": "lstm/parallel/adjoint.py tests/test_parallel.py " + SWEPT + "[adjoint]",
    "parallel/diagonal": "lstm/parallel/diagonal.py tests/test_parallel.py",
    "parallel/gradient": "lstm/parallel/gradient.py tests/test_parallel.py",
    "compare": "lstm/compare.py tests/test_gradcheck.py tests/test_laws.py",
    "functions": "lstm/functions.py tests/test_gradcheck.py tests/test_laws.py",
    "gradcheck": "lstm/gradcheck.py tests/test_gradcheck.py tests/test_laws.py",
    "oracles": "lstm/oracles.py tests/test_gradcheck.py tests/test_laws.py",
    "laws": "lstm/laws.py tests/test_laws.py",
    "report": "lstm/report.py tests/test_gradcheck.py tests/test_laws.py",
    "cell": "lstm/cell.py tests/test_cell.py",
    "exchange/names": "lstm/exchange/names.py tests/test_exchange_names.py",
    "exchange/conventions": "lstm/exchange/conventions.py tests/test_exchange_conventions.py",
    "exchange/cells": "lstm/exchange/cells.py tests/test_exchange_cells.py",
    "exchange/cell": "lstm/exchange/cell.py tests/test_exchange_cell.py",
    "exchange/torch": "lstm/exchange/torch.py tests/test_exchange_torch.py",
    "exchange/keras": "lstm/exchange/keras.py tests/test_exchange_keras.py",
    "exchange/tensorflow": "lstm/exchange/tensorflow.py tests/test_exchange_tensorflow.py",
    "exchange/flax": "lstm/exchange/flax.py tests/test_exchange_flax.py",
    "exchange/gru": "lstm/exchange/gru.py tests/test_exchange_gru.py",
    "exchange/nnx": "lstm/exchange/nnx.py tests/test_exchange_nnx.py",
    "exchange/equinox": "lstm/exchange/equinox.py tests/test_exchange_equinox.py",
    "exchange/haiku": "lstm/exchange/haiku.py tests/test_exchange_haiku.py",
    "exchange/mlx": "lstm/exchange/mlx.py tests/test_exchange_cells.py",
    "exchange/tinygrad": "lstm/exchange/tinygrad.py tests/test_exchange_cells.py",
    "layers": "lstm/layers.py tests/test_stack.py",
    "packed": "lstm/packed.py tests/test_packed.py tests/test_stack.py tests/test_memory.py",
    "directions": "lstm/directions.py tests/test_stack.py tests/test_sweeps.py",
    "stream": "lstm/stream.py tests/test_stream.py " + SWEPT + "[stream]",
    "stack": "lstm/stack.py tests/test_stack.py tests/test_sweeps.py",
    "exchange/disk": "lstm/exchange/disk.py tests/test_exchange_files.py tests/test_fuzz.py",
    "exchange/tensors": "lstm/exchange/tensors.py tests/test_exchange_files.py tests/test_fuzz.py",
    "exchange/files": "lstm/exchange/files.py tests/test_exchange_files.py tests/test_main.py",
    "exchange/keras_file": "lstm/exchange/keras_file.py tests/test_exchange_files.py",
    "exchange/onnx": "lstm/exchange/onnx.py tests/test_exchange_onnx.py",
    "exchange/torch_file": "lstm/exchange/torch_file.py tests/test_exchange_files.py",
    "exchange/npz_file": "lstm/exchange/npz_file.py tests/test_exchange_files.py",
    "exchange/foreign": "lstm/exchange/foreign.py tests/test_exchange_files.py tests/test_fuzz.py",
    "exchange/onnx_read": "lstm/exchange/onnx_read.py tests/test_exchange_onnx.py",
    "exchange/onnx_tensors": "lstm/exchange/onnx_tensors.py tests/test_exchange_onnx.py",
    "exchange/onnx_graph": "lstm/exchange/onnx_graph.py tests/test_exchange_onnx.py",
    "exchange/onnx_values": "lstm/exchange/onnx_values.py tests/test_exchange_onnx.py",
    "__main__": "lstm/__main__.py tests/test_main.py",
    "grammar": "lstm/grammar.py tests/test_tasks.py",
    "tasks": "lstm/tasks.py tests/test_tasks.py",
    "masks": "lstm/masks.py tests/test_masks.py",
    "losses": "lstm/losses.py tests/test_losses.py",
    "parameters": "lstm/parameters.py tests/test_network.py tests/test_train.py",
    "network": "lstm/network.py tests/test_network.py",
    "train": "lstm/train.py tests/test_train.py " + SWEPT + "[training]",
    "dropout": "lstm/dropout.py tests/test_dropout.py " + SWEPT + "[dropout]",
    "text": "lstm/text.py tests/test_text.py " + SWEPT + "[text]",
    "traced": "lstm/traced.py tests/test_scan.py",
    "scan": "lstm/scan.py tests/test_scan.py",
    "tutor/plain": "lstm/tutor/plain.py tests/test_tutor.py tests/test_tutor_names.py",
    "tutor/calls": "lstm/tutor/calls.py tests/test_tutor.py tests/test_tutor_names.py",
    "tutor/verdict": "lstm/tutor/verdict.py tests/test_tutor.py tests/test_tutor_names.py",
    "tutor/styles": "lstm/tutor/styles.py tests/test_tutor.py tests/test_tutor_names.py",
    "tutor/search": "lstm/tutor/search.py tests/test_tutor.py tests/test_tutor_names.py",
    "tutor/candidate": "lstm/tutor/candidate.py tests/test_tutor.py tests/test_tutor_names.py",
    "tutor/beyond": "lstm/tutor/beyond.py tests/test_tutor.py tests/test_tutor_names.py",
    "tutor/locate": "lstm/tutor/locate.py tests/test_tutor.py tests/test_tutor_names.py",
    "tutor/judge": "lstm/tutor/judge.py tests/test_tutor.py tests/test_tutor_names.py",
    "tutor/step": "lstm/tutor/step.py tests/test_tutor.py tests/test_tutor_names.py",
    "tutor/part": "lstm/tutor/part.py tests/test_tutor.py tests/test_tutor_names.py",
    "tutor/child": "lstm/tutor/child.py tests/test_tutor.py tests/test_tutor_names.py",
    "book/ladder": "lstm/book/ladder.py tests/test_ladder.py",
    "book/features": "lstm/book/features.py tests/test_ladder.py",
    "book/limit": "lstm/book/limit.py tests/test_ladder.py",
    "book/ngrams": "lstm/book/ngrams.py tests/test_ngrams.py",
    "book/vowels": "lstm/book/vowels.py tests/test_vowels.py",
    "book/rosetta": "lstm/book/rosetta.py tests/test_exchange_conventions.py",
    "book/probes": "lstm/book/probes.py tests/test_probes.py",
    "book/labels": "lstm/book/labels.py tests/test_labels.py",
}
OPTIONS = ["-x", "-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]

MODULES = {"np", "jax", "jnp", "jax.lax", "jax.random", "nn", "ast", "inspect", "re", "textwrap"}

TYPES = ("Callable[", "Mapping[", "tuple[")  # what the name of a type is assigned

# Of Cosmic Ray's eleven replacements for each arithmetic operator, those that a person might write.
ARITHMETIC = {
    "Add": ["Sub", "Mul"], "Sub": ["Add"], "Mul": ["Add", "Div", "Pow"], "Div": ["Mul", "FloorDiv"],
    "FloorDiv": ["Div", "Mul", "Mod"], "Mod": ["FloorDiv"], "Pow": ["Mul", "Add"],
    "BitOr": ["BitAnd"], "BitAnd": ["BitOr"],
}  # fmt: skip
UNUSED = re.compile(
    r"ReplaceBinaryOperator_(?!("
    + "|".join(f"{one}_{other}" for one, others in ARITHMETIC.items() for other in others)
    + r")$)|Variable|_Is(Not)?_(?!Is)|_(?!Is)[A-Za-z]+_Is(Not)?$"
)


def by_cosmic_ray(source):
    """Every mutant of the source by every operator of Cosmic Ray that is used here."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator, operator_names

    for name in operator_names():
        if not UNUSED.search(name.split("/")[1]):
            occurrence = 0
            while mutant := mutate_code(source, get_operator(name)(), occurrence):
                yield mutant
                occurrence += 1


def by_us(source):
    """Every mutant of the source by the operators of this file."""
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    tree = ast.parse(source)
    skipped = {id(part) for node in ast.walk(tree) for part in parts_of_text(node)}
    for node in ast.walk(tree):
        for text in replacements(node) if id(node) not in skipped else []:
            start = starts[node.lineno - 1] + node.col_offset
            end = starts[node.end_lineno - 1] + node.end_col_offset
            code = source.encode()
            yield (code[:start] + text.encode() + code[end:]).decode()


def replacements(node):
    """What may stand in the place of this node, as code."""

    def less(field, parts, least=0):
        """The node with one element less in a list."""
        for part in parts if len(parts) > least else []:
            rest = [other for other in getattr(node, field) if other is not part]
            yield ast.unparse(type(node)(**(vars(node) | {field: rest})))

    match node:
        case ast.Constant(value=str()):
            yield repr(node.value + "X")
        case ast.JoinedStr():
            for part in node.values:
                if isinstance(part, ast.Constant):
                    other = ast.Constant(part.value + "X")
                    values = [other if value is part else value for value in node.values]
                    yield ast.unparse(ast.JoinedStr(values))
        case ast.BinOp():
            yield f"({ast.unparse(node.left)})"
            yield f"({ast.unparse(node.right)})"
        case ast.IfExp():
            yield f"({ast.unparse(node.body)})"
            yield f"({ast.unparse(node.orelse)})"
        case ast.BoolOp():
            for text in less("values", node.values, 1):
                yield f"({text})"
        case ast.Slice():
            for bound in ("lower", "upper", "step"):
                if getattr(node, bound):
                    yield ast.unparse(ast.Slice(**(vars(node) | {bound: None})))
        case ast.Attribute(attr="T"):
            yield ast.unparse(node.value)
        case ast.Call():
            yield from less("keywords", node.keywords)
            yield from less("args", node.args[1:][-1:])
            if isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) not in MODULES:
                yield ast.unparse(node.func.value)
        case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.Assert():
            yield "pass"
        case ast.Assign(targets=[ast.Subscript() | ast.Attribute()]):
            yield "pass"
        case ast.Assign(targets=[_, _]):
            yield from (ast.unparse(ast.Assign([t], node.value, lineno=1)) for t in node.targets)


def meaning(source):
    """What the source does: its syntax tree without docstrings and annotations."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.arg)):
            node.annotation = node.returns = None
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith(TYPES):
            node.value = ast.Constant(None)
        if isinstance(getattr(node, "body", None), list):
            node.body = [s for s in node.body if not does_nothing(s)]
    return ast.dump(tree)


def does_nothing(statement):
    """Whether a statement is ``pass`` or a docstring."""
    match statement:
        case ast.Pass() | ast.Expr(ast.Constant(value=str())):
            return True
    return False


def parts_of_text(node):
    """The nodes below an f-string or a docstring that have no place of their own in the source."""
    match node:
        case ast.JoinedStr():
            return [part for part in node.values if isinstance(part, ast.Constant)]
        case ast.FormattedValue(format_spec=ast.JoinedStr() as spec):
            return [spec, *spec.values]
        case ast.Expr(ast.Constant(value=str())):
            return [node, node.value]
    return []


def mutants(source):
    """Mutants that compile and do something else, each once, in the order of the file."""
    seen, found = {meaning(source)}, []
    for mutant in (*by_cosmic_ray(source), *by_us(source)):
        try:
            done = meaning(mutant)
        except SyntaxError:
            continue
        if done not in seen:
            seen.add(done)
            found.append((*difference(source, mutant), mutant))
    return sorted(found, key=lambda each: each[0])


def difference(source, mutant):
    """The number of the first line that differs, and that line before and after."""
    one, other = source.splitlines(), mutant.splitlines()
    least = min(len(one), len(other))
    head = next((k for k in range(least) if one[k] != other[k]), least)
    tail = next((k for k in range(least - head) if one[-1 - k] != other[-1 - k]), least - head)
    middles = (lines[head : len(lines) - tail] for lines in (one, other))
    return head + 1, *(" ".join(line.strip() for line in middle) for middle in middles)


class Order:
    """A pytest plugin: the tests that killed the last mutants go first, then the quickest."""

    def __init__(self):
        self.seconds, self.killers, self.failed = {}, {}, None

    def pytest_collection_modifyitems(self, items):
        items.sort(key=lambda each: self.seconds.get(each.nodeid, 0.0))
        items.sort(key=lambda each: -self.killers.get(each.nodeid, -1))

    def pytest_runtest_logreport(self, report):
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            self.failed = report.nodeid


def fails(tests, order):
    """Whether a test fails, in a process of its own."""
    child = os.fork()
    if not child:
        os.setsid()
        import resource  # which Windows has not, nor a fork

        resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT))
        quiet = os.open(TREE / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        status = 1
        try:
            import pytest

            (TREE / "order").write_text("")
            status = pytest.main([*OPTIONS, *tests], plugins=[order])
            (TREE / "order").write_text(repr((order.seconds, order.failed)))
        finally:
            sys.stdout.flush()
            os._exit(min(int(status), 1))
    end = time.monotonic() + PATIENCE * LIMIT
    done = 0
    try:
        while time.monotonic() < end:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return status != 0
            time.sleep(0.01)
    finally:
        if not done:  # it took too long, or somebody has had enough
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return True


def listed():
    """The mutants that are known to be equivalent: (file, line before, line after)."""
    rows = re.findall(r"^\| `([\w/]+)\.py` \| `(.*?)` \| `(.*?)` \|", EQUIVALENT.read_text(), re.M)
    return {tuple(part.replace(r"\|", "|") for part in row) for row in rows}


def offers(name):
    """The test that a module has all that it says it has."""
    tests = "tests/test_package.py::test_every_module_says_what_it_offers"
    return f"{tests}[{name.replace('/', '.')}]"


def drawn(found, sample):
    """So many of the mutants of a file, in their order: the same in every run."""
    if sample is None or sample >= len(found):
        return found
    return [found[k] for k in sorted(random.Random(0).sample(range(len(found)), sample))]


def run(name, first, last, equivalent, sample=None):
    """Run the mutants of a file; print those that survive and the score."""
    path, tests = TREE / "lstm" / f"{name}.py", [*TESTS[name].split(), offers(name)]
    source = path.read_text()
    sys.dont_write_bytecode = False  # the tests, rewritten by pytest, need not be so again
    order = Order()
    if fails(tests, order):
        sys.exit((TREE / "output").read_text() + f"mutants: {name}.py fails its tests as it is")
    order.seconds, _ = ast.literal_eval((TREE / "order").read_text())
    shutil.rmtree(TREE / "lstm" / "__pycache__", ignore_errors=True)
    sys.dont_write_bytecode = True  # two mutants within a second: Python would run the first twice

    killed, known, survivors, start = 0, 0, 0, time.monotonic()
    found = [] if sample == 0 else [m for m in mutants(source) if first <= m[0] <= last]
    chosen = drawn(found, sample)
    try:
        for line, before, after, mutant in chosen:
            if (name, before, after) in equivalent:
                known += 1
                continue
            path.write_text(mutant)
            if fails(tests, order):
                killed += 1
                if text := (TREE / "order").read_text():
                    order.killers[ast.literal_eval(text)[1]] = killed
            else:
                survivors += 1
                print(f"lstm/{name}.py:{line}: survived\n    - {before}\n    + {after}", flush=True)
    except KeyboardInterrupt:
        print(f"stopped after {killed + survivors + known} of {len(chosen)}")
    path.write_text(source)
    if sample != 0 and fails(tests, order):
        sys.exit((TREE / "output").read_text() + f"mutants: {name}.py does not pass a second time")
    seconds = time.monotonic() - start
    print(
        f"{name}.py: {killed} of {killed + survivors} mutants killed, {survivors} survived, "
        f"{known} equivalent (tests/mutants.md), {seconds:.0f} s",
        flush=True,
    )
    return killed, survivors, known


def main(arguments):
    """Run what the arguments name, or everything; the exit status says whether one survived."""
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu", "PYTHONWARNINGS": "ignore"}
    shutil.rmtree(TREE, ignore_errors=True)
    TREE.mkdir(parents=True)
    for each in ROOT.iterdir():  # tests read the book, its data, the README ...
        if each.name in ("lstm", "tests"):
            shutil.copytree(each, TREE / each.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif each.name not in ("_build", ".git"):
            (TREE / each.name).symlink_to(each)
    os.chdir(TREE)
    sys.path[0] = str(TREE)  # else `lstm` would be that of the working tree

    for module in PRELOADED:
        importlib.import_module(module)
    assert "lstm" not in sys.modules
    warnings.simplefilter("ignore")  # JAX warns of a fork; it has not started any thread yet

    total, equivalent, sample = [], listed(), None
    if arguments[:1] == ["--sample"]:
        sample, arguments = int(arguments[1]), arguments[2:]
    for argument in arguments or TESTS:
        name, _, lines = argument.partition(":")
        first, _, last = lines.partition("-")
        total.append(run(name, int(first or 0), int(last or 10**6), equivalent, sample))
    killed, survivors, known = map(sum, zip(*total, strict=True))
    score = 100 * killed / max(1, killed + survivors)
    print(f"Score: {score:.1f} % ({killed} of {killed + survivors}; {known} equivalent)")
    return survivors > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
