"""What is read, how the loss falls, what was measured: the figures of the part on learning."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from .style import NARROW

__all__ = [
    "learning_curves",
    "measures",
    "reading",
    "sequences_needed",
    "solved_map",
]


def reading(
    top: Mapping[str, Any], maps: Mapping[str, Any], *, steps: Any = None,
    label: str = "step t", rows: Mapping[str, str] | None = None, stems: Sequence[str] = (),
) -> Figure:  # fmt: skip
    """Draw what an LSTM reads, and below it what its gates and states do meanwhile.

    Args:
        top: What is read, by name: each of shape (n,), drawn as a line, or one
            alone of shape (n, D), drawn as a picture.
        maps: Gates or states by name, each (n, H). What lies between 0 and 1, as
            gates do, is drawn from 0 to 1, all else on a scale of its own around 0.
        steps: What to write under the steps, shape (n,), rising evenly; 1 to n if None.
        label: Of the axis of the steps.
        rows: What the rows of a map are, by its name, if they are not units.
        stems: Names in ``top`` that are drawn as stems from 0, not as a line.

    Returns:
        Figure: One panel above, and one for each map, time to the right.

    Example:
        >>> import numpy as np
        >>> len(reading({"x": np.ones(5)}, {"f": np.ones((5, 3))}).axes)   # and one scale
        3
    """
    n = len(next(iter(top.values())))
    t = np.arange(1, n + 1) if steps is None else np.asarray(steps)
    half = (t[1] - t[0]) / 2 if n > 1 else 0.5
    extent = (t[0] - half, t[-1] + half)
    figure, axes = plt.subplots(
        1 + len(maps), 1, figsize=(NARROW, 1.5 + 1.15 * len(maps)), sharex=True, squeeze=False
    )
    ax = axes[0, 0]
    colors, styles = ("#222222", "#D55E00", "#0072B2"), ("-", "--", ":")
    for k, (name, values) in enumerate(top.items()):
        values = np.asarray(values)
        if values.ndim == 2:
            ax.imshow(values.T, cmap="Greys", aspect="auto", extent=(*extent, len(values[0]), 0))
            ax.set_yticks([])
            ax.set_ylabel(name)
        else:
            look = {"color": colors[k % 3], "label": name}
            if name in stems:
                there = values != 0
                ax.vlines(t[there], 0, values[there], lw=2.5, **look)
            else:
                ax.plot(t, values, linestyle=styles[k % 3], lw=1.4, **look)
            ax.legend(loc="lower left", bbox_to_anchor=(0, 0.95), ncols=len(top))
    for ax, (name, values) in zip(axes[1:, 0], maps.items(), strict=True):
        values = np.asarray(values)
        gate = values.min() >= 0 and values.max() <= 1
        size = 1 if gate else float(np.abs(values).max()) or 1
        image = ax.imshow(
            values.T, cmap="cividis" if gate else "PuOr", vmin=0 if gate else -size, vmax=size,
            aspect="auto", origin="lower", interpolation="nearest",
            extent=(*extent, -0.5, values.shape[1] - 0.5),
        )  # fmt: skip
        ax.set_title(name, loc="left")
        ax.set_ylabel((rows or {}).get(name, "unit"))
        figure.colorbar(image, ax=ax, pad=0.01, aspect=8)
    axes[-1, 0].set_xlabel(label)
    return figure


def learning_curves(curves: Mapping[str, Sequence[Any]], per: int, goal: float) -> Figure:
    """Draw the error of many training runs against the sequences seen, one panel for each start.

    Args:
        curves: For each way to start, one curve for each run: mean errors of
            ``per`` sequences each, in the order in which they were seen.
        per: How many sequences a point stands for.
        goal: An error to be drawn as a line.

    Returns:
        Figure: Panels with logarithmic errors on one scale, one line for each run.

    Example:
        >>> len(learning_curves({"0": [[0.2, 0.1]], "1": [[0.2]]}, per=1000, goal=0.01).axes)
        2
    """
    columns = min(2, len(curves))
    rows = -(-len(curves) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(NARROW, 1.25 * rows + 0.5), sharex=True, sharey=True, squeeze=False
    )
    for ax in axes.flat[len(curves) :]:
        ax.set_axis_off()
    for ax, (name, runs) in zip(axes.flat, curves.items(), strict=False):
        for run in runs:
            seen = per * (np.arange(len(run)) + 0.5)
            ax.semilogy(seen, np.asarray(run), color="#0072B2", linewidth=1.1, alpha=0.75)
            ax.plot(seen[-1], run[-1], "o", color="#0072B2", markersize=3)
        ax.axhline(goal, color="#D55E00", linestyle=":", linewidth=1.2)
        ax.set_title(name)
        ax.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:.0f}k" if value else "0")
    figure.supxlabel("training sequences seen", fontsize=10)
    figure.supylabel("mean error", fontsize=10)
    return figure


def sequences_needed(
    ours: Mapping[float, Sequence[float]], published: Mapping[float, float], name: str
) -> Figure:
    """Draw how many sequences training took against the length of the task.

    Args:
        ours: For each length, the numbers of our runs.
        published: For each length, a published mean.
        name: Of the publication, for the legend.

    Returns:
        Figure: Logarithmic axes; one point for each run, and a line through the medians.

    Example:
        >>> len(sequences_needed({100: [2e4, 3e4]}, {100: 7.4e4}, "published").axes)
        1
    """
    figure, ax = plt.subplots(figsize=(NARROW, 3.4))
    ax.plot(list(published), list(published.values()), "s--", color="#D55E00", label=name)
    medians = [float(np.median(runs)) for runs in ours.values()]
    ax.plot(list(ours), medians, "-", color="#0072B2", label="here, median")
    for k, (length, runs) in enumerate(ours.items()):
        label = "here, one run" if k == 0 else None
        ax.plot([length] * len(runs), runs, "o", color="#0072B2", alpha=0.6, ms=5, label=label)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xticks(list(published), [f"{length:g}" for length in published])
    ax.minorticks_off()
    ax.set_xlabel("T, the smallest length")
    ax.set_ylabel("training sequences")
    ax.legend()
    return figure


def solved_map(
    panels: Mapping[str, Mapping[tuple[str, str], Sequence[int | None]]], rows: str, columns: str
) -> Figure:
    """Draw how many runs were solved, for two things that were varied in each panel.

    Args:
        panels: By title; a panel holds, by the names of its row and its column, when each
            run was solved, or None for a run that was not.
        rows: What the rows differ in.
        columns: What the columns differ in.

    Returns:
        Figure: One field for each entry, darker the more runs were solved, with their number
        and, behind it, after how many thousand sequences in the median.

    Example:
        >>> len(solved_map({"x 1": {("3", "0"): [None, 70_000]}}, "forget bias", "input bias").axes)
        1
    """
    figure, axes = plt.subplots(
        len(panels), 1, figsize=(NARROW, 1.35 * len(panels) + 0.4), sharex=True, squeeze=False
    )
    for ax, (title, fields) in zip(axes[:, 0], panels.items(), strict=True):
        down = list(dict.fromkeys(row for row, _ in fields))
        right = list(dict.fromkeys(column for _, column in fields))
        share = np.full((len(down), len(right)), np.nan)
        for (row, column), runs in fields.items():
            y, x = down.index(row), right.index(column)
            done = [run for run in runs if run is not None]
            share[y, x] = len(done) / len(runs)
            text = f"{len(done)} of {len(runs)}"
            if done:
                text += f": {np.median(done) / 1000:.0f}k"
            color = "white" if share[y, x] > 0.5 else "black"
            ax.text(x, y, text, ha="center", va="center", color=color)
        ax.imshow(share, cmap="Blues", vmin=0, vmax=1.15, aspect="auto")
        ax.set_xticks(range(len(right)), right)
        ax.set_yticks(range(len(down)), down)
        ax.tick_params(length=0)
        ax.set_title(title)
        ax.set_ylabel(rows)
    axes[-1, 0].set_xlabel(columns)
    return figure


def measures(values: Mapping[str, Any], needed: Sequence[int | None], most: int) -> Figure:
    """Draw what was measured before training against how long training then took.

    Args:
        values: What was measured, by name, one number for each run; zeros are drawn at the
            smallest positive one.
        needed: After how many sequences each run was solved, or None.
        most: How many sequences a run was given.

    Returns:
        Figure: One panel for each measure, solved runs as points, others as crosses on top.

    Example:
        >>> len(measures({"cosine": [0.3, 0.9]}, [None, 20_000], 60_000).axes)
        1
    """
    columns = min(2, len(values))
    rows = -(-len(values) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(NARROW, 1.75 * rows + 0.2), sharey=True, squeeze=False
    )
    height = np.array([most if count is None else count for count in needed]) / 1000
    solved = np.array([count is not None for count in needed])
    for ax in axes.flat[len(values) :]:
        ax.set_axis_off()
    for ax, (name, measured) in zip(axes.flat, values.items(), strict=False):
        x = np.asarray(measured, dtype=float)
        if x.min() >= 0 and x.max() > 50 * np.median(x[x > 0]):
            x = np.maximum(x, x[x > 0].min())
            ax.set_xscale("log")
            ax.xaxis.set_major_locator(LogLocator(numticks=5))
        ax.plot(x[solved], height[solved], "o", color="#0072B2", ms=4, alpha=0.7)
        ax.plot(x[~solved], height[~solved], "x", color="#D55E00", ms=5, alpha=0.7)
        ax.set_title(name)
        ax.set_ylim(0, most / 1000 * 1.08)
    figure.supylabel("thousand sequences until solved", fontsize=10)
    return figure
