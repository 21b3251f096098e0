"""Trading weights between stacks of this package and other libraries.

The Rosetta table of `lstm.exchange.conventions` has a row for each library: the order of its
gates, where its arrays are and what they are called. A module for each library adds what a row
cannot say, and has the same two functions: ``load`` converts the library's arrays to a list of
`lstm.stack.Layer`, and ``dump`` does the reverse. No library is imported: arrays in, arrays out.
`load` and `save` do the same for files.

Example:
    >>> from lstm import exchange, stack
    >>> layers = stack.init(10, 4, layers=2, rng=0)
    >>> state_dict = exchange.torch.dump(layers)
    >>> [layer.forward.shape for layer in exchange.torch.load(state_dict)]
    [(15, 16), (9, 16)]
"""

from importlib import import_module
from typing import Any

__all__ = ["load", "load_model", "open_file", "save"]  # by `files`, when asked for

MODULES = (
    "cell", "cells", "conventions", "disk", "equinox", "files", "flax", "foreign", "gru", "haiku",
    "keras", "keras_file", "mlx", "names", "nnx", "npz_file", "onnx", "onnx_graph", "onnx_read",
    "onnx_tensors", "onnx_values", "tensorflow", "tensors", "tinygrad", "torch", "torch_file",
)  # fmt: skip
"""What ``exchange.`` completes to and imports when it is first asked for."""


def __getattr__(name: str) -> Any:
    if name in MODULES:
        return import_module(f"{__name__}.{name}")
    if name in __all__:
        return getattr(import_module(f"{__name__}.files"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *MODULES, *__all__})
