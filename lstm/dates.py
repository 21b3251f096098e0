"""Dates as people write them, to be written as computers do: a small task of translation.

Someone reads ``the 3rd of May 1997`` or ``May 3, 1997`` and writes ``1997-05-03``. The answer
differs from the question in length and order, and each of its letters depends on only a few
letters of the question. Chapter 12 uses it to ask what attention is good for.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .arguments import short
from .settings import Rng, check_float, check_rng, check_shape, check_size, check_text

__all__ = ["ALPHABET", "ANSWER", "FORMS", "LONGEST", "PARTS", "Pairs", "dates", "pairs", "written"]

MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September",
          "October", "November", "December")  # fmt: skip

ALPHABET = "\n ,-./0123456789" + "".join(sorted(set("".join(MONTHS) + "the of st nd rd") - {" "}))
"""All letters of questions and answers. The first, a line's end, is read before the answer."""

FORMS = ("{d} {name} {y}", "{name} {d}, {y}", "{d}.{m}.{y}", "the {d}{th} of {name} {y}",
         "{y}, {name} {d}")  # fmt: skip
"""Ways to write a date, with day d, month m or name, and year y."""

LONGEST = len("the 30th of September 1999")
"""Letters of the longest question; shorter ones have spaces before them."""

ANSWER = len("1999-09-30")
"""Letters of an answer."""

FIRST, DAYS = date(1900, 1, 1), 73_049  # up to the end of 2099

PARTS = {"training": range(2, 10), "validation": range(1, 2), "test": range(1)}
"""Which days of every ten are whose; no day is in two parts."""


class Pairs(NamedTuple):
    """Questions and answers, letters as ones among zeros.

    Attributes:
        X: The questions, shape (m, b, K).
        Z: What the writer reads: an end of line, then the answer without its last letter, (n, b,
            K).
        Y: The answers, shape (n, b, K).
        where: True everywhere, shape (n, b).
    """

    X: NDArray[Any]
    Z: NDArray[Any]
    Y: NDArray[Any]
    where: NDArray[Any]


def written(day: date, form: int) -> str:
    """Write a date in one of the `FORMS`.

    Args:
        day: The date.
        form: The index of the form, from 0.

    Returns:
        str: At most `LONGEST` letters.

    Raises:
        TypeError: If ``day`` is no date, or ``form`` no integer.
        ValueError: If there is no such form.

    Example:
        >>> [written(date(1997, 5, 3), form) for form in (0, 2, 3)]
        ['3 May 1997', '3.5.1997', 'the 3rd of May 1997']
    """
    if not isinstance(day, date):
        raise TypeError(f"day: expected a datetime.date, got {short(day)}")
    if check_size("form", form, 0) >= len(FORMS):
        raise ValueError(f"form: expected one of 0 to {len(FORMS) - 1}, got {form}")
    th = "th" if 10 < day.day < 20 else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    return FORMS[form].format(d=day.day, m=day.month, name=MONTHS[day.month - 1], y=day.year, th=th)


def pairs(days: Iterable[date], forms: Iterable[int], *, dtype: DTypeLike = np.float32) -> Pairs:
    """Turn dates into questions and answers.

    Args:
        days: A list of b dates.
        forms: For each date, the index of its form in `FORMS`.
        dtype: The dtype of the arrays: float32 or float64.

    Returns:
        Pairs: X (m, b, K), Z and Y (n, b, K) and where (n, b), with m = `LONGEST` and
        n = `ANSWER`.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If there are not as many forms as dates, or there is no such form.

    Example:
        >>> X, Z, Y, where = pairs([date(1997, 5, 3)], [0])
        >>> "".join(ALPHABET[k] for k in Y[:, 0].argmax(axis=-1))
        '1997-05-03'
    """
    one_hot = np.eye(len(ALPHABET), dtype=check_float("dtype", dtype))
    try:
        days, forms = list(days), list(forms)
    except TypeError:
        got = f"{short(days)} and {short(forms)}"
        raise TypeError(f"days, forms: expected a list of each, got {got}") from None
    if len(days) != len(forms):
        raise ValueError(f"forms: expected one for each of {len(days)} dates, got {len(forms)}")

    def letters(texts: list[str], length: int) -> NDArray[Any]:
        places = [[ALPHABET.index(letter) for letter in text] for text in texts]
        array: NDArray[Any] = one_hot[np.array(places, int).reshape(len(texts), length)]
        return array.swapaxes(0, 1)

    asked = [written(*pair).rjust(LONGEST) for pair in zip(days, forms, strict=True)]
    Y = letters([day.isoformat() for day in days], ANSWER)
    start = np.broadcast_to(one_hot[0], (1, *Y.shape[1:]))
    return Pairs(letters(asked, LONGEST), np.concatenate([start, Y[:-1]]), Y,
                 np.ones(Y.shape[:2], bool))  # fmt: skip


def dates(
    batch: int, rng: Rng = None, *, part: str = "training", dtype: DTypeLike = np.float32
) -> Pairs:
    """Draw random dates from two centuries, each written in a random form.

    Args:
        batch: The number of dates, b.
        rng: A random generator, a seed for one, or None for a new one.
        part: The part of the data to draw from: "training", "validation" or "test".
        dtype: The dtype of the arrays: float32 or float64.

    Returns:
        Pairs: b questions and their answers, as `pairs` makes them.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If ``batch`` is below 1, or there is no such part.

    Example:
        >>> dates(32, rng=0).X.shape
        (26, 32, 44)
    """
    batch, rng = check_size("batch", batch, 1), check_rng(rng)
    check_shape("batch", LONGEST, batch, len(ALPHABET))
    if check_text("part", part) not in PARTS:
        raise ValueError(f"part: expected one of {list(PARTS)}, got {part!r}")
    place = rng.integers(DAYS // 10, size=batch) * 10 + rng.choice(PARTS[part], size=batch)
    days = [FIRST + timedelta(days=int(k)) for k in place]
    return pairs(days, rng.integers(len(FORMS), size=batch), dtype=dtype)
