"""What is read is large enough and not too wide: lines of text, and letters in figures."""

import ast
import base64
import json
import statistics

import pytest

from lstm.book.plots import NARROW, STYLE
from tools.browser import ROOT, SITE

CHAPTERS = [path.stem for path in sorted(SITE.glob("book/[0-9]*.html"))]
PIXELS = 160 / 72 * 0.64  # of a point in a figure that is shown in full
SMALL, LARGE = 8, 10  # points of the smallest letters, in a figure that slides and in one that fits
LETTERS = ("fontsize", "labelsize", "title_fontsize")
FITS = 4.9  # inches: at most so wide is a figure that fits

# Letters in each full line of paragraphs that are text alone.
LINES = """() => {
  const lines = [];
  for (const p of document.querySelectorAll("article section > p:not([class])")) {
    if (p.querySelector("mjx-container, code, svg, img")) continue;
    const counts = new Map(), texts = document.createTreeWalker(p, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      for (let k = 0; k < texts.currentNode.length; k++) {
        const letter = document.createRange();
        letter.setStart(texts.currentNode, k);
        letter.setEnd(texts.currentNode, k + 1);
        const box = letter.getClientRects()[0];
        if (!box?.width) continue; // a space at the end of a line
        const line = Math.round(box.bottom / 10);
        counts.set(line, (counts.get(line) ?? 0) + 1);
      }
    }
    lines.push(...[...counts.values()].slice(0, -1)); // the last line is shorter
  }
  return lines;
}"""

# For each figure: how wide it is shown, of how many pixels, in a box of which width, and whether
# the box slides.
FIGURES = """() => [...document.querySelectorAll("a.full > img:not(.panels)")]
  .filter((e) => e.checkVisibility())
  .map((e) => [e.clientWidth, Number(e.getAttribute("width")), e.parentElement.clientWidth,
               getComputedStyle(e.parentElement).overflowX === "auto"])"""


# The tables that are wider than their place.
SLIDING = """() => [...document.querySelectorAll(".pst-scrollable-table-container")]
  .filter((e) => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1)
  .map((e) => [e.scrollWidth, e.innerText.slice(0, 60)])"""


def drawing():
    """The code of all figures, with its place: each cell of a chapter, each function of plots."""
    for path in sorted(ROOT.glob("book/[0-9]*.ipynb")):
        for number, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"]):
            if cell["cell_type"] == "code":
                yield f"{path.stem}, cell {number}", ast.parse("".join(cell["source"]))
    for path in sorted(ROOT.glob("lstm/book/plots/*.py")):
        for part in ast.parse(path.read_text(encoding="utf-8")).body:
            yield f"{path.stem}.{getattr(part, 'name', part.lineno)}", part


def sizes(code):
    """The sizes of letters in points, and the widths of figures in inches, that code asks for."""
    letters, widths = [], []
    for call in ast.walk(code):
        for option in call.keywords if isinstance(call, ast.Call) else ():
            of = getattr(call.func, "attr", "")
            if option.arg in LETTERS or (option.arg == "size" and of in ("text", "annotate")):
                letters.append(ast.literal_eval(option.value))  # a name such as "small" has none
            if option.arg == "figsize":
                width = ast.unparse(option.value.elts[0])
                widths.append(NARROW if width.endswith("NARROW") else float(width))
    return letters, widths


# How much of a picture is nearly white, and how much of its edge is light.
WHITE = """async (png) => {
  const file = await fetch(`data:image/png;base64,${png}`);
  const picture = await createImageBitmap(await file.blob());
  const canvas = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
  canvas.drawImage(picture, 0, 0);
  const pixels = canvas.getImageData(0, 0, picture.width, picture.height).data;
  let white = 0, edge = 0;
  for (let k = 0; k < pixels.length; k += 4) {
    const x = (k / 4) % picture.width;
    white += Math.min(pixels[k], pixels[k + 1], pixels[k + 2]) > 225;
    edge += (x < 2 || x >= picture.width - 2) && pixels[k] > 60;
  }
  return [white / picture.width / picture.height, edge / picture.height / 4];
}"""


NOTHING_ABOVE = """() => {
  for (const each of document.querySelectorAll("body *")) {
    if (/fixed|sticky/.test(getComputedStyle(each).position)) each.style.display = "none";
  }
  document.getElementById("pst-skip-link")?.remove();
}"""


@pytest.mark.parametrize("width", [1280, 1600])
def test_a_line_has_seventy_letters(visit, width):
    lines = []
    for chapter in CHAPTERS[::3]:
        page = visit(f"book/{chapter}.html", viewport={"width": width, "height": 900})
        page.evaluate("document.fonts.load('1rem \"Source Serif 4\"').then(() => 0)")
        page.reload()  # a first visit may do without the typeface
        page.evaluate("document.fonts.ready.then(() => 0)")
        assert page.evaluate("document.fonts.check('1rem \"Source Serif 4\"')")
        lines += page.evaluate(LINES)
    assert len(lines) > 150
    assert 66 <= statistics.median(lines) <= 74
    assert statistics.quantiles(lines, n=20)[-1] <= 80


def test_no_figure_has_smaller_letters():
    """A size that is not given is that of the style, 10 points."""
    asked = {place: sizes(code) for place, code in drawing()}
    for place, (letters, widths) in asked.items():
        least = LARGE if min(widths, default=FITS) < FITS else SMALL
        assert all(size >= least for size in letters), (place, letters)
    assert STYLE["font.size"] == STYLE["axes.titlesize"] == LARGE
    assert sum(len(widths) for _, widths in asked.values()) > 40


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_letters_of_figures_are_legible_on_a_telephone(visit, chapter):
    """Those of 8 points have 9 pixels: a figure slides in its box rather than shrinks further."""
    page = visit(f"book/{chapter}.html", viewport={"width": 390, "height": 844})
    for shown, full, box, slides in page.evaluate(FIGURES):
        fits = shown <= box + 1
        least = LARGE if fits else SMALL
        assert not fits or full <= FITS * 72 * PIXELS
        assert least * PIXELS * shown / full >= 9, (shown, full, box)
        assert fits or slides, (shown, full, box)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_no_table_slides_on_a_telephone(visit):
    """It is narrow, or its rows become cards in which each cell has the head of its column."""
    slide, cards = [], 0
    for path in sorted(SITE.glob("book/*.html")):
        page = visit(f"book/{path.name}", viewport={"width": 390, "height": 844})
        slide += [(path.stem, *table) for table in page.evaluate(SLIDING)]
        cards += page.locator("table.cards").count()
    assert not slide
    assert cards > 15


def test_cards_name_each_cell(visit):
    page = visit("book/13-trading-weights.html")
    table = page.locator("table.cards").first
    heads = table.locator("thead th").all_inner_texts()
    assert len(heads) == 7
    row = table.locator("tbody tr").first
    assert row.locator(".head").all_text_contents() == heads
    named = row.locator(".head:visible")
    assert named.count() == 0  # on a wide page the heads are above
    page.set_viewport_size({"width": 390, "height": 844})
    assert named.all_inner_texts() == heads[1:]  # the first names the row
    assert not table.locator("thead").is_visible()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_no_figure_is_a_white_slab_on_a_dark_page(visit, chapter):
    page = visit(f"book/{chapter}.html", color_scheme="dark", reduced_motion="reduce")
    # What stays in its place while the page scrolls would be in the picture of a tall figure.
    page.evaluate(NOTHING_ABOVE)
    figures = [figure for figure in page.locator("a.full").all() if figure.is_visible()]
    for figure in figures:
        white, edge = page.evaluate(WHITE, base64.b64encode(figure.screenshot()).decode())
        assert white < 0.03, (white, figure.locator("img").first.get_attribute("alt"))
        assert edge < 0.05, (edge, figure.locator("img").first.get_attribute("alt"))
