"""Training: gradients against the oracle, Optax's steps, and one task that is learnt."""

import numpy as np
import optax
import pytest

import lstm
from lstm import gradcheck, tasks, train


def problem(seed=0, K=3, dtype=np.float64):
    """Parameters without zeros and a batch of three lengths, answers asked for here and there."""
    n, b, D, H = 6, 4, 2, 5
    rng = np.random.default_rng(seed)
    params = train.init(D, H, K, rng=rng, dtype=dtype)
    params = {
        name: (a + 0.3 * rng.standard_normal(a.shape)).astype(dtype) for name, a in params.items()
    }
    where = rng.random((n, b)) < 0.5
    where[-1, 0] = True
    Y = np.abs(rng.standard_normal((n, b, K)))
    Y /= Y.sum(axis=-1, keepdims=True)
    X = rng.standard_normal((n, b, D))
    return params, tasks.Batch(X.astype(dtype), Y.astype(dtype), where, np.full(b, n))


def plainly(loss, batch):
    """The loss as a function of the two parameters alone, written out anew."""

    def value(WLSTM, WOUT):
        Hout = lstm.forward(batch.X.astype(WLSTM.dtype), WLSTM).Hout
        ones = np.ones((*Hout.shape[:2], 1))
        answers = np.concatenate([ones, Hout], axis=-1) @ WOUT
        if loss is train.squared_error:
            losses = ((answers - batch.Y) ** 2).sum(axis=-1) / 2
        else:
            losses = np.log(np.exp(answers).sum(axis=-1)) - (batch.Y * answers).sum(axis=-1)
        return losses[batch.where].mean()

    return value


@pytest.mark.parametrize("loss", [train.squared_error, train.cross_entropy])
@pytest.mark.parametrize("seed", range(3))
def test_gradients_against_the_complex_step(loss, seed):
    params, batch = problem(seed)
    value, answers, grads = train.gradients(params, batch, loss)
    function = plainly(loss, batch)

    def complex_function(WLSTM, WOUT):
        dtype = np.result_type(WLSTM, WOUT)
        return np.asarray(function(WLSTM.astype(dtype), WOUT.astype(dtype)))

    report = gradcheck.check(complex_function, params, np.asarray(1.0), grads, oracle="complex")
    assert report.raise_if_failed().passed
    assert value == pytest.approx(function(**params), rel=1e-13)
    np.testing.assert_array_equal(
        answers, train.answer(params, lstm.forward(batch.X, params["WLSTM"]).Hout)
    )


@pytest.mark.parametrize("loss", [train.squared_error, train.cross_entropy])
def test_what_is_not_asked_for_does_not_count(loss):
    params, batch = problem()
    Y = np.where(batch.where[..., None], batch.Y, 77.0)
    want, got = (train.gradients(params, b, loss) for b in (batch, batch._replace(Y=Y)))
    assert got[0] == want[0]
    for name in params:
        np.testing.assert_array_equal(got[2][name], want[2][name])


@pytest.mark.parametrize("loss", [train.squared_error, train.cross_entropy])
def test_padding_changes_nothing(loss):
    """Sequences alone, each of its own length, and together in one padded batch."""
    params, batch = problem()
    lengths = np.array([2, 6, 3, 5])
    where = np.arange(6)[:, None] < lengths
    X = np.where(where[..., None], batch.X, 0)
    _, _, together = train.gradients(params, tasks.Batch(X, batch.Y, where, lengths), loss)
    alone = {name: 0 for name in params}
    for k, length in enumerate(lengths):
        piece = tasks.Batch(
            X[:length, k : k + 1], batch.Y[:length, k : k + 1],
            np.ones((length, 1), bool), lengths[k : k + 1],
        )  # fmt: skip
        grads = train.gradients(params, piece, loss)[2]
        for name in params:
            alone[name] = alone[name] + grads[name] * length / lengths.sum()
    for name in params:
        np.testing.assert_allclose(together[name], alone[name], rtol=0, atol=1e-13)


def test_losses_are_those_of_optax():
    _, batch = problem()
    answers = np.random.default_rng(1).standard_normal(batch.Y.shape).astype(np.float32)
    Y = batch.Y.astype(np.float32)
    np.testing.assert_allclose(
        train.cross_entropy(answers, Y)[0], optax.softmax_cross_entropy(answers, Y), rtol=1e-5
    )
    np.testing.assert_allclose(
        train.squared_error(answers, Y)[0], optax.l2_loss(answers, Y).sum(axis=-1), rtol=1e-5
    )


def test_cross_entropy_does_not_overflow():
    loss, gradient = train.cross_entropy(np.array([[[1e30, 0.0]]]), np.array([[[1.0, 0.0]]]))
    assert (loss, gradient.tolist()) == (0, [[[0, 0]]])


def test_dtypes_are_kept():
    for dtype in (np.float32, np.float64):
        params, batch = problem(dtype=dtype)
        for loss in (train.squared_error, train.cross_entropy):
            _, answers, grads = train.gradients(params, batch, loss)
            assert {a.dtype for a in (answers, *grads.values())} == {np.dtype(dtype)}
    assert {a.dtype for a in train.init(2, 3, 1).values()} == {np.dtype(np.float32)}


def test_init_is_that_of_the_package():
    params = train.init(3, 4, 2, forget_bias=1.5, rng=7, dtype=np.float64)
    np.testing.assert_array_equal(params["WLSTM"], lstm.init(3, 4, forget_bias=1.5, rng=7))
    assert (params["WOUT"][0] == 0).all()
    assert abs(train.init(3, 400, 100, rng=0)["WOUT"][1:].std() * 20 - 1) < 0.02


def test_chrono_draws_what_its_paper_says():
    H, longest = 400, 500
    params = {"WLSTM": np.full((1 + H, 4 * H), np.float32(7)), "WOUT": np.zeros((1 + H, 1))}
    rng = np.random.default_rng(0)
    drawn = [np.split(train.chrono(params, longest, rng)["WLSTM"][0], 4) for _ in range(50)]
    i, f, o, g = map(np.concatenate, zip(*drawn, strict=True))
    times = np.exp(f.astype(np.float64))
    assert 1 <= times.min() < 1.2
    assert longest - 2 < times.max() <= (longest - 1) * (1 + 1e-6)
    counts = np.histogram(times, bins=20, range=(1, longest - 1))[0]
    assert abs(counts - len(f) / 20).max() < 5 * np.sqrt(len(f) / 20)
    np.testing.assert_array_equal(i, -f)
    assert (o == 7).all()
    assert (g == 7).all()
    with pytest.raises(ValueError, match=r"^longest: expected more than 2, got 2$"):
        train.chrono(params, 2)


def test_chrono_leaves_the_rest_and_its_argument_alone():
    params = train.init(2, 3, 1, rng=0)
    before = {name: array.copy() for name, array in params.items()}
    after = train.chrono(params, 100, rng=1)
    for name in params:
        np.testing.assert_array_equal(params[name], before[name])
    np.testing.assert_array_equal(after["WLSTM"][1:], before["WLSTM"][1:])
    np.testing.assert_array_equal(after["WOUT"], before["WOUT"])
    assert after["WLSTM"].dtype == np.float32


def test_a_step_is_that_of_the_optimizer():
    params, batch = problem(dtype=np.float32)
    before = {name: array.copy() for name, array in params.items()}
    value, answers, grads = train.gradients(params, batch)
    (update,) = train.fit(params, [batch], optax.sgd(0.5))
    assert update.loss == value
    np.testing.assert_array_equal(update.answers, answers)
    assert update.batch is batch
    for name in params:
        np.testing.assert_allclose(
            update.params[name], before[name] - 0.5 * grads[name], rtol=1e-6, atol=1e-7
        )
        np.testing.assert_array_equal(params[name], before[name])


def test_another_network_can_be_trained():
    def gradients(params, batch, loss):
        return 3.0, batch, {"a": 2 * params["a"]}

    last = list(train.fit({"a": np.ones(2)}, "xy", optax.sgd(0.25), gradients=gradients))[-1]
    assert (last.loss, last.answers, last.params["a"].tolist()) == (3.0, "y", [0.25, 0.25])


def test_a_short_memory_is_learnt():
    """Give back what was read three steps before: impossible without a memory."""
    rng = np.random.default_rng(0)

    def echo(rng):
        X = rng.uniform(-1, 1, (20, 16, 1)).astype(np.float32)
        where = np.ones((20, 16), bool)
        where[:3] = False
        return tasks.Batch(X, np.roll(X, 3, axis=0), where, np.full(16, 20))

    for k, update in enumerate(
        train.fit(train.init(1, 12, 1, rng=1), tasks.stream(echo, rng=rng), optax.adam(0.01))
    ):
        if k == 0:
            first = update.loss
        if k == 500:
            break
    assert update.loss < first / 10


