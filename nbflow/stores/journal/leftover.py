"""A history whose owner was killed, and that somebody only wants to read: its journal is loaded into the file first."""

from __future__ import annotations

from pathlib import Path

from nbflow.errors import StoreUnavailableError
from nbflow.stores.journal.place import files, folder_of
from nbflow.stores.journal.store import JournalStore


def load_leftover(path: str | Path) -> None:
    """Load what a killed owner of a file left in the journal, if anything.

    Nothing is run, and each row keeps its seal.

    Raises:
        StoreLockedError: Its owner lives.
        StoreUnavailableError: It can't be loaded, such as where nothing can be written.
        StoreError: The journal is damaged.
    """
    place = Path(path).expanduser().absolute()
    folder = folder_of(place)
    if not place.exists() or not any(files(folder)):
        return
    owner = JournalStore(path)
    try:
        owner.open()
        owner.close()
    except StoreUnavailableError as error:
        raise StoreUnavailableError(
            f"the last commits to {path} are in the journal of a kernel that was killed, and have to be loaded from {folder} "
            f"before it is read: {error}"
        ) from error
