"""The packing contract: which number of WLSTM lies where."""

import numpy as np
import pytest
from helpers import refused

from lstm import layout


def test_gates_of_the_contract():
    assert layout.GATES == ("i", "f", "o", "g")


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
