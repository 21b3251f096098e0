"""However an array lies in memory, and whatever else it is beside its numbers, the result is one.

A table of calls, each from arrays by name to results. Every array is handed over in another layout:
by columns, with gaps, backwards along each axis, not aligned, read-only, from a file, as an array
of somebody's own class. Results are those of plain arrays up to rounding, since products of
matrices may add up in another order.
"""

import jax
import numpy as np
import pytest

import lstm
from lstm import (
    attention,
    exchange,
    gradcheck,
    losses,
    masks,
    network,
    recompute,
    scan,
    stack,
    text,
    train,
)
from lstm.layers import Layer
from lstm.parallel import adjoint, diagonal, linear, newton
from lstm.tasks import Batch
from lstm.variants import CELLS

N, B, D, H, K = 6, 4, 5, 3, 2


class Own(np.ndarray):
    """What a user may have derived from NumPy's array."""


def by_columns(array, _):
    return np.asfortranarray(array)


def with_gaps(array, _):
    return np.repeat(array, 2, axis=-1)[..., ::2]


def backwards(axis):
    def turned(array, _):
        return np.flip(np.flip(array, axis).copy(), axis)

    return turned


def not_aligned(array, _):
    whole = np.frombuffer(b"." + array.tobytes(), np.uint8)[1:]
    return whole.view(array.dtype).reshape(array.shape)


def read_only(array, _):
    array = array.copy()
    array.setflags(write=False)
    return array


def from_a_file(array, folder):
    path = folder / f"{len(list(folder.iterdir()))}.bin"
    array.tofile(path)
    return np.memmap(path, array.dtype, "r", shape=array.shape)


def of_ones_own_class(array, _):
    return array.view(Own)


def as_lists(array, _):
    return array.tolist()


LAYOUTS = {
    "by columns": by_columns, "with gaps": with_gaps, "backwards, first axis": backwards(0),
    "backwards, last axis": backwards(-1), "not aligned": not_aligned, "read-only": read_only,
    "from a file": from_a_file, "of one's own class": of_ones_own_class,
    "lists": as_lists,
}  # fmt: skip


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


W, W2 = lstm.init(D, H, rng=0), lstm.init(H, K, rng=1)
W[0] += normal(4 * H)
X, C0, H0, DHOUT = normal(N, B, D), normal(B, H), normal(B, H, seed=1), normal(N, B, H)
DCN, DHN = normal(B, H, seed=2), normal(B, H, seed=3)
PLAIN = {"X": X, "W": W, "c": C0, "h": H0}
BACK = {"dHout": DHOUT, "dCn": DCN, "dHn": DHN}
ATTENDED = attention.init(D, H, rng=2, dtype=float)
ATTENDED["WOUT"] += normal(*ATTENDED["WOUT"].shape)
WOUT, Y = normal(1 + H, K), normal(N, B, K)
LENGTHS = np.array([6, 0, 3, 6])
WHERE = (np.arange(N)[:, None] < LENGTHS) & (normal(N, B) > -1)
OWN = normal(D, 4 * H)


def run(X, W, c, h):
    return lstm.forward(X, W, c, h).cache


def streamed(X, W, c, h):
    stream = lstm.Stream([Layer(W)], len(c))
    stream.reset([(c, h)])
    return [*map(stream.step, X), *stream.state[0]]


def stepped(X, W, c, h):
    layers = [Layer(W), *stack.init(H, H, 2, rng=4)]
    x, states = (X[0], [[np.asarray(state)[None], None, None] for state in (c, h)])
    ends = [stack.step(x, layers, *states), stack.step(X[0][1], layers)]
    return [array for end in ends for part in end for array in part]


def stacked(X, W, W2, c, h, dHout, **options):
    layers = [Layer(W, W), Layer(np.concatenate([W2, W2[1 : 1 + H]]))]  # reads both directions
    states = [[np.stack([state, state]), None] for state in (c, h)]
    out = stack.forward(X, layers, *states, **options)
    back = stack.backward(dHout, out.cache, None, None)
    whole = stack.forward(X, layers, **options, cache=False)
    return [out.Hout, *out.Cn, back.dX, *(W for la in back.dlayers for W in la if W is not None),
            *back.dc0, whole.Hout]  # fmt: skip


def trained(X, Y, where, lengths, WLSTM, WOUT):
    result = train.run({"WLSTM": WLSTM, "WOUT": WOUT}, Batch(X, Y, where, lengths))
    return [result.loss, result.answers[np.asarray(where)], *result.grads.values()]


def celled(name):
    cell = CELLS[name](D, H)
    params = {k: v + 0.1 for k, v in cell.init(3).items()}

    def call(X, dHout, **params):
        run = cell.forward(X, params)
        back = cell.backward(dHout, run.cache)
        return [run.Hout, *run.state.values(), back.dX, *back.params.values()]

    return call, {"X": X, "dHout": normal(N, B, cell.outputs)} | params


def attended(X, Z, dY, **params):
    out = attention.forward(params, X, Z)
    return [out.answers, out.weights, *attention.backward(dY, out.cache).values(),
            attention.translate(params, X, 4)]  # fmt: skip


def named(X, W):
    """What an oracle makes of a function of two arrays."""
    inputs, cotangents = {"X": X, "W": W}, (DHOUT,)
    oracles = (gradcheck.central_differences, gradcheck.complex_step)
    return [a for f in oracles for a in f(
        lambda X, W: lstm.forward(X, W).Hout, inputs, cotangents, 1e-5).values()]  # fmt: skip


def scanned(X, W, c, h):
    with jax.enable_x64(True):
        out, pull = jax.vjp(scan.forward, X, W, c, h)
        return [*out, *pull(type(out)(DHOUT, DCN, DHN))]


def stored(folder):
    def call(W, readout):
        arrays = []
        for kind in ("npz", "safetensors", "onnx"):
            path = folder / f"stored.{kind}"
            exchange.save(path, [Layer(W)], readout=readout)
            model = exchange.load_model(path)
            arrays += [model.layers[0].forward, model.readout]
        return arrays

    return call


def calls(folder):
    return {
        "forward": (lambda **a: lstm.forward(a["X"], a["W"], a["c"], a["h"])[:3], PLAIN),
        "without a cache": (
            lambda **a: lstm.forward(a["X"], a["W"], a["c"], a["h"], cache=False)[:3], PLAIN),
        "backward": (lambda **a: lstm.backward(
            a["dHout"], run(X, W, C0, H0), a["dCn"], a["dHn"]), BACK),
        "adjoint": (lambda **a: adjoint.backward(
            a["dHout"], run(X, W, C0, H0), a["dCn"], a["dHn"]), BACK),
        "recompute": (lambda **a: recompute.backward(
            a["dHout"], recompute.forward(a["X"], a["W"], a["c"], a["h"], every=2).cache,
            a["dCn"], a["dHn"]), PLAIN | BACK),
        "step": (lambda **a: [*lstm.step(a["X"][0], a["W"], a["c"], a["h"]),
                              *lstm.step(a["X"][0][1], a["W"], a["c"][1], a["h"][1])], PLAIN),
        "step of a stack": (stepped, PLAIN),
        "stream": (streamed, PLAIN),
        "scan": (scanned, PLAIN),
        "stack": (stacked, {"X": X, "W": W, "W2": W2, "c": C0, "h": H0, "dHout": normal(N, B, K)}),
        "stack, lengths": (
            lambda lengths, **a: stacked(**a, lengths=lengths),
            {"X": X, "W": W, "W2": W2, "c": C0, "h": H0, "dHout": normal(N, B, K),
             "lengths": LENGTHS}),
        "training": (trained, {"X": X, "Y": Y, "where": WHERE, "lengths": LENGTHS, "WLSTM": W,
                               "WOUT": WOUT}),
        "answer": (lambda Hout, WOUT: [network.answer({"WOUT": WOUT}, Hout)],
                   {"Hout": DHOUT, "WOUT": WOUT}),
        "attention": (attended, {"X": X, "Z": normal(N + 1, B, D), "dY": normal(N + 1, B, D)}
                      | ATTENDED),
        "squared error": (lambda U, Y: losses.squared_error(U, Y),
                          {"U": normal(3, 4), "Y": normal(3, 4, seed=1)}),
        "cross-entropy": (lambda U, Y: losses.cross_entropy(U, Y),
                          {"U": normal(3, 4), "Y": np.eye(4)[[1, 0, 3]]}),
        "mean loss": (lambda U, Y, where: losses.mean_loss(U, Y, where),
                      {"U": Y, "Y": normal(N, B, K, seed=5), "where": WHERE}),
        "left_align": (lambda X, mask: masks.left_align(X, mask), {"X": X, "mask": WHERE}),
        "lengths_of": (lambda mask: [masks.lengths_of(mask)],
                       {"mask": np.arange(N)[:, None] < LENGTHS}),
        "pad": (lambda a, b: masks.pad([a, b]), {"a": normal(3, 4), "b": normal(2, 4)}),
        "reverse": (lambda X, lengths: [stack.reverse(X, lengths)],
                    {"X": X, "lengths": LENGTHS}),
        **{way: (lambda A, u, s, way=way: [getattr(linear, way)(A, u, s)],
                 {"A": normal(N, B, H, H), "u": DHOUT, "s": C0})
           for way in ("loop", "doubling", "blocked", "solve")},
        "linear": (lambda ds, A, states, s: linear.backward(ds, A, states, s),
                   {"ds": DHOUT, "A": normal(N, B, H), "states": normal(N, B, H, seed=2),
                    "s": C0}),
        "newton": (lambda **a: newton.solve(a["X"], a["W"], a["c"], a["h"])[:2], PLAIN),
        "diagonal": (lambda X, b, Wx, w: [*diagonal.forward(X, b, Wx, w),
                                          *diagonal.solve(X, b, Wx, w)[:2]],
                     {"X": X, "b": OWN[0], "Wx": OWN, "w": OWN[1]}),
        **{f"cell, {name}": celled(name) for name in CELLS},
        "oracles": (named, {"X": X, "W": W}),
        "probabilities": (lambda U: [text.probabilities(U, top=2)], {"U": Y}),
        "bits": (lambda s, WLSTM, WOUT: [text.bits({"WLSTM": WLSTM, "WOUT": WOUT}, s)],
                 {"s": np.array([1, 0, 2, 4, 3]), "WLSTM": W, "WOUT": normal(1 + H, D)}),
        "decode": (lambda s: [text.encode(text.decode(s, "abcde"), "abcde")],
                   {"s": np.array([1, 0, 2, 4, 3])}),
        "files": (stored(folder), {"W": W, "readout": WOUT}),
        **{f"{name}, there and back": (
            lambda W, module=module: [module.load(module.dump([Layer(W)]))[0].forward], {"W": W})
           for name, module in {"torch": exchange.torch, "flax": exchange.flax,
                                "haiku": exchange.haiku, "nnx": exchange.nnx,
                                "onnx": exchange.onnx}.items()},
    }  # fmt: skip


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Every call with its arguments, and the results for plain arrays."""
    folder = tmp_path_factory.mktemp("layouts")
    made = {}
    for name, (call, arrays) in calls(folder).items():
        made[name] = call, arrays, [np.array(part) for part in call(**arrays)]
    return made, folder


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_changes_nothing(layout, table):
    made, folder = table
    for name, (call, arrays, want) in made.items():
        moved = {key: LAYOUTS[layout](array, folder) for key, array in arrays.items()}
        if layout == "lists" and name.startswith("cell, "):
            with pytest.raises(TypeError, match="expected an array, got <class 'list'>"):
                call(**moved)
            continue
        before = {key: np.array(array) for key, array in moved.items()}
        for key, array in moved.items():
            np.testing.assert_array_equal(array, arrays[key], err_msg=f"{layout}: {key}")
        for got, expected in zip(call(**moved), want, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-11, err_msg=name)
            assert type(np.asarray(got)) is np.ndarray
        for key, array in moved.items():
            np.testing.assert_array_equal(array, before[key], err_msg=f"{name} changed {key}")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_array_at_a_time_in_another_layout(layout, table):
    """What two arrays of one layout could hide."""
    made, folder = table
    for name in ("forward", "without a cache", "backward", "stack", "attention", "training"):
        call, arrays, want = made[name]
        for key, array in arrays.items():
            moved = arrays | {key: LAYOUTS[layout](array, folder)}
            for got, expected in zip(call(**moved), want, strict=True):
                np.testing.assert_allclose(
                    got, expected, rtol=1e-9, atol=1e-11, err_msg=f"{name}: {key}"
                )


@pytest.mark.parametrize("kind", ["i1", "i2", "i4", "u1", "u2", "u4", "u8"])
def test_integers_may_be_of_any_type(kind, table):
    made, _ = table
    found = 0
    for name, (call, arrays, want) in made.items():
        moved = {k: a.astype(kind) if a.dtype.kind == "i" else a for k, a in arrays.items()}
        if any(a.dtype.kind == "i" for a in arrays.values()):
            found += 1
            for got, expected in zip(call(**moved), want, strict=True):
                np.testing.assert_array_equal(got, expected, err_msg=name)
    assert found == 5


def test_one_array_may_stand_for_two():
    """The same object as c0 and h0, as dCn and dHn, or as X and a gradient."""
    both = lstm.forward(X, W, C0, C0), lstm.forward(X, W, C0, C0.copy())
    for one, two in zip(*(run[:3] for run in both), strict=True):
        np.testing.assert_array_equal(one, two)
    for one, two in zip(lstm.forward(X, W, C0, C0, cache=False)[:3], both[0][:3], strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-13, atol=1e-14)
    cache = both[0].cache
    results = (lstm.backward(DHOUT, cache, DCN, other) for other in (DCN, DCN.copy()))
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)
    for one, two in zip(lstm.step(X[0], W, C0, C0), lstm.step(X[0], W, C0, C0.copy()), strict=True):
        np.testing.assert_array_equal(one, two)
    stream = lstm.Stream(W, B)
    stream.reset([(C0, C0)])
    np.testing.assert_array_equal(stream.state[0], (C0, C0))
    stream.step(X[0])
    np.testing.assert_array_equal(C0, normal(B, H), err_msg="a stream owns its state")


@pytest.mark.parametrize("shape", [(), (1, 1, H), (1, B, 1), (N, 1, 1), (1, B, H)])
def test_a_gradient_that_repeats_one_number_need_not_be_written_out(shape):
    """As np.broadcast_to gives it: axes along which nothing moves."""
    cache = run(X, W, C0, H0)
    short = np.broadcast_to(normal(*shape, seed=7), (N, B, H))
    for back in (lstm.backward, adjoint.backward):
        for one, two in zip(back(short, cache), back(short.copy(), cache), strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-12, atol=1e-13)
    wide = np.broadcast_to(normal(1, 1, D, seed=8), X.shape)
    for one, two in zip(lstm.forward(wide, W)[:3], lstm.forward(wide.copy(), W)[:3], strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("order", ["<", ">"])
def test_numbers_in_another_byte_order_are_refused_or_right(order):
    """Never taken for what their bytes would be in this machine's order."""
    moved = [array.astype(array.dtype.newbyteorder(order)) for array in PLAIN.values()]
    if moved[0].dtype == X.dtype:
        np.testing.assert_array_equal(lstm.forward(*moved).Hout, lstm.forward(X, W, C0, H0).Hout)
        return
    for function in (lstm.forward, recompute.forward, newton.solve):
        with pytest.raises(TypeError, match=r"expected dtype float32, float64 or complex128, got"):
            function(*moved)
