"""The children of a run, and theirs: whom a termination and a purge concern."""

from __future__ import annotations

from nbflow.core.outbox import Descendant
from nbflow.core.state import InstanceRecord
from nbflow.ports import HistoryStore, InstanceFilter


def nearest_alive(store: HistoryStore, instance_id: str) -> list[Descendant]:
    """The nearest descendants that have not ended: below an ended child its own children are looked at.

    Whoever of them is terminated passes it on to its own, so that the nearest are enough.
    """
    alive: list[Descendant] = []
    seen = {instance_id}
    parents = [instance_id]
    while parents:
        ended: list[str] = []
        for child in _children(store, parents, seen):
            if child.status.is_terminal:
                ended.append(child.instance_id)
            elif child.parent is not None:
                alive.append(Descendant(instance_id=child.instance_id, parent=child.parent))
        parents = ended
    return alive


def descendants(store: HistoryStore, instance_id: str) -> list[InstanceRecord]:
    """Everybody below a run, nearest first."""
    found: list[InstanceRecord] = []
    seen = {instance_id}
    parents = [instance_id]
    while parents:
        children = _children(store, parents, seen)
        found += children
        parents = [child.instance_id for child in children]
    return found


def _children(store: HistoryStore, parents: list[str], seen: set[str]) -> list[InstanceRecord]:
    """The children of these that were not met before: a given ID can be one's own descendant's."""
    children = [
        child
        for child in store.list_instances(InstanceFilter(parents=tuple(parents)))
        if child.instance_id not in seen
    ]
    seen.update(child.instance_id for child in children)
    return children
