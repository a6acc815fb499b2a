"""What a run waits for, and for whom: a person, a time, an activity, a child, code, its owner.

`WantFold` is fed a history's events as they come and keeps only what is open, so that many runs
can be followed at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, Self

import msgspec

from nbflow.core import history as h
from nbflow.core.state import InstanceRecord, RuntimeState, RuntimeStatus, StallReason
from nbflow.views.durations import moment


class WantKind(StrEnum):
    """What would move a run on."""

    OWNER = "owner"
    CODE = "code"
    START = "start"
    EVENT = "event"
    TIMER = "timer"
    RETRY = "retry"
    ACTIVITY = "activity"
    CHILD = "child"


PERSONAL: Final = frozenset({WantKind.OWNER, WantKind.CODE, WantKind.EVENT})
"""What only a person can bring."""


class Want(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a run waits for, or several of the same name.

    Attributes:
        kind: What would move it on.
        name: The event's, the activity's, the child workflow's, the code's; for an owner, what to do.
        due: When it comes by itself, or, of an event, when its time is up.
        instance_id: The child.
        count: How many of them there are.
    """

    kind: WantKind
    name: str = ""
    due: datetime | None = None
    instance_id: str | None = None
    count: int = 1

    @property
    def is_personal(self) -> bool:
        """Whether only a person can bring it."""
        return self.kind in PERSONAL

    @property
    def label(self) -> str:
        """What it is, without its time: ``event 'approval'``, ``timer``, ``activity charge (3)``."""
        match self.kind:
            case WantKind.OWNER:
                text = self.name
            case WantKind.CODE:
                text = f"code of {self.name}"
            case WantKind.START:
                text = "its start"
            case WantKind.EVENT:
                text = f"event '{self.name}'"
            case WantKind.TIMER:
                text = "timer"
            case WantKind.RETRY:
                text = f"retry of {self.name}" if self.name else "a retry"
            case WantKind.ACTIVITY:
                text = f"activity {self.name}"
            case WantKind.CHILD:
                text = f"child workflow {self.name}"
        return f"{text} ({self.count})" if self.count > 1 else text

    def __str__(self) -> str:
        """With its time: ``timer until 2026-12-24 18:00:00 UTC``."""
        if self.due is None:
            return self.label
        word = "at" if self.kind in (WantKind.START, WantKind.RETRY) else "until"
        return f"{self.label} {word} {moment(self.due)}"


class WantFold:
    """What an execution waits for, after the events that it was fed."""

    def __init__(self) -> None:
        self._state = RuntimeState()
        self._failed: tuple[int, str] | None = None  # the call whose attempt failed last
        self._retries: dict[int, str] = {}

    @classmethod
    def of(cls, history: Iterable[h.HistoryEvent]) -> Self:
        """Fold a whole history."""
        fold = cls()
        for event in history:
            fold.apply(event)
        return fold

    @property
    def length(self) -> int:
        """Number of events, which is the ``seq`` of the last one."""
        return self._state.length

    def apply(self, event: h.HistoryEvent) -> None:
        """Take in the next event."""
        match event:
            case h.TaskFailed(scheduled_id=i) if i in self._state.tasks:
                task = self._state.tasks[i]
                self._failed = task.task_id, task.name
            case h.ChildWorkflowFailed(scheduled_id=i) if i in self._state.children:
                child = self._state.children[i]
                self._failed = child.task_id, child.name
            case h.TimerCreated(purpose="retry", id=i, for_id=call):
                known = self._failed is not None and self._failed[0] == call
                self._retries[i] = self._failed[1] if known and self._failed is not None else ""
            case h.TimerFired(scheduled_id=i) | h.TimerCancelled(scheduled_id=i):
                self._retries.pop(i, None)
            case _:
                pass
        self._state.apply(event)

    def wants(self, record: InstanceRecord) -> list[Want]:
        """What is open, in the order that a person wants to read it."""
        state = self._state
        late = {timer.for_id: timer.fire_at for timer in state.timers.values() if timer.purpose == "timeout"}
        found: list[Want] = []
        if state.started is None and record.start_at is not None:
            found.append(Want(kind=WantKind.START, due=record.start_at))
        found += [
            Want(kind=WantKind.EVENT, name=wait.name, due=late.get(wait.id)) for wait in state.waits.values()
        ]
        for timer in state.timers.values():
            if timer.purpose == "timer":
                found.append(Want(kind=WantKind.TIMER, due=timer.fire_at))
            elif timer.purpose == "retry":
                found.append(Want(kind=WantKind.RETRY, name=self._retries[timer.id], due=timer.fire_at))
        found += [Want(kind=WantKind.ACTIVITY, name=task.name) for task in state.tasks.values()]
        found += [
            Want(kind=WantKind.CHILD, name=child.name, instance_id=child.instance_id)
            for child in state.children.values()
        ]
        return found


def wants(
    record: InstanceRecord,
    fold: WantFold,
    *,
    missing_code: Sequence[str] = (),
    is_held: bool = False,
) -> tuple[Want, ...]:
    """Tell what a run waits for; nothing, if it has ended.

    Args:
        record: Its row.
        fold: Its present execution's history.
        missing_code: Names of the workflow and activities that it needs and that aren't registered.
        is_held: Whether it waits for its owner's word since the store was opened.
    """
    if record.status.is_terminal:
        return ()
    first: list[Want] = []
    if is_held:
        first.append(Want(kind=WantKind.OWNER, name=f"its owner: `%wf resume {record.instance_id}`"))
    first += [Want(kind=WantKind.CODE, name=name) for name in missing_code]
    stall = record.stall if record.status is RuntimeStatus.STALLED else None
    if stall is not None and not (stall.reason is StallReason.CODE_MISSING and missing_code):
        words = stall.message.removeprefix(f"{record.instance_id} waits for ")
        return Want(kind=WantKind.OWNER, name=words), *first
    if record.status is RuntimeStatus.SUSPENDED:
        first.append(Want(kind=WantKind.OWNER, name=f"its owner: `%wf resume {record.instance_id}`"))
    return tuple(_together([*first, *fold.wants(record)]))


def _together(found: Iterable[Want]) -> Iterable[Want]:
    """Those of one kind and name as one, but for children, which each have a row of their own."""
    seen: dict[tuple[WantKind, str, object], Want] = {}
    for want in found:
        key = (want.kind, want.name, want.instance_id or (want.due if want.kind is WantKind.TIMER else None))
        before = seen.get(key)
        if before is None:
            seen[key] = want
        else:
            due = min((at for at in (before.due, want.due) if at is not None), default=None)
            seen[key] = msgspec.structs.replace(before, count=before.count + want.count, due=due)
    return seen.values()
