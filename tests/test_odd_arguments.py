"""Whatever stands in the place of an argument: it is refused in our words, or it is right.

A table of calls, each with one place left open, and a table of odd things to put there. What is
refused must be refused by a TypeError or ValueError that was raised in the package and says what
was expected; what is accepted stands in `FINE`, and nowhere else.
"""

import os
import traceback
from types import SimpleNamespace

import numpy as np
import optax
import pytest

import lstm
from lstm import exchange, losses, masks, network, recompute, scan, stack, tasks, train

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


class Device:
    """A tensor that cannot be read."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("device lost")


class Module:
    """Something with arrays inside."""

    def state_dict(self):
        return {}


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
    "masked": np.ma.masked_array(X),
}  # fmt: skip


def changed(**fields):
    return train.run(PARAMS, BATCH._replace(**fields))


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
}  # fmt: skip

FINE = {
    **dict.fromkeys(("forward c0", "forward h0", "step c", "backward dHout", "backward dCn",
                     "stack c0", "stack lengths", "stack step c", "scan c0", "scan lengths",
                     "network lengths", "network h0", "keras settings", "onnx names"),
                    ("None",)),
    **dict.fromkeys(("recompute every", "Stream batch", "stack init layers"), ("None", "3")),
    **dict.fromkeys(("init input_size", "init hidden_size", "chrono longest"), ("3",)),
    **dict.fromkeys(("stack init hidden_size", "network hidden_size"), ("3", "[1, 2, 3]")),
    **dict.fromkeys(("init rng", "adding rng"),  # NumPy makes a seed of lists, too
                    ("None", "3", "[]", "[1, 2, 3]")),
    **dict.fromkeys(("step x", "stack step x"), ("1-d", "2-d")),
    **dict.fromkeys(("init dtype", "adding dtype"), ("0-d",)),
    "init forget_bias": ("3", "0-d"),
    "pad sequences": ("a layer", "float32"),
    "left_align X": ("big-endian", "float32", "float16", "integers", "bools", "complex64"),
    "scan X": ("2-d", "float32"),
    "network WOUT": ("2-d",),
    "fit batches": ("[]",),
    "onnx readout": ("None", "2-d"),
}  # fmt: skip

CALLED = {"mean_loss loss", "fit gradients"}
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
