"""What each event did, and why each turn was taken."""

from __future__ import annotations

from time import perf_counter

import pytest

from nbflow.core import history as h
from nbflow.views.replay.narrative import Narrator, narrate, turns, why
from tests.core.shapes import SHAPES
from tests.core.world import World
from tests.views.stories import STORIES, Story, at, completed, failing
from tests.views.stories_replay import counting, lived_long

GOLDEN = """\
1 turn | turn 1 | turn 1 begins: the workflow's clock shows 13:04:05 UTC
2 run starts | fulfil | the start of fulfil: the workflow's code runs for the first time
3 turn | turn 2 | turn 2 begins: the workflow's clock shows 13:04:05 UTC
4 event | hint | event 'hint' arrives: nobody waits for it yet, and it is kept
5 activity scheduled | check_stock #1 | schedules check_stock #1
6 activity scheduled | check_price #2 | schedules check_price #2
7 turn | turn 3 | turn 3 begins: the workflow's clock shows 13:04:07 UTC
8 activity result | check_stock #1 | the result of check_stock #1 after 2.1 s arrives: wakes the workflow
9 turn | turn 4 | turn 4 begins: the workflow's clock shows 13:04:08 UTC
10 activity result | check_price #2 | the result of check_price #2 after 2.9 s arrives: wakes the workflow
11 wait | event 'approval' #3 | waits for event 'approval' #3
12 timeout set | event 'approval' #3 | gives event 'approval' #3 at most 1 d
13 turn | turn 5 | turn 5 begins: the workflow's clock shows 13:04:12 UTC
14 event | approval | event 'approval' arrives for wait #3: the code hears nothing of it
15 rejected | approval | refuses event 'approval'
16 turn | turn 6 | turn 6 begins: the workflow's clock shows 13:04:16 UTC
17 event | approval | event 'approval' arrives for wait #3: wakes the workflow
18 timer cancelled | event 'approval' #3 | stops the clock of event 'approval' #3
19 wait | event 'hint' #5 | waits for event 'hint' #5, and takes the one that was kept
20 activity scheduled | print_label #6 | schedules print_label #6
21 activity scheduled | charge #7 | schedules charge #7
22 turn | turn 7 | turn 7 begins: the workflow's clock shows 13:04:17 UTC
23 activity failure | print_label #6 | the failure of print_label #6 after 1.5 s arrives: the code hears nothing of it
24 retry set | print_label #6 | waits 1.0 s before it tries print_label #6 again
25 turn | turn 8 | turn 8 begins: the workflow's clock shows 13:04:18 UTC
26 activity result | charge #7 | the result of charge #7 after 2.2 s arrives: wakes the workflow
27 turn | turn 9 | turn 9 begins: the workflow's clock shows 13:04:18 UTC
28 retry due | print_label #6 | the next attempt of print_label #6, due after 1.0 s: the code hears nothing of it
29 activity scheduled | print_label #6 | schedules attempt 2 of print_label #6"""


def test_a_story_event_by_event():
    told = "\n".join(f"{n.seq} {n.kind} | {n.about} | {n.did}" for n in narrate(completed().events)[:29])
    assert told == GOLDEN


def test_a_story_turn_by_turn():
    sentences = [turn.sentence for turn in turns(completed().events)]
    assert sentences[0] == "Turn 1: begins with the start of fulfil; nothing new"
    assert sentences[5] == (
        "Turn 6: woken by event 'approval'; 15 events before it come from history; 4 new things: stops the clock "
        "of event 'approval' #3, waits for event 'hint' #5, schedules print_label #6, schedules charge #7"
    )
    assert sentences[11] == (
        "Turn 12: woken by the result of print_label #6 (attempt 3) after 1.2 s; 35 events before it come from "
        "history; 1 new thing: sets timer #12 for 3.0 s"
    )
    assert sentences[-1].endswith('; 1 new thing: returns "sent"')
    assert turns(failing().events)[-1].sentence.endswith(
        "1 new thing: fails with TaskFailedError: print_label failed: TimeoutError: the printer does not answer"
    )


def test_why_it_woke():
    events = completed().events
    assert why(events, 0) == "It has not begun yet."
    assert why(events, 1) == "Turn 1 was taken for the start of fulfil."
    assert why(events, 8) == "It woke for the result of check_stock #1 after 2.1 s, at 13:04:07 UTC."
    assert why(events, 12) == "It woke for the result of check_price #2 after 2.9 s, at 13:04:08 UTC."
    assert why(events, 45) == why(events, 44)
    assert why(events, 99) == why(events, 45)
    story = Story().start()
    story.add(h.ExecutionSuspended(at=at(1), reason="lunch"), 1)
    assert why(story.events, 3) == "It did not wake: a pause runs no code."


def one_of_each() -> Story:
    """Every kind of event, however likely."""
    story = Story().start()
    late = story.task(0, "late")
    gone = story.child(0, "part")
    story.cancelled(0, late)
    story.done(1, late, "too late")
    story.child_done(1, gone, 1)
    story.child_failed(2, story.child(1, "part"))
    timer = story.timer(2, 5)
    story.timer_cancelled(3, timer)
    story.fired(5, timer)
    task = story.task(5, "slow", timeout=2.0)
    limit = story.timer(5, 7, "timeout", task)
    story.fired(7, limit)
    story.failed(7, task)
    retry = story.timer(7, 9, "retry", task)
    story.timer_cancelled(8, retry)
    wait = story.wait(8, "go")
    story.wait_cancelled(9, wait)
    story.sent(9, "other", "hello", 1)
    for event in (
        h.CustomStatusSet(at=at(9), value='"x"'),
        h.Marker(at=at(9), name="not_started", value='["a"]'),
        h.ExecutionSuspended(at=at(10), reason="lunch"),
        h.ExecutionResumed(at=at(11), lifts_limit=True),
        h.ExecutionForked(
            at=at(11),
            origin=h.Origin(reason="fork", instance_id="order-41", execution_id="x", seq=9),
            instance_id="order-42",
            execution_id="y",
            changed=10,
        ),
        h.ContinuedAsNew(at=at(11), new_input="7"),
        h.ExecutionTerminated(at=at(12), by="parent-1"),
        h.ExecutionCompleted(at=at(13), status="FAILED"),
    ):
        story.add(event, 13)
    story.done(14, 999, "of nothing")
    story.raised(14, "Go", 1)
    story.rejected(14, 999, "go", "no")
    return story


def test_every_kind_of_event_has_words_of_its_own():
    story = one_of_each()
    kinds = {type(event) for event in story.events}
    assert kinds == {h.WorkflowStarted, h.ExecutionForked, *h.INPUT_KINDS, *h.ACTION_KINDS}
    notes = narrate(story.events)
    did = {type(event): note.did for event, note in zip(story.events, notes, strict=True)}
    assert len(set(did.values())) == len(kinds)
    assert did[h.ExecutionForked] == (
        "being forked from order-41 at event 9; event 10 comes with another value: from here on its history is its own"
    )
    assert did[h.TaskCancelled] == "gives up late #1: what it still brings is ignored"
    assert did[h.ChildWorkflowCreated] == "starts child part #3 as order-42:9f3c2a7b:0003"
    assert (
        did[h.ExecutionResumed] == "its owner's word to go on, with its limits counted anew: the run goes on"
    )
    assert did[h.ExecutionTerminated] == "its termination, as part of parent-1's: its code is not asked"
    assert did[h.ContinuedAsNew] == "begins anew, with an empty history"
    assert notes[6].did == "the result of late #1 after 1.0 s arrives late: nobody waits for it any more"


@pytest.mark.parametrize("name", STORIES)
def test_each_event_has_a_note_and_notes_know_their_place(name):
    events = STORIES[name]().events
    notes = narrate(events)
    assert [note.seq for note in notes] == list(range(1, len(events) + 1))
    for note in notes:
        assert note.cause is None or note.cause < note.seq
        assert note.step <= note.seq
        assert not any(ord(character) < 32 for character in note.did + note.value + note.about)
        assert max(len(note.did), len(note.value)) < 400
    told = turns(events)
    assert [seq for turn in told for seq in range(turn.first, turn.last + 1)] == list(
        range(1, len(events) + 1)
    )


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_history_that_grows_is_told_as_one_that_is_there(shape):
    history = World(shape, 7).play()
    narrator = Narrator()
    for event in history:
        narrator.apply(event)
        narrator.why(len(narrator.notes))
    assert tuple(narrator.notes) == narrate(history)
    assert narrator.turns() == turns(history)


def test_ten_thousand_events(capsys):
    run = lived_long(counting, 3333)
    begun = perf_counter()
    notes = narrate(run.history)
    took = perf_counter() - begun
    with capsys.disabled():
        print(f"\nnarrated {len(notes):,} events in {1000 * took:.0f} ms")
    assert len(notes) == len(run.history) > 10_000
