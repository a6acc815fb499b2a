"""A blank page with the card's ES module and a fake model: most of what the card does needs no Jupyter."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, Page, Route

from nbflow.widgets.feed import CardFeed
from nbflow.widgets.page import module, styles
from tests.views.stories import Story
from tests.widgets.sources import FakeSource

ORIGIN = "http://card.test"

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>A card</title>
<link rel="stylesheet" href="/card.css">
<style>body { margin: 16px; font-family: system-ui, sans-serif; background: Canvas }
@media (prefers-color-scheme: dark) { body { background: #0d1117 } }</style>
<body><main id="place"></main>
<script type="module">
  const listeners = new Map();
  const model = {
    sent: [], state: {},
    get: (name) => model.state[name],
    set: (name, value) => { model.state[name] = value; },
    save_changes: () => {},
    send: (content) => { model.sent.push(content); },
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


class CardPage:
    """Drives the card in a page, with messages as Python makes them."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        page.route(f"{ORIGIN}/**", self._serve)
        page.goto(f"{ORIGIN}/")
        page.wait_for_function("window.ready")

    def _serve(self, route: Route) -> None:
        name = route.request.url.removeprefix(f"{ORIGIN}/")
        if name == "card.js":
            route.fulfill(body=module(), content_type="text/javascript; charset=utf-8")
        elif name == "card.css":
            route.fulfill(body=styles(), content_type="text/css; charset=utf-8")
        elif name == "":
            route.fulfill(body=PAGE, content_type="text/html; charset=utf-8")
        else:
            route.fulfill(status=204)

    def show(self, story: Story, *, answer: bool = True) -> FakeSource:
        """Render a run; with ``answer``, its hello is answered as a kernel would."""
        source = FakeSource(story)
        feed = CardFeed(source, send=self.push, keep=lambda _message: None)
        self.page.evaluate("(snapshot) => { model.state.snapshot = snapshot; mount(); }", feed.open())
        self.feed = feed
        if answer:
            feed.hello("view")
        return source

    def push(self, message: dict[str, Any]) -> None:
        """Send a custom message to the card."""
        self.page.evaluate("(message) => model.emit('msg:custom', message)", message)

    def ack(self, ack_id: str, state: str, reason: str | None = None) -> None:
        self.push({"type": "ack", "id": ack_id, "state": state, "reason": reason})

    def sent(self, kind: str) -> list[dict[str, Any]]:
        """The messages of that type that the card has sent."""
        return [m for m in self.page.evaluate("model.sent") if m["type"] == kind]

    @property
    def root(self) -> Locator:
        return self.page.locator(".nbf")

    def row(self, name: str) -> Locator:
        return self.page.get_by_role("list", name="Timeline").get_by_role("button", name=name)
