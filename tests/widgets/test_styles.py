"""One style sheet is made of several: no two of them mean different things by one class, and none has rules that nothing uses."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import nbflow

PACKAGE = Path(nbflow.__file__).parent
STATIC = PACKAGE / "widgets" / "static"

# The sheet of each module; what is in none of them draws with the shared classes of card.css alone.
MODULES = {
    "timeline.css": {"timeline.js", "hands.js", "detail.js"},
    "replay.css": {"replay.js"},
    "graph.css": {"graph.js"},
    "inbox.css": {"ask.js", "forms.js", "inbox.js", "commands.js", "fork.js"},
    "compare.css": {"compare.js"},
    "dashboard.css": {"dashboard.js", "line.js", "orders.js"},
}
# Made of parts: `nbf-${tone}`, `nbf-tl-${kind}`, the states and kinds of the graph's nodes.
MADE = re.compile(
    r"nbf-(good|bad|active|wait|quiet|trace|taken)|nbf-(tl|cp|db-c|rp-hue|rp-py|s|k)-\w+(-\w+)*|nbf-rp-(input|action|turn)"
)


def classes(text: str) -> set[str]:
    """The classes that rules name, or that code writes."""
    return set(re.findall(r"(?<![\w-])nbf-[\w-]*\w", text))


def styled() -> dict[str, set[str]]:
    """Sheets by class."""
    found: dict[str, set[str]] = defaultdict(set)
    for sheet in STATIC.glob("*.css"):
        rules = re.sub(r"/\*.*?\*/", "", sheet.read_text(encoding="utf-8"), flags=re.DOTALL)
        for name in re.findall(r"\.(nbf-[\w-]+)", rules):
            found[name].add(sheet.name)
    return found


def test_a_class_of_a_view_is_styled_in_its_sheet_alone() -> None:
    assert {
        name: sheets for name, sheets in styled().items() if len(sheets - {"card.css"}) > 1
    }.keys() <= classes((STATIC / "card.css").read_text(encoding="utf-8"))


def test_a_module_draws_with_the_classes_of_its_own_sheet_and_with_the_shared_ones() -> None:
    foreign = [
        f"{module.name} uses {name} of {', '.join(sorted(sheets))}"
        for module in sorted(STATIC.glob("*.js"))
        for name in sorted(classes(module.read_text(encoding="utf-8")))
        if (sheets := styled().get(name, set()))
        and "card.css" not in sheets
        and not any(module.name in MODULES[sheet] for sheet in sheets)
    ]
    assert foreign == []


def test_every_rule_is_for_something() -> None:
    code = [
        path.read_text(encoding="utf-8")
        for path in (*STATIC.glob("*.js"), *(PACKAGE / "views").rglob("*.py"))
    ]
    used = set().union(*map(classes, code))
    assert [name for name in sorted(styled()) if name not in used and not MADE.fullmatch(name)] == []
