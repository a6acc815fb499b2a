"""What is said of a mismatch: each row with an icon and a word, the line concerned, and the ways out."""

from __future__ import annotations

from typing import Final

from nbflow.core.explain.report import DiffRow, Divergence, RowKind
from nbflow.views.excerpts import excerpt, tame
from nbflow.views.looks import Look, Tone

LOOKS: Final[dict[RowKind, Look]] = {
    "same": Look("=", "same", Tone.QUIET),
    "changed": Look("≠", "changed", Tone.WAIT),
    "removed": Look("-", "only in history", Tone.WAIT),
    "added": Look("+", "only in the code", Tone.WAIT),
    "moved": Look("⇅", "moved", Tone.WAIT),
    "unreached": Look("…", "not reached", Tone.QUIET),
}

FIRST: Final = Look("✗", "first mismatch", Tone.BAD)
"""Where the two part."""

TITLE: Final = "the code no longer matches its history"

_LONGEST: Final = 160


def look_of(row: DiffRow) -> Look:
    """How a row looks: of the first mismatch that it is the first counts, and its kind is said in words."""
    look = LOOKS[row.kind]
    return Look(FIRST.icon, f"{FIRST.word}: {look.word}", FIRST.tone) if row.is_first else look


def cells_of(row: DiffRow) -> tuple[str, str, str, str]:
    """Event number, history, code, and what is to be remarked."""
    line = f"line {row.line}" if row.line is not None and row.kind != "same" else ""
    return (
        "" if row.seq is None else f"{row.seq:,}",
        tame(excerpt(row.expected, _LONGEST)),
        tame(excerpt(row.actual, _LONGEST)),
        tame(excerpt(", ".join(filter(None, (row.note, line))), _LONGEST)),
    )


def expected_and_actual(divergence: Divergence) -> tuple[str, str]:
    """Both sides of the first mismatch, a sentence each."""
    return (
        tame(excerpt(f"event {divergence.seq:,} in history: {divergence.expected}", 300)),
        tame(excerpt(f"the code did: {divergence.actual}", 300)),
    )


def place(divergence: Divergence) -> str:
    """The source line with its number; empty if it isn't known."""
    if divergence.line is None:
        return ""
    return tame(excerpt(f"line {divergence.line}: {divergence.source}".rstrip(": "), 200))


def cause(divergence: Divergence) -> str:
    """The cause as a sentence."""
    how = "Cause" if divergence.is_certain else "Likely cause"
    return tame(excerpt(f"{how}: {divergence.sentence}", 900))


def left_out(divergence: Divergence) -> tuple[str, str]:
    """What is said of the rows above and below those that are shown; empty where there are none."""
    before, after = divergence.before, divergence.after
    return (
        f"{before:,} rows above are the same" if before else "",
        f"{after:,} rows below are left out" if after else "",
    )


def ways_out(divergence: Divergence, instance_id: str) -> tuple[tuple[str, str], ...]:
    """What can be done, each with the command to type, if it is one."""
    run = tame(instance_id)
    return (
        ("", "run the cell with the code that the run was started with: it goes on by itself"),
        (f"%wf resume {run}", "once the code is mended: go on with the present code, if it fits"),
        (f"%wf replay {run} --to {max(divergence.seq - 1, 1)}", "see where the code was before that"),
        (f"%wf terminate {run}", "give the run up"),
    )
