"""The LSTM as a step table: one step in elementary operations, each with its derivatives.

`STEPS` is the table; `lstm.steps` is the engine that runs it. This is the slow,
plain oracle for `lstm.fused`. It works on NumPy arrays, real or complex, and on
JAX arrays, so that complex steps and ``jax.vjp`` can judge the very same lines.

Shapes: x (b, D), h_prev and c_prev (b, H), W (1 + D + H, 4H); b is the batch.
Source: Gers, Schmidhuber and Cummins, Neural Computation 12 (2000).
"""

from collections.abc import Callable
from typing import Any

from . import steps
from .layout import GATES, split_gates
from .steps import Step, Values, glue, numpy_of, sigmoid, tanh

__all__ = ["STEPS", "backward", "forward"]

# A label, and the function from a gate's own value and its gradient to the raw gate's gradient.
Slope = tuple[str, Callable[[Any, Any], Any]]


def _input_vector(v: Values) -> Any:
    return glue([numpy_of(v.h_prev).ones_like(v.h_prev[:, :1]), v.x, v.h_prev])


def _gate(position: int, activation: Callable[[Any], Any], slope: Slope) -> list[Step]:
    """Two rows of the table: cut raw gate ``z_k`` out of z, then squash it to gate ``k``."""
    k = GATES[position]
    zk = f"z_{k}"

    def cut(v: Values) -> Any:
        return split_gates(v.z)[position]

    def uncut(v: Values, dzk: Any) -> Any:
        """The gradient of z through z_k alone: zero in the columns of other gates."""
        zero = numpy_of(dzk).zeros_like(dzk)
        return glue([dzk if gate == k else zero for gate in GATES])

    def squash(v: Values) -> Any:
        return activation(getattr(v, zk))

    def unsquash(v: Values, dk: Any) -> Any:
        return slope[1](getattr(v, k), dk)

    return [
        Step(zk, "eq-cut", cut, {"z": ("eq-dz", uncut)}),
        Step(k, "eq-gates", squash, {zk: (slope[0], unsquash)}),
    ]


_sigmoid_gate: Slope = ("eq-dz-sigmoid", lambda k, dk: dk * k * (1 - k))
_tanh_gate: Slope = ("eq-dz-tanh", lambda g, dg: dg * (1 - g**2))

STEPS: tuple[Step, ...] = (
    Step(
        "u",
        "eq-u",
        _input_vector,
        {
            "x": ("eq-dx", lambda v, du: du[:, 1 : 1 + v.x.shape[1]]),
            "h_prev": ("eq-dh-prev", lambda v, du: du[:, 1 + v.x.shape[1] :]),
        },
    ),
    Step(
        "z",
        "eq-z",
        lambda v: v.u @ v.W,
        {
            "W": ("eq-dw", lambda v, dz: v.u.T @ dz),
            "u": ("eq-du", lambda v, dz: dz @ v.W.T),
        },
    ),
    *_gate(0, sigmoid, _sigmoid_gate),
    *_gate(1, sigmoid, _sigmoid_gate),
    *_gate(2, sigmoid, _sigmoid_gate),
    *_gate(3, tanh, _tanh_gate),
    Step(
        "c",
        "eq-c",
        lambda v: v.f * v.c_prev + v.i * v.g,
        {
            "f": ("eq-df", lambda v, dc: dc * v.c_prev),
            "c_prev": ("eq-dc-prev", lambda v, dc: dc * v.f),
            "i": ("eq-di", lambda v, dc: dc * v.g),
            "g": ("eq-dg", lambda v, dc: dc * v.i),
        },
    ),
    Step(
        "s",
        "eq-s",
        lambda v: tanh(v.c),
        {
            "c": ("eq-dc", lambda v, ds: ds * (1 - v.s**2)),
        },
    ),
    Step(
        "h",
        "eq-h",
        lambda v: v.o * v.s,
        {
            "o": ("eq-do", lambda v, dh: dh * v.s),
            "s": ("eq-ds", lambda v, dh: dh * v.o),
        },
    ),
)
"""The LSTM step, top to bottom."""


def forward(x: Any, W: Any, c_prev: Any, h_prev: Any, **given: Any) -> Values:
    """Run one step and keep every intermediate value.

    Args:
        x: Input, shape (b, D).
        W: Weights as in `lstm.layout`, shape (1 + D + H, 4H).
        c_prev: Previous cell state, shape (b, H).
        h_prev: Previous output, shape (b, H).
        **given: Values by name that replace what a step would compute. Later values are computed
            from the replacement, so that an oracle can ask how the results depend on any value in
            the middle.

    Returns:
        Values: All values by name. ``v.c`` and ``v.h``, each (b, H), are the results.

    Raises:
        TypeError: If ``given`` names a value that no step computes.

    Example:
        >>> import numpy as np
        >>> x, W = np.ones((1, 3)), np.zeros((1 + 3 + 2, 8))
        >>> c_prev, h_prev = np.ones((1, 2)), np.zeros((1, 2))
        >>> v = forward(x, W, c_prev, h_prev)
        >>> v.c                     # f = 1/2 keeps half of c_prev; g = 0 adds nothing
        array([[0.5, 0.5]])
    """
    inputs = {"x": x, "W": W, "c_prev": c_prev, "h_prev": h_prev}
    return steps.forward(STEPS, inputs, **given)


def backward(v: Values, dh: Any, dc: Any) -> Values:
    """Carry gradients from the two results of a step back to all values before them.

    Args:
        v: What `forward` returned.
        dh: Gradient of the loss with respect to h, shape (b, H).
        dc: Gradient with respect to c by way of later steps, shape (b, H); the
            part that goes through this step's own h is added here.

    Returns:
        Values: The gradient of every value under the value's name. ``d.x``,
        ``d.W``, ``d.c_prev`` and ``d.h_prev`` are those of the inputs.

    Example:
        >>> import numpy as np
        >>> x, W = np.ones((1, 3)), np.zeros((1 + 3 + 2, 8))
        >>> c_prev, h_prev = np.ones((1, 2)), np.zeros((1, 2))
        >>> v = forward(x, W, c_prev, h_prev)
        >>> backward(v, dh=np.zeros((1, 2)), dc=np.ones((1, 2))).c_prev     # dc * f
        array([[0.5, 0.5]])
    """
    return steps.backward(STEPS, v, {"h": dh, "c": dc})
