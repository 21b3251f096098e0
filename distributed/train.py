"""Train an LSTM on one device or on many: the step does not change, only where its arrays lie.

The task is to remember: the first step of a sequence brings a number and a mark, the others bring
noise, and at the end the network must output the number.

    python distributed/train.py                            # one device
    python distributed/train.py --devices 8                # eight virtual devices of the CPU
    python distributed/launch.py 2                         # two processes on this machine
    python distributed/launch.py 2 --checkpoints DIR       # a killed run resumes from DIR

On several machines start one process on each, with the same address of process 0 and its own
number, as `launch.py` does on one machine:

    python distributed/train.py --processes 2 --process 0 --coordinator HOST:PORT
    python distributed/train.py --processes 2 --process 1 --coordinator HOST:PORT

Source: chapter 14 of the book.
"""

import argparse
import hashlib
import os
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import lstm
from lstm import scan

ROWS = "rows"  # the name of the mesh's only axis: the rows of the batch are dealt out along it
OPTIMIZER = optax.adam(1e-2)


class Settings(NamedTuple):
    """The settings that determine the numbers of a run, and that a resumed run must share.

    Attributes:
        batch: Sequences in a batch, b.
        length: Steps of a sequence, n.
        hidden: Units, H.
        seed: Seed of the data and of the initial weights.
    """

    batch: int = 64
    length: int = 20
    hidden: int = 16
    seed: int = 0


class Batch(NamedTuple):
    """Sequences and the right answers at their ends.

    Attributes:
        X: Inputs, shape (n, b, 2): the number, and the mark of the first step.
        y: The first number of each sequence, shape (b,).
        weight: 1 for a sequence, 0 for a row that only fills up the batch; shape (b,).
    """

    X: Any
    y: Any
    weight: Any


class State(NamedTuple):
    """What a run needs to continue.

    Attributes:
        params: WLSTM, shape (1 + 2 + H, 4H), and the readout, shape (H,).
        moments: The optimiser's own state.
    """

    params: Any
    moments: Any


# The model, for one device. Nothing in this part knows of any other.


def first_state(settings: Settings) -> State:
    """The weights that training starts from: the same on every process, by their seed."""
    rng = np.random.default_rng(settings.seed)
    WLSTM = lstm.init(2, settings.hidden, rng=rng, dtype=np.float32)
    readout = rng.standard_normal(settings.hidden).astype(np.float32) / settings.hidden**0.5
    params = {"WLSTM": WLSTM, "readout": readout}
    return State(params, OPTIMIZER.init(params))


def draw(settings: Settings, k: int) -> Batch:
    """Batch number k. It depends on k and the seed alone, so a resumed run sees the same data."""
    n, b = settings.length, settings.batch
    numbers = np.random.default_rng([settings.seed, k]).uniform(-1, 1, (n, b))
    mark = np.zeros((n, b))
    mark[0] = 1
    X = np.stack([numbers, mark], axis=-1).astype(np.float32)
    return Batch(X, X[0, :, 0], np.ones(b, np.float32))


def loss(params: Any, batch: Batch) -> jax.Array:
    """The mean squared error over the rows that count."""
    Hn = scan.forward(batch.X, params["WLSTM"]).Hn
    error = Hn @ params["readout"] - batch.y
    return (batch.weight * error**2).sum() / batch.weight.sum()


@jax.jit
def step(state: State, batch: Batch) -> tuple[State, jax.Array, Any]:
    """One step of training: the new state, and the loss and gradient that led to it."""
    value, gradient = jax.value_and_grad(loss)(state.params, batch)
    updates, moments = OPTIMIZER.update(gradient, state.moments)
    params = optax.apply_updates(state.params, updates)
    return State(params, moments), value, gradient


# Where the arrays lie. Nothing in this part knows what they mean.


def pad(batch: Batch, devices: int) -> Batch:
    """Fill up a batch with rows of weight 0 until the devices divide it."""
    missing = -len(batch.y) % devices
    return Batch(
        np.pad(batch.X, ((0, 0), (0, missing), (0, 0))),
        np.pad(batch.y, (0, missing)),
        np.pad(batch.weight, (0, missing)),
    )


def replicate(tree: Any, mesh: Mesh) -> Any:
    """The whole of each array on every device."""
    return jax.tree.map(lambda array: _put(array, mesh, PartitionSpec()), tree)


def deal(batch: Batch, mesh: Mesh) -> Batch:
    """The rows of the batch dealt out evenly over the devices."""
    X, y, weight = pad(batch, mesh.size)
    rows = PartitionSpec(ROWS)
    return Batch(
        _put(X, mesh, PartitionSpec(None, ROWS)), _put(y, mesh, rows), _put(weight, mesh, rows)
    )


def _put(array: Any, mesh: Mesh, spec: PartitionSpec) -> jax.Array:
    """Place an array. A process is asked for the parts of its own devices only."""
    array = np.asarray(array)
    sharding = NamedSharding(mesh, spec)
    return jax.make_array_from_callback(array.shape, sharding, lambda part: array[part])


def mesh_of_all() -> Mesh:
    """All devices of all processes, in one row."""
    return Mesh(np.asarray(jax.devices()), (ROWS,))


# The loop.


class Done(NamedTuple):
    """One finished step.

    Attributes:
        k: The step's number, from 0 on.
        loss: The loss before the step.
        gradient: Its gradient, by parameter.
        state: The state after the step.
    """

    k: int
    loss: float
    gradient: Any
    state: State


def train(
    settings: Settings, steps: int, mesh: Mesh, checkpoints: Path | None = None, every: int = 10
) -> Iterator[Done]:
    """Train up to a number of steps, and yield each one.

    Args:
        settings: The settings that determine the numbers.
        steps: Steps in all, those before a resumption included.
        mesh: The devices.
        checkpoints: The directory of the checkpoints. If it has one, the run continues from it.
        every: Steps between checkpoints.

    Raises:
        BlockingIOError: If another run keeps its checkpoints there.
        ValueError: If the checkpoint belongs to a run with other settings, or none is whole.
    """
    state, start = replicate(first_state(settings), mesh), 0
    store = None if checkpoints is None else Store(checkpoints, settings)
    try:
        if store is not None:
            state, start = store.latest(state)
        for k in range(start, steps):
            state, value, gradient = step(state, deal(draw(settings, k), mesh))
            yield Done(k, float(value), gradient, state)  # float waits until the step is done
            if store is not None and ((k + 1) % every == 0 or k + 1 == steps):
                store.save(k + 1, state)
    finally:
        if store is not None:
            store.close()


class Store:
    """Checkpoints of a run, in Orbax's format, each whole or not there at all.

    A file may be damaged later. So each checkpoint carries a digest of its arrays, and the newest
    undamaged one is used.
    """

    def __init__(self, directory: Path, settings: Settings):
        """Open the directory, or make it, for this run alone."""
        import orbax.checkpoint as ocp  # seconds to import: only for those who need it

        self._ocp, self._settings = ocp, settings
        self._directory = directory.absolute()
        self._lock = lock(self._directory) if jax.process_index() == 0 else None
        options = ocp.CheckpointManagerOptions(max_to_keep=2, enable_async_checkpointing=False)
        self._manager = ocp.CheckpointManager(self._directory, options=options)

    def close(self) -> None:
        """Leave the directory to others."""
        self._manager.close()
        if self._lock is not None:
            self._lock.close()

    def save(self, done: int, state: State) -> None:
        """Keep the state after so many steps."""
        args = self._ocp.args
        about = {"settings": self._settings._asdict(), "sha256": digest(state)}
        self._manager.save(
            done,
            args=args.Composite(state=args.StandardSave(state), about=args.JsonSave(about)),
        )

    def latest(self, state: State) -> tuple[State, int]:
        """The newest checkpoint that is whole, laid out like the state given, and its steps."""
        found = sorted(self._manager.all_steps(), reverse=True)
        damaged = {}
        for done in found:
            try:
                about, whole = self._read(done, state)
            except Exception as error:  # what a damaged file raises is Orbax's business
                damaged[done] = f"{type(error).__name__}: {error}".splitlines()[0]
                continue
            if about["settings"] != self._settings._asdict():
                raise ValueError(
                    f"checkpoints: expected a run with {self._settings._asdict()}, "
                    f"got one with {about['settings']} in {self._directory}"
                )
            for step, why in damaged.items():
                if jax.process_index() == 0:
                    print(f"checkpoints: {self._directory / str(step)} is damaged and is removed; "
                          f"going on from step {done} ({why})", flush=True)  # fmt: skip
                self._manager.delete(step)  # else the run could not keep that step again
            return whole, done
        if damaged:
            raise ValueError(
                f"checkpoints: expected one that is whole in {self._directory}, got none of "
                f"{sorted(damaged)}; remove the directory to start anew ({damaged[found[0]]})"
            )
        return state, 0

    def _read(self, done: int, like: State) -> tuple[dict[str, Any], State]:
        """What is said about a checkpoint, and its state if it fits: else the run is another."""
        args = self._ocp.args
        about = self._manager.restore(done, args=args.Composite(about=args.JsonRestore())).about
        if about["settings"] != self._settings._asdict():
            return about, like
        restored = self._manager.restore(
            done, args=args.Composite(state=args.StandardRestore(like))
        ).state
        if digest(restored) != about["sha256"]:
            raise ValueError("its numbers are not those that were saved")
        return about, restored


def digest(state: State) -> str:
    """Compute a fingerprint of all numbers of a state, which every device holds whole."""
    parts = [np.asarray(leaf.addressable_data(0)).tobytes() for leaf in jax.tree.leaves(state)]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def lock(directory: Path) -> Any:
    """Keep a directory for this process, until it ends in whatever way."""
    import fcntl

    directory.mkdir(parents=True, exist_ok=True)
    file = open(directory / "lock", "a+")  # noqa: SIM115  the lock lives as long as the file
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise BlockingIOError(
            f"checkpoints: {directory} is in use by another run; wait for it, or name another"
        ) from None
    return file


# The command line.


def arguments() -> argparse.Namespace:
    """Read the command line, and refuse what does not fit together."""
    parser = argparse.ArgumentParser(
        description="Train an LSTM to remember a number.", allow_abbrev=False
    )
    for name, default in Settings()._asdict().items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--devices", type=int, help="virtual CPU devices of this process")
    parser.add_argument("--checkpoints", type=Path, help="directory to save to and resume from")
    parser.add_argument("--every", type=int, default=10, help="steps between checkpoints")
    parser.add_argument("--record", type=Path, help="write losses and gradients to this .npz")
    several = parser.add_argument_group("several processes")
    several.add_argument("--processes", type=int, default=1, help="how many")
    several.add_argument("--process", type=int, default=0, help="the number of this one, from 0")
    several.add_argument("--coordinator", help="HOST:PORT at which process 0 listens")
    several.add_argument("--timeout", type=int, default=60, help="seconds to wait for a peer")
    several.add_argument("--launched", action="store_true", help="end when stdin is closed")
    given = parser.parse_args()
    least = {"seed": 0} | dict.fromkeys(
        ("batch", "length", "hidden", "steps", "devices", "every", "processes", "timeout"), 1
    )
    for name, smallest in least.items():
        value = getattr(given, name)
        if value is not None and value < smallest:
            parser.error(f"--{name}: expected at least {smallest}, got {value}")
    if not 0 <= given.process < given.processes:
        parser.error(f"--process: expected 0 to {given.processes - 1}, got {given.process}")
    if given.processes > 1 and given.coordinator is None:
        parser.error("--coordinator: expected HOST:PORT, as there is more than one process")
    if given.coordinator is not None:
        host, _, port = given.coordinator.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
            parser.error(f"--coordinator: expected HOST:PORT, got {given.coordinator}")
    saved = given.checkpoints
    if saved is not None and saved.exists() and not saved.is_dir():
        parser.error(f"--checkpoints: expected a directory, got the file {saved}")
    if given.record is not None and given.process == 0:
        if given.record.exists():
            parser.error(f"--record: {given.record} is there already; remove it or name another")
        if not given.record.absolute().parent.is_dir():
            parser.error(f"--record: expected a directory for it, got {given.record}")
    return given


def join(given: argparse.Namespace) -> None:
    """Join all processes in one run of JAX, or say which did not come."""
    if given.process == 0 and (why := nobody_can_listen(given.coordinator)):
        give_up(0, f"nobody can listen at {given.coordinator} ({why}): name another port")
    # If a peer stays away, JAX aborts the process with a stack trace. We are a little faster.
    late = threading.Timer(given.timeout, give_up, [given.process, (
        f"not all of the {given.processes} processes came to {given.coordinator} "
        f"within {given.timeout} s. Is each running, with this address and its own --process?"
    )])  # fmt: skip
    late.daemon = True
    late.start()
    jax.distributed.initialize(
        given.coordinator,
        given.processes,
        given.process,
        initialization_timeout=given.timeout + 30,
        heartbeat_timeout_seconds=max(10, given.timeout),
        shutdown_timeout_seconds=given.timeout,
    )
    late.cancel()


def nobody_can_listen(coordinator: str) -> str:
    """Say why a port of this machine is not free; "" if it is. JAX would exit without a message."""
    family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
    with socket.socket(family) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as JAX: one just given back is
        try:
            s.bind(("", int(coordinator.rpartition(":")[2])))
        except OSError as error:
            return error.strerror or str(error)
    return ""


def give_up(process: int, why: str) -> None:
    """End this process at once, without waiting for peers that may never answer."""
    print(f"error: process {process}: {why}", file=sys.stderr, flush=True)
    os._exit(1)


def end_with_launcher() -> None:
    """End when the launcher does, however it ends: then its side of the pipe is closed."""
    os.read(0, 1)  # the launcher never writes: this returns when the pipe is closed
    os._exit(1)


def main() -> None:
    """Run what the command line says."""
    given = arguments()
    if given.launched:
        threading.Thread(target=end_with_launcher, daemon=True).start()
    if given.devices is not None:
        jax.config.update("jax_num_cpu_devices", given.devices)
    if given.processes > 1:
        join(given)
    settings = Settings(given.batch, given.length, given.hidden, given.seed)
    report: Callable[..., None] = print if given.process == 0 else lambda *_, **__: None
    mesh = mesh_of_all()
    report(f"devices: {mesh.size}, processes: {jax.process_count()}", flush=True)
    ks, losses, gradients, k = [], [], [], None
    try:
        for k, value, gradient, _ in train(
            settings, given.steps, mesh, given.checkpoints, given.every
        ):
            report(f"step {k:4d}  loss {value:.9f}", flush=True)
            ks.append(k)
            losses.append(value)
            gradients.append(np.concatenate([jnp.ravel(g) for g in jax.tree.leaves(gradient)]))
    except Exception as error:
        if given.processes == 1:
            raise
        traceback.print_exc()
        where = "before the first step" if k is None else f"after step {k}"
        give_up(given.process, f"stopped {where}: {type(error).__name__}: {error}")
    if k is None:
        report(f"nothing to do: all {given.steps} steps are done, see {given.checkpoints}")
    elif given.record is not None and given.process == 0:
        with open(given.record, "xb") as file:
            np.savez(file, k=ks, loss=losses, gradient=gradients)


if __name__ == "__main__":
    main()
