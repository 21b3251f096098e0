"""The ladder of speed: the figure of the part on speed."""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from .style import NARROW, ORDER

__all__ = [
    "ladder",
]


def ladder(panels: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]) -> Figure:
    """Draw times as ratios to a limit, rung by rung.

    Args:
        panels: For each panel by its title, then by shape and rung: the first quartile, the
            median and the third quartile of the ratio.

    Returns:
        Figure: Panels below each other, so that a telephone shows all of them. In each a line
        for each shape, which falls towards the limit, 1.

    Example:
        >>> rungs = {"first": (2.9, 3.0, 3.2), "last": (1.1, 1.2, 1.3)}
        >>> len(ladder({"one thread": {"batch 3": rungs}}).axes)
        1
    """
    figure, axes = plt.subplots(
        len(panels), 1, figsize=(NARROW, 0.7 + 3 * len(panels)), sharex=True, squeeze=False
    )
    styles = ("o-", "s--", "^-.", "D:")
    for ax, (title, shapes) in zip(axes.flat, panels.items(), strict=True):
        for k, (shape, rungs) in enumerate(shapes.items()):
            low, middle, high = np.transpose(list(rungs.values()))
            y = np.arange(len(rungs))
            color = ORDER[k % 4]
            ax.fill_betweenx(y, low, high, color=color, alpha=0.25, linewidth=0)
            ax.plot(middle, y, styles[k % 4], color=color, markersize=5, label=shape)
        ax.axvline(1, color="black", linewidth=1)
        ax.set_xscale("log")
        ax.set_xticks([1, 1.5, 2, 3, 5, 7], ["limit", "1.5", "2", "3", "5", "7"])
        ax.minorticks_off()
        ax.set_yticks(y, [textwrap.fill(rung, 20) for rung in rungs])
        ax.invert_yaxis()
        ax.set_title(title)
    ax.set_xlabel("time / that of the products (log)")
    ax.set_xlim(0.9)
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
