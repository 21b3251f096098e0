"""Variational dropout: rows of the matrices, the same at every step."""

import numpy as np
import pytest
from helpers import refused

import lstm
from lstm import dropout, gradcheck, network, tasks, train
from lstm.layout import sizes
from lstm.stack import Layer

BATCH = tasks.copy(3, 4, rng=0, length=2, symbols=3, dtype=float)  # D = K = 5
STACK = network.init(5, [6, 4], 5, rng=1, dtype=float)
ONE = network.init(5, 6, 5, rng=2, dtype=float)


def generator(seed=3):
    return np.random.default_rng(seed)


def by_hand(params, factors, X):
    """Outputs are multiplied where they are read: above, at the next step, in the readout."""
    read = X
    for layer, m in zip(params["layers"], factors["layers"], strict=True):
        W, b = layer.forward, X.shape[1]
        D, H = sizes(W)
        above, later = np.split(m.forward[1:].T, [D], axis=1)
        c, h = np.zeros((b, H)), np.zeros((b, H))
        out = []
        for x in read * above:
            c, h = lstm.step(x, W, c, h * later)
            out.append(h)
        read = np.array(out)
    return network.answer(params, read * factors["WOUT"][1:].T)


def test_thin_rows_are_dropped_vectors():
    params, factors = dropout.thin(STACK, generator(), between=0.4, recurrent=0.3)
    got = network.forward(params, BATCH.X).answers
    np.testing.assert_allclose(got, by_hand(STACK, factors, BATCH.X), rtol=1e-12)
    assert not np.allclose(got, network.forward(STACK, BATCH.X).answers)


@pytest.mark.parametrize("params", [STACK, ONE], ids=["stack", "one layer"])
def test_gradients_against_central_differences(params):
    options = {"between": 0.4, "recurrent": 0.3}
    run = dropout.run(params, BATCH, train.cross_entropy, rng=generator(), **options)

    def loss(changed):
        return dropout.run(changed, BATCH, train.cross_entropy, rng=generator(), **options).loss

    zero = []
    for name, W, gradient, rebuilt in matrices(params, run.grads):
        numeric = np.zeros_like(W)
        for place in np.ndindex(W.shape):
            near = []
            for delta in (1e-5, -1e-5):
                changed = W.copy()
                changed[place] += delta
                near.append(loss(rebuilt(changed)))
            numeric[place] = (near[0] - near[1]) / 2e-5
        assert gradcheck.relative_error(gradient, numeric).max() < 1e-6, name
        zero.extend((gradient == 0).all(axis=1))
    assert any(zero)
    assert not all(zero)


def matrices(params, grads):
    """Each matrix, its gradient, and how to put another one in its place."""
    yield "WOUT", params["WOUT"], grads["WOUT"], lambda W: params | {"WOUT": W}
    if "WLSTM" in params:
        yield "WLSTM", params["WLSTM"], grads["WLSTM"], lambda W: params | {"WLSTM": W}
    for k, layer in enumerate(params.get("layers", ())):
        rest = params["layers"]

        def rebuilt(W, k=k, rest=rest):
            return params | {"layers": [*rest[:k], Layer(W), *rest[k + 1 :]]}

        yield f"layers[{k}]", layer.forward, grads["layers"][k].forward, rebuilt


@pytest.mark.parametrize("p", [0.5, 0.95])
def test_biases_and_inputs_stay(p):
    deep = network.init(5, [60, 40, 50, 30], 5, rng=1, dtype=float)
    _, factors = dropout.thin(deep, generator(), between=p, recurrent=p)
    lowest, *others = (m.forward.ravel() for m in factors["layers"])
    assert (lowest[:6] == 1).all()
    for rows in (lowest[6:], *(m[1:] for m in others)):
        assert set(rows.round(9)) == {0, round(1 / (1 - p), 9)}
    assert all(m[0] == 1 for m in others)
    assert factors["WOUT"][0, 0] == 1


class Zeros(np.random.Generator):
    """Draws the least number that a generator can draw."""

    def random(self, size=None, dtype=np.float64, out=None):
        return np.zeros(size, dtype)


def test_what_is_not_to_be_dropped_stays_whatever_is_drawn():
    _, factors = dropout.thin(STACK, Zeros(np.random.PCG64()), between=0.0, recurrent=0.5)
    first, second = (m.forward for m in factors["layers"])
    assert (first[:6] == 1).all()
    assert (first[6:] == 0).all()
    assert (second[:7] == 1).all()
    assert (factors["WOUT"] == 1).all()


def test_the_rates_are_those_asked_for_and_the_mean_stays():
    wide = network.init(1, [4000, 1], 1, rng=0)
    _, factors = dropout.thin(wide, generator(), between=0.25, recurrent=0.5)
    later = factors["layers"][0].forward[2:].ravel()
    above = factors["layers"][1].forward[1:4001].ravel()
    for m, p in ((later, 0.5), (above, 0.25)):
        assert set(m.tolist()) == {0, np.float32(1 / (1 - p))}
        assert abs((m == 0).mean() - p) < 0.03
        assert abs(m.mean() - 1) < 0.06


def test_without_dropout_it_is_a_plain_run():
    for params in (STACK, ONE):
        got = dropout.run(params, BATCH, rng=generator())
        want = train.run(params, BATCH)
        assert got.loss == want.loss
        np.testing.assert_array_equal(got.grads["WOUT"], want.grads["WOUT"])


def test_the_parameters_are_not_changed_and_the_dtype_stays():
    params = network.init(5, [6, 4], 5, rng=1)
    before = [layer.forward.copy() for layer in params["layers"]]
    thinned = dropout.thin(params, generator(), between=0.5, recurrent=0.5).params
    for layer, kept, thin in zip(params["layers"], before, thinned["layers"], strict=True):
        np.testing.assert_array_equal(layer.forward, kept)
        assert thin.forward.dtype == np.float32
        assert not np.array_equal(thin.forward, kept)


def test_training_with_it_goes_on_bit_for_bit():
    optax = pytest.importorskip("optax")
    batches = [tasks.adding(20, 4, rng=k) for k in range(6)]
    first = network.init(2, [5, 3], 1, rng=0)

    def fit(params, batches, rng, state=None):
        options = {"rng": rng, "between": 0.2, "recurrent": 0.2, "state": state}
        *_, last = train.fit(params, batches, optax.adam(0.01), gradients=dropout.run, **options)
        return last

    rng = generator()
    whole = fit(first, batches, rng)
    rng = generator()
    half = fit(first, batches[:3], rng)
    again = fit(half.params, batches[3:], rng, half.state)
    np.testing.assert_array_equal(whole.params["WOUT"], again.params["WOUT"])


BOTH = network.init(5, 4, 5, layers=1, bidirectional=True, rng=0)
BACK = BOTH | {"layers": [Layer(None, BOTH["layers"][0].backward)], "WOUT": BOTH["WOUT"][:5]}
UPPER = network.init(4, 4, 5, layers=2, rng=0)
UPPER["layers"][1] = Layer(*[UPPER["layers"][1].forward] * 2)
UPPER["WOUT"] = np.zeros((9, 5), "f4")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: dropout.thin(STACK, 3), TypeError,
         "rng: expected a numpy.random.Generator, got 3"),
        (lambda: dropout.thin(STACK, generator(), between=1.0), ValueError,
         "between: expected a probability from 0 to below 1, got 1.0"),
        (lambda: dropout.thin(STACK, generator(), between=1.5), ValueError,
         "between: expected a probability from 0 to below 1, got 1.5"),
        (lambda: dropout.thin(STACK, generator(), between=np.nan), ValueError,
         "between: expected a probability from 0 to below 1, got nan"),
        (lambda: dropout.thin(UPPER, generator()), ValueError,
         "layers[1]: expected a layer that reads forward alone"),
        (lambda: dropout.thin(BACK, generator()), ValueError,
         "layers[0]: expected a layer that reads forward alone"),
        (lambda: dropout.thin(STACK, generator(), recurrent=-0.1), ValueError,
         "recurrent: expected a probability from 0 to below 1, got -0.1"),
        (lambda: dropout.thin(STACK, generator(), recurrent="0.1"), TypeError,
         "recurrent: expected a probability, got '0.1'"),
        (lambda: dropout.thin(BOTH, generator()), ValueError,
         "layers[0]: expected a layer that reads forward alone"),
        (lambda: dropout.thin([STACK], generator()), TypeError,
         "params: expected WLSTM and WOUT, or layers and WOUT in a dictionary, got a list"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(call, error, message):
    with refused(error, message):
        call()


@pytest.mark.parametrize("H", [1, 2, 3, 8, 17, 66])
def test_every_row_is_dropped_as_often_as_it_should_be(H):
    """This includes the last unit, for even and odd numbers of units, in every layer."""
    params, rng, draws = network.init(2, [H] * 4, 3, rng=0), np.random.default_rng(1), 400
    rates = {"between": 0.3, "recurrent": 0.6}
    drawn = [dropout.thin(params, rng, **rates).factors for _ in range(draws)]
    for k in range(5):
        columns = [one["layers"][k].forward if k < 4 else one["WOUT"] for one in drawn]
        gone = (np.concatenate(columns, axis=1) == 0).mean(axis=1)
        below = {0: [0] * 2, 4: [0.3] * H}.get(k, [0.3] * H)
        want = np.array([0, *below, *([0.6] * H if k < 4 else [])])
        assert (np.abs(gone - want) <= 5 * np.sqrt(want * (1 - want) / draws)).all(), (k, gone)
