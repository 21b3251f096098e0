"""Files with PyTorch's names: finds the LSTM among the other parts of a model."""

import re
from collections.abc import Mapping

from ..layers import Layer
from . import torch
from .names import listed
from .tensors import Entry

__all__ = ["layers_of"]


def layers_of(arrays: Mapping[str, Entry], prefix: str = "") -> list[Layer]:
    """Find the LSTM among the arrays of a file, and read only its arrays.

    Args:
        arrays: The arrays of the file, by name.
        prefix: The beginning of the names of the LSTM; "" if there is only one.

    Returns:
        list: A `lstm.stack.Layer` for each layer.

    Raises:
        TypeError: As `lstm.exchange.torch.load`.
        ValueError: As `lstm.exchange.torch.load`, or if there is no LSTM, or more than one and no
            prefix.

    Example:
        >>> from lstm import stack
        >>> state_dict = torch.dump(stack.init(10, 4, rng=0), "encoder.")
        >>> arrays = {name: Entry(a.shape, str(a.dtype), a.copy) for name, a in state_dict.items()}
        >>> [layer.forward.shape for layer in layers_of(arrays)]
        [(15, 16)]
    """
    prefixes = sorted(
        {
            match[1] or ""
            for name in arrays
            if (match := re.fullmatch(r"(.*\.)?weight_hh(_l\d+(_reverse)?)?(_\w+)?", name))
        }
    )
    if not prefix and prefixes:
        if len(prefixes) > 1:
            raise ValueError(f"prefix: expected one, as there are several LSTMs: one of {prefixes}")
        (prefix,) = prefixes
    inner = ("parametrizations", "layers", "_")  # what torch.load refuses by name
    own = [
        name
        for name in arrays
        if name.startswith(prefix)
        and ("." not in name[len(prefix) :] or name[len(prefix) :].startswith(inner))
    ]
    if not prefixes and not (prefix and own):
        raise ValueError(
            f"expected arrays with PyTorch's names, such as 'weight_hh_l0', got {listed(arrays)}; "
            "of other libraries: open_file gives the arrays for exchange.flax.load and the like"
        )
    if not own:
        raise ValueError(f"prefix: expected one of {prefixes}, got {prefix!r}")
    return torch.load({name: arrays[name].read() for name in own}, prefix)
