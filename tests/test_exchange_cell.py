"""The exchange between one matrix and four separate gates."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import refused

from lstm.exchange.cell import fuse, split

D, H = 3, 2
WLSTM = np.arange(48.0).reshape(1 + D + H, 4 * H)
NAMES = ["W_f", "W_i", "W_o", "W_g", "b_f", "b_i", "b_o", "b_g"]


def test_each_parameter_is_cut_from_its_own_columns():
    params = split(WLSTM)
    assert list(params) == NAMES  # the order in which the cell declares them
    for position, k in enumerate("ifog"):
        columns = [2 * position, 2 * position + 1]
        np.testing.assert_array_equal(params[f"b_{k}"], WLSTM[0, columns], strict=True)
        np.testing.assert_array_equal(params[f"W_{k}"], WLSTM[1:, columns], strict=True)


def test_split_gives_views_and_fuse_a_new_array():
    params = split(WLSTM)
    assert all(np.shares_memory(value, WLSTM) for value in params.values())
    assert not np.shares_memory(fuse(params), WLSTM)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize(("D", "H"), [(0, 1), (0, 3), (1, 1), (10, 4), (4, 10)])
def test_there_and_back(D, H, dtype):
    W = np.random.default_rng(0).standard_normal((1 + D + H, 4 * H)).astype(dtype)
    np.testing.assert_array_equal(fuse(split(W)), W, strict=True)
    params = {name: value.copy() for name, value in split(W).items()}
    for name, value in split(fuse(params)).items():
        np.testing.assert_array_equal(value, params[name], strict=True)


def test_the_order_of_the_dictionary_does_not_matter():
    params = split(WLSTM)
    np.testing.assert_array_equal(fuse({name: params[name] for name in sorted(params)}), WLSTM)


def test_arguments_are_not_changed():
    before = WLSTM.copy()
    fused = fuse(split(WLSTM))
    fused[...] = 0
    np.testing.assert_array_equal(WLSTM, before)


def test_jax_arrays_go_both_ways():
    params = split(jnp.asarray(WLSTM, jnp.float32))
    assert all(isinstance(value, jax.Array) for value in params.values())
    fused = fuse(params)
    assert type(fused) is np.ndarray
    np.testing.assert_array_equal(fused, WLSTM.astype(np.float32), strict=True)


def test_jax_differentiates_through_split():
    gradient = jax.grad(lambda W: (2 * split(W)["W_o"]).sum() + split(W)["b_i"].sum())
    expected = np.zeros_like(WLSTM, np.float32)
    expected[1:, 4:6] = 2
    expected[0, 0:2] = 1
    np.testing.assert_array_equal(gradient(jnp.asarray(WLSTM, jnp.float32)), expected)


def test_lists_are_fused():
    lists = {name: value.tolist() for name, value in split(WLSTM).items()}
    np.testing.assert_array_equal(fuse(lists), WLSTM, strict=True)


@pytest.mark.parametrize("shape", [(48,), (6, 7), (5, 0), (2, 8)])
def test_what_is_no_weight_matrix_is_not_split(shape):
    message = f"WLSTM: expected shape (1 + D + H, 4 * H) with H >= 1 and D >= 0, got {shape}"
    with refused(ValueError, message):
        split(np.zeros(shape))


def test_what_is_not_fused_is_called_params():
    with refused(
        ValueError,
        "params: expected 'W_f', 'W_g', 'W_i', 'W_o', 'b_f', 'b_g', and 2 more; it lacks 'b_o'",
    ):
        fuse({name: value for name, value in split(WLSTM).items() if name != "b_o"})
    message = "params['b_o']: expected shape (H,) = (2,), got (3,)"
    with refused(ValueError, message):
        fuse(split(WLSTM) | {"b_o": np.zeros(3)})
