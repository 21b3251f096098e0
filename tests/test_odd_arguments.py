"""Any object in place of an argument is either refused by an error of the package, or handled
right.

A table of calls, each with one place left open, and a table of odd things to put there. What is
refused must be refused by a TypeError or ValueError that was raised in the package and says what
was expected; what is accepted is listed in `FINE`, and nowhere else.
"""

import os
import re
import traceback
from datetime import date
from types import SimpleNamespace

import numpy as np
import optax
import pytest

import lstm
from lstm import (
    attention,
    dates,
    dropout,
    exchange,
    gradcheck,
    losses,
    masks,
    network,
    recompute,
    recurrent,
    scan,
    stack,
    tasks,
    text,
    tracking,
    train,
)  # fmt: skip
from lstm.parallel import adjoint, diagonal, gradient, linear, newton
from lstm.variants import gru, projection

os.environ.setdefault("KERAS_BACKEND", "jax")
RNG = np.random.default_rng(0)
X, W = RNG.standard_normal((6, 4, 5)), lstm.init(5, 3, rng=0)
RUN = lstm.forward(X, W)
BOTH = stack.init(5, 3, layers=2, bidirectional=True, rng=0)
ONE_WAY = stack.init(5, 3, layers=2, rng=0)
NET = {"WLSTM": W, "WOUT": RNG.standard_normal((4, 2))}
PARAMS, BATCH = network.init(2, 3, 1, rng=0), tasks.adding(20, 4, rng=0)
X4, W4 = X.astype("f4"), W.astype("f4")
DICT = exchange.torch.dump(ONE_WAY)
QUESTIONS, READ = RNG.standard_normal((2, 5, 2, 4))
LETTERS = attention.init(4, 3, rng=0, dtype=float)
ANSWER = attention.forward(LETTERS, QUESTIONS, READ)
PAIRS = dates.Pairs(QUESTIONS, READ, np.eye(4)[RNG.integers(4, size=(5, 2))], np.ones((5, 2), bool))
WRITER = network.init(5, 3, 5, rng=0)
A, OWN, DAY = RNG.standard_normal((6, 4, 3)), RNG.standard_normal((5, 12)), date(2000, 1, 1)
CELL = gru.cell(5, 3)
CELL_PARAMS = CELL.init(0)
CELL_RUN = CELL.forward(X, CELL_PARAMS)
PIECES = recompute.forward(X, W)


class Device:
    """A tensor that cannot be read."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("device lost")


class Module:
    """Something with arrays inside."""

    def state_dict(self):
        return {}


ITSELF: list[object] = [1.0]
ITSELF.append(ITSELF)

ODD = {
    "None": None, "text": "abc", "bytes": b"abc", "3": 3, "inf": float("inf"), "1j": 1j,
    "object": object(), "a class": int, "a dict": {"X": X}, "a set": {1, 2}, "[]": [],
    "[1, 2, 3]": [1, 2, 3], "ragged": [[1], [1, 2]], "deep": [[[[[1.0]]]]],
    "a function of none": lambda: 3, "a namespace": SimpleNamespace(), "a module": Module(),
    "a device": Device(), "a layer": BOTH[0], "a result": RUN, "objects": X.astype(object),
    "big-endian": X.astype(">f8"), "float32": X4, "float16": X.astype("f2"),
    "integers": X.astype("i8"), "bools": X > 0, "texts": X.astype("U"), "complex64": X.astype("c8"),
    "dates": np.zeros(X.shape, "M8[s]"), "records": np.zeros(X.shape, [("a", "f8")]),
    "0-d": np.float64(1), "1-d": X[0, 0], "2-d": X[0], "4-d": X[None],
    "masked": np.ma.masked_array(X), "rows with a mask": list(np.ma.masked_array(X, X > 1)),
    "a span": np.timedelta64(3), "a complex": np.complex64(0.5), "huge": 10**400,
    "a list in itself": ITSELF,
}  # fmt: skip


def changed(**fields):
    return train.run(PARAMS, BATCH._replace(**fields))


def dropped(**options):
    return dropout.thin(PARAMS, np.random.default_rng(0), **options)


def checked(function=lambda X: X, inputs=None, cotangents=X, gradients=None, **options):
    inputs, gradients = ({"X": X} if one is None else one for one in (inputs, gradients))
    return gradcheck.check(function, inputs, cotangents, gradients, **options)


def recurrence(way, name, value):
    return getattr(linear, way)(**{"A": A, "u": A, "s0": A[0]} | {name: value})


def fit(params=PARAMS, batches=(BATCH,), optimizer=None, **options):
    optimizer = optax.sgd(0.1) if optimizer is None else optimizer
    return list(train.fit(params, batches, optimizer, **options))


CALLS = {
    "forward X": lambda v: lstm.forward(v, W),
    "forward WLSTM": lambda v: lstm.forward(X, v),
    "forward c0": lambda v: lstm.forward(X, W, v),
    "forward h0": lambda v: lstm.forward(X, W, None, v),
    "forward cache": lambda v: lstm.forward(X, W, cache=v),
    "step x": lambda v: lstm.step(v, W),
    "step WLSTM": lambda v: lstm.step(X[0], v),
    "step c": lambda v: lstm.step(X[0], W, v),
    "backward dHout": lambda v: lstm.backward(v, RUN.cache),
    "backward cache": lambda v: lstm.backward(RUN.Hout, v),
    "backward dCn": lambda v: lstm.backward(RUN.Hout, RUN.cache, v),
    "init input_size": lambda v: lstm.init(v, 3),
    "init hidden_size": lambda v: lstm.init(3, v),
    "init forget_bias": lambda v: lstm.init(3, 3, forget_bias=v),
    "init rng": lambda v: lstm.init(3, 3, rng=v),
    "init dtype": lambda v: lstm.init(3, 3, dtype=v),
    "stack X": lambda v: stack.forward(v, BOTH),
    "stack layers": lambda v: stack.forward(X, v),
    "stack c0": lambda v: stack.forward(X, BOTH, v),
    "stack lengths": lambda v: stack.forward(X, BOTH, lengths=v),
    "stack batch_first": lambda v: stack.forward(X, BOTH, batch_first=v),
    "stack dropout": lambda v: stack.forward(X, BOTH, dropout=v, rng=np.random.default_rng(0)),
    "stack rng": lambda v: stack.forward(X, BOTH, dropout=0.5, rng=v),
    "stack cache": lambda v: stack.backward(None, v),
    "stack step x": lambda v: stack.step(v, ONE_WAY),
    "stack step layers": lambda v: stack.step(X[0], v),
    "stack step c": lambda v: stack.step(X[0], ONE_WAY, v),
    "stack init hidden_size": lambda v: stack.init(3, v),
    "stack init layers": lambda v: stack.init(3, 3, v),
    "stack init bidirectional": lambda v: stack.init(3, 3, bidirectional=v),
    "lengths_of mask": masks.lengths_of,
    "lengths_of batch_first": lambda v: masks.lengths_of(np.ones((6, 4), bool), batch_first=v),
    "pad sequences": masks.pad,
    "left_align X": lambda v: masks.left_align(v, np.ones((6, 4), bool)),
    "left_align mask": lambda v: masks.left_align(X, v),
    "recompute every": lambda v: recompute.forward(X, W, every=v),
    "Stream WLSTM": lstm.Stream,
    "Stream batch": lambda v: lstm.Stream(W, v),
    "scan X": lambda v: scan.forward(v, W4),
    "scan WLSTM": lambda v: scan.forward(X4, v),
    "scan c0": lambda v: scan.forward(X4, W4, v),
    "scan lengths": lambda v: scan.forward(X4, W4, lengths=v),
    "scan reverse": lambda v: scan.forward(X4, W4, reverse=v),
    "scan layers": lambda v: scan.stack(X4, v),
    "network params": lambda v: network.forward(v, X),
    "network WOUT": lambda v: network.forward({"WLSTM": W, "WOUT": v}, X),
    "network lengths": lambda v: network.forward(NET, X, lengths=v),
    "network h0": lambda v: network.forward(NET, X, h0=v),
    "network last": lambda v: network.forward(NET, X, last=v),
    "network hidden_size": lambda v: network.init(2, v, 1),
    "network bidirectional": lambda v: network.init(2, 3, 1, bidirectional=v),
    "chrono params": lambda v: network.chrono(v, 10),
    "chrono longest": lambda v: network.chrono(PARAMS, v),
    "cross_entropy Y": lambda v: losses.cross_entropy(X, v),
    "mean_loss where": lambda v: losses.mean_loss(X, X, v),
    "mean_loss loss": lambda v: losses.mean_loss(X, X, np.ones((6, 4), bool), v),
    "run params": lambda v: train.run(v, BATCH),
    "run batch": lambda v: train.run(PARAMS, v),
    "run X": lambda v: changed(X=v),
    "run Y": lambda v: changed(Y=v),
    "run where": lambda v: changed(where=v),
    "run lengths": lambda v: changed(lengths=v),
    "fit batches": lambda v: fit(batches=v),
    "fit optimizer": lambda v: fit(optimizer=object() if v is None else v),
    "fit gradients": lambda v: fit(gradients=v),
    "fit carry": lambda v: fit(carry=v),
    "adding n": lambda v: tasks.adding(v, 4, rng=0),
    "adding rng": lambda v: tasks.adding(20, 4, rng=v),
    "adding dtype": lambda v: tasks.adding(20, 4, rng=0, dtype=v),
    "torch state_dict": exchange.torch.load,
    "torch array": lambda v: exchange.torch.load(DICT | {"weight_hh_l0": v}),
    "torch prefix": lambda v: exchange.torch.load(DICT, v),
    "torch layers": exchange.torch.dump,
    "torch bias": lambda v: exchange.torch.dump(ONE_WAY, bias=v),
    "torch cell": lambda v: exchange.torch.dump(ONE_WAY[:1], cell=v),
    "keras layers": exchange.keras.load,
    "keras settings": lambda v: exchange.keras.load([(v, exchange.keras.dump(ONE_WAY)[0])]),
    "keras weights": lambda v: exchange.keras.load([(None, v)]),
    "keras cudnn": lambda v: exchange.keras.dump(ONE_WAY, cudnn=v),
    "flax params": exchange.flax.load,
    "haiku params": exchange.haiku.load,
    "nnx optimized": lambda v: exchange.nnx.dump(ONE_WAY, optimized=v),
    "onnx model": exchange.onnx.load,
    "onnx names": lambda v: exchange.onnx.load(exchange.onnx.dump(ONE_WAY), v),
    "onnx states": lambda v: exchange.onnx.dump(ONE_WAY, states=v),
    "onnx readout": lambda v: exchange.onnx.dump(ONE_WAY, readout=v),
    "load path": exchange.load,
    "save metadata": lambda v: exchange.save("/nowhere/a.npz", ONE_WAY, metadata=v),
    "recompute dHout": lambda v: recompute.backward(v, PIECES.cache),
    "recompute cache": lambda v: recompute.backward(X, v),
    "recompute dCn": lambda v: recompute.backward(None, PIECES.cache, v),
    "stream x": lambda v: lstm.Stream(W).step(v),
    "stream state": lambda v: lstm.Stream(W).reset(() if v is None else v),
    "answer params": lambda v: network.answer(v, X),
    "answer Hout": lambda v: network.answer(NET, v),
    "network dY": lambda v: network.backward(v, network.forward(NET, X).cache),
    "network cache": lambda v: network.backward(X, v),
    "squared answers": lambda v: losses.squared_error(v, X),
    "pad item": lambda v: masks.pad([X[0], v]),
    "thin params": lambda v: dropout.thin(v, np.random.default_rng(0)),
    "thin rng": lambda v: dropout.thin(PARAMS, v),
    "thin between": lambda v: dropped(between=v),
    "thin recurrent": lambda v: dropped(recurrent=v),
    "attention K": lambda v: attention.init(v, 3),
    "attention H": lambda v: attention.init(3, v),
    "attention forget_bias": lambda v: attention.init(3, 3, forget_bias=v),
    "attention rng": lambda v: attention.init(3, 3, rng=v),
    "attention params": lambda v: attention.forward(v, QUESTIONS, READ),
    **{f"attention {name}": lambda v, name=name: attention.forward(
        LETTERS | {name: v}, QUESTIONS, READ) for name in LETTERS},
    "attention X": lambda v: attention.forward(LETTERS, v, READ),
    "attention Z": lambda v: attention.forward(LETTERS, QUESTIONS, v),
    "attention dY": lambda v: attention.backward(v, ANSWER.cache),
    "attention cache": lambda v: attention.backward(READ, v),
    "attention batch": lambda v: attention.run(LETTERS, v),
    "attention where": lambda v: attention.run(LETTERS, PAIRS._replace(where=v)),
    "translate params": lambda v: attention.translate(v, QUESTIONS, 3),
    "translate X": lambda v: attention.translate(LETTERS, v, 3),
    "translate n": lambda v: attention.translate(LETTERS, QUESTIONS, v),
    "translate start": lambda v: attention.translate(LETTERS, QUESTIONS, 3, v),
    "dates batch": dates.dates,
    "dates rng": lambda v: dates.dates(3, v),
    "dates part": lambda v: dates.dates(3, part=v),
    "written day": lambda v: dates.written(v, 0),
    "written form": lambda v: dates.written(DAY, v),
    "pairs days": lambda v: dates.pairs(v, [0]),
    "pairs forms": lambda v: dates.pairs([DAY], v),
    "encode text": text.encode,
    "encode alphabet": lambda v: text.encode("ab", v),
    "decode symbols": text.decode,
    "streams symbols": lambda v: text.streams(v, 2, 2, 5),
    "streams n": lambda v: text.streams(np.arange(5), v, 2, 5),
    "probabilities answers": text.probabilities,
    "probabilities temperature": lambda v: text.probabilities(X, temperature=v),
    "probabilities top": lambda v: text.probabilities(X, top=v),
    "bits params": lambda v: text.bits(v, [1, 2, 3]),
    "bits symbols": lambda v: text.bits(WRITER, v),
    **{f"{way} {name}": lambda v, way=way, name=name: recurrence(way, name, v)
       for way in ("loop", "doubling", "blocked", "associative", "solve")
       for name in ("A", "u", "s0")},
    "linear ds": lambda v: linear.backward(v, A, A),
    "linear states": lambda v: linear.backward(A, A, v),
    "linear pieces": lambda v: linear.blocked(A, A, pieces=v),
    "newton X": lambda v: newton.solve(v, W),
    "newton c0": lambda v: newton.solve(X, W, v),
    "newton method": lambda v: newton.solve(X, W, method=v),
    "newton damping": lambda v: newton.solve(X, W, damping=v),
    "newton tolerance": lambda v: newton.solve(X, W, tolerance=v),
    "newton iterations": lambda v: newton.solve(X, W, iterations=v),
    "adjoint dHout": lambda v: adjoint.backward(v, RUN.cache),
    "adjoint cache": lambda v: adjoint.backward(RUN.Hout, v),
    "diagonal X": lambda v: diagonal.forward(v, OWN[0], OWN, OWN[0]),
    "diagonal b": lambda v: diagonal.forward(X, v, OWN, OWN[0]),
    "diagonal Wx": lambda v: diagonal.forward(X, OWN[0], v, OWN[0]),
    "diagonal tolerance": lambda v: diagonal.solve(X, OWN[0], OWN, OWN[0], tolerance=v),
    "parallel gradient X": lambda v: gradient.forward(v, W4),
    "parallel gradient c0": lambda v: gradient.forward(X4, W4, v),
    "cell D": lambda v: gru.cell(v, 3),
    "cell H": lambda v: gru.cell_after(3, v),
    "cell P": lambda v: projection.cell(3, 4, v),
    "cell rng": CELL.init,
    "cell keep": lambda v: CELL.init(0, keep=v),
    "cell dtype": lambda v: CELL.init(0, dtype=v),
    "cell X": lambda v: CELL.forward(v, CELL_PARAMS),
    "cell params": lambda v: CELL.forward(X, v),
    "cell state": lambda v: CELL.forward(X, CELL_PARAMS, v),
    "cell dHout": lambda v: CELL.backward(v, CELL_RUN.cache),
    "cell cache": lambda v: CELL.backward(CELL_RUN.Hout, v),
    "cell dstate": lambda v: CELL.backward(CELL_RUN.Hout, CELL_RUN.cache, v),
    "check function": checked,
    "check inputs": lambda v: checked(inputs=() if v is None else v),
    "check cotangents": lambda v: checked(cotangents=v),
    "check gradients": lambda v: checked(gradients=() if v is None else v),
    "check gradient of X": lambda v: checked(gradients={"X": v}),
    "check oracle": lambda v: checked(oracle=v),
    "check seed": lambda v: checked(seed=v),
    "check delta": lambda v: checked(delta=v),
    "check threshold": lambda v: checked(threshold=v),
    "check sample": lambda v: checked(sample=v),
    "problem n": gradcheck.random_problem,
    "problem seed": lambda v: gradcheck.random_problem(seed=v),
    "problem dtype": lambda v: gradcheck.random_problem(dtype=v),
    "parity n": lambda v: tracking.parity(v, 4),
    "parity rng": lambda v: tracking.parity(3, 4, v),
    "cups count": lambda v: tracking.cups(3, 4, count=v),
    "sample length": lambda v: text.sample(WRITER, "ab", v, alphabet="abcde"),
    "sample rng": lambda v: text.sample(WRITER, "ab", 3, rng=v, alphabet="abcde"),
    "scan cell": lambda v: recurrent.scan(v, X4, CELL_PARAMS),
    "scan cell X": lambda v: recurrent.scan(CELL, v, CELL.init(0, dtype="f4")),
    "scan cell params": lambda v: recurrent.scan(CELL, X4, v),
    "scan cell weights": lambda v: recurrent.scan(CELL, X4, dict.fromkeys(CELL.params, v)),
    "copy T": lambda v: tasks.copy(v, 2),
    "copy symbols": lambda v: tasks.copy(2, 2, symbols=v),
    "predict_next strings": tasks.predict_next,
    "possible strings": tasks.possible,
    "solved errors": tasks.solved_after,
    "solved mean": lambda v: tasks.solved_after([0.1], mean=v),
}  # fmt: skip

FINE = {
    **dict.fromkeys(("forward c0", "forward h0", "step c", "backward dHout", "backward dCn",
                     "stack c0", "stack lengths", "stack step c", "scan c0", "scan lengths",
                     "network lengths", "network h0", "keras settings", "onnx names",
                     "recompute dHout", "recompute dCn", "loop s0", "doubling s0", "blocked s0",
                     "associative s0", "solve s0", "newton c0", "adjoint dHout",
                     "parallel gradient c0", "cell state", "cell dstate", "check threshold"),
                    ("None",)),
    **dict.fromkeys(("recompute every", "Stream batch", "stack init layers", "probabilities top",
                     "linear pieces", "newton iterations", "cell P", "check sample"),
                    ("None", "3")),
    **dict.fromkeys(("init input_size", "init hidden_size", "chrono longest", "attention K",
                     "attention H", "translate n", "translate start", "dates batch",
                     "written form", "streams n", "cell D", "cell H", "problem n", "copy T",
                     "copy symbols", "parity n", "cups count", "sample length"), ("3",)),
    **dict.fromkeys(("stack init hidden_size", "network hidden_size"), ("3", "[1, 2, 3]")),
    **dict.fromkeys(("init rng", "adding rng", "attention rng", "dates rng", "cell rng",
                     "problem seed", "check seed", "parity rng"),  # NumPy takes lists, too
                    ("None", "3", "[]", "[1, 2, 3]", "a span", "huge")),
    **dict.fromkeys(("step x", "stack step x"), ("1-d", "2-d")),
    **dict.fromkeys(("init dtype", "adding dtype", "cell dtype", "problem dtype"), ("0-d",)),
    **dict.fromkeys(("init forget_bias", "attention forget_bias", "probabilities temperature",
                     "newton tolerance", "diagonal tolerance", "cell keep", "solved mean"),
                    ("3", "0-d")),
    **dict.fromkeys(("encode text", "encode alphabet"), ("text",)),
    **dict.fromkeys(("streams symbols", "bits symbols"), ("[1, 2, 3]",)),
    **dict.fromkeys(("check inputs", "check gradients"), ("a dict",)),
    **dict.fromkeys(("check cotangents", "check gradient of X"),
                    ("big-endian", "float32", "float16", "integers", "bools")),
    "stream x": ("1-d",),
    "sample rng": ("None", "3", "a span", "huge"),
    "pad item": ("2-d",),
    "decode symbols": ("[]", "[1, 2, 3]"),
    "solved errors": ("[]", "[1, 2, 3]", "1-d"),
    "parallel gradient X": ("float32",),
    "newton damping": ("0-d",),
    "check delta": ("None", "3", "0-d"),
    "possible strings": ("[]",),
    "probabilities answers": ("[1, 2, 3]", "deep", "big-endian", "float32", "float16", "integers",
                              "1-d", "2-d", "4-d"),
    "pad sequences": ("a layer", "float32"),
    "left_align X": ("big-endian", "float32", "float16", "integers", "bools", "complex64"),
    "scan X": ("2-d", "float32"),
    "scan cell X": ("float32",),
    "network WOUT": ("2-d",),
    "fit batches": ("[]",),
    "onnx readout": ("None", "2-d"),
}  # fmt: skip

CALLED = {"mean_loss loss", "fit gradients", "check function"}
"""What these are given is called: then a function's own words come out."""


def judge(call, odd):
    """None if it was refused in our words, "fine" if nothing was raised, or what is wrong."""
    try:
        call(odd)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1].filename
        ours = last.startswith(os.path.dirname(lstm.__file__))
        if ours and isinstance(error, (TypeError, ValueError)) and "expected" in str(error):
            return None
        if ours and str(error).endswith(": No such file or directory"):
            return None
        return f"{type(error).__name__}: {error} ({last})"
    return "fine"


@pytest.mark.parametrize("name", CALLS)
def test_what_is_odd_is_refused_in_our_words(name):
    verdicts = {what: judge(CALLS[name], odd) for what, odd in ODD.items()
                if not (callable(odd) and name in CALLED)}  # fmt: skip
    assert {what: verdict for what, verdict in verdicts.items() if verdict} == dict.fromkeys(
        FINE.get(name, ()), "fine"
    )


def words(name, value):
    """What a call says of a value; nothing if it is accepted."""
    try:
        CALLS[name](value)
    except (TypeError, ValueError, OSError) as error:
        return str(error)
    return ""


AXES = {
    "n", "m", "b", "k", "D", "H", "K", "4H", "4 * H", "1 + d * H", "rows", "columns", "...",
}  # fmt: skip


def test_messages_call_axes_by_the_names_of_the_book():
    """For arrays of more axes than any argument has."""
    found = []
    for name in CALLS:
        axes = re.search(r"expected shape \(([^()]+?),?\) = \(", words(name, np.zeros((1,) * 7)))
        found += [(name, axis) for axis in axes[1].split(", ")] if axes else []
    assert len(found) > 60
    assert {axis for _, axis in found} == AXES, found


LEAST = {  # each integer: the least that is accepted
    "init input_size": 0, "init hidden_size": 1, "stack init hidden_size": 1,
    "stack init layers": 1, "recompute every": 1, "Stream batch": 0, "network hidden_size": 1,
    "adding n": 20, "attention K": 1, "attention H": 1, "translate n": 1, "translate start": 0,
    "dates batch": 1, "written form": 0, "streams n": 1, "probabilities top": 1,
    "linear pieces": 1, "newton iterations": 0, "cell D": 0, "cell H": 1, "cell P": 1,
    "check sample": 1, "problem n": 0, "copy T": 1, "copy symbols": 1,
    "parity n": 1, "cups count": 2, "sample length": 0,
}  # fmt: skip


@pytest.mark.parametrize("name", LEAST)
def test_a_number_below_the_least_is_refused_and_the_least_is_not(name):
    least = LEAST[name]
    assert re.search(rf": expected at least {least}\b.*, got {least - 1}$", words(name, least - 1))
    assert "at least" not in words(name, least)


LIMITS = {"recompute every", "probabilities top", "linear pieces", "newton iterations",
          "check sample"}  # fmt: skip
"""Of these integers none is too large, as nothing is made of that size."""


@pytest.mark.parametrize("name", LEAST)
def test_a_size_that_no_memory_holds_is_refused_in_our_words(name):
    assert judge(CALLS[name], 2**62) == ("fine" if name in LIMITS else None)
    assert judge(CALLS[name], 10**5000) is None  # which Python cannot even spell


def test_the_sizes_of_an_array_of_absurd_size_are_named():
    assert words("init hidden_size", 2**25) == (
        f"input_size, hidden_size: expected an array of at most 2**48 numbers, got shape "
        f"{4 + 2**25, 2**27}"
    )


def test_every_integer_is_tried():
    integers = {name for name in CALLS if ": expected an integer, got" in words(name, "two")}
    assert integers - {"pairs forms"} == set(LEAST)  # "pairs forms" is a list of them
