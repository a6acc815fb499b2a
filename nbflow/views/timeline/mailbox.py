"""Which event completes which wait: first in, first out, by name (semantics S39 to S41).

This is the rule by which `RuntimeState` folds a history; the timeline needs, on top
of what is open, who got what. A test holds the two together.
"""

from __future__ import annotations

from bisect import insort
from collections import defaultdict, deque

from nbflow.core.history import EventRaised
from nbflow.views.timeline.drafts import Draft


class Mailbox:
    """Open waits and events that nobody has taken yet, by name."""

    def __init__(self) -> None:
        self._waits: defaultdict[str, list[Draft]] = defaultdict(list)
        self._kept: defaultdict[str, deque[tuple[Draft, EventRaised]]] = defaultdict(deque)

    def ask(self, wait: Draft) -> tuple[Draft, EventRaised] | None:
        """Open a wait: give the oldest event kept under its name, with its row, or let it wait."""
        kept = self._kept[wait.name.casefold()]
        if kept:
            return kept.popleft()
        insort(self._waits[wait.name.casefold()], wait, key=_made)
        return None

    def offer(self, name: str) -> Draft | None:
        """An event arrives: give the wait that takes it, the earliest made, if one is open."""
        waits = self._waits[name.casefold()]
        return waits.pop(0) if waits else None

    def keep(self, arrival: Draft, event: EventRaised) -> None:
        """Keep an event that nobody waits for."""
        self._kept[event.name.casefold()].append((arrival, event))

    def withdraw(self, wait: Draft) -> bool:
        """Close a wait that got nothing; tell whether it was open."""
        waits = self._waits[wait.name.casefold()]
        if wait not in waits:
            return False
        waits.remove(wait)
        return True


def _made(wait: Draft) -> int:
    return wait.id or 0
