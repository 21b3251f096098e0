"""Dates to translate: questions and answers against the standard library's own reading."""

from datetime import date, datetime, timedelta

import numpy as np
import pytest
from helpers import refused
from sweeps import owned

from lstm import dates

READ = ("%d %B %Y", "%B %d, %Y", "%d.%m.%Y", "the %dth of %B %Y", "%Y, %B %d")


@pytest.mark.parametrize("form", range(len(dates.FORMS)))
def test_every_way_of_writing_is_read_as_the_same_day_by_strptime(form):
    every = [dates.FIRST + timedelta(days=k) for k in range(0, dates.DAYS, 97)]
    for day in [*every, *(date(year, 2, 29) for year in range(1904, 2100, 4))]:
        text = dates.written(day, form)
        assert len(text) <= dates.LONGEST
        for ending in ("st", "nd", "rd"):
            if form == 3:
                text = text.replace(f"{ending} of", "th of")
        assert datetime.strptime(text, READ[form]).date() == day


def test_ordinals():
    said = [dates.written(date(2000, 1, d), 3).split()[1] for d in range(1, 32)]
    want = "1st 2nd 3rd 4th 5th 6th 7th 8th 9th 10th 11th 12th 13th 14th 15th 16th 17th 18th 19th "
    want += "20th 21st 22nd 23rd 24th 25th 26th 27th 28th 29th 30th 31st"
    assert said == want.split()


def letters(array):
    return ["".join(dates.ALPHABET[k] for k in column) for column in array.argmax(axis=-1).T]


@pytest.mark.parametrize("part", dates.PARTS)
@pytest.mark.parametrize("batch", [1, 50, 700])
def test_questions_end_where_the_answer_begins_and_the_writer_reads_one_letter_late(batch, part):
    X, Z, Y, where = dates.dates(batch, rng=0, part=part, dtype=np.float64)
    assert X.shape == (dates.LONGEST, batch, len(dates.ALPHABET))
    assert Y.shape == Z.shape == (10, batch, len(dates.ALPHABET))
    assert where.all()
    assert (X.sum(axis=-1) == 1).all()
    owned((X, Z, Y, where))
    for asked, read, answer in zip(letters(X), letters(Z), letters(Y), strict=True):
        assert asked == asked.strip().rjust(dates.LONGEST)
        assert read == "\n" + answer[:-1]
        day = date.fromisoformat(answer)
        assert asked.strip() in [dates.written(day, form) for form in range(len(dates.FORMS))]


def test_no_day_is_in_two_parts_and_all_days_are_in_one():
    assert sorted(k for part in dates.PARTS.values() for k in part) == list(range(10))
    seen = {}
    for part in dates.PARTS:
        days = [date.fromisoformat(day) for day in letters(dates.dates(3000, 1, part=part).Y)]
        assert {(day - dates.FIRST).days % 10 for day in days} == set(dates.PARTS[part])
        seen[part] = set(days)
    assert not seen["training"] & (seen["validation"] | seen["test"])
    assert not seen["validation"] & seen["test"]
    years = [day.year for day in seen["training"]]
    assert min(years) < 1905
    assert 2094 < max(years) <= 2099


def test_the_same_seed_gives_the_same_dates_in_either_dtype():
    one, two = dates.dates(500, 3), dates.dates(500, 3, dtype=np.float64)
    assert one.X.dtype == np.float32
    assert two.X.dtype == np.float64
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


DAY = date(2000, 1, 1)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: dates.dates(0), ValueError, "batch: expected at least 1, got 0"),
        (lambda: dates.dates(3, part="tests"), ValueError,
         "part: expected one of ['training', 'validation', 'test'], got 'tests'"),
        (lambda: dates.dates(3, part=None), TypeError, "part: expected text, got None"),
        (lambda: dates.dates(3, dtype=int), TypeError,
         "dtype: expected float32 or float64, got int64"),
        (lambda: dates.written("2000-01-01", 0), TypeError,
         "day: expected a datetime.date, got '2000-01-01'"),
        (lambda: dates.written(DAY, 5), ValueError, "form: expected one of 0 to 4, got 5"),
        (lambda: dates.written(DAY, 6), ValueError, "form: expected one of 0 to 4, got 6"),
        (lambda: dates.written(DAY, -1), ValueError, "form: expected at least 0, got -1"),
        (lambda: dates.written(DAY, 1.0), TypeError, "form: expected an integer, got 1.0"),
        (lambda: dates.pairs([DAY], []), ValueError,
         "forms: expected one for each of 1 dates, got 0"),
        (lambda: dates.pairs([DAY], [0, 1]), ValueError,
         "forms: expected one for each of 1 dates, got 2"),
        (lambda: dates.pairs(DAY, [0]), TypeError,
         "days, forms: expected a list of each, got datetime.date(2000, 1, 1) and [0]"),
        (lambda: dates.pairs([DAY], 0), TypeError,
         "days, forms: expected a list of each, got [datetime.date(2000, 1, 1)] and 0"),
        (lambda: dates.pairs(["today"], [0]), TypeError,
         "day: expected a datetime.date, got 'today'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(call, error, message):
    with refused(error, message):
        call()


def test_the_parts_and_the_two_centuries():
    """Two days of ten are for testing; an answer has ten letters, a question 26 at most."""
    assert {name: list(days) for name, days in dates.PARTS.items()} == {
        "training": [2, 3, 4, 5, 6, 7, 8, 9], "validation": [1], "test": [0],
    }  # fmt: skip
    assert dates.FIRST + timedelta(days=dates.DAYS - 1) == date(2099, 12, 31)
    assert (date(1900, 1, 1), 26, 10) == (dates.FIRST, dates.LONGEST, dates.ANSWER)
    assert dates.ALPHABET == "\n ,-./0123456789ADFJMNOSabcdefghilmnoprstuvy"


def test_dates_of_no_days_have_their_shapes():
    none = dates.pairs([], [])
    assert [array.shape for array in none] == [(26, 0, 44), (10, 0, 44), (10, 0, 44), (10, 0)]
    assert (none.X.dtype, none.Y.dtype, none.where.dtype) == (np.float32, np.float32, bool)
    days = (day for day in [DAY])
    assert letters(dates.pairs(days, iter([0])).X) == ["1 January 2000".rjust(26)]
