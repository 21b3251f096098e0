"""Train it here, in chapter 10: one update equals that of the package and Optax on the same
batch."""

import numpy as np
import optax
import pytest
from hands import numbers

import lstm
from tools.browser import SITE

PAGE = "book/10-learning-to-remember.html"
START = "{T: 20, forget_bias: 3, input_bias: -1, seed: 2}"


def assert_updates(page):
    """Three updates are those of the package; and the list says what the curves show."""
    for item, run in zip(
        page.locator("#fig-adding-curves-live .runs li").all_inner_texts(),
        page.evaluate("learning.runs"),
        strict=True,
    ):
        told = [run["T"], run["forget_bias"], run["input_bias"], run["seed"], *run["points"][-1:]]
        np.testing.assert_allclose(numbers(item)[: len(told)], told, atol=5.1e-4)
    told = page.evaluate(
        f"""() => {{
          const plain = (x) => ({{WLSTM: [...x.WLSTM.data], WOUT: [...x.WOUT.data]}});
          const trainer = makeTrainer(lstm, {START});
          const told = [{{params: plain(trainer)}}];
          for (let k = 0; k < 3; k++) {{
            const {{X, Y}} = trainer.batch();
            const error = trainer.step({{X, Y}});
            told.push({{X: [...X.data], Y: [...Y], error, params: plain(trainer)}});
          }}
          return told;
        }}"""
    )
    params = {
        "WLSTM": np.array(told[0]["params"]["WLSTM"]).reshape(11, 32),
        "WOUT": np.array(told[0]["params"]["WOUT"]).reshape(9, 1),
    }
    np.testing.assert_array_equal(params["WLSTM"][0], np.repeat([-1, 3, 0, 0], 8))
    m = v = {name: np.zeros_like(value) for name, value in params.items()}
    for k, update in enumerate(told[1:], 1):
        X, Y = np.array(update["X"]).reshape(20, 20, 2), np.array(update["Y"]).reshape(20, 1)
        marked = X[..., 1] == 1
        np.testing.assert_array_equal(marked.sum(axis=0), 2)
        np.testing.assert_allclose((X[..., 0] * marked).sum(axis=0) / 2, Y[:, 0])
        run = lstm.forward(X, params["WLSTM"])
        answers = run.Hn @ params["WOUT"][1:] + params["WOUT"][0]
        assert abs(np.abs(answers - Y).mean() - update["error"]) < 1e-12
        dY = (answers - Y) / 20
        dHn = dY @ params["WOUT"][1:].T
        grads = {
            "WLSTM": lstm.backward(np.zeros_like(run.Hout), run.cache, None, dHn).dWLSTM,
            "WOUT": np.vstack([dY.sum(axis=0), run.Hn.T @ dY]),
        }
        length = np.sqrt(sum((g**2).sum() for g in grads.values()))
        grads = {name: g / max(1, length) for name, g in grads.items()}
        m = {name: 0.9 * m[name] + 0.1 * g for name, g in grads.items()}
        v = {name: 0.999 * v[name] + 0.001 * g**2 for name, g in grads.items()}
        for name in params:
            step = m[name] / (1 - 0.9**k) / (np.sqrt(v[name] / (1 - 0.999**k)) + 1e-8)
            params[name] = params[name] - 0.01 * step
            got = np.array(update["params"][name]).reshape(params[name].shape)
            np.testing.assert_allclose(got, params[name], rtol=1e-9, atol=1e-12)


def test_three_updates(visit):
    assert_updates(visit(PAGE))


@pytest.mark.parametrize(
    ("name", "label", "ends"),
    [("forget_bias", "forget bias", (-3, 6)), ("input_bias", "input bias", (-6, 3)),
     ("T", "steps T", (10, 60)), ("seed", "seed", (1, 20))],
)  # fmt: skip
def test_each_slider_sets_what_it_is_called(visit, name, label, ends):
    page = visit(PAGE)
    slider = page.locator("#fig-adding-curves-live").get_by_label(label)
    before = page.evaluate("learning.settings")
    for key, value in zip(("Home", "End"), ends, strict=True):
        slider.press(key)
        assert page.evaluate("learning.settings") == before | {name: value}


def test_its_adam_is_that_of_optax():
    """So the lines above are Adam, and not only like the page's."""
    gradient = np.array([0.3, -2.0])
    optimizer = optax.adam(0.01)
    state = optimizer.init(np.zeros(2))
    move, _ = optimizer.update(gradient, state)
    m, v = 0.1 * gradient, 0.001 * gradient**2
    want = -0.01 * (m / 0.1) / (np.sqrt(v / 0.001) + 1e-8)
    np.testing.assert_allclose(move, want, rtol=1e-5)


def test_numbers_and_marks_are_uniform_and_the_error_of_guessing_is_right(visit):
    page, T = visit(PAGE), 21
    read = page.evaluate(
        f"""() => {{
          const trainer = makeTrainer(lstm, {{...{START}, T: {T}}});
          return Array.from({{length: 20}}, () => [...trainer.batch().X.data]);
        }}"""
    )
    numbers, marks = np.moveaxis(np.reshape(read, (20, T, 20, 2)), -1, 0)
    for half in (marks[:, : T // 2], marks[:, T // 2 :]):
        assert (half.sum(axis=1) == 1).all(), "one mark in each half of each sequence"
        each = half.sum(axis=(0, 2))  # of 400, evenly over the steps
        assert (abs(each / 400 - 1 / len(each)) < 5 * np.sqrt(1 / len(each) / 400)).all()
    assert 0 < numbers.min() < numbers.max() < 1
    assert abs(numbers.mean() - 0.5) < 0.015
    assert abs(numbers.var() - 1 / 12) < 0.003
    # The mean of two uniform numbers lies 1/6 from 1/2 on average.
    assert page.evaluate("learning.GUESS") == 1 / 6


def test_it_learns_pauses_and_goes_on_from_files(visit):
    page = visit(PAGE, SITE.as_uri())
    live = page.locator("#fig-adding-curves-live")
    page.evaluate("learning.sliders.T.set(10); learning.settings.T = 10")
    live.get_by_role("button", name="Train").press("Enter")
    # Pressed by the page itself as soon as it has learnt a little: a click from here may come when
    # a fast machine has done all of it, and begin another run.
    live.get_by_role("button", name="Pause").evaluate(
        """(button) => new Promise((done) => new MutationObserver((_, observer) => {
          if (learning.runs[0].points.length < 4) return;
          observer.disconnect();
          button.click();
          done();
        }).observe(button.closest(".live").querySelector(".runs"), { childList: true }))"""
    )
    page.wait_for_timeout(300)
    seen = page.evaluate("learning.runs[0].errors.length")
    page.wait_for_timeout(500)
    assert page.evaluate("learning.runs[0].errors.length") == seen
    assert "Paused" in live.locator(".said").inner_text()
    live.get_by_role("button", name="Go on").click()
    page.wait_for_function("learning.runs[0].points.length >= 24")
    points = page.evaluate("learning.runs[0].points")
    assert points[-1] < 0.4 * points[0]
    page.evaluate("scrollTo(0, 0)")  # out of sight, it rests
    page.wait_for_function("!learning.runs[0].going")
