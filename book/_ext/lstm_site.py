"""The site around the book: small, private, the same with and without a network.

1. What no page uses is not loaded; `lstm_small` takes it out of the finished site.
2. The drawings of ``_static/`` become part of the page, so that they follow its theme.
3. Aids for reading: time, previews of equations and terms, links from terms to the glossary,
   a live figure, and a page for wrong addresses.
4. Buttons that lead to GitHub, Binder and Colab are there when the site is published from
   GitHub: the environment variable GITHUB_REPOSITORY is then "owner/name", and
   GITHUB_REF_NAME the branch. Without them nothing on the site leads to a repository.
"""

import html
import itertools
import json
import os
import re
from pathlib import Path

import numpy as np
from docutils import nodes
from lstm_math import preview
from lstm_small import SCALE, make_small
from myst_nb.sphinx_ import HideCodeCellNode
from PIL import Image
from scipy import ndimage
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config

# Scripts and styles of the theme that pages do not even name: folded cells are <details>,
# and no page has tabs.
IDLE = re.compile("toggle|design-tabs")

# The drawings that follow the theme, and the stored figures, by id, that a script of `_static/`
# replaces by one that computes in the page; or places, by class, that it fills. Each script may use
# `lstm` (lstm.js) and `live` (live.js).
DRAWINGS = ("benchmarks", "cell", "cell-back", "map", "scan", "two-ways", "unrolled")
LIVE = {
    "fig-cell": "cover.js",
    "fig-one-unit": "unit.js",
    "fig-lag": "gradient.js",
    "fig-truncation": "gradient.js",
    "fig-v": "differences.js",
    "fig-adding-curves": "learn.js",
    "fig-digit-reading": "digits.js drawdigit.js",
    "fig-zoo": "learn.js breakit.js",
    "fig-writer": "writer.js write.js",
    "packing-order": "orders.js",
    "fig-orders": "orders.js",
    "backward-cell": "backcell.js",
    "your-turn": "jsep.js yourturn.js",
    "fig-waves": "waves.js",
}

# What such a page says to readers without scripts.
STILL = (
    '<noscript><p class="reading-time">JavaScript is off: the figures that compute in the page '
    "stand still here, and what can be tried in them is missing.</p></noscript>"
)

LETTERS_ON_A_PHONE = 50  # on a line of a table
GAP = 2  # between two columns, in letters
CELL = re.compile(r"<(t[hd])([^>]*)>(.*?)</t[hd]>", re.DOTALL)

WORDS_PER_MINUTE = 150  # slow: the reader follows a derivation
EQUATIONS_PER_MINUTE = 2
LINES_PER_MINUTE = 20  # of code and what it prints

# On a telephone a figure keeps this part of its width: letters of 8 points have 9 pixels then.
READABLE = 0.8
PHONE = 400  # pixels: a figure that is hardly wider than the screen fits into it

# Pages on which the letters i, f, o, g and c stand for the gates and the cell state alone.
COLORED = ("book/01-", "book/02-", "book/03-", "book/04-", "book/05-", "book/10-")


# 1. A small site


def drop_idle_scripts(app, pagename, templatename, context, doctree) -> None:
    """Leave out scripts that a page does not use: each costs its reader a request."""
    idle = IDLE if pagename == "search" else re.compile(f"{IDLE.pattern}|sphinx_highlight")

    def needed(file) -> bool:
        return not idle.search(
            f"{getattr(file, 'filename', file)}{getattr(file, 'attributes', '')}"
        )

    for kind in ("script_files", "css_files"):
        context[kind] = [file for file in context.get(kind, []) if needed(file)]


# 2. Drawings


def draw_inline(app, pagename, templatename, context, doctree) -> None:
    """Put each drawing itself where a page has an ``img`` of it."""

    def drawing(match: re.Match) -> str:
        svg = (Path(app.confdir) / f"book/_static/{match['name']}.svg").read_text(encoding="utf-8")
        svg = re.sub(r"\s*<title>.*?</title>", "", svg)
        # A drawing with links is a group of them; without, a picture.
        role = "group" if "<a " in svg else "img"
        place = "here-" + re.sub(r"\D", "", pagename)[:2]
        return svg.replace(
            "<svg ", f'<svg class="drawing {place}" role="{role}" aria-label="{match["alt"]}" ', 1
        )

    image = rf'<img alt="(?P<alt>[^"]*)" src="[^"]*_images/(?P<name>{"|".join(DRAWINGS)})\.svg" />'
    context["body"] = re.sub(image, drawing, context.get("body", ""))


# 3. Aids for reading


def estimate(app, pagename, templatename, context, doctree) -> None:
    """Say under the title of a chapter how long it is, up to its exercises and behind them."""
    if doctree is None or app.env.doc2path(pagename).endswith(".md"):
        return
    more = sum(minutes(section) for section in after_exercises(doctree))
    equations = len(list(doctree.findall(nodes.math_block)))
    exercises = len(set(re.findall(r"Exercise \d+\.\d+\.", doctree.astext())))
    counts = [
        f"{count} {what}{'s' * (count > 1)}"
        for count, what in ((equations, "equation"), (exercises, "exercise"))
        if count
    ]
    time = f"About {fives(minutes(doctree) - more)} minutes to read"
    if more:
        time += f", {fives(more)} more after the exercises"
    context["body"] = context["body"].replace(
        "</h1>", f'</h1>\n<p class="reading-time">{" · ".join([time, *counts])}</p>', 1
    )


def minutes(part: nodes.Element) -> float:
    """How long a slow reader takes for a part of a page, without the cells that are folded."""
    folded = {id(node) for fold in part.findall(HideCodeCellNode) for node in fold.findall()}

    def shown(kind: type[nodes.Element]) -> list[str]:
        return [node.astext() for node in part.findall(kind) if id(node) not in folded]

    words = sum(len(text.split()) for text in shown(nodes.paragraph))
    lines = sum(len(text.splitlines()) for text in shown(nodes.literal_block))
    return (
        words / WORDS_PER_MINUTE
        + len(shown(nodes.math_block)) / EQUATIONS_PER_MINUTE
        + lines / LINES_PER_MINUTE
    )


def fives(time: float) -> int:
    """Minutes, rounded to a multiple of five."""
    return max(5, 5 * round(time / 5))


def after_exercises(doctree: nodes.document) -> list[nodes.section]:
    """What a chapter has for those who need it, between its exercises and its sources."""
    sections = [s for s in next(doctree.findall(nodes.section)) if isinstance(s, nodes.section)]
    titles = [section.next_node(nodes.title).astext() for section in sections]
    if "Exercises" not in titles:
        return []
    return sections[titles.index("Exercises") + 1 : titles.index("Sources")]


def collect_previews(app: Sphinx, doctree: nodes.document) -> None:
    """Remember the TeX of each equation and the text of each term, by anchor."""
    previews = app.env.__dict__.setdefault("lstm_previews", {})
    for equation in doctree.findall(nodes.math_block):
        if equation.get("label"):
            previews[f"equation-{equation['label']}"] = {
                "tex": equation.astext().strip(),
                "gates": app.env.docname.startswith(COLORED),
            }
    for glossary in doctree.findall(addnodes.glossary):
        for item in glossary.findall(nodes.definition_list_item):
            term = next(item.findall(nodes.term))
            text = next(item.findall(nodes.definition)).astext().replace("\n", " ")
            previews[term["ids"][0]] = {
                "term": term.astext(),
                "text": text,
                "page": app.env.docname,
            }


def write_previews(app: Sphinx, error: Exception | None) -> None:
    """A script, not JSON: pages opened from a file system may not fetch, but may load scripts."""
    if not error and app.builder.format == "html":
        previews = {
            anchor: entry | ({"html": preview(entry["tex"])} if "tex" in entry else {})
            for anchor, entry in app.env.lstm_previews.items()
        }
        text = json.dumps(previews, ensure_ascii=False, sort_keys=True)
        path = Path(app.outdir) / "_static/previews.js"
        path.write_text(f"window.LSTM_PREVIEWS = {text};\n", encoding="utf-8")


def link_terms(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Let the first use of a term in a chapter's prose lead to the glossary."""
    if app.env.doc2path(docname).endswith(".md") or app.builder.format != "html":
        return
    terms = {p["term"]: (anchor, p) for anchor, p in app.env.lstm_previews.items() if "term" in p}
    for term in sorted(terms, key=len, reverse=True):  # "input gate" before "gate"
        anchor, preview = terms[term]
        word = re.compile(rf"\b{re.escape(term)}s?\b", re.IGNORECASE)
        for text in list(doctree.findall(nodes.Text)):
            in_prose = isinstance(text.parent, nodes.paragraph) and isinstance(
                text.parent.parent, nodes.section | nodes.list_item
            )
            if in_prose and not in_margin(text.parent) and (found := word.search(text.astext())):
                uri = f"{app.builder.get_relative_uri(docname, preview['page'])}#{anchor}"
                link = nodes.reference("", found.group(), refuri=uri, internal=True)
                link["classes"].append("term")
                put_links(text, [(*found.span(), link)])
                break


def in_margin(paragraph: nodes.Node) -> bool:
    """Return whether a paragraph is a margin note: one between HTML tags in Markdown."""
    before = paragraph.parent[max(0, paragraph.parent.index(paragraph) - 1)]
    return isinstance(before, nodes.raw) and 'class="margin"' in before.astext()


def link_chapters(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Let the words "chapter 4" lead to chapter 4, and so each number of "chapters 3 and 5"."""
    found = (re.match(r"book/(\d+)-", page) for page in app.env.found_docs)
    pages = {int(match[1]): match.string for match in found if match}
    for text in list(doctree.findall(nodes.Text)):
        if not isinstance(text.parent, nodes.paragraph) or "hapter" not in text:
            continue
        links = []
        for phrase in re.finditer(r"\b[Cc]hapters? \d+(?:(?:, | and | to | or )\d+)*", text):
            for match in re.finditer(r"[Cc]hapter \d+|\d+", phrase.group()):
                page = pages.get(int(match.group().split()[-1]))
                if page in (None, docname):
                    continue
                uri = app.builder.get_relative_uri(docname, page)
                name = match.group().replace(" ", "\N{NO-BREAK SPACE}")
                link = nodes.reference("", name, refuri=uri, internal=True)
                start, end = (phrase.start() + place for place in match.span())
                links.append((start, end, link))
        put_links(text, links)


def put_links(text: nodes.Text, links: list[tuple[int, int, nodes.reference]]) -> None:
    """Put links in the places, from start to end, of the words of a text that they show."""
    parts, done = [], 0
    for start, end, link in links:
        parts += [nodes.Text(text[done:start]), link]
        done = end
    parts.append(nodes.Text(text[done:]))
    text.parent.replace(text, [part for part in parts if part.astext()])


def add_scripts(app, pagename, templatename, context, doctree) -> None:
    """Load the scripts of a live figure on the page that has it, and say what is lost without."""
    body = context.get("body", "")
    here = (js for mark, js in LIVE.items() if re.search(rf'(id|class)="{mark}"', body))
    scripts = dict.fromkeys(" ".join(here).split())
    for script in ["lstm.js", "live.js", *scripts] if scripts else []:
        app.add_js_file(script, loading_method="defer")
    if scripts:
        context["body"] = body = body.replace("</h1>", f"</h1>\n{STILL}", 1)
    if pagename.startswith(COLORED):
        context["body"] = f'<div class="gates">\n{body}\n</div>'


def name_folds(app, pagename, templatename, context, doctree) -> None:
    """Say what is folded: code that makes what one sees, a check, or numbers behind a figure."""
    for theirs, ours in (("source", "code"), ("content", "check"), ("outputs", "numbers")):
        for verb in ("Show", "Hide"):
            old, new = (f'title">{verb} the {what}</p>' for what in (theirs, ours))
            context["body"] = context.get("body", "").replace(old, new)


def enlarge_figures(app, pagename, templatename, context, doctree) -> None:
    """Let a figure lead to its file, and letters have one size in all figures.

    On a telephone a figure that would be too small to read slides under the finger. On a dark page
    figures turn; the panels of a map, which keep their colours, are then laid over it once more.
    """
    files = {name: Path(app.srcdir, path) for path, (_, name) in app.env.images.items()}

    def full(match: re.Match) -> str:
        with Image.open(files[Path(match["file"]).name]) as image:
            width, height = (round(SCALE * side) for side in image.size)
            kept = panels(image) if ' class="map"' in match[0] else []
        size = f'width="{width}" height="{height}" />'
        layer = ""
        if kept:
            shape = ", ".join(f"{x:.2f}% {y:.2f}%" for x, y in outline(kept))
            layer = (
                f'<img class="panels" alt="" aria-hidden="true" src="{match["file"]}" '
                f'style="clip-path: polygon(evenodd, {shape})" {size}'
            )
        least = READABLE * width  # pixels in which its letters can be read
        kind = f'"full wide" style="--least: {least:.0f}px"' if least > PHONE else '"full"'
        return f'<a class={kind} href="{match["file"]}">{match[0][:-2]}{size}{layer}</a>'

    picture = r'<img (?:[^>]* )?src="(?P<file>[^"]*_images/[^"]*\.png)"[^>]*/>'
    context["body"] = re.sub(picture, full, context.get("body", ""))


def panels(image: Image.Image) -> list[tuple[float, float, float, float]]:
    """Left, top, right and bottom of the coloured panels of a figure, in hundredths of its size."""
    pixels = np.asarray(image.convert("RGB")).astype(int)
    solid = ndimage.binary_opening(pixels.min(axis=-1) < 250, np.ones((7, 7)))  # no letter, no line
    coloured = np.ptp(pixels, axis=-1) > 24
    places = ndimage.find_objects(ndimage.label(solid)[0])
    edges = 100 / np.array([image.width, image.height, image.width, image.height])
    return [
        tuple(np.array([columns.start, rows.start, columns.stop, rows.stop]) * edges)
        for rows, columns in places
        if coloured[rows, columns].mean() > 0.1
    ]


def outline(boxes: list[tuple[float, float, float, float]]) -> list[tuple[float, float]]:
    """One line around all boxes, which comes back to a corner of the picture between two."""
    line = [(0.0, 0.0)]
    for left, top, right, bottom in boxes:
        corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
        line += [*corners, (0.0, 0.0)]
    return line


def pair_notes(app, pagename, templatename, context, doctree) -> None:
    """Keep a margin note together with the paragraph beside it."""
    note = re.compile(r'<div class="margin">\n.*?</div>\n<p>.*?</p>', re.DOTALL)
    context["body"] = note.sub(r'<div class="noted">\g<0></div>', context.get("body", ""))


def mend(app, pagename, templatename, context, doctree) -> None:
    """Put right what Docutils and Sphinx get wrong in the body of a page."""
    body = context.get("body", "")
    # The widths of a table depend on all of its rows: book.css hides it until this mark is loaded.
    body = body.replace("</table>\n</div>", "</table>\n<i hidden></i></div>")
    # A role that no longer exists: it means an item of the list of references.
    body = body.replace('role="doc-biblioentry"', 'role="listitem"')
    # The empty corner of a table heads nothing.
    body = re.sub(r'<th class="head[^"]*"><p></p></th>', "<td></td>", body)
    # No line begins with the comma after mathematics, or ends with the bracket before it.
    inline = r'<span class="math notranslate nohighlight">[^<]*</span>'
    body = re.sub(rf"[(“]*{inline}[,.;:?!)”’]*", r'<span class="nobr">\g<0></span>', body)
    # A shape in a table stays on one line: the table slides, if need be.
    body = re.sub(r"<p>(?=\((?:\d+, )+\d+\)</p>)", '<p class="nobr">', body)
    # An entry, in the list of modules, for a module without a page.
    body = body.replace('<li><a href="builtins.html">builtins</a></li>\n', "")
    context["body"] = body


def deal_cards(app, pagename, templatename, context, doctree) -> None:
    """Lay out a table that is too wide for a telephone as cards there, one for each row.

    Each cell gets the head of its column, which book.css shows on telephones alone.
    """

    def deal(match: re.Match) -> str:
        head, *rows = (CELL.findall(row) for row in match[0].split("<tr")[1:])
        if "<thead>" not in match[0] or {len(row) for row in rows} != {len(head)}:
            return match[0]
        columns = [[unbroken(*cell) for cell in column] for column in zip(head, *rows, strict=True)]
        if sum(map(max, columns)) + GAP * len(columns) <= LETTERS_ON_A_PHONE:
            return match[0]
        names = itertools.cycle(f'<span class="head">{inner(cell)}</span>' for *_, cell in head)
        top, body = match[0].replace('class="', 'class="cards ', 1).split("<tbody>")
        return f"{top}<tbody>{re.sub('<td[^>]*>', lambda cell: cell[0] + next(names), body)}"

    context["body"] = re.sub(r"<table .*?</table>", deal, context.get("body", ""), flags=re.DOTALL)


def inner(cell: str) -> str:
    """What is in a cell, without its paragraph."""
    return re.sub("</?p[^>]*>", "", cell)


def unbroken(tag: str, attributes: str, cell: str) -> int:
    """How many letters of a cell have to stand on one line: a number, code, a formula or a word."""
    whole = re.compile(r"<code.*?</code>|\\\(.*?\\\)", re.DOTALL)
    cell = whole.sub(lambda part: part[0].replace(" ", "_"), cell)
    text = html.unescape(re.sub(r"<[^>]*>|\\[()]|[{}^]|\\(?=[a-z])", "", cell))
    number = tag == "td" and "text-right" in attributes
    return max(map(len, [text.strip()] if number else text.split()), default=0)


def place_card(app, pagename, templatename, context, doctree) -> None:
    """Make the preview picture reachable from every page, even if the host is not known."""
    picture = app.config.ogp_image
    if not app.config.html_baseurl:
        here = context["pathto"](picture, resource=True)
        tags = context.get("metatags", "").replace(f'content="{picture}"', f'content="{here}"')
        context["metatags"] = tags


def ask_for_letters(app, pagename, templatename, context, doctree) -> None:
    """Let a page ask for its typeface at once: not when the style sheets have come.

    By a script, because a page opened from a file may not ask for fonts in this way.
    """
    names = ("400-normal", "600-normal", "400-italic")
    paths = [f"_static/fonts/source-serif-4-latin-{name}.woff2" for name in names]
    urls = json.dumps([context["pathto"](path, resource=True) for path in paths])
    ask = '{rel: "preload", as: "font", type: "font/woff2", crossOrigin: "", href}'
    context["metatags"] = (
        f'<script>if (location.protocol !== "file:") for (const href of {urls}) '
        f'document.head.append(Object.assign(document.createElement("link"), {ask}));</script>\n'
        + context.get("metatags", "")
    )


def make_cover(app, pagename, templatename, context, doctree) -> None:
    """Give the first page the full width, without a table of its contents."""
    if pagename == app.config.root_doc:
        context["theme_secondary_sidebar_items"] = []


def not_found(app: Sphinx):
    """Make the page that a server shows for a wrong address at any depth."""
    chapters = "".join(
        f'<li><a href="{html.escape(app.builder.get_target_uri(page))}">'
        f"{html.escape(app.env.titles[page].astext())}</a></li>\n"
        for page in app.env.toctree_includes[app.config.root_doc]
    )
    body = f"""<h1>No such page</h1>
<p>There is nothing at this address. Perhaps a chapter was renamed; its equations keep their
names, so a search for one, such as “eq-dc”, finds its new place.</p>
<form class="not-found" action="search.html" role="search">
<label>Search the book <input type="search" name="q"></label> <button>Search</button></form>
<ul>\n{chapters}</ul>"""
    yield "404", {"title": "No such page", "body": body}, "page.html"


def anchor_not_found(app, pagename, templatename, context, doctree) -> None:
    """On a server, make the links of the page for wrong addresses relative to the site's root."""
    if pagename == "404" and app.config.html_baseurl:
        path = "/" + app.config.html_baseurl.split("/", 3)[3]
        context["metatags"] = f'<base href="{path}404.html">\n{context.get("metatags", "")}'


# 4. Published from a repository, or not


def publish(app: Sphinx, config: Config) -> None:
    """Set what leads to the repository, and that arrow keys do not turn pages."""
    options = config.html_theme_options
    options["navigation_with_keys"] = False  # they belong to sliders, and to what scrolls
    options["pygments_dark_style"] = "github-dark"
    config.html_context["default_mode"] = "auto"  # without it the theme complains at first sight
    repository = os.environ.get("GITHUB_REPOSITORY")
    if not repository:
        return
    owner, name = repository.split("/")
    config.html_baseurl = f"https://{owner}.github.io/{name}/"
    config.ogp_site_url = config.html_baseurl
    config.sitemap_url_scheme = "{link}"  # the book has one language and one version
    options |= {
        "repository_url": f"https://github.com/{repository}",
        "repository_branch": os.environ.get("GITHUB_REF_NAME", "main"),
        "use_repository_button": True,
        "use_edit_page_button": True,
        "use_issues_button": True,
        "launch_buttons": {
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
            "notebook_interface": "jupyterlab",
        },
    }


def launch_from_colab_branch(app, pagename, templatename, context, doctree) -> None:
    """Send Colab the notebooks of ``tools/colab.py``, whose first cell installs the package."""
    for group in context.get("header_buttons", []):
        for button in group.get("buttons", []):
            if button.get("text") == "Colab":
                button["url"] = re.sub(r"/blob/[^/]+/", "/blob/colab/", button["url"])


def setup(app: Sphinx) -> dict:
    """Connect the above."""
    if os.environ.get("GITHUB_REPOSITORY"):
        app.setup_extension("sphinx_sitemap")
    app.setup_extension("lstm_math")
    app.add_css_file("book.css")
    app.add_js_file("reading.js", loading_method="defer")
    app.connect("config-inited", publish, priority=100)
    app.connect("doctree-read", collect_previews, priority=950)
    app.connect("doctree-resolved", link_terms)
    app.connect("doctree-resolved", link_chapters)
    app.connect("html-collect-pages", not_found)
    for handler in (
        draw_inline, estimate, name_folds, enlarge_figures, pair_notes, mend, deal_cards,
        add_scripts, make_cover, ask_for_letters, place_card, anchor_not_found,
    ):  # fmt: skip
        app.connect("html-page-context", handler)
    app.connect("html-page-context", launch_from_colab_branch, priority=950)
    app.connect("html-page-context", drop_idle_scripts, priority=960)  # after those who add them
    app.connect("build-finished", write_previews)  # before lstm_math ends its Node
    app.connect("build-finished", make_small, priority=900)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": False}
