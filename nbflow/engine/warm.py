"""Which executions are in memory, how much each may hold, and which have to go first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nbflow.engine.instance import Instance

_EXECUTION_BYTES: Final = 5_000
"""About what an execution takes beside what its code holds (measured: 4 kB)."""


class Warm:
    """The instances whose executions are in memory, the one that was used last at the end.

    What an execution's code holds in its variables can't be known; it came as payloads, so those are what counts.
    """

    def __init__(self) -> None:
        self._instances: dict[str, Instance] = {}
        self.size = 0

    def __len__(self) -> int:
        return len(self._instances)

    def __iter__(self) -> Iterator[Instance]:
        return iter(self._instances.values())

    def use(self, instance: Instance, payloads: int) -> None:
        """Note that one was used just now.

        Args:
            instance: Whose execution it is.
            payloads: Bytes of the payloads that it has had in all.
        """
        self.drop(instance)
        instance.payloads = payloads
        self.size += _EXECUTION_BYTES + payloads
        self._instances[instance.instance_id] = instance

    def drop(self, instance: Instance) -> None:
        """Note that one has gone; that it wasn't there is no error."""
        if self._instances.pop(instance.instance_id, None) is not None:
            self.size -= _EXECUTION_BYTES + instance.payloads

    def surplus(self, most: int, most_bytes: int) -> list[Instance]:
        """Those that have to go so that no more are left than so many, and than take so many bytes.

        Who is busy stays, and so does the one that was used last: it may be too large for any cache.
        """
        count, size = len(self._instances) - most, self.size - most_bytes
        found: list[Instance] = []
        if count <= 0 and size <= 0:
            return found
        last = next(reversed(self._instances))
        for instance_id, instance in self._instances.items():
            if count <= 0 and (size <= 0 or instance_id == last):
                break
            if not instance.is_busy:
                found.append(instance)
                count -= 1
                size -= _EXECUTION_BYTES + instance.payloads
        return found
