"""What PyTorch exports to ONNX is read as it is, by either exporter, folded or not."""

import io
import itertools
import logging
import warnings

import numpy as np
import onnx
import pytest
import torch
from exchange import assert_close

from lstm import exchange, stack

SIZES = (8, 46, 512)  # from 46 on the optimiser leaves weights in pieces
KINDS = list(itertools.product((1, 2), (False, True), (False, True)))


def exported(net, X, new, fold, open_sizes):
    """The model that an exporter makes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the older exporter is deprecated
        if new:
            Dim = torch.export.Dim
            sizes = ({0: Dim("first"), 1: Dim("second")},) if open_sizes else None
            logging.getLogger("torch.onnx").setLevel(logging.ERROR)
            program = torch.onnx.export(
                net, (X,), dynamo=True, optimize=fold, dynamic_shapes=sizes, verbose=False
            )
            return program.model_proto
        file = io.BytesIO()
        axes = {"X": [0, 1]} if open_sizes else None
        torch.onnx.export(
            net, (X,), file, dynamo=False, do_constant_folding=fold, dynamic_axes=axes,
            input_names=["X"],
        )  # fmt: skip
        return onnx.load_from_string(file.getvalue())


@pytest.mark.parametrize("open_sizes", [False, True], ids=["fixed", "open"])
@pytest.mark.parametrize("fold", [True, False], ids=["folded", "unfolded"])
@pytest.mark.parametrize("new", [True, False], ids=["dynamo", "torchscript"])
@pytest.mark.parametrize("H", SIZES)
def test_exports_of_every_size(H, new, fold, open_sizes):
    """At the smallest size every kind of module, at the others one."""
    for layers, both, batch_first in KINDS if SIZES[0] == H else [KINDS[-2]]:
        torch.manual_seed(0)
        net = torch.nn.LSTM(3, H, layers, bidirectional=both, batch_first=batch_first).eval()
        X = torch.randn(*((2, 5) if batch_first else (5, 2)), 3)
        got = exchange.onnx.load(exported(net, X, new, fold, open_sizes))
        Hout = stack.forward(X.numpy(), got, batch_first=batch_first).Hout
        with torch.no_grad():
            assert_close(Hout, net(X)[0].numpy(), np.float32)
