"""The equations of chapter 15, as printed, compute what the rows of the tables compute.

A row is printed as one equation, its value first and then the part of each input's gradient that
flows through it. Each line is turned from TeX into Python, evaluated on random values of every
cell that has the row, and compared with what the table gives.
"""

import re

import numpy as np
import pytest
from test_book import DEFINITION, prose

from lstm import variants
from lstm.steps import glue, sigmoid
from lstm.variants import check, layer_norm

CHAPTER = next(text for name, text in prose().items() if name.startswith("15-"))
PRINTED = dict(
    (label, tex)
    for tex, label in re.findall(r"^\$\$ (.*) \$\$ \((eq-[a-z0-9-]+)\)$", CHAPTER, re.MULTILINE)
)
ALL_STEPS_AT_ONCE = {"eq-exponents", "eq-scores", "eq-rounds"}  # of the parallel forms

TEX = (  # in this order
    (r"\\begin\{aligned\}|\\end\{aligned\}", ""),
    (r"\\(operatorname|mathbin)\{([^}]*)\}", r"\2"),
    (r"\\&", "&"),
    (r"\\text\{(\w+)\}", r"\1"),
    (r"\\gamma_(\w)", r"gain_\1"),
    (r"\\beta_(\w)", r"bias_\1"),
    (r"\\bar (\w)", r"\1_n"),
    (r"\^\\mathsf\{T\}", ".T"),
    (r"\^2", "**2"),
    (r"\\odot", "*"),
    (r"\\sqrt\{H\}", "H**0.5"),
    (r"\\langle (.*?),\\; (.*?) \\rangle", r"inner(\1, \2)"),
    (r"\\(sigma|tanh|exp|ln|min|max)", r"\1"),
    (r"\|(\w)\|", r"abs(\1)"),
    (r"\\ge", ">="),
    (r"_\{\[(.*?)\]\}", r"[:, \1]"),  # columns
    (r"\\,:\\,", ":"),
    (r"\[\\,([^\]]*[<>=][^\]]*)\\,\]", r"(\1)"),  # where a condition holds
    (r"\[\\,", "glue(["),
    (r"\\,\]", "])"),
    (r"\\;", " "),
    (r"\s*\\,\s*", " @ "),
    (r"glue\(\[1, ", "glue([ones, "),
)
# Rows whose values have other names in other tables: the letters that are printed.
GENERIC = {
    "eq-by-matrix": ("y", "u", "M"), "eq-one-and": ("u", "x"),
    "eq-blend": ("h", "k", "h_prev", "y"),
    "eq-peep": ("q_k", "z_k", "p_k", "a"), "eq-peep-gate": ("k", "q_k"), "eq-hard": ("k", "z_k"),
    "eq-norm": ("y", "a"), "eq-log-sigmoid": ("l", "z"),
}  # fmt: skip
ONE_BY_ONE = {"eq-matrix", "eq-keys", "eq-recall", "eq-overlap", "eq-least", "eq-answer"}

ROWS = {}
for _name, _make in variants.CELLS.items():
    for _step in _make(3, 4).steps:
        if _step.label in PRINTED:
            ROWS[f"{_name}: {_step.name}"] = (_name, _step)


def lines(label):
    """The lines of an equation as (left, right) in Python."""
    tex = re.sub(r"\\mathbin\{\\&\}", r"\\mathbin{\\AND}", PRINTED[label])
    found = []
    for part in re.split(r"\\\\|,\s*&(?!=)", tex):
        line = part.replace("&=", "=")
        for pattern, replacement in TEX:
            line = re.sub(pattern, replacement, line).strip()
        line = line.replace(r"\AND", "&").strip().lstrip("& ").rstrip(", ")
        left, right = line.split(" = ", 1)
        found.append((left.strip(), right.strip()))
    return found


def std(a):
    centred = a - a.mean(axis=1, keepdims=True)
    return np.sqrt((centred**2).mean(axis=1, keepdims=True) + layer_norm.EPSILON)


FUNCTIONS = {
    "glue": glue, "sigma": sigmoid, "tanh": np.tanh, "exp": np.exp, "ln": np.log, "abs": np.abs,
    "min": np.minimum, "max": np.maximum, "sign": np.sign, "std": std,
    "mean": lambda a: a.mean(axis=1, keepdims=True), "sum": lambda a: a.sum(axis=0),
    "inner": lambda a, b: (a * b).sum(keepdims=True),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_the_printed_row_is_the_row_of_the_table(row):
    name, step = ROWS[row]
    v = check.values(variants.CELLS[name](3, 4))
    own = [k for k, (label, _) in step.backward.items() if label == step.label]
    letters = GENERIC.get(step.label, (step.name, *own))
    actual = dict(zip(letters, (step.name, *own), strict=True))
    cotangent = np.random.default_rng(5).standard_normal(getattr(v, step.name).shape)
    batch = range(3) if step.label in ONE_BY_ONE else [slice(None)]
    for j in batch:

        def of(value, j=j):
            if isinstance(j, slice):
                return value
            return value[j] if value.ndim == 3 else value[j : j + 1]

        names = {**FUNCTIONS, "D": 3, "H": 4, "ones": np.ones((3, 1))}
        names |= {k: of(value) for k, value in vars(v).items() if isinstance(value, np.ndarray)}
        names |= {letter: of(getattr(v, there)) for letter, there in actual.items()}
        names[f"d{letters[0]}"] = of(cotangent)
        printed = lines(step.label)
        assert len(printed) <= 1 + len(own)
        for left, right in printed:
            value = eval(right, {"__builtins__": {}}, names)
            if left == letters[0]:
                want = of(getattr(v, step.name))
            else:
                want = of(np.asarray(step.backward[actual[left[1:]]][1](v, cotangent)))
            np.testing.assert_allclose(
                np.broadcast_to(value, want.shape), want, rtol=1e-12, atol=1e-13, err_msg=left
            )
        assert printed[0][0] == letters[0]
        missing = {f"d{letter}" for letter in letters[1:]} - {left for left, _ in printed}
        # of layer normalisation the lines for r are said to be like those for a
        assert missing <= ({"dgain_r", "dr_n"} if step.label == "eq-norm-z" else set())


def test_every_row_has_its_equation_and_every_equation_its_row():
    known = {label for text in prose().values() for label in DEFINITION.findall(text)}
    used = set()
    for make in variants.CELLS.values():
        for step in make(3, 4).steps:
            labels = {step.label, *(label for label, _ in step.backward.values())}
            assert labels <= known, step.name
            used |= labels
    assert set(PRINTED) - ALL_STEPS_AT_ONCE <= used
    assert len(PRINTED) >= 38
