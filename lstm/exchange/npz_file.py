"""The ``.npz`` files of this package: matrices by position, a list of them, and a digest."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..layers import Layer, check_layers
from ..layout import VERSION
from .tensors import Entry, to_npz

__all__ = ["READOUT", "digest", "is_ours", "layers_of", "read_npz", "write_npz"]

MARK, CONTENTS = "lstm.layout", "lstm.contents"
"""The entries with the version of the layout, and with the list and the digest."""

READOUT = "readout"


def write_npz(layers: list[Layer], readout: NDArray[Any] | None, metadata: str) -> bytes:
    """Write a stack as the bytes of an ``.npz`` file of this package.

    Args:
        layers: The stack.
        readout: The linear layer on its outputs, or None.
        metadata: Text to keep beside them.

    Returns:
        bytes: The file.

    Example:
        >>> from lstm import stack
        >>> from lstm.exchange.tensors import open_npz, open_zip
        >>> file = write_npz(stack.init(10, 4, rng=0), None, "{}")
        >>> sorted(open_npz(open_zip(file)))
        ['0.forward', 'lstm.contents', 'lstm.layout']
    """
    arrays = {f"{k}.{d}": W for k, layer in enumerate(layers) for d, W in layer.directions}
    if readout is not None:
        arrays[READOUT] = readout
    contents = {"arrays": list(arrays), "metadata": metadata, "sha256": digest(arrays, metadata)}
    return to_npz({MARK: np.array(VERSION), CONTENTS: np.array(json.dumps(contents)), **arrays})


def is_ours(arrays: Mapping[str, Entry]) -> bool:
    """Return whether `write_npz` made a file, judging by the names of its arrays.

    Args:
        arrays: What `lstm.exchange.tensors.open_npz` returned.

    Returns:
        bool: Whether it has the mark of this package.

    Example:
        >>> is_ours({})
        False
    """
    return MARK in arrays


def read_npz(arrays: Mapping[str, Entry]) -> tuple[dict[str, NDArray[Any]], str]:
    """Read what `write_npz` wrote, if not a bit of it has changed.

    Args:
        arrays: What `lstm.exchange.tensors.open_npz` returned.

    Returns:
        tuple: The arrays by name, and the text.

    Raises:
        ValueError: If it is damaged, or of another version.

    Example:
        >>> from lstm import stack
        >>> from lstm.exchange.tensors import open_npz, open_zip
        >>> file = write_npz(stack.init(10, 4, rng=0), None, "{}")
        >>> values, text = read_npz(open_npz(open_zip(file)))
        >>> values["0.forward"].shape, text
        ((15, 16), '{}')
    """
    version = arrays[MARK].read()
    if not np.array_equal(version, VERSION):
        raise ValueError(f"expected layout version {VERSION}, got {version}")
    try:
        contents = json.loads(str(arrays[CONTENTS].read()))
        names, metadata = list(map(str, contents["arrays"])), str(contents["metadata"])
        written = contents["sha256"]
    except Exception as error:  # missing, no text, no JSON, another JSON
        raise ValueError(
            "expected the list of its arrays, got a file without or damaged"
        ) from error
    if sorted([*names, MARK, CONTENTS]) != sorted(arrays):
        raise ValueError(
            f"expected the arrays {sorted(names)}, got {sorted(set(arrays) - {MARK, CONTENTS})}"
        )
    values = {name: arrays[name].read() for name in names}
    if digest(values, metadata) != written:
        raise ValueError("damaged: its digest is not that of its arrays")
    return values, metadata


def layers_of(values: Mapping[str, NDArray[Any]]) -> list[Layer]:
    """Build layers from the arrays of a file.

    Args:
        values: The arrays by name, such as "0.forward".

    Returns:
        list: A `lstm.stack.Layer` for each layer.

    Raises:
        ValueError: If they are not a stack.

    Example:
        >>> layers_of({"0.forward": np.zeros((15, 16))})[0].forward.shape
        (15, 16)
    """
    layers: dict[int, dict[str, NDArray[Any]]] = {}
    for name, W in values.items():
        if name != READOUT:
            match = re.fullmatch(r"(0|[1-9]\d*)\.(forward|backward)", name, re.ASCII)
            if match is None:
                raise ValueError(f"expected arrays with names such as '0.forward', got {name!r}")
            layers.setdefault(int(match[1]), {})[match[2]] = W
    return check_layers([Layer(**layers[k]) for k in sorted(layers)])


def digest(arrays: Mapping[str, NDArray[Any]], metadata: str) -> str:
    """Compute a digest that changes with any name, type, shape, bit or word.

    Args:
        arrays: The arrays by name.
        metadata: Text that belongs to them.

    Returns:
        str: The SHA-256 of everything, in hexadecimal digits.

    Example:
        >>> digest({"x": np.ones(2)}, "") == digest({"x": np.ones((1, 2))}, "")
        False
    """
    hashed = hashlib.sha256(metadata.encode())
    for name, array in sorted(arrays.items()):
        hashed.update(f"{name} {array.dtype.name} {array.shape}".encode())
        hashed.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes())
    return hashed.hexdigest()
