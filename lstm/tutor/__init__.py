"""A tutor that names your mistake: give it your LSTM, and it says what is wrong with it.

`check` judges a forward and a backward pass. It runs them on random problems in which nothing is
zero and no two sizes are equal. If a number is wrong, it searches some eight hundred mistakes,
one at a time and up to three together, for those that explain *all* numbers. If nothing explains
everything, no mistake is named, and the tutor says where the first wrong step is.

Example:
    >>> import lstm
    >>> from lstm import tutor, zoo
    >>> broken = zoo.plant(zoo.ZOO["di from i instead of g"])
    >>> verdict = tutor.check(broken.forward, broken.backward)
    >>> verdict.ok, verdict.mistakes
    (False, ('di: i for g',))
"""

from .cells import cell
from .judge import check
from .part import part
from .step import step
from .verdict import Finding, Place, Verdict

__all__ = ["Finding", "Place", "Verdict", "cell", "check", "part", "step"]
