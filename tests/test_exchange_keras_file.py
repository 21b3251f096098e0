"""Arrays of an HDF5 file: which are read, and how much they may claim to hold."""

import io

import h5py
import numpy as np
import pytest
from helpers import refused

from lstm.exchange import keras_file


def entry(value, **options):
    file = io.BytesIO()
    with h5py.File(file, "w") as made:
        made.create_dataset("a", data=value, **options)
    entries, names = keras_file.open_h5(file.getvalue())
    assert names == {}
    return entries["a"]


@pytest.mark.parametrize(
    ("dtype", "wide"),
    [("f8", "f8"), ("f4", "f4"), ("f2", "f4"), ("i8", "i8"), ("i1", "i1"), ("u8", "u8"),
     ("u1", "u1"), ("?", "?")],
)  # fmt: skip
def test_numbers_of_every_kind_are_read(dtype, wide):
    value = np.array([[1, 0, 1], [0, 0, 1]], dtype)
    found = entry(value)
    assert (found.shape, found.dtype) == ((2, 3), value.dtype.name)
    np.testing.assert_array_equal(found.read(), value.astype(wide), strict=True)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (np.array([b"ab"]), "|S2"),
        (np.array([1j]), "complex128"),
        (np.zeros(2, [("x", "f4"), ("y", "f4")]), "[('x', '<f4'), ('y', '<f4')]"),
        (np.array(["a"], object), "object"),
    ],
)
def test_what_are_no_numbers_is_not(value, kind):
    with refused(ValueError, f"'a' cannot be read (type {kind})"):
        entry(value).read()


@pytest.mark.parametrize("dtype", ["f8", "f4", "u1"])
def test_an_array_may_claim_so_much_and_no_more(monkeypatch, dtype):
    """So many bytes, or so many times the file: what a file leaves out is filled with zeros."""
    width = np.dtype(dtype).itemsize
    monkeypatch.setattr(keras_file, "LARGEST", (80, 0))
    assert entry(np.zeros(80 // width, dtype)).read().nbytes == 80
    count = 80 // width + 1
    found = entry(np.zeros(count, dtype))
    with pytest.raises(ValueError, match=rf"^'a' cannot be read \(shape \({count},\) in a file of"):
        found.read()
    monkeypatch.setattr(keras_file, "LARGEST", (0, 1))
    assert entry(np.zeros(count, dtype)).read().shape == (count,)
    found = entry(np.zeros(10**6, dtype), compression="gzip")
    with pytest.raises(ValueError, match=r"^'a' cannot be read \(shape \(1000000,\) in a file of"):
        found.read()
