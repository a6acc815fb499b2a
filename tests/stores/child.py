"""What a second process does to a store; the tests start it as a script, and kill it.

    child.py write PATH SEED [COMMITS]   commit the batches of `samples.script` that are not there yet
    child.py hold PATH [ANYTHING]        open the store and keep it until standard input ends
    child.py fill PATH                   commit until no file may grow any more, then go on

Each line on standard output tells of something that has happened: ``open``, or a commit's ``lsn``.
"""

from __future__ import annotations

import itertools
import resource
import signal
import sys
from pathlib import Path

from nbflow.errors import StoreError
from nbflow.stores.duckdb import DuckDBStore
from tests.stores.conftest import KEY
from tests.stores.samples import contents, message, put, script


def tell(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def write(path: str, seed: str, commits: str = "1000000") -> None:
    # A checkpoint every few commits, so that some are killed in one.
    store = DuckDBStore(path, key=KEY, checkpoint_bytes=30_000)
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


def fill(path: str) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write past the limit is an error, not the end
    store = DuckDBStore(path, checkpoint_bytes=200_000)
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
        if refused and [row.row_id for row in store.read_inbox()] != accepted:
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


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    {"write": write, "hold": hold, "fill": fill}[sys.argv[1]](*sys.argv[2:])
