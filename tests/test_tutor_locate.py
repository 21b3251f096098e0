"""On which sizes a mistake is looked for, from the smallest up."""

from lstm.tutor.locate import _SHAPES


def test_the_words_for_sizes_say_what_they_are():
    assert sorted(_SHAPES, key=lambda shape: shape[0][:2]) == list(_SHAPES)
    for (n, b, D, H), words in _SHAPES:
        steps = "one step" if n == 1 else "two steps"
        assert words == f"{steps} of {'one sequence' if b == 1 else 'a batch'}"
        assert n in (1, 2)
        assert b > 0
        assert D != H
