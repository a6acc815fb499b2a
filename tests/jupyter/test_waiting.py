"""What a run waits for, in words, and when only a person can move it on."""

from datetime import UTC, datetime
from typing import Any

import pytest

from nbflow.core import history as h
from nbflow.core.state import InstanceRecord, RuntimeStatus, Stall, StallReason
from nbflow.jupyter.waiting import Waiting, needs_a_person, waiting

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATER = datetime(2026, 12, 24, 18, tzinfo=UTC)
STARTED = h.ExecutionStarted(
    at=NOW,
    name="fulfil",
    execution_id="e",
    input="null",
    definition="d",
    interpreter=h.Interpreter(python="3.11", anyio="4", loop_rules=1),
)
ACTIVITY = h.TaskScheduled(at=NOW, id=1, task_id=1, name="charge", input="null")
EVENT = h.EventWaitCreated(at=NOW, id=2, name="approval")
ITS_TIMEOUT = h.TimerCreated(at=NOW, id=3, fire_at=LATER, purpose="timeout", for_id=2)
TIMER = h.TimerCreated(at=NOW, id=4, fire_at=LATER)
CHILD = h.ChildWorkflowCreated(at=NOW, id=5, task_id=5, name="ship", input="null", instance_id="child-1")


def record(status: RuntimeStatus = RuntimeStatus.RUNNING, **fields: Any) -> InstanceRecord:
    return InstanceRecord(
        **{
            "instance_id": "order-42",
            "name": "fulfil",
            "execution_id": "e",
            "status": status,
            "created_at": NOW,
            "last_updated_at": NOW,
            "input": "null",
            "definition": "d",
            **fields,
        }
    )


def told(
    *events: h.HistoryEvent, missing: tuple[str, ...] = (), outdated: bool = False, **fields: Any
) -> Waiting:
    return waiting(record(**fields), [STARTED, *events], missing, is_outdated=outdated)


def nobody(instance_id: str) -> Waiting:
    raise AssertionError(f"nobody should ask for {instance_id}")


@pytest.mark.parametrize(
    ("run", "sentence"),
    [
        (told(EVENT), "order-42 waits for 'approval'"),
        (told(EVENT, ITS_TIMEOUT), "order-42 waits for 'approval'"),
        (told(ACTIVITY, TIMER), "order-42 waits for charge, a timer until 2026-12-24 18:00:00 UTC"),
        (told(CHILD), "order-42 waits for child-1"),
        (told(), "order-42 is RUNNING"),
        (told(status=RuntimeStatus.COMPLETED), "order-42 is COMPLETED"),
        (told(EVENT, status=RuntimeStatus.SUSPENDED), "order-42 is suspended: %wf resume order-42"),
        (told(EVENT, missing=("fulfil",)), "order-42 waits for code: run the cell that defines `fulfil`"),
        (
            told(EVENT, missing=("fulfil",), outdated=True),
            (
                "order-42 was started with another version of `fulfil`: run the cell that defines that version, "
                "or type %wf resume order-42 to go on with the present one"
            ),
        ),
        (
            told(ACTIVITY, missing=("charge",), outdated=True),
            "order-42 waits for code: run the cell that defines `charge`",
        ),
        (
            told(
                status=RuntimeStatus.STALLED,
                stall=Stall(reason=StallReason.STUCK, message="it never comes to rest"),
            ),
            "order-42 is stalled: it never comes to rest",
        ),
    ],
)
def test_one_clause_a_run(run: Waiting, sentence: str) -> None:
    assert str(run) == sentence


def test_a_start_that_is_put_off() -> None:
    run = waiting(record(RuntimeStatus.PENDING, start_at=LATER), [], ())
    assert str(run) == "order-42 waits for its start at 2026-12-24 18:00:00 UTC"
    assert not needs_a_person(run, nobody)


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (told(EVENT), True),
        (told(EVENT, ITS_TIMEOUT), True),
        (told(EVENT, ACTIVITY), False),
        (told(EVENT, TIMER), False),
        (told(TIMER), False),
        (told(), False),
        (told(ACTIVITY, status=RuntimeStatus.SUSPENDED), True),
        (told(ACTIVITY, missing=("charge",)), True),
        (told(EVENT, status=RuntimeStatus.COMPLETED), False),
    ],
)
def test_only_a_person_can_move_it_on(run: Waiting, expected: bool) -> None:
    assert needs_a_person(run, nobody) == expected


@pytest.mark.parametrize(("child", "expected"), [(told(EVENT), True), (told(ACTIVITY), False)])
def test_a_child_that_waits_for_a_person_makes_its_parent_wait_for_one(
    child: Waiting, expected: bool
) -> None:
    assert needs_a_person(told(CHILD), lambda _: child) == expected
    assert needs_a_person(told(CHILD, EVENT), lambda _: child) == expected
