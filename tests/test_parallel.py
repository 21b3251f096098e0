"""All steps at once: linear recurrences, Newton's method over time, the backward pass as a scan."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import by_jax, refused
from hypothesis import given, settings
from hypothesis import strategies as st

import lstm
from lstm import gradcheck, layout, steps
from lstm.parallel import adjoint, diagonal, gradient, linear, newton

WAYS = {
    "doubling": linear.doubling, "blocked": linear.blocked,
    "associative": jax.jit(linear.associative),  # one program, where each operation would be one
}  # fmt: skip


def recurrence(n, k, matrices, between=(3,), seed=0, dtype=np.float64):
    """A random recurrence (A, u, s0) that neither grows nor dies out quickly."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((n, *between, k, k) if matrices else (n, *between, k))
    A *= 0.9 / k**0.5 if matrices else 0.9
    u, s0 = rng.standard_normal((n, *between, k)), rng.standard_normal((*between, k))
    return A.astype(dtype), u.astype(dtype), s0.astype(dtype)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("matrices", [False, True])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 15, 16, 17, 100])
def test_all_ways_give_the_states_of_the_loop(way, matrices, n):
    with jax.enable_x64(True):
        # JAX compiles for each shape anew, and what lies between is the same to it at every n.
        for between in ((), (3,), (2, 3)) if way != "associative" or n == 5 else ((3,),):
            A, u, s0 = recurrence(n, 4, matrices, between, seed=n)
            for start in (s0, None):
                np.testing.assert_allclose(
                    WAYS[way](A, u, start), linear.loop(A, u, start), rtol=1e-12, atol=1e-12
                )


@pytest.mark.parametrize("matrices", [False, True])
@pytest.mark.parametrize("n", [6, 300])
def test_all_ways_give_complex_states_too(matrices, n):
    """As the complex step asks for; and of many steps, which the scan of JAX combines in a tree."""
    with jax.enable_x64(True):
        A, u, s0 = (
            one + 1j * other
            for one, other in zip(
                recurrence(n, 2, matrices, seed=n), recurrence(n, 2, matrices, seed=n + 1),
                strict=True,
            )
        )  # fmt: skip
        want = linear.loop(0.7 * A, u, s0)
        for name, way in WAYS.items():
            got = np.asarray(way(0.7 * A, u, s0))
            np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-11, err_msg=name)


LONG = sorted({2**k + one for k in range(5, 13) for one in (-1, 0, 1)} | {20_000})


@pytest.mark.parametrize("matrices", [False, True])
def test_long_recurrences_forward_and_back(matrices):
    """Both sides of every power of two, and more pieces than anybody counts."""
    for n in LONG:
        A, u, s0 = recurrence(n, 2, matrices, (1,), seed=n)
        states = linear.loop(A, u, s0)
        before = np.concatenate([s0[None], states])[:-1]
        np.testing.assert_array_equal(states, linear.apply(A, before) + u)  # (eq-linear-step)
        for way in (linear.doubling, linear.blocked):
            np.testing.assert_allclose(way(A, u, s0), states, rtol=1e-10, atol=1e-12)
        a = linear.adjoints(A, u)
        later = A[1:].swapaxes(-1, -2) if matrices else A[1:]
        np.testing.assert_allclose(a[:-1], u[:-1] + linear.apply(later, a[1:]), atol=1e-12)
        np.testing.assert_array_equal(a[-1], u[-1])


@pytest.mark.parametrize("power", [-900, -80, -20, 20, 80, 900])
def test_twice_as_much_gives_twice_as_much_to_the_last_bit(power):
    A, u, _ = recurrence(50, 3, matrices=True, seed=1)
    more = u * 2.0**power
    for way in (linear.loop, linear.doubling, linear.blocked, linear.adjoints):
        np.testing.assert_array_equal(way(A, more), way(A, u) * 2.0**power)


def test_the_scan_of_jax_need_not_be_compiled():
    A, u, s0 = recurrence(5, 4, matrices=True, dtype=np.float32)
    np.testing.assert_allclose(
        linear.associative(A, u, s0), linear.loop(A, u, s0), rtol=1e-5, atol=1e-5
    )


def test_the_loop_is_the_equation():
    A, u, s0 = recurrence(3, 2, matrices=True, between=())
    first = A[0] @ s0 + u[0]
    expected = [first, A[1] @ first + u[1], A[2] @ (A[1] @ first + u[1]) + u[2]]
    np.testing.assert_allclose(linear.loop(A, u, s0), expected, rtol=1e-15)


@settings(max_examples=60)
@given(n=st.integers(0, 40), pieces=st.integers(1, 50), matrices=st.booleans())
def test_any_number_of_pieces(n, pieces, matrices):
    A, u, s0 = recurrence(n, 3, matrices, seed=7)
    got = linear.blocked(A, u, s0, pieces=pieces)
    np.testing.assert_allclose(got, linear.loop(A, u, s0), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_dtypes_stay(dtype):
    A, u, s0 = recurrence(20, 3, matrices=True, dtype=dtype)
    for way in (linear.loop, linear.doubling, linear.blocked):
        assert way(A, u, s0).dtype == dtype


@pytest.mark.parametrize("matrices", [False, True])
def test_complex_numbers(matrices):
    real, imaginary = (recurrence(40, 3, matrices, seed=seed) for seed in (1, 2))
    A, u, s = (x + 1j * y for x, y in zip(real, imaginary, strict=True))
    want, s0 = [], s
    for t in range(40):
        s = ((A[t] @ s[..., None])[..., 0] if matrices else A[t] * s) + u[t]
        want.append(s)
    largest = abs(np.array(want)).max()
    for way in (linear.loop, linear.doubling, linear.blocked):
        assert abs(way(A, u, s0) - want).max() < 1e-13 * largest


def test_composing_is_associative():
    maps = [recurrence(1, 3, matrices=True, seed=k)[:2] for k in range(3)]
    a, b, c = maps
    left = linear.compose(linear.compose(c, b), a)
    right = linear.compose(c, linear.compose(b, a))
    for one, other in zip(left, right, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)


@pytest.mark.parametrize("matrices", [False, True])
@pytest.mark.parametrize("n", [0, 1, 7, 30])
def test_the_derivative_of_a_recurrence(matrices, n):
    A, u, s0 = recurrence(n, 3, matrices, seed=3)
    ds = np.random.default_rng(4).standard_normal(u.shape)
    with jax.enable_x64(True):
        pull = jax.jit(lambda ds, *args: jax.vjp(linear.associative, *args)[1](ds))
        judge = pull(ds, A, u, s0)
    for got, expected in zip(linear.backward(ds, A, linear.loop(A, u, s0), s0), judge, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([1, 2], [1.0, 2.0]), TypeError,
         "A: expected dtype float32, float64 or complex128, got int64"),
        (([1.0], ["a"]), TypeError, "u: expected dtype float32, float64 or complex128, got <U1"),
        (([1.0], None), TypeError, "u: expected an array, got None"),
        ((1.0, 1.0), ValueError, "u: expected shape (n, ..., k), got ()"),
        (([1.0], [1.0, 2.0]), ValueError,
         "A: expected shape (2,) for diagonals, as in u, got (1,)"),
        ((np.ones((2, 3, 2)), np.ones((2, 3))), ValueError,
         "A: expected shape (2, 3) for diagonals or (2, 3, 3) for matrices, as in u, "
         "got (2, 3, 2)"),
        ((np.ones(2), np.ones(2), np.ones(1)), ValueError,
         "s0: expected shape (), as one step of u, got (1,)"),
        ((np.ones(2, "f4"), np.ones(2)), TypeError,
         "A: expected dtype float64, as in u, got float32"),
        ((np.ones(2), np.ones(2), np.float32(1)), TypeError,
         "s0: expected dtype float64, as in u, got float32"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(arguments, error, message):
    for way in (linear.loop, linear.doubling, linear.blocked):
        with refused(error, message):
            way(*arguments)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"ds": [1, 2]}, TypeError, "ds: expected dtype float32, float64 or complex128, got int64"),
        ({"ds": 1.0}, ValueError, "ds: expected shape (n, ..., k), got ()"),
        ({"A": np.ones((2, 4))}, ValueError,
         "A: expected shape (2, 3) for diagonals or (2, 3, 3) for matrices, as in ds, got (2, 4)"),
        ({"A": np.ones((2, 3), "f4")}, TypeError,
         "A: expected dtype float64, as in ds, got float32"),
        ({"s0": np.ones(2)}, ValueError, "s0: expected shape (3,), as one step of ds, got (2,)"),
        ({"s0": np.ones(3, "f4")}, TypeError, "s0: expected dtype float64, as in ds, got float32"),
        ({"states": np.ones((3, 3))}, ValueError,
         "states: expected shape (n, k) = (2, 3), got (3, 3)"),
        ({"states": np.ones((2, 3), "f4")}, TypeError,
         "states: expected dtype float64, as in ds, got float32"),
        ({"states": None}, TypeError, "states: expected an array, got None"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_forward_run_is_named(change, error, message):
    right = {"ds": np.ones((2, 3)), "A": np.ones((2, 3)), "states": np.ones((2, 3))}
    assert linear.backward(**right).ds0.tolist() == [2, 2, 2]
    with refused(error, message):
        linear.backward(**right | change)


@pytest.mark.parametrize(
    ("pieces", "error", "message"),
    [(0, ValueError, "at least 1, got 0"), (1.5, TypeError, "an integer, got 1.5"),
     (True, TypeError, "an integer, got True")],
)  # fmt: skip
def test_pieces_are_counted(pieces, error, message):
    with refused(error, f"pieces: expected {message}"):
        linear.blocked(np.ones(3), np.ones(3), pieces=pieces)


def problem(n=60, b=2, D=3, H=5, forget=1.0, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    WLSTM = lstm.init(D, H, forget_bias=forget, rng=rng, dtype=dtype)
    X = rng.standard_normal((n, b, D)).astype(dtype)
    c0, h0 = rng.standard_normal((b, H)).astype(dtype), rng.uniform(-1, 1, (b, H)).astype(dtype)
    return X, WLSTM, c0, h0


def test_the_jacobian_of_a_step_against_jax_and_the_complex_step():
    X, WLSTM, c, h = problem(n=1)
    bias, Wx, Wh = layout.split_rows(WLSTM)
    bx = X @ Wx + bias
    after = newton.moves(bx, Wh, c[None], h[None])
    J = newton.jacobians(after.IFOG, c[None], after.S, Wh)[0]
    H = c.shape[-1]
    for row in range(len(c)):
        for k in range(2 * H):
            disturbed = np.concatenate([c, h], axis=-1).astype(complex)[None]
            disturbed[0, row, k] += 1e-20j
            moved = newton.moves(bx, Wh, disturbed[..., :H], disturbed[..., H:])
            column = np.concatenate([moved.C, moved.H], axis=-1)[0].imag / 1e-20
            np.testing.assert_allclose(J[row, :, k], column[row], rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize("method", newton.METHODS)
def test_every_method_ends_at_the_states_of_the_loop(method):
    X, WLSTM, c0, h0 = problem()
    true = lstm.forward(X, WLSTM, c0, h0)
    found = newton.solve(X, WLSTM, c0, h0, method=method)
    assert found.converged
    assert found.residuals[-1] <= 1e-12 < found.residuals[-2]
    np.testing.assert_allclose(found.Hout, true.Hout, rtol=0, atol=1e-11)
    np.testing.assert_allclose(found.C, true.cache.C[1:], rtol=0, atol=1e-11)


@pytest.mark.parametrize("method", newton.METHODS)
@pytest.mark.parametrize("damping", [0.0, 0.5])
def test_after_k_iterations_the_first_k_states_are_exact(method, damping):
    X, WLSTM, c0, h0 = problem(n=30, forget=3.0, seed=1)
    true = lstm.forward(X, WLSTM, c0, h0)
    for k in (1, 2, 10, 30):
        found = newton.solve(
            X, WLSTM, c0, h0, method=method, damping=damping, iterations=k, tolerance=0
        )
        np.testing.assert_allclose(found.Hout[:k], true.Hout[:k], rtol=0, atol=1e-12)


def test_newton_squares_its_error():
    found = newton.solve(*problem(n=60, forget=1.0, seed=2), tolerance=0, iterations=20)
    small = [r for r in found.residuals if 1e-7 < r < 1e-2]
    after = [found.residuals[found.residuals.index(r) + 1] for r in small]
    assert small
    assert all(later < 10 * r**2 for r, later in zip(small, after, strict=True))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(3))
def test_it_stops_at_the_tolerance_that_is_asked_for(dtype, seed):
    X, WLSTM, *states = (a.astype(dtype) for a in problem(n=60, forget=1.0, seed=seed))
    whole = newton.solve(X, WLSTM, *states, tolerance=0, iterations=30)
    for power in range(-5, 0):
        found = newton.solve(X, WLSTM, *states, tolerance=10.0**power)
        first = next(k for k, r in enumerate(whole.residuals) if r <= 10.0**power)
        assert found.iterations == first > 0
        assert found.converged
        early = newton.solve(X, WLSTM, *states, tolerance=10.0**power, iterations=first - 1)
        assert not early.converged


def test_each_piece_guesses_that_both_states_stay_as_the_last_one_left_them(monkeypatch):
    X, WLSTM, c0, h0 = problem(n=20)
    solved, starts = newton.solve, []

    def noted(X, WLSTM, c=None, h=None, *, start=None, **options):
        if len(X):
            starts.append((c, h, *start))
        return solved(X, WLSTM, c, h, start=start, **options)

    monkeypatch.setattr(newton, "solve", noted)
    whole, _ = newton.solve_in_pieces(X, WLSTM, c0, h0, length=8)
    assert len(starts) == 3
    for k, (c, h, *guess) in enumerate(starts):
        left = (c0, h0) if k == 0 else (whole.C[8 * k - 1], whole.Hout[8 * k - 1])
        for state, last, guessed in zip((c, h), left, guess, strict=True):
            np.testing.assert_array_equal(state, last)
            assert guessed.shape == (min(8, 20 - 8 * k), *last.shape)
            np.testing.assert_array_equal(guessed, np.broadcast_to(last, guessed.shape))


def test_a_good_first_guess_saves_iterations():
    X, WLSTM, c0, h0 = problem(forget=3.0)
    true = lstm.forward(X, WLSTM, c0, h0)
    found = newton.solve(X, WLSTM, c0, h0, start=(true.cache.C[1:], true.Hout))
    assert found.iterations == 0
    close = newton.solve(X, WLSTM, c0, h0, start=(true.cache.C[1:] + 1e-6, true.Hout))
    assert 0 < close.iterations < newton.solve(X, WLSTM, c0, h0).iterations


def test_the_guesses_can_be_kept():
    X, WLSTM, c0, h0 = problem()
    guesses = []
    found = newton.solve(X, WLSTM, c0, h0, keep=guesses)
    assert len(guesses) == found.iterations + 1
    assert not guesses[0].any()
    np.testing.assert_array_equal(guesses[-1][..., 5:], found.Hout)


def test_not_converging_is_said():
    found = newton.solve(*problem(forget=3.0), iterations=2)
    assert not found.converged
    assert found.iterations == 2
    assert found.residuals[-1] > 1e-12


@pytest.mark.parametrize("forget", [0.0, 3.0])
def test_no_cell_state_is_beyond_its_bound(forget):
    X, WLSTM, c0, h0 = problem(n=300, forget=forget)
    bias, Wx, Wh = layout.split_rows(WLSTM)
    limit = newton.bounds(X @ Wx + bias, abs(Wh).sum(axis=0), c0)
    C = lstm.forward(X, WLSTM, c0, h0).cache.C[1:]
    assert (abs(C) < limit).all()
    alone = WLSTM.copy()  # without recurrent weights and with inputs that only write, it is reached
    layout.split_rows(alone).Wh[:] = 0
    layout.split_gates(layout.split_rows(alone).Wx)[3][:] = 0
    alone[0, 15:] = 2.0
    bias, Wx, Wh = layout.split_rows(alone)
    limit = newton.bounds(X @ Wx + bias, abs(Wh).sum(axis=0), abs(c0))
    C = lstm.forward(X, alone, abs(c0), h0).cache.C[1:]
    np.testing.assert_allclose(C, limit, rtol=1e-12)


@pytest.mark.parametrize("size", [1.0, 3.0, 50.0])
def test_an_initial_output_may_be_beyond_1(size):
    """It is given, not computed: the first step may go further than a bound on outputs allows."""
    X, WLSTM, c0, h0 = problem(n=60)
    X = X.copy()
    X[0], c0 = -3, np.zeros_like(c0)  # gates that are all but shut: h0 alone opens them
    h0 = size * np.sign(h0)
    found = newton.solve(X, WLSTM, c0, h0)
    run = lstm.forward(X, WLSTM, c0, h0)
    assert found.converged
    np.testing.assert_allclose(found.C, run.cache.C[1:], rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(found.Hout, run.Hout, rtol=1e-9, atol=1e-11)


def test_what_is_beyond_a_limit_goes_to_it_and_what_is_no_number_to_zero():
    guess = np.array([np.inf, -np.inf, np.nan, 1e300, -3.0, 0.5, -0.5, 0.0])
    got = newton.within(guess, np.full(8, 2.0))
    np.testing.assert_array_equal(got, [2, -2, 0, 2, -2, 0.5, -0.5, 0])
    free = newton.within(guess, np.full(8, np.inf))
    np.testing.assert_array_equal(free, np.where(np.isnan(guess), 0, guess))


def test_guesses_stay_within_bounds_and_that_saves_long_sequences():
    rng = np.random.default_rng(1000)
    X, WLSTM = rng.standard_normal((3000, 1, 4)), lstm.init(4, 8, forget_bias=3.0, rng=0)
    guesses = []
    safe = newton.solve(X, WLSTM, iterations=60, keep=guesses)
    assert safe.converged
    assert all(abs(guess[..., 8:]).max() <= 1 for guess in guesses)
    assert not newton.solve(X, WLSTM, iterations=60, safe=False).converged


def test_overflow_is_no_result():
    X, WLSTM, c0, h0 = problem(n=200, forget=3.0)
    layout.split_rows(WLSTM).Wh[:] *= 1e200
    for safe in (True, False):
        found = newton.solve(X, WLSTM, c0, h0, iterations=20, safe=safe)
        assert np.isfinite(found.Hout).all() or not found.converged


@pytest.mark.parametrize("length", [1, 7, 60, 100])
def test_in_pieces(length):
    X, WLSTM, c0, h0 = problem(forget=3.0)
    true = lstm.forward(X, WLSTM, c0, h0)
    found, rounds = newton.solve_in_pieces(X, WLSTM, c0, h0, length=length)
    assert found.converged
    assert len(rounds) == -(-60 // length)
    np.testing.assert_allclose(found.Hout, true.Hout, rtol=0, atol=1e-11)


def test_pieces_stop_at_the_first_that_fails():
    X, WLSTM, c0, h0 = problem(forget=3.0)
    found, rounds = newton.solve_in_pieces(X, WLSTM, c0, h0, length=20, iterations=1)
    assert not found.converged
    assert len(found.Hout) == 20
    assert rounds == [1]


def test_no_steps():
    X, WLSTM, c0, h0 = problem(n=0)
    assert newton.solve(X, WLSTM, c0, h0).converged
    found, rounds = newton.solve_in_pieces(X, WLSTM, c0, h0, length=5)
    assert found.converged
    assert rounds == []


def test_float32_stays():
    X, WLSTM, c0, h0 = problem(dtype=np.float32)
    found = newton.solve(X, WLSTM, c0, h0, tolerance=1e-5)
    assert found.converged
    assert found.Hout.dtype == found.C.dtype == np.float32


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"method": "bisection"}, ValueError,
         "method: expected one of newton, diagonal, frozen, jacobi, got 'bisection'"),
        ({"damping": 1.5}, ValueError, "damping: expected a number from 0 to 1, got 1.5"),
        ({"damping": float("nan")}, ValueError, "damping: expected a finite number, got nan"),
        ({"iterations": -1}, ValueError, "iterations: expected at least 0, got -1"),
        ({"iterations": 2.0}, TypeError, "iterations: expected an integer, got 2.0"),
        ({"start": np.zeros((60, 2, 5))}, TypeError,
         "start: expected a pair of arrays (C, Hout), or None, got ndarray"),
        ({"start": (None,)}, TypeError,
         "start: expected a pair of arrays (C, Hout), or None, got a tuple of 1"),
        ({"start": (None, np.zeros((1, 2, 5)))}, ValueError,
         "start[1]: expected shape (n, b, H) = (60, 2, 5), got (1, 2, 5)"),
        ({"c0": np.zeros((3, 5))}, ValueError, "c0: expected shape (b, H) = (2, 5), got (3, 5)"),
        ({"X": np.zeros((60, 3))}, ValueError,
         "X: expected shape (n, b, D) = (any, any, 3), got (60, 3)"),
        ({"WLSTM": np.zeros((9, 20), complex)}, TypeError,
         "WLSTM: expected float32 or float64, got complex128"),
    ],
)  # fmt: skip
def test_newton_refuses(change, error, message):
    arguments = dict(zip(("X", "WLSTM", "c0", "h0"), problem(), strict=True)) | change
    with refused(error, message):
        newton.solve(**arguments)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"c0": np.zeros((3, 5))}, ValueError, "c0: expected shape (b, H) = (2, 5), got (3, 5)"),
        ({"h0": np.zeros((3, 5))}, ValueError, "h0: expected shape (b, H) = (2, 5), got (3, 5)"),
        ({"c0": np.zeros((2, 5), "f4")}, TypeError,
         "c0: expected dtype float64, as in WLSTM, got float32"),
        ({"h0": np.zeros((2, 5), "f4")}, TypeError,
         "h0: expected dtype float64, as in WLSTM, got float32"),
        ({"X": np.zeros((60, 3))}, ValueError,
         "X: expected shape (n, b, D) = (any, any, 3), got (60, 3)"),
        ({"X": np.zeros((60, 2, 3), "f4")}, TypeError,
         "X: expected dtype float64, as in WLSTM, got float32"),
        ({"WLSTM": np.zeros((9, 20), complex), "X": np.zeros((60, 2, 3), complex)}, TypeError,
         "WLSTM: expected float32 or float64, got complex128"),
        ({"length": 0}, ValueError, "length: expected at least 1, got 0"),
        ({"length": 2.0}, TypeError, "length: expected an integer, got 2.0"),
        ({"iterations": -1}, ValueError, "iterations: expected at least 0, got -1"),
        ({"tolerance": "small"}, TypeError, "tolerance: expected a number, got 'small'"),
    ],
)  # fmt: skip
def test_newton_in_pieces_refuses(change, error, message):
    arguments = dict(zip(("X", "WLSTM", "c0", "h0"), problem(), strict=True))
    with refused(error, message):
        newton.solve_in_pieces(**arguments | {"length": 7, "c0": None, "h0": None} | change)


@pytest.mark.parametrize("n", [0, 1, 2, 23])
def test_the_backward_pass_as_one_scan(n):
    p = gradcheck.random_problem(n=n, b=3, D=5, H=4, seed=n) if n else None
    if p is None:
        X, WLSTM, c0, h0 = problem(n=0)
        cotangents = (np.zeros((0, 2, 5)), np.ones((2, 5)), 2 * np.ones((2, 5)))
    else:
        X, WLSTM, c0, h0 = p.inputs.values()
        cotangents = p.cotangents
    cache = lstm.forward(X, WLSTM, c0, h0).cache
    for given_ in (cotangents, (cotangents[0], None, None), (None, *cotangents[1:])):
        got = adjoint.backward(given_[0], cache, *given_[1:])
        expected = lstm.backward(given_[0], cache, *given_[1:])
        for name, one, other in zip(expected._fields, got, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12, err_msg=name)


def test_the_backward_pass_by_the_oracles():
    p = gradcheck.random_problem(n=9, b=2, D=3, H=4, seed=5)
    gradcheck.check_lstm(lstm.forward, adjoint.backward, p, oracle="complex").raise_if_failed()


def test_the_backward_pass_refuses_what_the_other_refuses():
    cache = lstm.forward(*problem()).cache
    none = "None, which is what it returns with cache=False"
    with refused(TypeError, f"cache: expected the Cache of lstm.forward, got {none}"):
        adjoint.backward(None, None)
    with refused(ValueError, "dHout: expected shape (n, b, H) = (60, 2, 5), got (1, 2, 5)"):
        adjoint.backward(np.zeros((1, 2, 5)), cache)
    with refused(TypeError, "dCn: expected dtype float64, as in WLSTM, got float32"):
        adjoint.backward(None, cache, np.zeros((2, 5), "float32"))
    for name, axes, shape in (("dHout", "n, b, H", (60, 2, 5)), ("dCn", "b, H", (2, 5)),
                              ("dHn", "b, H", (2, 5))):  # fmt: skip
        wrong = {"dHout": None, "cache": cache, name: np.zeros(shape[1:])}
        for backward in (adjoint.backward, lstm.backward):
            message = f"{name}: expected shape ({axes}) = {shape}, got {shape[1:]}"
            with refused(ValueError, message):
                backward(**wrong)


@pytest.mark.parametrize(("size", "dtype"), [(1e-323, "f8"), (1e308, "f8"), (1e38, "f4")])
def test_the_backward_pass_lets_numbers_vanish_and_overflow(size, dtype):
    """Both give zeros, or infinities: nothing is raised, whatever the caller asks for."""
    X, WLSTM, c0, h0 = (10 * a for a in problem(dtype=np.dtype(dtype)))
    run = lstm.forward(X, WLSTM, c0, h0)
    dHout, dCn, dHn = (np.full_like(a, size) for a in run[:3])
    with np.errstate(all="raise", invalid="ignore"):
        got, loop = (f(dHout, run.cache, dCn, dHn) for f in (adjoint.backward, lstm.backward))
    assert np.isfinite(got.dWLSTM).all() == np.isfinite(loop.dWLSTM).all() == (size < 1)


@pytest.mark.parametrize(
    "sizes",
    [{"n": 0}, {"n": 1}, {"n": 17}, {"n": 130}, {"n": 3, "b": 18}, {"n": 3, "D": 70},
     {"n": 5, "H": 1}, {"n": 4, "b": 1, "D": 1, "H": 34}],
    ids=str,
)  # fmt: skip
def test_the_gradient_in_jax(sizes):
    with jax.enable_x64(True):
        X, WLSTM, c0, h0 = problem(**sizes, forget=3.0)
        rng = np.random.default_rng(9)
        true = lstm.scan.forward(X, WLSTM, c0, h0)
        cotangents = jax.tree.map(lambda a: jnp.asarray(rng.standard_normal(a.shape)), true)
        _, judge = by_jax(lstm.scan.forward, (X, WLSTM, c0, h0), cotangents)
        out, pulled = by_jax(gradient.forward, (X, WLSTM, c0, h0), cotangents)
        for one, other in zip(out, true, strict=True):
            np.testing.assert_array_equal(one, other)
        for one, other in zip(pulled, judge, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-12)


def test_the_gradient_in_jax_takes_batches_only():
    X, WLSTM, _, _ = problem()
    message = "X: expected shape (n, b, D), got (60, 3)"
    with jax.enable_x64(True), refused(ValueError, message):
        gradient.forward(X[:, 0], WLSTM)


def diagonal_problem(n=80, b=2, D=3, H=5, seed=0):
    rng = np.random.default_rng(seed)
    bias = np.repeat([0.0, 1.0, 0.0, 0.0], H) + 0.1 * rng.standard_normal(4 * H)
    Wx, w = rng.standard_normal((D, 4 * H)), rng.standard_normal(4 * H)
    return rng.standard_normal((n, b, D)), bias, Wx, w


def values_of(x, b, Wx, w, c_prev, h_prev):
    names = {"x": x, "b": b, "Wx": Wx, "w": w, "c_prev": c_prev, "h_prev": h_prev}
    return steps.forward(diagonal.STEPS, names)


def test_the_diagonal_cell_is_its_table():
    X, b, Wx, w = diagonal_problem(n=6)
    C, Hout = diagonal.forward(X, b, Wx, w)
    c = h = np.zeros((2, 5))
    for t, x in enumerate(X):
        v = values_of(x, b, Wx, w, c, h)
        c, h = v.c, v.h
        np.testing.assert_allclose(C[t], c, rtol=1e-13)
        np.testing.assert_allclose(Hout[t], h, rtol=1e-13)


def test_a_diagonal_cell_is_an_lstm_whose_weights_are_diagonal():
    X, b, Wx, w = diagonal_problem()
    Wh = np.concatenate([np.diag(part) for part in layout.split_gates(w)], axis=1)
    true = lstm.forward(X, np.concatenate([b[None], Wx, Wh]))
    np.testing.assert_allclose(diagonal.forward(X, b, Wx, w)[1], true.Hout, rtol=1e-12, atol=1e-13)


def test_every_derivative_of_the_diagonal_table_against_jax():
    X, *weights = diagonal_problem(n=1)
    rng = np.random.default_rng(3)
    c_prev, h_prev = rng.standard_normal((2, 2, 5))
    arguments = (X[0], *weights, c_prev, h_prev)
    v = values_of(*arguments)
    dh, dc = rng.standard_normal((2, 2, 5))
    d = steps.backward(diagonal.STEPS, v, {"h": dh, "c": dc})
    with jax.enable_x64(True):

        def results(*arguments):
            v = values_of(*arguments)
            return v.h, v.c

        _, judge = by_jax(results, arguments, (dh, dc))
    for name, expected in zip(("x", "b", "Wx", "w", "c_prev", "h_prev"), judge, strict=True):
        np.testing.assert_allclose(getattr(d, name), expected, rtol=1e-11, atol=1e-13, err_msg=name)


@pytest.mark.parametrize("seed", range(3))
def test_newton_for_the_diagonal_cell(seed):
    X, b, Wx, w = diagonal_problem(seed=seed)
    found = diagonal.solve(X, b, Wx, w)
    C, Hout = diagonal.forward(X, b, Wx, w)
    assert found.converged
    np.testing.assert_allclose(found.Hout, Hout, rtol=0, atol=1e-11)
    np.testing.assert_allclose(found.C, C, rtol=0, atol=1e-10)


def test_newton_for_the_diagonal_cell_stops_after_so_many_iterations():
    problem_ = diagonal_problem()
    whole = diagonal.solve(*problem_)
    for most in (0, 1, 2):
        found = diagonal.solve(*problem_, iterations=most)
        assert found.iterations == most < whole.iterations
        np.testing.assert_array_equal(found.residuals, whole.residuals[: most + 1])
        assert not found.converged


def test_its_jacobian_is_the_blocks_of_the_full_one():
    X, b, Wx, w = diagonal_problem(n=1)
    Wh = np.concatenate([np.diag(part) for part in layout.split_gates(w)], axis=1)
    rng = np.random.default_rng(8)
    C, Hs = rng.standard_normal((2, 1, 2, 5))
    after = newton.moves(X @ Wx + b, Wh, C, Hs)
    full = newton.jacobians(after.IFOG, C, after.S, Wh)
    small = diagonal.jacobians(after.IFOG, C, after.S, w)
    unit = np.arange(5)
    for j in range(2):
        for k in range(2):
            block = full[..., 5 * j + unit, 5 * k + unit]
            np.testing.assert_allclose(small[..., j, k], block, rtol=1e-13)
    assert abs(full).sum() == pytest.approx(abs(small).sum())  # and nothing outside of them


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Wx": np.zeros((3, 18))}, "Wx: expected shape (D, 4 * H) with H >= 1, got (3, 18)"),
        ({"w": np.zeros(10)}, "w: expected shape (4H,) = (20,), got (10,)"),
        ({"b": np.zeros(10)}, "b: expected shape (4H,) = (20,), got (10,)"),
        ({"X": np.zeros((5, 2, 4))}, "X: expected shape (n, b, D) = (any, any, 3), got (5, 2, 4)"),
    ],
)
def test_the_diagonal_cell_refuses(change, message):
    arguments = dict(zip(("X", "b", "Wx", "w"), diagonal_problem(), strict=True)) | change
    for function in (diagonal.forward, diagonal.solve):
        with refused(ValueError, message):
            function(**arguments)
