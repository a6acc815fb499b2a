"""Commits of a quick store: made on the loop where that keeps nobody waiting, and on the store's thread otherwise."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import pytest

from nbflow.core.history import WorkflowStarted
from nbflow.core.operations import AppendHistory, Operation, PutInstance
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.engine.commits import CommitItem, Committer
from nbflow.engine.threads import SerialThread
from nbflow.errors import StoreError
from nbflow.stores.memory import MemoryStore
from tests.engine.worlds import wait_for

pytestmark = pytest.mark.asyncio

NOW = datetime(2030, 1, 1, tzinfo=UTC)


class Quick(MemoryStore):
    """A store that says so, and knows who called it.

    Attributes:
        commits: The name of the thread of each commit.
        bad: The instances for which a commit fails.
    """

    def __init__(self) -> None:
        super().__init__()
        self.commits: list[str] = []
        self.bad: set[str] = set()

    @property
    def is_quick(self) -> bool:
        return True

    def commit(self, operations: Sequence[Operation]) -> int:
        self.commits.append(threading.current_thread().name)
        if any(isinstance(o, PutInstance) and o.record.instance_id in self.bad for o in operations):
            raise StoreError("no room")
        return super().commit(operations)


class Told:
    """Makes commit items, and knows what became of them."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.failed: list[str] = []

    def item(self, instance_id: str, events: int = 1) -> CommitItem:
        record = InstanceRecord(
            instance_id=instance_id,
            name="w",
            execution_id="e",
            status=RuntimeStatus.RUNNING,
            created_at=NOW,
            last_updated_at=NOW,
            input="null",
            definition="",
        )
        history = tuple(WorkflowStarted(at=NOW, seq=seq) for seq in range(1, events + 1))
        operations = [
            PutInstance(record=record),
            AppendHistory(instance_id=instance_id, execution_id="e", events=history),
        ]
        return CommitItem(
            instance_id,
            operations,
            lambda: self.done.append(instance_id),
            lambda error: self.failed.append(instance_id),
        )


@pytest.fixture
def store() -> Quick:
    return Quick()


@pytest.fixture
def thread() -> Iterator[SerialThread]:
    thread = SerialThread("the store's")
    yield thread
    thread.stop(5.0)


async def test_a_small_commit_is_made_here_and_now(store: Quick, thread: SerialThread) -> None:
    committer, told = Committer(store, thread), Told()
    await committer.open()
    assert committer.commit_at_once([told.item("a"), told.item("b")])
    assert store.commits == [threading.current_thread().name]
    assert told.done == ["a", "b"]


@pytest.mark.parametrize("items", [[("a", 5000)], [(f"run-{n}", 1) for n in range(400)]])
async def test_a_large_one_does_not_keep_the_loop(
    store: Quick, thread: SerialThread, items: list[tuple[str, int]]
) -> None:
    committer, told = Committer(store, thread), Told()
    await committer.open()
    large = [told.item(*each) for each in items]
    assert not committer.commit_at_once(large)
    assert (store.commits, told.done) == ([], [])
    await committer.commit(large)
    assert store.commits == ["the store's"]
    assert told.done == [instance_id for instance_id, _ in items]


async def test_while_somebody_reads_it_is_not_made_beside_them(store: Quick, thread: SerialThread) -> None:
    committer, told = Committer(store, thread), Told()
    await committer.open()
    reads, go = threading.Event(), threading.Event()

    def slow(_: object) -> None:
        reads.set()
        wait_for(go)

    reading = committer.read_soon(slow)
    wait_for(reads)
    assert not committer.commit_at_once([told.item("a")])
    commit = asyncio.ensure_future(committer.commit([told.item("a")]))
    await asyncio.sleep(0)
    assert store.commits == []
    go.set()
    await commit
    assert reading.done()
    assert store.commits == ["the store's"]


async def test_what_fails_together_is_written_one_by_one(store: Quick, thread: SerialThread) -> None:
    committer, told = Committer(store, thread), Told()
    await committer.open()
    store.bad = {"b"}
    items = [told.item(each) for each in "abc"]
    assert not committer.commit_at_once(items)
    assert (told.done, told.failed) == ([], [])
    await committer.commit(items)
    assert (sorted(told.done), told.failed) == (["a", "c"], ["b"])
    assert not committer.commit_at_once([told.item("d")]), "there is a suspect: it is written apart"
