"""Search, themes, keys and previews; with a server, and from the file system without network."""

import json

import pytest

from tools.browser import SITE

HERE = SITE.as_uri()


@pytest.mark.parametrize("base", ["server", "files"])
@pytest.mark.parametrize("term", ["half-life", "oracle", "backward"])
def test_search_finds(visit, site, base, term):
    page = visit(f"search.html?q={term}", site if base == "server" else HERE)
    page.wait_for_selector("#search-results li a")
    page.wait_for_function("!document.querySelector('#search-progress')?.textContent?.length")
    # Results come one by one; a chapter, whose title begins with its number, is among them.
    page.wait_for_function(
        "[...document.querySelectorAll('#search-results li > a')]"
        ".some((link) => /^\\d/.test(link.textContent))"
    )


def test_search_shows_the_part_that_it_found_though_its_name_has_dots(visit):
    page = visit("search.html?q=half-life")
    page.wait_for_selector("#search-results li a")
    page.wait_for_function("!document.querySelector('#search-progress')?.textContent?.length")
    body = '<div role="main">else<p id="lstm.fused.step">one step</p></div>'
    assert page.evaluate("b => Search.htmlToText(b, '#lstm.fused.step')", body) == "one step"


def test_folded_code_says_whether_it_is_a_check(visit):
    page = visit("book/01-why-gates.html")
    words = page.locator("details.hide > summary > p.collapsed").all_text_contents()
    assert set(words) == {"Show the code", "Show the check"}
    fold = page.locator("details.hide", has_text="assert ").first
    assert fold.locator("p.collapsed").text_content() == "Show the check"


def test_search_opens_by_key_and_leads_to_results(visit):
    page = visit()
    page.keyboard.press("Control+k")
    page.keyboard.type("vanishing")
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results li a")


def test_a_search_from_the_page_for_wrong_addresses(visit):
    page = visit("404.html")
    page.locator("form.not-found input").fill("eq-dc")
    page.locator("form.not-found button").click()
    page.wait_for_selector("#search-results li a")


@pytest.mark.parametrize("page", ["index.html", "book/04-one-step-back.html"])
def test_the_book_opens_from_files_without_network(visit, page):
    page = visit(page, HERE, offline=True)
    assert page.locator("article h1").inner_text()
    assert page.locator("span.math, div.math").count() == page.locator("mjx-container").count()


def test_the_theme_switch(visit):
    page = visit(color_scheme="light")
    faces = []
    for _ in range(3):
        page.locator("button.theme-switch-button:visible").first.click()
        faces.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(set(faces)) == 2
    while page.evaluate("document.documentElement.dataset.mode") != "dark":
        page.locator("button.theme-switch-button:visible").first.click()
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_arrow_keys_scroll_and_slide_and_turn_no_page(visit):
    page = visit("book/02-four-gates.html", viewport={"width": 390, "height": 844})
    code = page.locator("pre[tabindex='0']").first
    code.focus()
    page.keyboard.press("ArrowRight")
    code.blur()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(300)
    assert page.url.endswith("02-four-gates.html")


def test_the_contents_mark_the_section_that_is_read(visit):
    page = visit("book/04-one-step-back.html")
    headings = page.locator("article h2")
    marked = page.locator("#pst-page-toc-nav a[aria-current]")
    for k in range(headings.count()):
        heading = headings.nth(k)
        page.evaluate("e => scrollTo(0, e.getBoundingClientRect().top + scrollY - 60)",
                      heading.element_handle())  # fmt: skip
        page.wait_for_timeout(100)
        at_the_end = page.evaluate(
            "innerHeight + scrollY >= document.documentElement.scrollHeight - 2"
        )
        if not at_the_end:
            assert marked.inner_text() == heading.inner_text().rstrip("#").strip()


@pytest.mark.parametrize(("top", "read"), [(119, 2), (120, 1)])
def test_a_section_is_read_once_it_begins_less_than_120_pixels_below_the_edge(visit, top, read):
    page = visit("book/04-one-step-back.html")
    links = "document.querySelectorAll('#pst-page-toc-nav a.nav-link')"
    page.evaluate(
        f"""top => {{
          [...{links}].forEach((link, k) => {{
            const place = document.getElementById(link.hash.slice(1));
            place.getBoundingClientRect = () => ({{ top: [-500, 0, top][k] ?? 500 }});
          }});
          dispatchEvent(new Event("scroll"));
        }}""",
        top,
    )
    page.wait_for_timeout(100)
    assert page.evaluate(f"[...{links}].findIndex((link) => link.ariaCurrent)") == read


@pytest.mark.parametrize("base", ["server", "files"])
def test_previews_of_equations_and_terms(visit, site, base):
    page = visit("book/04-one-step-back.html", site if base == "server" else HERE)
    for link, content in (
        ("p a[href='03-one-matrix.html#equation-eq-z']", "mjx-container m-mi"),
        ("a.term", "text=."),
    ):
        page.locator(link).first.scroll_into_view_if_needed()
        page.locator(link).first.hover()
        page.wait_for_selector(f".preview {content}" if " " in content else ".preview")
        letters = page.locator(".preview m-c").count()  # letters of its fonts are no text
        assert letters > 3 if " " in content else page.locator(".preview").inner_text()
        page.keyboard.press("Escape")
        assert page.locator(".preview").count() == 0
        page.mouse.move(0, 0)


def test_a_preview_goes_when_the_mouse_does_and_stays_while_it_is_on_it(visit):
    page = visit("book/04-one-step-back.html", reduced_motion="reduce")
    page.set_default_timeout(20_000)
    link = page.locator("p a[href='03-one-matrix.html#equation-eq-z']").first
    box = page.locator(".preview")
    link.hover()
    box.wait_for()
    box.hover()
    page.wait_for_timeout(400)
    assert box.count() == 1
    page.mouse.move(2, 2)
    box.wait_for(state="detached")
    link.hover()
    box.wait_for()
    page.mouse.move(2, 2)
    box.wait_for(state="detached")


def test_every_equation_and_term_has_a_preview():
    text = (SITE / "_static/previews.js").read_text(encoding="utf-8")
    previews = json.loads(text.removeprefix("window.LSTM_PREVIEWS = ").rstrip(";\n"))
    assert previews["equation-eq-c"]["tex"].startswith("c = f")
    assert "14" not in previews["term-half-life"]["text"]
    assert all(preview.get("tex") or preview.get("text") for preview in previews.values())


def test_solutions_open_by_key(visit):
    page = visit("book/02-four-gates.html")
    summary = page.locator("details > summary", has_text="Solution").first
    assert not summary.evaluate("e => e.parentElement.open")
    summary.focus()
    page.keyboard.press("Enter")
    assert summary.evaluate("e => e.parentElement.open")
