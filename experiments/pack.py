"""Parameters of several networks in one file."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np


def pack(path: Path, pieces: Mapping[str, Path]) -> None:
    """Put the arrays of many files into one, as ``"piece: array"``, and remove the many.

    If any of them is missing, nothing is done: then they were packed before.
    """
    if not all(piece.exists() for piece in pieces.values()):
        return
    arrays = {
        f"{name}: {part}": array
        for name, piece in pieces.items()
        for part, array in np.load(piece).items()
    }
    np.savez_compressed(path, **arrays)
    for piece in pieces.values():
        piece.unlink()
