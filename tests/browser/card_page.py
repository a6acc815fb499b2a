"""A blank page with the card's ES module and a fake model: most of what the card does needs no Jupyter."""

from __future__ import annotations

import json
import queue
import threading
from typing import Any

from playwright.sync_api import Locator, Page, Route

from nbflow.widgets.conversation import Conversation
from nbflow.widgets.exchange import Exchange
from nbflow.widgets.page import module
from nbflow.widgets.source import CardSource
from tests.browser.blank_page import HEAD, BlankPage
from tests.views.stories import Story
from tests.widgets.sources import FakeSource

PAGE = (
    HEAD
    + """<body><main id="place"></main>
<script type="module">
  const listeners = new Map();
  const model = {
    sent: [], state: {}, answered: 0, pending: 0,
    get: (name) => model.state[name],
    set: (name, value) => { model.state[name] = value; },
    save_changes: () => {},
    send: async (content) => {
      model.sent.push(content);
      model.pending += 1;
      const answers = await fetch("/send", { method: "POST", body: JSON.stringify(content) });
      for (const answer of answers.status === 200 ? await answers.json() : []) model.emit("msg:custom", answer);
      model.pending -= 1;
      model.answered += answers.status === 200 ? 1 : 0;
    },
    on: (event, callback) => { listeners.set(event, [...(listeners.get(event) ?? []), callback]); },
    off: (event, callback) => { listeners.set(event, (listeners.get(event) ?? []).filter((one) => one !== callback)); },
    emit: (event, ...values) => { for (const callback of listeners.get(event) ?? []) callback(...values); },
    listening: () => [...listeners.values()].flat().length,
  };
  window.model = model;
  window.card = await import("/card.js");
  window.mount = () => { window.dispose = window.card.default.render({ model, el: document.getElementById("place") }); };
  window.ready = true;
</script>
"""
)


class CardPage(BlankPage):
    """Drives the card in a page, with messages as Python makes them.

    Attributes:
        conversation: What answers the card; None: no kernel does.
        unanswered: Types of messages that nobody takes: the test acknowledges them itself, by `ack`.
    """

    html = PAGE

    def __init__(self, page: Page) -> None:
        self.conversation: Conversation | None = None
        self.unanswered = {"answer", "command"}
        self._exchange: Exchange | None = None
        self._answers: list[dict[str, Any]] | None = None
        self._thread = threading.get_ident()  # a page belongs to the thread that made it
        self._foreign: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        super().__init__(page)

    def _answer(self, route: Route, name: str) -> None:
        if name == "send":
            self._receive(route)
        elif name == "card.js":
            route.fulfill(body=module(), content_type="text/javascript; charset=utf-8")
        else:
            super()._answer(route, name)

    def _receive(self, route: Route) -> None:
        """Let the conversation answer what the card has sent; the answers go back with the response."""
        content = route.request.post_data_json
        if self.conversation is None or self._exchange is None or content["type"] in self.unanswered:
            route.fulfill(status=204)
            return
        self._answers = []
        if not self._exchange.takes(content):
            self.conversation.receive(content)
        answers, self._answers = [*self._from_engine(), *self._answers], None
        route.fulfill(body=json.dumps(answers), content_type="application/json")

    def _send(self, message: dict[str, Any]) -> None:
        if threading.get_ident() != self._thread:
            self._foreign.put(message)
        elif self._answers is None:
            self.push(message)
        else:
            self._answers.append(message)

    def settle(self) -> None:
        """Wait until everything that the card has sent was taken, and what came back was drawn."""
        self.page.wait_for_function("model.pending === 0")

    def pump(self) -> None:
        """Give the card what an engine's threads have sent since."""
        for message in self._from_engine():
            self.push(message)

    def _from_engine(self) -> list[dict[str, Any]]:
        return [self._foreign.get_nowait() for _ in range(self._foreign.qsize())]

    def show(self, story: Story | CardSource, *, answer: bool = True) -> Any:
        """Render a run; with ``answer``, what the card sends is answered as a kernel would."""
        source = FakeSource(story) if isinstance(story, Story) else story
        conversation = Conversation(source, send=self._send, keep=lambda _message: None)
        snapshot = conversation.open()
        if answer:
            self.conversation = conversation
            self._exchange = Exchange(source.other, send=self._send)
        self.tell("(snapshot) => { model.state.snapshot = snapshot; mount(); }", snapshot)
        if answer:
            self.page.wait_for_function("model.answered > 0")
        return source

    def stop_time(self) -> None:
        """Have the page's time, which a test has made its own, go on by `run_for` only, and not meanwhile."""
        self.page.clock.pause_at(self.page.evaluate("Date.now() / 1000 + 1"))

    def push(self, message: dict[str, Any]) -> None:
        """Send a custom message to the card."""
        self.tell("(message) => model.emit('msg:custom', message)", message)

    def ack(self, ack_id: str, state: str, reason: str | None = None) -> None:
        self.push({"type": "ack", "id": ack_id, "state": state, "reason": reason})

    def sent(self, kind: str) -> list[dict[str, Any]]:
        """The messages of that type that the card has sent."""
        return [m for m in self.page.evaluate("model.sent") if m["type"] == kind]

    @property
    def root(self) -> Locator:
        return self.page.locator(".nbf")

    def open(self, view: str) -> Locator:
        """Show a view by its tab; gives its panel."""
        self.page.get_by_role("tab", name=view).click()
        return self.page.get_by_role("tabpanel")

    def row(self, name: str) -> Locator:
        return self.page.get_by_role("grid", name="Timeline").get_by_role("row", name=name)
