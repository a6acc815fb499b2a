"""Questions to DuckDB's tables that the writer has, while some rows are still in the journal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from nbflow.core.operations import InboxRow
from nbflow.stores.duckdb_file import DatabaseFile
from nbflow.stores.duckdb_read import Reader
from nbflow.stores.duckdb_rows import DefinitionKey, Row
from nbflow.stores.journal.journal import Journal
from nbflow.stores.journal.roster import Roster

_PAGE: Final = 2000


class SettledReader(Reader):
    """A reader for what a commit has to know: what it asks for is loaded first, if the journal has any of it.

    Args:
        file: The store's file.
        key: Its owner's key.
    """

    def __init__(self, file: DatabaseFile, key: bytes | None = None) -> None:
        super().__init__(file, key)
        self.journal: Journal | None = None
        self.roster = Roster()

    def fill_roster(self) -> None:
        """Note all IDs that are stored, from whichever thread."""
        roster = self.roster
        with self._file.cursor() as cursor:
            ((count,),) = cursor.execute("SELECT count(*) FROM instances").fetchall()
            roster.begin(count)
            cursor.execute("SELECT instance_id FROM instances")
            while page := cursor.fetchmany(_PAGE):
                roster.add_stored(instance_id for (instance_id,) in page)
        roster.complete()

    def instance_rows(self, instance_ids: Sequence[str]) -> list[Row]:
        """The `rows.INSTANCES` of these instances."""
        instance_ids = [i for i in instance_ids if self.roster.may_have(i)]
        if not instance_ids:
            return []
        if self.journal is not None and self.journal.tail.records(instance_ids):
            self.journal.flush()
        return super().instance_rows(instance_ids)

    def ends(self, iids: Iterable[int]) -> dict[tuple[int, str], int]:
        """The last ``seq`` of every execution of these instances."""
        wanted = set(iids)
        # In this order: what is loaded in between is in both.
        pending = self.journal.tail.ends(wanted) if self.journal is not None else {}
        return super().ends(wanted) | pending

    def inbox_rows(self, row_ids: Iterable[int]) -> list[InboxRow]:
        """Messages by number, as far as they are there."""
        if self.journal is not None and self.journal.tail.has_inbox:
            self.journal.flush()
        return super().inbox_rows(row_ids)

    def definition_keys(self) -> tuple[list[DefinitionKey], list[DefinitionKey]]:
        """The keys of all stored code, and of what its owner did not write."""
        if self.journal is not None and self.journal.tail.has_code:
            self.journal.flush()
        return super().definition_keys()
