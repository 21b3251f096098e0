"""Hypothesis draws the same examples in every run, so that a red test is red for everybody."""

from hypothesis import settings

settings.register_profile("book", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("book")
