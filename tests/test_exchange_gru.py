"""The GRU's table against Keras, Flax and ONNX; PyTorch is in tests/peers."""

import os

os.environ["KERAS_BACKEND"] = "jax"

import jax
import numpy as np
import pytest
from helpers import by_jax, refused

from lstm.exchange import gru as exchange_gru
from lstm.exchange.gru import ROSETTA, read, write
from lstm.exchange.names import flat, nested, spelled
from lstm.variants import check, gru

D, H = 3, 5
MAKE = {"before": gru.cell, "after": gru.cell_after}


def problem(name, dtype=np.float64, n=6, b=2):
    """A cell of the row's form, and a problem with nothing zero."""
    cell = MAKE[ROSETTA[name].form](D, H)
    return cell, check.random_problem(cell, n, b, dtype=dtype)


def close(got, want, dtype=np.float32):
    within = 2e-5 if dtype == np.float32 else 1e-13
    np.testing.assert_allclose(got, want, rtol=0, atol=within * max(1, np.abs(want).max()))


@pytest.mark.parametrize("name", ROSETTA)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_there_and_back(name, dtype):
    """Ours to theirs to ours: the same. Theirs to ours to theirs: the same, except for the split of
    biases."""
    _, (_, params, *_) = problem(name, dtype)
    before = {key: value.copy() for key, value in params.items()}
    back = read(ROSETTA[name], write(ROSETTA[name], params))
    assert list(back) == list(params)
    for key, value in params.items():
        np.testing.assert_array_equal(back[key], value, strict=True)
        np.testing.assert_array_equal(before[key], value)
        assert not np.shares_memory(back[key], value)


@pytest.mark.parametrize("name", ROSETTA)
def test_no_number_lands_in_two_places(name):
    """Every parameter is a number of its own; each must be found once in the library's arrays."""
    _, (_, params, *_) = problem(name)
    count = 1
    for key, value in params.items():
        params[key] = np.arange(count, count + value.size, dtype=float).reshape(value.shape)
        count += value.size
    arrays = jax.tree.leaves(write(ROSETTA[name], params))
    assert all(value.flags.c_contiguous and value.flags.writeable for value in arrays)
    found = np.concatenate([value.ravel() for value in arrays])
    np.testing.assert_array_equal(np.sort(found[found != 0]), np.arange(1, count))


def by_hand(row, arrays, D, H):
    """Gate by gate, what the row says of each; rows of the biases of x, of h, of both weights."""
    ours = {"r": "r", "z": "f", "n": "g", "h": "g"}
    found = {}
    for place, k in enumerate(row.order.split()):
        span, matrices = slice(place * H, (place + 1) * H), []
        for name in (row.x, row.h):
            if row.gates == "apart":
                matrices.append(arrays[name.format(k)])
            else:
                matrix = arrays[name].T if row.gates == "rows" else arrays[name]
                matrices.append(matrix[:, span])
        none = np.zeros(H)
        if row.biases == "some":
            biases = [arrays.get(f"{side}{k}/bias", none) for side in "ih"]
        elif row.biases == "one":
            biases = [arrays[row.bias[0]][span], none]
        elif row.biases == "two":
            biases = [arrays[bias][span] for bias in row.bias]
        else:
            biases = [b[span] for b in np.reshape(arrays[row.bias[0]], (2, 3 * H))]
        found[ours[k]] = (*biases, *matrices)
    both = {k: np.vstack([bx + bh, x, h]) for k, (bx, bh, x, h) in found.items()}
    W = np.hstack([both["r"], both["f"]])
    bx, bh, x, h = found["g"]
    if row.form == "before":
        return {"W": W, "V": both["g"]}
    return {"W": W, "V": np.vstack([bx, x]), "R": np.vstack([bh, h])}


@pytest.mark.parametrize("name", ROSETTA)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("D", "H"), [(3, 2), (2, 3), (4, 4), (65, 64), (64, 65), (2, 130)])
def test_at_any_size_a_row_is_what_it_says(name, D, H, dtype):
    """Also of huge and tiny numbers; they have 20 bits, or 40, so that sums of two are exact."""
    row, rng = ROSETTA[name], np.random.default_rng(D)
    like = flat(write(row, MAKE[row.form](D, H).init(0)), "", "")
    most = 2 ** (20 if dtype == np.float32 else 40)
    for scale in (1.0, 2.0**-40, 2.0**60, float(np.finfo(dtype).smallest_subnormal)):
        arrays = {key: (scale * rng.integers(-most, most, a.shape)).astype(dtype)
                  for key, a in like.items()}  # fmt: skip
        params = read(row, nested(arrays))
        for key, want in by_hand(row, arrays, D, H).items():
            np.testing.assert_array_equal(params[key], want.astype(dtype), strict=True)
        again = read(row, write(row, params))
        for key, value in params.items():
            np.testing.assert_array_equal(again[key], value, strict=True)


def keras_layer(name, params, n, b):
    import keras

    layer = keras.layers.GRU(
        H, return_sequences=True, return_state=True, reset_after=ROSETTA[name].form == "after"
    )
    layer.build((b, n, D))
    arrays = write(ROSETTA[name], params)
    for variable in layer.cell.weights:
        variable.assign(arrays[variable.name])
    return layer


@pytest.mark.parametrize("name", [name for name in ROSETTA if name.startswith("Keras")])
def test_against_keras(name):
    """Outputs, state and, by JAX, all gradients."""
    cell, (X, params, state, dHout, dstate) = problem(name, np.float32)
    layer = keras_layer(name, params, *X.shape[:2])
    weights = {variable.name: variable for variable in layer.cell.weights}
    got = read(ROSETTA[name], {key: np.asarray(value) for key, value in weights.items()})
    for key, value in params.items():
        np.testing.assert_array_equal(got[key], value, strict=True)

    run = cell.forward(X, params, state)
    mine = cell.backward(dHout, run.cache, dstate)

    def theirs(X, h, weights):
        trainable = [weights[variable.name] for variable in layer.trainable_variables]
        fixed = [variable.value for variable in layer.non_trainable_variables]
        (out, last), _ = layer.stateless_call(trainable, fixed, X.swapaxes(0, 1), initial_state=h)
        return out.swapaxes(0, 1), last

    arrays = {key: np.asarray(value) for key, value in weights.items()}
    (Hout, last), (dX, dh, dweights) = by_jax(theirs, (X, state["h"], arrays), (dHout, dstate["h"]))
    close(run.Hout, Hout)
    close(run.state["h"], last)
    close(mine.dX, dX)
    close(mine.state["h"], dh)
    dweights = {key: np.array(value) for key, value in dweights.items()}
    if ROSETTA[name].form == "after":  # each of two biases has the gradient of their sum
        dweights["bias"][1, : 2 * H] = 0
    for key, value in read(ROSETTA[name], dweights).items():
        close(mine.params[key], value)


def test_against_flax():
    import flax.linen as nn

    cell, (X, params, state, dHout, dstate) = problem("Flax linen", np.float32)
    theirs = nn.GRUCell(H)
    fresh = theirs.init(jax.random.key(0), state["h"], X[0])["params"]
    arrays = write(ROSETTA["Flax linen"], params)
    assert jax.tree.map(np.shape, arrays) == jax.tree.map(np.shape, dict(fresh))

    def run(arrays, X, h):
        outs = []
        for x in X:
            h, _ = theirs.apply({"params": arrays}, h, x)
            outs.append(h)
        return jax.numpy.stack(outs), h

    (Hout, last), (darrays, dX, dh) = by_jax(run, (arrays, X, state["h"]), (dHout, dstate["h"]))
    mine = cell.forward(X, params, state)
    close(mine.Hout, Hout)
    close(mine.state["h"], last)
    grads = cell.backward(dHout, mine.cache, dstate)
    close(grads.dX, dX)
    close(grads.state["h"], dh)
    for key, value in read(ROSETTA["Flax linen"], jax.tree.map(np.asarray, darrays)).items():
        close(grads.params[key], value)


@pytest.mark.parametrize("name", [name for name in ROSETTA if name.startswith("ONNX")])
def test_against_onnx_runtime(name):
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    cell, (X, params, state, *_) = problem(name, np.float32)
    arrays = {key: value[None] for key, value in write(ROSETTA[name], params).items()}
    reset = int(ROSETTA[name].form == "after")
    node = helper.make_node(
        "GRU", ["X", "W", "R", "B", "", "h0"], ["Y", "Yh"], hidden_size=H, linear_before_reset=reset
    )
    float_ = TensorProto.FLOAT
    graph = helper.make_graph(
        [node], "gru",
        [helper.make_tensor_value_info("X", float_, X.shape),
         helper.make_tensor_value_info("h0", float_, (1, *state["h"].shape))],
        [helper.make_tensor_value_info("Y", float_, None)],
        [numpy_helper.from_array(value, key) for key, value in arrays.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (Y,) = session.run(["Y"], {"X": X, "h0": state["h"][None]})
    close(cell.forward(X, params, state).Hout, Y[:, 0])


def standard_cases(monkeypatch, kind):
    """The standard's own node tests, by name, with the data for their runner."""
    from importlib import import_module

    module = import_module(f"onnx.backend.test.case.node.{kind.lower()}")
    made = {}
    monkeypatch.setattr(module, "expect", lambda node, **case: made.update(
        {case["name"]: ({a.name: a for a in node.attribute}, case["inputs"], case["outputs"])}
    ))  # fmt: skip
    for name, export in vars(getattr(module, kind)).items():
        if name.startswith("export"):
            export.__func__()
    return made


def test_the_standards_own_gru_tests(monkeypatch):
    """Each direction of a node that reads both ways is compared as a cell of its own."""
    cases = standard_cases(monkeypatch, "GRU")
    assert len(cases) == 6
    for name, (attributes, (X, W, R, *B), outputs) in cases.items():
        turned = "layout" in attributes
        X, Yh = (X.swapaxes(0, 1), outputs[-1].swapaxes(0, 1)) if turned else (X, outputs[-1])
        way = attributes["direction"].s if "direction" in attributes else b"forward"
        assert len(W) == 1 + (way == b"bidirectional")
        for d in range(len(W)):
            arrays = dict(zip("WRB", (value[d] for value in (W, R, *B)), strict=False))
            cell, params = gru.cell(X.shape[2], R.shape[2]), read(ROSETTA["ONNX"], arrays)
            run = cell.forward(X[::-1] if way == b"reverse" or d else X, params)
            np.testing.assert_allclose(run.state["h"], Yh[d], rtol=1e-5, atol=1e-6, err_msg=name)


def test_the_standards_own_peephole_test(monkeypatch):
    from lstm.exchange import conventions
    from lstm.variants import peephole

    case = standard_cases(monkeypatch, "LSTM")["test_lstm_with_peepholes"]
    _, (X, W, R, B, _, h0, c0, P), (Yh,) = case
    arrays = {"W": W[0], "R": R[0], "B": B[0]}
    params = {"W": conventions.read(conventions.ROSETTA["ONNX"], arrays, "node")}
    params |= dict(zip(("p_i", "p_o", "p_f"), np.split(P[0], 3), strict=True))
    cell = peephole.cell(X.shape[2], R.shape[2])
    run = cell.forward(X, params, {"c": c0[0], "h": h0[0]})
    np.testing.assert_allclose(run.state["h"], Yh[0], rtol=1e-5, atol=1e-6)


def test_peepholes_against_onnx_runtime():
    """The standard's test has one step and equal weights; here nothing is equal."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    from lstm.exchange import conventions
    from lstm.variants import peephole

    cell = peephole.cell(D, H)
    X, params, state, *_ = check.random_problem(cell, 6, 2, dtype=np.float32)
    arrays = conventions.write(conventions.ROSETTA["ONNX"], params["W"])
    arrays["P"] = np.concatenate([params["p_i"], params["p_o"], params["p_f"]])
    names = ["X", "W", "R", "B", "", "h0", "c0", "P"]
    node = helper.make_node("LSTM", names, ["Y", "Yh", "Yc"], hidden_size=H)
    float_ = TensorProto.FLOAT
    graph = helper.make_graph(
        [node], "lstm",
        [helper.make_tensor_value_info(name, float_, None) for name in ("X", "h0", "c0")],
        [helper.make_tensor_value_info(name, float_, None) for name in ("Y", "Yc")],
        [numpy_helper.from_array(value[None], key) for key, value in arrays.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    Y, Yc = session.run(["Y", "Yc"], {"X": X, "h0": state["h"][None], "c0": state["c"][None]})
    run = cell.forward(X, params, state)
    close(run.Hout, Y[:, 0])
    close(run.state["c"], Yc[0])


def test_the_two_forms_are_not_each_others():
    """The same numbers in the other form give other outputs: reading one for the other is wrong."""
    cell, (X, params, *_) = problem("PyTorch")
    other = {"W": params["W"], "V": np.vstack([params["V"], params["R"][1:]])}
    other["V"][0] += params["R"][0]
    off = gru.cell(D, H).forward(X, other).Hout - cell.forward(X, params).Hout
    assert np.abs(off).max() > 0.05


# Bad inputs


def test_bad_inputs_of_read():
    row = ROSETTA["PyTorch"]
    arrays = write(row, problem("PyTorch")[1].params)
    with refused(
        TypeError,
        "arrays: expected a dictionary of arrays, module.state_dict(), names without their _l0, "
        "got NoneType",
    ):
        read(row, None)
    with refused(
        ValueError,
        "sd: expected 'bias_hh', 'bias_ih', 'weight_hh', 'weight_ih', all biases or none, "
        "got 'bias_ih', 'weight_hh', 'weight_ih'",
    ):
        read(row, {key: value for key, value in arrays.items() if key != "bias_hh"}, "sd")
    with refused(
        ValueError,
        "arrays: expected 'bias_hh', 'bias_ih', 'weight_hh', 'weight_ih', all biases or none, "
        "got 'bias_hh', 'bias_ih', 'weight', 'weight_hh'",
    ):
        read(row, {"weight" if key == "weight_ih" else key: v for key, v in arrays.items()})
    with refused(
        ValueError,
        "arrays: expected 'bias_hh', 'bias_ih', 'weight_hh', 'weight_ih', all biases or none, "
        "got 'bias_hh', 'bias_ih', 'more', 'weight_hh', 'weight_ih'",
    ):
        read(row, arrays | {"more": np.zeros(H)})
    for key, value in arrays.items():
        with pytest.raises(TypeError, match="expected dtype"):
            read(row, {**arrays, key: value.astype(np.float16)})
        for wrong in (value[:-1], value[None]):
            with pytest.raises(ValueError, match=r"expected shape|expected \d"):
                read(row, {**arrays, key: wrong})
    with pytest.raises(TypeError, match=r"arrays\['bias_ih'\]: expected dtype float64"):
        read(row, {**arrays, "bias_ih": arrays["bias_ih"].astype(np.float32)})


@pytest.mark.parametrize("name", [name for name in ROSETTA if ROSETTA[name].biases != "some"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_without_biases_they_are_zero_and_of_the_same_dtype(name, dtype):
    row, (_, (_, params, *_)) = ROSETTA[name], problem(name, dtype)
    bare = {k: v for k, v in write(row, params).items() if k not in row.bias}
    for key, value in read(row, bare).items():
        want = params[key].copy()
        if key != "R" or row.form == "after":
            want[0] = 0
        np.testing.assert_array_equal(value, want, strict=True)


def test_a_library_that_always_has_some_biases_lacks_none():
    row = ROSETTA["Flax linen"]
    arrays = write(row, problem("Flax linen")[1].params)
    names = "'hn/bias', 'hn/kernel', 'hr/kernel', 'hz/kernel', 'in/bias', 'in/kernel', and 4 more"
    less = {k: v for k, v in flat(arrays, "", "").items() if k[0] == "h"}
    with refused(
        ValueError,
        f"arrays: expected {names}, got 'hn/bias', 'hn/kernel', 'hr/kernel', 'hz/kernel'",
    ):
        read(row, nested(less))
    bare = {k: v for k, v in flat(arrays, "", "").items() if k.endswith("kernel")}
    kernels = "'hn/kernel', 'hr/kernel', 'hz/kernel', 'in/kernel', 'ir/kernel', 'iz/kernel'"
    with refused(ValueError, f"arrays: expected {names}, got {kernels}"):
        read(row, nested(bare))
    zero = {
        key: np.vstack([0 * v[:1], v[1:]]) for key, v in problem("Flax linen")[1].params.items()
    }
    with refused(
        ValueError, "bias: expected True, as the biases are not zero or the library has them"
    ):
        write(row, zero, bias=False)


@pytest.mark.parametrize(
    ("name", "key", "shape", "message"),
    [
        ("PyTorch", "weight_hh", (5,), "(rows, columns) = (any, any), got (5,)"),
        ("PyTorch", "weight_hh", (14, 5), "(3 * H, H) = (15, 5), got (14, 5)"),
        ("PyTorch", "weight_ih", (14, 3), "(3 * H, D) = (15, any), got (14, 3)"),
        ("PyTorch", "bias_ih", (14,), "(3 * H,) = (15,), got (14,)"),
        ("Keras, reset_after", "recurrent_kernel", (5, 14), "(H, 3 * H) = (5, 15), got (5, 14)"),
        ("Keras, reset_after", "kernel", (3, 14), "(D, 3 * H) = (any, 15), got (3, 14)"),
        ("Keras, reset_after", "bias", (30,), "(2, 3 * H) = (2, 15), got (30,)"),
        ("Keras, reset_after=False", "bias", (14,), "(3 * H,) = (15,), got (14,)"),
        ("Flax linen", "hr/kernel", (5, 5, 1), "(rows, columns) = (any, any), got (5, 5, 1)"),
        ("Flax linen", "hz/kernel", (5, 4), "(H, H) = (5, 5), got (5, 4)"),
        ("Flax linen", "in/kernel", (4, 5), "(D, H) = (3, 5), got (4, 5)"),
        ("Flax linen", "hn/bias", (4,), "(H,) = (5,), got (4,)"),
        ("ONNX", "B", (15,), "(6 * H,) = (30,), got (15,)"),
    ],
)
def test_messages_in_the_librarys_own_shapes(name, key, shape, message):
    row = ROSETTA[name]
    arrays = flat(write(row, problem(name)[1].params), "", "")
    with refused(ValueError, f"{spelled('arrays', key)}: expected shape {message}"):
        read(row, nested(arrays | {key: np.zeros(shape)}))


@pytest.mark.parametrize(
    ("name", "key", "like"),
    [
        ("PyTorch", "bias_hh", "arrays['weight_hh']"),
        ("Keras, reset_after", "kernel", "arrays['recurrent_kernel']"),
        ("Flax linen", "ir/bias", "arrays['hr']['kernel']"),
        ("Flax linen", "hn/kernel", "arrays['hr']['kernel']"),
        ("ONNX", "W", "arrays['R']"),
    ],
)
def test_one_dtype_is_that_of_the_first(name, key, like):
    row = ROSETTA[name]
    arrays = flat(write(row, problem(name)[1].params), "", "")
    with refused(
        TypeError,
        f"{spelled('arrays', key)}: expected dtype float64, as in {like}, got float32",
    ):
        read(row, nested(arrays | {key: arrays[key].astype(np.float32)}))


@pytest.mark.parametrize(
    ("name", "arrays", "state"),
    [
        ("PyTorch", "module.state_dict(), names without their _l0", "h"),
        ("Keras, reset_after", "{v.name: v.numpy() for v in layer.cell.weights}", "h"),
        ("Keras, reset_after=False", "{v.name: v.numpy() for v in layer.cell.weights}", "h"),
        ("Flax linen", 'variables["params"]', "h"),
        ("ONNX, linear_before_reset=1", "W[0], R[0] and B[0] of a GRU node", "initial_h"),
        ("ONNX", "W[0], R[0] and B[0] of a GRU node", "initial_h"),
    ],
)
def test_what_a_library_calls_its_arrays_and_its_state_is_said(name, arrays, state):
    with refused(TypeError, f"given: expected a dictionary of arrays, {arrays}, got list"):
        read(ROSETTA[name], [], "given")
    assert ROSETTA[name].state == state


def test_bad_inputs_of_write():
    before, after = problem("ONNX")[1].params, problem("PyTorch")[1].params
    with refused(
        ValueError,
        "params: expected ['W', 'V', 'R'], those of gru.cell_after, as this library resets h after "
        "the product, got ['W', 'V']",
    ):
        write(ROSETTA["PyTorch"], before)
    with refused(
        ValueError,
        "params: expected ['W', 'V'], those of gru.cell, as this library resets h before the "
        "product, got ['W', 'V', 'R']",
    ):
        write(ROSETTA["Keras, reset_after=False"], after)
    for key, shape, right in [
        ("R", (5, 5), (6, 5)),
        ("R", (7, 5), (6, 5)),
        ("R", (6,), (6, 5)),
        ("V", (3, 5), (4, 5)),
        ("V", (5, 5), (4, 5)),
        ("W", (9, 9), (9, 10)),
        ("W", (9, 15), (9, 10)),
    ]:
        with refused(ValueError, f"params['{key}']: expected shape {right}, got {shape}"):
            write(ROSETTA["PyTorch"], {**after, key: np.zeros(shape)})
    for shape in ((5,), (5, 5, 5)):
        for key, said in (
            ("W", f"W of shape {shape} and V of shape (4, 5)"),
            ("V", f"W of shape (9, 10) and V of shape {shape}"),
        ):
            with refused(ValueError, f"params: expected matrices, got {said}"):
                write(ROSETTA["PyTorch"], {**after, key: np.zeros(shape)})
    with refused(
        ValueError, "bias: expected True, as the biases are not zero or the library has them"
    ):
        write(ROSETTA["PyTorch"], after, bias=False)
    after = {key: value.copy() for key, value in after.items()}
    for value in after.values():
        value[0] = 0
    for key in after:  # a single bias is one too many
        one = after[key].copy()
        one[0, -1] = 1
        with refused(
            ValueError, "bias: expected True, as the biases are not zero or the library has them"
        ):
            write(ROSETTA["PyTorch"], {**after, key: one}, bias=False)
    assert set(write(ROSETTA["PyTorch"], after, bias=False)) == {"weight_ih", "weight_hh"}


def test_the_table_names_every_gate_once():
    assert exchange_gru.GATES == "rfg"
    for row in ROSETTA.values():
        assert sorted(exchange_gru.OURS[k] for k in row.order.split()) == sorted("rfg")
