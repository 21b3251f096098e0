"""A zoo of bugs: mistakes that people made in LSTM code, as patches to this package.

A `Bug` replaces a few lines of one module with wrong ones. `plant` makes a module
with the bug in it and leaves the real one alone, so that a check can be run
against both. Each bug names the public thread, or the file, in which the
mistake was made, reported or proposed. Two are special: "no tanh, both ways"is another cell
rather than a mistake, and "forget bias with the other sign"does what a wrong comment says beside
code that is right.
"""

from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

__all__ = ["ZOO", "Bug", "plant", "source_of"]


class Bug(NamedTuple):
    """A mistake and how to make it.

    Attributes:
        name: What is wrong, in a few words.
        kind: Where it sits: "backward", "forward" or "exchange" (initial or converted
            weights); or "another cell" if it is correct for other equations.
        source: Address of the thread or file.
        patches: Pairs of a text that occurs once in the module and its replacement.
        module: The module to be patched, a name in `lstm` such as "fused" or "exchange.cell".
    """

    name: str
    kind: str
    source: str
    patches: tuple[tuple[str, str], ...]
    module: str = "fused"


def source_of(bug: Bug) -> str:
    """Return the source of a module with the bug in it.

    Args:
        bug: The bug to plant.

    Returns:
        str: Python source.

    Raises:
        ValueError: If a patch does not fit the module: its text is not there exactly once.

    Example:
        >>> "dh_next = 0 * " in source_of(ZOO["dh not carried"])
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
    module.__package__ = module.__name__.rpartition(".")[0]
    exec(compile(source_of(bug), f"<{bug.name}>", "exec"), module.__dict__)
    return module


_THREADS = "https://github.com/"
_SLOPES = "        dz *= ifog  # (eq-dz-sigmoid)\n"
_DW = "    dWLSTM = U.reshape(n * b, 1 + D + H).T @ dZ  # (eq-bptt-dw)\n"
_DZ = "    dZ = np.empty_like(IFOG)\n"
_SQUASH = "        _squash(ifog, scale, shift)  # (eq-gates)\n"
_COPY = "    WLSTM = WLSTM.copy()\n"

_BUGS = (
    # Mistakes of the backward pass.
    Bug("dc has one source only", "backward", _THREADS + "nicodjimenez/lstm/pull/49", (
        ("dc = dc_next + dh *", "dc = dh *"),
    )),
    Bug("dc, dh computed, not carried", "backward",
        _THREADS + "nicklashansen/rnn_lstm_from_scratch/issues/1", (
        ("dc_next = dc * f", "dc_prev = dc * f"),
        ("dh_next = (Wh @", "dh_prev = (Wh @"),
    )),
    Bug("dh not carried", "backward", _THREADS + "ooples/AiDotNet/pull/722", (
        ("dh_next = (Wh @", "dh_next = 0 * (Wh @"),
    )),
    Bug("dCn dropped", "backward", _THREADS + "deeplearning4j/deeplearning4j/issues/8838", (
        ('array_or_zeros("dCn", dCn,', 'array_or_zeros("dCn", None,'),
    )),
    Bug("steps in forward order", "backward", _THREADS + "elixir-nx/axon/pull/646", (
        ("for t in reversed(range(len(dz))):", "for t in range(len(dz)):"),
        ("range(n, 0, -steps)]", "range(n, 0, -steps)][::-1]"),
    )),
    Bug("σ' of the activated value", "backward",
        _THREADS + "nicklashansen/rnn_lstm_from_scratch/issues/1", (
        (_SLOPES, "        dz[:] = 0.25 / np.cosh(ifog / 2) ** 2\n"),
    )),
    Bug("σ instead of σ' for f", "backward", _THREADS + "CaptainE/RNN-LSTM-in-numpy/issues/1", (
        (_SLOPES, _SLOPES + "        dz_f[:] = 0.5 + 0.5 * np.tanh(f / 2)\n"),
    )),
    Bug("tanh' for the output gate", "backward",
        _THREADS + "kevin-bruhwiler/Simple-Vanilla-LSTM/blob/"
        "d0a5960b50c0c547017785e469769a55e2d1b14e/VanillaLSTM.py", (
        (_SLOPES, _SLOPES + "        dz_o[:] = 1 - np.tanh(o) ** 2\n"),
    )),
    Bug("dh from gates, not raw gates", "backward",
        _THREADS + "llSourcell/LSTM_Networks/issues/4", (
        ("dh_next = (Wh @ dz[t].T).T",
         "gates = [dc * g[t], dc * c_prev[t], dh * s[t], dc * i[t]]\n"
         "            dh_next = np.concatenate(gates, axis=-1) @ Wh.T"),
    )),
    Bug("di from i instead of g", "backward", _THREADS + "wvabrinskas/Neuron/pull/181", (
        ("dz_i *= g", "dz_i *= i"),
    )),
    Bug("missing parentheses in dz", "backward",
        _THREADS + "jinzishuai/learn2deeplearn/issues/44", (
        ("            dz[t] *= dk\n",
         "            dz[t] *= dk\n"
         "            at_i, at_f = g[t] * i[t] * (1 - i[t]), c_prev[t] * f[t] * (1 - f[t])\n"
         "            dz_i[t] = dc_next * g[t] + (dc - dc_next) * at_i\n"
         "            dz_f[t] = dc_next * c_prev[t] + (dc - dc_next) * at_f\n"),
    )),
    Bug("c_1 for c_0 at the first step", "backward",
        _THREADS + "pjreddie/darknet/blob/master/src/lstm_layer.c", (
        (_DZ, _DZ + "    C = np.concatenate([C[1:2], C[1:]])\n"),
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
        (_SQUASH, "        ifog = ifog.copy()\n" + _SQUASH),
    )),
    Bug("tanh in the forward pass only", "backward", _THREADS + "nicodjimenez/lstm/issues/47", (
        ("through_s = o * (1 - s**2)", "through_s = o"),
    )),
    # Not a mistake: a cell of other equations, with the backward pass that belongs to it.
    Bug("no tanh, both ways", "another cell", _THREADS + "nicodjimenez/lstm/issues/9", (
        ("s = np.tanh(c, out=S[t])", "s = S[t] = c"),
        ("through_s = o * (1 - s**2)", "through_s = o"),
    )),
    # Mistakes of the forward pass; the backward pass is that of the book.
    Bug("i + g instead of i g", "forward",
        _THREADS + "MartinuzziFrancesco/torchrecurrent/issues/22", (
        ("c += i * g", "c += i + g"),
    )),
    Bug("one gate's bias for three gates", "forward", _THREADS + "ddbourgin/numpy-ml/issues/42", (
        (_COPY, _COPY + "    WLSTM[0, : 3 * H] = np.tile(WLSTM[0, 2 * H : 3 * H], 3)\n"),
    )),
    Bug("one gate's weights for all", "forward", _THREADS + "stanfordnlp/stanza/issues/88", (
        (_COPY, _COPY + "    WLSTM[1:] = np.tile(WLSTM[1:, :H], 4)\n"),
    )),
    Bug("forget bias after the sigmoid", "forward", _THREADS + "apache/tvm/pull/3410", (
        ("    C[0] = c\n", "    C[0] = c\n    IFOG[..., H : 2 * H] -= WLSTM[0, H : 2 * H]\n"),
        (_SQUASH, _SQUASH + "        ifog[:, H : 2 * H] += WLSTM[0, H : 2 * H]\n"),
    )),
    Bug("bias added twice", "forward", _THREADS + "lisa-lab/DeepLearningTutorials/issues/81", (
        ("np.matmul(h, Wh, out=hWh)", "np.matmul(h, Wh, out=hWh) + WLSTM[0]"),
    )),
    Bug("c and h swapped", "forward", _THREADS + "microsoft/nni/issues/2839", (
        ("Forward(Hout, C[n].copy(), h.copy(),", "Forward(Hout, h.copy(), C[n].copy(),"),
    )),
    # Mistakes in the weights: initial ones and converted ones.
    Bug("gates in another library's order", "exchange",
        _THREADS + "CrispStrobe/CrispASR/pull/106", (
        ('read(ROW, params, "params")', 'read(ROW._replace(order="f i g o"), params, "params")'),
    ), "exchange.cell"),
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
