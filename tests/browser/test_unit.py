"""The live unit of chapter 2: the same numbers as lstm.step, by pointer, touch and keyboard."""

import json
import re

import numpy as np

import lstm
from lstm import layout
from tools.browser import ROOT

PAGE = "book/02-four-gates.html"


def golden(x, W):
    """The gates and states of one unit, step by step, by lstm.step."""
    W, c, h, rows = np.array(W, dtype=float), None, None, []
    for x_t in x:
        h_prev = np.zeros(1) if h is None else h
        z = np.concatenate([[1.0, x_t], h_prev]) @ W
        i, f, o, g = (float(part[0]) for part in layout.split_gates(z))
        c, h = lstm.step(np.array([x_t], dtype=float), W, c, h)
        gates = {k: 1 / (1 + np.exp(-a)) for k, a in {"i": i, "f": f, "o": o}.items()}
        rows.append({"x": x_t, **gates, "g": np.tanh(g), "c": float(c[0]), "h": float(h[0])})
    return rows


def assert_golden(page):
    state = page.evaluate("lstmUnit.state()")
    want = golden(state["x"], state["W"])
    for got, expected in zip(state["rows"], want, strict=True):
        assert got.keys() == expected.keys()
        for name, value in expected.items():
            assert abs(got[name] - value) < 1e-6, name
    last = page.locator(".unit .numbers tbody tr").last.locator("td").all_text_contents()
    shown = [float(text.replace("−", "-")) for text in last]
    np.testing.assert_allclose(shown, [want[-1][k] for k in "xifogch"], atol=5.1e-4)
    return state


def test_every_scene(visit):
    page = visit(PAGE)
    names = [scene["name"] for scene in page.evaluate("lstmUnit.scenes")]
    assert len(names) >= 4
    for name in names:
        page.locator(".unit button", has_text=name).click()
        state = assert_golden(page)
        assert any(state["x"])


def test_random_weights_and_inputs_set_by_the_sliders(visit):
    page = visit(PAGE)
    rng = np.random.default_rng(0)
    weights, inputs = rng.integers(-16, 17, 12) / 2, rng.integers(-10, 11, 24) / 10
    page.evaluate(
        """([weights, inputs]) => {
          const set = (slider, value) => {
            slider.value = value;
            slider.dispatchEvent(new Event("input"));
          };
          document.querySelectorAll(".unit table input").forEach((e, k) => set(e, weights[k]));
          const [step, input] = document.querySelectorAll(".unit label input");
          inputs.forEach((value, t) => (set(step, t + 1), set(input, value)));
        }""",
        [weights.tolist(), inputs.tolist()],
    )
    state = assert_golden(page)
    np.testing.assert_allclose(np.ravel(state["W"]), weights)
    np.testing.assert_allclose(state["x"], inputs)


def test_the_first_scene_is_that_of_the_notebook(visit):
    notebook = json.loads((ROOT / "book/02-four-gates.ipynb").read_text(encoding="utf-8"))
    sources = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    [source] = [source for source in sources if "plots.unit(" in source]
    names = {"np": np}
    exec(source.split("unit = ")[0], names)
    state = visit(PAGE).evaluate("lstmUnit.state()")
    np.testing.assert_array_equal(state["W"], names["W"])
    np.testing.assert_array_equal(state["x"], names["x"][:, 0])


def test_it_works_by_keyboard_alone(visit):
    page = visit(PAGE)
    scene = page.locator(".unit button").nth(1)
    scene.focus()
    page.keyboard.press("Enter")
    assert scene.get_attribute("aria-pressed") == "true"
    bias = page.get_by_role("slider", name=re.compile("bias, forget gate"))
    bias.focus()
    before = page.evaluate("lstmUnit.state().W[0][1]")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("lstmUnit.state().W[0][1]") == before + 0.5
    assert page.url.endswith("02-four-gates.html")  # the key did not turn the page
    assert_golden(page)


def test_it_works_by_touch(visit):
    page = visit(PAGE, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    inputs = page.locator(".unit svg .inputs")
    inputs.scroll_into_view_if_needed()
    box = inputs.bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] * 9.5 / 24, box["y"] + 1)
    state = assert_golden(page)
    assert state["x"][9] >= 0.9
    page.locator(".unit button", has_text="Count").tap()
    assert_golden(page)


def test_it_plays_but_not_by_itself_for_who_prefers_rest(visit):
    for motion, moves in (("no-preference", True), ("reduce", False)):
        page = visit(PAGE, reduced_motion=motion)
        page.locator(".unit button", has_text="Play").click()
        step = page.locator(".unit label output").first
        first = step.inner_text()
        page.wait_for_timeout(1000)
        assert (step.inner_text() != first) == moves


def test_it_says_in_words_what_it_shows(visit):
    page = visit(PAGE)
    assert "c\u00a0=\u00a00.95" in page.locator(".unit .said").inner_text()
    label = page.locator(".unit svg[role=img]").get_attribute("aria-label")
    assert "step 4" in label


def test_the_page_is_whole_without_it(visit):
    page = visit(PAGE, java_script_enabled=False)
    assert page.locator("#fig-one-unit img").is_visible()
    assert page.locator(".unit").count() == 0
