"""Chapter 12's bits per letter measured again, by code that shares none with the package.

The text is pinned by its digests, the stored weights are read as arrays, and the network, the
counts and the costs are computed here from the equations of the chapter.
"""

import hashlib
import json
import lzma
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

DATA = Path(__file__).parent.parent / "book" / "data"
LETTERS = "\n" + "".join(chr(code) for code in range(32, 127))
DIGESTS = {
    "training": "e22573099a6f84cf69ea40058cb5ef8ea6fe5bdd17ba1ed0c865fff6e680d117",
    "validation": "6c7daf9b7ae568bf663c6bb01113e76d06eb251d6ecb7179a3965667539219ed",
    "test": "3e2c612ca1a54a7fb989b18951eb7a30391e72e30126f13eb317c1f1ebe47340",
}


@pytest.fixture(scope="module")
def texts():
    with lzma.open(DATA / "topics.json.xz", "rt", encoding="ascii") as file:
        stored = json.load(file)
    return {name: "".join(stored[name].values()) for name in DIGESTS}


@pytest.fixture(scope="module")
def stored():
    with open(DATA / "text.json", encoding="utf-8") as file:
        runs = json.load(file)["runs"]
    return next(r for r in runs if r["arguments"] == {"one_in": 1, "updates": 10_000, "seed": 0})


def test_the_text_is_the_one_that_was_measured(texts):
    for name, letters in texts.items():
        assert hashlib.sha256(letters.encode("ascii")).hexdigest() == DIGESTS[name], name


def test_its_licence_lies_beside_it():
    licence = (DATA / "topics.LICENSE.txt").read_text(encoding="utf-8")
    assert "PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2" in licence
    assert "Copyright (c) 2001-2024 Python Software Foundation" in " ".join(licence.split())
    assert "PSF License Agreement" in (DATA / "topics.py").read_text(encoding="utf-8")


def logistic(z):
    return 1 / (1 + np.exp(-z))


def test_the_bits_of_the_network(texts, stored):
    """Gate by gate. Eight readers share the text; each begins 1,000 letters before its part."""
    with np.load(DATA / "text.npz") as arrays:
        layers = [arrays[f"1, 0: layer {k}"].astype(float) for k in (0, 1)]
        out = arrays["1, 0: WOUT"].astype(float)
    letters = np.array([LETTERS.index(letter) for letter in texts["test"]])
    H, readers, before = 128, 8, 1000
    part = len(letters) // readers
    first = layers[0][1:97] + layers[0][0]  # a letter's row, and the biases

    def cell(z, c):
        i, f, o = (logistic(z[:, k * H : (k + 1) * H]) for k in range(3))
        c = f * c + i * np.tanh(z[:, 3 * H :])
        return c, o * np.tanh(c)

    c1, h1, c2, h2 = np.zeros((4, readers, H))
    cost = {}
    for t in range(-before, part):
        at = np.arange(readers) * part + t
        begun = (at >= 0)[:, None]  # the first reader has nothing to read before its part
        read = letters[np.maximum(at, 0)]
        c1, h1 = cell(first[read] + h1 @ layers[0][97:], c1)
        c2, h2 = cell(layers[1][0] + np.hstack([h1, h2]) @ layers[1][1:], c2)
        c1, h1, c2, h2 = (state * begun for state in (c1, h1, c2, h2))
        a = out[0] + h2 @ out[1:]
        for reader in range(readers * (t >= 0)):
            if at[reader] + 1 < len(letters):
                came = a[reader, letters[at[reader] + 1]]
                cost[at[reader]] = np.log(np.exp(a[reader]).sum()) - came
    assert len(cost) >= len(letters) - readers
    assert abs(np.mean(list(cost.values())) / np.log(2) - stored["test"]) < 5e-4


def test_the_bits_of_kneser_ney_of_order_seven(texts):
    """Counts by dictionaries, from the highest order down; the discounts of Chen and Goodman."""
    order, training, test = 7, texts["training"], texts["test"]
    counts = {order: Counter(training[k : k + order] for k in range(len(training) - order + 1))}
    for n in range(order - 1, 0, -1):  # lower down: after how many letters each string came
        grams = {training[k : k + n + 1] for k in range(len(training) - n)}
        counts[n] = Counter(gram[1:] for gram in grams)
    levels = {}
    for n, table in counts.items():
        n1, n2, n3, n4 = (sum(c == k for c in table.values()) for k in (1, 2, 3, 4))
        y = n1 / (n1 + 2 * n2)
        take = {1: 1 - 2 * y * n2 / n1, 2: 2 - 3 * y * n3 / n2, 3: 3 - 4 * y * n4 / n3}
        total, taken = defaultdict(int), defaultdict(float)
        for gram, count in table.items():
            total[gram[:-1]] += count
            taken[gram[:-1]] += take[min(count, 3)]
        levels[n] = table, take, total, taken
    bits = 0.0
    for t in range(1, len(test)):
        p = 1 / len(LETTERS)
        for n in range(1, min(order, t + 1) + 1):
            table, take, total, taken = levels[n]
            past = test[t - n + 1 : t]
            if past not in total:
                break
            count = table.get(past + test[t], 0)
            p = (count - take.get(min(count, 3), 0) + taken[past] * p) / total[past]
        bits -= np.log2(p)
    assert abs(bits / (len(test) - 1) - 1.845) < 1e-3  # as chapter 12 says
