"""A set of slides for each chapter: ``make slides``, after the site was built.

`tools.deck` cuts the chapters into slides, nbconvert makes reveal.js pages of them, and what
typesets the mathematics of the site does it here. The pages lie in ``slides/`` of the site; they
need no network. Press S for the notes, F for the whole screen, ? for all keys;
``?print-pdf`` behind the address makes a page that prints.
"""

import html
import re
import shutil
import sys
from base64 import b64decode
from hashlib import sha256
from pathlib import Path

import nbformat
from nbconvert.exporters import SlidesExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from pybtex.database import parse_file
from pygments.formatters import HtmlFormatter

from tools.browser import ROOT, SITE
from tools.deck import Part, deal, gist
from tools.offer import offer

sys.path.insert(0, str(ROOT / "book/_ext"))
from lstm_math import MATHJAX, typesetter
from lstm_small import SITE_SHEET, cut_mathematics, lean

BOOK = ROOT / "book"
PARTS = Path(__file__).parent / "deck"
FOLDER = SITE / "slides"

CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)
EQUATION = re.compile(r"\$\$(?P<tex>.+?)\$\$(?: \((?P<label>eq-[\w-]+)\))?", re.DOTALL)
NOTES = re.compile(r'<aside class="notes">.*?</aside>', re.DOTALL)
INLINE = re.compile(r"(?<!\\)\$(?P<tex>[^$]+?)(?<!\\)\$")


def chapters() -> list[Path]:
    """The notebooks of the book."""
    return sorted(BOOK.glob("[0-9]*.ipynb"))


class Translator:
    """Turns the book's Markdown into that of nbconvert. It collects formulas, set later."""

    def __init__(self) -> None:
        self.formulas: list[tuple[str, bool]] = []
        self.references = parse_file(BOOK / "references.bib").entries
        names = re.compile(r"\$\$ \((eq-[\w-]+)\)|\"name\": \"(fig-[\w-]+)\"")
        self.pages = {
            "".join(found): path.stem
            for path in chapters()
            for found in names.findall(path.read_text(encoding="utf-8"))
        }

    def text(self, source: str) -> str:
        """Markdown with mathematics as marks, citations as words, and links into the book."""
        parts = CODE.split(source)
        return "".join(part if part.startswith("`") else self._prose(part) for part in parts)

    def _prose(self, text: str) -> str:
        text = re.sub(r"\{cite:(.)\}$", "", text)
        text = EQUATION.sub(self._equation, text)
        text = INLINE.sub(lambda match: self._mark(match["tex"], False), text)
        text = re.sub(r"\]\(#((?:eq|fig)-[\w-]+)\)", self._link, text)
        text = re.sub(r"\]\(([\w-]+)(?:\.ipynb)?\)", self._page, text)
        # Places of the page and files beside it are not there.
        text = re.sub(r"\[([^\]]*)\]\((?:#[\w-]+|\.\./[^b][^)]*)\)", r"\1", text)
        return text.replace("](_static/", "](../_static/")

    def cite(self, source: str) -> str:
        """Citations as authors and year."""

        def words(match: re.Match) -> str:
            named = []
            for key in match["keys"].split(","):
                entry = self.references[key.strip()]
                persons = [p.last_names[0] for p in entry.persons.get("author", [])]
                who = f"{persons[0]} et al." if len(persons) > 2 else " and ".join(persons)
                year = entry.fields.get("year", "")
                named.append((who or entry.fields.get("title", ""), year))
            if match["kind"] == "t":
                return ", ".join(f"{who} ({year})" for who, year in named)
            return "(" + "; ".join(f"{who}, {year}" for who, year in named) + ")"

        return re.sub(r"\{cite:(?P<kind>[pt])\}`(?P<keys>[^`]+)`", words, source)

    def _mark(self, tex: str, displayed: bool) -> str:
        self.formulas.append((tex.strip(), displayed))
        return f"MATHEMATICS{len(self.formulas) - 1}END"

    def _page(self, match: re.Match) -> str:
        """A link to a page of the book, if there is one of that name."""
        there = any((BOOK / f"{match[1]}{kind}").is_file() for kind in (".ipynb", ".md"))
        return f"](../book/{match[1]}.html)" if there else match[0]

    def _link(self, match: re.Match) -> str:
        anchor = match[1].replace("eq-", "equation-eq-", 1)
        return f"](../book/{self.pages[match[1]]}.html#{anchor})"

    def _equation(self, match: re.Match) -> str:
        name = f"<small>{match['label']}</small>" if match["label"] else ""
        return f'<div class="equation">{name}{self._mark(match["tex"], True)}</div>'

    def set(self, page: str, where: str) -> str:
        """A page with its formulas in the places of their marks."""
        results = typesetter.set(self.formulas, where)
        page = re.sub(r"MATHEMATICS(\d+)END", lambda mark: results[int(mark[1])], page)
        return NOTES.sub(lambda notes: plain_mathematics(notes[0]), page)


def plain_mathematics(text: str) -> str:
    """Formulas as MathML alone: the speaker's window has no style sheet of ours."""
    return re.sub(
        r"<mjx-container.*?(<math.*?</math>).*?</mjx-container>", r"\1", text, flags=re.DOTALL
    )


def cell_of(part: Part, translator: Translator):
    """The cell that nbconvert is given for a part of a slide."""
    if part.kind == "cell":
        cell, shown, printed = part.content
        cell = new_code_cell(cell.source if shown else "", outputs=printed)
        cell.metadata.hide_source = not shown
        for output in cell.outputs:
            for kind in {"text/markdown"} & set(output.get("data", {})):
                output.data[kind] = translator.text(output.data[kind])
        return cell
    if part.kind == "figure":
        picture, meta = part.content
        name = f"../_images/{sha256(b64decode(picture)).hexdigest()}.png"  # as MyST-NB calls it
        words = translator.text(translator.cite(gist(meta["figure"]["caption"])))
        alt = html.escape(meta["image"]["alt"])
        return new_markdown_cell(
            f'<figure><img src="{name}" alt="{alt}"><figcaption>{words}</figcaption></figure>'
        )
    return new_markdown_cell(translator.text(translator.cite(part.content)))


def deck(path: Path, translator: Translator) -> str:
    """The page with the slides of a chapter."""
    notebook = nbformat.read(path, as_version=4)
    cells = []
    for slide in deal(notebook):
        notes = [part for part in slide if part.kind == "notes"]
        shown = [part for part in slide if part.kind != "notes"]
        for part in shown:
            cell = cell_of(part, translator)
            if part is shown[0]:
                level = part.content.split(" ")[0]
                cell.metadata.slideshow = {"slide_type": "slide" if len(level) < 3 else "subslide"}
            cells.append(cell)
        if notes:
            text = "\n\n".join(part.content for part in notes)
            cell = new_markdown_cell(translator.text(translator.cite(text)))
            cell.metadata.slideshow = {"slide_type": "notes"}
            cells.append(cell)
    title = notebook.cells[0].source.splitlines()[0].removeprefix("# ")
    exporter = SlidesExporter(template_name="deck", extra_template_basedirs=[str(PARTS.parent)])
    exporter.exclude_anchor_links = True
    page, _ = exporter.from_notebook_node(new_notebook(cells=cells, metadata={"title": title}))
    return lean(translator.set(page, path.name))


def contents(titles: dict[str, str]) -> str:
    """The page that lists the decks."""
    entries = "".join(
        f'<li><a href="{stem}.html">{title}</a></li>' for stem, title in titles.items()
    )
    return f"""<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Slides</title>
<link rel="icon" href="../_static/logo.svg"><link rel="stylesheet" href="deck.css"></head>
<body class="decks"><main><h1>Slides</h1>
<p>A set for each chapter of <a href="../index.html">The LSTM book</a>, made from the
chapter itself: its equations, its figures, its code, and one sentence of each paragraph. The
paragraphs are in the notes: press S to see them, F to fill the screen, Esc for an overview. To
print a set, add <code>?print-pdf</code> to its address. Text and figures: CC BY 4.0.</p>
<ul>{entries}</ul></main></body></html>"""


def main() -> None:
    if not SITE.is_dir():
        sys.exit(f"slides: no site at {SITE}: run make book first")
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    titles = {}
    for path in chapters():
        page = deck(path, Translator())
        titles[path.stem] = re.search(r"<title>(.*?) \(slides\)</title>", page)[1]
        (FOLDER / f"{path.stem}.html").write_text(page, encoding="utf-8")
    (FOLDER / "index.html").write_text(contents(titles), encoding="utf-8")

    shutil.copytree(PARTS / "reveal", FOLDER / "reveal")
    code = HtmlFormatter(style="a11y-high-contrast-light").get_style_defs(".highlight")
    style = (PARTS / "deck.css").read_text(encoding="utf-8") + code
    (FOLDER / "deck.css").write_text(style, encoding="utf-8")
    shutil.copy(PARTS / "deck.js", FOLDER)
    style = typesetter.stylesheet()
    typesetter.close()
    for font in set(
        re.findall(r'url\("mathjax/([\w-]+\.woff)"\)', style)
    ):  # whole, to be cut again
        shutil.copy(MATHJAX / "output/chtml/fonts/woff-v2" / font, SITE / "_static/mathjax")
    sheet = FOLDER / "mathematics.css"
    sheet.write_text(style.replace('url("mathjax/', 'url("../_static/mathjax/'), encoding="utf-8")
    pages = "".join(path.read_text(encoding="utf-8") for path in SITE.rglob("*.html"))
    cut_mathematics(SITE / "_static", [SITE / "_static" / SITE_SHEET, sheet], pages)
    offer()
    size = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())
    print(f"Slides of {len(titles)} chapters are at {FOLDER / 'index.html'}, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
