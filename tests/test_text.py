"""Letters, streams, bits per letter and writing."""

import itertools

import numpy as np
import pytest
from helpers import freeze, refused

from lstm import network, text, train
from lstm.text import Writer, bits, decode, encode, probabilities, sample, streams

ABC = "abcde"
PARAMS = network.init(5, [7, 4], 5, rng=0, dtype=float)
PARAMS["WOUT"] *= 3  # far from uniform
SYMBOLS = np.random.default_rng(1).integers(5, size=53)
freeze(SYMBOLS)


def test_the_alphabet_is_what_can_be_printed():
    assert len(text.ALPHABET) == len(set(text.ALPHABET)) == 96
    assert text.ALPHABET.isascii()
    assert text.ALPHABET[1:].isprintable()


def test_letters_to_numbers_and_back():
    symbols = encode(text.ALPHABET)
    assert symbols.tolist() == list(range(96))
    assert symbols.dtype == np.intp
    assert decode(symbols) == text.ALPHABET
    assert decode(encode("cabbage", "abcgeb"[:5]), "abcge") == "cabbage"
    assert encode("").tolist() == []
    assert decode([]) == ""


def test_letters_are_of_the_type_that_is_asked_for():
    for options, dtype in (({}, np.float32), ({"dtype": "float32"}, np.float32),
                           ({"dtype": float}, np.float64)):  # fmt: skip
        piece = next(streams(SYMBOLS, 4, 3, 5, **options))
        assert (piece.X.dtype, piece.Y.dtype) == (dtype, dtype)


@pytest.mark.parametrize(("n", "batch"), [(1, 1), (4, 3), (7, 5), (60, 2), (3, 53)])
def test_readers_go_round_a_ring_and_never_skip_a_letter(n, batch):
    pieces = list(itertools.islice(streams(SYMBOLS, n, batch, 5, dtype=float), 9))
    for piece in pieces:
        assert piece.X.shape == piece.Y.shape == (n, batch, 5)
        assert piece.where.all()
        assert piece.lengths.tolist() == [n] * batch
        assert piece.X.dtype == piece.Y.dtype == np.float64
    for name, first in (("X", 0), ("Y", 1)):
        read = np.concatenate([getattr(piece, name) for piece in pieces])
        assert (read.sum(axis=-1) == 1).all()
        for k, column in enumerate(read.argmax(axis=-1).T):
            place = k * 53 // batch + first + np.arange(9 * n)
            np.testing.assert_array_equal(column, SYMBOLS[place % 53])


def test_states_carried_from_piece_to_piece_are_those_of_one_long_run():
    pieces = list(itertools.islice(streams(SYMBOLS, 5, 2, 5, dtype=float), 4))
    c = h = None
    for piece in pieces:
        run = train.run(PARAMS, piece, train.cross_entropy, c0=c, h0=h)
        c, h = run.Cn, run.Hn
    whole = network.forward(PARAMS, np.concatenate([piece.X for piece in pieces]))
    for got, want in zip([*c, *h], [*whole.Cn, *whole.Hn], strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-13)


def test_bits_are_the_cross_entropy_in_another_unit():
    batch = next(streams(SYMBOLS, 52, 1, 5, dtype=float))
    loss = train.run(PARAMS, batch, train.cross_entropy).loss
    cost = bits(PARAMS, SYMBOLS)
    assert cost.shape == (52,)
    assert abs(cost.mean() - loss / np.log(2)) < 1e-12
    assert abs(cost.mean() - np.log2(5)) > 0.1  # not the uniform one


def test_bits_by_hand():
    """A network that ignores what it reads: the same three probabilities at every step."""
    params = network.init(3, 4, 3, rng=0, dtype=float)
    params["WOUT"][1:] = 0
    params["WOUT"][0] = np.log([0.5, 0.25, 0.25])
    np.testing.assert_allclose(bits(params, [2, 0, 1, 0, 2]), [1, 2, 1, 2], rtol=1e-14)


def test_probabilities_too_small_for_a_float_are_zero():
    with np.errstate(all="raise"):
        for z, temperature in (([0.0, -1e3], 1.0), ([0.0, -1e3], 1e-308), ([3e38, -3e38], 0.5)):
            p = text.probabilities(np.array(z), temperature=temperature)
            np.testing.assert_array_equal(p, [1, 0])


def test_a_letter_that_was_all_but_impossible_costs_what_it_costs():
    """Its probability, e^-3000, is too small for a float; its bits are not."""
    params = network.init(3, 4, 3, rng=0, dtype=float)
    params["WOUT"][:] = 0
    params["WOUT"][0] = [3000.0, 0.0, -1.0]
    with np.errstate(all="raise"):
        cost = text.bits(params, [0, 0, 1, 2])
    np.testing.assert_allclose(cost, np.array([0, 3000, 3001]) / np.log(2), rtol=1e-12)


@pytest.mark.parametrize("piece", [1, 7, 26, 52, 1000])
def test_the_size_of_a_piece_changes_nothing(piece):
    np.testing.assert_allclose(
        bits(PARAMS, SYMBOLS, piece=piece), bits(PARAMS, SYMBOLS), rtol=1e-12
    )


def test_texts_side_by_side_cost_what_they_cost_alone():
    both = np.stack([SYMBOLS[:20], SYMBOLS[20:40]], axis=1)
    cost = bits(PARAMS, both)
    assert cost.shape == (19, 2)
    for k in range(2):
        np.testing.assert_allclose(cost[:, k], bits(PARAMS, both[:, k]), rtol=1e-12)
    np.testing.assert_allclose(bits(PARAMS, both, piece=5), cost, rtol=1e-12)


@pytest.mark.parametrize("temperature", [1e-300, 1e-12, 1e-4, 1.0, 1e4, 1e12, 1e300])
def test_any_temperature_is_what_answers_are_divided_by(temperature):
    answers = np.array([0.0, np.log(3)]) * temperature
    np.testing.assert_allclose(
        probabilities(answers, temperature=temperature), [0.25, 0.75], rtol=1e-12
    )


def test_probabilities_are_the_softmax():
    z = np.random.default_rng(2).standard_normal((4, 3, 5))
    p = probabilities(z)
    np.testing.assert_allclose(p, np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True), rtol=1e-14)
    np.testing.assert_allclose(probabilities(z + 7), p, rtol=1e-13)
    np.testing.assert_allclose(probabilities(z, temperature=2), probabilities(z / 2), rtol=1e-14)
    cold = probabilities(z, temperature=1e-3)
    np.testing.assert_array_equal(cold.argmax(axis=-1), z.argmax(axis=-1))
    assert probabilities(z.astype(np.float32)).dtype == np.float64


def test_probabilities_of_answers_without_bounds():
    np.testing.assert_array_equal(probabilities([1e300, -1e300]), [1, 0])
    np.testing.assert_array_equal(probabilities([3.0, 3.0], temperature=1e-300), [0.5, 0.5])
    np.testing.assert_array_equal(probabilities([5.0]), [1])


def test_only_the_likeliest():
    z = np.log([0.1, 0.4, 0.2, 0.3])
    np.testing.assert_allclose(probabilities(z, top=2), [0, 4 / 7, 0, 3 / 7], rtol=1e-14)
    np.testing.assert_array_equal(probabilities(z, top=1), [0, 1, 0, 0])
    for top in (4, 9, None):
        np.testing.assert_allclose(probabilities(z, top=top), np.exp(z), rtol=1e-14)
    # of equals none is left out
    np.testing.assert_array_equal(probabilities([1.0, 1.0, 0.0], top=1), [0.5, 0.5, 0])


def test_a_random_number_chooses_by_adding_up():
    params = network.init(3, 4, 3, rng=0, dtype=float)
    params["WOUT"][1:] = 0
    params["WOUT"][0] = np.log([0.5, 0.25, 0.25])
    numbers = [0, 0.49, 0.51, 0.74, 0.76, 1 - 2**-53]
    assert sample(params, "a", 6, rng=numbers, alphabet="abc") == "aabbcc"
    # at temperature 1/2: 4/6, 1/6, 1/6
    again = sample(params, "a", 4, rng=[0.6, 0.7, 0.8, 0.9], temperature=0.5, alphabet="abc")
    assert again == "abbc"
    assert sample(params, "a", 4, rng=[0.99] * 4, top=1, alphabet="abc") == "aaaa"


def always(p):
    """A network whose answers are the same logarithms of probabilities, whatever it reads."""
    params = network.init(len(p), 4, len(p), rng=0, dtype=float)
    params["WOUT"][:] = 0
    with np.errstate(divide="ignore"):
        params["WOUT"][0] = np.maximum(np.log(p), -1e4)  # e^-10000 is 0
    return params


@pytest.mark.parametrize("K", [2, 3, 65, 96])
@pytest.mark.parametrize("possible", ["first", "last", "every second", "all but the first"])
def test_what_has_no_probability_never_comes(K, possible):
    """At either end of the random numbers: they choose the first letter that can come, or the last.

    Sums of many probabilities end a little below 1 or above, and the largest number below 1 lies
    between.
    """
    can = {"first": np.arange(K) == 0, "last": np.arange(K) == K - 1,
           "every second": np.arange(K) % 2 == 1, "all but the first": np.arange(K) > 0}[possible]
    weights = np.random.default_rng(K).random(K) * can
    params, alphabet = always(weights / weights.sum()), text.ALPHABET[-K:]
    places = np.flatnonzero(can)
    numbers = [0.0, 5e-324, 1 - 2**-53]
    written = sample(params, alphabet[0], 3, rng=numbers, alphabet=alphabet)
    assert encode(written, alphabet).tolist() == [places[0], places[0], places[-1]]
    many = encode(sample(params, alphabet[0], 20, rng=0, alphabet=alphabet), alphabet)
    assert set(many) <= set(places.tolist())


def test_the_likeliest_of_each_row():
    """Rows are judged apart, of any shape; in some all letters are likelier than in others."""
    z = np.random.default_rng(3).standard_normal((4, 5, 7)) + 10 * np.arange(5)[:, None]
    for top in (1, 2, 6, 7):
        p = probabilities(z, top=top)
        for index in np.ndindex(4, 5):
            np.testing.assert_array_equal(p[index], probabilities(z[index], top=top))
        assert (np.count_nonzero(p, axis=-1) == top).all()


def test_letters_come_as_often_as_they_are_likely():
    params = network.init(3, 4, 3, rng=0, dtype=float)
    params["WOUT"][1:] = 0
    params["WOUT"][0] = np.log([0.5, 0.3, 0.2])
    written = sample(params, "a", 2000, rng=0, alphabet="abc")
    for letter, p in zip("abc", (0.5, 0.3, 0.2), strict=True):
        assert abs(written.count(letter) / 2000 - p) < 4 * np.sqrt(p * (1 - p) / 2000)


def test_a_seed_a_generator_and_its_numbers_write_the_same():
    one = sample(PARAMS, "ab", 30, rng=5, alphabet=ABC)
    assert one == sample(PARAMS, "ab", 30, rng=np.random.default_rng(5), alphabet=ABC)
    numbers = np.random.default_rng(5).random(30)
    assert one == sample(PARAMS, "ab", 30, rng=numbers, alphabet=ABC)
    assert one == sample(PARAMS, "ab", 30, rng=tuple(numbers), alphabet=ABC)
    assert one != sample(PARAMS, "ab", 30, rng=6, alphabet=ABC)
    assert len(set(one)) == 5
    assert sample(PARAMS, "ab", 0, alphabet=ABC) == ""


def test_writing_reads_what_was_written():
    """Each letter is drawn from what the network expects after the whole text so far."""
    written = sample(PARAMS, "ab", 12, top=1, alphabet=ABC)
    for k, letter in enumerate(written):
        X = np.eye(5)[encode("ab" + written[:k], ABC)][:, None]
        assert letter == ABC[network.forward(PARAMS, X).answers[-1, 0].argmax()]
    assert len(set(written)) > 1
    numbers = np.random.default_rng(3).random(12)
    drawn = sample(PARAMS, "ab", 12, rng=numbers, alphabet=ABC)
    for k, (letter, u) in enumerate(zip(drawn, numbers, strict=True)):
        X = np.eye(5)[encode("ab" + drawn[:k], ABC)][:, None]
        reached = np.cumsum(probabilities(network.forward(PARAMS, X).answers[-1, 0]))
        assert letter == ABC[np.argmax(reached > u)]
    assert len(set(drawn)) > 3


def test_symbols_of_any_type_of_integers():
    for dtype in ("u1", "i1", "u8", "i8"):
        assert decode(np.array([2, 0, 1], dtype), "abc") == "cab"


@pytest.mark.parametrize("params", [PARAMS, network.init(5, 6, 5, rng=1)])
def test_a_writer_stays_where_it_is(params):
    first = Writer(params, ABC).read("abc")
    kept = first.answers.copy()
    there, here = first.read("de"), first.read("d").read("e")
    np.testing.assert_allclose(there.answers, here.answers, rtol=1e-5)
    np.testing.assert_array_equal(first.answers, kept)
    assert there.answers.shape == (5,)
    assert there.answers.dtype == params["WOUT"].dtype
    assert not np.allclose(there.answers, kept)


P3 = network.init(3, 4, 3, rng=0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: encode(b"ab", ABC), TypeError, "text: expected a string, got a bytes"),
        (lambda: encode("abXc", ABC), ValueError,
         "text: expected letters of the alphabet, got 'X' at place 2"),
        (lambda: encode("a", ["a"]), TypeError, "alphabet: expected a string, got a list"),
        (lambda: encode("a", "abcb"), ValueError,
         "alphabet: expected letters, each once, got 'b' more than once"),
        (lambda: encode("", ""), ValueError, "alphabet: expected letters, each once, got none"),
        (lambda: decode([0, 5], ABC), ValueError,
         "symbols: expected integers from 0 to K - 1 = 4, got 5"),
        (lambda: decode([0, -1], ABC), ValueError,
         "symbols: expected integers from 0 to K - 1 = 4, got -1"),
        (lambda: decode([0.0], ABC), TypeError, "symbols: expected integers, got dtype float64"),
        (lambda: decode([[0]], ABC), ValueError,
         "symbols: expected shape (length,), got (1, 1)"),
        (lambda: decode([0], "abb"), ValueError,
         "alphabet: expected letters, each once, got 'b' more than once"),
        (lambda: decode(None, ABC), TypeError, "symbols: expected an array, got None"),
        (lambda: decode(1.5, ABC), TypeError, "symbols: expected integers, got dtype float64"),
        (lambda: decode([0, 7], ABC), ValueError,
         "symbols: expected integers from 0 to K - 1 = 4, got 7"),
        (lambda: bits(P3, None), TypeError, "symbols: expected an array, got None"),
        (lambda: probabilities(None), TypeError, "answers: expected an array, got None"),
        (lambda: sample(P3, "a", 3, rng=[0.1] * 4, alphabet="abc"), ValueError,
         "rng: expected 3 numbers from 0 to below 1, one for each letter, got shape (4,)"),
        (lambda: sample(P3, "a", 2, rng=np.full((2, 1), 3), alphabet="abc"), ValueError,
         "rng: expected 2 numbers from 0 to below 1, one for each letter, got shape (2, 1)"),
        (lambda: sample(P3, "a", 3, rng=[0.5, 1.5, 2.5], alphabet="abc"), ValueError,
         "rng: expected 3 numbers from 0 to below 1, one for each letter, got 1.5"),
        (lambda: sample(P3, "a", 2, rng=[[0.5], [0.5, 0.5]], alphabet="abc"), ValueError,
         "rng: expected an array, got [[0.5], [0.5, 0.5]]"),
        (lambda: sample(P3, "a", 3, alphabet="ab"), ValueError,
         "alphabet: expected K = 3 letters, as there are answers, got 2"),
        (lambda: streams(SYMBOLS, 0, 3, 5), ValueError, "n: expected at least 1, got 0"),
        (lambda: streams(SYMBOLS, 2, 3.0, 5), TypeError, "batch: expected an integer, got 3.0"),
        (lambda: streams(SYMBOLS, 2, 3, 4), ValueError,
         "symbols: expected integers from 0 to K - 1 = 3, got 4"),
        (lambda: streams([], 2, 3, 4), ValueError,
         "symbols: expected at least one for each of 3 readers, got 0"),
        (lambda: streams(SYMBOLS, 2, 54, 5), ValueError,
         "symbols: expected at least one for each of 54 readers, got 53"),
        (lambda: streams(SYMBOLS, 2, 3, 5, dtype=int), TypeError,
         "dtype: expected float32 or float64, got int64"),
        (lambda: probabilities([0.0], temperature=0), ValueError,
         "temperature: expected a positive number, got 0.0"),
        (lambda: probabilities([0.0], temperature=float("nan")), ValueError,
         "temperature: expected a positive number, got nan"),
        (lambda: probabilities([0.0], temperature="1"), TypeError,
         "temperature: expected a number, got '1'"),
        (lambda: probabilities([0.0], temperature=-1), ValueError,
         "temperature: expected a positive number, got -1.0"),
        (lambda: probabilities([0.0], temperature=np.inf), ValueError,
         "temperature: expected a positive number, got inf"),
        (lambda: probabilities([1j]), TypeError,
         "answers: expected real numbers, got dtype complex128"),
        (lambda: probabilities(3.0), ValueError,
         "answers: expected shape (..., K) with K >= 1, got ()"),
        (lambda: probabilities(np.ones((2, 0))), ValueError,
         "answers: expected shape (..., K) with K >= 1, got (2, 0)"),
        (lambda: Writer(P3, "abc").expected, ValueError,
         "answers: expected a writer that has read something: call read first"),
        (lambda: Writer(P3, "abc").read(""), ValueError,
         "text: expected at least one letter, got none"),
        (lambda: sample(P3, "a", 1, rng=["1"], alphabet="abc"), TypeError,
         "rng: expected numbers, got dtype <U1"),
        (lambda: sample(P3, "a", 1, rng=[-0.1], alphabet="abc"), ValueError,
         "rng: expected 1 numbers from 0 to below 1, one for each letter, got -0.1"),
        (lambda: sample(P3, "a", 2, rng=[[0.1, 0.2]], alphabet="abc"), ValueError,
         "rng: expected 2 numbers from 0 to below 1, one for each letter, got shape (1, 2)"),
        (lambda: probabilities([0.0], top=0), ValueError, "top: expected at least 1, got 0"),
        (lambda: bits(P3, [1]), ValueError,
         "symbols: expected shape (length,) or (length, b) with 2 letters or more, got (1,)"),
        (lambda: bits(P3, [1, 3]), ValueError,
         "symbols: expected integers from 0 to K - 1 = 2, got 3"),
        (lambda: bits(P3, [[[1]], [[2]]]), ValueError,
         "symbols: expected shape (length,) or (length, b) with 2 letters or more, "
         "got (2, 1, 1)"),
        (lambda: bits(P3, [1, 2], piece=0), ValueError, "piece: expected at least 1, got 0"),
        (lambda: sample(P3, "", 3, alphabet="abc"), ValueError,
         "text: expected at least one letter, got none"),
        (lambda: sample(P3, "a", -1, alphabet="abc"), ValueError,
         "length: expected at least 0, got -1"),
        (lambda: sample(P3, "a", 3, alphabet="abcd"), ValueError,
         "alphabet: expected K = 3 letters, as there are answers, got 4"),
        (lambda: sample(P3, "a", 3, rng=[0.1, 0.2], alphabet="abc"), ValueError,
         "rng: expected 3 numbers from 0 to below 1, one for each letter, got shape (2,)"),
        (lambda: sample(P3, "a", 1, rng=[1.0], alphabet="abc"), ValueError,
         "rng: expected 1 numbers from 0 to below 1, one for each letter, got 1.0"),
        (lambda: sample(P3, "a", 1, rng=[np.nan], alphabet="abc"), ValueError,
         "rng: expected 1 numbers from 0 to below 1, one for each letter, got nan"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(call, error, message):
    with refused(error, message):
        call()


def test_two_letters_are_enough_to_cost_something():
    assert bits(P3, [1, 2]).shape == (1,)
    assert bits(P3, [[1], [2]]).shape == (1, 1)


def test_texts_side_by_side_whose_answers_are_far_apart(monkeypatch):
    """Each row is compared with its own largest answer: with that of another it would vanish."""
    answers = np.array([[[1e4, 0.0, 0.0], [0.0, 0.0, 0.0]]])
    monkeypatch.setattr(network, "forward", lambda *_, **__: (answers, None, None, None))
    np.testing.assert_allclose(bits(P3, [[1, 1], [0, 2]]), [[0, np.log2(3)]], atol=1e-12)


def test_random_numbers_of_any_type_choose():
    for dtype in ("u1", "i4", "f4", "f8"):
        written = sample(P3, "a", 3, rng=np.zeros(3, dtype), alphabet="abc")
        assert written == sample(P3, "a", 3, rng=[0.0] * 3, alphabet="abc")


def test_many_letters_of_a_large_alphabet():
    """More of them than 8 bits count, in texts longer than a piece of a thousand."""
    alphabet = "".join(chr(0x100 + k) for k in range(300))
    written = "".join(alphabet[k] for k in np.random.default_rng(0).integers(300, size=2500))
    symbols = encode(written, alphabet)
    assert symbols.max() > 255
    assert decode(symbols, alphabet) == written
    K = len(alphabet)
    params = network.init(K, 2, K, rng=0, dtype=float)
    cost = bits(params, symbols)
    answers = network.forward(params, np.eye(K)[symbols[:-1], None]).answers[:, 0]
    p = probabilities(answers)[np.arange(len(cost)), symbols[1:]]
    np.testing.assert_allclose(cost, -np.log2(p), rtol=1e-11)
