"""The plain recurrent network of chapter 1, for comparison; its gradients are JAX's."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["answers", "init"]


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
