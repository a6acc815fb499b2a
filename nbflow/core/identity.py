"""Instance IDs: what a caller may give, and how those of children are made (S59)."""

from __future__ import annotations

import hashlib
import re
import uuid
from typing import Final

from nbflow.errors import InvalidInstanceIdError

_GIVEN: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
_LONGEST: Final = 256
_TAIL: Final = 16


def check_instance_id(instance_id: str) -> None:
    """Refuse an ID that a caller may not give.

    Raises:
        InvalidInstanceIdError: It has other characters than letters, digits, ``_`` and ``-``.
    """
    if not _GIVEN.fullmatch(instance_id):
        raise InvalidInstanceIdError(
            f"{instance_id[:80]!r} can't be an instance ID: 1 to 256 letters, digits, _ and - (such as order-42)"
        )


def child_instance_id(parent_id: str, execution_id: str, number: int) -> str:
    """The ID of a child that gets none: ``parent:<8 characters of execution_id>:0001``.

    Another execution of the parent, be it a later generation or another run under its ID, gives
    other IDs. One that would be longer than 256 characters ends in a hash of itself instead.
    """
    return _shortened(f"{parent_id}:{execution_id[:8]}:{number:04d}")


def forked_child_id(parent_id: str, execution_id: str, child_id: str) -> str:
    """The ID of a fork's own child, in place of one that the run has which it was forked from.

    The child's number stays; where the child has an ID that was given, that ID stands in its place.
    """
    last = child_id.rpartition(":")[2] if is_derived(child_id) else f"{child_id}:0"
    return _shortened(f"{parent_id}:{execution_id[:8]}:{last}")


def fork_id(instance_id: str, number: int) -> str:
    """The ID of a fork that gets none: ``order-42-fork-1``; what only an ID of a child may hold is replaced."""
    tail = f"-fork-{number}"
    return f"{instance_id.replace(':', '-')[: _LONGEST - len(tail)]}{tail}"


def _shortened(derived: str) -> str:
    if len(derived) <= _LONGEST:
        return derived
    tail = hashlib.sha256(derived.encode()).hexdigest()[:_TAIL]
    return f"{derived[: _LONGEST - _TAIL - 1]}:{tail}"


def is_derived(instance_id: str) -> bool:
    """Tell an ID that nbflow made for a child from one that a caller gave: those hold no colon."""
    return ":" in instance_id


def next_execution_id(execution_id: str, what: str) -> str:
    """An execution ID that follows from another one, so that a turn taken again makes the same."""
    return uuid.uuid5(uuid.NAMESPACE_OID, f"{execution_id}:{what}").hex
