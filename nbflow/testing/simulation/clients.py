"""Who starts the runs of a simulation, raises their events, and pauses or ends them.

A client is sure of what was acknowledged, and sends again what was refused. What a crash left
undecided, it looks up in the store before it goes on, so that it sends everything once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from nbflow.core.payloads import codec
from nbflow.core.reuse import ReuseIdPolicy
from nbflow.core.state import InstanceRecord
from nbflow.engine.requests import Requests
from nbflow.engine.starting import StartRequest
from nbflow.errors import EventRejectedError, InstanceNotFoundError, InstanceStateError, StoreError
from nbflow.testing.simulation.clock import SimulatedClock
from nbflow.testing.simulation.faults import Dice
from nbflow.testing.simulation.invariants import Broken, Invariant
from nbflow.testing.simulation.ledger import Ledger
from nbflow.testing.simulation.script import SimulatedRun
from nbflow.testing.simulation.trace import Trace

TERMINATED_WITH: Final = '"terminated by the simulation"'


@dataclass(eq=False)
class Incarnation:
    """One run under the client's ID, as far as the client knows.

    Attributes:
        execution_id: Of its first generation.
        reuse: What is to become of the run that has the ID.
        is_started: Whether the start was acknowledged.
        sent: The events that were acknowledged, as (name, payload).
        undecided: The event of which it isn't known what became of it.
        pauses: How often it is going to suspend the run.
        is_paused: Whether it has asked for that, and not for the contrary yet.
        terminates: Whether it is going to terminate the run.
    """

    execution_id: str
    reuse: ReuseIdPolicy | None
    pauses: int
    terminates: bool
    is_started: bool = False
    sent: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    undecided: tuple[str, str] | None = None
    is_paused: bool = False


class Client:
    """The client of one ID. It outlives the engine, and what it knows is what it was told.

    Args:
        run: What it does.
        dice: Decides when.
        ledger: Tells it what became of what it never heard of.
        trace: Is told what it was told.
        broken: Is told what it was promised in vain.
    """

    def __init__(self, run: SimulatedRun, dice: Dice, ledger: Ledger, trace: Trace, broken: Broken) -> None:
        self.run = run
        self._dice = dice
        self._ledger = ledger
        self._trace = trace
        self._broken = broken
        self._started = 0
        self._now = self._incarnation(None)

    def _incarnation(self, reuse: ReuseIdPolicy | None) -> Incarnation:
        self._started += 1
        return Incarnation(
            execution_id=f"{self._started:02d}-{self.run.id}",
            reuse=reuse,
            pauses=self._dice.pauses(),
            terminates=self.run.terminated and self._dice.terminates(),
        )

    async def live(self, requests: Requests, clock: SimulatedClock) -> None:
        """Do what is left to do, for as long as the engine lives."""
        while True:
            await self._start(requests, clock)
            self._settle()
            await asyncio.gather(self._send(requests), self._pause(requests), self._terminate(requests))
            if self._started >= self.run.times:
                return
            how = self._dice.next_incarnation()
            if how != "terminate" and not self._ledger.is_purged(self.run.id):
                await self._insist(lambda: self._ended(requests))
            if how == "purge" and not self._ledger.is_purged(self.run.id):
                await self._steer("purged", lambda: requests.purge(self.run.id, recursive=True))
            self._now = self._incarnation(ReuseIdPolicy("terminate") if how == "terminate" else None)

    # -- one run after another ----------------------------------------------------------------

    async def _start(self, requests: Requests, clock: SimulatedClock) -> None:
        run, now = self.run, self._now
        if self._ledger.has_execution(run.id, now.execution_id):
            now.is_started = True
        elif now.is_started and self._ledger.is_purged(run.id):
            return
        elif now.is_started:
            self._lost()
        if now.is_started:
            return
        while run.after is not None:
            if run.after in self._ledger.records:
                break
            await asyncio.sleep(0.1)
        request = StartRequest(
            definition=run.workflow,
            instance_id=run.id,
            is_fresh=False,
            execution_id=now.execution_id,
            input=run.workflow.encode_input(run.input),
            start_at=clock.now() + timedelta(seconds=run.start_in) if run.start_in else None,
            reuse=now.reuse,
            origin=None,
        )
        await self._insist(lambda: requests.start(request))
        now.is_started = True
        self._trace.say("%s: its start is acknowledged", now.execution_id)
        if not self._ledger.has_execution(run.id, now.execution_id):
            self._broken(Invariant.WRITTEN_FIRST, f"the start of {run.id} is acknowledged, and not written")

    async def _ended(self, requests: Requests) -> None:
        ended: Future[InstanceRecord] = Future()
        await requests.watch(self.run.id, _has_ended, ended)
        await asyncio.wrap_future(ended)

    def _lost(self) -> None:
        self._broken(Invariant.RESULT, f"{self.run.id} is gone, though its start was acknowledged")

    # -- events -------------------------------------------------------------------------------

    async def _send(self, requests: Requests) -> None:
        now, run_id = self._now, self.run.id
        for name, data in self.run.events[len(now.sent) :]:
            await asyncio.sleep(self._dice.waiting_time())
            payload = codec().encode(data, what=f"the payload of {name}")
            now.undecided = (name, payload)
            try:
                await self._insist(lambda n=name, p=payload: requests.raise_event(run_id, n, p))
            except EventRejectedError as error:
                self._trace.say("%s: %s is rejected: %s", run_id, name, error)
            now.undecided = None
            now.sent.append((name, payload))
            self._trace.say("%s: %s is acknowledged", run_id, name)
            self.check_events()

    def _settle(self) -> None:
        """Find out whether the event arrived that a crash left undecided; if not, it is sent again."""
        now = self._now
        undecided, now.undecided = now.undecided, None
        if undecided is not None and len(self._arrived()) > len(now.sent):
            now.sent.append(undecided)

    def names(self) -> set[str]:
        """The names of the events that it sends, in lower case."""
        return {name.casefold() for name, _ in self.run.events}

    def _arrived(self) -> list[tuple[str, str]]:
        """The events of this client that the store holds, in the order of their arrival."""
        names = self.names()
        arrived = self._ledger.taken_in(self.run.id) + self._ledger.waiting(self.run.id)
        return [(name, payload) for name, payload in arrived if name.casefold() in names]

    def check_events(self) -> None:
        """What was acknowledged is there, once, and in order."""
        now, arrived = self._now, self._arrived()
        sent = now.sent if now.undecided is None else [*now.sent, now.undecided]
        if arrived != sent[: len(arrived)]:
            self._broken(Invariant.HANDLED_ONCE, f"{self.run.id} got {arrived}, and {sent} were sent")
        elif self._ledger.is_open(self.run.id) and len(arrived) < len(now.sent):
            message = f"{self.run.id} got {arrived}, and {now.sent} were acknowledged"
            self._broken(Invariant.HANDLED_ONCE, message)

    # -- steering -----------------------------------------------------------------------------

    async def _pause(self, requests: Requests) -> None:
        now, run_id = self._now, self.run.id
        while now.pauses or now.is_paused:
            if not now.is_paused:
                now.pauses -= 1
                await asyncio.sleep(self._dice.waiting_time())
                now.is_paused = True
                await self._steer("suspended", lambda: requests.suspend(run_id, "simulation"))
                await asyncio.sleep(self._dice.waiting_time())
            await self._steer("resumed", lambda: requests.resume(run_id, "simulation"))
            now.is_paused = False

    async def _terminate(self, requests: Requests) -> None:
        now, run_id = self._now, self.run.id
        if now.terminates:
            await asyncio.sleep(self._dice.waiting_time())
            await self._steer("terminated", lambda: requests.terminate(run_id, TERMINATED_WITH, True))
            now.terminates = False

    async def _steer(self, what: str, request: Callable[[], Awaitable[object]]) -> None:
        try:
            await self._insist(request)
        except InstanceStateError as error:
            self._trace.say("%s is not " + what + ": %s", self.run.id, error)
        else:
            self._trace.say("%s is " + what, self.run.id)

    async def _insist(self, request: Callable[[], Awaitable[object]]) -> None:
        """Ask until the store takes it."""
        while True:
            try:
                await request()
            except StoreError as error:
                self._trace.say("%s is refused: %s", self.run.id, error)
                await asyncio.sleep(0.01 + self._dice.waiting_time())
            except InstanceNotFoundError:
                self._lost()
                return
            else:
                return


def _has_ended(record: InstanceRecord) -> bool:
    return record.status.is_terminal
