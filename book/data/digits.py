"""Train the network that chapter 11's figure runs in the page, and write it as a script.

    python book/data/digits.py

It reads an 8 by 8 digit of scikit-learn column by column, 8 numbers a step, and answers after each
column which of the ten it takes it for. Hands draw where they like, so the training images are
shifted by up to a pixel, thinned and thickened. Written: ``book/_static/digits.js``.
"""

import json
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
import optax
from sklearn.datasets import load_digits
from tqdm import trange

from lstm import fused, tasks, train

HIDDEN, UPDATES, BATCH, SEED = 24, 3000, 64, 0
FILE = Path(__file__).parent.parent / "_static/digits.js"


def sequences(images: np.ndarray) -> np.ndarray:
    """Columns as steps: (b, 8, 8) rows and columns to X, shape (8, b, 8)."""
    return np.ascontiguousarray(images.transpose(2, 0, 1), dtype=np.float32)


def drawn(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shifted by up to a pixel either way, with another contrast."""
    moved = np.pad(images, [(0, 0), (1, 1), (1, 1)])
    rows, columns = rng.integers(0, 3, (2, len(images)))
    cut = [image[r : r + 8, c : c + 8] for image, r, c in zip(moved, rows, columns, strict=True)]
    strength = rng.uniform(0.7, 1.6, (len(images), 1, 1))
    return np.clip(np.array(cut) * strength, 0, 1)


def main() -> None:
    """Train on the first 1,400 images, test on the last 397."""
    rng = np.random.default_rng(SEED)
    digits = load_digits()
    images = digits.images / 16
    training, held_out = slice(0, 1400), slice(1400, None)
    one_hot = np.eye(10, dtype=np.float32)[digits.target]
    where = np.zeros((8, BATCH), bool)
    where[2:] = True  # from the third column on it must answer; the last counts like the others

    def batches():
        for _ in trange(UPDATES, disable=None):
            rows = rng.integers(0, 1400, BATCH)
            X = sequences(drawn(images[rows], rng))
            Y = np.broadcast_to(one_hot[rows], (8, BATCH, 10)).copy()
            yield tasks.Batch(X, Y, where, np.full(BATCH, 8))

    params = train.init(8, HIDDEN, 10, rng=SEED)
    optimizer = optax.chain(
        optax.clip_by_global_norm(1.0), optax.adam(optax.cosine_decay_schedule(1e-2, UPDATES))
    )
    for update in train.fit(params, batches(), optimizer, train.cross_entropy):
        params = update.params
    # In thousandths, as they are stored; what is measured is measured with these.
    params = {name: np.round(array, 3) for name, array in params.items()}
    right = {}
    for name, part in (("training", training), ("held out", held_out)):
        Hout = fused.forward(sequences(images[part]), params["WLSTM"]).Hout
        answers = train.answer(params, Hout).argmax(axis=-1)
        right[name] = [round(float(a), 4) for a in (answers == digits.target[part]).mean(axis=1)]
    print(right)
    stored = {
        "made by": "python book/data/digits.py",
        "date": date.today().isoformat(),
        "versions": {name: version(name) for name in ("numpy", "optax", "scikit-learn")},
        "right after each column": right,
        **{
            name: {"shape": array.shape, "data": np.rint(1000 * array).astype(int).ravel().tolist()}
            for name, array in params.items()
        },
        # One held-out image of each digit, to begin with.
        "examples": [
            (images[1400:][digits.target[1400:] == digit][0] * 16).astype(int).ravel().tolist()
            for digit in range(10)
        ],
    }
    text = json.dumps(stored, separators=(",", ":"))
    FILE.write_text(
        "// A trained network and ten digits, for drawdigit.js; written by book/data/digits.py.\n"
        f"const DIGITS = {text};\n"
    )


if __name__ == "__main__":
    main()
