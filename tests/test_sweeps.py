"""The sweeps of `sweeps.py`: that the package passes them, and that broken copies do not.

Each planted bug shows only beyond some size, at some magnitude, in one dtype or at the edge of a
block. The table names the sweep that must see it, so none is caught by luck.
"""

from functools import partial
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
import sweeps
import sweeps_above
import sweeps_stack
from hypothesis import given
from hypothesis import strategies as st

import lstm
from lstm import fused, recompute, stack
from lstm.gradcheck import random_problem
from lstm.parallel import adjoint
from lstm.zoo import Bug, plant


@pytest.mark.parametrize("name", sweeps.FUSED)
def test_the_fused_lstm_passes(name):
    sweeps.FUSED[name](fused)


def _stream_step(x, WLSTM, c, h):
    stream = lstm.Stream(WLSTM, batch=None if x.ndim == 1 else len(x))
    stream.reset([(c, h)])
    stream.step(x)
    return stream.state[0]


OTHER_WAYS = {  # to compute the same: the module, and the sweeps that it could fail
    "recompute, cut everywhere": (
        SimpleNamespace(forward=partial(recompute.forward, every=1), backward=recompute.backward),
        (sweeps.steps, sweeps.magnitudes),
    ),
    "recompute": (recompute, (sweeps.steps, sweeps.batches)),
    "backward as a scan": (
        SimpleNamespace(forward=fused.forward, backward=adjoint.backward),
        (sweeps.steps, sweeps.magnitudes, sweeps.saturated),
    ),
    "stream": (
        SimpleNamespace(forward=fused.forward, backward=fused.backward, step=_stream_step),
        (sweeps.batches, sweeps.inputs, sweeps.units, sweeps.saturated),
    ),
}


@pytest.mark.parametrize("name", OTHER_WAYS)
def test_other_ways_to_compute_the_same_pass(name):
    module, which = OTHER_WAYS[name]
    for sweep in which:
        sweep(module)


@pytest.mark.parametrize("name", sweeps_stack.STACK)
def test_the_stack_passes(name):
    sweeps_stack.STACK[name](stack)


@pytest.mark.parametrize("name", sweeps_above.ABOVE)
def test_what_stands_on_top_passes(name):
    module, sweep = sweeps_above.ABOVE[name]
    sweep(import_module(f"lstm.{module}"))


def both_sides(least, *thresholds):
    """Small sizes, and those just below, at and above each threshold."""
    edges = {t + k for t in thresholds for k in (-1, 0, 1)}
    return st.one_of(st.integers(least, 6), st.sampled_from(sorted(edges)))


SHAPES = st.tuples(
    both_sides(0, 16, 50, 64, 128), both_sides(0, 16, 32, 64), both_sides(0, 16, 64, 128),
    both_sides(1, 8, 16, 64, 100),
)  # fmt: skip
POWERS = st.integers(-6, 6)


@given(SHAPES, st.sampled_from(sweeps.FLOATS), POWERS, POWERS, st.integers(0, 2**32 - 1),
       st.integers(1, 9))  # fmt: skip
def test_any_size_at_any_magnitude(shape, dtype, gradient, cell, seed, steps):
    """Blocks of one to nine steps, cotangents and cell states of any size."""
    _, b, _, H = shape
    problem = random_problem(*shape, seed=seed, dtype=dtype)
    factors = dict.fromkeys(("dHout", "dCn", "dHn"), 10.0**gradient)
    limit, fused._BLOCK = fused._BLOCK, steps * 4 * max(b, 1) * H
    try:
        sweeps.compare(fused, sweeps.scaled(problem, c0=10.0**cell, **factors), f"{shape}")
    finally:
        fused._BLOCK = limit


@given(SHAPES.filter(lambda s: s[0] * s[1] <= 200), st.sampled_from(sweeps.FLOATS),
       st.sampled_from([1, 2, -1]), st.integers(1, 3), POWERS, st.data())  # fmt: skip
def test_any_stack(shape, dtype, d, layers, power, data):
    n, b, _, _ = shape
    lengths = data.draw(st.none() | st.lists(st.integers(0, n), min_size=b, max_size=b))
    sweeps_stack.compare_stack(
        stack, *shape, layers=layers, d=d, dtype=dtype, factor=10.0**power,
        lengths=None if lengths is None else np.array(lengths, int),
        seed=data.draw(st.integers(0, 99)), batch_first=data.draw(st.booleans()),
    )  # fmt: skip


# Bugs put around a public function: change(arguments, result) is what the broken one returns.


def arguments_of(function, given):
    """The arguments by name, and the sizes that bugs depend on."""
    names = {
        "forward": ("X", "WLSTM", "c0", "h0", "cache"),
        "backward": ("dHout", "cache", "dCn", "dHn"),
        "step": ("x", "WLSTM", "c", "h"), "init": ("D", "H"),
    }[function]  # fmt: skip
    a = SimpleNamespace(**dict(zip(names, given, strict=False)))
    if function == "forward":
        (a.n, a.b, a.D), a.H = a.X.shape, a.WLSTM.shape[1] // 4
    elif function == "backward":
        a.n, a.b, a.H = a.dHout.shape
        a.D = len(a.cache.WLSTM) - 1 - a.H
    elif function == "step":
        a.D, a.H = a.x.shape[-1], a.WLSTM.shape[1] // 4
    return a


def around(function, change):
    """A module like `lstm.fused` with one function broken."""
    module = SimpleNamespace(
        **{name: getattr(fused, name) for name in ("forward", "backward", "step", "init")},
        _BLOCK=fused._BLOCK,
    )
    right = getattr(fused, function)

    def wrong(*given, **named):
        result = right(*given, **named)
        return change(arguments_of(function, (*given, *named.values())), result)

    setattr(module, function, wrong)
    return module


def edit(result, name, change):
    """The result with one of its arrays changed."""
    array = getattr(result, name).copy()
    change(array)
    return result._replace(**{name: array})


def off(result, name, factor=1.001):
    array = getattr(result, name)
    return result._replace(**{name: array * array.dtype.type(factor)})


def rounded(result, dtype):
    kind = getattr(type(result), "_make", tuple)
    return kind(a.astype(dtype).astype(a.dtype) for a in result)


def clipped(result, limit):
    return type(result)(*(np.clip(a, -limit, limit) for a in result))


def only_real(a, r):
    return type(r)(*(x.real.astype(x.dtype) for x in r)) if np.iscomplexobj(r.dc0) else r


def zero_row(row):
    return lambda array: array[:, row:].fill(0)


AROUND = {
    # name: (sweep, function, change)
    "dWLSTM off beyond one block": ("blocks", "backward", lambda a, r: (
        off(r, "dWLSTM") if 4 * a.n * a.b * a.H > 1 << 16 else r)),
    "dc0 lost for n > 50": ("steps", "backward", lambda a, r: off(r, "dc0", 0) if a.n > 50 else r),
    "last output off for n > 128": ("steps", "forward", lambda a, r: (
        off(r, "Hn") if a.n > 128 else r)),
    "dX off for n = 500 and more": ("steps", "backward", lambda a, r: (
        off(r, "dX") if a.n >= 500 else r)),
    "dh0 off for n = 33": ("steps", "backward", lambda a, r: off(r, "dh0") if a.n == 33 else r),
    "dX off behind the 16th row": ("batches", "backward", lambda a, r: (
        edit(r, "dX", zero_row(16)) if a.b > 16 else r)),
    "last sequence lost for b > 1000": ("batches", "forward", lambda a, r: (
        edit(r, "Hout", zero_row(1000)) if a.b > 1000 else r)),
    "dWLSTM off for an odd batch above 8": ("batches", "backward", lambda a, r: (
        off(r, "dWLSTM") if a.b > 8 and a.b % 2 else r)),
    "dX blind behind feature 64": ("inputs", "backward", lambda a, r: (
        edit(r, "dX", lambda x: x[..., 64:].fill(0)) if a.D > 64 else r)),
    "step blind behind feature 64": ("inputs", "step", lambda a, r: (
        fused.step(np.where(np.arange(a.D) < 64, a.x, 0).astype(a.x.dtype), a.WLSTM, a.c, a.h)
        if a.D > 64 else r)),
    "float32 rounded to float16 for H > 8": ("units", "backward", lambda a, r: (
        rounded(r, np.float16) if a.H > 8 and r.dX.dtype == np.float32 else r)),
    "float64 rounded to float32 for H > 100": ("units", "backward", lambda a, r: (
        rounded(r, np.float32) if a.H > 100 else r)),
    "the last unit of H > 100 forgotten": ("units", "forward", lambda a, r: (
        edit(r, "Cn", lambda x: x[:, 100:].fill(0)) if a.H > 100 else r)),
    "all sizes large": ("all_large", "backward", lambda a, r: (
        off(r, "dWLSTM") if min(a.n, a.b, a.H) > 16 else r)),
    "states not given are ones in a wide batch": ("nothing_given", "forward", lambda a, r: (
        r if getattr(a, "c0", 0) is not None or a.b < 100
        else fused.forward(a.X, a.WLSTM, np.ones_like(r.Cn), getattr(a, "h0", None)))),
    "forward at its largest only": ("steps", "forward", lambda a, r: (
        off(r, "Cn") if a.n > 1000 else r)),
    "the last step lost without a cache": ("steps", "forward", lambda a, r: (
        edit(r, "Hout", lambda y: y[-1:].fill(0)) if r.cache is None and a.n > 100 else r)),
    "wide batches cut without a cache": ("batches", "forward", lambda a, r: (
        edit(r, "Hout", zero_row(64)) if r.cache is None and a.b > 64 else r)),
    "many units off without a cache": ("units", "forward", lambda a, r: (
        off(r, "Cn") if r.cache is None and a.H > 256 else r)),
    "half precision without a cache": ("all_large", "forward", lambda a, r: (
        type(r)(*rounded(r[:3], np.float16)) if r.cache is None and a.D > 64 else r)),
    "units beyond the thousandth": ("units", "backward", lambda a, r: (
        edit(r, "dh0", lambda x: x[:, 1000:].fill(0)) if a.H > 1000 else r)),
    "a long cache is used up": ("memory", "backward", lambda a, r: (
        (a.cache.S.fill(0) if a.n > 50 else None) or r)),
    "gradients clipped at 1e3": ("magnitudes", "backward", lambda a, r: clipped(r, 1e3)),
    "gradients clipped at 1e6": ("magnitudes", "backward", lambda a, r: clipped(r, 1e6)),
    "cells clipped at 1e6": ("magnitudes", "forward", lambda a, r: (
        r._replace(Cn=np.clip(r.Cn, -1e6, 1e6)))),
    "small gradients flushed to zero": ("magnitudes", "backward", lambda a, r: (
        type(r)(*(np.where(abs(x) < 1e-9, 0, x).astype(x.dtype) for x in r)))),
    "inputs beyond 1e4 clipped": ("magnitudes", "step", lambda a, r: (
        fused.step(a.x, a.WLSTM, np.clip(a.c, -1e4, 1e4), a.h))),
    "no slope at closed gates": ("saturated", "backward", lambda a, r: (
        off(r, "dWLSTM", 0) if a.cache.IFOG[..., : 3 * a.H].min() < 1e-3 else r)),
    "dCn dropped if dHout is zero": ("sparse", "backward", lambda a, r: (
        r if a.dHout.any() else fused.backward(a.dHout, a.cache, None, a.dHn))),
    "zero inputs taken for padding": ("sparse", "forward", lambda a, r: (
        edit(r, "Hout", lambda y: y.__setitem__(~a.X.any(axis=-1), 0)) if a.D else r)),
    "a rare sign": ("seeds", "backward", lambda a, r: (
        off(r, "dc0") if r.dc0.size and r.dc0.flat[0] > 0.5 else r)),
    "complex gradients without their imaginary part": ("complex_numbers", "backward", only_real),
    "a clip at 1e20": ("linear", "backward", lambda a, r: clipped(r, 1e20)),
    "a clip at 1e200": ("linear", "backward", lambda a, r: (
        r if r.dX.dtype == np.float32 else clipped(r, 1e200))),
    "what 16 bits cannot count": ("far", "forward", lambda a, r: (
        edit(r, "Hout", lambda y: y[1 << 16 :].fill(0)) if a.n > 1 << 16 else r)),
    "more than 16 bits of steps on the way back": ("far", "backward", lambda a, r: (
        off(r, "dX") if a.n > 2000 else r)),
    "many sequences": ("far", "backward", lambda a, r: off(r, "dc0") if a.b > 2000 else r),
    "many features": ("far", "forward", lambda a, r: off(r, "Cn") if a.D > 2000 else r),
    "many units": ("far", "backward", lambda a, r: off(r, "dh0") if a.H > 2000 else r),
    "a million numbers": ("far", "backward", lambda a, r: (
        off(r, "dWLSTM") if a.n * a.b * a.H > 10**6 else r)),
    "many steps of many sequences without a cache": ("far", "forward", lambda a, r: (
        off(r, "Cn") if r.cache is None and a.n * a.b > 1 << 16 else r)),
    "a nan in one sequence is one in the next": ("not_finite", "forward", lambda a, r: (
        edit(r, "Hn", lambda h: h.__setitem__(np.roll(np.isnan(h).any(axis=-1), 1), np.nan)))),
    "infinite inputs cut": ("not_finite", "forward", lambda a, r: (
        fused.forward(np.where(np.isinf(a.X), 0, a.X), a.WLSTM, a.c0, a.h0)
        if np.isinf(a.X).any() else r)),
    "a wide layer not scaled": ("initial_weights", "init", lambda a, W: (
        W * W.dtype.type(1.01) if a.H > 1000 else W)),
    "forget bias of the first 64 units only": ("initial_weights", "init", lambda a, W: (
        np.where((np.arange(4 * a.H) >= a.H + 64) & (np.arange(len(W)) == 0)[:, None]
                 & (np.arange(4 * a.H) < 2 * a.H), 0, W).astype(W.dtype))),
}  # fmt: skip


@pytest.mark.parametrize("name", AROUND)
def test_a_bug_around_a_function_is_caught(name):
    sweep, function, change = AROUND[name]
    with pytest.raises(AssertionError):
        sweeps.FUSED[sweep](around(function, change))


# Bugs in the loop over blocks of steps, and others that no wrapper can imitate.

CARRY = "        for t in reversed(range(len(dz))):\n"
INSIDE = {
    "blocks in the wrong order": ("blocks", (
        ("range(n, 0, -steps)]", "range(n, 0, -steps)][::-1]"),)),
    "carry cut at the edge of a block": ("blocks", (
        (CARRY, "        dh_next = 0 * dh_next if block.stop < n else dh_next\n" + CARRY),)),
    "cell's carry cut at the edge of a block": ("blocks", (
        (CARRY, "        dc_next = 0 * dc_next if block.stop < n else dc_next\n" + CARRY),)),
    "blocks of a step that is too large": ("blocks", (
        ("    for block in _blocks(n, 4 * b * H):",
         "    dc_next = 0 * dc_next if 4 * b * H > _BLOCK else dc_next\n"
         "    for block in _blocks(n, 4 * b * H):"),)),
    "last block starts a step late": ("blocks", (("max(0, end - steps)", "max(1, end - steps)"),)),
    "dh clipped at 10": ("magnitudes", (
        ("dh = dHout[block][t] + dh_next", "dh = np.clip(dHout[block][t] + dh_next, -10, 10)"),)),
    "dc clipped at 1e3": ("magnitudes", (
        ("dc = dc_next + dh * through_s[t]",
         "dc = np.clip(dc_next + dh * through_s[t], -1e3, 1e3)"),)),
    "a cell clipped at 50": ("magnitudes", (("c += i * g", "c += i * g; c.clip(-50, 50, out=c)"),)),
    "an in-place product in float32 for large b": ("batches", (
        ("dh_next = (Wh @ dz[t].T).T",
         "dh_next = (Wh.astype('f4') @ dz[t].T.astype('f4')).T.astype(Wh.dtype)"
         " if b > 100 else (Wh @ dz[t].T).T"),)),
}  # fmt: skip


@pytest.mark.parametrize("name", INSIDE)
def test_a_bug_inside_is_caught(name):
    sweep, patches = INSIDE[name]
    with pytest.raises(AssertionError):
        sweeps.FUSED[sweep](plant(Bug(name, "backward", "", patches)))


# Of the pass that keeps nothing.

UNKEPT = {
    "h of the step before last": ("steps", (
        ("np.multiply(o, s, out=h)", "np.multiply(o, s, out=h if t < 64 else s)"),)),
    "inputs of the first step for all": ("steps", (("x[...] = X[t].T", "x[...] = X[0].T"),)),
    "features cut": ("inputs", (("x[...] = X[t].T", "x[:64] = X[t, :, :64].T; x[64:] = 0"),)),
    "a cell clipped at 50": ("magnitudes", (("c += i ", "c += i; c.clip(-50, 50, out=c) "),)),
    "initial states shared with the caller": ("steps", (
        ('u[1 + D :], np.array(c0.T, order="C")', "u[1 + D :], c0.T"),)),
    "weights of another layout": ("memory", (
        ("WLSTM = WLSTM.copy()", "WLSTM = WLSTM.T.reshape(WLSTM.shape)"),)),
    "weights of a large batch rounded": ("batches", (
        ("np.asfortranarray(WLSTM)",
         "np.asfortranarray(WLSTM.astype('f4').astype(WLSTM.dtype))"),)),
}  # fmt: skip


@pytest.mark.parametrize("name", UNKEPT)
def test_a_bug_without_a_cache_is_caught(name):
    sweep, patches = UNKEPT[name]
    whole = plant(Bug(name, "forward", "", ()))
    whole.inference = plant(Bug(name, "forward", "", patches, "inference"))
    with pytest.raises((AssertionError, ValueError)):  # a frozen argument that is written to
        sweeps.FUSED[sweep](whole)


# Of the stack, of the directions that it calls, and of the packed runs that these call.

STACKED = {
    "lengths that end together": ("stack_lengths", "directions", (
        ("for stop in np.unique(lengths[lengths > 0]):",
         "for stop in np.unique(lengths[lengths > 0])[:20]:"),)),
    "the last row runs on": ("stack_lengths", "directions", (
        ("np.flatnonzero(lengths >= stop)",
         "np.flatnonzero((lengths >= stop) | (np.arange(len(lengths)) > 16))"),)),
    "weights of the first 800 steps only": ("stack_lengths", "packed", (
        ("U.T @ dZ", "U[:800].T @ dZ[:800]"),)),
    "a step between two blocks left out": ("stack_lengths", "packed", (
        ("stop = first\n", "stop = first - (first > 1)\n"),)),
    "an order that is its own inverse in small batches": ("stack_lengths", "packed", (
        ("back[order] = array", "back[:] = array[order] if len(order) > 16 else "
         "array[np.argsort(order)]"),)),
    "inputs of the longest for sequences that are turned": ("stack_lengths", "packed", (
        ("time = lengths[row] - 1 - time", "time = (lengths[row] - 1 - time) * (lengths[row] > 1)"
         " if len(lengths) < 64 else lengths.max() - 1 - time"),)),
    "the longest 100 steps": ("stack_lengths", "packed", (
        ("np.arange(lengths.max(initial=0))", "np.arange(min(100, lengths.max(initial=0)))"),)),
    "directions averaged": ("stack_sizes", "stack", (
        ("dY = np.sum(\n            [result[0] for result in results], axis=0\n        )",
         "dY = np.mean(\n            [result[0] for result in results], axis=0\n        )"),)),
    "four layers at most": ("stack_sizes", "stack", (
        ("X = Hout[0] if len(Hout) == 1 else", "X = X if len(runs) > 3 else"),
    )),
    "one mask for all layers above the second": ("stack_dropout", "stack", (
        ("kept[-len(dlayers)]", "kept[-min(len(dlayers), 2)]"),)),
    "axes that stay swapped when they are equal": ("stack_sizes", "stack", (
        ("Y = X.swapaxes(0, 1) if batch_first else X",
         "Y = X.swapaxes(0, 1) if batch_first and n != b else X"),)),
    "many sequences turned by the longest": ("stack_lengths", "directions", (
        ("lengths - 1 - t, 0)",
         "(lengths if b <= 64 else lengths.max()) - 1 - t, 0).clip(0)"),)),
    "gradients between layers clipped": ("stack_magnitudes", "stack", (
        ("parts = np.split(dY, len(layer), axis=-1)",
         "dY = np.clip(dY, -1e5, 1e5)\n        parts = np.split(dY, len(layer), axis=-1)"),)),
}  # fmt: skip


@pytest.mark.parametrize("name", STACKED)
def test_a_bug_of_the_stack_is_caught(name):
    sweep, module, patches = STACKED[name]
    broken = plant(Bug(name, "backward", "", patches, module))
    for above, below in (("directions", "packed"), ("stack", "directions")):
        if module == below:  # which a copy of what is above is to use
            whole = plant(Bug(name, "backward", "", (), above))
            setattr(whole, below, broken)
            broken, module = whole, above
    with pytest.raises(AssertionError):
        sweeps_stack.STACK[sweep](broken)


# Bugs in what stands on top, each with the sweep that must see it.

HIGHER = {
    "biases of the readout from 16 sequences": ("readout_sizes", (
        ("db = dY.sum(axis=tuple(range(dY.ndim - 1)))",
         "db = (dY if dY.ndim == 2 else dY[:, :16]).sum(axis=tuple(range(dY.ndim - 1)))"),)),
    "an end one step early in long sequences": ("readout_sizes", (
        ("dHout[lengths[started] - 1, started]",
         "dHout[lengths[started] - 1 - (len(dHout) > 20), started]"),)),
    "readout in half precision for wide float32": ("readout_sizes", (
        ("dWOUT = np.vstack([db, read.reshape(-1, H).T @ dY.reshape(-1, K)])",
         "dWOUT = np.vstack([db, read.reshape(-1, H).T @ dY.reshape(-1, K)])\n"
         "    dWOUT = dWOUT.astype(np.float16).astype(dY.dtype)"
         " if H > 64 and dY.dtype == 'f4' else dWOUT"),)),
    "answers clipped at 100": ("readout_magnitudes", (
        ("np.asarray(Hout @ WOUT[1:] + WOUT[0])",
         "np.clip(np.asarray(Hout @ WOUT[1:] + WOUT[0]), -100, 100)"),)),
    "rows counted in 16 bits": ("losses", (("m = where.sum()\n", "m = where.sum(dtype='i2')\n"),)),
    "logarithms cut at -60": ("losses", (
        ("    asked = np", "    logs = np.maximum(logs, -60)\n    asked = np"),)),
    "residuals clipped at 1e6": ("losses", (
        ("sum(axis=-1) / 2, difference", "sum(axis=-1) / 2, np.clip(difference, -1e6, 1e6)"),)),
    "a sort that is not stable": ("masks", ((', kind="stable")', ")"),)),
    "lengths in 8 bits": ("masks", (
        ("asarray(real.sum(axis=0))", "asarray(real.sum(axis=0, dtype='i1').astype(int))"),)),
}  # fmt: skip


@pytest.mark.parametrize("name", HIGHER)
def test_a_bug_on_top_is_caught(name):
    check, patches = HIGHER[name]
    module, sweep = sweeps_above.ABOVE[check]
    with pytest.raises(AssertionError):
        sweep(plant(Bug(name, "backward", "", patches, module)))


def test_the_functions_of_the_package_are_those_that_were_swept():
    for name in ("forward", "backward", "step", "init"):
        assert getattr(lstm, name) is getattr(fused, name)
