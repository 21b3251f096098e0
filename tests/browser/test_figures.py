"""The smaller figures that compute in the page: each does by mouse, touch and keys what it says."""

import json
import re

import numpy as np
import pytest
from hands import PHONE, array, drag, numbers

import lstm
from lstm import exchange, reference, train
from tools.browser import ROOT

ORDERS = "book/13-trading-weights.html"
ZOO = "book/07-zoo-of-bugs.html"
STEP = "book/04-one-step-back.html"
DIGITS = "book/11-real-sequences.html"


# Wrong order


def test_the_orders_are_those_of_the_rosetta_table(visit):
    told = visit(ORDERS).evaluate("orders.trading.libraries")
    for name, order in told.items():
        if name == "this book":
            assert order == "ifog"
        else:
            row = exchange.conventions.ROSETTA[name].order.split()
            known = [("ifo".find(gate) >= 0 and gate) or "g" for gate in row]
            assert order == "".join(known), name


def assert_orders(page, figure):
    """The outputs, right and in the order that was laid, and the sentence that compares them."""
    place = {"packing": "#packing-order-live", "trading": "#fig-orders-live"}[figure]
    state = page.evaluate(f"orders.{figure}.state()")
    stored = page.evaluate(f"orders.{figure}.libraries")[state["library"]]
    W, X = array(state["WLSTM"]), array(state["X"])
    blocks = dict(zip("ifog", np.split(W, 4, axis=1), strict=True))
    read = dict(zip(state["order"], (blocks[gate] for gate in stored), strict=True))
    right = lstm.forward(X, W).Hout
    got = lstm.forward(X, np.hstack([read[gate] for gate in "ifog"])).Hout
    np.testing.assert_allclose(array(state["right"]), right, atol=1e-12)
    np.testing.assert_allclose(array(state["got"]), got, atol=1e-12)
    off = np.abs(got - right).max()
    said = page.locator(f"{place} .said").inner_text()
    assert ("to the last digit" in said) == (off < 1e-12) == (state["order"] == stored)
    if state["order"] != stored:
        assert abs(numbers(said.rstrip("."))[-1] - off) < 5.1e-3
    return state


def test_only_one_order_gives_the_right_outputs(visit):
    page = visit(ORDERS)
    live = page.locator("#fig-orders-live")
    live.get_by_role("button", name="ONNX").click()
    assert assert_orders(page, "trading")["off"] > 0.1
    live.locator("[data-gate=f]").focus()
    page.keyboard.press("ArrowRight")
    assert assert_orders(page, "trading")["off"] < 1e-12
    assert ORDERS in page.url


def test_the_packed_matrix_is_right_until_its_names_are_moved(visit):
    page = visit("book/03-one-matrix.html")
    assert assert_orders(page, "packing")["off"] < 1e-12
    drag(page, page.locator("#packing-order-live .blocks"), (0.9, 0.5), (0.1, 0.5))
    state = assert_orders(page, "packing")
    assert state["order"] == "gifo"
    assert state["off"] > 0.1


def test_blocks_are_dragged(visit):
    page = visit(ORDERS)
    drag(page, page.locator("#fig-orders-live .blocks"), (0.9, 0.5), (0.6, 0.5))  # g to the third
    state = assert_orders(page, "trading")
    assert state["order"] == "ifgo"
    assert state["off"] < 1e-12  # as PyTorch has it


# Your turn, and the backward cell


def test_every_answer_is_right_and_mistakes_are_named(visit):
    page = visit(STEP)
    tasks = page.evaluate("yourTurn.TASKS")
    asked = {name for of in page.locator(".your-turn").all() for name in
             of.get_attribute("data-of").split()}  # fmt: skip
    assert asked == {task["name"] for task in tasks}
    for task in tasks:
        told = page.evaluate("([n, a]) => yourTurn.judge(n, a)", [task["name"], task["answer"]])
        assert told["right"], task
    for name, answer, words in [
        ("df", "-dc * c_prev", "All right except the sign."),
        ("df", "dc * f", "This is dc_prev."),
        ("df", "c_prev", "A factor is missing: dc."),
        ("dz_i", "di * i * (1 - i) * 2", "A factor too many: 2."),
        ("dc", "ds * (1 - s**2)", "A term is missing: dc_next."),
        ("dW", "dz.T @ u", "Transposed: this has the shape (8, 7), dW has the shape (7, 8)."),
        ("dW", "u @ dz", "Shapes do not fit: (3, 7) @ (3, 8)."),
        ("du", "dz", "The shape is (3, 8), but du has the shape (3, 7)"),
        ("df", "2", "This is a number"),
        ("df", "alert", "alert: no such value here."),
        ("df", "dc *", "Not understood"),
        ("df", "dc.constructor", "Only names"),
        ("df", "", "Type an expression"),
        ("df", "dc * c", "Not yet"),
    ]:
        told = page.evaluate("([n, a]) => yourTurn.judge(n, a)", [name, answer])
        assert not told["right"]
        assert told["words"].startswith(words), told


def test_it_knows_what_numpy_knows(visit):
    """The answers, evaluated by Python on the page's numbers, are the reference's."""
    page = visit(STEP)
    values = {name: array(value) for name, value in page.evaluate("yourTurn.VALUES").items()}
    values["do_"] = values.pop("do")
    for task in page.evaluate("yourTurn.TASKS"):
        answer = re.sub(r"\bdo\b", "do_", task["answer"])
        got = eval(answer, {}, values)
        (row,) = [
            derivative
            for step in reference.STEPS
            for label, derivative in step.backward.values()
            if label == task["label"]
        ][:1]
        if task["label"].startswith("eq-dz"):
            continue  # one label for several gates: the cell below has them
        v = reference.Values(**values)
        incoming = {"eq-do": "dh", "eq-ds": "dh", "eq-dc": "ds", "eq-dw": "dz", "eq-du": "dz"}
        want = row(v, values[incoming.get(task["label"], "dc")])
        want = want + values["dc_next"] if task["label"] == "eq-dc" else want
        np.testing.assert_allclose(got, want, rtol=1e-12)


def assert_verdict(page):
    """What is said of the first field, do = ..., is true of NumPy's arrays."""
    attempt = page.locator(".attempt").first
    typed = attempt.locator("input").input_value()
    said = attempt.locator(".verdict").inner_text()
    if not typed:
        assert said in ("", "✗ Type an expression, such as dc * c_prev.")
        return
    values = {name: array(value) for name, value in page.evaluate("yourTurn.VALUES").items()}
    dO = eval(typed, {}, values)
    assert np.array_equal(dO, values["dh"] * values["s"])  # (eq-do)
    assert said == f"✓ Right: {dO.size} numbers of shape {dO.shape} agree."


def test_a_derivative_is_typed_and_given_up(visit):
    page = visit(STEP)
    attempt = page.locator(".attempt").filter(has=page.get_by_label("df =", exact=True))
    attempt.get_by_label("df =").fill("dc * c_prev")
    page.keyboard.press("Enter")
    assert "✓" in attempt.locator(".verdict").inner_text()
    attempt.get_by_label("df =").fill("dc")
    attempt.get_by_role("button", name="Check").click()
    assert "A factor is missing: c_prev." in attempt.locator(".verdict").inner_text()
    attempt.get_by_role("button", name="Give up").click()
    link = attempt.locator(".verdict a")
    assert page.locator(link.get_attribute("href")).count() == 1


def assert_cell(page):
    """Every value and adjoint of the scalar cell is the reference's, also the one in words."""
    given = page.evaluate("backwardCell.given")
    W = np.array([[given[f"{row}_{gate}"] for gate in "ifog"] for row in ("b", "wx", "wh")])
    x, c, h = (np.array([[given[name]]]) for name in ("x", "c_prev", "h_prev"))
    v = reference.forward(x, W, c, h)
    d = reference.backward(v, np.array([[given["dh"]]]), np.array([[given["dc_next"]]]))
    state = page.evaluate("backwardCell.state()")
    for name, value in state["v"].items():
        if hasattr(v, name):
            assert abs(value - getattr(v, name).item()) < 1e-12, name
    assert set(state["d"]) >= {"c_prev", "h_prev", "x", "z_i", "z_f", "z_o", "z_g", "i", "f", "o"}
    for name, value in state["d"].items():
        if name != "h":
            assert abs(value - getattr(d, name).item()) < 1e-12, name
            difference = page.evaluate(f"backwardCell.difference('{name}')")
            assert abs(difference - value) < 1e-8, name
    way, at, name, shown = re.search(
        r"(Forward|Back) (\d+) of 24: (\w+) = .* = (−?\d\.\d{6}), ",
        page.locator("#backward-cell-live .said").inner_text(),
    ).groups()
    want = getattr(v, name) if way == "Forward" else getattr(d, name.removeprefix("d"))
    assert abs(numbers(shown)[0] - want.item()) < 1e-6, at


def test_the_backward_cell_is_the_reference(visit):
    page = visit(STEP)
    page.locator("#backward-cell").get_by_label("c_prev", exact=True).fill("-0.7")
    assert page.evaluate("backwardCell.given.c_prev") == -0.7
    for k in range(len(page.evaluate("backwardCell.ALL"))):
        page.evaluate(f"backwardCell.go({k})")
        assert_cell(page)


def test_the_backward_cell_by_keys(visit):
    page = visit(STEP)
    place = page.locator("#backward-cell-live")
    slider = place.get_by_role("slider", name="operation")
    slider.focus()
    page.keyboard.press("Home")
    assert "z_i = b_i + x * Wx_i" in place.locator(".said").inner_text()
    place.get_by_role("button", name="Next operation").press("Enter")
    assert "z_f =" in place.locator(".said").inner_text()
    for label in page.evaluate("backwardCell.ALL.map((op) => op.label)"):
        assert page.locator(f"#equation-{label}").count() <= 1


# Break it


def test_every_patch_fits_and_the_verdicts_are_as_the_chapter_tells(visit):
    page = visit(ZOO)
    names = page.evaluate("breakIt.BUGS.map((bug) => bug.name)")
    verdicts = [page.evaluate(f"breakIt.judge(breakIt.BUGS[{k}])") for k in range(len(names))]
    checks = page.evaluate("breakIt.CHECKS.map((check) => check.name)")
    sees = {
        name: dict(zip(checks, verdict, strict=True))
        for name, verdict in zip(names, verdicts, strict=True)
    }
    full = next(name for name in checks if "Hout, Cn and Hn" in name)
    linear = next(name for name in checks if name.startswith("Linear"))
    assert not any(sees[names[0]].values())
    for name in names[1:-1]:
        assert sees[name][full], name
        assert not sees[name]["Shapes agree"]
    assert not any(sees["forget bias with the other sign"].values())
    assert [name for name in names if sees[name][linear]] == ["dh is clipped at 1"]
    for name in ("dCn is ignored", "dHn is ignored"):
        assert sum(sees[name].values()) == 1


def assert_verdicts(page):
    """The differences on every output see the bug that is chosen, if its backward pass has one."""
    names = page.evaluate("breakIt.BUGS.map((bug) => bug.name)")
    k = int(page.locator("#fig-zoo-live select").input_value())
    checks = page.evaluate("breakIt.CHECKS.map((check) => check.name)")
    seen = dict(zip(checks, page.evaluate(f"breakIt.judge(breakIt.BUGS[{k}])"), strict=True))
    assert seen["Differences: random, on Hout, Cn and Hn"] == (0 < k < len(names) - 1)


def test_a_reader_predicts_and_runs(visit):
    page = visit(ZOO)
    live = page.locator("#fig-zoo-live")
    live.get_by_label("The bug").select_option(label="dCn is ignored")
    live.get_by_label("Differences: random, on Hout, Cn and Hn").check()
    live.get_by_role("button", name="Run the checks").click()
    page.wait_for_function("breakIt.state() !== null")
    page.wait_for_selector("#fig-zoo-live .results:not([hidden])")
    said = live.locator(".said").inner_text()
    assert "7 of 7 predicted. 1 checks see it." in said
    state = page.evaluate("breakIt.state()")
    assert state["curve"][-1] < 0.5 * state["curve"][0]  # it learns, bug and all
    assert array(state["map"]).shape == (7, 8)


def test_a_backward_bug_starts_like_the_right_code_and_may_end_below_it(visit):
    page = visit(ZOO)
    page.locator("#fig-zoo-live").scroll_into_view_if_needed()  # out of sight, training waits
    curves = dict(page.evaluate(
        "(async () => { const found = []; for (const bug of breakIt.BUGS) "
        "found.push([bug.name, await breakIt.train(breakIt.plant(bug))]); return found; })()"
    ))  # fmt: skip
    right = curves["none: the code as it is"]
    forward = {"no tanh on the way out, forward only", "forget bias with the other sign"}
    for name, curve in curves.items():
        assert (curve[0] == right[0]) == (name not in forward), name
    ends = {name: curve[-1] for name, curve in curves.items()}
    assert ends["dh is not carried to the step before"] < 0.8 * right[-1]
    assert ends["the slope of tanh(c) is forgotten"] < right[-1]
    assert ends["dHn is ignored"] > 2 * right[-1]


# Draw a digit


def stored_digits():
    text = (ROOT / "book/_static/digits.js").read_text(encoding="utf-8")
    return json.loads(text[text.index("{") : text.rindex("}") + 1])


@pytest.mark.parametrize("digit", range(10))
def test_digits_are_read_as_the_package_reads_them(digit):
    stored = stored_digits()
    assert len(stored["examples"][digit]) == 64
    params = {name: array(stored[name]) / 1000 for name in ("WLSTM", "WOUT")}
    X = np.array(stored["examples"][digit]).reshape(8, 8).T.reshape(8, 1, 8) / 16
    answers = train.answer(params, lstm.forward(X, params["WLSTM"]).Hout)
    assert answers[-1].argmax() in range(10)


def assert_probabilities(page):
    """The ten probabilities after each column are the package's, from the pixels in the page."""
    stored = stored_digits()
    params = {name: array(stored[name]) / 1000 for name in ("WLSTM", "WOUT")}
    X = array(page.evaluate("drawDigit.pixels")).reshape(8, 8).T.reshape(8, 1, 8)
    answers = train.answer(params, lstm.forward(X, params["WLSTM"]).Hout)[:, 0]
    want = np.exp(answers) / np.exp(answers).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(page.evaluate("drawDigit.state()"), want, atol=1e-9)
    column, _ = page.evaluate("drawDigit.at()")
    best = want.argmax(axis=1)
    told = [column, best[column - 1], want[column - 1].max(), *best]
    said = page.locator("#fig-digit-reading-live .said").inner_text()
    np.testing.assert_allclose(numbers(said), told, atol=5.1e-3)


def test_the_probabilities_in_the_page(visit):
    page = visit(DIGITS)
    page.get_by_role("group", name="Held-out digits").get_by_text("7").click()
    want = np.array(stored_digits()["examples"][7]) / 16
    np.testing.assert_array_equal(array(page.evaluate("drawDigit.pixels")), want)
    assert_probabilities(page)


def test_a_finger_and_keys_draw(visit):
    page = visit(DIGITS, **PHONE)
    live = page.locator("#fig-digit-reading-live")
    live.get_by_role("button", name="Clear").tap()
    pad = live.locator("svg.pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.3)
    assert page.evaluate("Math.max(...drawDigit.pixels)") > 0.4
    page.evaluate("drawDigit.pixels.fill(0)")
    pad.focus()
    for key in ("ArrowRight", "ArrowDown", " "):
        page.keyboard.press(key)
    assert page.evaluate("drawDigit.pixels[9]") == 1


# The cover


def assert_cover(page):
    """States of all steps, and those beside the drawing once a step is through."""
    state, texts = page.evaluate(
        "[cover.state(), [...document.querySelectorAll('#fig-cell svg > g:last-child text')]"
        ".map((e) => e.textContent)]"
    )
    W = np.array([[-3, 4, 3, 0], [6, 8, 0, 3], [0, 0, 0, 0]], dtype=float)
    run = lstm.forward(np.array(state["x"], dtype=float).reshape(-1, 1, 1), W)
    np.testing.assert_allclose(state["h"], run.Hout[:, 0, 0], atol=1e-12)
    np.testing.assert_allclose(state["c"], run.cache.C[:, 0, 0], atol=1e-12)
    c, h, x = (numbers(text)[0] for text in texts)
    assert x == state["x"][state["t"]]
    if state["at"] >= 0.8:  # before, they are on their way
        assert abs(c - state["c"][state["t"] + 1]) < 5.1e-3
        assert abs(h - state["h"][state["t"]]) < 5.1e-3


def test_the_cover_moves_and_rests(visit):
    page = visit()
    assert page.evaluate("cover.state().playing")
    page.wait_for_function("cover.state().t >= 2")
    page.get_by_role("button", name="Pause").click()
    page.wait_for_timeout(200)
    before = page.evaluate("cover.state()")
    page.wait_for_timeout(500)
    assert page.evaluate("cover.state()") == before
    assert_cover(page)


def test_the_cover_is_still_for_readers_who_prefer_rest(visit):
    page = visit(reduced_motion="reduce")
    before = page.evaluate("cover.state()")
    assert not before["playing"]
    page.get_by_role("button", name="Next step").click()
    assert page.evaluate("cover.state().t") == before["t"] + 1


def test_the_cover_without_scripts(visit):
    page = visit(java_script_enabled=False)
    assert page.locator("#fig-cell svg.drawing").is_visible()
