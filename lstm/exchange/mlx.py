"""MLX: ``mlx.nn.LSTM``."""

from collections.abc import Iterable, Mapping
from typing import Any

from numpy.typing import NDArray

from ..stack import Layer
from . import cells
from .conventions import ROSETTA, read, write
from .names import flat

__all__ = ["dump", "load"]

ROW = ROSETTA["MLX"]


def load(params: Any) -> list[Layer]:
    """Convert ``mlx.nn.LSTM`` layers.

    Args:
        params: ``layer.parameters()``: ``Wx`` (4H, D), ``Wh`` (4H, H) and, unless
            ``bias=False``, ``bias`` (4H,). For a stack a list, see `lstm.exchange.cells.load`.

    Returns:
        list: A `lstm.stack.Layer` for each layer.

    Raises:
        TypeError: If it is no dictionary, or a parameter is of another dtype.
        ValueError: If a parameter is missing, unknown or of another shape.

    Example:
        >>> from lstm import stack
        >>> layers = stack.init(10, 4, layers=2, rng=0)
        >>> [layer.forward.shape for layer in load(dump(layers))]
        [(15, 16), (9, 16)]
    """
    return cells.load(_read_one, params, "params")


def dump(layers: Iterable[Layer], *, bias: bool = True) -> list[Any]:
    """Give ``mlx.nn.LSTM`` layers their parameters.

    Args:
        layers: The stack.
        bias: False for layers without biases; ours must then be zero.

    Returns:
        list: For each layer the parameters by name, for ``update`` after ``mlx.core.array(value)``;
        for one that reads both ways a pair.

    Raises:
        TypeError: If ``layers`` is no stack.
        ValueError: If ``layers`` is no stack, or has biases that MLX's layers have not.

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
