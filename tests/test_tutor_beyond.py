"""What is wrong with code whose values are right where it was tried first."""

import numpy as np

from lstm import fused
from lstm.tutor.beyond import DOUBLE, USUAL, _large, beyond_forward
from lstm.tutor.candidate import Candidate
from lstm.tutor.styles import OURS, problem


def test_the_right_outputs_of_a_large_problem_leave_it_as_it_was():
    p = problem(*USUAL, OURS)._replace(second=2.0, plus=1.0)
    before = p.W.copy()
    _large(p)
    np.testing.assert_array_equal(p.W, before)


def test_code_that_fails_when_it_is_called_again():
    calls = []

    def forward(*arguments):
        calls.append(arguments)
        if len(calls) > 1:
            raise ValueError("once only")
        return fused.forward(*arguments)

    (finding,) = beyond_forward(Candidate(forward, None, OURS), DOUBLE)
    says = "a second call with the same arguments gives other results: something is left over"
    assert (finding.status, finding.says) == ("wrong", says)
