"""The dashboard: an anywidget of all runs that is live while a kernel is, and a table for ever after."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any, cast

import anywidget
import traitlets

from nbflow.core.state import RuntimeStatus
from nbflow.widgets.card import MODULE, reply_where_asked
from nbflow.widgets.dashfeed import PAGE, DashboardFeed
from nbflow.widgets.doing import Orders
from nbflow.widgets.exchange import Exchange
from nbflow.widgets.instances import InstancesSource, Scope
from nbflow.widgets.messages import Json
from nbflow.widgets.twins import Twin


class Dashboard(anywidget.AnyWidget):
    """The live table of all runs; a click on one opens its card below.

    Args:
        source: The runs.
        picture: Gives the table that is shown where no kernel is: its ``text/html`` and ``text/plain``.
        rested: Is told when the runs have come to rest; called on the engine's thread.
        scope: Which runs it is of; all, if it is None.
        statuses: Which are chosen at first.
        page: How many are loaded at once.

    Raises:
        NbflowError: The runs can't be read.
    """

    _esm = MODULE

    kind = traitlets.Unicode("dashboard").tag(sync=True)
    snapshot = traitlets.Dict().tag(sync=True)
    twin = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        source: InstancesSource,
        *,
        picture: Callable[[], Mapping[str, str]],
        rested: Callable[[], object] = lambda: None,
        scope: Scope | None = None,
        statuses: tuple[RuntimeStatus, ...] = (),
        page: int = PAGE,
    ) -> None:
        self._picture, self._rested = picture, rested
        self._is_apart = False
        self._feed = DashboardFeed(
            source, send=self._post, keep=self._keep, scope=scope, statuses=statuses, page=page
        )
        self._orders = Orders(source, send=self._post)
        self._exchange = Exchange(source.run, send=self._post)
        token = secrets.token_hex(16)
        super().__init__(snapshot=self._feed.open(), twin=token, model_id=token)
        comm: Any = self.comm
        comm.on_close(self._on_front_end_closed)
        reply_where_asked(comm)
        cast("Any", self).on_msg(self._on_message)

    def look_again(self) -> None:
        """Have every view ask for the whole picture: its time has moved, and nothing else may have."""
        self._post({"type": "stale"})

    def close(self) -> None:
        """Stop following the runs, and take the table off the page."""
        self._let_go()
        super().close()

    def _on_message(self, _widget: Dashboard, content: Any, _buffers: Any) -> None:
        if not self._exchange.takes(content):
            receive(self._feed, self._orders, content)

    def _on_front_end_closed(self, _message: Any) -> None:
        self._let_go()

    def _let_go(self) -> None:
        self._exchange.close()
        self._feed.close()

    def _post(self, message: Json) -> None:
        cast("Any", self).send(message)

    def _keep(self, message: Json) -> None:
        self.snapshot = message
        self._rested()

    def apart(self) -> Twin:
        """The table for where no kernel is, as an output of its own; the dashboard's own leaves it out then."""
        self._is_apart = True
        return Twin(str(self.twin), self._picture)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """The live table, and beside it what is shown where no kernel is."""
        bundle: Any = cast("Any", super())._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        picture = dict(self._picture())
        if self._is_apart:
            picture.pop("text/html", None)
        match bundle:
            case (data, metadata):  # anywidget
                return {**data, **picture}, metadata
            case data:  # plain ipywidgets
                return {**data, **picture}, {}


def receive(feed: DashboardFeed, orders: Orders, content: Any) -> None:
    """Take a message of the front end's; hands it on and returns."""
    match content:
        case {"type": "hello", "view": str(view)}:
            feed.hello(view)
        case {"type": "bye", "view": str(view)}:
            feed.bye(view)
        case {"type": "load", "statuses": [*statuses], "text": str(text), "key": key}:
            known = [status for status in RuntimeStatus if status in statuses]
            feed.load(known, text, key)
        case {"type": "widen"}:
            feed.widen()
        case {"type": "do"}:
            orders.give(content)
        case _:
            pass  # of a front end that is newer than this kernel
