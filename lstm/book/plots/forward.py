"""What gates are for, and one unit at work: the figures of the forward part."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ...layout import GATES
from .style import COLORS, HALO, NARROW, NEUTRAL, ORDER, STROKES

__all__ = [
    "eigenvalues",
    "forget_bias",
    "gradient_lag",
    "memory",
    "recall",
    "recall_errors",
    "unit",
]


def recall(values: Any, marked: int, answers: Mapping[str, tuple[Any, Any]]) -> Figure:
    """Draw a sequence with one marked value, and what networks answer when asked for it.

    Args:
        values: The sequence, shape (n,).
        marked: The place of the marked value, counted from 0.
        answers: For each network by name the true values and its answers, each (b,).

    Returns:
        Figure: The sequence, and below it a scatter plot of each network's answers.

    Example:
        >>> len(recall([0.1, -0.5, 0.3], 1, {"plain": ([0.5, -0.5], [0.0, 0.1])}).axes)
        2
    """
    figure = plt.figure(figsize=(NARROW, 4.5))
    grid = figure.add_gridspec(2, len(answers), height_ratios=[2, 3])
    ax, values = figure.add_subplot(grid[0, :]), np.asarray(values)
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
    for k, (name, (truth, said)) in enumerate(answers.items()):
        ax = figure.add_subplot(grid[1, k])
        ax.plot([-1, 1], [-1, 1], color="grey", linewidth=0.8)
        ax.plot(truth, said, ".", color=NEUTRAL[1], markersize=4)
        ax.set_aspect("equal")
        ax.set_xticks([-1, 0, 1])
        ax.set_yticks([-1, 0, 1])
        ax.set_xlabel("marked value")
        ax.set_ylabel("answer")
        ax.set_title(name)
    return figure


def recall_errors(lengths: Sequence[int], errors: Mapping[str, Any]) -> Figure:
    """Draw the error of trained networks against the length of the sequences.

    Args:
        lengths: How many steps.
        errors: Mean errors by name, one row for each seed, shape (seeds, len(lengths)).

    Returns:
        Figure: A panel for each length with a row for each name: a point for each seed, and a
        dotted line at 0.5.

    Example:
        >>> len(recall_errors([10, 20], {"plain": [[0.1, 0.5]], "LSTM": [[0.0, 0.1]]}).axes)
        2
    """
    figure, axes = plt.subplots(
        1, len(lengths), figsize=(NARROW, 0.27 * len(errors) + 0.9), sharex=True, sharey=True,
        squeeze=False,
    )  # fmt: skip
    for k, (ax, length) in enumerate(zip(axes[0], lengths, strict=True)):
        ax.axvline(0.5, color="grey", linestyle=":", linewidth=1)
        for row, seeds in enumerate(errors.values()):
            ax.axhline(row, color="#DDDDDD", linewidth=0.8, zorder=0)
            found = np.asarray(seeds)[:, k]
            ax.plot(found, np.full_like(found, row), "o", color=NEUTRAL[1], markersize=6, alpha=0.5)
        ax.set_xlim(0, 0.58)
        ax.set_title(f"{length} steps")
        ax.set_xlabel("mean error")
    axes[0, 0].set_yticks(range(len(errors)), list(errors))
    axes[0, 0].invert_yaxis()
    return figure


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
    figure, ax = plt.subplots(figsize=(NARROW, 3.4))
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
                    textcoords="offset points", color=color, va="center",
                    annotation_clip=False, path_effects=HALO)  # fmt: skip
    ax.set_xlim(0, max(x for x, *_ in ends))
    ax.set_xlabel("lag: steps between the input and the loss")
    ax.set_ylabel("gradient, relative to lag 0")
    return figure


def eigenvalues(spectra: Mapping[str, Any]) -> Figure:
    """Draw eigenvalues in the complex plane: what one step back can multiply a gradient by.

    Args:
        spectra: Complex eigenvalues by name, any shape.

    Returns:
        Figure: A panel for each name: a dot for each eigenvalue and the circle on which a
        gradient keeps its size.

    Example:
        >>> len(eigenvalues({"plain": [0.5, 0.1j], "LSTM": [[0.9, 0.95]]}).axes)
        2
    """
    rows = -(-len(spectra) // 2)
    figure, axes = plt.subplots(
        rows, 2, figsize=(NARROW, 2.5 * rows), sharex=True, sharey=True, squeeze=False
    )
    turn = np.exp(2j * np.pi * np.linspace(0, 1, 200))
    for ax, (name, values) in zip(axes.flat, spectra.items(), strict=False):
        values = np.ravel(values)
        ax.plot(turn.real, turn.imag, color="#222222", linewidth=1)
        ax.axhline(0, color="grey", linewidth=0.6, zorder=0)
        ax.axvline(0, color="grey", linewidth=0.6, zorder=0)
        ax.plot(values.real, values.imag, ".", color=NEUTRAL[1], markersize=1.5, alpha=0.6)
        ax.set_title(name)
        ax.set_aspect("equal")
        ax.set_xticks([-1, 0, 1])
        ax.set_yticks([-1, 0, 1])
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
    figure, axes = plt.subplots(3, 1, figsize=(NARROW, 4.0), sharex=True)
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
        6, 1, figsize=(NARROW, 5.2), sharex=True, height_ratios=[2, 1, 1, 1, 1, 3]
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
    figure, ax = plt.subplots(figsize=(NARROW, 3.6))
    t = np.logspace(0, 3, 200)
    styles = ("-", "--", "-.", ":")
    for k, bias in enumerate(biases):
        keep = 1 / (1 + np.exp(-bias))
        half_life = np.log(0.5) / np.log(keep)
        color = ORDER[k % 4]
        label = f"bias {bias:g}: {half_life:.1f} steps"
        ax.semilogx(t, keep**t, color=color, linestyle=styles[k % 4], label=label)
        ax.plot(half_life, 0.5, "o", color=color)
    ax.axhline(0.5, color="grey", linewidth=0.8)
    ax.set_xlabel("steps")
    ax.set_ylabel("part of the cell's content left")
    ax.legend(title="half-life", loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    return figure
