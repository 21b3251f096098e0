"""Other kinds of files, named for what they are."""

import re
from collections.abc import Collection

from .names import listed

__all__ = ["foreign_archive", "foreign_kind"]

PICKLE = (
    "it could run code, and is not read; in PyTorch, torch.load(path, weights_only=True) gives "
    "what exchange.torch.load takes"
)

FOREIGN = {
    rb"\Z": "an empty file",
    rb"\x93NUMPY": "a single NumPy array (.npy)",
    rb"\x80[\2-\5]": f"a pickle, as old PyTorch files are: {PICKLE}",
    rb"\x1f\x8b": "a gzip archive: unpack it first",
    rb"BZh": "a bzip2 archive: unpack it first",
    rb"\xfd7zXZ": "an xz archive: unpack it first",
    rb"\x28\xb5\x2f\xfd": "a zstd archive: unpack it first",
    rb".{257}ustar": "a tar archive: unpack it first",
    rb"version https://git-lfs": "a pointer of Git LFS: git lfs pull fetches the file itself",
    rb"\s*<(!doctype|html|head|body)": "a page of HTML, as a failed download leaves",
    rb"\s*<\?xml": "XML",
    rb"\s*[\[{]": "JSON",
    rb"GGUF": "a GGUF file",
    rb".{4}TFL3": "a TensorFlow Lite model",
    rb"%PDF": "a PDF",
    rb"\x89PNG": "a picture",
}
"""How other kinds of files start, and what they are."""


def foreign_kind(content: bytes) -> str | None:
    """Say what a file is that is not read, by its first bytes.

    Args:
        content: The file.

    Returns:
        str or None: Its kind, for messages; None if it is none of these.

    Example:
        >>> foreign_kind(b"GGUF....")
        'a GGUF file'
    """
    for pattern, kind in FOREIGN.items():
        if re.match(pattern, content[:512], re.IGNORECASE | re.DOTALL):
            return kind
    return None


def foreign_archive(names: Collection[str]) -> str | None:
    """Say what a zip archive is that holds something else than NumPy's arrays.

    Args:
        names: The names of its members.

    Returns:
        str or None: Its kind, for messages; None if all members are arrays.

    Example:
        >>> foreign_archive(["photo.jpg"])
        "a zip archive of 'photo.jpg'"
    """
    if any(re.search(r"(^|/)(data\.pkl|constants\.pkl)$", name) for name in names):
        return f"a pickle in a zip archive, as PyTorch's files are: {PICKLE}"
    if names and all(name.endswith(".npy") for name in names):
        return None
    return f"a zip archive of {listed(names)}"
