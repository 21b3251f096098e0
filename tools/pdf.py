"""The whole book as one PDF: ``make pdf``, after the site was built.

The pages of the site are joined into one page, in the order of the table of contents, with
solutions open and folded code left out, and Chromium prints that. So links between chapters become
links inside the file, and the mathematics is that of the site. It prints twice: the first time
tells the page numbers of the table of contents.
"""

import re
import sys
from functools import cache
from urllib.parse import urldefrag, urljoin

from bs4 import BeautifulSoup
from pikepdf import ObjectStreamMode, Page, Pdf

from tools.browser import SITE, settle, started
from tools.offer import offer

FOLDER = SITE / "book"
DRAWN = ("head", "fore", "back")  # arrow heads, the same in each drawing
PDF = SITE / "downloads/lstm-book.pdf"

# A printed page waits for its fonts; a page on a screen does not.
LETTERS = "".join(
    f'@font-face {{ font-family: "Source Serif 4"; font-style: {style}; font-weight: {weight}; '
    f'src: url("../_static/fonts/source-serif-4-latin-{weight}-{style}.woff2"); }}\n'
    for weight in (400, 600)
    for style in ("normal", "italic")
)
STYLE = """
@page { size: A4; margin: 20mm 18mm 20mm 18mm; }
@page { @bottom-center { content: counter(page); font: 9pt Helvetica, sans-serif; color: #555; } }
@page :first { @bottom-center { content: none; } }
html { font-size: 10pt; background: #fff; }
body { background: #fff; margin: 0; line-height: 1.5; }
p { text-align: left; }
article { break-before: page; }
.title { height: 240mm; display: flex; flex-direction: column; justify-content: center; }
.title { text-align: center; }
.title h1 { font-size: 34pt; border: none; margin: 0 0 6mm; }
.title svg { max-width: 150mm; margin: 14mm auto; }
.contents { break-before: page; }
.contents li { display: flex; gap: 2mm; list-style: none; line-height: 1.9; }
.contents li::after { content: attr(data-page); order: 2; }
.contents li i { flex: 1; border-bottom: 1px dotted #888; margin-bottom: 2mm; }
.contents .part { font-weight: 600; margin-top: 4mm; }
pre, figure, div.math, tr, dt, details:not(.hide) { break-inside: avoid; }
pre.long { break-inside: auto !important; orphans: 6; widows: 6; }
dl.field-list { display: block; }
dt, .rubric, details > summary { break-after: avoid; }
.cell_output div[class*="highlight-"] + p { break-before: avoid; }
.cell_output p:has(> code:only-child) { break-after: avoid; }
table { display: table; width: 100%; font-size: 9.5pt; }
h1, h2, h3 { break-after: avoid; }
pre { white-space: pre-wrap !important; overflow-wrap: anywhere; }
pre { font-size: 8.4pt !important; line-height: 1.35; }
p, li { orphans: 3; widows: 3; }
.headerlink, .copybtn, .toggle-button, .viewcode-link { display: none !important; }
div.math, .pst-scrollable-table-container { overflow: visible !important; }
details.hide > summary, .reading-time { display: none !important; }
details.hide, .cell.tag_hide-cell { border: none !important; box-shadow: none !important; }
.bd-article div.cell details.hide > div { margin: 0; border: none; }
img { max-width: 100%; }
a { color: #0B5394; text-decoration: none; }
"""


@cache
def chapters() -> list[tuple[str, str]]:
    """The parts of the book and their pages, as the sidebar of the site has them."""
    page = BeautifulSoup((SITE / "index.html").read_text(encoding="utf-8"), "html.parser")
    listed = page.select("nav.bd-docs-nav .caption-text, nav.bd-docs-nav li > a")  # of all levels
    entries = [(item.get("href", ""), item.get_text(strip=True)) for item in listed]
    return [(href.removeprefix("book/"), title) for href, title in entries if href != "#"]


def address(href: str, page: str) -> str:
    """Return where a link of the site leads in the joined page."""
    target, anchor = urldefrag(urljoin(page, href))
    if "://" in href or href.startswith("mailto:") or not target.endswith(".html"):
        return href
    return f"#{target.removesuffix('.html')}" + (f".{anchor}" if anchor else "")


def article(page: str) -> BeautifulSoup:
    """The text of a page, its anchors made unique and its links made internal."""
    soup = BeautifulSoup((FOLDER / page).read_text(encoding="utf-8"), "html.parser")
    text = soup.select_one("article.bd-article")
    stem = page.removesuffix(".html")
    for element in text.find_all(id=lambda name: name and name not in DRAWN):
        element["id"] = f"{stem}.{element['id']}"
    for link in text.find_all("a", href=True):
        link["href"] = address(link["href"], page)
    for link in text.find_all("a", class_="full"):  # from a figure to its file
        link.unwrap()
    for details in text.find_all("details"):
        if "above-input" in details.get("class", ()):  # code that is folded away on the site
            details.decompose()
        else:
            details["open"] = ""
    for block in text.find_all("pre"):
        if block.get_text().count("\n") > 20:  # to keep it whole would leave half a page empty
            block["class"] = "long"
    text["id"] = stem
    return text


@cache
def articles() -> str:
    """The texts of all pages, one after the other."""
    texts = [article(href) for href, _ in chapters() if href]
    known = {element["id"] for text in texts for element in [text, *text.find_all(id=True)]}
    for text in texts:
        for link in text.find_all("a", href=re.compile("^#")):
            if link["href"][1:] not in known:  # the site has more pages than the book
                link.unwrap()
    return "".join(map(str, texts))


def join(pages: dict[str, int]) -> str:
    """The joined page. ``pages`` are the page numbers of the chapters, once they are known."""
    cover = BeautifulSoup((SITE / "index.html").read_text(encoding="utf-8"), "html.parser")
    lead, drawing = cover.select_one(".cover-lead"), cover.select_one("svg.drawing")
    listed = chapters()
    entries = "".join(
        f'<li data-page="{pages.get(href, "")}"><a href="{address(href, href)}">{title}</a><i></i>'
        if href
        else f'<li class="part">{title}'
        for href, title in listed
    )
    chapter = next(href for href, _ in listed if href)  # its styles are all chapters'
    head = BeautifulSoup((FOLDER / chapter).read_text(encoding="utf-8"), "html.parser").head
    styles = "".join(map(str, head.find_all("link", rel="stylesheet")))
    return f"""<!DOCTYPE html><html lang="en" data-theme="light" data-mode="light"><head>
        <meta charset="utf-8"><title>The LSTM book</title>{styles}<style>{LETTERS}{STYLE}</style>
        </head><body class="bd-article">
        <section class="title"><h1>The LSTM book</h1>{lead}{drawing}
        <p>The LSTM book contributors</p><p>Code: MIT licence. Text and figures: CC BY 4.0.</p>
        <p>Code that the site folds away is not printed; the notebooks have it.</p></section>
        <section class="contents"><h1>Contents</h1><ul>{entries}</ul></section>
        {articles()}</body></html>"""


def print_pdf(browser, text: str) -> None:
    """Print a page from within the site's folder, so that it finds the pictures."""
    path = FOLDER / "print.html"
    path.write_text(text, encoding="utf-8")
    try:
        page = browser.new_page()
        page.set_default_timeout(300_000)
        missing = []
        page.on("requestfailed", lambda request: missing.append(request.url))
        page.goto(path.as_uri())
        settle(page)
        if missing:
            sys.exit(f"pdf: expected all files of the site, did not find {missing}")
        if page.evaluate(
            "!document.querySelector('mjx-container') || !!document.querySelector('m-merror')"
        ):
            sys.exit("pdf: the mathematics was not set")
        page.pdf(
            path=PDF, prefer_css_page_size=True, print_background=True, outline=True, tagged=True
        )
        page.close()
    finally:
        path.unlink()


def page_numbers() -> dict[str, int]:
    """Return the page on which each chapter begins, from the links of the table of contents."""
    with Pdf.open(PDF) as book:
        return {
            name.lstrip("/") + ".html": Page(place[0]).index + 1
            for name, place in book.Root.Dests.items()
        }


def main() -> None:
    """Print, learn the page numbers, print again."""
    PDF.parent.mkdir(exist_ok=True)
    with started() as browser:
        print_pdf(browser, join({}))
        pages = page_numbers()
        missing = [href for href, _ in chapters() if href and href not in pages]
        if missing:
            sys.exit(f"pdf: no page found for {missing}")
        print_pdf(browser, join(pages))
    with Pdf.open(PDF, allow_overwriting_input=True) as book:
        # Chromium does not compress the many small objects that mark headings and lists.
        book.save(object_stream_mode=ObjectStreamMode.generate)
        count = len(book.pages)
    offer()
    print(f"The book is at {PDF}, {count} pages, {PDF.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
