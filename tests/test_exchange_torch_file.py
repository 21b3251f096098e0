"""Files with PyTorch's names: the LSTM is found among other arrays, or what is there is named."""

import numpy as np
import pytest
from helpers import refused

from lstm import stack
from lstm.exchange import torch, torch_file
from lstm.exchange.tensors import Entry

LAYERS = stack.init(3, 2, layers=2, bidirectional=True, rng=0)
LIBRARIES = "of other libraries: open_file gives the arrays for exchange.flax.load and the like"


def entries(*names, **more):
    """Arrays that must not be read, beside those that may be."""

    def refuse():
        raise AssertionError("an array was read that nobody needs")

    unread = {name: Entry((2, 3), "float64", refuse) for name in names}
    return unread | {n: Entry(a.shape, str(a.dtype), a.copy) for n, a in more.items()}


def assert_found(arrays, prefix=""):
    for got, want in zip(torch_file.layers_of(arrays, prefix), LAYERS, strict=True):
        np.testing.assert_array_equal(got.forward, want.forward, strict=True)
        np.testing.assert_array_equal(got.backward, want.backward, strict=True)


@pytest.mark.parametrize("prefix", ["", "lstm.", "a.b.lstm."])
def test_the_only_lstm_is_found_and_nothing_else_is_read(prefix):
    others = ["head.weight", "a.b.weight_ih_l0x", "lstm.norm.weight", "a.b.lstm.d.layers.bias"]
    arrays = entries(*others, **torch.dump(LAYERS, prefix))
    assert_found(arrays)
    assert_found(arrays, prefix)


def test_of_several_one_is_named():
    """Also where the names of one begin as those of another do."""
    names = [f"{prefix}weight_hh_l0" for prefix in ("", "up.b.", "up.", "upper.")]
    for chosen in ("up.", "up.b.", "upper."):
        rest = [name for name in names if not name.startswith(f"{chosen}weight")]
        assert_found(entries(*rest, **torch.dump(LAYERS, chosen)), chosen)
    listed = "['', 'up.', 'up.b.', 'upper.']"
    message = f"prefix: expected one, as there are several LSTMs: one of {listed}"
    with refused(ValueError, message):
        torch_file.layers_of(entries(*names))
    for prefix in ("up", "other.", "up.b.weight_hh_l0."):
        with refused(ValueError, f"prefix: expected one of {listed}, got {prefix!r}"):
            torch_file.layers_of(entries(*names), prefix)


@pytest.mark.parametrize("name", ["weight_hh", "weight_hh_l0", "weight_hh_l12_reverse",
                                  "weight_hh_l0_raw", "weight_hh_l0_reverse_orig"])  # fmt: skip
def test_an_lstm_is_known_by_its_recurrent_weights(name):
    arrays = entries(name, f"a.{name}")
    with refused(ValueError, "prefix: expected one, as there are several LSTMs: one of ['', 'a.']"):
        torch_file.layers_of(arrays)


@pytest.mark.parametrize(
    "names",
    [[], ["Wx"], ["a.weight_hh_l0.b", "weight_ih_l0", "weight_hhx", "xweight_hh_l0"]],
)
@pytest.mark.parametrize("prefix", ["", "a", "lstm."])
def test_a_file_without_an_lstm(names, prefix):
    shown = ", ".join(map(repr, sorted(names))) or "none"
    message = f"expected arrays with PyTorch's names, such as 'weight_hh_l0', got {shown}; "
    with refused(ValueError, message + LIBRARIES):
        torch_file.layers_of(entries(*names), prefix)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("parametrizations.weight_hh_l0.original0", "parametrized"),
        ("_all_weight_values.0.param", "quantised"),
        ("layers.0.layer_fw.cell.igates.weight", "quantised"),
    ],
)
def test_what_has_become_of_an_lstm_is_said_if_it_is_named(name, kind):
    (why,) = (why for why in torch.REFUSED.values() if why.startswith(kind))
    with refused(ValueError, f"state_dict['lstm.{name}']: {why}"):
        torch_file.layers_of(entries("head.weight", **{f"lstm.{name}": np.ones(2)}), "lstm.")
