"""What is left out counts as zero, and a second call gives what the first one gave: everywhere.

A table of calls. Each takes its optional arrays by name; `None` must be as good as zeros, for each
of them alone, for all others, and for all together. A stack's arrays are lists with one entry for
each layer, which is left out alone, too. Every call is made twice, and goes back twice through each
cache; all results are overwritten as soon as they are there, because they are the caller's, and
nothing in the package may remember them.
"""

import jax
import numpy as np
import pytest
from helpers import freeze

import lstm
from lstm import attention, cell, network, recompute, scan, stack, train
from lstm.exchange.cell import split
from lstm.parallel import adjoint, gradient, linear, newton
from lstm.tasks import Batch
from lstm.variants import CELLS, check, mingru, minlstm

N, B, D, H, K = 5, 3, 4, 2, 3


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


W, X = lstm.init(D, H, rng=0) + 0.1, normal(N, B, D)
STATES = {"c0": normal(B, H), "h0": normal(B, H, seed=1)}
LAST = {"dCn": normal(B, H, seed=2), "dHn": normal(B, H, seed=3)}
BACK = {"dHout": normal(N, B, H)} | LAST
LAYERS = stack.init(D, H, 3, bidirectional=True, rng=1)
ONE_WAY = stack.init(D, H, 3, rng=1)
LENGTHS = np.array([5, 0, 3])
PARAMS = {"WLSTM": W, "WOUT": normal(1 + H, K)}
STACKED = {"layers": LAYERS, "WOUT": normal(1 + 2 * H, K)}


def of_layers(names, d=2):
    """Arrays for each of three layers by name, such as "c0 2"."""
    return {f"{name} {k}": normal(d, B, H, seed=10 * k + j)
            for j, name in enumerate(names) for k in range(3)}  # fmt: skip


def lists(given, names):
    """For each name a list over the layers; None rather than a list of nothing else."""
    parts = [[given[f"{name} {k}"] for k in range(3)] for name in names]
    return [None if all(one is None for one in part) else part for part in parts]


def spoiled(results):
    """Copies of results; the results themselves are overwritten."""
    results = jax.tree.leaves(results)
    copies = [result.copy() for result in results]
    for result in results:
        result[...] = 99
    return copies


def twice(function, *given):
    """What a function returns, which must be the same when it is called again."""
    first, second = (spoiled(function(*given)) for _ in range(2))
    for one, two in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, two)
    return first


def there_and_back(forward, backward):
    def call(c0, h0, **back):
        *out, cache = forward(X, W, c0, h0)
        return spoiled(out) + twice(backward, back["dHout"], cache, back["dCn"], back["dHn"])

    return call


def stacked(**options):
    def call(dHout, **given):
        c0, h0, dCn, dHn = lists(given, ("c0", "h0", "dCn", "dHn"))
        turned = options.get("batch_first", False)
        read = X.swapaxes(0, 1) if turned else X
        random = {"rng": np.random.default_rng(3)} if "dropout" in options else {}
        *out, cache = stack.forward(read, LAYERS, c0, h0, **options, **random)
        dY = dHout.swapaxes(0, 1) if turned and dHout is not None else dHout
        return spoiled(out) + twice(stack.backward, dY, cache, dCn, dHn)

    return call, {"dHout": normal(N, B, 2 * H)} | of_layers(("c0", "h0", "dCn", "dHn"))


def stacked_step(**given):
    state = stack.step(X[0], ONE_WAY, *lists(given, ("c", "h")))
    return [*state.c, *state.h]


def with_readout(params, last):
    def call(c0, h0):
        if "layers" in params:
            c0, h0 = ([None if s is None else np.stack([s, s])] * 3 for s in (c0, h0))
        *out, cache = network.forward(params, X, lengths=LENGTHS, c0=c0, h0=h0, last=last)
        answers = out[0].copy()
        back = twice(network.backward, np.ones_like(answers), cache)
        if last:
            return spoiled(out) + back
        batch = Batch(X, answers + 1, np.arange(N)[:, None] < LENGTHS, LENGTHS)
        loss, *trained = train.run(params, batch, c0=c0, h0=h0)
        return [np.array(loss), *spoiled(trained), *spoiled(out), *back]

    return call, STATES


def scanned(function, **options):
    def call(c0, h0):
        with jax.enable_x64(True):
            out, pull = jax.vjp(lambda X: function(X, W, c0, h0, **options), X)
            return [*out, *pull(jax.tree.map(np.ones_like, out))]

    return call, STATES


@jax.jit
def scanned_layers(**given):
    return jax.tree.leaves(scan.stack(X, LAYERS, *lists(given, ("c0", "h0")), lengths=LENGTHS))


def in_double(function):
    def call(**given):
        with jax.enable_x64(True):
            return function(**given)

    return call


def of_cell(name):
    made = CELLS[name](D, H)
    params = {k: v + 0.1 for k, v in made.init(3).items()}
    problem = check.random_problem(made, N, B)

    def call(**given):
        state, dstate = (
            {k: given[f"{k} {when}"] for k in made.states if given[f"{k} {when}"] is not None}
            for when in ("before", "after")
        )
        *out, cache = made.forward(X, params, state or None)
        return spoiled(out) + twice(made.backward, problem.dHout, cache, dstate or None)

    before, after = (
        {f"{k} {when}": v for k, v in part.items()}
        for when, part in (("before", problem.state), ("after", problem.dstate))
    )
    return call, before | after, {f"{k} before": v for k, v in made.start(X).items()}


def looked(**_):
    params = attention.init(D, H, rng=2, dtype=float)
    *out, cache = attention.forward(params, X, X[:2])
    return spoiled(out) + twice(attention.backward, normal(2, B, D), cache)


CALLS = {  # from optional arrays by name to arrays, these arrays, and what stands for them if not 0
    "fused": (there_and_back(lstm.forward, lstm.backward), STATES | BACK),
    "step": (lambda c0, h0: lstm.step(X[0], W, c0, h0), STATES),
    "recompute": (there_and_back(recompute.forward, recompute.backward), STATES | BACK),
    "adjoint": (there_and_back(lstm.forward, adjoint.backward), STATES | BACK),
    "stack": stacked(),
    "stack, batch first": stacked(batch_first=True, lengths=LENGTHS),
    "stack, dropout": stacked(dropout=0.3),
    "stack, a step": (stacked_step, of_layers("ch", d=1)),
    "network": with_readout(PARAMS, last=False),
    "network, last": with_readout(PARAMS, last=True),
    "network of layers": with_readout(STACKED, last=False),
    "scan": scanned(scan.forward),
    "scan, backwards": scanned(scan.forward, reverse=True, lengths=LENGTHS),
    "scan of layers": (in_double(scanned_layers), of_layers(("c0", "h0"))),
    "scan, recomputed": scanned(recompute.scan, every=2),
    "the gradient as a scan": scanned(gradient.forward),
    "separate gates": scanned(lambda X, W, *states: cell.run(split(W), X, *states)),
    **{f"newton, {method}": (lambda c0, h0, m=method: newton.solve(X, W, c0, h0, method=m)[:2],
                             STATES) for method in newton.METHODS},
    "newton in pieces": (lambda c0, h0: newton.solve_in_pieces(X, W, c0, h0, length=2)[0][:2],
                         STATES),
    **{way: (lambda s0, w=way: [getattr(linear, w)(normal(N, B, H, H), normal(N, B, H), s0)],
             {"s0": normal(B, H)}) for way in ("loop", "doubling", "blocked", "solve")},
    "back through a recurrence": (
        lambda s0: linear.backward(normal(N, B, H), normal(N, B, H, H), normal(N, B, H), s0),
        {"s0": normal(B, H)}),
    **{f"{form.__name__}, all at once": (
        lambda h0, f=form: [f.parallel(X, f.cell(D, H).init(0), h0)], {"h0": STATES["h0"]})
       for form in (minlstm, mingru)},
    **{f"cell, {name}": of_cell(name) for name in ("LSTM", "mLSTM", "sLSTM", "coupled gates")},
    "attention": (looked, {}),
}  # fmt: skip


def cases(arrays):
    """Which names are left out: none of them, each alone, all others, all together."""
    names = set(arrays)
    return {frozenset(left) for k in names for left in ({k}, names - {k})} | {frozenset(names)}


@pytest.mark.parametrize("name", CALLS)
def test_what_is_left_out_is_zero(name):
    call, arrays, *blanks = CALLS[name]
    blank = {k: np.zeros_like(v) for k, v in arrays.items()} | (blanks[0] if blanks else {})
    freeze(X, W, *arrays.values())
    for left in cases(arrays):
        given = {k: None if k in left else v for k, v in arrays.items()}
        zeros = {k: blank[k] if k in left else v for k, v in arrays.items()}
        want = [np.array(part) for part in call(**zeros)]
        for _ in range(2):
            got = call(**given)
            for part, expected in zip(got, want, strict=True):
                np.testing.assert_allclose(
                    part, expected, rtol=1e-12, atol=1e-13, err_msg=f"without {sorted(left)}"
                )
            if not all(isinstance(part, np.ndarray) for part in got):
                break  # nobody can overwrite an array of JAX
            for part in got:
                part[...] = np.nan

