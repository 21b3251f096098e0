"""The losses: values, gradients, means over what is asked for, and what is refused."""

import numpy as np
import optax
import pytest
from helpers import refused

from lstm import losses
from lstm.losses import cross_entropy, mean_loss, squared_error

LOSSES = [squared_error, cross_entropy]


def targets(shape=(6, 4, 3), seed=0, dtype=np.float64):
    """Answers, and rows of probabilities."""
    rng = np.random.default_rng(seed)
    Y = np.abs(rng.standard_normal(shape))
    Y /= Y.sum(axis=-1, keepdims=True)
    return rng.standard_normal(shape).astype(dtype), Y.astype(dtype)


def test_losses_are_those_of_optax():
    answers, Y = targets(dtype=np.float32)
    np.testing.assert_allclose(
        cross_entropy(answers, Y)[0], optax.softmax_cross_entropy(answers, Y), rtol=1e-5
    )
    np.testing.assert_allclose(
        squared_error(answers, Y)[0], optax.l2_loss(answers, Y).sum(axis=-1), rtol=1e-5
    )


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("shape", [(6, 4, 3), (4, 3), (3,)])
def test_gradients_against_central_differences(loss, shape):
    answers, Y = targets(shape)
    value, gradient = loss(answers, Y)
    assert value.shape == shape[:-1]
    for index in np.ndindex(shape):
        moved = [answers.copy(), answers.copy()]
        moved[0][index] += 1e-6
        moved[1][index] -= 1e-6
        slope = (loss(moved[0], Y)[0] - loss(moved[1], Y)[0]).sum() / 2e-6
        assert slope == pytest.approx(gradient[index], abs=1e-8)


def test_cross_entropy_does_not_overflow():
    loss, gradient = cross_entropy(np.array([[[1e30, 0.0]]]), np.array([[[1.0, 0.0]]]))
    assert (loss, gradient.tolist()) == (0, [[[0, 0]]])


@pytest.mark.parametrize("loss", LOSSES)
def test_each_row_is_judged_by_itself(loss):
    """However far apart the rows are."""
    answers = np.array([[1e30, -1e30], [0.5, -2.0], [-1e30, -1e30], [3e-20, 0.0]])
    Y = np.array([[0.75, 0.25], [0.25, 0.75], [1.0, 0.0], [0.5, 0.5]])
    values, gradients = loss(answers, Y)
    for k, (value, gradient) in enumerate(zip(values, gradients, strict=True)):
        alone, slopes = loss(answers[k], Y[k])
        assert (value, gradient.tolist()) == (alone, slopes.tolist())


def test_cross_entropy_is_linear_in_its_targets():
    """So it may be asked for the difference of two losses."""
    answers = np.array([0.5, -1.0, 2.0])
    parts = [cross_entropy(answers, row)[0] for row in np.eye(3)]
    assert cross_entropy(answers, np.array([1.5, -0.5, 0.0]))[0] == pytest.approx(
        1.5 * parts[0] - 0.5 * parts[1]
    )


def test_a_loss_sees_zeros_in_place_of_what_does_not_count():
    seen = []

    def loss(answers, Y):
        seen.append(Y)
        return squared_error(answers, Y)

    answers, Y = targets((4, 3))
    where = np.array([True, False, True, False])
    mean_loss(answers, Y, where, loss)
    np.testing.assert_array_equal(seen[0], Y * where[:, None])


def test_underflow_is_no_error_under_errors_for_all():
    with np.errstate(all="raise"):
        assert cross_entropy(np.array([[0.0, -1000.0]]), np.array([[1.0, 0.0]]))[0] == 0
        assert squared_error(np.array([[1e-200]]), np.array([[0.0]]))[0] == 0
        tiny = np.full((3, 1), 1e-308)  # a third of which is rounded
        mean_loss(tiny, np.zeros((3, 1)), np.ones(3, bool), lambda a, Y: (a[..., 0], a))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_loss_may_overflow_and_its_gradient_stays_right(dtype):
    """From small answers to the largest there are; what a row cannot hold is infinite."""
    for power in np.linspace(-30, np.log10(np.finfo(dtype).max) - 0.1, 40):
        size = dtype(0.99 * 10.0**power)
        answers = np.array([[size, 0], [-size, size]], dtype)
        Y = np.array([[0, 0], [0, 1]], dtype)
        with np.errstate(all="raise"):
            loss, gradient = squared_error(answers, Y)
            mean, dY = mean_loss(answers, Y, np.array([True, False]))
        np.testing.assert_array_equal(gradient, answers - Y)
        np.testing.assert_array_equal(dY, [[size, 0], [0, 0]])
        with np.errstate(over="ignore", under="ignore"):
            assert loss[0] == pytest.approx(size * size / 2, rel=1e-6)
        assert mean == loss[0]

        certain = np.array([[1, 0], [0, 1], [0.5, 0.5]], dtype)
        with np.errstate(all="raise"):
            loss, gradient = cross_entropy(np.tile(dtype([size, -size]), (3, 1)), certain)
        apart = 2 * float(size)
        more = np.log1p(np.exp(-min(apart, 700)))
        want = np.array([more, apart + more, apart / 2 + more])
        largest = float(np.finfo(dtype).max)
        want[want > largest] = np.inf
        want[2] = np.inf if apart > largest else want[2]  # half of infinity
        np.testing.assert_allclose(loss, want, rtol=2e-6, atol=2e-6)
        p = np.exp(-more)
        np.testing.assert_allclose(gradient, [p, 1 - p] - certain, rtol=0, atol=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300, 77.0])
def test_what_does_not_count_changes_nothing(loss, bad):
    answers, Y = targets()
    where = np.random.default_rng(1).random((6, 4)) < 0.5
    want = mean_loss(answers, Y, where, loss)
    with np.errstate(all="raise"):
        got = mean_loss(answers, np.where(where[..., None], Y, bad), where, loss)
    assert got.loss == want.loss
    np.testing.assert_array_equal(got.dY, want.dY)
    assert not got.dY[~where].any()
    losses_, gradient = loss(answers, Y)
    assert got.loss == pytest.approx(losses_[where].mean(), rel=1e-14)
    np.testing.assert_allclose(got.dY[where], gradient[where] / where.sum(), rtol=1e-14)


@pytest.mark.parametrize("loss", LOSSES)
def test_nan_in_a_target_that_counts_is_a_nan_loss(loss):
    answers, Y = targets()
    Y[2, 1, 0] = np.nan
    got = mean_loss(answers, Y, np.ones((6, 4), bool), loss)
    assert np.isnan(got.loss)
    assert np.isnan(got.dY[2, 1]).any()
    assert np.isfinite(np.delete(got.dY.reshape(-1, 3), 2 * 4 + 1, axis=0)).all()


def test_the_dtype_is_kept():
    for dtype in (np.float32, np.float64):
        answers, Y = targets(dtype=dtype)
        for loss in LOSSES:
            assert mean_loss(answers, Y, np.ones((6, 4), bool), loss).dY.dtype == dtype
            assert [a.dtype for a in loss(answers, Y)] == [dtype] * 2


A, Y = np.zeros((4, 4, 2)), np.zeros((4, 4, 2))
W = np.ones((4, 4), bool)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: squared_error(A[..., :1], Y[..., 0]), ValueError,
         "Y: expected shape (4, 4, 1), as the answers, got (4, 4): "
         "each row needs an axis with its K = 1 numbers"),
        (lambda: cross_entropy(A, Y[..., 0].astype(int)), ValueError,
         "Y: expected shape (4, 4, 2), as the answers, got (4, 4): "
         "np.eye(2)[Y] makes rows of class indices"),
        (lambda: squared_error(A, Y[..., :1]), ValueError,
         "Y: expected shape (4, 4, 2), as the answers, got (4, 4, 1)"),
        (lambda: cross_entropy(A, Y[0]), ValueError,
         "Y: expected shape (4, 4, 2), as the answers, got (4, 2)"),
        (lambda: squared_error(A, 0.0), ValueError,
         "Y: expected shape (4, 4, 2), as the answers, got ()"),
        (lambda: squared_error(A, Y.astype("f4")), TypeError,
         "Y: expected dtype float64, as the answers, got float32"),
        (lambda: squared_error(A, Y.astype(int)), TypeError,
         "Y: expected dtype float64, as the answers, got int64"),
        (lambda: squared_error(A.astype(int), Y.astype(int)), TypeError,
         "answers: expected dtype float32, float64 or complex128, got int64"),
        (lambda: squared_error(1.0, 1.0), ValueError,
         "answers: expected shape (..., K), got ()"),
        (lambda: mean_loss(A, Y, W.astype(int)), TypeError,
         "where: expected dtype bool, got int64: where != 0 is such a mask"),
        (lambda: mean_loss(A, Y, W[:, :1]), ValueError,
         "where: expected shape (4, 4), got (4, 1)"),
        (lambda: mean_loss(A, Y, W[..., None]), ValueError,
         "where: expected shape (4, 4), got (4, 4, 1)"),
        (lambda: mean_loss(A, Y, ~W), ValueError,
         "where: expected at least one True, got none: nothing is asked for"),
        (lambda: mean_loss(A, Y, None), TypeError, "where: expected an array, got None"),
        (lambda: mean_loss(A, Y, W, lambda a, Y: a - Y), TypeError,
         "loss: expected a function that returns the loss of each row and its gradient, "
         "got a ndarray"),
        (lambda: mean_loss(A[:2], Y[:2], W[:2], lambda a, Y: a - Y), TypeError,
         "loss: expected a function that returns the loss of each row and its gradient, "
         "got a ndarray"),
        (lambda: mean_loss(A, Y, W, lambda a, Y: (a[..., 0],)), TypeError,
         "loss: expected a function that returns the loss of each row and its gradient, "
         "got a tuple"),
        (lambda: mean_loss(A, Y, W, lambda a, Y: [a[..., 0], a, a]), TypeError,
         "loss: expected a function that returns the loss of each row and its gradient, "
         "got a list"),
        (lambda: mean_loss(A, Y, W, lambda a, Y: None), TypeError,
         "loss: expected a function that returns the loss of each row and its gradient, "
         "got a NoneType"),
        (lambda: mean_loss(A, Y, W, lambda a, Y: (0.0, a - Y)), ValueError,
         "loss: expected losses of shape (4, 4), got ()"),
        (lambda: mean_loss(A, Y, W, lambda a, Y: (a, a)), ValueError,
         "loss: expected losses of shape (4, 4), got (4, 4, 2)"),
        (lambda: mean_loss(A, Y, W, lambda a, Y: (a[..., 0], a[..., 0])), ValueError,
         "loss: expected a gradient of shape (4, 4, 2), got (4, 4)"),
        (lambda: mean_loss(A, Y, W, lambda a, Y: (a[..., 0], a.astype("f4"))), TypeError,
         "loss: expected losses and a gradient of dtype float64, as the answers, "
         "got float64 and float32"),
        (lambda: mean_loss(*(a.astype("f4") for a in (A, Y)), W,
                           lambda a, Y: (a[..., 0], a.astype(float))), TypeError,
         "loss: expected losses and a gradient of dtype float32, as the answers, "
         "got float32 and float64"),
        (lambda: mean_loss(A, Y, W, lambda a, Y: (a[..., 0].astype(int), a)), TypeError,
         "loss: expected losses and a gradient of dtype float64, as the answers, "
         "got int64 and float64"),
        (lambda: mean_loss(A, Y, W, lambda a, Y: (a[..., 0], np.zeros((4, 4, 3)))), ValueError,
         "loss: expected a gradient of shape (4, 4, 2), got (4, 4, 3)"),
        (lambda: mean_loss([[1], [1, 2]], Y, W), ValueError,
         "answers: expected an array, got [[1], [1, 2]]"),
        (lambda: squared_error([[1], [1, 2]], Y), ValueError,
         "answers: expected an array, got [[1], [1, 2]]"),
        (lambda: mean_loss(A, Y, W.astype("M8[s]")), TypeError,
         "where: expected dtype bool, got datetime64[s]: where != 0 is such a mask"),
        (lambda: cross_entropy(A, np.zeros((3, 4), int)), ValueError,
         "Y: expected shape (4, 4, 2), as the answers, got (3, 4)"),
        (lambda: cross_entropy(A, np.zeros(5, int)), ValueError,
         "Y: expected shape (4, 4, 2), as the answers, got (5,)"),
        (lambda: mean_loss(A, Y, W, lambda a, Y: (a[..., 0] > 0, a)), TypeError,
         "loss: expected losses and a gradient of dtype float64, as the answers, "
         "got bool and float64"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(call, error, message):
    with refused(error, message):
        call()


def test_an_empty_batch_has_empty_losses():
    loss, gradient = squared_error(A[:0], Y[:0])
    assert (loss.shape, gradient.shape) == ((0, 4), (0, 4, 2))
    assert losses.Mean._fields == ("loss", "dY")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_answer_of_minus_infinity_is_a_class_that_cannot_be(dtype):
    """It costs nothing where it is not asked for, and everything where it is."""
    answers = np.array([[-np.inf, 0, 1], [0, 1, -np.inf], [2, -np.inf, -np.inf]], dtype)
    with np.errstate(all="raise"):
        loss, gradient = cross_entropy(answers, np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]], dtype))
    p = 1 / (1 + np.exp(1.0))
    np.testing.assert_allclose(loss, [-np.log(p), np.inf, 0], rtol=1e-6)
    want = [[0, p - 1, 1 - p], [p, 1 - p, -1], [0, 0, 0]]
    np.testing.assert_allclose(gradient, want, rtol=1e-6, atol=1e-7)
