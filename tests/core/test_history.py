"""History events: rows and JSON lines and back, for every kind; what is unknown is never skipped."""

from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings

from nbflow.core import actions as a
from nbflow.core import history as h
from nbflow.core import rows
from nbflow.errors import UnknownHistoryKindError
from tests.core.builder import T0
from tests.core.strategies import KINDS, events, events_of


def test_every_kind_is_tried():
    assert set(KINDS) == set(get_args(h.HistoryEvent))
    assert len({cls.__struct_config__.tag for cls in KINDS}) == len(KINDS)


@pytest.mark.parametrize("cls", KINDS, ids=lambda cls: cls.__name__)
def test_s81_a_row_gives_its_event_back(cls):
    @settings(max_examples=40)
    @given(events_of(cls))
    def check(event):
        row = rows.to_row(event)
        assert rows.from_row(row) == event
        assert (row.format, row.kind, row.seq, row.at) == (1, cls.__name__, event.seq, event.at)
        for text in (row.data, row.payload if row.payload != "" else None):
            assert text is None or isinstance(text, str)
        assert isinstance(msgspec.json.decode(row.data), dict)

    check()


@given(events)
def test_s81_a_json_line_gives_its_event_back(event):
    line = rows.to_json(event)
    assert "\n" not in line
    assert rows.from_json(line) == event
    assert rows.from_json(line.encode()) == event


def test_s81_the_columns_are_the_documented_ones():
    row = rows.to_row(
        h.TaskCompleted(at=T0, seq=7, scheduled_id=3, result='{"a":1}', started_at=T0, attempt=2, worker="w1")
    )
    assert row == rows.HistoryRow(
        format=1,
        seq=7,
        kind="TaskCompleted",
        at=T0,
        name=None,
        scheduled_id=3,
        payload='{"a":1}',
        data='{"started_at":"2026-01-01T00:00:00Z","attempt":2,"worker":"w1","prints":""}',
    )
    scheduled = rows.to_row(h.TaskScheduled(at=T0, id=4, task_id=4, name="charge", input="1"))
    assert (scheduled.name, scheduled.scheduled_id, scheduled.payload) == ("charge", 4, "1")


@pytest.mark.parametrize("change", [{"kind": "TaskTeleported"}, {"format": 2}])
def test_s81_a_row_of_a_newer_nbflow_is_refused_and_never_skipped(change):
    row = msgspec.structs.replace(rows.to_row(h.TaskCancelled(at=T0, seq=9, scheduled_id=1)), **change)
    with pytest.raises(UnknownHistoryKindError, match=r"history row 9 .*newer version; update nbflow"):
        rows.from_row(row)


@pytest.mark.semantics(81)
@pytest.mark.parametrize(
    "text", ['{"kind":"TaskTeleported","at":"2026-01-01T00:00:00Z"}', "{}", "nonsense", "[1]"]
)
def test_a_line_that_is_no_event_is_refused(text):
    with pytest.raises(UnknownHistoryKindError, match="not a history event of this nbflow"):
        rows.from_json(text)


@pytest.mark.semantics(81)
def test_fields_that_an_older_nbflow_did_not_write_have_their_defaults():
    row = msgspec.structs.replace(rows.to_row(h.TaskCompleted(at=T0, scheduled_id=1, result="1")), data="{}")
    assert rows.from_row(row) == h.TaskCompleted(at=T0, scheduled_id=1, result="1")


def test_every_action_has_one_recorded_form_and_agrees_with_it():
    actions = {cls: cls(**_example(cls)) for cls in get_args(a.WorkflowAction)}
    recorded = {type(a.record(action, seq=5, at=T0)) for action in actions.values()}
    assert recorded == set(h.ACTION_KINDS)
    for one, action in actions.items():
        event = a.record(action, seq=5, at=T0)
        assert (event.seq, event.at) == (5, T0)
        for other, another in actions.items():
            assert a.agrees(another, event) == (one is other)


def _example(cls):
    values = {"id": 1, "task_id": 1, "fire_at": T0, "status": "COMPLETED"}
    return {
        field.name: values.get(field.name, "1") for field in msgspec.structs.fields(cls) if field.required
    }


@given(events_of(h.TaskScheduled), events_of(h.TaskScheduled))
def test_actions_agree_with_what_they_record_and_with_nothing_else(one, other):
    action = a.ScheduleTask(**{name: getattr(one, name) for name in a.ScheduleTask.__struct_fields__})
    assert a.agrees(action, one)
    same = {name: getattr(one, name) for name in a.ScheduleTask.__struct_fields__} == {
        name: getattr(other, name) for name in a.ScheduleTask.__struct_fields__
    }
    assert a.agrees(action, other) == same
