"""Many devices: the numbers of one, whatever the number of devices and processes.

What needs more than one device runs in processes of its own, started as chapter 14 says.
"""

import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from helpers import refused

import lstm

SCRIPTS = Path(__file__).parent.parent / "distributed"
sys.path.insert(0, str(SCRIPTS))

import launch  # noqa: E402
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


def start(script, *arguments, stdout=subprocess.PIPE, **options):
    return subprocess.Popen(
        [sys.executable, str(SCRIPTS / script), *map(str, arguments)],
        stdout=stdout, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


def end(process):
    """Wait for a process, and return its output and errors; it must not hang."""
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


def test_a_run_is_that_of_chapter_14_unless_asked_for_another():
    assert train.Settings() == train.Settings(batch=64, length=20, hidden=16, seed=0)


def test_a_step_is_that_of_the_package_and_of_adam():
    """The loss and its gradient worked out again; Adam's first update is the rate, by sign."""
    state, batch = train.first_state(SETTINGS), train.draw(SETTINGS, 0)
    WLSTM, readout = state.params["WLSTM"], state.params["readout"]
    after, value, gradient = train.step(state, train.pad(batch, 8))
    run = lstm.forward(batch.X, WLSTM)
    error = run.Hn @ readout - batch.y
    np.testing.assert_allclose(value, (error**2).mean(), rtol=1e-5)
    dHn = 2 * error[:, None] * readout / len(error)
    want = {
        "WLSTM": lstm.backward(np.zeros_like(run.Hout), run.cache, None, dHn).dWLSTM,
        "readout": 2 * error @ run.Hn / len(error),
    }
    for name, derivative in want.items():
        scale = abs(derivative).max()
        np.testing.assert_allclose(gradient[name], derivative, rtol=0, atol=1e-5 * scale)
        clear = abs(derivative) > 1e-3 * scale
        assert clear.mean() > 0.5
        moved = (after.params[name] - state.params[name])[clear]
        np.testing.assert_allclose(moved, -0.01 * np.sign(derivative[clear]), rtol=1e-2)


def test_eight_devices_give_the_numbers_of_one(alone, one, tmp_path):
    """One device can continue from a checkpoint that eight have kept."""
    record, saved = tmp_path / "record.npz", tmp_path / "saved"
    files = [f"--record={record}", f"--checkpoints={saved}"]
    printed, complaints = end(start(TRAIN, *ARGUMENTS, "--devices=8", *files))
    assert printed.startswith("devices: 8, processes: 1\nstep    0  loss "), complaints
    assert complaints == ""
    assert_close(recorded(record), alone)
    (first, *_), (*_, want) = (
        list(train.train(SETTINGS, 51, one, checkpoints)) for checkpoints in (saved, None)
    )
    assert (first.k, want.k) == (50, 50)
    assert abs(first.loss - want.loss) < 1e-5 * max(alone["loss"])


def test_two_processes_and_a_run_that_was_killed(alone, tmp_path):
    """Unbroken: the numbers of one device. Killed and resumed: the bits of the unbroken."""
    runs = [*ARGUMENTS, "--every=10", "--devices=2", "--timeout=200"]  # four devices in all
    unbroken = tmp_path / "unbroken.npz"
    printed, complaints = end(start(LAUNCH, 2, *runs, f"--record={unbroken}"))
    assert printed.startswith("devices: 4, processes: 2\n"), complaints
    pids = re.search(r"pids (\d+), (\d+)", complaints).groups()
    assert_gone(pids)
    assert not list(tmp_path.glob("lstm-run-*")), "logs are kept of a failure only"
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
    (logs,) = tmp_path.glob("lstm-run-*")
    assert f"their logs are in {logs}" in complaints
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


def test_a_port_that_is_taken_is_an_error_that_says_so():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        first = start(TRAIN, "--processes=2", "--process=0", f"--coordinator={where}")
        printed, complaints = end(first)
    assert (first.returncode, printed) == (1, "")
    assert complaints == (
        f"error: process 0: nobody can listen at {where} (Address already in use): "
        "name another port\n"
    )
    assert train.nobody_can_listen(where) == ""


def test_a_launcher_of_one_process_and_of_none():
    process = start(LAUNCH, 1, *ARGUMENTS, "--steps=1")
    _, complaints = end(process)
    assert process.returncode == 0, complaints
    assert complaints.startswith("launch: started processes 0 to 0, pids ")
    process = start(LAUNCH, 0)
    assert end(process)[1].endswith("error: processes: expected at least 1, got 0\n")
    assert process.returncode == 2
    helped, _ = end(start(LAUNCH, "--help"))
    about = launch.__doc__.splitlines()[0]
    assert " ".join(helped.split()) == (
        f"usage: launch.py [-h] processes {about} positional arguments: processes how many "
        "options: -h, --help show this help message and exit"
    )


def test_help_says_what_every_option_is_for(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["train.py", "--help"])
    with pytest.raises(SystemExit):
        train.arguments()
    words = " ".join(capsys.readouterr().out.split())
    assert words.endswith(
        "Train an LSTM to remember a number. options: -h, --help show this help message and exit "
        "--batch BATCH --length LENGTH --hidden HIDDEN --seed SEED --steps STEPS --devices DEVICES "
        "virtual CPU devices of this process --checkpoints CHECKPOINTS directory to save to and "
        "resume from --every EVERY steps between checkpoints --record RECORD write losses and "
        "gradients to this .npz several processes: --processes PROCESSES how many --process "
        "PROCESS the number of this one, from 0 --coordinator COORDINATOR HOST:PORT at which "
        "process 0 listens --timeout TIMEOUT seconds to wait for a peer --launched end when stdin "
        "is closed"
    )


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_the_launcher_leaves_nothing_behind_however_it_ends(how):
    # So many steps that the processes do not end by themselves, nor of what they print: the end of
    # a pipe that nobody reads would end them, too.
    arguments = 2, *ARGUMENTS, "--timeout=100", "--steps=1000000000"
    launcher = start(LAUNCH, *arguments, stdout=subprocess.DEVNULL)
    pids = re.search(r"pids (\d+), (\d+)", launcher.stderr.readline()).groups()
    for pid in map(int, pids):
        assert os.getsid(pid) == pid, "Ctrl-C is for the launcher, which then ends them"
    launcher.send_signal(how)
    launcher.wait(60)
    launcher.communicate()
    try:
        assert_gone(pids)
    finally:
        for pid in pids:
            if not gone(pid):
                os.kill(int(pid), signal.SIGKILL)


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
        (["--coordinator=host"], "--coordinator: expected HOST:PORT, got host"),
        (["--coordinator=:80"], "--coordinator: expected HOST:PORT, got :80"),
        (["--coordinator=host:x"], "--coordinator: expected HOST:PORT, got host:x"),
        (["--coordinator=host:0"], "--coordinator: expected HOST:PORT, got host:0"),
        (["--coordinator=host:65536"], "--coordinator: expected HOST:PORT, got host:65536"),
        (["--steps=-5"], "--steps: expected at least 1, got -5"),
        (["--steps=0"], "--steps: expected at least 1, got 0"),
        (["--seed=-1"], "--seed: expected at least 0, got -1"),
        (["--timeout=0"], "--timeout: expected at least 1, got 0"),
        (["--checkpoints=file"], "--checkpoints: expected a directory, got the file file"),
        (["--record=file"], "--record: file is there already; remove it or name another"),
        (["--record=no/file"], "--record: expected a directory for it, got no/file"),
        (["--check=here"], "unrecognized arguments: --check=here"),
    ],
)
def test_a_command_line_that_does_not_fit_is_refused(
    arguments, message, monkeypatch, capsys, tmp_path
):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
    with pytest.raises(SystemExit) as ended:
        train.arguments()
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith(f"error: {message}\n")


def test_process_0_alone_looks_at_the_record(monkeypatch, tmp_path):
    (tmp_path / "record").touch()
    monkeypatch.setattr(sys, "argv", [
        "train.py", f"--record={tmp_path / 'record'}", "--processes=2", "--process=1",
        "--coordinator=[::1]:80"])  # fmt: skip
    assert train.arguments().coordinator == "[::1]:80"


@pytest.mark.parametrize("rows", [7, 9])
def test_a_batch_is_filled_up_with_rows_that_do_not_count(rows):
    batch = train.draw(SETTINGS._replace(batch=rows), 0)
    filled = train.pad(batch, 8)
    assert filled.y.shape == filled.weight.shape == filled.X.shape[1:2] == (8 * (1 + (rows > 8)),)
    assert filled.weight.sum() == rows
    assert train.pad(filled, 8).y.shape == filled.y.shape
    params = train.first_state(SETTINGS).params
    both = jax.jit(jax.value_and_grad(train.loss))
    for one, other in zip(*(jax.tree.leaves(both(params, b)) for b in (batch, filled)),
                          strict=True):  # fmt: skip
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.fixture(scope="module")
def one():
    """One device."""
    return jax.sharding.Mesh(jax.devices()[:1], (train.ROWS,))


def test_a_checkpoint_of_another_run_is_refused(tmp_path, one):
    list(train.train(SETTINGS, 2, one, tmp_path, every=1))
    other = SETTINGS._replace(hidden=5)
    with refused(ValueError, f"checkpoints: expected a run with {other._asdict()}, "
                             f"got one with {SETTINGS._asdict()} in {tmp_path}"):  # fmt: skip
        next(train.train(other, 4, one, tmp_path))
    assert [done.k for done in train.train(SETTINGS, 4, one, tmp_path)] == [2, 3]


def kept(directory):
    return sorted(int(path.name) for path in directory.iterdir() if path.name.isdecimal())


def damage(checkpoint, how):
    """Cut or change the file of a checkpoint that holds most of its numbers, or take one away."""
    files = [path for path in checkpoint.rglob("*") if path.is_file()]
    largest = max(files, key=lambda path: path.stat().st_size)
    content = largest.read_bytes()
    if how == "cut":
        largest.write_bytes(content[: len(content) // 2])
    elif how == "empty":
        for path in files:
            path.write_bytes(b"")
    elif how == "flipped":
        half = len(content) // 2
        largest.write_bytes(content[:half] + bytes([content[half] ^ 4]) + content[half + 1 :])
    else:
        next(path for path in files if "about" in path.parts).unlink()


@pytest.mark.parametrize("how", ["cut", "empty", "flipped", "gone"])
def test_a_damaged_checkpoint_is_passed_by_and_said_so(how, tmp_path, one, capsys):
    """The newest undamaged one is used, and the run ends with the numbers of an unbroken one."""
    unbroken = list(train.train(SETTINGS, 6, one, tmp_path, every=1))
    assert kept(tmp_path) == [5, 6]
    damage(tmp_path / "6", how)
    again = list(train.train(SETTINGS, 6, one, tmp_path, every=1))
    assert capsys.readouterr().out.startswith(
        f"checkpoints: {tmp_path / '6'} is damaged and is removed; going on from step 5 ("
    )
    assert [done.k for done in again] == [5]
    for got, want in zip(*map(jax.tree.leaves, (again[-1].state, unbroken[-1].state)), strict=True):
        np.testing.assert_array_equal(got, want)
    assert kept(tmp_path) == [5, 6]

    damage(tmp_path / "5", how)
    damage(tmp_path / "6", how)
    with pytest.raises(ValueError, match="expected one that is whole") as raised:
        next(train.train(SETTINGS, 7, one, tmp_path))
    expected = f"checkpoints: expected one that is whole in {tmp_path}, got none of [5, 6]; remove"
    assert str(raised.value).startswith(expected)
    assert kept(tmp_path) == [5, 6], "what may be of use to somebody stays"


def test_a_checkpoint_that_was_being_written_is_none(tmp_path, one):
    """A killed run leaves a folder under another name, with some of its files."""
    list(train.train(SETTINGS, 6, one, tmp_path, every=1))
    half = tmp_path / "7.orbax-checkpoint-tmp"
    shutil.copytree(tmp_path / "6", half)
    damage(half, "cut")
    shutil.rmtree(tmp_path / "6")
    again = train.train(SETTINGS, 7, one, tmp_path, every=1)
    assert [done.k for done in again] == [5, 6]
    assert kept(tmp_path) == [6, 7]


def test_the_last_step_is_kept_whatever_the_interval(tmp_path, one):
    list(train.train(SETTINGS, 3, one, tmp_path, every=2))
    assert kept(tmp_path) == [2, 3]
    assert list(train.train(SETTINGS, 3, one, tmp_path, every=2)) == []


def test_two_runs_do_not_share_a_directory(tmp_path, one):
    first = train.train(SETTINGS, 3, one, tmp_path)
    next(first)
    with refused(BlockingIOError, f"checkpoints: {tmp_path} is in use by another run; "
                                  "wait for it, or name another"):  # fmt: skip
        next(train.train(SETTINGS, 3, one, tmp_path))
    first.close()
    assert next(train.train(SETTINGS, 3, one, tmp_path)).k == 0


def test_a_finished_command_run_again_leaves_its_record(tmp_path, monkeypatch, capsys):
    saved, record = tmp_path / "saved", tmp_path / "record"  # without .npz: exactly this name
    command = ["train.py", *ARGUMENTS, "--steps=2", f"--checkpoints={saved}"]
    monkeypatch.setattr(sys, "argv", [*command, f"--record={record}"])
    train.main()
    assert recorded(record)["k"].tolist() == [0, 1]
    capsys.readouterr()
    other = tmp_path / "other"
    monkeypatch.setattr(sys, "argv", [*command, f"--record={other}"])
    train.main()
    assert capsys.readouterr().out.endswith(f"nothing to do: all 2 steps are done, see {saved}\n")
    assert not other.exists()
    monkeypatch.setattr(sys, "argv", [*command, f"--record={record}"])
    with pytest.raises(SystemExit):
        train.main()
    assert recorded(record)["k"].tolist() == [0, 1]


def test_every_batch_is_another_one_and_the_same_again_for_its_number():
    first, again, second = (train.draw(SETTINGS, k) for k in (0, 0, 1))
    other = train.draw(SETTINGS._replace(seed=4), 0)
    np.testing.assert_array_equal(first.X, again.X)
    for batch in (second, other):
        assert (batch.X[..., 0] != first.X[..., 0]).all()
    np.testing.assert_array_equal(first.y, first.X[0, :, 0])
    assert (first.X[0, :, 1] == 1).all()
    assert (first.X[1:, :, 1] == 0).all()


@pytest.mark.parametrize(
    ("code", "log", "said"),
    [
        (-9, "", "process 1 was killed by signal 9 (SIGKILL)"),
        (3, "", "process 1 ended with exit code 3"),
        (1, "ValueError: first\n  Error: of a line\nwarning\nKeyError: last\nby the way\n",
         "process 1 ended with exit code 1; its log says: KeyError: last"),
    ],
)  # fmt: skip
def test_what_became_of_a_process_is_said_in_words(code, log, said, tmp_path):
    path = tmp_path / "log"
    path.write_text(log)
    assert launch.say(1, code, path) == said


@pytest.mark.parametrize(("timeout", "heartbeat"), [(3, 10), (40, 40)])
def test_processes_join_with_the_times_that_were_given(timeout, heartbeat, monkeypatch):
    called = {}
    initialize = lambda *given, **times: called.update(times, given=given)  # noqa: E731
    monkeypatch.setattr(jax.distributed, "initialize", initialize)
    train.join(argparse.Namespace(
        timeout=timeout, process=1, processes=2, coordinator="host:80"))  # fmt: skip
    assert called == {
        "given": ("host:80", 2, 1),
        "initialization_timeout": timeout + 30,  # later than our own, which says more
        "heartbeat_timeout_seconds": heartbeat,
        "shutdown_timeout_seconds": timeout,
    }
