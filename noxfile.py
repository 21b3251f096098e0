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

# For each extra, the modules that it promises. Those of "" need NumPy alone.
EXTRAS = {
    "": "lstm lstm.fused lstm.stack lstm.stream lstm.layout lstm.reference lstm.tasks lstm.text"
        " lstm.tutor lstm.parallel.newton lstm.variants.mingru lstm.variants.gru lstm.book.ladder",
    "jax": "lstm.scan lstm.cell lstm.train lstm.recurrent lstm.recompute lstm.parallel.linear"
           " lstm.parallel.gradient",
    "plots": "lstm.book.plots",
    "files": "onnx h5py lstm.exchange.files lstm.exchange.onnx",
    "distributed": "lstm.scan orbax.checkpoint",
    "chapters": "equinox haiku keras onnxruntime sklearn statsmodels.api tqdm IPython",
    "book": "jupyter_book sphinxext.opengraph sphinx_sitemap notfound PIL fontTools brotli",
    "test": "pytest xdist nbval hypothesis sympy cosmic_ray mypy",
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


@nox.session(python=list(OLDEST), venv_backend="uv|venv")
@nox.parametrize("numpy", ["oldest", "newest"])
def tests(session: nox.Session, numpy: str) -> None:
    """Run all tests but those that run the tests again."""
    version = f"=={OLDEST[session.python]}" if numpy == "oldest" else ""
    session.install("-e", ".[test,book]", f"numpy{version}")
    session.run("python", "-c", "import numpy, sys; print(sys.version, numpy.__version__)")
    session.run("pytest", "-q", "-n", "2", "--ignore=tests/test_zoo.py", *session.posargs)


@nox.session(venv_backend="uv|venv")
@nox.parametrize("extra", list(EXTRAS), ids=[extra or "none" for extra in EXTRAS])
def extras(session: nox.Session, extra: str) -> None:
    """Install the package with one extra, import what that promises, and run its examples."""
    session.install(f".[{extra}]" if extra else ".")
    session.chdir(session.create_tmp())  # away from the sources
    modules = EXTRAS[extra].split()
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
