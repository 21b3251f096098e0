"""Results on disk: a JSON file that says how it was made; what it holds is not run again."""

import json
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

ROOT = Path(__file__).parent.parent
DATA = ROOT / "book" / "data"


def revision() -> str:
    """The commit that the code is at, with a + if files differ from it."""
    git = ["git", "-C", str(ROOT)]
    head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True)
    changed = subprocess.run(
        [*git, "status", "--porcelain", "--", "lstm", "experiments/*.py"],
        capture_output=True, text=True,
    )  # fmt: skip
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")


def provenance(name: str) -> dict[str, Any]:
    """Where the numbers of a file come from."""
    return {
        "command": f"python -m experiments {name}",
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": {package: version(package) for package in ("numpy", "jax", "optax")},
    }


def run_all(
    name: str, settings: dict[str, Any], runs: Iterable[dict[str, Any]],
    run: Callable[..., tuple[dict[str, Any], dict[str, Any] | None]],
) -> None:  # fmt: skip
    """Do every run that is not stored yet, and store each as soon as it is done.

    Args:
        name: Of the file, ``book/data/NAME.json``.
        settings: What all runs have in common.
        runs: The arguments that each run has of its own, seed included.
        run: From settings and arguments to a result and parameters to keep, or None.
    """
    path = DATA / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    stored = json.loads(path.read_text()) if path.exists() else {"settings": settings, "runs": []}
    if stored["settings"] != settings:
        sys.exit(f"{path}: made with other settings: {stored['settings']}; remove it to start anew")
    done = [entry["arguments"] for entry in stored["runs"]]
    code = revision()  # of the code that this process runs, whatever is edited meanwhile
    for arguments in tqdm([a for a in runs if a not in done], desc=name, disable=None):
        result, params = run(**settings, **arguments)
        about = {"revision": code, "date": date.today().isoformat()}
        stored["runs"].append({"arguments": arguments, **result, **about})
        text = {"made by": provenance(name), "settings": settings}
        lines = ",\n".join("  " + json.dumps(entry) for entry in stored["runs"])
        head = json.dumps(text)[1:-1]
        path.write_text(f'{{{head},\n "runs": [\n{lines}\n ]}}\n')
        if params is not None:
            spelled = "_".join(str(v) for k, v in arguments.items() if k != "most")
            np.savez(DATA / f"{name}_{spelled.replace('/', 'i')}.npz", **params)
