"""Three oracles for gradients: independent estimates to compare a derivation with.

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
from typing import Any

import numpy as np

from .extras import needing
from .functions import (
    DELTAS,
    Arrays,
    Function,
    as_tuple,
    cast,
    check_analytic,
    check_call,
    check_delta,
    check_moved,
    check_still,
    outputs_of,
    pairs,
    project,
)

__all__ = ["central_differences", "complex_step", "jax_vjp"]


Places = Mapping[str, Sequence[Any]]


@np.errstate(under="ignore")  # underflow to zero is right
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
        only: A list of indices for each input to differentiate, by name; None for
            every element of every input. Other elements are nan in the result.

    Returns:
        dict: For each input its gradient, in the input's shape and dtype.

    Raises:
        FunctionError: If the function changes its inputs, returns something else when it
            is called again, or outputs of other shapes for other inputs.
        TypeError: If an input that moves is not of floating-point numbers.
        ValueError: If the shapes of outputs and cotangents differ, or nothing moves.

    Example:
        >>> import numpy as np
        >>> n = central_differences(lambda x: x**2, {"x": np.array([3.0])}, np.ones(1))
        >>> n["x"].round(6)
        array([6.])
    """

    def slope(moved: Callable[[Any], list[np.ndarray]], p: Any) -> Any:
        up, down = p + p.dtype.type(delta), p - p.dtype.type(delta)
        rise = [y1 - y0 for y1, y0 in pairs(moved(up), moved(down))]
        # Divided by what was really moved, after rounding.
        return project(cotangents, rise) / (up - down)  # (eq-central)

    delta = check_delta(delta)
    _check_inputs(function, inputs, only)
    check_still(function, inputs)
    return _each_element(function, inputs, slope, only)


@np.errstate(under="ignore")  # underflow to zero is right
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
        only: A list of indices for each input to differentiate, by name; None for all.

    Returns:
        dict: For each input its gradient, in the input's shape and dtype.

    Raises:
        FunctionError: If the function changes its inputs, returns something else when
            it is called again, or is not analytic: it takes an absolute value or
            a real part on the way, say.
        TypeError: If an input that moves is not of floating-point numbers.
        ValueError: If the shapes of outputs and cotangents differ, or nothing moves.

    Example:
        >>> import numpy as np
        >>> float(complex_step(lambda x: x**2, {"x": np.array(3.0)}, 1.0)["x"])
        6.0
    """

    def slope(moved: Callable[[Any], list[np.ndarray]], p: Any) -> Any:
        parts = [y.imag for y in moved(p + 1j * delta)]
        return project(cotangents, parts) / delta  # (eq-complex)

    delta = check_delta(delta)
    _check_inputs(function, inputs, only)
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
        TypeError: If an input is not of floating-point numbers.
        ValueError: If the shapes of outputs and cotangents differ.

    Example:
        >>> import numpy as np
        >>> jax_vjp(lambda x: x**2, {"x": np.array([3.0])}, np.ones(1))
        {'x': array([6.])}
    """
    with needing("The oracle of JAX", "JAX", "jax"):
        import jax
        import jax.numpy as jnp
    _check_inputs(function, inputs)
    names = list(inputs)
    with jax.enable_x64(True):  # else JAX would make float32 of float64
        primals = [jnp.asarray(inputs[name]) for name in names]
        weights = tuple(jnp.asarray(w) for w in as_tuple(cotangents))
        outputs, vjp = jax.vjp(
            lambda *p: as_tuple(function(**dict(zip(names, p, strict=True)))), *primals
        )
        project(cotangents, outputs)  # it refuses what does not fit
        return {name: np.asarray(g) for name, g in zip(names, vjp(weights), strict=True)}


def _check_inputs(function: Function, inputs: Arrays, only: Places | None = None) -> None:
    check_call(function, inputs)
    check_moved(inputs, inputs if only is None else only, "only")


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
