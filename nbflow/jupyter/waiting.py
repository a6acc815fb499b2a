"""What a run waits for, in words, and whether anything but a person can move it on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from nbflow.core.history import HistoryEvent
from nbflow.core.state import InstanceRecord, RuntimeStatus, StallReason
from nbflow.views.durations import moment
from nbflow.views.instances import Want, WantFold, WantKind

_DEEPEST: Final = 20


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """What a run waits for; empty where it doesn't.

    Attributes:
        instance_id: The run.
        status: Its status.
        code: Names of the workflow and activities whose code isn't there.
        is_outdated: Whether the workflow's code is there, but in another version than the run's.
        stall: Why it is stalled otherwise, in words.
        has_parted: Whether there is a picture of that: code and history, side by side.
        events: Names of the events, each once.
        timers: When the timers fire, as text.
        activities: Names of activities that are running.
        children: Instance IDs of child workflows.
        starts: When it is to begin, if that is put off.
    """

    instance_id: str
    status: RuntimeStatus
    code: tuple[str, ...] = ()
    is_outdated: bool = False
    stall: str = ""
    has_parted: bool = False
    events: tuple[str, ...] = ()
    timers: tuple[str, ...] = ()
    activities: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    starts: str = ""

    def __str__(self) -> str:
        """One clause for a list: ``order-42 waits for 'approval'``."""
        run = self.instance_id
        if self.status.is_terminal:
            return f"{run} is {self.status}"
        if self.code:
            return self._code_sentence()
        if self.stall:
            told = self.stall if self.stall.startswith(run) else f"{run} is stalled: {self.stall}"
            return f"{told}; %wf show {run} shows both sides" if self.has_parted else told
        if self.status is RuntimeStatus.SUSPENDED:
            return f"{run} is suspended: %wf resume {run}"
        return f"{run} waits for {self.things}" if self.things else f"{run} is {self.status}"

    def _code_sentence(self) -> str:
        run, names = self.instance_id, " and ".join(f"`{name}`" for name in self.code)
        if self.is_outdated:
            return (
                f"{run} was started with another version of {names}: run the cell that defines that version, "
                f"or type %wf resume {run} to go on with the present one"
            )
        return f"{run} waits for code: run the cell that defines {names}"

    @property
    def things(self) -> str:
        """What it waits for, as a list: ``'approval', charge, a timer until …``."""
        parts = [
            *(f"'{name}'" for name in self.events),
            *self.activities,
            *self.children,
            *(f"a timer until {due}" for due in self.timers),
        ]
        if self.starts:
            parts.append(f"its start at {self.starts}")
        return ", ".join(parts)

    @property
    def is_stuck(self) -> bool:
        """Whether the run stands still by itself: its own activities, timers and children left aside."""
        return bool(self.code or self.stall) or self.status is RuntimeStatus.SUSPENDED


def waiting(
    record: InstanceRecord,
    history: Sequence[HistoryEvent],
    missing_code: Sequence[str],
    *,
    is_outdated: bool = False,
) -> Waiting:
    """Tell what a run waits for.

    Args:
        record: Its row.
        history: The events of its present execution.
        missing_code: Names of the code that it needs and that isn't registered.
        is_outdated: Whether another version of the workflow is registered.
    """
    if record.status.is_terminal:
        return Waiting(instance_id=record.instance_id, status=record.status)
    found = WantFold.of(history).wants(record)
    stall = record.stall if record.status is RuntimeStatus.STALLED else None
    waits_for_code = stall is not None and stall.reason is StallReason.CODE_MISSING
    return Waiting(
        instance_id=record.instance_id,
        status=record.status,
        code=tuple(missing_code),
        is_outdated=is_outdated and record.name in missing_code,
        stall=stall.message if stall is not None and not (waits_for_code and missing_code) else "",
        has_parted=stall is not None and stall.divergence is not None,
        events=_names(found, WantKind.EVENT),
        timers=_times(found, WantKind.TIMER, WantKind.RETRY),
        activities=_names(found, WantKind.ACTIVITY),
        children=tuple(want.instance_id for want in found if want.instance_id is not None),
        starts="".join(_times(found, WantKind.START)),
    )


def _names(found: Sequence[Want], kind: WantKind) -> tuple[str, ...]:
    return tuple(dict.fromkeys(want.name for want in found if want.kind is kind))


def _times(found: Sequence[Want], *kinds: WantKind) -> tuple[str, ...]:
    return tuple(moment(want.due) for want in found if want.kind in kinds and want.due is not None)


def needs_a_person(
    run: Waiting, look: Callable[[str], Waiting], *, time_moves: bool = True, deepest: int = _DEEPEST
) -> bool:
    """Tell whether only a person can move a run on: by an event, a cell, or a command.

    A wait's own timeout doesn't count as something that moves it on.

    Args:
        run: The run.
        look: Gives what another run waits for: a child's.
        time_moves: Whether time goes on by itself; where it is virtual, somebody has to skip it.
        deepest: How many generations of children to look at.
    """
    if run.status.is_terminal:
        return False
    if run.is_stuck:
        return True
    is_due = bool(run.timers or run.starts)
    if run.activities or (is_due and time_moves) or deepest == 0:
        return False
    children = map(look, run.children)
    if not all(needs_a_person(c, look, time_moves=time_moves, deepest=deepest - 1) for c in children):
        return False
    return bool(run.events or run.children or is_due)
