"""One command to many runs: what a dashboard's buttons do to the rows that are chosen.

A few runs are worked on at a time; how far it has got is told now and then, and in the end what could not be done, and why.
The same order again, sent by a front end that got no answer, is told how things stand and does nothing.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from typing import Any, Final, TypeGuard

from nbflow.errors import InstanceNotFoundError, NbflowError
from nbflow.widgets.instances import InstancesSource
from nbflow.widgets.messages import Json

COMMANDS: Final = ("suspend", "resume", "terminate", "purge")
"""What can be done to many runs."""

_AT_ONCE: Final = 16
_TELLINGS: Final = 50
_REMEMBERED: Final = 50


class Orders:
    """The orders given on one dashboard.

    Args:
        source: The runs.
        send: Sends a message to the front end.
    """

    def __init__(self, source: InstancesSource, *, send: Callable[[Json], None]) -> None:
        self._source = source
        self._send = send
        self._orders: dict[str, Order] = {}

    def give(self, content: Json) -> None:
        """Take a ``do`` message; begins and returns."""
        match content:
            case {"id": str(order_id), "do": str(command), "runs": [*runs]} if command in COMMANDS:
                known = self._orders.get(order_id)
                if known is not None:
                    known.tell()
                elif runs and _are_texts(runs):
                    order = self._orders[order_id] = Order(
                        self._source, order_id, command, runs, send=self._send
                    )
                    while len(self._orders) > _REMEMBERED:
                        self._orders.pop(next(iter(self._orders)))
                    order.tell()
                    order.go_on()
            case _:
                pass


class Order:
    """One command, and the runs that it is for."""

    def __init__(
        self,
        source: InstancesSource,
        order_id: str,
        command: str,
        runs: Sequence[str],
        *,
        send: Callable[[Json], None],
    ) -> None:
        self._source = source
        self._id = order_id
        self._command = command
        self._send = send
        self._lock = threading.Lock()
        self._left = deque(dict.fromkeys(runs))
        self._of = len(self._left)
        self._under_way = 0
        self._done = 0
        self._failed = 0
        self._reason: str | None = None
        self._is_handing = False

    def go_on(self) -> None:
        """Hand out what is left, as far as there is room; called again by each run that is done."""
        with self._lock:
            if self._is_handing:  # a future that was done at once calls back from below
                return
            self._is_handing = True
        while True:
            with self._lock:
                if not self._left or self._under_way >= _AT_ONCE:
                    self._is_handing = False
                    break
                run = self._left.popleft()
                self._under_way += 1
            self._hand(run)
        self._tell_if_it_counts()

    def tell(self) -> None:
        """Say how far it has got."""
        self._send(
            {
                "type": "order",
                "id": self._id,
                "do": self._command,
                "done": self._done,
                "of": self._of,
                "failed": self._failed,
                "reason": self._reason,
                "over": self._done + self._failed == self._of,
            }
        )

    def _hand(self, run: str) -> None:
        try:
            future = self._source.run(run).command(self._command)
        except NbflowError as error:
            self._note(error)
        else:
            future.add_done_callback(self._on_done)

    def _on_done(self, future: Future[str]) -> None:
        try:
            self._note(future.exception())
        except CancelledError:
            self._note(NbflowError("the runtime was closed before it was done"))
        self.go_on()

    def _note(self, error: BaseException | None) -> None:
        with self._lock:
            self._under_way -= 1
            if error is None or (self._command == "purge" and isinstance(error, InstanceNotFoundError)):
                self._done += 1  # a child may be purged with its parent before its turn comes
            else:
                self._failed += 1
                self._reason = self._reason or str(error) or type(error).__name__

    def _tell_if_it_counts(self) -> None:
        so_far = self._done + self._failed
        if so_far == self._of or (so_far and so_far % max(self._of // _TELLINGS, 1) == 0):
            self.tell()


def _are_texts(values: Sequence[Any]) -> TypeGuard[Sequence[str]]:
    return all(isinstance(value, str) for value in values)
