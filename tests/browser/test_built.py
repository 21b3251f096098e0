"""What `book/_ext` does to the pages, read from the built site and from the notebooks.

This needs no browser. Every expectation is worked out here, from the sources or by hand: a mistake
in the extension must not find itself confirmed.
"""

import io
import json
import re
from base64 import b64decode
from functools import cache
from pathlib import Path

import nbformat
import pytest
from PIL import Image

from tools.browser import SITE

ROOT = Path(__file__).parent.parent.parent
CHAPTERS = sorted(path.stem for path in (ROOT / "book").glob("[0-9][0-9]-*.ipynb"))


@cache
def page(name):
    return (SITE / f"{name}.html").read_text(encoding="utf-8")


def article(chapter):
    """The text of a chapter's page, without what stands around it."""
    return re.search(r"<article.*</article>", page(f"book/{chapter}"), re.DOTALL)[0]


@cache
def notebook(chapter):
    return nbformat.read(ROOT / "book" / f"{chapter}.ipynb", as_version=4)


def words(chapter):
    """Prose, code and output of a notebook, as text."""
    cells = notebook(chapter).cells
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    return prose, code


def labels(chapter):
    return re.findall(r"\$\$ \((eq-[\w-]+)\)", words(chapter)[0])


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_an_equation_is_numbered_by_its_label(chapter):
    found = re.findall(
        r'id="equation-(eq-[\w-]+)">\s*<span class="eqno">\((.*?)\)<', article(chapter)
    )
    assert [label for label, _ in found] == labels(chapter)
    assert all(label == number for label, number in found)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_label_in_code_leads_to_its_equation(chapter):
    home = {label: other for other in CHAPTERS for label in labels(other)}
    commented = re.findall(r'<(span|i) class="?c1"?>(.*?)</\1>', article(chapter))
    for _, comment in commented:
        for label in re.findall(r"\((?:<a [^>]*>)?(eq-[\w-]+)", comment):
            if label in home:
                place = "" if home[label] == chapter else f"{home[label]}.html"
                assert f'href="{place}#equation-{label}">{label}</a>' in comment, comment


def test_some_labels_in_code_are_links():
    linked = {c: article(c).count('<a class="eq" href') for c in CHAPTERS}
    assert min(linked[c] for c in CHAPTERS if c[:2] in ("02", "03", "05")) >= 4
    assert linked["04-one-step-back"] >= 1  # its tables name the equations in a column
    assert sum(linked.values()) > 60


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_time_to_read_is_that_of_a_slow_reader(chapter):
    """150 words, two equations or 20 lines a minute; what cells show counts, what is folded not."""
    prose, _ = words(chapter)
    lines = []
    for cell in notebook(chapter).cells:
        tags = set(cell.metadata.get("tags", []))
        if cell.cell_type == "code" and not tags & {"hide-input", "hide-cell", "remove-input"}:
            lines += cell.source.splitlines()
        for output in cell.get("outputs", []) if not tags & {"hide-cell", "hide-output"} else []:
            text = output.get("text") or output.get("data", {}).get("text/markdown", "")
            lines += filter(str.strip, text.splitlines())
    displayed = prose.count("$$") // 2
    plain = re.sub(r"\$\$.*?\$\$", "", prose, flags=re.DOTALL)
    estimate = len(plain.split()) / 150 + displayed / 2 + len(lines) / 20
    said = re.search(
        r'<p class="reading-time">About (\d+) minutes to read'
        r"(?:, (\d+) more after the exercises)?(.*?)</p>",
        article(chapter),
    )
    assert 0.8 < (int(said[1]) + int(said[2] or 0)) / estimate < 1.25, (said[0], estimate)
    _, _, behind = prose.partition("\n## Exercises\n")
    assert bool(said[2]) == (re.findall(r"^## (.*)", behind, re.MULTILINE) != ["Sources"])
    exercises = len(set(re.findall(r"Exercise \d+\.\d+\.", prose)))
    assert f"· {exercises} exercise{'s' * (exercises > 1)}" in said[3]
    found = article(chapter).count('class="math notranslate" id="equation-')
    assert (f"· {displayed} equation" in said[3]) == (displayed > 0), (displayed, found, said[3])


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_words_chapter_4_lead_to_chapter_4(chapter):
    text = article(chapter)
    linked = re.findall(r'<a [^>]*href="([^"#]*)[^"]*"[^>]*>[Cc]hapter\xa0(\d+)</a>', text)
    assert all(target.startswith(f"{int(number):02}-") for target, number in linked), linked
    text = re.sub(r"<figcaption>.*?</figcaption>", "", text, flags=re.DOTALL)
    paragraphs = re.findall(r"<p>(.*?)</p>", text, re.DOTALL)
    rest = r"<a .*?</a>|<strong>.*?</strong>|<svg.*?</svg>|<[^>]*>"
    plain = [re.sub(rest, "", paragraph, flags=re.DOTALL) for paragraph in paragraphs]
    left = {n for p in plain for n in re.findall(r"[Cc]hapters?\s(\d+)", p)}
    others = {f"{int(c[:2])}" for c in CHAPTERS} - {f"{int(chapter[:2])}"}
    assert not left & others, left
    assert linked, "a chapter that names no other"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_figure_has_two_thirds_of_its_pixels_and_leads_to_its_file(chapter):
    figures = re.findall(
        r'<a class="full[^>]* href="\.\./(_images/[^"]*\.\w+)"><img [^>]*src="\.\./(_images/[^"]*)"'
        r'[^>]*width="(\d+)" height="(\d+)"', article(chapter))  # fmt: skip
    stored = [
        output.data["image/png"]
        for cell in notebook(chapter).cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(figures) == len(stored)
    assert figures or '<svg class="drawing' in article(chapter), "a chapter without a figure"
    for (href, source, *size), picture in zip(figures, stored, strict=True):
        assert href == source
        with Image.open(io.BytesIO(b64decode(picture))) as image:
            for got, pixels in zip(map(int, size), image.size, strict=True):
                assert abs(got - 0.64 * pixels) <= 1


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_terms_lead_to_the_glossary_once_each(chapter):
    terms = re.findall(r'<a class="term" href="glossary\.html#(term-[\w-]+)">', article(chapter))
    assert len(terms) > 3
    assert len(set(terms)) == len(terms)


def test_previews_show_every_equation_and_term():
    text = (SITE / "_static/previews.js").read_text(encoding="utf-8")
    previews = json.loads(text.removeprefix("window.LSTM_PREVIEWS = ").rstrip(";\n"))
    for chapter in CHAPTERS:
        for label in labels(chapter):
            shown = previews[f"equation-{label}"]
            assert re.match(r"<[\w-]*container ", shown["html"]), label
            assert shown["gates"] == (chapter[:2] in ("01", "02", "03", "04", "05", "10"))
    glossary = (ROOT / "book/glossary.md").read_text(encoding="utf-8")
    terms = {entry["term"].replace("’", "'") for entry in previews.values() if "term" in entry}
    assert len(terms) > 40
    assert all(f"\n{term}\n" in glossary for term in terms)


def test_letters_have_the_colours_of_gates_where_they_stand_for_gates():
    coloured = {c[:2] for c in CHAPTERS if '<div class="gates">' in page(f"book/{c}")}
    assert coloured == {"01", "02", "03", "04", "05", "10"}


def test_drawings_are_part_of_the_page_and_described():
    drawn = {"01-why-gates": 2, "02-four-gates": 1, "04-one-step-back": 2,
             "08-the-same-in-jax": 1, "benchmarks": 1}
    drawn = {"index": 1} | {f"book/{chapter}": count for chapter, count in drawn.items()}
    for name, drawings in drawn.items():
        found = re.findall(r'<svg class="drawing [^"]*" role="(\w+)" aria-label="([^"]*)"',
                           page(name))  # fmt: skip
        assert len(found) == drawings, name
        assert all(len(about) > 20 for _, about in found)
    for chapter in CHAPTERS:
        as_picture = r'<img [^>]*_images/[^"]*\.svg"'
        assert not re.search(as_picture, page(f"book/{chapter}"))


def test_the_page_for_wrong_addresses_lists_all_chapters():
    text = page("404").partition("<h1>No such page")[2]
    assert text
    for chapter in CHAPTERS:
        assert f'<li><a href="book/{chapter}.html">' in text
    assert 'action="search.html"' in text
