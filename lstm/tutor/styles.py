"""Other people's conventions: their layout of weights, from the Rosetta table, and their axes.

A `Style` calls functions that are written its way, and brings what they return to the layout of
this package: all weights as one vector, first W row by row, then the second bias, which is zero
where a library has only one.
"""

import contextlib
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..exchange.conventions import ROSETTA, Convention, write
from ..exchange.names import flat, nested
from ..settings import check_flag

__all__ = ["OURS", "Problem", "Style", "problem", "style"]


class Style(NamedTuple):
    """How somebody's functions take and return their arrays.

    Attributes:
        row: The row of the Rosetta table; None for one matrix ``WLSTM`` as in `lstm.layout`.
        batch_first: Whether X and Hout are (b, n, ...) instead of (n, b, ...).
        h_first: Whether h comes before c, in arguments and results.
    """

    row: Convention | None = None
    batch_first: bool = False
    h_first: bool = False

    @property
    def plus(self) -> float:
        """What the library adds to the raw forget gate when it runs."""
        return self.row.forget_bias if self.row else 0.0

    @property
    def two_biases(self) -> bool:
        """Whether there are two biases that are added up."""
        return self.row is not None and len(self.row.biases) == 2

    def places(self, D: int, H: int) -> dict[str, NDArray[np.int64]]:
        """For each array of weights, where its elements are in the vector of all weights."""
        size = (1 + D + H) * 4 * H
        index = np.arange(1.0, size + 1).reshape(1 + D + H, 4 * H)
        if self.row is None:
            return {"WLSTM": index.astype(int) - 1}
        arrays = flat(write(self.row._replace(forget_bias=0.0), index), "weights", "weights")
        places = {name: np.asarray(array).astype(int) - 1 for name, array in arrays.items()}
        if self.two_biases:
            first, second = self.row.biases
            if first == second:
                both = places[str(first)].reshape(2, -1)
                both[1] = both[0] + size
            else:
                places[str(second)] = places[str(first)] + size
        return places

    def pack(self, W: NDArray[Any], second: NDArray[Any]) -> list[NDArray[Any]]:
        """The arrays of weights in the order in which the functions take them."""
        D, H = W.shape[0] - 1 - W.shape[1] // 4, W.shape[1] // 4
        vector = np.concatenate([W.ravel(), second])
        return [vector[place] for place in self.places(D, H).values()]

    def states(self, c: Any, h: Any) -> tuple[Any, Any]:
        """The two states in the order of this style."""
        return (h, c) if self.h_first else (c, h)

    def swap(self, X: NDArray[Any]) -> NDArray[Any]:
        """(n, b, ...) as this style has it, or back."""
        return np.ascontiguousarray(np.swapaxes(X, 0, 1)) if self.batch_first else X

    def arguments(
        self, function: Callable[..., Any], first: Any, weights: list[Any], c: Any, h: Any
    ) -> list[dict[str, Any]]:
        """The arguments of a forward pass by name, in the forms that its signature has room for.

        The weights one by one or as a dictionary, the states one by one or as a pair. Several
        forms can have the same number of arguments. If the signature cannot be read, all do.
        """
        named = dict(zip(self.places(1, 1), weights, strict=True))
        asdict = {"weights": nested(named)} if self.row else named
        states = dict(zip(self.states("c0", "h0"), self.states(c, h), strict=True))
        pair = {"c0 or h0": self.states(c, h)}
        forms = [{"X": first, **w, **s} for s in (states, pair) for w in (named, asdict)]
        return _fitting(function, forms)

    def back(
        self, function: Callable[..., Any], dHout: Any, cache: Any, dc: Any, dh: Any
    ) -> list[dict[str, Any]]:
        """The arguments of a backward pass, in the same way."""
        states = dict(zip(self.states("dCn", "dHn"), self.states(dc, dh), strict=True))
        pair = {"dCn or dHn": self.states(dc, dh)}
        return _fitting(function, [{"dHout": dHout, "cache": cache, **s} for s in (states, pair)])

    def outputs(self) -> list[str]:
        """The names of a forward pass's results, in order, without the cache."""
        return ["Hout", *self.states("Cn", "Hn")]

    def gradients(self) -> list[str]:
        """The names of a backward pass's results, in order."""
        weights = ["d" + name for name in self.places(1, 1)]
        return ["dX", *weights, *self.states("dc0", "dh0")]


OURS = Style()


def style(
    convention: str | Convention | None, batch_first: bool = False, states: str | None = None
) -> Style:
    """Return the style of a library, by its name in the Rosetta table.

    Args:
        convention: The name, a row of your own, or None for this book's layout.
        batch_first: Whether X and Hout have the batch as their first axis.
        states: "c h" or "h c", the order of the states; None for that of the row.

    Returns:
        Style: The style.

    Raises:
        ValueError: If there is no such row, or no such order.

    Example:
        >>> style("PyTorch").gradients()
        ['dX', 'dweight_ih', 'dweight_hh', 'dbias_ih', 'dbias_hh', 'dh0', 'dc0']
    """
    if isinstance(convention, str):
        found = [row for name, row in ROSETTA.items() if name.lower() == convention.lower()]
        if not found:
            raise ValueError(
                f"convention: expected None or one of {list(ROSETTA)}, got {convention!r}"
            )
        convention = found[0]
    elif convention is not None and not isinstance(convention, Convention):
        kind = type(convention).__name__
        raise TypeError(f"convention: expected a name, a Convention or None, got a {kind}")
    if states not in (None, "c h", "h c"):
        raise ValueError(f"states: expected 'c h', 'h c' or None, got {states!r}")
    of_row = convention is not None and _h_first(convention.state)
    batch_first = check_flag("batch_first", batch_first)
    return Style(convention, batch_first, states == "h c" if states else of_row)


def _h_first(state: str) -> bool:
    """Whether a row of the table has h before c."""
    return state.index("h") < state.index("c")


def _fitting(
    function: Callable[..., Any], forms: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The forms whose number of arguments fits the function's signature; the first if none does.

    Those whose names the signature shares come first.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return forms
    fitting = []
    for form in forms:
        with contextlib.suppress(TypeError):
            signature.bind(*form.values())
            fitting.append(form)
    names = {name.lower() for name in signature.parameters}
    fitting.sort(key=lambda form: -len(names.intersection(map(str.lower, form))))
    return fitting or forms[:1]


class Problem(NamedTuple):
    """Arguments and cotangents, in this package's layout.

    Attributes:
        X: Inputs, shape (n, b, D).
        W: Weights, shape (1 + D + H, 4H).
        second: The second bias, shape (4H,); zero where there is one only.
        c0: Initial memory, shape (b, H).
        h0: Initial output, shape (b, H).
        dHout: Gradient with respect to Hout, shape (n, b, H).
        dCn: With respect to Cn, shape (b, H).
        dHn: With respect to Hn, shape (b, H).
        plus: What the library adds to the raw forget gate.
        key: What the problem was drawn from; two problems with one key are the same.
    """

    X: NDArray[Any]
    W: NDArray[Any]
    second: NDArray[Any]
    c0: NDArray[Any]
    h0: NDArray[Any]
    dHout: NDArray[Any]
    dCn: NDArray[Any]
    dHn: NDArray[Any]
    plus: float
    key: tuple[Any, ...]

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """n, b, D and H."""
        n, b, D = self.X.shape
        return n, b, D, self.c0.shape[1]


def problem(
    n: int, b: int, D: int, H: int, form: Style = OURS, *, seed: int = 0, dtype: Any = np.float64
) -> Problem:
    """Draw a problem in which nothing is zero, neither biases nor states nor any cotangent.

    Args:
        n: Number of steps.
        b: Batch size.
        D: Input size.
        H: Hidden size.
        form: The style, which decides whether there is a second bias and what is added to the
            forget gate.
        seed: The seed of the random numbers.
        dtype: float32 or float64.

    Returns:
        Problem: Everything from N(0, 1), the weights but not the biases divided by sqrt(D + H).

    Example:
        >>> problem(3, 2, 5, 4).W.shape
        (10, 16)
    """
    key = (n, b, D, H, form.two_biases, form.plus, seed, np.dtype(dtype).name)
    rng = np.random.default_rng([seed, n, b, D, H])

    def normal(*shape: int) -> NDArray[Any]:
        return rng.standard_normal(shape).astype(dtype)

    W = normal(1 + D + H, 4 * H)
    W[1:] /= np.sqrt(D + H)
    second = normal(4 * H) if form.two_biases else np.zeros(4 * H, dtype)
    states = [normal(b, H) for _ in range(4)]
    return Problem(normal(n, b, D), W, second, states[0], states[1], normal(n, b, H), states[2],
                   states[3], form.plus, key)  # fmt: skip
