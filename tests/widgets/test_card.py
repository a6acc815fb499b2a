"""The widget itself: its comm, its messages, its answers, and its static twin."""

from __future__ import annotations

import gc
import json
import re
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import comm
import ipywidgets
import pytest
from comm.base_comm import BaseComm

from nbflow.errors import EventRejectedError, InstanceNotFoundError, RuntimeClosedError
from nbflow.widgets.card import RunCard
from nbflow.widgets.page import module, packed
from tests.views.stories import Story, completed, hostile, waiting
from tests.widgets.sources import FakeSource


class Wire(BaseComm):
    """A comm whose other end is the test."""

    made: list[Wire] = []  # noqa: RUF012

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.messages: list[dict[str, Any]] = []
        self.closed = False
        super().__init__(*args, **kwargs)
        Wire.made.append(self)

    def publish_msg(self, msg_type: str, data: Any = None, **_more: Any) -> None:
        json.dumps(data, allow_nan=False)
        self.messages.append({"type": msg_type, "data": data})
        self.closed |= msg_type == "comm_close"

    def custom(self) -> list[dict[str, Any]]:
        """The custom messages since the last look."""
        found = [m["data"]["content"] for m in self.messages if m["data"].get("method") == "custom"]
        self.messages.clear()
        return found

    def click(self, content: dict[str, Any]) -> None:
        """A message from the front end."""
        data = {"method": "custom", "content": content}
        self.handle_msg({"content": {"comm_id": self.comm_id, "data": data}, "buffers": []})


class Bench:
    """A card on a fake source."""

    def __init__(self, story: Story) -> None:
        self.source = FakeSource(story)
        self.card = RunCard(self.source)
        self.wire = Wire.made[-1]

    def hello(self) -> list[dict[str, Any]]:
        self.wire.messages.clear()
        self.wire.click({"type": "hello", "view": "v"})
        return self.wire.custom()

    def answer(self, payload: str = "true", id: str = "a-1", name: str = "approval") -> list[dict[str, Any]]:
        self.wire.click({"type": "answer", "id": id, "name": name, "payload": payload})
        return self.wire.custom()


@pytest.fixture(autouse=True)
def wires(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    Wire.made.clear()
    monkeypatch.setattr(comm, "create_comm", Wire)
    yield
    ipywidgets.Widget.close_all()
    Wire.made.clear()


def test_the_first_picture_travels_with_the_widget() -> None:
    bench = Bench(waiting())
    (opened, *_) = bench.wire.messages
    state = opened["data"]["state"]

    assert opened["type"] == "comm_open"
    assert state["snapshot"]["run"]["sentence"].startswith(
        "order-42 (fulfil) is running and waits for 'approval'"
    )
    assert state["_esm"] == packed(module())


def test_what_travels_with_each_card_stays_small() -> None:
    assert len(packed(module())) < 60_000


def test_nothing_is_loaded_from_elsewhere() -> None:
    text = module()

    assert set(re.findall(r"https?:[^\"']*", text)) == {"http://www.w3.org/2000/svg"}, (
        "a name, not an address"
    )
    assert not re.search(r"^import ", text, re.MULTILINE)
    assert re.findall(r"import\((?!url\))", text) == [], "but for what the page itself has put together"
    assert "@import" not in text
    assert "url(" not in text
    assert "innerHTML" not in text


def test_hello_gets_a_snapshot_and_a_commit_a_delta() -> None:
    bench = Bench(waiting())
    (snapshot,) = bench.hello()
    bench.source.story.raised(20.0, "approval", {"approved": True})
    bench.source.commit()
    (delta,) = bench.wire.custom()

    assert (snapshot["type"], delta["type"]) == ("snapshot", "delta")
    assert [row["look"][1] for row in delta["rows"]] == ["received"]
    assert delta["waits"] == []


def test_a_delta_does_not_write_the_picture_that_is_kept() -> None:
    bench = Bench(waiting())
    bench.hello()
    bench.source.story.raised(20.0, "hint")
    bench.source.commit()

    assert [m["data"]["method"] for m in bench.wire.messages] == ["custom"]


def test_the_end_is_kept_with_the_notebook() -> None:
    bench = Bench(waiting())
    bench.hello()
    bench.source.story.completed(20.0, "sent")
    bench.source.commit()
    updates = [m["data"]["state"] for m in bench.wire.messages if m["data"]["method"] == "update"]

    assert [state["snapshot"]["run"]["output"] for state in updates] == ['"sent"']


# -- answers -------------------------------------------------------------------------------------


def test_an_answer_is_delivered_and_then_recorded() -> None:
    bench = Bench(waiting())
    assert bench.answer('{"approved": true}') == [
        {"type": "ack", "id": "a-1", "state": "delivered", "reason": None}
    ]
    ((name, payload, future),) = bench.source.raised
    assert (name, payload) == ("approval", '{"approved": true}')

    future.set_result(None)
    assert bench.wire.custom() == [{"type": "ack", "id": "a-1", "state": "recorded", "reason": None}]


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (EventRejectedError("Expected `bool`, got `str`"), "rejected"),
        (RuntimeClosedError("the runtime is closed: run `%load_ext nbflow`"), "failed"),
        (ValueError(), "failed"),
    ],
)
def test_an_answer_that_is_not_recorded_says_why(error: Exception, state: str) -> None:
    bench = Bench(waiting())
    bench.answer()
    bench.source.raised[0][2].set_exception(error)
    (ack,) = bench.wire.custom()

    assert (ack["state"], ack["reason"]) == (state, str(error) or "ValueError")


def test_an_answer_to_a_runtime_that_closes_fails() -> None:
    bench = Bench(waiting())
    bench.answer()
    bench.source.raised[0][2].cancel()
    (ack,) = bench.wire.custom()

    assert ack["state"] == "failed"
    assert "closed before it was recorded" in ack["reason"]


def test_an_answer_that_can_not_even_be_given_fails() -> None:
    bench = Bench(waiting())

    def closed(name: str, payload_json: str) -> Future[None]:
        raise RuntimeClosedError("the runtime is closed")

    bench.source.raise_event = closed  # type: ignore[method-assign]
    assert [(ack["state"], ack["reason"]) for ack in bench.answer()] == [
        ("delivered", None),
        ("failed", "the runtime is closed"),
    ]


def test_the_same_click_twice_is_one_event() -> None:
    bench = Bench(waiting())
    bench.answer()
    assert [ack["state"] for ack in bench.answer()] == ["delivered"]
    bench.source.raised[0][2].set_result(None)
    bench.wire.custom()

    assert [ack["state"] for ack in bench.answer()] == ["recorded"]
    assert len(bench.source.raised) == 1
    bench.answer(id="a-2")
    assert len(bench.source.raised) == 2


@pytest.mark.parametrize("payload", ["yes", "", "{", "NaN", "[" * 100_000])
def test_what_is_no_json_never_reaches_the_run(payload: str) -> None:
    bench = Bench(waiting())
    *_, ack = bench.answer(payload)

    assert ack["state"] == "rejected"
    assert ack["reason"].startswith("not JSON")
    assert bench.source.raised == []


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"type": "answer"},
        {"type": "answer", "id": 1, "name": "approval", "payload": "true"},
        {"type": "hello"},
        {"type": "hello", "view": {"a": 1}},
        {"type": "dance"},
        "text",
        None,
        [1],
    ],
)
def test_messages_that_make_no_sense_do_nothing(content: Any) -> None:
    bench = Bench(waiting())
    bench.wire.messages.clear()
    bench.wire.click(content)

    assert bench.wire.messages == []
    assert bench.source.raised == []


# -- the end of a card ---------------------------------------------------------------------------


def test_a_closed_card_lets_go_of_the_run() -> None:
    bench = Bench(waiting())
    assert len(bench.source.callbacks) == 1
    bench.card.close()

    assert bench.source.callbacks == []
    assert bench.wire.closed


def test_a_card_whose_front_end_closed_lets_go_of_the_run() -> None:
    bench = Bench(waiting())
    bench.wire.handle_close({"content": {"comm_id": bench.wire.comm_id, "data": {}}})

    assert bench.source.callbacks == []


def test_a_closed_card_leaves_nothing_in_memory() -> None:
    bench = Bench(waiting())
    bench.card.close()
    card = weakref.ref(bench.card)
    del bench
    Wire.made.clear()
    gc.collect()

    assert card() is None


def test_a_front_end_that_is_gone_makes_nothing_grow() -> None:
    bench = Bench(waiting())
    bench.hello()
    bench.wire.click({"type": "bye", "view": "v"})
    for number in range(100):
        bench.source.story.raised(20.0 + number, "hint", number)
        bench.source.commit()
        bench.source.advance(1.0)

    assert [m for m in bench.wire.messages if m["data"]["method"] == "custom"] == []
    assert len(bench.source.later) <= 2


def test_a_click_is_handled_on_the_shell_it_came_on() -> None:
    class Pinned(Wire):
        def _reply_subshell_for(self, data: Any, default: Any) -> Any:
            return "main"

    comm.create_comm = Pinned  # the fixture puts it back
    bench = Bench(waiting())

    assert bench.wire._reply_subshell_for({}, "the subshell") == "the subshell"  # type: ignore[attr-defined]


def test_without_the_private_name_there_is_no_remedy_and_no_error() -> None:
    assert not hasattr(Bench(waiting()).wire, "_reply_subshell_for")


def test_ipykernels_comm_still_has_the_private_name() -> None:
    """If this fails, see whether a click in a busy kernel is still slow, and drop the remedy if it isn't."""
    import ipykernel
    from ipykernel.comm.comm import BaseComm as KernelComm

    if int(ipykernel.__version__.split(".")[0]) >= 7 and ipykernel.version_info >= (7, 4):
        assert hasattr(KernelComm, "_reply_subshell_for")


# -- the static twin -----------------------------------------------------------------------------


def test_the_bundle_has_the_widget_the_twin_and_a_sentence() -> None:
    bench = Bench(completed())
    bundle = bench.card._repr_mimebundle_()
    assert bundle is not None
    data, metadata = bundle

    assert set(data) == {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"}
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == bench.card.model_id
    assert data["text/plain"] == "order-42 (fulfil) completed after 22 s"
    assert data["text/html"].startswith("<div")
    assert metadata == {}


def test_the_twin_is_as_new_as_the_store() -> None:
    bench = Bench(waiting())
    bench.source.story.completed(20.0, "sent")
    bench.source.commit(lose=True)
    bundle = bench.card._repr_mimebundle_()

    assert bundle is not None
    assert bundle[0]["text/plain"] == "order-42 (fulfil) completed after 20 s"


def test_a_run_that_has_ended_is_read_once_for_card_and_twin() -> None:
    bench = Bench(completed())
    data = bench.card.apart()._repr_mimebundle_()
    assert bench.source.reads == 1

    again = bench.card.apart()._repr_mimebundle_()
    assert bench.source.reads == 2, "what it was opened with is not kept"
    assert data == again


@pytest.mark.parametrize("story", [waiting, hostile, completed])
def test_the_twin_says_the_same_from_the_cards_rows_as_from_the_store(story: Callable[[], Story]) -> None:
    bench = Bench(story())
    twin = bench.card.apart()
    assert twin._repr_mimebundle_() == twin._repr_mimebundle_()


def test_what_a_live_run_has_come_to_is_not_folded_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(waiting())

    def fold(*_args: Any, **_more: Any) -> Any:
        raise AssertionError("the card has folded it")

    monkeypatch.setattr("nbflow.widgets.card.timeline", fold)
    twin = bench.card.apart()
    assert "waits for 'approval'" in twin._repr_mimebundle_()["text/plain"]

    bench.source.story.raised(20.0, "hint")
    bench.source.commit()
    assert "hint" in twin._repr_mimebundle_()["text/html"]
    bench.source.story.raised(21.0, "another hint")
    bench.source.commit()
    with pytest.raises(AssertionError, match="the card has folded it"):
        twin._repr_mimebundle_()  # within the pause: the card doesn't show it yet


def test_a_card_of_a_purged_run_shows_the_last_that_was_known() -> None:
    bench = Bench(waiting())

    def gone() -> Any:
        raise InstanceNotFoundError("no instance 'order-42'")

    bench.source.snapshot = gone  # type: ignore[method-assign]
    bundle = bench.card._repr_mimebundle_()

    assert bundle is not None
    assert "waits for 'approval'" in bundle[0]["text/plain"]
    assert "text/html" not in bundle[0]


def test_hostile_values_stay_text_in_the_twin() -> None:
    bundle = Bench(hostile()).card._repr_mimebundle_()

    assert bundle is not None
    assert "<script" not in bundle[0]["text/html"]
