"""What a second process does to a store; the tests start it as a script, and kill it.

    child.py write STORE PATH SEED [COMMITS]   commit the batches of `samples.script` that are not there yet
    child.py hold PATH [ANYTHING]              open the store and keep it until standard input ends
    child.py fill STORE PATH                   commit until no file may grow any more, then go on
    child.py compact PATH NUMBER               write, erase, and make the file smaller, again and again
    child.py cramped PATH                      make it smaller where no file may grow

STORE is ``duckdb``, ``journal`` or ``relaxed``.

Each line on standard output tells of something that has happened: ``open``, or a commit's ``lsn``.
"""

from __future__ import annotations

import itertools
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from nbflow.errors import StoreError
from nbflow.ports import InstanceFilter
from nbflow.stores.duckdb import DuckDBStore
from nbflow.stores.journal.journal import JournalOptions
from nbflow.stores.journal.store import JournalStore
from tests.stores.conftest import KEY
from tests.stores.samples import contents, message, put, script
from tests.stores.sizes import purge, runs


def tell(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def made(kind: str, path: str, checkpoint_bytes: int, **options: Any) -> DuckDBStore | JournalStore:
    if kind == "duckdb":
        return DuckDBStore(path, key=KEY, checkpoint_bytes=checkpoint_bytes)
    durability = "full" if kind == "journal" else "relaxed"
    return JournalStore(
        path,
        key=KEY,
        checkpoint_bytes=checkpoint_bytes,
        options=JournalOptions(durability=durability, **options),
    )


def write(kind: str, path: str, seed: str, commits: str = "1000000") -> None:
    # A checkpoint every few commits, and segments and loads of a few, so that some are killed in one.
    store = made(kind, path, 30_000, segment_bytes=20_000, load_seconds=0.01)
    store.open()
    tell("open")
    there, skipped = store.commit([]), 0
    batches = script(int(seed))
    while skipped < there:
        skipped += len(next(batches))
    assert skipped == there, f"half a batch: {there} operations, batches end at {skipped}"
    for batch in itertools.islice(batches, int(commits)):
        tell(store.commit(batch))


def hold(path: str, *_: str) -> None:
    store = DuckDBStore(path)
    store.open()
    tell("open")
    sys.stdin.read()
    store.close()


def inbox_of(store: DuckDBStore | JournalStore) -> list[int] | None:
    """What is in the inbox; None: what is in the journal can't be loaded, so nobody sees less than all of it."""
    try:
        return [row.row_id for row in store.read_inbox()]
    except StoreError:
        if isinstance(store, DuckDBStore):
            raise
        return None


def fill(kind: str, path: str) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write past the limit is an error, not the end
    store = made(kind, path, 200_000, segment_bytes=100_000, most_bytes=1_000_000)
    store.open()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, limits[1]))
    accepted: list[int] = []
    refused = 0
    for row_id in range(1, 2000):
        try:
            store.commit([put(f"i{row_id}"), message(row_id, f"i{row_id}", execution_id="x" * 5000)])
            accepted.append(row_id)
        except StoreError:
            refused += 1
        if refused and inbox_of(store) not in (None, accepted):
            raise SystemExit("a refused batch left something behind")
        if refused == 3:
            break
    assert refused == 3, "the disk was never full"
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    store.commit([message(5000, "last")])
    accepted.append(5000)
    before = contents(store)
    store.close()
    store.open()
    assert contents(store) == before
    assert [row.row_id for row in store.read_inbox()] == accepted
    store.close()
    tell(f"accepted {len(accepted)}, refused {refused}")


def compact(path: str, number: str) -> None:
    store = DuckDBStore(path, key=KEY)
    store.open()
    tell("open")
    for n in itertools.count():
        prefixes = [f"scratch-{number}-{n}-{part}" for part in range(8)]
        tell("write")
        for prefix in prefixes:
            store.commit(runs(prefix))
        for prefix in prefixes:
            store.commit(purge(prefix))
        tell("compact")
        store.compact()


def cramped(path: str) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = DuckDBStore(path, key=KEY)
    store.open()
    for n in range(12):
        store.commit(runs(f"run{n}"))
    for n in range(0, 12, 3):
        store.commit(purge(f"run{n}"))
    store.close()
    store.open()
    before = store.list_instances(InstanceFilter())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (Path(path).stat().st_size + 500_000, limits[1]))
    try:
        store.compact()
    except StoreError:
        refused = "refused"
    else:
        refused = "done"
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    whole = "whole" if store.list_instances(InstanceFilter()) == before else "lost"
    size = Path(path).stat().st_size
    store.compact()
    is_whole = store.list_instances(InstanceFilter()) == before and store.audit(thorough=True) == []
    after = "compacted" if Path(path).stat().st_size < size and is_whole else "as large"
    tell(f"{refused}, {whole}, {after}")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    {"write": write, "hold": hold, "fill": fill, "compact": compact, "cramped": cramped}[sys.argv[1]](
        *sys.argv[2:]
    )
