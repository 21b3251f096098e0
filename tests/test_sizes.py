"""Sizes that no memory holds: each function says whose they are, and of which shape."""

import numpy as np
import pytest
from helpers import refused

from lstm import (
    attention,
    dates,
    fused,
    gradcheck,
    layers,
    network,
    stream,
    tasks,
    text,
    tracking,
    variants,
)
from lstm.variants import check, projection

M = 2**25  # two such sizes are too large together, one is not
WLSTM = fused.init(3, 2, rng=0)
ATTENDED = attention.init(4, 3, rng=0)
QUESTION = np.zeros((2, 5, 4), np.float32)
ANSWERING = network.init(3, 2, 3, rng=0)

ENDLESS = {  # what is called: (the call, the names in its message, the shape)
    "init": (lambda: fused.init(M - 3, M), "input_size, hidden_size", (2 * M - 2, 4 * M)),
    "layers.init": (lambda: layers.init(1, [2, M]), "layers, hidden_size", (2, 1, 1 + M, 4 * M)),
    "layers.init of both directions": (lambda: layers.init(M, 9 * M, bidirectional=True),
        "layers, hidden_size", (1, 2, 1 + 9 * M, 36 * M)),
    "network.init": (lambda: network.init(1, 1, 2**49), "hidden_size, output_size", (2, 2**49)),
    "Stream": (lambda: stream.Stream(WLSTM, 2**46), "batch", (2**46, 12)),
    "random_problem": (lambda: gradcheck.random_problem(2**17, 2**16, 2**16, 1), "n, b, D, H",
        (2**17, 2**16, 2**16)),
    "adding": (lambda: tasks.adding(2**26, 2**22), "T, batch", (73819750, 2**22, 2)),
    "recall": (lambda: tasks.recall(2**26, 2**22), "n, batch", (2**26, 2**22, 2)),
    "copy": (lambda: tasks.copy(2**20, 2**20, length=2**20, symbols=2**9 - 2),
        "T, length, batch, symbols", (3 * 2**20, 2**20, 2**9)),
    "parity": (lambda: tracking.parity(2**24, 2**24), "n, batch", (2**24, 2**24, 2)),
    "cups": (lambda: tracking.cups(2**20, 2**20, count=2**9), "n, batch, count",
        (2**20, 2**20, 2**9, 2**9)),
    "streams": (lambda: next(iter(text.streams(np.zeros(9, int), 2**24, 8, 2**24))), "n, batch, K",
        (2**24, 8, 2**24)),
    "letters of streams": (lambda: next(iter(text.streams(np.zeros(9, int), 1, 1, M))), "K",
        (M, M)),
    "sample": (lambda: text.sample(ANSWERING, "a", 2**49, alphabet="abc"), "length", (2**49,)),
    "dates": (lambda: dates.dates(2**40), "batch", (26, 2**40, 44)),
    "translate": (lambda: attention.translate(ATTENDED, QUESTION, 2**47), "n", (2**47, 5)),
    "Cell.init": (lambda: variants.CELLS["coupled gates"](M, M).init(0), "D, H",
        (1 + 2 * M, 4 * M)),
    "projection": (lambda: projection.cell(1, 2**22, 2**26), "H, P", (2 + 2**26, 2**24)),
    "a cell's random_problem": (
        lambda: check.random_problem(variants.CELLS["LSTM"](2, 2), 2**47, 3),
        "n, b", (2**47, 3, 2)),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDLESS)
def test_an_array_that_no_memory_holds_is_refused(name):
    call, names, shape = ENDLESS[name]
    with refused(ValueError, f"{names}: expected an array of at most 2**48 numbers, got shape "
                 f"{shape}"):  # fmt: skip
        call()
