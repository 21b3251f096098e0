"""Pictures of step tables, drawn from the tables, and what the cells of chapter 15 learnt."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from ...steps import Step
from ..tables import difference
from .style import COLORS, NARROW

__all__ = ["pictures", "scores"]

PLUMBING = {"eq-u", "eq-z", "eq-cut", "eq-by-matrix", "eq-one-and", "eq-reset-input", "eq-key"}
"""Rows that only move numbers to where they are used; the picture leads through them."""

SYMBOLS = {
    "c_prev": r"$c_{t-1}$", "h_prev": r"$h_{t-1}$", "n_prev": r"$n_{t-1}$", "m_prev": r"$m_{t-1}$",
    "C_prev": r"$C_{t-1}$", "l_i": r"$\ln i$", "l_f": r"$\ln f$", "l": r"$\ln f$",
    "z_i": r"$\ln i$", "a_n": r"$\bar a$", "r_n": r"$\bar r$", "c_n": r"$\bar c$", "z_g": r"$z_g$",
    "q_i": r"$q_i$", "q_f": r"$q_f$", "q_o": r"$q_o$",
}  # fmt: skip

MARK = "#C04F00"
"""The orange of cells that a figure points out, dark enough for their names."""

INPUTS = ("x", "h_prev", "", "m_prev", "n_prev", "c_prev", "C_prev")
"""What a step reads, from the bottom of a picture upwards, with a gap."""

LEVEL = 0.4
"""Inches between two values, one above the other."""


def pictures(tables: Mapping[str, Sequence[Step]]) -> Figure:
    """Draw step tables: what each value is made from, from left to right.

    Rows that the LSTM's table does not have are drawn with a thick edge. Rows that only cut, glue
    and multiply by weights are left out, and the arrows lead through them.

    Args:
        tables: The tables by title.

    Returns:
        Figure: The figure, one picture below the other.

    Example:
        >>> from lstm.variants import coupled
        >>> figure = pictures({"coupled": coupled.STEPS})
    """
    figure, axes = plt.subplots(len(tables), 1, squeeze=False)
    for ax, (title, table) in zip(axes.flat, tables.items(), strict=True):
        ax.axis("off")
        ax.set_title(title)
        _draw(ax, table)
    heights = [np.ptp(ax.get_ylim()) for ax in axes.flat]
    axes[0, 0].get_gridspec().set_height_ratios(heights)
    figure.set_size_inches(NARROW, LEVEL * sum(heights) + 0.3 * len(tables))
    return figure


def _draw(ax: Any, table: Sequence[Step]) -> None:
    """One picture."""
    _, new = difference(table)
    fresh = {step.name for step in new}
    params = _inputs(table)
    through: dict[str, set[str]] = {}
    nodes: dict[str, set[str]] = {}
    wanted = {name for step in table if step.label not in PLUMBING for name in step.backward}
    for step in table:
        sources = set()
        for name in step.backward:
            sources |= through.get(name, {name} if name not in params else set())
        # A raw value stays where something other than its own gate reads it.
        own = step.label == "eq-cut" and step.name == "z_i" and "m" in {s.name for s in table}
        own |= step.name == "z_g" and any(
            s.label in ("eq-blend", "eq-linear-candidate") and "z_g" in s.backward for s in table
        )
        if (
            step.label in PLUMBING
            and not own
            and not (step.name in ("k", "q", "v") and "C" in wanted)
        ):
            through[step.name] = sources
        else:
            nodes[step.name] = sources
            through[step.name] = {step.name}
    depth: dict[str, int] = {}
    for name in {n for sources in nodes.values() for n in sources} - set(nodes):
        depth[name] = 0
    present = [name for name in INPUTS if name in depth or name in ("x", "h_prev", "")]
    height: dict[str, float] = {name: float(present.index(name)) for name in depth}
    for name, sources in nodes.items():
        depth[name] = 1 + max(depth[s] for s in sources)
    for column in range(1, max(depth.values()) + 1):
        here = [name for name in nodes if depth[name] == column]
        want = {n: float(np.mean([height[s] for s in nodes[n]])) + _lift(n) for n in here}
        here.sort(key=lambda n: want[n])
        level = -1.0
        for name in here:
            level = max(want[name], level + 1.0)
            height[name] = level
        middle = np.mean([height[n] - want[n] for n in here])
        for name in here:
            height[name] -= float(middle)
    across = (NARROW - 0.3) / (max(depth.values()) + 1.1)
    places = {name: np.array([across * depth[name], LEVEL * height[name]]) for name in depth}
    reach = list(height.values())
    for name, sources in nodes.items():
        for source in sources:
            others = [at for node, at in places.items() if node not in (source, name)]
            bend = _bend(places[source], places[name], others)
            reach += list(_curve(places[source], places[name], bend)[:, 1] / LEVEL)
            ax.add_patch(
                FancyArrowPatch(
                    (depth[source], height[source]), (depth[name], height[name]),
                    arrowstyle="-|>", mutation_scale=7, shrinkA=9, shrinkB=10, lw=0.8,
                    color="#777777", connectionstyle=f"arc3,rad={bend}", zorder=1,
                )
            )  # fmt: skip
    for name in depth:
        is_input = name not in nodes
        color = COLORS.get(name.lower(), "#555555")
        ax.text(
            depth[name], height[name], SYMBOLS.get(name, f"${name}$"),
            ha="center", va="center", color="#222222" if is_input else color, zorder=3,
            bbox={
                "boxstyle": "round,pad=0.28", "facecolor": "white",
                "edgecolor": "none" if is_input else color,
                "linewidth": 2.2 if name in fresh else 0.8,
                "linestyle": "-",
            },
        )  # fmt: skip
    ax.set_xlim(-0.6, max(depth.values()) + 0.5)
    room = max(0.7, (3.5 - np.ptp(reach)) / 2)
    ax.set_ylim(min(reach) - room, max(reach) + room)


def _bend(start: Any, end: Any, others: Sequence[Any]) -> float:
    """How far an arrow bends so as to pass at a distance from what lies between its ends."""

    def clear(bend: float) -> float:
        curve = _curve(start, end, bend)
        nearest = [float(np.hypot(*(curve - at).T).min()) for at in others]
        return min([0.18, *nearest])  # inches, which are enough

    return max((0.0, 0.07, -0.07, 0.14, -0.14, 0.21, -0.21, 0.28, -0.28), key=clear)


def _curve(start: Any, end: Any, bend: float) -> Any:
    """Points of an arrow, as Matplotlib's arc3 draws it, shape (41, 2)."""
    t = np.linspace(0, 1, 41)[:, None]
    x, y = end - start
    corner = (start + end) / 2 + bend * np.array([y, -x])
    return (1 - t) ** 2 * start + 2 * t * (1 - t) * corner + t**2 * end


def _lift(name: str) -> float:
    """Memory runs along the top, gates below it."""
    return {"c": 1.0, "C": 1.0, "n": 0.5, "z_g": -1.0}.get(name, 0.0)


def _inputs(table: Sequence[Step]) -> set[str]:
    """The parameters: what a table reads, no row computes, and is neither x nor a state."""
    made = {step.name for step in table}
    read = {name for step in table for name in step.backward}
    return {n for n in read - made if n != "x" and not n.endswith("_prev")}


def scores(
    panels: Mapping[str, Mapping[str, Sequence[float]]],
    chance: Mapping[str, float],
    marked: Collection[str] = (),
) -> Figure:
    """Draw the scores of all seeds: one dot for each network, one row for each cell.

    Args:
        panels: For each task by title, for each cell the scores.
        chance: For each task the score of someone who guesses.
        marked: The cells whose dots and names are orange.

    Returns:
        Figure: The figure.

    Example:
        >>> figure = scores({"parity": {"LSTM": [1.0, 0.9]}}, {"parity": 0.5})
    """
    names = list(dict.fromkeys(name for panel in panels.values() for name in panel))
    figure, axes = plt.subplots(
        1, len(panels), figsize=(NARROW, 0.6 + 0.23 * len(names)), sharey=True, squeeze=False
    )
    for ax, (title, panel) in zip(axes[0], panels.items(), strict=True):
        ax.axvline(chance[title], color="#999999", lw=1, ls=":")
        for row, name in enumerate(names):
            ax.axhline(row, color="#e5e5e5", lw=0.6, zorder=0)
            if name in panel:
                values = np.sort(panel[name])
                color = MARK if name in marked else "#0072B2"
                ax.plot(values, np.full(len(values), row), "o", ms=4, alpha=0.5, color=color)
                ax.plot(np.mean(values), row, "|", ms=11, mew=2, color="#222222")
        ax.set_title(title)
        ax.set_xlim(-0.05, 1.05)
        ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes[0, 0].set_yticks(range(len(names)), names)
    for label in axes[0, 0].get_yticklabels():
        if label.get_text() in marked:
            label.set_color(MARK)
    axes[0, 0].invert_yaxis()
    return figure
