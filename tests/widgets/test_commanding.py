"""From the card's menu to the run, and back."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from nbflow.errors import (
    GoingBackError,
    InstanceExistsError,
    InstanceStateError,
    PayloadError,
    RuntimeClosedError,
)
from nbflow.widgets.commanding import Commands
from tests.views.stories import running
from tests.widgets.sources import FakeSource


class Desk:
    def __init__(self, source: FakeSource | None = None) -> None:
        self.sent: list[dict[str, Any]] = []
        self.source = source or FakeSource(running())
        self.commands = Commands(self.source, send=self.sent.append)

    def give(self, do: Any, ack_id: Any = "c") -> None:
        self.commands.give({"type": "command", "id": ack_id, "do": do})


class Closed(FakeSource):
    def command(self, name: str) -> Future[str]:
        raise RuntimeClosedError("its history is closed: open the runtime again")


@pytest.mark.parametrize("do", ["suspend", "resume", "terminate", "purge", "restart"])
def test_a_command_is_delivered_and_then_done(do: str) -> None:
    desk = Desk()
    desk.give(do)
    assert [name for name, _ in desk.source.commanded] == [do]
    desk.source.commanded[0][1].set_result(f"order-42: {do}")
    assert [ack["state"] for ack in desk.sent] == ["delivered", "recorded"]
    assert (desk.sent[-1]["do"], desk.sent[-1]["reason"]) == (do, f"order-42: {do}")


def test_the_same_click_is_one_command() -> None:
    desk = Desk()
    desk.give("terminate")
    desk.give("terminate")
    assert len(desk.source.commanded) == 1
    assert [ack["state"] for ack in desk.sent] == ["delivered", "delivered"]


def test_what_goes_wrong_is_said() -> None:
    desk = Desk()
    desk.give("purge")
    desk.source.commanded[0][1].set_exception(InstanceStateError("order-42 has not ended"))
    assert (desk.sent[-1]["state"], desk.sent[-1]["reason"]) == ("failed", "order-42 has not ended")
    closed = Desk(Closed(running()))
    closed.give("suspend")
    assert closed.sent[-1]["reason"] == "its history is closed: open the runtime again"


def test_what_can_not_be_done_here_is_not_tried() -> None:
    desk = Desk()
    desk.source.capabilities = frozenset({"raise", "replay"})
    for number, do in enumerate(("terminate", "raise", "rm -rf")):
        desk.give(do, f"c{number}")
        assert desk.sent[-1]["reason"] == f"{do!r} can't be done here"
    assert desk.source.commanded == []


def fork(desk: Desk, filled: Any, seq: Any = 7) -> dict[str, Any]:
    desk.commands.give({"type": "command", "id": "f", "do": "fork", "seq": seq, "with": filled})
    return desk.sent[-1]


def test_a_fork_carries_its_value_as_it_was_typed() -> None:
    desk = Desk()
    fork(desk, '{"id":"order-43","value":12345678901234567890123}')
    seq, value, name, future = desk.source.forked[0]
    assert (seq, value, name) == (7, "12345678901234567890123", "order-43")
    future.set_result("order-43 has begun")
    assert (desk.sent[-1]["state"], desk.sent[-1]["do"], desk.sent[-1]["run"]) == (
        "recorded",
        "fork",
        "order-43",
    )


@pytest.mark.parametrize(
    ("error", "place"),
    [
        (InstanceExistsError("order-43 exists"), "$.id"),
        (
            PayloadError("the result of look doesn't fit Box: Expected `int`, got `str` - at `$.size`"),
            "$.value.size",
        ),
        (GoingBackError("event 7 can't have that value"), "$.value"),
    ],
)
def test_what_is_wrong_with_a_fork_names_its_field(error: Exception, place: str) -> None:
    desk = Desk()
    fork(desk, '{"id":"order-43","value":{"size":"x"}}')
    desk.source.forked[0][3].set_exception(error)
    assert (desk.sent[-1]["state"], desk.sent[-1]["path"]) == ("rejected", place)


@pytest.mark.parametrize("filled", [None, 3, "", "{", '{"id": 3}', "[" * 100_000])
def test_a_form_that_is_none_forks_nothing(filled: Any) -> None:
    desk = Desk()
    assert fork(desk, filled)["state"] == "rejected"
    assert desk.source.forked == []


@pytest.mark.parametrize(("do", "ack_id"), [(None, "c"), ("suspend", None), (1, 2)])
def test_what_is_no_command_is_dropped(do: Any, ack_id: Any) -> None:
    desk = Desk()
    desk.give(do, ack_id)
    assert desk.sent == []
    assert desk.source.commanded == []
