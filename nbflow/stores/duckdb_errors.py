"""Why a DuckDB file can't be opened or written, told in one line with the next command to type.

DuckDB says all of this as one `IOException` with different sentences, so the
sentences are read here, and only here.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import duckdb

from nbflow.errors import (
    StoreError,
    StoreFormatError,
    StoreLockedError,
    StoreUnavailableError,
)

_OTHER: Final = "`%wf db other.duckdb`"
_LOCK_SIGNS: Final = ("Could not set lock", "already open in", "used by another process")
_FORMAT_SIGNS: Final = ("not a valid DuckDB", "read enough bytes", "IO Error: Extension")


def first_line(error: BaseException) -> str:
    """What an exception says, without the lines that show the SQL."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def check_place(name: str, path: Path) -> None:
    """Refuse a path at which no store can be, before DuckDB tries.

    Raises:
        StoreUnavailableError: The folder isn't there, or the path is a folder.
        StoreFormatError: The file is empty.
    """
    if "\0" in name:
        raise StoreUnavailableError(f"{name!r} is no file name: {_OTHER}")
    try:
        if not path.parent.is_dir():
            raise StoreUnavailableError(
                f"{name} can't be made, as there is no folder {path.parent}: `mkdir -p {path.parent}`, or {_OTHER}"
            )
        if path.is_dir():
            raise StoreUnavailableError(f"{name} is a folder: name a file, such as {_OTHER}")
        if path.exists() and path.stat().st_size == 0:
            raise StoreFormatError(f"{name} is an empty file and no nbflow store: delete it, or {_OTHER}")
    except OSError as error:
        raise StoreUnavailableError(f"{name} can't be opened ({error.strerror}): {_OTHER}") from error


def check_presence(name: str, path: Path) -> None:
    """Refuse to read a store that isn't there; who writes makes it.

    Raises:
        StoreUnavailableError: See above.
    """
    if not path.exists():
        raise StoreUnavailableError(f"there is no {name}: {_OTHER}")


def why_not_opened(name: str, error: duckdb.Error) -> StoreError:
    """The error to raise when DuckDB could not open the file."""
    text = str(error)
    if any(sign in text for sign in _LOCK_SIGNS):
        found = re.search(r"\(PID (\d+)\)", text)
        pid = int(found[1]) if found else None
        return StoreLockedError(name, pid, _locked(name, pid))
    if "different configuration" in text:
        pid = os.getpid()
        message = f"{name} is open already in this process ({pid}): close it there first, or {_OTHER}"
        return StoreLockedError(name, pid, message)
    if isinstance(error, duckdb.IOException) and not any(sign in text for sign in _FORMAT_SIGNS):
        return StoreUnavailableError(f"{name} can't be opened ({first_line(error)}): {_OTHER}")
    return unreadable(name, error)


def _locked(name: str, pid: int | None) -> str:
    if pid is None:
        return f"{name} is open in another process: end that process, or {_OTHER}"
    if _is_kernel(pid):
        return f"{name} is open in kernel PID {pid}: shut that kernel down, or {_OTHER}"
    return f"{name} is open in process {pid}: end that process, or {_OTHER}"


def _is_kernel(pid: int) -> bool:
    """Whether a process is a Jupyter kernel, where the system tells its command line (Linux)."""
    try:
        return b"ipykernel" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def unreadable(name: str, error: duckdb.Error) -> StoreFormatError:
    """The file is there, but DuckDB can't make sense of it."""
    return StoreFormatError(f"{name} is no nbflow store ({first_line(error)}): {_OTHER}")


def check_target(name: str, path: Path) -> None:
    """Refuse to export over something, or to nowhere.

    Raises:
        StoreUnavailableError: See above.
    """
    check_place(name, path)
    if path.exists():
        raise StoreUnavailableError(f"{name} exists already: name a new file, `%wf export db copy.duckdb`")


def not_exported(name: str, error: duckdb.Error) -> StoreError:
    """The error to raise when a copy could not be written."""
    return StoreUnavailableError(
        f"{name} could not be written ({first_line(error)}): name another file, `%wf export db copy.duckdb`"
    )
