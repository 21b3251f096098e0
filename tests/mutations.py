"""Small mistakes in Python code, for `tests/mutants.py`.

Cosmic Ray's operators (another arithmetic or comparison operator, a number off by one, a negated
condition, a loop that does not run, a decorator less), and some of our own (an operand, statement,
argument, slice bound or method call less; another text; an error that is not caught). Nobody puts
texts in order by mistake, so `==` with a text becomes no `<=`.
"""

import ast
import re

MODULES = {"np", "jax", "jnp", "jax.lax", "jax.random", "nn", "ast", "inspect", "re", "textwrap"}

TYPES = ("Callable[", "Mapping[", "tuple[")  # what the name of a type is assigned

# Of Cosmic Ray's eleven replacements for each arithmetic operator, those that a person might write.
ARITHMETIC = {
    "Add": ["Sub", "Mul"], "Sub": ["Add"], "Mul": ["Add", "Div", "Pow"], "Div": ["Mul", "FloorDiv"],
    "FloorDiv": ["Div", "Mul", "Mod"], "Mod": ["FloorDiv"], "Pow": ["Mul", "Add"],
    "BitOr": ["BitAnd"], "BitAnd": ["BitOr"],
}  # fmt: skip
UNUSED = re.compile(
    r"ExceptionReplacer|ReplaceBinaryOperator_(?!("
    + "|".join(f"{one}_{other}" for one, others in ARITHMETIC.items() for other in others)
    + r")$)|Variable|_Is(Not)?_(?!Is)|_(?!Is)[A-Za-z]+_Is(Not)?$"
)


def by_cosmic_ray(source):
    """Every mutant of the source by every operator of Cosmic Ray that is used here."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator, operator_names

    for name in operator_names():
        if not UNUSED.search(name.split("/")[1]):
            occurrence = 0
            while mutant := mutate_code(source, get_operator(name)(), occurrence):
                yield mutant
                occurrence += 1


def by_us(source):
    """Every mutant of the source by the operators of this file."""
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    tree = ast.parse(source)
    skipped = {id(part) for node in ast.walk(tree) for part in parts_of_text(node)}
    others = {id(part): ["()"] for node in ast.walk(tree) for part in errors_caught(node)}
    others |= {id(part): [text] for node in ast.walk(tree) for part, text in searched(node)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        for text in others.get(id(node)) or replacements(node):
            start = starts[node.lineno - 1] + node.col_offset
            end = starts[node.end_lineno - 1] + node.end_col_offset
            code = source.encode()
            yield (code[:start] + text.encode() + code[end:]).decode()


def replacements(node):
    """What may stand in the place of this node, as code."""

    def less(field, parts, least=0):
        """The node with one element less in a list."""
        for part in parts if len(parts) > least else []:
            rest = [other for other in getattr(node, field) if other is not part]
            yield ast.unparse(type(node)(**(vars(node) | {field: rest})))

    match node:
        case ast.Constant(value=str()):
            yield repr(node.value + "X")
        case ast.JoinedStr():
            for part in node.values:
                if isinstance(part, ast.Constant):
                    other = ast.Constant(part.value + "X")
                    values = [other if value is part else value for value in node.values]
                    yield ast.unparse(ast.JoinedStr(values))
        case ast.BinOp():
            yield f"({ast.unparse(node.left)})"
            yield f"({ast.unparse(node.right)})"
        case ast.IfExp():
            yield f"({ast.unparse(node.body)})"
            yield f"({ast.unparse(node.orelse)})"
        case ast.BoolOp():
            for text in less("values", node.values, 1):
                yield f"({text})"
        case ast.Slice():
            for bound in ("lower", "upper", "step"):
                if getattr(node, bound):
                    yield ast.unparse(ast.Slice(**(vars(node) | {bound: None})))
        case ast.Attribute(attr="T"):
            yield ast.unparse(node.value)
        case ast.Call():
            yield from less("keywords", node.keywords)
            yield from less("args", node.args[1:][-1:])
            if isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) not in MODULES:
                yield ast.unparse(node.func.value)
        case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.Assert():
            yield "pass"
        case ast.Assign(targets=[ast.Subscript() | ast.Attribute()]):
            yield "pass"
        case ast.Assign(targets=[_, _]):
            yield from (ast.unparse(ast.Assign([t], node.value, lineno=1)) for t in node.targets)


def meaning(tree):
    """What a syntax tree does: itself without docstrings and annotations, which it loses."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.arg)):
            node.annotation = node.returns = None
        if isinstance(node, ast.AnnAssign):
            if ast.unparse(node.annotation) == "TypeAlias":
                node.value = None
            node.annotation = ast.Constant(None)
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith(TYPES):
            node.value = ast.Constant(None)
        if isinstance(node, ast.Call):
            node.keywords = [k for k in node.keywords if ast.unparse(k) != "strict=False"]
        if isinstance(getattr(node, "body", None), list):
            node.body = [s for s in node.body if not does_nothing(s)]
    return ast.dump(tree)


def does_nothing(statement):
    """Whether a statement is ``pass``, ``...`` or a docstring, or a function of nothing else."""
    match statement:
        case ast.Pass() | ast.Expr(ast.Constant()):
            return True
        case ast.FunctionDef():  # with @overload, it says what types there are
            return all(map(does_nothing, statement.body))
    return False


def errors_caught(node):
    """The types of error that an ``except`` names; ``()`` in place of one catches nothing."""
    match node:
        case ast.ExceptHandler(type=ast.Tuple(elts=types)):
            return types
        case ast.ExceptHandler(type=ast.expr() as only):
            return [only]
    return []


def searched(node):
    """A text in which something is looked for, and that text without its last letter: with one
    letter more it mostly holds what it held before."""
    match node:
        case ast.Compare(
            ops=[ast.In() | ast.NotIn()], comparators=[ast.Constant(str(text)) as part]
        ):
            return [(part, repr(text[:-1]))]
    return []


def orders_a_text(tree):
    """Whether a text is compared by ``<`` and the like."""
    return any(
        isinstance(node, ast.Compare)
        and isinstance(node.ops[0], (ast.Lt, ast.LtE, ast.Gt, ast.GtE))
        and any(
            isinstance(side, ast.Constant) and isinstance(side.value, str)
            for side in (node.left, *node.comparators)
        )
        for node in ast.walk(tree)
    )


def parts_of_text(node):
    """The nodes below an f-string or a docstring that have no place of their own in the source."""
    match node:
        case ast.JoinedStr():
            return [part for part in node.values if isinstance(part, ast.Constant)]
        case ast.FormattedValue(format_spec=ast.JoinedStr() as spec):
            return [spec, *spec.values]
        case ast.Expr(ast.Constant(value=str())):
            return [node, node.value]
    return []


def mutants(source):
    """Mutants that compile and do something else, each once, in the order of the file."""
    seen, found = {meaning(ast.parse(source))}, []
    for mutant in (*by_cosmic_ray(source), *by_us(source)):
        try:
            tree = ast.parse(mutant)
        except SyntaxError:
            continue
        if not orders_a_text(tree) and (done := meaning(tree)) not in seen:
            seen.add(done)
            found.append((*difference(source, mutant), mutant))
    return sorted(found, key=lambda each: each[0])


def difference(source, mutant):
    """The number of the first line that differs, and that line before and after."""
    one, other = source.splitlines(), mutant.splitlines()
    least = min(len(one), len(other))
    head = next((k for k in range(least) if one[k] != other[k]), least)
    tail = next((k for k in range(least - head) if one[-1 - k] != other[-1 - k]), least - head)
    middles = (lines[head : len(lines) - tail] for lines in (one, other))
    return head + 1, *(" ".join(line.strip() for line in middle) for middle in middles)
