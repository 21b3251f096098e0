"""tinygrad: ``tinygrad.nn.LSTMCell``."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from ..layers import Layer
from . import cells
from .conventions import ROSETTA, read, write

__all__ = ["dump", "load"]

ROW = ROSETTA["tinygrad"]


def load(params: Any) -> list[Layer]:
    """Convert the parameters of ``tinygrad.nn.LSTMCell``, which has the layout of PyTorch's cell.

    Args:
        params: ``{k: v.numpy() for k, v in tinygrad.nn.state.get_state_dict(cell).items()}``:
            ``weight_ih`` (4H, D), ``weight_hh`` (4H, H) and, unless ``bias=False``, ``bias_ih``
            and ``bias_hh`` (4H,), which are added up.

    `lstm.exchange.cells.load` describes stacks, the result and the errors.

    Example:
        >>> from lstm import stack
        >>> both_ways = stack.init(10, 4, bidirectional=True, rng=0)
        >>> [layer.backward.shape for layer in load(dump(both_ways))]
        [(15, 16)]
    """
    return cells.load(partial(read, ROW), params, "params")


def dump(layers: Iterable[Layer], *, bias: bool = True) -> list[Any]:
    """Convert a stack to parameters for ``tinygrad.nn.LSTMCell``, with biases as for PyTorch.

    Args:
        layers: The stack.
        bias: False for cells without biases; the stack's biases must then be zero.

    Returns:
        list: For each layer the parameters by name, for ``load_state_dict`` after
        ``Tensor(value)``; a pair for one that reads both ways. `lstm.exchange.torch.dump` says what
        happens to the two biases.

    `lstm.exchange.cells.dump` describes the errors.

    Example:
        >>> from lstm import stack
        >>> [params] = dump(stack.init(10, 4, rng=0))
        >>> list(params)
        ['weight_ih', 'weight_hh', 'bias_ih', 'bias_hh']
    """
    return cells.dump(lambda W: write(ROW, W, bias), layers)
