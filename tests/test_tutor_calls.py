"""Calls of code that may do anything: what is told of it, and what is as it was afterwards."""

import functools
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import lstm
from lstm.tutor import calls
from lstm.tutor.calls import Called, call


def in_thread(*arguments, **options):
    """The same call, made by another thread than the main one."""
    found = []
    thread = threading.Thread(target=lambda: found.append(call(*arguments, **options)))
    thread.start()
    thread.join()
    return found[0]


EVERYWHERE = pytest.mark.parametrize("asked", [call, in_thread])


def prints():
    print("one\ntwo", file=sys.stderr)
    print("three")
    return 4


def unwritten():
    raise NotImplementedError("soon")


def too_long():
    raise calls._TooLongError  # as the alarm does


@EVERYWHERE
@pytest.mark.parametrize(
    ("function", "outcome"),
    [
        (lambda: 4, Called(4, "", (), 0, False)),
        (prints, Called(4, "", (), 3, False)),
        (unwritten, Called(None, "is not written yet", (), 0, True)),
        (too_long, Called(None, "does not come to an end within 10 seconds", (), 0, False)),
    ],
)
def test_the_whole_outcome(asked, function, outcome):
    assert asked(function) == outcome
    assert Called(4) == Called(4, "", (), 0, False)


# What is said of an error.


class UnprintableError(Exception):
    def __str__(self):
        raise RuntimeError


def fails(error):
    raise error


SAID = [
    (ValueError("no"), "ValueError: no"),
    (ValueError(" a\n\tb  c\x00d\x1b"), "ValueError: a b c d"),
    (ValueError(), "ValueError"),
    (UnprintableError(), "UnprintableError: an error that cannot be printed"),
    (ValueError("abc" * 200), "ValueError: " + "abc" * 96),  # 300 letters
    (SystemExit(3), "SystemExit: 3"),
]


@EVERYWHERE
@pytest.mark.parametrize(("error", "said"), SAID, ids=range(len(SAID)))
def test_an_error_is_said_on_one_line(asked, error, said):
    line = fails.__code__.co_firstlineno + 1
    assert asked(fails, error).trouble == f"raises {said} (line {line})"
    assert asked(functools.partial(fails, error)).trouble == f"raises {said}"  # has no lines


@pytest.mark.parametrize(("own", "other"), [("a.py", "b.py"), ("b.py", "a.py")])
def test_the_line_is_the_last_of_the_readers_own_file(own, other):
    scope = {}
    exec(compile("\n\n\n\n\n\ndef fails():\n    raise ValueError('no')", other, "exec"), scope)
    exec(compile("def f():\n    g()\n\ndef g():\n    fails()", own, "exec"), scope)
    assert call(scope["f"]).trouble == "raises ValueError: no (line 5)"


# What is changed.


def set_(key, value):
    return lambda argument: argument.update({key: value})


def fill(*path):
    def change(argument):
        for key in path:
            argument = argument[key]
        argument[...] = 5

    return change


ONES = np.ones(3)
CHANGES = [
    (lambda x: x * 2, ONES, False),
    (fill(), ONES, True),
    (lambda x: x, np.full(3, np.nan), False),
    (fill(1), (ONES, ONES), True),
    (fill("a", "b"), {"a": {"b": ONES}}, True),
    (fill("a", 0), {"a": (ONES, ONES)}, True),
    (lambda x: x, {"a": {"b": ONES}, "c": (ONES, 3)}, False),
    (set_("a", np.zeros(3)), {"a": ONES}, True),
    (set_("a", [1.0, 1.0, 1.0]), {"a": ONES}, True),
    (set_("a", None), {"a": {"b": ONES}}, True),
    (set_("a", None), {"a": (ONES,)}, True),
    (set_("a", [ONES]), {"a": (ONES,)}, True),
    (set_("a", (ONES, ONES)), {"a": (ONES,)}, True),
    (set_("a", (ONES,)), {"a": (ONES, ONES)}, True),
    (lambda x: x.clear(), {"a": ONES}, True),
    (set_("b", ONES), {"a": ONES}, False),  # one more is no change of those that are there
    (set_("a", 4), {"a": 3}, False),  # only arrays are compared
]


@pytest.mark.parametrize(("function", "argument", "changed"), CHANGES, ids=range(len(CHANGES)))
def test_what_a_call_changes_is_told(function, argument, changed):
    called = call(lambda _, given: function(given), ONES, argument)
    assert (called.trouble, called.changed) == ("", (1,) if changed else ())
    np.testing.assert_array_equal(ONES, [1, 1, 1])


def test_arrays_are_copied_in_plain_containers_alone():
    given = [ONES, [ONES], {"a": (ONES,)}]
    one, (two,), three = call(lambda *a: a, *given).value
    for mine in (one, two, three["a"][0]):
        assert mine is not ONES
        np.testing.assert_array_equal(mine, ONES)
    for other in (OrderedDict(a=ONES), Called(ONES)):
        assert call(lambda a: a, other).value is other


# What a call leaves as it was, and what it does not depend on.


@EVERYWHERE
def test_a_call_does_not_depend_on_what_is_done_about_warnings(asked):
    def warns():
        warnings.warn("x", stacklevel=1)
        return np.log(np.zeros(1))[0]

    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert asked(warns) == Called(-np.inf)


@pytest.mark.parametrize("function", [lambda: 4, too_long, unwritten])
def test_the_alarm_is_as_it_was(function):
    before = signal.getsignal(signal.SIGALRM)
    call(function)
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) is before
    assert calls._DEADLINE == []


def test_where_there_is_no_alarm_another_thread_is_used(monkeypatch):
    assert call(threading.current_thread).value is threading.main_thread()
    monkeypatch.delattr(signal, "setitimer")
    called = call(threading.current_thread)
    assert called.trouble == ""
    assert called.value is not threading.main_thread()


@pytest.mark.parametrize(("now", "rings"), [(4.75, False), (5.0, True), (5.25, True)])
def test_the_alarm_rings_at_the_deadline(monkeypatch, now, rings):
    monkeypatch.setattr(calls, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(calls, "_DEADLINE", [5.0])
    if rings:
        with pytest.raises(calls._TooLongError):
            calls._ring()
    else:
        calls._ring()


def test_an_alarm_that_comes_when_the_call_has_ended_does_nothing(monkeypatch):
    real = signal.setitimer

    def late(which, seconds, *more):
        if seconds == 0:
            signal.raise_signal(signal.SIGALRM)
        return real(which, seconds, *more)

    monkeypatch.setattr(signal, "setitimer", late)
    monkeypatch.setattr(calls, "time", SimpleNamespace(monotonic=itertools.count(0, 60).__next__))
    assert call(lambda: 4) == Called(4)


def test_an_alarm_that_comes_while_the_call_ends_does_not_come_again(monkeypatch):
    class Deadline(list):
        cleared = 0

        def clear(self):
            self.cleared += 1
            if self.cleared == 1:
                raise calls._TooLongError  # as the alarm does, which may come here, too
            super().clear()

    monkeypatch.setattr(calls, "_DEADLINE", Deadline())
    before = signal.getsignal(signal.SIGALRM)
    try:
        assert call(lambda: 4).trouble == "does not come to an end within 10 seconds"
        assert calls._DEADLINE == []
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_code_that_catches_the_alarm_is_rung_again():
    caught = []

    def stubborn():
        while len(caught) < 4:
            try:
                time.sleep(10)
            except BaseException:
                caught.append(time.monotonic())
        return 4

    assert call(stubborn, limit=0.05).value == 4
    assert caught[-1] - caught[0] < 2  # 0.2 seconds from one to the next


# Other threads.


def test_a_call_from_another_thread_waits_as_long_as_it_may():
    assert in_thread(lambda: time.sleep(0.3) or 4, limit=20).value == 4


@pytest.mark.parametrize(("step", "end"), [(0.25, 1.25), (0.375, 1.5)])
def test_the_end_of_a_stubborn_thread_is_waited_for_a_second(monkeypatch, step, end):
    clock, stop = itertools.count(0, step), threading.Event()

    def stubborn():
        while not stop.is_set():
            try:
                stop.wait(10)
            except BaseException:
                continue

    monkeypatch.setattr(calls, "time", SimpleNamespace(monotonic=clock.__next__))
    found = in_thread(stubborn, limit=0.01)
    stop.set()
    assert found == Called(None, "does not come to an end within 0.01 seconds")
    assert next(clock) == end  # it was asked for the time until that was a second later


def test_a_thread_that_has_come_to_an_end_is_not_waited_for(monkeypatch):
    clock = itertools.count()
    monkeypatch.setattr(calls, "time", SimpleNamespace(monotonic=clock.__next__))
    assert in_thread(lambda: 4) == Called(4)
    assert next(clock) <= 1


def test_a_thread_that_does_not_end_does_not_keep_the_program_alive():
    program = """if True:
        import threading, time
        from lstm.tutor.calls import call

        def stubborn():
            while True:
                try:
                    time.sleep(0.01)
                except BaseException:
                    pass

        thread = threading.Thread(target=lambda: print(call(stubborn, limit=0.1).trouble))
        thread.start()
    """
    environment = os.environ | {"PYTHONPATH": str(Path(lstm.__file__).parents[1])}
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=environment, check=True
    )
    assert done.stdout == "does not come to an end within 0.1 seconds\n"
