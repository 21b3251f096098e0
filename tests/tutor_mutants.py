"""Judge a thousand mutants of `lstm.fused`: is any named falsely, does any pass that is wrong?

    python tests/tutor_mutants.py             a thousand mutants, a hundred pairs, all styles
    python tests/tutor_mutants.py 50 10       fewer

A mutant is `fused.py` with one operator, number, index, name or method of its two passes changed.
A name is false if the plain loop with the mistakes that the tutor names gives other numbers than
the mutant on problems that the tutor has not seen. The outcome is stored for the page in the book.
"""

import ast
import json
import sys
import time
import types
from collections import Counter
from pathlib import Path

import numpy as np

from lstm import fused, tutor
from lstm.tutor.calls import call
from lstm.tutor.mistakes import mistakes
from lstm.tutor.plain import model
from lstm.tutor.search import FORWARD, GRADIENTS, agree, run
from lstm.tutor.styles import problem

RESULTS = Path(__file__).parent.parent / "book" / "data" / "tutor.json"
SOURCE = Path(fused.__file__).read_text(encoding="utf-8")
FUNCTIONS = ("forward", "backward", "_squash", "_blocks", "_scale_and_shift")
FRESH = [problem(*sizes, seed=11) for sizes in ((3, 4, 2, 5), (6, 2, 3, 4), (2, 3, 5, 4))]
LIMIT = 20.0  # seconds for each call of a mutant, on a machine that may be busy

ARITHMETIC = {
    ast.Add: (ast.Sub, ast.Mult), ast.Sub: (ast.Add, ast.Mult),
    ast.Mult: (ast.Add, ast.Sub, ast.Div), ast.Div: (ast.Mult, ast.Add),
    ast.Pow: (ast.Mult, ast.Add), ast.FloorDiv: (ast.Mult,), ast.MatMult: (ast.Mult,),
}  # fmt: skip
NAMES = (
    ("i", "f", "o", "g", "s", "c_prev", "through_s"),
    ("dz_i", "dz_f", "dz_o", "dz_g"),
    ("dk_i", "dk_f", "dk_o", "dk_g"),
    ("dh", "dc", "dh_next", "dc_next"),
    ("Wx", "Wh"),
    ("C", "S", "Hout"),
    ("c", "h"),
    ("n", "b", "D", "H"),
    ("dHout", "dZ", "dX"),
)
CALLS = {"multiply": ("add", "subtract"), "subtract": ("add",), "tanh": ("sin", "exp")}


def changes(node):
    """What one node of the syntax tree may become."""
    match node:
        case ast.BinOp(op=op) if type(op) in ARITHMETIC:
            for other in ARITHMETIC[type(op)]:
                yield ast.BinOp(node.left, other(), node.right)
            yield node.left
            yield node.right
            yield ast.UnaryOp(ast.USub(), node)
            if isinstance(op, (ast.Sub, ast.MatMult)):
                yield ast.BinOp(node.right, op, node.left)
        case ast.AugAssign(op=op) if type(op) in ARITHMETIC:
            for other in ARITHMETIC[type(op)]:
                yield ast.AugAssign(node.target, other(), node.value)
            yield ast.Pass()
            yield ast.Assign([node.target], node.value, lineno=0)
        case ast.Constant(value=value) if type(value) not in (int, float):
            pass
        case ast.Constant(value=value):
            yield ast.Constant(value + 1)
            yield ast.Constant(value - 1)
            yield ast.Constant(0)
            if value:
                yield ast.Constant(2 * value)
                yield ast.Constant(-value)
        case ast.Name(id=name, ctx=ast.Load()):
            for group in NAMES:
                if name in group:
                    yield from (ast.Name(other, node.ctx) for other in group if other != name)
                    yield ast.UnaryOp(ast.USub(), node)
                    yield ast.BinOp(ast.Constant(2), ast.Mult(), node)
        case ast.Assign(targets=[ast.Subscript()]):
            yield ast.Pass()
        case ast.Attribute(attr="T"):
            yield node.value
        case ast.Attribute(attr=name) if name in CALLS:
            yield from (ast.Attribute(node.value, other, node.ctx) for other in CALLS[name])
        case ast.Call(func=ast.Name(id="reversed"), args=[inner]):
            yield inner
        case ast.Call(func=ast.Attribute(attr="copy", value=inner), args=[]):
            yield inner
        case ast.Slice():
            for bound in ("lower", "upper"):
                if getattr(node, bound) is not None:
                    yield ast.Slice(**{**vars(node), bound: None})


def mutants(count=None, seed=0):
    """Mutants of the two passes, each once: the line before and after, and the source."""
    tree, code = ast.parse(SOURCE), SOURCE.encode()
    starts = [0]
    for line in code.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = {}
    for function in tree.body:
        if isinstance(function, ast.FunctionDef) and function.name in FUNCTIONS:
            for node in (n for statement in function.body for n in ast.walk(statement)):
                for new in changes(node):
                    text = ast.unparse(ast.fix_missing_locations(new))
                    if not isinstance(node, (ast.AugAssign, ast.Assign, ast.Slice)):
                        text = f"({text})"
                    start = starts[node.lineno - 1] + node.col_offset
                    end = starts[node.end_lineno - 1] + node.end_col_offset
                    source = (code[:start] + text.encode() + code[end:]).decode()
                    row = node.lineno - 1
                    lines = [each.splitlines()[row].strip() for each in (SOURCE, source)]
                    found.setdefault(source, "  ->  ".join(lines))
    listed = [(where, source) for source, where in found.items()]
    if count is None or count >= len(listed):
        return listed
    chosen = np.random.default_rng(seed).choice(len(listed), count, replace=False)
    return [listed[k] for k in sorted(chosen)]


def loaded(source):
    """The two functions of a changed `fused.py`."""
    module = types.ModuleType("lstm.fused")
    module.__package__ = "lstm"
    exec(compile(source, "<mutant>", "exec"), module.__dict__)
    return module.forward, module.backward


def outputs(forward, backward, p):
    """All outputs by name, or None if it fails."""
    F = call(forward, p.X, p.W, p.c0, p.h0, limit=LIMIT)
    if F.trouble:
        return None
    G = call(backward, p.dHout, F.value[3], p.dCn, p.dHn, limit=LIMIT)
    if G.trouble:
        return None
    names = (*FORWARD, "dX", "dW", "dc0", "dh0")
    try:
        values = (*F.value[:3], *G.value)
        return {k: np.asarray(a, float) for k, a in zip(names, values, strict=True)}
    except Exception:
        return None


def same(ours, theirs, names):
    """Whether outputs agree, as far as both have them."""
    return all(agree(theirs[k], ours[k], 1e-8) for k in names if k in theirs)


def verified(verdict, forward, backward):
    """Whether all that is named gives what the code gives, on problems that nobody has seen."""
    table = {mistake.name: mistake for mistake in mistakes()}
    wrong = {f.part: f.mistakes for f in verdict.findings if f.status == "wrong" and f.mistakes}
    patches = tuple(
        patch
        for part in ("forward", "backward")
        for name in wrong.get(part, ())
        if name in table
        for patch in table[name].patches
    )
    if not patches:
        return True  # nothing is named, or a change in place, which is no name of the table
    names = GRADIENTS if "backward" in wrong else FORWARD
    with np.errstate(all="ignore"):
        for p in FRESH:
            theirs = outputs(forward, backward, p) if backward else None
            if theirs is None:
                F = call(forward, p.X, p.W, p.c0, p.h0, limit=LIMIT)
                theirs = dict(zip(FORWARD, map(np.asarray, F.value[:3]), strict=True))
            if not same(run(model(patches), p), theirs, names):
                return False
    return True


def candidates(*wrong):
    """Two functions with the signatures of `lstm`, from the plain loop with mistakes in it."""
    plain = model(tuple(patch for mistake in wrong for patch in mistake.patches))

    def forward(X, W, c0, h0):
        Hout, Cn, Hn, kept = plain.forward(X, W, 0 * W[0], 0.0, c0, h0)
        return Hout, Cn, Hn, (kept, W, c0, h0)

    def backward(dHout, cache, dCn, dHn):
        dX, dW, _, dc0, dh0 = plain.backward(*cache, dHout, dCn, dHn)
        return dX, dW, dc0, dh0

    return forward, backward


def judge(source):
    """What becomes of one mutant."""
    forward, backward = loaded(source)
    verdict = tutor.check(forward, backward, limit=LIMIT)
    if verdict.ok:
        for sizes in ((3, 4, 2, 5), (40, 33, 5, 15), (1, 1, 1, 1)):
            p = problem(*sizes, seed=5)
            F = fused.forward(p.X, p.W, p.c0, p.h0)
            G = fused.backward(p.dHout, F.cache, p.dCn, p.dHn)
            right = dict(zip((*FORWARD, "dX", "dW", "dc0", "dh0"), (*F[:3], *G), strict=True))
            mine = outputs(forward, backward, p)
            if mine is None or not same(right, mine, right):
                return "passed though wrong"
        return "equivalent"
    if verdict.mistakes:
        return "named" if verified(verdict, forward, backward) else "false name"
    if any(f.place is not None for f in verdict.findings):
        return "located"
    return "refused"  # it raises, returns other shapes, or is wrong at some size only


def judge_pairs(count):
    """Two mistakes of the table together, drawn at random."""
    rng = np.random.default_rng(0)
    outcomes = Counter()
    table = mistakes(False, False)
    while sum(outcomes.values()) < count:
        one, two = (table[k] for k in rng.choice(len(table), 2, replace=False))
        try:
            code = candidates(one, two)
        except ValueError:
            continue
        verdict = tutor.check(*code)
        if not verified(verdict, *code) or verdict.ok:
            print("pair:", one.name, "|", two.name, "->", verdict.mistakes)
            outcomes["false name" if verdict.mistakes else "passed though wrong"] += 1
        else:
            outcomes["named" if verdict.mistakes else "located"] += 1
    return outcomes


def judge_styles():
    """Right code, in five styles."""
    from right_lstms import STYLES, load

    return {k: tutor.check(*load(source), **o).ok for k, (source, o) in STYLES.items()}


def judge_others():
    """Programs as other people write them: do right ones pass, what are wrong ones called?"""
    from test_tutor_others import OTHERS, load

    outcomes = Counter()
    for style, options in OTHERS["options"].items():
        outcomes["right"] += tutor.check(*load(style), **options).ok
    for wrong in OTHERS["wrong"]:
        code = load(wrong["style"], wrong["changes"])
        verdict = tutor.check(*code, **OTHERS["options"][wrong["style"]])
        if list(verdict.mistakes) != wrong.get("mistakes", []):
            outcomes["false name"] += 1
        elif verdict.mistakes:
            outcomes["named"] += 1
        else:
            outcomes["passed though wrong" if verdict.ok else "located"] += 1
    return outcomes


def main(count=1000, pairs=100):
    """Judge them all, print the outcome, and store it."""
    start, outcomes = time.monotonic(), Counter()
    for where, source in mutants(count):
        outcome = judge(source)
        outcomes[outcome] += 1
        if outcome in ("false name", "passed though wrong"):
            print(f"{outcome}: {where}", flush=True)
        if not sum(outcomes.values()) % 50:
            print(dict(outcomes), f"{time.monotonic() - start:.0f} s", flush=True)
    print(dict(outcomes), f"{time.monotonic() - start:.0f} s")
    together, right, others = judge_pairs(pairs), judge_styles(), judge_others()
    print(dict(together), right, dict(others))
    date = time.strftime("%Y-%m-%d")
    results = {"date": date, "mutants": outcomes, "pairs": together, "styles": right}
    results["others"] = others
    if count >= 1000:
        RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
