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
    """Convert ``haiku.LSTM``; the 1 that it adds becomes part of our forget biases.

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
    """Give ``haiku.LSTM`` its parameters, less the 1 that it adds to the forget gate.

    For a gradient that 1 does not exist: take what comes for it less what comes for zeros.

    Args:
        layers: The stack.

    Returns:
        list: For each layer ``w`` and ``b`` of the linear layer; for one that reads both ways a
        pair.

    `lstm.exchange.cells.dump` describes the errors.

    Example:
        >>> from lstm import stack
        >>> [params] = dump(stack.init(10, 4, rng=0))
        >>> params["w"].shape, params["b"].shape
        ((14, 16), (16,))
    """
    return cells.dump(partial(write, ROW), layers)
