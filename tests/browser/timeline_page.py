"""The timeline's view alone in a blank page, with a desk that notes what it is asked."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, Page, Route

from nbflow.widgets.details import RowDetails
from nbflow.widgets.feed import CardFeed
from nbflow.widgets.runlog import RunLog
from tests.browser.blank_page import HEAD, BlankPage
from tests.views.stories import Story, at
from tests.widgets.sources import FakeSource

PAGE = (
    HEAD
    + """<body><main id="place" class="nbf" data-lm-suppress-shortcuts="true"></main>
<script type="module">
  import * as axis from "/static/axis.js";
  import * as timeline from "/static/timeline.js";
  import * as hands from "/static/hands.js";
  import { rowsOf } from "/static/words.js";
  window.axis = axis;
  window.timeline = timeline;
  window.hands = hands;
  window.asked = [];
  window.kept = new Map();
  window.offset = 0;
  const desk = {
    send: () => {}, newId: () => "id", now: () => window.now ?? window.picture.now,
    ask: async (what, args) => {
      window.asked.push([what, args]);
      const reply = await (await fetch("/ask", { method: "POST", body: JSON.stringify({ what, ...args }) })).json();
      if (reply.error) throw new Error(reply.error);
      return reply.ok;
    },
    open: (view, detail) => window.asked.push(["open", view, detail]),
    card: (id) => window.asked.push(["card", id]),
    say: (text) => { window.said = text; }, kept: window.kept,
  };
  window.receive = (message) => {
    const whole = message.type === "snapshot";
    const rows = whole ? new Map() : window.picture.rows;
    for (const row of rowsOf(message)) rows.set(row.key, row);
    window.picture = { ...message, rows, changed: whole ? null : message.rows.map((row) => row.key) };
    window.view.draw(window.picture);
  };
  window.mount = (message) => {
    document.getElementById("place").replaceChildren();
    window.view = new timeline.TimelineView(desk);
    document.getElementById("place").append(window.view.el);
    window.view.show();
    window.receive(message);
  };
  window.ready = true;
</script>
"""
)


class TimelinePage(BlankPage):
    """Drives the view in a page, with messages as Python makes them.

    Attributes:
        answers: Whether a kernel answers.
    """

    html = PAGE

    def __init__(self, page: Page) -> None:
        self.answers = True
        self._details: RowDetails | None = None
        super().__init__(page)

    def _answer(self, route: Route, name: str) -> None:
        if name == "ask" and self.answers and self._details is not None:
            route.fulfill(json={"ok": self._details.details(route.request.post_data_json)})
        elif name == "ask":
            route.fulfill(json={"error": "no kernel answers: re-run this cell"})
        else:
            super()._answer(route, name)

    def show(self, story: Story, *, opened: float | None = None) -> FakeSource:
        """Draw a run; its commits are drawn as they come."""
        self.source = source = FakeSource(story)
        if opened is not None:
            source.opened_at = at(opened)
        self.feed = CardFeed(source, send=self.push, keep=lambda _message: None)
        self._details = RowDetails(RunLog(source), source)
        self.tell("mount", self.feed.open())
        self.feed.hello("view")
        self.page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
        return source

    def push(self, message: dict[str, Any]) -> None:
        self.tell("receive", message)

    def row(self, name: str) -> Locator:
        return self.page.get_by_role("grid", name="Timeline").get_by_role("row", name=name)

    def names(self) -> list[str]:
        """The rows in the page, as they read."""
        return self.page.locator(".nbf-tl-row bdi:first-of-type").all_inner_texts()

    @property
    def pane(self) -> Locator:
        return self.page.locator(".nbf-tl-pane")

    def asked(self, what: str) -> list[Any]:
        return [one[1:] for one in self.page.evaluate("asked") if one[0] == what]
