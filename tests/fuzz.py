"""Damaged and hostile files for every reader: what `python -m tests.fuzz` tries, as long as asked.

Each case is a sound file with something done to it, by a number from which it can be made again:
bits flipped, cut, spans taken out, doubled, swapped or overwritten, numbers replaced by huge ones;
and the same done to what is *inside*, so that checksums and lengths are right again: a member of an
archive, the header of a safetensors file, a field of an ONNX model. `judge` loads it. Only the
errors that `lstm.exchange.load` documents may come out, with the path in front; nothing may be
executed, opened elsewhere, or take memory or time that a file of this size has no claim to.

    python -m tests.fuzz                      # a minute over all kinds
    python -m tests.fuzz 3600 onnx h5         # an hour on two of them
    python -m tests.fuzz case onnx 1234       # one case again, with its traceback
"""

import io
import json
import os
import struct
import sys
import tempfile
import time
import zipfile
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from lstm import exchange, stack
from lstm.exchange import tensors

ERRORS = (OSError, TypeError, ValueError)
"""What `lstm.exchange.load` documents, apart from a package that is not installed."""

MEMORY = 2**28
"""Bytes that loading a file of some kilobytes may take beside what the process has."""

SECONDS = 5.0

LIMITED = sys.platform.startswith("linux")
"""Whether the system keeps a limit on the memory of a process."""


# Sound files


def sound_files():
    """A small file of each kind, as bytes, by name."""
    layers = stack.init(3, 2, layers=2, bidirectional=True, rng=0, dtype=np.float32)
    readout = np.ones((5, 2), np.float32)
    made = {}
    with tempfile.TemporaryDirectory() as folder:
        for end in ("npz", "safetensors", "onnx"):
            path = Path(folder, f"a.{end}")
            exchange.save(path, layers, readout=readout, metadata={"step": 7, "nested": [1, {}]})
            made[end] = path.read_bytes()
    plain = exchange.torch.dump(layers, "a.lstm.") | {"head": np.ones((2, 3), np.float16)}
    made["torch.npz"] = tensors.to_npz(plain)
    made["torch.safetensors"] = tensors.to_safetensors(  # without a digest, which would see it all
        exchange.torch.dump(layers, "a.lstm."), {"format": "pt"}
    )
    made["external.onnx"] = external(made["onnx"])
    made["h5"] = h5()
    made["keras"] = zipped({"metadata.json": b"{}", "config.json": CONFIG.encode(),
                            "model.weights.h5": made["h5"]})  # fmt: skip
    return made


def external(content):
    """The model with one tensor in the file beside it, `numbers.bin`."""
    import onnx

    model = onnx.ModelProto.FromString(content)
    tensor = next(t for t in model.graph.initializer if t.name == "W_0")
    size = len(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": "numbers.bin", "offset": "8", "length": str(size)}.items():
        tensor.external_data.add(key=key, value=value)
    return model.SerializeToString()


def h5():
    """The weights of two layers as Keras writes them: plain, compressed, and with names."""
    import h5py

    file = io.BytesIO()
    with h5py.File(file, "w") as made:
        for name, (D, H) in {"lstm": (3, 2), "lstm_1": (2, 4)}.items():
            cell = f"layers/{name}/cell/vars"
            for k, shape in enumerate([(D, 4 * H), (H, 4 * H), (4 * H,)]):
                packed = {"chunks": shape, "compression": "gzip"} if k == 0 else {}
                made.create_dataset(f"{cell}/{k}", data=np.ones(shape, np.float32), **packed)
            made.create_group(f"layers/{name}/vars").attrs["name"] = name
    return file.getvalue()


CONFIG = json.dumps({
    "class_name": "Sequential",
    "config": {"layers": [
        {"class_name": "LSTM", "config": {"name": name, "units": H, "return_sequences": True,
                                          "unit_forget_bias": True}}
        for name, H in {"lstm": 2, "lstm_1": 4}.items()]},
})  # fmt: skip


def odd_h5(content, rng, others):
    """A file with something else that HDF5 can hold in place of one array: links, other files,
    types."""
    import h5py

    file = io.BytesIO(content)
    with h5py.File(file, "r+") as made:
        path = f"layers/lstm/cell/vars/{rng.integers(3)}"
        if rng.random() < 0.9:
            del made[path]
        numbers = np.ones(8, np.float32)
        wide = {"shape": (2**20, 2**20), "chunks": (2**10, 2**10), "dtype": "f4"}
        layout = h5py.VirtualLayout((8,), "f4")
        layout[:] = h5py.VirtualSource("secret.h5", "x", (8,))
        odd = [
            lambda: made.create_dataset(path, data="text"),
            lambda: made.create_dataset(path, data=h5py.Empty("f4")),
            lambda: made.create_dataset(path, **wide),  # a terabyte, of which nothing is stored
            lambda: made.create_dataset(path, (8,), "f4", external=[("secret.bin", 0, 32)]),
            lambda: made.create_virtual_dataset(path, layout),
            lambda: made.create_dataset(path, data=np.void(b"x" * 9)),
            lambda: made.create_dataset(path, (2,), h5py.special_dtype(vlen=np.float32)),
            lambda: made.create_dataset(path, (2,), [("a", "f4"), ("b", "i8")]),
            lambda: made.create_dataset(path, (2,), h5py.ref_dtype),
            lambda: made.create_dataset(path, (0, 2**40), "f8", maxshape=(None, None)),
            lambda: made.create_dataset(path, data=[1 + 2j]),
            lambda: made.__setitem__(path, h5py.ExternalLink("secret.h5", "/x")),
            lambda: made.__setitem__(path, h5py.SoftLink(f"/{path}")),
            lambda: made.__setitem__(path, made["layers"]),  # a circle
            lambda: made["layers/lstm/vars"].attrs.__setitem__("name", numbers),
            lambda: made["layers/lstm/vars"].attrs.__setitem__("name", h5py.Empty("S3")),
        ]
        with suppress(ValueError, OSError, RuntimeError):  # it is there already
            odd[rng.integers(len(odd))]()
    return file.getvalue()


def zipped(members):
    """An archive of these members, compressed, with the right checksums."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            undated = zipfile.ZipInfo(name)
            archive.writestr(undated, content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


# What is done to them

HUGE = [b"\xff" * 4, b"\xff" * 8, b"\0" * 8, struct.pack("<Q", 2**31 - 1), struct.pack("<Q", 2**62),
        struct.pack(">I", 2**31), b"../../etc/passwd", b"/dev/zero"]  # fmt: skip


def hurt(content, rng, others):
    """Return the content with one to three kinds of damage."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        at, length = int(rng.integers(len(data) + 1)), int(2 ** rng.uniform(0, 8))
        span = slice(at, at + length)
        match rng.integers(8):
            case 0 | 1:
                for place in rng.integers(len(data), size=rng.integers(1, 4)) if data else []:
                    data[place] ^= 1 << rng.integers(8)
            case 2:
                del data[at:]
            case 3:
                del data[span]
            case 4:
                data[at:at] = data[span]
            case 5:
                data[span] = rng.bytes(length)
            case 6:
                new = HUGE[rng.integers(len(HUGE))]
                data[at : at + len(new)] = new
            case 7:
                other = others[rng.integers(len(others))]
                start = int(rng.integers(len(other)))
                data[span] = other[start : start + length]
    return bytes(data)


VALUES = [0, -1, 1, 2**31, 2**62, 10**30, 1.5, True, None, "", "x", "../x", [], [[]], {},
          [0, 10**12], "numbers.bin", "/dev/zero"]  # fmt: skip


def hurt_json(value, rng):
    """Return the value with one of its parts replaced, removed or doubled."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        name = list(value)[rng.integers(len(value))]
        rest = {k: v for k, v in value.items() if k != name}
        match rng.integers(6):
            case 0:
                return rest
            case 1:
                return rest | {f"{name}x": value[name]}
            case _:
                return value | {name: hurt_json(value[name], rng)}
    if isinstance(value, list) and value and rng.random() < 0.8:
        k = int(rng.integers(len(value)))
        new = [hurt_json(value[k], rng)] if rng.random() < 0.7 else [value[k]] * rng.integers(3)
        return [*value[:k], *new, *value[k + 1 :]]
    return VALUES[rng.integers(len(VALUES))]


def hurt_archive(content, rng, others):
    """Return an archive with one of its members damaged, renamed, missing or huge."""
    members = {name: unpack() for name, unpack in tensors.open_zip(content).items()}
    name = list(members)[rng.integers(len(members))]
    match rng.integers(6):
        case 0:
            del members[name]
        case 1:
            other = hurt(name.encode(), rng, others).decode("latin-1").replace("\0", "?")
            members[other or "x"] = members.pop(name)
        case 2:
            members[name] += bytes(2 ** int(rng.integers(8, 25)))
        case _ if name.endswith(".h5") and rng.random() < 0.5:
            members[name] = odd_h5(members[name], rng, others)
        case _ if name.endswith(".json"):
            members[name] = json.dumps(hurt_json(json.loads(members[name]), rng)).encode()
        case 3 if name.endswith(".npy"):
            members[name] = npy(rng, members[name])
        case _:
            members[name] = hurt(members[name], rng, others)
    return zipped(members)


def npy(rng, content):
    """A member of an .npz file whose header says something else, in the right form."""
    shapes = [(), (-1,), (0,), (2**40,), (2**32, 2**32), (3, -3), (1,) * 40, (10**9, 0), (2, 2)]
    types = ["<f4", "<f8", ">f8", "<f2", "|O", "<U4", "<c8", "|V0", "|S0", "<M8[s]", "<i1", "V8"]
    head = {"descr": types[rng.integers(len(types))], "fortran_order": bool(rng.integers(2)),
            "shape": shapes[rng.integers(len(shapes))]}  # fmt: skip
    text = repr(hurt_json(head, rng) if rng.random() < 0.3 else head).encode() + b"\n"
    version = [b"\1\0", b"\2\0", b"\3\0", b"\4\0"][rng.integers(4)]
    size = struct.pack("<H" if version == b"\1\0" else "<I", len(text))
    return b"\x93NUMPY" + version + size + text + content[128:]


def hurt_header(content, rng, others):
    """A safetensors file whose header is JSON of the right length, and lies."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    for _ in range(rng.integers(1, 3)):
        header = hurt_json(header, rng)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + length :]


def hurt_fields(content, rng, others):
    """An ONNX model with some fields of its messages changed, wherever they are."""
    import onnx

    model = onnx.ModelProto.FromString(content)
    for _ in range(rng.integers(1, 4)):
        message = model
        for _ in range(rng.integers(1, 9)):
            fields = message.ListFields()
            if not fields:
                break
            field, value = fields[rng.integers(len(fields))]
            many = not isinstance(value, (int, float, str, bytes)) and hasattr(value, "extend")
            inner = value[rng.integers(len(value))] if many else value
            if hasattr(inner, "ListFields") and rng.random() < 0.85:
                message = inner
                continue
            change(message, field.name, value, many, rng, others)
            break
    return model.SerializeToString()


def change(message, name, value, many, rng, others):
    """Another value for one field, of the same kind, or none, or the same often."""
    if rng.random() < 0.2:
        message.ClearField(name)
    elif many:
        k = int(rng.integers(len(value)))
        if rng.random() < 0.3:
            value.extend([value[k]] * int(rng.integers(1, 20)))
        elif rng.random() < 0.3 or hasattr(value[k], "ListFields"):
            del value[k]
        else:
            value[k] = other_value(value[k], rng, others)
    elif not hasattr(value, "ListFields"):
        with suppress(ValueError):  # no such constant of an enumeration
            setattr(message, name, other_value(value, rng, others))


NUMBERS = [0, 1, -1, 2, 3, 7, 10, 16, 77, 2**31 - 1]
NAMES = [
    "W_0", "R_1", "X", "Hout", "Z_0", "", "é", "x" * 1000, "../secret.bin", "/dev/zero", "Identity",
    "Loop", "ConstantOfShape", "Expand", "Tile", "Range", "Pad", "RandomNormal", "LSTM",
]  # fmt: skip


def other_value(value, rng, others):
    """Something else of the same type."""
    if isinstance(value, str):
        return NAMES[rng.integers(len(NAMES))]
    if isinstance(value, bytes):
        return hurt(value, rng, others) if value else b"\0"
    if isinstance(value, float):
        return [0.0, float("nan"), float("inf"), 1e38][rng.integers(4)]
    return NUMBERS[rng.integers(len(NUMBERS))]


INSIDE = {".npz": hurt_archive, ".keras": hurt_archive, ".safetensors": hurt_header,
          ".onnx": hurt_fields, ".h5": odd_h5}  # fmt: skip


def case(kind, k, files):
    """Case number k of a kind, as bytes. Every second one is hurt inside."""
    rng = np.random.default_rng([sorted(files).index(kind), k])
    inside = INSIDE.get(os.path.splitext(f"a.{kind}")[1]) if k % 2 else None
    return (inside or hurt)(files[kind], rng, list(files.values()))


# What is asked of the readers


class Watch:
    """Notes what Python itself reports of the process: code that is run, files that are opened.

    Python cannot remove such a hook, so there is one for the whole process, which takes notes
    only when asked to.
    """

    RUN = ("pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "os.fork",
           "subprocess.Popen", "socket.connect", "ctypes.dlopen")  # fmt: skip
    _one = None

    def __init__(self):
        self.folder, self.seen = None, []
        sys.addaudithook(self._note)

    @classmethod
    def one(cls):
        cls._one = cls._one or cls()
        return cls._one

    def _note(self, event, given):
        if self.folder is None:
            return
        if event in self.RUN:
            self.seen.append(f"{event} {given}"[:200])
        elif event == "open" and isinstance(given[0], (str, bytes)):
            path = os.path.realpath(os.fsdecode(given[0]))
            writes = given[1] not in (None, "r", "rb")
            code = path.endswith((".py", ".pyc", ".so", ".json")) or "site-packages" in path
            if writes or not (path.startswith(self.folder) or code):
                self.seen.append(f"open {path} {given[1]}")

    @contextmanager
    def on(self, folder):
        self.folder, self.seen = os.path.realpath(folder), []
        try:
            yield self.seen
        finally:
            self.folder = None


@contextmanager
def little_memory(least=MEMORY):
    """Let the process grow by so many bytes and no more: what asks for more gets a MemoryError."""
    if not LIMITED:
        yield
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + least, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def read_everything(path):
    """Load a file, and read every array of it."""
    for entry in exchange.open_file(path).arrays.values():
        numbers = entry.read()
        assert not np.any(numbers == SECRET), "it read another file"


def causes(error):
    """The kinds of errors that led to this one: readers turn every error into a ValueError."""
    kinds = []
    while error is not None:
        kinds.append(type(error).__name__)
        error = error.__cause__ or error.__context__
    return kinds


def judge(path, content):
    """Write the file and load it: "read", or the kind of error; AssertionError if it is no such."""
    Path(path).write_bytes(content)
    start = time.perf_counter()
    outcome = "read"
    with Watch.one().on(os.path.dirname(path)) as seen:
        for read in (exchange.load_model, read_everything):
            try:
                read(path)
            except ERRORS as error:
                outcome = type(error).__name__
                if "MemoryError" in causes(error):
                    raise AssertionError(f"it asked for too much memory: {error!r}") from error
                if isinstance(error, UnicodeError) or not (
                    read is read_everything or str(error).startswith(f"{path}: ")
                ):
                    raise AssertionError(f"no path, or no kind of ours: {error!r}") from error
    assert not seen, f"it did what no file may ask for: {seen[:3]}"
    took = time.perf_counter() - start
    assert took < SECONDS, f"it took {took:.1f} s"
    return outcome


def main(arguments):
    """Run until the time is over; print what is wrong, and how often what came out."""
    files, wrong, counts = sound_files(), 0, Counter()
    with tempfile.TemporaryDirectory() as folder:
        write_neighbours(folder)
        if arguments[:1] == ["case"]:
            kind, k = arguments[1], int(arguments[2])
            with little_memory():
                print(judge(f"{folder}/a.{kind}", case(kind, k, files)))
            return 0
        end = time.monotonic() + float(arguments[0] if arguments else 60)
        kinds, k = arguments[1:] or sorted(files), 0
        warm(folder, files)
        with little_memory():
            while time.monotonic() < end:
                for kind in kinds:
                    try:
                        counts[kind, judge(f"{folder}/a.{kind}", case(kind, k, files))] += 1
                    except Exception as error:
                        wrong += 1
                        print(f"case {kind} {k}: {type(error).__name__}: {error}", flush=True)
                k += 1
    for (kind, outcome), count in sorted(counts.items()):
        print(f"{kind:15} {outcome:12} {count}")
    print(f"{k} cases of {len(kinds)} kinds, {wrong} wrong")
    return wrong > 0


SECRET = 1234.5


def write_neighbours(folder):
    """Files beside the one that is loaded: one that belongs to it, and two with a secret."""
    import h5py

    secret = np.full(8, SECRET, np.float32)
    Path(folder, "numbers.bin").write_bytes(bytes(1000))
    Path(folder, "secret.bin").write_bytes(secret.tobytes())
    with h5py.File(Path(folder, "secret.h5"), "w") as file:
        file["x"] = secret


def warm(folder, files):
    """Load every sound file once, so that all imports are done."""
    for kind, content in files.items():
        Path(folder, f"a.{kind}").write_bytes(content)
        read_everything(f"{folder}/a.{kind}")
        try:
            exchange.load_model(f"{folder}/a.{kind}")
        except ValueError as error:
            if "does not say which layer" not in str(error):
                raise


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
