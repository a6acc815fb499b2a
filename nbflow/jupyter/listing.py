"""``%wf ps``: the runs, a page at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from nbflow.core.state import RuntimeStatus
from nbflow.jupyter.actions import Request, find_run
from nbflow.jupyter.commands import COMMANDS
from nbflow.jupyter.complaints import CommandError
from nbflow.jupyter.location import shorten
from nbflow.jupyter.options import Values, parse_options
from nbflow.jupyter.session import NbFlow
from nbflow.jupyter.tables import Table
from nbflow.runtime.instances import RuntimeInstances
from nbflow.runtime.wiring import caveat
from nbflow.views.instances import Listing
from nbflow.views.instances.html import html_instances
from nbflow.views.instances.text import HEADING, fields
from nbflow.widgets.instances import InstancesSource, Scope, listing

_PAGE: Final = 50
_ALL: Final = Scope()


class RunTable(Table):
    """Runs, newest first: rows for Python, text for a terminal, HTML for a saved page, and live in a notebook.

    Attributes:
        live: Makes what a notebook shows; None: there is none that the table could be live in.

    Args:
        source: The runs.
        scope: Which of them.
        statuses: Any of these; all, if there are none.
        limit: How many at the most.
        typed: The command that shows this page, but for where it begins.
        warning: Gives what to say below it, if anything.

    Raises:
        NbflowError: They can't be read.
    """

    def __init__(
        self,
        source: InstancesSource,
        *,
        scope: Scope = _ALL,
        statuses: tuple[RuntimeStatus, ...] = (),
        limit: int | None = None,
        typed: str = "%wf ps",
        warning: Callable[[], str] = str,
    ) -> None:
        listed = listing(source, scope, statuses, limit=_PAGE if limit is None else limit)
        is_narrow = bool(statuses) or limit is not None or scope != _ALL
        super().__init__(
            HEADING,
            [fields(row) for row in listed.rows],
            empty="no such runs: type %wf ps for all"
            if is_narrow
            else "no runs: type %wf run NAME(…) to start one",
            note=" · ".join(filter(None, (warning(), _rest(listed, typed)))),
        )
        self.source, self.scope, self.statuses, self.limit = source, scope, statuses, limit
        self._typed, self._warning = typed, warning
        self.html = html_instances(listed, empty=self.empty, note=self.note)
        self.live: Callable[[], Any] | None = None
        self._is_apart = False

    def again(self) -> RunTable:
        """The table as it is now.

        Raises:
            NbflowError: The runs can't be read.
        """
        return RunTable(
            self.source,
            scope=self.scope,
            statuses=self.statuses,
            limit=self.limit,
            typed=self._typed,
            warning=self._warning,
        )

    def _repr_html_(self) -> str | None:
        return None if self._is_apart else self.html

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        bundle: Any = {} if self.live is None else self.live()
        self._is_apart = bool(bundle)  # then the table stands beside it, in an output of its own
        return bundle


def ps(session: NbFlow, request: Request) -> RunTable:
    """The runs, newest first, and what they wait for.

    Raises:
        CommandError: It doesn't say which; or the page before isn't there any more.
    """
    words, values = parse_options(
        request.line, COMMANDS["ps"].options, command="%wf ps", evaluate=session.evaluate
    )
    if words:
        raise CommandError(
            f"%wf ps lists all runs, {words[0]!r} says nothing to it: type %wf show {words[0]}"
        )
    status, after = values.text("status"), values.text("after")
    place = shorten(session.path)
    return RunTable(
        RuntimeInstances(session.runtime, closed=lambda: f"`%wf db {place}` opens it again"),
        scope=Scope(
            name=values.text("name"), after=None if after is None else find_run(session, after).instance_id
        ),
        statuses=() if status is None else (RuntimeStatus(status),),
        limit=values.count("limit"),
        typed=_typed(values),
        warning=lambda: _warning(session),
    )


def _warning(session: NbFlow) -> str:
    if not session.is_open or session.runtime.is_trusted:
        return caveat(session.runtime.durability) if session.is_open else ""
    return "this history is not trusted, and nothing of it runs: %wf trust"


def _rest(listed: Listing, typed: str) -> str:
    """How to get at the runs below."""
    return f"{listed.more} more: {typed} --after {listed.rows[-1].instance_id}" if listed.more else ""


def _typed(values: Values) -> str:
    """The command for the next page, but for where it begins."""
    given = [f" --{name} {text}" for name in ("status", "name") if (text := values.text(name)) is not None]
    limit = values.count("limit")
    given += [] if limit is None else [f" --limit {limit}"]
    return f"%wf ps{''.join(given)}"
