"""The packing contract: which number of WLSTM lies where, and what is refused."""

import numpy as np
import pytest
from helpers import refused

from lstm import layout


def test_gates_and_dtypes_of_the_contract():
    assert layout.GATES == ("i", "f", "o", "g")
    assert list(layout.DTYPES) == [np.float32, np.float64, np.complex128]


@pytest.mark.parametrize(("D", "H"), [(0, 1), (1, 1), (3, 2), (10, 4), (4, 10)])
def test_sizes_are_read_off_the_shape(D, H):
    assert layout.sizes(np.empty((1 + D + H, 4 * H))) == (D, H)
    assert layout.sizes(np.empty((1 + D + H, 4 * H)))._fields == ("D", "H")


@pytest.mark.parametrize(
    "shape", [(), (16,), (15, 16, 1), (15, 15), (15, 17), (15, 0), (1, 4), (4, 16), (0, 0)]
)
def test_no_other_shape_is_a_weight_matrix(shape):
    message = "WLSTM: expected shape (1 + D + H, 4 * H) with H >= 1 and D >= 0, got "
    for function in (layout.sizes, layout.split_rows):
        with refused(ValueError, message + str(shape)):
            function(np.empty(shape))


def test_every_number_lies_where_the_contract_says():
    D, H = 3, 2
    WLSTM = np.arange(48.0).reshape(1 + D + H, 4 * H)
    b, Wx, Wh = layout.split_rows(WLSTM)
    assert (b == WLSTM[0]).all()
    assert (Wx == WLSTM[[1, 2, 3]]).all()
    assert (Wh == WLSTM[[4, 5]]).all()
    for position, gate in enumerate(layout.split_gates(WLSTM)):
        assert (gate == WLSTM[:, [2 * position, 2 * position + 1]]).all()


def test_rows_are_named():
    assert layout.Rows._fields == ("b", "Wx", "Wh")


def test_parts_are_views():
    WLSTM = np.zeros((6, 8))
    parts = (*layout.split_rows(WLSTM), *layout.split_gates(WLSTM))
    assert all(np.shares_memory(part, WLSTM) for part in parts)


@pytest.mark.parametrize("shape", [(8,), (3, 8), (2, 3, 8), (0, 8)])
def test_gates_are_cut_from_the_last_axis(shape):
    Z = np.random.default_rng(0).standard_normal(shape)
    gates = layout.split_gates(Z)
    assert [gate.shape for gate in gates] == [(*shape[:-1], 2)] * 4
    np.testing.assert_array_equal(np.concatenate(gates, axis=-1), Z)


def test_a_good_array_is_returned_itself():
    array = np.zeros((3, 4), np.float32)
    assert layout.check_array("h0", array, ("b", "H"), (3, 4), np.dtype("float32")) is array
    assert layout.check_array("h0", array, ("b", "H"), (None, 4)) is array
    assert layout.as_array("h0", array) is array
    assert layout.check_weights(array)[0] is array


def test_lists_and_subclasses_become_arrays():
    np.testing.assert_array_equal(layout.as_array("h0", [0.0, 1.0]), np.array([0.0, 1.0]))
    assert type(layout.as_array("h0", np.zeros((1, 2)).view(np.recarray))) is np.ndarray


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
        layout.as_array("a", value)


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
        layout.check_array("a", value, axes, shape, dtype)


def test_the_message_spells_rank_zero_as_python_does():
    with refused(ValueError, "a: expected shape () = (), got (3,)"):
        layout.check_array("a", np.zeros(3), (), ())


def test_the_message_names_the_argument_that_set_the_dtype():
    with refused(TypeError, "a: expected dtype float32, as in b, got float64"):
        layout.check_array("a", np.zeros(3), ("H",), (3,), F4, "b")


def test_weights_are_returned_with_their_sizes():
    WLSTM, (D, H) = layout.check_weights(np.zeros((15, 16)).tolist())
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
        layout.check_weights(value)
