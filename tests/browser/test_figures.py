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
    assert_drawn_matrix(page, place, np.hstack([blocks[gate] for gate in stored]), X.shape[2])
    assert_drawn_outputs(page, place, right, got)
    return state


def assert_drawn_matrix(page, place, W, D):
    """Each number is where it stands in the matrix, the darker the larger. Between the rows of 1,
    x and h is more space, and so is between the blocks."""
    rects, shown, width = page.evaluate(
        """place => {
          const svg = document.querySelector(`${place} svg:has(rect)`);
          const rects = [...svg.querySelectorAll("rect")];
          const names = ["x", "y", "width", "height", "fill-opacity"];
          return [rects.map((e) => names.map((name) => Number(e.getAttribute(name)))),
            rects.map((e) => e.textContent), svg.viewBox.baseVal.width];
        }""", place)  # fmt: skip
    x, y, wide, high, opacity = np.reshape(rects, (*W.shape, 5)).transpose(2, 0, 1)
    assert abs(np.reshape([numbers(text)[0] for text in shown], W.shape) - W).max() < 5.1e-3
    np.testing.assert_allclose(opacity, 0.08 + 0.92 * np.minimum(1, abs(W) / 2), atol=1e-12)
    apart = np.ones(len(W) - 1)
    apart[[0, D]] = 3
    np.testing.assert_array_equal(np.diff(y, axis=0) - high[1:], np.tile(apart[:, None], len(W[0])))
    assert (y[0] == 0).all()
    assert len(np.unique(high)) == 1
    H = len(W[0]) // 4
    apart = np.where(np.arange(1, 4 * H) % H == 0, 4, 1)
    for left, size in zip(x, wide, strict=True):
        np.testing.assert_allclose(left[1:] - (left + size)[:-1], apart, atol=1e-9)
        assert left[0] > 0
        np.testing.assert_allclose(left[-1] + size[-1], width - 2.5, atol=1e-9)


def assert_drawn_outputs(page, place, right, got):
    """Rings are the right outputs, dots those that come out, each at the height of its value."""
    circles, texts, lines = page.evaluate(
        """place => {
          const svg = document.querySelector(`${place} svg:has(circle)`);
          const of = (kind, ...names) => [...svg.querySelectorAll(kind)].map((e) =>
            [...names.map((name) => Number(e.getAttribute(name))), e.textContent]);
          return [of("circle", "cx", "cy"), of("text", "x", "y"),
            of("line", "x1", "x2", "y1", "y2")];
        }""", place)  # fmt: skip
    x, y = np.array([circle[:2] for circle in circles]).reshape(-1, 2, 2).transpose(2, 1, 0)
    np.testing.assert_allclose(y, 8 + 134 * (0.7 - np.stack([right, got]).reshape(2, -1)) / 1.4)
    np.testing.assert_array_equal(x[0], x[1])
    steps = x[0].reshape(len(right), -1)
    assert (np.diff(steps, axis=1) > 0).all()
    names = [(place, text) for place, _, text in texts if text.startswith("h")]
    assert [text for _, text in names] == [f"h{'₁₂₃₄₅₆₇₈'[t]}" for t in range(len(right))]
    np.testing.assert_allclose([place for place, _ in names], steps.mean(axis=1))
    between = [line[:4] for line in lines if line[0] == line[1]]
    np.testing.assert_array_equal(between, np.stack([x[0], x[1], y[0], y[1]], axis=1))


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
    for slope in ("1 - tanh(c)**2", "1 - np.tanh(c)**2", "4 * sigmoid(2*c) * (1 - sigmoid(2*c))",
                  "4 / (exp(c) + exp(-c))**2"):  # fmt: skip
        told = page.evaluate("a => yourTurn.judge('dc', a)", f"dc_next + ds * ({slope})")
        assert told["right"], told
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
        *((("dc", call, "There are the functions tanh, exp, sigmoid, of one argument."))
          for call in ("sin(c)", "tanh(c, c)", "tanh()", "(c)(c)")),
        ("dc", "c % c", "%: there are +"),
        ("dc", "'c'", "'c': expected a number."),
        ("dc", "c c", "Several expressions side by side"),
        ("dc", "!c", "Only names"),
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
    assert_drawn_errors(page, array(state["map"]))


def assert_drawn_errors(page, errors):
    """The larger an error, the stronger its element; below the columns of a gate is its colour."""
    rects = page.evaluate(
        """() => [...document.querySelector("#fig-zoo-live .results svg").querySelectorAll("rect")]
          .map((e) => [...["x", "y", "width", "height", "opacity"]
            .map((name) => Number(e.getAttribute(name))), e.getAttribute("fill")])"""
    )
    cells, strips = rects[: errors.size], rects[errors.size :]
    x, y, width, _, opacity = np.array([cell[:5] for cell in cells]).reshape(7, 8, 5).T
    depth = np.clip((np.log10(np.maximum(errors, 1e-12)) + 7) / 7, 0, 1)
    np.testing.assert_allclose(opacity.T, np.where(depth > 0, 0.25 + 0.75 * depth, 1))
    assert (np.diff(x, axis=0) > width[1:]).all()
    assert (np.diff(y, axis=1) == 22).all()
    assert [strip[5] for strip in strips] == [f"var(--gate-{gate})" for gate in "ifog"]
    for k, strip in enumerate(strips):
        np.testing.assert_allclose(strip[0], x[2 * k, 0])
        np.testing.assert_allclose(strip[0] + strip[2], x[2 * k + 1, 0] + width[2 * k + 1, 0])


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
    run = lstm.forward(X, params["WLSTM"])
    answers = train.answer(params, run.Hout)[:, 0]
    want = np.exp(answers) / np.exp(answers).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(page.evaluate("drawDigit.state()"), want, atol=1e-9)
    column, _ = page.evaluate("drawDigit.at()")
    best = want.argmax(axis=1)
    told = [column, best[column - 1], want[column - 1].max(), *best]
    said = page.locator("#fig-digit-reading-live .said").inner_text()
    np.testing.assert_allclose(numbers(said), told, atol=5.1e-3)
    assert_drawn_digit(page, X[:, 0].T, run.cache.IFOG[:, 0], want[column - 1], column)


def assert_drawn_digit(page, pixels, IFOG, p, column):
    """The pixels, the gates of the columns that are read, and a bar for each probability; what
    belongs to the column that was read last has the ink of the figure."""
    pad, gates, bars = page.evaluate(
        """() => [...document.querySelectorAll("#fig-digit-reading-live svg")].map((svg) =>
          [...svg.querySelectorAll("rect")].map((e) => [
            ...["x", "y", "width", "height"].map((name) => Number(e.getAttribute(name))),
            Number(e.getAttribute("fill-opacity")),
            e.getAttribute("fill"), e.getAttribute("stroke"),
          ]))"""
    )
    np.testing.assert_allclose([rect[4] for rect in pad[:64]], pixels.ravel())
    assert [rect[:2] for rect in pad[:64]] == [[30 * c, 30 * r] for r in range(8) for c in range(8)]
    assert (pad[64][0], pad[64][2]) == (30 * (column - 1), 30)
    H = IFOG.shape[1] // 4
    assert len(gates) == 4 * 8 * (H + 1)
    for k, gate in enumerate("ifog"):
        for t in range(8):
            start = (8 * k + t) * (H + 1)
            *stripes, frame = gates[start : start + H + 1]
            want = abs(IFOG[t, k * H : (k + 1) * H]) * (t < column)
            np.testing.assert_allclose([rect[4] for rect in stripes], want, atol=1e-9)
            assert {rect[5] for rect in stripes} == {f"var(--gate-{gate})"}
            assert frame[6] == ("var(--back)" if t + 1 == column else "var(--edge)")
            within = np.array([[x, x + width] for x, _, width, *_ in stripes])
            np.testing.assert_allclose(within[1:, 0], within[:-1, 1])
            np.testing.assert_allclose(within[0, 0], frame[0] + 1)
            np.testing.assert_allclose(within[-1, 1], frame[0] + frame[2] - 1)
    np.testing.assert_allclose([rect[3] for rect in bars], 115 * p + 0.5, atol=1e-9)
    np.testing.assert_allclose([rect[1] + rect[3] for rect in bars], 125.5)
    assert [rect[5] == "var(--back)" for rect in bars] == list(p == p.max())


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
    column, row = np.meshgrid(np.arange(8) + 0.5, np.arange(8) + 0.5)
    far = np.hypot(column - 4, row - 2.4).ravel()
    want = 0.8 * np.maximum(0, 1.1 - far)
    np.testing.assert_allclose(page.evaluate("[...drawDigit.pixels]"), want, atol=0.03)
    page.evaluate("drawDigit.pixels.fill(0)")
    pad.focus()
    for key in ("ArrowRight", "ArrowDown", " "):
        page.keyboard.press(key)
    assert page.evaluate("drawDigit.pixels[9]") == 1
    page.keyboard.press(" ")
    assert page.evaluate("Math.max(...drawDigit.pixels)") == 0


# The cover


def assert_cover(page):
    """States of all steps, and what is drawn: the gates open, then the cell changes, then h is
    there."""
    state, texts, fills, lines, pulse = page.evaluate(
        """() => {
          const layer = document.querySelector("#fig-cell svg > g:last-child");
          const all = (kind) => [...layer.querySelectorAll(kind)];
          const numbers = (e, ...names) => names.map((name) => Number(e.getAttribute(name)));
          return [cover.state(), all("text").map((e) => e.textContent),
            all("rect").map((e) => numbers(e, "y", "height")),
            all("path").map((e) => [...numbers(e, "stroke-width"), e.getAttribute("visibility")]),
            numbers(all("circle")[0], "opacity")[0]];
        }"""
    )
    W = np.array([[-3, 4, 3, 0], [6, 8, 0, 3], [0, 0, 0, 0]], dtype=float)
    run = lstm.forward(np.array(state["x"], dtype=float).reshape(-1, 1, 1), W)
    np.testing.assert_allclose(state["h"], run.Hout[:, 0, 0], atol=1e-12)
    np.testing.assert_allclose(state["c"], run.cache.C[:, 0, 0], atol=1e-12)
    c, h, x = (numbers(text)[0] for text in texts)
    assert x == state["x"][state["t"]]
    t, at, gates = state["t"], state["at"], run.cache.IFOG[:, 0]
    opened, changed = (min(1, max(0, (at - begin) / 0.3)) for begin in (0.2, 0.5))
    old, new = state["c"][t : t + 2]
    now = old + changed * (new - old)
    assert abs(c - now) < 5.1e-3
    assert abs(h - (state["h"][t] if changed == 1 else state["h"][t - 1] if t else 0)) < 5.1e-3
    before = gates[t - 1] if t else np.zeros(4)
    heights = 33 * abs(before + opened * (gates[t] - before))
    np.testing.assert_allclose(fills, np.stack([261.5 - heights, heights], axis=1), atol=1e-9)
    for (width, visibility), value in zip(lines, (now, old), strict=True):
        assert abs(width - 5.5 * min(1, abs(value))) < 1e-9
        assert visibility == ("visible" if abs(value) > 0.02 else "hidden")
    assert pulse == (x != 0 and at < 0.98)


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


@pytest.mark.parametrize("begin", [0.1, 0.3, 0.6, 0.85])
def test_the_cover_on_its_way_through_a_step(visit, begin):
    page = visit()
    page.wait_for_function(
        """begin => {
          const { t, at, x } = cover.state();
          const there = x[t] && at > begin && at < begin + 0.1;
          if (there) document.querySelector("#fig-cell .live-row button").click();
          return there;
        }""", arg=begin)  # fmt: skip
    assert begin < page.evaluate("cover.state().at") < begin + 0.1
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
