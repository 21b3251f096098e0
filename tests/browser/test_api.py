"""The pages that describe the package: what they have is whole, and found by task. No browser."""

import importlib
import inspect
import pydoc
import re

import pytest
from sphinx.util.inventory import InventoryFile

from tools.browser import ROOT, SITE

# Modules of which the pages show all that is public.
MODULES = sorted(
    module
    for path in (ROOT / "book").glob("api*.md")
    for module, options in re.findall(
        r"^\.\. automodule:: (\S+)\n((?:   :.*\n)*)", path.read_text(encoding="utf-8"), re.M
    )
    if "members:" not in options.replace(":imported-members:", "")
)


@pytest.fixture(scope="module")
def described():
    """What the pages describe: names with their pages."""
    with (SITE / "objects.inv").open("rb") as file:
        inventory = InventoryFile.load(file, "", lambda base, uri: uri)
    kinds = ("py:function", "py:class", "py:exception")
    return {name: entry[2] for kind in kinds for name, entry in inventory.get(kind, {}).items()}


@pytest.mark.parametrize("module", MODULES)
def test_each_public_function_is_described(module, described):
    known = [pydoc.locate(name) for name in described]
    here = importlib.import_module(module)
    for name in getattr(here, "__all__", []):
        thing = getattr(here, name)
        ours = str(getattr(thing, "__module__", "")).startswith("lstm")
        if ours and (inspect.isfunction(thing) or inspect.isclass(thing)):
            assert any(thing is other for other in known), f"{module}.{name}"


def test_each_function_for_users_is_found_by_task(described):
    page = (SITE / "book/api.html").read_text(encoding="utf-8")
    tables = page[page.index('id="by-task"') : page.index('id="by-module"')]
    listed = set(re.findall(r'href="(?:api\.html)?#(lstm[\w.]+)"', tables))
    for name, uri in described.items():
        on_page = uri.startswith("book/api.html") and inspect.isfunction(pydoc.locate(name))
        apart = ("lstm.exchange.conventions", "lstm.__main__", "lstm.losses.check_")
        if on_page and ".check_" not in name and not name.startswith(apart):
            assert any(pydoc.locate(name) is pydoc.locate(other) for other in listed), name
