"""Write the chapters for Colab, where the package is not at hand: a first cell installs it.

The workflow pushes what this writes as the branch ``colab``, to which the Colab buttons of the
published site lead. GITHUB_REPOSITORY is "owner/name", GITHUB_SHA the commit. Standard library
alone, so that the workflow needs no environment.
"""

import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def prepare(notebook: dict, source: str) -> dict:
    """The notebook with a first cell that installs the package from ``source``."""
    cell = {
        "cell_type": "code",
        "id": "install",
        "metadata": {},
        "execution_count": None,
        "outputs": [],
        "source": f'# In Colab, run this first.\n%pip install -q "lstm-book[jax,plots] @ {source}"',
    }
    return {**notebook, "cells": [cell, *notebook["cells"]]}


def main(target: Path) -> None:
    repository = os.environ.get("GITHUB_REPOSITORY")
    if not repository:
        sys.exit('GITHUB_REPOSITORY: expected "owner/name", got nothing')
    source = f"git+https://github.com/{repository}@{os.environ.get('GITHUB_SHA', 'main')}"
    (target / "book").mkdir(parents=True, exist_ok=True)
    for path in sorted((ROOT / "book").glob("*.ipynb")):
        notebook = prepare(json.loads(path.read_text(encoding="utf-8")), source)
        text = json.dumps(notebook, indent=1, ensure_ascii=False)
        (target / "book" / path.name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(ROOT / "_build/colab")
