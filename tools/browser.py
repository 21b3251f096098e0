"""Find a Chromium and start it: for the browser tests, the PDF and the pictures."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parent.parent
SITE = ROOT / "_build/html"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str:
    """The path of a Chromium: $LSTM_CHROMIUM, or the first on the PATH, or Playwright's own."""
    named = os.environ.get("LSTM_CHROMIUM")
    if named:
        if not Path(named).is_file():
            raise FileNotFoundError(f"LSTM_CHROMIUM: expected the path of a Chromium, got {named}")
        return named
    for name in NAMES:
        if found := shutil.which(name):
            return found
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    if not Path(own).is_file():
        raise FileNotFoundError(
            "no Chromium: install one (Debian: apt-get install chromium; or "
            ".venv/bin/playwright install chromium), or set LSTM_CHROMIUM to its path"
        )
    return own


@contextmanager
def started() -> Iterator[Browser]:
    """A headless Chromium."""
    path = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()


@contextmanager
def served() -> Iterator[str]:
    """The built site on a free port of this machine."""
    if not (SITE / "index.html").is_file():
        raise FileNotFoundError(f"no site at {SITE}: run make book first")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(SITE)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def settle(page: Page) -> None:
    """Wait until the fonts are there."""
    page.evaluate("document.fonts.ready.then(() => 0)")
