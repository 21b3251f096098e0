"""Small mistakes in JavaScript, for `tests/mutants.py`: what `mutations.py` is for Python.

A number off by one; another arithmetic, logical or comparing operator; a negation less; the other
of two constants. Comments, texts and patterns stay as they are.
"""

import re

TOKEN = re.compile(
    r"""
    (?P<kept>//[^\n]* | /\*.*?\*/ | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' | `(?:\\.|[^`\\])*`
        | (?<=[(,=:\[!&|?{};\n])[ ]*/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+/[a-z]* | =>)
    | (?P<number>(?<![\w.$])(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?(?![\w.]))
    | (?P<word>[A-Za-z_$][\w$]*)
    | (?P<operator>===|!==|>>>=?|\*\*|&&|\|\||\?\?|\+\+|--|[-+*/%]=|<=|>=|[-+*/%<>!])
    """,
    re.VERBOSE | re.DOTALL,
)
OTHER = {
    "===": ["!=="], "!==": ["==="], "<": ["<=", ">"], "<=": ["<"], ">": [">=", "<"], ">=": [">"],
    "+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"], "%": ["*"], "**": ["*"], "+=": ["-=", "="],
    "-=": ["+="], "*=": ["/="], "/=": ["*="], "++": ["--"], "--": ["++"], "&&": ["||"],
    "||": ["&&"], "??": ["&&"], "!": [""],
    "true": ["false"], "false": ["true"], "max": ["min"], "min": ["max"], "floor": ["ceil"],
    "ceil": ["floor"], "round": ["floor"], "sin": ["cos"], "cos": ["sin"], "exp": ["expm1"],
    "log": ["log1p"],
}  # fmt: skip


def mutants(source):
    """Mutants in the order of the file: the number of the line, it before and after, the source."""
    found = []
    for token in TOKEN.finditer(source):
        text = token[0]
        if token["number"]:
            others = [f"{float(text) + 1:g}" if re.search("[.e]", text) else str(int(text) + 1)]
        elif token["word"] or token["operator"]:
            others = OTHER.get(text, [])
        else:
            others = []
        for other in others:
            mutant = source[: token.start()] + other + source[token.end() :]
            line = source.count("\n", 0, token.start())
            before, after = (each.split("\n")[line].strip() for each in (source, mutant))
            found.append((line + 1, before, after, mutant))
    return found
