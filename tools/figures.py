"""The figures of the book as SVG and PDF, in one zip: ``make figures``, after the site was built.

The stored notebooks hold PNG. Here each chapter runs again, in a process of its own, with the two
other formats switched on. A figure has the name that its cell has in the book, behind the number
of its chapter: ``03-forget-bias.svg``.

The pages of the site then show the SVG, which is sharp at every size, wherever it is not heavier
than the PNG on the way to a reader, and not more than twice as large on the disk.
"""

import base64
import csv
import gzip
import io
import re
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import nbformat
from nbclient import NotebookClient

from tools.browser import ROOT, SITE
from tools.offer import offer

ZIP = SITE / "downloads/lstm-book-figures.zip"
SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
ElementTree.register_namespace("", SVG)
FORMATS = {"image/svg+xml": "svg", "application/pdf": "pdf"}
SETUP = """
%config InlineBackend.figure_formats = {"svg", "pdf"}
%config InlineBackend.print_figure_kwargs = {"bbox_inches": "tight", "metadata": {"Date": None}}
"""
READ_ME = """Figures of The LSTM book, by the LSTM book contributors, under CC BY 4.0.
captions.csv has the caption of each, and a description for readers who cannot see it.
"""


def figures(path: Path) -> dict[str, dict]:
    """Return the figures of a chapter by name: files by ending, caption and description."""
    notebook = nbformat.read(path, as_version=4)
    first = next(k for k, cell in enumerate(notebook.cells) if cell.cell_type == "code")
    # The chapters set the style by themselves; the formats are set for the whole kernel.
    notebook.cells.insert(first, nbformat.v4.new_code_cell(SETUP))
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": path.parent}}).execute()
    found = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            files = {
                ending: output.data[kind]
                for kind, ending in FORMATS.items()
                if kind in output.get("data", {})
            }
            if files:
                shown = cell.metadata.mystnb
                name = f"{path.name[:2]}-{shown.figure.name.removeprefix('fig-')}"
                found[name] = {
                    "files": files,
                    "caption": " ".join(shown.figure.caption.split()),
                    "description": shown.image.alt,
                }
    return found


def pack(found: dict[str, dict], path: Path) -> None:
    """Write the zip: the same bytes for the same figures."""
    path.parent.mkdir(exist_ok=True)
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["figure", "caption", "description"])
    writer.writerows([name, each["caption"], each["description"]] for name, each in found.items())
    files = {"README.txt": READ_ME, "captions.csv": table.getvalue()}
    for name, each in found.items():
        for ending, content in each["files"].items():
            files[f"{name}.{ending}"] = base64.b64decode(content) if ending == "pdf" else content
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)  # of 1980, whenever it is made
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)


def lean(svg: str) -> str:
    """The same drawing in half the letters: coordinates to a hundredth of a point, names of one or
    two letters, and nothing that none reads.
    """
    root = ElementTree.fromstring(svg)
    for parent in list(root.iter()):
        for child in parent.findall(f"{{{SVG}}}metadata"):
            parent.remove(child)
    asked = re.findall(r'(?:href="|url\()#([^")]+)', svg)
    names = {name: f"a{number}" for number, name in enumerate(dict.fromkeys(asked))}
    styles = {element.get("id"): element.get("style") for element in root.iter()}
    for element in root.iter():
        name = element.attrib.pop("id", None)
        if name in names:
            element.set("id", names[name])
        target = element.attrib.pop(f"{{{XLINK}}}href", None)
        if target:
            element.set("href", f"#{names[target[1:]]}" if target[0] == "#" else target)
        if target and element.get("style") and element.get("style") == styles.get(target[1:]):
            del element.attrib["style"]  # what is placed has it
        for key in {"clip-path", "style"} & element.attrib.keys():
            place = re.sub(r"(?<=url\(#)[^)]+", lambda name: names[name[0]], element.get(key))
            element.set(key, place)
        for key in {"d", "transform", "style", "x", "y", "width", "height"} & element.attrib.keys():
            element.set(key, brief(element.get(key), key))
        moved = re.fullmatch(r"translate\(([-.\d]+) ([-.\d]+)\)", element.get("transform", ""))
        if moved and element.tag == f"{{{SVG}}}use" and not {"x", "y"} & element.attrib.keys():
            del element.attrib["transform"]
            element.attrib |= {key: at for key, at in zip("xy", moved.groups(), strict=True)
                               if at != "0"}  # fmt: skip
        if element.tag != f"{{{SVG}}}style":
            element.text = (element.text or "").strip()
        element.tail = ""
    while unwrap(root):
        pass
    return ElementTree.tostring(root, encoding="unicode")


def brief(value: str, key: str) -> str:
    """An attribute with fewer letters. Factors, as of `scale(0.015625)`, stay what they are."""
    if key == "style":
        value = re.sub(r"\s*([:;])\s*", r"\1", value)
        return re.sub(r"#(.)\1(.)\2(.)\3\b", r"#\1\2\3", value)
    parts = (
        re.split(r"((?:scale|matrix|rotate)\([^)]*\))", value) if key == "transform" else [value]
    )
    parts[::2] = [re.sub(r"-?\d+\.\d+", hundredths, part) for part in parts[::2]]
    value = " ".join("".join(parts).split())
    if key == "d":
        value = re.sub(r" ?([A-Za-z]) ?", r"\1", value)
    return value


def hundredths(number: re.Match) -> str:
    """A number to two places, without zeros that say nothing."""
    rounded = f"{float(number[0]):.2f}".rstrip("0").rstrip(".")
    return "0" if rounded == "-0" else rounded


def unwrap(root: ElementTree.Element) -> int:
    """Replace groups that say nothing by what is in them; how many there were."""
    count = 0
    for parent in list(root.iter()):
        children = []
        for child in parent:
            bare = child.tag == f"{{{SVG}}}g" and not child.attrib
            children += list(child) if bare else [child]
            count += bare
        parent[:] = children
    return count


def sharpen(found: dict[str, dict]) -> int:
    """Let the pages show the SVG of a figure where it is not larger; returns how many are shown."""
    pages = {path: path.read_text(encoding="utf-8") for path in SITE.glob("*/*.html")}
    changed = 0
    for name, each in found.items():
        number, short = name.split("-", 1)
        (chapter,) = (text for path, text in pages.items()
                      if path.parent.name == "book" and path.name.startswith(number))  # fmt: skip
        shown = re.search(rf'id="fig-{short}".*?_images/([0-9a-f]+\.png)', chapter, re.DOTALL)
        if not shown:
            raise ValueError(f"{name}: expected its picture in the chapter, found none")
        picture, svg = SITE / "_images" / shown[1], lean(each["files"]["svg"])
        size = picture.stat().st_size
        if len(gzip.compress(svg.encode())) > size or len(svg) > 2 * size:
            continue
        (SITE / f"_images/{name}.svg").write_text(svg, encoding="utf-8")
        pages = {
            path: text.replace(f"_images/{shown[1]}", f"_images/{name}.svg")
            for path, text in pages.items()
        }
        picture.unlink()
        changed += 1
    for path, text in pages.items():
        path.write_text(text, encoding="utf-8")
    return changed


def main() -> None:
    if not SITE.is_dir():
        sys.exit(f"figures: no site at {SITE}: run make book first")
    found = {}
    for path in sorted((ROOT / "book").glob("[0-9]*.ipynb")):
        found |= figures(path)
    changed = sharpen(found)
    for path in sorted((ROOT / "book/_static").glob("*.svg")):  # the drawings
        if path.stem != "logo":
            text = path.read_text(encoding="utf-8")
            found[path.stem] = {"files": {"svg": text}, "caption": "", "description": ""}
    pack(found, ZIP)
    offer()
    print(f"{len(found)} figures are in {ZIP}, {ZIP.stat().st_size / 1e6:.1f} MB")
    print(f"The pages show {changed} of them as SVG")


if __name__ == "__main__":
    main()
