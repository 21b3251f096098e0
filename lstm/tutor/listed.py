"""Mistakes that no rule makes: the second half of the table of `lstm.tutor.mistakes`.

A row: the name, the sentence, the label of the equation, the lines of the plain loop that are
replaced, and the name in `lstm.zoo`, if it has one there.
"""

from itertools import permutations

from ..layout import GATES
from .mistakes import Mistake

__all__ = ["LISTED", "OF_PLUS", "OF_TWO_BIASES"]

OF_PLUS = "forget bias lacks"
OF_TWO_BIASES = {
    "second bias for both", "first bias for both", "second bias left out", "first bias left out",
    "second db zero", "first db zero", "both db half",
}  # fmt: skip
"""What can only be wrong where a library has more than one bias, or adds to the forget gate."""

_ALL = "z_i, z_f, z_o, z_g = cut(z)\n"
_KEPT = "x, h_prev, c_prev, z_i, z_f, z_o, z_g, i, f, o, g, c, s, h = kept[t]\n"
_STATE = "        c_prev, h_prev = c, h\n"
_DW = "    dW = np.vstack([db, dWx, dWh])\n"
_DB = "        db = db + dz.sum(axis=0)\n        db2 = db2 + dz.sum(axis=0)\n"
_DX = "        dX[t] = dx\n"
_GLUE = "        dz = glue([dz_i, dz_f, dz_o, dz_g])\n"
_RAW = "glue([di, df, do, dg])"
_BLOCKS = "sum(a @ {w} for a, {w0} in zip(cut(dz), cut({W})))"
_GATE = {"i": "input gate", "f": "forget gate", "o": "output gate", "g": "candidate"}
_STARTS = "    dc_next, dh_next = dCn, dHn\n"
_BACK = "    for t in reversed(range(n)):\n"
_ENDS = "    dc0, dh0 = dc_next, dh_next\n"

_FORWARD = (
    # What leaves a step, and enters the next one.
    ("h: no tanh", "`h` is `o * c`: the tanh of the memory is missing", "eq-s",
     (("s = np.tanh(c)", "s = c"),), ""),
    ("h: sigmoid of c", "the memory is squashed by the sigmoid instead of tanh", "eq-s",
     (("s = np.tanh(c)", "s = sigmoid(c)"),), ""),
    ("h: tanh of the product", "`h` is `tanh(o * c)`: the output gate comes before the tanh",
     "eq-h", (("h = o * s", "h = np.tanh(o * c)"),), ""),
    ("h: tanh twice", "tanh is taken twice on the way from `c` to `h`", "eq-s",
     (("s = np.tanh(c)", "s = np.tanh(np.tanh(c))"),), ""),
    ("h: from c_prev", "`h` is made from the memory before this step", "eq-h",
     (("s = np.tanh(c)", "s = np.tanh(c_prev)"),), ""),
    ("h: of what is added", "`h` shows only what this step adds, `tanh(i * g)`", "eq-s",
     (("s = np.tanh(c)", "s = np.tanh(add)"),), ""),
    ("c: tanh is carried", "the next step receives `tanh(c)` instead of `c`", "eq-unrolled",
     ((_STATE, "        c_prev, h_prev = (np.tanh(c) if t else c), h\n"),), ""),
    ("c: squashed", "`c` itself is squashed by tanh", "eq-c",
     (("c = keep + add", "c = np.tanh(keep + add)"),), ""),
    ("c: f of h_prev", "the forget gate multiplies `h_prev` instead of `c_prev`", "eq-c",
     (("keep = f * c_prev", "keep = f * h_prev\n        pass"),), ""),
    ("c: i and f swapped", "the input gate and the forget gate are swapped: `i * c_prev + f * g`",
     "eq-c", (("keep = f * c_prev", "keep = i * c_prev"), ("add = i * g", "add = f * g")), ""),
    ("c: i and f coupled", "`1 - f` is used in place of the input gate", "eq-c",
     (("add = i * g", "add = (1 - f) * g"),), ""),
    ("c: f and i coupled", "`1 - i` is used in place of the forget gate", "eq-c",
     (("keep = f * c_prev", "keep = (1 - i) * c_prev"),), ""),
    ("c: 1 - f", "the forget gate is used the wrong way round: `1 - f` keeps", "eq-c",
     (("keep = f * c_prev", "keep = (1 - f) * c_prev"),), ""),
    ("c: everything times f", "the forget gate multiplies what is added, too", "eq-c",
     (("c = keep + add", "c = f * (c_prev + add)"),), ""),
    ("c: tanh of c_prev kept", "`tanh(c_prev)` is kept instead of `c_prev`", "eq-c",
     (("keep = f * c_prev", "keep = f * np.tanh(c_prev)"),), ""),
    ("c not carried", "`c` is not carried from step to step: each starts from `c0`", "eq-unrolled",
     ((_STATE, "        c_prev, h_prev = c0, h\n"),), ""),
    ("h not carried", "`h` is not carried from step to step: each starts from `h0`", "eq-unrolled",
     ((_STATE, "        c_prev, h_prev = c, h0\n"),), ""),
    ("neither carried", "neither `c` nor `h` is carried from step to step", "eq-unrolled",
     ((_STATE, "        c_prev, h_prev = c0, h0\n"),), ""),
    ("c_prev zero", "`c_prev` is zero at every step", "eq-unrolled",
     ((_STATE, "        c_prev, h_prev = 0 * c, h\n"),), ""),
    ("h_prev zero", "`h_prev` is zero at every step", "eq-unrolled",
     ((_STATE, "        c_prev, h_prev = c, 0 * h\n"),), ""),
    ("c0 ignored", "`c0` is ignored: the memory starts at zero", "eq-unrolled",
     (("    c, h = c0, h0\n", "    c, h = 0 * c0, h0\n"),), ""),
    ("h0 ignored", "`h0` is ignored: the output starts at zero", "eq-unrolled",
     (("    c, h = c0, h0\n", "    c, h = c0, 0 * h0\n"),), ""),
    ("c0, h0 ignored", "`c0` and `h0` are ignored: both states start at zero", "eq-unrolled",
     (("    c, h = c0, h0\n", "    c, h = 0 * c0, 0 * h0\n"),), ""),
    ("c0 and h0 swapped", "`c0` and `h0` are taken for each other", "eq-unrolled",
     (("    c, h = c0, h0\n", "    c, h = h0, c0\n"),), ""),
    ("h0 for c0, too", "`h0` is used for `c0`, too", "eq-unrolled",
     (("    c, h = c0, h0\n", "    c, h = h0, h0\n"),), ""),
    ("c0 for h0, too", "`c0` is used for `h0`, too", "eq-unrolled",
     (("    c, h = c0, h0\n", "    c, h = c0, c0\n"),), ""),
    ("c for h_prev", "the gates read `c` of the step before instead of `h`", "eq-unrolled",
     ((_STATE, "        c_prev, h_prev = c, (c if t else h)\n"),), ""),
    ("h for c_prev", "the memory goes on from `h` of the step before instead of `c`",
     "eq-unrolled", ((_STATE, "        c_prev, h_prev = (h if t else c), h\n"),), ""),
    ("states swapped between steps", "`c` and `h` are taken for each other from step to step",
     "eq-unrolled", ((_STATE, "        c_prev, h_prev = (h, c) if t else (c, h)\n"),), ""),
    ("s for h_prev", "the gates read `tanh(c)` of the step before instead of `h`", "eq-unrolled",
     ((_STATE, "        c_prev, h_prev = c, (s if t else h)\n"),), ""),
    ("row 0 carried", "every sequence of the batch receives the state of the first", "eq-unrolled",
     ((_STATE, "        c_prev, h_prev = (c, h) if t == 0 else (c[:1] + 0 * c, h[:1] + 0 * h)\n"),),
     ""),
    ("one batch row", "only the first sequence of the batch is read", "eq-unrolled",
     (("        x = X[t]\n", "        x = X[t][:1] + 0 * X[t]\n"),), ""),
    ("states of row 0", "the initial states of the first sequence are used for all", "eq-unrolled",
     (("    c, h = c0, h0\n", "    c, h = c0[:1] + 0 * c0, h0[:1] + 0 * h0\n"),), ""),
    ("mean of the batch", "the states are averaged over the batch", "eq-unrolled",
     (("        h = o * s\n",
       "        h = o * s\n        c, h = c.mean(0) + 0 * c, h.mean(0) + 0 * h\n"),), ""),
    ("x one step late", "step t reads the input of step t - 1", "eq-unrolled",
     (("        x = X[t]\n", "        x = X[t - 1] if t else 0 * X[0]\n"),), ""),
    ("x one step late, around", "step t reads the input of step t - 1, and step 1 the last one",
     "eq-unrolled", (("        x = X[t]\n", "        x = X[t - 1]\n"),), ""),
    ("x one step early", "step t reads the input of step t + 1", "eq-unrolled",
     (("        x = X[t]\n", "        x = X[min(t + 1, n - 1)]\n"),), ""),
    ("x of the first step", "every step reads the input of the first step", "eq-unrolled",
     (("        x = X[t]\n", "        x = X[0]\n"),), ""),
    ("x backwards", "the sequence is read from its end", "eq-unrolled",
     (("        x = X[t]\n", "        x = X[n - 1 - t]\n"),), ""),
    ("first step left out", "the first step is left out", "eq-unrolled",
     (("        outs.append(h)\n", "        c, h = (c, h) if t else (c0, h0)\n"
       "        outs.append(h)\n"),), ""),
    # What is returned.
    ("c and h swapped", "`Cn` and `Hn` are returned in the wrong order", "eq-unrolled",
     (("    Cn, Hn = c, h\n", "    Cn, Hn = h, c\n"),), "c and h swapped"),
    ("Hn for Cn", "`Hn` is returned in place of `Cn`, too", "eq-unrolled",
     (("    Cn, Hn = c, h\n", "    Cn, Hn = h, h\n"),), ""),
    ("Cn for Hn", "`Cn` is returned in place of `Hn`, too", "eq-unrolled",
     (("    Cn, Hn = c, h\n", "    Cn, Hn = c, c\n"),), ""),
    ("tanh of Cn returned", "`tanh(c)` is returned as `Cn`", "eq-unrolled",
     (("    Cn, Hn = c, h\n", "    Cn, Hn = s, h\n"),), ""),
    ("states of the first step", "`Cn` and `Hn` are those of the first step", "eq-unrolled",
     (("    Cn, Hn = c, h\n", "    Cn, Hn = kept[0][11], kept[0][13]\n"),), ""),
    ("states before the last step", "`Cn` and `Hn` are those before the last step", "eq-unrolled",
     (("    Cn, Hn = c, h\n", "    Cn, Hn = c_prev, h_prev\n"),), ""),
    ("Cn before the last step", "`Cn` is the memory before the last step", "eq-unrolled",
     (("    Cn, Hn = c, h\n", "    Cn, Hn = c_prev, h\n"),), ""),
    ("initial states returned", "the initial states are returned as the last ones", "eq-unrolled",
     (("    Cn, Hn = c, h\n", "    Cn, Hn = c0, h0\n"),), ""),
    ("Hout holds c", "`Hout` holds the memory `c` instead of `h`", "eq-unrolled",
     (("        outs.append(h)\n", "        outs.append(c)\n"),), ""),
    ("Hout holds s", "`Hout` holds `tanh(c)` instead of `h`", "eq-unrolled",
     (("        outs.append(h)\n", "        outs.append(s)\n"),), ""),
    ("Hout holds o", "`Hout` holds the output gate instead of `h`", "eq-unrolled",
     (("        outs.append(h)\n", "        outs.append(o)\n"),), ""),
    ("Hout one step late", "`Hout[t]` is the output before step t: it begins with `h0`",
     "eq-unrolled", (("        outs.append(h)\n", "        outs.append(h_prev)\n"),), ""),
    ("Hout: last for all", "`Hout` holds the last output at every step", "eq-unrolled",
     (("    Hout = np.array(outs)\n", "    Hout = np.array([h] * n)\n"),), ""),
    ("Hout: first for all", "`Hout` holds the first output at every step", "eq-unrolled",
     (("    Hout = np.array(outs)\n", "    Hout = np.array(outs[:1] * n)\n"),), ""),
    ("Hout backwards", "the steps of `Hout` are in the wrong order, the last first",
     "eq-unrolled", (("    Hout = np.array(outs)\n", "    Hout = np.array(outs[::-1])\n"),), ""),
    ("Hout: last alone", "only the last step of `Hout` is filled; the others are zero",
     "eq-unrolled", (("    Hout = np.array(outs)\n",
                      "    Hout = np.array([0 * h] * (n - 1) + [h])\n"),), ""),
    ("Hout: first lacks", "the first step of `Hout` is not filled", "eq-unrolled",
     (("    Hout = np.array(outs)\n", "    Hout = np.array([0 * h, *outs[1:]])\n"),), ""),
    ("Hout: last lacks", "the last step of `Hout` is not filled", "eq-unrolled",
     (("    Hout = np.array(outs)\n", "    Hout = np.array([*outs[:-1], 0 * h])\n"),), ""),
    # The raw gates and the gates.
    ("bias twice", "the bias is added twice", "eq-z",
     (("zb = bias + b2", "zb = bias + b2 + bias + b2"),), "bias added twice"),
    ("bias at the first step alone", "the bias is added at the first step alone", "eq-z",
     (("zb = bias + b2", "zb = (bias + b2) * (t == 0)"),), ""),
    ("second bias for both", "the second bias is used twice and the first not at all", "eq-z",
     (("zb = bias + b2", "zb = b2 + b2"),), ""),
    ("first bias for both", "the first bias is used twice and the second not at all", "eq-z",
     (("zb = bias + b2", "zb = bias + bias"),), ""),
    ("second bias left out", "the second bias is left out", "eq-z",
     (("zb = bias + b2", "zb = bias"),), ""),
    ("first bias left out", "the first bias is left out", "eq-z",
     (("zb = bias + b2", "zb = b2"),), ""),
    ("[1, h, x]", "the matrix is read as if `h_prev` came before `x`: its rows are for [1, x, h]",
     "eq-u", (("        z = zb + zx + zh\n", "        z = zb + np.hstack([h_prev, x]) @ W[1:]\n"),),
     ""),
    ("[x, h, 1]", "the matrix is read as if the bias were its last row: it is the first", "eq-u",
     (("        z = zb + zx + zh\n",
       "        z = np.hstack([x, h_prev, np.ones((b, 1))]) @ W\n"),), ""),
    ("[h, x, 1]", "the rows of the matrix are read as if for [h, x, 1]: they are for [1, x, h]",
     "eq-u", (("        z = zb + zx + zh\n",
               "        z = np.hstack([h_prev, x, np.ones((b, 1))]) @ W\n"),), ""),
    ("Wh transposed", "each gate's recurrent block is transposed: `h_prev Wh^T`", "eq-z",
     (("zh = h_prev @ Wh", "zh = glue([h_prev @ k.T for k in cut(Wh)])"),), ""),
    ("gates interleaved", "the columns of the four gates are taken by turns, `z[:, k::4]`, instead "
     "of block by block", "eq-cut",
     ((_ALL, "z_i, z_f, z_o, z_g = (z[:, k::4] for k in range(4))\n"),), ""),
    ("one bias for three gates", "one gate's bias is used for the three sigmoid gates", "eq-z",
     ((_ALL, _ALL + "        b_o = cut(zb)[2]\n        z_i, z_f = z_i - cut(zb)[0] + b_o, "
       "z_f - cut(zb)[1] + b_o\n"),), "one gate's bias for three gates"),
    ("one gate's weights for all", "all gates use the weights of the input gate", "eq-z",
     (("        z = zb + zx + zh\n", "        z = zb + np.tile(cut(zx + zh)[0], 4)\n"),),
     "one gate's weights for all"),
    ("one gate for all", "all gates use the weights and the bias of the input gate", "eq-z",
     (("        z = zb + zx + zh\n", "        z = np.tile(cut(zb + zx + zh)[0], 4)\n"),), ""),
    ("forget bias after the sigmoid", "the bias of the forget gate is added after the sigmoid",
     "eq-gates", (("        f = sigmoid(z_f)\n", "        b_f = cut(zb)[1]\n"
                   "        f = sigmoid(z_f - b_f) + b_f\n"),), "forget bias after the sigmoid"),
    ("forget bias + 1", "1 is added to the raw forget gate: that belongs in the initial bias, "
     "which is in the matrix", "eq-z", (("z_f = z_f + plus", "z_f = z_f + plus + 1"),), ""),
    ("forget bias + 3", "3 is added to the raw forget gate: that belongs in the initial bias, "
     "which is in the matrix", "eq-z", (("z_f = z_f + plus", "z_f = z_f + plus + 3"),), ""),
    ("forget bias lacks", "this library adds 1 to the raw forget gate when it runs; here it is "
     "missing", "eq-z", (("z_f = z_f + plus", "z_f = z_f"),), ""),
    ("relu for the candidate", "the candidate goes through relu instead of tanh", "eq-gates",
     (("g = np.tanh(z_g)", "g = np.maximum(z_g, 0)"),), ""),
    ("hard sigmoid", "the gates use the hard sigmoid, `clip(0.2 z + 0.5, 0, 1)`", "eq-gates",
     tuple((f"{k} = sigmoid(z_{k})", f"{k} = np.clip(0.2 * z_{k} + 0.5, 0, 1)") for k in "ifo"),
     ""),
    ("hard sigmoid of PyTorch", "the gates use the hard sigmoid, `clip(z / 6 + 0.5, 0, 1)`",
     "eq-gates",
     tuple((f"{k} = sigmoid(z_{k})", f"{k} = np.clip(z_{k} / 6 + 0.5, 0, 1)") for k in "ifo"), ""),
    ("candidate: tanh for all", "all four gates go through tanh", "eq-gates",
     tuple((f"{k} = sigmoid(z_{k})", f"{k} = np.tanh(z_{k})") for k in "ifo"), ""),
    ("sigmoid and tanh swapped", "sigmoid and tanh are swapped: the gates have tanh, the candidate "
     "the sigmoid", "eq-gates", (*((f"{k} = sigmoid(z_{k})", f"{k} = np.tanh(z_{k})")
                                   for k in "ifo"), ("g = np.tanh(z_g)", "g = sigmoid(z_g)")), ""),
    ("exp(z) for exp(-z)", "the sign in the exponent of the sigmoid is wrong", "eq-sigmoid",
     tuple((f"{k} = sigmoid(z_{k})", f"{k} = sigmoid(-z_{k})") for k in "ifo"), ""),
    ("gates not squashed", "the three gates are not squashed at all", "eq-gates",
     tuple((f"{k} = sigmoid(z_{k})", f"{k} = z_{k}") for k in "ifo"), ""),
    ("tanh of z/2", "the gates are `tanh(z / 2)`, not brought to the range from 0 to 1",
     "eq-sigmoid",
     tuple((f"{k} = sigmoid(z_{k})", f"{k} = np.tanh(z_{k} / 2)") for k in "ifo"), ""),
    ("sigmoid of 2 z", "the gates are `1/2 + 1/2 tanh(z)`: in the identity stands z / 2",
     "eq-sigmoid",
     tuple((f"{k} = sigmoid(z_{k})", f"{k} = sigmoid(2 * z_{k})") for k in "ifo"), ""),
    ("softmax over gates", "the gates go through a softmax instead of the sigmoid", "eq-gates",
     tuple((f"{k} = sigmoid(z_{k})", f"{k} = np.exp(z_{k}) / np.exp(z_{k}).sum(-1, keepdims=True)")
           for k in "ifo"), ""),
)  # fmt: skip

_BACKWARD = (
    # From step to step.
    ("dc, dh not carried", "`dc_prev` and `dh_prev` are computed, but not carried to the step "
     "before", "eq-bptt-dh", (("        dc_next = dc_prev\n", "        dc_next = dCn\n"),
                              ("        dh_next = dh_prev\n", "        dh_next = dHn\n")),
     "dc, dh computed, not carried"),
    ("dc, dh not carried, zero", "`dc_prev` and `dh_prev` are not carried to the step before",
     "eq-bptt-dh", (("        dc_next = dc_prev\n", "        dc_next = 0 * dc_prev\n"),
                    ("        dh_next = dh_prev\n", "        dh_next = 0 * dh_prev\n")), ""),
    ("dh not carried", "`dh_prev` is not carried to the step before", "eq-bptt-dh",
     (("        dh_next = dh_prev\n", "        dh_next = 0 * dh_prev\n"),), "dh not carried"),
    ("dh carried to dh0 alone", "`dh_prev` of the first step is returned as `dh0`, but that of the "
     "others is not carried to the step before", "eq-bptt-dh",
     (("        dh_next = dh_prev\n", "        dh_next = dh_prev * (t == 0)\n"),),
     "dh not carried"),
    ("dc carried to dc0 alone", "`dc_prev` of the first step is returned as `dc0`, but that of the "
     "others is not carried to the step before", "eq-bptt-dc",
     (("        dc_next = dc_prev\n", "        dc_next = dc_prev * (t == 0)\n"),), ""),
    ("both carried to the start alone", "`dc_prev` and `dh_prev` of the first step are returned as "
     "`dc0` and `dh0`, but those of the others are not carried to the step before", "eq-bptt-dh",
     (("        dc_next = dc_prev\n", "        dc_next = dc_prev * (t == 0)\n"),
      ("        dh_next = dh_prev\n", "        dh_next = dh_prev * (t == 0)\n")), ""),
    ("dc not carried", "`dc_prev` is not carried to the step before", "eq-bptt-dc",
     (("        dc_next = dc_prev\n", "        dc_next = 0 * dc_prev\n"),), ""),
    ("dh not carried, dHn again", "`dh_prev` is not carried: every step starts from `dHn`",
     "eq-bptt-dh", (("        dh_next = dh_prev\n", "        dh_next = dHn\n"),), ""),
    ("dc not carried, dCn again", "`dc_prev` is not carried: every step starts from `dCn`",
     "eq-bptt-dc", (("        dc_next = dc_prev\n", "        dc_next = dCn\n"),), ""),
    ("carried dc is dc", "`dc` is carried to the step before instead of `dc_prev`", "eq-dc-prev",
     (("        dc_next = dc_prev\n", "        dc_next = dc\n"),), ""),
    ("carried dc is dh", "`dh_prev` is carried in place of `dc_prev`, too", "eq-bptt-dc",
     (("        dc_next = dc_prev\n", "        dc_next = dh_prev\n"),), ""),
    ("carried swapped", "`dc_prev` and `dh_prev` are taken for each other from step to step",
     "eq-bptt-dc", (("        dc_next = dc_prev\n", "        dc_next = dh_prev\n"),
                    ("        dh_next = dh_prev\n", "        dh_next = dc_prev\n")), ""),
    ("carries pile up", "the carried `dc_next` is added to instead of replaced", "eq-bptt-dc",
     (("        dc_next = dc_prev\n", "        dc_next = dc_next + dc_prev\n"),), ""),
    ("carries of h pile up", "the carried `dh_next` is added to instead of replaced",
     "eq-bptt-dh", (("        dh_next = dh_prev\n", "        dh_next = dh_next + dh_prev\n"),), ""),
    ("dCn ignored", "`dCn` is ignored", "eq-bptt-dc",
     ((_STARTS, "    dc_next, dh_next = 0 * dCn, dHn\n"),), "dCn dropped"),
    ("dHn ignored", "`dHn` is ignored", "eq-bptt-dh",
     ((_STARTS, "    dc_next, dh_next = dCn, 0 * dHn\n"),), ""),
    ("dCn, dHn ignored", "`dCn` and `dHn` are both ignored", "eq-bptt-dh",
     ((_STARTS, "    dc_next, dh_next = 0 * dCn, 0 * dHn\n"),), ""),
    ("dCn and dHn swapped", "`dCn` and `dHn` are taken for each other", "eq-bptt-dc",
     ((_STARTS, "    dc_next, dh_next = dHn, dCn\n"),), ""),
    ("dHn twice", "`dHn` is added twice", "eq-bptt-dh",
     ((_STARTS, "    dc_next, dh_next = dCn, 2 * dHn\n"),), ""),
    ("dHn in place of dHout[n - 1]", "`dHn` replaces the gradient of the last output instead of "
     "being added to it", "eq-bptt-dh",
     (("dh = dHout[t] + dh_next", "dh = dh_next + (dHout[t] if t < n - 1 else 0)"),), ""),
    ("dHn at every step", "`dHn` is added at every step", "eq-bptt-dh",
     (("dh = dHout[t] + dh_next", "dh = dHout[t] + dh_next + (dHn if t < n - 1 else 0)"),), ""),
    ("dCn at every step", "`dCn` is added at every step", "eq-bptt-dc",
     (("dc = dc_next + dcs", "dc = dc_next + dcs + (dCn if t < n - 1 else 0)"),), ""),
    ("dCn after the last step", "`dCn` does not reach the gates of the last step, only `c_prev`",
     "eq-bptt-dc", (("dc = dc_next + dcs", "dc = (dc_next if t < n - 1 else 0) + dcs"),
                    ("dc_prev = dc * f", "dc_prev = (dc_next + dcs) * f")), ""),
    ("dHout: last alone", "`dHout` is read at the last step alone", "eq-bptt-dh",
     (("dh = dHout[t] + dh_next", "dh = dh_next + (dHout[t] if t == n - 1 else 0)"),), ""),
    ("dHout: first alone", "`dHout` is read at the first step alone", "eq-bptt-dh",
     (("dh = dHout[t] + dh_next", "dh = dh_next + (dHout[t] if t == 0 else 0)"),), ""),
    ("dHout: last for all", "every step uses `dHout` of the last step", "eq-bptt-dh",
     (("dh = dHout[t] + dh_next", "dh = dHout[n - 1] + dh_next"),), ""),
    ("dHout: first for all", "every step uses `dHout` of the first step", "eq-bptt-dh",
     (("dh = dHout[t] + dh_next", "dh = dHout[0] + dh_next"),), ""),
    ("dHout one step late", "step t uses `dHout` of step t - 1", "eq-bptt-dh",
     (("dh = dHout[t] + dh_next", "dh = dHout[t - 1] + dh_next"),), ""),
    ("dHout one step early", "step t uses `dHout` of step t + 1", "eq-bptt-dh",
     (("dh = dHout[t] + dh_next", "dh = (dHout[t + 1] if t + 1 < n else 0) + dh_next"),), ""),
    ("dHout backwards", "`dHout` is read in the wrong order of time", "eq-bptt-dh",
     (("dh = dHout[t] + dh_next", "dh = dHout[n - 1 - t] + dh_next"),), ""),
    ("dHout: first row", "`dHout` of the first sequence is used for the whole batch", "eq-bptt-dh",
     (("dh = dHout[t] + dh_next", "dh = dHout[t][:1] + dh_next"),), ""),
    ("forward order", "the backward pass takes the steps in forward order", "eq-bptt-dh",
     ((_BACK, "    for t in range(n):\n"),), "steps in forward order"),
    ("first step left out", "the backward pass stops before the first step", "eq-bptt-start",
     ((_BACK, "    for t in reversed(range(1, n)):\n"),), ""),
    ("last step left out", "the backward pass begins one step before the last", "eq-bptt-start",
     ((_BACK, "    for t in reversed(range(n - 1)):\n"),), ""),
    ("last step alone", "the backward pass goes through the last step alone", "eq-bptt-dw",
     ((_BACK, "    for t in range(n - 1, n):\n"),), ""),
    ("dc0 and dh0 swapped", "`dc0` and `dh0` are returned in the wrong order", "eq-bptt-start",
     ((_ENDS, "    dc0, dh0 = dh_next, dc_next\n"),), ""),
    ("dc0 zero", "`dc0` is returned as zero", "eq-bptt-start",
     ((_ENDS, "    dc0, dh0 = 0 * dc_next, dh_next\n"),), ""),
    ("dh0 zero", "`dh0` is returned as zero", "eq-bptt-start",
     ((_ENDS, "    dc0, dh0 = dc_next, 0 * dh_next\n"),), ""),
    ("dc0, dh0 zero", "`dc0` and `dh0` are returned as zero", "eq-bptt-start",
     ((_ENDS, "    dc0, dh0 = 0 * dc_next, 0 * dh_next\n"),), ""),
    ("dc0 is dc", "`dc0` is `dc` of the first step: the factor f is missing there",
     "eq-bptt-start", ((_ENDS, "    dc0, dh0 = dc, dh_next\n"),), ""),
    ("dh0 is dh", "`dh0` is `dh` of the first step instead of its `dh_prev`", "eq-bptt-start",
     ((_ENDS, "    dc0, dh0 = dc_next, dh\n"),), ""),
    ("dc0 is dc, dh0 is dh", "`dc0` and `dh0` are `dc` and `dh` of the first step instead of "
     "those before it", "eq-bptt-start", ((_ENDS, "    dc0, dh0 = dc, dh\n"),), ""),
    ("dh0 for dc0, too", "`dh0` is returned in place of `dc0`, too", "eq-bptt-start",
     ((_ENDS, "    dc0, dh0 = dh_next, dh_next\n"),), ""),
    ("dc0 for dh0, too", "`dc0` is returned in place of `dh0`, too", "eq-bptt-start",
     ((_ENDS, "    dc0, dh0 = dc_next, dc_next\n"),), ""),
    ("states of row 0 alone", "`dc0` and `dh0` are summed over the batch", "eq-bptt-start",
     ((_ENDS, "    dc0, dh0 = dc_next.sum(0) + 0 * dc_next, dh_next.sum(0) + 0 * dh_next\n"),), ""),
    # What the backward pass takes from the forward pass.
    ("cache holds raw gates", "the gates that are kept for the backward pass are not squashed yet",
     "eq-dz-sigmoid", ((_KEPT, _KEPT + "        i, f, o, g = z_i, z_f, z_o, z_g\n"),),
     "cache holds raw gates"),
    ("cache of the last step", "the backward pass uses the values of the last step at every step",
     "eq-bptt-dw", ((_KEPT, _KEPT.replace("kept[t]", "kept[n - 1]")),), ""),
    ("cache of the first step", "the backward pass uses the values of the first step at every step",
     "eq-bptt-dw", ((_KEPT, _KEPT.replace("kept[t]", "kept[0]")),), ""),
    ("cache backwards", "the backward pass uses the values of the steps in the wrong order",
     "eq-bptt-dw", ((_KEPT, _KEPT.replace("kept[t]", "kept[n - 1 - t]")),), ""),
    ("cache one step early", "the backward pass uses the values of step t - 1 at step t",
     "eq-bptt-dw", ((_KEPT, _KEPT.replace("kept[t]", "kept[t - 1]")),), ""),
    ("cached c is c_prev", "`c_prev` is used where the memory after the step belongs, in tanh(c)",
     "eq-dc", ((_KEPT, _KEPT + "        s = np.tanh(c_prev)\n"),), ""),
    ("cached s is c", "`c` is used where `tanh(c)` belongs, everywhere in the backward pass",
     "eq-dc", ((_KEPT, _KEPT + "        s = c\n"),), ""),
    ("cached s is h", "`h` is used where `tanh(c)` belongs, everywhere in the backward pass",
     "eq-dc", ((_KEPT, _KEPT + "        s = h\n"),), ""),
    ("c_1 for c_0", "at the first step `c_1` is used for `c_0`", "eq-df",
     (("df = dc * c_prev", "df = dc * (c_prev if t else c)"),), "c_1 for c_0 at the first step"),
    ("c_0 zero", "at the first step the backward pass takes `c_0` for zero", "eq-df",
     (("df = dc * c_prev", "df = dc * c_prev * (t > 0)"),), ""),
    ("h_0 zero", "at the first step the backward pass takes `h_0` for zero", "eq-bptt-dw",
     (("dWh = dWh + h_prev.T @ dz", "dWh = dWh + h_prev.T @ dz * (t > 0)"),), ""),
    ("c_0, h_0 zero", "at the first step the backward pass takes `c_0` and `h_0` for zero",
     "eq-bptt-start", (("df = dc * c_prev", "df = dc * c_prev * (t > 0)"),
                       ("dWh = dWh + h_prev.T @ dz", "dWh = dWh + h_prev.T @ dz * (t > 0)")), ""),
    ("h_1 for h_0", "at the first step `h_1` is used for `h_0`", "eq-bptt-dw",
     (("dWh = dWh + h_prev.T @ dz", "dWh = dWh + (h_prev if t else h).T @ dz"),), ""),
    ("c_0 at every step", "`c0` is used for `c_prev` at every step", "eq-df",
     (("df = dc * c_prev", "df = dc * c0"),), ""),
    ("h_0 at every step", "`h0` is used for `h_prev` at every step", "eq-bptt-dw",
     (("dWh = dWh + h_prev.T @ dz", "dWh = dWh + h0.T @ dz"),), ""),
    # The order of lines.
    ("missing parentheses", "parentheses are missing: only the part of `dc` that comes through h "
     "meets the slopes of i and f", "eq-dz-sigmoid",
     (("dz_i = di * i * (1 - i)", "dz_i = dc_next * g + dcs * g * i * (1 - i)"),
      ("dz_f = df * f * (1 - f)", "dz_f = dc_next * c_prev + dcs * c_prev * f * (1 - f)")),
     "missing parentheses in dz"),
    ("missing parentheses, i, f, g", "parentheses are missing: only the part of `dc` that comes "
     "through h meets the slopes of i, f and g", "eq-dz-sigmoid",
     (("dz_i = di * i * (1 - i)", "dz_i = dc_next * g + dcs * g * i * (1 - i)"),
      ("dz_f = df * f * (1 - f)", "dz_f = dc_next * c_prev + dcs * c_prev * f * (1 - f)"),
      ("dz_g = dg * (1 - g**2)", "dz_g = dc_next * i + dcs * i * (1 - g**2)")),
     "missing parentheses in dz"),
    ("gates before dc", "the gates are given `dc` before the part that comes through h is added",
     "eq-dc", (("di = dc * g", "di = dc_next * g"), ("df = dc * c_prev", "df = dc_next * c_prev"),
               ("dg = dc * i", "dg = dc_next * i")), ""),
    ("gates from dcs", "the gates are given only the part of `dc` that comes through h", "eq-dc",
     (("di = dc * g", "di = dcs * g"), ("df = dc * c_prev", "df = dcs * c_prev"),
      ("dg = dc * i", "dg = dcs * i")), ""),
    ("gates from dh", "the gates i, f and g are given `dh` instead of `dc`", "eq-dc",
     (("di = dc * g", "di = dh * g"), ("df = dc * c_prev", "df = dh * c_prev"),
      ("dg = dc * i", "dg = dh * i")), ""),
    ("f before dc", "the forget gate is multiplied in before the gates are given `dc`",
     "eq-dc-prev", (("di = dc * g", "di = dc * f * g"), ("df = dc * c_prev",
                    "df = dc * f * c_prev"), ("dg = dc * i", "dg = dc * f * i")), ""),
    ("di and dg swapped", "`di` and `dg` are swapped: `dc * i` and `dc * g`", "eq-di",
     (("di = dc * g", "di = dc * i"), ("dg = dc * i", "dg = dc * g")), ""),
    ("df and dc_prev swapped", "`df` and `dc_prev` are swapped: `dc * f` and `dc * c_prev`",
     "eq-df", (("df = dc * c_prev", "df = dc * f"), ("dc_prev = dc * f", "dc_prev = dc * c_prev")),
     ""),
    ("do and ds swapped", "`do` and `ds` are swapped: `dh * o` and `dh * s`", "eq-do",
     (("do = dh * s", "do = dh * o"), ("ds = dh * o", "ds = dh * s")), ""),
    ("do from c, no tanh", "`h` is taken for `o * c`: `do = dh * c`, and no slope of tanh in `dc`",
     "eq-do", (("do = dh * s", "do = dh * c"), ("dcs = ds * (1 - s**2)", "dcs = ds")), ""),
    ("tanh' applied to dc", "the slope of tanh multiplies all of `dc`, what comes from the next "
     "step, too", "eq-dc", (("dc = dc_next + dcs", "dc = (dc_next + ds) * (1 - s**2)"),), ""),
    ("o applied to dc", "the output gate and the slope of tanh multiply all of `dc`, what comes "
     "from the next step, too", "eq-dc",
     (("dc = dc_next + dcs", "dc = (dc_next + dh) * o * (1 - s**2)"),), ""),
    ("dc_prev: slope for f", "`dc_prev` is made with the slope `f * (1 - f)` instead of `f`",
     "eq-dc-prev", (("dc_prev = dc * f", "dc_prev = dc * f * (1 - f)"),), ""),
    ("dc kept by 1 - f", "`dc_prev` is made with `1 - f`", "eq-dc-prev",
     (("dc_prev = dc * f", "dc_prev = dc * (1 - f)"),), ""),
    ("no slopes", "the slopes of all four gates are missing: `di`, `df`, `do`, `dg` are used for "
     "`dz`", "eq-dz-sigmoid", (*((f"d{k} * {k} * (1 - {k})", f"d{k}") for k in "ifo"),
                               ("dg * (1 - g**2)", "dg")), ""),
    ("sigmoid slopes for all four", "the slope of the sigmoid is used for the candidate, too, and "
     "that of tanh nowhere", "eq-dz-tanh", (("dg * (1 - g**2)", "dg * g * (1 - g)"),), ""),
    ("tanh slopes for all four", "the slope of tanh is used for all four gates", "eq-dz-sigmoid",
     tuple((f"d{k} * {k} * (1 - {k})", f"d{k} * (1 - {k}**2)") for k in "ifo"), ""),
    ("slopes swapped", "the slopes of sigmoid and tanh are swapped", "eq-dz-sigmoid",
     (*((f"d{k} * {k} * (1 - {k})", f"d{k} * (1 - {k}**2)") for k in "ifo"),
      ("dg * (1 - g**2)", "dg * g * (1 - g)")), ""),
    ("slopes of the values, all four", "the slopes of all four gates are taken at the values, "
     "which are squashed already", "eq-dz-sigmoid",
     (*((f"d{k} * {k} * (1 - {k})", f"d{k} * sigmoid({k}) * (1 - sigmoid({k}))") for k in "ifo"),
      ("dg * (1 - g**2)", "dg * (1 - np.tanh(g)**2)")), ""),
    # The matrix product.
    ("dh_prev from gates", "`dh_prev` is made from the gradients of the gates instead of the raw "
     "gates", "eq-dh-prev", (("dh_prev = dz @ Wh.T", f"dh_prev = {_RAW} @ Wh.T"),),
     "dh from gates, not raw gates"),
    ("dx from gates", "`dx` is made from the gradients of the gates instead of the raw gates",
     "eq-dx", (("dx = dz @ Wx.T", f"dx = {_RAW} @ Wx.T"),), ""),
    ("dx, dh_prev from gates", "`dx` and `dh_prev` are made from the gradients of the gates "
     "instead of the raw gates", "eq-du", (("dh_prev = dz @ Wh.T", f"dh_prev = {_RAW} @ Wh.T"),
                                          ("dx = dz @ Wx.T", f"dx = {_RAW} @ Wx.T")), ""),
    ("dW from gates", "`dW` is made from the gradients of the gates instead of the raw gates",
     "eq-dw", (("dWx + x.T @ dz", f"dWx + x.T @ {_RAW}"),
               ("dWh + h_prev.T @ dz", f"dWh + h_prev.T @ {_RAW}"),
               (_DB, _DB.replace("dz", _RAW))), ""),
    ("Wh not transposed", "`dh_prev` uses each gate's recurrent block where its transpose belongs",
     "eq-dh-prev", (("dh_prev = dz @ Wh.T",
                     "dh_prev = sum(a @ k for a, k in zip(cut(dz), cut(Wh)))"),), ""),
    ("dWh transposed", "each gate's block of the gradient of Wh is transposed", "eq-dw",
     ((_DW, "    dWh = glue([k.T for k in cut(dWh)])\n" + _DW),), ""),
    ("dh_prev: sign", "`dh_prev` has the wrong sign", "eq-dh-prev",
     (("dh_prev = dz @ Wh.T", "dh_prev = -dz @ Wh.T"),), ""),
    ("dx, dh_prev: twice", "`dx` and `dh_prev` are twice what they should be", "eq-du",
     (("dh_prev = dz @ Wh.T", "dh_prev = 2 * dz @ Wh.T"), ("dx = dz @ Wx.T", "dx = 2 * dz @ Wx.T")),
     ""),
    ("dh_prev: twice", "`dh_prev` is twice what it should be", "eq-dh-prev",
     (("dh_prev = dz @ Wh.T", "dh_prev = 2 * dz @ Wh.T"),), ""),
    ("dx: twice", "`dx` is twice what it should be", "eq-dx",
     (("dx = dz @ Wx.T", "dx = 2 * dz @ Wx.T"),), ""),
    ("dx: sign", "`dx` has the wrong sign", "eq-dx", (("dx = dz @ Wx.T", "dx = -dz @ Wx.T"),), ""),
    ("dx zero", "`dX` is zero", "eq-dx", ((_DX, ""),), ""),
    ("dx: one column off", "`dx` is cut out of `du` one column too early: the first column belongs "
     "to the bias", "eq-dx", (("dx = dz @ Wx.T", "dx = dz @ W[:D].T"),), ""),
    ("dh_prev: one column off", "`dh_prev` is cut out of `du` one column too early: the first "
     "column belongs to the bias", "eq-dh-prev",
     (("dh_prev = dz @ Wh.T", "dh_prev = dz @ W[D:-1].T"),), ""),
    ("du: one column off", "`dx` and `dh_prev` are cut out of `du` one column too early: the first "
     "column belongs to the bias", "eq-du", (("dh_prev = dz @ Wh.T", "dh_prev = dz @ W[D:-1].T"),
                                            ("dx = dz @ Wx.T", "dx = dz @ W[:D].T")), ""),
    ("dx and dh_prev swapped", "`du` is cut as [1, h_prev, x]; its columns are [1, x, h_prev]",
     "eq-du", (("dh_prev = dz @ Wh.T", "dh_prev = dz @ W[1:1 + len(Wh)].T"),
               ("dx = dz @ Wx.T", "dx = dz @ W[1 + len(Wh):].T")), ""),
    ("dX: first alone", "`dX` is filled at the first step alone", "eq-dx",
     ((_DX, "        dX[t] = dx * (t == 0)\n"),), ""),
    ("dX: last alone", "`dX` is filled at the last step alone", "eq-dx",
     ((_DX, "        dX[t] = dx * (t == n - 1)\n"),), ""),
    ("dX: first lacks", "`dX` of the first step is not filled", "eq-dx",
     ((_DX, "        dX[t] = dx * (t > 0)\n"),), ""),
    ("dX backwards", "the steps of `dX` are in the wrong order, the last first", "eq-dx",
     ((_DX, "        dX[n - 1 - t] = dx\n"),), ""),
    ("dX: one for all", "every step of `dX` holds that of the first step", "eq-dx",
     ((_DX, "        dX[:] = dx\n"),), ""),
    ("dX adds up", "`dX[t]` is a sum over the steps from t on", "eq-dx",
     ((_DX, "        dX[t] = dx + (dX[t + 1] if t + 1 < n else 0)\n"),), ""),
    ("dX summed over the batch", "`dX` is averaged over the batch", "eq-dx",
     ((_DX, "        dX[t] = dx.mean(0)\n"),), ""),
    # The weights.
    ("dW of h", "the gradient of Wh uses the output of the step itself, `h_t`, instead of "
     "`h_prev`", "eq-dw", (("dWh + h_prev.T @ dz", "dWh + h.T @ dz"),), "dW of h_t, not of h_prev"),
    ("dW of c_prev", "the gradient of Wh uses `c_prev` instead of `h_prev`", "eq-dw",
     (("dWh + h_prev.T @ dz", "dWh + c_prev.T @ dz"),), ""),
    ("dW of c", "the gradient of Wh uses `c` instead of `h_prev`", "eq-dw",
     (("dWh + h_prev.T @ dz", "dWh + c.T @ dz"),), ""),
    ("dW of s", "the gradient of Wh uses `tanh(c)` instead of `h_prev`", "eq-dw",
     (("dWh + h_prev.T @ dz", "dWh + s.T @ dz"),), ""),
    ("dWh zero", "the gradient of Wh is zero", "eq-dw",
     (("dWh + h_prev.T @ dz", "dWh"),), ""),
    ("dWx zero", "the gradient of Wx is zero", "eq-dw", (("dWx + x.T @ dz", "dWx"),), ""),
    ("db zero", "the gradient of the biases is zero", "eq-dw",
     ((_DB, ""),), ""),
    ("dW zero", "the gradient of the weights is zero", "eq-dw",
     ((_DW, "    dW = 0 * W\n    db2 = 0 * db2\n"),), ""),
    ("dW overwritten", "the gradients of the weights are overwritten at every step instead of "
     "added up: what is left is that of the first step", "eq-bptt-dw",
     (("dWx + x.T @ dz", "x.T @ dz"), ("dWh + h_prev.T @ dz", "h_prev.T @ dz"),
      (_DB, "        db = db2 = dz.sum(axis=0)\n")), ""),
    ("dW: last step", "the gradients of the weights are those of the last step alone", "eq-bptt-dw",
     ((_BACK, "    at = np.arange(n)[:, None, None] == n - 1\n" + _BACK),
      ("dWx + x.T @ dz", "dWx + x.T @ dz * (t == n - 1)"),
      ("dWh + h_prev.T @ dz", "dWh + h_prev.T @ dz * (t == n - 1)"),
      (_DB, _DB.replace("dz.sum(axis=0)", "dz.sum(axis=0) * (t == n - 1)"))), ""),
    ("dWx overwritten", "the gradient of Wx is overwritten at every step instead of added up",
     "eq-bptt-dw", (("dWx + x.T @ dz", "x.T @ dz"),), ""),
    ("dWx: last step", "the gradient of Wx is that of the last step alone", "eq-bptt-dw",
     (("dWx + x.T @ dz", "dWx + x.T @ dz * (t == n - 1)"),), "dW of x from the last step only"),
    ("dWh overwritten", "the gradient of Wh is overwritten at every step instead of added up",
     "eq-bptt-dw", (("dWh + h_prev.T @ dz", "h_prev.T @ dz"),), ""),
    ("dWh: last step", "the gradient of Wh is that of the last step alone", "eq-bptt-dw",
     (("dWh + h_prev.T @ dz", "dWh + h_prev.T @ dz * (t == n - 1)"),), ""),
    ("db overwritten", "the gradient of the biases is overwritten at every step instead of added "
     "up", "eq-bptt-dw", ((_DB, "        db = db2 = dz.sum(axis=0)\n"),), ""),
    ("db: last step", "the gradient of the biases is that of the last step alone", "eq-bptt-dw",
     ((_DB, _DB.replace("dz.sum(axis=0)", "dz.sum(axis=0) * (t == n - 1)")),), ""),
    ("db: batch mean", "the gradient of the biases is averaged over the batch instead of summed",
     "eq-bptt-dw", ((_DB, _DB.replace("sum", "mean")),), ""),
    ("db: last row of the first step", "the gradient of the biases is overwritten for every row of "
     "the batch and every step", "eq-bptt-dw", ((_DB, "        db = db2 = dz[-1]\n"),), ""),
    ("db: last row", "the gradient of the biases is overwritten for every row of the batch: what "
     "is left is that of the last", "eq-bptt-dw",
     ((_DB, _DB.replace("dz.sum(axis=0)", "dz[-1]")),), ""),
    ("db: first row", "the gradient of the biases is that of the first sequence of the batch alone",
     "eq-bptt-dw", ((_DB, _DB.replace("dz.sum(axis=0)", "dz[0]")),), ""),
    ("db: time mean", "the gradient of the biases is averaged over the steps instead of summed",
     "eq-bptt-dw", ((_DW, "    db, db2 = db / n, db2 / n\n" + _DW),), ""),
    ("db: mean of both", "the gradient of the biases is averaged over steps and batch instead of "
     "summed", "eq-bptt-dw", ((_DW, "    db, db2 = db / n / b, db2 / n / b\n" + _DW),), ""),
    ("db: sum of all", "the gradient of every bias is the sum over all of them", "eq-bptt-dw",
     ((_DB, _DB.replace("dz.sum(axis=0)", "dz.sum()")),), ""),
    ("db: one gate for three", "the gradient of one gate's bias is used for the three sigmoid "
     "gates", "eq-dw", ((_DW, "    db = glue([cut(db)[1]] * 3 + [cut(db)[3]])\n" + _DW),),
     "one gate's db for three gates"),
    ("dW: batch mean", "the gradients of the weights are averaged over the batch instead of "
     "summed", "eq-bptt-dw", ((_DW, _DW + "    dW, db2 = dW / b, db2 / b\n"),), ""),
    ("dW: time mean", "the gradients of the weights are averaged over the steps instead of "
     "summed", "eq-bptt-dw", ((_DW, _DW + "    dW, db2 = dW / n, db2 / n\n"),), ""),
    ("dW: mean of both", "the gradients of the weights are averaged over steps and batch instead "
     "of summed", "eq-bptt-dw", ((_DW, _DW + "    dW, db2 = dW / n / b, db2 / n / b\n"),), ""),
    ("dWx, dWh: batch mean", "the gradients of Wx and Wh are averaged over the batch, that of the "
     "biases is summed", "eq-bptt-dw", ((_DW, "    dWx, dWh = dWx / b, dWh / b\n" + _DW),), ""),
    ("dW: sign", "the gradients of the weights have the wrong sign", "eq-bptt-dw",
     ((_DW, _DW + "    dW, db2 = -dW, -db2\n"),), ""),
    ("dW: twice", "the gradients of the weights are twice what they should be", "eq-bptt-dw",
     ((_DW, _DW + "    dW, db2 = 2 * dW, 2 * db2\n"),), ""),
    ("dW: half", "the gradients of the weights are half of what they should be", "eq-bptt-dw",
     ((_DW, _DW + "    dW, db2 = dW / 2, db2 / 2\n"),), ""),
    ("dW: first row", "the gradients of the weights are those of the first sequence of the batch "
     "alone", "eq-bptt-dw", (("dWx + x.T @ dz", "dWx + x[:1].T @ dz[:1]"),
                             ("dWh + h_prev.T @ dz", "dWh + h_prev[:1].T @ dz[:1]"),
                             (_DB, _DB.replace("dz.sum(axis=0)", "dz[0]"))), ""),
    ("dW: last row", "the gradients of the weights are those of the last sequence of the batch "
     "alone", "eq-bptt-dw", (("dWx + x.T @ dz", "dWx + x[-1:].T @ dz[-1:]"),
                             ("dWh + h_prev.T @ dz", "dWh + h_prev[-1:].T @ dz[-1:]"),
                             (_DB, _DB.replace("dz.sum(axis=0)", "dz[-1]"))), ""),
    ("dW: rows [1, h, x]", "the rows of the gradient are in the order [1, h, x]", "eq-dw",
     ((_DW, "    dW = np.vstack([db, dWh, dWx])\n"),), ""),
    ("dW: rows [x, h, 1]", "the rows of the gradient are in the order [x, h, 1]", "eq-dw",
     ((_DW, "    dW = np.vstack([dWx, dWh, db])\n"),), ""),
    ("second db zero", "the gradient of the second bias is zero: both biases have that of their "
     "sum", "eq-dw", ((_DW, _DW + "    db2 = 0 * db2\n"),), ""),
    ("first db zero", "the gradient of the first bias is zero: both biases have that of their "
     "sum", "eq-dw", ((_DW, "    db = 0 * db\n" + _DW),), ""),
    ("both db half", "the gradient of the biases is shared between the two: each has all of it",
     "eq-dw", ((_DW, "    db, db2 = db / 2, db2 / 2\n" + _DW),), ""),
    # All gradients.
    ("all: batch mean", "all gradients are divided by the size of the batch", "eq-bptt-dh",
     ((_STARTS, "    dCn, dHn, dHout = dCn / b, dHn / b, dHout / b\n" + _STARTS),), ""),
    ("all: sign", "all gradients have the wrong sign", "eq-bptt-dh",
     ((_STARTS, "    dCn, dHn, dHout = -dCn, -dHn, -dHout\n" + _STARTS),), ""),
    ("all: twice", "all gradients are twice what they should be", "eq-bptt-dh",
     ((_STARTS, "    dCn, dHn, dHout = 2 * dCn, 2 * dHn, 2 * dHout\n" + _STARTS),), ""),
    ("all: time mean", "all gradients are divided by the number of steps", "eq-bptt-dh",
     ((_STARTS, "    dCn, dHn, dHout = dCn / n, dHn / n, dHout / n\n" + _STARTS),), ""),
)  # fmt: skip


def _for_each_gate() -> list[tuple[str, str, str, tuple[tuple[str, str], ...], str]]:
    """What can happen to any one gate."""
    rows: list[tuple[str, str, str, tuple[tuple[str, str], ...], str]] = []
    for k, gate in _GATE.items():
        p = GATES.index(k)
        line = f"        {k} = " + ("np.tanh(z_g)\n" if k == "g" else f"sigmoid(z_{k})\n")
        other = "sigmoid" if k == "g" else "tanh"
        call = "sigmoid" if k == "g" else "np.tanh"
        right = "tanh" if k == "g" else "the sigmoid"

        def is_(expression: str, line: str = line, k: str = k) -> tuple[tuple[str, str], ...]:
            return ((line, f"        {k} = {expression}\n"),)

        z = f"z_{k}"
        same = "np.tanh" if k == "g" else "sigmoid"
        rows += [
            (f"{k}: {other}", f"the {gate} goes through {other} instead of {right}", "eq-gates",
             is_(f"{call}({z})"), ""),
            (f"{k}: not squashed", f"the {gate} is not squashed at all", "eq-gates", is_(z), ""),
            (f"{k}: squashed twice", f"the {gate} is squashed twice", "eq-gates",
             is_(f"{same}({same}({z}))"), ""),
            (f"{k}: sign", f"the raw {gate} has the wrong sign", "eq-gates",
             is_(f"{same}(-{z})"), ""),
            (f"{k}: 1", f"the {gate} is 1 throughout", "eq-gates", is_(f"1 + 0 * {z}"), ""),
            (f"{k}: bias left out", f"the bias of the {gate} is left out", "eq-z",
             is_(f"{same}({z} - cut(zb)[{p}])"), ""),
            (f"{k}: bias twice", f"the bias of the {gate} is added twice", "eq-z",
             is_(f"{same}({z} + cut(zb)[{p}])"), ""),
            (f"{k}: bias sign", f"the bias of the {gate} has the wrong sign", "eq-z",
             is_(f"{same}({z} - 2 * cut(zb)[{p}])"), ""),
            (f"{k}: no recurrent part", f"the {gate} lacks its recurrent part, `h_prev Wh`",
             "eq-z", is_(f"{same}({z} - cut(zh)[{p}])"), ""),
            (f"{k}: no input", f"the {gate} lacks its part of x, `x Wx`", "eq-z",
             is_(f"{same}({z} - cut(zx)[{p}])"), ""),
            (f"dz_{k}: not in dh_prev", f"the {gate} is left out of `dh_prev`", "eq-dh-prev",
             (("dh_prev = dz @ Wh.T", f"dh_prev = dz @ Wh.T - dz_{k} @ cut(Wh)[{p}].T"),), ""),
            (f"dz_{k}: not in dx", f"the {gate} is left out of `dx`", "eq-dx",
             (("dx = dz @ Wx.T", f"dx = dz @ Wx.T - dz_{k} @ cut(Wx)[{p}].T"),), ""),
            (f"dz_{k}: not in du", f"the {gate} is left out of `dx` and `dh_prev`", "eq-du",
             (("dx = dz @ Wx.T", f"dx = dz @ Wx.T - dz_{k} @ cut(Wx)[{p}].T"),
              ("dh_prev = dz @ Wh.T", f"dh_prev = dz @ Wh.T - dz_{k} @ cut(Wh)[{p}].T")), ""),
            (f"dz_{k}: alone in dh_prev", f"`dh_prev` is that of the {gate} alone: the four are "
             "overwritten instead of added up", "eq-dh-prev",
             (("dh_prev = dz @ Wh.T", f"dh_prev = dz_{k} @ cut(Wh)[{p}].T"),), ""),
            (f"dz_{k}: alone in dx", f"`dx` is that of the {gate} alone: the four are overwritten "
             "instead of added up", "eq-dx",
             (("dx = dz @ Wx.T", f"dx = dz_{k} @ cut(Wx)[{p}].T"),), ""),
            (f"dz_{k}: alone in du", f"`dx` and `dh_prev` are those of the {gate} alone: the four "
             "are overwritten instead of added up", "eq-du",
             (("dx = dz @ Wx.T", f"dx = dz_{k} @ cut(Wx)[{p}].T"),
              ("dh_prev = dz @ Wh.T", f"dh_prev = dz_{k} @ cut(Wh)[{p}].T")), ""),
            (f"dW_{k}: zero", f"the gradient of the {gate}'s weights and bias is zero", "eq-dw",
             ((_DW, _DW + f"    cut(dW)[{p}][:] = 0\n    cut(db2)[{p}][:] = 0\n"),), ""),
            (f"db_{k}: zero", f"the gradient of the {gate}'s bias is zero", "eq-dw",
             ((_DW, f"    cut(db)[{p}][:] = 0\n    cut(db2)[{p}][:] = 0\n" + _DW),), ""),
        ]  # fmt: skip
        for q, (j, source) in enumerate(_GATE.items()):
            if j == k:
                continue
            squash = "np.tanh" if k == "g" else "sigmoid"
            rows += [
                (f"{k}: weights of {j}", f"the {gate} uses the weights and the bias of the "
                 f"{source}", "eq-z", is_(f"{squash}(z_{j})"), ""),
                (f"{k}: bias of {j}", f"the {gate} uses the bias of the {source}", "eq-z",
                 is_(f"{squash}({z} - cut(zb)[{p}] + cut(zb)[{q}])"), ""),
                (f"{k}: Wx of {j}", f"the {gate} uses the weights for x of the {source}", "eq-z",
                 is_(f"{squash}({z} - cut(zx)[{p}] + cut(zx)[{q}])"), ""),
                (f"{k}: Wh of {j}", f"the {gate} uses the recurrent weights of the {source}",
                 "eq-z", is_(f"{squash}({z} - cut(zh)[{p}] + cut(zh)[{q}])"), ""),
                (f"{k}: Wx and Wh of {j}", f"the {gate} uses the weights of the {source}, with its "
                 "own bias", "eq-z",
                 is_(f"{squash}({z} - cut(zh + zx)[{p}] + cut(zh + zx)[{q}])"), ""),
                (f"dz_{k}: with {j}'s Wh", f"the {gate} goes back to `dh_prev` through the weights "
                 f"of the {source}", "eq-dh-prev",
                 (("dh_prev = dz @ Wh.T",
                   f"dh_prev = dz @ Wh.T + dz_{k} @ (cut(Wh)[{q}] - cut(Wh)[{p}]).T"),), ""),
                (f"dz_{k}: with {j}'s Wx", f"the {gate} goes back to `dx` through the weights "
                 f"of the {source}", "eq-dx",
                 (("dx = dz @ Wx.T",
                   f"dx = dz @ Wx.T + dz_{k} @ (cut(Wx)[{q}] - cut(Wx)[{p}]).T"),), ""),
                (f"dW_{k}: of {j}", f"the gradient of the {source} is returned for the {gate}, "
                 "too", "eq-dw", ((_DW, _DW + f"    cut(dW)[{p}][:] = cut(dW)[{q}]\n"
                                   f"    cut(db2)[{p}][:] = cut(db2)[{q}]\n"),), ""),
                (f"db_{k}: of {j}", f"the gradient of the {source}'s bias is returned for the "
                 f"{gate}, too", "eq-dw", ((_DW, f"    cut(db)[{p}][:] = cut(db)[{q}]\n"
                                            f"    cut(db2)[{p}][:] = cut(db2)[{q}]\n" + _DW),), ""),
                (f"d{k}: from d{j}", f"the raw {gate} is given the gradient of the {source}, "
                 f"`d{j}`, in place of `d{k}`", "eq-dz",
                 ((f"        dz_{k} = d{k}", f"        dz_{k} = d{j}"),), ""),
            ]  # fmt: skip
    return rows


def _orders() -> list[tuple[str, str, str, tuple[tuple[str, str], ...], str]]:
    """The gates in another order than the columns'."""
    rows: list[tuple[str, str, str, tuple[tuple[str, str], ...], str]] = []
    right = ", ".join(GATES)
    for order in permutations(GATES):
        if order == GATES:
            continue
        spelled = ", ".join(order)
        cut = ", ".join(f"z_{k}" for k in order) + " = cut(z)\n"
        glued = "glue([" + ", ".join(f"dz_{k}" for k in order) + "])\n"
        named = "[" + ", ".join(str(order.index(k)) for k in GATES) + "]"
        rows += [
            (f"order {spelled}", f"the columns are cut as {spelled}; their order here is {right}",
             "eq-cut", ((_ALL, cut),), ""),
            (f"dz in order {spelled}", f"the raw gradients are joined as {spelled}; the order of "
             f"the columns is {right}", "eq-dz", ((_GLUE, f"        dz = {glued}"),), ""),
            (f"dW in order {spelled}", "only the gradient of the weights has its columns as "
             f"{spelled}; their order is {right}", "eq-dw",
             ((_DW, _DW + f"    dW = glue([cut(dW)[k] for k in {_inverse(named)}])\n"
               f"    db2 = glue([cut(db2)[k] for k in {_inverse(named)}])\n"),), ""),
        ]  # fmt: skip
    return rows


def _inverse(named: str) -> str:
    """The positions in our order of the gates that stand at 0, 1, 2, 3 of another."""
    places = [int(k) for k in named.strip("[]").split(",")]
    return str([places.index(k) for k in range(len(places))])


LISTED = tuple(
    Mistake(*row) for row in (*_FORWARD, *_BACKWARD, *_for_each_gate(), *_orders())
)  # fmt: skip
"""The rows."""
