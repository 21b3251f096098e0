"""Gradients through time, and how they are checked: the figures of the backward part."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatterSciNotation

from ...gradcheck import Report
from .style import COLORS, EXACT, NARROW, NEUTRAL, STROKES

__all__ = [
    "before_after",
    "bug_map",
    "error_maps",
    "error_v",
    "gradient_flow",
    "share_map",
    "truncation",
]


def gradient_flow(maps: Mapping[str, Any]) -> Figure:
    """Draw the size of gradients, time against unit, on one logarithmic scale.

    Args:
        maps: Gradients of shape (n, H) by title.

    Returns:
        Figure: One map below the other, time to the right, units upwards.

    Raises:
        ValueError: If all gradients are zero.

    Example:
        >>> import numpy as np
        >>> len(gradient_flow({"through c": np.ones((5, 3)), "through h": np.ones((5, 3))}).axes)
        3
    """
    sizes = {title: np.abs(np.asarray(gradient)) for title, gradient in maps.items()}
    top = max(size.max() for size in sizes.values())
    if not top > 0:
        raise ValueError("maps: expected a gradient that is not zero everywhere")
    figure, axes = plt.subplots(
        len(sizes), 1, figsize=(NARROW, 1.4 * len(sizes) + 1.2), sharex=True, squeeze=False
    )
    for ax, (title, size) in zip(axes.flat, sizes.items(), strict=True):
        image = ax.imshow(
            np.maximum(size.T, top * 1e-6), norm=LogNorm(top * 1e-6, top), cmap="cividis",
            aspect="auto", origin="lower", interpolation="nearest",
            extent=(0.5, len(size) + 0.5, -0.5, size.shape[1] - 0.5),
        )  # fmt: skip
        ax.set_title(title, loc="left")
        ax.set_ylabel("unit")
    ax.set_xlabel("step t")
    figure.colorbar(image, ax=axes.ravel().tolist(), label="size of the gradient",
                    location="bottom", aspect=40)  # fmt: skip
    return figure


def truncation(lengths: Sequence[int], errors: Mapping[str, Any], cosines: Any) -> Figure:
    """Draw how far truncated gradients are off, in size and in direction.

    Args:
        lengths: Steps in a piece.
        errors: Relative errors by name, each of shape (draws, len(lengths)).
        cosines: Cosines with the exact gradient, in the same form.

    Returns:
        Figure: Two panels; for each name the median over the draws, and the range from
        the smallest to the largest as a band.

    Example:
        >>> len(truncation([1, 2], {"bias 3": [[0.9, 0.0]]}, {"bias 3": [[0.4, 1.0]]}).axes)
        2
    """
    figure, axes = plt.subplots(1, 2, figsize=(NARROW, 3.6))
    for ax, what, label in zip(
        axes, (errors, cosines), ("relative error", "cosine"), strict=True
    ):
        for k, (name, values) in enumerate(what.items()):
            draws, color = np.atleast_2d(np.asarray(values, dtype=float)), NEUTRAL[k % 4]
            ax.plot(lengths, np.median(draws, axis=0), STROKES[k % 4], marker="osD^"[k % 4],
                    markersize=4, color=color, label=name)  # fmt: skip
            ax.fill_between(lengths, draws.min(axis=0), draws.max(axis=0), color=color, alpha=0.15,
                            linewidth=0)  # fmt: skip
        ax.set_xscale("log")
        ax.set_xticks(list(lengths), [str(length) for length in lengths])
        ax.minorticks_off()
        ax.set_xlabel("steps in a piece")
        ax.set_title(label)
    axes[0].set_ylim(bottom=0)
    axes[1].axhline(0, color="grey", linewidth=0.8)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2)
    return figure


def before_after(panels: Mapping[str, Mapping[str, tuple[Any, Any]]]) -> Figure:
    """Draw what training did to some quantities of several networks.

    Args:
        panels: One panel for each title; in it, for each quantity, its values before and
            after training, one for each network.

    Returns:
        Figure: A line for each network, from before to after, on one logarithmic scale.

    Example:
        >>> len(before_after({"start": {"a": ([0.1, 0.2], [1.0, 2.0])}}).axes)
        1
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(NARROW, 3.8), sharey=True, squeeze=False)
    for ax, (title, quantities) in zip(axes[0], panels.items(), strict=True):
        for k, (before, after) in enumerate(quantities.values()):
            color = COLORS["c"] if k == 0 else NEUTRAL[1]
            for pair in zip(before, after, strict=True):
                ax.plot([3.4 * k, 3.4 * k + 1.6], pair, "-", color=color, alpha=0.6, linewidth=1)
                ax.plot([3.4 * k], pair[:1], "o", color="white", markeredgecolor=color,
                        markersize=5)  # fmt: skip
                ax.plot([3.4 * k + 1.6], pair[1:], "o", color=color, markersize=5)
            ax.text(3.4 * k + 0.8, 1.02, list(quantities)[k], transform=ax.get_xaxis_transform(),
                    ha="center", color=color)  # fmt: skip
        at = [3.4 * k + end for k in range(len(quantities)) for end in (0, 1.6)]
        ax.set_xticks(at, ["start", "trained"] * len(quantities))
        ax.set_xlim(-0.6, at[-1] + 0.6)
        ax.axhline(1, color="grey", linewidth=0.8, zorder=0)
        ax.set_yscale("log")
        ax.set_title(title, pad=20)
    axes[0, 0].set_ylabel("left after 99 steps back")
    return figure


def error_maps(report: Report) -> Figure:
    """Draw the relative error of every element of every gradient as maps.

    Args:
        report: What `lstm.gradcheck.check` returned.

    Returns:
        Figure: One map per input, on one logarithmic colour scale that ends at the
        report's threshold, so that reports can be compared. Arrays of rank 3, such as
        dX, are laid out with steps and batch as rows; errors that are exactly zero
        have the lightest colour.

    Raises:
        ValueError: If the report has no elements.

    Example:
        >>> import lstm
        >>> from lstm import gradcheck
        >>> problem = gradcheck.random_problem(2, 2, 3, 2)
        >>> report = gradcheck.check_lstm(lstm.forward, lstm.backward, problem)
        >>> len(error_maps(report).axes)                    # four maps and the scale
        5
    """
    maps = {
        name: np.maximum(error.reshape(-1, error.shape[-1]), EXACT)
        for name, error in report.errors.items()
        if error.size
    }
    if not maps:
        raise ValueError("report: expected at least one element, got none")
    top = max(report.threshold, 10 * EXACT)
    widths = [m.shape[1] for m in maps.values()]
    figure, axes = plt.subplots(
        1, len(maps), figsize=(NARROW, 2.7), width_ratios=widths, squeeze=False
    )
    for ax, (name, m) in zip(axes[0], maps.items(), strict=True):
        image = ax.imshow(
            m,
            norm=LogNorm(EXACT, top),
            cmap="viridis_r",
            aspect="equal",
            interpolation="nearest",
        )
        ax.set_title(f"d{name}")
        ax.set_anchor("N")
        ax.set_xticks([0, m.shape[1] - 1] if m.shape[1] > 1 else [0])
        ax.set_yticks([0, m.shape[0] - 1] if m.shape[0] > 1 else [0])
    bar = figure.colorbar(image, ax=axes[0].tolist(), location="bottom", shrink=0.7, aspect=40,
                          panchor=False)  # fmt: skip
    threshold = LogFormatterSciNotation()(report.threshold)
    bar.set_label(f"relative error (the threshold, {threshold}, or above is darkest)")
    return figure


def error_v(
    deltas: Sequence[float], curves: Mapping[str, Sequence[float]], levels: Mapping[str, float]
) -> Figure:
    """Draw the error of central differences against the perturbation: the V.

    Args:
        deltas: The perturbations, in units of the input.
        curves: Relative errors, one for each delta, by name: up to four.
        levels: Errors that do not depend on delta, such as the complex step's, drawn as
            level lines: up to two.

    Returns:
        Figure: Both axes logarithmic.

    Raises:
        ValueError: If a curve has not as many points as there are deltas.

    Example:
        >>> len(error_v([1e-3, 1e-5], {"float64": [1e-6, 1e-8]}, {"other": 1e-15}).axes)
        1
    """
    figure, ax = plt.subplots(figsize=(NARROW, 4.4))
    looks = (("#D55E00", "o", "-"), ("#D55E00", "o", ":"), ("#0072B2", "s", "-"),
             ("#0072B2", "s", ":"))  # fmt: skip
    for (name, errors), (color, marker, line) in zip(curves.items(), looks, strict=False):
        if len(errors) != len(deltas):
            raise ValueError(f"curves[{name!r}]: expected {len(deltas)} points, got {len(errors)}")
        face = color if line == "-" else "white"
        ax.loglog(deltas, errors, line, marker=marker, markersize=4, color=color,
                  markerfacecolor=face, label=name)  # fmt: skip
    for (name, level), line in zip(levels.items(), ("--", ":"), strict=False):
        ax.axhline(level, color="#222222", linestyle=line, label=name)
    ax.text(0.05, 0.36, "rounding: slope -1", transform=ax.transAxes, color="#555555")
    ax.text(0.97, 0.36, "truncation: slope 2", transform=ax.transAxes, color="#555555", ha="right")
    ax.set_xlabel("perturbation δ")
    ax.set_ylabel("relative error")
    ax.legend(loc="lower center", bbox_to_anchor=(0.42, 1), ncols=2, columnspacing=1,
              handlelength=1.6)  # fmt: skip
    return figure


def bug_map(
    caught: Any,
    bugs: Sequence[str],
    checks: Sequence[str],
    cuts: Sequence[int] = (),
    *,
    counted: Sequence[bool] | None = None,
) -> Figure:
    """Draw which check catches which bug.

    Args:
        caught: True for a catch, shape (bugs, checks).
        bugs: Names of the rows.
        checks: Names of the columns.
        cuts: Rows before which a line separates groups.
        counted: Which rows the sums count, shape (bugs,); all of them unless given.

    Returns:
        Figure: A dark cell for a catch, a ring for a miss, and a row of sums.

    Example:
        >>> len(bug_map([[True, False]], ["a bug"], ["one", "two"]).axes)
        1
    """
    caught = np.asarray(caught, bool)
    figure, ax = plt.subplots(figsize=(NARROW, 0.2 * len(bugs) + 2))
    ax.imshow(caught, cmap=ListedColormap(["white", "#1964B0"]), aspect="auto", vmin=0, vmax=1)
    rows, columns = np.nonzero(~caught)
    ax.plot(columns, rows, "o", markersize=5, markerfacecolor="none", color="#B03A00")
    counts = caught if counted is None else caught[np.asarray(counted, bool)]
    for column, count in enumerate(counts.sum(axis=0)):
        ax.text(column, len(bugs), str(count), rotation=90, ha="center", va="center")
    ax.set_ylim(len(bugs) + 0.5, -0.5)
    _name_cells(ax, [*bugs, "caught"], checks)
    for cut in (*cuts, len(bugs)):
        ax.axhline(cut - 0.5, color="#222222", linewidth=1.2)
    return figure


def share_map(shares: Any, bugs: Sequence[str], parts: Sequence[str]) -> Figure:
    """Draw which part of which result a bug makes wrong.

    Args:
        shares: The share of wrong elements, from 0 to 1, shape (bugs, parts).
        bugs: Names of the rows.
        parts: Names of the columns.

    Returns:
        Figure: The darker a cell the more elements are wrong; per cent are printed
        where it is neither none nor all.

    Example:
        >>> len(share_map([[0.0, 0.25]], ["a bug"], ["dX", "dc0"]).axes)
        1
    """
    shares = np.asarray(shares, float)
    figure, ax = plt.subplots(figsize=(NARROW, 0.22 * len(bugs) + 0.8))
    ax.imshow(shares, cmap="Blues", aspect="auto", vmin=0, vmax=1.2)
    for (row, column), share in np.ndenumerate(shares):
        if 0 < share < 1:
            color = "white" if share > 0.6 else "#222222"
            ax.text(column, row, f"{max(1, round(100 * share))}", color=color,
                    ha="center", va="center")  # fmt: skip
    _name_cells(ax, bugs, parts)
    return figure


def _name_cells(ax: Any, rows: Sequence[str], columns: Sequence[str]) -> None:
    """Name the rows and columns of a table drawn by imshow, and rule it."""
    ax.set_yticks(range(len(rows)), rows)
    ax.set_xticks(range(len(columns)), columns, rotation=90)
    ax.xaxis.tick_top()
    ax.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="lightgrey", linewidth=0.5)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
