"""Whole findings of the tutor about two functions: what goes before what, and in which words."""

import numpy as np
import pytest

import lstm
from lstm import tutor
from lstm.tutor import beyond
from lstm.tutor.candidate import Candidate
from lstm.tutor.equations import EQUATIONS
from lstm.tutor.mistakes import mistakes
from lstm.tutor.styles import OURS
from lstm.tutor.verdict import Finding

TABLE = {mistake.name: mistake for mistake in mistakes()}
RIGHT = Finding("forward", "right", "Hout, Cn and Hn agree with the equations on 7 random problems")
BACK = Finding("backward", "right", "dX, dWLSTM, dc0 and dh0 agree on 7 random problems")
FIRST = "forward comes first: mend it, then check again"


def unwritten(*_):
    raise NotImplementedError


def sideways(X, WLSTM, c0, h0):
    """A forward pass that has no name: all gates are too large."""
    return lstm.forward(X, 1.7 * WLSTM, c0, h0)


def from_c_prev(X, WLSTM, c0, h0):
    """A forward pass whose mistake has a name."""
    F = lstm.forward(X, WLSTM, c0, h0)
    return F.Hout, F.Hn, F.Cn, F.cache


def test_right_functions():
    assert tutor.check(lstm.forward).findings == (RIGHT,)
    assert tutor.check(lstm.forward, lstm.backward).findings == (RIGHT, BACK)


@pytest.mark.parametrize(
    ("forward", "backward", "finding"),
    [
        (unwritten, lstm.backward, Finding("backward", "unwritten", "forward comes first")),
        (lambda *_: 3, lstm.backward,
         Finding("backward", "note", "not judged: it needs a forward pass")),
        (sideways, lambda *given: [2 * a for a in lstm.backward(*given)],
         Finding("backward", "note", f"not judged: {FIRST}")),
        (sideways, lambda *given: [a * [1, 1.7][k == 1]
                                   for k, a in enumerate(lstm.backward(*given))],
         Finding("backward", "note", "the right derivative of your forward pass, as wrong as that "
                 "is", (FIRST,))),
        (from_c_prev, lstm.backward, Finding("backward", "note", "its lines are those of the book; "
                                             "they will be right once forward is")),
        (from_c_prev, lambda *given: [np.sin(a) for a in lstm.backward(*given)],
         Finding("backward", "note", f"not judged: {FIRST}")),
        (lstm.forward, unwritten, Finding("backward", "unwritten", "write it, then check again")),
        (lstm.forward, lambda *_: 3, Finding(
            "backward", "wrong", "returns a int, expected (dX, dWLSTM, dc0, dh0) with n, b, D, H = "
            "3, 2, 5, 4")),
        (lstm.forward, lambda *given: (*lstm.backward(*given)[:3], np.ones(3)), Finding(
            "backward", "wrong",
            "dh0 has shape (3,), expected (2, 4) with n, b, D, H = 3, 2, 5, 4")),
    ],
    ids=range(9),
)  # fmt: skip
def test_a_backward_pass_is_judged_as_far_as_the_forward_pass_allows(forward, backward, finding):
    (found,) = (f for f in tutor.check(forward, backward).findings if f.part == "backward")
    assert found == finding


def test_a_mistake_of_the_backward_pass_beside_one_of_the_forward_pass():
    def backward(*given):
        dX, dW, dc0, dh0 = lstm.backward(*given)
        return dX, dW, dh0, dc0

    (finding,) = (f for f in tutor.check(from_c_prev, backward).findings if f.part == "backward")
    mistake = TABLE["dc0 and dh0 swapped"]
    assert (finding.mistakes, finding.place) == (("dc0 and dh0 swapped",), None)
    assert finding.says.lower() == mistake.says.lower()
    assert finding.details == ("judged with the values of your forward pass",)


def changed(part, name):
    says = f"{name} is changed in place: work on a copy, as whoever calls the function still needs "
    return Finding(part, "wrong", says + "it", mistakes=(f"{name} changed in place",))


def test_what_a_forward_pass_changes_in_place_is_told():
    def forward(X, WLSTM, c0, h0):
        F = lstm.forward(X, WLSTM, c0, h0)
        h0 *= 2
        X *= 2
        return F

    wanted = (changed("forward", "X"), changed("forward", "h0"))
    assert tutor.check(forward).findings == wanted


def test_what_a_backward_pass_changes_in_place_is_told():
    def backward(dHout, cache, dCn, dHn):
        G = lstm.backward(dHout, cache, dCn, dHn)
        dCn *= 2
        return G

    assert tutor.check(lstm.forward, backward).findings == (RIGHT, changed("backward", "dCn"))


@pytest.mark.parametrize(
    ("function", "name"), [(3, "forward"), (None, "forward"), ("f", "forward"), (3, "backward")]
)
def test_what_is_no_function(function, name):
    with pytest.raises(TypeError) as error:
        tutor.check(**{"forward": lstm.forward} | {name: function})
    kind = type(function).__name__
    assert str(error.value) == f"{name}: expected a function, got a {kind}"


# Beyond the ordinary.


def at(condition, wrong):
    """Our forward pass, in which the result is changed where a condition on the arguments holds."""

    def forward(X, WLSTM, c0, h0):
        F = lstm.forward(X, WLSTM, c0, h0)
        return (*wrong(F), F.cache) if condition(X, WLSTM, c0, h0) else F

    return forward


def nan(F):
    return np.nan * F.Hout, F.Cn, F.Hn


def double(F):
    return 2 * F.Hout, F.Cn, F.Hn


def single(*given):
    return lstm.forward(*(np.float32(a) for a in given))


def as_double(F):
    return [a.astype(np.float64) for a in F[:3]]


BEYOND = [
    (at(lambda X, *_: len(X) == 20, double), "wrong",
     "with 20 steps and a batch of 12 Hout is wrong"),
    (at(lambda X, *_: len(X) == 40, nan), "wrong",
     "with 40 steps and a batch of 30 nan or infinity comes out"),
    (at(lambda X, W, *_: np.abs(W).max() > 1000, nan), "wrong",
     "where raw gates are in the thousands nan or infinity comes out"),
    (at(lambda X, W, c, h: np.abs(c).max() > 100, double), "wrong",
     "where the memory is large Hout is wrong"),
    (at(lambda X, *_: X.dtype == np.float32, double), "wrong", "in float32 Hout is wrong"),
    (at(lambda X, *_: X.dtype == np.float32, as_double), "note",
     "float32 becomes float64: Hout, Cn, Hn"),
    (at(lambda X, *_: len(X) == 0, lambda F: (F.Hout, 2 * F.Cn, F.Hn)), "note",
     "after a sequence of length 0 the last states should be the first"),
    (at(lambda X, *_: len(X) == 0, lambda F: (F.Hout, F.Cn, 2 * F.Hn)), "note",
     "after a sequence of length 0 the last states should be the first"),
    (single, "note", "float64 becomes float32"),
]  # fmt: skip


@pytest.mark.parametrize(("forward", "status", "says"), BEYOND, ids=range(len(BEYOND)))
def test_what_is_wrong_with_a_forward_pass_besides(monkeypatch, forward, status, says):
    monkeypatch.setattr(beyond, "QUICK", 60)  # however busy the machine is
    findings = tutor.check(forward).findings
    found = Finding("forward", status, says)
    assert findings == ((found,) if status == "wrong" else (RIGHT, found))


def test_a_sequence_of_no_steps_may_fail():
    def forward(X, WLSTM, c0, h0):
        return lstm.forward(X, WLSTM, c0, h0) if len(X) else (X, c0[:1], h0, None)

    right, note = tutor.check(forward).findings
    assert (right, note.status) == (RIGHT, "note")
    assert note.says == (
        "a sequence of length 0 gives: Hout has shape (0, 2, 5), expected (0, 2, 4) with n, b, D, "
        "H = 0, 2, 5, 4"
    )


def test_a_clip_of_the_memory_has_a_name():
    def forward(X, WLSTM, c0, h0):
        Hout, c, h = np.zeros((*X.shape[:2], len(WLSTM[0]) // 4)), c0, h0
        for t, x in enumerate(X):
            c, h = lstm.step(x, WLSTM, c, h)
            c = np.clip(c, -123.4567, 123.4567)
            Hout[t] = h
        return Hout, c, h, None

    assert beyond.memory_clipped(Candidate(forward, None, OURS)) == [
        Finding("forward", "wrong", "The memory `c` is clipped at 123.457", label="eq-c",
                hint=EQUATIONS["eq-c"].hint, mistakes=("memory clipped",)),
    ]  # fmt: skip
    assert beyond.memory_clipped(Candidate(lstm.forward, None, OURS)) == []
    assert beyond.memory_clipped(Candidate(unwritten, None, OURS)) == []


def back(condition, wrong):
    """The same of our backward pass; the cache has the inputs of the forward pass."""

    def forward(X, WLSTM, c0, h0):
        F = lstm.forward(X, WLSTM, c0, h0)
        return *F[:3], (F.cache, X)

    def backward(dHout, cache, dCn, dHn):
        G = lstm.backward(dHout, cache[0], dCn, dHn)
        return wrong(G) if condition(cache[1], dHout, dCn) else G

    return forward, backward


LINEAR = "with gradients 10^{} times as large, which the results must follow,"
BACKWARD = [
    (back(lambda X, *_: len(X) == 20, lambda G: (2 * G[0], *G[1:])), "wrong",
     "with 20 steps and a batch of 12 dX is wrong"),
    (back(lambda X, dHout, dCn: np.abs(dCn).max() < 1e-3, lambda G: [0 * a for a in G]),
     "wrong", f"{LINEAR.format(-6)} dX, dW, db2, dc0, dh0 is wrong"),
    (back(lambda X, dHout, dCn: np.abs(dCn).max() > 1e5, lambda G: (*G[:3], 2 * G[3])),
     "wrong", f"{LINEAR.format(6)} dh0 is wrong"),
    (back(lambda X, *_: X.dtype == np.float32, lambda G: (*G[:2], 2 * G[2], G[3])), "wrong",
     "in float32 dc0 is wrong"),
    (back(lambda X, *_: X.dtype == np.float32, lambda G: (G[0], G[1].astype(float), *G[2:])),
     "note", "float32 becomes float64: dWLSTM"),
    *((back(lambda X, *_: len(X) == 0, lambda G, k=k: [a + (j == k) for j, a in enumerate(G)]),
       "note", "after a sequence of length 0, dc0 should be dCn, dh0 dHn, and the rest zero")
      for k in (1, 2, 3)),
]  # fmt: skip


@pytest.mark.parametrize(("code", "status", "says"), BACKWARD, ids=range(len(BACKWARD)))
def test_what_is_wrong_with_a_backward_pass_besides(monkeypatch, code, status, says):
    monkeypatch.setattr(beyond, "QUICK", 60)
    findings = tutor.check(*code).findings
    found = Finding("backward", status, says)
    assert findings == ((RIGHT, found) if status == "wrong" else (RIGHT, BACK, found))


def test_gradients_that_are_clipped_far_out_have_their_name():
    forward, backward = back(lambda *_: True, lambda G: [np.clip(a, -5000.25, 5000.25) for a in G])
    assert tutor.check(forward, backward).findings[1] == beyond.clipped(5000.25)
