"""The LSTM at every size and magnitude, on every path, against the reference step.

The oracles of `lstm.gradcheck` move one element at a time, so they see small problems. A mistake
that shows only for many steps, wide batches, large numbers or one dtype needs problems of that
kind, and a second program that is fast enough for them: `lstm.reference`. Every function here
takes a module with the functions of `lstm.fused` and raises AssertionError if the module errs.
`test_sweeps.py` runs them on the real module and on broken ones, and those of `sweeps_stack.py`
and `sweeps_above.py`, which do the same for the stack and for what stands on top of it.
"""

import itertools

import numpy as np
from helpers import freeze, run, run_by_reference, run_in_pieces

from lstm.gradcheck import Problem, random_problem

FLOATS = (np.float32, np.float64)

# Relative to the largest number of an array. Rounding is some 20 eps at most sizes; what
# thousands of steps or terms add up to is still below.
WITHIN = {np.dtype(np.float32): 2e-5, np.dtype(np.float64): 1e-13, np.dtype(np.complex128): 1e-13}

# Both sides of powers of two and of round numbers, where people put thresholds.
EDGES = (*range(41), 49, 50, 51, 63, 64, 65, 99, 100, 101, 127, 128, 129, 255, 256, 257)
LARGEST = 1025

MAGNITUDES = range(-12, 13)  # powers of ten, for each argument alone

# Powers of two for all cotangents together. Beyond, numbers leave what a dtype can hold.
LINEAR = {
    np.dtype(dtype): [sign * power for power in powers for sign in (-1, 1)]
    for dtype, powers in ((np.float32, (4, 20, 50, 80)), (np.float64, (4, 50, 80, 300, 900)))
}


def agree(got, want, label, least=0.0):
    """Every array by name: same shape and dtype, and equal up to rounding.

    Rounding is measured by the largest number of the array, or by ``least`` if that is larger.
    """
    assert list(got) == list(want)
    for name, expected in want.items():
        value = np.asarray(got[name])
        assert (value.shape, value.dtype) == (expected.shape, expected.dtype), (label, name)
        scale = max(float(np.abs(expected).max(initial=0)), least)
        error = float(np.abs(value - expected).max(initial=0))
        assert error <= WITHIN[expected.dtype] * scale, (
            f"{label}: {name} is off by {error:.1e}, where numbers are up to {scale:.1e}"
        )


def owned(results, arguments=()):
    """Every result may be changed, and changes nothing else: no argument and no other result."""
    results = list(results)
    for k, one in enumerate(results):
        assert one.flags.writeable, "a result that may not be changed"
        for other in (*results[:k], *arguments):
            assert not np.shares_memory(one, other), "a result that is a view"


def exact(problem):
    """What the reference makes of a problem, computed in double precision if it is float32."""
    dtype = problem.inputs["X"].dtype
    if dtype != np.float32:
        return run_by_reference(problem)
    return {k: v.astype(dtype) for k, v in run_by_reference(cast(problem, np.float64)).items()}


def cast(problem, dtype):
    inputs = {name: value.astype(dtype) for name, value in problem.inputs.items()}
    return Problem(inputs, tuple(w.astype(dtype) for w in problem.cotangents))


def compare(module, problem, label="", least=0.0):
    """Forward, backward, forward without a cache, and single steps: batched and one sequence."""
    want = exact(problem)
    arguments = (*problem.inputs.values(), *problem.cotangents)
    freeze(*arguments)  # whoever changes one raises
    got = run(problem, module.forward, module.backward)
    agree(got, want, label, least)
    owned(got.values(), arguments)
    if not hasattr(module, "step"):
        return
    outputs = module.forward(**problem.inputs, cache=False)._asdict()
    assert outputs.pop("cache") is None
    agree(outputs, {name: want[name] for name in outputs}, f"{label}, without a cache", least)
    owned(outputs.values(), arguments)
    X, W, c, h = problem.inputs.values()
    for rows in (slice(None), -1) if X.shape[1] else (slice(None),):
        state, outputs = (c[rows], h[rows]), [want["Hout"][:0, rows]]
        for x in X[:, rows]:
            state = module.step(x, W, *state)
            owned(state, (x, W, c, h))
            outputs.append(state[1][None])
        stream = {"Hout": np.concatenate(outputs), "Cn": state[0], "Hn": state[1]}
        expected = {"Hout": want["Hout"][:, rows], "Cn": want["Cn"][rows], "Hn": want["Hn"][rows]}
        agree(stream, expected, f"{label}, step", least)


def sizes(axis, values, module, others=(3, 2, 3, 2)):
    for value, dtype in itertools.product(values, FLOATS):
        shape = [*others]
        shape["nbDH".index(axis)] = value
        problem = random_problem(*shape, seed=value, dtype=dtype)
        compare(module, problem, f"{axis} = {value}, {np.dtype(dtype)}")


def steps(module):
    sizes("n", (*EDGES, 600, LARGEST), module)


def batches(module):
    sizes("b", (*EDGES, LARGEST), module)


def inputs(module):
    sizes("D", (*EDGES, LARGEST), module)


def units(module):
    sizes("H", (*EDGES[1:], 600, LARGEST), module, (2, 2, 3, 2))


def all_large(module):
    shapes = (
        (52, 17, 66, 101),
        (130, 18, 9, 24),
        (300, 21, 2, 3),
        (2, 3, 130, 129),
        (200, 2, 65, 3),
    )
    for shape, dtype in itertools.product(shapes, FLOATS):
        compare(module, random_problem(*shape, seed=1, dtype=dtype), f"{shape} {np.dtype(dtype)}")


FAR = 2**16 + 5


def far(module):
    """Beyond what 16 bits count, and thousands of units."""
    for dtype in FLOATS:
        problem = random_problem(FAR, 1, 1, 2, seed=1, dtype=dtype)
        want = run_in_pieces(problem, range(1000, FAR, 1000), module)  # which `steps` judges
        agree(run(problem, module.forward, module.backward), want, f"n = {FAR}, {np.dtype(dtype)}")
        outputs = module.forward(**problem.inputs, cache=False)._asdict()
        del outputs["cache"]
        agree(outputs, {k: want[k] for k in outputs}, f"n = {FAR}, without a cache")
        for shape in ((2, FAR, 2, 2), (2, 2, FAR, 1), (600, 120, 2, 16)):
            problem = random_problem(*shape, seed=2, dtype=dtype)
            compare(module, problem, f"{shape}, {np.dtype(dtype)}")
    compare(module, random_problem(2, 2, 2, 2049, seed=3, dtype=np.float32), "2049 units")


def not_finite(module):
    """A nan or an infinity in one sequence stays there, and in its steps from there on."""
    problem = random_problem(7, 4, 3, 2)
    want = run(problem, module.forward, module.backward)
    others = np.arange(4) != 2
    for bad in (np.nan, np.inf, -np.inf):
        X = problem.inputs["X"].copy()
        X[3, 2, 1] = bad
        given = problem.inputs | {"X": X}
        with np.errstate(invalid="ignore"):
            got = run(problem._replace(inputs=given), module.forward, module.backward)
            alone = run_by_reference(problem._replace(inputs=given))
            outputs = module.forward(**given, cache=False)._asdict()
        for name in ("Hout", "dX"):
            agree({name: got[name][:, others]}, {name: want[name][:, others]}, f"{name}, {bad}")
        agree({"before": got["Hout"][:3]}, {"before": want["Hout"][:3]}, f"before {bad}")
        for name in ("Hout", "Cn", "Hn"):
            for found in (got[name], outputs[name]):
                np.testing.assert_allclose(found, alone[name], rtol=1e-12, atol=1e-14)


def nothing_given(module):
    """States and gradients that are left out are zero, at any size, to the last bit."""
    shapes = ((0, 2, 3, 2), (3, 0, 3, 2), (3, 2, 0, 2), (130, 3, 2, 3), (3, 130, 2, 3),
              (3, 2, 130, 3), (3, 2, 3, 130), (52, 17, 66, 101))  # fmt: skip
    for shape, dtype in itertools.product(shapes, FLOATS):
        problem = random_problem(*shape, seed=2, dtype=dtype)
        X, W, c0, h0 = problem.inputs.values()
        dHout, dCn, dHn = problem.cotangents
        for given in ((None, None), (c0, None), (None, h0)):
            zero = [np.zeros_like(c0) if one is None else one for one in given]
            pairs = [(module.forward(X, W, *given), module.forward(X, W, *zero))]
            pairs += [(module.step(x, W, *given), module.step(x, W, *zero)) for x in X[:1]]
            if len(X) and shape[1]:
                alone = [None if one is None else one[0] for one in given]
                pairs += [(module.step(X[0, 0], W, *alone),
                           module.step(X[0, 0], W, *(one[0] for one in zero)))]  # fmt: skip
            for got, want in pairs:
                for one, two in zip(got[:3], want[:3], strict=True):
                    assert np.array_equal(one, two), f"{shape}: states that are not given"
        cache = module.forward(X, W, c0, h0).cache
        for given in ((None, None), (dCn, None), (None, dHn)):
            zero = [np.zeros_like(c0) if one is None else one for one in given]
            got, want = module.backward(dHout, cache, *given), module.backward(dHout, cache, *zero)
            for one, two in zip(got, want, strict=True):
                assert np.array_equal(one, two), f"{shape}: gradients that are not given"


def memory(module):
    """Any layout; a cache for any number of times, whatever is done to arguments and results."""
    for shape in ((3, 2, 4, 3), (52, 17, 20, 33), (400, 5, 3, 13)):
        problem = random_problem(*shape, seed=4)
        want = exact(problem)
        for layout in (np.asfortranarray, lambda a: np.repeat(a, 2, axis=-1)[..., ::2]):
            inputs = {name: layout(value) for name, value in problem.inputs.items()}
            agree(
                run(Problem(inputs, tuple(map(layout, problem.cotangents))), module.forward,
                    module.backward), want, f"{shape}, {layout}",
            )  # fmt: skip
            outputs = module.forward(**inputs, cache=False)._asdict()
            del outputs["cache"]
            agree(outputs, {k: want[k] for k in outputs}, f"{shape}, {layout}, without a cache")
        inputs = {name: value.copy() for name, value in problem.inputs.items()}
        result = module.forward(**inputs)
        for array in (*inputs.values(), *result[:3]):
            array[...] = np.nan
        for _ in range(2):
            dHout, dCn, dHn = (w.copy() for w in problem.cotangents)
            gradients = module.backward(dHout, result.cache, dCn, dHn)._asdict()
            agree(gradients, {name: want[name] for name in gradients}, f"{shape}, the cache again")
            for array in (dHout, dCn, dHn, *gradients.values()):
                array[...] = np.nan


def blocks(module):
    """Around the size at which `backward` starts a second block of steps, and far beyond it."""
    limit = module._BLOCK
    for b, H in ((50, 66), (128, 128), (130, 127), (8, 200), (5, 13)):
        at = max(1, limit // (4 * b * H))  # steps in one block; of (130, 127) one is too large
        for n in sorted({at - 1, at, at + 1, 2 * at, 2 * at + 1} - {0}):
            problem = random_problem(n, b, 2, H, seed=n)
            compare(module, problem, f"n = {n}, blocks of {at}")
    try:
        for per_block, n in itertools.product((0, 1, 2, 3, 7), range(1, 9)):
            module._BLOCK = per_block * 4 * 3 * 2  # 0: less than a step
            compare(module, random_problem(n, 3, 2, 2, seed=n), f"n = {n}, blocks of {per_block}")
    finally:
        module._BLOCK = limit


def scaled(problem, **factors):
    """Inputs, and the cotangents as dHout, dCn and dHn, times a factor each."""
    inputs = {k: v * v.dtype.type(factors.get(k, 1)) for k, v in problem.inputs.items()}
    names = ("dHout", "dCn", "dHn")
    return Problem(inputs, tuple(
        w * w.dtype.type(factors.get(k, 1)) for k, w in zip(names, problem.cotangents, strict=True)
    ))  # fmt: skip


def magnitudes(module):
    """Every argument alone, and all cotangents together, from tiny to huge."""
    base = {dtype: random_problem(4, 3, 3, 9, seed=3, dtype=dtype) for dtype in FLOATS}
    names = ("X", "WLSTM", "c0", "h0", "dHout", "dCn", "dHn")
    for dtype, name, power in itertools.product(FLOATS, names, MAGNITUDES):
        problem = scaled(base[dtype], **{name: 10.0**power})
        # A raw gate of size 10**k is off by 10**k eps, and its gate as well: until it is 0 or 1.
        least = 10.0 ** max(power, 0) if name in ("X", "WLSTM", "h0") else 0
        compare(module, problem, f"{name} times 1e{power}, {np.dtype(dtype)}", least)
    for dtype, power in itertools.product(FLOATS, (-30, -12, -6, -3, 3, 6, 12, 30)):
        factor = 10.0**power
        problem = scaled(base[dtype], dHout=factor, dCn=factor, dHn=factor)
        compare(module, problem, f"all cotangents times 1e{power}")


def single_precision(module):
    """Cotangents at the ends of what float32 holds. (XLA takes what is below for zero.)"""
    for power in (-36, 36):
        factor = 10.0**power
        problem = random_problem(4, 3, 3, 9, seed=3, dtype=np.float32)
        problem = scaled(problem, dHout=factor, dCn=factor, dHn=factor)
        compare(module, problem, f"all cotangents times 1e{power}")


def saturated(module):
    """Each gate driven to either end by its bias, alone and with all the others."""
    for gate, sign, size in itertools.product(range(5), (-1, 1), (3, 8, 20, 40, 400)):
        for dtype in FLOATS:
            problem = random_problem(5, 3, 3, 4, seed=size, dtype=dtype)
            columns = slice(None) if gate == 4 else slice(4 * gate, 4 * gate + 4)
            problem.inputs["WLSTM"][0, columns] += sign * size
            # sigmoid(-20) has few digits of its own: it is 1/2 - 1/2 tanh(10)
            compare(module, problem, f"gate {gate}, bias {sign * size}", least=1)


def sparse(module):
    """A gradient that comes in at one place only, and inputs that are zero but for one step."""
    n, b, H = 12, 3, 4
    problem = random_problem(n, b, 5, H)
    zero = tuple(map(np.zeros_like, problem.cotangents))
    places = [(0, (t, t % b, t % H)) for t in range(n)]
    places += [(k, (j, m)) for k in (1, 2) for j in range(b) for m in range(H)]
    for which, index in places:
        only = tuple(w.copy() for w in zero)
        only[which][index] = problem.cotangents[which][index]
        compare(module, problem._replace(cotangents=only), f"cotangent {which} at {index} only")
    for t, name in itertools.product(range(n), ("one step only", "all steps but one")):
        X = problem.inputs["X"].copy()
        if name == "one step only":
            X[np.arange(n) != t] = 0
        else:
            X[t] = 0
        compare(module, problem._replace(inputs=problem.inputs | {"X": X}), f"X: {name}, {t}")
    for name in problem.inputs:
        nothing = {name: np.zeros_like(problem.inputs[name])}
        compare(module, problem._replace(inputs=problem.inputs | nothing), f"{name} = 0")


def seeds(module):
    for seed in range(1, 21):
        for dtype in FLOATS:
            compare(module, random_problem(seed=seed, dtype=dtype), f"seed {seed}")
            compare(module, random_problem(17, 9, 4, 12, seed=seed, dtype=dtype), f"seed {seed}")


def complex_numbers(module):
    """Forward and backward on complex arguments: what complex steps through either rely on."""
    for shape in ((5, 3, 4, 3), (40, 20, 3, 12), (3, 2, 70, 110)):
        real, imaginary = (cast(random_problem(*shape, seed=k), complex) for k in (1, 2))
        problem = Problem(
            {k: v + 0.1j * imaginary.inputs[k] for k, v in real.inputs.items()},
            tuple(v + 1j * w for v, w in zip(real.cotangents, imaginary.cotangents, strict=True)),
        )
        compare(module, problem, f"complex, {shape}")


def linear(module):
    """Cotangents times a power of two give gradients times that power, to the last bit."""
    names = ("dX", "dWLSTM", "dc0", "dh0")
    for shape, dtype in itertools.product(((4, 3, 2, 5), (60, 20, 9, 30), (130, 2, 2, 3)), FLOATS):
        problem = random_problem(*shape, seed=5, dtype=dtype)
        once = run(problem, module.forward, module.backward)
        for power in LINEAR[np.dtype(dtype)]:
            factor = 2.0**power
            more = scaled(problem, dHout=factor, dCn=factor, dHn=factor)
            got = run(more, module.forward, module.backward)
            for name in names:
                want = once[name] * dtype(factor)
                assert np.array_equal(got[name], want), f"{name} is not linear at 2**{power}"


def initial_weights(module):
    sizes = [*itertools.product((0, 1, 2, 16, 65, 130), (1, 2, 17, 64, 101, 130))]
    for (D, H), dtype in itertools.product((*sizes, (1, LARGEST), (LARGEST, 1)), FLOATS):
        seed = 7 if D else 2**40 + 7
        draw = np.random.default_rng(seed).standard_normal((1 + D + H, 4 * H)) / np.sqrt(D + H)
        draw[0] = np.repeat([0, 2.5, 0, 0], H)
        got = module.init(D, H, forget_bias=2.5, rng=seed, dtype=dtype)
        assert got.dtype == dtype
        assert np.array_equal(got, draw.astype(dtype)), f"init({D}, {H}, {np.dtype(dtype)})"


FUSED = {
    check.__name__: check
    for check in (steps, batches, inputs, units, all_large, nothing_given, memory, blocks,
                  magnitudes, single_precision, saturated, sparse, seeds, complex_numbers, linear,
                  initial_weights, far, not_finite)
}  # fmt: skip
