"""What an LSTM on text has to beat: counting. Interpolated Kneser-Ney, letter by letter.

A model of order N estimates how likely a letter is after the N - 1 letters before it from how
often it came there. What came never must not be impossible, so a discount is taken from each count,
and what was taken goes to the estimate of the next lower order. That one counts
differently: not how often a letter came, but after how many different letters, as "Francisco" is
frequent and yet to be expected after "San" alone.

Sources: Kneser and Ney (1995); the three discounts are those of Chen and Goodman (1999).
"""

import math
from collections import Counter, defaultdict
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..settings import check_size
from ..text import ALPHABET

__all__ = ["KneserNey", "Level"]


class Level(NamedTuple):
    """The counts of one order.

    Attributes:
        discounts: What is taken from a count of 0, 1, 2, and 3 or more.
        counts: For each string of this length, its count.
        totals: For each string less its last letter, the sum of the counts.
        taken: For each such string, what the discounts have taken from its counts.
    """

    discounts: tuple[float, ...]
    counts: Counter[str]
    totals: Counter[str]
    taken: dict[str, float]


class KneserNey:
    """A model of text of order N, which looks back N - 1 letters.

    Args:
        text: What is counted.
        order: N, at least 1.
        alphabet: All letters that may come.

    Raises:
        TypeError: If the order is not an integer.
        ValueError: If the order is below 1, or the text has fewer letters than the order.

    Example:
        >>> model = KneserNey("abracadabra", 3, "abcdr")
        >>> [round(model.probability(letter, "ab"), 3) for letter in "abcdr"]
        [0.214, 0.071, 0.071, 0.071, 0.571]
    """

    def __init__(self, text: str, order: int, alphabet: str = ALPHABET) -> None:  # noqa: D107
        self.order, self.alphabet = check_size("order", order, 1), alphabet
        if len(text) < order:
            raise ValueError(f"text: expected at least order = {order} letters, got {len(text)}")
        counts = Counter(text[k : k + order] for k in range(len(text) - order + 1))
        self.levels: list[Level] = []
        for _ in range(order):
            discounts = _discounts(Counter(counts.values()))
            totals, taken = Counter[str](), defaultdict[str, float](float)
            for string, count in counts.items():
                totals[string[:-1]] += count
                taken[string[:-1]] += discounts[min(count, 3)]
            self.levels.insert(0, Level(discounts, counts, totals, taken))
            counts = Counter(string[1:] for string in counts)  # after how many different letters

    def probability(self, letter: str, before: str) -> float:
        """Return how likely a letter is after others, of which the last N - 1 count."""
        p = 1 / len(self.alphabet)
        for k, (discounts, counts, totals, taken) in enumerate(self.levels):
            past = before[-k:] if k else ""
            if past in totals:  # else it is too short, or was never seen
                count = counts[past + letter]
                p = (count - discounts[min(count, 3)] + taken[past] * p) / totals[past]  # (eq-kn)
        return p

    def bits(self, text: str) -> NDArray[np.float64]:
        """Return what each letter of a text costs but the first: -log2 of its probability."""
        return np.array([
            -math.log2(self.probability(text[k], text[max(0, k - self.order) : k]))
            for k in range(1, len(text))
        ])  # fmt: skip


def _discounts(n: Counter[int]) -> tuple[float, ...]:
    """Compute the discounts of counts of 0, 1, 2 and more, from how many are 1, 2, 3 and 4."""
    if not n[1] or not n[2]:
        return (0.0, 0.5, 0.5, 0.5)  # too little text to estimate them
    Y = n[1] / (n[1] + 2 * n[2])
    estimated = [k - (k + 1) * Y * n[k + 1] / n[k] if n[k] else Y for k in (1, 2, 3)]
    return (0.0, *(max(D, 0.0) for D in estimated))
