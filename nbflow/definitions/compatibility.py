"""What a changed signature means for runs that were recorded under the old one (S49).

Signatures are compared as the text that the store keeps of them, ``(order: Order) -> str``,
so that a notebook that was opened again is told what has changed since.
"""

from __future__ import annotations

import ast
from typing import Final

import msgspec

_NOTHING: Final = "anything"


class _Form(msgspec.Struct, frozen=True):
    """A signature: each parameter's annotation and whether it has a default; and the result's annotation."""

    parameters: dict[str, tuple[str, bool]]
    result: str


def breaking_changes(before: str, after: str) -> list[str]:
    """What no longer fits what is on record, in words; nothing if all of it still does.

    Args:
        before: The signature that histories were recorded under.
        after: The present one.
    """
    if before == after:
        return []
    old, new = _form(before), _form(after)
    if old is None or new is None:
        return [f"the signature {before} is now {after}"]
    changes = [*_changed_input(old, new)]
    if old.result != new.result:
        changes.append(f"the result {old.result} is now {new.result}")
    return changes


def _changed_input(old: _Form, new: _Form) -> list[str]:
    if len(old.parameters) == len(new.parameters) == 1:  # the value itself is on record, whatever its name
        (was, _), (now, _) = *old.parameters.values(), *new.parameters.values()
        (name,) = new.parameters
        return [f"{name}: {was} is now {now}"] if was != now else []
    if _in_form(old) != _in_form(new):
        return [f"the input ({', '.join(old.parameters)}) is now ({', '.join(new.parameters)})"]
    changes = [f"{name} is gone" for name in old.parameters if name not in new.parameters]
    for name, (now, has_default) in new.parameters.items():
        if name not in old.parameters:
            changes += [] if has_default else [f"{name} is new and has no default"]
        elif old.parameters[name][0] != now:
            changes.append(f"{name}: {old.parameters[name][0]} is now {now}")
    return changes


def _in_form(form: _Form) -> int:
    """How the input is on record: as nothing, as the value itself, or as an object."""
    return min(len(form.parameters), 2)


def _form(signature: str) -> _Form | None:
    try:
        (function,) = ast.parse(f"def f{signature}: ...").body
    except SyntaxError:  # a default whose repr is no Python
        return None
    assert isinstance(function, ast.FunctionDef), "a def was parsed"
    given = function.args
    plain = [*given.posonlyargs, *given.args]
    defaults = [False] * (len(plain) - len(given.defaults)) + [True] * len(given.defaults)
    named = [
        (argument, default is not None)
        for argument, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
    ]
    parameters = {
        argument.arg: (_text(argument.annotation), has_default)
        for argument, has_default in [*zip(plain, defaults, strict=True), *named]
    }
    return _Form(parameters, _text(function.returns))


def _text(annotation: ast.expr | None) -> str:
    return _NOTHING if annotation is None else ast.unparse(annotation)
