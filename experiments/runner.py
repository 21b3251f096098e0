"""Do the runs of an experiment that are not stored yet, in several processes."""

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib import import_module
from typing import Any

from tqdm import tqdm

from .store import Experiment, keep, load, missing, revision, save, stamp

__all__ = ["ONE_THREAD", "run_all"]

ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}
"""The environment of a worker: arrays are small, and each process has its core to itself."""


def run_all(experiment: Experiment, processes: int, *, quiet: bool | None = None) -> None:
    """Do every run that is not stored yet, and store each as soon as it is done.

    It can be stopped at any time: the next call does the missing runs.

    Args:
        experiment: The experiment to run.
        processes: How many runs at a time.
        quiet: Show no progress; None shows it on a terminal only.

    Raises:
        ValueError: If the stored file cannot be gone on with, or ``processes`` is not positive.
    """
    if processes < 1:
        raise ValueError(f"processes: expected 1 or more, got {processes}")
    stored = load(experiment)
    todo = missing(experiment, stored)
    code = revision()
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    # Workers start anew ("spawn") and take their environment from here, because NumPy
    # and XLA read theirs once, when they are imported.
    os.environ.update(ONE_THREAD)
    pool = ProcessPoolExecutor(
        processes, multiprocessing.get_context("spawn"), initializer=_end_with_parent
    )
    bar = tqdm(total=len(todo) + len(stored), initial=len(stored), desc=experiment.name,
               unit="run", disable=quiet)  # fmt: skip
    try:
        jobs = {
            pool.submit(_one, experiment.run, {**experiment.settings, **arguments}): arguments
            for arguments in todo
        }
        for job in as_completed(jobs):
            result = job.result()
            keep(experiment, result.pop("params", {}))
            stored.append({"arguments": jobs[job], **result, "made by": stamp(code)})
            save(experiment, stored)
            bar.update()
    finally:
        pool.shutdown(cancel_futures=True)
        bar.close()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _end_with_parent() -> None:
    """Let a worker end when the process that started it is killed."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _one(run: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Do one run, in a worker."""
    module, function = run.split(":")
    result: dict[str, Any] = getattr(import_module(module), function)(**arguments)
    return result
