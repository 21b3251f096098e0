"""How the book finds code: by the label of an equation, or as the body of a function."""

import functools
import importlib.util

import pytest
from helpers import refused

from lstm import cell, fused, reference, steps
from lstm.book.labels import LABEL, body, labelled_lines, lines, part

SOURCE = '''"""A docstring, which does not count: (eq-docstring)."""


def f(x):
    """Neither does this one: (eq-docstring)."""
    y = 2 * x  # (eq-y)
    z = y + 1  # why this is so (eq-z) (eq-z-2)
    return z  # eq-bare, which stands in no brackets (equation) (eq-) (eq-Upper)


TABLE = [("eq-table", lambda x: x)]
OTHERS = ['eq-single', "not eq-inside", "eq-table"]
w = "text"  # (eq-z)
'''


@pytest.fixture
def module(tmp_path):
    path = tmp_path / "sample.py"
    path.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location("sample", path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_labels_are_found_in_comments_and_as_strings_and_nowhere_else(module):
    assert labelled_lines(module) == {
        "eq-y": [6],
        "eq-z": [7, 13],
        "eq-z-2": [7],
        "eq-table": [11, 12],
        "eq-single": [12],
    }


@pytest.mark.parametrize("label", ["eq-h", "eq-dc-prev", "eq-dz2", "eq-bptt-dh"])
def test_what_a_label_looks_like(label):
    assert LABEL.fullmatch(label)


@pytest.mark.parametrize("text", ["eq-", "eq-Dc", "eq-d--c", "eq-dc-", "dc", "eq_dc", "eq-d c"])
def test_what_a_label_does_not_look_like(text):
    assert not LABEL.fullmatch(text)


def test_lines_come_with_the_name_of_their_module(module):
    assert lines("eq-y", module) == "`sample`\n```python\ny = 2 * x  # (eq-y)\n```"


def test_all_lines_of_a_label_in_the_order_of_the_file(module):
    expected = "`sample`\n```python\n    z = y + 1  # why this is so (eq-z) (eq-z-2)\n"
    assert lines("eq-z", module) == expected + 'w = "text"  # (eq-z)\n```'


def test_modules_are_asked_in_the_order_given():
    for modules in ((fused, reference), (reference, fused)):
        blocks = [lines("eq-do", module) for module in modules]
        assert [block.splitlines()[0] for block in blocks] == [f"`{m.__name__}`" for m in modules]
        assert lines("eq-do", *modules) == "\n\n".join(blocks)
    assert lines("eq-bptt-dh", reference, fused).startswith("`lstm.fused`\n")


def test_a_label_that_no_module_has_is_refused():
    message = "no line of ['lstm.fused', 'lstm.cell'] has label 'eq-nothing'"
    with refused(KeyError, repr(message)):
        lines("eq-nothing", fused, cell)


def decorated(function):
    @functools.wraps(function)
    def inner(*arguments):
        return function(*arguments)

    return inner


@decorated
def documented(
    x,
):
    """Do a thing.

    At length.
    """
    # A comment stays.
    y = x

    return y


def bare(x):
    return x


def test_a_body_is_the_code_without_decorators_and_docstring():
    assert body(bare) == "```python\ndef bare(x):\n    return x\n```"
    code = "def documented(\n    x,\n):\n    # A comment stays.\n    y = x\n\n    return y"
    assert body(documented) == f"```python\n{code}\n```"


def on_lines(
    x,
    y=0,
):
    z = x + y
    return z


def test_a_body_of_a_function_whose_head_takes_lines():
    code = "def on_lines(\n    x,\n    y=0,\n):\n    z = x + y\n    return z"
    assert body(on_lines) == f"```python\n{code}\n```"


def test_a_body_of_a_method_stands_at_the_left():
    assert body(Sample.method) == "```python\ndef method(self):\n    return self\n```"


def test_a_part_is_what_stands_from_one_line_to_another_moved_to_the_left():
    assert part(documented, "y = x", "return") == "```python\ny = x\n\nreturn y\n```"
    assert part(documented, "x,", "x,") == "```python\nx,\n```"
    whole = "```python\ndef documented(\n    x,\n):\n    # A comment stays.\n```"
    assert part(documented, "def", "# A") == whole


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ("z", "y", "expected one line of bare that begins with 'z', got 0"),
        ("def", "z", "expected one line of bare that begins with 'z', got 0"),
        ("", "return", "expected one line of bare that begins with '', got 2"),
        ("return", "def", "last: expected a line behind 'return', got 'def', which is before"),
    ],
)
def test_a_part_that_is_not_there_is_refused(first, last, message):
    with refused(ValueError, message):
        part(bare, first, last)


class Sample:
    def method(self):
        return self


# The labels of the package itself


def test_the_reference_has_the_labels_of_its_table_and_the_engine_that_of_the_sum():
    table = {label for step in reference.STEPS for label, _ in step.backward.values()}
    table |= {step.label for step in reference.STEPS}
    assert set(labelled_lines(reference)) == table
    assert set(labelled_lines(steps)) == {"eq-sum"}


@pytest.mark.parametrize("module", [fused, reference, cell], ids=lambda module: module.__name__)
def test_no_file_implements_an_equation_twice(module):
    repeated = {label: found for label, found in labelled_lines(module).items() if len(found) > 1}
    assert repeated == {}


def test_every_derived_step_of_the_design_is_labelled_in_the_fused_lstm():
    step = "do through dc df di dg dc-prev dz-sigmoid dz-tanh dx dh-prev bptt-dh bptt-dc bptt-dw"
    assert {f"eq-{name}" for name in step.split()} <= set(labelled_lines(fused))
