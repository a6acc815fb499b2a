"""A run as one JSON document: its row, all its executions with their events, and the code that it ran.

The text is the same for the same run, and made for ``diff``: keys are sorted, an event is one
line, and source is a list of lines. Payloads are JSON text inside of it, as they are on record.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, cast

import msgspec

from nbflow.core.history import ExecutionStarted, HistoryEvent, TaskScheduled
from nbflow.core.operations import DefinitionRecord
from nbflow.core.rows import from_json
from nbflow.core.state import InstanceRecord
from nbflow.errors import InstanceNotFoundError, UnknownHistoryKindError
from nbflow.ports import HistoryStore

FORMAT: Final = 1
"""Format of the document that this version writes."""

_event_encoder: Final = msgspec.json.Encoder(order="sorted")


class ExecutionHistory(msgspec.Struct, frozen=True, kw_only=True):
    """The events of one execution, in order."""

    execution_id: str
    events: tuple[HistoryEvent, ...]


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a store holds of one run.

    Attributes:
        instance: Its row.
        executions: Those that have a history, oldest first.
        definitions: The code that they ran, as far as the store has it.
    """

    instance: InstanceRecord
    executions: tuple[ExecutionHistory, ...]
    definitions: tuple[DefinitionRecord, ...]


def read_run(store: HistoryStore, instance_id: str) -> RunRecord:
    """A run as the store has it now.

    Raises:
        InstanceNotFoundError: There is no such run.
        UnknownHistoryKindError: A newer nbflow wrote it.
    """
    instance = store.get_instance(instance_id)
    if instance is None:
        raise InstanceNotFoundError(f"there is no run {instance_id!r} - type %wf ps for all of them")
    executions = tuple(
        ExecutionHistory(execution_id=each, events=tuple(store.read_history(instance_id, each)))
        for each in store.list_executions(instance_id)
    )
    used = tuple(_used(store.list_definitions(), instance, executions))
    return RunRecord(instance=instance, executions=executions, definitions=used)


def present(record: RunRecord) -> RunRecord:
    """A run without the executions that ended before it was last started: an ID can be used again."""
    kept: list[ExecutionHistory] = []
    for execution in reversed(record.executions):
        kept.insert(0, execution)
        if _started(execution) is None or getattr(_started(execution), "generation", 0) == 0:
            break
    return msgspec.structs.replace(record, executions=tuple(kept))


def _used(
    known: Sequence[DefinitionRecord], instance: InstanceRecord, executions: Sequence[ExecutionHistory]
) -> Iterator[DefinitionRecord]:
    """The versions of code that a run names, and of its activities those that were the newest meanwhile."""
    events = [event for execution in executions for event in execution.events]
    workflows = {
        (event.name, event.definition) for event in events if isinstance(event, ExecutionStarted)
    } | {(instance.name, instance.definition)}
    asked: dict[str, list[Any]] = {}
    for event in events:
        if isinstance(event, TaskScheduled):
            asked.setdefault(event.name, []).append(event.at)
    for at, record in enumerate(known):
        if record.kind == "workflow":
            if (record.name, record.code_hash) in workflows:
                yield record
            continue
        later = [other for other in known[at + 1 :] if (other.kind, other.name) == ("activity", record.name)]
        until = later[0].created_at if later else None
        times = asked.get(record.name, [])
        if any((until is None or time < until) and time >= record.created_at for time in times):
            yield record


def _started(execution: ExecutionHistory) -> ExecutionStarted | None:
    return next((event for event in execution.events if isinstance(event, ExecutionStarted)), None)


# -- as text ----------------------------------------------------------------------------------


class _OneLine(str):
    """JSON text that stays on its line."""


def to_text(record: RunRecord) -> str:
    """Write a run as JSON; `from_text` reads it."""
    document = {
        "format": FORMAT,
        "nbflow": _nbflow_version(),
        "instance": msgspec.to_builtins(record.instance),
        "executions": [
            {
                "execution_id": execution.execution_id,
                "events": [_OneLine(_event_encoder.encode(event).decode()) for event in execution.events],
            }
            for execution in record.executions
        ],
        "definitions": [
            {**msgspec.to_builtins(each), "source": each.source.split("\n")} for each in record.definitions
        ],
    }
    return "".join(_laid_out(document, "")) + "\n"


def _laid_out(value: Any, indent: str) -> Iterator[str]:
    match value:
        case _OneLine():
            yield value
        case dict() if value:
            fields = cast("dict[str, Any]", value)
            yield from _items("{}", [(f"{json.dumps(key)}: ", fields[key]) for key in sorted(fields)], indent)
        case list() if value:
            yield from _items("[]", [("", item) for item in cast("list[Any]", value)], indent)
        case _:
            yield json.dumps(value, ensure_ascii=False)


def _items(brackets: str, items: Sequence[tuple[str, Any]], indent: str) -> Iterator[str]:
    deeper = f"{indent}  "
    yield brackets[0]
    for number, (label, item) in enumerate(items):
        yield f"{',' if number else ''}\n{deeper}{label}"
        yield from _laid_out(item, deeper)
    yield f"\n{indent}{brackets[1]}"


class _Execution(msgspec.Struct, frozen=True):
    execution_id: str
    events: list[msgspec.Raw]


class _Instance(msgspec.Struct, frozen=True):
    instance_id: str


class _Document(msgspec.Struct, frozen=True):
    format: int
    instance: _Instance
    executions: list[_Execution]


def from_text(text: str) -> tuple[str, list[list[HistoryEvent]]]:
    """Read the run's ID, and the events of its executions, out of what `to_text` wrote.

    Raises:
        UnknownHistoryKindError: It is another document, or a newer nbflow wrote it.
    """
    try:
        found = msgspec.json.decode(text, type=_Document)
    except msgspec.DecodeError as error:
        raise UnknownHistoryKindError(f"this is no run that nbflow has exported: {error}") from error
    if found.format > FORMAT:
        raise UnknownHistoryKindError(
            f"this run was exported by a newer nbflow (format {found.format}, this one reads {FORMAT}): update nbflow"
        )
    return found.instance.instance_id, [
        [from_json(bytes(event)) for event in execution.events] for execution in found.executions
    ]


def _nbflow_version() -> str:
    try:
        return version("nbflow")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "unknown"
