"""The tables of mistakes: a row does to the results what its sentence says.

What a mistake gives is worked out here without its lines: by the right loop, with other inputs,
other weights or step by step, or from its right results.
"""

import numpy as np
import pytest

from lstm.layout import GATES, split_gates
from lstm.tutor.mistakes import mistakes
from lstm.tutor.plain import KEPT, model
from lstm.tutor.search import FORWARD, GRADIENTS, run
from lstm.tutor.styles import problem

N, B, D, H = 4, 3, 5, 2
P, ONE = problem(N, B, D, H), problem(1, 1, D, H)
TABLE = {mistake.name: mistake for mistake in mistakes()}


def results(p):
    return run(model(), p)


def same(name, p, wanted):
    """The row gives these results, and what is not among them as it should be."""
    kind = FORWARD if TABLE[name].forward else GRADIENTS
    got, wanted = run(model(TABLE[name].patches), p), results(p) | wanted
    for key in kind:
        np.testing.assert_allclose(got[key], wanted[key], rtol=1e-9, atol=1e-9, err_msg=key)


def columns(k):
    """Where a gate's columns are, also those of a gate alone."""
    return slice(GATES.index(k) * H, (GATES.index(k) + 1) * H)


# Inputs that are others.


def with_(**changes):
    """The problem with some arguments changed: each by a function of the problem."""
    return lambda p: p._replace(**{key: change(p) for key, change in changes.items()})


def first_row(array):
    return array[:1] + 0 * array


INPUTS = {
    "c0 ignored": with_(c0=lambda p: 0 * p.c0),
    "h0 ignored": with_(h0=lambda p: 0 * p.h0),
    "c0, h0 ignored": with_(c0=lambda p: 0 * p.c0, h0=lambda p: 0 * p.h0),
    "c0 and h0 swapped": with_(c0=lambda p: p.h0, h0=lambda p: p.c0),
    "h0 for c0, too": with_(c0=lambda p: p.h0),
    "c0 for h0, too": with_(h0=lambda p: p.c0),
    "states of row 0": with_(c0=lambda p: first_row(p.c0), h0=lambda p: first_row(p.h0)),
    "one batch row": with_(X=lambda p: p.X[:, :1] + 0 * p.X),
    "x one step late": with_(X=lambda p: np.concatenate([0 * p.X[:1], p.X[:-1]])),
    "x one step late, around": with_(X=lambda p: np.roll(p.X, 1, axis=0)),
    "x one step early": with_(X=lambda p: np.concatenate([p.X[1:], p.X[-1:]])),
    "x of the first step": with_(X=lambda p: p.X[:1] + 0 * p.X),
    "x backwards": with_(X=lambda p: p.X[::-1]),
    "dCn ignored": with_(dCn=lambda p: 0 * p.dCn),
    "dHn ignored": with_(dHn=lambda p: 0 * p.dHn),
    "dCn, dHn ignored": with_(dCn=lambda p: 0 * p.dCn, dHn=lambda p: 0 * p.dHn),
    "dCn and dHn swapped": with_(dCn=lambda p: p.dHn, dHn=lambda p: p.dCn),
    "dHn twice": with_(dHn=lambda p: 2 * p.dHn),
    "dHn in place of dHout[n - 1]": with_(
        dHout=lambda p: np.append(p.dHout[:-1], 0 * p.dHout[:1], 0)),
    "dHn at every step": with_(dHout=lambda p: np.append(p.dHout[:-1] + p.dHn, p.dHout[-1:], 0)),
    "dHout: last alone": with_(dHout=lambda p: np.append(0 * p.dHout[:-1], p.dHout[-1:], 0)),
    "dHout: first alone": with_(dHout=lambda p: np.append(p.dHout[:1], 0 * p.dHout[1:], 0)),
    "dHout: last for all": with_(dHout=lambda p: p.dHout[-1:] + 0 * p.dHout),
    "dHout: first for all": with_(dHout=lambda p: p.dHout[:1] + 0 * p.dHout),
    "dHout one step early": with_(dHout=lambda p: np.append(p.dHout[1:], 0 * p.dHout[:1], 0)),
    "dHout backwards": with_(dHout=lambda p: p.dHout[::-1]),
    "dHout: first row": with_(dHout=lambda p: p.dHout[:, :1] + 0 * p.dHout),
    **{f"all: {name}": with_(**{key: lambda p, key=key, factor=factor: factor * getattr(p, key)
                                for key in ("dHout", "dCn", "dHn")})
       for name, factor in (("batch mean", 1 / B), ("time mean", 1 / N), ("sign", -1),
                            ("twice", 2))},
}  # fmt: skip


@pytest.mark.parametrize("name", INPUTS)
def test_mistakes_that_amount_to_other_inputs(name):
    same(name, P, results(INPUTS[name](P)))


# Weights that are others.


def weights(change):
    """The weights after a change in place."""

    def changed(W):
        W = W.copy()
        change(W)
        return W

    return changed


def times(factor, rows, k):
    def change(W):
        W[rows, columns(k)] *= factor

    return weights(change)


def of_gate(rows, k, j):
    def change(W):
        W[rows, columns(k)] = W[rows, columns(j)]

    return weights(change)


def add_to_forget_bias(number):
    def change(W):
        W[0, columns("f")] += number

    return weights(change)


EVERY, BIAS, OF_X, OF_H = slice(None), slice(0, 1), slice(1, 1 + D), slice(1 + D, None)
BUT_BIAS = slice(1, None)
WEIGHTS = {
    "[1, h, x]": lambda W: np.vstack([W[:1], W[1 + H :], W[1 : 1 + H]]),
    "[x, h, 1]": lambda W: np.vstack([W[-1:], W[:-1]]),
    "[h, x, 1]": lambda W: np.vstack([W[-1:], W[H:-1], W[:H]]),
    "Wh transposed": lambda W: np.vstack(
        [W[: 1 + D], np.hstack([k.T for k in np.split(W[1 + D :], 4, axis=1)])]),
    "gates interleaved": lambda W: np.hstack([W[:, k::4] for k in range(4)]),
    "bias twice": lambda W: np.vstack([2 * W[:1], W[1:]]),
    "one bias for three gates": lambda W: of_gate(BIAS, "i", "o")(of_gate(BIAS, "f", "o")(W)),
    "one gate's weights for all": lambda W: np.vstack([W[:1], np.tile(W[1:, :H], 4)]),
    "one gate for all": lambda W: np.tile(W[:, :H], 4),
    "forget bias + 1": add_to_forget_bias(1),
    "forget bias + 3": add_to_forget_bias(3),
}  # fmt: skip
for k in GATES:
    WEIGHTS |= {
        f"{k}: sign": times(-1, EVERY, k), f"{k}: bias left out": times(0, BIAS, k),
        f"{k}: bias twice": times(2, BIAS, k), f"{k}: bias sign": times(-1, BIAS, k),
        f"{k}: no recurrent part": times(0, OF_H, k), f"{k}: no input": times(0, OF_X, k),
    }  # fmt: skip
    for j in set(GATES) - {k}:
        WEIGHTS |= {
            f"{k}: weights of {j}": of_gate(EVERY, k, j), f"{k}: bias of {j}": of_gate(BIAS, k, j),
            f"{k}: Wx of {j}": of_gate(OF_X, k, j), f"{k}: Wh of {j}": of_gate(OF_H, k, j),
            f"{k}: Wx and Wh of {j}": of_gate(BUT_BIAS, k, j),
        }  # fmt: skip
ORDERS = [name.removeprefix("order ").split(", ") for name in TABLE if name.startswith("order ")]
WEIGHTS |= {
    f"order {', '.join(order)}": lambda W, order=order: np.hstack(
        [np.split(W, 4, axis=1)[order.index(k)] for k in GATES]
    )
    for order in ORDERS
}


@pytest.mark.parametrize("name", sorted(WEIGHTS))
def test_mistakes_that_amount_to_other_weights(name):
    same(name, P, results(P._replace(W=WEIGHTS[name](P.W))))


# Results that are others.


def steps(p, carry, first=lambda c, h: (c, h)):
    """The right step, run again and again: ``carry`` gives the states that the next begins with."""
    outs, (c, h) = [], first(p.c0, p.h0)
    for t in range(len(p.X)):
        one = results(p._replace(X=p.X[t : t + 1], dHout=p.dHout[t : t + 1], c0=c, h0=h))
        Cn, Hn = one["Cn"], one["Hn"]
        outs.append(Hn)
        c, h = carry(Cn, Hn)
    return {"Hout": np.array(outs), "Cn": Cn, "Hn": Hn}


def only(p, *kept):
    """The first steps alone."""
    return results(p._replace(X=p.X[slice(*kept)], dHout=p.dHout[slice(*kept)]))


def memories(p):
    return np.array([only(p, t + 1)["Cn"] for t in range(N)])


def kept(p, name):
    values = model().forward(p.X, p.W, p.second, p.plus, p.c0, p.h0)[3]
    return np.array([step[KEPT.index(name)] for step in values])


RIGHT = results(P)
Y, C, S = RIGHT["Hout"], RIGHT["Cn"], RIGHT["Hn"]
NOTHING = 0 * Y[:1]
OUTPUTS = {
    "c not carried": steps(P, lambda c, h: (P.c0, h)),
    "h not carried": steps(P, lambda c, h: (c, P.h0)),
    "neither carried": steps(P, lambda c, h: (P.c0, P.h0)),
    "c_prev zero": steps(P, lambda c, h: (0 * c, h), lambda c, h: (0 * c, h)),
    "h_prev zero": steps(P, lambda c, h: (c, 0 * h), lambda c, h: (c, 0 * h)),
    "c: tanh is carried": steps(P, lambda c, h: (np.tanh(c), h)),
    "c for h_prev": steps(P, lambda c, h: (c, c)),
    "h for c_prev": steps(P, lambda c, h: (h, h)),
    "s for h_prev": steps(P, lambda c, h: (c, np.tanh(c))),
    "states swapped between steps": steps(P, lambda c, h: (h, c)),
    "row 0 carried": steps(P, lambda c, h: (first_row(c), first_row(h))),
    "first step skipped": (later := results(P._replace(X=P.X[1:], dHout=P.dHout[1:])))
    | {"Hout": np.concatenate([P.h0[None], later["Hout"]])},
    "c and h swapped": {"Cn": S, "Hn": C},
    "Hn for Cn": {"Cn": S},
    "Cn for Hn": {"Hn": C},
    "tanh of Cn returned": {"Cn": np.tanh(C)},
    "states of the first step": {"Cn": only(P, 1)["Cn"], "Hn": Y[0]},
    "states before the last step": {"Cn": only(P, N - 1)["Cn"], "Hn": Y[-2]},
    "Cn before the last step": {"Cn": only(P, N - 1)["Cn"]},
    "initial states returned": {"Cn": P.c0, "Hn": P.h0},
    "Hout holds c": {"Hout": memories(P)},
    "Hout holds s": {"Hout": np.tanh(memories(P))},
    "Hout holds o": {"Hout": kept(P, "o")},
    "Hout one step late": {"Hout": np.concatenate([P.h0[None], Y[:-1]])},
    "Hout: last for all": {"Hout": Y[-1:] + 0 * Y},
    "Hout: first for all": {"Hout": Y[:1] + 0 * Y},
    "Hout backwards": {"Hout": Y[::-1]},
    "Hout: last alone": {"Hout": np.concatenate([0 * Y[:-1], Y[-1:]])},
    "Hout: first lacks": {"Hout": np.concatenate([NOTHING, Y[1:]])},
    "Hout: last lacks": {"Hout": np.concatenate([Y[:-1], NOTHING])},
}


def of_dW(W):
    return {"dW": W, "db2": W[0]}


def joined(db=None, dWx=None, dWh=None):
    """The gradient of the weights, with some of its three parts changed."""
    W = RIGHT["dW"]
    parts = (W[:1], db), (W[1 : 1 + D], dWx), (W[1 + D :], dWh)
    return of_dW(np.vstack([part if new is None else new(part) for part, new in parts]))


def scaled(factor):
    return lambda part: factor * part


dX, dW, dc0, dh0 = (RIGHT[name] for name in ("dX", "dW", "dc0", "dh0"))
OUTPUTS |= {
    "dc0 and dh0 swapped": {"dc0": dh0, "dh0": dc0},
    "dc0 zero": {"dc0": 0 * dc0},
    "dh0 zero": {"dh0": 0 * dh0},
    "dc0, dh0 zero": {"dc0": 0 * dc0, "dh0": 0 * dh0},
    "dh0 for dc0, too": {"dc0": dh0},
    "dc0 for dh0, too": {"dh0": dc0},
    "dx zero": {"dX": 0 * dX},
    "dx: sign": {"dX": -dX},
    "dx: twice": {"dX": 2 * dX},
    "dX: first alone": {"dX": np.concatenate([dX[:1], 0 * dX[1:]])},
    "dX: last alone": {"dX": np.concatenate([0 * dX[:-1], dX[-1:]])},
    "dX: first lacks": {"dX": np.concatenate([0 * dX[:1], dX[1:]])},
    "dX backwards": {"dX": dX[::-1]},
    "dX: one for all": {"dX": dX[:1] + 0 * dX},
    "dX adds up": {"dX": dX[::-1].cumsum(axis=0)[::-1]},
    "dX: batch mean": {"dX": dX.mean(axis=1, keepdims=True) + 0 * dX},
    "dc0, dh0 summed over the batch": {"dc0": dc0.sum(axis=0) + 0 * dc0,
                                       "dh0": dh0.sum(axis=0) + 0 * dh0},
    "dW zero": of_dW(0 * dW),
    "dWx zero": joined(dWx=scaled(0)),
    "dWh zero": joined(dWh=scaled(0)),
    "db zero": joined(db=scaled(0)),
    "dWh transposed": joined(dWh=lambda W: np.hstack([k.T for k in np.split(W, 4, axis=1)])),
    "dW: sign": of_dW(-dW),
    "dW: twice": of_dW(2 * dW),
    "dW: half": of_dW(dW / 2),
    "dW: batch mean": of_dW(dW / B),
    "dW: time mean": of_dW(dW / N),
    "dW: mean of both": of_dW(dW / N / B),
    "db: batch mean": joined(db=scaled(1 / B)),
    "db: time mean": joined(db=scaled(1 / N)),
    "db: mean of both": joined(db=scaled(1 / N / B)),
    "dWx, dWh: batch mean": joined(dWx=scaled(1 / B), dWh=scaled(1 / B)),
    "db: sum of all": joined(db=lambda db: db.sum() + 0 * db),
    "db: one gate for three": joined(
        db=lambda db: np.hstack([*[db[:, columns("f")]] * 3, db[:, columns("g")]])),
    "dW: rows [1, h, x]": of_dW(np.vstack([dW[:1], dW[1 + D :], dW[1 : 1 + D]])),
    "dW: rows [x, h, 1]": of_dW(np.vstack([dW[1:], dW[:1]])),
}  # fmt: skip
for k in GATES:
    OUTPUTS |= {f"dW_{k}: zero": of_dW(times(0, EVERY, k)(dW)),
                f"db_{k}: zero": of_dW(times(0, BIAS, k)(dW))}  # fmt: skip
    for j in set(GATES) - {k}:
        OUTPUTS |= {f"dW_{k}: of {j}": of_dW(of_gate(EVERY, k, j)(dW)),
                    f"db_{k}: of {j}": of_dW(of_gate(BIAS, k, j)(dW))}  # fmt: skip
for order in ORDERS:
    OUTPUTS[f"dW in order {', '.join(order)}"] = of_dW(
        np.hstack([dW[:, columns(k)] for k in order])
    )


@pytest.mark.parametrize("name", sorted(OUTPUTS))
def test_mistakes_that_follow_from_the_right_results(name):
    wanted = OUTPUTS[name]
    if not P.second.any() and "dW" in wanted:  # both biases have the gradient of their sum
        wanted = wanted | {"db2": wanted["dW"][0]}
    same(name, P, wanted)


# One step of one sequence, where the gradient of the bias is that of the raw gates.

dz = dict(zip(GATES, split_gates(results(ONE)["dW"][:1]), strict=True))
Wx, Wh = ({k: W[:, columns(k)] for k in GATES} for W in (ONE.W[1 : 1 + D], ONE.W[1 + D :]))
U = np.hstack([np.ones((1, 1)), ONE.X[0], ONE.h0])


def from_dz(raw):
    """What follows from the gradients of the raw gates."""
    joined = np.hstack([raw[k] for k in GATES])
    return of_dW(U.T @ joined) | {"dX": (joined @ ONE.W[1 : 1 + D].T)[None],
                                  "dh0": joined @ ONE.W[1 + D :].T}  # fmt: skip


def slope(k):
    value = kept(ONE, k)[0]
    return 1 - value**2 if k == "g" else value * (1 - value)


def back(raw, weights):
    return sum(raw[k] @ weights[k].T for k in raw)


STEP = {}
for k in GATES:
    less = {j: dz[j] for j in GATES if j != k}
    STEP |= {
        f"dz_{k}: not in dh_prev": {"dh0": back(less, Wh)},
        f"dz_{k}: not in dx": {"dX": back(less, Wx)[None]},
        f"dz_{k}: not in du": {"dh0": back(less, Wh), "dX": back(less, Wx)[None]},
        f"dz_{k}: alone in dh_prev": {"dh0": back({k: dz[k]}, Wh)},
        f"dz_{k}: alone in dx": {"dX": back({k: dz[k]}, Wx)[None]},
        f"dz_{k}: alone in du": {"dh0": back({k: dz[k]}, Wh), "dX": back({k: dz[k]}, Wx)[None]},
    }
    for j in less:
        STEP |= {
            f"dz_{k}: with {j}'s Wh": {"dh0": back(dz, Wh | {k: Wh[j]})},
            f"dz_{k}: with {j}'s Wx": {"dX": back(dz, Wx | {k: Wx[j]})[None]},
            f"d{k}: from d{j}": from_dz(dz | {k: dz[j] / slope(j) * slope(k)}),
        }
STEP = {name: wanted for name, wanted in STEP.items() if name in TABLE}  # without its twins
STEP |= {
    f"dz in order {', '.join(order)}": from_dz(
        {k: dz[j] for k, j in zip(GATES, order, strict=True)}
    )
    for order in ORDERS
}


@pytest.mark.parametrize("name", sorted(STEP))
def test_mistakes_of_one_step_back(name):
    same(name, ONE, STEP[name])


def test_most_rows_are_worked_out_here():
    worked_out = {*INPUTS, *WEIGHTS, *OUTPUTS, *STEP}
    assert worked_out <= set(TABLE)
    assert len(worked_out) > 340
