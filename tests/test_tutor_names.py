"""The tutor names what is wrong, all of it, and nothing else."""

import json
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from right_lstms import EINSUM, JOINED, LOOPS, STYLES, TORCH, load
from tutor_mutants import candidates, verified

from lstm import fused, reference, tutor
from lstm.layout import GATES
from lstm.tutor import of_backward, of_forward
from lstm.tutor.equations import EQUATIONS
from lstm.tutor.judge import PROBES, PROOFS
from lstm.tutor.locate import judge_inner
from lstm.tutor.mistakes import mistakes
from lstm.tutor.plain import KEPT, model
from lstm.tutor.search import FORWARD, GRADIENTS, agree, explain, parts, run
from lstm.tutor.styles import problem, style
from lstm.zoo import ZOO, plant

BOOK = Path(__file__).parent.parent / "book"
TABLE = {mistake.name: mistake for mistake in mistakes()}
# With two biases and a number that is added to the forget gate, every mistake shows.
FORM = style("PyTorch")._replace(row=style("PyTorch").row._replace(forget_bias=0.7))


def everything(plain, p):
    outputs = run(plain, p)
    return np.concatenate([outputs[name].ravel() for name in FORWARD + GRADIENTS])


# The plain loop.


def test_the_plain_loop_is_the_reference():
    p = problem(1, 3, 5, 4)
    v = reference.forward(p.X[0], p.W, p.c0, p.h0)
    d = reference.backward(v, p.dHout[0] + p.dHn, p.dCn)
    _, Cn, _, kept = model().forward(p.X, p.W, p.second, 0.0, p.c0, p.h0)
    np.testing.assert_allclose(Cn, v.c, rtol=1e-12)
    for name, value in zip(KEPT, kept[0], strict=True):
        np.testing.assert_allclose(value, getattr(v, name), rtol=1e-12, err_msg=name)
    dX, dW, _, dc0, dh0 = model().backward(kept, p.W, p.c0, p.h0, p.dHout, p.dCn, p.dHn)
    for ours, theirs in ((dX[0], d.x), (dW, d.W), (dc0, d.c_prev), (dh0, d.h_prev)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("sizes", [(5, 3, 7, 4), (1, 1, 1, 1), (2, 5, 1, 3)])
def test_the_plain_loop_is_the_fused_lstm(sizes):
    p = problem(*sizes)
    F = fused.forward(p.X, p.W, p.c0, p.h0)
    G = fused.backward(p.dHout, F.cache, p.dCn, p.dHn)
    ours = run(model(), p)
    for name, theirs in zip((*FORWARD, "dX", "dW", "dc0", "dh0"), (*F[:3], *G), strict=True):
        np.testing.assert_allclose(ours[name], theirs, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize(
    "patches",
    [
        (("h = o * c", "h = o"),),  # is in neither pass
        (("dX = dx", "dX = 0"),),
        (("np.tanh", "np.sin"),),  # twice in the forward pass
        (("dz.sum(axis=0)", "dz[0]"),),  # twice in the backward pass
        (("rows(W)", "W"),),  # in both
        (("keep = f * c_prev", "keep = c_prev"), ("f * c_prev", "f * c")),  # gone by then
    ],
)
def test_what_is_replaced_is_there_once(patches):
    said = f"patches: expected {patches[-1][0]!r} once in the plain loop"
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        model(patches)


def test_both_passes_have_names_and_are_compiled_once():
    patched = [(("s = np.tanh(c)", "s = c"), ("do = dh * s", "do = dh")), ()]
    for patches in patched:
        wrong = model(patches)
        assert wrong == model(patches)
        for name in ("forward", "backward"):
            function = getattr(wrong, name)
            assert function.__name__ == name
            assert function.__code__.co_filename == f"<plain {name}>"
    one, other = map(model, patched)
    assert (one.forward is other.forward, one.backward is other.backward) == (False, False)
    for mistake in TABLE.values():
        model(mistake.patches)
    assert other == model()  # there is room for all mistakes


def test_a_second_bias_and_a_number_for_the_forget_gate():
    p = problem(3, 2, 5, 4, FORM)
    W = p.W.copy()
    W[0] += p.second
    W[0, 4:8] += 0.7
    assert p.plus == 0.7
    assert agree(run(model(), p)["Hout"], fused.forward(p.X, W, p.c0, p.h0).Hout, 1e-12)
    np.testing.assert_array_equal(run(model(), p)["db2"], run(model(), p)["dW"][0])


# The table.


def test_the_table_is_well_made():
    assert len(TABLE) == len(mistakes()) > 750  # all names differ
    written = {row[0] for row in (*of_forward.FORWARD, *of_backward.BACKWARD)}
    assert written <= TABLE.keys()
    for mistake in TABLE.values():
        model(mistake.patches)  # every text to be replaced is there once
        assert mistake.label in EQUATIONS
        assert not mistake.says[0].isupper()
        assert not mistake.says.endswith(".")
        assert not mistake.zoo or mistake.zoo in ZOO
    assert {m.forward for m in TABLE.values()} == {True, False}


def test_no_mistake_of_the_table_is_right():
    p = problem(3, 2, 5, 4, FORM)
    right = everything(model(), p)
    for mistake in TABLE.values():
        with np.errstate(all="raise"):  # what overflows is wrong, and no error
            wrong = everything(model(mistake.patches), p)
        with np.errstate(invalid="ignore"):
            assert not np.allclose(wrong, right), mistake.name


def test_the_equations_are_where_the_table_says():
    for label, equation in EQUATIONS.items():
        notebook = json.loads((BOOK / f"{equation.page}.ipynb").read_text(encoding="utf-8"))
        text = "\n".join("".join(cell["source"]) for cell in notebook["cells"])
        assert f"$$ ({label})" in text, label
        assert "?" in equation.hint
        assert equation.hint[-1] in "?."


def test_every_mistake_is_named_and_what_is_named_cannot_be_told_apart():
    """On problems that took no part in the search, all that is named gives the same numbers."""
    sizes = [problem(*each, FORM) for each in (*PROBES, PROOFS[0])]
    fresh = [problem(*each, FORM, seed=9) for each in ((3, 4, 2, 5), (6, 2, 3, 4))]
    for mistake in TABLE.values():
        plain = model(mistake.patches)
        ran = [(p, run(plain, p)) for p in sizes]
        names = FORWARD if mistake.forward else GRADIENTS
        found = explain(ran[:3], ran[3:], names=names)
        assert (mistake,) in found, mistake.name
        for (other,) in found:
            for p in fresh if len(found) > 1 else ():
                mine, its = run(plain, p), run(model(other.patches), p)
                assert all(agree(mine[k], its[k], 1e-9) for k in names), (mistake.name, other.name)


def test_what_is_infinite_or_huge_agrees_with_itself_or_nothing():
    with np.errstate(all="raise"):
        for a, b in ((np.inf, np.inf), (np.nan, 1.0), (1.7e308, -1.7e308), (1.0, np.nan)):
            assert not agree(np.array([a, 1.0]), np.array([b, 1.0]), 1e-9)
        assert agree(np.full(2, 1.7e308), np.full(2, 1.7e308), 1e-9)
        p = problem(2, 1, 5, 4)
        for value in (np.inf, np.nan, -1.7e308):
            outputs = run(model(), p)
            outputs["Hout"][0, 0, 0] = value
            assert explain([(p, outputs)], [], names=FORWARD) == []


def test_outputs_are_cut_into_parts_that_one_mistake_can_leave_right():
    n, D, H = 2, 5, 4
    outputs = run(model(), problem(n, 1, D, H))
    found, blocks = parts(outputs, ("Hout", "dW", "dc0")), outputs["dW"].reshape(1 + D + H, 4, H)
    want = {f"Hout[{t}]": outputs["Hout"][t] for t in range(n)} | {"dc0": outputs["dc0"]}
    for k, gate in enumerate(GATES):
        block = blocks[:, k]
        want |= {f"db {gate}": block[0], f"dWx {gate}": block[1:6], f"dWh {gate}": block[6:]}
    assert found.keys() == want.keys()
    for name in want:
        np.testing.assert_array_equal(found[name], want[name], err_msg=name)


@pytest.mark.parametrize(
    "names",
    [
        ("h not carried", "Hout: first lacks"), ("neither carried", "h: s for o"),
        ("x of the first step", "forget bias + 3"), ("h not carried", "one gate for all"),
        ("Hout: last alone", "one gate's weights for all"),
    ],
)  # fmt: skip
def test_two_mistakes_are_found_by_parts_of_one_number_each(names):
    wrong = model(tuple(patch for name in names for patch in TABLE[name].patches))
    probe, proof = ((p, run(wrong, p)) for p in (problem(2, 1, 1, 1), problem(3, 2, 5, 4)))
    (found,) = explain([probe], [proof], names=FORWARD)
    assert {mistake.name for mistake in found} == set(names)


JUDGED = [bug for bug in ZOO.values() if bug.kind in ("backward", "forward", "another cell")]


@pytest.mark.parametrize("bug", JUDGED, ids=lambda bug: bug.name)
def test_every_bug_of_the_zoo_is_named(bug):
    broken = plant(bug)
    verdict = tutor.check(broken.forward, broken.backward)
    assert not verdict.ok
    (name,) = verdict.mistakes
    (finding,) = [each for each in verdict.findings if each.mistakes]
    assert finding.part == ("backward" if bug.kind == "backward" else "forward")
    if bug.kind == "another cell":
        assert name == "h: no tanh"
        assert "the right derivative of your forward pass" in str(verdict)
    else:
        assert TABLE[name].zoo == bug.name
        assert finding.source == bug.source


def test_every_bug_that_can_be_planted_here_is_in_the_table():
    assert {m.zoo for m in TABLE.values() if m.zoo} == {
        bug.name for bug in JUDGED if bug.kind != "another cell"
    }


# Several mistakes together.

PAIRS = [
    ("df: c for c_prev", "di: sign"),
    ("dz_f: sigmoid for its slope", "dc, dh not carried, zero"),
    ("db: batch mean", "dX backwards"),
    ("dcs: of h", "dz_g: 1 - v", "dHn twice"),
    ("f: tanh", "o: not squashed"),
    ("c and h swapped", "h not carried"),
]


@pytest.mark.parametrize("names", PAIRS, ids=" and ".join)
def test_mistakes_together_are_named_together(names):
    verdict = tutor.check(*candidates(*(TABLE[name] for name in names)))
    assert set(verdict.mistakes) == set(names)
    assert f"{len(names)} mistakes together" in str(verdict)


def test_one_of_two_is_never_named_as_if_it_were_all():
    """What is named explains everything on new problems, or nothing is named."""
    rng = np.random.default_rng(0)
    named = 0
    for kind in (True, False):
        table = [m for m in mistakes(False, False) if m.forward == kind]
        for _ in range(3):
            one, two = (table[k] for k in rng.choice(len(table), 2, replace=False))
            try:
                code = candidates(one, two)
            except ValueError:
                continue  # both change the same line
            verdict = tutor.check(*code)
            assert not verdict.ok
            named += bool(verdict.mistakes)
            assert verified(verdict, *code)
    assert named >= 3


# Somebody else's code.

OTHERS = [
    (JOINED, "dc = dc + dh * o", "dc = dh * o", "dc: dc_next missing"),
    (JOINED, "df = dc * C[t]", "df = dc * C[t + 1]", "df: c for c_prev"),
    (JOINED, "dW += U[t].T @ dz", "dW = U[t].T @ dz", "dW overwritten"),
    (JOINED, "dc = dc * f\n", "dc = dc * f * (1 - f)\n", "dc_prev: slope for f"),
    (JOINED, "s = np.tanh(C[t + 1])", "s = C[t + 1]", "cached s is c"),
    (JOINED, "h = o * np.tanh(C[-1])", "h = np.tanh(o * C[-1])", "h: tanh of the product"),
    (JOINED, "return np.array(Hout)", "X *= 2\n    return np.array(Hout)", "X changed in place"),
    (JOINED, "dHout = dHout.copy()\n", "dHout *= 2\n", "dHout changed in place"),
    (JOINED, "return dU[:, :, 1 : 1 + D], dW,", "return dU[:, :, :D], dW,", "dx: one column off"),
    (JOINED, "dh = dh + dHout[t]", "dh = np.clip(dh + dHout[t], -1e4, 1e4)", ""),
    (JOINED, "[:, :, 1 : 1 + D], dW,", "[:, :, 1 : 1 + D], np.clip(dW, -0.5, 0.5),",
     "gradients clipped"),
    (JOINED, "C.append(f * C[-1] + i * g)", "C.append(np.clip(f * C[-1] + i * g, -3, 3))",
     "memory clipped"),
    (LOOPS, "dh_t * s * o * (1 - o)", "dh_t * s * o", "dz_o: (1 - o) missing"),
    (LOOPS, "= dc_before, dh_before", "= dc_before, dH", "dh not carried, dHn again"),
    (LOOPS, "range(n - 1, -1, -1)", "range(n - 1, 0, -1)", "first step left out"),
    (TORCH, "+ h_prev @ w_hh.T + b_hh", "+ h_prev @ w_hh.T + b_ih", "first bias for both"),
    (TORCH, "z_i, z_f, z_g, z_o = np", "z_i, z_f, z_o, z_g = np", "order i, f, o, g"),
    (TORCH, "dw_hh, db, db, (dh, dc)", "dw_hh, db, 0 * db, (dh, dc)", "second db zero"),
    (TORCH, "dz.T @ h_prev, dz.sum(0)", "dz.T @ h_prev, dz.mean(0)", "db: batch mean"),
    (TORCH, "len(X), *c.shape), (h, c)", "len(X), *c.shape), (c, h)", "c and h swapped"),
    (EINSUM, '"bkh,jkh->bj"', '"bkh,hkj->bj"', "Wh not transposed"),
    (EINSUM, "y[:, t] = hs[t + 1]", "y[:, t] = hs[t]", "Hout one step late"),
    (EINSUM, "dh = dh + dy[:, t]", "dh = dh + dy[:, T - 1 - t]", "dHout backwards"),
    (EINSUM, "z = zx[:, t] +", "z = zx[:, 0] +", "x of the first step"),
]  # fmt: skip
OPTIONS = {source: options for source, options in STYLES.values()}


@pytest.mark.parametrize(("source", "right", "wrong", "name"), OTHERS, ids=range(len(OTHERS)))
def test_mistakes_in_other_styles_are_named(source, right, wrong, name):
    forward, backward = load(source, (right, wrong))
    verdict = tutor.check(forward, backward, **OPTIONS[source])
    assert not verdict.ok
    assert name in verdict.mistakes or not name


ONE = "with one step of one sequence: "
DZ = "the gradient of the bias is dz itself: "
OUTSIDE = "measured from outside: "
HOW = ("dX, dh0 and dc0 are right, and so is dz, from which they are made: "
       "look at how the gradient of {} is made from it")  # fmt: skip
SHARED = "i, f and g are wrong together: look at dc, which all three are made from"
DC_RIGHT = "dc0 is right, so dc and f are"
LOOP = "right for one and for two steps: look at the loop over the steps"
BOTH = ("one step of a batch and two steps of one sequence seem right: look at what tells steps "
        "and sequences apart, such as a reshape")  # fmt: skip
AFTER_FIRST = "(1 + (np.arange(b) > 0)[:, None])"  # one more for all sequences except the first
SPLIT = "i, f, o = np.split(ifo, 3, axis=1)"
UNNAMED = [
    (JOINED, "np.tanh(z[:, 3 * H :])", "np.tanh(1.3 * z[:, 3 * H :])", "eq-gates", [
        ONE + "wrong: Hout, Cn, Hn",
        OUTSIDE + "right: f, h = o * tanh(c), with your own c; wrong: i * g",
        "where g is 1, i is right: look at g"]),
    (JOINED, SPLIT, SPLIT + "; i = i**3", "eq-gates", [
        ONE + "wrong: Hout, Cn, Hn",
        OUTSIDE + "right: f, h = o * tanh(c), with your own c; wrong: i * g",
        "where i is 1, g is right: look at i"]),
    (JOINED, SPLIT, SPLIT + "; f = f**3", "eq-gates", [
        ONE + "wrong: Hout, Cn, Hn",
        OUTSIDE + "right: i * g, h = o * tanh(c), with your own c; wrong: f",
        "f is how much of c_prev is left in c"]),
    (JOINED, "C.append(f * C[-1] +", "C.append(f * C[-1] ** 3 +", "eq-c", [
        ONE + "wrong: Hout, Cn, Hn", "c does not depend on c_prev as f * c_prev + i * g does"]),
    (JOINED, "h = o * np.tanh(C[-1])", "h = o * np.sin(C[-1])", "eq-h", [
        ONE + "right: Cn; wrong: Hout, Hn",
        OUTSIDE + "right: f, i * g; wrong: h = o * tanh(c), with your own c",
        "c is right: look at o, at the tanh, and at their product"]),
    (JOINED, "z = U[t] @ W", "z = 1.7 * U[t] @ W", "eq-z", [
        ONE + "wrong: Hout, Cn, Hn",
        OUTSIDE + "wrong: f, i * g, h = o * tanh(c), with your own c",
        "all gates are wrong: look at what they share"]),
    (JOINED, "z = U[t] @ W", f"z = U[t] @ W * {AFTER_FIRST}", "eq-unrolled", [
        "with one step of a batch: wrong: Hout, Cn, Hn",
        "one sequence alone seems right: the sequences of a batch must not meet"]),
    (JOINED, "C.append(f * C[-1] +", "C.append((1 + t) * f * C[-1] +", "eq-unrolled", [
        "with two steps of one sequence: wrong: Hout, Cn, Hn",
        "one step seems right: look at what goes from one step to the next"]),
    (JOINED, "z = U[t] @ W", f"z = U[t] @ W * {AFTER_FIRST}**t", "eq-unrolled", [
        "with two steps of a batch: wrong: Hout, Cn, Hn", BOTH]),
    (JOINED, "z = U[t] @ W", "z = U[t] @ W * (1 + (t > 1))", "eq-unrolled", [LOOP]),
    (JOINED, "df = dc * C[t]", "df = dc * np.sin(C[t])", "eq-df", [
        ONE + "right: dc0; wrong: dX, dW, dh0",
        DZ + "right: dz_i, dz_o, dz_g; wrong: dz_f (forget gate)", DC_RIGHT]),
    (JOINED, "di = dc * g\n", "di = dc * g + np.sin(dh)\n", "eq-di", [
        ONE + "right: dc0; wrong: dX, dW, dh0",
        DZ + "right: dz_f, dz_o, dz_g; wrong: dz_i (input gate)",
        "with dCn alone dz_i is right: look at what comes through h", DC_RIGHT]),
    (JOINED, "dc = dc + dh * o * (1 - s**2)", "dc = dc + dh * np.cos(s)", "eq-dc", [
        ONE + "wrong: dX, dW, dc0, dh0",
        DZ + "right: dz_o; wrong: dz_i (input gate), dz_f (forget gate), dz_g (candidate)",
        SHARED]),
    (JOINED, "dh = dh + dHout[t]", "dh = np.sin(dh + dHout[t])", "eq-dc", [
        ONE + "wrong: dX, dW, dc0, dh0",
        DZ + "wrong: dz_i (input gate), dz_f (forget gate), dz_o (output gate), dz_g (candidate)",
        SHARED]),
    (JOINED, "dg * (1 - g**2)])", "dg * (1 - g**2)]) * np.exp(U[t, :, 1:2])", "eq-di", [
        ONE + "right: dc0; wrong: dX, dW, dh0",
        DZ + "wrong: dz_i (input gate), dz_f (forget gate), dz_o (output gate), dz_g (candidate)",
        DC_RIGHT]),
    (JOINED, "dU[t] = dz @ W.T", "dU[t] = dz @ W.T + 1\n        dW[1:] += 1", "eq-dx", [
        ONE + "right: dc0; wrong: dX, dW, dh0",
        "dX does not follow from your own dz (eq-dx)",
        "dh0 does not follow from your own dz (eq-dh-prev)",
        "the gradient of Wx does not follow from your own dz (eq-dw)",
        "the gradient of Wh does not follow from your own dz (eq-dw)", DC_RIGHT]),
    (JOINED, "dh = dU[t, :, 1 + D :]", "dh = dU[t, :, 1 + D :] + (t == 0)", "eq-dh-prev", [
        ONE + "right: dX, dW, dc0; wrong: dh0",
        "dh0 does not follow from your own dz (eq-dh-prev)", DC_RIGHT]),
    (JOINED, "dc = dc * f\n", "dc = dc * np.sqrt(f)\n", "eq-dc-prev", [
        ONE + "right: dX, dW, dh0; wrong: dc0",
        "dc0 is wrong although all dz are right: look at dc_prev"]),
    (JOINED, "dW += U[t].T @ dz", "dW += U[t].T @ np.tanh(dz)", "eq-dw", [
        ONE + "right: dX, dc0, dh0; wrong: dW", HOW.format("the biases, Wx, Wh")]),
    (LOOPS, "dW[0, column] += dz[k]", "dW[0, column] += dz[k] * (r > 0)", "eq-dw", [
        ONE + "right: dX, dc0, dh0; wrong: dW", HOW.format("the biases")]),
    (JOINED, "dW += U[t].T @ dz", f"dW += U[t].T @ (dz * {AFTER_FIRST})", "eq-dw", [
        "with one step of a batch: right: dX, dc0, dh0; wrong: dW",
        "one sequence alone seems right: look at what is summed over the batch"]),
    (JOINED, "dW += U[t].T @ dz", "dW += (1 + t) * U[t].T @ dz", "eq-bptt-dw", [
        "with two steps of one sequence: right: dX, dc0, dh0; wrong: dW",
        "one step seems right: look at what is added up over the steps"]),
    (JOINED, "dc = dc * f\n", "dc = dc * f if t != 1 else dc\n", "eq-bptt-dh", [
        "with two steps of one sequence: wrong: dX, dW, dc0, dh0",
        "one step seems right: look at what goes from each step to the one before, "
        "and at what is added up over the steps"]),
    (JOINED, "dW += U[t].T @ dz", f"dW += U[t].T @ (dz * {AFTER_FIRST}**t)", "eq-bptt-dw", [
        "with two steps of a batch: right: dX, dc0, dh0; wrong: dW", BOTH]),
    (JOINED, "dW += U[t].T @ dz", "dW += (1 + (t > 1)) * U[t].T @ dz", "eq-bptt-dw", [LOOP]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "right", "wrong", "label", "said"), UNNAMED, ids=range(len(UNNAMED))
)
def test_what_has_no_name_is_located(source, right, wrong, label, said):
    verdict = tutor.check(*load(source, (right, wrong)))
    assert not verdict.ok
    assert verdict.mistakes == ()
    (finding,) = [each for each in verdict.findings if each.status == "wrong"]
    assert finding.place is not None
    assert finding.label == label
    assert list(finding.details) == said


WAY = {  # values on the way back, in the order in which they are made: their equations
    "do": "eq-do", "ds": "eq-ds", "df": "eq-df", "di": "eq-di", "dg": "eq-dg",
    "dc_prev": "eq-dc-prev", "dz_o": "eq-dz-sigmoid", "dz_f": "eq-dz-sigmoid",
    "dz_i": "eq-dz-sigmoid", "dz_g": "eq-dz-tanh",
}  # fmt: skip


@pytest.mark.parametrize("first", WAY)
def test_of_several_wrong_values_on_the_way_the_first_is_to_be_looked_at(first):
    p = problem(1, 3, 5, 4)
    v = reference.forward(p.X[0], p.W, p.c0, p.h0)
    d = vars(reference.backward(v, p.dHout[0] + p.dHn, p.dCn))
    inner = {name: d[name.removeprefix("d")][np.newaxis] for name in ("dh", "dc", *WAY)}
    right, wrong = np.split(list(WAY), [list(WAY).index(first)])
    for k, name in enumerate(wrong, 1):
        inner[name] = 1.1**k * inner[name]  # each is wrong, even with its own inputs
    assert judge_inner(inner, p, {}, 1e-9) == (
        [
            "of your own values on the way, each judged with your own inputs: right: "
            f"{', '.join(right) or 'none'}; "
            f"wrong: {', '.join(f'{name} ({WAY[name]})' for name in wrong)}"
        ],
        WAY[first],
    )


@pytest.mark.parametrize("gate", GATES)
def test_values_on_the_way_are_judged_with_their_own_inputs(gate):
    """do wrong, and everything after it: only do is blamed."""

    def forward(X, W, c0, h0):
        F = fused.forward(X, W, c0, h0)
        i, f, o, g = np.split(F.cache.IFOG, 4, axis=2)
        C, S = F.cache.C, F.cache.S
        kept = dict(i=i, f=f, o=o, g=g, c=C[1:], c_prev=C[:-1], s=S, F=F)
        return *F[:3], kept

    def backward(dHout, kept, dCn, dHn):
        dX, dW, dc, dh = fused.backward(dHout, kept["F"].cache, dCn, dHn)
        ones = np.ones_like(kept["i"])
        inner = dict(dc=ones, dh=ones, df=kept["c_prev"], di=kept["g"], dg=kept["i"],
                     do=kept["s"], ds=kept["o"])  # fmt: skip
        inner[f"d{gate}"] = 1.001 * inner[f"d{gate}"]
        return dX, dW * np.exp(0.1), dc, dh, inner

    (finding,) = tutor.check(forward, backward).findings[1:]
    right = [f"d{name}" for name in ("o", "s", "f", "i", "g") if name != gate]
    assert finding.details[0] == (
        "of your own values on the way, each judged with your own inputs: "
        f"right: {', '.join(right)}; wrong: d{gate} (eq-d{gate})"
    )
    assert finding.label == f"eq-d{gate}"


UNUSABLE = {  # what else may be under a name in a dictionary of values
    "ragged": [[1], [1, 2]], "texts": np.full((3, 2, 4), "1"), "objects": np.full((3, 2, 4), None),
    "complex": np.full((3, 2, 4), 1j), "another shape": np.ones((3, 2, 5)), "nothing": None,
}  # fmt: skip


@pytest.mark.parametrize("value", UNUSABLE.values(), ids=UNUSABLE)
def test_values_on_the_way_that_are_no_numbers_are_left_out(value):
    p, ones = problem(3, 2, 5, 4), np.ones((3, 2, 4))
    said = judge_inner({"do": ones, "ds": ones.tolist(), "dh": ones}, p, {}, 1e-9)
    assert said == (
        ["of your own values on the way, each judged with your own inputs: right: none; wrong: "
         "do (eq-do), ds (eq-ds)"], "eq-do",
    )  # fmt: skip
    assert judge_inner({"do": ones, "ds": value, "dh": ones}, p, {}, 1e-9) == (
        ["of your own values on the way, each judged with your own inputs: right: none; wrong: "
         "do (eq-do)"], "eq-do",
    )  # fmt: skip
    assert judge_inner({"do": ones, "dh": value, "x": 3}, p, {}, 1e-9) == ([], "")
    right = run_inner(p)
    assert judge_inner(right, p, {"s": value}, 1e-9)[1] == ""
    assert judge_inner(right, p, {"s": 2 * ones}, 1e-9)[1] == "eq-do"


def run_inner(p):
    """do and dh = 1 of every step."""
    kept = model().forward(p.X, p.W, p.second, p.plus, p.c0, p.h0)[3]
    s = np.array([step[KEPT.index("s")] for step in kept])
    return {"dh": np.ones_like(s), "do": s}


@pytest.mark.parametrize("cache", [3, None, NamedTuple("Cache", [("s", float)]), {1: 2}, object()])
def test_a_cache_may_be_anything(cache):
    p = problem(3, 2, 5, 4)
    said, label = judge_inner(run_inner(p), p, cache, 1e-9)
    assert said == ["of your own values on the way, each judged with your own inputs: right: do; "
                    "wrong: none"]  # fmt: skip
    assert label == ""


def test_values_of_the_forward_pass_may_be_in_a_named_tuple():
    p = problem(3, 2, 5, 4)
    cache = NamedTuple("Cache", [("s", np.ndarray)])(np.full((3, 2, 4), 2.0))
    inner = {"dh": np.ones((3, 2, 4)), "do": np.full((3, 2, 4), 2.0)}
    assert judge_inner(inner, p, cache, 1e-9)[1] == ""
    assert judge_inner(inner, p, {}, 1e-9)[1] == "eq-do"


# Mutants of the fused LSTM: a sample; `python tests/tutor_mutants.py` takes a thousand.


def test_no_mutant_is_named_falsely():
    from tutor_mutants import judge, mutants

    chosen = mutants(12, seed=1)
    assert len(chosen) == 12
    outcomes = [judge(source) for _, source in chosen]
    assert "false name" not in outcomes
    assert "passed though wrong" not in outcomes
    assert len(set(outcomes) & {"named", "located", "refused"}) >= 2
