"""What makes a gradient check pass by accident is refused; the laws hold of what is right only."""

import itertools
import re
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import draw, refused

import lstm
from lstm import functions, gradcheck
from lstm.functions import check_still
from lstm.gradcheck import (
    FunctionError,
    GradientError,
    Law,
    check,
    check_lstm,
    complex_step,
    derivative_along,
    dot_product,
    linearity,
    pullback,
    symmetry,
    taylor,
)
from lstm.zoo import ZOO, plant

ONE = {"p": np.array([1.0, 2.0])}
ONES = np.ones(2)


def backward_times(factor, name="dWLSTM"):
    def wrong(*arguments):
        result = lstm.backward(*arguments)
        return result._replace(**{name: factor * getattr(result, name)})

    return wrong


# What would make any gradient pass


@pytest.mark.parametrize("oracle", gradcheck.THRESHOLDS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": t}, f"threshold: expected a number below 1, as no error exceeds 1, got {t}")
        for t in (np.inf, 1.0, -1e-9, np.nan)
    ]
    + [
        ({"floor": f}, f"floor: expected a number from 0 to 1, got {f}")
        for f in (np.inf, 1.1, -1.0, np.nan)
    ]
    + [
        ({name: n}, f"{name}: expected at least 1, got {n}")
        for name in ("sample", "directions")
        for n in (0, -1)
    ]
    + [
        (
            {"sample": 1, "directions": 1},
            "sample: expected None beside directions, which compare no elements",
        ),
        ({"only": ["q"]}, "only: expected names among ['p'], got ['q']"),
    ],
)
def test_options_under_which_everything_passes_are_refused(oracle, options, message):
    with refused(ValueError, message):
        check(lambda p: p, ONE, ONES, {"p": ONES}, oracle=oracle, **options)


@pytest.mark.parametrize("oracle", ["central", "complex"])
@pytest.mark.parametrize("delta", [0, 0.0, -1e-5, np.inf, np.nan])
def test_a_delta_that_moves_nothing_is_refused(oracle, delta):
    with refused(ValueError, f"delta: expected a positive number, got {float(delta)}"):
        check(lambda p: p, ONE, ONES, {"p": ONES}, oracle=oracle, delta=delta)


@pytest.mark.parametrize("oracle", gradcheck.THRESHOLDS)
def test_cotangents_that_are_all_zero_are_refused(oracle):
    message = (
        "cotangents: expected some that are not zero: with none the gradient 0 is always right"
    )
    with refused(ValueError, message):
        check(lambda p: (p, p), ONE, (0 * ONES, 0 * ONES), {"p": 0 * ONES}, oracle=oracle)
    assert check(lambda p: (p, p), ONE, (0 * ONES, ONES), {"p": ONES}, oracle=oracle).passed


@pytest.mark.parametrize("oracle", ["central", "complex"])
@pytest.mark.parametrize("scale", [1e-200, 1e-100, 1e-10, 1e-3, 1e3, 1e10, 1e100])
def test_a_gradient_wrong_by_a_factor_fails_at_any_scale(oracle, scale):
    problem = draw(n=2, b=2, D=2, H=2)
    scaled = problem._replace(cotangents=tuple(scale * w for w in problem.cotangents))
    assert check_lstm(lstm.forward, lstm.backward, scaled, oracle=oracle).passed
    for factor in (0.0, 1 + 1e-5, 2.0):
        wrong = backward_times(factor)
        assert not check_lstm(lstm.forward, wrong, scaled, oracle=oracle).passed, factor


def test_a_tiny_gradient_of_one_input_beside_a_large_one():
    inputs = {"p": np.array([1.0]), "q": np.array([1.0])}
    for wrong in (0.0, 2e-12):
        right = {"p": np.array([3.0]), "q": np.array([wrong])}
        report = check(lambda p, q: 3 * p + 1e-12 * q, inputs, np.ones(1), right, oracle="complex")
        assert (report.passed, report.worst.name) == (False, "q")


# Functions that no oracle can judge


def changes(p):
    p *= 2
    return p.copy()


def test_a_function_that_changes_its_inputs_is_found_out():
    message = "function: it changes its input 'p'; let it work on a copy"
    for options in ({"oracle": "central"}, {"oracle": "complex"}, {"directions": 2}):
        with refused(FunctionError, message):
            check(changes, ONE, ONES, {"p": 2 * ONES}, **options)
    assert ONE["p"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("oracle", gradcheck.THRESHOLDS)
def test_a_function_that_is_not_deterministic_is_found_out(oracle):
    rng = np.random.default_rng(0)
    message = (
        "function: output 1 differs when it is called again with the same inputs; "
        "fix its seed, switch dropout off, keep no state between calls"
    )
    with refused(FunctionError, message):
        check(lambda p: (p, p * rng.random()), ONE, (ONES, ONES), {"p": 2 * ONES}, oracle=oracle)


@pytest.mark.parametrize("counts", [(2, 1), (1, 2), (0, 1), (1, 0)])
def test_a_function_whose_outputs_come_and_go_is_found_out(counts):
    first, second = counts
    calls = iter(counts)
    message = (
        f"function: it returned {first} outputs, and {second} when it was called again with the "
        "same inputs; keep no state between calls"
    )
    with refused(FunctionError, message):
        check_still(lambda p: next(calls) * (p,), ONE)


def test_a_function_whose_outputs_change_their_shape_is_found_out():
    outputs = iter([np.zeros((2, 1)), np.zeros(2)])
    with pytest.raises(FunctionError, match=r"^function: output 0 differs when it is called again"):
        check_still(lambda p: next(outputs), ONE)


NOT_ANALYTIC = {
    "abs": lambda p: np.abs(p - 1.5),
    "abs of what is positive": lambda p: np.abs(p),
    "real": lambda p: p.real**2,
    "real inside": lambda p: p * p.real,
    "conj": lambda p: np.conj(p) ** 2,
    "var": lambda p: np.var(p),
    "norm": lambda p: np.linalg.norm(p),
    "a branch": lambda p: p**2 if np.isrealobj(p) else p,
    "only one of many": lambda p: np.append(p**2, np.abs(p[0])),
    "hidden in a sum": lambda p: 1e3 + p + 0.1 * np.abs(p),
    "tiny": lambda p: 1e-9 * np.abs(p - 1.5),
    "a tiny step that is steep": lambda p: 1 + 3e-13 * np.tanh(1e9 * (p.real - 1)),
}


@pytest.mark.parametrize("name", NOT_ANALYTIC)
def test_a_function_that_is_not_analytic_is_found_out(name):
    function = NOT_ANALYTIC[name]
    w = np.ones(np.shape(function(ONE["p"])))
    advice = r"is not analytic: .* by the complex step and .* by central differences; look for abs"
    with pytest.raises(FunctionError, match=advice):
        complex_step(function, ONE, w)
    with pytest.raises(FunctionError, match=advice):
        check(function, ONE, w, {"p": 0 * ONES}, oracle="complex")
    with pytest.raises(FunctionError, match=advice):
        check(function, ONE, w, {"p": 0 * ONES}, oracle="complex", directions=3)


@pytest.mark.parametrize(
    "function", [lambda p: p.astype(float), lambda p: np.floor(p), lambda p: np.arctan2(p, 1.0)]
)
def test_a_function_that_takes_no_complex_numbers_is_found_out(function):
    with pytest.raises(FunctionError, match=r"it does not run on complex numbers .*; look for abs"):
        check(function, ONE, ONES, {"p": ONES}, oracle="complex")


ANALYTIC = {
    "relu by a mask": lambda p: np.where(p.real > 1.5, p, 0),
    "a polynomial of large numbers": lambda p: (1e5 * p) ** 2,
    "nothing moves": lambda p: 0 * p + 7,
    "flat": lambda p: np.tanh(50 * p),
    "steep": lambda p: np.tanh(1e4 * (p - 1)),
    "integer results beside": lambda p: (p, np.arange(2.0)),
    "beside a large constant": lambda p: 1e10 + p**2,
}


def test_tiny_numbers_move_as_little():
    functions.check_analytic(lambda p: 1 / p, {"p": np.array([1e-8, 2e-8])})


def test_a_function_that_is_not_analytic_at_zero_is_found_out():
    with pytest.raises(FunctionError, match="is not analytic"):
        functions.check_analytic(lambda p: p.real, {"p": np.zeros(2)})


def test_what_is_no_floating_point_number_stays_as_it_is():
    def function(p, k, z, keep, name):
        assert (k.dtype.kind, z.dtype.kind, keep.dtype.kind, name.dtype.kind) == tuple("icbU")
        return (p**k + z.real)[keep]

    inputs = {"p": np.array([1.0, 2.0]), "k": 2, "z": 1j, "keep": np.array([True, False])}
    inputs["name"] = "x"
    functions.check_analytic(function, inputs)
    (found,) = derivative_along(function, inputs, {"p": np.array([0.5, 1.0])})
    assert found == pytest.approx([1.0])


def test_it_is_said_why_a_function_is_not_analytic_and_where_first():
    """Slopes as central differences over 1e-6 find them."""
    advice = 'look for abs, real, conj, var, norm or a cast on the way, or use oracle="central"'
    v = np.random.default_rng(0).standard_normal(3)
    slope = np.tanh(1e6 * 1e-6 * v[1]) / 1e-6
    message = (
        "function: output 1 is not analytic: along a random direction its derivative is 0 by the "
        f"complex step and {slope:.3g} by central differences; {advice}"
    )
    with refused(FunctionError, message):
        functions.check_analytic(
            lambda p: (p, np.where([False, True, True], np.tanh(1e6 * p.real), p)),
            {"p": np.zeros(3)},
        )
    message = (
        "function: it does not run on complex numbers (ComplexWarning: Casting complex values to "
        f"real discards the imaginary part); {advice}"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with refused(FunctionError, message):
            functions.check_analytic(lambda p: p.astype(float), ONE)


def test_other_warnings_of_a_function_are_left_to_whoever_calls_it():
    def warns(p):
        warnings.warn("so many", stacklevel=1)
        return p

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        functions.check_analytic(function=warns, inputs=ONE)


@pytest.mark.parametrize("delta", [0.5, 1.0])
def test_central_differences_move_by_delta_in_total_and_the_complex_step_along_v(delta):
    """Of cubes, where the error says how far it was moved."""
    inputs = {"p": np.array([1.0, -2.0]), "q": np.array([0.5])}
    v = {"p": np.array([3.0, -1.0]), "q": np.array([2.0])}
    by = delta / np.sqrt(9 + 1 + 4)
    for oracle, error in {"central": by**2, "complex": -(delta**2)}.items():
        found = derivative_along(
            function=lambda p, q: (p**3, q**3), inputs=inputs, direction=v, oracle=oracle,
            delta=delta,
        )  # fmt: skip
        for y, name in zip(found, inputs, strict=True):
            want = 3 * inputs[name] ** 2 * v[name] + error * v[name] ** 3
            np.testing.assert_allclose(y, want, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: derivative_along(sine, X2, {"x": np.ones(3)}), ValueError,
         "direction['x']: expected shape (2,), got (3,)"),
        (lambda: derivative_along(sine, X2, X2, oracle=3), TypeError,
         "oracle: expected text, got 3"),
        (lambda: derivative_along(sine, X2, X2, delta="x"), TypeError,
         "delta: expected a number, got 'x'"),
        (lambda: derivative_along(sine, {"x": [[1], [1, 2]]}, {"x": 1}), ValueError,
         "inputs['x']: expected an array, got [[1], [1, 2]]"),
        (lambda: functions.check_cotangents("a"), TypeError,
         "cotangents: expected real numbers, got dtype <U1"),
    ],
)  # fmt: skip
def test_what_cannot_be_moved_is_refused_by_its_name(call, error, message):
    with refused(error, message):
        call()


@pytest.mark.parametrize("name", ANALYTIC)
def test_what_is_analytic_passes(name):
    functions.check_analytic(ANALYTIC[name], ONE)


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 1e3, 1e6])
@pytest.mark.parametrize("seed", range(3))
def test_the_lstm_is_analytic_at_any_scale(scale, seed):
    inputs = draw(seed=seed).inputs
    for name in inputs:
        scaled = {k: v * (scale if k == name else 1.0) for k, v in inputs.items()}
        functions.check_analytic(lambda **i: lstm.forward(**i)[:3], scaled)


# Parts of the gradients


def large(wrong=None):
    problem = draw(n=6, b=4, D=20, H=16)
    derived = dict(pullback(lstm.forward, lstm.backward, problem.inputs)(*problem.cotangents))
    if wrong is not None:
        derived[wrong[0]] = derived[wrong[0]].copy()
        derived[wrong[0]][wrong[1]] *= 1.1

    def forward(**inputs):
        return lstm.forward(**inputs)[:3]

    return forward, problem.inputs, problem.cotangents, derived


@pytest.mark.parametrize("oracle", ["central", "complex"])
def test_a_sample_checks_so_many_elements_of_each_input(oracle):
    report = check(*large(), oracle=oracle, sample=7)
    assert report.passed
    assert report.checked == 4 * 7
    for name, errors in report.errors.items():
        assert errors.shape == large()[1][name].shape
        assert errors.count() == 7
    assert check(*large(), oracle=oracle, sample=7, seed=1).errors["X"].mask.sum() > 0
    masks = [check(*large(), oracle=oracle, sample=7, seed=s).errors["X"].mask for s in (0, 0, 1)]
    assert (masks[0] == masks[1]).all()
    assert (masks[0] != masks[2]).any()


@pytest.mark.parametrize("oracle", ["central", "complex", "jax"])
@pytest.mark.parametrize("sample", [1, 51, 200, 999, 1000])
def test_a_sample_may_be_of_any_size(oracle, sample):
    x, w = np.random.default_rng(0).standard_normal((2, 1000))
    sine = jnp.sin if oracle == "jax" else np.sin
    with jax.enable_x64(True):
        report = check(lambda x: sine(x), {"x": x}, w, {"x": w * np.cos(x)}, oracle=oracle,
                       sample=sample)  # fmt: skip
    assert report.passed
    assert report.checked == sample


def test_a_sample_finds_a_wrong_block_and_its_place():
    report = check(*large(("WLSTM", np.s_[:, 16:32])), oracle="complex", sample=20)
    assert not report.passed
    assert report.worst.name == "WLSTM"
    assert 16 <= report.worst.index[1] < 32
    whole = check(*large(("c0", (3, 15))), oracle="complex", sample=10**6, only=None)
    assert whole.worst.index == (3, 15)
    assert whole.checked == sum(v.size for v in large()[1].values())


def test_a_sample_of_jax_and_of_nothing():
    report = check(lambda p: p**2, ONE, ONES, {"p": 2 * ONE["p"]}, oracle="jax", sample=1)
    assert report.checked == 1
    nothing = {"p": np.zeros((0, 2))}
    assert check(lambda p: p, nothing, np.zeros((0, 2)), nothing, sample=3).worst is None


@pytest.mark.parametrize("oracle", ["central", "complex"])
@pytest.mark.parametrize("name", ["X", "WLSTM", "c0", "h0"])
def test_directions_find_a_mistake_in_any_input(oracle, name):
    report = check(*large(), oracle=oracle, directions=3)
    assert report.passed, str(report)
    assert {errors.shape for errors in report.errors.values()} == {(3,)}
    report = check(*large((name, np.s_[:2])), oracle=oracle, directions=3)
    assert not report.passed
    assert report.worst.name == name


def test_directions_work_with_jax_too_and_say_which_shape_is_wrong():
    right = {"p": 2 * ONE["p"]}
    assert check(lambda p: p**2, ONE, ONES, right, oracle="jax", directions=2).passed
    wrong = {"p": np.array([2.0, 4.1])}
    assert not check(lambda p: p**2, ONE, ONES, wrong, oracle="jax", directions=2).passed
    with refused(ValueError, "gradients['p']: expected shape (2,), got (1,)"):
        check(lambda p: p**2, ONE, ONES, {"p": np.ones(1)}, directions=1)


def test_only_some_inputs_and_the_others_may_be_anything():
    inputs = {"p": np.array([3.0]), "k": 2, "name": "x"}

    def function(p, k, name):
        assert isinstance(name, str)
        return p**k

    for oracle in gradcheck.THRESHOLDS:
        right = {"p": np.array([6.0])}
        report = check(function, inputs, np.ones(1), right, oracle=oracle, only=["p"])
        assert report.passed
        assert report.checked == 1
    with refused(ValueError, "gradients: expected ['p'], got ['k', 'p']"):
        check(function, inputs, np.ones(1), {"p": 1, "k": 2}, only=["p"])
    problem = draw()
    report = check_lstm(lstm.forward, backward_times(2, "dX"), problem, only=["WLSTM", "c0"])
    assert report.passed
    assert list(report.errors) == ["WLSTM", "c0"]
    for oracle, dtype in itertools.product(("central", "complex"), (np.float32, np.float64)):
        problem = draw(dtype=dtype)
        assert check_lstm(lstm.forward, lstm.backward, problem, oracle=oracle, only=["c0"]).passed


# The laws


def loss_of(problem):
    return lambda **inputs: lstm.forward(**inputs)[:3]


def laws_of(forward, backward, problem):
    """All four laws of an LSTM."""
    inputs, w = problem
    function = lambda **inputs: forward(**inputs)[:3]  # noqa: E731
    pull = pullback(forward, backward, inputs)

    def gradient(**given):
        dtype = given["X"].dtype
        pulled = pullback(forward, backward, given)(*(a.astype(dtype) for a in w))
        return pulled

    return {
        "taylor": taylor(function, inputs, w, pull(*w)),
        "dot_product": dot_product(function, pull, inputs),
        "linearity": linearity(pull, w),
        "symmetry": symmetry(gradient, inputs),
    }


@pytest.mark.parametrize("seed", range(5))
def test_all_laws_hold_of_the_lstm(seed):
    for shape in ((5, 3, 10, 4), (1, 1, 1, 1), (30, 8, 3, 12)):
        for law in laws_of(lstm.forward, lstm.backward, draw(*shape, seed=seed)).values():
            assert law.raise_if_failed() is law


@pytest.mark.parametrize("name", ["X", "WLSTM", "c0", "h0"])
def test_a_factor_on_one_gradient_breaks_three_laws_and_is_linear(name):
    laws = laws_of(lstm.forward, backward_times(1.01, f"d{name}"), draw())
    assert {law for law, result in laws.items() if not result.passed} == {
        "taylor", "dot_product", "symmetry",
    }  # fmt: skip
    assert laws["taylor"].values[name] < 1.2
    assert all(slope > 1.9 for other, slope in laws["taylor"].values.items() if other != name)


def test_a_clip_that_no_oracle_reaches_breaks_linearity_alone():
    def clipped(*arguments):
        return lstm.Gradients(*(np.clip(a, -100, 100) for a in lstm.backward(*arguments)))

    problem = draw()
    assert check_lstm(lstm.forward, clipped, problem, oracle="complex").passed
    laws = laws_of(lstm.forward, clipped, problem)
    assert {law for law, result in laws.items() if not result.passed} == {"linearity"}
    single = draw(dtype=np.float32)
    assert linearity(pullback(lstm.forward, lstm.backward, single.inputs), single.cotangents).passed
    assert not linearity(pullback(lstm.forward, clipped, single.inputs), single.cotangents).passed


def test_the_laws_and_the_zoo():
    """Every published backward mistake breaks Taylor's law and the dot product."""
    problem = draw()
    for bug in ZOO.values():
        if bug.kind == "backward":
            broken = plant(bug)
            laws = laws_of(broken.forward, broken.backward, problem)
            assert not laws["taylor"].passed, bug.name
            assert not laws["dot_product"].passed, bug.name


def test_taylor_of_a_linear_function_is_exact_or_wrong():
    assert taylor(lambda p: 3 * p, ONE, ONES, {"p": 3 * ONES}).value == np.inf
    wrong = taylor(lambda p: 3 * p, ONE, ONES, {"p": 3.1 * ONES})
    np.testing.assert_allclose(wrong.value, 1, atol=1e-3)
    assert not wrong.passed


def exp_of(x):
    return np.exp(x)


@pytest.mark.parametrize("factor", [1 + 1e-4, 1 + 1e-3, 1.1, 2.0, 0.0, -1.0])
def test_the_slope_needs_no_threshold_on_the_error(factor):
    law = taylor(exp_of, {"x": np.array([0.3, 0.5])}, ONES, {"x": factor * np.exp([0.3, 0.5])})
    assert not law.passed


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_breaks_every_law(value):
    bad = {"x": np.array([value, 1.0])}
    x = {"x": np.array([0.3, 0.5])}
    with np.errstate(invalid="ignore"):
        assert not taylor(exp_of, x, ONES, bad).passed
        assert not dot_product(exp_of, lambda w: bad, x).passed
        assert not linearity(lambda w: bad, ONES).passed
        assert not symmetry(lambda x: bad, x).passed


def test_a_gradient_without_imaginary_parts_is_no_case_for_the_law_of_symmetry():
    with pytest.raises(FunctionError, match="is not analytic"):
        symmetry(lambda x: {"x": 2 * x.real}, {"x": np.array([0.3, 0.5])})


def test_a_dot_product_by_central_differences():
    function = NOT_ANALYTIC["abs"]
    sign = np.sign(ONE["p"] - 1.5)
    right, wrong = (
        dot_product(function, lambda w, k=k: {"p": k * w * sign}, ONE, oracle="central")
        for k in (1, 1.001)
    )
    assert (right.passed, wrong.passed) == (True, False)
    assert (right.bound, len(right.values)) == (1e-7, 5)
    assert (
        len(dot_product(function, lambda w: {"p": w}, ONE, oracle="central", trials=2).values) == 2
    )


@pytest.mark.parametrize(("oracle", "tolerance"), [("central", 1e-8), ("complex", 1e-14)])
def test_a_derivative_along_a_direction(oracle, tolerance):
    inputs = {"a": np.array([1.0, 2.0]), "b": np.array(3.0)}
    first, second = derivative_along(
        lambda a, b: (a**2 * b, b**3), inputs, {"a": np.array([0.5, -1.0])}, oracle=oracle
    )
    np.testing.assert_allclose(first, [3.0, -12.0], rtol=tolerance)
    assert second == 0
    both = derivative_along(
        lambda a, b: a * b, inputs, {"a": ONES, "b": np.array(2.0)}, oracle=oracle, delta=1e-4
    )
    np.testing.assert_allclose(both[0], [5.0, 7.0], rtol=1e-8)
    assert not derivative_along(lambda a, b: a, inputs, {}, oracle=oracle)[0].any()


@pytest.mark.parametrize(
    ("returned", "count"), [(lambda g: g[:3], 3), (lambda g: [*g, 0], 5), (lambda g: g[1][:4], 1)]
)
def test_a_pullback_of_another_number_of_gradients_is_refused(returned, count):
    problem = draw()
    pull = pullback(lstm.forward, lambda *a: returned(lstm.backward(*a)), problem.inputs)
    says = "backward: expected it to return the gradients of X, WLSTM, c0 and h0, got {} of 4"
    with refused(ValueError, says.format(count)):
        pull(*problem.cotangents)


@pytest.mark.parametrize(
    ("law", "text"),
    [
        (
            Law("taylor", 1.04, 1.9, {"X": 2.0, "c0": 1.04}),
            "FAILED: taylor: slope 1.04, at least 1.9 asked for; worst: c0",
        ),
        (
            Law("linearity", 1e-13, 1e-12, {"sum": 1e-13, "times 2**4": 0.0}),
            "passed: linearity: relative error 1.0e-13, at most 1e-12 asked for; worst: sum",
        ),
        (
            Law("symmetry", np.nan, 1e-11, {"trial 0": 1.0, "trial 1": np.nan}),
            "FAILED: symmetry: relative error nan, at most 1e-11 asked for; worst: trial 1",
        ),
    ],
)
def test_a_law_in_words(law, text):
    assert str(law) == text
    if not law.passed:
        with pytest.raises(GradientError, match=re.escape(text)):
            law.raise_if_failed()


def test_laws_draw_by_their_seeds():
    problem = draw()
    pull = pullback(lstm.forward, lstm.backward, problem.inputs)
    function = loss_of(problem)
    results = [dot_product(function, pull, problem.inputs, seed=s).values for s in (0, 0, 1)]
    assert results[0] == results[1] != results[2]
    slopes = [
        taylor(function, problem.inputs, problem.cotangents, pull(*problem.cotangents), seed=s)
        for s in (0, 0, 1)
    ]
    assert slopes[0] == slopes[1] != slopes[2]
    assert linearity(pull, problem.cotangents, powers=(3,)).values.keys() == {"sum", "times 2**3"}


def of_squares(factor):
    def pull(w):
        gradient = 2 * SQUARED["p"] * w
        gradient[-1] *= factor
        return {"p": gradient}

    return pull


SQUARED = {"p": np.linspace(1, 2, 7)}


@pytest.mark.parametrize("oracle", ["central", "complex"])
@pytest.mark.parametrize("trials", [1, 2])
def test_a_law_of_few_trials_finds_a_mistake(trials, oracle):
    """Whatever direction is drawn, and in however many."""
    for seed in range(4):
        for factor in (1, 1.01):
            law = dot_product(lambda p: p**2, of_squares(factor), SQUARED, trials=trials,
                              seed=seed, oracle=oracle)  # fmt: skip
            assert law.passed == (factor == 1)
            assert len(law.values) == trials
            turned = symmetry(lambda p, k=factor: {"p": p * p[::-1] ** k}, SQUARED, trials=trials,
                              seed=seed)  # fmt: skip
            assert not turned.passed
            straight = symmetry(lambda p, k=factor: {"p": k * p**3}, SQUARED, trials=trials)
            assert straight.passed


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_mistake_is_found_in_either_precision(dtype):
    p, w = (SQUARED["p"].astype(dtype), np.ones(7, dtype))
    assert linearity(lambda w: {"p": 2 * p * w}, w).passed
    assert not linearity(lambda w: {"p": 2 * p * w + w.dtype.type(1)}, w).passed


def test_of_no_numbers_everything_is_symmetric():
    found = symmetry(lambda p: {"p": p}, {"p": np.zeros((0, 2))})
    assert found.passed
    assert found.values["trial 0"] == 0
    assert linearity(lambda w: {"p": np.zeros((0, 2))}, ONES).value == 0


X2 = {"x": np.array([1.0, 2.0])}
W2 = np.array([0.3, -0.7])
DX2 = {"x": W2 * np.cos(X2["x"])}
NOT_ZERO = "cotangents: expected some that are not zero: with none the gradient 0 is always right"
RELATIVE = "bound: expected a relative error from 0 up to below 1, got"
SLOPE = "bound: expected a slope above 1, that of a wrong gradient, and up to 2, got"


def of_sines(**given):
    return taylor(**({"function": sine, "inputs": X2, "cotangents": W2, "gradients": DX2} | given))


def of_pairs(pullback, **given):
    return dot_product(**({"function": sine, "pullback": pullback, "inputs": X2} | given))


def sine(x):
    return np.sin(x)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: of_sines(gradients={}), ValueError, "gradients: expected ['x'], got []"),
        (lambda: of_sines(gradients=DX2 | {"y": W2}), ValueError,
         "gradients: expected ['x'], got ['x', 'y']"),
        (lambda: of_sines(gradients=[W2]), TypeError,
         "gradients: expected a dictionary of arrays, got [array([ 0.3, -0.7])]"),
        (lambda: of_sines(gradients={"x": W2[:1]}), ValueError,
         "gradients['x']: expected shape (2,), got (1,)"),
        (lambda: of_sines(gradients={"x": 1j * W2}), TypeError,
         "gradients['x']: expected real numbers, got dtype complex128"),
        (lambda: of_sines(cotangents=W2[:1]), ValueError,
         "cotangents: expected the outputs' shapes [(2,)], got [(1,)]"),
        (lambda: of_sines(cotangents=(W2, W2)), ValueError,
         "cotangents: expected the outputs' shapes [(2,)], got [(2,), (2,)]"),
        (lambda: of_sines(cotangents=0 * W2), ValueError, NOT_ZERO),
        (lambda: of_sines(function=3), TypeError, "function: expected a function, got 3"),
        (lambda: of_sines(inputs=[3]), TypeError,
         "inputs: expected a dictionary of arrays, got [3]"),
        (lambda: of_sines(inputs={"x": np.float32([1, 2])}), TypeError,
         "inputs['x']: expected dtype float64, got float32"),
        (lambda: of_sines(bound=1), ValueError, f"{SLOPE} 1"),
        (lambda: of_sines(bound=2.1), ValueError, f"{SLOPE} 2.1"),
        (lambda: of_sines(bound=np.nan), ValueError, f"{SLOPE} nan"),
        (lambda: of_sines(bound="2"), TypeError, "bound: expected a number, got '2'"),
        (lambda: of_pairs(lambda w: {}), ValueError, "pullback(...): expected ['x'], got []"),
        (lambda: of_pairs(lambda w: {"y": w}), ValueError,
         "pullback(...): expected ['x'], got ['y']"),
        (lambda: of_pairs(lambda w: 3), TypeError,
         "pullback(...): expected a dictionary of arrays, got 3"),
        (lambda: of_pairs(lambda w: {"x": w[:1]}), ValueError,
         "pullback(...)['x']: expected shape (2,), got (1,)"),
        (lambda: of_pairs(lambda w: DX2, function=None), TypeError,
         "function: expected a function, got None"),
        (lambda: of_pairs(lambda w: DX2, oracle="jax"), ValueError,
         "oracle: expected one of ['central', 'complex'], got 'jax'"),
        (lambda: of_pairs(lambda w: DX2, bound=1), ValueError, f"{RELATIVE} 1"),
        (lambda: of_pairs(lambda w: DX2, bound=np.nan), ValueError, f"{RELATIVE} nan"),
        (lambda: linearity(lambda w: {}, W2), ValueError,
         "pullback(...): expected at least one gradient, got none"),
        (lambda: linearity(lambda w: (w,), 1.0), TypeError,
         "pullback(...): expected a dictionary of arrays, got (array(1.),)"),
        (lambda: linearity(lambda w: {"x" if w[0] == 0.3 else "y": w}, W2), ValueError,
         "pullback(...): expected ['x'], got ['y']"),
        (lambda: linearity(lambda w: {"x": w if w[0] == 0.3 else w[:1]}, W2), ValueError,
         "pullback(...)['x']: expected shape (2,), got (1,)"),
        (lambda: linearity(lambda w: {"x": w}, 0 * W2), ValueError, NOT_ZERO),
        (lambda: linearity(lambda w: {"x": w}, np.array([1, 2])), TypeError,
         "cotangents: expected dtype float32 or float64, got int64"),
        (lambda: linearity(lambda w: {"x": w}, W2, powers=(1024,)), ValueError,
         "powers[0]: expected at most 1023, got 1024"),
        (lambda: linearity(lambda w: {"x": w}, W2, powers=(-1023,)), ValueError,
         "powers[0]: expected at least -1022, got -1023"),
        (lambda: linearity(lambda w: {"x": w}, W2, bound=-1e-9), ValueError, f"{RELATIVE} -1e-09"),
        (lambda: symmetry(lambda x: {}, X2), ValueError, "gradient(...): expected ['x'], got []"),
        (lambda: symmetry(lambda x: x, X2), TypeError,
         "gradient(...): expected a dictionary of arrays, got array([1., 2.])"),
        (lambda: symmetry(lambda x: {"x": x[:1]}, X2), ValueError,
         "gradient(...)['x']: expected shape (2,), got (1,)"),
        (lambda: symmetry(lambda x: {"x": x}, X2, bound=1.0), ValueError, f"{RELATIVE} 1.0"),
    ],
)  # fmt: skip
def test_what_a_law_would_not_check_is_refused(call, error, message):
    with refused(error, message):
        call()


def test_the_largest_powers_and_bounds_will_do():
    w = np.array([1, -1.5])  # a power of 2 is exact, without a bit lost
    assert linearity(lambda w: {"x": w}, w, powers=(-1022, 1023), bound=0.0).passed
    assert of_sines(bound=1.5).passed


def test_laws_without_a_trial_are_refused():
    with refused(ValueError, "trials: expected at least 1, got 0"):
        dot_product(lambda p: p, lambda w: {"p": w}, ONE, trials=0)
    with refused(ValueError, "trials: expected at least 1, got 0"):
        symmetry(lambda p: {"p": p}, ONE, trials=0)


# What the laws measure, beside the definitions


def sizes(*arrays):
    return np.sqrt(sum((a**2).sum() for a in arrays))


def relative(left, right, first, second):
    """The difference of two products of vectors, as `dot_product` and `symmetry` measure it."""
    usual = sizes(*first) * sizes(*second) / np.sqrt(sum(a.size for a in second))
    return abs(left - right) / max(abs(left), abs(right), usual)


MATRIX = np.array([[1.0, 2.0, -0.5], [0.25, -3.0, 1.5]])


@pytest.mark.parametrize("options", [{}, {"seed": 3, "trials": 2}])
@pytest.mark.parametrize("factor", [1.001, -1.0, 30.0])
def test_the_dot_product_is_measured_as_it_is_defined(factor, options):
    """Of A a + b, with a pullback that is wrong in the first gradient."""
    inputs = {"a": np.array([0.5, -1.0, 2.0]), "b": np.array([3.0, 0.125])}
    law = dot_product(
        lambda a, b: (MATRIX @ a + b, 2 * b),
        lambda y, z: {"a": factor * (y @ MATRIX), "b": y + 2 * z},
        inputs, **options,
    )  # fmt: skip
    rng, want = np.random.default_rng(options.get("seed", 0)), {}
    for trial in range(options.get("trials", 5)):
        y, z = rng.standard_normal(2), rng.standard_normal(2)
        u, v = rng.standard_normal(3), rng.standard_normal(2)
        a, b = factor * (y @ MATRIX), y + 2 * z
        left = y @ (MATRIX @ u + v) + z @ (2 * v)
        want[f"trial {trial}"] = relative(left, a @ u + b @ v, (a, b), (u, v))
    assert law.values == pytest.approx(want, rel=1e-9)
    assert law.name == "dot_product"
    assert (law.bound, law.value) == (1e-12, max(law.values.values()))


@pytest.mark.parametrize("options", [{}, {"seed": 3, "trials": 2}])
@pytest.mark.parametrize("factor", [1.001, -1.0, 30.0])
def test_symmetry_is_measured_as_it_is_defined(factor, options):
    """Of what is not the gradient of anything: H = [[1, A], [factor A^T, 0]] times (a, b)."""
    inputs = {"a": np.array([0.5, -1.0]), "b": np.array([3.0, 0.125, 1.0])}

    def times(a, b):
        return {"a": a + MATRIX @ b, "b": factor * (a @ MATRIX)}

    law = symmetry(times, inputs, **options)
    rng, want = np.random.default_rng(options.get("seed", 0)), {}
    for trial in range(options.get("trials", 5)):
        u, v = ([rng.standard_normal(2), rng.standard_normal(3)] for _ in range(2))
        Hu, Hv = (list(times(*d).values()) for d in (u, v))
        left, right = u[0] @ Hv[0] + u[1] @ Hv[1], v[0] @ Hu[0] + v[1] @ Hu[1]
        want[f"trial {trial}"] = relative(left, right, Hu, v)
    assert law.values == pytest.approx(want, rel=1e-9)
    assert (law.name, law.bound, law.value) == ("symmetry", 1e-11, max(law.values.values()))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_linearity_is_measured_as_it_is_defined(dtype):
    """Of two gradients: 3 w, which is linear, and z + 0.25, which is not."""
    w, z = np.array([0.5, -2.0], dtype), np.array([[0.125], [0.0625]], dtype)
    law = linearity(lambda w, z: {"p": 3 * w, "q": z + dtype(0.25)}, (w, z))
    rng = np.random.default_rng(0)
    rng.standard_normal(2)
    other = rng.standard_normal((2, 1)).astype(dtype)
    q, most = z.astype(float) + 0.25, np.abs(z + other + 0.5).max()
    want = {"sum": 0.25 / most}
    for power in (-100, -40, -10, 10, 40, 100):
        factor = dtype(2.0) ** power
        off = (z * factor + dtype(0.25)) / factor - (z + dtype(0.25))
        want[f"times 2**{power}"] = np.abs(off).max() / q.max()
    assert law.values == pytest.approx(want, rel=1e-6)
    assert (law.name, law.value) == ("linearity", max(law.values.values()))
    assert law.bound == (1e-5 if dtype == np.float32 else 1e-12)
    other = linearity(lambda w, z: {"q": z + dtype(0.25)}, (w, z), seed=1).values["sum"]
    assert other != law.values["sum"]


def test_linearity_of_two_precisions_has_the_wider_bound():
    both = (np.ones(2, np.float32), np.ones(2))
    assert linearity(lambda w, z: {"p": w, "q": z}, both).bound == 1e-5


def test_a_gradient_of_zero_that_does_not_stay_zero_is_off_by_all_of_it():
    law = linearity(lambda w: {"p": np.where(w > 1, w, 0.0)}, np.array([1.0]), powers=(-1, 1))
    assert law.values["times 2**-1"] == 0
    assert law.values["times 2**1"] == 1


@pytest.mark.parametrize("seed", [None, 4])
@pytest.mark.parametrize(
    ("offset", "curved", "quartic", "kept"),
    [
        (0.0, 1.0, 1e8, 7), (0.0, 1e-3, 0.0, 7), (1.0, 1e-5, 30.0, 5), (2.0, 3e-7, 0.2, 4),
        (1.0, 3e-9, 0.0, 2), (0.1, 3e-10, 0.0, 2), (1.0, 3e-10, 0.0, 1), (1.0, 3e-12, 0.0, 0),
    ],
)  # fmt: skip
def test_the_slope_is_measured_as_it_is_defined(offset, curved, quartic, kept, seed):
    """Of a sum of powers at 0: over the last three of those points that are not rounding."""
    inputs = {"p": np.zeros(1), "q": np.zeros(2)}

    def function(p, q):
        return offset + curved * p**2 + quartic * p**4 + 0 * q.sum(), q**2

    options = {} if seed is None else {"seed": seed}
    gradients = {"p": np.zeros(1), "q": np.zeros(2)}
    law = taylor(function, inputs, (np.array([-2.0]), np.zeros(2)), gradients, **options)
    points = []
    for t in 10.0 ** np.array([-2, -2.5, -3, -3.5, -4, -4.5, -5]):
        start, there = -2 * offset, -2 * (offset + curved * t**2 + quartic * t**4)
        if abs(there - start) > 1e-14 * abs(start):
            points.append((np.log10(t), np.log10(abs(there - start))))
    assert len(points) == kept
    if kept < 2:
        assert law.values["p"] == np.inf
    else:
        slope = np.polyfit(*np.transpose(points[-3:]), 1)[0]
        assert law.values["p"] == pytest.approx(slope, rel=1e-9)
    assert law.values["q"] == np.inf
    assert (law.name, law.bound) == ("taylor", 1.9)
    assert law.value == min(law.values.values())


@pytest.mark.parametrize("seed", [None, 4])
def test_the_directions_of_taylor_are_random_and_of_length_one(seed):
    p, scale = np.zeros(3), np.array([1e8, 1e3, 0.0])
    options = {} if seed is None else {"seed": seed}
    law = taylor(lambda p: p**2 + scale * p**4, {"p": p}, np.ones(3), {"p": p}, **options)
    v = np.random.default_rng(seed or 0).standard_normal(3)
    v /= np.sqrt(v @ v)
    t = 10.0 ** np.array([-4, -4.5, -5])
    rest = [(k * v) @ (k * v) + scale @ (k * v) ** 4 for k in t]
    slope = np.polyfit(np.log10(t), np.log10(rest), 1)[0]
    assert law.value == pytest.approx(slope, rel=1e-9)


def test_a_law_holds_at_its_bound():
    assert Law("taylor", 1.9, 1.9, {"p": 1.9}).passed
    assert Law("linearity", 1e-12, 1e-12, {"sum": 1e-12}).passed


@pytest.mark.parametrize("values", [{"a": 1.0, "b": np.nan}, {"a": np.nan, "b": 1.0}])
def test_a_law_with_a_nan_says_where(values):
    worst = max(values, key=lambda name: np.isnan(values[name]))
    for name in ("taylor", "symmetry"):
        assert str(Law(name, np.nan, 0.5, values)).endswith(f"worst: {worst}")
        assert str(Law(name, np.nan, 0.5, {"c": -9.0, **values})).endswith(f"worst: {worst}")


@pytest.mark.parametrize("when", [0.3, 0.6])
def test_a_law_with_a_nan_has_the_value_nan(when):
    """Whichever of the numbers it is."""
    law = linearity(lambda w: {"p": np.where(w == when, np.nan, w)}, np.array([0.3]), powers=(1, 2))
    assert np.isnan(law.value)
    assert not law.passed


def test_options_of_laws_have_names_and_arguments_may():
    pull = dict.fromkeys(["x"])
    for call in (
        lambda: taylor(sine, X2, W2, DX2, 0),
        lambda: dot_product(sine, pull, X2, "complex"),
        lambda: linearity(lambda w: {"x": w}, W2, (1,)),
        lambda: symmetry(lambda x: {"x": x}, X2, 5),
        lambda: derivative_along(sine, X2, X2, "complex"),
        lambda: functions.check_analytic(sine, X2, 1e-3),
    ):
        with pytest.raises(TypeError, match="positional arguments but"):
            call()
    assert linearity(pullback=lambda w: {"x": w}, cotangents=W2).passed
    assert symmetry(gradient=lambda x: {"x": x}, inputs=X2).passed


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: of_sines(bound=0.5), ValueError, f"{SLOPE} 0.5"),
        (lambda: of_sines(inputs={"x": np.longdouble([1, 2])}), TypeError,
         f"inputs['x']: expected dtype float64, got {np.dtype(np.longdouble)}"),
        (lambda: of_sines(gradients={"x": np.ones(3)}), ValueError,
         "gradients['x']: expected shape (2,), got (3,)"),
        (lambda: of_pairs(lambda w: DX2, bound=1.5), ValueError, f"{RELATIVE} 1.5"),
        (lambda: of_pairs(lambda w: DX2, bound="x"), TypeError,
         "bound: expected a number, got 'x'"),
        (lambda: symmetry(3, X2), TypeError, "gradient: expected a function, got 3"),
        (lambda: symmetry(lambda x: {"x": x}, [3]), TypeError,
         "inputs: expected a dictionary of arrays, got [3]"),
    ],
)  # fmt: skip
def test_what_else_a_law_would_not_check_is_refused(call, error, message):
    with refused(error, message):
        call()


def test_the_largest_slope_may_be_asked_for():
    assert of_sines(bound=2).bound == 2


@pytest.mark.parametrize("factor", [1.001, -1.0])
def test_laws_of_one_number_and_of_none(factor):
    x = {"x": np.array(2.0)}
    law = dot_product(lambda x: 3 * x, lambda w: {"x": 3 * factor * w}, x, trials=1)
    w, v = np.random.default_rng(0).standard_normal(2)
    want = relative(3 * w * v, 3 * factor * w * v, [3 * factor * w], [v])
    assert law.value == pytest.approx(want, rel=1e-9)
    none = {"x": np.zeros((0, 2))}
    assert dot_product(lambda x: x, lambda w: {"x": w}, none).value == 0
    law = symmetry(lambda x: {"x": 3 * x}, x, bound=None)
    assert (law.passed, law.bound) == (True, 1e-11)
