"""Follow the gradient, in chapters 1 and 5: its curves are what the package computes."""

import numpy as np
import pytest
from hands import array, numbers

from lstm import reference

PAGES = {"lag": "book/01-why-gates.html", "truncation": "book/05-back-through-time.html"}
D, H = 4, 16


def curves(state):
    """The three curves from the figure's weights, by the reference step and by plain NumPy."""
    n = state["lags"] + 1
    W = array(state["WLSTM"])
    W[0, H : 2 * H] = state["bias"]
    W[1 + D :] *= state["scale"]
    X, out = array(state["X"]).reshape(n, 1, D), array(state["out"]).reshape(1, H)
    c = h = np.zeros((1, H))
    steps = []
    for x in X:
        steps.append(reference.forward(x, W, c, h))
        c, h = steps[-1].c, steps[-1].h
    dh, dc, by_c, whole, alone = out, np.zeros((1, H)), None, [], []
    for k, v in enumerate(reversed(steps)):
        d = reference.backward(v, dh, dc)
        by_c = d.c if by_c is None else by_c
        whole.append(np.linalg.norm(d.c))
        alone.append(np.linalg.norm(by_c))
        dh, dc, by_c = d.h_prev, d.c_prev, by_c * v.f
        if state["piece"] and (k + 1) % state["piece"] == 0:
            dh, dc, by_c = 0 * dh, 0 * dc, 0 * by_c
    A, R = array(state["A"]).reshape(D, H), array(state["R"]).reshape(H, H)
    radius = np.abs(np.linalg.eigvals(R)).max()
    assert abs(radius - 1) < 0.03
    R = R * state["scale"]
    states = [np.zeros((1, H))]
    for x in X:
        states.append(np.tanh(x @ A + states[-1] @ R))
    plain, dh = [], out
    for k, h in enumerate(reversed(states[1:])):
        da = dh * (1 - h**2)
        plain.append(np.linalg.norm(da))
        dh = 0 * da if state["piece"] and (k + 1) % state["piece"] == 0 else da @ R.T
    return {
        name: np.array(sizes) / sizes[0]
        for name, sizes in {"all": whole, "c": alone, "plain": plain}.items()
    }


def assert_curves(page, figure):
    state = page.evaluate(f"gradientFigures.{figure}.state()")
    for name, want in curves(state).items():
        np.testing.assert_allclose(state["curves"][name], want, rtol=1e-9, atol=1e-150)
    said = numbers(page.locator(f"#fig-{figure}-live .said").inner_text())
    lag, keeps = state["lag"], 1 / (1 + np.exp(-state["bias"]))
    shown = [lag, *(state["curves"][name][lag] for name in ("all", "c", "plain"))]
    shown += [keeps, keeps**lag]
    np.testing.assert_allclose(said, shown, rtol=0.06)  # two digits
    return state


def slide(page, figure, name, value):
    slider = f"gradientFigures.{figure}.sliders.{name}"
    page.evaluate(f"{slider}.set({value}); {slider}.input.dispatchEvent(new Event('input'))")


@pytest.mark.parametrize("figure", PAGES)
def test_the_curves_by_keys(visit, figure):
    page = visit(PAGES[figure])
    live = page.locator(f"#fig-{figure}-live")
    assert_curves(page, figure)
    bias = live.get_by_label("forget bias")
    bias.focus()
    for _ in range(6):
        page.keyboard.press("ArrowLeft")
    state = assert_curves(page, figure)
    assert state["bias"] == 0
    live.get_by_text("1,000 steps").click()
    live.get_by_text("Another draw").click()
    state = assert_curves(page, figure)
    assert len(state["curves"]["all"]) == 1001
    assert PAGES[figure] in page.url


TRIED = {"bias": (-2, 0.5, 6), "scale": (0, 0.4, 1.5), "lag": (0, 33, 100), "piece": (0, 15, 100)}


@pytest.mark.parametrize("figure", PAGES)
def test_each_slider_sets_what_it_is_called(visit, figure):
    page = visit(PAGES[figure])
    sliders = page.evaluate(f"Object.keys(gradientFigures.{figure}.sliders)")
    assert sliders == [name for name in TRIED if name != "piece" or figure == "truncation"]
    for name in sliders:
        start = page.evaluate(f"gradientFigures.{figure}.settings.{name}")
        for value in (*TRIED[name], start):
            slide(page, figure, name, value)
            assert assert_curves(page, figure)[name] == value


def test_it_shows_what_the_chapter_tells(visit):
    """The forget bias sets how fast the way by c fades; by way of h the gradient can grow."""
    page = visit(PAGES["lag"])
    page.locator("#fig-lag-live").get_by_text("1,000 steps").click()
    by_bias = {}
    for bias in (0, 3, 5):
        slide(page, "lag", "bias", bias)
        by_bias[bias] = assert_curves(page, "lag")["curves"]
    assert by_bias[0]["c"][50] < 1e-8 < by_bias[3]["c"][50] < by_bias[5]["c"][50] < 1
    assert by_bias[3]["all"][1000] > 100 * by_bias[3]["c"][1000]


def test_scissors(visit):
    page = visit(PAGES["truncation"])
    slide(page, "truncation", "piece", 20)
    state = assert_curves(page, "truncation")
    assert state["curves"]["all"][19] > 0
    assert max(state["curves"]["all"][20:]) == 0


def test_a_finger_looks_at_a_lag(visit):
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    page = visit(PAGES["lag"], **phone)
    plot = page.locator("#fig-lag-live .plot svg").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] * 0.9, box["y"] + 100)
    lag = page.evaluate("gradientFigures.lag.settings.lag")
    assert 80 < lag < 100
    assert f"{lag} steps back" in page.locator("#fig-lag-live .said").inner_text()


def test_the_pages_are_whole_without_scripts(visit):
    for figure, path in PAGES.items():
        page = visit(path, java_script_enabled=False)
        assert page.locator(f"#fig-{figure} img").is_visible()
