"""The fused LSTM in JAX: the numbers of `lstm.fused`, and the gradients of autodiff."""

import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sweeps
from helpers import SHAPES, draw, refused
from helpers import run as run_numpy

import lstm
from lstm import scan, stack
from lstm.cell import run as run_cell
from lstm.exchange.cell import split
from lstm.zoo import Bug, plant


@pytest.fixture(autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


def gradients(forward, problem):
    """Results and gradients through JAX, by the names of `helpers.run`."""
    names = ("Hout", "Cn", "Hn", "dX", "dWLSTM", "dc0", "dh0")
    inputs = [jnp.asarray(value) for value in problem.inputs.values()]
    cotangents = tuple(jnp.asarray(value) for value in problem.cotangents)
    results, pulled = forward_and_back(forward, inputs, cotangents)
    return dict(zip(names, (*results, *pulled), strict=True))


@partial(jax.jit, static_argnums=0)
def forward_and_back(forward, inputs, cotangents):
    """Compiled as a whole, which takes a fraction of the time of compiling every operation."""
    results, pull = jax.vjp(lambda *args: tuple(forward(*args)), *inputs)
    return results, pull(cotangents)


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


# As tests/sweeps.py does for NumPy: sizes and magnitudes that no other test happens to use. Each
# shape is compiled anew, so that there are few.

LARGE = [(130, 3, 2, 3), (3, 130, 2, 3), (3, 2, 130, 3), (3, 2, 3, 130), (52, 17, 66, 101)]


def as_module(forward):
    """Wrap it as a module like `lstm.fused`, for the sweeps: the derivative serves as the cache."""

    def as_tuple(*inputs):
        return tuple(forward(*inputs))

    run, pull = jax.jit(as_tuple), jax.jit(lambda inputs, w: jax.vjp(as_tuple, *inputs)[1](w))

    def back(dHout, cache, dCn, dHn):
        return map(np.array, pull(cache, (dHout, dCn, dHn)))

    return SimpleNamespace(
        forward=lambda X, WLSTM, c0, h0: (
            *map(np.array, run(X, WLSTM, c0, h0)), (X, WLSTM, c0, h0)),
        backward=back,
    )  # fmt: skip


MODULE = as_module(scan.forward)


@pytest.mark.parametrize("dtype", sweeps.FLOATS)
@pytest.mark.parametrize("shape", LARGE)
def test_large_sizes(shape, dtype):
    sweeps.compare(MODULE, sweeps.random_problem(*shape, seed=1, dtype=dtype), f"{shape}")


@pytest.mark.parametrize("sweep", [sweeps.magnitudes, sweeps.saturated, sweeps.sparse])
def test_the_sweeps_of_one_shape(sweep):
    sweep(MODULE)


def at(*shape):
    return lambda module: sweeps.compare(module, sweeps.random_problem(*shape, seed=1), f"{shape}")


BUGS = {  # name: (sweep, patches)
    "bfloat16 for many units": (at(3, 2, 3, 130), (
        ("(dc * f, dz @ Wh.T)",
         "(dc * f, (dz @ Wh.T if Wh.shape[0] <= 100 else (dz.astype(jnp.bfloat16)"
         " @ Wh.T.astype(jnp.bfloat16)).astype(dz.dtype)))"),)),
    "weights of the first 64 steps": (at(130, 3, 2, 3), (
        ('"tbk,tbr->kr", dZ, part)', '"tbk,tbr->kr", dZ[:64], part[:64])'),)),
    "one state for all rows behind the 32nd": (at(3, 130, 2, 3), (
        ("    (Cn, Hn), (C, Hout, gates) = _scan(",
         "    h0 = jnp.where(jnp.arange(h0.shape[0])[:, None] < 32, h0, h0[:1])\n"
         "    (Cn, Hn), (C, Hout, gates) = _scan("),)),
    "dc clipped at 1e4": (sweeps.magnitudes, (
        ("dc = dc_next + ds * (1 - s**2)", "dc = jnp.clip(dc_next + ds * (1 - s**2), -1e4, 1e4)"),
    )),
}  # fmt: skip


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_caught(name):
    sweep, patches = BUGS[name]
    once = ("for _kind in (Sequence, Stacked, Layer):", "for _kind in ():")  # the real module's
    broken = as_module(plant(Bug(name, "backward", "", (*patches, once), "scan")).forward)
    with pytest.raises(AssertionError):
        sweep(broken)


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


def test_without_jit_it_gives_the_same():
    problem = draw(seed=5)
    with jax.disable_jit():
        assert_same(gradients(scan.forward, problem), run_numpy(problem), 1e-12)
    X, WLSTM, c0, h0 = problem.inputs.values()
    for got, want in zip(scan.forward(X, WLSTM, c0, h0), lstm.forward(X, WLSTM, c0, h0)[:3],
                         strict=True):  # fmt: skip
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-12)


def test_vmap_runs_many_networks_and_differentiates_them():
    problems = [draw(seed=seed) for seed in (6, 7, 8)]
    stacked = [jnp.stack(list(v)) for v in zip(*(p.inputs.values() for p in problems), strict=True)]

    def loss(X, WLSTM, c0, h0):
        Hout, Cn, Hn = scan.forward(X, WLSTM, c0, h0)
        return (Hout**2).sum() + jnp.sin(Cn).sum() + Hn.sum()

    grad = jax.jit(jax.grad(loss, argnums=(0, 1, 2, 3)))
    mapped = jax.vmap(grad)(*stacked)
    for k, problem in enumerate(problems):
        for one, many in zip(grad(*problem.inputs.values()), mapped, strict=True):
            np.testing.assert_allclose(many[k], one, rtol=1e-12, atol=1e-12)


def test_the_gradient_of_the_gradient_is_that_of_autodiff():
    X, WLSTM, c0, h0 = draw(4, 3, 2, 2, seed=9).inputs.values()
    V = np.random.default_rng(9).standard_normal(WLSTM.shape)

    def product(forward):
        loss = lambda W: (forward(X, W, c0, h0)[0] ** 2).sum()  # noqa: E731
        return jax.jit(jax.grad(lambda W: (jax.grad(loss)(W) * V).sum()))(WLSTM)

    np.testing.assert_allclose(product(scan.forward), product(by_autodiff), rtol=1e-9, atol=1e-11)


def test_only_the_results_that_are_used_need_a_gradient():
    X, WLSTM, c0, h0 = draw(seed=10).inputs.values()
    got = jax.grad(lambda W: scan.forward(X, W, c0, h0).Cn.sum())(jnp.asarray(WLSTM))
    forward = lstm.forward(X, WLSTM, c0, h0)
    dCn = np.ones_like(forward.Cn)
    expected = lstm.backward(np.zeros_like(forward.Hout), forward.cache, dCn).dWLSTM
    np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-12)


FORWARD_MODE = (
    "lstm.scan: forward mode (jax.jvp, jax.jacfwd) has no rule here, as the backward pass is given "
    "by hand; use jax.grad, jax.vjp or jax.jacrev, or lstm.cell.run"
)


def test_forward_mode_is_refused_and_what_to_use_instead_is_named():
    X, WLSTM, *_ = draw(seed=11).inputs.values()
    last = lambda W: scan.forward(X, W).Hn  # noqa: E731
    with refused(TypeError, FORWARD_MODE):
        jax.jvp(last, (WLSTM,), (WLSTM,))
    with refused(TypeError, FORWARD_MODE):
        jax.jacfwd(last)(jnp.asarray(WLSTM))
    with refused(TypeError, FORWARD_MODE):
        jax.jvp(lambda W: scan.stack(X, [stack.Layer(W)]).Hout, (WLSTM,), (WLSTM,))
    with pytest.raises(TypeError, match="forward-mode autodiff"):  # compiled: JAX's own words
        jax.jvp(jax.jit(last), (WLSTM,), (WLSTM,))


def test_nothing_that_is_large_is_kept_beside_gates_cells_and_outputs():
    n, b, D, H = 7, 3, 5, 4
    problem = draw(n, b, D, H, seed=12)
    _, kept = scan.run_and_keep(*map(jnp.asarray, problem.inputs.values()))
    sizes = n * b * D + (1 + D + H) * 4 * H + 2 * (n + 1) * b * H + 4 * n * b * H
    assert sum(leaf.size for leaf in jax.tree.leaves(kept)) == sizes


def test_large_raw_gates_give_finite_gradients():
    X, WLSTM, c0, h0 = draw(seed=13).inputs.values()
    values = gradients(scan.forward, draw(seed=13)._replace(inputs={
        "X": X * 1e30, "WLSTM": WLSTM, "c0": c0, "h0": h0}))  # fmt: skip
    for name, value in values.items():
        assert np.isfinite(value).all(), name


# Lengths, directions, one sequence: judged by lstm.stack, which shares no code with this.


def stacks(n, b, D, H, layers, directions, seed=0, dtype=np.float64):
    """Random arguments of a stack, cotangents for its results, lengths with 0 and n in them."""
    rng = np.random.default_rng(seed)
    normal = lambda *shape: rng.standard_normal(shape).astype(dtype)  # noqa: E731
    weights, width = [], D
    for _ in range(layers):
        matrices = {name: normal(1 + width + H, 4 * H) / 2 for name in directions}
        weights.append(stack.Layer(**matrices))
        width = len(directions) * H
    states = lambda: [normal(len(directions), b, H) for _ in range(layers)]  # noqa: E731
    lengths = rng.integers(0, n + 1, b)
    lengths[: min(2, b)] = [n, 0][: min(2, b)]
    arguments = (normal(n, b, D), weights, states(), states())
    return arguments, (normal(n, b, width), states(), states()), lengths


def by_numpy(arguments, cotangents, lengths):
    result = stack.forward(*arguments, lengths=lengths)
    dHout, dCn, dHn = cotangents
    return result[:3], stack.backward(dHout, result.cache, dCn, dHn)


def by_scan(arguments, cotangents, lengths):
    forward = lambda *arguments: scan.stack(*arguments, lengths=lengths)  # noqa: E731
    results, pull = jax.vjp(forward, *jax.tree.map(jnp.asarray, arguments))
    return results, pull(scan.Stacked(*jax.tree.map(jnp.asarray, cotangents)))


compiled = jax.jit(by_scan)


def assert_trees_same(got, want, tolerance):
    got, want = jax.tree.leaves(got), jax.tree.leaves(tuple(want))
    for one, other in zip(got, want, strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        scale = max(1, abs(other).max(initial=0))
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * scale)


BOTH = ("forward", "backward")


@pytest.mark.parametrize(
    ("shape", "directions"),
    [
        ((5, 4, 3, 2, 1), ("forward",)),
        ((5, 4, 3, 2, 1), ("backward",)),
        ((6, 5, 2, 3, 2), BOTH),
        ((4, 3, 1, 2, 3), BOTH),
        ((1, 3, 2, 1, 2), BOTH),
        ((0, 3, 2, 2, 1), BOTH),
        ((3, 0, 2, 2, 1), BOTH),
        ((130, 40, 3, 2, 1), BOTH),
        ((3, 2, 3, 2, 6), ("forward",)),
        ((2, 3, 66, 34, 2), BOTH),
    ],
)
def test_a_stack_with_lengths_is_that_of_numpy(shape, directions):
    problem = stacks(*shape, directions, seed=sum(shape))
    for got, want in zip(compiled(*problem), by_numpy(*problem), strict=True):
        assert_trees_same(got, want, 1e-12)


@pytest.mark.parametrize("directions", [("backward",), BOTH])
def test_a_stack_without_lengths_is_that_of_numpy(directions):
    arguments, cotangents, _ = stacks(5, 4, 3, 2, 2, directions, seed=1)
    want = by_numpy(arguments, cotangents, None)
    for got, expected in zip(compiled(arguments, cotangents, None), want, strict=True):
        assert_trees_same(got, expected, 1e-12)


@pytest.mark.parametrize("directions", [("forward",), ("backward",), BOTH])
@pytest.mark.parametrize("ends", [5, 3])
def test_sequences_that_all_end_at_the_same_step(directions, ends):
    arguments, cotangents, _ = stacks(5, 3, 3, 2, 1, directions, seed=2)
    lengths = np.full(3, ends)
    want = by_numpy(arguments, cotangents, lengths)
    for run in (compiled, by_scan):
        for got, expected in zip(run(arguments, cotangents, lengths), want, strict=True):
            assert_trees_same(got, expected, 1e-12)
    if ends == 5:
        for got, expected in zip(by_scan(arguments, cotangents, None), want, strict=True):
            assert_trees_same(got, expected, 1e-12)


def test_a_stack_in_float32_and_not_compiled():
    problem = stacks(6, 4, 3, 5, 1, BOTH, seed=1, dtype=np.float32)
    for got, want in zip(by_scan(*problem), by_numpy(*problem), strict=True):
        assert_trees_same(got, want, 1e-5)


def test_states_of_a_stack_that_are_left_out_are_zero():
    (X, layers, c0, h0), _, lengths = stacks(5, 4, 3, 2, 1, BOTH)
    zero = [np.zeros_like(c) for c in c0]
    run = jax.jit(scan.stack)
    for left_out, given in (({}, (zero, zero)), ({"c0": c0}, (c0, zero)), ({"h0": h0}, (zero, h0))):
        one = run(X, layers, **left_out, lengths=lengths)
        assert_trees_same(one, run(X, layers, *given, lengths=lengths), 0)


@pytest.mark.parametrize("reverse", [False, True])
def test_one_sequence_needs_no_batch(reverse):
    (X, (layer,), (c0,), (h0,)), *_ = stacks(5, 4, 3, 2, 1, ("forward",))
    run = lambda *arguments, **options: jax.jit(jax.value_and_grad(  # noqa: E731
        lambda *arguments: sum(
            (part**2).sum() for part in scan.forward(*arguments, reverse=reverse, **options)
        ),
        argnums=(0, 1, 2, 3),
    ))(*map(jnp.asarray, arguments))  # fmt: skip
    for length in (None, 3):
        several = None if length is None else [length]
        alone = run(X[:, 1], layer.forward, c0[0, 1], h0[0, 1], lengths=length)
        batch = run(X[:, 1:2], layer.forward, c0[0, 1:2], h0[0, 1:2], lengths=several)
        for one, other in zip(*map(jax.tree.leaves, (alone, batch)), strict=True):
            np.testing.assert_array_equal(one, other.reshape(one.shape))


def test_a_stack_takes_one_sequence_too():
    (X, layers, c0, h0), *_ = stacks(5, 4, 3, 2, 2, BOTH)
    run = jax.jit(scan.stack)
    batch = run(X, layers, c0, h0, lengths=np.full(4, 3))
    alone = run(X[:, 1], layers, [c[:, 1] for c in c0], [h[:, 1] for h in h0], lengths=3)
    np.testing.assert_allclose(alone.Hout, batch.Hout[:, 1], atol=1e-14)
    for one, many in zip(alone.Cn + alone.Hn, batch.Cn + batch.Hn, strict=True):
        np.testing.assert_allclose(one, many[:, 1], atol=1e-14)


def test_what_lies_behind_an_end_is_never_looked_at():
    """Neither the inputs there nor what the loss says of the outputs there, nan or not."""
    arguments, cotangents, lengths = stacks(6, 5, 3, 2, 1, BOTH, seed=4)
    behind = np.arange(6)[:, None] >= lengths
    want = compiled(arguments, cotangents, lengths)
    for odd in (np.nan, np.inf, 1e30):
        X, dHout = arguments[0].copy(), cotangents[0].copy()
        X[behind] = dHout[behind] = odd
        got = compiled((X, *arguments[1:]), (dHout, *cotangents[1:]), lengths)
        assert_trees_same(got, want, 0)


def test_vmap_over_lengths_and_lengths_that_are_traced():
    (X, (layer,), *_), _, lengths = stacks(6, 5, 3, 2, 1, ("forward",))
    want = scan.forward(X, layer.forward, lengths=lengths)
    alone = lambda x, length: scan.forward(x, layer.forward, lengths=length)  # noqa: E731
    got = jax.vmap(alone, (1, 0), scan.Sequence(1, 0, 0))(X, lengths)
    assert_trees_same(got, want, 1e-14)
    clipped = jax.jit(lambda lengths: scan.forward(X, layer.forward, lengths=lengths, reverse=True))
    got = clipped(np.array([-1, 9, 0, 6, 3]))
    want = scan.forward(X, layer.forward, lengths=[0, 6, 0, 6, 3], reverse=True)
    assert_trees_same(got, want, 1e-14)


def test_the_second_derivative_with_lengths_is_that_of_each_sequence_alone():
    (X, (layer,), *_), _, lengths = stacks(4, 3, 2, 2, 1, ("forward",), seed=9)
    W, lengths = jnp.asarray(layer.forward), [4, 0, 2]
    V = np.random.default_rng(9).standard_normal(W.shape)

    def product(forward):
        loss = lambda W: sum((part**2).sum() for part in forward(W))  # noqa: E731
        return jax.jit(jax.grad(lambda W: (jax.grad(loss)(W) * V).sum()))(W)

    pieces = [X[:length, j : j + 1] for j, length in enumerate(lengths)]
    alone = lambda W: [part for x in pieces for part in by_autodiff(x, W, None, None)]  # noqa: E731
    together = lambda W: scan.forward(X, W, lengths=lengths)  # noqa: E731
    np.testing.assert_allclose(product(together), product(alone), rtol=1e-9, atol=1e-11)


def test_small_types_of_lengths_do_not_overflow():
    X, WLSTM = draw(200, 2, 3, 2).inputs["X"], draw(200, 2, 3, 2).inputs["WLSTM"]
    want = scan.forward(X, WLSTM, lengths=[200, 130], reverse=True)
    got = scan.forward(X, WLSTM, lengths=np.array([200, 130], np.uint8), reverse=True)
    assert_trees_same(got, want, 0)
    alone = scan.forward(X[:, 1], WLSTM, lengths=np.uint8(130), reverse=True)
    np.testing.assert_allclose(alone.Hout, want.Hout[:, 1], rtol=0, atol=1e-14)


def test_results_and_layers_survive_an_export():
    """Written and read again, with sizes that are left open, and with its gradient."""
    (X, layers, *_), _, lengths = stacks(5, 4, 3, 2, 1, BOTH)
    n, b = jax.export.symbolic_shape("n, b")
    shape = lambda a, *dims: jax.ShapeDtypeStruct(dims or a.shape, a.dtype)  # noqa: E731
    run = lambda X, layers, lengths: scan.stack(X, layers, lengths=lengths)  # noqa: E731
    exported = jax.export.export(jax.jit(run))(
        shape(X, n, b, 3), jax.tree.map(shape, layers), shape(lengths, b)
    )
    again = jax.export.deserialize(exported.serialize(vjp_order=1))
    want = scan.stack(X, layers, lengths=lengths)
    got = again.call(X, layers, lengths)
    assert isinstance(got, scan.Stacked)
    assert_trees_same(got, want, 1e-14)
    loss = lambda run: lambda layers: (run(X, layers, lengths).Hout ** 2).sum()  # noqa: E731
    gradients = jax.jit(jax.grad(loss(again.call)))(layers)
    want = jax.jit(jax.grad(loss(lambda X, W, lengths: scan.stack(X, W, lengths=lengths))))(layers)
    assert_trees_same(gradients, want, 1e-12)

    one = jax.export.export(jax.jit(scan.forward))(shape(X), shape(layers[0].forward))
    got = jax.export.deserialize(one.serialize()).call(X, layers[0].forward)
    assert isinstance(got, scan.Sequence)
    assert_trees_same(got, scan.forward(X, layers[0].forward), 1e-14)


def test_under_shard_map_with_its_checks_on_and_across_devices():
    """It runs in a process of its own with four devices: tests/shard_map.py says what is tried."""
    script = Path(__file__).with_name("shard_map.py")
    result = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        cwd=script.parent.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    assert result.stdout.split()[-1] == "11", result.stdout


# What is refused


X, WLSTM = np.ones((5, 3, 10)), lstm.init(10, 4, rng=0)
STATE = np.zeros((3, 4))
FORM = "expected shape (1 + D + H, 4 * H) with H >= 1 and D >= 0"
FIT = "X: expected shape (n, b, D), or (n, D) for one sequence, with D = 10"
DTYPE = "expected dtype float32 or float64"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"X": X[0, 0]}, ValueError, f"{FIT}, got (10,)"),
        ({"X": X[None]}, ValueError, f"{FIT}, got (1, 5, 3, 10)"),
        ({"X": X[..., :9]}, ValueError, f"{FIT}, got (5, 3, 9)"),
        ({"X": None}, TypeError, "X: expected an array, got None"),
        ({"X": X.astype(int)}, TypeError, f"X: {DTYPE}, got int64"),
        (
            {"X": X.astype(np.float32)},
            TypeError,
            "X: expected dtype float64, as in WLSTM, got float32",
        ),
        (
            {"X": np.ma.masked_array(X)},
            TypeError,
            "X: expected an array, got a masked array, whose mask would be lost",
        ),
        ({"WLSTM": WLSTM[:, :-1]}, ValueError, f"WLSTM: {FORM}, got (15, 15)"),
        ({"WLSTM": WLSTM + 0j}, TypeError, f"WLSTM: {DTYPE}, got complex128"),
        (
            {"WLSTM": np.zeros((15, 16), jnp.bfloat16)},
            TypeError,
            f'WLSTM: {DTYPE}, got bfloat16; widen it with .astype("float32")',
        ),
        (
            {"X": X.astype(np.float16)},
            TypeError,
            f'X: {DTYPE}, got float16; widen it with .astype("float32")',
        ),
        (
            {"WLSTM": stack.Layer(WLSTM)},
            TypeError,
            "WLSTM: expected an array, got a Layer: pass one of its fields (forward, backward)",
        ),
        ({"WLSTM": object}, TypeError, "WLSTM: expected an array, got <class 'object'>"),
        ({"c0": STATE.T}, ValueError, "c0: expected shape (b, H) = (3, 4), got (4, 3)"),
        ({"h0": STATE[0]}, ValueError, "h0: expected shape (b, H) = (3, 4), got (4,)"),
        ({"X": X[:, 0], "c0": STATE}, ValueError, "c0: expected shape (H,) = (4,), got (3, 4)"),
        (
            {"h0": STATE.astype(np.float32)},
            TypeError,
            "h0: expected dtype float64, as in WLSTM, got float32",
        ),
        ({"lengths": [5, 2]}, ValueError, "lengths: expected shape (b,) = (3,), got (2,)"),
        (
            {"X": X[:, 0], "lengths": [5]},
            ValueError,
            "lengths: expected shape (), as there is one sequence, got (1,)",
        ),
        (
            {"lengths": [5, 2, 6]},
            ValueError,
            "lengths: expected numbers from 0 to n = 5, got [5, 2, 6]",
        ),
        (
            {"lengths": [5, -1, 5]},
            ValueError,
            "lengths: expected numbers from 0 to n = 5, got [5, -1, 5]",
        ),
        (
            {"lengths": np.array([2**32, 2, -(2**32)])},
            ValueError,
            f"lengths: expected numbers from 0 to n = 5, got [{2**32}, 2, {-(2**32)}]",
        ),
        ({"lengths": [5.0, 2, 1]}, TypeError, "lengths: expected integers, got dtype float64"),
        ({"lengths": [True] * 3}, TypeError, "lengths: expected integers, got dtype bool"),
        ({"reverse": "yes"}, TypeError, "reverse: expected True or False, got 'yes'"),
        ({"reverse": 1}, TypeError, "reverse: expected True or False, got 1"),
        ({"unroll": 0}, ValueError, "unroll: expected at least 1, got 0"),
        ({"unroll": True}, TypeError, "unroll: expected an integer, got True"),
        ({"remat": 0}, ValueError, "remat: expected at least 1, got 0"),
        ({"remat": "yes"}, TypeError, "remat: expected an integer, got 'yes'"),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, error, message):
    with refused(error, message):
        scan.forward(**{"X": X, "WLSTM": WLSTM} | arguments)


def test_a_direction_that_is_traced_is_refused():
    with refused(TypeError, "reverse: expected True or False, got a traced value; name it in "
                            "static_argnames of jax.jit"):  # fmt: skip
        jax.jit(lambda reverse: scan.forward(X, WLSTM, reverse=reverse))(True)
    jax.jit(scan.forward, static_argnames="reverse")(X, WLSTM, reverse=True)


def test_a_length_beyond_32_bits_is_refused_in_32_bits_too():
    with jax.enable_x64(False), refused(
        ValueError, f"lengths: expected numbers from 0 to n = 5, got [{2**32}, 2, 1]"
    ):  # fmt: skip
        scan.forward(X, WLSTM, lengths=np.array([2**32, 2, 1]))


TWO = stack.init(10, 4, layers=2, rng=0)
STATES = [STATE[None], STATE[None]]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"X": X[..., :9]}, ValueError, f"{FIT}, got (5, 3, 9)"),
        ({"X": X.astype(np.float32)}, TypeError,
         "X: expected dtype float64, as in layers, got float32"),
        ({"layers": TWO[0]}, TypeError, "layers: expected a list of Layer, got Layer"),
        ({"layers": 3}, TypeError, "layers: expected a list of Layer, got int"),
        ({"layers": []}, ValueError, "layers: expected at least one layer, got none"),
        ({"layers": [TWO[0], WLSTM]}, TypeError, "layers[1]: expected a Layer, got ndarray"),
        ({"layers": [TWO[0], TWO[0]]}, ValueError,
         "layers[1].forward: expected D = 4, the width of the layer below, got 10"),
        ({"layers": [stack.Layer(backward=WLSTM.astype(np.float16))]}, TypeError,
         f'layers[0].backward: {DTYPE}, got float16; widen it with .astype("float32")'),
        ({"c0": STATE}, ValueError, "c0: expected 2 layers, got 3"),
        ({"h0": 1.0}, TypeError, "h0: expected a list of arrays, got float"),
        ({"h0": [STATE, STATE]}, ValueError,
         "h0[0]: expected shape (d, b, H) = (1, 3, 4), got (3, 4)"),
        ({"c0": [STATES[0], STATES[0].astype(np.float32)]}, TypeError,
         "c0[1]: expected dtype float64, as in layers, got float32"),
        ({"lengths": [6, 0, 0]}, ValueError,
         "lengths: expected numbers from 0 to n = 5, got [6, 0, 0]"),
    ],
)  # fmt: skip
def test_bad_arguments_of_a_stack_are_refused_by_name(arguments, error, message):
    with refused(error, message):
        scan.stack(**{"X": X, "layers": TWO} | arguments)


PROGRAMS = [{"unroll": 3}, {"remat": True}, {"remat": 3}, {"remat": 7, "unroll": 2}, {"remat": 99}]


@pytest.mark.parametrize(
    ("program", "n"),
    [(program, n) for program in PROGRAMS for n in (1, 12)] + [(PROGRAMS[0], 0), (PROGRAMS[3], 0)]
    + [(PROGRAMS[2], 7), (PROGRAMS[3], 7)],
    ids=str,
)  # fmt: skip
def test_another_program_computes_the_same(program, n):
    problem = draw(n=n, b=3, D=4, H=5)
    got = gradients(partial(scan.forward, **program), problem)
    assert_same(got, run_numpy(problem), 1e-13)


@pytest.mark.parametrize(
    ("program", "reverse"),
    [(PROGRAMS[1], False), (PROGRAMS[2], True), (PROGRAMS[3], False), (PROGRAMS[4], True)],
    ids=str,
)
def test_another_program_knows_lengths_directions_and_single_sequences(program, reverse):
    problem = draw(n=12, b=3, D=4, H=5)
    options = {"lengths": np.array([12, 0, 5]), "reverse": reverse}
    got = gradients(partial(scan.forward, **options, **program), problem)
    assert_same(got, gradients(partial(scan.forward, **options), problem), 1e-13)
    one = {name: value[:, 0] if name == "X" else value[0] if name != "WLSTM" else value
           for name, value in problem.inputs.items()}  # fmt: skip
    for a, b in zip(scan.forward(**one, **program), scan.forward(**one), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("sizes", "program", "reverse"),
    [
        ((37, 3, 2, 3), {"remat": 1}, True), ((131, 5, 3, 4), {"remat": True}, False),
        ((70, 66, 2, 3), {"remat": 7, "unroll": 3}, False), ((9, 2, 130, 66), {"remat": 3}, True),
        ((300, 2, 1, 2), {"remat": 8, "unroll": 17}, True),
    ],
    ids=str,
)  # fmt: skip
def test_another_program_at_other_sizes_with_lengths(sizes, program, reverse):
    """Many pieces, long ones, wide batches, inputs and states."""
    problem = draw(**dict(zip("nbDH", sizes, strict=True)))
    n, b = sizes[:2]
    lengths = np.random.default_rng(n).integers(n + 1, size=b)
    lengths[:2] = n, n - 1
    options = {"lengths": lengths, "reverse": reverse}
    got = gradients(partial(scan.forward, **options, **program), problem)
    assert_same(got, gradients(partial(scan.forward, **options), problem), 1e-12)


@pytest.mark.parametrize("dtype", sweeps.FLOATS)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("sizes", [(7, 3, 2, 3), (3, 18, 2, 3), (66, 70, 2, 3), (2100, 2, 1, 2),
                                   (5, 9, 66, 130)], ids=str)  # fmt: skip
def test_lengths_at_any_size_give_each_sequence_alone(sizes, reverse, dtype):
    n, b, _, H = sizes
    X, WLSTM, c0, h0 = sweeps.random_problem(*sizes, seed=n, dtype=dtype).inputs.values()
    lengths = np.random.default_rng(b).integers(n + 1, size=b)
    lengths[:2] = n, 0
    got = scan.forward(X, WLSTM, c0, h0, lengths=lengths, reverse=reverse)
    Hout = np.zeros((n, b, H), dtype)
    Cn, Hn = c0.copy(), h0.copy()
    way = -1 if reverse else 1
    for j, length in enumerate(lengths):
        alone = lstm.forward(X[:length][::way, [j]], WLSTM, c0[[j]], h0[[j]])
        Hout[:length, j] = alone.Hout[::way, 0]
        Cn[j], Hn[j] = alone.Cn[0], alone.Hn[0]
    want = {"Hout": Hout, "Cn": Cn, "Hn": Hn}
    sweeps.agree(dict(zip(want, got, strict=True)), want, f"{sizes}")


@pytest.mark.parametrize(("n", "unroll"), [(19, 5), (5, 8)])
def test_turns_of_any_size(n, unroll):
    """Of several steps, with some left over, and of more than there are."""
    problem = draw(n=n, b=2, D=1, H=3)
    got = gradients(partial(scan.forward, unroll=unroll), problem)
    assert_same(got, run_numpy(problem), 1e-13)


def test_another_program_of_a_stack():
    layers = stack.init(4, [3, 5], bidirectional=True, rng=0)
    X = np.random.default_rng(1).standard_normal((11, 2, 4))

    def loss(layers, **program):
        return (scan.stack(X, layers, lengths=[11, 4], **program).Hout ** 2).sum()

    want = jax.jit(jax.grad(loss))(layers)
    got = jax.jit(jax.grad(partial(loss, remat=True, unroll=2)))(layers)
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-13)


def test_remat_saves_memory_where_a_checkpoint_around_the_whole_saves_none():
    X, WLSTM = np.ones((1000, 4, 8), "float32"), lstm.init(8, 32, rng=0, dtype="float32")

    def working(run):
        gradient = jax.jit(jax.grad(lambda W: (run(X, W).Hout ** 2).sum()))
        return gradient.lower(WLSTM).compile().memory_analysis().temp_size_in_bytes

    plain, pieces = working(scan.forward), working(partial(scan.forward, remat=True))
    assert pieces < 0.35 * plain
    assert working(jax.checkpoint(lambda X, W: scan.forward(X, W))) > 0.9 * plain


def test_unroll_writes_that_many_steps_into_the_loop():
    def products(unroll):
        program = str(jax.make_jaxpr(partial(scan.forward, unroll=unroll))(X, WLSTM))
        return program.count(f"unroll={unroll}")

    assert products(1) == products(3) == 1
