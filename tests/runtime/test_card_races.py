"""Clicks that meet: with each other, with a reload, with the end of the run or of the runtime."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from nbflow import WorkflowContext, workflow
from nbflow.core.history import EventRaised
from nbflow.runtime import RunSource, WorkflowHandle
from nbflow.widgets.conversation import Conversation
from tests.engine.worlds import PATIENCE, World, of_kind

ANSWER = {"type": "answer", "name": "approval", "payload": "true"}


@workflow
async def asks(ctx: WorkflowContext) -> bool:
    return await ctx.wait_for_external_event("approval", data_type=bool)


class Talk:
    """A card's conversation, and the acknowledgements that it got."""

    def __init__(self, world: World) -> None:
        self.acks: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self.conversation = Conversation(
            RunSource(world.runtime, "order-42"), send=self._take, keep=lambda _message: None
        )
        self.conversation.open()

    def _take(self, message: dict[str, Any]) -> None:
        with self._changed:
            if message["type"] == "ack":
                self.acks.append(message)
            self._changed.notify_all()

    def ended(self, *ack_ids: str) -> list[str]:
        """How these clicks ended."""

        def ends() -> dict[str, str]:
            return {ack["id"]: ack["state"] for ack in self.acks if ack["state"] != "delivered"}

        with self._changed:
            assert self._changed.wait_for(lambda: ends().keys() >= set(ack_ids), PATIENCE), self.acks
            return [ends()[ack_id] for ack_id in ack_ids]


@pytest.fixture
def run(quick_world: World) -> WorkflowHandle:
    quick_world.open(asks)
    run = quick_world.start(asks, id="order-42")
    quick_world.until_waiting(run, "approval")
    return run


def came(run: WorkflowHandle) -> int:
    return len(of_kind(run.history(), EventRaised))


def test_a_click_that_is_sent_again_after_a_reload_answers_once(
    quick_world: World, run: WorkflowHandle
) -> None:
    talk = Talk(quick_world)
    for _ in range(3):
        talk.conversation.receive({**ANSWER, "id": "one"})
    assert talk.ended("one") == ["recorded"]
    assert run.result(PATIENCE) is True
    talk.conversation.receive({**ANSWER, "id": "one"})
    assert [ack["state"] for ack in talk.acks][-1] == "recorded"
    assert came(run) == 1


def test_two_views_that_answer_at_once_are_both_told_how_it_went(
    quick_world: World, run: WorkflowHandle
) -> None:
    talks = [Talk(quick_world), Talk(quick_world)]
    gate = threading.Barrier(2)

    def answer(talk: Talk) -> None:
        gate.wait(PATIENCE)
        talk.conversation.receive({**ANSWER, "id": "one"})

    threads = [threading.Thread(target=answer, args=(talk,)) for talk in talks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert all(talk.ended("one")[0] in ("recorded", "failed") for talk in talks)
    assert run.result(PATIENCE) is True


def test_each_command_that_is_too_late_says_so(quick_world: World, run: WorkflowHandle) -> None:
    talk = Talk(quick_world)
    run.terminate()
    quick_world.until_status(run, "TERMINATED")
    for do in ("suspend", "resume", "terminate", "nonsense"):
        talk.conversation.receive({"type": "command", "id": do, "do": do})
    assert talk.ended("suspend", "resume", "nonsense") == ["failed", "failed", "failed"]
    assert all(ack["reason"] for ack in talk.acks if ack["state"] == "failed")


def test_clicks_that_meet_the_end_of_the_runtime_are_told(quick_world: World, run: WorkflowHandle) -> None:
    talk = Talk(quick_world)
    closing = threading.Thread(target=quick_world.close)
    closing.start()
    sent = [f"{number}" for number in range(40)]
    for number in sent:
        kind = ANSWER if int(number) % 2 else {"type": "command", "do": "suspend"}
        talk.conversation.receive({**kind, "id": number})
    closing.join(PATIENCE)
    assert set(talk.ended(*sent)) <= {"recorded", "failed", "rejected"}
    talk.conversation.receive({"type": "ask", "id": "a", "what": "moment", "seq": 1})
    talk.conversation.close()
