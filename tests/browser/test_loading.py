"""What a reader sees while a page loads: soon all of it, and nothing moves."""

import gzip
import re

import pytest

from tools import browser as tools
from tools.browser import SITE

PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.glob("book/*.html"))
PAGES = ["index.html", *PAGES]

# The sum of all layout shifts, with what moved, since the first byte.
WATCH = """window.moved = []; new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (!entry.hadRecentInput) moved.push([entry.value, ...entry.sources.map(
      ({ node }) => (node?.outerHTML ?? node?.textContent ?? "").slice(0, 80))]);
  }
}).observe({ type: "layout-shift", buffered: true });"""


@pytest.fixture(scope="module")
def slow_site():
    """The site over a line of 4 Mbit/s, on which pages come in pieces."""
    with tools.served(bytes_per_second=500_000, latency=0.04) as address:
        yield address


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("path", PAGES)
def test_nothing_moves_while_a_page_loads(browser, slow_site, path, width):
    """The cumulative layout shift."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    context.set_default_timeout(300_000)
    context.add_init_script(WATCH)
    page = context.new_page()
    page.goto(f"{slow_site}/{path}")  # until "load": nothing more is asked for
    page.wait_for_timeout(500)
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    moved = page.evaluate("moved")
    context.close()
    assert sum(value for value, *_ in moved) < 0.02, [m for m in moved if m[0] > 0.002]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_waits_for_little(path):
    """All that must come before the first formula is seen: 60 kB as servers send them.

    That is 0.3 s on a line of 1.6 Mbit/s. The page itself is shown as it comes, so of it the part
    up to the first formula counts, or to the title where there is none. Formulas wait for no font:
    until theirs comes, they are shown in the reader's.
    """
    text = (SITE / path).read_text(encoding="utf-8")
    head = text.split("</head>")[0]
    sheets = re.findall(r'<link [^>]*href="([^"?]+\.css)', head)
    scripts = re.findall(r'<script (?:data-[^>]* )?src="([^"?]+)', head)
    assert len(sheets) == 1
    first = "</mjx-container>" if "mjx-container" in text else "</h1>"
    shown = text[: text.index(first)]
    sizes = {name: (SITE / path).parent / name for name in sheets + scripts}
    weights = {name: len(gzip.compress(file.read_bytes(), 6)) for name, file in sizes.items()}
    weights[path] = len(gzip.compress(shown.encode(), 6))
    assert sum(weights.values()) <= 60_000, weights
    style = (SITE / "_static/site.css").read_text(encoding="utf-8")
    faces = re.findall(r"@font-face ?{[^}]*MJX[^}]*}", style)
    assert len(faces) > 5
    assert all("font-display: swap" in face for face in faces)


def test_tables_are_shown_when_they_are_whole():
    """Each has the mark that book.css waits for: without it a table would stay hidden."""
    pages = [SITE / path for path in PAGES] + list(SITE.glob("_modules/**/*.html"))
    for page in pages:
        text = page.read_text(encoding="utf-8")
        boxes = text.count('class="pst-scrollable-table-container"')
        assert boxes == text.count("<i hidden></i></div>"), page


def test_formulas_stay_where_they_are_when_their_letters_come(browser, slow_site):
    """Their heights are known before: with none of the letters they are those with all."""
    heights = []
    for letters in (False, True):
        context = browser.new_context(viewport={"width": 390, "height": 900})
        page = context.new_page()
        if not letters:
            page.route("**/mathjax/**", lambda route: route.abort())
        page.goto(f"{slow_site}/book/04-one-step-back.html")
        page.evaluate("document.fonts.ready.then(() => 0)")
        heights.append(page.evaluate("document.querySelector('article').scrollHeight"))
        context.close()
    assert heights[0] == heights[1]
