"""What a user may write by mistake, and a type checker must refuse: every marked line."""

import numpy as np

import lstm
from lstm import masks, stack, tasks, train

W = lstm.init(4, 3)
X = np.ones((5, 2, 4))
layers = stack.init(4, 3)
out = stack.forward(X, layers)
batch = tasks.adding(20, 3)
params = train.init(4, 3, 1)

lstm.forward("abc", W)  # wrong
lstm.forward(X, "abc")  # wrong
lstm.forward(X, W, "abc")  # wrong
lstm.forward(X, None)  # wrong
lstm.forward(X, {"WLSTM": W})  # wrong
lstm.step("abc", W)  # wrong
lstm.backward("abc", lstm.forward(X, W).cache)  # wrong
lstm.backward(X, out.cache)  # wrong
lstm.init("4", 3)  # wrong
lstm.init(4, 3, rng="seed")  # wrong
stack.forward("abc", layers)  # wrong
stack.forward(X, layers, lengths="abc")  # wrong
stack.forward(X, layers, "abc")  # wrong
stack.forward(X, layers, dropout="0.5")  # wrong
stack.backward(out.Hout, lstm.forward(X, W).cache)  # wrong
print(stack.step(X[0], layers).h.shape)  # wrong
stack.init(4, "3")  # wrong
masks.lengths_of("abc")  # wrong
tasks.adding("100", 3)  # wrong
train.gradients(params, X)  # wrong
train.gradients(W, batch)  # wrong
train.answer(params, "abc")  # wrong
