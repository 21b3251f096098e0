"""Recognise files of other kinds, so that messages can name them."""

import re
from collections.abc import Collection

from .names import listed

__all__ = ["foreign_archive", "foreign_kind"]

_CONTROL = re.compile(r"[^\n\r\t\f\x20-\x7e\x85\xa0-\U0010ffff]")

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
    rb"\x89PNG|\xff\xd8\xff|GIF8": "a picture",
    rb"RIFF": "a sound or a film",
    rb"\x7fELF|MZ": "a program",
    rb"7z\xbc\xaf|Rar!": "an archive: unpack it first",
    rb"MATLAB": "a file of MATLAB: scipy.io.loadmat reads its arrays",
    rb"SQLite format": "a database",
    rb"PAR1": "a table (Parquet)",
    rb"lmgg|ggjt|fmgg|ggml": "a GGML file",
}
"""How other kinds of files start, and what they are."""


def foreign_kind(content: bytes) -> str | None:
    """Recognise a file that cannot be read, by its first bytes.

    Args:
        content: The bytes of the file.

    Returns:
        str or None: Its kind, for messages; None if it is none of these.

    Example:
        >>> foreign_kind(b"GGUF....")
        'a GGUF file'
    """
    for pattern, kind in FOREIGN.items():
        if re.match(pattern, content[:512], re.IGNORECASE | re.DOTALL):
            return kind
    if content.endswith(b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"):
        return (
            "the index of a TensorFlow checkpoint: tf.train.load_checkpoint gives what "
            "exchange.tensorflow.load takes"
        )
    try:
        text = content[:512].decode("utf-8", "strict" if len(content) <= 512 else "ignore")
    except UnicodeDecodeError:
        return None
    return "text" if len(text) > 3 and not _CONTROL.search(text) else None


def foreign_archive(names: Collection[str]) -> str | None:
    """Recognise a zip archive that holds something other than NumPy arrays.

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
    return f"a zip archive of {listed(names)}" if names else "an empty zip archive"
