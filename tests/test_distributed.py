"""Many devices: the numbers of one, whatever the number of devices and processes.

What needs more than one device runs in processes of its own, started as chapter 13 says.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from helpers import refused

SCRIPTS = Path(__file__).parent.parent / "distributed"
sys.path.insert(0, str(SCRIPTS))

import train  # noqa: E402

SETTINGS = train.Settings(batch=12, length=6, hidden=4, seed=3)  # 8 devices do not divide 12
ARGUMENTS = [f"--{name}={value}" for name, value in SETTINGS._asdict().items()]
TRAIN, LAUNCH = "train.py", "launch.py"

# The compiled step on eight devices: what is exchanged.
COLLECTIVES = """
import jax, re, sys
jax.config.update("jax_num_cpu_devices", 8)
import train
settings = train.Settings()
mesh = train.mesh_of_all()
state = train.replicate(train.first_state(settings), mesh)
batch = train.deal(train.draw(settings, 0), mesh)
text = train.step.lower(state, batch).compile().as_text()
print(mesh.size, *re.findall(r"\\\\b(all-\\\\w+|collective-\\\\w+|reduce-scatter)\\\\(", text))
""".replace("\\\\", "\\")


@pytest.fixture(autouse=True)
def logs(tmp_path, monkeypatch):
    """Where the launcher keeps the logs of a run that fails."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def start(script, *arguments, **options):
    return subprocess.Popen(
        [sys.executable, str(SCRIPTS / script), *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


def end(process):
    """What it printed, and its complaints; nothing may hang."""
    try:
        return process.communicate(timeout=300)
    finally:
        process.kill()


def recorded(path):
    with np.load(path) as record:
        return {name: record[name] for name in record}


def wait_for(process, line):
    """Read what is printed, up to a line."""
    for printed in process.stdout:
        if printed.startswith(line):
            return
    raise AssertionError(process.communicate()[1])


def gone(pid):
    """Is a process no more? One that nobody has waited for yet counts as gone."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state in "ZX"


def assert_gone(pids):
    deadline = time.monotonic() + 60
    while not all(map(gone, pids)):
        assert time.monotonic() < deadline, "a process was left behind"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def alone():
    """Losses and gradients of fifty steps on one device, in this process."""
    done = list(train.train(SETTINGS, 50, jax.sharding.Mesh(jax.devices()[:1], (train.ROWS,))))
    gradients = [np.concatenate([np.ravel(g) for g in jax.tree.leaves(d.gradient)]) for d in done]
    return {"k": np.arange(50), "loss": [d.loss for d in done], "gradient": np.stack(gradients)}


def assert_close(got, want):
    np.testing.assert_array_equal(got["k"], want["k"])
    for name in ("loss", "gradient"):
        scale = np.abs(want[name]).max()
        assert scale > 0.1
        np.testing.assert_allclose(got[name], want[name], rtol=0, atol=1e-5 * scale)


def test_eight_devices_give_the_numbers_of_one(alone, tmp_path):
    record = tmp_path / "record.npz"
    printed, complaints = end(start(TRAIN, *ARGUMENTS, "--devices=8", f"--record={record}"))
    assert printed.startswith("devices: 8, processes: 1\nstep    0  loss "), complaints
    assert complaints == ""
    assert_close(recorded(record), alone)


def test_two_processes_and_a_run_that_was_killed(alone, tmp_path):
    """Unbroken: the numbers of one device. Killed and resumed: the bits of the unbroken."""
    runs = [*ARGUMENTS, "--every=10", "--devices=2", "--timeout=200"]  # four devices in all
    unbroken = tmp_path / "unbroken.npz"
    printed, complaints = end(start(LAUNCH, 2, *runs, f"--record={unbroken}"))
    assert printed.startswith("devices: 4, processes: 2\n"), complaints
    pids = re.search(r"pids (\d+), (\d+)", complaints).groups()
    assert_gone(pids)
    assert_close(recorded(unbroken), alone)

    saved = [f"--checkpoints={tmp_path / 'saved'}"]
    broken = start(LAUNCH, 2, *runs, *saved, "--steps=100000")
    try:
        first, second = re.search(r"pids (\d+), (\d+)", broken.stderr.readline()).groups()
        wait_for(broken, "step   23")
        os.kill(int(second), signal.SIGKILL)
    finally:
        _, complaints = end(broken)
    assert broken.returncode == 1
    assert "process 1 was killed by signal 9 (SIGKILL)" in complaints
    assert "the same command goes on from the last checkpoint" in complaints
    assert_gone([first, second])

    resumed = tmp_path / "resumed.npz"
    again = start(LAUNCH, 2, *runs, *saved, f"--record={resumed}")
    printed, complaints = end(again)
    assert again.returncode == 0, complaints
    got, want = recorded(resumed), recorded(unbroken)
    assert got["k"][0] in (20, 30)  # by the time of the kill, it may have been further
    for name in ("k", "loss", "gradient"):
        np.testing.assert_array_equal(got[name], want[name][got["k"][0] :], err_msg=name)


def test_a_peer_that_does_not_come_is_an_error_that_says_so():
    waiting = start(
        TRAIN, "--processes=2", "--process=1", "--coordinator=127.0.0.1:1", "--timeout=1"
    )
    printed, complaints = end(waiting)
    assert waiting.returncode == 1
    assert printed == ""
    assert complaints == (
        "error: process 1: not all of the 2 processes came to 127.0.0.1:1 within 1 s. "
        "Is each running, with this address and its own --process?\n"
    )


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_the_launcher_leaves_nothing_behind_however_it_ends(how):
    launcher = start(LAUNCH, 2, *ARGUMENTS, "--timeout=100")
    pids = re.search(r"pids (\d+), (\d+)", launcher.stderr.readline()).groups()
    launcher.send_signal(how)
    launcher.wait(60)
    launcher.communicate()
    assert_gone(pids)


def test_only_sums_are_exchanged():
    """The gradient's and the loss's in one, and the number of rows; no array is moved whole."""
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", COLLECTIVES],
        cwd=SCRIPTS, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.stdout.split() == ["8", "all-reduce", "all-reduce"], found.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--batch=0"], "--batch: expected at least 1, got 0"),
        (["--processes=2", "--process=2"], "--process: expected 0 to 1, got 2"),
        (["--processes=2"], "--coordinator: expected HOST:PORT, as there is more than one process"),
    ],
)
def test_a_command_line_that_does_not_fit_is_refused(arguments, message, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
    with pytest.raises(SystemExit):
        train.arguments()
    assert capsys.readouterr().err.endswith(f"error: {message}\n")


@pytest.mark.parametrize("rows", [7, 9])
def test_a_batch_is_filled_up_with_rows_that_do_not_count(rows):
    batch = train.draw(SETTINGS._replace(batch=rows), 0)
    filled = train.pad(batch, 8)
    assert filled.y.shape == filled.weight.shape == filled.X.shape[1:2] == (8 * (1 + (rows > 8)),)
    assert filled.weight.sum() == rows
    assert train.pad(filled, 8).y.shape == filled.y.shape
    params = train.first_state(SETTINGS).params
    for one, other in zip(*(jax.tree.leaves(jax.value_and_grad(train.loss)(params, b))
                            for b in (batch, filled)), strict=True):  # fmt: skip
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    mesh = jax.sharding.Mesh(jax.devices()[:1], (train.ROWS,))
    list(train.train(SETTINGS, 2, mesh, tmp_path, every=1))
    other = SETTINGS._replace(hidden=5)
    with refused(ValueError, f"checkpoints: expected a run with {other._asdict()}, "
                             f"got one with {SETTINGS._asdict()}"):  # fmt: skip
        next(train.train(other, 4, mesh, tmp_path))
    assert [done.k for done in train.train(SETTINGS, 4, mesh, tmp_path)] == [2, 3]
