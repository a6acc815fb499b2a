"""The gate at the cell: what a changed workflow comes to for the runs in flight, as a short table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nbflow.core.fitting import Diverges, Fits, Undecided
from nbflow.jupyter.session import NbFlow
from nbflow.jupyter.tables import Table
from nbflow.runtime import GateReport, Verdict

ADOPTS: Final = ("none", "fitting", "all")
"""Which runs in flight change over to changed code."""

MOST_ROWS: Final = 10
_COLUMNS: Final = (
    "runs in flight",
    "with the changed code",
    "event",
    "line",
    "history holds",
    "the code did",
)


def gate_table(report: GateReport, adopted: Sequence[str] = ()) -> Table:
    """How many runs fit, and of those that don't, where they part.

    Args:
        report: The gate's report.
        adopted: The runs that changed over to the code.
    """
    fits, parts, open_ = report.of(Fits), report.of(Diverges), report.of(Undecided)
    rows: list[tuple[object, ...]] = []
    if fits:
        rows.append((_runs(fits), "fit" if len(fits) > 1 else "fits", "", "", "", ""))
    rows += map(_divergence, parts[:MOST_ROWS])
    if len(parts) > MOST_ROWS:
        rows.append((f"{len(parts) - MOST_ROWS} more", "would diverge", "", "", "", ""))
    for verdict in open_[:MOST_ROWS]:
        assert isinstance(verdict.fit, Undecided)
        rows.append((verdict.instance_id, f"undecided: {verdict.fit.reason}", "", "", "", ""))
    if len(open_) > MOST_ROWS:
        rows.append((f"{len(open_) - MOST_ROWS} more", "undecided", "", "", "", ""))
    return Table(_COLUMNS, rows, empty="no run in flight has other code", note=_note(report, adopted))


def adopt(session: NbFlow, report: GateReport, which: str) -> tuple[list[str], dict[str, str]]:
    """Have runs in flight change over to the code; gives those that did, and why others didn't."""
    chosen = report.verdicts if which == "all" else report.of(Fits) if which == "fitting" else ()
    ids = [verdict.instance_id for verdict in chosen]
    refused = session.runtime.code.adopt(ids, report.code_hash)
    return [instance_id for instance_id in ids if instance_id not in refused], refused


def _divergence(verdict: Verdict) -> tuple[object, ...]:
    assert isinstance(verdict.fit, Diverges)
    found = verdict.fit.divergence
    return (
        verdict.instance_id,
        "would diverge",
        found.seq,
        found.line if found.line is not None else "",
        found.expected,
        found.actual,
    )


def _runs(verdicts: Sequence[Verdict]) -> str:
    if len(verdicts) <= 3:
        return ", ".join(verdict.instance_id for verdict in verdicts)
    return f"{verdicts[0].instance_id} and {len(verdicts) - 1} more"


def _note(report: GateReport, adopted: Sequence[str]) -> str:
    counts = [
        f"{len(report.of(kind))} {word}"
        for kind, word in ((Fits, "fit"), (Diverges, "would diverge"), (Undecided, "undecided"))
        if report.of(kind)
    ]
    said = ", ".join(counts)
    if adopted:
        kept = len(report.verdicts) - len(adopted)
        stay = f"; {kept} keep the code that they were started with" if kept else ""
        return f"{said}: {len(adopted)} changed over to the new code{stay}"
    way = f" - %wf adopt {report.name} fitting changes over those that fit" if report.of(Fits) else ""
    return f"{said}: all keep the code that they were started with, and new runs take the changed one{way}"
