"""External events: durable before the acknowledgement, in order, each handled once."""

import logging
import threading

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.core.history import EventRaised, EventRejected
from nbflow.core.operations import AppendHistory, PutInbox
from nbflow.errors import EventRejectedError, InstanceNotFoundError, PayloadError, StoreError
from tests.engine.worlds import World, fails_for, never_fails, of_kind, wait_for


@workflow
async def collects(ctx: WorkflowContext, count: int) -> list:
    await ctx.wait_for_external_event("begin")
    return [await ctx.wait_for_external_event("item") for _ in range(count)]


def is_stored(operations: tuple, name: str) -> bool:
    """Whether a commit made an event of that name durable: in the history or in the inbox."""
    for operation in operations:
        match operation:
            case PutInbox(row=row) if isinstance(row.event, EventRaised) and row.event.name == name:
                return True
            case AppendHistory(events=events) if any(
                event.name == name for event in of_kind(events, EventRaised)
            ):
                return True
            case _:
                pass
    return False


def test_s62_an_event_is_durable_before_it_is_acknowledged(world: World) -> None:
    world.open(collects)
    run = world.start(collects, 1)
    run.raise_event("begin")
    assert any(is_stored(operations, "begin") for operations in world.store.log)
    run.raise_event("item", 7)
    assert any(is_stored(operations, "item") for operations in world.store.log)
    assert run.result(10) == [7]


def test_s62_an_acknowledged_event_survives_a_crash(world: World) -> None:
    world.open(collects)
    run = world.start(collects, 2, "order-42")
    run.raise_event("begin")
    run.raise_event("item", 1)
    world.reopen(collects, crash=True)
    run = world.handle("order-42")
    run.raise_event("item", 2)
    assert run.result(10) == [1, 2]
    assert len(of_kind(run.history(), EventRaised)) == 3
    assert world.inbox() == []


def test_s62_while_a_turn_is_under_way_an_event_is_durable_all_the_same(world: World) -> None:
    may_go_on, is_busy = threading.Event(), threading.Event()

    @workflow
    async def busy(ctx: WorkflowContext) -> list:
        got = [await ctx.wait_for_external_event("item")]
        if not ctx.is_replaying:
            is_busy.set()
            may_go_on.wait(20)
        return [*got, await ctx.wait_for_external_event("item")]

    world.open(busy)
    run = world.start(busy, None, "order-42")
    world.until_waiting(run, "item")
    run.raise_event("item", 1)
    wait_for(is_busy)
    run.raise_event("item", 2)  # acknowledged while the turn blocks the dispatch thread
    rows = [o.row.event for commit in world.store.log for o in commit if isinstance(o, PutInbox)]
    assert [event.payload for event in of_kind(rows, EventRaised)] == ["1", "2"]
    may_go_on.set()
    assert run.result(10) == [1, 2]
    assert world.inbox() == []


def test_s62_an_event_for_an_unknown_run_is_an_error(world: World) -> None:
    world.open(collects)
    with pytest.raises(InstanceNotFoundError, match="there is no run 'order-7'"):
        world.client.raise_workflow_event("order-7", "go")
    assert world.inbox() == []


def test_s62_an_event_for_a_finished_run_is_dropped_and_logged(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.open(collects)
    run = world.start(collects, 0, "order-42")
    run.raise_event("begin")
    assert run.result(10) == []
    before = run.history()
    with caplog.at_level(logging.WARNING, "nbflow"):
        run.raise_event("item", 1)
    assert "event 'item' for order-42 was dropped" in caplog.text
    assert run.history() == before
    assert world.inbox() == []


def test_s62_an_event_that_cannot_be_written_is_reported_and_not_handled(world: World) -> None:
    world.open(collects)
    run = world.start(collects, 2, "order-42")
    run.raise_event("begin")
    world.until_waiting(run, "item")
    world.store.fault = fails_for("order-42")
    with pytest.raises(StoreError, match="no room for order-42"):
        run.raise_event("item", "lost")
    world.store.fault = never_fails
    run.raise_event("item", 1)
    run.raise_event("item", 2)
    assert run.result(10) == [1, 2]


def test_s40_events_that_come_early_are_kept(world: World) -> None:
    world.open(collects)
    run = world.start(collects, 3)
    for n in range(3):
        run.raise_event("item", n)
    run.raise_event("begin")
    assert run.result(10) == [0, 1, 2]


def test_s39_first_in_first_out(world: World) -> None:
    world.open(collects)
    run = world.start(collects, 50)
    run.raise_event("begin")
    for n in range(50):
        run.raise_event("item", n)
    assert run.result(10) == list(range(50))


@pytest.mark.semantics(39)
def test_events_raised_without_waiting_arrive_in_the_order_in_which_they_were_raised(world: World) -> None:
    world.open(collects)
    run = world.start(collects, 100, "order-42")
    run.raise_event("begin")
    world.until_waiting(run, "item")
    world.reopen(collects)  # the run is not in memory: the first events find it unloaded
    acks = [world.client.raise_encoded_event("order-42", "item", str(n)) for n in range(100)]
    assert world.handle("order-42").result(20) == list(range(100))
    for ack in acks:
        ack.result(10)


def test_s41_names_are_case_insensitive(world: World) -> None:
    world.open(collects)
    run = world.start(collects, 1)
    run.raise_event("BEGIN")
    run.raise_event("Item", "x")
    assert run.result(10) == ["x"]


@pytest.mark.semantics(36)
def test_falsy_payloads_arrive_as_they_are(world: World) -> None:
    payloads = [False, 0, "", None, [], {}, 0.0]
    world.open(collects)
    run = world.start(collects, len(payloads))
    run.raise_event("begin")
    for payload in payloads:
        run.raise_event("item", payload)
    got = run.result(10)
    assert got == payloads
    assert [type(value) for value in got] == [type(value) for value in payloads]


def test_s36_a_payload_that_does_not_fit_is_reported_to_the_raiser(world: World) -> None:
    @workflow
    async def asks(ctx: WorkflowContext) -> bool:
        return await ctx.wait_for_external_event("approval", data_type=bool)

    world.open(asks)
    run = world.start(asks)
    world.until_waiting(run, "approval")
    with pytest.raises(EventRejectedError, match="approval"):
        run.raise_event("approval", "perhaps")
    assert len(of_kind(run.history(), EventRejected)) == 1
    assert world.until_waiting(run, "approval").status == "RUNNING"
    run.raise_event("approval", True)
    assert run.result(10) is True


def test_s36_only_the_event_that_did_not_fit_is_reported(world: World) -> None:
    @workflow
    async def asks(ctx: WorkflowContext) -> list:
        return [await ctx.wait_for_external_event("n", data_type=int) for _ in range(3)]

    world.open(asks)
    run = world.start(asks, None, "order-42")
    world.until_waiting(run, "n")
    acks = [
        world.client.raise_encoded_event("order-42", "n", text) for text in ("1", '"x"', "2", "null", "3")
    ]
    assert run.result(10) == [1, 2, 3]
    outcomes = [type(ack.exception(10)) for ack in acks]
    assert outcomes == [type(None), EventRejectedError, type(None), EventRejectedError, type(None)]


@pytest.mark.semantics(68)
def test_a_payload_that_json_cannot_carry_is_an_error_of_the_raiser(quick_world: World) -> None:
    quick_world.open(collects)
    run = quick_world.start(collects, 1)
    with pytest.raises(PayloadError, match="item"):
        run.raise_event("item", {1, 2})
    with pytest.raises(PayloadError):
        quick_world.client.raise_encoded_event(run.instance_id, "item", "{")
    run.terminate()


@pytest.mark.semantics(39)
def test_events_from_eight_threads_are_each_handled_once_and_in_order_per_sender(world: World) -> None:
    senders, each = 8, 63
    handled: list[object] = []

    @activity
    def note(n: int) -> None:
        handled.append(n)

    @workflow
    async def collects_all(ctx: WorkflowContext) -> list:
        items = [await ctx.wait_for_external_event("item") for _ in range(senders * each)]
        await note(len(items))
        return items

    world.open(collects_all)
    run = world.start(collects_all)

    def send(sender: int) -> None:
        for n in range(each):
            run.raise_event("item", [sender, n])

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    items = run.result(60)
    assert len(items) == senders * each
    for sender in range(senders):
        assert [n for who, n in items if who == sender] == list(range(each))
    assert handled == [senders * each]
    assert world.inbox() == []
