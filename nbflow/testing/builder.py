"""`HistoryBuilder`: given a history, what does the workflow do next?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, Self, TypeAlias

import msgspec

from nbflow.core import actions as a
from nbflow.core import history as h
from nbflow.core.divergence import ExecutionStalledError
from nbflow.core.failures import describe
from nbflow.core.identity import next_execution_id
from nbflow.core.payloads import codec
from nbflow.core.retry import as_duration, later
from nbflow.core.state import RuntimeStatus
from nbflow.definitions import ActivityDefinition, WorkflowDefinition
from nbflow.errors import FailureDetails
from nbflow.testing.complaints import ReplayError, WorkflowTestError, two_sides
from nbflow.testing.lines import action_line
from nbflow.testing.recording import BEGINNING, Recording

_Call: TypeAlias = h.TaskScheduled | h.ChildWorkflowCreated

Called: TypeAlias = ActivityDefinition[..., Any] | WorkflowDefinition[..., Any] | str | int
"""An activity or a child that was called: its definition, its name, or the number of the call."""

_PLAIN: Final = codec()
_FIRST: Final = "e" * 32


class HistoryBuilder:
    """Builds the history of a run event by event, and tells what its workflow does next.

    ::

        built = HistoryBuilder(fulfil, input=order)
        assert built.actions == ['#1 check_stock("tea")']
        assert built.completed(check_stock, True).actions == ["#2 wait for 'approval'"]
        assert built.raised("approval", Decision(True)).status == "COMPLETED"

    Nothing runs but the workflow's own code: no engine, no activity, no time but what the history holds.
    After each step the history, and every beginning of it, is replayed cold.

    Args:
        workflow: The workflow.
        input: Its whole input: the value for a workflow with one parameter, else an object by parameter name.
        instance_id: What the run is called.
        start: When it begins.

    Attributes:
        workflow: The workflow.

    Raises:
        ReplayError: Here and in every step: the code can't be replayed; has both sides.
    """

    def __init__(
        self,
        workflow: WorkflowDefinition[..., Any],
        *,
        input: Any = None,
        instance_id: str = "run-1",
        start: datetime = BEGINNING,
    ) -> None:
        record = Recording(workflow, instance_id=instance_id, execution_id=_FIRST, start=start)
        self._begin(workflow, record, workflow.encode_input(input))

    def _begin(
        self, workflow: WorkflowDefinition[..., Any], record: Recording, encoded_input: str, **known: Any
    ) -> None:
        self.workflow = workflow
        self._record = record
        self._caused: list[a.WorkflowAction] = []
        self._step(lambda: record.begin(encoded_input, **known))

    def __repr__(self) -> str:
        return f"<HistoryBuilder of {self.workflow.name} {self._record.instance_id}: {self.status}>"

    # -- what is --------------------------------------------------------------------------------

    @property
    def actions(self) -> list[str]:
        """What the last step made the workflow do, one line an action; times count from the start."""
        return [action_line(action, self._record.start_at) for action in self._caused]

    @property
    def action_data(self) -> list[a.WorkflowAction]:
        """What the last step made the workflow do, as data."""
        return [*self._caused]

    @property
    def history(self) -> list[h.HistoryEvent]:
        """Everything that has happened, as a store would hold it."""
        return [*self._record.history]

    @property
    def now(self) -> datetime:
        """What time it is."""
        return self._record.now

    @property
    def status(self) -> RuntimeStatus:
        """The run's status."""
        return self._record.state.status

    @property
    def custom_status(self) -> Any:
        """What the workflow published last."""
        text = self._record.state.custom_status
        return None if text is None else _PLAIN.decode(text, what="the custom status")

    @property
    def failure(self) -> FailureDetails | None:
        """How the run failed; None if it didn't."""
        return self._record.state.failure

    @property
    def output(self) -> Any:
        """The run's output, by the workflow's annotation.

        Raises:
            WorkflowTestError: It has none; says what the run waits for.
        """
        state = self._record.state
        if state.status is RuntimeStatus.FAILED:
            raise WorkflowTestError(f"{self.workflow.name} failed: {state.failure}")
        if state.output is None:
            raise WorkflowTestError(f"{self.workflow.name} has no output yet: it {self._waits()}")
        if state.status is RuntimeStatus.TERMINATED:
            return _PLAIN.decode(state.output, what="the output")
        return self.workflow.decode_result(state.output)

    @property
    def waits_for(self) -> list[str]:
        """What the run waits for, one line each, the oldest first."""
        state = self._record.state
        opened = {
            **{i: f"activity {task.name}" for i, task in state.tasks.items()},
            **{i: f"child {child.name}" for i, child in state.children.items()},
            **{i: f"event {wait.name!r}" for i, wait in state.waits.items()},
            **{
                i: f"{timer.purpose} at {timer.fire_at:%Y-%m-%d %H:%M:%S}"
                for i, timer in state.timers.items()
            },
        }
        return [f"#{i} {opened[i]}" for i in sorted(opened)]

    # -- what happens ---------------------------------------------------------------------------

    def completed(self, called: Called, result: Any = None, *, after: timedelta | float = 0) -> Self:
        """An activity, or a child workflow, returns.

        Args:
            called: Which; of several open calls of one name the oldest.
            result: What it returns; it has to fit the annotation.
            after: How much time has passed since the last step: a timedelta, or seconds.

        Raises:
            WorkflowTestError: No such call is open; says which are.
            PayloadError: The result doesn't fit.
        """
        call = self._open_call(called)
        text = self._encoded_result(call, result)
        if isinstance(call, h.TaskScheduled):
            return self._take(
                h.TaskCompleted(at=self.now, scheduled_id=call.id, result=text, attempt=call.attempt), after
            )
        return self._take(h.ChildWorkflowCompleted(at=self.now, scheduled_id=call.id, result=text), after)

    def failed(self, called: Called, error: BaseException, *, after: timedelta | float = 0) -> Self:
        """An attempt of an activity, or a child workflow, fails with this error; see `completed`."""
        call = self._open_call(called)
        failure = describe(error)
        if isinstance(call, h.TaskScheduled):
            return self._take(
                h.TaskFailed(at=self.now, scheduled_id=call.id, failure=failure, attempt=call.attempt), after
            )
        return self._take(h.ChildWorkflowFailed(at=self.now, scheduled_id=call.id, failure=failure), after)

    def raised(self, name: str, data: Any = None, *, after: timedelta | float = 0) -> Self:
        """An external event arrives, whether or not somebody waits for it."""
        payload = _PLAIN.encode(data, what=f"the payload of {name!r}")
        return self._take(h.EventRaised(at=self.now, name=name, payload=payload), after)

    def fired(self, number: int | None = None) -> Self:
        """The next timer comes due, or the one of that number; time goes on to its due time.

        Raises:
            WorkflowTestError: There is none.
        """
        timers = self._record.state.timers
        found = min(timers.values(), key=lambda t: (t.fire_at, t.id), default=None)
        timer = found if number is None else timers.get(number)
        if timer is None:
            what = "no timer" if number is None else f"no timer #{number}"
            raise WorkflowTestError(f"{what} is open: {self.workflow.name} {self._waits()}")
        event = h.TimerFired(at=timer.fire_at, scheduled_id=timer.id, fire_at=timer.fire_at)
        return self._take(event, max(timer.fire_at - self.now, timedelta(0)))

    def terminated(self, output: Any = None, *, after: timedelta | float = 0) -> Self:
        """The run is terminated."""
        text = _PLAIN.encode(output, what="the output")
        return self._take(h.ExecutionTerminated(at=self.now, output=text), after)

    def next_generation(self) -> HistoryBuilder:
        """The execution that follows on one that continued as new; this one stays as it is.

        Raises:
            WorkflowTestError: The run did not continue as new.
        """
        record, state = self._record, self._record.state
        if state.continued is None or state.started is None:
            raise WorkflowTestError(f"{self.workflow.name} did not continue as new: it {self._waits()}")
        following = object.__new__(HistoryBuilder)
        following._begin(
            self.workflow,
            Recording(
                self.workflow,
                instance_id=record.instance_id,
                execution_id=next_execution_id(record.execution_id, "continued as new"),
                start=record.now,
            ),
            state.continued.new_input,
            generation=state.started.generation + 1,
            carried=tuple(state.buffered) if state.continued.save_events else (),
            custom_status=state.custom_status,
        )
        return following

    # -- steps ----------------------------------------------------------------------------------

    def _take(self, event: h.InputEvent, after: timedelta | float) -> Self:
        """Let an event happen, that much later."""
        if not self._record.state.accepts(event):
            raise WorkflowTestError(f"nothing happens to {self.workflow.name} any more: it {self._waits()}")
        event = msgspec.structs.replace(event, at=later(self.now, as_duration(after, "after")))
        self._step(lambda: self._record.take(event, after=after))
        return self

    def _step(self, take: Callable[[], list[a.WorkflowAction]]) -> None:
        """Take a turn, and replay every beginning of the history that is new with it."""
        before = len(self._record.history)
        try:
            self._caused = take()
            for length in range(before + 1, len(self._record.history) + 1):
                self._record.cold(length=length).evict()
        except ExecutionStalledError as error:
            raise ReplayError(two_sides(error.stall, self.workflow.name), error.stall) from None

    def _open_call(self, called: Called) -> _Call:
        state = self._record.state
        calls: list[_Call] = sorted([*state.tasks.values(), *state.children.values()], key=lambda c: c.id)
        wanted = called if isinstance(called, (int, str)) else called.name
        for call in calls:
            if wanted in (call.id, call.name):
                return call
        what = f"#{wanted}" if isinstance(wanted, int) else repr(wanted)
        raise WorkflowTestError(f"no call of {what} is open: {self.workflow.name} {self._waits()}")

    def _encoded_result(self, call: _Call, result: Any) -> str:
        """The result on record, by the annotation of what was called."""
        definition = self._record.references.get(call.name)
        what = f"the result of {call.name}"
        if isinstance(definition, (ActivityDefinition, WorkflowDefinition)):
            return definition.signature.result.encode(result, what=what)
        return _PLAIN.encode(result, what=what)

    def _waits(self) -> str:
        state = self._record.state
        if state.status.is_terminal:
            return f"is {state.status}"
        if state.continued is not None:
            return "continued as new: next_generation() goes on"
        return f"waits for {', '.join(self.waits_for)}"
