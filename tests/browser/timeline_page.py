"""The timeline's view alone in a blank page, with a desk that notes what it is asked."""

from __future__ import annotations

from typing import Any

import msgspec
from playwright.sync_api import Locator, Page, Route

from nbflow.widgets import page as parts
from nbflow.widgets.details import RowDetails
from nbflow.widgets.feed import CardFeed
from nbflow.widgets.page import styles
from nbflow.widgets.runlog import RunLog
from tests.views.stories import Story, at
from tests.widgets.sources import FakeSource

ORIGIN = "http://timeline.test"

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>A timeline</title>
<link rel="stylesheet" href="/card.css">
<style>body { margin: 16px; font-family: system-ui, sans-serif; background: Canvas }
@media (prefers-color-scheme: dark) { body { background: #0d1117 } }</style>
<body><main id="place" class="nbf" data-lm-suppress-shortcuts="true"></main>
<script type="module">
  import * as axis from "/timeline/axis.js";
  import * as timeline from "/timeline/timeline.js";
  import * as hands from "/timeline/hands.js";
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
    for (const row of message.rows) rows.set(row.key, row);
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


class TimelinePage:
    """Drives the view in a page, with messages as Python makes them.

    Attributes:
        errors: What went wrong in the page's scripts.
        answers: Whether a kernel answers.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        self.answers = True
        self._details: RowDetails | None = None
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        page.route(f"{ORIGIN}/**", self._serve)
        page.goto(f"{ORIGIN}/")
        page.wait_for_function("window.ready")

    def _serve(self, route: Route) -> None:
        name = route.request.url.removeprefix(f"{ORIGIN}/")
        if name.startswith("timeline/"):
            code = (parts._STATIC / name.removeprefix("timeline/")).read_text(encoding="utf-8")
            route.fulfill(body=code, content_type="text/javascript; charset=utf-8")
        elif name == "card.css":
            route.fulfill(body=styles(), content_type="text/css; charset=utf-8")
        elif name == "ask" and self.answers and self._details is not None:
            route.fulfill(json={"ok": self._details.details(route.request.post_data_json)})
        elif name == "ask":
            route.fulfill(json={"error": "no kernel answers: re-run this cell"})
        elif name == "":
            route.fulfill(body=PAGE, content_type="text/html; charset=utf-8")
        else:
            route.fulfill(status=204)

    def show(self, story: Story, *, opened: float | None = None) -> FakeSource:
        """Draw a run; its commits are drawn as they come."""
        self.source = source = FakeSource(story)
        if opened is not None:
            source.opened_at = at(opened)
        self.feed = CardFeed(source, send=self.push, keep=lambda _message: None)
        self._details = RowDetails(RunLog(source), source)
        self.page.evaluate("(message) => mount(message)", msgspec.to_builtins(self.feed.open()))
        self.feed.hello("view")
        self.page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
        return source

    def push(self, message: dict[str, Any]) -> None:
        self.page.evaluate("(message) => receive(message)", msgspec.to_builtins(message))

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
