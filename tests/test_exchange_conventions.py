"""The Rosetta table: every row there and back, and every kind of fault in every row.

That the rows are right is shown against the libraries: test_exchange_keras.py and the others.
"""

import re
from pathlib import Path

import numpy as np
import pytest
from helpers import freeze, refused

from lstm.book import rosetta, tables
from lstm.exchange.conventions import CANDIDATE, ROSETTA, read, write
from lstm.exchange.names import flat, nested, spelled
from lstm.layout import GATES

D, H = 3, 2
W = np.random.default_rng(0).standard_normal((1 + D + H, 4 * H))
ROWS = pytest.mark.parametrize("name", ROSETTA)


def arrays_of(name, dtype=np.float64):
    return flat(write(ROSETTA[name], W.astype(dtype)), "", "")


@ROWS
def test_a_row_says_where_each_gate_is_once(name):
    row = ROSETTA[name]
    gates = ["g" if gate in CANDIDATE else gate for gate in row.order.split()]
    assert sorted(gates) == sorted(GATES)
    for part in (row.x, row.h, *row.biases):
        assert isinstance(part, str) == (row.gates != "apart")
        assert isinstance(part, str) or len(set(part)) == 4
    assert row.arrays
    assert row.state


@ROWS
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize(("D", "H"), [(0, 1), (1, 1), (5, 3), (3, 5)])
def test_there_and_back(name, D, H, dtype):
    W = np.random.default_rng(1).standard_normal((1 + D + H, 4 * H)).astype(dtype)
    W[-1, :3] = np.nan, np.inf, -0.0  # what a training that failed may leave
    freeze(W)
    arrays = write(ROSETTA[name], W)
    back = read(ROSETTA[name], arrays, "arrays")
    assert back.dtype == dtype
    assert np.signbit(back[-1, 2].real)
    tolerance = 1e-6 if ROSETTA[name].forget_bias else 0  # less 1 and plus 1 costs a digit
    np.testing.assert_allclose(back, W, rtol=0, atol=tolerance)
    for array in flat(arrays, "", "").values():
        assert array.flags.c_contiguous
        assert array.flags.writeable
        assert not np.shares_memory(array, W)
        assert not np.shares_memory(array, back)


@ROWS
def test_every_number_of_ours_comes_from_one_of_theirs(name):
    """In an array that is read twice, or not at all, a number would move two of ours, or none."""
    arrays = arrays_of(name)
    base = read(ROSETTA[name], nested(arrays), "arrays")
    moved = np.zeros_like(base)
    count = 0
    for key, array in arrays.items():
        for index in np.ndindex(array.shape):
            other = array.copy()
            other[index] += 1
            change = read(ROSETTA[name], nested(arrays | {key: other}), "arrays") - base
            assert np.count_nonzero(np.round(change, 9)) == 1
            moved += np.round(change, 9)
            count += 1
    two = (
        any(ROSETTA[name].biases.count(bias) == 2 for bias in ROSETTA[name].biases)
        or len(ROSETTA[name].biases) == 2
    )
    assert (moved[1:] == 1).all()
    assert (moved[0] == 1 + two).all()
    assert count == moved.sum()


def by_hand(row, arrays, D, H):
    """Gate by gate, what the row says of each: slices, sums and nothing else."""
    gates = ["g" if gate in CANDIDATE else gate for gate in row.order.split()]
    W = np.zeros((1 + D + H, 4 * H))
    for place, gate in enumerate(gates):
        span = slice(place * H, (place + 1) * H)

        def block(names, span=span, place=place):
            if row.gates == "apart":
                return arrays[names[place]]
            return arrays[names].T[:, span] if row.gates == "rows" else arrays[names][:, span]

        ours = slice(GATES.index(gate) * H, (GATES.index(gate) + 1) * H)
        kernels = [block(row.x)] if row.x == row.h else [block(row.x), block(row.h)]
        if row.turned:
            kernels = [k.ravel().reshape(H, len(k)).T for k in kernels]
        W[1:, ours] = np.concatenate(kernels)
        for k, names in enumerate(row.biases):
            vector = arrays[names if isinstance(names, str) else names[place]]
            if row.biases.count(names) == 2:
                vector = np.split(vector, 2)[k]
            W[0, ours] += vector if row.gates == "apart" else vector[span]
        W[0, ours] += row.forget_bias if gate == "f" else 0
    return W


@ROWS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("D", "H"), [(3, 2), (4, 4), (65, 64), (64, 65), (2, 130), (130, 2), (9, 1), (1, 1)]
)
def test_at_any_size_a_row_is_what_it_says(name, D, H, dtype):
    """Both biases drawn, inputs as many as units, far more or fewer; huge and tiny numbers, too.

    They have 20 bits, or 40, so that sums of two are exact, even of the smallest that there are.
    """
    row, rng = ROSETTA[name], np.random.default_rng(D)
    most = 2 ** (20 if dtype == np.float32 else 40)
    others = (2.0**-40, 2.0**60, float(np.finfo(dtype).smallest_subnormal))
    for scale in (1.0, *(() if row.forget_bias else others)):
        arrays = {
            key: (scale * rng.integers(-most, most, array.shape)).astype(dtype)
            for key, array in flat(write(row, np.zeros((1 + D + H, 4 * H))), "", "").items()
        }
        W = read(row, nested(arrays), "arrays")
        np.testing.assert_array_equal(W, by_hand(row, arrays, D, H).astype(dtype), strict=True)
        again = read(row, write(row, W), "arrays")
        np.testing.assert_array_equal(again, W, strict=True)
        if row.may_lack_bias:
            W[0] = 0
            bare = read(row, write(row, W, bias=False), "arrays")
            np.testing.assert_array_equal(bare, W, strict=True)


@ROWS
def test_biases_may_lack_where_the_row_says_so_and_all_at_once(name):
    row, arrays = ROSETTA[name], arrays_of(name)
    biases = [key for part in row.biases for key in ((part,) if isinstance(part, str) else part)]
    bare = {key: value for key, value in arrays.items() if key not in biases}
    if row.may_lack_bias:
        zero = np.vstack([0 * W[:1], W[1:]])
        np.testing.assert_array_equal(read(row, bare, "arrays"), zero)
        assert set(write(row, zero, bias=False)) == set(bare)
        with refused(
            ValueError, "bias: expected True, as the biases (row 0 of WLSTM) are not zero"
        ):
            write(row, W, bias=False)
    else:
        with pytest.raises(ValueError, match=r"^arrays: expected .*; it lacks "):
            read(row, nested(bare), "arrays")
        message = "bias: expected True, as this library's LSTM always has biases"
        with refused(ValueError, message):
            write(row, 0 * W, bias=False)
    if len(set(biases)) > 1:
        one = {key: value for key, value in arrays.items() if key != biases[-1]}
        with pytest.raises(ValueError, match=f"; it lacks '{biases[-1]}'$"):
            read(row, nested(one), "arrays")


@ROWS
def test_a_name_too_few_or_too_many_is_named(name):
    row, arrays = ROSETTA[name], arrays_of(name)
    biases = sum(((part,) if isinstance(part, str) else part for part in row.biases), ())
    for key in set(arrays) - set(biases):
        less = {k: v for k, v in arrays.items() if k != key}
        with pytest.raises(ValueError, match=f"^arrays: expected .*; it lacks '{key}'$"):
            read(row, nested(less), "arrays")
    with pytest.raises(ValueError, match=r"^arrays: expected .*; it has also 'peephole'$"):
        read(row, nested(arrays | {"peephole": np.ones(H)}), "arrays")


WRONG = {
    "float16": (
        lambda a: a.astype("f2"),
        TypeError,
        "expected dtype float32 or float64, got float16;",
    ),
    "another dtype": (lambda a: a.astype("f4"), TypeError, "expected dtype float"),
    "integers": (lambda a: a.astype(int), TypeError, "expected dtype float"),
    "objects": (lambda a: a.astype(object), TypeError,
                "expected an array of numbers, got Python objects"),
    "text": (lambda a: a.astype(str), TypeError, "expected dtype float32, float64 or complex128"),
    "other bytes": (lambda a: a.astype(">f8"), TypeError, "expected dtype float"),
    "masked": (np.ma.masked_array, TypeError, "expected an array, got a masked array"),
    "None": (lambda a: None, TypeError, "expected an array, got None"),
    "ragged": (lambda a: [[1.0], []], ValueError, "expected an array, got [[1.0], []]"),
    "a number": (lambda a: 1.0, ValueError, "expected shape"),
    "an axis more": (lambda a: a[None], ValueError, "expected shape"),
    "one too many": (lambda a: np.repeat(a, [1] * (len(a) - 1) + [2], 0), ValueError, "expected "),
    "nothing": (lambda a: a[:0], ValueError, "expected "),
}


@ROWS
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_array_is_refused_and_named(name, wrong):
    """The array that is wrong, or the one that it does not fit; D alone has nothing to fit."""
    spoil, error, message = WRONG[wrong]
    row, arrays = ROSETTA[name], arrays_of(name)
    for key in arrays:
        apart_or_rows = row.gates != "columns"
        if wrong in ("one too many", "nothing") and not apart_or_rows and key in (row.x,):
            continue  # another D
        given = nested(arrays | {key: spoil(arrays[key])})
        with pytest.raises(error) as caught:
            read(row, given, "arrays")
        assert str(caught.value).startswith("arrays[")
        assert message in str(caught.value)


def test_lists_of_numbers_are_arrays():
    arrays = {key: array.tolist() for key, array in arrays_of("Keras").items()}
    np.testing.assert_array_equal(read(ROSETTA["Keras"], arrays, "arrays"), W)


@ROWS
@pytest.mark.parametrize("given", [None, [], np.ones(3), object(), "model.pt", b"bytes"])
def test_what_is_no_dictionary_is_told_what_to_pass(name, given):
    row = ROSETTA[name]
    message = f"arrays: expected a dictionary of arrays, {row.arrays}, got {type(given).__name__}"
    if isinstance(given, (str, bytes)):
        message += "; for a file there is lstm.exchange.load"
    with refused(TypeError, message):
        read(row, given, "arrays")


@ROWS
def test_arrays_one_level_down_are_found_for_the_message(name):
    row = ROSETTA[name]
    message = (
        f"arrays: expected the arrays themselves, {row.arrays}, got a dictionary that has them "
        "under 'params'; pass arrays['params']"
    )
    for given in (
        {"params": write(row, W), "step": 3},
        {"step": 3, "more": {"step": 3}, "params": write(row, W)},
        {"params": write(row, 0 * W, bias=not row.may_lack_bias)},
    ):
        with refused(ValueError, message):
            read(row, given, "arrays")
    with pytest.raises(ValueError, match=r"^arrays: expected '.*; it lacks .* has also 'net/x'$"):
        read(row, {"net": {"x": np.ones(2)}}, "arrays")


BOX = np.zeros((2, 2, 2))  # in the first array to be read, every size is free


@pytest.mark.parametrize(
    ("name", "key", "value", "message"),
    [
        ("PyTorch", "weight_ih", np.zeros((7, 3)), "(4 * H, D) = (8, any), got (7, 3)"),
        ("PyTorch", "weight_hh", np.zeros((2, 8)), "(4 * H, H) = (32, 8), got (2, 8)"),
        ("PyTorch", "bias_hh", np.zeros((1, 8)), "(4 * H,) = (8,), got (1, 8)"),
        ("Keras", "recurrent_kernel", np.zeros((1, 8)), "(H, 4 * H) = (1, 4), got (1, 8)"),
        ("Keras", "kernel", np.zeros((3, 6)), "(D, 4 * H) = (any, 8), got (3, 6)"),
        ("ONNX", "B", np.zeros(8), "(8 * H,) = (16,), got (8,)"),
        ("Haiku", "w", np.zeros((5, 9)), "(D + H, 4 * H) = (any, 8), got (5, 9)"),
        ("Haiku", "b", np.zeros(9), "(4 * H,) = (8,), got (9,)"),
        ("separate gates", "W_i", np.zeros((4, 2)), "(D + H, H) = (5, 2), got (4, 2)"),
        ("separate gates", "b_g", np.zeros(3), "(H,) = (2,), got (3,)"),
        ("Flax linen", "hf/kernel", np.zeros((2, 3)), "(H, H) = (2, 2), got (2, 3)"),
        ("Flax linen", "ig/kernel", np.zeros((4, 2)), "(D, H) = (3, 2), got (4, 2)"),
        ("PyTorch", "weight_hh", BOX, "(4 * H, H) = (any, any), got (2, 2, 2)"),
        ("Keras", "recurrent_kernel", BOX, "(H, 4 * H) = (any, any), got (2, 2, 2)"),
        ("Flax linen", "hi/kernel", BOX, "(H, H) = (any, any), got (2, 2, 2)"),
        ("Haiku", "b", BOX, "(4 * H,) = (any,), got (2, 2, 2)"),
        ("separate gates", "b_f", BOX, "(H,) = (any,), got (2, 2, 2)"),
    ],
)
def test_messages_in_the_librarys_own_shapes(name, key, value, message):
    given = nested(arrays_of(name) | {key: value})
    with refused(ValueError, f"{spelled('arrays', key)}: expected shape {message}"):
        read(ROSETTA[name], given, "arrays")


@pytest.mark.parametrize(
    ("name", "key", "like"),
    [
        ("PyTorch", "weight_ih", "arrays['weight_hh']"),
        ("Flax linen", "ho/kernel", "arrays['hi']['kernel']"),
        ("Flax linen", "ii/kernel", "arrays['hi']['kernel']"),
        ("Haiku", "w", "arrays['b']"),
        ("separate gates", "b_g", "arrays['b_f']"),
        ("separate gates", "W_f", "arrays['b_f']"),
    ],
)
def test_one_dtype_is_that_of_the_first(name, key, like):
    arrays = arrays_of(name)
    given = nested(arrays | {key: arrays[key].astype("f4")})
    message = f"{spelled('arrays', key)}: expected dtype float64, as in {like}, got float32"
    with refused(TypeError, message):
        read(ROSETTA[name], given, "arrays")


def test_a_row_of_one_matrix_and_two_biases():
    """None of the table has it; the first bias is the first to be read."""
    row = ROSETTA["Haiku"]._replace(biases=("b", "c"))
    arrays = write(row, W)
    assert list(arrays) == ["w", "b", "c"]
    np.testing.assert_array_equal(arrays["c"], np.zeros(4 * H), strict=True)
    np.testing.assert_allclose(read(row, arrays, "arrays"), W, rtol=0, atol=1e-15)
    message = "arrays['c']: expected dtype float64, as in arrays['b'], got float32"
    with refused(TypeError, message):
        read(row, arrays | {"c": arrays["c"].astype("f4")}, "arrays")


def test_joined_matrices_have_at_least_the_rows_of_h():
    message = (
        "params['w']: expected shape (D + H, 4 * H) with H = 2, as in params['b'], and D of at "
        "least 0, got 1 rows"
    )
    with refused(ValueError, message):
        read(ROSETTA["Haiku"], {"w": np.zeros((1, 8)), "b": np.zeros(8)}, "params")
    arrays = {key: value[-1:] if value.ndim == 2 else value
              for key, value in arrays_of("separate gates").items()}  # fmt: skip
    message = (
        "params['W_f']: expected shape (D + H, H) with H = 2, as in params['b_f'], and D of at "
        "least 0, got 1 rows"
    )
    with refused(ValueError, message):
        read(ROSETTA["separate gates"], arrays, "params")


def test_no_units_are_refused():
    with refused(ValueError, "params['Wh']: expected H of at least 1, got shape (0, 0)"):
        read(ROSETTA["MLX"], {"Wx": np.zeros((0, 3)), "Wh": np.zeros((0, 0))}, "params")


@ROWS
def test_the_concordance_of_the_book_says_what_the_row_says(name):
    """Gate order, orientation, biases, what is added, and states, as they are printed."""
    row = ROSETTA[name]
    (line,) = re.findall(rf"^\| {re.escape(name)}(?:,? [`(].*| )\|.*$", rosetta.table(), re.M)
    _, order, weights, biases, state = line.strip("| ").split(" | ")
    assert order == ("by name" if row.gates == "apart" else row.order.replace(" ", ",\xa0"))
    width = "H" if row.gates == "apart" else "4H"
    shapes = ["D + H"] if row.x == row.h else ["D", "H"]
    spelled = [f"({width}, {a})" if row.gates == "rows" else f"({a}, {width})" for a in shapes]
    assert weights.startswith(" and ".join(f"${shape}$" for shape in spelled))
    assert ("each" in weights) == (row.gates == "apart" or row.turned)
    kind = ("one", "two")[len(row.biases) - 1]
    kind += " in one" * (len(set(row.biases)) < len(row.biases))
    assert biases.startswith(kind)
    assert ("1 is added" in biases) == (row.forget_bias == 1)
    assert state == row.state


def test_the_concordance_is_printed_and_typed_nowhere():
    notation = (Path(__file__).parents[1] / "book" / "notation.md").read_text(encoding="utf-8")
    assert notation.count(f"\n{rosetta.MARK}\n") == 1
    assert "i, f, g, o" not in notation
    lines = rosetta.table().splitlines()
    assert len(lines) == 3 + len(ROSETTA)
    assert set(rosetta.CLASSES) == set(ROSETTA)
    assert {line.count(" | ") for line in lines} == {4}


def test_the_concordance_reads_as_it_was_checked_by_eye():
    printed = (Path(__file__).parent / "rosetta.md").read_text(encoding="utf-8")
    assert rosetta.table() + "\n" == printed
    head, rule, *rows = printed.splitlines()
    haiku, mlx = (next(r for r in rows if r.startswith(f"| {k} ")) for k in ("Haiku", "MLX"))
    some = rosetta.table({"Haiku": ["1e-6"], "MLX": ["none"]}, ["error"])
    want = head + " error |", rule + " ---: |", haiku + " 10⁻⁶ |", mlx + " none |"
    assert some.splitlines() == list(want)


def test_what_a_row_says_besides_is_as_it_was_checked_by_eye():
    """Where the arrays come from, whether a layer can have no biases, and the remark."""
    rows = [
        (name, f"`{row.arrays}`", "perhaps" if row.may_lack_bias else "always", row.remark)
        for name, row in ROSETTA.items()
    ]
    printed = (Path(__file__).parent / "rosetta_besides.md").read_text(encoding="utf-8")
    assert tables.markdown(["library", "arrays", "biases", "remark"], rows) + "\n" == printed
