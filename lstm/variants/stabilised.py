"""Exponential gates that cannot overflow: rows that sLSTM and mLSTM share.

Only the ratios of exponential gates matter: the output is a mean of everything that was written,
weighted by the gates, so a common factor cancels. Each step
divides all of them by exp(m), where m is the largest exponent so far.

Source: Beck et al., xLSTM: Extended Long Short-Term Memory, NeurIPS (2024), equations 15 to 17.
"""

from typing import Any

from ..steps import Step, numpy_of, sigmoid
from .rows import exp, row, size, where

__all__ = ["FORGET_EXP", "FORGET_SIGMOID", "STABILISED", "log_gate", "log_sigmoid"]


def log_sigmoid(z: Any) -> Any:
    """Return the logarithm of the logistic function, without overflow and without log 0.

    Args:
        z: Real or complex array of any shape.

    Returns:
        Array: Same shape and dtype.

    Example:
        >>> import numpy as np
        >>> log_sigmoid(np.array([-1000.0, 0.0])).round(4) + 0.0
        array([-1.000e+03, -6.931e-01])
    """
    return where(z.real < 0, z, 0 * z) - numpy_of(z).log1p(exp(-size(z)))


FORGET_EXP = row("l", "eq-forget-exp", lambda v: v.z_f, z_f=lambda v, dl: dl)
"""The logarithm l of an exponential forget gate, which is the raw gate itself."""


def log_gate(name: str, z: str) -> Step:
    """Make the row of the logarithm of a gate between 0 and 1.

    Args:
        name: The name of the logarithm.
        z: The raw gate.

    Returns:
        Step: The row.

    Example:
        >>> log_gate("l", "z_f").name
        'l'
    """
    return row(
        name,
        "eq-log-sigmoid",
        lambda v: log_sigmoid(getattr(v, z)),
        **{z: lambda v, dl: dl * (1 - sigmoid(getattr(v, z)))},
    )


FORGET_SIGMOID = log_gate("l", "z_f")
"""The logarithm l of a forget gate between 0 and 1."""

STABILISED: tuple[Step, ...] = (
    row(
        "a", "eq-exponent", lambda v: v.l + v.m_prev,
        l=lambda v, da: da,
        m_prev=lambda v, da: da,
    ),
    row(
        "m", "eq-stabiliser",
        lambda v: where(v.a.real >= v.z_i.real, v.a, v.z_i),
        a=lambda v, dm: where(v.a.real >= v.z_i.real, dm, 0 * dm),
        z_i=lambda v, dm: where(v.a.real >= v.z_i.real, 0 * dm, dm),
    ),
    row(
        "i", "eq-exp-i", lambda v: exp(v.z_i - v.m),
        z_i=lambda v, di: di * v.i,
        m=lambda v, di: -di * v.i,
    ),
    row(
        "f", "eq-exp-f", lambda v: exp(v.a - v.m),
        a=lambda v, df: df * v.f,
        m=lambda v, df: -df * v.f,
    ),
)  # fmt: skip
"""From the logarithms l and z_i of the two gates to the gates, divided by exp(m)."""
