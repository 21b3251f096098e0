"""Every rung of the ladder computes the same."""

from pathlib import Path

import numpy as np
import pytest
from helpers import SHAPES, draw, refused, run

import lstm
from lstm.book.features import backward_by_features, forward_by_features
from lstm.book.ladder import LADDER, Rung
from lstm.book.limit import FORMS, best_form, needed, prepare, products

BESIDE = Rung("features as rows", forward_by_features, backward_by_features)
OTHERS = (*LADDER[:-1], BESIDE)


@pytest.mark.parametrize("rung", OTHERS, ids=lambda rung: rung.name)
@pytest.mark.parametrize("shape", SHAPES[:3])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_a_rung_computes_what_the_top_computes(rung, shape, dtype, tolerance):
    problem = draw(*shape, seed=21, dtype=dtype)
    expected, got = run(problem), run(problem, rung.forward, rung.backward)
    for name, value in expected.items():
        scale = max(1, abs(value).max())
        np.testing.assert_allclose(got[name], value, rtol=0, atol=tolerance * scale, err_msg=name)
        assert got[name].dtype == dtype


def test_a_sequence_longer_than_a_block():
    problem = draw(40, 9, 3, 60, seed=22)
    for rung in OTHERS:
        got = run(problem, rung.forward, rung.backward)
        for name, value in run(problem).items():
            np.testing.assert_allclose(got[name], value, rtol=1e-9, atol=1e-10, err_msg=name)


def test_the_top_is_the_package():
    assert (LADDER[-1].forward, LADDER[-1].backward) == (lstm.forward, lstm.backward)


def test_the_limit_is_all_of_the_arithmetic():
    for n, b, D, H in SHAPES:
        counted = sum(
            product.times * product.p * product.q * product.r for product in needed(n, b, D, H)
        )
        assert counted == n * 12 * b * H * (D + H)  # (eq-products)


def test_the_products_that_are_needed():
    assert needed(5, 3, 7, 4) == (
        ("X Wx", 1, 15, 7, 16), ("h Wh", 5, 3, 4, 16), ("dz Whᵀ", 5, 3, 16, 4),
        ("[X, H]ᵀ dZ", 1, 11, 15, 16), ("dZ Wxᵀ", 1, 15, 16, 7),
    )  # fmt: skip
    assert FORMS == ("CCC", "CCF", "CFC", "CFF", "FCC", "FCF", "FFC", "FFF")


def test_the_limit_runs_every_product_in_the_form_that_is_asked_for(monkeypatch):
    n, b, D, H = 5, 3, 7, 4
    forms = dict(zip([product.name for product in needed(n, b, D, H)], FORMS[1:6], strict=True))
    run, seen, matmul = products(n, b, D, H, forms=forms), [], np.matmul

    def watch(left, right, out):
        order = ["C" if array.flags.c_contiguous else "F" for array in (left, right, out)]
        seen.append(((*left.shape, right.shape[1]), "".join(order)))
        return matmul(left, right, out=out)

    monkeypatch.setattr(np, "matmul", watch)
    run()
    assert seen == [
        ((product.p, product.q, product.r), forms[product.name])
        for product in needed(n, b, D, H)
        for _ in range(product.times)
    ]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_computes_the_product(form, monkeypatch):
    results, matmul = [], np.matmul

    def watch(left, right, out):
        matmul(left, right, out=out)
        results.append((left @ right, out))

    monkeypatch.setattr(np, "matmul", watch)
    for product in needed(2, 3, 7, 4):
        prepare(product, form, np.float64)()
    for expected, got in results:
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("form", ["CC", "CFCF", "cfc", ""])
def test_a_form_that_there_is_not_is_refused(form):
    message = f"form: expected one of CCC CCF CFC CFF FCC FCF FFC FFF, got {form!r}"
    with refused(ValueError, message):
        prepare(needed(5, 3, 7, 4)[1], form)
    with refused(ValueError, message):
        products(5, 3, 7, 4, forms=dict.fromkeys([one.name for one in needed(5, 3, 7, 4)], form))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_timed_is_the_same_in_every_run_and_of_the_dtype_asked_for(dtype, monkeypatch):
    seen = []
    monkeypatch.setattr(np, "matmul", lambda *given, out: seen.append((*given, out)))
    forms = {product.name: "CCC" for product in needed(5, 3, 7, 4)}
    for _ in range(2):
        products(5, 3, 7, 4, dtype, forms)()
    (once, again) = np.array_split(np.arange(len(seen)), 2)
    for k, j in zip(once, again, strict=True):
        for left, right in zip(seen[k], seen[j], strict=True):
            assert left.dtype == dtype
            np.testing.assert_array_equal(left, right)
            assert 0 < abs(left).max() < 10


def test_the_best_form_is_the_fastest(monkeypatch):
    product = needed(5, 3, 7, 4)[1]
    clock, now = {form: 9 - k for k, form in enumerate(FORMS)}, [0.0]  # "FFF" takes least

    def pretend(product, form, dtype):
        def run():
            now[0] += clock[form]

        return run

    monkeypatch.setattr("lstm.book.limit.prepare", pretend)
    monkeypatch.setattr("lstm.book.limit.time.perf_counter", lambda: now[0])
    assert best_form(product) == "FFF"
    clock["CFC"] = 1
    assert best_form(product) == "CFC"


@pytest.mark.parametrize(("rounds", "best"), [({}, "CFF"), ({"rounds": 2}, "FCF")])
def test_of_every_form_the_fastest_of_some_rounds_counts(monkeypatch, rounds, best):
    """All forms in turn, five times: "FCF" is fast in the second round, "CFF" once in the fifth."""
    runs, now = [], [0.0]
    fast = {("FCF", 2): 3, ("CFF", 5): 2, ("CCF", 6): 1}

    def pretend(product, form, dtype):
        def run():
            runs.append(form)
            now[0] += fast.get((form, runs.count(form)), 7)

        return run

    monkeypatch.setattr("lstm.book.limit.prepare", pretend)
    monkeypatch.setattr("lstm.book.limit.time.perf_counter", lambda: now[0])
    assert best_form(needed(5, 3, 7, 4)[1], **rounds) == best
    assert runs == [*FORMS] * rounds.get("rounds", 5)


@pytest.mark.parametrize(("given", "dtype"), [((), np.float32), ((np.float64,), np.float64)])
def test_what_is_timed_is_float32_unless_another_dtype_is_asked_for(monkeypatch, given, dtype):
    rows, asked, seen = needed(5, 3, 7, 4), [], []

    def pretend(product, dtype):
        asked.append((product, dtype))
        return "CFC"

    monkeypatch.setattr("lstm.book.limit.best_form", pretend)
    monkeypatch.setattr(np, "matmul", lambda *given, out: seen.append((*given, out)))
    run = products(5, 3, 7, 4, *given)
    assert asked == [(row, dtype) for row in rows]
    run()
    prepare(rows[1], "CFC", *given)()
    assert {array.dtype for arrays in seen for array in arrays} == {np.dtype(dtype)}
    seen.clear()
    monkeypatch.undo()
    monkeypatch.setattr(np, "matmul", lambda *given, out: seen.append(out.dtype))
    best_form(rows[1], *given)
    assert set(seen) == {np.dtype(dtype)}


@pytest.mark.parametrize("name", ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"])
def test_a_benchmark_runs_without_what_misleads_blas(monkeypatch, name):
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent / "benchmarks"))
    import machine

    monkeypatch.setenv(name, "1")
    clean = machine.environment(1)
    assert name not in clean
    for variable, value in clean.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(ValueError, match=name):
        machine.pin(1)
