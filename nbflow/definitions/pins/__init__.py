"""Pins: code with everything that it uses, kept with the history, and made again without its cells (S79)."""

from nbflow.definitions.pins.capturing import (
    Capture,
    Problem,
    Sources,
    Text,
    capture,
    future_flags,
    in_order,
    source_of_value,
)
from nbflow.definitions.pins.model import Declared, Defined, Pin, pin_from_json
from nbflow.definitions.pins.restoring import namespace_name, restore
from nbflow.definitions.pins.values import NotConstantError, from_node, to_node

__all__ = [
    "Capture",
    "Declared",
    "Defined",
    "NotConstantError",
    "Pin",
    "Problem",
    "Sources",
    "Text",
    "capture",
    "from_node",
    "future_flags",
    "in_order",
    "namespace_name",
    "pin_from_json",
    "restore",
    "source_of_value",
    "to_node",
]
