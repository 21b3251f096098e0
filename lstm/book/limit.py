"""The matrix products that an LSTM cannot do without: how fast it could be at best."""

import itertools
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

__all__ = [
    "FORMS",
    "Product",
    "best_form",
    "needed",
    "prepare",
    "products",
]


class Product(NamedTuple):
    """One of the matrix products that an LSTM cannot do without: (p, q) by (q, r), ``times`` over.

    Attributes:
        name: What it computes.
        times: How often, in one forward and backward pass.
        p: Rows of the left factor and of the result.
        q: Columns of the left factor, rows of the right one.
        r: Columns of the right factor and of the result.
    """

    name: str
    times: int
    p: int
    q: int
    r: int


def needed(n: int, b: int, D: int, H: int) -> tuple[Product, ...]:
    """List the matrix products of a forward and a backward pass.

    Args:
        n: Number of steps.
        b: Batch size.
        D: Input size.
        H: Hidden size.

    Returns:
        tuple: One `Product` a row: two forward, three backward. Only two of them wait for the
        step before, and so are done n times.

    Example:
        >>> [product.times for product in needed(100, 32, 64, 128)]
        [1, 100, 100, 1, 1]
    """
    return (
        Product("X Wx", 1, n * b, D, 4 * H),
        Product("h Wh", n, b, H, 4 * H),
        Product("dz Whᵀ", n, b, 4 * H, H),
        Product("[X, H]ᵀ dZ", 1, D + H, n * b, 4 * H),
        Product("dZ Wxᵀ", 1, n * b, 4 * H, D),
    )


FORMS = tuple("".join(orders) for orders in itertools.product("CF", repeat=3))
"""The forms in which BLAS can be asked for a product. Left factor, right factor and result may each
lie in memory by rows, as in C, or by columns, as in Fortran. "CCC" is ``h @ Wh``, "FCF" is
``Wh.T @ hT`` with ``hT`` stored by rows."""


def prepare(product: Product, form: str, dtype: DTypeLike = np.float32) -> Callable[[], None]:
    """Make ready one product in one form.

    Args:
        product: What to multiply.
        form: One of `FORMS`.
        dtype: float32 or float64.

    Returns:
        Callable: A function without arguments that does the product ``product.times`` times, on
        the same random numbers and into one array, so that all stay in the cache if they fit.

    Raises:
        ValueError: If there is no such form.

    Example:
        >>> prepare(needed(5, 3, 10, 4)[1], "FCF")()
    """
    if form not in FORMS:
        raise ValueError(f"form: expected one of {' '.join(FORMS)}, got {form!r}")
    rng = np.random.default_rng(0)
    shapes = ((product.p, product.q), (product.q, product.r), (product.p, product.r))
    orders: Any = form
    left, right, result = (
        np.asarray(rng.standard_normal(shape), dtype, order=order)
        for shape, order in zip(shapes, orders, strict=True)
    )

    def run() -> None:
        for _ in range(product.times):
            np.matmul(left, right, out=result)

    return run


def best_form(product: Product, dtype: DTypeLike = np.float32, rounds: int = 5) -> str:
    """Find the form in which BLAS does a product fastest, on this machine and now.

    Args:
        product: What to multiply.
        dtype: float32 or float64.
        rounds: How often all forms are timed in turn. The smallest time of each counts.

    Returns:
        str: One of `FORMS`.

    Example:
        >>> best_form(needed(5, 3, 10, 4)[1]) in FORMS
        True
    """
    runs = {form: prepare(product, form, dtype) for form in FORMS}
    best = dict.fromkeys(FORMS, float("inf"))
    for _ in range(rounds):
        for form, run in runs.items():
            start = time.perf_counter()
            run()
            best[form] = min(best[form], time.perf_counter() - start)
    return min(best, key=best.__getitem__)


def products(
    n: int, b: int, D: int, H: int, dtype: DTypeLike = np.float32,
    forms: Mapping[str, str] | None = None,
) -> Callable[[], None]:  # fmt: skip
    """The limit: the matrix products of a forward and a backward pass, and nothing else.

    Args:
        n: Number of steps.
        b: Batch size.
        D: Input size.
        H: Hidden size.
        dtype: float32 or float64.
        forms: The form of each product by its name in `needed`; the fastest,
            which is then measured first, if None.

    Returns:
        Callable: A function without arguments that does the products, into arrays that
        are there already.

    Example:
        >>> products(5, 3, 10, 4)()
    """
    rows = needed(n, b, D, H)
    if forms is None:
        forms = {row.name: best_form(row, dtype) for row in rows}
    runs = [prepare(row, forms[row.name], dtype) for row in rows]

    def run() -> None:
        for product in runs:
            product()

    return run
