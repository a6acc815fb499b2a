"""The gate: before changed code is used by anybody, it is held against the history of every run in flight (S12, S51)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

import msgspec

from nbflow.core.fitting import Diverges, Fit, Fits, Undecided, fit
from nbflow.core.history import HistoryEvent
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.definitions import evidence_of
from nbflow.engine.code import stored_source
from nbflow.engine.output import TurnPrints, context_with
from nbflow.errors import UnknownWorkflowError
from nbflow.ports import HistoryStore, InstanceFilter

if TYPE_CHECKING:
    from nbflow.runtime.runtime import WorkflowRuntime

_ACTIVE: Final = tuple(status for status in RuntimeStatus if not status.is_terminal)
_AT_ONCE: Final = 500
_EXPLAINED: Final = 10
"""Divergences that are explained in full; of the others it is told where they are."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What changed code comes to for one run.

    Attributes:
        instance_id: The run.
        definition: The hash of the code that it has.
        fit: Whether the changed code fits its history.
    """

    instance_id: str
    definition: str
    fit: Fit


class GateReport(msgspec.Struct, frozen=True, kw_only=True):
    """All runs in flight that were begun with other code, and what the changed code comes to for each.

    Attributes:
        name: The workflow.
        code_hash: The changed code.
        verdicts: The runs, oldest first.
    """

    name: str
    code_hash: str
    verdicts: tuple[Verdict, ...]

    def of(self, kind: type[Fits] | type[Diverges] | type[Undecided]) -> list[Verdict]:
        """The runs with one kind of outcome."""
        return [verdict for verdict in self.verdicts if isinstance(verdict.fit, kind)]


class Gate:
    """Holds code against runs in flight.

    Args:
        runtime: The runtime.
        seconds: How long all of it may take; what is not replayed by then is undecided.
        now: Seconds of a clock that never goes back.
    """

    def __init__(
        self, runtime: WorkflowRuntime, *, seconds: float = 10.0, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._runtime = runtime
        self._seconds = seconds
        self._now = now

    def check(self, name: str, code_hash: str | None = None) -> GateReport:
        """Replay every run in flight of a workflow against one version of its code, without any effect.

        Args:
            name: The workflow.
            code_hash: The version; the newest by default.

        Raises:
            UnknownWorkflowError: There is no such version.
            CodeNotRestoredError: It is stored, and can't be made here.
        """
        version = self._runtime.registry.version(name, code_hash)
        if version is None:
            raise UnknownWorkflowError(
                f"no version {code_hash or ''} of {name!r} is known: %wf versions {name}"
            )
        records = self._runtime.read(lambda store: _others(store, name, version.code_hash))
        if not records:
            return GateReport(name=name, code_hash=version.code_hash, verdicts=())
        done: Future[GateReport] = Future()

        def look() -> None:
            try:
                verdicts = tuple(self._verdicts(records, name, version.code_hash))
                done.set_result(GateReport(name=name, code_hash=version.code_hash, verdicts=verdicts))
            except BaseException as error:
                done.set_exception(error)

        self._runtime.aside.do(look)
        return _result(done)

    def _verdicts(self, records: Sequence[InstanceRecord], name: str, code_hash: str) -> Iterator[Verdict]:
        version = self._runtime.registry.version(name, code_hash)
        assert version is not None, "it was there a moment ago"
        code, end, explained = version.running(), self._now() + self._seconds, 0
        quiet = context_with(TurnPrints(), None)
        sources: dict[str, str | None] = {}
        for first in range(0, len(records), _AT_ONCE):
            some = records[first : first + _AT_ONCE]
            histories = self._runtime.read(
                lambda store, ids=[record.instance_id for record in some]: store.read_histories(ids)
            )
            for record in some:
                history = histories.get(record.instance_id, [])
                if record.definition not in sources:
                    sources[record.definition] = self._source(record)

                def judged(record: InstanceRecord = record, history: list[HistoryEvent] = history) -> Fit:
                    return fit(
                        code,
                        history,
                        instance_id=record.instance_id,
                        context=quiet,
                        explained=explained < _EXPLAINED,
                        evidence=evidence_of(code, history, recorded=sources[record.definition]),
                        is_late=lambda: self._now() > end,
                    )

                verdict = quiet.copy().run(judged) if history else Fits()
                explained += isinstance(verdict, Diverges)
                yield Verdict(instance_id=record.instance_id, definition=record.definition, fit=verdict)

    def _source(self, record: InstanceRecord) -> str | None:
        return self._runtime.read(lambda store: stored_source(store, record))


def _others(store: HistoryStore, name: str, code_hash: str) -> list[InstanceRecord]:
    """The runs in flight that have other code."""
    found = store.list_instances(InstanceFilter(name=name, statuses=_ACTIVE))
    return [record for record in found if record.definition not in ("", code_hash)]


def _result(done: Future[GateReport]) -> GateReport:
    """Wait for the report, in steps, so that an interrupt is noticed."""
    while True:
        try:
            return done.result(0.2)
        except TimeoutError:
            continue
