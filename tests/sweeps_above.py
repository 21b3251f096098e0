"""Sweeps over sizes and magnitudes of the readout, the losses and the masks.

As in `sweeps.py`, every function takes a module like the one it tests and raises AssertionError
if the module errs. It is compared with the LSTM, which has been tested there, and with sums that
are written out here.
"""

import itertools

import numpy as np
from sweeps import EDGES, FLOATS, agree, owned

from lstm import stack

SHAPES = (  # n, b, D, H, K
    (60, 3, 2, 4, 2), (130, 5, 2, 4, 2), (40, 3, 0, 2, 1), (3, 3, 3, 3, 3),
    (3, 40, 2, 4, 2), (2, 3, 70, 4, 2), (3, 2, 2, 130, 2),
    (3, 2, 2, 4, 130), (52, 17, 9, 66, 5), (1, 1, 1, 1, 1),
)  # fmt: skip


def network(rng, D, H, K, kind, dtype):
    """Parameters without zeros: one matrix, or two layers with two directions."""

    def normal(*shape):
        return (rng.standard_normal(shape) / np.sqrt(max(shape[0] - 1, 1))).astype(dtype)

    if kind == "one matrix":
        return {"WLSTM": normal(1 + D + H, 4 * H), "WOUT": normal(1 + H, K)}
    layers = [stack.Layer(*(normal(1 + size + H, 4 * H) for _ in range(2))) for size in (D, 2 * H)]
    return {"layers": layers, "WOUT": normal(1 + 2 * H, K)}


def by_the_stack(params, X, states, lengths, dY, last):
    """Answers and gradients: the stack, and the readout's sums written out, in float64."""
    layers = [stack.Layer(params["WLSTM"])] if "WLSTM" in params else params["layers"]
    layers = [stack.Layer(*(W.astype(float) for _, W in layer.directions)) for layer in layers]
    WOUT, X, dY = (array.astype(float) for array in (params["WOUT"], X, dY))
    states = [[state.astype(float) for state in one] for one in states]
    out = stack.forward(X, layers, *states, lengths=lengths)
    read = np.concatenate(list(out.Hn[-1]), axis=-1) if last else out.Hout
    dread = np.einsum("...k,rk->...r", dY, WOUT[1:])
    if last:
        dHn = np.stack(np.split(dread, len(layers[-1].directions), axis=-1))
        back = stack.backward(None, out.cache, None, [*[None] * (len(layers) - 1), dHn])
    else:
        back = stack.backward(dread, out.cache)
    with_one = np.concatenate([np.ones((*read.shape[:-1], 1)), read], axis=-1)
    return _named(
        np.einsum("...r,rk->...k", with_one, WOUT), back.dX,
        np.einsum("ar,ak->rk", with_one.reshape(-1, len(WOUT)), dY.reshape(-1, WOUT.shape[1])),
        back.dlayers, Cn=out.Cn, Hn=out.Hn, dc0=back.dc0, dh0=back.dh0,
    )  # fmt: skip


def _named(answers, dX, dWOUT, dlayers, **states):
    named = {"answers": answers, "dX": dX, "dWOUT": dWOUT}
    named |= {f"{name} {k}": a for name, arrays in states.items() for k, a in enumerate(arrays)}
    return named | {
        f"dW {k} {name}": W for k, layer in enumerate(dlayers) for name, W in layer.directions
    }


def compare(module, shape, kind, lengths, last, dtype, factor=1.0, seed=0):
    """Forward and backward through a network, with a readout at every step or at the end."""
    n, b, D, H, K = shape
    rng = np.random.default_rng(seed)
    params = network(rng, D, H, K, kind, dtype)
    X = rng.standard_normal((n, b, D)).astype(dtype)
    one = kind == "one matrix"
    states = rng.standard_normal((2, 1, 1, b, H) if one else (2, 2, 2, b, H)).astype(dtype)
    dY = rng.standard_normal((b, K) if last else (n, b, K)).astype(dtype) * dtype(factor)
    params["WOUT"] *= dtype(factor)
    behind = np.zeros((n, b), bool) if lengths is None else np.arange(n)[:, None] >= lengths
    if not last:
        dY[behind] = 0  # nobody may ask for an answer there
    c0, h0 = states[:, 0, 0] if one else map(list, states)
    small = lengths  # of an integer type that holds n, and not more
    if lengths is not None and n < 256 and dtype == np.float32:
        small = lengths.astype(np.uint8)
    run = module.forward(params, X, lengths=small, c0=c0, h0=h0, last=last)
    g = module.backward(dY, run.cache)
    ends = {"Cn": run.Cn, "Hn": run.Hn, "dc0": g.dc0, "dh0": g.dh0}
    ends = {name: [end[None]] if one else end for name, end in ends.items()}
    dlayers = g.dparams.get("layers", [stack.Layer(g.dparams.get("WLSTM"))])
    got = _named(run.answers, g.dX, g.dparams["WOUT"], dlayers, **ends)
    want = by_the_stack(params, X, states, lengths, dY, last)
    if not last:
        got["answers"] = np.where(behind[..., None], 0, got["answers"])
        want["answers"] = np.where(behind[..., None], 0, want["answers"])
    agree(got, {name: value.astype(dtype) for name, value in want.items()},
          f"{shape}, {kind}, last {last}, lengths {lengths}, times {factor}")  # fmt: skip


KINDS = ("one matrix", "two layers, two directions")


def readout_sizes(module):
    rng = np.random.default_rng(0)
    for shape, kind, last, dtype in itertools.product(SHAPES, KINDS, (False, True), FLOATS):
        lengths = rng.integers(0, shape[0] + 1, shape[1])
        lengths[0], lengths[-1] = shape[0] // 2, 0  # of one sequence: empty
        for given in (None, lengths):
            compare(module, shape, kind, given, last, dtype)


def readout_magnitudes(module):
    lengths = np.array([4, 0, 2])
    for kind, last, dtype, power in itertools.product(
        KINDS, (False, True), FLOATS, (-12, -6, -3, 3, 6, 12)
    ):
        compare(module, (4, 3, 2, 5, 3), kind, lengths, last, dtype, 10.0**power)


def losses(module):
    """Values and gradients for many rows, many answers a row, and numbers of any size."""
    shapes = ((300, 250, 1), (300, 250, 2), (3, 2, 130), (0, 2, 3), (70, 3), (4, 3, 5),
              (2, 3, 4, 5), (1, 1), (3,))  # fmt: skip
    cases = [(shape, 1.0) for shape in shapes]
    cases += [((5, 4, 3), 10.0**power) for power in (-12, -6, -3, 2, 3, 6, 12)]
    for (shape, factor), dtype in itertools.product(cases, FLOATS):
        rng = np.random.default_rng(len(shape))
        answers = (rng.standard_normal(shape) * factor).astype(dtype)
        Y = rng.random(shape) + 0.1
        Y = (Y / Y.sum(axis=-1, keepdims=True)).astype(dtype)
        if shape == (4, 3, 5):  # the largest answer is another's, too
            answers = answers.round()
        where = rng.random(shape[:-1]) < 0.9
        a, y = answers.astype(float), Y.astype(float)
        top = a.max(axis=-1, keepdims=True)
        log_p = a - top - np.log(np.exp(a - top).sum(axis=-1, keepdims=True))
        # With targets that add up to 1, in the form that does not need the logarithms of all.
        wants = {
            "squared_error": (((a - y) ** 2).sum(axis=-1) / 2, a - y),
            "cross_entropy": (-(y * log_p).sum(axis=-1), np.exp(log_p) - y),
        }
        for name, (value, slope) in wants.items():
            loss = getattr(module, name)
            label = f"{name}, {shape}, times {factor}"
            got = dict(zip(("loss", "slope"), loss(answers, Y), strict=True))
            owned([got["slope"]], (answers, Y))
            agree(got, {"loss": value.astype(dtype), "slope": slope.astype(dtype)}, label)
            only = np.zeros_like(where)  # a single row that counts
            only.flat[-1:] = True
            for counts in (where, only) if where.any() else ():
                mean = module.mean_loss(answers, Y, counts, loss)
                rows = counts.sum()
                want = {"loss": np.asarray(value[counts].sum() / rows),
                        "dY": np.where(counts[..., None], slope / rows, 0)}  # fmt: skip
                # the mean is a number of Python, but its terms were in dtype
                one = {"loss": np.asarray(mean.loss, dtype), "dY": mean.dY}
                agree(one, {key: array.astype(dtype) for key, array in want.items()}, label)


def differences(module):
    """Squares may vanish; the gradient is a difference, however small."""
    for power, dtype in itertools.product((-36, -25, -15, 15), FLOATS):
        drawn = np.random.default_rng(power + 99).standard_normal((2, 5, 3)) * 10.0**power
        answers, Y = drawn.astype(dtype)
        _, slope = module.squared_error(answers, Y)
        agree({"slope": slope}, {"slope": answers - Y}, f"differences of 1e{power}")


def masks(module):
    """Lengths and order of the real steps, against lists."""
    for n, b in [*((n, 3) for n in EDGES), *((7, b) for b in EDGES), (300, 70)]:
        rng = np.random.default_rng(n + b)
        mask = rng.random((n, b)) < 0.6
        X = rng.standard_normal((n, b, 2))
        moved, lengths, source = module.left_align(X, mask)
        for j in range(b):
            places = [t for t in range(n) if mask[t, j]]
            assert lengths[j] == len(places), (n, b)
            assert source[: len(places), j].tolist() == places, (n, b)
            assert sorted(source[:, j].tolist()) == list(range(n)), (n, b)
            assert np.array_equal(moved[: len(places), j], X[places, j]), (n, b)
            assert not moved[len(places) :, j].any(), (n, b)
        given = rng.integers(0, n + 1, b)
        assert module.lengths_of(np.arange(n)[:, None] < given).tolist() == given.tolist(), (n, b)


ABOVE = {  # the module that a sweep is for
    "readout_sizes": ("network", readout_sizes),
    "readout_magnitudes": ("network", readout_magnitudes),
    "losses": ("losses", losses),
    "differences": ("losses", differences),
    "masks": ("masks", masks),
}
