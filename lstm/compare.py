"""Compare every element of every gradient of a function with an oracle.

`check` takes any function and one of the three oracles of ``lstm.oracles``. It refuses what could
make it pass by accident: cotangents that are all zero, thresholds that nothing can exceed, and
functions that return different outputs when called again.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .arguments import as_array, short
from .functions import (
    DELTAS,
    Arrays,
    Function,
    cast,
    check_analytic,
    check_call,
    check_cotangents,
    check_delta,
    check_gradients,
    check_still,
    derivative_along,
    project,
)
from .oracles import central_differences, complex_step, jax_vjp
from .report import FLOOR, Report, relative_error, worst_of
from .settings import check_real, check_rng, check_size, check_text

__all__ = [
    "SINGLE",
    "THRESHOLDS",
    "Usual",
    "check",
]

THRESHOLDS = {"central": 1e-6, "complex": 1e-12, "jax": 1e-12}
"""The largest relative error that passes in float64, by oracle."""


class Usual(NamedTuple):
    """The usual options for an oracle and a dtype.

    Attributes:
        delta: The perturbation; 0 for an oracle that has none.
        threshold: The largest relative error that passes.
        floor: The smallest denominator, as a fraction of the largest gradient.
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


@np.errstate(under="ignore")  # a complex step of 1e-30 needs tiny numbers
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
        delta: The perturbation; None for that of ``DELTAS``, or of ``SINGLE`` for float32.
            Unused by "jax".
        threshold: The largest relative error that passes. It must be below 1, which no error
            exceeds; None for that of ``THRESHOLDS`` or ``SINGLE``.
        floor: See `relative_error`; None for ``FLOOR`` or that of ``SINGLE``.
        only: The inputs to differentiate, if not all. The others are held fixed and
            may be of any type.
        sample: How many elements of each input to compare, drawn at random; None for all.
        directions: Instead of elements, compare the derivatives along this many random directions
            of each input: a few calls for an array of any size. A mistake is found but not
            located.
        seed: For the sample and the directions.

    Returns:
        Report: The errors. Nothing is raised for a large one: call its
        ``raise_if_failed``.

    Raises:
        FunctionError: If the function changes its inputs, gives other outputs when
            called again, or is not analytic under the complex step.
        TypeError: If an input is neither float32 nor float64, or an argument of another type.
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
    check_call(function, inputs)
    if check_text("oracle", oracle) not in THRESHOLDS:
        raise ValueError(f"oracle: expected one of {sorted(THRESHOLDS)}, got {oracle!r}")
    names = names_of(inputs, only)
    gradients = check_gradients(gradients, names)
    free = {name: as_array(f"inputs[{name!r}]", inputs[name]) for name in names}
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

    rng = check_rng(seed, "seed")
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
        hidden = np.full(errors[name].shape, True)
        hidden[tuple(np.array(indices, int).T)] = False
        errors[name] = np.ma.array(errors[name], mask=hidden)
    return Report(oracle, threshold, errors, worst_of(errors, derived, numerical))


def names_of(inputs: Arrays, only: Sequence[str] | None) -> list[str]:
    """The inputs to check: those in ``only``, or all.

    Example:
        >>> names_of({"X": 1.0, "WLSTM": 2.0}, only=["X"])
        ['X']
    """
    if isinstance(only, str) or not isinstance(only, Iterable | None):
        raise TypeError(f"only: expected a list of names, got {short(only)}")
    names = list(inputs if only is None else only)
    if unknown := sorted(set(names) - set(inputs)):
        raise ValueError(f"only: expected names among {sorted(inputs)}, got {unknown}")
    if not names:
        what = "inputs: expected" if only is None else "only: expected the name of"
        raise ValueError(f"{what} at least one, as nothing would be checked, got none")
    return names


def _check_options(
    oracle: str,
    delta: float,
    threshold: float,
    floor: float,
    sample: int | None,
    directions: int | None,
    cotangents: Any,
) -> None:
    """Refuse options with which any gradient would pass."""
    threshold, floor = check_real("threshold", threshold), check_real("floor", floor)
    if oracle != "jax":
        check_delta(delta)
    if not 0 <= threshold < 1:
        raise ValueError(
            f"threshold: expected a number below 1, as no error exceeds 1, got {threshold}"
        )
    if not 0 <= floor <= 1:
        raise ValueError(f"floor: expected a number from 0 to 1, got {floor}")
    for name, count in (("sample", sample), ("directions", directions)):
        if count is not None:
            check_size(name, count, least=1)
    if sample is not None and directions is not None:
        raise ValueError("sample: expected None beside directions, which compare no elements")
    check_cotangents(cotangents)


def _floats(value: Any) -> bool:
    return np.asarray(value).dtype.kind == "f"


def _places(array: np.ndarray, sample: int, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Draw indices of an array at random, without repetition."""
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
            v = rng.standard_normal(value.shape)  # in float64, in which the products are added up
            a[k] = np.sum(gradients[name] * v)  # (eq-along)
            if oracle == "jax":
                n[k] = np.sum(whole[name] * v)
            else:
                parts = derivative_along(function, inputs, {name: v}, oracle=oracle, delta=delta)
                n[k] = project(cotangents, parts)
        derived[name], numerical[name] = a, n
    return derived, numerical
