"""docs/card.md says what is so: its cells run, its table is what the card makes of a type, its pictures are there."""

import enum
import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from msgspec import Meta
from pydantic import BaseModel, Field

from nbflow.core.payloads import codec
from nbflow.jupyter.commands import VIEWS
from nbflow.views.inbox.controls import (
    ButtonsControl,
    ChoiceControl,
    Control,
    FormControl,
    JsonControl,
    ListControl,
    MomentControl,
    NumberControl,
    OptionalControl,
    TextControl,
)
from nbflow.views.inbox.forms import control_for
from nbflow.views.inbox.words import expected
from tests.jupyter.conftest import Notebook, bare_notebook, notebook_folder

__all__ = ["bare_notebook", "notebook_folder"]  # fixtures

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "card.md").read_text(encoding="utf-8")
CELLS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@dataclass
class Decision:
    approved: bool
    note: str = ""


@dataclass
class Sure:
    sure: bool


@dataclass
class Address:
    street: str
    zip: int
    country: str = "NO"


class Size(enum.Enum):
    S = 1
    M = 2
    L = 3


class Review(BaseModel):
    stars: int = Field(ge=1, le=5, description="5 is best")
    comment: str = Field("", max_length=500)


NAMES: dict[str, Any] = {
    kind.__name__: kind
    for kind in (Decision, Sure, Address, Size, Review, Decimal, UUID, date, datetime, time, timedelta, Meta)
} | {"Annotated": Annotated, "Literal": Literal}


def table(head: str) -> list[tuple[str, ...]]:
    """The rows below a table's head, without the bars and backquotes."""
    lines = PAGE.splitlines()
    rows: list[tuple[str, ...]] = []
    for line in lines[lines.index(head) + 2 :]:
        if not line.startswith("|"):
            break
        cells = re.split(r"(?<!\\)\|", line)[1:-1]
        rows.append(tuple(cell.strip().replace("\\|", "|").strip("`") for cell in cells))
    return rows


TYPES = table("| `data_type` | the card shows | it takes |")


def shown(control: Control) -> str:
    match control:
        case ButtonsControl(choices=[one]):
            return f"one button: {one.label}"
        case ButtonsControl(choices=choices):
            number = {2: "two", 3: "three"}[len(choices)]
            return f"{number} buttons: {', '.join(choice.label for choice in choices)}"
        case ChoiceControl(choices=choices, many=False):
            return f"choices: {', '.join(choice.label for choice in choices)}"
        case NumberControl():
            return "a number field"
        case TextControl():
            return "a text field"
        case MomentControl(kind=kind):
            return f"a {'date and time' if kind == 'datetime-local' else kind} field"
        case FormControl():
            return "a form"
        case ListControl():
            return "a list"
        case OptionalControl(inner=inner):
            return f"a box to tick, then {shown(inner)}"
        case JsonControl():
            return "a JSON field"
        case _:
            raise AssertionError(control)


@pytest.mark.parametrize(("kind", "form", "takes"), TYPES, ids=[row[0] for row in TYPES])
def test_each_type_gets_the_control_that_the_page_says(kind: str, form: str, takes: str) -> None:
    schema = None if kind == "nothing" else codec(eval(kind, NAMES)).schema()
    control = control_for(schema)
    assert (shown(control), expected(control)) == (form, takes)


def test_the_table_has_every_control() -> None:
    assert len(TYPES) == 26
    assert {row[1].split(":")[0] for row in TYPES} >= {"two buttons", "choices", "a form", "a JSON field"}


def test_the_cells_of_the_page_run_in_their_order(bare_notebook: Notebook) -> None:
    said = {cell: bare_notebook.run(cell) for cell in CELLS}
    last = dict(zip((cell.splitlines()[0] for cell in CELLS), said.values(), strict=True))
    assert "order-42 waits for 'approval'" in last['run = %wf run fulfil("tea") --id order-42']
    assert '✓ check_stock "tea"' in last["run.timeline()"]
    assert "event 8 of" in last["run.replay(8)"]
    assert "look()" in last["run.graph()"]
    assert "%wf raise order-42 approval" in last["run.inbox()"]
    assert "EventWaitCreated" in last["%wf show order-42 --view timeline"]
    assert "event 8 of" in last["%wf replay order-42 --to 8"]
    assert "order-42 is written to order-42.html" in last["%wf export order-42 order-42.html"]
    assert "order-42" in last["%wf ps"].splitlines()[1]


def test_what_was_before_a_run_began_again_can_be_asked_for(bare_notebook: Notebook) -> None:
    for cell in CELLS[:4]:
        bare_notebook.run(cell)
    bare_notebook.run("%wf terminate order-42\nrun.client.restart_workflow('order-42')")
    assert bare_notebook.run(
        "rows = %wf sql SELECT * FROM runs WHERE instance = 'order-42'\nlen(rows)"
    ).endswith("2")


def test_the_page_names_every_view() -> None:
    (named,) = re.findall(r"The views of `%wf show` are (.*?)\.", PAGE, re.DOTALL)
    assert tuple(re.findall(r"`(\w+)`", named)) == VIEWS


@pytest.mark.parametrize("name", ["README.md", "docs/card.md"])
def test_pictures_are_there_in_light_and_dark_and_small(name: str) -> None:
    path = ROOT / name
    named = re.findall(r'(?:src|srcset)="([^"]+\.png)"', path.read_text(encoding="utf-8"))
    assert named
    for light in (path.parent / one for one in named if not one.endswith("-dark.png")):
        dark = light.with_name(f"{light.stem}-dark.png")
        assert f'srcset="{dark.relative_to(path.parent)}"' in path.read_text(encoding="utf-8")
        for picture in (light, dark):
            assert picture.stat().st_size <= 80_000
