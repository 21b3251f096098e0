"""Write the chapters for Colab, where neither package nor data are at hand: a first cell fetches
the repository, installs the package from it, with what the chapters import, and goes to the
folder of the chapters, so that `data/` and `../distributed` are where they expect them.

The workflow pushes what this writes as the branch ``colab``, to which the Colab buttons of the
published site lead. GITHUB_REPOSITORY is "owner/name", GITHUB_SHA the commit. It uses only the
standard library, so the workflow needs no environment.
"""

import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


FETCH = """\
# In Colab, run this first. It takes a few minutes.
import os
if not os.path.isdir("{folder}"):
    !git clone -q {source} {folder} && git -C {folder} checkout -q {revision}
%pip install -q "{folder}[chapters]"
%cd {folder}/book"""


def prepare(notebook: dict, source: str, revision: str, folder: str = "/content/lstm-book") -> dict:
    """The notebook with a first cell that fetches the repository from ``source``."""
    cell = {
        "cell_type": "code",
        "id": "fetch",
        "metadata": {},
        "execution_count": None,
        "outputs": [],
        "source": FETCH.format(source=source, revision=revision, folder=folder),
    }
    return {**notebook, "cells": [cell, *notebook["cells"]]}


def main(target: Path) -> None:
    repository = os.environ.get("GITHUB_REPOSITORY")
    if not repository:
        sys.exit('GITHUB_REPOSITORY: expected "owner/name", got nothing')
    source, revision = f"https://github.com/{repository}", os.environ.get("GITHUB_SHA", "main")
    (target / "book").mkdir(parents=True, exist_ok=True)
    for path in sorted((ROOT / "book").glob("*.ipynb")):
        notebook = prepare(json.loads(path.read_text(encoding="utf-8")), source, revision)
        text = json.dumps(notebook, indent=1, ensure_ascii=False)
        (target / "book" / path.name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(ROOT / "_build/colab")
