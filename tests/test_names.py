"""Messages name the argument that they are about, and call axes what the book calls them."""

import ast
from functools import cache
from pathlib import Path

import lstm

ROOT = Path(lstm.__file__).parent
CHECKS = ("check_", "as_array", "array_or_zeros")
OTHERWISE = {  # file, what it is called, what is checked: parts of an argument, or another name
    ("exchange/onnx_read.py", "R", "tensors['R']"),
    ("parallel/newton.py", "WLSTM", "WLSTM.dtype"),
    ("parallel/newton.py", "start[0]", "guess[0]"),
    ("parallel/newton.py", "start[1]", "guess[1]"),
    ("parameters.py", "WOUT", "params['WOUT']"),
    ("stack.py", "x", "read"),
}
AXES = {
    "n", "m", "b", "d", "k", "D", "H", "K", "P", "4H", "4 * H", "1 + d * H", "1 + H", "...",
}  # fmt: skip


@cache
def calls():
    """All calls by file, as they are when the tests run, and not when they are collected."""
    return [
        (path.relative_to(ROOT).as_posix(), node)
        for path in sorted(ROOT.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]


def name_of(call):
    """The last part of the name of the function that is called."""
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


def test_a_check_calls_an_argument_by_its_name():
    found = [
        (file, call.args[0].value, ast.unparse(call.args[1]))
        for file, call in calls()
        if name_of(call).startswith(CHECKS) and len(call.args) > 1
        and name_of(call) != "check_shape"
        and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)
    ]  # fmt: skip
    assert len(found) > 150
    assert {each for each in found if each[1] != each[2]} == OTHERWISE


def test_a_check_of_a_shape_names_arguments_of_its_function():
    shapes = [call for _, call in calls() if name_of(call) == "check_shape"]
    named = [
        call
        for path in ROOT.rglob("*.py")
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef)
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and name_of(call) == "check_shape"
        and {*ast.literal_eval(call.args[0]).split(", ")} <= {
            one.arg for one in (*function.args.args, *function.args.kwonlyargs)
        }
    ]  # fmt: skip
    assert len(shapes) == len(named) > 10


def test_axes_have_names_of_the_book():
    axes = {
        part.value
        for _, call in calls()
        if name_of(call) in ("check_array", "array_or_zeros") and len(call.args) > 2
        for part in ast.walk(call.args[2])
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }
    assert axes <= AXES
    assert axes >= {"n", "b", "D", "H", "4 * H", "K"}


def test_every_argument_can_be_passed_by_its_name():
    assert not [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.args.posonlyargs
    ]


def test_results_cannot_be_changed():
    made = [call for _, call in calls() if name_of(call) == "dataclass"]
    assert len(made) > 5
    assert all("frozen=True" in ast.unparse(call) for call in made)
    assert "\n@dataclass\n" not in "".join(p.read_text("utf-8") for p in ROOT.rglob("*.py"))
