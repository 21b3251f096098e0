"""What is published: the extras suffice, the versions agree, the archive is whole."""

import ast
import json
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import lstm

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
FOLDERS = ("tests", "distributed", "benchmarks", "tools", "experiments", "book/_ext", ".")
OURS = {path.stem for folder in FOLDERS for path in ROOT.glob(f"{folder}/*.py")}
OURS |= {"tests", "tools", "experiments"}


def normal(name):
    """A distribution's name as the registry compares it."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", name)[0]).lower()


def closure(names):
    """The distributions that are installed with these, through everything they need."""
    found, open_ = set(), [normal(name) for name in names]
    while open_:
        name = open_.pop()
        if name in found:
            continue
        found.add(name)
        try:
            needs = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        open_ += [normal(need) for need in needs if "extra ==" not in need]
    return found


def needs(extra):
    """What an extra installs, the package's own extras resolved."""
    names = list(PROJECT["dependencies"])
    for need in EXTRAS[extra]:
        own = re.fullmatch(r"lstm-book\[(.*)\]", need)
        names += [n for one in own[1].split(",") for n in needs(one)] if own else [need]
    return names


def imported(source):
    """The top-level modules that Python code imports from outside the standard library."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - OURS - {"lstm"}


def sources(pattern):
    """Python code by file; of a notebook, that of its cells."""
    for path in sorted(ROOT.glob(pattern)):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            code = [c for c in json.loads(text)["cells"] if c["cell_type"] == "code"]
            text = "\n".join("".join(c["source"]) for c in code)
        yield text


@pytest.mark.parametrize(
    ("extra", "pattern"),
    [
        ("chapters", "book/*.ipynb"),
        ("distributed", "distributed/*.py"),
        ("chapters", "experiments/*.py"),
        ("book", "book/_ext/*.py"),
        ("test", "tests/*.py"),
        ("test", "distributed/*.py"),
        ("test", "golden/*.py"),
    ],
)
def test_an_extra_brings_all_that_is_imported(extra, pattern):
    installed = closure(needs(extra))
    of = metadata.packages_distributions()
    modules = set().union(*map(imported, sources(pattern)))
    assert modules
    for module in modules:
        assert {normal(name) for name in of[module]} & installed, (module, extra)


def tried():
    """What noxfile.py imports where an extra is installed, by extra."""
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    (table,) = [node.value for node in tree.body if isinstance(node, ast.Assign)
                and getattr(node.targets[0], "id", "") == "EXTRAS"]  # fmt: skip
    return {extra: names.split() for extra, names in ast.literal_eval(table).items()}


def test_each_extra_is_tried_with_each_package_that_it_brings():
    assert set(tried()) == {"", *EXTRAS}
    of = metadata.packages_distributions()
    for extra, needs in EXTRAS.items():
        modules = {name.partition(".")[0] for name in tried()[extra]}
        brought = {normal(name) for module in modules for name in of[module]}
        assert {normal(need) for need in needs if not need.startswith("lstm-book")} <= brought


def test_each_module_is_promised_by_one_extra():
    """Or by none, as what needs NumPy alone; and those that need more at once are not forgotten."""
    named = [name for names in tried().values() for name in names if name.startswith("lstm.")]
    files = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
             for path in ROOT.glob("lstm/**/*.py")}  # fmt: skip
    assert len(set(named)) == len(named)
    assert set(named) <= files
    for name in files:
        path = ROOT.joinpath(*name.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        top = ast.Module(ast.parse(path.read_text(encoding="utf-8")).body, [])
        top.body = [node for node in top.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        assert name in named or imported(ast.unparse(top)) <= {"numpy"}, name


@pytest.mark.parametrize("path", sorted(ROOT.glob("book/*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_that_needs_the_repository_says_so_first(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = "".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    reads = re.search(r"[\"'](data|\.\.)[/\"']", code)
    texts = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
    # in the first text, or in the next, if a figure comes between them
    assert not reads or any("needs the repository around it" in text for text in texts[:2])


def test_versions_agree():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^version: (.*)$", citation, re.MULTILINE)[1] == lstm.__version__
    assert re.search(r"^## ([\d.]+)", changes, re.MULTILINE)[1] == lstm.__version__
    assert "version" in PROJECT["dynamic"]


def test_the_wheel_has_every_package_and_says_mit():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = {".".join(path.parent.relative_to(ROOT).parts)
                for path in ROOT.glob("lstm/**/__init__.py")}  # fmt: skip
    assert set(settings["tool"]["setuptools"]["packages"]) == packages
    assert PROJECT["license"] == "MIT"


def test_the_archive_names_nothing_that_is_not_there():
    for line in (ROOT / "MANIFEST.in").read_text(encoding="utf-8").splitlines():
        verb, *names = line.split()
        if verb in ("include", "graft"):
            for name in names:
                assert (ROOT / name).exists(), name


def test_workflows_may_do_no_more_than_they_must():
    for path in (ROOT / ".github/workflows").glob("*.yml"):
        text = path.read_text(encoding="utf-8")
        assert re.search(r"^permissions:\n  contents: read$", text, re.MULTILINE), path.name
        assert text.count("actions/checkout@") == text.count("persist-credentials: false")
        assert "x-access-token:${{" not in text
        used = re.findall(r"uses: (.*)", text)
        assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}  # v\d+", action) for action in used), used


def test_the_audit_fails_if_it_could_not_ask_and_shows_first_that_it_finds_something():
    """Without ``--strict`` a pin that the database does not answer for is passed over, exit 0."""
    weekly = (ROOT / ".github/workflows/weekly.yml").read_text(encoding="utf-8")
    audits = re.findall(r"pip_audit (.*)", weekly)
    assert len(audits) == 2
    assert audits[0].startswith("--requirement weak.txt ")
    assert re.search(r"grep .*CVE-\d+-\d+.* found\.txt", weekly)
    assert audits[1] == "--requirement requirements.txt --require-hashes --disable-pip --strict"
    assert "continue-on-error" not in weekly


def test_every_pin_has_the_hashes_of_its_files():
    """So that an archive that was exchanged is not installed; a file of ours has several."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    pins = re.split(r"\n(?=\S)", text.strip())
    assert len(pins) > 200
    for pin in pins:
        name, *hashes = re.split(r" \\\n +", pin)
        assert re.fullmatch(r"[\w.-]+(\[.*\])?==\S+( ; .*)?", name), name
        assert hashes, name
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", each) for each in hashes), name
    wanted = (ROOT / "requirements.in").read_text(encoding="utf-8").splitlines()
    named = {normal(line) for line in wanted if line and not line.startswith("#")}
    assert named <= {normal(pin) for pin in pins}
    make = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "--require-hashes --no-deps -r requirements.txt" in make
