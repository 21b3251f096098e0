"""A zoo of bugs: mistakes that were published, as patches to this package.

A `Bug` replaces a few lines of one module by wrong ones. `plant` makes a module
with the bug in it and leaves the real one alone, so that a check can be run
against both. Each bug names the public thread, or the file, in which the
mistake was made, reported or proposed.
"""

from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import NamedTuple


class Bug(NamedTuple):
    """A mistake and how to make it.

    Attributes:
        name: What is wrong, in a few words.
        kind: Where it sits: "backward", "forward", or "exchange" (first or converted weights).
        source: Address of the thread or file.
        patches: Pairs of a text that occurs once in the module and what replaces it.
        module: The module to be patched, a name in `lstm`.
    """

    name: str
    kind: str
    source: str
    patches: tuple[tuple[str, str], ...]
    module: str = "fused"


def source_of(bug: Bug) -> str:
    """Return the source of the patched module.

    Args:
        bug: The bug to plant.

    Returns:
        str: Python source.

    Raises:
        ValueError: If a patch does not fit the module: its text is not there exactly once.

    Example:
        >>> "0 * dh" in source_of(ZOO["dh not carried"])
        True
    """
    path = find_spec(f"lstm.{bug.module}").origin  # type: ignore[union-attr]
    text = Path(str(path)).read_text(encoding="utf-8")
    for right, wrong in bug.patches:
        if text.count(right) != 1:
            got = text.count(right)
            raise ValueError(f"{bug.name}: expected {right!r} once, got it {got} times")
        text = text.replace(right, wrong)
    return text


def plant(bug: Bug) -> ModuleType:
    """Return a module with the bug in it. The real module is not touched.

    Args:
        bug: The bug to plant.

    Returns:
        ModuleType: A module like ``lstm.<bug.module>``, but wrong.

    Raises:
        ValueError: If a patch does not fit the module.

    Example:
        >>> import lstm
        >>> broken = plant(ZOO["forget bias with the other sign"])
        >>> float(broken.init(3, 2)[0, 2]), float(lstm.init(3, 2)[0, 2])
        (-3.0, 3.0)
    """
    module = ModuleType(f"lstm.{bug.module}")
    module.__package__ = "lstm"
    exec(compile(source_of(bug), f"<{bug.name}>", "exec"), module.__dict__)
    return module


_THREADS = "https://github.com/"
_SLOPES = "        dZ[t, :, : 3 * H] *= ifo * (1 - ifo)  # (eq-dz-sigmoid)\n"
_SLOPES_BUT_ONE = """\
        slopes = ifo * (1 - ifo)
        slopes[:, {columns}] = {slope}
        dZ[t, :, : 3 * H] *= slopes
"""
_DW = "    dWLSTM = U.reshape(n * b, 1 + D + H).T @ dZ  # (eq-bptt-dw)\n"
_COPY = "    WLSTM = WLSTM.copy()\n"

_BUGS = (
    # Mistakes of the backward pass.
    Bug("dc has one source only", "backward", _THREADS + "nicodjimenez/lstm/pull/49", (
        ("dc = dc_next + ds *", "dc = ds *"),
    )),
    Bug("dc, dh computed, not carried", "backward",
        _THREADS + "nicklashansen/rnn_lstm_from_scratch/issues/1", (
        ("dc_next = dc * f", "dc_prev = dc * f"),
        ("dh_next = dZ[t] @ Wh.T", "dh_prev = dZ[t] @ Wh.T"),
    )),
    Bug("dh not carried", "backward", _THREADS + "ooples/AiDotNet/pull/722", (
        ("dh_next = dZ[t] @ Wh.T", "dh_next = 0 * dh"),
    )),
    Bug("dCn dropped", "backward", _THREADS + "deeplearning4j/deeplearning4j/issues/8838", (
        ('_state("dCn", dCn,', '_state("dCn", None,'),
    )),
    Bug("steps in forward order", "backward", _THREADS + "elixir-nx/axon/pull/646", (
        ("for t in reversed(range(n)):", "for t in range(n):"),
    )),
    Bug("σ' of the activated value", "backward",
        _THREADS + "nicklashansen/rnn_lstm_from_scratch/issues/1", (
        ("*= ifo * (1 - ifo)", "*= 0.25 / np.cosh(ifo / 2) ** 2"),
    )),
    Bug("σ instead of σ' for f", "backward", _THREADS + "CaptainE/RNN-LSTM-in-numpy/issues/1", (
        (_SLOPES, _SLOPES_BUT_ONE.format(columns="H : 2 * H", slope="0.5 + 0.5 * np.tanh(f / 2)")),
    )),
    Bug("tanh' for the output gate", "backward",
        _THREADS + "kevin-bruhwiler/Simple-Vanilla-LSTM/blob/"
        "d0a5960b50c0c547017785e469769a55e2d1b14e/VanillaLSTM.py", (
        (_SLOPES, _SLOPES_BUT_ONE.format(columns="2 * H :", slope="1 - np.tanh(o) ** 2")),
    )),
    Bug("dh from gates, not raw gates", "backward",
        _THREADS + "llSourcell/LSTM_Networks/issues/4", (
        ("        ifo = IFOG[t,", "        dh_next = dZ[t] @ Wh.T\n        ifo = IFOG[t,"),
        ("        dh_next = dZ[t] @ Wh.T  # (eq-dh-prev)\n", ""),
    )),
    Bug("di from i instead of g", "backward", _THREADS + "wvabrinskas/Neuron/pull/181", (
        ("di[:] = dc * g", "di[:] = dc * i"),
    )),
    Bug("missing parentheses in dz", "backward",
        _THREADS + "jinzishuai/learn2deeplearn/issues/44", (
        ("        dg *= 1 - g**2  # (eq-dz-tanh)\n",
         "        dg *= 1 - g**2\n"
         "        di[:] = dc_next * g + (dc - dc_next) * g * i * (1 - i)\n"
         "        df[:] = dc_next * C[t] + (dc - dc_next) * C[t] * f * (1 - f)\n"),
    )),
    Bug("c_1 for c_0 at the first step", "backward",
        _THREADS + "pjreddie/darknet/blob/master/src/lstm_layer.c", (
        ("df[:] = dc * C[t]", "df[:] = dc * C[max(t, 1)]"),
    )),
    Bug("dW of h_t, not of h_prev", "backward", _THREADS + "wvabrinskas/Neuron/pull/181", (
        (_DW, "    U = U.copy()\n    U[..., 1 + D :] = IFOG[..., 2 * H : 3 * H] * S\n" + _DW),
    )),
    Bug("dW of x from the last step only", "backward", _THREADS + "hanbt/learn_dl/issues/30", (
        (_DW, _DW + "    dWLSTM[1 : 1 + D] = U[-1, :, 1 : 1 + D].T @ dZ[-b:]\n"),
    )),
    Bug("one gate's db for three gates", "backward", _THREADS + "hanbt/learn_dl/issues/53", (
        (_DW, _DW + "    dWLSTM[0, : 3 * H] = np.tile(dWLSTM[0, H : 2 * H], 3)\n"),
    )),
    Bug("cache holds raw gates", "backward", _THREADS + "flagos-ai/FlagGems/issues/5014", (
        ("        _squash(IFOG[t])  # (eq-gates)\n        i, f, o, g = split_gates(IFOG[t])\n",
         "        a = IFOG[t].copy()\n        _squash(a)\n        i, f, o, g = split_gates(a)\n"),
    )),
    Bug("tanh in the forward pass only", "backward", _THREADS + "nicodjimenez/lstm/issues/47", (
        ("ds * (1 - S[t] ** 2)", "ds"),
    )),
    # Mistakes of the forward pass; but for the first, the backward pass is that of the book.
    Bug("no tanh, both ways", "forward", _THREADS + "nicodjimenez/lstm/issues/9", (
        ("S[t] = np.tanh(C[t + 1])", "S[t] = C[t + 1]"),
        ("ds * (1 - S[t] ** 2)", "ds"),
    )),
    Bug("i + g instead of i g", "forward",
        _THREADS + "MartinuzziFrancesco/torchrecurrent/issues/22", (
        ("C[t + 1] = f * C[t] + i * g", "C[t + 1] = f * C[t] + (i + g)"),
    )),
    Bug("one gate's bias for three gates", "forward", _THREADS + "ddbourgin/numpy-ml/issues/42", (
        (_COPY, _COPY + "    WLSTM[0, : 3 * H] = np.tile(WLSTM[0, 2 * H : 3 * H], 3)\n"),
    )),
    Bug("one gate's weights for all", "forward", _THREADS + "stanfordnlp/stanza/issues/88", (
        (_COPY, _COPY + "    WLSTM[1:] = np.tile(WLSTM[1:, :H], 4)\n"),
    )),
    Bug("forget bias after the sigmoid", "forward", _THREADS + "apache/tvm/pull/3410", (
        ("    C[0] = c\n", "    C[0] = c\n    IFOG[..., H : 2 * H] -= WLSTM[0, H : 2 * H]\n"),
        ("        _squash(IFOG[t])  # (eq-gates)\n",
         "        _squash(IFOG[t])\n        IFOG[t, :, H : 2 * H] += WLSTM[0, H : 2 * H]\n"),
    )),
    Bug("bias added twice", "forward", _THREADS + "lisa-lab/DeepLearningTutorials/issues/81", (
        ("IFOG[t] += h @ Wh", "IFOG[t] += h @ Wh + WLSTM[0]"),
    )),
    Bug("c and h swapped", "forward", _THREADS + "microsoft/nni/issues/2839", (
        ("Forward(Hout, C[n].copy(), h.copy(),", "Forward(Hout, h.copy(), C[n].copy(),"),
    )),
    # Mistakes in what is handed in: first weights and converted ones.
    Bug("gates in another library's order", "exchange",
        _THREADS + "CrispStrobe/CrispASR/pull/106", (
        ("    for k in GATES:\n        for name", '    for k in "ifgo":\n        for name'),
    ), "weights"),
    Bug("all gates from the same seed", "exchange", _THREADS + "nicodjimenez/lstm/pull/35", (
        ("draw = np.random.default_rng(rng).standard_normal((1 + D + H, 4 * H))",
         "draw = np.tile(np.random.default_rng(0).standard_normal((1 + D + H, H)), 4)"),
    )),
    Bug("forget bias with the other sign", "exchange",
        "https://gist.github.com/karpathy/587454dc0146a6ae21fc", (
        ("split_gates(WLSTM[0])[1][:] = forget_bias", "split_gates(WLSTM[0])[1][:] = -forget_bias"),
    )),
)  # fmt: skip

ZOO: dict[str, Bug] = {bug.name: bug for bug in _BUGS}
"""All bugs by name."""
