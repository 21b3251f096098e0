"""The weights of a stack: a list of layers, from the input up, that may differ in size.

A `Layer` has one matrix, the ``WLSTM`` of `lstm.layout`, for each direction that it reads in.
`lstm.stack` runs a stack, and ``lstm.exchange`` trades its weights with other libraries.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from . import fused
from .arguments import check_weights
from .settings import Rng, check_flag, check_rng, check_shape, check_size

__all__ = [
    "Layer",
    "check_layers",
    "init",
]


class Layer(NamedTuple):
    """The weights of one layer, or their gradients: one matrix for each direction.

    It is a tuple and cannot be changed; ``layer._replace(forward=W)`` makes another with a new
    matrix in it.

    Attributes:
        forward: The ``WLSTM`` that reads from the first step on; None if there is none.
        backward: The ``WLSTM`` that reads from each sequence's end; None if there is none.
    """

    forward: Any = None
    backward: Any = None

    @property
    def directions(self) -> list[tuple[str, Any]]:
        """Return a pair of name and weights for each direction that the layer has."""
        both = (("forward", self.forward), ("backward", self.backward))
        return [(name, W) for name, W in both if W is not None]


def init(
    input_size: int,
    hidden_size: int | Sequence[int],
    layers: int | None = None,
    *,
    bidirectional: bool = False,
    forget_bias: float = 3.0,
    rng: Rng = None,
    dtype: DTypeLike = np.float64,
) -> list[Layer]:
    """Draw the initial weights of a stack, each matrix by `lstm.fused.init`.

    Args:
        input_size: D of the first layer. A later one reads the d * H outputs
            of the layer below.
        hidden_size: H of every layer, or a list with the H of each.
        layers: How many layers, at least 1. With None there are as many as
            ``hidden_size`` has items, or one.
        bidirectional: Whether each layer has a backward direction, too.
        forget_bias: Initial bias of the forget gates.
        rng: A random generator, a seed for one, or None for a new one.
        dtype: float32 or float64.

    Returns:
        list: One `Layer` for each layer.

    Raises:
        TypeError: If a size is not an integer, or the dtype is wrong.
        ValueError: If a size is too small, or there are not as many hidden sizes as layers.

    Example:
        >>> for layer in init(10, 4, layers=2, bidirectional=True, rng=0):
        ...     print(layer.forward.shape, layer.backward.shape)
        (15, 16) (15, 16)
        (13, 16) (13, 16)
        >>> [layer.forward.shape for layer in init(10, [4, 6], rng=0)]
        [(15, 16), (11, 24)]
    """
    given: Any = hidden_size.tolist() if isinstance(hidden_size, np.ndarray) else hidden_size
    several = isinstance(given, (list, tuple, range))
    sizes = list(given) if several else [given]
    count = len(sizes) if layers is None else check_size("layers", layers, least=1)
    if not sizes or len(sizes) != (count if several else 1):
        wanted = "at least one size" if layers is None else f"as many sizes as layers, {count}"
        raise ValueError(f"hidden_size: expected {wanted}, got {len(sizes)}")
    names = [f"hidden_size[{k}]" if several else "hidden_size" for k in range(len(sizes))]
    sizes = [check_size(*named, least=1) for named in zip(names, sizes, strict=True)]
    D = check_size("input_size", input_size, least=0)
    rng = check_rng(rng)
    d = 2 if check_flag("bidirectional", bidirectional) else 1
    check_shape("layers, hidden_size", count, d, 1 + max(sizes), 4 * max(sizes))
    stack = []
    for H in sizes if several else sizes * count:
        matrices = [
            fused.init(D, H, forget_bias=forget_bias, rng=rng, dtype=dtype) for _ in range(d)
        ]
        stack.append(Layer(*matrices))
        D = d * H
    return stack


def check_layers(layers: Any) -> list[Layer]:
    """Return a stack as a list of layers, or say what is wrong with it.

    Args:
        layers: A `Layer` for each layer.

    Returns:
        list: The layers.

    Raises:
        TypeError: If ``layers`` holds something else, or dtypes differ.
        ValueError: If there is no layer, a layer has no weights, its directions
            differ in size, or its input size is not the width of the layer below.

    Example:
        >>> check_layers([Layer()])
        Traceback (most recent call last):
            ...
        ValueError: layers[0]: expected weights for at least one direction, got none
    """
    if isinstance(layers, Layer) or not isinstance(layers, Iterable):
        raise TypeError(f"layers: expected a list of Layer, got {type(layers).__name__}")
    checked: list[Layer] = []
    width, dtype = None, None
    for k, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            raise TypeError(f"layers[{k}]: expected a Layer, got {type(layer).__name__}")
        if not layer.directions:
            raise ValueError(f"layers[{k}]: expected weights for at least one direction, got none")
        matrices, shape = {}, None
        for name, W in layer.directions:
            spelled = f"layers[{k}].{name}"
            W, (D, _) = check_weights(W, spelled)
            if dtype is not None and dtype != W.dtype:
                raise TypeError(
                    f"{spelled}: expected dtype {dtype}, as in the first matrix, got {W.dtype}"
                )
            if shape is not None and shape != W.shape:
                raise ValueError(f"{spelled}: expected shape {shape}, as forward, got {W.shape}")
            if width is not None and width != D:
                raise ValueError(
                    f"{spelled}: expected D = {width}, the width of the layer below, got {D}"
                )
            dtype, shape, matrices[name] = W.dtype, W.shape, W
        checked.append(Layer(**matrices))
        width = len(matrices) * (shape[1] // 4) if shape else None
    if not checked:
        raise ValueError("layers: expected at least one layer, got none")
    return checked
