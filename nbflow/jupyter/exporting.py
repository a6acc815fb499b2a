"""``%wf export``: a run, or the whole history, into a file; its suffix says as what."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from nbflow.errors import ExportError
from nbflow.jupyter.actions import Request, find_run
from nbflow.jupyter.commands import COMMANDS
from nbflow.jupyter.complaints import CommandError
from nbflow.jupyter.location import shorten
from nbflow.jupyter.options import parse_options
from nbflow.jupyter.progress import Progress
from nbflow.jupyter.session import NbFlow
from nbflow.jupyter.words import fill_in
from nbflow.runtime import WorkflowHandle
from nbflow.runtime.exports.code import Code, code_for
from nbflow.runtime.exports.targets import Target
from nbflow.runtime.exports.writing import Exported, export

_WHOLE: Final = "db"
"""What stands for the whole history in place of a run."""


def export_from(session: NbFlow, request: Request) -> str:
    """Write a run, or the whole history.

    Raises:
        CommandError: It doesn't say what or where to; or that can't be written there.
    """
    words, values = parse_options(
        request.line, COMMANDS["export"].options, command="%wf export", evaluate=session.evaluate
    )
    if len(words) != 2:
        raise CommandError(
            "%wf export needs a run and a file: type %wf export ID page.html, or %wf export db copy.duckdb"
        )
    handle = None if words[0] == _WHOLE else find_run(session, words[0])
    target = Target(
        path=Path(fill_in(words[1], session.evaluate)).expanduser(),
        typed=words[1],
        of=_WHOLE if handle is None else words[0],
        force=values.has("force"),
        is_folder=values.has("parquet"),
    )
    run = _WHOLE if handle is None else handle.instance_id
    try:
        exported = export(
            session.runtime,
            target,
            run=run,
            source=None if handle is None else session.source(run),
            code=None if handle is None else _code(session, handle, values.text("code")),
            tell=Progress(session, f"{run}: {{done}} of {{of}} events are in the page"),
        )
    except ExportError as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        raise CommandError(f"{words[1]} can't be written: {error.strerror or error}") from None
    return _told(session.place if handle is None else run, exported)


def _told(what: str, exported: Exported) -> str:
    first, *others = [shorten(str(path)) for path in exported.paths]
    beside = f" and {others[0]}" if len(others) == 1 else ""
    return f"{what} is written to {first}{beside} ({exported.size / 1024:,.0f} kB): {exported.use}"


def _code(session: NbFlow, handle: WorkflowHandle, told: str | None) -> Code | None:
    return code_for(session.runtime.registry.workflow(handle.name), told)
