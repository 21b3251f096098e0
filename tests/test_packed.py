"""Packed sequences: their order, their blocks and their cache; `test_stack` has the numbers."""

import itertools

import numpy as np
import pytest
from helpers import freeze, refused
from hypothesis import given
from hypothesis import strategies as st

import lstm
from lstm import packed, stack

LENGTHS = st.lists(st.integers(0, 9), max_size=8).map(lambda found: np.array(found, np.intp))
D, H = 3, 2


def problem(lengths, dtype=np.float64, seed=0):
    """Arguments of `packed.forward`, and cotangents of its results."""
    rng = np.random.default_rng(seed)
    n, b = max([0, *lengths]) + 1, len(lengths)
    X, c0, h0, dHout, dCn, dHn = (
        rng.standard_normal(shape).astype(dtype)
        for shape in ((n, b, D), *[(b, H)] * 2, (n, b, H), *[(b, H)] * 2)
    )
    for j, end in enumerate(lengths):
        X[end:, j] = dHout[end:, j] = np.nan  # nobody may look at it
    freeze(X, c0, h0, dHout, dCn, dHn)
    return (X, lstm.init(D, H, rng=seed).astype(dtype), c0, h0), (dHout, dCn, dHn)


@given(LENGTHS, st.booleans())
def test_every_step_is_stored_once_in_an_order_in_which_it_can_run(lengths, turned):
    order, time, row, starts = packed.pack(lengths, turned)
    assert sorted(order) == list(range(len(lengths)))
    assert sorted(zip(time, row, strict=True)) == [
        (t, j) for t in range(max([0, *lengths])) for j in range(len(lengths)) if t < lengths[j]
    ]
    assert len(starts) == max([0, *lengths]) + 1
    assert starts[0] == 0
    assert starts[-1] == len(row)
    for t, (start, stop) in enumerate(itertools.pairwise(starts)):
        now = slice(start, stop)
        np.testing.assert_array_equal(row[now], order[: stop - start])
        np.testing.assert_array_equal(time[now], lengths[row[now]] - 1 - t if turned else t)


@given(LENGTHS, st.booleans(), st.sampled_from([np.float32, np.float64, np.complex128]))
def test_each_sequence_is_that_of_the_fused_lstm(lengths, turned, dtype):
    arguments, (dHout, dCn, dHn) = problem(lengths, dtype)
    X, WLSTM, c0, h0 = arguments
    Hout, Cn, Hn, cache = packed.forward(*arguments, packed.pack(lengths, turned))
    dX, dWLSTM, dc0, dh0 = packed.backward(dHout, cache, dCn, dHn)
    total, most = np.zeros_like(WLSTM), np.finfo(dtype).eps * 100
    way = slice(None, None, -1 if turned else 1)

    def same(got, want):
        np.testing.assert_allclose(got, want, rtol=0, atol=most * (1 + abs(want).max(initial=0)))
        assert got.dtype == dtype

    for j, end in enumerate(lengths):
        one = slice(j, j + 1)
        run = lstm.forward(X[:end, one][way], WLSTM, c0[one], h0[one])
        back = lstm.backward(dHout[:end, one][way], run.cache, dCn[one], dHn[one])
        total += back.dWLSTM
        same(Hout[:end, one], run.Hout[way])
        same(dX[:end, one], back.dX[way])
        for got, want in ((Cn, run.Cn), (Hn, run.Hn), (dc0, back.dc0), (dh0, back.dh0)):
            same(got[one], want)
        assert not Hout[end:, j].any()
        assert not dX[end:, j].any()
    same(dWLSTM, total)


@pytest.mark.parametrize("block", [1, 4 * H * 5, 4 * H * 7 + 1])
def test_blocks_of_any_size_give_the_same(block, monkeypatch):
    """A single step of each, several, and, without the patch, all steps in one."""
    lengths = np.array([6, 1, 9, 9, 3])
    arguments, cotangents = problem(lengths)
    *_, cache = packed.forward(*arguments, packed.pack(lengths))
    want = packed.backward(cotangents[0], cache, *cotangents[1:])
    monkeypatch.setattr(packed, "_BLOCK", block)
    starts = cache.packing.starts
    blocks = list(packed._blocks(starts, 4 * H))
    assert len(blocks) > 1
    assert [s for part in blocks[::-1] for s in part[:-1]] == starts[:-1]
    for part in blocks:
        assert len(part) == 2 or (part[-1] - part[0]) * 4 * H <= block
    for earlier, later in zip(blocks[1:], blocks, strict=False):
        assert earlier[-1] == later[0]
        assert (later[-1] - earlier[-2]) * 4 * H > block, "another step had fitted"
    got = packed.backward(cotangents[0], cache, *cotangents[1:])
    for one, other in zip(got, want, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_block_is_measured_by_the_raw_gates_of_its_rows(monkeypatch):
    lengths, asked, blocks = np.array([2, 3]), [], packed._blocks
    arguments, cotangents = problem(lengths)
    *_, cache = packed.forward(*arguments, packed.pack(lengths))
    monkeypatch.setattr(packed, "_blocks", lambda *sizes: asked.append(sizes) or blocks(*sizes))
    packed.backward(cotangents[0], cache, *cotangents[1:])
    assert asked == [([0, 2, 4, 5], 4 * H)]


def test_the_cache_is_its_own_and_serves_again():
    lengths = np.array([4, 0, 2])
    arguments, (dHout, dCn, dHn) = problem(lengths)
    moved = [array.copy() for array in arguments]
    Hout, Cn, Hn, cache = packed.forward(*moved, packed.pack(lengths))
    want = packed.backward(dHout, cache, dCn, dHn)
    for array in (*moved, Hout, Cn, Hn):
        array[...] = 7
    for one, other in zip(packed.backward(dHout, cache, dCn, dHn), want, strict=True):
        np.testing.assert_array_equal(one, other)
    for array in want:
        assert array.flags.writeable
        assert not any(np.shares_memory(array, part) for part in cache[:5])


@pytest.mark.parametrize("name", ["U", "IFOG", "C", "S"])
def test_a_cache_that_was_changed_is_refused(name):
    layers = stack.init(D, H, rng=0)
    run = stack.forward(np.ones((5, 3, D)), layers, lengths=[5, 0, 2])
    (made,) = run.cache.runs[0].values()
    array = getattr(made, name)
    for other, message in (
        (array[:-1], rf"cache.{name}: expected shape \(m, .*, got \(6, {array.shape[1]}\)"),
        (array[:, :-1], rf"cache.{name}: expected shape \(m, .*, got \(7, {array.shape[1] - 1}\)"),
        (array.astype(np.float32), rf"cache.{name}: expected dtype float64"),
    ):
        damaged = run.cache._replace(runs=[{"forward": made._replace(**{name: other})}])
        with pytest.raises((TypeError, ValueError), match=message):
            stack.backward(run.Hout, damaged)


@pytest.mark.parametrize(
    ("name", "axis", "width"),
    [("U", "1 + D + H", 1 + D + H), ("IFOG", "4 * H", 4 * H), ("C", "H", H), ("S", "H", H)],
)
def test_arrays_of_a_cache_that_somebody_has_changed(name, axis, width):
    arguments, cotangents = problem([3, 1, 2])
    *_, cache = packed.forward(*arguments, packed.pack(np.array([3, 1, 2])))
    for wrong in (getattr(cache, name)[:-1], getattr(cache, name)[:, 1:]):
        message = f"cache.{name}: expected shape (m, {axis}) = (6, {width}), got {wrong.shape}"
        with refused(ValueError, message):
            packed.backward(cotangents[0], cache._replace(**{name: wrong}), *cotangents[1:])
    with refused(TypeError, f"cache.{name}: expected dtype float64, as in WLSTM, got float32"):
        other = cache._replace(**{name: getattr(cache, name).astype(np.float32)})
        packed.backward(cotangents[0], other, *cotangents[1:])
