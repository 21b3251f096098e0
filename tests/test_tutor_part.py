"""Pieces of an LSTM: the mistakes that the tutor names in each, and in which words."""

import numpy as np
import pytest

import lstm
from lstm import tutor
from lstm.tutor.equations import EQUATIONS
from lstm.tutor.verdict import Finding


def judged(name, function):
    (finding,) = tutor.part(name, function).findings
    return finding


@pytest.mark.parametrize(
    ("name", "function", "error", "says"),
    [
        ("forwards", len, ValueError, "name: expected one of ['initial weights', 'forward', 'one "
         "step back', 'back through time', 'carry', 'gradient check', 'training'], got 'forwards'"),
        ("carry", 3, TypeError, "function: expected a function, got a int"),
    ],
)  # fmt: skip
def test_what_is_no_piece(name, function, error, says):
    with pytest.raises(error) as raised:
        tutor.part(name, function)
    assert str(raised.value) == says


# Initial weights.

D, H = 70, 30
HINT = (
    "Which spread do the raw gates have, and how long does a cell that is left alone keep what it "
    "holds?"
)


def weights(input_size, hidden_size, rng):
    """Right ones, with a spread of exactly 1 / sqrt(D + H)."""
    W = rng.standard_normal((1 + input_size + hidden_size, 4 * hidden_size))
    W[1:] /= W[1:].std() * np.sqrt(input_size + hidden_size)
    W[0] = 0
    W[0, hidden_size : 2 * hidden_size] = 3
    return W


def with_bias(**biases):
    def init(D, H, rng):
        W = weights(D, H, rng)
        for gate, bias in biases.items():
            W[0].reshape(4, H)["ifog".index(gate)] = bias
        return W

    return init


def scaled(factor):
    def init(D, H, rng):
        W = weights(D, H, rng)
        W[1:] *= factor
        return W

    return init


def alike(one, other):
    """Two gates with the same weights."""

    def init(D, H, rng):
        W = weights(D, H, rng)
        gates = W[1:].reshape(-1, 4, H)
        gates[:, "ifog".index(one)] = gates[:, "ifog".index(other)]
        return W

    return init


def one_nan(D, H, rng):
    W = weights(D, H, rng)
    W[5, 6] = np.nan
    return W


SAME = ("Two gates start with the same weights", "all gates from the same seed",
        "https://github.com/nicodjimenez/lstm/pull/35")  # fmt: skip
FAULTS = [
    (lambda *_: 1j, "Returns a complex, expected one array of shape (101, 120)"),
    (lambda *_: "W", "Returns a str, expected one array of shape (101, 120)"),
    (lambda *a: weights(*a).T, "`W` has shape (120, 101), expected (101, 120)"),
    (one_nan, "`W` has numbers that are not finite"),
    (alike("i", "g"), *SAME),
    (alike("o", "f"), *SAME),
    (with_bias(f=-3), "The forget bias is -3: that closes the gate",
     "forget bias with the other sign", "https://gist.github.com/karpathy/587454dc0146a6ae21fc"),
    (with_bias(f=0, i=3), "The 3 is the bias of i, not of f", "forget bias at another gate"),
    (with_bias(f=1, o=3, g=3), "The 3 is the bias of o, g, not of f",
     "forget bias at another gate"),
    (with_bias(f=0), "The bias of the forget gate is not 3", "no forget bias"),
    (with_bias(f=np.arange(H) % 2 * 3), "The bias of the forget gate is not 3", "no forget bias"),
    *((with_bias(**{gate: np.arange(H) == 7}), "The biases of i, o and g are not zero",
       "biases not zero") for gate in "iog"),
    (scaled(10), "The spread of the weights is not divided by sqrt(D + H)", "no scale"),
    (scaled(0.1), "The spread of the weights is divided by D + H, without the root",
     "no root in the scale"),
    (scaled(np.sqrt(100 / 70)), "The spread of the weights is divided by sqrt(D) instead of "
     "sqrt(D + H)", "scale of D alone"),
    (scaled(np.sqrt(100 / 30)), "The spread of the weights is divided by sqrt(H) instead of "
     "sqrt(D + H)", "scale of H alone"),
    (scaled(3), "The spread of the weights is 0.3, expected 0.1"),
    (scaled(1.06), "The spread of the weights is 0.106, expected 0.1"),
    (scaled(0.94), "The spread of the weights is 0.094, expected 0.1"),
    (scaled(10.6), "The spread of the weights is 1.06, expected 0.1"),
    (lambda D, H, rng: weights(D, H, np.random.default_rng(0)),
     "Two generators give the same weights: draw them from `rng`", "rng ignored"),
    (lambda D, H, rng: weights(D, H, np.random.default_rng()),
     "One generator gives two results: draw from `rng` alone", "other random numbers"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("function", "says", "name", "source"),
    [(*row, "", "")[:4] for row in FAULTS],
    ids=range(len(FAULTS)),
)
def test_what_is_wrong_with_initial_weights(function, says, name, source):
    assert judged("initial weights", function) == Finding(
        "initial weights", "wrong", says, source=source, hint=HINT, mistakes=(name,) * bool(name)
    )


@pytest.mark.parametrize("factor", [0.96, 1, 1.04])
def test_initial_weights_may_have_nearly_the_right_spread(factor):
    says = "spread, biases and forget bias are as they should be"
    assert judged("initial weights", scaled(factor)) == Finding("initial weights", "right", says)


def test_initial_weights_are_asked_for_with_sizes_and_a_generator():
    asked = []

    def init(D, H, rng):
        asked.append((D, H, rng.standard_normal()))
        return weights(D, H, rng)

    judged("initial weights", init)
    drawn = [np.random.default_rng(seed).standard_normal() for seed in (0, 0, 1)]
    assert asked == [(70, 30, each) for each in drawn]


# Pieces of a sequence.


def in_pieces(carry=lambda c, h, c0, h0: (c, h), last=True):
    def function(forward, X, W, c0, h0, length):
        Hout, c, h = np.zeros((len(X), *c0.shape)), c0, h0
        for start in range(0, len(X) if last else len(X) // length * length, length):
            out, Cn, Hn, _ = forward(X[start : start + length], W, c, h)
            Hout[start : start + len(out)] = out
            c, h = carry(Cn, Hn, c0, h0)
        return Hout, Cn, Hn

    return function


CARRIED = {
    "states not carried": ("Every piece starts from `c0` and `h0`",
                           in_pieces(lambda c, h, c0, h0: (c0, h0))),
    "states zero": ("The states are not carried: every piece but the first starts from zero",
                    in_pieces(lambda c, h, c0, h0: (0 * c, 0 * h))),
    "c not carried": ("`c` is not carried from piece to piece",
                      in_pieces(lambda c, h, c0, h0: (c0, h))),
    "h not carried": ("`h` is not carried from piece to piece",
                      in_pieces(lambda c, h, c0, h0: (c, h0))),
    "c zero": ("`c` starts from zero in every piece but the first",
               in_pieces(lambda c, h, c0, h0: (0 * c, h))),
    "h zero": ("`h` starts from zero in every piece but the first",
               in_pieces(lambda c, h, c0, h0: (c, 0 * h))),
    "states swapped": ("`c` and `h` are swapped from piece to piece",
                       in_pieces(lambda c, h, c0, h0: (h, c))),
    "last piece lost": ("The last piece, which is shorter, is left out", in_pieces(last=False)),
}  # fmt: skip


@pytest.mark.parametrize("name", CARRIED)
def test_what_is_not_carried_has_its_name(name):
    says, function = CARRIED[name]
    finding = judged("carry", function)
    assert (finding.part, finding.status, finding.says) == ("carry", "wrong", says)
    assert (finding.mistakes, finding.label) == ((name,), "eq-unrolled")
    assert finding.hint == EQUATIONS["eq-unrolled"].hint
    assert finding.place.array == "Hout"


def test_pieces_that_fit_together():
    says = "agrees with the equation on 3 random problems"
    assert judged("carry", in_pieces()) == Finding("carry", "right", says)


@pytest.mark.parametrize(
    ("k", "sizes", "length"), [(0, (6, 2, 5, 4), 2), (1, (7, 3, 2, 4), 3), (2, (5, 4, 1, 3), 1)]
)
def test_pieces_are_told_with_their_sizes(k, sizes, length):
    asked = []

    def short(forward, X, W, c0, h0, length):
        asked.append((*X.shape, c0.shape[1], length))
        Hout, Cn, Hn = in_pieces()(forward, X, W, c0, h0, length)
        return Hout[: -1 if len(asked) > k else None], Cn, Hn

    n, b, D, H = sizes
    assert judged("carry", short).says == (
        f"Hout has shape ({n - 1}, {b}, {H}), expected ({n}, {b}, {H}) with n, b, D, H = "
        f"{n}, {b}, {D}, {H}"
    )
    assert asked[-1] == (*sizes, length)


# Differences.


def central(f, x, delta):
    out = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[index] = delta
        out[index] = (f(x + step) - f(x - step)) / (2 * delta)
    return out


def one_side(f, x, delta):
    out = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[index] = delta
        out[index] = (f(x + step) - f(x)) / delta
    return out


def left_moved(f, x, delta):
    out, x = np.zeros(x.shape), x.copy()
    for index in np.ndindex(x.shape):
        x[index] += delta
        up = f(x)
        x[index] -= 2 * delta
        out[index] = (up - f(x)) / (2 * delta)  # and there it stays
    return out


DIFFERENCES = {
    "one-sided": (
        "The difference is taken on one side only, `f(x + delta) - f(x)`: its error falls with "
        "delta, not with its square", one_side),
    "one-sided below": ("The difference is taken on one side only, `f(x) - f(x - delta)`",
                        lambda f, x, delta: one_side(f, x, -delta)),
    "delta for 2 delta": ("It is divided by delta instead of 2 delta",
                          lambda f, x, delta: 2 * central(f, x, delta)),
    "not divided": ("The difference is not divided by 2 delta",
                    lambda f, x, delta: central(f, x, delta) * 2 * delta),
    "sign": ("The difference has the wrong sign", lambda f, x, delta: -central(f, x, delta)),
    "one-sided over 2 delta": (
        "The difference is taken on one side, but divided by 2 delta",
        lambda f, x, delta: one_side(f, x, delta) / 2),
    "all moved at once": (
        "All elements are moved at once instead of one at a time",
        lambda f, x, delta: np.full(x.shape, (f(x + delta) - f(x - delta)) / (2 * delta))),
    "not moved back": ("An element is not moved back before the next is moved", left_moved),
}  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_wrong_difference_has_its_name(name):
    says, function = DIFFERENCES[name]
    finding = judged("gradient check", function)
    assert (finding.part, finding.status, finding.says) == ("gradient check", "wrong", says)
    assert (finding.mistakes, finding.label, finding.hint) == ((name,), "", "")
    assert finding.place.array == "gradient"


def test_right_differences_and_what_has_no_name():
    says = "agrees with the equation on 3 random problems"
    assert judged("gradient check", central) == Finding("gradient check", "right", says)
    finding = judged("gradient check", lambda f, x, delta: 3 * central(f, x, delta))
    assert finding.says == "wrong in a way that has no name here"


@pytest.mark.parametrize(("k", "shape"), [(0, (3, 2)), (1, (1, 2)), (2, (2, 1))])
def test_differences_are_asked_for_in_several_shapes(k, shape):
    deltas = []

    def longer(f, x, delta):
        deltas.append(delta)
        right = central(f, x, delta)
        return np.append(right, 0) if len(deltas) > k else right

    size = shape[0] * shape[1] + 1
    says = f"gradient has shape ({size},), expected {shape} with x of shape {shape}"
    assert judged("gradient check", longer).says == says
    assert deltas == [1e-4] * (k + 1)


def test_a_wrong_step_is_tried_in_a_right_loop():
    def back(dh, dc_next, v, W):
        dc = dc_next + dh * v.o * (1 - v.s**2)
        dz = np.hstack([dc * v.g * v.i * (1 - v.i), dc * v.c_prev * v.f * (1 - v.f),
                        dh * v.s * v.o * (1 - v.o), dc * v.i * (1 - v.g**2)])  # fmt: skip
        u, du = np.hstack([np.ones((len(dh), 1)), v.x, v.h_prev]), dz @ W.T
        return du[:, 1 : 1 + v.x.shape[1]], u.T @ dz, dc * v.i, du[:, 1 + v.x.shape[1] :]

    finding = judged("one step back", back)
    assert (finding.part, finding.mistakes) == ("one step back", ("dc_prev: i for f",))
    assert finding.details[-1] == "your step was tried inside a correct loop over the steps"
    (short,) = tutor.part("one step back", lambda *a: back(*a)[:3]).findings
    assert short.says == "returns 3 values, expected 4: dx, dW, dc_prev, dh_prev"
    assert short.details == ()


def test_the_forward_pass_is_judged_alone():
    says = "Hout, Cn and Hn agree with the equations on 7 random problems"
    assert judged("forward", lstm.forward) == Finding("forward", "right", says)
