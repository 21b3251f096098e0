"""Keras's files: ``.keras``, with the settings of the layers, and ``.weights.h5``, without.

Both hold the weights in HDF5, which the package h5py reads (``pip install 'lstm-book[files]'``);
Keras itself is not needed.

Source: Keras, ``keras.saving`` (the format of version 3).
"""

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ..extras import needing
from ..layers import Layer, check_layers
from . import keras
from .conventions import ROSETTA, read
from .tensors import LARGEST, Entry, from_bfloat16, widened

__all__ = ["layers_of_archive", "layers_of_weights", "open_h5"]

PASSES = {
    "InputLayer", "Dropout", "SpatialDropout1D", "GaussianDropout", "GaussianNoise",
    "ActivityRegularization", "Identity",
}  # fmt: skip
"""What hands its input on as it is, when nothing is trained."""


def open_h5(content: bytes) -> tuple[dict[str, Entry], dict[str, str]]:
    """List the arrays of an HDF5 file.

    Args:
        content: The file.

    Returns:
        tuple: A `lstm.exchange.tensors.Entry` by path, and by path the layers' names that Keras
        has stored.

    Raises:
        ImportError: If the package h5py is not installed.
        ValueError: If the file is damaged.

    Example:
        >>> import h5py
        >>> file = io.BytesIO()
        >>> with h5py.File(file, "w") as made:
        ...     made["layers/dense/vars/0"] = np.ones((2, 3), np.float32)
        >>> {path: entry.shape for path, entry in open_h5(file.getvalue())[0].items()}
        {'layers/dense/vars/0': (2, 3)}
    """
    with needing("A file of Keras", "the package h5py", "files"):
        import h5py

    arrays: dict[str, Entry] = {}
    names: dict[str, str] = {}

    def note(path: str, thing: Any) -> None:
        if isinstance(thing, h5py.Dataset):
            arrays[path] = _dataset(path, thing, len(content))
        elif path.endswith("/vars") and "name" in thing.attrs:
            names[path.removesuffix("/vars")] = str(thing.attrs["name"])

    try:
        h5py.File(io.BytesIO(content), "r").visititems(note)  # it follows no links
    except Exception as error:  # h5py has many of its own
        raise ValueError(f"a damaged HDF5 file ({error})") from error
    return arrays, names


def _dataset(path: str, dataset: Any, size: int) -> Entry:
    """One array of an HDF5 file."""

    def read() -> Any:
        try:
            if dataset.is_virtual or dataset.external:
                raise ValueError("its numbers are in another file, which is not read")
            if dataset.shape is None:
                raise ValueError("it holds no numbers")
            narrow = dataset.dtype == "V2" and dataset.attrs.get("dtype") == "bfloat16"
            if dataset.dtype.kind not in "fiub" and not narrow:
                raise ValueError(f"type {dataset.dtype}")
            if dataset.size * dataset.dtype.itemsize > max(LARGEST[0], LARGEST[1] * size):
                raise ValueError(f"shape {dataset.shape} in a file of {size} bytes")
            array = np.asarray(dataset[()])
        except Exception as error:
            raise ValueError(f"{path!r} cannot be read ({error})") from error
        return from_bfloat16(array.view("<u2")) if narrow else widened(array)

    return Entry(tuple(dataset.shape or ()), str(dataset.dtype), read)


def layers_of_weights(arrays: Mapping[str, Entry], prefix: str = "") -> list[Layer]:
    """Find the LSTM of a ``.weights.h5`` file by the shapes of its arrays.

    The file does not say which activations, ``go_backwards`` and ``merge_mode`` were used, nor
    which layer feeds which. So Keras's defaults are assumed, and several layers have to be
    requested one by one.

    Args:
        arrays: What `open_h5` returned.
        prefix: The path of a layer, such as "layers/lstm"; "" if there is only one.

    Returns:
        list: One `lstm.stack.Layer`.

    Raises:
        TypeError: If the dtype of an array is wrong.
        ValueError: If there is no LSTM, or more than one and no prefix, or it is not a file of
            Keras 3.

    Example:
        >>> def entry(*shape):
        ...     return Entry(shape, "float32", lambda: np.ones(shape, np.float32))
        >>> vars = "layers/lstm/cell/vars"
        >>> arrays = {f"{vars}/0": entry(3, 8), f"{vars}/1": entry(2, 8), f"{vars}/2": entry(8)}
        >>> layers_of_weights(arrays)[0].forward.shape
        (6, 8)
    """
    found = _lstms(arrays)
    if not found:
        old = any(re.search("/kernel(:0)?$", path) for path in arrays)
        raise ValueError(
            "expected an LSTM as Keras 3 writes it (…/cell/vars), got "
            + ("an older kind: open it in Keras, and save it as .keras, or give "
               "exchange.keras.load its weights"
               if old else f"the arrays {sorted(arrays)}")
        )  # fmt: skip
    chosen = prefix.rstrip("/") or (next(iter(found)) if len(found) == 1 else "")
    if chosen not in found:
        raise ValueError(
            f"expected prefix as one of {list(found)}, got {prefix!r}; such a file does not say "
            "which layer feeds which: load them one by one, and join the lists"
        )
    return [Layer(**{d: _cell(arrays, path) for d, path in found[chosen].items()})]


def _lstms(arrays: Mapping[str, Entry]) -> dict[str, dict[str, str]]:
    """The path of each LSTM layer, with the paths of its cells by direction, forward first."""
    found: dict[str, dict[str, str]] = {}
    for path, entry in arrays.items():
        match = re.fullmatch(r"(?:(.*)/)?cell/vars/1", path)
        if match and len(entry.shape) == 2 and entry.shape[1] == 4 * entry.shape[0]:
            layer = match[1] or ""
            outer, _, last = layer.rpartition("/")
            directions = {"forward_layer": "forward", "backward_layer": "backward"}
            if last in directions:
                found.setdefault(outer, {})[directions[last]] = f"{layer}/cell/vars"
            else:
                found[layer] = {"forward": f"{layer}/cell/vars".lstrip("/")}
    return {name: dict(sorted(cells.items(), reverse=True)) for name, cells in found.items()}


def _cell(arrays: Mapping[str, Entry], path: str) -> Any:
    """The weights of one cell."""
    names = [name for name in arrays if name.startswith(f"{path}/")]
    given = {
        {f"{path}/0": "kernel", f"{path}/1": "recurrent_kernel", f"{path}/2": "bias"}.get(
            name, name
        ): arrays[name].read()
        for name in names
    }
    return read(ROSETTA["Keras"], given, path)


def layers_of_archive(members: Mapping[str, Callable[[], bytes]], prefix: str = "") -> list[Layer]:
    """Read the LSTM layers of a ``.keras`` file as a stack, if they feed one another.

    Dropout, which acts only in training, and ``stateful``, which hands states from one batch
    to the next, are left out.

    Args:
        members: What `lstm.exchange.tensors.open_zip` returned.
        prefix: The name of one layer; "" for all LSTM layers.

    Returns:
        list: A `lstm.stack.Layer` for each.

    Raises:
        ImportError: If the package h5py is not installed.
        TypeError: If the dtype of an array is wrong.
        ValueError: If the file is damaged, the layers are not a stack, or one has a setting that
            cannot be represented.

    Example:
        >>> layers_of_archive({"config.json": lambda: b"[]", "model.weights.h5": lambda: b""})
        Traceback (most recent call last):
            ...
        ValueError: a damaged Keras file: config.json has no layers
    """
    try:
        config = json.loads(members["config.json"]().decode())
        given = config["config"].get("layers", ())  # a class of one's own lists none
        layers = {layer["config"]["name"]: layer for layer in given}
        kinds = {name: str(layer["class_name"]) for name, layer in layers.items()}
        sources = dict(_sources(config["class_name"], layers))
    except ValueError as error:
        raise ValueError(f"a damaged Keras file: {error}") from error
    except Exception as error:  # whatever is missing
        raise ValueError("a damaged Keras file: config.json has no layers") from error
    if not layers:
        raise ValueError(
            f"expected a model whose config.json lists its layers, got a {config['class_name']!r}: "
            "take its LSTM layers from Keras, by exchange.keras.load"
        )
    lstms = [name for name, layer in layers.items() if _is_lstm(layer)]
    hidden = [
        f"{name} ({kinds[name]})" for name, layer in layers.items()
        if name not in lstms and "LSTM" in json.dumps(layer)
    ]  # fmt: skip
    if not lstms or (hidden and not prefix):
        got = lstms if hidden else [f"{name} ({kind})" for name, kind in kinds.items()]
        raise ValueError(
            f"expected LSTM layers, plain or Bidirectional, got {got}"
            + f" and {hidden}: take each from Keras, by exchange.keras.load" * bool(hidden)
        )
    if prefix and prefix not in lstms:
        raise ValueError(f"expected prefix as the name of one of {lstms}, got {prefix!r}")
    chain = [prefix] if prefix else _chain(lstms, layers, kinds, sources)
    arrays, names = open_h5(members["model.weights.h5"]())
    paths = {name: path for path, name in names.items() if path.count("/") == 1}
    found = _lstms(arrays)
    given = []
    for name in chain:
        if paths.get(name) not in found:
            raise ValueError(f"{name!r}: its weights are missing, or of an older Keras")
        cells = found[paths[name]]
        parts = [
            array.read()
            for path in cells.values()
            for array in (arrays[n] for n in sorted(arrays) if n.startswith(f"{path}/"))
        ]
        given.append((_as_used(layers[name]["config"]), parts))
    return check_layers(keras.load(given))


def _as_used(config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without what acts in training or between batches."""
    inner = {
        name: config[name] | {"config": _as_used(config[name]["config"])}
        for name in ("layer", "backward_layer")
        if isinstance(config.get(name), Mapping)
    }
    return {k: v for k, v in config.items() if k not in keras.AWAY} | inner


def _is_lstm(layer: Mapping[str, Any]) -> bool:
    """Whether a layer is an LSTM, or one inside ``Bidirectional``."""
    inner = layer["config"].get("layer") if layer["class_name"] == "Bidirectional" else layer
    return isinstance(inner, Mapping) and inner.get("class_name") == "LSTM"


def _sources(kind: str, layers: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """For each layer the layers whose outputs it reads."""
    before: list[str] = []
    for name, layer in layers.items():
        if kind == "Sequential":
            yield name, before
            before = [name]
        else:
            found = re.findall(r'"keras_history": \["([^"]*)", (\d+), (\d+)', json.dumps(
                layer["inbound_nodes"]))  # fmt: skip
            yield name, [source if (a, b) == ("0", "0") else f"{source}, output {b}"
                         for source, a, b in found]  # fmt: skip


def _chain(
    lstms: list[str],
    layers: Mapping[str, Any],
    kinds: Mapping[str, str],
    sources: Mapping[str, list[str]],
) -> list[str]:
    """The LSTM layers from the input up, if each reads the sequence that the one before gives."""
    below, reasons = {}, []
    for name in lstms:
        at = list(sources[name])
        seen = 0
        while len(at) == 1 and kinds.get(at[0]) in PASSES and seen < len(layers):
            at, seen = list(sources[at[0]]), seen + 1
        if len(at) > 1:
            raise ValueError(
                f"{name!r}: expected to read one layer, got {at}: initial states cannot be kept; "
                f"give prefix={name!r} for its weights alone"
            )
        if at and at[0] in lstms:
            config = layers[at[0]]["config"]
            config = config["layer"]["config"] if "merge_mode" in config else config
            if config.get("return_sequences"):
                below[name] = at[0]
        reasons.append(f"{name!r} reads {at[0] if at else 'the input'}")
    above = {low: name for name, low in below.items()}
    chain = [name for name in lstms if name not in below][:1]
    while chain and chain[-1] in above:
        chain.append(above[chain[-1]])
    if len(chain) != len(lstms):
        raise ValueError(
            f"expected LSTM layers that feed one another: {'; '.join(reasons)}. Take them one by "
            f"one: prefix={lstms[0]!r}"
        )
    return chain
