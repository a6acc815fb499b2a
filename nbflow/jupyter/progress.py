"""Saying how far something is that takes its time: in a notebook in one line, in a terminal once."""

from __future__ import annotations

import time
from typing import Final

from nbflow.jupyter.session import NbFlow
from nbflow.jupyter.showing import Line, Output, show_for_good

_QUIET: Final = 2.0
"""Seconds that a command may take without a word."""


class Progress:
    """Is told of each step, and says so once it has taken a while.

    Args:
        session: The notebook's nbflow.
        words: What is said, with ``{done}`` and ``{of}``.
    """

    def __init__(self, session: NbFlow, words: str) -> None:
        self._is_live = session.kernel.is_there
        self._words = words
        self._begun = time.monotonic()
        self._output: Output | None = None
        self._is_said = False

    def __call__(self, done: int, of: int) -> None:
        if time.monotonic() - self._begun < _QUIET:
            return
        line = Line(self._words.format(done=f"{done:,}", of=f"{of:,}"))
        if not self._is_said:
            self._is_said, self._output = True, show_for_good(line)
        elif self._is_live and self._output is not None:
            self._output.update(line)
