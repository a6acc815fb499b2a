"""The wall clock of a simulation: the loop's time, from New Year 2030 on, and not always quite right."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

from nbflow.testing.simulation.loop import SimulationLoop

BEGINNING: Final = datetime(2030, 1, 1, tzinfo=UTC)


class SimulatedClock:
    """A `Clock` that reads the time of a loop.

    Args:
        loop: The loop.
        step: Seconds by which it is off.
    """

    def __init__(self, loop: SimulationLoop, step: float) -> None:
        self._loop = loop
        self._beginning = BEGINNING + timedelta(seconds=step)

    def now(self) -> datetime:
        return self._beginning + timedelta(seconds=self._loop.time())

    async def wait_until(self, when: datetime) -> None:
        seconds = (when - self.now()).total_seconds()
        if seconds > 0:
            await asyncio.sleep(seconds)
