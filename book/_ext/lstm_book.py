"""What this book needs of Sphinx beyond its extensions.

1. Equations are numbered by their labels. ``eq-dc`` is printed beside the equation,
   in the prose and in the code, and does not change when an equation is added.
   The search finds it by that name.
2. A label in code, ``# (eq-dc)``, and in a docstring, ``(eq-dc)``, is a link to
   the equation.
3. A name in a docstring links to the object that it means, whichever module's name the pages
   describe it under.
4. The concordance is printed from the table from which `lstm.exchange` converts.
5. Examples of functions are folded, and an address of an older API page leads to the new one.
6. No page asks another host for anything: scripts from elsewhere are taken out, with those
   that would call them (Thebe). `lstm_math` sets the mathematics.
"""

import inspect
import json
import pydoc
import re
from functools import cache

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.domains import ObjType
from sphinx.domains.math import MathDomain
from sphinx.domains.python import PyObject
from sphinx.util.nodes import make_refnode

from lstm.book import labels, rosetta

LABEL = labels.LABEL.pattern

# Pages that once had more entries, and a script that leads to those: an entry of a function is
# where its module is.
SPLIT = ("book/api", "book/api-internals", "book/api-variants")
LEAD_ON = """<script>{
const places = PLACES, here = location.hash.slice(1);
let name = here.replace(/^module-/, "");
while (name && !(name in places)) name = name.slice(0, Math.max(0, name.lastIndexOf(".")));
if (name && !document.getElementById(here)) location.replace(`${places[name]}#${here}`);
}</script>"""


def number_by_label(app: Sphinx, doctree: nodes.document) -> None:
    """Let the label of an equation be its number."""
    equations = app.env.get_domain("math").equations
    for equation in doctree.findall(nodes.math_block):
        label = equation.get("label")
        if label:
            equation["number"] = label
            equations[label] = (equations[label][0], label)


class Equations(MathDomain):
    """Equations by their labels, for the search, too."""

    object_types = {"equation": ObjType("equation", "eq")}  # noqa: RUF012

    def get_objects(self):
        for label, (page, _) in self.equations.items():
            yield label, label, "equation", page, f"equation-{label}", 1


def print_table(app: Sphinx, page: str, source: list[str]) -> None:
    """Print the Rosetta table where a page has its mark."""
    if rosetta.MARK in source[0]:
        source[0] = source[0].replace(rosetta.MARK, rosetta.table())


def skip_fields(app, what, name, obj, skip, options) -> bool | None:
    """Leave out the fields of named tuples: the class's docstring explains them."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def drop_long_values(app: Sphinx, doctree: nodes.document) -> None:
    """Show the value of a constant unless it is a page of text, such as that of a table."""
    for value in list(doctree.findall(addnodes.desc_annotation)):
        if len(value.astext()) > 400:
            value.parent.remove(value)


def link_labels_in_docstrings(app, what, name, obj, options, lines) -> None:
    """Make ``(eq-dc)`` in a docstring a reference to the equation.

    And let a function's entry name the equations that its lines implement.
    """
    # Not in examples, nor in what they print, nor in literals.
    lines[:] = [
        re.sub(rf"(?<!# )(?<!`)\(({LABEL})\)", r":eq:`\1`", line) if "``" not in line else line
        for line in lines
    ]
    if inspect.isfunction(obj):
        source, start = inspect.getsourcelines(inspect.unwrap(obj))
        found = labels.labelled_lines(inspect.getmodule(inspect.unwrap(obj)))
        here = [
            label
            for label, numbers in found.items()
            if any(start <= number < start + len(source) for number in numbers)
        ]
        if here:
            lines += ["", "Equations: " + ", ".join(f":eq:`{label}`" for label in here), ""]


locate = cache(pydoc.locate)


def described(env, name: str):
    """Find where an object is described, if need be under the name of another module that offers
    it."""
    objects = env.get_domain("py").objects
    if name in objects:
        return objects[name]
    meant, end = locate(name), "." + name.rpartition(".")[2]
    for other in [] if meant is None else objects:
        if other.endswith(end) and locate(other) is meant:
            return objects[other]
    return None


def fold_examples(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Fold the example of a function, so that a page of the API shows many functions at once."""
    if app.builder.format != "html":
        return
    for title in list(doctree.findall(nodes.rubric)):
        if title.astext() != "Example":
            continue
        entry = title.parent
        start = end = entry.index(title)
        for place, node in enumerate(entry[start + 1 :], start + 1):
            if isinstance(node, nodes.doctest_block):
                end = place  # the last lines of code; a paragraph after them is not the example's
            elif not isinstance(node, nodes.paragraph):
                break
        opening = "<details class='example'><summary>Example</summary>"
        entry[start : end + 1] = [
            nodes.raw("", opening, format="html"),
            *entry[start + 1 : end + 1],
            nodes.raw("", "</details>", format="html"),
        ]


def lead_on(app, pagename, templatename, context, doctree) -> None:
    """Redirect from an older page of the API, which had more entries, to the new place of an
    entry."""
    if pagename not in SPLIT:
        return
    modules = app.env.get_domain("py").modules
    pages = {name: entry.docname for name, entry in modules.items()}
    for page, contents in app.env.tocs.items():
        if page.startswith("book/api-"):
            anchors = (entry["anchorname"][1:] for entry in contents.findall(nodes.reference))
            pages |= {anchor: page for anchor in anchors if anchor and "." not in anchor}
    for page, anchor, *_ in app.env.get_domain("std").anonlabels.values():
        if page.startswith("book/api-") and anchor:
            pages[anchor] = page
    places = {name: app.builder.get_relative_uri(pagename, page) for name, page in pages.items()}
    context["body"] += LEAD_ON.replace("PLACES", json.dumps(places, separators=(",", ":")))


def find_by_object(app, env, node, contnode):
    """Link a reference to where its object is described: `lstm.forward` is that of `lstm.fused`."""
    if node.get("refdomain") != "py":
        return None
    for name in (node["reftarget"], f"{node.get('py:module')}.{node['reftarget']}"):
        if found := described(env, name):
            return make_refnode(app.builder, node["refdoc"], found[0], found[1], contnode)
    return None


def lead_back(app, pagename, templatename, context, doctree) -> None:
    """On a page of source, link each object back to its description, if there is one."""
    if not pagename.startswith("_modules/lstm"):
        return
    module = pagename.removeprefix("_modules/").replace("/", ".")

    def back(match: re.Match) -> str:
        parts = match["name"].split(".")
        names = (f"{module}.{'.'.join(parts[k:])}" for k in range(1, len(parts)))
        found = next(filter(None, (described(app.env, name) for name in names)), None)
        if not found:
            return ""
        uri = app.builder.get_relative_uri(pagename, found[0])
        return f'<a class="viewcode-back" href="{uri}#{found[1]}">{match["words"]}</a>'

    link = r'<a class="viewcode-back" href="[^"#]*#(?P<name>[^"]*)">(?P<words>[^<]*)</a>'
    context["body"] = re.sub(link, back, context.get("body", ""))


def link_labels_in_code(app, pagename, templatename, context, doctree) -> None:
    """Make labels in highlighted comments and strings links to their equations."""
    equations = app.env.get_domain("math").equations

    def link(match: re.Match) -> str:
        label = match.group("label")
        if label not in equations:
            return match.group()
        target = app.builder.get_relative_uri(pagename, equations[label][0])
        anchor = f'<a class="eq" href="{target}#equation-{label}">{label}</a>'
        return match.group().replace(label, anchor)

    spans = re.findall(r'<span class="(?:c1|s2)">[^<]*eq-[^<]*</span>', context.get("body", ""))
    for part in set(spans):
        linked = re.sub(rf"(?<=[(;\"])(?P<label>{LABEL})(?=[)&\"])", link, part)
        context["body"] = context["body"].replace(part, linked)


def drop_foreign_scripts(app, pagename, templatename, context, doctree) -> None:
    """Take out scripts and styles that come from another host, or that are only there for such
    scripts."""

    def foreign(file) -> bool:
        text = str(getattr(file, "filename", file)) + str(getattr(file, "attributes", ""))
        return "://" in text or "thebe" in text.lower()

    for kind in ("script_files", "css_files"):
        context[kind] = [file for file in context.get(kind, []) if not foreign(file)]


def name_the_alphabet(app, what, name, obj, options, signature, returns):
    """Show the name of the alphabet as a default value, not all of its letters."""
    from lstm.text import ALPHABET

    return (signature or "").replace(repr(ALPHABET), "ALPHABET") or signature, returns


def setup(app: Sphinx) -> dict:
    """Connect the above."""
    app.add_domain(Equations, override=True)
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    app.connect("source-read", print_table)
    app.connect("doctree-read", number_by_label, priority=900)
    app.connect("doctree-read", drop_long_values)
    app.connect("autodoc-skip-member", skip_fields)
    app.connect("autodoc-process-signature", name_the_alphabet)
    app.connect("autodoc-process-docstring", link_labels_in_docstrings)
    app.connect("doctree-resolved", fold_examples)
    app.connect("missing-reference", find_by_object)
    app.connect("html-page-context", lead_on)
    app.connect("html-page-context", link_labels_in_code)
    app.connect("html-page-context", lead_back)
    app.connect("html-page-context", drop_foreign_scripts, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
