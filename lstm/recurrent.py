"""A recurrent cell: a step table with names for what it learns and what it remembers.

A `Cell` says which values of its table are parameters and which are states. No more is needed to
run it over a batch of sequences: `Cell.forward` runs the table at every step, and `Cell.backward`
goes from the last step to the first. Both are plain loops that work for every cell. On JAX arrays
the same table runs inside ``jax.lax.scan`` with `scan`.

Shapes: X (n, b, D), every state (b, ...). n is the number of steps and may be 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from . import steps
from .arguments import check_cache, check_unmasked
from .extras import needing
from .settings import check_float, check_number, check_rng, check_shape, check_size
from .steps import Step, Values, numpy_of

__all__ = [
    "Cache", "Cell", "Gradients", "Param", "Run", "State", "cell_sizes", "check_cell", "scan",
]  # fmt: skip


STARTS = ["weights", "biased", "zeros", "ones"]  # see Param


class Param(NamedTuple):
    """An array that is learnt.

    Attributes:
        shape: Its shape.
        start: The initial values that `Cell.init` gives it: "weights" from N(0, 1) / sqrt(rows),
            "biased" for the same below a row of biases, which are 0; "zeros" or "ones".
        keep: The biases that make the cell keep its memory: columns of row 0 of a matrix, or of a
            vector, each with a sign.
    """

    shape: tuple[int, ...]
    start: str = "biased"
    keep: tuple[tuple[slice, float], ...] = ()


class State(NamedTuple):
    """An array that is handed from step to step.

    Attributes:
        shape: Its shape without the batch.
        start: Its value before the first step.
        positive: Whether it is a sum of weights, which is never negative.
    """

    shape: tuple[int, ...]
    start: float = 0.0
    positive: bool = False


class Run(NamedTuple):
    """What `Cell.forward` returns.

    Attributes:
        Hout: The output of every step, shape (n, b, ...).
        state: The states after the last step by name.
        cache: What `Cell.backward` needs.
    """

    Hout: Any
    state: dict[str, Any]
    cache: "Cache"


class Gradients(NamedTuple):
    """What `Cell.backward` returns.

    Attributes:
        dX: Gradient of X, shape (n, b, D).
        params: Gradients of the parameters by name.
        state: Gradients of the states before the first step by name.
    """

    dX: Any
    params: dict[str, Any]
    state: dict[str, Any]


class Cache(NamedTuple):
    """What the forward pass keeps.

    Attributes:
        X: The inputs.
        params: The parameters by name.
        state: The states before the first step by name.
        values: All values of every step.
    """

    X: Any
    params: dict[str, Any]
    state: dict[str, Any]
    values: list[Values]


@dataclass(frozen=True, eq=False)
class Cell:
    """A cell: its step table, its parameters and its states. Each step reads ``x``, shape (b, D).

    Attributes:
        name: The name of the cell.
        steps: The table. It reads a state ``c`` as ``c_prev``, and has a row ``c``.
        inputs: D.
        outputs: The number of columns of the output.
        params: The parameters by name.
        states: The states by name.
        output: The name of the row whose value is the output of every step.

    Example:
        >>> from lstm.variants import gru
        >>> cell = gru.cell(3, 4)
        >>> params = cell.init(rng=0)
        >>> Hout, state, cache = cell.forward(np.ones((5, 2, 3)), params)
        >>> cell.backward(np.ones_like(Hout), cache).dX.shape
        (5, 2, 3)
    """

    name: str
    steps: tuple[Step, ...]
    inputs: int
    outputs: int
    params: Mapping[str, Param]
    states: Mapping[str, State]
    output: str = "h"

    @property
    def size(self) -> int:
        """The number of numbers that the cell learns."""
        return sum(int(np.prod(param.shape)) for param in self.params.values())

    def init(
        self, rng: Any = None, *, keep: float = 0.0, dtype: Any = np.float64
    ) -> dict[str, Any]:
        """Draw initial parameters.

        Args:
            rng: A ``numpy.random.Generator``, a seed or None.
            keep: A number added to the biases that make the cell keep its memory; in an LSTM, the
                forget bias.
            dtype: The dtype of the parameters.

        Returns:
            dict: New arrays by name.

        Raises:
            TypeError: If an argument has the wrong type.
            ValueError: If ``keep`` is not finite, the seed negative, or no initial values have the
                name that a parameter says.
        """
        rng, keep = check_rng(rng), check_number("keep", keep)
        dtype = check_float("dtype", dtype)
        params = {}
        for name, (shape, start, columns) in self.params.items():
            if start not in STARTS:
                message = f"params[{name!r}].start: expected one of {STARTS}, got {start!r}"
                raise ValueError(message)
            bias = int(start == "biased")
            if start in ("zeros", "ones"):
                array = np.full(shape, float(start == "ones"))
            else:
                array = rng.standard_normal(shape) / np.sqrt(max(1, shape[0] - bias))
                array[:bias] = 0
            for where, sign in columns:
                np.atleast_2d(array)[0, where] = sign * keep
            params[name] = array.astype(dtype)
        return params

    def start(self, X: Any, state: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the states before the first step: given ones, and initial values for the others.

        Args:
            X: Inputs, shape (n, b, D), for the batch size and the dtype.
            state: States by name; None for none.

        Returns:
            dict: New arrays by name.
        """
        given = _named("state", state, self.states, all_of_them=False)
        xp, b = numpy_of(X), X.shape[1]
        filled = {}
        for name, (shape, start, _) in self.states.items():
            if name in given:
                filled[name] = _array(f"state[{name!r}]", given[name], (b, *shape), X.dtype)
            else:
                filled[name] = xp.full((b, *shape), start, X.dtype)
        return filled

    def forward(self, X: Any, params: Mapping[str, Any], state: Any = None) -> Run:
        """Run the cell over a batch of sequences.

        Args:
            X: Inputs, shape (n, b, D), of a real or complex floating-point dtype.
            params: Parameters by name, as from `init`, of the same dtype.
            state: States before the first step by name; None for initial ones. A missing state
                gets the initial value of the cell.

        Returns:
            Run: Hout, the last state and the cache. No array is shared with the arguments.

        Raises:
            TypeError: If something is not an array, or its dtype is wrong.
            ValueError: If an array has the wrong shape, or a name is missing or unknown.
        """
        X, params = _check(self, X, params)
        first = state = self.start(X, state)
        values = []
        for x in X:
            v = steps.forward(self.steps, _inputs(x, params, state))
            values.append(v)
            state = {name: getattr(v, name) for name in self.states}
        Hout = [getattr(v, self.output) for v in values]
        xp = numpy_of(X, *Hout)
        whole = xp.stack(Hout) if Hout else xp.zeros((0, X.shape[1], self.outputs), X.dtype)
        copies = {name: numpy_of(value).array(value, copy=True) for name, value in state.items()}
        return Run(whole, copies, Cache(X, params, first, values))

    def backward(
        self, dHout: Any, cache: Cache, dstate: Mapping[str, Any] | None = None
    ) -> Gradients:
        """Carry gradients back over all steps.

        Args:
            dHout: Gradient of the loss with respect to Hout, shape (n, b, ...).
            cache: From `forward`.
            dstate: Gradients of the last states by name; those that are missing are zero.

        Returns:
            Gradients: Of X, the parameters and the first states.

        Raises:
            TypeError: If something is not an array, or its dtype is wrong.
            ValueError: If an array has the wrong shape, or a name is unknown.
        """
        check_cache(cache, Cache, "recurrent.Cell.forward")
        X, params, first, values = cache
        n, b, _ = X.shape
        dHout = _array("dHout", dHout, (n, b, self.outputs), X.dtype)
        given = _named("dstate", dstate, self.states, all_of_them=False)
        zeros = {k: numpy_of(a).zeros_like(a) for k, a in (params | first).items()}
        d_next = {name: zeros[name] for name in self.states}
        for name, value in given.items():
            what = f"dstate[{name!r}]"
            d_next[name] = _array(what, value, first[name].shape, X.dtype)
        total = {name: zeros[name] for name in params}
        dX: list[Any] = []
        for v, dh in zip(reversed(values), dHout[::-1], strict=True):
            asked = {**d_next, self.output: d_next.get(self.output, 0) + dh}
            d = vars(steps.backward(self.steps, v, asked))
            d_next = {k: d.get(f"{k}_prev", zeros[k]) for k in self.states}
            total = {k: total[k] + d.get(k, zeros[k]) for k in params}
            dX.insert(0, d["x"])
        xp = numpy_of(X, dHout)
        return Gradients(xp.stack(dX) if dX else xp.zeros_like(X), total, d_next)


def check_cell(cell: Any) -> None:
    """Refuse what is no cell, such as the module that has one.

    Example:
        >>> from lstm.variants import gru
        >>> check_cell(gru)
        Traceback (most recent call last):
            ...
        TypeError: cell: expected a Cell, got a module
    """
    if not isinstance(cell, Cell):
        raise TypeError(f"cell: expected a Cell, got a {type(cell).__name__}")


def cell_sizes(D: Any, H: Any) -> tuple[int, int]:
    """The sizes of a cell as integers of Python, which cannot overflow.

    Args:
        D: The number of inputs, at least 0.
        H: The number of units, at least 1.

    Returns:
        tuple: D and H.

    Raises:
        TypeError: If one is no integer.
        ValueError: If one is too small.

    Example:
        >>> cell_sizes(np.uint8(200), 4)
        (200, 4)
    """
    D, H = check_size("D", D, least=0), check_size("H", H, least=1)
    check_shape("D, H", 1 + D + H, 4 * H)
    return D, H


def scan(cell: Cell, X: Any, params: Any, state: Any = None) -> tuple[Any, dict[str, Any]]:
    """Run a cell over a batch of sequences in JAX: the same table, inside ``jax.lax.scan``.

    Args:
        cell: The cell.
        X: Inputs, shape (n, b, D).
        params: Parameters by name.
        state: As for `Cell.forward`.

    Returns:
        tuple: Hout, shape (n, b, ...), and the last states by name.

    Raises:
        ImportError: If JAX is not installed.
        TypeError: If something is not an array, or its dtype is wrong.
        ValueError: If an array has the wrong shape, or a name is missing or unknown.

    Example:
        >>> from lstm.variants import gru
        >>> cell = gru.cell(3, 4)
        >>> Hout, state = scan(cell, np.ones((5, 2, 3), np.float32), cell.init(0, dtype=np.float32))
        >>> Hout.shape, state["h"].shape
        ((5, 2, 4), (2, 4))
    """
    with needing("lstm.recurrent.scan", "JAX", "jax"):
        import jax
        import jax.numpy as jnp
    check_cell(cell)
    X, params = jax.tree.map(jnp.asarray, _check(cell, X, params))

    def step(state: Any, x: Any) -> Any:
        v = steps.forward(cell.steps, _inputs(x, params, state))
        return {name: getattr(v, name) for name in cell.states}, getattr(v, cell.output)

    last, Hout = jax.lax.scan(step, cell.start(X, state), X)
    return Hout, last


def _inputs(x: Any, params: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, Any]:
    """Collect the values from which a table starts."""
    return {"x": x, **params, **{f"{name}_prev": value for name, value in state.items()}}


def _check(cell: Cell, X: Any, params: Any) -> tuple[Any, dict[str, Any]]:
    """Copy inputs and parameters, or say what is wrong with them."""
    X = _array("X", X, (None, None, cell.inputs))
    return X, {
        name: _array(f"params[{name!r}]", value, cell.params[name].shape, X.dtype)
        for name, value in _named("params", params, cell.params).items()
    }


def _named(what: str, given: Any, known: Any, all_of_them: bool = True) -> dict[str, Any]:
    """Refuse unknown names, and missing ones unless some suffice."""
    if given is None and not all_of_them:
        return {}
    if not isinstance(given, Mapping):
        raise TypeError(f"{what}: expected a dictionary with {list(known)}, got {type(given)}")
    missing = set(known) - set(given) if all_of_them else set()
    if missing or set(given) - set(known):
        raise ValueError(f"{what}: expected {list(known)}, got {list(given)}")
    return dict(given)


def _array(what: str, value: Any, shape: tuple[int | None, ...], dtype: Any = None) -> Any:
    """Copy an array, or refuse it for its shape or dtype, or because it holds integers."""
    if not hasattr(value, "__array_namespace__"):
        raise TypeError(f"{what}: expected an array, got {type(value)}")
    check_unmasked(what, value)
    fits = len(value.shape) == len(shape) and all(
        want in (None, got) for want, got in zip(shape, value.shape, strict=True)
    )
    if not fits:
        spelled = ", ".join("any" if want is None else str(want) for want in shape)
        raise ValueError(f"{what}: expected shape ({spelled}), got {value.shape}")
    if dtype is None and value.dtype.kind not in "fc":
        raise TypeError(f"{what}: expected a floating-point dtype, got {value.dtype}")
    if dtype is not None and value.dtype != dtype:
        raise TypeError(f"{what}: expected dtype {dtype}, as X has, got {value.dtype}")
    return numpy_of(value).array(value, copy=True)
