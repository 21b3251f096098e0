"""Files of other kinds are called by their names."""

import pytest

from lstm.exchange.foreign import FOREIGN, foreign_archive, foreign_kind

PICKLE = (
    "it could run code, and is not read; in PyTorch, torch.load(path, weights_only=True) gives "
    "what exchange.torch.load takes"
)
STARTS = {
    b"": "an empty file",
    b"\x93NUMPY\1\0": "a single NumPy array (.npy)",
    b"\x80\2}q": f"a pickle, as old PyTorch files are: {PICKLE}",
    b"\x80\5\x95": f"a pickle, as old PyTorch files are: {PICKLE}",
    b"\x1f\x8b\b": "a gzip archive: unpack it first",
    b"BZh91": "a bzip2 archive: unpack it first",
    b"\xfd7zXZ\0": "an xz archive: unpack it first",
    b"\x28\xb5\x2f\xfd\4": "a zstd archive: unpack it first",
    b"\n" * 257 + b"ustar": "a tar archive: unpack it first",
    b"version https://git-lfs": "a pointer of Git LFS: git lfs pull fetches the file itself",
    b" \n<!DOCTYPE html>": "a page of HTML, as a failed download leaves",
    b"<html>": "a page of HTML, as a failed download leaves",
    b"<head>": "a page of HTML, as a failed download leaves",
    b"<Body>": "a page of HTML, as a failed download leaves",
    b" " * 507 + b"<html>": "a page of HTML, as a failed download leaves",
    b'<?xml version="1.0"?>': "XML",
    b'\n{"a": 1}': "JSON",
    b"[1, 2]": "JSON",
    b"GGUF\3": "a GGUF file",
    b"\x1c\0\0\0TFL3": "a TensorFlow Lite model",
    b"%PDF-1.7": "a PDF",
    b"\x89PNG\r\n": "a picture",
    b"\xff\xd8\xff\xe0": "a picture",
    b"GIF89a": "a picture",
    b"RIFF\0\0": "a sound or a film",
    b"\x7fELF\2": "a program",
    b"MZ\x90": "a program",
    b"7z\xbc\xaf\x27": "an archive: unpack it first",
    b"Rar!\x1a": "an archive: unpack it first",
    b"MATLAB 5.0": "a file of MATLAB: scipy.io.loadmat reads its arrays",
    b"SQLite format 3": "a database",
    b"PAR1\x15": "a table (Parquet)",
    b"lmgg": "a GGML file",
    b"ggjt": "a GGML file",
    b"fmgg": "a GGML file",
    b"ggml": "a GGML file",
}  # fmt: skip


@pytest.mark.parametrize(("content", "kind"), STARTS.items())
def test_a_file_of_another_kind_is_called_by_its_name(content, kind):
    assert foreign_kind(content) == kind


def test_every_kind_is_tried():
    assert {foreign_kind(content) for content in STARTS} == set(FOREIGN.values())


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"abcd", "text"),
        ("Gewichte für später\n".encode(), "text"),
        (b"a" * 511 + "ü".encode(), "text"),  # cut in the middle of a letter
        (b"a" * 510 + b"\xff", None),  # no text to its end
        (b"a" * 511 + b"\xc3", None),  # cut, but by no one of us
        (b"a" * 512 + b"\0", "text"),  # only so much is looked at
        (b"a" * 511 + b"\0a", None),
        ("é\t\n\r\f\x85".encode(), "text"),
        (b"abc", None),
        (b"ab", None),
        (b"ab\0cd", None),
        (b"\xff\xfe\xfd\xfc", None),
        (b" " * 507 + b"<htm", "text"),
        (b" " * 508 + b"<html>", "text"),
        (
            b"\0\1\2\3\x57\xfb\x80\x8b\x24\x75\x47\xdb",
            "the index of a TensorFlow checkpoint: tf.train.load_checkpoint gives what "
            "exchange.tensorflow.load takes",
        ),
    ],
)
def test_text_and_what_ends_in_a_certain_way(content, kind):
    assert foreign_kind(content) == kind


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["a.npy", "b/c.npy"], None),
        ([], "an empty zip archive"),
        (["a.npy", "b.txt"], "a zip archive of 'a.npy', 'b.txt'"),
        (
            ["archive/data.pkl", "archive/data/0"],
            f"a pickle in a zip archive, as PyTorch's files are: {PICKLE}",
        ),
        (["constants.pkl"], f"a pickle in a zip archive, as PyTorch's files are: {PICKLE}"),
        (["mydata.pkl"], "a zip archive of 'mydata.pkl'"),
    ],
)
def test_an_archive_is_called_by_what_is_in_it(names, kind):
    assert foreign_archive(names) == kind
