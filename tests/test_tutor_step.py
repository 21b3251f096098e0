"""One equation at a time, and functions of arrays: all that the tutor says of them."""

import re

import numpy as np
import pytest

from lstm import tutor
from lstm.tutor.equations import EQUATIONS
from lstm.tutor.judge import named
from lstm.tutor.mistake import Mistake
from lstm.tutor.mistakes import mistakes
from lstm.tutor.step import _SIZES, STEPS, judge_function
from lstm.tutor.styles import style
from lstm.tutor.verdict import Finding, Place

TABLE = {mistake.name: mistake for mistake in mistakes()}


def judged(function, label="eq-df"):
    (finding,) = tutor.step(label, function).findings
    return finding


def wrong(says, label="eq-df"):
    return Finding(label, "wrong", says, hint=EQUATIONS[label].hint, label=label)


# How a function is called.


def test_what_is_no_step():
    says = f"label: expected one of {list(STEPS)}, got 'eq-nonsense'"
    with pytest.raises(ValueError, match=f"^{re.escape(says)}$"):
        tutor.step("eq-nonsense", len)
    with pytest.raises(TypeError, match=r"^function: expected a function, got a int$"):
        tutor.step("eq-df", 3)


RIGHT = [
    lambda dc, c_prev: dc * c_prev,
    lambda c_prev, dc: np.where(c_prev > 100, 0, dc * c_prev),
    lambda one, two: one * two,
    lambda *values: values[0] * values[1],
    lambda dc, v: dc * v,
    lambda dc, c_prev, more=None: dc * c_prev,
    lambda dc, c_prev, **more: dc * c_prev,
    lambda dc, c, i, g, f: dc * (c - i * g) / f,  # other values of the step, by their names
    lambda dc, c_prev: [dc * c_prev],
    lambda dc, c_prev: (dc * c_prev).tolist(),
]


@pytest.mark.parametrize("function", RIGHT, ids=range(len(RIGHT)))
def test_a_function_takes_values_by_name_or_from_left_to_right(function):
    says = "agrees with the equation on 3 random problems"
    assert judged(function) == Finding("eq-df", "right", says)


@pytest.mark.parametrize(
    ("function", "takes"),
    [(lambda: 0, "nothing"), (lambda q: 0, "q"), (lambda dc, c_prev, q: 0, "dc, c_prev, q")],
)
def test_a_function_that_takes_something_else(function, takes):
    assert judged(function) == Finding(
        "eq-df", "wrong", f"takes {takes}; expected dc, c_prev, or other values of the step by the "
        "names that they have in the book",
    )  # fmt: skip


# What is said of it.


def in_place(dc, c_prev):
    dc *= c_prev
    return dc


def unwritten(dc, c_prev):
    raise NotImplementedError


SIZES = "with b, D, H = 2, 5, 4"
SAID = [
    (unwritten, Finding("eq-df", "unwritten", "write it, then check again")),
    (lambda dc, c_prev: None, Finding("eq-df", "unwritten", "write it, then check again")),
    (lambda dc, c_prev: "x", wrong("df is a str, expected an array of numbers")),
    (lambda dc, c_prev: dc.T, wrong(f"df has shape (4, 2), expected (2, 4) {SIZES}")),
    (lambda dc, c_prev: (dc, dc), wrong(f"df has shape (2, 2, 4), expected (2, 4) {SIZES}")),
    (in_place, Finding("eq-df", "wrong", "an argument is changed in place: work on a copy",
                       mistakes=("argument changed in place",))),
]  # fmt: skip


@pytest.mark.parametrize(("function", "finding"), SAID, ids=range(len(SAID)))
def test_what_is_no_result_of_a_step(function, finding):
    assert judged(function) == finding


def test_an_error_of_a_step_has_its_line():
    finding = judged(lambda dc, c_prev: 1 / 0)
    assert re.fullmatch(r"raises ZeroDivisionError: division by zero \(line \d+\)", finding.says)
    assert finding == wrong(finding.says)


def test_the_name_of_a_wrong_step():
    (finding,) = tutor.step("eq-di", lambda dc, i: dc * i).findings
    mistake = TABLE["di: i for g"]
    assert finding.place.array == "di"
    assert finding == Finding(
        "eq-di", "wrong", mistake.says[:1].upper() + mistake.says[1:], (), "eq-di", mistake.source,
        EQUATIONS["eq-di"].hint, finding.place, ("di: i for g",),
    )  # fmt: skip


# Functions of arrays in general.

ONE, TWO = np.array([1.0, 2.0]), np.array([[3.0, 4.0], [5.0, 6.0]])
PROBLEMS = [((ONE, TWO), [ONE, TWO], "first"), ((TWO, ONE), [TWO, ONE], "second")]
TWINS = [
    (Mistake("halved", "it is half", "eq-df", ()), lambda k: [0.5 * a for a in PROBLEMS[k][1]]),
    (Mistake("half", "again half", "", (), "h"), lambda k: [0.5 * a for a in PROBLEMS[k][1]]),
    (Mistake("other", "Ω", "eq-other", ()), lambda k: [a + 1 for a in PROBLEMS[k][1]]),
    (Mistake("first", "a first", "", ()), lambda k: [a + 1 - k for a in PROBLEMS[k][1]]),
    (Mistake("cannot run", "none", "", ()), lambda k: []),
]  # fmt: skip


def judge(function, label="", tolerance=1e-9):
    (finding,) = judge_function(
        "pair", function, PROBLEMS, ("a", "b"), TWINS, label, tolerance=tolerance
    ).findings
    return finding


def test_the_first_mistake_that_explains_all_problems_is_named():
    place = Place("a", (0,), 0.5, 1.0, "2 of 2 are wrong")
    assert judge(lambda a, b: (a / 2, b / 2)) == Finding(
        "pair", "wrong", "It is half", (), "eq-df", "", EQUATIONS["eq-df"].hint, place, ("halved",)
    )
    place = Place("a", (0,), 2.0, 1.0, "2 of 2 are wrong")
    assert judge(lambda a, b: (a + 1, b + 1)) == Finding(
        "pair", "wrong", "Ω", (), "", "", "", place, ("other",)
    )
    assert judge(lambda a, b: (a + 1, b + 1), "eq-dg") == Finding(
        "pair", "wrong", "Ω", (), "eq-dg", "", EQUATIONS["eq-dg"].hint, place, ("other",)
    )


def only_in_the_second(a, b):
    b = b.copy()
    b[1:] += a.ndim - 1
    return a, b


def test_what_has_no_name_has_a_place():
    hint, says = EQUATIONS["eq-dg"].hint, "wrong in a way that has no name here"
    finding = judge(lambda a, b: (a, b * [[1, 1], [1, 2]] if b.ndim == 2 else b), "eq-dg")
    place = Place("b", (1, 1), 12.0, 6.0, "1 of 4 are wrong")
    assert finding == Finding("pair", "wrong", says, ("right: a",), "eq-dg", "", hint, place)
    finding = judge(only_in_the_second)
    place = Place("b", (1,), 3.0, 2.0, "1 of 2 are wrong")
    assert finding == Finding("pair", "wrong", says, ("right: a, b",), place=place)
    finding = judge(lambda a, b: (3 * a, 3 * b))
    place = Place("a", (0,), 3.0, 1.0, "2 of 2 are wrong")
    assert finding == Finding("pair", "wrong", says, (), place=place)


@pytest.mark.parametrize(("factor", "status"), [(1 + 9e-7, "right"), (1 + 2e-6, "wrong")])
def test_numbers_may_differ_by_a_tolerance(factor, status):
    assert judge(lambda a, b: (a, b * factor), tolerance=1e-6).status == status
    assert judge(lambda a, b: (a, b * (1 + 2e-9))).status == "wrong"
    assert judge(lambda a, b: (a, b * (1 + 5e-10))).status == "right"


def test_several_results_are_needed():
    assert judge(lambda a, b: a).says == "returns one, expected 2: a, b"
    assert judge(lambda a, b: (a,)).says == "returns 1 values, expected 2: a, b"
    assert judge(lambda a, b: [a, b[0]]).says == (
        "b has shape (2,), expected (2, 2) with first"
    )  # fmt: skip


# How mistakes are named.

DF, DI, DZ, CH = (TABLE[n] for n in ("df: sign", "di: sign", "dz_g: 1 - v", "c and h swapped"))


def hints(ordinal, mistake):
    equation = EQUATIONS[mistake.label]
    return f"the {ordinal}: ({mistake.label}), {equation.chapter}. {equation.hint}"


def test_one_mistake_is_named():
    place = Place("dX", (0,), 1.0, 2.0, "x")
    assert named("backward", [(DF,)], place, ("more",)) == Finding(
        "backward", "wrong", DF.says[:1].upper() + DF.says[1:], ("more",), "eq-df", "",
        EQUATIONS["eq-df"].hint, place, ("df: sign",),
    )  # fmt: skip


def test_mistakes_that_give_the_same_numbers_are_listed():
    found = [(DF,), (DI,), (DZ,), (CH,), (TABLE["dx: sign"],)]
    finding = named("backward", found)
    said = f"or, which gives the same numbers: {DI.says}; or: {DZ.says}; or: {CH.says}"
    assert finding.details == (said,)
    assert finding.mistakes == ("df: sign",)


def test_several_mistakes_are_named_together():
    first = TABLE["h: no tanh"]
    finding = named("forward", [(first, CH, DZ), (DF, DI, CH)])
    assert finding.says == f"3 mistakes together: {first.says}; {CH.says}; {DZ.says}"
    states = "if h comes before c throughout, in the arguments, too, pass states='h c'"
    assert finding.details == (hints("second", CH), hints("third", DZ), states)
    assert (finding.label, finding.source) == (first.label, CH.source)
    assert finding.hint == EQUATIONS[first.label].hint
    assert finding.mistakes == ("h: no tanh", "c and h swapped", "dz_g: 1 - v")


@pytest.mark.parametrize(
    ("name", "convention", "said"),
    [
        ("order i, f, g, o", None, "that is the order of PyTorch, Keras, "),
        ("order o, g, f, i", None, ""),
        ("order i, f, g, o", "PyTorch", "that is the order of this book"),
    ],
)
def test_an_order_that_another_convention_has(name, convention, said):
    finding = named("forward", [(TABLE[name],)], style=style(convention))
    details = " ".join(finding.details)
    assert details.startswith(said)
    assert bool(details) == bool(said)
    assert details.endswith(": if it is meant, name the convention") == (
        bool(said) and convention is None
    )


def test_states_in_the_order_of_a_library():
    finding = named("forward", [(CH,)], style=style("PyTorch"))
    states = "if c comes before h throughout, in the arguments, too, pass states='c h'"
    assert finding.details == (states,)


def test_sizes_of_a_step_can_be_told_apart():
    assert all(len({*sizes}) == 3 for sizes in _SIZES)


def test_where_a_sigmoid_is_tried_far_out():
    seen = []

    def sigmoid(a):
        seen.append(a.copy())
        return (1 + np.tanh(a / 2)) / 2

    assert judged(sigmoid, "eq-sigmoid").status == "right"
    np.testing.assert_array_equal(seen[-1], [[-1000.0, 0.0, 1000.0]], strict=True)
