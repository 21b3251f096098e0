"""Attention: rows and whole networks against oracles, the printed equations, the stored runs."""

import json
import re

import numpy as np
import pytest
from helpers import freeze, refused
from test_book import prose
from test_equations_variants import TEX

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
