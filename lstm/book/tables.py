"""Tables for the book: in Markdown, of the changes to a step table, and of errors as bounds."""

import re
from collections.abc import Iterable, Mapping, Sequence
from math import ceil, log10
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..gradcheck import THRESHOLDS, check_steps
from ..reference import STEPS
from ..steps import Step, Values

__all__ = ["bound", "changes", "difference", "errors", "markdown", "printed"]

NUMBER = re.compile(
    r"(\*\*)?[-−+]?\d[\d,.]*(·10)?[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]*( ?(%|ms|MiB|times))?(\*\*)?"
    r"|\$[-\d. ]*(\\cdot )?10\^\{-?\d+\}\$"  # **0.3**, 12 ms, 3·10⁻⁵, $3 \cdot 10^{-5}$
)
POWER = re.compile(r"(\d(?:\.\d+)?)e([-+]\d+)")  # 1.2e-05, which no book prints
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NOTHING = ("", "–", "none", "not run")  # in a column of numbers


def markdown(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Write a table in Markdown; columns of numbers are set to the right.

    Args:
        head: The titles of the columns.
        rows: The cells of each row, strings or what ``str`` makes of them.

    Returns:
        str: The table, a line for each row. A hyphen before a number becomes a minus sign, and
        1.2e-05 a number with a power of ten; what is in backticks stays as it is.

    Raises:
        ValueError: If there is no row, or a row has more or fewer cells than the head, or a cell
            holds the end of a line.

    Example:
        >>> print(markdown(["bias", "what follows", "error"],
        ...                [[-2, "it forgets", "2e-10"], [12, "it keeps", "1e-02"]]))
        | bias | what follows | error |
        | ---: | --- | ---: |
        | −2 | it forgets | 2·10⁻¹⁰ |
        | 12 | it keeps | 0.01 |
    """
    table = [[printed(str(cell)) for cell in row] for row in rows]
    if not table:
        raise ValueError(f"rows: expected at least one under {list(head)}, got none")
    for k, row in enumerate(table):
        if len(row) != len(head) or any("\n" in cell for cell in row):
            raise ValueError(
                f"rows: expected {len(head)} cells of one line each, as the head has, "
                f"got {row} in row {k}"
            )
    columns = (
        [cell for cell in column if cell not in NOTHING] for column in zip(*table, strict=True)
    )
    rule = [
        "---:" if cells and all(map(NUMBER.fullmatch, cells)) else "---" for cells in columns
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *table))


def printed(cell: str) -> str:
    """Write numbers as books do.

    Args:
        cell: A text with numbers as Python prints them.

    Returns:
        str: The text: a hyphen before a number at its beginning is a minus sign, 1.2e-05 has a
        power of ten; what is in backticks or between dollar signs stays as it is.

    Example:
        >>> printed("at most 1e-07"), printed("-3"), printed("2e-02")
        ('at most 10⁻⁷', '−3', '0.02')
    """
    cell = re.sub(r"^-(?=\d)", "−", cell)
    parts = re.split(r"(`[^`]*`|\$[^$]*\$)", cell)  # code and mathematics stay as they are
    return "".join(part if k % 2 else POWER.sub(_power, part) for k, part in enumerate(parts))


def _power(found: re.Match[str]) -> str:
    """1e-07 as a power of ten; what is short without one is written out."""
    digits, exponent = found[1], int(found[2])
    if -3 <= exponent <= 2:
        return f"{float(found[0]):.{max(0, len(digits.partition('.')[2]) - exponent)}f}"
    power = "10" + str(exponent).translate(RAISED)
    return power if digits == "1" else f"{digits}·{power}"


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
        found[oracle] = bound([3 * np.max(e) for e in found_here], 1e-15)
    return found


def bound(errors: ArrayLike, least: float) -> str:
    """Write the largest of some errors as a bound, which is the same on every machine.

    Machines round in different orders, so the errors themselves differ. An error that is nan is
    refused wherever it comes; Python's ``max`` would lose it unless it came first.

    Args:
        errors: One error or several, none negative.
        least: The smallest bound to be written, above the errors that are mere rounding.

    Returns:
        str: The next power of ten.

    Raises:
        ValueError: If an error is nan, infinite or negative, or there is none.

    Example:
        >>> bound([0.0, 3.2e-9], 1e-14), bound(1e-9, 1e-14), bound(0.0, 1e-14)
        ('1e-08', '1e-09', '1e-14')
    """
    found = np.asarray(errors)
    if not found.size or not ((found >= 0) & (found < np.inf)).all():
        raise ValueError(f"errors: expected finite ones, none negative, got {errors!r}")
    return f"{10.0 ** ceil(log10(max(float(found.max()), least))):.0e}"


def _key(step: Step) -> Any:
    return step.name, step.label, tuple((k, label) for k, (label, _) in step.backward.items())
