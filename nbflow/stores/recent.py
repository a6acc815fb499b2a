"""A mapping that remembers what was used last, and forgets the rest."""

from __future__ import annotations

from typing import Generic, TypeVar, overload

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")


class Recent(Generic[K, V]):
    """At most ``size`` entries; the one that was set or found the longest ago goes first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: dict[K, V] = {}

    def __contains__(self, key: K) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def get(self, key: K) -> V | None: ...
    @overload
    def get(self, key: K, default: D) -> V | D: ...
    def get(self, key: K, default: D | None = None) -> V | D | None:
        """The entry, which becomes the newest, or the default."""
        entries = self._entries
        if key not in entries:
            return default
        value = entries[key] = entries.pop(key)
        return value

    def __setitem__(self, key: K, value: V) -> None:
        entries = self._entries
        entries.pop(key, None)
        entries[key] = value
        if len(entries) > self._size:
            del entries[next(iter(entries))]

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
