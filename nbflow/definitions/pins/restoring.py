"""From a pin to code that runs, in a namespace of its own."""

from __future__ import annotations

import linecache
import sys
import types
from collections.abc import Callable
from typing import Any

from nbflow.core.failures import PINNED
from nbflow.definitions.pins.model import Alias, Constant, Declared, Defined, Imported, Pin
from nbflow.definitions.pins.values import from_node, imported


def namespace_name(code_hash: str) -> str:
    """The name of the module that a pin's code lives in."""
    return PINNED + code_hash[:16]


def restore(pin: Pin, code_hash: str, declare: Callable[[Declared, Any], Any]) -> Any:
    """Make the code of a pin.

    The namespace is a module, and `sys.modules` has it: annotations in quotes, pickles and pydantic look
    there for a class's surroundings. Made again it replaces the one before.

    Args:
        pin: The pin.
        code_hash: Its hash; names the namespace.
        declare: Makes the activity or workflow that code calls, of a declaration and its empty function.

    Returns:
        What the pin's function is in that namespace.

    Raises:
        Exception: Whatever importing a module or defining a function or class raises; an ImportError
            where something isn't installed here.
    """
    module = types.ModuleType(
        namespace_name(code_hash), f"The code of {pin.registered}, as it was registered."
    )
    namespace = module.__dict__
    if pin.package:
        namespace["__package__"] = pin.package
    sys.modules[module.__name__] = module
    for name, item in pin.items.items():
        match item:
            case Imported(module=place, name=qualified):
                namespace[name] = imported(place, qualified)
            case Constant(value=node):
                namespace[name] = from_node(node, namespace)
            case Alias(of=other):
                namespace[name] = namespace[other]
            case Defined():
                _define(item, pin, code_hash, namespace)
            case Declared(source=source, flags=flags):
                made: dict[str, Any] = {}
                exec(_compiled(source, f"<{item.registered}>", flags), namespace, made)
                (function,) = made.values()
                namespace[name] = declare(item, function)
    _define(pin.root, pin, code_hash, namespace)
    return namespace[pin.function]


def _define(item: Defined, pin: Pin, code_hash: str, namespace: dict[str, Any]) -> None:
    """Run a piece of source under its own file name and line numbers, so that tracebacks show it."""
    text = "\n" * (item.first_line - 1) + item.source
    file = item.file
    if not _shows(file, item):
        file = f"<{pin.registered} {code_hash[:8]}, {item.file.rpartition('/')[2].strip('<>')}>"
        known = linecache.getlines(file)
        lines = text.splitlines(keepends=True)
        merged = [*lines, *known[len(lines) :]] if len(known) > len(lines) else lines
        for number, line in enumerate(known[: len(merged)]):
            merged[number] = merged[number] if merged[number].strip() else line
        linecache.cache[file] = (sum(map(len, merged)), None, merged, file)
    exec(_compiled(text, file, item.flags), namespace)


def _shows(file: str, item: Defined) -> bool:
    """Whether what is known under a file's name is still this source."""
    own = item.source.splitlines()
    there = linecache.getlines(file)[item.first_line - 1 : item.first_line - 1 + len(own)]
    return [line.strip() for line in there] == [line.strip() for line in own]


def _compiled(text: str, file: str, flags: int) -> types.CodeType:
    return compile(text, file, "exec", flags=flags, dont_inherit=True)
