"""Runs that take room, and their end."""

from __future__ import annotations

from random import Random

from nbflow.core import operations as op
from nbflow.core.state import RuntimeStatus
from tests.stores.samples import append, put, scheduled, turn

MANY = 400
"""Runs of a batch: half a MB."""


def runs(prefix: str, count: int = MANY) -> list[op.Operation]:
    """Runs that have ended, with 1 kB each that doesn't compress."""
    random = Random(prefix)
    return [
        operation
        for name in names(prefix, count)
        for operation in (
            put(name, input=f'"{random.randbytes(500).hex()}"', status=RuntimeStatus.COMPLETED),
            append(name, "e1", turn(), scheduled(1)),
        )
    ]


def purge(prefix: str, count: int = MANY) -> list[op.Operation]:
    """Their end."""
    return [op.PurgeInstance(instance_id=name) for name in names(prefix, count)]


def names(prefix: str, count: int = MANY) -> list[str]:
    """Their IDs."""
    return [f"{prefix}-{n}" for n in range(count)]
