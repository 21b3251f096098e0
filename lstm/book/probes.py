"""Where in the text a letter is, and how well a unit knows it.

`places` marks, for every letter of a text, what somebody who has read it and all before knows: is a
quotation open, or a bracket; is this line code; how far is the line's beginning. `auc` says how
well a number, such as a cell state, tells marked letters from the others, `harder` asks it for
those that are easily confused, too.

Source: Karpathy, Johnson and Fei-Fei, Visualizing and Understanding Recurrent Networks (2015),
for units with a meaning; Hanley and McNeil (1982) for the area under the curve.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arguments import ArrayLike, as_array

__all__ = ["auc", "harder", "places"]

OPENS, CLOSES = "([{", ")]}"


def places(text: str) -> dict[str, NDArray[Any]]:
    """Mark where each letter of a text is, that letter having been read.

    Brackets and quotations end with their paragraph at the latest: an empty line closes all.

    Args:
        text: Letters.

    Returns:
        dict: ``quotation`` and ``bracket``, bool: one is open; ``code``, bool: the line has
        begun with three spaces or more; ``column``, int: letters since the line's beginning.
        Each of shape (len(text),).

    Example:
        >>> marks = places('f("x)")')
        >>> marks["bracket"].astype(int), marks["quotation"].astype(int)
        (array([0, 1, 1, 1, 1, 1, 0]), array([0, 0, 1, 1, 1, 0, 0]))
    """
    rows = []
    depth, quotation, column, spaces = 0, False, 0, 0
    for k, letter in enumerate(text):
        if letter == "\n":
            if text[k - 1 : k] == "\n":
                depth, quotation = 0, False
            column = spaces = 0
        else:
            spaces += letter == " " and spaces == column
            column += 1
        if letter == '"':
            quotation = not quotation
        elif not quotation:
            depth = max(0, depth + (letter in OPENS) - (letter in CLOSES))
        rows.append((quotation, depth > 0, spaces >= 3, column))
    table = np.array(rows, int).reshape(len(text), 4).T
    names = ("quotation", "bracket", "code")
    return {name: row.astype(bool) for name, row in zip(names, table[:3], strict=True)} | {
        "column": table[3]
    }


def auc(values: ArrayLike, marked: ArrayLike) -> NDArray[np.float64]:
    """Say how well numbers tell marked from unmarked: the area under the ROC curve.

    It is the probability that a marked letter, drawn at random, has the larger number than an
    unmarked one, ties counting a half: 1/2 if the number knows nothing, 0 or 1 if it knows all.

    Args:
        values: For each letter, of one unit or several, shape (n,) or (n, units).
        marked: bool, shape (n,), neither all True nor all False.

    Returns:
        numpy.ndarray: One number for each unit, shape () or (units,).

    Raises:
        ValueError: If shapes differ, or there is nothing to tell apart.

    Example:
        >>> auc([0.1, 0.4, 0.35, 0.8], [False, False, True, True]).item()
        0.75
    """
    x, mark = as_array("values", values), as_array("marked", marked).astype(bool)
    if mark.ndim != 1 or x.shape[:1] != mark.shape or x.ndim > 2:
        raise ValueError(
            f"marked: expected shape (n,), as values (n,) or (n, units), got {mark.shape} "
            f"with {x.shape}"
        )
    m, n = int(mark.sum()), len(mark)
    if m in (0, n):
        raise ValueError("marked: expected some True and some False, got all the same")

    def rank_sum(column: NDArray[Any]) -> float:
        _, place, count = np.unique(column, return_inverse=True, return_counts=True)
        ranks = np.cumsum(count) - (count - 1) / 2  # of equals, the mean of their ranks
        return float(ranks[place][mark].sum())

    sums = np.apply_along_axis(rank_sum, 0, x)
    return np.asarray((sums - m * (m + 1) / 2) / (m * (n - m)))


def harder(values: ArrayLike, marked: ArrayLike, *, after: int = 10) -> NDArray[np.float64]:
    """Say how well numbers tell marked letters both from all others and from those just after.

    A unit that knows that a mark began or ended a short while ago has a large `auc`, although it
    does not know whether the place is marked. So it is asked twice: for marked letters against all
    others, and against the unmarked ones that follow within ``after`` letters of a marked one.

    Args:
        values: For each letter, of one unit or several, shape (n,) or (n, units).
        marked: bool, shape (n,), neither all True nor all False.
        after: How many letters.

    Returns:
        numpy.ndarray: Of the two areas the one nearer to 1/2, or 1/2 if they lie on both sides of
        it; shape () or (units,).

    Raises:
        ValueError: As `auc`.

    Example:
        >>> marked = [False, True, True, False, False, False]
        >>> late = [0.0, 0.7, 0.9, 0.8, 0.1, 0.0]           # falls behind the mark, a letter late
        >>> auc(late, marked).item(), harder(late, marked, after=1).item()
        (0.875, 0.5)
    """
    x, mark = as_array("values", values), as_array("marked", marked).astype(bool)
    everywhere = auc(x, mark) - 0.5
    follows = np.zeros_like(mark)
    for distance in range(1, after + 1):
        follows[distance:] |= mark[:-distance]
    nearby = auc(x[follows | mark], mark[follows | mark]) - 0.5
    side = np.sign(everywhere)
    return np.asarray(0.5 + side * np.clip(np.minimum(abs(everywhere), side * nearby), 0, None))
