"""How two gradients are compared, and how the comparison is reported."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["FLOOR", "GradientError", "Report", "Worst", "relative_error", "worst_of"]

FLOOR = 1e-3
"""The smallest denominator in float64, as a part of the largest gradient (see `relative_error`)."""


class GradientError(AssertionError):
    """A derived gradient and its oracle disagree."""


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


@dataclass(frozen=True)
class Report:
    """The outcome of ``check``.

    Attributes:
        oracle: The oracle's name.
        threshold: The largest relative error that passes.
        errors: Relative error of every element, by input, in the input's shape. Elements that
            were not in the sample are masked; with ``directions`` there is one for each.
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
        return sum(int(np.ma.count(error)) for error in self.errors.values())

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
    """Element by element, ``|a - n| / max(|a| + |n|, floor * max|n|)``  (eq-rel).

    It lies between 0 and 1. Where both are zero it is 0. The floor is a fraction of the oracle's
    largest element, so the measure does not change when the gradient is scaled. It keeps rounding
    errors from looking large in elements that are small because large terms cancel.

    Args:
        analytic: The derived gradient.
        numerical: The oracle's, of the same shape.
        floor: The smallest denominator, as a fraction of the largest element of ``numerical``:
            from 0 to 1.

    Returns:
        numpy.ndarray: Relative errors. nan where either argument is nan or infinite.

    Raises:
        ValueError: If the shapes differ or the floor is not between 0 and 1.

    Example:
        >>> relative_error([1.0, 0.0], [3.0, 0.0])
        array([0.5, 0. ])
        >>> relative_error([1e-10], [3e-10])        # as wrong as 1 instead of 3
        array([0.5])
    """
    a, n = _numbers(analytic), _numbers(numerical)
    if a.shape != n.shape:
        raise ValueError(f"analytic: expected the oracle's shape {n.shape}, got {a.shape}")
    if not 0 <= floor <= 1:
        raise ValueError(f"floor: expected a number from 0 to 1, got {floor}")
    sizes = np.abs(n)
    largest = sizes.max(initial=0, where=np.isfinite(sizes))
    with np.errstate(invalid="ignore"):  # inf - inf and inf / inf: nan is the answer; 0 / 0 is not
        difference = np.abs(a - n)
        scale = np.maximum(np.abs(a) + sizes, floor * largest)  # (eq-rel)
        return np.asarray(np.where(difference == 0, 0.0, difference / scale))


def _numbers(gradient: Any) -> np.ndarray:
    """As an array in which no difference wraps around, as those of integers may."""
    array = np.asarray(gradient)
    return array.astype(float) if array.dtype.kind in "biu" else array


def worst_of(
    errors: Mapping[str, Any], analytic: Mapping[str, Any], numerical: Mapping[str, Any]
) -> Worst | None:
    """Find the worst element of all; nan is worse than any number.

    Args:
        errors: Relative errors by name; masked elements do not count.
        analytic: The derived gradients.
        numerical: The oracle's.

    Returns:
        Worst | None: The first of the worst; None if there is no element.

    Example:
        >>> import numpy as np
        >>> one = {"x": np.array([1.0, 2.0])}
        >>> worst_of({"x": np.array([0.0, 0.5])}, one, one).index
        (1,)
    """
    worst = None
    for name, error in errors.items():
        if np.ma.count(error):
            plain = np.ma.filled(error, -1.0)
            index = np.unravel_index(np.argmax(plain), plain.shape)  # argmax: nan is largest
            a, n = np.asarray(analytic[name])[index], np.asarray(numerical[name])[index]
            here = Worst(name, tuple(map(int, index)), float(a), float(n), float(plain[index]))
            if worst is None or not (here.error <= worst.error or np.isnan(worst.error)):
                worst = here
    return worst
