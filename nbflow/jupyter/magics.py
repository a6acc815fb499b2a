"""What IPython calls: ``%%activity``, ``%%workflow``, ``%wf`` and ``%workflow``. Parse, call, show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from IPython.core.magic import Magics, cell_magic, line_cell_magic, magics_class, no_var_expand

from nbflow.definitions import Definition, WorkflowDefinition
from nbflow.jupyter import (
    actions,
    gate,
    going_back,
    linting,
    listing,
    looking,
    places,
    purging,
    reports,
    skipping,
    starting,
    torturing,
    trusting,
    versions,
)
from nbflow.jupyter.actions import Request, read_request
from nbflow.jupyter.cards import Cards
from nbflow.jupyter.commands import find_command
from nbflow.jupyter.complaints import CommandError, in_one_line
from nbflow.jupyter.dashboards import Dashboards
from nbflow.jupyter.defining import adopt_option, define_cell
from nbflow.jupyter.exporting import export_from
from nbflow.jupyter.headers import CellKind
from nbflow.jupyter.looking import Opened
from nbflow.jupyter.session import NbFlow
from nbflow.jupyter.showing import say, show
from nbflow.jupyter.sql import sql
from nbflow.runtime import WorkflowHandle

NAMES: Final = {"line": ("wf", "workflow"), "cell": ("activity", "workflow", "wf")}
"""The magics, by kind."""

_CELLS: Final = ("run", "raise", "fork", "sql")


@magics_class
class WorkflowMagics(Magics):
    """The magics of one notebook.

    Args:
        session: The notebook's nbflow.
        cards: Its cards.
        dashboards: Its dashboards.
    """

    def __init__(self, session: NbFlow, cards: Cards, dashboards: Dashboards) -> None:
        super().__init__(cast("Any", session.shell))
        self._session = session
        self._cards = cards
        self._dashboards = dashboards

    @cell_magic
    @no_var_expand
    @in_one_line
    def activity(self, line: str, cell: str) -> None:
        """Make activities: ``%%activity NAME(PARAMETERS) -> TYPE`` over a body, or alone over plain code."""
        __tracebackhide__ = True
        self._define("activity", line, cell)

    @line_cell_magic
    @no_var_expand
    @in_one_line
    def workflow(self, line: str, cell: str | None = None) -> Any:
        """Make workflows: ``%%workflow NAME(PARAMETERS) -> TYPE`` over a body, or alone over plain code."""
        __tracebackhide__ = True
        if cell is None:
            return self._command(line, None)
        return self._define("workflow", line, cell)

    @line_cell_magic
    @no_var_expand
    @in_one_line
    def wf(self, line: str, cell: str | None = None) -> Any:
        """Start, watch and steer runs: ``%wf help`` lists the commands."""
        __tracebackhide__ = True
        return self._command(line, cell)

    def _define(self, kind: CellKind, line: str, cell: str) -> None:
        __tracebackhide__ = True
        self.adopt_new()
        session = self._session
        which = adopt_option(line, kind, session.evaluate)
        for definition in define_cell(session.shell, kind, line, cell, session.evaluate, session.look_at):
            self.adopt(definition, which)

    def adopt(self, definition: Definition, which: str | None = None, through: Sequence[str] = ()) -> None:
        """Make code known, and say what is new about it, what it comes to for runs in flight, and what the lint finds.

        Args:
            definition: The code.
            which: Which runs in flight change over to it: ``none``, ``fitting`` or ``all``.
            through: The names through which it has changed, where its own text has not.
        """
        session = self._session
        waited = session.without_code() if session.is_open else set[str]()
        before = session.code.newest_hash(definition.kind, definition.name)
        news = [*([f"through {', '.join(through)}"] if through else []), session.adopt(definition)]
        if waited:
            news += [f"{run} goes on" for run in sorted(waited - session.without_code())]
        lines = [f"{definition.kind} {definition.signature} · {' · '.join(news)}"]
        if isinstance(definition, WorkflowDefinition):
            lines += linting.lines_below(session, definition)
        say("\n".join(lines))
        if isinstance(definition, WorkflowDefinition) and (
            before not in (None, definition.code_hash) or which
        ):
            self._pass_gate(definition, which or "none")

    def _pass_gate(self, definition: WorkflowDefinition[Any, Any], which: str) -> None:
        """Show what changed code comes to for the runs in flight, and have those change over that are to."""
        session = self._session
        if not session.is_open:
            return
        report = session.runtime.code.gate(definition.name)
        if report.verdicts:
            done, refused = gate.adopt(session, report, which)
            show(gate.gate_table(report, done))
            for instance_id, why in refused.items():
                say(f"{instance_id} did not change over: {why}")

    def adopt_new(self) -> None:
        """Make code known that decorators in other cells, and imports, have defined."""
        for definition in self._session.find_new():
            if definition.__module__ == "__main__":
                self.adopt(definition)
            else:
                self._session.adopt(definition)
        self._adopt_changed()

    def _adopt_changed(self) -> None:
        """Make known what workflows have become by what other cells have changed of what they use."""
        for definition, names in self._session.outdated():
            self.adopt(definition, through=names)
        for text in self._session.take_complaints():
            say(f"{text}. Until then it goes on as it was")
        for run in self._session.complete():
            say(f"{run} goes on")

    def _command(self, line: str, cell: str | None) -> Any:
        __tracebackhide__ = True
        command, rest = find_command(line)
        if cell is not None and command.name not in _CELLS:
            raise CommandError(f"%%wf {command.name} takes no cell: type %wf {line.strip()}, with one % sign")
        self.adopt_new()
        request = read_request(command.name, rest, cell)
        result = _HANDLERS[command.name](self._session, request)
        if command.name in ("skip", "trust"):
            self._cards.look_again()
            self._dashboards.look_again()
        return self._shown(result, request)

    def _shown(self, result: Any, request: Request) -> Any:
        """Show what a command gave: a card at once, a line as it is; the rest is the cell's own result."""
        match result:
            case str() if not request.is_silent:
                say(result)
            case str():
                pass
            case listing.RunTable() if not request.is_silent:
                self._dashboards.enliven(result)
                return result
            case WorkflowHandle():
                if request.is_silent:
                    self._cards.silence(result)
                else:
                    self._cards.show(result)
                return result
            case Opened():
                if request.is_silent:
                    self._cards.silence(result.handle)
                    return result.handle
                self._cards.show(result.handle, view=result.view, seq=result.seq)
                return result.handle
            case _:
                return None if request.is_silent else result
        return None


_HANDLERS: Final[Mapping[str, Callable[[NbFlow, Request], Any]]] = {
    "run": starting.run,
    "raise": actions.raise_event,
    "suspend": actions.suspend,
    "resume": actions.resume,
    "restart": actions.restart,
    "rewind": going_back.rewind,
    "fork": going_back.fork,
    "compare": going_back.compare,
    "terminate": actions.terminate,
    "purge": purging.purge,
    "ps": listing.ps,
    "show": looking.show,
    "replay": looking.replay,
    "export": export_from,
    "wait": reports.wait,
    "history": reports.history,
    "lint": linting.lint,
    "sql": sql,
    "db": places.db,
    "torture": torturing.torture,
    "trust": trusting.trust,
    "versions": versions.versions,
    "adopt": versions.adopt_version,
    "skip": skipping.skip,
    "help": reports.help_on,
}
