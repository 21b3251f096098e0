"""MLX: ``mlx.nn.LSTM``."""

from collections.abc import Iterable, Mapping
from typing import Any

from numpy.typing import NDArray

from ..layers import Layer
from . import cells
from .conventions import ROSETTA, read, write
from .names import flat

__all__ = ["dump", "load"]

ROW = ROSETTA["MLX"]


def load(params: Any) -> list[Layer]:
    """Convert the parameters of ``mlx.nn.LSTM`` layers to a stack.

    Args:
        params: ``layer.parameters()``: ``Wx`` (4H, D), ``Wh`` (4H, H) and, unless
            ``bias=False``, ``bias`` (4H,).

    `lstm.exchange.cells.load` describes stacks, the result and the errors.

    Example:
        >>> from lstm import stack
        >>> (layer,) = load(dump(stack.init(10, 4, rng=0)))
        >>> layer.forward.shape
        (15, 16)
    """
    return cells.load(_read_one, params, "params")


def dump(layers: Iterable[Layer], *, bias: bool = True) -> list[Any]:
    """Convert a stack to parameters for ``mlx.nn.LSTM`` layers.

    Args:
        layers: The stack.
        bias: False for layers without biases; the stack's biases must then be zero.

    Returns:
        list: For each layer the parameters by name, for ``update`` after
        ``mlx.core.array(value)``; a pair for one that reads both ways.

    `lstm.exchange.cells.dump` describes the errors.

    Example:
        >>> from lstm import stack
        >>> [params] = dump(stack.init(10, 4, rng=0))
        >>> list(params)
        ['Wx', 'Wh', 'bias']
    """
    return cells.dump(lambda W: write(ROW, W, bias), layers)


def _read_one(params: Mapping[str, Any], where: str) -> NDArray[Any]:
    """One layer and direction; a bias that it has not may be there as None."""
    given = flat(params, where, ROW.arrays)
    return read(ROW, {name: value for name, value in given.items() if value is not None}, where)
