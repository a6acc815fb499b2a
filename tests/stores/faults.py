"""A DuckDB connection that fails when it is told to: what a bad disk does to a commit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb


class Faults:
    """Where the next failure comes; give `connect` to a store.

    A step is anything that a commit asks of its connection. The failure comes in place of the
    step numbered ``before``, in place of the statement ``statement``, or, with ``after_commit``,
    once the commit has been carried out.
    """

    def __init__(self) -> None:
        self.steps = 0
        self.before: int | None = None
        self.statement: str | None = None
        self.after_commit = False
        self.error: type[duckdb.Error] = duckdb.IOException

    def arm(self, before: int, error: type[duckdb.Error] = duckdb.IOException) -> None:
        self.steps, self.before, self.error = 0, before, error

    def arm_statement(self, statement: str, error: type[duckdb.Error]) -> None:
        self.statement, self.error = statement, error

    def arm_after_commit(self) -> None:
        self.after_commit = True

    def connect(self, *args: Any, **options: Any) -> Any:
        return FaultyConnection(self, duckdb.connect(*args, **options))

    def step(self, statement: object = None) -> None:
        self.steps += 1
        due = self.before is not None and self.steps >= self.before
        if due or (statement is not None and statement == self.statement):
            self.before = self.statement = None
            raise self.error("injected")


class Told(Faults):
    """What is asked of DuckDB, and the failure that was armed."""

    def __init__(self) -> None:
        super().__init__()
        self.statements: list[str] = []

    def step(self, statement: object = None) -> None:
        self.statements.append(str(statement))
        super().step(statement)


class FaultyConnection:
    def __init__(self, faults: Faults, connection: duckdb.DuckDBPyConnection) -> None:
        self._faults = faults
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._connection, name)
        return self._counted(found) if name in ("begin", "execute") else found

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **options: Any) -> Any:
            self._faults.step(*args[:1])
            return call(*args, **options)

        return counted

    def commit(self) -> None:
        self._faults.step()
        self._connection.commit()
        if self._faults.after_commit:
            self._faults.after_commit = False
            raise duckdb.FatalException("FATAL Error: committed, but injected")

    def cursor(self) -> FaultyConnection:
        return FaultyConnection(self._faults, self._connection.cursor())

    def __enter__(self) -> FaultyConnection:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._connection.close()

    def appender(self, *args: Any, **options: Any) -> Any:
        self._faults.step()
        return FaultyAppender(self._faults, self._connection.appender(*args, **options))


class FaultyAppender:
    def __init__(self, faults: Faults, appender: duckdb.Appender) -> None:
        self._faults = faults
        self._appender = appender

    def __getattr__(self, name: str) -> Any:
        return getattr(self._appender, name)

    def flush(self) -> None:
        self._faults.step()
        self._appender.flush()
