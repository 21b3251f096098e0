"""Every cell: each row of its table and whole sequences against oracles that know no table."""

import itertools
from functools import partial
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from helpers import by_jax, freeze, read_by, refused

import lstm
from lstm import gradcheck, recurrent, reference, steps, variants
from lstm.book.labels import LABEL
from lstm.variants import check, gru, mingru, minlstm, mlstm, projection, slstm
from lstm.variants.stabilised import log_gate, log_sigmoid

D, H = 3, 4
THRESHOLDS = {"central": 1e-6, "complex": 1e-12, "jax": 1e-12}
NAMES = list(variants.CELLS)


@pytest.fixture(scope="module")
def cells():
    return {name: make(D, H) for name, make in variants.CELLS.items()}


def test_a_cell_has_the_name_that_it_is_called_by(cells):
    assert [cell.name for cell in cells.values()] == NAMES


@pytest.mark.parametrize("oracle", THRESHOLDS)
@pytest.mark.parametrize("name", NAMES)
def test_every_row_of_every_table_on_its_own(name, oracle, cells):
    cell = cells[name]
    checks = check.rows(cell, oracle=oracle)
    assert [(c.output, c.input) for c in checks] == [
        (step.name, name) for step in cell.steps for name in step.backward
    ]
    for c in checks:
        assert c.report.worst.error < THRESHOLDS[oracle], f"{c.output} by {c.input}: {c.report}"


@pytest.mark.parametrize("oracle", ["central", "complex"])
@pytest.mark.parametrize("name", NAMES)
def test_whole_sequences(name, oracle, cells):
    report = check.sequence(cells[name], oracle=oracle)
    assert report.worst.error < THRESHOLDS[oracle], str(report)
    assert set(report.errors) == {"X", *cells[name].params, *(f"{s}_0" for s in cells[name].states)}


@pytest.mark.parametrize("H", [2, 130])
def test_layer_norm_is_that_of_the_paper_at_any_width(H):
    """Its epsilon is in both passes, so no gradient check would see that it is another one."""
    cell = variants.CELLS["layer norm"](3, H)
    X, p, state, *_ = check.random_problem(cell, 4)
    c, h = state["c"], state["h"]

    def norm(a):
        return (a - a.mean(axis=1, keepdims=True)) / np.sqrt(a.var(axis=1, keepdims=True) + 1e-5)

    for x, Hout in zip(X, cell.forward(X, p, state).Hout, strict=True):
        z = p["gain_a"] * norm(x @ p["A"]) + p["gain_r"] * norm(h @ p["R"]) + p["bias_z"]
        i, f, o = (steps.sigmoid(gate) for gate in np.split(z, 4, axis=1)[:3])
        c = f * c + i * np.tanh(z[:, 3 * H :])
        h = o * np.tanh(p["gain_c"] * norm(c) + p["bias_y"])
        np.testing.assert_allclose(Hout, h, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", NAMES)
def test_whole_sequences_by_jax_through_the_same_table(name, cells):
    """Values and gradients of `scan`, compiled, against those of the NumPy engine."""
    cell = cells[name]
    X, params, state, dHout, dstate = check.random_problem(cell)
    run = cell.forward(X, params, state)
    mine = cell.backward(dHout, run.cache, dstate)
    with jax.enable_x64(True):
        (Hout, last), theirs = by_jax(
            partial(recurrent.scan, cell), (X, params, state), (dHout, dstate)
        )
    compare((run.Hout, run.state, *mine), (Hout, last, *theirs))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "n", "b", "D", "H"), [
    ("GRU, reset after", 66, 2, 2, 3), ("sLSTM", 3, 18, 3, 4), ("mLSTM", 2, 2, 3, 18),
    ("coupled gates", 2, 2, 70, 66), ("minGRU", 260, 1, 1, 1),
])  # fmt: skip
def test_the_same_in_jax_at_other_sizes(name, n, b, D, H, dtype):
    cell = variants.CELLS[name](D, H)
    problem = check.random_problem(cell, n, b)
    X, params, state, dHout, dstate = jax.tree.map(lambda a: a.astype(dtype), tuple(problem))
    run = cell.forward(X, params, state)
    mine = cell.backward(dHout, run.cache, dstate)
    with jax.enable_x64(True):
        (Hout, last), theirs = by_jax(
            partial(recurrent.scan, cell), (X, params, state), (dHout, dstate)
        )
    within = 1e-12 if dtype == np.float64 else 2e-5
    compare((run.Hout, run.state, *mine), (Hout, last, *theirs), within)


def compare(mine, theirs, within=1e-12):
    """Trees of arrays: equal but for rounding, relative to the largest number of each array."""
    got, want = jax.tree.leaves(mine), jax.tree.leaves(theirs)
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        scale = max(1.0, float(np.abs(b).max(initial=0)))
        np.testing.assert_allclose(a, b, rtol=0, atol=within * scale, strict=True)


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_row_is_found(name, cells):
    """One element of one derivative is off by 1e-3: the check of that row alone fails."""
    cell = cells[name]
    v = check.values(cell)
    for step in cell.steps:
        for one, (label, derivative) in step.backward.items():

            def wrong(v, cotangent, derivative=derivative):
                gradient = np.array(derivative(v, cotangent))
                gradient[(-1,) * gradient.ndim] += 1e-3
                return gradient

            changed = step._replace(backward={**step.backward, one: (label, wrong)})
            (failed,) = [c for c in gradcheck.check_steps(v, table=[changed], oracle="complex")
                         if not c.report.passed]  # fmt: skip
            assert (failed.output, failed.input) == (step.name, one)


@pytest.mark.parametrize("name", NAMES)
def test_tables_are_in_order_and_no_value_that_is_read_lacks_a_derivative(name, cells):
    cell = cells[name]
    v = check.values(cell)
    known = {"x", *cell.params, *(f"{state}_prev" for state in cell.states)}
    assert set(cell.states) <= {step.name for step in cell.steps}
    for step in cell.steps:
        assert read_by(step, v) == set(step.backward) <= known, step.name
        assert step.name not in known
        known.add(step.name)
        for label in (step.label, *(label for label, _ in step.backward.values())):
            assert LABEL.fullmatch(label)


@pytest.mark.parametrize("n", [5, 300])
def test_the_engine_runs_the_reference(n):
    cell = variants.CELLS["LSTM"](D, H)
    assert cell.steps is reference.STEPS
    X, params, state, dHout, dstate = check.random_problem(cell, n)
    Hout, Cn, Hn, cache = lstm.forward(X, params["W"], state["c"], state["h"])
    grads = lstm.backward(dHout, cache, dstate["c"], dstate["h"])
    run = cell.forward(X, params, state)
    mine = cell.backward(dHout, run.cache, dstate)
    compare(
        (run.Hout, run.state["c"], run.state["h"], mine.dX, mine.params["W"], mine.state["c"],
         mine.state["h"]),
        (Hout, Cn, Hn, grads.dX, grads.dWLSTM, grads.dc0, grads.dh0),
    )  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept_and_nothing_is_changed_or_shared(name, dtype, cells):
    cell = cells[name]
    problem = check.random_problem(cell, dtype=dtype)
    X, params, state, dHout, dstate = problem
    freeze(X, dHout, *params.values(), *state.values(), *dstate.values())
    run = cell.forward(X, params, state)
    grads = cell.backward(dHout, run.cache, dstate)
    out = [run.Hout, *run.state.values(), grads.dX, *grads.params.values(), *grads.state.values()]
    assert {a.dtype for a in out} == {np.dtype(dtype)}
    for a in out:
        for b in (X, dHout, *params.values(), *state.values(), *dstate.values()):
            assert not np.shares_memory(a, b)
    before = [np.array(a) for a in grads.params.values()]
    run.Hout[:] = np.nan  # the cache is the cell's own
    for a in run.state.values():
        a[:] = np.nan
    for a, b in zip(cell.backward(dHout, run.cache, dstate).params.values(), before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", NAMES)
def test_float32_is_as_accurate_as_its_rounding(name, cells):
    """Every result and gradient beside those of the same numbers in double precision."""
    cell = cells[name]
    single = check.random_problem(cell, dtype=np.float32)
    double = jax.tree.map(lambda array: array.astype(np.float64), tuple(single))
    results = []
    for X, params, state, dHout, dstate in (single, double):
        run = cell.forward(X, params, state)
        results.append((run.Hout, run.state, *cell.backward(dHout, run.cache, dstate)))
    for got, want in zip(*map(jax.tree.leaves, results), strict=True):
        assert got.dtype == np.float32
        assert np.abs(got - want).max() < 1e-5 * max(1, np.abs(want).max()), name


@pytest.mark.parametrize("name", NAMES)
def test_no_steps(name, cells):
    cell = cells[name]
    X, params, state, dHout, dstate = check.random_problem(cell)
    run = cell.forward(X[:0], params, state)
    assert run.Hout.shape == (0, *dHout.shape[1:])
    grads = cell.backward(dHout[:0], run.cache, dstate)
    assert grads.dX.shape == (0, *X.shape[1:])
    assert not any(value.any() for value in grads.params.values())
    for k in state:
        np.testing.assert_array_equal(run.state[k], state[k])
        assert run.state[k] is not state[k]
        np.testing.assert_array_equal(grads.state[k], dstate[k])


@pytest.mark.parametrize("name", NAMES)
def test_a_sequence_in_two_pieces(name, cells):
    cell = cells[name]
    X, params, state, dHout, dstate = check.random_problem(cell, 7)
    whole = cell.forward(X, params, state)
    one = cell.forward(X[:3], params, state)
    two = cell.forward(X[3:], params, one.state)
    d2 = cell.backward(dHout[3:], two.cache, dstate)
    d1 = cell.backward(dHout[:3], one.cache, d2.state)
    grads = cell.backward(dHout, whole.cache, dstate)
    added = {name: d1.params[name] + d2.params[name] for name in params}
    compare(
        (np.concatenate([one.Hout, two.Hout]), two.state, np.concatenate([d1.dX, d2.dX]), added,
         d1.state),
        (whole.Hout, whole.state, *grads),
    )  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_state_before_the_first_step(name, cells):
    cell = cells[name]
    X, params, *_ = check.random_problem(cell)
    with np.errstate(all="raise"):  # what vanishes is no mistake
        run = cell.forward(X, params)
        grads = cell.backward(np.ones_like(run.Hout), run.cache)
    assert all(np.isfinite(a).all() for a in jax.tree.leaves((run[:2], grads[:2])))
    given = cell.start(X)
    compare(run[:2], cell.forward(X, params, given)[:2], 0)
    numerical = check.gradcheck.complex_step(
        lambda X, **params: cell.forward(X, params).Hout, {"X": X, **params}, np.ones_like(run.Hout)
    )
    compare((grads.dX, grads.params), (numerical.pop("X"), numerical), 1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_numbers_neither_overflow_nor_become_nan(name, dtype, cells):
    cell = cells[name]
    X, params, *_ = check.random_problem(cell, 6, dtype=dtype)
    with np.errstate(all="raise"):  # what vanishes is no mistake
        run = cell.forward(dtype(1000) * X, params)
        grads = cell.backward(np.ones_like(run.Hout), run.cache)
    assert all(np.isfinite(a).all() for a in jax.tree.leaves((run.Hout, grads)))


@pytest.mark.parametrize("keep_at", [2.5, -1.5])
@pytest.mark.parametrize("name", NAMES)
def test_initial_parameters(name, keep_at):
    cell = variants.CELLS[name](30, 20)
    params = cell.init(0, keep=keep_at)
    assert sum(value.size for value in params.values()) == cell.size
    for k, (shape, start, keep) in cell.params.items():
        value = params[k]
        assert value.shape == shape
        row = np.atleast_2d(value)[0]
        for columns, sign in keep:
            assert (row[columns] == sign * keep_at).all()
        if start in ("zeros", "ones"):
            assert set(np.unique(value)) <= {float(start == "ones"), keep_at}
        else:
            bias = int(start == "biased")
            spread = value[bias:].std() * np.sqrt(shape[0] - bias)
            assert 0.8 < spread < 1.2
            if bias:
                assert np.count_nonzero(row) == sum(row[c].size for c, _ in keep)
    again = cell.init(0, keep=keep_at, dtype=np.float32)
    assert all(value.dtype == np.float32 for value in again.values())
    compare(again, {k: v.astype(np.float32) for k, v in params.items()}, 0)


ROWS = {  # of every table, from the top down
    "LSTM": "u z z_i i z_f f z_o o z_g g c s h",
    "no forget gate": "u z z_i i z_o o z_g g c s h",
    "no input gate": "u z z_f f z_o o z_g g c s h",
    "no output gate": "u z z_i i z_f f z_g g c h",
    "linear candidate": "u z z_i i z_f f z_o o z_g c s h",
    "linear output": "u z z_i i z_f f z_o o z_g g c h",
    "nothing sees h": "w z z_i i z_f f z_o o z_g g c s h",
    "only g sees h": "w z z_i i z_f f z_o o u z_g g c s h",
    "only gates see h": "u z z_i i z_f f z_o o w z_g g c s h",
    "coupled gates": "u z z_i i z_o o z_g g f c s h",
    "peepholes": "u z z_i z_f z_o z_g q_i i q_f f g c q_o o s h",
    "hard gates": "u z z_i i z_f f z_o o z_g g c s h",
    "layer norm": "a r a_n r_n z z_i i z_f f z_o o z_g g c c_n y s h",
    "projection": "u z z_i i z_f f z_o o z_g g c s y h",
    "GRU, reset before": "u z z_r r z_f f q w z_g g h",
    "GRU, reset after": "u z z_r r z_f f w a y p z_g g h",
    "sLSTM": "u z z_i z_f z_o z_g o g l a m i f c n y h",
    "sLSTM, sigmoid": "u z z_i z_f z_o z_g o g l a m i f c n y h",
    "mLSTM": "w z q z_k v z_o o k r z_i z_f l a m i f C n y p e h",
    "minLSTM": "w z z_i l_i z_f l_f z_g a h",
    "minGRU": "w z z_f f z_g h",
}


@pytest.mark.parametrize("name", NAMES)
def test_which_rows_every_table_has(name, cells):
    assert [step.name for step in cells[name].steps] == ROWS[name].split()


STARTS = {  # initial values that are not those of a matrix below a row of biases
    "projection": {"R": "weights"},
    "peepholes": dict.fromkeys(["p_i", "p_f", "p_o"], "zeros"),
    "layer norm": {
        **dict.fromkeys(["A", "R"], "weights"),
        **dict.fromkeys(["bias_z", "bias_y"], "zeros"),
        **dict.fromkeys(["gain_a", "gain_r", "gain_c"], "ones"),
    },
}


@pytest.mark.parametrize("name", NAMES)
def test_which_initial_values_each_parameter_has(name, cells):
    starts = {k: param.start for k, param in cells[name].params.items()}
    assert starts == dict.fromkeys(starts, "biased") | STARTS.get(name, {})


def test_more_memory_where_it_is_asked_for(cells):
    """The bias of `init` makes each cell that has one keep what it was given."""
    for name, cell in cells.items():
        if not any(param.keep for param in cell.params.values()):
            assert name == "no forget gate"
            continue
        state = {"c": 1.0} if "c" in cell.states else {"h": 1.0}
        if "C" in cell.states:
            continue  # its forget gate stands beside an input gate that has no bound
        X = np.zeros((1, 1, D))
        start = {k: np.full((1, *cell.states[k].shape), v) for k, v in state.items()}
        if "m" in cell.states:
            start |= {"m": np.zeros((1, H)), "n": np.ones((1, H))}
        kept = []
        for keep in (0.0, 4.0):
            last = cell.forward(X, cell.init(0, keep=keep), start).state
            key = "c" if "c" in state else "h"
            kept.append(float((last[key] / last.get("n", 1)).mean()))
        assert kept[1] > kept[0], name
        if "m" not in cell.states:
            assert kept[1] > 0.95, name


# Two forms of one cell


@pytest.mark.parametrize("n", [0, 1, 2, 37])
@pytest.mark.parametrize("module", [mlstm, minlstm, mingru], ids=lambda m: m.__name__[14:])
def test_all_steps_at_once_agree_with_the_loop(module, n):
    cell = module.cell(D, H)
    X, params, state, *_ = check.random_problem(cell, n)
    Hout = module.parallel(X, params)
    np.testing.assert_allclose(Hout, cell.forward(X, params).Hout, rtol=0, atol=1e-12, strict=True)
    if "h" in state:
        Hout = module.parallel(X, params, state["h"])
        loop = cell.forward(X, params, state).Hout
        np.testing.assert_allclose(Hout, loop, rtol=0, atol=1e-12, strict=True)


@pytest.mark.parametrize("module", [mlstm, minlstm, mingru], ids=lambda m: m.__name__[14:])
def test_all_steps_at_once_by_a_compiled_function_of_the_parameters(module):
    """The inputs are arrays of NumPy then, and the parameters are not."""
    cell = module.cell(D, H)
    X, params, *_ = check.random_problem(cell, 5, dtype=np.float32)
    Hout = jax.jit(partial(module.parallel, X))(params)
    np.testing.assert_allclose(Hout, cell.forward(X, params).Hout, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("module", [mlstm, minlstm, mingru], ids=lambda m: m.__name__[14:])
def test_all_steps_at_once_agree_with_the_loop_however_closed_a_gate(module, dtype):
    """One gate's bias far out on either side; mLSTM's outputs then get as small as 1e-35."""
    cell = module.cell(D, H)
    X, params, *_ = check.random_problem(cell, 6, dtype=dtype)
    gates = params["V" if module is mlstm else "W"]
    block = gates.shape[1] // 2 if module is mlstm else H
    for column, shift in itertools.product((0, block), (-900, -300, -79, -30, 30, 300)):
        moved = {name: value.copy() for name, value in params.items()}
        moved["V" if module is mlstm else "W"][0, column : column + block] = shift
        with np.errstate(all="raise"):
            want, got = cell.forward(X, moved).Hout, module.parallel(X, moved)
        within = 1e-3 if dtype == np.float32 else 1e-11  # the exponents are that much less exact
        assert np.abs(got - want).max() <= within * np.abs(want).max(), (column, shift)
        assert np.isfinite(got).all()


def test_the_bound_of_mlstm_and_its_slopes():
    """e = max(|p|, exp(-m)), where the exponent grows to 80 and no further."""
    (step,) = [step for step in mlstm.STEPS if step.name == "e"]
    sizes = [0.0, 1e-300, 1e-40, 0.3, 1.0, 7.0, 1e30, 1e40]
    p, m = np.meshgrid([*sizes, *(-a for a in sizes)], [-1e4, -99, -81, -80, -79, -2, 0, 3, 900])
    v, de = SimpleNamespace(p=p, m=m), np.random.default_rng(0).standard_normal(p.shape)
    with np.errstate(under="ignore"):
        bound = np.exp(np.minimum(-m, 80))
        np.testing.assert_allclose(step.forward(v), np.maximum(abs(p), bound), rtol=1e-14)
        dp, dm = (step.backward[k][1](v, de) for k in "pm")
        np.testing.assert_array_equal(dp, np.where(abs(p) >= bound, np.where(p < 0, -de, de), 0))
        moving = (abs(p) < bound) & (-m < 80)
        np.testing.assert_allclose(dm, np.where(moving, -de * bound, 0), rtol=1e-14)
        by_step = step.forward(SimpleNamespace(p=p, m=m + 1e-20j)).imag / 1e-20
        np.testing.assert_allclose(de * by_step, dm, rtol=1e-14)
        by_step = step.forward(SimpleNamespace(p=p + 1e-20j, m=m)).imag / 1e-20
        np.testing.assert_allclose(de * by_step, dp, rtol=1e-14)
    assert moving.any()
    assert ((abs(p) < bound) & (-m > 80)).any()


def test_a_hard_gate_is_flat_from_the_ends_of_its_line_on():
    """There, too, the table, the complex step and JAX agree, as PyTorch and JAX themselves do."""
    (gate,) = [step for step in variants.CELLS["hard gates"](D, H).steps if step.name == "o"]
    z = np.array([-9, -3.1, -3, -2.9, 0, 2.9, 3, 3.1, 9])
    slopes = np.array([0, 0, 0, 1, 1, 1, 0, 0, 0]) / 6

    def line(z):
        return gate.forward(SimpleNamespace(z_o=z))

    np.testing.assert_allclose(line(z), np.clip(z / 6 + 0.5, 0, 1), rtol=0, atol=1e-15)
    back = gate.backward["z_o"][1](SimpleNamespace(o=line(z)), np.full(9, 3.0))
    np.testing.assert_allclose(back, 3 * slopes, rtol=1e-15)
    np.testing.assert_allclose(line(z + 1e-20j).imag, 1e-20 * slopes, rtol=1e-15)
    with jax.enable_x64(True):
        np.testing.assert_allclose(jax.vmap(jax.grad(line))(z), slopes, rtol=1e-15)


def test_hard_gates_written_down():
    """The blocks of W are those of i, f, o and g."""
    cell = variants.CELLS["hard gates"](D, H)
    X, params, state, *_ = check.random_problem(cell, 4)
    W, c, h = params["W"], state["c"], state["h"]
    for t, x in enumerate(X):
        z_i, z_f, z_o, z_g = np.split(W[0] + x @ W[1 : 1 + D] + h @ W[1 + D :], 4, axis=1)
        i, f, o = (np.clip(z / 6 + 0.5, 0, 1) for z in (z_i, z_f, z_o))
        c = f * c + i * np.tanh(z_g)
        h = o * np.tanh(c)
        got = cell.forward(X[: t + 1], params, state)
        np.testing.assert_allclose(got.Hout[t], h, rtol=0, atol=1e-14)
        np.testing.assert_allclose(got.state["c"], c, rtol=0, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_logarithm_of_a_gate_has_all_its_digits_at_any_size(dtype):
    z = np.concatenate([sign * np.geomspace(1e-6, 80, 200) for sign in (-1, 1)]).astype(dtype)
    wide = z.astype(float)
    exact = np.where(wide < 0, wide, 0) - np.log1p(np.exp(-abs(wide)))
    got = log_sigmoid(z)
    assert got.dtype == dtype
    np.testing.assert_allclose(got, exact, rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(log_sigmoid(dtype([-1e30, 1e30])), dtype([-1e30, 0]))


def test_the_slope_of_the_logarithm_of_a_gate():
    """It is 1 - sigmoid(z), at 0 too, where two formulas meet."""
    z = np.array([-300, -2, -1e-300, -0.0, 0.0, 1e-300, 2, 30])
    slopes = 1 / (1 + np.exp(z))
    np.testing.assert_allclose(log_sigmoid(z + 1e-20j).imag, 1e-20 * slopes, rtol=1e-14)
    back = log_gate("l", "z").backward["z"][1](SimpleNamespace(z=z), np.full(8, 3.0))
    np.testing.assert_allclose(back, 3 * slopes, rtol=1e-14, atol=1e-15)
    with jax.enable_x64(True):
        np.testing.assert_allclose(jax.vmap(jax.grad(log_sigmoid))(z), slopes, rtol=1e-14)


def test_all_steps_at_once_keep_their_dtype_and_leave_their_arguments_alone():
    for module in (mlstm, minlstm, mingru):
        cell = module.cell(D, H)
        X, params, *_ = check.random_problem(cell, dtype=np.float32)
        freeze(X, *params.values())
        assert module.parallel(X, params).dtype == np.float32


def test_jax_differentiates_all_steps_at_once():
    """The gradient of the parallel form is that of the table."""
    with jax.enable_x64(True):
        for module in (mlstm, minlstm, mingru):
            cell = module.cell(D, H)
            X, params, _, dHout, _ = check.random_problem(cell, 9)
            Hout, (dX, dparams) = by_jax(module.parallel, (X, params), dHout)
            run = cell.forward(X, params)
            grads = cell.backward(dHout, run.cache)
            np.testing.assert_allclose(Hout, run.Hout, rtol=0, atol=1e-12)
            np.testing.assert_allclose(dX, grads.dX, rtol=0, atol=1e-11)
            for name, want in grads.params.items():
                np.testing.assert_allclose(dparams[name], want, rtol=0, atol=1e-11)


# The stabiliser


@pytest.mark.parametrize("name", ["sLSTM", "sLSTM, sigmoid", "mLSTM"])
def test_outputs_do_not_depend_on_the_stabiliser(name, cells):
    """Add any number to m and divide c and n accordingly: the outputs are the same to rounding."""
    cell = cells[name]
    X, params, state, dHout, _ = check.random_problem(cell)
    run = cell.forward(X, params, state)
    for shift in (-20.0, 3.0, 50.0):
        moved = {**state, "m": state["m"] + shift}
        for k in {"c", "C", "n"} & set(state):
            moved[k] = state[k] * np.exp(-shift)
        compare(cell.forward(X, params, moved).Hout, run.Hout)
    # hence its gradient is zero, at every step and for any loss of the outputs
    v, back = run.cache.values[-1], {"h": dHout[-1]}
    for step in reversed(run.cache.values):
        v = step
        d = steps.backward(cell.steps, v, back)
        total = d.m
        size = max(np.abs(part).max() for part in (d.i * v.i, d.f * v.f))
        assert np.abs(total).max() < 1e-13 * max(1.0, size)
        back = {k: getattr(d, f"{k}_prev") for k in cell.states} | {"h": dHout[0]}


@pytest.mark.parametrize("name", ["sLSTM", "sLSTM, sigmoid", "mLSTM"])
def test_the_gradient_of_the_stabiliser_may_be_dropped(name, cells):
    """As if m were a constant: the gradients of any loss of the outputs are the same."""
    cell = cells[name]
    X, params, state, dHout, _ = check.random_problem(cell)
    run = cell.forward(X, params, state)
    whole = cell.backward(dHout, run.cache)
    deaf = tuple(
        step._replace(backward={} if step.name == "m" else step.backward) for step in cell.steps
    )
    dropped = recurrent.Cell(cell.name, deaf, D, H, cell.params, cell.states)
    got = dropped.backward(dHout, run.cache)
    compare((got.dX, got.params), (whole.dX, whole.params), 1e-12)


@pytest.mark.parametrize("name", ["sLSTM", "sLSTM, sigmoid", "mLSTM"])
def test_a_tie_of_the_stabiliser_counts_once(name, cells):
    """m = max(a, z_i). Where both are equal, either may get the gradient, and only one does."""
    step = next(step for step in cells[name].steps if step.name == "m")
    rng = np.random.default_rng(0)
    z = np.concatenate([rng.standard_normal(20), [0.0, -0.0, 1e-300, -700.0, 700.0]])[:, None]
    dm = rng.standard_normal(z.shape)
    for shift in (0.0, 1e-9, -1e-9, 1.0, -1.0):
        v = SimpleNamespace(a=z + shift, z_i=z)
        v.m = step.forward(v)
        np.testing.assert_array_equal(v.m, np.maximum(v.a, v.z_i))
        da, dz = (step.backward[k][1](v, dm) for k in ("a", "z_i"))
        np.testing.assert_array_equal(da + dz, dm)
        np.testing.assert_array_equal(da[v.a < v.z_i], 0)
        np.testing.assert_array_equal(dz[v.z_i < v.a], 0)
        for part, by_table in (({"a": v.a + 1e-20j}, da), ({"z_i": z + 1e-20j}, dz)):
            slope = step.forward(SimpleNamespace(**{"a": v.a, "z_i": z} | part)).imag / 1e-20
            np.testing.assert_array_equal(slope * dm, by_table)  # of a tie, too


def test_a_fixed_bound_breaks_what_the_stabiliser_promises(cells):
    """With max(|n q|, 1) in place of max(|n q|, exp(-m)) the outputs depend on m."""
    cell = cells["mLSTM"]
    fixed = tuple(
        step._replace(forward=lambda v: np.maximum(np.abs(v.p), 1)) if step.name == "e" else step
        for step in cell.steps
    )
    broken = recurrent.Cell("broken", fixed, D, H, cell.params, cell.states)
    X, params, state, *_ = check.random_problem(cell)
    moved = {"m": state["m"] + 3, "C": state["C"] * np.exp(-3), "n": state["n"] * np.exp(-3)}
    right = cell.forward(X, params, state).Hout
    np.testing.assert_allclose(cell.forward(X, params, moved).Hout, right, rtol=1e-12)
    off = broken.forward(X, params, moved).Hout - broken.forward(X, params, state).Hout
    assert np.abs(off).max() > 0.1


def test_the_normaliser_is_never_below_one_from_the_empty_state():
    for make in (slstm.cell, slstm.cell_sigmoid):
        cell = make(D, H)
        X, params, *_ = check.random_problem(cell, 50)
        run = cell.forward(30 * X, params)
        assert min(v.n.min() for v in run.cache.values) >= 1


def test_the_stabilised_cell_is_the_plain_one_where_that_does_not_overflow():
    """sLSTM and mLSTM as first written, with exponentials and no m."""
    cell = slstm.cell(D, H)
    X, params, *_ = check.random_problem(cell)
    c, n, h = np.zeros((3, H)), np.zeros((3, H)), np.zeros((3, H))
    for x, expected in zip(X, cell.forward(X, params).Hout, strict=True):
        z = params["W"][0] + x @ params["W"][1 : 1 + D] + h @ params["W"][1 + D :]
        i, f, o, g = np.exp(z[:, :H]), np.exp(z[:, H : 2 * H]), z[:, 2 * H : 3 * H], z[:, 3 * H :]
        c, n = f * c + i * np.tanh(g), f * n + i
        h = c / n / (1 + np.exp(-o))
        np.testing.assert_allclose(h, expected, rtol=1e-12)

    cell = mlstm.cell(D, H)
    X, params, *_ = check.random_problem(cell)
    C, n = np.zeros((3, H, H)), np.zeros((3, H))
    for x, expected in zip(X, cell.forward(X, params).Hout, strict=True):
        q, k, v, o = np.split(params["W"][0] + x @ params["W"][1:], 4, axis=1)
        i, f = np.split(params["V"][0] + x @ params["V"][1:], 2, axis=1)
        i, f, k = np.exp(i), 1 / (1 + np.exp(-f)), k / np.sqrt(H)
        C = f[:, :, None] * C + i[:, :, None] * np.einsum("bi,bj->bij", v, k)
        n = f * n + i * k
        e = np.maximum(np.abs((n * q).sum(axis=1, keepdims=True)), 1)
        h = np.einsum("bij,bj->bi", C, q) / e / (1 + np.exp(-o))
        np.testing.assert_allclose(h, expected, rtol=1e-11)


# Bad inputs


@pytest.fixture
def good():
    cell = gru.cell(D, H)
    return cell, check.random_problem(cell)


def test_bad_inputs_of_forward(good):
    cell, (X, params, state, *_) = good
    W, V = params["W"], params["V"]
    with refused(TypeError, "X: expected an array, got <class 'list'>"):
        cell.forward([[[1.0]]], params)
    with refused(ValueError, "X: expected shape (any, any, 3), got (4, 3, 2)"):
        cell.forward(X[:, :, :2], params)
    with refused(ValueError, "X: expected shape (any, any, 3), got (3, 3)"):
        cell.forward(X[0], params)
    with refused(ValueError, "X: expected shape (any, any, 3), got (4, 3, 3, 1)"):
        cell.forward(X[..., None], params)
    with refused(TypeError, "X: expected a floating-point dtype, got int64"):
        cell.forward(X.astype(int), params)
    with refused(TypeError, "params: expected a dictionary with ['W', 'V'], got <class 'list'>"):
        cell.forward(X, [W, V])
    with refused(ValueError, "params: expected ['W', 'V'], got ['W']"):
        cell.forward(X, {"W": W})
    with refused(ValueError, "params: expected ['W', 'V'], got ['W', 'V', 'U']"):
        cell.forward(X, {"W": W, "V": V, "U": V})
    with refused(ValueError, "params['V']: expected shape (8, 4), got (4, 8)"):
        cell.forward(X, {"W": W, "V": V.T})
    with refused(TypeError, "params['W']: expected dtype float64, as X has, got float32"):
        cell.forward(X, {"W": W.astype(np.float32), "V": V})
    with refused(ValueError, "state: expected ['h'], got ['c']"):
        cell.forward(X, params, {"c": state["h"]})
    with refused(ValueError, "state['h']: expected shape (3, 4), got (2, 4)"):
        cell.forward(X, params, {"h": state["h"][:2]})
    with refused(TypeError, "state['h']: expected an array, got <class 'float'>"):
        cell.forward(X, params, {"h": 0.0})


def test_bad_inputs_of_backward(good):
    cell, (X, params, state, dHout, dstate) = good
    cache = cell.forward(X, params, state).cache
    with refused(ValueError, "dHout: expected shape (4, 3, 4), got (3, 3, 4)"):
        cell.backward(dHout[1:], cache)
    with refused(TypeError, "dHout: expected dtype float64, as X has, got float32"):
        cell.backward(dHout.astype(np.float32), cache)
    with refused(ValueError, "dstate: expected ['h'], got ['h', 'c']"):
        cell.backward(dHout, cache, {"h": dstate["h"], "c": dstate["h"]})
    with refused(ValueError, "dstate['h']: expected shape (3, 4), got (4,)"):
        cell.backward(dHout, cache, {"h": dstate["h"][0]})


def test_sizes_of_a_projection():
    assert projection.cell(3, 5).outputs == 2
    assert projection.cell(3, 1).outputs == 1
    assert projection.cell(3, 5, 4).params["R"].shape == (5, 4)


def test_a_value_that_nothing_depends_on_has_no_gradient():
    table = [
        steps.Step("y", "eq-y", lambda v: 2 * v.x, {"x": ("eq-dx", lambda v, dy: 2 * dy)}),
        steps.Step("q", "eq-q", lambda v: 3 * v.x, {"x": ("eq-dx", lambda v, dq: 3 * dq)}),
    ]
    d = steps.backward(table, steps.forward(table, {"x": 1.0}), {"y": 1.0})
    assert d == SimpleNamespace(y=1.0, x=2.0)


GATED = {"W": (0, 1, 0, 0)}  # blocks of columns whose bias keeps what is remembered, and its sign
KEPT = dict.fromkeys(NAMES, GATED) | {
    "no forget gate": {"W": (0, 0, 0)}, "no input gate": {"W": (1, 0, 0)},
    "no output gate": {"W": (0, 1, 0)}, "only g sees h": {"W": (0, 1, 0), "V": (0,)},
    "only gates see h": {"W": (0, 1, 0), "V": (0,)}, "coupled gates": {"W": (-1, 0, 0)},
    "layer norm": {"bias_z": (0, 1, 0, 0)}, "GRU, reset before": {"W": (0, 1), "V": (0,)},
    "GRU, reset after": {"W": (0, 1), "V": (0,), "R": (0,)}, "minLSTM": {"W": (-1, 1, 0)},
    "minGRU": {"W": (1, 0)},
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in NAMES if name != "mLSTM"])
def test_the_biases_that_keep(name):
    params = variants.CELLS[name](5, 3).init(0, keep=2.5)
    for k, signs in KEPT[name].items():
        bias = np.atleast_2d(params[k])[0]
        np.testing.assert_array_equal(bias, 2.5 * np.repeat(signs, 3))


def test_the_biases_of_the_matrix_memory():
    params = variants.CELLS["mLSTM"](3, 2).init(0, keep=2.5)  # a gate for the whole matrix
    assert not params["W"][0].any()
    np.testing.assert_array_equal(params["V"][0], [0, 2.5])


def test_the_names_of_the_cells():
    assert NAMES == [
        "LSTM", "no forget gate", "no input gate", "no output gate", "linear candidate",
        "linear output", "nothing sees h", "only g sees h", "only gates see h", "coupled gates",
        "peepholes", "hard gates", "layer norm", "projection", "GRU, reset before",
        "GRU, reset after", "sLSTM", "sLSTM, sigmoid", "mLSTM", "minLSTM", "minGRU",
    ]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_states_of_a_problem_that_must_be_positive_are(name):
    cell = variants.CELLS[name](3, 4)
    states = check.random_problem(cell, n=2, b=50).state
    positive = [k for k, state in cell.states.items() if state.positive]
    assert all(0.5 <= states[k].min() < 0.6 for k in positive)
    assert bool(positive) == (name in ("sLSTM", "sLSTM, sigmoid"))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_problem_is_drawn_from_the_normal_distribution(dtype):
    cell = gru.cell(20, 30)
    X, params, state, dHout, dstate = check.random_problem(cell, 50, 40, seed=3, dtype=dtype)
    assert X.shape == (50, 40, 20)
    assert dHout.shape == (50, 40, 30)
    assert state["h"].shape == dstate["h"].shape == (40, 30)
    for array in (X, dHout, state["h"], dstate["h"]):
        assert abs(array.mean()) < 0.1
        assert 0.9 < array.std() < 1.1
    rng = np.random.default_rng(3)  # the parameters are drawn first
    for name, value in cell.init(rng, dtype=dtype).items():
        half = 0.5 * rng.standard_normal(value.shape).astype(dtype)
        np.testing.assert_array_equal(params[name], value + half, strict=True)


def test_what_a_check_does_where_it_is_not_told():
    """Four steps of three sequences from seed 0, and one step of them for the rows."""
    cell = gru.cell(D, H)
    compare(check.random_problem(cell), check.random_problem(cell, 4, 3, seed=0), 0)
    for options in ({}, {"seed": 0}, {"seed": 5}):
        X, params, state, *_ = check.random_problem(cell, 1, 3, **options)
        v = check.values(cell, **options)
        np.testing.assert_array_equal(v.x, X[0])
        np.testing.assert_array_equal(v.h, cell.forward(X, params, state).Hout[0])
        rows = check.rows(cell, oracle="complex", **options)
        again = gradcheck.check_steps(v, table=cell.steps, oracle="complex")
        compare([c.report.errors for c in rows], [c.report.errors for c in again], 0)
    assert (check.values(cell).x != check.values(cell, seed=5).x).all()
    for function, sizes in ((check.rows, ()), (check.values, ()), (check.random_problem, (4, 3))):
        with pytest.raises(TypeError, match="positional argument"):
            function(cell, *sizes, 0)


def test_a_cell_is_itself_and_can_be_a_key():
    """As the static argument of a compiled function it must be hashable, tables and all."""
    one, other = gru.cell(3, 4), gru.cell(3, 4)
    assert one == one
    assert one != other
    assert {one: "one", other: "other"}[one] == "one"


@pytest.mark.parametrize(
    "call",
    [
        check.random_problem, check.rows, check.values, check.sequence,
        lambda cell: check.sequence(cell, check.random_problem(gru.cell(3, 4))),
        lambda cell: recurrent.scan(cell, np.ones((2, 3, 4)), {}),
    ],
)  # fmt: skip
def test_what_is_no_cell_is_refused(call):
    with refused(TypeError, "cell: expected a Cell, got a module"):
        call(gru)


def test_what_is_no_problem_is_refused():
    with refused(TypeError, "problem: expected a Problem, got 3"):
        check.sequence(gru.cell(3, 4), 3)
