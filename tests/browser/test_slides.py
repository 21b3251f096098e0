"""The slides of each chapter: there, whole, private, and readable."""

import re

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe

from tools import deck
from tools.browser import ROOT, SITE

CHAPTERS = sorted((ROOT / "book").glob("[0-9]*.ipynb"))
NAMES = [path.stem for path in CHAPTERS]
RAW = r"\\[()\[\]]|\$\$|\\(begin|frac|sigma|odot|text)\b|\{cite|MATHEMATICS"


@pytest.mark.parametrize("path", CHAPTERS, ids=NAMES)
def test_slides_have_what_the_chapter_shows(path):
    page = (SITE / f"slides/{path.stem}.html").read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    equations = re.findall(r"\$\$ \((eq-[\w-]+)\)", "".join(c.source for c in cells))
    for label in equations:
        assert f"<small>{label}</small>" in page, label
    figures = [c for c in cells if "figure" in c.metadata.get("mystnb", {})]
    assert page.count("<figure>") == len(figures)
    title = cells[0].source.splitlines()[0].removeprefix("# ")
    assert f"<title>{title} (slides)</title>" in page
    assert "## Sources" not in page
    assert page.count('<aside class="notes">') > 5


@pytest.mark.parametrize("name", NAMES)
def test_slides_run_fit_and_ask_nobody(visit, name):
    page = visit(f"slides/{name}.html", viewport={"width": 1280, "height": 720})
    page.wait_for_function("window.Reveal?.isReady()")
    assert not re.search(RAW, page.evaluate("""() => {
        const copy = document.querySelector('.slides').cloneNode(true);
        copy.querySelectorAll('pre, code, mjx-container').forEach((e) => e.remove());
        return copy.textContent; }"""))  # fmt: skip
    count = page.evaluate("Reveal.getTotalSlides()")
    assert count >= 15
    for number in range(count):
        slide = page.evaluate("""() => {
            const slide = Reveal.getCurrentSlide();
            return {height: slide.scrollHeight, width: slide.scrollWidth, words: slide.innerText,
                    letters: parseFloat(slide.style.fontSize || "100"),
                    pictures: [...slide.querySelectorAll("img")].every((e) => e.naturalWidth)};
        }""")  # fmt: skip
        where = (name, number + 1, slide["words"][:40])
        assert slide["words"].strip(), where
        assert slide["pictures"], where
        assert slide["height"] <= 690, where
        assert slide["width"] <= 1290, where
        assert slide["letters"] >= 44, where
        page.keyboard.press("Space")


def test_the_list_of_slides(visit):
    page = visit("slides/index.html")
    assert page.locator("li a").count() == len(NAMES)
    found = Axe().run(page).response["violations"]
    assert [violation["id"] for violation in found] == []


def test_the_first_page_leads_to_the_slides(visit):
    page = visit("index.html")
    page.locator("#take-along a", has_text="Slides").click()
    page.wait_for_url("**/slides/index.html")


def test_a_paragraph_is_told_in_a_sentence():
    told = {
        "One. Two.": "One. Two.",
        "This sentence is long enough to be shown alone. Two.": None,
        "First. So the next line says it:": "So the next line says it:",
        "**Bold. With a stop.** Then more words, which are shown as well. Not these.":
            "**Bold. With a stop.** Then more words, which are shown as well.",
        "The value is $a. B$ of `c. D` and no more than that, that is all. Not this.":
            "The value is $a. B$ of `c. D` and no more than that, that is all.",
    }  # fmt: skip
    for paragraph, sentence in told.items():
        assert deck.gist(paragraph) == (sentence or paragraph[:-5])


def test_a_cell_may_decide_for_itself():
    cells = [
        nbformat.v4.new_markdown_cell("# Title\n\nA hook."),
        nbformat.v4.new_markdown_cell("## Shown\n\nText."),
        nbformat.v4.new_code_cell("1 + 1", metadata={"slideshow": {"slide_type": "skip"}}),
        nbformat.v4.new_code_cell("2 + 2", metadata={"tags": ["hide-cell"]}),
        nbformat.v4.new_code_cell(
            "3 + 3", metadata={"tags": ["hide-cell"], "slideshow": {"slide_type": "slide"}}
        ),
        nbformat.v4.new_markdown_cell("Said.", metadata={"slideshow": {"slide_type": "notes"}}),
    ]
    slides = deck.deal(nbformat.v4.new_notebook(cells=cells))
    kinds = [[part.kind for part in slide] for slide in slides]
    assert kinds == [
        ["title", "paragraph", "notes"], ["new", "paragraph", "notes", "cell", "notes"]
    ]  # fmt: skip
    assert slides[1][3].content[0].source == "3 + 3"
