"""The fixture `visit` sees what goes wrong on a page, and takes no reader's leaving for a fault."""

from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest

from conftest import missing, watch

PAGE = b"<!doctype html><title>A page</title><p>Text</p>"
IMAGE = b'<svg xmlns="http://www.w3.org/2000/svg"/>'


@contextmanager
def serving(body, first, later=200):
    """A page, and an image whose first answer comes once the event is set, as others do then."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

        def do_GET(self):
            status, kind, answer = 200, "text/html", body
            if self.path == "/slow.svg":
                asked.append(self.path)
                status, kind, answer = later, "image/svg+xml", IMAGE
                if len(asked) == 1:
                    first.wait(30)
            elif self.path == "/none.svg":
                status, answer = 404, b""
            elif self.path == "/two.html":
                answer = PAGE
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    first.set()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("later", [200, 404])
def test_what_a_reader_who_leaves_breaks_off_must_be_there_all_the_same(browser, later):
    wrong, left, first = [], [], Event()
    with serving(PAGE + b'<img src="slow.svg" alt="slow">', first, later) as base:
        context = browser.new_context()
        page = context.new_page()
        watch(page, base, True, wrong, left)
        with page.expect_request("**/slow.svg"):
            page.goto(f"{base}/one.html", wait_until="commit")
        page.wait_for_selector("p")
        page.goto(f"{base}/two.html")
        context.close()
        assert left == [f"{base}/slow.svg"]
        assert wrong == []
        found = missing(browser, left)
        assert found == ([] if later == 200 else [f"404: {base}/slow.svg"])


@pytest.mark.parametrize(
    ("extra", "word"),
    [
        (b'<img src="none.svg" alt="none">', "404: "),
        (b'<img src="http://127.0.0.1:9/x.svg" alt="foreign">', "foreign: "),
        (b'<img src="http://127.0.0.1:9/x.svg" alt="foreign">', "failed: "),
        (b"<script>throw new Error('lost')</script>", "error: lost"),
        (b"<script>console.warn('mind')</script>", "mind"),
    ],
)
def test_what_goes_wrong_on_a_page_is_seen(browser, extra, word):
    wrong, left = [], []
    with serving(PAGE + extra, Event()) as base:
        context = browser.new_context()
        page = context.new_page()
        watch(page, base, True, wrong, left)
        page.goto(f"{base}/one.html", wait_until="networkidle")
        context.close()
    assert any(each.startswith(word) for each in wrong), wrong
