"""Run the tests in one folder after another, each in a fork of a process that knows pytest.

A folder is read from each line of standard input; a line with pytest's exit status answers it. To
import pytest, NumPy and JAX takes longer than most of the tests do, and is done once. No package
of the folders may be imported here, and JAX must not have started anything yet.
"""

import os
import sys
import warnings

import hypothesis  # noqa: F401
import jax  # noqa: F401
import numpy  # noqa: F401
import pytest

OPTIONS = ["-x", "-q", "-p", "no:cacheprovider", "-k", "not jax", "tests"]


def status(folder):
    """Return pytest's exit status for a folder's tests, without the slow ones that need JAX."""
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        sys.path[0] = folder  # in place of the folder of this file
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
            os._exit(pytest.main(OPTIONS))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # JAX warns of a fork
    for line in sys.stdin:
        print(status(line.rstrip("\n")), flush=True)
