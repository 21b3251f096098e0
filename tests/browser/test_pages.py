"""Every page of the built site, in both themes, wide and narrow."""

import gzip
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe

from tools.browser import ROOT, SITE
from tools.offer import LARGEST

PAGES = [
    path for path in sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))
    if not path.startswith("slides/")  # which have tests of their own
]  # fmt: skip
CHAPTERS = [page for page in PAGES if page.startswith(("book/", "index"))]
PACKED = (".html", ".js", ".css", ".svg")  # what servers compress on the way
FIGURES = {path.name for path in (ROOT / "book/_static").glob("*.js")} - {"reading.js"}

# TeX that was not turned into mathematics, outside of code.
RAW_TEX = r"""() => {
  const copy = (document.querySelector("article") ?? document.body).cloneNode(true);
  copy.querySelectorAll("pre, code, script, mjx-container").forEach((e) => e.remove());
  const raw = copy.textContent.match(/\\[()[\]]|\$\$|\\(begin|frac|sigma|odot|text)\b/g) ?? [];
  const failed = [...document.querySelectorAll("m-merror, m-mtext[style*='red']")];
  return [...raw, ...failed.map((e) => e.textContent)];
}"""

# All that it checks by itself, and how large and how far apart what is clicked must be.
AXE = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}

# Pictures without words, and tables without headers.
WORDLESS = """() => [
  ...[...document.querySelectorAll("article img:not(.panels)")].filter((e) => e.alt.length < 30),
  ...[...document.querySelectorAll("article svg.drawing")].filter((e) => e.ariaLabel.length < 30),
  ...[...document.querySelectorAll("article table:not([role=presentation])")]
    .filter((e) => !e.querySelector("th")),
].map((e) => e.outerHTML.slice(0, 100))"""

# Code and numbers in tables that are torn over several lines.
TORN = """() => {
  const torn = [], cells = "article :is(th, td) code, article td.text-right";
  for (const cell of document.querySelectorAll(cells)) {
    const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const range = document.createRange();
      range.selectNodeContents(texts.currentNode);
      const boxes = [...range.getClientRects()].filter((box) => box.width);
      if (boxes.some((box) => box.top >= boxes[0].bottom)) torn.push(cell.textContent.trim());
    }
  }
  return torn;
}"""

# Words of drawings that lie on other words, or reach over the edge.
CROWDED = """() => [...document.querySelectorAll("svg.drawing")].flatMap((svg) => {
  const frame = svg.getBoundingClientRect(), texts = [...svg.querySelectorAll("text")];
  const boxes = texts.map((text) => text.getBoundingClientRect());
  const apart = (a, b) => a.right <= b.left + 1 || b.right <= a.left + 1
    || a.bottom <= b.top + 3 || b.bottom <= a.top + 3;  // above letters there is air
  const within = (a) => a.left >= frame.left - 1 && a.right <= frame.right + 1
    && a.top >= frame.top - 1 && a.bottom <= frame.bottom + 1;
  return texts.filter((text, k) => text.textContent.trim() && (!within(boxes[k])
    || boxes.some((box, j) => j !== k && texts[j].textContent.trim() && !apart(boxes[k], box))))
    .map((text) => text.textContent);
})"""


def test_the_site_is_built():
    assert len(CHAPTERS) >= 12, "run make book first"


@pytest.mark.parametrize("path", PAGES)
def test_page(visit, path):
    page = visit(path, reduced_motion="reduce")  # no colour is caught halfway
    assert page.evaluate(RAW_TEX) == []
    assert page.evaluate(WORDLESS) == []
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for theme in ("light", "dark"):
            page.evaluate(
                "theme => Object.assign(document.documentElement.dataset, {theme, mode: theme})",
                theme,
            )
            where = f"{path}, {theme}, {width}"
            assert page.evaluate("document.documentElement.scrollWidth") <= width, where
            assert page.evaluate(TORN) == [], where
            assert page.evaluate(CROWDED) == [], where
            found = Axe().run(page, options=AXE).response["violations"]
            told = [(v["id"], [node["html"][:200] for node in v["nodes"][:3]]) for v in found]
            assert told == [], where


def test_words_of_a_drawing_that_lie_on_others_are_seen(visit):
    page = visit("book/01-why-gates.html")
    assert page.evaluate(CROWDED) == []
    page.evaluate("""() => {
      const [one, other] = document.querySelectorAll("svg.drawing .words text");
      one.setAttribute("y", other.getAttribute("y")); one.setAttribute("x", "-40");
    }""")
    assert len(page.evaluate(CROWDED)) >= 1


@pytest.mark.parametrize("path", CHAPTERS)
def test_a_page_is_light(browser, site, path):
    """At most 700 kB over the wire, text compressed; of these 60 kB of scripts, the theme's too."""
    context = browser.new_context()
    page, sizes = context.new_page(), {}
    page.on("response", lambda r: sizes.update({r.url.split("?")[0]: r}))
    page.goto(f"{site}/{path}", wait_until="networkidle")
    bodies = {}
    while late := sizes.keys() - bodies:  # while some are read, others may come
        bodies |= {url: sizes[url].body() for url in late}
    context.close()
    wire = {
        url: len(gzip.compress(body, 6) if url.endswith(PACKED) else body)
        for url, body in bodies.items()
    }
    assert sum(wire.values()) <= 700_000
    assert sum(size for url, size in wire.items() if url.endswith(".js")) <= 60_000
    # Those of the figures before they are compressed, too: that is what a telephone compiles.
    figures = {
        url: body for url, body in bodies.items() if Path(urlsplit(url).path).name in FIGURES
    }
    assert sum(map(len, figures.values())) <= 60_000


def test_the_site_is_small():
    """At most 14 MB: pages, scripts, pictures, slides, and the notebooks behind the pages.

    Not counted is what is downloaded in one piece, the PDF and the zip of the figures: each has a
    limit of its own.
    """
    downloads = SITE / "downloads"
    sizes = {path: path.stat().st_size for path in SITE.rglob("*") if path.is_file()}
    apart = {path: size for path, size in sizes.items() if downloads in path.parents}
    assert sum(sizes.values()) - sum(apart.values()) <= 14_000_000
    assert all(size <= LARGEST for size in apart.values()), apart
