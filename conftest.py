"""What every test of the project, doctests and chapters included, runs under.

Tests and chapters run side by side, one to a core: a matrix product or a compiled function that
took a second thread would mostly wait for it. XLA's emitters of fused loops are left out where
they can be, because they take a quarter of the time in which a small program is compiled. What JAX
has compiled once is kept for whoever needs it next, in a folder that git ignores and `make clean`
removes; where nothing may be written, as in a checkout that belongs to somebody else, nothing is
kept.
"""

import os
from importlib.metadata import version
from pathlib import Path

CACHE = Path(__file__).parent / ".jax_cache"
KEEP = os.access(CACHE if CACHE.exists() else CACHE.parent, os.W_OK)

# Before NumPy and JAX are imported; the kernels and programs that tests start take it over.
FLAGS = "--xla_cpu_multi_thread_eigen=false"
if tuple(map(int, version("jaxlib").split(".")[:2])) < (0, 11):  # later ones end at the flag
    FLAGS += " --xla_cpu_use_fusion_emitters=false"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {FLAGS}".strip()
for _name, _value in {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    **({"JAX_COMPILATION_CACHE_DIR": str(CACHE)} if KEEP else {}),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    # An entry that another process is just writing is no error: it is compiled once more.
    "PYTHONWARNINGS": "ignore:Error reading persistent compilation cache entry:UserWarning",
}.items():
    os.environ.setdefault(_name, _value)

import matplotlib  # noqa: E402
import pytest  # noqa: E402

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")
