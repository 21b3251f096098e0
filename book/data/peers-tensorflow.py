"""Ask TensorFlow, whose pins are not ours, for chapter 13's table and the tests.

The cells of TensorFlow 1 (kept in tf_keras, and LSTMBlockCell as an operation) get random weights,
inputs, states and incoming gradients, and answer as those of peers.py do. tf_keras's own conversion
turns a CuDNNLSTM's weights into those of its LSTM, which answers, and back. All of it goes to
peers-tensorflow.npz. Run it in an environment of its own, from the repository's root:

    python3 -m venv /tmp/tf && /tmp/tf/bin/pip install tensorflow-cpu==2.21.0 tf_keras==2.21.0
    PYTHONPATH=. /tmp/tf/bin/python book/data/peers-tensorflow.py
"""

import os
from pathlib import Path

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_USE_LEGACY_KERAS": "1"}

import numpy as np
import tensorflow as tf
import tf_keras
from tf_keras.src.layers.rnn import legacy_cells
from tf_keras.src.saving.legacy.hdf5_format import preprocess_weights_for_loading

from lstm.gradcheck import random_problem

n, b, D, H = 3, 2, 5, 4
PROBLEM = random_problem(n, b, D, H, seed=12, dtype=np.float32)
X, _, c0, h0 = (tf.constant(v) for v in PROBLEM.inputs.values())


def draw(shapes):
    """Random weights and biases under a framework's own names."""
    rng = np.random.default_rng(12)
    return {k: (rng.standard_normal(s) / 2).astype(np.float32) for k, s in shapes.items()}


def answer(params, one_step):
    """What a cell answers over a sequence: results, and gradients of everything."""
    variables = {k: tf.constant(v) for k, v in params.items()}
    with tf.GradientTape() as tape:
        tape.watch([*variables.values(), X, c0, h0])
        c, h, outputs = c0, h0, []
        for x in tf.unstack(X):
            c, h = one_step(variables, x, c, h)
            outputs.append(h)
        results = (tf.stack(outputs), c, h)
        pairs = zip(results, PROBLEM.cotangents, strict=True)
        loss = sum(tf.reduce_sum(y * w) for y, w in pairs)
    gradients = tape.gradient(loss, [*variables.values(), X, c0, h0])
    gradients = [g.numpy() for g in gradients]
    by_name = dict(zip(params, gradients, strict=False))
    return params, [y.numpy() for y in results], by_name, gradients[-3:]


def legacy(kind, **settings):
    """A cell that TensorFlow 1 had as a class."""
    cell = getattr(legacy_cells, kind)(H, **settings)
    cell.build(tf.TensorShape([b, D]))
    names = {"kernel": "_kernel", "bias": "_bias"}
    params = draw({k: tuple(getattr(cell, v).shape) for k, v in names.items()})

    def one_step(variables, x, c, h):
        for name, attribute in names.items():
            object.__setattr__(cell, attribute, variables[name])
        _, (c, h) = cell.call(x, (c, h))
        return c, h

    return answer(params, one_step)


def block():
    """TensorFlow 1's LSTMBlockCell: the operation that it calls, and its default forget_bias."""
    params = draw({"kernel": (D + H, 4 * H), "bias": (4 * H,)})
    none = tf.zeros(H)

    def one_step(variables, x, c, h):
        outputs = tf.raw_ops.LSTMBlockCell(
            x=x, cs_prev=c, h_prev=h, w=variables["kernel"], wci=none, wcf=none, wco=none,
            b=variables["bias"], forget_bias=1.0, cell_clip=-1, use_peephole=False,
        )  # fmt: skip
        return outputs.cs, outputs.h

    return answer_without_gradients(params, one_step)


def answer_without_gradients(params, one_step):
    """As above; this operation's gradient is not registered with TensorFlow 2."""
    variables = {k: tf.constant(v) for k, v in params.items()}
    c, h, outputs = c0, h0, []
    for x in tf.unstack(X):
        c, h = one_step(variables, x, c, h)
        outputs.append(h)
    return params, [y.numpy() for y in (tf.stack(outputs), c, h)], {}, []


def cudnn():
    """A CuDNNLSTM's weights, run by the LSTM that tf_keras's own conversion makes of them."""
    params = draw({"kernel": (D, 4 * H), "recurrent_kernel": (H, 4 * H), "bias": (8 * H,)})
    layer = tf_keras.layers.LSTM(H, return_sequences=True, return_state=True)
    layer.build((None, n, D))
    converted = preprocess_weights_for_loading(layer, list(params.values()))
    names = ("kernel", "recurrent_kernel", "bias")

    def one_step(variables, x, c, h):
        for name in names:
            object.__setattr__(layer.cell, name, variables[name])
        _, (h, c) = layer.cell.call(x, [h, c])
        return c, h

    as_lstm = dict(zip(names, converted, strict=True))
    _, results, gradients, rest = answer(as_lstm, one_step)

    class CuDNNLSTM(tf_keras.layers.LSTM):  # the conversion asks for this name
        pass

    back = preprocess_weights_for_loading(CuDNNLSTM(H), converted)
    extra = {f"converted/{k}": v for k, v in as_lstm.items()}
    extra |= {f"back/{k}": v for k, v in zip(names, back, strict=True)}
    return params, results, gradients, rest, extra


def main():
    stored = {}
    for name, (params, results, gradients, rest, *more) in {
        "TensorFlow 1 BasicLSTMCell": legacy("BasicLSTMCell"),
        "TensorFlow 1 LSTMCell": legacy("LSTMCell", forget_bias=0.25),
        "TensorFlow 1 LSTMBlockCell": block(),
        "Keras CuDNNLSTM": cudnn(),
    }.items():
        for key, value in zip(("Hout", "Cn", "Hn"), results, strict=True):
            stored[f"{name}/{key}"] = value
        for key, value in zip(("dX", "dc0", "dh0"), rest, strict=bool(rest)):
            stored[f"{name}/{key}"] = value
        stored |= {f"{name}/params/{k}": v for k, v in params.items()}
        stored |= {f"{name}/gradients/{k}": v for k, v in gradients.items()}
        for extra in more:
            stored |= {f"{name}/{k}": v for k, v in extra.items()}
    np.savez_compressed(Path(__file__).with_suffix(".npz"), **stored)


if __name__ == "__main__":
    main()
