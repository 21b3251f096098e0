"""Which machine this is, and how many threads a benchmark may use."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("numpy", "jax", "jaxlib", "flax", "keras", "equinox", "torch")


def threads():
    """How many threads everybody may use, from OPENBLAS_NUM_THREADS."""
    return int(os.environ.get("OPENBLAS_NUM_THREADS", os.cpu_count()))


def pin():
    """Tie the process, on Linux, to as many processors as it may use threads.

    NumPy reads OPENBLAS_NUM_THREADS itself, while it is imported; XLA respects this.
    """
    count = threads()
    if hasattr(os, "sched_setaffinity"):
        available = sorted(os.sched_getaffinity(0))
        if count > len(available):
            raise ValueError(
                f"OPENBLAS_NUM_THREADS: expected at most {len(available)}, got {count}"
            )
        os.sched_setaffinity(0, available[:count])


def describe():
    """Names and versions of what the numbers depend on."""
    import numpy as np

    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "processor": _processor(),
        "revision": _revision(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "threads": threads(),
        "blas": f"{blas['name']} {blas['version']}",
        "versions": {name: _version(name) for name in PACKAGES},
    }


def _processor():
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return platform.processor() or "unknown"


def _revision():
    """The commit that was timed, with a plus sign where files differ from it."""
    git = ["git", "-C", str(Path(__file__).parent)]
    found = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    if found.returncode:
        return None
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "../lstm"]).returncode
    return found.stdout.strip() + "+" * changed


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None
