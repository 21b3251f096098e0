"""Makes the site small: leaves out what no page uses, and shortens the markup of the pages.

Everything here works on the finished site. Nothing that a reader sees, hears or uses is removed.

1. Files, rules of style sheets, icons and letters of mathematics that no page asks for. One style
   sheet is left: a page waits for nothing else.
2. Pages without marks that change nothing, in one place: `lean`, for slides, too.
3. Pictures with a palette; those of downloaded notebooks in the size in which they are shown.
"""

import io
import json
import logging
import re
import shutil
from base64 import b64decode, b64encode
from collections.abc import Iterable
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from posixpath import normpath

import tinycss2
from fontTools import subset, ttLib
from PIL import Image, ImageChops, ImageStat
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

# Files that the theme and its extensions copy into every site, and that no page here uses.
UNUSED = (
    "_static/**/*.map",
    "_static/*webpack-macros.html",
    "_static/locales",
    "_static/scripts/fontawesome.js*",
    "_static/sphinx-thebe.*",
    "_static/vendor/fontawesome/webfonts/*.ttf",
    "_static/vendor/fontawesome/webfonts/fa-regular-*",
    "_static/images/logo_[!bc]*",  # Binder's and Colab's stay
    "_static/file.png",
    "_static/togglebutton.*",
    "_static/design-tabs.js",
)
# Style sheets of others, most of whose rules match nothing on these pages.
FOREIGN = (
    "styles/pydata-sphinx-theme.css", "styles/sphinx-book-theme.css", "sphinx-design.min.css",
    "mystnb.*.css",
)  # fmt: skip
SHEET = re.compile(r'<link [^>]*href="([./]*)_static/([^"?]*\.css)[^"]*"[^>]*>\n?')
# Parts of a style sheet that stay what they are, remarks, and space that means nothing.
BLANK = re.compile(
    r"""(?P<kept>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|url\([^)"']*\))|/\*.*?\*/"""
    r"|(?P<mark>\s*[{};,]\s*)|(?P<space>\s+)",
    re.DOTALL,
)
FACE = re.compile(
    r'(@font-face[^{]*\{\s*font-family:\s*MJX(TEX-\w+)?[^}]*url\("[^"]*/([\w-]+\.woff)"\)[^}]*\}\s*)'
)
SITE_SHEET = "site.css"
SCALE = 0.64  # of a figure's pixels: 7.2 inches fill the column

# Shorter markup with the same meaning, in place of that of Sphinx.
SHORTER = (
    (r'(<a [^>]*href="[^"]*#([\w.]+)") title="\2"', r"\1"),  # a title that repeats the address
    (r'<span class="(?:pre|colon|sig-paren)">([^<]*)</span>', r"\1"),
    (r' class="(?:field|row)-(?:odd|even)"', ""),
    (r' class="reference internal"', ""),
    (r'(<a class="[^"]+) reference internal(?=[ "])', r"\1"),
    (r'<a class="reference internal ', '<a class="'),
    (r'<code class="(xref )?(?:py py-\w+ )?docutils literal', r'<code class="\1literal'),
    (r'(class="(?:amsmath )?math notranslate) nohighlight', r"\1"),
    (
        r'<span class="nobr">(<span class="math notranslate)">((?:(?!</?span).)*</span>)</span>',
        r'\1 nobr">\2',
    ),
    # Names, commas, signs and spaces of code look like any other text: they need no marks.
    (r'<span class="(?:n|o|p|w)">([^<]*)</span>', r"\1"),
)
CODE = re.compile(r'<span class="(\w{1,2})">([^<]*)</span>')
# Two marks of one kind, with at most space between them, are one.
DOUBLE = re.compile(r'(<span class="(\w{1,2})">)([^<]*)</span>(\s*)\1(?=[^<]*</span>)')


def make_small(app: Sphinx, error: Exception | None) -> None:
    """Take out of the finished site what no page uses."""
    if error or app.builder.format != "html":
        return
    site = Path(app.outdir)
    pages = "".join(trim(path) for path in site.rglob("*.html"))
    for pattern in UNUSED:
        for path in site.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    static = site / "_static"
    mend_search(static / "searchtools.js")
    shrink_icons(static, used=set(re.findall(r"fa-[\w-]+", pages)))
    words = set(re.findall(r"[\w-]+", pages))
    for script in static.rglob("*.js"):
        words |= set(re.findall(r"[\w-]+", script.read_text(encoding="utf-8")))
    for pattern in FOREIGN:
        for path in static.glob(pattern):
            text = path.read_text(encoding="utf-8")
            path.write_text(used_rules(text, words), encoding="utf-8")
    cut_mathematics(static, [static / "mathematics.css"], pages)
    join_sheets(site)
    for path in site.glob("_images/*.png"):
        path.write_bytes(shrink_picture(path.read_bytes()))
    for path in site.glob("_sources/**/*.ipynb"):
        shrink_notebook(path)


# 1. What no page asks for


def join_sheets(site: Path) -> None:
    """One style sheet in place of all: a page asks once, and its head is short."""
    static = site / "_static"
    pages = {path: path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    orders = {tuple(name for _, name in SHEET.findall(text)) for text in pages.values()}
    orders -= {(), (SITE_SHEET,)}  # pages of a build before this one
    if len(orders) != 1:
        raise ExtensionError(f"expected the same style sheets on every page, got {orders}")
    sheets = [static / name for name in orders.pop()]
    joined = "".join(lean_style(sheet, static) for sheet in sheets)
    (static / SITE_SHEET).write_text(joined, encoding="utf-8")
    digest = sha256(joined.encode()).hexdigest()[:8]
    for path, text in pages.items():
        if found := SHEET.search(text):
            link = f'<link rel="stylesheet" href="{found[1]}_static/{SITE_SHEET}?v={digest}">\n'
            text = text[: found.start()] + link + SHEET.sub("", text[found.start() :])
            path.write_text(text, encoding="utf-8")
    for sheet in {*sheets, static / "basic.css"}:
        sheet.unlink()


def lean_style(sheet: Path, static: Path) -> str:
    """A style sheet without remarks and without space, as it reads in the folder `static`."""
    style = sheet.read_text(encoding="utf-8")
    imported = re.match(r'(?:/\*.*?\*/\s*)*@import "([^"]*)";', style, re.DOTALL)
    before = ""
    if imported:
        before = lean_style(Path(normpath(sheet.parent / imported[1])), static)
        style = style[imported.end() :]
    folder = sheet.parent.relative_to(static).as_posix()

    def moved(match: re.Match) -> str:
        return match[1] + (match[2] if ":" in match[2] else normpath(f"{folder}/{match[2]}"))

    style = re.sub(r"""(url\(["']?)([^"')]+)""", moved, style)
    style = BLANK.sub(
        lambda part: part["kept"] or (part["mark"] or "").strip() or " " * bool(part["space"]),
        style,
    )
    return before + style.replace(";}", "}") + "\n"


def mend_search(path: Path) -> None:
    """Let the search find a part of a page whose name has dots, as "#module-lstm.oracles".

    It looks by a selector, in which a dot begins a class.
    """
    look = path.read_text(encoding="utf-8")
    selector, mended = 'querySelector(`[role="main"] ${anchor}`)', "getElementById(anchor.slice(1))"
    if mended in look:  # by a build before this one
        return
    if selector not in look:
        raise ExtensionError(f"searchtools.js has no {selector} any more: is the mend needed?")
    path.write_text(look.replace(selector, mended), encoding="utf-8")


def used_rules(style: str, words: set[str]) -> str:
    """A style sheet without selectors that name a class that no page and no script has."""
    return tinycss2.serialize(_used(tinycss2.parse_stylesheet(style), words))


def _used(rules: Iterable, words: set[str]) -> list:
    kept = []
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors: list[list] = [[]]
            for token in rule.prelude:
                if token.type == "literal" and token.value == ",":
                    selectors.append([])
                else:
                    selectors[-1].append(token)
            wanted = [selector for selector in selectors if classes(selector) <= words]
            if not wanted:
                continue
            comma = tinycss2.ast.LiteralToken(0, 0, ",")
            rule.prelude = [part for selector in wanted for part in (comma, *selector)][1:]
        elif rule.type == "at-rule" and rule.lower_at_keyword in ("media", "supports"):
            inner = tinycss2.parse_blocks_contents(rule.content)
            rule.content = _used(inner, words)
            if not rule.content:
                continue
        kept.append(rule)
    return kept


def classes(selector: list) -> set[str]:
    """The classes that an element needs; what stands in brackets, such as :not(), asks for none."""
    return {
        name.value
        for dot, name in pairwise(selector)
        if dot.type == "literal" and dot.value == "." and name.type == "ident"
    }


def shrink_icons(static: Path, used: set[str]) -> None:
    """Keep only the icons that pages name or style sheets use."""
    sheet = static / "styles/pydata-sphinx-theme.css"
    rules = re.compile(r"(?:\.fa-[\w-]+:before,?)+\{content:\"([^\"]*)\"\}")
    unused = [
        rule for rule in rules.finditer(sheet.read_text(encoding="utf-8"))
        if not used & set(re.findall(r"fa-[\w-]+", rule.group()))
    ]  # fmt: skip
    style = sheet.read_text(encoding="utf-8")
    for rule in unused:
        style = style.replace(rule.group(), "", 1)
    sheet.write_text(style, encoding="utf-8")

    styles = "".join(path.read_text(encoding="utf-8") for path in static.rglob("*.css"))
    escaped = re.findall(r"\\([ef][0-9a-f]{3})\b", styles)
    icons = [chr(int(code, 16)) for code in escaped] + re.findall("[\ue000-\uf8ff]", styles)
    for path in static.glob("vendor/fontawesome/webfonts/*.woff2"):
        cut_font(path, "".join(icons))


def cut_mathematics(static: Path, sheets: list[Path], pages: str) -> None:
    """Leave what formulas need of MathJax's fonts: letters that a style sheet places, and fonts
    of which a page has a letter.
    """
    variants = set(re.findall(r"TEX-\w+", pages))
    letters = ""
    for sheet in sheets:
        style = sheet.read_text(encoding="utf-8")
        for text in re.findall(r'content: "((?:\\[0-9A-F]+ ?|[^"\\])*)"', style):
            letters += re.sub(r"\\([0-9A-F]+) ?", lambda code: chr(int(code[1], 16)), text)
        if "<m-stretchy-" in pages:  # the pieces of a long brace: only the sheet names their fonts
            for fonts in re.findall(r"m-stretchy-[vh] m-c\s*{\s*font-family:([^}]*)", style):
                variants |= set(re.findall(r"TEX-\w+", fonts))
        for face, variant, name in FACE.findall(style):
            if variant and variant not in variants:
                style = style.replace(face, "")
                (static / "mathjax" / name).unlink(missing_ok=True)
        sheet.write_text(style, encoding="utf-8")
    for path in static.glob("mathjax/*.woff"):
        cut_font(path, letters)


def cut_font(path: Path, letters: str) -> None:
    """Leave these letters in a font."""
    logging.getLogger("fontTools").setLevel(logging.ERROR)  # of tables that nothing reads
    font = ttLib.TTFont(path)
    cut = subset.Subsetter(subset.Options(hinting=False))
    cut.populate(text=letters)
    cut.subset(font)
    font.save(path)


# 2. Pages


def trim(path: Path) -> str:
    """Mend and shorten a page; returns it."""
    text = path.read_text(encoding="utf-8")
    # Icons by script are half a megabyte a page; the style sheet has them by font already.
    text = re.sub(r"<script src=\"[^\"]*/fontawesome\.js[^\"]*\"></script>\n?", "", text)
    # Light or dark is known at once: under "auto" tables have no borders, and move later.
    auto = 'localStorage.getItem("theme") || "auto"'
    dark = 'matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"'
    text = text.replace(auto, auto.replace('"auto"', f"({dark})"))
    # Scripts that add buttons to the page need not hold it up. (The search calls them at once.)
    later = r'<script (src="[^"]*/(?:doctools|clipboard\.min|copybutton|sphinx-book-theme)\.js)'
    if path.name != "search.html":
        text = re.sub(later, r"<script defer \1", text)
    # What is there for others, or twice.
    needless = (
        r'<link rel="preload" as="script"[^>]*>\n?|<meta name="docsearch[^>]*>\n?'
        r'|<meta name="viewport"[^>]*>\n?(?=.*<meta name="viewport")'
    )
    text = re.sub(needless, "", text, flags=re.DOTALL)
    # Remarks of templates, and a place for advertisements.
    text = re.sub(r"<!--(?!\[).*?-->\n?", "", text, flags=re.DOTALL)
    text = re.sub(
        r'<div class="sidebar-primary-item">\s*<div id="ethical-ad.*?</div>\s*</div>',
        "",
        text,
        flags=re.DOTALL,
    )
    # The index is laid out in tables, and its list opens by pictures without words.
    text = text.replace('class="indextable', 'role="presentation" class="indextable')
    words = r'\1="open or close the list of modules"'
    text = re.sub(r'(class="toggler"[^>]*alt)="-"', words, text)
    # What unfolds the pages below another one in the sidebar has a picture, and no words either.
    toggle = '<summary><span class="toctree-toggle"'
    named = toggle.replace(">", ' aria-label="open or close the list of pages">', 1)
    text = text.replace(toggle, named)
    # Around the text lines need no indentation.
    parts = re.split(r"(<article.*</article>|\Z)", lean(text), maxsplit=1, flags=re.DOTALL)
    for place in (0, 2):
        parts[place] = re.sub(r"\s*\n\s*", "\n", parts[place])
    text = "".join(parts)
    if "_modules" in path.parts:  # readers of source code look for the API, not for chapters
        text = re.sub(r'<li class="toctree-l1"><a [^>]*/book/(?!api)[^<]*</a></li>\n', "", text)
        text = re.sub(r'<p [^>]*caption"[^\n]*\n<ul class="nav bd-sidenav">\n</ul>\n', "", text)
        text = re.sub(r'<meta (?:property="og:|name="description)[^>]*>\n?', "", text)
    # The contents are followed by reading.js: the theme's own way marks the wrong section.
    text = re.sub(r'<body data-bs-spy[^>]*?(data-default-mode="\w+")?>', r"<body \1>", text)
    path.write_text(text, encoding="utf-8")
    return text


def lean(page: str) -> str:
    """A page, or a part of one, without marks that change nothing."""
    for pattern, shorter in SHORTER:
        page = re.sub(pattern, shorter, page)
    while page != (page := DOUBLE.sub(r"\1\3\4", page)):
        pass
    return CODE.sub(r"<i class=\1>\2</i>", page)


# 3. Pictures


def shrink_picture(picture: bytes, scale: float = 1, colors: tuple = (32, 64, 128)) -> bytes:
    """Give a figure the smallest palette that shows it: this halves its size, and white stays
    white."""
    with Image.open(io.BytesIO(picture)) as image:
        size = [round(scale * side) for side in image.size]
        scaled = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    for number in colors:
        palette = scaled.quantize(number, Image.Quantize.MAXCOVERAGE)
        off = ImageChops.difference(palette.convert("RGB"), scaled)
        if max(ImageStat.Stat(off).mean) < 0.5:  # of 255
            break
    small = io.BytesIO()
    palette.save(small, "png", optimize=True)
    return min(small.getvalue(), picture, key=len)


def shrink_notebook(path: Path) -> None:
    """Shrink the pictures of a notebook that can be downloaded to 42% of their pixels, shown at
    full width.

    Running the notebook draws them anew. What an earlier build has shrunk stays as it is.
    """
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}) and "image/png" not in output["metadata"]:
                picture = b64decode("".join(output["data"]["image/png"]))
                with Image.open(io.BytesIO(picture)) as image:
                    width = round(SCALE * image.width)
                small = shrink_picture(picture, 0.66 * SCALE, (32,))
                output["data"]["image/png"] = b64encode(small).decode()
                output["metadata"]["image/png"] = {"width": width}
    text = json.dumps(notebook, ensure_ascii=False, separators=(",", ":"))
    path.write_text(text, encoding="utf-8")
