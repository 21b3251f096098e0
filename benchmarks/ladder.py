"""Time the rungs of `lstm.book.ladder` beside their limit, and store the ratios for chapter 9.

    OPENBLAS_NUM_THREADS=1 python benchmarks/ladder.py      (or `make ladder`)

Every rung runs once a round. What is stored is each rung's time divided by the limit's
in the same round: the median over the rounds, and the quartiles.
"""

import datetime
import json
import time
from pathlib import Path

import machine

machine.pin()
THREADS = machine.threads()

import numpy as np  # noqa: E402  (after the threads are set)
from contestants import SHAPES  # noqa: E402

import lstm  # noqa: E402
from lstm.book.ladder import LADDER, products  # noqa: E402

ROUNDS = 25


def climb(n, b, D, H):
    """Ratios to the limit, one row a round and one column a rung."""
    rng = np.random.default_rng(0)
    X, dHout = (rng.standard_normal((n, b, size)).astype(np.float32) for size in (D, H))
    WLSTM, zero = lstm.init(D, H, rng=0, dtype=np.float32), np.zeros((b, H), np.float32)
    limit = products(n, b, D, H)

    def seconds(run):
        start = time.perf_counter()
        run()
        return time.perf_counter() - start

    def run(rung):
        result = rung.forward(X, WLSTM, zero, zero)
        rung.backward(dHout, result.cache, zero, zero)

    ratios = []
    for _ in range(ROUNDS + 1):
        bare = seconds(limit)
        ratios.append([seconds(lambda rung=rung: run(rung)) / bare for rung in LADDER])
    return np.array(ratios[1:])  # the first round warms up


def main():
    results = {}
    for shape in SHAPES:
        low, middle, high = np.percentile(climb(*shape), (25, 50, 75), axis=0)
        results[str(shape)] = {
            rung.name: [round(float(q), 3) for q in quartiles]
            for rung, *quartiles in zip(LADDER, low, middle, high, strict=True)
        }
        print(shape, {name: q[1] for name, q in results[str(shape)].items()}, flush=True)
    stored = {
        "what": "time of forward + backward in float32, divided by that of the matrix products "
        "alone; first quartile, median, third quartile",
        "date": datetime.date.today().isoformat(),
        "rounds": ROUNDS,
        "machine": machine.describe(),
        "ratios": results,
    }
    path = Path(__file__).parent.parent / "book" / "data" / f"ladder-{THREADS}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
