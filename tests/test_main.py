"""The command line: its output, its files, its exit codes."""

import argparse
import doctest
import subprocess
import sys

import numpy as np
import pytest

import lstm.__main__
from lstm import exchange, stack
from lstm.__main__ import COMMANDS, main

BOTH = stack.init(3, 2, layers=2, bidirectional=True, rng=0, dtype=np.float32)


@pytest.fixture
def model(tmp_path):
    exchange.save(tmp_path / "a.npz", BOTH, readout=np.ones((5, 7), np.float32), metadata={"k": 1})
    return tmp_path / "a.npz"


def test_the_examples():
    """Pytest does not look for examples in files of this name."""
    assert not doctest.testmod(lstm.__main__, raise_on_error=True).failed


def test_help_names_the_program_and_every_command(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    words = " ".join(capsys.readouterr().out.split())
    assert words.startswith(
        "usage: python -m lstm [-h] COMMAND ... The command line: weights in files, and the tutor "
        "that judges an LSTM somebody has written. positional arguments: COMMAND inspect Show what "
        "is in a file with weights. convert Write the LSTM of one file to another, with its "
        "readout and metadata. check Judge an LSTM that somebody has written, and name its "
        "mistakes. "
    )


FILES = ".npz, .safetensors, .onnx, .keras or .weights.h5"
HELP = {  # after the usage
    "inspect": f"""
        Show what is in a file with weights.
        positional arguments: file {FILES}
        options: -h, --help show this help message and exit
        --prefix PREFIX which LSTM, if there are several""",
    "convert": f"""
        Write the LSTM of one file to another, with its readout and metadata.
        positional arguments: source {FILES}
        target .npz, .safetensors or .onnx; the end of the name decides
        options: -h, --help show this help message and exit
        --prefix PREFIX which LSTM of the source, if there are several""",
    "check": """
        Judge an LSTM that somebody has written, and name its mistakes.
        positional arguments: file a Python file with forward(X, WLSTM, c0, h0), which returns
        (Hout, Cn, Hn, cache), and backward(dHout, cache, dCn, dHn), which returns
        (dX, dWLSTM, dc0, dh0)
        options: -h, --help show this help message and exit
        --forward FORWARD the name of the forward pass, if it is another
        --backward BACKWARD that of the backward pass
        --convention CONVENTION whose layout of weights it has, such as PyTorch
        --batch-first X is (b, n, D)
        --states {c h,h c} the order of the states
        --limit LIMIT seconds for each call
        --total TOTAL seconds for everything
        --json print JSON, for graders
        --book BOOK where the pages of the book are, for links""",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_says_what_it_takes(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    words = " ".join(capsys.readouterr().out.split())
    assert words.startswith(f"usage: python -m lstm {command} [-h] [--")
    assert words.endswith(" " + " ".join(HELP[command].split()))


def parsed(command, *arguments):
    """What a command is given for these words."""
    parser = argparse.ArgumentParser()
    COMMANDS[command][0](parser)
    return vars(parser.parse_args(arguments))


def test_what_a_command_is_given():
    assert parsed("inspect", "a.npz") == {"file": "a.npz", "prefix": ""}
    assert parsed("inspect", "--prefix", "x.", "a.npz") == {"file": "a.npz", "prefix": "x."}
    files = {"source": "a.npz", "target": "b.onnx"}
    assert parsed("convert", "a.npz", "b.onnx") == files | {"prefix": ""}
    assert parsed("convert", "a.npz", "b.onnx", "--prefix=x.") == files | {"prefix": "x."}
    assert parsed("check", "a.py") == {
        "file": "a.py", "forward": None, "backward": None, "convention": None,
        "batch_first": False, "states": None, "limit": 10.0, "total": 120.0, "json": False,
        "book": "",
    }  # fmt: skip
    options = "--forward f --backward b --convention Flax --batch-first --limit .5 --total 7 --json"
    assert parsed("check", "a.py", *options.split(), "--states", "h c", "--book", "https://b/") == {
        "file": "a.py", "forward": "f", "backward": "b", "convention": "Flax",
        "batch_first": True, "states": "h c", "limit": 0.5, "total": 7.0, "json": True,
        "book": "https://b/",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["0", "-1", "inf", "nan", "soon"])
@pytest.mark.parametrize("option", ["--limit", "--total"])
def test_seconds_that_are_none_are_refused(option, text, capsys):
    with pytest.raises(SystemExit) as end:
        main(["check", "a.py", f"{option}={text}"])
    assert end.value.code == 2
    assert capsys.readouterr().err.endswith(
        f"error: argument {option}: expected a number of seconds above 0, got '{text}'\n"
    )


def test_inspect(model, capsys):
    assert main(["inspect", str(model)]) == 0
    assert (
        capsys.readouterr().out
        == f"""{model}: npz, 2 layers

layer  directions            D  H  dtype    biases
0      forward and backward  3  2  float32  yes
1      forward and backward  4  2  float32  yes

readout: 4 to 7
metadata: {{'k': 1}}
"""
    )


def test_inspect_shows_the_arrays_where_it_finds_no_stack(tmp_path, capsys):
    path = tmp_path / "a.npz"
    np.savez(path, **exchange.torch.dump(BOTH[:1], "x."), **exchange.torch.dump(BOTH[:1], "y."))
    assert main(["inspect", str(path)]) == 1
    output, errors = capsys.readouterr()
    assert output.startswith(f"{path}: npz, no stack of LSTM layers that can be read\n\narray")
    assert "\nx.weight_ih_l0          8x3    float32\n" in output
    assert errors == (
        f"{path}: prefix: expected one, as there are several LSTMs: one of ['x.', 'y.']\n"
    )
    assert main(["inspect", "--prefix=y.", str(path)]) == 0
    assert "0      forward and backward  3  2  float32  yes" in capsys.readouterr().out


@pytest.mark.parametrize("end", ["safetensors", "onnx", "npz"])
def test_convert_there_and_back(end, model, tmp_path, capsys):
    there, back = str(tmp_path / f"b.{end}"), str(tmp_path / "c.npz")
    assert main(["convert", str(model), there]) == 0
    assert main(["convert", there, back]) == 0
    assert capsys.readouterr().out == f"{there}: 2 layers\n{back}: 2 layers\n"
    want, got = exchange.load_model(model), exchange.load_model(back)
    np.testing.assert_array_equal(got.readout, want.readout)
    assert got.metadata == want.metadata
    for a, b in zip(got.layers, want.layers, strict=True):
        np.testing.assert_array_equal(a, b)


def test_inspect_shows_the_arrays_of_a_file_that_others_wrote(tmp_path, capsys):
    """And zero biases as such; an array without axes has the shape ()."""
    (layer,) = stack.init(3, 2, rng=0, forget_bias=0)
    path = tmp_path / "a.npz"
    np.savez(path, **exchange.torch.dump([layer], "x."), step=np.int64(7))
    assert main(["inspect", "--prefix=x.", str(path)]) == 0
    assert capsys.readouterr().out == f"""{path}: npz, 1 layer

layer  directions  D  H  dtype    biases
0      forward     3  2  float64  zero

readout: none
metadata: none

array           shape  dtype
x.weight_ih_l0  8x3    float64
x.weight_hh_l0  8x2    float64
x.bias_ih_l0    8      float64
x.bias_hh_l0    8      float64
step            ()     int64
"""


def test_convert_takes_the_lstm_that_is_asked_for(tmp_path, capsys):
    one, two = stack.init(3, 2, rng=0), stack.init(3, 2, rng=1)
    path, there = tmp_path / "a.npz", tmp_path / "b.npz"
    np.savez(path, **exchange.torch.dump(one, "x."), **exchange.torch.dump(two, "y."))
    assert main(["convert", str(path), str(there), "--prefix", "y."]) == 0
    assert capsys.readouterr().out == f"{there}: 1 layer\n"
    np.testing.assert_array_equal(exchange.load(there)[0].forward, two[0].forward)


@pytest.mark.parametrize("arguments", [["inspect", "{}/none"], ["convert", "{}/a.npz", "{}/b.pt"]])
def test_what_is_refused_exits_with_1(arguments, model, capsys):
    assert main([argument.format(model.parent) for argument in arguments]) == 1
    output, errors = capsys.readouterr()
    assert not output
    assert errors.count("\n") == 1
    assert "none: No such file" in errors or "expected a name that ends in .npz" in errors


def test_a_command_that_is_not_right_exits_with_2():
    for arguments in ([], ["improve"], ["inspect"], ["convert", "a.npz"]):
        command = [sys.executable, "-m", "lstm", *arguments]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 2
        assert result.stderr.startswith("usage: python -m lstm")
