"""What ends a command: one line that says why, and a deadline that no wait may pass."""

from __future__ import annotations

import time
from typing import Final

_STEP: Final = 0.1


class CommandError(Exception):
    """A command can't do what it promises; the text is the one line that a person reads."""


class Deadline:
    """The time that a command may take in all.

    Args:
        seconds: How long, from now.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._start = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._start

    def step(self, doing: str) -> float:
        """How long to wait until the next look, in seconds.

        Args:
            doing: What goes on meanwhile: ``the kernel started``.

        Raises:
            CommandError: The time is up.
        """
        left = self.seconds - self.elapsed
        if left <= 0:
            raise CommandError(
                f"{self.seconds:g} s were over while {doing}: it may take longer with --within SECONDS"
            )
        return min(left, _STEP)

    def pause(self, doing: str) -> None:
        """Wait for a moment; raises CommandError if the time is up."""
        time.sleep(self.step(doing))
