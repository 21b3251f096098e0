"""Check the gradients of any cell: of each row of its table on its own, and of whole sequences.

The oracles are those of `lstm.gradcheck`: central differences, the complex step and JAX.
"""

from typing import Any, NamedTuple

import numpy as np

from .. import gradcheck
from ..arguments import short
from ..gradcheck import Report, StepCheck
from ..recurrent import Cell, check_cell
from ..settings import check_float, check_rng, check_shape, check_size
from ..steps import Values

__all__ = ["Problem", "random_problem", "rows", "sequence"]


class Problem(NamedTuple):
    """Inputs and cotangents on which to check a cell.

    Attributes:
        X: Inputs, shape (n, b, D).
        params: Parameters by name.
        state: States before the first step by name.
        dHout: Gradient of the outputs, shape (n, b, ...).
        dstate: Gradients of the last states by name.
    """

    X: Any
    params: dict[str, Any]
    state: dict[str, Any]
    dHout: Any
    dstate: dict[str, Any]


def random_problem(
    cell: Cell, n: int = 4, b: int = 3, *, seed: int = 0, dtype: Any = np.float64
) -> Problem:
    """Draw a random problem on which no mistake can go unseen: nothing is zero.

    Args:
        cell: The cell.
        n: Number of steps.
        b: Batch size.
        seed: For the random generator.
        dtype: float32 or float64.

    Returns:
        Problem: Everything from N(0, 1); the parameters are those of `Cell.init` plus half of
        such a number, so that biases and gains differ from their initial values.

    Example:
        >>> from lstm.variants import gru
        >>> random_problem(gru.cell(3, 4)).X.shape
        (4, 3, 3)
    """
    check_cell(cell)
    n, b = check_size("n", n, least=0), check_size("b", b, least=0)
    dtype, rng = check_float("dtype", dtype), check_rng(seed, "seed")

    def normal(*shape: int) -> Any:
        return rng.standard_normal(check_shape("n, b", *shape)).astype(dtype)

    params = {
        name: value + 0.5 * normal(*value.shape)
        for name, value in cell.init(rng, dtype=dtype).items()
    }
    states = {name: normal(b, *state.shape) for name, state in cell.states.items()}
    for name, state in cell.states.items():
        if state.positive:
            states[name] = abs(states[name]) + 0.5
    return Problem(
        normal(n, b, cell.inputs),
        params,
        states,
        normal(n, b, cell.outputs),
        {name: normal(*value.shape) for name, value in states.items()},
    )


def rows(cell: Cell, *, seed: int = 0, **options: Any) -> list[StepCheck]:
    """Check every derivative of a cell's table on its own.

    Args:
        cell: The cell.
        seed: The seed of the values at which it is checked.
        **options: oracle and the others of `lstm.gradcheck.check`.

    Returns:
        list: One `StepCheck` for each derivative.

    Example:
        >>> from lstm.variants import gru
        >>> all(c.report.passed for c in rows(gru.cell(3, 4), oracle="complex"))
        True
    """
    return gradcheck.check_steps(values(cell, seed=seed), table=cell.steps, **options)


def values(cell: Cell, *, seed: int = 0) -> Values:
    """Compute all values of one step on a random problem.

    Args:
        cell: The cell.
        seed: The seed of the problem.

    Returns:
        Values: All values by name.

    Example:
        >>> from lstm.variants import gru
        >>> values(gru.cell(3, 4)).r.shape
        (3, 4)
    """
    problem = random_problem(cell, 1, seed=seed)
    return cell.forward(*problem[:3]).cache.values[0]


def sequence(cell: Cell, problem: Problem | None = None, **options: Any) -> Report:
    """Check the gradients of a whole sequence: of X, every parameter and every first state.

    Args:
        cell: The cell.
        problem: The inputs and cotangents; None for random ones.
        **options: oracle and the others of `lstm.gradcheck.check`.

    Returns:
        Report: The errors by name.

    Example:
        >>> from lstm.variants import gru
        >>> sequence(gru.cell(3, 4), oracle="complex").passed
        True
    """
    check_cell(cell)
    problem = random_problem(cell) if problem is None else problem
    if not isinstance(problem, Problem):
        raise TypeError(f"problem: expected a Problem, got {short(problem)}")
    X, params, state, dHout, dstate = problem
    first = {f"{name}_0": value for name, value in state.items()}

    def run(X: Any, **named: Any) -> tuple[Any, ...]:
        start = {name: named.pop(f"{name}_0") for name in state}
        Hout, last, _ = cell.forward(X, named, start)
        return (Hout, *last.values())

    grads = cell.backward(dHout, cell.forward(X, params, state).cache, dstate)
    derived = {"X": grads.dX, **grads.params}
    derived |= {f"{name}_0": value for name, value in grads.state.items()}
    cotangents = (dHout, *(dstate[name] for name in state))
    return gradcheck.check(run, {"X": X, **params, **first}, cotangents, derived, **options)
