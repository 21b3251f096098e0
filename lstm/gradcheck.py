"""Three oracles for gradients, and one function that compares every element.

A function with several inputs and outputs is differentiated against fixed
cotangents: the oracles estimate, for each input element p,

    sum over all outputs y of  cotangent * dy/dp,

which is what a hand-written backward pass returns when the cotangents are put
in. A scalar loss is the case of one output and the cotangent 1.

==========  ============================================  ====================  =================
oracle      estimate of dy/dp                             error                 works on
==========  ============================================  ====================  =================
"central"   (y(p + delta) - y(p - delta)) / (2 delta)     delta**2, eps/delta   any function
"complex"   imag(y(p + i delta)) / delta                  eps                   analytic ones
"jax"       ``jax.vjp``                                   eps                   JAX functions
==========  ============================================  ====================  =================

Sources: Squire and Trapp, SIAM Review 40 (1998), for the complex step; Baydin
et al., JMLR 18 (2018), for automatic differentiation.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from . import reference, steps

__all__ = [
    "DELTAS",
    "FLOOR",
    "THRESHOLDS",
    "Arrays",
    "Function",
    "GradientError",
    "Problem",
    "Report",
    "StepCheck",
    "Worst",
    "central_differences",
    "check",
    "check_lstm",
    "check_steps",
    "complex_step",
    "jax_vjp",
    "random_problem",
    "relative_error",
]

THRESHOLDS = {"central": 1e-6, "complex": 1e-12, "jax": 1e-12}
"""The largest relative error that passes in float64, by oracle."""

DELTAS = {"central": 1e-5, "complex": 1e-30}
"""The size of the perturbation, by oracle."""

FLOOR = 1e-3
"""The smallest denominator, in units of the gradient (see `relative_error`)."""

Function = Callable[..., Any]
Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Worst:
    """The element on which the two gradients differ most.

    Attributes:
        name: The input it belongs to.
        index: Its position in that input.
        analytic: The derived value.
        numerical: The oracle's value.
        error: The relative error between them.
    """

    name: str
    index: tuple[int, ...]
    analytic: float
    numerical: float
    error: float


class GradientError(AssertionError):
    """A derived gradient and its oracle disagree."""


@dataclass(frozen=True)
class Report:
    """The outcome of `check`.

    Attributes:
        oracle: The oracle's name.
        threshold: The largest relative error that passes.
        errors: Relative error of every element, by input, in the input's shape.
        worst: The worst element; None when there is no element at all.
    """

    oracle: str
    threshold: float
    errors: dict[str, np.ndarray]
    worst: Worst | None

    @property
    def passed(self) -> bool:
        """Whether every element is within the threshold. A nan is not."""
        return self.worst is None or bool(self.worst.error <= self.threshold)

    @property
    def checked(self) -> int:
        """The number of elements compared."""
        return sum(error.size for error in self.errors.values())

    def raise_if_failed(self) -> "Report":
        """Return the report itself if it passed.

        Raises:
            GradientError: If it did not.
        """
        if not self.passed:
            raise GradientError(str(self))
        return self

    def __str__(self) -> str:
        verdict = "passed" if self.passed else "FAILED"
        text = f"{verdict}: {self.checked} elements, oracle {self.oracle!r}, "
        text += f"threshold {self.threshold:.0e}"
        if self.worst is not None:
            w = self.worst
            text += f"\nworst: d{w.name}{list(w.index)}: relative error {w.error:.1e}, "
            text += f"analytic {w.analytic:.10g}, numerical {w.numerical:.10g}"
        return text


def relative_error(analytic: Any, numerical: Any, floor: float = FLOOR) -> np.ndarray:
    """Element by element, ``|a - n| / max(|a| + |n|, floor)``.

    It lies between 0 and 1. Where both are zero it is 0. The floor keeps
    rounding from being blown up where the gradient is a sum that nearly cancels:
    below it the measure is an absolute error in units of the floor.

    Args:
        analytic: The derived gradient.
        numerical: The oracle's, of the same shape.
        floor: The smallest denominator, in units of the gradient; positive.

    Returns:
        numpy.ndarray: Relative errors. nan where either argument is nan or infinite.

    Raises:
        ValueError: If the shapes differ or the floor is not positive.

    Example:
        >>> relative_error([1.0, 0.0], [3.0, 0.0])
        array([0.5, 0. ])
    """
    a, n = np.asarray(analytic), np.asarray(numerical)
    if a.shape != n.shape:
        raise ValueError(f"analytic: expected the oracle's shape {n.shape}, got {a.shape}")
    if not floor > 0:
        raise ValueError(f"floor: expected a positive number, got {floor}")
    with np.errstate(invalid="ignore"):  # inf - inf and inf / inf: nan is the answer
        return np.asarray(np.abs(a - n) / np.maximum(np.abs(a) + np.abs(n), floor))


def central_differences(
    function: Function, inputs: Arrays, cotangents: Any, delta: float = DELTAS["central"]
) -> dict[str, np.ndarray]:
    """Estimate gradients by moving every element a little up and a little down.

    The difference is taken of each output element before anything is summed, so
    that outputs which do not depend on the moved element cancel exactly.

    Args:
        function: Called with ``inputs`` by name; returns an array or a tuple of arrays.
        inputs: Real arrays by name.
        cotangents: One array per output.
        delta: How far to move, in units of the input.

    Returns:
        dict: For each input its gradient, in the input's shape and dtype.

    Example:
        >>> import numpy as np
        >>> n = central_differences(lambda x: x**2, {"x": np.array([3.0])}, np.ones(1))
        >>> n["x"].round(6)
        array([6.])
    """

    def slope(moved: Callable[[Any], list[np.ndarray]], p: Any) -> Any:
        up, down = p + p.dtype.type(delta), p - p.dtype.type(delta)
        rise = [y1 - y0 for y1, y0 in zip(moved(up), moved(down), strict=True)]
        return _project(cotangents, rise) / (up - down)  # what was really moved, after rounding

    return _each_element(function, inputs, slope)


def complex_step(
    function: Function, inputs: Arrays, cotangents: Any, delta: float = DELTAS["complex"]
) -> dict[str, np.ndarray]:
    """Estimate gradients by moving every element along the imaginary axis.

    No difference of nearly equal numbers is taken, so the perturbation may be
    so small that the truncation error vanishes. The function must be analytic
    and must take complex128.

    Args:
        function: Called with ``inputs`` by name; returns an array or a tuple of arrays.
        inputs: Real arrays by name.
        cotangents: One array per output.
        delta: How far to move, in units of the input.

    Returns:
        dict: For each input its gradient, in the input's shape and dtype.

    Example:
        >>> import numpy as np
        >>> float(complex_step(lambda x: x**2, {"x": np.array(3.0)}, 1.0)["x"])
        6.0
    """

    def slope(moved: Callable[[Any], list[np.ndarray]], p: Any) -> Any:
        return _project(cotangents, [y.imag for y in moved(p + 1j * delta)]) / delta

    return _each_element(function, inputs, slope, np.complex128)


def jax_vjp(function: Function, inputs: Arrays, cotangents: Any) -> dict[str, np.ndarray]:
    """Compute gradients by JAX's automatic differentiation, in the inputs' precision.

    Args:
        function: A function that JAX can trace, called with ``inputs`` by name.
        inputs: Real arrays by name.
        cotangents: One array per output.

    Returns:
        dict: For each input its gradient, in the input's shape and dtype.

    Raises:
        ImportError: If JAX is not installed.

    Example:
        >>> import numpy as np
        >>> jax_vjp(lambda x: x**2, {"x": np.array([3.0])}, np.ones(1))
        {'x': array([6.])}
    """
    import jax
    import jax.numpy as jnp

    names = list(inputs)
    with jax.enable_x64(True):  # else JAX would make float32 of float64
        primals = [jnp.asarray(inputs[name]) for name in names]
        weights = tuple(jnp.asarray(w) for w in _tuple(cotangents))
        _, vjp = jax.vjp(lambda *p: _tuple(function(**dict(zip(names, p, strict=True)))), *primals)
        return {name: np.asarray(g) for name, g in zip(names, vjp(weights), strict=True)}


def check(
    function: Function,
    inputs: Arrays,
    cotangents: Any,
    gradients: Arrays,
    *,
    oracle: str = "central",
    delta: float | None = None,
    threshold: float | None = None,
    floor: float = FLOOR,
) -> Report:
    """Compare every element of every derived gradient with an oracle.

    Args:
        function: What the oracle differentiates. Called with ``inputs`` by name,
            it returns an array or a tuple of arrays.
        inputs: Real arrays by name.
        cotangents: One array per output of ``function``. Make them random: with
            all ones, mistakes that cancel in a sum go unseen.
        gradients: The derived gradients, under the names of ``inputs``.
        oracle: "central", "complex" or "jax".
        delta: The perturbation; None for that of `DELTAS`. Unused by "jax".
        threshold: The largest relative error that passes; None for that of
            `THRESHOLDS`, which holds for float64 alone.
        floor: See `relative_error`.

    Returns:
        Report: The errors. Nothing is raised for a large one: call its
        ``raise_if_failed``.

    Raises:
        TypeError: If an input is neither float32 nor float64.
        ValueError: If the oracle is unknown, the names of inputs and gradients
            or their shapes differ, those of outputs and cotangents differ, or
            no default threshold fits the dtype.

    Example:
        >>> import numpy as np
        >>> x, w = np.array([1.0, 2.0]), np.array([0.3, -0.7])
        >>> report = check(lambda x: np.sin(x), {"x": x}, w, {"x": w * np.cos(x)})
        >>> report.passed, report.checked
        (True, 2)
    """
    if oracle not in THRESHOLDS:
        raise ValueError(f"oracle: expected one of {sorted(THRESHOLDS)}, got {oracle!r}")
    if set(inputs) != set(gradients):
        raise ValueError(f"gradients: expected {sorted(inputs)}, got {sorted(gradients)}")
    for name, value in inputs.items():
        dtype = np.asarray(value).dtype
        if dtype not in (np.float32, np.float64):
            raise TypeError(f"inputs[{name!r}]: expected dtype float32 or float64, got {dtype}")
    if threshold is None:
        if any(np.asarray(value).dtype != np.float64 for value in inputs.values()):
            raise ValueError("threshold: expected a number, since the defaults are for float64")
        threshold = THRESHOLDS[oracle]

    if oracle == "jax":
        numerical = jax_vjp(function, inputs, cotangents)
    else:
        estimate = {"central": central_differences, "complex": complex_step}[oracle]
        delta = DELTAS[oracle] if delta is None else delta
        numerical = estimate(function, inputs, cotangents, delta)
    errors = {name: relative_error(gradients[name], n, floor) for name, n in numerical.items()}

    worst = None
    for name, error in errors.items():
        if error.size:
            index = np.unravel_index(np.argmax(error), error.shape)  # argmax: nan is largest
            a, n = np.asarray(gradients[name])[index], numerical[name][index]
            here = Worst(name, tuple(map(int, index)), float(a), float(n), float(error[index]))
            if worst is None or not (here.error <= worst.error or np.isnan(worst.error)):
                worst = here
    return Report(oracle, threshold, errors, worst)


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
        **options: oracle, delta, threshold and floor, as for `check`.

    Returns:
        Report: The errors of X, WLSTM, c0 and h0.

    Example:
        >>> import lstm
        >>> check_lstm(lstm.forward, lstm.backward, random_problem(), oracle="complex").passed
        True
    """
    dHout, dCn, dHn = problem.cotangents
    dX, dWLSTM, dc0, dh0 = backward(dHout, forward(**problem.inputs).cache, dCn, dHn)
    return check(
        lambda **inputs: (judge or forward)(**inputs)[:3],
        problem.inputs,
        problem.cotangents,
        {"X": dX, "WLSTM": dWLSTM, "c0": dc0, "h0": dh0},
        **options,
    )


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
        **options: oracle, delta, threshold and floor, as for `check`.

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


def _tuple(value: Any) -> tuple[Any, ...]:
    """Several outputs as they are, one output as a tuple of one."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def _project(cotangents: Any, outputs: list[np.ndarray]) -> Any:
    """The sum of cotangent * output. Nothing is broadcast: that would hide a wrong cotangent."""
    weights = [np.asarray(w) for w in _tuple(cotangents)]
    wanted, got = [y.shape for y in outputs], [w.shape for w in weights]
    if wanted != got:
        raise ValueError(f"cotangents: expected the outputs' shapes {wanted}, got {got}")
    return sum((w * y).sum() for w, y in zip(weights, outputs, strict=True))


def _each_element(
    function: Function, inputs: Arrays, slope: Callable[..., Any], dtype: Any = None
) -> dict[str, np.ndarray]:
    """Call ``slope(moved, p)`` for every element p; ``moved(q)`` is the outputs with q for p."""
    arrays = {name: np.array(value, dtype) for name, value in inputs.items()}  # copies, to move in
    gradients = {}
    for name, array in arrays.items():
        gradients[name] = np.empty(array.shape, np.asarray(inputs[name]).dtype)
        for index in np.ndindex(array.shape):
            p = array[index]

            def moved(q: Any, array: np.ndarray = array, index: Any = index) -> list[np.ndarray]:
                array[index] = q
                return [np.array(y) for y in _tuple(function(**arrays))]  # copied: may alias

            gradients[name][index] = slope(moved, p)
            array[index] = p
    return gradients
