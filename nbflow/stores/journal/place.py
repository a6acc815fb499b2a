"""Where the journal of a DuckDB file is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from nbflow.errors import StoreUnavailableError


def folder_of(path: Path) -> Path:
    """The folder of a file's journal; it is there while somebody has the file open, or when its owner was killed.

    It is beside the file itself, by whatever link that was named.
    """
    place = Path(os.path.realpath(path.expanduser()))
    return place.with_name(f"{place.name}.journal")


def files(folder: Path) -> Iterator[Path]:
    """The segments that are in a folder."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    yield from (folder / name for name in sorted(names) if name.endswith(".ndjson"))


def refuse_beside_journal(path: Path) -> None:
    """Refuse to go on without what a killed owner has committed last.

    Raises:
        StoreUnavailableError: There is a journal beside the file.
    """
    folder = folder_of(path)
    if any(files(folder)):
        raise StoreUnavailableError(
            f"the last commits to {path} are in the journal {folder}, as its owner was killed: open it once, such as with "
            f"`%wf db {path}`"
        )
