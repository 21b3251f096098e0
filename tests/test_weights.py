"""The exchange between one matrix and four separate gates."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import refused

from lstm.weights import from_keras, from_onnx, from_torch, fuse, split, to_keras, to_onnx, to_torch

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


DTYPES = "float32, float64 or complex128"
SORTED = ["W_f", "W_g", "W_i", "W_o", "b_f", "b_g", "b_i", "b_o"]


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_parameter_is_named(name):
    params = split(WLSTM)
    del params[name]
    message = f"params: expected {SORTED}, got {[n for n in SORTED if n != name]}"
    with refused(ValueError, message):
        fuse(params)


def test_an_unknown_parameter_is_named():
    message = f"params: expected {SORTED}, got {['U_f', *SORTED]}"
    with refused(ValueError, message):
        fuse(split(WLSTM) | {"U_f": np.zeros(1)})


@pytest.mark.parametrize("name", [name for name in NAMES if name != "b_f"])
def test_another_dtype_is_named(name):
    params = split(WLSTM)
    params[name] = params[name].astype(np.float32)
    message = f"params['{name}']: expected dtype float64, as in params['b_f'], got float32"
    with refused(TypeError, message):
        fuse(params)


@pytest.mark.parametrize(
    ("name", "bad", "error", "message"),
    [
        ("b_f", np.zeros((1, 2)), ValueError, "expected shape (H,) = (any,), got (1, 2)"),
        ("b_f", np.zeros(2, "float16"), TypeError, f"expected dtype {DTYPES}, got float16"),
        ("b_i", np.zeros(3), ValueError, "expected shape (H,) = (2,), got (3,)"),
        ("W_f", np.zeros((5, 3)), ValueError, "expected shape (D + H, H) = (any, 2), got (5, 3)"),
        ("W_f", np.zeros(10), ValueError, "expected shape (D + H, H) = (any, 2), got (10,)"),
        ("W_g", np.zeros((4, 2)), ValueError, "expected shape (D + H, H) = (5, 2), got (4, 2)"),
        ("W_o", None, TypeError, "expected an array, got None"),
        ("W_o", [[1.0], []], ValueError, "expected an array, got [[1.0], []]"),
        (
            "b_g",
            np.ma.masked_array(np.zeros(2)),
            TypeError,
            "expected an array, got a masked array, whose mask would be lost",
        ),
    ],
)  # fmt: skip
def test_another_shape_or_type_is_named(name, bad, error, message):
    with refused(error, f"params[{name!r}]: {message}"):
        fuse(split(WLSTM) | {name: bad})


@pytest.mark.parametrize(("rows", "hidden"), [(3, 0), (1, 2)])
def test_sizes_that_no_lstm_has_are_refused(rows, hidden):
    params = {name: np.zeros((rows, hidden)) for name in NAMES[:4]}
    params |= {name: np.zeros(hidden) for name in NAMES[4:]}
    message = "params['W_f']: expected shape (D + H, H) with H >= 1 and D >= 0, got "
    with refused(ValueError, message + str((rows, hidden))):
        fuse(params)


TORCH, KERAS, ONNX = to_torch(WLSTM), to_keras(WLSTM), to_onnx(WLSTM)
TWO = ["weight_hh_l0", "weight_ih_l0"]


def without(params, name):
    return {key: value for key, value in params.items() if key != name}


@pytest.mark.parametrize(
    ("convert", "params", "message"),
    [
        (
            from_torch,
            without(TORCH, "weight_hh_l0"),
            f"state_dict: expected {TWO} and perhaps ['bias_hh_l0', 'bias_ih_l0'], "
            "got ['bias_hh_l0', 'bias_ih_l0', 'weight_ih_l0']",
        ),
        (
            from_torch,
            TORCH | {"weight_ih_l0": np.zeros((7, 3))},
            "state_dict['weight_ih_l0']: expected shape (4 * H, D) = (8, any), got (7, 3)",
        ),
        (
            from_torch,
            TORCH | {"weight_hh_l0": np.zeros((2, 8))},
            "state_dict['weight_hh_l0']: expected shape (4 * H, H) = (32, 8), got (2, 8)",
        ),
        (
            from_torch,
            TORCH | {"bias_hh_l0": np.zeros((1, 8))},
            "state_dict['bias_hh_l0']: expected shape (4 * H,) = (8,), got (1, 8)",
        ),
        (
            from_keras,
            KERAS[:1],
            "weights: expected the arrays kernel, recurrent_kernel and bias, got 1",
        ),
        (
            from_keras,
            [KERAS[0], KERAS[1][:1], KERAS[2]],
            "weights['recurrent_kernel']: expected shape (H, 4 * H) = (1, 4), got (1, 8)",
        ),
        (
            from_keras,
            [KERAS[0][:, :6], *KERAS[1:]],
            "weights['kernel']: expected shape (D, 4 * H) = (any, 8), got (3, 6)",
        ),
        (
            from_onnx,
            without(ONNX, "R"),
            "tensors: expected ['R', 'W'] and perhaps ['B', 'P'], got ['B', 'W']",
        ),
        (
            from_onnx,
            ONNX | {"W": ONNX["W"][0]},
            "W: expected shape (d, 4 * H, D) = (1, any, any), got (8, 3)",
        ),
        (
            from_onnx,
            ONNX | {"R": np.zeros((1, 8, 3))},
            "tensors['R']: expected shape (4 * H, H) = (12, 3), got (8, 3)",
        ),
        (
            from_onnx,
            ONNX | {"B": np.zeros((1, 8))},
            "B: expected shape (d, 8 * H) = (1, 16), got (1, 8)",
        ),
    ],
)
def test_the_converters_name_what_is_missing_or_of_another_shape(convert, params, message):
    with refused(ValueError, message):
        convert(params)
