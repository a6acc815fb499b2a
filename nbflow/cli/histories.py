"""Finding a history from a terminal, and opening it to be read: nothing in it is run, woken or changed."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nbflow.cli.complaints import CommandError
from nbflow.errors import StoreError, StoreLockedError

if TYPE_CHECKING:
    from nbflow.runtime.stored import StoredHistory

_FOLDER: Final = ".nbflow"
_SUFFIX: Final = ".duckdb"
_DEEPEST: Final = 3
"""Folders below the present one in which histories are looked for."""

_NAMED: Final = 5


def add_db(parser: Any) -> None:
    """Add ``--db``."""
    parser.add_argument(
        "--db",
        metavar="PATH",
        help="the history; NBFLOW_DB, or the one in .nbflow/ here or below, if not given",
    )


@contextmanager
def opened(db: str | None, again: str) -> Generator[StoredHistory]:
    """The history that is meant, open to be read.

    Args:
        db: The file, as it was given.
        again: The command without ``--db``, for messages: ``nbflow ls``.

    Raises:
        CommandError: There is none, or it can't be opened; says what to type.
    """
    from nbflow.runtime.stored import StoredHistory

    path = _found(db, again)
    with ExitStack() as opening:
        yield _open(opening, StoredHistory(path), again)


def _open(opening: ExitStack, history: StoredHistory, again: str) -> StoredHistory:
    try:
        return opening.enter_context(history)
    except StoreLockedError as error:
        where = str(error).rpartition(": ")[0]
        raise CommandError(
            f"{where}: type %wf export db copy.duckdb there, then {again} --db copy.duckdb here"
        ) from None
    except StoreError as error:
        # the store speaks to notebooks
        raise CommandError(
            str(error).replace("`%wf db other.duckdb`", f"`{again} --db other.duckdb`")
        ) from None


def _found(db: str | None, again: str) -> str:
    named = db or os.environ.get("NBFLOW_DB", "")
    if named and named != ":memory:":
        return named
    here = sorted(_stores(Path()), key=lambda path: path.stat().st_mtime, reverse=True)
    if not here:
        raise CommandError(f"there is no history in this folder or below: type {again} --db PATH")
    if len(here) == 1:
        return str(here[0])
    commands = ", or ".join(f"{again} --db {path}" for path in here[:_NAMED])
    more = f" ({len(here) - _NAMED} more are there)" if len(here) > _NAMED else ""
    raise CommandError(f"there are {len(here)} histories here{more}: type {commands}")


def _stores(folder: Path) -> Iterator[Path]:
    """The histories of a folder; those below it, if it has none of its own."""
    own = list((folder / _FOLDER).glob(f"*{_SUFFIX}"))
    if own:
        yield from own
        return
    for below, folders, _ in os.walk(folder):
        depth = len(Path(below).parts)
        folders[:] = [] if depth >= _DEEPEST else [name for name in folders if not name.startswith(".")]
        for name in folders:
            yield from (Path(below) / name / _FOLDER).glob(f"*{_SUFFIX}")


def code_beside(path: str) -> str:
    """The notebook that a history is of, as far as its place tells; else an example."""
    store = Path(path)
    notebook = store.parent.parent / f"{store.stem}.ipynb"
    return str(notebook) if store.parent.name == _FOLDER and notebook.is_file() else "orders.ipynb"
