"""Whatever a second run of an activity would leave in the audit log is found."""

from pathlib import Path

import pytest

from nbflow.cli.complaints import CommandError
from nbflow.cli.proof import Signature, prove, read_signatures

FIRST, SECOND = 41, 42


def signed(text: str) -> list[Signature]:
    """`41 check 42 publish` in pairs."""
    words = text.split()
    return [Signature(pid=int(pid), key=key) for pid, key in zip(words[::2], words[1::2], strict=True)]


def test_a_proof_says_who_did_what() -> None:
    before = signed("41 check 41 clean")
    proof = prove(before, [*before, *signed("42 publish")], first=FIRST, second=SECOND)
    assert (proof.before, proof.after) == (("check", "clean"), ("publish",))


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("", "42 publish", "no activity had signed before the kill"),
        ("41 check", "41 check", "no activity ran after the kill"),
        ("41 check", "42 publish", "gone or changed"),
        ("41 check 41 clean", "41 clean 41 check 42 publish", "gone or changed"),
        (
            "41 check 41 check",
            "41 check 41 check 42 publish",
            "'check' ran 2 times instead of once: in process 41 and 41",
        ),
        (
            "41 check",
            "41 check 42 check 42 publish",
            "'check' ran 2 times instead of once: in process 41 and 42",
        ),
        (
            "41 check",
            "41 check 42 publish 42 publish",
            "'publish' ran 2 times instead of once: in process 42 and 42",
        ),
        (
            "40 check",
            "40 check 42 publish",
            "'check' ran before the kill in process 40, and not in kernel 41",
        ),
        (
            "41 check",
            "41 check 41 publish",
            "'publish' ran after the kill in process 41, and not in kernel 42",
        ),
    ],
)
def test_what_is_not_so_is_named(before: str, after: str, complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint):
        prove(signed(before), signed(after), first=FIRST, second=SECOND)


def test_one_process_is_no_proof() -> None:
    with pytest.raises(CommandError, match="both kernels are process 41, so that nothing was killed"):
        prove(signed("41 check"), signed("41 check 41 publish"), first=FIRST, second=FIRST)


def test_the_log_is_read_as_activities_write_it(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    assert read_signatures(log) == []
    log.write_text("41 check Dream\n42 publish\n")
    assert read_signatures(log) == [Signature(pid=41, key="check Dream"), Signature(pid=42, key="publish")]


@pytest.mark.parametrize("line", ["check Dream", "41", "41 ", "", "41check Dream"])
def test_a_line_that_no_activity_writes_is_refused(tmp_path: Path, line: str) -> None:
    log = tmp_path / "audit.log"
    log.write_text(f"41 check\n{line}\n42 publish\n")
    with pytest.raises(CommandError, match=r"audit\.log, line 2: .* is no process number and step"):
        read_signatures(log)
