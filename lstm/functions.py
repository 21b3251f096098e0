"""Functions that an oracle can judge: how they are called, and which ones are refused.

An oracle can judge only a function that always returns the same outputs for the same inputs. So
the function is first called twice: it has to leave its inputs unchanged and return the same
outputs. For the complex step it also has to be analytic, which is tried along one random
direction.
"""

import threading
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .arguments import as_array, short
from .settings import check_real, check_text

__all__ = [
    "DELTAS",
    "Arrays",
    "Function",
    "FunctionError",
    "as_tuple",
    "cast",
    "check_analytic",
    "check_call",
    "check_cotangents",
    "check_delta",
    "check_gradients",
    "check_moved",
    "check_still",
    "derivative_along",
    "outputs_of",
    "pairs",
    "project",
]

DELTAS = {"central": 1e-5, "complex": 1e-30}
"""The size of the perturbation in float64, by oracle."""

# The filters of warnings belong to the process: two threads that change and restore them at once
# may leave the change. A function may ask an oracle itself, hence the R.
_ALONE = threading.RLock()

Function = Callable[..., Any]

Arrays = Mapping[str, Any]


class FunctionError(ValueError):
    """The oracle cannot judge this function, because it changes its inputs, for instance."""


def derivative_along(
    function: Function,
    inputs: Arrays,
    direction: Arrays,
    *,
    oracle: str = "complex",
    delta: float | None = None,
) -> list[np.ndarray]:
    """Differentiate every output along one direction: the product J v of one or two calls.

    Args:
        function: Called with ``inputs`` by name; returns an array or a tuple of arrays.
        inputs: Real arrays by name.
        direction: The direction v: for some inputs, by name, an array of the same shape.
            The inputs that it does not name stay where they are.
        oracle: "central" or "complex".
        delta: How far to move; None for that of ``DELTAS``. Central differences move by
            ``delta`` in total, not in each element.

    Returns:
        list: The derivative of each output along v, in the output's shape.

    Raises:
        FunctionError: If the outputs do not have the same shapes at both places.
        TypeError: If an input that moves is not of floating-point numbers.
        ValueError: If there is no such oracle or input, a shape does not fit, or nothing moves.

    Example:
        >>> import numpy as np
        >>> derivative_along(lambda x: x**2, {"x": np.array([3.0, 4.0])}, {"x": np.array([1.0, 0])})
        [array([6., 0.])]
    """
    if check_text("oracle", oracle) not in DELTAS:
        raise ValueError(f"oracle: expected one of {sorted(DELTAS)}, got {oracle!r}")
    delta = check_delta(DELTAS[oracle] if delta is None else delta)
    check_call(function, inputs)
    check_moved(inputs, direction, "direction")
    for name, v in direction.items():
        if np.shape(v) != np.shape(inputs[name]):
            wanted, got = np.shape(inputs[name]), np.shape(v)
            raise ValueError(f"direction[{name!r}]: expected shape {wanted}, got {got}")
    start = {k: cast(v, np.complex128 if oracle == "complex" else None) for k, v in inputs.items()}

    def moved(by: Any) -> list[np.ndarray]:
        there = {name: start[name] + by * np.asarray(v) for name, v in direction.items()}
        return outputs_of(function, {**start, **there})

    if oracle == "complex":
        return [y.imag / delta for y in moved(1j * delta)]
    length = np.sqrt(sum(float((np.abs(v) ** 2).sum()) for v in direction.values())) or 1.0
    by = delta / length
    return [(up - down) / (2 * by) for up, down in pairs(moved(by), moved(-by))]


def check_call(function: Function, inputs: Arrays, name: str = "function") -> None:
    """Refuse what cannot be called with inputs by name; the message calls it by its own.

    Example:
        >>> check_call(abs, [1.0])
        Traceback (most recent call last):
            ...
        TypeError: inputs: expected a dictionary of arrays, got [1.0]
    """
    if not callable(function):
        raise TypeError(f"{name}: expected a function, got {short(function)}")
    if not isinstance(inputs, Mapping):
        raise TypeError(f"inputs: expected a dictionary of arrays, got {short(inputs)}")


def check_moved(inputs: Arrays, names: Iterable[str], what: str) -> None:
    """Refuse inputs of these names that do not exist, or that cannot be moved a little.

    Example:
        >>> check_moved({"x": np.ones(2), "n": 3}, ["n"], "only")
        Traceback (most recent call last):
            ...
        TypeError: inputs['n']: expected floating-point numbers, got dtype int64
    """
    if unknown := sorted(set(names) - set(inputs)):
        raise ValueError(f"{what}: expected names among {sorted(inputs)}, got {unknown}")
    for name in names:
        dtype = as_array(f"inputs[{name!r}]", inputs[name]).dtype
        if dtype.kind != "f":
            raise TypeError(f"inputs[{name!r}]: expected floating-point numbers, got dtype {dtype}")


def check_delta(delta: float) -> float:
    """Return how far to move as a number, or refuse it.

    Example:
        >>> check_delta(0)
        Traceback (most recent call last):
            ...
        ValueError: delta: expected a positive number, got 0.0
    """
    delta = check_real("delta", delta)
    if not 0 < delta < np.inf:
        raise ValueError(f"delta: expected a positive number, got {delta}")
    return delta


def check_gradients(
    gradients: Any, names: Iterable[str], what: str = "gradients"
) -> dict[str, np.ndarray]:
    """Return gradients as arrays of real numbers, or refuse them if they have other names.

    Example:
        >>> check_gradients({"x": 1.0}, ["x", "y"])
        Traceback (most recent call last):
            ...
        ValueError: gradients: expected ['x', 'y'], got ['x']
    """
    if not isinstance(gradients, Mapping):
        raise TypeError(f"{what}: expected a dictionary of arrays, got {short(gradients)}")
    if set(names) != set(gradients):
        raise ValueError(f"{what}: expected {sorted(names)}, got {sorted(gradients)}")
    return {name: _numbers(f"{what}[{name!r}]", dx) for name, dx in gradients.items()}


def check_cotangents(cotangents: Any) -> list[np.ndarray]:
    """Return cotangents as arrays of real numbers, or refuse them if all are zero.

    Example:
        >>> check_cotangents(0.0)
        Traceback (most recent call last):
            ...
        ValueError: cotangents: expected some that are not zero: with none the gradient 0 is \
always right
    """
    weights = [_numbers("cotangents", w) for w in as_tuple(cotangents)]
    if sum(w.size for w in weights) and not any(w.any() for w in weights):
        raise ValueError(
            "cotangents: expected some that are not zero: with none the gradient 0 is always right"
        )
    return weights


def check_still(function: Function, inputs: Arrays) -> list[np.ndarray]:
    """Call a function twice, and refuse it if it changes its inputs or returns something else.

    Args:
        function: Called with ``inputs`` by name; returns an array or a tuple of arrays.
        inputs: Arrays by name. The function gets copies.

    Returns:
        list: Its outputs.

    Raises:
        FunctionError: If an input was changed, or an output differs between the calls.

    Example:
        >>> import numpy as np
        >>> check_still(lambda x: x.sort(), {"x": np.array([2.0, 1.0])})
        Traceback (most recent call last):
            ...
        lstm.functions.FunctionError: function: it changes its input 'x'; let it work on a copy
    """
    copies = {name: np.array(value) for name, value in inputs.items()}
    first = outputs_of(function, copies)
    for name, value in inputs.items():
        if not _same(copies[name], np.asarray(value)):
            raise FunctionError(f"function: it changes its input {name!r}; let it work on a copy")
    second = outputs_of(function, copies)
    if len(first) != len(second):
        raise FunctionError(
            f"function: it returned {len(first)} outputs, and {len(second)} when it was called "
            "again with the same inputs; keep no state between calls"
        )
    for k, (one, two) in enumerate(zip(first, second, strict=True)):
        if not _same(one, two):
            raise FunctionError(
                f"function: output {k} differs when it is called again with the same inputs; "
                "fix its seed, switch dropout off, keep no state between calls"
            )
    return first


def check_analytic(function: Function, inputs: Arrays, *, within: float = 1e-3) -> None:
    """Refuse a function that the complex step would misjudge.

    The derivative along one random direction, in which every element moves, is
    taken by the complex step and by central differences. They agree on an analytic function, and
    differ by far more than rounding error where it drops or negates imaginary parts.

    Args:
        function: Called with ``inputs`` by name; returns an array or a tuple of arrays.
        inputs: Real arrays by name.
        within: How far the two may differ, relative to the largest derivative.

    Raises:
        FunctionError: If they differ more, or the function takes no complex numbers.

    Example:
        >>> import numpy as np
        >>> check_analytic(lambda x: np.abs(x), {"x": np.array([-2.0])})
        Traceback (most recent call last):
            ...
        lstm.functions.FunctionError: function: output 0 is not analytic: along a random direction \
its derivative is 0 by the complex step and -0.251 by central differences; look for abs, \
real, conj, var, norm or a cast on the way, or use oracle="central"
    """
    rng = np.random.default_rng(0)
    reals = {name: cast(value, np.float64) for name, value in inputs.items()}
    direction = {  # as large as the numbers that it moves
        name: (np.abs(x).max(initial=0) or 1.0) * rng.standard_normal(x.shape)
        for name, x in reals.items()
        if x.dtype == np.float64
    }
    advice = 'look for abs, real, conj, var, norm or a cast on the way, or use oracle="central"'
    try:
        with _ALONE, warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            by_complex = derivative_along(function, reals, direction)
    except (TypeError, np.exceptions.ComplexWarning) as error:
        raise FunctionError(
            f"function: it does not run on complex numbers ({type(error).__name__}: {error}); "
            f"{advice}"
        ) from error

    agree = [np.zeros(d.shape, bool) for d in by_complex]
    for h in (1e-6, 1e-8):  # the smaller one where numbers are large and slopes change quickly
        ups, downs = (
            outputs_of(function, reals | {k: reals[k] + by * v for k, v in direction.items()})
            for by in (h, -h)
        )
        difference = [(up - down) / (2 * h) for up, down in pairs(ups, downs)]
        for (d, n), up, same in zip(pairs(by_complex, difference), ups, agree, strict=True):
            scale = max(_largest(d), _largest(n))
            rounding = 1e-14 / h * _largest(up)
            same |= ~np.isfinite(n) | (np.abs(d - n) <= within * scale + rounding)
        if h == 1e-6:
            shown = difference
    for k, same in enumerate(agree):
        if not same.all():
            index = tuple(np.argwhere(~same)[0])
            raise FunctionError(
                f"function: output {k} is not analytic: along a random direction its derivative "
                f"is {float(by_complex[k][index]):.3g} by the complex step and "
                f"{float(shown[k][index]):.3g} by central differences; {advice}"
            )


def pairs(
    one: Sequence[np.ndarray], other: Sequence[np.ndarray]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of the outputs of a function at two places; nothing is broadcast or left out.

    Example:
        >>> import numpy as np
        >>> pairs([np.zeros(2)], [np.ones(2)])
        [(array([0., 0.]), array([1., 1.]))]
    """
    here, there = ([y.shape for y in outputs] for outputs in (one, other))
    if here != there:
        raise FunctionError(
            f"function: expected outputs of the same shapes for all inputs, got {here} and {there}"
        )
    return list(zip(one, other, strict=True))


def outputs_of(function: Function, inputs: Arrays) -> list[np.ndarray]:
    """Call a function and return its outputs as arrays of their own.

    Example:
        >>> import numpy as np
        >>> outputs_of(lambda x: (x, 2 * x), {"x": np.array([1.0])})
        [array([1.]), array([2.])]
    """
    return [np.array(y) for y in as_tuple(function(**inputs))]


def as_tuple(value: Any) -> tuple[Any, ...]:
    """Return several outputs unchanged, and a single one as a tuple of one.

    Example:
        >>> as_tuple([1, 2]), as_tuple(3)
        ((1, 2), (3,))
    """
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def cast(value: Any, dtype: Any) -> np.ndarray:
    """Copy an array, in another dtype if it is of floating-point numbers; integers stay integers.

    Example:
        >>> cast(1.0, complex), cast(1, complex)
        (array(1.+0.j), array(1))
    """
    array = np.array(value)
    return array.astype(dtype) if dtype and array.dtype.kind == "f" else array


def project(cotangents: Any, outputs: Sequence[np.ndarray]) -> Any:
    """The sum of cotangent * output. Nothing is broadcast: that would hide a wrong cotangent.

    Example:
        >>> import numpy as np
        >>> float(project(np.array([1.0, 2.0]), [np.array([3.0, 4.0])]))
        11.0
    """
    weights = [np.asarray(w) for w in as_tuple(cotangents)]
    wanted, got = [y.shape for y in outputs], [w.shape for w in weights]
    if wanted != got:
        raise ValueError(f"cotangents: expected the outputs' shapes {wanted}, got {got}")
    return sum((w * y).sum() for w, y in zip(weights, outputs, strict=True))


def _numbers(name: str, value: Any) -> np.ndarray:
    """An array of real numbers, or what is wrong with it."""
    array = as_array(name, value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name}: expected real numbers, got dtype {array.dtype}")
    return array


def _largest(array: np.ndarray) -> float:
    """The largest finite size of an element."""
    return float(np.abs(array).max(initial=0, where=np.isfinite(array)))


def _same(one: np.ndarray, two: np.ndarray) -> bool:
    return np.array_equal(one, two, equal_nan=True)
