"""How everything public is called: names, their order, what is given by name alone, defaults.

A default that changes, or an option that can no longer be given by name, breaks a reader's program.
Who changes one reads its line; `python tests/test_signatures.py` writes all of them.
"""

import inspect
from importlib import import_module
from pathlib import Path

import pytest

import lstm

LISTED = Path(__file__).parent / "signatures.txt"
PACKAGE = Path(lstm.__file__).parent
MODULES = sorted(
    path.relative_to(PACKAGE).with_suffix("").as_posix()
    for path in PACKAGE.rglob("*.py")
    if path.stem not in ("__init__", "__main__")
)


@pytest.mark.parametrize("module", MODULES)
def test_everything_is_called_as_before(module):
    listed = LISTED.read_text(encoding="utf-8").splitlines()
    assert lines(module) == [line for line in listed if line.startswith(f"{module}: ")]


def test_no_module_is_listed_that_is_not_there():
    listed = LISTED.read_text(encoding="utf-8").splitlines()
    assert {line.partition(": ")[0] for line in listed} <= set(MODULES)


def lines(module):
    """A line for each function and class of a module, and for each method of a class."""
    name = f"lstm.{module.replace('/', '.')}"
    found = []
    for each, value in vars(import_module(name)).items():
        if getattr(value, "__module__", None) != name or each[0] == "_" or not callable(value):
            continue
        if not hasattr(value, "init_with_output") and not hasattr(value, "with_traceback"):
            found.append(f"{each}{signature(value)}")  # Flax adds to its own, errors have none
        if inspect.isclass(value):
            methods = {k: v for k, v in vars(value).items() if inspect.isfunction(v)}
            found += [f"{each}.{k}{signature(v)}" for k, v in methods.items() if k[0] != "_"]
    return [f"{module}: {line}" for line in found]


def signature(thing):
    """As it is written, without types."""
    whole = inspect.signature(thing)
    plain = [
        each.replace(annotation=each.empty, default=Shown(each.default))
        if each.default is not each.empty
        else each.replace(annotation=each.empty)
        for each in whole.parameters.values()
    ]
    return str(whole.replace(parameters=plain, return_annotation=whole.empty))


class Shown:
    """A default value, without what is different in every run: addresses of functions."""

    def __init__(self, value):
        self.value = value

    def __repr__(self):
        text = getattr(self.value, "__name__", repr(self.value))
        return f"a {type(self.value).__name__}" if " at 0x" in text else text


if __name__ == "__main__":
    LISTED.write_text("".join(f"{line}\n" for m in MODULES for line in lines(m)), encoding="utf-8")
