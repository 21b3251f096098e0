"""Files on disk: what is opened, how one is replaced, and which errors come of it."""

import errno
import os
import re
import secrets
import stat
from types import SimpleNamespace

import pytest
from helpers import refused

from lstm.exchange import disk

KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    0o150000: "something else",  # a door of Solaris
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_is_called_what_it_is(kind, tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"")
    with monkeypatch.context() as patch:
        patch.setattr(disk.os, "stat", lambda _: SimpleNamespace(st_mode=kind | 0o644))
        with refused(ValueError, f"{path}: expected a file, got {KINDS[kind]}"):
            disk.read_file(path)


def watched(monkeypatch):
    """What is done to the disk, in order: the file or folder and how much of it is there."""
    done = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(descriptor):
        status = os.fstat(descriptor)
        done.append("a folder" if stat.S_ISDIR(status.st_mode) else f"{status.st_size} bytes")
        done.append(descriptor)
        fsync(descriptor)

    def note_replace(beside, target):
        done.append((os.path.basename(beside), target))
        replace(beside, target)

    monkeypatch.setattr(disk.os, "fsync", note_fsync)
    monkeypatch.setattr(disk.os, "replace", note_replace)
    return done


@pytest.mark.parametrize("name", ["a", "n" * 39, "n" * 40, "m" + "n" * 40])
def test_a_file_takes_its_place_when_all_of_it_is_on_the_disk(name, tmp_path, monkeypatch):
    path, done = tmp_path / name, watched(monkeypatch)
    disk.replace_file(path, b"hello")
    first, file, (beside, target), second, folder = done
    assert (first, target, second) == ("5 bytes", str(path), "a folder")
    assert re.fullmatch(rf"\.{name[:40]}\.[0-9a-f]{{16}}\.tmp", beside)
    assert path.read_bytes() == b"hello"
    for descriptor in (file, folder):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


def test_no_other_file_is_touched(tmp_path, monkeypatch):
    """Even if it is called what the new file would be called."""
    path, other = tmp_path / "a", tmp_path / ".a.0.tmp"
    path.write_bytes(b"old")
    other.write_bytes(b"another's")
    monkeypatch.setattr(secrets, "token_hex", lambda _: "0")
    with refused(OSError, f"{path}: File exists"):
        disk.replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert other.read_bytes() == b"another's"


def test_where_no_file_can_be_made_that_is_said(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.EDQUOT, "Disk quota exceeded", "a file beside")

    monkeypatch.setattr(disk.os, "open", full)
    with pytest.raises(OSError, match="Disk quota exceeded") as raised:
        disk.replace_file(tmp_path / "a", b"new")
    assert str(raised.value) == f"{tmp_path}/a: Disk quota exceeded"
    assert raised.value.errno == errno.EDQUOT


@pytest.mark.parametrize("given", [b"a", "a"])
def test_a_path_may_be_bytes(given):
    assert disk.path_of(given) == "a"


# Errors, told again


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (ImportError("no h5py"), ImportError, "no h5py"),
        (ModuleNotFoundError("no h5py"), ImportError, "no h5py"),
        (TypeError("int"), TypeError, "int"),
        (ValueError("damaged"), ValueError, "damaged"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "why"), ValueError,
         "'utf-8' codec can't decode byte 0xff in position 0: why"),
        (OSError("no number"), OSError, "no number"),
        (OSError(errno.EIO, "Input/output error", "elsewhere"), OSError, "Input/output error"),
        (OSError(errno.ENOENT, "No such file", "b"), FileNotFoundError, "No such file"),
        (OSError(errno.EACCES, "Permission denied", "b"), PermissionError, "Permission denied"),
        (OSError(errno.EISDIR, "Is a directory", "b"), IsADirectoryError, "Is a directory"),
        (OSError(errno.EEXIST, "File exists", "b"), OSError, "File exists"),
    ],
)  # fmt: skip
def test_an_error_keeps_its_kind_and_its_number(error, kind, message):
    with pytest.raises(kind) as raised, disk.about("a.npz"):
        raise error
    assert type(raised.value) is kind
    assert str(raised.value) == f"a.npz: {message}"
    assert getattr(raised.value, "errno", None) == getattr(error, "errno", None)
    assert raised.value.__cause__ is error


@pytest.mark.parametrize("error", [KeyError("x"), MemoryError("x"), KeyboardInterrupt("x")])
def test_other_errors_are_not_touched(error):
    with pytest.raises(type(error)) as raised, disk.about("a.npz"):
        raise error
    assert raised.value is error


def test_a_subject_is_named_once():
    error = ValueError("a.npz: damaged")
    with pytest.raises(ValueError, match=r"^a\.npz: damaged$") as raised, disk.about("a.npz"):
        raise error
    assert raised.value is error
    with refused(ValueError, "a: a.npz: damaged"), disk.about("a"):
        raise error
