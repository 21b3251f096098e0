"""Start the processes of one run on this machine, watch them, and leave none behind.

    python distributed/launch.py 2 --steps 50 --checkpoints DIR

Everything after the number of processes is handed to `train.py`. If one process ends in an
error, or is killed, the others are ended too, and the last line says what happened.
"""

import argparse
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRAIN = Path(__file__).with_name("train.py")


def free_port() -> int:
    """Find a port of this machine on which nothing listens."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def start(processes: int, arguments: list[str], logs: Path) -> list[subprocess.Popen[bytes]]:
    """Start the processes. Process 0 prints here; what any of them complains of goes to a log.

    The standard input of each is a pipe from here. It closes when this process ends, even if
    it is killed, and then they end as well.
    """
    coordinator = f"127.0.0.1:{free_port()}"
    started = []
    for process in range(processes):
        with open(logs / f"process-{process}.log", "wb") as log:
            started.append(subprocess.Popen(
                [sys.executable, str(TRAIN), *arguments, "--launched",
                 f"--processes={processes}", f"--process={process}",
                 f"--coordinator={coordinator}"],
                stdin=subprocess.PIPE, stdout=None if process == 0 else log, stderr=log,
                start_new_session=True,  # Ctrl-C is for this process, which then ends them
            ))  # fmt: skip
    return started


def watch(started: list[subprocess.Popen[bytes]]) -> dict[int, int]:
    """Wait until all processes have ended or one has failed; returns exit codes other than 0."""
    while True:
        codes = [one.poll() for one in started]
        bad = {process: code for process, code in enumerate(codes) if code}
        if bad or all(code == 0 for code in codes):
            return bad
        time.sleep(0.05)


def say(process: int, code: int, log: Path) -> str:
    """Describe in words how a process ended."""
    became = (
        f"was killed by signal {-code} ({signal.Signals(-code).name})"
        if code < 0
        else f"ended with exit code {code}"
    )
    lines = log.read_text(errors="replace").splitlines()
    errors = [line for line in lines if "error" in line.lower() and not line.startswith(" ")]
    return f"process {process} {became}" + (f"; its log says: {errors[-1]}" if errors else "")


def main() -> int:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("processes", type=int, help="how many")
    given, arguments = parser.parse_known_args()
    if given.processes < 1:
        parser.error(f"processes: expected at least 1, got {given.processes}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what follows cleans up
    logs = Path(tempfile.mkdtemp(prefix="lstm-run-"))
    started: list[subprocess.Popen[bytes]] = []
    bad: dict[int, int] = {}
    try:
        started = start(given.processes, arguments, logs)
        pids = ", ".join(str(one.pid) for one in started)
        print(f"launch: started processes 0 to {given.processes - 1}, pids {pids}", file=sys.stderr)
        bad = watch(started)
    finally:
        for one in started:
            one.kill()  # not terminate: JAX catches that signal, and checkpoints are whole anyway
        for one in started:
            one.wait()
        if not bad:  # else the logs are of use
            shutil.rmtree(logs)
    for process, code in bad.items():
        print(f"launch: {say(process, code, logs / f'process-{process}.log')}", file=sys.stderr)
    if bad:
        print(f"launch: all processes are ended; their logs are in {logs}", file=sys.stderr)
        if any(argument.startswith("--checkpoints") for argument in arguments):
            print("launch: the same command goes on from the last checkpoint", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
