"""The fused LSTM in JAX: the numbers of `lstm.fused`, and the gradients of autodiff."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import SHAPES, draw, refused
from helpers import run as run_numpy

import lstm
from lstm import scan
from lstm.cell import run as run_cell
from lstm.weights import split


@pytest.fixture(autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


def gradients(forward, problem):
    """Results and gradients through JAX, by the names of `helpers.run`."""
    names = ("Hout", "Cn", "Hn", "dX", "dWLSTM", "dc0", "dh0")
    inputs = [jnp.asarray(value) for value in problem.inputs.values()]
    results, pull = jax.vjp(lambda *args: tuple(forward(*args)), *inputs)
    cotangents = tuple(jnp.asarray(value) for value in problem.cotangents)
    return dict(zip(names, (*results, *pull(cotangents)), strict=True))


def by_autodiff(X, WLSTM, c0, h0):
    """The separate-gate cell, which JAX differentiates by itself."""
    return run_cell(split_in_jax(WLSTM), X, h0=h0, c0=c0)


def split_in_jax(WLSTM):
    H = WLSTM.shape[1] // 4
    blocks = {k: WLSTM[:, m * H : (m + 1) * H] for m, k in enumerate("ifog")}
    weights = {f"W_{k}": block[1:] for k, block in blocks.items()}
    return weights | {f"b_{k}": block[0] for k, block in blocks.items()}


def assert_same(got, expected, tolerance):
    for name, value in expected.items():
        scale = max(1, abs(value).max(initial=0))
        np.testing.assert_allclose(got[name], value, rtol=0, atol=tolerance * scale, err_msg=name)
        assert got[name].dtype == value.dtype, name


@pytest.mark.parametrize("shape", [*SHAPES[:4], (0, 3, 4, 2), (5, 2, 0, 3), (1, 1, 1, 1)])
def test_results_and_gradients_are_those_of_fused(shape):
    problem = draw(*shape, seed=2)
    assert_same(gradients(scan.forward, problem), run_numpy(problem), 1e-12)


@pytest.mark.parametrize("shape", SHAPES[4:7])
def test_float32_stays_float32(shape):
    problem = draw(*shape, seed=2, dtype=np.float32)
    assert_same(gradients(scan.forward, problem), run_numpy(problem), 1e-5)


@pytest.mark.parametrize("shape", SHAPES[7:])
def test_gradients_are_those_of_autodiff_through_the_separate_gates(shape):
    problem = draw(*shape, seed=3)
    ours, theirs = gradients(scan.forward, problem), gradients(by_autodiff, problem)
    assert_same(ours, {name: np.asarray(value) for name, value in theirs.items()}, 1e-12)


def test_the_helper_splits_like_the_module():
    WLSTM = lstm.init(3, 2, rng=0)
    for name, value in split(WLSTM).items():
        np.testing.assert_array_equal(split_in_jax(WLSTM)[name], value)


def test_states_that_are_left_out_are_zero():
    X, WLSTM, c0, h0 = draw(seed=4).inputs.values()
    zero = np.zeros_like(c0)
    for left_out, given in (
        (scan.forward(X, WLSTM), scan.forward(X, WLSTM, zero, zero)),
        (scan.forward(X, WLSTM, c0), scan.forward(X, WLSTM, c0, zero)),
        (scan.forward(X, WLSTM, h0=h0), scan.forward(X, WLSTM, zero, h0)),
    ):
        for a, b in zip(left_out, given, strict=True):
            np.testing.assert_array_equal(a, b)


def test_jit_gives_the_same():
    problem = draw(seed=5)
    assert_same(gradients(jax.jit(scan.forward), problem), run_numpy(problem), 1e-12)


def test_vmap_runs_many_networks_and_differentiates_them():
    problems = [draw(seed=seed) for seed in (6, 7, 8)]
    stacked = [jnp.stack(list(v)) for v in zip(*(p.inputs.values() for p in problems), strict=True)]

    def loss(X, WLSTM, c0, h0):
        Hout, Cn, Hn = scan.forward(X, WLSTM, c0, h0)
        return (Hout**2).sum() + jnp.sin(Cn).sum() + Hn.sum()

    mapped = jax.vmap(jax.grad(loss, argnums=(0, 1, 2, 3)))(*stacked)
    for k, problem in enumerate(problems):
        for one, many in zip(
            jax.grad(loss, argnums=(0, 1, 2, 3))(*problem.inputs.values()), mapped, strict=True
        ):
            np.testing.assert_allclose(many[k], one, rtol=1e-12, atol=1e-12)


def test_the_gradient_of_the_gradient_is_that_of_autodiff():
    X, WLSTM, c0, h0 = draw(4, 3, 2, 2, seed=9).inputs.values()
    V = np.random.default_rng(9).standard_normal(WLSTM.shape)

    def product(forward):
        loss = lambda W: (forward(X, W, c0, h0)[0] ** 2).sum()  # noqa: E731
        return jax.grad(lambda W: (jax.grad(loss)(W) * V).sum())(jnp.asarray(WLSTM))

    np.testing.assert_allclose(product(scan.forward), product(by_autodiff), rtol=1e-9, atol=1e-11)


def test_only_the_results_that_are_used_need_a_gradient():
    X, WLSTM, c0, h0 = draw(seed=10).inputs.values()
    got = jax.grad(lambda W: scan.forward(X, W, c0, h0).Cn.sum())(jnp.asarray(WLSTM))
    forward = lstm.forward(X, WLSTM, c0, h0)
    dCn = np.ones_like(forward.Cn)
    expected = lstm.backward(np.zeros_like(forward.Hout), forward.cache, dCn).dWLSTM
    np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-12)


def test_forward_mode_is_refused_by_jax():
    X, WLSTM, *_ = draw(seed=11).inputs.values()
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(lambda W: scan.forward(X, W).Hn, (WLSTM,), (WLSTM,))


def test_nothing_that_is_large_is_kept_beside_gates_cells_and_outputs():
    n, b, D, H = 7, 3, 5, 4
    problem = draw(n, b, D, H, seed=12)
    _, kept = scan._run_and_keep(*map(jnp.asarray, problem.inputs.values()))
    sizes = n * b * D + (1 + D + H) * 4 * H + 2 * (n + 1) * b * H + 4 * n * b * H
    assert sum(leaf.size for leaf in jax.tree.leaves(kept)) == sizes


def test_large_raw_gates_give_finite_gradients():
    X, WLSTM, c0, h0 = draw(seed=13).inputs.values()
    values = gradients(scan.forward, draw(seed=13)._replace(inputs={
        "X": X * 1e30, "WLSTM": WLSTM, "c0": c0, "h0": h0}))  # fmt: skip
    for name, value in values.items():
        assert np.isfinite(value).all(), name


X, WLSTM = np.ones((5, 3, 10)), lstm.init(10, 4, rng=0)
STATE = np.zeros((3, 4))
FORM = "expected shape (1 + D + H, 4 * H) with H >= 1 and D >= 0"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"X": X[0]}, ValueError, "X: expected shape (n, b, D) with D = 10, got (3, 10)"),
        ({"X": X[..., :9]}, ValueError, "X: expected shape (n, b, D) with D = 10, got (5, 3, 9)"),
        ({"X": None}, TypeError, "X: expected an array, got None"),
        (
            {"X": X.astype(int)},
            TypeError,
            "X: expected dtype float32 or float64, got int64",
        ),
        (
            {"X": X.astype(np.float32)},
            TypeError,
            "X: expected dtype float64, as in WLSTM, got float32",
        ),
        ({"WLSTM": WLSTM[:, :-1]}, ValueError, f"WLSTM: {FORM}, got (15, 15)"),
        (
            {"WLSTM": WLSTM + 0j},
            TypeError,
            "WLSTM: expected dtype float32 or float64, got complex128",
        ),
        ({"c0": STATE.T}, ValueError, "c0: expected shape (b, H) = (3, 4), got (4, 3)"),
        ({"h0": STATE[0]}, ValueError, "h0: expected shape (b, H) = (3, 4), got (4,)"),
        (
            {"h0": STATE.astype(np.float32)},
            TypeError,
            "h0: expected dtype float64, as in WLSTM, got float32",
        ),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, error, message):
    with refused(error, message):
        scan.forward(**{"X": X, "WLSTM": WLSTM} | arguments)
