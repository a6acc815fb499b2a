"""A look into a history that isn't open here, without taking it from anybody."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, Final, cast

from nbflow.core.state import TERMINAL
from nbflow.errors import StoreError

_QUERY: Final = "SELECT count(*) FROM instances WHERE status NOT IN (SELECT unnest(?))"


def count_active(path: Path) -> int | None:
    """How many runs of a store have not ended; None if it is open elsewhere, or is no store.

    If its owner was killed, what that had committed last is loaded into the file before.
    """
    import duckdb

    from nbflow.runtime.stored import bring_in

    with suppress(StoreError):  # its owner lives, or nothing can be written there: the file tells what it can
        bring_in(path)
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            row = cast("Any", connection).execute(_QUERY, [sorted(TERMINAL)]).fetchone()
    except duckdb.Error:
        return None
    return int(row[0])
