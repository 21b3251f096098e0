"""Dictionaries inside of dictionaries, and names in messages."""

from pathlib import Path

import numpy as np
import pytest
from helpers import refused

from lstm.exchange.names import checked, flat, listed, nested, spelled


def test_flat_and_nested_undo_each_other():
    tree = {"a": {"b": 1, "c": {"d": 2}}, "e": 3}
    assert flat(tree, "", "") == {"a/b": 1, "a/c/d": 2, "e": 3}
    assert nested(flat(tree, "", "")) == tree


@pytest.mark.parametrize("given", ["net.pt", b"net.pt", Path("net.pt")])
def test_a_file_is_no_dictionary_and_is_loaded_otherwise(given):
    kind = type(given).__name__
    message = f"params: expected a dictionary of arrays, cell.params, got {kind}"
    with refused(TypeError, f"{message}; for a file there is lstm.exchange.load"):
        flat(given, "params", "cell.params")
    with refused(TypeError, "params: expected a dictionary of arrays, cell.params, got list"):
        flat([given], "params", "cell.params")


def test_names_are_spelled_as_the_caller_would():
    assert spelled("params", "hi/kernel") == "params['hi']['kernel']"


def test_many_names_are_cut_short():
    assert listed([]) == "none"
    assert listed("gfedcba") == "'a', 'b', 'c', 'd', 'e', 'f', 'g'"
    assert listed([1, "1", None]) == "1, '1', None"
    assert listed("hgfedcba") == "'a', 'b', 'c', 'd', 'e', 'f', and 2 more"


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_narrow_numbers_are_refused_with_the_way_to_widen_them(kind):
    import ml_dtypes

    value = np.ones(4).astype(getattr(ml_dtypes, kind, kind))
    message = (
        f"b: expected dtype float32 or float64, got {kind}; widen it first, for example with "
        ".astype('float32'), or in PyTorch with module.float()"
    )
    with refused(TypeError, message):
        checked("b", value, ("4 * H",), (4,), None, "")


class Tensor:
    """Of two numbers, as a library might have it that NumPy does not know."""

    def __init__(self, dtype):
        self.dtype = dtype

    def __array__(self, dtype=None, copy=None):
        return np.array([0.5, 1.5], object)


def test_half_is_narrow_whoever_says_so():
    message = (
        "b: expected dtype float32 or float64, got dtypes.half; widen it first, for example with "
        ".astype('float32'), or in PyTorch with module.float()"
    )
    with refused(TypeError, message):
        checked("b", Tensor("dtypes.half"), ("4 * H",), (2,), None, "")


def test_objects_are_told_from_numbers():
    message = "b: expected an array of numbers, got Tensor; pass its .numpy()"
    with refused(TypeError, message):
        checked("b", Tensor("dtypes.float"), ("4 * H",), (2,), None, "")
    message = "b: expected an array of numbers, got Python objects; pass .astype('float32')"
    with refused(TypeError, message):
        checked("b", np.zeros(2, object), ("4 * H",), (2,), None, "")


def test_numbers_are_as_they_were_asked_for():
    value = np.zeros(2)
    assert checked("b", value, ("4 * H",), (2,), np.dtype("f8"), "W") is value
    assert checked("b", value, ("4 * H",), (None,), None, "") is value
    with refused(TypeError, "b: expected dtype float32, as in R, got float64"):
        checked("b", value, ("4 * H",), (2,), np.dtype("f4"), "R")
    with refused(ValueError, "b: expected shape (4 * H,) = (3,), got (2,)"):
        checked("b", value, ("4 * H",), (3,), None, "")


def test_tensors_that_numpy_cannot_read():
    class Tensor:
        pass

    message = "b: expected an array, got a Tensor: pass the arrays it holds"
    with refused(TypeError, message):
        checked("b", Tensor(), ("4 * H",), (4,), None, "")
