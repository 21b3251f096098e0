"""JAX beside NumPy, and the ladder of speed: the figures of the part on speed."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ...layout import GATES, sizes
from .style import ORDER

__all__ = [
    "ladder",
    "weight_gradients",
]


def weight_gradients(gradients: Mapping[str, Any]) -> Figure:
    """Draw the weights' gradient as computed in several ways, and how the ways differ.

    Args:
        gradients: Arrays of one shape, that of ``WLSTM``, (1 + D + H, 4H), by title.

    Returns:
        Figure: Above, one map per gradient on one scale; below, each gradient
        minus the next (the last minus the first), in units in the last place of
        the largest element. Lines part the gates, and the rows of the bias, of
        x and of h.

    Raises:
        ValueError: If the shapes differ, or are not that of a weight matrix.

    Example:
        >>> import numpy as np
        >>> dW = np.arange(48.0).reshape(6, 8)
        >>> len(weight_gradients({"one": dW, "two": dW + 1e-14, "three": dW}).axes)
        8
    """
    maps = {title: np.asarray(gradient) for title, gradient in gradients.items()}
    first = next(iter(maps.values()))
    D, H = sizes(first)
    for title, gradient in maps.items():
        if gradient.shape != first.shape:
            raise ValueError(
                f"gradients[{title!r}]: expected shape {first.shape}, got {gradient.shape}"
            )
    top = max(abs(gradient).max() for gradient in maps.values())
    titles = [*maps, next(iter(maps))]
    differences = {f"{a} − {b}": (maps[a] - maps[b]) / np.spacing(top) for a, b in pairwise(titles)}
    most = max(1, *(abs(difference).max() for difference in differences.values()))
    figure, axes = plt.subplots(2, len(maps), figsize=(7.2, 5.0), squeeze=False)
    for row, panels, limit, label in (
        (axes[0], maps, top, "dW"),
        (axes[1], differences, most, "units in the last place"),
    ):
        for ax, (title, panel) in zip(row, panels.items(), strict=True):
            image = ax.imshow(panel, cmap="cividis", vmin=-limit, vmax=limit,
                              aspect="auto", interpolation="nearest")  # fmt: skip
            ax.set_title(title)
            for column in range(H, 4 * H, H):
                ax.axvline(column - 0.5, color="white", linewidth=0.8)
            for line in (1, 1 + D):
                ax.axhline(line - 0.5, color="white", linewidth=0.8)
            ax.set_xticks([(k + 0.5) * H - 0.5 for k in range(4)], GATES)
            ax.set_yticks([0, 1 + (D - 1) / 2, D + (H + 1) / 2], ["1", "x", "h"])
            ax.tick_params(length=0)
        figure.colorbar(image, ax=row.tolist(), label=label)
    return figure


def ladder(panels: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]) -> Figure:
    """Draw times as ratios to a limit, rung by rung.

    Args:
        panels: For each panel by its title, then by shape and rung: the first quartile, the
            median and the third quartile of the ratio.

    Returns:
        Figure: In each panel a line for each shape, which falls towards the limit, 1.

    Example:
        >>> rungs = {"first": (2.9, 3.0, 3.2), "last": (1.1, 1.2, 1.3)}
        >>> len(ladder({"one thread": {"batch 3": rungs}}).axes)
        1
    """
    figure, axes = plt.subplots(
        1, len(panels), figsize=(7.2, 4.4), sharex=True, sharey=True, squeeze=False
    )
    styles = ("o-", "s--", "^-.", "D:")
    for ax, (title, shapes) in zip(axes[0], panels.items(), strict=True):
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
        ax.set_yticks(y, list(rungs))
        ax.invert_yaxis()
        ax.set_title(title)
        ax.set_xlabel("time / that of the products (log)")
    if len(panels) > 1:
        axes[0][0].invert_yaxis()  # the panels share the axis: turned over once is enough
    axes[0][0].set_xlim(0.9)
    handles, names = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower right", ncols=len(names))
    return figure
