"""What activities and workflows print: led by a context variable to where it belongs.

A `PrintRouter` stands in for ``sys.stdout`` while a runtime is open. Prints of
code that runs for a workflow go to the sink that its context names; all others
go through untouched. The sink of an activity keeps the text for the history and
passes it on to the cell that started the run; that of a workflow holds it back
until the turn is committed, and drops it during replay (S70).
"""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable
from contextvars import Context, ContextVar
from typing import Final, TextIO

SINK: ContextVar[Callable[[str], None] | None] = ContextVar("nbflow_print_sink", default=None)

MAX_PRINTS: Final = 64 * 1024
"""Characters of one attempt's prints that its history keeps."""


class PrintRouter(io.TextIOBase):
    """A text stream that asks the context where its text goes."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.stream = stream

    def write(self, s: str, /) -> int:
        sink = SINK.get()
        if sink is None:
            return self.stream.write(s)
        sink(s)
        return len(s)

    def flush(self) -> None:
        self.stream.flush()

    def isatty(self) -> bool:
        return self.stream.isatty()

    def fileno(self) -> int:
        return self.stream.fileno()

    def writable(self) -> bool:
        return True

    def __getattr__(self, name: str) -> object:
        return getattr(self.stream, name)


@contextlib.contextmanager
def routed_prints():
    """Put a router in front of ``sys.stdout`` for as long as the block lasts."""
    router = PrintRouter(sys.stdout)
    sys.stdout = router
    try:
        yield router
    finally:
        if sys.stdout is router:
            sys.stdout = router.stream


class AttemptPrints:
    """The sink of one activity attempt: keeps the beginning, passes everything on.

    Args:
        forward: Where the text goes on to, or None to keep it only.
    """

    def __init__(self, forward: Callable[[str], object] | None) -> None:
        self._parts: list[str] = []
        self._size = 0
        self._forward = forward

    def __call__(self, text: str) -> None:
        if self._size < MAX_PRINTS:
            self._parts.append(text[: MAX_PRINTS - self._size])
        self._size += len(text)
        if self._forward is not None:
            self._forward(text)

    @property
    def text(self) -> str:
        """What was printed, cut to `MAX_PRINTS` characters with a note of the cut."""
        kept = "".join(self._parts)
        return kept if self._size <= MAX_PRINTS else f"{kept}\n… {self._size - MAX_PRINTS} more characters"


class TurnPrints:
    """The sink of a workflow: holds new text back until it is released, drops the rest.

    Attributes:
        is_open: True during a live turn; what a replay or an eviction prints is dropped.
    """

    def __init__(self) -> None:
        self.is_open = False
        self._parts: list[str] = []

    def __call__(self, text: str) -> None:
        if self.is_open:
            self._parts.append(text)

    def take(self) -> str:
        """What was printed since the last call."""
        parts, self._parts = self._parts, []
        return "".join(parts)


def context_with(sink: Callable[[str], None], origin: Context | None) -> Context:
    """A context that leads prints to a sink; a copy of ``origin``, or an empty one."""
    context = origin.copy() if origin is not None else Context()
    context.run(SINK.set, sink)
    return context
