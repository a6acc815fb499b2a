"""Workflow code that doesn't end: loops, and calls that a test lets go."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.engine.dispatch import TurnRequest

SOON = 0.4
"""Seconds after which code counts as stuck in these tests."""


def spin() -> None:
    while True:  # the loop
        pass


def until(end: float) -> None:
    """Keep the processor busy until then, on the clock of `time.monotonic`."""
    while time.monotonic() < end:
        pass


NOW = datetime(2030, 1, 1, tzinfo=UTC)


def request(instance_id: str) -> TurnRequest:
    """A turn without messages."""
    record = InstanceRecord(
        instance_id=instance_id,
        name="order",
        execution_id=f"execution of {instance_id}",
        status=RuntimeStatus.RUNNING,
        created_at=NOW,
        last_updated_at=NOW,
        input="null",
        definition="hash",
    )
    return TurnRequest(
        record=record,
        rows=[],
        code=None,
        adopts=None,
        recorded_source=None,
        uses=(),
        missing=None,
        history=[],
        family=[],
        now=NOW,
    )


class Trap:
    """A call into C that doesn't return before it is told to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()
        self.entered = threading.Event()
        self.left = threading.Event()

    def enter(self) -> None:
        self.entered.set()
        self._lock.acquire()

    def open(self) -> None:
        self._lock.release()


@pytest.fixture
def trap() -> Iterator[Trap]:
    trap = Trap()
    yield trap
    if trap._lock.locked():
        trap.open()
