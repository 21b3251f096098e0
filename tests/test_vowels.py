"""The nine speakers of chapter 11: the file, its reader, and what the long runs make of it."""

import re
from pathlib import Path

import numpy as np
import optax
import pytest
from helpers import refused

from experiments import vowels as runs
from lstm import tasks, train
from lstm.book import vowels

FILE = Path(__file__).parent.parent / "book/data/vowels.npz"
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def data():
    return vowels.load(FILE)


def test_the_data_are_those_that_the_authors_describe(data):
    assert np.bincount(data.training.speakers).tolist() == [30] * 9
    assert np.bincount(data.test.speakers).tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]
    for part in data:
        assert (part.lengths.min(), part.X.shape[2], part.X.dtype) == (7, 12, np.float32)
    assert data.test.lengths.max() == 29
    # The first frames of the first and of the last utterance, as UCI's files print them.
    np.testing.assert_array_equal(
        data.training.X[0, 0, :3], np.float32([1.860936, -0.207383, 0.261557])
    )
    np.testing.assert_array_equal(data.test.X[0, 0, :3], np.float32([1.635533, 0.024848, 0.432087]))


def test_the_file_says_where_it_is_from():
    with np.load(FILE) as file:
        facts = {name: str(file[name]) for name in file.files if file[name].ndim == 0}
    assert {"source", "citation", "licence", "made by"} < facts.keys()
    digests = [value for name, value in facts.items() if name.startswith("sha256")]
    assert len(digests) == 2
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests)


def test_a_batch_has_what_training_reads(data):
    which = np.array([5, 40, 200])
    X, Y, where, lengths = batch = data.training.batch(which)
    assert len(X) == lengths.max() == data.training.lengths[which].max()
    assert Y.argmax(axis=1).tolist() == [0, 1, 6]
    assert Y.sum() == 3
    assert where.all()
    loss, answers, _ = train.gradients(
        train.init(12, 4, 9, rng=0), batch, train.cross_entropy, last=True
    )
    assert answers.shape == (3, 9)
    assert data.training.speakers.dtype == data.test.speakers.dtype == np.intp
    assert np.isfinite(loss)


def saved(tmp_path, **changes):
    with np.load(FILE) as file:
        arrays = {name: file[name] for name in file.files} | changes
    path = tmp_path / "vowels.npz"
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"speakers": None}, "found no speakers"),
        ({"frames": None, "parts": None}, "found no frames, parts"),
        ({"frames": np.zeros((9961, 11), np.float32)}, "frames of shape (9961, 11)"),
        ({"frames": np.full((9961, 12), np.nan, np.float32)}, "12 finite coefficients"),
        ({"frames": np.zeros((9960, 12), np.float32)}, "= (640, 9960, 640)"),
        ({"speakers": np.zeros(639, int)}, "= (639, 9961, 639)"),
        ({"speakers": np.full(640, 9)}, "speakers from 0 to 8, got 9"),
        ({"speakers": np.r_[np.zeros(639, int), 12]}, "speakers from 0 to 8, got 12"),
        ({"parts": np.array([270, 371])}, "got (640, 9961, 641)"),
        ({"parts": np.array([270, 369])}, "got (640, 9961, 639)"),
        ({"speakers": np.zeros(641, int)}, "= (641, 9961, 641)"),
        ({"frames": np.zeros((9962, 12), np.float32)}, "= (640, 9962, 640)"),
        ({"frames": np.zeros((9961, 13), np.float32)}, "frames of shape (9961, 13)"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path, changes, says):
    path = saved(tmp_path, **changes)
    with pytest.raises(ValueError, match=re.escape(says)) as refusal:
        vowels.load(path)
    assert str(refusal.value).startswith(f"{path}: expected")


def test_speakers_of_a_file_may_be_small_integers(data, tmp_path):
    with np.load(FILE) as file:
        small = file["speakers"].astype(np.uint8)
    found = vowels.load(saved(tmp_path, speakers=small))
    for part, same in zip(found, data, strict=True):
        np.testing.assert_array_equal(part.speakers, same.speakers, strict=True)


@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b"x" * 100, lambda b: b[: len(b) // 2]]
)
def test_a_damaged_file_is_refused(tmp_path, damage):
    path = tmp_path / "vowels.npz"
    path.write_bytes(damage(FILE.read_bytes()))
    with pytest.raises(ValueError, match="npz") as told:
        vowels.load(path)
    assert str(told.value) == f"{path}: expected an .npz file, got {told.value.__cause__}"


def test_a_missing_file_is_named(tmp_path):
    path = tmp_path / "no.npz"
    says = f"{path}: expected a file, found none: see book/data/vowels.npz"
    with refused(FileNotFoundError, says):
        vowels.load(path)


def test_decibels_are_those_of_the_filter():
    """Cepstrum of 1/A(z) for a known A, by its recursion; the magnitude straight from A."""
    a = np.array([1, -1.2, 0.9, -0.3])  # of minimum phase
    c = np.zeros(400)
    for k in range(1, 400):
        c[k] = -sum(m * c[m] * (a[k - m] if k - m < 4 else 0) for m in range(1, k)) / k
        c[k] -= a[k] if k < 4 else 0
    hertz = np.linspace(0, 5000, 11)
    z = np.exp(2j * np.pi * hertz / 10_000)
    expected = -20 * np.log10(abs(sum(a[k] * z**-k for k in range(4))))
    np.testing.assert_allclose(vowels.decibels(c[1:], hertz), expected, atol=1e-9)


def test_folds_are_neighbours_of_each_speaker(data):
    fold = runs.folds(data.training.speakers)
    for speaker in range(9):
        assert fold[data.training.speakers == speaker].tolist() == np.repeat(range(5), 6).tolist()


def test_coefficients_are_scaled_by_the_training_part_alone(data):
    which = np.arange(0, 270, 2)
    scaled = vowels.standard(data.training, data.training, which)
    inside = np.arange(len(scaled.X))[:, None] < scaled.lengths
    fitted = scaled.X[:, which][inside[:, which]]
    np.testing.assert_allclose(fitted.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(fitted.std(axis=0), 1, atol=1e-5)
    assert abs(scaled.X[inside].mean(axis=0)).max() > 1e-3
    assert not scaled.X[~inside].any()
    assert scaled.X.dtype == np.float32


def small(reads="last"):
    X = RNG.standard_normal((7, 5, 12)).astype(np.float32)
    lengths = np.array([7, 3, 5, 2, 6])
    X[np.arange(7)[:, None] >= lengths] = 0
    return tasks.Batch(X, np.eye(9, dtype=np.float32)[[1, 8, 0, 1, 3]], np.full(5, True), lengths)


@pytest.mark.parametrize("reads", ["last", "mean", "every"])
@pytest.mark.parametrize("both", [False, True])
def test_gradients_of_all_ways_to_answer(reads, both):
    """Against central differences, along one direction of each array."""
    import jax

    batch = small()._replace(X=small().X.astype(float), Y=small().Y.astype(float))
    params = train.init(12, 4, 9, layers=1, bidirectional=both, rng=1, dtype=np.float64)
    value, _, grads = runs.run_gradients(params, batch, train.cross_entropy, reads=reads)
    way = jax.tree.map(lambda array: RNG.standard_normal(array.shape), params)

    def along(step):
        moved = jax.tree.map(lambda p, d: p + step * d, params, way)
        return runs.run_gradients(moved, batch, train.cross_entropy, reads=reads)[0]

    slope = (along(1e-5) - along(-1e-5)) / 2e-5
    terms = jax.tree.leaves(jax.tree.map(lambda g, d: (np.asarray(g) * d).sum(), grads, way))
    assert abs(sum(terms) - slope) < 1e-7 * max(1, abs(slope))
    if reads != "every":  # the loss is then that of what is judged
        logs = runs.log_probabilities(params, batch, reads)
        assert abs(runs.score(logs, batch.Y.argmax(axis=1))[0] - value) < 1e-12


@pytest.mark.parametrize("reads", ["last", "mean", "every"])
def test_padding_changes_no_answer(reads):
    params = train.init(12, 4, 9, rng=1)
    batch = small()
    together = runs.log_probabilities(params, batch, reads)
    for j, n in enumerate(batch.lengths):
        one = tasks.Batch(
            batch.X[:n, j : j + 1], batch.Y[[j]], batch.where[[j]], batch.lengths[[j]]
        )
        alone = runs.log_probabilities(params, one, reads)[0]
        np.testing.assert_allclose(alone, together[j], atol=1e-5)
    np.testing.assert_allclose(np.exp(together).sum(axis=1), 1, rtol=1e-5)


NOTHING = {"noise": 0.0, "shift": 0.0, "crop": 1.0, "stretch": 1.0}


def test_what_is_varied():
    batch = small()
    assert runs.varied(batch, RNG, **NOTHING) is batch
    inside = np.arange(7)[:, None] < batch.lengths
    noisy = runs.varied(batch, RNG, **NOTHING | {"noise": 0.5})
    difference = (noisy.X - batch.X)[inside]
    assert abs(difference.std() - 0.5) < 0.1
    assert not noisy.X[~inside].any()
    shifted = runs.varied(batch, RNG, **NOTHING | {"shift": 0.5})
    for j, n in enumerate(batch.lengths):
        moves = (shifted.X - batch.X)[:n, j]
        np.testing.assert_allclose(moves, np.broadcast_to(moves[0], moves.shape), atol=1e-6)
    assert batch.X is not shifted.X


def test_cropping_and_stretching_read_along_the_utterance():
    """A coefficient that is the time itself shows which part is kept, and at what speed."""
    n = np.array([20, 11, 7])
    t = np.arange(20)[:, None, None] * np.ones((3, 12))
    X = np.where((np.arange(20)[:, None] < n)[..., None], t, 0).astype(np.float32)
    batch = tasks.Batch(X, np.eye(9, dtype=np.float32)[:3], np.full(3, True), n)
    for _ in range(20):
        cropped = runs.varied(batch, RNG, **NOTHING | {"crop": 0.5})
        stretched = runs.varied(batch, RNG, **NOTHING | {"stretch": 1.5})
        for j in range(3):
            steps = np.diff(cropped.X[: cropped.lengths[j], j, 0])
            np.testing.assert_allclose(steps, 1, atol=1e-5)
            assert n[j] / 2 <= cropped.lengths[j] <= n[j]
            assert cropped.X[: cropped.lengths[j], j].max() <= n[j] - 1
            read = stretched.X[: stretched.lengths[j], j, 0]
            assert (read[0], round(float(read[-1]), 4)) == (0, n[j] - 1)
            assert n[j] / 1.6 < stretched.lengths[j] < 1.6 * n[j]
            np.testing.assert_allclose(np.diff(read), np.diff(read)[0], atol=1e-5)


def test_without_its_extras_a_run_is_train_fit(data):
    """The optimiser that is put together in `learn` is Adam after clipping, with its decay."""
    knobs = runs.PLAIN | {"epochs": 2, "hidden": 5, "batch": 45}
    which = np.arange(90)
    got = runs.learn(data.training, which, 3, **knobs)
    rng = np.random.default_rng(3)
    params = train.init(12, 5, 9, forget_bias=1, rng=rng)
    batches = (
        data.training.batch(part) for _ in range(2) for part in np.split(rng.permutation(which), 2)
    )
    adam = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(0.01))
    *_, last = train.fit(params, batches, adam, train.cross_entropy, last=True)
    np.testing.assert_allclose(got["WLSTM"], last.params["WLSTM"], atol=1e-6)
    decayed = runs.learn(data.training, which, 3, **knobs | {"decay": 1.0, "rate": 1e-9})
    kept = runs.learn(data.training, which, 3, **knobs | {"decay": 0.0, "rate": 1e-9})
    np.testing.assert_allclose(decayed["WLSTM"][0], kept["WLSTM"][0], atol=1e-7)
    assert not np.allclose(got["WOUT"], kept["WOUT"], atol=1e-3)


def test_a_short_run_of_each_kind():
    knobs = runs.PLAIN | {"epochs": 1, "hidden": 4, "batch": 135}
    run = runs.choose(0, **knobs)
    assert 0 < run["wrong"] <= 270
    assert run["loss"] > 1
    assert np.array(run["wrongs"]).sum(axis=0)[-1] == run["wrong"]
    run = runs.judge(0, 2, **knobs)
    assert len(run["members"]) == len(run["losses"]) == 2
    assert 0 < len(run["together"]) <= 370


def test_scores():
    logs = np.log([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]])
    loss, wrong = runs.score(logs, np.array([0, 2]))
    assert loss == pytest.approx(-(np.log(0.7) + np.log(0.1)) / 2)
    assert wrong == [1]


def test_the_envelope_of_frames_is_a_sum_of_cosines():
    c, hertz = RNG.standard_normal((5, 2, 3)), np.array([0.0, 700.0, 1234.5, 5000.0])
    w = 2 * np.pi * hertz / 10_000
    logarithm = sum(c[..., k, None] * np.cos((k + 1) * w) for k in range(3))
    got = vowels.decibels(c, hertz)
    np.testing.assert_allclose(got, 20 * np.log10(np.exp(logarithm)), rtol=1e-12)
    assert got.shape == (5, 2, 4)
