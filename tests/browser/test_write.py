"""It writes in the page: what the network expects is what the package says it expects."""

from runpy import run_path

import numpy as np
import pytest
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


def test_a_number_stands_behind_the_bar_that_is_as_long_as_it_says(visit):
    page = visit(PAGE, SITE.as_uri())
    assert_written(page)
    page.evaluate("written.figure.begin('import numpy as n')")
    p = sorted(page.evaluate("Array.from(written.figure.probabilities())"))
    bars, texts, room = page.evaluate(
        """() => {
          const svg = document.querySelector("#fig-writer-live svg:has(rect)");
          const numbers = (e, ...names) => names.map((name) => Number(e.getAttribute(name)));
          return [
            [...svg.querySelectorAll("rect")].map((e) => numbers(e, "x", "width")),
            [...svg.querySelectorAll("text")].map((e) => [numbers(e, "x")[0], e.getBBox().width]),
            svg.viewBox.baseVal.width,
          ];
        }"""
    )
    assert len(texts) == 2 * len(bars) > 6
    (left, longest), whole = bars[0], bars[0][1] / p[-1]
    assert left + whole + 8 + texts[1][1] <= room  # also a number behind the longest bar fits
    for k, (start, width) in enumerate(bars):
        assert start == left
        assert width == pytest.approx(max(1, whole * p[-1 - k]))
        assert texts[2 * k][0] == left - 8
        assert texts[2 * k + 1][0] == pytest.approx(left + whole * p[-1 - k] + 8)
    assert longest > 0.5 * room


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
