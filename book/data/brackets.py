"""Train the LSTM of chapter 13 in PyTorch and store it, with its answers, in brackets.npz.

A sequence of brackets, ( ) [ ], goes in; for each bracket the answer is whether it has a
partner. A bracket before it or behind it may decide that, so the LSTM reads both ways.

`make test-peers` installs PyTorch. Then, from the root of the repository:

    .venv/bin/python book/data/brackets.py
"""

from pathlib import Path

import numpy as np
import torch

LETTERS = "()[]"
FILE = Path(__file__).with_suffix(".npz")


def partners(text):
    """Which brackets have a partner: a closing one takes the last open one if the kinds agree.

    >>> [int(p) for p in partners("(])[()")]
    [0, 0, 0, 0, 1, 1]
    """
    matched, open_ = [False] * len(text), []
    for t, letter in enumerate(text):
        if letter in "([":
            open_.append(t)
        elif open_ and text[open_[-1]] + letter in ("()", "[]"):
            matched[t] = matched[open_.pop()] = True
        else:
            open_.clear()  # a bracket that closes nothing: what was open stays so for good
    return matched


def draw(rng, count, longest=20):
    """Random texts of 1 to ``longest`` brackets: X (n, b, 4), lengths (b,), targets (n, b)."""
    lengths = rng.integers(1, longest + 1, count)
    X = np.zeros((longest, count, len(LETTERS)), np.float32)
    targets = np.zeros((longest, count), np.float32)
    for j, length in enumerate(lengths):
        letters = rng.integers(0, len(LETTERS), length)
        X[np.arange(length), j, letters] = 1
        targets[:length, j] = partners("".join(LETTERS[k] for k in letters))
    return X, lengths, targets


class Tagger(torch.nn.Module):
    """Two layers, both ways, and a linear layer on top: one number for each bracket."""

    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(len(LETTERS), 16, num_layers=2, bidirectional=True)
        self.head = torch.nn.Linear(32, 1)

    def forward(self, X, lengths):
        packed = torch.nn.utils.rnn.pack_padded_sequence(X, lengths, enforce_sorted=False)
        Y, _ = torch.nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], total_length=len(X))
        return self.head(Y)[..., 0]


def train(steps=3000, batch=64):
    torch.manual_seed(0)
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    net = Tagger()
    optimiser = torch.optim.Adam(net.parameters(), lr=4e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for step in range(steps):
        X, lengths, targets = draw(rng, batch)
        mask = torch.tensor(np.arange(len(X))[:, None] < lengths)
        logits = net(torch.tensor(X), lengths)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            logits[mask], torch.tensor(targets)[mask]
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 250 == 0:
            print(step, round(loss.item(), 4), flush=True)
    return net


def main():
    net = train()
    # New random texts; 22 of them, of at most six brackets, had come up in training as well.
    X, lengths, targets = draw(np.random.default_rng(1), 64)
    with torch.no_grad():
        logits = net(torch.tensor(X), lengths).numpy()
    mask = np.arange(len(X))[:, None] < lengths
    right = ((logits > 0) == (targets > 0))[mask].mean()
    print(f"right: {right:.4f} of {mask.sum()} brackets")
    weights = {name: value.numpy() for name, value in net.state_dict().items()}
    answers = {"X": X.astype(np.int8), "lengths": lengths, "targets": targets.astype(bool)}
    np.savez_compressed(
        FILE, **weights, **{f"test.{k}": v for k, v in answers.items()}, **{"test.logits": logits}
    )


if __name__ == "__main__":
    main()
