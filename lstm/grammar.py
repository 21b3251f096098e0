"""The Reber grammar and the embedded one, whose strings experiment 1 of the LSTM's paper predicts.

Source: Hochreiter and Schmidhuber, Neural Computation 9 (1997), experiment 1.
"""

from collections.abc import Collection
from typing import Any

from .settings import Rng, check_rng, check_size

__all__ = [
    "REBER",
    "SYMBOLS",
    "embedded_reber",
    "possible_next",
    "reber",
]

SYMBOLS = "BTPSXVE"
"""The symbols of the Reber grammar, in the order of the columns of X and Y."""

REBER: tuple[dict[str, int], ...] = (
    {"B": 1},
    {"T": 2, "P": 3},
    {"S": 2, "X": 4},
    {"T": 3, "V": 5},
    {"X": 3, "S": 6},
    {"P": 4, "V": 6},
    {"E": 7},
)
"""For each node of the Reber grammar, the symbols on its edges and where they lead; 7 ends it."""


def reber(rng: Rng = None) -> str:
    """Draw a string of the Reber grammar.

    Start at node 0 of `REBER`, follow edges to the end, each of two with
    probability 1/2, and note the symbols.

    Args:
        rng: A random generator, a seed for one, or None for a new one.

    Returns:
        str: Five symbols or more.

    Example:
        >>> reber(rng=1)
        'BTXSE'
    """
    rng = check_rng(rng)
    node, string = 0, ""
    while node < len(REBER):
        symbol = str(rng.choice(list(REBER[node])))
        string += symbol
        node = REBER[node][symbol]
    return string


def embedded_reber(count: int, rng: Rng = None, *, but_not: Collection[str] = ()) -> list[str]:
    """Draw strings of the embedded Reber grammar: a Reber string in brackets that must match.

    B, then T or P, then a string of the Reber grammar, then the same T or P
    again, then E. To predict the last symbol but one, the second must be remembered.

    Args:
        count: The number of strings to draw.
        rng: A random generator, a seed for one, or None for a new one.
        but_not: Strings to leave out, such as those of the training set when a
            test set is drawn.

    Returns:
        list: Strings of nine symbols or more. A string may occur more than once.

    Raises:
        TypeError: If ``count`` is not an integer.
        ValueError: If ``count`` is negative.

    Example:
        >>> embedded_reber(2, rng=0)
        ['BPBPVPXTTTTVVEPE', 'BPBPVVEPE']
    """
    count = check_size("count", count, 0)
    rng = check_rng(rng)
    but_not = set(but_not)
    strings: list[str] = []
    while len(strings) < count:
        bracket = str(rng.choice(["T", "P"]))
        string = f"B{bracket}{reber(rng)}{bracket}E"
        if string not in but_not:
            strings.append(string)
    return strings


def possible_next(string: str) -> list[str]:
    """List what may follow each symbol of a string of the embedded Reber grammar.

    Args:
        string: A string of the grammar, or the beginning of one.

    Returns:
        list: For each symbol, the symbols that may come next; nothing after the last E.

    Raises:
        ValueError: If the string breaks the grammar. The message says where.

    Example:
        >>> possible_next("BPBTXSEPE")
        ['TP', 'B', 'TP', 'SX', 'XS', 'E', 'P', 'E', '']
    """
    following = []
    nodes = _embedded_nodes()
    node: Any = ("B",)
    for place, symbol in enumerate(string):
        if symbol not in nodes[node]:
            wanted = " or ".join(nodes[node]) or "nothing"
            raise ValueError(f"string: expected {wanted} at place {place}, got {symbol!r}")
        node = nodes[node][symbol]
        following.append("".join(nodes[node]))
    return following


def _embedded_nodes() -> dict[Any, dict[str, Any]]:
    """The nodes of the embedded grammar: two copies of `REBER` between their brackets."""
    nodes: dict[Any, dict[str, Any]] = {
        ("B",): {"B": ("TP",)},
        ("TP",): {bracket: (bracket, 0) for bracket in "TP"},
        ("E",): {"E": ("end",)},
        ("end",): {},
    }
    for bracket in "TP":
        for node, edges in enumerate(REBER):
            nodes[bracket, node] = {symbol: (bracket, to) for symbol, to in edges.items()}
        nodes[bracket, len(REBER)] = {bracket: ("E",)}
    return nodes
