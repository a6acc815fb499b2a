"""``%wf trust``: what a history that came from elsewhere would run, and the word that it may."""

from __future__ import annotations

from nbflow.core.trust import TrustReport
from nbflow.jupyter.actions import Request
from nbflow.jupyter.commands import COMMANDS
from nbflow.jupyter.complaints import CommandError
from nbflow.jupyter.options import parse_options
from nbflow.jupyter.session import NbFlow


def trust(session: NbFlow, request: Request) -> str:
    """Say what the history would run, or, once that is agreed to, sign it and have it go on.

    Raises:
        CommandError: It takes no words.
        StoreError: It can't be read or written.
    """
    words, values = parse_options(
        request.line, COMMANDS["trust"].options, command="%wf trust", evaluate=session.evaluate
    )
    if words:
        raise CommandError(
            f"%wf trust is about the whole history, {words[0]!r} says nothing to it: %wf trust"
        )
    runtime = session.runtime
    if values.has("yes"):
        count = runtime.trust()
        rows = "1 row was" if count == 1 else f"{count} rows were"
        signed = f"{rows} signed with your key" if count else "every row was signed already"
        return f"{session.place} is trusted: {signed} · %wf ps lists what goes on"
    report = runtime.trust_report()
    if report.is_trusted:
        return f"{session.place} is trusted: every row is signed with your key"
    return _question(session.place, report)


def _question(place: str, report: TrustReport) -> str:
    findings = [f"  {found}" for found in report.findings]
    if report.has_more:
        findings.append("  and more")
    told = [f"{place} holds what you did not sign:", *findings]
    if report.would_run:
        told += ["Once it is trusted, this runs, with the inputs that are recorded there:"]
        told += [f"  {line}" for line in report.would_run]
    told.append("Look at it with %wf ps, %wf show ID and %wf sql. If it is yours, type %wf trust --yes")
    return "\n".join(told)
