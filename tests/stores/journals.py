"""Journal stores for tests: nothing is loaded by itself, copies are as a power cut leaves them, and the disk may be bad."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path
from typing import Any

from nbflow.stores.journal.disk import Disk
from nbflow.stores.journal.journal import JournalOptions
from nbflow.stores.journal.place import files, folder_of
from nbflow.stores.journal.store import JournalStore
from tests.stores.conftest import KEY


def journal_in(path: Path, key: bytes | None = KEY, **options: Any) -> JournalStore:
    """A store that loads only when somebody reads, open."""
    options = {"has_threads": False, "segment_bytes": 20_000} | options
    store = JournalStore(path, key=key, options=JournalOptions(**options))
    store.open()
    return store


def segments_of(path: Path) -> list[Path]:
    """The files of a store's journal."""
    return list(files(folder_of(path)))


def snapshot(path: Path, target: Path) -> Path:
    """A store's folder as a power cut would leave it, in another place.

    It is copied by another process: who opens and closes DuckDB's file loses this process's lock on it.
    """
    target.mkdir()
    subprocess.run(["cp", "-R", f"{path.parent}/.", str(target)], check=True)
    return target / path.name


class BadDisk(Disk):
    """A disk that fails when it is told to.

    Attributes:
        room: So many bytes can be written still; None: any. Once they are not enough, room is made unless it `stays_full`.
        is_dead: Whether a sync fails.
        syncs: How many there were.
    """

    def __init__(self) -> None:
        self.room: int | None = None
        self.stays_full = False
        self.is_dead = False
        self.syncs = 0

    def write(self, fd: int, data: bytes, offset: int) -> None:
        if self.room is None:
            super().write(fd, data, offset)
            return
        super().write(fd, data[: self.room], offset)
        if len(data) > self.room:
            self.room = 0 if self.stays_full else None
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= len(data)

    def sync(self, fd: int) -> None:
        self.syncs += 1
        if self.is_dead:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().sync(fd)
