"""A workflow driven by hand: events in, actions out, told in lines that a test can compare.

Given a history, expect actions: `Run` keeps the history that a real engine would commit, holds the fold of
it (`RuntimeState`) against what the live execution has open, and, when it is closed, replays the history and
every prefix of it in a fresh execution.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from nbflow import activity
from nbflow.core import actions as a
from nbflow.core import history as h
from nbflow.core.divergence import ExecutionStalledError
from nbflow.core.failures import describe
from nbflow.core.replay import Execution, WorkflowCode, replay
from nbflow.core.state import RuntimeState, Stall

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


def raised(name: str, payload: Any = None) -> h.EventRaised:
    return h.EventRaised(at=T0, name=name, payload=msgspec.json.encode(payload).decode())


class Run:
    """One execution, its history, and the time.

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
        self.prefixes = prefixes
        self.code = code
        self.instance_id = instance_id
        self.execution_id = execution_id
        self.now = T0
        self.execution = Execution(code, instance_id=instance_id)
        self.history: list[h.HistoryEvent] = []
        self.state = RuntimeState()
        self.stall: Stall | None = None

    # -- turns -----------------------------------------------------------------------------------

    def start(self, *args: Any, **kwargs: Any) -> list[str]:
        encoded = self.code.encode_call(args, kwargs)  # type: ignore[attr-defined]
        return self.turn(
            h.ExecutionStarted(
                at=self.now,
                name=self.code.name,
                execution_id=self.execution_id,
                input=encoded,
                definition="",
                interpreter=INTERPRETER,
            )
        )

    def turn(self, *events: h.InputEvent, after: float = 0) -> list[str]:
        """One turn with these messages, `after` seconds later."""
        self.now += timedelta(seconds=after)
        actions = self.feed(h.WorkflowStarted(at=self.now))
        assert actions == [], "the beginning of a turn has no effect of its own"
        for event in events:
            assert self.state.accepts(event), f"{event} would have been dropped"
            actions = [*actions, *self.feed(event)]
        return [say(action) for action in actions]

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

    def feed(self, event: Any) -> Sequence[a.WorkflowAction]:
        """Feed one event, and keep it with what it caused."""
        event = msgspec.structs.replace(event, seq=len(self.history) + 1)
        try:
            actions = self.execution.feed(event)
        except ExecutionStalledError as error:
            self.stall = error.stall
            raise
        self._keep(event)
        for action in actions:
            self._keep(a.record(action, seq=len(self.history) + 1, at=self.now))
        self.check_open()
        return actions

    def _keep(self, event: h.HistoryEvent) -> None:
        self.history.append(event)
        self.state.apply(event)

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

    def cold(self, code: WorkflowCode | None = None, length: int | None = None) -> Execution:
        """The history so far, or its beginning, fed to a fresh execution."""
        return replay(
            code or self.code, self.history[:length], instance_id=self.instance_id, prefix=length is not None
        )

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
    match action:
        case a.ScheduleTask(id=i, task_id=task, name=name, input=data, attempt=n, timeout=timeout):
            again = f" attempt {n} of #{task}" if n > 1 else ""
            return f"#{i} {name}({data}){again}" + (f" within {timeout:g}s" if timeout is not None else "")
        case a.CancelTask(id=i):
            return f"cancel activity #{i}"
        case a.CreateTimer(id=i, fire_at=fire_at, purpose=purpose, for_id=for_id):
            whose = f" of #{for_id}" if for_id is not None else ""
            return f"#{i} {purpose}{whose} at {offset(fire_at)}"
        case a.CancelTimer(id=i):
            return f"cancel timer #{i}"
        case a.CreateChildWorkflow(id=i, name=name, input=data):
            return f"#{i} child {name}({data})"
        case a.WaitForEvent(id=i, name=name):
            return f"#{i} wait for {name!r}"
        case a.CancelEventWait(id=i):
            return f"cancel wait #{i}"
        case a.RejectEvent(id=i, name=name):
            return f"reject {name!r} for #{i}"
        case a.SendEvent(instance_id=target, name=name, payload=payload):
            return f"send {name!r} {payload} to {target}"
        case a.SetCustomStatus(value=value):
            return f"status {value}"
        case a.AddMarker(name=name, value=value):
            return f"marker {name} {value}"
        case a.ContinueAsNew(new_input=data):
            return f"continue as new({data})"
        case a.CompleteWorkflow(status="FAILED", failure=failure):
            return f"fail {failure}"
        case a.CompleteWorkflow(output=output):
            return f"return {output}"


def offset(when: datetime) -> str:
    return f"{(when - T0).total_seconds():+g}s"
