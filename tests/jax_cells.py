"""What the tests against the cells of JAX libraries share: Flax, Equinox and Haiku.

Two layers, both directions, sequences of different lengths: each sequence goes through the
library's own cell alone, without padding, and JAX differentiates it.
"""

import jax
import jax.numpy as jnp
import numpy as np
from exchange import as_gradient, assert_close, ours, random_like, task

from lstm import stack

D, H = 3, 6
DTYPES = [np.float32, np.float64]


def by_cells(step, lengths):
    """A function of (params, X, c0, h0) that runs sequences of one length together, unpadded."""

    def run(params, X, c0, h0):
        n, b, _ = X.shape
        Hout = jnp.zeros((n, b, 2 * H), X.dtype)
        Cn, Hn = list(c0), list(h0)
        for length in sorted(set(lengths)):
            rows = np.flatnonzero(np.array(lengths) == length)
            Y = X[:length, rows]
            for k, layer in enumerate(params):
                outputs = []
                for d, name in enumerate(("forward", "backward")):

                    def body(carry, x, weights=layer[name]):
                        c, h = step(weights, x, *carry)
                        return (c, h), h

                    (c, h), out = jax.lax.scan(
                        body, (c0[k][d, rows], h0[k][d, rows]), Y, reverse=name == "backward"
                    )
                    Cn[k], Hn[k] = Cn[k].at[d, rows].set(c), Hn[k].at[d, rows].set(h)
                    outputs.append(out)
                Y = jnp.concatenate(outputs, axis=-1)
            Hout = Hout.at[:length, rows].set(Y)
        return Hout, Cn, Hn

    return run


def answer_of(run):
    """Results and gradients in one compiled function; compiled fast rather than to be fast."""

    def answer(arguments, cotangents):
        results, vjp = jax.vjp(run, *arguments)
        return results, vjp(cotangents)

    return jax.jit(answer, compiler_options={"xla_backend_optimization_level": 0})


def one_step(layers, dlayers):
    """Gradient descent on every matrix."""
    return [
        stack.Layer(*(W - W.dtype.type(0.1) * dW for W, dW in zip(layer, dlayer, strict=True)))
        for layer, dlayer in zip(layers, dlayers, strict=True)
    ]


def assert_agrees(adapter, dtype):
    """Outputs, states and gradients agree; after a step of training here they do so again.

    An adapter has ``load`` and ``dump``, ``params(D)``, a tree in the shapes of a cell's
    parameters, and ``step(params, x, c, h)``, which gives (c, h).
    """
    t = task(dtype, D, H)
    with jax.enable_x64(dtype == np.float64):
        params = [
            {way: random_like(adapter.params(size), dtype) for way in ("forward", "backward")}
            for size in (D, 2 * H)
        ]
        layers = adapter.load([tuple(layer.values()) for layer in params])
        answer = ours(layers, t)

        arguments = jax.tree.map(jnp.asarray, (params, t.X, t.c0, t.h0))
        theirs = answer_of(by_cells(adapter.step, t.lengths))
        cotangents = jax.tree.map(jnp.asarray, (t.dHout, t.dCn, t.dHn))
        results, (dparams, dX, dc0, dh0) = theirs(arguments, cotangents)

        trained = one_step(layers, answer["dlayers"])
        params = [dict(zip(params[0], pair, strict=True)) for pair in adapter.dump(trained)]
        arguments = (jax.tree.map(jnp.asarray, params), *arguments[1:])
        trained_results, _ = theirs(arguments, cotangents)
    for key, value in zip(("Hout", "Cn", "Hn", "dX", "dc0", "dh0"),
                          (*results, dX, dc0, dh0), strict=True):  # fmt: skip
        assert_close(answer[key], value, dtype, key)
    mine = as_gradient(adapter.dump, answer["dlayers"])
    theirs = [(dparam["forward"], dparam["backward"]) for dparam in dparams]
    assert_close(mine, theirs, dtype)
    assert_close(adapter.load(adapter.dump(layers)), layers, dtype)
    after = ours(trained, t)
    assert_close([after[key] for key in ("Hout", "Cn", "Hn")], list(trained_results), dtype)
    assert abs(after["Hout"] - answer["Hout"]).max() > 1e-3  # it has moved
