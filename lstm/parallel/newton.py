"""The LSTM's whole trajectory at once: Newton's method with all states as unknowns.

Each step has to wait for the state before it. Instead, guess all states, and measure how wrong
the guess is: the residual of step t is r_t = F(s_{t-1}, x_t) - s_t, where F is the
step and s = [c, h]. Given the guess, all residuals can be computed at once, and so can the
Jacobians J_t of F, from the derivatives of chapter 4. Newton's method corrects the guess by the
solution of the linearised equations::

    s_t <- F(s_{t-1}) + J_t (correction of s_{t-1})                           (eq-newton)

which is a linear recurrence: `lstm.parallel.linear` solves it in log2 n rounds. After k
iterations the first k states are exact, so n iterations are always enough; usually far fewer are.

Sources: Lim, Zhu, Selfridge and Kasim, ICLR 2024 (DEER); Gonzalez, Warrington, Smith and
Linderman, NeurIPS 2024 (diagonal and damped forms).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arguments import ArrayLike, array_or_zeros, check_array, check_weights
from ..layout import split_gates, split_rows
from ..settings import check_flag, check_float, check_number, check_size, check_text
from ..steps import sigmoid
from . import linear

__all__ = [
    "METHODS", "Moves", "Trajectory", "bounds", "iterate", "jacobians", "moves",
    "solve", "solve_in_pieces", "within",
]  # fmt: skip

METHODS = ("newton", "diagonal", "frozen", "jacobi")
"""What stands in for the Jacobian in (eq-newton): all of it, its diagonal, the forget gates
alone (the other gates frozen at the last guess), or nothing."""


class Trajectory(NamedTuple):
    """The result of `solve`.

    Attributes:
        C: Cell states c_1 to c_n, shape (n, b, H).
        Hout: Outputs h_1 to h_n, shape (n, b, H).
        residuals: The largest residual before each iteration and after the last, as numbers.
        converged: Whether the last of them is within the tolerance.
    """

    C: NDArray[Any]
    Hout: NDArray[Any]
    residuals: list[float]
    converged: bool

    @property
    def iterations(self) -> int:
        """The number of iterations done."""
        return len(self.residuals) - 1


class Moves(NamedTuple):
    """The result of `moves`: one step from each of n states at once.

    Attributes:
        C: The cell state after it, shape (n, b, H).
        H: The output after it, shape (n, b, H).
        IFOG: The gates, shape (n, b, 4H).
        S: tanh of C, shape (n, b, H).
    """

    C: NDArray[Any]
    H: NDArray[Any]
    IFOG: NDArray[Any]
    S: NDArray[Any]


def moves(bx: Any, Wh: Any, C_prev: Any, H_prev: Any) -> Moves:
    """Take one step from each of n states, all at once.

    Args:
        bx: The part of the raw gates that does not depend on h, biases included, (n, b, 4H).
        Wh: Weights of the previous output, shape (H, 4H).
        C_prev: The cell states to start from, shape (n, b, H).
        H_prev: The outputs to start from, shape (n, b, H).

    Returns:
        Moves: The states after the step, and what the Jacobians need.

    Example:
        >>> after = moves(np.zeros((5, 3, 16)), np.zeros((4, 16)), *np.ones((2, 5, 3, 4)))
        >>> float(after.C[0, 0, 0])                 # f = 1/2 keeps half, g = 0 adds nothing
        0.5
    """
    Z = bx + H_prev @ Wh  # (eq-z)
    gates = split_gates(Z)
    i, f, o = map(sigmoid, gates[:3])
    g = np.tanh(gates[3])
    C = f * C_prev + i * g  # (eq-c)
    S = np.tanh(C)  # (eq-s)
    return Moves(C, o * S, np.concatenate([i, f, o, g], axis=-1), S)  # (eq-h)


def jacobians(IFOG: Any, C_prev: Any, S: Any, Wh: Any) -> NDArray[Any]:
    """Compute the derivative of each step's [c, h] with respect to the [c, h] before it.

    Args:
        IFOG: Gates, shape (n, b, 4H).
        C_prev: Cell states before the steps, shape (n, b, H).
        S: tanh of those after them, shape (n, b, H).
        Wh: Weights of the previous output, shape (H, 4H).

    Returns:
        numpy.ndarray: J, shape (n, b, 2H, 2H): rows [c, h] after, columns [c, h] before.

    Example:
        >>> jacobians(np.full((5, 3, 16), 0.5), *np.ones((2, 5, 3, 4)), np.zeros((4, 16))).shape
        (5, 3, 8, 8)
    """
    i, f, o, g = split_gates(IFOG)
    H = S.shape[-1]
    Wi, Wf, Wo, Wg = split_gates(Wh)
    J = np.zeros((*S.shape[:-1], 2 * H, 2 * H), IFOG.dtype)
    cc, ch = J[..., :H, :H], J[..., :H, H:]
    hc, hh = J[..., H:, :H], J[..., H:, H:]
    unit = np.arange(H)
    cc[..., unit, unit] = f
    ch[:] = (g * i * (1 - i))[..., None] * Wi.T
    ch += (C_prev * f * (1 - f))[..., None] * Wf.T
    ch += (i * (1 - g**2))[..., None] * Wg.T  # (eq-jacobian-c)
    through_s = o * (1 - S**2)
    hc[..., unit, unit] = through_s * f
    hh[:] = through_s[..., None] * ch
    hh += (S * o * (1 - o))[..., None] * Wo.T  # (eq-jacobian-h)
    return J


def bounds(bx: Any, reach: Any, c0: Any) -> NDArray[Any]:
    """Bound the cell states, whatever the outputs before them are.

    Outputs lie between -1 and 1, so h Wh moves a raw gate by at most ``reach``. That bounds the
    gates, and the bound of c is a linear recurrence in the largest of them::

        c_max <- f_max c_max + i_max g_max                                      (eq-bound)

    Args:
        bx: The part of the raw gates that does not depend on h, shape (n, b, 4H).
        reach: The sum of the magnitudes of the recurrent weights of each raw gate, shape (4H,);
            or for each step and sequence, (n, b, 4H), if an output is not within -1 and 1.
        c0: Initial cell state, shape (b, H).

    Returns:
        numpy.ndarray: The bounds of c_1 to c_n, shape (n, b, H).

    Example:
        >>> bounds(np.zeros((3, 1, 4)), np.zeros(4), np.ones((1, 1)))[:, 0, 0]   # f = 1/2, g = 0
        array([0.5  , 0.25 , 0.125])
    """
    i, f, _, g = split_gates(bx)
    reach_i, reach_f, _, reach_g = split_gates(reach)
    i_max, f_max = sigmoid(i + reach_i), sigmoid(f + reach_f)
    return linear.blocked(f_max, i_max * np.tanh(abs(g) + reach_g), abs(c0))  # (eq-bound)


def within(states: Any, limit: Any) -> Any:
    """Clip a guess to its limits, and set nan to 0.

    Args:
        states: The guess, any shape.
        limit: The largest magnitudes, of that shape.

    Returns:
        numpy.ndarray: The guess within its limits.

    Example:
        >>> within(np.array([0.5, -3.0, np.nan]), np.ones(3))
        array([ 0.5, -1. ,  0. ])
    """
    return np.clip(np.nan_to_num(states, nan=0, posinf=np.inf, neginf=-np.inf), -limit, limit)


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def solve(
    X: ArrayLike,
    WLSTM: ArrayLike,
    c0: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    *,
    method: str = "newton",
    start: tuple[ArrayLike, ArrayLike] | None = None,
    damping: float = 0.0,
    safe: bool = True,
    iterations: int | None = None,
    tolerance: float = 1e-12,
    keep: list[NDArray[Any]] | None = None,
) -> Trajectory:
    """Find all states of an LSTM at once, by Newton's method over the whole sequence.

    It may not converge within the given iterations: check ``converged``. Every guess is clipped
    to where the true states must be: outputs between -1 and 1, cell states within `bounds`. A few
    iterations of the method "frozen" make a good, cheap start for the others.

    Args:
        X: Inputs, shape (n, b, D).
        WLSTM: Weights as in `lstm.layout`, shape (1 + D + H, 4H).
        c0: Initial cell state, shape (b, H); zeros if None.
        h0: Initial output, shape (b, H); zeros if None.
        method: One of `METHODS`.
        start: A first guess (C, Hout) of all states, each (n, b, H); zeros if None.
        damping: From 0 to 1; the Jacobian is multiplied by 1 - damping.
        safe: Whether to keep guesses within their bounds. The chapter shows what happens without.
        iterations: The largest number of iterations; if None, n, which is always enough.
        tolerance: The largest residual at which to stop.
        keep: A list to which every guess is added, [C, Hout] as one array (n, b, 2H).

    Returns:
        Trajectory: The named tuple (C, Hout, residuals, converged).

    Raises:
        TypeError: If an argument is not an array of the dtype of ``WLSTM``, float32 or float64.
        ValueError: If a shape does not fit, or the method is unknown or a number is out of range.

    Example:
        >>> import lstm
        >>> X, WLSTM = np.random.default_rng(1).standard_normal((100, 1, 3)), lstm.init(3, 8, rng=0)
        >>> found = solve(X, WLSTM)
        >>> found.converged, found.iterations < 30
        (True, True)
        >>> bool(abs(found.Hout - lstm.forward(X, WLSTM).Hout).max() < 1e-12)
        True
    """
    WLSTM, (D, H) = check_weights(WLSTM)
    check_float("WLSTM", WLSTM.dtype)
    X = check_array("X", X, ("n", "b", "D"), (None, None, D), WLSTM.dtype)
    n, b, _ = X.shape
    c0 = array_or_zeros("c0", c0, ("b", "H"), (b, H), WLSTM.dtype)
    h0 = array_or_zeros("h0", h0, ("b", "H"), (b, H), WLSTM.dtype)
    guess = (None, None) if start is None else start
    if not isinstance(guess, tuple) or len(guess) != 2:
        got = f"a tuple of {len(guess)}" if isinstance(guess, tuple) else type(guess).__name__
        raise TypeError(f"start: expected a pair of arrays (C, Hout), or None, got {got}")
    C = array_or_zeros("start[0]", guess[0], ("n", "b", "H"), (n, b, H), WLSTM.dtype)
    Hout = array_or_zeros("start[1]", guess[1], ("n", "b", "H"), (n, b, H), WLSTM.dtype)
    if check_text("method", method) not in METHODS:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, got {method!r}")
    tolerance = check_number("tolerance", tolerance)
    if not 0 <= check_number("damping", damping) <= 1:
        raise ValueError(f"damping: expected a number from 0 to 1, got {damping!r}")
    most = n if iterations is None else check_size("iterations", iterations, least=0)

    bias, Wx, Wh = split_rows(WLSTM)
    bx = X @ Wx + bias
    limit = np.full((n, b, 2 * H), np.inf, WLSTM.dtype)
    if check_flag("safe", safe):
        reach = np.array(np.broadcast_to(abs(Wh).sum(axis=0), bx.shape))
        reach[:1] = np.maximum(reach[:1], abs(h0) @ abs(Wh))  # h0 is given, and may be beyond 1
        limit[..., :H] = bounds(bx, reach, c0)
        limit[..., H:] = 1

    def move(before: Any) -> tuple[Any, tuple[Any, Moves]]:
        C_prev, H_prev = before[..., :H], before[..., H:]
        after = moves(bx, Wh, C_prev, H_prev)
        return np.concatenate([after.C, after.H], axis=-1), (C_prev, after)

    def correct(states: Any, residual: Any, values: tuple[Any, Moves]) -> Any:
        C_prev, after = values
        if method == "jacobi":
            return states + residual
        _, f, o, _ = split_gates(after.IFOG)
        rest = 1 - damping
        if method == "frozen":  # gates as they are, c is linear in itself, and h follows from c
            C = states[..., :H] + linear.blocked(rest * f, residual[..., :H])  # (eq-frozen)
            return within(np.concatenate([C, o * np.tanh(C)], axis=-1), limit)
        J = rest * jacobians(after.IFOG, C_prev, after.S, Wh)
        if method == "diagonal":
            J = np.diagonal(J, axis1=-2, axis2=-1)
        return within(states + linear.blocked(J, residual), limit)  # (eq-newton)

    states, residuals = iterate(
        move,
        correct,
        np.concatenate([c0, h0], axis=-1),
        np.concatenate([C, Hout], axis=-1),
        most,
        tolerance,
        keep,
    )
    return Trajectory(states[..., :H], states[..., H:], residuals, residuals[-1] <= tolerance)


def iterate(
    move: Callable[[Any], tuple[Any, Any]],
    correct: Callable[[Any, Any, Any], Any],
    s0: Any,
    guess: Any,
    most: int,
    tolerance: float,
    keep: list[NDArray[Any]] | None = None,
) -> tuple[NDArray[Any], list[float]]:
    """Correct a guess of all states of any cell until it fits.

    Args:
        move: A function from n states to the n states one step after them, and to what ``correct``
            needs.
        correct: A function from the guess, its residual and what ``move`` returned for it to a
            better guess.
        s0: Initial state, shape (b, k).
        guess: A guess of s_1 to s_n, shape (n, b, k).
        most: The largest number of corrections.
        tolerance: The largest residual at which to stop.
        keep: A list to which every guess is added.

    Returns:
        tuple: The last guess, and the largest residual of every guess, including the last.

    Example:
        >>> half = lambda s: (s / 2 + 1, None)             # each step: halve, add one
        >>> states, residuals = iterate(
        ...     half, lambda s, r, _: s + r, np.zeros((1, 1)), np.zeros((3, 1, 1)), 9, 0.0)
        >>> states[:, 0, 0], len(residuals) - 1
        (array([1.  , 1.5 , 1.75]), 3)
    """
    states, residuals = guess, []
    while True:
        after, values = move(np.concatenate([s0[None], states])[:-1])
        residual = after - states  # (eq-guess)
        residuals.append(_largest(residual))
        if keep is not None:
            keep.append(states)
        worst = residuals[-1]
        if worst <= tolerance or len(residuals) > most or not np.isfinite(worst):
            return states, residuals
        states = correct(states, residual, values)


def solve_in_pieces(
    X: ArrayLike,
    WLSTM: ArrayLike,
    c0: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    *,
    length: int,
    iterations: int = 100,
    tolerance: float = 1e-12,
) -> tuple[Trajectory, list[int]]:
    """Solve a sequence piece by piece, each piece at once by Newton's method.

    A piece starts where the one before it ended, with the guess that the states stay constant
    from there. The function stops at the first piece that does not converge.

    Args:
        X: Inputs, shape (n, b, D).
        WLSTM: Weights as in `lstm.layout`, shape (1 + D + H, 4H).
        c0: Initial cell state, shape (b, H); zeros if None.
        h0: Initial output, shape (b, H); zeros if None.
        length: The number of steps in a piece, from 1 on.
        iterations: The largest number of iterations for one piece.
        tolerance: The largest residual at which to stop.

    Returns:
        tuple: The `Trajectory`, with the last residual of each piece, and the number of
        iterations that each piece took.

    Raises:
        TypeError: As `solve`, or if ``length`` is not an integer.
        ValueError: As `solve`, or if ``length`` is below 1.

    Example:
        >>> import lstm
        >>> X, WLSTM = np.random.default_rng(1).standard_normal((100, 1, 3)), lstm.init(3, 8, rng=0)
        >>> found, rounds = solve_in_pieces(X, WLSTM, length=50)
        >>> found.converged, len(rounds)
        (True, 2)
    """
    WLSTM, (D, H) = check_weights(WLSTM)
    X = check_array("X", X, ("n", "b", "D"), (None, None, D), WLSTM.dtype)
    n, b, _ = X.shape
    length = check_size("length", length, least=1)
    c = array_or_zeros("c0", c0, ("b", "H"), (b, H), WLSTM.dtype)
    h = array_or_zeros("h0", h0, ("b", "H"), (b, H), WLSTM.dtype)
    done = [solve(X[:0], WLSTM)]  # what is returned if there are no steps
    for start in range(0, n, length):
        piece = X[start : start + length]
        cs, hs = (np.broadcast_to(s, (len(piece), b, H)) for s in (c, h))
        found = solve(
            piece,
            WLSTM,
            c,
            h,
            start=(cs, hs),
            iterations=iterations,
            tolerance=tolerance,
        )
        done.append(found)
        if not found.converged:
            break
        c, h = found.C[-1], found.Hout[-1]
    pieces = done[1:] or done
    C, Hout = (np.concatenate([p[k] for p in pieces]) for k in range(2))
    whole = Trajectory(C, Hout, [p.residuals[-1] for p in pieces], pieces[-1].converged)
    return whole, [p.iterations for p in done[1:]]


def _largest(residual: Any) -> float:
    """The largest magnitude; nan and infinity are infinite."""
    largest = float(abs(residual).max(initial=0))
    return largest if np.isfinite(largest) else np.inf
