"""An LSTM whose units do not see each other: diagonal recurrent weights, cheap Jacobians.

Each unit reads only its own last output: the product h_prev Wh becomes h_prev * w, with w of shape
(4H,). A step's Jacobian then has a block of 2 x 2 for each unit, 4 H numbers instead of 4 H^2, and
composing two of them costs 8 H multiplications instead of 8 H^3. That makes Newton's method over
time affordable at the sizes of today's models, at the price that units no longer see each other.

The cell is a table like the LSTM's, with its first rows replaced; `lstm.steps` runs it.

Source: Danieli et al., ParaRNN, ICLR 2026, arXiv 2510.21450, which has diagonal recurrent weights
in an LSTM with further changes (coupled gates, peepholes) that are left out here.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import reference
from ..arguments import ArrayLike, check_array
from ..layout import split_gates
from ..settings import check_number, check_size
from ..steps import Step, Values, glue, numpy_of, sigmoid
from . import linear
from .newton import Trajectory, bounds, iterate, within

__all__ = ["STEPS", "forward", "jacobians", "solve"]


def _own(v: Values) -> Any:
    """Each unit's last output, once for each of its gates: (b, 4H)."""
    return glue([v.h_prev] * 4)


STEPS: tuple[Step, ...] = (
    Step(
        "z",
        "eq-own-z",
        lambda v: v.b + v.x @ v.Wx + _own(v) * v.w,
        {
            "b": ("eq-own-db", lambda v, dz: dz.sum(axis=0)),
            "Wx": ("eq-own-dwx", lambda v, dz: v.x.T @ dz),
            "x": ("eq-own-dx", lambda v, dz: dz @ v.Wx.T),
            "w": ("eq-own-dw", lambda v, dz: (dz * _own(v)).sum(axis=0)),
            "h_prev": (
                "eq-own-dh",
                lambda v, dz: numpy_of(dz).sum(
                    numpy_of(dz).reshape(dz * v.w, (len(dz), 4, -1)), axis=1
                ),
            ),
        },
    ),
    *(row for row in reference.STEPS if row.name not in ("u", "z")),
)
"""The step, top to bottom; from x, h_prev, c_prev, b (4H,), Wx (D, 4H) and w (4H,)."""


def forward(
    X: ArrayLike, b: ArrayLike, Wx: ArrayLike, w: ArrayLike
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Run a batch of sequences, one step after the other, from zero states.

    Args:
        X: Inputs, shape (n, b, D).
        b: Biases, shape (4H,).
        Wx: Weights of the inputs, shape (D, 4H).
        w: Weight of each gate for its unit's own last output, shape (4H,).

    Returns:
        tuple: Cell states and outputs, each (n, b, H).

    Raises:
        TypeError: If an argument is not an array of the dtype of ``Wx``.
        ValueError: If a shape does not fit.

    Example:
        >>> C, Hout = forward(np.ones((5, 3, 10)), np.zeros(16), np.ones((10, 16)), np.ones(16))
        >>> C.shape, Hout.shape
        ((5, 3, 4), (5, 3, 4))
    """
    X, b, Wx, w = _check(X, b, Wx, w)
    zx = X @ Wx + b
    s = np.zeros((X.shape[1], Wx.shape[1] // 4, 2), X.dtype)
    states = np.empty((len(X), *s.shape), X.dtype)
    for t, z in enumerate(zx):
        states[t] = s = _move(z, w, s)[0]
    return states[..., 0], states[..., 1]


def jacobians(IFOG: Any, C_prev: Any, S: Any, w: Any) -> NDArray[Any]:
    """The derivative of each unit's (c, h) with respect to its (c, h) before, (n, b, H, 2, 2).

    Args:
        IFOG: Gates, shape (n, b, 4H).
        C_prev: Cell states before the steps, shape (n, b, H).
        S: tanh of those after them, shape (n, b, H).
        w: Recurrent weights, shape (4H,).

    Example:
        >>> jacobians(np.full((5, 3, 16), 0.5), *np.ones((2, 5, 3, 4)), np.zeros(16)).shape
        (5, 3, 4, 2, 2)
    """
    i, f, o, g = split_gates(IFOG)
    wi, wf, wo, wg = split_gates(w)
    ch = g * i * (1 - i) * wi + C_prev * f * (1 - f) * wf + i * (1 - g**2) * wg  # (eq-jacobian-c)
    through_s = o * (1 - S**2)
    hh = through_s * ch + S * o * (1 - o) * wo  # (eq-jacobian-h)
    return np.stack([f, ch, through_s * f, hh], axis=-1).reshape(*S.shape, 2, 2)


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def solve(
    X: ArrayLike,
    b: ArrayLike,
    Wx: ArrayLike,
    w: ArrayLike,
    *,
    iterations: int | None = None,
    tolerance: float = 1e-12,
) -> Trajectory:
    """Find all states by Newton's method over the whole sequence, from zero states.

    Args:
        X: Inputs, shape (n, b, D).
        b: Biases, shape (4H,).
        Wx: Weights of the inputs, shape (D, 4H).
        w: Weight of each gate for its unit's own last output, shape (4H,).
        iterations: The largest number of iterations; n if None.
        tolerance: The largest residual at which to stop.

    Returns:
        Trajectory: The named tuple (C, Hout, residuals, converged).

    Raises:
        TypeError: If an argument is not an array of the dtype of ``Wx``.
        ValueError: If a shape does not fit.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X, b = rng.standard_normal((100, 1, 3)), np.repeat([0.0, 3.0, 0.0, 0.0], 8)
        >>> Wx, w = rng.standard_normal((3, 32)), rng.standard_normal(32)
        >>> found = solve(X, b, Wx, w)
        >>> found.converged, found.iterations < 15
        (True, True)
        >>> bool(abs(found.Hout - forward(X, b, Wx, w)[1]).max() < 1e-11)
        True
    """
    X, b, Wx, w = _check(X, b, Wx, w)
    most = len(X) if iterations is None else check_size("iterations", iterations, least=0)
    tolerance = check_number("tolerance", tolerance)
    zx = X @ Wx + b

    def move(before: Any) -> tuple[Any, Any]:
        after, IFOG, S = _move(zx, w, before)
        return after, jacobians(IFOG, before[..., 0], S, w)

    def correct(states: Any, residual: Any, J: Any) -> Any:
        return within(states + linear.blocked(J, residual), limit)  # (eq-newton)

    s0 = np.zeros((X.shape[1], Wx.shape[1] // 4, 2), X.dtype)
    limit = np.ones((len(X), *s0.shape), X.dtype)
    limit[..., 0] = bounds(zx, abs(w), s0[..., 0])
    guess = np.zeros((len(X), *s0.shape), X.dtype)
    states, residuals = iterate(move, correct, s0, guess, most, tolerance)
    return Trajectory(states[..., 0], states[..., 1], residuals, residuals[-1] <= tolerance)


def _move(zx: Any, w: Any, before: Any) -> tuple[Any, Any, Any]:
    """One step from each state (..., H, 2): the states after it, the gates, and tanh of c."""
    c_prev, h_prev = before[..., 0], before[..., 1]
    gates = split_gates(zx + glue([h_prev] * 4) * w)  # (eq-own-z)
    i, f, o = map(sigmoid, gates[:3])
    g = np.tanh(gates[3])
    c = f * c_prev + i * g
    s = np.tanh(c)
    return np.stack([c, o * s], axis=-1), np.concatenate([i, f, o, g], axis=-1), s


def _check(
    X: Any, b: Any, Wx: Any, w: Any
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """The arguments as arrays that fit each other, or what is wrong with them."""
    Wx = check_array("Wx", Wx, ("D", "4H"), (None, None))
    D, columns = Wx.shape
    if columns == 0 or columns % 4:
        raise ValueError(f"Wx: expected shape (D, 4 * H) with H >= 1, got {Wx.shape}")
    X = check_array("X", X, ("n", "b", "D"), (None, None, D), Wx.dtype, like="Wx")
    b, w = (
        check_array(name, row, ("4H",), (columns,), Wx.dtype, like="Wx")
        for name, row in (("b", b), ("w", w))
    )
    return X, b, Wx, w
