"""The command line: its output, its files, its exit codes."""

import doctest
import subprocess
import sys

import numpy as np
import pytest

import lstm.__main__
from lstm import exchange, stack
from lstm.__main__ import main

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
    with pytest.raises(SystemExit):
        main(["inspect", "--help"])
    words = " ".join(capsys.readouterr().out.split())
    assert words.startswith("usage: python -m lstm inspect [-h]")
    assert "Show what is in a file with weights." in words


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
