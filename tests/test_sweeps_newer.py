"""The sweeps of `sweeps_newer.py` pass, and find bugs that depend on size or magnitude."""

import copy
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
import sweeps_newer


@pytest.mark.parametrize("name", sweeps_newer.NEWER)
def test_it_passes(name):
    module, sweep = sweeps_newer.NEWER[name]
    sweep(import_module(f"lstm.{module}"))


def edited(result, **changes):
    """A named tuple with some of its arrays changed."""
    return result._replace(**{k: change(getattr(result, k)) for k, change in changes.items()})


def zeroed(array, index):
    array = array.copy()
    array[index] = 0
    return array


class Tired:
    """A stream that is off after fifty steps."""

    def __init__(self, weights, batch=None):
        from lstm.stream import Stream

        self._one, self._steps = Stream(weights, batch), 0

    def step(self, x):
        self._steps += 1
        return self._one.step(x) * (1.0 if self._steps <= 50 else 1.001)

    def __getattr__(self, name):
        return getattr(self._one, name)


def wide_step(Stream):
    """Blind behind the 64th feature."""

    class Blind(Stream):
        def step(self, x):
            return super().step(np.where(np.arange(x.shape[-1]) < 64, x, 0).astype(x.dtype))

    return Blind


def forgetful(Stream):
    """Its cell is cleared at the step that 16 bits cannot count."""

    class Forgetful(Stream):
        steps = 0

        def step(self, x):
            self.steps += 1
            if self.steps == 1 << 16:
                self.reset()
            return super().step(x)

    return Forgetful


class Cells(dict):
    """The cells, each with another `backward`."""

    def items(self):
        for name, make in super().items():
            yield name, lambda D, H, make=make: broken(make(D, H), self.change)


def broken(cell, change):
    """A cell with another `backward`."""
    copied = copy.copy(cell)
    object.__setattr__(copied, "backward", lambda dHout, cache, dstate=None: change(
        dHout, cell.backward(dHout, cache, dstate)))  # fmt: skip
    return copied


def right_from(place, function, inputs, w, gradients):
    """The gradient of the squares, in which no element from a place on is wrong."""
    p, given = inputs["p"], gradients["p"]
    return {"p": np.where(np.arange(p.size).reshape(p.shape) < place, given, 2 * p * w)}


def cells(change):
    from lstm.variants import CELLS

    changed = Cells({name: CELLS[name] for name in ("GRU, reset after", "sLSTM")})
    changed.change = change
    return {"CELLS": changed}


PLANTED = {
    # name: (sweep, what replaces names of the module, as a function of the module)
    "a stream that tires": ("stream", lambda m: {"Stream": Tired}),
    "a stream blind behind feature 64": ("stream", lambda m: {"Stream": wide_step(m.Stream)}),
    "dWLSTM of 50 steps at most": ("recompute", lambda m: {"backward": lambda dY, cache, *d: edited(
        m.backward(dY, cache, *d),
        dWLSTM=lambda a: a * (1.001 if len(cache.X) > 50 else 1))}),
    "dX of 16 sequences": ("recompute", lambda m: {"backward": lambda dY, cache, *d: edited(
        m.backward(dY, cache, *d), dX=lambda a: zeroed(a, np.s_[:, 16:]))}),
    "gradients clipped at 1e6": ("recompute", lambda m: {"backward": lambda *a: type(g := (
        m.backward(*a)))(*(np.clip(x, -1e6, 1e6) for x in g))}),
    "the last piece forgotten": ("linear", lambda m: {"blocked": lambda A, u, s0, **k: (
        m.blocked(A, u, s0, **k) if len(u) < 64 else m.blocked(A, u, 0 * s0, **k))}),
    "eight rounds": ("linear", lambda m: {"doubling": lambda A, u, s0: (
        m.doubling(A, u, s0) if len(u) <= 256 else m.doubling(A[:256], u[:256], s0).repeat(
            2, axis=0)[: len(u)])}),
    "wide states in half precision": ("linear", lambda m: {"loop": lambda A, u, s0: (
        m.loop(A, u, s0) if u.shape[-1] < 16 else m.loop(A, u, s0).astype("f2").astype(u.dtype))}),
    "a scan of 64 steps": ("adjoint", lambda m: {"backward": lambda dY, cache, *d: edited(
        m.backward(dY, cache, *d), dX=lambda a: a * (1 + 1e-9 * (len(a) > 64)))}),
    "outputs of 33 units": ("newton", lambda m: {"solve": lambda **given: edited(
        m.solve(**given), Hout=lambda a: zeroed(a, np.s_[..., 33:]))}),
    "cells: dX of 50 steps": ("cells", lambda m: cells(lambda dY, g: g._replace(
        dX=zeroed(g.dX, np.s_[50:])))),
    "cells: one unit of 65": ("cells", lambda m: cells(lambda dY, g: g._replace(
        params={k: zeroed(v, np.s_[..., 64]) if v.shape[-1] > 64 else v
                for k, v in g.params.items()}))),
    "cells: a batch above 16": ("cells", lambda m: cells(lambda dY, g: g._replace(
        state={k: zeroed(v, np.s_[16:]) for k, v in g.state.items()}))),
    "cells: small gradients flushed": ("cells", lambda m: cells(lambda dY, g: g._replace(
        params={k: np.where(abs(v) < 1e-12, 0, v) for k, v in g.params.items()}))),
    "a letter lost between pieces": ("text", lambda m: {"bits": lambda params, symbols: zeroed(
        m.bits(params, symbols), np.s_[1000:1001])}),
    "a reader on a long text": ("text", lambda m: {"streams": lambda ring, *a: m.streams(
        ring[: len(ring) // 7 * 7] if len(ring) > 3000 else ring, *a)}),
    "a ring that 16 bits cannot count": ("text", lambda m: {"streams": lambda ring, *a: m.streams(
        ring if len(ring) <= 1 << 16 else ring[: 1 << 16], *a)}),
    "bits of forty texts": ("text", lambda m: {"bits": lambda params, symbols: zeroed(
        m.bits(params, symbols), np.s_[:, 40:])}),
    "attention: dM of sixteen sequences": ("attention", lambda m: {
        "backward": lambda dY, cache: {k: v * (1.001 if k == "M" and dY.shape[1] > 16 else 1)
                                       for k, v in m.backward(dY, cache).items()}}),
    "attention: a look at 64 letters": ("attention", lambda m: {
        "forward": lambda *given: edited(m.forward(*given), answers=lambda a: (
            a * (1 + 1e-9 * (len(given[1]) > 64))))}),
    "attention: a long answer": ("attention", lambda m: {
        "translate": lambda *given, **named: zeroed(m.translate(*given, **named), np.s_[32:])}),
    "attention: one question's start": ("attention", lambda m: {
        "translate": lambda params, X, n, start=0: m.translate(
            params, X, n, start if X.shape[1] > 1 else 0)}),
    "attention: equal sizes": ("attention", lambda m: {
        "backward": lambda dY, cache: {
            k: v.T if k == "M" and len(v) == dY.shape[2] else v
            for k, v in m.backward(dY, cache).items()}}),
    "a stream of 16 bits": ("stream", lambda m: {"Stream": forgetful(m.Stream)}),
    "many pieces": ("recompute", lambda m: {"backward": lambda dY, cache, *d: edited(
        m.backward(dY, cache, *d), dWLSTM=lambda a: a * (1.001 if len(cache.C) > 300 else 1))}),
    "long pieces": ("recompute", lambda m: {"backward": lambda dY, cache, *d: edited(
        m.backward(dY, cache, *d), dWLSTM=lambda a: a * (1.1 if 300 < cache.every < 9e4 else 1))}),
    "more pieces than steps": ("linear", lambda m: {"blocked": lambda A, u, s0, pieces=None: (
        m.blocked(A, u, s0, pieces=pieces) * u.dtype.type(1.1 if (pieces or 0) > len(u) else 1))}),
    "a recurrence of 2048 steps": ("linear", lambda m: {"doubling": lambda A, u, s0: (
        zeroed(m.doubling(A, u, s0), np.s_[2048:]))}),
    "h0 where there is no c0": ("newton", lambda m: {"solve": lambda X, WLSTM, c0, h0, **named: (
        m.solve(X, WLSTM, c0, None if c0 is None else h0, **named))}),
    "cells: float32 in half precision": ("cells", lambda m: cells(lambda dY, g: (
        g._replace(dX=g.dX.astype("f2").astype("f4") * np.float32(1.01))
        if g.dX.dtype == "f4" and len(dY) > 200 else g))),
    "rates above 64 units": ("dropout", lambda m: {"run": lambda params, *given, **named: edited(
        m.run(params, *given, **named),
        grads=lambda g: {k: zeroed(v, np.s_[64:]) for k, v in g.items()})}),
    "rows that count, of 50 steps": ("training", lambda m: {"run": lambda p, batch, **n: edited(
        m.run(p, batch, **n),
        grads=lambda g: {k: v * (1.001 if len(batch.X) > 50 else 1) for k, v in g.items()})}),
    "masks: 64 sequences": ("masks", lambda m: {"pad": lambda sequences: edited(
        m.pad(sequences), X=lambda a: a.astype("f4").astype(a.dtype) if a.shape[1] > 64 else a)}),
    "masks: whole numbers of 53 bits": ("masks", lambda m: {"left_align": lambda *given: edited(
        m.left_align(*given), X=lambda a: (a + 0.0).astype(a.dtype))}),
    "masks: the order of seventeen steps": ("masks", lambda m: {"left_align": lambda X, mask: (
        edited(m.left_align(X, mask), source=lambda a: (
            np.sort(a, axis=0) if len(a) > 16 else a)))}),
    "masks: lengths of 8 bits": ("masks", lambda m: {"lengths_of": lambda mask: (
        m.lengths_of(mask).astype(np.int8))}),
    "losses: 255 classes": ("losses", lambda m: {"cross_entropy": lambda z, Y: m.cross_entropy(
        np.where(np.arange(z.shape[-1]) < 256, z, -999).astype(z.dtype), Y)}),
    "losses: the squares of 64 numbers": ("losses", lambda m: {"squared_error": lambda z, Y: (
        m.squared_error(z[..., :64], Y[..., :64])[0], m.squared_error(z, Y)[1])}),
    "losses: the mean of a thousand rows": ("losses", lambda m: {"mean_loss": lambda *given: edited(
        m.mean_loss(*given), loss=lambda loss: loss * (1 if len(given[0]) <= 1000 else 1.001))}),
    "losses: loud answers": ("losses", lambda m: {"cross_entropy": lambda z, Y: m.cross_entropy(
        np.clip(z, -20, 20), Y)}),
    "one sequence in half precision": ("adjoint", lambda m: {
        "backward": lambda dY, cache, *d: edited(m.backward(dY, cache, *d), dX=lambda a: (
            a.astype("f2").astype("f4") if a.dtype == "f4" and a.shape[1] == 1 else a))}),
    "diagonal: sixteen sequences": ("diagonal", lambda m: {"forward": lambda *given: tuple(
        zeroed(a, np.s_[:, 16:]) for a in m.forward(*given))}),
    "diagonal: half precision": ("diagonal", lambda m: {"solve": lambda *given, **named: edited(
        m.solve(*given, **named), Hout=lambda a: (
            a.astype("f2").astype("f4") if a.dtype == "f4" else a))}),
    "parallel forms: 64 steps": ("parallel_forms", lambda m: {"mlstm": SimpleNamespace(
        parallel=lambda X, p: m.mlstm.parallel(X, p) * X.dtype.type(1.01 if len(X) > 64 else 1))}),
    "comparing: errors beyond the thousandth": ("comparing", lambda m: {
        "check": lambda *given, **named: m.check(*given[:3], right_from(1000, *given), **named)}),
    "comparing: samples without the last": ("comparing", lambda m: {
        "check": lambda *given, **named: m.check(*given[:3], (
            right_from(given[1]["p"].size - 1, *given) if "sample" in named else given[3]
        ), **named)}),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_a_bug_of_size_or_magnitude_is_caught(name):
    sweep, change = PLANTED[name]
    module, check = sweeps_newer.NEWER[sweep]
    real = import_module(f"lstm.{module}")
    with pytest.raises(AssertionError):
        check(SimpleNamespace(**{**vars(real), **change(real)}))
