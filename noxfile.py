"""The unit tests on every Python, with the oldest NumPy that the package claims and the newest.

`make test-matrix` runs it. A Python that is not installed is left out, by name.
"""

import nox

nox.options.error_on_missing_interpreters = False

OLDEST = {"3.11": "2.0.0", "3.12": "2.0.0", "3.13": "2.1.0"}  # 2.0 has no wheels for 3.13


@nox.session(python=list(OLDEST), venv_backend="uv|venv")
@nox.parametrize("numpy", ["oldest", "newest"])
def tests(session: nox.Session, numpy: str) -> None:
    """Run all tests but those that run the tests again."""
    version = f"=={OLDEST[session.python]}" if numpy == "oldest" else ""
    session.install(
        "-e", ".[jax,plots,files,distributed]", f"numpy{version}",
        "pytest", "pytest-xdist", "hypothesis", "sympy",
    )  # fmt: skip
    session.run("python", "-c", "import numpy, sys; print(sys.version, numpy.__version__)")
    frameworks = "--ignore-glob=tests/test_frameworks_*"  # they test the frameworks' newest
    session.run(
        "pytest", "-q", "-n", "2", "--ignore=tests/test_zoo.py", frameworks, *session.posargs
    )
