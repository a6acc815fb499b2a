"""``%wf help``: written from the tables of commands and options."""

from __future__ import annotations

from collections.abc import Iterable

from nbflow.jupyter.commands import COMMANDS, Command
from nbflow.jupyter.headers import OPTIONS, CellKind
from nbflow.jupyter.options import Option


def overview() -> str:
    """All commands, one line each, and the cell magics."""
    lines = _aligned((f"%wf {command.name} {command.shows}", command.means) for command in COMMANDS.values())
    lines += ["", *(_cell_magic(kind) for kind in OPTIONS)]
    lines += ["", "Durations are written 90, 90s, 5m, 24h, 30d. IDs may hold {expressions}, as in order-{i}."]
    lines += ["More about one of them: %wf help run"]
    return "\n".join(lines)


def about(command: Command) -> str:
    """One command in full."""
    lines = [f"%wf {command.name} {command.shows}".rstrip() + _brief(command.options), command.means]
    lines += _aligned((f"  {option.usage}", _meaning(option)) for option in command.options)
    if command.note:
        lines += ["", command.note]
    if command.examples:
        lines += ["", *(f"  {example}" for example in command.examples)]
    return "\n".join(lines)


def _aligned(pairs: Iterable[tuple[str, str]]) -> list[str]:
    usages = [(usage.rstrip(), means) for usage, means in pairs]
    width = max((len(usage) for usage, _ in usages), default=0)
    return [f"{usage:<{width}}  {means}" for usage, means in usages]


def _cell_magic(kind: CellKind) -> str:
    return f"%%{kind} [NAME(PARAMETERS) -> TYPE]{_brief(OPTIONS[kind])}"


def _brief(options: Iterable[Option]) -> str:
    return "".join(f" [{option.usage}]" for option in options)


def _meaning(option: Option) -> str:
    return f"{option.means} ({', '.join(option.choices)})" if option.choices else option.means
