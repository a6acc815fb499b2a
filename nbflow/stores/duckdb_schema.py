"""Which tables a store has: making them, telling them from others', bringing old ones up to date.

The tables carry a version from the first day. A store of an older version is
migrated when it is opened, all steps in one transaction; one of a newer version
is refused, since an old nbflow would read it wrongly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from typing import Final
from uuid import uuid4

import duckdb

from nbflow.errors import StoreError, StoreFormatError, StoreVersionError

BALLAST: Final = "ballast"
"""A table that takes room while a file is made smaller; a process that was killed then leaves it."""

TABLES: Final = ("meta", "instances", "history", "inbox", "definitions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One migration: what turns a store of the version before into one of ``version``."""

    version: int
    run: Callable[[duckdb.DuckDBPyConnection], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """A version of the tables.

    Attributes:
        version: Rises with every change of a table.
        tables: SQL that makes the tables in an empty database.
        views: SQL that makes the views, or makes them anew.
        steps: The way from each older version, in order.
    """

    version: int
    tables: str
    views: str
    steps: tuple[Step, ...] = ()


def current() -> Schema:
    """The tables that this nbflow writes."""
    here = files("nbflow.stores")
    return Schema(
        version=2,
        tables=here.joinpath("schema.sql").read_text("utf-8"),
        views=here.joinpath("views.sql").read_text("utf-8"),
        steps=(Step(version=2, run=_running(here.joinpath("schema_2.sql").read_text("utf-8"))),),
    )


def _running(sql: str) -> Callable[[duckdb.DuckDBPyConnection], object]:
    return lambda connection: connection.execute(sql)


def prepare(connection: duckdb.DuckDBPyConnection, schema: Schema, name: str) -> str:
    """Make or migrate the tables if they need it, and return the store's ID.

    Args:
        connection: Just opened, with no transaction under way.
        schema: What the tables should be.
        name: What to call the store in errors.

    Raises:
        StoreFormatError: The database holds other tables.
        StoreVersionError: The tables are newer than ``schema``.
        StoreError: A migration failed; the store is as it was.
    """
    there = _tables(connection)
    if BALLAST in there:
        connection.execute(f"DROP TABLE {BALLAST}")
    if not there:
        return _in_transaction(connection, lambda: _create(connection, schema), f"{name} could not be made")
    stored, store_id = _identify(connection, schema, name)
    if stored < schema.version:
        failure = f"{name} could not be migrated from version {stored} to {schema.version} and is as it was"
        _in_transaction(connection, lambda: _migrate(connection, schema, stored), failure)
    return store_id


def check(connection: duckdb.DuckDBPyConnection, schema: Schema, name: str) -> str:
    """Tell whether the tables are those that are expected, and return the store's ID; nothing is made or migrated.

    Raises:
        StoreFormatError: The database holds other tables.
        StoreVersionError: The tables are newer or older than ``schema``.
    """
    stored, store_id = _identify(connection, schema, name)
    if stored < schema.version:
        raise StoreVersionError(
            f"{name} has the tables of an older nbflow (version {stored}, this one reads {schema.version}), and who "
            f"only reads changes nothing: `%wf db {name}` in a notebook brings it up to date"
        )
    return store_id


def _identify(connection: duckdb.DuckDBPyConnection, schema: Schema, name: str) -> tuple[int, str]:
    """The version of a store's tables, this one's at the most, and its ID."""
    found = _tables(connection)
    if not found.issuperset(TABLES):
        some = ", ".join(sorted(found)[:3])
        raise StoreFormatError(
            f"{name} is a DuckDB database, but no nbflow store (it holds {some}): `%wf db other.duckdb`"
        )
    about = connection.execute("SELECT schema_version, store_id FROM meta").fetchall()
    if len(about) != 1:
        raise StoreFormatError(f"{name} is no nbflow store (its table meta is empty): `%wf db other.duckdb`")
    stored, store_id = about[0]
    if stored > schema.version:
        raise StoreVersionError(
            f"{name} has the tables of a newer nbflow (version {stored}, this one knows {schema.version}): "
            "update nbflow (`%pip install -U nbflow`), or `%wf db other.duckdb`"
        )
    return int(stored), str(store_id)


def _tables(connection: duckdb.DuckDBPyConnection) -> set[str]:
    rows = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() AND NOT internal "
        "UNION ALL "
        "SELECT view_name FROM duckdb_views() WHERE database_name = current_database() AND NOT internal"
    ).fetchall()
    return {name for (name,) in rows}


def _create(connection: duckdb.DuckDBPyConnection, schema: Schema) -> str:
    connection.execute(schema.tables)
    connection.execute(schema.views)
    store_id = str(uuid4())
    now = datetime.now(UTC).replace(tzinfo=None)
    connection.execute(
        "INSERT INTO meta VALUES (?, ?, ?, ?, 0)", [schema.version, store_id, now, _nbflow_version()]
    )
    return store_id


def _migrate(connection: duckdb.DuckDBPyConnection, schema: Schema, stored: int) -> None:
    for step in schema.steps:
        if step.version > stored:
            step.run(connection)
    connection.execute(schema.views)
    connection.execute("UPDATE meta SET schema_version = ?", [schema.version])


def _in_transaction(
    connection: duckdb.DuckDBPyConnection, work: Callable[[], str | None], failure: str
) -> str:
    connection.begin()
    try:
        result = work()
        connection.commit()
    except BaseException as error:
        try:
            connection.rollback()
        except duckdb.Error:
            pass  # a commit that fails has ended its transaction already
        if isinstance(error, Exception):
            raise StoreError(f"{failure}: {error}") from error
        raise
    return result or ""


def _nbflow_version() -> str:
    try:
        return version("nbflow")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "unknown"
