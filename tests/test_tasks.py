"""The tasks: what is drawn is what the papers say, for statistics and for grammar."""

import re
from collections import Counter

import numpy as np
import pytest
from helpers import refused

from lstm import tasks

T = 40
MANY = 20_000


@pytest.fixture(scope="module")
def many():
    return tasks.adding(T, MANY, rng=0, dtype=np.float64)


def uniform(counts):
    """Counts that a uniform draw gives with a chance of better than one in a million."""
    counts = np.asarray(counts)
    expected = counts.sum() / len(counts)
    chi2 = ((counts - expected) ** 2 / expected).sum()
    free = len(counts) - 1
    return chi2 < free + 5 * np.sqrt(2 * free) + 10


def marked(batch):
    """The places of the ones of each sequence."""
    return [np.nonzero(column == 1)[0].tolist() for column in batch.X[:, :, 1].T]


@pytest.mark.parametrize("T", [20, 21, 100, 137])
def test_lengths_are_uniform_from_T_to_a_tenth_more(T):
    lengths = tasks.adding(T, 5000, rng=1).lengths
    counts = np.bincount(lengths)[T:]
    assert lengths.min() == T
    assert len(counts) == T // 10 + 1
    assert uniform(counts)


def test_values_are_uniform_from_minus_one_to_one(many):
    t = np.arange(len(many.X))[:, None]
    inside = many.X[..., 0][(t > 0) & (t < many.lengths)]
    assert uniform(np.histogram(inside, bins=50, range=(-1, 1))[0])
    assert -1 <= inside.min() < -0.999
    assert 0.999 < inside.max() <= 1


def test_markers_are_minus_one_at_both_ends_and_only_there(many):
    markers = many.X[..., 1]
    assert set(np.unique(markers)) == {-1, 0, 1}
    assert (markers[0] == -1).all()
    assert (markers[many.lengths - 1, np.arange(MANY)] == -1).all()
    assert ((markers == -1).sum(axis=0) == 2).all()


def test_two_pairs_are_marked_one_if_the_other_is_the_first_of_all(many):
    counts = Counter(map(len, marked(many)))
    assert set(counts) == {1, 2}
    # The first choice is pair 1 in 1/10; if not, the second is in 1/(T/2 - 1).
    chance = 1 / 10 + 9 / 10 / (T // 2 - 1)
    assert abs(counts[1] / MANY - chance) < 5 * np.sqrt(chance / MANY)
    assert (many.X[0, [len(m) == 1 for m in marked(many)], 0] == 0).all()
    assert (many.X[0, [len(m) == 2 for m in marked(many)], 0] != 0).all()


def test_where_the_marked_pairs_are(many):
    """The first among the first ten, the second among the T/2 - 1 first that are left."""
    pairs = np.array([m for m in marked(many) if len(m) == 2])
    assert pairs[:, 0].max() == 9
    assert pairs.max() == T // 2 - 1  # so that T/2 steps lie between it and the end
    far = pairs[pairs[:, 1] > 9]  # the one below ten was the first choice
    assert uniform(np.bincount(far[:, 0], minlength=10)[1:])
    assert uniform(np.bincount(far[:, 1], minlength=T // 2)[10 : T // 2 - 1])
    # The last place is left over only when the first choice lies before it: always, here.
    last, others = (far[:, 1] == T // 2 - 1).sum(), (far[:, 1] == T // 2 - 2).sum()
    assert abs(last - others) < 5 * np.sqrt(last + others)


def test_the_answer_is_the_scaled_sum_of_the_marked_values(many):
    values, markers = many.X[..., 0], many.X[..., 1]
    wanted = 0.5 + (values * (markers == 1)).sum(axis=0) / 4
    assert ((many.Y[..., 0] != 0) <= many.where).all()
    np.testing.assert_allclose(many.Y[..., 0].sum(axis=0), wanted, rtol=0, atol=1e-15)
    assert 0 <= wanted.min() <= wanted.max() <= 1
    # Two uniform values: the variance of each is 1/3, that of the answer 2/48, less for zeros.
    assert abs(wanted.mean() - 0.5) < 0.01
    two = np.array([len(m) == 2 for m in marked(many)])
    assert abs(wanted[two].std() - np.sqrt(2 / 48)) < 0.005


def test_nothing_stands_after_the_end_and_the_answer_is_asked_for_there(many):
    t = np.arange(len(many.X))[:, None]
    assert (many.X[t[:, 0] >= many.lengths.min()][:, many.lengths == many.lengths.min()] == 0).all()
    assert (many.where == (t == many.lengths - 1)).all()
    assert len(many.X) == many.lengths.max()


def test_sequences_longer_than_any_memory_are_refused():
    T = 2**47
    with refused(ValueError, "T, batch: expected an array of at most 2**48 numbers, got shape "
                 f"({T + T // 10}, 2, 2)"):  # fmt: skip
        tasks.adding(T, 2)


def test_shapes_and_dtypes():
    for dtype in (np.float32, np.float64):
        for batch, K in (
            (tasks.adding(20, 3, rng=0, dtype=dtype), 1),
            (tasks.recall(20, 3, rng=0, dtype=dtype), 1),
            (tasks.copy(5, 3, rng=0, dtype=dtype), 10),
            (tasks.predict_next(["BTE", "BPPE", "BE"], dtype=dtype), 7),
        ):
            n, b, _ = batch.X.shape
            assert batch.X.dtype == batch.Y.dtype == dtype
            assert batch.Y.shape == (n, b, K)
            assert batch.where.shape == (n, b)
            assert batch.where.dtype == bool
            assert batch.lengths.shape == (b,)
            assert b == 3
    assert tasks.adding(20, 3).X.dtype == np.float32


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: tasks.adding(30, 4, rng),
        lambda rng: tasks.recall(30, 4, rng),
        lambda rng: tasks.copy(7, 4, rng),
    ],
    ids=["adding", "recall", "copy"],
)
def test_a_seed_repeats_and_a_generator_moves_on(draw):
    once, again, other = draw(3), draw(3), draw(4)
    for a, b in zip(once, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert other.X.shape != once.X.shape or (other.X != once.X).any()
    rng = np.random.default_rng(3)
    first, second = draw(rng), draw(rng)
    np.testing.assert_array_equal(first.X, once.X)
    assert second.X.shape != first.X.shape or (second.X != first.X).any()
    assert draw(None).X.shape[1] == 4


def test_a_stream_is_the_same_calls_one_after_the_other():
    rng = np.random.default_rng(5)
    stream = tasks.stream(tasks.copy, 5, 2, rng=5, symbols=3)
    for _ in range(3):
        np.testing.assert_array_equal(next(stream).X, tasks.copy(5, 2, rng, symbols=3).X)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tasks.adding(19, 1), ValueError, "T: expected at least 20, got 19"),
        (lambda: tasks.adding(20.0, 1), TypeError, "T: expected an integer, got 20.0"),
        (lambda: tasks.adding(20, 0), ValueError, "batch: expected at least 1, got 0"),
        (lambda: tasks.adding(20, True), TypeError, "batch: expected an integer, got True"),
        (lambda: tasks.recall(4, 1), ValueError, "n: expected at least 5, got 4"),
        (lambda: tasks.recall(5.0, 1), TypeError, "n: expected an integer, got 5.0"),
        (lambda: tasks.recall(5, 0), ValueError, "batch: expected at least 1, got 0"),
        (lambda: tasks.copy(0, 1), ValueError, "T: expected at least 1, got 0"),
        (lambda: tasks.copy(1, 0), ValueError, "batch: expected at least 1, got 0"),
        (lambda: tasks.copy(1, 1, length=0), ValueError, "length: expected at least 1, got 0"),
        (lambda: tasks.copy(1, 1, symbols=0), ValueError, "symbols: expected at least 1, got 0"),
        (lambda: tasks.embedded_reber(-1), ValueError, "count: expected at least 0, got -1"),
        (lambda: tasks.solved_after(1.0), ValueError, "errors: expected shape (m,), got ()"),
        (lambda: tasks.solved_after([[1]]), ValueError, "errors: expected shape (m,), got (1, 1)"),
        (lambda: tasks.solved_after(["1"]), TypeError, "errors: expected numbers, got dtype <U1"),
        (lambda: tasks.solved_after([1j]), TypeError,
         "errors: expected numbers, got dtype complex128"),
        (lambda: tasks.solved_after([1.0], mean="1"), TypeError,
         "mean: expected a number, got '1'"),
        (lambda: tasks.solved_after([1.0], mean=np.nan), ValueError,
         "mean: expected a finite number, got nan"),
        (lambda: tasks.predict_next("BTE"), TypeError,
         "strings: expected a list of text, got 'BTE'"),
        (lambda: tasks.predict_next(["BTE", 3]), TypeError,
         "strings: expected a list of text, got ['BTE', 3]"),
        (lambda: tasks.possible("BTE"), TypeError, "strings: expected a list of text, got 'BTE'"),
        (lambda: tasks.predict_next([]), ValueError, "strings: expected at least one, got none"),
        (
            lambda: tasks.predict_next(["B"]),
            ValueError,
            "strings: expected two symbols or more in each",
        ),
        (
            lambda: tasks.predict_next(["BTA"]),
            ValueError,
            "strings: expected symbols among BTPSXVE, got 'A'",
        ),
        (
            lambda: tasks.possible_next("BX"),
            ValueError,
            "string: expected T or P at place 1, got 'X'",
        ),
        (
            lambda: tasks.possible_next("BTBTXSEPE"),
            ValueError,
            "string: expected T at place 7, got 'P'",
        ),
        (
            lambda: tasks.possible_next("BTBTXSETEE"),
            ValueError,
            "string: expected nothing at place 9, got 'E'",
        ),
    ],
)
def test_what_does_not_fit_is_named(call, error, message):
    with refused(error, message):
        call()


@pytest.mark.parametrize("T", [100, 1000])
def test_marks_of_long_sequences_reach_to_the_middle(T):
    """The second mark is uniform up to T/2; sequences of 1997 are up to 1,100 steps long."""
    pairs = [m for m in marked(tasks.adding(T, 4000, rng=6)) if len(m) == 2]
    second = np.array([last for first, last in pairs if last > 9])
    assert T // 2 - 1 - T // 50 < second.max() <= T // 2 - 1
    edges = np.linspace(10, T // 2 - 1, 9)
    # The places from 10 to T/2 - 2 are alike; the last one is left over (see above).
    counts = np.histogram(second[second < T // 2 - 1], bins=edges)[0]
    expected = np.diff(np.ceil(edges)) / np.diff(np.ceil(edges)).sum() * counts.sum()
    assert ((counts - expected) ** 2 / expected).sum() < 40


@pytest.mark.parametrize(
    ("n", "batch"), [(5, 300), (9, 300), (50, 5000), (73, 9000), (500, 20_000), (2000, 9000)]
)
def test_recall_marks_one_value_of_the_first_fifth_and_asks_for_it_at_the_end(n, batch):
    X, Y, where, lengths = tasks.recall(n, batch, rng=7)
    assert X.shape == (n, batch, 2)
    assert set(np.unique(X[..., 1])) == {0, 1}
    assert (X[..., 1].sum(axis=0) == 1).all()
    places = X[..., 1].argmax(axis=0)
    assert uniform(np.bincount(places, minlength=n // 5))
    assert len(np.bincount(places)) == n // 5
    assert uniform(np.histogram(X[..., 0], bins=50, range=(-1, 1))[0])
    np.testing.assert_array_equal(Y[-1, :, 0], X[places, np.arange(batch), 0])
    assert not Y[:-1].any()
    assert where[-1].all()
    assert not where[:-1].any()
    assert (lengths == n).all()


# Solved, by the rule of 1997.


def test_solved_after_counts_the_sequences_up_to_the_last_of_the_two_thousand():
    assert tasks.solved_after([1.0] * 7 + [0.0] * 1999) is None
    assert tasks.solved_after([1.0] * 7 + [0.0] * 2000) == 2007
    assert tasks.solved_after([1.0] * 7 + [0.0] * 5000) == 2007
    assert tasks.solved_after([0.0] * 2000) == 2000
    assert tasks.solved_after([]) is None


@pytest.mark.parametrize("wrong", [0.04, -0.04, 1, np.nan, np.inf, -np.inf])
def test_one_wrong_answer_starts_the_count_anew(wrong):
    assert tasks.solved_after([0.0] * 1999 + [wrong] + [0.0] * 2000) == 4000
    assert tasks.solved_after([0.0] * 1999 + [-0.0399] + [0.0] * 10) == 2000
    assert tasks.solved_after([0.0] * 1999 + [wrong]) is None


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8"])
@pytest.mark.parametrize(("m", "in_a_row"), [(1, 1), (7, 1), (7, 7), (60, 3), (12_000, 40)])
def test_solved_after_any_number_of_errors(m, in_a_row, dtype):
    """Once at the earliest place by search, and once at the very end."""
    rng = np.random.default_rng(m)
    errors = (0.013 * rng.standard_normal(m) + (rng.random(m) < 0.3)).astype(dtype)
    late = np.ones(m, dtype)
    late[m - in_a_row :] = 0
    for given in (errors, late):
        sizes = np.abs(given.astype(float))
        ends = (end for end in range(in_a_row, m + 1)
                if sizes[end - in_a_row : end].max() < tasks.TOLERANCE
                and sizes[end - in_a_row : end].mean() < 0.01)  # fmt: skip
        assert tasks.solved_after(given, in_a_row=in_a_row) == next(ends, None)
    assert tasks.solved_after(late, in_a_row=in_a_row) == m


def test_the_mean_error_must_be_below_a_hundredth_too():
    assert tasks.solved_after([0.01] * 3000) is None
    assert tasks.solved_after([-0.03] * 3000) is None
    # 0.03 leaves the window one by one: solved when the mean falls below 0.01
    errors = [0.03] * 2000 + [0.0] * 2000
    after = tasks.solved_after(errors)
    assert np.mean(errors[after - 2000 : after]) < 0.01 <= np.mean(errors[after - 2001 : after - 1])
    assert tasks.solved_after([0.5] * 3 + [0.001] * 5, in_a_row=4) == 7
    assert tasks.solved_after([0.001] * 5, in_a_row=4, mean=0.001) is None


# The grammar, against the published diagram, written down a second time.


def reber_language(longest):
    """All Reber strings up to a length, from the published table of edges, breadth first."""
    edges = {
        "start": "B>1", "1": "T>2 P>3", "2": "S>2 X>4", "3": "T>3 V>5",
        "4": "X>3 S>6", "5": "P>4 V>6", "6": "E>end",
    }  # fmt: skip
    found, open_ = {}, {("start", ""): 1.0}
    while open_:
        (node, string), chance = open_.popitem()
        ways = edges[node].split()
        for way in ways:
            symbol, to = way.split(">")
            if to == "end":
                found[string + symbol] = chance / len(ways)
            elif len(string) + 2 <= longest:
                open_[to, string + symbol] = chance / len(ways)
    return found


def test_reber_strings_come_as_often_as_the_diagram_says():
    expected = reber_language(9)
    rng = np.random.default_rng(0)
    drawn = Counter(tasks.reber(rng) for _ in range(10_000))
    assert expected["BTXSE"] == expected["BPVVE"] == 1 / 8
    assert {s for s in drawn if len(s) <= 9} <= set(expected)
    for string, chance in expected.items():
        spread = np.sqrt(chance * (1 - chance) * 10_000)
        assert abs(drawn[string] - chance * 10_000) < 5 * spread + 1, string


def test_the_strings_that_the_literature_gives_as_examples_are_legal():
    for inner in ("BTXSE", "BPVVE", "BTSXSE", "BPVPSE", "BTSXXTVVE", "BPTVPXTVPSE", "BTXXVPSE"):
        tasks.possible_next(f"BT{inner}TE")
    for inner in ("BTE", "BPXSE", "BTXTSE", "BPVPVE", "BTSXSB"):
        with pytest.raises(ValueError, match=r"^string: expected "):
            tasks.possible_next(f"BT{inner}TE")


def test_embedded_strings_have_matching_brackets():
    strings = tasks.embedded_reber(2000, rng=0)
    assert min(map(len, strings)) == 9
    for string in strings:
        match = re.fullmatch("B([TP])(B.*E)([TP])E", string)
        assert match[1] == match[3]
        following = tasks.possible_next(string)  # raises if it breaks the grammar
        assert following[-2:] == ["E", ""]
        assert following[-3] == match[1]
    counts = Counter(string[1] for string in strings)
    assert abs(counts["T"] - 1000) < 5 * np.sqrt(500)


def test_strings_to_leave_out_are_left_out():
    training = tasks.embedded_reber(256, rng=0)
    testing = tasks.embedded_reber(256, rng=0, but_not=training)
    assert len(testing) == 256
    assert not set(training) & set(testing)
    assert tasks.embedded_reber(0) == []


@pytest.mark.parametrize("count", [1, 2, 300])
def test_many_strings_are_one_after_the_other(count):
    rng = np.random.default_rng(5)
    strings = [tasks.embedded_reber(1, rng)[0] for _ in range(count)]
    assert tasks.embedded_reber(count, 5) == strings
    for string in strings:
        X, Y, where, _ = tasks.predict_next([string])
        assert where.all()
        read, told = ("".join(tasks.SYMBOLS[k] for k in a[:, 0].argmax(axis=1)) for a in (X, Y))
        assert (read, told) == (string[:-1], string[1:])
        assert tasks.possible([string])[Y > 0].all()
        assert tasks.possible_next(string)[-1] == ""
        longer = string[:4] + "S" * 60 * (string[3] == "T") + string[4:]
        told = tasks.possible_next(longer)
        assert (told[0], told[-1], len(told)) == ("TP", "", len(longer))
        assert all(map(str.__contains__, told, longer[1:]))


def test_what_may_come_next_is_what_does_come_next():
    """Over many strings, exactly the symbols that are said to be possible are seen to follow."""
    strings = tasks.embedded_reber(3000, rng=1)
    seen, said = {}, {}
    for string in strings:
        for place, symbols in enumerate(tasks.possible_next(string)[:-1]):
            start = string[: place + 1]
            seen.setdefault(start, set()).add(string[place + 1])
            said[start] = set(symbols)
    for start, symbols in seen.items():
        assert symbols <= said[start]
    for start in ("B", "BT", "BTB", "BPBT", "BPBTX", "BTBPV", "BTBPVVE"):
        assert seen[start] == said[start]


def test_symbols_are_coded_in_the_order_of_the_columns():
    strings = ["BTBTXSETE", "BPBPTVPSEPE"]
    X, Y, where, lengths = tasks.predict_next(strings)
    for column, string in enumerate(strings):
        n = len(string) - 1
        assert lengths[column] == where[:, column].sum() == n
        assert where[:n, column].all()
        read = "".join(tasks.SYMBOLS[k] for k in X[:n, column].argmax(axis=1))
        told = "".join(tasks.SYMBOLS[k] for k in Y[:n, column].argmax(axis=1))
        assert (read, told) == (string[:-1], string[1:])
        assert (X[n:, column] == 0).all()
        assert (Y[n:, column] == 0).all()
    assert (X.sum(axis=-1) == where).all()
    assert (Y.sum(axis=-1) == where).all()


def test_possible_marks_fit_the_batch():
    strings = [*tasks.embedded_reber(150, rng=2), "BTBT" + "S" * 300 + "XSETE"]
    X, Y, where, _ = tasks.predict_next(strings)
    marks = tasks.possible(strings)
    assert marks.shape == Y.shape == X.shape
    assert marks[Y > 0].all()  # what comes is possible
    assert (marks.any(axis=-1) == where).all()
    for column, string in enumerate(strings):
        for t, symbols in enumerate(tasks.possible_next(string)[:-1]):
            assert {tasks.SYMBOLS[k] for k in np.nonzero(marks[t, column])[0]} == set(symbols)


# Copy.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("strings", [["BE"], ["BE", "TP"], ["BT", "BPPE", "B" + "TXS" * 60]])
def test_strings_of_any_length_are_told_one_symbol_late(strings, dtype):
    X, Y, where, lengths = tasks.predict_next(strings, dtype=dtype)
    assert X.dtype == Y.dtype == dtype
    assert lengths.tolist() == [len(string) - 1 for string in strings]
    np.testing.assert_array_equal(where, np.arange(len(X))[:, None] < lengths)
    for j, string in enumerate(strings):
        for array, want in ((X, string[:-1]), (Y, string[1:])):
            told = "".join(tasks.SYMBOLS[k] for k in array[: len(want), j].argmax(axis=1))
            assert told == want
            assert (array[:, j].sum(axis=1) == where[:, j]).all()


@pytest.mark.parametrize(("n", "batch"), [(5, 1), (6, 70), (300, 1), (10, 300)])
def test_the_marked_value_is_recalled_whatever_the_size_and_the_precision(n, batch):
    X, Y, _, _ = tasks.recall(n, batch, rng=n, dtype=np.float64)
    marked = X[..., 1].argmax(axis=0)
    np.testing.assert_array_equal(Y[-1, :, 0], X[marked, np.arange(batch), 0])
    narrow = tasks.recall(n, batch, rng=n)
    for one, two in ((narrow.X, X), (narrow.Y, Y)):
        np.testing.assert_array_equal(one, two.astype(np.float32), strict=True)
        assert (two.astype(np.float32) != two).any()


def test_of_no_strings_nothing_may_come():
    assert tasks.possible([]).shape == (0, 0, len(tasks.SYMBOLS))
    assert tasks.possible([""]).shape == (0, 1, len(tasks.SYMBOLS))


def test_copy_is_read_wait_sign_write():
    X, *_ = tasks.copy(5, 2, rng=0)
    assert X.shape == (5 + 2 * 10, 2, 8 + 2)
    T, length, symbols = 6, 4, 5
    X, Y, where, lengths = tasks.copy(T, 3000, rng=0, length=length, symbols=symbols)
    read, answer = X.argmax(axis=-1), Y.argmax(axis=-1)
    assert X.shape == Y.shape == (T + 2 * length, 3000, symbols + 2)
    assert (X.sum(axis=-1) == 1).all()
    assert (Y.sum(axis=-1) == 1).all()
    assert (read[:length] == answer[-length:]).all()
    assert (read[length : length + T - 1] == symbols).all()
    assert (read[length + T - 1] == symbols + 1).all()
    assert (read[length + T :] == symbols).all()
    assert (answer[:-length] == symbols).all()
    assert where.all()
    assert (lengths == T + 2 * length).all()
    for place in range(length):
        assert uniform(np.bincount(read[place], minlength=symbols))
    pairs = read[0] * symbols + read[1]  # neighbours are independent
    assert uniform(np.bincount(pairs, minlength=symbols**2))


@pytest.mark.parametrize("batch", [1, 40])
@pytest.mark.parametrize(
    ("T", "length", "symbols"), [(1, 1, 1), (1, 10, 8), (9, 1, 3), (2, 300, 2), (300, 2, 70)]
)
def test_copy_waits_and_writes_at_any_size(T, length, symbols, batch):
    X, Y, where, lengths = tasks.copy(T, batch, rng=T, length=length, symbols=symbols)
    assert X.shape == Y.shape == (T + 2 * length, batch, symbols + 2)
    read, answer = X.argmax(axis=-1), Y.argmax(axis=-1)
    want = np.full(read.shape, symbols)
    want[:length] = read[:length]
    want[length + T - 1] = symbols + 1
    assert (read[:length] < symbols).all()
    np.testing.assert_array_equal(read, want)
    want[:-length], want[-length:] = symbols, read[:length]
    np.testing.assert_array_equal(answer, want)
    assert (X.sum(axis=-1) == 1).all()
    assert (Y.sum(axis=-1) == 1).all()
    assert where.all()
    assert (lengths == T + 2 * length).all()


def test_copy_without_a_memory_costs_what_the_docstring_says():
    T, length, symbols = 6, 4, 5
    _, Y, _, _ = tasks.copy(T, 100, rng=0, length=length, symbols=symbols)
    guess = np.zeros_like(Y, np.float64)
    guess[:-length, :, symbols] = 1
    guess[-length:, :, :symbols] = 1 / symbols
    cost = -np.log((guess * Y).sum(axis=-1)).mean()
    assert cost == pytest.approx(length * np.log(symbols) / (T + 2 * length), rel=1e-12)


@pytest.mark.parametrize("T", [20, 21, 22, 23, 51, 100, 101, 255, 257, 1001])
@pytest.mark.parametrize("batch", [1, 70, 300])
def test_every_sequence_has_two_marks_and_their_sum_whatever_its_length(T, batch):
    X, Y, where, lengths = tasks.adding(T, batch, rng=T, dtype=np.float64)
    for j, n in enumerate(lengths):
        marked = np.flatnonzero(X[:n, j, 1] == 1)
        # the first step keeps its own mark; its value is zero if it is one of the two
        assert len(marked) == 2 - (X[0, j, 0] == 0)
        last = np.flatnonzero(where[:, j])
        assert last.tolist() == [n - 1]
        assert Y[n - 1, j, 0] == pytest.approx(0.5 + X[marked, j, 0].sum() / 4, rel=1e-14)


@pytest.mark.parametrize("symbols", [1, 2, 8, 9, 10, 26, 300])
def test_every_symbol_is_to_be_copied_and_every_one_comes(symbols):
    X, Y, _, _ = tasks.copy(3, 40, rng=symbols, length=200, symbols=symbols)
    read, said = X.argmax(axis=-1), Y.argmax(axis=-1)
    np.testing.assert_array_equal(read[:200], said[-200:])
    counts = np.bincount(read[:200].ravel(), minlength=symbols + 2)
    assert (counts[:symbols] > 0).all()
    assert not counts[symbols:].any()
    assert (read[202] == symbols + 1).all()
    assert (np.delete(read[200:], 2, axis=0) == symbols).all()
