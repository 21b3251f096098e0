"""Files: contents come back, errors are named, and no crash loses a file."""

import errno
import gzip
import io
import json
import os
import pickle
import signal
import socket
import stat
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from helpers import refused

from lstm import exchange, stack
from lstm.exchange import disk, files, keras_file, npz_file, tensors
from lstm.stack import Layer

BOTH = stack.init(3, 2, layers=2, bidirectional=True, rng=0)
STACKS = {
    "one": stack.init(3, 2, rng=0, dtype=np.float32),
    "both": BOTH,
    "backward": [Layer(backward=BOTH[0].forward)],
    "mixed": [BOTH[0], *stack.init(4, 5, rng=1)],
    # of which, sorted as words, the tenth would come before the second
    "twelve": stack.init(2, 2, layers=12, bidirectional=True, rng=2),
}
ENDS = ["npz", "safetensors", "onnx"]


def assert_equal(got, want):
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        for x, y in zip(a, b, strict=True):
            if y is None:
                assert x is None
            else:
                np.testing.assert_array_equal(x, y, strict=True)


def rewritten(path, change):
    """The arrays of an .npz file, changed."""
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **change(arrays))


# There and back


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", STACKS)
def test_saved_and_loaded(name, end, tmp_path):
    path = tmp_path / f"a.{end}"
    if end == "safetensors" and name in ("backward", "mixed"):
        message = "layers: expected one hidden size, and forward or both directions in every layer"
        with refused(ValueError, message):
            exchange.save(path, STACKS[name])
        return
    exchange.save(path, STACKS[name])
    assert_equal(exchange.load(path), STACKS[name])
    assert exchange.load_model(path)[1:] == (None, {})
    (tmp_path / "a.dat").write_bytes(path.read_bytes())  # the content says what it is
    assert_equal(exchange.load(tmp_path / "a.dat"), STACKS[name])
    assert sorted(os.listdir(tmp_path)) == ["a.dat", path.name]


@pytest.mark.parametrize("K", [1, 3, 70])
@pytest.mark.parametrize("end", ENDS)
def test_a_readout_and_metadata_come_back(end, K, tmp_path):
    path = tmp_path / f"a.{end}"
    readout = np.random.default_rng(1).standard_normal((1 + 4, K))
    metadata = {"step": 7, "name": "é", "nested": {"list": [1.5, None, True]}, "": ""}
    exchange.save(path, BOTH, readout=readout, metadata=metadata)
    model = exchange.load_model(path)
    assert_equal(model.layers, BOTH)
    np.testing.assert_array_equal(model.readout, readout, strict=True)
    assert model.metadata == metadata


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"readout": np.ones((4, 3))}, ValueError,
         "readout: expected shape (1 + d * H, K) = (5, any), got (4, 3)"),
        ({"readout": np.ones((5, 3), np.float32)}, TypeError,
         "readout: expected dtype float64, as in layers, got float32"),
        ({"readout": np.ma.ones((5, 3))}, TypeError,
         "readout: expected an array, got a masked array, whose mask would be lost"),
        ({"metadata": {"x": (1, 2)}}, TypeError, "metadata: expected a dictionary as in JSON, got "
         "another (names that are not text, or tuples)"),
        ({"metadata": {"x": np.ones(2)}}, TypeError, "metadata: expected a dictionary as in JSON, "
         "got another (Object of type ndarray is not JSON serializable)"),
        ({"metadata": {"x": float("nan")}}, TypeError, "metadata: expected a dictionary as in "
         "JSON, got another (Out of range float values are not JSON compliant: nan)"),
        *(({"metadata": odd}, TypeError,
           f"metadata: expected a dictionary as in JSON, got {type(odd).__name__}")
          for odd in (0, False, "", [], [("x", 1)], "text")),
    ],
)  # fmt: skip
def test_what_save_refuses(options, error, message, tmp_path):
    with pytest.raises(error) as raised:
        exchange.save(tmp_path / "a.npz", BOTH, **options)
    assert str(raised.value).startswith(message.removesuffix(": nan)"))
    assert not os.listdir(tmp_path)


def test_names_that_save_does_not_know(tmp_path):
    for name in ("model", "model.pt", "model.keras"):
        ends = ".npz, .safetensors, .onnx"
        with refused(ValueError, f"path: expected a name that ends in {ends}, got {name!r}"):
            exchange.save(name, BOTH)
    with refused(TypeError, "layers: expected float32 or float64, got complex128"):
        exchange.save(tmp_path / "a.npz", [Layer(BOTH[0].forward.astype(complex))])


# PyTorch's names


@pytest.mark.parametrize("prefix", ["", "encoder.lstm."])
def test_a_state_dict_is_found_by_its_names(prefix, tmp_path):
    arrays = exchange.torch.dump(BOTH, prefix) | {"head.weight": np.ones((2, 3))}
    np.savez(tmp_path / "a.npz", **arrays)
    (tmp_path / "a.safetensors").write_bytes(tensors.to_safetensors(arrays, {"format": "pt"}))
    for name in ("a.npz", "a.safetensors"):
        assert_equal(exchange.load(tmp_path / name), BOTH)
    assert exchange.load_model(tmp_path / "a.safetensors").metadata == {"format": "pt"}
    assert exchange.open_file(tmp_path / "a.npz").arrays["head.weight"].shape == (2, 3)


def test_several_or_none(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, **exchange.torch.dump(BOTH, "up."), **exchange.torch.dump(BOTH[:1], "down."))
    with refused(ValueError, f"{path}: prefix: expected one, as there are several LSTMs: one of "
                             "['down.', 'up.']"):  # fmt: skip
        exchange.load(path)
    assert_equal(exchange.load(path, "up."), BOTH)
    with refused(ValueError, f"{path}: prefix: expected one of ['down.', 'up.'], got 'left.'"):
        exchange.load(path, "left.")
    np.savez(path, Wx=np.ones(2))
    with refused(ValueError, f"{path}: expected arrays with PyTorch's names, such as "
                 "'weight_hh_l0', got 'Wx'; of other libraries: open_file gives the arrays for "
                 "exchange.flax.load and the like"):  # fmt: skip
        exchange.load(path)
    exchange.save(path, BOTH)
    with refused(ValueError, f"{path}: prefix: expected none, as this file holds one stack, got "
                             "'lstm.'"):  # fmt: skip
        exchange.load(path, "lstm.")


def test_narrow_numbers_are_widened_without_loss(tmp_path):
    halves = Layer(BOTH[0].forward.astype(np.float16).astype(np.float32))
    wide = exchange.torch.dump([halves], "lstm.")
    np.savez(tmp_path / "a.npz", **{k: v.astype(np.float16) for k, v in wide.items()})
    assert_equal(exchange.load(tmp_path / "a.npz"), exchange.torch.load(wide, "lstm."))

    head, data = {}, b""
    for name, value in wide.items():
        half = (value.view(np.uint32) >> 16).astype("<u2").tobytes()
        span = [len(data), len(data) + len(half)]
        head[name] = {"dtype": "BF16", "shape": value.shape, "data_offsets": span}
        data += half
    head["other"] = {"dtype": "F8_E4M3", "shape": [2], "data_offsets": [len(data), len(data) + 2]}
    text = json.dumps(head).encode()
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + data + bytes(2))
    (layer,) = exchange.load(path)
    (want,) = exchange.torch.load(
        {k: (v.view(np.uint32) & 0xFFFF0000).view(np.float32) for k, v in wide.items()}, "lstm."
    )
    np.testing.assert_array_equal(layer.forward, want.forward, strict=True)
    with refused(ValueError, "'other' has the type F8_E4M3, which is not read; widen it first"):
        exchange.open_file(path).arrays["other"].read()


def test_numbers_of_another_machine_are_turned_round(tmp_path):
    wide = exchange.torch.dump(BOTH)
    turned = {k: v.astype(v.dtype.newbyteorder(">")) for k, v in wide.items()}
    np.savez(tmp_path / "a.npz", **turned)
    assert_equal(exchange.load(tmp_path / "a.npz"), BOTH)
    for entry in exchange.open_file(tmp_path / "a.npz").arrays.values():
        assert entry.read().dtype.isnative


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_digest_is_of_the_numbers_and_not_of_the_machine(dtype):
    x = np.arange(6, dtype=dtype).reshape(2, 3)
    want = npz_file.digest({"x": x}, "")
    assert npz_file.digest({"x": x.astype(x.dtype.newbyteorder(">"))}, "") == want
    assert npz_file.digest({"x": np.asfortranarray(x)}, "") == want
    assert npz_file.digest({"x": x.reshape(3, 2)}, "") != want


def test_a_file_that_memory_does_not_hold(tmp_path, monkeypatch):
    def too_much(self):
        raise MemoryError

    path = tmp_path / "a.npz"
    path.write_bytes(b"1234567")
    monkeypatch.setattr(Path, "read_bytes", too_much)
    with pytest.raises(OSError, match=r"a.npz: .*7 bytes are more than there is memory$") as caught:
        exchange.load(path)
    assert caught.value.errno == errno.ENOMEM


def test_a_tied_tensor_is_the_one_that_the_metadata_name(tmp_path):
    arrays = exchange.torch.dump(BOTH[:1], "lstm.")
    tied = {name: arrays.pop(name) for name in list(arrays) if "bias_hh" in name}
    alias = {name: name.replace("hh", "ih") for name in tied}
    path = tmp_path / "a.safetensors"
    path.write_bytes(tensors.to_safetensors(arrays, alias | {"format": "pt"}))
    model = exchange.load_model(path)
    assert model.metadata == {"format": "pt"}
    np.testing.assert_array_equal(model.layers[0].forward[0], 2 * BOTH[0].forward[0])
    path.write_bytes(tensors.to_safetensors(arrays, {}))
    lacks = "it lacks 'lstm.bias_hh_l0', 'lstm.bias_hh_l0_reverse'"
    with pytest.raises(ValueError, match=rf"{path}: state_dict: expected all .* has; {lacks}$"):
        exchange.load(path)


def test_files_of_the_package_safetensors(tmp_path):
    from safetensors.numpy import load_file, save_file

    save_file(exchange.torch.dump(BOTH, "x."), tmp_path / "a.safetensors", {"by": "them"})
    assert_equal(exchange.load(tmp_path / "a.safetensors"), BOTH)
    exchange.save(tmp_path / "b.safetensors", BOTH, readout=np.ones((5, 2)))
    got = load_file(tmp_path / "b.safetensors")
    want = exchange.torch.dump(BOTH, "lstm.")
    assert set(got) == {*want, "readout.weight", "readout.bias"}
    assert got["readout.weight"].shape == (2, 4)
    for name, value in want.items():
        np.testing.assert_array_equal(got[name], value, strict=True)


# Keras's files


@pytest.fixture(scope="module")
def keras():
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    return keras


def answers(path, X, Y, **options):
    layers = exchange.load(path, **options)
    np.testing.assert_allclose(stack.forward(X, layers, batch_first=True).Hout, Y, atol=2e-6)
    return layers


def weights_h5(path, change):
    """A file of one LSTM, as Keras writes it: each array by what ``change`` makes of it."""
    import h5py

    arrays = exchange.keras.dump([BOTH[0]._replace(backward=None)])[0]
    with h5py.File(path, "w") as file:
        for k, array in enumerate(arrays):
            data, attributes = change(np.float32(array))
            file.create_dataset(f"layers/lstm/cell/vars/{k}", data=data).attrs.update(attributes)
    return np.float32(BOTH[0].forward)


def test_numbers_of_other_types_in_keras_files(tmp_path):
    """Keras marks a bfloat16, which HDF5 does not know, by an attribute."""
    import h5py
    import ml_dtypes

    path = tmp_path / "a.weights.h5"
    for dtype in ("<f2", ">f2", ">f4", "<f4"):
        want = weights_h5(path, lambda array, dtype=dtype: (array.astype(dtype), {}))
        got = exchange.load(path)[0].forward
        np.testing.assert_array_equal(got, want.astype(dtype).astype("f4"), strict=True)
    narrow = ml_dtypes.bfloat16
    want = weights_h5(path, lambda array: (array.astype(narrow).view("V2"), {"dtype": "bfloat16"}))
    got = exchange.load(path)[0].forward
    np.testing.assert_array_equal(got, want.astype(narrow).astype("f4"), strict=True)
    weights_h5(path, lambda array: (array.astype(narrow).view("V2"), {}))
    with refused(ValueError, f"{path}: 'layers/lstm/cell/vars/0' cannot be read (type |V2)"):
        exchange.load(path)
    want = weights_h5(path, lambda array: (array, {"dtype": "bfloat16"}))  # but it is none
    np.testing.assert_array_equal(exchange.load(path)[0].forward, want, strict=True)
    weights_h5(path, lambda array: (array if array.shape[0] == 2 else h5py.Empty("f4"), {}))
    message = f"{path}: 'layers/lstm/cell/vars/0' cannot be read (it holds no numbers)"
    with refused(ValueError, message):
        exchange.load(path)


def test_weights_of_keras_without_an_lstm(tmp_path):
    """Keras 2 calls its arrays otherwise; four gates make the second array four times as wide."""
    import h5py

    path = tmp_path / "a.weights.h5"
    expected = f"{path}: expected an LSTM as Keras 3 writes it (…/cell/vars), got "
    older = ("an older kind: open it in Keras, and save it as .keras, or give "
             "exchange.keras.load its weights")  # fmt: skip
    for name, width, got in (
        ("lstm/lstm_cell/kernel:0", 8, older), ("lstm/lstm_cell/kernel", 8, older),
        ("lstm/cell/vars/1", 6, "the arrays ['lstm/cell/vars/1']"),
        ("lstm/cell/vars/1", 10, "the arrays ['lstm/cell/vars/1']"),
    ):  # fmt: skip
        with h5py.File(path, "w") as file:
            file[name] = np.ones((2, width), "f4")
        with refused(ValueError, expected + got):
            exchange.load(path)


def test_a_keras_model_whose_config_is_damaged(tmp_path):
    weights_h5(tmp_path / "w.h5", lambda array: (array, {}))
    content = (tmp_path / "w.h5").read_bytes()
    path = tmp_path / "a.keras"
    for config, why in (
        ("{}", "config.json has no layers"),
        (b"\xff", "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
    ):
        path.write_bytes(zipped(**{"config.json": config, "model.weights.h5": content}))
        with refused(ValueError, f"{path}: a damaged Keras file: {why}"):
            exchange.load(path)


def test_a_keras_model_that_is_a_class_of_its_own(tmp_path):
    """It is no damaged file."""
    weights_h5(tmp_path / "w.h5", lambda array: (array, {}))
    content = (tmp_path / "w.h5").read_bytes()
    config = json.dumps({"class_name": "Mine", "config": {"units": 3}}).encode()
    path = tmp_path / "a.keras"
    path.write_bytes(zipped(**{"config.json": config, "model.weights.h5": content}))
    message = (
        f"{path}: expected a model whose config.json lists its layers, got a 'Mine': take its LSTM "
        "layers from Keras, by exchange.keras.load"
    )
    with refused(ValueError, message):
        exchange.load(path)


@pytest.mark.filterwarnings("ignore")
def test_layers_of_keras_that_only_hand_on(keras, tmp_path):
    K = keras.layers
    between = {
        "Dropout": K.Dropout(0.1), "SpatialDropout1D": K.SpatialDropout1D(0.1),
        "GaussianDropout": K.GaussianDropout(0.1), "GaussianNoise": K.GaussianNoise(0.1),
        "ActivityRegularization": K.ActivityRegularization(0.1), "Identity": K.Identity(),
    }  # fmt: skip
    assert {"InputLayer", *between} == keras_file.PASSES
    X = np.random.default_rng(0).standard_normal((2, 5, 3)).astype(np.float32)
    for name, layer in between.items():
        lstms = [K.LSTM(2, return_sequences=True) for _ in range(2)]
        model = keras.Sequential([keras.Input((5, 3)), lstms[0], layer, lstms[1]])
        model.save(tmp_path / f"{name}.keras")
        answers(tmp_path / f"{name}.keras", X, np.asarray(model(X)))


@pytest.mark.filterwarnings("ignore")
def test_files_of_keras(keras, tmp_path):
    K = keras.layers
    X = np.random.default_rng(0).standard_normal((2, 5, 3)).astype(np.float32)
    plain = [
        K.LSTM(4, return_sequences=True, dropout=0.2, name="zz"),
        K.Dropout(0.1),
        K.Bidirectional(K.LSTM(2, return_sequences=True), name="aa"),
    ]
    sequential = keras.Sequential([keras.Input((5, 3)), *plain])
    for layer in sequential.layers:
        layer.set_weights([w + 0.1 for w in layer.get_weights()])
    Y = np.asarray(sequential(X))
    sequential.save(tmp_path / "s.keras")
    layers = answers(tmp_path / "s.keras", X, Y)
    assert_equal(exchange.load(tmp_path / "s.keras", "zz"), layers[:1])
    with refused(ValueError, f"{tmp_path}/s.keras: expected prefix as the name of one of "
                             "['zz', 'aa'], got 'lstm'"):  # fmt: skip
        exchange.load(tmp_path / "s.keras", "lstm")

    sequential.save_weights(tmp_path / "s.weights.h5")
    path = tmp_path / "s.weights.h5"
    with pytest.raises(ValueError, match="does not say which layer feeds which"):
        exchange.load(path)
    apart = [exchange.load(path, f"layers/{name}") for name in ("lstm", "bidirectional")]
    assert_equal([*apart[0], *apart[1]], layers)

    x = keras.Input((5, 3), name="in")
    y = K.LSTM(4, return_sequences=True, name="low")(x)
    high = K.LSTM(3, return_sequences=True, name="high")
    both = K.Bidirectional(K.LSTM(2, return_sequences=True), name="both")
    feed = "expected LSTM layers that feed one another: 'low' reads the input; 'high' reads "
    outputs = {
        "chain": (high(y), None),
        "both": (high(both(y)), None),
        "dense": (high(K.Dense(2, name="d")(y)), feed + "d. Take them one by one: prefix='low'"),
        "beside": (K.Concatenate()([y, high(x)]),
                   feed + "the input. Take them one by one: prefix='low'"),
        "wrapped": (K.RNN(K.LSTMCell(3), name="high")(y),
                    "expected LSTM layers, plain or Bidirectional, got ['low'] and "
                    "['high (RNN)']: take each from Keras, by exchange.keras.load"),
        "none": (K.Dense(2, name="d")(x), "expected LSTM layers, plain or Bidirectional, got "
                 "['in (InputLayer)', 'd (Dense)']"),
    }  # fmt: skip
    for kind, (z, message) in outputs.items():
        model, path = keras.Model(x, z), tmp_path / f"{kind}.keras"
        model.save(path)
        if message is None:
            answers(path, X, np.asarray(model(X)))
            continue
        with refused(ValueError, f"{path}: {message}"):
            exchange.load(path)
        if kind != "none":
            assert len(exchange.load(path, "low")) == 1


# What else a file may be


def zipped(**members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


KINDS = {
    "an empty file": b"",
    "a single NumPy array (.npy)": tensors.open_zip(tensors.to_npz({"x": np.ones(3)}))["x.npy"](),
    "a pickle": pickle.dumps([1, 2]),
    "a pickle in a zip archive": zipped(**{"model/data.pkl": pickle.dumps(1)}),
    "a zip archive of 'a.txt'": zipped(**{"a.txt": "hello"}),
    "a gzip archive": gzip.compress(b"hello"),
    "a page of HTML": b"\n<!DOCTYPE html><html>404</html>",
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\n",
    "JSON": b'{"weights": []}',
    "a picture": b"\x89PNG\r\n",
    "text": b"loss: 0.5\naccuracy: 0.9\n",
    "text ": "µ und σ, gelernt\n".encode() * 100,
    "a GGML file": b"lmgg" + bytes(100),
    "a program": b"\x7fELF\2\1\1" + bytes(100),
    "an archive": b"7z\xbc\xaf\x27\x1c" + bytes(100),
    "a file of MATLAB": b"MATLAB 5.0 MAT-file, Platform: GLNXA64",
    "a database": b"SQLite format 3\0",
    "a table (Parquet)": b"PAR1\x15\4" + bytes(10),
    "a sound or a film": b"RIFF\x24\0\0\0WAVE",
    "the index of a TensorFlow checkpoint": bytes(40) + b"\x57\xfb\x80\x8b\x24\x75\x47\xdb",
    "an empty zip archive": zipped(),
    "a tar archive": bytes(257) + b"ustar" + bytes(300),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_another_kind_is_called_what_it_is(kind, tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(KINDS[kind])
    with pytest.raises(ValueError, match=r"a\.npz: expected .*, got ") as raised:
        exchange.load(path)
    assert str(raised.value).startswith(f"{path}: expected a file with weights, got {kind.strip()}")
    assert type(raised.value) is ValueError


def test_a_file_of_no_kind_that_is_known(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(b"\1\2\3\4 no file of ours \xff\xfe")
    message = (
        f"{path}: expected .npz, .safetensors, .onnx, .keras or .weights.h5, got a file of another "
        "kind"
    )
    with refused(ValueError, message):
        exchange.load(path)
    for name, first in (("a.npz", b"\x08"), ("a.onnx", b"\1")):  # as ONNX models begin, or by name
        path = tmp_path / name
        path.write_bytes(first + b"\2\3\4 no file of ours \xff\xfe")
        message = f"{path}: expected an ONNX model, got a damaged file or one of another kind"
        with refused(ValueError, message):
            exchange.load(path)


@pytest.mark.parametrize(
    ("arrays", "why"),
    [
        ({"readout.weight": np.ones((3, 4))},
         "expected the arrays ['readout.bias', 'readout.weight'], got none of ['readout.bias']"),
        ({}, "expected the arrays ['readout.bias', 'readout.weight'], got none of "
             "['readout.bias', 'readout.weight']"),
        ({"readout.bias": np.ones(3), "readout.weight": np.ones(4)},
         "expected a matrix, got shape (4,)"),
        ({"readout.bias": np.ones(2), "readout.weight": np.ones((3, 4))},
         "expected biases (K,) = (3,), got (2,)"),
        ({"readout.bias": np.ones((1, 3)), "readout.weight": np.ones((3, 4))},
         "expected biases (K,) = (3,), got (1, 3)"),
        ({"readout.bias": np.ones(3), "readout.weight": np.ones((3, 5))},
         "expected shape (1 + d * H, K) = (5, any), got (6, 3)"),
    ],
)  # fmt: skip
def test_a_readout_that_is_none(arrays, why, tmp_path):
    path = tmp_path / "a.safetensors"
    arrays = exchange.torch.dump(BOTH, "lstm.") | arrays
    path.write_bytes(tensors.to_safetensors(arrays, {"lstm.readout": "readout"}))
    with refused(ValueError, f"{path}: readout: {why}"):
        exchange.load_model(path)


@pytest.mark.parametrize("text", ["{", "[1]", "1"])
def test_metadata_that_cannot_be_read(text, tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(tensors.to_safetensors(exchange.torch.dump(BOTH), {"lstm.metadata": text}))
    with pytest.raises(ValueError, match="damaged") as raised:
        exchange.load_model(path)
    why = raised.value.__cause__.__cause__
    assert str(raised.value) == f"{path}: damaged: its metadata are not JSON ({why})"


def test_what_is_no_file_is_not_opened(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as open_socket:
        open_socket.bind("socket")
    for name, kind in ((tmp_path / "pipe", "a named pipe"), ("/dev/zero", "a device"),
                       (tmp_path / "socket", "a socket"), (tmp_path, "a directory")):  # fmt: skip
        with refused(ValueError, f"{name}: expected a file, got {kind}"):
            exchange.load(name)
    with refused(ValueError, f"{tmp_path}/pipe: expected a file, got a named pipe"):
        disk.replace_file(tmp_path / "pipe", b"")
    with refused(FileNotFoundError, f"{tmp_path}/none.npz: No such file or directory") as _:
        exchange.load(tmp_path / "none.npz")
    with pytest.raises(OSError, match="No such file or directory") as raised:
        exchange.save(tmp_path / "no" / "a.npz", BOTH)
    assert raised.value.errno == errno.ENOENT


@pytest.mark.parametrize("given", [None, 3, BOTH, io.BytesIO()])
def test_a_path_is_the_name_of_a_file(given, tmp_path):
    kind = type(given).__name__
    message = f"path: expected the name of a file, got {kind}"
    for call in (exchange.load, exchange.load_model, exchange.open_file):
        with refused(TypeError, message):
            call(given)
    with refused(TypeError, message):  # the arguments the other way round
        exchange.save(given, tmp_path / "a.npz")
    exchange.save(os.fsencode(tmp_path / "a.npz"), BOTH)
    assert len(exchange.load(os.fsencode(tmp_path / "a.npz"))) == len(BOTH)


@pytest.mark.parametrize("given", ["", "a\0b", "\ud800"])
def test_what_no_file_can_be_called(given):
    for call in (exchange.load, lambda path: exchange.save(path, BOTH), exchange.onnx.load):
        with refused(ValueError, f"path: expected the name of a file, got {given!r}"):
            call(given)


@pytest.mark.parametrize("given", [None, 3, b"lstm."])
def test_a_prefix_is_text(given, tmp_path):
    exchange.save(tmp_path / "a.npz", BOTH)
    for call in (exchange.load, exchange.load_model):
        with refused(TypeError, f"prefix: expected text, got {given!r}"):
            call(tmp_path / "a.npz", given)


def test_a_model_whose_version_does_not_come_first(tmp_path):
    """Protocol buffers may be in any order. By its name such a file is known all the same."""
    exchange.save(tmp_path / "a.onnx", BOTH)
    content = (tmp_path / "a.onnx").read_bytes()
    path = tmp_path / "b.onnx"
    path.write_bytes(content[2:] + content[:2])  # b"\x08\x08" is the version
    assert_equal(exchange.load(path), exchange.load(tmp_path / "a.onnx"))


def test_the_arrays_of_an_opened_file_pass_for_arrays(tmp_path):
    exchange.save(tmp_path / "a.safetensors", BOTH)
    arrays = exchange.open_file(tmp_path / "a.safetensors").arrays
    for layer, one in zip(exchange.torch.load(arrays), BOTH, strict=True):
        for (_, W), (_, V) in zip(layer.directions, one.directions, strict=True):
            np.testing.assert_array_equal(W, V, strict=True)
    (entry,) = [arrays["weight_ih_l0"]]
    assert np.asarray(entry, np.float16).dtype == np.float16
    with refused(ValueError, "expected copy=None or True, as the array has yet to be read"):
        np.asarray(entry, copy=False)


class Trap:
    def __reduce__(self):
        return os.mkdir, ("executed",)


def test_nothing_in_a_file_is_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    objects = io.BytesIO()
    np.save(objects, np.array([Trap()], dtype=object), allow_pickle=True)
    exchange.save("a.npz", BOTH)
    members = {n: f() for n, f in tensors.open_zip(Path("a.npz").read_bytes()).items()}
    traps = {
        "pickle": pickle.dumps(Trap()),
        "objects": objects.getvalue(),
        "torch": zipped(**{"archive/data.pkl": pickle.dumps(Trap())}),
        "a member": zipped(**members | {"x.npy": objects.getvalue()}),
        "the contents": zipped(**members | {"lstm.contents.npy": objects.getvalue()}),
        "a matrix": zipped(**members | {"0.forward.npy": objects.getvalue()}),
        "a plain pickle": zipped(**members | {"0.forward.npy": pickle.dumps(Trap())}),
    }
    for content in traps.values():
        Path("trap").write_bytes(content)
        with pytest.raises(ValueError, match="trap: "):
            exchange.load("trap")
        assert not Path("executed").exists()
    np.load(io.BytesIO(objects.getvalue()), allow_pickle=True)  # the trap works
    assert Path("executed").exists()


# Damage


CHANGES = {
    "expected layout version 1, got 2": lambda a: a | {"lstm.layout": np.array(2)},
    "expected the list of its arrays": lambda a: {
        k: v for k, v in a.items() if k != "lstm.contents"},
    "expected the arrays ['0.backward', '0.forward', '1.backward', '1.forward'], got "
    "['0.backward', '0.forward', '1.backward']": lambda a: {
        k: v for k, v in a.items() if k != "1.forward"},
    "'x']": lambda a: a | {"x": np.ones(1)},
    "damaged: its digest is not that of its arrays": lambda a: a | {"0.forward": a["1.forward"]},
}  # fmt: skip


@pytest.mark.parametrize("message", CHANGES)
def test_a_file_of_ours_that_was_changed(message, tmp_path):
    path = tmp_path / "a.npz"
    exchange.save(path, BOTH)
    rewritten(path, CHANGES[message])
    with pytest.raises(ValueError, match=r"a\.npz: ") as raised:
        exchange.load(path)
    assert message in str(raised.value)


@pytest.mark.parametrize("end", [*ENDS, "keras"])
def test_flipped_bits_and_cut_files(end, tmp_path):
    """The same layers or an error of ours; ONNX has no digest of its numbers."""
    path = tmp_path / f"a.{end}"
    if end == "keras":
        config = {"class_name": "Sequential", "config": {"layers": []}}
        path.write_bytes(zipped(**{"config.json": json.dumps(config), "model.weights.h5": "no"}))
    else:
        exchange.save(path, BOTH[:1], metadata={"step": 7})
    good = path.read_bytes()
    rng = np.random.default_rng(0)
    messages = []
    for trial in range(150):
        data = bytearray(good)
        if trial % 5 == 0:
            data = data[: rng.integers(len(good))]
        else:
            data[rng.integers(len(good))] ^= 1 << rng.integers(8)
        path.write_bytes(data)
        try:
            model = exchange.load_model(path)
        except (ValueError, TypeError) as error:
            messages.append((type(error), str(error)))
            continue
        assert len(model.layers) == 1
        if end in ("npz", "safetensors"):
            assert_equal(model.layers, BOTH[:1])
    assert len(messages) > 25
    assert {kind for kind, _ in messages} <= {ValueError, TypeError}
    assert all(message.startswith(f"{path}: ") for _, message in messages)


def test_a_changed_safetensors_file_says_what_to_leave_out(tmp_path):
    from safetensors import safe_open
    from safetensors.numpy import load_file, save_file

    path = tmp_path / "a.safetensors"
    exchange.save(path, BOTH, metadata={"step": 7})
    with safe_open(path, "np") as file:
        notes = file.metadata()
    arrays = load_file(path)
    save_file(arrays, path, notes)  # another order of bytes, the same numbers
    assert exchange.load_model(path).metadata == {"step": 7}
    arrays["bias_hh_l0"] = arrays["bias_hh_l0"] + 1
    save_file(arrays, path, notes)
    with refused(ValueError, f"{path}: damaged: its digest is not that of its arrays; a program "
                 "that changes such a file must leave the entry 'lstm.sha256' of its metadata "
                 "out"):  # fmt: skip
        exchange.load(path)
    save_file(arrays, path, {k: v for k, v in notes.items() if k != "lstm.sha256"})
    assert exchange.load(path)[0].forward[0, 0] == BOTH[0].forward[0, 0] + 1


def test_a_bomb_is_refused_before_it_unpacks(tmp_path):
    path = tmp_path / "a.npz"
    exchange.save(path, BOTH)
    members = {n: f() for n, f in tensors.open_zip(path.read_bytes()).items()}
    header = tensors.open_zip(tensors.to_npz({"x": np.ones(1)}))["x.npy"]()[:-8]
    bomb = zipped(**members | {"0.forward.npy": header + bytes(3 * 10**8)})
    path.write_bytes(bomb)
    start = time.perf_counter()
    with pytest.raises(ValueError, match=r"a zip archive of \d+ bytes that unpacks to 30\d+"):
        exchange.load(path)
    assert time.perf_counter() - start < 2
    lying = bytearray(zipped(**{"x.npy": header.replace(b"(1,)", b"(9,)") + bytes(8)}))
    path.write_bytes(lying)
    with refused(ValueError, f"{path}: 'x.npy' is damaged: 8 bytes for shape (9,)"):
        exchange.load(path)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b"'<f8'", b"'|V0'", "numbers of type |V0"),
        (b"'<f8'", b"'|S0'", "numbers of type |S0"),
        (b"'<f8'", b"('<f8', (2,))", "numbers of type ('<f8', (2,))"),
        (b"\1\0", b"\3\0", "version (3, 0) of the format"),
    ],
)
def test_headers_of_npz_that_lie(old, new, why, tmp_path):
    """A shape of no bytes could be any."""
    path, header = tmp_path / "a.npz", b"{'descr': '<f8', 'fortran_order': False, 'shape': (99, 9)}"
    data = b"\x93NUMPY\1\0\0\1" + header.replace(old, new).ljust(255) + b"\n"
    path.write_bytes(zipped(**{"x.npy": data.replace(old, new) if old == b"\1\0" else data}))
    with refused(ValueError, f"{path}: 'x.npy' is not an array, or is damaged ({why})"):
        exchange.load(path)


SPAN = "'x': expected dtype, shape and two data_offsets, got "


@pytest.mark.parametrize(
    ("x", "why"),
    [
        ({"shape": [9]}, "'x': its size is not its shape's"),
        ({"data_offsets": [0, 8]}, "'x': its size is not its shape's"),
        ({"data_offsets": [-4, 0]}, "a size of -4"),
        ({"data_offsets": [4, 8]}, "'x' does not follow the one before"),
        ({"shape": [-1]}, "a size of -1"),
        ({"shape": [True]}, "a size of True"),
        ({"shape": [1.0]}, "a size of 1.0"),
        ({"shape": 1}, SPAN + "{'dtype': 'F32', 'shape': 1, 'data_offsets': [0, 4]}"),
        ({"data_offsets": 4}, SPAN + "{'dtype': 'F32', 'shape': [1], 'data_offsets': 4}"),
        ({"data_offsets": [0, 2, 4]},
         SPAN + "{'dtype': 'F32', 'shape': [1], 'data_offsets': [0, 2, 4]}"),
        ({"dtype": ...}, SPAN + "{'shape': [1], 'data_offsets': [0, 4]}"),
        ({"shape": ...}, SPAN + "{'dtype': 'F32', 'data_offsets': [0, 4]}"),
        ({"data_offsets": ...}, SPAN + "{'dtype': 'F32', 'shape': [1]}"),
        (1, SPAN + "1"), (None, SPAN + "None"),
    ],
)  # fmt: skip
def test_arrays_of_safetensors_that_lie(x, why):
    right = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    assert opened(json.dumps({"x": right}))["x"].shape == (1,)
    if isinstance(x, dict):  # without what is left open
        x = {key: value for key, value in (right | x).items() if value is not ...}
    with refused(ValueError, f"a damaged safetensors file ({why})"):
        opened(json.dumps({"x": x}))


def test_metadata_that_are_no_dictionary_are_damaged():
    with refused(ValueError, "damaged: its metadata are not JSON ('int' object is not iterable)"):
        files._parsed("1")


def opened(header, longer=0):
    """The arrays of a file with this header, whose length is given, and with one number."""
    header = header.encode()
    content = struct.pack("<Q", len(header) + longer) + header + bytes(4)
    return tensors.open_safetensors(content)[0]


def test_headers_of_safetensors_that_lie():
    x = '{"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}'
    damaged = "a damaged safetensors file"
    for header, why in (
        ('{"__metadata__": [1]}', "expected metadata by name, got [1]"),
        ('{"__metadata__": null}', "expected metadata by name, got None"),
        (f'{{"x": {x}, "x": {x}}}', "a name appears twice"),
        (f'{{"x": {x}, "y": {x}}}', "'y' does not follow the one before"),
        ("{}", "4 bytes for 0"),
    ):
        with refused(ValueError, f"{damaged} ({why})"):
            opened(header)
    for header in ("{", "{" * 100_000, "[]"):  # why, Python says
        with pytest.raises(ValueError, match=f"^{damaged} "):
            opened(header)
    header = f'{{"x": {x}}}'
    with refused(ValueError, f"{damaged} (a header of {len(header) + 5} bytes)"):
        opened(header, longer=5)  # one more than there are


# Whole or not at all


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    exchange.save(path, BOTH)
    os.chmod(path, 0o640)
    old = path.read_bytes()

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    for broken in (full, lambda _: (_ for _ in ()).throw(KeyboardInterrupt)):
        with monkeypatch.context() as patch:
            patch.setattr(disk.os, "fsync", broken)
            with pytest.raises((OSError, KeyboardInterrupt)) as raised:
                exchange.save(path, STACKS["one"])
        assert isinstance(raised.value, KeyboardInterrupt) or (
            str(raised.value) == f"{path}: No space left on device"
            and raised.value.errno == errno.ENOSPC
        )
        assert path.read_bytes() == old
        assert os.listdir(tmp_path) == ["a.npz"]
    (tmp_path / "link.npz").symlink_to(path)
    exchange.save(tmp_path / "link.npz", STACKS["one"])
    assert (tmp_path / "link.npz").is_symlink()
    assert_equal(exchange.load(path), STACKS["one"])
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_new_file_may_be_read_by_whom_the_umask_lets(tmp_path):
    for mask, mode in ((0o022, 0o644), (0o077, 0o600), (0, 0o666)):
        before = os.umask(mask)
        try:
            exchange.save(tmp_path / f"{mask}.npz", BOTH)
        finally:
            os.umask(before)
        assert (tmp_path / f"{mask}.npz").stat().st_mode & 0o777 == mode


def test_a_folder_that_cannot_be_synced_is_no_error(tmp_path, monkeypatch):
    """Some network file systems cannot do it; by then the file is in its place."""
    real = os.fsync

    def only_files(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        real(descriptor)

    monkeypatch.setattr(disk.os, "fsync", only_files)
    exchange.save(tmp_path / "a.npz", BOTH)
    assert_equal(exchange.load(tmp_path / "a.npz"), BOTH)


@pytest.mark.parametrize("name", ["n" * 251, "長" * 83, "é" * 125])
def test_the_longest_name_that_a_file_can_have(name, tmp_path):
    path = tmp_path / f"{name}.npz"
    exchange.save(path, BOTH)
    assert_equal(exchange.load(path), BOTH)
    assert os.listdir(tmp_path) == [path.name]


SAVER = """
import sys
from lstm import exchange, stack
k = 0
while True:
    exchange.save(sys.argv[1], stack.init(40, 60, layers=2, rng=k), metadata={"k": k})
    k += 1
    if k == 2:
        print("saving", flush=True)
"""


def test_a_killed_save_leaves_a_whole_file(tmp_path):
    path = tmp_path / "a.npz"
    rng = np.random.default_rng(0)
    for _ in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", SAVER, path], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout.readline() == "saving\n"
        for _ in range(5):  # a reader beside the writer
            model = exchange.load_model(path)
            assert_equal(model.layers, stack.init(40, 60, layers=2, rng=model.metadata["k"]))
        time.sleep(rng.uniform(0, 0.02))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        model = exchange.load_model(path)
        assert_equal(model.layers, stack.init(40, 60, layers=2, rng=model.metadata["k"]))


@pytest.mark.parametrize("end", ["npz", "safetensors", "onnx"])
def test_arrays_of_more_numbers_than_16_bits_count(end, tmp_path):
    """More than ten layers, too, whose names are not in the order of the alphabet."""
    for layers in (stack.init(70, 250, rng=0, dtype="f4"), stack.init(3, 2, layers=12, rng=1)):
        path = tmp_path / f"large.{end}"
        H, dtype = layers[-1].forward.shape[1] // 4, layers[-1].forward.dtype
        readout = np.random.default_rng(2).standard_normal((1 + H, 300)).astype(dtype)
        exchange.save(path, layers, readout=readout)
        model = exchange.load_model(path)
        for got, want in zip(model.layers, layers, strict=True):
            np.testing.assert_array_equal(got.forward, want.forward, strict=True)
        np.testing.assert_array_equal(model.readout, readout)


def test_every_half_is_the_number_that_it_was(tmp_path):
    """All 65,536 patterns of bits: negative, tiny, infinite, no number."""
    bits = np.arange(2**16, dtype=np.uint16)
    halves = bits.view(np.float16)
    path = tmp_path / "halves.npz"
    np.savez(path, x=halves)
    np.testing.assert_array_equal(exchange.open_file(path).arrays["x"].read(), np.float32(halves))
    sign, exponent, fraction = bits >> 15, (bits >> 7 & 255).astype(int), bits & 127
    with np.errstate(over="ignore"):
        size = np.where(exponent > 0, 1 + fraction / 128, fraction / 128) * 2.0 ** (
            np.maximum(exponent, 1) - 127)  # fmt: skip
    size[exponent == 255] = np.where(fraction[exponent == 255], np.nan, np.inf)
    want = np.float32(np.where(sign, -size, size))
    np.testing.assert_array_equal(tensors.from_bfloat16(bits), want)


@pytest.mark.parametrize(
    "shape", [(), (1,), (0,), (5,), (3, 4), (0, 3), (2, 3, 4), (2, 1, 3, 5)], ids=str
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_of_any_rank_by_rows_or_by_columns(shape, dtype):
    """Beside others, so that no place is the first or the last by chance."""
    rng = np.random.default_rng(0)
    arrays = {"a": rng.standard_normal(3), "x": rng.standard_normal(shape), "z": np.ones((2, 2))}
    arrays = {name: np.asarray(array, dtype) for name, array in arrays.items()}
    for order in "CF":
        given = {name: np.array(array, order=order) for name, array in arrays.items()}
        file = io.BytesIO()
        np.savez(file, **given)  # which keeps columns as they are
        for stored in (
            tensors.open_safetensors(tensors.to_safetensors(given, {}))[0],
            tensors.open_npz(tensors.open_zip(tensors.to_npz(given))),
            tensors.open_npz(tensors.open_zip(file.getvalue())),
        ):
            assert list(stored) == list(arrays)
            for name, array in arrays.items():
                assert stored[name].shape == array.shape
                np.testing.assert_array_equal(stored[name].read(), array, strict=True)


@pytest.mark.parametrize("size", [1, 33, 5000])
def test_a_digest_changes_with_any_number(size):
    x = np.random.default_rng(0).standard_normal((size, 2))
    digests = {npz_file.digest({"x": x, "y": x[:1]}, "")}
    places = {0, 1, 2 * size - 1, *np.random.default_rng(1).integers(2 * size, size=30).tolist()}
    for place in places:
        other = x.copy()
        other.flat[place] = np.nextafter(other.flat[place], 9)
        digests.add(npz_file.digest({"x": other, "y": x[:1]}, ""))
    assert len(digests) == 1 + len(places)
