"""``python -m experiments NAME...``: do the runs whose results are not stored yet."""

import argparse
import os
import sys
from itertools import product

import numpy as np

from . import (
    attention,
    counting,
    flow,
    million,
    newton,
    remember,
    sunspots,
    text,
    text_plain,
    variants,
    vowels,
)
from .runner import run_all
from .store import Experiment

ADDING = {"hidden": 16, "batch": 20, "clip": 1.0}
LEARNT = ("solved_after", "seen", "wrong_of_2560", "mean_error", "curve")
SEEDS = range(5)

STARTS = ["-3/0", "0/0", "1/0", "3/0", "5/0"]
STARTS += ["plain", "plain, orthogonal", "3/-3", "5/-5", "chrono"]
"""How a network starts, as `learning.start` reads it."""

MAP = [
    (f"{forget}/{write}", scale)
    for scale, forget, write in product((1.0, 0.5, 0.25), (2, 3, 5), (0, -1, -3))
    if scale != 1 or f"{forget}/{write}" not in STARTS  # those are in adding-start
]
MAP += [("3/0", 0.3), ("3/0", 0.2), ("uniform 4/0", 1.0), ("uniform 5/0", 1.0)]

_rng = np.random.default_rng(1997)
RANDOM = [
    (f"{_rng.uniform(1, 6):.1f}/{_rng.uniform(-5, 0):.1f}", round(0.2 ** _rng.uniform(), 2))
    for _ in range(48)
]
"""Starts drawn at random, on which a rule that was found on the map can be tested."""

EXPERIMENTS = {
    experiment.name: experiment
    for experiment in (
        Experiment(  # biases
            "adding-start", "experiments.learning:adding",
            {**ADDING, "T": 100, "most": 100_000, "rate": 0.01, "scale": 1.0},
            [{"how": how, "seed": seed} for seed in SEEDS for how in STARTS],
            LEARNT,
        ),
        Experiment(  # biases and the scale of the weights
            "adding-map", "experiments.learning:adding",
            {**ADDING, "T": 100, "most": 60_000, "rate": 0.01},
            [{"how": how, "scale": scale, "seed": seed} for seed in SEEDS for how, scale in MAP],
            LEARNT,
        ),
        Experiment(  # starts that nobody chose
            "adding-random", "experiments.learning:adding",
            {**ADDING, "T": 100, "most": 60_000, "rate": 0.01},
            [
                {"how": how, "scale": scale, "seed": 100 + k}
                for k, (how, scale) in enumerate(RANDOM)
            ],
            LEARNT,
        ),
        Experiment(  # other rates
            "adding-rate", "experiments.learning:adding",
            {**ADDING, "T": 100, "most": 60_000, "scale": 1.0},
            [
                {"rate": rate, "how": how, "seed": seed}
                for seed in SEEDS for rate in (0.003, 0.03)
                for how in ("3/0", "5/0", "chrono")
            ],
            LEARNT,
        ),
        Experiment(  # longer sequences
            "adding-length", "experiments.learning:adding",
            {**ADDING, "most": 100_000, "rate": 0.01, "how": "chrono", "scale": 1.0},
            [{"T": T, "seed": seed} for seed in SEEDS for T in (500, 1000)],
            LEARNT,
        ),
        Experiment(  # three pairs of sets, ten trials with each
            "reber", "experiments.learning:reber",
            {"hidden": 8, "batch": 4, "rate": 0.01, "clip": 1.0, "strings": 256, "most": 50_000},
            [{"pair": pair, "seed": 10 * pair + k} for pair in range(3) for k in range(10)],
            ("solved_after", "seen"),
        ),
        Experiment(  # is the copy task learnt?
            "copying", "experiments.learning:copying",
            {"hidden": 32, "batch": 20, "clip": 1.0, "T": 20, "most": 6000, "rate": 0.01,
             "how": "chrono"},
            [{"seed": seed} for seed in SEEDS],
            ("solved_after", "steps", "wrong", "curve"),
        ),
        remember.EXPERIMENT, flow.EXPERIMENT, newton.EXPERIMENT, newton.AGAIN,
        million.MEMORY, million.MILLION, sunspots.EXPERIMENT, counting.EXPERIMENT,
        text.EXPERIMENT, text_plain.CHOOSE, text_plain.EXPERIMENT, attention.EXPERIMENT,
        variants.EXPERIMENT, variants.MORE,
        *vowels.EXPERIMENTS,
    )
}  # fmt: skip


def main() -> None:
    """Read the command line, and run."""
    parser = argparse.ArgumentParser(prog="python -m experiments", description=__doc__)
    parser.add_argument("names", nargs="+", choices=EXPERIMENTS, metavar="NAME",
                        help=", ".join(EXPERIMENTS))  # fmt: skip
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="N",
                        help="runs at a time; one for each core unless given")  # fmt: skip
    arguments = parser.parse_args()
    for name in arguments.names:
        try:
            run_all(EXPERIMENTS[name], arguments.processes)
        except ValueError as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main()
