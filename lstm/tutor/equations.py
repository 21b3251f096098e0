"""The equations that a verdict mentions: where the book derives each, and a question that helps.

A hint does not give the line away: it is the question whose answer is the line.
"""

from typing import NamedTuple

__all__ = ["EQUATIONS", "Equation"]


class Equation(NamedTuple):
    """An equation of the book.

    Attributes:
        page: The file of the book that derives it, without its ending.
        hint: A question.
    """

    page: str
    hint: str

    @property
    def chapter(self) -> str:
        """Its chapter, such as "chapter 4"."""
        return f"chapter {int(self.page[:2])}"


_TWO, _THREE, _FOUR, _FIVE = (
    "02-four-gates", "03-one-matrix", "04-one-step-back", "05-back-through-time",
)  # fmt: skip

EQUATIONS = {
    # Forward
    "eq-u": Equation(_THREE, "What does one step read, and in which order do the rows of the "
                     "matrix expect it?"),
    "eq-z": Equation(_THREE, "Which parts add up to a raw gate? Does each enter once?"),
    "eq-cut": Equation(_THREE, "Which block of columns belongs to which gate?"),
    "eq-gates": Equation(_THREE, "Which of the four is a share between 0 and 1, and which is a "
                         "content that may be negative?"),
    "eq-sigmoid": Equation(_THREE, "Which values should it have at 0, and far out on both sides?"),
    "eq-c": Equation(_TWO, "Which two things happen to the memory in a step, and which gate "
                     "decides about each?"),
    "eq-s": Equation(_TWO, "What is squashed before it is shown, and what is not?"),
    "eq-h": Equation(_TWO, "What does the output gate open or close?"),
    "eq-unrolled": Equation(_FIVE, "What does step t + 1 receive from step t, and where does "
                            "step 1 get it from?"),
    # One step back
    "eq-do": Equation(_FOUR, "h is a product. Hold the other factor fixed: how does h change "
                      "with o?"),
    "eq-ds": Equation(_FOUR, "h is a product. Hold the other factor fixed: how does h change "
                      "with s?"),
    "eq-dc": Equation(_FOUR, "On which two routes does c reach the loss, and what is the slope of "
                      "tanh, written with the value that you have kept?"),
    "eq-df": Equation(_FOUR, "By what is f multiplied in the equation of c?"),
    "eq-di": Equation(_FOUR, "By what is i multiplied in the equation of c?"),
    "eq-dg": Equation(_FOUR, "By what is g multiplied in the equation of c?"),
    "eq-dc-prev": Equation(_FOUR, "By what is c_prev multiplied in the equation of c?"),
    "eq-dz-sigmoid": Equation(_FOUR, "What is the slope of the sigmoid, written with the value "
                              "of the gate itself? Where is it largest?"),
    "eq-dz-tanh": Equation(_FOUR, "What is the slope of tanh, written with its value? What is it "
                           "where the value is 0?"),
    "eq-dz": Equation(_FOUR, "In which order do the four gradients go back to where z was cut?"),
    "eq-dw": Equation(_FOUR, "z = u W: which shapes have u, dz and dW, and over what is summed?"),
    "eq-du": Equation(_FOUR, "z = u W: every column of W asks something of u. Do all of them "
                      "have a say?"),
    "eq-dx": Equation(_FOUR, "Which rows of the matrix did x meet on the way forward?"),
    "eq-dh-prev": Equation(_FOUR, "Which rows of the matrix did h_prev meet on the way forward, "
                           "and which gates did it feed?"),
    # Back through time
    "eq-bptt-dh": Equation(_FIVE, "Who reads h of step t? List all of them, for the last step, "
                           "too."),
    "eq-bptt-dc": Equation(_FIVE, "Who reads c of step t? List all of them, for the last step, "
                           "too."),
    "eq-bptt-start": Equation(_FIVE, "What is left after step 1, and whose gradient is it?"),
    "eq-bptt-dw": Equation(_FIVE, "The same matrix is used at every step and for every row of the "
                           "batch. What happens to the gradients that come from each?"),
}  # fmt: skip
"""By label."""
