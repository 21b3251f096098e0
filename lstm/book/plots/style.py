"""How the figures of the book look: one colour, line and hatch for each gate, everywhere.

The colours are Okabe and Ito's, which colour-blind readers can tell apart; lines and hatches
carry the same distinction in greyscale.

Source of the colours: Okabe and Ito, Color Universal Design (2008).
"""

from typing import Any

import matplotlib.pyplot as plt
from matplotlib import patheffects

__all__ = [
    "COLORS",
    "EXACT",
    "HALO",
    "HATCHES",
    "LINES",
    "NARROW",
    "NEUTRAL",
    "ORDER",
    "STROKES",
    "STYLE",
    "use_style",
]

COLORS = {
    "i": "#0072B2",
    "f": "#D55E00",
    "o": "#009E73",
    "g": "#CC79A7",
    "c": "#8C6100",
    "h": "#222222",
}
"""One colour for each gate and state, everywhere."""

ORDER = ("#222222", "#0072B2", "#009E73", "#D55E00")
"""Colours of up to four curves that stand for no gate, from the smallest to the largest."""

NEUTRAL = ("#15122E", "#5546A8", "#8C7AD6", "#A0527A")
"""Colours of curves that stand for no gate and for no order, dark to light."""

STROKES = ("-", "--", "-.", ":")
"""One line style for each of them."""

LINES = {"i": "-", "f": "--", "o": "-.", "g": ":", "c": "-", "h": "--"}
"""One line style for each, so that colour is not needed to tell them apart."""

HATCHES = {"i": "", "f": "//", "o": "..", "g": "xx", "c": "", "h": "\\\\"}
"""One hatch for each, for bars."""

STYLE: dict[Any, Any] = {
    "figure.figsize": (7.2, 3.6),
    "figure.dpi": 160,
    "figure.facecolor": "white",  # opaque: readable on a dark page
    "savefig.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "hatch.linewidth": 0.6,
}
"""Matplotlib settings of the book's figures."""

NARROW = 4.6
"""The width, in inches, at which a figure can be read whole on a telephone."""

HALO = [patheffects.withStroke(linewidth=2.5, foreground="white")]
"""For letters that lie on a curve."""

EXACT = 1e-17
"""Where an error of exactly zero is drawn on a logarithmic scale."""


def use_style() -> None:
    """Draw all figures from here on in the style of the book.

    Example:
        >>> use_style()
    """
    plt.rcParams.update(STYLE)
