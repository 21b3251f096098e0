"""Every element, or every direction, of every gradient beside an oracle."""

import jax.numpy as jnp
import numpy as np
import pytest
from helpers import refused

import lstm
from lstm.compare import check
from lstm.report import relative_error

ORACLES = ["central", "complex", "jax"]


class Cubes:
    """Sums of x cubed along the last axis, which notes with what it is called."""

    def __init__(self):
        self.calls = []

    def __call__(self, x, **others):
        self.calls.append({"x": x, **others})
        return (x**3).sum(axis=-1)


def problem(shape=(4, 5), dtype="f8", seed=3):
    rng = np.random.default_rng(seed)
    x, w = rng.standard_normal(shape).astype(dtype), rng.standard_normal(shape[:-1]).astype(dtype)
    return {"x": x}, w, {"x": 3 * w[..., None] * x**2}


def checked(function=None, **options):
    """A check of right gradients, some arguments of which are others."""
    inputs, w, gradients = problem()
    given = {"inputs": inputs, "cotangents": w, "gradients": gradients} | options
    return check(function or Cubes(), **given)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"function": 3}, TypeError, "function: expected a function, got 3"),
        ({"inputs": None}, TypeError, "inputs: expected a dictionary of arrays, got None"),
        ({"oracle": 3}, TypeError, "oracle: expected text, got 3"),
        ({"oracle": "Jax"}, ValueError,
         "oracle: expected one of ['central', 'complex', 'jax'], got 'Jax'"),
        ({"inputs": {"x": np.ones((4, 5), int)}}, TypeError,
         "inputs['x']: expected dtype float32 or float64, got int64"),
        ({"inputs": {"x": np.ones((4, 5), "f2")}}, TypeError,
         "inputs['x']: expected dtype float32 or float64, got float16"),
        ({"threshold": "small"}, TypeError, "threshold: expected a number, got 'small'"),
        ({"floor": "low"}, TypeError, "floor: expected a number, got 'low'"),
        ({"floor": -0.5}, ValueError, "floor: expected a number from 0 to 1, got -0.5"),
        ({"floor": -1e-9}, ValueError, "floor: expected a number from 0 to 1, got -1e-09"),
        ({"floor": 1.5}, ValueError, "floor: expected a number from 0 to 1, got 1.5"),
        ({"threshold": -1e-9}, ValueError,
         "threshold: expected a number below 1, as no error exceeds 1, got -1e-09"),
        ({"directions": 2, "gradients": {"x": np.ones((1, 5))}}, ValueError,
         "gradients['x']: expected shape (4, 5), got (1, 5)"),
        ({"directions": 2, "gradients": {"x": np.ones((4, 9))}}, ValueError,
         "gradients['x']: expected shape (4, 5), got (4, 9)"),
        ({"directions": 2, "gradients": {"x": np.ones(())}}, ValueError,
         "gradients['x']: expected shape (4, 5), got ()"),
        ({"directions": 2, "gradients": {"x": np.ones((9, 4, 5))}}, ValueError,
         "gradients['x']: expected shape (4, 5), got (9, 4, 5)"),
    ],
)  # fmt: skip
def test_what_could_make_any_gradient_pass_is_refused(options, error, message):
    with refused(error, message):
        checked(**options)


REFUSED = [{"delta": 0}, {"floor": 2}, {"floor": -0.5}, {"threshold": 1}, {"sample": 0}]


@pytest.mark.parametrize("options", REFUSED)
@pytest.mark.parametrize("directions", [{}, {"directions": 3}])
@pytest.mark.parametrize("oracle", ["central", "complex"])
def test_a_function_that_may_take_long_is_not_called_in_vain(options, directions, oracle):
    cubes = Cubes()
    with pytest.raises(ValueError, match=f"^{next(iter(options))}: expected"):
        checked(cubes, oracle=oracle, **options, **directions)
    assert cubes.calls == []


def test_the_ends_of_what_an_option_may_be():
    """No error at all is asked for, and there is none, where numbers are small and whole."""
    inputs, w, gradients = {"x": np.array([[1.0, 2.0]])}, np.array([2.0]), {"x": np.full((1, 2), 2)}
    for floor in (0, 1):
        report = check(lambda x: x.sum(axis=-1), inputs, w, gradients, oracle="complex",
                       delta=2.0**-99, threshold=0, floor=floor)  # fmt: skip
        assert report.passed
        assert report.threshold == report.worst.error == 0


@pytest.mark.parametrize("floor", [0.0, 0.25, 1.0])
def test_the_floor_is_that_of_the_errors(floor):
    inputs, w, gradients = problem()
    wrong = {"x": gradients["x"] + 1e-3}
    report = check(Cubes(), inputs, w, wrong, oracle="complex", floor=floor)
    expected = relative_error(wrong["x"], gradients["x"], floor)
    np.testing.assert_allclose(report.errors["x"], expected, rtol=1e-9)
    assert not np.allclose(expected, relative_error(wrong["x"], gradients["x"]), rtol=1e-3)


@pytest.mark.parametrize("oracle", ORACLES)
@pytest.mark.parametrize("shape", [(7,), (4, 5), (2, 3, 4)])
def test_a_sample_is_drawn_by_its_seed_and_no_more_is_computed(oracle, shape):
    inputs, w, gradients = problem(shape)
    seen, calls = {}, {}
    for seed in (None, 0, 1):
        cubes, options = Cubes(), {} if seed is None else {"seed": seed}
        report = check(cubes, inputs, w, gradients, oracle=oracle, sample=3, **options)
        assert report.passed
        assert report.checked == 3
        seen[seed], calls[seed] = ~np.ma.getmaskarray(report.errors["x"]), len(cubes.calls)
        assert seen[seed].shape == shape
    np.testing.assert_array_equal(seen[None], seen[0])
    assert (seen[0] != seen[1]).any()
    cubes = Cubes()
    whole = check(cubes, inputs, w, gradients, oracle=oracle)
    assert whole.checked == np.prod(shape)
    each = {"central": 2, "complex": 1, "jax": 0}[oracle]  # calls for each element
    assert len(cubes.calls) - calls[0] == each * (np.prod(shape) - 3)


def test_a_number_has_one_element_and_an_empty_array_none():
    inputs, gradients = {"x": np.array(2.0)}, {"x": np.array(12.0)}
    report = check(lambda x: x**3, inputs, np.array(1.0), gradients, oracle="complex", sample=4)
    assert (report.checked, report.passed) == (1, True)
    inputs = {"x": np.array([2.0]), "none": np.zeros((0, 3))}
    gradients = {"x": np.array([12.0]), "none": np.zeros((0, 3))}
    report = check(lambda x, none: x**3 + none.sum(), inputs, np.ones(1), gradients, sample=2)
    assert (report.checked, report.passed) == (1, True)


@pytest.mark.parametrize("oracle", ["central", "complex"])
@pytest.mark.parametrize("directions", [{}, {"directions": 2}])
def test_inputs_that_stay_get_the_precision_of_those_that_move(oracle, directions):
    """`lstm.forward` takes no two dtypes at once, so it could not be called otherwise."""
    p = lstm.gradcheck.random_problem(3, 2, 4, 5, dtype=np.float32)
    cache = lstm.forward(**p.inputs).cache
    dX = lstm.backward(p.cotangents[0], cache, *p.cotangents[1:]).dX

    def states(X, WLSTM, c0, h0, steps):
        assert steps.dtype == np.int64
        assert X.dtype == WLSTM.dtype == c0.dtype == h0.dtype
        return lstm.forward(X, WLSTM, c0, h0)[:3]

    inputs = p.inputs | {"steps": np.arange(3)}
    report = check(
        states, inputs, p.cotangents, {"X": dX}, only=["X"], oracle=oracle, **directions
    )  # fmt: skip
    assert report.passed
    assert report.worst.error < (1e-2 if oracle == "central" else 1e-5)


def test_numbers_that_vanish_are_no_error():
    """A complex step of 1e-30 of what is tiny is zero, whatever the caller asks for."""
    x = np.array([1e-300, 2e-200])
    with np.errstate(all="raise"):
        report = check(lambda x: x**2, {"x": x}, np.ones(2), {"x": 2 * x}, oracle="complex")
    assert report.worst.error < 1e-90


def test_what_is_no_floating_point_number_is_handed_on_as_it_is():
    inputs, w, gradients = problem()
    text, whole = "any text", np.arange(3)
    cubes = Cubes()
    given = inputs | {"text": text, "whole": whole}
    assert check(cubes, given, w, gradients, only=["x"], oracle="complex").passed
    assert {call["x"].dtype.name for call in cubes.calls} == {"float64", "complex128"}
    for call in cubes.calls:
        assert call["text"] is text
        assert call["whole"] is whole


def test_what_has_the_right_precision_is_handed_on_as_it_is():
    inputs, w, gradients = problem()
    text, whole, single = "any text", np.arange(3), np.ones(2, "f4")
    cubes = Cubes()
    given = inputs | {"text": text, "whole": whole, "single": single}
    assert check(cubes, given, w, gradients, only=["x"]).passed
    for call in cubes.calls:
        assert call["text"] is text
        assert call["whole"] is whole
        assert call["single"] is single


def test_along_directions_by_the_oracle_that_is_asked_for():
    """The complex step takes the size of a number for no number at all."""
    inputs, w, _ = problem()
    sizes = {"x": w[:, None] * np.sign(inputs["x"])}

    def function(x):
        return np.abs(x).sum(axis=-1)

    assert check(function, inputs, w, sizes, oracle="central", directions=4).passed
    with pytest.raises(ValueError, match="not analytic"):
        check(function, inputs, w, sizes, oracle="complex", directions=4)
    exact = checked(oracle="complex", directions=4)
    assert exact.worst.error < 1e-14
    assert checked(oracle="central", directions=4).worst.error > exact.worst.error


def test_products_along_a_direction_are_summed_in_double_precision():
    """In float32 a sum would lose most of the small products beside a large one."""
    x = np.zeros(4000, "f4")
    large = np.ones(4000, "f4")
    large[0] = 1e12
    report = check(lambda x: large @ x, {"x": x}, np.float32(1), {"x": large}, oracle="jax",
                   directions=5, floor=0)  # fmt: skip
    assert set(report.errors["x"]) == {0.0}
    off = large.copy()
    off[1:] = 1e6
    report = check(lambda x: large @ x, {"x": x}, np.float32(1), {"x": off}, oracle="jax",
                   directions=1, floor=0)  # fmt: skip
    v = np.random.default_rng(0).standard_normal(4000)
    a, n = (float(np.sum(g * v)) for g in (off.astype("f8"), large.astype("f8")))
    assert report.errors["x"][0] == pytest.approx(abs(a - n) / (abs(a) + abs(n)), rel=1e-12)


def test_jax_asks_for_no_step():
    inputs, w, gradients = problem()

    def function(x):
        return jnp.sum(x**3, axis=-1)

    assert check(function, inputs, w, gradients, oracle="jax", delta=0).passed
