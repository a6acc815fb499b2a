"""Records and batches for the tests of the stores."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec

from nbflow.core import history as h
from nbflow.core import operations as op
from nbflow.core.state import InstanceRecord, RuntimeStatus, Stall, StallReason
from nbflow.errors import FailureDetails, SourceFrame
from nbflow.ports import HistoryStore, InstanceFilter

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FAILURE = FailureDetails(
    type="ValueError",
    message="no such sku: 'té\u2028a' 😀",
    stack_trace="Traceback …\n",
    frames=(SourceFrame(file="cell", line=3, function="charge", text="raise"),),
    cause=FailureDetails(type="KeyError", message="'tea'"),
    bases=("ValueError", "Exception"),
)
STALL = Stall(
    reason=StallReason.DIVERGED, message="the code changed", expected="a", actual="b", seq=4, line=2
)
PARENT = h.ParentReference(instance_id="parent", execution_id="p-1", scheduled_id=7)
ORIGIN = h.Origin(reason="fork", instance_id="b", execution_id="e2", seq=12)
INTERPRETER = h.Interpreter(python="3.11.9", anyio="4.11", loop_rules=1)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def record(instance_id: str, execution_id: str = "e1", **changes: Any) -> InstanceRecord:
    fields: dict[str, Any] = {
        "instance_id": instance_id,
        "name": "fulfil",
        "execution_id": execution_id,
        "status": RuntimeStatus.RUNNING,
        "created_at": NOON,
        "last_updated_at": NOON,
        "input": '{"sku": "tea"}',
        "definition": "sha-1",
    }
    return InstanceRecord(**(fields | changes))


def put(instance_id: str, execution_id: str = "e1", **changes: Any) -> op.PutInstance:
    return op.PutInstance(record=record(instance_id, execution_id, **changes))


def append(instance_id: str, execution_id: str, *events: h.HistoryEvent, start: int = 1) -> op.AppendHistory:
    numbered = tuple(msgspec.structs.replace(event, seq=seq) for seq, event in enumerate(events, start))
    return op.AppendHistory(instance_id=instance_id, execution_id=execution_id, events=numbered)


def turn(seconds: float = 0) -> h.WorkflowStarted:
    return h.WorkflowStarted(at=at(seconds))


def scheduled(task: int, name: str = "charge") -> h.TaskScheduled:
    return h.TaskScheduled(at=at(task), id=task, task_id=task, name=name, input=f"[{task}]")


def completed(task: int) -> h.TaskCompleted:
    return h.TaskCompleted(
        at=at(task + 1), scheduled_id=task, result="true", started_at=at(task), worker="w1"
    )


def message(row_id: int, instance_id: str, event: Any = None, **fields: Any) -> op.PutInbox:
    event = event or h.EventRaised(at=NOON, name="approval", payload=str(row_id))
    return op.PutInbox(row=op.InboxRow(row_id=row_id, instance_id=instance_id, event=event, **fields))


def timer(row_id: int, instance_id: str, execution_id: str, timer_id: int, seconds: float) -> op.PutInbox:
    event = h.TimerFired(at=at(seconds), scheduled_id=timer_id, fire_at=at(seconds))
    return message(row_id, instance_id, event, execution_id=execution_id, due=at(seconds))


def definition(name: str = "fulfil", source_hash: str = "s1", **changes: Any) -> op.PutDefinition:
    fields: dict[str, Any] = {
        "kind": "workflow",
        "name": name,
        "code_hash": "c1",
        "source": "async def fulfil(ctx): ...\n",
        "source_hash": source_hash,
        "parameters": "(ctx)",
        "created_at": NOON,
    }
    return op.PutDefinition(record=op.DefinitionRecord(**(fields | changes)))


EVERY_EVENT: tuple[h.HistoryEvent, ...] = (
    h.ExecutionStarted(
        at=NOON,
        name="fulfil",
        execution_id="e1",
        input="[1]",
        definition="d",
        interpreter=INTERPRETER,
        parent=PARENT,
        generation=3,
        carried=(
            h.EventRaised(at=NOON, name="Go", payload="0"),
            h.EventRaised(at=at(1), name="ü", payload='""'),
        ),
        custom_status='"busy"',
        restless=2,
    ),
    h.WorkflowStarted(at=at(0.000001)),
    h.ExecutionForked(
        at=at(1), origin=ORIGIN, instance_id="b", execution_id="e3", left_out=(2, 4), changed=7
    ),
    h.TaskScheduled(at=NOON, id=1, task_id=1, name="charge", input='"\\u0000\'"', attempt=2, timeout=1.5),
    h.TaskCompleted(
        at=NOON, scheduled_id=1, result="null", started_at=at(-1), attempt=2, worker="w", prints="a\nb"
    ),
    h.TaskFailed(at=NOON, scheduled_id=1, failure=FAILURE, started_at=at(-1)),
    h.TaskCancelled(at=NOON, scheduled_id=2),
    h.TimerCreated(
        at=NOON, id=3, fire_at=datetime(9999, 12, 31, 23, 59, 59, 999999, UTC), purpose="retry", for_id=1
    ),
    h.TimerFired(at=NOON, scheduled_id=3, fire_at=NOON),
    h.TimerCancelled(at=NOON, scheduled_id=3),
    h.ChildWorkflowCreated(at=NOON, id=4, task_id=4, name="ship", input="{}", instance_id="order:1"),
    h.ChildWorkflowCompleted(at=NOON, scheduled_id=4, result="1"),
    h.ChildWorkflowFailed(at=NOON, scheduled_id=4, failure=FAILURE),
    h.EventWaitCreated(at=NOON, id=5, name="Approval", schema='{"type": "object"}'),
    h.EventWaitCancelled(at=NOON, scheduled_id=5),
    h.EventRaised(at=NOON, name="approval", payload='{"x": 1e400}'),
    h.EventRejected(at=NOON, scheduled_id=5, name="approval", reason="not an object"),
    h.EventSent(at=NOON, id=6, instance_id="other", name="hello", payload="[]"),
    h.CustomStatusSet(at=NOON, value='"half"'),
    h.Marker(at=NOON, name="not-started", value="[3]"),
    h.ExecutionSuspended(at=NOON, reason="lunch"),
    h.ExecutionResumed(at=NOON, lifts_limit=True),
    h.ContinuedAsNew(at=NOON, new_input="2", save_events=False),
    h.ExecutionTerminated(at=NOON, output="1", recursive=False),
    h.ExecutionTerminated(at=NOON, by="order-1"),
    h.ExecutionCompleted(at=NOON, status="FAILED", failure=FAILURE),
)


def contents(store: HistoryStore) -> dict[str, Any]:
    """Everything that a store holds, as its port tells it."""
    instances = store.list_instances(InstanceFilter())
    return {
        "lsn": store.commit([]),
        "instances": instances,
        "counts": store.count_by_status(),
        "histories": {
            (i.instance_id, execution): store.read_history(i.instance_id, execution)
            for i in instances
            for execution in store.list_executions(i.instance_id)
        },
        "inbox": store.read_inbox(),
        "due": store.read_due(datetime.max.replace(tzinfo=UTC)),
        "next_due": store.next_due(),
        "next_row_id": store.next_row_id(),
        "pending": store.pending_tasks(),
        "definitions": store.list_definitions(),
    }


def script(seed: int) -> Iterator[list[op.Operation]]:
    """An endless sequence of batches that any store must accept, always the same for a seed."""
    random = Random(seed)
    lengths: dict[tuple[str, str], int] = {}
    present: dict[str, str] = {}
    rows: list[int] = []
    next_row = 1
    generation = 0
    while True:
        batch: list[op.Operation] = []
        for _ in range(random.randint(1, 12)):
            instance_id = f"order-{random.randint(1, 9)}"
            generation += 1
            if instance_id not in present or random.random() < 0.01:
                present[instance_id] = f"e{generation}"
            execution_id = present[instance_id]
            batch.append(put(instance_id, execution_id, custom_status=str(generation)))
            match random.choice(
                ("append", "append", "message", "timer", "consume", "close", "purge", "define")
            ):
                case "append":
                    start = lengths.get((instance_id, execution_id), 0) + 1
                    events = [
                        random.choice((turn(start), scheduled(start))) for _ in range(random.randint(1, 4))
                    ]
                    batch.append(append(instance_id, execution_id, *events, start=start))
                    lengths[instance_id, execution_id] = start + len(events) - 1
                case "message":
                    batch.append(message(next_row, instance_id))
                    rows.append(next_row)
                    next_row += 1
                case "timer":
                    batch.append(timer(next_row, instance_id, execution_id, next_row, next_row))
                    next_row += 1
                case "consume":
                    taken = tuple(random.sample(rows, min(len(rows), 3)))
                    batch += [
                        op.DeleteInbox(row_ids=taken),
                        op.DeleteTimers(execution_id=execution_id, timer_ids=(next_row - 1,)),
                    ]
                case "close":
                    batch.append(op.CloseExecution(instance_id=instance_id, execution_id=execution_id))
                case "purge" if random.random() < 0.3:
                    batch.append(op.PurgeInstance(instance_id=instance_id))
                    del present[instance_id]
                case _:
                    batch.append(definition(source_hash=f"s{random.randint(1, 5)}", source=str(generation)))
        yield batch
