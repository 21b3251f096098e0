"""Which machine this is, and how many threads a benchmark may use."""

import datetime
import json
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("numpy", "jax", "jaxlib", "flax", "keras", "equinox", "torch", "onnxruntime")
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
# They make OpenBLAS take a processor for another one: its products, and our limit, would be wrong.
MISLEADING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_VERBOSE")


def environment(threads):
    """The environment of a run on so many threads, without what would mislead it."""
    kept = {name: value for name, value in os.environ.items() if name not in MISLEADING}
    root = str(Path(__file__).parent.parent)
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    numbers = dict.fromkeys(THREADS, str(threads))
    return {**kept, **numbers, "KERAS_BACKEND": "jax", "PYTHONPATH": path}


def pin(threads):
    """Pin this process to as many processors as it may use threads, if the system allows it.

    XLA respects it. NumPy reads OPENBLAS_NUM_THREADS, while it is imported.
    """
    wrong = [name for name in MISLEADING if name in os.environ]
    wrong += [f"{name} != {threads}" for name in THREADS if os.environ.get(name) != str(threads)]
    if wrong:
        raise ValueError(f"environment: unfit for a run on {threads} thread(s): {wrong}")
    if hasattr(os, "sched_setaffinity"):
        available = sorted(os.sched_getaffinity(0))
        if threads > len(available):
            raise ValueError(f"threads: expected at most {len(available)}, got {threads}")
        os.sched_setaffinity(0, available[:threads])


def describe(threads):
    """Names and versions of what the numbers depend on."""
    import numpy as np

    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "processor": _processor(),
        "revision": _revision(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "threads": threads,
        "blas": f"{blas['name']} {blas['version']}",
        "versions": {name: _version(name) for name in PACKAGES},
    }


def record(path, what, threads, load_before, left_out, **numbers):
    """Store the measurements with the date, the machine and the contestants that could not run."""
    stored = {
        "what": what,
        "date": datetime.date.today().isoformat(),
        "load before": load_before,
        "machine": describe(threads),
        "left out": left_out,
        **numbers,
    }
    text = json.dumps(stored, indent=1, ensure_ascii=False) + "\n"
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(text, encoding="utf-8")


def load():
    """Return how many other processes wanted a processor during the last minute, if it is known."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _processor():
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return platform.processor() or "unknown"


def _revision():
    """The commit that was timed, with a plus sign where files of it have been changed."""
    git = ["git", "-C", str(Path(__file__).parent)]
    found = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    if found.returncode:
        return None
    timed = ["../lstm", "../benchmarks"]
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", *timed]).returncode
    return found.stdout.strip() + "+" * changed


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None
