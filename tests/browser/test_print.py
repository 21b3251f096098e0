"""Pages on paper: the text is whole, and what is folded on the screen takes no sheet."""

import re

# For each kind of folded part: how many there are, and how many of them are printed.
FOLDED = """() => Object.fromEntries(Object.entries({
  code: "details.hide.above-input:not([open]) pre", unfolded: "details.hide.above-input[open] pre",
  answers: "article details:not(.hide) > :not(summary)",
  live: "article .live", printed: "article .printed",
}).map(([kind, selector]) => {
  const found = [...document.querySelectorAll(selector)];
  return [kind, [found.length, found.filter((e) => e.getClientRects().length).length]];
}))"""


def test_what_is_printed(visit):
    page = visit("book/11-real-sequences.html")
    page.locator("details.hide.above-input > summary").first.click()
    page.emulate_media(media="print")
    found = page.evaluate(FOLDED)
    assert found["code"][0] > 10
    assert found["code"][1] == 0
    assert found["unfolded"][0] > 0
    assert found["answers"][0] > 5
    for kind in ("unfolded", "answers"):
        assert found[kind][0] == found[kind][1], kind


def test_a_picture_is_printed_where_a_figure_moves(visit):
    page = visit("book/02-four-gates.html")
    for media, live, printed in (("screen", True, False), ("print", False, True)):
        page.emulate_media(media=media)
        found = page.evaluate(FOLDED)
        assert found["live"][0] > 0
        assert found["printed"][0] > 0
        assert bool(found["live"][1]) == live
        assert bool(found["printed"][1]) == printed


def test_no_sheet_is_spent_on_folded_code(visit):
    page = visit("book/11-real-sequences.html")
    folded = len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4")))
    page.evaluate("for (const e of document.querySelectorAll('details.hide')) e.open = true")
    unfolded = len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4")))
    assert 10 < folded < 0.7 * unfolded


def test_what_moves_on_the_cover_is_not_printed(visit):
    page = visit("index.html")
    for media, count in (("screen", 2), ("print", 0)):
        page.emulate_media(media=media)
        shown = "e => e.filter((e) => getComputedStyle(e).display !== 'none').length"
        assert page.eval_on_selector_all(".moving, .buttons", shown) == count


def test_a_word_is_printed_above_its_meaning(visit):
    page = visit("book/glossary.html")
    page.emulate_media(media="print")
    breaks = page.eval_on_selector_all(
        "dl.glossary dt", "e => e.map((e) => getComputedStyle(e).breakAfter)"
    )
    assert len(breaks) > 50
    assert set(breaks) == {"avoid"}


def test_no_table_is_wider_than_a_sheet(visit):
    page = visit("book/04-one-step-back.html", viewport={"width": 720, "height": 1000})
    page.emulate_media(media="print")
    beyond = page.eval_on_selector_all(
        "article table",
        "e => e.map((e) => e.getBoundingClientRect().right - document.body.clientWidth)",
    )
    assert len(beyond) > 8
    assert max(beyond) <= 0
