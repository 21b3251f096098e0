"""Results on disk: one JSON file for each experiment, which says how each run was made."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Experiment", "keep", "load", "missing", "revision", "save", "stamp"]

ROOT = Path(__file__).parent.parent
DATA = ROOT / "book" / "data"


@dataclass(frozen=True)
class Experiment:
    """A set of runs that differ only in their arguments.

    Attributes:
        name: The name of the file, ``NAME.json``, and of the experiment on the command line.
        run: ``module:function``, from settings and arguments to a result, a dictionary. Its
            ``params``, if it has any, are arrays to `keep`.
        settings: The settings that all runs have in common.
        runs: The arguments that each run has of its own, its seed included.
        result: The names that a result must have.
        folder: Where the file is.
    """

    name: str
    run: str
    settings: Mapping[str, Any]
    runs: Sequence[Mapping[str, Any]]
    result: Sequence[str]
    folder: Path = DATA

    @property
    def path(self) -> Path:
        """The file of the results."""
        return self.folder / f"{self.name}.json"

    @property
    def command(self) -> str:
        """The command that makes them."""
        return f"python -m experiments {self.name}"


def load(experiment: Experiment) -> list[dict[str, Any]]:
    """Read the stored runs; none if there is no file yet.

    Raises:
        ValueError: If the file is damaged, of another experiment or made with other settings,
            or if a run in it is incomplete, stored twice, or not one of the experiment's.
    """

    def refuse(found: str) -> ValueError:
        return ValueError(
            f"{experiment.path}: {found}; restore the file, or remove it to start anew"
        )

    if not experiment.path.exists():
        return []
    try:
        stored = json.loads(experiment.path.read_text(encoding="utf-8"))
    except ValueError as error:  # not JSON, or not even text
        raise refuse(f"expected JSON, got {error}") from error
    if not isinstance(stored, dict) or stored.keys() != {"command", "settings", "runs"}:
        raise refuse("expected an object with command, settings and runs")
    if stored["command"] != experiment.command:
        raise refuse(f"expected runs of {experiment.command!r}, got {stored['command']!r}")
    if stored["settings"] != dict(experiment.settings):
        raise refuse(f"expected settings {experiment.settings}, got {stored['settings']}")

    runs = stored["runs"]
    if not isinstance(runs, list) or not all(isinstance(run, dict) for run in runs):
        raise refuse("expected a list of runs")
    keys = {"arguments", "made by", *experiment.result}
    seen: list[Any] = []
    for number, run in enumerate(runs):
        if run.keys() != keys:
            odd = sorted(keys.symmetric_difference(run))
            raise refuse(f"run {number}: expected {sorted(keys)}, missing or unknown: {odd}")
        if run["arguments"] not in experiment.runs:
            raise refuse(f"run {number}: no run of this experiment has {run['arguments']}")
        if run["arguments"] in seen:
            raise refuse(f"run {number}: stored before: {run['arguments']}")
        seen.append(run["arguments"])
    return runs


def missing(experiment: Experiment, stored: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Say which runs are not stored yet, as their arguments, in the experiment's order."""
    done = [run["arguments"] for run in stored]
    return [dict(arguments) for arguments in experiment.runs if arguments not in done]


def save(experiment: Experiment, runs: Sequence[Mapping[str, Any]]) -> None:
    """Write the runs, in the experiment's order, one a line.

    The file is replaced as a whole: even if the process is killed, it is either the old file or
    the new one.
    """
    place = {json.dumps(dict(arguments)): k for k, arguments in enumerate(experiment.runs)}
    runs = sorted(runs, key=lambda run: place[json.dumps(run["arguments"])])
    head = json.dumps({"command": experiment.command, "settings": dict(experiment.settings)})
    lines = ",\n".join("  " + json.dumps(run, allow_nan=False) for run in runs)
    experiment.path.parent.mkdir(parents=True, exist_ok=True)
    fresh = experiment.path.with_suffix(".json.new")
    fresh.write_text(f'{head[:-1]},\n "runs": [\n{lines}\n ]}}\n', encoding="utf-8")
    os.replace(fresh, experiment.path)


def keep(experiment: Experiment, arrays: Mapping[str, Any]) -> None:
    """Put arrays, such as trained parameters, into ``NAME.npz`` beside those of other runs."""
    if not arrays:
        return
    path = experiment.path.with_suffix(".npz")
    old = dict(np.load(path)) if path.exists() else {}
    fresh = experiment.path.with_suffix(".new.npz")
    np.savez_compressed(fresh, **{**old, **arrays})
    os.replace(fresh, path)


def revision() -> str:
    """Return the commit that the code is at, with a + if files differ from it."""
    git = ["git", "-C", str(ROOT)]
    head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True)
    changed = subprocess.run(
        [*git, "status", "--porcelain", "--", "lstm", "experiments"],
        capture_output=True, text=True,
    )  # fmt: skip
    return (head.stdout.strip() or "unknown") + ("+" if changed.stdout.strip() else "")


def stamp(code: str) -> dict[str, str]:
    """Return how a run was made: revision, date, Python, machine and versions.

    Args:
        code: The revision, from `revision` when the process started, whatever is
            edited meanwhile.
    """
    return {
        "revision": code,
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        **{package: version(package) for package in ("numpy", "jax", "optax")},
    }
