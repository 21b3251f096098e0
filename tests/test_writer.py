"""The network in the page writes what the package's sampler writes, given the same numbers."""

import json
import subprocess
from runpy import run_path

import numpy as np
import pytest
from test_javascript import NODE, ROOT

from experiments.text import read, stored_params
from lstm import text

LETTERS = run_path(str(ROOT / "book/data/letters.py"))
STORED = LETTERS["stored"]()
PARAMS = LETTERS["params"](STORED)


def page(beginning, numbers, temperature):
    """What Node makes of it."""
    question = {"beginning": beginning, "numbers": list(numbers), "temperature": temperature}
    result = subprocess.run(
        [NODE, ROOT / "tests/javascript/write.js"],
        input=json.dumps(question), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(result.stdout)


@pytest.mark.parametrize(("temperature", "seed"), [(0.1, 1), (0.7, 2), (1.0, 3), (1.5, 4)])
def test_the_same_letters_from_the_same_random_numbers(temperature, seed):
    numbers = np.random.default_rng(seed).random(120)
    beginning = 'The "with" statement\n'
    got = page(beginning, numbers, temperature)
    want = text.sample(PARAMS, beginning, 120, temperature=temperature, rng=numbers)
    assert got["text"] == want
    writer = text.Writer(PARAMS).read(beginning)
    p = text.probabilities(writer.answers, temperature=temperature)
    np.testing.assert_allclose(got["first"], p, rtol=0, atol=1e-12)
    writer = writer.read(want)
    for c, state in zip(got["c"], writer.c, strict=True):
        np.testing.assert_allclose(c, state[0, 0], rtol=0, atol=1e-9)


def test_the_page_has_the_stored_network_and_small():
    trained = stored_params()
    pairs = [*zip(trained["layers"], PARAMS["layers"], strict=True)]
    for kept, packed in [*((a.forward, b.forward) for a, b in pairs),
                         (trained["WOUT"], PARAMS["WOUT"])]:  # fmt: skip
        largest = abs(kept).max(axis=1, keepdims=True)
        assert (abs(kept - packed) <= 0.0112 * largest + 1e-6).all()
    assert LETTERS["FILE"].stat().st_size < 300_000
    assert STORED["alphabet"] == text.ALPHABET


def test_packing_costs_little():
    symbols = text.encode(read("test")[:5000])
    trained = text.bits(stored_params(), symbols).mean()
    packed = text.bits(LETTERS["params"](STORED, np.float32), symbols).mean()
    assert abs(packed - trained) < 0.02


def test_every_level_comes_back():
    W = np.linspace(-3, 3, 91)[None] * np.array([[1.0], [0.01]])
    record = LETTERS["pack"](W)
    assert len(set(record["levels"])) == 91
    assert "\\" not in record["levels"]
    assert '"' not in record["levels"]
    np.testing.assert_allclose(LETTERS["unpack"](record), W, rtol=2e-3, atol=1e-12)
