"""One function that compares every element of every gradient with an oracle, and its kin.

`check` compares the gradients of any function with one of the three oracles of
``lstm.oracles``, and is strict about what could make it pass by accident:
cotangents that are all zero, thresholds that nothing exceeds, a function that
does not keep still. `check_lstm` does so for the two functions of an LSTM and
`check_steps` for every derivative of a step table. The laws of ``lstm.laws``,
which need no oracle or only a few calls of one, are offered here, too.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import reference, steps
from .laws import Law, dot_product, linearity, symmetry, taylor
from .oracles import (
    DELTAS,
    Arrays,
    Function,
    FunctionError,
    GradientError,
    as_tuple,
    cast,
    central_differences,
    check_analytic,
    check_still,
    complex_step,
    derivative_along,
    jax_vjp,
    project,
)
from .report import FLOOR, Report, Worst, relative_error, worst_of

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

THRESHOLDS = {"central": 1e-6, "complex": 1e-12, "jax": 1e-12}
"""The largest relative error that passes in float64, by oracle."""


class Usual(NamedTuple):
    """The options that suit an oracle and a dtype.

    Attributes:
        delta: The perturbation; 0 for an oracle that has none.
        threshold: The largest relative error that passes.
        floor: The smallest denominator, as a part of the largest gradient.
    """

    delta: float
    threshold: float
    floor: float


SINGLE = {
    "central": Usual(1e-2, 1e-2, 0.1),
    "complex": Usual(1e-30, 1e-4, 0.1),
    "jax": Usual(0, 1e-4, 0.1),
}
"""The defaults when an input is in float32, by oracle."""


@np.errstate(under="ignore")  # a complex step of 1e-30 lives of tiny numbers
def check(
    function: Function,
    inputs: Arrays,
    cotangents: Any,
    gradients: Arrays,
    *,
    oracle: str = "central",
    delta: float | None = None,
    threshold: float | None = None,
    floor: float | None = None,
    only: Sequence[str] | None = None,
    sample: int | None = None,
    directions: int | None = None,
    seed: int = 0,
) -> Report:
    """Compare every element of every derived gradient with an oracle.

    Args:
        function: What the oracle differentiates. Called with ``inputs`` by name,
            it returns an array or a tuple of arrays.
        inputs: Real arrays by name.
        cotangents: One array per output of ``function``. Make them random: with
            all ones, mistakes that cancel in a sum go unseen.
        gradients: The derived gradients, under the names of ``inputs``, or of ``only``.
        oracle: "central", "complex" or "jax".
        delta: The perturbation; None for that of ``DELTAS``, or of `SINGLE` for float32.
            Unused by "jax".
        threshold: The largest relative error that passes, below 1, which none can
            exceed; None for that of `THRESHOLDS` or `SINGLE`.
        floor: See `relative_error`; None for ``FLOOR`` or that of `SINGLE`.
        only: The inputs to differentiate, if not all. The others are held fixed and
            may be of any type.
        sample: How many elements of each input to compare, drawn at random; None for all.
        directions: Compare the derivatives along so many random directions of each
            input instead of its elements: a few calls for an array of any size.
            A mistake is found but not located.
        seed: For the sample and the directions.

    Returns:
        Report: The errors. Nothing is raised for a large one: call its
        ``raise_if_failed``.

    Raises:
        FunctionError: If the function changes its inputs, gives other outputs when
            called again, or is not analytic under the complex step.
        TypeError: If an input is neither float32 nor float64.
        ValueError: If an option is out of range, the names of inputs and gradients
            or their shapes differ, those of outputs and cotangents differ, or all
            cotangents are zero.

    Example:
        >>> import numpy as np
        >>> x, w = np.array([1.0, 2.0]), np.array([0.3, -0.7])
        >>> report = check(lambda x: np.sin(x), {"x": x}, w, {"x": w * np.cos(x)})
        >>> report.passed, report.checked
        (True, 2)
    """
    if oracle not in THRESHOLDS:
        raise ValueError(f"oracle: expected one of {sorted(THRESHOLDS)}, got {oracle!r}")
    names = list(inputs) if only is None else list(only)
    unknown = sorted(set(names) - set(inputs))
    if unknown:
        raise ValueError(f"only: expected names among {sorted(inputs)}, got {unknown}")
    if set(names) != set(gradients):
        raise ValueError(f"gradients: expected {sorted(names)}, got {sorted(gradients)}")
    free = {name: np.asarray(inputs[name]) for name in names}
    for name, value in free.items():
        if value.dtype not in (np.float32, np.float64):
            raise TypeError(
                f"inputs[{name!r}]: expected dtype float32 or float64, got {value.dtype}"
            )
    single = any(value.dtype == np.float32 for value in free.values())
    usual = SINGLE[oracle] if single else Usual(DELTAS.get(oracle, 0), THRESHOLDS[oracle], FLOOR)
    delta = usual.delta if delta is None else delta
    threshold = usual.threshold if threshold is None else threshold
    floor = usual.floor if floor is None else floor
    _check_options(oracle, delta, threshold, floor, sample, directions, cotangents)

    def of_free(**moved: Any) -> Any:
        """With the fixed inputs in the precision in which the oracle moves the others."""
        fixed = {name: value for name, value in inputs.items() if name not in moved}
        for name, value in moved.items():
            if value.dtype != free[name].dtype:
                fixed = {k: cast(v, value.dtype) if _floats(v) else v for k, v in fixed.items()}
        return function(**fixed, **moved)

    rng = np.random.default_rng(seed)
    places = None if sample is None else {k: _places(v, sample, rng) for k, v in free.items()}
    derived: Arrays = gradients
    if directions is not None:
        derived, numerical = _along_directions(
            of_free, free, cotangents, gradients, oracle, delta, directions, rng
        )
    elif oracle == "jax":
        check_still(of_free, free)
        numerical = jax_vjp(of_free, free, cotangents)
    elif oracle == "complex":
        numerical = complex_step(of_free, free, cotangents, delta, only=places)
    else:
        numerical = central_differences(of_free, free, cotangents, delta, only=places)

    errors = {name: relative_error(derived[name], n, floor) for name, n in numerical.items()}
    for name, indices in (places or {}).items():
        hidden = np.ones(errors[name].shape, bool)
        hidden[tuple(np.array(indices, int).reshape(-1, hidden.ndim).T)] = False
        errors[name] = np.ma.array(errors[name], mask=hidden)
    return Report(oracle, threshold, errors, worst_of(errors, derived, numerical))


def _check_options(
    oracle: str,
    delta: float,
    threshold: float,
    floor: float,
    sample: int | None,
    directions: int | None,
    cotangents: Any,
) -> None:
    """Refuse what would make a check pass whatever the gradient is."""
    if oracle != "jax" and not 0 < delta < np.inf:
        raise ValueError(f"delta: expected a positive number, got {delta}")
    if not 0 <= threshold < 1:
        raise ValueError(
            f"threshold: expected a number below 1, as no error exceeds 1, got {threshold}"
        )
    if not 0 <= floor <= 1:
        raise ValueError(f"floor: expected a number from 0 to 1, got {floor}")
    for name, count in (("sample", sample), ("directions", directions)):
        if count is not None and not count >= 1:
            raise ValueError(f"{name}: expected at least 1, or None for every element, got {count}")
    if sample is not None and directions is not None:
        raise ValueError("sample: expected None beside directions, which compare no elements")
    weights = [np.asarray(w) for w in as_tuple(cotangents)]
    if sum(w.size for w in weights) and not any(w.any() for w in weights):
        raise ValueError(
            "cotangents: expected some that are not zero: with none the gradient 0 is always right"
        )


def _floats(value: Any) -> bool:
    return np.asarray(value).dtype.kind == "f"


def _places(array: np.ndarray, sample: int, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Random indices of an array, none twice."""
    chosen = rng.choice(array.size, min(sample, array.size), replace=False)
    return [tuple(map(int, np.unravel_index(k, array.shape))) for k in np.sort(chosen)]


def _along_directions(
    function: Function,
    inputs: Arrays,
    cotangents: Any,
    gradients: Arrays,
    oracle: str,
    delta: float,
    directions: int,
    rng: np.random.Generator,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Derived and numerical derivatives along random directions, one input at a time (eq-along)."""
    check_still(function, inputs)
    if oracle == "complex":
        check_analytic(function, inputs)
    whole = jax_vjp(function, inputs, cotangents) if oracle == "jax" else {}
    derived, numerical = {}, {}
    for name, value in inputs.items():
        a, n = np.empty(directions), np.empty(directions)
        if np.shape(gradients[name]) != value.shape:
            got = np.shape(gradients[name])
            raise ValueError(f"gradients[{name!r}]: expected shape {value.shape}, got {got}")
        for k in range(directions):
            v = rng.standard_normal(value.shape).astype(value.dtype)
            a[k] = np.sum(gradients[name] * v, dtype=np.float64)  # (eq-along)
            if oracle == "jax":
                n[k] = np.sum(whole[name] * v, dtype=np.float64)
            else:
                parts = derivative_along(function, inputs, {name: v}, oracle=oracle, delta=delta)
                n[k] = project(cotangents, parts)
        derived[name], numerical[name] = a, n
    return derived, numerical


class Problem(NamedTuple):
    """Something to check an LSTM on.

    Attributes:
        inputs: The arguments of `lstm.fused.forward` by name: X, WLSTM, c0 and h0.
        cotangents: Gradients of a loss with respect to Hout, Cn and Hn.
    """

    inputs: dict[str, np.ndarray]
    cotangents: tuple[np.ndarray, np.ndarray, np.ndarray]


def random_problem(
    n: int = 5, b: int = 3, D: int = 10, H: int = 4, *, seed: int = 0, dtype: Any = np.float64
) -> Problem:
    """Draw a problem on which mistakes cannot hide.

    Nothing is zero, neither biases nor states; the cotangents are random, and
    there is one on each of the three outputs; n, b, D and H differ by default.

    Args:
        n: Number of steps.
        b: Batch size.
        D: Input size.
        H: Hidden size.
        seed: For the random generator.
        dtype: float32 or float64.

    Returns:
        Problem: Inputs and cotangents, all from N(0, 1); the weights but not
        the biases are divided by sqrt(D + H).

    Example:
        >>> random_problem().inputs["WLSTM"].shape
        (15, 16)
    """
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(dtype)

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
        problem: Where to check.
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
    derived = pullback(forward, backward, problem.inputs)(*problem.cotangents)
    only = options.get("only")
    return check(
        lambda **inputs: (judge or forward)(**inputs)[:3],
        problem.inputs,
        problem.cotangents,
        derived if only is None else {name: derived[name] for name in only},
        **options,
    )


def pullback(forward: Function, backward: Function, inputs: Arrays) -> Callable[..., Arrays]:
    """The backward pass of an LSTM at given inputs, as a function of the cotangents alone.

    Args:
        forward: As `lstm.fused.forward`.
        backward: As `lstm.fused.backward`.
        inputs: The arguments of ``forward`` by name: X, WLSTM, c0 and h0.

    Returns:
        Callable: From cotangents of Hout, Cn and Hn to the gradients under the names of inputs.

    Example:
        >>> import lstm
        >>> inputs, cotangents = random_problem()
        >>> linearity(pullback(lstm.forward, lstm.backward, inputs), cotangents).passed
        True
    """
    cache = forward(**inputs).cache

    def pull(dHout: Any, dCn: Any, dHn: Any) -> Arrays:
        return dict(zip(("X", "WLSTM", "c0", "h0"), backward(dHout, cache, dCn, dHn), strict=True))

    return pull


class StepCheck(NamedTuple):
    """The check of one derivative of a step table.

    Attributes:
        label: The label of the derivative's equation, such as "eq-do".
        output: The value that the operation computes, such as "h".
        input: The value that it is differentiated by, such as "o".
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
    cotangent. The table is looped over, so that no operation can be forgotten.

    Args:
        values: What `lstm.steps.forward` returned for the table, in float64.
        table: The table; None for that of the LSTM, `lstm.reference.STEPS`.
        seed: For the random cotangents.
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
    rng = np.random.default_rng(seed)
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
