"""The stack at every size and magnitude, sequence by sequence against the reference step.

As `sweeps.py` does for one layer. Every function takes a module with the functions of `lstm.stack`
and raises AssertionError if the module errs.
"""

import itertools

import numpy as np
from sweeps import FLOATS, agree, owned

from lstm import fused, reference


def stack_by_reference(X, layers, c0, h0, lengths, dHout, dCn, dHn):
    """All results of `stack.forward` and `stack.backward` by name, sequence by sequence."""
    n, b, _ = X.shape
    out = {"Hout": np.zeros_like(dHout), "dX": np.zeros_like(X)}
    for k, layer in enumerate(layers):
        for state in ("Cn", "Hn", "dc0", "dh0"):
            out[f"{state} {k}"] = np.zeros_like(c0[k])
        for name, W in layer.directions:
            out[f"dW {k} {name}"] = np.zeros_like(W)
    for j, end in enumerate([n] * b if lengths is None else lengths):
        one, tape, x = slice(j, j + 1), {}, X[:end, j]
        for k, layer in enumerate(layers):
            outputs = []
            for d, (name, W) in enumerate(layer.directions):
                order = range(end) if name == "forward" else range(end)[::-1]
                c, h, ran, y = c0[k][d, one], h0[k][d, one], [], np.empty((end, W.shape[1] // 4))
                for t in order:
                    ran.append((t, reference.forward(x[t][None], W, c, h)))
                    c, h = ran[-1][1].c, ran[-1][1].h
                    y[t] = h[0]
                tape[k, name] = ran
                out[f"Cn {k}"][d, one], out[f"Hn {k}"][d, one] = c, h
                outputs.append(y)
            x = np.concatenate(outputs, axis=-1)
        out["Hout"][:end, j] = x
        dy = dHout[:end, j]
        for k, layer in reversed([*enumerate(layers)]):
            H = c0[k].shape[-1]
            size = len(layer.directions[0][1]) - 1 - H
            dx = np.zeros((end, size))
            for d, (name, _) in enumerate(layer.directions):
                dc, dh = dCn[k][d, one], dHn[k][d, one]
                for t, v in reversed(tape[k, name]):
                    g = reference.backward(v, dy[t, d * H : (d + 1) * H][None] + dh, dc)
                    dc, dh = g.c_prev, g.h_prev
                    dx[t] += g.x[0]
                    out[f"dW {k} {name}"] += g.W
                out[f"dc0 {k}"][d, one], out[f"dh0 {k}"][d, one] = dc, dh
            dy = dx
        out["dX"][:end, j] = dy
    return out


def compare_stack(module, n, b, D, H, *, layers=1, d=1, lengths=None, seed=0, dtype=np.float64,
                  factor=1.0, batch_first=False):  # fmt: skip
    """One stack. H: one size for all layers, or one for each; d: 1, 2, or -1 for the backward
    direction alone."""
    rng = np.random.default_rng(seed)
    sizes = [H] * layers if isinstance(H, int) else H
    width = abs(d) * sizes[-1]

    def normal(*shape):
        return rng.standard_normal(shape).astype(dtype)

    def weights(D, H):
        W = normal(1 + D + H, 4 * H)
        W[1:] /= np.sqrt(D + H).astype(dtype)
        return W

    network = []
    for below, H in zip((D, *(abs(d) * H for H in sizes)), sizes, strict=False):
        W = [weights(below, H) for _ in range(abs(d))]
        network.append(module.Layer(backward=W[0]) if d < 0 else module.Layer(*W))
    states = [[normal(abs(d), b, H) for H in sizes] for _ in range(4)]
    X, dHout = normal(n, b, D), normal(n, b, width) * dtype(factor)
    c0, h0, dCn, dHn = states
    dCn, dHn = ([w * dtype(factor) for w in part] for part in (dCn, dHn))
    if lengths is not None:
        for j, end in enumerate(lengths):
            dHout[end:, j] = X[end:, j] = 7  # none of it may count

    def turn(array):
        return array.swapaxes(0, 1) if batch_first else array

    result = module.forward(turn(X), network, c0, h0, lengths=lengths, batch_first=batch_first)
    back = module.backward(turn(dHout), result.cache, dCn, dHn)
    got = {"Hout": turn(result.Hout), "dX": turn(back.dX)}
    for k, layer in enumerate(back.dlayers):
        parts = (result.Cn, result.Hn, back.dc0, back.dh0)
        for name, part in zip(("Cn", "Hn", "dc0", "dh0"), parts, strict=True):
            got[f"{name} {k}"] = part[k]
        got |= {f"dW {k} {name}": dW for name, dW in layer.directions}
    given = [X, dHout, *c0, *h0, *dCn, *dHn, *(W for one in network for _, W in one.directions)]
    owned(got.values(), given)

    outputs = module.forward(
        turn(X), network, c0, h0, lengths=lengths, batch_first=batch_first, cache=False
    )
    assert outputs.cache is None
    for one, two in ((outputs.Hout, result.Hout), *zip(
        (*outputs.Cn, *outputs.Hn), (*result.Cn, *result.Hn), strict=True
    )):  # fmt: skip
        agree({"out": one}, {"out": two}, f"{(n, b, D, sizes)}, without a cache")

    def double(value):
        return [v.astype(float) for v in value] if isinstance(value, list) else value.astype(float)

    plain = [
        module.Layer(**{name: W.astype(float) for name, W in one.directions}) for one in network
    ]
    want = stack_by_reference(
        double(X), plain, double(c0), double(h0), lengths, double(dHout), double(dCn), double(dHn)
    )
    label = f"{(n, b, D, sizes)}, d {d}, lengths {lengths}, {np.dtype(dtype)}"
    agree(got, {name: value.astype(dtype) for name, value in want.items()}, label)
    if d == 1 and lengths is None and b and n:
        c, h = c0, h0
        for x in X:
            c, h = module.step(x, network, c, h)
        ends = {
            f"{name} {k}": s for name, part in (("Cn", c), ("Hn", h)) for k, s in enumerate(part)
        }
        expected = {name: want[name].astype(dtype) for name in ends}
        agree(ends, expected, f"{label}, step")
        c, h = ([state[:, -1:] for state in states] for states in (c0, h0))
        for x in X[:, -1]:  # one sequence alone
            c, h = module.step(x, network, c, h)
        ends = dict(zip(ends, (*c, *h), strict=True))
        agree(ends, {k: v[:, -1:] for k, v in expected.items()}, f"{label}, a single step")


def stack_sizes(module):
    for layers in (1, 2, 3, 5, 9):
        for dtype in FLOATS:
            compare_stack(module, 4, 2, 3, 2, layers=layers, d=1, dtype=dtype)
        compare_stack(module, 4, 2, 3, 2, layers=layers, d=2, batch_first=True)
    for sizes, d in itertools.product(([2, 9, 1], [1, 17], [20, 1, 3]), (1, 2)):
        compare_stack(module, 4, 2, 3, sizes, d=d)
    for value, dtype in itertools.product((0, 1, 2, 3, 7, 17, 51, 65, 129), FLOATS):
        for axis in range(4 if value else 3):
            shape = [3, 2, 3, 2]
            shape[axis] = value
            compare_stack(module, *shape, layers=2, d=2, seed=value, dtype=dtype,
                          batch_first=axis < 2)  # fmt: skip
    for size, batch_first in itertools.product((1, 2, 4), (False, True)):  # no axis is another's
        compare_stack(module, size, size, size, size, layers=2, batch_first=batch_first)


def stack_lengths(module):
    rng = np.random.default_rng(0)
    for n, b, d, dtype in itertools.product((60, 5, 1), (1, 4, 30), (1, 2, -1), FLOATS):
        if n * b == 1800 and (d != 1 or dtype == np.float32):
            continue
        for lengths in (rng.integers(0, n + 1, b), np.full(b, n), np.arange(b) % (n + 1)):
            compare_stack(module, n, b, 3, 4, layers=2, d=d, lengths=lengths, dtype=dtype)
    compare_stack(module, 6, 3, 2, 4, layers=2, d=2, lengths=np.zeros(3, int))
    compare_stack(module, 6, 3, 2, 110, d=2, lengths=np.array([6, 2, 5]))
    for dtype, least in zip(FLOATS, (0, 1), strict=True):
        compare_stack(module, 3, 130, 2, 3, d=2, lengths=rng.integers(0, 4, 130), dtype=dtype)
        compare_stack(module, 130, 3, 2, 3, d=2, lengths=np.array([130, 1, least]), dtype=dtype)
    compare_stack(module, 50, 40, 2, 20, lengths=rng.integers(0, 51, 40))  # two blocks of steps


def stack_far(module):
    """Beyond what 16 bits count: each sequence as it is alone, in both directions."""
    n, lengths = 2**16 + 5, np.array([2**16 + 5, 40_000, 0, 1])
    rng = np.random.default_rng(5)
    X, dHout = rng.standard_normal((n, 4, 1)), rng.standard_normal((n, 4, 4))
    layers = [module.Layer(*(fused.init(1, 2, rng=rng) + 0.1 for _ in range(2)))]
    run = module.forward(X, layers, lengths=lengths)
    back = module.backward(dHout, run.cache)
    bare = module.forward(X, layers, lengths=lengths, cache=False)
    total = [np.zeros_like(W) for _, W in layers[0].directions]
    for j, end in enumerate(lengths):
        got, want = {"dX": back.dX[:end, j]}, {"dX": np.zeros((end, 1))}
        for d, (_, W) in enumerate(layers[0].directions):
            turn, columns = slice(None, None, 1 - 2 * d), slice(2 * d, 2 * d + 2)
            alone = fused.forward(X[:end, j : j + 1][turn], W)
            gradients = fused.backward(dHout[:end, j : j + 1, columns][turn], alone.cache)
            want["dX"] = want["dX"] + gradients.dX[turn, 0]
            total[d] += gradients.dWLSTM
            for name, whole in (("run", run), ("without a cache", bare)):
                got |= {f"{name} {d}": whole.Hout[:end, j, columns],
                        f"Cn, {name} {d}": whole.Cn[0][d, j]}  # fmt: skip
                want |= {f"{name} {d}": alone.Hout[turn, 0], f"Cn, {name} {d}": alone.Cn[0]}
        agree(got, want, f"sequence {j} of {lengths}")
    names = ("dW forward", "dW backward")
    agree(dict(zip(names, back.dlayers[0], strict=True)), dict(zip(names, total, strict=True)),
          f"{lengths}")  # fmt: skip


def stack_magnitudes(module):
    for factor in (1e-12, 1e-6, 1e-3, 1e3, 1e6, 1e12):
        for dtype in FLOATS:
            lengths = np.array([5, 0, 3])
            compare_stack(module, 5, 3, 3, 12, layers=2, d=2, factor=factor, dtype=dtype)
            compare_stack(module, 5, 3, 3, 4, d=2, lengths=lengths, factor=factor, dtype=dtype)


def stack_dropout(module):
    """Every layer alone, and between them what the cache says was kept."""
    p, n, b, H = 0.3, 5, 4, 6
    for layers, d in itertools.product((2, 3, 5, 8), (1, 2)):
        rng = np.random.default_rng(layers)
        network = module.init(3, H, layers, bidirectional=d == 2, rng=rng)
        X, dY = rng.standard_normal((n, b, 3)), rng.standard_normal((n, b, d * H))
        c0, h0, dCn, dHn = rng.standard_normal((4, layers, d, b, H))
        out = module.forward(X, network, c0, h0, dropout=p, rng=np.random.default_rng(1))
        turned = module.forward(X.swapaxes(0, 1), network, c0, h0, dropout=p, batch_first=True,
                                rng=np.random.default_rng(1))  # fmt: skip
        assert np.array_equal(turned.Hout.swapaxes(0, 1), out.Hout), "batch first"
        back = module.backward(dY, out.cache, dCn, dHn)
        kept = out.cache.kept
        assert len(kept) == layers - 1
        assert len({one.tobytes() for one in kept}) == layers - 1, "drawn anew for each layer"
        runs, got, want = [], {"Hout": out.Hout, "dX": back.dX}, {}
        for k, layer in enumerate(network):
            runs.append(module.forward(X, [layer], c0[k : k + 1], h0[k : k + 1]))
            X = runs[-1].Hout
            if k < layers - 1:
                X = np.where(kept[k], X / (1 - p), 0)
        want["Hout"] = X
        for k in reversed(range(layers)):
            alone = module.backward(dY, runs[k].cache, dCn[k : k + 1], dHn[k : k + 1])
            for name, all_of_them, one in (
                ("dW", back.dlayers[k], alone.dlayers[0]), ("dc0", back.dc0[k], alone.dc0[0]),
                ("dh0", back.dh0[k], alone.dh0[0]), ("Cn", out.Cn[k], runs[k].Cn[0]),
                ("Hn", out.Hn[k], runs[k].Hn[0]),
            ):  # fmt: skip
                for j in range(d):
                    got[f"{name} {k} {j}"], want[f"{name} {k} {j}"] = all_of_them[j], one[j]
            dY = alone.dX if k == 0 else np.where(kept[k - 1], alone.dX / (1 - p), 0)
        want["dX"] = dY
        agree(got, {name: want[name] for name in got}, f"dropout, {layers} layers, d {d}")


STACK = {
    check.__name__: check
    for check in (stack_sizes, stack_lengths, stack_far, stack_magnitudes, stack_dropout)
}
