"""A mismatch of code and history, explained: for each cause the event, the line and the cause are named right."""

from __future__ import annotations

import msgspec
import pytest

from nbflow import activity, workflow
from nbflow.core.explain.explaining import MOST_ROWS, explain
from nbflow.core.explain.report import Evidence
from nbflow.core.fitting import Diverges, Undecided, fit
from nbflow.core.history import WorkflowStarted
from nbflow.core.state import Stall, StallReason
from tests.core.builder import Run, work
from tests.core.mismatches import MISMATCHES, Mismatch


def explained(one: Mismatch) -> tuple[Stall, Stall]:
    """What is said without and with an explanation."""
    before, after = one.codes()
    run = one.record(before)
    stall = run.diverge(after)
    evidence = Evidence(
        present=after.text,
        recorded=before.source.replace("def before(", "def after("),
        is_same=one.is_same,
        suspects=one.suspected(after),
        interpreter=one.interpreter,
    )
    told = explain(stall, after, run.history, instance_id="run-1", evidence=evidence)
    assert told.divergence is not None
    assert told.divergence.line == one.line(after)
    return stall, told


@pytest.mark.semantics(12)
@pytest.mark.parametrize("one", MISMATCHES, ids=lambda one: one.name)
def test_event_line_and_cause_are_named(one: Mismatch) -> None:
    stall, told = explained(one)
    divergence = told.divergence
    assert divergence is not None
    assert (divergence.seq, divergence.cause) == (one.event, one.cause)
    assert one.says in divergence.sentence
    assert (divergence.expected, divergence.actual) == (stall.expected, stall.actual)
    assert told.message.startswith(f"{stall.message}; ")
    assert divergence.sentence in told.message
    assert "\n" not in told.message
    assert [row.is_first for row in divergence.rows].count(True) == 1
    assert msgspec.json.decode(msgspec.json.encode(told), type=Stall) == told


@pytest.mark.semantics(12)
def test_another_version_with_the_same_text_is_no_change_of_a_line() -> None:
    one = next(one for one in MISMATCHES if one.name == "reads_a_global")
    _, told = explained(one)
    assert told.divergence is not None
    assert told.divergence.changes == ()


@pytest.mark.parametrize("other", MISMATCHES, ids=lambda one: one.name)
def test_any_code_against_any_history_is_explained_at_any_length(other: Mismatch) -> None:
    """Not that the cause is right, which nobody could say: that there is a report, of the first mismatch."""
    _, code = other.codes()
    for one in MISMATCHES:
        before, _ = one.codes()
        history = one.record(before).history
        lengths = [n for n, event in enumerate(history) if n and isinstance(event, WorkflowStarted)]
        for length in [*lengths, len(history)]:
            found = fit(code, history[:length], instance_id="run-1", evidence=Evidence(present=code.text))
            assert not isinstance(found, Undecided)
            if isinstance(found, Diverges):
                report = found.stall.divergence
                assert report is not None
                assert (report.seq, report.expected) == (found.stall.seq, found.stall.expected)
                assert report.sentence
                assert sum(row.is_first for row in report.rows) <= 1


def test_both_sides_are_shown_around_the_mismatch() -> None:
    one = next(one for one in MISMATCHES if one.name == "changed_argument")
    _, told = explained(one)
    assert told.divergence is not None
    assert [(row.kind, row.seq, row.note) for row in told.divergence.rows] == [
        ("same", 2, ""),
        ("same", 3, ""),
        ("same", 5, ""),
        ("changed", 6, "amount: 10, now 12"),
        ("same", 8, ""),
        ("same", 9, ""),
        ("same", 11, ""),
        ("same", 12, ""),
    ]


def test_what_the_code_does_beyond_the_mismatch_has_no_answer_of_another_call() -> None:
    one = next(one for one in MISMATCHES if one.name == "another_activity")
    _, told = explained(one)
    assert told.divergence is not None
    assert [row.kind for row in told.divergence.rows[-5:]] == ["changed", *["unreached"] * 4]
    assert told.divergence.rows[-5].actual == "call of activity bill(10)"


@activity
def said(text: str) -> object: ...


def test_a_report_of_a_long_history_and_of_large_values_is_small() -> None:
    def talks(first: str):
        @workflow(name="talks")
        async def talks() -> None:
            for number in range(300):
                await said(first if number == 150 else "x" * 10_000)

        return talks

    before, after = talks("a" * 100_000), talks("b" * 100_000)
    run = Run(before, prefixes=False)
    run.start()
    for number in range(1, 301):
        run.complete(number, "y" * 10_000)
    run.execution.evict()
    evidence = Evidence(present=after.text, recorded=before.source)
    told = explain(run.diverge(after), after, run.history, instance_id="run-1", evidence=evidence)
    assert told.divergence is not None
    assert len(told.divergence.rows) == MOST_ROWS
    assert told.divergence.before == 295
    assert told.divergence.after > 100
    assert len(msgspec.json.encode(told)) < 20_000


def test_code_that_never_ends_beyond_the_mismatch_is_stopped() -> None:
    @workflow(name="endless")
    async def before() -> None:
        await work("reserve")

    @workflow(name="endless")
    async def after() -> None:
        while True:
            work("again")

    run = Run(before, prefixes=False)
    run.start()
    told = explain(run.diverge(after), after, run.history, instance_id="run-1")
    run.execution.evict()
    assert told.divergence is not None
    assert told.divergence.actual == 'call of activity work("again")'
    assert told.divergence.after > 0


@pytest.mark.semantics(76)
def test_looking_beyond_the_mismatch_runs_no_activity_and_leaves_nothing_behind() -> None:
    unwound: list[str] = []

    @workflow(name="order")
    async def before() -> None:
        await work("reserve")
        await work("charge")

    @workflow(name="order")
    async def after() -> None:
        try:
            await work("reserve")
            await said("charge")
        finally:
            unwound.append("ended")

    run = Run(before, prefixes=False)
    run.start()
    run.complete(1)
    run.execution.evict()
    stall = run.diverge(after)
    explain(stall, after, run.history, instance_id="run-1")
    assert unwound == ["ended", "ended"]


def test_what_is_no_mismatch_is_left_as_it_is() -> None:
    stall = Stall(reason=StallReason.STUCK, message="it never comes to rest")
    assert explain(stall, reserve_only, [], instance_id="run-1") is stall


@workflow
async def reserve_only() -> None:
    await work("reserve")


@pytest.mark.semantics(81)
def test_a_report_of_an_earlier_release_is_still_read() -> None:
    stored = (
        b'{"reason":"DIVERGED","message":"no","expected":"a","actual":"b","seq":3,"file":null,"line":null}'
    )
    assert msgspec.json.decode(stored, type=Stall).divergence is None
