"""A look into a history that isn't open here, without taking it from anybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, cast

import duckdb

from nbflow.core.state import TERMINAL

_QUERY: Final = "SELECT count(*) FROM instances WHERE status NOT IN (SELECT unnest(?))"


def count_active(path: Path) -> int | None:
    """How many runs of a store have not ended; None if it is open elsewhere, or is no store."""
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            row = cast("Any", connection).execute(_QUERY, [sorted(TERMINAL)]).fetchone()
    except duckdb.Error:
        return None
    return int(row[0])
