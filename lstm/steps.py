"""The engine that runs a cell, a table of elementary operations, forward and backward.

A row of the table, a `Step`, is one operation: the name of what it computes, the
label of its equation, the operation, and for each of its inputs the label and
the line of the derivative. `forward` runs a table from top to bottom, `backward`
from bottom to top. Both are generic and a few lines long, so that all that can be wrong with a
cell is in its table. `lstm.reference` has the table of the LSTM.

The functions here work on NumPy arrays, real or complex, and on JAX arrays, so
that complex steps and ``jax.vjp`` can judge the very same lines.
"""

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Derivative", "Step", "Values", "backward", "forward", "glue", "numpy_of", "sigmoid",
           "tanh"]  # fmt: skip

Values = SimpleNamespace
"""The values of one step by name: ``v.x``, ``v.u``, ``v.z`` and so on to ``v.h``."""

Derivative = tuple[str, Callable[[Values, Any], Any]]
"""A label, and the function from (values, gradient of the output) to the input's gradient."""


class Step(NamedTuple):
    """One elementary operation of a cell.

    Attributes:
        name: The value it computes, such as ``"h"``.
        label: The label of its equation in the book, such as ``"eq-h"``.
        forward: The function from the values so far to this value.
        backward: For each input by name, its `Derivative`.
    """

    name: str
    label: str
    forward: Callable[[Values], Any]
    backward: dict[str, Derivative]


@np.errstate(under="ignore")  # underflow to zero is right
def forward(steps: Sequence[Step], inputs: Mapping[str, Any], **given: Any) -> Values:
    """Run a table from top to bottom and keep every intermediate value.

    Args:
        steps: The table.
        inputs: The values by name that the table starts from.
        **given: Values by name that replace what a step would compute. Later values are computed
            from the replacement, so that an oracle can
            ask how the results depend on any value in the middle.

    Returns:
        Values: All values by name, the inputs among them.

    Raises:
        TypeError: If ``given`` names a value that no step computes.

    Example:
        >>> double = Step("y", "eq-y", lambda v: 2 * v.x, {"x": ("eq-dx", lambda v, dy: 2 * dy)})
        >>> forward([double], {"x": 3.0}).y
        6.0
    """
    unknown = set(given) - {step.name for step in steps}
    if unknown:
        raise TypeError(f"given: expected names of values that a step computes, got {unknown}")
    v = Values(**inputs)
    for step in steps:
        setattr(v, step.name, given[step.name] if step.name in given else step.forward(v))
    return v


@np.errstate(under="ignore")  # underflow to zero is right
def backward(steps: Sequence[Step], v: Values, gradients: Mapping[str, Any]) -> Values:
    """Carry gradients from the results of a table back to all values before them.

    Args:
        steps: The table.
        v: What `forward` returned.
        gradients: The gradient of the loss with respect to each result, by name. If later rows
            use a value, too, give only the part of its gradient that does not pass through them:
            their parts are added here. A row whose value is never used is skipped.

    Returns:
        Values: The gradient of every value that the results depend on, under its name.

    Example:
        >>> double = Step("y", "eq-y", lambda v: 2 * v.x, {"x": ("eq-dx", lambda v, dy: 2 * dy)})
        >>> backward([double], forward([double], {"x": 3.0}), {"y": 5.0}).x
        10.0
    """
    d = dict(gradients)
    for step in reversed(steps):
        if step.name not in d:
            continue
        for name, (_, derivative) in step.backward.items():
            part = derivative(v, d[step.name])
            d[name] = d[name] + part if name in d else part  # (eq-sum)
    return Values(**d)


def numpy_of(*arrays: Any) -> Any:
    """Return the module to work on the arrays with: ``jax.numpy`` if one is JAX's, else ``numpy``.

    Example:
        >>> import numpy as np
        >>> numpy_of(np.zeros(3)) is np
        True
    """
    modules = [array.__array_namespace__() for array in arrays]
    return next((module for module in modules if module.__name__ != "numpy"), modules[0])


def sigmoid(z: Any) -> Any:
    """The logistic function 1 / (1 + exp(-z)), which cannot overflow.

    Computed as (1 + tanh(z / 2)) / 2, the same function (eq-sigmoid): exp(-z)
    overflows at z = -89 in float32, tanh nowhere.

    Args:
        z: Real or complex array of any shape.

    Returns:
        Array: Same shape and dtype, values between 0 and 1 for real z.

    Example:
        >>> import numpy as np
        >>> sigmoid(np.array([-1e4, 0.0, 1e4]))
        array([0. , 0.5, 1. ])
    """
    return 0.5 + 0.5 * numpy_of(z).tanh(0.5 * z)


def tanh(z: Any) -> Any:
    """Hyperbolic tangent of a NumPy or JAX array.

    Example:
        >>> import numpy as np
        >>> float(tanh(np.zeros(())))
        0.0
    """
    return numpy_of(z).tanh(z)


def glue(parts: list[Any]) -> Any:
    """Concatenate along the last axis; the opposite of cutting.

    Example:
        >>> import numpy as np
        >>> glue([np.zeros((2, 1)), np.ones((2, 3))]).shape
        (2, 4)
    """
    return numpy_of(*parts).concatenate(parts, axis=-1)
