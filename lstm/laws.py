"""Laws that every right backward pass obeys, and that need no second derivation.

The oracles of ``lstm.oracles`` find the gradient another way and compare. The laws
here ask for less and so cost less: a handful of passes, whatever the size.

=============  ====================================================  ==========================
law            what has to hold                                      what breaks it
=============  ====================================================  ==========================
`taylor`       L(p + t v) - L(p) - t <dL, v> falls as t squared      any wrong gradient
`dot_product`  <w, J v> = <J^T w, v>                                 any wrong gradient
`linearity`    J^T (a w + b w') = a J^T w + b J^T w'                 clipping, dropped rounding
`symmetry`     <u, H v> = <v, H u> for the second derivatives H      whatever is not a gradient
=============  ====================================================  ==========================

J is the Jacobian of the function, v and u are directions in its inputs, w and w'
cotangents of its outputs, and a pullback is the backward pass as a function of
the cotangents only: it takes one for each output and returns J^T w by name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .functions import (
    Arrays,
    Function,
    check_analytic,
    check_call,
    check_cotangents,
    check_gradients,
    check_still,
    derivative_along,
    outputs_of,
    pairs,
    project,
)
from .report import GradientError
from .settings import check_real, check_rng, check_size

__all__ = ["Law", "Pullback", "dot_product", "linearity", "symmetry", "taylor"]

PULLED = "pullback(...)"

Pullback = Callable[..., Arrays]
"""From one cotangent for each output to the gradients by name."""


@dataclass(frozen=True)
class Law:
    """How well a law holds.

    Attributes:
        name: The law's name.
        value: The largest relative error; of `taylor`, the smallest slope.
        bound: What the value may be at most; of `taylor`, at least.
        values: The value of every input, or of every trial.
    """

    name: str
    value: float
    bound: float
    values: dict[str, float]

    @property
    def passed(self) -> bool:
        """Whether the law holds. With a nan it does not."""
        if self.name == "taylor":
            return bool(self.value >= self.bound)
        return bool(self.value <= self.bound)

    def raise_if_failed(self) -> "Law":
        """Return the law itself if it holds.

        Raises:
            GradientError: If it does not.
        """
        if not self.passed:
            raise GradientError(str(self))
        return self

    def __str__(self) -> str:
        verdict = "passed" if self.passed else "FAILED"
        if self.name == "taylor":
            text = f"slope {self.value:.2f}, at least {self.bound:g} asked for"
        else:
            text = f"relative error {self.value:.1e}, at most {self.bound:.0e} asked for"
        worst = min if self.name == "taylor" else max
        where = worst(self.values, key=lambda k: _nan_is_worst(self.name, self.values[k]))
        return f"{verdict}: {self.name}: {text}; worst: {where}"


def taylor(
    function: Function,
    inputs: Arrays,
    cotangents: Any,
    gradients: Arrays,
    *,
    seed: int = 0,
    bound: float = 1.9,
) -> Law:
    """Measure how fast the error of a linear prediction by the gradient falls (eq-taylor).

    Along a random direction v in each input, the remainder L(p + t v) - L(p) - t <dL, v>
    is measured for t from 1e-2 down to 1e-5. If dL is the gradient, the remainder falls as t**2,
    which is a slope of 2 on logarithmic axes; if not, a part proportional to t is left and the
    slope is 1. A remainder of rounding errors only, as for a linear function, counts as an
    infinite slope.

    Args:
        function: Called with ``inputs`` by name; returns an array or a tuple of arrays.
        inputs: float64 arrays by name.
        cotangents: One array per output: they make the loss L.
        gradients: The derived gradients, under the names of inputs.
        seed: The seed of the random directions.
        bound: The smallest slope that passes.

    Returns:
        Law: The slope for each input.

    Raises:
        FunctionError: If the function changes its inputs, returns something else when called
            again, or outputs of other shapes for other inputs.
        TypeError: If an input is not float64: in float32 rounding hides the remainder.
        ValueError: If names or shapes do not fit, all cotangents are zero, or any gradient
            would pass.

    Example:
        >>> import numpy as np
        >>> x, w = np.array([1.0, 2.0]), np.array([0.3, -0.7])
        >>> for factor in (1, 1.1):
        ...     dx = factor * w * np.cos(x)
        ...     print(round(taylor(lambda x: np.sin(x), {"x": x}, w, {"x": dx}).value, 1))
        2.0
        1.0
    """
    rng = check_rng(seed, "seed")
    if not 1 < check_real("bound", bound) <= 2:
        raise ValueError(
            f"bound: expected a slope above 1, that of a wrong gradient, and up to 2, got {bound}"
        )
    check_call(function, inputs)
    gradients, weights = _gradients(gradients, inputs), check_cotangents(cotangents)
    for name, value in inputs.items():
        if np.asarray(value).dtype != np.float64:
            got = np.asarray(value).dtype
            raise TypeError(f"inputs[{name!r}]: expected dtype float64, got {got}")
    start = check_still(function, inputs)
    size = project([np.abs(w) for w in weights], [np.abs(y) for y in start])
    slopes = {}
    for name, gradient in gradients.items():
        p = np.asarray(inputs[name])
        v = rng.standard_normal(p.shape)
        v /= np.sqrt((v**2).sum()) or 1.0
        rise = float((gradient * v).sum())
        points = []
        for t in 10.0 ** -np.arange(2, 5.1, 0.5):
            there = outputs_of(function, {**inputs, name: p + t * v})
            change = float(project(weights, [y - y0 for y, y0 in pairs(there, start)]))
            remainder = abs(change - t * rise)  # (eq-taylor)
            if not remainder <= 1e-14 * size:  # else nothing but rounding is left
                points.append((np.log10(t), np.log10(remainder)))
        slopes[name] = np.inf
        if len(points) > 1:
            t_last, r_last = np.array(points[-3:]).T
            slopes[name] = float(np.polyfit(t_last, r_last, 1)[0])
    return _law("taylor", slopes, bound)


def dot_product(
    function: Function,
    pullback: Pullback,
    inputs: Arrays,
    *,
    oracle: str = "complex",
    trials: int = 5,
    seed: int = 0,
    bound: float | None = None,
) -> Law:
    """Compare <w, J v> with <J^T w, v> for random w and v (eq-adjoint).

    J v is one complex step of the function along v; J^T w is one backward pass. All
    inputs move at once and no cotangent is fixed in advance.

    Args:
        function: Called with ``inputs`` by name; returns an array or a tuple of arrays.
        pullback: The backward pass at ``inputs``, a function of the cotangents.
        inputs: Real arrays by name.
        oracle: "complex", or "central" for a function that is not analytic.
        trials: The number of pairs (w, v) to draw.
        seed: For the random generator.
        bound: The largest relative error that passes; None for 1e-12 with the
            complex step and 1e-7 with central differences.

    Returns:
        Law: The relative error of each trial: relative to the product itself, or to the size that
        the product of such vectors has on average, if that is larger.

    Raises:
        FunctionError: If the function changes its inputs or returns something else when called
            again.
        ValueError: If ``pullback`` returns gradients of other names or shapes than those of the
            inputs, or any gradient would pass.

    Example:
        >>> import numpy as np
        >>> x = np.array([1.0, 2.0])
        >>> dot_product(lambda x: np.sin(x), lambda w: {"x": w * np.cos(x)}, {"x": x}).passed
        True
    """
    rng = check_rng(seed, "seed")
    bound = _bound(bound, 1e-12 if oracle == "complex" else 1e-7)
    check_call(function, inputs)
    shapes = [y.shape for y in check_still(function, inputs)]
    errors = {}
    for trial in range(check_size("trials", trials, least=1)):
        w = [rng.standard_normal(shape) for shape in shapes]
        gradients = _gradients(pullback(*w), inputs, PULLED)
        v = {name: rng.standard_normal(np.shape(inputs[name])) for name in gradients}
        along = derivative_along(function, inputs, v, oracle=oracle)
        left = float(project(w, along))  # (eq-adjoint)
        right = sum(float((gradients[name] * v[name]).sum()) for name in v)
        most = np.sqrt(_square(gradients) * _square(v) / max(1, sum(x.size for x in v.values())))
        errors[f"trial {trial}"] = _relative(abs(left - right), max(abs(left), abs(right), most))
    return _law("dot_product", errors, bound)


def linearity(
    pullback: Pullback,
    cotangents: Any,
    *,
    powers: tuple[int, ...] = (-100, -40, -10, 10, 40, 100),
    seed: int = 0,
    bound: float | None = None,
) -> Law:
    """Check that gradients are linear in the cotangents (eq-linear). It takes no oracle.

    A sum of two cotangents has to give the sum of their gradients, and a cotangent
    times 2**k the gradient times 2**k, which is exact in floating point. A gradient
    that is clipped, or cast to a narrower dtype on the way, is not linear.

    Args:
        pullback: The backward pass, a function of the cotangents.
        cotangents: One array per output; the second set is drawn at random.
        powers: The exponents k to try, integers.
        seed: For the random generator.
        bound: The largest error that passes, relative to the largest number of each
            gradient; None for 1e-12, and 1e-5 for cotangents in float32.

    Returns:
        Law: The relative error of the sum and of each power.

    Raises:
        TypeError: If cotangents are neither float32 nor float64.
        ValueError: If all cotangents are zero, a power of 2 is no float, names or shapes of the
            gradients change, or any gradient would pass.

    Example:
        >>> import numpy as np
        >>> w = np.array([0.5, -2.0])
        >>> linearity(lambda w: {"x": 3 * w}, w).passed
        True
        >>> linearity(lambda w: {"x": np.clip(3 * w, -10, 10)}, w).passed
        False
    """
    rng = check_rng(seed, "seed")
    one = check_cotangents(cotangents)
    for w in one:
        if w.dtype not in (np.float32, np.float64):
            raise TypeError(f"cotangents: expected dtype float32 or float64, got {w.dtype}")
    bound = _bound(bound, 1e-5 if any(w.dtype == np.float32 for w in one) else 1e-12)
    two = [rng.standard_normal(w.shape).astype(w.dtype) for w in one]
    given = pullback(*one)
    first = _copy(check_gradients(given, given, PULLED))
    if not first:
        raise ValueError(f"{PULLED}: expected at least one gradient, got none")

    def pulled(*cotangents: Any) -> Arrays:
        return _copy(_gradients(pullback(*cotangents), first, PULLED))

    second = pulled(*two)
    both = pulled(*(a + b for a, b in zip(one, two, strict=True)))
    errors = {"sum": max(_off(both[k], first[k] + second[k]) for k in first)}  # (eq-linear)
    for k, power in enumerate(powers):
        if check_size(f"powers[{k}]", power, least=-1022) > 1023:
            raise ValueError(f"powers[{k}]: expected at most 1023, got {power}")
        factor = 2.0**power
        scaled = pulled(*((w * factor).astype(w.dtype) for w in one))
        errors[f"times 2**{power}"] = max(_off(scaled[k] / factor, first[k]) for k in first)
    return _law("linearity", errors, bound)


def symmetry(
    gradient: Function,
    inputs: Arrays,
    *,
    trials: int = 5,
    seed: int = 0,
    bound: float | None = None,
) -> Law:
    """Check that second derivatives are symmetric: the gradient of a gradient (eq-hessian).

    H v, the second derivatives of the loss times a direction, is one complex step
    through forward *and* backward pass. If what the backward pass returns is the
    gradient of anything at all, <u, H v> = <v, H u>.

    Args:
        gradient: Called with ``inputs`` by name, it returns the gradients of one loss
            under the same names. It has to take complex128.
        inputs: Real arrays by name.
        trials: The number of pairs (u, v) to draw.
        seed: For the random generator.
        bound: The largest relative error that passes; None for 1e-11.

    Returns:
        Law: The relative error of each trial.

    Raises:
        FunctionError: If ``gradient`` changes its inputs, returns something else when called again,
            or drops imaginary parts.
        ValueError: If it returns gradients of other names or shapes than those of the inputs, or
            any gradient would pass.

    Example:
        >>> import numpy as np
        >>> p = {"x": np.array(2.0), "y": np.array(3.0)}
        >>> symmetry(lambda x, y: {"x": 2 * x * y, "y": x**2}, p).passed     # of x**2 * y
        True
        >>> symmetry(lambda x, y: {"x": 2 * x * y, "y": x}, p).passed
        False
    """
    rng = check_rng(seed, "seed")
    names = list(inputs)

    def listed(**given: Any) -> tuple[Any, ...]:
        result = gradient(**given)
        return tuple(result[name] for name in names)

    check_call(gradient, inputs, "gradient")
    _gradients(gradient(**_copy(inputs)), inputs, "gradient(...)")
    bound = _bound(bound, 1e-11)
    check_analytic(listed, inputs)
    whole = all(np.isfinite(g).all() for g in check_still(listed, inputs))
    errors = {}
    for trial in range(check_size("trials", trials, least=1)):
        u, v = (
            {name: rng.standard_normal(np.shape(inputs[name])) for name in names} for _ in range(2)
        )
        Hu, Hv = (
            dict(zip(names, derivative_along(listed, inputs, d), strict=True)) for d in (u, v)
        )
        left, right = (
            sum(float((a[k] * b[k]).sum()) for k in names) for a, b in ((u, Hv), (v, Hu))
        )  # (eq-hessian)
        size = sum(x.size for x in u.values())
        most = np.sqrt(_square(Hu) * _square(v) / max(1, size))
        error = _relative(abs(left - right), max(abs(left), abs(right), most))
        errors[f"trial {trial}"] = error if whole else np.nan
    return _law("symmetry", errors, bound)


def _gradients(gradients: Any, inputs: Arrays, what: str = "gradients") -> dict[str, np.ndarray]:
    """The gradients of all inputs, or what is wrong with them."""
    found = check_gradients(gradients, inputs, what)
    for name, dx in found.items():
        if dx.shape != np.shape(inputs[name]):
            raise ValueError(
                f"{what}[{name!r}]: expected shape {np.shape(inputs[name])}, got {dx.shape}"
            )
    return found


def _bound(bound: float | None, usual: float) -> float:
    """The largest error that passes, or a refusal of one with which anything would."""
    if bound is None:
        return usual
    if not 0 <= check_real("bound", bound) < 1:
        raise ValueError(f"bound: expected a relative error from 0 up to below 1, got {bound}")
    return bound


def _law(name: str, values: dict[str, float], bound: float) -> Law:
    worst = min if name == "taylor" else max
    numbers = list(values.values())
    value = np.nan if np.isnan(numbers).any() else worst(numbers)
    return Law(name, float(value), bound, values)


def _nan_is_worst(name: str, value: float) -> float:
    if np.isnan(value):
        return -np.inf if name == "taylor" else np.inf
    return value


def _relative(difference: float, scale: float) -> float:
    return difference / scale if difference else 0.0  # nan is not zero


def _off(got: np.ndarray, want: np.ndarray) -> float:
    """The largest difference, relative to the largest number."""
    difference = float(np.abs(got - want).max(initial=0))
    return _relative(difference, float(np.abs(want).max(initial=0)) or difference)


def _square(arrays: Arrays) -> float:
    return sum(float((np.abs(a) ** 2).sum()) for a in arrays.values())


def _copy(gradients: Arrays) -> dict[str, np.ndarray]:
    return {name: np.array(value) for name, value in gradients.items()}
