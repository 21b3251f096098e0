"""Boil the JSON of `make bench` down to the ratios that chapter 9 prints.

    python benchmarks/store.py        reads _build/bench-*.json, writes book/data/peers.json

For each shape and contestant: its best time divided by that of lstm.fused (or lstm.step).
"""

import json
from pathlib import Path

ROOT = Path(__file__).parent.parent


def ratios(times):
    ours = min(times["lstm.fused" if "lstm.fused" in times else "lstm.step"])
    return {name: round(min(values) / ours, 3) for name, values in times.items()}


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
