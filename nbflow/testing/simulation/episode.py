"""One seed: an engine's lives over one store, until everything has come to rest."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from nbflow.core.divergence import ExecutionStalledError
from nbflow.core.history import HistoryEvent
from nbflow.core.replay import replay
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.definitions import WorkflowDefinition
from nbflow.engine.output import routed_prints
from nbflow.stores.memory import MemoryStore
from nbflow.testing.simulation.clients import TERMINATED_WITH, Client
from nbflow.testing.simulation.faults import Dice, Faults, Tally
from nbflow.testing.simulation.invariants import Broken, Invariant
from nbflow.testing.simulation.ledger import Ledger
from nbflow.testing.simulation.life import End, Life, Setting
from nbflow.testing.simulation.script import Script, SimulatedRun
from nbflow.testing.simulation.trace import Trace

_MAX_LIVES: Final = 50


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended, as far as it must be the same in every simulation."""

    status: RuntimeStatus
    output: object = None
    failure: tuple[str, str] | None = None

    def __str__(self) -> str:
        told = f"{self.status}"
        if self.failure is not None:
            return f"{told} ({self.failure[0]}: {self.failure[1]})"
        return f"{told} {self.output!r}"


@dataclass(eq=False)
class Episode:
    """One seed.

    Attributes:
        script: What is simulated.
        seed: The seed.
        faults: What may go wrong.
        expected: How each run ends undisturbed; None: this is the undisturbed run.
        trace: What happened.
        broken: The first invariant that did not hold, and how that showed.
        outcomes: How each run ended.
        tally: What it went through.
    """

    script: Script
    seed: int
    faults: Faults
    expected: Mapping[str, Outcome] | None = None
    trace: Trace = field(default_factory=Trace)
    broken: tuple[Invariant, str] | None = None
    outcomes: dict[str, Outcome] = field(default_factory=dict[str, Outcome])
    tally: Tally = field(default_factory=Tally)
    _life: Life | None = None

    def play(self) -> None:
        """Live from the first opening until everything is at rest, and compare."""
        with _silence(self._break, self.trace):
            self._play()

    def _break(self, invariant: Invariant, how: str) -> None:
        """An invariant doesn't hold: what comes after that first time is of no interest."""
        if self.broken is None:
            self.broken = (invariant, how)
            self.trace.say("BROKEN: %s: %s", invariant, how)
            if self._life is not None:
                self._life.loop.stop()

    # -- living -------------------------------------------------------------------------------

    def _play(self) -> None:
        dice = Dice(self.seed, self.faults)
        self.tally = dice.tally
        store = MemoryStore()
        store.open()
        ledger = Ledger(store, self._break)
        setting = Setting(
            script=self.script, store=store, dice=dice, ledger=ledger, trace=self.trace, broken=self._break
        )
        clients = [Client(run, dice, ledger, self.trace, self._break) for run in self.script.runs]
        time, end = 0.0, None
        for _ in range(_MAX_LIVES):
            life = self._life = Life(setting, clients, time)
            end = life.run()
            time = life.loop.time() + dice.downtime()
            if end is End.AT_REST or self.broken is not None:
                break
        if end is not End.AT_REST:
            self._break(Invariant.REST, f"the engine was opened {_MAX_LIVES} times, and is not done")
        if self.broken is None:
            self._look_back(ledger, clients)
        if self.broken is None:
            self._open_once_more(setting, time)

    def _open_once_more(self, setting: Setting, time: float) -> None:
        """What has come to rest stays so when it is opened again, and only the inbox may be tidied up."""
        setting.dice.calm_down()
        records = setting.ledger.records
        before = dict(records)
        self._life = Life(setting, [], time)
        self._life.run()
        for instance_id, record in records.items():
            if record != before.get(instance_id):
                self._break(Invariant.REST, f"{instance_id} goes on when all was at rest, and opened again")
        setting.ledger.check_inbox()

    # -- looking back -------------------------------------------------------------------------

    def _look_back(self, ledger: Ledger, clients: Sequence[Client]) -> None:
        ledger.check_stored()
        ledger.check_sent({client.run.id: client.names() for client in clients})
        for client in clients:
            client.check_events()
            self._compare(client, ledger)
        self._check_descendants(ledger)
        self._check_replays(ledger)

    def _compare(self, client: Client, ledger: Ledger) -> None:
        run = client.run
        record = ledger.records.get(run.id)
        if record is None:
            self._break(Invariant.RESULT, f"{run.id} isn't there")
            return
        outcome = self.outcomes[run.id] = _outcome(run, record)
        if self.expected is None:
            if not record.status.is_terminal:
                how = f"{run.id} is {record.status} and never ends: {_waits(ledger, run.id)}"
                self._break(Invariant.REST, how)
            return
        if outcome == self.expected[run.id]:
            return
        if run.terminated and outcome == _AS_TERMINATED:
            return
        how = f"{run.id} is {outcome}; undisturbed it is {self.expected[run.id]}"
        self._break(Invariant.RESULT, how)

    def _check_descendants(self, ledger: Ledger) -> None:
        """Nothing below a run that was terminated goes on."""
        for record in ledger.records.values():
            parent = ledger.records.get(record.parent.instance_id) if record.parent is not None else None
            if (
                parent is not None
                and parent.status is RuntimeStatus.TERMINATED
                and not record.status.is_terminal
            ):
                how = f"{record.instance_id} is {record.status}, though {parent.instance_id} was terminated"
                self._break(Invariant.RESULT, how)

    def _check_replays(self, ledger: Ledger) -> None:
        """Every history fits its code, whether or not a crash has had it replayed."""
        code = {d.name: d for d in self.script.definitions if isinstance(d, WorkflowDefinition)}
        for record in ledger.records.values():
            for book in ledger.books(record.instance_id):
                if record.name in code and book.events:
                    self._check_replay(code[record.name], record.instance_id, book.events)

    def _check_replay(
        self, code: WorkflowDefinition[..., Any], instance_id: str, events: Sequence[HistoryEvent]
    ) -> None:
        try:
            replay(code, events, instance_id=instance_id).evict()
        except ExecutionStalledError as error:
            self._break(Invariant.REPLAY, f"{instance_id}: {error.stall.message}")


def _outcome(run: SimulatedRun, record: InstanceRecord) -> Outcome:
    failure = None if record.failure is None else (record.failure.type, record.failure.message)
    output: object = record.output
    if run.same is not None and record.status is RuntimeStatus.COMPLETED and record.output is not None:
        output = run.same(run.workflow.decode_result(record.output))
    return Outcome(status=record.status, output=output, failure=failure)


def _waits(ledger: Ledger, instance_id: str) -> str:
    books = ledger.books(instance_id)
    waits = [f"event {wait.name!r}" for wait in books[-1].state.waits.values()] if books else []
    return f"it waits for {', '.join(waits)}" if waits else "nothing is left that it could wait for"


_AS_TERMINATED: Final = Outcome(status=RuntimeStatus.TERMINATED, output=TERMINATED_WITH)


class _Ear(logging.Handler):
    """Hears what the engine logs: an error of its own must not be."""

    def __init__(self, broken: Broken, trace: Trace) -> None:
        super().__init__(logging.WARNING)
        self._broken = broken
        self._trace = trace

    def emit(self, record: logging.LogRecord) -> None:
        self._trace.say("logged: %s", record.getMessage())
        if record.levelno >= logging.ERROR and record.name == "nbflow.engine":
            self._broken(Invariant.SOUND, self.format(record))


@contextlib.contextmanager
def _silence(broken: Broken, trace: Trace) -> Generator[None]:
    """Keep logs and prints of a thousand simulated crashes to ourselves."""
    logger, ear = logging.getLogger("nbflow"), _Ear(broken, trace)
    before, logger.propagate = logger.propagate, False
    logger.addHandler(ear)
    try:
        with contextlib.redirect_stdout(io.StringIO()), routed_prints():
            yield
    finally:
        logger.removeHandler(ear)
        logger.propagate = before
