"""Some seeds over the store that files have by default: each life of the engine is killed, and finds what is on the disk.

Nothing here runs beside the engine: batches are loaded when somebody reads, or when the seed says so.
"""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from nbflow.core.operations import Operation
from nbflow.stores.journal.store import JournalStore
from nbflow.testing import Simulator
from tests.simulation.workloads import SIMULATIONS
from tests.stores.journals import journal_in, snapshot


class KilledJournal:
    """A journal store that is killed and recovered whenever an engine opens it once more."""

    made: "list[KilledJournal]"

    def __init__(self) -> None:
        self.made.append(self)
        self.folder = Path(tempfile.mkdtemp(prefix="nbflow-simulated-"))
        self.lives = 0
        self.random = Random(len(self.made))
        self.store: JournalStore | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def open(self) -> None:
        path = self.folder / str(self.lives) / "history.duckdb"
        if self.store is None:
            path.parent.mkdir()
        elif self.store.commit([]) == 0:
            return  # the simulation has opened it itself, and nothing has happened yet
        else:
            self.lives += 1
            path = snapshot(path, self.folder / str(self.lives))
            self.store.close()
        self.store = journal_in(path, segment_bytes=8_000)

    def commit(self, operations: Sequence[Operation]) -> int:
        assert self.store is not None
        lsn = self.store.commit(operations)
        if self.random.random() < 0.1:
            self.store.flush()
        return lsn

    def bury(self) -> None:
        if self.store is not None:
            self.store.close()
        shutil.rmtree(self.folder)


@pytest.mark.slow
@pytest.mark.semantics(11, 63, 67)
@pytest.mark.parametrize("name", list(SIMULATIONS))
def test_on_files_every_invariant_holds_too(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KilledJournal, "made", [], raising=False)
    monkeypatch.setattr("nbflow.testing.simulation.episode.MemoryStore", KilledJournal)
    simulator: Simulator = SIMULATIONS[name]()
    for seed in range(4):
        report = simulator.run(seeds=[seed])
        assert report.ok, f"{name}: {report}"
        for store in KilledJournal.made:
            if store.store is not None:
                assert store.store.audit(thorough=True) == []
    assert sum(store.lives for store in KilledJournal.made) > 4, "nothing was ever killed"
    for store in KilledJournal.made:
        store.bury()
