"""The reference step: every operation and every derivative in the table, judged from outside."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy
from helpers import draw, freeze, read_by, refused

from lstm import reference, steps
from lstm.book.labels import LABEL
from lstm.gradcheck import check, check_steps

INPUTS = ("x", "W", "c_prev", "h_prev")
COMPUTED = tuple(step.name for step in reference.STEPS)
DERIVATIVES = [(step, name) for step in reference.STEPS for name in step.backward]
BY_NAME = [f"{step.name} by {name}" for step, name in DERIVATIVES]
THRESHOLDS = {"central": 1e-6, "complex": 1e-12, "jax": 1e-12}


def draw_step():
    """Random inputs of one step by name, and cotangents of h and c."""
    inputs, (_, dc, dh) = draw(n=1, b=3, D=5, H=2, seed=1)
    (x,), W, c_prev, h_prev = inputs.values()
    return {"x": x, "W": W, "c_prev": c_prev, "h_prev": h_prev}, dh, dc


def test_forward_is_the_lstm_as_the_literature_writes_it():
    inputs, _, _ = draw_step()
    x, W, c_prev, h_prev = inputs.values()
    v = reference.forward(**inputs)

    raw = W[0] + x @ W[1:6] + h_prev @ W[6:]
    z_i, z_f, z_o, z_g = raw[:, :2], raw[:, 2:4], raw[:, 4:6], raw[:, 6:]
    i, f, o = (1 / (1 + np.exp(-z)) for z in (z_i, z_f, z_o))
    g = np.tanh(z_g)
    c = f * c_prev + i * g
    expected = {
        "u": np.hstack([np.ones((3, 1)), x, h_prev]), "z": raw,
        "z_i": z_i, "i": i, "z_f": z_f, "f": f, "z_o": z_o, "o": o, "z_g": z_g, "g": g,
        "c": c, "s": np.tanh(c), "h": o * np.tanh(c),
    }  # fmt: skip
    assert tuple(expected) == COMPUTED
    for name, value in (inputs | expected).items():
        np.testing.assert_allclose(getattr(v, name), value, rtol=1e-14, err_msg=name, strict=True)


@pytest.mark.parametrize("oracle", THRESHOLDS)
def test_every_derivative_in_the_table_on_its_own(oracle):
    checks = check_steps(reference.forward(**draw_step()[0]), oracle=oracle)
    assert [(c.output, c.input) for c in checks] == [(s.name, name) for s, name in DERIVATIVES]
    for c in checks:
        assert c.report.worst.error < THRESHOLDS[oracle], f"{c.output} by {c.input}: {c.report}"


@pytest.mark.parametrize("oracle", THRESHOLDS)
@pytest.mark.parametrize("name", [*INPUTS, *COMPUTED])
def test_total_gradient_of_every_value(name, oracle):
    """What backward says of any value in the middle, against moving that value in forward."""
    inputs, dh, dc = draw_step()
    v = reference.forward(**inputs)

    def results(**replaced):
        moved = reference.forward(**(inputs | replaced))
        return moved.h, moved.c

    gradient = getattr(reference.backward(v, dh, dc), name)
    report = check(results, {name: getattr(v, name)}, (dh, dc), {name: gradient}, oracle=oracle)
    assert report.worst.error < THRESHOLDS[oracle], str(report)


@pytest.mark.parametrize(("step", "name"), DERIVATIVES, ids=BY_NAME)
def test_every_derivative_proved_symbolically(step, name):
    """The table's own lines run on symbols, and SymPy differentiates."""
    b, D, H = 2, 3, 2
    shapes = {"x": (b, D), "W": (1 + D + H, 4 * H), "u": (b, 1 + D + H), "z": (b, 4 * H)}
    v = steps.Values()
    for value in (*INPUTS, *COMPUTED):
        setattr(v, value, Symbols.named(value, shapes.get(value, (b, H))))
    setattr(v, step.name, step.forward(v))  # now an expression in the symbols
    output = getattr(v, step.name)
    cotangent = Symbols.named("w", output.shape)

    derived = step.backward[name][1](v, cotangent)
    free = getattr(v, name)
    assert derived.shape == free.shape
    loss = sum((cotangent * output).flat)
    for index, symbol in np.ndenumerate(free):
        assert sympy.expand(derived[index] - sympy.diff(loss, symbol)) == 0


class Symbols(np.ndarray):
    """An array of SymPy expressions, on which the lines of the reference step can run."""

    @classmethod
    def named(cls, name, shape):
        return np.array(sympy.symbols(f"{name}:{np.prod(shape)}")).reshape(shape).view(cls)

    def __array_namespace__(self):
        return Symbols

    tanh = np.vectorize(sympy.tanh, otypes=[object])
    concatenate, ones_like, zeros_like = np.concatenate, np.ones_like, np.zeros_like


def test_sigmoid_is_the_logistic_function_symbolically():
    z = sympy.Symbol("z", real=True)
    (sigmoid,) = steps.sigmoid(np.array([z]).view(Symbols))
    logistic = 1 / (1 + sympy.exp(-z))
    assert sympy.simplify((sympy.nsimplify(sigmoid) - logistic).rewrite(sympy.exp)) == 0


@pytest.mark.parametrize(("step", "name"), DERIVATIVES, ids=BY_NAME)
def test_a_derivative_wrong_in_one_element_is_caught(step, name, monkeypatch):
    label, derivative = step.backward[name]

    def wrong(v, cotangent):
        gradient = np.array(derivative(v, cotangent))
        gradient[-1, -1] += 1e-3
        return gradient

    monkeypatch.setitem(step.backward, name, (label, wrong))
    failed = [
        (c.output, c.input)
        for c in check_steps(reference.forward(**draw_step()[0]), oracle="complex")
        if not c.report.passed
    ]
    assert failed == [(step.name, name)]


def test_no_value_that_a_step_reads_lacks_a_derivative():
    v = reference.forward(**draw_step()[0])
    for step in reference.STEPS:
        assert read_by(step, v) == set(step.backward), step.name


def test_steps_are_in_order():
    known = list(INPUTS)
    for step in reference.STEPS:
        assert set(step.backward) <= set(known), f"{step.name} uses what is computed later"
        assert step.name not in known
        known.append(step.name)


def test_labels_are_labels_and_each_derivative_has_its_own():
    forward = {step.label for step in reference.STEPS}
    backward = [step.backward[name][0] for step, name in DERIVATIVES]
    for label in (*forward, *backward):
        assert LABEL.fullmatch(label)
    assert forward.isdisjoint(backward)
    gates = {"eq-dz": 4, "eq-dz-sigmoid": 3}  # one line serves several gates
    assert {label: backward.count(label) for label in backward} == {
        label: gates.get(label, 1) for label in backward
    }


@pytest.mark.parametrize("name", COMPUTED)
def test_a_given_value_replaces_what_a_step_would_compute(name):
    inputs, _, _ = draw_step()
    v = reference.forward(**inputs)
    given = getattr(v, name) + 1
    replaced = reference.forward(**inputs, **{name: given})
    assert getattr(replaced, name) is given
    for before in COMPUTED[: COMPUTED.index(name)]:
        np.testing.assert_array_equal(getattr(replaced, before), getattr(v, before))
    if name != "h":
        assert (replaced.h != v.h).all()


def test_an_unknown_given_value_is_refused():
    message = "given: expected names of values that a step computes, got {'q'}"
    with refused(TypeError, message):
        reference.forward(**draw_step()[0], q=1)


def test_backward_returns_the_gradient_of_every_value_in_its_shape():
    inputs, dh, dc = draw_step()
    v = reference.forward(**inputs)
    freeze(*vars(v).values())  # nothing on the way may be changed
    d = reference.backward(v, dh, dc)
    assert set(vars(d)) == set(vars(v))
    for name, gradient in vars(d).items():
        assert gradient.shape == getattr(v, name).shape, name


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_is_kept(dtype):
    real, dh, dc = draw_step()
    v = reference.forward(**{name: value.astype(dtype) for name, value in real.items()})
    d = reference.backward(v, dh.astype(dtype), dc.astype(dtype))
    assert {array.dtype for array in (*vars(v).values(), *vars(d).values())} == {np.dtype(dtype)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_is_accurate_and_cannot_overflow(dtype):
    z = np.linspace(-30, 30, 601).astype(dtype)
    exact = 1 / (1 + np.exp(-z.astype(np.float64)))
    np.testing.assert_allclose(steps.sigmoid(z), exact, rtol=0, atol=np.finfo(dtype).eps)
    largest = np.array([-np.finfo(dtype).max, np.finfo(dtype).max, -np.inf, np.inf], dtype)
    np.testing.assert_array_equal(steps.sigmoid(largest), np.array([0, 1, 0, 1], dtype))


def test_sigmoid_of_complex_numbers():
    z = np.array([0.3 + 0.2j, -1 + 1j])
    np.testing.assert_allclose(steps.sigmoid(z), 1 / (1 + np.exp(-z)), rtol=1e-15)


def test_glue_joins_the_last_axis_of_any_rank():
    for shape in ((), (3,), (3, 2)):
        assert steps.glue([np.ones((*shape, 1)), np.ones((*shape, 4))]).shape == (*shape, 5)


def test_another_library_comes_before_numpy_whatever_its_name():
    for library in (jax, sympy):  # one before "numpy" in the alphabet, one after
        other = SimpleNamespace(__array_namespace__=lambda library=library: library)
        assert steps.numpy_of(np.zeros(3), other) is library


def test_one_jax_array_is_enough_for_a_jax_result():
    numpy, jaxs = np.ones((2, 1), np.float32), jnp.zeros((2, 3))
    assert steps.numpy_of(numpy) is np
    assert steps.numpy_of(jaxs) is jnp
    for parts in ([numpy, jaxs], [jaxs, numpy]):
        glued = steps.glue(parts)
        assert isinstance(glued, jax.Array)
        np.testing.assert_array_equal(glued, np.concatenate(parts, axis=1))
    assert type(steps.glue([numpy, numpy])) is np.ndarray
    assert isinstance(steps.tanh(jaxs), jax.Array)


def test_underflow_is_no_error_under_errors_for_all():
    """Nor in the oracles, whose complex step lives of tiny numbers."""
    inputs, (_, dCn, dHn) = draw(n=1, b=3, D=5, H=2)
    x, c, h = (1e-305 * inputs[name] for name in ("X", "c0", "h0"))
    with np.errstate(all="raise"):
        v = reference.forward(x[0], inputs["WLSTM"], c, h)
        reference.backward(v, 1e-305 * dHn, 1e-305 * dCn)
        square = {"p": np.array([1e-3, 1e-200])}
        check(
            lambda p: p**2, square, np.ones(2), {"p": 2 * square["p"]}, oracle="complex"
        ).raise_if_failed()
