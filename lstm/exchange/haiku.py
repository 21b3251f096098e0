"""Haiku: ``haiku.LSTM``, which adds 1 to the forget gate's raw value when it runs."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from ..layers import Layer
from . import cells
from .conventions import ROSETTA, read, write

__all__ = ["dump", "load"]

ROW = ROSETTA["Haiku"]


def load(params: Any) -> list[Layer]:
    """Convert the parameters of ``haiku.LSTM``; the 1 that it adds goes into the forget biases.

    Args:
        params: The parameters of its linear layer, ``params["lstm/linear"]``: ``w`` (D + H, 4H)
            for the joined vector [x, h], and ``b`` (4H,).

    `lstm.exchange.cells.load` describes stacks, the result and the errors.

    Example:
        >>> import numpy as np
        >>> (layer,) = load({"w": np.zeros((5, 8)), "b": np.zeros(8)})
        >>> layer.forward[0]
        array([0., 0., 1., 1., 0., 0., 0., 0.])
    """
    return cells.load(partial(read, ROW), params, "params")


def dump(layers: Iterable[Layer]) -> list[Any]:
    """Convert a stack to parameters for ``haiku.LSTM``; the 1 that it adds is subtracted first.

    A gradient contains no such 1: convert it, convert zeros, and subtract the two.

    Args:
        layers: The stack.

    Returns:
        list: For each layer ``w`` and ``b`` of the linear layer; a pair for one that reads both
        ways.

    `lstm.exchange.cells.dump` describes the errors.

    Example:
        >>> from lstm import stack
        >>> [params] = dump(stack.init(10, 4, rng=0))
        >>> params["w"].shape, params["b"].shape
        ((14, 16), (16,))
    """
    return cells.dump(partial(write, ROW), layers)
