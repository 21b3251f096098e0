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


def test_an_empty_line_closes_all():
    marks = places('("a\n\nb')
    assert marks["bracket"].tolist() == [True, True, True, True, False, False]
    assert marks["quotation"].tolist() == [False, True, True, True, False, False]
    assert places("")["column"].shape == (0,)
    assert not places("a)b")["bracket"].any()


def test_auc_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    marked = rng.random(200) < 0.3
    values = rng.standard_normal((200, 4)) + marked[:, None] * np.array([0, 1, -1, 3])
    values[:, 1] = values[:, 1].round()  # ties
    expected = [roc_auc_score(marked, column) for column in values.T]
    np.testing.assert_allclose(auc(values, marked), expected, rtol=1e-12)
    np.testing.assert_allclose(auc(values[:, 0], marked), expected[0], rtol=1e-12)


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
        (lambda: auc([1.0, 2.0], [True]), ValueError,
         "marked: expected shape (n,), as values (n,) or (n, units), got (1,) with (2,)"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(call, error, message):
    with refused(error, message):
        call()
