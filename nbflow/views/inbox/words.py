"""What a wait takes, in words; a value that it would take; and the command that raises it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, assert_never

from nbflow.views.excerpts import excerpt, tame
from nbflow.views.inbox.controls import (
    ButtonsControl,
    ChoiceControl,
    Control,
    Field,
    FixedControl,
    FormControl,
    JsonControl,
    ListControl,
    MomentControl,
    NumberControl,
    OptionalControl,
    TextControl,
)
from nbflow.views.inbox.leaves import moment_example, simplest_number, simplest_text
from nbflow.views.inbox.schemas import json_text

_PLAIN_NAME: Final = re.compile(r"[\w.:@/+-]+")
_MOST: Final = 8


def expected(control: Control) -> str:
    """Say in words what is taken: ``street (text), zip (a whole number)``."""
    match control:
        case ButtonsControl(choices=choices, more=more):
            told = " or ".join(_choice(choice.label, choice.payload) for choice in choices)
            return f"{told}, perhaps with {_fields(more)}" if more else told
        case ChoiceControl(choices=choices):
            shown = [excerpt(choice.payload, 40) for choice in choices[:_MOST]]
            rest = len(choices) - len(shown)
            return f"one of {', '.join(shown)}" + (f" and {rest} more" if rest else "")
        case NumberControl(told=told) | TextControl(told=told):
            return told
        case MomentControl(told=told, zoned=zoned):
            return f"{told} (in UTC, or with its offset)" if zoned else told
        case FixedControl(payload=payload):
            return payload
        case ListControl(item=item, hint=hint):
            return f"a list, each {expected(item)}" + (f" ({hint})" if hint else "")
        case OptionalControl(inner=inner, off=off):
            return f"{expected(inner)}, or {off or 'left out'}"
        case FormControl(fields=fields, title=title):
            return f"{title or 'an object'} with {_fields(fields)}" if fields else title or "an object"
        case JsonControl(hint=hint):
            return hint
        case _:
            assert_never(control)


def _choice(label: str, payload: str) -> str:
    told = excerpt(payload, 60)
    if label.endswith(f"({payload})"):
        return label
    return told if label in (payload, payload.strip('"')) else f"{label} ({told})"


def _fields(fields: Iterable[Field]) -> str:
    told: list[str] = []
    for field in fields:
        inner, note = field.control, ""
        if isinstance(inner, OptionalControl):
            inner, note = inner.inner, ", optional"
        told.append(f"{field.label} ({expected(inner)}{note})")
    return ", ".join(told)


def example(control: Control) -> str:
    """JSON text that is taken, as far as the control tells; a pattern of the author's is not looked into."""
    match control:
        case ButtonsControl(choices=choices):
            return choices[0].payload
        case ChoiceControl(choices=choices, initial=initial):
            return initial if initial is not None else choices[0].payload
        case NumberControl(initial=initial, quoted=quoted):
            text = initial or json_text(simplest_number(control))
            return json_text(text) if quoted else text
        case TextControl(initial=initial):
            return json_text(initial or simplest_text(control))
        case MomentControl(initial=initial, zoned=zoned):
            return json_text(f"{initial}{'Z' if zoned else ''}" if initial else moment_example(control))
        case FixedControl(payload=payload):
            return payload
        case ListControl(items=items):
            return f"[{', '.join(example(item) for item in items)}]"
        case OptionalControl(inner=inner):
            return example(inner)
        case FormControl(fields=fields):
            parts = [(field.key, _least(field.control)) for field in fields]
            return "{" + ", ".join(f"{json_text(key)}: {text}" for key, text in parts if text) + "}"
        case JsonControl(initial=initial):
            return initial or "null"
        case _:
            assert_never(control)


def _least(control: Control) -> str:
    """The example of a part of an object; empty if it need not be there."""
    if isinstance(control, OptionalControl) and not control.on:
        return control.off
    return example(control)


def raise_command(instance_id: str, name: str, payload: str) -> str:
    """What to type in a cell to raise an event; a name that no word can hold is given in Python."""
    said = "" if payload == "null" else f" {payload}"
    if _PLAIN_NAME.fullmatch(name):
        return f"%wf raise {instance_id} {name}{said}"
    if tame(name) == name and not any(character in name for character in "'\"{}\\"):
        return f'%wf raise {instance_id} "{name}"{said}'
    return f"nbflow.client().raise_workflow_event({instance_id!r}, {name!a}, data=…)"
