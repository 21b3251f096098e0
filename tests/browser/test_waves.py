"""All steps at once, chapter 16: the guesses of the page are those of `lstm.parallel.newton`."""

import numpy as np
import pytest

import lstm
from lstm.parallel import newton

PAGE = "book/16-all-at-once.html"
LIVE = "#fig-waves-live"


def assert_guess(page):
    """The guess after so many corrections is right, and so are the count of right states and the
    sentence."""
    settings, rows = page.evaluate("[waves.settings, waves.rows()]")
    problem = page.evaluate("waves.problem()")
    X, W = np.array(problem["X"]), np.array(problem["WLSTM"])
    assert X.shape[0] == settings["n"]
    guesses = []
    newton.solve(X, W, safe=settings["safe"], iterations=rows - 1, tolerance=0, keep=guesses)
    shown = page.evaluate("waves.guess()")
    got = np.concatenate([np.reshape(shown[name], (-1, 8)) for name in "Ch"], axis=1)
    if rows <= 4:  # later, rounding has grown where the guess is still wrong
        np.testing.assert_allclose(got, guesses[-1][:, 0], rtol=1e-6, atol=1e-6)
    run = lstm.forward(X, W)
    true = np.concatenate([run.cache.C[1:], run.Hout], axis=-1)[:, 0]
    wrong = np.flatnonzero(~(abs(got - true).max(axis=1) < 1e-10))
    front = wrong[0] if len(wrong) else settings["n"]
    assert page.evaluate("waves.front()") == front
    said = page.locator(f"{LIVE} .said").inner_text()
    assert (
        f"all {settings['n']} states" if front == settings["n"] else f"first {front} of"
    ) in said


def test_correcting_until_all_is_right(visit):
    page = visit(PAGE)
    button = page.locator(LIVE).get_by_role("button", name="Correct the guess")
    for _ in range(3):
        button.click()
        assert_guess(page)
    for _ in range(60):
        if button.is_disabled():
            break
        button.click()
    assert page.evaluate("waves.front()") == 300
    assert_guess(page)
    page.get_by_role("button", name="Start again").click()
    assert page.evaluate("waves.rows()") == 1


def test_a_network_that_forgets_quickly_needs_few_corrections(visit):
    page = visit(PAGE)
    page.locator(f"{LIVE} .sliders input").first.fill("0")
    page.locator(LIVE).get_by_role("button", name="1,000").click()
    for _ in range(5):
        page.evaluate("waves.iterate()")
    assert page.evaluate("waves.front()") == 1000
    assert_guess(page)


@pytest.mark.parametrize("scale", ["0", "0.5", "1.25"])
def test_recurrent_weights_of_another_size(visit, scale):
    page = visit(PAGE)
    before = np.array(page.evaluate("waves.problem().WLSTM"))
    page.locator(f"{LIVE} .sliders input").nth(1).fill(scale)
    W = np.array(page.evaluate("waves.problem().WLSTM"))
    np.testing.assert_allclose(W[-8:], float(scale) * before[-8:], rtol=1e-15)  # the rows of h
    np.testing.assert_array_equal(W[:-8], before[:-8])
    for _ in range(2):
        page.evaluate("waves.iterate()")
        assert_guess(page)


def test_each_seed_can_be_chosen(visit):
    page = visit(PAGE)
    seed = page.locator(f"{LIVE} .sliders input").nth(2)
    for keys, want in ((("Home",), 1), (("ArrowRight",), 2), (("End",), 20), (("ArrowLeft",), 19)):
        for key in keys:
            seed.press(key)
        assert page.evaluate("waves.settings.seed") == want
    assert_guess(page)


def test_without_bounds(visit):
    page = visit(PAGE)
    page.locator(LIVE).get_by_label("keep guesses within bounds").uncheck()
    page.evaluate("waves.iterate()")
    assert_guess(page)
    assert page.evaluate("waves.settings.safe") is False
