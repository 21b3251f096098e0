"""It writes in the page: what the network expects is what the package says it expects."""

from runpy import run_path

import numpy as np
from hands import press

from lstm import text
from tools.browser import ROOT, SITE

LETTERS = run_path(str(ROOT / "book/data/letters.py"))
PARAMS = LETTERS["params"](LETTERS["stored"]())
PAGE = "book/12-text.html"


def assert_written(page):
    """The network is loaded, and its probabilities are those of the package after the same text."""
    page.locator("#fig-writer-live").scroll_into_view_if_needed()
    page.wait_for_function("written.figure")
    said, p = page.evaluate("[written.figure.text(), Array.from(written.figure.probabilities())]")
    writer = text.Writer(PARAMS).read(said)
    want = text.probabilities(writer.answers, temperature=0.7)
    np.testing.assert_allclose(p, want, rtol=0, atol=1e-9)


def test_the_same_letters_from_the_same_numbers(visit):
    page = visit(PAGE, SITE.as_uri())
    assert_written(page)
    numbers = np.random.default_rng(0).random(80)
    page.evaluate("written.figure.begin('def ')")
    got = page.evaluate("numbers => written.figure.write(numbers)", numbers.tolist())
    assert got == text.sample(PARAMS, "def ", 80, temperature=0.7, rng=numbers)
    page.evaluate("written.figure.temperature(1.2)")
    got = page.evaluate("numbers => written.figure.write(numbers)", numbers.tolist())
    before = "def " + text.sample(PARAMS, "def ", 80, temperature=0.7, rng=numbers)
    assert got == text.sample(PARAMS, before, 80, temperature=1.2, rng=numbers)


def test_letters_are_coloured_by_the_unit_that_is_chosen(visit):
    page = visit(PAGE, SITE.as_uri())
    assert_written(page)
    page.locator("#fig-writer-live textarea").fill('say "hello')
    spans = "[...document.querySelectorAll('#fig-writer-live .written span')]"
    colours = f"{spans}.map((e) => e.style.background)"
    first = page.evaluate(colours)
    assert len(first) == 10
    assert len(set(first)) > 3
    page.locator("#fig-writer-live select").select_option("0,5")
    assert page.evaluate(colours) != first
    c = text.Writer(PARAMS).read('say "hello').c
    assert abs(page.evaluate("written.figure.value()") - np.tanh(c[0][0, 0, 5])) < 1e-9


def test_what_is_no_letter_is_left_out_and_said(visit):
    page = visit(PAGE, SITE.as_uri())
    assert_written(page)
    page.locator("#fig-writer-live textarea").fill("caf\u00e9 au lait")
    assert page.evaluate("written.text()") == "caf au lait"
    assert "is left out" in page.locator("#fig-writer-live .said").text_content()
    press(page, page.locator("#fig-writer-live button:text-is('Take it back')"))
    assert_written(page)
