"""What ties the book to the code."""

import ast
import json
import re
import tokenize
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from lstm import (
    cell,
    compare,
    directions,
    dropout,
    functions,
    fused,
    gradcheck,
    laws,
    oracles,
    packed,
    reference,
    report,
    scan,
    stack,
    steps,
)
from lstm import text as lstm_text
from lstm.book import labels, ngrams, tables
from lstm.exchange import conventions
from lstm.parallel import adjoint, diagonal, gradient, linear, newton

ROOT = Path(__file__).parent.parent
BOOK = ROOT / "book"
NOTEBOOKS = sorted(BOOK.glob("*.ipynb"))
CHAPTERS = [path for path in NOTEBOOKS if path.stem[:2].isdigit()]
PAGES = sorted(BOOK.glob("*.md"))

# Beside a displayed equation: $$ ... $$ (eq-dc)
DEFINITION = re.compile(rf"^.*\$\$ \(({labels.LABEL.pattern})\)$", re.MULTILINE)
# In the prose: [(eq-dc)](#eq-dc) or {eq}`eq-dc`
REFERENCE = re.compile(rf"\]\(#({labels.LABEL.pattern})\)|\{{eq\}}`({labels.LABEL.pattern})`")
# A backward equation: the gradient of something, in one step or through time.
BACKWARD = re.compile(r"eq-(d[a-z].*|bptt-.*)")
VARIANTS = [
    import_module(f"lstm.variants.{path.stem}")
    for path in sorted((ROOT / "lstm" / "variants").glob("*.py"))
    if path.stem != "__init__"
]
CODE = {
    "steps": steps, "reference": reference, "fused": fused, "scan": scan, "cell": cell,
    "packed": packed, "directions": directions, "stack": stack, "functions": functions,
    "oracles": oracles,
    "laws": laws, "report": report, "compare": compare, "gradcheck": gradcheck,
    "linear": linear, "newton": newton, "adjoint": adjoint, "diagonal": diagonal,
    "gradient": gradient,
    "text": lstm_text, "dropout": dropout, "ngrams": ngrams,
    **{module.__name__: module for module in VARIANTS},
}  # fmt: skip


def cells(path, kind):
    """The cells of one kind of a notebook."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return [c for c in notebook["cells"] if c["cell_type"] == kind]


def prose():
    """All Markdown of the book, by file name."""
    text = {path.name: path.read_text(encoding="utf-8") for path in PAGES}
    for path in NOTEBOOKS:
        text[path.name] = "\n\n".join("".join(c["source"]) for c in cells(path, "markdown"))
    return text


def defined():
    """The labels of all displayed equations."""
    return [label for text in prose().values() for label in DEFINITION.findall(text)]


def test_the_book_has_its_chapters():
    assert len(NOTEBOOKS) >= 5
    assert {"eq-c", "eq-dc", "eq-bptt-dw"} <= set(defined())


def test_no_label_is_defined_twice():
    assert sorted(defined()) == sorted(set(defined()))


def named(path):
    """All that looks like a label in comments and texts of code; examples may have their own."""
    with tokenize.open(path) as file:
        tokens = [t.string for t in tokenize.generate_tokens(file.readline)]
    return {w for t in tokens if '"""' not in t for w in re.findall(r"\beq-\w[\w-]*", t)}


def test_every_label_in_the_code_is_in_the_book():
    found = {path: named(path) for path in (ROOT / "lstm").rglob("*.py")}
    known = set(defined())
    assert sum(map(len, found.values())) > 300
    assert {path.name: labels - known for path, labels in found.items() if labels - known} == {}
    for module in CODE.values():
        assert set(labels.labelled_lines(module)) == found[Path(module.__file__)]


@pytest.mark.parametrize("module", CODE.values(), ids=CODE)
def test_no_backward_equation_is_implemented_twice_in_one_file(module):
    for label, lines in labels.labelled_lines(module).items():
        assert len(lines) == 1 or not BACKWARD.fullmatch(label), (label, lines)


def test_every_backward_equation_of_the_book_is_implemented():
    found = set(labels.labelled_lines(reference)) | set(labels.labelled_lines(fused))
    backward = {label for label in defined() if BACKWARD.fullmatch(label)}
    assert len(backward) >= 16
    assert backward <= found


def test_every_derivative_of_the_table_has_an_equation():
    for step in reference.STEPS:
        assert {step.label, *(label for label, _ in step.backward.values())} <= set(defined())


def test_the_glossary_is_in_the_order_of_the_alphabet():
    text = (BOOK / "glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r"^(\S.*)\n  \S", text, re.MULTILINE)
    assert len(terms) > 100
    assert terms == sorted(terms, key=str.lower)
    anchors = ["term-" + re.sub(r"\W+", "-", term.replace("'", "")) for term in terms]
    first = {anchor[5].upper(): anchor for anchor in reversed(anchors)}
    letters = re.findall(r'<a href="#(.*)">(.)</a>', text)
    assert letters == [(anchor, letter) for letter, anchor in sorted(first.items())]


def test_every_reference_to_an_equation_resolves():
    known = set(defined())
    for name, text in prose().items():
        for groups in REFERENCE.findall(text):
            assert "".join(groups) in known, (name, groups)


def test_a_link_to_an_equation_shows_the_name_that_it_leads_to():
    for name, text in prose().items():
        for shown, target in re.findall(r"\[\((eq-[^)]*)\)\]\(#([^)]*)\)", text):
            assert shown == target, name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_stored_clean(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    for number, c in enumerate(cells(path, "code"), start=1):
        assert c["execution_count"] == number, "not run from top to bottom"
        for output in c["outputs"]:
            assert output["output_type"] != "error"
            text = "".join(output.get("text", "")) + str(output.get("data", {}).get("text/plain"))
            assert output.get("name") != "stderr", text
            assert not re.search(r"0x[0-9a-f]{6}|/home/|/work/|/tmp/", text), text


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_code_fits_the_page(path):
    for c in cells(path, "code"):
        if "remove-input" not in c["metadata"].get("tags", []):  # folded code is unfolded, too
            assert [line for line in "".join(c["source"]).splitlines() if len(line) > 88] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_figure_has_caption_name_and_alt_text(path):
    for c in cells(path, "code"):
        if any("image/png" in output.get("data", {}) for output in c["outputs"]):
            rendering = c["metadata"]["mystnb"]
            assert len(rendering["figure"]["caption"]) > 40
            assert rendering["figure"]["name"].startswith("fig-")
            assert len(rendering["image"]["alt"]) > 40
            for text in (rendering["figure"]["caption"], rendering["image"]["alt"]):
                assert text.rstrip().endswith((".", ".)")), text  # sentences, to their end
            assert "plt.show()" in "".join(c["source"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_note_in_the_margin_stands_before_a_paragraph(path):
    """The page pairs the two: it would take all up to the next paragraph that follows a note."""
    for c in cells(path, "markdown"):
        for after in "".join(c["source"]).split('<div class="margin">')[1:]:
            behind = after.partition("</div>")[2]
            assert re.match(r"\n\n(?!\$\$|[-#<|>!]|\d+\.|```)\S", behind), (c["id"], behind[:40])


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_has_its_parts(path):
    text = prose()[path.name]
    for part in ("**What you will learn.**", "**What you need.**", "## Summary", "## Exercises",
                 "## Sources"):  # fmt: skip
        assert part in text
    exercises = re.findall(r"\*\*Exercise (\d+\.\d+)\.\*\*", text)
    assert len(exercises) >= 3
    assert text.count("<summary>Hint</summary>") == len(exercises)
    assert text.count("<summary>Solution</summary>") == len(exercises)


def test_chapters_do_not_type_the_module_again():
    """No function of the package is defined a second time in a chapter."""
    names = {
        node.name
        for module in (fused, reference, stack, conventions)
        for node in ast.parse(Path(module.__file__).read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    # chapter 2 comes before the module's form of it is derived; "read" is any reading
    allowed = {"sigmoid", "read"}
    for path in CHAPTERS:
        for c in cells(path, "code"):
            for defined_name in re.findall(r"^def (\w+)", "".join(c["source"]), re.MULTILINE):
                assert defined_name not in names - allowed, (path.name, defined_name)


def losing_nan(source):
    """Calls of Python's ``max`` on errors: a nan that is not the first would be lost."""

    def is_max(node):
        return isinstance(node, ast.Call) and getattr(node.func, "id", None) in ("max", "min")

    def measures(node):
        parts = [part for arg in node.args for part in ast.walk(arg)]
        return any(getattr(part, "attr", None) in ("max", "min", "norm") for part in parts)

    for node in ast.walk(ast.parse(re.sub(r"^%", "# %", source, flags=re.M))):
        if is_max(node) and measures(node):
            yield ast.unparse(node)
        if isinstance(node, ast.Assign) and is_max(node.value) and not node.value.keywords:
            names = {ast.unparse(target) for target in node.targets}
            if names & {ast.unparse(arg) for arg in node.value.args}:
                yield ast.unparse(node)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("worst = max(abs(a - b).max() for a, b in pairs)", 1),
        ("for e in errors:\n    worst = max(worst, e)", 1),
        ("%time f()\nerror = max(np.linalg.norm(a - b) for a, b in pairs)", 1),
        ("worst = np.max([abs(a - b).max() for a, b in pairs])", 0),
        ("worst = np.maximum(worst, abs(a).max())", 0),
        ("n = max(lengths)", 0),
    ],
)
def test_losing_nan_is_seen(source, found):
    assert len(list(losing_nan(source))) == found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_error_that_is_nan_gets_lost(path):
    assert not [call for c in cells(path, "code") for call in losing_nan("".join(c["source"]))]


def test_columns_of_numbers_are_set_to_the_right():
    columns = {
        "numbers": (["1", -2.5, "+3", "−0.25", "1,234", "**0.65**", "1e-05"], "---:"),
        "units": (["12 ms", "3%", "1.50 times", "7 MiB", "0.1 %"], "---:"),
        "powers": (["$3 \\cdot 10^{-5}$", "$10^{12}$", "0.5"], "---:"),
        "gaps": (["1", "", "–", "none", "not run"], "---:"),
        "lists": (["1, 2", "3"], "---"),
        "ranges": (["1 to 2"], "---"),
        "names": (["2nd"], "---"),
        "nothing": (["", "–"], "---"),
        "a word": (["1", "above 2"], "---"),
    }
    for name, (cells, rule) in columns.items():
        printed = tables.markdown(["", name], [("x", cell) for cell in cells]).splitlines()
        assert printed[1] == f"| --- | {rule} |", name
        assert printed[0] == f"|  | {name} |"
        assert len(printed) == 2 + len(cells)
    assert tables.markdown(["a"], [[-1], ["-x"], ["–2"]]).splitlines()[2:] == [
        "| −1 |", "| -x |", "| –2 |",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="rows: expected at least one under"):
        tables.markdown(["a", "b"], [])
    for wrong in ([["1"]], [["1", "2", "3"]], [["1", "2"], []], [["1", "2\n3"]]):
        with pytest.raises(ValueError, match="rows: expected 2 cells of one line each, as the h"):
            tables.markdown(["a", "b"], wrong)


def test_powers_of_ten_in_tables_are_printed_as_in_books():
    cells = {
        "1e-07": "10⁻⁷", "1.80e-12": "1.80·10⁻¹²", "-2e+03": "−2·10³",
        "1.80e-02": "0.0180", "5e-03": "0.005", "9e-04": "9·10⁻⁴", "1e+00": "1",
        "1e+02": "100", "0.5e-07": "0.5·10⁻⁷", "1.25e+01": "12.5", "**3e-09**": "**3·10⁻⁹**",
        "below 1e-08": "below 10⁻⁸", "`rtol=1e-07`": "`rtol=1e-07`", "$1e-07$": "$1e-07$",
        "e-7": "e-7", "1e7": "1e7", "a`1e-05`1e-06": "a`1e-05`10⁻⁶",
    }  # fmt: skip
    for given, printed in cells.items():
        assert tables.markdown([""], [[given]]).splitlines()[2] == f"| {printed} |"
    for given in ("1e-07", "-2e-07", "**3e-09**"):
        assert tables.markdown([""], [[given]]).splitlines()[1] == "| ---: |"


def test_bounds_are_the_next_power_of_ten():
    assert [tables.bound(e, 1e-14) for e in (0, 1e-15, 1.1e-14, 1e-13, 2.0, [1e-9, 3e-7, 0])] == [
        "1e-14", "1e-14", "1e-13", "1e-13", "1e+01", "1e-06",
    ]  # fmt: skip
    for wrong in (np.nan, [0.0, np.nan], [1.0, np.inf], -1e-3, []):
        with pytest.raises(ValueError, match="errors: expected finite ones, none negative, got"):
            tables.bound(wrong, 1e-14)


@pytest.mark.parametrize("path", [ROOT / "README.md", ROOT / "index.md"], ids=lambda p: p.name)
def test_the_example_of_a_page_runs(path):
    blocks = re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S)
    assert blocks
    for block in blocks:
        exec(block, {})
