"""How many iterations Newton's method over time needs (chapter 16)."""

from typing import Any

import numpy as np

import lstm
from lstm import layout, tasks
from lstm.parallel import diagonal, newton

from .store import DATA, Experiment

SETTINGS = {"D": 4, "most": 150, "tolerance": 1e-12}


def fresh(D: int, H: int, forget: float, scale: float, seed: int) -> Any:
    """Fresh weights, those of h times ``scale``."""
    WLSTM = lstm.init(D, H, forget_bias=forget, rng=seed)
    layout.split_rows(WLSTM).Wh[:] *= scale
    return WLSTM


def trained(name: str, part: str = "WLSTM") -> Any:
    """The weights of one of chapter 5's networks, before or after training."""
    return np.load(DATA / "flow.npz")[f"{name}: {part}"].astype(float)


def lyapunov(X: Any, WLSTM: Any, seed: int) -> float:
    """The mean logarithm by which a small disturbance of the state grows in a step."""
    _, _, _, cache = lstm.forward(X, WLSTM)
    J = newton.jacobians(cache.IFOG, cache.C[:-1], cache.S, layout.split_rows(WLSTM).Wh)[:, 0]
    v = np.random.default_rng(seed).standard_normal(J.shape[-1])
    logarithm = 0.0
    for J_t in J:
        v = J_t @ (v / np.linalg.norm(v))
        logarithm += np.log(np.linalg.norm(v))
    return float(logarithm / max(1, len(J)))


def run(
    D: int,
    most: int,
    tolerance: float,
    network: str,
    n: int,
    seed: int,
    H: int = 8,
    forget: float = 3.0,
    scale: float = 1.0,
    method: str = "newton",
    length: int = 0,
    safe: bool = True,
    warm: int = 0,
) -> dict[str, Any]:
    """Solve one sequence, whole or, if ``length`` is given, in pieces."""
    X = np.random.default_rng(1000 + seed).standard_normal((n, 1, D))
    if network == "diagonal":
        rng = np.random.default_rng(seed)
        b, Wx = np.repeat([0.0, forget, 0.0, 0.0], H), rng.standard_normal((D, 4 * H)) / D**0.5
        w = scale * rng.standard_normal(4 * H)
        found = diagonal.solve(X, b, Wx, w, iterations=most, tolerance=tolerance)
        true, exponent, rounds = diagonal.forward(X, b, Wx, w)[1], None, found.iterations
    else:
        if network == "fresh":
            WLSTM = fresh(D, H, forget, scale, seed)
        else:  # one of chapter 5's networks, on its own task
            WLSTM = trained(f"3/-3 {seed}")
            if network == "before":
                WLSTM = lstm.init(2, 16, forget_bias=3.0, rng=seed)
                layout.split_gates(WLSTM[0])[0][:] = -3
            X = tasks.adding(n, 1, seed, dtype=np.float64).X
        true, exponent = lstm.forward(X, WLSTM).Hout, lyapunov(X, WLSTM, seed)
        if length:
            found, pieces = newton.solve_in_pieces(
                X, WLSTM, length=length, iterations=most, tolerance=tolerance
            )
            rounds = sum(pieces)
        else:
            frozen = newton.solve(X, WLSTM, method="frozen", iterations=warm)
            found = newton.solve(
                X, WLSTM, method=method, start=(frozen.C, frozen.Hout), safe=safe,
                iterations=most, tolerance=tolerance,
            )  # fmt: skip
            rounds = found.iterations
    error = float(abs(found.Hout - true[: len(found.Hout)]).max()) if found.converged else None
    return {
        "iterations": rounds,
        "converged": found.converged,
        "error": None if error is None else float(f"{error:.1e}"),
        "lyapunov": None if exponent is None else round(exponent, 5),
    }


LENGTHS = (100, 300, 1000, 3000, 10_000)
SEEDS = range(10)

EXPERIMENT = Experiment(
    "newton", "experiments.newton:run", SETTINGS,
    [
        {"network": "fresh", "n": n, "H": H, "forget": forget, "seed": seed}
        for H in (8, 16) for forget in (0.0, 1.0, 3.0) for n in LENGTHS for seed in SEEDS
        if H * n <= 80_000
    ]
    + [
        {"network": "fresh", "n": n, "method": method, "forget": forget, "seed": seed}
        for method in ("diagonal", "frozen") for forget in (0.0, 3.0) for n in (100, 300, 1000)
        for seed in SEEDS
    ]
    + [
        {"network": "fresh", "n": n, "safe": False, "seed": seed}
        for n in LENGTHS for seed in SEEDS
    ]
    + [
        {"network": "fresh", "n": n, "warm": 20, "seed": seed} for n in LENGTHS for seed in SEEDS
    ]
    + [
        {"network": "fresh", "n": 1000, "scale": scale, "seed": seed}
        for scale in (0.25, 0.5, 1.5, 2.0) for seed in SEEDS
    ]
    + [
        {"network": network, "n": n, "H": 16, "seed": seed}
        for network in ("before", "trained") for n in (100, 1000) for seed in range(12)
    ]
    + [
        {"network": "fresh", "n": 10_000, "length": length, "seed": seed}
        for length in (30, 100, 300, 1000) for seed in SEEDS
    ]
    + [
        {"network": "diagonal", "n": n, "forget": forget, "seed": seed}
        for forget in (0.0, 3.0) for n in LENGTHS for seed in SEEDS
    ],
    ("iterations", "converged", "error", "lyapunov"),
)  # fmt: skip
"""Fresh networks by size and forget bias; guesses that are not kept within bounds; a start by
20 cheap iterations; cheaper Jacobians; larger and smaller recurrent weights; chapter 5's networks
before and after training; long sequences in pieces; and units that do not see each other."""

AGAIN = Experiment(
    "newton-again", "experiments.newton:run", SETTINGS,
    [
        {"network": "fresh", "n": n, "H": 8, "forget": forget, "seed": seed}
        for forget in (0.0, 3.0) for n in (100, 1000, 10_000) for seed in range(10, 20)
    ],
    ("iterations", "converged", "error", "lyapunov"),
)  # fmt: skip
"""The same from other seeds: how far the table's numbers carry."""
