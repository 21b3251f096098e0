"""The package as a whole: what it needs, how its files depend on each other, what it says."""

import ast
import inspect
import os
import pkgutil
import re
import subprocess
import sys
import tomllib
from importlib import import_module, metadata, resources
from pathlib import Path

import pytest
from helpers import refused

import lstm

PACKAGE = Path(lstm.__file__).parent
ROOT = PACKAGE.parent
FILES = sorted(
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in PACKAGE.rglob("*.py")
)

# Section 3 of the design, from the bottom up. A file imports from the lines before its own.
LAYERS = [
    {"extras"},
    {"layout"},
    {"arguments"},
    {"settings"},
    {"steps"},
    {"reference"},
    {"parallel.__init__"},
    {"parallel.linear"},
    {"recurrent"},
    {"variants.rows"},
    {"variants.stabilised"},
    {
        "variants.ablations", "variants.coupled", "variants.gru", "variants.hard_sigmoid",
        "variants.layer_norm", "variants.lstm", "variants.mingru", "variants.minlstm",
        "variants.mlstm", "variants.no_forget", "variants.peephole", "variants.projection",
        "variants.slstm",
    },
    {"variants.__init__"},  # which has the table of all cells
    {"inference"},
    {"fused"},
    {"layers", "packed"},
    {"directions"},
    {"stack", "stream"},
    {"traced"},
    {"scan"},
    {"recompute"},
    {"parallel.newton", "parallel.gradient"},
    {"parallel.adjoint", "parallel.diagonal"},
    {"cell"},
    {"exchange.names"},
    {"exchange.conventions", "exchange.cells"},
    {
        "exchange.cell", "exchange.equinox", "exchange.flax", "exchange.gru", "exchange.haiku",
        "exchange.keras", "exchange.mlx", "exchange.tensorflow", "exchange.tinygrad",
        "exchange.torch",
    },
    {"exchange.nnx"},  # which checks a cell's functions as flax does
    {"exchange.disk", "exchange.tensors", "exchange.foreign", "exchange.onnx_tensors"},
    {"exchange.onnx_values", "exchange.npz_file"},
    {"exchange.onnx_graph", "exchange.keras_file", "exchange.torch_file"},
    {"exchange.onnx_read"},
    {"exchange.onnx"},
    {"exchange.files"},
    {"functions", "report"},
    {"oracles", "laws"},
    {"compare"},
    {"gradcheck"},
    {"variants.check"},
    {"masks", "losses", "grammar"},
    {"tasks", "parameters"},
    {"network", "tracking"},
    {"train", "text", "attention", "dates"},
    {"dropout"},
    {"zoo", "tutor.plain", "tutor.equations", "tutor.calls"},
    {"tutor.mistake", "tutor.styles", "tutor.verdict"},
    {"tutor.of_forward", "tutor.of_backward", "tutor.of_gates", "tutor.rules"},
    {"tutor.mistakes"},
    {"tutor.search"},
    {"tutor.candidate"},
    {"tutor.beyond", "tutor.locate"},
    {"tutor.judge"},
    {"tutor.step", "tutor.cells", "tutor.child", "tutor.training"},
    {"tutor.part"},
    {"tutor.__init__"},
    {"__main__"},
    {
        "book.features", "book.ladder", "book.limit", "book.ngrams", "book.plots.style",
        "book.probes", "book.vowels",
    },
    {"book.plots.forward", "book.plots.backward", "book.plots.fast", "book.plots.learning"},
    {"book.tables"},
    {"book.plots.variants", "book.rosetta"},
    {"book.plots.__init__"},  # which hands on what those offer
]
APART = {"book.labels"}  # it reads source files, and is imported by none
NEEDS = {
    "cell": {"flax", "jax"},
    "exchange.files": {"onnx"},
    "exchange.keras_file": {"h5py"},
    "exchange.onnx": {"onnx"},
    "exchange.onnx_graph": {"onnx"},
    "exchange.onnx_read": {"onnx"},
    "exchange.onnx_tensors": {"onnx"},
    "exchange.onnx_values": {"onnx"},
    "oracles": {"jax"},
    "book.plots.backward": {"matplotlib"},
    "book.plots.fast": {"matplotlib"},
    "book.plots.forward": {"matplotlib"},
    "book.plots.learning": {"matplotlib"},
    "book.plots.style": {"matplotlib"},
    "book.plots.variants": {"matplotlib"},
    "recurrent": {"jax"},
    "parallel.gradient": {"jax"},
    "parallel.linear": {"jax"},
    "recompute": {"jax"},
    "scan": {"jax"},
    "traced": {"jax"},
    "train": {"jax", "optax"},
    "tutor.cells": {"jax"},
}

NUMPY_ALONE = """
import importlib.abc, pathlib, sys, tempfile

class OnlyNumPy(importlib.abc.MetaPathFinder):
    allowed = {"numpy", "lstm"} | set(sys.stdlib_module_names)

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in self.allowed:
            raise ImportError(f"{name} is not installed here")

sys.meta_path.insert(0, OnlyNumPy())

import numpy as np
import lstm
import lstm.__main__, lstm.book.ladder, lstm.book.labels, lstm.layout, lstm.tutor
import lstm.reference, lstm.tracking, lstm.variants.check
import lstm.dropout, lstm.text, lstm.book.ngrams
import lstm.recompute, lstm.parallel.linear, lstm.parallel.newton, lstm.parallel.diagonal
import lstm.masks, lstm.stack, lstm.tasks, lstm.train, lstm.exchange.torch, lstm.exchange.keras
from lstm.gradcheck import check_lstm, random_problem

Hout, Cn, Hn, cache = lstm.forward(np.ones((5, 3, 10)), lstm.init(10, 4, rng=0))
gradients = lstm.backward(np.ones_like(Hout), cache)
c, h = lstm.step(np.ones(10), lstm.init(10, 4))
assert gradients.dX.shape == (5, 3, 10) and h.shape == (4,)
assert check_lstm(lstm.forward, lstm.backward, random_problem(), oracle="complex").passed
params, batch = lstm.train.init(2, 4, 1, layers=2), lstm.tasks.adding(20, 3)
assert lstm.train.gradients(params, batch)[2]["WOUT"].shape == (5, 1)
def opened(name, content):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, name)
        path.write_bytes(content)
        lstm.exchange.load(path)

for call in (
    lambda: lstm.train.fit(params, [batch], None),
    lambda: lstm.recompute.scan(np.ones((5, 3, 10)), lstm.init(10, 4, rng=0)),
    lambda: lstm.recurrent.scan(None, np.ones(3), {}),
    lambda: lstm.parallel.linear.associative(np.ones(3), np.ones(3)),
    lambda: check_lstm(lstm.forward, lstm.backward, random_problem(), oracle="jax"),
    lambda: lstm.exchange.onnx.dump(lstm.stack.init(3, 4, rng=0)),
    lambda: lstm.exchange.onnx.load("a.onnx"),
    lambda: opened("a.onnx", b"\\x08"),
    lambda: opened("a.weights.h5", b"\\x89HDF\\r\\n\\x1a\\n"),
):
    try:
        call()
    except ImportError as error:
        print(error)
for name in ("lstm.cell", "lstm.book.plots"):
    try:
        importlib.import_module(name)
    except ImportError as error:
        print(name, error)
"""


def python(code, **environment):
    """Run code in a fresh interpreter, warnings as errors, and return what it prints."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_package_needs_numpy_alone():
    """And the modules that need more say what they miss."""
    *said, cell, plots = python(NUMPY_ALONE).splitlines()
    assert [re.sub(r"^.*[/\\](?=a\.)", "", line) for line in said] == [  # without the folder
        "lstm.train.fit needs JAX and Optax: pip install 'lstm-book[jax]' "
        "(jax is not installed here)",
        "lstm.recompute.scan needs JAX: pip install 'lstm-book[jax]' (jax is not installed here)",
        "lstm.recurrent.scan needs JAX: pip install 'lstm-book[jax]' (jax is not installed here)",
        "lstm.parallel.linear.associative needs JAX: pip install 'lstm-book[jax]' "
        "(jax is not installed here)",
        "The oracle of JAX needs JAX: pip install 'lstm-book[jax]' (jax is not installed here)",
        "lstm.exchange.onnx.dump needs the package onnx: pip install 'lstm-book[files]' "
        "(onnx is not installed here)",
        "lstm.exchange.onnx.load needs the package onnx: pip install 'lstm-book[files]' "
        "(onnx is not installed here)",
        "a.onnx: An ONNX model needs the package onnx: pip install 'lstm-book[files]' "
        "(onnx is not installed here)",
        "a.weights.h5: A file of Keras needs the package h5py: pip install 'lstm-book[files]' "
        "(h5py is not installed here)",
    ]
    missing = ("lstm.cell flax", "lstm.book.plots matplotlib")
    for line, name in zip((cell, plots), missing, strict=True):
        assert line.startswith(name)
        assert line.endswith("is not installed here")


def test_importing_the_package_imports_only_what_it_needs():
    code = "import lstm, sys; print(*(m for m in sys.modules if m.startswith('lstm')))"
    assert set(python(code).split()) == {
        "lstm", "lstm.arguments", "lstm.fused", "lstm.inference", "lstm.layout", "lstm.settings"
    }  # fmt: skip


def path_of(name):
    return PACKAGE / f"{name.replace('.', '/')}.py"


def imports(name):
    """The modules that a file imports, as (of the package, from outside)."""
    inside, outside = set(), set()
    for node in ast.walk(ast.parse(path_of(name).read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            package = name.split(".")[: -node.level]
            base = ".".join([*package, *(node.module or "").split(".")]).strip(".")
            for alias in node.names:
                dotted = f"{base}.{alias.name}".strip(".")
                inside.add(dotted if dotted in FILES else base)
        elif isinstance(node, ast.ImportFrom):
            outside.add(node.module.partition(".")[0])
        elif isinstance(node, ast.Import):
            outside |= {alias.name.partition(".")[0] for alias in node.names}
    assert "lstm" not in outside, "inside the package, imports are relative"
    return inside, outside - set(sys.stdlib_module_names)


@pytest.mark.parametrize("name", FILES)
def test_arrows_point_down_only(name):
    inside, _ = imports(name)
    if name == "__init__":
        assert inside == {"fused", "stream"}  # the second when it is asked for
    elif name in APART or name in ("book.__init__", "exchange.__init__"):
        assert inside == set()
    else:
        (height,) = [k for k, layer in enumerate(LAYERS) if name in layer]
        assert inside <= set().union(*LAYERS[:height])


@pytest.mark.parametrize("name", FILES)
def test_only_the_files_that_may_need_more_than_numpy(name):
    _, outside = imports(name)
    assert outside <= {"numpy"} | NEEDS.get(name, set())


@pytest.mark.parametrize("name", [name for name in FILES if not name.endswith("__init__")])
def test_every_module_says_what_it_offers(name):
    module = import_module(f"lstm.{name}")
    assert module.__all__
    assert all(hasattr(module, offered) for offered in module.__all__)


def test_modules_are_found_by_completion_and_imported_when_asked_for():
    code = "import lstm, sys; print(*dir(lstm)); print('lstm.stack' in sys.modules); lstm.stack"
    names, before = python(code).splitlines()
    assert {*lstm.MODULES, *lstm.__all__} <= set(names.split())
    assert before == "False"
    for package in (lstm, lstm.exchange, lstm.parallel):
        assert set(package.MODULES) <= set(dir(package))
        for name in package.MODULES:
            assert import_module(f"{package.__name__}.{name}") is getattr(package, name)
        with refused(AttributeError, f"module '{package.__name__}' has no attribute 'weigths'"):
            package.weigths  # noqa: B018
    for package in (lstm.exchange, lstm.parallel):
        folder = f"{package.__name__.removeprefix('lstm.')}."
        files = {name for name in FILES if name.startswith(folder)} - {f"{folder}__init__"}
        assert {f"{folder}{name}" for name in package.MODULES} == files


def test_what_the_package_offers():
    offered = [
        "Cache", "Forward", "Gradients", "Outputs", "State", "backward", "forward", "init", "step"
    ]  # fmt: skip
    assert sorted(lstm.__all__) == sorted([*offered, "Stream"])
    assert lstm.Stream is lstm.stream.Stream
    assert all(getattr(lstm, name) is getattr(lstm.fused, name) for name in offered)


@pytest.mark.parametrize(
    ("package", "offered"),
    [
        ("exchange", ["load", "load_model", "open_file", "save"]),
        ("tutor", ["Finding", "Place", "Verdict", "cell", "check", "part", "step"]),
        ("variants", ["CELLS"]),
        ("parallel", []),
    ],
)
def test_what_the_other_packages_offer(package, offered):
    module = import_module(f"lstm.{package}")
    assert sorted(module.__all__) == offered
    assert all(hasattr(module, name) for name in offered)


def test_version_and_dependencies():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert metadata.version(project["name"]) == lstm.__version__
    assert [need.partition(">")[0] for need in project["dependencies"]] == ["numpy"]


def test_the_package_is_typed():
    assert resources.files("lstm").joinpath("py.typed").is_file()
    for function in (lstm.init, lstm.forward, lstm.backward, lstm.step):
        signature = inspect.signature(function)
        annotations = [parameter.annotation for parameter in signature.parameters.values()]
        assert inspect.Signature.empty not in (*annotations, signature.return_annotation)


def public():
    """Every function and class of every module, by name."""
    for info in pkgutil.walk_packages(lstm.__path__, "lstm."):
        module = import_module(info.name)
        for name, value in vars(module).items():
            here = getattr(value, "__module__", None) == module.__name__
            if here and not name.startswith("_") and callable(value):
                yield pytest.param(value, id=f"{module.__name__}.{name}")


PUBLIC = list(public())


@pytest.mark.parametrize("thing", [p for p in PUBLIC if not inspect.isclass(p.values[0])])
def test_a_function_has_a_docstring_with_an_example_and_all_arguments(thing):
    doc = inspect.getdoc(thing)
    assert "Example:\n    >>> " in doc
    parameters = [
        parameter.name
        for parameter in inspect.signature(thing).parameters.values()
        if parameter.kind is not parameter.VAR_KEYWORD
    ]
    if "Args:" in doc:
        for name in parameters:
            assert f"    {name}: " in doc or f"*{name}: " in doc


@pytest.mark.parametrize("thing", [p for p in PUBLIC if inspect.isclass(p.values[0])])
def test_a_class_has_a_docstring_with_all_attributes(thing):
    doc = inspect.getdoc(thing)
    of_flax = {"parent", "name"} if hasattr(thing, "init_with_output") else set()
    for name in set(inspect.get_annotations(thing)) - of_flax:
        assert f"    {name}: " in doc
    for name, method in vars(thing).items():
        if inspect.isroutine(method) and not name.startswith("_"):
            assert method.__doc__
