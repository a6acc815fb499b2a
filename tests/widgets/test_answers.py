"""From a click to a recorded event: acknowledgements, refusals, and the same click twice."""

from __future__ import annotations

from threading import Barrier, Thread
from typing import Any

import pytest

from nbflow.errors import EventRejectedError, InstanceStateError
from nbflow.widgets.answers import Answers
from tests.views.stories import waiting
from tests.widgets.sources import FakeSource


class Desk:
    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.source = FakeSource(waiting())
        self.answers = Answers(self.source, send=self.sent.append)

    def give(self, ack_id: str = "a", name: Any = "approval", payload: Any = "true") -> None:
        self.answers.give({"type": "answer", "id": ack_id, "name": name, "payload": payload})

    def states(self) -> list[str]:
        return [ack["state"] for ack in self.sent]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_an_answer_is_delivered_and_then_recorded(desk: Desk) -> None:
    desk.give()
    assert [(name, text) for name, text, _ in desk.source.raised] == [("approval", "true")]
    assert desk.states() == ["delivered"]
    desk.source.raised[0][2].set_result(None)
    assert desk.states() == ["delivered", "recorded"]
    assert desk.sent[-1] == {"type": "ack", "id": "a", "state": "recorded", "reason": None}


def test_an_event_that_nobody_waits_for_is_raised_all_the_same(desk: Desk) -> None:
    desk.give(name="somebody else's")
    assert desk.source.raised[0][0] == "somebody else's"


def test_the_same_click_raises_one_event_and_is_told_how_it_stands(desk: Desk) -> None:
    desk.give()
    desk.give()
    desk.source.raised[0][2].set_result(None)
    desk.give()
    assert len(desk.source.raised) == 1
    assert desk.states() == ["delivered", "delivered", "recorded", "recorded"]


def test_the_same_click_on_two_threads_at_once_raises_one_event() -> None:
    for _ in range(200):
        desk, barrier = Desk(), Barrier(2)

        def click(desk: Desk = desk, barrier: Barrier = barrier) -> None:
            barrier.wait()
            desk.give()

        threads = [Thread(target=click) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(desk.source.raised) == 1


@pytest.mark.parametrize(
    ("reason", "path", "brief"),
    [
        (
            "the payload of 'approval' doesn't fit Order: Expected `str`, got `int` - at `$.address.street`",
            "$.address.street",
            "Expected `str`, got `int`",
        ),
        ("the payload of 'a' doesn't fit int: Expected `int`, got `str`", "$", "Expected `int`, got `str`"),
        (
            "the payload of 'a' doesn't fit Order: Object missing required field `zip` - at `$.address`",
            "$.address.zip",
            "a value is needed",
        ),
    ],
)
def test_a_refusal_says_where(desk: Desk, reason: str, path: str, brief: str) -> None:
    desk.give()
    desk.source.raised[0][2].set_exception(EventRejectedError(reason))
    ack = desk.sent[-1]
    assert (ack["state"], ack["reason"], ack["path"], ack["brief"]) == ("rejected", reason, path, brief)


def test_what_else_goes_wrong_is_said(desk: Desk) -> None:
    desk.give()
    desk.source.raised[0][2].set_exception(InstanceStateError("order-42 has ended"))
    assert (desk.sent[-1]["state"], desk.sent[-1]["reason"]) == ("failed", "order-42 has ended")
    desk.give("b")
    desk.source.raised[1][2].cancel()
    assert (desk.sent[-1]["state"], "closed" in desk.sent[-1]["reason"]) == ("failed", True)


@pytest.mark.parametrize("payload", ["{", "", "[" * 100_000, "NaN"])
def test_what_is_no_json_is_rejected_and_not_raised(desk: Desk, payload: str) -> None:
    desk.give(payload=payload)
    assert desk.states() == ["delivered", "rejected"]
    assert desk.source.raised == []


def test_an_event_without_a_name_fails(desk: Desk) -> None:
    desk.give(name="")
    assert desk.sent[-1]["reason"] == "an event needs a name"


@pytest.mark.parametrize("content", [{}, {"id": 1, "name": "a", "payload": "1"}, {"id": "a", "name": "b"}])
def test_what_is_no_answer_is_dropped(desk: Desk, content: dict[str, Any]) -> None:
    desk.answers.give(content)
    assert desk.sent == []
