"""Files that hold arrays by name, as other programs write them: ``.npz`` and ``.safetensors``.

A file is not trusted: names are checked before sizes, sizes before numbers, and what it declares
is compared with what it holds before memory is allocated. Nothing in a file is executed: arrays
of
Python objects, which NumPy stores as pickles, are refused. Both kinds are read and written here,
with nothing but NumPy.

Sources: NumPy, ``numpy.lib.format``; Hugging Face, safetensors, README (the format).
"""

import io
import json
import math
import struct
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Entry", "from_bfloat16", "open_npz", "open_safetensors", "open_zip", "to_npz",
    "to_safetensors", "widened",
]  # fmt: skip

LARGEST = 2**24, 200
"""What a compressed file may hold: these bytes, or as many times its own size."""

SAFETENSORS = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?", "BF16": "<u2",
}  # fmt: skip
"""The types of safetensors that are read. A bfloat16 is the upper half of a float32."""


class Entry(NamedTuple):
    """An array of a file that has not been read yet.

    Attributes:
        shape: Its shape.
        dtype: The name of its type in the file.
        read: A function that reads it; float16 and bfloat16 are widened to float32, without loss.
    """

    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], NDArray[Any]]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the numbers, so that an entry can be used as an array."""
        if copy is False:
            raise ValueError("expected copy=None or True, as the array has yet to be read")
        return np.asarray(self.read(), dtype)


def open_zip(content: bytes) -> dict[str, Callable[[], bytes]]:
    """List the members of a zip archive, having checked that it is sound.

    Args:
        content: The bytes of the archive.

    Returns:
        dict: For each name a function that unpacks the member, whose size has been checked.

    Raises:
        ValueError: If it is damaged, encrypted, or would unpack to far more than its own size.

    Example:
        >>> file = io.BytesIO()
        >>> with zipfile.ZipFile(file, "w") as archive:
        ...     archive.writestr("a.txt", "hello")
        >>> {name: unpack() for name, unpack in open_zip(file.getvalue()).items()}
        {'a.txt': b'hello'}
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        members = archive.infolist()
    except Exception as error:  # zipfile, struct and others have their own
        raise ValueError(f"a damaged zip archive ({error})") from error
    names = [member.filename for member in members]
    if len(set(names)) < len(names):
        raise ValueError("a zip archive with two entries of one name")
    total = sum(member.file_size for member in members)
    if total > max(LARGEST[0], LARGEST[1] * len(content)):
        raise ValueError(f"a zip archive of {len(content)} bytes that unpacks to {total}")

    def unpack(member: zipfile.ZipInfo) -> bytes:
        try:
            with archive.open(member) as file:
                data = file.read(member.file_size + 1)
            if len(data) != member.file_size:
                raise ValueError(f"{len(data)} bytes")
            return data
        except Exception as error:
            raise ValueError(f"{member.filename!r} is damaged ({error})") from error

    return {member.filename: lambda member=member: unpack(member) for member in members}  # type: ignore[misc]


def open_npz(members: Mapping[str, Callable[[], bytes]]) -> dict[str, Entry]:
    """List the arrays of an ``.npz`` file.

    Args:
        members: What `open_zip` returned.

    Returns:
        dict: An `Entry` by name.

    Raises:
        ValueError: If a member is not an array.

    Example:
        >>> {name: (e.shape, e.dtype) for name, e in
        ...     open_npz(open_zip(to_npz({"x": np.ones((2, 3))}))).items()}
        {'x': ((2, 3), 'float64')}
    """
    for name in members:
        if not name.endswith(".npy"):
            raise ValueError(f"{name!r} is not an array")
    return {name.removesuffix(".npy"): _npy(name, unpack()) for name, unpack in members.items()}


def _npy(name: str, data: bytes) -> Entry:
    """One array in NumPy's own format."""
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        headers = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        if version not in headers:
            raise ValueError(f"version {version} of the format")
        shape, by_columns, dtype = headers[version](file)
        if dtype.subdtype or not (dtype.itemsize or math.prod(shape) < 2):
            raise ValueError(f"numbers of type {dtype}")
    except Exception as error:
        raise ValueError(f"{name!r} is not an array, or is damaged ({error})") from error
    if dtype.hasobject:
        raise ValueError(f"{name!r} holds Python objects (a pickle), which are not read")
    start = file.tell()
    if math.prod(shape) * dtype.itemsize != len(data) - start or min(shape, default=0) < 0:
        raise ValueError(f"{name!r} is damaged: {len(data) - start} bytes for shape {shape}")

    def read() -> NDArray[Any]:
        array = np.frombuffer(data, dtype, offset=start) if dtype.itemsize else np.empty(0, dtype)
        array = array.reshape(shape, order="F" if by_columns else "C")
        return widened(array)

    return Entry(shape, str(dtype), read)


def open_safetensors(content: bytes) -> tuple[dict[str, Entry], dict[str, str]]:
    """List the arrays of a ``.safetensors`` file, including tied ones, which it stores once.

    Args:
        content: The file.

    Returns:
        tuple: An `Entry` by name, and the metadata of the file.

    Raises:
        ValueError: If it is damaged.

    Example:
        >>> arrays, metadata = open_safetensors(to_safetensors({"x": np.ones(2)}, {"by": "me"}))
        >>> arrays["x"].read(), metadata
        (array([1., 1.]), {'by': 'me'})
    """
    try:
        (length,) = struct.unpack_from("<Q", content)
        if length > len(content) - 8:
            raise ValueError(f"a header of {length} bytes")
        header = json.loads(content[8 : 8 + length].decode(), object_pairs_hook=_once)
        notes = header.pop("__metadata__", {})
        if not isinstance(notes, dict):
            raise ValueError(f"expected metadata by name, got {notes!r}")
        metadata = {str(k): str(v) for k, v in notes.items()}
        spans = {name: _span(name, entry) for name, entry in header.items()}
    except Exception as error:  # json, KeyError, RecursionError: whatever a damaged header brings
        raise ValueError(f"a damaged safetensors file ({error})") from error
    end = 0
    for name, (start, stop, shape, dtype) in sorted(spans.items(), key=lambda item: item[1][:2]):
        if start != end or stop < start:
            raise ValueError(
                f"a damaged safetensors file ({name!r} does not follow the one before)"
            )
        width = np.dtype(SAFETENSORS[dtype]).itemsize if dtype in SAFETENSORS else None
        if width is not None and math.prod(shape) * width != stop - start:
            raise ValueError(f"a damaged safetensors file ({name!r}: its size is not its shape's)")
        end = stop
    if end != len(content) - 8 - length:
        raise ValueError(
            f"a damaged safetensors file ({len(content) - 8 - length} bytes for {end})"
        )
    entries = {
        name: _tensor(name, content, 8 + length + start, shape, dtype)
        for name, (start, _, shape, dtype) in spans.items()
    }
    tied = {
        name: entries[same]
        for name, same in metadata.items()
        if same in entries and name not in entries
    }
    return entries | tied, {k: v for k, v in metadata.items() if k not in tied}


def _tensor(name: str, content: bytes, start: int, shape: tuple[int, ...], dtype: str) -> Entry:
    """One array of a safetensors file."""

    def read() -> NDArray[Any]:
        if dtype not in SAFETENSORS:
            raise ValueError(f"{name!r} has the type {dtype}, which is not read; widen it first")
        kind = np.dtype(SAFETENSORS[dtype])
        array = np.frombuffer(content, kind, math.prod(shape), start).reshape(shape)
        if dtype == "BF16":
            return from_bfloat16(array)
        return widened(array)

    return Entry(shape, dtype, read)


def _span(name: str, entry: Any) -> tuple[int, int, tuple[int, ...], str]:
    """Return where an array starts and stops, its shape and its type."""
    try:
        sizes = [isinstance(entry[key], list) for key in ("data_offsets", "shape")]
        if not all(sizes) or len(entry["data_offsets"]) != 2 or "dtype" not in entry:
            raise TypeError
    except (KeyError, TypeError):
        raise ValueError(
            f"{name!r}: expected dtype, shape and two data_offsets, got {entry!r}"
        ) from None
    start, stop = map(_natural, entry["data_offsets"])
    return start, stop, tuple(map(_natural, entry["shape"])), str(entry["dtype"])


def _natural(value: Any) -> int:
    """A size as it is written in JSON."""
    if type(value) is not int or value < 0:
        raise ValueError(f"a size of {value!r}")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that occurs twice in one JSON object."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name appears twice")
    return dict(pairs)


def from_bfloat16(halves: NDArray[Any]) -> NDArray[Any]:
    """Widen bfloat16, which NumPy does not know, to float32.

    Args:
        halves: The bits, 16 for each number, as unsigned integers.

    Returns:
        numpy.ndarray: A new array of the same shape.

    Example:
        >>> from_bfloat16(np.array([0x3F80, 0xC000], np.uint16))
        array([ 1., -2.], dtype=float32)
    """
    return (halves.astype(np.uint32) << 16).view(np.float32)


def widened(array: NDArray[Any]) -> NDArray[Any]:
    """Copy an array into this machine's byte order; float16 becomes float32.

    Args:
        array: Of any dtype.

    Returns:
        numpy.ndarray: A new array.

    Example:
        >>> widened(np.ones(2, ">f2")).dtype
        dtype('float32')
    """
    dtype = np.dtype(np.float32) if array.dtype.itemsize == 2 and array.dtype.kind == "f" else (
        array.dtype.newbyteorder("="))  # fmt: skip
    return np.array(array, dtype)


def to_npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Write arrays as the bytes of an ``.npz`` file.

    Args:
        arrays: The arrays by name.

    Returns:
        bytes: The file.

    Example:
        >>> sorted(open_npz(open_zip(to_npz({"b": np.ones(1), "a": np.ones(2)}))))
        ['a', 'b']
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:  # numpy.savez of 2.0 would save its options, too
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue())
    return file.getvalue()


def to_safetensors(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> bytes:
    """Write arrays as the bytes of a ``.safetensors`` file.

    Args:
        arrays: The arrays by name, float32 or float64.
        metadata: Texts by name.

    Returns:
        bytes: The file.

    Example:
        >>> len(to_safetensors({"x": np.ones(2)}, {})) % 8
        0
    """
    codes = {np.dtype(np.float32): "F32", np.dtype(np.float64): "F64"}
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    parts, end = [], 0
    for name, array in sorted(arrays.items(), key=lambda item: -item[1].dtype.itemsize):
        data = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
        span = [end, end + len(data)]
        header[name] = {"dtype": codes[array.dtype], "shape": array.shape, "data_offsets": span}
        parts.append(data)
        end += len(data)
    spelled = json.dumps(header).encode()
    spelled += b" " * (-len(spelled) % 8)
    return struct.pack("<Q", len(spelled)) + spelled + b"".join(parts)
