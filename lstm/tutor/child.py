"""Judge the functions of a file in an interpreter of their own, for ``lstm check``.

A file may end the interpreter, eat all memory or never come to an end. So it runs in a child
process; `judge_file` starts it, waits for as long as is allowed, and reads the verdict.
"""

import builtins
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from .calls import LIMIT, call
from .judge import check
from .verdict import Verdict

__all__ = ["CannotRunError", "judge_file", "main"]


class CannotRunError(Exception):
    """The file cannot be run, or lacks the functions."""


def judge_file(
    path: str | os.PathLike[str],
    forward: str | None = None,
    backward: str | None = None,
    *,
    total: float = 120.0,
    **options: Any,
) -> Verdict:
    """Judge two functions of a file.

    Args:
        path: A Python file. Its ``if __name__ == "__main__"`` does not run.
        forward: The name of the forward pass; None for "forward".
        backward: The name of the backward pass; None for "backward" if there is one.
        total: The time limit for everything together, in seconds.
        **options: As `lstm.tutor.check`; a convention by its name.

    Returns:
        Verdict: What was found.

    Raises:
        CannotRunError: If the file cannot be run, or lacks a function.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "mine.py"
        ...     _ = path.write_text("def forward(X, WLSTM, c0, h0): return X")
        ...     judge_file(path).findings[0].says[:50]
        'returns a ndarray, expected (Hout, Cn, Hn, cache) '
    """
    if not Path(path).is_file():
        raise CannotRunError(f"{path}: there is no such file")
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "verdict.json"
        given = {"path": str(path), "forward": forward, "backward": backward, "options": options}
        # -P: files in this folder must not hide our modules.
        command = [sys.executable, "-P", "-m", "lstm.tutor.child", str(answer), json.dumps(given)]
        root = str(Path(__file__).parents[2])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        started = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        )  # fmt: skip
        try:
            code = started.wait(total)
        except subprocess.TimeoutExpired:
            raise CannotRunError(f"{path}: took longer than {total:g} seconds") from None
        finally:
            _end(started)
        if not answer.exists():
            raise CannotRunError(
                f"{path}: it ended the interpreter (exit code {code}) before it could be judged"
            )
        try:
            found = json.loads(answer.read_bytes())
            if "verdict" in found:
                return Verdict.from_json(found["verdict"])
            trouble = str(found["error"])
        except Exception:
            trouble = f"{path}: it wrote into the file of the verdict"
    raise CannotRunError(trouble)


def _end(started: "subprocess.Popen[bytes]") -> None:
    """End a process, and what it has started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(started.pid, signal.SIGKILL)
    else:
        started.kill()
    started.wait()


def main(answer: str, given: str) -> None:
    """Judge the functions, in the child process.

    Args:
        answer: The file in which the parent looks for the answer.
        given: The arguments of `judge_file` as JSON.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     given = {"path": "/nowhere.py", "forward": None, "backward": None, "options": {}}
        ...     main(f"{folder}/a", json.dumps(given))
        ...     print(json.loads(Path(f"{folder}/a").read_text())["error"][:40])
        /nowhere.py: cannot be run: FileNotFound
    """
    asked = json.loads(given)
    try:
        found = {"verdict": _judge(**asked).to_json()}
    except CannotRunError as error:
        found = {"error": str(error)}
    except Exception as error:
        says = f"{asked['path']}: the check itself has failed: {type(error).__name__}: {error}. "
        found = {"error": says + "Does the file change NumPy, or Python?"}
    waiting = Path(answer + ".part")
    waiting.write_bytes(json.dumps(found).encode())
    waiting.rename(answer)


_MODULE = "file_to_check"  # its name, as long as it runs


def _judge(
    path: str, forward: str | None, backward: str | None, options: dict[str, Any]
) -> Verdict:
    sys.path.insert(0, str(Path(path).resolve().parent))
    sys.argv = [path]
    limit = options.get("limit", LIMIT)
    module = sys.modules[_MODULE] = ModuleType(_MODULE)
    vars(module).update(__file__=path, __builtins__=builtins)
    try:
        code = compile(Path(path).read_bytes(), path, "exec")
    except Exception as error:
        raise CannotRunError(f"{path}: cannot be run: {type(error).__name__}: {error}") from None
    called = call(FunctionType(code, vars(module)), limit=3 * limit)
    if called.trouble:
        raise CannotRunError(f"{path}: cannot be run: it {called.trouble}")
    functions = vars(module)
    return check(
        _function(path, functions, forward or "forward"),
        _function(path, functions, backward or "backward", must=backward is not None),
        **options,
    )


def _function(path: str, functions: Mapping[str, Any], name: str, must: bool = True) -> Any:
    """A function of the file by its name."""
    if callable(functions.get(name)):
        return functions[name]
    if name in functions:
        kind = type(functions[name]).__name__
        raise CannotRunError(f"{path}: {name} is not a function but of the type {kind}")
    if name == "forward" or must:
        there = [key for key, value in functions.items()
                 if callable(value) and not key.startswith("_")]  # fmt: skip
        raise CannotRunError(
            f"{path}: there is no function {name!r}; it has {', '.join(there) or 'none'}. "
            "Name yours with --forward and --backward"
        )
    return None


if __name__ == "__main__":
    main(*sys.argv[1:])
    os._exit(0)  # whatever threads the file has started
