"""Where letters are in a text, and how well numbers tell it."""

import numpy as np
import pytest
from helpers import refused
from sklearn.metrics import roc_auc_score

from lstm.book.probes import auc, harder, places


def test_places_by_hand():
    text = 'a (b\n   "c [" d)\n\n(e'
    marks = places(text)
    expected = {"bracket": "00111111111111100011", "quotation": "00000000111100000000"}
    for name in ("bracket", "quotation"):
        assert "".join(str(int(m)) for m in marks[name]) == expected[name], name
    lines = text.split("\n")
    columns = [k for line in lines for k in [*range(1, len(line) + 1), 0]][:-1]
    assert marks["column"].tolist() == columns
    second = slice(text.index("\n") + 3, text.index("\n\n"))
    assert marks["code"][second].all()
    assert marks["code"].sum() == second.stop - second.start


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("  x", "000"), ("   x", "0011"), ("     x", "001111"), ("\t\t\tx", "0000"),
        ("x   y", "00000"),
    ],
)
def test_code_begins_with_three_spaces_or_more(text, code):
    assert "".join(str(int(m)) for m in places(text)["code"]) == code


@pytest.mark.parametrize(
    ("text", "depths"),
    [
        ("a(b)c", "01100"), ("a[b]c", "01100"), ("a{b}c", "01100"), ("X(X)X", "01100"),
        ("(a[b)c]d", "11111100"), ("a)(b", "0011"), ('("(")b', "111100"), ('"(")a', "00000"),
    ],
)  # fmt: skip
def test_what_is_open_until_what_closes(text, depths):
    marks = places(text)
    assert "".join(str(int(m)) for m in marks["bracket"]) == depths
    assert [row.dtype for row in marks.values()] == [bool, bool, bool, int]


def test_an_empty_line_closes_all():
    marks = places('("a\n\nb')
    assert marks["bracket"].tolist() == [True, True, True, True, False, False]
    assert marks["quotation"].tolist() == [False, True, True, True, False, False]
    assert places("")["column"].shape == (0,)
    assert not places("a)b")["bracket"].any()


def test_a_text_without_letters_has_no_places():
    for name, marks in places("").items():
        assert marks.shape == (0,)
        assert marks.dtype == (int if name == "column" else bool)


def test_auc_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    marked = rng.random(200) < 0.3
    values = rng.standard_normal((200, 4)) + marked[:, None] * np.array([0, 1, -1, 3])
    values[:, 1] = values[:, 1].round()  # ties
    expected = [roc_auc_score(marked, column) for column in values.T]
    np.testing.assert_allclose(auc(values, marked), expected, rtol=1e-12)
    np.testing.assert_allclose(auc(values[:, 0], marked), expected[0], rtol=1e-12)


def test_marks_and_numbers_may_be_of_any_type():
    values, marked = np.array([3, 1, 2, 2, 5]), np.array([True, False, False, True, True])
    want = 5.5 / 6  # of six pairs one is equal
    for x in (values, values.astype(np.float32), values.tolist()):
        for mark in (marked, marked.astype(int), marked.astype(float), marked.tolist()):
            assert auc(x, mark) == want


def test_the_harder_area_is_the_nearer_to_a_half_of_two():
    rng = np.random.default_rng(3)
    marked = np.repeat(rng.random(60) < 0.3, 8)
    units = marked[:, None] * rng.standard_normal(40) + rng.standard_normal((480, 40))
    units += 2 * np.roll(marked, 4)[:, None] * rng.standard_normal(40)
    sides = set()
    for after in (1, 9, 10, 11, 479):
        near = np.array([marked[max(0, k - after) : k + 1].any() for k in range(480)])
        want = []
        for a, b in zip(auc(units, marked), auc(units[near], marked[near]), strict=True):
            sides.add((a < 0.5, b < 0.5, abs(a - 0.5) < abs(b - 0.5)))
            apart = (a < 0.5) != (b < 0.5)
            want.append(0.5 if apart else min(a, b, key=lambda area: abs(area - 0.5)))
        np.testing.assert_allclose(harder(units, marked, after=after), want, rtol=1e-12)
        if after == 10:
            for mark in (marked.tolist(), marked.astype(int), marked.astype(float)):
                np.testing.assert_allclose(harder(units, mark), want, rtol=1e-12)
    assert len(sides) == 8
    with pytest.raises(TypeError, match="positional argument"):
        harder(units, marked, 10)


def test_a_unit_that_is_late_does_not_know_and_one_that_knows_does():
    """A trace that fades behind a mark passes the plain question, and fails the harder one."""
    rng = np.random.default_rng(1)
    marked = np.repeat(rng.random(400) < 0.3, 8)
    fading, recent = np.zeros(len(marked)), 0.0
    for k, mark in enumerate(marked):
        fading[k] = recent = max(float(mark), 0.9 * recent)
    knows = marked + 0.1 * rng.standard_normal(len(marked))
    values = np.stack([fading + 0.4 * rng.standard_normal(len(marked)), knows, -knows], axis=1)
    assert auc(values, marked)[0] > harder(values, marked)[0] + 0.1
    assert harder(values, marked)[1] > 0.99
    np.testing.assert_allclose(harder(values, marked)[2], 1 - harder(values, marked)[1])
    guess = harder(rng.standard_normal((len(marked), 50)), marked)
    assert abs(guess - 0.5).max() < 0.06


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: auc([1.0, 2.0], [True, True]), ValueError,
         "marked: expected some True and some False, got all the same"),
        (lambda: auc([1.0, 2.0], [False, False]), ValueError,
         "marked: expected some True and some False, got all the same"),
        (lambda: auc([], []), ValueError,
         "marked: expected some True and some False, got all the same"),
        (lambda: auc(np.ones((2, 3, 1)), [True, False]), ValueError,
         "marked: expected shape (n,), as values (n,) or (n, units), got (2,) with (2, 3, 1)"),
        (lambda: auc(np.ones((2, 2)), [[True, False], [True, True]]), ValueError,
         "marked: expected shape (n,), as values (n,) or (n, units), got (2, 2) with (2, 2)"),
        (lambda: auc(1.0, True), ValueError,
         "marked: expected shape (n,), as values (n,) or (n, units), got () with ()"),
        (lambda: auc([1.0], [True, False]), ValueError,
         "marked: expected shape (n,), as values (n,) or (n, units), got (2,) with (1,)"),
        (lambda: auc([1.0, 2.0], [True]), ValueError,
         "marked: expected shape (n,), as values (n,) or (n, units), got (1,) with (2,)"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(call, error, message):
    with refused(error, message):
        call()
