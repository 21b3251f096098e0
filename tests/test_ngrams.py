"""Kneser-Ney: by hand, adding up to one, and better the more it sees."""

import functools
import itertools
import math

import numpy as np
import pytest
from helpers import refused

from lstm.book.ngrams import KneserNey
from lstm.text import ALPHABET

PROSE = "the cat sat on the mat. the rat ate the oat. that hat is the hat of the cat. " * 3


def test_order_one_by_hand():
    """Four counts, 3 2 1 1 of 7; n1 = 2, n2 = 1: Y = 1/2, discounts 1/2, 1/2 and 3."""
    model = KneserNey("aaabbcd", 1, "abcde")
    one, two, three = model.levels[0].discounts[1:]
    assert (one, two, three) == (1 - 2 * 0.5 * 1 / 2, 2 - 3 * 0.5 * 1 / 1, 3.0)
    taken = one + one + two + three
    for letter, count, discount in (("a", 3, three), ("b", 2, two), ("c", 1, one), ("e", 0, 0)):
        expected = (count - discount + taken / 5) / 7
        assert abs(model.probability(letter, "") - expected) < 1e-15


def test_order_two_by_hand():
    """After "a" came b, b and c; lower down a letter counts once for each letter before it."""
    model = KneserNey("ababac", 2, "abcd")
    # ab 2, ba 2, ac 1: too few of each for estimates below, n1 = 1 and n2 = 2 above
    Y = 1 / 5
    one, two = 1 - 2 * Y * 2 / 1, 2.0
    assert model.levels[1].discounts[1:3] == (one, two)
    # distinct pairs ab, ba, ac: each of a, b, c came after one letter
    low = {letter: (1 - 0.5 + 3 * 0.5 / 4) / 3 for letter in "abc"} | {"d": (3 * 0.5 / 4) / 3}
    taken = one + two
    assert abs(model.probability("b", "a") - (2 - two + taken * low["b"]) / 3) < 1e-15
    assert abs(model.probability("c", "xa") - (1 - one + taken * low["c"]) / 3) < 1e-15
    assert abs(model.probability("d", "a") - taken * low["d"] / 3) < 1e-15
    assert model.probability("d", "c") == pytest.approx(low["d"])  # nothing came after c


def by_definition(text, order, alphabet):
    """The same by recursion, as Chen and Goodman write it, with every count counted again."""
    strings = [text[k : k + order] for k in range(len(text) - order + 1)]

    @functools.cache
    def count(string):
        if len(string) == order:
            return strings.count(string)
        return sum(count(letter + string) > 0 for letter in alphabet)

    @functools.cache
    def taken(length):
        every = [count("".join(s)) for s in itertools.product(alphabet, repeat=length)]
        n1, n2, n3, n4 = (every.count(k) for k in (1, 2, 3, 4))
        if 0 in (n1, n2):
            return {1: 0.5, 2: 0.5, 3: 0.5}
        Y = n1 / (n1 + 2 * n2)
        third = 3 - 4 * Y * n4 / n3 if n3 else Y
        two, three = (min(max(0, D), k) for k, D in ((2, 2 - 3 * Y * n3 / n2), (3, third)))
        return {1: 1 - 2 * Y * n2 / n1, 2: two, 3: three}

    def probability(letter, past):
        lower = probability(letter, past[1:]) if past else 1 / len(alphabet)
        row = {k: count(past + k) for k in alphabet}
        if not any(row.values()):
            return lower
        less = {k: taken(len(past) + 1)[min(c, 3)] for k, c in row.items() if c}
        own = row[letter] - less.get(letter, 0)
        return (own + sum(less.values()) * lower) / sum(row.values())

    return probability


@pytest.mark.parametrize(
    ("text", "order", "alphabet"),
    [
        ("abracadabra", 1, "abcdrz"), ("abracadabra", 2, "abcdr"), ("abracadabra", 4, "abcdr"),
        ("abcabdabbacacbbcacbbacbab", 3, "abcd"),
        ("abbcccc", 1, "abcd"),  # nothing comes three times
        ("abbcccdddeeefff", 1, "abcdef"),  # a discount would be below zero
        ("abc", 3, "abc"),  # no longer than the order
    ],
)  # fmt: skip
def test_every_order_by_the_definition(text, order, alphabet):
    model, right = KneserNey(text, order, alphabet), by_definition(text, order, alphabet)
    for letter, *before in itertools.product(alphabet, repeat=order):
        past = "".join(before)
        assert abs(model.probability(letter, past) - right(letter, past)) < 1e-15


@pytest.mark.parametrize(
    ("text", "count"), [("abab", 2), ("ab", 1), ("aaaabbbb", 4), ("aaabbb", 3)]
)
def test_half_is_taken_where_no_letter_comes_once_or_none_twice(text, count):
    model = KneserNey(text, 1, "abcd")
    taken = (2 * 0.5) / 4  # what the four letters of the alphabet share
    assert abs(model.probability("a", "") - (count - 0.5 + taken) / len(text)) < 1e-15
    assert abs(model.probability("c", "") - taken / len(text)) < 1e-15


@pytest.mark.parametrize("order", range(1, 8))
def test_probabilities_are_positive_and_add_up_to_one(order):
    model = KneserNey(PROSE, order)
    for before in ("", "t", "the ", "the cat sat", "zzzzzzzz", "the zat", "oatoat."):
        p = np.array([model.probability(letter, before) for letter in ALPHABET])
        assert (p > 0).all()
        assert abs(p.sum() - 1) < 1e-12


def test_only_the_last_letters_count():
    model = KneserNey(PROSE, 3)
    assert model.probability("e", "xyzth") == model.probability("e", "th")
    assert model.probability("e", "th") != model.probability("e", "h")


def test_bits_are_those_of_the_probabilities():
    model = KneserNey(PROSE, 4)
    text = "the hat sat."
    cost = model.bits(text)
    assert cost.shape == (11,)
    for k in range(1, 12):
        assert cost[k - 1] == -math.log2(model.probability(text[k], text[:k]))


def test_who_looks_further_back_knows_more():
    costs = [KneserNey(PROSE, order).bits(PROSE[:77]).mean() for order in range(1, 6)]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < 0.6 < 3 < costs[0]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: KneserNey("abc", 0), ValueError, "order: expected at least 1, got 0"),
        (lambda: KneserNey("abc", 2.0), TypeError, "order: expected an integer, got 2.0"),
        (lambda: KneserNey("abc", 4), ValueError,
         "text: expected at least order = 4 letters, got 3"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(call, error, message):
    with refused(error, message):
        call()
