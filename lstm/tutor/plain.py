"""The LSTM as a plain loop, one operation a line, kept as text so that a line can be made wrong.

`FORWARD` and `BACKWARD` are the source of two functions. `model` compiles them, with some of
their lines replaced: that is how `lstm.tutor.mistakes` says what a mistake does. Nothing here is
fast or clever. `tests/test_tutor.py` compares the unpatched functions with `lstm.reference`.

Shapes: x (b, D), states and gates (b, H), W (1 + D + H, 4H) as in `lstm.layout`. Two inputs are
there because libraries have them: ``b2``, a second bias (4H,) that is added to the first, and
``plus``, a number that a library adds to the raw forget gate.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..layout import split_gates, split_rows
from ..steps import glue, sigmoid

__all__ = ["BACKWARD", "FORWARD", "KEPT", "Model", "Patch", "model", "names_of"]

Patch = tuple[str, str]
"""A text that occurs once in `FORWARD` or `BACKWARD`, and what replaces it."""

KEPT = (
    "x", "h_prev", "c_prev", "z_i", "z_f", "z_o", "z_g", "i", "f", "o", "g", "c", "s", "h",
)  # fmt: skip
"""What the forward pass keeps of each step."""

FORWARD = """
def forward(X, W, b2, plus, c0, h0):
    n, b, D = X.shape
    bias, Wx, Wh = rows(W)
    c, h = c0, h0
    kept, outs = [], []
    for t in range(n):
        x = X[t]
        c_prev, h_prev = c, h
        zb = bias + b2
        zx = x @ Wx
        zh = h_prev @ Wh
        z = zb + zx + zh
        z_i, z_f, z_o, z_g = cut(z)
        z_f = z_f + plus
        i = sigmoid(z_i)
        f = sigmoid(z_f)
        o = sigmoid(z_o)
        g = np.tanh(z_g)
        keep = f * c_prev
        add = i * g
        c = keep + add
        s = np.tanh(c)
        h = o * s
        kept.append((x, h_prev, c_prev, z_i, z_f, z_o, z_g, i, f, o, g, c, s, h))
        outs.append(h)
    Hout = np.array(outs)
    Cn, Hn = c, h
    return Hout, Cn, Hn, kept
"""

BACKWARD = """
def backward(kept, W, c0, h0, dHout, dCn, dHn):
    n, b, D = len(kept), *kept[0][0].shape
    bias, Wx, Wh = rows(W)
    dc_next, dh_next = dCn, dHn
    dX, dWx, dWh = np.zeros((n, b, D)), 0 * Wx, 0 * Wh
    db, db2 = 0 * bias, 0 * bias
    for t in reversed(range(n)):
        x, h_prev, c_prev, z_i, z_f, z_o, z_g, i, f, o, g, c, s, h = kept[t]
        dh = dHout[t] + dh_next
        do = dh * s
        ds = dh * o
        dcs = ds * (1 - s**2)
        dc = dc_next + dcs
        di = dc * g
        df = dc * c_prev
        dg = dc * i
        dc_prev = dc * f
        dz_i = di * i * (1 - i)
        dz_f = df * f * (1 - f)
        dz_o = do * o * (1 - o)
        dz_g = dg * (1 - g**2)
        dz = glue([dz_i, dz_f, dz_o, dz_g])
        dx = dz @ Wx.T
        dh_prev = dz @ Wh.T
        dWx = dWx + x.T @ dz
        dWh = dWh + h_prev.T @ dz
        db = db + dz.sum(axis=0)
        db2 = db2 + dz.sum(axis=0)
        dX[t] = dx
        dc_next = dc_prev
        dh_next = dh_prev
    dW = np.vstack([db, dWx, dWh])
    dc0, dh0 = dc_next, dh_next
    return dX, dW, db2, dc0, dh0
"""


class Model(NamedTuple):
    """The two functions, right or with patches in them.

    Attributes:
        forward: From X, W, b2, plus, c0, h0 to Hout, Cn, Hn and what is kept of each step.
        backward: From what was kept, W, c0, h0, dHout, dCn, dHn to dX, dW, db2, dc0, dh0.
    """

    forward: Callable[..., Any]
    backward: Callable[..., Any]


def model(patches: tuple[Patch, ...] = ()) -> Model:
    """Compile the two functions with some lines replaced.

    Args:
        patches: What to replace.

    Returns:
        Model: The two functions.

    Raises:
        ValueError: If a text that should be replaced is not there exactly once, for instance
            because another patch has replaced it already.

    Example:
        >>> wrong = model((("dc_prev = dc * f", "dc_prev = dc * i"),))
        >>> wrong.forward is model().forward          # the forward pass is as it was
        True
    """
    texts = [FORWARD, BACKWARD]
    for right, wrong in patches:
        if sum(text.count(right) for text in texts) != 1:
            raise ValueError(f"patches: expected {right!r} once in the plain loop")
        texts = [text.replace(right, wrong) for text in texts]
    forward, backward = texts
    return Model(_compiled(forward, "forward"), _compiled(backward, "backward"))


@lru_cache(maxsize=4096)
def _compiled(text: str, name: str) -> Callable[..., Any]:
    scope = dict(names_of())
    exec(compile(text, f"<plain {name}>", "exec"), scope)
    return scope[name]  # type: ignore[no-any-return]


def names_of() -> dict[str, Any]:
    """The functions that the lines of the plain loop may call, by name.

    Example:
        >>> sorted(names_of())
        ['cut', 'glue', 'np', 'rows', 'sigmoid']
    """
    return {"np": np, "rows": split_rows, "cut": split_gates, "glue": glue, "sigmoid": sigmoid}
