"""State tracking: each task against its definition, not against its code."""

import numpy as np
import pytest
from helpers import refused

from lstm import tracking


@pytest.mark.parametrize(("n", "batch"), [(50, 200), (1, 200), (300, 1), (3, 300)])
def test_parity_is_the_product_of_signs(n, batch):
    X, Y, where, lengths = tracking.parity(n, batch, rng=0)
    assert X.shape == Y.shape == (n, batch, 2)
    assert where.all()
    assert (lengths == n).all()
    signs = X[..., 0] - X[..., 1]
    np.testing.assert_array_equal(Y[..., 0] - Y[..., 1], np.cumprod(signs, axis=0))
    if (n, batch) != (50, 200):
        return
    assert abs(X[..., 1].mean() - 0.5) < 0.02
    assert abs(Y[-1, :, 1].mean() - 0.5) < 0.1


@pytest.mark.parametrize(("n", "batch", "count"), [
    (30, 100, 2), (30, 100, 3), (30, 100, 5), (300, 1, 20), (1, 300, 9),
])  # fmt: skip
def test_cups_are_products_of_permutation_matrices(n, batch, count):
    X, Y, where, lengths = tracking.cups(n, batch, rng=0, count=count)
    assert X.shape == (n, batch, count - 1)
    assert Y.shape == (n, batch, count**2)
    assert where.all()
    assert (lengths == n).all()
    assert (X.sum(axis=-1) == 1).all()
    swaps = []
    for k in range(count - 1):
        swap = np.eye(count)
        swap[[k, k + 1]] = swap[[k + 1, k]]
        swaps.append(swap)
    for j in range(batch):
        under = np.eye(count)
        for x, y in zip(X[:, j], Y[:, j], strict=True):
            under = swaps[x.argmax()] @ under
            np.testing.assert_array_equal(y.reshape(count, count), under)


def test_five_cups_reach_all_120_orders_about_equally_often():
    _, Y, _, _ = tracking.cups(60, 4000, rng=0)
    orders = Y[-2:].reshape(-1, 5, 5).argmax(axis=-1)
    _, times = np.unique(orders, axis=0, return_counts=True)
    assert len(times) == 120
    assert times.min() > 30


@pytest.mark.parametrize("task", [tracking.parity, tracking.cups])
def test_dtype_seed_and_bad_arguments(task):
    for dtype, given in ((np.float32, {}), *((d, {"dtype": d}) for d in (np.float32, np.float64))):
        X, Y, where, lengths = task(3, 2, 0, **given)
        assert (X.dtype, Y.dtype, where.dtype, lengths.dtype) == (dtype, dtype, bool, int)
    for one, two in zip(task(9, 4, 7), task(9, 4, np.random.default_rng(7)), strict=True):
        np.testing.assert_array_equal(one, two)
    with refused(ValueError, "n: expected at least 1, got 0"):
        task(0, 2)
    with refused(ValueError, "batch: expected at least 1, got 0"):
        task(2, 0)
    with refused(TypeError, "dtype: expected float32 or float64, got int64"):
        task(2, 2, dtype=np.int64)


def test_one_cup_cannot_be_swapped():
    with refused(ValueError, "count: expected at least 2, got 1"):
        tracking.cups(3, 2, count=1)
