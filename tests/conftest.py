"""Hypothesis draws the same examples in every run, so that a red test is red for everybody."""

from hypothesis import settings

settings.register_profile("book", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("book")

# A program that a test starts: to import it here would set JAX's precision for every other test.
collect_ignore = ["shard_map.py"]
