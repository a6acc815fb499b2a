"""One life of the engine: from its opening until it crashes, is closed, or has nothing left to do."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from nbflow.definitions import Definition, Registry
from nbflow.engine.engine import Engine
from nbflow.engine.options import EngineOptions
from nbflow.engine.registration import Registration
from nbflow.engine.requests import Requests
from nbflow.errors import RuntimeClosedError, StoreError
from nbflow.ports import HistoryStore
from nbflow.testing.simulation.activities import InlineExecutor, SimulatedExecutor
from nbflow.testing.simulation.clients import Client
from nbflow.testing.simulation.clock import SimulatedClock
from nbflow.testing.simulation.faults import Dice
from nbflow.testing.simulation.invariants import Broken, Invariant
from nbflow.testing.simulation.ledger import Ledger
from nbflow.testing.simulation.loop import RanDryError, SimulationLoop
from nbflow.testing.simulation.script import Script
from nbflow.testing.simulation.store import FaultyStore
from nbflow.testing.simulation.threads import SimulatedThread
from nbflow.testing.simulation.trace import Trace
from nbflow.testing.stubs import StubbedExecutor

_MAX_STEPS: Final = 200_000
"""Callbacks after which a life counts as one that goes round and round."""


class End(Enum):
    """How a life ended."""

    CRASHED = auto()
    CLOSED = auto()
    AT_REST = auto()


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What outlives an engine.

    Attributes:
        script: What is simulated.
        store: Holds what was committed.
        dice: Decides what goes wrong.
        ledger: Watches the store.
        trace: Is told what happens.
        broken: Is told what should not.
    """

    script: Script
    store: HistoryStore
    dice: Dice
    ledger: Ledger
    trace: Trace
    broken: Broken


class Life:
    """One life of the engine.

    Args:
        setting: What outlives it.
        clients: Who wants something of it.
        start: The loop's time to begin with.

    Attributes:
        loop: What everything runs on.
    """

    def __init__(self, setting: Setting, clients: Sequence[Client], start: float) -> None:
        self.loop = SimulationLoop(start, max_steps=_MAX_STEPS)
        self._setting = setting
        self._clients = clients
        self._end: End | None = None
        self._clock = SimulatedClock(self.loop, setting.dice.clock_step())
        self._store = FaultyStore(
            setting.store,
            setting.dice,
            ledger=setting.ledger,
            trace=setting.trace,
            loop=self.loop,
            crash=self._crash,
        )
        self._threads: list[SimulatedThread] = []
        self._engine: Engine | None = None
        self._is_open = False
        setting.trace.time = self.loop.time
        setting.ledger.new_life()

    def run(self) -> End:
        """Live, and tell how it ended."""
        loop = self.loop
        planned = self._setting.dice.stops_after()
        loop.max_steps = min(_MAX_STEPS, planned[0] if planned is not None else _MAX_STEPS)
        loop.call_soon(lambda: loop.create_task(self._open()))
        loop.run_dry()
        if self._end is not End.CRASHED:
            self._end = self._stop(planned is not None and planned[1])
        self._forget_everything()
        for complaint in loop.complaints:
            self._setting.broken(Invariant.SOUND, complaint)
        return self._end

    async def _open(self) -> None:
        script, dice = self._setting.script, self._setting.dice
        registry = Registry()
        for definition in script.definitions:
            registry.add(definition)
        options = EngineOptions(
            cache_size=dice.cache_size,
            max_concurrent_activities=dice.concurrency,
            turns_at_once=dice.turns_at_once,
            reads_at_once=dice.reads_at_once,
            forward_orphans=False,
            auto_resume=not dice.holds(),
            stuck_after=math.inf,  # real seconds mean nothing here
            interpreter=script.interpreter,
        )
        executor = self._make_executor(registry)
        engine = Engine(self._store, executor, self._clock, registry, options, self._make_thread)
        self._engine = engine
        executor.delivery = self._store.delivery = engine.delivery
        try:
            await engine.open()
            await Registration(engine).register(list(script.definitions), _nobody_asks)
        except StoreError as error:
            self._crash(f"since it can't be opened: {error}")
            return
        self._is_open = True
        self.loop.create_task(self._release(engine))
        requests = Requests(engine)
        for client in self._clients:
            self.loop.create_task(self._serve(client, requests))

    async def _release(self, engine: Engine) -> None:
        """Let the runs go on that are held."""
        held = engine.holding.instance_ids
        while held:
            await asyncio.sleep(0.01 + self._setting.dice.waiting_time())
            try:
                await engine.release(held[0])
            except StoreError as error:
                self._setting.trace.say("%s is not released: %s", held[0], error)
            else:
                self._setting.trace.say("%s is released", held.pop(0))

    async def _serve(self, client: Client, requests: Requests) -> None:
        try:
            await client.live(requests, self._clock)
        except RuntimeClosedError:
            pass

    def _make_executor(self, registry: Registry) -> SimulatedExecutor:
        stubbed = StubbedExecutor(registry.activity, strict=False, inner=InlineExecutor())
        for activity, stub in self._setting.script.stubs:
            stubbed.put(activity, stub)
        return SimulatedExecutor(
            stubbed,
            registry,
            self._setting.script.fails,
            dice=self._setting.dice,
            ledger=self._setting.ledger,
            trace=self._setting.trace,
            loop=self.loop,
        )

    def _make_thread(self, name: str) -> SimulatedThread:
        thread = SimulatedThread(self.loop, self._setting.dice.job_time)
        self._threads.append(thread)
        return thread

    # -- the end ------------------------------------------------------------------------------

    def _stop(self, crashes: bool) -> End:
        """End a life that has come to rest, or to the moment that the dice chose."""
        loop = self.loop
        if not loop.is_stopped:
            self._setting.trace.say("all is at rest")
            return self._close(End.AT_REST)
        if loop.max_steps >= _MAX_STEPS:
            self._setting.broken(Invariant.REST, f"{loop.steps} steps, and still something goes on")
        if crashes or not self._is_open:
            self._setting.dice.tally.crashes += 1
            self._crash("amid everything")
            return End.CRASHED
        self._setting.dice.tally.restarts += 1
        return self._close(End.CLOSED)

    def _close(self, end: End) -> End:
        assert self._engine is not None, "it was opened"
        self._setting.trace.say("the engine is closed")
        self.loop.is_stopped, self.loop.max_steps = False, self.loop.steps + _MAX_STEPS
        try:
            self.loop.run_until_complete(self._engine.close())
        except RanDryError as error:
            if self._end is End.CRASHED:  # a commit of the closing crashed
                return End.CRASHED
            self._setting.broken(Invariant.REST, f"the engine can't be closed: {error}")
        return end

    def _crash(self, moment: str) -> None:
        self._setting.trace.say("CRASH %s", moment)
        self._end = End.CRASHED
        self._store.die()
        self.loop.stop()

    def _forget_everything(self) -> None:
        """Unwind what is in memory, without any effect: nothing is left to the garbage collector."""
        self._store.die()
        for thread in self._threads:
            thread.die()
        self.loop.abandon()
        if self._engine is None:
            return
        for thread in self._threads:
            thread.haunt()
        residents = self._engine.residents
        residents.touch_all()
        self._engine.turns.evict(*residents.take_touched())


def _nobody_asks(definition: Definition, changes: list[str]) -> None:
    """Whether a signature has changed: in a simulation none does."""
