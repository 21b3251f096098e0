"""Write lstm.json: numbers to test an LSTM in another language against. `make golden` runs this."""

import json
from pathlib import Path

import numpy as np

from lstm import fused, layout, stack

FILE = Path(__file__).with_name("lstm.json")
ABOUT = (
    "Golden vectors for an LSTM, float64. golden/README.md describes every field. Arrays are "
    "nested lists, the first axis outermost."
)


def nested(value):
    """Arrays as nested lists, also inside lists, dictionaries and named tuples."""
    if isinstance(value, stack.Layer):
        return {name: W.tolist() for name, W in value.directions}
    if isinstance(value, dict):
        return {name: nested(item) for name, item in value.items()}
    if isinstance(value, list):
        return [nested(item) for item in value]
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def weights(rng, D, H):
    """Nothing zero, biases included; rounded, so that the file stays short and exact."""
    return np.round(rng.standard_normal((1 + D + H, 4 * H)), 3)


def one_layer():
    """A batch of sequences through one matrix."""
    n, b, D, H = 4, 3, 5, 2
    rng = np.random.default_rng(1)

    def normal(*shape):
        return np.round(rng.standard_normal(shape), 3)

    given = {
        "X": normal(n, b, D), "WLSTM": weights(rng, D, H), "c0": normal(b, H), "h0": normal(b, H)
    }  # fmt: skip
    incoming = {"dHout": normal(n, b, H), "dCn": normal(b, H), "dHn": normal(b, H)}
    Hout, Cn, Hn, cache = fused.forward(**given)
    gradients = fused.backward(cache=cache, **incoming)
    return {
        "sizes": {"n": n, "b": b, "D": D, "H": H},
        "given": given,
        "incoming": incoming,
        "outputs": {"Hout": Hout, "Cn": Cn, "Hn": Hn},
        "gradients": gradients._asdict(),
    }


def two_layers_both_ways():
    """A padded batch through two layers in both directions."""
    n, b, D, H, d, lengths = 4, 3, 2, 3, 2, [4, 1, 3]
    rng = np.random.default_rng(2)

    def normal(*shape):
        return np.round(rng.standard_normal(shape), 3)

    def states():
        return [normal(d, b, H) for _ in range(2)]

    layers = [stack.Layer(weights(rng, size, H), weights(rng, size, H)) for size in (D, d * H)]
    given = {"X": normal(n, b, D), "layers": layers, "c0": states(), "h0": states(),
             "lengths": lengths}  # fmt: skip
    incoming = {"dHout": normal(n, b, d * H), "dCn": states(), "dHn": states()}
    Hout, Cn, Hn, cache = stack.forward(**given)
    gradients = stack.backward(cache=cache, **incoming)
    return {
        "sizes": {"n": n, "b": b, "D": D, "H": H, "layers": 2, "directions": d},
        "given": given,
        "incoming": incoming,
        "outputs": {"Hout": Hout, "Cn": Cn, "Hn": Hn},
        "gradients": gradients._asdict(),
    }


def golden():
    """Everything that the file holds."""
    return nested(
        {
            "about": ABOUT,
            "layout": layout.VERSION,
            "gates": list(layout.GATES),
            "one_layer": one_layer(),
            "two_layers_both_ways": two_layers_both_ways(),
        }
    )


if __name__ == "__main__":
    FILE.write_text(json.dumps(golden(), separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{FILE.relative_to(Path.cwd())}: {FILE.stat().st_size} bytes")
