"""The checks of arguments in JAX: what is taken at the edges, and what is said of the rest."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import refused

from lstm import traced
from lstm.layers import Layer


@pytest.fixture(autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


class Lost:
    """A tensor that cannot be read, as those of some libraries."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("device lost")

    def __repr__(self):
        return "a lost tensor"


@pytest.mark.parametrize(
    ("value", "got"),
    [
        (None, "None"),
        ([[1.0], [1.0, 2.0]], "[[1.0], [1.0, 2.0]]"),
        ("x" * 57, repr("x" * 57)),  # 59 characters of a repr are shown, and 60 are not
        ("x" * 58, "a str"),
        ("x" * 78, "a str"),
        (10**50, str(10**50)),
        (10**59, "a int"),
        (Lost(), "a lost tensor"),
        ({"W": 1, "c": 2}, "a dict: pass one of its values ('W', 'c')"),
        (Layer(1), "a Layer: pass one of its fields (forward, backward)"),
        (np.ma.masked_array(np.ones(3)), "a masked array, whose mask would be lost"),
    ],
    ids=str,
)
def test_what_is_no_array_is_named(value, got):
    with refused(TypeError, f"h0: expected an array, got {got}"):
        traced.as_array("h0", value)


FLOATS = "expected dtype float32 or float64, got"
WIDEN = '; widen it with .astype("float32")'


@pytest.mark.parametrize(
    ("dtype", "message"),
    [
        ("int32", f"{FLOATS} int32"),
        ("bool", f"{FLOATS} bool"),
        ("complex64", f"{FLOATS} complex64"),
        ("float16", f"{FLOATS} float16{WIDEN}"),
        (jnp.bfloat16, f"{FLOATS} bfloat16{WIDEN}"),
        (jnp.float8_e4m3fn, f"{FLOATS} float8_e4m3fn"),
    ],
)
def test_a_dtype_that_nothing_is_computed_in_is_refused(dtype, message):
    with refused(TypeError, f"X: {message}"):
        traced.check_array("X", jnp.ones(3, dtype))


@pytest.mark.parametrize(("asked", "given"), [("float32", "float64"), ("float64", "float32")])
def test_another_dtype_than_that_of_the_weights_is_refused_wider_or_narrower(asked, given):
    assert traced.check_array("X", np.ones(3, asked), np.dtype(asked)).dtype == asked
    with refused(TypeError, f"X: expected dtype {asked}, as in WLSTM, got {given}"):
        traced.check_array("X", np.ones(3, given), np.dtype(asked))
    with refused(TypeError, f"X: expected dtype {asked}, as in layers, got {given}"):
        traced.check_array("X", np.ones(3, given), np.dtype(asked), "layers")


@pytest.mark.parametrize("shape", [(5, 3, 2), (2,), (4, 5, 3, 2), (), (5, 1), (5, 3, 4), (3, 5)])
def test_inputs_of_another_shape_are_refused(shape):
    wanted = "(n, b, D), or (n, D) for one sequence, with D = 3"
    with refused(ValueError, f"X: expected shape {wanted}, got {shape}"):
        traced.check_inputs(np.ones(shape), 3, np.dtype(float), "WLSTM")


@pytest.mark.parametrize("shape", [(5, 2, 3), (5, 3), (3, 5, 3), (0, 2, 3), (0, 3)])
def test_inputs_are_a_batch_or_one_sequence(shape):
    X = np.random.default_rng(0).standard_normal(shape)
    np.testing.assert_array_equal(traced.check_inputs(X, 3, X.dtype, "WLSTM"), X, strict=True)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, np.int64])
def test_lengths_are_those_that_were_given_in_integers_that_do_not_overflow(dtype):
    got = traced.check_lengths(np.array([0, 5, 3], dtype), 5, [3])
    np.testing.assert_array_equal(got, np.array([0, 5, 3]), strict=True)
    got = traced.check_lengths(dtype(4), 5, [])
    np.testing.assert_array_equal(got, np.array(4), strict=True)
    assert traced.check_lengths(None, 5, [3]) is None
    np.testing.assert_array_equal(traced.check_lengths([], 5, [0]), np.zeros(0, int), strict=True)


@pytest.mark.parametrize(
    ("lengths", "batch", "error", "message"),
    [
        ([2.0], [1], TypeError, "integers, got dtype float64"),
        (2.0, [], TypeError, "integers, got dtype float64"),
        ([True], [1], TypeError, "integers, got dtype bool"),
        ([], [1], ValueError, "shape (b,) = (1,), got (0,)"),
        ([1, 2], [3], ValueError, "shape (b,) = (3,), got (2,)"),
        ([1, 2, 3, 4], [3], ValueError, "shape (b,) = (3,), got (4,)"),
        ([[1, 2, 3]], [3], ValueError, "shape (b,) = (3,), got (1, 3)"),
        (1, [3], ValueError, "shape (b,) = (3,), got ()"),
        ([1], [], ValueError, "shape (), as there is one sequence, got (1,)"),
        ([0, 6, 5], [3], ValueError, "numbers from 0 to n = 5, got [0, 6, 5]"),
        ([0, -1, 5], [3], ValueError, "numbers from 0 to n = 5, got [0, -1, 5]"),
        (6, [], ValueError, "numbers from 0 to n = 5, got 6"),
    ],
)
def test_lengths_that_do_not_fit_are_refused(lengths, batch, error, message):
    with refused(error, f"lengths: expected {message}"):
        traced.check_lengths(lengths, 5, batch)


def test_lengths_that_are_traced_are_brought_into_their_range():
    got = jax.jit(lambda lengths: traced.check_lengths(lengths, 5, [6]))(
        np.array([-7, -1, 0, 5, 6, 100])
    )
    np.testing.assert_array_equal(got, [0, 0, 0, 5, 5, 5])


def matrices(dtype=np.float32, H=(2, 3)):
    """A stack of two layers of different widths, the upper one with two directions."""
    rng = np.random.default_rng(0)
    W = [
        rng.standard_normal((1 + D + units, 4 * units)).astype(dtype)
        for D, units in zip((5, H[0]), H, strict=True)
    ]
    return [Layer(W[0]), Layer(W[1], -W[1])]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch", [[], [4]])
def test_states_of_a_stack_are_those_given_and_zeros_of_its_dtype(dtype, batch):
    layers = matrices(dtype)
    shapes = [(1, *batch, 2), (2, *batch, 3)]
    for got, shape in zip(traced.check_states("c0", None, layers, batch), shapes, strict=True):
        np.testing.assert_array_equal(got, np.zeros(shape, dtype), strict=True)
    given = np.random.default_rng(0).standard_normal(shapes[1]).astype(dtype)
    first, second = traced.check_states("c0", (None, given), layers, batch)
    np.testing.assert_array_equal(first, np.zeros(shapes[0], dtype), strict=True)
    np.testing.assert_array_equal(second, given, strict=True)


@pytest.mark.parametrize("kind", [np.array, jnp.array, list, tuple])
def test_states_of_layers_alike_may_be_one_array(kind):
    states = np.random.default_rng(0).standard_normal((2, 1, 4, 3))
    W = np.ones((1 + 3 + 3, 12))
    for got, state in zip(
        traced.check_states("h0", kind(states), [Layer(W)] * 2, [4]), states, strict=True
    ):
        np.testing.assert_array_equal(got, state, strict=True)


@pytest.mark.parametrize(
    ("batch", "states", "error", "message"),
    [
        ([4], 3, TypeError, "c0: expected a list of arrays, got int"),
        ([4], iter([]), TypeError, "c0: expected a list of arrays, got list_iterator"),
        ([4], {"c": 1, "h": 2}, TypeError, "c0: expected a list of arrays, got dict"),
        ([4], np.float32(1), TypeError, "c0: expected a list of arrays, got float32"),
        ([4], np.zeros(()), TypeError, "c0: expected a list of arrays, got ndarray"),
        ([4], [None], ValueError, "c0: expected 2 layers, got 1"),
        ([4], [None] * 3, ValueError, "c0: expected 2 layers, got 3"),
        ([4], [None, np.zeros((2, 3), "f4")], ValueError,
         "c0[1]: expected shape (d, b, H) = (2, 4, 3), got (2, 3)"),
        ([], [np.zeros((1, 3), "f4"), None], ValueError,
         "c0[0]: expected shape (d, H) = (1, 2), got (1, 3)"),
        ([], [None, np.zeros((2, 3))], TypeError,
         "c0[1]: expected dtype float32, as in layers, got float64"),
        ([], [None, 0.5j], TypeError, f"c0[1]: {FLOATS} complex128"),
    ],
)  # fmt: skip
def test_states_of_a_stack_that_do_not_fit_are_named(batch, states, error, message):
    with refused(error, message):
        traced.check_states("c0", states, matrices(), batch)


@pytest.mark.parametrize(
    ("axes", "shape", "got", "message"),
    [
        (("H",), (3,), (4,), "(H,) = (3,), got (4,)"),
        (("H",), (3,), (3, 1), "(H,) = (3,), got (3, 1)"),
        (("b", "H"), (2, 3), (2, 4), "(b, H) = (2, 3), got (2, 4)"),
        (("b", "H"), (2, 3), (1, 3), "(b, H) = (2, 3), got (1, 3)"),
        (("d", "b", "H"), (1, 2, 3), (2, 3), "(d, b, H) = (1, 2, 3), got (2, 3)"),
    ],
)
def test_a_state_of_another_shape_is_refused(axes, shape, got, message):
    with refused(ValueError, f"h0: expected shape {message}"):
        traced.check_state("h0", np.zeros(got), axes, shape, np.dtype(float), "WLSTM")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_state_that_is_none_is_zero_in_the_dtype_asked_for(dtype):
    got = traced.check_state("h0", None, ("b", "H"), (2, 3), np.dtype(dtype), "WLSTM")
    np.testing.assert_array_equal(got, np.zeros((2, 3), dtype), strict=True)
    with refused(TypeError, f"h0: {FLOATS} int64"):
        traced.check_state("h0", np.zeros((2, 3), int), ("b", "H"), (2, 3), np.dtype(dtype), "W")


def test_layers_keep_their_numbers_and_may_be_traced():
    layers = matrices()
    for check in (traced.check_layers, jax.jit(traced.check_layers)):
        for got, want in zip(check(iter(layers) if check is traced.check_layers else layers),
                             layers, strict=True):  # fmt: skip
            assert [name for name, _ in got.directions] == [name for name, _ in want.directions]
            for (_, one), (_, other) in zip(got.directions, want.directions, strict=True):
                assert isinstance(one, jax.Array)
                np.testing.assert_array_equal(one, other, strict=True)


def test_what_gives_an_array_is_one_whatever_it_holds():
    class Both:
        _fields = ("a", "b")

        def __array__(self, dtype=None, copy=None):
            return np.ones(2, dtype)

    np.testing.assert_array_equal(traced.as_array("h0", Both()), np.ones(2))
