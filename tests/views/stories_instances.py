"""A shop's runs, for the tests of the table of all runs: one of each kind."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from nbflow.core import history as h
from nbflow.core.history import HistoryEvent
from nbflow.core.state import InstanceRecord, RuntimeStatus, Stall, StallReason
from nbflow.views.instances import InstanceRow, Listing, WantFold, instance_row
from tests.views.stories import T0, Story, at, completed, failing, hostile, running, waiting

Run = tuple[InstanceRecord, list[HistoryEvent]]


def run(story: Story, instance_id: str, created: float, **changes: object) -> Run:
    """A story as a run of another ID, that was started so many seconds after `T0`."""
    shift = timedelta(seconds=created)
    record = msgspec.structs.replace(
        story.record(),
        instance_id=instance_id,
        created_at=T0 + shift,
        last_updated_at=at(story.now) + shift,
        **changes,
    )
    return record, list(story.events)


def asking(name: str = "approval", workflow: str = "fulfil") -> Story:
    story = Story(name=workflow).start()
    story.wait(1.0, name, '{"type": "boolean"}')
    story.now = 1.0
    return story


def sleeping() -> Story:
    story = Story(name="remind").start()
    story.timer(0.0, 86400.0 * 3)
    return story


def fanned_out() -> Story:
    story = Story(name="survey").start()
    for _ in range(5):
        story.task(0.0, "measure_island")
    story.task(0.0, "fetch_map")
    story.now = 2.0
    return story


def retrying() -> Story:
    story = Story(name="publish").start()
    task = story.task(0.0, "upload")
    story.failed(1.0, task)
    story.timer(1.0, 61.0, "retry", task)
    return story


def parent() -> Story:
    story = Story(name="season", instance_id="season-3").start()
    story.child(0.0, "survey")
    story.child(0.0, "publish")
    story.now = 0.2
    return story


def of_parent(number: int) -> h.ParentReference:
    return h.ParentReference(instance_id="season-3", execution_id="e", scheduled_id=number)


def put_off() -> Story:
    story = Story(name="remind")
    story.status = RuntimeStatus.PENDING
    return story


def shop() -> list[Run]:
    """The runs, oldest first."""
    missing = Stall(
        reason=StallReason.DIVERGED,
        message="order-38 differs from its history at event 7: type %wf resume order-38 once the old code is back",
    )
    return [
        run(completed(), "order-36", 0),
        run(failing(), "order-37", 10),
        run(running(), "order-38", 20, status=RuntimeStatus.STALLED, stall=missing),
        run(asking("bank answer", "refund"), "refund-7", 40, status=RuntimeStatus.SUSPENDED),
        run(parent(), "season-3", 60),
        run(fanned_out(), "season-3:9f3c2a7b:0001", 60.1, parent=of_parent(1)),
        run(retrying(), "season-3:9f3c2a7b:0002", 60.2, parent=of_parent(2), generation=3),
        run(sleeping(), "remind-9", 80, custom_status='"three days to go"'),
        run(completed(), "order-40", 90, status=RuntimeStatus.TERMINATED, output='"no longer wanted"'),
        run(waiting(), "order-42", 100),
        run(put_off(), "remind-10", 110, start_at=at(86400.0)),
    ]


def hostile_run() -> Run:
    return run(hostile(), "order-66", 120)


def row_of(run: Run, missing_code: Sequence[str] = (), *, is_held: bool = False) -> InstanceRow:
    record, history = run
    return instance_row(record, WantFold.of(history), missing_code=missing_code, is_held=is_held)


def listing(runs: Sequence[Run], now: float = 130.0) -> Listing:
    """A page of runs, newest first."""
    counts: dict[RuntimeStatus, int] = {}
    for record, _ in runs:
        counts[record.status] = counts.get(record.status, 0) + 1
    return Listing(rows=tuple(row_of(run) for run in reversed(runs)), counts=counts, now=at(now))
