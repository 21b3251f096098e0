"""The separate-gate cell in Flax, and the scan over a sequence."""

import inspect

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import SHAPES, draw, refused

import lstm
from lstm.cell import PARAMETERS, MyLSTMCell, Sequence, lstm_cell_step, run
from lstm.exchange.cell import fuse, split

D, H = 3, 4
X1, ZERO = np.array([0.1, 0.2, 0.3], np.float32), np.zeros(H, np.float32)


def draw_for_jax(n=5, b=3, D=3, H=4, seed=0):
    """Random parameters, inputs and states in float32, biases and states not zero."""
    X, WLSTM, c0, h0 = draw(n, b, D, H, seed=seed, dtype=np.float32).inputs.values()
    return split(WLSTM), X, c0, h0


@np.errstate(over="ignore")
def separately(params, x, h_prev, c_prev):
    """Compute one step from the equations, in NumPy and float64."""
    p = {name: np.asarray(value, np.float64) for name, value in params.items()}
    v = np.concatenate([x, h_prev], axis=-1).astype(np.float64)
    f, i, o = (1 / (1 + np.exp(-(v @ p[f"W_{k}"] + p[f"b_{k}"]))) for k in "fio")
    g = np.tanh(v @ p["W_g"] + p["b_g"])
    c = f * c_prev + i * g
    return np.concatenate([o * np.tanh(c), c], axis=-1)


@pytest.mark.parametrize(("seed", "batch", "D", "hidden", "size", "dtype"), [
    (5, (), 3, 1, 1, "float32"), (6, (4,), 3, 2, 1, "float32"), (7, (1,), 0, 3, 1, "float32"),
    (8, (40,), 70, 66, 1, "float32"), (9, (2,), 3, 4, 1000, "float32"),
    (2**31 - 1, (2,), 3, 4, 1, "bfloat16"), (0, (), 3, 4, 1, "float16"),
    (2**31 + 7, (2,), 3, 4, 1, "float32"),
])  # fmt: skip
def test_a_step_from_a_seed_is_one_with_the_parameters_of_that_seed(
    seed, batch, D, hidden, size, dtype
):
    rng = np.random.default_rng(0)
    x, h, c = (jnp.asarray(rng.standard_normal((*batch, k)), dtype) for k in (D, hidden, hidden))
    x = x * size
    params = MyLSTMCell(hidden).init(jax.random.PRNGKey(seed), x, h, c)["params"]
    got = lstm_cell_step(seed, x, h, c, hidden)
    within = 1e-5 if dtype == "float32" else 0.05
    assert got.dtype == jnp.result_type(dtype, jnp.float32)
    np.testing.assert_allclose(got, separately(params, x, h, c), rtol=0, atol=within)


# Initialisation


def test_the_golden_numbers():
    hc = lstm_cell_step(0, X1, ZERO, ZERO, H)
    assert (hc.shape, hc.dtype) == ((8,), jnp.float32)
    np.testing.assert_allclose(hc[:2], [0.0170107, 0.02806983], rtol=0, atol=1e-7)


def test_another_seed_gives_another_answer():
    assert (lstm_cell_step(0, X1, ZERO, ZERO, H) != lstm_cell_step(1, X1, ZERO, ZERO, H)).all()


def test_parameters_and_the_order_in_which_they_are_declared(monkeypatch):
    declared = []
    original = nn.Module.param
    monkeypatch.setattr(
        nn.Module, "param", lambda self, name, *a: declared.append(name) or original(self, name, *a)
    )
    variables = MyLSTMCell(hidden=H).init(jax.random.PRNGKey(0), X1, ZERO, ZERO)
    assert declared == ["W_f", "W_i", "W_o", "W_g", "b_f", "b_i", "b_o", "b_g"]
    assert jax.tree.map(lambda value: (value.shape, str(value.dtype)), variables) == {
        "params": {
            **{f"W_{k}": ((7, 4), "float32") for k in "fiog"},
            **{f"b_{k}": ((4,), "float32") for k in "fiog"},
        }
    }


def test_initial_biases_are_zero_and_matrices_lecun_normal_each_its_own():
    size = 200
    zero = jnp.zeros(size)
    params = MyLSTMCell(size).init(jax.random.PRNGKey(0), jnp.ones(50), zero, zero)["params"]
    assert not any(params[f"b_{k}"].any() for k in "fiog")
    matrices = [np.asarray(params[f"W_{k}"]) for k in "fiog"]
    assert len({matrix.tobytes() for matrix in matrices}) == 4
    for matrix in matrices:  # of 50,000 numbers: the spread's own error is 0.3 %
        assert abs(matrix.std() * np.sqrt(50 + size) - 1) < 0.02
        assert np.abs(matrix).max() * np.sqrt(50 + size) < 2.3  # cut off at two sigma, 2 / 0.88


# What it computes


@pytest.mark.parametrize("size", [1, 1000])  # of inputs: gates are then nearly 0 or 1
@pytest.mark.parametrize("shape", [*SHAPES, (1, 3, 0, 2), (1, 1, 1, 1)])
def test_a_step_follows_the_equations(shape, size):
    params, X, c0, h0 = draw_for_jax(*shape)
    X = X * np.float32(size)
    cell = MyLSTMCell(hidden=shape[3])
    expected = separately(params, X[0], h0, c0)
    batch = cell.apply({"params": params}, X[0], h0, c0)
    np.testing.assert_allclose(batch, expected, rtol=0, atol=1e-6)
    single = cell.apply({"params": params}, X[0, 0], h0[0], c0[0])
    np.testing.assert_allclose(single, expected[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", [*SHAPES, (4, 3, 0, 2), (1, 1, 1, 1)])
def test_separate_gates_equal_the_fused_lstm(shape):
    params, X, c0, h0 = draw_for_jax(*shape)
    fused = lstm.forward(X, fuse(params), c0, h0)
    separate = run(params, X, c0, h0)
    for name in ("Hout", "Cn", "Hn"):
        got, expected = getattr(separate, name), getattr(fused, name)
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6, err_msg=name, strict=True)


@pytest.mark.parametrize(
    "shape", [(130, 3, 2, 3), (3, 130, 2, 3), (3, 2, 130, 3), (3, 2, 3, 130), (52, 17, 66, 101)]
)
def test_separate_gates_equal_the_fused_lstm_at_large_sizes(shape):
    with jax.enable_x64(True):
        X, WLSTM, c0, h0 = draw(*shape).inputs.values()
        fused, separate = lstm.forward(X, WLSTM, c0, h0), run(split(WLSTM), X, c0, h0)
        for name in ("Hout", "Cn", "Hn"):
            got, expected = getattr(separate, name), getattr(fused, name)
            np.testing.assert_allclose(got, expected, rtol=0, atol=1e-13, err_msg=name, strict=True)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_cell_equals_flaxs_own(shape):
    _, b, D, H = shape
    params, X, c0, h0 = draw_for_jax(1, b, D, H)
    inputs, states = {}, {}
    for k in "ifog":
        inputs[f"i{k}"] = {"kernel": params[f"W_{k}"][:D]}
        states[f"h{k}"] = {"kernel": params[f"W_{k}"][D:], "bias": params[f"b_{k}"]}
    flax = nn.LSTMCell(features=H)
    (c, h), _ = flax.apply({"params": inputs | states}, (c0, h0), X[0])
    ours = MyLSTMCell(hidden=H).apply({"params": params}, X[0], h0, c0)
    np.testing.assert_allclose(ours, jnp.concatenate([h, c], axis=-1), rtol=0, atol=1e-6)


def test_the_cells_own_parameters_equal_the_fused_lstm_too():
    _, X, c0, h0 = draw_for_jax()
    cell = MyLSTMCell(hidden=H)
    params = cell.init(jax.random.PRNGKey(3), X[0], h0, c0)["params"]
    c, h = lstm.step(X[0], fuse(params), c0, h0)
    hc = cell.apply({"params": params}, X[0], h0, c0)
    np.testing.assert_allclose(hc, np.concatenate([h, c], axis=-1), rtol=0, atol=1e-6)


def test_running_equals_stepping():
    params, X, c0, h0 = draw_for_jax()
    h, c, outputs = h0, c0, []
    for x in X:
        hc = MyLSTMCell(hidden=H).apply({"params": params}, x, h, c)
        h, c = hc[:, :H], hc[:, H:]
        outputs.append(h)
    sequence = run(params, X, c0, h0)
    for got, expected in zip(sequence, (jnp.stack(outputs), c, h), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6)


def test_the_result_is_named_in_the_order_of_forward():
    assert Sequence._fields == lstm.Forward._fields[:3] == ("Hout", "Cn", "Hn")


def test_one_sequence_needs_no_batch():
    params, X, c0, h0 = draw_for_jax()
    batch, single = run(params, X, c0, h0), run(params, X[:, 1], c0[1], h0[1])
    for got, expected in zip(single, (batch.Hout[:, 1], batch.Cn[1], batch.Hn[1]), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6)


def test_states_that_are_not_given_are_zero():
    params, X, c0, h0 = draw_for_jax()
    zero = np.zeros_like(h0)
    for given, both in (((), (zero, zero)), ((c0,), (c0, zero)), ((None, h0), (zero, h0))):
        for got, expected in zip(run(params, X, *given), run(params, X, *both), strict=True):
            np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(("n", "b"), [(0, 3), (5, 0)])
def test_empty_sequences_and_batches(n, b):
    params, X, c0, h0 = draw_for_jax(n, b)
    Hout, Cn, Hn = run(params, X, c0, h0)
    assert Hout.shape == (n, b, 4)
    np.testing.assert_array_equal(Cn, c0)
    np.testing.assert_array_equal(Hn, h0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_is_kept(dtype):
    params, X, c0, h0 = draw_for_jax()
    with jax.enable_x64(True):
        params = {name: value.astype(dtype) for name, value in params.items()}
        given = run(params, X.astype(dtype), c0.astype(dtype), h0.astype(dtype))
        alone = run(params, X.astype(dtype))
    assert {str(value.dtype) for value in (*given, *alone)} == {dtype}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precisions(dtype):
    """Alone they stay; beside float32 they are widened."""
    params, X, c0, h0 = draw_for_jax()
    small = jnp.asarray(X, dtype)
    want = run(params, small.astype(jnp.float32), c0, h0)
    for got, expected in zip(run(params, small, c0, h0), want, strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6, strict=True)
    halves = jax.tree.map(lambda a: jnp.asarray(a, dtype), (params, X, c0, h0))
    within = 4 * float(jnp.finfo(dtype).eps)
    for got, expected in zip(run(*halves), want, strict=True):
        assert got.dtype == dtype
        np.testing.assert_allclose(got.astype(jnp.float32), expected, rtol=0, atol=within)
    for given in ({"c0": halves[2], "h0": h0}, {"c0": c0, "h0": halves[3]}):
        states = {name: state.astype(jnp.float32) for name, state in given.items()}
        for got, expected in zip(run(params, X, **given), run(params, X, **states), strict=True):
            np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6, strict=True)
    one = MyLSTMCell(hidden=4).apply({"params": params}, small[0], h0, c0)
    np.testing.assert_allclose(one[:, 4:], run(params, X[:1], c0, h0).Cn, rtol=0, atol=0.05)
    assert one.dtype == jnp.float32


# With JAX's transformations


def test_the_wider_of_two_precisions_wins():
    params, X, _, _ = draw_for_jax()
    with jax.enable_x64(True):
        wide = {name: jnp.asarray(value, jnp.float64) for name, value in params.items()}
        assert run(wide, jnp.asarray(X, jnp.float32)).Hout.dtype == jnp.float64


def test_jit_and_vmap():
    params, X, c0, h0 = draw_for_jax()
    expected = run(params, X, c0, h0)
    jitted = jax.jit(run)(params, X, c0, h0)
    mapped = jax.vmap(run, in_axes=(None, 1, 0, 0), out_axes=Sequence(1, 0, 0))(params, X, c0, h0)
    for result in (jitted, mapped):
        for got, want in zip(result, expected, strict=True):
            np.testing.assert_allclose(got, want, rtol=0, atol=1e-6)


def test_grad_equals_the_derived_backward():
    params, X, c0, h0 = draw_for_jax()
    weights = np.random.default_rng(1).standard_normal((5, 3, 4)).astype(np.float32)

    def loss(params, X, c0, h0):
        return (weights * run(params, X, c0, h0).Hout).sum()

    dparams, dX, dc0, dh0 = jax.jit(jax.grad(loss, argnums=(0, 1, 2, 3)))(params, X, c0, h0)
    derived = lstm.backward(weights, lstm.forward(X, fuse(params), c0, h0).cache)
    for got, want in zip((dX, fuse(dparams), dc0, dh0), derived, strict=True):
        np.testing.assert_allclose(got, want, rtol=0, atol=2e-6 * max(1, np.abs(want).max()))


# What it refuses


STATE = "expected shape (H,) = (4,)"
STATES = "expected shape (b, H) = (3, 4)"
FLOATING = "expected a floating-point dtype, got"


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"hidden": 0}, ValueError, "hidden: expected at least 1, got 0"),
        ({"x": np.ones(3, int)}, TypeError, f"x: {FLOATING} int32"),
        ({"h_prev": np.zeros(4, bool)}, TypeError, f"h_prev: {FLOATING} bool"),
        ({"c_prev": np.zeros(4, int)}, TypeError, f"c_prev: {FLOATING} int32"),
        ({"x": None}, TypeError, "x: expected an array, got None"),
        ({"c_prev": [[1.0], []]}, TypeError, "c_prev: expected an array, got [[1.0], []]"),
        ({"x": np.ones(())}, ValueError, "x: expected shape (D,) or (b, D), got ()"),
        ({"x": np.ones((5, 2, 3))}, ValueError, "x: expected shape (D,) or (b, D), got (5, 2, 3)"),
        ({"x": np.ones((2, 3))}, ValueError, "h_prev: expected shape (b, H) = (2, 4), got (4,)"),
        ({"h_prev": np.zeros(5)}, ValueError, f"h_prev: {STATE}, got (5,)"),
        ({"c_prev": np.zeros((1, 4))}, ValueError, f"c_prev: {STATE}, got (1, 4)"),
        ({"hidden": 5}, ValueError, "h_prev: expected shape (H,) = (5,), got (4,)"),
    ],
)  # fmt: skip
def test_what_does_not_fit_a_step_is_named(changes, error, message):
    good = {"seed": 0, "x": X1, "h_prev": ZERO, "c_prev": ZERO, "hidden": H}
    with refused(error, message):
        lstm_cell_step(**(good | changes))


FITTING = "X: expected shape (n, D) or (n, b, D) with D = 3, got"


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"X": np.ones(3, np.float32)}, ValueError, f"{FITTING} (3,)"),
        ({"X": np.ones((1, 5, 3, 3), np.float32)}, ValueError, f"{FITTING} (1, 5, 3, 3)"),
        ({"X": np.ones((5, 3, 2), np.float32)}, ValueError, f"{FITTING} (5, 3, 2)"),
        ({"X": np.ones((5, 3, 4), np.float32)}, ValueError, f"{FITTING} (5, 3, 4)"),
        ({"X": np.ones((5, 3, 3), int)}, TypeError, f"X: {FLOATING} int32"),
        ({"X": None}, TypeError, "X: expected an array, got None"),
        ({"h0": np.ones((3, 4), int)}, TypeError, f"h0: {FLOATING} int32"),
        ({"h0": np.ones(4, np.float32)}, ValueError, f"h0: {STATES}, got (4,)"),
        ({"c0": np.ones((2, 4), np.float32)}, ValueError, f"c0: {STATES}, got (2, 4)"),
        ({"c0": "c0"}, TypeError, "c0: expected an array, got 'c0'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_a_sequence_is_named(changes, error, message):
    params, X, c0, h0 = draw_for_jax()
    with refused(error, message):
        run(**({"params": params, "X": X, "h0": h0, "c0": c0} | changes))


ALL = "W_f, W_i, W_o, W_g, b_f, b_i, b_o, b_g"


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda p: {"params": p}, ValueError,
         'params: expected variables["params"], got variables itself'),
        (lambda p: p | {"params": p}, ValueError,
         'params: expected variables["params"], got variables itself'),
        (lambda p: {k: v for k, v in p.items() if k not in ("W_o", "b_i")}, ValueError,
         f"params: expected {ALL}; it misses W_o, b_i"),
        (lambda p: p | {"W_c": p["W_f"]}, ValueError, f"params: expected {ALL}; it has W_c"),
        (lambda p: {"kernel": p["W_f"]}, ValueError,
         f"params: expected {ALL}; it misses {ALL} and has kernel"),
        (lambda _: MyLSTMCell(hidden=4), TypeError,
         f"params: expected a mapping of {ALL}, got a MyLSTMCell"),
        (lambda _: None, TypeError, f"params: expected a mapping of {ALL}, got a NoneType"),
        (lambda p: list(p.values()), TypeError, f"params: expected a mapping of {ALL}, got a list"),
        (lambda p: p | {"b_o": None}, TypeError, "params['b_o']: expected an array, got None"),
        (lambda p: p | {"W_f": p["b_f"]}, ValueError,
         "params['W_f']: expected shape (D + H, H), got (4,)"),
        (lambda p: p | {"W_f": p["W_f"][..., None]}, ValueError,
         "params['W_f']: expected shape (D + H, H), got (7, 4, 1)"),
        (lambda p: p | {"W_f": p["W_f"][:, :0]}, ValueError,
         "params['W_f']: expected shape (D + H, H), got (7, 0)"),
        (lambda p: p | {"W_f": p["W_f"].T}, ValueError,
         "params['W_f']: expected shape (D + H, H), got (4, 7)"),
        (lambda p: p | {"W_g": p["W_g"][1:]}, ValueError,
         "params['W_g']: expected shape (7, 4), as W_f has (7, 4), got (6, 4)"),
        (lambda p: p | {"b_g": p["W_g"]}, ValueError,
         "params['b_g']: expected shape (4,), as W_f has (7, 4), got (7, 4)"),
        (lambda p: p | {"b_g": np.zeros(4, int)}, TypeError,
         f"params['b_g']: {FLOATING} int32"),
    ],
)  # fmt: skip
def test_parameters_that_do_not_fit_are_named(change, error, message):
    params, X, *_ = draw_for_jax()
    with refused(error, message):
        run(change(params), X)


def test_run_takes_and_gives_c_before_h_as_the_rest_of_the_package():
    parameters = list(inspect.signature(run).parameters)
    theirs = list(inspect.signature(lstm.forward).parameters)
    assert parameters[2:] == theirs[2:4] == ["c0", "h0"]
    params, X, c0, h0 = draw_for_jax()
    fused = lstm.forward(X, fuse(params), c0, h0)
    np.testing.assert_allclose(run(params, X, c0, h0).Cn, fused.Cn, rtol=0, atol=1e-6)


def test_the_parameters_are_those_that_the_cell_declares():
    variables = MyLSTMCell(hidden=H).init(jax.random.PRNGKey(0), X1, ZERO, ZERO)
    assert sorted(variables["params"]) == sorted(PARAMETERS)
