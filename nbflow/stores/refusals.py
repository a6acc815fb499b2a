"""What a store refuses, in words: both stores say the same.

Each function makes the error for one broken rule; the store raises it. A refused
batch is refused whole.
"""

from __future__ import annotations

from nbflow.core.operations import AppendHistory
from nbflow.errors import StoreError


def not_open(name: str) -> StoreError:
    """A method was called before `open` or after `close`."""
    return StoreError(f"the store {name} is not open: call open() first")


def out_of_sequence(operation: AppendHistory, last: int) -> StoreError:
    """The events don't follow on the last one of their execution."""
    numbers = ", ".join(str(event.seq) for event in operation.events[:5])
    more = ", …" if len(operation.events) > 5 else ""
    return StoreError(
        f"history of {operation.instance_id} (execution {operation.execution_id}) ends at seq {last}, "
        f"so the next event must be {last + 1}: got {numbers}{more}; nothing of this batch was written"
    )


def without_instance(operation: AppendHistory) -> StoreError:
    """History was given for an instance that has no row, so that nobody could find or purge it."""
    return StoreError(
        f"history of {operation.instance_id} needs its instance: put a PutInstance before it in the batch; "
        "nothing of this batch was written"
    )


def row_taken(row_id: int) -> StoreError:
    """An inbox row of that number is there already; it would be lost."""
    return StoreError(
        f"inbox row {row_id} is taken: number new messages from next_row_id() on; nothing of this batch was written"
    )


def page_lost(after: str) -> StoreError:
    """The instance at which the next page of a list begins was purged meanwhile."""
    return StoreError(f"there is no instance {after} to list on from: list again from the beginning")
