"""Write the network that chapter 12's figure runs in the page, as a script.

    python book/data/letters.py

It is the first network of ``python -m experiments text``. A weight becomes one character: 91
levels, with a scale for each row. Which units track something is found on the
validation text. Written: ``book/_static/letters.js``.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from experiments.text import read, stored_params  # noqa: E402
from lstm import network, text  # noqa: E402
from lstm.book import probes  # noqa: E402
from lstm.stack import Layer  # noqa: E402

FILE = ROOT / "book/_static/letters.js"
LEVELS = "".join(chr(code) for code in range(35, 127) if chr(code) != "\\")
MIDDLE = len(LEVELS) // 2
NAMES = {"quotation": "in a quotation", "bracket": "best for brackets", "code": "best for code",
         "column": "best for columns"}  # fmt: skip
"""What the figure calls a unit. Only the first knows better than a network with initial weights."""


def pack(W: np.ndarray) -> dict[str, Any]:
    """A matrix as a record: its shape, the scale of each row, a character for each weight."""
    scales = [float(f"{size:.4g}") for size in abs(W).max(axis=1) / MIDDLE * 1.0001]
    levels = np.rint(W / np.array(scales)[:, None]).astype(int) + MIDDLE
    return {
        "shape": W.shape, "scales": scales, "levels": "".join(LEVELS[k] for k in levels.flat)
    }  # fmt: skip


def unpack(record: dict[str, Any]) -> np.ndarray:
    """The matrix that a record stands for."""
    levels = np.array([LEVELS.index(letter) for letter in record["levels"]]) - MIDDLE
    return levels.reshape(record["shape"]) * np.array(record["scales"])[:, None]


def stored() -> dict[str, Any]:
    """What the script holds."""
    line = FILE.read_text(encoding="ascii").splitlines()[-1]
    found: dict[str, Any] = json.loads(line.partition("= ")[2].rstrip(";"))
    return found


def params(record: dict[str, Any], dtype: Any = np.float64) -> dict[str, Any]:
    """The network that the script holds."""
    layers = [Layer(unpack(layer).astype(dtype)) for layer in record["layers"]]
    return {"layers": layers, "WOUT": unpack(record["readout"]).astype(dtype)}


def cells(network_params: dict[str, Any], passage: str) -> list[np.ndarray]:
    """The cell states of each layer after each letter, (n, H)."""
    X = np.eye(len(text.ALPHABET), dtype=np.float32)[text.encode(passage)][:, None]
    runs = network.forward(network_params, X).cache.below.runs
    return [run["forward"].C[1:, 0] for run in runs]


def best_units(layers: list[np.ndarray], marks: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """For each kind of place the unit that tracks it best."""
    found = []
    for name, marked in marks.items():
        if name == "column":
            scores = [abs(np.corrcoef(C.T, marked)[-1, :-1]) for C in layers]
        else:
            scores = [abs(probes.harder(C, marked) - 0.5) + 0.5 for C in layers]
        layer = int(np.argmax([score.max() for score in scores]))
        unit = int(scores[layer].argmax())
        found.append({"layer": layer, "unit": unit, "place": name, "name": NAMES[name],
                      "score": round(float(scores[layer][unit]), 3)})  # fmt: skip
    return found


def main() -> None:
    """Write the script, and say what packing costs."""
    trained, validation = stored_params(), read("validation")
    passage = validation[:20_000]
    record = {
        "made by": "python book/data/letters.py",
        "alphabet": text.ALPHABET,
        "beginning": 'The "for" statement is',
        "units": best_units(cells(trained, passage), probes.places(passage)),
        "layers": [pack(layer.forward) for layer in trained["layers"]],
        "readout": pack(trained["WOUT"]),
    }
    line = json.dumps(record, separators=(",", ":"))
    FILE.write_text(
        "// A trained network that writes, for write.js; written by book/data/letters.py.\n"
        f"const LETTERS = {line};\n", encoding="ascii",
    )  # fmt: skip
    symbols = text.encode(validation[:10_000])
    for name, one in (("float16", trained), ("packed", params(record, np.float32))):
        print(name, round(float(text.bits(one, symbols).mean()), 4))
    print(record["units"], FILE.stat().st_size)


if __name__ == "__main__":
    main()
