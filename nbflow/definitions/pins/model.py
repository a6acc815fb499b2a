"""What a pin holds: a workflow's or activity's code with everything that it uses, as data.

A pin stands on its own: a process that has never run the author's cells makes the
same code of it (`restore`). It is JSON text in the store.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

import msgspec

Node: TypeAlias = Any
"""A value as JSON: null, true, false, numbers, texts and lists as they are; anything else as ``{"kind": [...]}``,
see `values`."""


class Imported(msgspec.Struct, frozen=True, kw_only=True, tag="import", omit_defaults=True):
    """A module, or something in one.

    Attributes:
        module: Its full name.
        name: The qualified name in it; empty for the module itself.
    """

    module: str
    name: str = ""


class Defined(msgspec.Struct, frozen=True, kw_only=True, tag="source", omit_defaults=True):
    """A function, a class, or a lambda, by the text that its author wrote.

    Attributes:
        source: The text, decorators included.
        file: The name of the file or cell that it stood in.
        first_line: The number of the text's first line there.
        flags: What it was compiled with: the ``from __future__ import`` of its cell.
    """

    source: str
    file: str
    first_line: int
    flags: int = 0


class Declared(msgspec.Struct, frozen=True, kw_only=True, tag="call", omit_defaults=True):
    """An activity or workflow that the code calls: what a call needs to know of it, without its body.

    Attributes:
        kind: What it is.
        registered: The name that it is registered under.
        source: Its ``def`` line with an empty body; with its own where the code calls the function itself, ``charge.fn``.
        flags: As in `Defined`.
        retry_policy: For calls that name no other.
        timeout: Seconds of each attempt, for calls that name no other.
    """

    kind: Literal["activity", "workflow"]
    registered: str
    source: str
    flags: int = 0
    retry_policy: Node = None
    timeout: float | None = None


class Constant(msgspec.Struct, frozen=True, kw_only=True, tag="value"):
    """A value that never changes."""

    value: Node


class Alias(msgspec.Struct, frozen=True, kw_only=True, tag="alias"):
    """Another name for something in the pin."""

    of: str


Item: TypeAlias = Imported | Defined | Declared | Constant | Alias


class Pin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Code that can be made again anywhere.

    Attributes:
        kind: What the code is.
        registered: The name that it is registered under.
        function: The name of its function.
        root: The function itself.
        items: What its names mean, in an order in which they can be made.
        missing: Names that meant nothing when the pin was made.
        cell: The notebook's cell, where that is the function's body.
        label: What a person calls the cell.
        version: The author's name for this version.
        retry_policy: Of an activity, for calls that name no other.
        timeout: Seconds, likewise.
        package: For relative imports in a function's body.
    """

    kind: Literal["workflow", "activity"]
    registered: str
    function: str
    root: Defined
    items: dict[str, Item]
    missing: tuple[str, ...] = ()
    cell: str | None = None
    label: str = ""
    version: str | None = None
    retry_policy: Node = None
    timeout: float | None = None
    package: str = ""

    def to_json(self) -> str:
        """The pin as it is stored."""
        return _ENCODER.encode(self).decode()


def pin_from_json(text: str) -> Pin:
    """Read a stored pin; raises ValueError."""
    try:
        return _DECODER.decode(text)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ValueError(f"the stored code can't be read: {error}") from None


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Pin)
