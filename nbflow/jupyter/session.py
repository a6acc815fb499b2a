"""The notebook's runtime: one a shell, kept on the shell, opened and closed here.

`NbFlow` is what ``%config NbFlow`` shows. It knows where the history is, has the
runtime of that history, and the code that the cells defined, which outlives a
change of history.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import copy_context
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from weakref import WeakSet

from traitlets import Unicode, observe
from traitlets.config import Configurable

from nbflow.core.history import HistoryEvent
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.definitions import (
    STARTER_NAME,
    ActivityDefinition,
    Definition,
    Registry,
    WorkflowDefinition,
    definitions_in,
)
from nbflow.errors import DefinitionError, NbflowError, StoreError
from nbflow.jupyter.complaints import CommandError
from nbflow.jupyter.keeping import complaint
from nbflow.jupyter.kernel import KernelThread
from nbflow.jupyter.location import MEMORY, locate, prepare, shorten
from nbflow.jupyter.shell import Shell
from nbflow.jupyter.sources import CellSources
from nbflow.jupyter.waiting import Waiting, waiting
from nbflow.ports import Clock, InstanceFilter
from nbflow.runtime import RunSource, WorkflowClient, WorkflowHandle, WorkflowRuntime
from nbflow.runtime.keys import user_key
from nbflow.runtime.wiring import Durability

_JSON_NAMES: Final = {"true": True, "false": False, "null": None}
_MOST_LOOKED_AT: Final = 1000
_ACTIVE: Final = InstanceFilter(statuses=tuple(status for status in RuntimeStatus if not status.is_terminal))


class NbFlow(Configurable):
    """nbflow in this notebook."""

    db = Unicode("", help="Where the history is; empty: .nbflow/<notebook>.duckdb beside the notebook").tag(
        config=True
    )

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.kernel = KernelThread.here()
        self.known = Registry()
        self._sources = CellSources(shell)
        self._unkept: list[str] = []
        self._said: set[str] = set()
        self.path = ""
        self.trouble: StoreError | None = None
        self.undo = contextlib.ExitStack()
        self._runtime: WorkflowRuntime | None = None
        self._is_virtual = False
        self._durability: Durability = "full"
        self._key: bytes | None = None
        self._seen: WeakSet[Any] = WeakSet()
        self._adopted: dict[tuple[str, str, str], Definition] = {}
        self._listeners: list[Callable[[], object]] = []
        self._is_switching = False
        super().__init__(config=shell.config)
        shell.push({STARTER_NAME: self.start}, interactive=False)  # for a .start(…) in the defining cell

    # -- the runtime --------------------------------------------------------------------------

    @property
    def runtime(self) -> WorkflowRuntime:
        """The open runtime; raises CommandError if there is none."""
        if self._runtime is None or not self._runtime.is_open:
            why = f" ({self.trouble})" if self.trouble is not None else ""
            raise CommandError(
                f"no history is open{why}: type %wf db to try again, or %wf db PATH for another"
            )
        return self._runtime

    @property
    def client(self) -> WorkflowClient:
        """The runtime's client; raises CommandError if no history is open."""
        return self.runtime.client

    @property
    def is_open(self) -> bool:
        """Whether there is an open runtime."""
        return self._runtime is not None and self._runtime.is_open

    def open(self) -> None:
        """Open the history, and let go of the one that was open before, but not if this one can't be.

        Raises:
            StoreError: It can't be opened.
        """
        path = locate(self.db, os.environ, self.shell.user_ns, Path.cwd())
        if self.is_open and path == self.path and self._is_virtual == self.is_virtual:
            if path == MEMORY or self.runtime.durability == self._durability:
                return
            self.close()  # one runtime at a time may have it
        try:
            prepare(path)
            runtime = WorkflowRuntime(
                path,
                clock=_virtual_clock() if self._is_virtual else None,
                definitions=list(self._adopted.values()),
                forward_orphans=False,
                key=self._owner_key(path),
                durability=self._durability,
            )
            runtime.open()
        except StoreError as error:
            if not self.is_open:
                self.path, self.trouble = path, error
            raise
        self.close()
        self._runtime, self.path, self.trouble = runtime, path, None

    def _owner_key(self, path: str) -> bytes | None:
        """What the history there is signed with: one key for as long as the notebook is open."""
        if path != MEMORY and self._key is None:
            self._key = user_key(os.environ)
        return self._key

    def close(self) -> None:
        """Let go of the history; what runs goes on when it is opened again."""
        runtime, self._runtime = self._runtime, None
        if runtime is not None:
            runtime.close()

    def switch(self, path: str, *, is_virtual: bool = False, durability: Durability = "full") -> None:
        """Open another history; raises StoreError, and then stays with the present one.

        Args:
            path: The history.
            is_virtual: Whether its time is to stand still until it is skipped.
            durability: ``relaxed``: whether commits need not wait for the disk.
        """
        before = self.db, self._is_virtual, self._durability
        self._set_db(path, is_virtual, durability)
        try:
            self.open()
        except StoreError:
            if self.is_open:
                self._set_db(*before)
            raise

    @property
    def is_virtual(self) -> bool:
        """Whether time stands still until it is skipped."""
        return self.is_open and self.runtime.is_virtual

    def _set_db(self, path: str, is_virtual: bool, durability: Durability) -> None:
        self._is_switching = True
        try:
            self.db, self._is_virtual, self._durability = path, is_virtual, durability
        finally:
            self._is_switching = False

    @observe("db")
    def _db_configured(self, _change: Any) -> None:
        """``%config NbFlow.db = PATH`` does what ``%wf db PATH`` does."""
        if self._is_switching or not self.path:
            return
        self._is_virtual, self._durability = False, "full"
        for tell in self._listeners:
            tell()

    def on_configured(self, tell: Callable[[], object]) -> None:
        """Have something called when ``%config`` names another history."""
        self._listeners.append(tell)

    # -- code ---------------------------------------------------------------------------------

    @property
    def code(self) -> Registry:
        """All code that can be used: what the notebook has defined, and what the open history keeps."""
        return self.runtime.registry if self.is_open else self.known

    def adopt(self, definition: Definition) -> str:
        """Make code known: to this notebook, and to the runtime, where what waited for it goes on.

        Returns:
            What is new about it, for a person: ``new``, ``unchanged``, or ``changed: …``.
        """
        self._seen.add(definition)
        self.look_at(definition)
        before = self.code.newest_hash(definition.kind, definition.name)
        breaks: list[str] = []
        self.known.add(definition)
        version = (definition.kind, definition.name, definition.code_hash)
        self._adopted.pop(version, None)
        self._adopted[version] = definition
        if isinstance(definition, WorkflowDefinition):
            definition.starter = self.start
        if self.is_open:
            self.runtime.register(definition, told=lambda _definition, found: breaks.extend(found))
        if breaks:
            return f"changed in a way that runs in flight may not go on with: {', '.join(breaks)}"
        if before is None:
            return "new"
        if before == definition.code_hash:
            return "unchanged"
        if isinstance(definition, WorkflowDefinition):
            return "changed: runs in flight keep the code that they were started with"
        return "changed: calls from now on use it"

    def look_at(self, definition: Definition) -> None:
        """See what code uses; raises DefinitionError if a workflow can't be kept with all of that."""
        definition.sources = self._sources
        definition.capture_again()
        if isinstance(definition, WorkflowDefinition) and definition.is_of_notebook and definition.problems:
            raise DefinitionError(complaint(definition.name, definition.problems))

    def outdated(self) -> list[tuple[WorkflowDefinition[Any, Any], list[str]]]:
        """Workflows of the notebook that use something which means something else by now, and the names of that."""
        found: list[tuple[WorkflowDefinition[Any, Any], list[str]]] = []
        for name in self.known.workflow_names():
            version = self.known.version(name)
            definition = version.live if version is not None else None
            if definition is None or not definition.is_of_notebook:
                continue
            before = definition.captured
            if not before.is_outdated(self.shell.user_ns) or not definition.capture_again():
                continue
            if definition.problems:
                self._unkept.append(complaint(name, definition.problems))
                definition.made_of(before)
            else:
                found.append((definition, definition.captured.differing(before)))
        return found

    def take_complaints(self) -> list[str]:
        """What workflows would use by now and can't be kept with, each said once: they go on as they were."""
        news = [text for text in self._unkept if text not in self._said]
        self._said, self._unkept = {*self._said, *news}, []
        return news

    def complete(self) -> list[str]:
        """Have runs go on whose code missed a name that the notebook has by now; gives their IDs."""
        if not self.is_open or not self.runtime.registry.misses_names:
            return []
        return self.runtime.code.complete(self.shell.user_ns, self._sources)

    def find_new(self) -> list[Definition]:
        """The definitions among the notebook's variables that are not known yet, such as a decorator's."""
        kinds = (ActivityDefinition, WorkflowDefinition)
        # By type and not by isinstance: that asks a variable for its __class__, which some proxies raise at.
        named = [value for value in list(self.shell.user_ns.values()) if issubclass(type(value), kinds)]
        return [found for found in definitions_in(*named) if found not in self._seen]

    def known_definitions(self) -> Iterator[Definition]:
        """The newest code of every workflow and activity of the notebook and of its history."""
        for name in self.code.workflow_names():
            if (workflow := self.code.workflow(name)) is not None:
                yield workflow
        for name in self.code.activity_names():
            if (activity := self.code.activity(name)) is not None:
                yield activity

    def let_go(self) -> None:
        """Take from the notebook's workflows what they got from here."""
        self.shell.user_ns.pop(STARTER_NAME, None)
        for definition in self._adopted.values():
            if isinstance(definition, WorkflowDefinition):
                definition.starter = None

    # -- runs ---------------------------------------------------------------------------------

    def start(
        self,
        definition: WorkflowDefinition[Any, Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        id: str | None,
    ) -> WorkflowHandle:
        """Start a run from a cell: ``fulfil.start(order, id="order-42")``."""
        encoded = definition.encode_call(args, kwargs)
        return self.client.start_call(definition, encoded, instance_id=id, origin=copy_context())

    def source(self, instance_id: str) -> RunSource:
        """A run, for those who draw it."""
        place = shorten(self.path)
        return RunSource(self.runtime, instance_id, closed=lambda: f"`%wf db {place}` opens it again")

    def waiting(self, instance_id: str) -> Waiting:
        """What a run waits for; raises InstanceNotFoundError."""
        return self._waiting(*self.client.snapshot(instance_id))

    def first_waiting(self, limit: int) -> list[Waiting]:
        """What the runs wait for that have not ended, the oldest first."""
        runs = self.runtime.read(
            lambda store: [
                (record, store.read_history(record.instance_id))
                for record in store.list_instances(_ACTIVE, limit=limit)
            ]
        )
        return [self._waiting(record, history) for record, history in runs]

    def count_waiting(self) -> int:
        """How many runs have not ended."""
        counts = self.runtime.read(lambda store: store.count_by_status())
        return sum(count for status, count in counts.items() if not status.is_terminal)

    def without_code(self) -> set[str]:
        """IDs of runs, oldest first and not all of very many, whose code isn't there."""
        records = self.runtime.read(lambda store: store.list_instances(_ACTIVE, limit=_MOST_LOOKED_AT))
        return {record.instance_id for record in records if self.runtime.missing_code(record)}

    def _waiting(self, record: InstanceRecord, history: Sequence[HistoryEvent]) -> Waiting:
        missing = self.runtime.missing_code(record)
        return waiting(record, history, missing, is_outdated=self.known.version(record.name) is not None)

    # -- the notebook's variables -------------------------------------------------------------

    def evaluate(self, expression: str, shown: str) -> Any:
        """The value of a Python expression in the notebook, in which ``true false null`` are known, too.

        Args:
            expression: The expression.
            shown: What a person typed of it, for messages.

        Raises:
            CommandError: It can't be evaluated; says why in one line.
        """
        try:
            code = compile(expression.strip(), "<%wf>", "eval", dont_inherit=True)
            return eval(code, {**_JSON_NAMES, **self.shell.user_ns})
        except NbflowError:
            raise
        except Exception as error:
            reason = error.msg if isinstance(error, SyntaxError) else error
            raise CommandError(
                f"{type(error).__name__} in {shown.strip()}: {reason} - correct it there"
            ) from None

    def handle_in(self, name: str) -> WorkflowHandle | None:
        """The handle that a variable of the notebook holds, or None."""
        value = self.shell.user_ns.get(name)
        return value if isinstance(value, WorkflowHandle) else None

    @property
    def place(self) -> str:
        """Where the history is, for a person."""
        return shorten(self.path)


def _virtual_clock() -> Clock:
    """A clock that stands still now, at a whole second."""
    from nbflow.testing import VirtualClock

    return VirtualClock(datetime.now(UTC).replace(microsecond=0))


def session_of(shell: Shell) -> NbFlow | None:
    """The notebook's nbflow, if ``%load_ext nbflow`` was run."""
    return next((part for part in shell.configurables if isinstance(part, NbFlow)), None)
