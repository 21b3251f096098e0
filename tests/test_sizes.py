"""Sizes that no memory holds, and the smallest that will do: each function says whose they are."""

import ast
import datetime
from pathlib import Path

import numpy as np
import pytest
from helpers import refused

from lstm import (
    attention,
    dates,
    fused,
    gradcheck,
    grammar,
    laws,
    layers,
    network,
    recompute,
    recurrent,
    scan,
    stream,
    tasks,
    text,
    tracking,
    variants,
)
from lstm.book import ngrams
from lstm.parallel import diagonal, linear, newton
from lstm.variants import check, projection

PACKAGE = Path(fused.__file__).parent

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


X, ONES = np.zeros((4, 1, 3)), np.ones(2)
SMALL = fused.init(3, 2, rng=0, dtype=np.float32)


def checked(**options):
    return gradcheck.check(lambda p: p, {"p": ONES}, ONES, {"p": ONES}, **options)


LEAST = [  # where the size is checked, the argument, the smallest that will do, and a call with it
    ("attention", "K", 1, lambda k: attention.init(k, 2)),
    ("attention", "H", 1, lambda k: attention.init(2, k)),
    ("attention", "n", 1, lambda k: attention.translate(ATTENDED, QUESTION, k)),
    ("attention", "start", 0, lambda k: attention.translate(ATTENDED, QUESTION, 2, k)),
    ("book/ngrams", "order", 1, lambda k: ngrams.KneserNey("abc", k, "abc")),
    ("compare", "sample", 1, lambda k: checked(sample=k)),
    ("compare", "directions", 1, lambda k: checked(directions=k)),
    ("dates", "form", 0, lambda k: dates.written(datetime.date(2000, 1, 1), k)),
    ("dates", "batch", 1, lambda k: dates.dates(k)),
    ("fused", "input_size", 0, lambda k: fused.init(k, 2)),
    ("fused", "hidden_size", 1, lambda k: fused.init(2, k)),
    ("gradcheck", "n", 0, lambda k: gradcheck.random_problem(n=k)),
    ("gradcheck", "b", 0, lambda k: gradcheck.random_problem(b=k)),
    ("gradcheck", "D", 0, lambda k: gradcheck.random_problem(D=k)),
    ("gradcheck", "H", 1, lambda k: gradcheck.random_problem(H=k)),
    ("grammar", "count", 0, lambda k: grammar.embedded_reber(k)),
    ("laws", "powers[0]", -1022, lambda k: laws.linearity(lambda w: {"p": w}, ONES, powers=(k,))),
    ("laws", "trials", 1, lambda k: laws.symmetry(lambda p: {"p": p}, {"p": ONES}, trials=k)),
    ("laws", "trials", 1, lambda k: laws.dot_product(
        lambda p: p, lambda w: {"p": w}, {"p": ONES}, trials=k)),
    ("layers", "input_size", 0, lambda k: layers.init(k, 2)),
    ("layers", "hidden_size", 1, lambda k: layers.init(2, k)),
    ("layers", "hidden_size[1]", 1, lambda k: layers.init(2, [3, k])),
    ("layers", "layers", 1, lambda k: layers.init(2, 3, k)),
    ("parallel/diagonal", "iterations", 0, lambda k: diagonal.solve(
        X, np.zeros(8), np.ones((3, 8)), np.ones(8), iterations=k)),
    ("parallel/linear", "pieces", 1, lambda k: linear.blocked([0.5], [1.0], pieces=k)),
    ("parallel/newton", "iterations", 0, lambda k: newton.solve(X, WLSTM, iterations=k)),
    ("parallel/newton", "length", 1, lambda k: newton.solve_in_pieces(X, WLSTM, length=k)),
    ("parameters", "output_size", 1, lambda k: network.init(2, 3, k)),
    ("recompute", "every", 1, lambda k: recompute.forward(X, WLSTM, every=k)),
    ("recompute", "every", 1, lambda k: recompute.scan(X.astype("f"), SMALL, every=k)),
    ("recurrent", "D", 0, lambda k: recurrent.cell_sizes(k, 2)),
    ("recurrent", "H", 1, lambda k: recurrent.cell_sizes(2, k)),
    ("scan", "unroll", 1, lambda k: scan.forward(X.astype("f"), SMALL, unroll=k)),
    ("scan", "remat", 1, lambda k: scan.forward(X.astype("f"), SMALL, remat=k)),
    ("stream", "batch", 0, lambda k: stream.Stream(WLSTM, k)),
    ("tasks", "T", 20, lambda k: tasks.adding(k, 2)),
    ("tasks", "T", 1, lambda k: tasks.copy(k, 2)),
    ("tasks", "batch", 1, lambda k: tasks.adding(20, k)),
    ("tasks", "batch", 1, lambda k: tasks.recall(5, k)),
    ("tasks", "batch", 1, lambda k: tasks.copy(2, k)),
    ("tasks", "n", 5, lambda k: tasks.recall(k, 2)),
    ("tasks", "in_a_row", 1, lambda k: tasks.solved_after([0.5, 0.0], in_a_row=k)),
    ("tasks", "length", 1, lambda k: tasks.copy(2, 2, length=k)),
    ("tasks", "symbols", 1, lambda k: tasks.copy(2, 2, symbols=k)),
    ("text", "n", 1, lambda k: next(text.streams([0, 1, 0], k, 1, 2))),
    ("text", "batch", 1, lambda k: next(text.streams([0, 1, 0], 1, k, 2))),
    ("text", "K", 1, lambda k: next(text.streams([0, 0, 0], 1, 1, k))),
    ("text", "top", 1, lambda k: text.probabilities([0.0, 1.0], top=k)),
    ("text", "piece", 1, lambda k: text.bits(ANSWERING, [0, 1, 0], piece=k)),
    ("text", "length", 0, lambda k: text.sample(ANSWERING, "a", k, alphabet="abc")),
    ("tracking", "n", 1, lambda k: tracking.parity(k, 2)),
    ("tracking", "n", 1, lambda k: tracking.cups(k, 2)),
    ("tracking", "batch", 1, lambda k: tracking.parity(2, k)),
    ("tracking", "batch", 1, lambda k: tracking.cups(2, k)),
    ("tracking", "count", 2, lambda k: tracking.cups(2, 2, count=k)),
    ("variants/check", "n", 0, lambda k: check.random_problem(projection.cell(2, 4), k)),
    ("variants/check", "b", 0, lambda k: check.random_problem(projection.cell(2, 4), 2, k)),
    ("variants/projection", "P", 1, lambda k: projection.cell(2, 4, k)),
]  # fmt: skip


@pytest.mark.parametrize(("module", "argument", "least", "call"), LEAST)
def test_the_smallest_size_will_do_and_one_less_is_refused(module, argument, least, call):
    call(least)
    with refused(ValueError, f"{argument}: expected at least {least}, got {least - 1}"):
        call(least - 1)


def test_every_size_that_is_checked_is_tried():
    tried = {(module, argument) for module, argument, *_ in LEAST}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="check_size"), args=[ast.Constant(argument), *_]):
                    module = path.relative_to(PACKAGE).with_suffix("").as_posix()
                    assert (module, argument) in tried
