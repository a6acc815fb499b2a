"""The simulation finds bugs: each of these is planted in the engine, and found by one of a few seeds."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from nbflow.core import calls, transition
from nbflow.core.operations import DeleteInbox, PutInbox
from nbflow.core.state import RuntimeState
from nbflow.core.tasks import LoopTimer
from nbflow.core.transition import Turn
from nbflow.engine import engine, recovery
from nbflow.engine.commits import CommitItem
from nbflow.engine.effects import Effects
from nbflow.engine.instance import Message
from nbflow.engine.keeping import Keeper
from nbflow.testing.simulator import Invariant
from tests.simulation.workloads import SIMULATIONS

SEEDS = range(60)

Plant = Callable[[pytest.MonkeyPatch], None]


def by_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A retry's delay counts from what the wall clock says, so that a replay makes another timer."""

    class WallClockTimer(LoopTimer):
        def __init__(self, scheduler: Any, fire_at: datetime, *args: Any, **kwargs: Any) -> None:
            wait = fire_at - scheduler.clock
            super().__init__(scheduler, datetime.now(UTC) + wait, *args, **kwargs)

    monkeypatch.setattr(calls, "LoopTimer", WallClockTimer)


def dispatched_before_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    item = Effects.item

    def hasty(self: Effects, instance: Any, outcome: Any) -> CommitItem:
        for task in outcome.transition.tasks:
            self.activities.start(outcome.transition.record, task, None)
        return item(self, instance, outcome)

    monkeypatch.setattr(Effects, "item", hasty)


def dropped_at_continue_as_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last of the events that nobody had asked for yet doesn't go along."""
    successor = Turn._successor

    def forgetful(self: Turn, record: Any) -> Any:
        row = successor(self, record)
        if row is None or not row.event.carried:
            return row
        started = msgspec.structs.replace(row.event, carried=row.event.carried[:-1])
        return msgspec.structs.replace(row, event=started)

    monkeypatch.setattr(Turn, "_successor", forgetful)


def left_behind_at_continue_as_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the history nor its fold shows it: the event counts as consumed."""
    apply = RuntimeState.apply

    def forgetful(self: RuntimeState, event: Any) -> None:
        apply(self, event)
        if isinstance(event, transition.h.ContinuedAsNew):
            self._buffered = None

    monkeypatch.setattr(RuntimeState, "apply", forgetful)


def acknowledged_before_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    posted = Keeper.posted

    def hasty(self: Keeper, message: Message) -> None:
        posted(self, message)
        message.settled()

    monkeypatch.setattr(Keeper, "posted", hasty)


def timers_are_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are only noted in memory, so that a crash loses them."""
    result = Turn._result

    def forgetful(self: Turn) -> Any:
        done = result(self)
        timers = {row.row_id for row in done.timers}
        kept = [o for o in done.operations if not (isinstance(o, PutInbox) and o.row.row_id in timers)]
        return msgspec.structs.replace(done, operations=kept)

    monkeypatch.setattr(Turn, "_result", forgetful)


def nothing_leaves_the_inbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a turn has consumed is delivered again when the store is opened."""
    item = Effects.item

    def untidy(self: Effects, instance: Any, outcome: Any) -> CommitItem:
        made = item(self, instance, outcome)
        made.operations = [o for o in made.operations if not isinstance(o, DeleteInbox)]
        return made

    monkeypatch.setattr(Effects, "item", untidy)


def attempts_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(*_args: Any) -> list[Any]:
        return []

    monkeypatch.setattr(engine, "pending_attempts", none)


def recorded_attempts_begin_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pending = recovery.pending_attempts
    monkeypatch.setattr(engine, "pending_attempts", lambda committer, inbox: pending(committer, []))


def results_count_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    accepts = RuntimeState.accepts

    def gullible(self: RuntimeState, event: Any) -> bool:
        return isinstance(event, transition.h.TaskCompleted) or accepts(self, event)

    monkeypatch.setattr(RuntimeState, "accepts", gullible)


def the_status_is_of_yesterday(monkeypatch: pytest.MonkeyPatch) -> None:
    record = Turn._new_record

    def late(self: Turn) -> Any:
        new = record(self)
        return msgspec.structs.replace(new, custom_status=self._record.custom_status)

    monkeypatch.setattr(Turn, "_new_record", late)


@pytest.mark.parametrize(
    ("plant", "workload", "invariants"),
    [
        (by_the_wall_clock, "orders", {Invariant.REPLAY}),
        (dispatched_before_the_commit, "orders", {Invariant.WRITTEN_FIRST}),
        (dropped_at_continue_as_new, "eternal", {Invariant.HANDLED_ONCE}),
        (left_behind_at_continue_as_new, "eternal", {Invariant.RESULT, Invariant.HANDLED_ONCE}),
        (acknowledged_before_it_is_written, "orders", {Invariant.HANDLED_ONCE, Invariant.WRITTEN_FIRST}),
        (timers_are_not_written, "orders", {Invariant.INBOX}),
        (nothing_leaves_the_inbox, "orders", {Invariant.INBOX, Invariant.HANDLED_ONCE}),
        (attempts_are_forgotten, "orders", {Invariant.RESULT}),
        (recorded_attempts_begin_again, "orders", {Invariant.RUN_ONCE}),
        (results_count_twice, "orders", {Invariant.HANDLED_ONCE}),
        (the_status_is_of_yesterday, "orders", {Invariant.STATUS}),
    ],
)
def test_a_planted_bug_is_found(
    monkeypatch: pytest.MonkeyPatch, plant: Plant, workload: str, invariants: set[Invariant]
) -> None:
    simulator = SIMULATIONS[workload]()
    assert simulator.run(seeds=[]).ok, "the undisturbed run is that of the engine as it is"
    plant(monkeypatch)
    report = simulator.run(SEEDS)
    assert report.invariant in invariants, report
