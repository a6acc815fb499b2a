"""What a journal holds whose owner was killed: loaded before anything else happens, and then deleted.

It is looked at only by who has DuckDB's lock, so that no two owners do. It may be cut off anywhere and any number of times:
what was loaded is below DuckDB's last number, and what isn't whole was never committed.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nbflow.errors import StoreUnavailableError, StoreVersionError
from nbflow.stores.journal.disk import Disk
from nbflow.stores.journal.lines import FORMAT, Endings
from nbflow.stores.journal.loading import LOADED, Loader
from nbflow.stores.journal.place import files
from nbflow.stores.journal.scanning import Found, find_batches, follow_on, read_header
from nbflow.stores.journal.segments import Segment
from nbflow.stores.journal.writing import Span

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was found and loaded.

    Attributes:
        lsn: The number of DuckDB's last operation now.
        epoch: The highest of the segments.
        used: Segments that are loaded and may be used again.
    """

    lsn: int
    epoch: int
    used: Sequence[Path] = ()


def recover(
    folder: Path, loader: Loader, disk: Disk, *, name: str, store_id: str, watermark: int
) -> Recovered:
    """Load what DuckDB doesn't have, and delete the journal, but for segments that may be used again.

    Those are of use at once: to make one anew takes the disk as long as to load a thousand runs.

    Args:
        folder: The journal's folder, which may not be there.
        loader: Gets it into DuckDB.
        disk: How to read it.
        name: What to call the store in errors.
        store_id: The store's UUID; a journal of another is moved aside.
        watermark: The number of DuckDB's last operation.

    Raises:
        StoreError: It is damaged, or can't be read or loaded; it stays as it is.
        StoreVersionError: It was written by a newer nbflow.
    """
    try:
        if not folder.is_dir():
            return Recovered(watermark, 0)
        epoch, found = 0, list[Found]()
        for path in files(folder):
            data = path.read_bytes()
            header = read_header(data)
            if header is not None and header.store_id != store_id:
                _move_aside(folder, header.store_id, name)
                return Recovered(watermark, 0)
            if header is not None and header.journal > FORMAT:
                raise StoreVersionError(
                    f"{path} was written by a newer nbflow (format {header.journal}, this one knows {FORMAT}): "
                    "update nbflow (`%pip install -U nbflow`), or `%wf db other.duckdb`"
                )
            found += find_batches(path, data, Endings(store_id))
            epoch = max(epoch, header.epoch if header is not None else 0)
        wanted = follow_on(found, watermark, name)
        if wanted:
            _load(wanted, loader, disk)
            watermark = wanted[-1].last
            _log.info("%s: %d commits of a journal were loaded", name, len(wanted))
        used = _reusable(found, watermark)
        _delete(folder, disk, but=used)
        return Recovered(watermark, max([epoch, *(batch.epoch for batch in found)]), used)
    except OSError as error:
        raise StoreUnavailableError(
            f"{name} has a journal of commits in {folder}, which can't be read ({error.strerror}): see to that, or "
            "`%wf db other.duckdb`"
        ) from error


def _load(wanted: Sequence[Found], loader: Loader, disk: Disk) -> None:
    segments: dict[Path, Segment] = {}
    try:
        for path in {batch.path for batch in wanted}:
            segments[path] = Segment(path, disk.open(path), 0)
        spans = [Span(segments[batch.path], batch.start, batch.end) for batch in wanted]
        loader.load(spans, wanted[-1].last, gives_back=False)
    finally:
        for segment in segments.values():
            disk.close(segment.fd)


def _reusable(found: Sequence[Found], watermark: int) -> list[Path]:
    """The segments with batches, if DuckDB has all of these.

    One that it doesn't have follows on nothing, and was never acknowledged. It may not lie beside a later journal, which uses
    its number: so then none of them is kept.
    """
    if any(batch.last > watermark for batch in found):
        return []
    return sorted({batch.path for batch in found})


def _delete(folder: Path, disk: Disk, but: Sequence[Path]) -> None:
    """Delete what is loaded, for good, but for some segments."""
    gone = [path for path in files(folder) if path not in but]
    for path in [*gone, folder / LOADED]:
        path.unlink(missing_ok=True)
    if but and not gone:
        return
    disk.sync_folder(folder)
    try:
        folder.rmdir()
    except OSError:
        pass  # somebody has put something else there


def _move_aside(folder: Path, store_id: str, name: str) -> None:
    owner = "".join(char for char in store_id[:8] if char.isalnum())  # whoever wrote it
    place = folder.with_name(f"{folder.name}-of-{owner}")
    number = 1
    while place.exists():
        number += 1
        place = folder.with_name(f"{folder.name}-of-{owner}-{number}")
    os.rename(folder, place)
    _log.warning(
        "beside %s lay the journal of another history, whose file is gone: it is in %s now; if you have a copy of "
        "that file, put it there as copy.duckdb, name the folder copy.duckdb.journal, and open it",
        name,
        place,
    )
