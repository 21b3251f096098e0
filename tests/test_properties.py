"""What holds for any shape, any numbers, any memory layout, at any time and in any thread.

Warnings are errors here, as everywhere: a property also says that nothing warns.
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from helpers import TOLERANCE, assert_identical, assert_same, draw, freeze, run, run_in_pieces
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import lstm
from lstm.gradcheck import Problem, check_lstm

ROOT = Path(lstm.__file__).parents[1]
DTYPES = st.sampled_from([np.float32, np.float64])
SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def problems(draw_one, n=(0, 6), b=(0, 5), D=(0, 5), H=(1, 5), dtypes=DTYPES):
    """Random problems in read-only arrays, so that code that changes its arguments fails."""
    sizes = [draw_one(st.integers(*limits)) for limits in (n, b, D, H)]
    return draw(*sizes, seed=draw_one(SEEDS), dtype=draw_one(dtypes))


def mapped(problem, function):
    """The problem with a function applied to every array: function(name, array)."""
    names = ("dHout", "dCn", "dHn")
    return Problem(
        {name: function(name, array) for name, array in problem.inputs.items()},
        tuple(map(function, names, problem.cotangents)),
    )


BATCH_AXIS = {"X": 1, "c0": 0, "h0": 0, "Hout": 1, "Cn": 0, "Hn": 0}
BATCH_AXIS |= {f"d{name}": axis for name, axis in BATCH_AXIS.items()}


def take(name, array, members):
    """These members of the batch; what has no batch axis, the weights, as it is."""
    return np.take(array, members, BATCH_AXIS[name]) if name in BATCH_AXIS else array


# Shapes, dtypes, gradients


@given(problems())
def test_results_have_the_shapes_and_the_dtype_of_the_arguments(problem):
    X, WLSTM, c0, h0 = problem.inputs.values()
    dHout, dCn, dHn = problem.cotangents
    like = {"Hout": dHout, "Cn": c0, "Hn": h0, "dX": X, "dWLSTM": WLSTM, "dc0": dCn, "dh0": dHn}
    for name, result in run(problem).items():
        assert (result.shape, result.dtype) == (like[name].shape, like[name].dtype)
        assert np.isfinite(result).all()


@given(problems(n=(0, 3), b=(0, 2), D=(0, 3), H=(1, 3), dtypes=st.just(np.float64)))
def test_every_gradient_of_any_shape(problem):
    report = check_lstm(lstm.forward, lstm.backward, problem, oracle="complex")
    assert report.checked == sum(array.size for array in problem.inputs.values())
    report.raise_if_failed()


@given(problems(), st.data())
def test_stepping_equals_forward(problem, data):
    X, WLSTM, c, h = problem.inputs.values()
    expected = lstm.forward(X, WLSTM, c, h)
    if X.shape[1] and data.draw(st.booleans(), label="one sequence without a batch axis"):
        member = data.draw(st.integers(0, X.shape[1] - 1))
        X, c, h = X[:, member], c[member], h[member]
        expected = lstm.Forward(expected.Hout[:, member], expected.Cn[member], 0, 0)
    outputs = np.empty_like(expected.Hout)
    for t, x in enumerate(X):
        c, h = lstm.step(x, WLSTM, c, h)
        outputs[t] = h
    assert_same({"Hout": outputs, "Cn": c}, {"Hout": expected.Hout, "Cn": expected.Cn})


# Sequences and batches


@given(problems(), st.data())
def test_a_sequence_may_be_split_anywhere(problem, data):
    steps = st.integers(0, len(problem.inputs["X"]))
    cuts = sorted(data.draw(st.lists(steps, max_size=4), label="cuts"))
    assert_same(run_in_pieces(problem, cuts), run(problem))


@given(problems(), st.data())
def test_the_order_of_a_batch_does_not_matter(problem, data):
    b = problem.inputs["X"].shape[1]
    order = np.array(data.draw(st.permutations(range(b)), label="order"), int)
    reordered = run(mapped(problem, lambda name, array: take(name, array, order)))
    assert_same(reordered, {name: take(name, a, order) for name, a in run(problem).items()})


@given(problems(b=(1, 5)), st.data())
def test_a_batch_is_its_sequences_one_by_one(problem, data):
    b = problem.inputs["X"].shape[1]
    alone = [
        run(mapped(problem, lambda name, array, k=k: take(name, array, [k]))) for k in range(b)
    ]
    together = {
        name: np.concatenate([results[name] for results in alone], BATCH_AXIS[name])
        if name in BATCH_AXIS
        else sum(results[name] for results in alone)
        for name in alone[0]
    }
    assert_same(together, run(problem))


@given(problems(n=(1, 6), b=(1, 5)), st.data())
def test_sequences_may_be_padded_at_their_end(problem, data):
    """Values after a sequence's end, without a cotangent there, change nothing."""
    n, b, _ = problem.inputs["X"].shape
    ends = data.draw(st.lists(st.integers(1, n), min_size=b, max_size=b), label="lengths")
    beyond = np.arange(n)[:, None] >= ends
    junk = problem.inputs["X"].copy()
    junk[beyond] = 7
    dHout = problem.cotangents[0].copy()
    dHout[beyond] = 0
    none = np.zeros_like(problem.cotangents[1])
    padded = run(Problem(problem.inputs | {"X": junk}, (dHout, none, none)))
    weights = 0
    for k, end in enumerate(ends):
        own = mapped(problem, lambda name, array, k=k: take(name, array, [k]))
        own.inputs["X"] = own.inputs["X"][:end]
        results = run(Problem(own.inputs, (dHout[:end, [k]], none[[k]], none[[k]])))
        weights = weights + results["dWLSTM"]
        got = {"Hout": padded["Hout"][:end, [k]], "dX": padded["dX"][:end, [k]]}
        got |= {name: padded[name][[k]] for name in ("dc0", "dh0")}
        assert_same(got, {name: results[name] for name in got})
    assert not padded["dX"][beyond].any()
    assert_same({"dWLSTM": padded["dWLSTM"]}, {"dWLSTM": weights})


@given(problems(n=(1, 6), b=(1, 5), D=(1, 5)), st.data())
def test_later_inputs_do_not_reach_earlier_outputs(problem, data):
    t = data.draw(st.integers(0, len(problem.inputs["X"]) - 1), label="t")
    changed = problem.inputs["X"].copy()
    changed[t] += 1
    before, after = (
        lstm.forward(**(problem.inputs | {"X": X})) for X in (problem.inputs["X"], changed)
    )
    np.testing.assert_array_equal(after.Hout[:t], before.Hout[:t])
    assert (after.Hout[t] != before.Hout[t]).any()


@given(problems(n=(1, 6), b=(1, 5)), st.data())
def test_earlier_cotangents_do_not_reach_later_gradients(problem, data):
    t = data.draw(st.integers(0, len(problem.inputs["X"]) - 1), label="t")
    dHout, dCn, dHn = problem.cotangents
    changed = dHout.copy()
    changed[t] += 1
    before, after = run(problem), run(Problem(problem.inputs, (changed, dCn, dHn)))
    np.testing.assert_array_equal(after["dX"][t + 1 :], before["dX"][t + 1 :])
    assert (after["dc0"] != before["dc0"]).any()


# Memory


def fortran(array):
    return np.asfortranarray(array)


def reversed_twice(array):
    everything = (slice(None, None, -1),) * array.ndim
    return array[everything].copy()[everything]


def every_second(array):
    larger = np.full([2 * size for size in array.shape], np.nan, array.dtype)
    view = larger[(slice(None, None, 2),) * array.ndim]
    view[...] = array
    return view


def middle(array):
    larger = np.pad(array, 1, constant_values=np.nan)
    return larger[(slice(1, -1),) * array.ndim]


def unaligned(array):
    raw = np.empty(array.nbytes + 1, np.uint8)[1:]
    view = raw.view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


LAYOUTS = st.sampled_from([fortran, reversed_twice, every_second, middle, unaligned, np.copy])


@given(problems(), st.lists(LAYOUTS, min_size=7, max_size=7), st.booleans())
def test_any_memory_layout_of_any_argument_read_only_or_not(problem, layouts, read_only):
    layout = iter(layouts)
    laid_out = mapped(problem, lambda name, array: next(layout)(array))
    copies = mapped(laid_out, lambda name, array: array.copy())
    if read_only:
        freeze(*laid_out.inputs.values(), *laid_out.cotangents)
    assert_same(run(laid_out), run(problem))
    # and none of them was changed
    assert_identical(laid_out.inputs, copies.inputs)
    for got, expected in zip(laid_out.cotangents, copies.cotangents, strict=True):
        np.testing.assert_array_equal(got, expected)


# Large numbers. The bounds on n keep the largest gradient that there can be within the dtype.


@st.composite
def problems_within(draw_one, largest, dtype, n, sizes):
    """Every single number is hypothesis's choice, up to the largest in size."""
    n, b, D, H = (draw_one(st.integers(0, n)), *(draw_one(st.integers(1, sizes)) for _ in "bDH"))
    width = 32 if dtype == np.float32 else 64
    numbers = st.floats(-largest, largest, width=width, allow_subnormal=False)

    def array(*shape):
        return draw_one(hnp.arrays(dtype, shape, elements=numbers))

    inputs = {"X": array(n, b, D), "WLSTM": array(1 + D + H, 4 * H)}
    inputs |= {"c0": array(b, H), "h0": array(b, H)}
    problem = Problem(inputs, (array(n, b, H), array(b, H), array(b, H)))
    freeze(*problem.inputs.values(), *problem.cotangents)
    return problem


@given(
    st.one_of(
        problems_within(1e4, np.float64, n=5, sizes=3),
        problems_within(1e4, np.float32, n=2, sizes=3),
    )
)
def test_numbers_up_to_ten_thousand_give_finite_results(problem):
    for name, result in run(problem).items():
        assert np.isfinite(result).all(), name
    Hout, _, _, cache = lstm.forward(**problem.inputs)
    assert (np.abs(Hout) <= 1).all()
    i, f, o, _ = np.split(cache.IFOG, 4, axis=-1)
    for gate in (i, f, o):
        assert ((gate >= 0) & (gate <= 1)).all()


@given(
    problems(n=(0, 4), b=(1, 3), D=(1, 3), H=(1, 3)),
    st.sampled_from(["X", "WLSTM", "c0", "h0"]),
)
def test_one_huge_argument_is_no_trouble_as_long_as_products_are_finite(problem, name):
    """Up to 1e300 in float64 and 1e30 in float32, the others of the order of 1."""
    huge = 1e300 if problem.inputs["X"].dtype == np.float64 else 1e30
    largest = np.abs(problem.inputs[name]).max(initial=1)
    inputs = problem.inputs | {name: problem.inputs[name] / largest * huge}
    X, WLSTM, c0, h0 = inputs.values()
    results = lstm.forward(X, WLSTM, c0, h0)[:3]
    for result in (*results, *(state for x in X for state in lstm.step(x, WLSTM, c0, h0))):
        assert np.isfinite(result).all()


@given(problems(), st.integers(-60, 60))
def test_gradients_are_linear_in_their_cotangents_to_the_last_bit(problem, power):
    """Scaled by a power of two, nothing is rounded differently; the 60 keep clear of underflow."""
    scale = problem.inputs["X"].dtype.type(2.0**power)
    scaled = Problem(problem.inputs, tuple(scale * array for array in problem.cotangents))
    expected = {
        name: scale * result if name.startswith("d") else result
        for name, result in run(problem).items()
    }
    assert_identical(run(scaled), expected)


@given(problems(), st.data())
def test_gradients_add_up(problem, data):
    others = draw(*problem.inputs["X"].shape, problem.inputs["c0"].shape[1], seed=1)
    dtype = problem.inputs["X"].dtype
    second = tuple(array.astype(dtype) for array in others.cotangents)
    both = tuple(map(np.add, problem.cotangents, second))
    one, two, sum_ = (
        run(Problem(problem.inputs, cotangents))
        for cotangents in (problem.cotangents, second, both)
    )
    names = ("dX", "dWLSTM", "dc0", "dh0")
    assert_same({n: sum_[n] for n in names}, {n: one[n] + two[n] for n in names})


# Infinity and nan. NumPy may say "invalid value" of them, also where the result has none.

NON_FINITE = st.sampled_from([np.nan, np.inf, -np.inf])
QUIET = np.errstate(invalid="ignore")


def with_one(problem, name, index, value):
    """The problem with one number of one array replaced."""

    def replace(other, array):
        array = array.copy()
        if other == name:
            array[index] = value
        return array

    return mapped(problem, replace)


@given(
    problems(n=(1, 6), b=(1, 5), D=(1, 5)),
    st.sampled_from(["X", "c0", "h0", "dHout", "dCn", "dHn"]),
    NON_FINITE,
    st.data(),
)
@QUIET
def test_one_sequence_cannot_spoil_another(problem, name, value, data):
    """Neither its results nor its gradients. The weights' gradient is a sum over all sequences."""
    member = data.draw(st.integers(0, problem.inputs["X"].shape[1] - 1), label="member")
    index = (0, member, 0) if BATCH_AXIS[name] else (member, 0)
    clean, spoilt = run(problem), run(with_one(problem, name, index, value))
    others = [k for k in range(problem.inputs["X"].shape[1]) if k != member]
    for result in set(clean) - {"dWLSTM"}:
        got, expected = (take(result, results[result], others) for results in (spoilt, clean))
        np.testing.assert_array_equal(got, expected, err_msg=result)


@given(problems(n=(1, 6), b=(1, 5), D=(1, 5)), NON_FINITE, st.data())
@QUIET
def test_the_past_is_not_spoilt(problem, value, data):
    n, b, D = problem.inputs["X"].shape
    index = tuple(data.draw(st.integers(0, size - 1)) for size in (n, b, D))
    clean, spoilt = run(problem), run(with_one(problem, "X", index, value))
    np.testing.assert_array_equal(spoilt["Hout"][: index[0]], clean["Hout"][: index[0]])


@given(problems(n=(1, 6), b=(1, 5), D=(1, 5)), st.data())
@QUIET
def test_nan_in_the_inputs_comes_out_from_there_on(problem, data):
    n, b, D = problem.inputs["X"].shape
    t, member, feature = (data.draw(st.integers(0, size - 1)) for size in (n, b, D))
    results = run(with_one(problem, "X", (t, member, feature), np.nan))
    expected = np.zeros((n, b), bool)
    expected[t:, member] = True
    for name in ("Hout", "Cn", "Hn"):
        where = expected if name == "Hout" else expected[-1]
        np.testing.assert_array_equal(
            np.isnan(results[name]), np.broadcast_to(where[..., None], results[name].shape)
        )
    assert np.isnan(results["dX"][:, member]).all()  # all of it is asked for by spoilt outputs
    assert np.isnan(results["dWLSTM"]).all()


@given(problems(n=(2, 6), b=(1, 5)), st.data())
@QUIET
def test_nan_in_one_unit_of_a_state_reaches_all_units_one_step_later(problem, data):
    b, H = problem.inputs["c0"].shape
    member, unit = (data.draw(st.integers(0, size - 1)) for size in (b, H))
    Hout = run(with_one(problem, "c0", (member, unit), np.nan))["Hout"]
    expected = np.zeros(Hout.shape, bool)
    expected[0, member, unit] = True
    expected[1:, member] = True
    np.testing.assert_array_equal(np.isnan(Hout), expected)
    Hout = run(with_one(problem, "h0", (member, unit), np.nan))["Hout"]
    expected[0, member] = True
    np.testing.assert_array_equal(np.isnan(Hout), expected)


@given(problems(n=(1, 6), b=(1, 5)), st.data())
@QUIET
def test_nan_in_a_cotangent_comes_out_at_its_step_and_before(problem, data):
    n, b, H = problem.cotangents[0].shape
    t, member, unit = (data.draw(st.integers(0, size - 1)) for size in (n, b, H))
    results = run(with_one(problem, "dHout", (t, member, unit), np.nan))
    expected = np.zeros((n, b), bool)
    expected[: t + 1, member] = True
    dX = results["dX"]
    np.testing.assert_array_equal(np.isnan(dX), np.broadcast_to(expected[..., None], dX.shape))
    assert np.isnan(results["dh0"][member]).all()
    assert np.isnan(results["dc0"][member, unit])
    columns = np.isnan(results["dWLSTM"]).any(axis=0).reshape(4, H)
    assert columns[:, unit].all()
    if t == 0:  # at the first step there is no way to the other units
        assert not np.delete(columns, unit, axis=1).any()


@given(problems(n=(1, 6), b=(1, 5), D=(1, 5)), st.sampled_from([-1, 1]), st.data())
@QUIET
def test_an_infinite_input_is_the_limit_of_large_ones(problem, sign, data):
    """Raw gates are infinite, gates are 0 or 1 (or -1), and what comes out is finite."""
    index = tuple(data.draw(st.integers(0, size - 1)) for size in problem.inputs["X"].shape)
    infinite, large = (
        lstm.forward(**with_one(problem, "X", index, sign * value).inputs)[:3]
        for value in (np.inf, 1e30)
    )
    for got, expected in zip(infinite, large, strict=True):
        np.testing.assert_array_equal(got, expected)
        assert np.isfinite(got).all()


@given(problems(n=(1, 6), b=(1, 5)), st.sampled_from([-1, 1]), st.data())
@QUIET
def test_an_infinite_cell_stays_infinite_and_alone(problem, sign, data):
    index = tuple(data.draw(st.integers(0, size - 1)) for size in problem.inputs["c0"].shape)
    infinite, large = (
        lstm.forward(**with_one(problem, "c0", index, sign * value).inputs)
        for value in (np.inf, 1e30)
    )
    np.testing.assert_array_equal(infinite.Hout, large.Hout)  # tanh of both is 1
    expected = np.zeros(infinite.Cn.shape)
    expected[index] = sign * np.inf
    np.testing.assert_array_equal(np.where(np.isinf(infinite.Cn), infinite.Cn, 0), expected)


# Time and threads


@given(problems(), problems())
def test_earlier_calls_leave_no_trace(problem, other):
    first = run(problem)
    run(other)
    lstm.init(3, 2)
    assert_identical(run(problem), first)


def test_concurrent_calls_give_what_they_give_alone():
    tasks = [draw(n=20, b=8, D=6, H=8, seed=seed) for seed in range(8)] * 4
    alone = [run(problem) for problem in tasks]
    with ThreadPoolExecutor(8) as pool:
        for got, expected in zip(pool.map(run, tasks), alone, strict=True):
            assert_identical(got, expected)


def test_concurrent_calls_may_share_one_cache():
    problem = draw(n=20, b=8, D=6, H=8)
    cache = lstm.forward(**problem.inputs).cache
    freeze(*cache)

    def backward(_):
        return lstm.backward(problem.cotangents[0], cache, *problem.cotangents[1:])._asdict()

    expected = backward(0)
    with ThreadPoolExecutor(8) as pool:
        for got in pool.map(backward, range(32)):
            assert_identical(got, expected)


RUN_AND_SAVE = """
import sys
sys.path.insert(0, "tests")
import numpy as np
from helpers import draw, run
np.savez(sys.argv[1], **run(draw(n=10, b=64, D=64, H=128, dtype=sys.argv[2])))
"""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_number_of_threads_of_the_matrix_product_does_not_matter(dtype, tmp_path):
    results = []
    for threads in ("1", "2", "3"):
        variables = ("OPENBLAS", "OMP", "MKL", "VECLIB_MAXIMUM", "BLIS")
        environment = {f"{name}_NUM_THREADS": threads for name in variables}
        path = tmp_path / f"{threads}.npz"
        subprocess.run(
            [sys.executable, "-W", "error", "-c", RUN_AND_SAVE, path, dtype],
            cwd=ROOT,
            env=os.environ | environment,
            check=True,
        )
        results.append(dict(np.load(path)))
    # sums of up to 640 terms (n * b) instead of 100
    tolerance = 10 * TOLERANCE[np.dtype(dtype)]
    assert_same(results[1], results[0], tolerance)
    assert_same(results[2], results[0], tolerance)
