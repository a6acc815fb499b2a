"""What a reader is told while batches are in the journal only, or on their way: the same as by the memory store.

The comparison in ``test_against_memory.py`` looks at everything behind each step, and so has everything loaded. Here
nobody asks for what would be.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from random import Random

import pytest

from nbflow.core import operations as op
from nbflow.errors import StoreError
from nbflow.ports import HistoryStore
from nbflow.stores.journal.journal import JournalOptions
from nbflow.stores.journal.store import JournalStore
from nbflow.stores.memory import MemoryStore
from tests.stores.conftest import KEY
from tests.stores.faults import Told
from tests.stores.journals import journal_in
from tests.stores.samples import append, at, message, put, scheduled, script, timer, turn

IDS = [f"order-{number}" for number in range(1, 10)]


def seen(store: HistoryStore) -> dict[str, object]:
    """What can be asked without a load."""
    after = (at(20), 3)
    return {
        "instances": store.get_instances([*IDS, "nobody"]),
        "histories": [store.read_history(name, checked=True) for name in IDS],
        "inbox": store.read_inbox(),
        "of one": store.read_inbox("order-1"),
        "due": store.read_due(at(10_000)),
        "some due": store.read_due(at(60), after=after, limit=2),
        "next": [store.next_due(), store.next_due(after)],
    }


def waiting(store: JournalStore) -> int:
    assert store._journal is not None
    return store._journal.tail.size


@pytest.mark.parametrize("seed", range(6))
def test_every_question_is_answered_as_if_all_were_loaded(tmp_path: Path, seed: int) -> None:
    store, oracle, random = journal_in(tmp_path / "history.duckdb"), MemoryStore(), Random(seed)
    oracle.open()
    unloaded = 0
    for batch in islice(script(seed), 40):
        assert store.commit(batch) == oracle.commit(batch)
        size = waiting(store)
        assert seen(store) == seen(oracle)
        assert waiting(store) == size, "a question had something loaded"
        unloaded += size > 2_000
        if random.random() < 0.15:
            store.flush()
    assert unloaded > 10
    assert seen(store) == seen(oracle)
    store.close()


def test_the_same_while_a_load_is_under_way(tmp_path: Path) -> None:
    store, oracle = journal_in(tmp_path / "history.duckdb"), MemoryStore()
    oracle.open()
    assert store._journal is not None
    tail = store._journal.tail
    for number, given in enumerate(islice(script(21), 40)):
        # A commit of code asks which code there is, and has it loaded.
        batch = [operation for operation in given if not isinstance(operation, op.PutDefinition)]
        assert store.commit(batch) == oracle.commit(batch)
        if number % 4 == 1:
            tail.take()  # what is taken is on its way, and what comes now is behind it
        assert seen(store) == seen(oracle)
        if number % 4 == 3:
            tail.give_back()
            store.flush()
    tail.give_back()
    store.close()


def test_whose_histories_were_read_their_next_events_ask_for_nothing(tmp_path: Path) -> None:
    path, names = tmp_path / "history.duckdb", ["one", "two", "three"]
    store = journal_in(path)
    store.commit(
        [operation for name in names for operation in (put(name), append(name, "e1", turn(), scheduled(1)))]
    )
    store.close()
    told = Told()
    again = JournalStore(path, key=KEY, options=JournalOptions(has_threads=False), connect=told.connect)
    again.open()
    histories = again.read_histories(names, checked=True)
    assert [len(histories[name]) for name in names] == [2, 2, 2]
    told.statements.clear()
    again.commit([append(name, "e1", turn(5), start=3) for name in names])
    assert told.statements == []
    with pytest.raises(StoreError, match="one"):
        again.commit([append("one", "e1", turn(6), start=3)])  # what it knows is where they end
    assert [event.seq for event in again.read_history("one")] == [1, 2, 3]
    again.close()


def test_a_number_that_is_used_again_means_the_new_message(tmp_path: Path) -> None:
    store, oracle = journal_in(tmp_path / "history.duckdb"), MemoryStore()
    oracle.open()
    name = "order-1"
    first: list[op.Operation] = [
        put(name, "e1"),
        append(name, "e1", turn(), scheduled(1)),
        message(1, name, execution_id="e1"),
        timer(2, name, "e1", 7, 30),
        message(3, name),
    ]
    batches: list[list[op.Operation]] = [
        first,
        [op.DeleteInbox(row_ids=(1,)), op.DeleteTimers(execution_id="e1", timer_ids=(7,))],
        [timer(11, name, "e1", 7, 40), message(10, name, execution_id="e1")],
        [op.CloseExecution(instance_id=name, execution_id="e1"), message(12, name, execution_id="e1")],
        [op.PurgeInstance(instance_id=name)],
        [put(name, "e1"), append(name, "e1", turn(9)), timer(13, name, "e1", 7, 50)],
    ]
    for number, batch in enumerate(batches):
        assert store.commit(batch) == oracle.commit(batch)
        assert seen(store) == seen(oracle), f"behind batch {number}"
        if number == 0:
            store.flush()
    store.close()
