"""Flax linen: ``LSTMCell`` and ``OptimizedLSTMCell``, which have one layout."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np

from ..layers import Layer
from . import cells
from .conventions import ROSETTA, read, write

__all__ = ["check_functions", "dump", "load"]

ROW = ROSETTA["Flax linen"]


def load(params: Any, cell: Any = None) -> list[Layer]:
    """Convert the parameters of ``flax.linen.LSTMCell`` or ``OptimizedLSTMCell`` to a stack.

    Args:
        params: ``variables["params"]`` of the cell, a matrix for each gate: ``ii, if, ig, io``
            with a ``kernel`` (D, H), and ``hi, hf, hg, ho`` with a ``kernel`` (H, H) and a
            ``bias`` (H,). Inside ``nn.RNN`` they are under "cell".
        cell: The cell itself, so that its functions can be checked. With None nothing is checked,
            because the parameters do not show the functions.

    `lstm.exchange.cells.load` describes stacks, the result and the errors.

    Example:
        >>> from lstm import stack
        >>> [params] = dump(stack.init(10, 4, rng=0))
        >>> [layer.forward.shape for layer in load([params])]
        [(15, 16)]
    """
    check_functions(cell)
    return cells.load(partial(read, ROW), params, "params")


def dump(layers: Iterable[Layer]) -> list[Any]:
    """Convert a stack to parameters for ``flax.linen.LSTMCell`` or ``OptimizedLSTMCell``.

    Args:
        layers: The stack.

    Returns:
        list: For each layer the parameters of its cell, for ``cell.apply({"params": ...}, ...)``;
        a pair for one that reads both ways.

    `lstm.exchange.cells.dump` describes the errors.

    Example:
        >>> from lstm import stack
        >>> [params] = dump(stack.init(10, 4, rng=0))
        >>> list(params)
        ['ii', 'if', 'ig', 'io', 'hi', 'hf', 'hg', 'ho']
        >>> params["if"]["kernel"].shape, params["hf"]["bias"].shape
        ((10, 4), (4,))
    """
    return cells.dump(partial(write, ROW), layers)


def check_functions(cell: Any) -> None:
    """Refuse a Flax cell whose functions are not sigmoid and tanh, by trying them on numbers.

    Args:
        cell: The cell, with ``gate_fn`` and ``activation_fn``; None is not checked.

    Raises:
        TypeError: If it is not such a cell.
        ValueError: If the first is not the sigmoid, or the second not tanh.

    Example:
        >>> import numpy as np
        >>> from types import SimpleNamespace
        >>> check_functions(SimpleNamespace(gate_fn=np.tanh, activation_fn=np.tanh))
        Traceback (most recent call last):
            ...
        ValueError: cell.gate_fn: expected the sigmoid, got tanh
    """
    if cell is None:
        return
    x = np.linspace(-5, 5)
    wanted = {"gate_fn": (np.tanh(x / 2) + 1) / 2, "activation_fn": np.tanh(x)}
    for name, values in wanted.items():
        function = getattr(cell, name, None)
        if function is None:
            raise TypeError(f"cell: expected an LSTM cell of Flax, got {type(cell).__name__}")
        if not np.allclose(function(x), values, rtol=0, atol=1e-5):
            usual = "the sigmoid" if name == "gate_fn" else "tanh"
            got = getattr(function, "__name__", repr(function))
            raise ValueError(f"cell.{name}: expected {usual}, got {got}")
