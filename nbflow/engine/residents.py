"""The instances that are in memory: those that are busy, those with messages, and those kept warm."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from nbflow.engine.holding import Holding
from nbflow.engine.instance import Instance


class Residents:
    """Finds instances by ID, and knows which of them the next tick has to look at.

    Args:
        wake: Has the next tick come.
        holding: The runs that wait for their owner's word.
    """

    def __init__(self, wake: Callable[[], None], holding: Holding) -> None:
        self._wake = wake
        self._holding = holding
        self._instances: dict[str, Instance] = {}
        self._touched: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._instances)

    def __iter__(self) -> Iterator[Instance]:
        return iter(self._instances.values())

    def find(self, instance_id: str) -> Instance | None:
        """The instance if it is in memory."""
        return self._instances.get(instance_id)

    def get(self, instance_id: str) -> Instance:
        """The instance as it is in memory; it need not exist in the store."""
        instance = self._instances.get(instance_id)
        if instance is None:
            instance = self._instances[instance_id] = Instance(
                instance_id, is_held=instance_id in self._holding
            )
        return instance

    def touch(self, instance: Instance) -> None:
        """Have the next tick look at an instance."""
        self._touched[instance.instance_id] = None
        self._wake()

    def touch_all(self) -> None:
        """Have the next tick look at every instance."""
        self._touched.update(dict.fromkeys(self._instances))
        self._wake()

    def take_touched(self) -> list[Instance]:
        """The instances to look at now, in the order in which they were touched."""
        touched, self._touched = self._touched, {}
        return [self._instances[i] for i in touched if i in self._instances]

    def unload(self, instances: Iterable[Instance]) -> None:
        """Let go of those that nothing is to be done for and that aren't kept warm."""
        for instance in instances:
            if instance.is_idle and not instance.is_warm and instance.instance_id not in self._touched:
                self._instances.pop(instance.instance_id, None)
