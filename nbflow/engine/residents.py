"""The instances that are in memory: those that are busy, those with messages, and those kept warm."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

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
        self._read: dict[str, None] = {}
        self._next = OrderedDict[str, None]()  # whose first item is found at once, as a dict's isn't
        self._first = OrderedDict[str, None]()

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

    def touch_read(self, instance: Instance) -> None:
        """The same, before all others: its history has been read, and takes memory until its turn has begun."""
        self._read[instance.instance_id] = None
        self._wake()

    def touch_all(self) -> None:
        """Have the next tick look at every instance."""
        self._touched.update(dict.fromkeys(self._instances))
        self._wake()

    def begin_pass(self) -> None:
        """Have `next_touched` give those that were touched until now, and none of them twice."""
        if self._touched:
            self._next.update(self._touched)
            self._touched = {}
        if self._read:
            self._first.update(self._read)
            self._read = {}

    def next_touched(self) -> Instance | None:
        """The instance to look at next, in the order in which they were touched; those that were read come first."""
        for queue in (self._first, self._next):
            while queue:
                instance_id, _ = queue.popitem(last=False)
                instance = self._instances.get(instance_id)
                if instance is not None:
                    self._next.pop(instance_id, None)
                    return instance
        return None

    def take_touched(self) -> list[Instance]:
        """All that there are to look at, in the same order."""
        self.begin_pass()
        return [*iter(self.next_touched, None)]

    @property
    def has_read(self) -> bool:
        """Whether there are some among them that were read."""
        return bool(self._first or self._read)

    @property
    def has_touched(self) -> bool:
        """Whether there are more to look at."""
        return any(self._queues)

    def unload(self, instances: Iterable[Instance]) -> None:
        """Let go of those that nothing is to be done for and that aren't kept warm."""
        for instance in instances:
            if instance.is_idle and not (instance.is_warm or self._is_touched(instance.instance_id)):
                self._instances.pop(instance.instance_id, None)

    @property
    def _queues(self) -> Sequence[Mapping[str, None]]:
        return (self._touched, self._read, self._next, self._first)

    def _is_touched(self, instance_id: str) -> bool:
        return any(instance_id in queue for queue in self._queues)
