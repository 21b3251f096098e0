"""Chapter 11's idioms: ours and PyTorch's compute the same numbers, and the traps are traps."""

import copy
from itertools import islice

import idioms
import jax
import numpy as np
import optax
import pytest
import torch

from lstm import exchange, tasks, train
from lstm.stack import Layer

D, H, K, n, b = 3, 5, 4, 7, 6
LENGTHS = np.array([7, 2, 5, 7, 1, 4])


def arrays(seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, b, D)).astype(np.float32)
    Y = np.eye(K, dtype=np.float32)[rng.integers(0, K, b)]
    return X, Y


def pair():
    """A network twice. One of PyTorch's two biases is frozen at zero, as we have one."""
    params = train.init(D, H, K, forget_bias=1, rng=1)
    net = copied(params, idioms.Net(D, H, K))
    for name, value in net.lstm.named_parameters():
        if name.startswith("bias_hh"):
            assert not value.any()
            value.requires_grad_(False)
    return params, net


def copied(params, net):
    """A network of PyTorch with our weights."""
    layers = params.get("layers") or [Layer(params["WLSTM"])]
    weights = exchange.torch.dump(layers)
    net.lstm.load_state_dict({name: torch.tensor(array) for name, array in weights.items()})
    with torch.no_grad():
        net.head.weight.copy_(torch.tensor(params["WOUT"][1:].T))
        net.head.bias.copy_(torch.tensor(params["WOUT"][0]))
    return net


def ours_of(net):
    """The parameters of a network of PyTorch, by our names."""
    layers = exchange.torch.load({k: v.numpy() for k, v in net.lstm.state_dict().items()})
    WOUT = np.vstack([net.head.bias.detach().numpy(), net.head.weight.detach().numpy().T])
    return {"WLSTM": layers[0].forward, "WOUT": WOUT}


def assert_same(params, net, atol=2e-5):
    for name, array in ours_of(net).items():
        np.testing.assert_allclose(params[name], array, rtol=0, atol=atol, err_msg=name)


def cross_entropy(answers, Y):
    return torch.nn.functional.cross_entropy(answers, Y)


def batches(count):
    """Some batches of one length, in both forms."""
    for seed in range(count):
        X, Y = arrays(seed)
        yield tasks.Batch(X, Y, np.full(b, True), np.full(b, n)), torch.tensor(X), torch.tensor(Y)


def train_both(params, net, ours, theirs, count=10):
    """The losses of some steps, twice. ``theirs`` does one step from a loss."""
    want = []
    for _, X, Y in batches(count):
        loss = cross_entropy(net.head(net.lstm(X)[0][-1]), Y)
        want.append(loss.item())
        theirs(loss)
    got = []
    for update in train.fit(
        params, (batch for batch, _, _ in batches(count)), ours, train.cross_entropy, last=True
    ):
        got.append(update.loss)
    np.testing.assert_allclose(got, want, rtol=2e-5)
    assert_same(update.params, net)
    return update.params


@pytest.mark.parametrize("which", ["lengths", "mask"])
def test_lengths_and_masks(which):
    params, net = pair()
    X, _ = arrays()
    got = getattr(idioms, f"ours_{which}")(params, X, LENGTHS)
    lengths = torch.tensor(LENGTHS)
    want = getattr(idioms, f"torch_{which}")(net, torch.tensor(X), lengths).detach().numpy()
    np.testing.assert_allclose(got, want, atol=1e-6)
    full = getattr(idioms, f"ours_{which}")(params, X, np.full(b, n))
    assert abs(full - got).max() > 0.01  # lengths count


def test_dropout_acts_in_training_alone_and_as_strongly():
    params = train.init(D, H, K, layers=2, forget_bias=1, rng=1)
    net = copied(params, idioms.torch_dropout(D, H, K))
    assert not net.training
    X, Y = arrays()
    batch = tasks.Batch(X, Y, np.full(b, True), np.full(b, n))
    used = idioms.ours_dropout(params, batch, train.cross_entropy, np.random.default_rng(0))

    def theirs(X):
        return net.head(net.lstm(X)[0][-1]).detach().numpy()

    np.testing.assert_allclose(used.answers, theirs(torch.tensor(X)), atol=1e-6)
    # While training both vary, by as much: the first sequence, 4,000 times in one batch.
    net.train()
    many = np.repeat(X[:, :1], 4000, axis=1)
    torch.manual_seed(0)
    want = theirs(torch.tensor(many))
    got = train.forward(params, many, last=True, dropout=0.3, rng=np.random.default_rng(0)).answers
    assert got.std(axis=0).min() > 1e-3
    np.testing.assert_allclose(got.std(axis=0), want.std(axis=0), rtol=0.1)
    error = got.std(axis=0) / np.sqrt(len(got) / 2)
    assert (abs(got.mean(axis=0) - want.mean(axis=0)) < 4.5 * error).all()


def test_clipping():
    params, net = pair()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    first, _, _ = next(batches(1))
    grads = train.gradients(params, first, train.cross_entropy, last=True)[2]
    assert 0.05 < optax.tree.norm(grads) < 1
    # Adam forgives a factor that is always the same; clipped now and then it is another.
    scale = 30.0

    def theirs(loss):
        idioms.torch_clipping(net, scale * loss, optimizer)

    def ours(params, batch, loss, **options):
        value, answers, grads = train.gradients(params, batch, loss, **options)
        return value, answers, jax.tree.map(lambda g: np.float32(scale) * g, grads)

    for _, X, Y in batches(10):
        theirs(cross_entropy(net.head(net.lstm(X)[0][-1]), Y))
    drawn = (batch for batch, _, _ in batches(10))
    *_, last = train.fit(
        params, drawn, idioms.ours_clipping(), train.cross_entropy, ours, last=True
    )
    assert_same(last.params, net, atol=1e-4)


def test_two_trained_biases_count_twice():
    """In the norm that is clipped, and in the step: the trap that the frozen bias avoids."""
    params, net = pair()
    batch, X, Y = next(batches(1))
    cross_entropy(net.head(net.lstm(X)[0][-1]), Y).backward()
    grads = train.gradients(params, batch, train.cross_entropy, last=True)[2]
    norm = torch.nn.utils.get_total_norm([p.grad for p in net.parameters() if p.grad is not None])
    np.testing.assert_allclose(norm, optax.tree.norm(grads), rtol=1e-5)
    for p in net.parameters():
        p.requires_grad_(True)
        p.grad = None
    cross_entropy(net.head(net.lstm(X)[0][-1]), Y).backward()
    norm = torch.nn.utils.get_total_norm([p.grad for p in net.parameters()])
    twice = np.sqrt(float(optax.tree.norm(grads)) ** 2 + (grads["WLSTM"][0] ** 2).sum())
    np.testing.assert_allclose(norm, twice, rtol=1e-5)
    assert twice > 1.01 * float(optax.tree.norm(grads))


def test_weight_decay_spares_the_biases():
    params, net = pair()
    optimizer = idioms.torch_decay(net)

    def theirs(loss):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    decayed = train_both(params, net, idioms.ours_decay(), theirs)
    _, plain = pair()
    other = torch.optim.Adam(plain.parameters(), lr=0.01)

    def without(loss):
        other.zero_grad()
        loss.backward()
        other.step()

    kept = train_both(params, plain, optax.adam(0.01), without)
    assert (abs(decayed["WLSTM"][1:]) < abs(kept["WLSTM"][1:])).mean() > 0.9


def test_a_cosine_schedule():
    params, net = pair()
    steps = 10
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    rates = list(idioms.torch_schedule(optimizer, steps))
    want = [float(optax.cosine_decay_schedule(0.01, steps)(k)) for k in range(steps)]
    np.testing.assert_allclose(rates, want, atol=1e-8)
    assert rates[0] == 0.01
    assert rates[-1] < 0.0005

    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)

    def theirs(loss):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()

    train_both(params, net, idioms.ours_schedule(steps), theirs)


LOSSES = [3, 2, 2.5, 2.4, 2.3, 2.2, 2.1, 2.1, 1.9, 2, 2, 2, 2, 2, 2, 2, 2]


def test_a_plateau_lowers_the_rate_at_the_same_time():
    _, net = pair()
    rates = list(idioms.torch_plateau(torch.optim.SGD(net.parameters(), lr=0.01), LOSSES))
    assert rates[0] == 0.01
    assert rates[-1] == 0.0025
    rule = idioms.ours_plateau()
    W = {"W": np.zeros(2, np.float32)}
    state = rule.init(W)
    for loss, rate in zip(LOSSES, rates, strict=True):
        change, state = rule.update({"W": np.float32([1, -1])}, state, W, value=np.float32(loss))
        # The gradient is always the same, so that Adam's step is the rate itself.
        np.testing.assert_allclose(change["W"], [-rate, rate], rtol=1e-4)


def test_stopping_early_keeps_the_best_and_torch_needs_a_copy():
    params, net = pair()
    adam = torch.optim.Adam(net.parameters(), lr=0.01)
    table = iter(LOSSES)

    def steps():
        for _, X, Y in batches(len(LOSSES)):
            adam.zero_grad()
            cross_entropy(net.head(net.lstm(X)[0][-1]), Y).backward()
            adam.step()
            seen.append(copy.deepcopy(net.state_dict()))
            yield

    seen = []
    best, kept = idioms.torch_stopping(net, steps(), lambda net: next(table), patience=3)
    assert (best, len(seen)) == (2, 5)  # the second is the best, the fifth the third without a gain
    assert all(torch.equal(kept[name], seen[1][name]) for name in kept)
    assert not torch.equal(net.state_dict()["head.weight"], kept["head.weight"])

    table = iter(LOSSES)
    drawn = (batch for batch, _, _ in batches(len(LOSSES)))
    updates = train.fit(params, drawn, optax.adam(0.01), train.cross_entropy, last=True)
    best, ours = idioms.ours_stopping(updates, lambda params: next(table), patience=3)
    assert best == 2
    drawn = (batch for batch, _, _ in batches(2))
    *_, second = train.fit(params, drawn, optax.adam(0.01), train.cross_entropy, last=True)
    np.testing.assert_array_equal(ours["WLSTM"], second.params["WLSTM"])
    _, other = pair()
    other.load_state_dict(kept)
    assert_same(ours, other)

    # The trap: what state_dict() gives is a view.
    view = net.state_dict()
    before = view["head.weight"].clone()
    for _ in islice(steps(), 1):
        pass
    assert not torch.equal(view["head.weight"], before)


def test_states_are_carried_and_gradients_are_not():
    params, net = pair()
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4, n, b, D)).astype(np.float32)
    Y = np.eye(K, dtype=np.float32)[rng.integers(0, K, (4, n, b))]
    losses = []

    def loss(answers, Y):
        losses.append(cross_entropy(answers.reshape(-1, K), Y.reshape(-1, K)))
        return losses[-1]

    adam = torch.optim.Adam(net.parameters(), lr=0.01)
    idioms.torch_carry(net, zip(torch.tensor(X), torch.tensor(Y), strict=True), loss, adam)
    pieces = (
        tasks.Batch(x, y, np.full((n, b), True), np.full(b, n)) for x, y in zip(X, Y, strict=True)
    )

    def carried(params, batch, loss, **options):
        return train.run(params, batch, train.cross_entropy, **options)

    updates = list(
        train.fit(params, pieces, optax.adam(0.01), train.cross_entropy, carried, carry=True)
    )
    np.testing.assert_allclose(
        [update.loss for update in updates], [float(x.detach()) for x in losses], rtol=2e-5
    )
    assert_same(updates[-1].params, net)
    # `ours_carry` is the same loop with half the squared distance for its loss.
    pieces = (
        tasks.Batch(x, y, np.full((n, b), True), np.full(b, n)) for x, y in zip(X, Y, strict=True)
    )
    again = list(idioms.ours_carry(params, pieces, optax.adam(0.01)))
    alone = train.forward(again[2].params, X[3]).answers
    assert abs(again[3].answers - alone).max() > 1e-3  # it did not begin at zero
