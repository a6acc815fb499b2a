"""docs/asyncio.md says of each construct what its test shows, and names everything that there is."""

import asyncio
import re
from pathlib import Path
from typing import NamedTuple

import anyio
import pytest

from tests.core.constructs import Construct, Library, load

PAGE = Path(__file__).parents[2] / "docs" / "asyncio.md"
CONSTRUCTS = load()

MACHINERY = re.compile(
    r"_|iscoroutine|isfuture|(get|set)_(event_loop_policy|child_watcher)|set_event_loop"
    r"|get_(all|available)_backends|typed_attribute|as_connectable|notify_closing|aclose_forcefully"
)
"""Functions that a workflow has no use for."""


class Row(NamedTuple):
    library: str
    verdict: str
    why: str
    python: str


def rows() -> list[tuple[str, Row]]:
    found: list[tuple[str, Row]] = []
    library = ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            library = line[3:]
        elif line.startswith("| `"):
            name, *cells = [cell.strip() for cell in line.strip("|").split("|")]
            found.append((name.strip("`"), Row(library, *cells)))
    return found


def python(construct: Construct) -> str:
    if construct.other_order_on:
        return f"another order on {construct.other_order_on}"
    return f"from 3.{construct.since[1]}" if construct.since > (3, 11) else ""


def test_the_table_says_what_the_tests_show() -> None:
    told = {name: (row.library, row.verdict, row.python) for name, row in rows()}
    shown = {name: (c.library, c.verdict, python(c)) for name, c in CONSTRUCTS.items()}
    assert told == shown


def test_each_construct_has_one_row() -> None:
    names = [name for name, _row in rows()]
    assert len(names) == len(set(names))


def test_a_caveat_and_a_refusal_have_a_word_of_why() -> None:
    assert [name for name, row in rows() if row.verdict != "replayable" and not row.why] == []


@pytest.mark.parametrize(("library", "module"), [("asyncio", asyncio), ("anyio", anyio)])
def test_the_page_names_every_function_that_the_library_has(library: Library, module: object) -> None:
    public = getattr(module, "__all__", None) or dir(module)
    functions = {
        name
        for name in public
        if name.islower() and not MACHINERY.match(name) and callable(getattr(module, name))
    }
    named = set(re.findall(r"\w+", PAGE.read_text()))
    assert sorted(functions - named) == [], f"what of {library} may a workflow use?"
