"""The contestants beyond one layer in training: outputs alone, lengths, stacks, streams.

As in `contestants`: functions without arguments, by name, that do the same work in float32, those
of one library. A peer that is not installed is left out; its name and the reason come second.
"""

import numpy as np
from contestants import STEPS, normal, those_of, torch_layer
from page import WITHOUT

import lstm
from lstm import inference, stack
from lstm.book.features import backward_by_features, forward_by_features
from lstm.book.limit import best_form, needed, prepare

INFERENCE = ((100, 1, 64, 128), (100, 32, 64, 128), (100, 64, 64, 128), (50, 64, 256, 256),
             (10, 100, 512, 512), (20, 64, 7, 20))  # fmt: skip
LENGTHS = (4, 16, 64)  # sequences of a batch, each of 1 to 100 steps


def outputs(n, b, D, H, threads, library):
    """Outputs alone, as of a network that is used and not trained."""
    X, W, zero = normal(n, b, D), lstm.init(D, H, rng=0, dtype=np.float32), np.zeros((b, H), "f")

    def uncopied():
        kept, inference._LARGE = inference._LARGE, b + 1
        try:
            lstm.forward(X, W, zero, zero, cache=False)
        finally:
            inference._LARGE = kept

    def ours():
        products = [prepare(product, best_form(product)) for product in needed(n, b, D, H)[:2]]
        return {
            "limit": lambda: [run() for run in products],
            "with a cache": lambda: lstm.forward(X, W, zero, zero),
            "without a cache": lambda: lstm.forward(X, W, zero, zero, cache=False),
            "without a copy of the weights": uncopied,
            "features as rows, with a cache": lambda: forward_by_features(X, W, zero, zero),
        }

    def torch_outputs(onednn=True):
        import torch

        torch.set_num_threads(threads)
        layer, inputs = torch.nn.LSTM(D, H), torch.from_numpy(X)

        @torch.no_grad()
        def run():
            with torch.backends.mkldnn.flags(enabled=onednn):
                layer(inputs)

        return run

    makers = {"PyTorch": torch_outputs, WITHOUT: lambda: torch_outputs(onednn=False)}
    return those_of(library, ours, torch=makers)


def passes(n, b, D, H, library):
    """The two forms of `lstm.fused`, one sequence or one feature in a row, pass by pass."""
    X, W, zero = normal(n, b, D), lstm.init(D, H, rng=0, dtype=np.float32), np.zeros((b, H), "f")
    dHout = normal(n, b, H)

    def ours():
        rows, features = lstm.forward(X, W, zero, zero), forward_by_features(X, W, zero, zero)
        return {
            "forward": lambda: lstm.forward(X, W, zero, zero),
            "forward, features as rows": lambda: forward_by_features(X, W, zero, zero),
            "backward": lambda: lstm.backward(dHout, rows.cache, zero, zero),
            "backward, features as rows": lambda: backward_by_features(
                dHout, features.cache, zero, zero
            ),
        }

    return those_of(library, ours)


def lengths(b, threads, library, n=100, D=64, H=128):
    """Forward and backward over sequences of random lengths from 1 to n."""
    ends = np.random.default_rng(1).integers(1, n + 1, b)
    ends[0] = n
    X, dHout = normal(n, b, D), normal(n, b, H)
    layers = stack.init(D, H, rng=0, dtype=np.float32)
    W = layers[0].forward

    def packed():
        stack.backward(dHout, stack.forward(X, layers, lengths=ends).cache)

    def over_the_padding():
        lstm.backward(dHout, lstm.forward(X, W).cache)

    def torch_run(pack):
        import torch
        from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

        torch.set_num_threads(threads)
        layer = torch.nn.LSTM(D, H)
        inputs, ask = torch.from_numpy(X).requires_grad_(), torch.from_numpy(dHout)
        long = torch.from_numpy(ends)

        def run():
            layer.zero_grad()
            inputs.grad = None
            if pack:
                pieces = pack_padded_sequence(inputs, long, enforce_sorted=False)
                out = pad_packed_sequence(layer(pieces)[0], total_length=n)[0]
            else:
                out = layer(inputs)[0]
            out.backward(ask)

        return run

    return those_of(
        library,
        lambda: {"lstm.stack, packed": packed, "lstm, over the padding": over_the_padding},
        torch={
            "PyTorch, packed": lambda: torch_run(True),
            "PyTorch, over the padding": lambda: torch_run(False),
        },
    )


def stacked(threads, library, layers=2, n=100, b=32, D=64, H=128):
    """Forward and backward of layers in both directions, beside their own runs of `lstm.fused`."""
    X, dHout = normal(n, b, D), normal(n, b, 2 * H)
    network = stack.init(D, H, layers=layers, bidirectional=True, rng=0, dtype=np.float32)
    wide, half, zero = normal(n, b, 2 * H), normal(n, b, H), np.zeros((b, H), "f")
    single = [(X if k == 0 else wide, W) for k, layer in enumerate(network)
              for _, W in layer.directions]  # fmt: skip

    def alone():
        for inputs, W in single:
            lstm.backward(half, lstm.forward(inputs, W, zero, zero).cache, zero, zero)

    def ours():
        products = [
            prepare(product, best_form(product))
            for inputs, _ in single for product in needed(n, b, inputs.shape[2], H)
        ]  # fmt: skip
        return {
            "limit": lambda: [run() for run in products],
            "its runs of lstm.fused": alone,
            "lstm.stack": lambda: stack.backward(dHout, stack.forward(X, network).cache),
        }

    kind = {"num_layers": layers, "bidirectional": True}
    makers = {"PyTorch": lambda: torch_layer(X, dHout, H, threads, **kind)}
    return those_of(library, ours, torch=makers)


def two_layers(D, H, threads, library):
    """`STEPS` single steps of two layers."""
    x, layers = normal(D), stack.init(D, H, layers=2, rng=0, dtype=np.float32)

    def ours():
        stream = lstm.Stream(layers)
        return {"lstm.Stream": lambda: [stream.step(x) for _ in range(STEPS)]}

    def runtime():
        import onnxruntime

        from lstm import exchange

        model = exchange.onnx.dump(layers, states=True)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(model.SerializeToString(), options)
        feeds = {}
        for given in session.get_inputs():  # X, the states, and lengths of one step
            shape = [size if isinstance(size, int) else 1 for size in given.shape]
            feeds[given.name] = np.ones(shape, "i4" if "int32" in given.type else "f4")
        return lambda: [session.run(None, feeds) for _ in range(STEPS)]

    return those_of(library, ours, onnxruntime={"ONNX Runtime": runtime})
