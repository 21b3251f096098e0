"""Every figure that computes in the page: by mouse, touch and keys, from files, in both themes.

Wide and narrow, moving and at rest, and without scripts.

A row of FIGURES is a figure. What it shows is compared with the package after every act, by the
function `right` of the figure's own test file.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hands import PHONE, drag, keys, press
from test_differences import assert_estimate
from test_figures import (
    assert_cell,
    assert_cover,
    assert_orders,
    assert_probabilities,
    assert_verdict,
    assert_verdicts,
)
from test_gradient import assert_curves
from test_learn import assert_updates
from test_unit import assert_golden
from test_waves import assert_guess
from test_write import assert_written

from tools.browser import ROOT, SITE


class Figure(NamedTuple):
    """A figure, what to do with it, and how to tell that it is right."""

    name: str
    page: str
    place: str
    """Its root, by CSS."""
    state: str
    """A JavaScript value that each act below changes."""
    hand: tuple[Any, ...]
    """What mouse and finger do: ("drag", CSS, from, to) or ("press", CSS)."""
    typed: tuple[str, ...]
    """What keys do: CSS of what has the focus, then keys."""
    right: Callable[[Any], None]
    plays: str = ""
    """A button that lets it run, by CSS; `state` then changes by itself."""
    stored: bool = True
    """Whether it stands for a picture, which pages without scripts show."""


SAID = "document.querySelector('{}').textContent"
FIGURES = [
    Figure(
        "cover", "index.html", "#fig-cell", "JSON.stringify(cover.state())",
        ("press", ".live-row button"), (".live-row button", "Enter"), assert_cover,
        plays=".live-row button",
    ),
    Figure(
        "lag", "book/01-why-gates.html", "#fig-lag-live",
        "JSON.stringify(gradientFigures.lag.settings)",
        ("drag", ".plot svg", (0.3, 0.5), (0.8, 0.5)), ("input", "ArrowLeft"),
        lambda page: assert_curves(page, "lag"),
    ),
    Figure(
        "unit", "book/02-four-gates.html", "#fig-one-unit-live",
        "JSON.stringify([unit.state().W, unit.state().x, unit.at()])",
        ("drag", "svg.inputs", (0.3, 0.9), (0.6, 0.3)), (".weights input", "ArrowRight"),
        assert_golden, plays="button:text-is('Play')",
    ),
    Figure(
        "wrong order, packing", "book/03-one-matrix.html", "#packing-order-live",
        "orders.packing.state().order",
        ("drag", ".blocks", (0.9, 0.5), (0.6, 0.5)), ("[data-gate=f]", "ArrowLeft"),
        lambda page: assert_orders(page, "packing"), stored=False,
    ),
    Figure(
        "backward cell", "book/04-one-step-back.html", "#backward-cell-live",
        SAID.format("#backward-cell-live .said"),
        ("drag", "input[type=range]", (0.5, 0.5), (0.9, 0.5)),
        ("input[type=range]", "Home", "ArrowRight"), assert_cell, stored=False,
    ),
    Figure(
        "your turn", "book/04-one-step-back.html", ".your-turn .live >> nth=0",
        SAID.format(".your-turn .verdict"), ("press", "button:text-is('Check')"),
        (".attempt input", *"dh * s", "Enter"), assert_verdict, stored=False,
    ),
    Figure(
        "scissors", "book/05-back-through-time.html", "#fig-truncation-live",
        "JSON.stringify(gradientFigures.truncation.settings)",
        ("drag", ".sliders label:nth-child(4) input", (0.1, 0.5), (0.4, 0.5)),
        ("input", "ArrowLeft"), lambda page: assert_curves(page, "truncation"),
    ),
    Figure(
        "the V", "book/06-checking-gradients.html", "#fig-v-live", SAID.format("#fig-v-live .said"),
        ("drag", ".plot svg", (0.9, 0.5), (0.6, 0.5)), ("input", "ArrowLeft"), assert_estimate,
    ),
    Figure(
        "break it", "book/07-zoo-of-bugs.html", "#fig-zoo-live",
        "JSON.stringify([...document.querySelectorAll('#fig-zoo-live :is(select, input)')]"
        ".map((e) => e.checked ?? e.value))",
        ("press", ".checks input >> nth=1"), ("select", "ArrowDown"), assert_verdicts,
    ),
    Figure(
        "train it here", "book/10-learning-to-remember.html", "#fig-adding-curves-live",
        "JSON.stringify([learning.settings, learning.runs.map((run) => run.errors.length)])",
        ("drag", ".sliders input", (0.3, 0.5), (0.9, 0.5)), (".sliders input", "ArrowLeft"),
        assert_updates, plays="button:text-is('Train')",
    ),
    Figure(
        "draw a digit", "book/11-real-sequences.html", "#fig-digit-reading-live",
        "JSON.stringify([...drawDigit.pixels, drawDigit.at()])",
        ("drag", "svg.pad", (0.2, 0.1), (0.8, 0.9)), ("svg.pad", "ArrowRight", " "),
        assert_probabilities, plays="button:text-is('Read it')",
    ),
    Figure(
        "wrong order, trading", "book/13-trading-weights.html", "#fig-orders-live",
        "orders.trading.state().order",
        ("drag", ".blocks", (0.9, 0.5), (0.6, 0.5)), ("[data-gate=f]", "ArrowLeft"),
        lambda page: assert_orders(page, "trading"),
    ),
    Figure(
        "waves", "book/16-all-at-once.html", "#fig-waves-live",
        "JSON.stringify([waves.settings, waves.rows()])",
        ("press", "button:text-is('Correct the guess')"), (".sliders input", "ArrowLeft"),
        assert_guess, plays="button:text-is('Run')",
    ),
    Figure(
        "it writes", "book/12-text.html", "#fig-writer-live", "written.text()",
        ("press", "button:text-is('Write')"), ("textarea", "x"), assert_written,
        plays="button:text-is('Write')",
    ),
]  # fmt: skip
NAMES = [figure.name.replace(" ", "-") for figure in FIGURES]
each_figure = pytest.mark.parametrize("figure", FIGURES, ids=NAMES)

# What a finger must find, and what a reader must be able to read: too small ones, with their size.
SMALL_TARGETS = """root => [...root.querySelectorAll("button, select, summary, input, a")]
  .filter((e) => e.checkVisibility() && !e.closest("p"))
  .map((e) => [(e.type === "checkbox" ? e.closest("label") : e), e])
  .map(([e]) => [e.outerHTML.slice(0, 80), e.getBoundingClientRect().height])
  .filter(([, height]) => height < 43.9)"""
SMALL_LETTERS = """root => [...root.querySelectorAll("svg text")].map((e) => {
  const scale = e.getScreenCTM().a;
  return [e.textContent, Math.round(10 * scale * parseFloat(getComputedStyle(e).fontSize)) / 10];
}).filter(([, size]) => size < 11)"""
# Texts that should stand side by side and miss it by a hair.
CROOKED = """root => [...root.querySelectorAll("svg")].flatMap((svg) => {
  const texts = [...svg.querySelectorAll("text:not(:empty)")];
  const places = [...new Set(texts.map((e) => Number(e.getAttribute("y"))))];
  return places.sort((a, b) => a - b).filter((place, k) => k && place - places[k - 1] < 2);
})"""
# Texts of which a part is behind the edge of their drawing; around the letters is some air.
CUT = """root => [...root.querySelectorAll("svg")].flatMap((svg) => {
  const all = svg.getBoundingClientRect(), air = 2;
  const behind = (b) => b.left < all.left - air || b.right > all.right + air
    || b.top < all.top - air || b.bottom > all.bottom + air;
  return [...svg.querySelectorAll("text")].filter((e) => behind(e.getBoundingClientRect()))
    .map((e) => e.textContent);
})"""

# Where a drawing's titles of axes stand, and where they should: below the middle of the names.
TITLES = """root => [...root.querySelectorAll("svg text[dominant-baseline]")].map((title) => {
  const y = title.previousElementSibling.getAttribute("y");
  const names = [...title.parentNode.querySelectorAll(`text[y="${y}"]`)].map((e) => e.getBBox());
  const { height } = title.ownerSVGElement.viewBox.baseVal;
  const box = title.getBBox(), ends = names.flatMap((b) => [b.x, b.x + b.width]);
  return {
    is: [box.x + box.width / 2, box.y + box.height],
    should: [(Math.min(...ends) + Math.max(...ends)) / 2, height],
  };
})"""


def open_figure(visit, figure, **options):
    """The figure's page, from files, and its root."""
    page = visit(figure.page, SITE.as_uri(), **options)
    return page, page.locator(figure.place).first


def act(page, root, figure, touch):
    kind, place, *more = figure.hand
    {"press": press, "drag": drag}[kind](page, root.locator(place), *more, touch=touch)


@each_figure
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_by_hand_and_by_keys(visit, figure, theme, width):
    options = {"color_scheme": theme} | (PHONE if width == 390 else {})
    page, root = open_figure(visit, figure, **options)
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    figure.right(page)
    before = page.evaluate(figure.state)
    act(page, root, figure, touch=width == 390)
    page.wait_for_function(f"before => {figure.state} !== before", arg=before)
    figure.right(page)
    before = page.evaluate(figure.state)
    keys(page, root.locator(figure.typed[0]), *figure.typed[1:])
    page.wait_for_function(f"before => {figure.state} !== before", arg=before)
    figure.right(page)
    assert page.url.split("#")[0].endswith(figure.page)  # no key turned the page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert root.evaluate(SMALL_TARGETS) == []
    assert root.evaluate(CROOKED) == []
    assert root.evaluate(CUT) == []
    if figure.name != "cover":
        assert root.evaluate(SMALL_LETTERS) == []


@pytest.mark.parametrize("name", ["lag", "the V", "train it here"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_title_of_an_axis_stands_at_the_edge_below_its_middle(visit, name, width):
    (figure,) = (f for f in FIGURES if f.name == name)
    _, root = open_figure(visit, figure, viewport={"width": width, "height": 800})
    (title,) = root.evaluate(TITLES)
    assert title["is"] == pytest.approx(title["should"], abs=0.5)


@pytest.mark.parametrize(
    "figure", [f for f in FIGURES if f.hand[0] == "drag"], ids=lambda f: f.name
)
def test_a_pointer_that_only_passes_changes_nothing(visit, figure):
    page, root = open_figure(visit, figure, reduced_motion="reduce")
    before = page.evaluate(figure.state)
    _, place, *points = figure.hand
    drag(page, root.locator(place), *points, held=False)
    assert page.evaluate(figure.state) == before


@each_figure
def test_it_rests_for_readers_who_prefer_rest(visit, figure):
    page, root = open_figure(visit, figure, reduced_motion="reduce")
    root.scroll_into_view_if_needed()
    before = page.evaluate(figure.state)
    page.wait_for_timeout(400)
    assert page.evaluate(figure.state) == before
    if figure.plays and figure.name != "train it here":  # a curve grows because one asks for it
        keys(page, root.locator(figure.plays), "Enter")
        after = page.evaluate(figure.state)
        assert after != before  # one step a press
        page.wait_for_timeout(700)
        assert page.evaluate(figure.state) == after
    figure.right(page)


@pytest.mark.parametrize("figure", [f for f in FIGURES if f.plays], ids=lambda f: f.name)
def test_nothing_runs_out_of_sight(visit, figure):
    page, root = open_figure(visit, figure)
    root.scroll_into_view_if_needed()
    if figure.name != "cover":  # which begins by itself
        press(page, root.locator(figure.plays))
    before = page.evaluate(figure.state)
    page.wait_for_function(f"before => {figure.state} !== before", arg=before)
    page.evaluate("scrollTo(0, document.body.scrollHeight - scrollY > 4000 ? 1e6 : 0)")
    page.wait_for_timeout(400)
    before = page.evaluate(figure.state)
    page.wait_for_timeout(700)
    assert page.evaluate(figure.state) == before


@each_figure
def test_without_scripts(visit, figure):
    page = visit(figure.page, SITE.as_uri(), java_script_enabled=False)
    assert page.locator(".live, .live-row").count() == 0
    place = page.locator(re.sub("-live$", "", figure.place.split(" ")[0])).first
    if figure.stored:
        assert place.locator("img, svg.drawing").first.is_visible()
    else:
        assert place.bounding_box()["height"] == 0  # nothing is announced that does not come


def test_no_figure_is_forgotten():
    """A place that book/_ext/lstm_site.py knows is in some row."""
    text = (ROOT / "book/_ext/lstm_site.py").read_text(encoding="utf-8")
    known = re.findall(r'^    "([\w-]+)": "[\w. -]+\.js",$', text, re.MULTILINE)
    assert len(known) >= 12
    for mark in known:
        assert any(mark in figure.place for figure in FIGURES), mark
