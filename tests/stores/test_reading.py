"""What a store tells about itself: the port's questions, on both stores."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from nbflow.core import history as h
from nbflow.core import operations as op
from nbflow.core.state import RuntimeStatus
from nbflow.errors import StoreError
from nbflow.ports import HistoryStore, InstanceFilter
from tests.stores.samples import append, at, completed, message, put, record, scheduled, timer, turn

pytestmark = pytest.mark.semantics(43)


def listed(
    store: HistoryStore,
    after: str | None = None,
    limit: int | None = None,
    newest_first: bool = False,
    **where: Any,
) -> list[str]:
    found = store.list_instances(InstanceFilter(**where), after=after, limit=limit, newest_first=newest_first)
    return [record.instance_id for record in found]


@pytest.mark.semantics(65)
def test_the_store_id_stays(store: HistoryStore) -> None:
    first = store.store_id
    assert str(UUID(first)) == first
    store.close()
    store.open()
    assert store.store_id == first


def test_the_contents_stay_over_a_reopening(store: HistoryStore) -> None:
    store.commit([put("a"), append("a", "e1", turn()), message(4, "a")])
    store.close()
    store.open()
    store.open()
    assert store.get_instance("a") == record("a")
    assert len(store.read_history("a")) == 1
    assert store.next_row_id() == 5


def test_next_row_id_is_above_what_is_there(store: HistoryStore) -> None:
    assert store.next_row_id() == 1
    store.commit([message(7, "a"), timer(9, "a", "e", 1, 1), message(3, "a")])
    assert store.next_row_id() == 10


def test_instances_are_listed_oldest_first(store: HistoryStore) -> None:
    store.commit([put("c"), put("b", created_at=at(-1)), put("a"), put("d", created_at=at(0.000001))])
    assert listed(store) == ["b", "a", "c", "d"]
    assert listed(store, limit=2) == ["b", "a"]
    assert listed(store, after="a", limit=1) == ["c"]
    assert listed(store, after="d") == []
    assert listed(store, limit=0) == []


def test_instances_are_listed_newest_first_where_that_is_asked_for(store: HistoryStore) -> None:
    store.commit([put("c"), put("b", created_at=at(-1)), put("a", name="x"), put("d", created_at=at(1))])
    assert listed(store, newest_first=True) == ["d", "c", "a", "b"]
    assert listed(store, newest_first=True, limit=2) == ["d", "c"]
    assert listed(store, newest_first=True, after="c") == ["a", "b"]
    assert listed(store, newest_first=True, after="d", limit=1, name="x") == ["a"]
    with pytest.raises(StoreError, match="no instance gone to list on from"):
        listed(store, newest_first=True, after="gone")


def test_a_page_goes_on_from_an_instance_that_passes_no_filter_any_more(store: HistoryStore) -> None:
    store.commit([put("a", name="x"), put("b"), put("c", name="x")])
    assert listed(store, after="b", name="x") == ["c"]


def test_a_page_cannot_go_on_from_a_purged_instance(store: HistoryStore) -> None:
    with pytest.raises(StoreError, match="no instance gone to list on from: list again"):
        listed(store, after="gone")


def test_children_are_listed_by_their_parents(store: HistoryStore) -> None:
    def child(instance_id: str, parent: str) -> op.PutInstance:
        reference = h.ParentReference(instance_id=parent, execution_id="e1", scheduled_id=1)
        return put(instance_id, parent=reference)

    store.commit([put("a"), child("a:1", "a"), child("a:2", "a"), child("b:1", "b"), child("a:1:1", "a:1")])
    assert listed(store, parents=("a",)) == ["a:1", "a:2"]
    assert listed(store, parents=("a:1", "b", "nobody")) == ["a:1:1", "b:1"]
    assert listed(store, parents=("nobody",)) == []


def test_filters(store: HistoryStore) -> None:
    done, failed = RuntimeStatus.COMPLETED, RuntimeStatus.FAILED
    store.commit(
        [
            put("order-1", status=done, created_at=at(1)),
            put("order-2", status=failed, created_at=at(2)),
            put("o%der_3", name="ship", created_at=at(3)),
        ]
    )
    assert listed(store, statuses=(done, failed)) == ["order-1", "order-2"]
    assert listed(store, name="ship") == ["o%der_3"]
    assert listed(store, name="SHIP") == []
    assert listed(store, id_prefix="order-") == ["order-1", "order-2"]
    assert listed(store, id_prefix="o%") == ["o%der_3"]
    assert listed(store, created_from=at(2), created_to=at(3)) == ["order-2"]
    assert listed(store, created_from=at(1), name="fulfil", statuses=(done,), id_prefix="o") == ["order-1"]


def test_count_by_status(store: HistoryStore) -> None:
    assert store.count_by_status() == {}
    store.commit([put("a"), put("b"), put("c", status=RuntimeStatus.STALLED)])
    assert store.count_by_status() == {RuntimeStatus.RUNNING: 2, RuntimeStatus.STALLED: 1}


def test_history_of_the_unknown_is_empty(store: HistoryStore) -> None:
    store.commit([put("a")])
    assert store.read_history("a") == store.read_history("a", "e9") == store.read_history("nobody") == []
    assert store.list_executions("a") == store.list_executions("nobody") == []


def test_executions_are_listed_in_the_order_in_which_they_began(store: HistoryStore) -> None:
    store.commit(
        [put("a", "z"), append("a", "z", turn()), put("a", "y"), append("a", "y", turn()), put("a", "x")]
    )
    store.commit([append("a", "z", turn(), start=2), put("b", "y"), append("b", "y", turn())])
    assert store.list_executions("a") == ["z", "y"]


@pytest.mark.semantics(65)
def test_the_inbox_is_read_in_order_and_without_what_waits(store: HistoryStore) -> None:
    store.commit([message(5, "b"), message(2, "a"), timer(3, "a", "e", 1, -99), message(9, "a")])
    assert [row.row_id for row in store.read_inbox()] == [2, 5, 9]
    assert [row.row_id for row in store.read_inbox("a")] == [2, 9]
    assert store.read_inbox("nobody") == []


def test_what_is_due_is_read_in_pages(store: HistoryStore) -> None:
    store.commit([timer(n, "a", "e", n, due) for n, due in ((1, 5), (2, 3), (3, 3), (4, 9), (5, 3))])
    first = store.read_due(at(5), limit=2)
    assert [row.row_id for row in first] == [2, 3]
    assert first[0].due == at(3)
    rest = store.read_due(at(5), after=(at(3), 3))
    assert [row.row_id for row in rest] == [5, 1]
    assert store.read_due(at(2.999999)) == []
    assert [row.row_id for row in store.read_due(at(9), after=(at(3), 99))] == [1, 4]


def test_next_due(store: HistoryStore) -> None:
    assert store.next_due() is None
    store.commit([timer(1, "a", "e", 1, 5), timer(2, "a", "e", 2, 7), message(3, "a")])
    assert store.next_due() == at(5)
    assert store.next_due((at(5), 0)) == at(5)
    assert store.next_due((at(5), 1)) == at(7)
    assert store.next_due((at(7), 2)) is None


def test_pending_tasks_are_those_of_live_executions_without_a_result(store: HistoryStore) -> None:
    cancelled = h.TaskCancelled(at=at(0), scheduled_id=3)
    failed = h.TaskFailed(at=at(0), scheduled_id=2, failure=h.FailureDetails(type="E", message=""))
    other = h.TimerFired(at=at(0), scheduled_id=5, fire_at=at(0))
    tasks = [scheduled(n) for n in range(1, 7)]
    store.commit([put("b", "b1"), append("b", "b1", *tasks, completed(1), failed, cancelled, other)])
    store.commit(
        [
            put("a", "old"),
            append("a", "old", scheduled(1)),
            put("a", "new"),
            append("a", "new", turn(), scheduled(1)),
        ]
    )
    over = [s for s in RuntimeStatus if s.is_terminal]
    store.commit([step for s in over for step in (put(s, s, status=s), append(s, s, scheduled(1)))])
    store.commit(
        [
            step
            for s in ("SUSPENDED", "STALLED")
            for step in (put(s, s, status=RuntimeStatus(s)), append(s, s, scheduled(1)))
        ]
    )
    pending = store.pending_tasks()
    assert [(t.instance_id, t.execution_id, t.event.id) for t in pending] == [
        ("b", "b1", 4), ("b", "b1", 5), ("b", "b1", 6), ("a", "new", 1), ("SUSPENDED", "SUSPENDED", 1), ("STALLED", "STALLED", 1)
    ]  # fmt: skip
    assert pending[3].event == store.read_history("a")[1]


def test_a_result_that_waits_in_the_inbox_leaves_its_task_pending(store: HistoryStore) -> None:
    store.commit(
        [put("a"), append("a", "e1", scheduled(1)), message(1, "a", completed(1), execution_id="e1")]
    )
    assert len(store.pending_tasks()) == 1
    store.commit([op.DeleteInbox(row_ids=(1,)), append("a", "e1", completed(1), start=2)])
    assert store.pending_tasks() == []
