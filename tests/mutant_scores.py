"""What `tests/mutants.py` has found, in `book/data/mutants.json`, and what the book says of it."""

import ast
import hashlib
import json
import os
from pathlib import Path
from typing import NamedTuple

BOOK = Path(__file__).resolve().parent.parent / "book"
DATA = BOOK / "data" / "mutants.json"
PAGE = BOOK / "tested.md"
DOCUMENTED = ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef
MARKS = "<!-- the score of the mutants: make mutants -->\n", "<!-- end of the score -->\n"


class Score(NamedTuple):
    """What became of the mutants of a file.

    Attributes:
        date: When they ran.
        code: A digest of the code that they were made of.
        of: How many mutants it has; the rest was not drawn.
        killed: How many some test failed on.
        equivalent: How many are listed in `tests/mutants.md`.
        survived: The others: the line before and after.
    """

    date: str
    code: str
    of: int
    killed: int
    equivalent: int
    survived: list

    def tried(self):
        """How many were drawn."""
        return self.killed + self.equivalent + len(self.survived)

    def percent(self):
        """How many of those that a test could kill were killed."""
        return 100 * self.killed / max(1, self.killed + len(self.survived))

    def is_of(self, text):
        """Whether the code of the file is still what it was."""
        return self.code == digest(text)

    def after(self, again):
        """The score after the survivors ran again."""
        equivalent = self.equivalent + again.equivalent
        killed = self.tried() - equivalent - len(again.survived)
        return again._replace(of=self.of, killed=killed, equivalent=equivalent)


def digest(text):
    """A digest of code: for Python without comments and docstrings, which have no mutants."""
    try:
        tree = ast.parse(text)
    except SyntaxError:  # JavaScript
        code = text
    else:
        for node in ast.walk(tree):
            if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
                node.body[:1] = [] if node.body[1:] else [ast.Pass()]
        code = ast.unparse(tree)
    return hashlib.sha256(code.encode()).hexdigest()[:12]


def stored():
    """The scores by file."""
    found = json.loads(DATA.read_text(encoding="utf-8")) if DATA.exists() else {}
    return {name: Score(**score) for name, score in found.items()}


def store(name, score, names):
    """Keep the score of one of the files, beside what another run keeps, and write the page."""
    import fcntl  # which Windows has not

    lock = os.open(DATA.parent, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    scores = {n: s for n, s in sorted((stored() | {name: score}).items()) if n in names}
    rows = (
        f"{json.dumps(n)}: {json.dumps(s._asdict(), ensure_ascii=False)}" for n, s in scores.items()
    )
    DATA.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), scores, names), encoding="utf-8")
    os.close(lock)


def together(scores):
    """One score of several."""
    scores = list(scores)
    dates = sorted(score.date for score in scores)
    of, killed, equivalent = (sum(getattr(s, f) for s in scores) for f in Score._fields[2:5])
    when = " to ".join(dict.fromkeys([*dates[:1], *dates[-1:]]))
    return Score(when, "", of, killed, equivalent, [line for s in scores for line in s.survived])


def folder(name):
    """Where a file is: the names of those in `lstm/` come without it."""
    whole = name if "." in name else f"lstm/{name}"
    return whole.rpartition("/")[0]


def table(scores, names):
    """The scores of the files by folder, as Markdown."""
    groups = {"together": list(names)}
    for name in names:
        groups.setdefault(f"`{folder(name)}`", []).append(name)
    lines = []
    for where, files in sorted(groups.items()):
        found = [scores[name] for name in files if name in scores]
        s = together(found)
        score = f"{s.percent():.1f} %" if found else ""
        lines.append(
            f"| {where} | {len(found)} of {len(files)} | {s.of} | {s.tried()} | {s.equivalent} | "
            f"{s.killed} | {len(s.survived)} | {score} | {s.date} |"
        )
    head = "| in | files | mutants | tried | equivalent | killed | survived | score | when |"
    return "\n".join([head, "|---" * 9 + "|", *lines, ""])


def page(text, scores, names):
    """The page with the table between its marks."""
    before, _, rest = text.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    return f"{before}{MARKS[0]}\n{table(scores, names)}\n{MARKS[1]}{after}"
