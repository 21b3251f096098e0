"""``python -m experiments NAME...``: do the runs whose results are not stored yet."""

import argparse

from . import flow, learning, remember, sunspots
from .store import run_all


def bias(name: str) -> None:
    """The adding problem at T = 100, from every start."""
    runs = [
        {"T": 100, "how": how, "seed": seed, "most": 100_000}
        for seed in range(3)
        for how in learning.STARTS
    ]
    run_all(name, learning.ADDING, runs, learning.adding)


def lengths(name: str) -> None:
    """The adding problem at T = 500 and 1000, chrono."""
    runs = [
        {"T": T, "how": "chrono", "seed": seed, "most": 100_000}
        for seed in range(3)
        for T in (500, 1000)
    ]
    run_all(name, learning.ADDING, runs, learning.adding)


def reber(name: str) -> None:
    """The embedded Reber grammar: three pairs of sets, ten trials with each."""
    runs = [{"pair": pair, "seed": 10 * pair + trial} for pair in range(3) for trial in range(10)]
    run_all(name, learning.REBER, runs, learning.reber)


EXPERIMENTS = {
    "adding-bias": bias,
    "adding-length": lengths,
    "reber": reber,
    "remember": remember.all_runs,
    "flow": flow.all_runs,
    "sunspots": sunspots.all_runs,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m experiments", description=__doc__)
    parser.add_argument("names", nargs="+", choices=EXPERIMENTS, metavar="NAME",
                        help=", ".join(EXPERIMENTS))  # fmt: skip
    for name in parser.parse_args().names:
        EXPERIMENTS[name](name)
