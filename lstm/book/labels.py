"""Fetch code of `lstm` for the book: the lines that implement an equation, or a function.

A line of `lstm` that implements an equation carries the equation's label: in a
comment, as in ``# (eq-dc)``, or, where a table holds the code, as the string
``"eq-dc"`` beside it. The chapters show code by asking for it here, and a test
compares the labels found here with those of the book.
"""

import ast
import inspect
import io
import re
import textwrap
import tokenize
from collections import defaultdict
from collections.abc import Callable
from types import ModuleType
from typing import Any

__all__ = ["LABEL", "body", "labelled_lines", "lines", "part"]

LABEL = re.compile(r"eq-[a-z0-9]+(?:-[a-z0-9]+)*")


def labelled_lines(module: ModuleType) -> dict[str, list[int]]:
    """Find every equation label in the code of a module. Docstrings do not count.

    Args:
        module: An imported module with its source at hand.

    Returns:
        dict: Line numbers, counted from 1, by label.

    Example:
        >>> from lstm import fused
        >>> len(labelled_lines(fused)["eq-dc"])
        1
    """
    found = defaultdict(list)
    source = inspect.getsource(module)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.string.startswith("#"):
            labels = re.findall(rf"\(({LABEL.pattern})\)", token.string)
        else:
            labels = re.findall(rf"^[\"']({LABEL.pattern})[\"']$", token.string)
        for label in labels:
            found[label].append(token.start[0])
    return dict(found)


def lines(label: str, *modules: ModuleType) -> str:
    """Return the code that implements an equation, as Markdown.

    Args:
        label: The equation's label, such as "eq-dc".
        *modules: Where to look, in this order.

    Returns:
        str: For each module that has the label, its name and the lines.

    Raises:
        KeyError: If no module has the label.

    Example:
        >>> from lstm import fused
        >>> print(lines("eq-through", fused))
        `lstm.fused`
        ```python
        through_s = o * (1 - s**2)  # (eq-through)
        ```
    """
    parts = []
    for module in modules:
        numbers = labelled_lines(module).get(label)
        if numbers:
            text = inspect.getsource(module).splitlines()
            code = textwrap.dedent("\n".join(text[number - 1] for number in numbers))
            parts.append(f"`{module.__name__}`\n```python\n{code}\n```")
    if not parts:
        raise KeyError(f"no line of {[module.__name__ for module in modules]} has label {label!r}")
    return "\n\n".join(parts)


def body(function: Callable[..., Any]) -> str:
    """Return the code of a function without decorators and docstring, as Markdown.

    Args:
        function: A Python function with its source at hand.

    Returns:
        str: A fenced block of Python.

    Example:
        >>> from lstm import layout
        >>> print(body(layout.split_rows))
        ```python
        def split_rows(WLSTM: Any) -> Rows:
            D, _ = sizes(WLSTM)
            return Rows(WLSTM[0], WLSTM[1 : 1 + D], WLSTM[1 + D :])
        ```
    """
    code = textwrap.dedent(inspect.getsource(function))
    tree = ast.parse(code).body[0]
    assert isinstance(tree, ast.FunctionDef)
    first = tree.body[0]
    documented = ast.get_docstring(tree) is not None
    text = code.splitlines()
    head = text[tree.lineno - 1 : first.lineno - 1]
    rest = text[(first.end_lineno or 0) if documented else first.lineno - 1 :]
    return "```python\n" + "\n".join(head + rest) + "\n```"


def part(function: Callable[..., Any], first: str, last: str) -> str:
    """Return some lines of a function's code, moved to the left, as Markdown.

    Args:
        function: A Python function with its source at hand.
        first: How the first of the lines begins, behind its indentation.
        last: How the last of them begins.

    Returns:
        str: A fenced block of Python.

    Raises:
        ValueError: If no line begins in one of these ways, or several do, or they end before
            they begin.

    Example:
        >>> from lstm import layout
        >>> print(part(layout.split_rows, "D, _", "return Rows"))
        ```python
        D, _ = sizes(WLSTM)
        return Rows(WLSTM[0], WLSTM[1 : 1 + D], WLSTM[1 + D :])
        ```
    """
    text = body(function).splitlines()[1:-1]
    found = []
    for start in (first, last):
        numbers = [k for k, line in enumerate(text) if line.lstrip().startswith(start)]
        if len(numbers) != 1:
            raise ValueError(
                f"expected one line of {function.__name__} that begins with {start!r}, "
                f"got {len(numbers)}"
            )
        found += numbers
    begin, end = found
    if end < begin:
        raise ValueError(f"last: expected a line behind {first!r}, got {last!r}, which is before")
    return "```python\n" + textwrap.dedent("\n".join(text[begin : end + 1])) + "\n```"
