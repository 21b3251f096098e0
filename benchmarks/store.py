"""Boil the JSON of `make bench` down to the ratios that chapter 9 prints.

    python benchmarks/store.py        reads _build/bench-*.json, writes book/data/peers.json

For each shape and contestant: the median, over the rounds, of its time divided by that
of lstm.fused (or lstm.step) in the same round.
"""

import json
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent


def ratios(times):
    ours = np.array(times["lstm.fused" if "lstm.fused" in times else "lstm.step"])
    return {name: round(float(np.median(np.array(t) / ours)), 3) for name, t in times.items()}


def main():
    stored = []
    for path in sorted((ROOT / "_build").glob("bench-*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        stored.append({
            "date": result["datetime"][:10],
            "machine": result["machine_info"]["lstm"],
            "ratios": {
                bench["param"] or "stream": ratios(bench["extra_info"]["times"])
                for bench in result["benchmarks"]
            },
        })  # fmt: skip
    path = ROOT / "book" / "data" / "peers.json"
    path.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
