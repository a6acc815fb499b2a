"""What every store does with code, and with many histories at once."""

from __future__ import annotations

from nbflow.core import operations as op
from nbflow.ports import HistoryStore
from tests.stores.samples import append, definition, put, turn


def test_a_version_of_code_is_dropped_with_all_its_texts(store: HistoryStore) -> None:
    store.commit(
        [definition(), definition(source_hash="s2"), definition(code_hash="c2"), definition(name="ship")]
    )
    store.commit([op.DropDefinition(kind="workflow", name="fulfil", code_hash="c1")])
    assert [(d.name, d.code_hash) for d in store.list_definitions()] == [("fulfil", "c2"), ("ship", "c1")]
    store.commit(
        [
            definition(),
            op.DropDefinition(kind="workflow", name="fulfil", code_hash="c1"),
            definition(source_hash="s3"),
        ]
    )
    assert [d.source_hash for d in store.list_definitions("fulfil")] == ["s1", "s3"]
    store.commit([op.DropDefinition(kind="activity", name="fulfil", code_hash="c1")])
    assert len(store.list_definitions()) == 3


def test_the_pin_of_code_is_kept(store: HistoryStore) -> None:
    store.commit([definition(pin='{"kind": "workflow"}')])
    assert [d.pin for d in store.list_definitions()] == ['{"kind": "workflow"}']


def test_histories_of_several_instances_are_read_at_once(store: HistoryStore) -> None:
    store.commit([put("a"), append("a", "e1", turn(), turn()), put("b"), put("c"), append("c", "e1", turn())])
    store.commit([put("c", "e2"), append("c", "e2", turn())])
    found = store.read_histories(["a", "b", "c", "unknown"])
    assert found == {name: store.read_history(name) for name in ("a", "b", "c")}
    assert [len(found[name]) for name in ("a", "b", "c")] == [2, 0, 1]
    assert store.read_histories([]) == {}
