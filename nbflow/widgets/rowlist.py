"""The rows of a card as they go out: few as plain dictionaries, many as one text.

Whoever sends a message looks at each of its lists and dictionaries, and turns it into JSON with Python's encoder;
the text of ten thousand events' rows is made at a tenth of that price, kept at a fifth of the memory, and read by the
browser at once. What changes later goes out as plain rows in any case.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from nbflow.views.timeline.details import details_of
from nbflow.views.timeline.fold import TimelineFold
from nbflow.views.timeline.rows import Row
from nbflow.widgets.messages import INLINE_LIMIT, INLINE_ROWS, Json, row_message


class RowList:
    """The messages of a run's rows, as they were last sent or would be."""

    def __init__(self) -> None:
        self._few: dict[str, Json] = {}
        self._many: dict[str, bytes] = {}

    def renew(self, fold: TimelineFold, changed: Iterable[str], served: datetime | None) -> None:
        """Bring it up to date with a fold.

        Args:
            fold: The run.
            changed: Keys of the rows that have changed since.
            served: Until when replay took rows from history.
        """
        if fold.row_count <= INLINE_ROWS:
            for row in map(fold.row, changed):
                is_served = served is not None and row.end is not None and row.end <= served
                self._few[row.key] = row_message(row, details_of(row, limit=INLINE_LIMIT, served=is_served))
            return
        rows: Iterable[Row] = map(fold.row, changed)
        if not self._many:  # what came along until now is asked for from now on
            self._few.clear()
            rows = fold.rows()
        encode = msgspec.json.Encoder().encode
        for row in rows:
            self._many[row.key] = encode(row_message(row, None))

    def whole(self) -> Json:
        """What a snapshot has of them; see `rows_of`."""
        if not self._many:
            return {"rows": list(self._few.values())}
        return {"rows": [], "packed": f"[{b','.join(self._many.values()).decode()}]"}

    def some(self, keys: Iterable[str]) -> list[Json]:
        """The rows of these keys."""
        if not self._many:
            return [self._few[key] for key in keys]
        return [msgspec.json.decode(self._many[key]) for key in keys]


def rows_of(message: Json) -> list[Json]:
    """The rows of a snapshot or a delta. The browser's twin is ``rowsOf`` in ``static/words.js``."""
    return msgspec.json.decode(message["packed"]) if "packed" in message else message["rows"]
