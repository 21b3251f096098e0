"""Whole stacks by name, and files. Against the frameworks themselves see test_frameworks_*.py."""

import io
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from helpers import refused
from test_package import NUMPY_ALONE

from lstm import checkpoints, stack
from lstm.stack import Layer

ROOT = Path(__file__).parent.parent
BOTH = stack.init(3, 2, layers=2, bidirectional=True, rng=0)
STACKS = {
    "one": stack.init(3, 2, rng=0, dtype=np.float32),
    "both": BOTH,
    "backward": [Layer(backward=BOTH[0].forward)],
    "mixed": [BOTH[0], *stack.init(4, 5, rng=1)],
}


def assert_equal(got, want):
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        for x, y in zip(a, b, strict=True):
            if y is None:
                assert x is None
            else:
                np.testing.assert_array_equal(x, y, strict=True)


@pytest.mark.parametrize("name", STACKS)
def test_saved_and_loaded(name, tmp_path):
    checkpoints.save(tmp_path / "a.npz", STACKS[name])
    assert_equal(checkpoints.load(tmp_path / "a.npz"), STACKS[name])
    with np.load(tmp_path / "a.npz") as file:
        assert file["lstm.layout"] == 1


def written(path, arrays):
    np.savez(path, **arrays)
    return path


GOOD = {"lstm.layout": np.array(1), "0.forward": BOTH[0].forward}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.ones(2)}, "expected a file written by save, got one with the entries ['x']"),
        (GOOD | {"lstm.layout": np.array(2)}, "expected layout version 1, got 2"),
        (GOOD | {"lstm.layout": np.array([1])}, "expected layout version 1, got [1]"),
        ({"lstm.layout": np.array(1)}, "layers: expected at least one layer, got none"),
        (GOOD | {"2.forward": BOTH[1].forward}, "expected layers 0, 1, and so on, got [0, 2]"),
        (GOOD | {"0.sideways": np.ones(2)},
         "expected names such as '0.forward', got '0.sideways'"),
        (GOOD | {"00.forward": np.ones(2)},
         "expected names such as '0.forward', got '00.forward'"),
        (GOOD | {"0.backward": np.ones((3, 8))},
         "layers[0].backward: expected shape (6, 8), as forward, got (3, 8)"),
        (GOOD | {"0.forward": np.ones((6, 8), int)},
         "layers[0].forward: expected dtype float32, float64 or complex128, got int64"),
    ],
)  # fmt: skip
def test_what_save_did_not_write_is_refused(arrays, message, tmp_path):
    path = written(tmp_path / "bad.npz", arrays)
    with refused(ValueError, f"{path}: {message}"):
        checkpoints.load(path)


def damaged():
    """A good file, broken in many ways: each must be refused as damaged or foreign."""
    buffer = io.BytesIO()
    np.savez(buffer, **GOOD)
    good = buffer.getvalue()
    flipped = bytearray(good)
    flipped[good.index(b"0.forward") + 300] ^= 0xFF
    array = io.BytesIO()
    np.save(array, np.ones(3))
    objects = io.BytesIO()
    np.savez(objects, **GOOD, bad=np.array([print], dtype=object))
    text = io.BytesIO()
    with zipfile.ZipFile(text, "w") as file:
        file.writestr("lstm.layout.npy", "no array")
    return {
        "empty": b"", "text": b"no file of ours", "cut": good[: len(good) // 2],
        "cut by one": good[:-1], "a bit changed": bytes(flipped), "an array": array.getvalue(),
        "a pickle": pickle.dumps([1, 2]), "objects": objects.getvalue(), "zip": text.getvalue(),
    }  # fmt: skip


@pytest.mark.parametrize("name", damaged())
def test_a_damaged_or_foreign_file_is_refused(name, tmp_path):
    path = tmp_path / "bad.npz"
    path.write_bytes(damaged()[name])
    with pytest.raises(ValueError, match=r"bad\.npz: expected ") as raised:
        checkpoints.load(path)
    assert type(raised.value) is ValueError


def test_a_file_that_is_not_there_and_a_name_that_savez_would_change(tmp_path):
    with pytest.raises(FileNotFoundError):
        checkpoints.load(tmp_path / "none.npz")
    with refused(ValueError, "path: expected a name that ends in .npz, got 'model'"):
        checkpoints.save("model", BOTH)


def test_safetensors_there_and_back_and_damaged(tmp_path):
    path = tmp_path / "m.safetensors"
    checkpoints.write_safetensors(path, checkpoints.to_torch(BOTH))
    assert_equal(checkpoints.from_torch(checkpoints.read_safetensors(path)), BOTH)
    path.write_bytes(b"no file of theirs")
    with pytest.raises(ValueError, match="expected a safetensors file, got one that is damaged"):
        checkpoints.read_safetensors(path)
    with pytest.raises(FileNotFoundError):
        checkpoints.read_safetensors(tmp_path / "none")


@pytest.mark.parametrize("prefix", ["", "encoder.lstm."])
@pytest.mark.parametrize("name", ["one", "both"])
def test_the_names_of_torch(name, prefix):
    state_dict = checkpoints.to_torch(STACKS[name], prefix)
    others = {"head.weight": np.ones(3)} if prefix else {}
    assert_equal(checkpoints.from_torch(others | state_dict, prefix), STACKS[name])


@pytest.mark.parametrize("name", ["backward", "mixed"])
def test_stacks_that_torch_does_not_have(name):
    message = "layers: expected one hidden size, and forward or both directions in every layer"
    with refused(ValueError, message):
        checkpoints.to_torch(STACKS[name])


def test_state_dicts_that_are_not_whole():
    whole = checkpoints.to_torch(BOTH)
    with refused(ValueError, "state_dict: expected layers 0, 1, and so on, got [1]"):
        checkpoints.from_torch({k: v for k, v in whole.items() if "l0" not in k})
    lost = {k: v for k, v in whole.items() if k != "weight_hh_l1_reverse"}
    names = sorted(k for k in lost if k.endswith("l1_reverse"))
    with refused(ValueError, f"state_dict: expected whole layers, got also {names}"):
        checkpoints.from_torch(lost)
    with refused(ValueError, "state_dict: expected names like 'x.weight_hh_l0', got []"):
        checkpoints.from_torch({}, "x.")


def test_keras_reads_forward_or_both_ways():
    message = "layers[0]: expected forward or both directions, got backward"
    with refused(ValueError, message):
        checkpoints.to_keras(STACKS["backward"])
    assert [len(arrays) for arrays in checkpoints.to_keras(STACKS["mixed"])] == [6, 3]


@pytest.mark.parametrize("name", STACKS)
def test_onnx_there_and_back(name):
    assert_equal(checkpoints.from_onnx(checkpoints.to_onnx(STACKS[name])), STACKS[name])


ALONE = NUMPY_ALONE.partition("import numpy as np")[0] + """
import numpy as np
from lstm import checkpoints, stack

file = np.load("book/data/brackets.npz")
layers = checkpoints.from_torch(file, prefix="lstm.")
lengths = file["test.lengths"]
Hout = stack.forward(file["test.X"].astype(np.float32), layers, lengths=lengths).Hout
logits = Hout @ file["head.weight"][0] + file["head.bias"]
real = np.arange(len(logits))[:, None] < lengths
assert abs(logits - file["test.logits"])[real].max() < 1e-4
assert not {"torch", "jax", "onnx", "safetensors"} & set(sys.modules)
print(real.sum())
"""


def test_a_torch_model_of_two_layers_both_ways_runs_with_numpy_alone():
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", ALONE],
        cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout == "654\n"
