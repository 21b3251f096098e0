"""Each idiom of chapter 11 twice, in our own words and in PyTorch's.

A pair is two functions, ``ours_NAME`` and ``torch_NAME``. The chapter prints their bodies side by
side, which is why lines are short, and `test_idioms.py` compares what they compute.
"""

import copy

import numpy as np
import optax
import torch
from torch.nn.utils import clip_grad_norm_
from torch.nn.utils.rnn import pack_padded_sequence

from lstm import train


class Net(torch.nn.Module):
    """An LSTM with a linear layer on its outputs: what `lstm.network` is."""

    def __init__(self, D, H, K, **options):
        super().__init__()
        self.lstm = torch.nn.LSTM(D, H, **options)
        self.head = torch.nn.Linear(H, K)


def ours_lengths(params, X, lengths):
    return train.forward(
        params, X, lengths=lengths, last=True
    ).answers


def torch_lengths(net, X, lengths):
    packed = pack_padded_sequence(
        X, lengths, enforce_sorted=False)
    _, (Hn, _) = net.lstm(packed)
    return net.head(Hn[-1])


def ours_mask(params, X, lengths):
    every = train.forward(
        params, X, lengths=lengths).answers
    t = np.arange(len(X))[:, None]
    share = (t < lengths) / lengths
    return (share[..., None] * every).sum(axis=0)


def torch_mask(net, X, lengths):
    every = net.head(net.lstm(X)[0])
    t = torch.arange(len(X))[:, None]
    share = (t < lengths) / lengths
    return (share[..., None] * every).sum(dim=0)


def ours_dropout(params, batch, loss, rng):
    train.run(params, batch, loss, last=True,
              dropout=0.3, rng=rng)  # to train
    return train.forward(params, batch.X,
                         last=True)  # to use


def torch_dropout(D, H, K):
    net = Net(D, H, K, num_layers=2, dropout=0.3)
    net.train()  # to train
    net.eval()  # to use: easily forgotten
    return net


def ours_clipping(rate=0.01):
    return optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adam(rate),
    )


def torch_clipping(net, loss, optimizer):
    optimizer.zero_grad()
    loss.backward()
    clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()


def ours_decay(rate=0.01, decay=0.1):
    def but_row_0(g, W):  # the biases
        return g + decay * W.at[0].set(0)

    return optax.chain(
        optax.scale_by_adam(),
        optax.stateless_with_tree_map(but_row_0),
        optax.scale_by_learning_rate(rate),
    )


def torch_decay(net, rate=0.01, decay=0.1):
    parts = {True: [], False: []}
    for name, p in net.named_parameters():
        parts["bias" in name].append(p)
    return torch.optim.AdamW([
        {"params": parts[False],
         "weight_decay": decay},
        {"params": parts[True],
         "weight_decay": 0.0},
    ], lr=rate)


def ours_schedule(steps, rate=0.01):
    return optax.adam(
        optax.cosine_decay_schedule(rate, steps)
    )


def torch_schedule(optimizer, steps):
    schedules = torch.optim.lr_scheduler
    schedule = schedules.CosineAnnealingLR(
        optimizer, steps)
    for _ in range(steps):
        yield optimizer.param_groups[0]["lr"]
        optimizer.step()
        schedule.step()


def ours_stopping(updates, held_out, patience):
    best, kept, waited = np.inf, None, 0
    for update in updates:
        loss = held_out(update.params)
        waited += 1
        if loss < best:
            kept = update.params
            best, waited = loss, 0
        if waited == patience:
            break
    return best, kept


def torch_stopping(net, updates, held_out, patience):
    best, kept, waited = np.inf, None, 0
    for _ in updates:
        loss = held_out(net)
        waited += 1
        if loss < best:
            state = net.state_dict()  # a view
            kept = copy.deepcopy(state)
            best, waited = loss, 0
        if waited == patience:
            break
    return best, kept


def ours_plateau(rate=0.01, patience=5):
    return optax.chain(
        optax.adam(rate),
        optax.contrib.reduce_on_plateau(
            factor=0.5, patience=patience),
    )  # then update(..., value=loss)


def torch_plateau(optimizer, losses, patience=5):
    schedules = torch.optim.lr_scheduler
    schedule = schedules.ReduceLROnPlateau(
        optimizer, factor=0.5,
        patience=patience - 1)  # one less
    for held_out_loss in losses:
        schedule.step(held_out_loss)
        yield optimizer.param_groups[0]["lr"]


def ours_carry(params, batches, optimizer):
    return train.fit(
        params, batches, optimizer, carry=True)


def torch_carry(net, batches, loss, optimizer):
    states = None
    for X, Y in batches:
        Hout, states = net.lstm(X, states)
        states = [s.detach() for s in states]
        optimizer.zero_grad()
        loss(net.head(Hout), Y).backward()
        optimizer.step()
