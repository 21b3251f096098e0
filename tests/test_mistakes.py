"""The table of the tutor's mistakes: all names and sentences, as they were read by eye."""

from pathlib import Path

import pytest

from lstm.tutor import mistakes as table
from lstm.tutor.mistake import Mistake
from lstm.tutor.mistakes import mistakes
from lstm.tutor.of_backward import BACKWARD
from lstm.tutor.of_forward import FORWARD
from lstm.tutor.of_gates import EACH_GATE, ORDERS
from lstm.tutor.plain import model
from lstm.tutor.rules import products, slopes, sums

LISTED = Path(__file__).parent / "mistakes.txt"


def test_every_mistake_is_listed():
    """Who adds a mistake reads its line and adds it; `python tests/test_mistakes.py` prints all."""
    assert "\n".join(lines()) + "\n" == LISTED.read_text(encoding="utf-8")


def lines():
    """A line for each mistake: its name, equation, name in the zoo, and sentence."""
    return [" | ".join((m.name, m.label, m.zoo, m.says)) for m in mistakes()]


@pytest.mark.parametrize("two_biases", [True, False])
@pytest.mark.parametrize("plus", [True, False])
def test_what_a_library_cannot_get_wrong_is_left_out(two_biases, plus):
    left = (set() if plus else table._OF_PLUS) | (set() if two_biases else table._OF_TWO_BIASES)
    names = {m.name for m in mistakes()}
    assert left <= names
    assert {m.name for m in mistakes(two_biases=two_biases, plus=plus)} == names - left


def test_twins_are_made_and_left_out():
    listed = [row[0] for row in (*FORWARD, *BACKWARD, *EACH_GATE, *ORDERS)]
    made = {*listed, *(m.name for m in (*products(), *slopes(), *sums()))}
    assert made >= table._TWINS
    assert not table._TWINS & {m.name for m in mistakes()}


def test_the_table_is_made_once():
    assert mistakes(True, False) is mistakes(True, False)


def test_a_mistake_is_made_in_one_of_the_two_passes():
    right = model()
    for m in mistakes():
        wrong = model(m.patches)
        assert (wrong.forward is not right.forward) == m.forward, m.name
        assert (wrong.backward is not right.backward) == (not m.forward), m.name
    assert not Mistake("", "", "eq-u", ()).forward


def test_mistakes_that_people_made_have_a_source():
    for m in mistakes():
        assert m.source.startswith("https://") if m.zoo else m.source == ""


if __name__ == "__main__":
    print("\n".join(lines()))
