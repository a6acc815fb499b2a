"""Which function carries out which command of ``%wf``; what a command needs is imported when it is first typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final, TypeAlias

from nbflow.jupyter.actions import Request
from nbflow.jupyter.session import NbFlow

Handler: TypeAlias = Callable[[NbFlow, Request], Any]

HANDLERS: Final[Mapping[str, str]] = {
    "run": "starting.run",
    "raise": "actions.raise_event",
    "suspend": "actions.suspend",
    "resume": "actions.resume",
    "restart": "actions.restart",
    "rewind": "going_back.rewind",
    "fork": "going_back.fork",
    "compare": "going_back.compare",
    "terminate": "actions.terminate",
    "purge": "purging.purge",
    "ps": "listing.ps",
    "show": "looking.show",
    "replay": "looking.replay",
    "export": "exporting.export_from",
    "wait": "reports.wait",
    "history": "reports.history",
    "lint": "linting.lint",
    "sql": "sql.sql",
    "db": "places.db",
    "torture": "torturing.torture",
    "trust": "trusting.trust",
    "versions": "versions.versions",
    "adopt": "versions.adopt_version",
    "skip": "skipping.skip",
    "help": "reports.help_on",
}
"""Module within this package, and function, by command."""


def handler_of(command: str) -> Handler:
    """The function that carries out a command of the table in `commands`."""
    module, _, function = HANDLERS[command].partition(".")
    found: Handler = getattr(import_module(f"nbflow.jupyter.{module}"), function)
    return found
