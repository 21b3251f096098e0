"""The long runs: what is stored, how runs resume, and that the fast training loop is right."""

import dataclasses
import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import optax
import pytest

from experiments import learning, plain, runner, store, training
from experiments.__main__ import EXPERIMENTS
from lstm import tasks, train
from lstm.layout import split_gates

SETTINGS = {"rate": 0.01}
TINY = [{"seed": seed} for seed in range(3)]


def echo(rate, seed):
    """A run that says what it was given and in which environment."""
    threads = {name: os.environ.get(name) for name in runner.ONE_THREAD}
    return {"value": rate * seed, "threads": threads}


def endless(rate, seed):
    """Say which process this is, and go on for longer than any test."""
    (Path(os.environ["EXPERIMENTS_TEST"]) / "pid").write_text(str(os.getpid()))
    time.sleep(600)


def trains(rate, seed):
    return echo(rate, seed) | {"params": {f"{seed}: W": np.full(2, rate + seed)}}


def fails(rate, seed):
    if seed == 2:
        raise FloatingPointError("the error is nan")
    return echo(rate, seed)


@pytest.fixture
def tiny(tmp_path):
    return store.Experiment(
        "tiny", "tests.test_experiments:echo", SETTINGS, TINY, ("value", "threads"), tmp_path
    )


def runs(experiment, seeds):
    return [
        {"arguments": {"seed": s}, "value": s, "threads": {}, "made by": store.stamp("abc")}
        for s in seeds
    ]


def test_all_runs_are_done_in_workers_of_one_thread_and_stored_with_what_made_them(tiny):
    before = dict(os.environ)
    runner.run_all(tiny, 2, quiet=True)
    assert dict(os.environ) == before
    stored = json.loads(tiny.path.read_text())
    assert stored["command"] == "python -m experiments tiny"
    assert stored["settings"] == SETTINGS
    assert [run["arguments"] for run in stored["runs"]] == TINY
    for seed, run in enumerate(stored["runs"]):
        assert run["value"] == 0.01 * seed
        assert run["threads"] == runner.ONE_THREAD
        made = run["made by"]
        assert made["revision"].rstrip("+")
        assert made["numpy"] == np.__version__
        assert {"date", "python", "machine", "jax", "optax"} < made.keys()


def test_parameters_of_all_runs_are_kept_in_one_file(tiny):
    kept = dataclasses.replace(tiny, run="tests.test_experiments:trains")
    store.save(kept, runs(kept, [1]))
    store.keep(kept, {"1: W": np.ones(3)})
    runner.run_all(kept, 1, quiet=True)
    assert all("params" not in run for run in store.load(kept))
    with np.load(kept.folder / "tiny.npz") as arrays:
        assert {name: array.tolist() for name, array in arrays.items()} == {
            "0: W": [0.01, 0.01], "1: W": [1, 1, 1], "2: W": [2.01, 2.01],
        }  # fmt: skip
    assert sorted(path.name for path in kept.folder.iterdir()) == ["tiny.json", "tiny.npz"]


def test_what_is_stored_is_not_run_again(tiny):
    store.save(tiny, runs(tiny, [2, 0]))
    runner.run_all(tiny, 1, quiet=True)
    values = [run["value"] for run in store.load(tiny)]
    assert values == [0, 0.01, 2]  # in the experiment's order; 2 was not computed here


def test_a_run_that_fails_loses_no_other(tiny):
    broken = store.Experiment(
        "tiny", "tests.test_experiments:fails", SETTINGS, TINY, tiny.result, tiny.folder
    )
    with pytest.raises(FloatingPointError, match=r"^the error is nan$"):
        runner.run_all(broken, 1, quiet=True)
    assert [run["arguments"]["seed"] for run in store.load(tiny)] == [0, 1]
    runner.run_all(tiny, 1, quiet=True)
    assert len(store.load(tiny)) == 3


def test_workers_end_with_a_killed_parent(tmp_path):
    code = f"""
import pathlib
from experiments import runner, store
runner.run_all(store.Experiment(
    "tiny", "tests.test_experiments:endless", {{"rate": 1}}, [{{"seed": 0}}], (),
    pathlib.Path({str(tmp_path)!r}),
), 1, quiet=True)
"""
    root = Path(__file__).parent.parent
    environment = os.environ | {"EXPERIMENTS_TEST": str(tmp_path), "PYTHONPATH": str(root)}
    script = tmp_path / "script.py"
    script.write_text(f"if __name__ == '__main__':\n{textwrap.indent(code, '    ')}")
    parent = subprocess.Popen([sys.executable, script], env=environment)
    pid = tmp_path / "pid"
    wait_until(lambda: pid.exists() and pid.read_text())
    worker = int(pid.read_text())
    parent.kill()
    parent.wait()
    wait_until(lambda: not alive(worker))


def wait_until(true):
    """Wait, up to two minutes, for something that another process does."""
    end = time.monotonic() + 120
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # Nobody may have collected its exit status yet.
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return not state.stdout.startswith("Z")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda text: text[:-20], "expected JSON"),
        (lambda text: "\x00" + text, "expected JSON"),
        (lambda text: "[]", "command, settings and runs"),
        (lambda text: text.replace('"settings"', '"setting"'), "command, settings and runs"),
        (lambda text: text.replace("experiments tiny", "experiments other"), "expected runs of"),
        (lambda text: text.replace('"rate": 0.01', '"rate": 0.02'), "expected settings"),
        (lambda text: text.replace('"value": 1', '"values": 1'), "run 1: .*value"),
        (lambda text: text.replace('{"seed": 1}', '{"seed": 7}'), "no run of this experiment"),
        (lambda text: text.replace('{"seed": 1}', '{"seed": 0}'), "run 1: stored before"),
        (lambda text: text.split('"runs"')[0] + '"runs": {}}', "a list of runs"),
        (lambda text: text.split('"runs"')[0] + '"runs": [1]}', "a list of runs"),
    ],
)
def test_a_damaged_or_foreign_file_is_refused_by_name_and_left_alone(tiny, damage, says):
    store.save(tiny, runs(tiny, [0, 1]))
    text = damage(tiny.path.read_text())
    tiny.path.write_text(text)
    with pytest.raises(ValueError, match=rf"tiny\.json: .*{says}.*remove it"):
        runner.run_all(tiny, 1, quiet=True)
    assert tiny.path.read_text() == text


def test_a_file_that_is_no_text_is_refused(tiny):
    tiny.path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="expected JSON"):
        store.load(tiny)


def test_processes_must_be_positive(tiny):
    with pytest.raises(ValueError, match="processes: expected 1 or more, got 0"):
        runner.run_all(tiny, 0)


def test_nan_is_not_stored(tiny):
    bad = runs(tiny, [0])
    bad[0]["value"] = float("nan")
    with pytest.raises(ValueError, match="values are not JSON compliant"):
        store.save(tiny, bad)
    assert not tiny.path.exists()


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_stored_experiment_is_complete(name):
    experiment = EXPERIMENTS[name]
    stored = store.load(experiment)
    assert not store.missing(experiment, stored)
    assert all(run["made by"].keys() == store.stamp("").keys() for run in stored)


def test_the_command_line_names_the_experiments_and_refuses_others():
    command = [sys.executable, "-m", "experiments", "unknown"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent.parent)
    assert done.returncode == 2
    assert all(name in done.stderr for name in EXPERIMENTS)


def test_training_in_blocks_is_training():
    """Ten steps as in `train.fit`, with lengths that differ and padding."""
    batches = [tasks.adding(20, 4, rng=k) for k in range(10)]
    first = learning.start("3/-3", 20, 5, seed=1)
    steps = list(train.fit(first, batches, training.optimizer(0.01, 1.0)))
    blocks = training.fit(
        first, (training.padded(batch, 22) for batch in batches),
        training.lstm_answers, learning._half_square, 0.01, 1.0, block=5,
    )  # fmt: skip
    for start in (0, 5):
        params, losses, answers, drawn = next(blocks)
        for k in range(5):
            update = steps[start + k]
            n = len(update.answers)
            np.testing.assert_allclose(losses[k], update.loss, rtol=1e-4)
            np.testing.assert_allclose(answers[k][:n], update.answers, atol=1e-5)
            np.testing.assert_allclose(
                learning.last_errors(answers[k], drawn[k]),
                learning.last_errors(update.answers, update.batch), atol=1e-5,
            )  # fmt: skip
        for name, array in steps[start + 4].params.items():
            np.testing.assert_allclose(params[name], array, atol=1e-4)
    assert not np.allclose(params["WLSTM"], first["WLSTM"], atol=0.01)


def test_starts():
    base = train.init(2, 6, 1, rng=3)["WLSTM"]
    W = learning.start("5/-2", 100, 6, seed=3, scale=0.5)["WLSTM"]
    np.testing.assert_array_equal(W[1:], 0.5 * base[1:])
    i, f, o, g = split_gates(W[0])
    assert (i == -2).all()
    assert (f == 5).all()
    assert not o.any()
    assert not g.any()

    W = learning.start("chrono", 50, 6, seed=3, scale=0.5)["WLSTM"]
    i, f, o, g = split_gates(W[0])
    np.testing.assert_array_equal(W[1:], 0.5 * base[1:])
    assert (i == -f).all()
    assert 0 <= f.min() < f.max() < np.log(49)

    weights = learning.start("uniform 5/0", 100, 400, seed=3)["WLSTM"]
    assert 0.0495 < abs(weights[1:]).max() <= 0.05
    assert abs(weights[1:].std() - 0.05 / np.sqrt(3)) < 1e-4

    R = learning.start("plain, orthogonal", 100, 6, seed=3)["R"]
    np.testing.assert_allclose(R @ R.T, np.eye(6), atol=1e-6)
    assert not np.allclose(learning.start("plain", 100, 6, seed=3)["R"], R)


@pytest.mark.parametrize("how", ["", "3", "3/x", "normal 3/0", "Chrono", "3/0/1"])
def test_a_start_that_is_none_is_refused(how):
    with pytest.raises(ValueError, match="how: expected"):
        learning.start(how, 100, 6, seed=3)


def test_plain_networks_answer_as_chapter_1_says():
    params = plain.init(2, 4, 3, rng=0)
    X = np.random.default_rng(1).standard_normal((5, 2, 2)).astype(np.float32)
    h = np.zeros((2, 4), np.float32)
    for x, answer in zip(X, plain.answers(params, X), strict=True):
        h = np.tanh(x @ params["A"] + h @ params["R"] + params["beta"])
        expected = h @ params["WOUT"][1:] + params["WOUT"][0]
        np.testing.assert_allclose(answer, expected, atol=1e-5)


def test_a_short_run_of_each_kind():
    run = learning.adding(4, 10, 1.0, 20, 1200, 0.01, "3/-3", 1.0, seed=0)
    assert (run["seen"], run["solved_after"], len(run["curve"])) == (1500, None, 1)
    assert 0 < run["mean_error"] < 0.5
    assert 0 < run["wrong_of_2560"] <= 2560
    run = learning.adding(4, 10, 1.0, 20, 500, 0.01, "plain", 1.0, seed=0)
    assert (run["seen"], run["curve"]) == (500, [])
    run = learning.reber(4, 4, 0.01, 1.0, strings=8, most=200, pair=0, seed=0)
    assert run == {"solved_after": None, "seen": 200}
    run = learning.copying(4, 5, 1.0, 3, 200, 0.01, "3/0", seed=0)
    assert (run["steps"], len(run["curve"])) == (200, 2)
    assert run["wrong"] > 0


def test_the_copy_task_counts_as_solved_when_nothing_is_wrong(monkeypatch):
    def perfect(params, X):
        return X + 0 * params["WOUT"].sum()  # answers what it reads

    copy = tasks.copy

    def trivial(T, batch, rng):
        batch = copy(T, batch, rng)
        return batch._replace(Y=batch.X)

    monkeypatch.setattr(training, "lstm_answers", perfect)
    monkeypatch.setattr(tasks, "copy", trivial)
    run = learning.copying(4, 5, 1.0, 3, 500, 0.01, "3/0", seed=0)
    assert (run["solved_after"], run["steps"], run["wrong"]) == (100, 100, 0)


def test_losses_in_jax_are_those_of_the_package():
    rng = np.random.default_rng(0)
    answers = rng.standard_normal((3, 2, 4))
    Y = np.eye(4)[rng.integers(4, size=(3, 2))]
    np.testing.assert_allclose(
        learning._half_square(answers, Y), train.squared_error(answers, Y)[0], rtol=1e-6
    )
    np.testing.assert_allclose(
        optax.softmax_cross_entropy(answers, Y), train.cross_entropy(answers, Y)[0], rtol=1e-5
    )
