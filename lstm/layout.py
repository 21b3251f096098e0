"""The packing contract: which number of ``WLSTM`` lies where.

All weights of an LSTM with input size D and hidden size H are one matrix,
``WLSTM``, of shape (1 + D + H, 4 H). One step multiplies the row
u = [1, x, h_prev] by it::

                       columns  0..H    H..2H   2H..3H   3H..4H
                                 i        f        o        g
    row  0             bias   [ b_i      b_f      b_o      b_g  ]
    rows 1 .. D        of x   [ Wx_i     Wx_f     Wx_o     Wx_g ]
    rows D + 1 .. D+H  of h   [ Wh_i     Wh_f     Wh_o     Wh_g ]

i is the input gate, f the forget gate, o the output gate and g the candidate.
Only this file knows that order. All other files use `split_rows` and `split_gates`.
"""

from typing import Any, NamedTuple

import numpy as np

__all__ = ["GATES", "VERSION", "Rows", "Sizes", "sizes", "split_gates", "split_rows"]

GATES = ("i", "f", "o", "g")
"""The gates, in the order of the columns."""

VERSION = 1
"""The version of this layout. Files carry it; it changes with the meaning of a row or column."""


class Sizes(NamedTuple):
    """The sizes that the shape of a ``WLSTM`` fixes.

    Attributes:
        D: Input size, the number of features in one x.
        H: Hidden size, the number of units.
    """

    D: int
    H: int


class Rows(NamedTuple):
    """The three row blocks of a ``WLSTM``, as views.

    Attributes:
        b: Biases, shape (4H,).
        Wx: Weights of the input, shape (D, 4H).
        Wh: Weights of the previous output, shape (H, 4H).
    """

    b: Any
    Wx: Any
    Wh: Any


def sizes(WLSTM: Any) -> Sizes:
    """Return the sizes D and H of a weight matrix, read off its shape.

    Args:
        WLSTM: Anything with a shape, (1 + D + H, 4H).

    Returns:
        Sizes: The named tuple (D, H).

    Raises:
        ValueError: If no D >= 0 and H >= 1 give this shape.

    Example:
        >>> import numpy as np
        >>> sizes(np.zeros((1 + 10 + 4, 4 * 4)))
        Sizes(D=10, H=4)
    """
    shape = np.shape(WLSTM)
    if len(shape) == 2:
        H, rest = divmod(shape[1], 4)
        D = shape[0] - 1 - H
        if rest == 0 and H >= 1 and D >= 0:
            return Sizes(D, H)
    raise ValueError(
        f"WLSTM: expected shape (1 + D + H, 4 * H) with H >= 1 and D >= 0, got {shape}"
    )


def split_rows(WLSTM: Any) -> Rows:
    """Cut a weight matrix into its biases, its x rows and its h rows.

    Args:
        WLSTM: Weights, shape (1 + D + H, 4H).

    Returns:
        Rows: The named tuple (b, Wx, Wh) of views, shapes (4H,), (D, 4H), (H, 4H).

    Raises:
        ValueError: If ``WLSTM`` does not have the shape of a weight matrix.

    Example:
        >>> import numpy as np
        >>> [part.shape for part in split_rows(np.zeros((15, 16)))]
        [(16,), (10, 16), (4, 16)]
    """
    D, _ = sizes(WLSTM)
    return Rows(WLSTM[0], WLSTM[1 : 1 + D], WLSTM[1 + D :])


def split_gates(Z: Any) -> tuple[Any, Any, Any, Any]:
    """Cut the last axis into the four gates.

    Args:
        Z: Array of shape (..., 4H): weights, raw gates, gates or their gradients.

    Returns:
        tuple: Views i, f, o, g, each of shape (..., H).

    Example:
        >>> import numpy as np
        >>> i, f, o, g = split_gates(np.arange(8))
        >>> f
        array([2, 3])
    """
    H = Z.shape[-1] // 4
    return Z[..., :H], Z[..., H : 2 * H], Z[..., 2 * H : 3 * H], Z[..., 3 * H :]
