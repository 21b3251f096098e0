"""A browser and a server for the tests of the built site: run them by `make test-browser`."""

import os

import pytest

from tools import browser as tools

PATIENCE = 1000 * int(os.environ.get("LSTM_BROWSER_TIMEOUT", 300))  # a machine may be busy


@pytest.fixture(scope="session")
def browser():
    with tools.started() as browser:
        yield browser


@pytest.fixture(scope="session")
def site():
    with tools.served() as address:
        yield address


@pytest.fixture
def visit(browser, site):
    """Open pages. What goes wrong on the way, in a list: the test fails unless it is empty."""
    contexts, wrong, left = [], [], []

    def visit(path="index.html", base=site, **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        scripts = options.get("java_script_enabled", True)
        watch(page, base, scripts, wrong, left)
        page.goto(f"{base}/{path}")
        if scripts:
            tools.settle(page)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert wrong + missing(browser, left) == []


def watch(page, base, scripts, wrong, left):
    """Write to `wrong` what goes wrong on the page, and to `left` the addresses that it gave up."""

    def failed(request):
        # Whoever leaves a page breaks off what it still loads, such as its icon. That is no fault
        # of the page, as long as it is there to be had.
        if request.failure == "net::ERR_ABORTED":
            left.append(request.url)
        elif scripts:
            wrong.append(f"failed: {request.url}: {request.failure}")

    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on("console", lambda m: m.type in ("error", "warning") and wrong.append(m.text))
    page.on(
        "request",
        lambda r: r.url.startswith((base, "data:", "blob:")) or wrong.append(f"foreign: {r.url}"),
    )
    page.on("response", lambda r: r.status < 400 or wrong.append(f"{r.status}: {r.url}"))
    page.on("requestfailed", failed)


def missing(browser, addresses):
    """Those of the addresses that were given up which cannot be had when asked for again."""
    context, wrong = browser.new_context(), []
    for address in addresses:
        if address.startswith("http"):
            answer = context.request.get(address)
            if answer.status >= 400:
                wrong.append(f"{answer.status}: {address}")
    context.close()
    return wrong
