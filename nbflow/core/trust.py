"""What is known of rows that their owner did not write: which, and what is wrong with them.

Rows are sealed with a key of their owner's (docs/trust.md). A seal covers a whole row, so that a finding
names the row, and says what somebody might have changed in it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal, TypeAlias

import msgspec

Table: TypeAlias = Literal["instances", "history", "inbox", "definitions"]

_LONGEST: Final = 60


class Flaw(StrEnum):
    """What is wrong with a row; the value is how a sentence about it ends."""

    UNSIGNED = "is not signed"
    ALTERED = "was altered"
    FOREIGN = "was signed with another key"
    MISSING = "is missing"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A row that its owner did not write, or one that isn't there any more.

    Attributes:
        table: Where it is.
        flaw: What is wrong with it.
        what: The row in words, such as ``event 5, the call of charge with its input,``.
        instance_id: Whose it is; None for code.
        seq: Its position, for history.
        code: Kind and name, for code.
    """

    table: Table
    flaw: Flaw
    what: str
    instance_id: str | None = None
    seq: int | None = None
    code: tuple[str, str] | None = None

    def __str__(self) -> str:
        whose = "" if self.instance_id is None else f"{shown(self.instance_id)}: "
        return f"{whose}{self.what} {self.flaw}"


class StoredCode(msgspec.Struct, frozen=True, kw_only=True):
    """Code of one name, as a store holds it.

    Attributes:
        kind: ``workflow`` or ``activity``.
        name: Its name.
        versions: How many versions are stored; 0: runs need it, and none is.
        runs: How many runs that have not ended go by it, or how many attempts of it are under way.
    """

    kind: str
    name: str
    versions: int
    runs: int

    def __str__(self) -> str:
        versions = "1 version" if self.versions == 1 else f"{self.versions or 'no'} versions"
        of = "run that has" if self.kind == "workflow" else "call that has"
        ofs = "runs that have" if self.kind == "workflow" else "calls that have"
        return f"{self.kind} {shown(self.name)} · {versions} · {self.runs} {of if self.runs == 1 else ofs} not ended"


class TrustReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a history would run, and which of its rows its owner did not write.

    Attributes:
        is_trusted: Whether it runs already.
        findings: The first rows that its owner did not write.
        has_more: Whether there are more of them.
        code: What is stored, and how much of it is in use.
        messages: How many messages wait for runs; timers that are not due are not among them.
    """

    is_trusted: bool
    findings: tuple[Finding, ...]
    has_more: bool
    code: tuple[StoredCode, ...]
    messages: int

    def __str__(self) -> str:
        lines = [str(finding) for finding in self.findings]
        if self.has_more:
            lines.append("and more")
        return "\n".join([*lines, *self.would_run])

    @property
    def would_run(self) -> tuple[str, ...]:
        """What goes on once it is trusted, a line each."""
        lines = [str(code) for code in self.code]
        if self.messages:
            lines.append(f"{self.messages} message{'s' if self.messages > 1 else ''} for runs")
        return tuple(lines)


def shown(text: str) -> str:
    """A name from a history that may be anybody's, as one short piece of text that controls no terminal."""
    plain = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…"
