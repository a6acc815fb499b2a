"""A blank page with the questions, the inbox and the commands of a run, and nothing else of its card."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Locator

from nbflow.core.payloads import codec
from nbflow.widgets.answers import Answers
from nbflow.widgets.commanding import Commands
from nbflow.widgets.feed import CardFeed
from tests.browser.blank_page import HEAD, BlankPage
from tests.views.stories import Story, waiting
from tests.widgets.sources import FakeSource

PAGE = (
    HEAD
    + """<body><main id="place"></main>
<script type="module">
  const { rowsOf } = await import("/static/words.js");
  const { AsksView } = await import("/static/ask.js");
  const { InboxView } = await import("/static/inbox.js");
  const { CommandsMenu } = await import("/static/commands.js");
  window.kept = new Map();
  window.sent = [];
  window.opened = [];
  let views = [], picture = null, ids = 0;
  window.mount = () => {
    for (const view of views) view.dispose();
    const desk = {
      send: (content) => { sent.push(content); },
      busy: () => false, now: () => picture?.now ?? 0, newId: () => `id-${++ids}`, open: (view, detail) => opened.push([view, detail]),
      card: () => {}, kept, say: () => {},
    };
    views = [new AsksView(desk), new CommandsMenu(desk), new InboxView(desk)];
    const head = document.createElement("div"), root = document.createElement("div");
    head.className = "nbf-head";
    root.className = "nbf";
    head.append("order-42 ", views[1].el);
    root.append(head, views[0].el, views[2].el);
    document.getElementById("place").replaceChildren(root);
    if (picture) draw({ ...picture, changed: null });
  };
  const draw = (one) => { for (const view of views) { view.draw(one); view.tick?.(one.now); } };
  window.deliver = (message) => {
    if (message.type === "ack") { for (const view of views) view.onAck(message); return; }
    if (!message.run) return;
    const whole = message.type === "snapshot", rows = whole ? new Map() : picture.rows;
    for (const row of rowsOf(message)) rows.set(row.key, row);
    picture = { ...message, rows, changed: whole ? null : message.rows.map((row) => row.key) };
    draw(picture);
  };
  mount();
  window.ready = true;
</script>
"""
)


class InboxPage(BlankPage):
    """Drives the page, with messages as Python makes them.

    Attributes:
        source: The run that is shown.
    """

    html = PAGE

    def show(self, story: Story | FakeSource) -> FakeSource:
        """Draw a run."""
        self.source = story if isinstance(story, FakeSource) else FakeSource(story)
        self.feed = CardFeed(self.source, send=self.push, keep=lambda _message: None)
        self.push(self.feed.open())
        self.feed.hello("view")
        self.answers = Answers(self.source, send=self.push)
        self.commands = Commands(self.source, send=self.push)
        return self.source

    def ask(self, kind: Any, name: str = "approval") -> FakeSource:
        """Draw a run that waits for a payload of that type."""
        self.kind = kind
        return self.show(waiting(codec(kind).schema(), name=name))

    def push(self, message: dict[str, Any]) -> None:
        """Send a message to the page."""
        self.page.evaluate("(message) => deliver(message)", json.loads(json.dumps(message)))

    def ack(self, ack_id: str, state: str, reason: str | None = None, **more: Any) -> None:
        self.push({"type": "ack", "id": ack_id, "state": state, "reason": reason, **more})

    def sent(self, kind: str = "answer") -> list[dict[str, Any]]:
        """The messages of that type that the page has sent."""
        return [m for m in self.page.evaluate("sent") if m["type"] == kind]

    def decoded(self) -> Any:
        """What the workflow would get of the only answer."""
        (answer,) = self.sent()
        return codec(self.kind).decode(answer["payload"], what="the payload")

    def again(self) -> None:
        """What JupyterLab does when an output is renewed: the views go, and there are new ones of the same model."""
        self.page.evaluate("mount()")

    @property
    def error(self) -> Locator:
        return self.page.locator("form.nbf-ask .nbf-error")

    @property
    def state(self) -> Locator:
        return self.page.locator("form.nbf-ask .nbf-ack")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def field(self, label: str) -> Locator:
        return self.page.locator("form.nbf-ask").get_by_label(label, exact=True)
