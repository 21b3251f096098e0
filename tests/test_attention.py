"""Attention: rows and whole networks against oracles, the printed equations, the stored runs."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import freeze, refused
from test_book import prose
from test_equations_variants import TEX

import lstm
from experiments import attention as experiment
from experiments.store import DATA
from lstm import attention, dates, gradcheck, losses, scan, steps
from lstm.steps import glue

K, H, M, N, B = 5, 4, 7, 6, 3
THRESHOLDS = {"central": 1e-6, "complex": 1e-12, "jax": 1e-12}
TABLES = {"attention": attention.STEPS, "without": attention.BLIND}


def problem(attend=True, dtype=np.float64):
    """Parameters and inputs in which nothing is zero and no two sizes are equal."""
    rng = np.random.default_rng(3)
    params = attention.init(K, H, attend=attend, rng=rng, dtype=dtype)
    params = {k: (v + 0.5 * rng.standard_normal(v.shape)).astype(dtype) for k, v in params.items()}
    X, Z = (rng.standard_normal((steps, B, K)).astype(dtype) for steps in (M, N))
    return params, X, Z, rng.standard_normal((N, B, K)).astype(dtype)


@pytest.mark.parametrize("oracle", THRESHOLDS)
@pytest.mark.parametrize("name", TABLES)
def test_every_row_on_its_own(name, oracle):
    params, X, Z, _ = problem(name == "attention")
    v = attention.forward(params, X, Z).cache.values
    checks = gradcheck.check_steps(v, table=TABLES[name], oracle=oracle)
    assert len(checks) == {"attention": 11, "without": 3}[name]
    for c in checks:
        assert c.report.worst.error < THRESHOLDS[oracle], f"{c.output} by {c.input}: {c.report}"


@pytest.mark.parametrize("oracle", THRESHOLDS)
@pytest.mark.parametrize("attend", [True, False])
def test_the_gradient_of_the_whole_network(attend, oracle):
    params, X, Z, dY = problem(attend)
    grads = attention.backward(dY, attention.forward(params, X, Z).cache)

    def by_numpy(**params):
        dtype = np.result_type(*params.values())  # complex if one of them is
        params = {name: value.astype(dtype) for name, value in params.items()}
        return attention.forward(params, X.astype(dtype), Z.astype(dtype)).answers

    def by_jax(**params):
        reader = scan.forward(X, params["READER"])
        writer = scan.forward(Z, params["WRITER"], reader.Cn, reader.Hn)
        inputs = {"h": writer.Hout.swapaxes(0, 1), "s": reader.Hout.swapaxes(0, 1), **params}
        table = attention.STEPS if attend else attention.BLIND
        return steps.forward(table, inputs).y.swapaxes(0, 1)

    judge = by_jax if oracle == "jax" else by_numpy
    report = gradcheck.check(judge, params, dY, grads, oracle=oracle)
    assert report.checked == sum(value.size for value in params.values())
    assert report.worst.error < THRESHOLDS[oracle], str(report)


# The equations of chapter 12

CHAPTER = next(text for name, text in prose().items() if name.startswith("12-"))
OWN = ("eq-query", "eq-match", "eq-attention", "eq-look", "eq-both")


def softmax(e):
    return np.exp(e) / np.exp(e).sum(axis=1, keepdims=True)


@pytest.mark.parametrize("label", OWN)
def test_the_printed_row_is_the_row_of_the_table(label):
    """For each sequence of a batch; what all share is the sum of what each gives."""
    (tex,) = re.findall(rf"^\$\$ (.*) \$\$ \({label}\)$", CHAPTER, re.MULTILINE)
    (step,) = [step for step in attention.STEPS if step.label == label]
    params, X, Z, _ = problem()
    v = attention.forward(params, X, Z).cache.values
    cotangent = np.random.default_rng(4).standard_normal(getattr(v, step.name).shape)
    want = {f"d{k}": derivative(v, cotangent) for k, (_, derivative) in step.backward.items()}
    want[step.name] = getattr(v, step.name)
    found = {}
    for j in range(B):
        names = {k: a[j] if a.ndim == 3 else a for k, a in vars(v).items()}
        names |= {f"d{step.name}": cotangent[j], "H": H, "ones": np.ones((N, 1)), "glue": glue,
                  "softmax": softmax, "sum": lambda a: a.sum(axis=1, keepdims=True)}  # fmt: skip
        for part in re.split(r"\\\\|,\s*&(?!=)", tex):
            line = part.replace("&=", "=")
            for pattern, replacement in TEX:
                line = re.sub(pattern, replacement, line).strip()
            left, right = line.strip().lstrip("& ").rstrip(", ").split(" = ", 1)
            value = eval(right, {"__builtins__": {}}, names)
            found.setdefault(left.strip(), []).append(value)
    assert found.keys() == want.keys()
    for left, values in found.items():
        together = np.sum(values, axis=0) if left == "dM" else np.stack(values)
        np.testing.assert_allclose(together, want[left], rtol=1e-12, atol=1e-14, err_msg=left)


# What attention is


def test_weights_are_a_mean_and_follow_the_reader_wherever_its_states_stand():
    params, X, Z, _ = problem()
    v = attention.forward(params, X, Z).cache.values
    np.testing.assert_allclose(v.a.sum(axis=-1), 1, rtol=1e-14)
    assert (v.a > 0).all()
    order = np.random.default_rng(5).permutation(M)
    inputs = {"h": v.h, "s": v.s[:, order], **params}
    moved = steps.forward(attention.STEPS, inputs)
    np.testing.assert_allclose(moved.a, v.a[..., order], rtol=1e-12)
    np.testing.assert_allclose(moved.y, v.y, rtol=1e-12)


def test_a_query_that_matches_one_state_far_better_than_others_reads_that_one():
    params, X, Z, _ = problem()
    v = attention.forward(params, X, Z).cache.values
    loud = steps.forward(attention.STEPS, {"h": 1e6 * v.h, "s": v.s, **params})
    np.testing.assert_array_equal(loud.a.argmax(axis=-1), v.e.argmax(axis=-1))
    np.testing.assert_allclose(loud.a.max(axis=-1), 1, rtol=1e-12)
    assert np.isfinite(loud.y).all()


def test_without_attention_the_answers_know_the_question_by_the_last_state_alone():
    params, X, Z, _ = problem(attend=False)
    answers, weights, cache = attention.forward(params, X, Z)
    assert weights is None
    grads = attention.backward(np.ones_like(answers), cache)
    assert set(grads) == {"READER", "WRITER", "WOUT"}
    assert not any("s" in step.backward for step in cache.table)


@pytest.mark.parametrize("attend", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_are_kept_and_arguments_left_alone(attend, dtype):
    params, X, Z, dY = problem(attend, dtype)
    freeze(X, Z, dY, *params.values())
    answers, _, cache = attention.forward(params, X, Z)
    grads = attention.backward(dY, cache)
    assert {a.dtype for a in (answers, *grads.values())} == {np.dtype(dtype)}
    assert {k: a.shape for k, a in grads.items()} == {k: a.shape for k, a in params.items()}


@pytest.mark.parametrize("attend", [True, False])
def test_the_cache_is_its_own(attend):
    """Whatever is done to arguments and results between the passes."""
    params, X, Z, dY = problem(attend)
    run = attention.forward(params, X, Z)
    want = attention.backward(dY, run.cache)
    for array in (*params.values(), X, Z, run.answers, *([run.weights] if attend else [])):
        array[...] = np.nan
    got = attention.backward(dY, run.cache)
    assert all(np.array_equal(got[name], want[name]) for name in want)


@pytest.mark.parametrize("attend", [True, False])
def test_what_is_written_is_what_is_read_next(attend):
    """A network that reads its own answer answers the same again."""
    params, X, _, _ = problem(attend)
    said = attention.translate(params, X, N, start=2)
    read = np.concatenate([np.full((1, B), 2), said[:-1]])
    answers = attention.forward(params, X, np.eye(K)[read]).answers
    np.testing.assert_array_equal(answers.argmax(axis=-1), said)


@pytest.mark.parametrize("left_out", [(), np.s_[:, 1], np.s_[2:], np.s_[:, 1:], np.s_[1:, :2]])
def test_the_loss_is_that_of_the_answers(left_out):
    params, X, Z, dY = problem()
    where = dY[..., 0] > 0
    where[0, 2] = True
    where[left_out] &= left_out == ()
    batch = dates.Pairs(X, Z, np.eye(K)[dY.argmax(axis=-1)], where)
    value, answers, grads = attention.run(params, batch)
    want = losses.mean_loss(answers, batch.Y, batch.where, losses.cross_entropy)
    assert value == want.loss
    again = attention.backward(want.dY, attention.forward(params, X, Z).cache)
    assert all(np.array_equal(grads[name], again[name]) for name in params)


def test_what_does_not_fit_is_refused():
    params, X, Z, dY = problem()
    cache = attention.forward(params, X, Z).cache
    few = {name: params[name] for name in ("READER", "WOUT")}
    names = ["READER", "WOUT", "WRITER"]
    with refused(ValueError, f"params: expected {names}, perhaps M, got {['READER', 'WOUT']}"):
        attention.forward(few, X, Z)
    with refused(ValueError, "dY: expected shape (n, b, K) = (6, 3, 5), got (5, 3, 5)"):
        attention.backward(dY[:-1], cache)
    with refused(ValueError, "n: expected at least 1, got 0"):
        attention.translate(params, X, 0)
    assert attention.translate(params, X, 1, start=K - 1).shape == (1, B)
    with refused(ValueError, "start: expected a place in an alphabet of 5 letters, got 5"):
        attention.translate(params, X, 1, start=K)
    with refused(ValueError, "H: expected at least 1, got 0"):
        attention.init(5, 0)
    with refused(TypeError, "dtype: expected float32 or float64, got int64"):
        attention.init(5, 4, dtype=int)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda params, X, Z: attention.forward(3, X, Z), TypeError,
         "params: expected a dictionary with ['READER', 'WOUT', 'WRITER'], got 3"),
        (lambda params, X, Z: attention.forward(params | {"N": X}, X, Z), ValueError,
         "params: expected ['READER', 'WOUT', 'WRITER'], perhaps M, "
         "got ['M', 'N', 'READER', 'WOUT', 'WRITER']"),
        (lambda params, X, Z: attention.forward(params | {"READER": X[0]}, X, Z), ValueError,
         "params['READER']: expected shape (1 + D + H, 4 * H) with H >= 1 and D >= 0, got (3, 5)"),
        (lambda params, X, Z: attention.forward(
            params | {"WRITER": params["WRITER"][1:]}, X, Z), ValueError,
         "params['WRITER']: expected shape (rows, columns) = (10, 16), got (9, 16)"),
        (lambda params, X, Z: attention.forward(params | {"M": params["M"][1:]}, X, Z), ValueError,
         "params['M']: expected shape (rows, columns) = (4, 4), got (3, 4)"),
        (lambda params, X, Z: attention.forward(params | {"M": params["M"][:, 1:]}, X, Z),
         ValueError, "params['M']: expected shape (rows, columns) = (4, 4), got (4, 3)"),
        (lambda params, X, Z: attention.forward(params | {"WOUT": params["WOUT"][1:]}, X, Z),
         ValueError, "params['WOUT']: expected shape (rows, columns) = (9, any), got (8, 5)"),
        (lambda params, X, Z: attention.forward(
            {k: v for k, v in params.items() if k != "M"}, X, Z),
         ValueError, "params['WOUT']: expected shape (rows, columns) = (5, any), got (9, 5)"),
        (lambda params, X, Z: attention.forward(
            params | {"M": params["M"].astype("f4")}, X, Z), TypeError,
         "params['M']: expected dtype float64, as in READER, got float32"),
        (lambda params, X, Z: attention.forward(params, X[..., 1:], Z), ValueError,
         "X: expected shape (m, b, K) = (any, any, 5), got (7, 3, 4)"),
        (lambda params, X, Z: attention.forward(params, X.astype("f4"), Z), TypeError,
         "X: expected dtype float64, as in the parameters, got float32"),
        (lambda params, X, Z: attention.forward(params, X[:0], Z), ValueError,
         "X: expected at least one letter to look at, got shape (0, 3, 5)"),
        (lambda params, X, Z: attention.translate(params, X[:0], 2), ValueError,
         "X: expected at least one letter to look at, got shape (0, 3, 5)"),
        (lambda params, X, Z: attention.forward(params, X, Z[:, 1:]), ValueError,
         "Z: expected shape (n, b, K) = (any, 3, 5), got (6, 2, 5)"),
        (lambda params, X, Z: attention.forward(params, X, Z.astype("f4")), TypeError,
         "Z: expected dtype float64, as in the parameters, got float32"),
        (lambda params, X, Z: attention.backward(
            Z.astype("f4"), attention.forward(params, X, Z).cache), TypeError,
         "dY: expected dtype float64, as in the answers, got float32"),
        (lambda params, X, Z: attention.backward(Z, None), TypeError,
         "cache: expected the Cache of attention.forward, got None"),
        (lambda params, X, Z: attention.run(params, 3), TypeError,
         "batch: expected Pairs of X, Z, Y and where, got 3"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_others_is_named(call, error, message):
    params, X, Z, _ = problem()
    with refused(error, message):
        call(params, X, Z)


@pytest.mark.parametrize("name", ["X", "Z", "Y", "where"])
def test_a_batch_without_a_part_is_refused(name):
    params, X, Z, _ = problem()
    whole = {"X": X, "Z": Z, "Y": Z, "where": np.ones((N, B), bool)}
    part = SimpleNamespace(**{k: v for k, v in whole.items() if k != name})
    with pytest.raises(TypeError, match=r"^batch: expected Pairs of X, Z, Y and where, got "):
        attention.run(params, part)


def test_without_attention_there_may_be_no_question():
    params, X, Z, dY = problem(attend=False)
    answers, _, cache = attention.forward(params, X[:0], Z)
    np.testing.assert_allclose(
        answers, glue([np.ones((N, B, 1)), lstm.forward(Z, params["WRITER"]).Hout])
        @ params["WOUT"], rtol=1e-12,
    )  # fmt: skip
    assert not attention.backward(dY, cache)["READER"].any()
    assert attention.translate(params, X[:0], 2).shape == (2, B)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("attend", "seen"), [(True, 8), (False, 4)])
def test_initial_parameters(attend, seen, dtype):
    """The LSTMs one after the other, then M, then the readout, whose biases are 0."""
    params = attention.init(K, H, attend=attend, forget_bias=2.5, rng=9, dtype=dtype)
    rng = np.random.default_rng(9)
    want = {name: lstm.init(K, H, forget_bias=2.5, rng=rng) for name in ("READER", "WRITER")}
    if attend:
        want["M"] = rng.standard_normal((H, H)) / 2
    want["WOUT"] = rng.standard_normal((1 + seen, K)) / np.sqrt(seen)
    want["WOUT"][0] = 0
    assert list(params) == list(want)
    for name, array in want.items():
        np.testing.assert_array_equal(params[name], array.astype(dtype), strict=True)


def test_attention_single_precision_and_a_forget_bias_of_1_are_usual():
    usual = attention.init(K, H, rng=9)
    asked = attention.init(K, H, attend=True, forget_bias=1, rng=9, dtype=np.float32)
    assert list(usual) == list(asked)
    for name, array in asked.items():
        np.testing.assert_array_equal(usual[name], array, strict=True)


# The stored runs


def test_the_stored_network_is_as_good_as_its_curve_says():
    with open(DATA / "attention.json") as file:
        runs = json.load(file)["runs"]
    (run,) = [run for run in runs if run["arguments"]["attend"]]
    with np.load(DATA / "attention.npz") as arrays:
        params = {name: array.astype(np.float32) for name, array in arrays.items()}
    right = experiment.right(params, dates.dates(1000, 2, part="test"))
    assert abs(right.all(axis=0).mean() - run["curves"][0][-1]) < 0.005
    assert abs(right.mean() - run["letters"][0]) < 0.001
    assert sum(array.size for array in params.values()) == run["size"]
