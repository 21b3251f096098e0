"""The gradient oracles, and above all that they can fail."""

import re
import threading
import time
import warnings
from dataclasses import FrozenInstanceError

import jax.numpy as jnp
import numpy as np
import pytest
from helpers import draw, freeze, refused

import lstm
from lstm import gradcheck, reference
from lstm.functions import FunctionError, check_analytic, derivative_along
from lstm.gradcheck import (
    GradientError,
    Report,
    Worst,
    central_differences,
    check,
    check_lstm,
    check_steps,
    complex_step,
    jax_vjp,
    pullback,
    random_problem,
    relative_error,
)
from lstm.report import worst_of

ORACLES = {"central": central_differences, "complex": complex_step, "jax": jax_vjp}


def two_outputs(a, b):
    """Two inputs and two outputs, each of another shape; traced by JAX, analytic."""
    return a**2 * b[0], (a[:, None] * b).sum(axis=0) + b**3


def exp(p):
    return np.exp(p)


def draw_two_outputs():
    rng = np.random.default_rng(0)
    a, b, w, u = (rng.standard_normal(size) for size in (2, 3, 2, 3))
    freeze(a, b, w, u)
    da = 2 * a * b[0] * w + b @ u
    db = a.sum() * u + 3 * b**2 * u
    db[0] += (a**2) @ w
    return {"a": a, "b": b}, (w, u), {"a": da, "b": db}


# Constants and the measure


def test_the_documented_constants():
    assert gradcheck.THRESHOLDS == {"central": 1e-6, "complex": 1e-12, "jax": 1e-12}
    assert gradcheck.DELTAS == {"central": 1e-5, "complex": 1e-30}
    assert gradcheck.FLOOR == 1e-3
    assert {oracle: tuple(usual) for oracle, usual in gradcheck.SINGLE.items()} == {
        "central": (1e-2, 1e-2, 0.1), "complex": (1e-30, 1e-4, 0.1), "jax": (0, 1e-4, 0.1),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("analytic", "numerical", "error"),
    [
        (1.0, 3.0, 0.5),
        (3.0, 1.0, 0.5),
        (-2.0, 2.0, 1.0),
        (5.0, 0.0, 1.0),
        (2.0, 2.0, 0.0),
        (0.0, 0.0, 0.0),
        (1e-4, 3e-4, 0.5),  # whatever the unit
        (1e-300, 3e-300, 0.5),
        (1e-300, 0.0, 1.0),
        (np.nan, 1.0, np.nan),
        (1.0, np.nan, np.nan),
        (np.inf, 1.0, np.nan),
        (np.inf, np.inf, np.nan),
    ],
)
def test_relative_error(analytic, numerical, error):
    np.testing.assert_allclose(relative_error(analytic, numerical), error, rtol=1e-14)


@pytest.mark.parametrize("unit", [1e-200, 1e-10, 1.0, 1e10, 1e200])
def test_the_floor_is_a_part_of_the_oracles_largest_element(unit):
    """Of 1000: 1 by default, so that 0.25 beside 0.75 is off by 0.5 / 1 and not by one half."""
    n = unit * np.array([[1000.0, 0.75, -1.5, 0.0]])
    a = unit * np.array([[1000.0, 0.25, 1.5, 0.5]])
    for floor, last in ((1e-3, [0.5, 1.0, 0.5]), (0, [0.5, 1.0, 1.0]), (1, [5e-4, 3e-3, 5e-4])):
        got = relative_error(a, n, floor=floor)
        np.testing.assert_allclose(got, [[0.0, *last]], rtol=1e-13, strict=True)
    np.testing.assert_allclose(relative_error(a, n), relative_error(a, n, floor=1e-3))
    huge = a.copy()
    huge[0, 3] = 1e6 * unit  # a wrong element does not lower the errors of others
    np.testing.assert_array_equal(relative_error(huge, n)[0, :3], relative_error(a, n)[0, :3])


def test_what_is_not_finite_spoils_its_own_element_alone():
    errors = relative_error([1.0, 2.0, 3.0], [np.inf, np.nan, 1.0])
    np.testing.assert_array_equal(errors, [np.nan, np.nan, 0.5])


@pytest.mark.parametrize(
    ("dtype", "analytic", "numerical", "error"),
    [
        ("u1", [1, 200], [3, 0], [0.5, 1.0]),
        ("i1", [-128, 100, 0], [0, -100, -128], [1.0, 1.0, 1.0]),
        ("?", [True, True], [True, False], [0.0, 1.0]),
    ],
)
def test_whole_numbers_do_not_wrap_around(dtype, analytic, numerical, error):
    got = relative_error(np.array(analytic, dtype), np.array(numerical, dtype))
    np.testing.assert_array_equal(got, np.array(error), strict=True)


@pytest.mark.parametrize(
    ("one", "other", "want"), [("f4", "f4", "f4"), ("f4", "f8", "f8"), ("c16", "f8", "f8")]
)
def test_errors_have_the_precision_of_what_is_compared(one, other, want):
    got = relative_error(np.array([1.0], one), np.array([3.0], other))
    np.testing.assert_array_equal(got, np.array([0.5], want), strict=True)


def test_relative_error_refuses():
    for a, n in (([1.0], [1.0, 2.0]), ([1.0, 2.0], [1.0])):
        with refused(
            ValueError, f"analytic: expected the oracle's shape ({len(n)},), got ({len(a)},)"
        ):
            relative_error(a, n)
    for floor in (-1.0, 1.5, np.inf, np.nan):
        with refused(ValueError, f"floor: expected a number from 0 to 1, got {floor}"):
            relative_error(1.0, 1.0, floor)


# The oracles are right


@pytest.mark.parametrize(
    ("oracle", "tolerance"), [("central", 1e-7), ("complex", 1e-14), ("jax", 1e-14)]
)
def test_an_oracle_finds_the_gradient(oracle, tolerance):
    inputs, cotangents, gradients = draw_two_outputs()
    numerical = ORACLES[oracle](two_outputs, inputs, cotangents)
    assert list(numerical) == ["a", "b"]
    for name, expected in gradients.items():
        np.testing.assert_allclose(numerical[name], expected, rtol=tolerance, strict=True)


@pytest.mark.parametrize("oracle", ORACLES)
def test_one_output_and_inputs_of_rank_zero(oracle):
    gradients = ORACLES[oracle](lambda p: p**3, {"p": np.array(2.0)}, 0.5)
    np.testing.assert_allclose(gradients["p"], np.array(6.0), rtol=1e-8, strict=True)


@pytest.mark.parametrize("oracle", ORACLES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_have_the_dtype_and_the_shape_of_their_inputs(oracle, dtype):
    inputs = {"a": np.ones((2, 3), dtype), "b": np.ones((0, 2), dtype)}
    gradients = ORACLES[oracle](lambda a, b: a * b.sum(), inputs, np.ones((2, 3), dtype))
    for name, value in inputs.items():
        assert (gradients[name].dtype, gradients[name].shape) == (value.dtype, value.shape)


@pytest.mark.parametrize("oracle", ["central", "complex"])
def test_the_function_may_return_what_it_was_given(oracle):
    """An output that is the very array in which the element moves."""
    gradients = ORACLES[oracle](lambda p: p, {"p": np.array([1.0, 2.0])}, np.array([3.0, 4.0]))
    np.testing.assert_allclose(gradients["p"], [3.0, 4.0], rtol=1e-9)


@pytest.mark.parametrize("oracle", ["central", "complex"])
def test_only_one_element_moves_at_a_time(oracle):
    inputs, cotangents, _ = draw_two_outputs()
    moved = []

    def spy(a, b):
        moved.append(sum(int((new != inputs[n]).sum()) for n, new in (("a", a), ("b", b))))
        return two_outputs(a, b)

    ORACLES[oracle](spy, inputs, cotangents)
    before = 2 if oracle == "central" else 7  # whether it keeps still; whether it is analytic
    assert moved[:2] == [0, 0]
    assert moved[2:before] == [5] * (before - 2)
    assert moved[before:] == [1] * 5 * (2 if oracle == "central" else 1)


@pytest.mark.parametrize("oracle", ORACLES)
def test_inputs_are_not_changed(oracle):
    inputs, cotangents, gradients = draw_two_outputs()
    writeable = {name: value.copy() for name, value in inputs.items()}
    check(two_outputs, writeable, cotangents, gradients, oracle=oracle)
    for name, value in inputs.items():
        np.testing.assert_array_equal(writeable[name], value)


@pytest.mark.parametrize("delta", [1e-1, 1e-2, 1e-3])
def test_central_differences_err_by_delta_squared(delta):
    """(exp(p + d) - exp(p - d)) / 2d = exp(p) (1 + d**2 / 6 + d**4 / 120 + ...)."""
    p = np.linspace(-1, 1, 20)
    gradient = central_differences(exp, {"p": p}, np.ones(20), delta)["p"]
    np.testing.assert_allclose(gradient / np.exp(p) - 1, delta**2 / 6, rtol=2e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_central_differences_err_by_eps_over_delta_once_delta_is_small(dtype):
    eps, p = np.finfo(dtype).eps, np.linspace(-1, 1, 20).astype(dtype)
    delta = eps**0.75
    gradient = central_differences(exp, {"p": p}, np.ones(20, dtype), delta)["p"]
    errors = np.abs(gradient / np.exp(p.astype(np.float64)) - 1)
    # two values are rounded by up to eps / 2 each, and their difference is divided by 2 delta
    assert 0.05 * eps / delta < errors.mean() < errors.max() < eps / delta


def test_central_differences_divide_by_what_was_really_moved():
    p = np.array([1e3], np.float32)  # neighbours are 6e-5 apart: p + 1e-4 is p + 1.2e-4
    gradient = central_differences(lambda x: x, {"x": p}, np.ones(1, np.float32), 1e-4)
    assert gradient["x"].item() == 1


@pytest.mark.parametrize("delta", [1e-8, 1e-30, 1e-200, None])
def test_the_complex_step_has_no_truncation_error(delta):
    p = np.linspace(-1, 1, 20)
    options = {} if delta is None else {"delta": delta}
    gradient = complex_step(exp, {"p": p}, np.ones(20), **options)["p"]
    np.testing.assert_allclose(gradient, np.exp(p), rtol=4 * np.finfo(float).eps)


def test_jax_works_in_the_precision_of_the_inputs():
    for dtype in (np.float32, np.float64):
        p = np.array([0.1], dtype)
        gradient = jax_vjp(lambda p: jnp.sin(p), {"p": p}, np.ones(1, dtype))["p"]
        np.testing.assert_allclose(gradient, np.cos(p), rtol=np.finfo(dtype).eps, strict=True)


@pytest.mark.parametrize("oracle", [central_differences, complex_step])
def test_an_oracle_differentiates_only_what_it_is_asked_for(oracle):
    inputs = {"a": np.arange(3.0), "b": np.arange(4.0).reshape(2, 2)}
    weights = np.array([1.0, 2.0])
    (name, gradient), = oracle(
        lambda a, b: b[0] * b[1] * a.sum(), inputs, weights, only={"b": [(0, 1), (1, 0)]}
    ).items()
    assert name == "b"
    np.testing.assert_allclose(gradient, [[np.nan, 18], [0, np.nan]], rtol=1e-8, atol=1e-8)


# The oracles fail on a wrong gradient


def sign_flipped(gradient, index):
    gradient[index] *= -1


def doubled(gradient, index):
    gradient[index] *= 2


def a_little_off(gradient, index):
    gradient[index] *= 1 + 1e-5


def missing(gradient, index):
    gradient[index] = 0


def nan(gradient, index):
    gradient[index] = np.nan


def infinite(gradient, index):
    gradient[index] = np.inf


@pytest.mark.parametrize("oracle", ORACLES)
@pytest.mark.parametrize("damage", [sign_flipped, doubled, a_little_off, missing, nan, infinite])
@pytest.mark.parametrize(("name", "index"), [("a", (0,)), ("a", (1,)), ("b", (0,)), ("b", (2,))])
def test_one_wrong_element_is_caught_and_named(oracle, damage, name, index):
    inputs, cotangents, gradients = draw_two_outputs()
    assert check(two_outputs, inputs, cotangents, gradients, oracle=oracle).passed
    right = gradients[name][index]
    damage(gradients[name], index)
    report = check(two_outputs, inputs, cotangents, gradients, oracle=oracle)
    assert not report.passed
    assert (report.worst.name, report.worst.index) == (name, index)
    np.testing.assert_array_equal(report.worst.analytic, gradients[name][index])
    np.testing.assert_allclose(report.worst.numerical, right, rtol=1e-9)
    with pytest.raises(GradientError, match=re.escape(f"worst: d{name}{list(index)}: ")):
        report.raise_if_failed()


@pytest.mark.parametrize("oracle", ["central", "complex"])
@pytest.mark.parametrize("name", ["X", "WLSTM", "c0", "h0"])
@pytest.mark.parametrize("damage", [sign_flipped, doubled, a_little_off, missing, nan])
def test_one_wrong_element_of_an_lstm_is_caught(oracle, name, damage):
    def wrong(*arguments):
        gradients = lstm.backward(*arguments)
        gradient = getattr(gradients, f"d{name}")
        damage(gradient, np.unravel_index(np.abs(gradient).argmax(), gradient.shape))
        return gradients

    report = check_lstm(lstm.forward, wrong, draw(n=2, b=2, D=3, H=2), oracle=oracle)
    assert not report.passed
    assert report.worst.name == name
    assert (report.errors[name] > report.threshold).sum() == (0 if damage is nan else 1)


@pytest.mark.parametrize("dropped", ["dCn", "dHn"])
def test_a_dropped_cotangent_is_caught(dropped):
    def wrong(dHout, cache, dCn, dHn):
        given = {"dCn": dCn, "dHn": dHn} | {dropped: None}
        return lstm.backward(dHout, cache, **given)

    assert not check_lstm(lstm.forward, wrong, draw(n=2), oracle="complex").passed


def test_the_judge_is_what_the_oracle_differentiates():
    called = []

    def judge(**inputs):
        called.append(1)
        return lstm.forward(**inputs)

    problem = draw(n=1, b=1, D=1, H=1)
    assert check_lstm(lstm.forward, lstm.backward, problem, oracle="complex", judge=judge).passed
    assert len(called) == 7 + 15  # once for each element

    def another(X, WLSTM, c0, h0):
        return lstm.forward(2 * X, WLSTM, c0, h0)

    report = check_lstm(lstm.forward, lstm.backward, problem, oracle="complex", judge=another)
    assert not report.passed


def test_check_lstm_returns_the_errors_of_all_four_arguments():
    problem = draw(n=2, b=3, D=1, H=2)
    report = check_lstm(lstm.forward, lstm.backward, problem)
    assert report.oracle == "central"
    shapes = {name: errors.shape for name, errors in report.errors.items()}
    assert shapes == {name: value.shape for name, value in problem.inputs.items()}


def test_steps_are_checked_under_random_cotangents_by_seed():
    problem = draw(n=1)
    v = reference.forward(
        problem.inputs["X"][0],
        *(problem.inputs[name] for name in ("WLSTM", "c0", "h0")),
    )
    first, again, other = (
        [c.report.worst.analytic for c in check_steps(v, oracle="complex", **options)]
        for options in ({}, {"seed": 0}, {"seed": 1})
    )
    assert first == again
    assert all(one != two for one, two in zip(first, other, strict=True))


# The report


def report_of(errors, threshold=1e-6):
    worst = Worst("a", (0, 1), 1.0, 3.0, float(np.max(errors)))
    return Report("central", threshold, {"a": np.array([errors])}, worst)


@pytest.mark.parametrize(
    ("error", "passed"), [(0.0, True), (1e-6, True), (1.1e-6, False), (1.0, False), (np.nan, False)]
)
def test_a_report_passes_up_to_its_threshold(error, passed):
    report = report_of([0.0, error])
    assert report.passed is passed
    if passed:
        assert report.raise_if_failed() is report
    else:
        with refused(GradientError, str(report)):
            report.raise_if_failed()


def test_a_failed_report_in_words():
    assert str(report_of([0.0, 0.5])) == (
        "FAILED: 2 elements, oracle 'central', threshold 1e-06\n"
        "worst: da[0, 1]: relative error 5.0e-01, analytic 1, numerical 3"
    )
    assert issubclass(GradientError, AssertionError)


def test_a_passed_report_in_words():
    assert str(report_of([0.0, 2e-7])) == (
        "passed: 2 elements, oracle 'central', threshold 1e-06\n"
        "worst: da[0, 1]: relative error 2.0e-07, analytic 1, numerical 3"
    )


def test_reports_cannot_be_changed():
    report = report_of([0.0])
    for record, field in ((report, "threshold"), (report.worst, "error")):
        with pytest.raises(FrozenInstanceError):
            setattr(record, field, 1.0)


def test_a_report_about_nothing_passes_and_has_no_worst_element():
    report = check(lambda p: p, {"p": np.zeros(0)}, np.zeros(0), {"p": np.zeros(0)})
    assert (report.passed, report.checked, report.worst) == (True, 0, None)
    assert str(report) == "passed: 0 elements, oracle 'central', threshold 1e-06"


@pytest.mark.parametrize("oracle", ORACLES)
def test_a_report_has_every_element_of_every_input(oracle):
    inputs, cotangents, gradients = draw_two_outputs()
    report = check(two_outputs, inputs, cotangents, gradients, oracle=oracle)
    assert (report.oracle, report.threshold) == (oracle, gradcheck.THRESHOLDS[oracle])
    assert {name: errors.shape for name, errors in report.errors.items()} == {"a": (2,), "b": (3,)}
    assert report.checked == 5
    largest = max(errors.max() for errors in report.errors.values())
    assert report.worst.error == largest == report.errors[report.worst.name][report.worst.index]


def test_nan_is_worse_than_any_number_wherever_it_stands():
    inputs, cotangents, gradients = draw_two_outputs()
    for name in gradients:
        damaged = {key: -value for key, value in gradients.items()}  # all errors are 1
        damaged[name][1] = np.nan
        worst = check(two_outputs, inputs, cotangents, damaged).worst
        assert (worst.name, worst.index) == (name, (1,))


@pytest.mark.parametrize("error", [0.0, 1e-9, np.nan])
def test_the_worst_element_is_one_of_the_sample(error):
    """Even where no error in it is above 0."""
    errors = {"a": np.ma.array([[0.5, error], [0.5, 0.5]], mask=[[True, False], [True, True]])}
    one, two = {"a": np.ones((2, 2))}, {"a": np.full((2, 2), 2.0)}
    assert str(worst_of(errors, one, two)) == str(Worst("a", (0, 1), 1.0, 2.0, error))


def test_options_reach_the_oracle_and_the_measure():
    inputs, cotangents, gradients = draw_two_outputs()
    arguments = (two_outputs, inputs, cotangents, gradients)
    assert not check(*arguments, delta=1e-2).passed  # truncation
    assert check(*arguments, delta=1e-2, threshold=1e-2).passed
    assert check(*arguments, delta=1e-2, threshold=1e-2).threshold == 1e-2
    assert not check(*arguments, delta=1e-2, floor=1, threshold=1e-7).passed
    assert not check(*arguments, oracle="complex", delta=1e-2).passed


# What is refused


def test_an_unknown_oracle_is_refused():
    message = "oracle: expected one of ['central', 'complex', 'jax'], got 'torch'"
    with refused(ValueError, message):
        check(lambda p: p, {"p": np.zeros(1)}, np.ones(1), {"p": np.ones(1)}, oracle="torch")


@pytest.mark.parametrize("names", [[], ["q"], ["p", "q"]])
def test_gradients_under_other_names_are_refused(names):
    with refused(ValueError, f"gradients: expected ['p'], got {names}"):
        check(lambda p: p, {"p": np.zeros(1)}, np.ones(1), dict.fromkeys(names, np.ones(1)))


def test_a_gradient_of_another_shape_is_refused():
    with refused(ValueError, "analytic: expected the oracle's shape (1,), got ()"):
        check(lambda p: p, {"p": np.zeros(1)}, np.ones(1), {"p": np.array(1.0)})


@pytest.mark.parametrize("dtype", ["int64", "complex128", "float16"])
def test_inputs_of_other_dtypes_are_refused(dtype):
    message = f"inputs['p']: expected dtype float32 or float64, got {dtype}"
    with refused(TypeError, message):
        check(lambda p: p, {"p": np.zeros(1, dtype)}, np.ones(1), {"p": np.ones(1)})


@pytest.mark.parametrize("oracle", ORACLES)
def test_float32_has_options_of_its_own(oracle):
    p = {"p": np.full(2, 3, np.float32), "q": np.full(2, 2.0)}
    right = {"p": np.full(2, 2.0), "q": np.full(2, 3.0)}
    report = check(lambda p, q: p * q, p, np.ones(2), right, oracle=oracle)
    assert report.passed
    assert report.threshold == gradcheck.SINGLE[oracle].threshold
    wrong = right | {"q": np.array([3.0, 3.3])}
    assert not check(lambda p, q: p * q, p, np.ones(2), wrong, oracle=oracle).passed
    assert check(lambda p, q: p * q, p, np.ones(2), wrong, oracle=oracle, threshold=0.2).passed


@pytest.mark.parametrize("oracle", ["central", "complex"])
@pytest.mark.parametrize("seed", range(5))
def test_an_lstm_in_float32_passes_and_a_bug_of_one_per_cent_does_not(oracle, seed):
    """5% for differences in float32, which see the first two digits of the largest elements."""

    def wrong(*arguments):
        gradients = lstm.backward(*arguments)
        gradients.dc0[:] *= np.float32(1.05 if oracle == "central" else 1.01)
        return gradients

    problem = draw(seed=seed, dtype=np.float32)
    assert check_lstm(lstm.forward, lstm.backward, problem, oracle=oracle).passed
    report = check_lstm(lstm.forward, wrong, problem, oracle=oracle)
    assert not report.passed
    assert report.worst.name == "c0"


@pytest.mark.parametrize("oracle", ["central", "complex"])
@pytest.mark.parametrize(
    ("cotangents", "got"),
    [
        (np.ones(2), "[(2,)]"),
        ((np.ones(2),), "[(2,)]"),
        ((np.ones(2), np.ones(1)), "[(2,), (1,)]"),  # would broadcast
        ((np.ones(2), 1.0), "[(2,), ()]"),
        ((np.ones(2), np.ones(3), np.ones(3)), "[(2,), (3,), (3,)]"),
    ],
)
def test_cotangents_of_other_shapes_are_refused(oracle, cotangents, got):
    inputs, _, gradients = draw_two_outputs()
    with refused(ValueError, f"cotangents: expected the outputs' shapes [(2,), (3,)], got {got}"):
        check(two_outputs, inputs, cotangents, gradients, oracle=oracle)


@pytest.mark.parametrize("there", [[np.ones(2)] * 2, [np.ones(1)], [np.ones((2, 1))], []])
def test_a_function_whose_outputs_have_other_shapes_elsewhere_is_refused(there):
    """Else outputs would be broadcast, or those that one side lacks go unchecked."""

    def function(p):
        return there if np.real(p) > 1 else np.ones(2)

    start, ahead = {"p": np.array(1.0)}, {"p": np.array(1.0)}
    shapes = [y.shape for y in there]
    with refused(FunctionError, f"{SAME_SHAPES} {shapes} and [(2,)]"):
        central_differences(function, start, np.ones(2))
    with refused(FunctionError, f"{SAME_SHAPES} {shapes} and [(2,)]"):
        derivative_along(function, start, ahead, oracle="central")


def same(x):
    return x


X2, W2 = {"x": np.ones(2)}, np.ones(2)
NONE = "at least one, as nothing would be checked, got none"
FUNCTION = "expected a function, got 3"


def of_lstm(**given):
    usual = {"forward": lstm.forward, "backward": lstm.backward, "problem": random_problem()}
    return check_lstm(**(usual | given))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: of_lstm(only="X"), TypeError, "only: expected a list of names, got 'X'"),
        (lambda: of_lstm(only=3), TypeError, "only: expected a list of names, got 3"),
        (lambda: of_lstm(only=["Z"]), ValueError,
         "only: expected names among ['WLSTM', 'X', 'c0', 'h0'], got ['Z']"),
        (lambda: of_lstm(only=[]), ValueError, f"only: expected the name of {NONE}"),
        (lambda: check(same, X2, W2, {}, only=()), ValueError,
         f"only: expected the name of {NONE}"),
        (lambda: check(lambda: W2, {}, W2, {}), ValueError, f"inputs: expected {NONE}"),
        (lambda: check(same, {"x": None}, W2, X2), TypeError,
         "inputs['x']: expected an array, got None"),
        (lambda: check(same, X2, W2, X2, floor=1.001), ValueError,
         "floor: expected a number from 0 to 1, got 1.001"),
        (lambda: of_lstm(problem=None), TypeError, "problem: expected a Problem, got None"),
        (lambda: of_lstm(forward=3), TypeError, f"forward: {FUNCTION}"),
        (lambda: of_lstm(backward=3), TypeError, f"backward: {FUNCTION}"),
        (lambda: of_lstm(judge=3), TypeError, f"judge: {FUNCTION}"),
        (lambda: of_lstm(forward=lambda **_: (1, 2)), TypeError,
         "forward: expected it to return a cache, got (1, 2)"),
        (lambda: pullback(lstm.forward, lstm.backward, [1]), TypeError,
         "inputs: expected a dictionary of arrays, got [1]"),
        (lambda: jax_vjp(same, X2, np.ones(3)), ValueError,
         "cotangents: expected the outputs' shapes [(2,)], got [(3,)]"),
        (lambda: derivative_along(same, X2, {"y": W2}), ValueError,
         "direction: expected names among ['x'], got ['y']"),
        (lambda: derivative_along(same, X2, {"x": np.ones(1)}), ValueError,
         "direction['x']: expected shape (2,), got (1,)"),
        (lambda: derivative_along(same, X2, X2, oracle="jax"), ValueError,
         "oracle: expected one of ['central', 'complex'], got 'jax'"),
    ],
)  # fmt: skip
def test_what_would_not_be_checked_is_refused(call, error, message):
    with refused(error, message):
        call()


@pytest.mark.parametrize("directions", [None, 2])
def test_delta_is_how_far_elements_and_directions_move(directions):
    """Of a cubic the error is delta**2: none is seen with a small step, one with a large step."""
    for delta, passes in ((None, True), (1e-5, True), (0.5, False)):
        options = {"directions": directions, "delta": delta, "floor": 1}
        assert check(lambda x: x**3, X2, W2, {"x": 3 * W2}, **options).passed == passes


def judged(oracle, function, inputs, **more):
    """What an oracle or a derivative along a direction makes of a function of two outputs."""
    if oracle == "along":
        return derivative_along(function, inputs, inputs, **more)
    return ORACLES[oracle](function, inputs, W2, **more)


@pytest.mark.parametrize("oracle", [*ORACLES, "along"])
@pytest.mark.parametrize(
    ("function", "inputs", "error", "message"),
    [
        (3, X2, TypeError, f"function: {FUNCTION}"),
        (same, [1.0], TypeError, "inputs: expected a dictionary of arrays, got [1.0]"),
        (same, {"x": np.ones(2, int)}, TypeError,
         "inputs['x']: expected floating-point numbers, got dtype int64"),
        (same, {"x": np.ones(2, complex)}, TypeError,
         "inputs['x']: expected floating-point numbers, got dtype complex128"),
        (same, {"x": ["a", "b"]}, TypeError,
         "inputs['x']: expected floating-point numbers, got dtype <U1"),
    ],
)  # fmt: skip
def test_an_oracle_refuses_what_it_cannot_judge(oracle, function, inputs, error, message):
    with refused(error, message):
        judged(oracle, function, inputs)


@pytest.mark.parametrize("oracle", ["central", "complex", "along"])
@pytest.mark.parametrize("delta", [0, -1e-5, np.inf, np.nan])
def test_an_oracle_refuses_to_move_by_nothing(oracle, delta):
    with refused(ValueError, f"delta: expected a positive number, got {float(delta)}"):
        judged(oracle, same, X2, delta=delta)


@pytest.mark.parametrize("oracle", ["central", "complex"])
def test_an_oracle_refuses_places_in_an_input_that_does_not_exist(oracle):
    with refused(ValueError, "only: expected names among ['x'], got ['y']"):
        judged(oracle, same, X2, only={"y": [(0,)]})


SAME_SHAPES = "function: expected outputs of the same shapes for all inputs, got"


def test_a_function_whose_outputs_have_other_shapes_for_complex_numbers_is_refused():
    def function(p):
        return np.ones(1 if p.dtype.kind == "c" else 2) * p

    with refused(FunctionError, f"{SAME_SHAPES} [(1,)] and [(2,)]"):
        check_analytic(function, {"p": np.array(1.0)})


# Problems


def test_a_problem_has_the_shapes_asked_for():
    problem = random_problem(2, 3, 5, 4)
    assert {name: value.shape for name, value in problem.inputs.items()} == {
        "X": (2, 3, 5), "WLSTM": (10, 16), "c0": (3, 4), "h0": (3, 4)
    }  # fmt: skip
    assert [value.shape for value in problem.cotangents] == [(2, 3, 4), (3, 4), (3, 4)]
    default = random_problem()
    assert default.inputs["X"].shape == (5, 3, 10)
    assert default.cotangents[1].shape == (3, 4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_in_a_problem_is_zero_or_repeated(dtype):
    problem = random_problem(dtype=dtype)
    arrays = (*problem.inputs.values(), *problem.cotangents)
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}
    numbers = np.concatenate([array.ravel() for array in arrays])
    assert (numbers != 0).all()
    assert len(set(np.abs(numbers).tolist())) > 0.99 * numbers.size


def test_each_seed_gives_a_problem_of_its_own():
    seeds = (0, 1, 2, 999, 1000, 1001, 2**31, 2**32, 2**32 + 1, 2**63, 2**64)
    first = {random_problem(seed=seed).inputs["X"][0, 0, 0] for seed in seeds}
    assert len(first) == len(seeds)


@pytest.mark.parametrize("oracle", ORACLES)
@pytest.mark.parametrize("only", [None, ["a"], ["b"]])
def test_a_derivative_that_is_a_little_wrong_fails_whatever_is_asked_for(oracle, only):
    inputs = {"a": np.array([0.5, -1.2]), "b": np.array([0.3, 0.8, -0.6])}
    cotangents = np.array([1.5, -0.7]), np.array([0.4, 1.1, -2.0])
    true = jax_vjp(two_outputs, inputs, cotangents)
    names = only or list(inputs)
    right = {name: true[name] for name in names}
    assert check(two_outputs, inputs, cotangents, right, oracle=oracle, only=only).passed
    for name in names:
        wrong = {**right, name: right[name] * (1 + 1e-5)}
        assert not check(two_outputs, inputs, cotangents, wrong, oracle=oracle, only=only).passed


def test_problems_are_standard_normal_and_the_weights_scaled():
    problem = random_problem(40, 30, 20, 30)
    WLSTM = problem.inputs["WLSTM"]
    scaled = WLSTM[1:] * np.sqrt(20 + 30)
    others = [value for name, value in problem.inputs.items() if name != "WLSTM"]
    for array in (scaled, WLSTM[0], *others, *problem.cotangents):
        # the mean has a spread of 1 / sqrt(N), the spread one of 1 / sqrt(2 N)
        assert abs(array.mean()) < 4 / np.sqrt(array.size)
        assert abs(array.std() - 1) < 4 / np.sqrt(2 * array.size)


def test_a_problem_is_drawn_by_its_seed():
    first, again, other = random_problem(), random_problem(seed=0), random_problem(seed=1)
    for name, value in first.inputs.items():
        np.testing.assert_array_equal(value, again.inputs[name])
        assert (value != other.inputs[name]).all()


def step_values():
    X, W, c_prev, h_prev = random_problem(1, 3, 5, 4).inputs.values()
    return reference.forward(X[0], W, c_prev, h_prev)


def test_every_derivative_of_the_table_is_checked_as_asked():
    v = step_values()
    checks = check_steps(v, oracle="complex", threshold=0.25)
    assert [(c.output, c.input, c.label) for c in checks] == [
        (step.name, name, label)
        for step in reference.STEPS
        for name, (label, _) in step.backward.items()
    ]
    for c in checks:
        assert (c.report.oracle, c.report.threshold) == ("complex", 0.25)
        assert c.report.checked == getattr(v, c.input).size


def test_a_wrong_derivative_in_the_table_is_found(monkeypatch):
    *others, last = reference.STEPS
    label, right = last.backward["o"]
    wrong = last._replace(backward=last.backward | {"o": (label, lambda v, dh: 2 * right(v, dh))})
    monkeypatch.setattr(reference, "STEPS", (*others, wrong))
    failed = [c for c in check_steps(step_values()) if not c.report.passed]
    assert [(c.output, c.input) for c in failed] == [("h", "o")]


def test_of_equally_wrong_elements_the_first_is_the_worst():
    inputs, cotangents, gradients = draw_two_outputs()
    zero = {name: 0 * gradient for name, gradient in gradients.items()}
    report = check(two_outputs, inputs, cotangents, zero, oracle="complex")
    assert (report.worst.name, report.worst.index, report.worst.error) == ("a", (0,), 1.0)


def test_options_are_given_by_name():
    inputs, cotangents, gradients = draw_two_outputs()
    for call in (
        lambda: check(two_outputs, inputs, cotangents, gradients, "complex"),
        lambda: random_problem(1, 2, 3, 4, 5),
        lambda: gradcheck.check_lstm(lstm.forward, lstm.backward, random_problem(), None),
        lambda: check_steps(step_values(), 1),
    ):
        with pytest.raises(TypeError, match="positional argument"):
            call()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("oracle", ["derived", "numerical", "both"])
def test_what_is_no_number_never_passes(bad, oracle):
    """Not even where the oracle gives the same: nobody has judged it."""
    a, n = np.array([[1.0, 2.0, 3.0]]), np.array([[1.0, 2.0, 3.0]])
    if oracle != "numerical":
        a[0, 1] = bad
    if oracle != "derived":
        n[0, 1] = bad
    with np.errstate(invalid="ignore"):
        error = relative_error(a, n)
    assert not error[0, 1] <= 0.999


def test_threads_that_check_at_once_leave_the_filters_of_warnings_as_they_were():
    """Each would restore what it found, which may be what the other one has set."""
    before, inside = list(warnings.filters), []

    def slow(x):
        if np.iscomplexobj(x):
            inside.append(threading.current_thread())
            time.sleep(0.1)
        return x * x

    def ask():
        check_analytic(slow, {"x": np.array([1.0, 2.0])})

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
        time.sleep(0.05)
    for thread in threads:
        thread.join()
    assert inside == threads
    assert warnings.filters == before
