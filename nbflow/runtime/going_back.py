"""Forks and rewinds as a client asks for them: read, planned on a dry replay, and handed to the engine.

Workflow code that is run for a plan has no effect, and runs where looks at runs do (`Aside`).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from nbflow.core import actions as a
from nbflow.core import history as h
from nbflow.core.branching import Anew, ChildFate, Finished, Kept, Rewound
from nbflow.core.divergence import ExecutionStalledError
from nbflow.core.going_back import (
    Answer,
    Cut,
    called,
    changeable,
    cut_before,
    cut_behind,
    subject,
    with_value,
)
from nbflow.core.identity import fork_id
from nbflow.core.payloads import Codec, codec
from nbflow.core.replay import replay
from nbflow.core.rewinding import rewind_cut
from nbflow.core.state import InstanceRecord, RuntimeState, RuntimeStatus
from nbflow.definitions import WorkflowDefinition
from nbflow.engine.going_back import ChangedMeanwhileError, ForkRequest, RewindRequest
from nbflow.engine.output import TurnPrints, context_with
from nbflow.errors import Evicted, GoingBackError, InstanceStateError

if TYPE_CHECKING:
    from nbflow.core.execution import Execution
    from nbflow.ports import HistoryStore
    from nbflow.runtime.runtime import WorkflowRuntime

_T = TypeVar("_T")
_STEP: Final = 0.2
"""Seconds between looks, so that an interrupt is noticed soon."""

_TRIES: Final = 20
"""How often a plan is made anew because something has happened meanwhile."""


class GoingBack:
    """Plans forks and rewinds.

    Args:
        runtime: The runtime.
        is_aside: Whether the caller is on the thread for looks already.
    """

    def __init__(self, runtime: WorkflowRuntime, *, is_aside: bool = False) -> None:
        self._runtime = runtime
        self._is_aside = is_aside

    # -- forks -----------------------------------------------------------------------------------

    def fork(
        self, instance_id: str, at: int, value: Any, new_id: str | None, newest: bool, origin: Context | None
    ) -> tuple[str, str]:
        """Fork a run; gives the new run's ID and its workflow.

        Args:
            instance_id: The run.
            at: The last event that is shared; with a value, the event that gets it.
            value: The other value of that event, or its JSON text as `msgspec.Raw`; UNSET: none.
            new_id: The new run's ID; made up if None.
            newest: Whether it goes on with the newest code.
            origin: The context of the caller.
        """
        self._runtime.call(self._runtime.requests.check_rows(instance_id))
        record, history = self._runtime.client.snapshot(instance_id)
        try:
            cut = self._fork_cut(record, history, at, value)
        except GoingBackError as error:
            raise GoingBackError(f"{instance_id}: {error}") from None
        request = ForkRequest(
            record=record,
            cut=cut,
            instance_id=new_id if new_id is not None else self.free_id(instance_id),
            execution_id=uuid.uuid4().hex,
            definition=self._newest_that_fits(record, cut) if newest else record.definition,
            origin=origin,
        )
        self._runtime.call(self._runtime.requests.fork(request))
        return request.instance_id, record.name

    def _fork_cut(
        self, record: InstanceRecord, history: Sequence[h.HistoryEvent], at: int, value: Any
    ) -> Cut:
        if value is msgspec.UNSET:
            return cut_behind(history, at)
        event = changeable(history, at)
        text = self._encoded(event, history, value)
        cut = cut_before(history, at, with_value(event, text))
        self._check_event(record, cut)
        return cut

    def _encoded(self, event: Answer, history: Sequence[h.HistoryEvent], value: Any) -> str:
        """A value as JSON text, by the annotation of what it stands in for; raises PayloadError."""
        writer, what = self.codec_of(event, history)
        if isinstance(value, msgspec.Raw):
            value = writer.decode(bytes(value).decode(), what=what)
        return writer.encode(value, what=what)

    def codec_of(self, event: Answer, history: Sequence[h.HistoryEvent]) -> tuple[Codec, str]:
        """What writes and reads the value that an event carries, and what that value is called in messages."""
        registry = self._runtime.registry
        match event:
            case h.EventRaised(name=name):
                return codec(), f"the payload of {name!r}"
            case h.TaskCompleted(scheduled_id=i) | h.TaskFailed(scheduled_id=i):
                definition = registry.activity(called(history, i))
            case h.ChildWorkflowCompleted(scheduled_id=i) | h.ChildWorkflowFailed(scheduled_id=i):
                definition = registry.workflow(called(history, i))
        if definition is None:
            return codec(), subject(event, history)
        return definition.signature.result, f"the result of {definition.name}"

    def _check_event(self, record: InstanceRecord, cut: Cut) -> None:
        """Refuse an event's payload that the workflow would refuse; raises GoingBackError."""
        code = self._runtime.registry.running(record.name, record.definition)
        raised = cut.again
        if code is None or not isinstance(raised, h.EventRaised):
            return
        reason = self._aside(lambda: _rejection(code, record.instance_id, cut.kept, raised))
        if reason is not None:
            raise GoingBackError(f"event {cut.changed}, {raised.name!r}, can't have that value: {reason}")

    def _newest_that_fits(self, record: InstanceRecord, cut: Cut) -> str:
        newest = self._runtime.registry.running(record.name)
        if newest is None:
            raise GoingBackError(f"{record.name} isn't known: run the cell that defines it")
        misfit = self._aside(lambda: _misfit(newest, record.instance_id, cut.kept))
        if misfit is not None:
            raise GoingBackError(
                f"{record.instance_id}: the newest code of {record.name} doesn't fit what would be shared ({misfit}): "
                "fork without --code newest, or at an earlier event"
            )
        return newest.code_hash

    def free_id(self, instance_id: str) -> str:
        """The first ID for a fork that nobody has."""

        def read(store: HistoryStore) -> str:
            number = 1
            while store.get_instance(fork_id(instance_id, number)) is not None:
                number += 1
            return fork_id(instance_id, number)

        return self._runtime.read(read)

    # -- rewinds ---------------------------------------------------------------------------------

    def rewind(self, instance_id: str, origin: Context | None) -> Cut:
        """Take a FAILED run back; gives where to."""
        for _ in range(_TRIES):
            request = self._rewind_request(instance_id, origin)
            try:
                self._runtime.call(self._runtime.requests.rewind(request))
            except ChangedMeanwhileError:
                continue
            return request.plan.cut
        raise InstanceStateError(f"{instance_id} changes all the time: `%wf show {instance_id}`")

    def rewinds_to(self, instance_id: str) -> Cut:
        """Where a rewind would take a FAILED run back to; raises what `rewind` raises, and changes nothing."""
        return self._rewind_request(instance_id, None).plan.cut

    def _rewind_request(self, instance_id: str, origin: Context | None) -> RewindRequest:
        self._runtime.call(self._runtime.requests.check_rows(instance_id))
        record, history = self._runtime.client.snapshot(instance_id)
        _check_failed(record)
        seen: dict[str, InstanceRecord | None] = {instance_id: record}
        plan = self._aside(lambda: self._rewound(record, history, seen))
        return RewindRequest(plan=plan, execution_id=uuid.uuid4().hex, seen=seen, origin=origin)

    def _rewound(
        self,
        record: InstanceRecord,
        history: Sequence[h.HistoryEvent],
        seen: dict[str, InstanceRecord | None],
    ) -> Rewound:
        registry = self._runtime.registry
        found = [registry.running(record.name), registry.running(record.name, record.definition)]
        codes = {code.code_hash: code for code in found if code is not None}
        if not codes:
            raise GoingBackError(
                f"{record.instance_id} can't be taken back without its code: run the cell that defines {record.name}"
            )
        for code in codes.values():
            cut = _cut_for(code, record, history)
            if cut is not None:
                return Rewound(
                    record=record,
                    cut=cut,
                    definition=code.code_hash,
                    children=self._fates(record, cut, seen),
                )
        missing = record.definition not in codes
        raise GoingBackError(
            f"{record.instance_id}: the newest code of {record.name} doesn't fit its history: "
            + (
                "run the cell with the code that it was started with"
                if missing
                else f"and its own doesn't either: `%wf replay {record.instance_id}` shows where they part"
            )
        )

    def _fates(
        self, record: InstanceRecord, cut: Cut, seen: dict[str, InstanceRecord | None]
    ) -> dict[int, ChildFate]:
        """What becomes of the children that the run would wait for again."""
        answered = getattr(cut.again, "scheduled_id", None)
        state = RuntimeState.of(cut.kept)
        fates: dict[int, ChildFate] = {}
        for i, call in state.children.items():
            if i != answered:
                fates[i] = self._fate(record, call, seen)
        return fates

    def _fate(
        self, parent: InstanceRecord, call: h.ChildWorkflowCreated, seen: dict[str, InstanceRecord | None]
    ) -> ChildFate:
        def read(store: HistoryStore) -> tuple[InstanceRecord | None, list[h.HistoryEvent]]:
            return store.get_instance(call.instance_id), store.read_history(call.instance_id, checked=True)

        child, history = self._runtime.read(read)
        seen[call.instance_id] = child
        if child is None or not _is_child(child, parent, call):
            return Anew()
        if not child.status.is_terminal:
            return Kept()
        if child.status is RuntimeStatus.COMPLETED:
            return Finished(output=child.output or "null")
        if child.status is RuntimeStatus.TERMINATED:
            return Anew()
        try:
            return self._rewound(child, history, seen)
        except GoingBackError:
            return Anew()  # it failed in its first step, or its code isn't there: it begins once more

    # -- dry replays -----------------------------------------------------------------------------

    def _aside(self, look: Callable[[], _T]) -> _T:
        """Do something on the thread for looks, and wait so that an interrupt is noticed."""
        if self._is_aside:
            return look()
        found: Future[_T] = Future()

        def answer() -> None:
            try:
                found.set_result(look())
            except BaseException as error:
                found.set_exception(error)

        self._runtime.aside.do(answer)
        while not wait([found], _STEP).done:
            pass
        return found.result()


def _is_child(child: InstanceRecord, parent: InstanceRecord, call: h.ChildWorkflowCreated) -> bool:
    """Whether a run is the child that a call has made, and not another one that has its ID by now."""
    above = child.parent
    return above is not None and (above.instance_id, above.scheduled_id) == (parent.instance_id, call.id)


def _check_failed(record: InstanceRecord) -> None:
    run = record.instance_id
    if record.status is not RuntimeStatus.FAILED:
        more = f"`%wf fork {run} --at N` goes back in a run of its own"
        if record.status is RuntimeStatus.STALLED:
            more = f"`%wf resume {run}` tries it again"
        raise InstanceStateError(
            f"{run} is {record.status}, and only a FAILED run can be taken back to before its failure: {more}"
        )
    if record.parent is not None:
        above = record.parent.instance_id
        raise InstanceStateError(
            f"{run} is a child of {above}, which was told of its failure: `%wf rewind {above}` takes both back if "
            f"{above} failed of it; `%wf fork {run} --at N` goes back in a run of its own"
        )


def _cut_for(
    code: WorkflowDefinition[..., Any], record: InstanceRecord, history: Sequence[h.HistoryEvent]
) -> Cut | None:
    try:
        return rewind_cut(history, lambda kept: _misfit(code, record.instance_id, kept) is None)
    except GoingBackError as error:
        run = record.instance_id
        raise GoingBackError(f"{run}: {error}; `%wf restart {run}` begins it once more") from None


def _misfit(
    code: WorkflowDefinition[..., Any], instance_id: str, history: Sequence[h.HistoryEvent]
) -> str | None:
    """Why code doesn't do what a history holds; None if it does."""
    try:
        replay(code, history, instance_id=instance_id, context=_quiet()).evict()
    except ExecutionStalledError as error:
        return error.stall.message
    return None


def _rejection(
    code: WorkflowDefinition[..., Any],
    instance_id: str,
    history: Sequence[h.HistoryEvent],
    event: h.EventRaised,
) -> str | None:
    """Why the workflow would refuse an event; None if it wouldn't, or can't be asked."""
    refused: list[str] = []

    def note(action: a.WorkflowAction) -> None:
        if isinstance(action, a.RejectEvent):
            refused.append(action.reason)
        raise Evicted  # what it does first tells, and nothing of it is to be done

    begun: list[Execution] = []
    try:
        execution = replay(code, history, instance_id=instance_id, context=_quiet(), begun=begun.append)
        execution.noting = note
        execution.feed(event, (), open_ended=True)
    except ExecutionStalledError:
        return None
    finally:
        for execution in begun:
            execution.evict()
    return refused[0] if refused else None


def _quiet() -> Context:
    """Context variables under which what code prints is dropped."""
    return context_with(TurnPrints(), None)
