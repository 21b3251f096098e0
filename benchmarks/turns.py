"""Contestants that take turns, those of each library in a process of their own.

A library's threads do not lie down when their work is done: they spin for a while, in the hope of
more, and whoever comes next on the same processors waits for them. In one process with NumPy's
threads, PyTorch took more than twice as long on two threads as it takes alone;
`contestants.crowded` is that control. So each library has its process here, runs all its
contestants of a round, and then everybody is silent until its threads sleep. Each runs twice, and
the second time counts: what another one left in the caches, or gave back to the system, is nobody's
advantage.
"""

import importlib
import multiprocessing
import os
import time
from unittest import mock

import numpy as np

LIBRARIES = ("numpy", "torch", "jax", "onnxruntime")
ROUNDS, LEAST = 25, 7  # per race: at most, and at least
SILENCE = 0.1  # seconds in which the threads of a library fall asleep; on one thread, nobody waits


class Turns:
    """A process for each library, which ends with the block of ``with``.

    Args:
        threads: How many each may use.
        environment: Variables that hold for all of them.
    """

    def __init__(self, threads, **environment):
        spawn = multiprocessing.get_context("spawn")  # a fork would share what runs already
        self._silence = SILENCE if threads > 1 else 0
        self._ends, self._processes = {}, []
        with mock.patch.dict(os.environ, environment):
            for library in LIBRARIES:
                self._ends[library], end = spawn.Pipe()
                process = spawn.Process(target=_serve, args=(library, end), daemon=True)
                process.start()
                self._processes.append(process)
                end.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for end, process in zip(self._ends.values(), self._processes, strict=True):
            end.close()
            process.join()

    def race(self, build, arguments, yardstick, seconds):
        """Let the contestants run in every round, and divide their times.

        Args:
            build: Name of the function that makes them, as "contestants.training". It gets the
                arguments, and the library whose contestants are wanted.
            arguments: A tuple.
            yardstick: Name of the contestant by whose time in the same round each is divided.
            seconds: When to end, if there have been `LEAST` rounds.

        Returns:
            tuple: The rounds, the yardstick's median in milliseconds, and the quartiles of each
            contestant's ratios; and those who could not take part, with the reason.
        """
        names, left_out = {}, {}
        for library, end in self._ends.items():
            end.send((build, arguments))
            names[library], missing = self._receive(library)  # all of them compiled
            left_out |= missing
            time.sleep(self._silence)
        rounds, began = [], time.perf_counter()
        while len(rounds) < LEAST or (
            len(rounds) < ROUNDS and time.perf_counter() - began < seconds
        ):
            taken = {}
            for library in filter(names.get, names):
                self._ends[library].send(None)
                taken |= dict(zip(names[library], self._receive(library), strict=True))
                time.sleep(self._silence)
            rounds.append(taken)
        return quartiles(rounds, yardstick), left_out

    def _receive(self, library):
        answer = self._ends[library].recv()
        if isinstance(answer, str):
            raise RuntimeError(f"{library}: {answer}")
        return answer


def quartiles(rounds, yardstick):
    """The ratios of each contestant's time to the yardstick's of the same round."""
    bare = np.array([taken[yardstick] for taken in rounds])
    return {
        "rounds": len(rounds),
        "limit_ms": float(f"{np.median(bare) * 1e3:.4g}"),
        "ratios": {
            name: [
                round(float(q), 3)
                for q in np.percentile([taken[name] for taken in rounds] / bare, (25, 50, 75))
            ]
            for name in rounds[0]
        },
    }


def _serve(library, end):
    """Be the process of a library: build what is asked for, then time it as often as asked."""
    functions = {}
    while True:
        try:
            asked = end.recv()
        except EOFError:
            return
        try:
            if asked is None:
                end.send([_seconds(run) for run in functions.values()])
            else:
                build, arguments = asked
                module, name = build.rsplit(".", 1)
                make = getattr(importlib.import_module(module), name)
                functions, missing = make(*arguments, library=library)
                for run in functions.values():
                    run()  # compiles what compiles
                end.send((list(functions), missing))
        except Exception as error:  # the other side raises it
            end.send(f"{type(error).__name__}: {error}")


def _seconds(run):
    run()  # wakes its threads, and leaves caches and memory as a loop of the same work finds them
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
