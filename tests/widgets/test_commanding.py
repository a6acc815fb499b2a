"""From the card's menu to the run, and back."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from nbflow.errors import InstanceStateError, RuntimeClosedError
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


@pytest.mark.parametrize(("do", "ack_id"), [(None, "c"), ("suspend", None), (1, 2)])
def test_what_is_no_command_is_dropped(do: Any, ack_id: Any) -> None:
    desk = Desk()
    desk.give(do, ack_id)
    assert desk.sent == []
    assert desk.source.commanded == []
