"""Find a Chromium and start it: for the browser tests, the PDF and the pictures."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread

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
def served(bytes_per_second: float = float("inf"), latency: float = 0.0) -> Iterator[str]:
    """Serve the built site on a free port of this machine, over a line that may be slow.

    All answers share the line, and each begins after the latency (in seconds). The server is slow
    rather than the browser: Chromium's own slow line now and then loses a request for ever.
    """
    if not (SITE / "index.html").is_file():
        raise FileNotFoundError(f"no site at {SITE}: run make book first")
    line = Lock()

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

        def copyfile(self, source, outputfile):
            time.sleep(latency)
            while piece := source.read(16_384):
                with line:
                    time.sleep(len(piece) / bytes_per_second)
                outputfile.write(piece)

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # a page asks for more at once than the five that are usual

    server = Server(("127.0.0.1", 0), partial(Handler, directory=str(SITE)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def settle(page: Page) -> None:
    """Wait until the fonts are there."""
    page.evaluate("document.fonts.ready.then(() => 0)")
