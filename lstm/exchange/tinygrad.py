"""tinygrad: ``tinygrad.nn.LSTMCell``."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from ..stack import Layer
from . import cells
from .conventions import ROSETTA, read, write

__all__ = ["dump", "load"]

ROW = ROSETTA["tinygrad"]


def load(params: Any) -> list[Layer]:
    """Convert ``tinygrad.nn.LSTMCell``, which has the layout of PyTorch's cell.

    Args:
        params: ``{k: v.numpy() for k, v in tinygrad.nn.state.get_state_dict(cell).items()}``:
            ``weight_ih`` (4H, D), ``weight_hh`` (4H, H) and, unless ``bias=False``, ``bias_ih``
            and ``bias_hh`` (4H,), which are added up. For a stack a list, see
            `lstm.exchange.cells.load`.

    Returns:
        list: A `lstm.stack.Layer` for each layer.

    Raises:
        TypeError: If it is no dictionary, or a parameter is no array or of another dtype.
        ValueError: If a parameter is missing, unknown or of another shape.

    Example:
        >>> from lstm import stack
        >>> layers = stack.init(10, 4, layers=2, rng=0)
        >>> [layer.forward.shape for layer in load(dump(layers))]
        [(15, 16), (9, 16)]
    """
    return cells.load(partial(read, ROW), params, "params")


def dump(layers: Iterable[Layer], *, bias: bool = True) -> list[Any]:
    """Give ``tinygrad.nn.LSTMCell`` its parameters. On its two biases see `lstm.exchange.torch`.

    Args:
        layers: The stack.
        bias: False for cells without biases; ours must then be zero.

    Returns:
        list: For each layer the parameters by name, for ``load_state_dict`` after
        ``Tensor(value)``; for one that reads both ways a pair.

    Raises:
        TypeError: If ``layers`` is no stack.
        ValueError: If ``layers`` is no stack, or has biases that the cells have not.

    Example:
        >>> from lstm import stack
        >>> [params] = dump(stack.init(10, 4, rng=0))
        >>> list(params)
        ['weight_ih', 'weight_hh', 'bias_ih', 'bias_hh']
    """
    return cells.dump(lambda W: write(ROW, W, bias), layers)
