"""What a user may write, and a type checker must accept."""

from typing import assert_type

import numpy as np
import optax
from numpy.typing import NDArray

import lstm
from lstm import masks, stack, tasks, train

F4 = NDArray[np.float32]

W = lstm.init(4, 3, rng=0, dtype=np.float32)
X: F4 = np.ones((5, 2, 4), np.float32)
run = lstm.forward(X, W)
Hout, Cn, Hn, cache = lstm.forward(X, W, c0=run.Cn, h0=run.Hn)
gradients = lstm.backward(None, cache, dHn=np.ones_like(Hn))
dW: NDArray[np.float32] = gradients.dWLSTM
lstm.forward([[[1.0, 2.0, 3.0, 4.0]]], W.tolist())
c, h = lstm.step(X[0], W)
c, h = lstm.step([1, 2, 3, 4], W, c, h)

layers = stack.init(4, [3, 5], rng=np.random.default_rng(0), dtype="float32")
layers[0] = layers[0]._replace(forward=W)
out = stack.forward(X, layers, lengths=[5, 2])
back = stack.backward(out.Hout, out.cache, dCn=[None, np.ones((1, 2, 5), np.float32)])
state = stack.step(X[0], layers, out.Cn, out.Hn)
state = stack.step(X[0], layers, *state)
assert_type(state, stack.State)
output: F4 = state.h[-1][0]
again = stack.forward(X, layers, state.c, state.h, dropout=0.5, rng=np.random.default_rng(0))



def used(keep: bool) -> tuple[F4, F4]:
    """If a variable decides whether to keep a cache, the result has one of two types."""
    one, two = lstm.forward(X, W, cache=keep), stack.forward(X, layers, cache=keep)
    assert_type(one, lstm.Forward | lstm.Outputs)
    assert_type(two, stack.Forward | stack.Outputs)
    assert_type(stack.forward(X, layers, cache=False), stack.Outputs)
    return one.Hout, two.Hout


lengths = masks.lengths_of(np.ones((5, 2), bool))
stack.reverse(X, lengths)

params = train.init(4, 3, 1, layers=2)
batch = tasks.adding(20, 3)
loss, answers, grads = train.gradients(params, batch, train.cross_entropy)
for update in train.fit(params, [batch], optax.adam(1e-2), carry=True):
    number: float = update.loss
