"""The command line: weights in files, and the tutor that judges an LSTM somebody has written.

    python -m lstm inspect model.keras
    python -m lstm convert model.keras model.npz
    python -m lstm check mine.py

Exit code 0 means success, or that all is right; 1 that the file is refused or something is wrong,
which the message explains; 2 that the command is wrong or the file to be checked cannot run.
"""

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from math import inf, nan
from typing import Any

from .exchange.files import METADATA, File, Model, load_model, open_file, save
from .layout import split_rows

__all__ = ["COMMANDS", "add_check", "add_convert", "add_inspect", "check", "convert", "inspect",
           "main"]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: The words after ``python -m lstm``; None for those of the command line.

    Returns:
        int: The exit code.

    Example:
        >>> main(["inspect", "/nowhere"])
        1
    """
    parser = argparse.ArgumentParser(prog="python -m lstm", description=__doc__.splitlines()[0])
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (add, run) in COMMANDS.items():
        description = (run.__doc__ or "").splitlines()[0]
        command = subparsers.add_parser(name, help=description, description=description)
        add(command)
        command.set_defaults(run=run)
    given = parser.parse_args(arguments)
    try:
        return int(given.run(given))
    except (ImportError, OSError, TypeError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1


def add_inspect(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `inspect`.

    Args:
        parser: The parser of its arguments.

    Example:
        >>> parser = argparse.ArgumentParser()
        >>> add_inspect(parser)
        >>> parser.parse_args(["model.npz"]).file
        'model.npz'
    """
    parser.add_argument("file", help=".npz, .safetensors, .onnx, .keras or .weights.h5")
    parser.add_argument("--prefix", default="", help="which LSTM, if there are several")


def inspect(given: argparse.Namespace) -> int:
    """Show what is in a file with weights.

    Args:
        given: The arguments.

    Returns:
        int: 0, or 1 if no LSTM can be read from the file. Its arrays are shown all the same.

    Example:
        >>> import contextlib, tempfile
        >>> from lstm import stack
        >>> with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        ...     save("m.npz", stack.init(10, 4, rng=0), metadata={"step": 7})
        ...     code = main(["inspect", "m.npz"])
        m.npz: npz, 1 layer
        <BLANKLINE>
        layer  directions  D   H  dtype    biases
        0      forward     10  4  float64  yes
        <BLANKLINE>
        readout: none
        metadata: {'step': 7}
    """
    file = open_file(given.file)
    try:
        model = load_model(given.file, given.prefix)
    except (TypeError, ValueError) as error:
        print(f"{given.file}: {file.kind}, no stack of LSTM layers that can be read\n")
        _print_arrays(file)
        print(error, file=sys.stderr)
        return 1
    print(f"{given.file}: {file.kind}, {_count(len(model.layers), 'layer')}\n")
    print(_table(["layer", "directions", "D", "H", "dtype", "biases"], _rows(model)), end="\n\n")
    readout = model.readout
    print(
        "readout: " + ("none" if readout is None else f"{len(readout) - 1} to {readout.shape[1]}")
    )
    print(f"metadata: {model.metadata or 'none'}")
    if METADATA not in file.metadata:  # `save` writes nothing but the stack and its readout
        print()
        _print_arrays(file)
    return 0


def add_convert(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `convert`.

    Args:
        parser: The parser of its arguments.

    Example:
        >>> parser = argparse.ArgumentParser()
        >>> add_convert(parser)
        >>> parser.parse_args(["a.keras", "b.npz"]).target
        'b.npz'
    """
    parser.add_argument("source", help=".npz, .safetensors, .onnx, .keras or .weights.h5")
    parser.add_argument("target", help=".npz, .safetensors or .onnx; the end of the name decides")
    parser.add_argument(
        "--prefix", default="", help="which LSTM of the source, if there are several"
    )


def convert(given: argparse.Namespace) -> int:
    """Write the LSTM of one file to another, with its readout and metadata.

    Args:
        given: The arguments.

    Returns:
        int: 0.

    Example:
        >>> import contextlib, tempfile
        >>> from lstm import stack
        >>> with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        ...     save("m.npz", stack.init(10, 4, rng=0))
        ...     code = main(["convert", "m.npz", "m.safetensors"])
        m.safetensors: 1 layer
    """
    model = load_model(given.source, given.prefix)
    save(given.target, model.layers, readout=model.readout, metadata=model.metadata)
    print(f"{given.target}: {_count(len(model.layers), 'layer')}")
    return 0


def add_check(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `check`.

    Args:
        parser: The parser of its arguments.

    Example:
        >>> parser = argparse.ArgumentParser()
        >>> add_check(parser)
        >>> parser.parse_args(["mine.py", "--convention", "PyTorch"]).convention
        'PyTorch'
    """
    parser.add_argument(
        "file",
        help="a Python file with forward(X, WLSTM, c0, h0), which returns (Hout, Cn, Hn, cache), "
        "and backward(dHout, cache, dCn, dHn), which returns (dX, dWLSTM, dc0, dh0)",
    )
    parser.add_argument("--forward", help="the name of the forward pass, if it is another")
    parser.add_argument("--backward", help="that of the backward pass")
    parser.add_argument("--convention", help="whose layout of weights it has, such as PyTorch")
    parser.add_argument("--batch-first", action="store_true", help="X is (b, n, D)")
    parser.add_argument("--states", choices=["c h", "h c"], help="the order of the states")
    parser.add_argument("--limit", type=_seconds, default=10.0, help="seconds for each call")
    parser.add_argument("--total", type=_seconds, default=120.0, help="seconds for everything")
    parser.add_argument("--json", action="store_true", help="print JSON, for graders")
    parser.add_argument("--book", default="", help="where the pages of the book are, for links")


def check(given: argparse.Namespace) -> int:
    """Judge an LSTM that somebody has written, and name its mistakes.

    Args:
        given: The arguments.

    Returns:
        int: 0 if all is right, 1 if something is wrong, 2 if the file cannot be run.

    Example:
        >>> main(["check", "/nowhere.py"])
        2
    """
    from .tutor.child import CannotRunError, judge_file
    from .tutor.styles import style

    try:
        try:
            style(given.convention)
        except ValueError as error:
            raise CannotRunError(str(error)) from None
        verdict = judge_file(
            given.file, given.forward, given.backward, total=given.total, limit=given.limit,
            convention=given.convention, batch_first=given.batch_first, states=given.states,
        )  # fmt: skip
    except CannotRunError as error:
        if given.json:
            print(json.dumps({"ok": False, "error": str(error), "mistakes": [], "findings": []}))
        else:
            print(error, file=sys.stderr)
        return 2
    if given.json:
        print(verdict.to_json())
    else:
        dataclasses.replace(verdict, book=given.book).show()
    return 0 if verdict.ok else 1


def _seconds(text: str) -> float:
    """A time limit."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = nan
    if not 0 < seconds < inf:
        raise argparse.ArgumentTypeError(f"expected a number of seconds above 0, got {text!r}")
    return seconds


COMMANDS: dict[
    str,
    tuple[Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], int]],
] = {
    "inspect": (add_inspect, inspect),
    "convert": (add_convert, convert),
    "check": (add_check, check),
}
"""For each command what tells its arguments, and what runs it."""


def _rows(model: Model) -> list[list[Any]]:
    """A row of the table for each layer."""
    rows = []
    for k, layer in enumerate(model.layers):
        parts = [split_rows(W) for _, W in layer.directions]
        biases = "yes" if any(part.b.any() for part in parts) else "zero"
        D, H = len(parts[0].Wx), len(parts[0].Wh)
        directions = " and ".join(name for name, _ in layer.directions)
        rows.append([k, directions, D, H, parts[0].Wx.dtype, biases])
    return rows


def _print_arrays(file: File) -> None:
    """All arrays of a file, as it calls them."""
    rows = [[name, "x".join(map(str, e.shape)) or "()", e.dtype] for name, e in file.arrays.items()]
    print(_table(["array", "shape", "dtype"], rows))


def _table(head: list[str], rows: Iterable[list[Any]]) -> str:
    """Lay out a table whose columns are as wide as their longest entries."""
    lines = [head, *([str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _count(number: int, word: str) -> str:
    """A number with its word."""
    return f"{number} {word}" + "s" * (number != 1)


if __name__ == "__main__":
    sys.exit(main())
