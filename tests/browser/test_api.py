"""The pages that describe the package are complete, found by task, and short."""

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
    """The names that the pages describe, with their pages."""
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


# Pages for those who change the package, and the commands, which are called from a shell.
BEHIND = re.compile(r"book/api-(internals|files|book|plots)\.html")


def test_each_function_for_users_is_found_by_task(described):
    page = (SITE / "book/api.html").read_text(encoding="utf-8")
    names = re.findall(r'href="api-\w+\.html#(lstm[\w.]+)"', page)
    listed = [pydoc.locate(name) for name in names]
    for name, uri in described.items():
        thing = pydoc.locate(name)
        if inspect.isfunction(thing) and not BEHIND.match(uri) and "__main__" not in name:
            assert any(thing is other for other in listed), name


def test_an_address_of_the_page_that_was_one_leads_to_the_entry(browser):
    """Every module has moved from api.html, and with it what is in it."""
    page = browser.new_page()
    for old, new in (
        ("api.html#lstm.stack.forward", "api-run.html#lstm.stack.forward"),
        ("api.html#module-lstm.exchange.torch", "api-exchange.html#module-lstm.exchange.torch"),
        ("api.html#lstm.recompute.scan", "api-parallel.html#lstm.recompute.scan"),
        ("api.html#command-line", "api-exchange.html#command-line"),
        ("api-internals.html#lstm.book.labels.body", "api-book.html#lstm.book.labels.body"),
        ("api-variants.html#lstm.tracking.cups", "api-data.html#lstm.tracking.cups"),
        ("api.html#run-an-lstm", "api.html#run-an-lstm"),
    ):
        page.goto((SITE / "book" / old.partition("#")[0]).as_uri() + "#" + old.partition("#")[2])
        page.wait_for_url(f"**/{new}")
        assert page.evaluate("!!document.getElementById(location.hash.slice(1))"), old


def test_a_page_of_the_api_is_of_a_length_that_can_be_read(browser):
    """As one page it would be 124,000 pixels long. Examples unfold at a click."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    for path in sorted((SITE / "book").glob("api*.html")):
        page.goto(path.as_uri())
        assert page.evaluate("document.querySelector('article').scrollHeight") < 30_000, path.name
    page.goto((SITE / "book/api-run.html").as_uri())
    example = page.locator("dl.py:has(> dt#lstm\\.forward) details.example")
    assert not example.locator("pre").is_visible()
    example.locator("summary").click()
    assert "forward(X, init" in example.locator("pre").inner_text()
