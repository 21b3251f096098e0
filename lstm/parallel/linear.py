"""Linear recurrences s_t = A_t s_{t-1} + u_t, one step after the other or all at once.

A step is a map s -> A s + u. Two such maps, one after the other, make a map of the same form::

    (A, u) after (A', u') = (A A', A u' + u)                                (eq-compose)

and a chain of them may be bracketed in any way. So it can be cut into pieces, which run in
parallel and are put together in a tree. Three ways to do it:

- `loop`: from the first step to the last; n rounds, the least work.
- `doubling`: every step is composed with the one 1, 2, 4, ... steps before it; log2 n rounds.
- `blocked`: about sqrt(n) pieces in parallel, then their ends, then the rest; 2 sqrt(n) rounds.

`associative` is ``jax.lax.associative_scan`` with the same operator. `backward` is the derivative:
the same recurrence once more, from the last step to the first.

A is either diagonal, of the shape of u, (n, ..., k), and multiplies element by element, or a
matrix for each step, (n, ..., k, k). There are n steps, k numbers in a state, and any axes in
between.

Source: Blelloch, Prefix sums and their applications (1990); Martin and Cundy, ICLR 2018.
"""

from math import isqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arguments import as_array, check_array, check_dtype
from ..extras import needing
from ..settings import check_size

__all__ = ["LinearGradients", "adjoints", "apply", "associative", "backward", "blocked",
           "compose", "doubling", "loop", "solve"]  # fmt: skip


class LinearGradients(NamedTuple):
    """The result of `backward`.

    Attributes:
        dA: Gradient of the loss with respect to A, of its shape.
        du: With respect to u, shape (n, ..., k).
        ds0: With respect to s0, shape (..., k).
    """

    dA: NDArray[Any]
    du: NDArray[Any]
    ds0: NDArray[Any]


def apply(A: Any, s: Any) -> Any:
    """Multiply states by diagonals, of the same shape, or by matrices, with one more axis.

    Args:
        A: Diagonals, shape (..., k), or matrices, (..., k, k).
        s: States, shape (..., k).

    Returns:
        Array: A s, shape (..., k).

    Example:
        >>> apply(np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([2.0, 3.0]))
        array([3., 2.])
    """
    return A * s if A.ndim == s.ndim else (A @ s[..., None])[..., 0]


def compose(later: Any, earlier: Any) -> Any:
    """Compose two maps into the one that applies ``earlier``, then ``later``.

    Args:
        later: A pair (A, u): diagonals (..., k) or matrices (..., k, k), and the added terms.
        earlier: Another such pair.

    Returns:
        tuple: The pair (A, u) of the composed map.

    Example:
        >>> double, add_one = (np.array([2.0]), np.array([0.0])), (np.array([1.0]), np.array([1.0]))
        >>> compose(double, add_one)            # 2 (s + 1) = 2 s + 2
        (array([2.]), array([2.]))
    """
    A, u = later
    A_before, u_before = earlier
    both = A * A_before if A.ndim == u.ndim else A @ A_before
    return both, apply(A, u_before) + u  # (eq-compose)


@np.errstate(under="ignore")  # underflow to zero is right
def loop(A: Any, u: Any, s0: Any = None) -> NDArray[Any]:
    """Run the recurrence one step after the other.

    Args:
        A: Diagonals, shape (n, ..., k), or matrices, (n, ..., k, k).
        u: What is added, shape (n, ..., k).
        s0: Initial state, shape (..., k); zeros if None.

    Returns:
        numpy.ndarray: The states s_1 to s_n, shape (n, ..., k).

    Raises:
        TypeError: If an argument is not an array of float32, float64 or complex128, all the same.
        ValueError: If a shape does not fit.

    Example:
        >>> loop([0.5, 0.5, 0.5], [1.0, 0.0, 0.0])    # three steps of one number
        array([1.  , 0.5 , 0.25])
    """
    A, u, s = _check(A, u, s0)
    states: NDArray[Any] = np.empty_like(u)
    for t in range(len(u)):
        states[t] = s = apply(A[t], s) + u[t]  # (eq-linear-step)
    return states


@np.errstate(under="ignore")
def doubling(A: Any, u: Any, s0: Any = None) -> NDArray[Any]:
    """Run the recurrence in log2 n rounds, each over all steps at once.

    After round r each place holds the map of the last 2**r steps. That is n log2 n compositions
    instead of n: more work, in fewer rounds. Arguments, result and errors are those of `loop`.
    Source: Hillis and Steele, Communications of the ACM 29 (1986).

    Example:
        >>> doubling([0.5, 0.5, 0.5], [1.0, 0.0, 0.0])
        array([1.  , 0.5 , 0.25])
    """
    A, u, s0 = _check(A, u, s0)
    A, u = A.copy(), u.copy()
    span = 1
    while span < len(u):
        earlier = A[:-span], u[:-span]
        A[span:], u[span:] = compose((A[span:], u[span:]), earlier)  # (eq-rounds)
        span *= 2
    return np.asarray(apply(A, np.broadcast_to(s0, u.shape)) + u)


@np.errstate(under="ignore")
def blocked(A: Any, u: Any, s0: Any = None, *, pieces: int | None = None) -> NDArray[Any]:
    """Run the recurrence in pieces, all at the same time.

    First all pieces at once, each from its own start; that gives each piece as one map. Then the
    states at the cuts, one piece after the other. Then every step from the cut before it. Some
    2 sqrt(n) rounds and about twice the work of `loop` where A is diagonal (with matrices, the
    products of matrices cost k times as much).

    Args:
        A: Diagonals, shape (n, ..., k), or matrices, (n, ..., k, k).
        u: What is added, shape (n, ..., k).
        s0: Initial state, shape (..., k); zeros if None.
        pieces: How many pieces, from 1 on; about sqrt(n) if None.

    Returns:
        numpy.ndarray: The states s_1 to s_n, shape (n, ..., k).

    Raises:
        TypeError: If an argument is not an array of float32, float64 or complex128, all the same,
            or ``pieces`` is not an integer.
        ValueError: If a shape does not fit, or ``pieces`` is below 1.

    Example:
        >>> blocked([0.5, 0.5, 0.5], [1.0, 0.0, 0.0], pieces=2)
        array([1.  , 0.5 , 0.25])
    """
    A, u, s = _check(A, u, s0)
    n = len(u)
    pieces = max(1, isqrt(n)) if pieces is None else check_size("pieces", pieces, least=1)
    length = -(-n // pieces)
    if length == 0:
        return np.array(u)
    whole = n // length * length  # the last piece is shorter: it goes by the loop
    A_cut = A[:whole].reshape(-1, length, *A.shape[1:]).swapaxes(0, 1)
    u_cut = u[:whole].reshape(-1, length, *u.shape[1:]).swapaxes(0, 1)
    maps = [(A_cut[0], u_cut[0])]  # of the first steps of every piece, up to each
    for A_t, u_t in zip(A_cut[1:], u_cut[1:], strict=True):
        maps.append(compose((A_t, u_t), maps[-1]))
    starts = np.empty_like(u_cut[0])
    for k, (A_piece, u_piece) in enumerate(zip(*maps[-1], strict=True)):
        starts[k] = s
        s = apply(A_piece, s) + u_piece
    states: NDArray[Any] = np.empty_like(u)
    inside = states[:whole].reshape(-1, length, *u.shape[1:]).swapaxes(0, 1)
    for t, (A_map, u_map) in enumerate(maps):
        inside[t] = apply(A_map, starts) + u_map
    for t in range(whole, n):
        states[t] = s = apply(A[t], s) + u[t]
    return states


def associative(A: Any, u: Any, s0: Any = None) -> Any:
    """Run the recurrence by ``jax.lax.associative_scan``: 2 log2 n rounds, some 2 n compositions.

    Args:
        A: Diagonals, shape (n, ..., k), or matrices, (n, ..., k, k): arrays of JAX or NumPy.
        u: What is added, shape (n, ..., k).
        s0: Initial state, shape (..., k); zeros if None.

    Returns:
        jax.Array: The states s_1 to s_n, shape (n, ..., k). JAX can differentiate it.

    Raises:
        TypeError: If an argument is not an array of floating-point numbers.
        ValueError: If a shape does not fit.

    Example:
        >>> import jax.numpy as jnp
        >>> associative(jnp.full(3, 0.5), jnp.array([1.0, 0.0, 0.0])).tolist()
        [1.0, 0.5, 0.25]
    """
    with needing("lstm.parallel.linear.associative", "JAX", "jax"):
        import jax
        import jax.numpy as jnp

    def array(name: str, value: Any) -> Any:
        if not _of_jax(value):
            value = as_array(name, value)
            check_dtype(name, value)
        return jnp.asarray(value)

    A, u = array("A", A), array("u", u)
    s0 = jnp.zeros(u.shape[1:], u.dtype) if s0 is None else array("s0", s0)
    _check_shapes(A, u, s0)
    if len(u) == 0:
        return u
    u = u.at[0].add(apply(A[0], s0))
    _, states = jax.lax.associative_scan(lambda one, next_one: compose(next_one, one), (A, u))
    return states


def solve(A: Any, u: Any, s0: Any = None) -> Any:
    """Run the recurrence at once: JAX arrays by `associative`, NumPy's by `doubling`.

    Arguments, result and errors are those of the two.

    Example:
        >>> solve(np.full(3, 0.5), np.array([1.0, 0.0, 0.0]))
        array([1.  , 0.5 , 0.25])
    """
    together = associative if _of_jax(A) or _of_jax(u) else doubling
    return together(A, u, s0)


@np.errstate(under="ignore")
def backward(ds: Any, A: Any, states: Any, s0: Any = None) -> LinearGradients:
    """Carry gradients back through the recurrence, by a linear recurrence in reverse.

    ``ds`` is the gradient of the loss with respect to each state that was returned. The complete
    gradient a_t of s_t also has the part that comes through s_{t+1}::

        a_t = ds_t + A_{t+1}^T a_{t+1}                                    (eq-linear-back)

    which is `blocked` from the last step to the first.

    Args:
        ds: Gradient of the loss with respect to the states, shape (n, ..., k).
        A: Diagonals, shape (n, ..., k), or matrices, (n, ..., k, k), as in the forward run.
        states: The states that the forward run returned, shape (n, ..., k).
        s0: Its initial state, shape (..., k); zeros if None.

    Returns:
        LinearGradients: The named tuple (dA, du, ds0).

    Raises:
        TypeError: If an argument is not an array of float32, float64 or complex128, all the same.
        ValueError: If a shape does not fit.

    Example:
        >>> A, u = np.full(3, 0.5), np.array([1.0, 0.0, 0.0])
        >>> backward([0.0, 0.0, 1.0], A, loop(A, u)).du    # of the last state
        array([0.25, 0.5 , 1.  ])
    """
    A, ds, s0 = _check(A, ds, s0, name="ds")
    states = check_array("states", states, _axes(ds), ds.shape, ds.dtype, like="ds")
    du = adjoints(A, ds)
    before = np.concatenate([s0[None], states])[:-1]
    if A.ndim == ds.ndim:
        dA, last = du * before, A[:1] * du[:1]
    else:
        dA, last = du[..., None] * before[..., None, :], apply(A[:1].swapaxes(-1, -2), du[:1])
    return LinearGradients(dA, du, last.sum(0))


def adjoints(A: NDArray[Any], ds: NDArray[Any]) -> NDArray[Any]:
    """Compute the complete gradients a_t of the states.

    Args:
        A: Diagonals, shape (n, ..., k), or matrices, (n, ..., k, k), of the forward run.
        ds: Gradient of the loss with respect to the states that were returned, shape (n, ..., k).

    Returns:
        numpy.ndarray: The gradients, including what comes through later states, (n, ..., k).

    Example:
        >>> adjoints(np.full(3, 0.5), np.array([0.0, 0.0, 1.0]))
        array([0.25, 0.5 , 1.  ])
    """
    later = A[1:] if A.ndim == ds.ndim else A[1:].swapaxes(-1, -2)
    later = np.concatenate([later, np.zeros_like(A[:1])])  # nothing comes after the last
    return blocked(later[::-1], ds[::-1])[::-1]  # (eq-linear-back)


def _of_jax(value: Any) -> bool:
    """Is it an array of another module than NumPy, traced ones included?"""
    return getattr(value, "__array_namespace__", lambda: np)() is not np


def _axes(u: NDArray[Any]) -> tuple[str, ...]:
    """Names for the axes of a state, for messages."""
    return ("n", *("..." for _ in u.shape[1:-1]), "k")[: u.ndim]


def _check(A: Any, u: Any, s0: Any, name: str = "u") -> tuple[Any, Any, Any]:
    """The arguments as arrays that fit each other, or what is wrong with them."""
    u = as_array(name, u)
    check_dtype(name, u)
    A = as_array("A", A)
    check_dtype("A", A)
    s0 = np.zeros(u.shape[1:], u.dtype) if s0 is None else as_array("s0", s0)
    for other, array in (("A", A), ("s0", s0)):
        if array.dtype != u.dtype:
            raise TypeError(f"{other}: expected dtype {u.dtype}, as in {name}, got {array.dtype}")
    _check_shapes(A, u, s0, name)
    return A, u, s0


def _check_shapes(A: Any, u: Any, s0: Any, name: str = "u") -> None:
    """Say which shape does not fit."""
    if u.ndim == 0:
        raise ValueError(f"{name}: expected shape (n, ..., k), got ()")
    if s0.shape != u.shape[1:]:
        raise ValueError(f"s0: expected shape {u.shape[1:]}, as one step of {name}, got {s0.shape}")
    matrices = (*u.shape, u.shape[-1])
    if A.shape != u.shape and (u.ndim == 1 or A.shape != matrices):
        wanted = f"{u.shape} for diagonals" + (f" or {matrices} for matrices" * (u.ndim > 1))
        raise ValueError(f"A: expected shape {wanted}, as in {name}, got {A.shape}")
