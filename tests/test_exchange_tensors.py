"""Archives and arrays that are not what they say they are, with whole messages."""

import io
import json
import struct
import zipfile
from fractions import Fraction

import numpy as np
import pytest
from helpers import refused

from lstm.exchange import tensors


def zipped(*members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\5\6" + bytes(17)])
def test_an_archive_that_is_damaged(content):
    with pytest.raises(ValueError, match="damaged") as raised:
        tensors.open_zip(content)
    assert str(raised.value) == f"a damaged zip archive ({raised.value.__cause__})"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_with_one_name_twice():
    with refused(ValueError, "a zip archive with two entries of one name"):
        tensors.open_zip(zipped(("a", b"1"), ("b", b"2"), ("a", b"3")))


def test_an_archive_may_hold_so_much_and_no_more(monkeypatch):
    """So many bytes, or so many times its own size."""
    content = zipped(("a", b"123"), ("b", bytes(400)))
    for largest in ((403, 0), (0, Fraction(403, len(content)))):
        monkeypatch.setattr(tensors, "LARGEST", largest)
        members = tensors.open_zip(content)
        assert [len(unpack()) for unpack in members.values()] == [3, 400]
    for largest in ((402, 0), (0, Fraction(402, len(content)))):
        monkeypatch.setattr(tensors, "LARGEST", largest)
        message = f"a zip archive of {len(content)} bytes that unpacks to 403"
        with refused(ValueError, message):
            tensors.open_zip(content)


def test_a_member_that_is_damaged():
    content = zipped(("a", b"12345")).replace(b"12345", b"12346", 1)
    unpack = tensors.open_zip(content)["a"]
    with pytest.raises(ValueError, match="damaged") as raised:
        unpack()
    assert str(raised.value) == f"'a' is damaged ({raised.value.__cause__})"


def test_members_that_are_no_arrays():
    x = np.array([{}], object)
    file = io.BytesIO()
    np.save(file, x, allow_pickle=True)
    with refused(ValueError, "'a.txt' is not an array"):
        tensors.open_npz({"x.npy": bytes, "a.txt": bytes})
    with refused(ValueError, "'x.npy' holds Python objects (a pickle), which are not read"):
        tensors.open_npz({"x.npy": file.getvalue})
    with pytest.raises(ValueError, match="damaged") as raised:
        tensors.open_npz({"x.npy": lambda: b"text"})
    why = raised.value.__cause__
    assert str(raised.value) == f"'x.npy' is not an array, or is damaged ({why})"


@pytest.mark.parametrize("change", [-1, 1])
def test_an_array_with_a_byte_more_or_less(change):
    data = tensors.open_zip(tensors.to_npz({"x": np.ones((2, 3))}))["x.npy"]()
    data = data[:-1] if change < 0 else data + b"\0"
    with refused(ValueError, f"'x.npy' is damaged: {48 + change} bytes for shape (2, 3)"):
        tensors.open_npz({"x.npy": lambda: data})


TYPES = {  # of safetensors: of NumPy, and what it is widened to
    "F64": ("<f8", "f8"), "F32": ("<f4", "f4"), "F16": ("<f2", "f4"),
    "I64": ("<i8", "i8"), "I32": ("<i4", "i4"), "I16": ("<i2", "i2"), "I8": ("i1", "i1"),
    "U64": ("<u8", "u8"), "U32": ("<u4", "u4"), "U16": ("<u2", "u2"), "U8": ("u1", "u1"),
    "BOOL": ("?", "?"),
}  # fmt: skip


def safetensors(dtype, value):
    """A file of one array, as the description of the format says."""
    data = value.tobytes()
    head = {"a": {"dtype": dtype, "shape": value.shape, "data_offsets": [0, len(data)]}}
    text = json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize("dtype", TYPES)
def test_every_type_of_safetensors_that_is_read(dtype):
    stored, wide = TYPES[dtype]
    value = np.array([[1, 0, 1], [0, 1, 1]] if dtype == "BOOL" else [[1, 2, 100], [5, 7, 11]])
    value = value.astype(stored)
    entries, metadata = tensors.open_safetensors(safetensors(dtype, value))
    assert (entries["a"].shape, entries["a"].dtype, metadata) == ((2, 3), dtype, {})
    np.testing.assert_array_equal(entries["a"].read(), value.astype(wide), strict=True)


def test_the_types_of_safetensors_are_all_tried():
    assert {"BF16": "<u2"} | {name: stored for name, (stored, _) in TYPES.items()} == (
        tensors.SAFETENSORS
    )
