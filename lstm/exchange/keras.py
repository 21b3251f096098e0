"""Keras: ``LSTM``, plain or inside ``Bidirectional``, and the ``CuDNNLSTM`` of Keras 2."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..layers import Layer, check_layers
from ..layout import sizes
from ..settings import check_flag
from .cells import as_stack
from .conventions import ROSETTA, read, write

__all__ = ["dump", "load"]

WANTED = {"activation": "tanh", "recurrent_activation": "sigmoid"}
"""Settings that change what the layer computes, and their only value here."""

AWAY: dict[str, tuple[Any, str]] = {
    "dropout": (0.0, "it acts only in training"),
    "recurrent_dropout": (0.0, "it acts only in training"),
    "stateful": (False, "hand c0 and h0 on yourself"),
}
"""Settings that do not change the weights, but what the layer does with them beside."""

KNOWN = {
    *WANTED, *AWAY, "activity_regularizer", "batch_input_shape", "bias_constraint",
    "bias_initializer", "bias_regularizer", "build_config", "dtype", "go_backwards",
    "implementation", "kernel_constraint", "kernel_initializer", "kernel_regularizer", "name",
    "recurrent_constraint", "recurrent_initializer", "recurrent_regularizer", "return_sequences",
    "return_state", "seed", "time_major", "trainable", "unit_forget_bias", "units", "unroll",
    "use_bias", "use_cudnn", "zero_output_for_mask",
}  # fmt: skip
"""The settings of an LSTM, of Keras 2 and 3."""

NAMES = ("kernel", "recurrent_kernel", "bias")


def load(layers: Iterable[tuple[Mapping[str, Any] | None, Sequence[Any]]]) -> list[Layer]:
    """Convert the weights of ``keras.layers.LSTM`` layers, plain or inside ``Bidirectional``.

    The weights of a ``CuDNNLSTM`` of Keras 2 are recognised by their bias, which is twice as long:
    its halves are added up, and each gate's kernel turned, as `lstm.exchange.conventions` says.

    Args:
        layers: The settings and the weights of each layer, from the input up:
            ``[(layer.get_config(), layer.get_weights()) for layer in ...]``. The weights are the
            kernel (D, 4H), the recurrent kernel (H, 4H) and, unless ``use_bias=False``, the bias
            (4H,). With None for the settings they are not checked, because the arrays do not show
            them.

    Returns:
        list: A `lstm.stack.Layer` for each layer.

    Raises:
        TypeError: If something else is passed as the settings or the weights, or a weight is of
            another dtype.
        ValueError: If weights are missing, too many or of another shape, or a setting cannot be
            represented: another ``activation`` or ``recurrent_activation``, a ``merge_mode``
            other than "concat", ``go_backwards`` outside of ``Bidirectional``, a ``dropout``, or
            one that an LSTM lacks.

    Example:
        >>> from lstm import stack
        >>> (weights,) = dump(stack.init(10, 4, bidirectional=True, rng=0))
        >>> [layer.backward.shape for layer in load([(None, weights)])]
        [(15, 16)]
    """
    pairs = "(layer.get_config(), layer.get_weights())"
    if isinstance(layers, (Mapping, tuple, str)) or not isinstance(layers, Iterable):
        raise TypeError(
            f"layers: expected a list of pairs {pairs}, got {type(layers).__name__}"
            + "; for a file there is lstm.exchange.load" * isinstance(layers, (str, os.PathLike))
        )
    found = []
    given = list(layers)
    for k, pair in enumerate(given):
        where = f"layers[{k}]"
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(f"{where}: expected a pair {pairs}, got {type(pair).__name__}")
        config, weights = pair
        if not isinstance(config, (Mapping, type(None))):
            kind = type(config).__name__
            raise TypeError(f"{where}[0]: expected layer.get_config() or None, got {kind}")
        if not isinstance(weights, (list, tuple)):
            kind = type(weights).__name__
            raise TypeError(f"{where}[1]: expected a list, layer.get_weights(), got {kind}")
        found.append(_read_layer(config, weights, where, is_last=k == len(given) - 1))
    return as_stack("layers", found)


def dump(layers: Iterable[Layer], *, bias: bool = True, cudnn: bool = False) -> list[Any]:
    """Convert a stack to weights for ``keras.layers.LSTM`` layers, or ``Bidirectional`` ones.

    Args:
        layers: The stack.
        bias: False for layers with ``use_bias=False``; the stack's biases must then be zero.
        cudnn: Whether the weights are for a ``CuDNNLSTM`` of Keras 2.

    Returns:
        list: For each layer the arrays for its ``set_weights``: the kernel, the recurrent kernel
        and the bias, twice if it reads both ways, forward first.

    Raises:
        TypeError: If ``layers`` is not a stack.
        ValueError: If ``layers`` is not a stack, has biases that Keras's layers lack, or has a
            layer that reads only backward.

    Example:
        >>> from lstm import stack
        >>> [[array.shape for array in arrays] for arrays in dump(stack.init(10, 4, rng=0))]
        [[(10, 16), (4, 16), (16,)]]
    """
    layers = check_layers(layers)
    for k, layer in enumerate(layers):
        if layer.forward is None:
            raise ValueError(f"layers[{k}]: expected forward or both directions, got backward")
    row = ROSETTA["Keras CuDNNLSTM" if check_flag("cudnn", cudnn) else "Keras"]
    return [
        [array for _, W in layer.directions for array in write(row, W, bias).values()]
        for layer in layers
    ]


def _read_layer(
    config: Mapping[str, Any] | None, weights: Sequence[Any], where: str, is_last: bool
) -> Layer:
    """One layer, with settings that fit."""
    spelled = f"{where}[0]"
    if config is None:
        if len(weights) > 3:
            half = len(weights) // 2
            return Layer(
                _read_one(weights[:half], None, where), _read_one(weights[half:], None, where)
            )
        return Layer(_read_one(weights, None, where))
    if "layer" not in config and "merge_mode" not in config:
        _check_settings(config, spelled, False, is_last)
        return Layer(_read_one(weights, config, where))
    if config.get("merge_mode") != "concat":
        raise ValueError(
            f"{spelled}['merge_mode']: expected 'concat', got {config.get('merge_mode')!r}; only "
            "outputs side by side make a layer of a stack"
        )
    inner = _inner(config.get("layer"), f"{spelled}['layer']")
    other: Mapping[str, Any] = inner | {"go_backwards": True}
    if config.get("backward_layer") is not None:
        other = _inner(config["backward_layer"], f"{spelled}['backward_layer']")
    _check_settings(inner, f"{spelled}['layer']['config']", False, is_last)
    _check_settings(other, f"{spelled}['backward_layer']['config']", True, is_last)
    half = 2 + bool(inner.get("use_bias", True))
    matrices = [
        _read_one(part, one, where)
        for part, one in ((weights[:half], inner), (weights[half:], other))
    ]
    return Layer(*matrices)


def _inner(layer: Any, where: str) -> dict[str, Any]:
    """The settings of a layer inside ``Bidirectional``."""
    if not isinstance(layer, Mapping) or not isinstance(layer.get("config"), Mapping):
        raise TypeError(f"{where}: expected the settings of an LSTM, got {type(layer).__name__}")
    kind = layer.get("class_name", "LSTM")
    if kind not in ("LSTM", "CuDNNLSTM"):
        raise ValueError(f"{where}: expected an LSTM, got {kind!r}")
    return dict(layer["config"])


def _check_settings(
    config: Mapping[str, Any], where: str, go_backwards: bool, is_last: bool
) -> None:
    """Refuse settings of another layer, or that would change the result."""
    unknown = set(config) - KNOWN
    if "unit_forget_bias" not in config or unknown:
        more = f" with {sorted(map(str, unknown))}" if unknown else ""
        raise ValueError(
            f"{where}: expected that of an LSTM, got that of {config.get('name', '?')!r}{more}"
        )
    for name, value in WANTED.items():
        if config.get(name, value) != value:
            raise ValueError(f"{where}[{name!r}]: expected {value!r}, got {config[name]!r}")
    if bool(config.get("go_backwards")) != go_backwards:
        raise ValueError(
            f"{where}['go_backwards']: expected {go_backwards}, got {not go_backwards}; a layer "
            "that reads backward alone is Layer(backward=W), with its outputs in time's order"
        )
    for name, (usual, why) in AWAY.items():
        if config.get(name):
            raise ValueError(
                f"{where}[{name!r}]: expected {usual}, got {config[name]!r}; {why}: "
                f"give config | {{{name!r}: {usual}}} to go without"
            )
    if not is_last and config.get("return_sequences") is False:
        raise ValueError(
            f"{where}['return_sequences']: expected True, as another layer reads its outputs, got "
            "False; layers with something between them are not a stack: convert them one by one"
        )


def _read_one(
    weights: Sequence[Any], config: Mapping[str, Any] | None, where: str
) -> NDArray[Any]:
    """One layer and direction; its number of arrays as the settings say, if there are any."""
    spelled = f"{where}[1]"
    wanted = (2, 3) if config is None else (2 + bool(config.get("use_bias", True)),)
    if len(weights) not in wanted:
        raise ValueError(
            f"{spelled}: expected the arrays {', '.join(NAMES[: wanted[-1]])} for each direction, "
            f"got {len(weights)}"
        )
    arrays = dict(zip(NAMES, weights, strict=False))
    kernel, bias = np.shape(arrays["kernel"]), np.shape(arrays.get("bias", ()))
    is_cudnn = len(kernel) == 2 and bias == (2 * kernel[1],)
    WLSTM = read(ROSETTA["Keras CuDNNLSTM" if is_cudnn else "Keras"], arrays, spelled)
    H = sizes(WLSTM).H
    said = H if config is None else config.get("units", H)
    if said != H:
        raise ValueError(f"{where}[0]['units']: expected {H}, as in {spelled}, got {said!r}")
    return WLSTM
