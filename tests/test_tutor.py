"""The tutor on code that is right, on code that misbehaves, and from the command line."""

import contextlib
import inspect
import io
import itertools
import json
import os
import subprocess
import sys
import threading
import time
import warnings
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import jax
import numpy as np
import pytest
from right_lstms import JOINED, STYLES, load

import lstm
from lstm import cell, exchange, reference, tutor, zoo
from lstm.__main__ import main
from lstm.exchange.cell import fuse
from lstm.tutor import beyond, cells, judge, locate, training
from lstm.tutor.calls import LIMIT, call
from lstm.tutor.candidate import Candidate
from lstm.tutor.child import CannotRunError, judge_file
from lstm.tutor.step import STEPS
from lstm.tutor.styles import OURS, problem, style
from lstm.tutor.verdict import Finding, Place, Verdict


def says(verdict):
    return " ".join(str(verdict).split())


# Right code.


@pytest.mark.parametrize("name", [name for name in STYLES if name != "JAX"])
def test_right_code_passes(name):
    source, options = STYLES[name]
    verdict = tutor.check(*load(source), **options)
    assert verdict.ok, str(verdict)
    assert "backward right: dX" in says(verdict)


def test_right_code_in_jax_passes(monkeypatch):
    """The values alone, as JAX compiles for every size; `tests/tutor_mutants.py` tries the rest."""
    for name in ("beyond_forward", "beyond_backward"):
        monkeypatch.setattr(judge, name, lambda *_: [])
    monkeypatch.setattr(judge, "PROOFS", judge.PROOFS[:1])
    monkeypatch.setattr(judge, "PROBES", judge.PROBES[:1])
    # Compiling on a busy machine may take longer than the limit that a student has.
    assert tutor.check(*load(STYLES["JAX"][0]), limit=120).ok


def test_ours_passes_without_a_note():
    verdict = tutor.check(lstm.forward, lstm.backward)
    assert [finding.status for finding in verdict.findings] == ["right", "right"]


def unpacked(row):
    """Our LSTM behind the arrays of a row of the Rosetta table, as one dictionary."""

    def forward(X, arrays, one, two):
        W = exchange.conventions.read(row, arrays, "arrays")
        c0, h0 = (two, one) if style(row).h_first else (one, two)
        Hout, Cn, Hn, cache = lstm.forward(X, W, c0, h0)
        return Hout, *style(row).states(Cn, Hn), cache

    return forward


@pytest.mark.parametrize("name", exchange.conventions.ROSETTA)
def test_every_row_of_the_rosetta_table_is_a_convention(name):
    row = exchange.conventions.ROSETTA[name]
    verdict = tutor.check(unpacked(row), convention=name.upper())
    assert verdict.ok, str(verdict)
    wrong = unpacked(row._replace(order=" ".join(row.order.split()[::-1])))
    if row.gates != "apart":
        assert tutor.check(wrong, convention=row).mistakes


def test_what_a_library_adds_to_the_forget_gate_can_be_forgotten():
    row = exchange.conventions.ROSETTA["Haiku"]
    forgot = unpacked(row._replace(forget_bias=0.0))
    assert tutor.check(forgot, convention="Haiku").mistakes == ("forget bias lacks",)


def test_another_convention_is_recognised():
    broken = zoo.plant(zoo.Bug("", "", "", (
        ("f, o, g = split_gates(ifog)\n        c =", "f, g, o = split_gates(ifog)\n        c ="),
        ("split_gates(scale)[3][:] = 1", "split_gates(scale)[2][:] = 1"),
        ("split_gates(shift)[3][:] = 0", "split_gates(shift)[2][:] = 0"),
    )))  # fmt: skip
    verdict = tutor.check(broken.forward)
    assert verdict.mistakes == ("order i, f, g, o",)
    assert "the order of PyTorch, Keras," in says(verdict)
    swapped = lambda *a: (lambda Hout, Cn, Hn, cache: (Hout, Hn, Cn, cache))(*lstm.forward(*a))  # noqa: E731
    assert "in the arguments, too, pass states='h c'" in says(tutor.check(swapped))
    assert tutor.check(swapped, convention=None).mistakes == ("c and h swapped",)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (dict(forward=3), TypeError, "forward: expected a function, got a int"),
        (dict(forward=lstm.forward, backward=3), TypeError, "backward: expected a function"),
        (dict(forward=lstm.forward, convention="Torch"), ValueError, "convention: expected None"),
        (dict(forward=lstm.forward, convention=3), TypeError, "convention: expected a name, a C"),
        (dict(forward=lstm.forward, states="hc"), ValueError, "states: expected 'c h', 'h c' or"),
    ],
)
def test_options_that_are_not_right(arguments, error, message):
    with pytest.raises(error, match=message):
        tutor.check(**arguments)


KEYWORDS = {
    tutor.check: {"convention", "batch_first", "states", "limit"}, tutor.step: {"limit"},
    tutor.part: {"limit"}, tutor.cell: {"limit"}, problem: {"seed", "dtype"},
    training.batches: {"n", "b", "seed"}, judge_file: {"total"},
}  # fmt: skip


@pytest.mark.parametrize("function", KEYWORDS, ids=lambda function: function.__name__)
def test_options_have_their_names(function):
    parameters = inspect.signature(function).parameters.values()
    assert {p.name for p in parameters if p.kind is p.KEYWORD_ONLY} == KEYWORDS[function]


# Code that misbehaves.


def endless(*_):
    while True:
        pass


def stubborn(*_):
    while True:
        with contextlib.suppress(Exception):
            time.sleep(10)


def deep(*_):
    return deep()


class Hostile:
    def __array__(self, *_, **__):
        raise RuntimeError("no")


MISBEHAVING = [
    (lambda *_: 1 / 0, "raises ZeroDivisionError: division by zero (line"),
    (lambda *_: sys.exit(3), "raises SystemExit: 3"),
    (lambda *_: exit(), "raises "),
    (deep, "raises RecursionError"),
    (endless, "does not come to an end within 0.2 seconds"),
    (stubborn, "does not come to an end within 0.2 seconds"),
    (lambda *_: None, "write it, then check again"),
    (lambda *_: 7, "returns a int, expected (Hout, Cn, Hn, cache)"),
    (lambda *_: (1, 2), "returns 2 values, expected 4"),
    (lambda *_: (1, 2, 3, 4, 5), "returns 5 values, expected 4"),
    (lambda *_: ("a", "b", "c", "d"), "Hout is an array of <U1, expected an array of numbers"),
    (lambda *_: (Hostile(), 0, 0, 0), "Hout is a Hostile, expected an array of shape (3, 2, 4)"),
    (lambda *_: ([[1], [1, 2]], 0, 0, 0), "Hout is a list, expected an array"),
    (lambda *_: (1j * np.ones((3, 2, 4)), 0, 0, 0), "Hout is an array of complex128"),
    (lambda X, W, c, h: (X, c, h, 0), "Hout has shape (3, 2, 5), expected (3, 2, 4) with n, b, D"),
    (lambda X, W, c, h: (np.ones((2, 3, 4)), c, h, 0), "steps and batch are the other way round"),
    (lambda X, W, c, h: (np.ones((3, 2, 4)), c.T, h, 0), "that is its transpose"),
    (lambda X, W, c, h: (np.nan * np.ones((len(X), *c.shape)), c, h, 0), "nan or infinity comes"),
    (lambda X, W: 0, "raises TypeError: "),
    (len, "raises TypeError"),
    (np.add, "raises TypeError"),
]  # fmt: skip


def test_a_verdict_does_not_depend_on_what_numpy_does_about_errors():
    W, w = training.init(2, training.H, rng=0), np.ones(training.H)
    with np.errstate(all="raise"):  # many set it to find nan
        assert tutor.check(lstm.forward, lstm.backward).ok
        assert not tutor.check(lambda *a: (*[1e300 * y for y in lstm.forward(*a)[:3]], 0)).ok
        assert training.error(W, 1e300 * w) == np.inf


EXTREMES = {  # ways to ask, by what is judged: each takes a function of what is right
    "eq-c": lambda wrong: tutor.step("eq-c", lambda f, c_prev, i, g: wrong(f)),
    "forward": lambda wrong: tutor.part(
        "forward", lambda *a: (*map(wrong, lstm.forward(*a)[:3]), 0)),
    "one step back": lambda wrong: tutor.part(
        "one step back", lambda *a: tuple(map(wrong, back_step(*a)))),
    "back through time": lambda wrong: tutor.part(
        "back through time", lambda *a: tuple(map(wrong, through_time(*a)))),
    "carry": lambda wrong: tutor.part("carry", lambda *a: tuple(map(wrong, pieces(*a)))),
    "gradient check": lambda wrong: tutor.part("gradient check", lambda f, x, delta: wrong(x)),
    "initial weights": lambda wrong: tutor.part(
        "initial weights", lambda D, H, rng: wrong(initial(D, H, rng))),
    "training": lambda wrong: tutor.part("training", lambda _, W, w, rate: (wrong(W), wrong(w))),
    "cell": lambda wrong: tutor.cell(lambda seed, x, h, c, hidden: wrong(np.append(h, c))),
}  # fmt: skip


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e308, 1e-320, 0.0])
@pytest.mark.parametrize("name", EXTREMES)
def test_what_is_huge_or_tiny_is_judged_whatever_numpy_does_about_errors(name, value):
    def judge():
        return EXTREMES[name](lambda right: np.full(right.shape, value))

    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        verdict = judge()
    with np.errstate(all="ignore"):
        assert verdict.to_json() == judge().to_json()
    assert not verdict.ok


@pytest.mark.parametrize(("function", "message"), MISBEHAVING, ids=[m for _, m in MISBEHAVING])
def test_whatever_forward_does_is_in_the_verdict(function, message):
    # What does come to an end has time for it, on a machine that does much else, too.
    verdict = tutor.check(function, lstm.backward, limit=0.2 if "0.2" in message else LIMIT)
    assert not verdict.ok
    assert message in says(verdict)
    for text in (verdict._repr_html_(), verdict.to_json(), verdict.text(color=True)):
        assert text


@pytest.mark.parametrize("function", [f for f, m in MISBEHAVING if "nan" not in m][:-2])
def test_whatever_backward_does_is_in_the_verdict(function):
    ends = function not in (endless, stubborn)
    verdict = tutor.check(lstm.forward, function, limit=LIMIT if ends else 1)
    assert not verdict.ok
    assert verdict.findings[0].status == "right"
    assert verdict.findings[1].status in ("wrong", "unwritten")


def unwritten(*_):
    raise NotImplementedError


def test_what_is_not_written_is_said_to_be_so():
    verdict = tutor.check(unwritten, unwritten)
    assert not verdict.ok
    assert [f.status for f in verdict.findings] == ["unwritten", "unwritten"]
    assert "not written yet" in str(verdict)
    assert "not written yet" in str(tutor.check(lstm.forward, unwritten))


def test_other_threads_have_a_limit_too():
    found, before = [], len(threading.enumerate())
    thread = threading.Thread(target=lambda: found.append(call(endless, limit=0.1).trouble))
    thread.start()
    thread.join(5)
    assert found == ["does not come to an end within 0.1 seconds"]
    thread = threading.Thread(target=lambda: found.append(call(lambda a: 2 * a, 4).value))
    thread.start()
    thread.join(5)
    assert found[1:] == [8]
    deadline = time.monotonic() + 5
    while len(threading.enumerate()) > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(threading.enumerate()) == before, "the endless code is still running"


def test_threads_that_call_at_once_leave_output_and_warnings_as_they_were():
    """Each would restore what it found, which may be what the other one has set."""
    before, shown, found = (sys.stdout, sys.stderr), list(warnings.filters), {}

    def speak(k):
        print("line\n" * k)
        time.sleep(0.05)
        return k

    def ask(k):
        time.sleep(0.02 * k)
        found[k] = call(speak, k, limit=0.2)

    threads = [threading.Thread(target=ask, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sys.stdout, sys.stderr) == before
    assert warnings.filters == shown
    assert [(found[k].value, found[k].printed) for k in range(8)] == [(k, k + 1) for k in range(8)]


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_call_within_a_call_has_its_turn(elsewhere):
    found = []

    def ask():
        found.append(call(lambda: call(lambda: 4, limit=1).value + 1, limit=2).value)

    if elsewhere:
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    else:
        ask()
    assert found == [5]


def test_an_interrupt_of_the_readers_own_gets_through():
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call(interrupted)


def test_prints_and_warnings_are_not_shown(capsys, recwarn):
    def noisy(*arguments):
        print("here")
        print("there", file=sys.stderr)
        np.log(np.zeros(1))
        return lstm.forward(*arguments)

    assert tutor.check(noisy).ok
    assert capsys.readouterr() == ("", "")
    assert not recwarn.list


def test_what_a_call_changes_is_seen_and_undone():
    X = np.ones(3)

    def changes(x, pair):
        x *= 2
        pair["a"][0] = 5

    assert call(changes, X, {"a": np.zeros(1)}).changed == (0, 1)
    np.testing.assert_array_equal(X, np.ones(3))


BESIDES = [
    ("1 / (1 + np.exp(-a))", "np.exp(a) / (1 + np.exp(a))", "in the thousands nan", False),
    ("U, C, Hout", "if n == 0:\n        raise ValueError('empty')\n    U, C, Hout",
     "note: a sequence of length 0 raises ValueError: empty", True),
    ("U, C, Hout", "if n * b > 200:\n        X = X + 1\n    U, C, Hout",
     "with 20 steps and a batch of 12 Hout, Cn, Hn is wrong", False),
    ("U, C, Hout", "if np.abs(c0).max() > 50:\n        X = X + 1\n    U, C, Hout",
     "where the memory is large Hout, Cn, Hn is wrong", False),
    ("U, C, Hout", "if X.dtype == np.float32:\n        X = X + 1\n    U, C, Hout",
     "in float32 Hout, Cn, Hn is wrong", False),
    ("    dHout = dHout.copy()\n", "    dHout = dHout * (1 + 1e-3 * (np.abs(dHout).max() > 1e4))\n",
     "with gradients 10^6 times as large", False),
    ("def sigmoid(a):", "N = [0]\n\n\ndef sigmoid(a):\n    N[0] += 1e-6\n    a = a + N[0]",
     "", False),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "message", "ok"), BESIDES, ids=range(len(BESIDES)))
def test_what_goes_wrong_besides_the_values(right, wrong, message, ok):
    verdict = tutor.check(*load(JOINED, (right, wrong)))
    assert verdict.ok == ok
    assert message in says(verdict)


def test_what_is_left_over_between_calls():
    left = []

    def forward(X, W, c0, h0):
        left.append(h0)
        return lstm.forward(X, W, c0, left[-1] if len(left) < 8 else left[-2][: len(h0)])

    monkeyed = tutor.check(forward)
    assert not monkeyed.ok


def test_slow_but_right_code_is_right(monkeypatch):
    monkeypatch.setattr(beyond, "QUICK", -1.0)
    monkeypatch.setattr(beyond, "MEDIUM", (3, 2, 5, 4))
    assert tutor.check(lstm.forward, lstm.backward).ok


def test_a_wrong_forward_pass_with_its_own_right_derivative():
    broken = zoo.plant(zoo.ZOO["no tanh, both ways"])
    verdict = tutor.check(broken.forward, broken.backward)
    assert verdict.findings[1].status == "note"
    assert "right derivative of your forward pass" in verdict.findings[1].says


# One step, one piece, one cell.


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


RIGHT_STEPS = {
    "eq-u": lambda x, h_prev: np.hstack([np.ones((len(x), 1)), x, h_prev]),
    "eq-z": lambda u, W: u @ W,
    "eq-cut": lambda z: np.split(z, 4, axis=1),
    "eq-gates": lambda z: (*map(sigmoid, np.split(z, 4, 1)[:3]), np.tanh(np.split(z, 4, 1)[3])),
    "eq-sigmoid": sigmoid,
    "eq-c": lambda f, c_prev, i, g: f * c_prev + i * g,
    "eq-s": np.tanh,
    "eq-h": lambda o, s: o * s,
    "eq-do": lambda dh, s: dh * s,
    "eq-ds": lambda dh, o: dh * o,
    "eq-dc": lambda dc_next, ds, s: dc_next + ds * (1 - s**2),
    "eq-df": lambda dc, c_prev: dc * c_prev,
    "eq-di": lambda dc, g: dc * g,
    "eq-dg": lambda dc, i: dc * i,
    "eq-dc-prev": lambda dc, f: dc * f,
    "eq-dz-sigmoid": lambda dk, k: dk * k * (1 - k),
    "eq-dz-tanh": lambda dg, g: dg * (1 - g**2),
    "eq-dz": lambda *parts: np.hstack(parts),
    "eq-dw": lambda u, dz: u.T @ dz,
    "eq-du": lambda dz, W: dz @ W.T,
    "eq-dx": lambda du, D: du[:, 1 : 1 + D],
    "eq-dh-prev": lambda dz, Wh: dz @ Wh.T,
}
WRONG_STEPS = [
    ("eq-u", lambda x, h_prev: np.hstack([x, h_prev, np.ones((len(x), 1))]), "[x, h_prev, 1]"),
    ("eq-z", lambda u, W: u @ W + W[0], "bias twice"),
    ("eq-sigmoid", lambda a: sigmoid(-a), "exp(z) for exp(-z)"),
    ("eq-c", lambda f, c_prev, i, g: i * c_prev + f * g, "c: i and f swapped"),
    ("eq-h", lambda o, c: o * c, "h: no tanh"),
    ("eq-dc", lambda dc_next, ds, s: dc_next + ds * (1 - s), "dcs: 1 - v"),
    ("eq-df", lambda dc, c: dc * c, "df: c for c_prev"),
    ("eq-dz-sigmoid", lambda dk, k: dk * (1 - k**2), "dz_all: tanh' for the slope"),
    ("eq-dz-tanh", lambda dg, g: dg * (1 - g), "dz_g: 1 - v"),
    ("eq-dw", lambda u, dz: u.T @ dz / len(u), "dW: batch mean"),
]


@pytest.mark.parametrize("label", STEPS)
def test_a_right_step_passes(label):
    verdict = tutor.step(label, RIGHT_STEPS[label])
    assert verdict.ok, str(verdict)


@pytest.mark.parametrize(("label", "function", "name"), WRONG_STEPS, ids=lambda x: str(x)[:14])
def test_a_wrong_step_is_named(label, function, name):
    with np.errstate(all="raise"):  # many set it to find nan
        assert tutor.step(label, function).mistakes == (name,)


def test_steps_that_misbehave():
    assert "takes q; expected dc, c_prev" in says(tutor.step("eq-df", lambda q: q))
    assert "not written yet" in says(tutor.step("eq-df", unwritten))
    assert "not written yet" in says(tutor.step("eq-df", lambda dc, c_prev: None))
    assert "has shape (2,)" in says(tutor.step("eq-df", lambda dc, c_prev: np.ones(2)))
    assert "returns one, expected 4: z_i, z_f, z_o, z_g" in says(tutor.step("eq-cut", lambda z: z))
    assert "df is a str" in says(tutor.step("eq-df", lambda dc, c_prev: "x"))
    assert "no name here" in says(tutor.step("eq-df", lambda dc, c_prev: np.sin(dc)))
    inplace = tutor.step("eq-df", lambda dc, c_prev: np.multiply(dc, c_prev, out=dc))
    assert "changed in place" in says(inplace)
    with pytest.raises(ValueError, match="label: expected one of"):
        tutor.step("eq-nonsense", len)
    with pytest.raises(TypeError, match="function: expected a function, got a int"):
        tutor.step("eq-df", 3)


def back_step(dh, dc_next, v, W):
    dc = dc_next + dh * v.o * (1 - v.s**2)
    dz = np.hstack([dc * v.g * v.i * (1 - v.i), dc * v.c_prev * v.f * (1 - v.f),
                    dh * v.s * v.o * (1 - v.o), dc * v.i * (1 - v.g**2)])  # fmt: skip
    D = v.x.shape[1]
    u = np.hstack([np.ones((len(dh), 1)), v.x, v.h_prev])
    du = dz @ W.T
    return du[:, 1 : 1 + D], u.T @ dz, dc * v.f, du[:, 1 + D :]


def through_time(dHout, kept, W, dCn, dHn, carry=True):
    dX, dW, dc, dh = [], 0 * W, dCn, dHn
    for t in reversed(range(len(kept))):
        dx, more, dc, dh_prev = back_step(dHout[t] + dh, dc, kept[t], W)
        dh = dh_prev if carry else 0 * dh
        dX, dW = [dx, *dX], dW + more
    return np.array(dX).reshape(len(kept), len(dc), -1), dW, dc, dh


def pieces(forward, X, W, c0, h0, length, keep=lambda c, h: (c, h)):
    outs, c, h = [], c0, h0
    for start in range(0, len(X), length):
        Hout, Cn, Hn, _ = forward(X[start : start + length], W, c, h)
        c, h = keep(Cn, Hn)
        outs.append(Hout)
    return np.concatenate(outs), Cn, Hn


def differences(function, x, delta, both=True):
    out = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[index] += delta
        down[index] -= delta if both else 0
        out[index] = (function(up) - function(down)) / (2 * delta if both else delta)
    return out


def initial(D, H, rng, scale=None, bias=3.0):
    W = rng.standard_normal((1 + D + H, 4 * H)) / (np.sqrt(D + H) if scale is None else scale)
    W[0] = 0
    W[0, H : 2 * H] = bias
    return W


SAME = zoo.plant(zoo.ZOO["all gates from the same seed"])
PARTS = [
    ("initial weights", initial, ""),
    ("initial weights", lambda D, H, rng: initial(D, H, rng, 1), "no scale"),
    ("initial weights", lambda D, H, rng: initial(D, H, rng, D + H), "no root in the scale"),
    ("initial weights", lambda D, H, rng: initial(D, H, rng, bias=0), "no forget bias"),
    ("initial weights", lambda D, H, rng: initial(D, H, rng, bias=-3),
     "forget bias with the other sign"),
    ("initial weights", lambda D, H, rng: initial(D, H, np.random.default_rng(0)), "rng ignored"),
    ("initial weights", lambda D, H, rng: initial(D, H, np.random.default_rng()),
     "other random numbers"),
    ("initial weights", lambda D, H, rng: SAME.init(D, H, rng=rng), "all gates from the same seed"),
    ("forward", lstm.forward, ""),
    ("one step back", back_step, ""),
    ("one step back", lambda dh, dc, v, W: back_step(dh, 0 * dc, v, W), "dc: dc_next missing"),
    ("back through time", through_time, ""),
    ("back through time", lambda *a: through_time(*a, carry=False), "dh not carried"),
    ("carry", pieces, ""),
    ("carry", lambda *a: pieces(*a, keep=lambda c, h: (h, c)), "states swapped"),
    ("carry", lambda *a: pieces(*a, keep=lambda c, h: (0 * c, h)), "c zero"),
    ("gradient check", differences, ""),
    ("gradient check", lambda *a: differences(*a, both=False), "one-sided"),
    ("gradient check", lambda *a: 2 * differences(*a), "delta for 2 delta"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "function", "mistake"), PARTS, ids=range(len(PARTS)))
def test_pieces_are_judged(name, function, mistake):
    verdict = tutor.part(name, function)
    assert verdict.ok == (not mistake), str(verdict)
    assert "".join(verdict.mistakes) == mistake


@pytest.mark.parametrize("name", ["initial weights", "one step back", "carry", "gradient check"])
def test_pieces_that_misbehave(name):
    assert "not written yet" in says(tutor.part(name, unwritten))
    assert "aises ZeroDivisionError" in says(tutor.part(name, lambda *_: 1 / 0))
    assert not tutor.part(name, lambda *_: "nonsense").ok
    with pytest.raises(TypeError, match="function: expected a function"):
        tutor.part(name, None)
    with pytest.raises(ValueError, match="name: expected one of"):
        tutor.part("nonsense", len)


def test_a_cell_is_judged():
    step = cell.lstm_cell_step

    def swapped(seed, x, h, c, hidden):
        value = step(seed, x, h, c, hidden)
        return np.concatenate([value[hidden:], value[:hidden]])

    def zero(seed, x, h, c, hidden):
        return step(seed, x, h, 0 * c, hidden)

    def other(seed, x, h, c, hidden):
        return step(seed + 1, x, h, c, hidden)

    assert tutor.cell(step).ok
    assert tutor.cell(swapped).mistakes == ("c and h swapped",)
    assert tutor.cell(zero).mistakes == ("c_prev zero",)
    verdict = tutor.cell(other)
    assert not verdict.ok
    assert "the weights are not those that the seed gives" in says(verdict)
    assert "as they should" in says(verdict)
    assert "not written yet" in says(tutor.cell(unwritten))
    (finding,) = tutor.cell(lambda *_: np.ones(3)).findings
    assert finding.says == "has shape (3,), expected (8,): [h, c] of 4 units"
    (finding,) = tutor.cell(lambda *_: "nonsense").findings
    assert finding.says == "returns a str, expected an array"


def test_what_else_is_wrong_with_a_cell_whose_values_are_right():
    """The same weights for every seed, and what is left over from a call."""
    step, calls = cell.lstm_cell_step, []

    def judged(function):
        calls.clear()
        (finding,) = tutor.cell(function).findings
        return finding

    def remembers(seed, x, h, c, hidden):
        calls.append(seed)
        return step(seed, x, h, c, hidden) + (len(calls) > before)

    def by_heart(seed, x, h, c, hidden):
        calls.append(seed)
        return step(seed if len(calls) <= before else 0, x, h, c, hidden)

    def once(seed, x, h, c, hidden):
        calls.append(seed)
        return step(seed, x, h, c, hidden) if len(calls) <= before else 1 / 0

    before = 10**6
    assert judged(by_heart) == Finding(
        "cell", "right", "[h, c] agrees with the equations on 3 random problems"
    )
    before = len(calls) - 2  # those that judge the values
    assert judged(by_heart) == Finding("cell", "wrong", "every seed gives the same weights")
    assert judged(remembers) == Finding("cell", "wrong", "a second call gives another result")
    for which in ("a second call", "a call with another seed"):
        finding = judged(once)
        assert finding.status == "wrong"
        assert finding.says.startswith(f"{which}: raises ZeroDivisionError: division by zero")
        before += 1


OTHER_WEIGHTS = {  # how c and h follow from the gates, c_prev and each other, and what is said
    "whatever the weights are, c depends on c_prev, and h on c, as they should": (
        lambda i, f, g, c: f * c + i * g, lambda o, c: o * np.tanh(c)),
    "c does not depend on c_prev as f * c_prev + i * g does": (
        lambda i, f, g, c: f * c**2 + i * g, lambda o, c: o * np.tanh(c)),
    "how much of c_prev is left in c is not a number between 0 and 1": (
        lambda i, f, g, c: (1 + f) * c + i * g, lambda o, c: o * np.tanh(c)),
    "h is not o * tanh(c) with an output gate that knows nothing of c": (
        lambda i, f, g, c: f * c + i * g, lambda o, c: o * c),
    "h / tanh(c) is not a number between 0 and 1": (
        lambda i, f, g, c: f * c + i * g, lambda o, c: -o * np.tanh(c)),
}  # fmt: skip


@pytest.mark.parametrize("detail", OTHER_WEIGHTS)
def test_what_is_said_of_a_cell_with_other_weights(detail):
    memory, shows = OTHER_WEIGHTS[detail]

    def other(seed, x, h, c, hidden):
        W = np.random.default_rng(seed).standard_normal((len(x) + hidden, 4 * hidden))
        z = np.concatenate([x, h]) @ W
        i, f, o = np.split(1 / (1 + np.exp(-z[: 3 * hidden])), 3)
        c = memory(i, f, np.tanh(z[3 * hidden :]), c)
        return np.concatenate([shows(o, c), c])

    says = (
        "the weights are not those that the seed gives in the book's cell: W_f, W_i, W_o, W_g "
        "by lecun_normal, in this order, then the biases"
    )
    assert tutor.cell(other).findings == (Finding("cell", "wrong", says, (detail,)),)

    def fragile(seed, x, h, c, hidden):
        return other(seed, x, h, c, hidden) if not (c == 1).all() else 1 / 0

    assert tutor.cell(fragile).findings == (Finding("cell", "wrong", says),)


def test_the_whole_verdict_on_a_cell():
    said = f"[h, c] agrees with the equations on {len(cells._SIZES)} random problems"
    assert tutor.cell(cell.lstm_cell_step).findings == (Finding("cell", "right", said),)
    unwritten_yet = Finding("cell", "unwritten", "write it, then check again")
    assert tutor.cell(unwritten).findings == (unwritten_yet,)
    assert tutor.cell(lambda *_: None).findings == (unwritten_yet,)


def test_gates_declared_in_another_order_are_told():
    """The seed's weights of f, i, o and g, taken for those of i, g, f and o."""

    def other(seed, x, h, c, hidden):
        variables = cell.MyLSTMCell(hidden).init(jax.random.PRNGKey(seed), x, h, c)
        W = fuse({k: np.asarray(a, float) for k, a in variables["params"].items()})
        i, f, o, g = np.split(W, 4, axis=1)  # as they were drawn
        v = reference.forward(x[None], np.hstack([f, o, g, i]), c[None], h[None])
        return np.concatenate([v.h[0], v.c[0]])

    (finding,) = tutor.cell(other).findings
    assert finding.mistakes == ("declared in another order",)
    assert finding.says == (
        "The parameters are declared in the order i, g, f, o; here it is f, i, o, g, "
        "so the same seed gives other weights"
    )


@pytest.mark.parametrize(("k", "where"), [(0, "h of unit 0"), (3, "h of unit 3"),
                                          (4, "c of unit 0"), (7, "c of unit 3")])  # fmt: skip
def test_the_first_wrong_number_of_a_cell_has_a_place(k, where):
    p = problem(1, 1, 3, 4)
    v = reference.forward(p.X[0], p.W, p.c0, p.h0)
    right = np.concatenate([v.h[0], v.c[0]])
    run = p.X[0, 0], p.h0[0], p.c0[0], p.W, right + (np.arange(8) >= k)
    (finding,) = cells._named("cell", [run], "it is wrong", "name", "").findings
    assert finding.says == "It is wrong"
    assert finding.place == Place("[h, c]", (k,), right[k] + 1, pytest.approx(right[k]), where)


def test_a_cell_that_gives_something_else_once_more_is_wrong():
    counted = itertools.count()

    def moody(*given):
        return cell.lstm_cell_step(*given) + (next(counted) >= len(cells._SIZES))

    (finding,) = tutor.cell(moody).findings
    assert finding == Finding("cell", "wrong", "a second call gives another result")


@pytest.mark.parametrize(("late", "which"), [(0, "a second call"), (1, "a call with another seed")])
@pytest.mark.parametrize(
    ("value", "says"),
    [
        (lambda v: 1 / 0, "raises ZeroDivisionError: division by zero"),
        (lambda v: v[1:], "has shape (7,), expected (8,): [h, c] of 4 units"),
        (lambda v: v * np.nan, "nan or infinity comes out"),
        (lambda v: "nonsense", "returns a str, expected an array"),
    ],
)
def test_a_cell_that_fails_when_it_is_called_again_is_wrong(late, which, value, says):
    counted = itertools.count()

    def tired(*given):
        right = cell.lstm_cell_step(*given)
        return value(right) if next(counted) == len(cells._SIZES) + late else right

    (finding,) = tutor.cell(tired).findings
    assert (finding.part, finding.status) == ("cell", "wrong")
    assert finding.says.partition(" (line")[0] == f"{which}: {says}"


# The verdict.


def test_a_verdict_is_text_colour_html_and_json(monkeypatch, capsys):
    broken = zoo.plant(zoo.ZOO["di from i instead of g"])
    verdict = tutor.check(broken.forward, broken.backward)
    page = verdict._repr_html_()
    assert "<details><summary>Hint</summary>" in page
    assert ">di</code>" in page
    assert 'href="https://github.com/wvabrinskas/Neuron/pull/181"' in page
    assert 'href="04-one-step-back.html#equation-eq-di">(eq-di)</a>, chapter 4' in page
    assert "\x1b[1;31mWRONG" in verdict.text(color=True)
    assert "\x1b" not in str(verdict)
    again = Verdict.from_json(verdict.to_json())
    assert again == verdict
    assert json.loads(verdict.to_json())["mistakes"] == ["di: i for g"]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    verdict.show()
    assert "\x1b[1;31m" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    verdict.show()
    assert "\x1b" not in capsys.readouterr().out


THREAD, BOOK = "https://github.com/o/r/pull/1", "my books, b: c/"
PAGE = f"{BOOK}04-one-step-back.html#equation-eq-di"
VERDICT = Verdict(
    (
        Finding("forward", "right", "all outputs agree"),
        Finding(
            "backward", "wrong", "`di` takes i < g", ("more", "of it"), "eq-di", THREAD, "Which?",
            Place("dW", (0, 2), 1.0, 2.5, "bias of i"), ("di: i for g",),
        ),
        Finding("b", "note", "slow"),
        Finding("init", "unwritten", "it raises"),
    ),
    "My & yours", BOOK,
)  # fmt: skip


def test_all_that_a_verdict_says_as_text():
    lines = [
        "My & yours",
        "forward   right: all outputs agree",
        "backward  WRONG: `di` takes i < g",
        "          dW[0, 2] is 1, expected 2.5 (bias of i)",
        "          more",
        "          of it",
        f"          Equation: (eq-di), chapter 4: {PAGE}",
        f"          Others made it: {THREAD}",
        "          Hint: Which?",
        "b         note: slow",
        "init      not written yet: it raises",
    ]
    assert str(VERDICT).split("\n") == lines
    colored = "\n".join(lines)
    for sign, number in (("right", 32), ("WRONG", 31), ("note", 33), ("not written yet", 33)):
        colored = colored.replace(f"  {sign}:", f"  \x1b[1;{number}m{sign}\x1b[0m:")
    assert VERDICT.text(color=True) == colored
    assert str(Verdict(())) == ""
    assert (VERDICT.ok, VERDICT.mistakes) == (False, ("di: i for g",))
    one, two, *others = VERDICT.findings
    assert [Verdict(tuple(f)).ok for f in ([one], [two], [one, others[0]], others)] == [
        True, False, True, False
    ]  # fmt: skip


def test_all_that_a_verdict_says_as_html():
    def finding(color, says, *rows):
        style = f"border-left: 4px solid #{color}; padding-left: 0.7em; list-style: none"
        below = "".join(f"<li>{row}</li>" for row in rows)
        return f'<li style="{style}">{says}' + (f"<ul>{below}</ul>" if rows else "") + "</li>"

    def link(to, text):
        return f'<a style="color: #0b5394" href="{to}">{text}</a>'

    code = '<code style="color: #741b47; background: none; border: 0">di</code>'
    listed = [
        finding("2e7d32", "<strong>forward right</strong>: all outputs agree"),
        finding(
            "c62828", f"<strong>backward WRONG</strong>: {code} takes i &lt; g",
            "dW[0, 2] is 1, expected 2.5 (bias of i)", "more", "of it",
            f"Equation: {link(PAGE, '(eq-di)')}, chapter 4",
            f"Others made it: {link(THREAD, THREAD)}",
            "<details><summary>Hint</summary>Which?</details>",
        ),
        finding("8a6100", "<strong>b note</strong>: slow"),
        finding("8a6100", "<strong>init not written yet</strong>: it raises"),
    ]  # fmt: skip
    paper = "background: #fff; color: #222; padding: 0.3em 0.7em; overflow-wrap: anywhere"
    around = f'<div role="group" aria-label="{{}}" style="{paper}"><ul style="padding-left: 0">'
    page = "".join([around.format("My &amp; yours"), *listed, "</ul></div>"])
    assert VERDICT._repr_html_() == page
    assert Verdict(())._repr_html_() == around.format("Verdict") + "</ul></div>"


def test_all_that_a_verdict_says_as_json():
    found = json.loads(VERDICT.to_json())
    assert found["findings"][1] == {
        "part": "backward", "status": "wrong", "says": "`di` takes i < g",
        "details": ["more", "of it"], "label": "eq-di", "source": THREAD, "hint": "Which?",
        "place": {"array": "dW", "index": [0, 2], "yours": 1, "right": 2.5, "says": "bias of i"},
        "mistakes": ["di: i for g"],
    }  # fmt: skip
    assert [each["part"] for each in found.pop("findings")] == ["forward", "backward", "b", "init"]
    assert found == {"ok": False, "title": "My & yours", "mistakes": ["di: i for g"]}
    assert Verdict.from_json(VERDICT.to_json()) == VERDICT


@pytest.mark.parametrize(
    "place",
    [Place("Hout", (0,), np.inf, -np.inf, "x"), Place("Hout", (0,), 1.0, np.inf, "x"),
     Place("Hout", (0,), np.inf, 1.0, "x"), None],
)  # fmt: skip
def test_json_has_words_for_what_is_not_finite(place):
    def refuse(name):
        raise AssertionError(name)

    verdict = Verdict((Finding("forward", "wrong", "x", place=place),))
    text = verdict.to_json()
    assert text.startswith('{\n  "ok": false,\n  "title": "",\n')
    (found,) = json.loads(text, parse_constant=refuse)["findings"]
    words = {np.inf: "inf", -np.inf: "-inf"}
    assert found["place"] == place or [found["place"][k] for k in ("yours", "right")] == [
        words.get(value, value) for value in (place.yours, place.right)
    ]
    assert Verdict.from_json(text) == verdict


def test_verdicts_can_be_told_apart_and_not_changed():
    (_, wrong, *_) = VERDICT.findings
    for one, other in ((VERDICT, Verdict(())), (wrong, VERDICT.findings[0]),
                       (wrong.place, Place("dW", (0, 2), 1.0, 2.5, "x"))):  # fmt: skip
        assert one != other
        assert len({one, other, replace(one)}) == 2
        with pytest.raises(FrozenInstanceError):
            one.title = "other"
    assert replace(VERDICT, book="") == VERDICT  # where the book is says nothing of the code
    assert Verdict(()) == Verdict((), "", "")
    assert Finding("a", "b", "c") == Finding("a", "b", "c", (), "", "", "", None, ())


@pytest.mark.parametrize(
    ("yours", "right", "said"),
    [
        (1.23456, 2.5, "1.235, expected 2.5"), (2.5, 1.23456, "2.5, expected 1.235"),
        (1.23456, 1.23486, "1.2346, expected 1.2349"),
        (0.1, np.nextafter(0.1, 1), "0.10000000000000001, expected 0.10000000000000002"),
        (0.1, 0.1, "0.10000000000000001, expected 0.10000000000000001"),
        (np.nan, 1.0, "nan, expected 1"),
    ],
)  # fmt: skip
def test_numbers_have_four_digits_or_as_many_as_tell_them_apart(yours, right, said):
    assert str(Place("h", (3, 0), yours, right, "unit 0")) == f"h[3, 0] is {said} (unit 0)"


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Plain:
    """A file that does not say whether it is a terminal."""

    text = ""

    def write(self, text):
        self.text += text

    def getvalue(self):
        return self.text


@pytest.mark.parametrize(
    ("file", "variables", "colored"),
    [(Terminal, {}, True), (Terminal, {"NO_COLOR": ""}, True), (Terminal, {"NO_COLOR": "1"}, False),
     (io.StringIO, {}, False), (io.StringIO, {"NO_COLOR": "1"}, False), (Plain, {}, False)],
)  # fmt: skip
def test_a_verdict_is_shown_in_colour_on_a_terminal(monkeypatch, capsys, file, variables, colored):
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    there = file()
    VERDICT.show(there)
    assert there.getvalue() == VERDICT.text(color=colored) + "\n"
    assert capsys.readouterr() == ("", "")


def test_addresses_end_where_a_quotation_does():
    says = """`don't` at https://a/b?c=d"onclick="alert(1) and "http://e" """
    link = '<a style="color: #0b5394" href="{0}">{0}</a>'.format
    code = '<code style="color: #741b47; background: none; border: 0">'
    first, second = link("https://a/b?c=d"), link("http://e")
    marked = f"""{code}don't</code> at {first}"onclick="alert(1) and "{second}" """
    page = Verdict((Finding("a", "note", says),))._repr_html_()
    assert f"<strong>a note</strong>: {marked}</li>" in page


def test_html_of_what_the_code_says_is_harmless():
    verdict = Verdict((Finding("<b>", "wrong", "<script>alert(1)</script> `<i>`"),))
    assert "<script>" not in verdict._repr_html_()
    assert "&lt;script&gt;" in verdict._repr_html_()
    assert "<i>" not in verdict._repr_html_()


# The command line.


def test_the_command_says_right_wrong_and_cannot_run(file, capsys):
    assert main(["check", file(JOINED)]) == 0
    assert "backward  right:" in capsys.readouterr().out
    wrong = JOINED.replace("df = dc * C[t]", "df = dc * C[t + 1]")
    assert main(["check", file(wrong), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["ok"], found["mistakes"]) == (False, ["df: c for c_prev"])
    assert main(["check", file("def forward(:\n")]) == 2
    message = "mine.py: cannot be run: SyntaxError: invalid syntax (mine.py, line 1)"
    assert message in capsys.readouterr().err
    assert main(["check", file("x = 1"), "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert found.pop("error").endswith("--forward and --backward")
    assert found == {"ok": False, "mistakes": [], "findings": []}
    assert main(["check", file(JOINED), "--convention", "nobody's"]) == 2
    assert "convention: expected None or one of" in capsys.readouterr().err


def test_the_command_takes_other_names_and_conventions(file, capsys):
    renamed = STYLES["PyTorch"][0].replace("def forward", "def f").replace("def backward", "def b")
    names = ["--forward", "f", "--backward", "b", "--convention", "pytorch"]
    assert main(["check", file(renamed), *names, "--book", "https://book/"]) == 0
    broken = renamed.replace("di, df, dg, do = dc * g", "di, df, dg, do = dc * i")
    assert main(["check", file(broken), *names, "--book", "https://book/"]) == 1
    assert "https://book/04-one-step-back.html#equation-eq-di" in capsys.readouterr().out


def test_a_file_finds_what_lies_beside_it_also_by_a_link(tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    (tmp_path / "there/mine.py").write_text("from beside import forward, backward")
    (tmp_path / "there/beside.py").write_text(JOINED)
    (tmp_path / "link.py").symlink_to(tmp_path / "there/mine.py")
    monkeypatch.chdir(tmp_path)
    for path in ("there/mine.py", "link.py", tmp_path / "link.py"):
        assert judge_file(path).ok


def test_the_command_outlives_what_it_runs(file, tmp_path):
    with pytest.raises(CannotRunError, match="ended the interpreter"):
        judge_file(file("import os\nos._exit(5)\n"))
    with pytest.raises(CannotRunError, match=r"took longer than 1\.5 seconds"):
        judge_file(file("import time\nwhile 1:\n try: time.sleep(9)\n except BaseException: pass"),
                   total=1.5)  # fmt: skip
    with pytest.raises(CannotRunError, match="does not come to an end"):
        judge_file(file("while True: pass"), limit=0.1)
    with pytest.raises(CannotRunError, match="there is no such file"):
        judge_file(tmp_path / "none.py")
    (tmp_path / "helper.py").write_text(JOINED)
    text = "from helper import forward\nprint('hello')\nif __name__ == '__main__': 1 / 0\n"
    assert judge_file(file(text)).ok


OF_A_FILE = [
    ("import nothing_of_this_name\n", "No module named 'nothing_of_this_name' (line 1)"),
    ("\n\nraise SystemExit\n", "cannot be run: it raises SystemExit (line 3)"),
    ("forward = 3\n", "forward is not a function but of the type int"),
    (JOINED + "\nbackward = 3\n", "backward is not a function but of the type int"),
    ("import numpy as np\nnp.random.default_rng = None\n" + JOINED, "the check itself has failed"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), OF_A_FILE, ids=range(len(OF_A_FILE)))
def test_what_is_wrong_with_a_file_is_said_with_its_own_line(file, capsys, text, message):
    assert main(["check", file(text), "--json"]) == 2
    assert message in json.loads(capsys.readouterr().out)["error"]


OF_A_RIGHT_FILE = [
    "import sys, os\nsys.stdout.close(); sys.stderr.close(); os.close(1); os.close(2)\n",
    "import subprocess, sys\n"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n",
    "from dataclasses import dataclass\n@dataclass\nclass C:\n    x: 'int'\n",
    "import sys\nassert sys.argv == [__file__]\n",
]


@pytest.mark.parametrize("before", OF_A_RIGHT_FILE, ids=range(len(OF_A_RIGHT_FILE)))
def test_what_a_right_file_may_do(file, before):
    start = time.monotonic()
    assert judge_file(file(before + JOINED), total=50).ok
    assert time.monotonic() - start < 50


def test_a_module_in_this_folder_is_not_taken_for_one_of_ours(file, tmp_path, monkeypatch):
    (tmp_path / "numpy.py").write_text("1 / 0\n")
    path = file("def forward(X, WLSTM, c0, h0): return None\n")
    monkeypatch.chdir(tmp_path)
    assert judge_file(path).findings[0].status == "unwritten"


def test_json_has_no_nan(file, capsys):
    def refuse(name):
        raise AssertionError(name)

    for value, said in (("nan", "nan"), ("inf", "inf"), ("-inf", "-inf")):
        text = JOINED.replace("return np.array(Hout)", f"return float('{value}') + np.array(Hout)")
        assert main(["check", file(text), "--json"]) == 1
        out = capsys.readouterr().out
        assert json.loads(out, parse_constant=refuse)["findings"][0]["place"]["yours"] == said
        again = Verdict.from_json(out).findings[0].place.yours
        assert str(again) == said


def test_the_command_in_an_interpreter_of_its_own(file):
    environment = os.environ | {"PYTHONPATH": str(Path(lstm.__file__).parents[1])}
    command = [sys.executable, "-m", "lstm", "check", file(JOINED)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("forward   right: Hout, Cn and Hn agree")


def test_a_cache_that_holds_itself_is_handed_on():
    forward, backward = lstm.forward, lstm.backward

    def cyclic(*arguments):
        F = forward(*arguments)
        cache = {"F": F.cache}
        cache["me"] = cache
        return *F[:3], cache

    verdict = tutor.check(cyclic, lambda dHout, cache, *more: backward(dHout, cache["F"], *more))
    assert verdict.ok, verdict


def test_what_is_changed_in_place_has_its_name():
    def forward(X, W, c0, h0):
        F = lstm.forward(X, W, c0, h0)
        c0 += 1
        return F

    assert tutor.check(forward).mistakes == ("c0 changed in place",)


def test_notes_come_after_what_is_right_and_wrong():
    wrong = load(JOINED, ("df = dc * C[t]", "df = dc * C[t + 1]"))
    statuses = [finding.status for finding in tutor.check(*wrong).findings]
    assert statuses[:3] == ["right", "wrong", "note"]
    assert set(statuses[2:]) == {"note"}


def test_yours_and_right_are_told_apart():
    place = Place("h", (0,), 0.123456789, 0.123456788, "unit 0")
    assert str(place) == "h[0] is 0.123456789, expected 0.123456788 (unit 0)"


@pytest.mark.parametrize(
    ("function", "status", "said"),
    [
        (lambda a: 1 / (1 + np.exp(-a)), "note", "the exponential overflows"),
        (lambda a: np.exp(a) / (1 + np.exp(a)), "wrong", "it gives 0, 0.5, nan, expected 0, 0.5"),
        (lambda a: 0.5 + 0.5 * np.tanh(a / 2), "right", "agrees"),
    ],
    ids=["overflows", "nan", "right"],
)
def test_a_sigmoid_is_asked_far_out(function, status, said):
    finding = tutor.step("eq-sigmoid", function).findings[-1]
    assert finding.status == status
    assert said in finding.says


def test_one_step_back_has_its_shapes_first():
    def transposed(dh, dc, v, W):
        dx, dW, dc_prev, dh_prev = back_step(dh, dc, v, W)
        return dx, dW.T, dc_prev, dh_prev

    verdict = tutor.part("one step back", transposed)
    assert "dW has shape (16, 10), expected (10, 16)" in str(verdict)
    assert "length 0" not in str(tutor.part("one step back", back_step))


def test_problems_have_nothing_to_hide_behind():
    for sizes in (*judge.PROBES, *judge.PROOFS, beyond.MEDIUM, beyond.LARGE):
        p = problem(*sizes, style("PyTorch"))
        assert all(np.all(a) for a in p[:8])
        D, H = sizes[2:]
        assert D != H
    assert all(len(set(sizes)) == 4 for sizes in (*judge.PROOFS, beyond.MEDIUM, beyond.LARGE))


# Words of the verdict that the tests of mistakes do not read.


def test_the_height_at_which_the_memory_is_clipped():
    def forward(X, W, c, h):
        Hout = np.empty((*X.shape[:2], len(W[0]) // 4), X.dtype)
        for t, x in enumerate(X):
            c, h = lstm.step(x, W, c, h)
            c = np.clip(c, -50, 50)
            Hout[t] = h
        return Hout, c, h, None

    verdict = tutor.check(forward)
    assert "memory clipped" in verdict.mistakes
    assert "The memory `c` is clipped at 50" in says(verdict)


def test_what_is_expected_where_there_are_too_few_gradients():
    verdict = tutor.check(lstm.forward, lambda *given: lstm.backward(*given)[:2])
    assert "returns 2 values, expected 4: (dX, dWLSTM, dc0, dh0)" in says(verdict)


def test_gradients_may_be_lists_of_numbers():
    source, options = STYLES["PyTorch"]
    forward, backward = load(source)

    def listed(*given):
        *arrays, states = backward(*given)
        return *(array.tolist() for array in arrays), states

    verdict = tutor.check(forward, listed, **options)
    assert verdict.ok, str(verdict)


def test_the_functions_that_a_file_has_are_named(file):
    with pytest.raises(CannotRunError, match=r"there is no function 'forward'; it has f, g\. Name"):
        judge_file(file("def f(): 1\ndef g(): 1\ndef _h(): 1\n"))
    with pytest.raises(CannotRunError, match=r"there is no function 'forward'; it has none\. Name"):
        judge_file(file("x = 1\n"))


@pytest.mark.parametrize(("name", "t"), [("Hout", 1), ("dX", 3)])
def test_the_first_wrong_step_is_the_first_that_is_computed(name, t):
    p = problem(5, 2, 3, 4)
    run = lstm.forward(p.X, p.W, p.c0, p.h0)
    back = lstm.backward(p.dHout, run.cache, p.dCn, p.dHn)
    right = {"Hout": run.Hout, "dX": back.dX}
    wrong = right[name].copy()
    wrong[1:4, 1, 2] += 1
    place = locate.first_wrong(OURS, p, {name: wrong}, right, 1e-9)
    assert str(place).startswith(f"{name}[{t}, 1, 2] is ")


def test_what_comes_through_h_is_told_from_what_comes_through_c():
    p = problem(5, 2, 3, 4)
    code = Candidate(
        lstm.forward, lambda dH, cache, dC, dh: lstm.backward(2 * dH, cache, dC, 2 * dh), OURS
    )
    assert locate._cotangents(code, p, ["o", "g", "f"]) == [
        "with dCn alone dz_f is right: look at what comes through h"
    ]
    assert locate._cotangents(code, p, ["o"]) == []


def test_the_gate_may_be_called_k_in_any_order():
    for function in (
        lambda k, dk: dk * k * (1 - k), lambda dk, k: dk * k * (1 - k),
        lambda i, di: di * i * (1 - i), lambda k, di: di * k * (1 - k),
    ):  # fmt: skip
        assert tutor.step("eq-dz-sigmoid", function).ok
    assert not tutor.step("eq-dz-sigmoid", lambda k, dk: k * dk * (1 - dk)).ok


def test_each_weight_has_a_place():
    D, H = 2, 3
    rows = ["bias", "feature 0 of x", "feature 1 of x", *(f"unit {k} of h_prev" for k in range(H))]
    gates = ("input gate", "forget gate", "output gate", "candidate")
    columns = [f"{gate}, unit {k}" for gate in gates for k in range(H)]
    said = [f"{row}, {column}" for row in (*rows, "second bias") for column in columns]
    assert [locate._of_weight(k, D, H) for k in range(len(said))] == said


def test_each_row_of_the_gradient_of_the_weights_is_looked_at():
    D, H = 2, 3
    right = np.ones((1 + D + H, 4 * H))
    for row, name in enumerate(["the biases", *["Wx"] * D, *["Wh"] * H]):
        wrong = right.copy()
        wrong[row] += 1
        assert locate._of_weights(wrong, right, D, 1e-9) == [
            "dX, dh0 and dc0 are right, and so is dz, from which they are made: look at how the "
            f"gradient of {name} is made from it"
        ]
