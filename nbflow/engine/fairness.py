"""A queue in which nobody waits for all that another one has queued before."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Generic, TypeVar

_T = TypeVar("_T")


class FairQueue(Generic[_T]):
    """Gives the first item of each owner in turn; each owner's items stay in order."""

    def __init__(self) -> None:
        self._owners: OrderedDict[str, deque[_T]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._owners)

    def put(self, owner: str, item: _T) -> None:
        """Queue an item behind the owner's others."""
        items = self._owners.get(owner)
        if items is None:
            items = self._owners[owner] = deque()
        items.append(item)

    def take(self) -> _T:
        """The next item, of the owner whose turn it is; raises KeyError if there is none."""
        owner, items = self._owners.popitem(last=False)
        item = items.popleft()
        if items:
            self._owners[owner] = items
        return item
