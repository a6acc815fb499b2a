"""Filter, order and families, over any rows."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from nbflow.core.state import RuntimeStatus
from nbflow.views.instances import InstanceRow, Want, WantKind
from nbflow.views.instances.choice import Column, arranged, forest, natural, passes
from tests.views.stories import at
from tests.views.stories_instances import row_of, shop

IDS = st.sampled_from([f"order-{number}" for number in range(12)] + ["a", "B"])
NOW = at(1000.0)
WANTS = st.builds(Want, kind=st.sampled_from(WantKind), name=st.sampled_from(["approval", "charge"]))
ROWS = st.lists(
    st.builds(
        InstanceRow,
        instance_id=IDS,
        name=st.sampled_from(["fulfil", "Refund", "ship"]),
        status=st.sampled_from(RuntimeStatus),
        waits=st.none() | st.lists(WANTS, max_size=2).map(tuple),
        created_at=st.integers(0, 3).map(at),
        updated_at=st.integers(3, 6).map(at),
        output=st.sampled_from(["", '"done"']),
        parent=st.none() | IDS,
    ),
    unique_by=lambda row: row.instance_id,
)
COLUMNS = st.sampled_from(get_args(Column))


@given(rows=ROWS, column=COLUMNS, descending=st.booleans())
def test_sorting_loses_nothing_and_does_not_depend_on_the_order_before(
    rows: list[InstanceRow], column: Column, descending: bool
) -> None:
    found = arranged(rows, column, descending=descending, now=NOW)
    assert sorted(row.instance_id for row in found) == sorted(row.instance_id for row in rows)
    assert arranged(rows[::-1], column, descending=descending, now=NOW) == found
    assert arranged(rows, column, descending=not descending, now=NOW) == found[::-1]


@given(rows=ROWS)
def test_each_row_stands_in_the_forest_once_and_below_its_parent(rows: list[InstanceRow]) -> None:
    found = forest(rows)
    assert sorted(row.instance_id for row, _ in found) == sorted(row.instance_id for row in rows)
    above: list[str] = []
    for row, depth in found:
        assert depth <= len(above), "a child stands directly below its parent, or below a sibling's family"
        above = above[:depth]
        if depth:
            assert row.parent == above[-1]
        above.append(row.instance_id)


@given(rows=ROWS)
def test_a_row_at_the_top_has_no_parent_there_unless_they_go_round(rows: list[InstanceRow]) -> None:
    parents = {row.instance_id: row.parent for row in rows}
    for row, depth in forest(rows):
        if depth == 0 and row.parent in parents:
            seen, at_ = {row.instance_id}, row.parent
            while at_ is not None and at_ not in seen:
                seen.add(at_)
                at_ = parents.get(at_)
            assert at_ is not None, "only those that are their own ancestors"


@given(
    rows=ROWS, statuses=st.lists(st.sampled_from(RuntimeStatus)), text=st.text(alphabet="oO-r1 f", max_size=4)
)
def test_a_filter_only_ever_takes_away(
    rows: list[InstanceRow], statuses: list[RuntimeStatus], text: str
) -> None:
    for row in rows:
        if passes(row, statuses=statuses, text=text):
            assert passes(row, statuses=statuses)
            assert passes(row, text=text)
            assert passes(row, statuses=statuses, text=text.upper())
        assert passes(row)


def test_the_text_is_looked_for_in_id_workflow_waits_and_result() -> None:
    rows = {row.instance_id: row for row in map(row_of, shop())}

    def found(text: str, *statuses: RuntimeStatus) -> list[str]:
        return [name for name, row in rows.items() if passes(row, statuses=statuses, text=text)]

    assert found("refund") == ["refund-7"]
    assert found("APPROVAL") == ["order-42"]
    assert found("activity map") == ["season-3:9f3c2a7b:0001"]
    assert found("printer") == ["order-37"]
    assert found("order", RuntimeStatus.FAILED) == ["order-37"]
    assert found("order nobody") == []


def test_numbers_in_names_count_as_numbers() -> None:
    names = ["order-10", "order-9", "Order-1", "a", "2"]
    assert sorted(names, key=natural) == ["2", "a", "Order-1", "order-9", "order-10"]
    assert natural("x" * 5 + "٣") != natural("x" * 5 + "3"), "only ASCII digits are numbers"


def test_how_long_it_took_counts_from_its_start() -> None:
    (row,) = [row for row in map(row_of, shop()) if row.instance_id == "remind-10"]
    assert row.took(at(0)) == timedelta(0)
    assert row.took(at(86460.0)) == timedelta(minutes=1)
    assert json.loads(row_of(shop()[0]).output or "null") == "sent"
