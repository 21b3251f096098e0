"""The LSTM cell with four separate gates, as a Flax module.

One matrix and one bias for each gate, so that every gate is a line of its own:
the form to read first. `lstm.fused` computes the same numbers from one matrix;
`lstm.exchange.cell` goes between the two.

The cell itself takes h before c and returns ``[h, c]``; `run`, like the rest of the
package, takes and returns c before h.
"""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from .scan import Sequence
from .traced import as_array

__all__ = ["PARAMETERS", "MyLSTMCell", "lstm_cell_step", "run"]

PARAMETERS = ("W_f", "W_i", "W_o", "W_g", "b_f", "b_i", "b_o", "b_g")
"""The names of a cell's parameters, in the order in which it declares them."""


class MyLSTMCell(nn.Module):
    """One step of an LSTM with separate forget, input, output and candidate gates.

    With v = [x, h_prev], @ the matrix product and * element by element::

        f = sigmoid(v @ W_f + b_f)          what to keep of the cell
        i = sigmoid(v @ W_i + b_i)          how much to write
        o = sigmoid(v @ W_o + b_o)          how much to show
        g = tanh(v @ W_g + b_g)             what to write
        c = f * c_prev + i * g
        h = o * tanh(c)

    Called with ``(x, h_prev, c_prev)``, x of shape (D,) or (b, D) and the states
    of shape (H,) or (b, H), it returns ``concatenate([h, c])``, of shape (2H,)
    or (b, 2H). A TypeError or ValueError names an argument that does not fit.

    Attributes:
        hidden: The hidden size H.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> cell, zero = MyLSTMCell(hidden=4), jnp.zeros(4)
        >>> variables = cell.init(jax.random.PRNGKey(0), jnp.ones(3), zero, zero)
        >>> variables["params"]["W_f"].shape        # (D + H, H)
        (7, 4)
        >>> cell.apply(variables, jnp.ones(3), zero, zero).shape
        (8,)
    """

    hidden: int

    @nn.compact
    def __call__(self, x: ArrayLike, h_prev: ArrayLike, c_prev: ArrayLike) -> jax.Array:
        """Compute ``concatenate([h, c])`` after one step."""
        x, h_prev, c_prev = _check(x, h_prev, c_prev, self.hidden)
        shape = (x.shape[-1] + self.hidden, self.hidden)
        weight, bias = nn.initializers.lecun_normal(), nn.initializers.zeros

        W_f = self.param("W_f", weight, shape)
        W_i = self.param("W_i", weight, shape)
        W_o = self.param("W_o", weight, shape)
        W_g = self.param("W_g", weight, shape)
        b_f = self.param("b_f", bias, (self.hidden,))
        b_i = self.param("b_i", bias, (self.hidden,))
        b_o = self.param("b_o", bias, (self.hidden,))
        b_g = self.param("b_g", bias, (self.hidden,))

        v = jnp.concatenate([x, h_prev], axis=-1)  # (eq-v)
        f = nn.sigmoid(v @ W_f + b_f)  # (eq-f)
        i = nn.sigmoid(v @ W_i + b_i)  # (eq-i)
        o = nn.sigmoid(v @ W_o + b_o)  # (eq-o)
        g = jnp.tanh(v @ W_g + b_g)  # (eq-g)
        c = f * c_prev + i * g  # (eq-c)
        h = o * jnp.tanh(c)  # (eq-s) (eq-h)
        return jnp.concatenate([h, c], axis=-1)


def lstm_cell_step(
    seed: int, x: ArrayLike, h_prev: ArrayLike, c_prev: ArrayLike, hidden: int
) -> jax.Array:
    """Make a cell, initialise it from a seed and run it for one step.

    Args:
        seed: For ``jax.random.PRNGKey``.
        x: Input, shape (D,) or (b, D).
        h_prev: Previous output, shape (H,) or (b, H).
        c_prev: Previous cell state, of the same shape.
        hidden: Hidden size H.

    Returns:
        jax.Array: ``concatenate([h, c])``, shape (2H,) or (b, 2H).

    Raises:
        TypeError: If an argument is not of a floating-point dtype.
        ValueError: If ``hidden`` is below 1 or a shape does not fit.

    Example:
        >>> import jax.numpy as jnp
        >>> hc = lstm_cell_step(0, jnp.array([0.1, 0.2, 0.3]), jnp.zeros(4), jnp.zeros(4), hidden=4)
        >>> [round(float(number), 4) for number in hc[:2]]
        [0.017, 0.0281]
    """
    cell = MyLSTMCell(hidden=hidden)
    variables = cell.init(jax.random.PRNGKey(seed), x, h_prev, c_prev)
    hc: Any = cell.apply(variables, x, h_prev, c_prev)
    return hc  # type: ignore[no-any-return]


def run(
    params: Mapping[str, ArrayLike],
    X: ArrayLike,
    c0: ArrayLike | None = None,
    h0: ArrayLike | None = None,
) -> Sequence:
    """Run the cell over a sequence with ``jax.lax.scan``.

    Args:
        params: The parameters of a `MyLSTMCell`, ``variables["params"]``: `PARAMETERS` by name.
        X: Inputs, shape (n, D), or (n, b, D) for a batch.
        c0: Initial cell state, shape (H,) or (b, H); zeros if None.
        h0: Initial output, of the same shape; zeros if None.

    Returns:
        Sequence: The named tuple (Hout, Cn, Hn) of `lstm.scan`, without b for one sequence.
        JAX can differentiate it, and a sequence of length 0 is allowed.

    Raises:
        TypeError: If ``params`` is not a mapping, or an array is not of a floating-point dtype.
        ValueError: If a parameter is missing or unknown, the rank of X is not 2 or 3, or a
            shape does not fit.

    Example:
        >>> import numpy as np
        >>> from lstm import init
        >>> from lstm.exchange.cell import split
        >>> params = split(init(10, 4, rng=0, dtype="float32"))
        >>> run(params, np.ones((5, 3, 10), "float32")).Hout.shape
        (5, 3, 4)
    """
    params, D, H = _check_params(params)
    X = as_array("X", X)
    if X.ndim not in (2, 3) or X.shape[-1] != D:
        raise ValueError(f"X: expected shape (n, D) or (n, b, D) with D = {D}, got {X.shape}")
    cell = MyLSTMCell(hidden=H)
    dtype = jnp.result_type(X, params["b_f"])
    zero = jnp.zeros((*X.shape[1:-1], H))
    c0 = zero if c0 is None else c0
    h0 = zero if h0 is None else h0
    _, h0, c0 = _check(jnp.zeros(X.shape[1:], X.dtype), h0, c0, H, names=("X", "h0", "c0"))

    def one_step(state: tuple[Any, Any], x: Any) -> tuple[tuple[Any, Any], Any]:
        hc: Any = cell.apply({"params": params}, x, *state)
        h, c = hc[..., :H], hc[..., H:]
        return (h, c), h

    (Hn, Cn), Hout = jax.lax.scan(one_step, (h0.astype(dtype), c0.astype(dtype)), X)
    return Sequence(Hout, Cn, Hn)


def _check_params(params: Any) -> tuple[dict[str, jax.Array], int, int]:
    """Return the parameters as JAX arrays, with D and H, or say which one does not fit."""
    if not isinstance(params, Mapping):
        kind = type(params).__name__
        raise TypeError(f"params: expected a mapping of {', '.join(PARAMETERS)}, got a {kind}")
    if "params" in params:
        raise ValueError('params: expected variables["params"], got variables itself')
    missing = [name for name in PARAMETERS if name not in params]
    unknown = [str(name) for name in params if name not in PARAMETERS]
    if missing or unknown:
        wrong = (("misses", missing), ("has", unknown))
        said = " and ".join(f"{verb} {', '.join(names)}" for verb, names in wrong if names)
        raise ValueError(f"params: expected {', '.join(PARAMETERS)}; it {said}")
    arrays = {name: as_array(f"params[{name!r}]", params[name]) for name in PARAMETERS}
    shape = arrays["W_f"].shape
    if len(shape) != 2 or not 1 <= shape[1] <= shape[0]:
        raise ValueError(f"params['W_f']: expected shape (D + H, H), got {shape}")
    for name, array in arrays.items():
        wanted = shape if name.startswith("W") else shape[1:]
        if not jnp.issubdtype(array.dtype, jnp.floating):
            raise TypeError(f"params[{name!r}]: expected a floating-point dtype, got {array.dtype}")
        if array.shape != wanted:
            raise ValueError(
                f"params[{name!r}]: expected shape {wanted}, as W_f has {shape}, got {array.shape}"
            )
    return arrays, shape[0] - shape[1], shape[1]


def _check(
    x: Any,
    h_prev: Any,
    c_prev: Any,
    hidden: int,
    names: tuple[str, ...] = ("x", "h_prev", "c_prev"),
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return the arguments as JAX arrays, or say which one does not fit."""
    if hidden < 1:
        raise ValueError(f"hidden: expected at least 1, got {hidden}")
    x, h_prev, c_prev = map(as_array, names, (x, h_prev, c_prev))
    for name, value in zip(names, (x, h_prev, c_prev), strict=True):
        if not jnp.issubdtype(value.dtype, jnp.floating):
            raise TypeError(f"{name}: expected a floating-point dtype, got {value.dtype}")
    if x.ndim not in (1, 2):
        raise ValueError(f"{names[0]}: expected shape (D,) or (b, D), got {x.shape}")
    shape = (*x.shape[:-1], hidden)
    for name, value in zip(names[1:], (h_prev, c_prev), strict=True):
        if value.shape != shape:
            spelled = "(b, H)" if len(shape) == 2 else "(H,)"
            raise ValueError(f"{name}: expected shape {spelled} = {shape}, got {value.shape}")
    return x, h_prev, c_prev
