"""``%wf versions`` and ``%wf adopt``: the code that runs have, and having them change over to other code."""

from __future__ import annotations

from typing import Any, Final

from nbflow.jupyter.actions import Request
from nbflow.jupyter.commands import COMMANDS
from nbflow.jupyter.complaints import CommandError, did_you_mean
from nbflow.jupyter.gate import ADOPTS, adopt, gate_table
from nbflow.jupyter.options import Values, parse_options
from nbflow.jupyter.session import NbFlow
from nbflow.jupyter.tables import Table
from nbflow.runtime import StoredVersion
from nbflow.views.durations import moment

_SHORT: Final = 8


def versions(session: NbFlow, request: Request) -> Table | str:
    """List the versions of a workflow with the runs that have each, or forget those that no run needs."""
    name, values, _ = _named(session, request)
    found = session.runtime.code.versions(name)
    if not found:
        raise CommandError(f"no version of {name!r} is kept: %wf run starts a run of it")
    dropped = values.text("drop")
    if dropped is not None:
        return _drop(session, name, found, dropped)
    rows = [
        (
            version.code_hash[:_SHORT] + (" (newest)" if version.is_newest else ""),
            version.version or "",
            moment(version.created_at),
            version.in_flight,
            version.ended,
            "yes" if version.is_kept else "no: needs its cell",
        )
        for version in found
    ]
    free = [version for version in found if not version.in_flight and not version.is_newest]
    note = (
        f"%wf versions {name} --drop old forgets the {len(free)} that no run in flight needs" if free else ""
    )
    return Table(
        ("version", "name", "first seen", "runs in flight", "ended", "comes back by itself"),
        rows,
        empty="",
        note=note,
    )


def adopt_version(session: NbFlow, request: Request) -> Table | str:
    """Hold the newest code of a workflow against its runs in flight, and have those change over that are to."""
    name, values, words = _named(session, request)
    which = words[0].lower() if words else "none"
    if which not in ADOPTS:
        raise CommandError(
            f"%wf adopt {name} {words[0]}: type %wf adopt {name} fitting for those that fit, or all, or nothing to "
            "see how each would fare"
        )
    wanted = values.text("version")
    code_hash = _match(session.runtime.code.versions(name), name, wanted).code_hash if wanted else None
    report = session.runtime.code.gate(name, code_hash)
    if not report.verdicts:
        return f"every run in flight of {name} has that code already"
    done, refused = adopt(session, report, which)
    for instance_id, why in list(refused.items())[:1]:
        raise CommandError(f"{instance_id} did not change over: {why}")
    return gate_table(report, done)


def _named(session: NbFlow, request: Request) -> tuple[str, Values, list[str]]:
    command = f"%wf {request.command}"
    words, values = parse_options(
        request.line, COMMANDS[request.command].options, command=command, evaluate=session.evaluate
    )
    names = session.code.workflow_names()
    if not words:
        raise CommandError(
            f"{command} needs a workflow: type {command} NAME; there are {', '.join(names) or 'none'}"
        )
    if words[0] not in names:
        raise CommandError(
            f"no workflow {words[0]!r} is known{did_you_mean(words[0], names)}: type {command} NAME"
        )
    return words[0], values, words[1:]


def _drop(session: NbFlow, name: str, found: list[StoredVersion], which: str) -> str:
    if which == "old":
        gone = [version for version in found if not version.in_flight and not version.is_newest]
    else:
        gone = [_match(found, name, which)]
    needed = next((version for version in gone if version.in_flight or version.is_newest), None)
    if needed is not None:
        why = "is the newest" if needed.is_newest else f"is needed by {needed.in_flight} runs in flight"
        raise CommandError(f"version {needed.code_hash[:_SHORT]} of {name} {why}: it stays")
    session.runtime.code.drop(name, *(version.code_hash for version in gone))
    count = len(gone)
    return (
        f"{count} version{'' if count == 1 else 's'} of {name} forgotten"
        if gone
        else f"{name} has no old versions"
    )


def _match(found: list[StoredVersion], name: str, beginning: str) -> StoredVersion:
    fits: list[Any] = [version for version in found if version.code_hash.startswith(beginning.lower())]
    fits = fits or [version for version in found if version.version == beginning]
    if len(fits) != 1:
        which = f"no version of {name} begins" if not fits else f"{len(fits)} versions of {name} begin"
        raise CommandError(f"{which} with {beginning!r}: type %wf versions {name} for all of them")
    return fits[0]
