"""One execution driven by hand: events in, and kept as history with the actions that they cause.

It commits what the engine would (`nbflow.core.transition`), without an engine. The
workflow's code is replayed from the history for every turn, and out of memory between
them, so that whatever can't be replayed shows at once.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from nbflow.core import actions as a
from nbflow.core import history as h
from nbflow.core.execution import Execution, WorkflowCode
from nbflow.core.loop import LOOP_RULES
from nbflow.core.references import Reference
from nbflow.core.replay import replay
from nbflow.core.state import RuntimeState

BEGINNING: Final = datetime(2030, 1, 1, tzinfo=UTC)
INTERPRETER: Final = h.Interpreter(python="", anyio="", loop_rules=LOOP_RULES)


class Recording:
    """A history that grows.

    Args:
        code: The workflow.
        instance_id: The run.
        execution_id: The execution; `new_guid` and `random` are seeded from it.
        start: When the execution begins.

    Attributes:
        now: What time it is.
        history: What happened so far.
        state: The fold of it.
        references: The activities and workflows that the code called, by name.
    """

    def __init__(
        self, code: WorkflowCode, *, instance_id: str, execution_id: str, start: datetime = BEGINNING
    ) -> None:
        self.code = code
        self.instance_id = instance_id
        self.execution_id = execution_id
        self.start_at = start
        self.now = start
        self.history: list[h.HistoryEvent] = []
        self.state = RuntimeState()
        self.references: dict[str, Reference] = {}

    def begin(self, encoded_input: str, **known: Any) -> list[a.WorkflowAction]:
        """Take the first turn; gives what the code did.

        Args:
            encoded_input: JSON text.
            **known: Other fields of `ExecutionStarted`.
        """
        started = h.ExecutionStarted(
            at=self.now,
            name=self.code.name,
            execution_id=self.execution_id,
            input=encoded_input,
            definition="",
            interpreter=INTERPRETER,
        )
        return self.take(msgspec.structs.replace(started, **known))

    def take(self, *events: h.InputEvent, after: timedelta | float = 0) -> list[a.WorkflowAction]:
        """Take a turn with these messages; gives what the code did.

        Args:
            *events: In order of delivery.
            after: How much time has passed: a timedelta, or seconds; a computer's clock may go back, too.

        Raises:
            AssertionError: One of them means nothing here: an engine would drop it.
            ExecutionStalledError: The run can't go on; nothing of the turn counts.
        """
        self.now += after if isinstance(after, timedelta) else timedelta(seconds=after)
        execution = self.resumed()
        try:
            actions = self.feed(execution, h.WorkflowStarted(at=self.now))
            for event in events:
                assert self.state.accepts(event), f"{event} would be dropped"
                actions += self.feed(execution, event)
        finally:
            self.references |= execution.references
            self.paused(execution)
        return actions

    def resumed(self) -> Execution:
        """The execution as its history has left it."""
        return replay(self.code, self.history, instance_id=self.instance_id)

    def paused(self, execution: Execution) -> None:
        """Put the execution away until the next turn."""
        execution.evict()

    def cold(self, code: WorkflowCode | None = None, *, length: int | None = None) -> Execution:
        """The history so far, or its beginning, fed to a fresh execution; who asks for it evicts it.

        Raises:
            ExecutionStalledError: The code does something else.
        """
        return replay(
            code or self.code, self.history[:length], instance_id=self.instance_id, prefix=length is not None
        )

    def feed(self, execution: Execution, event: Any) -> list[a.WorkflowAction]:
        """Feed one event, and keep it with what it caused."""
        event = msgspec.structs.replace(event, seq=len(self.history) + 1)
        actions = execution.feed(event)
        self._keep(event)
        for action in actions:
            self._keep(a.record(action, seq=len(self.history) + 1, at=self.now))
        return actions

    def _keep(self, event: h.HistoryEvent) -> None:
        self.history.append(event)
        self.state.apply(event)
