"""The checks of arguments: what passes, what is refused, and in which words."""

from collections import namedtuple

import numpy as np
import pytest
from helpers import refused

from lstm import arguments


def test_the_dtypes_that_are_computed_in():
    assert list(arguments.DTYPES) == [np.float32, np.float64, np.complex128]


def test_a_good_array_is_returned_itself():
    array = np.zeros((3, 4), np.float32)
    assert arguments.check_array("h0", array, ("b", "H"), (3, 4), np.dtype("float32")) is array
    assert arguments.check_array("h0", array, ("b", "H"), (None, 4)) is array
    assert arguments.as_array("h0", array) is array
    assert arguments.check_weights(array)[0] is array


def test_lists_and_subclasses_become_arrays():
    np.testing.assert_array_equal(arguments.as_array("h0", [0.0, 1.0]), np.array([0.0, 1.0]))
    assert type(arguments.as_array("h0", np.zeros((1, 2)).view(np.recarray))) is np.ndarray


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (None, TypeError, "a: expected an array, got None"),
        (
            np.ma.masked_array([1.0, 2.0], [False, True]),
            TypeError,
            "a: expected an array, got a masked array, whose mask would be lost",
        ),
        ([[1.0], [1.0, 2.0]], ValueError, "a: expected an array, got [[1.0], [1.0, 2.0]]"),
    ],
)
def test_what_is_no_array_is_refused(value, error, message):
    with refused(error, message):
        arguments.as_array("a", value)


F4, F8 = np.dtype("float32"), np.dtype("float64")


@pytest.mark.parametrize(
    ("value", "shape", "dtype", "error", "message"),
    [
        (np.zeros(3), (4,), None, ValueError, "expected shape (H,) = (4,), got (3,)"),
        (np.zeros((1, 4)), (4,), None, ValueError, "expected shape (H,) = (4,), got (1, 4)"),
        (np.zeros(()), (None,), None, ValueError, "expected shape (H,) = (any,), got ()"),
        (np.zeros(3), (2, 3), None, ValueError, "expected shape (b, H) = (2, 3), got (3,)"),
        (np.zeros((2, 1)), (2, 3), F8, ValueError, "expected shape (b, H) = (2, 3), got (2, 1)"),
        (np.zeros(3, F4), (3,), F8, TypeError, "expected dtype float64, as in WLSTM, got float32"),
        (np.zeros(3), (3,), F4, TypeError, "expected dtype float32, as in WLSTM, got float64"),
        *(
            (
                np.zeros(3, wrong),
                (3,),
                None,
                TypeError,
                f"expected dtype float32, float64 or complex128, got {np.dtype(wrong)}",
            )
            for wrong in (int, bool, "float16", "complex64", ">f8", object, "U3")
        ),
    ],
)
def test_what_does_not_fit_is_named(value, shape, dtype, error, message):
    axes = ("b", "H")[-len(shape) :]
    with refused(error, 'a: ' + message):
        arguments.check_array("a", value, axes, shape, dtype)


@pytest.mark.parametrize("dtype", [F4, F8])
def test_zeros_where_nothing_was_given_and_else_what_was_given(dtype):
    for shape in ((2, 3), (0, 3)):
        zeros = arguments.array_or_zeros("c0", None, ("b", "H"), shape, dtype)
        np.testing.assert_array_equal(zeros, np.zeros(shape, dtype), strict=True)
    given = np.ones((2, 3), dtype)
    assert arguments.array_or_zeros("c0", given, ("b", "H"), (2, 3), dtype) is given
    with refused(ValueError, "c0: expected shape (b, H) = (2, 4), got (2, 3)"):
        arguments.array_or_zeros("c0", given, ("b", "H"), (2, 4), dtype)
    other = F8 if dtype == F4 else F4
    with refused(TypeError, f"c0: expected dtype {other}, as in WLSTM, got {dtype}"):
        arguments.array_or_zeros("c0", given, ("b", "H"), (2, 3), other)


def test_what_is_like_an_array_of_the_right_shape_and_dtype_is_still_looked_at():
    got = arguments.check_array("a", [1.0, 2.0], ("H",), (2,), F8)
    np.testing.assert_array_equal(got, np.array([1.0, 2.0]), strict=True)
    record = np.zeros(2).view(np.recarray)
    assert type(arguments.check_array("a", record, ("H",), (2,), F8)) is np.ndarray
    with refused(TypeError, "a: expected an array, got a masked array, whose mask would be lost"):
        arguments.check_array("a", np.ma.masked_array([1.0, 2.0]), ("H",), (2,), F8)


def nested(levels):
    """A number in so many lists."""
    return [nested(levels - 1)] if levels else 1.0


def test_lists_have_at_most_64_levels():
    assert arguments.as_array("a", nested(64)).shape == (1,) * 64
    itself = []
    itself.append(itself)
    for deep in (nested(66), itself):
        with refused(ValueError, "a: expected an array, got lists of more than 64 levels"):
            arguments.check_unmasked("a", deep)


def test_what_is_long_is_cut_after_200_letters():
    assert arguments.short("a" * 198) == repr("a" * 198)
    assert arguments.short("a" * 199) == "'" + "a" * 199 + " ..."


def test_the_message_spells_rank_zero_as_python_does():
    with refused(ValueError, "a: expected shape () = (), got (3,)"):
        arguments.check_array("a", np.zeros(3), (), ())


def test_the_message_names_the_argument_that_set_the_dtype():
    with refused(TypeError, "a: expected dtype float32, as in b, got float64"):
        arguments.check_array("a", np.zeros(3), ("H",), (3,), F4, "b")


def test_weights_are_returned_with_their_sizes():
    WLSTM, (D, H) = arguments.check_weights(np.zeros((15, 16)).tolist())
    assert WLSTM.shape == (15, 16)
    assert (D, H) == (10, 4)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (None, TypeError, "WLSTM: expected an array, got None"),
        (
            np.zeros((15, 16), "float16"),
            TypeError,
            "WLSTM: expected dtype float32, float64 or complex128, got float16",
        ),
        (
            np.zeros((2, 15, 16)),
            ValueError,
            "WLSTM: expected shape (1 + D + H, 4 * H) with H >= 1 and D >= 0, got (2, 15, 16)",
        ),
        (
            np.zeros((11, 0)),
            ValueError,
            "WLSTM: expected shape (1 + D + H, 4 * H) with H >= 1 and D >= 0, got (11, 0)",
        ),
    ],
)
def test_what_is_no_weight_matrix_is_refused(value, error, message):
    with refused(error, message):
        arguments.check_weights(value)


@pytest.mark.parametrize(
    ("lengths", "b", "want"),
    [
        ([], 0, []), (np.zeros(0), 0, []), ([0, 5], 2, [0, 5]), (np.uint8([3]), 1, [3]),
        (np.intp([5, 0]), 2, [5, 0]),  # it could be returned as it is
    ],
)  # fmt: skip
def test_lengths_that_fit(lengths, b, want):
    got = arguments.check_lengths(lengths, 5, b)
    assert got.dtype == np.intp
    assert got.tolist() == want
    assert not np.shares_memory(got, np.asarray(lengths))


@pytest.mark.parametrize(
    ("lengths", "b", "error", "message"),
    [
        ([1.0], 1, TypeError, "integers, got dtype float64"),
        ([True, False], 2, TypeError, "integers, got dtype bool"),
        (np.zeros((0, 1)), 0, TypeError, "integers, got dtype float64"),
        (1.0, 1, TypeError, "integers, got dtype float64"),
        ([], 1, ValueError, "shape (b,) = (1,), got (0,)"),
        ([1, 2], 3, ValueError, "shape (b,) = (3,), got (2,)"),
        ([[1]], 1, ValueError, "shape (b,) = (1,), got (1, 1)"),
        ([5, -1], 2, ValueError, "numbers from 0 to n = 5, got [5, -1]"),
        ([6, 0], 2, ValueError, "numbers from 0 to n = 5, got [6, 0]"),
    ],
)
def test_lengths_that_do_not_fit(lengths, b, error, message):
    with refused(error, f"lengths: expected {message}"):
        arguments.check_lengths(lengths, 5, b)


Pair = namedtuple("Pair", "first second")


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ({}, "pass one of its values (it is empty)"),
        ({"a": 1, 2: 3}, "pass one of its values ('a', 2)"),
        (Pair(1, 2), "pass one of its fields (first, second)"),
        (np.zeros(2), None),
        ([1.0], None),
        ([], None),
        (1.0, None),
    ],
)
def test_what_to_pass(value, advice):
    assert arguments.what_to_pass(value) == advice


def of_the_package(name, module):
    """An object of a class of this name and module."""
    return type(name, (), {"__module__": module})()


@pytest.mark.parametrize(
    ("cache", "got"),
    [
        (None, "None"),
        (3, "a int"),
        (of_the_package("Cache", "lstm.fused"), "that of lstm.forward"),
        (of_the_package("Cache", "lstm.network"), "that of train.forward"),
        (of_the_package("Cache", "lstm.stack"), "that of stack.forward"),
        (of_the_package("Cache", "others.fused"), "a Cache"),
        (of_the_package("Batch", "lstm.tasks"), "a Batch"),
        (of_the_package("Stream", "lstm.stream"), "a Stream"),
        (namedtuple("Outputs", "cache")(None), "the whole Outputs: pass its field cache"),
    ],
)
def test_another_cache_is_named(cache, got):
    class Cache:
        pass

    arguments.check_cache(Cache(), Cache, "recompute.forward")
    with refused(TypeError, f"cache: expected the Cache of recompute.forward, got {got}"):
        arguments.check_cache(cache, Cache, "recompute.forward")


@pytest.mark.parametrize("function", ["lstm.forward", "stack.forward"])
def test_a_cache_that_was_left_out_is_said_to_be(function):
    message = f"cache: expected the Cache of {function}, got None, which is what it returns with "
    with refused(TypeError, message + "cache=False"):
        arguments.check_cache(None, tuple, function)
