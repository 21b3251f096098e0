"""Fill in the downloads of the site's first page: the PDF, the slides, the figures.

Each is made after the pages, by a command of its own; the page links to what is there.
"""

import re

from tools.browser import SITE

OFFERS = {
    "downloads/lstm-book.pdf": "The whole book as a PDF",
    "slides/index.html": "Slides for each chapter, with notes for the speaker",
    "downloads/lstm-book-figures.zip": "All figures, as SVG and as PDF",
}
LARGEST = 10_000_000  # bytes of what is downloaded in one piece
PLACE = re.compile(r'(<div id="take-along">).*?(</div>)', re.DOTALL)


def size(path: str) -> str:
    """The size of a file that is downloaded, in megabytes. One above the limit is refused."""
    if not path.startswith("downloads/"):
        return ""
    count = (SITE / path).stat().st_size
    if count > LARGEST:
        raise ValueError(f"{path}: expected at most {LARGEST / 1e6} MB, got {count / 1e6:.1f} MB")
    return f" ({count / 1e6:.1f} MB)"


def offer() -> None:
    """Let the first page lead to everything that has been made.

    Raises:
        ValueError: A download is too large, or the page has no place for it.
    """
    page = SITE / "index.html"
    made = {path: words for path, words in OFFERS.items() if (SITE / path).is_file()}
    entries = "".join(
        f'<li><p><a href="{path}">{words}</a>{size(path)}</p></li>' for path, words in made.items()
    )
    text = page.read_text(encoding="utf-8")
    text, places = PLACE.subn(rf"\1<ul>{entries}</ul>\2", text)
    if places != 1:
        raise ValueError(f"{page}: expected one place for what can be taken along, got {places}")
    page.write_text(text, encoding="utf-8")
