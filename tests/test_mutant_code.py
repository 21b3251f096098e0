"""That a mutant put into functions that exist is the mutant that an import would have given."""

import types

import mutant_code
import mutations

SOURCE = """
import functools

LEAST = 2
TRIPLE = lambda a: 3 * a
PAIR = (lambda a: a + 1, lambda a: a + 2)

def plain(a, b=LEAST):
    return sum(each * b for each in a)

def outer(k):
    def inner(a):
        return a + k
    return inner

added = outer(5)

def wrapped(function):
    @functools.wraps(function)
    def call(*args):
        return function(*args) - 7
    return call

@wrapped
def decorated(a):
    return a * 2

class Thing:
    size = 4
    def method(self, a):
        return a - self.size
    @property
    def doubled(self):
        return self.size * 2
"""


def imported(text, path):
    """A module of this text."""
    module = types.ModuleType("planted")
    exec(compile(text, str(path), "exec"), module.__dict__)
    return module


def behaviour(m):
    """What comes of everything in a module."""
    calls = (
        lambda: m.TRIPLE(2), lambda: m.PAIR[0](1), lambda: m.PAIR[1](1), lambda: m.plain([1, 2]),
        lambda: m.plain([1, 2], 5), lambda: m.added(3), lambda: m.outer(1)(2),
        lambda: m.decorated(6), lambda: m.Thing().method(9), lambda: m.Thing().doubled,
    )  # fmt: skip
    found = []
    for call in calls:
        try:
            found.append(call())
        except Exception as error:
            found.append(repr(error))
    return found


def put_in(number, mutant, folder):
    """A module that has become a mutant after its import; None where it would be another one."""
    path = folder / f"{number}.py"
    called = mutant_code.watch(path)
    module = imported(SOURCE, path)
    mutant_code.watch_no_more()
    new = mutant_code.replacements(path, mutant_code.functions(path), SOURCE, mutant)
    if not new or mutant_code.key(new[0][0].__code__) in called:
        return None
    for function, code in new:
        function.__code__ = code
    return module


def test_what_is_put_in_behaves_as_what_is_imported(tmp_path):
    as_it_is, differ, left = behaviour(imported(SOURCE, "source")), set(), set()
    for number, (_, before, _, mutant) in enumerate(mutations.mutants(SOURCE)):
        module = put_in(number, mutant, tmp_path)
        if module is None:
            left.add(before.strip())
            continue
        found = behaviour(module)
        assert found == behaviour(imported(mutant, "mutant")), mutant
        if found != as_it_is:
            differ.add(before)
    assert differ == {
        "TRIPLE = lambda a: 3 * a", "return sum(each * b for each in a)", "return a * 2",
        "return a - self.size", "return self.size * 2",
    }  # fmt: skip
    assert left == {
        "LEAST = 2", "added = outer(5)", "PAIR = (lambda a: a + 1, lambda a: a + 2)", "size = 4",
        "return a + k", "return function(*args) - 7", "@functools.wraps(function)", "@wrapped",
        "@property",
    }  # fmt: skip
