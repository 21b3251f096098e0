"""PyTorch: the state dict of a whole ``torch.nn.LSTM``, or of a ``torch.nn.LSTMCell``."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from numpy.typing import NDArray

from ..layers import Layer, check_layers
from ..settings import check_flag, check_text
from .cells import as_stack
from .conventions import ROSETTA, read, write
from .names import flat, listed

__all__ = ["REFUSED", "dump", "load"]

NAME = re.compile(r"(weight|bias)_(ih|hh)(_l(?P<layer>0|[1-9]\d{0,3})(?P<reverse>_reverse)?)?")
"""A layer's number has no more digits: a list of so many layers would not fit in memory."""

_PARAMETER = r"(weight|bias)_(ih|hh)(_l\d+(_reverse)?)?"
_DROPPED = (
    "weight drop: this is what was trained, and the name without _raw holds a stale copy; put this "
    "one in its place, without _raw"
)
REFUSED = {
    r"weight_hr_l\d+(_reverse)?":
        "a projection (proj_size) cannot be represented; train it with proj_size=0",
    rf"{_PARAMETER}_[gv]":
        "weight_norm: call torch.nn.utils.remove_weight_norm(module, name) first, for each name",
    rf"{_PARAMETER}_(orig|mask)":
        "pruned: call torch.nn.utils.prune.remove(module, name) first, for each name (or after "
        "spectral_norm: torch.nn.utils.remove_spectral_norm)",
    rf"{_PARAMETER}_u":
        "spectral_norm: call torch.nn.utils.remove_spectral_norm(module, name) first",
    r"parametrizations\..*":
        "parametrized: call torch.nn.utils.parametrize.remove_parametrizations(module, name) "
        "first, for each name",
    rf"(.*\.)?_(all_weight_values|packed).*|layers\.\d+\.layer_[fb]w\..*"
    rf"|{_PARAMETER}.*(scale|zero_point|quant|packed).*":
        "quantised: its weights are integers; take the state dict from before it was quantised",
    rf"{_PARAMETER}.*lora.*":
        "LoRA: merge it into the weights first",
}  # fmt: skip
"""Names that show that the weights are not those of a plain LSTM, and what to do then."""


def load(state_dict: Mapping[str, Any], prefix: str = "") -> list[Layer]:
    """Convert the state dict of a ``torch.nn.LSTM`` or ``LSTMCell`` to a stack.

    The two biases are added up. A state dict does not contain ``batch_first`` and ``dropout``:
    the first is an argument of `lstm.stack.forward`, and the other acts only in training.

    Args:
        state_dict: The module's ``state_dict()``, or the arrays of one that was saved:
            ``weight_ih_l0`` (4H, D), ``weight_hh_l0`` (4H, H), and, unless ``bias=False``,
            ``bias_ih_l0`` and ``bias_hh_l0`` (4H,), and so on for each layer and ``_reverse``. An
            ``LSTMCell`` has these names without ``_l0``.
        prefix: In the state dict of a larger module, the beginning of the LSTM's names, such as
            "encoder.lstm.". Other names are ignored.

    Returns:
        list: A `lstm.stack.Layer` for each layer.

    Raises:
        TypeError: If it is not a dictionary, or a parameter is not an array or of another dtype.
        ValueError: If a name is missing, such as one bias of two, or unknown, such as those of
            weight_norm or pruning; or a shape is wrong.

    Example:
        >>> from lstm import stack
        >>> layers = stack.init(10, 4, layers=2, bidirectional=True, rng=0)
        >>> state_dict = dump(layers)
        >>> len(state_dict), len(load(state_dict))
        (16, 2)
    """
    row, prefix = ROSETTA["PyTorch"], check_text("prefix", prefix)
    everything = flat(state_dict, "state_dict", row.arrays)
    for name in set(map(str, state_dict)) - set(map(str, everything)):
        raise TypeError(
            f"state_dict[{name!r}]: expected an array, got a dictionary; pass that alone, if it is "
            "the state dict"
        )
    own = {
        str(name)[len(prefix) :]: value
        for name, value in everything.items()
        if str(name).startswith(prefix)
    }
    layers, directions = _what_it_has(own, set(everything), prefix)
    found = []
    for k in layers:
        ends = [("" if k is None else f"_l{k}") + end for end in directions]
        found.append(Layer(*(_read_one(own, prefix, end) for end in ends)))
    if len({W.shape[1] for layer in found for _, W in layer.directions}) > 1:
        raise ValueError("state_dict: expected one hidden size in all layers, as in torch.nn.LSTM")
    return as_stack("state_dict", found)


def dump(
    layers: Iterable[Layer], prefix: str = "", *, bias: bool = True, cell: bool = False
) -> dict[str, NDArray[Any]]:
    """Convert a stack to a state dict for ``torch.nn.LSTM`` or ``LSTMCell``.

    Two biases that are added cannot be told apart: the whole sum goes to ``bias_ih``, and
    ``bias_hh`` is zero. That gives the same outputs. But the gradient of *each* is the bias row
    of ``dWLSTM``, so an optimiser moves their sum twice as far as our one bias.

    Args:
        layers: The stack, with one hidden size, whose layers read forward or both ways, as in
            PyTorch.
        prefix: A text to put before the names.
        bias: False for a module without biases; the stack's biases must then be zero.
        cell: Whether it is an ``LSTMCell``, whose names have no number.

    Returns:
        dict: The parameters by name, in PyTorch's order, to be loaded with
        ``load_state_dict({name: torch.from_numpy(value) ...})``.

    Raises:
        TypeError: If ``layers`` is not a stack.
        ValueError: If ``layers`` is not a stack, PyTorch cannot represent it, or it has biases
            that the module lacks.

    Example:
        >>> from lstm import stack
        >>> list(dump(stack.init(10, 4, rng=0)))
        ['weight_ih_l0', 'weight_hh_l0', 'bias_ih_l0', 'bias_hh_l0']
    """
    layers, prefix, cell = (
        check_layers(layers), check_text("prefix", prefix), check_flag("cell", cell)
    )  # fmt: skip
    kinds = {(*dict(layer.directions), W.shape[1]) for layer in layers for _, W in layer.directions}
    if len(kinds) > 1 or any(layer.forward is None for layer in layers):
        raise ValueError(
            "layers: expected one hidden size, and forward or both directions in every layer"
        )
    matrices = [
        (k, direction, W) for k, layer in enumerate(layers) for direction, W in layer.directions
    ]
    if cell and len(matrices) > 1:
        raise ValueError("layers: expected one layer that reads forward, for a cell")
    state_dict: dict[str, NDArray[Any]] = {}
    for k, direction, W in matrices:
        end = "" if cell else f"_l{k}" + "_reverse" * (direction == "backward")
        state_dict |= write(ROSETTA["PyTorch"].named(f"{prefix}{{}}{end}"), W, bias)
    return state_dict


def _what_it_has(
    own: Mapping[str, Any], everything: set[str], prefix: str
) -> tuple[list[int | None], list[str]]:
    """Return the layers (None for a cell) and directions, if all their arrays are there."""
    for name in own:
        for pattern, why in REFUSED.items():
            if re.fullmatch(pattern, name):
                raise ValueError(f"state_dict[{prefix + name!r}]: {why}")
    for name in everything:  # fastai has it beside the module of which this is the prefix
        stale = re.fullmatch(rf"(.*?){_PARAMETER}_raw", str(name))
        if stale and prefix.startswith(stale[1]):
            raise ValueError(f"state_dict[{name!r}]: {_DROPPED}")
    matches = {name: match for name in own if (match := NAME.fullmatch(name))}
    odd = [prefix + name for name in own if name not in matches]
    if odd or not own:
        modules = sorted(
            {m[1] for n in everything if (m := re.fullmatch(r"(.*\.)weight_hh(_l0)?", str(n)))}
        )
        hint = (
            f"; an LSTM in it has the prefix {' or '.join(map(repr, modules))}" if modules else ""
        )
        raise ValueError(
            f"state_dict: expected names like {prefix + 'weight_hh_l0'!r} alone, got "
            f"{listed(odd or map(str, everything))}{hint}"
        )
    numbers = [int(match["layer"]) for match in matches.values() if match["layer"]]
    layers: list[int | None] = [*range(max(numbers) + 1)] if numbers else [None]
    both = any(match["reverse"] for match in matches.values())
    directions = ["", "_reverse"][: 1 + both]
    bias = any(name.startswith("bias") for name in own)
    wanted = {
        f"{kind}_{part}" + ("" if k is None else f"_l{k}") + end
        for kind in ["weight", "bias"][: 1 + bias]
        for part in ("ih", "hh")
        for k in layers
        for end in directions
    }
    if set(own) != wanted:
        settings = f"num_layers={len(layers)}, bidirectional={both}, bias={bias}"
        module = f"torch.nn.LSTM({settings})" if numbers else "torch.nn.LSTMCell"
        lacks = listed(prefix + name for name in wanted - set(own))
        other = listed(prefix + name for name in set(own) - wanted)
        wrong = [f"lacks {lacks}"] * bool(wanted - set(own))
        wrong += [f"has also {other}"] * bool(set(own) - wanted)
        raise ValueError(f"state_dict: expected all that a {module} has; it {' and '.join(wrong)}")
    return layers, directions


def _read_one(own: Mapping[str, Any], prefix: str, end: str) -> NDArray[Any]:
    """One layer and direction."""
    row = ROSETTA["PyTorch"].named(f"{prefix}{{}}{end}")
    names = {row.x, row.h, *row.biases}
    arrays = {prefix + name: value for name, value in own.items() if prefix + name in names}
    try:
        return read(row, arrays, "state_dict")
    except ValueError as error:
        for name, gates in (("GRU", 3), ("RNN", 1)):
            shape: tuple[int, ...] = getattr(arrays[str(row.h)], "shape", ())
            if len(shape) == 2 and shape[0] == gates * shape[1] > 0:
                raise ValueError(f"{error}: that is the shape of a torch.nn.{name}") from None
        raise
