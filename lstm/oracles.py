"""Three oracles for gradients: numbers to hold a derivation against, found without it.

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

An oracle is only right about functions that keep still. Before anything is
moved, the function is called twice: it has to leave its inputs alone and to
return the same again. For the complex step it also has to be analytic, which is
tried along one random direction.

Sources: Squire and Trapp, SIAM Review 40 (1998), for the complex step; Baydin
et al., JMLR 18 (2018), for automatic differentiation.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

__all__ = [
    "DELTAS",
    "Arrays",
    "Function",
    "FunctionError",
    "GradientError",
    "central_differences",
    "complex_step",
    "derivative_along",
    "jax_vjp",
]

DELTAS = {"central": 1e-5, "complex": 1e-30}
"""The size of the perturbation in float64, by oracle."""

Function = Callable[..., Any]
Arrays = Mapping[str, Any]
Places = Mapping[str, Sequence[Any]]


class GradientError(AssertionError):
    """A derived gradient and its oracle disagree."""


class FunctionError(ValueError):
    """The function is none that this oracle can judge: it changes its inputs, say."""


@np.errstate(under="ignore")  # what vanishes is no mistake
def central_differences(
    function: Function,
    inputs: Arrays,
    cotangents: Any,
    delta: float = DELTAS["central"],
    *,
    only: Places | None = None,
) -> dict[str, np.ndarray]:
    """Estimate gradients by moving every element a little up and a little down.

    The difference is taken of each output element before anything is summed, so
    that outputs which do not depend on the moved element cancel exactly. It is
    divided by the distance between the two points as they were rounded, not by
    ``2 * delta``.

    Args:
        function: Called with ``inputs`` by name; returns an array or a tuple of arrays.
        inputs: Real arrays by name.
        cotangents: One array per output.
        delta: How far to move, in units of the input.
        only: The inputs to differentiate, and for each a list of indices; None for
            every element of every input. Other elements are nan in the result.

    Returns:
        dict: For each input its gradient, in the input's shape and dtype.

    Raises:
        FunctionError: If the function changes its inputs or returns something else
            when it is called again.
        ValueError: If the shapes of outputs and cotangents differ.

    Example:
        >>> import numpy as np
        >>> n = central_differences(lambda x: x**2, {"x": np.array([3.0])}, np.ones(1))
        >>> n["x"].round(6)
        array([6.])
    """

    def slope(moved: Callable[[Any], list[np.ndarray]], p: Any) -> Any:
        up, down = p + p.dtype.type(delta), p - p.dtype.type(delta)
        rise = [y1 - y0 for y1, y0 in zip(moved(up), moved(down), strict=True)]
        # Divided by what was really moved, after rounding.
        return project(cotangents, rise) / (up - down)  # (eq-central)

    check_still(function, inputs)
    return _each_element(function, inputs, slope, only)


@np.errstate(under="ignore")  # what vanishes is no mistake
def complex_step(
    function: Function,
    inputs: Arrays,
    cotangents: Any,
    delta: float = DELTAS["complex"],
    *,
    only: Places | None = None,
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
        only: As for `central_differences`.

    Returns:
        dict: For each input its gradient, in the input's shape and dtype.

    Raises:
        FunctionError: If the function changes its inputs, returns something else when
            it is called again, or is not analytic: it takes an absolute value or
            a real part on the way, say.
        ValueError: If the shapes of outputs and cotangents differ.

    Example:
        >>> import numpy as np
        >>> float(complex_step(lambda x: x**2, {"x": np.array(3.0)}, 1.0)["x"])
        6.0
    """

    def slope(moved: Callable[[Any], list[np.ndarray]], p: Any) -> Any:
        parts = [y.imag for y in moved(p + 1j * delta)]
        return project(cotangents, parts) / delta  # (eq-complex)

    check_still(function, inputs)
    check_analytic(function, inputs)
    return _each_element(function, inputs, slope, only, np.complex128)


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
        weights = tuple(jnp.asarray(w) for w in as_tuple(cotangents))
        _, vjp = jax.vjp(
            lambda *p: as_tuple(function(**dict(zip(names, p, strict=True)))), *primals
        )
        return {name: np.asarray(g) for name, g in zip(names, vjp(weights), strict=True)}


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
            ``delta`` in all, not in each element.

    Returns:
        list: For each output its derivative along v, in the output's shape.

    Example:
        >>> import numpy as np
        >>> derivative_along(lambda x: x**2, {"x": np.array([3.0, 4.0])}, {"x": np.array([1.0, 0])})
        [array([6., 0.])]
    """
    delta = DELTAS[oracle] if delta is None else delta
    start = {k: cast(v, np.complex128 if oracle == "complex" else None) for k, v in inputs.items()}

    def moved(by: Any) -> list[np.ndarray]:
        there = {name: start[name] + by * np.asarray(v) for name, v in direction.items()}
        return outputs_of(function, {**start, **there})

    if oracle == "complex":
        return [y.imag / delta for y in moved(1j * delta)]
    length = np.sqrt(sum(float((np.abs(v) ** 2).sum()) for v in direction.values())) or 1.0
    by = delta / length
    return [(up - down) / (2 * by) for up, down in zip(moved(by), moved(-by), strict=True)]


def check_still(function: Function, inputs: Arrays) -> list[np.ndarray]:
    """Call a function twice and refuse it if it changes its inputs or its mind.

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
        lstm.oracles.FunctionError: function: it changes its input 'x'; let it work on a copy
    """
    copies = {name: np.array(value) for name, value in inputs.items()}
    first = outputs_of(function, copies)
    for name, value in inputs.items():
        if not _same(copies[name], np.asarray(value)):
            raise FunctionError(f"function: it changes its input {name!r}; let it work on a copy")
    second = outputs_of(function, copies)
    for k, (one, two) in enumerate(zip(first, second, strict=False)):
        if len(first) != len(second) or not _same(one, two):
            raise FunctionError(
                f"function: output {k} differs when it is called again with the same inputs; "
                "fix its seed, switch dropout off, keep no state between calls"
            )
    return first


def check_analytic(function: Function, inputs: Arrays, *, within: float = 1e-3) -> None:
    """Refuse a function that the complex step would misjudge.

    The derivative along one random direction, in which every element moves, is
    taken by the complex step and by central differences. They agree on an analytic
    function, and differ by far more than rounding where it drops or turns round
    imaginary parts.

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
        lstm.oracles.FunctionError: function: output 0 is not analytic: along a random direction \
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
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            by_complex = derivative_along(function, reals, direction)
    except (TypeError, np.exceptions.ComplexWarning) as error:
        raise FunctionError(
            f"function: it does not run on complex numbers ({type(error).__name__}: {error}); "
            f"{advice}"
        ) from error

    agree = [np.zeros(d.shape, bool) for d in by_complex]
    for h in (1e-6, 1e-8):  # the smaller one where numbers are large and slopes change quickly
        moved = (
            outputs_of(function, reals | {k: reals[k] + by * v for k, v in direction.items()})
            for by in (h, -h)
        )
        ends = list(zip(*moved, strict=True))
        difference = [(up - down) / (2 * h) for up, down in ends]
        for d, n, (up, _), same in zip(by_complex, difference, ends, agree, strict=True):
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


def outputs_of(function: Function, inputs: Arrays) -> list[np.ndarray]:
    """Call a function and return its outputs as arrays of their own.

    Example:
        >>> import numpy as np
        >>> outputs_of(lambda x: (x, 2 * x), {"x": np.array([1.0])})
        [array([1.]), array([2.])]
    """
    return [np.array(y) for y in as_tuple(function(**inputs))]


def as_tuple(value: Any) -> tuple[Any, ...]:
    """Several outputs as they are, one output as a tuple of one.

    Example:
        >>> as_tuple([1, 2]), as_tuple(3)
        ((1, 2), (3,))
    """
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def cast(value: Any, dtype: Any) -> np.ndarray:
    """A copy, in another dtype if it is a floating-point array; integers stay what they are.

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


def _largest(array: np.ndarray) -> float:
    """The largest finite size of an element."""
    return float(np.abs(array).max(initial=0, where=np.isfinite(array)))


def _same(one: np.ndarray, two: np.ndarray) -> bool:
    return one.shape == two.shape and np.array_equal(one, two, equal_nan=True)


def _each_element(
    function: Function,
    inputs: Arrays,
    slope: Callable[..., Any],
    only: Places | None,
    dtype: Any = None,
) -> dict[str, np.ndarray]:
    """Call ``slope(moved, p)`` for every element p; ``moved(q)`` is the outputs with q for p."""
    arrays = {name: cast(value, dtype) for name, value in inputs.items()}  # copies, to move in
    gradients = {}
    for name in inputs if only is None else only:
        array = arrays[name]
        gradients[name] = np.full(array.shape, np.nan, np.asarray(inputs[name]).dtype)
        for index in np.ndindex(array.shape) if only is None else only[name]:
            p = array[index]

            def moved(q: Any, array: np.ndarray = array, index: Any = index) -> list[np.ndarray]:
                array[index] = q
                return outputs_of(function, arrays)

            gradients[name][index] = slope(moved, p)
            array[index] = p
    return gradients
