"""What a commit means: the port's promises, on both stores."""

from __future__ import annotations

import pytest

from nbflow.core import operations as op
from nbflow.core.history import INPUT_KINDS
from nbflow.core.state import RuntimeStatus
from nbflow.errors import StoreError
from nbflow.ports import HistoryStore
from tests.stores.samples import (
    EVERY_EVENT,
    FAILURE,
    ORIGIN,
    PARENT,
    STALL,
    append,
    at,
    completed,
    contents,
    definition,
    message,
    put,
    record,
    scheduled,
    timer,
    turn,
)

pytestmark = pytest.mark.semantics(43)


def rows(store: HistoryStore) -> list[int]:
    return [row.row_id for row in store.read_inbox() + store.read_due(at(10**6))]


@pytest.mark.semantics(65, 81)
def test_every_event_comes_back_as_it_was(store: HistoryStore) -> None:
    store.commit([put("a"), append("a", "e1", *EVERY_EVENT)])
    history = store.read_history("a")
    assert [type(event) for event in history] == [type(event) for event in EVERY_EVENT]
    assert history == list(append("a", "e1", *EVERY_EVENT).events)


@pytest.mark.semantics(65)
def test_every_input_comes_back_from_the_inbox_as_it_was(store: HistoryStore) -> None:
    inputs = [event for event in EVERY_EVENT if isinstance(event, INPUT_KINDS)]
    messages = [
        message(n, "a", event, execution_id="e1" if n % 2 else None) for n, event in enumerate(inputs, 1)
    ]
    store.commit(messages)
    assert store.read_inbox() == [m.row for m in messages]


@pytest.mark.semantics(65)
def test_every_field_of_an_instance_comes_back(store: HistoryStore) -> None:
    full = record(
        "a",
        status=RuntimeStatus.STALLED,
        output='{"a": [1, 2]}',
        custom_status='"half"',
        failure=FAILURE,
        stall=STALL,
        parent=PARENT,
        origin=ORIGIN,
        start_at=at(3600),
        generation=3,
    )
    store.commit([op.PutInstance(record=full), put("b")])
    assert store.get_instances(["b", "a", "nobody", "a"]) == {"a": full, "b": record("b")}
    assert store.get_instance("a") == full
    assert store.get_instance("nobody") is None


def test_the_lsn_counts_operations(store: HistoryStore) -> None:
    assert store.commit([]) == 0
    assert store.commit([put("a")]) == 1
    assert store.commit([append("a", "e1", turn(), scheduled(1)), message(1, "a"), put("a")]) == 4
    assert store.commit([]) == 4


@pytest.mark.parametrize(
    "last",
    [
        put("a"),
        append("a", "e1", turn()),
        append("a", "e1"),
        message(9, "a"),
        op.DeleteInbox(row_ids=(1,)),
        op.DeleteInbox(row_ids=()),
        op.DeleteTimers(execution_id="e1", timer_ids=(1,)),
        op.CloseExecution(instance_id="a", execution_id="e1"),
        op.PurgeInstance(instance_id="a"),
        definition(),
        definition(source="other"),
    ],
    ids=lambda operation: type(operation).__name__,
)
def test_the_lsn_goes_on_after_a_reopening(store: HistoryStore, last: op.Operation) -> None:
    store.commit([put("a"), message(1, "a"), definition(source_hash="s0")])
    store.commit([definition()])
    assert store.commit([last]) == 5
    store.close()
    store.open()
    assert store.commit([]) == 5
    assert store.commit([put("b"), put("c")]) == 7


def test_a_later_put_replaces_the_row(store: HistoryStore) -> None:
    store.commit([put("a", output="1"), put("a", output="2", status=RuntimeStatus.COMPLETED)])
    assert store.get_instance("a") == record("a", output="2", status=RuntimeStatus.COMPLETED)
    store.commit([put("a", output="3"), put("a", input="[]")])
    assert store.get_instance("a") == record("a", input="[]")
    store.commit([put("a", custom_status="9", input="[]")])
    assert store.get_instance("a") == record("a", custom_status="9", input="[]")


def test_many_rows_replace_many_rows(store: HistoryStore) -> None:
    first = [put(f"i{n}", output="0") for n in range(100)]
    store.commit(first)
    store.commit([put(f"i{n}", output=str(n)) for n in range(0, 100, 2)])
    store.commit([put(f"i{n}", "e2", output="new") for n in range(0, 100, 3)])
    expected = {f"i{n}": record(f"i{n}", output=str(n) if n % 2 == 0 else "0") for n in range(100)}
    expected |= {f"i{n}": record(f"i{n}", "e2", output="new") for n in range(0, 100, 3)}
    assert store.get_instances(list(expected)) == expected


def test_history_follows_on_within_a_batch_and_over_batches(store: HistoryStore) -> None:
    store.commit(
        [put("a"), append("a", "e1", turn()), append("a", "e1", scheduled(1), completed(1), start=2)]
    )
    store.close()
    store.open()
    store.commit([append("a", "e1", turn(5), start=4), append("a", "e1", turn(6), start=5)])
    assert [event.seq for event in store.read_history("a")] == [1, 2, 3, 4, 5]


@pytest.mark.semantics(8, 67)
@pytest.mark.parametrize("start", [1, 2, 4, 5])
def test_a_gap_or_a_repetition_is_refused_whole(store: HistoryStore, start: int) -> None:
    store.commit([put("a"), append("a", "e1", turn(), turn())])
    before = contents(store)
    with pytest.raises(
        StoreError, match=r"history of a \(execution e1\) ends at seq 2, so the next event must be 3"
    ):
        store.commit([put("b"), message(1, "b"), append("a", "e1", turn(), start=start)])
    assert contents(store) == before
    assert store.commit([append("a", "e1", turn(), start=3)]) == 3


def test_a_gap_inside_an_append_is_refused(store: HistoryStore) -> None:
    events = (*append("a", "e1", turn()).events, *append("a", "e1", turn(), start=3).events)
    with pytest.raises(StoreError, match="ends at seq 0"):
        store.commit([put("a"), op.AppendHistory(instance_id="a", execution_id="e1", events=events)])
    assert store.get_instance("a") is None


@pytest.mark.semantics(13)
def test_a_new_execution_begins_at_one_and_the_old_one_stays(store: HistoryStore) -> None:
    store.commit([put("a", "e1"), append("a", "e1", turn(), turn())])
    store.commit([append("a", "e1", turn(), start=3), put("a", "e2"), append("a", "e2", turn(9))])
    assert len(store.read_history("a")) == 1
    assert len(store.read_history("a", "e1")) == 3
    assert store.list_executions("a") == ["e1", "e2"]


def test_history_of_nobody_is_refused(store: HistoryStore) -> None:
    with pytest.raises(StoreError, match="history of a needs its instance: put a PutInstance before it"):
        store.commit([append("a", "e1", turn()), put("a")])
    assert store.commit([put("a"), append("a", "e1", turn())]) == 2
    with pytest.raises(StoreError, match="needs its instance"):
        store.commit([op.PurgeInstance(instance_id="a"), append("a", "e1", turn(), start=2)])
    assert len(store.read_history("a")) == 1


def test_a_row_that_was_put_and_deleted_is_gone(store: HistoryStore) -> None:
    store.commit([message(1, "a"), message(2, "a"), op.DeleteInbox(row_ids=(1, 77))])
    assert rows(store) == [2]
    store.commit([op.DeleteInbox(row_ids=(2,)), message(2, "b")])
    assert [row.instance_id for row in store.read_inbox()] == ["b"]


def test_a_taken_row_number_is_refused(store: HistoryStore) -> None:
    store.commit([message(5, "a")])
    for batch in ([message(5, "b")], [message(6, "b"), message(6, "c")]):
        with pytest.raises(StoreError, match=rf"inbox row {batch[-1].row.row_id} is taken"):
            store.commit(batch)
    assert [(row.row_id, row.instance_id) for row in store.read_inbox()] == [(5, "a")]
    store.commit([op.DeleteInbox(row_ids=(5,)), message(5, "b"), message(3, "c")])
    assert rows(store) == [3, 5]


def test_many_messages_go_at_once(store: HistoryStore) -> None:
    store.commit([message(n, "a") for n in range(1, 201)])
    store.commit([op.DeleteInbox(row_ids=tuple(range(1, 201, 2))), message(301, "a")])
    assert rows(store) == [*range(2, 201, 2), 301]


def test_delete_timers_takes_only_those_timers_of_that_execution(store: HistoryStore) -> None:
    task = completed(2)
    store.commit([timer(1, "a", "e1", 1, 10), timer(2, "a", "e1", 2, 20), timer(3, "b", "e2", 2, 30)])
    store.commit(
        [message(4, "a", task, execution_id="e1"), message(5, "a", task, execution_id="e1", due=at(50))]
    )
    store.commit(
        [
            timer(6, "a", "e1", 3, 5),
            op.DeleteTimers(execution_id="e1", timer_ids=(2, 3, 9)),
            timer(7, "a", "e1", 2, 1),
        ]
    )
    assert rows(store) == [4, 7, 1, 3, 5]


@pytest.mark.semantics(2)
def test_closing_an_execution_takes_what_is_addressed_to_it(store: HistoryStore) -> None:
    store.commit(
        [
            timer(1, "a", "e1", 1, 10),
            message(2, "a"),
            message(3, "a", execution_id="e2"),
            message(4, "b", execution_id="e1"),
        ]
    )
    store.commit(
        [
            message(5, "a", execution_id="e1"),
            op.CloseExecution(instance_id="a", execution_id="e1"),
            message(6, "a", execution_id="e1"),
        ]
    )
    assert rows(store) == [2, 3, 4, 6]


@pytest.mark.semantics(44)
def test_purge_erases_everything_of_an_instance(store: HistoryStore) -> None:
    for name in ("a", "b"):
        store.commit(
            [
                put(name),
                append(name, f"{name}1", turn()),
                put(name, f"{name}2"),
                append(name, f"{name}2", turn()),
            ]
        )
    store.commit([message(1, "a"), timer(2, "a", "a2", 1, 1), message(3, "b")])
    store.commit([append("a", "a2", turn(), start=2), message(4, "a"), op.PurgeInstance(instance_id="a")])
    assert store.get_instance("a") is None
    assert store.read_history("a") == store.read_history("a", "a1") == store.read_history("a", "a2") == []
    assert store.list_executions("a") == []
    assert rows(store) == [3]
    assert store.list_executions("b") == ["b1", "b2"]
    store.commit([op.PurgeInstance(instance_id="a"), op.PurgeInstance(instance_id="nobody")])


def test_an_id_begins_anew_after_a_purge(store: HistoryStore) -> None:
    store.commit([put("a"), append("a", "e1", turn(), turn())])
    store.commit(
        [op.PurgeInstance(instance_id="a"), put("a", "e1"), append("a", "e1", turn()), message(1, "a")]
    )
    assert [event.seq for event in store.read_history("a")] == [1]
    assert rows(store) == [1]
    store.commit([op.PurgeInstance(instance_id="a"), put("a", "e9"), op.PurgeInstance(instance_id="a")])
    assert contents(store)["histories"] == {}


def test_many_instances_go_at_once(store: HistoryStore) -> None:
    names = [f"i{n}" for n in range(80)]
    store.commit(
        [operation for name in names for operation in (put(name), append(name, "e1", turn(), turn()))]
    )
    store.commit([op.PurgeInstance(instance_id=name) for name in names[1:]])
    assert list(contents(store)["histories"]) == [("i0", "e1")]


@pytest.mark.semantics(65)
def test_the_same_code_again_changes_nothing(store: HistoryStore) -> None:
    store.commit([definition(), definition(name="ship"), definition(source_hash="s2", created_at=at(-5))])
    store.commit([definition(source="other", parameters="()", created_at=at(99))])
    assert store.list_definitions() == [
        definition(source_hash="s2", created_at=at(-5)).record,
        definition().record,
        definition(name="ship").record,
    ]
    assert store.list_definitions("ship") == [definition(name="ship").record]
    store.commit([definition(), definition(name="new"), definition(name="new", source="x")])
    assert store.list_definitions("new") == [definition(name="new").record]


@pytest.mark.semantics(67)
def test_a_refused_batch_leaves_nothing_behind(store: HistoryStore) -> None:
    store.commit(
        [put("a"), append("a", "e1", turn()), message(1, "a"), timer(2, "a", "e1", 1, 9), definition()]
    )
    before = contents(store)
    batch = [
        put("a", output="9"),
        put("b"),
        append("b", "e1", turn()),
        append("a", "e1", turn(), start=2),
        op.DeleteInbox(row_ids=(1,)),
        op.DeleteTimers(execution_id="e1", timer_ids=(1,)),
        message(3, "a"),
        definition(source="x"),
        op.PurgeInstance(instance_id="a"),
        append("b", "e1", turn(), start=7),
    ]
    with pytest.raises(StoreError):
        store.commit(batch)
    assert contents(store) == before
    store.close()
    store.open()
    assert contents(store) == before


def test_a_closed_store_says_so(store: HistoryStore) -> None:
    store.close()
    store.close()
    for call in (
        lambda: store.commit([put("a")]),
        store.next_row_id,
        lambda: store.get_instance("a"),
        store.pending_tasks,
    ):
        with pytest.raises(StoreError, match=r"is not open: call open\(\) first"):
            call()
