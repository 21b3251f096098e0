"""Take the pictures of the README, and the card that a link to the book shows elsewhere.

Run ``make pictures`` when the cover has changed, and look at them before they are committed.
"""

import io

from PIL import Image

from tools.browser import ROOT, served, settle, started

PAGES = {"cover": "index.html", "chapter": "book/02-four-gates.html#one-unit-over-time"}

# The card shows the drawing and what the book is, in its own typeface throughout.
CARD = """
.bd-sidebar-primary, .bd-header-article, .buttons, .live-row, figcaption, .now,
#the-lstm-book > section, footer
  { display: none !important; }
.bd-article-container { margin: auto; max-width: 54em; }
.bd-article :is(h1, text, tspan) { font-family: "Source Serif 4" !important; }
"""


def main() -> None:
    with started() as browser, served() as site:
        for theme in ("light", "dark"):
            size = {"width": 1280, "height": 900}
            page = browser.new_page(viewport=size, color_scheme=theme, reduced_motion="reduce")
            for name, address in PAGES.items():
                page.goto(f"{site}/{address}")
                page.reload()  # by now the typeface is loaded, which a first visit may not wait for
                page.locator("article :is(.live, .live-row)").first.wait_for()
                settle(page)
                if name == "chapter":
                    page.locator("#fig-one-unit").scroll_into_view_if_needed()
                    page.locator("#fig-one-unit").evaluate("e => e.scrollIntoView()")
                picture = Image.open(io.BytesIO(page.screenshot()))
                picture = picture.resize((960, 675), Image.Resampling.LANCZOS)
                picture.save(ROOT / f".github/{name}-{theme}.webp", quality=80)
        size = {"width": 1200, "height": 630}
        page = browser.new_page(viewport=size, color_scheme="light", reduced_motion="reduce")
        page.goto(f"{site}/{PAGES['cover']}")
        page.reload()
        page.add_style_tag(content=CARD)
        settle(page)
        card = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        card.quantize(64).save(ROOT / "book/_static/card.png", optimize=True)


if __name__ == "__main__":
    main()
