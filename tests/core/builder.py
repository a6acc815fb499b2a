"""A workflow driven by hand, as `nbflow.testing` does it, and kept in memory from event to event.

Given a history, expect actions: `Run` holds the fold of the history (`RuntimeState`) against what the live
execution has open, and, when it is closed, replays the history and every prefix of it in a fresh execution.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from nbflow import activity
from nbflow.core import actions as a
from nbflow.core import history as h
from nbflow.core.divergence import ExecutionStalledError
from nbflow.core.execution import Execution, WorkflowCode
from nbflow.core.failures import describe
from nbflow.core.state import Stall
from nbflow.testing.lines import action_line
from nbflow.testing.recording import Recording

T0 = datetime(2026, 1, 1, tzinfo=UTC)
INTERPRETER = h.Interpreter(python="3.11", anyio="4", loop_rules=1)

plain_calls: list[str] = []
"""What ran as a plain function; nothing may, in workflow code."""


@activity
def work(item: Any = None) -> Any:
    plain_calls.append(f"work({item})")


@activity
def refund(item: Any = None) -> Any:
    plain_calls.append(f"refund({item})")


def completed(scheduled_id: int, result: Any = None) -> h.TaskCompleted:
    return h.TaskCompleted(at=T0, scheduled_id=scheduled_id, result=msgspec.json.encode(result).decode())


def failed(scheduled_id: int, error: BaseException | None = None) -> h.TaskFailed:
    return h.TaskFailed(
        at=T0, scheduled_id=scheduled_id, failure=describe(error or RuntimeError("out of paper"))
    )


def child_completed(scheduled_id: int, result: Any = None) -> h.ChildWorkflowCompleted:
    return h.ChildWorkflowCompleted(
        at=T0, scheduled_id=scheduled_id, result=msgspec.json.encode(result).decode()
    )


def child_failed(scheduled_id: int, error: BaseException | None = None) -> h.ChildWorkflowFailed:
    return h.ChildWorkflowFailed(
        at=T0, scheduled_id=scheduled_id, failure=describe(error or RuntimeError("out of paper"))
    )


def raised(name: str, payload: Any = None) -> h.EventRaised:
    return h.EventRaised(at=T0, name=name, payload=msgspec.json.encode(payload).decode())


class Run(Recording):
    """One execution, which stays in memory, its history, and the time.

    `start`, `turn` and the methods named after events return the lines of the actions that followed.
    """

    def __init__(
        self,
        code: WorkflowCode,
        *,
        instance_id: str = "run-1",
        execution_id: str = "e1",
        prefixes: bool = True,
    ) -> None:
        super().__init__(code, instance_id=instance_id, execution_id=execution_id, start=T0)
        self.prefixes = prefixes
        self.execution = Execution(code, instance_id=instance_id)
        self.stall: Stall | None = None

    # -- turns -----------------------------------------------------------------------------------

    def start(self, *args: Any, **kwargs: Any) -> list[str]:
        encoded = self.code.encode_call(args, kwargs)  # type: ignore[attr-defined]
        return [say(action) for action in self.begin(encoded, interpreter=INTERPRETER)]

    def turn(self, *events: h.InputEvent, after: float = 0) -> list[str]:
        """One turn with these messages, `after` seconds later."""
        return [say(action) for action in self.take(*events, after=after)]

    def complete(self, scheduled_id: int, result: Any = None, *, after: float = 0) -> list[str]:
        return self.turn(completed(scheduled_id, result), after=after)

    def fail(self, scheduled_id: int, error: BaseException | None = None, *, after: float = 0) -> list[str]:
        return self.turn(failed(scheduled_id, error), after=after)

    def raise_event(self, name: str, payload: Any = None, *, after: float = 0) -> list[str]:
        return self.turn(raised(name, payload), after=after)

    def fire(self, scheduled_id: int) -> list[str]:
        """The timer comes due, at its time."""
        fire_at = self.state.timers[scheduled_id].fire_at
        self.now = max(self.now, fire_at)
        return self.turn(self.fired(scheduled_id))

    def fired(self, scheduled_id: int) -> h.TimerFired:
        timer = self.state.timers[scheduled_id]
        return h.TimerFired(at=timer.fire_at, scheduled_id=scheduled_id, fire_at=timer.fire_at)

    def resumed(self) -> Execution:
        return self.execution

    def paused(self, execution: Execution) -> None:
        """It stays in memory."""

    def feed(self, execution: Execution, event: Any) -> list[a.WorkflowAction]:
        try:
            actions = super().feed(execution, event)
        except ExecutionStalledError as error:
            self.stall = error.stall
            raise
        assert not isinstance(event, h.WorkflowStarted) or actions == [], "a turn's beginning has no effect"
        self.check_open()
        return actions

    # -- what holds at any time --------------------------------------------------------------------

    @property
    def output(self) -> Any:
        assert self.state.output is not None, f"{self.state.status}: {self.state.failure}"
        return msgspec.json.decode(self.state.output)

    def check_open(self) -> None:
        """The fold of the history knows what is open as the execution does."""
        if self.execution.is_finished:
            return
        known = {**self.state.tasks, **self.state.timers, **self.state.children}
        highest = max([0, *known]) + 5
        assert sorted(known) == [i for i in range(1, highest) if self.execution.is_open(i)]
        waits = [task.id for task in self.execution._waits]
        assert list(self.state.waits) == waits
        assert list(self.state.buffered) == list(self.execution._buffered)
        assert self.state.clock == self.execution.clock

    def diverge(self, code: WorkflowCode) -> Stall:
        """What is said about other code for this history."""
        try:
            self.cold(code).evict()
        except ExecutionStalledError as error:
            return error.stall
        raise AssertionError("the other code fits this history")

    def close(self) -> None:
        """Replay all of it, and every beginning of it; then unwind."""
        self.execution.evict()
        if self.stall is not None:
            return
        lengths = range(1, len(self.history) + 1) if self.prefixes else ()
        for length in [None, *lengths]:
            execution = self.cold(length=length)
            assert execution.starts == 1 or length == 1
            execution.evict()


def say(action: a.WorkflowAction) -> str:
    """One action, in a line."""
    return action_line(action, T0)
