"""Weights go to Keras (on JAX) and come back: its own layers answer the same."""

import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from exchange import assert_close, ours, random_like, task
from helpers import by_jax, refused

from lstm import stack
from lstm.exchange import keras as exchange_keras

# Keras's variables do not yet take NumPy 2's argument "copy"; this is raised within get_weights.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")

D, H = 3, 6
DTYPES = [np.float32, np.float64]


class Net(keras.Model):
    """Two bidirectional layers, from given states, with a mask: everything that our stack has."""

    def __init__(self, dtype):
        super().__init__(dtype=dtype)
        self.rnns = [
            keras.layers.Bidirectional(
                keras.layers.LSTM(H, return_sequences=True, return_state=True, dtype=dtype),
                dtype=dtype,
            )
            for _ in range(2)
        ]

    def call(self, X, c0, h0, mask):
        Cn, Hn = [], []
        for rnn, c, h in zip(self.rnns, c0, h0, strict=True):
            X, hf, cf, hb, cb = rnn(X, initial_state=[h[0], c[0], h[1], c[1]], mask=mask)
            Cn.append(jnp.stack([cf, cb]))
            Hn.append(jnp.stack([hf, hb]))
        return X, Cn, Hn


@pytest.fixture
def exact_tanh(monkeypatch):
    """Keras's tanh on JAX rounds float64 to float32; with JAX's own the rest can be compared."""
    with jax.enable_x64(True):
        x = jnp.linspace(-3, 3, 7)
        assert x.dtype == np.float64
        assert keras.ops.tanh(x).dtype == np.float32, "Keras has put it right: drop this"
    monkeypatch.setattr(keras.src.ops, "tanh", jnp.tanh)


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
def test_outputs_states_and_gradients_agree(dtype, exact_tanh):
    t = task(dtype, D, H)
    with jax.enable_x64(dtype == np.float64):
        X = jnp.asarray(t.X.swapaxes(0, 1))
        mask = jnp.arange(X.shape[1]) < np.array(t.lengths)[:, None]
        net = Net(np.dtype(dtype).name)
        net.built = True  # its layers are built below
        states = jax.tree.map(jnp.asarray, (t.c0, t.h0))
        for rnn, size in zip(net.rnns, (D, 2 * H), strict=True):
            rnn.build((None, None, size))
        for rnn in net.rnns:
            rnn.set_weights(random_like(rnn.get_weights(), dtype))
        layers = exchange_keras.load([(rnn.get_config(), rnn.get_weights()) for rnn in net.rnns])
        answer = ours(layers, t)

        def run(trainable, X, c0, h0):
            return net.stateless_call(trainable, [v.value for v in net.non_trainable_variables],
                                      X, c0, h0, mask)[0]  # fmt: skip

        values = [v.value for v in net.trainable_variables]
        cotangents = jax.tree.map(jnp.asarray, (t.dHout.swapaxes(0, 1), t.dCn, t.dHn))
        results, gradients = by_jax(run, (values, X, *states), cotangents)
        for rnn, arrays in zip(net.rnns, exchange_keras.dump(layers), strict=True):
            assert_close(arrays, rnn.get_weights(), dtype)
            rnn.set_weights(arrays)  # and back again
    Hout, Cn, Hn = results
    dvalues, dX, dc0, dh0 = gradients
    for key, value in {
        "Hout": Hout.swapaxes(0, 1), "Cn": Cn, "Hn": Hn,
        "dX": dX.swapaxes(0, 1), "dc0": dc0, "dh0": dh0,
    }.items():  # fmt: skip
        assert_close(answer[key], value, dtype, key)
    mine = [array for arrays in exchange_keras.dump(answer["dlayers"]) for array in arrays]
    assert_close(mine, dvalues, dtype)  # one bias, added as it is: a gradient goes like weights


def test_a_mask_outside_bidirectional_repeats_the_last_output():
    """A trap: behind a sequence's end Keras repeats, where we give zero."""
    t = task(np.float32, D, H, layers=1, d=1)
    layer = keras.layers.LSTM(H, return_sequences=True)
    mask = np.arange(t.X.shape[0]) < np.array(t.lengths)[:, None]
    layer.build((None, None, D))
    Y = np.asarray(layer(t.X.swapaxes(0, 1), mask=mask))
    layers = exchange_keras.load([(layer.get_config(), layer.get_weights())])
    Hout = stack.forward(t.X, layers, lengths=t.lengths).Hout
    for j, length in enumerate(t.lengths):
        assert_close(Hout[:length, j], Y[j, :length], np.float32)
        last = np.broadcast_to(Y[j, length - 1], Y[j, length:].shape)
        assert_close(last, Y[j, length:], np.float32)
        assert not Hout[length:, j].any()


def built(**settings):
    layer = keras.layers.LSTM(H, **settings)
    layer.build((None, None, D))
    return layer.get_weights(), layer.get_config()


def test_without_bias():
    arrays, config = built(use_bias=False)
    (layer,) = exchange_keras.load([(config, arrays)])
    assert not layer.forward[0].any()
    assert_close(exchange_keras.dump([layer], bias=False), [arrays], np.float32)


TRAINING = "; it acts only in training: give config | {{'{0}': 0.0}} to go without"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"activation": "relu"}, "['activation']: expected 'tanh', got 'relu'"),
        (
            {"recurrent_activation": "hard_sigmoid"},
            "['recurrent_activation']: expected 'sigmoid', got 'hard_sigmoid'",
        ),
        (
            {"recurrent_activation": "tanh"},
            "['recurrent_activation']: expected 'sigmoid', got 'tanh'",
        ),
        (
            {"recurrent_dropout": 0.5},
            "['recurrent_dropout']: expected 0.0, got 0.5" + TRAINING.format("recurrent_dropout"),
        ),
        (
            {"dropout": 0.25},
            "['dropout']: expected 0.0, got 0.25" + TRAINING.format("dropout"),
        ),
        (
            {"stateful": True},
            "['stateful']: expected False, got True; hand c0 and h0 on yourself: give config | "
            "{'stateful': False} to go without",
        ),
        (
            {"go_backwards": True},
            "['go_backwards']: expected False, got True; a layer that reads backward alone is "
            "Layer(backward=W), with its outputs in time's order",
        ),
    ],
)
def test_settings_that_cannot_be_represented_are_refused(settings, message):
    arrays, config = built(**{k: v for k, v in settings.items() if k != "stateful"})
    with refused(ValueError, "layers[0][0]" + message):
        exchange_keras.load([(config | settings, arrays)])


@pytest.mark.parametrize(
    "settings",
    [
        {"implementation": 1},
        {"unroll": True},
        {"seed": 3},
        {"batch_input_shape": (None, None, D)},
        {"build_config": {"input_shape": (None, None, D)}},
        {"time_major": False},
        {"use_cudnn": "auto"},
        {"zero_output_for_mask": True},
    ],
)
def test_settings_that_change_no_number_pass(settings):
    arrays, config = built()
    assert exchange_keras.load([(config | settings, arrays)])[0].forward.shape == (10, 24)


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize(
    "name",
    [
        "activation", "recurrent_activation", "dropout", "recurrent_dropout", "stateful",
        "go_backwards", "units", "use_bias", "return_sequences",
    ],
)  # fmt: skip
def test_a_setting_that_is_not_there_is_the_usual_one(name, both):
    """As in the settings of a CuDNNLSTM, which has no activations."""
    arrays, config = bidirectional() if both else built()
    inner = config["layer"]["config"] if both else config
    del inner[name]
    (layer,) = exchange_keras.load([(config, arrays)])
    (wanted,) = exchange_keras.load([(None, arrays)])
    assert_close(list(layer), list(wanted), np.float32)


def bidirectional(inner=None, **settings):
    """The weights and the settings of a layer that reads both ways."""
    backward = settings.pop("backward_layer", None)
    layer = keras.layers.Bidirectional(
        inner or keras.layers.LSTM(H, **settings), backward_layer=backward
    )
    layer.build((None, None, D))
    return layer.get_weights(), layer.get_config()


def test_both_ways_without_bias():
    arrays, config = bidirectional(use_bias=False)
    assert len(arrays) == 4
    (layer,) = exchange_keras.load([(config, arrays)])
    (blind,) = exchange_keras.load([(None, arrays)])
    assert_close(list(layer), list(blind), np.float32)
    assert not layer.forward[0].any()
    assert not layer.backward[0].any()
    np.testing.assert_array_equal(layer.backward[1 : 1 + D, H : 2 * H], arrays[2][:, H : 2 * H])
    (one,) = exchange_keras.load([(None, arrays[:2])])
    np.testing.assert_array_equal(one.forward, layer.forward, strict=True)


def test_another_layer_reads_backward():
    """Its bias may be missing where the other has one."""
    other = keras.layers.LSTM(H, go_backwards=True, use_bias=False)
    arrays, config = bidirectional(backward_layer=other)
    assert len(arrays) == 5
    (layer,) = exchange_keras.load([(config, arrays)])
    (forward,) = exchange_keras.load([(None, arrays[:3])])
    (backward,) = exchange_keras.load([(None, arrays[3:])])
    np.testing.assert_array_equal(layer.forward, forward.forward, strict=True)
    np.testing.assert_array_equal(layer.backward, backward.forward, strict=True)


FORWARD = "['layer']['config']"
BACKWARD = "['backward_layer']['config']"
TURNED = (
    "; a layer that reads backward alone is Layer(backward=W), with its outputs in time's order"
)


@pytest.mark.parametrize(
    ("place", "settings", "message"),
    [
        ("layer", {"activation": "relu"},
         FORWARD + "['activation']: expected 'tanh', got 'relu'"),
        ("layer", {"go_backwards": True},
         FORWARD + "['go_backwards']: expected False, got True" + TURNED),
        ("layer", {"units": H + 1}, "['units']: expected 6, as in layers[0][1], got 7"),
        ("backward_layer", {"activation": "relu"},
         BACKWARD + "['activation']: expected 'tanh', got 'relu'"),
        ("backward_layer", {"go_backwards": False},
         BACKWARD + "['go_backwards']: expected True, got False" + TURNED),
        ("backward_layer", {"dropout": 0.5},
         BACKWARD + "['dropout']: expected 0.0, got 0.5; it acts only in training: give config | "
         "{'dropout': 0.0} to go without"),
    ],
)  # fmt: skip
def test_settings_of_a_layer_inside_are_checked_where_they_are(place, settings, message):
    other = keras.layers.LSTM(H, go_backwards=True)
    arrays, config = bidirectional(backward_layer=other)
    config[place]["config"] |= settings
    with refused(ValueError, "layers[0][0]" + message):
        exchange_keras.load([(config, arrays)])


@pytest.mark.parametrize("place", ["layer", "backward_layer"])
def test_between_layers_every_output_of_both_ways_is_needed(place):
    other = keras.layers.LSTM(H, go_backwards=True, return_sequences=True)
    arrays, config = bidirectional(backward_layer=other, return_sequences=True)
    config[place]["config"]["return_sequences"] = False
    message = (
        f"layers[0][0]['{place}']['config']['return_sequences']: expected True, as another layer "
        "reads its outputs, got False; layers with something between them are not a stack: "
        "convert them one by one"
    )
    with refused(ValueError, message):
        exchange_keras.load([(config, arrays)] * 2)


@pytest.mark.parametrize("place", ["layer", "backward_layer"])
def test_what_is_inside_has_to_be_an_lstm(place):
    where = f"layers[0][0]['{place}']"
    arrays, config = bidirectional(backward_layer=keras.layers.LSTM(H, go_backwards=True))
    inside = dict(config[place])
    for wrong, kind in (("LSTM", "str"), ({"class_name": "LSTM"}, "dict"), (
        inside | {"config": "LSTM"}, "dict"
    )):  # fmt: skip
        with refused(TypeError, f"{where}: expected the settings of an LSTM, got {kind}"):
            exchange_keras.load([(config | {place: wrong}, arrays)])
    with refused(ValueError, f"{where}: expected an LSTM, got 'GRU'"):
        exchange_keras.load([(config | {place: inside | {"class_name": "GRU"}}, arrays)])
    del inside["class_name"]
    for usual in (inside, inside | {"class_name": "LSTM"}, inside | {"class_name": "CuDNNLSTM"}):
        assert len(exchange_keras.load([(config | {place: usual}, arrays)])) == 1


def test_both_ways_need_a_layer_and_a_way_to_merge():
    arrays, config = bidirectional()
    message = (
        "layers[0][0]['merge_mode']: expected 'concat', got None; only outputs side by side make "
        "a layer of a stack"
    )
    with refused(ValueError, message):
        exchange_keras.load([({"layer": config["layer"]}, arrays)])
    message = "layers[0][0]['layer']: expected the settings of an LSTM, got NoneType"
    with refused(TypeError, message):
        exchange_keras.load([({"merge_mode": "concat"}, arrays)])


def test_the_way_out_of_dropout_works():
    arrays, config = built(dropout=0.25)
    (layer,) = exchange_keras.load([(config | {"dropout": 0.0}, arrays)])
    assert layer.forward.shape == (1 + D + H, 4 * H)


def other(kind, *arguments):
    layer = getattr(keras.layers, kind)(*arguments, name="other")
    return layer.get_config(), [np.zeros((D, 3 * H)), np.zeros((H, 3 * H)), np.zeros((2, 3 * H))]


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (other("GRU", H), "expected that of an LSTM, got that of 'other' with ['reset_after']"),
        (other("SimpleRNN", H), "expected that of an LSTM, got that of 'other'"),
        (({}, []), "expected that of an LSTM, got that of '?'"),
        (
            other("ConvLSTM1D", H, 2),
            "expected that of an LSTM, got that of 'other' with ['data_format', 'dilation_rate', "
            "'filters', 'kernel_size', 'padding', 'strides']",
        ),
    ],
)
def test_another_layer_is_refused(pair, message):
    with refused(ValueError, f"layers[0][0]: {message}"):
        exchange_keras.load([pair])


def test_a_gru_in_bidirectional_is_refused():
    layer = keras.layers.Bidirectional(keras.layers.GRU(H))
    layer.build((None, None, D))
    with refused(ValueError, "layers[0][0]['layer']: expected an LSTM, got 'GRU'"):
        exchange_keras.load([(layer.get_config(), layer.get_weights())])


PAIRS = "(layer.get_config(), layer.get_weights())"


def test_a_layer_is_not_its_settings_and_weights():
    layer = keras.layers.LSTM(H)
    arrays, config = built()
    for given, message in {
        "layer": (layer, f"layers: expected a list of pairs {PAIRS}, got LSTM"),
        "layers": ([layer], f"layers[0]: expected a pair {PAIRS}, got LSTM"),
        "weights": (arrays, f"layers[0]: expected a pair {PAIRS}, got ndarray"),
        "pair": ((config, arrays), f"layers: expected a list of pairs {PAIRS}, got tuple"),
        "file": (
            "model.keras",
            f"layers: expected a list of pairs {PAIRS}, got str; for a file there is "
            "lstm.exchange.load",
        ),
        "path": (
            Path("model.keras"),
            f"layers: expected a list of pairs {PAIRS}, got {type(Path()).__name__}; for a file "
            "there is lstm.exchange.load",
        ),
        "settings": (config, f"layers: expected a list of pairs {PAIRS}, got dict"),
        "weights alone": ([(arrays,)], f"layers[0]: expected a pair {PAIRS}, got tuple"),
        "three": (
            [(None, arrays), (config, arrays, None)],
            f"layers[1]: expected a pair {PAIRS}, got tuple",
        ),
        "in its place": (
            [(layer, arrays)], "layers[0][0]: expected layer.get_config() or None, got LSTM"
        ),
        "no list": (
            [(config, dict(enumerate(arrays)))],
            "layers[0][1]: expected a list, layer.get_weights(), got dict",
        ),
    }.values():  # fmt: skip
        with refused(TypeError, message):
            exchange_keras.load(given)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_another_number_of_arrays_than_the_settings_say(count):
    arrays, config = built()
    message = (
        "layers[0][1]: expected the arrays kernel, recurrent_kernel, bias for each direction, "
        f"got {count}"
    )
    with refused(ValueError, message):
        exchange_keras.load([(config, (arrays * 2)[:count])])
    less = message.replace(", bias", "")
    if count != 2:
        with refused(ValueError, less):
            exchange_keras.load([(config | {"use_bias": False}, (arrays * 2)[:count])])


def test_too_few_arrays_without_settings():
    message = (
        "layers[0][1]: expected the arrays kernel, recurrent_kernel, bias for each direction, got 1"
    )
    with refused(ValueError, message):
        exchange_keras.load([(None, built()[0][:1])])


@pytest.mark.parametrize(
    ("place", "shape", "message"),
    [
        (0, (24,), "['kernel']: expected shape (D, 4 * H) = (any, 24), got (24,)"),
        (0, (3, 24, 1), "['kernel']: expected shape (D, 4 * H) = (any, 24), got (3, 24, 1)"),
        (2, (23,), "['bias']: expected shape (4 * H,) = (24,), got (23,)"),
        (2, (49,), "['bias']: expected shape (4 * H,) = (24,), got (49,)"),
    ],
)
def test_an_array_of_another_shape_is_named(place, shape, message):
    arrays, config = built()
    arrays[place] = np.zeros(shape, np.float32)
    for settings in (config, None):
        with refused(ValueError, "layers[0][1]" + message):
            exchange_keras.load([(settings, arrays)])


@pytest.mark.parametrize("units", [H - 1, H + 1])
def test_a_number_of_units_that_is_not_that_of_the_weights(units):
    arrays, config = built()
    message = f"layers[0][0]['units']: expected {H}, as in layers[0][1], got {units}"
    with refused(ValueError, message):
        exchange_keras.load([(config | {"units": units}, arrays)])


def test_between_layers_every_output_is_needed():
    arrays, config = built()
    message = (
        "layers[0][0]['return_sequences']: expected True, as another layer reads its outputs, got "
        "False; layers with something between them are not a stack: convert them one by one"
    )
    with refused(ValueError, message):
        exchange_keras.load([(config, arrays)] * 2)


def test_without_settings_the_number_of_arrays_tells_the_directions():
    layer = keras.layers.Bidirectional(keras.layers.LSTM(H))
    layer.build((None, None, D))
    arrays = layer.get_weights()
    (blind,) = exchange_keras.load([(None, arrays)])
    (sighted,) = exchange_keras.load([(layer.get_config(), arrays)])
    assert_close(list(blind), list(sighted), np.float32)


def test_keras_reads_forward_or_both_ways():
    mixed = [*stack.init(3, 2, bidirectional=True, rng=0), *stack.init(4, 5, rng=1)]
    assert [len(arrays) for arrays in exchange_keras.dump(mixed)] == [6, 3]
    message = "layers[0]: expected forward or both directions, got backward"
    with refused(ValueError, message):
        exchange_keras.dump([stack.Layer(backward=mixed[0].forward)])


@pytest.mark.parametrize("mode", ["sum", "ave", "mul", None])
def test_other_ways_to_merge_are_refused(mode):
    layer = keras.layers.Bidirectional(keras.layers.LSTM(H, return_sequences=True), merge_mode=mode)
    layer.build((None, None, D))
    message = (
        f"layers[0][0]['merge_mode']: expected 'concat', got {mode!r}; only outputs side by side "
        "make a layer of a stack"
    )
    with refused(ValueError, message):
        exchange_keras.load([(layer.get_config(), layer.get_weights())])


@pytest.mark.parametrize("cudnn", [False, True])
@pytest.mark.parametrize("count", [1, 2, 5, 11])
def test_a_deep_stack_there_and_back(count, cudnn):
    """The arrays alone, without the library: every layer has its own, forward first."""
    layers = stack.init(3, 4, layers=count, bidirectional=True, rng=0)
    arrays = exchange_keras.dump(layers, cudnn=cudnn)
    for layer, given in zip(layers, arrays, strict=True):
        half = len(given) // 2
        for W, part in ((layer.forward, given[:half]), (layer.backward, given[half:])):
            (one,) = exchange_keras.load([(None, part)])
            np.testing.assert_array_equal(one.forward, W, strict=True)
    for got, layer in zip(exchange_keras.load([(None, a) for a in arrays]), layers, strict=True):
        np.testing.assert_array_equal(got.forward, layer.forward, strict=True)
        np.testing.assert_array_equal(got.backward, layer.backward, strict=True)


def test_layers_may_differ_in_size_and_in_directions():
    wide = keras.layers.Bidirectional(keras.layers.LSTM(5, return_sequences=True))
    narrow = keras.layers.LSTM(2)
    X = np.random.default_rng(0).standard_normal((4, 3, D)).astype(np.float32)
    Y = np.asarray(narrow(wide(X)))
    layers = exchange_keras.load([(x.get_config(), x.get_weights()) for x in (wide, narrow)])
    assert_close(stack.forward(X, layers, batch_first=True).Hn[-1][0], Y, np.float32)
