"""TensorFlow 1: ``BasicLSTMCell``, ``LSTMCell``, ``LSTMBlockCell`` and ``LSTMBlockFusedCell``.

All four have the same layout, and add a forget bias when they run, 1 by default, which no
checkpoint contains.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from numpy.typing import NDArray

from ..layers import Layer
from . import cells
from .conventions import ROSETTA, Convention, read, write
from .names import flat

__all__ = ["REFUSED", "dump", "load"]

ROW = ROSETTA["TensorFlow 1 BasicLSTMCell"]

REFUSED = {
    r"(.*/)?w_[ifo]_diag": "peepholes (use_peepholes=True) cannot be represented",
    r"(.*/)?projection/.*": "a projection (num_proj) cannot be represented",
    r"(.*/)?opaque_kernel":
        "CudnnLSTM keeps all in one buffer; its checkpoints have kernel and bias for each layer",
    r"(.*/)?(basic_rnn_cell|gru_cell|gates|candidate)/.*": "expected an LSTM, got another cell",
    r"(.*/)?(gamma|beta)": "layer normalization cannot be represented",
    r".*/(Adam|Adam_1|Momentum|RMSProp|RMSProp_1|Adagrad|ExponentialMovingAverage)":
        "this belongs to an optimiser or an average; leave it out",
    r"(.*/)?(weights|biases)":
        "the names of TensorFlow before 1.2: call weights kernel, and biases bias",
}  # fmt: skip
"""Names that show that a cell is no plain LSTM, or a variable none of its own."""

USUAL = {
    "activation": ("tanh", None),
    "cell_clip": (None, -1),
    "num_proj": (None,),
    "proj_clip": (None,),
    "use_peepholes": (False,),
    "use_peephole": (False,),
}


def load(
    variables: Any, *, forget_bias: float = 1.0, config: Mapping[str, Any] | None = None
) -> list[Layer]:
    """Convert the variables of TensorFlow 1's LSTM cells to a stack.

    Args:
        variables: The variables of a cell by name, with or without their scope, such as
            ``{"rnn/basic_lstm_cell/kernel": ..., "rnn/basic_lstm_cell/bias": ...}``: ``kernel``
            (D + H, 4H), for the joined vector [x, h], and ``bias`` (4H,). For a stack, a list of
            these; see `lstm.exchange.cells.load`.
        forget_bias: The number that the cell adds to the raw forget gate, its argument of that
            name. It is added to the forget biases of the stack.
        config: The cell's ``get_config()``, so that its settings can be checked: no
            ``cell_clip``, and tanh as the activation. With None they are not checked, because the
            variables do not show them.

    Returns:
        list: A `lstm.stack.Layer` for each layer.

    Raises:
        TypeError: If it or ``config`` is not a dictionary, or a variable has the wrong dtype.
        ValueError: If a variable is missing, unknown or of another shape, or it or a setting
            cannot be represented: peepholes, a projection, clipping.

    Example:
        >>> import numpy as np
        >>> (layer,) = load({"kernel": np.zeros((5, 8)), "bias": np.zeros(8)})
        >>> layer.forward[0]
        array([0., 0., 1., 1., 0., 0., 0., 0.])
    """
    config = {} if config is None else config
    if not isinstance(config, Mapping):
        raise TypeError(f"config: expected cell.get_config() or None, got {type(config).__name__}")
    for name, usual in USUAL.items():
        if name in config and config[name] not in usual:
            raise ValueError(f"config[{name!r}]: expected {usual[0]!r}, got {config[name]!r}")
    if config.get("forget_bias", forget_bias) != forget_bias:
        raise ValueError(
            f"forget_bias: expected {config['forget_bias']}, as config says, got {forget_bias}"
        )
    row = ROW._replace(forget_bias=forget_bias)
    return cells.load(lambda given, where: _read_one(row, given, where), variables, "variables")


def dump(layers: Iterable[Layer], *, forget_bias: float = 1.0) -> list[Any]:
    """Convert a stack to variables for TensorFlow 1's LSTM cells.

    Args:
        layers: The stack.
        forget_bias: The number that the cell will add to the raw forget gate, which is subtracted
            here. For a gradient pass 0.

    Returns:
        list: For each layer ``kernel`` and ``bias`` by name; a pair for one that reads both ways.

    Raises:
        TypeError: If ``layers`` is not a stack.
        ValueError: If ``layers`` is not a stack.

    Example:
        >>> from lstm import stack
        >>> [variables] = dump(stack.init(10, 4, rng=0))
        >>> variables["kernel"].shape, variables["bias"].shape
        ((14, 16), (16,))
    """
    row = ROW._replace(forget_bias=forget_bias)
    return cells.dump(lambda W: write(row, W), layers)


def _read_one(row: Convention, variables: Any, where: str) -> NDArray[Any]:
    """One cell, its names without their scope."""
    arrays: dict[str, Any] = {}
    for name, value in flat(variables, where, row.arrays).items():
        plain = str(name).removesuffix(":0")
        for pattern, why in REFUSED.items():
            if re.fullmatch(pattern, plain):
                raise ValueError(f"{where}[{name!r}]: {why}")
        if "cudnn_compatible" in plain and row.forget_bias:
            raise ValueError(
                f"forget_bias: expected 0, as a CudnnCompatibleLSTMCell adds nothing "
                f"({name!r}), got {row.forget_bias}"
            )
        last = plain.rpartition("/")[2]
        if last in arrays:
            raise ValueError(
                f"{where}: expected one cell's variables, got two of the name {last!r}"
            )
        arrays[last] = value
    return read(row, arrays, where)
