"""Writing an export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from nbflow.errors import ExportError
from nbflow.ports import HistoryStore
from nbflow.runtime.exports.code import Code, code_for
from nbflow.runtime.exports.record import RunRecord, present, read_run, to_text
from nbflow.runtime.exports.regression import history_beside, test_text
from nbflow.runtime.exports.targets import Target, replace_file
from nbflow.runtime.pictures import Tell, write_page
from nbflow.runtime.questions import Readable, cursor_of

if TYPE_CHECKING:
    from nbflow.runtime.handle import WorkflowHandle
    from nbflow.runtime.runtime import WorkflowRuntime
    from nbflow.widgets.source import CardSource


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What was written.

    Attributes:
        paths: The files, the one that was named first.
        size: Their bytes in all.
        use: What can be done with them, as half a sentence.
    """

    paths: tuple[Path, ...]
    size: int
    use: str


def export(
    place: Readable,
    target: Target,
    *,
    run: str,
    source: CardSource | None = None,
    code: Code | None = None,
    tell: Tell | None = None,
) -> Exported:
    """Write a run, or a whole history, to where it is to go.

    Args:
        place: Where it is read.
        target: Where it is written, and as what.
        run: The run's ID; ``db`` for the whole history.
        source: The run, where that is to be a page.
        code: Where its workflow's code lives, where that is to be a test.
        tell: Is told how far a page is.

    Raises:
        ExportError: It can't be written there; says what to type instead.
        OSError: The file can't be written.
        StoreError: The history can't be read.
    """
    target.check(place.path)
    if target.is_folder:
        return _tables(place, target, run)
    path = target.path
    match target.suffix:
        case ".duckdb":
            size = _copy(place, target)
            return Exported(
                paths=(path,),
                size=size,
                use=f"nbflow ls --db {target.typed} reads it; %wf db would go on with the runs in it",
            )
        case ".parquet":
            return Exported(
                paths=(path,),
                size=_history(place, target, run),
                use="a row an event: pandas, polars and DuckDB read it",
            )
        case ".json":
            size = _record(path, place.read(lambda store: read_run(store, run)))
            return Exported(
                paths=(path,),
                size=size,
                use="an event a line: for diff, for other programs, and for replay_history",
            )
        case ".py":
            return _test(place, target, run, code)
        case _:
            if source is None:
                raise ExportError(f"a page needs a run: type {target.command} ID {target.typed}")
            return Exported(
                paths=(path,),
                size=write_page(source, path, tell=tell),
                use="any browser opens it, no kernel is needed",
            )


def _record(path: Path, record: RunRecord) -> int:
    text = to_text(record).encode("utf-8", "surrogatepass")
    return replace_file(path, lambda draft: draft.write_bytes(text))


def _test(place: Readable, target: Target, run: str, code: Code | None) -> Exported:
    record = present(place.read(lambda store: read_run(store, run)))
    name = record.instance.name
    if code is None:
        raise ExportError(
            f"a test needs to know which file has the code of {name}: type {target.command} {target.of} "
            f"{target.typed} --code orders.ipynb, or a .py file"
        )
    path = target.path
    text = test_text(record.instance, code, path)
    size = _record(history_beside(path), record)
    size += replace_file(path, lambda draft: draft.write_text(text, encoding="utf-8"))
    return Exported(
        paths=(path, history_beside(path)),
        size=size,
        use=f"pytest {target.typed} replays it against the code",
    )


def _copy(place: Readable, target: Target) -> int:
    def write(draft: Path) -> None:
        place.read(lambda store: _copying(store)(draft))

    if target.path.exists():
        _check_replaceable(target)
    return replace_file(target.path, write)


def _copying(store: HistoryStore) -> Any:
    copying: Any = getattr(store, "export_to", None)
    if copying is None:
        raise ExportError("this history is in no file: type %wf db PATH for one that is")
    return copying


def _check_replaceable(target: Target) -> None:
    """Refuse to replace a file that is no history, or that somebody has open; raises StoreError."""
    from nbflow.stores.duckdb import DuckDBStore
    from nbflow.stores.journal.leftover import load_leftover

    load_leftover(target.path)
    store = DuckDBStore(target.path, read_only=True)
    store.open()
    store.close()


def _history(place: Readable, target: Target, run: str) -> int:
    from nbflow.stores.duckdb_parquet import write_parquet

    cursor, of = cursor_of(place), None if run == "db" else run
    return replace_file(target.path, lambda draft: write_parquet(cursor, "history", draft, instance_id=of))


def _tables(place: Readable, target: Target, run: str) -> Exported:
    from nbflow.stores.duckdb_parquet import TABLES, write_parquet

    cursor, of = cursor_of(place), None if run == "db" else run
    target.path.mkdir(exist_ok=True)
    paths = [target.path / f"{table}.parquet" for table in TABLES]
    size = 0
    for table, path in zip(TABLES, paths, strict=True):
        size += replace_file(
            path, lambda draft, table=table: write_parquet(cursor, table, draft, instance_id=of)
        )
    return Exported(
        paths=(target.path, *paths),
        size=size,
        use="a file for each table and view: pandas, polars and DuckDB read them",
    )


def export_run(
    runtime: WorkflowRuntime,
    run: WorkflowHandle,
    source: CardSource,
    path: str | Path,
    code: str | Path | None = None,
) -> int:
    """Write a run into a file, which is replaced; gives its size in bytes.

    Args:
        runtime: The runtime.
        run: The run.
        source: The same, for those who draw it.
        path: Its suffix says as what.
        code: For a test: the notebook or script that has the workflow, if that isn't known.

    Raises:
        ExportError: The name has another suffix, or its place is none.
        OSError: The file can't be written.
    """
    target = Target(path=Path(path).expanduser(), typed=str(path), of=run.instance_id, force=True)
    found = code_for(runtime.registry.workflow(run.name), code)
    return export(runtime, target, run=run.instance_id, source=source, code=found).size
