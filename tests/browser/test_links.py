"""No link of the built site leads nowhere. This needs no browser."""

from functools import cache
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest

from tools.browser import SITE

PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))


class Reader(HTMLParser):
    """The anchors of a page, and what it links to or loads."""

    def __init__(self, text):
        super().__init__()
        self.anchors, self.links = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.anchors |= {values.get("id"), values.get("name")}
        self.links += [values[key] for key in ("href", "src", "action") if values.get(key)]


@cache
def read(path):
    return Reader((SITE / path).read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", PAGES)
def test_links_of(path):
    for link in read(path).links:
        if urlsplit(link).scheme in ("http", "https", "data", "mailto"):
            continue
        target, anchor = urldefrag(urljoin(f"/{path}", link))
        target = unquote(urlsplit(target).path).lstrip("/")
        assert (SITE / target).is_file(), link
        if anchor and target.endswith(".html"):
            assert unquote(anchor) in read(target).anchors, link
