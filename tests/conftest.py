"""What all tests run under, and the processes that they start.

Hypothesis draws the same examples in every run, so that a red test is red for everybody. JAX is
told to compile quickly rather than to make fast programs; the chapters run with its defaults.
"""

import os

import pytest
from hypothesis import settings

FAST = "--xla_backend_optimization_level=0"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {FAST}".strip()

settings.register_profile("book", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("book")

# Programs that tests start: to import the first here would set JAX's precision for every test.
collect_ignore = ["shard_map.py", "forked.py"]


@pytest.fixture
def file(tmp_path):
    """Write a reader's program in a folder of its own, and return its path."""

    def write(text):
        path = tmp_path / "mine.py"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write
