"""docs/changing-code.md says of each mismatch what its test shows."""

from pathlib import Path

import pytest

from tests.core.mismatches import MISMATCHES, Mismatch

PAGE = Path(__file__).parents[2] / "docs" / "changing-code.md"


def row(one: Mismatch) -> str:
    return f"| {one.title} | {one.event} | {one.says} |"


@pytest.mark.parametrize("one", MISMATCHES, ids=lambda one: one.name)
def test_the_page_has_a_row_for_each_cause(one: Mismatch) -> None:
    assert row(one) in PAGE.read_text().splitlines()


def test_the_page_has_no_other_rows() -> None:
    table = PAGE.read_text().split("| What was done to the code |")[1].splitlines()[2:]
    rows = [line for line in table[: table.index("")] if line]
    assert sorted(rows) == sorted(map(row, MISMATCHES))
