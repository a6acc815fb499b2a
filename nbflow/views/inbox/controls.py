"""What a person answers with: a closed union of controls, sent to the front end as it stands.

Each control says what it takes, so that it can be checked while it is filled in, and
how the JSON that is sent is made of it. Payloads are JSON text throughout: a number
keeps the digits that were typed. What is as by default is left out on the way. Python has the last word on
every payload.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec


class Choice(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of several answers: what it says and the JSON text that it sends."""

    label: str
    payload: str
    tone: Literal["good", "bad", "quiet"] = "quiet"


class Field(msgspec.Struct, frozen=True):
    """A part of an object: its key in the payload, what it is called, and its control."""

    key: str
    label: str
    control: Control


class ButtonsControl(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="buttons", tag_field="control"
):
    """One click is the answer.

    Attributes:
        more: Fields that may be filled in before the click, where the answer is an object; those that are
            shown are added to it.
    """

    choices: tuple[Choice, ...]
    hint: str = ""
    more: tuple[Field, ...] = ()


class ChoiceControl(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="choice", tag_field="control"
):
    """One of several values.

    Attributes:
        many: Whether there are more than can be shown side by side.
        initial: The payload that is chosen at first; None: none is.
    """

    choices: tuple[Choice, ...]
    many: bool = False
    initial: str | None = None
    hint: str = ""


class NumberControl(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="number", tag_field="control"
):
    """A number.

    Attributes:
        whole: Only whole ones.
        quoted: Sent as a JSON string, so that no digit is lost: a Decimal.
        least, most: Bounds; ``open_least`` and ``open_most`` say that they are excluded.
        step: What it must be a multiple of.
        told: In words, which numbers it takes.
        initial: What stands in the field at first.
    """

    whole: bool = False
    quoted: bool = False
    least: float | None = None
    most: float | None = None
    open_least: bool = False
    open_most: bool = False
    step: float | None = None
    told: str = ""
    initial: str = ""
    hint: str = ""


class TextControl(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="text", tag_field="control"
):
    """A text, sent as a JSON string.

    Attributes:
        lines: Whether it may have several.
        shortest: How many characters it has at least, as one of the patterns says.
        patterns: Regular expressions that must each be found in it, whether of JavaScript or of Python.
        told: In words, which texts it takes.
        initial: What stands in the field at first.
        example: What could stand there.
    """

    lines: bool = False
    shortest: int = 0
    patterns: tuple[str, ...] = ()
    told: str = "text"
    initial: str = ""
    example: str = ""
    hint: str = ""


class MomentControl(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="moment", tag_field="control"
):
    """A date, a time, or both; sent in ISO 8601.

    Attributes:
        zoned: Whether it has a zone: it is asked in the zone of whoever looks, and sent in UTC.
        told: In words, what it is.
        initial: What stands in the field at first; in UTC if it has a zone.
    """

    kind: Literal["date", "time", "datetime-local"]
    zoned: bool = False
    told: str = ""
    initial: str = ""
    hint: str = ""


class FixedControl(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="fixed", tag_field="control"
):
    """The only value that there is."""

    payload: str
    hint: str = ""


class ListControl(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="list", tag_field="control"
):
    """Any number of the same.

    Attributes:
        item: The control of one more.
        items: The controls that are there at first.
        unique: Whether each may be there once only.
    """

    item: Control
    items: tuple[Control, ...] = ()
    fewest: int = 0
    most: int | None = None
    unique: bool = False
    hint: str = ""


class OptionalControl(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="optional", tag_field="control"
):
    """A control that need not be used.

    Attributes:
        off: The JSON text that is sent then; empty: nothing, and an object has no such key.
        on: Whether it is used at first.
    """

    inner: Control
    off: Literal["", "null"]
    on: bool = False
    hint: str = ""


class FormControl(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="form", tag_field="control"
):
    """An object, field by field."""

    fields: tuple[Field, ...]
    title: str = ""
    hint: str = ""


class JsonControl(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="json", tag_field="control"
):
    """A field for JSON text; left empty it sends null, where nothing is declared.

    Attributes:
        initial: What stands in the field at first.
        types: JSON types that the schema takes at the top; empty: any.
        required: Keys that an object must have.
    """

    initial: str = ""
    hint: str = ""
    types: tuple[str, ...] = ()
    required: tuple[str, ...] = ()


Control: TypeAlias = (
    ButtonsControl
    | ChoiceControl
    | NumberControl
    | TextControl
    | MomentControl
    | FixedControl
    | ListControl
    | OptionalControl
    | FormControl
    | JsonControl
)
