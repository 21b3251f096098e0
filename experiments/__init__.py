"""Long runs, whose stored results the book draws. Start one with ``python -m experiments NAME``."""
