"""Two runs held against each other: what is told apart, and what is not."""

from datetime import UTC, datetime, timedelta

from nbflow.core import history as h
from nbflow.core.state import RuntimeStatus
from nbflow.testing.torturing.comparing import difference
from nbflow.testing.torturing.orders import Histories, Recorded

T0 = datetime(2030, 1, 1, tzinfo=UTC)


def run(*events: h.HistoryEvent, later: float = 0) -> Histories:
    numbered = [_at(event, number, T0 + timedelta(seconds=later)) for number, event in enumerate(events, 1)]
    recorded = Recorded(instance_id="r", execution_id="e", name="order", events=numbered)
    return Histories(status=RuntimeStatus.COMPLETED, executions=[recorded], answers=[])


def _at(event: h.HistoryEvent, seq: int, at: datetime) -> h.HistoryEvent:
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    return type(event)(**{**fields, "seq": seq, "at": at})


def call(number: int, data: str = "1") -> h.TaskScheduled:
    return h.TaskScheduled(at=T0, id=number, task_id=number, name="charge", input=data)


def answer(number: int) -> h.TaskCompleted:
    return h.TaskCompleted(at=T0, scheduled_id=number, result=f"{number}")


def end(output: str) -> h.ExecutionCompleted:
    return h.ExecutionCompleted(at=T0, status="COMPLETED", output=output)


TURN = h.WorkflowStarted(at=T0)


def test_turns_and_times_make_no_difference() -> None:
    one = run(TURN, call(1), TURN, answer(1), end("1"))
    assert difference(one, run(TURN, call(1), answer(1), end("1"), later=5)) is None


def test_another_action_is_a_difference_with_both_sides() -> None:
    found = difference(run(TURN, call(1), answer(1), end("1")), run(TURN, call(1, "2"), answer(1), end("1")))
    assert found is not None
    assert (found.instance_id, found.divergence.seq) == ("r", 2)
    assert found.divergence.expected == "call of activity charge(1)"
    assert found.divergence.actual == "call of activity charge(2)"
    assert "isn't deterministic" in found.sentence


def test_an_action_less_is_a_difference() -> None:
    found = difference(run(TURN, call(1), call(2)), run(TURN, call(1)))
    assert found is not None
    assert (found.divergence.seq, found.divergence.actual) == (3, "nothing more")


def test_an_action_more_is_a_difference() -> None:
    found = difference(run(TURN, call(1)), run(TURN, call(1), call(2)))
    assert found is not None
    assert (found.divergence.seq, found.divergence.expected) == (3, "nothing more")


def test_a_run_that_is_not_there_is_a_difference() -> None:
    nothing = Histories(status=RuntimeStatus.COMPLETED, executions=[], answers=[])
    assert difference(run(TURN, call(1)), nothing) is not None


def test_inputs_in_another_order_make_none_if_it_comes_to_the_same() -> None:
    one = run(TURN, call(1), call(2), answer(1), answer(2), end('{"a":1,"b":2}'))
    assert difference(one, run(TURN, call(1), call(2), answer(2), answer(1), end('{"b":2,"a":1}'))) is None
    found = difference(one, run(TURN, call(1), call(2), answer(2), answer(1), end('{"b":1,"a":2}')))
    assert found is not None
    assert (
        found.sentence
        == "an input was another, or came in another order: result of 2: 2 instead of result of 1: 1"
    )
