"""What is said where code and history no longer match: a diff, the first mismatch, and the likely cause.

It is stored with the stalled run, as JSON, and is of a bounded size: long values are cut, and a window of
rows around the mismatch is kept.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

RowKind: TypeAlias = Literal["same", "changed", "removed", "added", "moved", "unreached"]
"""``removed`` stands in history only, ``added`` in what the code did only; ``moved`` stands in both, at other
places; ``unreached`` is what the code would have come to later, as far as one can tell."""

CauseKind: TypeAlias = Literal[
    "reordered",
    "changed_input",
    "changed_call",
    "changed_timer",
    "changed_policy",
    "changed_event",
    "changed_status",
    "changed_result",
    "removed_call",
    "added_call",
    "removed_await",
    "added_await",
    "raises",
    "ends_early",
    "waits",
    "not_deterministic",
    "reads_outside",
    "interpreter",
    "other_path",
]


class Suspect(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the code that reads what a replay doesn't repeat: the clock, randomness, a global.

    Attributes:
        line: Its number in the file.
        what: What it does, such as ``reads the clock with datetime.now()``.
        fix: What to write instead, such as ``use ctx.current_utc_datetime``.
        file: The file, as Python knows it; None: that of the workflow.
    """

    line: int
    what: str
    fix: str
    file: str | None = None


class CodeText(msgspec.Struct, frozen=True, kw_only=True):
    """The source of a workflow as it is now, and where it stands.

    Attributes:
        text: The lines.
        first_line: The number of the first of them in the file.
        file: The file, as Python knows it.
    """

    text: str
    first_line: int
    file: str


class LineChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Lines of the source that were changed since the run was started.

    Attributes:
        line: The number of the first of them, in the present source.
        was: What stood there; empty if the lines are new.
        now: What stands there now; empty if the lines are gone.
    """

    line: int
    was: str = ""
    now: str = ""

    def __str__(self) -> str:
        if not self.was:
            return f"line {self.line} is new: {self.now}"
        if not self.now:
            return f"gone before line {self.line}: {self.was}"
        return f"line {self.line}: was {self.was}, is {self.now}"


class DiffRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened, on both sides.

    Attributes:
        kind: How the sides compare.
        expected: What history holds; empty if nothing.
        actual: What the code did; empty if nothing.
        seq: The event in the history, if it is there.
        line: The source line of what the code did, if that is known.
        note: What differs, in a few words.
        is_input: Whether it came from outside: a result, an event, a timer.
        is_first: Whether this is the first mismatch.
    """

    kind: RowKind
    expected: str = ""
    actual: str = ""
    seq: int | None = None
    line: int | None = None
    note: str = ""
    is_input: bool = False
    is_first: bool = False


class Divergence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where code and history part, and why, as far as one can tell.

    Attributes:
        seq: The first position of the history that doesn't match.
        expected: What history holds there, in words.
        actual: What the code did instead, in words.
        cause: What is likely behind it.
        sentence: The same as a clause for a person.
        is_certain: Whether that was seen, and not only concluded.
        file: The file of the line concerned.
        line: The source line of what the code did, or at which it waits.
        source: The text of that line.
        rows: Both sides around the mismatch.
        before: Rows that matched before those.
        after: Rows left out behind those.
        changes: Lines changed since the run was started, the one that is likely meant first.
    """

    seq: int
    expected: str
    actual: str
    cause: CauseKind = "other_path"
    sentence: str = ""
    is_certain: bool = False
    file: str | None = None
    line: int | None = None
    source: str = ""
    rows: tuple[DiffRow, ...] = ()
    before: int = 0
    after: int = 0
    changes: tuple[LineChange, ...] = ()


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the code beside what it does.

    Attributes:
        present: Its source now; None if there is no text.
        recorded: The source that the run was started with; None if that isn't known.
        is_same: Whether the code is the very one that the run was started with; None: not known.
        suspects: Lines that read what a replay doesn't repeat.
        uses: Names of what the code uses that mean something else than in the code that the run was started with.
        interpreter: What to say of the interpreter, if it is another than then.
    """

    present: CodeText | None = None
    recorded: str | None = None
    is_same: bool | None = None
    suspects: tuple[Suspect, ...] = ()
    uses: tuple[str, ...] = ()
    interpreter: str = ""


NO_EVIDENCE: Final = Evidence()
