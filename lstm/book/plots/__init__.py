"""The figures of the book, for anybody's LSTM.

Each function takes numbers, not a model, and returns a Matplotlib figure. The figures of each
part of the book are in a file of their own, and all are reached from here: ``plots.unit(...)``.
"""

from .backward import (
    before_after,
    bug_map,
    error_maps,
    error_v,
    gradient_flow,
    share_map,
    truncation,
)
from .fast import ladder
from .forward import eigenvalues, forget_bias, gradient_lag, memory, recall, recall_errors, unit
from .learning import learning_curves, measures, reading, sequences_needed, solved_map
from .style import (
    COLORS,
    EXACT,
    HALO,
    HATCHES,
    LINES,
    NARROW,
    NEUTRAL,
    ORDER,
    STROKES,
    STYLE,
    use_style,
)
from .variants import pictures, scores

__all__ = [
    "COLORS",
    "EXACT",
    "HALO",
    "HATCHES",
    "LINES",
    "NARROW",
    "NEUTRAL",
    "ORDER",
    "STROKES",
    "STYLE",
    "before_after",
    "bug_map",
    "eigenvalues",
    "error_maps",
    "error_v",
    "forget_bias",
    "gradient_flow",
    "gradient_lag",
    "ladder",
    "learning_curves",
    "measures",
    "memory",
    "pictures",
    "reading",
    "recall",
    "recall_errors",
    "scores",
    "sequences_needed",
    "share_map",
    "solved_map",
    "truncation",
    "unit",
    "use_style",
]
