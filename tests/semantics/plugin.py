"""The pytest plugin that knows which test shows which statement of the semantics.

A test names statements by a marker, `@pytest.mark.semantics(13)` (on itself, its class, or as the module's
`pytestmark`), or by its own name, `test_s13_…`, `test_s25_and_s32_…`. `pytest -k s13` finds it either way.
The hidden option `--semantics-to FILE` writes which test shows what as JSON, which `tests/semantics/document.py` turns
into `docs/semantics.md`.
"""

import json
import re
from pathlib import Path

import pytest

_NAME = re.compile(r"test_((?:s\d+_(?:and_)?)+)")


def statements_of(name: str, marks: list[pytest.Mark]) -> set[int]:
    """The numbers that a test shows.

    Args:
        name: The test function's name.
        marks: Its `semantics` markers, those of its class and module included.
    """
    numbers: set[int] = set()
    for mark in marks:
        if not mark.args or mark.kwargs or not all(type(number) is int for number in mark.args):
            raise pytest.UsageError(f"{name}: a semantics marker takes numbers, such as semantics(13, 14)")
        numbers.update(mark.args)
    if named := _NAME.match(name):
        numbers.update(int(number) for number in re.findall(r"\d+", named[1]))
    return numbers


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--semantics-to", type=Path, help="write which test shows which statement, as JSON")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Lets `-k s13` find a test by its marker."""
    numbers = statements_of(item.name, list(item.iter_markers("semantics")))
    item.extra_keyword_matches.update(f"s{number}" for number in numbers)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Writes what was collected, before anything is deselected."""
    path: Path | None = config.getoption("--semantics-to")
    if path is None:
        return
    shown: dict[str, set[int]] = {}
    for item in items:
        test = item.nodeid.split("[")[0]
        shown.setdefault(test, set()).update(statements_of(item.name, list(item.iter_markers("semantics"))))
    path.write_text(json.dumps({test: sorted(numbers) for test, numbers in shown.items()}))
