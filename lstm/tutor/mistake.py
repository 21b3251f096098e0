"""A mistake: its name, its equation, and the lines of the plain loop that it makes wrong."""

from typing import NamedTuple

from ..zoo import ZOO
from .plain import FORWARD, Patch

__all__ = ["Mistake", "Row"]

Row = tuple[str, str, str, tuple[Patch, ...], str]
"""A mistake as it is listed: name, sentence, label, patches, and its name in the zoo or ""."""


class Mistake(NamedTuple):
    """A mistake and how to make it in the plain loop.

    Attributes:
        name: What is wrong, in a few words; no two have the same.
        says: The sentence that a verdict says.
        label: The label of the equation that it gets wrong.
        patches: The lines of the plain loop to replace.
        zoo: Its name in `lstm.zoo`, if people were seen making it.
    """

    name: str
    says: str
    label: str
    patches: tuple[Patch, ...]
    zoo: str = ""

    @property
    def source(self) -> str:
        """The public thread in which the mistake was made, or nothing."""
        return ZOO[self.zoo].source if self.zoo else ""

    @property
    def forward(self) -> bool:
        """Whether it is a mistake of the forward pass."""
        return any(right in FORWARD for right, _ in self.patches)
