"""What leads to a repository is on the site when it is published from one, and else not."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tools.browser import ROOT, SITE

PAGE = "book/03-one-matrix.html"
OURS = "https://github.com/someone/lstm-book"


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    command = [Path(sys.executable).with_name("jupyter-book"), "build", ".", "-W", "-n", "--quiet"]
    environment = {
        **os.environ,
        "GITHUB_REPOSITORY": "someone/lstm-book",
        "GITHUB_REF_NAME": "main",
    }
    done = subprocess.run(
        [*command, "--path-output", folder],
        cwd=ROOT,
        env=environment,
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "_build/html"


def test_buttons_lead_to_the_repository(published):
    text = (published / PAGE).read_text(encoding="utf-8")
    for link in (
        f"{OURS}/edit/main/book/03-one-matrix.ipynb",
        "https://mybinder.org/v2/gh/someone/lstm-book/main?urlpath=lab/tree/book/03-one-matrix.ipynb",
        "https://colab.research.google.com/github/someone/lstm-book/blob/colab/book/03-one-matrix.ipynb",
    ):
        assert link in text


def test_addresses_of_a_published_site(published):
    text = (published / PAGE).read_text(encoding="utf-8")
    assert f'"og:url" content="https://someone.github.io/lstm-book/{PAGE}"' in text
    assert 'content="https://someone.github.io/lstm-book/_static/card.png"' in text
    assert (published / "_static/card.png").is_file()
    assert f"someone.github.io/lstm-book/{PAGE}" in (published / "sitemap.xml").read_text()
    missing = (published / "404.html").read_text(encoding="utf-8")
    assert '<base href="/lstm-book/404.html">' in missing
    assert missing.index("<base ") < missing.index("stylesheet")


def test_elsewhere_nothing_leads_to_a_repository():
    for path in SITE.glob("book/*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"mybinder|colab\.research|/edit/|launch-buttons", text), path


def test_every_page_tells_other_sites_what_it_is():
    for path in SITE.glob("book/*.html"):
        text = path.read_text(encoding="utf-8")
        for name in ("og:title", "og:description", "og:image"):
            assert f'<meta property="{name}" content="' in text, (path, name)


def test_chapters_for_colab_fetch_the_repository_first(tmp_path, monkeypatch):
    from tools import colab

    monkeypatch.setenv("GITHUB_REPOSITORY", "someone/lstm-book")
    monkeypatch.setenv("GITHUB_SHA", "c0ffee")
    colab.main(tmp_path)
    chapters = sorted((ROOT / "book").glob("*.ipynb"))
    assert [p.name for p in sorted(tmp_path.glob("book/*.ipynb"))] == [p.name for p in chapters]
    for path in chapters:
        notebook = nbformat.read(tmp_path / "book" / path.name, as_version=4)
        nbformat.validate(notebook)
        first = notebook.cells[0].source
        assert "!git clone -q https://github.com/someone/lstm-book /content/lstm-book" in first
        assert "git -C /content/lstm-book checkout -q c0ffee" in first
        assert '%pip install -q "/content/lstm-book[chapters]"' in first
        assert first.endswith("%cd /content/lstm-book/book")  # where data/ is
        assert notebook.cells[1:] == nbformat.read(path, as_version=4).cells
