"""Loading nbflow into a notebook, and taking it out again.

What is loaded lives on the shell, as one of its configurables; there are no
globals, and `unload` undoes every step of `load`.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, cast

from IPython.core import completer

from nbflow.errors import NbflowError, StoreError, WorkflowFailedError
from nbflow.jupyter.cards import Cards
from nbflow.jupyter.complaints import show_as
from nbflow.jupyter.dashboards import Dashboards
from nbflow.jupyter.greeting import greeting, trouble
from nbflow.jupyter.magics import NAMES, WorkflowMagics
from nbflow.jupyter.session import NbFlow, session_of
from nbflow.jupyter.shell import Shell, current_shell
from nbflow.jupyter.showing import say
from nbflow.jupyter.tracebacks import failure_lines
from nbflow.runtime import WorkflowClient, WorkflowHandle, WorkflowRuntime

_PACKAGE: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def load(shell: Shell) -> None:
    """Bring the magics, open the history, and say which runs wait.

    A history that can't be opened is no error here: the magics are there, and ``%wf db`` tries again.
    """
    if session_of(shell) is not None:
        return
    session = NbFlow(shell)
    cards = Cards(session)
    dashboards = Dashboards(session)
    magics = WorkflowMagics(session, cards, dashboards)
    shell.configurables.append(session)
    session.undo.callback(shell.configurables.remove, session)
    _bring_magics(session, magics)
    _bring_display(session, cards, dashboards)
    _bring_completion(session)
    _bring_tracebacks(session)
    _follow_cells(session, magics)
    _follow_runs(session, cards, dashboards)
    atexit.register(session.close)
    session.undo.callback(atexit.unregister, session.close)
    session.undo.callback(session.let_go)
    session.undo.callback(session.close)
    session.undo.callback(cards.close)
    try:
        session.open()
    except StoreError:
        say(trouble(session))
    else:
        magics.adopt_new()
        say(greeting(session))


def unload(shell: Shell) -> None:
    """Close the history and take everything back that `load` brought."""
    session = session_of(shell)
    if session is not None:
        session.undo.close()


def client() -> WorkflowClient:
    """The client of the running notebook's runtime.

    Raises:
        NbflowError: This is no notebook, nbflow isn't loaded in it, or no history is open.
    """
    session = session_of(current_shell())
    if session is None:
        raise NbflowError("nbflow is not loaded in this notebook: run %load_ext nbflow")
    for definition in session.find_new():
        session.adopt(definition)
    return session.client


def _bring_magics(session: NbFlow, magics: WorkflowMagics) -> None:
    shell = session.shell
    shell.register_magics(magics)

    def remove() -> None:
        shell.configurables.remove(magics)
        shell.magics_manager.registry.pop(type(magics).__name__, None)
        for kind, names in NAMES.items():
            for name in names:
                shell.magics_manager.magics[kind].pop(name, None)

    session.undo.callback(remove)


def _bring_display(session: NbFlow, cards: Cards, dashboards: Dashboards) -> None:
    formatter = session.shell.display_formatter.ipython_display_formatter
    formatter.for_type(WorkflowHandle, cards.show_unless_shown)
    session.undo.callback(formatter.pop, WorkflowHandle, None)
    bundles = session.shell.display_formatter.mimebundle_formatter
    bundles.for_type(WorkflowRuntime, dashboards.of_runtime)
    session.undo.callback(bundles.pop, WorkflowRuntime, None)


def _bring_completion(session: NbFlow) -> None:
    matchers = session.shell.Completer.custom_matchers

    def nbflow_matcher(context: Any) -> Any:
        from nbflow.jupyter.completion import Completions  # with all commands

        return Completions(session).matches(context)

    matcher = cast("Any", completer).context_matcher()(nbflow_matcher)
    matchers.append(matcher)
    session.undo.callback(matchers.remove, matcher)


def _follow_cells(session: NbFlow, magics: WorkflowMagics) -> None:
    """Find what decorators in ordinary cells define, and hear of ``%config NbFlow.db``."""

    def after_cell(_result: Any) -> None:
        _tell(magics.adopt_new)

    def switch() -> None:
        def carry_out() -> None:
            session.open()
            say(greeting(session))

        _tell(carry_out)

    session.shell.events.register("post_run_cell", after_cell)
    session.undo.callback(session.shell.events.unregister, "post_run_cell", after_cell)
    session.on_configured(switch)


def _follow_runs(session: NbFlow, cards: Cards, dashboards: Dashboards) -> None:
    """Keep what is saved with the notebook up to date where a program runs it."""
    events = session.shell.events

    def before_cell(_info: Any) -> None:
        _tell(cards.before_cell)

    def after_cell(_result: Any) -> None:
        _tell(cards.after_cell)
        _tell(dashboards.after_cell)

    for event, call in (("pre_run_cell", before_cell), ("post_run_cell", after_cell)):
        events.register(event, call)
        session.undo.callback(events.unregister, event, call)


def _tell(step: Callable[[], object]) -> None:
    """Do something that no line of the cell asked for; an error of ours is said, and stops nothing."""
    try:
        step()
    except NbflowError as error:
        say(f"nbflow: {error}")


def _bring_tracebacks(session: NbFlow) -> None:
    """Show our errors without our frames, and a failed run as its author's code."""
    shell = session.shell
    others, other_handler = shell.custom_exceptions, shell.CustomTB

    def label(file: str) -> str | None:
        cell = shell.compile.format_code_name(file)
        return None if cell is None else " ".join(cell)

    def handle(
        _shell: Shell,
        kind: type[BaseException],
        error: BaseException,
        trace: TracebackType | None,
        tb_offset: int | None = None,
    ) -> Any:
        if isinstance(error, WorkflowFailedError):
            show_as(error, failure_lines(error, label, coloured=shell.colors.lower() != "nocolor"))
        elif not isinstance(error, NbflowError):
            return other_handler(kind, error, trace, tb_offset)
        shell.showtraceback((kind, error, _without_ours(trace)))
        return None

    def put_back() -> None:
        shell.set_custom_exc(others, getattr(other_handler, "__func__", None) if others else None)

    shell.set_custom_exc((*others, NbflowError), handle)
    session.undo.callback(put_back)


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    """A traceback up to the call that led into nbflow."""
    if trace is None or trace.tb_frame.f_code.co_filename.startswith(_PACKAGE):
        return None
    return TracebackType(_without_ours(trace.tb_next), trace.tb_frame, trace.tb_lasti, trace.tb_lineno)
