"""lstm.scan on four devices, in a process of its own: tests/test_scan.py runs it.

Inside ``jax.shard_map``, with its checks on: what is cut, what is whole on every device and what
is left out, in all combinations, must give the numbers and gradients of one device. Outside of
it, compiled for arrays that are cut: nothing but sums may be exchanged.
"""

import re

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from lstm import scan, stack

jax.config.update("jax_num_cpu_devices", 4)
jax.config.update("jax_enable_x64", True)
MESH = Mesh(np.reshape(jax.devices(), (2, 2)), ("rows", "more"))
ROWS = ("rows", "more")  # the batch is cut along both axes

rng = np.random.default_rng(0)
n, b, D, H = 5, 8, 3, 2
X, c0, h0 = (rng.standard_normal(shape) for shape in ((n, b, D), (b, H), (b, H)))
dHout = rng.standard_normal((n, b, H))
lengths = np.array([5, 0, 3, 1, 5, 4, 2, 0])
layers = stack.init(D, H, layers=2, bidirectional=True, rng=1)
WLSTM = layers[0].forward
tried = 0


def same(got, want):
    global tried
    tried += 1
    for one, other in zip(*map(jax.tree.leaves, (got, want)), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)


def loss(X, dHout, lengths, WLSTM, c0, h0, reverse):
    Hout, Cn, Hn = scan.forward(X, WLSTM, c0, h0, lengths=lengths, reverse=reverse)
    return (dHout * Hout).sum() + (Cn**2).sum() + jnp.sin(Hn).sum()


def on_each(function, *specs):
    """The function of the rows of each device, summed over the devices."""
    summed = lambda *arguments: jax.lax.psum(function(*arguments), ROWS)  # noqa: E731
    return jax.shard_map(summed, mesh=MESH, in_specs=specs, out_specs=P())


# One layer: with states and lengths or without, in either direction; any two of the three
# choices meet in every way.
STEPS, CUT = P(None, ROWS), P(ROWS)
for given, several, reverse in ((1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1)):
    states, lasts = (c0, h0) if given else (None, None), lengths if several else None
    run = lambda *arguments, r=bool(reverse): loss(*arguments, r)  # noqa: E731
    mapped = on_each(run, STEPS, STEPS, CUT, P(), CUT, CUT)
    arguments = (X, dHout, lasts, WLSTM, *states)
    wanted = (0, 3, 4, 5) if given else (0, 3)
    got = jax.jit(jax.value_and_grad(mapped, wanted))(*arguments)
    same(got, jax.jit(jax.value_and_grad(run, wanted))(*arguments))

# The rows of the states whole on each device, or cut along one axis of the mesh only.
whole = lambda W, c: (scan.forward(X[:, :2], W, c, c).Hout ** 2).sum()  # noqa: E731
mapped = jax.shard_map(whole, mesh=MESH, in_specs=(P(), P()), out_specs=P())
same(
    jax.value_and_grad(mapped, (0, 1))(WLSTM, c0[:2]),  # not compiled, for once
    jax.value_and_grad(whole, (0, 1))(WLSTM, c0[:2]),
)
half = lambda X, W, c: jax.lax.psum(  # noqa: E731
    (scan.forward(X, W, c, c).Hout ** 2).sum() + (scan.forward(X, W, h0=c).Cn ** 2).sum(), "rows"
)
want = jax.jit(jax.grad(
    lambda X, W, c: (
        (scan.forward(X, W, c, c).Hout ** 2).sum() + (scan.forward(X, W, h0=c).Cn ** 2).sum()
    ),
    (0, 1, 2),
))(X, WLSTM, c0)  # fmt: skip
mapped = jax.shard_map(half, mesh=MESH, in_specs=(P(None, "rows"), P(), P("rows")), out_specs=P())
same(jax.jit(jax.grad(mapped, (0, 1, 2)))(X, WLSTM, c0), want)

# A network to each device, one batch for all: now the weights are cut.
four = jnp.stack([WLSTM * k for k in (1, -1, 2, 0.5)])
each = lambda X, W: (scan.forward(X, W).Hout ** 2).sum()  # noqa: E731
mapped = on_each(lambda X, W: each(X, W[0]), P(), CUT)
want = jax.jit(jax.value_and_grad(lambda X, Ws: sum(each(X, W) for W in Ws), (0, 1)))(X, four)
same(jax.jit(jax.value_and_grad(mapped, (0, 1)))(X, four), want)

# Inside, the gradient of weights that are whole is summed over the devices already.
inside = jax.shard_map(
    lambda X, dHout, W: jax.grad(loss, 3)(X, dHout, None, W, None, None, False),
    mesh=MESH, in_specs=(STEPS, STEPS, P()), out_specs=P(),
)  # fmt: skip
alone = jax.jit(lambda X, dHout, W: jax.grad(loss, 3)(X, dHout, None, W, None, None, False))
same(jax.jit(inside)(X, dHout, WLSTM), alone(X, dHout, WLSTM))

# A stack, both directions, with lengths.
deep = lambda X, layers, lengths: jax.tree.reduce(  # noqa: E731
    lambda a, b: a + (b**2).sum(), scan.stack(X, layers, lengths=lengths), 0.0
)
same(
    jax.jit(jax.grad(on_each(deep, STEPS, P(), CUT), 1))(X, layers, lengths),
    jax.jit(jax.grad(deep, 1))(X, layers, lengths),
)

# Two more derivatives: of the gradient, and without the checks.
V = rng.standard_normal(WLSTM.shape)
squares = lambda X, W: (scan.forward(X, W).Hout ** 2).sum()  # noqa: E731
twice = lambda f: jax.grad(lambda W: (jax.grad(f, 1)(X, W) * V).sum())  # noqa: E731
same(jax.jit(twice(on_each(squares, STEPS, P())))(WLSTM), jax.jit(twice(squares))(WLSTM))
unchecked = jax.shard_map(
    lambda X, W: jax.lax.psum(squares(X, W), ROWS),
    mesh=MESH, in_specs=(STEPS, P()), out_specs=P(), check_vma=False,
)  # fmt: skip
same(jax.jit(jax.grad(unchecked, 1))(X, WLSTM), jax.jit(jax.grad(squares, 1))(X, WLSTM))

# Compiled by jax.jit for arrays that are cut: nothing but sums.
cut = jax.device_put((X, lengths), (NamedSharding(MESH, STEPS), NamedSharding(MESH, CUT)))
text = jax.jit(jax.grad(deep, 1)).lower(cut[0], layers, cut[1]).compile().as_text()
collective = re.compile(r"\b(all-\w+|collective-\w+|reduce-scatter)\(")
assert set(collective.findall(text)) == {"all-reduce"}, set(collective.findall(text))
print("tried", tried)
