"""What IPython calls: ``%%activity``, ``%%workflow``, ``%wf`` and ``%workflow``. Parse, call, show.

What cells and commands need is imported with the first of them, so that ``%load_ext nbflow`` is quick.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from IPython.core.magic import Magics, cell_magic, line_cell_magic, magics_class, no_var_expand

from nbflow.definitions import Definition, WorkflowDefinition
from nbflow.jupyter.cards import Cards
from nbflow.jupyter.complaints import CommandError, in_one_line
from nbflow.jupyter.dashboards import Dashboards
from nbflow.jupyter.session import NbFlow
from nbflow.jupyter.showing import say, show
from nbflow.runtime import WorkflowHandle

if TYPE_CHECKING:
    from nbflow.jupyter.actions import Request
    from nbflow.jupyter.headers import CellKind

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
        from nbflow.jupyter.defining import adopt_option, define_cell

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
            from nbflow.jupyter import linting

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
            from nbflow.jupyter import gate

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
        from nbflow.jupyter.actions import read_request
        from nbflow.jupyter.commands import find_command
        from nbflow.jupyter.handlers import handler_of

        command, rest = find_command(line)
        if cell is not None and command.name not in _CELLS:
            raise CommandError(f"%%wf {command.name} takes no cell: type %wf {line.strip()}, with one % sign")
        self.adopt_new()
        request = read_request(command.name, rest, cell)
        result = handler_of(command.name)(self._session, request)
        if command.name in ("skip", "trust"):
            self._cards.look_again()
            self._dashboards.look_again()
        return self._shown(result, request)

    def _shown(self, result: Any, request: Request) -> Any:
        """Show what a command gave: a card at once, a line as it is; the rest is the cell's own result."""
        from nbflow.jupyter.looking import Opened

        match result:
            case None:
                return None
            case str():
                if not request.is_silent:
                    say(result)
                return None
            case WorkflowHandle() if request.is_silent:
                self._cards.silence(result)
                return result
            case WorkflowHandle():
                self._cards.show(result)
                return result
            case Opened() if request.is_silent:
                self._cards.silence(result.handle)
                return result.handle
            case Opened():
                self._cards.show(result.handle, view=result.view, seq=result.seq)
                return result.handle
            case _ if request.is_silent:
                return None
            case _:
                return self._enlivened(result)

    def _enlivened(self, result: Any) -> Any:
        """What is the cell's own result, live if it is a table of runs."""
        from nbflow.jupyter.listing import RunTable

        if isinstance(result, RunTable):
            self._dashboards.enliven(result)
        return result
