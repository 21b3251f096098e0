"""The V of chapter 6: its estimates are those of NumPy, its derivative that of the reference."""

import re

import numpy as np
import pytest
from hands import numbers

PAGE = "book/06-checking-gradients.html"


def cell(p, dtype, c_prev, i, g, o):
    """The scalar cell of the figure."""
    c_prev, i, g, o = (dtype(value) for value in (c_prev, i, g, o))
    half = dtype(0.5)
    f = half + half * np.tanh(half * p)
    return o * np.tanh(f * c_prev + i * g)


def assert_estimate(page):
    """The sentence under the V has the estimate, the derivative and the error of float64."""
    at = page.evaluate("differences.at()")
    assert at["oracle"] == "float64"
    values, p = page.evaluate("differences.CELL"), page.evaluate("differences.P")
    delta = 10 ** at["power"]
    exact = cell(p + 1e-30j, np.complex128, **values).imag / 1e-30
    shown_delta, _, estimate, derived, error = numbers(
        page.locator("#fig-v-live .said").inner_text()
    )
    assert abs(shown_delta / delta - 1) < 0.06
    assert abs(derived - exact) < 1e-10
    up, down = p + delta, p - delta
    want = (cell(up, np.float64, **values) - cell(down, np.float64, **values)) / (up - down)
    assert abs(estimate - want) < 1e-9 + 4e-16 / delta
    assert abs(error - abs(estimate - exact) / (estimate + exact)) < 0.06 * error + 1e-9


def test_the_estimates(visit):
    page = visit(PAGE)
    given = page.evaluate("({cell: differences.CELL, p: differences.P, exact: differences.exact})")
    values, p = given["cell"], given["p"]
    by_complex_step = cell(p + 1e-30j, np.complex128, **values).imag / 1e-30
    assert abs(given["exact"] / by_complex_step - 1) < 1e-14
    for delta in (0.1, 1e-3, 1e-5):
        up, down = p + delta, p - delta
        want = (cell(up, np.float64, **values) - cell(down, np.float64, **values)) / (up - down)
        got = page.evaluate(f"differences.estimate('float64', {delta})")
        assert abs(got - want) < 4e-16 / delta
        got = page.evaluate(f"differences.estimate('complex', {delta})")
        assert abs(got - cell(p + 1j * delta, np.complex128, **values).imag / delta) < 1e-14
    up, down = np.float32(p) + np.float32(0.01), np.float32(p) - np.float32(0.01)
    want = (cell(up, np.float32, **values) - cell(down, np.float32, **values)) / (up - down)
    assert abs(page.evaluate("differences.estimate('float32', 0.01)") - want) < 2e-5


def test_the_curves_have_the_shapes_that_the_chapter_derives(visit):
    page = visit(PAGE)
    powers = np.array(page.evaluate("differences.POWERS"))
    curves = {k: np.array(v) for k, v in page.evaluate("differences.curves").items()}
    best = {name: powers[curve.argmin()] for name, curve in curves.items()}
    assert -6.5 < best["float64"] < -3.5
    assert -3.5 < best["float32"] < -1
    assert curves["float32"].min() < 1e-4
    assert curves["complex"][powers < -9].max() < 1e-15
    falls = curves["float64"][powers == -1] / curves["float64"][powers == -2]
    assert 90 < falls.item() < 110  # truncation: delta squared


@pytest.mark.parametrize("oracle", ["float32", "float64", "complex step"])
def test_by_keys(visit, oracle):
    page = visit(PAGE)
    live = page.locator("#fig-v-live")
    live.get_by_role("button", name=oracle, exact=True).click()
    slider = live.get_by_role("slider", name="delta")
    slider.focus()
    before = live.locator(".said").inner_text()
    for _ in range(8):
        page.keyboard.press("ArrowLeft")
    said = live.locator(".said").inner_text()
    assert said != before
    assert oracle in said
    assert "δ = 1.0·10⁻⁴" in said
    assert PAGE in page.url


@pytest.mark.parametrize(("oracle", "places"), [("float32", 9), ("float64", 17)])
def test_the_digits_that_cancel(visit, oracle, places):
    page = visit(PAGE)
    live = page.locator("#fig-v-live")
    live.get_by_role("button", name=oracle, exact=True).click()
    values, p = page.evaluate("differences.CELL"), page.evaluate("differences.P")
    dtype = {"float32": np.float32, "float64": np.float64}[oracle]
    delta = dtype(10 ** page.evaluate("differences.at().power"))
    above, below, said = live.locator(".digits").inner_text().splitlines()
    texts = []
    for line, sign, point in ((above, "+", dtype(p) + delta), (below, "−", dtype(p) - delta)):
        name, text = line.split(" = ")
        assert name == f"h(p {sign} δ)"
        assert re.fullmatch(rf"0\.\d{{{places}}}", text)
        assert abs(float(text) - cell(point, dtype, **values)) < 4 * np.finfo(dtype).eps
        texts.append(text)
    same = next(k for k, pair in enumerate(zip(*texts, strict=False)) if len({*pair}) > 1) - 2
    assert said == f"{same} of {places} digits cancel in the difference"


def test_errors_are_drawn_on_a_scale_of_powers(visit):
    page = visit(PAGE)
    labels = page.locator("#fig-v-live svg").first.locator("text[x='40']").all()
    heights = {label.text_content(): float(label.get_attribute("y")) for label in labels}
    levels = [heights[name] for name in ("1", "10⁻⁵", "10⁻¹⁰", "10⁻¹⁵")]
    assert np.ptp(np.diff(levels)) < 0.01
    assert np.diff(levels).min() > 40


def test_a_finger_moves_delta(visit):
    page = visit(PAGE, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    plot = page.locator("#fig-v-live svg").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + 60)
    assert "·10⁻¹" in page.locator("#fig-v-live .said").inner_text().split(",")[0]
