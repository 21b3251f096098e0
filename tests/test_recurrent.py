"""The engine of all cells, on a cell so small that each result can be written down."""

import re
from dataclasses import FrozenInstanceError

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import freeze, refused

from lstm import recurrent
from lstm.recurrent import Cell, Param, State
from lstm.steps import Step

n, b, D, H = 4, 3, 2, 5

# c = k * c_prev + x A and y = 2 c. What `idle` is has no derivative, and `spare` is not read.
TABLE = (
    Step("c", "eq-c", lambda v: v.k * v.c_prev + v.x @ v.A, {
        "k": ("eq-dk", lambda v, dc: (dc * v.c_prev).sum(axis=0)),
        "c_prev": ("eq-dc", lambda v, dc: dc * v.k),
        "x": ("eq-dx", lambda v, dc: dc @ v.A.T),
        "A": ("eq-da", lambda v, dc: v.x.T @ dc),
    }),
    Step("idle", "eq-idle", lambda v: v.idle_prev + 1, {}),
    Step("y", "eq-y", lambda v: 2 * v.c, {"c": ("eq-dc", lambda v, dy: 2 * dy)}),
)  # fmt: skip
PARAMS = {"k": Param((H,)), "A": Param((D, H), "weights"), "spare": Param((2, 1))}
CELL = Cell("leak", TABLE, D, H, PARAMS, {"c": State((H,), 0.5), "idle": State((1,))}, "y")


def problem(dtype=np.float64, n=n):
    rng = np.random.default_rng(0)
    X, dHout, *states = (
        rng.standard_normal(shape).astype(dtype)
        for shape in ((n, b, D), (n, b, H), (b, H), (b, 1), (b, H), (b, 1))
    )
    params = {name: rng.standard_normal(p.shape).astype(dtype) for name, p in PARAMS.items()}
    named = [dict(zip(("c", "idle"), pair, strict=True)) for pair in (states[:2], states[2:])]
    for array in (X, dHout, *states, *params.values()):
        freeze(array)
    return X, params, named[0], dHout, named[1]


def written_down(X, params, state, dHout, dstate):
    """The results and the gradients of the small cell, from its two equations."""
    k, A, c = params["k"], params["A"], [state["c"]]
    for x in X:
        c.append(k * c[-1] + x @ A)
    dc, dk, dA, dX = dstate["c"], np.zeros_like(k), np.zeros_like(A), np.zeros_like(X)
    for t in reversed(range(len(X))):
        dc = dc + 2 * dHout[t]
        dk, dA, dX[t] = dk + (dc * c[t]).sum(axis=0), dA + X[t].T @ dc, dc @ A.T
        dc = k * dc
    Hout = 2 * np.array(c[1:], X.dtype).reshape(len(X), b, H)
    last = {"c": c[-1], "idle": state["idle"] + np.float32(len(X))}
    grads = {"k": dk, "A": dA, "spare": np.zeros_like(params["spare"])}
    return (Hout, last), (dX, grads, {"c": dc, "idle": np.zeros_like(state["idle"])})


def same(got, want, within):
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=within, strict=True)


@pytest.mark.parametrize("steps", [0, 1, n])
@pytest.mark.parametrize(("dtype", "within"), [(np.float32, 1e-4), (np.float64, 1e-12)])
def test_results_and_gradients_are_those_of_the_equations(dtype, within, steps):
    X, params, state, dHout, dstate = problem(dtype, steps)
    run = CELL.forward(X, params, state)
    assert list(run.state) == ["c", "idle"]
    results, gradients = written_down(X, params, state, dHout, dstate)
    same((run.Hout, run.state), results, within)
    back = CELL.backward(dHout, run.cache, dstate)
    assert list(back.params) == list(PARAMS)
    if steps:
        same(back, gradients, within)
    else:  # the gradient of a state that nothing uses goes through
        same(back, (gradients[0], gradients[1], dstate), 0)
    single = jax.tree.map(np.float32, (X, params, state))
    same(recurrent.scan(CELL, *single), jax.tree.map(np.float32, results), 1e-4)


def test_states_that_are_missing_begin_as_the_cell_says_and_their_gradients_are_zero():
    X, params, state, dHout, dstate = problem()
    begun = {"c": np.full((b, H), 0.5), "idle": np.zeros((b, 1))}
    for given in (None, {}, {"c": state["c"]}, {"idle": state["idle"]}):
        filled = begun | (given or {})
        same(CELL.start(X, given), filled, 0)
        run = CELL.forward(X, params, given)
        same(run[:2], written_down(X, params, filled, dHout, dstate)[0], 1e-12)
    for given in (None, {}, {"c": dstate["c"]}, {"idle": dstate["idle"]}):
        filled = {name: np.zeros_like(value) for name, value in dstate.items()} | (given or {})
        back = CELL.backward(dHout, run.cache, given)
        same(back, written_down(X, params, run.cache.state, dHout, filled)[1], 1e-12)


def test_arrays_of_jax_give_arrays_of_jax():
    X, params, state, dHout, dstate = jax.tree.map(np.float32, problem())
    given = jax.tree.map(jnp.asarray, (params, state, dstate))
    for inputs in (X, jnp.asarray(X)):
        run = CELL.forward(inputs, *given[:2])
        back = CELL.backward(jnp.asarray(dHout), run.cache, given[2])
        assert all(isinstance(a, jax.Array) for a in jax.tree.leaves((run[:2], back)))
        results, gradients = written_down(X, params, state, dHout, dstate)
        same((run[:2], back), jax.tree.map(np.float32, (results, gradients)), 1e-4)


def drawn(**options):
    """The parameters of a cell with every kind of initial value."""
    kinds = {
        "biased": Param((7, 3), "biased", ((slice(1, 2), 1.0), (slice(2, 3), -2.0))),
        "one row": Param((2, 3)),
        "no rows": Param((1, 3), keep=((slice(0, 2), 1.0),)),
        "weights": Param((7, 3), "weights"),
        "vector": Param((4,), "weights"),
        "zeros": Param((4,), "zeros", ((slice(1, 3), 1.0),)),
        "ones": Param((2, 2), "ones", ((slice(1, 2), -1.0),)),
    }
    return Cell("drawn", (), 1, 1, kinds, {}).init(7, **options)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("keep", [2.5, -1.0])
def test_initial_parameters_are_those_that_are_described(keep, dtype):
    """Matrices are drawn in their order and divided by the square root of their rows, without
    that of biases, which are zero but for those that keep."""
    normal = np.random.default_rng(7).standard_normal
    want = {
        "biased": normal((7, 3)) / np.sqrt(6), "one row": normal((2, 3)), "no rows": normal((1, 3)),
        "weights": normal((7, 3)) / np.sqrt(7), "vector": normal((4,)) / np.sqrt(4),
        "zeros": np.array([0, keep, keep, 0]), "ones": np.array([[1, -keep], [1, 1]]),
    }  # fmt: skip
    want["biased"][0], want["one row"][0] = [0, keep, -2 * keep], 0
    want["no rows"][0] = [keep, keep, 0]
    got = drawn(keep=keep, dtype=dtype)
    assert list(got) == list(want)
    for name, value in want.items():
        np.testing.assert_array_equal(got[name], value.astype(dtype), err_msg=name, strict=True)


@pytest.mark.parametrize("start", ["Zeros", "", None, 0, ["zeros"]])
def test_initial_values_that_have_no_such_name_are_refused(start):
    cell = Cell("odd", (), 1, 1, {"V": Param((2, 3)), "W": Param((2, 3), start)}, {})
    kinds = "['weights', 'biased', 'zeros', 'ones']"
    message = f"params['W'].start: expected one of {kinds}, got {start!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        cell.init(0)


def test_without_being_asked_a_cell_keeps_nothing_in_float64():
    for got, want in zip(drawn().values(), drawn(keep=0.0, dtype="f8").values(), strict=True):
        np.testing.assert_array_equal(got, want, strict=True)


def test_a_cell_is_described_by_its_fields():
    assert CELL.size == H + D * H + 2
    assert Cell("", (), 1, 1, {}, {}).output == "h"
    assert Param((2, 3)) == ((2, 3), "biased", ())
    assert State((2,)) == ((2,), 0.0, False)
    with pytest.raises(FrozenInstanceError, match=r"^cannot assign to field 'outputs'$"):
        CELL.outputs = 3


FLOATING = "expected a floating-point dtype, got"


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"X": None}, TypeError, "X: expected an array, got <class 'NoneType'>"),
        ({"X": np.ma.masked_array(np.ones((n, b, D)))}, TypeError,
         "X: expected an array, got a masked array, whose mask would be lost"),
        ({"X": np.ones((n, b, D + 1))}, ValueError,
         "X: expected shape (any, any, 2), got (4, 3, 3)"),
        ({"X": np.ones((b, D))}, ValueError, "X: expected shape (any, any, 2), got (3, 2)"),
        ({"X": np.ones((n, b, D), bool)}, TypeError, f"X: {FLOATING} bool"),
        ({"params": None}, TypeError,
         "params: expected a dictionary with ['k', 'A', 'spare'], got <class 'NoneType'>"),
        ({"params": {}}, ValueError, "params: expected ['k', 'A', 'spare'], got []"),
        ({"params": {"k": 1, "A": 2, "b": 3}}, ValueError,
         "params: expected ['k', 'A', 'spare'], got ['k', 'A', 'b']"),
        ({"k": np.ones(H, "f4")}, TypeError,
         "params['k']: expected dtype float64, as X has, got float32"),
        ({"k": np.ones(H, complex)}, TypeError,
         "params['k']: expected dtype float64, as X has, got complex128"),
        ({"A": np.ones((H, D))}, ValueError, "params['A']: expected shape (2, 5), got (5, 2)"),
        ({"A": 1.0}, TypeError, "params['A']: expected an array, got <class 'float'>"),
        ({"state": [1.0]}, TypeError,
         "state: expected a dictionary with ['c', 'idle'], got <class 'list'>"),
        ({"state": {"h": 1.0}}, ValueError, "state: expected ['c', 'idle'], got ['h']"),
        ({"state": {"c": np.ones((b, H), "f4")}}, TypeError,
         "state['c']: expected dtype float64, as X has, got float32"),
        ({"state": {"c": np.ones((b, H), complex)}}, TypeError,
         "state['c']: expected dtype float64, as X has, got complex128"),
        ({"state": {"c": np.ones((H, b))}}, ValueError,
         "state['c']: expected shape (3, 5), got (5, 3)"),
        ({"dHout": np.ones((n, H, b))}, ValueError,
         "dHout: expected shape (4, 3, 5), got (4, 5, 3)"),
        ({"dHout": np.ones((n, b, H), "f4")}, TypeError,
         "dHout: expected dtype float64, as X has, got float32"),
        ({"dHout": np.ones((n, b, H), complex)}, TypeError,
         "dHout: expected dtype float64, as X has, got complex128"),
        ({"dstate": {"h": 1.0}}, ValueError, "dstate: expected ['c', 'idle'], got ['h']"),
        ({"dstate": {"c": np.ones((H, b))}}, ValueError,
         "dstate['c']: expected shape (3, 5), got (5, 3)"),
        ({"dstate": {"c": np.ones((b, H), "f4")}}, TypeError,
         "dstate['c']: expected dtype float64, as X has, got float32"),
        ({"dstate": {"c": np.ones((b, H), complex)}}, TypeError,
         "dstate['c']: expected dtype float64, as X has, got complex128"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(change, error, message):
    X, params, state, dHout, dstate = problem()
    given = {"X": X, "params": params, "state": state, "dHout": dHout, "dstate": dstate}
    given |= {name: value for name, value in change.items() if name in given}
    if set(change) & set(params):
        given["params"] = params | change
    with refused(error, message):
        run = CELL.forward(given["X"], given["params"], given["state"])
        CELL.backward(given["dHout"], run.cache, given["dstate"])


def test_a_cache_that_is_none_of_a_cell_is_refused():
    X, params, state, dHout, _ = problem()
    run = CELL.forward(X, params, state)
    wanted = "cache: expected the Cache of recurrent.Cell.forward, got"
    with refused(TypeError, f"{wanted} the whole Run: pass its field cache"):
        CELL.backward(dHout, run)
    with refused(TypeError, f"{wanted} None"):
        CELL.backward(dHout, None)
    with pytest.raises(ValueError, match=r"^zip\(\) argument 2 is longer than argument 1$"):
        CELL.backward(dHout, run.cache._replace(values=run.cache.values[1:]))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: drawn(keep="1"), TypeError, "keep: expected a number, got '1'"),
        (lambda: drawn(keep=np.inf), ValueError, "keep: expected a finite number, got inf"),
        (lambda: drawn(dtype=int), TypeError, "dtype: expected float32 or float64, got int64"),
        (lambda: CELL.init("0"), TypeError,
         "rng: expected a numpy.random.Generator, a seed or None, got '0'"),
        (lambda: recurrent.cell_sizes(2.0, 3), TypeError, "D: expected an integer, got 2.0"),
        (lambda: recurrent.cell_sizes(2, "3"), TypeError, "H: expected an integer, got '3'"),
        (lambda: recurrent.check_cell(3), TypeError, "cell: expected a Cell, got a int"),
        (lambda: recurrent.check_cell(Cell), TypeError, "cell: expected a Cell, got a type"),
    ],
)  # fmt: skip
def test_other_arguments_are_named(call, error, message):
    with refused(error, message):
        call()


def test_sizes_of_small_integer_types_do_not_overflow():
    sizes = recurrent.cell_sizes(np.int8(127), np.uint8(255))
    assert sizes == (127, 255)
    assert [type(size) for size in sizes] == [int, int]
