"""What activities and workflows print: led by a context variable to where it belongs.

A `PrintRouter` stands in for ``sys.stdout`` while a runtime is open. Prints of
code that runs for a workflow go to the sink that its context names; all others
go through untouched. The sink of an activity keeps the text for the history and
passes it on to the cell that started the run; that of a workflow holds it back
until the turn is committed, and drops it during replay (S70).
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Generator, Iterable
from contextvars import Context, ContextVar
from typing import Any, Final, Protocol, TextIO, cast


class Sink(Protocol):
    """Where the prints of some code go."""

    def __call__(self, text: str) -> None:
        """Take some text."""
        ...

    def flush(self) -> None:
        """Pass on what was held back only for the sake of whole lines."""
        ...


SINK: ContextVar[Sink | None] = ContextVar("nbflow_print_sink", default=None)

MAX_PRINTS: Final = 64 * 1024
"""Characters of one attempt's prints that its history keeps."""

_MAX_LINE: Final = 8 * 1024


class PrintRouter:
    """Stands in for a text stream, and asks the context where text goes; all else is the stream's.

    Args:
        stream: The stream.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.is_closed = False

    def write(self, text: str) -> int:
        """Write to the sink of the present context, or else to the stream."""
        sink = SINK.get()
        if sink is None:
            return self.stream.write(text)
        sink(text)
        return len(text)

    def flush(self) -> None:
        """Flush the sink of the present context, or else the stream."""
        sink = SINK.get()
        (self.stream if sink is None else sink).flush()

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of them."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextlib.contextmanager
def routed_prints() -> Generator[PrintRouter]:
    """Put a router in front of ``sys.stdout`` for as long as the block lasts."""
    router = PrintRouter(sys.stdout)
    sys.stdout = cast("TextIO", router)
    try:
        yield router
    finally:
        router.is_closed = True
        while isinstance(present := cast("object", sys.stdout), PrintRouter) and present.is_closed:
            sys.stdout = present.stream


def terminal() -> TextIO:
    """Where text goes that no sink asks for: ``sys.stdout``, behind the routers of open runtimes."""
    stream: Any = sys.stdout
    while isinstance(stream, PrintRouter):
        stream = stream.stream
    return stream


class AttemptPrints:
    """The sink of one activity attempt: keeps the beginning, passes everything on.

    What it passes on are whole lines, so that those of attempts that run side by side don't mix.

    Args:
        forward: Where the text goes on to, or None to keep it only.
    """

    def __init__(self, forward: Callable[[str], object] | None) -> None:
        self._parts: list[str] = []
        self._size = 0
        self._forward = forward
        self._line = ""

    def __call__(self, text: str) -> None:
        if self._size < MAX_PRINTS:
            self._parts.append(text[: MAX_PRINTS - self._size])
        self._size += len(text)
        lines, newline, rest = text.rpartition("\n")
        if newline:
            self._pass_on(self._line + lines + newline)
            self._line = ""
        self._line += rest
        if len(self._line) > _MAX_LINE:
            self.flush()

    def flush(self) -> None:
        line, self._line = self._line, ""
        self._pass_on(line)

    def _pass_on(self, text: str) -> None:
        if self._forward is None or not text:
            return
        try:
            self._forward(text)
        except (OSError, ValueError):  # nobody looks any more: no reason for an activity to fail
            self._forward = None

    @property
    def text(self) -> str:
        """What was printed, cut to `MAX_PRINTS` characters with a note of the cut."""
        if not self._parts:
            return ""
        # A file name of other bytes is no Unicode, and a history couldn't be written with it.
        kept = "".join(self._parts).encode(errors="backslashreplace").decode()
        return kept if self._size <= MAX_PRINTS else f"{kept}\n… {self._size - MAX_PRINTS} more characters"


class TurnPrints:
    """The sink of a workflow: holds new text back until it is released, drops the rest.

    Attributes:
        is_open: True during a live turn; what a replay or an eviction prints is dropped.
    """

    __slots__ = ("_parts", "is_open")

    def __init__(self) -> None:
        self.is_open = False
        self._parts: list[str] | None = None  # most never print

    def __call__(self, text: str) -> None:
        if not self.is_open:
            return
        if self._parts is None:
            self._parts = []
        self._parts.append(text)

    def flush(self) -> None:
        pass  # the commit does that

    def take(self) -> str:
        """What was printed since the last call."""
        if not self._parts:
            return ""
        parts, self._parts = self._parts, None
        return "".join(parts)


def context_with(sink: Sink, origin: Context | None) -> Context:
    """A context that leads prints to a sink; a copy of ``origin``, or an empty one."""
    context = origin.copy() if origin is not None else Context()
    context.run(SINK.set, sink)
    return context
