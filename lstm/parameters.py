"""The parameters of an LSTM or a stack with a readout: initial values and checks.

They are a dictionary: ``WLSTM`` or ``layers``, and ``WOUT``, the weights of the readout (see
`lstm.network`). The default dtype is float32, in which networks are trained; that of
`lstm.fused.init` is float64, in which gradients can be checked.

Source of `chrono`: Tallec and Ollivier, Can Recurrent Neural Networks Warp Time? (2018).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from . import fused, stack
from .arguments import check_array, check_weights
from .layers import Layer
from .layout import split_gates, split_rows
from .settings import Rng, check_flag, check_real, check_rng, check_shape, check_size

__all__ = [
    "Params",
    "check_params",
    "chrono",
    "init",
]

Params = dict[str, Any]
"""``WLSTM`` (1 + D + H, 4H) or ``layers``, a list of `lstm.stack.Layer`, and ``WOUT``."""


def init(
    input_size: int,
    hidden_size: int | Sequence[int],
    output_size: int,
    *,
    layers: int | None = None,
    bidirectional: bool = False,
    forget_bias: float = 3.0,
    rng: Rng = None,
    dtype: DTypeLike = np.float32,
) -> Params:
    """Draw initial parameters: the weights of `lstm.fused.init`, and small weights for the readout.

    Args:
        input_size: Input size D.
        hidden_size: Hidden size H, or a list with the H of each layer.
        output_size: Output size K, the number of numbers in an answer.
        layers: The number of layers. With None there is one matrix, ``WLSTM``, unless
            ``hidden_size`` is a list or there are two directions.
        bidirectional: Whether each layer has a backward direction, too.
        forget_bias: Initial bias of the forget gates.
        rng: A random generator, a seed for one, or None for a new one.
        dtype: float32 or float64.

    Returns:
        dict: ``WLSTM`` (1 + D + H, 4H) or ``layers``, as from `lstm.stack.init`, and ``WOUT``
        (1 + d * H, K), whose biases are 0.

    Raises:
        TypeError: If a size is not an integer, or the dtype is wrong.
        ValueError: If a size is too small.

    Example:
        >>> {name: array.shape for name, array in init(2, 8, 1, rng=0).items()}
        {'WLSTM': (11, 32), 'WOUT': (9, 1)}
        >>> params = init(2, 8, 1, layers=2, bidirectional=True, rng=0)
        >>> [layer.backward.shape for layer in params["layers"]], params["WOUT"].shape
        ([(11, 32), (25, 32)], (17, 1))
    """
    K = check_size("output_size", output_size, least=1)
    rng = check_rng(rng)
    params: Params
    bidirectional = check_flag("bidirectional", bidirectional)
    if layers is None and not bidirectional and isinstance(hidden_size, (int, np.integer)):
        WLSTM = fused.init(input_size, hidden_size, forget_bias=forget_bias, rng=rng, dtype=dtype)
        params, width = {"WLSTM": WLSTM}, WLSTM.shape[1] // 4
    else:
        made = stack.init(
            input_size, hidden_size, layers,
            bidirectional=bidirectional, forget_bias=forget_bias, rng=rng, dtype=dtype,
        )  # fmt: skip
        params, width = {"layers": made}, _width(made)
    shape = check_shape("hidden_size, output_size", 1 + width, K)
    WOUT = rng.standard_normal(shape) / np.sqrt(width)
    WOUT[0] = 0
    return params | {"WOUT": WOUT.astype(dtype)}


def chrono(params: Params, longest: float, rng: Rng = None) -> Params:
    """Spread the memory of the units over all times from 1 step to ``longest``.

    The forget biases become ln u with u uniform in [1, longest - 1], and the
    input biases their negatives: so that a unit that forgets slowly writes little.

    Args:
        params: What `init` returned; it is not changed.
        longest: The largest number of steps that the task asks to remember, above 2.
        rng: A random generator, a seed for one, or None for a new one.

    Returns:
        dict: New parameters.

    Raises:
        TypeError: If ``longest`` is not a number, or ``params`` is not valid.
        ValueError: If ``longest`` is not above 2, or ``params`` is not valid.

    Example:
        >>> W = chrono(init(2, 8, 1, rng=0), longest=100, rng=1)["WLSTM"]
        >>> bool((W[0, 8:16] == -W[0, :8]).all()), bool(W[0, 8:16].max() < np.log(99))
        (True, True)
    """
    longest = check_real("longest", longest)
    if not 2 < longest < np.inf:
        raise ValueError(f"longest: expected more than 2, got {longest}")
    params, rng = check_params(params), check_rng(rng)

    def spread(W: Any) -> NDArray[Any]:
        W = np.array(W)  # a copy
        i, f, _, _ = split_gates(split_rows(W).b)
        f[:] = np.log(rng.uniform(1, longest - 1, f.shape))
        i[:] = -f
        return np.asarray(W)

    if "WLSTM" in params:
        return params | {"WLSTM": spread(params["WLSTM"])}
    new = [Layer(**{name: spread(W) for name, W in layer.directions}) for layer in params["layers"]]
    return params | {"layers": new}


def check_params(params: Any) -> Params:
    """Return parameters as arrays, or say what is wrong with them.

    Args:
        params: Parameters as `init` makes them.

    Returns:
        dict: ``WLSTM`` or ``layers``, and ``WOUT``.

    Raises:
        TypeError: If ``params`` is not a dictionary, or a dtype is wrong.
        ValueError: If a name is missing or unknown, or a shape does not fit.

    Example:
        >>> check_params({"WLSTM": np.zeros((11, 32))})
        Traceback (most recent call last):
            ...
        ValueError: params: expected WLSTM and WOUT, or layers and WOUT, got ['WLSTM']
    """
    expected = "expected WLSTM and WOUT, or layers and WOUT"
    if not isinstance(params, Mapping):
        raise TypeError(f"params: {expected} in a dictionary, got a {type(params).__name__}")
    if set(params) not in ({"WLSTM", "WOUT"}, {"layers", "WOUT"}):
        raise ValueError(f"params: {expected}, got {sorted(map(str, params))}")
    checked: Params
    if "layers" in params:
        layers = stack.check_layers(params["layers"])
        dtype, width = layers[0].directions[0][1].dtype, _width(layers)
        checked = {"layers": layers}
    else:
        WLSTM, (_, width) = check_weights(params["WLSTM"])
        dtype, checked = WLSTM.dtype, {"WLSTM": WLSTM}
    if dtype.kind == "c":
        raise TypeError(f"params: expected dtype float32 or float64, got {dtype}")
    WOUT = check_array("WOUT", params["WOUT"], ("1 + d * H", "K"), (1 + width, None), dtype)
    return checked | {"WOUT": WOUT}


def _width(layers: list[Layer]) -> int:
    """Return the number of outputs of the last layer, d * H."""
    return sum(int(W.shape[1]) // 4 for _, W in layers[-1].directions)
