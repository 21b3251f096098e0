"""LSTMs as other people write them, right and with the mistakes that they make.

`others` has a program in each of some twenty styles, as text, and a list of wrong lines with what
the tutor should make of them: the names of the mistakes, or, where there is no name, the label of
the equation to look at. The names listed there are the mistakes that were made, and the tutor may
name no others.
"""

import json
from pathlib import Path

import pytest

from lstm import tutor

FOLDER = Path(__file__).parent / "others"
OTHERS = json.loads((FOLDER / "others.json").read_text(encoding="utf-8"))


def load(style, changes=()):
    """The two functions of a program, with pieces of its text replaced."""
    source = (FOLDER / f"{style}.txt").read_text(encoding="utf-8")
    for right, wrong in changes:
        assert right in source, right
        source = source.replace(right, wrong)
    scope = {"__name__": "others"}
    exec(compile(source, style, "exec"), scope)
    return scope["forward"], scope["backward"]


def test_every_program_is_judged():
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(OTHERS["options"])
    assert len(OTHERS["options"]) > 20
    assert len(OTHERS["wrong"]) >= 75


@pytest.mark.parametrize("style", OTHERS["options"])
def test_a_right_program_passes(style):
    verdict = tutor.check(*load(style), **OTHERS["options"][style])
    assert verdict.ok, verdict


INSIDE = {
    "prints": ("X, W, c0, h0):", "X, W, c0, h0):\n    print('so', X.shape)"),
    "float32": ("h, c = h0, c0\n", "X, W, h0, c0 = (np.float32(a) for a in (X, W, h0, c0))\n"
                "    h, c = h0, c0\n"),
    "longdouble": ("h, c = h0, c0\n", "X, W, h0, c0 = (np.longdouble(a) for a in (X, W, h0, c0))\n"
                   "    h, c = h0, c0\n"),
}  # fmt: skip


@pytest.mark.parametrize("what", INSIDE)
def test_a_program_that_prints_or_has_another_precision_passes(what):
    verdict = tutor.check(*load("recompute", [INSIDE[what]]))
    assert verdict.ok, verdict
    assert ("float64 becomes float32" in str(verdict)) == (what == "float32")


@pytest.mark.parametrize("wrong", OTHERS["wrong"], ids=lambda wrong: wrong["what"][:40])
def test_a_wrong_program_is_named_or_located(wrong):
    code = load(wrong["style"], wrong["changes"])
    verdict = tutor.check(*code, **OTHERS["options"][wrong["style"]])
    assert not verdict.ok
    assert list(verdict.mistakes) == wrong.get("mistakes", [])
    if not verdict.mistakes:
        first = next(finding for finding in verdict.findings if finding.status == "wrong")
        assert first.label == wrong["label"]
        assert first.place is not None or "thousands" in first.says


def test_the_order_of_gates_is_said_in_words_of_the_convention():
    options = OTHERS["options"]["torch-dict"]
    cut = ("cellgate, outgate = np.split", "outgate, cellgate = np.split")
    verdict = tutor.check(*load("torch-dict", [cut]), **options)
    assert "are cut as i, f, o, g; their order is i, f, g, o in this convention" in str(verdict)
    assert "that is the order of this book" in str(verdict)
    swapped = [('i = sg(v @ p["W_i"] + p["b_i"])', 'i = sg(v @ p["W_o"] + p["b_o"])'),
               ('o = sg(v @ p["W_o"] + p["b_o"]); g', 'o = sg(v @ p["W_i"] + p["b_i"]); g')]
    verdict = tutor.check(load("separate", swapped)[0], convention="separate gates")
    says = "The output gate uses the weights of the input gate; the input gate uses the weights of"
    assert says in str(verdict)
    assert verdict.findings[0].label == "eq-z"


def test_states_in_another_order_throughout():
    """Where h comes first in arguments and results, the verdict says which option is meant."""
    forward, _ = load("h-before-c")
    verdict = tutor.check(forward)
    assert set(verdict.mistakes) == {"c0 and h0 swapped", "c and h swapped"}
    assert "in the arguments, too, pass states='h c'" in str(verdict)
    assert tutor.check(forward, states="h c").ok
