"""A mutant put into a process that has imported the file already, for `tests/mutants.py`.

Importing `lstm` and collecting the tests takes longer than the test that finds a mistake. So one
process does it once for a file, and in each of its copies the functions that are there get the
code of another mutant.
"""

import collections
import gc
import inspect
import sys
import types


def watch(path):
    """The set of the functions of a file that are called from now on, up to `watch_no_more`."""
    called = set()

    def note(frame, event, _):
        if event == "call" and frame.f_code.co_filename == str(path):
            called.add(key(frame.f_code))

    sys.setprofile(note)
    return called


def watch_no_more():
    """End what `watch` began."""
    sys.setprofile(None)


def functions(path):
    """The functions of a file, by their name and line."""
    found = collections.defaultdict(list)
    for each in gc.get_objects():  # `isinstance` would ask some of them, and wake what is lazy
        if type(each) is types.FunctionType and each.__code__.co_filename == str(path):
            found[key(each.__code__)].append(each)
    return dict(found)


def key(code):
    """What tells a function from the others of its file."""
    return code.co_qualname, code.co_firstlineno


def replacements(path, found, source, mutant):
    """What makes functions those of a mutant, as if it had been imported in place of the source.

    Args:
        path: The file.
        found: The functions of the source, from `functions`.
        source: What has been imported.
        mutant: What should have been: with one mistake.

    Returns:
        Pairs of a function and the code that it must get. None where that is not enough: the
        mistake is outside of functions, or in one that nothing refers to any more.
    """
    before, after = (compile(text, str(path), "exec") for text in (source, mutant))
    alike = collections.Counter(key(code) for code in every(before))
    pairs = [] if outside(before) != outside(after) else list(changed(before, after))
    if not pairs or key(pairs[0][0]) not in found or any(alike[key(old)] > 1 for old, _ in pairs):
        return None
    places = [(each, new) for old, new in pairs for each in found.get(key(old), [])]
    if any(each.__code__.co_freevars != new.co_freevars for each, new in places):
        return None
    return places


def inner(code):
    """The code of what is defined within this code."""
    return [const for const in code.co_consts if isinstance(const, types.CodeType)]


def every(code):
    """This code, and all within it."""
    return [code, *(deeper for each in inner(code) for deeper in every(each))]


def is_function(code):
    """Whether code runs when it is called; that of a module or class runs where it stands."""
    return bool(code.co_flags & inspect.CO_OPTIMIZED)


def changed(before, after):
    """The functions that differ, before and after: one that another is defined in comes first."""
    for old, new in zip(inner(before), inner(after), strict=False):
        if is_function(old) and shape(old) != shape(new):
            yield old, new
        yield from changed(old, new)


def outside(code):
    """What runs at the import."""
    return shape(code, lambda each: "function" if is_function(each) else outside(each))


def shape(code, of_inner=None):
    """All of a code except for its lines; what is defined within it, as `of_inner` says."""
    of_inner = of_inner or shape
    consts = [of_inner(c) if isinstance(c, types.CodeType) else repr(c) for c in code.co_consts]
    counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags
    names = code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
    return code.co_qualname, code.co_code, code.co_exceptiontable, counts, names, consts
