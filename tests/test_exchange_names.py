"""Dictionaries inside of dictionaries, and names in messages."""

import numpy as np
import pytest
from helpers import refused

from lstm.exchange.names import checked, flat, listed, nested, spelled


def test_flat_and_nested_undo_each_other():
    tree = {"a": {"b": 1, "c": {"d": 2}}, "e": 3}
    assert flat(tree, "", "") == {"a/b": 1, "a/c/d": 2, "e": 3}
    assert nested(flat(tree, "", "")) == tree


def test_names_are_spelled_as_the_caller_would():
    assert spelled("params", "hi/kernel") == "params['hi']['kernel']"


def test_many_names_are_cut_short():
    assert listed([]) == "none"
    assert listed("gfedcba") == "'a', 'b', 'c', 'd', 'e', 'f', 'g'"
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


def test_tensors_that_numpy_takes_for_objects():
    class Tensor:
        pass

    message = "b: expected an array, got a Tensor: pass the arrays it holds"
    with refused(TypeError, message):
        checked("b", Tensor(), ("4 * H",), (4,), None, "")
