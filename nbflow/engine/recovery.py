"""What an opened store has for the engine to go on with, beside its inbox and its timers."""

from __future__ import annotations

from collections.abc import Iterable

from nbflow.core.history import TaskCompleted, TaskFailed, TaskScheduled
from nbflow.core.operations import InboxRow
from nbflow.core.state import InstanceRecord
from nbflow.engine.commits import Committer


async def pending_attempts(
    committer: Committer, inbox: Iterable[InboxRow]
) -> list[tuple[InstanceRecord, TaskScheduled]]:
    """The activity attempts that have to run again, with the rows of their instances.

    The result of an attempt may be in the inbox, where a suspended or stalled run left
    it: such an attempt was recorded, and must not run again (S19).
    """
    recorded = {
        (row.execution_id, row.event.scheduled_id)
        for row in inbox
        if isinstance(row.event, (TaskCompleted, TaskFailed))
    }
    pending = [
        task
        for task in await committer.read(lambda store: store.pending_tasks())
        if (task.execution_id, task.event.id) not in recorded
    ]
    owners = list({task.instance_id for task in pending})
    records = await committer.read(lambda store: store.get_instances(owners))
    return [(records[task.instance_id], task.event) for task in pending]
