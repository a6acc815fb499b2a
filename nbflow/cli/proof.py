"""The proof that no finished activity ran again, counted from a file that nbflow knows nothing of.

Each activity of the notebook appends one line to it: the number of its process, and
what it did. Here those lines are read twice, when the first kernel is dead and at the
end, and everything that a second run of an activity would leave behind is looked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nbflow.cli.complaints import CommandError


@dataclass(frozen=True, kw_only=True)
class Signature:
    """One line: a process did a step."""

    pid: int
    key: str


@dataclass(frozen=True, kw_only=True)
class Proof:
    """Which kernel did which steps, each of them once.

    Attributes:
        first: The kernel that was killed.
        second: The one that came after it.
        before: The steps that were done before the kill, by the first.
        after: Those that were done after it, by the second.
    """

    first: int
    second: int
    before: tuple[str, ...]
    after: tuple[str, ...]


def read_signatures(path: Path) -> list[Signature]:
    """The lines of the file, as far as it is there.

    Raises:
        CommandError: A line is none that an activity writes.
    """
    if not path.exists():
        return []
    signatures: list[Signature] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        pid, _, key = line.partition(" ")
        if not pid.isdecimal() or not key.strip():
            raise CommandError(f"{path.name}, line {number}: {line!r} is no process number and step")
        signatures.append(Signature(pid=int(pid), key=key))
    return signatures


def check_before(before: Sequence[Signature], *, first: int) -> None:
    """Check what was signed before the kill: something, each step once, and by the first kernel.

    Args:
        before: The lines when the first kernel was dead.
        first: Its process.

    Raises:
        CommandError: It is not so; names the step.
    """
    if not before:
        raise CommandError("no activity had signed before the kill, so that nothing is proved")
    _check_once(before)
    _check_process(before, first, "before")


def prove(before: Sequence[Signature], after: Sequence[Signature], *, first: int, second: int) -> Proof:
    """Check that every step was done once, and by the kernel that was there at the time.

    Args:
        before: The lines when the first kernel was dead.
        after: The lines at the end.
        first: The first kernel's process.
        second: The second kernel's process.

    Raises:
        CommandError: It is not so; names the step.
    """
    if first == second:
        raise CommandError(f"both kernels are process {first}, so that nothing was killed")
    check_before(before, first=first)
    if list(after[: len(before)]) != list(before):
        raise CommandError("lines that were there at the kill are gone or changed at the end")
    added = after[len(before) :]
    _check_once(after)
    _check_process(added, second, "after")
    if not added:
        raise CommandError("no activity ran after the kill, so that nothing is proved")
    return Proof(
        first=first,
        second=second,
        before=tuple(signature.key for signature in before),
        after=tuple(signature.key for signature in added),
    )


def _check_once(signatures: Sequence[Signature]) -> None:
    for step, number in Counter(signature.key for signature in signatures).items():
        if number > 1:
            pids = " and ".join(str(signature.pid) for signature in signatures if signature.key == step)
            raise CommandError(f"{step!r} ran {number} times instead of once: in process {pids}")


def _check_process(signatures: Sequence[Signature], pid: int, when: str) -> None:
    strange = next((signature for signature in signatures if signature.pid != pid), None)
    if strange is not None:
        raise CommandError(
            f"{strange.key!r} ran {when} the kill in process {strange.pid}, and not in kernel {pid}"
        )
