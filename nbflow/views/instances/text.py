"""The table of runs for a terminal."""

from __future__ import annotations

from typing import Final

from nbflow.views.instances.rows import InstanceRow

HEADING: Final = ("ID", "workflow", "status", "waits for", "created (UTC)", "updated (UTC)")


def fields(row: InstanceRow) -> tuple[object, ...]:
    """What stands under `HEADING`."""
    return (
        row.instance_id,
        row.name,
        str(row.status),
        row.waits_text,
        row.created_at,
        row.updated_at,
    )
