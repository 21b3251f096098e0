"""Cut the text of chapter 12 out of Python's own documentation.

    python3.13 book/data/topics.py

Every Python carries the topics of its ``help()`` as one dictionary, ``pydoc_data.topics``. They
overlap: "with" is a section of "compound", and so on. Here the topics are taken from the longest
to the shortest, and a paragraph that has been seen is left out, so that no paragraph is in two
of them. Then each topic goes, as a whole, to one of three parts: training, validation, test.
Written: ``book/data/topics.json.xz``, which names its source and licence.
"""

import hashlib
import json
import lzma
import platform
import re
from pathlib import Path
from pydoc_data.topics import topics

FILE = Path(__file__).with_suffix(".json.xz")

PLAIN = str.maketrans(
    {"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "ß": "ss", "°": " deg"}
)
"""What is not ASCII, and what is written in its place."""

LONG = 26_000
"""Topics with more letters than this train: one of them alone would be more than a test."""

SHARE = 0.11
"""How much of the text is for validation, and how much for the test."""

NOTICE = (
    "Copyright (c) 2001-2024 Python Software Foundation. All Rights Reserved. "
    "From the documentation of Python, under the PSF License Agreement, "
    "https://docs.python.org/3/license.html. Changed: repeated paragraphs are left out, "
    "and quotation marks and dashes are those of ASCII."
)


def paragraphs(text: str) -> list[str]:
    """Cut a text at its empty lines."""
    return re.split(r"\n\s*\n", text.translate(PLAIN).expandtabs().strip("\n"))


def words(text: str) -> str:
    """A text as its words alone, by which repetition is told."""
    return " ".join(text.split())


def documents() -> dict[str, str]:
    """The topics without what a longer one has said."""
    seen: set[str] = set()
    kept = {}
    for name in sorted(topics, key=lambda name: (-len(topics[name]), name)):
        fresh = [part for part in paragraphs(topics[name]) if words(part) not in seen]
        seen.update(map(words, fresh))
        text = "\n\n".join(fresh)
        if len(text) >= 200:  # less is a heading that was left over
            kept[name] = text + "\n\n\n"
    return kept


def parts(kept: dict[str, str]) -> dict[str, dict[str, str]]:
    """Deal the documents: in the order of a hash of their names, which nobody chose."""
    total = sum(map(len, kept.values()))
    dealt: dict[str, dict[str, str]] = {"training": {}, "validation": {}, "test": {}}
    size = {"validation": 0, "test": 0}
    for name in sorted(kept, key=lambda name: hashlib.sha256(name.encode()).hexdigest()):
        part = min(size, key=lambda part: size[part])
        if len(kept[name]) > LONG or size[part] + len(kept[name]) > SHARE * total:
            part = "training"
        else:
            size[part] += len(kept[name])
        dealt[part][name] = kept[name]
    return dealt


def main() -> None:
    """Write the file, and say what is in it."""
    stored = {
        "made by": "python3.13 book/data/topics.py",
        "source": f"pydoc_data.topics of Python {platform.python_version()}",
        "licence": NOTICE,
        **parts(documents()),
    }
    raw = json.dumps(stored, ensure_ascii=True).encode()
    FILE.write_bytes(lzma.compress(raw, preset=9 | lzma.PRESET_EXTREME))
    for part in ("training", "validation", "test"):
        print(part, sum(map(len, stored[part].values())), list(stored[part]))
    print("sha256 of the JSON:", hashlib.sha256(raw).hexdigest())


if __name__ == "__main__":
    main()
