"""What a torture begins with: a scratch store that has the code, and a run that has not begun."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from nbflow.core.payloads import codec
from nbflow.definitions import ActivityDefinition, Definition, Registry, WorkflowDefinition, definitions_in
from nbflow.definitions.pins import Problem
from nbflow.engine.clock import VirtualClock
from nbflow.errors import PayloadError
from nbflow.runtime import WorkflowRuntime
from nbflow.testing.complaints import WorkflowTestError
from nbflow.testing.stubs import Stubbed, find_activity
from nbflow.testing.torturing.modules import authors_modules

BEGINNING: Final = datetime(2030, 1, 1, tzinfo=UTC)
"""When the run begins, in virtual time."""

BEFORE: Final = BEGINNING - timedelta(seconds=1)
"""When it is asked for."""

_MOST_NAMED: Final = 3


class Plan:
    """What is run.

    Args:
        workflow: The workflow.
        encoded_input: Its input, as JSON text.
        instance_id: What the run is called.
        events: Name and data.
        stubs: What activities answer that are not to run.
        definitions: Workflows and activities that the code doesn't name.

    Attributes:
        events: Name and payload, as JSON text.
        stubs: JSON text by name of the activity.
        modules: Files of modules, by name.
        needed: Names of the workflow, and of the workflows and activities that it names.

    Raises:
        WorkflowTestError: Some of the code can't run in another process; says what, and what to do.
    """

    def __init__(
        self,
        workflow: WorkflowDefinition[..., Any],
        encoded_input: str,
        *,
        instance_id: str,
        events: Sequence[tuple[str, Any]],
        stubs: Mapping[Stubbed, Any],
        definitions: Iterable[Definition],
    ) -> None:
        self.workflow = workflow
        self.instance_id = instance_id
        self._input = encoded_input
        every = [*definitions_in(workflow, *definitions)]
        newest = {(one.kind, one.name): one for one in every if not one.is_declaration}
        self._definitions = list(newest.values())
        self.needed = sorted({one.name for one in definitions_in(workflow)})
        self.events = [
            (name, codec().encode(data, what=f"the payload of event {name!r}")) for name, data in events
        ]
        self.modules = authors_modules()
        self.stubs = _answers(stubs, self._definitions)
        _check([one for one in self._definitions if one.name in self.needed], self.stubs)

    def prepare(self, path: Path) -> None:
        """Make a store with the code and a run that has not begun."""
        from nbflow.stores.duckdb import DuckDBStore

        there = [d for d in self._definitions if d.pin is not None]
        store = DuckDBStore(path)
        with WorkflowRuntime(store=store, clock=VirtualClock(BEFORE), definitions=there) as runtime:
            runtime.client.start_call(
                self.workflow, self._input, instance_id=self.instance_id, start_at=BEGINNING
            )


def copied(path: Path, name: str) -> Path:
    """A store once more, beside the first, under another name."""
    target = path.with_name(name)
    shutil.copyfile(path, target)
    return target


def _answers(stubs: Mapping[Stubbed, Any], definitions: Iterable[Definition]) -> dict[str, str]:
    registry = Registry()
    for definition in definitions:
        registry.add(definition)
    found: dict[str, str] = {}
    for stubbed, value in stubs.items():
        activity = find_activity(registry, stubbed)
        try:
            found[activity.name] = activity.signature.result.encode(
                value, what=f"what the stub of {activity.name} answers"
            )
        except PayloadError as error:
            raise WorkflowTestError(f"{error}: give a value that {activity.signature} may return") from None
    return found


def _check(definitions: Iterable[Definition], stubs: Mapping[str, str]) -> None:
    said: list[str] = []
    for definition in definitions:
        if definition.pin is not None or definition.name in stubs:
            continue
        name = definition.name
        if isinstance(definition, ActivityDefinition):
            way = (
                f"make that inside of {name}, import it, or answer in its place: "
                f"%wf torture … --stub '{name}=VALUE', in Python stubs={{{name}: VALUE}}"
            )
        else:
            way = "pass it in as input, move the work into an activity, or make it a constant or an import"
        said.append(f"{definition.kind} {name} uses {_named(definition.problems)} - {way}")
    if said:
        raise WorkflowTestError("not all of the code can run in another process: " + "; ".join(said))


def _named(problems: Sequence[Problem]) -> str:
    shown = [f"`{problem.name}`, which {problem.what}" for problem in problems[:_MOST_NAMED]]
    more = f", and {len(problems) - _MOST_NAMED} more" if len(problems) > _MOST_NAMED else ""
    return "; ".join(shown) + more
