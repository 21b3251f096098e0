"""The fused LSTM in JAX: the loop as ``jax.lax.scan``, differentiated by the book's derivation.

`forward` takes and returns what `lstm.fused.forward` does, except for the cache, and `stack` what
`lstm.stack.forward` does. JAX can jit, vmap, differentiate and export both, and run them inside
``jax.shard_map``. JAX does not derive their backward pass: it is that of the book, registered
with ``jax.custom_vjp``. This saves time on the weight gradient, which autodiff adds up step by
step in the loop, and which here is one product after it. In return, forward mode
(``jax.jvp``, ``jax.jacfwd``) is refused; `lstm.cell.run` can be differentiated in both modes.

A comment such as ``(eq-dc)`` is the label of the equation in the book that the
line implements.

Source: chapters 5 and 8 of the book, chapter 13 for the lengths, and the documentation of
``jax.custom_vjp`` and ``jax.shard_map``.
"""

from collections import abc
from functools import partial
from math import isqrt
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, export
from jax.typing import ArrayLike

from .layers import Layer
from .layout import sizes, split_gates, split_rows
from .settings import check_flag, check_size
from .traced import (
    check_array,
    check_inputs,
    check_layers,
    check_lengths,
    check_state,
    check_states,
)

__all__ = ["Kept", "Sequence", "Stacked", "forward", "run_and_keep", "stack"]


class Sequence(NamedTuple):
    """The result of running a sequence; without b where one sequence ran alone.

    Attributes:
        Hout: The output of every step, shape (n, b, H). Zero after a sequence's end.
        Cn: The cell state at each sequence's own end, shape (b, H).
        Hn: The output there, shape (b, H).
    """

    Hout: Array
    Cn: Array
    Hn: Array


class Stacked(NamedTuple):
    """The result of running a stack of layers with d directions; without b for one sequence.

    Attributes:
        Hout: The last layer's outputs, shape (n, b, d * H). Zero after a sequence's end.
        Cn: For each layer the cell states at each sequence's own end, (d, b, H).
        Hn: For each layer the outputs there, (d, b, H).
    """

    Hout: Array
    Cn: list[Array]
    Hn: list[Array]


for _kind in (Sequence, Stacked, Layer):  # so that jax.export can write and read them
    export.register_namedtuple_serialization(
        _kind, serialized_name=f"{_kind.__module__}.{_kind.__name__}"
    )


def forward(
    X: ArrayLike,
    WLSTM: ArrayLike,
    c0: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    *,
    lengths: Any = None,
    reverse: bool = False,
    unroll: int = 1,
    remat: bool | int = False,
) -> Sequence:
    """Run a batch of sequences, or one, through the LSTM.

    All arrays must have the same dtype, float32 or float64, which is also that of the result.
    (JAX turns float64 into float32 unless ``jax_enable_x64`` is set.)

    Args:
        X: Inputs, shape (n, b, D): n steps, b sequences, D features; or (n, D) for
            one sequence. With lengths, the padding may hold anything, even nan.
        WLSTM: Weights as in `lstm.layout`, shape (1 + D + H, 4H).
        c0: Initial cell state, shape (b, H), or (H,) for one sequence; zeros if None.
        h0: Initial output, of the same shape; zeros if None.
        lengths: The number of steps of each sequence, integers from 0 to n, shape (b,)
            or (); None if all have n. Inside ``jax.jit`` their values cannot be checked:
            one below 0 counts as 0, one above n as n.
        reverse: Whether to read each sequence from its own end. Hout stays in the order
            of X. It is part of the program: under ``jax.jit`` it is a static argument.
        unroll: How many steps are compiled into one iteration of the loop, at least 1: more code
            to compile, and fewer iterations. Measure whether it pays on your device. It is part
            of the program, as ``reverse`` is.
        remat: Whether to save memory for the gradient at the cost of one more forward pass. True
            keeps only every sqrt(n)-th state for the backward pass, a number k every k-th; each
            piece between two of them runs again before its backward pass.

    Returns:
        Sequence: The named tuple (Hout, Cn, Hn).

    Raises:
        TypeError: If an argument has the wrong type or dtype, or forward mode is asked for.
        ValueError: If a rank or shape does not fit, or a length is out of range.

    Example:
        >>> import numpy as np
        >>> from lstm import init
        >>> X, WLSTM = np.ones((5, 3, 10), "float32"), init(10, 4, rng=0, dtype="float32")
        >>> forward(X, WLSTM, lengths=[5, 2, 0]).Hout.shape
        (5, 3, 4)
        >>> loss = lambda WLSTM: forward(X, WLSTM).Hn.sum()
        >>> jax.grad(loss)(WLSTM).shape
        (15, 16)
    """
    WLSTM = check_array("WLSTM", WLSTM)
    D, H = sizes(WLSTM)
    X = check_inputs(X, D, WLSTM.dtype, "WLSTM")
    n, *batch, _ = X.shape
    lengths = check_lengths(lengths, n, batch)
    c0, h0 = (
        check_state(name, state, ("b", "H")[-1 - len(batch) :], (*batch, H), WLSTM.dtype, "WLSTM")
        for name, state in (("c0", c0), ("h0", h0))
    )
    if isinstance(reverse, jax.core.Tracer):
        raise TypeError("reverse: expected True or False, got a traced value; name it in "
                        "static_argnames of jax.jit")  # fmt: skip
    run = _runner(n, unroll, remat)
    return _direction(run, X, WLSTM, c0, h0, lengths, check_flag("reverse", reverse))


def stack(
    X: ArrayLike,
    layers: abc.Iterable[Layer],
    c0: abc.Sequence[ArrayLike] | None = None,
    h0: abc.Sequence[ArrayLike] | None = None,
    *,
    lengths: Any = None,
    unroll: int = 1,
    remat: bool | int = False,
) -> Stacked:
    """Run a batch of sequences, or one, through the layers of a `lstm.stack`.

    Args:
        X: Inputs, shape (n, b, D), or (n, D) for one sequence.
        layers: The stack: a `lstm.stack.Layer` for each layer, with one or two directions.
        c0: For each layer the initial cell states, (d, b, H), or (d, H); zeros if None.
        h0: For each layer the initial outputs, of the same shapes; zeros if None.
        lengths: The number of steps of each sequence, as in `forward`.
        unroll: How many steps are compiled into one iteration of the loop; see `forward`.
        remat: Whether to compute pieces again instead of keeping them; see `forward`.

    Returns:
        Stacked: The named tuple (Hout, Cn, Hn).

    Raises:
        TypeError: If an argument has the wrong type or dtype, or forward mode is asked for.
        ValueError: If a rank or shape does not fit, or a length is out of range.

    Example:
        >>> import lstm, numpy as np
        >>> layers = lstm.stack.init(10, 4, layers=2, bidirectional=True, rng=0, dtype="float32")
        >>> X = np.ones((5, 3, 10), "float32")
        >>> stack(X, layers, lengths=[5, 2, 3]).Hout.shape
        (5, 3, 8)
        >>> gradients = jax.grad(lambda layers: stack(X, layers).Hout.sum())(layers)
        >>> gradients[1].backward.shape
        (13, 16)
    """
    layers = check_layers(layers)
    first = layers[0].directions[0][1]
    X = check_inputs(X, sizes(first).D, first.dtype, "layers")
    n, *batch, _ = X.shape
    lengths = check_lengths(lengths, n, batch)
    c0 = check_states("c0", c0, layers, batch)
    h0 = check_states("h0", h0, layers, batch)
    Cn, Hn, run = [], [], _runner(n, unroll, remat)
    for layer, c, h in zip(layers, c0, h0, strict=True):
        results = [
            _direction(run, X, W, c[d], h[d], lengths, name == "backward")
            for d, (name, W) in enumerate(layer.directions)
        ]
        X = jnp.concatenate([result.Hout for result in results], axis=-1)
        Cn.append(jnp.stack([result.Cn for result in results]))
        Hn.append(jnp.stack([result.Hn for result in results]))
    return Stacked(X, Cn, Hn)


_Runner = abc.Callable[..., Sequence]


def _runner(n: int, unroll: Any, remat: Any) -> _Runner:
    """Return what runs n steps: `_run`, as a whole or in pieces that run again."""
    run = partial(_run, check_size("unroll", unroll, least=1))
    if remat is False:
        return run
    every = max(1, isqrt(n)) if remat is True else check_size("remat", remat, least=1)
    return partial(_pieces, run, every)


def _pieces(
    run: _Runner, every: int, X: Array, WLSTM: Array, c0: Array, h0: Array, alive: Array | None
) -> Sequence:
    """As `_run`, but keep only the states at the cuts; the last piece may be shorter."""

    @jax.checkpoint
    def piece(state: Any, now: Any) -> Any:
        Hout, c, h = run(now[0], WLSTM, *state, now[1])
        return (c, h), Hout

    whole = len(X) // every * every
    cut = jax.tree.map(lambda a: a[:whole].reshape(-1, every, *a.shape[1:]), (X, alive))
    state, Hout = jax.lax.scan(piece, (c0, h0), cut)
    state, rest = piece(state, jax.tree.map(lambda a: a[whole:], (X, alive)))
    return Sequence(jnp.concatenate([Hout.reshape(whole, *Hout.shape[2:]), rest]), *state)


def _direction(
    run: _Runner,
    X: Array,
    WLSTM: Array,
    c0: Array,
    h0: Array,
    lengths: Array | None,
    reverse: bool,
) -> Sequence:
    """Run one layer in one direction: the part around `_run`, which JAX differentiates."""
    if X.ndim == 2:
        lengths = None if lengths is None else lengths[None]
        batch = _direction(run, X[:, None], WLSTM, c0[None], h0[None], lengths, reverse)
        return Sequence(batch.Hout[:, 0], batch.Cn[0], batch.Hn[0])
    alive = None
    if lengths is not None:
        alive = jnp.arange(X.shape[0])[:, None, None] < lengths[:, None]
        X = jnp.where(alive, X, 0)  # 0 times nan would be nan in the weights' gradient
    X = _turn(X, lengths) if reverse else X
    try:
        Hout, Cn, Hn = run(*_spread(X, WLSTM, c0, h0, alive))
    except TypeError as error:
        if "forward-mode" not in str(error):
            raise
        raise TypeError(
            "lstm.scan: forward mode (jax.jvp, jax.jacfwd) has no rule here, as the backward pass "
            "is given by hand; use jax.grad, jax.vjp or jax.jacrev, or lstm.cell.run"
        ) from error
    return Sequence(_turn(Hout, lengths) if reverse else Hout, Cn, Hn)


def _turn(X: Array, lengths: Array | None) -> Array:
    """Reverse each sequence within its own length; zeros after the end stay there."""
    if lengths is None:
        return jnp.flip(X, 0)
    t = jnp.arange(X.shape[0])[:, None]
    source = jnp.where(t < lengths, lengths - 1 - t, t)  # (eq-len-reverse)
    turned: Array = jax.vmap(lambda x, order: x[order], 1, 1)(X, source)
    return turned


def _spread(*arrays: Array | None) -> list[Array | None]:
    """Inside ``jax.shard_map``: let all arrays vary over the mesh axes over which one varies.

    The state of a loop must keep its type, and it becomes as varying as what it meets. The
    derivative of this is JAX's own: a sum of the gradient over the devices.
    """
    varying = [
        frozenset() if array is None else jax.typeof(array).manual_axis_type.varying
        for array in arrays
    ]
    missing = [tuple(frozenset().union(*varying) - axes) for axes in varying]
    return [
        jax.lax.pcast(array, axes, to="varying") if array is not None and axes else array
        for array, axes in zip(arrays, missing, strict=True)
    ]


class Kept(NamedTuple):
    """What the backward pass needs from the forward run, like the cache of `lstm.fused`.

    tanh(c) is not kept, which saves H numbers a step; it is computed again.

    Attributes:
        X: Inputs, shape (n, b, D).
        WLSTM: Weights, shape (1 + D + H, 4H).
        C: Cell states from c_0 on, shape (n + 1, b, H).
        H: Outputs from h_0 on, shape (n + 1, b, H).
        gates: i, f, o and g, each (n, b, H).
        alive: Which sequences have not ended yet, shape (n, b, 1); None if all have n steps.
    """

    X: Array
    WLSTM: Array
    C: Array
    H: Array
    gates: tuple[Array, ...]
    alive: Array | None


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _run(
    unroll: int, X: Array, WLSTM: Array, c0: Array, h0: Array, alive: Array | None
) -> Sequence:
    return run_and_keep(X, WLSTM, c0, h0, alive, unroll)[0]


def run_and_keep(
    X: Array, WLSTM: Array, c0: Array, h0: Array, alive: Array | None = None, unroll: int = 1
) -> tuple[Sequence, Kept]:
    """Run the forward pass, and keep what a backward pass of your own needs.

    Args:
        X: Inputs, shape (n, b, D).
        WLSTM: Weights, shape (1 + D + H, 4H).
        c0: Initial cell state, shape (b, H).
        h0: Initial output, shape (b, H).
        alive: Which sequences have not ended yet, shape (n, b, 1); None if all have n steps.
        unroll: How many steps are compiled into one turn of the loop.

    Returns:
        tuple: The `Sequence`, and what the backward pass needs, a `Kept`.

    Example:
        >>> result, kept = run_and_keep(
        ...     jnp.ones((5, 3, 10)), jnp.ones((15, 16)), *jnp.zeros((2, 3, 4)))
        >>> kept.C.shape
        (6, 3, 4)
    """
    b, Wx, Wh = split_rows(WLSTM)

    def step(state: Any, zx: Array) -> Any:
        c_prev, h_prev = state
        zi, zf, zo, zg = split_gates(zx + h_prev @ Wh)  # (eq-z) (eq-hoist)
        i, f, o = map(jax.nn.sigmoid, (zi, zf, zo))  # (eq-gates)
        g = jnp.tanh(zg)
        c = f * c_prev + i * g  # (eq-c)
        h = o * jnp.tanh(c)  # (eq-s) (eq-h)
        return (c, h), (c, h, (i, f, o, g))

    (Cn, Hn), (C, Hout, gates) = _scan(step, (c0, h0), X @ Wx + b, alive, unroll)
    C, H = jnp.concatenate([c0[None], C]), jnp.concatenate([h0[None], Hout])
    return Sequence(Hout, Cn, Hn), Kept(X, WLSTM, C, H, gates, alive)


def _backward(unroll: int, kept: Kept, gradients: Sequence) -> tuple[Array | None, ...]:
    """The backward pass: gradients with respect to X, WLSTM, c0, h0; none for alive."""
    X, WLSTM, C, H, gates, alive = kept
    dHout, dCn, dHn = gradients
    _, Wx, Wh = split_rows(WLSTM)

    def step_back(d_next: Any, values: Any) -> Any:
        dc_next, dh_next = d_next
        dHout_t, c_prev, c, (i, f, o, g) = values
        s = jnp.tanh(c)
        dh = dHout_t + dh_next  # (eq-bptt-dh)
        ds = dh * o  # (eq-ds)
        dc = dc_next + ds * (1 - s**2)  # (eq-dc) (eq-bptt-dc)
        di, df = dc * g, dc * c_prev  # (eq-di) (eq-df)
        do, dg = dh * s, dc * i  # (eq-do) (eq-dg)
        true_gates = ((di, i), (df, f), (do, o))
        dz_ifo = [dk * k * (1 - k) for dk, k in true_gates]  # (eq-dz-sigmoid)
        dz_g = dg * (1 - g**2)  # (eq-dz-tanh)
        dz = jnp.concatenate([*dz_ifo, dz_g], axis=-1)  # (eq-dz)
        return (dc * f, dz @ Wh.T), dz  # (eq-dc-prev) (eq-dh-prev)

    values = (dHout, C[:-1], C[1:], gates)
    last, dZ = _scan(step_back, (dCn, dHn), values, alive, unroll, reverse=True)
    dc0, dh0 = last  # (eq-bptt-start)

    # Sums over steps and batch at once. A reshape to (n * b, ...) would be the same
    # product, but across devices a batch that is cut into pieces would have to be
    # gathered for it. And XLA is faster at dZᵀ U than at its transpose.
    U = (jnp.ones((*X.shape[:2], 1), X.dtype), X, H[:-1])
    dW = [jnp.einsum("tbk,tbr->kr", dZ, part) for part in U]
    dWLSTM = jnp.concatenate(dW, axis=1).T  # (eq-bptt-dw)
    dX = dZ @ Wx.T  # (eq-dx)
    return dX, dWLSTM, dc0, dh0, None


_run.defvjp(lambda k, X, W, c, h, a: run_and_keep(X, W, c, h, a, k), _backward)


def _scan(
    step: abc.Callable[[Any, Any], Any],
    state: Any,
    inputs: Any,
    alive: Array | None,
    unroll: int,
    reverse: bool = False,
) -> Any:
    """``jax.lax.scan``; where a sequence is not alive, its state stays and its output is zero."""
    if alive is None:
        return jax.lax.scan(step, state, inputs, reverse=reverse, unroll=unroll)

    def guarded(state: Any, now: Any) -> Any:
        here, alive = now
        after, output = step(state, here)
        after = jax.tree.map(lambda a, b: jnp.where(alive, a, b), after, state)  # (eq-len-carry)
        return after, jax.tree.map(lambda a: jnp.where(alive, a, 0), output)

    return jax.lax.scan(guarded, state, (inputs, alive), reverse=reverse, unroll=unroll)
