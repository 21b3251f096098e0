"""The contestants: forward and backward of one LSTM layer, and single steps, in float32.

`ladder`, `training` and `stream` return those of one library, as `turns` asks for them: functions
without arguments, by name, that do the same work. For a sequence that is the outputs, and from a
given dHout the gradients of X and of all weights. A peer that is not installed is left out; its
name and the reason come second.
"""

import numpy as np
from page import WITHOUT

import lstm
from lstm.book.ladder import LADDER
from lstm.book.limit import products

SHAPES = ((100, 1, 64, 128), (100, 32, 64, 128), (50, 64, 256, 256), (10, 100, 512, 512))
STEPS = 200  # of one measurement of a stream


def ladder(n, b, D, H, threads, forms, library):
    """The rungs of the ladder and their peers, for n steps, a batch of b, sizes D and H."""
    return _sequence(n, b, D, H, threads, forms, library, {rung.name: rung for rung in LADDER})


def training(n, b, D, H, threads, forms, library):
    """The same with only the first rung and the last."""
    rungs = {"as written": LADDER[0], "lstm.fused": LADDER[-1]}
    return _sequence(n, b, D, H, threads, forms, library, rungs)


def _sequence(n, b, D, H, threads, forms, library, rungs):
    X, dHout = normal(n, b, D), normal(n, b, H)
    WLSTM = lstm.init(D, H, rng=0, dtype=np.float32)
    zero = np.zeros((b, H), np.float32)

    def climb(rung):
        result = rung.forward(X, WLSTM, zero, zero)
        return rung.backward(dHout, result.cache, zero, zero)

    def ours():
        climbs = {name: lambda rung=rung: climb(rung) for name, rung in rungs.items()}
        return {"limit": products(n, b, D, H, forms=forms), **climbs}

    return those_of(
        library,
        ours,
        torch={
            "PyTorch": lambda: torch_layer(X, dHout, H, threads),
            WITHOUT: lambda: torch_layer(X, dHout, H, threads, onednn=False),
        },
        jax={
            "lstm.scan": lambda: _scan(X, WLSTM, dHout),
            "autodiff of the scan": lambda: _autodiff(X, WLSTM, dHout),
            "Flax": lambda: _flax(X, dHout, H),
            "Keras": lambda: _keras(X, dHout, H),
            "Equinox": lambda: _equinox(X, dHout, H),
        },
    )


def crowded(n, b, D, H, threads, forms, library):
    """The control of `turns`: what PyTorch takes in one process with NumPy and its threads."""
    if library != "numpy":
        return {}, {}
    ours, _ = training(n, b, D, H, threads, forms, "numpy")
    theirs, left_out = training(n, b, D, H, threads, forms, "torch")
    theirs.pop(WITHOUT, None)
    return ours | theirs, left_out


def stream(D, H, threads, library):
    """`STEPS` single steps, one sample at a time."""
    x = normal(D)
    WLSTM = lstm.init(D, H, rng=0, dtype=np.float32)

    def ours():
        u, stream = np.ones(1 + D + H, np.float32), lstm.Stream(WLSTM)

        def products_alone():
            for _ in range(STEPS):
                u.dot(WLSTM)

        def single_steps():
            c = h = None
            for _ in range(STEPS):
                c, h = lstm.step(x, WLSTM, c, h)

        return {
            "limit": products_alone,
            "lstm.Stream": lambda: [stream.step(x) for _ in range(STEPS)],
            "lstm.step": single_steps,
        }

    return those_of(
        library,
        ours,
        torch={"PyTorch": lambda: _torch_steps(x, H, threads)},
        jax={
            "Flax": lambda: _flax_steps(x, H),
            "Flax, nothing to compute": lambda: _flax_steps(x, H, idle=True),
        },
    )


def normal(*shape):
    """Random numbers, the same for all."""
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def those_of(library, ours, **peers):
    """Make the contestants of one library: NumPy's are ours."""
    if library == "numpy":
        return ours(), {}
    made, left_out = {}, {}
    for name, make in peers.get(library, {}).items():
        try:
            made[name] = make()
        except ImportError as error:
            left_out[name] = str(error)
    return made, left_out


def torch_layer(X, dHout, H, threads, onednn=True, **kind):
    """A training step of PyTorch's LSTM; ``kind`` says how many layers and directions it has."""
    import torch

    torch.set_num_threads(threads)
    layer = torch.nn.LSTM(X.shape[2], H, **kind)
    X, dHout = torch.from_numpy(X).requires_grad_(), torch.from_numpy(dHout)

    def run():
        layer.zero_grad()
        X.grad = None
        with torch.backends.mkldnn.flags(enabled=onednn):
            layer(X)[0].backward(dHout)

    return run


def _pull(forward, dHout, *arguments):
    """Forward and the gradients of all arguments, compiled."""
    import jax

    arguments = jax.device_put(arguments)

    @jax.jit
    def both(dHout, *arguments):
        Hout, pull = jax.vjp(forward, *arguments)
        return Hout, pull(dHout)

    return lambda: jax.block_until_ready(both(dHout, *arguments))


def _scan(X, WLSTM, dHout):
    from lstm import scan

    return _pull(lambda X, W: scan.forward(X, W).Hout, dHout, X, WLSTM)


def _autodiff(X, WLSTM, dHout):
    import jax.numpy as jnp

    from lstm import scan

    zero = jnp.zeros((X.shape[1], WLSTM.shape[1] // 4), X.dtype)
    return _pull(lambda X, W: scan.run_and_keep(X, W, zero, zero)[0].Hout, dHout, X, WLSTM)


def _flax(X, dHout, H):
    import flax.linen as nn
    import jax

    rnn = nn.RNN(nn.OptimizedLSTMCell(H), time_major=True)
    return _pull(rnn.apply, dHout, rnn.init(jax.random.PRNGKey(0), X), X)


def _keras(X, dHout, H):
    import keras

    layer = keras.layers.LSTM(H, return_sequences=True)
    X, dHout = X.swapaxes(0, 1).copy(), dHout.swapaxes(0, 1).copy()  # Keras takes the batch first
    layer.build(X.shape)
    weights = [variable.value for variable in layer.trainable_variables]
    others = [variable.value for variable in layer.non_trainable_variables]
    return _pull(lambda w, X: layer.stateless_call(w, others, X)[0], dHout, weights, X)


def _equinox(X, dHout, H):
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    cell = eqx.nn.LSTMCell(X.shape[2], H, key=jax.random.PRNGKey(0))
    arrays, rest = eqx.partition(cell, eqx.is_array)
    zero = jnp.zeros((X.shape[1], H), X.dtype)

    def forward(arrays, X):
        cell = eqx.combine(arrays, rest)

        def step(state, x):
            h, c = jax.vmap(cell)(x, state)
            return (h, c), h

        return jax.lax.scan(step, (zero, zero), X)[1]

    return _pull(forward, dHout, arrays, X)


def _torch_steps(x, H, threads):
    import torch

    torch.set_num_threads(threads)
    cell = torch.nn.LSTMCell(x.size, H)
    x = torch.from_numpy(x)[None]  # a batch of one, which torch does faster than none

    @torch.no_grad()
    def run():
        state = None
        for _ in range(STEPS):
            state = cell(x, state)

    return run


def _flax_steps(x, H, idle=False):
    import flax.linen as nn
    import jax

    cell = nn.OptimizedLSTMCell(H)
    start = cell.initialize_carry(jax.random.PRNGKey(0), x.shape)
    parameters = cell.init(jax.random.PRNGKey(0), start, x)

    def nothing(parameters, state, x):
        """Do nothing with the same arguments and results, to time the call itself."""
        c, h = state
        return (c + 1, h + 1), h

    apply = jax.jit(nothing if idle else cell.apply, keep_unused=True)

    def run():
        state = start
        for _ in range(STEPS):
            state, _ = apply(parameters, state, x)
        jax.block_until_ready(state)

    return run
