"""A run as it was at one moment, for whoever has more than one question about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextvars import Context
from datetime import datetime
from typing import Any, Final

from nbflow.core.history import HistoryEvent
from nbflow.core.state import InstanceRecord
from nbflow.definitions import WorkflowDefinition
from nbflow.errors import LookNotPossible
from nbflow.widgets.source import CardSource, Commit, ForkOffer, RewindOffer

_LOOKS: Final = frozenset({"replay", "graph"})


class StillSource:
    """What a run is now, whatever becomes of it; nothing can be done to it. See `CardSource`.

    Args:
        source: The run.

    Raises:
        NbflowError: It can't be read.
    """

    stands_still = True

    def __init__(self, source: CardSource) -> None:
        self._source = source
        self._definition = source.definition()
        self._now, self.caveat = source.now(), source.caveat
        record, history = source.snapshot()
        self._found = record, tuple(history)
        self.capabilities = _LOOKS & source.capabilities

    def snapshot(self) -> tuple[InstanceRecord, Sequence[HistoryEvent]]:
        """The run as it was."""
        return self._found

    def subscribe(self, callback: Commit) -> Callable[[], None]:
        """Nothing happens any more."""
        return lambda: None

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        """Nothing is there later."""

    def raise_event(self, name: str, payload_json: str) -> Future[None]:
        """Refuse it."""
        raise LookNotPossible("this is a picture of the run: an event is raised in its notebook")

    def command(self, name: str) -> Future[str]:
        """Refuse it."""
        raise LookNotPossible("this is a picture of the run: its notebook has the commands")

    def fork(self, seq: int, value: str | None, instance_id: str) -> Future[str]:
        """Refuse it."""
        raise LookNotPossible("this is a picture of the run: it is forked in its notebook")

    def fork_offer(self, seq: int) -> ForkOffer:
        """Refuse it."""
        raise LookNotPossible("this is a picture of the run: it is forked in its notebook")

    def rewind_offer(self) -> RewindOffer:
        """Refuse it."""
        raise LookNotPossible("this is a picture of the run: it is taken back in its notebook")

    def peers(self) -> Sequence[str]:
        """None: it stands for itself."""
        return ()

    def definition(self) -> WorkflowDefinition[Any, Any] | None:
        """The code that it went by."""
        return self._definition

    def kind_of(self, name: str) -> str | None:
        """What a name stands for in workflow code."""
        return self._source.kind_of(name)

    def quiet_context(self) -> Context:
        """Context variables under which what workflow code prints is dropped."""
        return self._source.quiet_context()

    def other(self, instance_id: str) -> CardSource:
        """Another run."""
        return self._source.other(instance_id)

    def aside(self, look: Callable[[], object]) -> None:
        """Do something that may take its time."""
        self._source.aside(look)

    @property
    def opened_at(self) -> datetime:
        """When the engine took the run's history up."""
        return self._source.opened_at

    def now(self) -> datetime:
        """The time of the picture."""
        return self._now
