"""Stacks of cells, for libraries that hand out the parameters of one cell at a time."""

from collections.abc import Callable, Iterable
from typing import Any

from numpy.typing import NDArray

from ..layers import Layer, check_layers

__all__ = ["as_stack", "dump", "load"]


def load(read_one: Callable[[Any, str], NDArray[Any]], given: Any, where: str) -> list[Layer]:
    """Convert the parameters of a cell, or of the cells of a stack, to layers.

    Args:
        read_one: A function that converts the parameters of one cell: it takes them and their
            name for messages, and returns a ``WLSTM``.
        given: The parameters of one cell; or a list with an item for each layer from the input
            up, the parameters of its cell or, if it reads both ways, a pair (forward, backward).
        where: The caller's name for all this, for messages.

    Returns:
        list: A `lstm.stack.Layer` for each layer.

    Raises:
        TypeError: If parameters are not a dictionary, or one is not an array or of another dtype.
        ValueError: If a parameter is missing, unknown or of another shape, or the cells do not
            make up a stack.

    Example:
        >>> import numpy as np
        >>> W = np.zeros((6, 8))
        >>> (layer,) = load(lambda params, where: params["W"], {"W": W}, "params")
        >>> layer.forward.shape
        (6, 8)
    """
    if not isinstance(given, list):
        return check_layers([Layer(read_one(given, where))])
    layers = []
    for k, item in enumerate(given):
        spelled = f"{where}[{k}]"
        if not isinstance(item, tuple):
            layers.append(Layer(read_one(item, spelled)))
            continue
        if len(item) != 2:
            raise ValueError(f"{spelled}: expected a pair (forward, backward), got {len(item)}")
        matrices = [
            None if params is None else read_one(params, f"{spelled}[{d}]")
            for d, params in enumerate(item)
        ]
        layers.append(Layer(*matrices))
    return as_stack(where, layers)


def dump(write_one: Callable[[NDArray[Any]], Any], layers: Iterable[Layer]) -> list[Any]:
    """Convert a stack to parameters for a library's cells.

    Args:
        write_one: A function that converts one ``WLSTM`` to the parameters of a cell.
        layers: The stack.

    Returns:
        list: For each layer the parameters of its cell; if it reads backward, too, a pair
        (forward, backward), with None for a direction that it lacks.

    Raises:
        TypeError: If ``layers`` is not a stack.
        ValueError: If ``layers`` is not a stack, or has biases that the library's cells lack.

    Example:
        >>> from lstm import stack
        >>> dump(lambda W: W.shape, stack.init(10, 4, layers=2, bidirectional=True, rng=0))
        [((15, 16), (15, 16)), ((13, 16), (13, 16))]
    """
    found = []
    for layer in check_layers(layers):
        pair = tuple(None if W is None else write_one(W) for W in layer)
        found.append(pair[0] if layer.backward is None else pair)
    return found


def as_stack(where: str, layers: list[Layer]) -> list[Layer]:
    """Check that layers make up a stack, with messages that begin with the caller's name for them.

    Args:
        where: The caller's name for them.
        layers: The stack.

    Returns:
        list: The same layers.

    Raises:
        TypeError: If dtypes differ.
        ValueError: If it is not a stack.

    Example:
        >>> as_stack("state_dict", [])
        Traceback (most recent call last):
            ...
        ValueError: state_dict: layers: expected at least one layer, got none
    """
    try:
        return check_layers(layers)
    except (TypeError, ValueError) as error:
        message = str(error)
        raise type(error)(message if message.startswith(where) else f"{where}: {message}") from None
