"""Step tables for the book: what one has that another lacks, as Markdown."""

from collections.abc import Mapping, Sequence
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


def changes(tables: Mapping[str, Sequence[Step]]) -> str:
    """Say how tables differ from the LSTM's.

    Args:
        tables: The tables by the names of their cells.

    Returns:
        str: A Markdown list: of each cell the rows that are struck, and the new rows by equation.

    Example:
        >>> from lstm.variants import coupled
        >>> print(changes({"coupled gates": coupled.STEPS}))
        - **coupled gates**: strikes `z_f`, `f`; adds `f` [(eq-coupled)](#eq-coupled)
    """
    lines = []
    for name, table in tables.items():
        struck, new = difference(table)
        rows: dict[str, list[str]] = {}
        for step in new:
            rows.setdefault(step.label, []).append(f"`{step.name}`")
        added = ", ".join(f"{', '.join(names)} [({eq})](#{eq})" for eq, names in rows.items())
        gone = ", ".join(f"`{step.name}`" for step in struck)
        lines.append(f"- **{name}**: strikes {gone}; adds {added}")
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
