"""Training: gradients against the oracle, Optax's steps, resuming, and tasks that are learnt."""

import io
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import freeze, refused

import lstm
from lstm import gradcheck, network, scan, stack, tasks, train

ADAM = optax.adam(0.01)


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


def test_dtypes_are_kept():
    for dtype in (np.float32, np.float64):
        params, batch = problem(dtype=dtype)
        for loss in (train.squared_error, train.cross_entropy):
            _, answers, grads = train.gradients(params, batch, loss)
            assert {a.dtype for a in (answers, *grads.values())} == {np.dtype(dtype)}
    assert {a.dtype for a in train.init(2, 3, 1).values()} == {np.dtype(np.float32)}


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


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize(
    "tree", [lambda a: {"a": a}, lambda a: [a], lambda a: {"layers": [a]}, lambda a: (a, {"b": a})]
)
def test_parameters_of_another_network_may_be_any_tree(tree, dtype):
    """States are carried from batch to batch, and the precision is that of the arrays."""

    def gradients(params, batch, loss, c0=0, h0=0):
        return [c0 + h0, batch, jax.tree.map(lambda a: 2 * a, params), c0 + 1, h0 + 10]

    start = np.array([1, 1 / 3 + 0.1j] if np.dtype(dtype).kind == "c" else [1, 1 / 3], dtype)
    updates = list(train.fit(tree(start), "xyz", optax.sgd(0.25), gradients=gradients, carry=True))
    assert [(u.loss, u.Cn, u.Hn) for u in updates] == [(0, 1, 10), (11, 2, 20), (22, 3, 30)]
    for got in jax.tree.leaves(updates[-1].params):
        np.testing.assert_allclose(got, start / 8, rtol=np.finfo(dtype).eps, strict=True)


def test_there_may_be_more_sequences_than_steps():
    params, batch = problem()
    some = tasks.Batch(batch.X[:2], batch.Y[:2], np.ones((2, 4), bool), np.full(4, 2))
    want = plainly(train.squared_error, some)(**params)
    assert train.run(params, some).loss == pytest.approx(want, rel=1e-13)


def test_an_optimiser_is_compiled_once_for_all_runs_that_use_it():
    params, batch = problem(dtype=np.float32)
    adam, traced = optax.adam(0.01), []

    def update(grads, state, params=None):
        traced.append(None)
        return adam.update(grads, state, params)

    counted = optax.GradientTransformation(adam.init, update)
    runs = [list(train.fit(params, [batch] * 3, counted))[-1].params for _ in range(3)]
    assert len(traced) == 1
    *_, plain = train.fit(params, [batch] * 3, optax.adam(0.01))
    for run in runs:
        np.testing.assert_array_equal(run["WLSTM"], plain.params["WLSTM"])


def test_an_optimiser_that_cannot_be_a_key_works_as_well():
    class Listed(list):
        """Not hashable, but with the two methods that count."""

        init, update = staticmethod(ADAM.init), staticmethod(ADAM.update)

    params, batch = problem(dtype=np.float32)
    *_, got = train.fit(params, [batch] * 3, Listed())
    *_, want = train.fit(params, [batch] * 3, ADAM)
    np.testing.assert_array_equal(got.params["WLSTM"], want.params["WLSTM"])


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


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
@pytest.mark.parametrize("layers", [None, 2])
@pytest.mark.parametrize("loss", [train.squared_error, train.cross_entropy])
def test_what_does_not_count_changes_no_bit(loss, layers, bad):
    """Neither the padding of X nor targets that are not asked for change anything."""
    n, lengths = 6, np.array([2, 6, 0, 5])
    _, batch = problem(dtype=np.float32)
    params = train.init(2, 5, 3, layers=layers, rng=0)
    inside = np.arange(n)[:, None] < lengths
    where = batch.where & inside
    where[4, 3] = False
    clean = tasks.Batch(np.where(inside[..., None], batch.X, 0), batch.Y, where, lengths)
    dirty = clean._replace(
        X=np.where(inside[..., None], batch.X, np.float32(bad)),
        Y=np.where(where[..., None], batch.Y, np.float32(bad)),
    )
    want = train.run(params, clean, loss)
    with np.errstate(all="raise"):
        got = train.run(params, dirty, loss)
    leaves = [jax.tree.leaves(result._replace(answers=0)) for result in (got, want)]
    for a, b in zip(*leaves, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(got.answers[inside], want.answers[inside])
    assert np.isfinite(got.loss)


def test_nan_in_a_target_that_counts_is_seen():
    params, batch = problem()
    Y = batch.Y.copy()
    Y[-1, 0, 0] = np.nan  # asked for
    value, _, grads = train.gradients(params, batch._replace(Y=Y))
    assert np.isnan(value)
    assert np.isnan(grads["WLSTM"]).any()


def test_a_stack_of_one_is_the_one_matrix():
    params, batch = problem()
    batch = batch._replace(lengths=np.array([6, 6, 6, 6]))
    stacked = {"layers": (stack.Layer(params["WLSTM"]),), "WOUT": params["WOUT"]}
    want, got = train.run(params, batch), train.run(stacked, batch)
    assert got.loss == want.loss
    np.testing.assert_array_equal(got.grads["layers"][0].forward, want.grads["WLSTM"])
    np.testing.assert_array_equal(got.grads["WOUT"], want.grads["WOUT"])
    np.testing.assert_array_equal(got.Cn[0][0], want.Cn)


@pytest.mark.parametrize("loss", [train.squared_error, train.cross_entropy])
@pytest.mark.parametrize("last", [False, True])
def test_gradients_of_a_stack_against_jax(loss, last):
    """A mean loss is too large for central differences of its smallest gradients."""
    _, batch = problem()
    layers = stack.init(2, [4, 3], bidirectional=True, rng=0)
    WOUT = np.random.default_rng(1).standard_normal((7, 3))
    lengths = np.array([2, 6, 1, 5])
    if last:
        batch = tasks.Batch(batch.X, batch.Y[0], np.array([True, False, True, True]), lengths)
    else:
        where = batch.where & (np.arange(6)[:, None] < lengths)
        batch = batch._replace(where=where, lengths=lengths)

    def parameters(WOUT, **W):
        return {"layers": [stack.Layer(W["f0"], W["b0"]), stack.Layer(W["f1"], W["b1"])],
                "WOUT": WOUT}  # fmt: skip

    (f0, b0), (f1, b1) = layers
    inputs = {"WOUT": WOUT, "f0": f0, "b0": b0, "f1": f1, "b1": b1}
    grads = train.gradients(parameters(**inputs), batch, loss, last=last)[2]
    (df0, db0), (df1, db1) = grads["layers"]

    @jax.jit
    def mean_loss(WOUT, **W):
        layers = parameters(WOUT, **W)["layers"]
        Hout, _, Hn = scan.stack(batch.X, layers, lengths=lengths)
        answers = (jnp.concatenate(list(Hn[-1]), axis=-1) if last else Hout) @ WOUT[1:] + WOUT[0]
        losses = (
            ((answers - batch.Y) ** 2).sum(axis=-1) / 2
            if loss is train.squared_error
            else -(batch.Y * jax.nn.log_softmax(answers)).sum(axis=-1)
        )
        return jnp.where(batch.where, losses, 0).sum() / batch.where.sum()

    derived = {"WOUT": grads["WOUT"], "f0": df0, "b0": db0, "f1": df1, "b1": db1}
    with jax.enable_x64(True):
        report = gradcheck.check(mean_loss, inputs, np.asarray(1.0), derived, oracle="jax")
        report.raise_if_failed()
        value = float(mean_loss(**inputs))
    assert abs(value - train.run(parameters(**inputs), batch, loss, last=last).loss) < 1e-12


def test_float64_stays_float64_without_being_asked():
    assert not jax.config.jax_enable_x64
    params, batch = problem(dtype=np.float64)
    rate = optax.cosine_decay_schedule(0.1, 9)
    rule = optax.chain(optax.clip_by_global_norm(0.1), optax.adam(rate))
    for update in train.fit(params, [batch] * 3, rule):
        assert {a.dtype for a in update.params.values()} == {np.dtype(np.float64)}
        floats = [np.asarray(leaf) for leaf in jax.tree.leaves(update.state)]
        assert {leaf.dtype for leaf in floats if leaf.dtype.kind == "f"} == {np.dtype(np.float64)}
    assert not jax.config.jax_enable_x64
    (one,) = train.fit(params, [batch], optax.sgd(0.1))
    grads = train.gradients(params, batch)[2]
    for name, array in params.items():
        np.testing.assert_allclose(one.params[name], array - 0.1 * grads[name], rtol=0, atol=1e-16)
    narrow, batch = problem(dtype=np.float32)
    (one,) = train.fit(narrow, [batch], optax.adam(0.1))
    assert {np.asarray(leaf).dtype for leaf in jax.tree.leaves((one.params, one.state))} == {
        np.dtype(np.float32), np.dtype(np.int32)
    }  # fmt: skip


def letters(rng, b=3, n=7, K=4, dtype=np.float32):
    """Consecutive pieces of text."""
    X, Y = (np.eye(K, dtype=dtype)[rng.integers(K, size=(n, b))] for _ in range(2))
    return tasks.Batch(X, Y, rng.random((n, b)) < 0.8, np.full(b, n))


RULES = {
    "adam": lambda: optax.adam(0.01),
    "clipped, with momentum": lambda: optax.chain(
        optax.clip_by_global_norm(0.5), optax.sgd(0.1, momentum=0.9, nesterov=True)
    ),
    "a schedule": lambda: optax.adamw(optax.cosine_decay_schedule(0.01, 20)),
}


@pytest.mark.parametrize(
    ("layers", "rule", "dtype"),
    [
        (None, "adam", np.float32),
        (2, "adam", np.float64),
        (2, "clipped, with momentum", np.float32),
        (None, "a schedule", np.float64),
    ],
)
def test_a_run_resumed_from_a_file_is_the_run_to_the_bit(layers, rule, dtype):
    start = train.init(4, 5, 4, layers=layers, rng=0, dtype=dtype)
    batches = [letters(np.random.default_rng(k), dtype=dtype) for k in range(20)]
    drop = {"dropout": 0.3} if layers else {}

    def go(params, batches, rng, **more):
        if drop:
            more |= {"rng": rng}
        rules = RULES[rule](), train.cross_entropy
        return list(train.fit(params, batches, *rules, carry=True, **drop, **more))

    straight = go(start, batches, np.random.default_rng(9))
    rng = np.random.default_rng(9)
    half = go(start, batches[:10], rng)[-1]

    leaves, tree = jax.tree.flatten((half.params, half.state, half.Cn, half.Hn))
    file = io.BytesIO()
    np.savez(file, *leaves)
    file.seek(0)
    with np.load(file, allow_pickle=False) as stored:
        params, state, c, h = jax.tree.unflatten(tree, list(stored.values()))
    fresh = np.random.default_rng()
    fresh.bit_generator.state = rng.bit_generator.state

    resumed = go(params, batches[10:], fresh, state=state, c0=c, h0=h)
    assert [u.loss for u in resumed] == [u.loss for u in straight[10:]]
    for got, want in zip(jax.tree.leaves(resumed[-1]), jax.tree.leaves(straight[-1]), strict=True):
        assert np.asarray(got).tobytes() == np.asarray(want).tobytes()


@pytest.mark.parametrize("part", [1, 7, 64, 65])
def test_carried_states_are_those_of_one_long_sequence(part):
    params = train.init(4, [5, 3], 4, rng=0, dtype=np.float64)
    whole = letters(np.random.default_rng(0), n=3 * part, dtype=np.float64)
    thirds = [
        tasks.Batch(*(array[start : start + part] for array in whole[:3]), np.full(3, part))
        for start in (0, part, 2 * part)
    ]
    updates = list(train.fit(params, thirds, optax.sgd(0.0), carry=True))
    want = train.run(params, whole)
    np.testing.assert_allclose(
        np.concatenate([u.answers for u in updates]), want.answers, rtol=0, atol=1e-14
    )
    for got, state in zip((*updates[-1].Cn, *updates[-1].Hn), (*want.Cn, *want.Hn), strict=True):
        np.testing.assert_allclose(got, state, rtol=0, atol=1e-14)
    apart = list(train.fit(params, thirds, optax.sgd(0.0)))
    assert abs(apart[2].answers - updates[2].answers).max() > 1e-3
    given = {"c0": updates[0].Cn, "h0": updates[0].Hn}
    again = list(train.fit(params, thirds[1:], optax.sgd(0.0), **given))
    np.testing.assert_array_equal(again[0].answers, updates[1].answers)
    assert abs(again[1].answers - updates[2].answers).max() > 1e-3


def test_a_stack_learns_what_stands_at_the_end_of_each_sequence():
    """Which of two symbols came first? Sequences of different lengths, answered once each."""

    def draw(rng):
        lengths = rng.integers(3, 9, size=16)
        X = rng.standard_normal((8, 16, 2)).astype(np.float32)
        X[np.arange(8)[:, None] >= lengths] = np.nan
        Y = np.eye(2, dtype=np.float32)[(X[0, :, 0] > 0).astype(int)]
        return tasks.Batch(X, Y, np.ones(16, bool), lengths)

    params = train.init(2, [8, 8], 2, bidirectional=True, rng=0, forget_bias=1)
    rule = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(0.02))
    losses = []
    steps = train.fit(params, tasks.stream(draw, rng=1), rule, train.cross_entropy, last=True,
                      dropout=0.1, rng=np.random.default_rng(2))  # fmt: skip
    for update in steps:
        losses.append(update.loss)
        if len(losses) == 200:
            break
    assert update.answers.shape == (16, 2)
    assert losses[0] > 0.6
    assert np.mean(losses[-20:]) < 0.2


P4, B4 = problem(dtype=np.float32)
INTS = B4.where.astype(int)
LATE = B4._replace(lengths=np.array([6, 5, 6, 6]), where=np.ones((6, 4), bool))
LATER = B4._replace(lengths=np.array([6, 5, 4, 6]), where=np.ones((6, 4), bool))
NAN = B4.X.copy()
NAN[2, 1] = [np.nan, 3]
SPOILT = B4._replace(  # what is behind an end does not count
    X=B4.X.copy(), lengths=np.array([2, 6, 6, 6]),
    where=np.arange(6)[:, None] < np.array([2, 6, 6, 6]),
)  # fmt: skip
SPOILT.X[3, 0] = SPOILT.X[5, 1] = np.inf
SPOILT.X[4, 2] = [3, -np.inf]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"where": INTS}, TypeError,
         "batch.where: expected dtype bool, got int64: where != 0 is such a mask"),
        ({"where": INTS.astype("f4")}, TypeError,
         "batch.where: expected dtype bool, got float32: where != 0 is such a mask"),
        ({"where": B4.where[:, 0]}, ValueError,
         "batch.where: expected shape (6, 4), got (6,)"),
        ({"where": B4.where & False}, ValueError,
         "batch.where: expected at least one True, got none: nothing is asked for"),
        ({"where": None}, TypeError, "batch.where: expected an array, got None"),
        ({"Y": B4.Y[..., 0]}, ValueError,
         "batch.Y: expected shape (6, 4, 3), as the answers, got (6, 4): "
         "each row needs an axis with its K = 3 numbers"),
        ({"Y": B4.Y.argmax(-1)}, ValueError,
         "batch.Y: expected shape (6, 4, 3), as the answers, got (6, 4): "
         "np.eye(3)[Y] makes rows of class indices"),
        ({"Y": B4.Y[..., :1]}, ValueError,
         "batch.Y: expected shape (6, 4, 3), as the answers, got (6, 4, 1)"),
        ({"Y": B4.Y[0]}, ValueError,
         "batch.Y: expected shape (6, 4, 3), as the answers, got (4, 3)"),
        ({"Y": B4.Y[0], "where": B4.where[-1]}, ValueError,
         "batch.Y: expected shape (n, b, K) = (6, 4, 3), got (4, 3): "
         "with last=True there is one answer for each sequence"),
        ({"Y": B4.Y.astype("f8")}, TypeError,
         "batch.Y: expected dtype float32, as the answers, got float64"),
        ({"Y": B4.Y.astype(int)}, TypeError,
         "batch.Y: expected dtype float32, as the answers, got int64"),
        ({"X": B4.X.astype("f8")}, TypeError,
         "batch.X: expected dtype float32, as in the weights, got float64"),
        ({"X": B4.X[..., :1]}, ValueError,
         "batch.X: expected shape (n, b, D) = (any, any, 2), got (6, 4, 1)"),
        ({"X": B4.X[:5]}, ValueError,
         "batch.lengths: expected numbers from 0 to n = 5, got [6, 6, 6, 6]"),
        ({"X": NAN}, ValueError,
         f"batch.X: expected finite numbers up to a sequence's end, got {NAN[2, 1]} at "
         "step 2 of sequence 1, which has 6 steps"),
        ({"lengths": None}, TypeError, "batch.lengths: expected integers, got None"),
        ({"lengths": [6, 6]}, ValueError,
         "batch.lengths: expected shape (b,) = (4,), got (2,)"),
        ({"lengths": np.full(4, 6.0)}, TypeError,
         "batch.lengths: expected integers, got dtype float64"),
        (SPOILT._asdict(), ValueError,
         "batch.X: expected finite numbers up to a sequence's end, got [  3. -inf] at "
         "step 4 of sequence 2, which has 6 steps"),
        (LATER._asdict(), ValueError,
         "batch.where: expected no answer asked for after a sequence's end, got one at "
         "step 4 of sequence 2, which has 4 steps"),
        (LATER._replace(where=LATER.where & (np.arange(6)[:, None] != 4))._asdict(), ValueError,
         "batch.where: expected no answer asked for after a sequence's end, got one at "
         "step 5 of sequence 1, which has 5 steps"),
        (LATE._asdict(), ValueError,
         "batch.where: expected no answer asked for after a sequence's end, got one at "
         "step 5 of sequence 1, which has 5 steps"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("layers", [False, True])
def test_a_bad_batch_is_named(change, error, message, layers):
    params = {"layers": [stack.Layer(P4["WLSTM"])], "WOUT": P4["WOUT"]} if layers else P4
    with refused(error, message):
        train.gradients(params, B4._replace(**change))
    with refused(error, message):
        next(iter(train.fit(params, [B4._replace(**change)], optax.sgd(0.1))))


def ours(**wrong):
    """A gradient function that returns something wrong."""

    def gradients(params, batch, loss):
        return tuple({"loss": 1.0, "answers": 0, "grads": {"a": np.ones(2)}, **wrong}.values())

    return gradients


TREE = "gradients: expected a tree like the parameters, PyTreeDef({'a': *}), got PyTreeDef("
A = {"a": np.ones(2)}
SGD, MOMENTUM = optax.sgd(0.1), optax.sgd(0.1, momentum=0.9)


def state_of(rule):
    """The tree of a rule's state for these weights, without calculating any."""
    return jax.tree.structure(jax.eval_shape(rule.init, P4))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: train.run(P4, tuple(B4)), TypeError,
         "batch: expected a Batch of X, Y, where and lengths, got a tuple"),
        (lambda: train.run(P4["WLSTM"], B4), TypeError,
         "params: expected WLSTM and WOUT, or layers and WOUT in a dictionary, got a ndarray"),
        (lambda: train.fit(P4["WLSTM"], [B4], SGD), TypeError,
         "params: expected WLSTM and WOUT, or layers and WOUT in a dictionary, got a ndarray"),
        (lambda: train.fit(P4, B4, SGD), TypeError,
         "batches: expected batches in a list or generator, got a Batch"),
        (lambda: train.fit(P4, [B4], SGD, loss="mse"), TypeError,
         "loss: expected a function such as lstm.losses.squared_error, got 'mse'"),
        (lambda: train.fit(P4, [B4], 0.1), TypeError,
         "optimizer: expected one of Optax, such as optax.adam(1e-2), got a float"),
        (lambda: train.fit(train.init(2, 3, 3, bidirectional=True), [B4], SGD, carry=True),
         ValueError, "carry: expected layers that read forward alone, as a backward direction "
         "ends where the batch begins"),
        (lambda: next(train.fit(P4, [B4], SGD, gradients=train.gradients, carry=True)),
         ValueError, "carry: expected gradients that return Cn and Hn, too"),
        (lambda: next(train.fit(A, "x", SGD, gradients=ours(grads={"b": np.ones(2)}))),
         ValueError, TREE + "{'b': *})"),
        (lambda: next(train.fit(A, "x", SGD, gradients=ours(grads={"a": np.ones(3)}))),
         ValueError, "gradients: expected shapes like the parameters, [(2,)], got [(3,)]"),
        (lambda: next(train.fit(A, "x", SGD, gradients=ours(loss=np.ones(2)))),
         ValueError, "gradients: expected a loss that is one number, got shape (2,)"),
        (lambda: next(train.fit(A, "x", SGD, gradients=lambda *_: 3.0)), TypeError,
         "gradients: expected (loss, answers, gradients), got a float"),
        *((lambda more=more: next(train.fit(A, "x", SGD, gradients=lambda *_: (1.0,) * more)),
           TypeError, "gradients: expected (loss, answers, gradients), got a tuple")
          for more in (2, 4, 6)),
        (lambda: next(train.fit(A, "x", SGD, gradients=ours(grads={"a": np.ones(1)}))),
         ValueError, "gradients: expected shapes like the parameters, [(2,)], got [(1,)]"),
        (lambda: train.fit(P4, [B4], SGD, gradients="run"), TypeError,
         "gradients: expected a function such as lstm.train.run, got 'run'"),
        (lambda: train.fit(P4, [B4], SimpleNamespace(init=1)), TypeError,
         "optimizer: expected one of Optax, such as optax.adam(1e-2), got a SimpleNamespace"),
        (lambda: train.fit(P4, [B4], SimpleNamespace(update=1)), TypeError,
         "optimizer: expected one of Optax, such as optax.adam(1e-2), got a SimpleNamespace"),
        (lambda: train.fit(P4, 3, SGD), TypeError,
         "batches: expected batches in a list or generator, got a int"),
        (lambda: train.fit(A, "x", MOMENTUM, gradients=ours(), state=MOMENTUM.init(
            {"a": np.ones(3)})), ValueError,
         "state: expected shapes like the optimiser's state, [(2,)], got [(3,)]"),
        (lambda: train.fit(P4, [B4], SGD, state=optax.adam(0.1).init(P4)), ValueError,
         f"state: expected a tree like the optimiser's state, {state_of(SGD)}, "
         f"got {state_of(optax.adam(0.1))}"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(call, error, message):
    with refused(error, message):
        call()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("carry", [False, True])
@pytest.mark.parametrize("b", [1, 4])
@pytest.mark.parametrize("layers", [None, 2])
def test_every_update_is_a_run_and_a_step_downhill(layers, b, carry, dtype):
    params = network.init(2, 3, 1, layers=layers, rng=0, dtype=dtype)
    batches = [tasks.recall(5, b, rng=k, dtype=dtype) for k in range(25)]
    freeze(*jax.tree.leaves(params))
    before, ends = params, {}
    for update in train.fit(params, batches, optax.sgd(0.1), carry=carry):
        loss, answers, grads, *want = train.run(before, update.batch, **ends)
        down = jax.tree.map(lambda old, slope: old - dtype(0.1) * slope, before, grads)
        got = update.answers, update.Cn, update.Hn, update.params
        assert update.loss == loss
        for one, two in zip(*map(jax.tree.leaves, (got, (answers, want, down))), strict=True):
            np.testing.assert_allclose(one, two, rtol=10 * np.finfo(dtype).eps, strict=True)
        before = update.params
        ends = dict(zip(("c0", "h0"), want, strict=True)) if carry else {}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_optimiser_computes_in_the_precision_of_the_weights(dtype):
    (params, batch), rule = problem(dtype=dtype), optax.adam(0.01)

    @jax.jit
    def advance(grads, state, params):
        change, state = rule.update(grads, state, params)
        return optax.apply_updates(params, change), state

    want, state = params, None
    for update in train.fit(params, [batch] * 5, rule):
        with jax.enable_x64(dtype == np.float64):
            state = state or rule.init(params)
            want, state = advance(train.run(want, batch).grads, state, want)
        for one, two in zip(jax.tree.leaves(update.params), jax.tree.leaves(want), strict=True):
            np.testing.assert_array_equal(one, two, strict=True)


@pytest.mark.parametrize("layers", [None, 2])
def test_states_that_are_given_are_those_of_every_batch_unless_they_are_carried(layers):
    params = network.init(2, 3, 1, layers=layers, rng=0, dtype=float)
    drawn = np.random.default_rng(1).standard_normal((2, 4, 3))
    c0, h0 = drawn if layers is None else ([part[None], None] for part in drawn)
    batches = [tasks.adding(20, 4, rng=k, dtype=float) for k in range(4)]
    updates = list(train.fit(params, batches, optax.sgd(0.1), c0=c0, h0=h0))
    for update, before in zip(updates, [params, *(u.params for u in updates)], strict=False):
        want = train.run(before, update.batch, c0=c0, h0=h0)
        assert update.loss == want.loss
        np.testing.assert_array_equal(update.answers, want.answers)
