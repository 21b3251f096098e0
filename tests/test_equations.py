"""The equations of the book, as printed, compute what the code computes.

Each equation that code implements is read out of the chapter, turned from TeX
into Python by a few replacements, evaluated on random values, and compared with
the value that `lstm.reference` or `lstm.fused` gives. A wrong sign or a changed
factor in the book fails here, even if the code is right.
"""

import re

import numpy as np
import pytest
from test_book import BACKWARD, defined, prose

import lstm
from lstm import gradcheck, reference
from lstm.steps import glue, sigmoid

TEX = (  # in this order
    (r"\\begin\{aligned\}|\\end\{aligned\}|&|\.$", ""),
    (r"\\q?quad.*", ""),  # what follows is a remark on shapes or indices
    (r"\\text\{(\w+)\}", r"\1"),
    (r"\\mathtt\{(\w+)\}", r"\1"),
    (r"(\w)_t\b", r"\1"),
    (r"\^\\mathsf\{T\}", ".T"),
    (r"\^2", "**2"),
    (r"\\odot", "*"),
    (r"\\sigma", "sigmoid"),
    (r"\\tanh (\w)", r"tanh(\1)"),
    (r"\\tanh", "tanh"),
    (r"_\{\[(.*?)\]\}", r"[:, \1]"),  # columns
    (r"\\,:\\,", ":"),
    (r"\[\s*\\,", "glue(["),
    (r"\\,\s*\]", "])"),
    (r"\\;", " "),
    (r"\s*\\,\s*", " @ "),  # a thin space stands between the factors of a matrix product
    (r"glue\(\[1, ", "glue([ones, "),
)


def formula(label, part=0):
    """The equation as (left-hand side, right-hand side) in Python; ``part`` is its line."""
    text = "\n".join(prose().values())
    (tex,) = re.findall(rf"^\$\$ (.*) \$\$ \({label}\)$", text, re.MULTILINE)
    line = re.split(r"\\\\|,\s*\\quad|,\s*&", tex)[part].strip().rstrip(", ")
    for pattern, replacement in TEX:
        line = re.sub(pattern, replacement, line).strip()
    left, *_, right = line.split(" = ")
    return left.strip(), right.strip()


@pytest.fixture(scope="module")
def step():
    """Values and gradients of one step, by name, and what else the equations mention."""
    problem = gradcheck.random_problem(1, 3, 10, 4, seed=11)
    X, W, c_prev, h_prev = problem.inputs.values()
    dHout, dc_next, dh_next = problem.cotangents
    v = reference.forward(X[0], W, c_prev, h_prev)
    d = reference.backward(v, dHout[0] + dh_next, dc_next)
    names = vars(v) | {f"d{name}": gradient for name, gradient in vars(d).items()}
    return names | {
        "D": 10, "H": 4, "ones": np.ones((3, 1)), "glue": glue,
        "tanh": np.tanh, "sigmoid": sigmoid,
        "dc_next": dc_next, "dh_next": dh_next, "dHout": dHout[0],
    }  # fmt: skip


FORWARD = {
    "eq-u": ["u"], "eq-z": ["z"], "eq-c": ["c"], "eq-s": ["s"], "eq-h": ["h"],
}  # fmt: skip
GRADIENTS = {
    "eq-do": "do", "eq-ds": "ds", "eq-dc": "dc", "eq-df": "df", "eq-dc-prev": "dc_prev",
    "eq-di": "di", "eq-dg": "dg", "eq-dz-tanh": "dz_g", "eq-dz": "dz", "eq-dw": "dW",
    "eq-du": "du", "eq-dx": "dx", "eq-dh-prev": "dh_prev",
    "eq-bptt-dh": "dh", "eq-bptt-dc": "dc",
}  # fmt: skip


@pytest.mark.parametrize("label", [*FORWARD, *GRADIENTS])
def test_the_printed_equation_gives_the_value_of_the_code(label, step):
    left, right = formula(label)
    assert left == (FORWARD[label][0] if label in FORWARD else GRADIENTS[label])
    np.testing.assert_allclose(eval(right, dict(step)), step[left], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("gate", "ifo")
def test_the_printed_slope_of_the_sigmoid_gates(gate, step):
    left, right = formula("eq-dz-sigmoid")
    assert left == "dz_k"
    value = eval(right, {"k": step[gate], "dk": step[f"d{gate}"]})
    np.testing.assert_allclose(value, step[f"dz_{gate}"], rtol=1e-12)


@pytest.mark.parametrize("gate", "ifog")
def test_the_printed_gates(gate, step):
    lines = dict(formula("eq-gates", part) for part in range(4))
    np.testing.assert_allclose(eval(lines[gate], dict(step)), step[gate], rtol=1e-12)


@pytest.mark.parametrize("gate", "fiog")
def test_the_printed_separate_gates(gate, step):
    left, right = formula(f"eq-{gate}")
    assert left == gate
    column = "ifog".index(gate) * 4
    W = step["W"][:, column : column + 4]
    names = {"v": step["u"][:, 1:], f"W_{gate}": W[1:], f"b_{gate}": W[0]}
    names |= {name: step[name] for name in ("sigmoid", "tanh")}
    np.testing.assert_allclose(eval(right, names), step[gate], rtol=1e-12)


def test_the_printed_weight_gradient_of_a_sequence():
    _, right = formula("eq-bptt-dw")
    problem = gradcheck.random_problem(seed=12)
    forward = lstm.forward(**problem.inputs)
    dHout, dCn, dHn = problem.cotangents
    c, h = problem.inputs["c0"], problem.inputs["h0"]
    steps = []
    for x in problem.inputs["X"]:
        steps.append(reference.forward(x, problem.inputs["WLSTM"], c, h))
        c, h = steps[-1].c, steps[-1].h
    dc, dh, dZ = dCn, dHn, []
    for v, dHout_t in zip(reversed(steps), reversed(dHout), strict=True):
        d = reference.backward(v, dHout_t + dh, dc)
        dc, dh = d.c_prev, d.h_prev
        dZ.insert(0, d.z)
    names = {"U": np.vstack([v.u for v in steps]), "dZ": np.vstack(dZ)}
    dWLSTM = lstm.backward(dHout, forward.cache, dCn, dHn).dWLSTM
    np.testing.assert_allclose(eval(right, names), dWLSTM, rtol=1e-11, atol=1e-13)


def test_no_backward_equation_is_forgotten_here():
    elsewhere = {
        "eq-dz-sigmoid",
        "eq-bptt-dw",
        "eq-bptt-start",  # says in words what the carry tests check
    }
    assert {label for label in defined() if BACKWARD.fullmatch(label)} == {*GRADIENTS, *elsewhere}


def test_a_changed_sign_is_noticed(step):
    _, right = formula("eq-dc")
    wrong = right.replace("1 - s", "1 + s")
    assert wrong != right
    assert not np.allclose(eval(wrong, dict(step)), step["dc"])
