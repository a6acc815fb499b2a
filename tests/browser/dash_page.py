"""The dashboard in a blank page, over a real feed on a fake source."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Locator, Page, Route

from nbflow.widgets.dashboard import receive
from nbflow.widgets.dashfeed import DashboardFeed
from nbflow.widgets.doing import Orders
from nbflow.widgets.exchange import Exchange
from nbflow.widgets.page import module
from tests.browser.blank_page import BlankPage
from tests.browser.card_page import PAGE
from tests.widgets.instances_sources import FakeInstances


class DashPage(BlankPage):
    """Drives the dashboard in a page.

    Attributes:
        feed: What answers the dashboard.
    """

    html = PAGE

    def __init__(self, page: Page) -> None:
        self.feed: DashboardFeed | None = None
        self.answers_hello = True
        self._exchange: Exchange | None = None
        self._orders: Orders | None = None
        self._answers: list[dict[str, Any]] | None = None
        super().__init__(page)

    def _answer(self, route: Route, name: str) -> None:
        if name == "send":
            self._receive(route)
        elif name == "card.js":
            route.fulfill(body=module(), content_type="text/javascript; charset=utf-8")
        else:
            super()._answer(route, name)

    def _receive(self, route: Route) -> None:
        content = route.request.post_data_json
        if self.feed is None or self._exchange is None or self._orders is None:
            route.fulfill(status=204)
            return
        self._answers = []
        if not self._exchange.takes(content):
            receive(self.feed, self._orders, content)
        answers, self._answers = self._answers, None
        route.fulfill(body=json.dumps(answers), content_type="application/json")

    def _send(self, message: dict[str, Any]) -> None:
        if self._answers is None:
            self.push(message)
        else:
            self._answers.append(message)

    def push(self, message: dict[str, Any]) -> None:
        self.tell("(message) => model.emit('msg:custom', message)", message)

    def show(self, source: FakeInstances, *, answer: bool = True, **preset: Any) -> FakeInstances:
        """Render the runs; with ``answer``, what the dashboard sends is answered as a kernel would."""
        self._answers = []
        feed = DashboardFeed(source, send=self._send, keep=lambda _message: None, **preset)
        snapshot = feed.open()
        self._answers = None
        if answer:
            self.feed = feed
            self._exchange = Exchange(source.run, send=self._send)
            self._orders = Orders(source, send=self._send)
        self.tell(
            "(snapshot) => { model.state.snapshot = snapshot; model.state.kind = 'dashboard'; mount(); }",
            snapshot,
        )
        if answer:
            self.page.wait_for_function("model.answered > 0")
        return source

    def sent(self, kind: str) -> list[dict[str, Any]]:
        return [m for m in self.page.evaluate("model.sent") if m["type"] == kind]

    @property
    def root(self) -> Locator:
        return self.page.locator(".nbf-dash")

    @property
    def rows(self) -> Locator:
        return self.page.locator(".nbf-db-lines > [role=row]")

    def row(self, instance_id: str) -> Locator:
        return self.page.locator(f'.nbf-db-lines > [data-run="{instance_id}"]')

    @property
    def ids(self) -> list[str]:
        """The IDs of the rows in the page, from top to bottom."""
        return self.rows.evaluate_all(
            "rows => rows.sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)"
            ".map((row) => row.dataset.run)"
        )

    @property
    def focused(self) -> str | None:
        """The ID of the row that has the focus."""
        return self.page.evaluate("document.activeElement?.dataset?.run ?? null")
