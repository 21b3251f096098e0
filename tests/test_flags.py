"""Flags must be True or False, not another value that Python would treat as one."""

import ast
from importlib import import_module
from inspect import signature
from pathlib import Path

import numpy as np
import optax
import pytest
from helpers import refused

import lstm
from lstm import attention, exchange, masks, network, stack, tasks, train
from lstm.exchange import conventions, gru
from lstm.parallel import newton
from lstm.tutor.styles import style
from lstm.variants import gru as grus

LAYERS, W = stack.init(3, 2, rng=0), lstm.init(3, 2, rng=0)
PARAMS, MASK, X = train.init(2, 3, 1, rng=0), np.ones((4, 2), bool), np.ones((4, 2, 3))
BATCH = tasks.adding(20, 2, rng=0)
ROW = conventions.ROSETTA["PyTorch"]

FLAGS = {  # module, function, argument: a call with it
    ("attention", "init", "attend"): lambda v: attention.init(3, 2, attend=v),
    ("exchange.conventions", "write", "bias"): lambda v: conventions.write(ROW, W, v),
    ("exchange.equinox", "dump", "bias"): lambda v: exchange.equinox.dump(LAYERS, bias=v),
    ("exchange.gru", "write", "bias"): lambda v: gru.write(
        gru.ROSETTA["ONNX"], grus.cell(3, 2).init(0), v),
    ("exchange.keras", "dump", "bias"): lambda v: exchange.keras.dump(LAYERS, bias=v),
    ("exchange.keras", "dump", "cudnn"): lambda v: exchange.keras.dump(LAYERS, cudnn=v),
    ("exchange.mlx", "dump", "bias"): lambda v: exchange.mlx.dump(LAYERS, bias=v),
    ("exchange.nnx", "dump", "optimized"): lambda v: exchange.nnx.dump(LAYERS, optimized=v),
    ("exchange.onnx", "dump", "states"): lambda v: exchange.onnx.dump(LAYERS, states=v),
    ("exchange.tinygrad", "dump", "bias"): lambda v: exchange.tinygrad.dump(LAYERS, bias=v),
    ("exchange.torch", "dump", "bias"): lambda v: exchange.torch.dump(LAYERS, bias=v),
    ("exchange.torch", "dump", "cell"): lambda v: exchange.torch.dump(LAYERS, cell=v),
    ("fused", "forward", "cache"): lambda v: lstm.forward(X, W, cache=v),
    ("layers", "init", "bidirectional"): lambda v: stack.init(3, 2, bidirectional=v),
    ("masks", "left_align", "batch_first"): lambda v: masks.left_align(X, MASK, batch_first=v),
    ("masks", "lengths_of", "batch_first"): lambda v: masks.lengths_of(MASK, batch_first=v),
    ("network", "forward", "last"): lambda v: network.forward(PARAMS, BATCH.X, last=v),
    ("parallel.newton", "solve", "safe"): lambda v: newton.solve(X, W, safe=v),
    ("parameters", "init", "bidirectional"): lambda v: train.init(2, 3, 1, bidirectional=v),
    ("scan", "forward", "reverse"): lambda v: lstm.scan.forward(X, W, reverse=v),
    ("stack", "forward", "batch_first"): lambda v: stack.forward(X, LAYERS, batch_first=v),
    ("stack", "forward", "cache"): lambda v: stack.forward(X, LAYERS, cache=v),
    ("train", "fit", "carry"): lambda v: train.fit(PARAMS, [BATCH], optax.sgd(0.1), carry=v),
    ("train", "run", "last"): lambda v: train.run(PARAMS, BATCH, last=v),
    ("tutor.judge", "check", "batch_first"): lambda v: lstm.tutor.check(
        lstm.forward, batch_first=v),
    ("tutor.styles", "style", "batch_first"): lambda v: style(None, v),
}  # fmt: skip

INTERNAL = ("packed", "directions", "tutor.search", "tutor.mistakes", "book.")
"""Called by the package alone, with flags that have been checked, or that it sets itself."""


def test_the_table_has_every_flag_of_a_public_function():
    root, found = Path(lstm.__file__).parent, set()
    for path in root.rglob("*.py"):
        module = ".".join(path.relative_to(root).with_suffix("").parts)
        source = path.read_text(encoding="utf-8")
        if ": bool" in source and not module.startswith(INTERNAL):
            for node in ast.parse(source).body:
                if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                    found |= {
                        (module, node.name, one.arg)
                        for one in (*node.args.args, *node.args.kwonlyargs)
                        if isinstance(one.annotation, ast.Name) and one.annotation.id == "bool"
                    }
    assert found == FLAGS.keys()


@pytest.mark.parametrize("value", ["no", 0, 1, None, np.array([True, False])], ids=repr)
@pytest.mark.parametrize("flag", FLAGS, ids=" ".join)
def test_what_is_neither_true_nor_false_is_refused(flag, value):
    with refused(TypeError, f"{flag[-1]}: expected True or False, got {value!r}"):
        FLAGS[flag](value)


BIASES = [
    flag for flag in FLAGS
    if flag[-1] == "bias" and flag[0] != "exchange.gru"  # those of a new GRU are zero
]  # fmt: skip


@pytest.mark.parametrize("flag", BIASES, ids=" ".join)
def test_biases_that_are_not_zero_are_not_left_out(flag):
    assert FLAGS[flag](True) is not None
    with pytest.raises(ValueError, match=r"^bias: expected True, as "):
        FLAGS[flag](False)


POSITIONAL = {
    ("exchange.conventions", "write", "bias"),
    ("exchange.gru", "write", "bias"),
    ("tutor.styles", "style", "batch_first"),
}


@pytest.mark.parametrize(("module", "function", "name"), FLAGS)
def test_a_flag_is_passed_by_its_name(module, function, name):
    parameter = signature(getattr(import_module(f"lstm.{module}"), function)).parameters[name]
    by_name_alone = parameter.kind is parameter.KEYWORD_ONLY
    assert by_name_alone != ((module, function, name) in POSITIONAL)
