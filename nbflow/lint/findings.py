"""What the lint says: a finding, and how it reads."""

from __future__ import annotations

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One place in workflow code that may go another way in a replay.

    Attributes:
        file: The file's name, or the name of the cell's code.
        line: As the author sees it, from 1.
        column: Likewise, from 1.
        code: The rule: ``NBF001``.
        message: What is there, and why it can't be repeated.
        fix: What to write instead.
        function: The function that it is in.
        via: How the workflow comes to that function, the workflow first; empty if it is its own code.
        source: The line's text.
        label: What a person calls the file, where that is not its name: ``Cell In[3]``.
    """

    file: str
    line: int
    column: int
    code: str
    message: str
    fix: str
    function: str
    via: tuple[str, ...] = ()
    source: str = ""
    label: str = ""

    def __str__(self) -> str:
        return f"{self.code} {self.text}"

    @property
    def text(self) -> str:
        """What is wrong, and the fix."""
        return f"{self.says}: {self.fix}"

    @property
    def says(self) -> str:
        """The message, and how the workflow comes there where it isn't its own code."""
        way = f" (in {self.function}, called by {', '.join(reversed(self.via))})" if self.via else ""
        return f"{self.message}{way}"
