"""Masks: lengths where they say the same, sequences moved together where they do not."""

import numpy as np
import pytest
from helpers import refused

import lstm
from lstm import masks, stack

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("batch_first", [False, True])
def test_lengths_are_those_the_mask_was_made_of(batch_first):
    lengths = np.array([5, 0, 3, 1])
    mask = np.arange(5)[:, None] < lengths
    got = masks.lengths_of(mask.T if batch_first else mask, batch_first=batch_first)
    np.testing.assert_array_equal(got, lengths)
    assert got.dtype == np.intp
    assert masks.lengths_of(np.zeros((0, 3), bool)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("padding", [np.nan, 0.0])
def test_left_padding_and_holes_are_skipped(batch_first, padding):
    """The states are those after the real steps alone, and outputs are found again by source."""
    n, b, D, H = 7, 5, 3, 4
    mask = RNG.random((n, b)) < 0.6
    mask[:, 0], mask[:, 1] = True, False
    mask[:, 2] = np.arange(n) >= 3  # padded in front
    X = np.where(mask[..., None], RNG.standard_normal((n, b, D)), padding)
    given = (X.swapaxes(0, 1), mask.T) if batch_first else (X, mask)
    moved, lengths, source = masks.left_align(*given, batch_first=batch_first)
    assert moved.shape == given[0].shape
    assert source.shape == given[1].shape
    layers = stack.init(D, H, 2, bidirectional=True, rng=0)
    out = stack.forward(moved, layers, lengths=lengths, batch_first=batch_first)
    for j in range(b):
        alone = stack.forward(X[mask[:, j], j : j + 1], layers)
        np.testing.assert_allclose(out.Hn[1][:, j], alone.Hn[1][:, 0], rtol=0, atol=1e-14)
        assert lengths[j] == mask[:, j].sum()
        places = source[j] if batch_first else source[:, j]
        assert places[: lengths[j]].tolist() == np.flatnonzero(mask[:, j]).tolist()
        assert sorted(places) == list(range(n))
        rest = moved[j, lengths[j] :] if batch_first else moved[lengths[j] :, j]
        assert not rest.any()


def test_a_right_padded_batch_stays_as_it_is():
    X = RNG.standard_normal((4, 2, 3)).astype(np.float32)
    mask = np.arange(4)[:, None] < [4, 2]
    X[~mask] = 0
    moved, lengths, _ = masks.left_align(X, mask)
    np.testing.assert_array_equal(moved, X, strict=True)
    np.testing.assert_array_equal(lengths, masks.lengths_of(mask))
    assert lstm.forward(moved, lstm.init(3, 2, dtype="f4")).Hout.dtype == np.float32


MASK = np.ones((4, 2), bool)
HOLE = MASK.copy()
HOLE[1, 1] = False
X = np.zeros((4, 2, 3))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_padded_sequences_can_be_cut_out_again(dtype):
    lengths = [3, 0, 7, 1]
    sequences = [RNG.standard_normal((n, 2)).astype(dtype) for n in lengths]
    padded, found = masks.pad(iter(sequences))
    assert padded.shape == (7, 4, 2)
    assert padded.dtype == dtype
    assert found.tolist() == lengths
    assert found.dtype == np.intp
    for j, sequence in enumerate(sequences):
        np.testing.assert_array_equal(padded[: lengths[j], j], sequence)
        assert not padded[lengths[j] :, j].any()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: masks.lengths_of(HOLE), ValueError,
         "mask: expected True to the end of sequence 1, then False: see left_align"),
        (lambda: masks.lengths_of(HOLE[1:].T, batch_first=True), ValueError,
         "mask: expected True to the end of sequence 1, then False: see left_align"),
        (lambda: masks.lengths_of(MASK.astype(int)), TypeError,
         "mask: expected dtype bool, got int64: mask != 0 is such a mask"),
        (lambda: masks.lengths_of(MASK[0]), ValueError, "mask: expected shape (n, b), got (2,)"),
        (lambda: masks.lengths_of(MASK[0], batch_first=True), ValueError,
         "mask: expected shape (b, n), got (2,)"),
        (lambda: masks.left_align(X[:3], MASK), ValueError,
         "X: expected shape (n, b, D), with the first two axes of mask, "
         "got (3, 2, 3) and (4, 2)"),
        (lambda: masks.left_align(X[0], MASK), ValueError,
         "X: expected shape (n, b, D), with the first two axes of mask, got (2, 3) and (4, 2)"),
        (lambda: masks.left_align(X, MASK.T, batch_first=True), ValueError,
         "X: expected shape (b, n, D), with the first two axes of mask, "
         "got (4, 2, 3) and (2, 4)"),
        (lambda: masks.left_align(X, MASK.astype(float)), TypeError,
         "mask: expected dtype bool, got float64: mask != 0 is such a mask"),
        (lambda: masks.lengths_of(MASK[..., None]), ValueError,
         "mask: expected shape (n, b), got (4, 2, 1)"),
        (lambda: masks.lengths_of(MASK.astype(int).astype("M8[s]")), TypeError,
         "mask: expected dtype bool, got datetime64[s]: mask != 0 is such a mask"),
        (lambda: masks.left_align(X[..., 0], MASK), ValueError,
         "X: expected shape (n, b, D), with the first two axes of mask, got (4, 2) and (4, 2)"),
        (lambda: masks.left_align(X[..., None], MASK), ValueError,
         "X: expected shape (n, b, D), with the first two axes of mask, "
         "got (4, 2, 3, 1) and (4, 2)"),
        (lambda: masks.left_align(X, MASK[:, :1]), ValueError,
         "X: expected shape (n, b, D), with the first two axes of mask, "
         "got (4, 2, 3) and (4, 1)"),
        (lambda: masks.left_align(X.astype("U1"), MASK), TypeError,
         "X: expected numbers, got dtype <U1"),
        (lambda: masks.left_align(X.astype("M8[s]"), MASK), TypeError,
         "X: expected numbers, got dtype datetime64[s]"),
        (lambda: masks.pad(3), TypeError, "sequences: expected arrays in a list, got int"),
        (lambda: masks.pad(None), TypeError, "sequences: expected arrays in a list, got NoneType"),
        (lambda: masks.pad([]), ValueError, "sequences: expected at least one, got none"),
        (lambda: masks.pad([np.ones(3)]), ValueError,
         "sequences[0]: expected shape (steps, D), got (3,)"),
        (lambda: masks.pad([np.ones((2, 3)), np.ones((2, 4))]), ValueError,
         "sequences[1]: expected shape (steps, 3), got (2, 4)"),
        (lambda: masks.pad([np.ones((2, 4)), np.ones((2, 3))]), ValueError,
         "sequences[1]: expected shape (steps, 4), got (2, 3)"),
        (lambda: masks.pad([np.ones((2, 3)), np.ones((2, 3, 3))]), ValueError,
         "sequences[1]: expected shape (steps, 3), got (2, 3, 3)"),
        (lambda: masks.pad([np.ones((2, 3, 3))]), ValueError,
         "sequences[0]: expected shape (steps, D), got (2, 3, 3)"),
        (lambda: masks.pad([np.ones((2, 3)), None]), TypeError,
         "sequences[1]: expected an array, got None"),
        (lambda: masks.pad([np.ones((2, 3), int)]), TypeError,
         "sequences[0]: expected dtype float32, float64 or complex128, got int64"),
        (lambda: masks.pad([np.ones((2, 3)), np.ones((2, 3), np.float32)]), TypeError,
         "sequences[1]: expected dtype float64, as sequences[0], got float32"),
        (lambda: masks.pad([np.ones((2, 3), np.float32), np.ones((2, 3))]), TypeError,
         "sequences[1]: expected dtype float32, as sequences[0], got float64"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(call, error, message):
    with refused(error, message):
        call()


@pytest.mark.parametrize("dtype", ["f4", "f8", "i1", "i8", "u2", "?", "c16"])
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (1, 1), (2, 5), (300, 2)])
@pytest.mark.parametrize("batch_first", [False, True])
def test_steps_are_moved_in_any_type_and_any_shape(dtype, shape, batch_first):
    """Square ones, too; what was behind the mask is zero, whatever it was."""
    rng = np.random.default_rng(6)
    mask = rng.random(shape) < 0.6
    X = rng.integers(1, 99, (*shape, 2)).astype(dtype)
    if np.dtype(dtype).kind in "fc":
        X[~mask] = np.nan
    turn = (lambda a: a.swapaxes(0, 1)) if batch_first else (lambda a: a)
    moved, lengths, source = masks.left_align(turn(X), turn(mask), batch_first=batch_first)
    assert moved.dtype == X.dtype
    assert lengths.dtype == source.dtype == np.intp
    moved, source = turn(moved), turn(source)
    for j in range(shape[1]):
        real = np.flatnonzero(mask[:, j])  # in their order, of however many
        assert lengths[j] == len(real)
        np.testing.assert_array_equal(moved[: len(real), j], X[real, j])
        np.testing.assert_array_equal(source[: len(real), j], real)
        assert not moved[len(real) :, j].any()
