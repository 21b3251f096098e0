"""Call code that may do anything: raise errors, never return, print, or change its arguments."""

import contextlib
import ctypes
import io
import signal
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

__all__ = ["LIMIT", "Called", "call"]

LIMIT = 10.0
"""Seconds that a call may take, if nothing else is said."""


class Called(NamedTuple):
    """The outcome of a call.

    Attributes:
        value: What was returned.
        trouble: What went wrong, as a sentence; empty if it returned.
        changed: The positions of the arguments that the call changed in place.
        printed: How many lines it printed.
        unwritten: Whether it raised NotImplementedError.
    """

    value: Any
    trouble: str = ""
    changed: tuple[int, ...] = ()
    printed: int = 0
    unwritten: bool = False


# The output, the filters of warnings and the alarm belong to the process: two threads that change
# and restore them at once may leave it mute. A call within a call is part of its turn.
_ALONE = threading.RLock()
_TURN = threading.local()


class _Output(io.StringIO):
    """A file for what is printed, which code may try to close."""

    def close(self) -> None:
        """Keep it open: it is read after the call."""


class _TooLongError(BaseException):
    """A time limit was exceeded. It is not an Exception, so that code cannot catch it as one."""


def call(function: Callable[..., Any], *arguments: Any, limit: float = LIMIT) -> Called:
    """Call a function with copies of its arguments, whatever it does.

    Its errors are caught, except the reader's own interrupt, and its prints and warnings are not
    shown. Calls from several threads take turns; a time limit begins with the call's own turn.

    Args:
        function: The function to call.
        *arguments: Its arguments; arrays in tuples and dictionaries are copied, too.
        limit: The time limit, in seconds.

    Returns:
        Called: The outcome.

    Example:
        >>> call(lambda x: 1 / x, 0).trouble
        'raises ZeroDivisionError: division by zero (line 1)'
    """
    try:
        given = tuple(_copied(argument) for argument in arguments)
    except RecursionError:  # a cache that holds itself
        given = arguments
    output = _Output()
    try:
        with (
            contextlib.nullcontext() if getattr(_TURN, "lent", False) else _ALONE,
            contextlib.redirect_stdout(output),
            contextlib.redirect_stderr(output),
            warnings.catch_warnings(),
            np.errstate(all="ignore"),
        ):
            warnings.simplefilter("ignore")
            value = _within(limit, function, given)
    except KeyboardInterrupt:
        raise
    except NotImplementedError:
        return Called(None, "is not written yet", unwritten=True)
    except _TooLongError:
        return Called(None, f"does not come to an end within {limit:g} seconds")
    except BaseException as error:
        return Called(None, f"raises {_said(error, function)}")
    finally:
        _DEADLINE.clear()
    changed = [k for k, (a, b) in enumerate(zip(arguments, given, strict=True)) if not _same(a, b)]
    return Called(value, "", tuple(changed), output.getvalue().count("\n"))


def _copied(value: Any) -> Any:
    """A copy of all arrays in an argument; anything else is handed on as it is."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if type(value) is dict:
        return {key: _copied(item) for key, item in value.items()}
    if type(value) in (tuple, list):
        return type(value)(map(_copied, value))
    return value


def _same(one: Any, other: Any) -> bool:
    """Return whether an argument is unchanged. Only arrays are compared."""
    if one is other:
        return True
    if isinstance(one, dict):
        return isinstance(other, dict) and all(_same(one[k], other.get(k)) for k in one)
    if isinstance(one, tuple):
        return isinstance(other, tuple) and len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and np.array_equal(one, other, equal_nan=True)
    return True


def _within(limit: float, function: Callable[..., Any], given: tuple[Any, ...]) -> Any:
    """Call it; raise `_TooLongError` if it takes longer."""
    main = threading.current_thread() is threading.main_thread()
    if not (main and hasattr(signal, "setitimer")):
        return _in_thread(limit, function, given)
    before = signal.signal(signal.SIGALRM, _ring)
    try:
        _DEADLINE[:] = [time.monotonic() + limit]
        signal.setitimer(signal.ITIMER_REAL, limit, 0.2)  # again and again, if it is caught
        return function(*given)
    finally:
        _DEADLINE.clear()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


_DEADLINE: list[float] = []  # the time by which the present call must have ended, if there is one


def _ring(*_: Any) -> None:
    """Handle the alarm. If it comes late, when the call has already ended, it does nothing."""
    if any(time.monotonic() >= end for end in _DEADLINE):
        raise _TooLongError


def _in_thread(limit: float, function: Callable[..., Any], given: tuple[Any, ...]) -> Any:
    """Do the same without alarms, in other threads and on Windows."""
    results: list[Any] = []
    errors: list[BaseException] = []

    def run() -> None:
        _TURN.lent = True  # by the thread that waits for this one
        try:
            results.append(function(*given))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(limit)
    end = time.monotonic() + 1
    while thread.is_alive() and time.monotonic() < end:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_TooLongError)
        )
        thread.join(0.05)
    if thread.is_alive():
        raise _TooLongError
    if errors:
        raise errors.pop()
    return results.pop()


def _said(error: BaseException, function: Callable[..., Any]) -> str:
    """Describe an error, with its line in the file of the function."""
    try:
        text = " ".join("".join(k if k.isprintable() else " " for k in str(error)).split())
    except Exception:
        text = "an error that cannot be printed"
    said = f"{type(error).__name__}: {text}" if text else type(error).__name__
    code = getattr(function, "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if code and frame.filename == code.co_filename]
    return f"{said[:300]} (line {lines[-1]})" if lines else said[:300]
