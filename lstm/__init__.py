"""The LSTM in NumPy, forward and backward, with every gradient derived and checked.

`lstm` needs NumPy alone. The rest is imported by name, such as `lstm.scan` (JAX),
`lstm.weights` (trading weights with other libraries) and `lstm.gradcheck` (oracles).

Example:
    >>> import lstm, numpy as np
    >>> WLSTM = lstm.init(input_size=10, hidden_size=4, rng=0)
    >>> X = np.random.default_rng(1).standard_normal((5, 3, 10))    # steps, batch, features
    >>> Hout, Cn, Hn, cache = lstm.forward(X, WLSTM)
    >>> grads = lstm.backward(2 * Hout, cache)                      # of (Hout ** 2).sum()
    >>> grads.dWLSTM.shape == WLSTM.shape
    True
"""

from .fused import Cache, Forward, Gradients, State, backward, forward, init, step

__version__ = "0.1.0"

__all__ = ["Cache", "Forward", "Gradients", "State", "backward", "forward", "init", "step"]
