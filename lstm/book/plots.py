"""The figures of the book, for anybody's LSTM.

Each function takes numbers, not a model, and returns a Matplotlib figure. A
gate has the same colour and the same line in every figure; colours are Okabe
and Ito's, which colour-blind readers can tell apart, and lines and hatches
carry the same distinction in greyscale.

Source of the colours: Okabe and Ito, Color Universal Design (2008).
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatterSciNotation

from ..gradcheck import Report, StepCheck
from ..layout import GATES, sizes

__all__ = [
    "COLORS",
    "EXACT",
    "HATCHES",
    "LINES",
    "NEUTRAL",
    "ORDER",
    "STROKES",
    "STYLE",
    "before_after",
    "bug_map",
    "error_bars",
    "error_maps",
    "error_v",
    "forget_bias",
    "gradient_flow",
    "gradient_lag",
    "half_lives",
    "ladder",
    "learning_curves",
    "memory",
    "reading",
    "recall",
    "recall_errors",
    "sequences_needed",
    "share_map",
    "truncation",
    "unit",
    "use_style",
    "weight_gradients",
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

EXACT = 1e-17
"""Where an error of exactly zero is drawn on a logarithmic scale."""


def use_style() -> None:
    """Draw all figures from here on in the style of the book.

    Example:
        >>> use_style()
    """
    plt.rcParams.update(STYLE)


def error_maps(report: Report) -> Figure:
    """Draw the relative error of every element of every gradient as maps.

    Args:
        report: What `lstm.gradcheck.check` returned.

    Returns:
        Figure: One map per input, on one logarithmic colour scale. Arrays of
        rank 3, such as dX, are laid out with steps and batch as rows; errors
        that are exactly zero have the lightest colour.

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
    top = max(report.threshold, *(m.max() for m in maps.values()))
    widths = [m.shape[1] + 2 for m in maps.values()]
    figure, axes = plt.subplots(
        1, len(maps), figsize=(7.2, 3.4), width_ratios=widths, squeeze=False
    )
    for ax, (name, m) in zip(axes[0], maps.items(), strict=True):
        image = ax.imshow(
            m, norm=LogNorm(EXACT, top), cmap="viridis_r", aspect="equal", interpolation="nearest"
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


def error_bars(checks: Mapping[str, Sequence[StepCheck]]) -> Figure:
    """Draw the worst relative error of every derived step as one bar per oracle.

    Args:
        checks: For each oracle by name, what `lstm.gradcheck.check_steps` returned.

    Returns:
        Figure: Horizontal bars on a logarithmic scale, and each oracle's
        threshold as a line. Zero errors have no bar but the word "exact".

    Example:
        >>> import numpy as np
        >>> from lstm import gradcheck, reference
        >>> W, x, c, h = np.ones((6, 8)), np.ones((1, 3)), np.ones((1, 2)), np.ones((1, 2))
        >>> v = reference.forward(x, W, c, h)
        >>> figure = error_bars({"complex": gradcheck.check_steps(v, oracle="complex")})
        >>> len(figure.axes)
        1
    """
    rows = next(iter(checks.values()))
    height = 0.8 / len(checks)
    figure, ax = plt.subplots(figsize=(7.2, 0.32 * len(rows) + 1.0))
    y = np.arange(len(rows))
    shades = ("#0072B2", "#E69F00", "#009E73")
    for k, (oracle, column) in enumerate(checks.items()):
        errors = np.array([np.max(list(_worst(row.report))) for row in column])
        at = y + (k - (len(checks) - 1) / 2) * height
        ax.barh(at, np.maximum(errors, EXACT), height, color=shades[k % 3], label=oracle,
                hatch=("", "//", "..")[k % 3], edgecolor="white")  # fmt: skip
        for position, error in zip(at, errors, strict=True):
            if error == 0:
                ax.text(EXACT * 1.4, position, "exact", va="center", fontsize=6.5)
        line = ("-", "--", ":")[k % 3]
        ax.axvline(column[0].report.threshold, color=shades[k % 3], linestyle=line)
    ax.set_xscale("log")
    ax.set_xlim(EXACT, None)
    ax.set_yticks(y, [f"{row.label}   d{row.output} → d{row.input}" for row in rows])
    ax.invert_yaxis()
    ax.set_xlabel("worst relative error; the vertical lines are the thresholds")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=len(checks))
    ax.margins(y=0.01)
    return figure


def error_v(deltas: Sequence[float], curves: Mapping[str, Sequence[float]], floor: float) -> Figure:
    """Draw the error of central differences against the perturbation: the V.

    Args:
        deltas: The perturbations, in units of the input.
        curves: Relative errors, one for each delta, by name: up to four.
        floor: The error of the complex step, drawn as a level line.

    Returns:
        Figure: Both axes logarithmic.

    Raises:
        ValueError: If a curve has not as many points as there are deltas.

    Example:
        >>> len(error_v([1e-3, 1e-5], {"float64": [1e-6, 1e-8]}, 1e-15).axes)
        1
    """
    figure, ax = plt.subplots(figsize=(7.2, 4.2))
    looks = (("#D55E00", "o", "-"), ("#D55E00", "o", ":"), ("#0072B2", "s", "-"),
             ("#0072B2", "s", ":"))  # fmt: skip
    for (name, errors), (color, marker, line) in zip(curves.items(), looks, strict=False):
        if len(errors) != len(deltas):
            raise ValueError(f"curves[{name!r}]: expected {len(deltas)} points, got {len(errors)}")
        face = color if line == "-" else "white"
        ax.loglog(deltas, errors, line, marker=marker, markersize=4, color=color,
                  markerfacecolor=face, label=name)  # fmt: skip
    ax.axhline(floor, color="#222222", linestyle="--", label="complex step, worst element")
    ax.text(0.05, 0.30, "← rounding", transform=ax.transAxes, color="#555555")
    ax.text(0.97, 0.30, "truncation →", transform=ax.transAxes, color="#555555", ha="right")
    ax.set_xlabel("perturbation δ")
    ax.set_ylabel("relative error")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    return figure


def unit(x: Any, ifog: Any, c: Any, h: Any) -> Figure:
    """Draw the life of one unit: its input, its gates and its states over time.

    Args:
        x: The input of each step, shape (n,) or (n, 1).
        ifog: The gates of the unit in the order i, f, o, g, shape (n, 4).
        c: Its cell state after each step, shape (n,).
        h: Its output at each step, shape (n,).

    Returns:
        Figure: Over the steps, counted from 1: the input, a strip for each gate, the states.

    Example:
        >>> len(unit([1, 0], [[1, 1, 1, 0.5], [0, 1, 1, 0]], [0.5, 0.5], [0.4, 0.4]).axes)
        6
    """
    figure, axes = plt.subplots(
        6, 1, figsize=(7.2, 5.6), sharex=True, height_ratios=[2, 1, 1, 1, 1, 3]
    )
    t = np.arange(1, len(x) + 1)
    axes[0].bar(t, np.ravel(x), color=COLORS["h"], width=0.6)
    axes[0].set_ylabel("input x")
    panels = [*zip(axes[1:5], GATES, np.asarray(ifog).T, strict=True)]
    for ax, name, value in (*panels, (axes[5], "c", c), (axes[5], "h", h)):
        ax.step(t, value, where="mid", color=COLORS[name], label=name,
                linestyle="--" if name == "h" else "-")  # fmt: skip
        ax.set_ylabel(name)
    for ax in axes:
        ax.axhline(0, color="grey", linewidth=0.8, zorder=0)
        ax.margins(y=0.15)
    axes[5].set_ylabel("states")
    axes[5].legend(loc="upper right", ncols=2)
    axes[5].set_xlabel("step t")
    figure.align_ylabels()
    return figure


def forget_bias(biases: Sequence[float] = (0, 1, 3, 5)) -> Figure:
    """Draw how much of a cell's content is left after a number of steps.

    The cell is left alone: nothing is written, and the forget gate stays at its
    bias, so that after t steps the part sigmoid(bias)**t is left.

    Args:
        biases: The forget biases to compare.

    Returns:
        Figure: One curve per bias, each marked at its half-life in steps.

    Example:
        >>> len(forget_bias().axes)
        1
    """
    figure, ax = plt.subplots()
    t = np.logspace(0, 3, 200)
    styles = ("-", "--", "-.", ":")
    for k, bias in enumerate(biases):
        keep = 1 / (1 + np.exp(-bias))
        half_life = np.log(0.5) / np.log(keep)
        color = ORDER[k % 4]
        label = f"bias {bias:g}: half-life {half_life:.1f} steps"
        ax.semilogx(t, keep**t, color=color, linestyle=styles[k % 4], label=label)
        ax.plot(half_life, 0.5, "o", color=color)
    ax.axhline(0.5, color="grey", linewidth=0.8)
    ax.set_xlabel("steps")
    ax.set_ylabel("part of the cell's content left")
    ax.legend()
    return figure


def bug_map(
    caught: Any, bugs: Sequence[str], checks: Sequence[str], cuts: Sequence[int] = ()
) -> Figure:
    """Draw which check catches which bug.

    Args:
        caught: True for a catch, shape (bugs, checks).
        bugs: Names of the rows.
        checks: Names of the columns.
        cuts: Rows before which a line separates groups.

    Returns:
        Figure: A dark cell for a catch, a ring for a miss, and a row of sums.

    Example:
        >>> len(bug_map([[True, False]], ["a bug"], ["one", "two"]).axes)
        1
    """
    caught = np.asarray(caught, bool)
    figure, ax = plt.subplots(figsize=(7.2, 0.24 * len(bugs) + 2.1))
    ax.imshow(caught, cmap=ListedColormap(["white", "#1964B0"]), aspect="auto", vmin=0, vmax=1)
    rows, columns = np.nonzero(~caught)
    ax.plot(columns, rows, "o", markersize=5, markerfacecolor="none", color="#B03A00")
    for column, count in enumerate(caught.sum(axis=0)):
        ax.text(column, len(bugs), str(count), fontsize=8, ha="center", va="center")
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
    figure, ax = plt.subplots(figsize=(7.2, 0.24 * len(bugs) + 1.6))
    ax.imshow(shares, cmap="Blues", aspect="auto", vmin=0, vmax=1.2)
    for (row, column), share in np.ndenumerate(shares):
        if 0 < share < 1:
            color = "white" if share > 0.6 else "#222222"
            ax.text(column, row, f"{max(1, round(100 * share))}", color=color, fontsize=7,
                    ha="center", va="center")  # fmt: skip
    _name_cells(ax, bugs, parts)
    return figure


def _name_cells(ax: Any, rows: Sequence[str], columns: Sequence[str]) -> None:
    """Name the rows and columns of a table drawn by imshow, and rule it."""
    ax.set_yticks(range(len(rows)), rows, fontsize=8)
    ax.set_xticks(range(len(columns)), columns, rotation=50, ha="left", fontsize=8)
    ax.xaxis.tick_top()
    ax.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="lightgrey", linewidth=0.5)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)


def gradient_lag(curves: Mapping[str, Any]) -> Figure:
    """Draw how much of a gradient is left against how far it has travelled back.

    Args:
        curves: Sizes of the gradient, relative to that at lag 0, by name: one row
            for each draw, shape (draws, lags), or one draw of shape (lags,).

    Returns:
        Figure: A logarithmic size over a linear lag: for each name the median over the
        draws, with its name at its end, and a band from the tenth to the ninetieth
        percentile.

    Example:
        >>> len(gradient_lag({"plain": [1, 0.1, 0.01], "LSTM": [[1, 0.9], [1, 0.8]]}).axes)
        1
    """
    low, high = 1e-12, 1e9
    figure, ax = plt.subplots()
    ends = []
    for k, (name, draws) in enumerate(curves.items()):
        draws = np.maximum(np.atleast_2d(np.asarray(draws, dtype=float)), 1e-300)
        median = np.median(draws, axis=0)
        ax.fill_between(np.arange(draws.shape[1]), *np.percentile(draws, [10, 90], axis=0),
                        color=NEUTRAL[k % 4], alpha=0.25, linewidth=0)  # fmt: skip
        ax.semilogy(median, color=NEUTRAL[k % 4], linestyle=STROKES[k % 4], label=name)
        inside = np.nonzero((low < median) & (median < high))[0]
        ends.append((int(inside[-1]), float(median[inside[-1]]), name, NEUTRAL[k % 4]))
    ax.axhline(1, color="grey", linewidth=0.8, zorder=0)
    ax.set_ylim(low, high)
    last = ax.get_xlim()[1]
    for x, y, name, color in ends:
        cut = x < 0.9 * last  # the curve leaves the figure above or below
        ax.annotate(name, (x, y), xytext=(4, (8 if y < 1 else -12) if cut else 0),
                    textcoords="offset points", color=color, fontsize=9,
                    va="center", annotation_clip=False)  # fmt: skip
    ax.set_xlim(0, max(x for x, *_ in ends))
    ax.set_xlabel("lag: steps between the input and the loss")
    ax.set_ylabel("gradient, relative to lag 0")
    return figure


def recall(values: Any, marked: int, answers: Mapping[str, tuple[Any, Any]]) -> Figure:
    """Draw a sequence with one marked value, and what networks answer when asked for it.

    Args:
        values: The sequence, shape (n,).
        marked: The place of the marked value, counted from 0.
        answers: For each network by name the true values and its answers, each (b,).

    Returns:
        Figure: On the left the sequence; beside it a scatter of answers for each network.

    Example:
        >>> len(recall([0.1, -0.5, 0.3], 1, {"plain": ([0.5, -0.5], [0.0, 0.1])}).axes)
        2
    """
    figure, axes = plt.subplots(
        1, 1 + len(answers), figsize=(7.2, 2.7), sharey=True,
        width_ratios=[3] + [2] * len(answers), squeeze=False,
    )  # fmt: skip
    ax, values = axes[0, 0], np.asarray(values)
    t = np.arange(1, len(values) + 1)
    ax.vlines(t, 0, values, color="#9A9A9A", linewidth=1.5)
    ax.plot(t[marked], values[marked], "o", color=COLORS["f"], markersize=6)
    ax.vlines(t[marked], 0, values[marked], color=COLORS["f"], linewidth=2.5)
    ax.annotate("this one", (t[marked], values[marked]), xytext=(6, 2), textcoords="offset points",
                color=COLORS["f"])  # fmt: skip
    ax.axhline(0, color="grey", linewidth=0.8)
    ax.set_ylim(-1.15, 1.15)
    ax.set_xlabel("step t")
    ax.set_ylabel("value")
    ax.set_title("read this")
    for ax, (name, (truth, said)) in zip(axes[0, 1:], answers.items(), strict=True):
        ax.plot([-1, 1], [-1, 1], color="grey", linewidth=0.8)
        ax.plot(truth, said, ".", color=NEUTRAL[1], markersize=4)
        ax.set_aspect("equal")
        ax.set_xticks([-1, 0, 1])
        ax.set_xlabel("marked value")
        ax.set_title(name)
    axes[0, 1].set_ylabel("answer")
    return figure


def recall_errors(lengths: Sequence[int], errors: Mapping[str, Any]) -> Figure:
    """Draw the error of trained networks against the length of the sequences.

    Args:
        lengths: How many steps.
        errors: Mean errors by name, one row for each seed, shape (seeds, len(lengths)).

    Returns:
        Figure: A small panel for each name: a point for each seed, a line through the medians.

    Example:
        >>> len(recall_errors([10, 20], {"plain": [[0.1, 0.5]], "LSTM": [[0.0, 0.1]]}).axes)
        2
    """
    columns = min(3, len(errors))
    rows = -(-len(errors) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(7.2, 1.7 * rows + 0.5), sharex=True, sharey=True, squeeze=False
    )
    for ax in axes.flat[len(errors) :]:
        ax.set_axis_off()
    for ax, (name, seeds) in zip(axes.flat, errors.items(), strict=False):
        ax.axhline(0.5, color="grey", linestyle=":", linewidth=1)
        for seed in np.asarray(seeds):
            ax.plot(lengths, seed, "o", color=NEUTRAL[1], markersize=4, alpha=0.6)
        ax.plot(lengths, np.median(seeds, axis=0), color=NEUTRAL[1])
        ax.set_xscale("log")
        ax.set_xticks(list(lengths), [str(length) for length in lengths])
        ax.minorticks_off()
        ax.set_ylim(0, 0.58)
        ax.set_title(name)
    figure.supxlabel("steps in a sequence", fontsize=10)
    figure.supylabel("mean error", fontsize=10)
    return figure


def memory(values: Any, marked: Sequence[int], c: Any, total: Any) -> Figure:
    """Draw noise with some marked values, and below it a memory that keeps them and one that adds.

    Args:
        values: What is read, shape (n,).
        marked: The places of the marked values, counted from 0.
        c: A cell state with gates, after each step, shape (n,).
        total: A state to which everything is added, shape (n,).

    Returns:
        Figure: Three panels over the steps.

    Example:
        >>> len(memory([0.1, -0.5], [1], [0.0, -0.5], [0.1, -0.4]).axes)
        3
    """
    figure, axes = plt.subplots(3, 1, figsize=(7.2, 4.4), sharex=True)
    values, t = np.asarray(values), np.arange(1, len(values) + 1)
    axes[0].plot(t, values, color="#9A9A9A", linewidth=0.5)
    axes[0].plot(t[list(marked)], values[list(marked)], "o", color=COLORS["f"], markersize=5,
                 clip_on=False)  # fmt: skip
    axes[1].plot(t, c, color=COLORS["c"])
    axes[2].plot(t, total, color="#444444")
    for ax, label in zip(axes, ("value", "c, with gates", "sum, without"), strict=True):
        ax.axhline(0, color="grey", linewidth=0.8, zorder=0)
        ax.set_ylabel(label)
        for place in marked:
            ax.axvline(t[place], color=COLORS["f"], linestyle=":", linewidth=1)
    axes[1].set_ylim(-1.1, 1.1)
    axes[-1].set_xlabel("step t")
    figure.align_ylabels()
    return figure


def gradient_flow(maps: Mapping[str, Any], columns: int = 1) -> Figure:
    """Draw the size of gradients, time against unit, on one logarithmic scale.

    Args:
        maps: Gradients of shape (n, H) by title.
        columns: How many maps stand side by side; rows are filled first.

    Returns:
        Figure: One map per entry, time to the right, units upwards.

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
    rows = -(-len(sizes) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(7.2, 1.2 * rows + 0.9), sharex=True, squeeze=False
    )
    for ax, (title, size) in zip(axes.flat, sizes.items(), strict=False):
        image = ax.imshow(
            np.maximum(size.T, top * 1e-6), norm=LogNorm(top * 1e-6, top), cmap="cividis",
            aspect="auto", origin="lower", interpolation="nearest",
            extent=(0.5, len(size) + 0.5, -0.5, size.shape[1] - 0.5),
        )  # fmt: skip
        ax.set_title(title, loc="left")
    for ax in axes[:, 0]:
        ax.set_ylabel("unit")
    for ax in axes[-1]:
        ax.set_xlabel("step t")
    figure.colorbar(image, ax=axes.ravel().tolist(), label="size of the gradient")
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
    columns = min(5, len(curves))
    rows = -(-len(curves) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(7.2, 1.75 * rows + 0.4), sharex=True, sharey=True, squeeze=False
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
    figure, ax = plt.subplots(figsize=(5.6, 3.4))
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


def half_lives(measured: Mapping[str, tuple[Any, Any]]) -> Figure:
    """Draw the half-life that the forget bias promises, and half-lives that were measured.

    Args:
        measured: By name, the forget biases of units and their half-lives in
            steps, two arrays of one shape.

    Returns:
        Figure: The promise ln 2 / ln(1 + exp(-b)) as a line, the units as points.

    Example:
        >>> len(half_lives({"fresh": ([0.0, 3.0], [1.0, 14.0])}).axes)
        1
    """
    figure, ax = plt.subplots(figsize=(5.6, 3.6))
    biases = [np.asarray(bias, dtype=float) for bias, _ in measured.values()]
    low = min(float(bias.min()) for bias in biases) - 0.5
    b = np.linspace(low, max(float(bias.max()) for bias in biases) + 0.5, 200)
    ax.semilogy(b, np.log(2) / np.log1p(np.exp(-b)), color="grey", label="promised by the bias")
    looks = (("o", "#0072B2"), ("^", "#D55E00"), ("s", "#009E73"), ("x", "#CC79A7"))
    for (marker, color), (name, (bias, life)) in zip(looks, measured.items(), strict=False):
        ax.semilogy(bias, life, marker, color=color, label=name, markersize=5, alpha=0.8)
    ax.set_xlabel("forget bias of the unit")
    ax.set_ylabel("half-life, in steps")
    ax.legend()
    return figure


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
        1 + len(maps), 1, figsize=(7.2, 1.5 + 1.15 * len(maps)), sharex=True, squeeze=False
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
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.6))
    for ax, what, label in zip(
        axes, (errors, cosines), ("relative error", "cosine with the exact gradient"), strict=True
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
    figure.legend(handles, names, loc="outside lower center", ncols=len(names))
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
    figure, axes = plt.subplots(1, len(panels), figsize=(7.2, 3.6), sharey=True, squeeze=False)
    for ax, (title, quantities) in zip(axes[0], panels.items(), strict=True):
        for k, (before, after) in enumerate(quantities.values()):
            color = COLORS["c"] if k == 0 else NEUTRAL[1]
            for pair in zip(before, after, strict=True):
                ax.plot([3 * k, 3 * k + 1], pair, "-", color=color, alpha=0.6, linewidth=1)
                ax.plot([3 * k], pair[:1], "o", color="white", markeredgecolor=color, markersize=5)
                ax.plot([3 * k + 1], pair[1:], "o", color=color, markersize=5)
            ax.text(3 * k + 0.5, 1.02, list(quantities)[k], transform=ax.get_xaxis_transform(),
                    ha="center", color=color)  # fmt: skip
        at = [3 * k + end for k in range(len(quantities)) for end in (0, 1)]
        ax.set_xticks(at, ["start", "trained"] * len(quantities), fontsize=9)
        ax.set_xlim(-0.7, at[-1] + 0.7)
        ax.axhline(1, color="grey", linewidth=0.8, zorder=0)
        ax.set_yscale("log")
        ax.set_title(title, pad=20)
    axes[0, 0].set_ylabel("left after 99 steps back")
    return figure


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


def _worst(report: Report) -> list[float]:
    """The worst error of each input, 0 where there are no elements."""
    return [float(error.max()) if error.size else 0.0 for error in report.errors.values()]


def ladder(panels: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]) -> Figure:
    """Draw times as ratios to a limit, rung by rung.

    Args:
        panels: One panel a title; in it, by shape and rung, the first quartile, the
            median and the third quartile of the ratio.

    Returns:
        Figure: In each panel one line a shape, falling towards the limit, 1.

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
