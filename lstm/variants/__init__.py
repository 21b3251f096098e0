"""Other cells, each a step table that is run and checked by the same code as the LSTM.

`CELLS` has all of them, from 1997 to 2024, by name: each is a function from D and H to a
`lstm.recurrent.Cell`. Chapter 15 shows what each of them changes; `lstm.variants.check` checks
them.

Example:
    >>> import numpy as np
    >>> from lstm import variants
    >>> cell = variants.CELLS["GRU, reset after"](3, 4)
    >>> Hout, state, cache = cell.forward(np.ones((5, 2, 3)), cell.init(rng=0))
    >>> Hout.shape, list(state)
    ((5, 2, 4), ['h'])
"""

from . import (
    ablations,
    coupled,
    gru,
    hard_sigmoid,
    layer_norm,
    lstm,
    mingru,
    minlstm,
    mlstm,
    no_forget,
    peephole,
    projection,
    slstm,
)

__all__ = ["CELLS"]

CELLS = {
    "LSTM": lstm.cell,
    "no forget gate": no_forget.cell,
    "no input gate": ablations.no_input,
    "no output gate": ablations.no_output,
    "linear candidate": ablations.linear_candidate,
    "linear output": ablations.linear_output,
    "nothing sees h": ablations.blind,
    "only g sees h": ablations.blind_gates,
    "only gates see h": ablations.blind_candidate,
    "coupled gates": coupled.cell,
    "peepholes": peephole.cell,
    "hard gates": hard_sigmoid.cell,
    "layer norm": layer_norm.cell,
    "projection": projection.cell,
    "GRU, reset before": gru.cell,
    "GRU, reset after": gru.cell_after,
    "sLSTM": slstm.cell,
    "sLSTM, sigmoid": slstm.cell_sigmoid,
    "mLSTM": mlstm.cell,
    "minLSTM": minlstm.cell,
    "minGRU": mingru.cell,
}
"""Every cell by name, as a function from D and H to a `lstm.recurrent.Cell`."""
