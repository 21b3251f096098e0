"""The live unit of chapter 2: the same numbers as lstm.step, by pointer, touch and keyboard."""

import json
import re

import numpy as np
import pytest
from hands import numbers

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
    state = page.evaluate("unit.state()")
    want = golden(state["x"], state["W"])
    for got, expected in zip(state["rows"], want, strict=True):
        assert got.keys() == expected.keys()
        for name, value in expected.items():
            assert abs(got[name] - value) < 1e-6, name
    last = page.locator(".live .numbers tbody tr").last.locator("td").all_text_contents()
    shown = [float(text.replace("−", "-")) for text in last]
    np.testing.assert_allclose(shown, [want[-1][k] for k in "xifogch"], atol=5.1e-4)
    at = page.evaluate("unit.at()")
    row, before = want[at], want[at - 1]["c"] if at else 0
    told = [at + 1, row["x"], row["f"], before, *(row[k] for k in "igcoh")]
    said = numbers(page.locator(".live .said").inner_text())
    np.testing.assert_allclose(said, told, atol=5.1e-3)
    return state


def set_sliders(page, weights, inputs=()):
    page.evaluate(
        """([weights, inputs]) => {
          const set = (slider, value) => {
            slider.value = value;
            slider.dispatchEvent(new Event("input"));
          };
          document.querySelectorAll(".live .weights input").forEach((e, k) => set(e, weights[k]));
          const [step, input] = document.querySelectorAll(".live .row .slider input");
          inputs.forEach((value, t) => (set(step, t + 1), set(input, value)));
        }""",
        [list(weights), list(inputs)],
    )


# Weights that solve each puzzle: rows bias, x, h; columns i, f, o, g.
SOLUTIONS = {
    "Latch": [-6, 5, 6, 2, 8, 8, 0, 3, 0, 0, 0, 0],
    "Count": [-6, 8, 3, 2, 8, 0, 0, 0, 0, 0, 0, 0],
    "Toggle": [-6, 6, 6, 4, 8, -8, 0, 0, 0, 0, 0, -8],
    "Oscillate": [3, -2, 3, 0, 0, 0, 0, 3, 0, 0, 0, -6],
}


def test_every_puzzle_can_be_solved_and_is_not_solved_from_the_start(visit):
    page = visit(PAGE)
    assert [p["name"] for p in page.evaluate("unit.puzzles")] == list(SOLUTIONS)
    for name, weights in SOLUTIONS.items():
        page.get_by_role("group", name="Puzzles").get_by_text(name, exact=True).click()
        assert not page.evaluate("unit.solved()"), name
        set_sliders(page, weights)
        said = page.locator(".live .goal").inner_text()
        assert page.evaluate("unit.solved()"), said
        assert "Solved" in said
        assert_golden(page)


def run_of(h=(), c=()):
    """Twenty-four steps: h and c by the step from which on they are so, as (step, value)."""
    rows = [{"h": 0.0, "c": 0.0, "x": 0.0} for _ in range(24)]
    for key, values in (("h", h), ("c", c)):
        for step, value in values:
            for row in rows[step - 1 :]:
                row[key] = value
    return rows


def swinging(changes):
    """A run in which h is 0 at the first step and then changes its sign so many times."""
    signs = [0.0, 1.0, *((-1.0) ** min(k, changes) for k in range(1, 23))]
    return run_of(h=list(enumerate(signs, 1)))


RIGHT = {  # a run that meets every condition of a puzzle
    "Latch": run_of(h=[(3, 1.0), (8, 0.0), (13, 1.0), (18, 0.0)]),
    "Count": run_of(c=[(3, 0.4), (6, 0.8), (7, 1.2), (13, 1.6), (20, 2.0)]),
    "Toggle": run_of(h=[(3, 1.0), (8, -1.0), (13, 1.0), (18, -1.0)]),
    "Oscillate": swinging(22),
}
EDGES = [  # puzzle, condition, step, what is other there, whether the condition is still met
    ("Latch", 0, 1, {"h": 0.2}, False), ("Latch", 0, 2, {"h": -0.2}, False),
    ("Latch", 0, 2, {"h": -0.19}, True), ("Latch", 0, 3, {"h": 0.2}, True),
    ("Latch", 1, 3, {"h": 0.6}, False), ("Latch", 1, 7, {"h": 0.6}, False),
    ("Latch", 1, 7, {"h": 0.61}, True), ("Latch", 1, 2, {"h": 0.0}, True),
    ("Latch", 2, 8, {"h": 0.2}, False), ("Latch", 2, 12, {"h": -0.2}, False),
    ("Latch", 2, 12, {"h": 0.19}, True), ("Latch", 2, 13, {"h": 0.2}, True),
    ("Latch", 3, 13, {"h": 0.6}, False), ("Latch", 3, 17, {"h": 0.6}, False),
    ("Latch", 3, 18, {"h": 0.6}, True), ("Latch", 4, 18, {"h": 0.2}, False),
    ("Latch", 4, 24, {"h": 0.2}, False), ("Latch", 4, 24, {"h": 0.19}, True),
    ("Count", 0, 3, {"c": 0.3}, False), ("Count", 0, 3, {"c": 0.31}, True),
    ("Count", 0, 13, {"c": 1.49}, False), ("Count", 0, 20, {"c": 1.89}, False),
    ("Count", 1, 20, {"c": 2.03}, False), ("Count", 1, 20, {"c": 1.97}, False),
    ("Count", 1, 20, {"c": 2.019}, True), ("Count", 1, 20, {"c": 1.981}, True),
    ("Count", 2, 24, {"c": 2.02}, False), ("Count", 2, 24, {"c": 1.991}, True),
    ("Count", 2, 2, {"c": 0.02}, False), ("Count", 2, 1, {"c": 0.005}, True),
    ("Toggle", 0, 3, {"h": 0.5}, False), ("Toggle", 0, 24, {"h": -0.5}, False),
    ("Toggle", 0, 2, {"h": 0.5}, True), ("Toggle", 0, 24, {"h": -0.51}, True),
    ("Toggle", 1, 8, {"h": 1.0}, False), ("Toggle", 1, 13, {"h": -1.0}, False),
    ("Toggle", 1, 18, {"h": 1.0}, False), ("Toggle", 1, 20, {"h": 1.0}, True),
    ("Toggle", 2, 10, {"h": 1.0}, False), ("Toggle", 2, 24, {"h": 1.0}, False),
    ("Toggle", 2, 3, {"h": -1.0}, False), ("Toggle", 2, 2, {"h": -1.0}, True),
    ("Oscillate", 0, 1, {"h": 0.05}, False), ("Oscillate", 0, 1, {"h": -0.049}, True),
]  # fmt: skip


def test_each_condition_of_a_puzzle_is_what_it_says(visit):
    page = visit(PAGE)

    def met(name, rows, condition):
        pulses = page.evaluate("name => unit.puzzles.find((p) => p.name === name).x", name)
        rows = [row | {"x": pulses.get(str(t), 0)} for t, row in enumerate(rows, 1)]
        return page.evaluate(
            "([name, rows, k]) => unit.puzzles.find((p) => p.name === name).checks[k][1](rows)",
            [name, rows, condition],
        )

    for name, rows in RIGHT.items():
        checks = page.evaluate("n => unit.puzzles.find((p) => p.name === n).checks.length", name)
        assert all(met(name, rows, k) for k in range(checks)), name
    for name, k, step, other, want in EDGES:
        rows = [row | (other if t == step else {}) for t, row in enumerate(RIGHT[name], 1)]
        assert met(name, rows, k) == want, (name, k, step, other)
    for changes in range(4, 10):  # the first comes at step 3
        assert met("Oscillate", swinging(changes), 1) == (changes >= 6), changes
    for step in range(17, 25):
        faint = [row | {"h": row["h"] * (0.21 if t == step else 0.2)}
                 for t, row in enumerate(RIGHT["Oscillate"], 1)]  # fmt: skip
        assert met("Oscillate", faint, 2) == (step > 18), step


def test_a_solution_can_be_sent_as_an_address(visit):
    page = visit(PAGE)
    page.get_by_role("group", name="Puzzles").get_by_text("Toggle").click()
    set_sliders(page, SOLUTIONS["Toggle"])
    page.wait_for_function("location.hash.startsWith('#unit=')")
    page.wait_for_timeout(500)
    other = visit(f"{PAGE}{page.evaluate('location.hash')}")
    assert other.evaluate("unit.solved()")
    assert other.evaluate("unit.state()") == page.evaluate("unit.state()")


@pytest.mark.parametrize("address", ["", "1_2~3~", "a~b~c", "9_" * 12 + "~" + "0_" * 24 + "~"])
def test_an_address_that_says_nothing_is_let_be(visit, address):
    page = visit(f"{PAGE}#unit={address}")
    assert page.evaluate("unit.state().W")[0] == [-3, 4, 3, 0]


SCENES = {  # rows bias, x, h; inputs other than 0 by step
    "Write, hold, erase": ([[-3, 4, 3, 0], [6, 8, 0, 3], [0, 0, 0, 0]], {"4": 1, "16": -1}),
    "Forgetful": ([[-3, -3, 3, 0], [6, 0, 0, 3], [0, 0, 0, 0]], {"4": 1, "16": -1}),
    "Forget bias 3": ([[-3, 3, 3, 0], [6, 0, 0, 3], [0, 0, 0, 0]], {"2": 1}),
    "Count": (
        [[-3, 8, 3, 0], [6, 0, 0, 1], [0, 0, 0, 0]],
        dict.fromkeys(("3", "7", "11", "15", "19", "23"), 1),
    ),
    "Feed back": ([[3, -2, 3, 0], [0, 0, 0, 3], [0, 0, 0, -6]], {"2": 1}),
}


def test_the_scenes_and_how_far_a_slider_goes(visit):
    page = visit(PAGE)
    scenes = page.evaluate("unit.scenes.map(({name, W, x}) => [name, [W, x]])")
    assert {name: tuple(scene) for name, scene in scenes} == SCENES
    sliders = page.locator("#fig-one-unit .live input[type=range]").all()
    ranges = [tuple(s.get_attribute(k) for k in ("min", "max", "step")) for s in sliders]
    assert sorted(ranges) == [("-1", "1", "0.1"), *[("-8", "8", "0.5")] * 12, ("1", "24", "1")]


def test_every_scene(visit):
    page = visit(PAGE)
    names = [scene["name"] for scene in page.evaluate("unit.scenes")]
    assert len(names) >= 4
    for name in names:
        page.get_by_role("group", name="Scenes").get_by_text(name, exact=True).click()
        state = assert_golden(page)
        assert any(state["x"])


def test_random_weights_and_inputs_set_by_the_sliders(visit):
    page = visit(PAGE)
    rng = np.random.default_rng(0)
    weights, inputs = rng.integers(-16, 17, 12) / 2, rng.integers(-10, 11, 24) / 10
    set_sliders(page, weights.tolist(), inputs.tolist())
    state = assert_golden(page)
    np.testing.assert_allclose(np.ravel(state["W"]), weights)
    np.testing.assert_allclose(state["x"], inputs)


def test_the_first_scene_is_that_of_the_notebook(visit):
    notebook = json.loads((ROOT / "book/02-four-gates.ipynb").read_text(encoding="utf-8"))
    sources = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    [source] = [source for source in sources if "plots.unit(" in source]
    names = {"np": np}
    exec(source.split("unit = ")[0], names)
    state = visit(PAGE).evaluate("unit.state()")
    np.testing.assert_array_equal(state["W"], names["W"])
    np.testing.assert_array_equal(state["x"], names["x"][:, 0])


def test_it_works_by_keyboard_alone(visit):
    page = visit(PAGE)
    scene = page.locator("#fig-one-unit .live button").nth(1)
    scene.focus()
    page.keyboard.press("Enter")
    assert scene.get_attribute("aria-pressed") == "true"
    bias = page.get_by_role("slider", name=re.compile("bias, forget gate"))
    bias.focus()
    before = page.evaluate("unit.state().W[0][1]")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("unit.state().W[0][1]") == before + 0.5
    page.locator("#fig-one-unit .live svg.states").click()  # from here on arrows move the step
    said = page.locator(".live .said").inner_text()
    page.keyboard.press("ArrowRight")
    assert page.locator(".live .said").inner_text() != said
    assert "02-four-gates.html" in page.url  # no key turned the page
    assert_golden(page)


def test_it_works_by_touch(visit):
    page = visit(PAGE, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    inputs = page.locator("#fig-one-unit .live svg.inputs")
    inputs.scroll_into_view_if_needed()
    box = inputs.bounding_box()
    column = (box["width"] - 38) / 24
    page.touchscreen.tap(box["x"] + 34 + 9.5 * column, box["y"] + 18)
    state = assert_golden(page)
    assert state["x"][9] >= 0.9
    # A finger that draws upwards draws: it does not scroll the page.
    session, y = page.context.new_cdp_session(page), page.evaluate("scrollY")
    points = [(34 + (14.5 + k / 4) * column, 58 - 8 * k) for k in range(6)]
    for kind, at in zip(
        ["touchStart", *["touchMove"] * 5, "touchEnd"], [*points, None], strict=True
    ):
        touches = [{"x": box["x"] + at[0], "y": box["y"] + at[1]}] if at else []
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
    assert page.evaluate("scrollY") == y
    assert assert_golden(page)["x"][15] > 0.5
    page.get_by_role("group", name="Scenes").get_by_text("Count").tap()
    assert_golden(page)


def test_it_plays_but_not_by_itself_for_who_prefers_rest(visit):
    for motion, moves in (("no-preference", True), ("reduce", False)):
        page = visit(PAGE, reduced_motion=motion)
        page.locator("#fig-one-unit .live button", has_text="Play").click()
        step = page.locator("#fig-one-unit .live .row .slider output").first
        first = step.inner_text()
        page.wait_for_timeout(1000)
        assert (step.inner_text() != first) == moves


def test_it_says_in_words_what_it_shows(visit):
    page = visit(PAGE)
    assert "c\u00a0=\u00a00.88" in page.locator("#fig-one-unit .live .said").inner_text()
    label = page.locator("#fig-one-unit .live svg.states").get_attribute("aria-label")
    assert "step 4" in label


def test_the_page_is_whole_without_it(visit):
    page = visit(PAGE, java_script_enabled=False)
    assert page.locator("#fig-one-unit img").is_visible()
    assert page.locator(".live").count() == 0
