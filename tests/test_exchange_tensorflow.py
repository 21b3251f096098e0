"""TensorFlow 1 and CuDNNLSTM: what TensorFlow and tf_keras answered, and what is refused.

TensorFlow is not installed here; book/data/peers-tensorflow.py has asked it and stored the answers.
"""

from pathlib import Path

import numpy as np
import pytest
from exchange import assert_close
from helpers import refused

import lstm
from lstm.exchange import keras, tensorflow
from lstm.gradcheck import random_problem

STORED = dict(np.load(Path(__file__).parents[1] / "book" / "data" / "peers-tensorflow.npz"))
PROBLEM = random_problem(3, 2, 5, 4, seed=12, dtype=np.float32)
D, H = 5, 4


def stored(name, start=""):
    under = f"{name}/{start}"
    return {k.removeprefix(under): v for k, v in STORED.items() if k.startswith(under)}


def assert_answers(name, layers):
    """Our outputs, states and gradients are the stored ones; the gradients are returned, too."""
    (layer,) = layers
    X, _, c0, h0 = PROBLEM.inputs.values()
    ours = lstm.forward(X, layer.forward, c0, h0)
    g = lstm.backward(PROBLEM.cotangents[0], ours.cache, *PROBLEM.cotangents[1:])
    mine = {"Hout": ours.Hout, "Cn": ours.Cn, "Hn": ours.Hn}
    mine |= {"dX": g.dX, "dc0": g.dc0, "dh0": g.dh0}
    theirs = {k: v for k, v in stored(name).items() if k in mine}
    assert_close({k: mine[k] for k in theirs}, theirs, np.float32)
    return [layer._replace(forward=g.dWLSTM)]


@pytest.mark.parametrize(
    ("name", "forget_bias"), [("BasicLSTMCell", 1.0), ("LSTMCell", 0.25), ("LSTMBlockCell", 1.0)]
)
def test_the_cells_of_tensorflow_1(name, forget_bias):
    name = f"TensorFlow 1 {name}"
    params = stored(name, "params/")
    layers = tensorflow.load(params, forget_bias=forget_bias)
    dlayers = assert_answers(name, layers)
    [back] = tensorflow.dump(layers, forget_bias=forget_bias)
    assert_close(back, params, np.float32)
    if gradients := stored(name, "gradients/"):  # TensorFlow 2 has none for LSTMBlockCell
        assert_close(tensorflow.dump(dlayers, forget_bias=0.0), [gradients], np.float32)


def test_the_forget_bias_counts():
    with pytest.raises(AssertionError, match="Hout"):
        assert_answers(
            "TensorFlow 1 LSTMCell", tensorflow.load(stored("TensorFlow 1 LSTMCell", "params/"))
        )


def test_cudnn_kernels_are_turned_as_tf_keras_does():
    """Against tf_keras's own conversion, there and back, and against the LSTM that it made."""
    name = "Keras CuDNNLSTM"
    params = list(stored(name, "params/").values())
    layers = keras.load([(None, params)])
    assert_close(keras.dump(layers), [list(stored(name, "converted/").values())], np.float32)
    dlayers = assert_answers(name, layers)
    assert_close(keras.dump(dlayers), [list(stored(name, "gradients/").values())], np.float32)

    kernel, recurrent, bias = keras.dump(layers, cudnn=True)[0]
    back = stored(name, "back/")
    assert_close([kernel, recurrent], [back["kernel"], back["recurrent_kernel"]], np.float32)
    assert_close([kernel, recurrent], params[:2], np.float32)
    assert_close(np.add(*np.split(bias, 2)), np.add(*np.split(back["bias"], 2)), np.float32)


def test_cudnn_halves_added_alone_would_be_wrong():
    kernel, recurrent, bias = stored("Keras CuDNNLSTM", "params/").values()
    layers = keras.load([(None, [kernel, recurrent, np.add(*np.split(bias, 2))])])
    with pytest.raises(AssertionError, match="Hout"):
        assert_answers("Keras CuDNNLSTM", layers)


def test_cudnn_turns_as_the_report_says():
    """The rule as it is known: k.T.reshape(k.shape, order="F") for each gate, k.T for recurrent."""
    kernel, recurrent, bias = stored("Keras CuDNNLSTM", "params/").values()
    K = np.hstack([k.T.reshape(k.shape, order="F") for k in np.hsplit(kernel, 4)])
    R = np.hstack([k.T for k in np.hsplit(recurrent, 4)])
    (wanted,) = keras.load([(None, [K, R, np.add(*np.split(bias, 2))])])
    (got,) = keras.load([(None, [kernel, recurrent, bias])])
    assert_close(got.forward, wanted.forward, np.float32)


@pytest.mark.parametrize("both", [False, True])
def test_cudnn_inside_of_bidirectional_as_keras_2_stores_it(both):
    arrays = list(stored("Keras CuDNNLSTM", "params/").values())
    config = {"name": "cu_dnnlstm", "units": H, "unit_forget_bias": True, "go_backwards": False,
              "return_sequences": True, "stateful": False}  # fmt: skip
    pair = (config, arrays)
    if both:
        inner = {"class_name": "CuDNNLSTM", "config": config}
        pair = ({"layer": inner, "merge_mode": "concat", "name": "both"}, arrays * 2)
    (layer,) = keras.load([pair])
    assert [W.shape for _, W in layer.directions] == [(1 + D + H, 4 * H)] * (1 + both)


GOOD = {"rnn/basic_lstm_cell/kernel:0": np.ones((9, 16)), "rnn/basic_lstm_cell/bias:0": np.ones(16)}


def test_names_may_have_their_scope():
    (layer,) = tensorflow.load(GOOD)
    (plain,) = tensorflow.load({"kernel": np.ones((9, 16)), "bias": np.ones(16)})
    assert (layer.forward == plain.forward).all()
    assert layer.forward[0, ::H].tolist() == [1.0, 2.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"a/w_f_diag": 0}, "variables['a/w_f_diag']: peepholes (use_peepholes=True) cannot be "
         "represented"),
        ({"w_o_diag": 0}, "variables['w_o_diag']: peepholes (use_peepholes=True) cannot be "
         "represented"),
        ({"a/projection/kernel": 0}, "variables['a/projection/kernel']: a projection (num_proj) "
         "cannot be represented"),
        ({"a/opaque_kernel": 0}, "variables['a/opaque_kernel']: CudnnLSTM keeps all in one buffer; "
         "its checkpoints have kernel and bias for each layer"),
        ({"a/gru_cell/gates/kernel": 0}, "variables['a/gru_cell/gates/kernel']: expected an LSTM, "
         "got another cell"),
        ({"a/basic_rnn_cell/bias": 0}, "variables['a/basic_rnn_cell/bias']: expected an LSTM, got "
         "another cell"),
        ({"a/input/gamma": 0}, "variables['a/input/gamma']: layer normalization cannot be "
         "represented"),
        ({"a/kernel/Adam_1:0": 0}, "variables['a/kernel/Adam_1:0']: this belongs to an optimiser "
         "or an average; leave it out"),
        ({"a/weights": 0}, "variables['a/weights']: the names of TensorFlow before 1.2: call "
         "weights kernel, and biases bias"),
        ({"biases": 0}, "variables['biases']: the names of TensorFlow before 1.2: call "
         "weights kernel, and biases bias"),
        ({"beta": 0}, "variables['beta']: layer normalization cannot be represented"),
        ({"cell_1/kernel": 0}, "variables: expected one cell's variables, got two of the name "
         "'kernel'"),
        ({"global_step": 0}, "variables: expected 'bias', 'kernel'; it has also 'global_step'"),
    ],
)  # fmt: skip
def test_what_is_no_plain_cell_is_refused_by_name(more, message):
    with refused(ValueError, message):
        tensorflow.load(GOOD | more)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"forget_bias": 0.0}, "forget_bias: expected 0.0, as config says, got 1.0"),
        ({"activation": "relu"}, "config['activation']: expected 'tanh', got 'relu'"),
        ({"cell_clip": 3.0}, "config['cell_clip']: expected None, got 3.0"),
        ({"num_proj": 2}, "config['num_proj']: expected None, got 2"),
        ({"use_peepholes": True}, "config['use_peepholes']: expected False, got True"),
        ({"use_peephole": True}, "config['use_peephole']: expected False, got True"),
        ({"proj_clip": 1.0}, "config['proj_clip']: expected None, got 1.0"),
        ({"forget_bias": 2.0}, "forget_bias: expected 2.0, as config says, got 1.0"),
        ({"cell_clip": 0.0}, "config['cell_clip']: expected None, got 0.0"),
    ],
)
def test_settings_that_change_the_result_are_refused(config, message):
    with refused(ValueError, message):
        tensorflow.load(GOOD, config=config)


def test_usual_settings_pass():
    config = {"num_units": H, "forget_bias": 1.0, "cell_clip": None, "activation": "tanh"}
    for more in (
        {},
        {"cell_clip": -1},
        {"activation": None},
        {"use_peepholes": False, "num_proj": None, "proj_clip": None},
        {"use_peephole": False},
    ):
        (layer,) = tensorflow.load(GOOD, config=config | more)
        assert layer.forward[0, H] == 2.0
    (layer,) = tensorflow.load(GOOD, forget_bias=0.5, config={})
    assert layer.forward[0, H] == 1.5


def test_settings_are_a_dictionary():
    with refused(TypeError, "config: expected cell.get_config() or None, got str"):
        tensorflow.load(GOOD, config="tanh")


def test_a_cell_that_adds_nothing_says_so_by_its_name():
    given = {k.replace("basic_lstm", "cudnn_compatible_lstm"): v for k, v in GOOD.items()}
    message = (
        "forget_bias: expected 0, as a CudnnCompatibleLSTMCell adds nothing "
        "('rnn/cudnn_compatible_lstm_cell/kernel:0'), got 1.0"
    )
    with refused(ValueError, message):
        tensorflow.load(given)
    assert tensorflow.load(given, forget_bias=0.0)[0].forward[0, H] == 1.0


def test_arrays_without_names_are_refused():
    message = (
        "variables[0]: expected a dictionary of arrays, session.run({v.op.name: v for v in "
        "cell.weights}), got ndarray"
    )
    with refused(TypeError, message):
        tensorflow.load(list(GOOD.values()))
