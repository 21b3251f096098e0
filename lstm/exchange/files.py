"""Files with the weights of an LSTM: one `load` for all kinds, and `save`.

The kind of a file is recognised by its first bytes, not by its name. `load` returns the layers,
`load_model` also the readout and metadata, and `open_file` lists the arrays without interpreting
them. Nothing in a file
is executed, and none can ask for far more memory than its own size.

* ``.npz``: of this package, read and written; with PyTorch's names, read.
* ``.safetensors``: with PyTorch's names, read and written, with a digest of what we wrote.
* ``.onnx``: read and written; needs the package onnx.
* ``.keras`` and ``.weights.h5``: read; need the package h5py.
"""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arguments import check_array
from ..extras import needing
from ..layers import Layer, check_layers
from ..settings import check_text
from . import keras_file, npz_file, onnx, torch, torch_file
from .disk import about, path_of, read_file, replace_file
from .foreign import foreign_archive, foreign_kind
from .npz_file import READOUT
from .onnx_tensors import read_tensor
from .tensors import Entry, open_npz, open_safetensors, open_zip, to_safetensors

__all__ = ["METADATA", "File", "Model", "load", "load_model", "open_file", "save"]

METADATA, HAS_READOUT, DIGEST = "lstm.metadata", "lstm.readout", "lstm.sha256"
"""Entries of a file's own metadata."""

LSTM = "lstm"


class File(NamedTuple):
    """The content of a file, before any of it is interpreted as an LSTM.

    Attributes:
        kind: "npz", "safetensors", "onnx", "keras" or "weights.h5".
        arrays: Its arrays by name, which have not been read yet.
        metadata: The file's metadata.
        layers: A function that finds the layers in it, given a prefix.
    """

    kind: str
    arrays: dict[str, Entry]
    metadata: dict[str, Any]
    layers: Callable[[str], list[Layer]]


class Model(NamedTuple):
    """An LSTM from a file, with its readout and metadata.

    Attributes:
        layers: The stack.
        readout: The linear layer on its outputs, (1 + d * H, K), biases first; None if `save` did
            not write one.
        metadata: The file's metadata.
    """

    layers: list[Layer]
    readout: NDArray[Any] | None
    metadata: dict[str, Any]


def load(path: str | os.PathLike[str], prefix: str = "") -> list[Layer]:
    """Read the LSTM in a file: .npz, .safetensors, .onnx, .keras or .weights.h5.

    float16 and bfloat16 become float32, without loss. `lstm.exchange.onnx.load` says what is
    refused in ONNX models, `lstm.exchange.keras_file` what in Keras's files.

    Args:
        path: Where from.
        prefix: Which LSTM to read if there are several: the beginning of its names, such as
            "encoder.lstm."; in ONNX models the node's name; in Keras's files the layer's name or
            path.

    Returns:
        list: A `lstm.stack.Layer` for each layer.

    Raises:
        ImportError: If a package that this kind of file needs is not installed.
        OSError: If it cannot be read.
        TypeError: If its arrays have a dtype in which `lstm` does not compute.
        ValueError: If it is damaged, of another kind, or has no LSTM or more than one. All
            messages start with the path.

    Example:
        >>> import tempfile
        >>> from lstm import stack
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(f"{folder}/model.safetensors", stack.init(10, 4, layers=2, rng=0))
        ...     [layer.forward.shape for layer in load(f"{folder}/model.safetensors")]
        [(15, 16), (9, 16)]
    """
    return load_model(path, prefix).layers


def load_model(path: str | os.PathLike[str], prefix: str = "") -> Model:
    """Read the LSTM in a file, with the readout and the metadata that `save` wrote.

    Args:
        path: As `load`.
        prefix: As `load`.

    Returns:
        Model: The named tuple (layers, readout, metadata).

    Raises:
        ImportError: As `load`.
        OSError: As `load`.
        TypeError: As `load`.
        ValueError: As `load`.

    Example:
        >>> import tempfile
        >>> from lstm import stack
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = f"{folder}/model.npz"
        ...     save(path, stack.init(10, 4, rng=0), readout=np.ones((5, 2)), metadata={"step": 7})
        ...     model = load_model(path)
        >>> model.readout.shape, model.metadata
        ((5, 2), {'step': 7})
    """
    path, prefix = path_of(path), check_text("prefix", prefix)
    file = open_file(path)
    with about(path):
        layers = file.layers(prefix)
        metadata = dict(file.metadata)
        readout = metadata.pop(HAS_READOUT, None)
        if readout is not None:
            readout = _check_readout(_readout(file), layers)
        if METADATA in metadata:
            metadata = _parsed(metadata[METADATA])
        return Model(layers, readout, metadata)


def open_file(path: str | os.PathLike[str]) -> File:
    """Recognise the kind of a file, and list its arrays.

    Args:
        path: The path of the file.

    Returns:
        File: The named tuple (kind, arrays, metadata, layers).

    Raises:
        ImportError: As `load`.
        OSError: As `load`.
        ValueError: If it is damaged, or of a kind that cannot be read.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.savez(f"{folder}/some.npz", x=np.ones((2, 3)))
        ...     file = open_file(f"{folder}/some.npz")
        >>> file.kind, file.arrays["x"].shape
        ('npz', (2, 3))
    """
    path = path_of(path)
    content = read_file(path)
    with about(path):
        if content.startswith(b"PK"):
            return _open_archive(content)
        if content.startswith(b"\x89HDF\r\n\x1a\n"):
            arrays, _ = keras_file.open_h5(content)
            find = partial(keras_file.layers_of_weights, arrays)
            return File("weights.h5", arrays, {}, find)
        if content[5:9] == b"\0\0\0{":  # a header of less than 2**40 bytes
            arrays, metadata = open_safetensors(content)
            _check_digest(arrays, metadata)
            find = partial(torch_file.layers_of, arrays)
            return File("safetensors", arrays, dict(metadata), find)
        if kind := foreign_kind(content):
            raise ValueError(f"expected a file with weights, got {kind}")
        # An ONNX model has no mark. Its version comes first, unless a program wrote it otherwise.
        if content[:1] == b"\x08" or path.endswith(".onnx"):
            return _open_onnx(content, Path(path))
        raise ValueError(
            "expected .npz, .safetensors, .onnx, .keras or .weights.h5, got a file of another kind"
        )


def save(
    path: str | os.PathLike[str],
    layers: Iterable[Layer],
    *,
    readout: ArrayLike | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write a stack to a file, in the format given by the end of its name.

    An existing file is replaced only when the new one is complete: a crash, a full disk or Ctrl-C
    leaves it as it was.

    Args:
        path: The path of the file. Its name ends in ".npz"; in ".safetensors", for the names of
            PyTorch's ``LSTM`` (with a readout, those of a module with an ``LSTM`` called lstm and
            a ``Linear`` called readout); or in ".onnx" (see `lstm.exchange.onnx.dump`).
        layers: The stack: a `lstm.stack.Layer` for each layer.
        readout: The weights of a linear layer on the outputs, (1 + d * H, K), biases first.
        metadata: Anything else to keep that JSON can hold: text, numbers, and lists and
            dictionaries of them.

    Raises:
        ImportError: If it is an ONNX model and the package onnx is not installed.
        OSError: If the file cannot be written.
        TypeError: If ``layers`` is not a stack, or JSON cannot hold ``metadata``.
        ValueError: If ``layers`` is not a stack, or not one that this kind of file can hold,
            ``readout`` has another shape, or ``path`` has another ending.

    Example:
        >>> import tempfile
        >>> from lstm import stack
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(f"{folder}/model.npz", stack.init(10, 4, layers=2, rng=0))
        ...     [layer.forward.shape for layer in load(f"{folder}/model.npz")]
        [(15, 16), (9, 16)]
    """
    name = path_of(path)
    writers = {".npz": npz_file.write_npz, ".safetensors": _as_safetensors, ".onnx": _as_onnx}
    write = writers.get(os.path.splitext(name)[1])
    if write is None:
        raise ValueError(f"path: expected a name that ends in {', '.join(writers)}, got {name!r}")
    layers = check_layers(layers)
    if layers[0].directions[0][1].dtype.kind != "f":
        raise TypeError(
            f"layers: expected float32 or float64, got {layers[0].directions[0][1].dtype}"
        )
    if readout is not None:
        readout = _check_readout(readout, layers)
    content = write(layers, readout, _spelled({} if metadata is None else metadata))
    replace_file(name, content)


# Safetensors, with PyTorch's names


def _as_safetensors(layers: list[Layer], readout: NDArray[Any] | None, metadata: str) -> bytes:
    """A state dict, of an LSTM alone or of a module with a readout."""
    arrays = torch.dump(layers, "" if readout is None else f"{LSTM}.")
    notes = {METADATA: metadata}
    if readout is not None:
        arrays[f"{READOUT}.weight"] = np.ascontiguousarray(readout[1:].T)
        arrays[f"{READOUT}.bias"] = readout[0].copy()
        notes[HAS_READOUT] = READOUT
    return to_safetensors(arrays, notes | {DIGEST: npz_file.digest(arrays, _listed(notes))})


def _check_digest(arrays: Mapping[str, Entry], metadata: dict[str, str]) -> None:
    """Take the digest that `save` wrote out of the metadata, and compare it."""
    written = metadata.pop(DIGEST, None)
    if written is not None:
        values = {name: entry.read() for name, entry in arrays.items()}
        if npz_file.digest(values, _listed(metadata)) != written:
            raise ValueError(
                "damaged: its digest is not that of its arrays; a program that changes such a "
                f"file must leave the entry {DIGEST!r} of its metadata out"
            )


def _listed(notes: Mapping[str, str]) -> str:
    """Metadata in an order of its own."""
    return json.dumps(sorted(notes.items()))


# Archives and ONNX models


def _own_npz(arrays: dict[str, Entry]) -> File:
    """A file that `save` wrote."""
    values, metadata = npz_file.read_npz(arrays)
    notes = {METADATA: metadata} | ({HAS_READOUT: READOUT} if READOUT in values else {})

    def find(prefix: str) -> list[Layer]:
        if prefix:
            raise ValueError(f"prefix: expected none, as this file holds one stack, got {prefix!r}")
        return npz_file.layers_of(values)

    return File("npz", {name: arrays[name] for name in values}, notes, find)


def _open_archive(content: bytes) -> File:
    """A zip archive: of NumPy, of Keras, or of others."""
    members = open_zip(content)
    if {"config.json", "model.weights.h5"} <= set(members):
        arrays, _ = keras_file.open_h5(members["model.weights.h5"]())
        return File("keras", arrays, {}, partial(keras_file.layers_of_archive, members))
    if kind := foreign_archive(members):
        raise ValueError(f"expected a file with weights, got {kind}")
    arrays = open_npz(members)
    if npz_file.is_ours(arrays):
        return _own_npz(arrays)
    return File("npz", arrays, {}, partial(torch_file.layers_of, arrays))


def _as_onnx(layers: list[Layer], readout: NDArray[Any] | None, metadata: str) -> bytes:
    """A model that ONNX Runtime runs."""
    model = onnx.dump(layers, readout=readout)
    notes = {METADATA: metadata} | ({HAS_READOUT: READOUT} if readout is not None else {})
    for key, value in notes.items():
        model.metadata_props.add(key=key, value=value)
    return bytes(model.SerializeToString())


def _open_onnx(content: bytes, path: Path) -> File:
    """An ONNX model; its tensors may lie in files beside it."""
    with needing("An ONNX model", "the package onnx", "files"):
        from onnx import ModelProto, TensorProto
    try:
        model = ModelProto()
        model.ParseFromString(content)
        arrays = {
            tensor.name: Entry(
                tuple(tensor.dims),
                TensorProto.DataType.Name(tensor.data_type).lower(),
                partial(read_tensor, tensor, path.parent),
            )
            for tensor in model.graph.initializer
        }
        metadata = {prop.key: prop.value for prop in model.metadata_props}
    except Exception as error:  # protobuf's own
        raise ValueError(
            "expected an ONNX model, got a damaged file or one of another kind"
        ) from error

    def find(prefix: str) -> list[Layer]:
        return onnx.load(path, [prefix] if prefix else None)

    return File("onnx", arrays, metadata, find)


# What they share


def _readout(file: File) -> NDArray[Any]:
    """The readout that `save` wrote into this kind of file, biases first."""
    names = {
        "npz": (READOUT,),
        "safetensors": (f"{READOUT}.bias", f"{READOUT}.weight"),
        "onnx": onnx.READOUT,
    }[file.kind]
    missing = [name for name in names if name not in file.arrays]
    if missing:
        raise ValueError(f"readout: expected the arrays {list(names)}, got none of {missing}")
    parts = [file.arrays[name].read() for name in names]
    if len(parts) == 1:
        return parts[0]
    b, W = parts
    if W.ndim != 2:
        raise ValueError(f"readout: expected a matrix, got shape {W.shape}")
    W = W.T if file.kind == "safetensors" else W
    if b.shape != W.shape[1:]:
        raise ValueError(f"readout: expected biases (K,) = {W.shape[1:]}, got {b.shape}")
    return np.vstack([b, W])


def _check_readout(readout: ArrayLike, layers: list[Layer]) -> NDArray[Any]:
    """Refuse a readout that does not fit the outputs."""
    first = layers[0].directions[0][1]
    width = sum(W.shape[1] // 4 for _, W in layers[-1].directions)
    return check_array(
        "readout", readout, ("1 + d * H", "K"), (1 + width, None), first.dtype, "layers"
    )


def _spelled(metadata: Mapping[str, Any]) -> str:
    """Metadata as JSON, if that gives back the same."""
    if not isinstance(metadata, Mapping):
        raise TypeError(
            f"metadata: expected a dictionary as in JSON, got {type(metadata).__name__}"
        )
    try:
        text = json.dumps(dict(metadata), allow_nan=False)
        if json.loads(text) == metadata:
            return text
        why = "names that are not text, or tuples"
    except (TypeError, ValueError, RecursionError) as error:
        why = str(error)
    raise TypeError(f"metadata: expected a dictionary as in JSON, got another ({why})")


def _parsed(text: str) -> dict[str, Any]:
    """Metadata from JSON."""
    try:
        return dict(json.loads(text))
    except Exception as error:  # no JSON, or no dictionary
        raise ValueError(f"damaged: its metadata are not JSON ({error})") from error
