"""Cut a chapter into slides: ``tools.slides`` makes pages of them.

A slide shows what a lecturer points at: headings, equations, lists, tables, figures, short code
and what it prints, and of each paragraph one sentence. The paragraph itself, margin notes, hints
and solutions become notes for the speaker. What is folded on the page is left out.

A cell may override this by the tag that nbconvert and JupyterLab use, ``slideshow.slide_type`` in
its metadata: ``skip`` leaves it out, ``notes`` makes it a note, ``slide`` shows it although it
would be left out.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

ROOM = 15  # lines of text that fit a slide below its heading
WIDTH = 82  # letters in such a line
CODE = 34  # lines of code that are still read on a slide, in smaller letters
FOLDED = {"hide-cell", "hide-output", "remove-cell"}
CODELESS = {"hide-input", "remove-input"}

NOTE = re.compile(r'<div class="margin">\s*(.*?)\s*</div>', re.DOTALL)
DETAILS = re.compile(r"<details>\s*<summary>(.*?)</summary>\s*(.*?)\s*</details>", re.DOTALL)
SENTENCE = re.compile(r"(?<=[^.\d][.!?])[\"”)*_]*\s+(?=[*_(\[“\"]*[A-ZÀ-Þ`$])")
MARK = "A\N{OBJECT REPLACEMENT CHARACTER}"  # a letter, so that a sentence may begin with it
LEFT_OUT = ("**To run it.**", "**What you need.**")


@dataclass
class Part:
    """A part of a slide: its kind, its Markdown or its cell, and how many lines it takes."""

    kind: str
    content: object
    lines: float


def blocks(source: str) -> tuple[list[str], list[str]]:
    """The blocks of a cell of Markdown, and the notes in it."""
    notes = NOTE.findall(source)
    notes += [f"**{title}.** {text}" for title, text in DETAILS.findall(source)]
    source = DETAILS.sub("", NOTE.sub("", source))
    found, current, ends = [], [], None
    for line in source.splitlines():
        if ends is None and not line.strip():
            found, current = [*found, "\n".join(current)], []
            continue
        current.append(line)
        if ends is None and line.startswith(("```", "$$")) and not re.match(r"\$\$.+\$\$", line):
            ends = line[:2]
        elif ends and ends in line:
            ends = None
    found.append("\n".join(current))
    return [block for block in found if block.strip()], notes


def kind_of(block: str) -> str:
    """Tell the kind of a block by its first letters."""
    starts = (
        (r"#{1,6} ", "heading"), (r"\$\$", "equation"), (r"[-*] |\d+\. ", "list"), (r"\|", "table"),
        (r"!\[", "picture"), (r"```", "code"), (r"<", "html"),
    )  # fmt: skip
    return next((kind for start, kind in starts if re.match(start, block)), "paragraph")


def sentences(paragraph: str) -> list[str]:
    """The sentences of a paragraph, mathematics and code left whole."""
    whole = re.compile(r"\*\*.+?\*\*|\*[^*]+\*|\$[^$]+\$|`[^`]+`|\[[^\]]*\]\([^)]*\)")
    text = " ".join(paragraph.split())
    kept = iter(whole.findall(text))
    found = SENTENCE.split(whole.sub(MARK, text))
    return [re.sub(MARK, lambda _: next(kept), part) for part in found]


def gist(paragraph: str) -> str:
    """The sentence that a slide shows: the last if it leads to what follows, else the first."""
    found = sentences(paragraph)
    if found[-1].endswith(":"):
        return found[-1]
    short = len(re.sub(r"[*_]", "", found[0])) < 45
    return " ".join(found[: 2 if short else 1])


def height(text: str, kind: str) -> float:
    """About how many lines a block takes."""
    if kind == "equation":
        return 1.5 + 1.6 * text.count("\\\\")
    if kind == "picture":
        return ROOM - 3
    if kind == "table":
        return 0.8 * (text.count("\n") + 1)
    return sum(-(-len(line) // WIDTH) for line in text.splitlines()) + 0.5


def parts_of_text(source: str) -> list[Part]:
    """What slides show of a cell of Markdown, and its notes."""
    found, notes = blocks(source)
    parts: list[Part] = []
    for block in found:
        kind = kind_of(block)
        if kind == "html" or block.startswith(LEFT_OUT):
            continue
        if kind == "heading":
            parts.append(Part("title" if block.startswith("# ") else "new", block, 0))
            continue
        if block.startswith("**What you will learn.**"):
            points = sentences(block.removeprefix("**What you will learn.**"))
            listed = "\n".join(f"- {point}" for point in points)
            parts += [Part("new", "## What you will learn", 0), Part("list", listed, len(points))]
        elif block.startswith("**Exercise"):
            parts.append(Part("new", "## Exercise", 0))
            parts.append(Part(kind, block, height(block, kind)))
        elif kind == "paragraph":
            hook = parts and parts[-1].kind == "title"
            shown = " ".join(sentences(block)[:2]) if hook else gist(block)
            parts += [Part(kind, shown, height(shown, kind)), Part("notes", block, 0)]
        else:
            parts.append(Part(kind, block, height(block, kind)))
    return parts + [Part("notes", text, 0) for text in notes]


def printed_text(output) -> str:
    """What an output of a cell shows, as text."""
    data = output.get("data", {})
    return output.get("text") or data.get("text/markdown") or data.get("text/plain", "")


def parts_of_code(cell) -> list[Part]:
    """What slides show of a cell of code."""
    parts, tags = [], set(cell.metadata.get("tags", []))
    code = cell.source.strip()
    figure = cell.metadata.get("mystnb", {})
    pictures = [output for output in cell.outputs if "image/png" in output.get("data", {})]
    printed = [output for output in cell.outputs if output not in pictures]
    shown = not tags & CODELESS and not pictures and code.count("\n") < CODE
    if shown or printed:
        text = "".join(map(printed_text, printed))
        lines = 0.72 * ((code.count("\n") + 1) * shown + text.count("\n")) + 1
        parts.append(Part("cell", (cell, shown, printed), lines))
    for picture in pictures:
        caption = " ".join(figure["figure"]["caption"].split())
        parts.append(Part("figure", (picture.data["image/png"], figure), ROOM - 3))
        parts.append(Part("notes", caption, 0))
    return parts


def parts_of(cell) -> list[Part]:
    """What slides show of a cell."""
    said = cell.metadata.get("slideshow", {}).get("slide_type")
    folded = FOLDED & set(cell.metadata.get("tags", []))
    if said == "skip" or (folded and said != "slide"):
        return []
    if said == "notes":
        return [Part("notes", cell.source, 0)]
    return parts_of_text(cell.source) if cell.cell_type == "markdown" else parts_of_code(cell)


def deal(notebook) -> list[list[Part]]:
    """The slides of a chapter: each a list of parts that begins with a heading."""
    slides: list[list[Part]] = []
    skipping = False
    for part in (part for cell in notebook.cells for part in parts_of(cell)):
        if part.kind == "new" and part.content.startswith("## "):
            skipping = part.content == "## Sources"
        if skipping:
            continue
        if part.kind in ("title", "new"):
            slides.append([part])
            continue
        there = sum(other.lines for other in slides[-1])
        # Rather small letters than a slide with a sentence on it.
        room = ROOM * (3 if there < 2.6 else 1.4 if there < 4 else 1)
        if part.kind != "notes" and there and there + part.lines > room:
            heading = re.sub("^#+", "###", slides[-1][0].content)  # the same, one step below
            carried = leads_on(slides[-1])
            slides.append([Part("again", heading, 0), *carried])
        slides[-1].append(part)
    for before, slide in pairwise(list(slides)):
        lines = sum(part.lines for part in slide)
        there = sum(part.lines for part in before)
        if slide[0].kind == "again" and lines < 3 and there + lines < ROOM + 2:
            before += slide[1:]  # no slide for a single sentence
            slides.remove(slide)
    return [slide for slide in slides if any(part.kind != "notes" for part in slide[1:])]


def leads_on(slide: list[Part]) -> list[Part]:
    """Take from the end of a slide the sentence that announces what comes next, with its notes."""
    for k in range(len(slide) - 1, 0, -1):
        if slide[k].kind == "paragraph" and slide[k].content.endswith(":"):
            slide[k:], taken = [], slide[k:]
            return taken
        if slide[k].kind != "notes":
            break
    return []
