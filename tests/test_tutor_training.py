"""What the tutor says of a training loop, and the task on which it judges it."""

import math

import numpy as np
import pytest

import lstm
from lstm import tutor
from lstm.tutor import training
from lstm.tutor.calls import LIMIT
from lstm.tutor.verdict import Finding

HINT = "In which direction does the loss fall, and which weights does it depend on?"


def judged(function, **options):
    (finding,) = tutor.part("training", function, **options).findings
    return finding


def wrong(says, *details, name=""):
    return Finding("training", "wrong", says, details, hint=HINT, mistakes=(name,) * bool(name))


def test_right_training_has_no_mistake():
    finding = judged(descent)
    says = "it has learnt: the mean squared error falls from 0.30 to 0.03"
    assert (finding.status, finding.says, finding.mistakes) == ("right", says, ())


def descent(batches, W, w, rate):
    """Gradient descent."""
    for X, y in batches:
        dW, dw = gradients(X, y, W, w)
        W, w = W - rate * dW, w - rate * dw
    return W, w


def gradients(X, y, W, w):
    """Those of half the mean squared error."""
    F = lstm.forward(X, W)
    error = (F.Hn @ w - y) / len(y)
    return lstm.backward(None, F.cache, dHn=np.outer(error, w)).dWLSTM, F.Hn.T @ error


# The task.


def test_the_first_number_is_marked_and_asked_for():
    [(X, y), (other, _)] = training.batches(2, n=3, b=2000, seed=4)
    assert X.shape == other.shape == (3, 2000, 2)
    numbers, marks = np.moveaxis(X, -1, 0)
    for drawn in (*numbers, y):
        assert -1 <= drawn.min() < -0.99
        assert 0.99 < drawn.max() <= 1
    np.testing.assert_array_equal(marks, np.broadcast_to([[1], [0], [0]], marks.shape))
    np.testing.assert_array_equal(y, numbers[0])
    assert not np.shares_memory(X, y)
    assert not (other == X).all(axis=2).any()


def test_batches_depend_on_their_seed():
    [(X, y)] = training.batches(1)
    assert (X.shape, y.shape) == ((6, 32, 2), (32,))
    np.testing.assert_array_equal(training.batches(2, n=6, b=32, seed=0)[0][0], X)
    assert (training.batches(1, seed=1)[0][0][:, :, 0] != X[:, :, 0]).all()


def test_the_error_is_that_of_five_other_batches():
    rng = np.random.default_rng(0)
    W, w = lstm.init(2, 3, rng=rng), rng.standard_normal(3)
    found = [(lstm.forward(X, W).Hn @ w, y) for X, y in training.batches(5, seed=99)]
    answers, wanted = np.concatenate(found, axis=1)
    assert training.error(W, w) == pytest.approx(((answers - wanted) ** 2).mean(), rel=1e-12)
    assert training.GOAL == 0.1


# What a loop is given.


def test_what_a_loop_is_given():
    given = []
    judged(lambda *arguments: given.extend(arguments))
    batches, W, w, rate = given
    assert len(batches) == 200
    assert [X.shape for X, _ in batches] == 200 * [(6, 32, 2)]
    assert (W.shape, w.shape, rate) == ((1 + 2 + 8, 4 * 8), (8,), 0.3)
    assert abs(w.std() * np.sqrt(8) - 1) < 0.5
    np.testing.assert_array_equal(W, lstm.init(2, 8, rng=np.random.default_rng(1)))


@pytest.mark.parametrize(("options", "limit"), [({}, LIMIT), ({"limit": 2.0}, 2.0)])
def test_a_loop_may_take_three_times_as_long_as_a_call(monkeypatch, options, limit):
    limits, call = [], training.call

    def spy(*arguments, limit):
        limits.append(limit)
        return call(*arguments, limit=limit)

    monkeypatch.setattr(training, "call", spy)
    training.training(lambda batches, W, w, rate: (W + 1, w), **options)
    assert limits == [3 * limit, limit]


# What is said.


def unwritten(*_):
    raise NotImplementedError


@pytest.mark.parametrize("function", [unwritten, lambda *_: None])
def test_what_is_not_written(function):
    assert judged(function) == Finding("training", "unwritten", "write it, then check again")


def test_a_right_loop_learns():
    finding = judged(descent)
    assert (finding.status, finding.details, finding.mistakes) == ("right", (), ())
    assert finding.says.startswith("it has learnt: the mean squared error falls from 0.")


SHAPES = "W and w have shapes {} and {}, expected (11, 32) and (8,)"
WORTHLESS = [
    (lambda *_: 1 / 0, "raises ZeroDivisionError: division by zero"),
    (lambda *_: 5, "returns something else than (W, w)"),
    (lambda _, W, w, rate: (W, w, w), "returns something else than (W, w)"),
    (lambda _, W, w, rate: ("W", w), "returns something else than (W, w)"),
    (lambda _, W, w, rate: (W.T, w), SHAPES.format((32, 11), (8,))),
    (lambda _, W, w, rate: (W, w[:3]), SHAPES.format((11, 32), (3,))),
]


@pytest.mark.parametrize(("function", "says"), WORTHLESS, ids=range(len(WORTHLESS)))
def test_what_is_returned_is_no_weights(function, says):
    finding = judged(function)
    assert finding == wrong(finding.says)
    assert finding.says.partition(" (line")[0] == says


UNCHANGED = [
    (lambda _, W, w, rate: (W, w), "Neither the LSTM nor the readout has changed",
     "nothing trained", "`W` stays; `w` stays"),
    (lambda _, W, w, rate: (W, w - 1), "Only the readout `w` has changed: `W` must learn, too",
     "LSTM not trained", "`W` stays; `w` goes in another direction than its gradient"),
    (lambda _, W, w, rate: (W - 1, w), "Only the LSTM `W` has changed: `w` must learn, too",
     "readout not trained", "`W` goes in another direction than its gradient; `w` stays"),
]  # fmt: skip


@pytest.mark.parametrize(("function", "says", "name", "goes"), UNCHANGED)
def test_weights_that_have_not_changed(function, says, name, goes):
    assert judged(function) == wrong(says, f"after one batch alone: {goes}", name=name)


def elsewhere(batches, W, w, rate):
    """Other weights, and with one batch nothing."""
    return (W + 1, w + 1) if len(batches) > 1 else None


GROWS = "The error grows: the step goes up the gradient, or is far too long"
ERRORS = [
    (0.1, Finding("training", "right", "it has learnt: the mean squared error falls from 1.00 to "
                  "0.10")),
    (0.11, wrong("The mean squared error is 0.11, expected below 0.1")),
    (10.0, wrong("The mean squared error is 10.00, expected below 0.1")),
    (10.01, wrong(GROWS, name="error grows")),
    (math.inf, wrong(GROWS, name="error grows")),
    (math.nan, wrong(GROWS, name="error grows")),
]  # fmt: skip


@pytest.mark.parametrize(("after", "finding"), ERRORS, ids=lambda x: str(x)[:5])
def test_an_error_that_has_not_fallen(monkeypatch, after, finding):
    """Where the error was 1."""
    errors = iter([1.0, after, after])
    monkeypatch.setattr(training, "error", lambda W, w: next(errors))
    assert judged(elsewhere) == finding


def test_weights_that_are_changed_in_place(monkeypatch):
    errors = iter([1.0, 0.05])
    monkeypatch.setattr(training, "error", lambda W, w: next(errors))

    def in_place(_, W, w, rate):
        w += 1
        return W + 1, w

    says = "W or w is changed in place: work on copies"
    name = "weights changed in place"
    assert judged(in_place) == Finding("training", "wrong", says, mistakes=(name,))


# Where the first step goes.


def towards(gradient, cosine):
    """A step of length 1 at an angle to a gradient."""
    along = gradient / np.linalg.norm(gradient)
    across = np.random.default_rng(0).standard_normal(along.shape)
    across -= (across * along).sum() * along
    return cosine * along + np.sqrt(1 - cosine**2) * across / np.linalg.norm(across)


OTHER = "in another direction than its gradient"
WAYS = [
    (1, "up its gradient", "down its gradient"),
    (0.996, "up its gradient", "down its gradient"),
    (0.994, OTHER, OTHER),
    (0, OTHER, OTHER),
    (-0.994, OTHER, OTHER),
    (-0.996, "down its gradient", "up its gradient"),
]


@pytest.mark.parametrize(("cosine", "of_W", "of_w"), WAYS)
@pytest.mark.parametrize("length", [1e-3, 3])
def test_the_first_step_has_a_direction(cosine, of_W, of_w, length):
    def goes(batches, W, w, rate):
        dW, dw = gradients(*batches[0], W, w)
        return W + length * towards(dW, cosine), w + length * towards(dw, -cosine)

    said = f"after one batch alone: `W` goes {of_W}; `w` goes {of_w}"
    assert judged(goes).details == (said,)


@pytest.mark.parametrize(
    "alone", [lambda W, w: None, lambda W, w: (W, w, w), lambda W, w: (W, "w"),
              lambda W, w: (W.T, w), lambda W, w: 1 / 0],
)  # fmt: skip
def test_of_a_loop_that_fails_with_one_batch_no_direction_is_told(alone):
    def fails(batches, W, w, rate):
        return (W, w + 1) if len(batches) > 1 else alone(W, w)

    finding = judged(fails)
    assert (finding.mistakes, finding.details) == (("LSTM not trained",), ())
