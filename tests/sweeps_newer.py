"""Sweeps over sizes and magnitudes of streams, recomputing, scans, cells, text and dropout.

As in `sweeps.py`, every function takes a module like the one it tests and raises AssertionError
if the module errs. Sizes are on both sides of powers of two, of round numbers and of a module's
own limits: about sqrt(n) steps or pieces, 1000 letters.
"""

import itertools
from types import SimpleNamespace

import numpy as np
from helpers import freeze, run, run_by_reference
from sweeps import FAR, FLOATS, agree, compare, exact, owned, scaled

from lstm import fused, network
from lstm.gradcheck import random_problem
from lstm.losses import squared_error
from lstm.tasks import Batch
from lstm.variants import check

LENGTHS = (0, 1, 2, 3, 4, 8, 9, 10, 15, 16, 17, 49, 50, 51, 64, 65, 100, 129)
SHAPES = ((5, 3, 0, 2), (5, 3, 2, 1), (5, 17, 3, 4), (5, 65, 3, 4), (5, 2, 66, 4), (5, 2, 130, 4),
          (5, 2, 3, 66), (5, 2, 3, 130), (4, 2, 3, 300), (52, 17, 9, 66),
          (130, 3, 5, 9))  # fmt: skip
POWERS = (-12, -6, 6, 12)


def problems(dtypes=FLOATS):
    """Shapes along each axis and with all sizes large; cotangents and cells of any magnitude."""
    shapes = [*((n, 3, 2, 3) for n in LENGTHS), *SHAPES]
    for k, (shape, dtype) in enumerate(itertools.product(shapes, dtypes)):
        yield f"{shape}, {np.dtype(dtype)}", random_problem(*shape, seed=k, dtype=dtype)
    for power, dtype in itertools.product(POWERS, dtypes):
        problem = random_problem(20, 3, 2, 5, seed=99, dtype=dtype)
        for names in (("dHout", "dCn", "dHn"), ("c0",), ("WLSTM",)):
            factors = dict.fromkeys(names, 10.0**power)
            yield f"{names} times 1e{power}, {np.dtype(dtype)}", scaled(problem, **factors)


def stream(module):
    """A `Stream` step by step, batched and of the last sequence alone."""
    for label, problem in problems():
        X, WLSTM, c0, h0 = problem.inputs.values()
        want = exact(problem)
        for rows in (slice(None), -1):
            one = module.Stream(WLSTM, len(c0) if rows != -1 else None)
            one.reset([(c0[rows], h0[rows])])
            outputs = [one.step(x) for x in X[:, rows]]
            ((c, h),) = one.state
            got = {"Hout": np.array(outputs or X[:, rows][..., :0]), "Cn": c, "Hn": h}
            if not len(X):
                got["Hout"] = want["Hout"][:, rows]
            agree(got, {k: want[k][..., rows, :] for k in ("Hout", "Cn", "Hn")}, label)
    for n, b, dtype in ((FAR, 1, np.float32), (FAR, 1, np.float64), (3, FAR, np.float32)):
        X, WLSTM, _, _ = random_problem(n, b, 1, 2, dtype=dtype).inputs.values()
        one = module.Stream(WLSTM, b)
        got = {"Hout": np.array([one.step(x) for x in X])}
        agree(got, {"Hout": fused.forward(X, WLSTM).Hout}, f"{(n, b)}, {np.dtype(dtype)}")


class Every:
    """The functions of `lstm.recompute` with pieces of so many steps."""

    def __init__(self, module, every):
        self.backward, self._module, self._every = module.backward, module, every

    def forward(self, **inputs):
        return self._module.forward(**inputs, every=self._every)


def recompute(module):
    """In pieces of any length, and of about sqrt(n) steps."""
    for k, (label, problem) in enumerate(problems()):
        n = len(problem.inputs["X"])
        for every in {None, (1, 2, 7, n, n + 1)[k % 5] or 1}:
            compare(Every(module, every), problem, f"{label}, every {every}")
    for dtype, every in zip(FLOATS * 2, (None, 1000, FAR, 3), strict=True):
        problem = random_problem(FAR if every != 3 else 1000, 1, 1, 2, dtype=dtype)
        one = Every(module, every)
        for _ in range(1 + (every == 1000)):
            agree(run(problem, one.forward, one.backward), run(problem), f"{FAR}, every {every}")


def adjoint(module):
    """The backward pass as one scan."""
    for label, problem in itertools.chain(problems(), one_sequence()):
        if problem.inputs["c0"].shape[1] > 66 or problem.inputs["c0"].size > 500:
            continue  # 4 n b H**2 numbers
        pair = SimpleNamespace(forward=fused.forward, backward=module.backward)
        # products of matrices add up more rounding than the loop does
        compare(pair, problem, label, least=loosely(problem))


def one_sequence():
    for n, dtype in itertools.product((1, 7, 70), FLOATS):
        yield f"one sequence of {n}, {np.dtype(dtype)}", random_problem(n, 1, 2, 3, dtype=dtype)


def loosely(problem):
    """Allow errors up to so many times the largest cotangent's, because gradients may be
    smaller."""
    times = 100 if problem.inputs["X"].dtype == np.float64 else 0.5
    return times * max(float(np.abs(w).max(initial=0)) for w in problem.cotangents)


def diagonal(module):
    """The loop and Newton's method are an LSTM whose recurrent weights are diagonal."""
    shapes = [*((n, 2, 3, 4) for n in LENGTHS), *SHAPES, (20, 3, 2, 1), (3, 300, 1, 2)]
    for k, ((n, b, D, H), dtype) in enumerate(itertools.product(shapes, FLOATS)):
        rng, label = np.random.default_rng(k), f"{(n, b, D, H)}, {np.dtype(dtype)}"
        X, bias, Wx, w = (rng.standard_normal(shape).astype(dtype)
                          for shape in ((n, b, D), 4 * H, (D, 4 * H), 4 * H))  # fmt: skip
        Wx /= dtype(np.sqrt(max(D, 1)))
        Wh = np.concatenate([np.diag(part) for part in np.split(w, 4)], axis=1)
        WLSTM = np.concatenate([bias[None], Wx, Wh]).astype(float)
        true = fused.forward(X.astype(float), WLSTM)
        want = {"C": true.cache.C[1:].astype(dtype), "Hout": true.Hout.astype(dtype)}
        agree(dict(zip(want, module.forward(X, bias, Wx, w), strict=True)), want, label)
        none = module.solve(X, bias, Wx, w, iterations=0)
        assert not none.C.any(), label
        assert not none.Hout.any(), label
        found = module.solve(X, bias, Wx, w, tolerance=1e-12 if dtype == np.float64 else 1e-5)
        assert found.converged, label
        for name, value in want.items():
            got = getattr(found, name)
            assert (got.dtype, got.shape) == (value.dtype, value.shape), label
            assert np.abs(got - value).max(initial=0) < (1e-10 if dtype == np.float64 else 1e-4), (
                f"{label}: {name} is off"
            )


def newton(module):
    """All states at once, found to the tolerance or said not to be."""
    for n, b, H in [*((n, 2, 3) for n in LENGTHS), (260, 2, 3), (5, 17, 3), (5, 2, 34),
                    (20, 9, 17)]:  # fmt: skip
        problem = random_problem(n, b, 4, H, seed=n)
        problem.inputs["c0"] *= n % 2  # in every second one h0 alone
        given = {k: None if k == "c0" and not n % 2 else v for k, v in problem.inputs.items()}
        found = module.solve(**given)
        want = run_by_reference(problem)
        assert found.converged, (n, b, H)
        assert found.Hout.shape == want["Hout"].shape
        assert np.abs(found.Hout - want["Hout"]).max(initial=0) < 1e-9, (n, b, H)
        assert np.abs(found.C[-1:] - want["Cn"]).max(initial=0) < 1e-9 or not n, (n, b, H)
        single = {k: None if v is None else v.astype(np.float32) for k, v in given.items()}
        found = module.solve(**single, tolerance=1e-6)
        assert found.converged, (n, b, H)
        assert found.Hout.dtype == found.C.dtype == np.float32
        assert np.abs(found.Hout - want["Hout"]).max(initial=0) < 3e-5, (n, b, H)
    for method, safe, dtype, damping in itertools.product(
        module.METHODS, (True, False), FLOATS, (0.0, 0.5, 1.0)
    ):
        problem = random_problem(12, 6, 3, 4, seed=1, dtype=dtype)
        want, label = run_by_reference(problem), f"{method}, {safe}, {np.dtype(dtype)}, {damping}"
        start = tuple(np.full((12, 6, 4), value, dtype) for value in (0.5, -0.5))
        for given in (None, start):
            freeze(*start)
            found = module.solve(**problem.inputs, method=method, safe=safe, start=given,
                                 damping=damping, tolerance=0.0)  # fmt: skip
            within = 1e-12 if dtype == np.float64 else 1e-5
            assert np.abs(found.Hout - want["Hout"]).max() < within, label
            assert np.abs(found.C[-1] - want["Cn"]).max() < within, label
        found = module.solve(**problem.inputs, method=method, start=start, iterations=0)
        np.testing.assert_array_equal((found.C, found.Hout), start, err_msg=f"{label}, no moves")
    for length, dtype in itertools.product((1, 5, 12, 20), FLOATS):
        problem = random_problem(12, 6, 3, 4, seed=1, dtype=dtype)
        tolerance, within = (1e-13, 1e-11) if dtype == np.float64 else (1e-6, 3e-5)
        found, _ = module.solve_in_pieces(**problem.inputs, length=length, tolerance=tolerance)
        want = run_by_reference(problem)
        assert found.converged, (length, dtype)
        assert np.abs(found.Hout - want["Hout"]).max() < within, (length, dtype)
        assert found.Hout.dtype == found.C.dtype == dtype


def linear(module):
    """Every way to run a recurrence, forward and back, against the loop written out."""
    shapes = [*((n, (2,), 3) for n in (*LENGTHS, 255, 256, 257, 2049)), (9, (17,), 5),
              (9, (), 40), (70, (3, 2), 9), (5, (2,), 1), (4, (4,), 4), (3, (300,), 2)]  # fmt: skip
    kinds = (*FLOATS, np.complex128)
    for (n, batch, k), matrices, dtype, power, lasting in itertools.product(
        shapes, (False, True), kinds, (0, 9), ("short", "lasting", "growing")
    ):
        if (lasting == "growing" and n > 9) or (dtype == np.complex128 and n > 70):
            continue
        rng = np.random.default_rng(n + k)
        A = rng.standard_normal((n, *batch, k, k) if matrices else (n, *batch, k))
        A *= 0.5 / np.sqrt(k if matrices else 1)
        if lasting == "growing":
            A *= 50
        if lasting == "lasting":  # the first step counts to the last
            A = (np.eye(k) if matrices else 1) + A / (n + 1)
        u, s0, ds = (rng.standard_normal(shape) * 10.0**power
                     for shape in ((n, *batch, k), (*batch, k), (n, *batch, k)))  # fmt: skip
        if dtype == np.complex128:
            A, u, s0, ds = (array * (0.8 + 0.6j) for array in (A, u, s0, ds))
            u[::2] *= 1j
        A, u, s0, ds = (array.astype(dtype) for array in (A, u, s0, ds))
        wide = np.result_type(dtype, float)
        want = by_hand(*(array.astype(wide) for array in (A, u, s0, ds)))
        want = {name: value.astype(dtype) for name, value in want.items()}
        label = f"n = {n}, {batch}, k = {k}, {np.dtype(dtype)}, 1e{power}, {lasting}"
        for way in ("loop", "doubling", "blocked"):
            got = {"states": getattr(module, way)(A, u, s0)}
            agree(got, {"states": want["states"]}, f"{way}, {label}")
        for pieces in {1, 2, n, n + 1, 3 * n} - {0}:
            got = {"states": module.blocked(A, u, s0, pieces=pieces)}
            agree(got, {"states": want["states"]}, f"{pieces} pieces, {label}")
        back = module.backward(ds, A, want["states"], s0)._asdict()
        agree(back, {name: want[name] for name in back}, f"backward, {label}")


def by_hand(A, u, s0, ds):
    """States and gradients, one step after the other, with every sum written out."""
    full = A if A.ndim > u.ndim else A[..., None] * np.eye(u.shape[-1])
    states, s = [], s0
    for A_t, u_t in zip(full, u, strict=True):
        s = np.einsum("...ij,...j->...i", A_t, s) + u_t
        states.append(s)
    da, du, dA = np.zeros_like(s0), [], []
    for t in reversed(range(len(u))):
        da = ds[t] + da
        du.insert(0, da)
        dA.insert(0, da[..., :, None] * (states[t - 1] if t else s0)[..., None, :])
        da = np.einsum("...ji,...j->...i", full[t], da)
    states, du = (np.array(part).reshape(u.shape) for part in (states, du))
    dA = np.array(dA).reshape(full.shape)
    return {"states": states, "dA": dA if A.ndim > u.ndim else np.einsum("...ii->...i", dA),
            "du": du, "ds0": da}  # fmt: skip


def along(function, inputs, gradients, label, within=1e-11):
    """Each gradient in one random direction, by the complex step: any element off is seen."""
    rng = np.random.default_rng(1)
    for name, value in inputs.items():
        direction = rng.standard_normal(value.shape)
        moved = inputs | {name: value + 1e-30j * direction}
        complex_ = {k: v.astype(complex) for k, v in moved.items()}
        with np.errstate(all="ignore"):
            slope = function(**complex_).imag / 1e-30
        terms = gradients[name] * direction
        scale = max(np.abs(terms).sum(), 1e-300)
        assert abs(terms.sum() - slope) <= within * scale, f"{label}: {name} is off"


CELL_SHAPES = ((1, 2, 3, 2), (52, 2, 3, 4), (3, 18, 3, 4), (2, 2, 66, 4), (2, 2, 3, 66),
               (2, 1, 2, 130), (3, 3, 3, 3), (2, 1, 1, 1), (3, 2, 0, 2), (260, 1, 1, 2),
               (2, 300, 2, 3))  # fmt: skip


def cells(module):
    """Every cell for many steps, wide batches, many inputs and units, cotangents of any size."""
    for name, make in module.CELLS.items():
        for n, b, D, H in CELL_SHAPES:
            cell = make(D, H)
            X, params, state, dHout, dstate = check.random_problem(cell, n, b)
            run = cell.forward(X, params, state)
            grads = cell.backward(dHout, run.cache, dstate)
            inputs = {"X": X} | {f"p {k}": v for k, v in params.items()}
            inputs |= {f"s {k}": v for k, v in state.items()}
            found = {"X": grads.dX} | {f"p {k}": v for k, v in grads.params.items()}
            found |= {f"s {k}": v for k, v in grads.state.items()}

            def loss(X, cell=cell, dHout=dHout, dstate=dstate, **others):
                parts = [{k[2:]: v for k, v in others.items() if k[0] == kind} for kind in "ps"]
                run = cell.forward(X, *parts)
                return (run.Hout * dHout).sum() + sum((run.state[k] * w).sum()
                                                      for k, w in dstate.items())  # fmt: skip

            along(loss, inputs, found, f"{name}, {(n, b, D, H)}")
            single = [{k: v.astype("f4") for k, v in part.items()} for part in (params, state)]
            narrow = cell.forward(X.astype("f4"), *single)
            back = cell.backward(dHout.astype("f4"), narrow.cache)
            wanted = cell.backward(dHout, run.cache)
            for got, want in ((narrow.Hout, run.Hout), (back.dX, wanted.dX)):
                off = np.abs(got - want).max(initial=0) / np.abs(want).max(initial=1e-300)
                assert got.dtype == np.float32
                assert off < 2e-3, f"{name}, {(n, b, D, H)}, float32: off by {off:.1e}"
            loud = cell.forward(300 * X, params, state).Hout
            off = np.abs(cell.forward(np.float32(300) * X.astype("f4"), *single).Hout - loud)
            assert off.max() < 2e-3 * max(1, np.abs(loud).max()), f"{name}, {(n, b, D, H)}, loud"
            for power in (-60, 60):
                wide = cell.backward(dHout * 2.0**power, run.cache,
                                     {k: v * 2.0**power for k, v in dstate.items()})  # fmt: skip
                agree(
                    {k: v / 2.0**power for k, v in wide.params.items()},
                    grads.params, f"{name}, times 2**{power}",
                )  # fmt: skip


def parallel_forms(module):
    """The cells that have a form for all steps at once, in that form."""
    for name, form in (("mLSTM", module.mlstm), ("minLSTM", module.minlstm),
                       ("minGRU", module.mingru)):  # fmt: skip
        shapes = (*CELL_SHAPES, (1030, 1, 1, 2))
        for (n, b, D, H), dtype in itertools.product(shapes, FLOATS):
            cell, label = module.CELLS[name](D, H), f"{name}, {(n, b, D, H)}, {np.dtype(dtype)}"
            X, params, *_ = check.random_problem(cell, n, b)
            loop = cell.forward(X, params).Hout
            params = {k: v.astype(dtype) for k, v in params.items()}
            got = form.parallel(X.astype(dtype), params)
            assert got.dtype == dtype, label
            off = np.abs(got - loop).max() / np.abs(loop).max()
            assert off < (1e-11 if dtype == np.float64 else 1e-3), f"{label}: off by {off:.1e}"


def text(module):
    """Letters one by one, across the pieces that a text is read in."""
    for length, b, K, H in ((1000, 1, 3, 2), (1001, 1, 3, 2), (1002, 2, 3, 2), (2003, 1, 2, 1),
                            (52, 17, 5, 4), (9, 130, 3, 2), (9, 2, 70, 66)):  # fmt: skip
        params = network.init(K, H, K, rng=length, dtype=float)
        params["WOUT"][:] = np.random.default_rng(1).standard_normal(params["WOUT"].shape)
        symbols = np.random.default_rng(2).integers(K, size=(length, b))
        answers = network.forward(params, np.eye(K)[symbols[:-1]]).answers
        powers = np.exp(answers)
        p = np.take_along_axis(powers, symbols[1:, :, None], axis=-1)[..., 0] / powers.sum(axis=-1)
        agree({"bits": module.bits(params, symbols)}, {"bits": -np.log2(p)}, f"{length}, {b}")
    for n, b, length in ((1, 1, 1), (50, 17, 51), (64, 3, 1001), (7, 65, 129), (300, 2, 5003),
                         (600, 2, 701), (9, 3, 40_000), (9, 3, 70_000)):  # fmt: skip
        ring = np.arange(length) % 70
        pieces = list(itertools.islice(module.streams(ring, n, b, 70), 20))
        owned(piece.X for piece in pieces)
        place = np.arange(b) * length // b + np.arange(20 * n)[:, None]
        for name, ahead in (("X", 0), ("Y", 1)):
            read = np.concatenate([getattr(piece, name).argmax(axis=-1) for piece in pieces])
            np.testing.assert_array_equal(read, ring[(place + ahead) % length])
        assert all(piece.where.all() and (piece.lengths == n).all() for piece in pieces)
    params = network.init(9, 40, 9, rng=3, dtype=np.float32)  # whose answers are float32
    params["WOUT"] *= np.float32(5)
    symbols = np.random.default_rng(4).integers(9, size=300)
    answers = network.forward(params, np.eye(9, dtype="f4")[symbols[:-1], None]).answers[:, 0]
    powers = np.exp(answers.astype(float))
    p = powers[np.arange(299), symbols[1:]] / powers.sum(axis=-1)
    agree({"bits": module.bits(params, symbols)}, {"bits": -np.log2(p)}, "float32")
    alphabet = "".join(map(chr, [*range(32, 330), 0x1F600, 0x10FFFF]))  # more than 16 bits
    for length in (0, 1, 300, 70_000):
        places = np.random.default_rng(length).integers(len(alphabet), size=length)
        written = "".join(alphabet[k] for k in places)
        np.testing.assert_array_equal(module.encode(written, alphabet), places.astype(np.intp),
                                      strict=True)  # fmt: skip
        assert module.decode(places, alphabet) == written
    for layers, kind in itertools.product((None, 2), FLOATS):
        params = network.init(5, 3, 5, layers=layers, rng=6, dtype=kind)
        writer = module.Writer(params, "abcde")
        once = writer.read("abcde" * 40)
        for _ in range(40):
            writer = writer.read("abcde")
        X = np.tile(np.eye(5, dtype=kind), (40, 1))[:, None]
        want = network.forward(params, X).answers[-1, 0]
        for one in (writer, once):
            agree({"answers": one.expected}, {"answers": want}, f"a writer, {layers}")
    for kind in ("i1", "u1", "i8", "f2", "f4"):
        z = np.array([[3, 0, 100], [1, 2, 7]], kind)
        powers = np.exp(z.astype(float))
        want = powers / powers.sum(axis=-1, keepdims=True)
        np.testing.assert_allclose(module.probabilities(z), want, rtol=1e-15, strict=True)
    z = np.array([0.0, -np.inf, 1.0])
    np.testing.assert_allclose(
        module.probabilities(z), np.array([1, 0, np.e]) / (1 + np.e), rtol=1e-15
    )
    for scale in (1e-12, 1, 1e3, 1e300):
        z = np.random.default_rng(3).standard_normal((3, 130)) * scale
        got = module.probabilities(z)
        np.testing.assert_allclose(got.sum(axis=-1), 1, rtol=1e-12)
        assert (got.argmax(axis=-1) == z.argmax(axis=-1)).all()


ATTENDED = (  # m, n, b, K, H
    (1, 3, 2, 3, 4), (3, 1, 2, 3, 4), (3, 0, 2, 3, 4), (70, 3, 2, 3, 4), (3, 40, 5, 7, 4),
    (3, 2, 18, 3, 4), (3, 2, 2, 66, 4), (3, 2, 2, 3, 66), (4, 4, 4, 4, 4), (5, 3, 2, 4, 4),
    (3, 3, 1, 2, 1), (300, 2, 1, 2, 3), (2, 2, 300, 2, 3),
)  # fmt: skip


def attention(module):
    """Long questions and answers, wide batches, many letters and units, loud matches."""
    for (m, n, b, K, H), attend in itertools.product(ATTENDED, (True, False)):
        label, rng = f"{(m, n, b, K, H)}, attend {attend}", np.random.default_rng(m)
        params = module.init(K, H, attend=attend, rng=rng, dtype=float)
        for W in params.values() if H > 50 else ():  # thousands of numbers
            assert 0.9 < W[1:].std() * np.sqrt(len(W) - 1) < 1.1, f"{label}: spread at first"
        params["WOUT"][0] = rng.standard_normal(K)
        if attend:
            params["M"] *= 3  # some states are looked at, and others not
        X, Z, dY = (rng.standard_normal((steps, b, K)) for steps in (m, n, n))
        answers, weights, cache = module.forward(params, X, Z)
        grads = module.backward(dY, cache)

        reader = fused.forward(X, params["READER"])
        h, s = fused.forward(Z, params["WRITER"], reader.Cn, reader.Hn).Hout, reader.Hout
        seen = [np.ones((n, b, 1)), h]
        if attend:
            e = np.einsum("tbh,hk,sbk->tbs", h, params["M"], s)
            a = np.exp(e) / np.exp(e).sum(axis=-1, keepdims=True)
            agree({"weights": weights}, {"weights": a}, label)
            seen.append(np.einsum("tbs,sbk->tbk", a, s))
        want = {"answers": np.concatenate(seen, axis=-1) @ params["WOUT"]}
        agree({"answers": answers}, want, label)

        def loss(X=X, Z=Z, dY=dY, **params):
            return (module.forward(params, X.astype(complex), Z.astype(complex)).answers * dY).sum()

        along(loss, params, grads, label)
        for power in (-60, 60):
            wide = module.backward(dY * 2.0**power, cache)
            agree({k: v / 2.0**power for k, v in wide.items()}, grads, f"{label}, 2**{power}")
        single = {k: v.astype(np.float32) for k, v in params.items()}
        narrow = module.forward(single, *(v.astype(np.float32) for v in (X, Z)))
        agree({"answers": narrow.answers}, {"answers": answers.astype(np.float32)}, label)
        if attend:  # exponents of some hundreds
            loud = module.forward(params | {"M": 999 * params["M"]}, X, Z)
            a = np.exp(999 * (e - e.max(axis=-1, keepdims=True)))
            a /= a.sum(axis=-1, keepdims=True)
            assert np.abs(loud.weights - a).max(initial=0) < 1e-9, f"{label}, loud"
            seen[-1] = np.einsum("tbs,sbk->tbk", a, s)
            off = loud.answers - np.concatenate(seen, axis=-1) @ params["WOUT"]
            assert np.abs(off).max(initial=0) < 1e-9, f"{label}, loud"
            loud = module.forward(single | {"M": 999 * single["M"]}, *map(np.float32, (X, Z)))
            agree({"sums": loud.weights.sum(-1)}, {"sums": np.ones((n, b), np.float32)}, label)
        if not n:
            continue
        for start in {0, 1, K - 1}:
            first = module.translate(params, X, 1, start)[0]
            alone = module.translate(params, X[:, :1], 1, start=start)[0]
            step = module.forward(params, X, np.broadcast_to(np.eye(K)[start], (1, b, K))).answers
            np.testing.assert_array_equal(first, step[0].argmax(axis=-1))
            np.testing.assert_array_equal(alone, first[:1])
        params["WOUT"][0] = 0  # so that the states alone decide what is said
        params["WRITER"] *= 3
        said = module.translate(params, X, n)
        read = np.concatenate([np.zeros((1, b), int), said[:-1]])
        again = module.forward(params, X, np.eye(K)[read]).answers
        np.testing.assert_array_equal(again.argmax(axis=-1), said)


def dropout(module):
    """Gradients by the complex step through the same network, thinned by hand."""
    for n, b, D, H, K in ((52, 3, 2, 4, 2), (3, 17, 2, 4, 1), (3, 2, 70, 4, 2), (3, 2, 2, 66, 2)):
        params = network.init(D, H, K, rng=0, dtype=float)
        params["WOUT"] += 0.1
        rng = np.random.default_rng(5)
        batch = Batch(rng.standard_normal((n, b, D)), rng.standard_normal((n, b, K)),
                      np.ones((n, b), bool), np.full(b, n))  # fmt: skip
        end = batch._replace(Y=batch.Y[-1], where=batch.where[-1])  # for the last answer alone
        given = {"between": 0.3, "recurrent": 0.4}
        for rates in (given, {}):
            thinned, factors = module.thin(params, np.random.default_rng(7), **rates)
            for name, W in params.items():
                np.testing.assert_array_equal(thinned[name], factors[name] * W, strict=True)
                owned((thinned[name],), (W,))
        factors = module.thin(params, np.random.default_rng(7), **given).factors
        for name, values in factors.items():
            plain = 1 + D if name == "WLSTM" else 1
            rate = given["recurrent" if name == "WLSTM" else "between"]
            assert (values[:plain] == 1).all()
            assert np.isin(values[plain:], [0, 1 / (1 - rate)]).all()
        for last, wanted in ((False, batch), (True, end)):
            result = module.run(
                params, wanted, squared_error, rng=np.random.default_rng(7), last=last, **given
            )

            def loss(factors=factors, wanted=wanted, last=last, **params):
                thinned = {k: factors[k] * v for k, v in params.items()}
                U = by_network(thinned, wanted.X.astype(complex))
                U = U[-1] if last else U
                return ((U - wanted.Y) ** 2).sum() / 2 / wanted.where.sum()

            along(loss, params, result.grads, f"{(n, b, D, H, K)}, last {last}")


def by_network(params, X):
    """Answers of one matrix and a readout, for complex numbers, too."""
    Hout = fused.forward(X, params["WLSTM"].astype(complex)).Hout
    return Hout @ params["WOUT"][1:] + params["WOUT"][0]


def training(module):
    """`train.run` with lengths and gaps, for every answer and for the last, and with dropout."""
    for n, b, D, H, K in ((60, 3, 2, 4, 2), (3, 18, 2, 4, 2), (3, 2, 70, 4, 2), (3, 2, 2, 66, 70),
                          (300, 2, 1, 2, 1), (2, 70, 2, 3, 2), (4, 1, 2, 3, 2)):  # fmt: skip
        params = network.init(D, H, K, rng=0, dtype=float)
        rng = np.random.default_rng(6)
        lengths = rng.integers(1, n + 1, size=b)
        where = (rng.random((n, b)) < 0.7) & (np.arange(n)[:, None] < lengths)
        where[0] = True
        batch = Batch(rng.standard_normal((n, b, D)), rng.standard_normal((n, b, K)),
                      where, lengths)  # fmt: skip
        ends = lengths - 1, np.arange(b)
        for last, wanted in ((False, batch), (True, batch._replace(Y=batch.Y[-1], where=where[0]))):
            result = module.run(params, wanted, last=last)

            def loss(wanted=wanted, last=last, ends=ends, **params):
                U = by_network(params, wanted.X.astype(complex))
                off = (U[ends] if last else U) - wanted.Y
                return (np.where(wanted.where[..., None], off, 0) ** 2).sum() / 2 / (
                    wanted.where.sum()
                )

            assert abs(result.loss - loss(**params).real) < 1e-12 * result.loss
            along(loss, params, result.grads, f"{(n, b, D, H, K)}, last {last}")
    dropped(module)


def dropped(module):
    """Two layers, the lower of which is dropped: of half its units the upper one knows nothing."""
    params = network.init(3, [4, 5], 2, rng=1, dtype=float)
    rng = np.random.default_rng(8)
    batch = Batch(rng.standard_normal((6, 3, 3)), rng.standard_normal((6, 3, 2)),
                  np.ones((6, 3), bool), np.full(3, 6))  # fmt: skip
    result = module.run(params, batch, dropout=0.5, rng=np.random.default_rng(2))
    kept = np.random.default_rng(2).random((6, 3, 4), np.float32) >= 0.5

    def loss(lower, upper, WOUT):
        below = fused.forward(batch.X.astype(complex), lower).Hout
        U = by_network({"WLSTM": upper, "WOUT": WOUT}, np.where(kept, 2 * below, 0))
        return ((U - batch.Y) ** 2).sum() / 2 / 18

    def named(params):
        lower, upper = (layer.forward for layer in params["layers"])
        return {"lower": lower, "upper": upper, "WOUT": params["WOUT"]}

    along(loss, named(params), named(result.grads), "dropout between two layers")


MOVED = ((1, 1, 1), (3, 2, 0), (17, 3, 2), (65, 2, 1), (300, 2, 1), (3, 17, 2), (3, 65, 1),
         (2, 300, 1), (3, 2, 70), (3, 3, 3))  # n, b, D  # fmt: skip


def masks(module):
    """Steps and sequences are moved as they are: every number arrives to the bit."""
    kinds = ("f2", "f4", "f8", "c16", "i8")
    for k, ((n, b, D), dtype) in enumerate(itertools.product(MOVED, kinds)):
        rng = np.random.default_rng(k)
        bits = rng.integers(-(2**62), 2**62, (n, b, D), dtype=np.int64)
        X = (bits if dtype == "i8" else bits / 2.0**61).astype(dtype)
        if dtype == "c16":
            X = X + 1j * X[::-1]
        mask = rng.random((n, b)) < rng.random(b)
        if k % 3 == 0:
            mask[:] = True
        lengths = mask.sum(axis=0)
        moved, found, source = module.left_align(X, mask)
        want, origin = np.zeros_like(X), np.zeros((n, b), int)
        for j in range(b):
            real = np.flatnonzero(mask[:, j])
            want[: len(real), j] = X[real, j]
            origin[:, j] = [*real, *np.flatnonzero(~mask[:, j])]
        np.testing.assert_array_equal(moved, want, strict=True)
        np.testing.assert_array_equal(source, origin)
        np.testing.assert_array_equal(found, lengths)
        owned((moved, found, source), (X, mask))
        np.testing.assert_array_equal(module.lengths_of(np.arange(n)[:, None] < lengths), lengths)
        if dtype not in ("f2", "i8"):
            padded, found = module.pad([want[:length, j] for j, length in enumerate(lengths)])
            owned((padded, found), (want,))
            np.testing.assert_array_equal(padded, want[: lengths.max()], strict=True)
            np.testing.assert_array_equal(found, lengths)


ROWS = ((1, 1), (3, 65), (2, 300), (7, 2), (130, 3), (1100, 2), (70, 1100), (5000, 3))
LOUDNESS = (1e-9, 1, 30)


def losses(module):
    """Many rows and many classes, of which some count: every row as by itself, in long doubles."""
    for k, ((m, K), dtype, scale) in enumerate(itertools.product(ROWS, FLOATS, LOUDNESS)):
        rng, label = np.random.default_rng(k), f"{(m, K)}, {np.dtype(dtype)}, times {scale}"
        answers = (scale * rng.standard_normal((m, K))).astype(dtype)
        right = np.eye(K, dtype=dtype)[rng.integers(K, size=m)]
        shares = rng.dirichlet(np.ones(K), size=m).astype(dtype)
        where = rng.random(m) < 0.7
        where[rng.integers(m)] = True
        wide = answers.astype(np.longdouble)
        powers = np.exp(wide - wide.max(axis=-1, keepdims=True))
        p = powers / powers.sum(axis=-1, keepdims=True)
        for loss, Y, want, slope in (
            (module.squared_error, shares, ((wide - shares) ** 2).sum(axis=-1) / 2, wide - shares),
            (module.cross_entropy, right, -np.log(p[right == 1]), p - right),
            (module.cross_entropy, shares, -(shares * np.log(p)).sum(axis=-1), p - shares),
        ):
            by_row, gradient = loss(answers, Y)
            nothing = np.where(where[:, None], answers, dtype(np.nan))  # where nothing is asked
            mean, dY = module.mean_loss(nothing, Y, where, loss)
            got = {"losses": by_row, "gradient": gradient, "mean": np.array(mean, dtype), "dY": dY}
            count = where.sum()
            agree(got, {
                "losses": want.astype(dtype), "gradient": slope.astype(dtype),
                "mean": np.array(want[where].sum() / count, dtype),
                "dY": np.where(where[:, None], slope / count, 0).astype(dtype),
            }, f"{loss.__name__}, {label}", least=1)  # fmt: skip


def square(p):
    return p**2


CHECKED = ((1,), (2, 25), (51,), (17, 60), (5, 7, 9), (2049,))


def comparing(module):
    """One wrong element, first, last or anywhere, in arrays of any size: each way to look sees it.

    A sample of all but one is looked at with several seeds, so that no element is left out by all.
    """
    for k, shape in enumerate(CHECKED):
        rng = np.random.default_rng(k)
        p, w = rng.choice((-1, 1), shape) * (1 + rng.random(shape)), 2 + rng.random(shape)
        size = p.size
        ways = [{"sample": size - 1, "seed": seed} for seed in range(3)] if size > 1 else [{}]
        oracles = ("complex", np.float64), ("central", np.float64), ("central", np.float32)
        for oracle, dtype in oracles[: 3 if size < 1000 else 1]:
            given = [square, {"p": p.astype(dtype)}, w.astype(dtype)]
            right = (2 * p * w).astype(dtype)
            for place in {0, size - 1, int(rng.integers(size))}:
                wrong = right.copy()
                wrong.flat[place] *= dtype(99)
                for looks in ([{}], [{"sample": size}], ways, [{"directions": 3}],
                              [{"directions": 1}]):
                    label = f"{shape}, {np.dtype(dtype)}, {oracle}, element {place}, {looks}"
                    assert all(module.check(*given, {"p": right}, oracle=oracle, **look).passed
                               for look in looks), label  # fmt: skip
                    found = [module.check(*given, {"p": wrong}, oracle=oracle, **look)
                             for look in looks]  # fmt: skip
                    assert not all(report.passed for report in found), label
                    if "directions" not in looks[0]:
                        worst = [r.worst.index for r in found if not r.passed]
                        assert set(worst) == {np.unravel_index(place, shape)}, label
    for size, dtype in itertools.product((1, 300, 20_001, 300_000), ("f4", "f8", "i8", "huge")):
        right = np.random.default_rng(size).standard_normal(size) * 1000
        right = right * 1e303 if dtype == "huge" else right.astype(dtype)
        for place in {0, size // 2, size - 1}:
            wrong = right.copy()
            wrong[place] = -right[place] - 1
            errors = module.relative_error(wrong, right)
            assert np.flatnonzero(errors).tolist() == [place], size
            assert errors[place] > 0.3, size


NEWER = {
    "stream": ("stream", stream), "recompute": ("recompute", recompute),
    "linear": ("parallel.linear", linear), "newton": ("parallel.newton", newton),
    "adjoint": ("parallel.adjoint", adjoint), "cells": ("variants", cells), "text": ("text", text),
    "dropout": ("dropout", dropout), "training": ("train", training),
    "attention": ("attention", attention), "masks": ("masks", masks),
    "losses": ("losses", losses), "comparing": ("compare", comparing),
    "diagonal": ("parallel.diagonal", diagonal), "parallel_forms": ("variants", parallel_forms),
}  # fmt: skip
"""The module of each sweep, and the sweep."""
