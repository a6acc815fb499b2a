"""What a run waits for, and for whom."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbflow.core.state import RuntimeStatus, Stall, StallReason
from nbflow.views.instances import Want, WantFold, WantKind
from nbflow.views.instances.wants import wants
from tests.views.stories import STORIES, Story, at, completed, failing, waiting
from tests.views.stories_instances import (
    Run,
    asking,
    fanned_out,
    parent,
    put_off,
    retrying,
    row_of,
    run,
    sleeping,
)


def waited(run: Run, missing_code: tuple[str, ...] = (), *, is_held: bool = False) -> list[str]:
    return [str(want) for want in row_of(run, missing_code, is_held=is_held).waits or ()]


@pytest.mark.parametrize(
    ("story", "words"),
    [
        (asking(), ["event 'approval'"]),
        (waiting(), ["event 'approval' until 2026-11-23 13:04:08 UTC"]),
        (sleeping(), ["timer until 2026-11-25 13:04:05 UTC"]),
        (fanned_out(), ["activity measure_island (5)", "activity fetch_map"]),
        (retrying(), ["retry of upload at 2026-11-22 13:05:06 UTC"]),
        (parent(), ["child workflow survey", "child workflow publish"]),
        (completed(), []),
        (failing(), []),
    ],
)
def test_what_is_open_is_told_in_words(story: Story, words: list[str]) -> None:
    assert waited(run(story, "order-1", 0)) == words


def test_a_run_that_was_put_off_waits_for_its_start() -> None:
    assert waited(run(put_off(), "remind-1", 0, start_at=at(60))) == ["its start at 2026-11-22 13:05:05 UTC"]


def test_missing_code_comes_first_and_takes_the_place_of_its_stall() -> None:
    stall = Stall(reason=StallReason.CODE_MISSING, message="order-1 waits for code: run the cell")
    stalled = run(asking(), "order-1", 0, status=RuntimeStatus.STALLED, stall=stall)
    assert waited(stalled, ("fulfil",)) == ["code of fulfil", "event 'approval'"]
    assert waited(stalled) == ["code: run the cell"]


def test_what_only_its_owner_can_do_is_told_as_a_command() -> None:
    assert waited(run(asking(), "order-1", 0), is_held=True) == [
        "its owner: `%wf resume order-1`",
        "event 'approval'",
    ]
    suspended = run(asking(), "order-1", 0, status=RuntimeStatus.SUSPENDED)
    assert waited(suspended)[0] == "its owner: `%wf resume order-1`"


def test_only_people_are_waited_for_in_person() -> None:
    personal = {kind for kind in WantKind if Want(kind=kind).is_personal}
    assert personal == {WantKind.EVENT, WantKind.CODE, WantKind.OWNER}


def test_of_many_children_the_first_are_told() -> None:
    story = Story().start()
    for _ in range(100):
        story.child(0.0, "survey")
    assert row_of(run(story, "season-1", 0)).waits_text.endswith("child workflow survey, 80 more")


@given(story=st.sampled_from(sorted(STORIES)), cut=st.integers(0, 40))
def test_a_fold_that_is_fed_in_pieces_tells_the_same(story: str, cut: int) -> None:
    record, history = run(STORIES[story](), "order-1", 0)
    fold = WantFold.of(history[:cut])
    for event in history[cut:]:
        fold.apply(event)
    assert fold.length == len(history)
    assert wants(record, fold) == wants(record, WantFold.of(history))


@given(cut=st.integers(0, 60), story=st.sampled_from(sorted(STORIES)))
def test_nothing_waits_for_itself_twice(cut: int, story: str) -> None:
    """A name stands in the list once, however many of it there are, at every moment of a run."""
    record, history = run(STORIES[story](), "order-1", 0)
    alive = msgspec.structs.replace(record, status=RuntimeStatus.RUNNING, stall=None)
    found = wants(alive, WantFold.of(history[:cut]))
    names = [(want.kind, want.name, want.instance_id) for want in found if want.kind is not WantKind.TIMER]
    assert len(names) == len(set(names))
    assert all(want.due is None or want.due > at(0) - timedelta(1) for want in found)
