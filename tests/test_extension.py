"""What `book/_ext` does to pages, on a book of two chapters, and part by part.

Every expectation is written by hand. `tests/browser/test_built.py` looks at the real book.
"""

import base64
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from docutils import nodes
from docutils.utils import new_document
from fontTools import ttLib
from PIL import Image
from sphinx.errors import ExtensionError

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "book/_ext"))

import lstm_book  # noqa: E402
import lstm_site  # noqa: E402
import lstm_small  # noqa: E402

BUILD = "from jupyter_book.cli.main import main; main()"

INDEX = """# A book

Begin with chapter 1.

![A step of the cell](book/_static/cell.svg)
"""
GLOSSARY = """# Glossary

```{glossary}
gate
  A number between 0 and 1.

input gate
  It decides what is
  written.
```
"""
FIRST = """# 1 First

An input gate is a gate, as chapters 1, 6 and 9 say; so is a gate of Chapter 6.

<div class="margin">

A gate in the margin.

</div>

Beside it.

$$ c = f \\odot c_\\text{prev} + i \\odot g $$ (eq-one)

**Exercise 1.1.** Count. **Exercise 1.2.** Again; see Exercise 1.1. As {eq}`eq-one` says ($c$).

| $\\sigma$ | name | the $c$ |
|---|---|---|
| 1 | one | 2 |
"""
CODE = "def step(c):\n    return c + 1  # (eq-one), (eq-none)"
SECOND = (
    "# 6 Second\n\n" + "word " * 1800
    + "\n\n$$ a \\\\ \\underbrace{b + d + e + f}_{g} $$ (eq-sum)\n\n$$ s = 1 $$ (eq-sigmoid)"
    "\n\n## Exercises\n\nTry.\n\n## For those who need it\n\n"
    + "word " * 1500
    + "\n\n## Sources\n\nNone."
)


def picture(width, height):
    """A PNG of noise-free stripes."""
    image = Image.new("RGB", (width, height), "white")
    for x in range(0, width, 4):
        image.paste((0, 114, 178), (x, 0, x + 2, height // 2))
    data = io.BytesIO()
    image.save(data, "png")
    return base64.b64encode(data.getvalue()).decode()


def chapter(*cells):
    notebook = nbformat.v4.new_notebook(cells=list(cells))
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    return nbformat.writes(notebook)


def drawn(name, width=200, alt="Blue stripes"):
    """A cell whose output is a picture."""
    output = nbformat.v4.new_output("display_data", {"image/png": picture(width, width // 2)})
    figure = {"figure": {"name": name, "caption": "Stripes."}, "image": {"alt": alt}}
    return nbformat.v4.new_code_cell(
        "plt.show()", outputs=[output], metadata={"mystnb": figure, "tags": ["hide-input"]}
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("book")
    (folder / "book").mkdir()
    for name in ("_ext", "_static", "_templates", "references.bib"):
        (folder / "book" / name).symlink_to(ROOT / "book" / name)
    (folder / "_config.yml").write_text((ROOT / "_config.yml").read_text())
    (folder / "_toc.yml").write_text(
        "format: jb-book\nroot: index\nchapters:\n"
        "- file: book/01-first\n- file: book/06-second\n- file: book/glossary\n- file: book/api\n"
    )
    markdown, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    first = chapter(markdown(FIRST), code(CODE, metadata={"tags": ["hide-cell"]}), drawn("fig-lag"),
                    drawn("fig-wide", 1000, "Many stripes"))  # fmt: skip
    api = "# API\n\n```{eval-rst}\n.. automodule:: lstm.steps\n```\n"
    pages = {
        "index.md": INDEX, "book/glossary.md": GLOSSARY, "book/01-first.ipynb": first,
        "book/06-second.ipynb": chapter(markdown(SECOND)), "book/api.md": api,
    }  # fmt: skip
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", BUILD, "build", ".", "-W", "--keep-going", "--quiet"],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    return folder / "_build/html"


@pytest.fixture
def page(site):
    """A page without what stands around its text; all of it by `whole`."""

    def page(name, whole=False):
        text = (site / f"{name}.html").read_text(encoding="utf-8")
        return text if whole else re.search(r"<article.*</article>", text, re.DOTALL)[0]

    return page


SPACE = "\N{NO-BREAK SPACE}"
LATER = {"letters.js"}  # large: write.js asks for it once its figure is in sight
LINK = '<a href="{}">{}</a>'


def test_words_lead_to_chapters_and_terms_to_the_glossary_once(page):
    term = '<a class="term" href="glossary.html#term-{}">{}</a>'
    first = (
        f"<p>An {term.format('input-gate', 'input gate')} is a {term.format('gate', 'gate')}, as "
        f"chapters 1, {LINK.format('06-second.html', '6')} and 9 say; so is a gate of "
        f"{LINK.format('06-second.html', f'Chapter{SPACE}6')}.</p>"
    )
    assert first in page("book/01-first")
    assert page("book/01-first").count('class="term') == 2
    there = LINK.format("book/01-first.html", f"chapter{SPACE}1")
    assert f"<p>Begin with {there}.</p>" in page("index")
    assert 'class="term' not in page("index") + page("book/glossary") + page("book/06-second")


def test_the_time_to_read(page):
    """1800 words are twelve minutes, and two equations one: to the nearest five. 1500 are ten."""
    line = '<p class="reading-time">About {}</p>'
    assert line.format("5 minutes to read · 1 equation · 2 exercises") in page("book/01-first")
    more = "15 minutes to read, 10 more after the exercises · 2 equations"
    assert line.format(more) in page("book/06-second")
    assert "reading-time" not in page("index") + page("book/glossary") + page("book/api")


def test_an_equation_is_numbered_by_its_label_and_found_by_it(page, site):
    text = page("book/01-first")
    assert '<span class="eqno">(eq-one)<' in text
    assert '<a href="#equation-eq-one">(eq-one)</a>' in text
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    assert '[0, 0, 1, "-", "eq-one"], [1, 0, 1, "-", "eq-sigmoid"]' in index


def test_a_label_in_code_leads_to_its_equation(page):
    here = '<span class="c1"># (<a class="eq" href="#equation-eq-one">eq-one</a>), (eq-none)</span>'
    assert here in page("book/01-first")
    there = '<a class="eq" href="../../book/06-second.html#equation-eq-sum">eq-sum</a>'
    assert f"# ({there})</span>" in page("_modules/lstm/steps")


def test_mathematics_is_set_with_words_for_who_cannot_see_it(page, site):
    text = page("book/01-first")
    assert "<mi>c</mi><mo>=</mo><mi>f</mi><mo>⊙</mo><msub><mi>c</mi><mtext>prev</mtext>" in text
    assert '<m-c class="c1D450 TEX-I"></m-c>' in text
    assert "\\odot" not in text
    assert '</span></p><span class="visually-hidden">σ</span></th>' in text
    assert '<th class="head"><p>name</p></th>' in text
    heading = r'<th class="head"><p>the <span class="math[^>]*><mjx-container.*?</span></p></th>'
    (beside_words,) = re.findall(heading, text)
    assert "visually-hidden" not in beside_words
    assert "<mi>c</mi>" in beside_words
    style = (site / "_static/site.css").read_text(encoding="utf-8")
    assert re.search(r"font-display: ?swap", style)
    assert re.search(r"m-math ?\{\s*font-family: ?MJXZERO, ?MJXTEX", style)
    assert re.search(r'MJXZERO; ?src: ?url\("data:font/woff;base64,', style)
    assert 'document.fonts.load("1em MJXZERO")' in page("book/01-first", whole=True)
    fonts = {path.name for path in (site / "_static/mathjax").iterdir()}
    names = ("Main-Regular", "Math-Italic", "Size1-Regular", "Size4-Regular", "AMS-Regular")
    assert fonts == {f"MathJax_{name}.woff" for name in names}
    brace = "\ue150\ue151\ue152\ue153\ue154"  # its pieces, which no page names
    for name, some in (
        ("Main-Regular", "⊙=1prev"), ("Math-Italic", "cfigabsσ"), ("Size4-Regular", brace)
    ):  # fmt: skip
        font = ttLib.TTFont(site / f"_static/mathjax/MathJax_{name}.woff")
        letters = set(map(chr, font.getBestCmap()))
        assert set(some) <= letters
        assert len(letters) < 25
    assert "mathjax" not in page("book/01-first", whole=True).lower().replace("_static/", "")


def test_previews_show_equations_and_terms(site):
    text = (site / "_static/previews.js").read_text(encoding="utf-8")
    previews = json.loads(text.removeprefix("window.LSTM_PREVIEWS = ").removesuffix(";\n"))
    assert sorted(previews) == [
        "equation-eq-one", "equation-eq-sigmoid", "equation-eq-sum", "term-gate", "term-input-gate"
    ]  # fmt: skip
    assert previews["term-input-gate"] == {
        "page": "book/glossary", "term": "input gate", "text": "It decides what is written."
    }  # fmt: skip
    sigmoid = previews["equation-eq-sigmoid"]
    assert (sigmoid["tex"], sigmoid["gates"]) == ("s = 1", False)
    assert previews["equation-eq-one"]["gates"] is True
    assert sigmoid["html"] == (
        '<mjx-container display=true><-math display=true style="margin-left:0;margin-right:0" '
        "aria-hidden=true><-mi>{1D460 I}</-mi><-mo space=4>{3D}</-mo><-mn space=4>{31}</-mn>"
        "</-math></mjx-container>"
    )
    assert previews["equation-eq-sum"]["html"].count("<-mtr>") == 2  # lines that TeX splits


def test_scripts_are_loaded_where_their_figure_is(page):
    def scripts(name):
        return re.findall(
            r'<script defer="defer" src="[./]*_static/(\w+\.js)', page(name, whole=True)
        )

    assert scripts("book/01-first") == ["reading.js", "lstm.js", "live.js", "gradient.js"]
    assert scripts("book/06-second") == scripts("index") == ["reading.js"]
    for name, live in (("book/01-first", 1), ("book/06-second", 0), ("index", 0)):
        assert page(name).count(lstm_site.STILL) == live, name
    static = {path.name for path in (ROOT / "book/_static").glob("*.js")}
    figures = set(" ".join(lstm_site.LIVE.values()).split())
    assert static == figures | {"reading.js", "lstm.js", "live.js"} | LATER
    for name in ("index", "book/01-first", "book/api", "_modules/lstm/steps"):
        text = page(name, whole=True)
        assert not re.search(r'<(?:script|link)[^>]*(?:src|href)="https?:', text), name
        assert not re.search("togglebutton|design-tabs|sphinx_highlight|fontawesome.js", text), name
        assert re.search(r"<script defer src=\"[^\"]*doctools", text), name
    assert "sphinx_highlight.js" in page("search", whole=True)
    assert re.search(r"<script src=\"[^\"]*doctools", page("search", whole=True))


def test_a_figure_leads_to_its_file_and_folds_have_names(page, site):
    text = page("book/01-first")
    href, source = re.search(
        r'<a class="full" href="\.\./(_images/\w+\.png)"><img alt="Blue stripes" '
        r'src="\.\./(_images/\w+\.png)" width="128" height="64" /></a>', text).groups()  # fmt: skip
    assert href == source
    with Image.open(site / source) as image:
        assert image.size == (200, 100)
        assert image.mode == "P"  # with a palette: its colours are few
        assert image.convert("RGB").getpixel((3, 99)) == (255, 255, 255)
        assert image.convert("RGB").getpixel((0, 0)) == (0, 114, 178)
    wide = r'<a class="full wide" style="--least: (\d+)px" href="[^"]*"><img [^>]*width="(\d+)"'
    assert re.findall(wide, text) == [("512", "640")]  # four fifths of its width
    for what in ("code", "check"):
        assert f'<p class="collapsed admonition-title">Show the {what}</p>' in text
        assert f'<p class="expanded admonition-title">Hide the {what}</p>' in text


def test_margin_notes_tables_and_signs_after_mathematics(page):
    text = page("book/01-first")
    note = '<div class="margin">\n<p>A gate in the margin.</p>\n</div>\n<p>Beside it.</p>'
    assert f'<div class="noted">{note}</div>' in text
    assert "</table>\n<i hidden></i></div>" in text
    assert re.search(
        r'<span class="nobr">\(<span class="math notranslate">.*?</span>\)\.</span>',
        text,
    )
    assert '<th class="head"><p><span class="math notranslate nobr">' in text


def test_letters_have_the_colours_of_gates_in_the_chapters_that_speak_of_them(page):
    assert '<div class="gates">' in page("book/01-first")
    for name in ("index", "book/06-second", "book/glossary"):
        assert '<div class="gates">' not in page(name)


def test_a_drawing_is_part_of_the_page(page):
    text = page("index")
    assert '<svg class="drawing here-" role="img" aria-label="A step of the cell" xmlns' in text
    assert "<title>" not in text
    assert "<img" not in text


def test_docstrings_lead_to_equations_and_sources_lead_back(page):
    api, source = page("book/api"), page("_modules/lstm/steps")
    sigmoid, added = (
        LINK.format(f"06-second.html#equation-eq-{name}", f"(eq-{name})")
        for name in ("sigmoid", "sum")
    )
    assert f"the same function {sigmoid}:" in api
    assert f"<p>Equations: {added}</p>" in api
    assert "Alias for field" not in api
    fields = re.findall(r"<dt>(\w+):</dt>\s*<dd>(?:<ul[^>]*>\s*<li>)?<p>(?:<strong>(\w+))?", api)
    one = [("Parameters", "steps"), ("Returns", "")]
    sigmoids = [("Parameters", "z"), ("Returns", "")]
    assert fields == [("Attributes", "name"), *one, *one, ("Raises", "TypeError"), *sigmoids]
    back = '<a class="viewcode-back" href="../../book/api.html#lstm.steps.Step">[docs]</a>'
    assert back in source
    assert "<i class=kn>from</i>" in source


def test_the_page_for_wrong_addresses(page):
    text = page("404")
    listed = re.findall(r'<li><a href="(.*?)">(.*?)</a></li>', text)
    assert listed == [
        ("book/01-first.html", "1 First"), ("book/06-second.html", "6 Second"),
        ("book/glossary.html", "Glossary"), ("book/api.html", "API"),
    ]  # fmt: skip
    assert 'action="search.html"' in text
    assert "<base" not in page("404", whole=True)


def test_what_others_see_is_found_from_every_page(page):
    for name, up in (("index", ""), ("book/01-first", "../")):
        text = page(name, whole=True)
        assert f'content="{up}_static/card.png"' in text
        letters = re.search(r"of (\[.*?\])\) document\.head\.append", text)[1]
        assert json.loads(letters) == [
            f"{up}_static/fonts/source-serif-4-latin-{kind}.woff2"
            for kind in ("400-normal", "600-normal", "400-italic")
        ]


def test_the_site_is_small(site, page):
    names = {str(path.relative_to(site / "_static")) for path in (site / "_static").rglob("*")}
    assert not {
        name for name in names if re.search("thebe|locales|design-tabs|togglebutton|map$", name)
    }
    style = (site / "_static/site.css").read_text(encoding="utf-8")
    # Each of another sheet, of which no page here has a use.
    unused = (".ablog-archive", ".thebelab-cell", ".sd-accordion", ".sd-tab-set")
    assert [name for name in unused if name in style] == []
    assert ".navbar" in style
    search = (site / "_static/searchtools.js").read_text(encoding="utf-8")
    assert "getElementById(anchor.slice(1))" in search
    for name in ("index", "book/01-first", "_modules/lstm/steps"):
        text = page(name, whole=True)
        around = text.replace(page(name), "")
        assert not re.search(r"^[ \t]+\S", around, re.MULTILINE), name
        assert "<!--" not in text
        assert 'class="n"' not in text
        assert '"(prefers-color-scheme: dark)").matches' in text
        assert "data-bs-spy" not in text
    notebook = json.loads((site / "_sources/book/01-first.ipynb").read_text(encoding="utf-8"))
    (output,) = notebook["cells"][2]["outputs"]
    with Image.open(io.BytesIO(base64.b64decode(output["data"]["image/png"]))) as image:
        assert image.size == (84, 42)  # 0.66 of 0.64 of what it was
    assert output["metadata"]["image/png"] == {"width": 128}


def folded(*parts, format="html"):
    """What becomes of an entry of the API: the texts of its nodes, in order."""
    entry = nodes.section("", *(make(text) for make, text in parts))
    doctree = new_document("a page")
    doctree += entry
    lstm_book.fold_examples(SimpleNamespace(builder=SimpleNamespace(format=format)), doctree, "a")
    return [node.astext() for node in entry]


def rubric(text):
    return nodes.rubric(text, text)


def paragraph(text):
    return nodes.paragraph(text, text)


def doctest(text):
    return nodes.doctest_block(text, text)


def test_the_example_of_an_entry_is_folded_to_its_last_line_of_code():
    start, end = "<details class='example'><summary>Example</summary>", "</details>"
    entry = [
        (paragraph, "What."), (rubric, "Example"), (doctest, ">>> 1"), (paragraph, "So."),
        (doctest, ">>> 2"), (paragraph, "More."), (rubric, "Other"), (doctest, ">>> 3"),
    ]  # fmt: skip
    assert folded(*entry) == [
        "What.", start, ">>> 1", "So.", ">>> 2", end, "More.", "Other", ">>> 3",
    ]  # fmt: skip
    assert folded(*entry, format="latex") == [text for _, text in entry]
    assert folded((rubric, "Other"), (doctest, ">>> 1")) == ["Other", ">>> 1"]
    assert folded((rubric, "Example"), (rubric, "no"), (doctest, ">>> 1")) == [
        start, end, "no", ">>> 1",
    ]  # fmt: skip


def test_a_style_sheet_keeps_the_rules_that_a_page_or_script_can_use():
    style = (
        ".a{x:1}.b,.a .c,p{y:2}@media print{.b{z:1}.a{w:2}}@supports (x:y){.b{z:3}}"
        '@font-face{f:1}a:not(.b){v:1}.a.b{u:1}[href=".b"]{t:1}'
    )
    assert lstm_small.used_rules(style, {"a"}) == (
        '.a{x:1}p{y:2}@media print{.a{w:2}}@font-face{f:1}a:not(.b){v:1}[href=".b"]{t:1}'
    )
    assert lstm_small.used_rules(style, {"a", "b", "c"}) == style


def test_a_style_sheet_without_remarks_and_space(tmp_path):
    (tmp_path / "one.css").write_text("/* its  own */p  {\n  a: b ;  c: url(x/y.png);\n}\n")
    (tmp_path / "styles").mkdir()
    (tmp_path / "styles/two.css").write_text(
        '/* first */ @import "../one.css";\n'
        'a > b , .c { content: "; /* as  it is */"; d: calc(1px + 2px) }\n'
        "@media  print { i { e: url('../z.svg'); f: url(data:image/png;base64,AA==) } }\n"
    )
    assert lstm_small.lean_style(tmp_path / "one.css", tmp_path) == "p{a: b;c: url(x/y.png)}\n"
    assert lstm_small.lean_style(tmp_path / "styles/two.css", tmp_path) == (
        "p{a: b;c: url(x/y.png)}\n"
        ' a > b,.c{content: "; /* as  it is */";d: calc(1px + 2px)}'
        "@media print{i{e: url('z.svg');f: url(data:image/png;base64,AA==)}}\n"
    )


@pytest.mark.parametrize(
    ("page", "lean"),
    [
        ('<a class="x" href="a.html#b.c" title="b.c">', '<a class="x" href="a.html#b.c">'),
        ('<a href="a.html#b.c" title="b.d">', '<a href="a.html#b.c" title="b.d">'),
        ('<span class="pre">a</span><span class="colon">:</span><span class="sig-paren">(</span>',
         "a:("),
        ('<tr class="row-odd"><tr class="field-even">', "<tr><tr>"),
        ('<a class="reference internal" href="a">', '<a href="a">'),
        ('<a class="std reference internal" href="a">', '<a class="std" href="a">'),
        ('<a class="reference internal image" href="a">', '<a class="image" href="a">'),
        ('<code class="docutils literal">', '<code class="literal">'),
        ('<code class="xref py py-func docutils literal">', '<code class="xref literal">'),
        ('<code class="py py-func docutils literal">', '<code class="literal">'),
        ('<div class="math notranslate nohighlight">', '<div class="math notranslate">'),
        ('<div class="amsmath math notranslate nohighlight">',
         '<div class="amsmath math notranslate">'),
        ('<span class="nobr"><span class="math notranslate">a</span></span>',
         '<span class="math notranslate nobr">a</span>'),
        ('<span class="nobr"><span class="math notranslate">a</span>,</span>',
         '<span class="nobr"><span class="math notranslate">a</span>,</span>'),
        ('<span class="n">a</span><span class="p">,</span>', "a,"),
        ('<span class="k">if</span>', "<i class=k>if</i>"),
        ('<span class="kn">from</span> <span class="nn">a</span>',
         "<i class=kn>from</i> <i class=nn>a</i>"),
        ('<span class="c1"># a</span>\n<span class="c1"># b</span>.',
         "<i class=c1># a\n# b</i>."),
        ('<span class="mi">1</span><span class="mi">2</span><span class="mi">3</span>',
         "<i class=mi>123</i>"),
        ('<span class="long">a</span>', '<span class="long">a</span>'),
    ],
)  # fmt: skip
def test_marks_that_change_nothing_are_left_out(page, lean):
    assert lstm_small.lean(f"<p>{page}</p>") == f"<p>{lean}</p>"


def test_what_is_mended_or_joined_must_be_as_it_was(tmp_path):
    script = tmp_path / "searchtools.js"
    old = 'a = document.querySelector(`[role="main"] ${anchor}`);'
    script.write_text(old)
    for _ in range(2):
        lstm_small.mend_search(script)
        assert script.read_text() == "a = document.getElementById(anchor.slice(1));"
    script.write_text("a = 1;")
    with pytest.raises(ExtensionError, match=r"searchtools\.js has no querySelector.* any more"):
        lstm_small.mend_search(script)
    for page, sheets in (("one", "ab"), ("two", "ba")):
        links = (f'<link rel="stylesheet" href="_static/{name}.css?v=1">\n' for name in sheets)
        (tmp_path / f"{page}.html").write_text("".join(links))
    with pytest.raises(ExtensionError, match="expected the same style sheets on every page, got"):
        lstm_small.join_sheets(tmp_path)


def test_a_second_build_does_not_shrink_the_pictures_of_a_notebook_again(tmp_path):
    figure = io.BytesIO()
    Image.effect_noise((1000, 500), 50).convert("RGB").save(figure, "png")
    output = {
        "output_type": "display_data", "metadata": {},
        "data": {"image/png": base64.b64encode(figure.getvalue()).decode()},
    }  # fmt: skip
    cell = {"cell_type": "code", "metadata": {}, "source": ["a\n", "b"], "outputs": [output]}
    path = tmp_path / "one.ipynb"
    path.write_text(json.dumps({"cells": [cell], "metadata": {}}))
    lstm_small.shrink_notebook(path)
    once = path.read_text()
    (shrunk,) = json.loads(once)["cells"][0]["outputs"]
    with Image.open(io.BytesIO(base64.b64decode(shrunk["data"]["image/png"]))) as image:
        assert image.size == (422, 211)  # 42 % of its pixels
    assert shrunk["metadata"] == {"image/png": {"width": 640}}
    lstm_small.shrink_notebook(path)
    assert path.read_text() == once


def test_links_of_the_page_for_wrong_addresses_begin_at_the_root_of_the_site():
    def head(page, address):
        app, context = SimpleNamespace(config=SimpleNamespace(html_baseurl=address)), {}
        lstm_site.anchor_not_found(app, page, "page.html", context, None)
        return context

    address = "https://one.github.io/book/"
    assert head("404", address) == {"metatags": '<base href="/book/404.html">\n'}
    assert head("404", "") == head("index", address) == head("10", address) == {}


def test_buttons_lead_to_the_repository_that_the_site_is_published_from(monkeypatch):
    def published(**environment):
        for name in ("GITHUB_REPOSITORY", "GITHUB_REF_NAME"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        config = SimpleNamespace(html_theme_options={}, html_context={}, html_baseurl="")
        lstm_site.publish(None, config)
        return config

    config = published()
    theme = {"navigation_with_keys": False, "pygments_dark_style": "github-dark"}
    assert config.html_theme_options == theme
    assert (config.html_context, config.html_baseurl) == ({"default_mode": "auto"}, "")
    config = published(GITHUB_REPOSITORY="one/book")
    assert config.html_baseurl == config.ogp_site_url == "https://one.github.io/book/"
    assert config.sitemap_url_scheme == "{link}"
    assert config.html_theme_options == theme | {
        "repository_url": "https://github.com/one/book", "repository_branch": "main",
        "use_repository_button": True, "use_edit_page_button": True, "use_issues_button": True,
        "launch_buttons": {
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
            "notebook_interface": "jupyterlab",
        },
    }  # fmt: skip
    config = published(GITHUB_REPOSITORY="one/book", GITHUB_REF_NAME="other")
    assert config.html_theme_options["repository_branch"] == "other"


def test_colab_gets_the_notebooks_whose_first_cell_installs_the_package():
    def button(text):
        return {"text": text, "url": "https://there/github/one/book/blob/main/book/01.ipynb"}

    context = {"header_buttons": [{"buttons": [button("Binder"), button("Colab")]}, {}]}
    lstm_site.launch_from_colab_branch(None, "book/01", "page.html", context, None)
    binder, colab = context["header_buttons"][0]["buttons"]
    assert binder == button("Binder")
    assert colab["url"] == "https://there/github/one/book/blob/colab/book/01.ipynb"


def table(heads, *rows):
    """A table as Sphinx writes it."""

    def row(tag, cells):
        return f"<tr>{''.join(f'<{tag}><p>{cell}</p></{tag}>' for cell in cells)}</tr>"

    body = "".join(row("td", cells) for cells in rows)
    head = f"<thead>\n{row('th', heads)}</thead>"
    return f'<table class="table">\n{head}\n<tbody>\n{body}</tbody>\n</table>'


def dealt(body):
    context = {"body": body}
    lstm_site.deal_cards(None, "page", "page.html", context, None)
    return context["body"]


def test_a_wide_table_becomes_cards():
    wide = table(("row", r"\(\sigma\)", "other"), ("a", "b" * 25, "c" * 30), ("d", "", "f"))
    cells = (
        '<tr><td><span class="head">row</span><p>{}</p></td>'
        r'<td><span class="head">\(\sigma\)</span><p>{}</p></td>'
        '<td><span class="head">other</span><p>{}</p></td></tr>'
    )
    top = wide.split("<tbody>")[0]
    assert dealt(f"<p>before</p>{wide}<p>behind</p>") == (
        f'<p>before</p>{top.replace("""class="table""", """class="cards table""")}<tbody>\n'
        + cells.format("a", "b" * 25, "c" * 30) + cells.format("d", "", "f")
        + "</tbody>\n</table><p>behind</p>"
    )  # fmt: skip


def test_a_table_stays_one_where_it_fits_or_has_no_heads():
    narrow = table(("a", "b"), ("one two three " * 9, "x" * 20))
    headless = re.sub("<thead>.*</thead>", "", table(("a",), ("x" * 99,)), flags=re.DOTALL)
    ragged = table(("a", "b"), ("x" * 99,))
    empty = table(("a" * 99,))
    for body in ("", narrow, headless, ragged, empty, "<p>text</p>"):
        assert dealt(body) == body
    assert dealt(narrow + headless + table(("a",), ("x" * 99,))).count("cards") == 1


def test_a_table_has_two_letters_between_columns():
    fits = lstm_site.LETTERS_ON_A_PHONE - 2 * lstm_site.GAP - 4
    assert "cards" not in dealt(table(("a", "four"), ("x" * fits, "y")))
    assert "cards" in dealt(table(("a", "four"), ("x" * (fits + 1), "y")))


@pytest.mark.parametrize(
    ("tag", "attributes", "cell", "letters"),
    [
        ("td", "", "<p></p>", 0),
        ("td", "", "<p>of several words</p>", 7),
        ("td", "", "<p>one <a href='#long-address'>word</a></p>", 4),
        ("td", "", "<p>&lt;&gt;</p>", 2),
        ("td", ' class="text-right"', "<p>1 000 000</p>", 9),
        ("th", ' class="head text-right"', "<p>1 000 000</p>", 3),
        ("td", "", "<p>a <code>b + c</code> d</p>", 5),
        ("td", "", "<p><code>b + c</code>, <code>d</code></p>", 6),
        ("td", "", r"<p>of \((D, 4H)\) each</p>", 7),
        ("td", "", r"<p>\(x^{2}\)</p>", 2),
        ("td", "", r"<p>\(\sigma\)</p>", 5),
    ],
)
def test_letters_that_stay_together(tag, attributes, cell, letters):
    assert lstm_site.unbroken(tag, attributes, cell) == letters
