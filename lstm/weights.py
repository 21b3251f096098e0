"""Exchange of weights: between ``WLSTM`` and four separate gates.

`split` gives the parameters of `lstm.cell.MyLSTMCell` for a ``WLSTM``, and
`fuse` the way back. The rows of a separate gate's matrix are ordered like the
cell's concatenated input [x, h_prev], and so are those of ``WLSTM`` below its
bias row: only columns move.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .layout import GATES, check_array, sizes, split_gates


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
