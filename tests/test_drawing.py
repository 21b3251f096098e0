"""Whatever is drawn: by a seed, seeds in a list, a generator; in either dtype, at any size."""

from itertools import pairwise

import numpy as np
import pytest
from helpers import refused

import lstm
from lstm import (
    attention,
    dates,
    gradcheck,
    grammar,
    laws,
    network,
    reference,
    stack,
    tasks,
    text,
    tracking,
)
from lstm.variants import CELLS, check


def flat(drawn):
    """All arrays in whatever was drawn."""
    if isinstance(drawn, dict):
        drawn = list(drawn.values())
    if isinstance(drawn, (list, tuple)):
        return [array for part in drawn for array in flat(part)]
    return [] if drawn is None else [np.asarray(drawn)]


D, H, K = 3, 66, 5
SET = (0, 1, 2, -2, 3)
"""Biases and gains as they are set: what is drawn is none of these."""

WEIGHTS = {  # from a seed and a dtype
    "lstm.init": lambda rng, dtype: lstm.init(D, H, rng=rng, dtype=dtype),
    "stack": lambda rng, dtype: stack.init(
        D, [H, 9, 7, 4], bidirectional=True, rng=rng, dtype=dtype),
    "network": lambda rng, dtype: network.init(D, H, K, layers=5, rng=rng, dtype=dtype),
    "attention": lambda rng, dtype: attention.init(K, H, rng=rng, dtype=dtype),
    "attention, blind": lambda rng, dtype: attention.init(
        K, H, attend=False, rng=rng, dtype=dtype),
    **{name: lambda rng, dtype, cell=cell: cell(D, H).init(rng, keep=2, dtype=dtype)
       for name, cell in CELLS.items()},
}  # fmt: skip
DATA = {
    "adding": lambda rng, dtype: tasks.adding(20, 4, rng, dtype=dtype),
    "recall": lambda rng, dtype: tasks.recall(20, 4, rng, dtype=dtype),
    "copy": lambda rng, dtype: tasks.copy(20, 4, rng, dtype=dtype),
    "dates": lambda rng, dtype: dates.dates(60, rng, dtype=dtype),
}
OTHERS = {
    "chrono": lambda rng, dtype: network.chrono(
        network.init(D, H, K, layers=4, rng=0, dtype=dtype), 50, rng),
    "problem": lambda rng, dtype: list(gradcheck.random_problem(seed=rng, dtype=dtype)),
    "reber": lambda rng, _: [grammar.embedded_reber(9, rng)],
}  # fmt: skip
DRAWN = WEIGHTS | DATA | OTHERS


def same(one, two):
    pairs = list(zip(flat(one), flat(two), strict=True))
    return all(a.shape == b.shape and (a == b).all() for a, b in pairs)


@pytest.mark.parametrize("name", DRAWN)
def test_every_form_of_a_seed_counts(name):
    draw = DRAWN[name]
    for seed in (7, np.int64(7), np.uint8(7), [7, 1], [7, 1, 2], 2**70):
        made = draw(np.random.default_rng(seed), np.float64)
        assert same(draw(seed, np.float64), made), f"{seed} is the generator that it makes"
    seeds = (7, 8, [7, 1], [7, 2], [1, 7], [7, 1, 2], 2**40 + 9)  # 2**32 + 7 is [7, 1]
    drawn = [draw(seed, np.float64) for seed in seeds]
    assert not any(same(a, b) for k, a in enumerate(drawn) for b in drawn[:k])
    assert not same(draw(None, np.float64), draw(None, np.float64))


@pytest.mark.parametrize("name", DRAWN)
def test_a_generator_moves_on(name):
    rng = np.random.default_rng(7)
    drawn = [DRAWN[name](rng, np.float64) for _ in range(4)]
    assert not any(same(a, b) for a, b in pairwise(drawn))


@pytest.mark.parametrize("name", [name for name in DRAWN if name != "reber"])
def test_float32_is_float64_rounded_and_float64_is_not(name):
    single, double = (flat(DRAWN[name](7, dtype)) for dtype in (np.float32, np.float64))
    digits = False
    for one, two in zip(single, double, strict=True):
        if two.dtype.kind != "f":
            np.testing.assert_array_equal(one, two)
            continue
        assert (one.dtype, two.dtype) == (np.float32, np.float64)
        digits |= (two != two.astype(np.float32)).any()
        if name != "problem":  # whose weights are divided after rounding
            np.testing.assert_allclose(one, two.astype(np.float32), rtol=2e-7, atol=0)
    if name in WEIGHTS:  # except biases, which are set
        for two in double:
            drawn = two[~np.isin(two, SET)]
            assert not drawn.size or (drawn != drawn.astype(np.float32)).mean() > 0.5
    else:
        assert digits or name in ("copy", "dates")


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_have_the_spread_that_their_rows_ask_for(name):
    """So that what is read has about the size of what is read from, in every matrix."""
    for array in flat(WEIGHTS[name](7, np.float64)):
        drawn = array[~np.isin(array, SET).all(axis=-1)] if array.ndim == 2 else array[:0]
        if drawn.size > 200:
            spread = drawn.std() * np.sqrt(len(drawn))  # biases are no rows of it
            assert abs(spread - 1) < 5 / np.sqrt(drawn.size), (array.shape, spread)


P = np.ones(2)
STEP = reference.forward(np.ones((2, D)), lstm.init(D, 1), *np.ones((2, 2, 1)))
JUDGES = {  # which draw directions or cotangents, from what is called the seed
    "check": lambda seed: gradcheck.check(lambda p: p, {"p": P}, P, {"p": P}, seed=seed),
    "check_steps": lambda seed: gradcheck.check_steps(STEP, seed=seed),
    "taylor": lambda seed: laws.taylor(lambda p: p, {"p": P}, P, {"p": P}, seed=seed),
    "dot_product": lambda seed: laws.dot_product(
        lambda p: p, lambda w: {"p": w}, {"p": P}, seed=seed),
    "linearity": lambda seed: laws.linearity(lambda w: {"p": w}, P, seed=seed),
    "symmetry": lambda seed: laws.symmetry(lambda p: {"p": p}, {"p": P}, seed=seed),
    "random_problem": lambda seed: gradcheck.random_problem(seed=seed),
    "a cell's random_problem": lambda seed: check.random_problem(CELLS["LSTM"](D, 1), seed=seed),
}  # fmt: skip
SEEDED = {  # what the seed is called, and a call with one
    **{name: ("seed", call) for name, call in JUDGES.items()},
    **{name: ("rng", lambda rng, draw=draw: draw(rng, np.float64))
       for name, draw in DRAWN.items() if name != "problem"},
    "sample": ("rng", lambda rng: text.sample(
        network.init(3, 2, 3), "a", 1, rng=rng, alphabet="abc")),
}  # fmt: skip


@pytest.mark.parametrize("name", SEEDED)
def test_what_is_no_seed_is_refused_by_its_name(name):
    called, draw = SEEDED[name]
    draw(3)
    for wrong, error in (("3", TypeError), (0.5, TypeError), (-1, ValueError)):
        message = f"{called}: expected a numpy.random.Generator, a seed or None, got {wrong!r}"
        with refused(error, message):
            draw(wrong)


TYPED = {  # whatever has a dtype
    **{name: lambda dtype, draw=draw: draw(7, dtype)
       for name, draw in DRAWN.items() if name not in ("chrono", "reber")},
    "a cell's random_problem": lambda dtype: check.random_problem(CELLS["LSTM"](D, 1), dtype=dtype),
    "parity": lambda dtype: tracking.parity(2, 2, dtype=dtype),
    "cups": lambda dtype: tracking.cups(2, 2, dtype=dtype),
    "predict_next": lambda dtype: tasks.predict_next(["BTXSE"], dtype=dtype),
    "streams": lambda dtype: next(text.streams([0, 1, 0], 1, 1, 2, dtype=dtype)),
}  # fmt: skip


@pytest.mark.parametrize("name", TYPED)
def test_another_dtype_is_refused_by_its_name(name):
    for dtype, said in ((np.int64, "int64"), (None, "None"), ("float16", "float16")):
        with refused(TypeError, f"dtype: expected float32 or float64, got {said}"):
            TYPED[name](dtype)
