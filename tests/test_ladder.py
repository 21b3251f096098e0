"""Every rung of the ladder computes the same."""

import numpy as np
import pytest
from helpers import SHAPES, draw, run

import lstm
from lstm.book.ladder import LADDER, products


@pytest.mark.parametrize("rung", LADDER[:-1], ids=lambda rung: rung.name)
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
    for rung in LADDER[:-1]:
        got = run(problem, rung.forward, rung.backward)
        for name, value in run(problem).items():
            np.testing.assert_allclose(got[name], value, rtol=1e-9, atol=1e-10, err_msg=name)


def test_the_top_is_the_package():
    assert (LADDER[-1].forward, LADDER[-1].backward) == (lstm.forward, lstm.backward)


def test_the_limit_runs_every_product(monkeypatch):
    n, b, D, H = 5, 3, 7, 4
    shapes = []
    run = products(n, b, D, H)
    matmul = np.matmul
    monkeypatch.setattr(
        np, "matmul", lambda p, q, out: shapes.append((*p.shape, q.shape[1])) or matmul(p, q, out)
    )
    run()
    before = [(n * b, D, 4 * H), *([(b, H, 4 * H)] * n), *([(b, 4 * H, H)] * n)]
    after = [(D, n * b, 4 * H), (H, n * b, 4 * H), (n * b, 4 * H, D)]
    assert shapes == before + after
