"""The checks of settings: what passes, what is refused, and in which words."""

import numpy as np
import pytest
from helpers import refused

from lstm import settings


@pytest.mark.parametrize(
    ("dtype", "want"),
    [("f4", "float32"), (np.float32, "float32"), (float, "float64"), (np.dtype("f8"), "float64")],
)
def test_two_dtypes_can_be_asked_for(dtype, want):
    assert settings.check_float("a", dtype) is np.dtype(want)


@pytest.mark.parametrize(
    ("dtype", "got"),
    [
        (None, "None"), (int, "int64"), (complex, "complex128"), ("f2", "float16"), (">f8", ">f8"),
        ("three", "'three'"), (3, "3"), ({"names": ["x"], "formats": []},) * 2,
    ],
)  # fmt: skip
def test_all_others_are_refused(dtype, got):
    with refused(TypeError, f"a: expected float32 or float64, got {got}"):
        settings.check_float("a", dtype)


@pytest.mark.parametrize("value", [True, False, np.True_, np.False_])
def test_flags_are_those_of_python(value):
    assert settings.check_flag("a", value) is bool(value)


@pytest.mark.parametrize("value", [None, 0, 1, "True", np.array(True)])
def test_what_is_no_flag_is_refused(value):
    with refused(TypeError, f"a: expected True or False, got {value!r}"):
        settings.check_flag("a", value)


LONG = "9" * 500


def test_a_text_is_returned_itself_and_anything_else_is_refused():
    assert settings.check_text("a", LONG) is LONG
    assert settings.check_text("a", "") == ""
    for value in (None, 3, b"3", ["3"]):
        with refused(TypeError, f"a: expected text, got {value!r}"):
            settings.check_text("a", value)


def test_what_is_long_is_cut_short_in_a_message():
    for check, what in (
        (settings.check_flag, "True or False"),
        (lambda name, value: settings.check_text(name, [value]), "text"),
        (lambda name, value: settings.check_size(name, value, 0), "an integer"),
        (settings.check_number, "a number"),
        (lambda name, value: settings.check_rng(value, name),
         "a numpy.random.Generator, a seed or None"),
    ):  # fmt: skip
        with pytest.raises(TypeError) as error:
            check("a", LONG)
        assert str(error.value).startswith(f"a: expected {what}, got ")
        assert str(error.value).endswith("999 ...")
        assert len(str(error.value)) < 280


@pytest.mark.parametrize(
    ("size", "least"), [(0, 0), (3, 3), (4, 3), (np.uint8(200), 1), (2**63 - 1, 1)]
)
def test_a_size_is_an_integer_of_python(size, least):
    got = settings.check_size("a", size, least)
    assert type(got) is int
    assert got == size


@pytest.mark.parametrize("size", [None, True, np.True_, 3.0, "3", np.timedelta64(3), np.array(3)])
def test_what_is_no_integer_is_refused(size):
    with refused(TypeError, f"a: expected an integer, got {size!r}"):
        settings.check_size("a", size, 0)


@pytest.mark.parametrize("size", [4, 0, -5, -(2**63) + 1])
def test_a_size_that_is_too_small_is_refused(size):
    with refused(ValueError, f"a: expected at least 5, got {size}"):
        settings.check_size("a", size, 5)


@pytest.mark.parametrize("bits", [64, 65, 20_000])  # the last cannot be spelled
def test_a_size_that_is_too_large_is_refused(bits):
    message = f"a: expected an integer of at most 63 bits, got one of {bits}"
    for size in (2 ** (bits - 1), 2**bits - 1, -(2 ** (bits - 1))):
        with refused(ValueError, message):
            settings.check_size("a", size, 5)


def test_an_array_has_at_most_2_to_the_48_numbers():
    for shape in ((), (0, 2**60), (2**24, 2**24), (2**48,)):
        assert settings.check_shape("a, b", *shape) == shape
    for shape in ((2**48 + 1,), (2**24, 2**24 + 1), (2**32, 2**32)):
        message = "a, b: expected an array of at most 2**48 numbers, got shape "
        with refused(ValueError, f"{message}{shape}"):
            settings.check_shape("a, b", *shape)


@pytest.mark.parametrize("value", [3, -3, 0.5, np.float32(0.5), np.int8(-3), np.uint64(2**63)])
def test_numbers_are_those_of_python(value):
    for check in (settings.check_number, settings.check_real):
        got = check("a", value)
        assert type(got) is float
        assert got == value


@pytest.mark.parametrize(
    ("value", "got"),
    [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf"), (10**400, "inf"), (-(10**400), "-inf")],
)
def test_a_real_number_may_be_infinite_and_a_finite_one_may_not(value, got):
    assert str(settings.check_real("a", value)) == got
    with refused(ValueError, f"a: expected a finite number, got {got}"):
        settings.check_number("a", value)


@pytest.mark.parametrize("value", [None, True, "3", 1j, np.timedelta64(3), np.array(3.0), [3.0]])
def test_what_is_no_number_is_refused(value):
    with refused(TypeError, f"a: expected a number, got {value!r}"):
        settings.check_number("a", value)
    with refused(TypeError, f"a: expected a rate, got {value!r}"):
        settings.check_real("a", value, "a rate")


def test_a_generator_is_returned_itself():
    rng = np.random.default_rng(0)
    assert settings.check_rng(rng) is rng


@pytest.mark.parametrize("seed", [0, 7, 2**200, np.int64(7), [7], [7, 1], (7, np.uint8(1)), []])
def test_a_seed_makes_its_generator(seed):
    got, want = settings.check_rng(seed), np.random.default_rng(seed)
    assert got.random() == want.random()


def test_no_seed_makes_another_generator_each_time():
    assert settings.check_rng(None).random() != settings.check_rng(None).random()


@pytest.mark.parametrize(
    ("seed", "error"),
    [
        ("7", TypeError), (7.0, TypeError), (np.array(7.0), TypeError), ([7, 1.0], TypeError),
        ((7, "1"), TypeError), ([[7]], TypeError), (-7, ValueError), ([7, -1], ValueError),
    ],
)  # fmt: skip
def test_what_is_no_seed_is_refused(seed, error):
    message = f"expected a numpy.random.Generator, a seed or None, got {seed!r}"
    with refused(error, f"rng: {message}"):
        settings.check_rng(seed)
    with refused(error, f"seed: {message}"):
        settings.check_rng(seed, "seed")
