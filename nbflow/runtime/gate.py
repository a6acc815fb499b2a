"""The gate: before changed code is used by anybody, it is held against the history of every run in flight (S12, S51)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from nbflow.core.fitting import Diverges, Fit, Fits, Undecided, fit
from nbflow.core.history import HistoryEvent
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.definitions import Registry, WorkflowDefinition, evidence_of
from nbflow.definitions.versions import Version
from nbflow.engine.code import stored_source
from nbflow.engine.output import TurnPrints, context_with
from nbflow.engine.suspects import suspects_of
from nbflow.errors import UnknownWorkflowError
from nbflow.ports import HistoryStore, InstanceFilter
from nbflow.runtime.waiting import result_in_steps

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
        is_trusted = self._runtime.is_trusted  # else no code runs on what is in there
        records = self._runtime.read(lambda store: _others(store, name, version.code_hash))
        if not records or not is_trusted:
            return GateReport(name=name, code_hash=version.code_hash, verdicts=())
        done: Future[GateReport] = Future()

        def look() -> None:
            try:
                verdicts = tuple(self._verdicts(records, version))
                done.set_result(GateReport(name=name, code_hash=version.code_hash, verdicts=verdicts))
            except BaseException as error:
                done.set_exception(error)

        self._runtime.aside.do(look)
        return result_in_steps(done, None, "")

    def _verdicts(self, records: Sequence[InstanceRecord], version: Version[Any]) -> Iterator[Verdict]:
        judge = _Judge(self._runtime.registry, version, is_late=self._later(self._seconds))
        for first in range(0, len(records), _AT_ONCE):
            some = records[first : first + _AT_ONCE]
            histories, sources = self._runtime.read(partial(_read, records=some))
            for record in some:
                history = histories.get(record.instance_id, [])
                verdict = judge.of(record, history, sources.get(record.definition))
                yield Verdict(instance_id=record.instance_id, definition=record.definition, fit=verdict)

    def _later(self, seconds: float) -> Callable[[], bool]:
        end = self._now() + seconds
        return lambda: self._now() > end


class _Judge:
    """Holds code against one history after another; the first that diverge are explained in full."""

    def __init__(
        self,
        registry: Registry,
        version: Version[WorkflowDefinition[..., Any]],
        *,
        is_late: Callable[[], bool],
    ) -> None:
        self._registry = registry
        self._code = version.running()
        self._suspects = suspects_of(self._code)
        self._is_late = is_late
        self._quiet = context_with(TurnPrints(), None)
        self._explained = 0

    def of(self, record: InstanceRecord, history: list[HistoryEvent], recorded: str | None) -> Fit:
        """Whether the code fits a run; one that has not begun fits any code."""
        if not history:
            return Fits()
        found = self._quiet.copy().run(self._fit, record, history, recorded)
        self._explained += isinstance(found, Diverges)
        return found

    def _fit(self, record: InstanceRecord, history: list[HistoryEvent], recorded: str | None) -> Fit:
        return fit(
            self._code,
            history,
            instance_id=record.instance_id,
            context=self._quiet,
            explained=self._explained < _EXPLAINED,
            evidence=evidence_of(
                self._code,
                history,
                recorded=recorded,
                suspects=self._suspects,
                uses=self._registry.changed_uses(record.name, record.definition, self._code.code_hash),
            ),
            is_late=self._is_late,
        )


def _read(
    store: HistoryStore, records: Sequence[InstanceRecord]
) -> tuple[dict[str, list[HistoryEvent]], dict[str, str | None]]:
    """The histories of runs, and the source of each version that they have."""
    versions = {record.definition: record for record in records}
    sources = {code_hash: stored_source(store, record) for code_hash, record in versions.items()}
    return store.read_histories([record.instance_id for record in records]), sources


def _others(store: HistoryStore, name: str, code_hash: str) -> list[InstanceRecord]:
    """The runs in flight that have other code."""
    found = store.list_instances(InstanceFilter(name=name, statuses=_ACTIVE))
    return [record for record in found if record.definition not in ("", code_hash)]
