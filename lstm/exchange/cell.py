"""This book's own cell with four separate gates, `lstm.cell.MyLSTMCell`."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from numpy.typing import NDArray

from ..layers import Layer
from ..layout import GATES, sizes, split_gates
from . import cells
from .conventions import ROSETTA, read, write

__all__ = ["dump", "fuse", "load", "split"]

ROW = ROSETTA["separate gates"]


def load(params: Any) -> list[Layer]:
    """Convert the parameters of cells with separate gates to a stack.

    Args:
        params: ``variables["params"]`` of the cell: ``W_f, W_i, W_o, W_g``, each (D + H, H), and
            ``b_f, b_i, b_o, b_g``, each (H,).

    `lstm.exchange.cells.load` describes stacks, the result and the errors.

    Example:
        >>> from lstm import stack
        >>> [params] = dump(stack.init(10, 4, rng=0))
        >>> load(params)[0].forward.shape
        (15, 16)
    """
    return cells.load(partial(read, ROW), params, "params")


def dump(layers: Iterable[Layer]) -> list[Any]:
    """Convert a stack to parameters for cells with separate gates.

    Args:
        layers: The stack.

    Returns:
        list: For each layer the eight parameters by name, new arrays; a pair for one that reads
        both ways.

    `lstm.exchange.cells.dump` describes the errors.

    Example:
        >>> from lstm import stack
        >>> [params] = dump(stack.init(10, 4, rng=0))
        >>> params["W_f"].shape, params["b_f"].shape
        ((14, 4), (4,))
    """
    return cells.dump(partial(write, ROW), layers)


def fuse(params: Mapping[str, Any]) -> NDArray[Any]:
    """Put the eight parameters of one cell into one ``WLSTM``.

    Args:
        params: As in `load`, of one cell.

    Returns:
        numpy.ndarray: ``WLSTM``, shape (1 + D + H, 4H), a new array.

    Raises:
        TypeError: If it is not a dictionary, or a parameter has the wrong dtype.
        ValueError: If a parameter is missing, unknown or of another shape.

    Example:
        >>> import numpy as np
        >>> WLSTM = np.arange(48.0).reshape(6, 8)
        >>> bool((fuse(split(WLSTM)) == WLSTM).all())
        True
    """
    return read(ROW, params, "params")


def split(WLSTM: Any) -> dict[str, Any]:
    """Cut one ``WLSTM`` into the eight parameters, as views; JAX can differentiate this.

    Args:
        WLSTM: Weights, shape (1 + D + H, 4H), of NumPy or of JAX.

    Returns:
        dict: ``W_f, W_i, W_o, W_g``, each (D + H, H), and ``b_f, b_i, b_o, b_g``, each (H,).

    Raises:
        ValueError: If ``WLSTM`` does not have the shape of a weight matrix.

    Example:
        >>> import numpy as np
        >>> params = split(np.zeros((1 + 3 + 2, 4 * 2)))
        >>> params["W_f"].shape, params["b_f"].shape
        ((5, 2), (2,))
    """
    sizes(WLSTM)
    blocks = dict(zip(GATES, split_gates(WLSTM), strict=True))
    weights = {f"W_{k}": blocks[k][1:] for k in ROW.order.split()}
    return weights | {f"b_{k}": blocks[k][0] for k in ROW.order.split()}
