"""Checks of gradients: of any function, of an LSTM, of every step of a table.

`check` compares every element of the gradients of any function with an oracle, `check_lstm`
those of the two functions of an LSTM, and `check_steps` every derivative of a step table. The
three oracles, and the laws, which need no oracle or only a few calls of one, are offered here,
too; each has a file of its own.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import reference, steps
from .arguments import short
from .compare import SINGLE, THRESHOLDS, check, names_of
from .functions import (
    DELTAS,
    Arrays,
    Function,
    FunctionError,
    as_tuple,
    check_call,
    derivative_along,
)
from .laws import Law, dot_product, linearity, symmetry, taylor
from .oracles import central_differences, complex_step, jax_vjp
from .report import FLOOR, GradientError, Report, Worst, relative_error
from .settings import check_float, check_rng, check_shape, check_size

__all__ = [
    "DELTAS",
    "FLOOR",
    "SINGLE",
    "THRESHOLDS",
    "FunctionError",
    "GradientError",
    "Law",
    "Problem",
    "Report",
    "StepCheck",
    "Worst",
    "central_differences",
    "check",
    "check_lstm",
    "check_steps",
    "complex_step",
    "derivative_along",
    "dot_product",
    "jax_vjp",
    "linearity",
    "pullback",
    "random_problem",
    "relative_error",
    "symmetry",
    "taylor",
]


class Problem(NamedTuple):
    """Inputs and cotangents on which to check an LSTM.

    Attributes:
        inputs: The arguments of `lstm.fused.forward` by name: X, WLSTM, c0 and h0.
        cotangents: Gradients of a loss with respect to Hout, Cn and Hn.
    """

    inputs: dict[str, np.ndarray]
    cotangents: tuple[np.ndarray, np.ndarray, np.ndarray]


def random_problem(
    n: int = 5, b: int = 3, D: int = 10, H: int = 4, *, seed: int = 0, dtype: Any = np.float64
) -> Problem:
    """Draw a random problem on which no mistake can go unseen.

    Nothing is zero, not even biases and states; each of the three outputs has a random cotangent;
    and n, b, D and H differ by default.

    Args:
        n: Number of steps.
        b: Batch size.
        D: Input size.
        H: Hidden size.
        seed: The seed of the random generator.
        dtype: float32 or float64.

    Returns:
        Problem: Inputs and cotangents, all from N(0, 1); the weights but not
        the biases are divided by sqrt(D + H).

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a size is too small, or the seed negative.

    Example:
        >>> random_problem().inputs["WLSTM"].shape
        (15, 16)
    """
    n, b = check_size("n", n, least=0), check_size("b", b, least=0)
    D, H = check_size("D", D, least=0), check_size("H", H, least=1)
    dtype, rng = check_float("dtype", dtype), check_rng(seed, "seed")

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(check_shape("n, b, D, H", *shape)).astype(dtype)

    WLSTM = normal(1 + D + H, 4 * H)
    WLSTM[1:] /= np.sqrt(D + H)
    inputs = {"X": normal(n, b, D), "WLSTM": WLSTM, "c0": normal(b, H), "h0": normal(b, H)}
    return Problem(inputs, (normal(n, b, H), normal(b, H), normal(b, H)))


def check_lstm(
    forward: Function,
    backward: Function,
    problem: Problem,
    *,
    judge: Function | None = None,
    **options: Any,
) -> Report:
    """Check the backward pass of an LSTM.

    Its two functions have the signatures of `lstm.fused.forward` and
    `lstm.fused.backward`.

    Args:
        forward: The forward pass.
        backward: The backward pass that belongs to it.
        problem: The inputs and cotangents, such as those of `random_problem`.
        judge: What the oracle differentiates instead of ``forward``: it takes
            the same arguments and returns (Hout, Cn, Hn). The oracle "jax"
            needs one that JAX can trace.
        **options: oracle, delta, threshold, floor and the others of `check`.

    Returns:
        Report: The errors of X, WLSTM, c0 and h0.

    Example:
        >>> import lstm
        >>> check_lstm(lstm.forward, lstm.backward, random_problem(), oracle="complex").passed
        True
    """
    if not isinstance(problem, Problem):
        raise TypeError(f"problem: expected a Problem, got {short(problem)}")
    if judge is not None and not callable(judge):
        raise TypeError(f"judge: expected a function, got {short(judge)}")
    names = names_of(problem.inputs, options.get("only"))
    derived = pullback(forward, backward, problem.inputs)(*problem.cotangents)
    return check(
        lambda **inputs: (judge or forward)(**inputs)[:3],
        problem.inputs,
        problem.cotangents,
        {name: derived[name] for name in names},
        **options,
    )


def pullback(forward: Function, backward: Function, inputs: Arrays) -> Callable[..., Arrays]:
    """Fix the inputs of an LSTM, and return its backward pass as a function of the cotangents only.

    Args:
        forward: As `lstm.fused.forward`.
        backward: As `lstm.fused.backward`.
        inputs: The arguments of ``forward`` by name: X, WLSTM, c0 and h0.

    Returns:
        Callable: It takes the cotangents of Hout, Cn and Hn and returns the gradients by the names
            of the inputs. It raises a ValueError if ``backward`` returns another number of them.

    Example:
        >>> import lstm
        >>> inputs, cotangents = random_problem()
        >>> linearity(pullback(lstm.forward, lstm.backward, inputs), cotangents).passed
        True
    """
    for name, function in (("forward", forward), ("backward", backward)):
        if not callable(function):
            raise TypeError(f"{name}: expected a function, got {short(function)}")
    check_call(forward, inputs)
    result = forward(**inputs)
    if not hasattr(result, "cache"):
        raise TypeError(f"forward: expected it to return a cache, got {short(result)}")
    cache = result.cache

    def pull(dHout: Any, dCn: Any, dHn: Any) -> Arrays:
        gradients = as_tuple(backward(dHout, cache, dCn, dHn))
        if len(gradients) != 4:
            raise ValueError(
                "backward: expected it to return the gradients of X, WLSTM, c0 and h0, got "
                f"{len(gradients)} of 4"
            )
        return dict(zip(("X", "WLSTM", "c0", "h0"), gradients, strict=True))

    return pull


class StepCheck(NamedTuple):
    """The check of one derivative of a step table.

    Attributes:
        label: The label of the derivative's equation, such as "eq-do".
        output: The value that the operation computes, such as "h".
        input: The value with respect to which it is differentiated, such as "o".
        report: The outcome.
    """

    label: str
    output: str
    input: str
    report: Report


def check_steps(
    values: steps.Values,
    *,
    table: Sequence[steps.Step] | None = None,
    seed: int = 0,
    **options: Any,
) -> list[StepCheck]:
    """Check every derivative of a step table on its own.

    Each operation is run with one of its inputs free and the others as in
    ``values``, and its derivative is compared with the oracle under a random
    cotangent. The loop runs over the whole table, so no operation is forgotten.

    Args:
        values: What `lstm.steps.forward` returned for the table, in float64.
        table: The table; None for that of the LSTM, `lstm.reference.STEPS`.
        seed: The seed of the random cotangents.
        **options: oracle, delta, threshold, floor and the others of `check`.

    Returns:
        list: One `StepCheck` for each derivative, in the order of the table.

    Example:
        >>> import numpy as np
        >>> W, x, c, h = np.ones((6, 8)), np.ones((1, 3)), np.ones((1, 2)), np.ones((1, 2))
        >>> checks = check_steps(reference.forward(x, W, c, h), oracle="complex")
        >>> all(check.report.passed for check in checks)
        True
    """
    rng = check_rng(seed, "seed")
    checks = []
    for step in reference.STEPS if table is None else table:
        cotangent = rng.standard_normal(getattr(values, step.name).shape)
        for name, (label, derivative) in step.backward.items():

            def alone(*, step: steps.Step = step, **free: Any) -> Any:
                return step.forward(steps.Values(**{**vars(values), **free}))

            report = check(
                alone,
                {name: getattr(values, name)},
                cotangent,
                {name: derivative(values, cotangent)},
                **options,
            )
            checks.append(StepCheck(label, step.name, name, report))
    return checks
