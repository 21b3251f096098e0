"""The Rosetta table of ``lstm.exchange.conventions`` as the book prints it."""

from collections.abc import Mapping, Sequence

from ..exchange.conventions import ROSETTA, Convention
from .tables import markdown

__all__ = ["CLASSES", "MARK", "OURS", "TITLES", "describe", "table"]

MARK = "<!-- the Rosetta table -->"
"""The line of a page that the table replaces when the book is built."""

TITLES = ("library", "gate order", "weights", "biases", "state")
"""The titles of the columns."""

OURS = (
    "this book, `lstm.fused`", "i,\xa0f,\xa0o,\xa0g", "$(1 + D + H, 4H)$", "its first row", "(c, h)"
)  # fmt: skip
"""The row of our own matrix, under `TITLES`."""

CLASSES = {
    "PyTorch": "nn.LSTM", "Keras": "LSTM", "Keras CuDNNLSTM": "",
    "TensorFlow 1 BasicLSTMCell": "LSTMCell", "TensorFlow 1 LSTMBlockCell": "",
    "Flax linen": "LSTMCell, OptimizedLSTMCell", "Flax nnx": "LSTMCell",
    "Flax nnx, optimized": "OptimizedLSTMCell", "Equinox": "LSTMCell", "Haiku": "LSTM",
    "ONNX": "LSTM", "MLX": "LSTM", "tinygrad": "LSTMCell", "separate gates": "lstm.cell",
}  # fmt: skip
"""The classes of the library that a row is about, unless its name says it."""


def describe(name: str) -> tuple[str, ...]:
    r"""Say in words what a row of the table says.

    Args:
        name: The library, a key of ``ROSETTA``.

    Returns:
        tuple: A text for each of `TITLES`. No line ends within the order of the gates.

    Example:
        >>> describe("PyTorch")[1:]
        ('i,\xa0f,\xa0g,\xa0o', '$(4H, D)$ and $(4H, H)$', 'two', '(h, c)')
    """
    row = ROSETTA[name]
    joined = row.x == row.h
    form = {"columns": "$({}, 4H)$", "rows": "$(4H, {})$", "apart": "$({}, H)$"}[row.gates]
    weights = " and ".join(form.format(size) for size in (["D + H"] if joined else ["D", "H"]))
    weights += " each" * (row.gates == "apart") + ", each gate’s block turned" * row.turned
    order = "by name" if row.gates == "apart" else row.order.replace(" ", ",\xa0")
    classes = ", ".join(f"`{one}`" for one in CLASSES[name].split(", ") if one)
    return (f"{name} {classes}".strip(), order, weights, _biases(row), row.state)


def _biases(row: Convention) -> str:
    """The biases in words, and what is added to one of them."""
    if len(set(row.biases)) < len(row.biases):
        words = "two in one"
    elif len(row.biases) == 2:
        words = "two"
    else:
        words = "one each" if row.gates == "apart" else "one"
    added = f"; {row.forget_bias:g} is added to that of f at run time"
    return words + added * bool(row.forget_bias)


def table(more: Mapping[str, Sequence[str]] | None = None, titles: Sequence[str] = ()) -> str:
    """Print the table in Markdown.

    Args:
        more: For each library, a key of ``ROSETTA``, more cells for its row. Libraries that it
            has not are left out, and so is our own row. None for all of them and ours.
        titles: What these cells are.

    Returns:
        str: The table.

    Example:
        >>> print(table({"Flax linen": ["5e-7"]}, ["error"]).splitlines()[-1][14:76])
        LSTMCell`, `OptimizedLSTMCell` | by name | $(D, H)$ and $(H, H
    """
    if more is None:
        rows: list[Sequence[str]] = [OURS, *map(describe, ROSETTA)]
    else:
        rows = [[*describe(name), *more[name]] for name in ROSETTA if name in more]
    return markdown([*TITLES, *titles], rows)
