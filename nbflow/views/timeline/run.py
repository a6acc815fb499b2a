"""What a history tells of the run as a whole: when it began and ended, its pauses, its turns."""

from __future__ import annotations

from datetime import datetime

import msgspec

from nbflow.core import history as h
from nbflow.views.timeline.rows import Pause


class RunFacts:
    """The part of a history that belongs to no row.

    Attributes:
        seqs: Positions of its events.
        started: The execution's first event, once it is there.
        ended_at: When the execution came to its end.
        turns: How often the workflow was woken.
        turn_at: When the present turn began.
        pauses: When the run was suspended.
        notes: The markers, as ``name: value``.
    """

    def __init__(self) -> None:
        self.seqs: list[int] = []
        self.started: h.ExecutionStarted | None = None
        self.ended_at: datetime | None = None
        self.turns = 0
        self.turn_at: datetime | None = None
        self.pauses: list[Pause] = []
        self.notes: list[str] = []

    def apply(self, event: h.HistoryEvent, seq: int) -> None:
        """Take in an event that belongs to no row."""
        self.seqs.append(seq)
        match event:
            case h.ExecutionStarted():
                self.started = event
            case h.WorkflowStarted(at=at):
                self.turns += 1
                self.turn_at = self.not_before_turn(at)
            case h.ExecutionSuspended(at=at, reason=reason):
                self._end_pause(at)
                self.pauses.append(Pause(start=at, end=None, reason=reason))
            case h.ExecutionResumed(at=at):
                self._end_pause(at)
            case h.ExecutionForked(origin=origin):
                is_rewind = origin.reason == "rewind"
                self.notes.append(
                    f"taken back: to event {origin.seq} of the execution before"
                    if is_rewind
                    else f"forked: from {origin.instance_id}, event {origin.seq}"
                )
            case h.Marker(name=name, value=value):
                self.notes.append(f"{name}: {value}")
            case h.ContinuedAsNew(at=at) | h.ExecutionTerminated(at=at) | h.ExecutionCompleted(at=at):
                self._end_pause(at)
                self.ended_at = max(at, self.started.at) if self.started is not None else at
            case _:
                pass

    def not_before_turn(self, at: datetime) -> datetime:
        """That time, or the beginning of the turn if it is later: the workflow saw nothing before it woke."""
        return at if self.turn_at is None else max(at, self.turn_at)

    def _end_pause(self, at: datetime) -> None:
        if self.pauses and self.pauses[-1].end is None:
            last = self.pauses[-1]
            self.pauses[-1] = msgspec.structs.replace(last, end=max(at, last.start))
