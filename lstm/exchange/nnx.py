"""Flax nnx: ``LSTMCell`` and ``OptimizedLSTMCell``, which have two layouts."""

from collections.abc import Iterable
from typing import Any

from numpy.typing import NDArray

from ..layers import Layer
from ..settings import check_flag
from . import cells
from .conventions import ROSETTA, read, write
from .flax import check_functions
from .names import flat

__all__ = ["dump", "load"]

ROW, OPTIMIZED = ROSETTA["Flax nnx"], ROSETTA["Flax nnx, optimized"]


def load(params: Any, cell: Any = None) -> list[Layer]:
    """Convert the parameters of ``flax.nnx.LSTMCell`` or ``OptimizedLSTMCell`` to a stack.

    Args:
        params: ``nnx.to_pure_dict(nnx.state(cell, nnx.Param))``. For an ``LSTMCell`` they have
            the names and shapes of `lstm.exchange.flax`, with ``if_`` for ``if``; for an
            ``OptimizedLSTMCell`` they are ``dense_i`` with a ``kernel`` (D, 4H) and ``dense_h``
            with a
            ``kernel`` (H, 4H) and a ``bias`` (4H,).
        cell: The cell itself, so that its functions can be checked; with None they are not.

    `lstm.exchange.cells.load` describes stacks, the result and the errors.

    Example:
        >>> from lstm import stack
        >>> layers = stack.init(10, 4, layers=2, rng=0)
        >>> [layer.forward.shape for layer in load(dump(layers, optimized=True))]
        [(15, 16), (9, 16)]
    """
    check_functions(cell)
    return cells.load(_read_one, params, "params")


def dump(layers: Iterable[Layer], *, optimized: bool = False) -> list[Any]:
    """Convert a stack to parameters for ``flax.nnx.LSTMCell`` or ``OptimizedLSTMCell``.

    Args:
        layers: The stack.
        optimized: Whether they are for an ``OptimizedLSTMCell``.

    Returns:
        list: For each layer the parameters of its cell, for ``nnx.update(cell, params)``; a pair
        for one that reads both ways.

    `lstm.exchange.cells.dump` describes the errors.

    Example:
        >>> from lstm import stack
        >>> [params] = dump(stack.init(10, 4, rng=0))
        >>> list(params)[:2]
        ['ii', 'if_']
    """
    row = OPTIMIZED if check_flag("optimized", optimized) else ROW
    return cells.dump(lambda W: write(row, W), layers)


def _read_one(params: Any, where: str) -> NDArray[Any]:
    """One cell of either kind."""
    names = flat(params, where, ROW.arrays)
    optimized = any(str(name).startswith("dense_") for name in names)
    return read(OPTIMIZED if optimized else ROW, params, where)
