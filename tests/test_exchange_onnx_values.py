"""The bounds on what is computed of a graph of ONNX, and the names that a graph gives twice."""

import numpy as np
import onnx
import pytest
from onnx import helper

from lstm.exchange.onnx_values import BOUNDS, Scope

A = np.zeros((2, 3))
SIZES = {  # operator, inputs: the numbers of the output
    "the largest": ("Reshape", [A, np.array([3, 2])], 6),
    "the second is the largest": ("Clip", [np.zeros(1), A], 6),
    "none": ("Identity", [], 1),
    "stored": ("Constant", [], 8),
    "of a shape": ("Shape", [np.zeros((50, 50))], 8),
    "broadcast": ("Add", [np.zeros((4, 1)), np.zeros(5)], 20),
    "broadcast, three": ("Where", [np.zeros((4, 1, 1)), np.zeros(5), np.zeros((7, 1))], 140),
    "joined": ("Concat", [A, A, np.zeros((1, 3))], 15),
    "expanded": ("Expand", [np.zeros((3, 1)), np.array([2, 1, 4])], 24),
    "tiled": ("Tile", [A, np.array([2, 5])], 60),
    "made": ("ConstantOfShape", [np.array([3, 4, 5])], 60),
    "made of no sizes": ("ConstantOfShape", [np.array([], int)], 1),
    "gathered": ("Gather", [A, np.zeros((2, 2), int)], 24),
    "counted": ("Range", [np.array(0), np.array(7), np.array(2)], 4),
    "counted from": ("Range", [np.array(3), np.array(7), np.array(1)], 4),
    "counted down": ("Range", [np.array(5), np.array(0), np.array(-2)], 3),
    "counted to before": ("Range", [np.array(5), np.array(0), np.array(1)], 0),
    "multiplied": ("MatMul", [A, np.zeros((3, 7))], 42),
}


@pytest.mark.parametrize("case", SIZES)
def test_how_many_numbers_a_node_makes_at_most(case):
    operator, inputs, size = SIZES[case]
    found = BOUNDS[operator](helper.make_node(operator, [], []), inputs)
    assert (found, type(found)) == (size, int)


def graph(nodes=(), stored=(), inputs=()):
    return helper.make_graph(
        [helper.make_node("Identity", ["x"], list(outputs)) for outputs in nodes],
        "graph",
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in inputs],
        [],
        [onnx.numpy_helper.from_array(np.zeros(1, "f4"), name) for name in stored],
    )


@pytest.mark.parametrize(
    ("parts", "twice"),
    [
        ({}, set()),
        ({"nodes": ["ab", "c"], "stored": "de", "inputs": "fg"}, set()),
        ({"nodes": ["ab", "a"]}, {"a"}),
        ({"nodes": ["aa"]}, {"a"}),
        ({"nodes": [["", ""]]}, set()),  # outputs that nobody asks for
        ({"stored": "bb"}, {"b"}),
        ({"stored": "b", "inputs": "b"}, set()),  # its default
        ({"stored": "b", "inputs": "b", "nodes": ["b"]}, {"b"}),
        ({"inputs": "c", "nodes": ["c"]}, {"c"}),
        ({"stored": "d", "nodes": ["d", "e"], "inputs": "ef"}, {"d", "e"}),
    ],
)
def test_names_that_a_graph_gives_twice(parts, twice):
    assert Scope(graph(**parts)).twice == twice


def test_a_name_is_looked_for_from_the_inside_out():
    outer = Scope(graph(["ab"], "c", "d"))
    inner = Scope(graph(["b"], "", "e"), "if/", outer)
    for name, scope in {"a": outer, "b": inner, "c": outer, "d": outer, "e": inner}.items():
        assert inner.find(name) is scope
    assert outer.find("e") is inner.find("f") is None
    assert (inner.path, inner.around, outer.path, outer.around) == ("if/", outer, "", None)
