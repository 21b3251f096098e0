"""With np.seterr(all="raise"), which many set to find nan, what vanishes or overflows raises none.

Each function that says so by a decorator is called with numbers of all sizes. Its control is
itself without the decorator: each error that this ignores must then be raised by some numbers.
"""

import ast
import itertools
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from lstm import compare, fused, losses, network, oracles, reference, stack, steps
from lstm.book import features, ladder
from lstm.parallel import adjoint, diagonal, linear, newton
from lstm.variants import check, mingru, minlstm, mlstm

ROOT = Path(__file__).parent.parent
n, b, D, H = 6, 2, 3, 4
SIZES = [1e-38, 1e-20, 2.0, 1e19, 2e37, 1.6e38]


def problem(x, w, d, least):
    """Inputs, weights and gradients in float32 of these sizes, with signs or without."""
    rng = np.random.default_rng(0)

    def drawn(size, *shape):
        with np.errstate(all="ignore"):
            return (size * rng.uniform(least, 2, shape)).astype(np.float32)

    return SimpleNamespace(
        X=drawn(x, n, b, D), W=drawn(w, 1 + D + H, 4 * H), above=drawn(w, 1 + 3 * H, 4 * H),
        own=drawn(w, 4 * H),
        c=drawn(x, b, H), h=drawn(x, b, H), WOUT=drawn(w, 1 + H, D),
        dHout=drawn(d, n, b, H), dc=drawn(d, b, H), dh=drawn(d, b, H),
        A=drawn(w, n, b, H, 2, 2), u=drawn(x, n, b, H, 2), du=drawn(d, n, b, H, 2),
    )  # fmt: skip


def after(forward, p):
    """The cache of a run forward."""
    return forward(p.X, p.W, p.c, p.h).cache


def stacked(f, p):
    """Two layers, of which the lower one runs both ways, with dropout between them."""
    layers = [stack.Layer(p.W, p.W), stack.Layer(p.above)]
    return f(p.X, layers, dropout=0.3, rng=np.random.default_rng(0))


def net(p):
    return {"layers": [stack.Layer(p.W)], "WOUT": p.WOUT}


def row(p):
    return {"x": p.X[0], "W": p.W, "c_prev": p.c, "h_prev": p.h}


def all_at_once(module):
    """The parallel form of a cell, with its inputs and parameters scaled."""

    def call(f, p):
        X, params, *_ = check.random_problem(module.cell(D, H), n, dtype=np.float32)
        with np.errstate(all="ignore"):
            X, weight = X * abs(p.X).max(), abs(p.W).max()
            params = {name: value * weight for name, value in params.items()}
        return f(X, params)

    return call


def oracle(f, p):
    return f(lambda x: x * x * x, {"x": p.X[0, 0]}, p.dHout[0, 0, :D])


def comparison(f, p):
    x = p.X[0, 0]
    return f(lambda x: x * x * x, {"x": x}, np.ones(D, x.dtype), {"x": x}, directions=2).errors


VANISHING = {
    stack.forward: lambda f, p: stacked(f, p)[:3],
    oracles.central_differences: oracle,
    oracles.complex_step: oracle,
    compare.check: comparison,
    linear.loop: lambda f, p: f(p.A, p.u),
    linear.doubling: lambda f, p: f(p.A, p.u),
    linear.blocked: lambda f, p: f(p.A, p.u),
    linear.backward: lambda f, p: f(p.du, p.A, p.u),
    steps.forward: lambda f, p: f(reference.STEPS, row(p)).h,
    steps.backward: lambda f, p: (
        f(reference.STEPS, steps.forward(reference.STEPS, row(p)), {"h": p.dh, "c": p.dc}).W
    ),
    mingru.parallel: all_at_once(mingru),
    minlstm.parallel: all_at_once(minlstm),
    mlstm.parallel: all_at_once(mlstm),
}
GROWING = {
    fused.forward: lambda f, p: f(p.X, p.W, p.c, p.h)[:3],
    fused.backward: lambda f, p: f(p.dHout, after(fused.forward, p), p.dc, p.dh),
    fused.step: lambda f, p: f(p.X[0], p.W, p.c, p.h),
    features.forward_by_features: lambda f, p: f(p.X, p.W, p.c, p.h)[:3],
    features.backward_by_features: lambda f, p: f(
        p.dHout, after(features.forward_by_features, p), p.dc, p.dh
    ),
    ladder.forward_as_written: lambda f, p: f(p.X, p.W, p.c, p.h)[:3],
    ladder.forward_hoisted: lambda f, p: f(p.X, p.W, p.c, p.h)[:3],
    stack.backward: lambda f, p: f(p.dHout, stacked(stack.forward, p).cache),
    network.backward: lambda f, p: f(p.dHout[..., :D], network.forward(net(p), p.X).cache),
    network.answer: lambda f, p: f(net(p), p.dHout),
    losses.squared_error: lambda f, p: f(p.X, p.dHout[..., :D]),
    losses.cross_entropy: lambda f, p: f(p.X[0, :1], np.eye(1, D, dtype=np.float32)),
    losses.mean_loss: lambda f, p: f(p.X, p.dHout[..., :D], np.ones((n, b), bool)),
    adjoint.backward: lambda f, p: f(p.dHout, after(fused.forward, p), p.dc, p.dh),
}
GUESSING = {
    newton.solve: lambda f, p: f(p.X, p.W),
    diagonal.solve: lambda f, p: f(p.X, p.own, p.W[1 : 1 + D], p.own),
}
CALLS = VANISHING | GROWING | GUESSING
IGNORED = {
    **dict.fromkeys(VANISHING, ("under",)),
    **dict.fromkeys(GROWING, ("over", "under")),
    **dict.fromkeys(GUESSING, ("over", "under", "invalid")),
}


def ignored():
    """By function that has the decorator: the errors that this ignores. `tutor` ignores all."""
    found = {}
    for path in sorted((ROOT / "lstm").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for call in getattr(node, "decorator_list", []):
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "np.errstate":
                    kinds = tuple(word.arg for word in call.keywords)
                    found |= {getattr(import_module(module), node.name): kinds}
    return {function: kinds for function, kinds in found.items() if kinds != ("all",)}


def test_every_function_that_ignores_errors_is_tried_for_each():
    assert ignored() == IGNORED


@pytest.mark.parametrize("function", CALLS, ids=lambda f: f"{f.__module__}.{f.__name__}")
def test_what_vanishes_or_overflows_is_no_error_under_errors_for_all(function):
    call, kinds, bare = CALLS[function], IGNORED[function], function.__wrapped__
    nothing, quiet = dict.fromkeys(("over", "under", "invalid"), "ignore"), "invalid" in kinds
    needless, tried = set(kinds), 0

    def outcome(f, p, **raised):
        try:
            with np.errstate(**nothing | raised):
                return call(f, p)
        except FloatingPointError:
            return None

    for sizes in itertools.product(SIZES, SIZES, SIZES, (-2, 0)):
        p = problem(*sizes)
        want = outcome(bare, p, invalid="ignore" if quiet else "raise")
        if want is None:  # nan: that is an error
            continue
        got = outcome(function, p, **dict.fromkeys([*kinds, "invalid"], "raise"))
        assert got is not None, sizes
        jax.tree.map(np.testing.assert_array_equal, got, want)
        needless -= {kind for kind in needless if outcome(bare, p, **{kind: "raise"}) is None}
        tried += 1
    assert tried > 100
    assert not needless
