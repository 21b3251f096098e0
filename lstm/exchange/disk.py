"""Files on disk: only real files are opened, and a file is replaced whole or not at all."""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["about", "path_of", "read_file", "replace_file"]

KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}

KINDS_OF_ERROR = (
    FileNotFoundError, PermissionError, IsADirectoryError, OSError, ImportError, TypeError,
    ValueError,
)  # fmt: skip
"""What an error stays when it is told again. (A UnicodeDecodeError becomes a ValueError.)"""


def path_of(path: str | bytes | os.PathLike[str]) -> str:
    """Return a path as text, or say that it is not a path.

    Args:
        path: What the caller passed.

    Returns:
        str: The path.

    Raises:
        TypeError: If it is something else.
        ValueError: If no file can have that name.

    Example:
        >>> path_of(3)
        Traceback (most recent call last):
            ...
        TypeError: path: expected the name of a file, got int
    """
    try:
        name = os.fsdecode(path)
        if name and b"\0" not in os.fsencode(name):
            return name
    except TypeError:
        kind = type(path).__name__
        raise TypeError(f"path: expected the name of a file, got {kind}") from None
    except UnicodeError:  # half a character, as JSON can spell it
        pass
    raise ValueError(f"path: expected the name of a file, got {path!r}")


def read_file(path: str | os.PathLike[str]) -> bytes:
    """Read a file. Anything else, such as a pipe that never ends, is not opened.

    Args:
        path: The path of the file.

    Returns:
        bytes: Its content.

    Raises:
        OSError: If the file does not exist, cannot be read, or is larger than the free memory.
            The message starts with the path.
        ValueError: If it is something other than a file.

    Example:
        >>> read_file("/")
        Traceback (most recent call last):
            ...
        ValueError: /: expected a file, got a directory
    """
    path = path_of(path)
    with about(path):
        _check_kind(path)
        try:
            return Path(path).read_bytes()
        except MemoryError:  # a file may have holes, which take no space on disk
            size = os.path.getsize(path)
            raise OSError(errno.ENOMEM, f"{size} bytes are more than there is memory") from None


def replace_file(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file so that at any moment the old one or the new one is there, whole.

    The content goes to a new file in the same folder, whose name starts with a dot and ends in
    ".tmp"; when all of it has reached the disk, that file takes the place of the old one. If
    this fails, by a full disk, say, or is interrupted, the new file is removed. Only a killed
    process or a power cut can leave it behind.

    Args:
        path: The path of the file. If it is a link, its target is replaced.
        content: What to write.

    Raises:
        OSError: If it cannot be written. The message starts with the path.
        ValueError: If the path leads to something other than a file.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     replace_file(f"{folder}/note.txt", b"hello")
        ...     os.listdir(folder)
        ['note.txt']
    """
    path = path_of(path)
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    # 40 letters are at most 160 of the 255 bytes that a name may have
    beside = os.path.join(folder, f".{name[:40]}.{secrets.token_hex(8)}.tmp")
    with about(path):
        mode = _check_kind(target) if os.path.lexists(target) else None
        try:
            # 0o666 less the umask, as any new file
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            with open(descriptor, "wb") as file:
                if mode is not None:
                    os.chmod(beside, stat.S_IMODE(mode))
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, target)
        except FileExistsError:  # a file beside that is another's
            raise
        except BaseException:  # Ctrl-C, too
            if os.path.lexists(beside):
                os.unlink(beside)
            raise
        _sync_folder(folder)


@contextmanager
def about(where: str) -> Iterator[None]:
    """Put the subject before the messages of errors that are raised in a block.

    Args:
        where: The subject, such as a path or the name of a node.

    Example:
        >>> with about("model.npz"):
        ...     raise ValueError("damaged")
        Traceback (most recent call last):
            ...
        ValueError: model.npz: damaged
    """
    try:
        yield
    except (ImportError, OSError, TypeError, ValueError) as error:
        message = str(error)
        if isinstance(error, OSError) and error.strerror:
            message = error.strerror  # without a path, which may be that of the file beside
        if message.startswith(f"{where}: "):
            raise
        for kind in KINDS_OF_ERROR:
            if isinstance(error, kind):
                retold = kind(f"{where}: {message}")
                if isinstance(error, OSError) and isinstance(retold, OSError):
                    retold.errno = error.errno
                raise retold from error


def _check_kind(path: str | os.PathLike[str]) -> int:
    """Refuse anything but a file, and return its mode."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode):
        kind = KINDS.get(stat.S_IFMT(mode), "something else")
        raise ValueError(f"expected a file, got {kind}")
    return mode


def _sync_folder(folder: str) -> None:
    """Make the new name last, where folders can be opened for that.

    Some may be written but not read, and some file systems cannot do it. The file is whole
    and in its place by then, so that is no error.
    """
    if os.name == "posix":
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
