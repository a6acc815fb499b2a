"""What a torture came to, in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import Any, Final

from nbflow.core.explain.report import Divergence
from nbflow.core.state import RuntimeStatus
from nbflow.views.divergence.html import html_rows
from nbflow.views.divergence.text import lines_of_rows
from nbflow.views.divergence.words import cause, place
from nbflow.views.excerpts import excerpt, tame
from nbflow.views.looks import Tone
from nbflow.views.markup import frame, notice

_LONGEST: Final = 300
_WIDTH: Final = 110


@dataclass(eq=False, kw_only=True)
class TortureReport:
    """What a torture came to; its text says it in words.

    Attributes:
        workflow: The name of the workflow.
        seed: What the hash seeds came from: the same seed gives the same.
        hash_seeds: Those of all processes, in order.
        events: Events of history in the first run, its children included.
        replays: Replays of that history, and of its beginnings, that fit.
        restarts: Ends of the process in the middle of the run.
        every: Behind every how manieth commit the process was ended.
        status: How the run ended without a restart.
        output: What it returned then.
        failure: What it raised then; empty if nothing.
        unused: Names of events that were given, and never waited for.
        difference: What was not the same, in a sentence; empty if nothing.
        when: How that was found.
        instance_id: In which run: the workflow's or that of a child.
        divergence: Both sides of it.
    """

    workflow: str
    seed: int
    hash_seeds: list[int] = field(default_factory=list[int])
    events: int = 0
    replays: int = 0
    restarts: int = 0
    every: int = 1
    status: RuntimeStatus = RuntimeStatus.PENDING
    output: Any = None
    failure: str = ""
    unused: list[str] = field(default_factory=list[str])
    difference: str = ""
    when: str = ""
    instance_id: str = ""
    divergence: Divergence | None = None

    @property
    def is_same(self) -> bool:
        """Whether the result and the actions were the same every time."""
        return not self.difference

    def __str__(self) -> str:
        if self.is_same:
            return f"✓ {self._praise()}\n  {self._ended()}\n  {self._effort()}"
        lines = [f"✗ {self._blame()}"]
        if self.divergence is not None:
            lines += [f"  {line}" for line in self._sides(self.divergence)]
            lines += ["", *(line.rstrip() for line in lines_of_rows(self.divergence, _WIDTH)), ""]
        return "\n".join([*lines, f"  {self._effort()}", f"  {self._again()}"])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        if self.is_same:
            parts = [
                notice(f"✓ <strong>{escape(self._praise())}</strong>\n{escape(self._ended())}", Tone.GOOD)
            ]
        else:
            said = f"✗ <strong>{escape(self._blame())}</strong>"
            if self.divergence is not None:
                said += "".join(f"\n{escape(line)}" for line in self._sides(self.divergence))
            parts = [notice(said, Tone.BAD)]
            if self.divergence is not None:
                parts += html_rows(self.divergence)
            parts.append(f"<div>{escape(self._again())}</div>")
        return frame([*parts, f"<div>{escape(self._effort())}</div>"])

    def _praise(self) -> str:
        return f"{self.workflow} came out the same every time"

    def _blame(self) -> str:
        why = f": {self.difference}" if self.divergence is None else ""
        return tame(f"{self.workflow} didn't come out the same {self.when}{why}")

    def _ended(self) -> str:
        result = self.failure or repr(self.output)
        return tame(f"it is {self.status}: {excerpt(result, _LONGEST)}")

    def _effort(self) -> str:
        behind = "every commit" if self.every == 1 else f"one in {self.every} commits"
        parts = [
            f"{self.events:,} events",
            f"{self.replays:,} replays",
            f"{self.restarts:,} restarts, behind {behind}" if self.restarts else "no restart",
            f"{len(self.hash_seeds)} processes",
            f"seed {self.seed}",
        ]
        parts += [f"event {name!r} was never waited for" for name in self.unused]
        return tame(" · ".join(parts))

    def _again(self) -> str:
        return (
            f"the same again: %wf torture {self.workflow}(…) --seed {self.seed}, or in Python "
            f"torture({self.workflow}, …, seed={self.seed})"
        )

    def _sides(self, divergence: Divergence) -> list[str]:
        run = f" of {self.instance_id}" if self.instance_id else ""
        return [
            tame(f"event {divergence.seq:,}{run} in the first run: {excerpt(divergence.expected, _LONGEST)}"),
            tame(f"the code did: {excerpt(divergence.actual, _LONGEST)}"),
            *filter(None, [place(divergence)]),
            cause(divergence),
        ]
