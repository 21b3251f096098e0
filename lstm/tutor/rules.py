"""Mistakes made by rules, from the lines of the plain loop that are products or sums.

A factor is missing, there twice, or another one; a slope is another function's, or taken at the
wrong place; a term is missing, there twice, or has the wrong sign.
"""

from collections.abc import Iterator

from .mistake import Mistake
from .plain import Patch

__all__ = ["products", "slopes", "sums"]

# A line that is a product: its name, its equation, its factors.
_PRODUCTS = (
    ("keep", "eq-c", ("f", "c_prev")),
    ("add", "eq-c", ("i", "g")),
    ("h", "eq-h", ("o", "s")),
    ("do", "eq-do", ("dh", "s")),
    ("ds", "eq-ds", ("dh", "o")),
    ("dcs", "eq-dc", ("ds", "(1 - s**2)")),
    ("di", "eq-di", ("dc", "g")),
    ("df", "eq-df", ("dc", "c_prev")),
    ("dg", "eq-dg", ("dc", "i")),
    ("dc_prev", "eq-dc-prev", ("dc", "f")),
    ("dz_i", "eq-dz-sigmoid", ("di", "i", "(1 - i)")),
    ("dz_f", "eq-dz-sigmoid", ("df", "f", "(1 - f)")),
    ("dz_o", "eq-dz-sigmoid", ("do", "o", "(1 - o)")),
    ("dz_g", "eq-dz-tanh", ("dg", "(1 - g**2)")),
)

# What a line computes, in words.
_WORDS = {
    "keep": "what is kept of the memory (`f * c_prev`)",
    "add": "what is added to the memory (`i * g`)",
    "h": "the output `h`",
    "dcs": "what comes to `dc` through `h`",
    "dh": "`dh`, the gradient of a step's output,",
    "dc": "`dc`, the gradient of the memory,",
    "dc_prev": "`dc_prev`, the gradient of the memory before,",
    "do": "`do`, the gradient of the output gate,",
    "ds": "`ds`, the gradient of `s = tanh(c)`,",
    "di": "`di`, the gradient of the input gate,",
    "df": "`df`, the gradient of the forget gate,",
    "dg": "`dg`, the gradient of the candidate,",
    "dz_i": "`dz_i`, the gradient of the raw input gate,",
    "dz_f": "`dz_f`, the gradient of the raw forget gate,",
    "dz_o": "`dz_o`, the gradient of the raw output gate,",
    "dz_g": "`dz_g`, the gradient of the raw candidate,",
    "c": "the memory `c`",
    "z": "the sum `z`",
}
_VALUES = ("i", "f", "o", "g", "c_prev", "c", "s", "h_prev", "h")  # all of shape (b, H)
_FORWARD = {"keep": 4, "add": 4, "h": 7}  # how many of the values a line can know
# In place of a gradient: others of shape (b, H) that are there by then.
_GRADIENTS = {
    "dh": ("dHout[t]", "dh_next"), "ds": ("dh",), "dc": ("dcs", "dc_next", "dh", "ds"),
    "di": ("dc",), "df": ("dc",), "do": ("dh",), "dg": ("dc",),
}  # fmt: skip
_NAMED = {
    "dHout[t]": "only dHout",
    "dh_next": "only what comes from the next step",
    "dcs": "only what comes through h",
    "dc_next": "only what comes from the next step",
}

_IN_ZOO = {
    "di: i for g": "di from i instead of g",
    "dcs: (1 - s**2) missing": "tanh in the forward pass only",
    "dc: dc_next missing": "dc has one source only",
    "dh: dh_next missing": "dh not carried",
    "add: i + g": "i + g instead of i g",
    "dz_f: sigmoid for its slope": "σ instead of σ' for f",
    "dz_o: tanh' of the value": "tanh' for the output gate",
    "dz_all: sigmoid' of the value": "σ' of the activated value",
}


def _mistake(name: str, says: str, label: str, *patches: Patch) -> Mistake:
    return Mistake(name, says, label, patches, _IN_ZOO.get(name, ""))


def products() -> Iterator[Mistake]:
    """A product with another sign or size, a factor less, twice, or another; a sum instead.

    Example:
        >>> "di: i for g" in [mistake.name for mistake in products()]
        True
    """
    for target, label, factors in _PRODUCTS:
        line = f"        {target} = {' * '.join(factors)}\n"
        what = _WORDS[target]

        def wrong(expression: str, line: str = line, target: str = target) -> Patch:
            return line, f"        {target} = {expression}\n"

        product = " * ".join(factors)
        yield _mistake(f"{target}: sign", f"{what} has the wrong sign", label,
                       wrong(f"-({product})"))  # fmt: skip
        yield _mistake(f"{target}: twice", f"{what} is twice what it should be", label,
                       wrong(f"2 * {product}"))  # fmt: skip
        yield _mistake(f"{target}: half", f"{what} is half of what it should be", label,
                       wrong(f"0.5 * {product}"))  # fmt: skip
        yield _mistake(f"{target}: zero", f"{what} is zero", label, wrong(f"0 * {product}"))
        for k, factor in enumerate(factors):
            rest = [*factors[:k], *factors[k + 1 :]]
            bare = factor.strip("()")
            yield _mistake(f"{target}: {factor} missing", f"{what} lacks the factor `{bare}`",
                           label, wrong(" * ".join(rest)))  # fmt: skip
            if not factor.startswith("d"):
                yield _mistake(f"{target}: {factor} twice", f"{what} has the factor `{bare}` twice",
                               label, wrong(f"{product} * {factor}"))  # fmt: skip
            others = _VALUES if factor in _VALUES else _GRADIENTS.get(factor, ())
            for other in others[: _FORWARD.get(target)] if factor in _VALUES else others:
                if other != factor:
                    spelled = _NAMED.get(other, f"`{other}`")
                    yield _mistake(
                        f"{target}: {other} for {factor}",
                        f"{what} is made with {spelled} where the equation has `{factor}`", label,
                        wrong(" * ".join([*factors[:k], other, *factors[k + 1 :]])),
                    )  # fmt: skip
        if target in _FORWARD or target in ("do", "ds", "di", "df", "dg", "dc_prev"):
            yield _mistake(f"{target}: {factors[0]} + {factors[1]}",
                           f"{what} is a sum where the equation has a product", label,
                           wrong(" + ".join(factors)))  # fmt: skip


def slopes() -> Iterator[Mistake]:
    """The slope of an activation replaced: of one gate, of the three sigmoids, of all four.

    Example:
        >>> "dz_g: 1 - v" in [mistake.name for mistake in slopes()]
        True
    """
    wrong_slopes = {
        "tanh' for the slope": ("the slope of tanh, `1 - {k}**2`,", "(1 - {k}**2)"),
        "tanh' of the value": ("`1 - tanh({k})**2`, the slope of tanh,", "(1 - np.tanh({k})**2)"),
        "sigmoid' of the value": (
            "`sigmoid({k}) * (1 - sigmoid({k}))`, of a value that is squashed already,",
            "(sigmoid({k}) * (1 - sigmoid({k})))",
        ),
        "sigmoid for its slope": ("the sigmoid instead of its slope", "sigmoid({k})"),
        "z (1 - z)": ("`z * (1 - z)` with the raw gate, not yet squashed,",
                      "(z_{k} * (1 - z_{k}))"),
        "k - 1": ("`{k} * ({k} - 1)`, the slope with the other sign,", "({k} * ({k} - 1))"),
        "1 + k": ("`{k} * (1 + {k})`", "({k} * (1 + {k}))"),
        "parentheses": ("`{k} * 1 - {k}`, without its parentheses,", "{k} * 1 - {k}"),
        "square": ("the square of the slope", "({k} * (1 - {k}))**2"),
        "no slope": ("no slope at all", "1"),
        "slope of f": ("the slope of another gate, `f * (1 - f)`,", "(f * (1 - f))"),
        "slope of i": ("the slope of another gate, `i * (1 - i)`,", "(i * (1 - i))"),
        "slope of o": ("the slope of another gate, `o * (1 - o)`,", "(o * (1 - o))"),
        "k alone": ("`{k}` instead of its slope", "{k}"),
        "1 - k alone": ("`1 - {k}` instead of the slope", "(1 - {k})"),
    }  # fmt: skip
    for name, (what, slope) in wrong_slopes.items():
        for gates in ("i", "f", "o", "ifo"):
            if name in ("k - 1", "no slope", "k alone", "1 - k alone") and len(gates) == 1:
                continue  # made by the rules for products
            if name == f"slope of {gates}":
                continue
            patches = tuple(
                (f"d{k} * {k} * (1 - {k})", f"d{k} * " + slope.format(k=k)) for k in gates
            )
            named = gates if len(gates) == 1 else "all"
            where = f"`dz_{gates}`" if len(gates) == 1 else "all three sigmoid gates"
            spelled = what.format(k=gates if len(gates) == 1 else "k")
            yield _mistake(f"dz_{named}: {name}", f"the line for {where} has {spelled} where "
                           "the slope of the sigmoid belongs", "eq-dz-sigmoid",
                           *patches)  # fmt: skip
    of_tanh = {
        "sigmoid' for the slope": ("the slope of the sigmoid, `{v} * (1 - {v})`,",
                                   "({v} * (1 - {v}))"),
        "tanh' of the value": ("`1 - tanh({v})**2`, of a value that is squashed already,",
                               "(1 - np.tanh({v})**2)"),
        "1 - v": ("`1 - {v}`, without the square,", "(1 - {v})"),
        "v**2 - 1": ("`{v}**2 - 1`, the slope with the other sign,", "({v}**2 - 1)"),
        "1 + v**2": ("`1 + {v}**2`", "(1 + {v}**2)"),
        "(1 - v)**2": ("`(1 - {v})**2`, the square in the wrong place,", "(1 - {v})**2"),
        "v**2": ("`{v}**2`", "{v}**2"),
        "v": ("`{v}`", "{v}"),
        "raw": ("`1 - {raw}**2`, of the value before tanh,", "(1 - {raw}**2)"),
        "sigmoid' of raw": ("the slope of the sigmoid at the value before tanh",
                            "(sigmoid({raw}) * (1 - sigmoid({raw})))"),
        "1 - tanh": ("`1 - tanh` instead of `1 - tanh**2`, at a value that is squashed already,",
                     "(1 - np.tanh({v}))"),
        "parentheses": ("`1 - {v}**2` without its parentheses", "1 - {v}**2"),
        "square inside": ("`1 - tanh(a**2)`, the square in the wrong place,",
                          "(1 - np.tanh({raw}**2))"),
        "of h": ("`1 - h**2`", "(1 - h**2)"),
        "of c_prev": ("the slope of tanh at `c_prev`", "(1 - np.tanh(c_prev)**2)"),
    }  # fmt: skip
    lines = (("dz_g", "dg", "g", "z_g", "eq-dz-tanh"), ("dcs", "ds", "s", "c", "eq-dc"))
    for name, (what, slope) in of_tanh.items():
        for target, gradient, v, raw, label in lines:
            if v == "g" and name in ("of h", "of c_prev"):
                continue
            said = what.format(v=v, raw=raw)
            yield _mistake(
                f"{target}: {name}", f"the line for `{'dc' if v == 's' else target}` has "
                f"{said} where the slope of tanh, `1 - {v}**2`, belongs", label,
                (f"{gradient} * (1 - {v}**2)", f"{gradient} * " + slope.format(v=v, raw=raw)),
            )  # fmt: skip


def sums() -> Iterator[Mistake]:
    """A sum with a term less, twice, or with the other sign.

    Example:
        >>> "dh: dh_next missing" in [mistake.name for mistake in sums()]
        True
    """
    sums = (
        ("dh", "eq-bptt-dh", ("dHout[t]", "dh_next"),
         ("the gradient of the loss at that step, `dHout[t]`", "what comes from the step after")),
        ("dc", "eq-bptt-dc", ("dc_next", "dcs"),
         ("what comes from the step after", "what comes through h")),
        ("c", "eq-c", ("keep", "add"), ("`f * c_prev`", "`i * g`")),
        ("z", "eq-z", ("zb", "zx", "zh"),
         ("the bias", "the part of x, `x Wx`", "the recurrent part, `h_prev Wh`")),
    )  # fmt: skip
    for target, label, terms, words in sums:
        line = f"        {target} = {' + '.join(terms)}\n"
        what = _WORDS[target]
        for k, (term, word) in enumerate(zip(terms, words, strict=True)):
            rest = [*terms[:k], *terms[k + 1 :]]
            for name, says, expression in (
                ("missing", f"lacks {word}", " + ".join(rest)),
                ("twice", f"has {word} twice", " + ".join([*terms, term])),
                ("sign", f"has {word} with the wrong sign", " + ".join(rest) + f" - {term}"),
            ):
                yield _mistake(f"{target}: {term} {name}", f"{what} {says}", label,
                               (line, f"        {target} = {expression}\n"))  # fmt: skip
        if len(terms) == 2:
            yield _mistake(f"{target}: product", f"{what} is a product where the equation has a "
                           "sum", label, (line, f"        {target} = {' * '.join(terms)}\n"),
                           )  # fmt: skip
