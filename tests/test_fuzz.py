"""Damaged and hostile files: a second of what `python -m tests.fuzz` does for long."""

import io
import os
import pickle
import tracemalloc
from contextlib import nullcontext

import fuzz
import numpy as np
import pytest

from lstm import exchange
from lstm.exchange import files, onnx_tensors, tensors

CASES = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the files lie, with all readers imported."""
    path = str(tmp_path_factory.mktemp("fuzz"))
    fuzz.write_neighbours(path)
    fuzz.warm(path, fuzz.sound_files())
    return path


FILES = fuzz.sound_files()


@pytest.mark.parametrize("kind", FILES)
def test_nothing_but_what_is_documented_comes_out(kind, folder):
    path = f"{folder}/a.{kind}"
    with fuzz.little_memory():
        outcomes = {fuzz.judge(path, fuzz.case(kind, k, FILES)) for k in range(CASES)}
    assert "ValueError" in outcomes, "nothing was damaged"


def test_a_case_is_made_again_from_its_number():
    for kind, sound in FILES.items():
        first, again = ([fuzz.case(kind, k, FILES) for k in range(20)] for _ in range(2))
        assert first == again
        assert len({*first, sound}) > 16


# What the fuzzer would see, if it were there


class Trap:
    def __reduce__(self):
        return print, ("executed",)


def objects():
    """An .npz file with a pickle in it."""
    file = io.BytesIO()
    np.savez(file, x=np.array([Trap()], dtype=object))
    return file.getvalue()


def bomb():
    """A file that unpacks to many times its size."""
    return fuzz.zipped({"x.npy": bytes(2**26)})


def outside():
    """A model with numbers in a file that is not its own."""
    import onnx

    model = onnx.ModelProto.FromString(FILES["external.onnx"])
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = "/etc/passwd"
    return model.SerializeToString()


def with_pickles(name, data):
    raise ValueError(pickle.loads(data[data.index(b"\x80") :]))


def anywhere(tensor, folder):
    with open(next(e.value for e in tensor.external_data if e.key == "location"), "rb") as file:
        raise ValueError(file.read(1))


def fails_with(error):
    def fail(*_):
        raise error

    return fail


PLANTED = {
    # name: (kind, file, module, name in it, what stands there instead)
    "pickles are read": ("npz", objects, tensors, "_npy", with_pickles),
    "bombs unpack": ("npz", bomb, tensors, "LARGEST", (2**60, 1)),
    "files elsewhere are read": ("onnx", outside, onnx_tensors, "_external", anywhere),
    "messages lack the path": ("npz", lambda: b"PK", files, "about", lambda _: nullcontext()),
    "another error": ("npz", lambda: b"PK", files, "open_zip", fails_with(KeyError("x"))),
    "no memory": ("npz", lambda: b"PK", files, "open_zip", fails_with(MemoryError())),
}


@pytest.mark.parametrize("name", PLANTED)
def test_the_fuzzer_sees(name, folder, monkeypatch):
    kind, content, module, attribute, instead = PLANTED[name]
    path, content = f"{folder}/b.{kind}", content()
    assert fuzz.judge(path, content) == "ValueError"
    monkeypatch.setattr(module, attribute, instead)
    if name == "bombs unpack" and not fuzz.LIMITED:
        return
    with fuzz.little_memory(2**24), pytest.raises((AssertionError, KeyError, MemoryError)):
        fuzz.judge(path, content)


# Files that are large on purpose


def test_a_file_of_holes_is_an_error_of_the_system(folder):
    """It is a terabyte long, and takes no space on disk."""
    path = f"{folder}/holes.npz"
    with open(path, "wb") as file:
        file.write(b"PK")
        try:
            os.truncate(path, 2**44)
        except OSError:  # a file system with smaller files
            os.truncate(path, 2**40)
    with pytest.raises(OSError, match=f"{path}: {os.path.getsize(path)} bytes are more than there"):
        exchange.load(path)
    os.unlink(path)


@pytest.mark.parametrize("kind", FILES)
def test_a_sound_file_takes_a_few_times_its_size(kind, folder):
    """And the 150 kilobytes that h5py and onnx need for themselves."""
    path = f"{folder}/a.{kind}"
    fuzz.judge(path, FILES[kind])
    tracemalloc.start()
    try:
        fuzz.read_everything(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20 * len(FILES[kind]) + 150_000
