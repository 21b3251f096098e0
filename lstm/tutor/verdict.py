"""What the tutor says: findings, as text, in colour, as HTML, and as JSON for graders."""

import html
import json
import math
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .equations import EQUATIONS

__all__ = ["Finding", "Place", "Verdict"]

_SIGNS = {"right": "right", "wrong": "WRONG", "note": "note", "unwritten": "not written yet"}
_COLORS = {"right": "32", "wrong": "31", "note": "33", "unwritten": "33"}  # of a terminal
# In HTML a verdict is on paper of its own, so that it reads well on light and dark pages.
_PAPER = "background: #fff; color: #222; padding: 0.3em 0.7em; overflow-wrap: anywhere"
_LINK, _CODE = "color: #0b5394", "color: #741b47; background: none; border: 0"
_STYLES = {"right": "#2e7d32", "wrong": "#c62828", "note": "#8a6100", "unwritten": "#8a6100"}


@dataclass(frozen=True)
class Place:
    """The first element that is wrong.

    Attributes:
        array: The name of the array.
        index: Its index there.
        yours: The value that was found.
        right: The value that belongs there.
        says: What the index means, such as the step, the sequence and the unit.
    """

    array: str
    index: tuple[int, ...]
    yours: float
    right: float
    says: str

    def __str__(self) -> str:
        index = ", ".join(map(str, self.index))
        for digits in range(4, 18):  # as many as tell the two apart
            yours, right = (f"{value:.{digits}g}" for value in (self.yours, self.right))
            if yours != right:
                break
        return f"{self.array}[{index}] is {yours}, expected {right} ({self.says})"


@dataclass(frozen=True)
class Finding:
    """One thing that the tutor found.

    Attributes:
        part: What was judged, such as "forward".
        status: "right", "wrong", "note" (works, but not as it should) or "unwritten".
        says: What was found, in a sentence.
        details: More of it.
        label: The label of the equation, if a mistake has been named.
        source: A public thread in which others made the mistake.
        hint: A question that helps.
        place: The first element that is wrong.
        mistakes: The names of the mistakes, if they could be named.
    """

    part: str
    status: str
    says: str
    details: tuple[str, ...] = ()
    label: str = ""
    source: str = ""
    hint: str = ""
    place: Place | None = None
    mistakes: tuple[str, ...] = ()


@dataclass(frozen=True, repr=False)
class Verdict:
    """All findings. Print it, or let a notebook show it.

    Attributes:
        findings: What was found, in the order in which it was looked for.
        title: What was judged.
        book: Where the pages of the book are, for links; "" for beside this page.
    """

    findings: tuple[Finding, ...]
    title: str = ""
    book: str = field(default="", compare=False)

    @property
    def ok(self) -> bool:
        """Whether everything that was judged is right. A note does not count as a mistake."""
        return all(finding.status in ("right", "note") for finding in self.findings)

    @property
    def mistakes(self) -> tuple[str, ...]:
        """The names of all mistakes that could be named."""
        return tuple(name for finding in self.findings for name in finding.mistakes)

    def text(self, color: bool = False) -> str:
        """The verdict as text.

        Args:
            color: Whether to use the colours of a terminal.

        Returns:
            str: A line for each finding, and below it what there is to say about it.
        """
        lines = [self.title] * bool(self.title)
        width = max((len(finding.part) for finding in self.findings), default=0)
        for finding in self.findings:
            sign = _SIGNS[finding.status]
            if color:
                sign = f"\x1b[1;{_COLORS[finding.status]}m{sign}\x1b[0m"
            lines.append(f"{finding.part.ljust(width)}  {sign}: {finding.says}")
            for name, said in _rows(finding, self.book):
                lines.append(" " * (width + 2) + (f"{name}: {said}" if name else said))
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def show(self, file: Any = None) -> None:
        """Print the verdict, in colour if the terminal has colours.

        Args:
            file: The file to print to; None for the standard output. The environment variable
                ``NO_COLOR`` turns colours off.
        """
        file = sys.stdout if file is None else file
        terminal = getattr(file, "isatty", lambda: False)()
        print(self.text(color=terminal and not os.environ.get("NO_COLOR")), file=file)

    def _repr_html_(self) -> str:
        parts = []
        for finding in self.findings:
            color = _STYLES[finding.status]
            said = f"<strong>{html.escape(finding.part)} {_SIGNS[finding.status]}</strong>: "
            said += _marked(finding.says)
            rows = []
            for name, row in _rows(finding, self.book):
                if name == "Hint":
                    rows.append(f"<details><summary>Hint</summary>{_marked(row)}</details>")
                elif name == "Equation":
                    label, rest = row.split(", ", 1)
                    chapter, link = rest.split(": ", 1)
                    anchor = f'<a style="{_LINK}" href="{link}">{label}</a>'
                    rows.append(f"Equation: {anchor}, {chapter}")
                else:
                    rows.append(_marked(f"{name}: {row}" if name else row))
            below = "".join(f"<li>{row}</li>" for row in rows)
            below = f"<ul>{below}</ul>" if below else ""
            style = f"border-left: 4px solid {color}; padding-left: 0.7em; list-style: none"
            parts.append(f'<li style="{style}">{said}{below}</li>')
        title = html.escape(self.title or "Verdict")
        listed = f'<ul style="padding-left: 0">{"".join(parts)}</ul>'
        return f'<div role="group" aria-label="{title}" style="{_PAPER}">{listed}</div>'

    def to_json(self) -> str:
        """The verdict for a program.

        Returns:
            str: JSON: ``ok``, ``mistakes`` and ``findings``, with all their attributes. JSON has
            no nan and no infinity: as values they are written as "nan", "inf" and "-inf".
        """
        found = [asdict(finding) for finding in self.findings]
        for place in (finding["place"] for finding in found if finding["place"]):
            place |= {k: str(place[k]) for k in ("yours", "right") if not math.isfinite(place[k])}
        return json.dumps(
            {"ok": self.ok, "title": self.title, "mistakes": self.mistakes, "findings": found},
            indent=2,
        )

    @classmethod
    def from_json(cls, text: str) -> "Verdict":
        """The verdict that `to_json` wrote.

        Args:
            text: The JSON.

        Returns:
            Verdict: The same verdict.
        """
        data = json.loads(text)
        return cls(tuple(_finding(each) for each in data["findings"]), data["title"])


def _finding(data: dict[str, Any]) -> Finding:
    """A finding from its JSON."""
    place = data["place"]
    if place:
        numbers = {name: float(place[name]) for name in ("yours", "right")}
        place = Place(**(place | numbers | {"index": tuple(place["index"])}))
    tuples = {name: tuple(data[name]) for name in ("details", "mistakes")}
    return Finding(**(data | tuples | {"place": place}))


def _rows(finding: Finding, book: str) -> Sequence[tuple[str, str]]:
    """Return the lines below a finding, each with the word that introduces it."""
    rows = [("", str(finding.place))] * (finding.place is not None)
    rows += [("", detail) for detail in finding.details]
    if finding.label:
        equation = EQUATIONS[finding.label]
        link = f"{book}{equation.page}.html#equation-{finding.label}"
        rows.append(("Equation", f"({finding.label}), {equation.chapter}: {link}"))
    if finding.source:
        rows.append(("Others made it", finding.source))
    if finding.hint:
        rows.append(("Hint", finding.hint))
    return rows


def _marked(text: str) -> str:
    """HTML of a sentence with `code` and addresses in it."""
    text = html.escape(text, quote=False)
    text = re.sub(r"`([^`]*)`", rf'<code style="{_CODE}">\1</code>', text)
    return re.sub(r"(https?://[^\s<\"]+)", rf'<a style="{_LINK}" href="\1">\1</a>', text)
