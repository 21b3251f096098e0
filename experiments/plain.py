"""The plain recurrent network of chapter 1, for comparison; its gradients are JAX's."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lstm.tasks import Batch

__all__ = ["answers", "gradients", "init"]


def init(D: int, H: int, K: int, rng: Any, *, orthogonal: bool = False) -> dict[str, Any]:
    """Parameters: A (D, H), R (H, H), beta (H,), and WOUT (1 + H, K) as in `lstm.train`."""
    rng = np.random.default_rng(rng)
    R = rng.standard_normal((H, H)) / np.sqrt(H)
    WOUT = rng.standard_normal((1 + H, K)) / np.sqrt(H)
    WOUT[0] = 0
    params = {
        "A": rng.standard_normal((D, H)) / np.sqrt(D),
        "R": np.linalg.qr(R)[0] if orthogonal else R,
        "beta": np.zeros(H),
        "WOUT": WOUT,
    }
    return {name: array.astype(np.float32) for name, array in params.items()}


def answers(params: Any, X: Any) -> Any:
    """The answers to X (n, b, D) at every step, (n, b, K)."""

    def step(h: Any, x: Any) -> Any:
        h = jnp.tanh(x @ params["A"] + h @ params["R"] + params["beta"])
        return h, h

    start = jnp.zeros((X.shape[1], len(params["R"])), X.dtype)
    Hout = jax.lax.scan(step, start, X)[1]
    return Hout @ params["WOUT"][1:] + params["WOUT"][0]


@jax.jit
def _value_and_grad(params: Any, X: Any, Y: Any, where: Any) -> Any:
    def loss(params: Any) -> Any:
        Yhat = answers(params, X)
        squares = ((Yhat - Y) ** 2).sum(axis=-1) / 2
        return (squares * where).sum() / where.sum(), Yhat

    return jax.value_and_grad(loss, has_aux=True)(params)


def gradients(params: dict[str, Any], batch: Batch, loss: Any = None) -> Any:
    """As `lstm.train.gradients` with its `squared_error`, for this network."""
    (value, Yhat), grads = _value_and_grad(params, batch.X, batch.Y, batch.where)
    return float(value), np.asarray(Yhat), grads
