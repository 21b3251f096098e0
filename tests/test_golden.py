"""The golden vectors are what the package computes, and their gradients are right."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from lstm import fused, gradcheck, stack

FOLDER = Path(__file__).parent.parent / "golden"
STORED = json.loads((FOLDER / "lstm.json").read_text(encoding="utf-8"))


def make():
    spec = importlib.util.spec_from_file_location("make", FOLDER / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.golden()


def compare(got, want, where=""):
    assert type(got) is type(want), where
    if isinstance(want, dict):
        assert list(got) == list(want), where
        for key in want:
            compare(got[key], want[key], f"{where}.{key}")
    elif isinstance(want, list):
        assert len(got) == len(want), where
        for k, (a, b) in enumerate(zip(got, want, strict=True)):
            compare(a, b, f"{where}[{k}]")
    elif isinstance(want, float):
        assert abs(got - want) <= 1e-12 * max(1, abs(want)), where
    else:
        assert got == want, where


def test_the_file_is_what_make_golden_writes():
    compare(make(), STORED)


@pytest.mark.parametrize("case", ["one_layer", "two_layers_both_ways"])
def test_every_field_is_described(case):
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for name in {"about", case, *STORED[case], *STORED[case]["given"], *STORED[case]["outputs"],
                 *STORED[case]["incoming"], *STORED[case]["gradients"]} - {"about"}:  # fmt: skip
        assert f"`{name}`" in text or f".{name}`" in text, name


def test_the_gradients_of_one_layer_by_the_complex_step():
    part = STORED["one_layer"]
    given, incoming, gradients = (
        {k: np.array(v) for k, v in part[group].items()}
        for group in ("given", "incoming", "gradients")
    )
    gradcheck.check(
        lambda **inputs: fused.forward(**inputs)[:3],
        given,
        tuple(incoming.values()),
        {name: gradients[f"d{name}"] for name in given},
        oracle="complex",
    ).raise_if_failed()


def test_the_gradients_of_two_layers_by_the_complex_step():
    part = STORED["two_layers_both_ways"]
    given, incoming, gradients = (part[group] for group in ("given", "incoming", "gradients"))

    def inputs_of(source, mark=""):
        found = {name: np.array(source[mark + name]) for name in ("X", "c0", "h0")}
        for k, layer in enumerate(source[f"{mark}layers"]):
            found |= {f"{way}{k}": np.array(W) for way, W in layer.items()}
        return found

    def forward(X, c0, h0, **W):
        layers = [stack.Layer(W[f"forward{k}"], W[f"backward{k}"]) for k in range(2)]
        out = stack.forward(X, layers, c0, h0, lengths=given["lengths"])
        return (out.Hout, *out.Cn, *out.Hn)

    cotangents = [np.array(incoming["dHout"])]
    cotangents += [np.array(s) for name in ("dCn", "dHn") for s in incoming[name]]
    gradcheck.check(
        forward, inputs_of(given), tuple(cotangents), inputs_of(gradients, "d"), oracle="complex"
    ).raise_if_failed()
