"""The SVG that published pages show is what Matplotlib drew, in fewer letters."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image, ImageChops, ImageStat

from lstm.book import plots
from tools.figures import lean


@pytest.fixture(scope="module")
def drawn():
    """A figure with all that figures of the book have: hatches, clips, powers, maps, a legend."""
    with plt.rc_context(plots.STYLE):
        figure, (left, middle, right) = plt.subplots(1, 3, figsize=(7.2, 2.6))
        x = np.linspace(0, 9, 400)
        left.plot(x, 10 ** -np.sin(x), label="curve")
        left.plot(x[::40], 10 ** np.cos(x[::40]), "o--", label="dots")
        left.fill_between(x, 0.1, 1, alpha=0.2)
        left.set(yscale="log", xlabel="lag: steps", ylabel="size")
        left.legend()
        middle.bar(["i", "f", "o"], [1, 2, 3], hatch=["//", "..", "xx"], edgecolor="white")
        middle.set_title("$c_{t-1}$ and bars")
        figure.colorbar(right.imshow(np.outer(x, x)), ax=right, label="map")
        text = io.StringIO()
        figure.savefig(text, format="svg", bbox_inches="tight", metadata={"Date": None})
        plt.close(figure)
    return text.getvalue()


def difference(browser, *drawings):
    """How far two drawings are apart on a screen: the mean over all pixels, of 255."""
    page = browser.new_page(viewport={"width": 760, "height": 300})
    pictures = []
    for drawing in drawings:
        page.set_content(f'<body style="margin: 0">{drawing[drawing.index("<svg") :]}')
        pictures.append(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
    page.close()
    return max(ImageStat.Stat(ImageChops.difference(*pictures)).mean)


def test_a_leaner_drawing_looks_the_same(browser, drawn):
    short = lean(drawn)
    assert len(short) < 0.7 * len(drawn)
    assert difference(browser, drawn, short) < 0.1


@pytest.mark.parametrize(
    ("old", "new"),
    [("scale(0.015625)", "scale(0.02)"), ("url(#h", "url(#no")],
    ids=["letters", "hatch"],
)
def test_the_comparison_sees_what_is_wrong(browser, drawn, old, new):
    assert old in drawn
    assert difference(browser, drawn, drawn.replace(old, new)) > 0.3
