"""When the engine has settled, so that virtual time may go on.

Settled means that nothing happens any more until the clock moves or somebody asks
for something: no turn under way, nothing to commit, no activity running or waiting
for room, no timer due, no message that a turn would take. A run that is stalled or
suspended, and one that waits for an event, hold nothing up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

from nbflow.engine.activities import ActivityRunner
from nbflow.engine.delivery import Delivery
from nbflow.engine.instance import Instance
from nbflow.engine.residents import Residents
from nbflow.engine.tick import Tick
from nbflow.engine.timers import TimerPump
from nbflow.engine.turns import Turns

_LOOK_SECONDS: Final = 0.25
"""How long a wait for rest goes without a look, should nobody have told of it."""

_MOST_NAMED: Final = 3


class Quiet:
    """Tells when an engine has settled. Used on the engine's loop.

    Args:
        tick: Takes turns and commits.
        residents: The instances in memory.
        delivery: Messages on their way.
        turns: Reads and turns that are under way.
        activities: Attempts that are under way.
        timers: Delivers what is due.
        check_open: Raises RuntimeClosedError once the engine does nothing any more.
    """

    def __init__(
        self,
        tick: Tick,
        residents: Residents,
        delivery: Delivery,
        turns: Turns,
        activities: ActivityRunner,
        timers: TimerPump,
        check_open: Callable[[], None],
    ) -> None:
        self._tick = tick
        self._residents = residents
        self._delivery = delivery
        self._turns = turns
        self._activities = activities
        self._timers = timers
        self._check_open = check_open
        self._looked = asyncio.Event()
        tick.on_rest = timers.on_rest = self._looked.set

    @property
    def is_settled(self) -> bool:
        """Whether nothing happens any more until the clock moves or somebody asks for something."""
        return self.is_still and not self._activities.is_busy

    @property
    def is_still(self) -> bool:
        """Whether nothing happens any more beside activities that run."""
        return (
            self._tick.is_resting
            and not self._delivery.is_busy
            and self._turns.running == 0
            and self._timers.is_resting
            and not any(map(_is_held_up, self._residents))
        )

    async def settled(self) -> None:
        """Wait until it is; raises RuntimeClosedError if it never will be."""
        await self._until(lambda: self.is_settled)

    async def still(self) -> None:
        """Wait until nothing happens but activities; raises RuntimeClosedError if that will never be."""
        await self._until(lambda: self.is_still)

    async def _until(self, is_reached: Callable[[], bool]) -> None:
        while not is_reached():
            self._check_open()
            self._looked.clear()
            try:
                await asyncio.wait_for(self._looked.wait(), _LOOK_SECONDS)
            except TimeoutError:
                continue

    async def next_due(self) -> datetime | None:
        """When the next timer or start comes due; raises StoreError."""
        return await self._timers.next_due()

    def what_is_under_way(self) -> str:
        """What keeps it from settling, in words; empty if it has settled."""
        things = [f"{name} of {instance_id} is running" for instance_id, name in self._activities.busy()]
        things += [
            f"{i.instance_id} is tried again after an error of the store"
            for i in self._residents
            if _is_held_up(i)
        ]
        things += [f"a turn of {i.instance_id} is under way" for i in self._residents if i.turn is not None]
        more = f" and {len(things) - _MOST_NAMED} more" if len(things) > _MOST_NAMED else ""
        return ", ".join(things[:_MOST_NAMED]) + more


def _is_held_up(instance: Instance) -> bool:
    """Whether an instance rests although there is something to do for it: the store failed, and it is tried again."""
    return instance.is_resting and (instance.is_ready() or (not instance.is_known and not instance.is_idle))
