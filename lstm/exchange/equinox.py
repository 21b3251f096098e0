"""Equinox: ``equinox.nn.LSTMCell``."""

from collections.abc import Iterable
from typing import Any

from numpy.typing import NDArray

from ..layers import Layer
from ..layout import sizes
from ..settings import check_flag
from . import cells
from .conventions import ROSETTA, read, write
from .names import flat

__all__ = ["dump", "load"]

ROW = ROSETTA["Equinox"]
SAID: tuple[str, ...] = ("input_size", "hidden_size", "use_bias")


def load(params: Any) -> list[Layer]:
    """Convert the parameters of ``equinox.nn.LSTMCell`` to a stack.

    Args:
        params: ``vars(cell)``: ``weight_ih`` (4H, D), ``weight_hh`` (4H, H) and ``bias`` (4H,),
            which is None if there is none. The sizes that are also there must fit.

    `lstm.exchange.cells.load` describes stacks, the result and the errors.

    Example:
        >>> from lstm import stack
        >>> layers = stack.init(10, 4, layers=2, rng=0)
        >>> [layer.forward.shape for layer in load(dump(layers))]
        [(15, 16), (9, 16)]
    """
    return cells.load(_read_one, params, "params")


def dump(layers: Iterable[Layer], *, bias: bool = True) -> list[Any]:
    """Convert a stack to parameters for ``equinox.nn.LSTMCell``.

    Args:
        layers: The stack.
        bias: False for cells with ``use_bias=False``; the stack's biases must then be zero.

    Returns:
        list: For each layer the parameters by name, for ``equinox.tree_at``, a missing bias as
        None; a pair for one that reads both ways.

    `lstm.exchange.cells.dump` describes the errors.

    Example:
        >>> from lstm import stack
        >>> [params] = dump(stack.init(10, 4, rng=0))
        >>> list(params)
        ['weight_ih', 'weight_hh', 'bias']
    """
    none = {} if check_flag("bias", bias) else {"bias": None}
    return cells.dump(lambda W: write(ROW, W, bias) | none, layers)


def _read_one(params: Any, where: str) -> NDArray[Any]:
    """Read one cell: its arrays, with which its stated sizes must agree."""
    given = flat(params, where, ROW.arrays)
    said = {name: given.pop(name) for name in SAID if name in given}
    WLSTM = read(ROW, {name: value for name, value in given.items() if value is not None}, where)
    has = (*sizes(WLSTM), given.get("bias") is not None)
    for name, value in zip(SAID, has, strict=True):
        if said.get(name, value) != value:
            raise ValueError(
                f"{where}[{name!r}]: expected {value}, as the arrays say, got {said[name]!r}"
            )
    return WLSTM
