"""Exchange of weights: between ``WLSTM`` and the layouts of other frameworks.

For each framework a pair of functions: ``from_X`` takes parameters as that
framework names and shapes them and returns one ``WLSTM``, a new array;
``to_X`` goes the way back. No framework is imported: dictionaries and lists of
arrays in, NumPy arrays out. Anything that ``numpy.asarray`` accepts is an array.

Layouts differ in three things: the order of the gates (`ORDERS`), whether a
gate is a block of columns or of rows, and where the biases are. What our
equations cannot represent raises an error that names it. What a dictionary of
arrays cannot show, such as another activation function, is in the settings:
converters for frameworks that have such settings take them, too.

``to_X`` of a *gradient* is right only for frameworks with one bias, added as it
is: see the traps of `to_torch` and `to_haiku`.

`split` and `fuse` do the same for `lstm.cell`. Stacks of layers and files are
in `lstm.checkpoints`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .arguments import check_array, check_weights
from .layout import GATES, Rows, sizes, split_gates, split_rows

__all__ = [
    "ORDERS",
    "from_equinox",
    "from_flax",
    "from_haiku",
    "from_keras",
    "from_mlx",
    "from_nnx",
    "from_nnx_optimized",
    "from_onnx",
    "from_tinygrad",
    "from_torch",
    "fuse",
    "split",
    "to_equinox",
    "to_flax",
    "to_haiku",
    "to_keras",
    "to_mlx",
    "to_nnx",
    "to_nnx_optimized",
    "to_onnx",
    "to_tinygrad",
    "to_torch",
]

ORDERS = {
    "PyTorch": "ifgo",
    "Keras": "ifgo",
    "Flax nnx, optimized": "ifgo",
    "Equinox": "ifgo",
    "MLX": "ifgo",
    "tinygrad": "ifgo",
    "ONNX": "iofg",
    "Haiku": "igfo",
}
"""The order of the gates where they share a matrix. Keras and ONNX write c for g."""


# The cell with four separate gates


def split(WLSTM: Any) -> dict[str, Any]:
    """Cut a ``WLSTM`` into the eight parameters of the separate-gate cell.

    Args:
        WLSTM: Weights as in `lstm.layout`, shape (1 + D + H, 4H), of NumPy or
            of JAX; JAX can differentiate through this function.

    Returns:
        dict: ``W_f, W_i, W_o, W_g``, each (D + H, H), and ``b_f, b_i, b_o,
        b_g``, each (H,). They are views where the array library has views.

    Raises:
        ValueError: If ``WLSTM`` has not the shape of a weight matrix.

    Example:
        >>> import numpy as np
        >>> params = split(np.zeros((1 + 3 + 2, 4 * 2)))
        >>> params["W_f"].shape, params["b_f"].shape
        ((5, 2), (2,))
    """
    sizes(WLSTM)
    blocks = dict(zip(GATES, split_gates(WLSTM), strict=True))
    weights = {f"W_{k}": blocks[k][1:] for k in "fiog"}  # the cell's own order
    return weights | {f"b_{k}": blocks[k][0] for k in "fiog"}


def fuse(params: Mapping[str, Any]) -> np.ndarray:
    """Put the eight parameters of the separate-gate cell into one ``WLSTM``.

    Args:
        params: ``W_f, W_i, W_o, W_g``, each (D + H, H), and ``b_f, b_i, b_o,
            b_g``, each (H,), all of one dtype. Of Flax's variables, this is
            ``variables["params"]``.

    Returns:
        numpy.ndarray: ``WLSTM``, shape (1 + D + H, 4H), a new array.

    Raises:
        TypeError: If a parameter is of another dtype than the others.
        ValueError: If a parameter is missing, unknown or of another shape.

    Example:
        >>> import numpy as np
        >>> WLSTM = np.arange(48.0).reshape(6, 8)
        >>> bool((fuse(split(WLSTM)) == WLSTM).all())
        True
    """
    names = {f"{part}_{k}" for part in "Wb" for k in GATES}
    if set(params) != names:
        raise ValueError(f"params: expected {sorted(names)}, got {sorted(params)}")
    b_f = check_array("params['b_f']", params["b_f"], ("H",), (None,))
    W_f = check_array("params['W_f']", params["W_f"], ("D + H", "H"), (None, len(b_f)))
    if not len(W_f) >= len(b_f) >= 1:
        raise ValueError(
            f"params['W_f']: expected shape (D + H, H) with H >= 1 and D >= 0, got {W_f.shape}"
        )
    columns = []
    for k in GATES:
        for name, axes, first in ((f"b_{k}", ("H",), b_f), (f"W_{k}", ("D + H", "H"), W_f)):
            spelled = f"params['{name}']"
            check_array(spelled, params[name], axes, first.shape, b_f.dtype, "params['b_f']")
        columns.append(np.vstack([params[f"b_{k}"], params[f"W_{k}"]]))
    return np.hstack(columns)


# PyTorch, and tinygrad, whose cell is named and laid out like PyTorch's


def from_torch(
    state_dict: Mapping[str, Any], layer: int | None = 0, reverse: bool = False, prefix: str = ""
) -> np.ndarray:
    """Convert one layer and direction of a ``torch.nn.LSTM``.

    Args:
        state_dict: Its ``state_dict()``: ``weight_ih_l0`` (4H, D), ``weight_hh_l0``
            (4H, H) and, unless ``bias=False``, ``bias_ih_l0`` and ``bias_hh_l0``
            (4H,), and so on for other layers. The two biases are added up.
        layer: Which layer; None for a ``torch.nn.LSTMCell``, whose names have no number.
        reverse: Whether the backward direction is asked for.
        prefix: What stands before these names, such as "encoder.lstm.". Other
            names in the dictionary are another module's, and not looked at.

    Returns:
        numpy.ndarray: ``WLSTM``, shape (1 + D + H, 4H).

    Raises:
        TypeError: If a parameter is no array, or of another dtype.
        ValueError: If a parameter is missing, unknown or of another shape, or
            belongs to a projection (``proj_size``).

    Example:
        >>> WLSTM = np.arange(48.0).reshape(6, 8)
        >>> state_dict = to_torch(WLSTM)
        >>> state_dict["weight_ih_l0"].shape
        (8, 3)
        >>> bool((from_torch(state_dict) == WLSTM).all())
        True
    """
    own = {k.removeprefix(prefix): v for k, v in state_dict.items() if k.startswith(prefix)}
    for name in own:
        if re.fullmatch(r"weight_hr_l\d+(_reverse)?", name):
            raise ValueError(f"{prefix}{name}: a projection (proj_size) cannot be represented")
        if not re.fullmatch(r"(weight|bias)_(ih|hh)(_l\d+(_reverse)?)?", name):
            raise ValueError(
                f"{prefix}{name}: expected parameters of an LSTM alone; for those of a larger "
                "module give the prefix of their names"
            )
    end = "" if layer is None else f"_l{layer}" + "_reverse" * reverse
    names = {f"{part}{end}" for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
    own = {name: value for name, value in own.items() if name in names}
    weights = {f"weight_ih{end}", f"weight_hh{end}"}
    _expect("state_dict", own, weights, names - weights)
    return _from_rows(
        "state_dict", own, f"weight_ih{end}", f"weight_hh{end}", names - weights, ORDERS["PyTorch"]
    )


def to_torch(
    WLSTM: Any,
    layer: int | None = 0,
    reverse: bool = False,
    prefix: str = "",
    bias: bool = True,
) -> dict[str, np.ndarray]:
    """Give one layer and direction of a ``torch.nn.LSTM`` its parameters.

    Two biases that are added cannot be told apart: all of it goes to
    ``bias_ih``, and ``bias_hh`` is zero. That gives the same outputs, but note
    two things. The gradient of *each* of the two is the bias row of
    ``dWLSTM``. And an optimiser moves both, so that their sum moves twice as
    far as our one bias.

    Args:
        WLSTM: Weights, shape (1 + D + H, 4H).
        layer: Which layer; None for a ``torch.nn.LSTMCell``.
        reverse: Whether these are for the backward direction.
        prefix: What to put before the names.
        bias: False for a module without biases; row 0 must then be zero.

    Returns:
        dict: The parameters by name, to be loaded with
        ``load_state_dict({name: torch.from_numpy(value) ...})``.

    Raises:
        TypeError: If ``WLSTM`` is of another dtype.
        ValueError: If ``WLSTM`` is no weight matrix, or has biases that the
            module has not.

    Example:
        >>> list(to_torch(np.zeros((6, 8)), layer=1, reverse=True))[:2]
        ['weight_ih_l1_reverse', 'weight_hh_l1_reverse']
    """
    end = "" if layer is None else f"_l{layer}" + "_reverse" * reverse
    b, Wx, Wh = _to_rows(WLSTM, ORDERS["PyTorch"], bias)
    params = {f"weight_ih{end}": Wx, f"weight_hh{end}": Wh}
    if bias:
        params |= {f"bias_ih{end}": b, f"bias_hh{end}": np.zeros_like(b)}
    return {prefix + name: value for name, value in params.items()}


def from_tinygrad(params: Mapping[str, Any]) -> np.ndarray:
    """Convert a ``tinygrad.nn.LSTMCell``, which has the layout of PyTorch's cell.

    Args:
        params: ``weight_ih`` (4H, D), ``weight_hh`` (4H, H) and, unless
            ``bias=False``, ``bias_ih`` and ``bias_hh`` (4H,), as arrays:
            ``{k: v.numpy() for k, v in tinygrad.nn.state.get_state_dict(cell).items()}``.

    Returns:
        numpy.ndarray: ``WLSTM``, shape (1 + D + H, 4H).

    Raises:
        TypeError: If a parameter is of another dtype.
        ValueError: If a parameter is missing, unknown or of another shape.

    Example:
        >>> WLSTM = np.arange(48.0).reshape(6, 8)
        >>> bool((from_tinygrad(to_tinygrad(WLSTM)) == WLSTM).all())
        True
    """
    weights, biases = {"weight_ih", "weight_hh"}, {"bias_ih", "bias_hh"}
    _expect("params", params, weights, biases)
    return _from_rows("params", params, "weight_ih", "weight_hh", biases, ORDERS["tinygrad"])


def to_tinygrad(WLSTM: Any, bias: bool = True) -> dict[str, np.ndarray]:
    """Give a ``tinygrad.nn.LSTMCell`` its parameters. On its two biases see `to_torch`.

    Args:
        WLSTM: Weights, shape (1 + D + H, 4H).
        bias: False for a cell without biases; row 0 must then be zero.

    Returns:
        dict: The parameters by name, for ``load_state_dict`` after ``Tensor(value)``.

    Raises:
        TypeError: If ``WLSTM`` is of another dtype.
        ValueError: If ``WLSTM`` is no weight matrix, or has biases that the cell has not.

    Example:
        >>> list(to_tinygrad(np.zeros((6, 8))))
        ['weight_ih', 'weight_hh', 'bias_ih', 'bias_hh']
    """
    return to_torch(WLSTM, layer=None, bias=bias)


# Keras


def from_keras(
    weights: Sequence[Any], config: Mapping[str, Any] | None = None, reverse: bool = False
) -> np.ndarray:
    """Convert a ``keras.layers.LSTM``.

    Args:
        weights: Its ``get_weights()``: the kernel (D, 4H), the recurrent kernel
            (H, 4H) and, unless ``use_bias=False``, the bias (4H,).
        config: Its ``get_config()``. None vouches for the settings: nothing in
            the arrays shows them.
        reverse: Whether this is the layer that reads backward, and so has
            ``go_backwards``. Keras leaves its outputs in the order in which it
            read; ``Bidirectional`` turns them round, as `lstm.stack` does.

    Returns:
        numpy.ndarray: ``WLSTM``, shape (1 + D + H, 4H).

    Raises:
        TypeError: If a weight is of another dtype.
        ValueError: If there are not two or three weights, one is of another
            shape, or a setting cannot be represented: another ``activation`` or
            ``recurrent_activation``, or a ``dropout``, which acts in training.

    Example:
        >>> WLSTM = np.arange(48.0).reshape(6, 8)
        >>> [w.shape for w in to_keras(WLSTM)]
        [(3, 8), (2, 8), (8,)]
        >>> bool((from_keras(to_keras(WLSTM)) == WLSTM).all())
        True
    """
    if config is not None:
        if "unit_forget_bias" not in config:
            raise ValueError(
                f"config: expected that of an LSTM, got that of {config.get('name', 'another')!r}"
            )
        _check_settings("config", config, {"activation": "tanh", "recurrent_activation": "sigmoid"})
        _check_settings("config", config, {"go_backwards": reverse})
        for name in ("dropout", "recurrent_dropout"):
            if config.get(name, 0.0):
                raise ValueError(
                    f"config[{name!r}]: expected 0.0, got {config[name]!r}; it acts in training "
                    f"alone: give config | {{{name!r}: 0.0}} to go without"
                )
    names = ("kernel", "recurrent_kernel", "bias")
    if len(weights) not in (2, 3):
        raise ValueError(
            f"weights: expected the arrays kernel, recurrent_kernel and bias, got {len(weights)}"
        )
    params = dict(zip(names, weights, strict=False))
    return _from_columns("weights", params, *names[:2], names[2:], ORDERS["Keras"])


def to_keras(WLSTM: Any, bias: bool = True) -> list[np.ndarray]:
    """Give a ``keras.layers.LSTM`` its weights.

    Args:
        WLSTM: Weights, shape (1 + D + H, 4H).
        bias: False for a layer with ``use_bias=False``; row 0 must then be zero.

    Returns:
        list: The kernel, the recurrent kernel and the bias, for ``set_weights``.

    Raises:
        TypeError: If ``WLSTM`` is of another dtype.
        ValueError: If ``WLSTM`` is no weight matrix, or has biases that the layer has not.

    Example:
        >>> [w.shape for w in to_keras(np.zeros((6, 8)), bias=False)]
        [(3, 8), (2, 8)]
    """
    b, Wx, Wh = _to_columns(WLSTM, ORDERS["Keras"], bias)
    return [Wx, Wh, b] if bias else [Wx, Wh]


# Flax


def from_flax(params: Mapping[str, Any], cell: Any = None) -> np.ndarray:
    """Convert a ``flax.linen`` ``LSTMCell`` or ``OptimizedLSTMCell``: one layout for both.

    Args:
        params: Those of the cell, a matrix for each gate: ``ii, if, ig, io``
            with a ``kernel`` (D, H), and ``hi, hf, hg, ho`` with a ``kernel``
            (H, H) and a ``bias`` (H,). Inside a ``nn.RNN`` they are under "cell".
        cell: The cell itself, so that its settings can be checked. None vouches
            for them: nothing in the parameters shows them.

    Returns:
        numpy.ndarray: ``WLSTM``, shape (1 + D + H, 4H).

    Raises:
        TypeError: If a parameter is of another dtype.
        ValueError: If a parameter is missing, unknown or of another shape, or
            ``gate_fn`` or ``activation_fn`` is another function.

    Example:
        >>> WLSTM = np.arange(48.0).reshape(6, 8)
        >>> params = to_flax(WLSTM)
        >>> params["if"]["kernel"].shape, params["hf"]["bias"].shape
        ((3, 2), (2,))
        >>> bool((from_flax(params) == WLSTM).all())
        True
    """
    _check_functions(cell)
    _expect("params", params, {f"{part}{k}" for part in "ih" for k in GATES})
    matrices = {}
    for k in GATES:
        _expect(f"params['i{k}']", params[f"i{k}"], {"kernel"})
        _expect(f"params['h{k}']", params[f"h{k}"], {"kernel", "bias"})
        matrices[k] = [
            params[f"h{k}"]["bias"],
            params[f"i{k}"]["kernel"],
            params[f"h{k}"]["kernel"],
        ]
    first = check_array("params['hi']['kernel']", matrices["i"][2], ("H", "H"), (None, None))
    H = first.shape[1]
    D = np.shape(matrices["i"][1])[0] if np.ndim(matrices["i"][1]) else 0
    like = "params['hi']['kernel']"
    for k, (b, Wx, Wh) in matrices.items():
        check_array(f"params['h{k}']['kernel']", Wh, ("H", "H"), (H, H), first.dtype, like)
        check_array(f"params['h{k}']['bias']", b, ("H",), (H,), first.dtype, like)
        check_array(f"params['i{k}']['kernel']", Wx, ("D", "H"), (D, H), first.dtype, like)
    return np.hstack([np.vstack([np.asarray(part) for part in matrices[k]]) for k in GATES])


def to_flax(WLSTM: Any) -> dict[str, dict[str, np.ndarray]]:
    """Give a ``flax.linen`` ``LSTMCell`` or ``OptimizedLSTMCell`` its parameters.

    Args:
        WLSTM: Weights, shape (1 + D + H, 4H).

    Returns:
        dict: The parameters of the cell, for ``cell.apply({"params": ...}, ...)``.

    Raises:
        TypeError: If ``WLSTM`` is of another dtype.
        ValueError: If ``WLSTM`` is no weight matrix.

    Example:
        >>> list(to_flax(np.zeros((6, 8))))
        ['ii', 'if', 'ig', 'io', 'hi', 'hf', 'hg', 'ho']
    """
    WLSTM, _ = check_weights(WLSTM)
    b, Wx, Wh = (dict(zip(GATES, split_gates(part), strict=True)) for part in split_rows(WLSTM))
    inputs = {f"i{k}": {"kernel": Wx[k].copy()} for k in "ifgo"}
    return inputs | {f"h{k}": {"kernel": Wh[k].copy(), "bias": b[k].copy()} for k in "ifgo"}


def from_nnx(params: Mapping[str, Any], cell: Any = None) -> np.ndarray:
    """Convert a ``flax.nnx`` ``LSTMCell``.

    Args:
        params: ``nnx.to_pure_dict(nnx.state(cell, nnx.Param))``: the names and
            shapes of `from_flax`, but ``if_`` for ``if``.
        cell: The cell itself, so that its settings can be checked; None vouches for them.

    Returns:
        numpy.ndarray: ``WLSTM``, shape (1 + D + H, 4H).

    Raises:
        TypeError: If a parameter is of another dtype.
        ValueError: If a parameter is missing, unknown or of another shape, or
            ``gate_fn`` or ``activation_fn`` is another function.

    Example:
        >>> WLSTM = np.arange(48.0).reshape(6, 8)
        >>> bool((from_nnx(to_nnx(WLSTM)) == WLSTM).all())
        True
    """
    names = {name.replace("if", "if_") for name in to_flax(np.zeros((5, 4)))}
    _expect("params", params, names)
    return from_flax({name.removesuffix("_"): value for name, value in params.items()}, cell)


def to_nnx(WLSTM: Any) -> dict[str, dict[str, np.ndarray]]:
    """Give a ``flax.nnx`` ``LSTMCell`` its parameters.

    Args:
        WLSTM: Weights, shape (1 + D + H, 4H).

    Returns:
        dict: The parameters, for ``nnx.update(cell, params)``.

    Raises:
        TypeError: If ``WLSTM`` is of another dtype.
        ValueError: If ``WLSTM`` is no weight matrix.

    Example:
        >>> list(to_nnx(np.zeros((6, 8))))[:2]
        ['ii', 'if_']
    """
    return {{"if": "if_"}.get(name, name): value for name, value in to_flax(WLSTM).items()}


def from_nnx_optimized(params: Mapping[str, Any], cell: Any = None) -> np.ndarray:
    """Convert a ``flax.nnx`` ``OptimizedLSTMCell``, laid out otherwise than its ``LSTMCell``.

    Args:
        params: ``nnx.to_pure_dict(nnx.state(cell, nnx.Param))``: ``dense_i`` with
            a ``kernel`` (D, 4H), ``dense_h`` with a ``kernel`` (H, 4H) and a
            ``bias`` (4H,).
        cell: The cell itself, so that its settings can be checked; None vouches for them.

    Returns:
        numpy.ndarray: ``WLSTM``, shape (1 + D + H, 4H).

    Raises:
        TypeError: If a parameter is of another dtype.
        ValueError: If a parameter is missing, unknown or of another shape, or
            ``gate_fn`` or ``activation_fn`` is another function.

    Example:
        >>> WLSTM = np.arange(48.0).reshape(6, 8)
        >>> bool((from_nnx_optimized(to_nnx_optimized(WLSTM)) == WLSTM).all())
        True
    """
    _check_functions(cell)
    _expect("params", params, {"dense_i", "dense_h"})
    _expect("params['dense_i']", params["dense_i"], {"kernel"})
    _expect("params['dense_h']", params["dense_h"], {"kernel", "bias"})
    flat = {f"{dense}.{name}": value for dense in params for name, value in params[dense].items()}
    names = ("dense_i.kernel", "dense_h.kernel", ["dense_h.bias"])
    return _from_columns("params", flat, *names, ORDERS["Flax nnx, optimized"])


def to_nnx_optimized(WLSTM: Any) -> dict[str, dict[str, np.ndarray]]:
    """Give a ``flax.nnx`` ``OptimizedLSTMCell`` its parameters.

    Args:
        WLSTM: Weights, shape (1 + D + H, 4H).

    Returns:
        dict: The parameters, for ``nnx.update(cell, params)``.

    Raises:
        TypeError: If ``WLSTM`` is of another dtype.
        ValueError: If ``WLSTM`` is no weight matrix.

    Example:
        >>> to_nnx_optimized(np.zeros((6, 8)))["dense_h"]["kernel"].shape
        (2, 8)
    """
    b, Wx, Wh = _to_columns(WLSTM, ORDERS["Flax nnx, optimized"])
    return {"dense_i": {"kernel": Wx}, "dense_h": {"kernel": Wh, "bias": b}}


# Equinox and Haiku


def from_equinox(params: Mapping[str, Any]) -> np.ndarray:
    """Convert an ``equinox.nn.LSTMCell``.

    Args:
        params: ``vars(cell)``: ``weight_ih`` (4H, D), ``weight_hh`` (4H, H) and
            ``bias`` (4H,), the last None if there is none. The sizes that are
            there, too, are not looked at.

    Returns:
        numpy.ndarray: ``WLSTM``, shape (1 + D + H, 4H).

    Raises:
        TypeError: If a parameter is of another dtype.
        ValueError: If a parameter is missing, unknown or of another shape.

    Example:
        >>> WLSTM = np.arange(48.0).reshape(6, 8)
        >>> bool((from_equinox(to_equinox(WLSTM)) == WLSTM).all())
        True
    """
    static = {"input_size", "hidden_size", "use_bias"}
    given = {k: v for k, v in params.items() if k not in static and v is not None}
    _expect("params", given, {"weight_ih", "weight_hh"}, {"bias"})
    return _from_rows("params", given, "weight_ih", "weight_hh", ["bias"], ORDERS["Equinox"])


def to_equinox(WLSTM: Any, bias: bool = True) -> dict[str, np.ndarray | None]:
    """Give an ``equinox.nn.LSTMCell`` its parameters.

    Args:
        WLSTM: Weights, shape (1 + D + H, 4H).
        bias: False for a cell with ``use_bias=False``; row 0 must then be zero.

    Returns:
        dict: The parameters by name, for ``equinox.tree_at``.

    Raises:
        TypeError: If ``WLSTM`` is of another dtype.
        ValueError: If ``WLSTM`` is no weight matrix, or has biases that the cell has not.

    Example:
        >>> list(to_equinox(np.zeros((6, 8))))
        ['weight_ih', 'weight_hh', 'bias']
    """
    b, Wx, Wh = _to_rows(WLSTM, ORDERS["Equinox"], bias)
    return {"weight_ih": Wx, "weight_hh": Wh, "bias": b if bias else None}


def from_haiku(params: Mapping[str, Any]) -> np.ndarray:
    """Convert a ``haiku.LSTM``, which adds 1 to the forget gate's raw value when it runs.

    Args:
        params: Those of its linear layer, ``params["lstm/linear"]``: ``w``
            (D + H, 4H) for the joined vector [x, h], and ``b`` (4H,).

    Returns:
        numpy.ndarray: ``WLSTM``, shape (1 + D + H, 4H), with that 1 in its forget biases.

    Raises:
        TypeError: If a parameter is of another dtype.
        ValueError: If a parameter is missing, unknown or of another shape.

    Example:
        >>> WLSTM = from_haiku({"w": np.zeros((5, 8)), "b": np.zeros(8)})
        >>> WLSTM[0]
        array([0., 0., 1., 1., 0., 0., 0., 0.])
    """
    _expect("params", params, {"w", "b"})
    b = check_array("params['b']", params["b"], ("4 * H",), (None,))
    axes = ("D + H", "4 * H")
    w = check_array("params['w']", params["w"], axes, (None, len(b)), b.dtype, "params['b']")
    WLSTM = _reorder(np.vstack([b, w]), ORDERS["Haiku"], "".join(GATES))
    sizes(WLSTM)
    split_gates(WLSTM[0])[GATES.index("f")][:] += 1
    return WLSTM


def to_haiku(WLSTM: Any) -> dict[str, np.ndarray]:
    """Give a ``haiku.LSTM`` its parameters, less the 1 that it adds to the forget gate.

    For gradients that 1 does not exist: of ``dWLSTM`` take
    ``to_haiku(dWLSTM)["b"] - to_haiku(0 * dWLSTM)["b"]``.

    Args:
        WLSTM: Weights, shape (1 + D + H, 4H).

    Returns:
        dict: ``w`` and ``b`` of the linear layer.

    Raises:
        TypeError: If ``WLSTM`` is of another dtype.
        ValueError: If ``WLSTM`` is no weight matrix.

    Example:
        >>> WLSTM = np.arange(48.0).reshape(6, 8)
        >>> bool((from_haiku(to_haiku(WLSTM)) == WLSTM).all())
        True
    """
    WLSTM, _ = check_weights(WLSTM)
    WLSTM = WLSTM.copy()
    split_gates(WLSTM[0])[GATES.index("f")][:] -= 1
    W = _reorder(WLSTM, "".join(GATES), ORDERS["Haiku"])
    return {"w": W[1:], "b": W[0]}


# ONNX


def from_onnx(
    tensors: Mapping[str, Any], attributes: Mapping[str, Any] | None = None, reverse: bool = False
) -> np.ndarray:
    """Convert one direction of an ONNX ``LSTM`` node.

    Args:
        tensors: Its inputs ``W`` (d, 4H, D), ``R`` (d, 4H, H) and, if there are,
            ``B`` (d, 8H) and ``P`` (d, 3H), with d = 2 if the node is
            bidirectional and 1 if not.
        attributes: Those of the node, if it has any. ``layout`` is about X, not
            about weights: with 1 the batch comes first.
        reverse: Whether the direction that reads from the end is asked for.

    Returns:
        numpy.ndarray: ``WLSTM``, shape (1 + D + H, 4H).

    Raises:
        TypeError: If a tensor is of another dtype.
        ValueError: If a tensor is missing, unknown or of another shape, there is
            no such direction, or the node has what cannot be represented:
            peepholes (P), ``clip``, ``input_forget``, other ``activations``.

    Example:
        >>> WLSTM = np.arange(48.0).reshape(6, 8)
        >>> tensors = to_onnx(WLSTM)
        >>> tensors["W"].shape, tensors["R"].shape, tensors["B"].shape
        ((1, 8, 3), (1, 8, 2), (1, 16))
        >>> bool((from_onnx(tensors) == WLSTM).all())
        True
    """
    _expect("tensors", tensors, {"W", "R"}, {"B", "P"})
    if "P" in tensors and np.any(tensors["P"]):
        raise ValueError("P: peepholes cannot be represented")
    attributes = {name: _text(value) for name, value in (attributes or {}).items()}
    direction = attributes.get("direction", "forward")
    d = 2 if direction == "bidirectional" else 1
    if direction not in ("forward", "reverse", "bidirectional"):
        raise ValueError(
            f"direction: expected forward, reverse or bidirectional, got {direction!r}"
        )
    if d == 1 and reverse != (direction == "reverse"):
        raise ValueError(f"reverse: got {reverse}, but the node's direction is {direction!r}")
    if attributes.get("clip"):
        raise ValueError(f"clip: cannot be represented, got {attributes['clip']}")
    if attributes.get("input_forget"):
        raise ValueError("input_forget: coupled gates cannot be represented")
    activations = [str(name).lower() for name in attributes.get("activations", [])]
    if activations and activations != ["sigmoid", "tanh", "tanh"] * d:
        raise ValueError(
            f"activations: expected Sigmoid, Tanh and Tanh for each direction, got {activations}"
        )
    known = {"direction", "clip", "input_forget", "activations", "hidden_size", "layout"}
    unknown = set(attributes) - known - {"activation_alpha", "activation_beta", "output_sequence"}
    if unknown:
        raise ValueError(f"attributes: expected those of LSTM, got {sorted(unknown)}")

    W = check_array("W", tensors["W"], ("d", "4 * H", "D"), (d, None, None))
    R = check_array("R", tensors["R"], ("d", "4 * H", "H"), (d, W.shape[1], None), W.dtype, "W")
    params = {"W": W[int(reverse and d == 2)], "R": R[int(reverse and d == 2)]}
    if "B" in tensors:
        B = check_array("B", tensors["B"], ("d", "8 * H"), (d, 2 * W.shape[1]), W.dtype, "W")
        params["Wb"], params["Rb"] = np.split(B[int(reverse and d == 2)], 2)
    return _from_rows("tensors", params, "W", "R", ("Wb", "Rb"), ORDERS["ONNX"])


def to_onnx(WLSTM: Any) -> dict[str, np.ndarray]:
    """Give an ONNX ``LSTM`` node of one direction its tensors.

    For a bidirectional node join those of both directions along axis 0.

    Args:
        WLSTM: Weights, shape (1 + D + H, 4H).

    Returns:
        dict: ``W`` (1, 4H, D), ``R`` (1, 4H, H) and ``B`` (1, 8H), whose second half is zero.

    Raises:
        TypeError: If ``WLSTM`` is of another dtype.
        ValueError: If ``WLSTM`` is no weight matrix.

    Example:
        >>> list(to_onnx(np.zeros((6, 8))))
        ['W', 'R', 'B']
    """
    b, Wx, Wh = _to_rows(WLSTM, ORDERS["ONNX"])
    return {"W": Wx[None], "R": Wh[None], "B": np.concatenate([b, np.zeros_like(b)])[None]}


# MLX


def from_mlx(params: Mapping[str, Any]) -> np.ndarray:
    """Convert an ``mlx.nn.LSTM``.

    Args:
        params: Its ``parameters()``: ``Wx`` (4H, D), ``Wh`` (4H, H) and, unless
            ``bias=False``, ``bias`` (4H,).

    Returns:
        numpy.ndarray: ``WLSTM``, shape (1 + D + H, 4H).

    Raises:
        TypeError: If a parameter is of another dtype.
        ValueError: If a parameter is missing, unknown or of another shape.

    Example:
        >>> WLSTM = np.arange(48.0).reshape(6, 8)
        >>> bool((from_mlx(to_mlx(WLSTM)) == WLSTM).all())
        True
    """
    _expect("params", params, {"Wx", "Wh"}, {"bias"})
    return _from_rows("params", params, "Wx", "Wh", ["bias"], ORDERS["MLX"])


def to_mlx(WLSTM: Any, bias: bool = True) -> dict[str, np.ndarray]:
    """Give an ``mlx.nn.LSTM`` its parameters.

    Args:
        WLSTM: Weights, shape (1 + D + H, 4H).
        bias: False for a layer without biases; row 0 must then be zero.

    Returns:
        dict: The parameters by name, for ``update`` after ``mlx.core.array(value)``.

    Raises:
        TypeError: If ``WLSTM`` is of another dtype.
        ValueError: If ``WLSTM`` is no weight matrix, or has biases that the layer has not.

    Example:
        >>> list(to_mlx(np.zeros((6, 8))))
        ['Wx', 'Wh', 'bias']
    """
    b, Wx, Wh = _to_rows(WLSTM, ORDERS["MLX"], bias)
    return {"Wx": Wx, "Wh": Wh, "bias": b} if bias else {"Wx": Wx, "Wh": Wh}


# What all of them share


def _reorder(W: np.ndarray, source: str, target: str) -> np.ndarray:
    """Bring the four blocks of columns from one order of the gates into another."""
    blocks = dict(zip(source, split_gates(W), strict=True))
    return np.concatenate([blocks[k] for k in target], axis=-1)


def _from_columns(
    where: str, params: Mapping[str, Any], Wx: str, Wh: str, biases: Iterable[str], order: str
) -> np.ndarray:
    """Join kernels whose gates are blocks of columns, and the sum of the biases there are."""
    kernel = check_array(f"{where}[{Wh!r}]", params[Wh], ("H", "4 * H"), (None, None))
    H, dtype, like = len(kernel), kernel.dtype, f"{where}[{Wh!r}]"
    check_array(f"{where}[{Wh!r}]", kernel, ("H", "4 * H"), (H, 4 * H))
    inputs = f"{where}[{Wx!r}]"
    x_kernel = check_array(inputs, params[Wx], ("D", "4 * H"), (None, 4 * H), dtype, like)
    b = np.zeros(4 * H, dtype)
    for name in biases:
        if name in params:
            b += check_array(f"{where}[{name!r}]", params[name], ("4 * H",), (4 * H,), dtype, like)
    WLSTM = _reorder(np.vstack([b, x_kernel, kernel]), order, "".join(GATES))
    sizes(WLSTM)
    return WLSTM


def _from_rows(
    where: str, params: Mapping[str, Any], Wx: str, Wh: str, biases: Iterable[str], order: str
) -> np.ndarray:
    """Join kernels whose gates are blocks of rows, and the sum of the biases there are."""
    turned = dict(params)
    for name, axis in ((Wh, "H"), (Wx, "D")):  # first the one that says H: it is named if wrong
        width = np.shape(params[Wh])[-1] if np.ndim(params[Wh]) else 0  # H, as the kernel of h says
        shape = (4 * width, width if axis == "H" else None)
        turned[name] = check_array(f"{where}[{name!r}]", params[name], ("4 * H", axis), shape).T
    return _from_columns(where, turned, Wx, Wh, biases, order)


def _to_columns(WLSTM: Any, order: str, bias: bool = True) -> Rows:
    """Cut into bias and kernels whose gates are blocks of columns, all new arrays."""
    WLSTM, _ = check_weights(WLSTM)
    if not bias and np.any(WLSTM[0]):
        raise ValueError("bias: expected True, as the biases (row 0 of WLSTM) are not zero")
    b, Wx, Wh = split_rows(_reorder(WLSTM, "".join(GATES), order))
    return Rows(b.copy(), Wx.copy(), Wh.copy())


def _to_rows(WLSTM: Any, order: str, bias: bool = True) -> Rows:
    """Cut into bias and kernels whose gates are blocks of rows, all new arrays."""
    b, Wx, Wh = _to_columns(WLSTM, order, bias)
    return Rows(b, np.ascontiguousarray(Wx.T), np.ascontiguousarray(Wh.T))


def _expect(where: str, given: Any, required: Iterable[str], optional: Iterable[str] = ()) -> None:
    """Refuse a dictionary that lacks a name or has another."""
    if not isinstance(given, Mapping):
        raise TypeError(f"{where}: expected a dictionary, got {type(given).__name__}")
    required, names = set(required), set(given)
    if not required <= names <= required | set(optional):
        may = f" and perhaps {sorted(optional)}" if optional else ""
        raise ValueError(f"{where}: expected {sorted(required)}{may}, got {sorted(names)}")


def _check_settings(where: str, config: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuse a setting that is there and is another."""
    for name, value in wanted.items():
        if config.get(name, value) != value:
            raise ValueError(f"{where}[{name!r}]: expected {value!r}, got {config[name]!r}")


def _check_functions(cell: Any) -> None:
    """Refuse a Flax cell whose functions are others: they are tried out, not asked their names."""
    if cell is None:
        return
    x = np.array([-5, -2, -0.5, 0, 0.1, 1, 3], np.float32)
    wanted = {"gate_fn": (np.tanh(x / 2) + 1) / 2, "activation_fn": np.tanh(x)}
    for name, values in wanted.items():
        function = getattr(cell, name)
        if not np.allclose(function(x), values, rtol=0, atol=1e-5):
            usual = "the sigmoid" if name == "gate_fn" else "tanh"
            got = getattr(function, "__name__", repr(function))
            raise ValueError(f"cell.{name}: expected {usual}, got {got}")


def _text(value: Any) -> Any:
    """Attributes of ONNX hold bytes where text is meant."""
    if isinstance(value, bytes):
        return value.decode()
    return [_text(item) for item in value] if isinstance(value, (list, tuple)) else value
