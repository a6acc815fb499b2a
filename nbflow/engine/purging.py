"""Erasing many runs that have ended: one look at the store and one commit for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from nbflow.core.operations import PurgeInstance
from nbflow.core.state import InstanceRecord
from nbflow.engine.commits import CommitItem
from nbflow.engine.engine import Engine
from nbflow.engine.posting import finishing
from nbflow.ports import HistoryStore, InstanceFilter


class Purged(msgspec.Struct, frozen=True, kw_only=True):
    """What became of runs that were to be erased.

    Attributes:
        gone: The IDs that are no more, those of children too.
        kept: Why the others stay, in words, by their IDs.
    """

    gone: Sequence[str]
    kept: Mapping[str, str]


class _Families(msgspec.Struct, frozen=True, kw_only=True):
    """Runs, and everybody below them.

    Attributes:
        records: The rows of all that are there, by ID.
        children: The IDs of the children, by those of their parents.
    """

    records: dict[str, InstanceRecord]
    children: dict[str, list[str]]

    def of(self, instance_id: str) -> list[str]:
        """A run and all below it; each once, since a given ID can be one's own descendant's."""
        found = {instance_id: None}
        waiting = [instance_id]
        while waiting:
            below = [child for child in self.children.get(waiting.pop(), ()) if child not in found]
            found.update(dict.fromkeys(below))
            waiting += below
        return list(found)


async def purge(engine: Engine, instance_ids: Sequence[str], *, recursive: bool) -> Purged:
    """Erase those of some runs that have ended, and, if so wanted, all below them; returns once that is durable.

    A run stays, with all of its family, if one of them has not ended. What isn't there is passed over.

    Raises:
        StoreError: Nothing was erased.
    """
    families = await engine.committer.read(lambda store: _families(store, instance_ids, recursive))
    # From here to the commit nothing is waited for, so that no run can begin in between.
    gone: dict[str, None] = {}
    kept: dict[str, str] = {}
    for instance_id in instance_ids:
        if instance_id not in families.records:
            continue
        family = families.of(instance_id)
        why = next(filter(None, (_why_it_stays(engine, families.records[each]) for each in family)), None)
        if why is None:
            gone.update(dict.fromkeys(family))
        else:
            kept[instance_id] = why
    if gone:
        await _erase(engine, list(gone))
    return Purged(gone=list(gone), kept=kept)


async def _erase(engine: Engine, instance_ids: list[str]) -> None:
    for resident in filter(None, map(engine.residents.find, instance_ids)):
        resident.forget()
    done = engine.promise()
    finish = finishing(done)

    def purged() -> None:
        engine.watchers.purged(instance_ids)
        finish(None)

    operations = [PurgeInstance(instance_id=each) for each in instance_ids]
    engine.add(CommitItem(None, operations, purged, finish))
    await done


def _why_it_stays(engine: Engine, record: InstanceRecord) -> str | None:
    resident = engine.residents.find(record.instance_id)
    if resident is not None and resident.begins:
        return f"{record.instance_id} has just been started again"
    if resident is not None and resident.is_known and resident.record is not None:
        record = resident.record
    return None if record.status.is_terminal else f"{record.instance_id} is {record.status}"


def _families(store: HistoryStore, instance_ids: Sequence[str], recursive: bool) -> _Families:
    records = store.get_instances(instance_ids)
    children: dict[str, list[str]] = {}
    parents = list(records) if recursive else []
    while parents:
        below = store.list_instances(InstanceFilter(parents=tuple(parents)))
        for child in below:
            assert child.parent is not None, "a filter by parents gives their children"
            children.setdefault(child.parent.instance_id, []).append(child.instance_id)
        parents = [child.instance_id for child in below if child.instance_id not in children]
        records.update((child.instance_id, child) for child in below)
    return _Families(records=records, children=children)
