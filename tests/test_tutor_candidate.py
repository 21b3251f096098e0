"""Somebody's functions, called in their own style: what is told of what they return."""

import numpy as np
import pytest

import lstm
from lstm import exchange
from lstm.tutor import beyond
from lstm.tutor.candidate import Candidate, Ran
from lstm.tutor.styles import OURS, Style, problem, style
from lstm.tutor.verdict import Finding

P = problem(3, 2, 5, 4)
RIGHT = lstm.forward(P.X, P.W, P.c0, P.h0)
BACK = lstm.backward(P.dHout, RIGHT.cache, P.dCn, P.dHn)


class Unreadable:
    def __array__(self, *_, **__):
        raise RuntimeError


def forward(value, form=OURS, backward=None):
    return Candidate(lambda *_: value, backward, form).run_forward(P)


def backward(value, form=OURS):
    return Candidate(lstm.forward, lambda *_: value, form).run_backward(P, None)


# What a forward pass returns.

ALL = "(Hout, Cn, Hn, cache)"
SIZES = "with n, b, D, H = 3, 2, 5, 4"
NO_FORWARD = [
    (None, "returns nothing"),
    (7, f"returns a int, expected {ALL}"),
    ({"Hout": 1}, f"returns a dict, expected {ALL}"),
    ((1, 2), f"returns 2 values, expected 4: {ALL}"),
    ((1, 2, 3, 4, 5), f"returns 5 values, expected 4: {ALL}"),
    ((), f"returns 0 values, expected 4: {ALL}"),
    ((1, (2, 3, 4), 5), "Hout has shape (), expected (3, 2, 4) " + SIZES),
    (("a", 0, 0, 0), "Hout is an array of <U1, expected an array of numbers, shape (3, 2, 4)"),
    ((True, 0, 0, 0), "Hout is an array of bool, expected an array of numbers, shape (3, 2, 4)"),
    ((1j, 0, 0, 0),
     "Hout is an array of complex128, expected an array of numbers, shape (3, 2, 4)"),
    ((object(), 0, 0, 0), "Hout is a object, expected an array of numbers, shape (3, 2, 4)"),
    ((Unreadable(), 0, 0, 0), "Hout is a Unreadable, expected an array of shape (3, 2, 4)"),
    ((RIGHT.Hout, RIGHT.Cn, RIGHT.Hn.T, 0),
     f"Hn has shape (4, 2), expected (2, 4) {SIZES}; that is its transpose"),
    ((RIGHT.Hout, np.ones((1, 8)), RIGHT.Hn, 0),
     f"Cn has shape (1, 8), expected (2, 4) {SIZES}; it has as many elements"),
    ((RIGHT.Hout, np.ones((2, 5)), RIGHT.Hn, 0), f"Cn has shape (2, 5), expected (2, 4) {SIZES}"),
    ((np.ones((2, 3, 4)), 0, 0, 0),
     f"Hout has shape (2, 3, 4), expected (3, 2, 4) {SIZES}; steps and batch are the other way "
     "round: is it meant? batch_first says which is first"),
    ((np.ones((3, 4, 2)), 0, 0, 0),
     f"Hout has shape (3, 4, 2), expected (3, 2, 4) {SIZES}; it has as many elements"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "trouble"), NO_FORWARD, ids=range(len(NO_FORWARD)))
def test_what_is_no_result_of_a_forward_pass(value, trouble):
    assert forward(value) == Ran({}, {}, None, trouble, value is None, (), 0, {})


@pytest.mark.parametrize(
    "value",
    [
        RIGHT, tuple(RIGHT), list(RIGHT), RIGHT[:3],
        (RIGHT.Hout, (RIGHT.Cn, RIGHT.Hn), RIGHT.cache),
        [RIGHT.Hout.tolist(), [RIGHT.Cn, RIGHT.Hn], RIGHT.cache],
        (RIGHT.Hout.tolist(), RIGHT.Cn.tolist(), RIGHT.Hn.tolist(), None),
    ],
    ids=range(7),
)  # fmt: skip
def test_a_forward_pass_may_return_its_states_one_by_one_or_as_a_pair(value):
    ran = forward(value)
    assert ran.trouble == ""
    assert list(ran.arrays) == list(ran.outputs) == ["Hout", "Cn", "Hn"]
    for name in ran.outputs:
        np.testing.assert_array_equal(ran.outputs[name], getattr(RIGHT, name))
    assert ran.cache is (RIGHT.cache if value[-1] is RIGHT.cache else None)


def test_a_cache_is_asked_for_where_there_is_a_backward_pass():
    ran = forward(RIGHT[:3], backward=lstm.backward)
    assert ran.trouble == f"returns 3 values, expected 4: {ALL}"


@pytest.mark.parametrize(("batch_first", "states"), [(False, "h c"), (True, "c h")])
def test_a_forward_pass_has_its_own_axes_and_order(batch_first, states):
    form = style(None, batch_first, states)
    Hout = RIGHT.Hout.swapaxes(0, 1) if batch_first else RIGHT.Hout
    pair = (RIGHT.Hn, RIGHT.Cn) if states == "h c" else (RIGHT.Cn, RIGHT.Hn)
    ran = forward((Hout, *pair, 3), form)
    names = ["Hn", "Cn"] if states == "h c" else ["Cn", "Hn"]
    assert list(ran.arrays) == ["Hout", *names]
    assert ran.arrays["Hout"].shape == Hout.shape
    for name in ran.outputs:
        np.testing.assert_array_equal(ran.outputs[name], getattr(RIGHT, name))
    assert (
        forward(7, form).trouble == f"returns a int, expected (Hout, {names[0]}, {names[1]}, cache)"
    )


def test_integers_become_numbers_and_what_is_narrow_is_single():
    ran = forward((np.ones((3, 2, 4), int), np.ones((2, 4), np.uint8), RIGHT.Hn, None))
    assert {array.dtype.name for array in ran.arrays.values()} == {"float64"}
    assert not ran.single
    assert forward((*RIGHT[:2], RIGHT.Hn.astype(np.float32), None)).single
    assert not forward((*RIGHT[:2], RIGHT.Hn.astype(np.longdouble), None)).single


def test_what_a_call_does_besides_is_kept():
    def noisy(X, W, c0, h0):
        print("one\ntwo")
        W += 1
        h0 *= 2
        return RIGHT

    ran = Candidate(noisy, None, OURS).run_forward(P)
    assert (ran.changed, ran.printed, ran.unwritten) == (("WLSTM", "h0"), 2, False)

    def gradients(dHout, cache, dCn, dHn):
        print("three")
        cache[0][:] = 0
        dCn += 1
        return BACK

    ran = Candidate(lstm.forward, gradients, OURS).run_backward(P, (np.ones(3),))
    assert (ran.changed, ran.printed, ran.cache) == (("dCn",), 1, None)


# What a backward pass returns.

GRADIENTS = "(dX, dWLSTM, dc0, dh0)"
NO_BACKWARD = [
    (None, "returns nothing"),
    (BACK.dX, f"returns a ndarray, expected {GRADIENTS}"),
    (BACK[:3], f"returns 3 values, expected 4: {GRADIENTS}"),
    ((*BACK, 1), f"returns 5 values, expected 4: {GRADIENTS}"),
    ((BACK.dX[:, :1], *BACK[1:]), f"dX has shape (3, 1, 5), expected (3, 2, 5) {SIZES}"),
    ((BACK.dX, BACK.dWLSTM.T, *BACK[2:]), f"dWLSTM has shape (16, 10), expected (10, 16) {SIZES}; "
     "that is its transpose"),
    ((*BACK[:3], BACK.dh0[0]), f"dh0 has shape (4,), expected (2, 4) {SIZES}"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "trouble"), NO_BACKWARD, ids=range(len(NO_BACKWARD)))
def test_what_is_no_result_of_a_backward_pass(value, trouble):
    ran = backward(value)
    assert (ran.trouble, ran.unwritten, ran.outputs) == (trouble, value is None, {})


INNER = {"di": 3}


@pytest.mark.parametrize(
    ("value", "inner"),
    [
        (BACK, {}), (list(BACK), {}), ((*BACK, INNER), INNER), ((INNER, *BACK), INNER),
        ((BACK.dX, {"WLSTM": BACK.dWLSTM}, (BACK.dc0, BACK.dh0)), {}),
        ((BACK.dX, {"dWLSTM": BACK.dWLSTM}, [BACK.dc0, BACK.dh0], INNER), INNER),
        ([[BACK.dX, BACK.dWLSTM], BACK.dc0.tolist(), BACK.dh0.tolist()], {}),
        ((BACK.dX.tolist(), BACK.dWLSTM.tolist(), BACK.dc0, BACK.dh0), {}),
    ],
    ids=range(8),
)  # fmt: skip
def test_a_backward_pass_may_return_groups_and_dictionaries(value, inner):
    ran = backward(value)
    assert ran.trouble == ""
    right = {"dX": BACK.dX, "dW": BACK.dWLSTM, "db2": BACK.dWLSTM[0], "dc0": BACK.dc0,
             "dh0": BACK.dh0}  # fmt: skip
    assert list(ran.outputs) == list(right)
    for name, wanted in right.items():
        np.testing.assert_array_equal(ran.outputs[name], wanted)
    assert ran.inner == inner


def test_weights_of_a_library_are_brought_to_our_layout():
    form = style("PyTorch", batch_first=True)
    p = problem(3, 2, 5, 4, form)
    places = form.places(5, 4)
    vector = np.arange(10 * 16 + 16.0)
    arrays = [vector[place] for place in places.values()]
    value = (BACK.dX.swapaxes(0, 1), *arrays, (BACK.dh0, BACK.dc0))
    ran = Candidate(lstm.forward, lambda *_: value, form).run_backward(p, None)
    np.testing.assert_array_equal(ran.outputs["dX"], BACK.dX)
    np.testing.assert_array_equal(ran.outputs["dW"], vector[:160].reshape(10, 16))
    np.testing.assert_array_equal(ran.outputs["db2"], vector[160:])
    np.testing.assert_array_equal(ran.outputs["dc0"], BACK.dc0)
    np.testing.assert_array_equal(ran.outputs["dh0"], BACK.dh0)
    assert list(ran.arrays) == form.gradients()


# Styles.


@pytest.mark.parametrize("name", exchange.conventions.ROSETTA)
def test_packed_weights_are_those_that_the_library_reads(name):
    form = style(name)
    p = problem(1, 1, 5, 4, form)
    arrays = dict(zip(form.places(5, 4), form.pack(p.W, p.second), strict=True))
    row = form.row._replace(forget_bias=0.0)
    W = exchange.conventions.read(row, exchange.names.nested(arrays), "arrays")
    want = p.W.copy()
    want[0] += p.second
    np.testing.assert_allclose(W, want, rtol=1e-12)
    assert p.second.any() == form.two_biases == (len(row.biases) == 2)
    assert p.plus == form.plus == style(name).row.forget_bias


def test_our_own_style():
    assert style(None) == OURS == Style(None, False, False)
    assert (OURS.plus, OURS.two_biases) == (0.0, False)
    assert OURS.outputs() == ["Hout", "Cn", "Hn"]
    assert OURS.gradients() == ["dX", "dWLSTM", "dc0", "dh0"]
    (W,) = OURS.pack(P.W, P.second)
    np.testing.assert_array_equal(W, P.W)
    assert style("pytorch", True) == Style(exchange.conventions.ROSETTA["PyTorch"], True, True)


ROWS = list(exchange.conventions.ROSETTA)
NO_STYLES = [
    (dict(convention=3), TypeError, "convention: expected a name, a Convention or None, got a int"),
    (dict(states="hc"), ValueError, "states: expected 'c h', 'h c' or None, got 'hc'"),
    (dict(batch_first=1), TypeError, "batch_first: expected True or False, got 1"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "error", "says"), NO_STYLES)
def test_what_is_no_style(options, error, says):
    with pytest.raises(error) as raised:
        style(**{"convention": None} | options)
    assert str(raised.value) == says


FORMS = {  # parameters of a forward pass: the names of the arguments that it is called with
    "X, W, c0, h0": ["X", "WLSTM", "c0", "h0"],
    "X, W, state": ["X", "WLSTM", "c0 or h0"],
    "*a": ["X", "WLSTM", "c0", "h0"],
    "X": ["X", "WLSTM", "c0", "h0"],  # fits none: the first
}
OF_KERAS = {
    "X, kernel, recurrent_kernel, bias, h, c": ["X", "kernel", "recurrent_kernel", "bias", "h0",
                                                "c0"],
    "X, kernel, recurrent_kernel, bias, hc": ["X", "kernel", "recurrent_kernel", "bias",
                                              "c0 or h0"],
    "X, weights, h, c": ["X", "weights", "h0", "c0"],
    "X, weights, state": ["X", "weights", "c0 or h0"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "parameters", "wanted"),
    [(None, *each) for each in FORMS.items()] + [("Keras", *each) for each in OF_KERAS.items()],
)
def test_arguments_are_passed_as_a_signature_has_room_for_them(name, parameters, wanted):
    if name:
        own = list(style(name).places(1, 1))
        names = ["kernel", "recurrent_kernel", "bias"]
        wanted = [dict(zip(names, own, strict=True)).get(each, each) for each in wanted]
    function = eval(f"lambda {parameters}: 0")
    form, (D, H) = style(name), (5, 4)
    first = form.arguments(function, P.X, form.pack(P.W, P.second), "c", "h")[0]
    assert list(first) == wanted
    for key, value in first.items():
        if key in ("c0", "h0"):
            assert value == key[0]
        if key == "c0 or h0":
            assert value == (("h", "c") if form.h_first else ("c", "h"))
        if key == "weights":
            assert list(exchange.names.flat(value, "w", "w")) == list(form.places(D, H))


def test_where_two_forms_fit_the_names_of_the_parameters_decide():
    """A kernel, a bias and a pair of states, or a dictionary and two states."""
    form = style("TensorFlow 1 BasicLSTMCell")
    one, two = form.places(1, 1)
    weights = form.pack(P.W, P.second)
    for parameters in ("X, weights, c0, h0", "x, Weights, C0, H0", "x, WEIGHTS, a, b"):
        (first, second) = form.arguments(eval(f"lambda {parameters}: 0"), P.X, weights, 1, 2)
        assert list(first) == ["X", "weights", "c0", "h0"]
        assert list(second) == ["X", one, two, "c0 or h0"]
    for parameters in (f"X, {one}, {two}, state", f"inputs, {one.upper()}, a, b"):
        first, _ = form.arguments(eval(f"lambda {parameters}: 0"), P.X, weights, 1, 2)
        assert list(first) == ["X", one, two, "c0 or h0"]
    assert len(form.arguments(max, P.X, weights, 1, 2)) == 4  # which has no signature


def test_gradients_of_states_are_passed_one_by_one_or_as_a_pair():
    for parameters, names in (("dHout, cache, dCn, dHn", ["dHout", "cache", "dCn", "dHn"]),
                              ("dHout, cache, d", ["dHout", "cache", "dCn or dHn"])):  # fmt: skip
        (form,) = OURS.back(eval(f"lambda {parameters}: 0"), 1, 2, 3, 4)
        assert list(form) == names
        assert list(form.values()) == ([1, 2, 3, 4] if len(form) == 4 else [1, 2, (3, 4)])
    (form,) = Style(h_first=True).back(lambda a, b, c: 0, 1, 2, 3, 4)
    assert form == {"dHout": 1, "cache": 2, "dCn or dHn": (4, 3)}


# Problems.


def test_a_problem_is_normal_and_depends_on_all_that_its_key_says():
    p = problem(40, 30, 20, 25, style("PyTorch"))
    for array in (p.X, p.W[0], np.sqrt(45) * p.W[1:], p.second, p.c0, p.h0, p.dHout, p.dCn, p.dHn):
        assert abs(array.mean()) < 5 / np.sqrt(array.size)
        assert abs(array.std() - 1) < 5 / np.sqrt(array.size)
    assert p.sizes == (40, 30, 20, 25)
    arrays = [a for a in p if isinstance(a, np.ndarray)]
    assert all(not np.array_equal(a, b) for k, a in enumerate(arrays) for b in arrays[:k])
    asked = [problem(*sizes) for sizes in ((3, 2, 5, 4), (2, 3, 5, 4), (3, 2, 4, 5))]
    asked += [problem(3, 2, 5, 4, style(name)) for name in ("PyTorch", "Haiku")]
    asked += [problem(3, 2, 5, 4, seed=1), problem(3, 2, 5, 4, dtype=np.float32)]
    assert len({p.key for p in asked}) == len(asked)
    assert problem(3, 2, 5, 4).key == problem(3, 2, 5, 4, OURS, seed=0, dtype=np.float64).key
    assert {a.dtype.name for a in problem(3, 2, 5, 4, dtype=np.float32)[:8]} == {"float32"}
    assert not P.second.any()
    assert not np.array_equal(problem(3, 2, 5, 4, seed=1).X, P.X)


# What is told besides the values.


def ran(**outputs):
    return Ran(outputs, outputs)


ONES = np.ones(3)
right = {"Cn": ONES, "Hn": 2 * ONES}
COMPARED = [
    (ran(Cn=ONES, Hn=2 * ONES), None),
    (ran(Cn=ONES + 5e-7, Hn=2 * ONES + 1e-6), None),
    (ran(Cn=ONES + 2e-6, Hn=2 * ONES), ("wrong", "here Cn is wrong")),
    (ran(Cn=2 * ONES, Hn=ONES), ("wrong", "here Cn, Hn is wrong")),
    (ran(Cn=ONES * np.nan, Hn=2 * ONES), ("wrong", "here nan or infinity comes out")),
    (ran(Cn=ONES * np.inf, Hn=2 * ONES), ("wrong", "here nan or infinity comes out")),
    (Ran({}, {}, trouble="raises X"), ("wrong", "here it raises X")),
    (Ran({}, {}, trouble="does not come to an end within 1 seconds"),
     ("note", "here it does not come to an end within 1 seconds")),
]  # fmt: skip


@pytest.mark.parametrize(("each", "said"), COMPARED, ids=range(len(COMPARED)))
def test_a_run_beyond_the_ordinary_is_compared(each, said):
    found = beyond._compared("forward", each, right, ("Hout", "Cn", "Hn"), 1e-6, "here")
    assert found == ([Finding("forward", *said)] if said else [])


CLIPS = [
    ([[0.5, -3, 2]], [[0.5, -3, 2]], 0.0),
    ([[0.5, -1, 1]], [[0.5, -3, 2]], 1.0),
    ([[0.5, -1, 1], [0.5, 0.5, 0.5]], [[0.5, -3, 2], [0.5, 0.5, 0.5]], 1.0),
    ([[0.5, -1, 1], [0.5, 0.9, 0.5]], [[0.5, -3, 2], [0.5, 2, 0.5]], 0.0),
    ([[0.5, -1, 2]], [[0.5, -3, 2]], 0.0),
    ([[0.5, -1, 1]], [[0.5, -3, -2]], 0.0),
    ([[0.5, np.nan, 1]], [[0.5, -3, 2]], 0.0),
    ([[0.5, -np.inf, 1]], [[0.5, -3, 2]], 0.0),
]


@pytest.mark.parametrize(("mine", "theirs", "bound"), CLIPS)
def test_the_bound_at_which_numbers_are_clipped(mine, theirs, bound):
    outputs, rights = ([{"dX": np.array(a, float)} for a in each] for each in (mine, theirs))
    assert beyond.clip_of(outputs, rights, ["dX"]) == bound
    assert beyond.clipped(5.0) == Finding(
        "backward", "wrong", "Gradients are clipped at 5: that belongs after the backward pass",
        label="eq-bptt-dw", hint="Is the gradient of twice the loss twice the gradient?",
        mistakes=("gradients clipped",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("raises X", "raises X"), ("does not come to an end", "does not come to an end"),
        ("returns 2 values", "returns 2 values"), ("Hout is a str", "gives: Hout is a str"),
    ],
)  # fmt: skip
def test_a_trouble_that_is_no_mistake(trouble, said):
    assert beyond._soft(trouble) == said
