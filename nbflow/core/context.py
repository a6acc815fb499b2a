"""What authors call inside a workflow: Dapr's names, over the same durable tasks as plain asyncio."""

from __future__ import annotations

import logging
import random
import uuid
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, Protocol, TypeVar

import msgspec

from nbflow.core import actions as a
from nbflow.core.calls import ActivityTask, ChildTask, TaskCall
from nbflow.core.history import ExecutionStarted, ParentReference
from nbflow.core.identity import check_instance_id
from nbflow.core.payloads import Unannotated, codec
from nbflow.core.references import ActivityReference, Reference, WorkflowReference
from nbflow.core.retry import RetryPolicy, as_duration, later
from nbflow.core.tasks import DurableTask, EventTask, Scheduler, TimerTask
from nbflow.errors import DefinitionError, NotReplayableError

_T = TypeVar("_T")


class ContextOwner(Scheduler, Protocol):
    """What the context needs of its execution."""

    @property
    def is_replaying(self) -> bool: ...

    @property
    def instance_id(self) -> str: ...

    @property
    def execution_id(self) -> str: ...

    @property
    def parent(self) -> ParentReference | None: ...

    @property
    def started(self) -> ExecutionStarted: ...

    def is_entered(self) -> bool:
        """Whether the execution's own loop is running here and now."""
        ...

    def wait_for(self, task: EventTask[Any]) -> None:
        """Offer buffered events to a new wait, and list it if none fits."""
        ...

    def refer(self, reference: Reference) -> None:
        """Note that the code uses this activity or workflow."""
        ...

    def continue_as_new(self, new_input: Any, save_events: bool) -> NoReturn:
        """End the execution, to begin another one with a new input."""
        ...


class _ReplaySafeLogger(logging.LoggerAdapter[logging.Logger]):
    """Logs what is new and nothing that is replayed (S70)."""

    def __init__(self, owner: ContextOwner) -> None:
        super().__init__(logging.getLogger("nbflow.workflow"), {"instance_id": owner.instance_id})
        self._owner = owner

    def isEnabledFor(self, level: int) -> bool:
        return not self._owner.is_replaying and super().isEnabledFor(level)

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        return f"[{self._owner.instance_id}] {msg}", kwargs


class WorkflowContext:
    """The workflow's side of the engine: everything here is recorded, and replayed as recorded.

    A workflow gets it as its first parameter, if that is called ``ctx`` or annotated with this
    class; in a ``%%workflow`` cell it is there as ``ctx``. Use it only inside the workflow that
    got it.
    """

    def __init__(self, owner: ContextOwner) -> None:
        self._owner = owner
        self._random: random.Random | None = None
        self._guids = 0
        self._logger: logging.LoggerAdapter[logging.Logger] | None = None

    def __repr__(self) -> str:
        return f"<WorkflowContext of {self.workflow_name} {self.instance_id!r}>"

    @property
    def instance_id(self) -> str:
        """The ID of this run."""
        return self._owner.instance_id

    @property
    def parent_instance_id(self) -> str | None:
        """The ID of the parent workflow's run, or None."""
        parent = self._owner.parent
        return parent.instance_id if parent is not None else None

    @property
    def execution_id(self) -> str:
        """The ID of this execution; another one after continue-as-new."""
        return self._owner.execution_id

    @property
    def workflow_name(self) -> str:
        """The registered name of this workflow."""
        return self._owner.started.name

    @property
    def current_utc_datetime(self) -> datetime:
        """The workflow's time, aware UTC: recorded, constant within a turn, never going back."""
        return self._owner.clock

    @property
    def is_replaying(self) -> bool:
        """True while recorded history is executed again."""
        return self._owner.is_replaying

    @property
    def logger(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger that is silent during replay."""
        if self._logger is None:
            self._logger = _ReplaySafeLogger(self._owner)
        return self._logger

    def call_activity(
        self,
        activity: str | Callable[..., Any] | ActivityReference,
        *,
        input: Any = None,
        retry_policy: RetryPolicy | None = None,
        timeout: timedelta | float | None = None,
    ) -> DurableTask[Any]:
        """Schedule an activity at once.

        Args:
            activity: The activity, or its registered name.
            input: The value itself for an activity with one parameter; for one with several, an
                object keyed by parameter name.
            retry_policy: Overrides the activity's own.
            timeout: Of each attempt, seconds or timedelta; overrides the activity's own.

        Returns:
            A task that can be awaited any number of times.

        Raises:
            ArgumentsError: The input doesn't fit the activity's signature.
            PayloadError: The input can't be carried as JSON.
            DefinitionError: A plain function was given.
        """
        if isinstance(activity, str):
            limit = None if timeout is None else as_duration(timeout, "timeout")
            call = _plain_call(activity, input)
            return self._schedule(msgspec.structs.replace(call, retry=retry_policy, timeout=limit))
        if not isinstance(activity, ActivityReference):
            label = getattr(activity, "__name__", repr(activity))
            raise DefinitionError(f"{label} is no activity: put @activity (or %%activity) on it")
        return self.schedule_activity(
            activity, activity.encode_input(input), retry_policy=retry_policy, timeout=timeout
        )

    def schedule_activity(
        self,
        activity: ActivityReference,
        encoded_input: str,
        *,
        retry_policy: RetryPolicy | None = None,
        timeout: timedelta | float | None = None,
    ) -> DurableTask[Any]:
        """Schedule an activity whose input is on record form already; ``activity(...)`` comes here."""
        self._owner.refer(activity)
        return self._schedule(
            TaskCall(
                name=activity.name,
                input=encoded_input,
                decode=activity.decode_result,
                retry=retry_policy or activity.retry_policy,
                timeout=activity.timeout if timeout is None else as_duration(timeout, "timeout"),
            )
        )

    def _schedule(self, call: TaskCall) -> DurableTask[Any]:
        self._check_here("call_activity")
        return ActivityTask(self._owner, call)

    def call_child_workflow(
        self,
        workflow: str | Callable[..., Any] | WorkflowReference,
        *,
        input: Any = None,
        instance_id: str | None = None,
        retry_policy: RetryPolicy | None = None,
    ) -> DurableTask[Any]:
        """Start a child workflow at once: a run with an ID, a history and a status of its own.

        Args:
            workflow: The workflow, or its registered name; it runs the newest code of that name.
            input: The value itself for a workflow with one parameter; for one with several, an
                object keyed by parameter name.
            instance_id: The child's ID; derived from this run's by default. One that belongs to an
                active run fails the call.
            retry_policy: When to start it again after a failure. A child that was terminated is not.

        Returns:
            A task that can be awaited any number of times; a failed child raises TaskFailedError there,
            a terminated one ChildTerminatedError.

        Raises:
            ArgumentsError: The input doesn't fit the workflow's signature.
            PayloadError: The input can't be carried as JSON.
            InvalidInstanceIdError: The ID has other characters than a caller may give.
            DefinitionError: A plain function was given.
        """
        if instance_id is not None:
            check_instance_id(instance_id)
        if isinstance(workflow, str):
            call = _plain_call(workflow, input)
        elif isinstance(workflow, WorkflowReference) and not isinstance(workflow, ActivityReference):
            self._owner.refer(workflow)
            call = _call(workflow, workflow.encode_input(input))
        else:
            label = getattr(workflow, "__name__", repr(workflow))
            raise DefinitionError(f"{label} is no workflow: put @workflow (or %%workflow) on it")
        return self._start_child(msgspec.structs.replace(call, retry=retry_policy, instance_id=instance_id))

    def schedule_child(self, workflow: WorkflowReference, encoded_input: str) -> DurableTask[Any]:
        """Start a child whose input is on record form already; ``workflow(...)`` comes here."""
        self._owner.refer(workflow)
        return self._start_child(_call(workflow, encoded_input))

    def _start_child(self, call: TaskCall) -> DurableTask[Any]:
        self._check_here("call_child_workflow")
        return ChildTask(self._owner, call)

    def send_event(self, instance_id: str, name: str, *, data: Any = None) -> None:
        """Raise an external event at another run; it is on its way once this turn is durable.

        One for a run that has ended, or that there is none of, is dropped, and logged.

        Args:
            instance_id: The other run.
            name: The event's name.
            data: Its payload.

        Raises:
            PayloadError: The data can't be carried as JSON.
        """
        self._check_here("send_event")
        if not instance_id or not name:
            raise ValueError("send_event needs the ID of a run and the name of an event")
        payload = codec().encode(data, what=f"the payload of {name!r}")
        self._owner.emit(
            a.SendEvent(id=self._owner.next_id(), instance_id=instance_id, name=name, payload=payload)
        )

    def continue_as_new(self, new_input: Any = None, *, save_events: bool = True) -> NoReturn:
        """End this execution here and begin a new one in its place: same ID, new input, empty history.

        Nothing behind the call runs, and what a ``finally`` block would call is not called. Timers
        are cancelled and results of running activities ignored; children live on.

        Args:
            new_input: The input of the new execution.
            save_events: Whether events that came and were not consumed go along (Dapr: not).

        Raises:
            ArgumentsError: The input doesn't fit the workflow's signature.
            PayloadError: The input can't be carried as JSON.
        """
        self._check_here("continue_as_new")
        self._owner.continue_as_new(new_input, save_events)

    def create_timer(self, due: datetime | timedelta | float) -> DurableTask[None]:
        """Start a durable timer at once.

        Args:
            due: A date (naive ones are UTC), or a duration (timedelta or seconds).
        """
        self._check_here("create_timer")
        if isinstance(due, datetime):
            fire_at = due.replace(tzinfo=UTC) if due.tzinfo is None else due.astimezone(UTC)
        else:
            fire_at = later(self._owner.clock, as_duration(due, "a timer's duration"))
        return TimerTask(self._owner, fire_at)

    def wait_for_external_event(
        self, name: str, *, timeout: timedelta | float | None = None, data_type: type[_T] | Any = Unannotated
    ) -> DurableTask[_T]:
        """Wait for an event from outside; one that came before is taken at once, oldest first.

        Args:
            name: The event's name; upper and lower case are one.
            timeout: How long to wait, seconds or timedelta; then awaiting it raises TimeoutError.
            data_type: What the payload must be; others are rejected, and the wait goes on.
        """
        self._check_here("wait_for_external_event")
        if not name:
            raise ValueError("an external event needs a name")
        task: EventTask[_T] = EventTask(
            self._owner,
            name,
            payload=codec(data_type).for_events(),
            timeout=None if timeout is None else as_duration(timeout, "timeout"),
        )
        self._owner.wait_for(task)
        task.arm()
        return task

    def set_custom_status(self, value: Any) -> None:
        """Publish a value as the run's custom status."""
        self._check_here("set_custom_status")
        self._owner.emit(a.SetCustomStatus(value=codec().encode(value, what="the custom status")))

    def new_guid(self) -> uuid.UUID:
        """A UUID that is the same in every replay."""
        self._check_here("new_guid")
        self._guids += 1
        return uuid.uuid5(uuid.NAMESPACE_OID, f"{self.execution_id}:{self._guids}")

    def random(self) -> random.Random:
        """The execution's stream of random numbers, the same in every replay."""
        self._check_here("random")
        if self._random is None:
            self._random = random.Random(
                self._owner.started.execution_id
            )  # a fork goes on with the same stream
        return self._random

    def _check_here(self, what: str) -> None:
        if not self._owner.is_entered():
            raise NotReplayableError(
                f"ctx.{what}() was called outside the workflow {self.instance_id!r}, from another thread or "
                "loop: use the context only in the workflow itself, and do other work in an activity"
            )


def _call(reference: Reference, encoded_input: str) -> TaskCall:
    return TaskCall(name=reference.name, input=encoded_input, decode=reference.decode_result)


def _plain_call(name: str, input: Any) -> TaskCall:
    """A call by name alone: its values are plain JSON."""
    plain = codec()
    return TaskCall(
        name=name,
        input=plain.encode(input, what=f"the input of {name}"),
        decode=lambda text: plain.decode(text, what=f"the result of {name}"),
    )


class WorkflowActivityContext:
    """What an activity may know of the call that it serves.

    Attributes:
        instance_id: The run that called.
        task_id: The logical call; the same for every attempt.
        attempt: From 1. A run again after a crash keeps the number.
        idempotency_key: ``instance:execution:task``, the same for every attempt.
        workflow_name: The workflow that called.
    """

    def __init__(
        self, *, instance_id: str, execution_id: str, task_id: int, attempt: int, workflow_name: str
    ) -> None:
        self.instance_id = instance_id
        self.task_id = task_id
        self.attempt = attempt
        self.workflow_name = workflow_name
        self.idempotency_key = f"{instance_id}:{execution_id}:{task_id}"

    def __repr__(self) -> str:
        return f"<WorkflowActivityContext {self.idempotency_key} attempt {self.attempt}>"
