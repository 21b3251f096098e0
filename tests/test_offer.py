"""What the first page offers to take along."""

import pytest

from tools import offer

PAGE = '<div id="take-along">{}</div>'


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A site with a first page and a PDF of 1.25 MB."""
    monkeypatch.setattr(offer, "SITE", tmp_path)
    (tmp_path / "index.html").write_text(PAGE.format("<p>Nothing yet.</p>"), encoding="utf-8")
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads/lstm-book.pdf").write_bytes(bytes(1_250_000))
    return tmp_path


def test_the_first_page_leads_to_what_was_made(site):
    offer.offer()
    link = '<a href="downloads/lstm-book.pdf">The whole book as a PDF</a> (1.2 MB)'
    once = PAGE.format(f"<ul><li><p>{link}</p></li></ul>")
    assert (site / "index.html").read_text(encoding="utf-8") == once
    (site / "slides").mkdir()
    (site / "slides/index.html").touch()
    offer.offer()
    slides = '<a href="slides/index.html">Slides for each chapter, with notes for the speaker</a>'
    both = PAGE.format(f"<ul><li><p>{link}</p></li><li><p>{slides}</p></li></ul>")
    assert (site / "index.html").read_text(encoding="utf-8") == both


def test_a_download_that_is_too_large_is_refused(site):
    before = (site / "index.html").read_text(encoding="utf-8")
    (site / "downloads/lstm-book.pdf").write_bytes(bytes(offer.LARGEST))
    offer.offer()
    (site / "index.html").write_text(before, encoding="utf-8")
    (site / "downloads/lstm-book.pdf").write_bytes(bytes(offer.LARGEST + 100_000))
    with pytest.raises(
        ValueError, match=r"lstm-book\.pdf: expected at most 10\.0 MB, got 10\.1 MB"
    ):
        offer.offer()
    assert (site / "index.html").read_text(encoding="utf-8") == before


@pytest.mark.parametrize("places", [0, 2])
def test_the_first_page_has_one_place(site, places):
    (site / "index.html").write_text(places * PAGE.format(""), encoding="utf-8")
    with pytest.raises(ValueError, match=f"expected one place .*, got {places}"):
        offer.offer()
