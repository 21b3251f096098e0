"""The code to judge: run it on a problem, and convert what it returns to this package's layout."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..exchange.names import flat
from .calls import LIMIT, Called, call
from .search import FORWARD, Arrays
from .styles import Problem, Style

__all__ = ["Candidate", "Ran"]


class Ran(NamedTuple):
    """The outcome of a run.

    Attributes:
        arrays: The outputs as the code returned them, by its own names for them.
        outputs: The same in this package's layout; see `lstm.tutor.search`.
        cache: What a forward pass returned for the backward pass.
        trouble: What went wrong, as a sentence; empty if nothing did.
        unwritten: Whether the code has not been written yet.
        changed: The arguments that it changed in place.
        printed: How many lines it printed.
        inner: Intermediate values that a backward pass also returned, by name.
    """

    arrays: Arrays
    outputs: Arrays
    cache: Any = None
    trouble: str = ""
    unwritten: bool = False
    changed: tuple[str, ...] = ()
    printed: int = 0
    inner: Mapping[str, Any] = {}

    @property
    def single(self) -> bool:
        """Whether the outputs are in less than double precision."""
        return any(array.dtype.itemsize < 8 for array in self.arrays.values())


class Candidate(NamedTuple):
    """Two functions and the style in which they are written.

    Attributes:
        forward: The forward pass.
        backward: The backward pass, or None.
        style: Their style.
        limit: The time limit of each call, in seconds.
    """

    forward: Callable[..., Any]
    backward: Callable[..., Any] | None
    style: Style
    limit: float = LIMIT

    def run_forward(self, p: Problem) -> Ran:
        """Run the forward pass.

        Args:
            p: On what.

        Returns:
            Ran: What it gave.
        """
        weights = self.style.pack(p.W, p.second)
        forms = self.style.arguments(self.forward, self.style.swap(p.X), weights, p.c0, p.h0)
        called, changed = self._called(self.forward, forms)
        wanted = "(Hout, " + ", ".join(self.style.states("Cn", "Hn")) + ", cache)"
        called = _with_several(called, wanted)
        if called.trouble:
            return _failed(called)
        items = _items(called.value)
        if len(items) > 1 and _is_group(items[1], 2) and len(items[1]) == 2:
            items[1:2] = items[1]
        if len(items) not in (3, 4) or (len(items) == 3 and self.backward is not None):
            return _failed(called._replace(
                trouble=f"returns {len(items)} values, expected 4: {wanted}"))  # fmt: skip
        n, b, _, H = p.sizes
        Hout = (b, n, H) if self.style.batch_first else (n, b, H)
        arrays, trouble = _arrays(self.style.outputs(), items[:3], [Hout, (b, H), (b, H)], p)
        if trouble:
            return _failed(called._replace(trouble=trouble))
        outputs = {name: arrays[name] for name in FORWARD}
        outputs["Hout"] = self.style.swap(outputs["Hout"])
        cache = items[3] if len(items) == 4 else None
        return Ran(arrays, outputs, cache, "", False, changed, called.printed)

    def run_backward(self, p: Problem, cache: Any) -> Ran:
        """Run the backward pass.

        Args:
            p: On what.
            cache: What the forward pass returned for it.

        Returns:
            Ran: What it gave.
        """
        assert self.backward is not None
        forms = self.style.back(self.backward, self.style.swap(p.dHout), cache, p.dCn, p.dHn)
        called, changed = self._called(self.backward, forms)
        names = self.style.gradients()
        wanted = "(" + ", ".join(names) + ")"
        called = _with_several(called, wanted)
        if called.trouble:
            return _failed(called)
        n, b, D, H = p.sizes
        dX = (b, n, D) if self.style.batch_first else (n, b, D)
        places = self.style.places(D, H)
        shapes = [dX, *(place.shape for place in places.values()), (b, H), (b, H)]
        items: list[Any] = []
        inner: Mapping[str, Any] = {}
        for item in _items(called.value):
            if isinstance(item, Mapping):
                got = flat(item, "gradients", "gradients")
                ours = [got.get(name, got.get("d" + name)) for name in places]
                if all(array is not None for array in ours):
                    items += ours
                else:
                    inner = item
            elif _is_group(item, len(shapes[min(len(items), len(shapes) - 1)])):
                items += item
            else:
                items.append(item)
        if len(items) != len(names):
            trouble = f"returns {len(items)} values, expected {len(names)}: {wanted}"
            return _failed(called._replace(trouble=trouble))
        arrays, trouble = _arrays(names, items, shapes, p)
        if trouble:
            return _failed(called._replace(trouble=trouble))
        size = (1 + D + H) * 4 * H
        vector = np.zeros(size + 4 * H)
        for name, place in places.items():
            vector[place] = arrays["d" + name]
        outputs = {
            "dX": self.style.swap(arrays["dX"]),
            "dW": vector[:size].reshape(1 + D + H, 4 * H),
            "db2": vector[size:],
            "dc0": arrays["dc0"],
            "dh0": arrays["dh0"],
        }
        if not self.style.two_biases:
            outputs["db2"] = outputs["dW"][0]
        return Ran(arrays, outputs, None, "", False, changed, called.printed, inner)

    def _called(
        self, function: Callable[..., Any], forms: list[dict[str, Any]]
    ) -> tuple[Called, tuple[str, ...]]:
        """Call a function in the first form of its arguments that runs, and list what it changed.

        If none runs, what the first gave.
        """
        every = []
        for form in forms:
            every.append(call(function, *form.values(), limit=self.limit))
            if not every[-1].trouble:
                names = list(form)
                changed = (names[k] for k in every[-1].changed)
                return every[-1], tuple(name for name in changed if name != "cache")
        return every[0], ()


def _items(value: Any) -> list[Any]:
    """Return the items of a tuple or list; none if it cannot be read."""
    try:
        return list(value)
    except Exception:
        return []


def _is_group(item: Any, dimensions: int) -> bool:
    """Return whether a tuple or list holds several arrays, and is not itself one array."""
    if not isinstance(item, (tuple, list)) or not item:
        return False
    try:
        return np.ndim(item) != dimensions
    except Exception:  # arrays of several shapes
        return True


def _with_several(called: Called, wanted: str) -> Called:
    """Check that a call returned several values."""
    if called.trouble:
        return called
    if called.value is None:
        return called._replace(trouble="returns nothing", unwritten=True)
    if not isinstance(called.value, (tuple, list)):
        kind = type(called.value).__name__
        return called._replace(trouble=f"returns a {kind}, expected {wanted}")
    return called


def _failed(called: Called) -> Ran:
    return Ran({}, {}, None, called.trouble, called.unwritten, (), called.printed)


def _arrays(
    names: list[str], items: list[Any], shapes: list[tuple[int, ...]], p: Problem
) -> tuple[Arrays, str]:
    """The outputs as arrays by name, or what is wrong with the first that is not one."""
    arrays: dict[str, NDArray[Any]] = {}
    n, b, D, H = p.sizes
    sizes = f"n, b, D, H = {n}, {b}, {D}, {H}"
    for name, item, shape in zip(names, items, shapes, strict=True):
        try:
            array = np.asarray(item)
        except Exception:
            return {}, f"{name} is a {type(item).__name__}, expected an array of shape {shape}"
        if array.dtype.kind not in "fiu" and array.dtype.name != "bfloat16":
            kind = f"an array of {array.dtype}"
            if array.dtype.kind == "O":
                kind = f"a {type(item).__name__}"
            return {}, f"{name} is {kind}, expected an array of numbers, shape {shape}"
        if array.shape != shape:
            advice = ""
            if array.ndim == 3 and array.shape == (shape[1], shape[0], shape[2]):
                advice = "; steps and batch are the other way round: is it meant? batch_first says"
                advice += " which is first"
            elif array.ndim == 2 and array.T.shape == shape:
                advice = "; that is its transpose"
            elif array.size and array.size == int(np.prod(shape)):
                advice = "; it has as many elements"
            return {}, f"{name} has shape {array.shape}, expected {shape} with {sizes}{advice}"
        arrays[name] = array.astype(np.float64) if array.dtype.kind in "iu" else array
    return arrays, ""
