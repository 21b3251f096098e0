"""Step tables for the book: what one has that another lacks, as Markdown."""

from collections.abc import Sequence
from math import ceil, log10
from typing import Any

import numpy as np

from ..gradcheck import THRESHOLDS, check_steps
from ..reference import STEPS
from ..steps import Step, Values

__all__ = ["changes", "difference", "errors"]


def difference(
    table: Sequence[Step], before: Sequence[Step] = STEPS
) -> tuple[list[Step], list[Step]]:
    """Compare two tables row by row: two rows are one if name and equations are the same.

    Args:
        table: A table.
        before: What it is compared with, the LSTM's unless given.

    Returns:
        tuple: The rows of ``before`` that are struck, and the rows of ``table`` that are new.

    Example:
        >>> from lstm.variants import coupled
        >>> struck, new = difference(coupled.STEPS)
        >>> [step.name for step in struck], [step.name for step in new]
        (['z_f', 'f'], ['f'])
    """
    kept = {_key(step) for step in table} & {_key(step) for step in before}
    return (
        [step for step in before if _key(step) not in kept],
        [step for step in table if _key(step) not in kept],
    )


def changes(table: Sequence[Step], values: Values, checked: Sequence[Step] | None = None) -> str:
    """Say how a table differs from the LSTM's, and how exact each new derivative is.

    Args:
        table: The table.
        values: All values of one step, in float64.
        checked: The rows whose errors are shown; None for all that are new.

    Returns:
        str: A Markdown table. A struck row is crossed out.

    Example:
        >>> from lstm.variants import check, coupled
        >>> text = changes(coupled.STEPS, check.values(coupled.cell(3, 4)))
        >>> print(text.splitlines()[2])
        | struck | <s>`z_f`</s> | <s>`z`</s> | [(eq-cut)](#eq-cut) | | | |
    """
    struck, new = difference(table)
    lines = [
        "| | row | made from | equation | central | complex | jax |",
        "|---|---|---|---|---|---|---|",
    ]
    for step in struck:
        lines.append(
            f"| struck | <s>`{step.name}`</s> | <s>{_from(step)}</s> | {_link(step)} | | | |"
        )
    of = {step.name: step for step in (new if checked is None else checked)}
    for step in new:
        cells = errors(step, values) if step.name in of else dict.fromkeys(THRESHOLDS, "")
        shown = " | ".join(cells[oracle] for oracle in THRESHOLDS)
        lines.append(f"| **new** | `{step.name}` | {_from(step)} | {_link(step)} | {shown} |")
    return "\n".join(lines)


def errors(step: Step, values: Values) -> dict[str, str]:
    """The largest relative error of a row's derivatives, as a bound, by oracle.

    Args:
        step: The row.
        values: All values of one step, in float64.

    Returns:
        dict: Three times the error, rounded up to a power of ten and never below 1e-15.

    Raises:
        GradientError: If a derivative is wrong.

    Example:
        >>> from lstm.variants import check, coupled
        >>> values = check.values(coupled.cell(3, 4))
        >>> errors(coupled.STEPS[-4], values)["complex"]
        '1e-15'
    """
    found = {}
    for oracle in THRESHOLDS:
        checks = check_steps(values, table=[step], oracle=oracle)
        found_here = [e for c in checks for e in c.report.raise_if_failed().errors.values()]
        worst = max(float(np.max(e)) for e in found_here)
        found[oracle] = f"{10.0 ** ceil(log10(max(3 * worst, 1e-15))):.0e}"
    return found


def _key(step: Step) -> Any:
    return step.name, step.label, tuple((k, label) for k, (label, _) in step.backward.items())


def _from(step: Step) -> str:
    return ", ".join(f"`{name}`" for name in step.backward)


def _link(step: Step) -> str:
    return f"[({step.label})](#{step.label})"
